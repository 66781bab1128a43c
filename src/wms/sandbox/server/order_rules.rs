//! Making an order: what it needs, what it promises of the stock, and what it comes to.

use super::base::times;
use super::catalog::{self, OPEN_WAREHOUSES, id};
use super::history::{line_price, payable, referenced};
use super::input::{NewLine, NewOrder};
use super::refusal::{Field, Refusal};
use super::rules::{Touched, called, is_code, known_method, open_warehouse};
use super::wire::{Address, Named, Order, OrderAmounts, OrderLine, Shipping};
use super::world::{Effect, Resource, World};
use crate::record::{Instant, Money, Quantity};

/// The most of anything that can be ordered at once.
const MOST: Quantity = Quantity::whole(1_000_000);
/// The most lines of an order.
const MOST_LINES: usize = 500;

/// The hash by which the same request is known again.
pub(super) fn fingerprint(order: &NewOrder) -> blake3::Hash {
    blake3::hash(&serde_json::to_vec(order).unwrap_or_default())
}

/// The order that was made with this idempotency key, if there is one.
///
/// # Errors
/// When something else was asked for with it.
pub(super) fn made_before(world: &World, key: &str, order: &NewOrder) -> Result<Option<u32>, Refusal> {
    match world.keys.get(key) {
        Some((hash, number)) if *hash == fingerprint(order) => Ok(Some(*number)),
        Some(_) => {
            let message = format!("Idempotency key '{key}' was used for a different order");
            Err(Refusal::Conflict("idempotency_key_reused", message, Vec::new()))
        }
        None => Ok(None),
    }
}

/// What making this order does.
pub(super) fn create(world: &World, key: Option<&str>, input: &NewOrder, at: Instant) -> Result<Effect, Refusal> {
    let mut wrong = Vec::new();
    let lines = lines(world, &input.lines, &mut wrong);
    let client = client(world, input, &lines, &mut wrong);
    let ship_to = ship_to(input.ship_to.as_ref(), &mut wrong);
    let mut valid = |result: Result<u32, Field>| result.map_err(|field| wrong.push(field)).ok();
    let warehouse = input.warehouse_id.as_deref().and_then(|text| valid(open_warehouse(world, text)));
    let method = input.shipping_method_id.as_deref().and_then(|text| valid(known_method(world, text)));
    let kind = input.kind.as_deref().unwrap_or("d2c");
    if !matches!(kind, "d2c" | "wholesale" | "dropship" | "transfer") {
        wrong.push(Field::new("kind", format!("Unknown kind '{kind}'; it must be d2c, wholesale, dropship or transfer")));
    }
    let currency = input.currency.as_deref().unwrap_or("EUR");
    if !is_code(currency, 3) {
        wrong.push(Field::new("currency", format!("Currency '{currency}' is not an ISO 4217 code")));
    }
    for (field, text) in [("number", &input.number), ("reference", &input.reference)] {
        if text.as_ref().is_some_and(|text| text.trim().is_empty() || text.chars().count() > 64) {
            wrong.push(Field::new(field, format!("The {field} has 1 to 64 characters")));
        }
    }
    if input.tags.len() > 20 || input.tags.iter().any(|tag| tag.is_empty() || tag.chars().count() > 40) {
        wrong.push(Field::new("tags", "An order has at most 20 tags of 1 to 40 characters"));
    }
    let (Some(client), Some(ship_to), true) = (client, ship_to, wrong.is_empty()) else { return Err(Refusal::Fields(wrong)) };
    let holder = |reference: &String| world.references.get(reference).copied().or_else(|| referenced(&world.base, reference));
    if let Some((reference, other)) = input.reference.as_ref().and_then(|reference| Some((reference, holder(reference)?))) {
        let message = format!("There is an order with reference '{reference}' already: '{}'", id::order(other));
        return Err(Refusal::Conflict("duplicate_reference", message.clone(), vec![Field::new("reference", message)]));
    }

    let number = world.orders.next_number();
    let (warehouse, inventory, status) = promise(world, warehouse, &lines, at);
    let order_id = id::order(number);
    let line = |(index, (product, line)): (u32, &(u32, &NewLine))| {
        let of = world.products.get(*product);
        // The list price is in euros.
        let list_price = of.as_ref().and_then(|product| product.price).filter(|_| currency == "EUR");
        OrderLine {
            id: format!("{order_id}-{index}"),
            product_id: id::product(*product),
            sku: of.as_ref().and_then(|product| product.sku.clone()),
            title: of.map_or_else(String::new, |product| product.title.clone()),
            qty: line.qty,
            qty_picked: Quantity::ZERO,
            qty_shipped: Quantity::ZERO,
            unit_price: line.unit_price.or(list_price),
            discount: Money::default(),
        }
    };
    let lines: Vec<OrderLine> = (1..).zip(&lines).map(line).collect();
    let goods = lines.iter().map(|line| i128::from(line_price(currency, line.unit_price.unwrap_or_default(), line.qty).micros())).sum();
    let goods = payable(currency, goods);
    let nothing = Money::default();
    let order = Order {
        number: input.number.clone().unwrap_or_else(|| format!("SO-{}", 100_000 + u64::from(number))),
        reference: input.reference.clone(),
        client_id: id::client(client),
        warehouse_id: warehouse.map(id::warehouse),
        status,
        hold_reason: None,
        kind: kind.to_owned(),
        channel: Some(Named { id: "ch_api".to_owned(), name: input.channel.clone().unwrap_or_else(|| "API".to_owned()) }),
        trading_partner: None,
        ship_by: input.ship_by,
        shipping: Shipping {
            method_id: method.map(id::method),
            method_name: Some(method.map_or("Best available", |method| catalog::method(method).0).to_owned()),
            carrier: method.and_then(catalog::carrier),
            service: method.map(|method| catalog::method(method).1.to_owned()),
            saturday: false,
            signature: false,
            duties: None,
            freight_payer: "seller",
            freight_account: None,
        },
        ship_to,
        amounts: OrderAmounts { currency: currency.to_owned(), goods, discount: nothing, shipping: nothing, tax: nothing, grand_total: goods },
        tags: input.tags.clone(),
        gift_message: input.gift_message.clone(),
        lines,
        shipments: Vec::new(),
        created_at: at,
        updated_at: at,
        id: order_id,
    };
    let key = key.map(|key| (key.to_owned(), fingerprint(input)));
    Ok(Effect { order: Some((number, order)), inventory, key, ..Effect::default() })
}

