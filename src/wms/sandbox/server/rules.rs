//! What may be written, and what follows from it. The rules of each resource stand in a file of their own (`*_rules.rs`);
//! here is what they share.
//!
//! Everything here is a pure function of the world, the write and the moment. All that is wrong with an input is said
//! at once, field by field.

use super::base::times;
use super::catalog::{self, OPEN_WAREHOUSES, id};
use super::flows::is_awaited;
use super::history::commits;
use super::input::{NewComment, NewDims, NewWeight};
use super::journal::Write;
use super::refusal::{Field, Refusal, Wrong};
use super::table::Table;
use super::wire::{Address, Asn, Comment, Dims, Inventory, Named, Order, Row, Weight};
use super::world::{Effect, Resource, World, with_table};
use super::{asn_rules, order_change, order_rules, product_rules, rma_rules, ship_rules, stock_rules};
use crate::record::{Instant, Quantity};

/// The most of anything that can be written at once.
pub(super) const MOST: Quantity = Quantity::whole(1_000_000);
/// The most lines of anything.
pub(super) const MOST_LINES: usize = 500;

/// What `write` would do at the moment `at`.
///
/// # Errors
/// Why it is refused.
pub(super) fn plan(world: &World, write: &Write, at: Instant) -> Result<Effect, Refusal> {
    match write {
        Write::CreateOrder { order, .. } => order_rules::create(world, order, at),
        Write::ChangeOrder { order, change } => order_change::change(world, *order, change, at),
        Write::ShipOrder { order, shipment } => ship_rules::ship(world, *order, shipment, at),
        Write::CancelOrder { order, cancellation } => ship_rules::cancel(world, *order, cancellation, at),
        Write::CreateAsn { asn } => asn_rules::create(world, asn, at),
        Write::ChangeAsn { asn, change } => asn_rules::change(world, *asn, change, at),
        Write::ReceiveAsn { asn, receipt } => stock_rules::receive(world, *asn, receipt, at),
        Write::CreateRma { rma } => rma_rules::create(world, rma, at),
        Write::ChangeRma { rma, change } => rma_rules::change(world, *rma, change, at),
        Write::CancelRma { rma, cancellation } => rma_rules::cancel(world, *rma, cancellation, at),
        Write::CreateProduct { product } => product_rules::create(world, product, at),
        Write::ChangeProduct { product, change } => product_rules::change(world, *product, change, at),
        Write::AdjustInventory { item, adjustment } => stock_rules::adjust(world, *item, adjustment, at),
        Write::Delete { resource, number } => delete(world, resource, *number, at),
    }
}

/// A row that goes for good gives back what it held of the stock.
fn delete(world: &World, resource: &str, number: u32, at: Instant) -> Result<Effect, Refusal> {
    let resource = Resource::named(resource).ok_or_else(|| Refusal::Missing("No such resource".to_owned()))?;
    with_table!(world, resource, table => existing(table, resource, number).map(drop))?;
    let mut touched = Touched::new(world, at);
    match resource {
        Resource::Orders => release(&existing(&world.orders, resource, number)?, &mut touched),
        Resource::Asns => expect(&existing(&world.asns, resource, number)?, Quantity::whole(-1), &mut touched),
        _ => {}
    }
    Ok(Effect { gone: Some((resource, number)), inventory: touched.rows, ..Effect::default() })
}

/// What people call a product: its SKU, or its identifier where it has none.
pub(super) fn called(sku: Option<&str>, product_id: &str) -> String {
    sku.map_or_else(|| format!("Product '{product_id}'"), |sku| format!("SKU '{sku}'"))
}

/// Whether `text` is `length` capital letters.
pub(super) fn is_code(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The row of this number.
pub(super) fn existing<T: Row>(table: &Table<T>, resource: Resource, number: u32) -> Result<T, Refusal> {
    let missing = || Refusal::Missing(format!("There is no '{}' in {}", resource.id(number), resource.name()));
    Ok(table.get(number).ok_or_else(missing)?.into_owned())
}

/// The refusal of what a row's state does not allow.
pub(super) fn invalid_state(what: &str, id: &str, verb: &str, state: &str) -> Refusal {
    Refusal::Conflict("invalid_state", format!("{what} '{id}' cannot be {verb}: it is '{state}'"), Vec::new())
}

/// The refusal of what is there already.
pub(super) fn duplicate(code: &'static str, field: &str, message: String) -> Refusal {
    Refusal::Conflict(code, message.clone(), vec![Field::new(field, message)])
}

/// The inventory items that a write touches, changed one after the other.
pub(super) struct Touched<'a> {
    world: &'a World,
    at: Instant,
    pub rows: Vec<(u32, Inventory)>,
}

