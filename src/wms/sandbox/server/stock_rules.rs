//! What brings stock in or writes it off: receiving an inbound shipment, and adjusting what is there.

use super::base::times;
use super::catalog::{self, OPEN_WAREHOUSES, id};
use super::flows::is_awaited;
use super::input::{Adjustment, NewReceipt, ReceivedItem};
use super::refusal::{Field, Refusal, Wrong};
use super::rules::{
    MOST, MOST_LINES, NamedLot, Touched, countable, existing, expect, invalid_state, known_item, known_place, open_warehouse, short_text,
};
use super::wire::{Asn, Booking, Counted, Inventory};
use super::world::{Effect, Resource, World};
use crate::record::{Instant, Quantity};

/// How much more than was announced may come of an item, in all.
const OVER: Quantity = Quantity::from_micros(1_100_000);

/// So much of one line of an inbound shipment, and where it goes.
struct Arrival {
    line: usize,
    item: u32,
    qty: Quantity,
    location_id: String,
    lot: Option<(String, Option<String>)>,
}

/// What receiving this does.
pub(super) fn receive(world: &World, number: u32, input: &NewReceipt, at: Instant) -> Result<Effect, Refusal> {
    let mut asn = existing(&world.asns, Resource::Asns, number)?;
    let warehouse = id::number(&asn.warehouse_id, id::warehouse).filter(|_| is_awaited(asn.state));
    let Some(warehouse) = warehouse else { return Err(invalid_state("Inbound shipment", &asn.id, "received", asn.state)) };
    let closes = input.close.unwrap_or(false);
    let mut wrong = Wrong::default();
    let everything: Vec<ReceivedItem>;
    let items = match &input.items {
        Some(items) => items,
        None => {
            everything = rest_of(&asn);
            &everything
        }
    };
    if items.is_empty() && !closes {
        wrong.add("items", "Nothing is received");
    }
    if items.len() > MOST_LINES {
        wrong.add("items", format!("A receipt has at most {MOST_LINES} lines"));
    }
    let mut booked: Vec<Quantity> = asn.items.iter().map(|item| item.booked).collect();
    let arrivals = items.iter().take(MOST_LINES).enumerate();
    let arrivals: Vec<Arrival> =
        arrivals.filter_map(|(index, item)| arrival(world, &asn, warehouse, (index, item), &mut booked, at, &mut wrong)).collect();
    wrong.finish()?;

    let mut touched = Touched::new(world, at);
    expect(&asn, Quantity::whole(-1), &mut touched);
    let mut counted: Vec<Counted> = Vec::new();
    for arrival in arrivals {
        let (Some(line), Some(row)) = (asn.items.get_mut(arrival.line), touched.item(arrival.item)) else { continue };
        line.booked += arrival.qty;
        row.put_away(warehouse, arrival.qty, arrival.location_id, arrival.lot);
        match counted.iter_mut().find(|counted| counted.inventory_id == line.inventory_id) {
            Some(counted) => counted.qty += arrival.qty,
            None => counted.push(Counted { inventory_id: line.inventory_id.clone(), sku: line.sku.clone(), qty: arrival.qty }),
        }
    }
    if !counted.is_empty() {
        let booking = format!("rcv_{number:05}-{}", asn.bookings.len() + 1);
        asn.bookings.push(Booking { id: booking, booked_at: input.booked_at.unwrap_or(at), items: counted });
    }
    asn.state = if closes || asn.items.iter().all(|item| item.left() == Quantity::ZERO) { "completed" } else { "receiving" };
    expect(&asn, Quantity::whole(1), &mut touched);
    asn.updated_at = at;
    Ok(Effect { asn: Some((number, asn)), inventory: touched.rows, ..Effect::default() })
}

/// Everything that is still to come.
fn rest_of(asn: &Asn) -> Vec<ReceivedItem> {
    let left = asn.items.iter().filter(|item| item.left() > Quantity::ZERO);
    let received = |item: &super::wire::AsnItem| ReceivedItem {
        inventory_id: Some(item.inventory_id.clone()),
        sku: None,
        qty: item.left(),
        lot: None,
        expires_on: None,
        location_id: None,
    };
    left.map(received).collect()
}