/// The product of each line that is in order; what is not goes to `wrong`.
fn lines<'a>(world: &World, input: &'a [NewLine], wrong: &mut Vec<Field>) -> Vec<(u32, &'a NewLine)> {
    if input.is_empty() {
        wrong.push(Field::new("lines", "An order needs at least one line"));
    }
    if input.len() > MOST_LINES {
        wrong.push(Field::new("lines", format!("An order has at most {MOST_LINES} lines")));
    }
    let mut lines = Vec::new();
    for (index, line) in input.iter().take(MOST_LINES).enumerate() {
        let mut refuse = |field: &str, message: String| wrong.push(Field::new(format!("lines[{index}].{field}"), message));
        let by_id = line.product_id.as_deref().map(|text| (text, Resource::Products.number(text)));
        let (field, number) = match (by_id, line.sku.as_deref()) {
            (Some((text, number)), _) => {
                let number = number.filter(|number| world.products.get(*number).is_some());
                if number.is_none() {
                    refuse("product_id", format!("Unknown product '{text}'"));
                }
                ("product_id", number)
            }
            (None, Some(sku)) => {
                let number = world.skus.get(sku).copied();
                if number.is_none() {
                    refuse("sku", format!("Unknown SKU '{sku}'"));
                }
                ("sku", number)
            }
            (None, None) => {
                refuse("sku", "A line needs a product_id or a sku".to_owned());
                continue;
            }
        };
        if line.qty <= Quantity::ZERO || line.qty > MOST {
            refuse("qty", format!("The quantity must be greater than 0 and at most {MOST}"));
        }
        if line.unit_price.is_some_and(|price| price < Money::default() || price > Money::from_micros(1_000_000_000_000)) {
            refuse("unit_price", "The unit price must not be negative or above 1000000".to_owned());
        }
        let Some((number, product)) = number.and_then(|number| Some((number, world.products.get(number)?))) else { continue };
        let name = called(product.sku.as_deref(), &product.id);
        if by_id.is_some() && line.sku.is_some() && line.sku != product.sku {
            refuse("sku", format!("SKU '{}' is not the SKU of product '{}'", line.sku.as_deref().unwrap_or_default(), product.id));
        }
        if product.archived {
            refuse(field, format!("{name} is archived and cannot be ordered"));
        }
        if line.qty.micros() % 1_000_000 != 0 && !world.base.is_divisible(number) {
            refuse("qty", format!("{name} is sold in whole pieces"));
        }
        lines.push((number, line));
    }
    lines
}

