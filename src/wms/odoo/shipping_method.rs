//! Shipping methods: `delivery.carrier` (module Delivery), archived ones included.

use serde_json::{Value, json};

use super::Odoo;
use super::client::Listing;
use super::rows::{CarrierRow, Row, at};
use super::transfer::carrier;
use crate::record::{Json, ShippingMethod, Source};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing { domain: Vec::new, changed: &["write_date"], page: 500, windowed: false };

impl Pull<ShippingMethod> for Odoo {
    const FIELDS: &'static [&'static str] = &["name", "carrier"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<ShippingMethod>, Error> {
        let rows = self.list::<CarrierRow>(&LISTING, scope, checkpoint).await?;
        Ok(rows.page(|row| map(self, row)))
    }
}

fn map(odoo: &Odoo, raw: &Value) -> Result<ShippingMethod, String> {
    let row = CarrierRow::of(raw)?;
    let additional = json!({ "active": row.active, "deliveryType": row.delivery_type });
    Ok(ShippingMethod {
        source: Source {
            additional_fields: Some(Json::of(&additional)),
            ..odoo.source::<CarrierRow>(row.id, at(row.create_date), at(row.write_date), raw)
        },
        name: row.name.ok_or("The delivery method has no name")?,
        carrier: carrier(row.delivery_type.as_deref()),
    })
}
