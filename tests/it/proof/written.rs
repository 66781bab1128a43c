//! Writes under faults and `kill -9`: none is sent twice, and none is lost.
//!
//! Clients write through one server, or through two over one database, to a WMS that loses answers before and after it has done
//! what was asked, or gives them later than anybody waits for. Many use the same idempotency keys, fifty of them one at the same
//! moment; others adjust the stock of one item, where a write that is done twice, or not at all, shows in the count. At the end
//! the journal is held against the wire, and against what the WMS has done under each write's name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossdock::record::{Id, Warehouse};
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::audit::audit;
use super::ear::Ear;
use super::{Dice, Goods, Node, World, proofs, rounds};
use crate::support::process::Client;
use crate::support::server::Database;

const CREATE: &str = "mutation($input: CreateOrderInput!) { it: createOrder(input: $input) {
    record: order { id shipTo { fullName } } replayed write { id status } errors { code } } }";
const ADJUST: &str = "mutation($input: AdjustInventoryInput!) { it: adjustInventory(input: $input) {
    record: inventoryItem { id } replayed write { id status } errors { code } } }";
const SKU: &str = "query($id: ID!) { products(first: 1, filter: { connectionId: { eq: $id }, active: { eq: true }, isKit: { eq: false }, sku: { isNull: false } }) { nodes { sku } } }";
const ITEM: &str = "query($id: ID!) { inventory(first: 1, filter: { connectionId: { eq: $id }, active: { eq: true } }) { nodes { id sourceId byWarehouse { warehouse { sourceId } } } } }";
const OPEN: &str =
    "{ writes(filter: { statuses: [PENDING, SENT, UNKNOWN] }) { totalCount nodes { status lookedUp idempotencyKey error { message } } } }";
const JOURNAL: &str = "query($after: String) { writes(first: 250, after: $after) { pageInfo { hasNextPage endCursor }
    nodes { id action status reference idempotencyKey record { __typename ... on Order { id } } error { code message } } } }";

/// Clients that write for the whole of a round.
const CLIENTS: u64 = 6;
/// Keys of a round that they share: fewer than calls.
const KEYS: u64 = 12;
/// Clients that use one key at the same moment.
const HERD: usize = 50;
/// How many of the WMS's answers are asked for at the same time.
const TOGETHER: usize = 8;

/// What the clients share.
struct Shop {
    /// The servers that can be reached now.
    servers: RwLock<Vec<Client>>,
    connection: String,
    sku: Value,
    item: Value,
    warehouse: String,
    calls: AtomicU64,
    unanswered: AtomicU64,
    numbers: AtomicU64,
}

/// What clients were told.
#[derive(Default)]
struct Told {
    /// Orders, by key.
    orders: BTreeMap<String, BTreeSet<String>>,
    /// How writes had ended, by id.
    ends: BTreeMap<String, BTreeSet<String>>,
}

impl Told {
    fn add(&mut self, other: Self) {
        for (mine, theirs) in [(&mut self.orders, other.orders), (&mut self.ends, other.ends)] {
            theirs.into_iter().for_each(|(key, told)| mine.entry(key).or_default().extend(told));
        }
    }
}

impl Shop {
    /// One call, of any server; `None` when it was not answered.
    async fn call(&self, dice: &mut Dice, document: &str, input: Value, told: &mut Told) -> Option<Value> {
        let client = dice.pick(&self.servers.read().await).cloned()?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        let Ok(data) = client.ask(document, json!({ "input": input })).await else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let payload = data["it"].clone();
        if let (Some(id), Some(status @ ("CONFIRMED" | "REJECTED"))) = (payload["write"]["id"].as_str(), payload["write"]["status"].as_str()) {
            told.ends.entry(id.to_owned()).or_default().insert(status.to_owned());
        }
        Some(payload)
    }

    /// Orders something under a key.
    async fn order(&self, dice: &mut Dice, key: &str, told: &mut Told) -> Option<Value> {
        let order = json!({
            "shipTo": { "fullName": key, "address1": "Hauptstraße 1", "city": "Köln", "postalCode": "50667", "country": "DE" },
            "lineItems": [{ "sku": self.sku, "quantity": 1 }]
        });
        let input = json!({ "connectionId": self.connection, "idempotencyKey": key, "waitSeconds": dice.below(2), "order": order });
        let payload = self.call(dice, CREATE, input, told).await?;
        if let Some(id) = payload["record"]["id"].as_str() {
            assert_eq!(payload["record"]["shipTo"]["fullName"], json!(key), "another key's order: {payload:#}");
            told.orders.entry(key.to_owned()).or_default().insert(id.to_owned());
        }
        Some(payload)
    }

