//! What is in stock and what can be ordered: every item, the product that sells one of it, and cases and kits.

use super::catalog::{DAY, id, vendor};
use super::random::Random;
use super::wire::{Component, Dims, Product, VendorItem, Weight};
use crate::record::{Instant, Money, Quantity};

/// Noun, code, unit, whether it is kept by lot, Harmonized System code, origin, cents, grams, size in cm.
type Kind = (&'static str, &'static str, &'static str, bool, &'static str, &'static str, i64, i64, [i64; 3]);

/// What the clients sell, in their order.
const RANGES: [[Kind; 4]; 8] = [
    [
        ("煎茶", "SEN", "kg", true, "0902.10", "JP", 6_400, 1_000, [30, 20, 12]),
        ("抹茶 30g", "MAT", "pcs", true, "0902.10", "JP", 2_450, 55, [7, 7, 8]),
        ("急須", "KYU", "pcs", false, "6912.00", "JP", 5_900, 720, [18, 15, 12]),
        ("ほうじ茶", "HOJ", "kg", true, "0902.40", "JP", 3_800, 1_000, [30, 20, 12]),
    ],
    [
        ("Crème de nuit", "CRN", "pcs", true, "3304.99", "FR", 4_990, 130, [6, 6, 5]),
        ("Sérum éclat", "SER", "pcs", true, "3304.99", "FR", 6_250, 95, [4, 4, 11]),
        ("Savon à l'huile d'olive", "SAV", "pcs", false, "3401.11", "FR", 790, 110, [8, 5, 3]),
        ("Beurre de karité", "KAR", "kg", true, "1515.90", "BF", 2_200, 1_000, [20, 20, 10]),
    ],
    [
        ("Trekkingrucksack", "RUC", "pcs", false, "4202.92", "VN", 18_995, 1_850, [70, 35, 25]),
        ("Reepschnur 6 mm", "SEI", "m", false, "5607.50", "DE", 185, 24, [10, 10, 5]),
        ("Thermosflasche", "THE", "pcs", false, "9617.00", "CN", 3_450, 410, [8, 8, 27]),
        ("Gaskartusche", "GAS", "pcs", true, "2711.13", "KR", 695, 380, [11, 11, 9]),
    ],
    [
        ("Espresso Żubr", "ESP", "kg", true, "0901.21", "GT", 2_890, 1_000, [28, 14, 9]),
        ("Filter Huehuetenango", "FIL", "pcs", true, "0901.21", "GT", 1_490, 265, [20, 9, 6]),
        ("Dripper V60", "DRI", "pcs", false, "6911.10", "JP", 2_350, 460, [14, 12, 11]),
        ("Paper filters ×100", "PAP", "pcs", false, "4823.20", "DE", 650, 140, [17, 13, 6]),
    ],
    [
        ("Hvedeøl 0,5 l", "HVE", "pcs", true, "2203.00", "DK", 420, 860, [7, 7, 25]),
        ("Porter, barrel-aged", "POR", "pcs", true, "2203.00", "DK", 1_250, 1_150, [8, 8, 31]),
        ("Glas", "GLA", "pcs", false, "7013.37", "CZ", 890, 310, [8, 8, 18]),
        ("Malt, crushed", "MAL", "kg", true, "1107.10", "DK", 240, 1_000, [40, 30, 12]),
    ],
    [
        ("Linen Throw", "THR", "pcs", false, "6301.30", "LT", 8_900, 980, [35, 28, 9]),
        ("Beeswax Candle", "CAN", "pcs", false, "3406.00", "US", 2_400, 340, [8, 8, 12]),
        ("Oak Serving Board", "OAK", "pcs", false, "4419.90", "US", 6_400, 1_350, [45, 22, 2]),
        ("Waxed Canvas", "WAX", "m", false, "5907.00", "GB", 2_150, 420, [30, 12, 12]),
    ],
    [
        ("Prato fundo", "PRA", "pcs", false, "6912.00", "PT", 1_650, 640, [23, 23, 4]),
        ("Caneca", "CAN", "pcs", false, "6912.00", "PT", 1_290, 380, [12, 9, 10]),
        ("Azulejo", "AZU", "pcs", false, "6907.21", "PT", 950, 310, [15, 15, 1]),
        ("Jarra", "JAR", "pcs", false, "6912.00", "PT", 3_900, 1_450, [18, 15, 26]),
    ],
    [
        ("Soda Bread Mix", "SBM", "pcs", true, "1901.20", "IE", 595, 520, [18, 11, 6]),
        ("Whiskey Marmalade", "MAR", "pcs", true, "2007.91", "IE", 745, 410, [8, 8, 10]),
        ("Dulse, dried", "DUL", "kg", true, "1212.21", "IE", 5_200, 1_000, [40, 30, 20]),
        ("Oatcakes", "OAT", "pcs", true, "1905.90", "GB", 425, 250, [17, 7, 7]),
    ],
];
const VARIANTS: [&str; 10] = ["Classic", "№ 7", "Large", "Small", "Bio", "Limited Edition", "Blå", "Sand", "Refill", "旬"];

/// What there is to know of an inventory item, beside its stock.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub number: u32,
    pub client: u32,
    pub sku: String,
    pub title: String,
    pub uom: &'static str,
    pub has_lots: bool,
    pub discontinued: bool,
    pub cents: i64,
    pub grams: i64,
    pub size: [i64; 3],
}

