//! Connecting a WMS: what is refused, by whom and by name, and what a WMS that fails does to its runs.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::sandbox::{CREATE, input, own};
use super::support::server::{Database, Server, on_both};

const TRIGGER: &str = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [PRODUCTS] }) { runs { id } errors { message } } }";

const RUNS: &str = "query($id: ID!) { connection(id: $id) { status issues { code message blocking dataType }
    syncRuns(first: 3, filter: { dataTypes: [PRODUCTS] }) { nodes { id status waitingUntil waitingReason error { code message } } } } }";

/// A server that answers every request with the same bytes.
async fn canned(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer).await;
        }
    });
    format!("http://{address}")
}

async fn refused(server: &Server, input: Value) -> String {
    let data = server.data(CREATE, json!({ "input": input })).await;
    assert!(data["createConnection"]["connection"].is_null(), "{data:#}");
    let error = &data["createConnection"]["errors"][0];
    let path: Vec<_> = error["path"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!(
        "{} {} [{}] {}",
        error["__typename"].as_str().unwrap_or_default(),
        error["code"].as_str().unwrap_or_default(),
        path.join("."),
        error["message"].as_str().unwrap_or_default()
    )
}

on_both! {
    async fn a_second_account_has_its_own_schedules_and_data(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let url = server.app.demo.as_ref().expect("the demo").sandbox.url();
        let mut wanted = input(&url);
        wanted["lookbackDays"] = json!(7);
        wanted["customerReference"] = json!("tenant-1");
        let data = server.data(CREATE, json!({ "input": wanted })).await;
        let made = &data["createConnection"]["connection"];
        assert_eq!((&made["status"], &made["lookbackDays"], &made["customerReference"]), (&json!("ACTIVE"), &json!(7), &json!("tenant-1")), "{data:#}");
        let interval = |data_type: &str| made["schedules"].as_array().expect("schedules").iter().find(|s| s["dataType"] == data_type).map(|s| s["intervalSeconds"].clone());
        for hourly in ["INVENTORY", "INBOUND_SHIPMENTS", "ORDERS", "PRODUCTS", "RETURNS"] {
            assert_eq!(interval(hourly), Some(json!(3600)), "{hourly}");
        }
        for twice_a_day in ["SHIPPING_METHODS", "WAREHOUSES", "WAREHOUSE_CUSTOMERS", "WAREHOUSE_LOCATIONS"] {
            assert_eq!(interval(twice_a_day), Some(json!(43200)), "{twice_a_day}");
        }
        let id = made["id"].as_str().expect("an id");
        server.synced(id).await;
        let count = "query($a: ID!, $b: ID!) { a: orders(filter: { connectionId: { eq: $a } }) { totalCount } b: orders(filter: { connectionId: { eq: $b } }) { totalCount } all: orders { totalCount } }";
        let data = server.data(count, json!({ "a": demo, "b": id })).await;
        let number = |name: &str| data[name]["totalCount"].as_i64().expect("a count");
        assert!(number("b") > 0 && number("b") < number("a"), "seven days hold less than thirty: {data}");
        assert_eq!(number("all"), number("a") + number("b"));
    }

    async fn what_cannot_work_is_refused_by_name(server: Server) {
        let url = server.app.demo.as_ref().expect("the demo").sandbox.url();
        let with = |change: fn(&mut Value)| {
            let mut input = input(&url);
            change(&mut input);
            input
        };
        let down = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            format!("http://{}", listener.local_addr().expect("an address"))
        };
        let html = canned(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\nconnection: close\r\n\r\n<h1>Login</h1>\n").await;
        let cut_off = canned(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"data\": [").await;
        let redirect = canned(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/login\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        let mut said = Vec::new();
        for input in [
            with(|input| input["integration"] = json!("nosuch")),
            with(|input| input["name"] = json!("  ")),
            with(|input| input["lookbackDays"] = json!(5000)),
            with(|input| drop(input["credentials"].as_object_mut().map(|all| all.remove("apiToken")))),
            with(|input| input["credentials"]["baseUrl"] = json!(7)),
            with(|input| input["credentials"]["baseUrl"] = json!("ftp://example.com")),
            with(|input| input["credentials"]["baseUrl"] = json!("http://user:pw@127.0.0.1")),
            with(|input| input["credentials"]["surprise"] = json!(true)),
            with(|input| input["credentials"]["apiToken"] = json!("wrong")),
            input(&down),
            input(&html),
            input(&cut_off),
            input(&redirect),
        ] {
            let text = refused(&server, input).await;
            said.push(text.replace(&down, "http://down").replace('\u{1b}', ""));
        }
        insta::assert_snapshot!("refused_connections", said.join("\n"));
        let data = server.data("{ connections { totalCount } }", json!({})).await;
        assert_eq!(data["connections"]["totalCount"], 1, "nothing is half done");
    }

    async fn a_wms_that_goes_down_is_waited_for(server: Server) {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        let address = wms.addr();
        wms.shutdown().await.expect("the WMS stops");
        server.data(TRIGGER, json!({ "id": id })).await;
        let waiting = server.until(RUNS, json!({ "id": id }), |data| data["connection"]["syncRuns"]["nodes"][0]["status"] == "WAITING").await;
        let run = &waiting["connection"]["syncRuns"]["nodes"][0];
        assert!(run["waitingUntil"].is_string() && run["waitingReason"].as_str().is_some_and(|why| why.contains("cannot be reached")), "{run:#}");
        // After some attempts people are told.
        server.until(RUNS, json!({ "id": id }), |data| {
            server.advance(std::time::Duration::from_secs(900));
            data["connection"]["status"] == "DEGRADED" && data["connection"]["issues"].as_array().is_some_and(|all| all.iter().any(|issue| issue["code"] == "WMS_UNAVAILABLE"))
        }).await;
        // When it is back, the same run goes on, and the issue goes away by itself.
        let (_wms, _) = own(&server, 50, "sandbox-demo-token", Some((address, &id))).await;
        server.until(RUNS, json!({ "id": id }), |data| {
            server.advance(std::time::Duration::from_secs(900));
            data["connection"]["status"] == "ACTIVE" && data["connection"]["issues"] == json!([])
        }).await;
        // By its id: on a slow machine many have come after it.
        let same = server.data("query($id: ID!) { syncRun(id: $id) { status } }", json!({ "id": run["id"] })).await;
        assert_eq!(same["syncRun"]["status"], "SUCCEEDED");
    }

    async fn credentials_that_the_wms_no_longer_takes_stop_the_connection(server: Server) {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        let address = wms.addr();
        wms.shutdown().await.expect("the WMS stops");
        let (_wms, _) = own(&server, 50, "another-token", Some((address, &id))).await;
        server.data(TRIGGER, json!({ "id": id })).await;
        let stopped = server.until(RUNS, json!({ "id": id }), |data| data["connection"]["status"] == "CREDENTIALS_REJECTED").await;
        let run = &stopped["connection"]["syncRuns"]["nodes"][0];
        assert_eq!((&run["status"], &run["error"]["code"], &run["error"]["message"]), (&json!("FAILED"), &json!("WMS_UNAUTHENTICATED"), &json!("The API token is missing or not valid")), "{stopped:#}");
        assert_eq!(stopped["connection"]["issues"][0]["blocking"], true, "{stopped:#}");
    }

    async fn unknown_connections_are_refused(server: Server) {
        // Well-formed ids of a connection that is not there.
        let stranger = crossdock::record::Id::Connection(crossdock::record::ConnectionId(99)).to_string();
        let data = server.data("mutation($id: ID!) { triggerSync(input: { connectionId: $id }) { runs { id } errors { code path } } }", json!({ "id": stranger })).await;
        assert_eq!(data["triggerSync"], json!({ "runs": [], "errors": [{ "code": "NOT_FOUND", "path": ["connectionId"] }] }));
        let data = server.data("query($id: ID!) { connection(id: $id) { name } }", json!({ "id": stranger })).await;
        assert!(data["connection"].is_null());
    }
}
