//! How old records are, and how old they may be: `freshAsOf` and `maxStaleness`.

use std::time::Duration;

use crossdock::store::keys::Access;
use crossdock::wms::sandbox::server::{Rule, RunningSandbox};
use serde_json::{Value, json};

use super::support::sandbox::own;
use super::support::server::{Database, Server, on_both};

const ORDERS: &str = "query($id: [ID!], $reference: String!, $age: Int) { orders(filter: { connectionId: { in: $id }, referenceId: { eq: $reference } }, maxStaleness: $age) {
    freshAsOf totalCount nodes { orderNumber } } }";
const RUNS: &str = "query($id: ID!) { connection(id: $id) { syncRuns(first: 250) { totalCount } schedules { dataType freshAsOf } } }";

/// Makes an order at the WMS, behind the server's back.
async fn order(wms: &RunningSandbox, reference: &str) {
    let client = reqwest::Client::new();
    let sku =
        client.get(format!("{}/v1/products?archived=false", wms.url())).bearer_auth("sandbox-demo-token").send().await.expect("the WMS answers");
    let products: Value = sku.json().await.expect("JSON");
    let sku =
        products["data"].as_array().expect("products").iter().find(|product| product["archived"] == json!(false)).expect("a product")["sku"].clone();
    let to = json!({ "name": "Ada", "address1": "1 Dock Road", "city": "Rotterdam", "zip": "3011", "country": "NL" });
    let body = json!({ "reference": reference, "ship_to": to, "lines": [{ "sku": sku, "qty": 1 }] });
    let made = client.post(format!("{}/v1/orders", wms.url())).bearer_auth("sandbox-demo-token").json(&body).send().await.expect("the WMS answers");
    assert!(made.status().is_success(), "{}", made.text().await.unwrap_or_default());
}

fn stage(wms: &RunningSandbox, rules: Value) {
    wms.set_faults(serde_json::from_value::<Vec<Rule>>(rules).expect("rules that the sandbox takes"));
}

/// How many runs a connection has had, and how fresh one of its types is.
async fn runs(server: &Server, connection: &str) -> (i64, Value) {
    let data = server.data(RUNS, json!({ "id": connection })).await;
    let schedules = data["connection"]["schedules"].as_array().expect("schedules");
    let orders = schedules.iter().find(|schedule| schedule["dataType"] == "ORDERS").expect("a schedule of orders");
    (data["connection"]["syncRuns"]["totalCount"].as_i64().expect("a count"), orders["freshAsOf"].clone())
}

/// The answer to a document that fails: its only error.
async fn refusal(server: &Server, document: &str, variables: Value) -> Value {
    let answer = server.send(document, variables).await;
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer:#}");
    answer["errors"][0].clone()
}

