//! Inventory: `/v1/inventory`.

use serde::Deserialize;
use serde_json::json;

use super::wire::{WireDims, WireWeight, day, measurements};
use super::{Origin, Sandbox};
use crate::record::{Instant, InventoryItem, Link, LocationQuantity, Lot, Money, Quantity, WarehouseQuantity};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

impl Pull<InventoryItem> for Sandbox {
    const FIELDS: &'static [&'static str] = &[
        "warehouseCustomer",
        "sku",
        "name",
        "active",
        "unitCost",
        "onHand",
        "committed",
        "fulfillable",
        "unfulfillable",
        "awaiting",
        "sellable",
        "substituteSkus",
        "measurements",
        "byWarehouse",
        "lots",
        "locations",
        "sourceCreatedAt",
        "sourceUpdatedAt",
        "sourceUrl",
        "additionalFields",
    ];

    async fn pull(&self, scope: &Scope, from: Option<&Checkpoint>) -> Result<Page<InventoryItem>, Error> {
        self.list(scope, from, unified).await
    }
}

#[derive(Deserialize)]
pub(super) struct Wire {
    id: String,
    client_id: Option<String>,
    sku: Option<String>,
    title: String,
    discontinued: bool,
    uom: Option<String>,
    cost: Option<Money>,
    dims: Option<WireDims>,
    weight: Option<WireWeight>,
    #[serde(default)]
    substitutes: Vec<String>,
    totals: Amounts,
    stock: Vec<Stock>,
    #[serde(default)]
    lots: Vec<WireLot>,
    #[serde(default)]
    bins: Vec<Bin>,
    created_at: Option<Instant>,
    updated_at: Option<Instant>,
}

#[derive(Deserialize)]
struct Amounts {
    physical: Quantity,
    allocated: Quantity,
    free: Quantity,
    blocked: Quantity,
    incoming: Quantity,
    offered: Quantity,
}

#[derive(Deserialize)]
struct Stock {
    warehouse_id: String,
    physical: Quantity,
    allocated: Quantity,
    free: Quantity,
    blocked: Quantity,
    incoming: Quantity,
    offered: Quantity,
}

#[derive(Deserialize)]
struct WireLot {
    lot: String,
    warehouse_id: Option<String>,
    qty: Quantity,
    expires_on: Option<String>,
}

#[derive(Deserialize)]
struct Bin {
    location_id: String,
    warehouse_id: Option<String>,
    qty: Quantity,
}

pub(super) fn unified(wire: Wire, origin: &Origin) -> Result<InventoryItem, String> {
    let by_warehouse = |stock: Stock| WarehouseQuantity {
        warehouse: Some(Link::to(stock.warehouse_id)),
        on_hand: stock.physical,
        committed: stock.allocated,
        fulfillable: stock.free,
        unfulfillable: stock.blocked,
        awaiting: stock.incoming,
        sellable: stock.offered,
    };
    let lot = |lot: WireLot| {
        let expires_at = day(lot.expires_on.as_deref())?;
        Ok::<_, String>(Lot { lot_id: lot.lot, on_hand: lot.qty, expires_at, warehouse: lot.warehouse_id.map(Link::to) })
    };
    let location =
        |bin: Bin| LocationQuantity { location: Some(Link::to(bin.location_id)), warehouse: bin.warehouse_id.map(Link::to), quantity: bin.qty };
    Ok(InventoryItem {
        source: origin.source(wire.id, wire.created_at, wire.updated_at, Some(&json!({ "uom": wire.uom }))),
        warehouse_customer: wire.client_id.map(Link::to),
        sku: wire.sku,
        name: wire.title,
        active: !wire.discontinued,
        unit_cost: wire.cost,
        on_hand: wire.totals.physical,
        committed: wire.totals.allocated,
        fulfillable: wire.totals.free,
        unfulfillable: wire.totals.blocked,
        awaiting: wire.totals.incoming,
        sellable: wire.totals.offered,
        substitute_skus: wire.substitutes.into(),
        measurements: measurements(wire.dims, wire.weight),
        by_warehouse: wire.stock.into_iter().map(by_warehouse).collect(),
        lots: wire.lots.into_iter().map(lot).collect::<Result<_, _>>()?,
        locations: wire.bins.into_iter().map(location).collect(),
    })
}
