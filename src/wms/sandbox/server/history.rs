//! The orders that were there before anybody came: sixty days of them, up to the epoch.
//!
//! An order is made in two steps. Its [`Sketch`] is cheap and says what the rest of the warehouse must know (when,
//! where, how much of what); [`order`] makes the whole order of it, only when somebody asks for it. A million orders
//! cost a million sketches once, and the memory of two index entries each.

use super::base::{Base, times};
use super::catalog::{self, DAY, METHOD_COUNT, OPEN_WAREHOUSES, id};
use super::random::Random;
use super::wire::{Address, Dims, Named, Order, OrderAmounts, OrderLine, Parcel, ParcelLine, Shipment, ShipmentLine, Shipping, Weight};
use crate::record::{Instant, Money, Quantity};

/// How far the orders reach back, in days.
const DAYS: i64 = 60;

/// The parts of an order that stock and returns depend on.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    pub client: u32,
    pub warehouse: Option<u32>,
    pub kind: &'static str,
    pub status: &'static str,
    pub created: Instant,
    pub updated: Instant,
    /// When the first of it left.
    pub shipped: Option<Instant>,
    pub lines: Vec<Line>,
}

/// A line of a sketch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub product: u32,
    pub qty: Quantity,
    pub shipped: Quantity,
}

/// Whether an order of this status holds stock back.
pub(super) fn commits(status: &str) -> bool {
    matches!(status, "new" | "released" | "in_progress" | "picked" | "packed" | "part_shipped")
}

/// What order `number` is, in short.
pub(super) fn sketch(base: &Base, number: u32) -> Sketch {
    let mut random = Random::of(&[base.seed, 10, u64::from(number)]);
    let behind = base.orders - number;
    let spread = (DAYS * DAY) / i64::from(base.orders);
    let age = DAYS * DAY * i64::from(behind) / i64::from(base.orders) + i64::from(random.below(u32::try_from(spread).unwrap_or(0))) + 90;
    let created = base.epoch.minus_seconds(age);

    let is_recent = behind < (base.orders / 20).max(36);
    let mut status = if is_recent {
        const CYCLE: [&str; 12] =
            ["new", "new", "released", "in_progress", "picked", "packed", "part_shipped", "shipped", "on_hold", "backorder", "quote", "void"];
        CYCLE[number as usize % CYCLE.len()]
    } else {
        match random.below(200) {
            0..=5 => "void",
            6..=7 => "backorder",
            8..=9 => "on_hold",
            10..=12 => "part_shipped",
            _ => "shipped",
        }
    };
    let kind = match random.below(100) {
        0..=77 => "d2c",
        78..=91 => "wholesale",
        92..=97 => "dropship",
        _ => "transfer",
    };
    let client = 1 + random.below(base.clients).min(random.below(base.clients));
    let warehouse = 1 + random.below(OPEN_WAREHOUSES);
    let has_warehouse = status != "quote" && !(status == "new" && random.chance(25));

    let offers = &base.offers[client as usize - 1];
    let mut lines = Vec::new();
    let first = random.below(u32::try_from(offers.len()).unwrap_or(0)) as usize;
    for offer in 0..(random.between(1, 5) as usize).min(offers.len()) {
        let product = offers[(first + offer * 3 + offer * offer) % offers.len()];
        if lines.iter().any(|line: &Line| line.product == product) {
            continue;
        }
        let pieces = i64::from(if kind == "d2c" || kind == "dropship" { random.between(1, 3) } else { random.between(6, 48) });
        let part = if base.is_divisible(product) { i64::from(random.below(4)) * 250_000 } else { 0 };
        lines.push(Line { product, qty: Quantity::from_micros(pieces * 1_000_000 + part), shipped: Quantity::ZERO });
    }

    match status {
        "shipped" => lines.iter_mut().for_each(|line| line.shipped = line.qty),
        "part_shipped" => match lines.as_mut_slice() {
            [only] if only.qty < Quantity::whole(2) => status = "packed",
            [only] => only.shipped = Quantity::whole(only.qty.micros() / 2_000_000),
            [first, ..] => first.shipped = first.qty,
            [] => {}
        },
        _ => {}
    }
    let latest = base.epoch.minus_seconds(i64::from(number % 60));
    let shipped = matches!(status, "shipped" | "part_shipped").then(|| created.plus_seconds(i64::from(random.between(7_200, 200_000))).min(latest));
    let mut updated = match shipped {
        Some(shipped) => shipped.plus_seconds(i64::from(random.between(60, 90_000))),
        None if status == "new" => created,
        None => created.plus_seconds(i64::from(random.between(300, 150_000))),
    };
    if random.chance(2) {
        // Somebody wrote a note on it long afterwards.
        updated = base.epoch.minus_seconds(i64::from(random.below(12 * DAY as u32)));
    }
    let updated = updated.min(latest).max(created).max(shipped.unwrap_or(created));
    Sketch { client, warehouse: has_warehouse.then_some(warehouse), kind, status, created, updated, shipped, lines }
}

