//! Warehouses: `stock.location` of the type `warehouse`, archived ones included, with their address.

use serde_json::{Value, json};

use super::Tryton;
use super::client::Listing;
use super::party::address;
use super::rows::{Row, WarehouseRow, at};
use crate::record::{Json, Source, Warehouse};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["type", "=", "warehouse"]), json!(["active", "in", [true, false]])],
    changed: &["", "address", "address.party", "address.party.contact_mechanisms"],
    page: 200,
    windowed: false,
};

impl Pull<Warehouse> for Tryton {
    const FIELDS: &'static [&'static str] = &["name", "code", "address"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<Warehouse>, Error> {
        let rows = self.list::<WarehouseRow>(&LISTING, scope, checkpoint).await?;
        Ok(rows.page(|row| map(self, row)))
    }
}

fn map(tryton: &Tryton, raw: &Value) -> Result<Warehouse, String> {
    let row = WarehouseRow::of(raw)?;
    let additional = json!({ "active": row.active });
    Ok(Warehouse {
        source: Source {
            additional_fields: Some(Json::of(&additional)),
            ..tryton.source::<WarehouseRow>(row.id, at(row.create_date), at(row.write_date), raw)
        },
        name: row.name.ok_or("The warehouse has no name")?,
        code: row.code,
        address: address(row.address),
    })
}
