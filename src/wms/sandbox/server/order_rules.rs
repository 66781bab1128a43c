//! Making an order: what it needs, what it promises of the stock, and what it comes to.

use super::base::{bill, times};
use super::catalog::{self, OPEN_WAREHOUSES, id};
use super::history::{line_price, payable, referenced};
use super::input::{NewLine, NewOrder};
use super::refusal::{Field, Refusal, Wrong};
use super::rules::{MOST, Touched, address, called, duplicate, enough_lines, is_code, known_client, known_method, open_warehouse, short_text};
use super::wire::{Named, Order, OrderAmounts, OrderLine, Product, Shipping};
use super::world::{Effect, Resource, World};
use crate::record::{Instant, Money, Quantity};

/// What an address to ship to must have.
pub(super) const SHIP_TO: [&str; 4] = ["name", "address1", "city", "country"];

/// What making this order does.
pub(super) fn create(world: &World, input: &NewOrder, at: Instant) -> Result<Effect, Refusal> {
    let mut wrong = Wrong::default();
    let lines = known_lines(world, &input.lines, |_| false, &mut wrong);
    let client = match input.client_id.as_deref() {
        Some(text) => wrong.check(known_client(world, text)),
        None => lines.first().and_then(KnownLine::owner),
    };
    one_client(client, &lines, &mut wrong);
    match &input.ship_to {
        Some(to) => address("ship_to", to, &SHIP_TO, &mut wrong),
        None => wrong.add("ship_to", "An order needs an address to ship to"),
    }
    let warehouse = input.warehouse_id.as_deref().and_then(|text| wrong.check(open_warehouse(world, text)));
    let method = input.shipping_method_id.as_deref().and_then(|text| wrong.check(known_method(world, text)));
    let kind = input.kind.as_deref().unwrap_or("d2c");
    known_kind(kind, &mut wrong);
    let duties = input.duties.as_deref().and_then(|text| wrong.check(known_duties(text)));
    let currency = input.currency.as_deref().unwrap_or("EUR");
    if !is_code(currency, 3) {
        wrong.add("currency", format!("Currency '{currency}' is not an ISO 4217 code"));
    }
    short_text("number", input.number.as_ref(), 64, &mut wrong);
    short_text("reference", input.reference.as_ref(), 64, &mut wrong);
    short_text("freight_account", input.freight_account.as_ref(), 64, &mut wrong);
    known_tags(&input.tags, &mut wrong);
    wrong.finish()?;
    let (Some(client), Some(ship_to)) = (client, input.ship_to.clone()) else {
        return Err(Refusal::Fields(vec![Field::new("client_id", "Nobody owns these goods")]));
    };
    if let Some(reference) = &input.reference {
        free_reference(world, reference, None)?;
    }

    let number = world.orders.next_number();
    let order_id = id::order(number);
    let lines: Vec<OrderLine> = (1..).zip(&lines).map(|(index, line)| line.made(format!("{order_id}-{index}"), currency)).collect();
    let mut touched = Touched::new(world, at);
    let promised = promise(world, warehouse, &lines, &mut touched);
    let order = Order {
        number: input.number.clone().unwrap_or_else(|| format!("SO-{}", 100_000 + u64::from(number))),
        reference: input.reference.clone(),
        client_id: id::client(client),
        warehouse_id: promised.or(warehouse).map(id::warehouse),
        status: if promised.is_some() { "new" } else { "backorder" },
        hold_reason: None,
        kind: kind.to_owned(),
        channel: Some(Named { id: "ch_api".to_owned(), name: input.channel.clone().unwrap_or_else(|| "API".to_owned()) }),
        trading_partner: None,
        ship_by: input.ship_by,
        shipping: Shipping {
            saturday: input.saturday.unwrap_or(false),
            signature: input.signature.unwrap_or(false),
            duties,
            freight_payer: if input.freight_account.is_some() { "third_party" } else { "seller" },
            freight_account: input.freight_account.clone(),
            ..shipping(method)
        },
        ship_to,
        amounts: amounts(currency, &lines, Money::default(), Money::default()),
        tags: input.tags.clone(),
        gift_message: input.gift_message.clone(),
        lines,
        shipments: Vec::new(),
        created_at: at,
        updated_at: at,
        id: order_id,
    };
    Ok(Effect { order: Some((number, order)), inventory: touched.rows, ..Effect::default() })
}