    /// Puts one more into stock, under a key or without one; with one, again until it is known what came of it.
    async fn adjust(&self, dice: &mut Dice, until: Instant, told: &mut Told) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let key = (dice.below(3) > 0).then(|| format!("adjust-{number}"));
        let adjustment = json!({ "warehouseId": self.warehouse, "delta": 1, "reason": format!("found {number}") });
        let input = json!({ "id": self.item, "idempotencyKey": key, "adjustment": adjustment });
        while Instant::now() < until {
            let payload = self.call(dice, ADJUST, input.clone(), told).await;
            if key.is_none() || payload.is_some_and(|payload| payload["errors"] == json!([])) {
                return;
            }
        }
    }

    /// A client that writes until its time is over.
    async fn client(self: Arc<Self>, mut dice: Dice, round: u32, until: Instant) -> Told {
        let mut told = Told::default();
        while Instant::now() < until {
            if dice.below(4) == 0 {
                self.adjust(&mut dice, until, &mut told).await;
            } else {
                let key = format!("key-{round}-{}", dice.below(KEYS));
                self.order(&mut dice, &key, &mut told).await;
            }
        }
        told
    }

    /// Fifty clients that use one key at the same moment.
    async fn herd(self: Arc<Self>, mut dice: Dice, round: u32) -> Told {
        let (shop, key) = (&self, &format!("key-{round}-herd"));
        let each = (0..HERD).map(|_| {
            let mut dice = Dice(dice.below(u64::MAX));
            async move {
                let mut told = Told::default();
                shop.order(&mut dice, key, &mut told).await;
                told
            }
        });
        let mut all = Told::default();
        futures_util::future::join_all(each).await.into_iter().for_each(|told| all.add(told));
        all
    }
}

proofs! {
    async fn writes_under_faults_and_kills_are_done_once(database: Database) on (sqlite Sqlite, postgres Postgres) {
        written(database, 1).await;
    }

    async fn writes_through_two_servers_that_are_killed_are_done_once(database: Database) on (postgres Postgres) {
        written(database, 2).await;
    }
}

