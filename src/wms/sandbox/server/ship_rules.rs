//! Shipping an order, whole or in part, and cancelling one.

use super::base::times;
use super::catalog::{self, id};
use super::history::shipment;
use super::input::{Cancellation, NewParcel, NewShipment, ShippedLine};
use super::order_rules::is_divisible;
use super::random::Random;
use super::refusal::{Refusal, Wrong};
use super::rules::{MOST_LINES, Touched, dims, existing, invalid_state, known_method, promised_from, release, short_text, weight};
use super::wire::{Order, Parcel, ParcelLine};
use super::world::{Effect, Resource, World};
use crate::record::{Instant, Money, Quantity};

/// So much of one line of an order.
struct Pick<'a> {
    /// The line's place in the order.
    line: usize,
    qty: Quantity,
    lot: Option<&'a str>,
    /// Where the input asks for it.
    asked: usize,
}

/// What shipping this of an order does.
pub(super) fn ship(world: &World, number: u32, input: &NewShipment, at: Instant) -> Result<Effect, Refusal> {
    let mut order = existing(&world.orders, Resource::Orders, number)?;
    let warehouse = promised_from(&order).filter(|warehouse| *warehouse <= catalog::OPEN_WAREHOUSES);
    let Some(warehouse) = warehouse else { return Err(invalid_state("Order", &order.id, "shipped", order.status)) };
    let mut wrong = Wrong::default();
    if let Some(other) = input.warehouse_id.as_ref().filter(|other| **other != id::warehouse(warehouse)) {
        let own = id::warehouse(warehouse);
        wrong.add("warehouse_id", format!("Order '{}' is promised from warehouse '{own}', not from '{other}'", order.id));
    }
    let method = match input.shipping_method_id.as_deref() {
        Some(text) => wrong.check(known_method(world, text)),
        None => order.shipping.method_id.as_deref().and_then(|text| id::number(text, id::method)),
    };
    let picks = match &input.lines {
        Some(lines) => picks(world, &order, lines, &mut wrong),
        None => {
            let left = order.lines.iter().map(|line| line.qty - line.qty_shipped).enumerate();
            left.filter(|(_, qty)| *qty > Quantity::ZERO).map(|(line, qty)| Pick { line, qty, lot: None, asked: line }).collect()
        }
    };
    let mut touched = Touched::new(world, at);
    let contents: Vec<ParcelLine> = picks.iter().flat_map(|pick| taken(world, &order, pick, warehouse, &mut touched, &mut wrong)).collect();
    order.shipments.retain(|shipment| shipment.state != "staged");
    let turn = u32::try_from(order.shipments.len()).unwrap_or(u32::MAX).saturating_add(1);
    let shipment_id = format!("shp_{number:06}-{turn}");
    let parcels = input.parcels.as_ref().map(|parcels| parcels_of(parcels, &shipment_id, method, &contents, &mut wrong));
    wrong.finish()?;

    // What is shipped without another word had this seed before there were parts.
    let mut seed = vec![world.base.seed, 50, u64::from(number)];
    if *input != NewShipment::default() {
        seed.push(u64::from(turn));
    }
    let state = ("shipped", Some(input.shipped_at.unwrap_or(at)));
    let mut shipment = shipment(shipment_id, state, warehouse, method.unwrap_or(1), &order.ship_to, &contents, &mut Random::of(&seed));
    shipment.parcels = parcels.unwrap_or(shipment.parcels);
    order.shipments.push(shipment);
    for pick in picks {
        if let Some(line) = order.lines.get_mut(pick.line) {
            line.qty_shipped += pick.qty;
            line.qty_picked = line.qty_picked.max(line.qty_shipped);
        }
    }
    order.status = if order.lines.iter().all(|line| line.qty_shipped >= line.qty) { "shipped" } else { "part_shipped" };
    order.updated_at = at;
    Ok(Effect { order: Some((number, order)), inventory: touched.rows, ..Effect::default() })
}