/// What one line of a receipt is, if it is in order. `booked` is what has been booked of each line of the inbound shipment.
fn arrival(
    world: &World,
    asn: &Asn,
    warehouse: u32,
    (index, input): (usize, &ReceivedItem),
    booked: &mut [Quantity],
    moment: Instant,
    wrong: &mut Wrong,
) -> Option<Arrival> {
    let at = format!("items[{index}]");
    let (item, row, field) = known_item(world, &at, input.inventory_id.as_deref(), input.sku.as_deref(), wrong)?;
    countable(&row, input.qty, format!("{at}.qty"), wrong);
    // An item that was announced on two lines fills the first before the second.
    let own = || asn.items.iter().enumerate().filter(|(_, line)| line.inventory_id == row.id).map(|(place, _)| place);
    let open = own().find(|place| booked.get(*place).zip(asn.items.get(*place)).is_some_and(|(booked, line)| *booked < line.announced));
    let Some(line) = open.or_else(|| own().next_back()) else {
        wrong.add(field, format!("SKU '{}' is not on inbound shipment '{}'", row.sku, asn.id));
        return None;
    };
    let most = times(asn.items.get(line)?.announced, OVER) - booked[line];
    if input.qty > most {
        wrong.add(format!("{at}.qty"), format!("At most {most} more of SKU '{}' may be received: 10 % over what was announced", row.sku));
    }
    booked[line] += input.qty;
    let location_id = match &input.location_id {
        Some(text) => wrong.check(known_place(world, warehouse, format!("{at}.location_id"), text))?,
        None => usual_place(world, &row, item, warehouse),
    };
    let lot = NamedLot { lot: input.lot.as_deref(), expires_on: input.expires_on.as_deref() };
    let lot = lot.booked(&row, &format!("{at}."), moment, wrong);
    Some(Arrival { line, item, qty: input.qty, location_id, lot })
}

/// Where goods go that nobody names a place for: where more of them lie, or into the bin that their number falls on.
fn usual_place(world: &World, row: &Inventory, item: u32, warehouse: u32) -> String {
    let warehouse_id = id::warehouse(warehouse);
    let there = row.bins.iter().find(|bin| bin.warehouse_id == warehouse_id).map(|bin| bin.location_id.clone());
    there.unwrap_or_else(|| id::location(catalog::bin(warehouse, world.base.bins, item.wrapping_mul(3))))
}

