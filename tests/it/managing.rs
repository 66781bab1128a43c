//! Changing connections and schedules, pausing, resuming, removing, and stopping runs.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::sandbox::own;
use super::support::server::{Database, Server, on_both};

const SCHEDULE: &str = "mutation($input: UpdateSyncScheduleInput!) { updateSyncSchedule(input: $input) {
    schedule { dataType intervalSeconds enabled nextRunAt } errors { code message path } } }";

const UPDATE: &str = "mutation($input: UpdateConnectionInput!) { updateConnection(input: $input) {
    connection { name status customerReference lookbackDays } errors { __typename code message path } } }";

const COMPLETED: &str =
    "subscription($after: Cursor, $ids: [ID!]) { syncCompleted(after: $after, connectionIds: $ids) { dataType run { id trigger status } } }";

async fn demo(server: &Server) -> String {
    let demo = server.demo().await;
    server.synced(&demo).await;
    demo
}

on_both! {
    async fn a_new_interval_takes_effect_at_once(server: Server) {
        let demo = demo(&server).await;
        let mut socket = server.subscribed(COMPLETED, json!({})).await;
        let change = async |input: Value| server.data(SCHEDULE, json!({ "input": input })).await["updateSyncSchedule"].clone();
        let changed = change(json!({ "connectionId": demo, "dataType": "WAREHOUSES", "intervalSeconds": 60 })).await;
        assert_eq!((&changed["schedule"]["intervalSeconds"], &changed["errors"]), (&json!(60), &json!([])), "{changed:#}");
        let off = change(json!({ "connectionId": demo, "dataType": "PRODUCTS", "enabled": false })).await;
        assert_eq!(off["schedule"]["enabled"], false, "{off:#}");
        server.advance(Duration::from_secs(60));
        let event = socket.next("done").await;
        assert_eq!((&event["syncCompleted"]["dataType"], &event["syncCompleted"]["run"]["trigger"]), (&json!("WAREHOUSES"), &json!("SCHEDULED")));
        // Two hours on, every hourly type has run, except the one that is switched off.
        server.advance(Duration::from_secs(7200));
        let mut seen = Vec::new();
        while !["INVENTORY", "ORDERS", "RETURNS", "INBOUND_SHIPMENTS"].iter().all(|wanted| seen.iter().any(|data_type| data_type == wanted)) {
            seen.push(socket.next("done").await["syncCompleted"]["dataType"].as_str().expect("a type").to_owned());
        }
        assert!(!seen.iter().any(|data_type| data_type == "PRODUCTS"), "{seen:?}");
        for (input, path) in [
            (json!({ "connectionId": demo, "dataType": "ORDERS", "intervalSeconds": 59 }), "intervalSeconds"),
            (json!({ "connectionId": "nonsense", "dataType": "ORDERS" }), "connectionId"),
        ] {
            let refused = change(input).await;
            assert_eq!((&refused["errors"][0]["code"], &refused["errors"][0]["path"]), (&json!("INVALID_INPUT"), &json!([path])), "{refused:#}");
        }
    }

    async fn a_paused_connection_rests_and_goes_on(server: Server) {
        let demo = demo(&server).await;
        let mut socket = server.subscribed(COMPLETED, json!({ "ids": [demo] })).await;
        let input = json!({ "connectionId": demo, "paused": true, "name": "Resting", "customerReference": null, "lookbackDays": 90 });
        let paused = server.data(UPDATE, json!({ "input": input })).await;
        let is = json!({ "name": "Resting", "status": "PAUSED", "customerReference": null, "lookbackDays": 90 });
        assert_eq!(paused["updateConnection"], json!({ "connection": is, "errors": [] }));
        // A run that is asked for meanwhile is queued, and begins when the connection goes on.
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [RETURNS] }) { runs { id status } errors { message } } }";
        let asked = server.data(trigger, json!({ "id": demo })).await["triggerSync"]["runs"][0].clone();
        server.advance(Duration::from_secs(7200));
        let resumed = server.data(UPDATE, json!({ "input": { "connectionId": demo, "paused": false } })).await;
        assert_eq!(resumed["updateConnection"]["connection"]["status"], "ACTIVE");
        let mut ended = Vec::new();
        while !ended.contains(&asked["id"]) {
            ended.push(socket.next("done").await["syncCompleted"]["run"]["id"].clone());
        }
    }

    async fn new_credentials_resume_a_rejected_connection(server: Server) {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        let address = wms.addr();
        wms.shutdown().await.expect("the WMS stops");
        let (wms, _) = own(&server, 50, "another-token", Some((address, &id))).await;
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [PRODUCTS] }) { errors { message } } }";
        server.data(trigger, json!({ "id": id })).await;
        let state = "query($id: ID!) { connection(id: $id) { status issues { code } } }";
        server.until(state, json!({ "id": id }), |data| data["connection"]["status"] == "CREDENTIALS_REJECTED").await;
        let with = |token: &str| json!({ "input": { "connectionId": id, "credentials": { "baseUrl": wms.url(), "apiToken": token } } });
        let refused = server.data(UPDATE, with("wrong too")).await["updateConnection"].clone();
        assert_eq!((&refused["connection"], &refused["errors"][0]["code"]), (&json!(null), &json!("WMS_UNAUTHENTICATED")), "{refused:#}");
        let taken = server.data(UPDATE, with("another-token")).await["updateConnection"].clone();
        assert_eq!((&taken["connection"]["status"], &taken["errors"]), (&json!("ACTIVE"), &json!([])), "{taken:#}");
        server.until(state, json!({ "id": id }), |data| data["connection"] == json!({ "status": "ACTIVE", "issues": [] })).await;
    }

    async fn a_removed_connection_takes_its_data_with_it(server: Server) {
        let demo = demo(&server).await;
        let (_wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        let all = "{ orders { totalCount } products { totalCount } connections { totalCount } }";
        let both = server.data(all, json!({})).await;
        let order = server.data("query($id: ID!) { orders(first: 1, filter: { connectionId: { eq: $id } }) { nodes { id } } }", json!({ "id": id })).await;
        let remove = "mutation($id: ID!) { deleteConnection(input: { connectionId: $id }) { deletedConnectionId errors { code path } } }";
        let gone = server.data(remove, json!({ "id": id })).await;
        assert_eq!(gone["deleteConnection"], json!({ "deletedConnectionId": id, "errors": [] }));
        let left = server.data(all, json!({})).await;
        assert_eq!(left["connections"]["totalCount"], 1);
        assert!(left["orders"]["totalCount"].as_i64() < both["orders"]["totalCount"].as_i64() && left["products"]["totalCount"].as_i64() > Some(0), "{left}");
        let node = server.data("query($a: ID!, $b: ID!) { a: node(id: $a) { id } b: node(id: $b) { id } }", json!({ "a": id, "b": order["orders"]["nodes"][0]["id"] })).await;
        assert_eq!(node, json!({ "a": null, "b": null }));
        let again = server.data(remove, json!({ "id": id })).await;
        assert_eq!(again["deleteConnection"]["errors"], json!([{ "code": "NOT_FOUND", "path": ["connectionId"] }]));
        assert_eq!(server.demo().await, demo);
    }

    async fn a_run_is_cancelled_whatever_it_is_doing(server: Server) {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        wms.shutdown().await.expect("the WMS stops");
        let mut socket = server.subscribed(COMPLETED, json!({ "ids": [id] })).await;
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [ORDERS] }) { runs { id } errors { message } } }";
        let run = server.data(trigger, json!({ "id": id })).await["triggerSync"]["runs"][0]["id"].clone();
        // Queued, running or waiting: it is stopped, and its end is told.
        let cancel = "mutation($id: ID!) { cancelSync(input: { runId: $id }) { run { status finishedAt waitingUntil } errors { code path } } }";
        let stopped = server.data(cancel, json!({ "id": run })).await["cancelSync"].clone();
        assert_eq!((&stopped["run"]["status"], &stopped["run"]["waitingUntil"], &stopped["errors"]), (&json!("CANCELLED"), &json!(null), &json!([])), "{stopped:#}");
        let event = socket.next("done").await;
        assert_eq!(event["syncCompleted"]["run"], json!({ "id": run, "trigger": "MANUAL", "status": "CANCELLED" }));
        let again = server.data(cancel, json!({ "id": run })).await["cancelSync"].clone();
        assert_eq!(again["errors"], json!([{ "code": "CONFLICT", "path": ["runId"] }]), "{again:#}");
        // The schedule takes the next run as if nothing had been.
        let next = server.data(trigger, json!({ "id": id })).await["triggerSync"]["runs"][0]["id"].clone();
        assert_ne!(next, run);
    }
}
