//! Warehouse locations: `stock.location` of the usages `internal` and `transit`, archived ones included.
//!
//! The name is what stands on the bin (`RTM-A-01-2`); the way to it (`RTM/Stock/Zone A/RTM-A-01-2`) is an additional
//! field. Odoo writes that way anew when a parent is renamed, without touching the location's `write_date`, so parents
//! count as well.

use serde_json::{Value, json};

use super::Odoo;
use super::client::Listing;
use super::rows::{LocationRow, Many2one, Row, at};
use crate::record::{Json, Source, WarehouseLocation};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["usage", "in", ["internal", "transit"]])],
    changed: &[
        "write_date",
        "location_id.write_date",
        "location_id.location_id.write_date",
        "location_id.location_id.location_id.write_date",
        "location_id.location_id.location_id.location_id.write_date",
        "location_id.location_id.location_id.location_id.location_id.write_date",
    ],
    page: 500,
    windowed: false,
};

impl Pull<WarehouseLocation> for Odoo {
    const FIELDS: &'static [&'static str] = &["name", "warehouse", "type"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<WarehouseLocation>, Error> {
        let rows = self.list::<LocationRow>(&LISTING, scope, checkpoint).await?;
        Ok(rows.page(|row| map(self, row)))
    }
}

fn map(odoo: &Odoo, raw: &Value) -> Result<WarehouseLocation, String> {
    let row = LocationRow::of(raw)?;
    let additional = json!({
        "active": row.active, "barcode": row.barcode, "completeName": row.complete_name,
        "parentId": row.location_id.as_ref().map(|parent| parent.id.to_string()),
    });
    Ok(WarehouseLocation {
        source: Source {
            additional_fields: Some(Json::of(&additional)),
            ..odoo.source::<LocationRow>(row.id, at(row.create_date), at(row.write_date), raw)
        },
        name: row.name,
        warehouse: row.warehouse_id.as_ref().map(Many2one::link),
        location_type: row.usage,
        measurements: None,
    })
}
