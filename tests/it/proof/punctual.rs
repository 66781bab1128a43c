//! Many connections in one process, each schedule in time: a run begins no later than its period and a twentieth after the one
//! before it.
//!
//! The server is in this process, so that its clock can run many times as fast as the real one. What it does not hasten is how
//! long the engine sleeps when it has looked in vain, so somebody nudges it as often as its own clock would have woken it.
//! The number of rounds is that of connections. The figure is asserted in the long form only: `CROSSDOCK_PROOF_ROUNDS=1000
//! cargo nextest run --release punctual` keeps 9,000 schedules at an hour each, sixty times as fast (`CROSSDOCK_PROOF_SPEED`
//! says otherwise: 9,000 an hour are 150 runs in every second then).

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Parser;
use crossdock::app;
use crossdock::clock::Clock;
use crossdock::config::ServeArgs;
use crossdock::record::Instant;
use crossdock::store::Predicate;
use crossdock::store::runs::{SyncStatus, run_list};
use serde_json::json;

use super::wms::RESOURCES;
use super::{Goods, Node, World, environment, is_long, proofs, rounds};
use crate::support::process::Client;
use crate::support::server::Database;

/// Seconds between two runs of each schedule.
const PERIOD: i64 = 3_600;
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    serve: ServeArgs,
}

const NUDGE: &str = "mutation($id: ID!) { updateSyncSchedule(input: { connectionId: $id, dataType: ORDERS, enabled: true }) { errors { message } } }";
const PAUSE: &str = "mutation($id: ID!) { updateConnection(input: { connectionId: $id, paused: true }) { errors { message } } }";

proofs! {
    async fn every_schedule_is_punctual(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(world) = World::new(database, Goods { orders: 1, page: 250 }).await else { return };
        let fast = environment("CROSSDOCK_PROOF_SPEED").and_then(|speed| i64::try_from(speed).ok());
        let (connections, speed, periods) = if is_long() { (rounds(0), fast.unwrap_or(60), 2) } else { (rounds(20), 400, 1) };
        let (system, start) = (Clock::system(), Clock::system().now().micros());
        let clock = Clock::of(move || Instant::from_micros(start + (system.now().micros() - start) * speed));
        let types = RESOURCES.map(|(data_type, _)| format!("--sync-interval={data_type}={PERIOD}"));
        let arguments = ["crossdock", "--no-demo", "--listen=127.0.0.1:0", "--sync-lease=600"].map(str::to_owned);
        let args = Args::parse_from(arguments.into_iter().chain(types).chain(world.store_arguments()));
        let app = app::start(&args.serve, clock).await.expect("the server starts");
        let client = Client::new(&format!("http://{}", app.address), &world.key);
        let idle = Node::connect_with(&client, world.wms.url()).await;
        client.data(PAUSE, json!({ "id": idle })).await;
        let nudging = tokio::spawn({
            let client = client.clone();
            async move {
                loop {
                    // A slow machine is no reason to give up.
                    drop(client.ask(NUDGE, json!({ "id": idle })).await);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        });
        for _ in 0..connections {
            Node::connect_with(&client, world.wms.url()).await;
        }
        // Until each schedule has been watched for so many periods.
        let starts = loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let runs = run_list(&mut app.store.read().await.expect("the database"), Predicate::All(Vec::new()), i64::MAX, i64::MAX).await.expect("runs");
            let mut starts: BTreeMap<_, Vec<i64>> = BTreeMap::new();
            for run in runs.iter().rev().filter(|run| run.connection_id > 1) {
                assert!(run.status != SyncStatus::Failed, "{run:#?}");
                starts.entry((run.connection_id, run.data_type.as_str())).or_default().extend(run.started_at.map(Instant::micros));
            }
            if starts.len() == connections as usize * 9 && starts.values().all(|starts| starts.len() > periods) {
                break starts;
            }
        };
        nudging.abort();
        app.stop().await.expect("the server stops in good order");
        let mut gaps: Vec<i64> = starts.values().flat_map(|starts| starts.windows(2).map(|two| two[1] - two[0])).collect();
        gaps.sort_unstable();
        let part = |share: usize| gaps[(gaps.len() - 1) * share / 1_000] as f64 / 1e6 / PERIOD as f64;
        let figures = format!(
            "{database:?}: {connections} connections, {} schedules of {PERIOD} s, {speed} times as fast: of {} gaps the shortest is {:.4} of the period, the median {:.4}, 99.9 % {:.4}, the longest {:.4}",
            starts.len(), gaps.len(), part(0), part(500), part(999), part(1_000),
        );
        println!("{figures}");
        assert!(!is_long() || part(1_000) <= 1.05, "{figures}");
    }
}