async fn written(database: Database, servers: usize) {
    let Some(mut world) = World::new(database, Goods { orders: 20, page: 250 }).await else { return };
    // So that an answer can be later than the server waits for.
    world.arguments = vec!["--wms-deadline=2".to_owned()];
    let mut dice = Dice::new("written");
    let ear = Ear::on(world.wms.url()).await;
    let mut nodes = Vec::new();
    for number in 0..servers {
        nodes.push(world.serve(&format!("server-{number}")).await);
    }
    let connection = Node::connect_with(&nodes[0].client, &ear.url()).await;
    nodes[0].synced(&connection).await;
    let shop = Arc::new(shop(&nodes, connection).await);
    let item =
        nodes[0].client.data(ITEM, json!({ "id": shop.connection })).await["inventory"]["nodes"][0]["sourceId"].as_str().expect("an item").to_owned();
    let before = physical(&world, &item).await;
    let (kills, mut struck, mut told) = (rounds(4), 0, Told::default());
    for round in 0..kills {
        world.wms.api.faults(trouble(&mut dice)).await;
        let mut clients = JoinSet::new();
        let until = Instant::now() + dice.millis(600, 2_500);
        for _ in 0..CLIENTS {
            clients.spawn(shop.clone().client(Dice(dice.below(u64::MAX)), round, until));
        }
        // Whether the server dies in the midst of them is for chance to say.
        tokio::time::sleep_until(until - dice.millis(0, 1_500)).await;
        clients.spawn(shop.clone().herd(Dice(dice.below(u64::MAX)), round));
        tokio::time::sleep_until(until).await;
        let which = usize::try_from(dice.below(servers as u64)).expect("few servers");
        nodes.remove(which).process.kill();
        *shop.servers.write().await = nodes.iter().map(|node| node.client.clone()).collect();
        nodes.push(world.serve(&format!("again-{round}")).await);
        *shop.servers.write().await = nodes.iter().map(|node| node.client.clone()).collect();
        while let Some(one) = clients.join_next().await {
            told.add(one.expect("a client ends"));
        }
        struck += world.wms.api.struck().await;
    }
    world.wms.api.faults(json!([])).await;
    nodes[0].client.until(OPEN, json!({}), |data| data["writes"]["totalCount"] == 0).await;
    let journal = journal(&nodes[0]).await;
    let sums = judge(&world, &journal, &ear, &told).await;
    assert_eq!(physical(&world, &item).await - before, f64::from(sums.adjusted), "what was put into stock");
    assert!(sums.orders > 0 && sums.adjusted > 0 && struck > 0, "it proves nothing");
    // Whoever asks again is told the same, and nothing more is sent.
    let heard = ear.heard();
    let keys: Vec<&str> =
        journal.iter().filter(|write| write["status"] == "CONFIRMED").filter_map(|write| write["idempotencyKey"].as_str()).collect();
    let again = stream::iter(keys.iter().filter(|key| key.starts_with("key-"))).map(|key| {
        let (shop, mut dice) = (&shop, Dice(0));
        async move { (*key, shop.order(&mut dice, key, &mut Told::default()).await.expect("the server answers")) }
    });
    for (key, payload) in again.buffer_unordered(TOGETHER).collect::<Vec<_>>().await {
        let known = &sums.made[key];
        assert!(payload["replayed"] == true && payload["record"]["id"] == *known, "{key} is {known}, and is answered with {payload:#}");
    }
    assert_eq!(ear.heard(), heard, "something was sent that had been answered");
    nodes[0].settle(&shop.connection).await;
    for node in nodes {
        node.process.stop().await;
    }
    let audit = audit(&world.store().await, &world.wms.api).await;
    println!(
        "{database:?}, {servers} servers: {kills} kills, {} calls of which {} were not answered; {struck} answers of the WMS went wrong; {} writes in the journal: {:?}; {} orders and {} adjustments carried out; {audit:?}",
        shop.calls.load(Ordering::Relaxed),
        shop.unanswered.load(Ordering::Relaxed),
        journal.len(),
        sums.counts,
        sums.orders,
        sums.adjusted
    );
}

async fn shop(nodes: &[Node], connection: String) -> Shop {
    let client = &nodes[0].client;
    let sku = client.data(SKU, json!({ "id": connection })).await["products"]["nodes"][0]["sku"].clone();
    let item = client.data(ITEM, json!({ "id": connection })).await["inventory"]["nodes"][0].clone();
    let number = connection.parse::<Id>().ok().and_then(|id| id.as_connection()).expect("a connection's id");
    let warehouse = item["byWarehouse"][0]["warehouse"]["sourceId"].as_str().expect("a warehouse");
    Shop {
        servers: RwLock::new(nodes.iter().map(|node| node.client.clone()).collect()),
        warehouse: Id::record::<Warehouse>(number, warehouse).to_string(),
        item: item["id"].clone(),
        connection,
        sku,
        calls: AtomicU64::new(0),
        unanswered: AtomicU64::new(0),
        numbers: AtomicU64::new(0),
    }
}

/// What the WMS has of an item.
async fn physical(world: &World, item: &str) -> f64 {
    world.wms.api.rows("inventory").await[item]["totals"]["physical"].as_f64().expect("a number")
}

/// What goes wrong: answers that are lost or come too late after the write was carried out, and before; looks that fail.
fn trouble(dice: &mut Dice) -> Value {
    let percent = 3 + dice.below(12);
    let mut rules = Vec::new();
    for path in ["/v1/orders", "/v1/inventory/*"] {
        let rule = |mut rule: Value| {
            (rule["method"], rule["path"], rule["percent"]) = (json!("POST"), json!(path), json!(percent));
            rule
        };
        rules.extend([
            rule(json!({ "fault": "acceptThenDrop" })),
            rule(json!({ "fault": "acceptThenStatus", "status": 502 })),
            rule(json!({ "fault": "acceptThenDelay", "milliseconds": 2_500 })),
            rule(json!({ "fault": "cutOff", "afterBytes": 40 })),
            rule(json!({ "fault": "reset" })),
            rule(json!({ "fault": "status", "status": 503 })),
            rule(json!({ "fault": "rateLimit" })),
            json!({ "fault": "delay", "milliseconds": 80, "percent": 40, "method": "POST", "path": path }),
        ]);
    }
    rules.push(json!({ "fault": "status", "status": 500, "percent": 20, "method": "GET", "path": "/v1/idempotency/*" }));
    Value::from(rules)
}

