//! The made-up company: its warehouses, clients, carriers, vendors, and the people who order.
//!
//! Telephone numbers are from ranges that are kept for fiction, or are none that anybody can have; e-mail and web
//! addresses are in domains that cannot be registered.

use super::random::Random;
use super::wire::{Address, Carrier, Client, Dims, Location, Method, Named, Warehouse, Weight};
use crate::record::{Instant, Quantity};

/// How many seconds a day has.
pub(super) const DAY: i64 = 86_400;

/// How many warehouses there are; the last of them is closed.
pub(super) const WAREHOUSES: u32 = 4;
/// How many of them are open: numbers 1 to this.
pub(super) const OPEN_WAREHOUSES: u32 = 3;

/// Identifiers, made of a number and read back.
pub(super) mod id {
    macro_rules! ids {
        ($($name:ident $prefix:literal $width:literal)+) => {$(
            #[doc = concat!("`", $prefix, "_…`")]
            pub(in super::super) fn $name(number: u32) -> String {
                format!(concat!($prefix, "_{:0", $width, "}"), number)
            }
        )+};
    }
    ids!(warehouse "wh" 2 location "loc" 5 client "cli" 3 method "sm" 2 inventory "inv" 5 product "prd" 5 order "ord" 6 asn "asn" 5 rma "rma" 5);

    /// The number in an identifier that `make` gives, and in no other text.
    pub(in super::super) fn number(text: &str, make: fn(u32) -> String) -> Option<u32> {
        let number = text.rsplit('_').next()?.parse().ok()?;
        (make(number) == text).then_some(number)
    }
}

/// An address of the trade: who, where, in which region.
fn address([name, company]: [&str; 2], [street, city, zip, country]: [&str; 4], region: Option<&str>, phone: &str) -> Address {
    Address {
        name: Some(name.to_owned()),
        company: Some(company.to_owned()),
        address1: Some(street.to_owned()),
        address2: None,
        city: Some(city.to_owned()),
        region: region.map(str::to_owned),
        zip: Some(zip.to_owned()),
        country: Some(country.to_owned()),
        phone: Some(phone.to_owned()),
        email: Some("dock@sandbox-wms.example".to_owned()),
    }
}

/// The address of warehouse `number`.
pub(super) fn warehouse_address(number: u32) -> Address {
    let (who, place, region, phone) = match number {
        1 => (["Goods In", "Sandbox Fulfilment B.V."], ["Europaweg 875", "Rotterdam", "3199 LD", "NL"], None, "+31 10 0555 0100"),
        2 => (
            ["Wareneingang", "Sandbox Logistik GmbH"],
            ["Emdener Straße 278", "Köln", "50735", "DE"],
            Some("Nordrhein-Westfalen"),
            "+49 221 4710 101",
        ),
        3 => (["Receiving", "Sandbox Fulfillment Inc."], ["180 Port St", "Newark", "07114", "US"], Some("NJ"), "+1 201 555 0142"),
        _ => (["入荷係", "サンドボックス物流"], ["南港東4丁目10-30", "大阪市住之江区", "559-0031", "JP"], Some("大阪府"), "+81 6 0000 0100"),
    };
    address(who, place, region, phone)
}

/// All warehouses.
pub(super) fn warehouses(epoch: Instant) -> Vec<Warehouse> {
    let all = [
        ("RTM1", "Rotterdam Maasvlakte", "Europe/Amsterdam"),
        ("CGN2", "Lager Köln-Niehl", "Europe/Berlin"),
        ("EWR3", "Newark Port", "America/New_York"),
        ("OSA4", "大阪南港倉庫", "Asia/Tokyo"),
    ];
    let row = |(number, (code, name, timezone)): (u32, (&str, &str, &str))| Warehouse {
        id: id::warehouse(number),
        code: code.to_owned(),
        name: name.to_owned(),
        open: number <= OPEN_WAREHOUSES,
        timezone: timezone.to_owned(),
        address: warehouse_address(number),
        created_at: epoch.minus_seconds(DAY * (1_200 - i64::from(number) * 150)),
        updated_at: epoch.minus_seconds(DAY * i64::from(number) * 9),
    };
    (1..).zip(all).map(row).collect()
}

/// The first location of warehouse `number` is its dock, the next three are zones, the rest bins and pallet racks.
const PLACES_BEFORE_BINS: u32 = 4;

