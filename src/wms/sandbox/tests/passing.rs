//! Any call of the sandbox's own API.

use serde_json::json;

use super::*;
use crate::record::Json;
use crate::record::draft::{HttpMethod, Passed, Passthrough, QueryParameter};
use crate::wms::Kind;

fn call(method: HttpMethod, path: &str, body: Option<Value>) -> Passthrough {
    Passthrough { method, path: path.to_owned(), query: Vec::new(), body: body.map(|body| Json::of(&body)) }
}

async fn pass(wms: &Arc<dyn Wms>, call: Passthrough) -> Passed {
    wms.pass(&call).await.unwrap()
}

#[tokio::test]
async fn a_call_goes_through_with_whatever_is_answered() {
    let (sandbox, wms) = sandbox().await;
    let query = vec![QueryParameter { name: "limit".to_owned(), value: "2".to_owned() }];
    let passed = pass(&wms, Passthrough { query, ..call(HttpMethod::Get, "/v1/orders", None) }).await;
    let body = passed.body.as_ref().unwrap().to_value();
    assert_eq!((passed.status, body["data"].as_array().map(Vec::len), &body["total"]), (200, Some(2), &json!(600)));
    assert!(passed.request_id.as_deref().is_some_and(|id| id.starts_with("req_")), "{passed:?}");

    let passed = pass(&wms, call(HttpMethod::Patch, "/v1/products/prd_00002", Some(json!({ "title": "Passed" })))).await;
    assert_eq!((passed.status, passed.body.unwrap().to_value()["title"].clone()), (200, json!("Passed")));
    assert_eq!(get(&sandbox, "/v1/products/prd_00002").await["title"], "Passed");
    // What is refused is an answer too.
    let passed = pass(&wms, call(HttpMethod::Post, "/v1/orders", Some(json!({})))).await;
    assert_eq!((passed.status, passed.body.unwrap().to_value()["error"]["code"].clone()), (422, json!("validation_failed")));
    let passed = pass(&wms, call(HttpMethod::Delete, "/v1/products/prd_00003", None)).await;
    assert_eq!((passed.status, passed.body), (204, None));
    assert_eq!(pass(&wms, call(HttpMethod::Put, "/v1/nowhere", None)).await.status, 404);

    sandbox.set_faults(super::faults::rules(json!([{ "fault": "garbage" }])));
    let passed = pass(&wms, call(HttpMethod::Get, "/v1/orders", None)).await;
    assert!(passed.status == 200 && passed.body.unwrap().to_value().as_str().unwrap().starts_with("<!doctype html>"), "text is text");
    sandbox.set_faults(super::faults::rules(json!([{ "fault": "acceptThenDrop" }])));
    let error = wms.pass(&call(HttpMethod::Delete, "/v1/products/prd_00004", None)).await.unwrap_err();
    assert!(error.outcome_unknown, "{error:?}");
}

#[tokio::test]
async fn a_call_does_not_leave_the_sandbox() {
    let (sandbox, wms) = sandbox().await;
    sandbox.set_faults(super::faults::rules(json!([{ "fault": "reset", "path": "*" }])));
    for path in ["http://evil.example/", "//evil.example/", "/v1/../_faults", "/v1/%2e%2e/_faults", "/v1?x=1", "v1"] {
        let error = wms.pass(&call(HttpMethod::Get, path, None)).await.unwrap_err();
        assert_eq!((error.kind, error.path, error.outcome_unknown), (Kind::Validation, Some(vec!["path".to_owned()]), false), "{path}");
    }
    assert_eq!(super::faults::struck(&sandbox), [(0, 0)], "nothing was sent");
}
