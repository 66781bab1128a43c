//! *graphql-transport-ws*, rule by rule (enisdenjo/graphql-ws, PROTOCOL.md), and what a websocket may cost.

use std::sync::Arc;
use std::time::Duration;

use crossdock::clock::Clock;
use crossdock::store::keys::{Access, key_put, key_revoke};
use crossdock::wms::sandbox::server::{RunningSandbox, SandboxConfig};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::support::sandbox::{CREATE, input};
use super::support::server::{Database, PATIENCE, Server, on_both};
use super::support::socket::Socket;

/// A subscription that says nothing: no connection has this number.
const SILENT: &str = "subscription { syncCompleted(connectionIds: [\"Q29ubmVjdGVkV21zOjk5OTk\"]) { dataType } }";
const TYPE: &str = "{ __typename }";

/// Where the database plays no role.
async fn server(arguments: &'static [&'static str]) -> Server {
    Server::start(Database::Sqlite, arguments).await.expect("SQLite needs nothing")
}

/// A message that begins an operation.
fn subscribe(id: &str, document: &str) -> Value {
    json!({ "id": id, "type": "subscribe", "payload": { "query": document } })
}

impl Socket {
    /// Takes the result of a query and the end of it.
    async fn answered(&mut self, id: &str) -> Value {
        let result = self.receive().await.expect("a result");
        assert_eq!((&result["type"], &result["id"]), (&json!("next"), &json!(id)), "{result}");
        assert_eq!(self.receive().await, Some(json!({ "type": "complete", "id": id })));
        result["payload"].clone()
    }

    /// Everything that was asked for before has been dealt with.
    async fn settled(&mut self) {
        self.send(json!({ "type": "ping", "payload": { "settled": true } })).await;
        assert_eq!(self.receive().await, Some(json!({ "type": "pong", "payload": { "settled": true } })));
    }
}

