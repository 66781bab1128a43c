//! What holds for every request: access, errors, descriptions.

use std::sync::Arc;

use async_graphql::{Data, Request};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::{NOON, World, key, texts};
use crate::clock::Clock;
use crate::graphql::{Guard, Limits, Schema, builder, sdl};
use crate::record::*;
use crate::store::Sizes;
use crate::store::keys::Access;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_answered_without_a_key_and_no_mutation_to_a_reader() {
    let world = World::empty().await;
    for query in
        ["{ viewer { name } }", "{ __schema { queryType { name } } }", "mutation { nothing }", "subscription { syncCompleted { cursor } }", "{"]
    {
        for response in [world.schema.execute(query).await, world.schema.execute_stream(query, None).next().await.unwrap()] {
            let answer = serde_json::to_value(response).unwrap();
            assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{query}");
            assert_eq!(answer["data"], Value::Null);
        }
    }
    assert_eq!(world.ask("{ viewer { name access } }").await["viewer"], json!({ "name": "test", "access": "READ" }));
    let fields = world.ask("{ __schema { mutationType { fields { name } } } }").await;
    let names = texts(&fields["__schema"]["mutationType"]["fields"], "/name");
    let calls = [
        ("createConnection", Access::Admin, "input: {integration: \"x\", name: \"\", credentials: {}}", "errors { path }"),
        ("updateConnection", Access::Admin, "input: {connectionId: \"x\"}", "errors { path }"),
        ("deleteConnection", Access::Admin, "input: {connectionId: \"x\"}", "errors { path }"),
        ("testConnection", Access::Admin, "input: {}", "ok errors { path }"),
        ("updateSyncSchedule", Access::Admin, "input: {connectionId: \"x\", dataType: ORDERS}", "errors { path }"),
        ("cancelSync", Access::Write, "input: {runId: \"x\"}", "errors { path }"),
        ("triggerSync", Access::Write, "input: {connectionId: \"x\"}", "errors { path }"),
        ("createOrder", Access::Write, "input: {connectionId: \"x\", order: {lineItems: []}}", "errors { path }"),
        ("createOrders", Access::Write, "input: {connectionId: \"x\", orders: []}", "errors { path }"),
        ("updateOrder", Access::Write, "input: {id: \"x\", order: {}}", "errors { path }"),
        ("cancelOrder", Access::Write, "input: {id: \"x\"}", "errors { path }"),
        ("shipOrder", Access::Write, "input: {id: \"x\", shipment: {}}", "errors { path }"),
        ("createInboundShipment", Access::Write, "input: {connectionId: \"x\", inboundShipment: {lineItems: []}}", "errors { path }"),
        ("createInboundShipments", Access::Write, "input: {connectionId: \"x\", inboundShipments: []}", "errors { path }"),
        ("updateInboundShipment", Access::Write, "input: {id: \"x\", inboundShipment: {}}", "errors { path }"),
        ("receiveInboundShipment", Access::Write, "input: {id: \"x\", receipt: {}}", "errors { path }"),
        ("createReturn", Access::Write, "input: {connectionId: \"x\", return: {}}", "errors { path }"),
        ("createReturns", Access::Write, "input: {connectionId: \"x\", returns: []}", "errors { path }"),
        ("updateReturn", Access::Write, "input: {id: \"x\", return: {}}", "errors { path }"),
        ("cancelReturn", Access::Write, "input: {id: \"x\"}", "errors { path }"),
        ("createProduct", Access::Write, "input: {connectionId: \"x\", product: {name: \"x\"}}", "errors { path }"),
        ("createProducts", Access::Write, "input: {connectionId: \"x\", products: []}", "errors { path }"),
        ("updateProduct", Access::Write, "input: {id: \"x\", product: {}}", "errors { path }"),
        ("updateProducts", Access::Write, "input: {products: []}", "errors { path }"),
        ("adjustInventory", Access::Write, "input: {id: \"x\", adjustment: {}}", "errors { path }"),
        ("adjustInventories", Access::Write, "input: {adjustments: []}", "errors { path }"),
        ("passthrough", Access::Admin, "input: {connectionId: \"x\", method: GET, path: \"/\"}", "errors { path }"),
        ("reconcileWrite", Access::Write, "input: {id: \"x\"}", "errors { path }"),
        ("createWebhookEndpoint", Access::Admin, "input: {url: \"x\"}", "errors { path }"),
        ("updateWebhookEndpoint", Access::Admin, "input: {endpointId: \"x\"}", "errors { path }"),
        ("deleteWebhookEndpoint", Access::Admin, "input: {endpointId: \"x\"}", "errors { path }"),
        ("rotateWebhookSecret", Access::Admin, "input: {endpointId: \"x\"}", "errors { path }"),
        ("sendTestWebhook", Access::Admin, "input: {endpointId: \"x\"}", "errors { path }"),
        ("replayWebhooks", Access::Admin, "input: {endpointId: \"x\"}", "errors { path }"),
        ("retryDeadWebhooks", Access::Admin, "input: {endpointId: \"x\"}", "errors { path }"),
        ("retryWebhookDelivery", Access::Admin, "input: {deliveryId: \"x\"}", "errors { path }"),
    ];
    assert_eq!(names.len(), calls.len(), "every mutation is tried: {names:?}");
    for (name, needed, input, selection) in calls {
        assert!(names.iter().any(|own| own == name), "{name}");
        for access in [Access::Read, Access::Write, Access::Admin] {
            let answer = world.answer(format!("mutation {{ {name}({input}) {{ {selection} }} }}"), access).await;
            let code = &answer["errors"][0]["extensions"]["code"];
            if access < needed {
                assert_eq!(code, "FORBIDDEN", "{name} {access}: {answer:#}");
            } else if matches!(name, "createConnection" | "createWebhookEndpoint") {
                assert_eq!(code, "INTERNAL", "only the engine, which is not here, looks at its input: {answer:#}");
            } else {
                assert_eq!(answer["data"][name]["errors"].as_array().map(Vec::len), Some(1), "{answer:#}");
            }
        }
    }
    // The operation that runs counts, not the ones beside it.
    let both = "query look { viewer { name } } mutation act { triggerSync(input: {connectionId: \"x\"}) { errors { code } } }";
    assert!(world.answer(Request::new(both).operation_name("look"), Access::Read).await.get("errors").is_none());
    assert_eq!(world.answer(Request::new(both).operation_name("act"), Access::Read).await["errors"][0]["extensions"]["neededAccess"], "WRITE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_websocket_serves_its_operations() {
    let world = World::empty().await;
    let mut session = Data::default();
    session.insert(key(Access::Read));
    let response = world.schema.execute_stream("{ viewer { name } }", Some(Arc::new(session))).next().await.unwrap();
    assert_eq!(serde_json::to_value(response).unwrap(), json!({ "data": { "viewer": { "name": "test" } } }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_that_makes_no_sense_stands_in_the_payload() {
    let world = World::empty().await;
    let own = Id::Connection(ConnectionId(1));
    let errors = "errors { __typename code path message }";
    let answer = world
        .answer(
            format!(
                "mutation {{
                    window: triggerSync(input: {{connectionId: \"{own}\", mode: WINDOW, windowStart: \"2026-01-02T00:00:00Z\", windowEnd: \"2026-01-01T00:00:00Z\"}}) {{ runs {{ id }} {errors} }}
                    half: triggerSync(input: {{connectionId: \"{own}\", mode: WINDOW, windowEnd: \"2026-01-01T00:00:00Z\"}}) {{ {errors} }}
                    none: triggerSync(input: {{connectionId: \"{own}\", windowEnd: \"2026-01-01T00:00:00Z\"}}) {{ {errors} }}
                    test: testConnection(input: {{integration: \"x\"}}) {{ ok {errors} }}
                }}"
            ),
            Access::Admin,
        )
        .await;
    insta::assert_json_snapshot!(answer, @r#"
    {
      "data": {
        "window": {
          "runs": [],
          "errors": [
            {
              "__typename": "InputError",
              "code": "INVALID_INPUT",
              "path": [
                "windowEnd"
              ],
              "message": "The window ends before it begins"
            }
          ]
        },
        "half": {
          "errors": [
            {
              "__typename": "InputError",
              "code": "INVALID_INPUT",
              "path": [
                "windowStart"
              ],
              "message": "The mode WINDOW needs windowStart and windowEnd"
            }
          ]
        },
        "none": {
          "errors": [
            {
              "__typename": "InputError",
              "code": "INVALID_INPUT",
              "path": [
                "windowEnd"
              ],
              "message": "Only the mode WINDOW has a window"
            }
          ]
        },
        "test": {
          "ok": false,
          "errors": [
            {
              "__typename": "InputError",
              "code": "INVALID_INPUT",
              "path": null,
              "message": "Give connectionId, or integration and credentials"
            }
          ]
        }
      }
    }
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_fails_is_null_and_takes_along_what_may_not_be() {
    let world = World::empty().await;
    let some = world.answer("{ product(id: \"x\") { id } viewer { name } }", Access::Read).await;
    assert_eq!(serde_json::to_string(&some["data"]).unwrap(), r#"{"product":null,"viewer":{"name":"test"}}"#, "{some:#}");
    assert_eq!(some["errors"][0]["path"], json!(["product"]));
    let none = world.answer("{ viewer { name } products(first: -1) { totalCount } }", Access::Read).await;
    assert_eq!((&none["data"], &none["errors"][0]["path"]), (&Value::Null, &json!(["products"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_takes_too_long_is_given_up() {
    let world = World::empty().await;
    let hasty = Limits { query_time: std::time::Duration::from_millis(1), ..Limits::DEFAULT };
    let guard = Guard::new(&sdl(), hasty, None).unwrap();
    let schema = Schema::over(builder(), world.store.clone(), Arc::new([]), Clock::of(|| NOON), guard);
    // As long as others hold every connection, it waits.
    let mut held = Vec::new();
    for _ in 0..Sizes::default().sqlite_readers {
        held.push(world.store.read().await.unwrap());
    }
    let request = || Request::new("{ orders { totalCount } }").data(key(Access::Read));
    for response in [schema.execute(request()).await, schema.execute_stream(request(), None).next().await.unwrap()] {
        let answer = serde_json::to_value(response).unwrap();
        assert_eq!((&answer["errors"][0]["extensions"]["code"], &answer["data"]), (&json!("TIMEOUT"), &Value::Null));
    }
}

#[test]
fn the_schema_prints_the_same_twice_and_describes_everything() {
    let text = sdl();
    assert_eq!(text, sdl());
    assert!(text.contains("interface Record implements Node {"));
    assert!(text.contains("type Order implements Record & Node {") || text.contains("type Order implements Node & Record {"));
    for name in [
        "OrderConnection",
        "OrderEdge",
        "OrderOrder",
        "OrderSort",
        "OrderFilter",
        "SyncCompleted",
        "WritePayload",
        "UserError",
        "WmsError",
        "InputError",
        "Cursor",
    ] {
        assert!(
            [" ", "\n"]
                .iter()
                .any(|end| ["type", "input", "enum", "interface", "scalar"].iter().any(|kind| text.contains(&format!("{kind} {name}{end}")))),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_has_a_description() {
    let world = World::empty().await;
    let types = world
        .ask(
            "{ __schema { types { name description
                fields(includeDeprecated: true) { name description args { name description } }
                inputFields { name description }
                enumValues(includeDeprecated: true) { name description } } } }",
        )
        .await;
    let mut bare = Vec::new();
    let mut seen = 0;
    let mut look = |at: String, it: &Value| {
        seen += 1;
        if it["description"].as_str().is_none_or(str::is_empty) {
            bare.push(at);
        }
    };
    for kind in types["__schema"]["types"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        if name.starts_with("__") || ["String", "Int", "Float", "Boolean", "ID"].contains(&name) {
            continue;
        }
        look(name.to_owned(), kind);
        for list in ["fields", "inputFields", "enumValues"] {
            for part in kind[list].as_array().into_iter().flatten() {
                let at = format!("{name}.{}", part["name"].as_str().unwrap());
                look(at.clone(), part);
                for argument in part["args"].as_array().into_iter().flatten() {
                    look(format!("{at}({})", argument["name"].as_str().unwrap()), argument);
                }
            }
        }
    }
    assert!(seen > 500, "{seen}");
    assert_eq!(bare, Vec::<String>::new());
}
