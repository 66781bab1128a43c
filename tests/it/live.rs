//! Events: triggered and scheduled runs are seen over the websocket, live and from a cursor, once each.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::server::{Database, Server, on_both};

const COMPLETED: &str = "subscription($after: Cursor, $types: [DataType!]) { syncCompleted(after: $after, dataTypes: $types) {
    cursor dataType isInitial completedAt oldestSourceDate newestSourceDate connection { name }
    run { id trigger mode status progress { pages read created updated unchanged rejected } } } }";

fn kind(event: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&event["syncCompleted"]["dataType"]), text(&event["syncCompleted"]["run"]["trigger"]))
}

on_both! {
    async fn a_triggered_and_a_scheduled_run_are_told(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let mut socket = server.subscribed(COMPLETED, json!({ "types": ["PRODUCTS"] })).await;
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [PRODUCTS, WAREHOUSES] }) { runs { id dataType trigger mode status } errors { message } } }";
        let asked = server.data(trigger, json!({ "id": demo })).await;
        let runs = asked["triggerSync"]["runs"].as_array().expect("runs").clone();
        assert_eq!(runs.len(), 2, "{asked}");
        let event = socket.next("done").await;
        assert_eq!(kind(&event), ("PRODUCTS".into(), "MANUAL".into()));
        assert_eq!(event["syncCompleted"]["run"]["id"], runs[0]["id"], "the run that was answered with");
        assert_eq!(event["syncCompleted"]["run"]["status"], "SUCCEEDED");
        assert_eq!(event["syncCompleted"]["isInitial"], false);
        assert_eq!(event["syncCompleted"]["run"]["progress"]["updated"], 0, "nothing has changed: {event:#}");
        // An hour later the schedule runs by itself.
        server.advance(Duration::from_secs(3600));
        let event = socket.next("done").await;
        assert_eq!(kind(&event), ("PRODUCTS".into(), "SCHEDULED".into()));
        assert_eq!(event["syncCompleted"]["run"]["mode"], "INCREMENTAL");
    }

    async fn a_cursor_brings_what_was_missed_once_and_in_order(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let trigger = "mutation($id: ID!, $types: [DataType!]) { triggerSync(input: { connectionId: $id, dataTypes: $types }) { errors { message } } }";
        let mut socket = server.subscribed(COMPLETED, json!({})).await;
        server.data(trigger, json!({ "id": demo, "types": ["WAREHOUSES"] })).await;
        let first = socket.next("done").await;
        let cursor = first["syncCompleted"]["cursor"].clone();
        for data_type in ["PRODUCTS", "ORDERS"] {
            server.data(trigger, json!({ "id": demo, "types": [data_type] })).await;
            assert_eq!(kind(&socket.next("done").await).0, data_type);
        }
        // A second client resumes from the first event: the two that followed, then what comes.
        let mut resumed = server.socket().await;
        resumed.subscribe("again", COMPLETED, json!({ "after": cursor })).await;
        assert_eq!(kind(&resumed.next("again").await).0, "PRODUCTS");
        assert_eq!(kind(&resumed.next("again").await).0, "ORDERS");
        server.data(trigger, json!({ "id": demo, "types": ["RETURNS"] })).await;
        assert_eq!(kind(&resumed.next("again").await).0, "RETURNS");
        assert_eq!(kind(&socket.next("done").await).0, "RETURNS");
    }

    async fn a_run_that_is_under_way_is_joined(server: Server) {
        let demo = server.demo().await;
        // At once, while the first syncs are still running: whatever is under way is joined, nothing runs twice.
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [ORDERS] }) { runs { id trigger } errors { message } } }";
        let (a, b) = tokio::join!(server.data(trigger, json!({ "id": demo })), server.data(trigger, json!({ "id": demo })));
        server.synced(&demo).await;
        let runs = server.data("query($id: ID!) { connection(id: $id) { syncRuns(first: 100) { nodes { id dataType status trigger progress { read } } } } }", json!({ "id": demo })).await;
        let orders: Vec<&Value> = runs["connection"]["syncRuns"]["nodes"].as_array().expect("runs").iter().filter(|run| run["dataType"] == "ORDERS").collect();
        for answer in [&a, &b] {
            let id = &answer["triggerSync"]["runs"][0]["id"];
            assert!(orders.iter().any(|run| run["id"] == *id), "{answer}");
        }
        assert!(orders.len() <= 3, "{orders:#?}");
    }

    async fn a_sync_asked_for_before_the_first_one_is_the_first_one(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let mut socket = server.subscribed(COMPLETED, json!({ "types": ["RETURNS"] })).await;
        let url = server.app.demo.as_ref().expect("the demo").sandbox.url();
        let create = "mutation($input: CreateConnectionInput!) { createConnection(input: $input) { connection { id } errors { message } } }";
        let input = crate::support::sandbox::input(&url);
        let id = server.data(create, json!({ "input": input })).await["createConnection"]["connection"]["id"].clone();
        server.data("mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [RETURNS] }) { errors { message } } }", json!({ "id": id })).await;
        let event = socket.next("done").await;
        assert_eq!((kind(&event).1.as_str(), &event["syncCompleted"]["isInitial"]), ("INITIAL", &json!(true)), "{event:#}");
    }

    async fn a_socket_without_a_key_is_closed(server: Server) {
        use super::super::support::socket::Socket;
        let mut socket = Socket::connect(&server.url("/graphql").replace("http", "ws")).await;
        socket.send(json!({ "type": "connection_init", "payload": { "authorization": "Bearer wrong" } })).await;
        loop {
            match socket.receive().await {
                None => break,
                Some(message) => assert_ne!(message["type"], "connection_ack", "a wrong key is not let in"),
            }
        }
    }

    async fn a_cursor_that_is_none_is_refused(server: Server) {
        let mut socket = server.socket().await;
        socket.subscribe("bad", COMPLETED, json!({ "after": "nonsense" })).await;
        let message = socket.receive().await.expect("an answer");
        let text = message.to_string();
        assert!(text.contains("INVALID_INPUT") && text.contains("after"), "{message:#}");
    }
}
