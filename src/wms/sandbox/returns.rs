//! Returns: `/v1/rmas`.

use serde::Deserialize;
use serde_json::json;

use super::wire::{WireCarrier, WireComment, WireDims, WireWeight, measurements};
use super::{Origin, Sandbox};
use crate::record::{Instant, Link, Money, Quantity, ReceivingDetail, Return, ReturnLineItem, ReturnShipment, ReturnShipmentLineItem, ReturnStatus};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

impl Pull<Return> for Sandbox {
    const FIELDS: &'static [&'static str] = &[
        "warehouseCustomer",
        "order",
        "status",
        "rawStatus",
        "notes",
        "lineItems",
        "shipments",
        "sourceCreatedAt",
        "sourceUpdatedAt",
        "sourceUrl",
        "additionalFields",
    ];

    async fn pull(&self, scope: &Scope, from: Option<&Checkpoint>) -> Result<Page<Return>, Error> {
        self.list(scope, from, unified).await
    }
}

#[derive(Deserialize)]
pub(super) struct Wire {
    id: String,
    order_id: Option<String>,
    client_id: Option<String>,
    state: String,
    refund_requested: Option<bool>,
    #[serde(default)]
    comments: Vec<WireComment>,
    items: Vec<Item>,
    #[serde(default)]
    parcels: Vec<Parcel>,
    created_at: Option<Instant>,
    updated_at: Option<Instant>,
}

#[derive(Deserialize)]
struct Item {
    inventory_id: String,
    sku: Option<String>,
    expected: Quantity,
    received: Quantity,
    restocked: Quantity,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Parcel {
    tracking_number: Option<String>,
    carrier: Option<WireCarrier>,
    sent_at: Option<Instant>,
    arrived_at: Option<Instant>,
    warehouse_id: Option<String>,
    cost: Option<Money>,
    dims: Option<WireDims>,
    weight: Option<WireWeight>,
    contents: Vec<Content>,
}

#[derive(Deserialize)]
struct Content {
    inventory_id: String,
    sku: Option<String>,
    qty: Quantity,
    #[serde(default)]
    inspections: Vec<Inspection>,
}

#[derive(Deserialize)]
struct Inspection {
    qty: Quantity,
    condition: Option<String>,
    disposition: Option<String>,
}

fn status(raw: &str) -> ReturnStatus {
    match raw {
        "requested" => ReturnStatus::Open,
        "shipped_back" => ReturnStatus::InTransit,
        "inspecting" => ReturnStatus::Receiving,
        "closed" => ReturnStatus::Received,
        "void" => ReturnStatus::Cancelled,
        _ => ReturnStatus::Other,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
pub(super) fn unified(wire: Wire, origin: &Origin) -> Result<Return, String> {
    let line = |item: Item| ReturnLineItem {
        inventory_item: Some(Link::to(item.inventory_id)),
        sku: item.sku,
        expected_quantity: item.expected,
        received_quantity: item.received,
        restocked_quantity: item.restocked,
        reason: item.reason,
    };
    Ok(Return {
        source: origin.source(wire.id, wire.created_at, wire.updated_at, Some(&json!({ "refund_requested": wire.refund_requested }))),
        warehouse_customer: wire.client_id.map(Link::to),
        order: wire.order_id.map(Link::to),
        status: status(&wire.state),
        raw_status: Some(wire.state),
        notes: wire.comments.into_iter().map(WireComment::note).collect(),
        line_items: wire.items.into_iter().map(line).collect(),
        shipments: wire.parcels.into_iter().map(parcel).collect(),
    })
}

fn parcel(wire: Parcel) -> ReturnShipment {
    let detail = |found: Inspection| ReceivingDetail { quantity: found.qty, condition: found.condition, disposition: found.disposition };
    let line = |content: Content| ReturnShipmentLineItem {
        inventory_item: Some(Link::to(content.inventory_id)),
        sku: content.sku,
        quantity: content.qty,
        receiving_details: content.inspections.into_iter().map(detail).collect(),
    };
    ReturnShipment {
        tracking_number: wire.tracking_number,
        carrier: wire.carrier.map(WireCarrier::unified),
        shipped_at: wire.sent_at,
        arrived_at: wire.arrived_at,
        warehouse: wire.warehouse_id.map(Link::to),
        shipping_cost: wire.cost,
        measurements: measurements(wire.dims, wire.weight),
        line_items: wire.contents.into_iter().map(line).collect(),
    }
}
