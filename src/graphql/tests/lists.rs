//! Pages, filters, and what is wrong with arguments.

use serde_json::json;

use super::{World, seconds, texts};
use crate::record::*;
use crate::store::deletions::record_delete_named;

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
                seen.extend(page);
            } else {
                seen.splice(0..0, page).for_each(drop);
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
    assert_eq!(error["extensions"]["path"], json!(["filter", "and", "0", "warehouseId", "eq"]));
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
    for (query, code) in [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ orders(first: \"x\") { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ orders(filter: {changedAt: {gt: \"yesterday\"}}) { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
    ] {
        assert_eq!(world.refusal(query).await["extensions"]["code"], code, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_is_hidden_in_lists_and_found_by_id() {
    let world = World::full().await;
    let mut tx = world.store.write().await.unwrap();
    let gone = record_delete_named::<Order>(&mut tx, ConnectionId(1), &["O000".to_owned(), "O003".to_owned()], seconds(5)).await.unwrap();
    assert_eq!(gone.len(), 2);
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
