//! Idempotency keys: one key is one write, whoever asks, however often, and whatever happens in between.

use crossdock::wms::sandbox::server::{Rule, RunningSandbox};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::sandbox::own;
use super::support::server::{Database, Server, on_both};

pub const CREATE: &str = "mutation($input: CreateOrderInput!) { createOrder(input: $input) {
    order { id referenceId } replayed write { id status idempotencyKey lookedUp }
    errors { code message path ... on WmsError { retryable } } } }";
const JOURNAL: &str = "query($key: String!) { writes(filter: { idempotencyKey: { eq: $key } }) { totalCount nodes { id status } } }";

/// Switches faults on, or (with none) off.
pub fn stage(wms: &RunningSandbox, rules: Value) {
    wms.set_faults(serde_json::from_value::<Vec<Rule>>(rules).expect("rules that the sandbox takes"));
}

/// An order of something that the connection sells.
pub async fn order(server: &Server, connection: &str, reference: &str) -> Value {
    let document = "query($id: ID!) { products(first: 1, filter: { connectionId: { eq: $id }, active: { eq: true }, isKit: { eq: false }, sku: { isNull: false } }) { nodes { sku } } }";
    let sku = server.data(document, json!({ "id": connection })).await["products"]["nodes"][0]["sku"].clone();
    json!({
        "referenceId": reference,
        "shipTo": { "fullName": "Jürgen Müller", "address1": "Hauptstraße 1", "city": "Köln", "postalCode": "50667", "country": "DE" },
        "lineItems": [{ "sku": sku, "quantity": 1 }]
    })
}

pub async fn create(server: &Server, input: &Value) -> Value {
    server.data(CREATE, json!({ "input": input })).await["createOrder"].clone()
}

/// How many orders with this reference the WMS has: after a sync, as many as the server shows.
async fn at_wms(server: &Server, connection: &str, reference: &str) -> Value {
    let completed =
        "subscription($after: Cursor, $id: ID!) { syncCompleted(after: $after, connectionIds: [$id], dataTypes: [ORDERS]) { run { status } } }";
    let mut socket = server.subscribed(completed, json!({ "id": connection })).await;
    let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [ORDERS], mode: FULL }) { errors { message } } }";
    server.data(trigger, json!({ "id": connection })).await;
    assert_eq!(socket.next("done").await["syncCompleted"]["run"]["status"], "SUCCEEDED");
    let orders = "query($reference: String!) { orders(filter: { referenceId: { eq: $reference } }) { totalCount } }";
    server.data(orders, json!({ "reference": reference })).await["orders"]["totalCount"].clone()
}

