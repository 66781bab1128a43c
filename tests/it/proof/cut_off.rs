//! Listings that show less than there is: one that is cut off deletes nothing, one that has lost too much is held back until
//! somebody says that it is right, and what comes back is restored.

use std::collections::BTreeMap;

use crossdock::store::changes::{Kind as Told, Wanted, change_list};
use reqwest::Method;
use serde_json::{Value, json};

use super::audit::audit;
use super::wms::RESOURCES;
use super::{Dice, Goods, Node, World, proofs, rounds};
use crate::support::server::Database;

/// A count of each run's progress, by data type.
fn counts(runs: &[Value], count: &str) -> BTreeMap<String, i64> {
    let of = |run: &Value| Some((run["dataType"].as_str()?.to_owned(), run["progress"][count].as_i64()?));
    runs.iter().filter_map(of).collect()
}

/// How many records are there, not counting those that are deleted.
async fn held(node: &Node, data_type: &str) -> i64 {
    let list = match data_type {
        "INVENTORY" => "inventory",
        "INBOUND_SHIPMENTS" => "inboundShipments",
        "ORDERS" => "orders",
        "PRODUCTS" => "products",
        "RETURNS" => "returns",
        "SHIPPING_METHODS" => "shippingMethods",
        "WAREHOUSES" => "warehouses",
        "WAREHOUSE_CUSTOMERS" => "warehouseCustomers",
        _ => "warehouseLocations",
    };
    let data = node.client.data(&format!("{{ {list}(first: 0) {{ totalCount }} }}"), json!({})).await;
    data[list]["totalCount"].as_i64().expect("a count")
}

