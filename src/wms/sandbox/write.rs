//! Writes: `POST /v1/orders` and `PATCH /v1/products/{id}`.
//!
//! The write's reference goes out as the idempotency key, which the sandbox remembers for ever: the same command under
//! the same reference answers with the order that it made the first time.

use crate::record::draft::MaybeUndefined;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Origin, Sandbox, order, product, record};
use crate::record::draft::{CreateOrder, OrderLineItemDraft, ProductPatch, Ref, UpdateProduct};
use crate::record::{Json, OrderType};
use crate::wms::http::Reply;
use crate::wms::{Error, Kind, Push, Written};

impl Push<CreateOrder> for Sandbox {
    const REQUIRED: &'static [&'static str] = &["shipTo.fullName", "shipTo.address1", "shipTo.city", "shipTo.country", "lineItems.quantity"];
    const OPTIONAL: &'static [&'static str] = &[
        "orderNumber",
        "referenceId",
        "warehouseCustomerId",
        "warehouseId",
        "shippingMethodId",
        "type",
        "shipTo.company",
        "shipTo.address2",
        "shipTo.state",
        "shipTo.postalCode",
        "shipTo.phoneNumber",
        "shipTo.emailAddress",
        "requiredShipDate",
        "currencyCode",
        // One of these two must be there, it does not matter which.
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.unitPrice",
    ];

    async fn push(&self, command: &CreateOrder, reference: &str) -> Result<Written<crate::record::Order>, Error> {
        let (fields, unused_fields) = order_body(command);
        let body = with_integration_fields(fields, command.integration_fields.as_ref())?;
        let reply = self.send(self.site.post("/v1/orders").header("idempotency-key", reference).json(&body)).await?;
        Ok(Written { record: self.written("orders", &reply, order::unified)?, unused_fields })
    }
}

impl Push<UpdateProduct> for Sandbox {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["sku", "name", "gtin", "unitPrice", "active", "countryOfOrigin", "harmonizedCode"];

    async fn push(&self, command: &UpdateProduct, _reference: &str) -> Result<Written<crate::record::Product>, Error> {
        let body = with_integration_fields(product_body(&command.product), command.integration_fields.as_ref())?;
        let id = segment(command.id.source_id())?;
        // Setting the same values twice is setting them once, so the reference has no work to do here.
        let reply = self.send(self.site.patch(&format!("/v1/products/{id}")).json(&body)).await?;
        Ok(Written { record: self.written("products", &reply, product::unified)?, unused_fields: Vec::new() })
    }
}

impl Sandbox {
    /// The record in the answer to a write. One that makes no sense leaves open what was done.
    fn written<W, T>(&self, resource: &str, reply: &Reply, map: fn(W, &super::Origin) -> Result<T, String>) -> Result<T, Error>
    where
        W: serde::de::DeserializeOwned,
    {
        let row: Box<RawValue> = reply.json()?;
        record(&Origin { base: self.site.base(), resource, raw: row.get() }, map).map_err(|reject| reply.misfit(&reject.reason))
    }
}

/// A source id as one segment of an address. The sandbox gives out no others.
fn segment(id: &str) -> Result<&str, Error> {
    let is_plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_plain { Ok(id) } else { Err(Error::new(Kind::NotFound, format!("{id:?} is no identifier of the sandbox"))) }
}