/// The locations of all warehouses, `bins` in each beside its dock and zones.
pub(super) fn locations(epoch: Instant, bins: u32) -> Vec<Location> {
    let mut all = Vec::new();
    for warehouse in 1..=WAREHOUSES {
        let first = 1 + (warehouse - 1) * (bins + PLACES_BEFORE_BINS);
        for place in 0..bins + PLACES_BEFORE_BINS {
            let zone = place % 3;
            let letter = ["A", "B", "C"][zone as usize];
            let (kind, label) = match place {
                0 => ("dock", "DOCK-1".to_owned()),
                1..=3 => ("zone", ["B", "C", "A"][place as usize - 1].to_owned()),
                place if place % 7 == 0 => ("pallet_rack", format!("{letter}-R{:02}", place / 7)),
                place => ("bin", format!("{letter}-{:02}-{:02}", place / 30 + 1, place % 30 + 1)),
            };
            let size = |l: i64, w: i64, h: i64, kg: i64| {
                let dims = Dims { l: Quantity::whole(l), w: Quantity::whole(w), h: Quantity::whole(h), unit: "cm" };
                (Some(dims), Some(Weight { value: Quantity::whole(kg), unit: "kg" }))
            };
            let (dims, max_load) = match kind {
                "bin" => size(60, 40, 35, 50),
                "pallet_rack" => size(270, 110, 180, 1_000),
                _ => (None, None),
            };
            all.push(Location {
                id: id::location(first + place),
                label,
                warehouse_id: id::warehouse(warehouse),
                kind: kind.to_owned(),
                // Zone A is the third place after the dock, so that a bin's zone is place 1 + (its letter's place).
                parent_id: (place >= PLACES_BEFORE_BINS).then(|| id::location(first + [3, 1, 2][zone as usize])),
                pickable: kind == "bin",
                dims,
                max_load,
                created_at: epoch.minus_seconds(DAY * 700),
                updated_at: epoch.minus_seconds(DAY * 90 + i64::from(place) * 61),
            });
        }
    }
    all
}

/// The number of a bin of `warehouse`: `pick` counts from 0 and may be any number.
pub(super) fn bin(warehouse: u32, bins: u32, pick: u32) -> u32 {
    1 + (warehouse - 1) * (bins + PLACES_BEFORE_BINS) + PLACES_BEFORE_BINS + pick % bins.max(1)
}

/// Name, code and e-mail address of the clients that every sandbox has; what they sell is `goods::RANGES` in this order.
const CLIENTS: [(&str, &str, Option<&str>); 8] = [
    ("日本茶株式会社", "NCH", Some("soko@nihoncha.example")),
    ("Crème & Cô", "CEC", Some("logistique@creme-et-co.example")),
    ("Nordlicht Outdoor GmbH", "NLO", Some("versand@nordlicht-outdoor.example")),
    ("Żubr Coffee Roasters", "ZUB", Some("magazyn@zubr.example")),
    ("Ølgod Bryggeri ApS", "OLG", None),
    ("Harbor & Pine LLC", "HAP", Some("ops@harborandpine.example")),
    ("São Bento Cerâmica", "SBC", Some("envios@saobento.example")),
    ("O'Malley's Pantry", "OMP", Some("orders@omalleys.example")),
];

/// The clients: the eight above, and beyond them more of their kind.
pub(super) fn clients(epoch: Instant, count: u32) -> Vec<Client> {
    let row = |number: u32| {
        let (name, code, email) = CLIENTS[(number as usize - 1) % CLIENTS.len()];
        let generation = (number - 1) / 8;
        Client {
            id: id::client(number),
            code: if generation == 0 { code.to_owned() } else { format!("{code}{generation}") },
            name: if generation == 0 { name.to_owned() } else { format!("{name} № {}", generation + 1) },
            email: email.map(str::to_owned),
            contract: ["standard", "premium", "pay-per-pick"][number as usize % 3].to_owned(),
            created_at: epoch.minus_seconds(DAY * (900 - i64::from(number % 8) * 60)),
            updated_at: epoch.minus_seconds(DAY * i64::from(3 + number % 50) + i64::from(number)),
        }
    };
    (1..=count).map(row).collect()
}

