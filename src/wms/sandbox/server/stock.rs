//! How much of what lies where, so that everything adds up: over warehouses, bins and lots, against what open orders
//! hold back and what open inbound shipments will bring.
//!
//! **Invariants**, for each warehouse of each item: `physical = allocated + free + blocked`; the bins and (where lots
//! are kept) the lots sum up to `physical`; none is negative.

use std::collections::HashMap;

use super::base::{Base, times};
use super::catalog::{self, DAY, OPEN_WAREHOUSES, WAREHOUSES, id};
use super::flows::is_awaited;
use super::history::{Sketch, commits};
use super::random::Random;
use super::wire::{Amounts, Asn, Bin, Inventory, Lot, Stock};
use crate::record::Quantity;

/// Quantities by item and warehouse.
pub(super) type Tally = HashMap<(u32, u32), Quantity>;

/// Adds what the order holds back.
pub(super) fn tally_order(base: &Base, sketch: &Sketch, tally: &mut Tally) {
    let Some(warehouse) = sketch.warehouse.filter(|_| commits(sketch.status)) else { return };
    for line in &sketch.lines {
        let left = line.qty - line.shipped;
        for (item, rate) in base.bill(line.product) {
            *tally.entry((*item, warehouse)).or_default() += times(*rate, left);
        }
    }
}

/// Adds what the inbound shipment will bring.
pub(super) fn tally_asn(asn: &Asn, tally: &mut Tally) {
    let Some(warehouse) = id::number(&asn.warehouse_id, id::warehouse).filter(|_| is_awaited(asn.state)) else { return };
    for line in &asn.items {
        if let Some(item) = id::number(&line.inventory_id, id::inventory) {
            *tally.entry((item, warehouse)).or_default() += line.announced - line.booked;
        }
    }
}

/// The stock of item `number`.
pub(super) fn inventory(base: &Base, number: u32, committed: &Tally, incoming: &Tally) -> Inventory {
    let item = base.item(number);
    let mut random = Random::of(&[base.seed, 40, u64::from(number)]);
    let some = |random: &mut Random, most: u32| {
        let pieces = Quantity::whole(i64::from(random.below(most)));
        if item.is_divisible() { pieces + Quantity::from_micros(i64::from(random.below(4)) * 250_000) } else { pieces }
    };
    let (mut stock, mut lots, mut bins) = (Vec::new(), Vec::new(), Vec::new());
    for warehouse in 1..=WAREHOUSES {
        let is_open = warehouse <= OPEN_WAREHOUSES;
        let allocated = committed.get(&(number, warehouse)).copied().unwrap_or_default();
        let incoming = incoming.get(&(number, warehouse)).copied().unwrap_or_default();
        let free = if is_open && random.chance(70) { some(&mut random, 400) } else { Quantity::ZERO };
        // What a closed warehouse still holds is in quarantine.
        let blocked = if random.chance(12) { some(&mut random, 12) } else { Quantity::ZERO };
        let physical = allocated + free + blocked;
        if physical == Quantity::ZERO && incoming == Quantity::ZERO {
            continue;
        }
        let warehouse_id = id::warehouse(warehouse);
        for (piece, qty) in parts(physical, random.between(1, 3), item.is_divisible()) {
            let location = catalog::bin(warehouse, base.bins, number * 3 + piece);
            bins.push(Bin { location_id: id::location(location), warehouse_id: warehouse_id.clone(), qty });
        }
        if item.has_lots {
            for (piece, qty) in parts(physical, random.between(1, 3), item.is_divisible()) {
                let (lot, expires_on) = item.lot(piece, base.epoch);
                lots.push(Lot { lot, warehouse_id: warehouse_id.clone(), qty, expires_on });
            }
        }
        let mut amounts = Amounts { physical, allocated, free, blocked, incoming, offered: Quantity::ZERO };
        amounts.offered = offered(&amounts, warehouse);
        stock.push(Stock { warehouse_id, amounts });
    }
    let substitutes = (number.is_multiple_of(9) && number > base.clients).then(|| base.item(number - base.clients).sku.clone());
    Inventory {
        id: id::inventory(number),
        client_id: id::client(item.client),
        sku: item.sku.clone(),
        title: item.title.clone(),
        discontinued: item.discontinued,
        uom: item.uom,
        cost: (!number.is_multiple_of(17)).then(|| item.cost()),
        dims: (!number.is_multiple_of(21)).then(|| item.dims()),
        weight: Some(item.weight()),
        substitutes: substitutes.into_iter().collect(),
        totals: totals(&stock),
        stock,
        lots,
        bins,
        created_at: base.epoch.minus_seconds(DAY * i64::from(random.between(100, 600))),
        updated_at: base.epoch.minus_seconds(i64::from(random.below(20 * DAY as u32)) + 60),
    }
}

