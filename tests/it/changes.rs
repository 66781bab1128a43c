//! The change log, as it is read: page by page, followed from a cursor, and live. All three say the same.

use crossdock::clock::Clock;
use crossdock::record::{ConnectionId, DataType, Id, Json};
use crossdock::store::changes::{Cause, Entry, Kind, change_append};
use crossdock::store::connections::{issue_clear, issue_raise};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::support::sandbox::own;
use super::support::server::{Database, Server, on_both};

const PAGE: &str = "query($after: Cursor, $first: Int, $filter: ChangeFilter) { changes(after: $after, first: $first, filter: $filter) {
    nextCursor pageInfo { hasNextPage endCursor } edges { cursor node { cursor recordId } } } }";
const LIVE: &str = "subscription($after: Cursor, $filter: ChangeFilter) { changes(after: $after, filter: $filter) { cursor recordId } }";
const ISSUES: &str = "subscription($after: Cursor, $ids: [ID!]) { connectionIssues(after: $after, connectionIds: $ids) {
    cursor kind at connection { id } issue { code message dataType blocking } } }";

/// A change of a record: kind, type, connection, source id, and whose it is and was.
type Told = (Kind, DataType, i64, &'static str, [Option<&'static str>; 2]);

const TOLD: &[Told] = &[
    (Kind::Created, DataType::Orders, 1, "a", [Some("x"), None]),
    (Kind::Updated, DataType::Orders, 1, "a", [Some("y"), Some("x")]),
    (Kind::Created, DataType::Orders, 2, "a", [Some("x"), None]),
    (Kind::Deleted, DataType::Products, 1, "a", [None, None]),
    (Kind::SyncCompleted, DataType::Products, 1, "", [None, None]),
    (Kind::Restored, DataType::Products, 1, "a", [Some("y"), None]),
    (Kind::Updated, DataType::WarehouseCustomers, 1, "x", [Some("x"), None]),
    (Kind::Updated, DataType::Inventory, 2, "b", [Some("z"), Some("x")]),
    (Kind::Deleted, DataType::Orders, 1, "a", [Some("y"), None]),
    (Kind::Created, DataType::Warehouses, 2, "c", [None, None]),
];

fn id(data_type: DataType, connection: i64, source_id: &str) -> String {
    Id::Record(data_type, ConnectionId(connection), source_id.to_owned()).to_string()
}

fn connection(number: i64) -> String {
    Id::Connection(ConnectionId(number)).to_string()
}

/// Filters, and what each lets through.
fn filters() -> Vec<(Value, fn(&Told) -> bool)> {
    let customer = |connection, source_id| id(DataType::WarehouseCustomers, connection, source_id);
    vec![
        (json!(null), |_| true),
        (json!({}), |_| true),
        (json!({ "kinds": ["DELETED", "RESTORED"] }), |told| matches!(told.0, Kind::Deleted | Kind::Restored)),
        (json!({ "kinds": [] }), |_| false),
        (json!({ "dataTypes": ["ORDERS"] }), |told| told.1 == DataType::Orders),
        (json!({ "connectionIds": [connection(2)] }), |told| told.2 == 2),
        (json!({ "connectionIds": [connection(2), connection(1)], "kinds": ["UPDATED"] }), |told| told.0 == Kind::Updated),
        (json!({ "recordIds": [id(DataType::Orders, 1, "a")] }), |told| (told.1, told.2, told.3) == (DataType::Orders, 1, "a")),
        (json!({ "recordIds": [id(DataType::Orders, 2, "a"), id(DataType::Products, 1, "a"), id(DataType::Orders, 1, "a")] }), |told| told.3 == "a"),
        (json!({ "warehouseCustomerIds": [customer(1, "x")] }), |told| told.2 == 1 && told.4.contains(&Some("x"))),
        (json!({ "warehouseCustomerIds": [customer(1, "y"), customer(2, "x")] }), |told| told.4.contains(&Some(if told.2 == 1 { "y" } else { "x" }))),
        (json!({ "warehouseCustomerIds": [customer(1, "x")], "dataTypes": ["ORDERS"], "kinds": ["UPDATED"] }), |told| {
            (told.0, told.1, told.2) == (Kind::Updated, DataType::Orders, 1)
        }),
    ]
}

