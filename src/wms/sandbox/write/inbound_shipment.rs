//! Inbound shipments: announced, changed, received.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Body, Extra, Spoken, comments, day, put, source_id};
use crate::record::draft::{CreateInboundShipment, InboundLineItemDraft, ReceiptLineItemDraft, ReceiveInboundShipment, Ref, UpdateInboundShipment};

/// Fields of an inbound shipment that only the sandbox knows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "InboundShipmentFields")]
#[expect(dead_code, reason = "it is there to be described and checked against")]
struct Fields {
    /// The number of the container that it comes in.
    container: Option<String>,
}

impl Spoken for CreateInboundShipment {
    const REQUIRED: &'static [&'static str] = &["warehouseId", "lineItems.expectedQuantity"];
    const OPTIONAL: &'static [&'static str] = &[
        "purchaseOrderNumber",
        "warehouseCustomerId",
        "supplierName",
        "expectedArrivalAt",
        "shipFrom.fullName",
        "shipFrom.company",
        "shipFrom.address1",
        "shipFrom.address2",
        "shipFrom.city",
        "shipFrom.state",
        "shipFrom.postalCode",
        "shipFrom.country",
        "shipFrom.phoneNumber",
        "shipFrom.emailAddress",
        "trackingNumbers",
        "notes",
        // One of these two must be there, it does not matter which.
        "lineItems.inventoryItemId",
        "lineItems.sku",
        "lineItems.unitCost",
        "lineItems.externalId",
    ];

    fn extra() -> Option<Extra> {
        Some(Extra::of::<Fields>())
    }

    fn body(&self) -> Body {
        let inbound = &self.inbound_shipment;
        let mut body = Body::default();
        body.put("po_number", inbound.purchase_order_number.as_deref());
        body.put("client_id", source_id(inbound.warehouse_customer_id.as_ref()));
        body.put("warehouse_id", source_id(inbound.warehouse_id.as_ref()));
        body.put("vendor", inbound.supplier_name.as_deref());
        body.put("eta", inbound.expected_arrival_at.map(|at| at.to_string()));
        if let Some(from) = &inbound.ship_from {
            body.address("origin", "shipFrom", from);
        }
        body.put("trackings", inbound.tracking_numbers.clone());
        body.put("comments", inbound.notes.as_deref().map(comments));
        body.put("items", Some(items(&inbound.line_items)));
        body
    }
}

impl Spoken for UpdateInboundShipment {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "purchaseOrderNumber",
        "warehouseId",
        "supplierName",
        "expectedArrivalAt",
        "trackingNumbers",
        "notes",
        "lineItems.inventoryItemId",
        "lineItems.sku",
        "lineItems.expectedQuantity",
        "lineItems.unitCost",
        "lineItems.externalId",
    ];

    fn extra() -> Option<Extra> {
        Some(Extra::of::<Fields>())
    }

    fn body(&self) -> Body {
        let inbound = &self.inbound_shipment;
        let mut body = Body::default();
        body.patch("po_number", &inbound.purchase_order_number, String::as_str);
        body.patch("warehouse_id", &inbound.warehouse_id, Ref::source_id);
        body.patch("vendor", &inbound.supplier_name, String::as_str);
        body.patch("eta", &inbound.expected_arrival_at, ToString::to_string);
        body.patch("trackings", &inbound.tracking_numbers, Clone::clone);
        body.patch("comments", &inbound.notes, |notes| comments(notes));
        body.patch("items", &inbound.line_items, |lines| items(lines));
        body
    }
}

impl Spoken for ReceiveInboundShipment {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "arrivedAt",
        "closes",
        "lineItems.inventoryItemId",
        "lineItems.sku",
        "lineItems.quantity",
        "lineItems.lotId",
        "lineItems.expiresAt",
        "lineItems.locationId",
    ];
    const VERB: Option<&'static str> = Some("receive");

    fn body(&self) -> Body {
        let receipt = &self.receipt;
        let mut body = Body::default();
        body.put("booked_at", receipt.arrived_at.map(|at| at.to_string()));
        body.put("close", receipt.closes);
        let item = |line: &ReceiptLineItemDraft| {
            let mut fields = Map::new();
            put(&mut fields, "inventory_id", source_id(line.inventory_item_id.as_ref()));
            put(&mut fields, "sku", line.sku.as_deref());
            put(&mut fields, "qty", Some(json!(line.quantity)));
            put(&mut fields, "lot", line.lot_id.as_deref());
            put(&mut fields, "expires_on", line.expires_at.map(day));
            put(&mut fields, "location_id", source_id(line.location_id.as_ref()));
            Value::from(fields)
        };
        body.put("items", receipt.line_items.as_ref().map(|lines| lines.iter().map(item).collect::<Value>()));
        body
    }
}

fn items(lines: &[InboundLineItemDraft]) -> Value {
    let item = |line: &InboundLineItemDraft| {
        let mut fields = Map::new();
        put(&mut fields, "inventory_id", source_id(line.inventory_item_id.as_ref()));
        put(&mut fields, "sku", line.sku.as_deref());
        put(&mut fields, "announced", Some(json!(line.expected_quantity)));
        put(&mut fields, "cost", line.unit_cost.map(|cost| cost.to_string()));
        put(&mut fields, "vendor_line", line.external_id.as_deref());
        Value::from(fields)
    };
    lines.iter().map(item).collect()
}
