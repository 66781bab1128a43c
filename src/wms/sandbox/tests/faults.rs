//! Faults on the real wire: what a client gets, and what the adapter makes of it.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::writing::{draft, line};
use super::*;
use crate::record::{Order, Product};
use crate::wms::sandbox::server::Rule;
use crate::wms::{AnyCommand, Kind, Retry};

pub(super) fn rules(rules: Value) -> Vec<Rule> {
    serde_json::from_value(rules).unwrap()
}

/// A sandbox where these rules hold.
async fn spoiled(faults: Value) -> (RunningSandbox, Arc<dyn Wms>) {
    let sandbox = start(SandboxConfig { faults: rules(faults), ..config(&Hands::at_epoch()) }).await.unwrap();
    let wms = connect(&sandbox);
    (sandbox, wms)
}

/// What comes over the wire for a GET, until the server hangs up: the bytes, and how it ended.
async fn wire(sandbox: &RunningSandbox, path: &str) -> (String, std::io::Result<()>) {
    let mut socket = TcpStream::connect(sandbox.addr()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {DEMO_TOKEN}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = socket.read_to_end(&mut bytes).await.map(drop);
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

pub(super) fn struck(sandbox: &RunningSandbox) -> Vec<(u64, u64)> {
    sandbox.faults().iter().map(|report| (report.matched, report.struck)).collect()
}

async fn error_of(wms: &Arc<dyn Wms>) -> Error {
    wms.pull(DataType::Warehouses, &Scope::default(), None).await.map(drop).unwrap_err()
}

#[tokio::test]
async fn rules_are_read_set_and_removed_while_it_runs() {
    let (sandbox, wms) = sandbox().await;
    assert_eq!(get(&sandbox, "/_faults").await, json!([]));
    let rule = json!({ "fault": "status", "status": 503, "path": "/v1/warehouses", "times": 2 });
    let reply = ask(&sandbox, "PUT", "/_faults", Some(json!([rule]))).await;
    assert_eq!(reply.status, 200);
    for _ in 0..2 {
        assert_eq!(error_of(&wms).await.http_status, Some(503));
    }
    assert!(wms.pull(DataType::Warehouses, &Scope::default(), None).await.is_ok(), "it strikes twice");
    wms.check().await.unwrap();
    let mut shown = rule.clone();
    shown["matched"] = json!(3);
    shown["struck"] = json!(2);
    assert_eq!(get(&sandbox, "/_faults").await, json!([shown]));

    assert_eq!(ask(&sandbox, "DELETE", "/_faults", None).await.status, 204);
    assert_eq!(get(&sandbox, "/_faults").await, json!([]));
    assert_eq!(ask(&sandbox, "POST", "/_faults", None).await.status, 405);
}

#[tokio::test]
async fn the_control_is_never_struck_and_never_limited_but_needs_the_token() {
    let rate_limit = Some(super::super::server::RateLimit { per_second: 0.001, burst: 1 });
    let faults = rules(json!([{ "fault": "reset", "path": "*" }]));
    let sandbox = start(SandboxConfig { rate_limit, faults, ..config(&Hands::at_epoch()) }).await.unwrap();
    for _ in 0..3 {
        assert_eq!(get(&sandbox, "/_faults").await[0]["struck"], 0);
    }
    ask(&sandbox, "DELETE", "/_faults", None).await;
    assert_eq!(ask(&sandbox, "GET", "/v1/account", None).await.status, 200, "the one request that the limit allows is left");
    assert_eq!(ask(&sandbox, "GET", "/v1/account", None).await.status, 429);

    let site = http().at(&sandbox.url(), "baseUrl").unwrap();
    for call in [site.get("/_faults"), site.put("/_faults").json(&json!([])), site.delete("/_faults")] {
        assert_eq!(call.bearer("Bearer", &SecretString::from("wrong")).send().await.unwrap().status, 401);
    }
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused_by_field_and_change_nothing() {
    let (sandbox, _wms) = spoiled(json!([{ "fault": "garbage" }])).await;
    for (body, status, field) in [
        (json!([{ "fault": "reset" }, { "fault": "status", "status": 200 }]), 422, "[1].status"),
        (json!([{ "fault": "reset", "percent": 101 }]), 422, "[0].percent"),
        (json!([{ "fault": "delay" }]), 422, "[0].milliseconds"),
        (json!([{ "fault": "reset", "often": true }]), 422, "[0].often"),
        (json!([{ "fault": "flood" }]), 422, "[0].fault"),
        (json!([{}]), 422, "[0].fault"),
        (json!([{ "fault": "reset", "skip": -1 }]), 422, "[0].skip"),
    ] {
        let reply = ask(&sandbox, "PUT", "/_faults", Some(body.clone())).await;
        let told: Value = reply.json().unwrap();
        assert_eq!((reply.status, told["error"]["code"].as_str()), (status, Some("validation_failed")), "{body} {told}");
        assert_eq!(told["error"]["fields"][0]["field"], field, "{body} {told}");
    }
    assert_eq!(sandbox.faults().len(), 1);
}

#[tokio::test]
async fn refusals_are_staged_in_the_sandboxs_own_words() {
    let (sandbox, wms) = spoiled(json!([
        { "fault": "status", "status": 500, "times": 1 },
        { "fault": "status", "status": 403, "message": "Closed for stocktaking", "times": 1 },
        { "fault": "status", "status": 503, "retryAfterSeconds": 7, "times": 1 },
        { "fault": "rateLimit", "retryAfterSeconds": 30, "times": 2 },
        { "fault": "expireToken", "times": 1 },
    ]))
    .await;
    let error = error_of(&wms).await;
    assert_eq!((error.kind, error.retry, error.outcome_unknown), (Kind::Unavailable, Retry::BackOff, false));
    assert_eq!(error.message, "The sandbox was told to answer with 500 Internal Server Error");
    let error = error_of(&wms).await;
    assert_eq!((error.kind, error.message.as_str()), (Kind::Forbidden, "Closed for stocktaking"));
    let error = error_of(&wms).await;
    assert!(matches!((error.kind, error.retry), (Kind::Unavailable, Retry::After(_))), "{error:?}");
    let error = error_of(&wms).await;
    assert!(matches!((error.kind, error.retry), (Kind::RateLimited, Retry::After(_))), "{error:?}");
    let reply = ask(&sandbox, "GET", "/v1/account", None).await;
    let header = |name: &str| reply.header(name).map(str::to_owned).unwrap_or_default();
    assert_eq!([header("retry-after"), header("x-ratelimit-remaining"), header("x-ratelimit-reset")], ["30", "0", "30"]);
    assert_eq!(header("x-ratelimit-limit"), "1");
    let error = error_of(&wms).await;
    assert_eq!((error.kind, error.code.as_deref()), (Kind::Unauthenticated, Some("invalid_token")));
    wms.check().await.unwrap();
    assert_eq!(struck(&sandbox), [(7, 1), (6, 1), (5, 1), (4, 2), (2, 1)], "what an earlier rule struck, a later one does not see");
}

#[tokio::test]
async fn a_cut_off_answer_declares_what_it_does_not_send() {
    let (sandbox, wms) = spoiled(json!([{ "fault": "cutOff", "afterBytes": 40 }])).await;
    let whole = {
        sandbox.set_faults(Vec::new());
        let whole = ask(&sandbox, "GET", "/v1/warehouses", None).await.body.len();
        sandbox.set_faults(rules(json!([{ "fault": "cutOff", "afterBytes": 40 }])));
        whole
    };
    let (text, _) = wire(&sandbox, "/v1/warehouses").await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains(&format!("content-length: {whole}")), "{head}");
    assert_eq!(body.len(), 40);
    let error = error_of(&wms).await;
    assert_eq!((error.kind, error.outcome_unknown), (Kind::Protocol, true));
    assert!(error.message.starts_with("The answer was cut off"), "{error}");

    sandbox.set_faults(rules(json!([{ "fault": "cutOff", "afterBytes": 0, "times": 1 }, { "fault": "cutOff", "afterBytes": 1_000_000 }])));
    let (text, _) = wire(&sandbox, "/v1/warehouses").await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n"), "{text}");
    let (text, _) = wire(&sandbox, "/v1/nowhere").await;
    assert!(text.starts_with("HTTP/1.1 404") && text.contains(r#"{"error""#) && !text.ends_with('}'), "a refusal is cut off too: {text}");
}

#[tokio::test]
async fn a_connection_is_reset_or_closed_in_the_place_of_an_answer() {
    let (sandbox, wms) = spoiled(json!([{ "fault": "reset", "times": 2 }])).await;
    let (text, end) = wire(&sandbox, "/v1/warehouses").await;
    assert_eq!((text.as_str(), end.unwrap_err().kind()), ("", std::io::ErrorKind::ConnectionReset));
    let error = error_of(&wms).await;
    assert_eq!((error.kind, error.retry, error.outcome_unknown), (Kind::Unavailable, Retry::BackOff, true));
    wms.check().await.unwrap();
}

#[tokio::test]
async fn nonsense_comes_with_a_200() {
    let (sandbox, wms) = spoiled(json!([{ "fault": "garbage", "times": 2 }, { "fault": "brokenJson" }])).await;
    let (text, _) = wire(&sandbox, "/v1/warehouses").await;
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("content-type: text/html") && text.contains("<h1>"), "{text}");
    assert_eq!(error_of(&wms).await.kind, Kind::Protocol);
    let (text, end) = wire(&sandbox, "/v1/warehouses").await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: application/json"), "{head}");
    assert!(head.contains(&format!("content-length: {}", body.len())) && end.is_ok(), "the HTTP is whole: {head}");
    assert!(serde_json::from_str::<Value>(body).is_err());
    let error = error_of(&wms).await;
    assert_eq!((error.kind, error.http_status), (Kind::Protocol, Some(200)));
}

#[tokio::test]
async fn answers_are_slow_or_late() {
    let (sandbox, _wms) = sandbox().await;
    let size = ask(&sandbox, "GET", "/v1/shipping-methods", None).await.body.len() as u64;
    for (rule, least) in [
        (json!([{ "fault": "drip", "bytesPerSecond": size * 3 }]), 300),
        (json!([{ "fault": "delay", "milliseconds": 150 }]), 150),
        (json!([{ "fault": "acceptThenDelay", "milliseconds": 150 }]), 0),
    ] {
        sandbox.set_faults(rules(rule.clone()));
        let began = tokio::time::Instant::now();
        let reply = ask(&sandbox, "GET", "/v1/shipping-methods", None).await;
        assert_eq!(reply.body.len() as u64, size, "{rule}");
        assert!(began.elapsed() >= Duration::from_millis(least), "{rule}");
        assert!(least > 0 || struck(&sandbox) == [(0, 0)], "a GET is no write");
    }
    // A deadline cuts in, and a sandbox that is told to stop does not wait for what it holds back.
    sandbox.set_faults(rules(json!([{ "fault": "drip", "bytesPerSecond": 1 }, { "fault": "delay", "milliseconds": 3_600_000 }])));
    let hurried = Http::new(Limits { deadline: Duration::from_millis(80), ..Limits::default() }, crate::clock::Clock::system()).unwrap();
    let wms = super::super::integration().connect(&sandbox.credentials(), &hurried).unwrap();
    assert_eq!(error_of(&wms).await.kind, Kind::Timeout);
    let held = connect(&sandbox);
    let held = tokio::spawn(async move { error_of(&held).await });
    while struck(&sandbox)[0].1 < 2 {
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(Duration::from_secs(10), sandbox.shutdown()).await.unwrap().unwrap();
    assert_eq!(held.await.unwrap().kind, Kind::Protocol);
}

#[tokio::test]
async fn rows_that_vanish_are_the_same_on_every_page_and_are_not_counted() {
    let (sandbox, wms) = sandbox().await;
    let all = read_all::<Order>(&wms, Scope::default()).await;
    sandbox.set_faults(rules(json!([{ "fault": "vanish", "rowsPercent": 20, "path": "/v1/orders" }])));
    let first = read_all::<Order>(&wms, Scope::default()).await;
    assert!((400..560).contains(&first.records.len()), "{} of 600", first.records.len());
    assert_eq!(first.total, Some(first.records.len() as u64), "the listing looks as if it were whole");
    assert!(first.complete, "nothing in it tells otherwise: hence the guard on deletions");
    let again = read_all::<Order>(&wms, Scope::default()).await;
    assert!(again.records == first.records && again.pages == first.pages);
    let late = Scope { since: Some(EPOCH.minus_seconds(30 * 86_400)), until: None };
    let late = read_all::<Order>(&wms, late).await;
    assert!(late.records.keys().all(|id| first.records.contains_key(id)), "and the same in the order of changes");
    assert_eq!(late.total, Some(late.records.len() as u64));
    sandbox.set_faults(Vec::new());
    assert!(read_all::<Order>(&wms, Scope::default()).await.records == all.records, "the data are as they were");
}

#[tokio::test]
async fn a_listing_that_ends_early_is_not_vouched_for() {
    let (sandbox, wms) = spoiled(json!([{ "fault": "endEarly", "skip": 2 }])).await;
    let read = read_all::<Order>(&wms, Scope::default()).await;
    assert_eq!((read.pages.len(), read.total, read.complete), (3, Some(600), false));
    // Resuming behind the end of a listing whose page was struck does not help it.
    sandbox.set_faults(rules(json!([{ "fault": "vanish", "rowsPercent": 30, "skip": 1, "times": 1 }])));
    let read = read_all::<Order>(&wms, Scope::default()).await;
    assert_eq!((read.total, read.complete), (Some(600), false), "a page that lost rows on its way");
}

#[tokio::test]
async fn rows_come_out_of_order_and_twice() {
    let (sandbox, wms) = sandbox().await;
    let ids = |page: &Value| page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let straight = get(&sandbox, "/v1/products?limit=40").await;
    sandbox.set_faults(rules(json!([{ "fault": "reorder" }])));
    let page = get(&sandbox, "/v1/products?limit=40").await;
    let (mut mixed, again) = (ids(&page), ids(&get(&sandbox, "/v1/products?limit=40").await));
    assert!(mixed != ids(&straight) && mixed == again);
    mixed.sort();
    assert_eq!(mixed, ids(&straight));
    assert_eq!(page["next_cursor"], straight["next_cursor"]);
    assert!(read_all::<Product>(&wms, Scope::default()).await.complete);

    sandbox.set_faults(rules(json!([{ "fault": "duplicate", "rowsPercent": 25 }])));
    let page = get(&sandbox, "/v1/products?limit=40").await;
    let mut twice = ids(&page);
    assert!((43..60).contains(&twice.len()), "{}", twice.len());
    assert_eq!(page["total"], straight["total"]);
    twice.sort();
    twice.dedup();
    assert_eq!(twice, ids(&straight));

    // Rows that are there twice do not make up for those that are not there.
    for (skip, complete) in [(3, true), (2, false)] {
        let early = json!({ "fault": "endEarly", "skip": skip, "times": 1 });
        sandbox.set_faults(rules(json!([early, { "fault": "duplicate", "rowsPercent": 100 }])));
        assert_eq!(is_complete(&wms).await, complete, "150 products are on four pages");
    }
}

/// Whether the adapter vouches for a listing of the products.
async fn is_complete(wms: &Arc<dyn Wms>) -> bool {
    let mut from = None;
    loop {
        match wms.pull(DataType::Products, &Scope::default(), from.as_ref()).await.unwrap().next() {
            Next::More(checkpoint) => from = Some(checkpoint.clone()),
            next => return *next == Next::Done { complete: true },
        }
    }
}

#[tokio::test]
async fn old_checkpoints_resume_and_are_not_vouched_for() {
    let (_sandbox, wms) = sandbox().await;
    let read = read_all::<Order>(&wms, Scope::default()).await;
    let old = Checkpoint::of(&json!({ "cursor": read.checkpoints[4].0["cursor"] }));
    let rest = read_on::<Order>(&wms, Scope::default(), Some(old)).await.unwrap();
    assert_eq!((rest.records.len(), rest.complete), (600 - 5 * 41, false));
}

fn order(sku: &str) -> AnyCommand {
    let mut command = draft(vec![line(sku, 1)]);
    command.order.shipping_method_id = None;
    command.into()
}

#[tokio::test]
async fn a_write_may_be_carried_out_without_an_answer() {
    for rule in [
        json!({ "fault": "acceptThenDrop", "times": 1 }),
        json!({ "fault": "acceptThenDelay", "milliseconds": 60_000, "times": 1 }),
        json!({ "fault": "cutOff", "afterBytes": 5, "method": "POST", "times": 1 }),
        json!({ "fault": "brokenJson", "method": "POST", "times": 1 }),
    ] {
        let (sandbox, _) = spoiled(json!([rule])).await;
        let hurried = Http::new(Limits { deadline: Duration::from_millis(1_500), ..Limits::default() }, crate::clock::Clock::system()).unwrap();
        let wms = super::super::integration().connect(&sandbox.credentials(), &hurried).unwrap();
        wms.check().await.unwrap();
        let orders = |sandbox: &RunningSandbox| sandbox.counts().into_iter().find(|(name, _)| *name == "orders").unwrap().1;
        let sku = get(&sandbox, "/v1/products?limit=1").await["data"][0]["sku"].as_str().unwrap().to_owned();
        let error = wms.push(&order(&sku), "key-1").await.map(drop).unwrap_err();
        assert!(error.outcome_unknown, "{rule}: {error:?}");
        assert_eq!((orders(&sandbox), struck(&sandbox)[0].1), (601, 1), "{rule}: carried out, once");
        assert!(wms.push(&order(&sku), "key-1").await.is_ok(), "{rule}: the key finds it");
        assert_eq!(orders(&sandbox), 601, "{rule}");
    }
    for rule in [json!({ "fault": "reset" }), json!({ "fault": "status", "status": 500 }), json!({ "fault": "garbage" })] {
        let (sandbox, wms) = spoiled(json!([rule])).await;
        assert!(wms.push(&order("NCH-SEN-001"), "key-1").await.is_err());
        assert!(sandbox.counts().contains(&("orders", 600)), "{rule}: not carried out");
    }
}

#[tokio::test]
async fn chance_is_the_same_each_time() {
    let outcome = async |seed: u64| {
        let faults = rules(json!([{ "fault": "status", "status": 500, "percent": 30 }]));
        let sandbox = start(SandboxConfig { seed, faults, ..config(&Hands::at_epoch()) }).await.unwrap();
        let (wms, mut outcome) = (connect(&sandbox), Vec::new());
        for _ in 0..60 {
            outcome.push(wms.check().await.is_err());
        }
        outcome
    };
    let (first, again, other) = (outcome(1).await, outcome(1).await, outcome(2).await);
    assert!(first == again && first != other);
    let struck = first.iter().filter(|struck| **struck).count();
    assert!((8..=30).contains(&struck), "{struck} of 60");
}
