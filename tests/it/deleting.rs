//! Deletions: by evidence only, held back when they are too many, and taken back when a record returns.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::support::sandbox::own;
use super::support::server::{Database, Server, on_both};

const FULL: &str = "mutation($id: ID!, $types: [DataType!], $confirm: Boolean!) {
    triggerSync(input: { connectionId: $id, dataTypes: $types, mode: FULL, confirmDeletions: $confirm }) { runs { id } errors { message } } }";

const RUN: &str = "query($id: ID!) { syncRun(id: $id) { status progress { read created updated unchanged deleted rejected } error { message } } }";

/// A full sync of one type, to its end.
async fn full(server: &Server, connection: &str, data_type: &str, confirm: bool) -> Value {
    let asked = server.data(FULL, json!({ "id": connection, "types": [data_type], "confirm": confirm })).await;
    let run = asked["triggerSync"]["runs"][0]["id"].clone();
    let ended = server.until(RUN, json!({ "id": run }), |data| data["syncRun"]["status"] != "QUEUED" && data["syncRun"]["status"] != "RUNNING").await;
    ended["syncRun"].clone()
}

async fn count(server: &Server, connection: &str, list: &str, deleted: bool) -> i64 {
    let document = format!("query($id: ID!) {{ {list}(filter: {{ connectionId: {{ eq: $id }}, includeDeleted: {deleted} }}) {{ totalCount }} }}");
    server.data(&document, json!({ "id": connection })).await[list]["totalCount"].as_i64().expect("a count")
}

on_both! {
    async fn a_record_that_is_gone_is_marked_and_one_that_returns_is_restored(server: Server) {
        let (wms, id) = own(&server, 100, "sandbox-demo-token", None).await;
        let before = count(&server, &id, "products", false).await;
        let first = "query($id: ID!) { products(first: 1, filter: { connectionId: { eq: $id } }) { nodes { id sourceId name } } }";
        let product = server.data(first, json!({ "id": id })).await["products"]["nodes"][0].clone();
        let gone = reqwest::Client::new()
            .delete(format!("{}/v1/products/{}", wms.url(), product["sourceId"].as_str().expect("an id")))
            .bearer_auth(wms.api_token().expose_secret());
        assert!(gone.send().await.expect("the WMS answers").status().is_success());
        let run = full(&server, &id, "PRODUCTS", false).await;
        assert_eq!((&run["status"], &run["progress"]["deleted"]), (&json!("SUCCEEDED"), &json!(1)), "{run:#}");
        assert_eq!(count(&server, &id, "products", false).await, before - 1);
        assert_eq!(count(&server, &id, "products", true).await, before, "nothing is ever removed");
        let read = server.data("query($id: ID!) { product(id: $id) { name deletedAt } }", json!({ "id": product["id"] })).await;
        assert_eq!(read["product"]["name"], product["name"]);
        assert!(read["product"]["deletedAt"].is_string(), "{read}");
        // A second listing finds nothing new.
        assert_eq!(full(&server, &id, "PRODUCTS", false).await["progress"]["deleted"], 0);
        // The same WMS, as it was in the beginning.
        let address = wms.addr();
        wms.shutdown().await.expect("the WMS stops");
        let (_wms, _) = own(&server, 100, "sandbox-demo-token", Some((address, &id))).await;
        full(&server, &id, "PRODUCTS", false).await;
        let read = server.data("query($id: ID!) { product(id: $id) { deletedAt } }", json!({ "id": product["id"] })).await;
        assert!(read["product"]["deletedAt"].is_null(), "{read}");
        assert_eq!(count(&server, &id, "products", false).await, before);
    }

    async fn a_source_that_lost_too_much_deletes_nothing_until_somebody_confirms(server: Server) {
        let (wms, id) = own(&server, 600, "sandbox-demo-token", None).await;
        full(&server, &id, "ORDERS", false).await;
        assert_eq!(count(&server, &id, "orders", false).await, 600);
        let address = wms.addr();
        wms.shutdown().await.expect("the WMS stops");
        let (_wms, _) = own(&server, 200, "sandbox-demo-token", Some((address, &id))).await;
        let run = full(&server, &id, "ORDERS", false).await;
        assert_eq!((&run["status"], &run["progress"]["deleted"]), (&json!("PARTIAL"), &json!(0)), "{run:#}");
        assert_eq!(count(&server, &id, "orders", false).await, 600);
        let issues = "query($id: ID!) { connection(id: $id) { status issues { code dataType blocking message } } }";
        let held = server.data(issues, json!({ "id": id })).await["connection"].clone();
        assert_eq!((&held["status"], &held["issues"][0]["code"], &held["issues"][0]["dataType"]), (&json!("DEGRADED"), &json!("DELETIONS_HELD"), &json!("ORDERS")), "{held:#}");
        assert!(held["issues"][0]["message"].as_str().is_some_and(|text| text.contains("400 of 600")), "{held:#}");
        // Somebody says that they are really gone.
        let run = full(&server, &id, "ORDERS", true).await;
        assert_eq!((&run["status"], &run["progress"]["deleted"]), (&json!("SUCCEEDED"), &json!(400)), "{run:#}");
        assert_eq!(count(&server, &id, "orders", false).await, 200);
        assert_eq!(server.data(issues, json!({ "id": id })).await["connection"], json!({ "status": "ACTIVE", "issues": [] }));
    }

    async fn only_a_full_sync_can_confirm(server: Server) {
        let demo = server.demo().await;
        let document = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, confirmDeletions: true }) { runs { id } errors { code path } } }";
        let data = server.data(document, json!({ "id": demo })).await;
        assert_eq!(data["triggerSync"]["errors"], json!([{ "code": "INVALID_INPUT", "path": ["confirmDeletions"] }]));
    }

    async fn what_is_written_while_a_listing_runs_is_not_taken_for_gone(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let sku = server.data("{ products(first: 1, filter: { active: { eq: true }, isKit: { eq: false }, sku: { isNull: false } }) { nodes { sku } } }", json!({})).await["products"]["nodes"][0]["sku"].clone();
        let document = "mutation($input: CreateOrderInput!) { createOrder(input: $input) { order { id } errors { message } } }";
        let input = json!({ "connectionId": demo, "order": { "referenceId": "while-listing", "lineItems": [{ "sku": sku, "quantity": 1 }],
            "shipTo": { "fullName": "Ada", "address1": "1 Dock Road", "city": "Rotterdam", "country": "NL" } } });
        let (run, made) = tokio::join!(full(&server, &demo, "ORDERS", false), server.data(document, json!({ "input": input })));
        assert_eq!(run["progress"]["deleted"], 0, "{run:#}");
        let read = server.data("query($id: ID!) { order(id: $id) { deletedAt referenceId } }", json!({ "id": made["createOrder"]["order"]["id"] })).await;
        assert_eq!(read["order"], json!({ "deletedAt": null, "referenceId": "while-listing" }), "{made:#}");
    }
}
