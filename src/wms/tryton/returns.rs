//! Returns: `stock.shipment.out.return`, what comes back from a customer at one time.
//!
//! In Tryton goods come back on a sale of negative quantities, which names the sale that they were sold on as its origin. Tryton notes
//! neither why they come back nor what an inspection found.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Tryton;
use super::client::Listing;
use super::rows::{MoveRow, ReturnRow, Row, SoldOnRow, SoldRow, at, link, on};
use super::transfer::{item, latest, origins, sku};
use crate::record::{Json, List, Quantity, Return, ReturnLineItem, ReturnShipment, ReturnShipmentLineItem, ReturnStatus, Source};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing { domain: Vec::new, changed: &["", "moves"], page: 200, windowed: true };

impl Pull<Return> for Tryton {
    const FIELDS: &'static [&'static str] = &[
        "warehouseCustomer",
        "order",
        "status",
        "rawStatus",
        "lineItems.inventoryItem",
        "lineItems.sku",
        "lineItems.expectedQuantity",
        "lineItems.receivedQuantity",
        "lineItems.restockedQuantity",
        "shipments.arrivedAt",
        "shipments.warehouse",
        "shipments.lineItems",
    ];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<Return>, Error> {
        let rows = self.list::<ReturnRow>(&LISTING, scope, checkpoint).await?;
        let sold = self.above::<SoldRow>(origins(&rows.rows, "incoming_moves", SoldRow::MODEL)).await?;
        Ok(rows.page(|row| map(self, row, &sold)))
    }
}

impl Tryton {
    /// One return, through the same mapping as the listing.
    pub(super) async fn returned(&self, id: i64) -> Result<Return, Error> {
        let rows = self.related::<ReturnRow>("id", [id]).await?;
        let sold = self.above::<SoldRow>(origins(&rows, "incoming_moves", SoldRow::MODEL)).await?;
        self.only::<ReturnRow, _>(&rows, |row| map(self, row, &sold))
    }
}

fn map(tryton: &Tryton, raw: &Value, sold: &BTreeMap<i64, SoldRow>) -> Result<Return, String> {
    let row = ReturnRow::of(raw)?;
    let mut moves: Vec<&MoveRow> = row.incoming_moves.iter().collect();
    moves.sort_by_key(|row| row.id);
    let sale_of = |row: &&MoveRow| sold.get(&row.origin.as_ref()?.to(SoldRow::MODEL)?)?.sale.clone();
    let sale: Option<SoldOnRow> = moves.iter().find_map(sale_of);
    let (status, received) = match row.state.as_deref() {
        Some("draft") => (ReturnStatus::Open, false),
        // All that comes has come; what is left is to put the goods away.
        Some("received" | "done") => (ReturnStatus::Received, true),
        Some("cancelled") => (ReturnStatus::Cancelled, false),
        _ => (ReturnStatus::Other, false),
    };
    // Where goods are received right onto the shelves, nothing moves them there.
    let at_once = row.warehouse_input.is_some() && row.warehouse_input == row.warehouse_storage;
    let restocked = |row: &MoveRow, inventory: &[MoveRow]| {
        let own = |stored: &&MoveRow| stored.origin.as_ref().and_then(|origin| origin.to(MoveRow::MODEL)) == Some(row.id);
        if at_once { row.done() } else { inventory.iter().filter(own).map(MoveRow::done).sum() }
    };
    let line = |line: &&MoveRow| ReturnLineItem {
        inventory_item: item(line.product.as_ref()),
        sku: sku(line.product.as_ref()),
        expected_quantity: line.moved(),
        received_quantity: line.done(),
        restocked_quantity: restocked(line, &row.inventory_moves),
        reason: None,
    };
    let arrived = |row: &&MoveRow| ReturnShipmentLineItem {
        inventory_item: item(row.product.as_ref()),
        sku: sku(row.product.as_ref()),
        quantity: row.done(),
        receiving_details: List::default(),
    };
    let parcel = ReturnShipment {
        tracking_number: None,
        carrier: None,
        shipped_at: None,
        arrived_at: on(row.effective_date),
        warehouse: link(row.warehouse),
        shipping_cost: None,
        measurements: None,
        line_items: moves.iter().map(arrived).filter(|line| line.quantity != Quantity::ZERO).collect(),
    };
    let shown = |row: &&&MoveRow| status == ReturnStatus::Cancelled || !row.is_cancelled();
    let updated =
        latest(std::iter::once(row.write_date).chain(moves.iter().chain(&row.inventory_moves.iter().collect::<Vec<_>>()).map(|row| row.write_date)));
    let additional = json!({
        "number": row.number, "reference": row.reference, "plannedAt": on(row.planned_date),
        "saleNumber": sale.as_ref().and_then(|sale| sale.number.as_deref()),
    });
    // A sale that names no other is the one that the goods come back on, together with others that go out, say.
    let order = sale.map(|sale| sale.origin.as_ref().and_then(|origin| origin.to(SoldOnRow::MODEL)).unwrap_or(sale.id));
    Ok(Return {
        warehouse_customer: link(row.customer.as_ref().map(|customer| customer.id)),
        order: link(order),
        status,
        raw_status: row.state.clone(),
        notes: List::default(),
        line_items: moves.iter().filter(shown).map(line).collect(),
        shipments: if received { List(vec![parcel]) } else { List::default() },
        source: Source { additional_fields: Some(Json::of(&additional)), ..tryton.source::<ReturnRow>(row.id, at(row.create_date), updated, raw) },
    })
}