/// The shop's own identifier of order `number`, and where it was placed.
fn placed(base: &Base, number: u32, kind: &str) -> (Option<String>, Option<Named>) {
    let mut random = Random::of(&[base.seed, 11, u64::from(number)]);
    let named = |id: &str, name: &str| Some(Named { id: id.to_owned(), name: name.to_owned() });
    match kind {
        "transfer" => (None, None),
        "wholesale" => (Some(format!("PO-{number:07}")), named("ch_edi", "EDI")),
        _ => match random.below(10) {
            0..=4 => (Some(format!("#{}", 10_000 + u64::from(number))), named("ch_shopify", "Shopify")),
            5..=7 => (Some(format!("305-{number:07}-{:07}", u64::from(number) * 7_919 % 10_000_000)), named("ch_amazon", "Amazon")),
            8 => (Some(format!("WC-{number}")), named("ch_woo", "WooCommerce")),
            _ => (None, named("ch_manual", "Telephone")),
        },
    }
}

/// The order that the seed gave this reference, if there is one.
pub(super) fn referenced(base: &Base, reference: &str) -> Option<u32> {
    let number: u32 = if let Some(rest) = reference.strip_prefix('#') {
        rest.parse::<u32>().ok()?.checked_sub(10_000)?
    } else {
        reference.split('-').nth(1)?.parse().ok()?
    };
    let is_seeded = (1..=base.orders).contains(&number);
    (is_seeded && placed(base, number, sketch(base, number).kind).0.as_deref() == Some(reference)).then_some(number)
}

/// `micros` rounded to what a currency can pay, in micros.
pub(super) fn payable(currency: &str, micros: i128) -> Money {
    let step = if currency == "JPY" { 1_000_000 } else { 10_000 };
    Money::from_micros(i64::try_from((micros + step / 2).div_euclid(step) * step).unwrap_or(i64::MAX))
}

/// What `qty` costs at `price` apiece.
pub(super) fn line_price(currency: &str, price: Money, qty: Quantity) -> Money {
    payable(currency, i128::from(price.micros()) * i128::from(qty.micros()) / 1_000_000)
}

