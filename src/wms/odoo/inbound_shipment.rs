//! Inbound shipments: incoming transfers (`stock.picking`) that are no returns, with the purchase order above them.
//!
//! A transfer is received once. When less came than was expected, Odoo closes it with what came and opens a backorder
//! for the rest: another transfer, and so another inbound shipment, whose additional field `backorderOf` names the first.

use serde_json::{Value, json};

use super::Odoo;
use super::client::{Listing, Rows};
use super::party::{Partners, supplier};
use super::rows::{MoveLineRow, MoveRow, PickingRow, Row, at, links, money};
use super::transfer::{Moved, done, expected, latest, owner, plain_text};
use crate::record::{InboundLineItem, InboundReceipt, InboundReceiptLineItem, InboundShipment, InboundStatus, Json, List, Money, Quantity, Source};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["picking_type_code", "=", "incoming"]), json!(["return_id", "=", false])],
    changed: &["write_date", "move_ids.write_date", "move_line_ids.write_date", "partner_id.write_date"],
    page: 200,
    windowed: true,
};

impl Pull<InboundShipment> for Odoo {
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
        "lineItems.inventoryItem",
        "lineItems.sku",
        "lineItems.expectedQuantity",
        "lineItems.receivedQuantity",
        "lineItems.unitCost",
        "receipts",
    ];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<InboundShipment>, Error> {
        let rows = self.list::<PickingRow>(&LISTING, scope, checkpoint).await?;
        let (moved, partners) = around(self, &rows).await?;
        Ok(rows.page(|row| map(self, row, &moved, &partners)))
    }
}

impl Odoo {
    /// One inbound shipment, through the same mapping as the listing; `None` where it is not there.
    pub(super) async fn inbound_shipment(&self, id: i64) -> Result<Option<Result<InboundShipment, String>>, Error> {
        let rows = self.one::<PickingRow>(&LISTING, id).await?;
        let (moved, partners) = around(self, &rows).await?;
        Ok(rows.rows.first().map(|row| map(self, row, &moved, &partners)))
    }
}

/// What belongs to a page of inbound shipments.
async fn around(odoo: &Odoo, rows: &Rows) -> Result<(Moved, Partners), Error> {
    let senders = links(&rows.rows, "partner_id");
    tokio::try_join!(odoo.moved(&rows.rows, &[]), odoo.partners(senders))
}

fn map(odoo: &Odoo, raw: &Value, moved: &Moved, partners: &Partners) -> Result<InboundShipment, String> {
    let row = PickingRow::of(raw)?;
    let moves: Vec<MoveRow> = moved.moves.parsed(row.id)?;
    let lines: Vec<MoveLineRow> = moved.lines.parsed(row.id)?;
    let updated = latest(std::iter::once(row.write_date).chain(moves.iter().map(|row| row.write_date)));
    let parts = json!({ "picking": raw, "moved": moved.raw(row.id), "partner": partners.raw(row.partner_id.as_ref()) });
    let additional = json!({
        "name": row.name, "sourceDocument": row.origin,
        "backorderOf": row.backorder_id.as_ref().map(|first| first.id.to_string()),
    });
    let item = |row: &MoveRow| InboundLineItem {
        inventory_item: moved.products.item(row.product_id.as_ref()),
        sku: moved.products.sku(row.product_id.as_ref()),
        expected_quantity: expected(row),
        received_quantity: done(row, &lines),
        // A transfer without a purchase order has no price; Odoo writes 0.
        unit_cost: money(row.price_unit).filter(|price| *price != Money::default()),
        external_id: None,
    };
    let arrived = |row: &MoveRow| InboundReceiptLineItem {
        inventory_item: moved.products.item(row.product_id.as_ref()),
        sku: moved.products.sku(row.product_id.as_ref()),
        quantity: done(row, &lines),
    };
    let receipt = InboundReceipt {
        id: row.id.to_string(),
        arrived_at: at(row.date_done),
        line_items: moves.iter().map(arrived).filter(|item| item.quantity != Quantity::ZERO).collect(),
    };
    Ok(InboundShipment {
        warehouse_customer: owner(row.owner_id.as_ref(), &lines),
        warehouse: moved.warehouse(row.picking_type_id.as_ref()),
        purchase_order_number: match &row.purchase_id {
            Some(order) => order.name.as_deref().map(purchase_number),
            // What people write down where no purchase order stands above it.
            None => row.origin.clone(),
        },
        status: status(&row, &moves),
        raw_status: row.state.clone(),
        supplier: supplier(row.partner_id.as_ref()),
        expected_arrival_at: at(row.scheduled_date),
        ship_from: partners.address(row.partner_id.as_ref())?,
        // Odoo keeps those of one transfer in one text, and puts commas between them.
        tracking_numbers: row.carrier_tracking_ref.iter().flat_map(|all| all.split(',')).map(|number| number.trim().to_owned()).collect(),
        notes: plain_text(row.note.as_deref()).into_iter().collect(),
        line_items: moves.iter().map(item).collect(),
        receipts: if row.state.as_deref() == Some("done") { List(vec![receipt]) } else { List::default() },
        source: Source { additional_fields: Some(Json::of(&additional)), ..odoo.source::<PickingRow>(row.id, at(row.create_date), updated, &parts) },
    })
}

/// A purchase order's number without the vendor's reference, which Odoo adds when it shows one: `P00001 (VREF-0000)`.
fn purchase_number(shown: &str) -> String {
    shown.split_once(" (").map_or(shown, |(number, _)| number).to_owned()
}

fn status(row: &PickingRow, moves: &[MoveRow]) -> InboundStatus {
    match row.state.as_deref() {
        Some("done") => InboundStatus::Received,
        Some("cancel") => InboundStatus::Cancelled,
        Some("draft" | "waiting" | "confirmed" | "assigned") if moves.iter().any(|row| row.picked) => InboundStatus::Receiving,
        Some("draft" | "waiting" | "confirmed" | "assigned") => InboundStatus::Open,
        _ => InboundStatus::Other,
    }
}
