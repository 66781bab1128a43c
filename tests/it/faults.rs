//! Failures by class: what a WMS does wrong, and what becomes of the run, the connection and its issues.

use crossdock::wms::sandbox::server::{Rule, RunningSandbox};
use serde_json::{Value, json};

use super::support::sandbox::own;
use super::support::server::{Database, Server, on_both};

const TRIGGER: &str = "mutation($id: ID!, $types: [DataType!], $mode: SyncMode!) {
    triggerSync(input: { connectionId: $id, dataTypes: $types, mode: $mode }) { runs { id } errors { message } } }";
const RUN: &str = "query($id: ID!) { syncRun(id: $id) { status waitingUntil waitingReason progress { pages read deleted }
    error { code message httpStatus body } } }";
const STATE: &str = "query($id: ID!) { connection(id: $id) { status issues { code dataType blocking message } } }";

/// Switches faults on, or (with none) off.
fn stage(wms: &RunningSandbox, rules: Value) {
    wms.set_faults(serde_json::from_value::<Vec<Rule>>(rules).expect("rules that the sandbox takes"));
}

/// Asks for a run of one type; its id.
async fn sync(server: &Server, connection: &str, data_type: &str, mode: &str) -> Value {
    let asked = server.data(TRIGGER, json!({ "id": connection, "types": [data_type], "mode": mode })).await;
    asked["triggerSync"]["runs"][0]["id"].clone()
}

/// The run when it stands as it should.
async fn stands(server: &Server, run: &Value, statuses: &[&str]) -> Value {
    let is_so = |data: &Value| data["syncRun"]["status"].as_str().is_some_and(|status| statuses.contains(&status));
    server.until(RUN, json!({ "id": run }), is_so).await["syncRun"].clone()
}

/// The run when it has ended. The first pauses are short, so no clock is turned.
async fn ended(server: &Server, run: &Value) -> Value {
    stands(server, run, &["SUCCEEDED", "PARTIAL", "FAILED"]).await
}

async fn state(server: &Server, connection: &str) -> Value {
    server.data(STATE, json!({ "id": connection })).await["connection"].clone()
}