/// Order `number`, whole.
pub(super) fn order(base: &Base, number: u32) -> Order {
    let sketch = sketch(base, number);
    let mut random = Random::of(&[base.seed, 12, u64::from(number)]);
    let order_id = id::order(number);
    let is_business = matches!(sketch.kind, "wholesale" | "transfer");
    let (ship_to, currency) = if sketch.kind == "transfer" {
        (catalog::warehouse_address(1 + number % OPEN_WAREHOUSES), "EUR")
    } else {
        catalog::consignee(&mut random, is_business)
    };
    let (reference, channel) = placed(base, number, sketch.kind);
    let rate = match currency {
        "USD" => 108,
        "GBP" => 86,
        "JPY" => 16_000,
        _ => 100,
    };
    let is_picked = matches!(sketch.status, "picked" | "packed" | "part_shipped" | "shipped");
    let (mut goods, mut discount) = (0_i64, 0_i64);
    let mut lines = Vec::with_capacity(sketch.lines.len());
    for (index, line) in (1..).zip(&sketch.lines) {
        let product = &base.products[line.product as usize - 1];
        let unit_price = product.price.map(|price| payable(currency, i128::from(price.micros()) * rate / 100));
        let total = line_price(currency, unit_price.unwrap_or_default(), line.qty);
        let off = if random.chance(15) { payable(currency, i128::from(total.micros()) / 10) } else { Money::default() };
        goods += total.micros();
        discount += off.micros();
        lines.push(OrderLine {
            id: format!("{order_id}-{index}"),
            product_id: product.id.clone(),
            sku: product.sku.clone(),
            title: product.title.clone(),
            qty: line.qty,
            qty_picked: if is_picked { line.qty } else { Quantity::ZERO },
            qty_shipped: line.shipped,
            unit_price,
            discount: off,
            bill: base.bill(line.product).clone(),
        });
    }
    let shipping = payable(currency, if sketch.kind == "d2c" { 4_900_000 * rate / 100 } else { 0 });
    let tax = payable(currency, i128::from(goods - discount) * i128::from(*random.pick(&[0, 7, 19, 21])) / 100);
    let method = random.chance(93).then(|| random.between(1, METHOD_COUNT));
    let crosses_customs = matches!(ship_to.country.as_deref(), Some("US" | "CA" | "GB" | "JP"));
    let third_party = sketch.kind == "wholesale" && random.chance(40);
    let shipping_terms = Shipping {
        method_id: method.map(id::method),
        method_name: Some(method.map_or("Best available", |method| catalog::method(method).0).to_owned()),
        carrier: method.and_then(catalog::carrier),
        service: method.map(|method| catalog::method(method).1.to_owned()),
        saturday: random.chance(6),
        signature: random.chance(12),
        duties: crosses_customs.then(|| *random.pick(&["DDP", "DAP", "3RD"])),
        freight_payer: if third_party { "third_party" } else { "seller" },
        freight_account: (third_party || random.chance(10)).then(|| format!("{:06}", random.below(1_000_000))),
    };
    let warehouse = sketch.warehouse.unwrap_or(1);
    let shipments = shipments(base, number, &sketch, warehouse, method.unwrap_or(1), &ship_to, &mut random);
    let tags = ["vip", "gift", "fragile", "präsent", "wholesale-q4", "fraud-check"];
    Order {
        number: format!("SO-{}", 100_000 + u64::from(number)),
        reference,
        client_id: id::client(sketch.client),
        warehouse_id: sketch.warehouse.map(id::warehouse),
        status: sketch.status,
        hold_reason: (sketch.status == "on_hold").then(|| (*random.pick(&["address_unknown", "payment_failed", "customs_documents"])).to_owned()),
        kind: sketch.kind.to_owned(),
        channel,
        trading_partner: (sketch.kind == "wholesale").then(|| (*random.pick(&["Galeries Lafayette", "伊勢丹", "Manufactum"])).to_owned()),
        ship_by: random.chance(70).then(|| sketch.created.plus_seconds(DAY * i64::from(random.between(1, 4)))),
        shipping: shipping_terms,
        ship_to,
        amounts: OrderAmounts {
            currency: currency.to_owned(),
            goods: Money::from_micros(goods),
            discount: Money::from_micros(discount),
            shipping,
            tax,
            grand_total: Money::from_micros(goods - discount + shipping.micros() + tax.micros()),
        },
        tags: tags.iter().filter(|_| random.chance(8)).map(|tag| (*tag).to_owned()).collect(),
        gift_message: random.chance(5).then(|| "Alles Gute zum Geburtstag! 🎂 — \"Oma\"".to_owned()),
        lines,
        shipments,
        created_at: sketch.created,
        updated_at: sketch.updated,
        id: order_id,
    }
}