/// Label, carrier, service and days of the shipping methods.
type MethodText = (&'static str, Option<(&'static str, &'static str, Option<&'static str>)>, &'static str, Option<[u32; 2]>);
const METHODS: [MethodText; 9] = [
    ("DHL Paket", Some(("car_dhl", "DHL", None)), "standard", Some([1, 2])),
    ("DHL Express Worldwide", Some(("car_dhl_express", "DHL Express", Some("DHLE"))), "express", Some([1, 3])),
    ("UPS Ground", Some(("car_ups", "UPS", Some("UPSN"))), "ground", Some([1, 5])),
    ("UPS 2nd Day Air®", Some(("car_ups", "UPS", Some("UPSN"))), "2-day", Some([2, 2])),
    ("FedEx Priority Overnight", Some(("car_fedex", "FedEx", Some("FDEG"))), "overnight", Some([1, 1])),
    ("PostNL Brievenbuspakje", Some(("car_postnl", "PostNL", None)), "economy", Some([1, 3])),
    ("ヤマト宅急便", Some(("car_yamato", "ヤマト運輸", None)), "standard", Some([2, 4])),
    ("XPO LTL Freight", Some(("car_xpo", "XPO", Some("CNWY"))), "freight", Some([3, 8])),
    ("Customer pick-up", None, "collect", None),
];

/// How many shipping methods there are.
pub(super) const METHOD_COUNT: u32 = METHODS.len() as u32;

/// The carrier of shipping method `number`.
pub(super) fn carrier(number: u32) -> Option<Carrier> {
    let (_, carrier, ..) = METHODS.get((number as usize).wrapping_sub(1))?;
    carrier.map(|(id, name, scac)| Carrier { id: id.to_owned(), name: name.to_owned(), scac: scac.map(str::to_owned) })
}

/// Name and service of shipping method `number`.
pub(super) fn method(number: u32) -> (&'static str, &'static str) {
    let (label, _, service, _) = METHODS[(number as usize).wrapping_sub(1) % METHODS.len()];
    (label, service)
}

/// All shipping methods.
pub(super) fn methods(epoch: Instant) -> Vec<Method> {
    let row = |(number, (label, _, service, transit_days)): (u32, MethodText)| Method {
        id: id::method(number),
        label: label.to_owned(),
        carrier: carrier(number),
        service: service.to_owned(),
        transit_days,
        created_at: epoch.minus_seconds(DAY * 800),
        updated_at: epoch.minus_seconds(DAY * (40 + i64::from(number))),
    };
    (1..).zip(METHODS).map(row).collect()
}

/// A tracking number in the style of the carrier of `method`, and the page that follows it.
pub(super) fn tracking(method: u32, random: &mut Random) -> Option<(String, String)> {
    let carrier = carrier(method)?;
    let digits = random.next();
    let number = match carrier.id.as_str() {
        "car_ups" => format!("1Z999AA1{:010}", digits % 10_000_000_000),
        "car_dhl" => format!("00340434{:012}", digits % 1_000_000_000_000),
        "car_postnl" => format!("3S{:013}", digits % 10_000_000_000_000),
        "car_xpo" => format!("{:09}", digits % 1_000_000_000),
        _ => format!("{:012}", digits % 1_000_000_000_000),
    };
    let url = format!("https://tracking.example/{}/{number}", carrier.id.trim_start_matches("car_"));
    Some((number, url))
}

/// A vendor of what a client sells; vendor 0 of the first four clients is from their own trade.
pub(super) fn vendor(client: u32, pick: u32) -> Named {
    const VENDORS: [&str; 6] = [
        "宇治製茶組合",
        "Laboratoires Beauséjour",
        "Fjällverkstad AB",
        "Cooperativa Huehuetenango",
        "Grünwald Verpackungen",
        "Shenzhen Sōkō Trading",
    ];
    let number = ((client - 1) % 8 + pick) % 6;
    Named { id: format!("ven_{:02}", number + 1), name: VENDORS[number as usize].to_owned() }
}

/// Where a vendor sends from.
pub(super) fn vendor_address(vendor: &Named) -> Address {
    let (street, city, zip, country) = match vendor.id.as_str() {
        "ven_01" => ("宇治里尻31", "宇治市", "611-0021", "JP"),
        "ven_02" => ("12 rue de l'Évêché", "Grasse", "06130", "FR"),
        "ven_03" => ("Hantverksgatan 4", "Östersund", "831 34", "SE"),
        "ven_04" => ("4a Calle 6-50, Zona 1", "Huehuetenango", "13001", "GT"),
        "ven_05" => ("Perlacher Forststraße 9", "Grünwald", "82031", "DE"),
        _ => ("88 Shennan Ave", "Shenzhen", "518000", "CN"),
    };
    Address { email: None, phone: None, ..address(["Export", &vendor.name], [street, city, zip, country], None, "") }
}

/// Country, currency, town, region, postal code, street, given names, family names.
type Place =
    (&'static str, &'static str, &'static str, Option<&'static str>, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);
