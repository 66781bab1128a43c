//! Inventory: one item for each product whose stock Odoo keeps (`is_storable`), added up from its `stock.quant` rows.
//!
//! An item is a **product**, not a product of one owner: in Odoo a SKU belongs to nobody, and the same product may lie
//! on one shelf for two owners. An item's `warehouseCustomer` is the owner of *all* of its stock; where there are
//! several, or some of it is the house's own, it is null and the additional field `byOwner` splits the quantities.
//!
//! | unified | Odoo |
//! |---|---|
//! | `onHand` | quants in internal locations: `quantity`. May be negative: Odoo lets people ship what is not there |
//! | `committed` | their `reserved_quantity` |
//! | `unfulfillable` | what is not reserved in internal locations outside every warehouse: no order takes from there |
//! | `fulfillable` | the rest |
//! | `sellable` | `fulfillable` where it is positive and the product is active and may be sold |
//! | `awaiting` | what open moves (`stock.move`) bring from outside into internal locations |
//!
//! Rows of nothing (no quantity, nothing reserved) are left out: Odoo removes and merges them on its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Odoo;
use super::client::{Listing, Rows};
use super::order::measured;
use super::product::name;
use super::rows::{Many2one, ProductRow, QuantRow, Row, at, linked, money};
use super::transfer::{Children, latest};
use crate::record::{InventoryItem, Json, Link, LocationQuantity, Lot, Quantity, Source, WarehouseQuantity};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["type", "=", "consu"]), json!(["is_storable", "=", true])],
    changed: &[
        "write_date",
        "product_tmpl_id.write_date",
        "stock_quant_ids.write_date",
        "stock_quant_ids.lot_id.write_date",
        "stock_move_ids.write_date",
    ],
    page: 200,
    windowed: false,
};

/// Where what a warehouse expects comes into it.
const INTO: &str = "location_dest_id.warehouse_id";

impl Pull<InventoryItem> for Odoo {
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
        "measurements.weight",
        "measurements.weightUnit",
        "byWarehouse",
        "lots",
        "locations",
    ];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<InventoryItem>, Error> {
        let rows = self.list::<ProductRow>(&LISTING, scope, checkpoint).await?;
        let (quants, coming) = around(self, &rows).await?;
        Ok(rows.page(|row| map(self, row, &quants, &coming)))
    }
}

impl Odoo {
    /// One item, through the same mapping as the listing; `None` where it is not there, or Odoo keeps no stock of it.
    pub(super) async fn inventory_item(&self, id: i64) -> Result<Option<Result<InventoryItem, String>>, Error> {
        let rows = self.one::<ProductRow>(&LISTING, id).await?;
        let (quants, coming) = around(self, &rows).await?;
        Ok(rows.rows.first().map(|row| map(self, row, &quants, &coming)))
    }
}

/// The stock of a page of items, and what is coming of them.
async fn around(odoo: &Odoo, rows: &Rows) -> Result<(Children, Children), Error> {
    let ids = rows.ids();
    let held = [json!(["location_id.usage", "=", "internal"]), json!("|"), json!(["quantity", "!=", 0]), json!(["reserved_quantity", "!=", 0])];
    let coming = json!([
        ["product_id", "in", ids],
        ["state", "in", ["waiting", "confirmed", "partially_available", "assigned"]],
        ["location_id.usage", "!=", "internal"],
        ["location_dest_id.usage", "=", "internal"],
    ]);
    let coming =
        async { if ids.is_empty() { Ok(Vec::new()) } else { odoo.groups("stock.move", &coming, &["product_id", INTO], &["product_qty:sum"]).await } };
    let (quants, coming) = tokio::try_join!(odoo.related_where::<QuantRow>("product_id", ids.iter().copied(), &held), coming)?;
    Ok((Children::by("product_id", quants), Children::by("product_id", coming)))
}

/// Quantities of one place, lot or owner.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    on_hand: Quantity,
    committed: Quantity,
    unfulfillable: Quantity,
    awaiting: Quantity,
}

impl Held {
    fn fulfillable(self) -> Quantity {
        self.on_hand - self.committed - self.unfulfillable
    }

    /// What is offered of it, if the product is offered at all.
    fn sellable(self, offered: bool) -> Quantity {
        if offered { self.fulfillable().max(Quantity::ZERO) } else { Quantity::ZERO }
    }

    fn add(&mut self, quant: &QuantRow) {
        let (quantity, reserved) = (quant.quantity.unwrap_or_default(), quant.reserved_quantity.unwrap_or_default());
        self.on_hand += quantity;
        self.committed += reserved;
        if quant.warehouse_id.is_none() {
            self.unfulfillable += quantity - reserved;
        }
    }
}