fn shipments(base: &Base, number: u32, sketch: &Sketch, warehouse: u32, method: u32, to: &Address, random: &mut Random) -> Vec<Shipment> {
    let state = match sketch.status {
        "shipped" | "part_shipped" => "shipped",
        "packed" => "staged",
        "void" if sketch.warehouse.is_some() && number.is_multiple_of(4) => "voided",
        _ => return Vec::new(),
    };
    let contents = |line: &Line| -> Vec<ParcelLine> {
        let qty = if state == "shipped" { line.shipped } else { line.qty };
        taken(base, line.product, qty, |item, lot| base.item(item).has_lots.then(|| base.item(item).lot(lot, base.epoch)), number)
    };
    let split = if state == "shipped" && sketch.lines.len() > 1 && number.is_multiple_of(8) { 1 } else { sketch.lines.len() };
    let (first, second) = sketch.lines.split_at(split);
    let mut all = Vec::new();
    for (index, lines) in (1..).zip([first, second]) {
        let contents: Vec<ParcelLine> = lines.iter().flat_map(contents).filter(|line| line.qty > Quantity::ZERO).collect();
        if contents.is_empty() {
            continue;
        }
        let shipped_at =
            if state == "shipped" { sketch.shipped.map(|at| at.plus_seconds(i64::from(index - 1) * 5_400).min(sketch.updated)) } else { None };
        let id = format!("shp_{number:06}-{index}");
        all.push(shipment(id, (state, shipped_at), warehouse, method, to, &contents, random));
    }
    all
}

/// What `qty` of a product takes from stock; `lot` says which lot of an item.
fn taken(base: &Base, product: u32, qty: Quantity, lot: impl Fn(u32, u32) -> Option<(String, Option<String>)>, pick: u32) -> Vec<ParcelLine> {
    let kit = &base.products[product as usize - 1];
    let line = |(item, rate): &(u32, Quantity)| {
        let (lot, expires_on) = lot(*item, pick % 3).unzip();
        ParcelLine {
            inventory_id: id::inventory(*item),
            sku: base.item(*item).sku.clone(),
            qty: times(*rate, qty),
            lot,
            expires_on: expires_on.flatten(),
            kit_product_id: (kit.kind == "kit").then(|| kit.id.clone()),
            grams: times(Quantity::whole(base.item(*item).grams), times(*rate, qty)),
        }
    };
    base.bill(product).iter().map(line).collect()
}

/// A shipment of `contents`, in one parcel or two.
pub(super) fn shipment(
    id: String,
    (state, shipped_at): (&'static str, Option<Instant>),
    warehouse: u32,
    method: u32,
    to: &Address,
    contents: &[ParcelLine],
    random: &mut Random,
) -> Shipment {
    let line = |line: &ParcelLine| ShipmentLine {
        inventory_id: line.inventory_id.clone(),
        sku: line.sku.clone(),
        qty: line.qty,
        kit_product_id: line.kit_product_id.clone(),
    };
    let lines = contents.iter().map(line).collect();
    let per_parcel = if contents.len() > 2 { contents.len().div_ceil(2) } else { contents.len().max(1) };
    let mut parcels = Vec::new();
    for (index, contents) in (1..).zip(contents.chunks(per_parcel)) {
        let grams: Quantity = contents.iter().map(|line| line.grams).sum();
        let (tracking_number, tracking_url) = (state == "shipped").then(|| catalog::tracking(method, random)).flatten().unzip();
        let (label, [l, w, h]) = *random.pick(&[("Box S", [25, 18, 10]), ("Box M", [40, 30, 20]), ("Box L", [60, 40, 40])]);
        let (l, w, h) = (Quantity::whole(l), Quantity::whole(w), Quantity::whole(h));
        parcels.push(Parcel {
            id: format!("{}-{index}", id.replace("shp_", "pcl_")),
            label: label.to_owned(),
            tracking_number,
            tracking_url,
            method_id: Some(id::method(method)),
            carrier: catalog::carrier(method),
            cost: (state == "shipped").then(|| Money::from_micros(i64::from(random.between(390, 2_890)) * 10_000)),
            dims: Some(Dims { l, w, h, unit: "cm" }),
            weight: Some(Weight { value: Quantity::from_micros(grams.micros() / 1_000 + 150_000), unit: "kg" }),
            contents: contents.to_vec(),
        });
    }
    Shipment {
        id,
        state,
        shipped_at,
        warehouse_id: id::warehouse(warehouse),
        from: catalog::warehouse_address(warehouse),
        to: to.clone(),
        contents: lines,
        parcels,
    }
}
