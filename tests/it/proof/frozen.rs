//! Several servers on one database, one of which stands still for longer than its leases hold, and then goes on as if nothing
//! had been: nothing runs twice, what it still had in its hands is refused, and nobody has to wait for it.

use std::time::Duration;

use serde_json::json;

use super::audit::audit;
use super::mutator::Mutator;
use super::{Dice, Goods, LEASE, Node, OPEN, World, proofs, rounds};
use crate::support::postgres;
use crate::support::server::{Database, PATIENCE};

/// Asks the database behind the servers' backs.
fn ask(world: &World, statement: &str) -> String {
    postgres::ask(&world.database_url, statement).expect("the database answers")
}

/// The schedules that a server has leased, with their tokens.
fn leases(world: &World, node: &Node) -> Vec<String> {
    let statement = format!("select data_type || ' ' || lease_token from schedules where leased_by like '{}:%' order by 1", node.process.id());
    ask(world, &statement).lines().map(str::to_owned).collect()
}

async fn frozen(servers: usize) {
    let Some(world) = World::new(Database::Postgres, Goods { orders: 300, page: 10 }).await else { return };
    let mut dice = Dice::new("frozen");
    let mut nodes = Vec::new();
    for number in 0..servers {
        nodes.push(world.serve(&format!("server-{number}")).await);
    }
    let stranger = Mutator::start(&world.wms.api, Dice(dice.below(u64::MAX))).await;
    let connection = nodes[0].connect(&world.wms).await;
    let (freezes, mut taken_over) = (rounds(1), 0);
    for _ in 0..freezes {
        // The one that is caught with leases in its hands.
        let catching = async {
            loop {
                nodes[0].trigger(&connection, None, "FULL").await.expect("the server takes it");
                tokio::time::sleep(dice.millis(1, 60)).await;
                let Some(victim) = dice.pick(&nodes) else { continue };
                victim.process.freeze();
                let held = leases(&world, victim);
                if !held.is_empty() {
                    return (victim, held);
                }
                victim.process.wake();
            }
        };
        let (victim, held) = tokio::time::timeout(PATIENCE, catching).await.expect("somebody is at work");
        let awake = nodes.iter().find(|node| node.process.id() != victim.process.id()).expect("another server");
        // The others finish what it began, and begin more, while it stands still.
        tokio::time::sleep(Duration::from_secs(LEASE)).await;
        awake.client.until(OPEN, json!({}), |_| held.iter().all(|lease| !leases(&world, victim).contains(lease))).await;
        awake.rest().await;
        awake.trigger(&connection, None, "FULL").await.expect("the server takes it");
        taken_over += held.len();
        victim.process.wake();
    }
    let done = stranger.stop().await;
    nodes[0].settle(&connection).await;
    let refused = |node: &Node| node.process.said("A run was taken from its worker");
    let failed = |node: &Node| node.process.said("The store failed during a run");
    let (refused, failed): (usize, usize) = (nodes.iter().map(refused).sum(), nodes.iter().map(failed).sum());
    assert!(refused + failed > 0, "who wakes must find that its runs are no longer its own");
    for node in nodes {
        node.process.stop().await;
    }
    let audit = audit(&world.store().await, &world.wms.api).await;
    println!(
        "{servers} servers: {freezes} freezes with {taken_over} runs in hand, {refused} refused by their lease and {failed} by the database; the stranger: {done:?}; {audit:?}"
    );
}

proofs! {
    async fn of_two_servers_one_is_frozen_past_its_leases(_database: Database) on (postgres Postgres) {
        frozen(2).await;
    }

    async fn of_three_servers_one_is_frozen_past_its_leases(_database: Database) on (postgres Postgres) {
        frozen(3).await;
    }

    /// The worst moment to stand still is inside of a transaction: it holds the lock of a schedule, which nobody else can take,
    /// and perhaps that of the change log's head, which everybody needs for every commit that tells of something.
    async fn a_server_that_is_frozen_inside_of_a_transaction_holds_up_nobody(_database: Database) on (postgres Postgres) {
        let Some(world) = World::new(Database::Postgres, Goods { orders: 300, page: 10 }).await else { return };
        let mut dice = Dice::new("frozen inside of a transaction");
        let (victim, other) = (world.serve("victim").await, world.serve("other").await);
        let connection = victim.connect(&world.wms).await;
        victim.synced(&connection).await;
        let inside = "select string_agg(distinct relation::regclass::text, ' ') from pg_locks join pg_stat_activity using (pid)
            where mode = 'RowExclusiveLock' and relation in ('schedules'::regclass, 'change_head'::regclass)
            and datname = current_database() and state like 'idle in transaction%'";
        other.process.freeze();
        let stranger = Mutator::start(&world.wms.api, Dice(dice.below(u64::MAX))).await;
        let catching = async {
            loop {
                victim.trigger(&connection, None, "FULL").await.expect("the server takes it");
                tokio::time::sleep(dice.millis(1, 30)).await;
                victim.process.freeze();
                let locked = ask(&world, inside);
                if !locked.is_empty() {
                    return locked;
                }
                victim.process.wake();
            }
        };
        let locked = tokio::time::timeout(PATIENCE, catching).await.expect("it is caught inside of a transaction");
        stranger.stop().await;
        other.process.wake();
        other.rest().await;
        other.full(&connection).await;
        victim.process.wake();
        victim.settle(&connection).await;
        let audit = audit(&world.store().await, &world.wms.api).await;
        println!("frozen with locks on {locked}; {audit:?}");
    }
}
