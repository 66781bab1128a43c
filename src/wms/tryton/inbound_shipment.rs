//! Inbound shipments: `stock.shipment.in`, what a supplier sends at one time.
//!
//! A purchase's goods that are on no such shipment yet are expected (an inventory item's `awaiting` counts them), but nobody has announced them.
//! A shipment is received once. When less came than was expected, its moves are corrected, and the rest waits for another shipment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Tryton;
use super::client::Listing;
use super::party::{address, supplier};
use super::rows::{BoughtRow, InboundRow, MoveRow, Reference, Row, at, link, on};
use super::transfer::{item, latest, origins, sku};
use crate::record::{InboundLineItem, InboundReceipt, InboundReceiptLineItem, InboundShipment, InboundStatus, Json, List, Quantity, Source};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: Vec::new,
    changed: &["", "moves", "supplier", "contact_address", "contact_address.party", "contact_address.party.contact_mechanisms"],
    page: 200,
    windowed: true,
};

impl Pull<InboundShipment> for Tryton {
    const FIELDS: &'static [&'static str] = &[
        "warehouse",
        "purchaseOrderNumber",
        "status",
        "rawStatus",
        "supplier",
        "expectedArrivalAt",
        "shipFrom",
        "lineItems.inventoryItem",
        "lineItems.sku",
        "lineItems.expectedQuantity",
        "lineItems.receivedQuantity",
        "lineItems.unitCost",
        "receipts",
    ];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<InboundShipment>, Error> {
        let rows = self.list::<InboundRow>(&LISTING, scope, checkpoint).await?;
        let bought = self.above::<BoughtRow>(origins(&rows.rows, "incoming_moves", BoughtRow::MODEL)).await?;
        Ok(rows.page(|row| map(self, row, &bought)))
    }
}

impl Tryton {
    /// One inbound shipment, through the same mapping as the listing.
    pub(super) async fn inbound(&self, id: i64) -> Result<InboundShipment, Error> {
        let rows = self.related::<InboundRow>("id", [id]).await?;
        let bought = self.above::<BoughtRow>(origins(&rows, "incoming_moves", BoughtRow::MODEL)).await?;
        self.only::<InboundRow, _>(&rows, |row| map(self, row, &bought))
    }
}

fn map(tryton: &Tryton, raw: &Value, bought: &BTreeMap<i64, BoughtRow>) -> Result<InboundShipment, String> {
    let row = InboundRow::of(raw)?;
    let mut moves: Vec<&MoveRow> = row.incoming_moves.iter().collect();
    moves.sort_by_key(|row| row.id);
    let purchase =
        |row: &&MoveRow| bought.get(&row.origin.as_ref().and_then(|origin: &Reference| origin.to(BoughtRow::MODEL))?)?.purchase.clone()?.number;
    let purchases: BTreeSet<String> = moves.iter().filter_map(purchase).collect();
    let (status, received) = match row.state.as_deref() {
        Some("draft") => (InboundStatus::Open, false),
        // Nothing more can be received on it; what is left is to put the goods away.
        Some("received" | "done") => (InboundStatus::Received, true),
        Some("cancelled") => (InboundStatus::Cancelled, false),
        _ => (InboundStatus::Other, false),
    };
    let line = |row: &&MoveRow| InboundLineItem {
        inventory_item: item(row.product.as_ref()),
        sku: sku(row.product.as_ref()),
        expected_quantity: row.moved(),
        received_quantity: row.done(),
        unit_cost: row.unit_cost(),
        external_id: None,
    };
    let arrived =
        |row: &&MoveRow| InboundReceiptLineItem { inventory_item: item(row.product.as_ref()), sku: sku(row.product.as_ref()), quantity: row.done() };
    let receipt = InboundReceipt {
        id: row.id.to_string(),
        arrived_at: on(row.effective_date),
        line_items: moves.iter().map(arrived).filter(|line| line.quantity != Quantity::ZERO).collect(),
    };
    let shown = |row: &&&MoveRow| status == InboundStatus::Cancelled || !row.is_cancelled();
    let updated = latest(std::iter::once(row.write_date).chain(moves.iter().map(|row| row.write_date)));
    let additional = json!({ "number": row.number, "reference": row.reference });
    Ok(InboundShipment {
        warehouse_customer: None,
        warehouse: link(row.warehouse),
        purchase_order_number: Some(purchases.into_iter().collect::<Vec<_>>().join(", ")).filter(|numbers| !numbers.is_empty()),
        status,
        raw_status: row.state.clone(),
        supplier: supplier(row.supplier.as_ref()),
        expected_arrival_at: on(row.planned_date),
        ship_from: address(row.contact_address),
        tracking_numbers: List::default(),
        notes: List::default(),
        line_items: moves.iter().filter(shown).map(line).collect(),
        receipts: if received { List(vec![receipt]) } else { List::default() },
        source: Source { additional_fields: Some(Json::of(&additional)), ..tryton.source::<InboundRow>(row.id, at(row.create_date), updated, raw) },
    })
}
