//! What comes in: inbound shipments (ASNs) from vendors, and returns (RMAs) from consignees.

use super::base::{Base, times};
use super::catalog::{self, DAY, METHOD_COUNT, OPEN_WAREHOUSES, id};
use super::history::{Sketch, sketch};
use super::random::Random;
use super::wire::{Asn, AsnItem, Booking, Comment, Counted, Dims, Inspection, Rma, RmaContent, RmaItem, RmaParcel, Weight};
use crate::record::{Instant, Money, Quantity};

fn comment(author: &str, text: &str) -> Comment {
    Comment { author: Some(author.to_owned()), text: text.to_owned() }
}

/// Whether goods are still expected on an inbound shipment in this state.
pub(super) fn is_awaited(state: &str) -> bool {
    matches!(state, "announced" | "in_transit" | "arrived" | "receiving")
}

/// Inbound shipment `number`; the last ones are still open.
pub(super) fn asn(base: &Base, number: u32) -> Asn {
    let mut random = Random::of(&[base.seed, 20, u64::from(number)]);
    let behind = base.asns - number;
    let created = base.epoch.minus_seconds(60 * DAY * i64::from(behind) / i64::from(base.asns) + i64::from(random.between(600, 40_000)));
    let is_recent = behind < (base.asns / 4).max(14);
    let state = if is_recent {
        ["announced", "in_transit", "arrived", "receiving", "completed", "cancelled", "disputed"][number as usize % 7]
    } else if random.chance(6) {
        "cancelled"
    } else {
        "completed"
    };
    let asn_id = id::asn(number);
    let client = 1 + random.below(base.clients);
    let own = (client..=u32::try_from(base.items.len()).unwrap_or(0)).step_by(base.clients as usize);
    let own: Vec<u32> = own.filter(|item| !base.item(*item).discontinued).collect();
    let first = random.below(u32::try_from(own.len()).unwrap_or(0)) as usize;
    let count = (random.between(1, 6) as usize).min(own.len());

    let mut items = Vec::new();
    for (index, item) in own.iter().cycle().skip(first).take(count).enumerate() {
        let item = base.item(*item);
        let announced = Quantity::whole(i64::from(random.between(2, 40)) * 10);
        let booked = match state {
            "completed" if random.chance(10) => announced - Quantity::whole(2),
            "completed" => announced,
            "receiving" | "disputed" if index == 0 => Quantity::whole(announced.micros() / 2_000_000),
            _ => Quantity::ZERO,
        };
        items.push(AsnItem {
            inventory_id: id::inventory(item.number),
            sku: item.sku.clone(),
            announced,
            booked,
            cost: random.chance(85).then(|| item.cost()),
            vendor_line: random.chance(60).then(|| format!("{}/{}", number * 10, index + 1)),
        });
    }
    // What came in two lorries has two receipts: a third of it first, the rest the day after.
    let came = created.plus_seconds(DAY * i64::from(random.between(1, 3)));
    let receipts = if number.is_multiple_of(3) { 2 } else { 1 };
    let mut bookings = Vec::new();
    for receipt in 1..=receipts {
        let part = |item: &AsnItem| {
            let third = Quantity::whole(item.booked.micros() / 3_000_000);
            let qty = match (receipts, receipt) {
                (1, _) => item.booked,
                (_, 1) => third,
                _ => item.booked - third,
            };
            (qty > Quantity::ZERO).then(|| Counted { inventory_id: item.inventory_id.clone(), sku: item.sku.clone(), qty })
        };
        let items: Vec<Counted> = items.iter().filter_map(part).collect();
        if !items.is_empty() {
            let booked_at = came.plus_seconds(DAY * i64::from(receipt - 1)).min(base.epoch.minus_seconds(i64::from(number % 50) + 5));
            bookings.push(Booking { id: format!("rcv_{number:05}-{receipt}"), booked_at: booked_at.max(created), items });
        }
    }
    let vendor = catalog::vendor(client, 0);
    let updated = match (state, bookings.last()) {
        (_, Some(booking)) => booking.booked_at,
        ("announced", None) => created,
        _ => created.plus_seconds(i64::from(random.between(300, 60_000))).min(base.epoch.minus_seconds(5)).max(created),
    };
    let has_left = !matches!(state, "announced" | "cancelled");
    Asn {
        id: asn_id,
        po_number: random.chance(92).then(|| format!("PO{}", 45_000 + number)),
        client_id: id::client(client),
        warehouse_id: id::warehouse(1 + random.below(OPEN_WAREHOUSES)),
        state,
        origin: random.chance(85).then(|| catalog::vendor_address(&vendor)),
        vendor: random.chance(95).then_some(vendor),
        eta: random.chance(90).then(|| created.plus_seconds(DAY * i64::from(random.between(2, 12)))),
        trackings: if has_left {
            catalog::tracking(2 + number % 3, &mut random).map(|(tracking, _)| tracking).into_iter().collect()
        } else {
            Vec::new()
        },
        comments: if random.chance(25) { vec![comment("Änne", "Zwei Paletten, bitte Rampe 3"), comment("dock", "OK")] } else { Vec::new() },
        container: random.chance(20).then(|| format!("MSKU{:07}", random.below(10_000_000))),
        items,
        bookings,
        created_at: created,
        updated_at: updated,
    }
}

