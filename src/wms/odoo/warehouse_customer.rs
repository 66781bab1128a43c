//! Warehouse customers: the partners that own stock now, or owned what a transfer has moved.
//!
//! Odoo has no list of them: an owner is a mark on stock (`owner_id`). They are few, so every listing shows them all:
//! somebody who has just begun to own something need not have changed as a partner. What transfers have moved counts
//! too, or a customer would vanish on the day that the shelves are empty.

use serde_json::{Value, json};

use super::Odoo;
use super::client::Listing;
use super::rows::{PartnerRow, Row, at};
use crate::record::{Json, Source, WarehouseCustomer};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing { domain: Vec::new, changed: &[], page: 500, windowed: false };

impl Pull<WarehouseCustomer> for Odoo {
    const FIELDS: &'static [&'static str] = &["name", "email"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<WarehouseCustomer>, Error> {
        let owners = self.owners(None).await?;
        let rows = self.list_where::<PartnerRow>(&LISTING, vec![json!(["id", "in", owners])], scope, checkpoint).await?;
        Ok(rows.page(|row| map(self, row)))
    }
}

fn map(odoo: &Odoo, raw: &Value) -> Result<WarehouseCustomer, String> {
    let row = PartnerRow::of(raw)?;
    let additional = json!({ "active": row.active, "ref": row.r#ref, "phone": row.phone });
    Ok(WarehouseCustomer {
        source: Source {
            additional_fields: Some(Json::of(&additional)),
            ..odoo.source::<PartnerRow>(row.id, at(row.create_date), at(row.write_date), raw)
        },
        name: row.name.ok_or("The partner has no name")?,
        email: row.email,
    })
}