/// What adjusting the stock of an item does.
pub(super) fn adjust(world: &World, number: u32, input: &Adjustment, at: Instant) -> Result<Effect, Refusal> {
    let mut row = existing(&world.inventory, Resource::Inventory, number)?;
    let mut wrong = Wrong::default();
    short_text("reason", input.reason.as_ref(), 200, &mut wrong);
    let warehouse = wrong.check(place_of(world, &row, input));
    let location = input.location_id.as_deref().zip(warehouse);
    let location_id = location.and_then(|(text, warehouse)| wrong.check(known_place(world, warehouse, "location_id".to_owned(), text)));
    if input.lot.is_some() && input.location_id.is_some() && input.counted.is_some() {
        wrong.add("lot", "Count a bin or a lot, not both: which lot lies in which bin is not kept");
    }
    let given = match (input.delta, input.counted) {
        (Some(delta), None) if delta == Quantity::ZERO => Err(Field::new("delta", "The difference must not be 0")),
        (Some(delta), None) => Ok(("delta", delta)),
        (None, Some(counted)) if counted < Quantity::ZERO => Err(Field::new("counted", "What was counted must not be negative")),
        (None, Some(counted)) => Ok(("counted", counted)),
        (Some(_), Some(_)) => Err(Field::new("delta", "Give the difference or what was counted, not both")),
        (None, None) => Err(Field::new("delta", "Give the difference or what was counted")),
    };
    let given = wrong.check(given);
    if let Some((field, qty)) = given {
        let size = qty.max(Quantity::ZERO - qty);
        if size > MOST {
            wrong.add(field, format!("The quantity must be at most {MOST}"));
        } else if size.micros() % 1_000_000 != 0 && !row.is_divisible() {
            wrong.add(field, format!("SKU '{}' is counted in whole pieces", row.sku));
        }
    }
    if !row.has_lots && input.lot.is_some() {
        wrong.add("lot", format!("SKU '{}' is not kept by lot", row.sku));
    }
    let (true, Some(warehouse), Some((field, qty))) = (wrong.is_empty(), warehouse, given) else {
        return Err(wrong.finish().err().unwrap_or_else(|| Refusal::Fields(vec![Field::new("delta", "Give the difference or what was counted")])));
    };

    let there = match (&location_id, &input.lot) {
        (Some(location), _) => row.bin_at(location),
        (None, Some(lot)) => row.lot_in(warehouse, lot),
        (None, None) => row.amounts_in(warehouse).physical,
    };
    let delta = if field == "counted" { qty - there } else { qty };
    if delta > Quantity::ZERO {
        let lot = NamedLot { lot: input.lot.as_deref(), expires_on: input.expires_on.as_deref() };
        let lot = lot.booked(&row, "", at, &mut wrong);
        wrong.finish()?;
        let location_id = location_id.unwrap_or_else(|| usual_place(world, &row, number, warehouse));
        row.put_away(warehouse, delta, location_id, lot);
    } else if delta < Quantity::ZERO {
        let less = Quantity::ZERO - delta;
        if let Some(location) = location_id.as_deref().filter(|location| row.bin_at(location) < less) {
            wrong.add(field, format!("There are only {} of SKU '{}' at location '{location}'", row.bin_at(location), row.sku));
        }
        if let Some(lot) = input.lot.as_deref().filter(|lot| row.lot_in(warehouse, lot) < less) {
            wrong.add(
                field,
                format!(
                    "There are only {} of lot '{lot}' of SKU '{}' in warehouse '{}'",
                    row.lot_in(warehouse, lot),
                    row.sku,
                    id::warehouse(warehouse)
                ),
            );
        }
        wrong.finish()?;
        let free = row.amounts_in(warehouse).free;
        if less > free {
            let message = format!(
                "Only {free} of SKU '{}' are free in warehouse '{}': the rest is promised to orders or blocked",
                row.sku,
                id::warehouse(warehouse)
            );
            return Err(Refusal::Conflict("insufficient_stock", message.clone(), vec![Field::new(field, message)]));
        }
        row.write_off(warehouse, less, location_id.as_deref(), input.lot.as_deref());
    } else {
        return Ok(Effect::default());
    }
    row.updated_at = at;
    Ok(Effect { inventory: vec![(number, row)], ..Effect::default() })
}

/// The warehouse that an adjustment is for: the one that is named, the one of the location, or the only one that has any.
fn place_of(world: &World, row: &Inventory, input: &Adjustment) -> Result<u32, Field> {
    if let Some(text) = &input.warehouse_id {
        return open_warehouse(world, text);
    }
    if let Some(text) = &input.location_id {
        let location = Resource::Locations.number(text).and_then(|number| world.locations.get(number));
        return match location {
            Some(location) => open_warehouse(world, &location.warehouse_id).map_err(|field| Field { field: "location_id".to_owned(), ..field }),
            None => Err(Field::new("location_id", format!("Unknown location '{text}'"))),
        };
    }
    let stocked = (1..=OPEN_WAREHOUSES).filter(|warehouse| row.amounts_in(*warehouse).physical > Quantity::ZERO).collect::<Vec<u32>>();
    match stocked.as_slice() {
        [only] => Ok(*only),
        _ => Err(Field::new("warehouse_id", format!("SKU '{}' is not kept in one warehouse only: name the warehouse", row.sku))),
    }
}