/// Waits until the server has so many websockets.
async fn open_are(server: &Server, count: usize) {
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let line = format!("crossdock_websockets {count}\n");
    let so = async {
        while !server.metrics().await.contains(&line) {
            again.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, so).await.expect("so many websockets are open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_closes_the_socket_with_4400() {
    let server = server(&[]).await;
    let text = |text: &str| Message::text(text.to_owned());
    let message = |message: Value| Message::text(message.to_string());
    let payload = |payload: Value| Message::text(json!({ "id": "1", "type": "subscribe", "payload": payload }).to_string());
    for (sent, reason) in [
        (text("{\"type\":"), "The message is not JSON: EOF while parsing a value at line 1 column 8"),
        (text(""), "The message is not JSON: EOF while parsing a value at line 1 column 0"),
        (text("[]"), "The message must be an object, not a list"),
        (text("null"), "The message must be an object, not null"),
        (message(json!({})), "type is missing"),
        (message(json!({ "type": 1 })), "type must be a string, not a number"),
        (message(json!({ "type": "start", "id": "1" })), "type \"start\" is none that a client sends"),
        (message(json!({ "type": "next", "id": "1", "payload": {} })), "type \"next\" is none that a client sends"),
        (message(json!({ "type": "connection_ack" })), "type \"connection_ack\" is none that a client sends"),
        (message(json!({ "type": "ping", "payload": "x" })), "payload must be an object, not a string"),
        (message(json!({ "type": "pong", "payload": [] })), "payload must be an object, not a list"),
        (message(json!({ "type": "complete" })), "id is missing"),
        (message(json!({ "type": "complete", "id": 1 })), "id must be a string, not a number"),
        (message(json!({ "type": "subscribe", "payload": { "query": TYPE } })), "id is missing"),
        (message(json!({ "type": "subscribe", "id": "", "payload": { "query": TYPE } })), "id must not be empty"),
        (message(json!({ "type": "subscribe", "id": null, "payload": { "query": TYPE } })), "id must be a string, not null"),
        (message(json!({ "type": "subscribe", "id": "1" })), "payload is missing: it holds the query"),
        (payload(json!("{ __typename }")), "payload must be an object, not a string"),
        (payload(json!({})), "payload: The parameter query is missing"),
        (payload(json!({ "query": 1 })), "payload: query must be a string, not a number"),
        (payload(json!({ "query": TYPE, "variables": "x" })), "payload: variables must be an object, not a string"),
        (payload(json!({ "query": TYPE, "extensions": [] })), "payload: extensions must be an object, not a list"),
        (payload(json!({ "query": TYPE, "operationName": {} })), "payload: operationName must be a string, not an object"),
        (Message::binary(subscribe("1", TYPE).to_string()), "The message must be text, not binary"),
    ] {
        let mut socket = server.socket().await;
        socket.say(sent.clone()).await;
        assert_eq!(socket.closed().await, (4400, reason.to_owned()), "{sent}");
    }
    let mut early = Socket::connect(&server.socket_url()).await;
    early.send(json!({ "type": "connection_init", "payload": 1 })).await;
    assert_eq!(early.closed().await, (4400, "payload must be an object, not a number".to_owned()));
    // A reason that is cut where it must be, not in the middle of a letter.
    let mut long = server.socket().await;
    long.send(json!({ "type": "ü".repeat(200) })).await;
    let (code, reason) = long.closed().await;
    assert!(code == 4400 && (122..=123).contains(&reason.len()) && reason.starts_with("type \"üüü"), "{code} {reason:?}");
    open_are(&server, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_not_said_who_it_is_runs_nothing() {
    let server = server(&["--socket-init-timeout=1"]).await;
    let connect = async || Socket::connect(&server.socket_url()).await;
    for payload in [
        Value::Null,
        json!({}),
        json!({ "authorization": "Bearer wrong" }),
        json!({ "authorization": server.key }),
        json!({ "authorization": ["Bearer"] }),
        json!({ "authorization": "Bearer " }),
    ] {
        let mut socket = connect().await;
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closed().await, (4403, "Forbidden".to_owned()), "{payload}");
    }
    let mut early = connect().await;
    early.send(subscribe("1", TYPE)).await;
    assert_eq!(early.closed().await, (4401, "Unauthorized".to_owned()));
    // Pings are answered, and are no excuse.
    let mut silent = connect().await;
    silent.settled().await;
    assert_eq!(silent.closed().await, (4408, "Connection initialisation timeout".to_owned()));
    let mut twice = server.socket().await;
    twice.send(json!({ "type": "connection_init" })).await;
    assert_eq!(twice.closed().await, (4429, "Too many initialisation requests".to_owned()));
    open_are(&server, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_protocol_is_chosen_in_the_handshake() {
    let server = server(&[]).await;
    let mut several = Socket::speaking(&server.socket_url(), Some("graphql-ws, graphql-transport-ws")).await;
    several.init(&server.key).await;
    let mut none = Socket::speaking(&server.socket_url(), None).await;
    assert_eq!(none.closed().await, (4406, "Subprotocol not acceptable".to_owned()));
    // No protocol is chosen that was not offered, so that a client that insists on its own closes by itself.
    let handshake = async |upgrade: &'static str, version: &'static str| {
        let request = reqwest::Client::new().get(server.url("/graphql")).header("connection", "upgrade").header("upgrade", upgrade);
        let request = request.header("sec-websocket-version", version).header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        request.header("sec-websocket-protocol", "graphql-ws").send().await.expect("an answer")
    };
    let other = handshake("websocket", "13").await;
    assert_eq!((other.status().as_u16(), other.headers().get("sec-websocket-protocol")), (101, None));
    for (upgrade, version) in [("websocket", "12"), ("h2c", "13")] {
        let refused = handshake(upgrade, version).await;
        let (status, body) = (refused.status().as_u16(), refused.json::<Value>().await.expect("JSON"));
        assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (400, &json!("BAD_REQUEST")), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_are_echoed_and_pongs_are_welcome() {
    let server = server(&[]).await;
    for mut socket in [Socket::connect(&server.socket_url()).await, server.socket().await] {
        for (ping, pong) in [
            (json!({ "type": "ping" }), json!({ "type": "pong" })),
            (json!({ "type": "ping", "payload": null }), json!({ "type": "pong" })),
            (json!({ "type": "ping", "payload": {} }), json!({ "type": "pong", "payload": {} })),
            (json!({ "type": "ping", "payload": { "a": [1, { "b": null }] } }), json!({ "type": "pong", "payload": { "a": [1, { "b": null }] } })),
        ] {
            socket.send(ping).await;
            socket.send(json!({ "type": "pong" })).await;
            socket.send(json!({ "type": "pong", "payload": { "unsolicited": true } })).await;
            assert_eq!(socket.receive().await, Some(pong));
        }
    }
}

on_both! {
    async fn operations_of_every_kind_run_side_by_side(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let mut socket = server.subscribed("subscription($after: Cursor) { syncCompleted(after: $after) { dataType } }", json!({})).await;
        // A query, by name and with variables.
        let named = "query A { __typename } query B($name: String!) { __type(name: $name) { name } }";
        socket.send(json!({ "id": "q", "type": "subscribe", "payload": { "query": named, "operationName": "B", "variables": { "name": "Order" }, "extensions": {} } })).await;
        assert_eq!(socket.answered("q").await, json!({ "data": { "__type": { "name": "Order" } } }));
        // A field that fails is a result like any other.
        socket.send(subscribe("q", "{ viewer { name } orders(first: 1000) { totalCount } }")).await;
        let failed = socket.answered("q").await;
        assert_eq!((&failed["data"], &failed["errors"][0]["extensions"]["code"]), (&Value::Null, &json!("INVALID_INPUT")), "{failed}");
        // A mutation; what it does is told to the subscription that runs beside it.
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { errors { message } } }";
        socket.subscribe("m", trigger, json!({ "id": demo })).await;
        let mut told = Vec::new();
        while told.len() < 3 {
            let message = socket.receive().await.expect("a message");
            told.push(format!("{} {}", message["id"].as_str().unwrap_or_default(), message["type"].as_str().unwrap_or_default()));
            let payload = message.get("payload").map(|payload| payload["data"].clone());
            if message["id"] == "done" {
                assert_eq!(payload, Some(json!({ "syncCompleted": { "dataType": "WAREHOUSES" } })));
            }
        }
        told.sort();
        assert_eq!(told, ["done next", "m complete", "m next"]);
        // A reader may not.
        let key = server.make_key(Access::Read).await;
        let mut reader = Socket::open(&server.socket_url(), &key).await;
        reader.subscribe("m", trigger, json!({ "id": demo })).await;
        let refused = reader.receive().await.expect("an error");
        assert_eq!((&refused["type"], &refused["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("FORBIDDEN")), "{refused}");
    }

    async fn operations_that_are_given_up_leave_nothing_behind(server: Server) {
        let mut socket = server.socket().await;
        for round in 0..200 {
            let id = round.to_string();
            socket.send(subscribe(&id, "{ orders(first: 50) { nodes { id lineItems { product { name } } } } changeCursor }")).await;
            socket.send(subscribe(&format!("s{id}"), SILENT)).await;
            for id in [id.clone(), format!("s{id}")] {
                socket.send(json!({ "id": id, "type": "complete" })).await;
            }
        }
        socket.send(subscribe("last", TYPE)).await;
        while socket.receive().await.expect("a message") != json!({ "type": "complete", "id": "last" }) {}
        // Every connection to the database is there, and works.
        let all = (0..40).map(|_| server.data("{ orders(first: 1) { totalCount } }", json!({})));
        assert_eq!(futures_util::future::join_all(all).await.len(), 40);
        drop(socket);
        open_are(&server, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_makes_no_sense_is_an_error_and_nothing_after_it() {
    let server = server(&[]).await;
    let mut socket = server.socket().await;
    for (document, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothingOfThisName }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothingOfThisName }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
    ] {
        // The same id again and again: an error ends its operation.
        socket.send(subscribe("1", document)).await;
        let error = socket.receive().await.expect("an error");
        assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("1")), "{error}");
        let errors = error["payload"].as_array().expect("a list of errors");
        assert!(!errors.is_empty() && errors.iter().all(|error| error["message"].is_string()), "{error}");
        assert_eq!(errors[0]["extensions"]["code"], code, "{error}");
    }
    socket.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_is_one_operation_at_a_time() {
    let server = server(&[]).await;
    let mut socket = server.socket().await;
    // Completed by the client: free, without an echo, and nothing more is heard of it.
    for _ in 0..3 {
        socket.send(subscribe("1", SILENT)).await;
        socket.send(json!({ "id": "1", "type": "complete" })).await;
    }
    socket.settled().await;
    // Completed by the server: free as well; and completing what is over, or never was, is no mistake.
    for _ in 0..3 {
        socket.send(subscribe("1", TYPE)).await;
        assert_eq!(socket.answered("1").await, json!({ "data": { "__typename": "Query" } }));
        socket.send(json!({ "id": "1", "type": "complete" })).await;
        socket.send(json!({ "id": "never", "type": "complete" })).await;
    }
    socket.send(subscribe("1", SILENT)).await;
    socket.send(subscribe("2", SILENT)).await;
    socket.settled().await;
    socket.send(subscribe("1", TYPE)).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for 1 already exists".to_owned()));
    open_are(&server, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_asks_for_is_bounded() {
    // No pings: a socket that the test does not look at for a while answers none.
    let server = server(&["--socket-operations=2", "--sockets=2", "--body-limit=2000"]).await;
    let mut socket = server.socket().await;
    socket.send(subscribe("1", SILENT)).await;
    socket.send(subscribe("2", SILENT)).await;
    socket.send(subscribe("3", TYPE)).await;
    let error = socket.receive().await.expect("an error");
    assert_eq!(
        (&error["id"], &error["type"], &error["payload"][0]["extensions"]["code"]),
        (&json!("3"), &json!("error"), &json!("TOO_MANY_OPERATIONS"))
    );
    socket.send(json!({ "id": "2", "type": "complete" })).await;
    socket.send(subscribe("3", TYPE)).await;
    assert_eq!(socket.answered("3").await, json!({ "data": { "__typename": "Query" } }));
    // Two sockets are enough.
    let mut second = server.socket().await;
    let request = reqwest::Client::new().get(server.url("/graphql")).header("connection", "upgrade").header("upgrade", "websocket");
    let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let third = request.header("sec-websocket-protocol", "graphql-transport-ws").send().await.expect("an answer");
    let (status, body) = (third.status().as_u16(), third.json::<Value>().await.expect("JSON"));
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (503, &json!("TOO_MANY_SOCKETS")), "{body}");
    second.send(json!({ "type": "ping", "payload": { "much": "x".repeat(2000) } })).await;
    assert_eq!(second.closed().await, (1009, "The message is too large".to_owned()));
    open_are(&server, 1).await;
    // In many frames it is as large.
    let mut second = server.socket().await;
    for (number, kind) in [Data::Text, Data::Continue, Data::Continue].into_iter().enumerate() {
        second.say(Message::Frame(Frame::message("x".repeat(900), OpCode::Data(kind), number == 2))).await;
    }
    assert_eq!(second.closed().await, (1009, "The message is too large".to_owned()));
    socket.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_nothing_runs_on_is_closed() {
    let server = server(&["--socket-idle=1", "--socket-ping=1"]).await;
    let mut socket = server.socket().await;
    // One that waits for events is not, however long.
    socket.send(subscribe("1", SILENT)).await;
    let quiet = tokio::time::timeout(Duration::from_millis(2_500), socket.receive()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    socket.send(json!({ "id": "1", "type": "complete" })).await;
    assert_eq!(socket.closed().await, (1000, "No operation for 1 s".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_websocket_sends_closes_it() {
    let server = server(&[]).await;
    let frame = |bytes: &'static [u8], code| Message::Frame(Frame::message(bytes, code, true));
    for (sent, closed) in [
        (frame(b"{\"type\":\"\xff\"}", OpCode::Data(Data::Text)), (1007, "The message is not UTF-8")),
        (frame(b"x", OpCode::Data(Data::Continue)), (1002, "Protocol error")),
        (frame(b"x", OpCode::Data(Data::Reserved(3))), (1002, "Protocol error")),
    ] {
        let mut socket = server.socket().await;
        socket.say(sent).await;
        assert_eq!(socket.closed().await, (closed.0, closed.1.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_answers_no_ping_is_dead() {
    let server = server(&["--socket-ping=1"]).await;
    let (mut alive, mut dead) = (server.socket().await, server.socket().await);
    for socket in [&mut alive, &mut dead] {
        socket.send(subscribe("1", SILENT)).await;
        socket.settled().await;
    }
    // A client answers pings while it is read from.
    tokio::select! {
        message = alive.receive() => panic!("nothing was to come: {message:?}"),
        () = open_are(&server, 1) => {}
    }
    alive.settled().await;
    assert_eq!(dead.closed().await.0, 1006);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_is_hung_up_on() {
    let server = server(&["--send-timeout=1", "--socket-ping=3600", "--socket-operations=1000"]).await;
    let mut socket = server.socket().await;
    let all = "{ __schema { types { name description fields { name description args { name description } type { name description } } } } }";
    // More than the buffers of two kernels.
    for number in 0..200 {
        socket.send(subscribe(&number.to_string(), all)).await;
    }
    open_are(&server, 0).await;
    assert_eq!(socket.closed().await.0, 1006);
}

on_both! {
    async fn a_key_that_is_revoked_or_changed_ends_its_sockets(server: Server) with ["--socket-ping=1"] {
        let key = server.make_key(Access::Read).await;
        let mut other = server.socket().await;
        for change in ["another access", "revoked"] {
            let mut socket = Socket::open(&server.socket_url(), &key).await;
            socket.send(subscribe("1", SILENT)).await;
            socket.settled().await;
            let mut tx = server.app.store.write().await.expect("the database answers");
            let now = Clock::system().now();
            if change == "revoked" {
                assert!(key_revoke(&mut tx, &key, now).await.expect("the key is revoked"));
            } else {
                key_put(&mut tx, "test", Access::Write, &key, now).await.expect("the key is stored");
            }
            server.app.store.commit(tx).await.expect("the key is stored");
            tokio::select! {
                closed = socket.closed() => assert_eq!(closed, (4403, "Forbidden".to_owned()), "{change}"),
                message = other.receive() => panic!("the other key is as it was: {message:?}"),
            }
        }
        let mut again = Socket::connect(&server.socket_url()).await;
        again.send(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {key}") } })).await;
        assert_eq!(again.closed().await.0, 4403);
        other.settled().await;
    }

    async fn a_resolver_that_panics_fails_alone(server: Server) {
        let variables = json!({ "input": input(&server.app.demo.as_ref().expect("the demo").sandbox.url()) });
        let mut socket = server.socket().await;
        socket.send(subscribe("silent", SILENT)).await;
        server.trap(true);
        socket.subscribe("1", CREATE, variables.clone()).await;
        let error = socket.receive().await.expect("an error");
        assert_eq!((&error["type"], &error["id"], &error["payload"][0]["message"]), (&json!("error"), &json!("1"), &json!("Internal error")), "{error}");
        let extensions = &error["payload"][0]["extensions"];
        assert!(extensions["code"] == "INTERNAL" && extensions["requestId"].as_str().is_some_and(|id| id.ends_with("-2")), "{error}");
        let (status, body) = server.send_as(&server.key, CREATE, variables.clone()).await;
        assert_eq!((status, &body["errors"][0]["message"], body.get("data")), (200, &json!("Internal error"), None), "{body}");
        assert!(!format!("{error}{body}").contains("secret"), "{error} {body}");
        server.trap(false);
        // The socket, its other operation, the database and the server are as they were.
        socket.send(subscribe("1", TYPE)).await;
        assert_eq!(socket.answered("1").await, json!({ "data": { "__typename": "Query" } }));
        socket.send(subscribe("silent", TYPE)).await;
        assert_eq!(socket.closed().await.0, 4409);
        let made = server.data(CREATE, variables).await;
        assert_eq!(made["createConnection"]["errors"], json!([]), "{made}");
    }

    async fn a_server_that_stops_says_so(server: Server) {
        let mut socket = server.socket().await;
        let mut early = Socket::connect(&server.socket_url()).await;
        socket.send(subscribe("1", SILENT)).await;
        socket.settled().await;
        // Reads nothing, so it will not answer.
        let deaf = server.socket().await;
        let (server, closed, also) = tokio::join!(server.restart(), socket.closed(), early.closed());
        assert_eq!((closed.0, closed.1.as_str(), also.0), (1001, "The server stops", 1001));
        drop(deaf);
        server.socket().await.settled().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mutation_that_has_begun_ends_whoever_hangs_up() {
    let server = server(&[]).await;
    // A WMS that takes its time, and the mutation that waits for it.
    let begin = async |name: &str| {
        let clock = Clock::system();
        let config = SandboxConfig { orders: 10, ..SandboxConfig::new(Arc::new(move || clock.now())) };
        let wms = crossdock::wms::sandbox::server::start(config).await.expect("the WMS starts");
        wms.set_faults(serde_json::from_value(json!([{ "fault": "delay", "milliseconds": 300 }])).expect("a rule"));
        let mut input = input(&wms.url());
        (input["name"], input["credentials"]["apiToken"]) = (json!(name), json!(wms.api_token().expose_secret()));
        (wms, json!({ "input": input }))
    };
    let arrived = async |wms: &RunningSandbox| {
        let mut again = tokio::time::interval(Duration::from_millis(5));
        while wms.faults()[0].struck == 0 {
            again.tick().await;
        }
    };
    let names = "{ connections(first: 10) { nodes { name } } }";
    let (wms, variables) = begin("Over the socket").await;
    let mut socket = server.socket().await;
    socket.subscribe("1", CREATE, variables).await;
    arrived(&wms).await;
    drop(socket);
    open_are(&server, 0).await;
    server.until(names, json!({}), |data| data.to_string().contains("Over the socket")).await;
    let (wms, variables) = begin("Over HTTP").await;
    let request = reqwest::Client::new().post(server.url("/graphql")).bearer_auth(&server.key);
    let request = request.json(&json!({ "query": CREATE, "variables": variables })).send();
    tokio::select! {
        _ = request => panic!("the WMS takes its time"),
        () = arrived(&wms) => {}
    }
    server.until(names, json!({}), |data| data.to_string().contains("Over HTTP")).await;
}