on_both! {
    async fn fifty_clients_with_one_key_send_once(server: Server) {
        let (wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        stage(&wms, json!([{ "fault": "delay", "milliseconds": 300, "method": "POST", "path": "/v1/orders" }]));
        let mut input = json!({ "connectionId": id, "idempotencyKey": "k-50", "order": order(&server, &id, "fifty").await });
        let impatient = join_all((0..25).map(|_| create(&server, &input)));
        let mut patient = input.clone();
        patient["waitSeconds"] = json!(30);
        let patient = join_all((0..25).map(|_| create(&server, &patient)));
        let (impatient, patient) = tokio::join!(impatient, patient);
        let all: Vec<&Value> = impatient.iter().chain(&patient).collect();
        let sent = all.iter().filter(|payload| payload["replayed"] == false && payload["errors"] == json!([])).count();
        assert_eq!(sent, 1, "{all:#?}");
        let made = &patient[0]["order"]["id"];
        assert!(made.is_string() && patient.iter().all(|payload| payload["order"]["id"] == *made && payload["errors"] == json!([])), "{patient:#?}");
        let told = |payload: &Value| payload["order"]["id"] == *made || payload["errors"][0]["code"] == "IN_PROGRESS";
        assert!(impatient.iter().all(told), "{impatient:#?}");
        assert_eq!(server.data(JOURNAL, json!({ "key": "k-50" })).await["writes"]["totalCount"], 1);
        assert_eq!(at_wms(&server, &id, "fifty").await, 1);
        // The same key with another content is no repetition.
        input["order"]["referenceId"] = json!("other");
        let other = create(&server, &input).await;
        assert_eq!((&other["errors"][0]["code"], &other["errors"][0]["path"]), (&json!("IDEMPOTENCY_MISMATCH"), &json!(["idempotencyKey"])), "{other:#}");
        assert_eq!((&other["order"], &other["replayed"]), (&Value::Null, &json!(false)));
    }

    async fn a_key_outlives_errors_and_restarts_for_a_week(server: Server) {
        let (wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let input = json!({ "connectionId": id, "idempotencyKey": "k-week", "order": order(&server, &id, "week").await });
        let first = create(&server, &input).await;
        assert_eq!((&first["errors"], &first["replayed"]), (&json!([]), &json!(false)), "{first:#}");
        // What the WMS has refused for good is refused again in its own words, and not sent.
        let mut refused = json!({ "connectionId": id, "idempotencyKey": "k-refused", "order": order(&server, &id, "refused").await });
        refused["order"]["lineItems"][0]["sku"] = json!("NO-SUCH-SKU");
        let refusal = create(&server, &refused).await;
        assert_eq!((&refusal["errors"][0]["code"], &refusal["errors"][0]["retryable"]), (&json!("WMS_VALIDATION"), &json!(false)), "{refusal:#}");
        let server = server.restart().await;
        stage(&wms, json!([{ "fault": "status", "status": 500, "path": "/v1/orders" }]));
        let again = create(&server, &input).await;
        assert_eq!((&again["replayed"], &again["order"], &again["write"]), (&json!(true), &first["order"], &first["write"]));
        let again = create(&server, &refused).await;
        assert_eq!((&again["replayed"], &again["errors"], &again["write"]), (&json!(true), &refusal["errors"], &refusal["write"]));
        // What was refused for a reason that passes was not carried out: the same key sends it again.
        stage(&wms, json!([{ "fault": "rateLimit", "retryAfterSeconds": 1, "method": "POST", "path": "/v1/orders", "times": 1 }]));
        let later = json!({ "connectionId": id, "idempotencyKey": "k-later", "order": order(&server, &id, "later").await });
        let limited = create(&server, &later).await;
        assert_eq!((&limited["errors"][0]["code"], &limited["write"]["status"]), (&json!("WMS_RATE_LIMITED"), &json!("REJECTED")), "{limited:#}");
        let made = server.until_created(&later).await;
        assert_eq!((&made["replayed"], &made["write"]["status"]), (&json!(false), &json!("CONFIRMED")), "{made:#}");
        // After a week the key is free. The WMS itself has seen the reference before.
        server.advance(std::time::Duration::from_secs(8 * 86_400));
        let late = create(&server, &input).await;
        assert_eq!((&late["replayed"], &late["errors"][0]["code"]), (&json!(false), &json!("WMS_CONFLICT")), "{late:#}");
    }

    async fn an_answer_that_is_lost_is_looked_up_and_nothing_is_sent_twice(server: Server) with ["--write-settle-after=1"] {
        let (wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        // Carried out, and the answer lost.
        stage(&wms, json!([{ "fault": "acceptThenDrop", "method": "POST", "path": "/v1/orders", "times": 1 }]));
        let input = json!({ "connectionId": id, "idempotencyKey": "k-lost", "order": order(&server, &id, "lost").await });
        let first = create(&server, &input).await;
        assert_eq!((&first["write"]["status"], &first["order"], &first["errors"][0]["retryable"]), (&json!("UNKNOWN"), &Value::Null, &json!(false)), "{first:#}");
        let mut patient = input.clone();
        patient["waitSeconds"] = json!(60);
        let settled = create(&server, &patient).await;
        assert_eq!((&settled["write"]["status"], &settled["write"]["id"], &settled["errors"], &settled["replayed"]), (&json!("CONFIRMED"), &first["write"]["id"], &json!([]), &json!(true)), "{settled:#}");
        assert_eq!(settled["order"]["referenceId"], "lost");
        assert_eq!(server.data(JOURNAL, json!({ "key": "k-lost" })).await["writes"]["totalCount"], 1);
        assert_eq!(at_wms(&server, &id, "lost").await, 1);
        // Never arrived: it is found that it was not done, and then the same key does it.
        stage(&wms, json!([{ "fault": "reset", "method": "POST", "path": "/v1/orders", "times": 1 }]));
        let input = json!({ "connectionId": id, "idempotencyKey": "k-reset", "order": order(&server, &id, "reset").await });
        let first = create(&server, &input).await;
        assert_eq!(first["write"]["status"], "UNKNOWN", "{first:#}");
        let write = "query($id: ID!) { write(id: $id) { status error { code retryable } } }";
        let settled = server.until(write, json!({ "id": first["write"]["id"] }), |data| data["write"]["status"] != "UNKNOWN").await;
        assert_eq!((&settled["write"]["status"], &settled["write"]["error"]["retryable"]), (&json!("REJECTED"), &json!(true)), "{settled:#}");
        let made = create(&server, &input).await;
        assert_eq!((&made["write"]["status"], &made["replayed"]), (&json!("CONFIRMED"), &json!(false)), "{made:#}");
        assert_eq!(at_wms(&server, &id, "reset").await, 1);
        // Asked for, the look is made at once.
        stage(&wms, json!([{ "fault": "acceptThenDrop", "method": "POST", "path": "/v1/orders", "times": 1 }]));
        let first = create(&server, &json!({ "connectionId": id, "order": order(&server, &id, "asked").await })).await;
        let reconcile = "mutation($id: ID!) { reconcileWrite(input: { id: $id }) { write { id status } errors { code } } }";
        let is_known = |data: &Value| data["reconcileWrite"]["write"]["status"] == "CONFIRMED";
        let known = server.until(reconcile, json!({ "id": first["write"]["id"] }), is_known).await;
        assert_eq!((&known["reconcileWrite"]["write"]["id"], &known["reconcileWrite"]["errors"]), (&first["write"]["id"], &json!([])), "{known:#}");
    }
}

impl Server {
    /// Asks again until it is no longer refused for a reason that passes.
    async fn until_created(&self, input: &Value) -> Value {
        let data = self.until(CREATE, json!({ "input": input }), |data| data["createOrder"]["errors"] == json!([])).await;
        data["createOrder"].clone()
    }
}
