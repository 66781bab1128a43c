//! Products and kits: made, changed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Body, Extra, Spoken, put, source_id};
use crate::record::draft::{CreateProduct, MaybeUndefined, ProductComponentDraft, UpdateProduct};

/// Fields of a new product that only the sandbox knows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ProductFields")]
#[expect(dead_code, reason = "it is there to be described and checked against")]
struct NewFields {
    /// How it must be kept.
    storage: Option<String>,
    /// What it is counted in: `pcs`, `kg` or `m`; pieces when left out.
    uom: Option<String>,
    /// Whether each piece belongs to a lot.
    lots: Option<bool>,
}

/// Fields of a product that only the sandbox knows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ProductChangeFields")]
#[expect(dead_code, reason = "it is there to be described and checked against")]
struct ChangedFields {
    /// How it must be kept; null clears it.
    storage: Option<String>,
}

impl Spoken for CreateProduct {
    const REQUIRED: &'static [&'static str] = &["warehouseCustomerId", "name"];
    const OPTIONAL: &'static [&'static str] = &[
        "sku",
        "gtin",
        "unitPrice",
        "countryOfOrigin",
        "harmonizedCode",
        // A kit has no size of its own.
        "measurements.length",
        "measurements.width",
        "measurements.height",
        "measurements.unit",
        "measurements.weight",
        "measurements.weightUnit",
        "components.inventoryItemId",
        "components.sku",
        "components.quantity",
    ];

    fn extra() -> Option<Extra> {
        Some(Extra::of::<NewFields>())
    }

    fn body(&self) -> Body {
        let product = &self.product;
        let mut body = Body::default();
        body.put("client_id", source_id(product.warehouse_customer_id.as_ref()));
        body.put("sku", product.sku.as_deref());
        body.put("title", Some(product.name.as_str()));
        body.put("barcode", product.gtin.as_deref());
        body.put("price", product.unit_price.map(|price| price.to_string()));
        body.put("origin_country", product.country_of_origin.as_deref());
        body.put("hs_code", product.harmonized_code.as_deref());
        if let Some(of) = &product.measurements {
            body.measure(of);
        }
        body.put("components", product.components.as_deref().map(components));
        body
    }
}

impl Spoken for UpdateProduct {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "sku",
        "name",
        "gtin",
        "unitPrice",
        "active",
        "countryOfOrigin",
        "harmonizedCode",
        "measurements.length",
        "measurements.width",
        "measurements.height",
        "measurements.unit",
        "measurements.weight",
        "measurements.weightUnit",
        "components.inventoryItemId",
        "components.sku",
        "components.quantity",
    ];

    fn extra() -> Option<Extra> {
        Some(Extra::of::<ChangedFields>())
    }

    fn body(&self) -> Body {
        let product = &self.product;
        let mut body = Body::default();
        body.patch("sku", &product.sku, String::as_str);
        body.patch("title", &product.name, String::as_str);
        body.patch("barcode", &product.gtin, String::as_str);
        body.patch("price", &product.unit_price, ToString::to_string);
        body.patch("archived", &product.active, |active| !active);
        body.patch("origin_country", &product.country_of_origin, String::as_str);
        body.patch("hs_code", &product.harmonized_code, String::as_str);
        match &product.measurements {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => {
                body.put("dims", Some(Value::Null));
                body.put("weight", Some(Value::Null));
            }
            MaybeUndefined::Value(of) => body.measure(of),
        }
        body.patch("components", &product.components, |parts| components(parts));
        body
    }
}

fn components(parts: &[ProductComponentDraft]) -> Value {
    let component = |part: &ProductComponentDraft| {
        let mut fields = Map::new();
        put(&mut fields, "inventory_id", source_id(part.inventory_item_id.as_ref()));
        put(&mut fields, "sku", part.sku.as_deref());
        put(&mut fields, "qty", Some(json!(part.quantity)));
        Value::from(fields)
    };
    parts.iter().map(component).collect()
}
