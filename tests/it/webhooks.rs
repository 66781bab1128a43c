//! Webhooks, as those who are told meet them: signed, sent again, in order where that is asked for, and never held up by others.

use std::time::Duration;

use crossdock::record::{ConnectionId, Id, Json, Link, Order, OrderStatus, Source, WarehouseCustomer};
use crossdock::store::apply::{Arrived, Tell, record_apply};
use crossdock::store::changes::{Cause, change_append};
use crossdock::store::keys::Access;
use serde_json::{Value, json};

use super::support::receiver::{Answer, Received, Receiver};
use super::support::sandbox::own;
use super::support::server::{Database, Server, on_both};

const CREATE: &str = "mutation($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) {
    webhookEndpoint { id url enabled ordering maxConcurrency } secret errors { code path message } } }";
const UPDATE: &str = "mutation($input: UpdateWebhookEndpointInput!) { updateWebhookEndpoint(input: $input) {
    webhookEndpoint { enabled disabledReason issues { code } } errors { code path } } }";
const ENDPOINT: &str = "query($id: ID!) { webhookEndpoint(id: $id) {
    enabled disabledReason disabledAt lastSuccessAt failingSince pausedUntil replaying oldSecretExpiresAt issues { code }
    deliveryCounts { pending delivered dead }
    deliveries(first: 250) { nodes { id eventId eventType status attempts nextAttemptAt lastStatus lastError lastLatencyMs recordId finishedAt } } } }";
const REPLAY: &str =
    "mutation($input: ReplayWebhooksInput!) { replayWebhooks(input: $input) { webhookEndpoint { id } errors { code path message } } }";
const RETRY: &str = "mutation($id: ID!) { retryWebhookDelivery(input: { deliveryId: $id }) { delivery { status attempts } errors { code path } } }";

/// An endpoint that is told of orders only: its id and secret.
async fn endpoint(server: &Server, url: &str, more: Value) -> (String, String) {
    let mut input = json!({ "url": url, "dataTypes": ["ORDERS"], "eventTypes": ["RECORD_CREATED", "RECORD_UPDATED"] });
    input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let made = server.data(CREATE, json!({ "input": input })).await["createWebhookEndpoint"].clone();
    assert_eq!(made["errors"], json!([]), "{made:#}");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&made["webhookEndpoint"]["id"]), text(&made["secret"]))
}

/// An order that no WMS knows is stored at the demo's connection, as a sync would.
async fn lay(server: &Server, name: &str, status: OrderStatus) {
    lay_of(server, name, status, None).await;
}

/// The same, for a warehouse customer.
async fn lay_of(server: &Server, name: &str, status: OrderStatus, customer: Option<&str>) {
    let id: Id = server.demo().await.parse().expect("an id");
    let connection = id.as_connection().unwrap_or(ConnectionId(0));
    let raw = Some(Json::of(&json!({ "theirs": "not to be told" })));
    let warehouse_customer = customer.map(Link::to);
    let order = Order { source: Source { id: name.to_owned(), raw, ..Source::default() }, status, warehouse_customer, ..Order::default() };
    let now = crossdock::clock::Clock::system().now();
    let mut tx = server.app.store.write().await.expect("the database answers");
    let applied = record_apply(&mut tx, connection, &[Arrived::from(&order)], now, Tell::Each).await.expect("it is stored");
    change_append(&mut tx, applied.changes, Cause::default(), now).await.expect("it is told");
    server.app.store.commit(tx).await.expect("it is committed");
}

/// The names of those of a test's own orders that have come, in their order.
fn names(got: &[Received]) -> Vec<&str> {
    got.iter().map(Received::source_id).filter(|name| name.starts_with("own-")).collect()
}

fn count(got: &[Received], name: &str) -> usize {
    names(got).iter().filter(|own| **own == name).count()
}

async fn state(server: &Server, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    server.until(ENDPOINT, json!({ "id": id }), |data| is_so(&data["webhookEndpoint"])).await["webhookEndpoint"].clone()
}

async fn changed(server: &Server, input: Value) -> Value {
    server.data(UPDATE, json!({ "input": input })).await["updateWebhookEndpoint"].clone()
}