/// `quantity` in up to `count` parts, none of them zero: whole pieces, or quarters of what can be divided.
fn parts(quantity: Quantity, count: u32, is_divisible: bool) -> Vec<(u32, Quantity)> {
    let grain = if is_divisible { 250_000 } else { 1_000_000 };
    let mut left = quantity;
    let mut all = Vec::new();
    for piece in 0..count {
        let share = if piece + 1 == count { left } else { Quantity::from_micros(quantity.micros() / i64::from(count) / grain * grain) };
        if share > Quantity::ZERO {
            all.push((piece, share));
            left = left - share;
        }
    }
    all
}

/// What shops are told: nothing of a closed warehouse, and two less than is free in an open one.
fn offered(amounts: &Amounts, warehouse: u32) -> Quantity {
    let safe = amounts.free - Quantity::whole(2);
    if warehouse <= OPEN_WAREHOUSES { safe.max(Quantity::ZERO) } else { Quantity::ZERO }
}

fn totals(stock: &[Stock]) -> Amounts {
    let sum = |field: fn(&Amounts) -> Quantity| stock.iter().map(|stock| field(&stock.amounts)).sum();
    Amounts {
        physical: sum(|amounts| amounts.physical),
        allocated: sum(|amounts| amounts.allocated),
        free: sum(|amounts| amounts.free),
        blocked: sum(|amounts| amounts.blocked),
        incoming: sum(|amounts| amounts.incoming),
        offered: sum(|amounts| amounts.offered),
    }
}

impl Inventory {
    /// What is free in `warehouse`.
    pub(super) fn free_in(&self, warehouse: u32) -> Quantity {
        let id = id::warehouse(warehouse);
        self.stock.iter().find(|stock| stock.warehouse_id == id).map_or(Quantity::ZERO, |stock| stock.amounts.free)
    }

    /// Promises `qty` of what is free in `warehouse`; a negative quantity gives it back.
    pub(super) fn allocate(&mut self, warehouse: u32, qty: Quantity) {
        self.change(warehouse, |amounts| {
            amounts.allocated += qty;
            amounts.free = amounts.free - qty;
        });
    }

    /// Takes `qty` of what was promised out of `warehouse`, from its first bins and from the lots that expire first.
    /// The lots that it was taken from, and how much of each; empty where lots are not kept.
    pub(super) fn take(&mut self, warehouse: u32, qty: Quantity) -> Vec<(Lot, Quantity)> {
        self.change(warehouse, |amounts| {
            amounts.allocated = amounts.allocated - qty;
            amounts.physical = amounts.physical - qty;
        });
        let id = id::warehouse(warehouse);
        let mut left = qty;
        for bin in self.bins.iter_mut().filter(|bin| bin.warehouse_id == id) {
            let part = bin.qty.min(left);
            bin.qty = bin.qty - part;
            left = left - part;
        }
        self.bins.retain(|bin| bin.qty > Quantity::ZERO);
        self.lots.sort_by(|a, b| (a.expires_on.is_none(), &a.expires_on, &a.lot).cmp(&(b.expires_on.is_none(), &b.expires_on, &b.lot)));
        let (mut left, mut taken) = (qty, Vec::new());
        for lot in self.lots.iter_mut().filter(|lot| lot.warehouse_id == id) {
            let part = lot.qty.min(left);
            if part > Quantity::ZERO {
                taken.push((lot.clone(), part));
                lot.qty = lot.qty - part;
                left = left - part;
            }
        }
        self.lots.retain(|lot| lot.qty > Quantity::ZERO);
        taken
    }

    fn change(&mut self, warehouse: u32, change: impl FnOnce(&mut Amounts)) {
        let id = id::warehouse(warehouse);
        if let Some(stock) = self.stock.iter_mut().find(|stock| stock.warehouse_id == id) {
            change(&mut stock.amounts);
            stock.amounts.offered = offered(&stock.amounts, warehouse);
        }
        self.totals = totals(&self.stock);
    }
}