async fn journal(node: &Node) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = node.client.data(JOURNAL, json!({ "after": after })).await;
        all.extend(data["writes"]["nodes"].as_array().into_iter().flatten().cloned());
        if data["writes"]["pageInfo"]["hasNextPage"] == false {
            return all;
        }
        after = data["writes"]["pageInfo"]["endCursor"].clone();
    }
}

/// What the journal adds up to.
struct Sums {
    /// The order of each key.
    made: BTreeMap<String, Value>,
    orders: usize,
    adjusted: u32,
    /// How writes ended, by why.
    counts: BTreeMap<String, usize>,
}

/// Holds the journal against the wire, against what the WMS has done, and against what clients were told.
async fn judge(world: &World, journal: &[Value], ear: &Ear, told: &Told) -> Sums {
    let (heard, text) = (ear.heard(), |value: &Value| value.as_str().unwrap_or_default().to_owned());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for write in journal {
        let (status, code) = (text(&write["status"]), text(&write["error"]["code"]));
        *counts.entry(format!("{status} {code}").trim().to_owned()).or_default() += 1;
        let sent = heard.get(&text(&write["reference"])).copied().unwrap_or(0);
        let most = u64::from(code != "NOT_SENT");
        assert!(sent <= most && (status != "CONFIRMED" || sent == 1), "sent {sent} times: {write:#}");
    }
    let names: BTreeSet<String> = journal.iter().map(|write| text(&write["reference"])).collect();
    assert!(heard.keys().all(|name| names.contains(name)), "something was sent that is not in the journal");
    // Under the name of each write the WMS has done something if, and only if, the journal says so.
    let asked = stream::iter(journal).map(|write| async move {
        let name = write["reference"].as_str().unwrap_or_default();
        (write, world.wms.api.call(Method::GET, &format!("/v1/idempotency/{name}"), None).await)
    });
    for (write, (status, answer)) in asked.buffer_unordered(TOGETHER).collect::<Vec<_>>().await {
        let expected = if write["status"] == "CONFIRMED" { 200 } else { 404 };
        assert_eq!(status, expected, "the journal has {write:#}\nand the WMS {answer:#}");
    }
    // Every order that the WMS has bears the key that it was made for, and no key has two.
    let mut rows: BTreeMap<String, usize> = BTreeMap::new();
    for row in world.wms.api.rows("orders").await.values() {
        if let Some(key) = row["ship_to"]["name"].as_str().filter(|name| name.starts_with("key-")) {
            *rows.entry(key.to_owned()).or_default() += 1;
        }
    }
    let confirmed = |action: &'static str| journal.iter().filter(move |write| write["status"] == "CONFIRMED" && write["action"] == action);
    let mut made: BTreeMap<String, Value> = BTreeMap::new();
    for write in confirmed("CREATE_ORDER") {
        let twice = made.insert(text(&write["idempotencyKey"]), write["record"]["id"].clone());
        assert!(twice.is_none(), "a key has two orders: {write:#}");
    }
    assert!(rows.values().all(|count| *count == 1), "carried out twice: {rows:#?}");
    assert!(rows.keys().eq(made.keys()), "the journal has {made:#?}\nand the WMS {rows:#?}");
    // What a client was told is so for good.
    for (key, orders) in &told.orders {
        let known = made.get(key).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(orders.iter().cloned().collect::<Vec<_>>(), Vec::from_iter(known), "what clients were told of {key}");
    }
    let ends: BTreeMap<String, String> = journal.iter().map(|write| (text(&write["id"]), text(&write["status"]))).collect();
    for (write, told) in &told.ends {
        assert_eq!(told.iter().collect::<Vec<_>>(), Vec::from_iter(ends.get(write)), "what clients were told of write {write}");
    }
    Sums { orders: made.len(), made, adjusted: u32::try_from(confirmed("ADJUST_INVENTORY").count()).expect("not so many"), counts }
}