on_both! {
    async fn a_signed_event_tells_what_has_changed(server: Server) with ["--allow-private-webhooks"] {
        server.synced(&server.demo().await).await;
        let receiver = Receiver::start().await;
        let (id, secret) = endpoint(&server, &receiver.url, json!({ "connectionIds": [server.demo().await] })).await;
        lay(&server, "own-1", OrderStatus::Open).await;
        lay(&server, "own-1", OrderStatus::Picked).await;
        let got = receiver.until(|got| count(got, "own-1") == 2).await;
        let own: Vec<_> = got.iter().filter(|got| got.source_id() == "own-1").collect();
        for received in &own {
            assert!(received.is_signed_with(&secret) && received.id.starts_with("evt_"), "{received:#?}");
            assert!(!received.raw.contains("not to be told"), "{received:#?}");
        }
        assert_ne!(own[0].id, own[1].id);
        let told = |kind: &str| own.iter().find(|received| received.body["type"] == kind).unwrap_or_else(|| panic!("{kind}: {own:#?}"));
        let (created, updated) = (&told("record.created").body["data"], &told("record.updated").body["data"]);
        assert_eq!((&created["previousAttributes"], &created["dataType"]), (&json!(null), &json!("ORDERS")));
        assert_eq!((&updated["previousAttributes"], &updated["record"]["status"]), (&json!({ "status": "OPEN" }), &json!("PICKED")));
        let order = server.data("query($id: ID!) { node(id: $id) { id ... on Order { sourceId status } } }", json!({ "id": updated["recordId"] })).await;
        assert_eq!((&order["node"]["sourceId"], &order["node"]["status"]), (&json!("own-1"), &json!("PICKED")));
        let listed = state(&server, &id, |state| state["deliveryCounts"]["delivered"] == 2).await;
        let newest = &listed["deliveries"]["nodes"][0];
        assert_eq!((&newest["eventId"], &newest["attempts"], &newest["lastStatus"]), (&json!(told("record.updated").id), &json!(1), &json!(204)), "{listed:#}");
        assert!(listed["lastSuccessAt"].is_string() && listed["issues"] == json!([]), "{listed:#}");
        // The test is sent whatever the endpoint asks for.
        let test = "mutation($id: ID!) { sendTestWebhook(input: { endpointId: $id }) { delivery { eventId eventType } errors { code } } }";
        let sent = server.data(test, json!({ "id": id })).await["sendTestWebhook"]["delivery"].clone();
        let got = receiver.until(|got| got.iter().any(|received| received.body["type"] == "webhook.test")).await;
        assert!(got.iter().any(|received| sent["eventId"] == json!(received.id) && received.is_signed_with(&secret)), "{sent:#}");
        // After some days nobody looks at what was delivered any more.
        server.advance(Duration::from_secs(4 * 86_400));
        server.until("query($id: ID!) { node(id: $id) { id } }", json!({ "id": newest["id"] }), |data| data["node"].is_null()).await;
    }

    /// As `changes` is filtered, so is an endpoint.
    async fn an_endpoint_is_told_of_the_records_and_customers_that_it_names(server: Server) with ["--allow-private-webhooks"] {
        server.synced(&server.demo().await).await;
        let at = server.demo().await.parse::<Id>().ok().and_then(|id| id.as_connection()).expect("a connection's id");
        let receiver = Receiver::start().await;
        let named = Id::record::<Order>(at, "own-1").to_string();
        let (id, _) = endpoint(&server, &receiver.url, json!({ "recordIds": [named] })).await;
        lay(&server, "own-2", OrderStatus::Open).await;
        lay(&server, "own-1", OrderStatus::Open).await;
        let told = state(&server, &id, |state| state["deliveryCounts"]["delivered"] == 1).await;
        assert_eq!(told["deliveries"]["nodes"].as_array().map(Vec::len), Some(1), "{told:#}");
        assert_eq!(told["deliveries"]["nodes"][0]["recordId"], json!(named));
        // Who owned it until the change is told too.
        let customer = Id::record::<WarehouseCustomer>(at, "acme").to_string();
        let change = changed(&server, json!({ "endpointId": id, "recordIds": null, "warehouseCustomerIds": [customer] })).await;
        assert_eq!(change["errors"], json!([]), "{change:#}");
        let read = "query($id: ID!) { webhookEndpoint(id: $id) { recordIds warehouseCustomerIds dataTypes } }";
        let read = server.data(read, json!({ "id": id })).await;
        assert_eq!(read["webhookEndpoint"], json!({ "recordIds": null, "warehouseCustomerIds": [customer], "dataTypes": ["ORDERS"] }));
        lay_of(&server, "own-1", OrderStatus::Picked, Some("other")).await;
        lay_of(&server, "own-3", OrderStatus::Open, Some("acme")).await;
        lay_of(&server, "own-3", OrderStatus::Open, Some("other")).await;
        let told = state(&server, &id, |state| state["deliveryCounts"]["delivered"] == 3).await;
        let third = json!(Id::record::<Order>(at, "own-3").to_string());
        assert!(told["deliveries"]["nodes"].as_array().expect("nodes")[..2].iter().all(|told| told["recordId"] == third), "{told:#}");
        let stranger = Id::record::<Order>(ConnectionId(at.0 + 77), "own-1").to_string();
        for (field, value, code, path) in [
            ("recordIds", json!(["nonsense"]), "INVALID_INPUT", json!(["recordIds", "0"])),
            ("recordIds", json!([named, stranger]), "NOT_FOUND", json!(["recordIds", "1"])),
            ("recordIds", json!([]), "INVALID_INPUT", json!(["recordIds"])),
            ("warehouseCustomerIds", json!([named]), "INVALID_INPUT", json!(["warehouseCustomerIds", "0"])),
            ("connectionIds", json!(["nonsense"]), "INVALID_INPUT", json!(["connectionIds", "0"])),
        ] {
            let refused = changed(&server, json!({ "endpointId": id, field: value })).await;
            assert_eq!((&refused["errors"][0]["code"], &refused["errors"][0]["path"]), (&json!(code), &path), "{refused:#}");
        }
    }

    async fn an_answer_that_does_not_come_is_a_failure(server: Server) with ["--allow-private-webhooks", "--webhook-deadline=1"] {
        let receiver = Receiver::start().await;
        let (id, _) = endpoint(&server, &receiver.url, json!({})).await;
        receiver.answers(|_| Answer::Never);
        lay(&server, "own-1", OrderStatus::Open).await;
        let failed = state(&server, &id, |state| state["deliveries"]["nodes"][0]["attempts"].as_i64() >= Some(1)).await;
        let waiting = &failed["deliveries"]["nodes"][0];
        assert_eq!((&waiting["status"], &waiting["lastStatus"], &waiting["lastError"]), (&json!("PENDING"), &json!(null), &json!("No answer within 1 s")));
    }

    async fn what_fails_is_sent_again_until_it_is_a_dead_letter(server: Server) with ["--allow-private-webhooks", "--webhook-retries=100,100", "--webhook-deadline=60"] {
        let receiver = Receiver::start().await;
        let (id, _) = endpoint(&server, &receiver.url, json!({})).await;
        receiver.answers(|_| Answer::Status(404));
        lay(&server, "own-1", OrderStatus::Open).await;
        let first = |state: &Value| state["deliveries"]["nodes"][0].clone();
        let state_of = async |attempts: i64| first(&state(&server, &id, |state| first(state)["attempts"] == attempts).await);
        let waiting = state_of(1).await;
        assert_eq!((&waiting["status"], &waiting["lastError"]), (&json!("PENDING"), &json!("404 Not Found: so it is")));
        receiver.answers(|_| Answer::With(307, "location", "http://127.0.0.1:1/".to_owned()));
        server.advance(Duration::from_secs(120));
        let waiting = state_of(2).await;
        assert_eq!((&waiting["lastStatus"], &waiting["lastError"]), (&json!(307), &json!("307 Temporary Redirect: redirects are not followed")));
        receiver.answers(|_| Answer::Status(500));
        server.advance(Duration::from_secs(120));
        let dead = state_of(3).await;
        assert_eq!((&dead["status"], &dead["nextAttemptAt"], &dead["lastError"]), (&json!("DEAD"), &json!(null), &json!("500 Internal Server Error: so it is")));
        let letters = "{ webhookDeliveries(filter: { statuses: [DEAD] }) { totalCount nodes { id endpoint { id issues { code } } } } }";
        let letters = server.data(letters, json!({})).await["webhookDeliveries"].clone();
        assert_eq!((&letters["totalCount"], &letters["nodes"][0]["endpoint"]), (&json!(1), &json!({ "id": id, "issues": [{ "code": "FAILING" }] })));
        // The receiver is back: what is dead can be sent again, and is the same event.
        receiver.answers(|_| Answer::Status(200));
        let again = server.data(RETRY, json!({ "id": letters["nodes"][0]["id"] })).await["retryWebhookDelivery"].clone();
        assert_eq!(again, json!({ "delivery": { "status": "PENDING", "attempts": 0 }, "errors": [] }));
        // Longer than the endpoint rests, and than anything else waits that failed beside it: the last answer says how it is doing.
        server.advance(Duration::from_secs(300));
        // The endpoint and its counts are read one after the other, so the two may be of different moments for once.
        let is_well = |state: &Value| state["failingSince"].is_null() && state["issues"] == json!([]);
        state(&server, &id, |state| state["deliveryCounts"]["delivered"].as_i64() >= Some(1) && is_well(state)).await;
        let got: Vec<_> = receiver.got().into_iter().filter(|got| got.source_id() == "own-1").collect();
        assert!(got.len() == 4 && got.iter().all(|other| other.id == got[0].id && other.id == dead["eventId"]), "{got:#?}");
        assert!(server.metrics().await.contains("crossdock_webhooks_dead_total 1"));
        let delivered = server.data(RETRY, json!({ "id": letters["nodes"][0]["id"] })).await["retryWebhookDelivery"].clone();
        assert_eq!(delivered["errors"], json!([{ "code": "CONFLICT", "path": ["deliveryId"] }]));
    }

    async fn events_of_a_record_keep_their_order(server: Server) with ["--allow-private-webhooks", "--webhook-retries=100,100"] {
        let receiver = Receiver::start().await;
        endpoint(&server, &receiver.url, json!({ "ordering": "RECORD" })).await;
        receiver.answers(|got| Answer::Status(if got.source_id() == "own-1" { 500 } else { 200 }));
        lay(&server, "own-1", OrderStatus::Open).await;
        receiver.until(|got| count(got, "own-1") == 1).await;
        lay(&server, "own-1", OrderStatus::Picked).await;
        lay(&server, "own-2", OrderStatus::Open).await;
        lay(&server, "own-1", OrderStatus::Fulfilled).await;
        lay(&server, "own-2", OrderStatus::Picked).await;
        // The other record is not held up; of the one that failed nothing more comes before it.
        let got = receiver.until(|got| count(got, "own-2") == 2).await;
        assert_eq!(names(&got), ["own-1", "own-2", "own-2"]);
        receiver.answers(|_| Answer::Status(200));
        server.advance(Duration::from_secs(120));
        let got = receiver.until(|got| count(got, "own-1") == 4).await;
        let cursors: Vec<_> = got.iter().filter(|got| got.source_id() == "own-1").map(|got| (got.body["type"].clone(), got.id.clone())).collect();
        let kinds: Vec<_> = cursors.iter().map(|(kind, _)| kind.as_str().unwrap_or_default()).collect();
        assert_eq!(kinds, ["record.created", "record.created", "record.updated", "record.updated"]);
        assert!(cursors[0].1 == cursors[1].1 && cursors[2].1 != cursors[3].1, "{cursors:?}");
        let previous: Vec<_> = got.iter().filter(|got| got.source_id() == "own-1").map(|got| got.body["data"]["previousAttributes"]["status"].clone()).collect();
        assert_eq!(previous[2..], [json!("OPEN"), json!("PICKED")]);
    }

    async fn while_a_secret_is_rotated_both_are_good(server: Server) with ["--allow-private-webhooks"] {
        let receiver = Receiver::start().await;
        let (id, old) = endpoint(&server, &receiver.url, json!({})).await;
        let rotate = "mutation($id: ID!, $hours: Int!) { rotateWebhookSecret(input: { endpointId: $id, keepOldHours: $hours }) {
            webhookEndpoint { oldSecretExpiresAt } secret errors { code path } } }";
        let rotated = server.data(rotate, json!({ "id": id, "hours": 2 })).await["rotateWebhookSecret"].clone();
        let new = rotated["secret"].as_str().expect("the new secret").to_owned();
        assert!(rotated["webhookEndpoint"]["oldSecretExpiresAt"].is_string() && new != old, "{rotated:#}");
        lay(&server, "own-1", OrderStatus::Open).await;
        let got = receiver.until(|got| count(got, "own-1") == 1).await;
        let both = got.iter().find(|got| got.source_id() == "own-1").expect("it came");
        assert!(both.signatures.len() == 2 && both.is_signed_with(&old) && both.is_signed_with(&new), "{both:#?}");
        server.advance(Duration::from_secs(2 * 3600));
        lay(&server, "own-2", OrderStatus::Open).await;
        let got = receiver.until(|got| count(got, "own-2") == 1).await;
        let one = got.iter().find(|got| got.source_id() == "own-2").expect("it came");
        assert!(one.signatures.len() == 1 && !one.is_signed_with(&old) && one.is_signed_with(&new), "{one:#?}");
        state(&server, &id, |state| state["oldSecretExpiresAt"].is_null()).await;
        let refused = server.data(rotate, json!({ "id": id, "hours": 200 })).await["rotateWebhookSecret"].clone();
        assert_eq!((&refused["secret"], &refused["errors"]), (&json!(null), &json!([{ "code": "INVALID_INPUT", "path": ["keepOldHours"] }])));
    }

    async fn an_endpoint_that_is_gone_or_fails_for_days_is_switched_off(server: Server) with ["--allow-private-webhooks", "--webhook-disable-days=2"] {
        let receiver = Receiver::start().await;
        let (id, _) = endpoint(&server, &receiver.url, json!({})).await;
        receiver.answers(|_| Answer::Status(410));
        lay(&server, "own-1", OrderStatus::Open).await;
        let gone = state(&server, &id, |state| state["enabled"] == false).await;
        assert_eq!((&gone["disabledReason"], &gone["issues"], &gone["deliveryCounts"]["dead"]), (&json!("GONE"), &json!([{ "code": "DISABLED_GONE" }]), &json!(1)));
        // What happens meanwhile is not kept for it.
        lay(&server, "own-2", OrderStatus::Open).await;
        let test = "mutation($id: ID!) { sendTestWebhook(input: { endpointId: $id }) { errors { code path } } }";
        assert_eq!(server.data(test, json!({ "id": id })).await["sendTestWebhook"]["errors"], json!([{ "code": "DISABLED", "path": ["endpointId"] }]));
        receiver.answers(|_| Answer::Status(503));
        let on = changed(&server, json!({ "endpointId": id, "enabled": true })).await;
        assert_eq!(on["webhookEndpoint"], json!({ "enabled": true, "disabledReason": null, "issues": [] }));
        lay(&server, "own-3", OrderStatus::Open).await;
        let failing = state(&server, &id, |state| state["issues"] == json!([{ "code": "FAILING" }])).await;
        assert!(failing["enabled"] == true && failing["failingSince"].is_string(), "{failing:#}");
        server.advance(Duration::from_secs(2 * 86_400));
        let off = state(&server, &id, |state| state["enabled"] == false).await;
        assert_eq!((&off["disabledReason"], &off["issues"]), (&json!("FAILING"), &json!([{ "code": "DISABLED_FAILING" }])));
        assert!(off["deliveryCounts"]["pending"].as_i64() >= Some(1), "{off:#}");
        // Switched on, it is sent what was waiting; what it has missed can be replayed.
        receiver.answers(|_| Answer::Status(200));
        changed(&server, json!({ "endpointId": id, "enabled": true })).await;
        server.advance(Duration::from_secs(86_400));
        receiver.until(|got| got.iter().filter(|got| got.source_id() == "own-3").count() >= 3).await;
        assert!(!names(&receiver.got()).contains(&"own-2"));
    }

    async fn what_has_happened_is_sent_once_more(server: Server) with ["--allow-private-webhooks"] {
        let receiver = Receiver::start().await;
        let (id, _) = endpoint(&server, &receiver.url, json!({})).await;
        let cursor = server.data("{ changeCursor }", json!({})).await["changeCursor"].clone();
        for name in ["own-1", "own-2", "own-3"] {
            lay(&server, name, OrderStatus::Open).await;
        }
        let first = receiver.until(|got| names(got).len() == 3).await;
        let ids = |got: &[Received]| {
            let mut ids: Vec<_> = got.iter().filter(|got| got.source_id().starts_with("own-")).map(|got| got.id.clone()).collect();
            ids.sort();
            ids
        };
        for (input, times) in [(json!({ "endpointId": id, "after": cursor }), 2), (json!({ "endpointId": id, "from": "2020-01-01T00:00:00Z" }), 3)] {
            state(&server, &id, |state| state["deliveryCounts"]["pending"] == 0 && state["replaying"] == false).await;
            let asked = server.data(REPLAY, json!({ "input": input })).await["replayWebhooks"].clone();
            assert_eq!(asked["errors"], json!([]), "{asked:#}");
            let got = receiver.until(|got| names(got).len() == 3 * times).await;
            let mut every = ids(&got);
            every.dedup();
            assert_eq!(every, ids(&first), "they are the same events");
        }
        state(&server, &id, |state| state["replaying"] == false).await;
        for (input, path) in [
            (json!({ "endpointId": id, "after": "nonsense" }), json!(["after"])),
            (json!({ "endpointId": id }), json!(null)),
            (json!({ "endpointId": id, "after": "Y2hhbmdlczo5OTk5OTk5" }), json!(["after"])),
        ] {
            let refused = server.data(REPLAY, json!({ "input": input })).await["replayWebhooks"].clone();
            assert_eq!((&refused["errors"][0]["code"], &refused["errors"][0]["path"]), (&json!("INVALID_INPUT"), &path), "{refused:#}");
        }
    }

    async fn an_endpoint_that_does_not_answer_holds_up_no_other(server: Server) with ["--allow-private-webhooks", "--webhook-deadline=300"] {
        let (stuck, busy, well) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
        stuck.answers(|_| Answer::Never);
        busy.answers(|_| Answer::With(429, "retry-after", "3600".to_owned()));
        let (stuck_id, _) = endpoint(&server, &stuck.url, json!({ "maxConcurrency": 2 })).await;
        let (busy_id, _) = endpoint(&server, &busy.url, json!({ "maxConcurrency": 1 })).await;
        endpoint(&server, &well.url, json!({})).await;
        for number in 0..100 {
            lay(&server, &format!("own-{number}"), OrderStatus::Open).await;
        }
        well.until(|got| names(got).len() == 100).await;
        assert!(stuck.got().len() <= 2, "no more are sent at the same time than it allows: {}", stuck.got().len());
        // Who asks to be left alone is left alone, with all that waits for it.
        let left = state(&server, &busy_id, |state| state["pausedUntil"].is_string()).await;
        assert!(left["deliveryCounts"]["delivered"] == 0 && busy.got().len() == 1, "{} {left:#}", busy.got().len());
        state(&server, &stuck_id, |state| state["deliveryCounts"]["pending"] == 100).await;
    }

    async fn issues_of_a_connection_are_told(server: Server) with ["--allow-private-webhooks"] {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        let address = wms.addr();
        wms.shutdown().await.expect("the WMS stops");
        let _wms = own(&server, 50, "another-token", Some((address, &id))).await;
        let receiver = Receiver::start().await;
        let only = json!({ "connectionIds": [id], "dataTypes": null, "eventTypes": ["ISSUE_RAISED"] });
        let (_, secret) = endpoint(&server, &receiver.url, only).await;
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [PRODUCTS] }) { errors { message } } }";
        server.data(trigger, json!({ "id": id })).await;
        let got = receiver.until(|got| !got.is_empty()).await;
        let (told, issue) = (&got[0].body, &got[0].body["data"]["issue"]);
        assert_eq!((&told["type"], &told["data"]["connectionId"]), (&json!("issue.raised"), &json!(id)), "{told:#}");
        assert!(got[0].is_signed_with(&secret) && issue["code"].is_string() && issue["message"].is_string(), "{told:#}");
        let state = server.data("query($id: ID!) { connection(id: $id) { issues { code } } }", json!({ "id": id })).await;
        assert_eq!(state["connection"]["issues"][0]["code"], issue["code"], "{told:#}");
    }

    async fn private_addresses_are_refused_and_only_administrators_see_any(server: Server) {
        for url in ["http://127.0.0.1:1/", "http://localhost/", "https://[::ffff:10.0.0.1]/", "http://169.254.169.254/latest", "ftp://example.com/", "https://a:b@example.com/", "nonsense"] {
            let refused = server.data(CREATE, json!({ "input": { "url": url } })).await["createWebhookEndpoint"].clone();
            assert_eq!((&refused["webhookEndpoint"], &refused["secret"]), (&json!(null), &json!(null)), "{refused:#}");
            assert_eq!((&refused["errors"][0]["code"], &refused["errors"][0]["path"]), (&json!("INVALID_INPUT"), &json!(["url"])), "{refused:#}");
        }
        let (id, _) = endpoint(&server, "https://hooks.example.com/x", json!({})).await;
        for (input, path) in [
            (json!({ "endpointId": id, "maxConcurrency": 0 }), json!(["maxConcurrency"])),
            (json!({ "endpointId": id, "eventTypes": [] }), json!(["eventTypes"])),
            (json!({ "endpointId": id, "connectionIds": ["nonsense"] }), json!(["connectionIds", "0"])),
            (json!({ "endpointId": id, "url": "http://10.0.0.1/" }), json!(["url"])),
        ] {
            let refused = changed(&server, input).await;
            assert_eq!((&refused["errors"][0]["code"], &refused["errors"][0]["path"]), (&json!("INVALID_INPUT"), &path), "{refused:#}");
        }
        let key = server.make_key(Access::Write).await;
        for document in ["{ webhookEndpoints { totalCount } }", "{ webhookDeliveries { totalCount } }", "mutation { deleteWebhookEndpoint(input: { endpointId: \"x\" }) { errors { code } } }"] {
            let (_, answer) = server.send_as(&key, document, json!({})).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer:#}");
        }
        let node = "query($id: ID!) { node(id: $id) { id ... on WebhookEndpoint { url } } }";
        assert_eq!(server.send_as(&key, node, json!({ "id": id })).await.1["data"], json!({ "node": null }));
        assert_eq!(server.data(node, json!({ "id": id })).await["node"], json!({ "id": id, "url": "https://hooks.example.com/x" }));
        let delete = "mutation($id: ID!) { deleteWebhookEndpoint(input: { endpointId: $id }) { deletedWebhookEndpointId errors { code path } } }";
        assert_eq!(server.data(delete, json!({ "id": id })).await["deleteWebhookEndpoint"], json!({ "deletedWebhookEndpointId": id, "errors": [] }));
        let again = server.data(delete, json!({ "id": id })).await["deleteWebhookEndpoint"].clone();
        assert_eq!(again["errors"], json!([{ "code": "NOT_FOUND", "path": ["endpointId"] }]));
    }

    async fn what_waits_outlives_the_server(server: Server) with ["--allow-private-webhooks", "--webhook-retries=5,5,5,5,5,5,5,5"] {
        let receiver = Receiver::start().await;
        receiver.answers(|_| Answer::Status(500));
        let (_, secret) = endpoint(&server, &receiver.url, json!({})).await;
        lay(&server, "own-1", OrderStatus::Open).await;
        receiver.until(|got| count(got, "own-1") == 1).await;
        lay(&server, "own-2", OrderStatus::Open).await;
        let server = server.restart().await;
        receiver.answers(|_| Answer::Status(200));
        server.advance(Duration::from_secs(120));
        let got = receiver.until(|got| count(got, "own-1") >= 2 && count(got, "own-2") >= 1).await;
        assert!(got.iter().all(|got| got.is_signed_with(&secret)));
    }
}