impl Item {
    /// Whether parts of a unit can be ordered and stocked.
    pub(super) fn is_divisible(&self) -> bool {
        self.uom != "pcs"
    }

    /// What one unit cost its owner.
    pub(super) fn cost(&self) -> Money {
        Money::from_micros(self.cents * 10_000 * 2 / 5)
    }

    /// Its size.
    pub(super) fn dims(&self) -> Dims {
        let [l, w, h] = self.size.map(Quantity::whole);
        Dims { l, w, h, unit: "cm" }
    }

    /// Its weight.
    pub(super) fn weight(&self) -> Weight {
        if self.grams >= 1_000 {
            Weight { value: Quantity::from_micros(self.grams * 1_000), unit: "kg" }
        } else {
            Weight { value: Quantity::whole(self.grams), unit: "g" }
        }
    }

    /// The number of its lot `pick`, and the day it expires on.
    pub(super) fn lot(&self, pick: u32, epoch: Instant) -> (String, Option<String>) {
        let made = epoch.minus_seconds(DAY * i64::from(pick * 37 + self.number % 30));
        let expires = made.plus_seconds(DAY * (240 + i64::from(self.number % 5) * 90));
        // Some lots keep for ever.
        let expires = (!self.number.is_multiple_of(11)).then(|| day(expires));
        (format!("L{}-{:04}{}", day(made).replace('-', "").get(2..).unwrap_or_default(), self.number, ["A", "B", "C"][pick as usize % 3]), expires)
    }
}

/// The day of a moment, in UTC.
pub(super) fn day(moment: Instant) -> String {
    moment.to_string().chars().take(10).collect()
}

fn range(client: u32) -> &'static [Kind; 4] {
    &RANGES[(client as usize - 1) % RANGES.len()]
}

/// Item `number`; the clients take turns.
pub(super) fn item(seed: u64, number: u32, clients: u32, codes: &[String]) -> Item {
    let client = 1 + (number - 1) % clients;
    let turn = (number - 1) / clients;
    let mut random = Random::of(&[seed, 1, u64::from(number)]);
    let (noun, code, uom, has_lots, _, _, cents, grams, size) = range(client)[turn as usize % 4];
    let variant = VARIANTS[(turn / 4) as usize % VARIANTS.len()];
    let generation = turn / 40;
    let title = if generation == 0 { format!("{noun} {variant}") } else { format!("{noun} {variant} {}", generation + 1) };
    Item {
        number,
        client,
        sku: format!("{}-{code}-{:03}", codes[client as usize - 1], turn + 1),
        title,
        uom,
        has_lots,
        discontinued: number.is_multiple_of(19),
        cents: cents + i64::from(random.below(20)) * 10,
        grams,
        size,
    }
}

