//! Writes under faults and `kill -9`: none is carried out twice, and none is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::{Dice, Goods, Node, World, proofs, rounds};
use crate::support::process::Client;
use crate::support::server::Database;

const CREATE: &str = "mutation($input: CreateOrderInput!) { createOrder(input: $input) {
    order { id shipTo { fullName } } replayed write { status } errors { code } } }";
const OPEN: &str =
    "{ writes(filter: { statuses: [PENDING, SENT, UNKNOWN] }) { totalCount nodes { status lookedUp idempotencyKey error { message } } } }";
const JOURNAL: &str = "query($after: String) { writes(first: 250, after: $after) { pageInfo { hasNextPage endCursor }
    nodes { status idempotencyKey record { sourceId } } } }";

/// Clients that write at the same time.
const CLIENTS: u64 = 6;
/// Keys of a round: fewer than calls, so that several clients use the same one.
const KEYS: u64 = 12;

proofs! {
    /// Clients write under keys that they share, to a WMS that answers badly, through a server that dies in the midst of it.
    async fn writes_under_faults_and_kills_are_done_once(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(world) = World::new(database, Goods { orders: 20, page: 100 }).await else { return };
        let mut dice = Dice::new("written");
        let mut node = world.serve("server").await;
        let connection = node.connect(&world.wms).await;
        node.synced(&connection).await;
        let products = "query($id: ID!) { products(first: 1, filter: { connectionId: { eq: $id }, active: { eq: true }, isKit: { eq: false }, sku: { isNull: false } }) { nodes { sku } } }";
        let sku = node.client.data(products, json!({ "id": connection })).await["products"]["nodes"][0]["sku"].clone();
        let (kills, calls) = (rounds(4), Arc::new(AtomicU64::new(0)));
        let (mut struck, mut confirmed) = (0, BTreeMap::<String, String>::new());
        for round in 0..kills {
            world.wms.api.faults(trouble(&mut dice)).await;
            let client = Arc::new(RwLock::new(node.client.clone()));
            let mut clients = JoinSet::new();
            let until = tokio::time::Instant::now() + dice.millis(400, 2_000);
            for _ in 0..CLIENTS {
                let writer = Writer { client: client.clone(), connection: connection.clone(), sku: sku.clone(), round, calls: calls.clone() };
                clients.spawn(writer.write(Dice(dice.below(u64::MAX)), until));
            }
            tokio::time::sleep_until(until).await;
            node.process.kill();
            node = world.serve("server").await;
            *client.write().await = node.client.clone();
            // What a client was told is so for good.
            while let Some(told) = clients.join_next().await {
                for (key, id) in told.expect("a client ends") {
                    assert_eq!(*confirmed.entry(key.clone()).or_insert_with(|| id.clone()), id, "{key} was answered with two orders");
                }
            }
            struck += world.wms.api.struck().await;
        }
        world.wms.api.faults(json!([])).await;
        node.client.until(OPEN, json!({}), |data| data["writes"]["totalCount"] == 0).await;
        let journal = journal(&node).await;
        // The WMS's own truth: every order bears the key that it was made for.
        let mut made: BTreeMap<String, u64> = BTreeMap::new();
        for row in world.wms.api.rows("orders").await.values() {
            if let Some(key) = row["ship_to"]["name"].as_str().filter(|name| name.starts_with("key-")) {
                *made.entry(key.to_owned()).or_default() += 1;
            }
        }
        let mut settled: BTreeMap<String, u64> = BTreeMap::new();
        for write in journal.iter().filter(|write| write["status"] == "CONFIRMED") {
            *settled.entry(write["idempotencyKey"].as_str().expect("a key").to_owned()).or_default() += 1;
        }
        assert!(made.values().all(|count| *count == 1), "carried out twice: {made:#?}");
        assert_eq!(settled, made, "the journal and the WMS differ");
        assert!(confirmed.keys().all(|key| made.contains_key(key)), "lost: {confirmed:#?}");
        node.process.stop().await;
        let (calls, writes) = (calls.load(Ordering::Relaxed), journal.len());
        println!("{database:?}: {kills} kills, {calls} calls, {writes} writes in the journal, {} orders made, {struck} answers that went wrong", made.len());
    }
}

/// A client that writes until its time is over.
struct Writer {
    client: Arc<RwLock<Client>>,
    connection: String,
    sku: Value,
    round: u32,
    calls: Arc<AtomicU64>,
}

impl Writer {
    /// Answers with the orders that it was told of, by key.
    async fn write(self, mut dice: Dice, until: tokio::time::Instant) -> Vec<(String, String)> {
        let mut told = Vec::new();
        while tokio::time::Instant::now() < until {
            let key = format!("key-{}-{}", self.round, dice.below(KEYS));
            let order = json!({
                "shipTo": { "fullName": key, "address1": "Hauptstraße 1", "city": "Köln", "postalCode": "50667", "country": "DE" },
                "lineItems": [{ "sku": self.sku, "quantity": 1 }]
            });
            let input = json!({ "connectionId": self.connection, "idempotencyKey": key, "waitSeconds": dice.below(2), "order": order });
            let client = self.client.read().await.clone();
            self.calls.fetch_add(1, Ordering::Relaxed);
            if let Ok(data) = client.ask(CREATE, json!({ "input": input })).await
                && let Some(id) = data["createOrder"]["order"]["id"].as_str()
            {
                assert_eq!(data["createOrder"]["order"]["shipTo"]["fullName"], json!(key), "another key's order: {data:#}");
                told.push((key, id.to_owned()));
            }
        }
        told
    }
}

/// What goes wrong with writes: answers that are lost after the order was made, and before.
fn trouble(dice: &mut Dice) -> Value {
    let percent = 5 + dice.below(15);
    json!([
        { "fault": "acceptThenDrop", "percent": percent, "method": "POST", "path": "/v1/orders" },
        { "fault": "reset", "percent": percent, "method": "POST", "path": "/v1/orders" },
        { "fault": "status", "status": 503, "percent": percent, "method": "POST", "path": "/v1/orders" },
        { "fault": "delay", "milliseconds": 80, "percent": 40, "method": "POST", "path": "/v1/orders" },
    ])
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
