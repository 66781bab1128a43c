//! Random writes, what must hold after each of them, and that a journal makes the same world again.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::base::times;
use super::catalog::{WAREHOUSES, id};
use super::flows::is_awaited;
use super::journal::{Header, Journal, Write};
use super::random::Random;
use super::rules::promised_from;
use super::stock::Tally;
use super::table::{Span, Table};
use super::wire::Row;
use super::world::{Resource, World, with_table};
use crate::record::{Instant, Quantity};

/// 2026-06-15T12:00:00Z
const EPOCH: Instant = Instant::from_micros(1_781_524_800_000_000);

fn rows<T: Row>(table: &Table<T>) -> Vec<(u32, T)> {
    let (keys, _) = table.keys(Span::default(), |_| true, None, usize::MAX - 1);
    keys.into_iter().filter_map(|(_, number)| Some((number, table.get(number)?.into_owned()))).collect()
}

/// What must hold in every world.
fn check(world: &World, after: &str) {
    let (mut promised, mut awaited) = (Tally::new(), Tally::new());
    for (_, order) in rows(&world.orders) {
        for line in &order.lines {
            assert!(line.qty_shipped >= Quantity::ZERO && line.qty_shipped <= line.qty, "{after}: {line:?}");
            for (item, rate) in promised_from(&order).iter().flat_map(|_| line.bill.iter()) {
                let warehouse = promised_from(&order).unwrap();
                *promised.entry((*item, warehouse)).or_default() += times(*rate, line.qty - line.qty_shipped);
            }
        }
    }
    for (_, asn) in rows(&world.asns) {
        let booked: Quantity = asn.bookings.iter().flat_map(|booking| &booking.items).map(|counted| counted.qty).sum();
        assert_eq!(booked, asn.items.iter().map(|item| item.booked).sum(), "{after}: {}", asn.id);
        for item in asn.items.iter().filter(|_| is_awaited(asn.state)) {
            let key = (id::number(&item.inventory_id, id::inventory).unwrap(), id::number(&asn.warehouse_id, id::warehouse).unwrap());
            *awaited.entry(key).or_default() += item.left();
        }
    }
    for (number, item) in rows(&world.inventory) {
        let mut physical = Quantity::ZERO;
        for warehouse in 1..=WAREHOUSES {
            let (amounts, name) = (item.amounts_in(warehouse), format!("{after}: {} in {}", item.id, id::warehouse(warehouse)));
            assert_eq!(amounts.physical, amounts.allocated + amounts.free + amounts.blocked, "{name}");
            let parts = [amounts.physical, amounts.allocated, amounts.free, amounts.blocked, amounts.incoming, amounts.offered];
            assert!(parts.iter().all(|part| *part >= Quantity::ZERO), "{name}: {amounts:?}");
            assert_eq!(amounts.allocated, promised.get(&(number, warehouse)).copied().unwrap_or_default(), "{name}: promised");
            assert_eq!(amounts.incoming, awaited.get(&(number, warehouse)).copied().unwrap_or_default(), "{name}: awaited");
            let here = id::warehouse(warehouse);
            let bins: Quantity = item.bins.iter().filter(|bin| bin.warehouse_id == here).map(|bin| bin.qty).sum();
            assert_eq!(bins, amounts.physical, "{name}: bins");
            let lots: Quantity = item.lots.iter().filter(|lot| lot.warehouse_id == here).map(|lot| lot.qty).sum();
            assert_eq!(lots, if item.has_lots { amounts.physical } else { Quantity::ZERO }, "{name}: lots");
            physical += amounts.physical;
        }
        assert_eq!(item.totals.physical, physical, "{after}: {}", item.id);
        assert!(item.bins.iter().all(|bin| bin.qty > Quantity::ZERO) && item.lots.iter().all(|lot| lot.qty > Quantity::ZERO));
    }
}

/// Everything that the world shows.
fn shown(world: &World) -> String {
    let mut all = String::new();
    for &resource in Resource::ALL {
        with_table!(world, resource, table => all.push_str(&serde_json::to_string(&rows(table).into_iter().map(|(_, row)| row).collect::<Vec<_>>()).unwrap()));
    }
    all
}

