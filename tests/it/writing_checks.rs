//! What is refused before anything is sent, dry runs, batches, and the journal that can be read.

use serde_json::{Value, json};

use super::support::sandbox::own;
use super::support::server::{Database, PATIENCE, Server, on_both};
use super::writing_keys::{create, order, stage};

const BATCH: &str = "mutation($input: CreateOrdersInput!) { createOrders(input: $input) {
    results { order { referenceId } replayed write { status } errors { code path } } errors { code message path } } }";
const JOURNAL: &str = "query($filter: WriteFilter) { writes(filter: $filter) { totalCount nodes {
    id action status request idempotencyKey apiKeyName apiKeyId reference sentAt latencyMilliseconds connection { name } } } viewer { id } }";

/// The errors of a dry run of an order: `path: code`.
async fn dry(server: &Server, connection: &str, order: Value) -> Vec<String> {
    let payload = create(server, &json!({ "connectionId": connection, "dryRun": true, "order": order })).await;
    assert!(payload["write"].is_null() && payload["order"].is_null(), "{payload:#}");
    let told = |error: &Value| {
        format!(
            "{}: {}",
            error["path"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("."),
            error["code"].as_str().unwrap_or_default()
        )
    };
    payload["errors"].as_array().expect("errors").iter().map(told).collect()
}

on_both! {
    async fn a_dry_run_says_what_is_wrong_and_asks_nobody(server: Server) {
        let (wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let good = order(&server, &id, "dry").await;
        // Whatever is sent now would fail.
        stage(&wms, json!([{ "fault": "reset" }]));
        assert_eq!(dry(&server, &id, good.clone()).await, Vec::<String>::new());
        let mut bad = good.clone();
        bad["shipTo"] = json!({ "fullName": "A", "city": null });
        bad["lineItems"] = json!([{ "sku": "A", "quantity": 0 }, { "quantity": 1 }]);
        let told = dry(&server, &id, bad).await;
        for wanted in ["order.shipTo.address1", "order.shipTo.city", "order.shipTo.country", "order.lineItems.0.quantity", "order.lineItems.1"] {
            assert!(told.contains(&format!("{wanted}: INVALID_INPUT")), "{wanted}: {told:#?}");
        }
        let mut bad = good.clone();
        bad["lineItems"] = json!([]);
        assert!(dry(&server, &id, bad).await.contains(&"order.lineItems: INVALID_INPUT".to_owned()));
        // Another connection's record, and one that this account does not have.
        let capabilities = "query($id: ID!) { connection(id: $id) { capabilities { writes { action choices { path values { id name } } } } } }";
        let writes = server.data(capabilities, json!({ "id": id })).await["connection"]["capabilities"]["writes"].clone();
        let create_order = writes.as_array().expect("writes").iter().find(|write| write["action"] == "CREATE_ORDER").expect("it makes orders").clone();
        let warehouses = create_order["choices"].as_array().expect("choices").iter().find(|choice| choice["path"] == "warehouseId").expect("warehouses").clone();
        let own_warehouse = &warehouses["values"][0]["id"];
        let mut fine = good.clone();
        fine["warehouseId"] = own_warehouse.clone();
        assert_eq!(dry(&server, &id, fine.clone()).await, Vec::<String>::new(), "{warehouses:#}");
        let number = id_number(&id);
        fine["warehouseId"] = json!(crossdock::record::Id::record::<crossdock::record::Warehouse>(number, "no-such-warehouse").to_string());
        assert_eq!(dry(&server, &id, fine.clone()).await, ["order.warehouseId: NOT_FOUND"]);
        fine["warehouseId"] = json!(crossdock::record::Id::record::<crossdock::record::Warehouse>(crossdock::record::ConnectionId(number.0 + 77), "x").to_string());
        assert_eq!(dry(&server, &id, fine).await, ["order.warehouseId: INVALID_INPUT"]);
        let journal = server.data("{ writes { totalCount } }", json!({})).await;
        assert_eq!(journal["writes"]["totalCount"], 0);
        // What a dry run finds, a real write finds too, and sends nothing.
        let mut bad = good;
        bad["lineItems"] = json!([]);
        let payload = create(&server, &json!({ "connectionId": id, "order": bad })).await;
        assert_eq!((&payload["errors"][0]["path"], &payload["write"]), (&json!(["order", "lineItems"]), &Value::Null), "{payload:#}");
    }

    async fn a_batch_answers_for_each_in_order(server: Server) {
        let (_wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let mut orders = Vec::new();
        for index in 0..6 {
            let mut order = order(&server, &id, &format!("batch-{index}")).await;
            if index == 2 {
                order["lineItems"][0]["sku"] = json!("NO-SUCH-SKU");
            }
            if index == 4 {
                order["lineItems"] = json!([]);
            }
            orders.push(json!({ "idempotencyKey": format!("b-{index}"), "order": order }));
        }
        let input = json!({ "connectionId": id, "orders": orders });
        let data = server.data(BATCH, json!({ "input": input })).await;
        let results = data["createOrders"]["results"].as_array().expect("results").clone();
        assert_eq!(results.len(), 6, "{data:#}");
        for (index, result) in results.iter().enumerate() {
            match index {
                2 => assert_eq!(result["errors"][0]["path"], json!(["orders", "2", "order", "lineItems", "0", "sku"]), "{result:#}"),
                4 => assert_eq!((&result["errors"][0]["path"], &result["write"]), (&json!(["orders", "4", "order", "lineItems"]), &Value::Null), "{result:#}"),
                _ => assert_eq!((&result["order"]["referenceId"], &result["errors"]), (&json!(format!("batch-{index}")), &json!([])), "{result:#}"),
            }
        }
        let again = server.data(BATCH, json!({ "input": input })).await;
        let replayed = again["createOrders"]["results"].as_array().expect("results").iter().filter(|result| result["replayed"] == true).count();
        assert_eq!(replayed, 5, "{again:#}");
        let empty = server.data(BATCH, json!({ "input": { "connectionId": id, "orders": [] } })).await;
        assert_eq!(empty["createOrders"]["errors"][0]["path"], json!(["orders"]), "{empty:#}");
    }

    async fn the_journal_says_who_wrote_what(server: Server) {
        let (_wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let wanted = order(&server, &id, "journal").await;
        let made = create(&server, &json!({ "connectionId": id, "idempotencyKey": "j-1", "order": wanted })).await;
        let data = server.data(JOURNAL, json!({ "filter": { "connectionIds": [id], "actions": ["CREATE_ORDER"], "statuses": ["CONFIRMED"] } })).await;
        let write = &data["writes"]["nodes"][0];
        assert_eq!((&data["writes"]["totalCount"], &write["id"]), (&json!(1), &made["write"]["id"]), "{data:#}");
        assert_eq!(write["request"], json!({ "order": wanted }), "{write:#}");
        assert_eq!((&write["apiKeyName"], &write["apiKeyId"], &write["idempotencyKey"]), (&json!("demo"), &data["viewer"]["id"], &json!("j-1")));
        assert!(write["latencyMilliseconds"].is_i64() && write["sentAt"].is_string(), "{write:#}");
        for filter in [json!({ "statuses": ["REJECTED"] }), json!({ "idempotencyKey": { "eq": "j-2" } }), json!({ "createdAt": { "lt": "2020-01-01T00:00:00Z" } })] {
            assert_eq!(server.data(JOURNAL, json!({ "filter": filter })).await["writes"]["totalCount"], 0, "{filter}");
        }
        let own = "query($id: ID!) { connection(id: $id) { writes { totalCount } } }";
        assert_eq!(server.data(own, json!({ "id": id })).await["connection"]["writes"]["totalCount"], 1);
    }

    async fn writes_of_one_document_run_in_order(server: Server) {
        let (wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let products = "query($id: ID!) { products(first: 1, filter: { connectionId: { eq: $id } }) { nodes { id } } }";
        let product = server.data(products, json!({ "id": id })).await["products"]["nodes"][0]["id"].clone();
        stage(&wms, json!([{ "fault": "delay", "milliseconds": 300, "method": "PATCH", "times": 1 }]));
        let document = "mutation($id: ID!) {
            first: updateProduct(input: { id: $id, product: { name: \"First\" } }) { product { name } write { id } errors { message } }
            second: updateProduct(input: { id: $id, product: { name: \"Second\" } }) { product { name } write { id } errors { message } } }";
        let data = server.data(document, json!({ "id": product })).await;
        assert_eq!((&data["first"]["product"]["name"], &data["second"]["product"]["name"]), (&json!("First"), &json!("Second")), "{data:#}");
        let read = server.data("query($id: ID!) { product(id: $id) { name } }", json!({ "id": product })).await;
        assert_eq!(read["product"]["name"], "Second");
    }

    async fn a_page_that_was_asked_for_before_a_write_does_not_undo_it(server: Server) {
        let (wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let products = "query($id: ID!) { products(first: 1, filter: { connectionId: { eq: $id } }) { nodes { id name } } }";
        let product = server.data(products, json!({ "id": id })).await["products"]["nodes"][0].clone();
        // The page is made at once, and then takes its time to arrive.
        stage(&wms, json!([{ "fault": "drip", "bytesPerSecond": 4_000, "method": "GET", "path": "/v1/products*", "times": 1 }]));
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [PRODUCTS], mode: FULL }) { runs { id } errors { message } } }";
        let run = server.data(trigger, json!({ "id": id })).await["triggerSync"]["runs"][0]["id"].clone();
        let struck = async {
            while !wms.faults().iter().any(|report| serde_json::to_value(report).is_ok_and(|report| report["struck"] == 1)) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, struck).await.expect("the page is asked for");
        let update = "mutation($id: ID!) { updateProduct(input: { id: $id, product: { name: \"Written meanwhile\" } }) { write { id } errors { message } } }";
        let updated = server.data(update, json!({ "id": product["id"] })).await;
        assert_eq!(updated["updateProduct"]["errors"], json!([]), "{updated:#}");
        let state = "query($run: ID!, $id: ID!) { syncRun(id: $run) { status progress { read updated deleted unchanged } } product(id: $id) { name deletedAt } }";
        let during = server.data(state, json!({ "run": run, "id": product["id"] })).await;
        assert_eq!((&during["syncRun"]["status"], &during["product"]["name"]), (&json!("RUNNING"), &json!("Written meanwhile")), "the page is still on its way: {during:#}");
        let after = server.until(state, json!({ "run": run, "id": product["id"] }), |data| data["syncRun"]["status"] == "SUCCEEDED").await;
        assert_eq!(after["product"], json!({ "name": "Written meanwhile", "deletedAt": null }), "{after:#}");
        assert_eq!((&after["syncRun"]["progress"]["updated"], &after["syncRun"]["progress"]["deleted"]), (&json!(0), &json!(0)), "{after:#}");
    }
}

fn id_number(id: &str) -> crossdock::record::ConnectionId {
    id.parse::<crossdock::record::Id>().ok().and_then(|id| id.as_connection()).expect("a connection's id")
}