async fn tell(server: &Server, told: &[Told]) {
    let entries = told.iter().map(|(kind, data_type, connection, source_id, customers)| Entry {
        kind: *kind,
        connection: ConnectionId(*connection),
        data_type: Some(*data_type),
        source_id: (*kind != Kind::SyncCompleted).then(|| (*source_id).to_owned()),
        previous: (*kind == Kind::Updated).then(|| Json::of(&json!({ "status": "OPEN" }))),
        warehouse_customers: customers.map(|customer| customer.map(str::to_owned)),
        issue: None,
    });
    let mut tx = server.app.store.write().await.expect("the database answers");
    change_append(&mut tx, entries.collect(), Cause::default(), Clock::system().now()).await.expect("it is appended");
    server.app.store.commit(tx).await.expect("it is committed");
}

async fn cursor(server: &Server) -> Value {
    server.data("{ changeCursor }", json!({})).await["changeCursor"].clone()
}

fn texts<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    values.into_iter().map(|value| value.as_str().expect("text").to_owned()).collect()
}

on_both! {
    async fn filters_say_the_same_to_who_asks_who_catches_up_and_who_listens(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let begin = cursor(&server).await;
        let mut live = server.socket().await;
        for (number, (filter, _)) in filters().iter().enumerate() {
            live.subscribe(&number.to_string(), LIVE, json!({ "after": begin, "filter": filter })).await;
        }
        // Twice: what a filter lets through too much of the first shows before the second.
        tell(&server, TOLD).await;
        tell(&server, TOLD).await;
        let mut heard: Vec<Vec<Value>> = vec![Vec::new(); filters().len()];
        let expected = |lets: fn(&Told) -> bool| -> Vec<String> {
            let once: Vec<_> = TOLD.iter().filter(|told| told.0 != Kind::SyncCompleted && lets(told)).map(|told| id(told.1, told.2, told.3)).collect();
            [once.clone(), once].concat()
        };
        while filters().iter().zip(&heard).any(|((_, lets), heard)| heard.len() < expected(*lets).len()) {
            let message = live.receive().await.expect("the socket stays open");
            assert_eq!(message["type"], "next", "{message:#}");
            let number: usize = message["id"].as_str().and_then(|id| id.parse().ok()).expect("a number");
            heard[number].push(message["payload"]["data"]["changes"].clone());
        }
        let mut later = server.socket().await;
        for (number, (filter, lets)) in filters().iter().enumerate() {
            let expected = expected(*lets);
            assert_eq!(texts(heard[number].iter().map(|event| &event["recordId"])), expected, "live: {filter}");
            // By pages of three, to the end.
            let (mut after, mut found) = (begin.clone(), Vec::new());
            loop {
                let page = server.data(PAGE, json!({ "after": after, "first": 3, "filter": filter })).await["changes"].clone();
                let edges = page["edges"].as_array().expect("edges").clone();
                assert!(edges.iter().all(|edge| edge["cursor"] == edge["node"]["cursor"]), "{page:#}");
                found.extend(texts(edges.iter().map(|edge| &edge["node"]["recordId"])));
                after = page["nextCursor"].clone();
                if page["pageInfo"]["hasNextPage"] == false {
                    break;
                }
                assert_eq!(page["pageInfo"]["endCursor"], after);
            }
            assert_eq!(found, expected, "by pages: {filter}");
            assert_eq!(after, cursor(&server).await, "it goes on behind what was not let through");
            later.subscribe(&format!("{number}"), LIVE, json!({ "after": begin, "filter": filter })).await;
            let mut caught = Vec::new();
            while caught.len() < expected.len() {
                caught.push(later.next(&number.to_string()).await["changes"].clone());
            }
            assert_eq!(caught, heard[number], "caught up: {filter}");
        }
        // From the beginning of the log, which holds no created record of a first sync.
        let all = server.data(PAGE, json!({ "first": 250 })).await;
        assert_eq!(all["changes"]["edges"].as_array().map(Vec::len), Some(2 * (TOLD.len() - 1)));
    }

    async fn what_makes_no_sense_is_refused(server: Server) {
        let begin = server.data("{ changeCursor }", json!({})).await["changeCursor"].clone();
        let many: Vec<String> = (0..101).map(connection).collect();
        let refused = [
            (json!({ "filter": { "connectionIds": many } }), "INVALID_INPUT [filter]: filter.connectionIds: at most 100 values are allowed, not 101"),
            (json!({ "filter": { "recordIds": [connection(1)] } }), "is no record's id"),
            (json!({ "filter": { "warehouseCustomerIds": [id(DataType::Orders, 1, "a")] } }), "filter.warehouseCustomerIds.0: "),
            (json!({ "first": 251 }), "INVALID_INPUT [first]"),
            (json!({ "after": "nonsense" }), "INVALID_INPUT [after]"),
            (json!({ "after": "Y2hhbmdlczo5OTk5OTk5OTk" }), "lies beyond the end"),
        ];
        for (variables, words) in refused {
            let error = server.error(PAGE, variables.clone()).await;
            assert!(error.contains(words), "{error}");
            if variables.get("first").is_none() {
                let mut socket = server.socket().await;
                socket.subscribe("bad", LIVE, variables).await;
                let message = socket.receive().await.expect("an answer");
                assert!(message.to_string().contains("INVALID_INPUT"), "{message:#}");
                assert_eq!(socket.receive().await.expect("the end")["type"], "complete");
            }
        }
        assert!(begin.is_string());
    }

    async fn what_a_write_and_a_sync_did_is_told_with_what_was_before(server: Server) {
        let (wms, id) = own(&server, 50, "sandbox-demo-token", None).await;
        let begin = cursor(&server).await;
        let first = "query($id: ID!) { products(first: 2, filter: { connectionId: { eq: $id }, warehouseCustomerId: { isNull: false } }) { nodes { id sourceId name warehouseCustomer { id } } } }";
        let products = server.data(first, json!({ "id": id })).await["products"]["nodes"].clone();
        let rename = "mutation($product: ID!) { updateProduct(input: { id: $product, product: { name: \"Renamed\" } }) { write { id } errors { message } } }";
        let renamed = server.data(rename, json!({ "product": products[0]["id"] })).await;
        assert_eq!(renamed["updateProduct"]["errors"], json!([]), "{renamed:#}");
        let document = "subscription($after: Cursor, $filter: ChangeFilter) { changes(after: $after, filter: $filter) {
            cursor kind dataType recordId at previousAttributes connection { id } run { id trigger } write { id }
            record { __typename deletedAt ... on Product { name } } } }";
        let of = |product: &Value| json!({ "warehouseCustomerIds": [product["warehouseCustomer"]["id"]], "recordIds": [product["id"]] });
        let mut socket = server.socket().await;
        socket.subscribe("renamed", document, json!({ "after": begin, "filter": of(&products[0]) })).await;
        let event = socket.next("renamed").await["changes"].clone();
        assert_eq!((&event["kind"], &event["dataType"], &event["recordId"]), (&json!("UPDATED"), &json!("PRODUCTS"), &products[0]["id"]));
        assert_eq!(event["previousAttributes"]["name"], products[0]["name"], "{event:#}");
        assert_eq!((&event["write"], &event["run"]), (&renamed["updateProduct"]["write"], &Value::Null));
        assert_eq!((&event["connection"]["id"], &event["record"]["name"]), (&json!(id), &json!("Renamed")));
        // Found gone by a sync: whose it was is known all the same.
        let gone = reqwest::Client::new().delete(format!("{}/v1/products/{}", wms.url(), products[1]["sourceId"].as_str().expect("an id")));
        assert!(gone.bearer_auth(wms.api_token().expose_secret()).send().await.expect("the WMS answers").status().is_success());
        socket.subscribe("gone", document, json!({ "after": begin, "filter": of(&products[1]) })).await;
        let full = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [PRODUCTS], mode: FULL }) { runs { id } errors { message } } }";
        let run = server.data(full, json!({ "id": id })).await["triggerSync"]["runs"][0]["id"].clone();
        let event = socket.next("gone").await["changes"].clone();
        assert_eq!((&event["kind"], &event["recordId"], &event["run"]["id"]), (&json!("DELETED"), &products[1]["id"], &run), "{event:#}");
        assert!(event["record"]["deletedAt"].is_string() && event["previousAttributes"].is_null(), "{event:#}");
    }

    async fn issues_are_told_when_they_come_change_and_go(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let at = demo.parse().ok().and_then(|id: Id| id.as_connection()).expect("a connection");
        let begin = cursor(&server).await;
        let mut socket = server.subscribed(ISSUES, json!({ "ids": [demo] })).await;
        let now = Clock::system().now();
        for (code, data_type, message) in [
            ("ODD", None, "It is odd"),
            ("ODD", None, "It is odd"),
            ("LATE", Some(DataType::Orders), "It is late"),
            ("ODD", None, "It is odder"),
        ] {
            let mut tx = server.app.store.write().await.expect("the database answers");
            let told = issue_raise(&mut tx, at, code, data_type, message, false, now).await.expect("it is raised");
            change_append(&mut tx, told.into_iter().collect(), Cause::default(), now).await.expect("it is told");
            server.app.store.commit(tx).await.expect("it is committed");
        }
        let mut tx = server.app.store.write().await.expect("the database answers");
        let told = issue_clear(&mut tx, at, Some(DataType::Orders), &["OTHER"]).await.expect("it is cleared");
        change_append(&mut tx, told, Cause::default(), now).await.expect("it is told");
        server.app.store.commit(tx).await.expect("it is committed");
        let mut events = Vec::new();
        for (kind, code, message, data_type) in [
            ("RAISED", "ODD", "It is odd", Value::Null),
            ("RAISED", "LATE", "It is late", json!("ORDERS")),
            ("CHANGED", "ODD", "It is odder", Value::Null),
            ("CLEARED", "LATE", "It is late", json!("ORDERS")),
        ] {
            let event = socket.next("done").await["connectionIssues"].clone();
            let issue = json!({ "code": code, "message": message, "dataType": data_type, "blocking": false });
            assert_eq!((&event["kind"], &event["issue"], &event["connection"]["id"]), (&json!(kind), &issue, &json!(demo)));
            events.push(event);
        }
        let mut resumed = server.socket().await;
        resumed.subscribe("again", ISSUES, json!({ "after": events[1]["cursor"] })).await;
        for event in &events[2..] {
            assert_eq!(resumed.next("again").await["connectionIssues"], *event);
        }
        let page = server.data(PAGE, json!({ "after": begin })).await;
        assert_eq!(page["changes"]["edges"], json!([]), "an issue is no change of a record");
    }

    async fn how_a_run_comes_along_is_told_to_its_end(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let document = "subscription($run: ID!) { syncProgress(runId: $run) { id status finishedAt progress { read } } }";
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [ORDERS], mode: FULL }) { runs { id } errors { message } } }";
        let run = server.data(trigger, json!({ "id": demo })).await["triggerSync"]["runs"][0]["id"].clone();
        let mut socket = server.socket().await;
        for id in ["a", "b"] {
            socket.subscribe(id, document, json!({ "run": run })).await;
        }
        let (mut seen, mut ended) = (Vec::new(), 0);
        while ended < 2 {
            let message = socket.receive().await.expect("the socket stays open");
            match message["type"].as_str() {
                Some("complete") => ended += 1,
                _ => seen.push(message["payload"]["data"]["syncProgress"].clone()),
            }
        }
        let last = seen.last().expect("something was told");
        assert_eq!((&last["id"], &last["status"]), (&run, &json!("SUCCEEDED")), "{seen:#?}");
        assert!(last["finishedAt"].is_string() && last["progress"]["read"].as_i64() > Some(0), "{seen:#?}");
        // One that has ended is told once.
        socket.subscribe("late", document, json!({ "run": run })).await;
        assert_eq!(socket.next("late").await["syncProgress"], *last);
        assert_eq!(socket.receive().await.expect("the end")["type"], "complete");
        socket.subscribe("none", document, json!({ "run": "U3luY1J1bjo5OTk5OTk" })).await;
        let refused = socket.receive().await.expect("an answer").to_string();
        assert!(refused.contains("there is no such run") && refused.contains("INVALID_INPUT"), "{refused}");
    }
}
