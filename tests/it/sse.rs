//! *GraphQL over SSE*, distinct connections: what is streamed, and what is refused.

use std::time::Duration;

use crossdock::clock::Clock;
use crossdock::store::keys::{Access, key_revoke};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use super::support::server::{Database, PATIENCE, Server, on_both};

const SILENT: &str = "subscription { syncCompleted(connectionIds: [\"Q29ubmVjdGVkV21zOjk5OTk\"]) { dataType } }";

fn post(server: &Server, key: &str, body: &Value) -> RequestBuilder {
    Client::new().post(server.url("/graphql")).bearer_auth(key).header("accept", "text/event-stream").json(body)
}

/// What comes, to the end.
async fn whole(request: RequestBuilder) -> (u16, String, String) {
    let response = tokio::time::timeout(PATIENCE, request.send()).await.expect("in time").expect("an answer");
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    (response.status().as_u16(), kind, tokio::time::timeout(PATIENCE, response.text()).await.expect("it ends").expect("text"))
}

/// What has come when this part of it has.
async fn until(response: &mut Response, part: &str) -> String {
    let mut text = String::new();
    let comes = async {
        while !text.contains(part) {
            let chunk = response.chunk().await.expect("the stream goes on").expect("the stream goes on");
            text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    };
    tokio::time::timeout(PATIENCE, comes).await.expect("it comes");
    text
}

on_both! {
    async fn every_operation_can_be_streamed(server: Server) with ["--socket-ping=1"] {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let key = server.key.clone();
        let once = |data: &str| format!("event: next\ndata: {data}\n\nevent: complete\ndata:\n\n");
        let stream = "text/event-stream".to_owned();
        let answer = whole(post(&server, &key, &json!({ "query": "{ __typename }" }))).await;
        assert_eq!(answer, (200, stream.clone(), once(r#"{"data":{"__typename":"Query"}}"#)));
        let get = Client::new().get(server.url("/graphql")).query(&[("query", "{ __typename }")]).bearer_auth(&key);
        let answer = whole(get.header("accept", "text/event-stream")).await;
        assert_eq!(answer, (200, stream.clone(), once(r#"{"data":{"__typename":"Query"}}"#)));
        // A document that makes no sense comes through the stream.
        let (status, kind, text) = whole(post(&server, &key, &json!({ "query": "{ nothingOfThisName }" }))).await;
        assert_eq!((status, kind), (200, stream.clone()));
        assert!(text.starts_with("event: next\ndata: {\"errors\":[{\"message\":") && text.ends_with("}\n\nevent: complete\ndata:\n\n"), "{text}");
        assert!(text.contains("GRAPHQL_VALIDATION_FAILED") && !text.contains("\"data\""), "{text}");
        // A subscription, with signs of life while nothing happens.
        let after = server.data("{ changeCursor }", json!({})).await["changeCursor"].clone();
        let document = "subscription($after: Cursor) { syncCompleted(after: $after) { dataType } }";
        let mut events = post(&server, &key, &json!({ "query": document, "variables": { "after": after } })).send().await.expect("a stream");
        assert_eq!(events.headers()["cache-control"], "no-cache");
        until(&mut events, ":\n\n").await;
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { errors { message } } }";
        let answer = whole(post(&server, &key, &json!({ "query": trigger, "variables": { "id": demo } }))).await;
        assert_eq!(answer, (200, stream, once(r#"{"data":{"triggerSync":{"errors":[]}}}"#)));
        let text = until(&mut events, "WAREHOUSES").await;
        assert!(text.ends_with("event: next\ndata: {\"data\":{\"syncCompleted\":{\"dataType\":\"WAREHOUSES\"}}}\n\n"), "{text}");
    }

    async fn what_ends_a_stream_is_told(server: Server) with ["--socket-ping=1"] {
        let key = server.make_key(Access::Read).await;
        let mut revoked = post(&server, &key, &json!({ "query": SILENT })).send().await.expect("a stream");
        let mut tx = server.app.store.write().await.expect("the database answers");
        assert!(key_revoke(&mut tx, &key, Clock::system().now()).await.expect("the key is revoked"));
        server.app.store.commit(tx).await.expect("the key is revoked");
        let text = until(&mut revoked, "event: complete").await;
        assert!(text.contains("event: next\ndata: {\"errors\":[{\"message\":\"The API key is not valid\"") && text.contains("UNAUTHENTICATED"), "{text}");
        // A server that stops ends its streams, too, but they are not complete.
        let stopped = post(&server, &server.key, &json!({ "query": SILENT })).send().await.expect("a stream");
        let (server, text) = tokio::join!(server.restart(), stopped.text());
        let text = text.expect("the stream ends in good order");
        assert!(!text.contains("complete"), "{text}");
        drop(server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_refused_without_a_stream() {
    let server = Server::start(Database::Sqlite, &["--sockets=1"]).await.expect("SQLite needs nothing");
    let get = |document: &str| Client::new().get(server.url("/graphql")).query(&[("query", document)]).header("accept", "text/event-stream");
    for (what, request, status, code) in [
        ("no query", post(&server, &server.key, &json!({})), 400, "BAD_REQUEST"),
        ("no key", post(&server, "wrong", &json!({ "query": "{ __typename }" })), 401, "UNAUTHENTICATED"),
        ("no header, as by EventSource", get("{ __typename }"), 401, "UNAUTHENTICATED"),
        ("a mutation by GET", get("mutation { __typename }").bearer_auth(&server.key), 405, "METHOD_NOT_ALLOWED"),
    ] {
        let (found, kind, text) = whole(request).await;
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what}: JSON, not {text}"));
        assert_eq!(
            (found, kind.as_str(), &body["errors"][0]["extensions"]["code"]),
            (status, "application/json; charset=utf-8", &json!(code)),
            "{what}: {text}"
        );
    }
    let open = post(&server, &server.key, &json!({ "query": SILENT })).send().await.expect("a stream");
    let (status, _, text) = whole(post(&server, &server.key, &json!({ "query": SILENT }))).await;
    assert!(status == 503 && text.contains("TOO_MANY_SOCKETS"), "{status} {text}");
    // Whoever hangs up makes room.
    drop(open);
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let room = async {
        while whole(post(&server, &server.key, &json!({ "query": "{ __typename }" }))).await.0 != 200 {
            again.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, room).await.expect("there is room");
}