/// How an order is shipped by this method, and nothing more.
pub(super) fn shipping(method: Option<u32>) -> Shipping {
    Shipping {
        method_id: method.map(id::method),
        method_name: Some(method.map_or("Best available", |method| catalog::method(method).0).to_owned()),
        carrier: method.and_then(catalog::carrier),
        service: method.map(|method| catalog::method(method).1.to_owned()),
        saturday: false,
        signature: false,
        duties: None,
        freight_payer: "seller",
        freight_account: None,
    }
}

/// What lines come to; shipping and tax are not the warehouse's to reckon.
pub(super) fn amounts(currency: &str, lines: &[OrderLine], shipping: Money, tax: Money) -> OrderAmounts {
    let goods = lines.iter().map(|line| i128::from(line_price(currency, line.unit_price.unwrap_or_default(), line.qty).micros())).sum();
    let discount: i64 = lines.iter().map(|line| line.discount.micros()).sum();
    let (goods, discount) = (payable(currency, goods), Money::from_micros(discount));
    let grand_total = Money::from_micros(goods.micros() - discount.micros() + shipping.micros() + tax.micros());
    OrderAmounts { currency: currency.to_owned(), goods, discount, shipping, tax, grand_total }
}

/// Refuses a reference that another order has.
pub(super) fn free_reference(world: &World, reference: &str, own: Option<u32>) -> Result<(), Refusal> {
    // An order of the seed may have been given another reference since.
    let has_it = |number: &u32| world.orders.get(*number).is_some_and(|order| order.reference.as_deref() == Some(reference));
    let holder = world.references.get(reference).copied().or_else(|| referenced(&world.base, reference).filter(has_it));
    match holder.filter(|holder| Some(*holder) != own) {
        Some(other) => {
            let message = format!("There is an order with reference '{reference}' already: '{}'", id::order(other));
            Err(duplicate("duplicate_reference", "reference", message))
        }
        None => Ok(()),
    }
}

pub(super) fn known_kind(kind: &str, wrong: &mut Wrong) {
    if !matches!(kind, "d2c" | "wholesale" | "dropship" | "transfer") {
        wrong.add("kind", format!("Unknown kind '{kind}'; it must be d2c, wholesale, dropship or transfer"));
    }
}

pub(super) fn known_duties(text: &str) -> Result<&'static str, Field> {
    let known = ["DDP", "DAP", "3RD"].into_iter().find(|known| *known == text);
    known.ok_or_else(|| Field::new("duties", format!("Unknown duties '{text}'; they must be DDP, DAP or 3RD")))
}

pub(super) fn known_tags(tags: &[String], wrong: &mut Wrong) {
    if tags.len() > 20 || tags.iter().any(|tag| tag.is_empty() || tag.chars().count() > 40) {
        wrong.add("tags", "An order has at most 20 tags of 1 to 40 characters");
    }
}

/// A line of an input whose product is known.
pub(super) struct KnownLine<'a> {
    /// Its place in the input.
    pub index: usize,
    pub product: Product,
    pub input: &'a NewLine,
}

impl KnownLine<'_> {
    /// The client that the product belongs to.
    fn owner(&self) -> Option<u32> {
        Resource::Clients.number(&self.product.client_id)
    }

    /// The line that is made of it.
    pub(super) fn made(&self, line_id: String, currency: &str) -> OrderLine {
        // The list price is in euros.
        let list_price = self.product.price.filter(|_| currency == "EUR");
        OrderLine {
            id: line_id,
            product_id: self.product.id.clone(),
            sku: self.product.sku.clone(),
            title: self.product.title.clone(),
            qty: self.input.qty,
            qty_picked: Quantity::ZERO,
            qty_shipped: Quantity::ZERO,
            unit_price: self.input.unit_price.or(list_price),
            discount: self.input.discount.unwrap_or_default(),
            bill: bill(&self.product),
        }
    }
}

