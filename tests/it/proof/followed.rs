//! Who follows the change log through whatever happens to sockets, servers and the database's connections, and resumes from its last
//! cursor each time, has seen what was committed: all of it, once, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use crossdock::record::DataType;
use crossdock::store::changes::{Kind, Wanted, change_head, change_list};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;

use super::audit::audit;
use super::mutator::Mutator;
use super::{Dice, Goods, Node, TRIGGER, World, proofs, rounds};
use crate::support::process::http;
use crate::support::proxy::Proxy;
use crate::support::server::{Database, PATIENCE};

/// What is followed: a field of a subscription, and what of the log it must tell.
fn feeds() -> [(&'static str, Wanted); 4] {
    [
        ("changes(after: $after)", Wanted::of(&Kind::OF_RECORDS)),
        (
            "changes(after: $after, filter: { dataTypes: [ORDERS, PRODUCTS], kinds: [CREATED, UPDATED] })",
            Wanted { data_types: Some(vec![DataType::Orders, DataType::Products]), ..Wanted::of(&[Kind::Created, Kind::Updated]) },
        ),
        ("syncCompleted(after: $after)", Wanted::of(&[Kind::SyncCompleted])),
        ("connectionIssues(after: $after)", Wanted::of(&Kind::OF_ISSUES)),
    ]
}

/// How many follow each of them.
const EACH: usize = 3;

/// What the followers share.
#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    hung_up: AtomicUsize,
    cut: AtomicUsize,
    failed: AtomicUsize,
}

/// One who follows.
struct Follower {
    key: String,
    field: &'static str,
    /// Where the servers are now.
    servers: watch::Receiver<Vec<String>>,
    /// How many events there are in all, once that is known.
    end: watch::Receiver<Option<usize>>,
    counts: Arc<Counts>,
    dice: Dice,
    cursor: Value,
    seen: Vec<i64>,
}

/// Why a subscription is over.
enum Over {
    /// It was cut, by somebody else.
    Cut,
    /// The server said that something failed.
    Failed,
    /// The follower hung up.
    HungUp,
}

impl Follower {
    /// Follows until it has seen as much as there is.
    async fn follow(mut self) -> Vec<i64> {
        while !self.is_done() {
            let servers = self.servers.borrow().clone();
            let Some(server) = self.dice.pick(&servers).cloned() else {
                drop(tokio::time::timeout(Duration::from_millis(20), self.servers.changed()).await);
                continue;
            };
            self.counts.begun.fetch_add(1, Ordering::Relaxed);
            let patience = self.dice.millis(10, 3_000);
            let over = if self.dice.below(3) == 0 { self.over_sse(&server, patience).await } else { self.over_websocket(&server, patience).await };
            let counter = match over {
                Over::Cut => &self.counts.cut,
                Over::Failed => &self.counts.failed,
                Over::HungUp => &self.counts.hung_up,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.dice.millis(1, 50)).await;
        }
        self.seen
    }

    fn is_done(&self) -> bool {
        self.end.borrow().is_some_and(|end| self.seen.len() >= end)
    }

    fn request(&self) -> Value {
        let query = format!("subscription($after: Cursor) {{ it: {} {{ cursor }} }}", self.field);
        json!({ "query": query, "variables": { "after": self.cursor } })
    }

    /// Takes a result. False: it is none, and the subscription is of no more use.
    fn take(&mut self, result: &Value) -> bool {
        if let Some(errors) = result.get("errors") {
            let code = &errors[0]["extensions"]["code"];
            assert_eq!(*code, "INTERNAL", "what a follower asks for makes sense: {result:#}");
            return false;
        }
        let cursor = result["data"]["it"]["cursor"].as_str().unwrap_or_else(|| panic!("an event has a cursor: {result:#}"));
        let plain = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let position = plain.and_then(|plain| plain.strip_prefix("changes:")?.parse().ok());
        self.seen.push(position.expect("a position"));
        self.cursor = json!(cursor);
        true
    }

