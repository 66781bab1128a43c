//! Warehouse customers: `party.party`, archived ones included.
//!
//! Tryton has one model for everybody and no mark for those whose goods a warehouse keeps: its stock belongs to the company. Every
//! party is shown, since each can be the party of a sale, which is whose order it is.

use serde_json::{Value, json};

use super::Tryton;
use super::client::Listing;
use super::rows::{PartyRow, Row, at};
use crate::record::{Json, Source, WarehouseCustomer};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing =
    Listing { domain: || vec![json!(["active", "in", [true, false]])], changed: &["", "contact_mechanisms"], page: 500, windowed: false };

impl Pull<WarehouseCustomer> for Tryton {
    const FIELDS: &'static [&'static str] = &["name", "email"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<WarehouseCustomer>, Error> {
        let rows = self.list::<PartyRow>(&LISTING, scope, checkpoint).await?;
        Ok(rows.page(|row| map(self, row)))
    }
}

fn map(tryton: &Tryton, raw: &Value) -> Result<WarehouseCustomer, String> {
    let row = PartyRow::of(raw)?;
    let additional = json!({ "active": row.active, "code": row.code, "phone": row.phone });
    Ok(WarehouseCustomer {
        source: Source {
            additional_fields: Some(Json::of(&additional)),
            ..tryton.source::<PartyRow>(row.id, at(row.create_date), at(row.write_date), raw)
        },
        // Tryton lets a party be without a name; people then know it by its code.
        name: row.name.or(row.code).ok_or("The party has neither a name nor a code")?,
        email: row.email,
    })
}
