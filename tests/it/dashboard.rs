//! The dashboard's own documents, as its script has them, asked of a server that runs.

use serde_json::json;

use super::support::process::http;
use super::support::server::{Database, Server, on_both};

/// What the page asks, by the name of the operation.
async fn document(server: &Server, begin: &str) -> String {
    let script = http().get(server.url("/dashboard/page.js")).send().await.expect("an answer").text().await.expect("a script");
    let found = script.split('`').find(|text| text.starts_with(begin));
    found.unwrap_or_else(|| panic!("the script has no {begin:?}")).to_owned()
}

on_both! {
    async fn the_dashboard_shows_each_schedule_and_syncs_it(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let (viewer, look, sync) =
            (document(&server, "query Viewer").await, document(&server, "query Connections").await, document(&server, "mutation Sync").await);
        assert_eq!(server.data(&viewer, json!({})).await, json!({ "viewer": { "access": "ADMIN" } }));

        let seen = server.data(&look, json!({ "first": 50 })).await;
        let connection = &seen["connections"]["nodes"][0];
        assert_eq!((&connection["id"], &connection["status"], &connection["issues"]), (&json!(demo), &json!("ACTIVE"), &json!([])), "{seen}");
        let schedules = connection["schedules"].as_array().expect("schedules");
        assert_eq!(schedules.len(), 9, "{seen}");
        for schedule in schedules {
            assert_eq!(schedule["lastRun"]["status"], "SUCCEEDED", "{schedule}");
            assert!(schedule["freshAsOf"].is_string() && schedule["nextRunAt"].is_string(), "{schedule}");
        }

        let one = server.data(&sync, json!({ "input": { "connectionId": demo, "dataTypes": ["PRODUCTS"] } })).await;
        assert_eq!((&one["triggerSync"]["runs"][0]["dataType"], &one["triggerSync"]["errors"]), (&json!("PRODUCTS"), &json!([])), "{one}");
        let all = server.data(&sync, json!({ "input": { "connectionId": demo, "dataTypes": null } })).await;
        assert_eq!((all["triggerSync"]["runs"].as_array().map(Vec::len), &all["triggerSync"]["errors"]), (Some(9), &json!([])), "{all}");
        server.synced(&demo).await;
        let again = server.data(&look, json!({ "first": 250 })).await;
        let runs = again["connections"]["nodes"][0]["schedules"].as_array().expect("schedules");
        assert!(runs.iter().all(|schedule| schedule["lastRun"]["progress"]["rejected"] == 0), "{again}");
    }
}
