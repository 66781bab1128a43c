//! Webhooks under faults: servers are killed and frozen while a WMS changes, syncs tell of it, and a receiver that now and then
//! refuses is told. At the end every entry of the change log since the endpoint was made has been put into its queue exactly once,
//! and has been accepted at least once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossdock::changes::position;
use serde_json::{Value, json};

use super::mutator::Mutator;
use super::{Dice, Goods, LEASE, Node, World, proofs, rounds};
use crate::support::receiver::{Answer, Receiver};
use crate::support::server::Database;

const CREATE: &str = "mutation($url: String!) { createWebhookEndpoint(input: { url: $url }) { webhookEndpoint { id } errors { message } } }";
const STATE: &str = "{ changeCursor webhookEndpoints(first: 1) { nodes { deliveryCounts { pending delivered dead } } } }";
const QUEUED: &str = "query($after: String) { webhookDeliveries(first: 250, after: $after) { pageInfo { endCursor hasNextPage } nodes { cursor } } }";

fn place(cursor: &Value) -> i64 {
    cursor.as_str().and_then(position).unwrap_or_else(|| panic!("{cursor} is no cursor"))
}

/// The positions of everything that was ever put into the queue.
async fn queued(node: &Node) -> Vec<i64> {
    let mut found = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = node.client.data(QUEUED, json!({ "after": after })).await["webhookDeliveries"].clone();
        found.extend(page["nodes"].as_array().expect("deliveries").iter().map(|node| place(&node["cursor"])));
        if page["pageInfo"]["hasNextPage"] != true {
            return found;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

async fn told(database: Database, servers: usize) {
    let Some(world) = World::new(database, Goods { orders: 100, page: 25 }).await else { return };
    let mut dice = Dice::new("webhooks");
    let receiver = Receiver::start().await;
    let asked = AtomicUsize::new(0);
    receiver.answers(move |_| Answer::Status(if asked.fetch_add(1, Ordering::Relaxed) % 5 == 4 { 500 } else { 200 }));
    let mut nodes = Vec::new();
    for number in 0..servers {
        nodes.push(world.serve(&format!("server-{number}")).await);
    }
    let connection = nodes[0].connect(&world.wms).await;
    nodes[0].synced(&connection).await;
    let from = place(&nodes[0].client.data("{ changeCursor }", json!({})).await["changeCursor"]);
    let made = nodes[0].client.data(CREATE, json!({ "url": receiver.url })).await;
    assert_eq!(made["createWebhookEndpoint"]["errors"], json!([]), "{made:#}");
    let stranger = Mutator::start(&world.wms.api, Dice(dice.below(u64::MAX))).await;
    let (mut kills, mut freezes) = (0, 0);
    for round in 0..rounds(4) {
        nodes[0].trigger(&connection, None, "INCREMENTAL").await.expect("the server takes it");
        tokio::time::sleep(dice.millis(50, 900)).await;
        let victim = nodes.remove(usize::try_from(dice.below(servers as u64)).expect("few servers"));
        if round % 2 == 1 && servers > 1 {
            victim.process.freeze();
            tokio::time::sleep(Duration::from_secs(LEASE + 1)).await;
            victim.process.wake();
            nodes.push(victim);
            freezes += 1;
        } else {
            victim.process.kill();
            nodes.push(world.serve(&format!("again-{round}")).await);
            kills += 1;
        }
    }
    let done = stranger.stop().await;
    nodes[0].settle(&connection).await;
    let all_told = |data: &Value| {
        let counts = &data["webhookEndpoints"]["nodes"][0]["deliveryCounts"];
        let count = |name: &str| counts[name].as_i64().unwrap_or(0);
        count("pending") == 0 && count("delivered") + count("dead") >= place(&data["changeCursor"]) - from
    };
    let head = place(&nodes[0].client.until(STATE, json!({}), all_told).await["changeCursor"]);
    let mut queued = queued(&nodes[0]).await;
    queued.sort_unstable();
    assert_eq!(queued, (from + 1..=head).collect::<Vec<_>>(), "every entry is queued exactly once");
    let got = receiver.got();
    let mut ids: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for received in &got {
        ids.entry(place(&received.body["data"]["cursor"])).or_default().insert(received.id.clone());
    }
    assert_eq!(ids.keys().copied().collect::<Vec<_>>(), queued, "every entry is told");
    assert!(ids.values().all(|ids| ids.len() == 1), "an event keeps its id: {ids:?}");
    println!("{database:?}: {kills} kills, {freezes} freezes; {} events, {} requests; the stranger: {done:?}", queued.len(), got.len());
}

proofs! {
    async fn webhooks_of_a_server_that_is_killed_all_arrive(database: Database) on (sqlite Sqlite, postgres Postgres) {
        told(database, 1).await;
    }

    async fn webhooks_of_two_servers_are_queued_once_and_all_arrive(database: Database) on (postgres Postgres) {
        told(database, 2).await;
    }
}
