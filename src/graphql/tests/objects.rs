//! Objects with their fields and relations.

use async_graphql::{Request, Variables};
use serde_json::{Value, json};

use super::{NOON, World, seconds, source, texts};
use crate::record::*;
use crate::store::keys::Access;
use crate::store::runs::{NewRun, SyncMode, SyncTrigger, reject_put};
use crate::store::schedules::run_request;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_shows_its_fields_and_relations() {
    let world = World::full().await;
    let id = Id::record::<Order>(ConnectionId(1), "O000");
    let shown = world
        .ask(&format!(
            "{{ order(id: \"{id}\") {{
                id sourceId orderNumber status type totalPrice currencyCode dutyPaidBy shipTo {{ country }} raw deletedAt changedAt
                connection {{ name customerReference integration {{ name displayName }} }}
                warehouse {{ name locations(first: 2) {{ totalCount nodes {{ sourceId warehouse {{ sourceId }} }} pageInfo {{ hasNextPage }} }} }}
                lineItems {{ quantity productSourceId product {{ name components {{ inventoryItem {{ name products {{ sourceId }} }} }} }} }}
                returns(first: 3) {{ totalCount nodes {{ sourceId order {{ sourceId }} }} pageInfo {{ hasNextPage endCursor }} }}
            }} }}"
        ))
        .await;
    insta::assert_json_snapshot!(shown, @r#"
    {
      "order": {
        "id": "T3JkZXI6MTpPMDAw",
        "sourceId": "O000",
        "orderNumber": "N000",
        "status": "OPEN",
        "type": "D2C",
        "totalPrice": null,
        "currencyCode": "EUR",
        "dutyPaidBy": "SENDER",
        "shipTo": {
          "country": "DE"
        },
        "raw": null,
        "deletedAt": null,
        "changedAt": "2026-01-01T12:00:00Z",
        "connection": {
          "name": "first",
          "customerReference": null,
          "integration": {
            "name": "gone",
            "displayName": "gone"
          }
        },
        "warehouse": {
          "name": "North",
          "locations": {
            "totalCount": 3,
            "nodes": [
              {
                "sourceId": "L0",
                "warehouse": {
                  "sourceId": "W1"
                }
              },
              {
                "sourceId": "L1",
                "warehouse": {
                  "sourceId": "W1"
                }
              }
            ],
            "pageInfo": {
              "hasNextPage": true
            }
          }
        },
        "lineItems": [
          {
            "quantity": 1.5,
            "productSourceId": "P0",
            "product": {
              "name": "product 0",
              "components": []
            }
          },
          {
            "quantity": 1.5,
            "productSourceId": "P1",
            "product": {
              "name": "product 1",
              "components": [
                {
                  "inventoryItem": {
                    "name": "item 0",
                    "products": [
                      {
                        "sourceId": "P1"
                      },
                      {
                        "sourceId": "P2"
                      },
                      {
                        "sourceId": "P3"
                      },
                      {
                        "sourceId": "P4"
                      }
                    ]
                  }
                }
              ]
            }
          }
        ],
        "returns": {
          "totalCount": 4,
          "nodes": [
            {
              "sourceId": "R0",
              "order": {
                "sourceId": "O000"
              }
            },
            {
              "sourceId": "R1",
              "order": {
                "sourceId": "O000"
              }
            },
            {
              "sourceId": "R2",
              "order": {
                "sourceId": "O000"
              }
            }
          ],
          "pageInfo": {
            "hasNextPage": true,
            "endCursor": "eyJsIjoiT3JkZXIucmV0dXJucyIsImsiOlt7ImkiOjF9LHsicyI6IlIyIn1dfQ"
          }
        }
      }
    }
    "#);
    let after = &shown["order"]["returns"]["pageInfo"]["endCursor"];
    let rest = world
        .ask(&format!(
            "{{ order(id: \"{id}\") {{ returns(after: {after}) {{ nodes {{ sourceId }} pageInfo {{ hasPreviousPage hasNextPage }} }} }} }}"
        ))
        .await;
    let info = json!({ "hasPreviousPage": true, "hasNextPage": false });
    assert_eq!(rest["order"]["returns"], json!({ "nodes": [{ "sourceId": "R3" }], "pageInfo": info }));
    let kits = world.ask("{ inventory { nodes { sourceId products { sourceId } } } }").await;
    assert_eq!(texts(&kits["inventory"]["nodes"][0]["products"], "/sourceId"), ["P1", "P2", "P3", "P4"]);
    assert_eq!(texts(&kits["inventory"]["nodes"][1]["products"], "/sourceId"), ["P2", "P3", "P4"]);
    assert_eq!(kits["inventory"]["nodes"][2]["products"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relation_costs_the_same_statements_however_long_the_list() {
    let world = World::full().await;
    let more = |n: usize| format!("W{n}");
    let warehouses: Vec<_> = (2..10).map(|n| Warehouse { source: source(&more(n)), name: more(n), ..Warehouse::default() }).collect();
    world.lay(1, NOON, &warehouses).await;
    let places: Vec<_> = (2..10)
        .flat_map(|n| {
            (0..n).map(move |place| WarehouseLocation {
                source: source(&format!("L{n}-{place}")),
                warehouse: Some(Link::to(more(n))),
                ..WarehouseLocation::default()
            })
        })
        .collect();
    world.lay(1, NOON, &places).await;
    let statements = async |query: &str, first: usize| {
        let before = world.store.statements();
        let answer = world.ask(&query.replace("FIRST", &first.to_string())).await;
        (world.store.statements() - before, answer)
    };
    for (query, expected) in [
        // The orders, their connection, warehouses and products, and their returns with the count of those.
        ("{ orders(first: FIRST) { nodes { connection { name } warehouse { name } lineItems { product { name } } returns { totalCount } } } }", 6),
        // The warehouses; of their locations the rows, the counts and the warehouses.
        ("{ warehouses(first: FIRST) { nodes { locations(first: 2) { totalCount nodes { sourceId warehouse { name } } } } } }", 4),
        // The same below one another, with what lies before the cursor.
        (
            "{ warehouses(first: FIRST) { nodes { locations(first: 2) { nodes { warehouse { locations(first: 1, after: \"CURSOR\") { pageInfo { hasPreviousPage } freshAsOf nodes { warehouse { name } } } } } } } } }",
            7,
        ),
    ] {
        let cursor = world.ask("{ warehouses(first: 1) { nodes { locations(first: 1) { pageInfo { endCursor } } } } }").await;
        let query = query.replace("CURSOR", cursor["warehouses"]["nodes"][0]["locations"]["pageInfo"]["endCursor"].as_str().unwrap());
        assert_eq!(statements(&query, 2).await.0, expected, "{query}");
        assert_eq!(statements(&query, 9).await.0, expected, "{query}");
    }
    let (_, answer) = statements(
        "{ warehouses(first: FIRST) { nodes { sourceId locations(first: 3) { totalCount nodes { sourceId } pageInfo { hasNextPage } } } } }",
        9,
    )
    .await;
    for warehouse in answer["warehouses"]["nodes"].as_array().unwrap().iter().skip(1) {
        let name = warehouse["sourceId"].as_str().unwrap();
        let count: usize = name[1..].parse().unwrap();
        let wanted: Vec<_> = (0..count.min(3)).map(|place| format!("L{count}-{place}")).collect();
        assert_eq!(texts(&warehouse["locations"]["nodes"], "/sourceId"), wanted);
        assert_eq!((&warehouse["locations"]["totalCount"], &warehouse["locations"]["pageInfo"]["hasNextPage"]), (&json!(count), &json!(count > 3)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_whatever_their_ids_say() {
    let world = World::full().await;
    let ids = [
        Id::record::<Product>(ConnectionId(1), "P0"),
        Id::record::<Product>(ConnectionId(1), "P99"),
        Id::Connection(ConnectionId(2)),
        Id::SyncRun(77),
        Id::Integration("nobody".to_owned()),
        Id::ApiKey(7),
        Id::ApiKey(8),
    ];
    let variables = Variables::from_json(json!({ "ids": ids.iter().map(ToString::to_string).collect::<Vec<_>>() }));
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Record { connection { name } } ... on ConnectedWms { name } ... on ApiKey { access } } }";
    let answer = world.answer(Request::new(query).variables(variables), Access::Read).await;
    let nodes = &answer["data"]["nodes"];
    assert_eq!(nodes[0], json!({ "__typename": "Product", "id": ids[0].to_string(), "connection": { "name": "first" } }), "{answer:#}");
    assert_eq!(nodes[2], json!({ "__typename": "ConnectedWms", "id": ids[2].to_string(), "name": "second" }));
    assert_eq!(nodes[5], json!({ "__typename": "ApiKey", "id": ids[5].to_string(), "access": "READ" }));
    assert_eq!((&nodes[1], &nodes[3], &nodes[4], &nodes[6]), (&Value::Null, &Value::Null, &Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_show_their_schedules_and_runs() {
    let world = World::empty().await;
    let mut tx = world.store.write().await.unwrap();
    let window = Some((NOON, seconds(60)));
    let new = NewRun { trigger: SyncTrigger::Manual, mode: SyncMode::Window, window, confirm_deletions: false };
    let run = run_request(&mut tx, ConnectionId(1), DataType::Orders, new, NOON).await.unwrap().unwrap();
    for reason in ["no number", "no lines"] {
        reject_put(&mut tx, run.id, Some("O1"), reason, &Json::of(&json!({ "x": 1 })), NOON).await.unwrap();
    }
    world.store.commit(tx).await.unwrap();
    let shown = world
        .ask(
            "{ connections(filter: {name: {startsWith: \"f\"}, statuses: [ACTIVE]}) { totalCount nodes {
                name status lookbackDays issues { code } capabilities { reads { dataType } }
                schedules { dataType intervalSeconds enabled nextRunAt freshAsOf lastRun { id } }
                syncRuns { totalCount nodes {
                    dataType trigger mode status windowStart windowEnd progress { read total } error { code } connection { name }
                    rejects(first: 1) { totalCount nodes { sourceId reason raw } pageInfo { hasNextPage } }
                } }
            } }
            other: syncRuns(filter: {statuses: [FAILED]}) { totalCount } }",
        )
        .await;
    insta::assert_json_snapshot!(shown, @r#"
    {
      "connections": {
        "totalCount": 1,
        "nodes": [
          {
            "name": "first",
            "status": "ACTIVE",
            "lookbackDays": 30,
            "issues": [],
            "capabilities": {
              "reads": []
            },
            "schedules": [
              {
                "dataType": "ORDERS",
                "intervalSeconds": 900,
                "enabled": true,
                "nextRunAt": "2026-01-01T12:00:00Z",
                "freshAsOf": null,
                "lastRun": {
                  "id": "U3luY1J1bjox"
                }
              },
              {
                "dataType": "PRODUCTS",
                "intervalSeconds": 900,
                "enabled": true,
                "nextRunAt": "2026-01-01T12:00:00Z",
                "freshAsOf": null,
                "lastRun": null
              }
            ],
            "syncRuns": {
              "totalCount": 1,
              "nodes": [
                {
                  "dataType": "ORDERS",
                  "trigger": "MANUAL",
                  "mode": "WINDOW",
                  "status": "QUEUED",
                  "windowStart": "2026-01-01T12:00:00Z",
                  "windowEnd": "2026-01-01T12:01:00Z",
                  "progress": {
                    "read": 0,
                    "total": null
                  },
                  "error": null,
                  "connection": {
                    "name": "first"
                  },
                  "rejects": {
                    "totalCount": 2,
                    "nodes": [
                      {
                        "sourceId": "O1",
                        "reason": "no number",
                        "raw": {
                          "x": 1
                        }
                      }
                    ],
                    "pageInfo": {
                      "hasNextPage": true
                    }
                  }
                }
              ]
            }
          }
        ]
      },
      "other": {
        "totalCount": 0
      }
    }
    "#);
    let tenant = world.ask("{ connections(filter: {customerReference: {eq: \"tenant-2\"}}) { nodes { name } } }").await;
    assert_eq!(tenant["connections"]["nodes"], json!([{ "name": "second" }]));
}
