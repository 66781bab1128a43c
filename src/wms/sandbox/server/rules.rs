//! What may be written, and what follows from it.
//!
//! Everything here is a pure function of the world, the write and the moment. All that is wrong with an input is said
//! at once, field by field.

use super::base::times;
use super::catalog::{self, OPEN_WAREHOUSES, id};
use super::goods;
use super::history::{commits, shipment};
use super::input::ProductChange;
use super::journal::Write;
use super::order_rules;
use super::random::Random;
use super::refusal::{Field, Refusal};
use super::wire::{Inventory, Order, ParcelLine};
use super::world::{Effect, Resource, World};
use crate::record::{Instant, Money, Quantity};

/// What `write` would do at the moment `at`.
///
/// # Errors
/// Why it is refused.
pub(super) fn plan(world: &World, write: &Write, at: Instant) -> Result<Effect, Refusal> {
    match write {
        Write::CreateOrder { key, order } => order_rules::create(world, key.as_deref(), order, at),
        Write::ChangeProduct { product, change } => change_product(world, *product, change, at),
        Write::ShipOrder { order } => ship(world, *order, at),
        Write::CancelOrder { order } => cancel(world, *order, at),
        Write::Delete { resource, number } => {
            let resource = Resource::ALL.iter().copied().find(|known| known.name() == resource);
            let gone = resource.map(|resource| (resource, *number));
            gone.map(|gone| Effect { gone: Some(gone), ..Effect::default() }).ok_or_else(|| Refusal::Missing("No such resource".to_owned()))
        }
    }
}

/// What people call a product: its SKU, or its identifier where it has none.
pub(super) fn called(sku: Option<&str>, product_id: &str) -> String {
    sku.map_or_else(|| format!("Product '{product_id}'"), |sku| format!("SKU '{sku}'"))
}

/// Whether `text` is `length` capital letters.
pub(super) fn is_code(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn change_product(world: &World, number: u32, change: &ProductChange, at: Instant) -> Result<Effect, Refusal> {
    let missing = || Refusal::Missing(format!("There is no product '{}'", id::product(number)));
    let mut product = world.products.get(number).ok_or_else(missing)?.into_owned();
    let mut wrong = Vec::new();
    let mut refuse = |field: &str, message: String| wrong.push(Field::new(field, message));

    if let Some(sku) = &change.sku {
        if sku.as_ref().is_some_and(|sku| sku.trim().is_empty() || sku.chars().count() > 64) {
            refuse("sku", "A SKU has 1 to 64 characters".to_owned());
        }
        product.sku.clone_from(sku);
    }
    match &change.title {
        Some(Some(title)) if !title.trim().is_empty() && title.chars().count() <= 200 => product.title.clone_from(title),
        Some(Some(title)) if !title.trim().is_empty() => refuse("title", "A title has at most 200 characters".to_owned()),
        Some(_) => refuse("title", "The title must not be empty".to_owned()),
        None => {}
    }
    if let Some(barcode) = &change.barcode {
        if let Some(text) = barcode.as_ref().filter(|text| !goods::is_gtin(text)) {
            refuse("barcode", format!("'{text}' is not a GTIN: it needs 8, 12, 13 or 14 digits, the last of which is the check digit"));
        }
        product.barcode.clone_from(barcode);
    }
    if let Some(price) = change.price {
        if price.is_some_and(|price| price < Money::default()) {
            refuse("price", "The price must not be negative".to_owned());
        }
        product.price = price;
    }
    match change.archived {
        Some(Some(archived)) => product.archived = archived,
        Some(None) => refuse("archived", "Archived must be true or false".to_owned()),
        None => {}
    }
    if let Some(country) = &change.origin_country {
        if let Some(text) = country.as_ref().filter(|text| !is_code(text, 2)) {
            refuse("origin_country", format!("Country '{text}' is not an ISO 3166-1 alpha-2 code"));
        }
        product.origin_country.clone_from(country);
    }
    if let Some(code) = &change.hs_code {
        let digits = |text: &String| text.bytes().filter(u8::is_ascii_digit).count();
        if let Some(text) = code.as_ref().filter(|text| !(4..=12).contains(&digits(text)) || text.chars().any(|c| c != '.' && !c.is_ascii_digit())) {
            refuse("hs_code", format!("'{text}' is not a Harmonized System code such as 0902.10"));
        }
        product.hs_code.clone_from(code);
    }
    if let Some(storage) = &change.storage {
        product.storage.clone_from(storage);
    }
    if !wrong.is_empty() {
        return Err(Refusal::Fields(wrong));
    }
    if let Some((sku, other)) = product.sku.as_ref().and_then(|sku| Some((sku, *world.skus.get(sku)?))).filter(|(_, other)| *other != number) {
        let message = format!("SKU '{sku}' belongs to product '{}' already", id::product(other));
        return Err(Refusal::Conflict("duplicate_sku", message.clone(), vec![Field::new("sku", message)]));
    }
    if world.products.get(number).is_some_and(|old| *old == product) {
        return Ok(Effect::default());
    }
    product.updated_at = at;
    Ok(Effect { product: Some((number, product)), ..Effect::default() })
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
}

fn existing(world: &World, number: u32) -> Result<Order, Refusal> {
    let order = world.orders.get(number).ok_or_else(|| Refusal::Missing(format!("There is no order '{}'", id::order(number))))?;
    Ok(order.into_owned())
}

/// What every line of an order still has to ship: product and quantity.
fn left(order: &Order) -> impl Iterator<Item = (u32, Quantity)> + '_ {
    order.lines.iter().filter_map(|line| Some((id::number(&line.product_id, id::product)?, line.qty - line.qty_shipped)))
}

