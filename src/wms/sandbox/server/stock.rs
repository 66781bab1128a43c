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
        for (item, rate) in base.bill(line.product).iter() {
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
        has_lots: item.has_lots,
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
    /// What there is of it in `warehouse`.
    pub(super) fn amounts_in(&self, warehouse: u32) -> Amounts {
        let id = id::warehouse(warehouse);
        self.stock.iter().find(|stock| stock.warehouse_id == id).map(|stock| stock.amounts).unwrap_or_default()
    }

    /// How much of a lot there is in `warehouse`.
    pub(super) fn lot_in(&self, warehouse: u32, lot: &str) -> Quantity {
        let id = id::warehouse(warehouse);
        self.lots.iter().filter(|of| of.warehouse_id == id && of.lot == lot).map(|of| of.qty).sum()
    }

    /// How much of it lies at a location.
    pub(super) fn bin_at(&self, location_id: &str) -> Quantity {
        self.bins.iter().filter(|bin| bin.location_id == location_id).map(|bin| bin.qty).sum()
    }

    /// Whether parts of a unit can be stocked.
    pub(super) fn is_divisible(&self) -> bool {
        self.uom != "pcs"
    }

    /// What `qty` of it weighs, in grams.
    pub(super) fn grams(&self, qty: Quantity) -> Quantity {
        let Some(weight) = &self.weight else { return Quantity::ZERO };
        let gram = match weight.unit {
            "kg" => Quantity::whole(1_000),
            "oz" => Quantity::from_micros(28_349_523),
            "lb" => Quantity::from_micros(453_592_370),
            _ => Quantity::whole(1),
        };
        times(times(gram, weight.value), qty)
    }

    /// Promises `qty` of what is free in `warehouse`; a negative quantity gives it back.
    pub(super) fn allocate(&mut self, warehouse: u32, qty: Quantity) {
        self.change(warehouse, |amounts| {
            amounts.allocated += qty;
            amounts.free = amounts.free - qty;
        });
    }

    /// Expects `qty` to come into `warehouse`; a negative quantity takes that back.
    pub(super) fn expect(&mut self, warehouse: u32, qty: Quantity) {
        self.change(warehouse, |amounts| amounts.incoming += qty);
    }

    /// Takes `qty` of what was promised out of `warehouse`, from its first bins and from `lot`, or from the lots that expire
    /// first. The lots that it was taken from, and how much of each; empty where lots are not kept.
    pub(super) fn take(&mut self, warehouse: u32, qty: Quantity, lot: Option<&str>) -> Vec<(Lot, Quantity)> {
        self.change(warehouse, |amounts| {
            amounts.allocated = amounts.allocated - qty;
            amounts.physical = amounts.physical - qty;
        });
        self.empty_bins(warehouse, qty, None);
        self.empty_lots(warehouse, qty, lot)
    }

    /// Writes `qty` of what is free in `warehouse` off, from one bin and one lot where they are named.
    pub(super) fn write_off(&mut self, warehouse: u32, qty: Quantity, location_id: Option<&str>, lot: Option<&str>) {
        self.change(warehouse, |amounts| {
            amounts.free = amounts.free - qty;
            amounts.physical = amounts.physical - qty;
        });
        self.empty_bins(warehouse, qty, location_id);
        self.empty_lots(warehouse, qty, lot);
    }

    /// Puts `qty` more into a bin of `warehouse`, of a lot where lots are kept.
    pub(super) fn put_away(&mut self, warehouse: u32, qty: Quantity, location_id: String, lot: Option<(String, Option<String>)>) {
        self.change(warehouse, |amounts| {
            amounts.free += qty;
            amounts.physical += qty;
        });
        let warehouse_id = id::warehouse(warehouse);
        match self.bins.iter_mut().find(|bin| bin.location_id == location_id) {
            Some(bin) => bin.qty += qty,
            None => self.bins.push(Bin { location_id, warehouse_id: warehouse_id.clone(), qty }),
        }
        if let Some((lot, expires_on)) = lot {
            match self.lots.iter_mut().find(|of| of.warehouse_id == warehouse_id && of.lot == lot) {
                Some(of) => of.qty += qty,
                None => self.lots.push(Lot { lot, warehouse_id, qty, expires_on }),
            }
        }
    }

    fn empty_bins(&mut self, warehouse: u32, qty: Quantity, location_id: Option<&str>) {
        let id = id::warehouse(warehouse);
        let mut left = qty;
        for bin in self.bins.iter_mut().filter(|bin| bin.warehouse_id == id && location_id.is_none_or(|location| bin.location_id == location)) {
            let part = bin.qty.min(left);
            bin.qty = bin.qty - part;
            left = left - part;
        }
        self.bins.retain(|bin| bin.qty > Quantity::ZERO);
    }

    fn empty_lots(&mut self, warehouse: u32, qty: Quantity, lot: Option<&str>) -> Vec<(Lot, Quantity)> {
        let id = id::warehouse(warehouse);
        self.lots.sort_by(|a, b| (a.expires_on.is_none(), &a.expires_on, &a.lot).cmp(&(b.expires_on.is_none(), &b.expires_on, &b.lot)));
        let (mut left, mut taken) = (qty, Vec::new());
        for of in self.lots.iter_mut().filter(|of| of.warehouse_id == id && lot.is_none_or(|lot| of.lot == lot)) {
            let part = of.qty.min(left);
            if part > Quantity::ZERO {
                taken.push((of.clone(), part));
                of.qty = of.qty - part;
                left = left - part;
            }
        }
        self.lots.retain(|of| of.qty > Quantity::ZERO);
        taken
    }

    fn change(&mut self, warehouse: u32, change: impl FnOnce(&mut Amounts)) {
        let id = id::warehouse(warehouse);
        let place = match self.stock.iter().position(|stock| stock.warehouse_id == id) {
            Some(place) => place,
            None => {
                let place = self.stock.partition_point(|stock| stock.warehouse_id < id);
                self.stock.insert(place, Stock { warehouse_id: id, amounts: Amounts::default() });
                place
            }
        };
        if let Some(stock) = self.stock.get_mut(place) {
            change(&mut stock.amounts);
            stock.amounts.offered = offered(&stock.amounts, warehouse);
        }
        self.totals = totals(&self.stock);
    }
}
