//! The schema over a real SQLite file, without engines: what reaches them is tested from outside.

use async_graphql::{Request, Variables};
use serde_json::{Value, json};

use super::*;
use crate::record::*;
use crate::store::Sizes;
use crate::store::connections::{NewConnection, connection_create};
use crate::store::keys::{Access, ApiKey};
use crate::store::records::{Kind, Tell, order_mark_gone, record_apply};
use crate::store::schedules::{NewRun, NewSchedule, SyncMode, SyncTrigger, reject_put, run_request, schedule_create};
use crate::store::vault::Vault;

struct World {
    schema: Schema,
    store: Store,
    _folder: tempfile::TempDir,
}

const NOON: Instant = Instant::from_micros(1_767_268_800_000_000);

fn seconds(count: i64) -> Instant {
    NOON.plus_seconds(count)
}

fn random(buffer: &mut [u8]) -> bool {
    buffer.fill(1);
    true
}

fn key(access: Access) -> Viewer {
    Viewer(ApiKey { id: 7, name: "test".to_owned(), access, created_at: NOON, revoked_at: None })
}

fn source(id: &str) -> Source {
    Source { id: id.to_owned(), ..Source::default() }
}

impl World {
    /// An empty database with two connections.
    async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::open(&url, Sizes::default(), Vault::new(&[7; 32], random)).await.unwrap();
        for name in ["first", "second"] {
            let new = NewConnection {
                integration: "gone".to_owned(),
                name: name.to_owned(),
                customer_reference: (name == "second").then(|| "tenant-2".to_owned()),
                credentials: "{}".into(),
                lookback_days: 30,
            };
            let mut tx = store.write().await.unwrap();
            let made = connection_create(&mut tx, store.vault(), &new, NOON).await.unwrap();
            let schedules =
                [DataType::Orders, DataType::Products].map(|data_type| NewSchedule { data_type, interval_seconds: 900, first_run_at: NOON });
            schedule_create(&mut tx, made.id(), &schedules).await.unwrap();
            store.commit(tx).await.unwrap();
        }
        let clock = Clock::manual(Arc::new(NOON.micros().into()));
        Self { schema: Schema::over(builder(), store.clone(), Arc::new([]), clock), store, _folder: folder }
    }

    async fn lay<K: Kind>(&self, connection: i64, now: Instant, records: &[K]) {
        let mut tx = self.store.write().await.unwrap();
        let applied = record_apply(&mut tx, ConnectionId(connection), records, now, Tell::Nothing).await.unwrap();
        assert!(applied.refused.is_empty(), "{:?}", applied.refused);
        self.store.commit(tx).await.unwrap();
    }

    /// A hundred and twenty orders at the first connection, three at the second, and what they point at.
    async fn full() -> Self {
        let world = Self::empty().await;
        let warehouse = Warehouse { source: source("W1"), name: "North".to_owned(), ..Warehouse::default() };
        world.lay(1, NOON, &[warehouse]).await;
        let places: Vec<_> = (0..3)
            .map(|n| WarehouseLocation { source: source(&format!("L{n}")), warehouse: Some(Link::to("W1")), ..WarehouseLocation::default() })
            .collect();
        world.lay(1, NOON, &places).await;
        let items: Vec<_> =
            (0..4).map(|n| InventoryItem { source: source(&format!("I{n}")), name: format!("item {n}"), ..InventoryItem::default() }).collect();
        world.lay(1, NOON, &items).await;
        let products: Vec<_> = (0..5)
            .map(|n| Product {
                source: source(&format!("P{n}")),
                name: format!("product {n}"),
                components: (0..n.min(2))
                    .map(|part| ProductComponent { inventory_item: Some(Link::to(format!("I{part}"))), ..ProductComponent::default() })
                    .collect(),
                ..Product::default()
            })
            .collect();
        world.lay(1, NOON, &products).await;
        for (batch, numbers) in (0..120).collect::<Vec<i64>>().chunks(10).enumerate() {
            let orders: Vec<_> = numbers.iter().map(|number| order(*number)).collect();
            world.lay(1, seconds(i64::try_from(batch).unwrap()), &orders).await;
        }
        world.lay(2, NOON, &[order(0), order(1), order(2)]).await;
        let returns: Vec<_> = (0..7)
            .map(|n| Return { source: source(&format!("R{n}")), order: Some(Link::to(if n < 4 { "O000" } else { "O001" })), ..Return::default() })
            .collect();
        world.lay(1, NOON, &returns).await;
        world
    }

    async fn answer(&self, request: impl Into<Request>, access: Access) -> Value {
        serde_json::to_value(self.schema.execute(request.into().data(key(access))).await).unwrap()
    }

    /// The data of a query that has no errors.
    async fn ask(&self, query: &str) -> Value {
        let answer = self.answer(query, Access::Read).await;
        assert!(answer.get("errors").is_none(), "{query}\n{answer:#}");
        answer["data"].clone()
    }

    /// The only error of a query.
    async fn refusal(&self, query: &str) -> Value {
        let answer = self.answer(query, Access::Read).await;
        let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{query}\n{answer:#}")).clone();
        assert_eq!(errors.len(), 1, "{answer:#}");
        errors[0].clone()
    }
}

