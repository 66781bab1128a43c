//! Clients that take their time, and the names of requests.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::sandbox::{CREATE, input};
use super::support::server::{Database, PATIENCE, Server};

async fn server(arguments: &'static [&'static str]) -> Server {
    Server::start(Database::Sqlite, arguments).await.expect("SQLite needs nothing")
}

/// Sends these bytes and no more; what comes back until the server hangs up.
async fn sent(server: &Server, bytes: &str) -> String {
    let mut stream = TcpStream::connect(server.app.address).await.expect("the server listens");
    stream.write_all(bytes.as_bytes()).await.expect("the server takes it");
    let mut text = String::new();
    let ends = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await;
    ends.expect("the server hangs up").expect("text");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_and_bodies_that_do_not_arrive_are_not_waited_for() {
    let server = server(&["--header-timeout=1", "--body-timeout=1"]).await;
    assert_eq!(sent(&server, "").await, "");
    assert_eq!(sent(&server, "GET /livez HTTP/1.1\r\nhost: x\r\n").await, "");
    // A connection that is kept for another request ends as well.
    let text = sent(&server, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nok\n"), "{text}");
    let post = format!("POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n", server.key);
    for body in ["content-length: 100\r\n\r\n{\"query\":", "transfer-encoding: chunked\r\n\r\n5\r\n{\"que\r\n"] {
        let text = sent(&server, &format!("{post}{body}")).await;
        assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{text}");
        assert!(text.contains("\"The body did not arrive within 1 s\"") && text.contains("BODY_REFUSED"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_bounded_and_nobody_without_a_key_has_one() {
    let server = server(&["--body-limit=2000"]).await;
    let query = |length: usize| json!({ "query": format!("{{ __typename }}{}", " ".repeat(length)) });
    assert_eq!(server.send_as(&server.key, query(1900)["query"].as_str().unwrap(), json!({})).await.0, 200);
    let request = reqwest::Client::new().post(server.url("/graphql")).bearer_auth(&server.key).json(&query(2000));
    let response = request.send().await.expect("an answer");
    let (status, body) = (response.status().as_u16(), response.json::<Value>().await.expect("JSON"));
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (413, &json!("BODY_REFUSED")), "{body}");
    // Refused before a body has come.
    let text = sent(&server, "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\ncontent-type: application/json\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 401 Unauthorized\r\n") && text.contains("UNAUTHENTICATED"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_has_a_name() {
    let server = server(&[]).await;
    let name = async |path: &str, given: Option<&str>| {
        let request = reqwest::Client::new().get(server.url(path));
        let request = given.into_iter().fold(request, |request, given| request.header("x-request-id", given));
        request.send().await.expect("an answer").headers()["x-request-id"].to_str().expect("text").to_owned()
    };
    for path in ["/livez", "/graphql", "/", "/nowhere"] {
        let (first, second) = (name(path, None).await, name(path, None).await);
        assert!(first.len() == 22 && first != second, "{path}: {first} {second}");
        assert_eq!(name(path, Some("my-own-name")).await, "my-own-name", "{path}");
        assert_eq!(name(path, Some(&"x".repeat(200))).await.len(), 22, "{path}");
    }
    // It is what an error goes by of which nothing else is told.
    server.trap(true);
    let variables = json!({ "input": input(&server.app.demo.as_ref().expect("the demo").sandbox.url()) });
    let request = reqwest::Client::new().post(server.url("/graphql")).bearer_auth(&server.key).header("accept", "application/graphql-response+json");
    let response = request.header("x-request-id", "r-1").json(&json!({ "query": CREATE, "variables": variables })).send().await.expect("an answer");
    let (status, body) = (response.status().as_u16(), response.json::<Value>().await.expect("JSON"));
    assert_eq!(status, 500, "{body}");
    assert_eq!(body, json!({ "errors": [{ "message": "Internal error", "extensions": { "code": "INTERNAL", "requestId": "r-1" } }] }));
}