on_both! {
    async fn what_is_broken_once_is_asked_for_again(server: Server) {
        let (wms, id) = own(&server, 100, "sandbox-demo-token", None).await;
        for fault in [json!({ "fault": "status", "status": 503 }), json!({ "fault": "cutOff", "afterBytes": 200 }), json!({ "fault": "reset" }), json!({ "fault": "brokenJson" }), json!({ "fault": "garbage" })] {
            let mut rule = fault.clone();
            (rule["times"], rule["path"]) = (json!(1), json!("/v1/products*"));
            stage(&wms, json!([rule]));
            let run = sync(&server, &id, "PRODUCTS", "FULL").await;
            let waits = stands(&server, &run, &["WAITING"]).await;
            assert!(waits["waitingReason"].as_str().is_some_and(|reason| !reason.is_empty()), "{fault}: {waits:#}");
            let run = ended(&server, &run).await;
            assert_eq!((&run["status"], run["progress"]["read"].as_i64().is_some_and(|read| read > 20)), (&json!("SUCCEEDED"), true), "{fault}: {run:#}");
            assert_eq!(state(&server, &id).await["issues"], json!([]), "{fault}");
        }
    }

    async fn what_is_no_protocol_fails_with_what_came_and_recovers(server: Server) {
        let (wms, id) = own(&server, 100, "sandbox-demo-token", None).await;
        stage(&wms, json!([{ "fault": "garbage", "path": "/v1/products*" }]));
        let run = sync(&server, &id, "PRODUCTS", "INCREMENTAL").await;
        let run = ended(&server, &run).await;
        assert_eq!((&run["status"], &run["error"]["code"], &run["error"]["httpStatus"]), (&json!("FAILED"), &json!("WMS_PROTOCOL"), &json!(200)), "{run:#}");
        assert!(run["error"]["body"].as_str().is_some_and(|body| body.contains("<html")), "the first of what came: {run:#}");
        let now = state(&server, &id).await;
        assert_eq!((&now["status"], &now["issues"][0]["dataType"]), (&json!("DEGRADED"), &json!("PRODUCTS")), "{now:#}");
        stage(&wms, json!([]));
        let run = sync(&server, &id, "PRODUCTS", "INCREMENTAL").await;
        assert_eq!(ended(&server, &run).await["status"], "SUCCEEDED");
        assert_eq!(state(&server, &id).await, json!({ "status": "ACTIVE", "issues": [] }));
    }

    async fn a_forbidden_type_does_not_hold_up_the_others(server: Server) {
        let (wms, id) = own(&server, 100, "sandbox-demo-token", None).await;
        stage(&wms, json!([{ "fault": "status", "status": 403, "message": "Scope products:read is missing", "path": "/v1/products*" }]));
        let (forbidden, allowed) = (sync(&server, &id, "PRODUCTS", "INCREMENTAL").await, sync(&server, &id, "ORDERS", "INCREMENTAL").await);
        let run = ended(&server, &forbidden).await;
        assert_eq!((&run["error"]["code"], &run["error"]["message"]), (&json!("WMS_FORBIDDEN"), &json!("Scope products:read is missing")), "{run:#}");
        assert_eq!(ended(&server, &allowed).await["status"], "SUCCEEDED");
        let now = state(&server, &id).await;
        assert_eq!(now["issues"].as_array().map(Vec::len), Some(1), "{now:#}");
        assert_eq!((&now["status"], &now["issues"][0]["code"], &now["issues"][0]["blocking"]), (&json!("DEGRADED"), &json!("WMS_FORBIDDEN"), &json!(true)));
    }

    async fn a_listing_that_is_cut_off_deletes_nothing(server: Server) {
        let (wms, id) = own(&server, 600, "sandbox-demo-token", None).await;
        let first = sync(&server, &id, "ORDERS", "FULL").await;
        assert_eq!(ended(&server, &first).await["progress"]["read"], 600);
        // The second of three pages says that it is the last.
        stage(&wms, json!([{ "fault": "endEarly", "path": "/v1/orders*", "skip": 1 }]));
        let cut = sync(&server, &id, "ORDERS", "FULL").await;
        let run = ended(&server, &cut).await;
        assert_eq!((&run["status"], &run["progress"]["read"], &run["progress"]["deleted"]), (&json!("SUCCEEDED"), &json!(500), &json!(0)), "{run:#}");
        // Fewer rows than before, but a listing in itself: a few of them may be gone, half of them are not.
        stage(&wms, json!([{ "fault": "vanish", "rowsPercent": 50, "path": "/v1/orders*" }]));
        let held = sync(&server, &id, "ORDERS", "FULL").await;
        let run = ended(&server, &held).await;
        assert_eq!((&run["status"], &run["progress"]["deleted"]), (&json!("PARTIAL"), &json!(0)), "{run:#}");
        assert_eq!(state(&server, &id).await["issues"][0]["code"], "DELETIONS_HELD");
        // Rows that come twice and in any order are no reason for anything.
        stage(&wms, json!([{ "fault": "duplicate", "rowsPercent": 30, "skip": 1, "path": "/v1/orders*" }, { "fault": "reorder", "path": "/v1/orders*" }]));
        let odd = sync(&server, &id, "ORDERS", "FULL").await;
        let run = ended(&server, &odd).await;
        assert_eq!((&run["status"], &run["progress"]["deleted"]), (&json!("SUCCEEDED"), &json!(0)), "{run:#}");
        assert_eq!(state(&server, &id).await, json!({ "status": "ACTIVE", "issues": [] }));
    }

    async fn a_page_that_does_not_come_is_given_up(server: Server) with ["--sync-page-deadline=1"] {
        let (wms, id) = own(&server, 100, "sandbox-demo-token", None).await;
        stage(&wms, json!([{ "fault": "delay", "milliseconds": 30_000, "path": "/v1/products*" }]));
        let run = sync(&server, &id, "PRODUCTS", "FULL").await;
        let waits = stands(&server, &run, &["WAITING"]).await;
        assert_eq!(waits["waitingReason"], "The WMS gave no page within 1 s", "{waits:#}");
        stage(&wms, json!([]));
        assert_eq!(ended(&server, &run).await["status"], "SUCCEEDED");
    }

    async fn a_token_that_expires_stops_the_connection_until_it_has_another(server: Server) {
        let (wms, id) = own(&server, 100, "sandbox-demo-token", None).await;
        stage(&wms, json!([{ "fault": "expireToken" }]));
        let run = sync(&server, &id, "PRODUCTS", "INCREMENTAL").await;
        assert_eq!(ended(&server, &run).await["error"]["code"], "WMS_UNAUTHENTICATED");
        assert_eq!(state(&server, &id).await["status"], "CREDENTIALS_REJECTED");
        stage(&wms, json!([]));
        let change = "mutation($input: UpdateConnectionInput!) { updateConnection(input: $input) { connection { status } errors { message } } }";
        let credentials = json!({ "baseUrl": wms.url(), "apiToken": "sandbox-demo-token" });
        let changed = server.data(change, json!({ "input": { "connectionId": id, "credentials": credentials } })).await;
        assert_eq!(changed["updateConnection"]["connection"]["status"], "ACTIVE", "{changed:#}");
        let run = sync(&server, &id, "PRODUCTS", "INCREMENTAL").await;
        assert_eq!(ended(&server, &run).await["status"], "SUCCEEDED");
        assert_eq!(state(&server, &id).await["issues"], json!([]));
    }
}