/// A GTIN-13: twelve digits and the right check digit.
pub(super) fn gtin13(twelve: u64) -> String {
    let digits = format!("{:012}", twelve % 1_000_000_000_000);
    let sum: u32 = digits.bytes().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Whether `text` is a GTIN of 8, 12, 13 or 14 digits with the right check digit.
pub(super) fn is_gtin(text: &str) -> bool {
    if !matches!(text.len(), 8 | 12 | 13 | 14) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = text.bytes().rev().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    sum.is_multiple_of(10)
}

/// The product that sells one of each item, then cases of six, then kits.
pub(super) fn products(seed: u64, epoch: Instant, items: &[Item], clients: u32) -> Vec<Product> {
    let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
    let simple = items.iter().map(|item| simple(seed, epoch, item));
    let cases = items.iter().filter(|item| !item.is_divisible()).step_by(9).map(|item| case(seed, epoch, item));
    let kits = (1..=count / 6).filter_map(|kit| self::kit(seed, epoch, kit, items, clients));
    let number = |(number, product): (u32, Product)| Product { id: id::product(number), ..product };
    (1..).zip(simple.chain(cases).chain(kits)).map(number).collect()
}

fn component(item: &Item, qty: Quantity) -> Component {
    Component { inventory_id: id::inventory(item.number), sku: item.sku.clone(), qty }
}

fn simple(seed: u64, epoch: Instant, item: &Item) -> Product {
    let mut random = Random::of(&[seed, 2, u64::from(item.number)]);
    let (.., hs_code, origin, _, _, _) = *range(item.client).iter().find(|kind| item.sku.contains(kind.1)).unwrap_or(&range(item.client)[0]);
    let (first, second) = (vendor(item.client, 0), vendor(item.client, 1));
    let cost = item.cost();
    let mut vendor_items = vec![VendorItem { vendor: first.clone(), vendor_sku: Some(format!("V{:06}", item.number * 7)), cost: Some(cost) }];
    if random.chance(30) {
        vendor_items.push(VendorItem { vendor: second, vendor_sku: None, cost: Some(Money::from_micros(cost.micros() + 150_000)) });
    }
    Product {
        id: String::new(),
        client_id: id::client(item.client),
        sku: (item.number % 23 != 7).then(|| item.sku.clone()),
        title: item.title.clone(),
        barcode: random.chance(85).then(|| gtin13(400_700_000_000 + u64::from(item.number))),
        price: (!random.chance(3)).then(|| Money::from_micros(item.cents * 10_000)),
        kind: "simple",
        archived: item.discontinued,
        origin_country: random.chance(95).then(|| origin.to_owned()),
        hs_code: random.chance(95).then(|| hs_code.to_owned()),
        storage: item.has_lots.then(|| "cool and dry".to_owned()),
        vendor: random.chance(90).then_some(first),
        vendor_items,
        bill_of_materials: vec![component(item, Quantity::whole(1))],
        created_at: epoch.minus_seconds(DAY * i64::from(random.between(100, 600))),
        updated_at: epoch.minus_seconds(DAY * i64::from(random.between(1, 90)) + i64::from(item.number)),
    }
}

fn case(seed: u64, epoch: Instant, item: &Item) -> Product {
    let one = simple(seed, epoch, item);
    Product {
        sku: Some(format!("{}-C6", item.sku)),
        title: format!("{}, case of 6", item.title),
        barcode: Some(gtin13(400_800_000_000 + u64::from(item.number))),
        price: Some(Money::from_micros(item.cents * 10_000 * 6 * 9 / 10)),
        bill_of_materials: vec![component(item, Quantity::whole(6))],
        ..one
    }
}

fn kit(seed: u64, epoch: Instant, kit: u32, items: &[Item], clients: u32) -> Option<Product> {
    let mut random = Random::of(&[seed, 3, u64::from(kit)]);
    let client = 1 + (kit - 1) % clients;
    let own: Vec<&Item> = items.iter().skip(client as usize - 1).step_by(clients as usize).filter(|item| !item.discontinued).take(40).collect();
    let size = random.between(2, 4) as usize;
    let first = random.below(u32::try_from(own.len()).ok()?) as usize;
    let parts: Vec<&Item> = own.iter().cycle().skip(first).take(size.min(own.len())).copied().collect();
    let cents: i64 = parts.iter().map(|item| item.cents).sum();
    let bill = parts.iter().map(|item| {
        let qty = if item.is_divisible() { Quantity::from_micros(500_000) } else { Quantity::whole(i64::from(random.between(1, 3))) };
        component(item, qty)
    });
    Some(Product {
        bill_of_materials: bill.collect(),
        id: String::new(),
        client_id: id::client(client),
        sku: Some(format!("KIT-{kit:04}")),
        title: format!("{} 🎁 {}", parts.first()?.title, VARIANTS[kit as usize % VARIANTS.len()]),
        barcode: Some(gtin13(400_900_000_000 + u64::from(kit))),
        price: Some(Money::from_micros(cents * 10_000)),
        kind: "kit",
        archived: kit.is_multiple_of(13),
        origin_country: None,
        hs_code: None,
        storage: None,
        vendor: None,
        vendor_items: Vec::new(),
        created_at: epoch.minus_seconds(DAY * i64::from(random.between(70, 300))),
        updated_at: epoch.minus_seconds(DAY * i64::from(random.between(2, 60)) + i64::from(kit)),
    })
}
