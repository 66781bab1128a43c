//! `kill -9` at any moment: nothing is lost, nothing is told twice, and a run goes on from its last page.

use serde_json::{Value, json};

use super::audit::audit;
use super::mutator::Mutator;
use super::wms::RESOURCES;
use super::{Dice, Goods, LEASE, OPEN, RUNS, World, proofs, rounds};
use crate::support::server::Database;

proofs! {
    /// The server dies again and again in the middle of first, incremental and full syncs of a WMS that a stranger changes, and
    /// that now answers badly, now shows less or more than there is.
    async fn a_server_that_is_killed_at_any_moment_loses_and_doubles_nothing(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(world) = World::new(database, Goods { orders: 300, page: 20 }).await else { return };
        let mut dice = Dice::new("killed at any moment");
        let mut node = world.serve("server").await;
        let stranger = Mutator::start(&world.wms.api, Dice(dice.below(u64::MAX))).await;
        let mut connections = vec![node.connect(&world.wms).await];
        let (kills, mut open, mut struck) = (rounds(4), 0, 0);
        for round in 0..kills {
            struck += world.wms.api.struck().await;
            if round % 3 == 2 && connections.len() < 5 {
                // Another first sync to be cut.
                world.wms.api.faults(json!([])).await;
                connections.push(node.connect(&world.wms).await);
            }
            world.wms.api.faults(trouble(&mut dice)).await;
            let moment = tokio::time::sleep(dice.millis(20, 2_500));
            tokio::pin!(moment);
            loop {
                let types: Vec<_> = RESOURCES.iter().filter(|_| dice.below(3) == 0).map(|(data_type, _)| *data_type).collect();
                let mode = if dice.below(3) == 0 { "INCREMENTAL" } else { "FULL" };
                let connection = dice.pick(&connections).cloned().unwrap_or_default();
                let pause = dice.millis(5, 150);
                tokio::select! {
                    () = &mut moment => break,
                    () = async {
                        node.trigger(&connection, Some(&types), mode).await.expect("the server takes it");
                        tokio::time::sleep(pause).await;
                    } => {}
                }
            }
            let under_way = node.client.ask(OPEN, json!({})).await;
            open += under_way.ok().and_then(|data| data["syncRuns"]["totalCount"].as_i64()).unwrap_or(0);
            node.process.kill();
            node = world.serve("server").await;
        }
        struck += world.wms.api.struck().await;
        world.wms.api.faults(json!([])).await;
        let done = stranger.stop().await;
        for connection in &connections {
            node.settle(connection).await;
        }
        node.process.stop().await;
        let audit = audit(&world.store().await, &world.wms.api).await;
        println!("{database:?}: {kills} kills, {open} runs under way at them, {struck} answers that went wrong; the stranger: {done:?}; {audit:?}");
    }

    /// A listing of many pages, killed in its midst: what was committed is not read again.
    async fn a_run_that_is_cut_goes_on_from_its_last_page(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(world) = World::new(database, Goods { orders: 400, page: 10 }).await else { return };
        let mut dice = Dice::new("cut");
        let mut node = world.serve("server").await;
        let connection = node.connect(&world.wms).await;
        node.synced(&connection).await;
        // So slow that there is time to see where it is.
        world.wms.api.faults(json!([{ "fault": "delay", "milliseconds": 25, "path": "/v1/orders" }])).await;
        let rows = i64::try_from(world.wms.api.rows("orders").await.len()).expect("a number");
        let (mut cuts, mut longest) = (0, 0);
        while cuts < rounds(2) {
            let runs = node.trigger(&connection, Some(&["ORDERS"]), "FULL").await.expect("the server takes it");
            let read = |data: &Value| data["nodes"][0]["progress"]["read"].as_i64().unwrap_or(0);
            // Up to three times in each run, and never so late that its end is cut.
            for _ in 0..3 {
                let before = read(&node.client.data(RUNS, json!({ "ids": runs })).await);
                let enough = before + 10 + 10 * i64::try_from(dice.below(15)).unwrap_or(0);
                let at = read(&node.client.until(RUNS, json!({ "ids": runs }), |data| read(data) >= enough.min(rows)).await);
                if at + 60 > rows {
                    break;
                }
                node.process.kill();
                cuts += 1;
                node = world.serve("server").await;
                let back = tokio::time::Instant::now();
                node.client.until(RUNS, json!({ "ids": runs }), |data| read(data) > at).await;
                longest = longest.max(back.elapsed().as_millis());
            }
            let ended = node.ended(&runs).await;
            let progress = &ended[0]["progress"];
            assert_eq!((&ended[0]["status"], &progress["read"], &progress["pages"]), (&json!("SUCCEEDED"), &json!(rows), &json!((rows + 9) / 10)), "{ended:#?}");
        }
        world.wms.api.faults(json!([])).await;
        node.settle(&connection).await;
        node.process.stop().await;
        let audit = audit(&world.store().await, &world.wms.api).await;
        println!("{database:?}: {cuts} cuts, no page read twice, the longest way back {longest} ms with a lease of {LEASE} s; {audit:?}");
    }
}

/// What goes wrong at the WMS: half of the time, nothing.
fn trouble(dice: &mut Dice) -> Value {
    match dice.below(4) {
        0 => json!([
            { "fault": "status", "status": 500, "percent": 5, "method": "GET" },
            { "fault": "cutOff", "afterBytes": 300, "percent": 5, "method": "GET" },
            { "fault": "rateLimit", "retryAfterSeconds": 1, "percent": 5, "method": "GET" },
            { "fault": "reset", "percent": 5, "method": "GET" },
            { "fault": "delay", "milliseconds": 50, "percent": 20, "method": "GET" },
        ]),
        1 => json!([{ "fault": "endEarly", "percent": 20 }, { "fault": "duplicate", "rowsPercent": 10, "percent": 30 }, { "fault": "reorder" }]),
        _ => json!([]),
    }
}