impl<'a> Touched<'a> {
    pub(super) fn new(world: &'a World, at: Instant) -> Self {
        Self { world, at, rows: Vec::new() }
    }

    /// The item as this write has left it so far; `None` where it is gone.
    pub(super) fn item(&mut self, number: u32) -> Option<&mut Inventory> {
        let index = match self.rows.iter().position(|(touched, _)| *touched == number) {
            Some(index) => index,
            None => {
                let mut row = self.world.inventory.get(number)?.into_owned();
                row.updated_at = self.at;
                self.rows.push((number, row));
                self.rows.len() - 1
            }
        };
        self.rows.get_mut(index).map(|(_, row)| row)
    }

    /// What is free of the item in a warehouse, as this write has left it so far. Looking does not touch it.
    pub(super) fn free(&self, number: u32, warehouse: u32) -> Option<Quantity> {
        match self.rows.iter().find(|(touched, _)| *touched == number) {
            Some((_, row)) => Some(row.amounts_in(warehouse).free),
            None => Some(self.world.inventory.get(number)?.amounts_in(warehouse).free),
        }
    }
}

/// The warehouse whose stock an order holds back; `None` where it holds none.
pub(super) fn promised_from(order: &Order) -> Option<u32> {
    let warehouse = order.warehouse_id.as_deref().and_then(|text| id::number(text, id::warehouse));
    warehouse.filter(|_| commits(order.status))
}

/// Gives back what an order holds of the stock.
pub(super) fn release(order: &Order, touched: &mut Touched<'_>) {
    let Some(warehouse) = promised_from(order) else { return };
    for line in &order.lines {
        for (item, rate) in line.bill.iter() {
            if let Some(row) = touched.item(*item) {
                row.allocate(warehouse, Quantity::ZERO - times(*rate, line.qty - line.qty_shipped));
            }
        }
    }
}

/// Expects what an inbound shipment still has to bring, `sign` times.
pub(super) fn expect(asn: &Asn, sign: Quantity, touched: &mut Touched<'_>) {
    let Some(warehouse) = id::number(&asn.warehouse_id, id::warehouse).filter(|_| is_awaited(asn.state)) else { return };
    for item in &asn.items {
        let left = item.left();
        if let Some(row) = id::number(&item.inventory_id, id::inventory).filter(|_| left > Quantity::ZERO).and_then(|item| touched.item(item)) {
            row.expect(warehouse, times(sign, left));
        }
    }
}

/// The warehouse that an input names.
pub(super) fn open_warehouse(world: &World, text: &str) -> Result<u32, Field> {
    let number = Resource::Warehouses.number(text);
    let found = number.and_then(|number| Some((number, world.warehouses.get(number)?)));
    match found {
        Some((number, warehouse)) if warehouse.open && number <= OPEN_WAREHOUSES => Ok(number),
        Some((_, warehouse)) => Err(Field::new("warehouse_id", format!("Warehouse '{}' is closed", warehouse.code))),
        None => Err(Field::new("warehouse_id", format!("Unknown warehouse '{text}'"))),
    }
}

/// The shipping method that an input names.
pub(super) fn known_method(world: &World, text: &str) -> Result<u32, Field> {
    let number = Resource::Methods.number(text).filter(|number| world.methods.get(*number).is_some() && *number <= catalog::METHOD_COUNT);
    number.ok_or_else(|| Field::new("shipping_method_id", format!("Unknown shipping method '{text}'")))
}

/// The client that an input names.
pub(super) fn known_client(world: &World, text: &str) -> Result<u32, Field> {
    let number = Resource::Clients.number(text).filter(|number| world.clients.get(*number).is_some());
    number.ok_or_else(|| Field::new("client_id", format!("Unknown client '{text}'")))
}

/// The place in `warehouse` that an input names as `field`: one that goods lie in.
pub(super) fn known_place(world: &World, warehouse: u32, field: String, text: &str) -> Result<String, Field> {
    let location = Resource::Locations.number(text).and_then(|number| world.locations.get(number));
    let Some(location) = location else { return Err(Field::new(field, format!("Unknown location '{text}'"))) };
    if location.warehouse_id != id::warehouse(warehouse) {
        return Err(Field::new(field, format!("Location '{}' is in warehouse '{}'", location.label, location.warehouse_id)));
    }
    if !matches!(location.kind.as_str(), "bin" | "pallet_rack") {
        return Err(Field::new(field, format!("Location '{}' is a {}: goods do not lie there", location.label, location.kind)));
    }
    Ok(location.id.clone())
}