    async fn over_websocket(&mut self, server: &str, patience: Duration) -> Over {
        let mut request = format!("{}/graphql", server.replace("http", "ws")).into_client_request().expect("an address");
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("graphql-transport-ws"));
        let Ok((mut socket, _)) = tokio_tungstenite::connect_async(request).await else { return Over::Cut };
        let hello = json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", self.key) } });
        let subscribe = json!({ "type": "subscribe", "id": "it", "payload": self.request() });
        for message in [hello, subscribe] {
            if socket.send(Message::text(message.to_string())).await.is_err() {
                return Over::Cut;
            }
            // An operation must wait until the server has said who is welcome.
            if message["type"] == "connection_init"
                && !matches!(socket.next().await, Some(Ok(Message::Text(text))) if text.contains("connection_ack"))
            {
                return Over::Cut;
            }
        }
        let end = tokio::time::Instant::now() + patience;
        loop {
            let message = match tokio::time::timeout_at(end, socket.next()).await {
                Err(_) => return Over::HungUp,
                Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str::<Value>(&text).expect("JSON"),
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
                Ok(_) => return Over::Cut,
            };
            let goes_on = match message["type"].as_str() {
                Some("next") => self.take(&message["payload"]),
                Some("error") => self.take(&json!({ "errors": message["payload"] })),
                _ => false,
            };
            if !goes_on {
                return Over::Failed;
            }
            if self.is_done() {
                return Over::HungUp;
            }
        }
    }

    async fn over_sse(&mut self, server: &str, patience: Duration) -> Over {
        let request = http().post(format!("{server}/graphql")).bearer_auth(&self.key).header("accept", "text/event-stream").json(&self.request());
        let end = tokio::time::Instant::now() + patience;
        let Ok(Ok(mut events)) = tokio::time::timeout_at(end, request.send()).await else { return Over::Cut };
        let mut text = String::new();
        loop {
            match tokio::time::timeout_at(end, events.chunk()).await {
                Err(_) => return Over::HungUp,
                Ok(Ok(Some(chunk))) => text.push_str(std::str::from_utf8(&chunk).expect("text")),
                Ok(_) => return Over::Cut,
            }
            while let Some((event, rest)) = text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned())) {
                text = rest;
                if let Some(data) = event.strip_prefix("event: next\ndata: ") {
                    if !self.take(&serde_json::from_str(data).expect("JSON")) {
                        return Over::Failed;
                    }
                } else if event.starts_with("event: complete") {
                    return Over::Failed;
                }
            }
            if self.is_done() {
                return Over::HungUp;
            }
        }
    }
}