/// The lines whose products are known; what is wrong with the others, or with any, is said. `has` says which products the
/// order has already: those may have been archived since.
pub(super) fn known_lines<'a>(world: &World, input: &'a [NewLine], has: impl Fn(&str) -> bool, wrong: &mut Wrong) -> Vec<KnownLine<'a>> {
    enough_lines("An order", "lines", input.len(), wrong);
    let mut lines = Vec::new();
    for (index, line) in input.iter().take(super::rules::MOST_LINES).enumerate() {
        let mut refuse = |field: &str, message: String| wrong.add(format!("lines[{index}].{field}"), message);
        let (field, number) = match (line.product_id.as_deref(), line.sku.as_deref()) {
            (Some(text), _) => ("product_id", Resource::Products.number(text).ok_or_else(|| format!("Unknown product '{text}'"))),
            (None, Some(sku)) => ("sku", world.skus.get(sku).copied().ok_or_else(|| format!("Unknown SKU '{sku}'"))),
            (None, None) => ("sku", Err("A line needs a product_id or a sku".to_owned())),
        };
        let product = number.and_then(|number| match world.products.get(number) {
            Some(product) => Ok(product.into_owned()),
            None => Err(format!("Unknown product '{}'", id::product(number))),
        });
        if line.qty <= Quantity::ZERO || line.qty > MOST {
            refuse("qty", format!("The quantity must be greater than 0 and at most {MOST}"));
        }
        let most = Money::from_micros(1_000_000_000_000);
        for (field, name, money) in [("unit_price", "unit price", line.unit_price), ("discount", "discount", line.discount)] {
            if money.is_some_and(|money| money < Money::default() || money > most) {
                refuse(field, format!("The {name} must not be negative or above 1000000"));
            }
        }
        let product = match product {
            Ok(product) => product,
            Err(message) => {
                refuse(field, message);
                continue;
            }
        };
        let name = called(product.sku.as_deref(), &product.id);
        if line.product_id.is_some() && line.sku.is_some() && line.sku != product.sku {
            refuse("sku", format!("SKU '{}' is not the SKU of product '{}'", line.sku.as_deref().unwrap_or_default(), product.id));
        }
        if product.archived && !has(&product.id) {
            refuse(field, format!("{name} is archived and cannot be ordered"));
        }
        if line.qty.micros() % 1_000_000 != 0 && !is_divisible(world, &bill(&product)) {
            refuse("qty", format!("{name} is sold in whole pieces"));
        }
        lines.push(KnownLine { index, product, input: line });
    }
    lines
}

/// Whether parts of what takes this from stock can be ordered and shipped. Only where it is one item and nothing else: parts of
/// a kit would have to be rounded.
pub(super) fn is_divisible(world: &World, bill: &[(u32, Quantity)]) -> bool {
    matches!(*bill, [(item, rate)] if rate == Quantity::whole(1) && world.inventory.get(item).is_some_and(|row| row.is_divisible()))
}

/// Complains of lines whose goods are not `client`'s.
pub(super) fn one_client(client: Option<u32>, lines: &[KnownLine<'_>], wrong: &mut Wrong) {
    for line in lines.iter().filter(|line| client.is_some() && line.owner() != client) {
        let field = if line.input.product_id.is_some() { "product_id" } else { "sku" };
        let name = called(line.input.sku.as_deref(), &line.product.id);
        wrong.add(format!("lines[{}].{field}", line.index), format!("{name} belongs to another client"));
    }
}

/// Promises stock from the wanted warehouse, or from the first open one that has all of it, and says from which. Where none
/// has, the order waits and nothing is promised.
pub(super) fn promise(world: &World, wanted: Option<u32>, lines: &[OrderLine], touched: &mut Touched<'_>) -> Option<u32> {
    let mut needs: Vec<(u32, Quantity)> = Vec::new();
    for line in lines {
        for (item, rate) in line.bill.iter() {
            let qty = times(*rate, line.qty);
            match needs.iter_mut().find(|(known, _)| known == item) {
                Some((_, need)) => *need += qty,
                None => needs.push((*item, qty)),
            }
        }
    }
    let is_open = |number: u32| world.warehouses.get(number).is_some_and(|warehouse| warehouse.open);
    let has_all = |warehouse: &u32| needs.iter().all(|(item, qty)| touched.free(*item, *warehouse).is_some_and(|free| free >= *qty));
    let warehouse = match wanted {
        Some(wanted) => Some(wanted).filter(has_all),
        None => (1..=OPEN_WAREHOUSES).filter(|number| is_open(*number)).find(has_all),
    }?;
    for (item, qty) in needs {
        if let Some(row) = touched.item(item) {
            row.allocate(warehouse, qty);
        }
    }
    Some(warehouse)
}