/// Which lines of the order the lines of a shipment are.
fn picks<'a>(world: &World, order: &Order, input: &'a [ShippedLine], wrong: &mut Wrong) -> Vec<Pick<'a>> {
    if input.is_empty() {
        wrong.add("lines", "Nothing is shipped");
    }
    if input.len() > MOST_LINES {
        wrong.add("lines", format!("A shipment has at most {MOST_LINES} lines"));
    }
    let mut left: Vec<Quantity> = order.lines.iter().map(|line| line.qty - line.qty_shipped).collect();
    let mut picks = Vec::new();
    for (asked, line) in input.iter().take(MOST_LINES).enumerate() {
        let mut refuse = |field: &str, message: String| wrong.add(format!("lines[{asked}].{field}"), message);
        let of_item = |item: Option<u32>| {
            // Of a kit's components nobody could say how many kits they make.
            let only = |line: &super::wire::OrderLine| matches!(*line.bill, [(own, rate)] if Some(own) == item && rate == Quantity::whole(1));
            order.lines.iter().enumerate().filter(|(_, line)| only(line)).map(|(place, _)| place).collect::<Vec<usize>>()
        };
        let places = |is: &dyn Fn(&super::wire::OrderLine) -> bool| {
            order.lines.iter().enumerate().filter(|(_, line)| is(line)).map(|(place, _)| place).collect::<Vec<usize>>()
        };
        let (field, name, places) = match (&line.inventory_id, &line.product_id, &line.sku) {
            (Some(text), ..) => ("inventory_id", text, of_item(Resource::Inventory.number(text))),
            (None, Some(text), _) => ("product_id", text, places(&|own| own.product_id == *text)),
            (None, None, Some(sku)) => {
                let named = places(&|own| own.sku.as_ref() == Some(sku));
                ("sku", sku, if named.is_empty() { of_item(world.item_skus.get(sku).copied()) } else { named })
            }
            (None, None, None) => {
                refuse("sku", "A line needs an inventory_id, a product_id or a sku".to_owned());
                continue;
            }
        };
        if places.is_empty() {
            refuse(field, format!("There is no '{name}' on order '{}'", order.id));
            continue;
        }
        let open: Quantity = places.iter().filter_map(|place| left.get(*place)).copied().sum();
        if line.qty <= Quantity::ZERO {
            refuse("qty", "The quantity must be greater than 0".to_owned());
        } else if line.qty > open {
            refuse("qty", format!("Only {open} of '{name}' are left to ship"));
        } else if line.qty.micros() % 1_000_000 != 0 && places.iter().any(|place| is_whole(world, order, *place)) {
            refuse("qty", format!("'{name}' is shipped in whole pieces"));
        }
        let mut rest = line.qty;
        for place in places {
            let Some(left) = left.get_mut(place) else { continue };
            let qty = rest.min(*left);
            if qty > Quantity::ZERO {
                *left = *left - qty;
                rest = rest - qty;
                picks.push(Pick { line: place, qty, lot: line.lot.as_deref(), asked });
            }
        }
    }
    picks
}

fn is_whole(world: &World, order: &Order, place: usize) -> bool {
    order.lines.get(place).is_none_or(|line| !is_divisible(world, &line.bill))
}