fn key(link: Option<&Many2one>) -> Option<i64> {
    link.map(|link| link.id)
}

fn link<T>(id: Option<i64>) -> Option<Link<T>> {
    id.map(|id| Link::to(id.to_string()))
}

fn map(odoo: &Odoo, raw: &Value, quants: &Children, coming: &Children) -> Result<InventoryItem, String> {
    let row = ProductRow::of(raw)?;
    let held: Vec<QuantRow> = quants.parsed(row.id)?;
    let mut all = Held::default();
    let (mut warehouses, mut places, mut lots, mut owners) =
        (BTreeMap::<_, Held>::new(), BTreeMap::<_, Held>::new(), BTreeMap::<_, (Held, Lot)>::new(), BTreeMap::<_, (Held, Option<String>)>::new());
    for quant in &held {
        let warehouse = key(quant.warehouse_id.as_ref());
        all.add(quant);
        warehouses.entry(warehouse).or_default().add(quant);
        places.entry((key(quant.location_id.as_ref()), warehouse)).or_default().add(quant);
        let owner = quant.owner_id.as_ref();
        owners.entry(key(owner)).or_insert_with(|| (Held::default(), owner.and_then(|owner| owner.name.clone()))).0.add(quant);
        if let Some(lot) = &quant.lot_id {
            let known = Lot {
                lot_id: lot.name.clone().unwrap_or_else(|| lot.id.to_string()),
                on_hand: Quantity::ZERO,
                expires_at: at(quant.expiration_date),
                warehouse: link(warehouse),
            };
            lots.entry((lot.id, warehouse)).or_insert_with(|| (Held::default(), known)).0.add(quant);
        }
    }
    for group in coming.of(row.id) {
        let quantity = group.get("product_qty:sum").and_then(Value::as_f64).and_then(Quantity::from_f64);
        let quantity = quantity.ok_or("stock.move: the sum of product_qty is no quantity")?;
        all.awaiting += quantity;
        warehouses.entry(linked(group, INTO)).or_default().awaiting += quantity;
    }
    let offered = row.active && row.sale_ok;
    let by_owner: Vec<Value> = owners
        .iter()
        .map(|(id, (held, name))| json!({ "ownerId": id.map(|id| id.to_string()), "owner": name, "onHand": held.on_hand, "committed": held.committed }))
        .collect();
    let additional = json!({
        "byOwner": if owners.keys().any(Option::is_some) { json!(by_owner) } else { Value::Null },
        "unit": row.uom_id.as_ref().and_then(|unit| unit.name.as_deref()), "tracking": row.tracking,
    });
    let parts = json!({ "product": raw, "quants": quants.of(row.id), "incoming": coming.of(row.id) });
    let updated = latest(std::iter::once(row.write_date).chain(held.iter().map(|quant| quant.write_date)));
    let mut only = owners.keys();
    Ok(InventoryItem {
        warehouse_customer: only.next().copied().flatten().filter(|_| only.next().is_none()).map(|owner| Link::to(owner.to_string())),
        sku: row.default_code.clone(),
        name: name(&row)?,
        active: row.active,
        unit_cost: money(row.standard_price),
        on_hand: all.on_hand,
        committed: all.committed,
        fulfillable: all.fulfillable(),
        unfulfillable: all.unfulfillable,
        awaiting: all.awaiting,
        sellable: all.sellable(offered),
        substitute_skus: Vec::new().into(),
        measurements: measured(row.weight, row.weight_uom_name.as_deref()),
        by_warehouse: warehouses
            .into_iter()
            .map(|(id, held)| WarehouseQuantity {
                warehouse: link(id),
                on_hand: held.on_hand,
                committed: held.committed,
                fulfillable: held.fulfillable(),
                unfulfillable: held.unfulfillable,
                awaiting: held.awaiting,
                sellable: held.sellable(offered),
            })
            .collect(),
        lots: lots.into_values().filter(|(held, _)| held.on_hand != Quantity::ZERO).map(|(held, lot)| Lot { on_hand: held.on_hand, ..lot }).collect(),
        locations: places
            .into_iter()
            // What adds up to nothing is no stock; Odoo merges such rows away in its own time.
            .filter(|(_, held)| held.on_hand != Quantity::ZERO)
            .map(|((location, warehouse), held)| LocationQuantity { location: link(location), warehouse: link(warehouse), quantity: held.on_hand })
            .collect(),
        source: Source { additional_fields: Some(Json::of(&additional)), ..odoo.source::<ProductRow>(row.id, at(row.create_date), updated, &parts) },
    })
}
