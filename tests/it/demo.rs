//! The first minutes of a newcomer: the demo fills, a restart keeps it, and everything is of one piece.

use serde_json::{Value, json};

use super::support::server::{Database, Server, on_both};

/// How many rows of each type the sandbox holds, by the list's name in the API.
const LISTS: [(&str, &str); 9] = [
    ("inventory", "inventory"),
    ("inboundShipments", "asns"),
    ("orders", "orders"),
    ("products", "products"),
    ("returns", "rmas"),
    ("shippingMethods", "shipping-methods"),
    ("warehouses", "warehouses"),
    ("warehouseCustomers", "clients"),
    ("warehouseLocations", "locations"),
];

/// `totalCount` of each of the nine lists.
async fn counts(server: &Server) -> Vec<(&'static str, i64)> {
    let lists: Vec<_> = LISTS.iter().map(|(list, _)| format!("{list} {{ totalCount }}")).collect();
    let data = server.data(&format!("{{ {} }}", lists.join(" ")), json!({})).await;
    LISTS.iter().map(|(list, _)| (*list, data[list]["totalCount"].as_i64().expect("a count"))).collect()
}

on_both! {
    async fn the_demo_fills_all_nine_types(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let held = server.app.demo.as_ref().expect("the demo").sandbox.counts();
        let held = |resource: &str| held.iter().find(|(name, _)| *name == resource).map(|(_, count)| i64::try_from(*count).expect("a small count"));
        for ((list, count), (_, resource)) in counts(&server).await.into_iter().zip(LISTS) {
            let there = held(resource).expect("the sandbox counts it");
            if ["orders", "inboundShipments", "returns"].contains(&list) {
                assert!(count > 0 && count < there, "{list}: the last 30 days of 60, so some of {there}, not {count}");
            } else {
                assert_eq!(count, there, "{list}");
            }
        }
        // Everything the source has, when somebody asks for it.
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, mode: FULL, dataTypes: [ORDERS, RETURNS, INBOUND_SHIPMENTS] }) { runs { id } errors { message } } }";
        let mut socket =
            server.subscribed("subscription($after: Cursor) { syncCompleted(after: $after) { dataType run { mode status } } }", json!({})).await;
        let asked = server.data(trigger, json!({ "id": demo })).await;
        assert_eq!(asked["triggerSync"]["runs"].as_array().map(Vec::len), Some(3), "{asked}");
        for _ in 0..3 {
            let event = socket.next("done").await;
            assert_eq!(event["syncCompleted"]["run"], json!({ "mode": "FULL", "status": "SUCCEEDED" }));
        }
        for ((list, count), (_, resource)) in counts(&server).await.into_iter().zip(LISTS) {
            assert_eq!(Some(count), held(resource), "{list}");
        }
    }

    async fn a_restart_keeps_the_data_and_the_key(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let before = counts(&server).await;
        let (key, page) = (server.key.clone(), "{ orders(first: 20) { nodes { id orderNumber changedAt lineItems { sku quantity } } } }");
        let orders = server.data(page, json!({})).await;
        let server = server.restart().await;
        assert_eq!(server.key, key, "the demo's key stays the same");
        assert_eq!(server.demo().await, demo, "and so does its connection");
        assert_eq!(counts(&server).await, before);
        assert_eq!(server.data(page, json!({})).await, orders);
        // The WMS inside came back on another port, and is still the same WMS.
        let mut socket =
            server.subscribed("subscription($after: Cursor) { syncCompleted(after: $after) { run { status progress { read unchanged rejected } error { message } } } }", json!({})).await;
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, mode: FULL, dataTypes: [PRODUCTS] }) { runs { id } errors { message } } }";
        server.data(trigger, json!({ "id": demo })).await;
        let run = socket.next("done").await["syncCompleted"]["run"].clone();
        let products = before.iter().find(|(list, _)| *list == "products").map(|(_, count)| *count);
        assert_eq!(run["status"], "SUCCEEDED", "{run}");
        assert_eq!(run["progress"]["unchanged"].as_i64(), products, "{run}");
    }

    async fn quantities_and_links_hold_together(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let document = "{ inventory(first: 250) { nodes {
            sku onHand committed fulfillable unfulfillable
            byWarehouse { warehouse { id name } onHand }
            locations { location { name warehouse { id } } quantity }
            products { id components { inventoryItem { sku } quantity } }
        } } }";
        let data = server.data(document, json!({})).await;
        let items = data["inventory"]["nodes"].as_array().expect("items");
        assert!(items.len() > 100, "{} items", items.len());
        let number = |value: &Value| value.as_f64().expect("a number");
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        for item in items {
            let parts = number(&item["committed"]) + number(&item["fulfillable"]) + number(&item["unfulfillable"]);
            assert!(near(number(&item["onHand"]), parts), "{item:#}");
            let by_warehouse: f64 = item["byWarehouse"].as_array().expect("a list").iter().map(|part| number(&part["onHand"])).sum();
            assert!(near(number(&item["onHand"]), by_warehouse), "{item:#}");
            for part in item["byWarehouse"].as_array().expect("a list") {
                assert!(part["warehouse"]["name"].is_string(), "{item:#}");
            }
            for product in item["products"].as_array().expect("a list") {
                let components = product["components"].as_array().expect("a list");
                assert!(components.iter().any(|component| component["inventoryItem"]["sku"] == item["sku"]), "{item:#}");
            }
        }
    }
}
