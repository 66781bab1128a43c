//! Returns: incoming transfers (`stock.picking`) that bring back what another transfer delivered (`return_id`).
//!
//! Goods sent back to a supplier are returns of receipts, and outgoing; they are not goods that come back, and not here.
//! Odoo notes neither why goods come back nor what an inspection found.

use serde_json::{Value, json};

use super::Odoo;
use super::client::{Listing, Rows, id_of};
use super::rows::{MoveLineRow, MoveRow, PickingRow, Row, at, linked, links, money};
use super::transfer::{Moved, carrier, done, expected, latest, owner, plain_text};
use crate::record::{Json, Link, List, Money, Order, Quantity, Return, ReturnLineItem, ReturnShipment, ReturnShipmentLineItem, ReturnStatus, Source};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["picking_type_code", "=", "incoming"]), json!(["return_id", "!=", false])],
    changed: &["write_date", "move_ids.write_date", "move_line_ids.write_date"],
    page: 200,
    windowed: true,
};

impl Pull<Return> for Odoo {
    const FIELDS: &'static [&'static str] = &[
        "warehouseCustomer",
        "order",
        "status",
        "rawStatus",
        "notes",
        "lineItems.inventoryItem",
        "lineItems.sku",
        "lineItems.expectedQuantity",
        "lineItems.receivedQuantity",
        "lineItems.restockedQuantity",
        "shipments.trackingNumber",
        "shipments.carrier",
        "shipments.arrivedAt",
        "shipments.warehouse",
        "shipments.shippingCost",
        "shipments.lineItems",
    ];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<Return>, Error> {
        let rows = self.list::<PickingRow>(&LISTING, scope, checkpoint).await?;
        let (moved, delivered) = around(self, &rows).await?;
        Ok(rows.page(|row| map(self, row, &moved, &delivered)))
    }
}

impl Odoo {
    /// One return, through the same mapping as the listing; `None` where it is not there.
    pub(super) async fn returned(&self, id: i64) -> Result<Option<Result<Return, String>>, Error> {
        let rows = self.one::<PickingRow>(&LISTING, id).await?;
        let (moved, delivered) = around(self, &rows).await?;
        Ok(rows.rows.first().map(|row| map(self, row, &moved, &delivered)))
    }
}

/// What belongs to a page of returns, and the deliveries that they bring back.
async fn around(odoo: &Odoo, rows: &Rows) -> Result<(Moved, Vec<Value>), Error> {
    let delivered = links(&rows.rows, "return_id");
    tokio::try_join!(odoo.moved(&rows.rows, &[]), odoo.related::<PickingRow>("id", delivered))
}

fn map(odoo: &Odoo, raw: &Value, moved: &Moved, delivered: &[Value]) -> Result<Return, String> {
    let row = PickingRow::of(raw)?;
    let moves: Vec<MoveRow> = moved.moves.parsed(row.id)?;
    let lines: Vec<MoveLineRow> = moved.lines.parsed(row.id)?;
    let delivery = row.return_id.as_ref().and_then(|first| delivered.iter().find(|row| id_of(row) == Some(first.id)));
    let order = delivery.and_then(|delivery| linked(delivery, "sale_id")).or_else(|| row.sale_id.as_ref().map(|order| order.id));
    let updated = latest(std::iter::once(row.write_date).chain(moves.iter().map(|row| row.write_date)));
    // Not the delivery as a whole: it changes for reasons of its own.
    let parts = json!({ "picking": raw, "moved": moved.raw(row.id) });
    let additional =
        json!({ "name": row.name, "sourceDocument": row.origin, "deliveryId": row.return_id.as_ref().map(|first| first.id.to_string()) });
    let item = |row: &MoveRow| ReturnLineItem {
        inventory_item: moved.products.item(row.product_id.as_ref()),
        sku: moved.products.sku(row.product_id.as_ref()),
        expected_quantity: expected(row),
        received_quantity: done(row, &lines),
        restocked_quantity: restocked(row, &lines),
        reason: None,
    };
    let arrived = |row: &MoveRow| ReturnShipmentLineItem {
        inventory_item: moved.products.item(row.product_id.as_ref()),
        sku: moved.products.sku(row.product_id.as_ref()),
        quantity: done(row, &lines),
        receiving_details: List::default(),
    };
    let is_done = row.state.as_deref() == Some("done");
    let parcel = ReturnShipment {
        tracking_number: row.carrier_tracking_ref.clone(),
        carrier: carrier(row.delivery_type.as_deref()),
        shipped_at: None,
        arrived_at: at(row.date_done).filter(|_| is_done),
        warehouse: moved.warehouse(row.picking_type_id.as_ref()),
        shipping_cost: money(row.carrier_price).filter(|price| *price != Money::default()),
        measurements: None,
        line_items: moves.iter().map(arrived).filter(|item| item.quantity != Quantity::ZERO).collect(),
    };
    Ok(Return {
        warehouse_customer: owner(row.owner_id.as_ref(), &lines),
        order: order.map(|order| Link::<Order>::to(order.to_string())),
        status: status(&row, &moves),
        raw_status: row.state.clone(),
        notes: plain_text(row.note.as_deref()).into_iter().collect(),
        line_items: moves.iter().map(item).collect(),
        shipments: if is_done || row.carrier_tracking_ref.is_some() { List(vec![parcel]) } else { List::default() },
        source: Source { additional_fields: Some(Json::of(&additional)), ..odoo.source::<PickingRow>(row.id, at(row.create_date), updated, &parts) },
    })
}

/// How much went to a place that holds stock, rather than to scrap.
fn restocked(row: &MoveRow, lines: &[MoveLineRow]) -> Quantity {
    let kept: Vec<MoveLineRow> = lines.iter().filter(|line| line.location_dest_usage.as_deref() == Some("internal")).cloned().collect();
    if row.state.as_deref() == Some("done") { done(row, &kept) } else { Quantity::ZERO }
}

fn status(row: &PickingRow, moves: &[MoveRow]) -> ReturnStatus {
    match row.state.as_deref() {
        Some("done") => ReturnStatus::Received,
        Some("cancel") => ReturnStatus::Cancelled,
        Some("draft" | "waiting" | "confirmed" | "assigned") if moves.iter().any(|row| row.picked) => ReturnStatus::Receiving,
        Some("draft" | "waiting" | "confirmed" | "assigned") => ReturnStatus::Open,
        _ => ReturnStatus::Other,
    }
}
