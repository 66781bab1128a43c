//! The engine's edges: rate budgets, windows read in chunks, late schedules, history that grows old, and its numbers.

use std::sync::Arc;
use std::time::Duration;

use crossdock::clock::Clock;
use crossdock::wms::sandbox::server::{RateLimit, SandboxConfig, start};
use serde_json::{Value, json};

use super::support::sandbox::{CREATE, input, own};
use super::support::server::{Database, Server, on_both};

const RUNS: &str = "query($id: ID!) { connection(id: $id) { status rateBudget { limit remaining resetsAt blockedUntil observedAt }
    issues { code dataType blocking }
    schedules { dataType freshAsOf initialSyncCompletedAt }
    syncRuns(first: 250) { nodes { dataType status waitingUntil waitingReason dueAt queuedAt } } } }";
const WINDOW: &str = "mutation($id: ID!, $types: [DataType!], $start: DateTime, $end: DateTime) {
    triggerSync(input: { connectionId: $id, dataTypes: $types, mode: WINDOW, windowStart: $start, windowEnd: $end }) {
        runs { id dataType mode status windowStart windowEnd } errors { code path message } } }";
const RUN: &str = "query($id: ID!) { syncRun(id: $id) { status progress { pages read created updated unchanged } error { message } } }";

/// Days before now, as the API writes moments.
fn days_ago(days: i64) -> String {
    Clock::system().now().minus_seconds(days * 24 * 3600).to_string()
}

