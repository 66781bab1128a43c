//! What follows a write: what else it has changed at the WMS is read again, and what nobody knows of is told until somebody does.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::sandbox::own;
use super::support::server::{Database, Server, on_both};
use super::writing_keys::{create, order, stage};

const ITEM: &str = "query($id: ID!) { inventory(first: 1, filter: { connectionId: { eq: $id }, active: { eq: true }, fulfillable: { gt: 50 }, sku: { isNull: false } }) {
    nodes { id sku onHand committed } } }";
const STOCK: &str = "query($id: ID!) { inventoryItem(id: $id) { onHand committed } }";
const RUNS: &str = "query($id: ID!) { syncRuns(first: 250, filter: { connectionIds: [$id] }) { nodes { dataType trigger mode status } } }";
const DUE: &str = "query($id: ID!) { connection(id: $id) { schedules { dataType nextRunAt } } }";
const HEALTH: &str = "query($id: ID!) { connection(id: $id) { status issues { code message dataType blocking } } }";
const ISSUES: &str = "subscription($id: ID!, $after: Cursor) { connectionIssues(connectionIds: [$id], after: $after) { kind issue { code } } }";
const RECONCILE: &str =
    "mutation($input: ReconcileWriteInput!) { reconcileWrite(input: $input) { write { status lookedUp nextLookAt } errors { code } } }";

/// When the stock of a connection is read next.
async fn due(server: &Server, connection: &str) -> Value {
    let data = server.data(DUE, json!({ "id": connection })).await;
    let schedules = data["connection"]["schedules"].as_array().expect("schedules").clone();
    schedules.into_iter().find(|schedule| schedule["dataType"] == "INVENTORY").expect("the stock is read")["nextRunAt"].clone()
}

fn minutes(moment: &Value) -> f64 {
    let moment: crossdock::record::Instant = moment.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{moment} is no moment"));
    let away = moment.millis_since(crossdock::clock::Clock::system().now());
    f64::from(i32::try_from(away).expect("not so far")) / 60_000.0
}

/// A write whose answer is lost, at a WMS that does not tell what became of it.
async fn lost(server: &Server, input: &Value) -> Value {
    let made = create(server, input).await;
    assert_eq!(made["write"]["status"], "UNKNOWN", "{made:#}");
    made["write"]["id"].clone()
}

