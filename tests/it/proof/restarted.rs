//! PostgreSQL goes away in the middle of syncs, in good order or as if it had crashed, and comes back: servers stay up, say on
//! `/readyz` how things are, and go on by themselves.

use super::audit::audit;
use super::mutator::Mutator;
use super::{Dice, Goods, World, proofs, rounds};
use crate::support::postgres::{self, Own};
use crate::support::server::{Database, PATIENCE};

proofs! {
    async fn a_database_that_is_restarted_costs_nothing_but_time(_database: Database) on (postgres Postgres) {
        if postgres::database_if_installed().is_none() {
            return;
        }
        let database = tokio::task::spawn_blocking(|| Own::start(&["synchronous_commit=on"]).expect("a cluster")).await.expect("it starts");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let world = World::over(folder, database.database().expect("a database"), Goods { orders: 300, page: 10 }).await;
        let mut dice = Dice::new("restarted");
        let mut nodes = vec![world.serve("server-0").await, world.serve("server-1").await];
        let stranger = Mutator::start(&world.wms.api, Dice(dice.below(u64::MAX))).await;
        let connection = nodes[0].connect(&world.wms).await;
        let restarts = rounds(2);
        for _ in 0..restarts {
            let before = database.postmaster();
            nodes[0].trigger(&connection, None, "FULL").await.expect("the server takes it");
            tokio::time::sleep(dice.millis(1, 800)).await;
            database.stop(if dice.below(2) == 0 { "fast" } else { "immediate" }).expect("it stops");
            for node in &nodes {
                ready(node, 503).await;
            }
            tokio::time::sleep(dice.millis(1, 1_000)).await;
            database.start_again().expect("it starts");
            assert_ne!(database.postmaster(), before, "it is another");
            for node in &mut nodes {
                ready(node, 200).await;
                assert!(node.process.runs(), "a server ended: {}", node.process.tail());
            }
        }
        let done = stranger.stop().await;
        nodes[1].settle(&connection).await;
        let failures: usize = nodes.iter().map(|node| node.process.said("The store failed during a run")).sum();
        for node in nodes {
            node.process.stop().await;
        }
        let audit = audit(&world.store().await, &world.wms.api).await;
        println!("{restarts} restarts, which {failures} runs met; the stranger: {done:?}; {audit:?}");
    }
}

/// Returns when a server says so.
async fn ready(node: &super::Node, status: u16) {
    let mut last = (0, String::new());
    let asking = async {
        while last.0 != status {
            last = node.client.get("/readyz").await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, asking).await;
    assert!(in_time.is_ok(), "/readyz does not say {status}, but {last:?}");
}