on_both! {
    async fn a_small_rate_budget_is_kept_for_those_who_come_first(server: Server) {
        let clock = Clock::system();
        let limit = RateLimit { per_second: 0.2, burst: 12 };
        let wms = start(SandboxConfig { orders: 4000, rate_limit: Some(limit), ..SandboxConfig::new(Arc::new(move || clock.now())) }).await.expect("the WMS starts");
        let made = server.data(CREATE, json!({ "input": input(&wms.url()) })).await;
        let id = made["createConnection"]["connection"]["id"].clone();
        // The first syncs need more calls than there are: they wait, and say why and until when.
        let is_waiting = |run: &Value| run["status"] == "WAITING";
        let data = server.until(RUNS, json!({ "id": id }), |data| data["connection"]["syncRuns"]["nodes"].as_array().is_some_and(|runs| runs.iter().any(is_waiting))).await;
        let run = data["connection"]["syncRuns"]["nodes"].as_array().and_then(|runs| runs.iter().find(|run| is_waiting(run))).expect("it was there");
        assert!(run["waitingUntil"].is_string(), "{run:#}");
        let reason = run["waitingReason"].as_str().unwrap_or_default();
        assert!(reason.contains("Of the 12 calls that the WMS allows") || reason.contains("allows no calls"), "{reason}");
        assert_eq!(data["connection"]["rateBudget"]["limit"], 12, "{data:#}");
        // A rate limit is no failure: no issue is raised, and everything is read in the end. (The same WMS grows more generous.)
        let address = wms.addr();
        wms.shutdown().await.expect("the WMS stops");
        let (_wms, _) = own(&server, 4000, "sandbox-demo-token", Some((address, id.as_str().expect("an id")))).await;
        server.advance(Duration::from_secs(120));
        server.synced(id.as_str().expect("an id")).await;
        let data = server.data(RUNS, json!({ "id": id })).await;
        assert_eq!((&data["connection"]["status"], &data["connection"]["issues"]), (&json!("ACTIVE"), &json!([])), "{data:#}");
        let refused = data["connection"]["syncRuns"]["nodes"].as_array().is_some_and(|runs| runs.iter().any(|run| run["status"] != "SUCCEEDED"));
        assert!(!refused, "{data:#}");
    }

    async fn a_window_is_read_in_chunks_and_moves_no_watermark(server: Server) {
        let (_wms, id) = own(&server, 600, "sandbox-demo-token", None).await;
        let fresh = |data: &Value| data["connection"]["schedules"].as_array().and_then(|all| all.iter().find(|s| s["dataType"] == "ORDERS").cloned()).map(|s| s["freshAsOf"].clone());
        let before = server.data(RUNS, json!({ "id": id })).await;
        let count = "query($id: ID!) { orders(filter: { connectionId: { eq: $id } }) { totalCount } }";
        let known = server.data(count, json!({ "id": id })).await["orders"]["totalCount"].as_i64().expect("a count");
        assert!(known < 600, "the first sync went 30 days back");
        let asked = server.data(WINDOW, json!({ "id": id, "types": ["ORDERS"], "start": days_ago(70), "end": days_ago(0) })).await;
        let run = asked["triggerSync"]["runs"][0].clone();
        assert_eq!(run["mode"], "WINDOW", "{asked:#}");
        let ended = server.until(RUN, json!({ "id": run["id"] }), |data| !["QUEUED", "RUNNING"].contains(&data["syncRun"]["status"].as_str().unwrap_or_default())).await;
        assert_eq!(ended["syncRun"]["status"], "SUCCEEDED", "{ended:#}");
        assert!(ended["syncRun"]["progress"]["pages"].as_i64().is_some_and(|pages| pages >= 10), "seventy days are ten chunks: {ended:#}");
        assert_eq!(server.data(count, json!({ "id": id })).await["orders"]["totalCount"], 600, "all that there is");
        let after = server.data(RUNS, json!({ "id": id })).await;
        assert_eq!(fresh(&before), fresh(&after), "a backfill says nothing of what is new");
    }

    async fn a_window_gives_way_to_what_is_due(server: Server) {
        let (wms, id) = own(&server, 600, "sandbox-demo-token", None).await;
        wms.set_faults(vec![r#"{ "fault": "delay", "milliseconds": 200, "path": "/v1/orders*" }"#.parse().expect("a rule")]);
        let asked = server.data(WINDOW, json!({ "id": id, "types": ["ORDERS"], "start": days_ago(70), "end": days_ago(0) })).await;
        let window = asked["triggerSync"]["runs"][0]["id"].clone();
        let pages = |data: &Value| data["syncRun"]["progress"]["pages"].as_i64().unwrap_or(0);
        server.until(RUN, json!({ "id": window }), |data| pages(data) > 0).await;
        server.advance(Duration::from_secs(2 * 3600));
        let ended = server.until(RUN, json!({ "id": window }), |data| data["syncRun"]["status"] == "SUCCEEDED").await;
        assert!(pages(&ended) >= 10, "{ended:#}");
        let runs = "query($id: ID!) { connection(id: $id) { syncRuns(first: 50, filter: { dataTypes: [ORDERS] }) { nodes { id trigger mode status startedAt finishedAt } } } }";
        let runs = server.data(runs, json!({ "id": id })).await["connection"]["syncRuns"]["nodes"].clone();
        let one = |is: &dyn Fn(&Value) -> bool| runs.as_array().and_then(|all| all.iter().find(|run| is(run))).cloned().unwrap_or_else(|| panic!("{runs:#}"));
        let (backfill, scheduled) = (one(&|run| run["id"] == window), one(&|run| run["trigger"] == "SCHEDULED"));
        let within = |at: &Value| backfill["startedAt"].as_str() < at.as_str() && at.as_str() < backfill["finishedAt"].as_str();
        assert!(scheduled["status"] == "SUCCEEDED" && within(&scheduled["startedAt"]) && within(&scheduled["finishedAt"]), "{runs:#}");
        let count = "query($id: ID!) { orders(filter: { connectionId: { eq: $id } }) { totalCount } }";
        assert_eq!(server.data(count, json!({ "id": id })).await["orders"]["totalCount"], 600);
    }

    async fn who_asks_for_a_run_that_waits_has_it_tried_at_once(server: Server) {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        wms.set_faults(vec![r#"{ "fault": "status", "status": 503, "retryAfterSeconds": 3600, "path": "/v1/products*", "times": 1 }"#.parse().expect("a rule")]);
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [PRODUCTS] }) { runs { id status } errors { message } } }";
        let run = server.data(trigger, json!({ "id": id })).await["triggerSync"]["runs"][0]["id"].clone();
        server.until(RUN, json!({ "id": run }), |data| data["syncRun"]["status"] == "WAITING").await;
        let joined = server.data(trigger, json!({ "id": id })).await["triggerSync"]["runs"][0]["id"].clone();
        assert_eq!(joined, run);
        server.until(RUN, json!({ "id": run }), |data| data["syncRun"]["status"] == "SUCCEEDED").await;
    }

    async fn a_window_of_what_has_no_times_is_refused(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let asked = server.data(WINDOW, json!({ "id": demo, "types": ["ORDERS"], "start": days_ago(1), "end": days_ago(2) })).await;
        assert_eq!(asked["triggerSync"]["errors"], json!([{ "code": "INVALID_INPUT", "path": ["windowEnd"], "message": "The window ends before it begins" }]));
    }

    async fn old_history_is_pruned_and_an_old_cursor_says_so(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let old = server.data("{ changeCursor }", json!({})).await["changeCursor"].clone();
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { runs { id } errors { message } } }";
        let completed = "subscription($after: Cursor) { syncCompleted(after: $after, dataTypes: [WAREHOUSES]) { cursor run { status } } }";
        let mut socket = server.subscribed(completed, json!({})).await;
        server.data(trigger, json!({ "id": demo })).await;
        socket.next("done").await;
        // Everything so far, the demo's first syncs and this one, grows older than the log reaches back, and than runs are kept.
        let runs = "{ syncRuns(first: 250) { nodes { id queuedAt } } }";
        let before = server.data(runs, json!({})).await["syncRuns"]["nodes"].clone();
        server.advance(Duration::from_secs(100 * 24 * 3600));
        socket.next("done").await;
        let young = server.data("{ changeCursor }", json!({})).await["changeCursor"].clone();
        let is_gone = |data: &Value| before.as_array().is_some_and(|before| before.iter().all(|run| !data["syncRuns"]["nodes"].as_array().is_some_and(|now| now.contains(run))));
        server.until(runs, json!({}), is_gone).await;
        let mut late = server.socket().await;
        for attempt in 0.. {
            // Each another document: equal ones are one to the server as long as somebody follows them, and have what it has read.
            let document = completed.replace("subscription", &format!("subscription Attempt{attempt}"));
            late.subscribe("late", &document, json!({ "after": old })).await;
            let answer = late.receive().await.expect("an answer");
            let text = answer.to_string();
            if text.contains("CURSOR_EXPIRED") {
                assert!(text.contains("read the lists again"), "{text}");
                break;
            }
            // Not pruned yet.
            late = server.socket().await;
        }
        let mut resumed = server.socket().await;
        resumed.subscribe("young", completed, json!({ "after": young })).await;
        server.data(trigger, json!({ "id": demo })).await;
        assert_eq!(resumed.next("young").await["syncCompleted"]["run"]["status"], "SUCCEEDED");
    }

    async fn a_schedule_that_is_late_says_so_until_it_has_run(server: Server) {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        let address = wms.addr();
        wms.shutdown().await.expect("the WMS stops");
        let is_late = |data: &Value| data["connection"]["issues"].as_array().is_some_and(|all| all.iter().any(|issue| issue["code"] == "SCHEDULE_LATE" && issue["dataType"] == "ORDERS"));
        server.advance(Duration::from_secs(3600));
        // Its run begins, finds nobody, and waits for longer than a whole period.
        let data = server.until(RUNS, json!({ "id": id }), |data| data["connection"]["syncRuns"]["nodes"].as_array().is_some_and(|runs| runs.iter().any(|run| run["dataType"] == "ORDERS" && run["status"] == "WAITING"))).await;
        assert!(!is_late(&data), "{data:#}");
        server.advance(Duration::from_secs(3600 + 600));
        // Status and issues are read one after the other, so the two may be of different moments for once.
        server.until(RUNS, json!({ "id": id }), |data| is_late(data) && data["connection"]["status"] == "DEGRADED").await;
        let text = server.metrics().await;
        let number = text.lines().find_map(|line| line.strip_prefix("crossdock_schedules_late{data_type=\"ORDERS\"} ")).and_then(|number| number.parse::<i64>().ok());
        assert!(number.is_some_and(|number| number > 0), "{text}");
        let (_wms, _) = own(&server, 50, "sandbox-demo-token", Some((address, &id))).await;
        server.advance(Duration::from_secs(1800));
        let data = server.until(RUNS, json!({ "id": id }), |data| data["connection"]["status"] == "ACTIVE").await;
        assert_eq!(data["connection"]["issues"], json!([]), "{data:#}");
    }

    async fn what_the_server_does_is_counted(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let refused = reqwest::get(server.url("/metrics")).await.expect("an answer");
        assert_eq!(refused.status().as_u16(), 401);
        let _socket = server.socket().await;
        let text = server.metrics().await;
        for line in ["crossdock_sync_runs_total{data_type=\"PRODUCTS\",status=\"SUCCEEDED\"} 1", "crossdock_sync_records_total{data_type=\"PRODUCTS\",outcome=\"created\"} 150"] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
        for name in ["crossdock_graphql_requests_total{outcome=\"ok\"} ", "crossdock_schedule_delay_seconds_count{data_type=\"ORDERS\"} 1", "crossdock_websockets 1"] {
            assert!(text.contains(name), "{name}\n{text}");
        }
    }
}