/// Takes what is picked out of stock, and says what goes into parcels.
fn taken(world: &World, order: &Order, pick: &Pick<'_>, warehouse: u32, touched: &mut Touched<'_>, wrong: &mut Wrong) -> Vec<ParcelLine> {
    let Some(of) = order.lines.get(pick.line) else { return Vec::new() };
    let kind = id::number(&of.product_id, id::product).and_then(|number| Some(world.products.get(number)?.kind));
    let is_kit = kind.map_or(of.bill.len() > 1, |kind| kind == "kit");
    let mut refuse = |message: String| wrong.add(format!("lines[{}].lot", pick.asked), message);
    if pick.lot.is_some() && of.bill.len() > 1 {
        refuse(format!("'{}' is put together from several items, which are not of one lot", of.product_id));
        return Vec::new();
    }
    let mut contents = Vec::new();
    for (item, rate) in of.bill.iter() {
        let qty = times(*rate, pick.qty);
        let Some(row) = touched.item(*item) else { continue };
        if let Some(lot) = pick.lot {
            let there = row.lot_in(warehouse, lot);
            if there < qty {
                let place = id::warehouse(warehouse);
                refuse(format!("There are only {there} of lot '{lot}' of SKU '{}' in warehouse '{place}'", row.sku));
                continue;
            }
        }
        let lots = row.take(warehouse, qty, pick.lot);
        let (inventory_id, sku) = (row.id.clone(), row.sku.clone());
        let mut line = |qty: Quantity, lot: Option<(String, Option<String>)>| {
            let (lot, expires_on) = lot.unzip();
            let kit_product_id = is_kit.then(|| of.product_id.clone());
            let (inventory_id, sku, grams) = (inventory_id.clone(), sku.clone(), row.grams(qty));
            contents.push(ParcelLine { inventory_id, sku, qty, lot, expires_on: expires_on.flatten(), kit_product_id, grams });
        };
        if lots.is_empty() {
            line(qty, None);
        }
        for (lot, qty) in lots {
            line(qty, Some((lot.lot, lot.expires_on)));
        }
    }
    contents
}

/// The parcels that an input names. It does not say what is in which, so each gets about as many lines as the others.
fn parcels_of(input: &[NewParcel], shipment_id: &str, method: Option<u32>, contents: &[ParcelLine], wrong: &mut Wrong) -> Vec<Parcel> {
    if input.is_empty() || input.len() > 100 {
        wrong.add("parcels", "A shipment has 1 to 100 parcels");
    }
    let mut rest = contents.chunks(contents.len().div_ceil(input.len().max(1)).max(1));
    let mut parcels = Vec::new();
    for (index, parcel) in input.iter().enumerate() {
        let at = format!("parcels[{index}]");
        short_text(&format!("{at}.label"), parcel.label.as_ref(), 64, wrong);
        short_text(&format!("{at}.tracking_number"), parcel.tracking_number.as_ref(), 64, wrong);
        if parcel.cost.is_some_and(|cost| cost < Money::default()) {
            wrong.add(format!("{at}.cost"), "The cost must not be negative");
        }
        parcels.push(Parcel {
            id: format!("{}-{}", shipment_id.replace("shp_", "pcl_"), index + 1),
            label: parcel.label.clone().unwrap_or_else(|| format!("Parcel {}", index + 1)),
            tracking_number: parcel.tracking_number.clone(),
            tracking_url: parcel.tracking_url.clone(),
            method_id: method.map(id::method),
            carrier: method.and_then(catalog::carrier),
            cost: parcel.cost,
            dims: parcel.dims.as_ref().and_then(|size| dims(&format!("{at}.dims"), size, wrong)),
            weight: parcel.weight.as_ref().and_then(|of| weight(&format!("{at}.weight"), of, wrong)),
            contents: rest.next().unwrap_or_default().to_vec(),
        });
    }
    parcels
}

/// What cancelling an order does: what was promised is free again.
pub(super) fn cancel(world: &World, number: u32, input: &Cancellation, at: Instant) -> Result<Effect, Refusal> {
    let mut order = existing(&world.orders, Resource::Orders, number)?;
    if matches!(order.status, "shipped" | "part_shipped" | "void") {
        return Err(invalid_state("Order", &order.id, "cancelled", order.status));
    }
    let mut wrong = Wrong::default();
    short_text("reason", input.reason.as_ref(), 200, &mut wrong);
    wrong.finish()?;
    let mut touched = Touched::new(world, at);
    release(&order, &mut touched);
    for shipment in &mut order.shipments {
        shipment.state = "voided";
    }
    order.status = "void";
    order.hold_reason.clone_from(&input.reason);
    order.updated_at = at;
    Ok(Effect { order: Some((number, order)), inventory: touched.rows, ..Effect::default() })
}
