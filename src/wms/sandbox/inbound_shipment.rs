//! Inbound shipments: `/v1/asns`.

use serde::Deserialize;
use serde_json::json;

use super::wire::{WireAddress, WireComment, WireNamed};
use super::{Origin, Sandbox};
use crate::record::{InboundLineItem, InboundReceipt, InboundReceiptLineItem, InboundShipment, InboundStatus, Instant, Link, Money, Quantity};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

impl Pull<InboundShipment> for Sandbox {
    const FIELDS: &'static [&'static str] = &[
        "warehouseCustomer",
        "warehouse",
        "purchaseOrderNumber",
        "status",
        "rawStatus",
        "supplier",
        "expectedArrivalAt",
        "shipFrom",
        "trackingNumbers",
        "notes",
        "lineItems",
        "receipts",
        "sourceCreatedAt",
        "sourceUpdatedAt",
        "sourceUrl",
        "additionalFields",
    ];

    async fn pull(&self, scope: &Scope, from: Option<&Checkpoint>) -> Result<Page<InboundShipment>, Error> {
        self.list(scope, from, unified).await
    }
}

#[derive(Deserialize)]
pub(super) struct Wire {
    id: String,
    po_number: Option<String>,
    client_id: Option<String>,
    warehouse_id: Option<String>,
    state: String,
    vendor: Option<WireNamed>,
    eta: Option<Instant>,
    origin: Option<WireAddress>,
    #[serde(default)]
    trackings: Vec<String>,
    #[serde(default)]
    comments: Vec<WireComment>,
    container: Option<String>,
    items: Vec<Item>,
    #[serde(default)]
    bookings: Vec<Booking>,
    created_at: Option<Instant>,
    updated_at: Option<Instant>,
}

#[derive(Deserialize)]
struct Item {
    inventory_id: String,
    sku: Option<String>,
    announced: Quantity,
    booked: Quantity,
    cost: Option<Money>,
    vendor_line: Option<String>,
}

#[derive(Deserialize)]
struct Booking {
    id: String,
    booked_at: Option<Instant>,
    items: Vec<Counted>,
}

#[derive(Deserialize)]
struct Counted {
    inventory_id: String,
    sku: Option<String>,
    qty: Quantity,
}

fn status(raw: &str) -> InboundStatus {
    match raw {
        "announced" => InboundStatus::Open,
        "in_transit" => InboundStatus::InTransit,
        // It stands at the dock, and nothing of it has been counted yet.
        "arrived" | "receiving" => InboundStatus::Receiving,
        "completed" => InboundStatus::Received,
        "cancelled" => InboundStatus::Cancelled,
        _ => InboundStatus::Other,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
pub(super) fn unified(wire: Wire, origin: &Origin) -> Result<InboundShipment, String> {
    let line = |item: Item| InboundLineItem {
        inventory_item: Some(Link::to(item.inventory_id)),
        sku: item.sku,
        expected_quantity: item.announced,
        received_quantity: item.booked,
        unit_cost: item.cost,
        external_id: item.vendor_line,
    };
    let counted = |item: Counted| InboundReceiptLineItem { inventory_item: Some(Link::to(item.inventory_id)), sku: item.sku, quantity: item.qty };
    let receipt = |booking: Booking| InboundReceipt {
        id: booking.id,
        arrived_at: booking.booked_at,
        line_items: booking.items.into_iter().map(counted).collect(),
    };
    Ok(InboundShipment {
        source: origin.source(wire.id, wire.created_at, wire.updated_at, Some(&json!({ "container": wire.container }))),
        warehouse_customer: wire.client_id.map(Link::to),
        warehouse: wire.warehouse_id.map(Link::to),
        purchase_order_number: wire.po_number,
        status: status(&wire.state),
        raw_status: Some(wire.state),
        supplier: wire.vendor.map(WireNamed::supplier),
        expected_arrival_at: wire.eta,
        ship_from: wire.origin.and_then(WireAddress::unified),
        tracking_numbers: wire.trackings.into(),
        notes: wire.comments.into_iter().map(WireComment::note).collect(),
        line_items: wire.items.into_iter().map(line).collect(),
        receipts: wire.bookings.into_iter().map(receipt).collect(),
    })
}