fn ship(world: &World, number: u32, at: Instant) -> Result<Effect, Refusal> {
    let mut order = existing(world, number)?;
    let warehouse = order.warehouse_id.as_deref().and_then(|text| id::number(text, id::warehouse));
    let Some(warehouse) = warehouse.filter(|warehouse| *warehouse <= OPEN_WAREHOUSES && commits(order.status)) else {
        return Err(Refusal::Conflict("invalid_state", format!("Order '{}' cannot be shipped: it is '{}'", order.id, order.status), Vec::new()));
    };
    let mut touched = Touched::new(world, at);
    let mut contents = Vec::new();
    for (product, qty) in left(&order).filter(|(_, qty)| *qty > Quantity::ZERO) {
        let kit = &world.base.products[product as usize - 1];
        for (item, rate) in world.base.bill(product) {
            let qty = times(*rate, qty);
            let Some(row) = touched.item(*item) else { continue };
            let line = |qty, lot: Option<(String, Option<String>)>| {
                let (lot, expires_on) = lot.unzip();
                let (inventory_id, sku) = (id::inventory(*item), world.base.item(*item).sku.clone());
                let kit_product_id = (kit.kind == "kit").then(|| kit.id.clone());
                ParcelLine { inventory_id, sku, qty, lot, expires_on: expires_on.flatten(), kit_product_id }
            };
            let lots = row.take(warehouse, qty);
            if lots.is_empty() {
                contents.push(line(qty, None));
            } else {
                contents.extend(lots.into_iter().map(|(lot, qty)| line(qty, Some((lot.lot, lot.expires_on)))));
            }
        }
    }
    order.shipments.retain(|shipment| shipment.state != "staged");
    let shipment_id = format!("shp_{number:06}-{}", order.shipments.len() + 1);
    let method = order.shipping.method_id.as_deref().and_then(|text| id::number(text, id::method)).unwrap_or(1);
    let mut random = Random::of(&[world.base.seed, 50, u64::from(number)]);
    let state = ("shipped", Some(at));
    order.shipments.push(shipment(&world.base, shipment_id, state, warehouse, method, &order.ship_to, &contents, &mut random));
    for line in &mut order.lines {
        line.qty_picked = line.qty;
        line.qty_shipped = line.qty;
    }
    order.status = "shipped";
    order.updated_at = at;
    Ok(Effect { order: Some((number, order)), inventory: touched.rows, ..Effect::default() })
}

fn cancel(world: &World, number: u32, at: Instant) -> Result<Effect, Refusal> {
    let mut order = existing(world, number)?;
    if matches!(order.status, "shipped" | "part_shipped" | "void") {
        return Err(Refusal::Conflict("invalid_state", format!("Order '{}' cannot be cancelled: it is '{}'", order.id, order.status), Vec::new()));
    }
    let mut touched = Touched::new(world, at);
    let warehouse = order.warehouse_id.as_deref().and_then(|text| id::number(text, id::warehouse));
    if let Some(warehouse) = warehouse.filter(|_| commits(order.status)) {
        for (product, qty) in left(&order) {
            for (item, rate) in world.base.bill(product) {
                if let Some(row) = touched.item(*item) {
                    row.allocate(warehouse, Quantity::ZERO - times(*rate, qty));
                }
            }
        }
    }
    for shipment in &mut order.shipments {
        shipment.state = "voided";
    }
    order.status = "void";
    order.hold_reason = None;
    order.updated_at = at;
    Ok(Effect { order: Some((number, order)), inventory: touched.rows, ..Effect::default() })
}

/// The warehouse that an input names.
pub(super) fn open_warehouse(world: &World, text: &str) -> Result<u32, Field> {
    let number = Resource::Warehouses.number(text);
    let found = number.and_then(|number| Some((number, world.warehouses.get(number)?)));
    match found {
        Some((number, warehouse)) if warehouse.open => Ok(number),
        Some((_, warehouse)) => Err(Field::new("warehouse_id", format!("Warehouse '{}' is closed", warehouse.code))),
        None => Err(Field::new("warehouse_id", format!("Unknown warehouse '{text}'"))),
    }
}

/// The shipping method that an input names.
pub(super) fn known_method(world: &World, text: &str) -> Result<u32, Field> {
    let number = Resource::Methods.number(text).filter(|number| world.methods.get(*number).is_some() && *number <= catalog::METHOD_COUNT);
    number.ok_or_else(|| Field::new("shipping_method_id", format!("Unknown shipping method '{text}'")))
}