proofs! {
    async fn who_resumes_from_its_cursor_sees_what_was_committed_and_nothing_else(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(mut world) = World::new(database, Goods { orders: 200, page: 20 }).await else { return };
        let mut dice = Dice::new("followed");
        // What the servers say to PostgreSQL goes through a hand that cuts it.
        let (direct, proxy) = match database {
            Database::Sqlite => (world.database_url.clone(), None),
            Database::Postgres => {
                let direct = world.database_url.clone();
                let (address, name) = direct.rsplit_once('@').and_then(|(_, rest)| rest.split_once('/')).expect("an address");
                let proxy = Proxy::start(address.parse().expect("an address")).await;
                world.database_url = format!("postgres://postgres@{}/{name}", proxy.address());
                (direct.clone(), Some(proxy))
            }
        };
        let count = if proxy.is_some() { 2 } else { 1 };
        let mut nodes: Vec<Option<Node>> = Vec::new();
        for number in 0..count {
            nodes.push(Some(world.serve(&format!("server-{number}")).await));
        }
        let urls = |nodes: &[Option<Node>]| -> Vec<String> { nodes.iter().flatten().map(|node| node.process.url.clone()).collect() };
        let (servers, servers_seen) = watch::channel(urls(&nodes));
        let node = |nodes: &[Option<Node>], index: usize| nodes[index].as_ref().expect("it runs").client.clone();
        let connection = nodes[0].as_ref().expect("it runs").connect(&world.wms).await;
        nodes[0].as_ref().expect("it runs").synced(&connection).await;
        let counts = Arc::new(Counts::default());
        let mut ends = Vec::new();
        let mut following = Vec::new();
        for (field, wanted) in feeds() {
            let (end, end_seen) = watch::channel(None);
            ends.push((end, wanted));
            for _ in 0..EACH {
                let (key, servers, end, counts) = (world.key.clone(), servers_seen.clone(), end_seen.clone(), counts.clone());
                let (cursor, dice) = (json!(BASE64_URL_SAFE_NO_PAD.encode("changes:0")), Dice(dice.below(u64::MAX)));
                let follower = Follower { key, field, servers, end, counts, dice, cursor, seen: Vec::new() };
                following.push((field, tokio::spawn(follower.follow())));
            }
        }
        let stranger = Mutator::start(&world.wms.api, Dice(dice.below(u64::MAX))).await;
        let (worst, mut kills, mut cuts) = (rounds(6), 0, 0);
        for _ in 0..worst {
            // Listings that end early raise issues, whole ones clear them.
            let faults = if dice.below(2) == 0 { json!([{ "fault": "endEarly", "percent": 20 }]) } else { json!([]) };
            world.wms.api.faults(faults).await;
            let moment = tokio::time::sleep(dice.millis(200, 2_000));
            tokio::pin!(moment);
            loop {
                let which = usize::try_from(dice.below(count)).unwrap_or(0);
                let mode = if dice.below(2) == 0 { "INCREMENTAL" } else { "FULL" };
                let pause = dice.millis(20, 200);
                tokio::select! {
                    () = &mut moment => break,
                    () = async {
                        // Its connections to the database may have been cut a moment ago.
                        drop(node(&nodes, which).ask(TRIGGER, json!({ "id": connection, "mode": mode })).await);
                        tokio::time::sleep(pause).await;
                    } => {}
                }
            }
            match &proxy {
                Some(proxy) if dice.below(2) == 0 => {
                    cuts += proxy.cut();
                }
                _ => {
                    let which = usize::try_from(dice.below(count)).unwrap_or(0);
                    if let Some(node) = nodes[which].take() {
                        servers.send_replace(urls(&nodes));
                        node.process.kill();
                        kills += 1;
                    }
                    nodes[which] = Some(world.serve(&format!("server-{which}")).await);
                    servers.send_replace(urls(&nodes));
                }
            }
        }
        let done = stranger.stop().await;
        // Chance may have raised no issue so far: this does, and what follows clears it.
        world.wms.api.faults(json!([{ "fault": "endEarly" }])).await;
        nodes[0].as_ref().expect("it runs").full(&connection).await;
        world.wms.api.faults(json!([])).await;
        nodes[0].as_ref().expect("it runs").settle(&connection).await;
        // Past the hand: what was committed.
        world.database_url = direct;
        let store = world.store().await;
        let mut conn = store.read().await.expect("the database");
        let head = change_head(&mut conn).await.expect("the head");
        let mut expected = Vec::new();
        for (end, wanted) in &ends {
            let entries = change_list(&mut conn, 0, wanted, i64::MAX).await.expect("changes");
            let positions: Vec<i64> = entries.iter().map(|entry| entry.position).collect();
            end.send_replace(Some(positions.len()));
            expected.push(positions);
        }
        drop(conn);
        let mut events = 0;
        for (index, (field, following)) in following.into_iter().enumerate() {
            let seen = tokio::time::timeout(2 * PATIENCE, following).await.unwrap_or_else(|_| panic!("{field}: not all of it comes")).expect("it follows");
            let expected = &expected[index / EACH];
            let differs = seen.iter().zip(expected).position(|(seen, expected)| seen != expected);
            assert!(differs.is_none() && seen.len() == expected.len(), "{field}: {} of {} events, the first that differs is {differs:?}", seen.len(), expected.len());
            events += seen.len();
        }
        for node in nodes.into_iter().flatten() {
            node.process.stop().await;
        }
        let audit = audit(&store, &world.wms.api).await;
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        println!(
            "{database:?}: {kills} kills, {cuts} connections to the database cut; {} followers of {head} entries saw {events} events in {} subscriptions, of which {} were cut, {} failed and {} hung up; the stranger: {done:?}; {audit:?}",
            4 * EACH, count(&counts.begun), count(&counts.cut), count(&counts.failed), count(&counts.hung_up)
        );
        assert!(expected.iter().all(|positions| !positions.is_empty()), "each of them had something to tell");
    }
}