proofs! {
    /// Nothing changes at the WMS; its listings end early, break, show rows twice and in any order. So there is nothing to tell.
    async fn a_listing_that_is_cut_off_deletes_nothing(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(world) = World::new(database, Goods { orders: 300, page: 25 }).await else { return };
        let mut dice = Dice::new("cut off");
        let node = world.serve("server").await;
        let connection = node.connect(&world.wms).await;
        node.synced(&connection).await;
        let (listings, mut struck, mut read, mut incomplete) = (rounds(4), 0, 0, 0);
        for _ in 0..listings {
            let (early, twice) = (1 + dice.below(60), 1 + dice.below(100));
            world.wms.api.faults(json!([
                { "fault": "endEarly", "percent": early },
                { "fault": "reset", "percent": 3 },
                { "fault": "cutOff", "afterBytes": dice.below(2_000), "percent": 3 },
                { "fault": "duplicate", "rowsPercent": twice, "percent": 50 },
                { "fault": "reorder" },
            ])).await;
            for run in node.full(&connection).await {
                let progress = &run["progress"];
                assert!(["created", "updated", "deleted"].iter().all(|count| progress[count] == 0), "{run:#}");
                read += progress["read"].as_i64().unwrap_or(0);
                incomplete += usize::from(progress["read"].as_i64() < progress["total"].as_i64());
            }
            struck += world.wms.api.struck().await;
        }
        world.wms.api.faults(json!([])).await;
        node.settle(&connection).await;
        node.process.stop().await;
        let audit = audit(&world.store().await, &world.wms.api).await;
        assert_eq!(audit.entries, audit.runs.values().sum::<usize>(), "only the ends of runs are told of: {audit:?}");
        println!("{database:?}: {listings} times nine listings with {struck} answers that went wrong, {read} rows read, {incomplete} listings plainly too short; {audit:?}");
    }

    /// Most rows are not shown any more, and the listing says that this is all that there is.
    async fn what_vanishes_is_believed_within_reason_and_restored_when_it_returns(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(world) = World::new(database, Goods { orders: 300, page: 25 }).await else { return };
        let node = world.serve("server").await;
        let connection = node.connect(&world.wms).await;
        node.synced(&connection).await;
        node.settle(&connection).await;
        let mut all = BTreeMap::new();
        for (data_type, _) in RESOURCES {
            all.insert(data_type, held(&node, data_type).await);
        }
        world.wms.api.faults(json!([{ "fault": "vanish", "rowsPercent": 60 }])).await;
        let (mut stopped, mut believed) = (0, 0);
        for run in node.full(&connection).await {
            let data_type = run["dataType"].as_str().expect("a type");
            let (missing, deleted) = (all[data_type] - run["progress"]["read"].as_i64().expect("a count"), &run["progress"]["deleted"]);
            let is_held = missing > 50 && missing * 5 > all[data_type];
            let expected = if is_held { (json!("PARTIAL"), json!(0)) } else { (json!("SUCCEEDED"), json!(missing)) };
            assert_eq!((&run["status"], deleted), (&expected.0, &expected.1), "{missing} of {} are missing: {run:#}", all[data_type]);
            assert_eq!(held(&node, data_type).await, all[data_type] - deleted.as_i64().unwrap_or(0));
            (stopped, believed) = (stopped + i64::from(is_held), believed + deleted.as_i64().unwrap_or(0));
        }
        assert!(stopped > 0 && believed > 0, "{stopped} were held back, {believed} rows were believed to be gone");
        // Somebody says that it is right.
        let document = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, mode: FULL, confirmDeletions: true }) { runs { id } errors { message } } }";
        let asked = node.client.data(document, json!({ "id": connection })).await;
        let runs: Vec<String> = asked["triggerSync"]["runs"].as_array().expect("runs").iter().filter_map(|run| run["id"].as_str().map(str::to_owned)).collect();
        let confirmed: i64 = counts(&node.ended(&runs).await, "deleted").values().sum();
        assert!(confirmed > 50, "{confirmed}");
        // And then they are there again.
        world.wms.api.faults(json!([])).await;
        let restored: i64 = counts(&node.full(&connection).await, "updated").values().sum();
        assert_eq!(restored, believed + confirmed);
        for (data_type, count) in &all {
            assert_eq!(held(&node, data_type).await, *count, "{data_type}");
        }
        node.settle(&connection).await;
        node.process.stop().await;
        let audit = audit(&world.store().await, &world.wms.api).await;
        println!("{database:?}: {believed} rows believed to be gone, {confirmed} after somebody's word, {restored} restored; {audit:?}");
    }

    /// A listing that breaks for good after its first pages: what it showed is of no use any more.
    async fn a_run_that_fails_forgets_what_its_listing_showed(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(world) = World::new(database, Goods { orders: 100, page: 10 }).await else { return };
        let node = world.serve("server").await;
        let connection = node.connect(&world.wms).await;
        node.synced(&connection).await;
        world.wms.api.faults(json!([{ "fault": "brokenJson", "path": "/v1/orders", "skip": 3 }])).await;
        let runs = node.trigger(&connection, Some(&["ORDERS"]), "FULL").await.expect("the server takes it");
        let failed = node.ended(&runs).await;
        assert_eq!((&failed[0]["status"], &failed[0]["progress"]["pages"]), (&json!("FAILED"), &json!(3)), "{failed:#?}");
        world.wms.api.faults(json!([])).await;
        node.settle(&connection).await;
        node.process.stop().await;
        println!("{database:?}: {:?}", audit(&world.store().await, &world.wms.api).await);
    }

    /// The first sync's listing ends after its first page. That is no reason to begin the next one where the whole would have
    /// ended: what it did not show has to be read by the next that is well, without anybody's word.
    async fn a_first_sync_that_is_cut_off_is_made_up_for_by_the_next(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(world) = World::new(database, Goods { orders: 100, page: 10 }).await else { return };
        let node = world.serve("server").await;
        world.wms.api.faults(json!([{ "fault": "endEarly", "path": "/v1/orders" }])).await;
        let connection = node.connect(&world.wms).await;
        // Whatever becomes of such a run, its first page has been read.
        let document = "query($id: ID!) { connection(id: $id) { schedules { lastRun { progress { pages } } } } }";
        let is_read = |data: &Value| data["connection"]["schedules"].as_array().is_some_and(|all| all.iter().all(|one| one["lastRun"]["progress"]["pages"].as_i64() > Some(0)));
        node.client.until(document, json!({ "id": connection }), is_read).await;
        world.wms.api.faults(json!([])).await;
        node.rest().await;
        let runs = node.trigger(&connection, Some(&["ORDERS"]), "INCREMENTAL").await.expect("the server takes it");
        let second = node.ended(&runs).await;
        assert_eq!(held(&node, "ORDERS").await, 100, "{second:#?}");
        node.settle(&connection).await;
        node.process.stop().await;
        println!("{database:?}: {:?}", audit(&world.store().await, &world.wms.api).await);
    }

    /// A first sync that was cut off has shown what it read to everybody; what has changed of that when it is made up for is news.
    async fn what_changes_before_a_first_sync_is_made_up_for_is_told(database: Database) on (sqlite Sqlite, postgres Postgres) {
        let Some(world) = World::new(database, Goods { orders: 100, page: 10 }).await else { return };
        let node = world.serve("server").await;
        world.wms.api.faults(json!([{ "fault": "endEarly", "path": "/v1/products" }])).await;
        let connection = node.connect(&world.wms).await;
        let document = "query($id: ID!) { connection(id: $id) { schedules { lastRun { progress { pages } } } } }";
        let is_read = |data: &Value| data["connection"]["schedules"].as_array().is_some_and(|all| all.iter().all(|one| one["lastRun"]["progress"]["pages"].as_i64() > Some(0)));
        node.client.until(document, json!({ "id": connection }), is_read).await;
        node.rest().await;
        let (status, _) = world.wms.api.call(Method::PATCH, "/v1/products/prd_00001", Some(json!({ "title": "News" }))).await;
        assert_eq!(status, 200);
        world.wms.api.faults(json!([])).await;
        let runs = node.trigger(&connection, Some(&["PRODUCTS"]), "INCREMENTAL").await.expect("the server takes it");
        let made_up = node.ended(&runs).await;
        assert_eq!(made_up[0]["progress"]["updated"], 1, "{made_up:#?}");
        let store = world.store().await;
        let updates = change_list(&mut store.read().await.expect("the database"), 0, &Wanted::of(&[Told::Updated]), 10).await.expect("changes");
        assert_eq!(updates.iter().map(|change| change.source_id.as_deref()).collect::<Vec<_>>(), [Some("prd_00001")], "{made_up:#?}");
        node.settle(&connection).await;
        node.process.stop().await;
        println!("{database:?}: {:?}", audit(&store, &world.wms.api).await);
    }
}