/// The inventory item that a line names by `inventory_id`, by `sku`, or by both; `at` is the line, such as `items[0]`. Its
/// number, its row, and the field that named it.
pub(super) fn known_item(
    world: &World,
    at: &str,
    inventory_id: Option<&str>,
    sku: Option<&str>,
    wrong: &mut Wrong,
) -> Option<(u32, Inventory, String)> {
    let (field, number) = match (inventory_id, sku) {
        (Some(text), _) => ("inventory_id", Resource::Inventory.number(text).ok_or_else(|| format!("Unknown inventory item '{text}'"))),
        (None, Some(sku)) => ("sku", world.item_skus.get(sku).copied().ok_or_else(|| format!("Unknown SKU '{sku}'"))),
        (None, None) => ("sku", Err("A line needs an inventory_id or a sku".to_owned())),
    };
    let field = format!("{at}.{field}");
    let row = number.and_then(|number| match world.inventory.get(number) {
        Some(row) => Ok((number, row.into_owned())),
        None => Err(format!("Unknown inventory item '{}'", id::inventory(number))),
    });
    let (number, row) = wrong.check(row.map_err(|message| Field::new(field.clone(), message)))?;
    if let Some(sku) = sku.filter(|sku| *sku != row.sku) {
        wrong.add(format!("{at}.sku"), format!("SKU '{sku}' is not the SKU of inventory item '{}'", row.id));
    }
    Some((number, row, field))
}

/// Whether a quantity of an item can be; what is wrong with it is said of `field`.
pub(super) fn countable(item: &Inventory, qty: Quantity, field: String, wrong: &mut Wrong) {
    if qty <= Quantity::ZERO || qty > MOST {
        wrong.add(field, format!("The quantity must be greater than 0 and at most {MOST}"));
    } else if qty.micros() % 1_000_000 != 0 && !item.is_divisible() {
        wrong.add(field, format!("SKU '{}' is counted in whole pieces", item.sku));
    }
}

/// Whether there are as many lines as there may be, and one at least.
pub(super) fn enough_lines(what: &str, field: &str, count: usize, wrong: &mut Wrong) {
    if count == 0 {
        wrong.add(field, format!("{what} needs at least one line"));
    }
    if count > MOST_LINES {
        wrong.add(field, format!("{what} has at most {MOST_LINES} lines"));
    }
}

/// Whether a text has 1 to `most` characters, and more than spaces.
pub(super) fn short_text(field: &str, text: Option<&String>, most: usize, wrong: &mut Wrong) {
    if text.is_some_and(|text| text.trim().is_empty() || text.chars().count() > most) {
        let name = field.rsplit(['.', ']']).next().unwrap_or(field).replace('_', " ");
        wrong.add(field, format!("The {name} has 1 to {most} characters"));
    }
}

/// Whether these can be the tracking numbers of something.
pub(super) fn trackings(numbers: &[String], wrong: &mut Wrong) {
    if numbers.len() > 20 || numbers.iter().any(|number| number.trim().is_empty() || number.chars().count() > 64) {
        wrong.add("trackings", "There are at most 20 tracking numbers of 1 to 64 characters");
    }
}

/// The comments that an input has.
pub(super) fn comments(input: &[NewComment], wrong: &mut Wrong) -> Vec<Comment> {
    if input.len() > 50 || input.iter().any(|comment| comment.text.trim().is_empty() || comment.text.chars().count() > 1_000) {
        wrong.add("comments", "There are at most 50 comments of 1 to 1000 characters");
    }
    input.iter().map(|comment| Comment { author: comment.author.clone(), text: comment.text.clone() }).collect()
}

/// Whether an address can be one, as far as a WMS can tell; `needed` are the fields that it cannot do without.
pub(super) fn address(field: &str, address: &Address, needed: &[&str], wrong: &mut Wrong) {
    let parts = [("name", &address.name), ("address1", &address.address1), ("city", &address.city), ("country", &address.country)];
    for (part, value) in parts {
        if needed.contains(&part) && value.as_ref().is_none_or(|value| value.trim().is_empty()) {
            wrong.add(format!("{field}.{part}"), format!("The address to ship to needs a {part}"));
        }
    }
    if let Some(country) = address.country.as_deref().filter(|country| !country.trim().is_empty() && !is_code(country, 2)) {
        wrong.add(format!("{field}.country"), format!("Country '{country}' is not an ISO 3166-1 alpha-2 code"));
    }
}