const GERMAN: (&[&str], &[&str]) = (&["Jörg", "Änne", "Lukas", "Zeynep", "Svenja"], &["Müller", "Weiß", "Kröger", "Yılmaz", "von der Heide"]);
const ENGLISH: (&[&str], &[&str]) = (&["Olivia", "Noah", "Imani", "Seán", "Priya"], &["Walker", "O'Connor", "Nguyễn", "St. John-Smythe", "Patel"]);
const JAPANESE: (&[&str], &[&str]) = (&["陽菜", "蓮", "結衣", "大翔"], &["佐藤", "鈴木", "髙橋", "渡邉"]);
const ROMANCE: (&[&str], &[&str]) = (&["Chloé", "João", "Lucía", "Étienne"], &["Lefèvre", "Gonçalves", "Muñoz", "D'Angelo"]);
const NORDIC: (&[&str], &[&str]) = (&["Åsa", "Søren", "Łukasz", "Sigríður"], &["Ångström", "Sørensen", "Wójcik", "Þórsdóttir"]);
const PLACES: [Place; 14] = [
    ("DE", "EUR", "Köln", None, "50667", "Hohe Straße", GERMAN.0, GERMAN.1),
    ("DE", "EUR", "Lübeck", None, "23552", "Große Petersgrube", GERMAN.0, GERMAN.1),
    ("AT", "EUR", "Wien", None, "1010", "Kärntner Straße", GERMAN.0, GERMAN.1),
    ("NL", "EUR", "'s-Hertogenbosch", None, "5211 GZ", "Hinthamerstraat", GERMAN.0, NORDIC.1),
    ("US", "USD", "Portland", Some("OR"), "97209", "NW Everett St", ENGLISH.0, ENGLISH.1),
    ("US", "USD", "Brooklyn", Some("NY"), "11211", "Bedford Ave", ENGLISH.0, ENGLISH.1),
    ("US", "USD", "San José", Some("CA"), "95113", "E Santa Clara St", ENGLISH.0, ROMANCE.1),
    ("CA", "USD", "Montréal", Some("QC"), "H2X 1Y4", "Rue Saint-Denis", ROMANCE.0, ROMANCE.1),
    ("GB", "GBP", "London", None, "E8 3RL", "Kingsland Road", ENGLISH.0, ENGLISH.1),
    ("IE", "EUR", "Dún Laoghaire", Some("Co. Dublin"), "A96 X2P8", "George's Street Upper", ENGLISH.0, ENGLISH.1),
    ("FR", "EUR", "Saint-Étienne", None, "42000", "Rue de la République", ROMANCE.0, ROMANCE.1),
    ("PT", "EUR", "São João da Madeira", None, "3700-121", "Rua da Liberdade", ROMANCE.0, ROMANCE.1),
    ("DK", "EUR", "Århus", None, "8000", "Åboulevarden", NORDIC.0, NORDIC.1),
    ("JP", "JPY", "渋谷区", Some("東京都"), "150-0001", "神宮前", JAPANESE.0, JAPANESE.1),
];

/// Somebody who orders, for a business where `business` is true; and the currency that they pay in.
pub(super) fn consignee(random: &mut Random, business: bool) -> (Address, &'static str) {
    let (country, currency, city, region, zip, street, given, family) = *random.pick(&PLACES);
    let (given, family, house) = (*random.pick(given), *random.pick(family), random.between(1, 180));
    let (name, address1, phone) = match country {
        "JP" => (format!("{family} {given}"), format!("{street}{}丁目{house}", random.between(1, 6)), format!("+81 3 0000 {house:04}")),
        "US" | "CA" => (format!("{given} {family}"), format!("{house} {street}"), format!("+1 201 555 01{:02}", house % 100)),
        _ => (format!("{given} {family}"), format!("{street} {house}"), format!("+44 20 7946 0{house:03}")),
    };
    let address2 = random.chance(18).then(|| (*random.pick(&["Apt 4B", "2. OG links", "c/o Ångström", "Bâtiment C", "203号室"])).to_owned());
    let company =
        (business || random.chance(8)).then(|| format!("{family} {}", random.pick(&["& Söhne", "Trading Ltd", "商店", "Boutique", "Ristorante"])));
    let address = Address {
        name: Some(name),
        company,
        address1: Some(address1),
        address2,
        city: Some(city.to_owned()),
        region: region.map(str::to_owned),
        zip: Some(zip.to_owned()),
        country: Some(country.to_owned()),
        phone: random.chance(80).then_some(phone),
        email: random.chance(85).then(|| format!("customer{}@shop.example", random.below(100_000))),
    };
    (address, currency)
}