fn order(number: i64) -> Order {
    Order {
        source: source(&format!("O{number:03}")),
        order_number: format!("N{number:03}"),
        status: if number % 2 == 0 { OrderStatus::Open } else { OrderStatus::Fulfilled },
        order_type: Some(OrderType::D2c),
        warehouse: Some(Link::to(if number % 3 == 0 { "W1" } else { "W9" })),
        // Many orders of the same price, and some of none: the rest of the ordering must tell them apart.
        total_price: (number % 4 != 0).then(|| Money::from_micros((number % 4) * 10_000_000)),
        totals: OrderTotals { currency_code: Some("EUR".to_owned()), ..OrderTotals::default() },
        delivery: OrderDelivery { duty_paid_by: Some(DutyPayer::Sender), ..OrderDelivery::default() },
        ship_to: Some(Address { country: Some(if number == 5 { "FR" } else { "DE" }.to_owned()), ..Address::default() }),
        line_items: (0..2)
            .map(|line| OrderLineItem {
                product: Some(Link::to(format!("P{}", (number + line) % 7))),
                sku: Some(format!("SKU-{}", number % 10)),
                quantity: Quantity::from_micros(1_500_000),
                ..OrderLineItem::default()
            })
            .collect(),
        ..Order::default()
    }
}

fn texts(list: &Value, pointer: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|node| node.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
}

