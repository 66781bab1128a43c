//! *GraphQL over HTTP*, rule by rule: methods, media types, statuses, bodies; and which pages may call.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::support::server::{Database, Server, on_both};

const NEWER: &str = "application/graphql-response+json";

/// What came back, as far as the rules speak of it.
struct Answer {
    status: u16,
    kind: String,
    allow: String,
    body: Value,
}

async fn sent(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the server answers");
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (status, kind, allow) = (response.status().as_u16(), header("content-type"), header("allow"));
    let body = response.text().await.expect("text");
    Answer { status, kind, allow, body: serde_json::from_str(&body).unwrap_or_else(|_| panic!("{status}: every body is JSON, not {body:?}")) }
}

impl Answer {
    fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
    }
}

fn call(server: &Server, method: Method) -> RequestBuilder {
    Client::new().request(method, server.url("/graphql")).bearer_auth(&server.key)
}

on_both! {
    async fn statuses_follow_the_media_type(server: Server) {
        for (body, plain, newer, has_data) in [
            (json!({ "query": "{ __typename }" }), 200, 200, true),
            (json!({ "query": "{ __typename }", "variables": null, "operationName": null, "extensions": null }), 200, 200, true),
            (json!({ "query": "query A { __typename }", "operationName": "A", "variables": {}, "extensions": { "some": 1 } }), 200, 200, true),
            // A document that makes no sense.
            (json!({ "query": "{" }), 200, 400, false),
            (json!({ "query": "{ nothingOfThisName }" }), 200, 400, false),
            (json!({ "query": "query($id: ID!) { __typename }", "variables": { "id": null } }), 200, 400, false),
            (json!({ "query": "query($id: ID!) { __typename }" }), 200, 400, false),
            (json!({ "query": "query A { __typename } query B { __typename }" }), 200, 400, false),
            // What has many answers, and would be waited for without end.
            (json!({ "query": "subscription { syncCompleted { cursor } }" }), 200, 400, false),
            // What is no request.
            (json!({}), 400, 400, false),
            (json!({ "qeury": "{ __typename }" }), 400, 400, false),
            (json!({ "query": 0 }), 400, 400, false),
            (json!({ "query": "{ __typename }", "operationName": ["A"] }), 400, 400, false),
            (json!({ "query": "{ __typename }", "variables": "x" }), 400, 400, false),
            (json!({ "query": "{ __typename }", "extensions": false }), 400, 400, false),
            (json!([]), 400, 400, false),
            (json!({ "query": "{ __typename }", "documentId": 1 }), 400, 400, false),
        ] {
            for (accept, status, kind) in [("application/json", plain, "application/json; charset=utf-8"), (NEWER, newer, "application/graphql-response+json; charset=utf-8")] {
                let answer = sent(call(&server, Method::POST).header("accept", accept).json(&body)).await;
                assert_eq!((answer.status, answer.kind.as_str()), (status, kind), "{body} as {accept}: {}", answer.body);
                assert_eq!(answer.body.get("data").is_some(), has_data, "{body}: {}", answer.body);
                assert_eq!(answer.body.get("errors").is_some(), !has_data, "{body}: {}", answer.body);
            }
        }
        // A field that fails is no request error: there is data, be it null.
        let failed = json!({ "query": "{ orders(first: 1000) { totalCount } }" });
        let answer = sent(call(&server, Method::POST).header("accept", NEWER).json(&failed)).await;
        assert_eq!((answer.status, answer.body.get("data")), (200, Some(&Value::Null)), "{}", answer.body);
    }

    async fn what_cannot_be_read_is_refused_in_json(server: Server) {
        let post = || call(&server, Method::POST);
        let text = |body: &str, kind: &str| post().header("content-type", kind.to_owned()).body(body.to_owned());
        for (what, request, status, code) in [
            ("no body", post().header("content-type", "application/json"), 400, "BAD_REQUEST"),
            ("broken JSON", text("{ \"not a JSON", "application/json"), 400, "BAD_REQUEST"),
            ("no content type", post().body("{\"query\":\"{ __typename }\"}"), 415, "UNSUPPORTED_MEDIA_TYPE"),
            ("a form", text("query={__typename}", "application/x-www-form-urlencoded"), 415, "UNSUPPORTED_MEDIA_TYPE"),
            ("plain text", text("{\"query\":\"{ __typename }\"}", "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
            ("another charset", text("{\"query\":\"{ __typename }\"}", "application/json; charset=utf-16"), 415, "UNSUPPORTED_MEDIA_TYPE"),
            ("too much", text(&format!("{{\"query\":\"{}\"}}", " ".repeat(2_000_000)), "application/json"), 413, "BODY_REFUSED"),
            ("an answer that there is not", post().header("accept", "text/html").json(&json!({ "query": "{ __typename }" })), 406, "NOT_ACCEPTABLE"),
            ("another method", call(&server, Method::PUT).json(&json!({})), 405, "METHOD_NOT_ALLOWED"),
            ("no query", call(&server, Method::GET), 400, "BAD_REQUEST"),
            ("another address", Client::new().get(server.url("/graphq")), 404, "NOT_FOUND"),
        ] {
            let answer = sent(request).await;
            assert_eq!((answer.status, answer.code()), (status, code), "{what}: {}", answer.body);
            assert!(answer.body.get("data").is_none(), "{what}: {}", answer.body);
            assert_eq!(answer.allow, if status == 405 { "GET, POST" } else { "" }, "{what}");
        }
    }

    async fn queries_are_run_by_get_and_nothing_else_is(server: Server) {
        let get = |parameters: &[(&str, &str)]| call(&server, Method::GET).query(parameters);
        let named = "query Type($name: String!) { __type(name: $name) { name } } mutation Act { __typename }";
        let answer = sent(get(&[("query", named), ("operationName", "Type"), ("variables", "{\"name\":\"Order\"}")])).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({ "data": { "__type": { "name": "Order" } } })));
        for parameters in [[("query", "mutation { __typename }"), ("operationName", "")], [("query", named), ("operationName", "Act")]] {
            let parameters: Vec<_> = parameters.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            let answer = sent(get(&parameters)).await;
            assert_eq!((answer.status, answer.code(), answer.allow.as_str()), (405, "METHOD_NOT_ALLOWED", "POST"), "{}", answer.body);
        }
        for (name, value) in [("variables", "[1]"), ("variables", "{"), ("extensions", "1")] {
            let answer = sent(get(&[("query", "{ __typename }"), (name, value)])).await;
            assert!(answer.status == 400 && answer.body["errors"][0]["message"].as_str().is_some_and(|text| text.starts_with(name)), "{}", answer.body);
        }
        let anonymous = sent(Client::new().get(server.url("/graphql")).query(&[("query", "{ __typename }")])).await;
        assert_eq!((anonymous.status, anonymous.code()), (401, "UNAUTHENTICATED"));
    }

    async fn pages_of_other_origins_are_kept_out_unless_they_are_named(server: Server) with ["--allow-origin=https://portal.example.com"] {
        let preflight = async |origin: &str| {
            let request = Client::new().request(Method::OPTIONS, server.url("/graphql"));
            let request = request.header("origin", origin.to_owned()).header("access-control-request-method", "POST").header("access-control-request-headers", "authorization,content-type");
            let response = request.send().await.expect("an answer");
            response.headers().get("access-control-allow-origin").and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        assert_eq!(preflight("https://portal.example.com").await.as_deref(), Some("https://portal.example.com"));
        assert_eq!(preflight("https://evil.example.com").await, None);
        let handshake = async |origin: String| {
            let request = Client::new().get(server.url("/graphql")).header("origin", origin).header("sec-websocket-protocol", "graphql-transport-ws");
            let request = request.header("connection", "upgrade").header("upgrade", "websocket").header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            request.send().await.expect("an answer").status().as_u16()
        };
        assert_eq!(handshake("https://portal.example.com".to_owned()).await, 101);
        assert_eq!(handshake(server.url("")).await, 101, "the server's own page");
        assert_eq!(handshake("https://evil.example.com".to_owned()).await, 403);
    }
}
