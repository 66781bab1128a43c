//! Warehouse locations: `stock.location` of the type `storage`, archived ones included. Zones of the type `view` hold nothing.
//!
//! Which warehouse a location is in follows from the places above it; one that was moved to another warehouse need not have
//! changed itself, so parents count as well.

use serde_json::{Value, json};

use super::Tryton;
use super::client::Listing;
use super::place::Places;
use super::rows::{LocationRow, Row, at, link};
use crate::record::{Json, Source, WarehouseLocation};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["type", "=", "storage"]), json!(["active", "in", [true, false]])],
    changed: &["", "parent", "parent.parent", "parent.parent.parent", "parent.parent.parent.parent", "parent.parent.parent.parent.parent"],
    page: 500,
    windowed: false,
};

impl Pull<WarehouseLocation> for Tryton {
    const FIELDS: &'static [&'static str] = &["name", "warehouse", "type"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<WarehouseLocation>, Error> {
        let rows = self.list::<LocationRow>(&LISTING, scope, checkpoint).await?;
        let places = self.places(&rows.ids()).await?;
        Ok(rows.page(|row| map(self, row, &places)))
    }
}

fn map(tryton: &Tryton, raw: &Value, places: &Places) -> Result<WarehouseLocation, String> {
    let row = LocationRow::of(raw)?;
    let additional = json!({ "active": row.active, "code": row.code, "parentId": row.parent.map(|parent| parent.to_string()) });
    Ok(WarehouseLocation {
        source: Source {
            additional_fields: Some(Json::of(&additional)),
            ..tryton.source::<LocationRow>(row.id, at(row.create_date), at(row.write_date), raw)
        },
        name: row.name,
        warehouse: link(places.warehouse(row.id)),
        location_type: row.r#type,
        measurements: None,
    })
}
