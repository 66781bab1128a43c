//! Every way in which it can go wrong, told apart.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::record::Warehouse;
use crate::wms::sandbox::server::RateLimit;
use crate::wms::{Integration, Kind, Retry};

/// A server that answers every call with the same bytes, and hangs up.
async fn raw(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 4096];
            drop(socket.read(&mut head).await);
            drop(socket.write_all(answer.as_bytes()).await);
        }
    });
    url
}

/// A server that answers every call with this body.
pub(super) async fn canned(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    raw(format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")).await
}

fn integration() -> Integration {
    crate::wms::sandbox::integration()
}

async fn error_of(url: &str, token: &str) -> Error {
    let wms = integration().connect(&serde_json::json!({ "baseUrl": url, "apiToken": token }), &http()).unwrap();
    wms.pull(DataType::Warehouses, &Scope::default(), None).await.unwrap_err()
}

#[tokio::test]
async fn a_wrong_token_is_told_in_the_words_of_the_wms() {
    let (sandbox, wms) = sandbox().await;
    let error = error_of(&sandbox.url(), "wrong").await;
    assert_eq!((error.kind, error.retry, error.http_status), (Kind::Unauthenticated, Retry::Never, Some(401)));
    assert_eq!((error.message.as_str(), error.code.as_deref()), ("The API token is missing or not valid", Some("invalid_token")));
    assert!(error.request_id.as_deref().is_some_and(|id| id.starts_with("req_") && id.len() == 16), "{:?}", error.request_id);
    assert!(!format!("{error:?}").contains("wrong"), "the token shows in the error");

    let account = wms.check().await.unwrap();
    assert_eq!(account.description, Some(format!("Sandbox Fulfilment (Sandbox WMS {})", env!("CARGO_PKG_VERSION"))));
    assert_eq!(account.forbidden, []);
}

#[tokio::test]
async fn what_a_token_may_not_read_is_told_by_the_check_and_by_the_call() {
    let config = SandboxConfig { denied: vec!["rmas".to_owned()], ..config(&Hands::at_epoch()) };
    let sandbox = start(config).await.unwrap();
    let wms = connect(&sandbox);
    let reason = "This token lacks the scope 'rmas:read'".to_owned();
    assert_eq!(wms.check().await.unwrap().forbidden, [(DataType::Returns, reason.clone())]);
    let error = wms.pull(DataType::Returns, &Scope::default(), None).await.unwrap_err();
    assert_eq!((error.kind, error.retry, error.message), (Kind::Forbidden, Retry::Never, reason));
    assert!(wms.pull(DataType::Orders, &Scope::default(), None).await.is_ok());
}

#[tokio::test]
async fn the_rate_limit_says_when_to_come_back() {
    let hands = Hands::at_epoch();
    let rate_limit = Some(RateLimit { per_second: 0.25, burst: 2 });
    let sandbox = start(SandboxConfig { rate_limit, ..config(&hands) }).await.unwrap();
    let wms = connect(&sandbox);
    let reply = ask(&sandbox, "GET", "/v1/account", None).await;
    let header = |name: &str| reply.header(name).map(str::to_owned);
    assert_eq!((header("x-ratelimit-limit"), header("x-ratelimit-remaining")), (Some("2".to_owned()), Some("1".to_owned())));
    assert_eq!(header("x-ratelimit-reset"), Some("4".to_owned()));
    wms.check().await.unwrap();

    let ours = || crate::clock::Clock::system().now();
    let before = ours();
    let error = wms.check().await.unwrap_err();
    assert_eq!((error.kind, error.http_status), (Kind::RateLimited, Some(429)));
    assert_eq!(error.message, "Too many requests; try again in 4 s");
    let Retry::After(at) = error.retry else { panic!("{:?}", error.retry) };
    assert!(at >= before.plus_seconds(4) && at <= ours().plus_seconds(4), "counted by our own clock");
    assert!(!error.outcome_unknown);

    hands.advance(4);
    wms.check().await.unwrap();
    assert_eq!(wms.check().await.unwrap_err().kind, Kind::RateLimited);
}

#[tokio::test]
async fn addresses_and_verbs_that_are_not_there_are_told_apart() {
    let (sandbox, _wms) = sandbox().await;
    for (method, path, status, code) in [
        ("GET", "/v1/unicorns", 404, "not_found"),
        ("GET", "/v1/orders/ord_999999", 404, "not_found"),
        ("GET", "/v1/orders/ord_1", 404, "not_found"),
        ("POST", "/v1/warehouses", 405, "method_not_allowed"),
        ("GET", "/v1/orders?limit=0", 422, "validation_failed"),
        ("GET", "/v1/orders?updated_since=yesterday", 422, "validation_failed"),
        ("GET", "/v1/orders?cursor=nonsense", 422, "validation_failed"),
    ] {
        let reply = ask(&sandbox, method, path, None).await;
        let body: Value = reply.json().unwrap();
        assert_eq!((reply.status, body["error"]["code"].as_str()), (status, Some(code)), "{method} {path}");
        assert_eq!(body["request_id"].as_str(), reply.header("x-request-id"), "{method} {path}");
    }
    // Below the wrong base address, the adapter says what the server said.
    let error = error_of(&format!("{}/elsewhere", sandbox.url()), DEMO_TOKEN).await;
    assert_eq!((error.kind, error.message.as_str()), (Kind::NotFound, "There is no such address"));
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable() {
    let (sandbox, wms) = sandbox().await;
    wms.check().await.unwrap();
    let addr = sandbox.addr();
    sandbox.shutdown().await.unwrap();
    // The port is held, and nobody listens on it, so that no other test's server gets it.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.set_reuseaddr(true).unwrap();
    held.bind(addr).unwrap();
    let error = wms.check().await.unwrap_err();
    assert_eq!((error.kind, error.retry), (Kind::Unavailable, Retry::BackOff));
    assert!(error.message.starts_with("The server cannot be reached"), "{}", error.message);
}

#[tokio::test]
async fn a_503_of_its_own_is_apart_from_one_of_a_proxy() {
    let body = r#"{"error":{"code":"unavailable","message":"Writes are not possible at the moment"},"request_id":"req_1"}"#;
    let error = error_of(&canned("503 Service Unavailable", "application/json", body).await, "t").await;
    assert_eq!((error.kind, error.retry, error.outcome_unknown), (Kind::Unavailable, Retry::BackOff, false));
    assert_eq!((error.message.as_str(), error.request_id.as_deref()), ("Writes are not possible at the moment", Some("req_1")));
    assert_eq!(error.body.map(|body| body.as_str().to_owned()), Some(body.to_owned()));

    let error = error_of(&canned("502 Bad Gateway", "text/html", "<html>nginx at 10.0.0.7</html>").await, "t").await;
    assert_eq!((error.kind, error.outcome_unknown, error.body), (Kind::Unavailable, true, None));
    assert_eq!(error.message, "The server answered with HTTP status 502");
}

#[tokio::test]
async fn answers_that_make_no_sense_are_protocol_errors() {
    let html = error_of(&canned("200 OK", "text/html", "<html>Log in</html>").await, "t").await;
    let shape = error_of(&canned("200 OK", "application/json", r#"{"data":"none","next_cursor":null}"#).await, "t").await;
    let status = error_of(&canned("299 Fine", "application/json", "").await, "t").await;
    for error in [&html, &shape, &status] {
        assert_eq!((error.kind, error.retry), (Kind::Protocol, Retry::Never), "{error:?}");
    }
    assert!(html.body.as_ref().is_some_and(|body| body.as_str().contains("Log in")), "what came is kept to look at");
    assert!(shape.message.contains("at data"), "{}", shape.message);

    let cut_off = raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"data\":[".to_owned()).await;
    let error = error_of(&cut_off, "t").await;
    assert_eq!((error.kind, error.http_status), (Kind::Protocol, Some(200)));
    assert!(error.message.starts_with("The answer was cut off"), "{}", error.message);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let http = Http::new(Limits { deadline: Duration::from_millis(50), ..Limits::default() }, crate::clock::Clock::system()).unwrap();
    let wms = integration().connect(&serde_json::json!({ "baseUrl": url, "apiToken": "t" }), &http).unwrap();
    let error = wms.check().await.unwrap_err();
    assert_eq!((error.kind, error.retry, error.outcome_unknown), (Kind::Timeout, Retry::BackOff, true));
    drop(listener);
}

#[tokio::test]
async fn where_the_operator_says_so_calls_go_only_to_the_public_internet() {
    let guarded = Http::new(Limits { reach: crate::outbound::Reach::Public, ..Limits::default() }, crate::clock::Clock::system()).unwrap();
    for url in ["http://127.0.0.1:1", "http://169.254.169.254", "http://[::1]"] {
        let credentials = serde_json::json!({ "baseUrl": url, "apiToken": "t" });
        let error = integration().connect(&credentials, &guarded).map(|_| ()).unwrap_err();
        assert_eq!((error.kind, error.path), (Kind::Configuration, Some(vec!["baseUrl".to_owned()])), "{url}");
    }
}

#[tokio::test]
async fn a_checkpoint_of_another_kind_is_refused() {
    let (_sandbox, wms) = sandbox().await;
    let orders = read_all::<crate::record::Order>(&wms, Scope::default()).await;
    let foreign = Checkpoint::of(&serde_json::json!({ "page": 7 }));
    let error = wms.pull(DataType::Warehouses, &Scope::default(), Some(&foreign)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Protocol);
    // A cursor of a full listing does not go on with one of what changed.
    let scope = Scope { since: Some(EPOCH), until: None };
    let error = wms.pull(DataType::Orders, &scope, orders.checkpoints.first()).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Validation, "This cursor does not belong to this listing"));
}

#[test]
fn credentials_are_described_and_checked() {
    let integration = integration();
    let schema = &integration.credentials_schema;
    assert_eq!(schema["properties"]["apiToken"]["writeOnly"], true);
    assert_eq!(schema["properties"]["apiToken"]["type"], "string");
    assert_eq!(schema["properties"]["baseUrl"]["type"], "string");
    assert_eq!(schema["required"], serde_json::json!(["baseUrl", "apiToken"]));
    assert_eq!(schema["additionalProperties"], false);
    for (credentials, path) in [
        (serde_json::json!({ "baseUrl": "127.0.0.1", "apiToken": "t" }), vec!["baseUrl".to_owned()]),
        (serde_json::json!({ "baseUrl": "http://x", "apiToken": 7 }), vec!["apiToken".to_owned()]),
        (serde_json::json!({ "baseUrl": "http://x" }), vec!["apiToken".to_owned()]),
        (serde_json::json!({ "baseUrl": "http://x", "apiToken": "t", "user": "u" }), vec!["user".to_owned()]),
    ] {
        let error = integration.connect(&credentials, &http()).map(|_| ()).unwrap_err();
        assert_eq!((error.kind, error.path), (Kind::Configuration, Some(path)), "{credentials}");
    }
    assert_eq!(integration.reads.len(), DataType::ALL.len());
    assert!(Warehouse::default().source.id.is_empty());
}