on_both! {
    async fn a_list_says_how_old_it_is(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let (_wms, second) = own(&server, 50, "sandbox-demo-token", None).await;
        let ages = [runs(&server, &demo).await.1, runs(&server, &second).await.1];
        let document = "query($first: ID!, $second: ID!) {
            all: orders { freshAsOf }
            first: orders(filter: { connectionId: { eq: $first } }) { freshAsOf }
            second: orders(filter: { connectionId: { neq: $first } }) { ...Age totalCount }
            either: orders(filter: { or: [{ connectionId: { eq: $first } }, { and: [{ connectionId: { eq: $second } }, { status: { eq: OPEN } }] }] }) { freshAsOf }
            none: orders(filter: { and: [{ connectionId: { eq: $first } }, { connectionId: { eq: $second } }] }) { freshAsOf totalCount }
        } fragment Age on OrderConnection { old: freshAsOf }";
        let data = server.data(document, json!({ "first": demo, "second": second })).await;
        let oldest = ages.iter().min_by_key(|age| age.as_str()).expect("two").clone();
        assert!(oldest.is_string(), "{ages:?}");
        assert_eq!(data["all"]["freshAsOf"], oldest);
        assert_eq!(data["either"]["freshAsOf"], oldest);
        assert_eq!(data["first"]["freshAsOf"], ages[0]);
        assert_eq!(data["second"]["old"], ages[1]);
        assert_eq!(data["none"], json!({ "freshAsOf": null, "totalCount": 0 }));
        let nested = server.data("{ returns(first: 100, filter: { orderId: { isNull: false } }) { freshAsOf nodes { order { returns { freshAsOf } warehouse { locations { freshAsOf } } } } } }", json!({})).await;
        let nested = nested["returns"]["nodes"].as_array().expect("returns").iter().find(|back| back["order"]["warehouse"].is_object()).expect("an order that was synced").clone();
        assert!(nested["order"]["returns"]["freshAsOf"].is_string() && nested["order"]["warehouse"]["locations"]["freshAsOf"].is_string(), "{nested:#}");
    }

    async fn what_is_too_old_is_synced_before_it_is_read(server: Server) {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        let before = runs(&server, &id).await.0;
        order(&wms, "fresh-1").await;
        let ask = |age: Value| json!({ "id": [id], "reference": "fresh-1", "age": age });
        // Young enough: answered with what is there, as without the argument.
        for age in [json!(3600), Value::Null] {
            assert_eq!(server.data(ORDERS, ask(age)).await["orders"]["totalCount"], 0);
        }
        assert_eq!(runs(&server, &id).await.0, before, "nothing was read");
        server.advance(Duration::from_secs(600));
        // Many at once, as a list, as a single record and without a plan: one run for all of them.
        let key = server.make_key(Access::Read).await;
        let lists = (0..20).map(|_| server.send_as(&key, ORDERS, ask(json!(300))));
        let answers = futures_util::future::join_all(lists).await;
        for (status, answer) in &answers {
            assert_eq!((*status, &answer["data"]["orders"]["totalCount"]), (200, &json!(1)), "{answer:#}");
        }
        let (after, fresh) = runs(&server, &id).await;
        assert_eq!(after, before + 1, "one run for twenty callers");
        assert_eq!(answers[0].1["data"]["orders"]["freshAsOf"], fresh);
        // The two spellings of one field make it an ordinary list rather than a planned one.
        order(&wms, "fresh-2").await;
        let twice = "query($id: ID!) { orders(filter: { connectionId: { eq: $id }, referenceId: { eq: \"fresh-2\" } }, maxStaleness: 0) { totalCount }
            orders(filter: { connectionId: { eq: $id }, referenceId: { eq: \"fresh-2\" } }, maxStaleness: 0) { freshAsOf nodes { id referenceId } } }";
        let data = server.data(twice, json!({ "id": id })).await;
        assert_eq!((&data["orders"]["totalCount"], data["orders"]["freshAsOf"].is_string()), (&json!(1), true), "{data:#}");
        assert_eq!(runs(&server, &id).await.0, before + 2);
        let single = "query($id: ID!, $age: Int) { order(id: $id, maxStaleness: $age) { referenceId } }";
        let order = data["orders"]["nodes"][0]["id"].clone();
        assert_eq!(server.data(single, json!({ "id": order, "age": 0 })).await["order"]["referenceId"], "fresh-2");
        assert_eq!(runs(&server, &id).await.0, before + 3);
        // Only what the filter leaves is read.
        let demo = server.demo().await;
        server.synced(&demo).await;
        let (others, _) = runs(&server, &demo).await;
        server.data(ORDERS, json!({ "id": [id], "reference": "x", "age": 0 })).await;
        assert_eq!(runs(&server, &demo).await.0, others);
        server.data("{ orders(maxStaleness: 0) { totalCount } }", json!({})).await;
        assert_eq!((runs(&server, &demo).await.0, runs(&server, &id).await.0), (others + 1, before + 5));
        for age in [-1, 31_622_401] {
            let said = server.error(ORDERS, ask(json!(age))).await;
            assert_eq!(said, format!("INVALID_INPUT [maxStaleness]: maxStaleness: {age} is not between 0 and 31622400"));
        }
    }

    async fn what_cannot_be_made_fresh_is_an_error_that_says_why(server: Server) with ["--query-timeout=3"] {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        let fresh = runs(&server, &id).await.1;
        let ask = json!({ "id": [id], "reference": "none", "age": 0 });
        // The WMS refuses.
        stage(&wms, json!([{ "fault": "status", "status": 403, "message": "Scope orders:read is missing", "path": "/v1/orders*" }]));
        let error = refusal(&server, ORDERS, ask.clone()).await;
        assert_eq!(error["message"], "The ORDERS of a connection are older than maxStaleness allows: its sync failed: Scope orders:read is missing");
        assert_eq!(error["extensions"], json!({ "code": "NOT_FRESH", "connectionId": id, "dataType": "ORDERS", "freshAsOf": fresh }));
        assert_eq!(error["path"], json!(["orders"]));
        // It takes its time: an error of its own, before the query's time is up.
        stage(&wms, json!([{ "fault": "delay", "milliseconds": 30_000, "path": "/v1/orders*" }]));
        let error = refusal(&server, ORDERS, ask.clone()).await;
        assert_eq!((&error["extensions"]["code"], &error["extensions"]["freshAsOf"]), (&json!("NOT_FRESH"), &fresh), "{error:#}");
        assert!(error["message"].as_str().is_some_and(|message| message.ends_with("its sync has not ended within 2.4 s; it goes on, and who asks again joins it")), "{error:#}");
        // As it is, it can be had all the same.
        assert_eq!(server.data(ORDERS, json!({ "id": [id], "reference": "none" })).await["orders"]["freshAsOf"], fresh);
        // Nothing is synced while it is paused: said at once.
        server.data("mutation($id: ID!) { updateConnection(input: { connectionId: $id, paused: true }) { errors { message } } }", json!({ "id": id })).await;
        let error = refusal(&server, ORDERS, ask.clone()).await;
        assert!(error["message"].as_str().is_some_and(|message| message.ends_with("the connection is PAUSED, so it is not synced")), "{error:#}");
        // What is young enough needs no sync.
        let data = server.data(ORDERS, json!({ "id": [id], "reference": "none", "age": 86_400 })).await;
        assert_eq!(data["orders"]["freshAsOf"], fresh);
    }
}