/// The shipped order that return `number` brings back some of.
fn returned(base: &Base, number: u32) -> Option<(u32, Sketch)> {
    let first = 1 + u32::try_from(u64::from(number - 1) * u64::from(base.orders) / u64::from(base.rmas.max(1))).unwrap_or(0);
    (first..=base.orders).chain(1..first).map(|order| (order, sketch(base, order))).find(|(_, sketch)| sketch.status == "shipped")
}

/// Return `number`.
pub(super) fn rma(base: &Base, number: u32) -> Rma {
    let mut random = Random::of(&[base.seed, 30, u64::from(number)]);
    let from = returned(base, number);
    let order = from.as_ref().map(|(order, _)| *order);
    let (client, warehouse, shipped, line) = match &from {
        Some((_, sketch)) => (sketch.client, sketch.warehouse.unwrap_or(1), sketch.shipped, sketch.lines.first().copied()),
        None => (1, 1, None, None),
    };
    let created = shipped
        .unwrap_or(base.epoch.minus_seconds(DAY))
        .plus_seconds(DAY * i64::from(random.between(2, 9)))
        .min(base.epoch.minus_seconds(i64::from(number % 3_000) + 30));
    let state = ["closed", "requested", "shipped_back", "inspecting", "closed", "void", "closed", "lost"][number as usize % 8];
    let latest = base.epoch.minus_seconds(i64::from(number % 20));
    let later = |days: i64| created.plus_seconds(DAY * days).min(latest);
    let reasons = ["too_small", "damaged_in_transit", "not_as_described", "気に入らなかった", "changed_mind"];
    let (has_left, has_come, is_done) = match state {
        "requested" | "void" => (false, false, false),
        "shipped_back" | "lost" => (true, false, false),
        "inspecting" => (true, true, false),
        _ => (true, true, true),
    };

    let mut items = Vec::new();
    let mut contents = Vec::new();
    let mut grams = 0;
    for (item, rate) in
        line.iter().flat_map(|line| base.bill(line.product).iter().map(move |(item, rate)| (base.item(*item), times(*rate, line.qty))))
    {
        let received = if has_come { rate } else { Quantity::ZERO };
        // Whole pieces are judged apart; what can be divided is judged as one.
        let damaged = if random.chance(35) && !item.is_divisible() { Quantity::whole(1).min(received) } else { Quantity::ZERO };
        let good = received - damaged;
        let (inventory_id, sku) = (id::inventory(item.number), item.sku.clone());
        let inspect = |qty: Quantity, condition: &str, disposition: &str| Inspection {
            qty,
            condition: condition.to_owned(),
            disposition: disposition.to_owned(),
        };
        let inspections = [inspect(good, "as_new", "restock"), inspect(damaged, "damaged", "scrap")];
        let inspections = if is_done { inspections.into_iter().filter(|found| found.qty > Quantity::ZERO).collect() } else { Vec::new() };
        contents.push(RmaContent { inventory_id: inventory_id.clone(), sku: sku.clone(), qty: rate, inspections });
        let restocked = if is_done { good } else { Quantity::ZERO };
        let reason = random.chance(90).then(|| (*random.pick(&reasons)).to_owned());
        items.push(RmaItem { inventory_id, sku, expected: rate, received, restocked, reason });
        grams += times(Quantity::whole(item.grams), rate).micros();
    }
    let method = 1 + number % (METHOD_COUNT - 1);
    let (l, w, h) = (Quantity::whole(40), Quantity::whole(30), Quantity::whole(20));
    let parcel = || RmaParcel {
        tracking_number: catalog::tracking(method, &mut Random::of(&[base.seed, 31, u64::from(number)])).map(|(tracking, _)| tracking),
        carrier: catalog::carrier(method),
        sent_at: Some(later(1)),
        arrived_at: has_come.then(|| later(3)),
        warehouse_id: id::warehouse(warehouse),
        cost: Some(Money::from_micros(5_490_000)),
        dims: Some(Dims { l, w, h, unit: "cm" }),
        weight: Some(Weight { value: Quantity::from_micros(grams / 1_000 + 120_000), unit: "kg" }),
        contents: contents.clone(),
    };
    let updated: Instant = match state {
        "requested" => created,
        "void" | "shipped_back" | "lost" => later(1),
        "inspecting" => later(3),
        _ => later(5),
    };
    Rma {
        id: id::rma(number),
        order_id: order.map(id::order),
        client_id: id::client(client),
        state,
        refund_requested: random.chance(70),
        comments: if random.chance(30) { vec![comment("customer", "Karton war eingedrückt, siehe Foto")] } else { Vec::new() },
        items,
        parcels: if has_left { vec![parcel()] } else { Vec::new() },
        created_at: created,
        updated_at: updated.max(created),
    }
}
