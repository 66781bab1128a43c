//! Returns: announced, changed, cancelled.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Body, Extra, Spoken, comments, put, source_id};
use crate::record::draft::{CancelReturn, CreateReturn, Ref, ReturnLineItemDraft, UpdateReturn};

/// Fields of a return that only the sandbox knows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ReturnFields")]
#[expect(dead_code, reason = "it is there to be described and checked against")]
struct Fields {
    /// Whether the customer wants the money back.
    refund_requested: Option<bool>,
}

impl Spoken for CreateReturn {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        // It needs an order, or lines and a warehouse.
        "orderId",
        "warehouseCustomerId",
        "warehouseId",
        "trackingNumbers",
        "notes",
        "lineItems.inventoryItemId",
        "lineItems.sku",
        "lineItems.expectedQuantity",
        "lineItems.reason",
    ];

    fn extra() -> Option<Extra> {
        Some(Extra::of::<Fields>())
    }

    fn body(&self) -> Body {
        let returned = &self.returned;
        let mut body = Body::default();
        body.put("order_id", source_id(returned.order_id.as_ref()));
        body.put("client_id", source_id(returned.warehouse_customer_id.as_ref()));
        body.put("warehouse_id", source_id(returned.warehouse_id.as_ref()));
        body.put("trackings", returned.tracking_numbers.clone());
        body.put("comments", returned.notes.as_deref().map(comments));
        body.put("items", returned.line_items.as_deref().map(items));
        body
    }
}

impl Spoken for UpdateReturn {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] =
        &["warehouseId", "trackingNumbers", "notes", "lineItems.inventoryItemId", "lineItems.sku", "lineItems.expectedQuantity", "lineItems.reason"];

    fn extra() -> Option<Extra> {
        Some(Extra::of::<Fields>())
    }

    fn body(&self) -> Body {
        let returned = &self.returned;
        let mut body = Body::default();
        body.patch("warehouse_id", &returned.warehouse_id, Ref::source_id);
        body.patch("trackings", &returned.tracking_numbers, Clone::clone);
        body.patch("comments", &returned.notes, |notes| comments(notes));
        body.patch("items", &returned.line_items, |lines| items(lines));
        body
    }
}

impl Spoken for CancelReturn {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["reason"];
    const VERB: Option<&'static str> = Some("cancel");

    fn body(&self) -> Body {
        let mut body = Body::default();
        body.put("reason", self.reason.as_deref());
        body
    }
}

fn items(lines: &[ReturnLineItemDraft]) -> Value {
    let item = |line: &ReturnLineItemDraft| {
        let mut fields = Map::new();
        put(&mut fields, "inventory_id", source_id(line.inventory_item_id.as_ref()));
        put(&mut fields, "sku", line.sku.as_deref());
        put(&mut fields, "expected", Some(json!(line.expected_quantity)));
        put(&mut fields, "reason", line.reason.as_deref());
        Value::from(fields)
    };
    lines.iter().map(item).collect()
}
