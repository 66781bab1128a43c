//! Shipping methods: `carrier` (module Carrier), archived ones included: a company that carries, with the product that is charged for it.

use serde_json::{Value, json};

use super::Tryton;
use super::client::Listing;
use super::party::carrier;
use super::rows::{CarrierRow, Row, at};
use crate::record::{Json, ShippingMethod, Source};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["active", "in", [true, false]])],
    // The name is made of theirs.
    changed: &["", "party", "carrier_product", "carrier_product.template"],
    page: 500,
    windowed: false,
};

impl Pull<ShippingMethod> for Tryton {
    const FIELDS: &'static [&'static str] = &["name", "carrier"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<ShippingMethod>, Error> {
        let rows = self.list::<CarrierRow>(&LISTING, scope, checkpoint).await?;
        Ok(rows.page(|row| map(self, row)))
    }
}

fn map(tryton: &Tryton, raw: &Value) -> Result<ShippingMethod, String> {
    let row = CarrierRow::of(raw)?;
    let additional = json!({
        "active": row.active, "productId": row.carrier_product.as_ref().map(|product| product.id.to_string()),
        "productCode": row.carrier_product.as_ref().and_then(|product| product.code.as_deref()),
    });
    Ok(ShippingMethod {
        source: Source {
            additional_fields: Some(Json::of(&additional)),
            ..tryton.source::<CarrierRow>(row.id, at(row.create_date), at(row.write_date), raw)
        },
        name: row.rec_name.ok_or("The carrier has no name")?,
        carrier: carrier(row.party.as_ref()),
    })
}