/// Pages through a list in both directions, and expects the same records in the same order each time.
async fn page_through(world: &World, arguments: &str, size: usize) -> Vec<String> {
    let everything = format!("{{ orders(first: 250, {arguments}) {{ totalCount nodes {{ id }} }} }}");
    let everything = world.ask(&everything).await;
    let ids = texts(&everything["orders"]["nodes"], "/id");
    assert_eq!(everything["orders"]["totalCount"], json!(ids.len()));
    for (count, cursor, edge, onward, back) in
        [("first", "after", "endCursor", "hasNextPage", "hasPreviousPage"), ("last", "before", "startCursor", "hasPreviousPage", "hasNextPage")]
    {
        let mut seen: Vec<String> = Vec::new();
        let mut from = String::new();
        loop {
            let query = format!(
                "{{ orders({count}: {size}, {from} {arguments}) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} edges {{ cursor node {{ id }} }} }} }}"
            );
            let list = world.ask(&query).await["orders"].clone();
            let page = texts(&list["edges"], "/node/id");
            let info = &list["pageInfo"];
            assert_eq!(list["totalCount"], json!(ids.len()), "the count is the whole list's");
            assert_eq!(info[back], json!(!from.is_empty()), "{query}");
            assert_eq!(info["startCursor"], list["edges"][0]["cursor"]);
            if count == "first" {
                seen.extend(page)
            } else {
                seen.splice(0..0, page).for_each(drop)
            }
            assert_eq!(info[onward], json!(seen.len() < ids.len()), "{query}");
            if info[onward] == json!(false) {
                break;
            }
            from = format!("{cursor}: {},", info[edge]);
        }
        assert_eq!(seen, ids, "{count}");
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_paged_both_ways_whatever_their_order() {
    let world = World::full().await;
    assert_eq!(page_through(&world, "", 50).await.len(), 123);
    // Prices repeat and are missing; the directions differ.
    let by_price = page_through(&world, "orderBy: [{field: TOTAL_PRICE, direction: DESC}, {field: ORDER_NUMBER}]", 7).await;
    assert_eq!(by_price.len(), 123);
    assert_ne!(by_price, page_through(&world, "orderBy: {field: TOTAL_PRICE}", 11).await);
    let open = page_through(
        &world,
        "filter: {status: {eq: OPEN}, connectionId: {eq: \"Q29ubmVjdGVkV21zOjE\"}}, orderBy: {field: CHANGED_AT, direction: DESC}",
        9,
    )
    .await;
    assert_eq!(open.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_cursors_bound_a_page() {
    let world = World::full().await;
    let list = world.ask("{ orders(first: 10) { edges { cursor node { sourceId } } } }").await;
    let cursor = |index: usize| list["orders"]["edges"][index]["cursor"].clone();
    let query = |arguments: &str| {
        format!(
            "{{ orders({arguments}, after: {}, before: {}) {{ pageInfo {{ hasNextPage hasPreviousPage }} nodes {{ sourceId }} }} }}",
            cursor(2),
            cursor(7)
        )
    };
    for (arguments, expected, next, previous) in [
        ("first: 10", vec!["O003", "O004", "O005", "O006"], true, true),
        ("first: 2", vec!["O003", "O004"], true, true),
        ("last: 1", vec!["O006"], true, true),
    ] {
        let answer = world.ask(&query(arguments)).await;
        assert_eq!(texts(&answer["orders"]["nodes"], "/sourceId"), expected);
        assert_eq!(answer["orders"]["pageInfo"], json!({ "hasNextPage": next, "hasPreviousPage": previous }), "{arguments}");
    }
    let none = world.ask("{ orders(first: 0) { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } }").await;
    let info = json!({ "hasNextPage": true, "hasPreviousPage": false, "endCursor": null });
    assert_eq!(none["orders"], json!({ "totalCount": 123, "nodes": [], "pageInfo": info }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_find_what_stands_inside_and_say_what_is_wrong_with_them() {
    let world = World::full().await;
    let count = async |filter: &str| world.ask(&format!("{{ orders(filter: {filter}) {{ totalCount }} }}")).await["orders"]["totalCount"].as_i64();
    assert_eq!(count("{country: {eq: \"FR\"}}").await, Some(1));
    assert_eq!(count("{sku: {in: [\"SKU-1\", \"SKU-2\"]}}").await, Some(26));
    assert_eq!(count("{or: [{orderNumber: {eq: \"N007\"}}, {not: {orderNumber: {startsWith: \"N0\"}}}]}").await, Some(21));
    assert_eq!(count("{type: {eq: D2C}, totalPrice: {isNull: true}}").await, Some(31));
    let error = world.refusal("{ orders(filter: {and: [{warehouseId: {eq: \"nonsense\"}}]}) { totalCount } }").await;
    assert_eq!(error["extensions"]["code"], "INVALID_INPUT");
    assert_eq!(error["extensions"]["argument"], "filter");
    assert_eq!(error["extensions"]["path"], json!(["filter", "and", "warehouseId", "eq"]));
    assert_eq!(error["path"], json!(["orders"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_that_make_no_sense_are_named() {
    let world = World::full().await;
    let foreign = world
        .ask("{ products(first: 1) { pageInfo { endCursor } } orders(first: 1, orderBy: {field: CHANGED_AT}) { pageInfo { endCursor } } }")
        .await;
    let (products, changed) = (&foreign["products"]["pageInfo"]["endCursor"], &foreign["orders"]["pageInfo"]["endCursor"]);
    let order_id = Id::record::<Order>(ConnectionId(1), "O001");
    let keys = "{field: CHANGED_AT},".repeat(6);
    for (query, argument) in [
        ("{ orders(first: 100000) { totalCount } }".to_owned(), "first"),
        ("{ orders(first: -1) { totalCount } }".to_owned(), "first"),
        ("{ orders(last: 251) { totalCount } }".to_owned(), "last"),
        ("{ orders(first: 1, last: 1) { totalCount } }".to_owned(), "last"),
        ("{ orders(after: \"nonsense\") { totalCount } }".to_owned(), "after"),
        (format!("{{ orders(after: {products}) {{ totalCount }} }}"), "after"),
        (format!("{{ orders(last: 2, before: {changed}) {{ totalCount }} }}"), "before"),
        (format!("{{ orders(orderBy: [{keys}]) {{ totalCount }} }}"), "orderBy"),
        ("{ connections(first: 251) { totalCount } }".to_owned(), "first"),
        (format!("{{ syncRuns(after: {products}) {{ totalCount }} }}"), "after"),
        ("{ node(id: \"nonsense\") { id } }".to_owned(), "id"),
        ("{ nodes(ids: [\"nonsense\"]) { id } }".to_owned(), "ids"),
        (format!("{{ product(id: \"{order_id}\") {{ id }} }}"), "id"),
        (format!("{{ connection(id: \"{order_id}\") {{ id }} }}"), "id"),
        (format!("{{ syncRun(id: \"{order_id}\") {{ id }} }}"), "id"),
        (format!("{{ syncRuns(filter: {{connectionIds: [\"{order_id}\"]}}) {{ totalCount }} }}"), "filter"),
    ] {
        let error = world.refusal(&query).await;
        assert_eq!(
            (&error["extensions"]["code"], &error["extensions"]["argument"]),
            (&json!("INVALID_INPUT"), &json!(argument)),
            "{query}\n{error:#}"
        );
    }
    for query in
        ["{ nothing }", "{ orders(first: \"x\") { totalCount } }", "{ orders(filter: {changedAt: {gt: \"yesterday\"}}) { totalCount } }", "{"]
    {
        assert_eq!(world.refusal(query).await["extensions"]["code"], "INVALID_INPUT", "{query}");
    }
}

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
async fn a_relation_costs_one_batch_however_long_the_list() {
    let world = World::full().await;
    let batches = async |first: usize| {
        let before = world.schema_batches();
        let query = format!(
            "{{ orders(first: {first}) {{ nodes {{ connection {{ name }} warehouse {{ name }} lineItems {{ product {{ name }} }} returns {{ totalCount }} }} }} }}"
        );
        let answer = world.ask(&query).await;
        assert_eq!(answer["orders"]["nodes"].as_array().map(Vec::len), Some(first));
        world.schema_batches() - before
    };
    assert_eq!(batches(1).await, 4, "connection, warehouse, product, returns");
    assert_eq!(batches(100).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_is_hidden_in_lists_and_found_by_id() {
    let world = World::full().await;
    let mut tx = world.store.write().await.unwrap();
    assert_eq!(order_mark_gone(&mut tx, ConnectionId(1), &["O000", "O003"], seconds(5)).await.unwrap(), 2);
    world.store.commit(tx).await.unwrap();
    let id = Id::record::<Order>(ConnectionId(1), "O000");
    let shown = world
        .ask(&format!(
            "{{ alive: orders {{ totalCount }} all: orders(filter: {{includeDeleted: true}}) {{ totalCount }}
                order(id: \"{id}\") {{ deletedAt }} node(id: \"{id}\") {{ ... on Record {{ sourceId deletedAt }} }}
                returns(first: 1) {{ nodes {{ order {{ deletedAt }} }} }} }}"
        ))
        .await;
    let gone = json!(seconds(5).to_string());
    assert_eq!((&shown["alive"]["totalCount"], &shown["all"]["totalCount"]), (&json!(121), &json!(123)));
    assert_eq!(shown["order"]["deletedAt"], gone);
    assert_eq!(shown["node"], json!({ "sourceId": "O000", "deletedAt": gone }));
    assert_eq!(shown["returns"]["nodes"][0]["order"]["deletedAt"], gone);
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
    let new = NewRun { trigger: SyncTrigger::Manual, mode: SyncMode::Window, window };
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
    assert_eq!(names.len(), 5, "{names:?}");
    let calls = [
        ("createConnection", Access::Admin, "input: {integration: \"x\", name: \"\", credentials: {}}", "errors { path }"),
        ("testConnection", Access::Admin, "input: {}", "ok errors { path }"),
        ("triggerSync", Access::Write, "input: {connectionId: \"x\"}", "errors { path }"),
        ("createOrder", Access::Write, "input: {connectionId: \"x\", order: {lineItems: []}}", "errors { path }"),
        ("updateProduct", Access::Write, "input: {id: \"x\", product: {}}", "errors { path }"),
    ];
    for (name, needed, input, selection) in calls {
        assert!(names.iter().any(|own| own == name), "{name}");
        for access in [Access::Read, Access::Write, Access::Admin] {
            let answer = world.answer(format!("mutation {{ {name}({input}) {{ {selection} }} }}"), access).await;
            let code = &answer["errors"][0]["extensions"]["code"];
            if access < needed {
                assert_eq!(code, "FORBIDDEN", "{name} {access}: {answer:#}");
            } else if name == "createConnection" {
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
    let (own, other) = (Id::Connection(ConnectionId(1)), Id::record::<Warehouse>(ConnectionId(2), "W1"));
    let product = Id::record::<Product>(ConnectionId(2), "P1");
    let errors = "errors { __typename code path message }";
    let answer = world
        .answer(
            format!(
                "mutation {{
                    order: createOrder(input: {{connectionId: \"{own}\", order: {{warehouseId: \"{other}\", lineItems: [{{quantity: 1}}, {{productId: \"{product}\", quantity: 1}}]}}}}) {{ order {{ id }} write {{ id }} {errors} }}
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
        "order": {
          "order": null,
          "write": null,
          "errors": [
            {
              "__typename": "InputError",
              "code": "INVALID_INPUT",
              "path": [
                "order",
                "warehouseId"
              ],
              "message": "It belongs to another connection"
            },
            {
              "__typename": "InputError",
              "code": "INVALID_INPUT",
              "path": [
                "order",
                "lineItems",
                "1",
                "productId"
              ],
              "message": "It belongs to another connection"
            }
          ]
        },
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

impl World {
    fn schema_batches(&self) -> usize {
        self.schema.loaders.batches()
    }
}
