//! Many subscribers at once: equal ones share, slow ones lose nothing, and who is too slow for too long is told to come again.

use std::time::Duration;

use crossdock::clock::Clock;
use crossdock::record::{ConnectionId, DataType, Json};
use crossdock::store::changes::{Cause, Entry, Kind, change_append};
use serde_json::{Value, json};

use super::support::server::{Database, Server, on_both};
use super::support::socket::Socket;

const CHANGES: &str = "subscription($after: Cursor) { changes(after: $after) { cursor recordId previousAttributes } }";

/// Changes whose events are of so many bytes.
async fn tell(server: &Server, count: usize, bytes: usize) {
    let previous = Json::of(&json!({ "name": "x".repeat(bytes) }));
    let entry = Entry {
        kind: Kind::Updated,
        source_id: Some("p".to_owned()),
        previous: Some(previous),
        ..Entry::run_ended(ConnectionId(1), DataType::Products)
    };
    let mut tx = server.app.store.write().await.expect("the database answers");
    change_append(&mut tx, vec![entry; count], Cause::default(), Clock::system().now()).await.expect("it is appended");
    server.app.store.commit(tx).await.expect("it is committed");
}

async fn cursor(server: &Server) -> Value {
    server.data("{ changeCursor }", json!({})).await["changeCursor"].clone()
}

/// The cursors of all changes behind this one.
async fn all(server: &Server, mut after: Value) -> Vec<Value> {
    let mut found = Vec::new();
    loop {
        let document = "query($after: Cursor) { changes(after: $after, first: 250) { nextCursor nodes { cursor } pageInfo { hasNextPage } } }";
        let page = server.data(document, json!({ "after": after })).await["changes"].clone();
        found.extend(page["nodes"].as_array().expect("nodes").iter().map(|node| node["cursor"].clone()));
        after = page["nextCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            return found;
        }
    }
}

/// A number that the server tells of itself.
async fn number(server: &Server, name: &str) -> Option<u64> {
    server.metrics().await.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Returns when a number is as it should be.
async fn until(server: &Server, name: &str, is_so: impl Fn(u64) -> bool) {
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let asking = async {
        while !number(server, name).await.is_some_and(&is_so) {
            again.tick().await;
        }
    };
    tokio::time::timeout(super::support::server::PATIENCE, asking).await.unwrap_or_else(|_| panic!("{name} does not become so"));
}

/// Whether somebody was too slow for the others.
async fn is_behind(server: &Server) -> bool {
    number(server, "crossdock_subscribers_behind_total ").await.is_some_and(|count| count > 0)
}

async fn next(socket: &mut Socket) -> Value {
    socket.next("it").await["changes"]["cursor"].clone()
}

on_both! {
    async fn equal_subscriptions_share_whatever_each_has_seen(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let begin = cursor(&server).await;
        tell(&server, 5, 10).await;
        let mut missed = all(&server, begin.clone()).await;
        // Some begin now, some have something to catch up on, and one has seen half of that.
        let mut sockets = Vec::new();
        for after in [json!(null), begin.clone(), json!(null), begin.clone(), missed[2].clone()] {
            let mut socket = server.socket().await;
            socket.subscribe("it", CHANGES, json!({ "after": after })).await;
            sockets.push((socket, after));
        }
        let mut other = server.socket().await;
        other.subscribe("it", "subscription { changes { cursor } }", json!({})).await;
        for (socket, after) in &mut sockets {
            let expected = if after.is_null() { &[][..] } else if *after == begin { &missed[..] } else { &missed[3..] };
            for cursor in expected {
                assert_eq!(next(socket).await, *cursor);
            }
        }
        until(&server, "crossdock_subscribers ", |count| count == 6).await;
        until(&server, "crossdock_subscriptions ", |count| count == 2).await;
        tell(&server, 3, 10).await;
        let new = all(&server, missed[4].clone()).await;
        for (socket, _) in &mut sockets {
            for cursor in &new {
                assert_eq!(next(socket).await, *cursor);
            }
        }
        // Who comes back finds what it missed, wherever that is kept.
        missed.extend(new);
        for seen in [0, 4, 6, 7] {
            let mut socket = server.socket().await;
            socket.subscribe("it", CHANGES, json!({ "after": missed[seen] })).await;
            for cursor in &missed[seen + 1..] {
                assert_eq!(next(&mut socket).await, *cursor);
            }
            sockets.push((socket, json!(null)));
        }
        tell(&server, 1, 10).await;
        let last = all(&server, missed[7].clone()).await;
        for (socket, _) in &mut sockets {
            assert_eq!(vec![next(socket).await], last);
        }
        drop((sockets, other));
        until(&server, "crossdock_subscriptions ", |count| count == 0).await;
        until(&server, "crossdock_subscribers ", |count| count == 0).await;
    }

    async fn who_reads_slowly_loses_nothing_and_holds_nobody_up(server: Server) with ["--send-timeout=600"] {
        let begin = cursor(&server).await;
        let mut slow = server.socket().await;
        slow.subscribe("it", CHANGES, json!({ "after": begin })).await;
        let mut quick = server.socket().await;
        quick.subscribe("it", CHANGES, json!({ "after": begin })).await;
        until(&server, "crossdock_subscribers ", |count| count == 2).await;
        // More than the system and the hub keep for anybody.
        let mut seen = Vec::new();
        for _ in 0..12 {
            tell(&server, 50, 20_000).await;
            for _ in 0..50 {
                seen.push(next(&mut quick).await);
            }
        }
        assert_eq!(seen, all(&server, begin).await);
        for cursor in &seen {
            assert_eq!(next(&mut slow).await, *cursor);
        }
        assert!(is_behind(&server).await, "it was too slow for the other");
        tell(&server, 1, 10).await;
        assert_eq!(next(&mut slow).await, next(&mut quick).await);
    }

    async fn who_stays_behind_for_too_long_is_told_to_come_again(server: Server) with ["--subscriber-behind=1"] {
        let begin = cursor(&server).await;
        let mut slow = server.socket().await;
        slow.subscribe("it", CHANGES, json!({ "after": begin })).await;
        until(&server, "crossdock_subscribers ", |count| count == 1).await;
        while !is_behind(&server).await {
            tell(&server, 50, 20_000).await;
        }
        let since = tokio::time::Instant::now();
        while since.elapsed() <= Duration::from_millis(1_100) {
            tell(&server, 1, 20_000).await;
        }
        let mut seen = Vec::new();
        let (code, reason) = loop {
            match slow.receive_or_end().await {
                Ok(message) => seen.push(message["payload"]["data"]["changes"]["cursor"].clone()),
                Err(end) => break end,
            }
        };
        assert_eq!((code, reason.as_str()), (4410, "Behind for longer than 1 s: subscribe again, after the last cursor"));
        let expected = all(&server, begin).await;
        assert_eq!(seen, expected[..seen.len()]);
        let mut again = server.socket().await;
        again.subscribe("it", CHANGES, json!({ "after": seen.last() })).await;
        for cursor in &expected[seen.len()..] {
            assert_eq!(next(&mut again).await, *cursor);
        }
    }
}