on_both! {
    async fn the_stock_follows_what_is_written(server: Server) with ["--sync-after-write=1"] {
        let (_wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let item = server.data(ITEM, json!({ "id": id })).await["inventory"]["nodes"][0].clone();
        let stock = |name: &str| item[name].as_f64().expect("a number");
        let mut wanted = order(&server, &id, "follows").await;
        wanted["lineItems"] = json!([{ "sku": item["sku"], "quantity": 3 }]);
        let made = create(&server, &json!({ "connectionId": id, "order": wanted })).await;
        assert_eq!(made["errors"], json!([]), "{made:#}");
        server.until(STOCK, json!({ "id": item["id"] }), |data| data["inventoryItem"]["committed"] == stock("committed") + 3.0).await;
        let ship = "mutation($id: ID!) { shipOrder(input: { id: $id, shipment: {} }) { order { status } errors { message } } }";
        let shipped = server.data(ship, json!({ "id": made["order"]["id"] })).await;
        assert_eq!(shipped["shipOrder"]["errors"], json!([]), "{shipped:#}");
        server.until(STOCK, json!({ "id": item["id"] }), |data| data["inventoryItem"]["onHand"] == stock("onHand") - 3.0).await;
        // Of many writes at once one run is the consequence, or a few.
        let orders: Vec<Value> = (0..20).map(|index| {
            let mut order = wanted.clone();
            (order["referenceId"], order["lineItems"][0]["quantity"]) = (json!(format!("many-{index}")), json!(1));
            json!({ "order": order })
        }).collect();
        let many = "mutation($input: CreateOrdersInput!) { createOrders(input: $input) { results { errors { message } } } }";
        let done = server.data(many, json!({ "input": { "connectionId": id, "orders": orders } })).await;
        assert!(done["createOrders"]["results"].as_array().expect("results").iter().all(|result| result["errors"] == json!([])), "{done:#}");
        server.until(STOCK, json!({ "id": item["id"] }), |data| data["inventoryItem"]["committed"] == stock("committed") + 20.0).await;
        let runs = server.data(RUNS, json!({ "id": id })).await["syncRuns"]["nodes"].clone();
        let asked: Vec<&Value> = runs.as_array().expect("runs").iter().filter(|run| run["trigger"] == "WRITE").collect();
        assert!((3..15).contains(&asked.len()), "{asked:#?}");
        assert!(asked.iter().all(|run| run["dataType"] == "INVENTORY" && run["mode"] == "INCREMENTAL"), "{asked:#?}");
    }

    async fn what_is_wanted_soon_is_not_put_off_and_what_is_switched_off_stays_so(server: Server) with ["--sync-after-write=600"] {
        let (_wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let write = async |reference: &str| {
            let made = create(&server, &json!({ "connectionId": id, "order": order(&server, &id, reference).await })).await;
            assert_eq!(made["errors"], json!([]), "{made:#}");
        };
        assert!(minutes(&due(&server, &id).await) > 50.0);
        write("one").await;
        let first = due(&server, &id).await;
        assert!((8.0..11.0).contains(&minutes(&first)), "{first}");
        write("two").await;
        assert_eq!(due(&server, &id).await, first, "a later write puts it off");
        // A run that begins shows it all, so nothing is wanted any more.
        let completed = "subscription($after: Cursor, $id: ID!) { syncCompleted(after: $after, connectionIds: [$id], dataTypes: [INVENTORY]) { run { status } } }";
        let mut socket = server.subscribed(completed, json!({ "id": id })).await;
        server.data("mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [INVENTORY] }) { errors { message } } }", json!({ "id": id })).await;
        assert_eq!(socket.next("done").await["syncCompleted"]["run"]["status"], "SUCCEEDED");
        assert!(minutes(&due(&server, &id).await) > 50.0);
        let off = "mutation($id: ID!) { updateSyncSchedule(input: { connectionId: $id, dataType: INVENTORY, enabled: false }) { errors { message } } }";
        server.data(off, json!({ "id": id })).await;
        write("three").await;
        assert_eq!(due(&server, &id).await, Value::Null);
    }

    async fn a_write_that_stays_unknown_is_an_issue_until_somebody_knows(server: Server) with ["--write-settle-after=1"] {
        let (wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let blind = json!({ "fault": "status", "status": 500, "method": "GET", "path": "/v1/idempotency/*" });
        stage(&wms, json!([{ "fault": "acceptThenDrop", "method": "POST", "path": "/v1/orders", "times": 2 }, blind]));
        let mut socket = server.subscribed(ISSUES, json!({ "id": id })).await;
        let first = lost(&server, &json!({ "connectionId": id, "order": order(&server, &id, "first").await })).await;
        let second = lost(&server, &json!({ "connectionId": id, "order": order(&server, &id, "second").await })).await;
        let health = server.data(HEALTH, json!({ "id": id })).await["connection"].clone();
        assert_eq!(health, json!({ "status": "ACTIVE", "issues": [] }), "it may soon be known");
        server.advance(Duration::from_secs(600));
        assert_eq!(socket.next("done").await["connectionIssues"], json!({ "kind": "RAISED", "issue": { "code": "WRITE_UNKNOWN" } }));
        let raised = |data: &Value| data["connection"]["issues"][0]["message"].as_str().is_some_and(|text| text.contains("2 writes"));
        let health = server.until(HEALTH, json!({ "id": id }), raised).await["connection"].clone();
        let issue = &health["issues"][0];
        assert_eq!((&health["status"], &issue["code"], &issue["dataType"], &issue["blocking"]), (&json!("DEGRADED"), &json!("WRITE_UNKNOWN"), &Value::Null, &json!(false)));
        // Neither a sync that goes well nor new credentials have anything to do with it.
        let completed = "subscription($after: Cursor, $id: ID!) { syncCompleted(after: $after, connectionIds: [$id], dataTypes: [ORDERS]) { run { status } } }";
        let mut synced = server.subscribed(completed, json!({ "id": id })).await;
        server.data("mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [ORDERS] }) { errors { message } } }", json!({ "id": id })).await;
        assert_eq!(synced.next("done").await["syncCompleted"]["run"]["status"], "SUCCEEDED");
        let renewed = "mutation($id: ID!, $credentials: JSON!) { updateConnection(input: { connectionId: $id, credentials: $credentials }) { connection { status } errors { message } } }";
        let credentials = json!({ "baseUrl": wms.url(), "apiToken": "sandbox-demo-token" });
        let renewed = server.data(renewed, json!({ "id": id, "credentials": credentials })).await;
        assert_eq!(renewed["updateConnection"], json!({ "connection": { "status": "DEGRADED" }, "errors": [] }));
        // One is found out by a person, while the WMS does not tell; the other by the server, as soon as it does.
        let asked = server.data(RECONCILE, json!({ "input": { "id": first } })).await["reconcileWrite"].clone();
        assert_eq!(asked["write"]["status"], "UNKNOWN", "{asked:#}");
        let told = server.until(RECONCILE, json!({ "input": { "id": first, "carriedOut": true } }), |data| data["reconcileWrite"]["write"]["status"] == "CONFIRMED").await;
        assert_eq!((&told["reconcileWrite"]["errors"], &told["reconcileWrite"]["write"]["lookedUp"]), (&json!([]), &json!("The key \"demo\" says that it was carried out")), "{told:#}");
        stage(&wms, json!([]));
        let known = server.until(RECONCILE, json!({ "input": { "id": second } }), |data| data["reconcileWrite"]["write"]["status"] == "CONFIRMED").await;
        assert_eq!(known["reconcileWrite"]["errors"], json!([]), "{known:#}");
        while socket.next("done").await["connectionIssues"]["kind"] != "CLEARED" {}
        assert_eq!(server.data(HEALTH, json!({ "id": id })).await["connection"], json!({ "status": "ACTIVE", "issues": [] }));
    }

    async fn a_call_that_nobody_can_look_up_is_an_issue_at_once(server: Server) with ["--write-settle-after=1"] {
        let (wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        stage(&wms, json!([{ "fault": "acceptThenStatus", "status": 502, "method": "POST", "path": "/v1/orders", "times": 1 }]));
        let pass = "mutation($input: PassthroughInput!) { passthrough(input: $input) { status write { id status nextLookAt } errors { code } } }";
        let input = json!({ "connectionId": id, "method": "POST", "path": "/v1/orders", "body": { "nonsense": true }, "idempotencyKey": "pass" });
        let passed = server.data(pass, json!({ "input": input })).await["passthrough"].clone();
        assert_eq!((&passed["status"], &passed["write"]["status"], &passed["write"]["nextLookAt"]), (&json!(502), &json!("UNKNOWN"), &Value::Null), "{passed:#}");
        let health = server.data(HEALTH, json!({ "id": id })).await["connection"].clone();
        assert_eq!((&health["status"], &health["issues"][0]["code"]), (&json!("DEGRADED"), &json!("WRITE_UNKNOWN")), "{health:#}");
        let message = health["issues"][0]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("It is not known whether PASSTHROUGH of ") && message.contains("reconcileWrite"), "{message}");
        let word = json!({ "input": { "id": passed["write"]["id"], "carriedOut": false } });
        let told = server.until(RECONCILE, word, |data| data["reconcileWrite"]["errors"][0]["code"] != "IN_PROGRESS").await["reconcileWrite"].clone();
        assert_eq!(told["write"]["status"], "REJECTED", "{told:#}");
        assert_eq!(server.data(HEALTH, json!({ "id": id })).await["connection"], json!({ "status": "ACTIVE", "issues": [] }));
        // It was not, so the same key sends it.
        let again = server.data(pass, json!({ "input": input })).await["passthrough"].clone();
        assert_eq!((&again["status"], &again["write"]["status"]), (&json!(422), &json!("REJECTED")), "{again:#}");
    }

    async fn the_journal_pages_both_ways(server: Server) {
        let (_wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        for index in 0..5 {
            let input = json!({ "connectionId": id, "idempotencyKey": format!("w-{index}"), "order": order(&server, &id, &format!("page-{index}")).await });
            assert_eq!(create(&server, &input).await["errors"], json!([]));
        }
        let list = "query($first: Int, $after: String, $last: Int, $before: String) { writes(first: $first, after: $after, last: $last, before: $before) {
            totalCount pageInfo { hasPreviousPage hasNextPage startCursor endCursor } nodes { idempotencyKey } } }";
        let page = async |arguments: Value| {
            let page = server.data(list, arguments).await["writes"].clone();
            let keys: Vec<String> = page["nodes"].as_array().expect("nodes").iter().map(|node| node["idempotencyKey"].as_str().expect("a key").to_owned()).collect();
            let info = &page["pageInfo"];
            assert_eq!(page["totalCount"], 5);
            (keys, [info["hasPreviousPage"] == true, info["hasNextPage"] == true], [info["startCursor"].clone(), info["endCursor"].clone()])
        };
        let (keys, flags, [start, end]) = page(json!({ "last": 2 })).await;
        assert_eq!((keys, flags), (vec!["w-1".to_owned(), "w-0".to_owned()], [true, false]));
        let (keys, flags, _) = page(json!({ "last": 2, "before": start })).await;
        assert_eq!((keys, flags), (vec!["w-3".to_owned(), "w-2".to_owned()], [true, true]));
        let (keys, flags, [_, newest]) = page(json!({ "first": 1 })).await;
        assert_eq!((keys, flags), (vec!["w-4".to_owned()], [false, true]));
        let (keys, flags, _) = page(json!({ "last": 10, "before": end, "after": newest })).await;
        assert_eq!((keys, flags), (vec!["w-3".to_owned(), "w-2".to_owned(), "w-1".to_owned()], [true, true]));
        let (keys, flags, _) = page(json!({ "last": 0 })).await;
        assert_eq!((keys, flags), (Vec::new(), [true, false]));
        // What is refused is refused as by every other list.
        let orders = "query($first: Int, $after: String, $last: Int, $before: String) { orders(first: $first, after: $after, last: $last, before: $before) { totalCount } }";
        for wrong in [json!({ "first": 1, "last": 1 }), json!({ "last": 251 }), json!({ "last": -1 }), json!({ "last": 1, "before": "nonsense" })] {
            assert_eq!(server.error(list, wrong.clone()).await, server.error(orders, wrong.clone()).await, "{wrong}");
        }
    }

    async fn a_dry_run_tells_what_would_not_be_written(server: Server) {
        let (_wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let document = "mutation($input: CreateOrderInput!) { createOrder(input: $input) { unusedFields write { unusedFields } errors { message } } }";
        let mut input = json!({ "connectionId": id, "dryRun": true, "order": order(&server, &id, "unused").await });
        assert_eq!(server.data(document, json!({ "input": input })).await["createOrder"], json!({ "unusedFields": [], "write": null, "errors": [] }));
        input["order"]["shipTo"]["address3"] = json!("Hinterhaus");
        assert_eq!(server.data(document, json!({ "input": input })).await["createOrder"]["unusedFields"], json!(["shipTo.address3"]));
        input["dryRun"] = json!(false);
        let made = server.data(document, json!({ "input": input })).await["createOrder"].clone();
        assert_eq!(made, json!({ "unusedFields": ["shipTo.address3"], "write": { "unusedFields": ["shipTo.address3"] }, "errors": [] }));
        let batch = "mutation($input: CreateOrdersInput!) { createOrders(input: $input) { results { unusedFields errors { message } } } }";
        let input = json!({ "connectionId": id, "dryRun": true, "orders": [{ "order": input["order"] }] });
        assert_eq!(server.data(batch, json!({ "input": input })).await["createOrders"]["results"], json!([{ "unusedFields": ["shipTo.address3"], "errors": [] }]));
    }
}
