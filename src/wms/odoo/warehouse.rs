//! Warehouses: `stock.warehouse`, archived ones included, with the address of their partner.

use serde_json::{Value, json};

use super::Odoo;
use super::client::Listing;
use super::party::Partners;
use super::rows::{Row, WarehouseRow, at, links};
use crate::record::{Json, Source, Warehouse};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing { domain: Vec::new, changed: &["write_date", "partner_id.write_date"], page: 200, windowed: false };

impl Pull<Warehouse> for Odoo {
    const FIELDS: &'static [&'static str] = &["name", "code", "address"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<Warehouse>, Error> {
        let rows = self.list::<WarehouseRow>(&LISTING, scope, checkpoint).await?;
        let partners = self.partners(links(&rows.rows, "partner_id")).await?;
        Ok(rows.page(|row| map(self, row, &partners)))
    }
}

fn map(odoo: &Odoo, raw: &Value, partners: &Partners) -> Result<Warehouse, String> {
    let row = WarehouseRow::of(raw)?;
    let additional = json!({
        "active": row.active, "company": row.company_id.as_ref().and_then(|company| company.name.as_deref()),
        "receptionSteps": row.reception_steps, "deliverySteps": row.delivery_steps,
    });
    let parts = json!({ "warehouse": raw, "partner": partners.raw(row.partner_id.as_ref()) });
    Ok(Warehouse {
        source: Source {
            additional_fields: Some(Json::of(&additional)),
            ..odoo.source::<WarehouseRow>(row.id, at(row.create_date), at(row.write_date), &parts)
        },
        name: row.name.ok_or("The warehouse has no name")?,
        code: row.code,
        address: partners.address(row.partner_id.as_ref())?,
    })
}