/// The vendor of this name: one that is known, or another.
pub(super) fn vendor(name: &str) -> Named {
    let known = (0..6).map(|pick| catalog::vendor(1, pick)).find(|vendor| vendor.name == name);
    known.unwrap_or_else(|| Named { id: "ven_other".to_owned(), name: name.to_owned() })
}

/// The size that an input gives.
pub(super) fn dims(field: &str, input: &NewDims, wrong: &mut Wrong) -> Option<Dims> {
    let NewDims { l, w, h, unit } = input;
    let unit = ["cm", "in"].into_iter().find(|known| known == unit);
    if unit.is_none() {
        wrong.add(format!("{field}.unit"), format!("Unknown unit '{}'; it must be cm or in", input.unit));
    }
    for (part, length) in [("l", *l), ("w", *w), ("h", *h)] {
        if length <= Quantity::ZERO || length > MOST {
            wrong.add(format!("{field}.{part}"), "A length must be greater than 0".to_owned());
        }
    }
    Some(Dims { l: *l, w: *w, h: *h, unit: unit? })
}

/// The weight that an input gives.
pub(super) fn weight(field: &str, input: &NewWeight, wrong: &mut Wrong) -> Option<Weight> {
    let unit = ["g", "kg", "oz", "lb"].into_iter().find(|known| *known == input.unit);
    if unit.is_none() {
        wrong.add(format!("{field}.unit"), format!("Unknown unit '{}'; it must be g, kg, oz or lb", input.unit));
    }
    if input.value <= Quantity::ZERO || input.value > MOST {
        wrong.add(format!("{field}.value"), "A weight must be greater than 0");
    }
    Some(Weight { value: input.value, unit: unit? })
}

/// Whether `text` is a day such as 2026-01-31.
pub(super) fn is_day(text: &str) -> bool {
    text.len() == 10 && format!("{text}T00:00:00Z").parse::<Instant>().is_ok()
}

/// A lot as an input names it: its number, and the day it expires on.
pub(super) struct NamedLot<'a> {
    pub lot: Option<&'a str>,
    pub expires_on: Option<&'a str>,
}

impl NamedLot<'_> {
    /// The lot that goods of `item` are booked into; `None` where lots are not kept. One that is not named is a lot of the day.
    /// What is wrong is said of fields below `at`.
    pub(super) fn booked(&self, item: &Inventory, at: &str, moment: Instant, wrong: &mut Wrong) -> Option<(String, Option<String>)> {
        let mut refuse = |field: &str, message: String| wrong.add(format!("{at}{field}"), message);
        if !item.has_lots {
            if self.lot.is_some() || self.expires_on.is_some() {
                refuse("lot", format!("SKU '{}' is not kept by lot", item.sku));
            }
            return None;
        }
        if let Some(day) = self.expires_on.filter(|day| !is_day(day)) {
            refuse("expires_on", format!("'{day}' is not a day such as 2026-01-31"));
        }
        let Some(lot) = self.lot else {
            let day = super::goods::day(moment).replace('-', "");
            let until = self.expires_on.map(|day| format!("-{day}")).unwrap_or_default();
            return Some((format!("R{}{until}", day.get(2..).unwrap_or_default()), self.expires_on.map(str::to_owned)));
        };
        if lot.trim().is_empty() || lot.chars().count() > 64 {
            refuse("lot", "The lot has 1 to 64 characters".to_owned());
        }
        let known = item.lots.iter().find(|of| of.lot == lot);
        if let Some((known, day)) =
            known.and_then(|known| Some((known, self.expires_on?))).filter(|(known, day)| known.expires_on.as_deref() != Some(*day))
        {
            let when = known.expires_on.as_deref().map_or("never".to_owned(), |known| format!("on {known}"));
            refuse("expires_on", format!("Lot '{lot}' expires {when}, not on {day}"));
        }
        let expires_on = known.map_or_else(|| self.expires_on.map(str::to_owned), |known| known.expires_on.clone());
        Some((lot.to_owned(), expires_on))
    }
}