/// A write that may make sense.
fn some_write(world: &World, random: &mut Random, turn: u32) -> Write {
    let order = 1 + random.below(world.orders.next_number());
    let asn = 1 + random.below(world.asns.next_number());
    let qty = |random: &mut Random, most: u32| f64::from(random.between(1, most)) - if random.chance(10) { 0.5 } else { 0.0 };
    let warehouse = |random: &mut Random| id::warehouse(random.between(1, 3));
    let product = |random: &mut Random| id::product(1 + random.below(world.products.next_number()));
    let item = |random: &mut Random| id::inventory(1 + random.below(world.inventory.next_number()));
    let lines = |random: &mut Random| -> Value {
        (0..random.between(1, 3)).map(|_| json!({ "product_id": product(random), "qty": qty(random, 8) })).collect()
    };
    let announced = |random: &mut Random| -> Value {
        (0..random.between(1, 3)).map(|_| json!({ "inventory_id": item(random), "announced": qty(random, 30) })).collect()
    };
    let write = match random.below(17) {
        0..=2 => {
            let to = json!({ "name": "Ada", "address1": "1 Dock Road", "city": "Rotterdam", "country": "NL" });
            let mut order = json!({ "ship_to": to, "lines": lines(random) });
            if random.chance(40) {
                order["warehouse_id"] = json!(warehouse(random));
            }
            json!({ "create_order": { "order": order } })
        }
        3 => {
            let mut change = json!({ "tags": [format!("t{turn}")] });
            if random.chance(70) {
                // Lines of the order itself, since those of another client are refused.
                let own = world.orders.get(order).map(|order| order.lines.clone()).unwrap_or_default();
                change["lines"] = own.iter().map(|line| json!({ "product_id": line.product_id, "qty": qty(random, 9) })).collect();
            }
            if random.chance(30) {
                change["warehouse_id"] = if random.chance(30) { Value::Null } else { json!(warehouse(random)) };
            }
            json!({ "change_order": { "order": order, "change": change } })
        }
        4 => json!({ "ship_order": { "order": order } }),
        5 | 6 => {
            let own = world.orders.get(order).map(|order| order.lines.clone()).unwrap_or_default();
            let line = own.first().map(|line| line.product_id.clone()).unwrap_or_default();
            json!({ "ship_order": { "order": order, "shipment": { "lines": [{ "product_id": line, "qty": qty(random, 3) }] } } })
        }
        7 => json!({ "cancel_order": { "order": order } }),
        8 => json!({ "create_asn": { "asn": { "warehouse_id": warehouse(random), "items": announced(random) } } }),
        9 => {
            let mut change = json!({ "items": announced(random) });
            if random.chance(50) {
                change = json!({ "warehouse_id": warehouse(random) });
            }
            json!({ "change_asn": { "asn": asn, "change": change } })
        }
        10 | 11 => {
            let own = world.asns.get(asn).map(|asn| asn.items.clone()).unwrap_or_default();
            let item = own.first().map(|item| item.inventory_id.clone()).unwrap_or_default();
            let receipt = match random.below(4) {
                0 => json!({}),
                1 => json!({ "items": [], "close": true }),
                _ => json!({ "items": [{ "inventory_id": item, "qty": qty(random, 12) }], "close": random.chance(20) }),
            };
            json!({ "receive_asn": { "asn": asn, "receipt": receipt } })
        }
        12 | 13 => {
            let mut adjustment = json!({ "warehouse_id": warehouse(random) });
            if random.chance(50) {
                adjustment["counted"] = json!(qty(random, 40));
            } else {
                adjustment["delta"] = json!(qty(random, 40) - 20.0);
            }
            json!({ "adjust_inventory": { "item": 1 + random.below(world.inventory.next_number()), "adjustment": adjustment } })
        }
        14 => {
            let mut product = json!({ "client_id": "cli_001", "title": format!("Made {turn}"), "lots": random.chance(50) });
            if random.chance(50) {
                product = json!({ "client_id": "cli_001", "title": "Kit", "components": [{ "inventory_id": item(random), "qty": qty(random, 3) }] });
            }
            json!({ "create_product": { "product": product } })
        }
        15 => {
            let kits: Vec<_> = rows(&world.products).into_iter().filter(|(_, product)| product.kind == "kit").collect();
            let (number, kit) = random.pick(&kits);
            let part = kit.bill_of_materials.first().map(|part| part.inventory_id.clone());
            let change = json!({ "components": [{ "inventory_id": part, "qty": qty(random, 3) }] });
            json!({ "change_product": { "product": number, "change": change } })
        }
        _ => {
            let (resource, number) = if random.chance(50) { ("orders", order) } else { ("asns", asn) };
            json!({ "delete": { "resource": resource, "number": number } })
        }
    };
    serde_json::from_value(write.clone()).unwrap_or_else(|e| panic!("{e}: {write}"))
}

#[test]
fn stock_adds_up_after_every_write_and_a_journal_makes_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.jsonl");
    let header = Header { seed: 3, orders: 120, epoch: EPOCH };
    let mut world = World::seeded(header);
    check(&world, "the seed");
    world.resume(Journal::open(&path, header).unwrap().0, Vec::new());
    let mut random = Random::of(&[77]);
    let (mut done, mut refused) = (BTreeMap::<&str, usize>::new(), 0);
    for turn in 0..1_500 {
        let write = some_write(&world, &mut random, turn);
        let (action, text) = (write.action(), format!("{turn}: {write:?}"));
        let key = random.chance(30).then(|| format!("key-{turn}"));
        match world.carry_out(key, write, EPOCH.plus_seconds(i64::from(turn))) {
            Ok(_) => *done.entry(action).or_default() += 1,
            Err(_) => refused += 1,
        }
        check(&world, &text);
    }
    let expected = [
        "orders.create",
        "orders.change",
        "orders.ship",
        "orders.cancel",
        "asns.create",
        "asns.change",
        "asns.receive",
        "inventory.adjust",
        "products.create",
        "products.change",
        "delete",
    ];
    for action in expected {
        assert!(done.get(action).is_some_and(|times| *times > 5), "{action}: {done:?}");
    }
    assert!(refused > 100, "{refused}");

    let (journal, seeded, entries) = Journal::open(&path, header).unwrap();
    assert_eq!((seeded, entries.len()), (header, done.values().sum()));
    let mut again = World::seeded(seeded);
    again.resume(journal, entries);
    assert!(shown(&again) == shown(&world), "the journal made another world");
    assert_eq!(again.keys.len(), world.keys.len());
}