/// Whose goods are ordered: all lines must be of one client.
fn client(world: &World, input: &NewOrder, lines: &[(u32, &NewLine)], wrong: &mut Vec<Field>) -> Option<u32> {
    let owner = |product: u32| Resource::Clients.number(&world.products.get(product)?.client_id);
    let named = input.client_id.as_deref().map(|text| (text, Resource::Clients.number(text).filter(|number| world.clients.get(*number).is_some())));
    let client = match named {
        Some((text, None)) => {
            wrong.push(Field::new("client_id", format!("Unknown client '{text}'")));
            return None;
        }
        Some((_, client)) => client,
        None => lines.first().and_then(|(product, _)| owner(*product)),
    };
    for (index, (product, line)) in lines.iter().enumerate() {
        if client.is_some() && owner(*product) != client {
            let field = if line.product_id.is_some() { "product_id" } else { "sku" };
            let name = called(line.sku.as_deref(), &id::product(*product));
            wrong.push(Field::new(format!("lines[{index}].{field}"), format!("{name} belongs to another client")));
        }
    }
    client
}

fn ship_to(input: Option<&Address>, wrong: &mut Vec<Field>) -> Option<Address> {
    let Some(address) = input else {
        wrong.push(Field::new("ship_to", "An order needs an address to ship to"));
        return None;
    };
    let needed = [("name", &address.name), ("address1", &address.address1), ("city", &address.city), ("country", &address.country)];
    for (field, value) in needed {
        if value.as_ref().is_none_or(|value| value.trim().is_empty()) {
            wrong.push(Field::new(format!("ship_to.{field}"), format!("The address to ship to needs a {field}")));
        }
    }
    if let Some(country) = address.country.as_deref().filter(|country| !country.trim().is_empty() && !is_code(country, 2)) {
        wrong.push(Field::new("ship_to.country", format!("Country '{country}' is not an ISO 3166-1 alpha-2 code")));
    }
    Some(address.clone())
}

type Promised = (Option<u32>, Vec<(u32, super::wire::Inventory)>, &'static str);

/// Promises stock from the wanted warehouse, or from the first open one that has all of it. Where none has, the order
/// waits and promises nothing.
fn promise(world: &World, wanted: Option<u32>, lines: &[(u32, &NewLine)], at: Instant) -> Promised {
    let mut needs: Vec<(u32, Quantity)> = Vec::new();
    for (product, line) in lines {
        for (item, rate) in world.base.bill(*product) {
            let qty = times(*rate, line.qty);
            match needs.iter_mut().find(|(known, _)| known == item) {
                Some((_, need)) => *need += qty,
                None => needs.push((*item, qty)),
            }
        }
    }
    let is_open = |number: u32| world.warehouses.get(number).is_some_and(|warehouse| warehouse.open);
    let has_all = |warehouse: &u32| needs.iter().all(|(item, qty)| world.inventory.get(*item).is_some_and(|row| row.free_in(*warehouse) >= *qty));
    let chosen = match wanted {
        Some(wanted) => Some(wanted).filter(has_all),
        None => (1..=OPEN_WAREHOUSES).filter(|number| is_open(*number)).find(has_all),
    };
    let Some(warehouse) = chosen else { return (wanted, Vec::new(), "backorder") };
    let mut touched = Touched::new(world, at);
    for (item, qty) in needs {
        if let Some(row) = touched.item(item) {
            row.allocate(warehouse, qty);
        }
    }
    (Some(warehouse), touched.rows, "new")
}