/// Puts `value` in under `name`, if there is one.
fn put(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

/// The order in the sandbox's words, and the input fields that it has no place for.
fn order_body(command: &CreateOrder) -> (Map<String, Value>, Vec<String>) {
    let order = &command.order;
    let mut unused = Vec::new();
    let mut body = Map::new();
    put(&mut body, "number", order.order_number.as_deref());
    put(&mut body, "reference", order.reference_id.as_deref());
    put(&mut body, "client_id", order.warehouse_customer_id.as_ref().map(Ref::source_id));
    put(&mut body, "warehouse_id", order.warehouse_id.as_ref().map(Ref::source_id));
    put(&mut body, "shipping_method_id", order.shipping_method_id.as_ref().map(Ref::source_id));
    let kind = order.order_type.map(|order_type| match order_type {
        OrderType::D2c => "d2c",
        OrderType::B2b => "wholesale",
        OrderType::Dropship => "dropship",
        OrderType::Transfer => "transfer",
    });
    put(&mut body, "kind", kind);
    put(&mut body, "ship_by", order.required_ship_date.map(|at| at.to_string()));
    put(&mut body, "currency", order.currency_code.as_deref());
    if let Some(to) = &order.ship_to {
        let parts = [
            ("name", &to.full_name),
            ("company", &to.company),
            ("address1", &to.address1),
            ("address2", &to.address2),
            ("city", &to.city),
            ("region", &to.state),
            ("zip", &to.postal_code),
            ("country", &to.country),
            ("phone", &to.phone_number),
            ("email", &to.email_address),
        ];
        let address: Map<String, Value> = parts.into_iter().map(|(name, value)| (name.to_owned(), value.clone().into())).collect();
        body.insert("ship_to".to_owned(), address.into());
        if to.address3.is_some() {
            unused.push("shipTo.address3".to_owned());
        }
    }
    let line = |line: &OrderLineItemDraft| {
        let mut fields = Map::new();
        put(&mut fields, "product_id", line.product_id.as_ref().map(Ref::source_id));
        put(&mut fields, "sku", line.sku.as_deref());
        fields.insert("qty".to_owned(), json!(line.quantity));
        put(&mut fields, "unit_price", line.unit_price.map(|price| price.to_string()));
        Value::from(fields)
    };
    body.insert("lines".to_owned(), order.line_items.iter().map(line).collect());
    (body, unused)
}

/// The change in the sandbox's words: what is absent stays absent, null stays null.
fn product_body(patch: &ProductPatch) -> Map<String, Value> {
    let mut body = Map::new();
    let mut text = |name: &str, value: &MaybeUndefined<String>| put(&mut body, name, value.as_opt_deref().map(|value| value.map(str::to_owned)));
    text("sku", &patch.sku);
    text("title", &patch.name);
    text("barcode", &patch.gtin);
    text("origin_country", &patch.country_of_origin);
    text("hs_code", &patch.harmonized_code);
    put(&mut body, "price", patch.unit_price.as_opt_ref().map(|price| price.map(ToString::to_string)));
    put(&mut body, "archived", patch.active.as_opt_ref().map(|active| active.map(|active| !active)));
    body
}

/// Adds the fields that only this WMS knows. They must not overrule a field of the unified input.
fn with_integration_fields(mut body: Map<String, Value>, fields: Option<&Json>) -> Result<Map<String, Value>, Error> {
    match fields.map(Json::to_value) {
        None | Some(Value::Null) => Ok(body),
        Some(Value::Object(fields)) => {
            for (name, value) in fields {
                if body.contains_key(&name) {
                    return Err(Error::new(Kind::Validation, format!("The integration field {name:?} is given twice: it has a field of its own")));
                }
                body.insert(name, value);
            }
            Ok(body)
        }
        Some(_) => Err(Error::new(Kind::Validation, "The integration fields of the sandbox are an object, such as {\"tags\": [\"vip\"]}")),
    }
}

/// Where our input has what the sandbox calls `field`: `lines[0].sku` is `lineItems`, `0`, `sku`. `None` for a field
/// that has no place in the unified input.
pub(super) fn input_path(field: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = field.split(['.', '[', ']']).filter(|part| !part.is_empty()).collect();
    let path: Vec<&str> = match parts.as_slice() {
        ["lines"] => vec!["lineItems"],
        ["lines", index] => vec!["lineItems", index],
        ["lines", index, field] => {
            let field = match *field {
                "product_id" => "productId",
                "sku" => "sku",
                "qty" => "quantity",
                "unit_price" => "unitPrice",
                _ => return None,
            };
            vec!["lineItems", index, field]
        }
        ["ship_to"] => vec!["shipTo"],
        ["ship_to", field] => {
            let field = match *field {
                "name" => "fullName",
                "company" => "company",
                "address1" => "address1",
                "address2" => "address2",
                "city" => "city",
                "region" => "state",
                "zip" => "postalCode",
                "country" => "country",
                "phone" => "phoneNumber",
                "email" => "emailAddress",
                _ => return None,
            };
            vec!["shipTo", field]
        }
        [field] => vec![match *field {
            "number" => "orderNumber",
            "reference" => "referenceId",
            "client_id" => "warehouseCustomerId",
            "warehouse_id" => "warehouseId",
            "shipping_method_id" => "shippingMethodId",
            "kind" => "type",
            "ship_by" => "requiredShipDate",
            "currency" => "currencyCode",
            "sku" => "sku",
            "title" => "name",
            "barcode" => "gtin",
            "price" => "unitPrice",
            "archived" => "active",
            "origin_country" => "countryOfOrigin",
            "hs_code" => "harmonizedCode",
            _ => return None,
        }],
        _ => return None,
    };
    Some(path.into_iter().map(str::to_owned).collect())
}
