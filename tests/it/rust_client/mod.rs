//! A Rust program as a client: `graphql_client` makes types of the schema and of the documents when this is compiled, so a schema
//! that it cannot read, or a document that does not fit, is an error of the compiler.

#![expect(clippy::upper_case_acronyms, reason = "the schema's name of a scalar is its type's")]

use graphql_client::{GraphQLQuery, Response};
use serde_json::{Value, json};

use super::support::server::{Database, Server, on_both};

// quoted: types
type Cursor = String;
type DateTime = String;
type Decimal = String;
type JSON = serde_json::Value;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "schema.graphql",
    query_path = "tests/it/rust_client/operations.graphql",
    variables_derives = "Default",
    skip_serializing_none
)]
struct Orders;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "schema.graphql",
    query_path = "tests/it/rust_client/operations.graphql",
    variables_derives = "Default",
    skip_serializing_none
)]
struct CreateOrder;

#[derive(GraphQLQuery)]
#[graphql(schema_path = "schema.graphql", query_path = "tests/it/rust_client/synced.graphql", skip_serializing_none)]
struct Synced;
// end

// quoted: ask
async fn ask<Q: GraphQLQuery>(http: &reqwest::Client, url: &str, key: &str, variables: Q::Variables) -> reqwest::Result<Response<Q::ResponseData>> {
    let body = serde_json::to_string(&Q::build_query(variables)).unwrap_or_default();
    let request = http.post(url).bearer_auth(key).header("content-type", "application/json").body(body);
    Ok(serde_json::from_slice(&request.send().await?.bytes().await?).expect("an answer of GraphQL"))
}
// end

on_both! {
    async fn a_rust_client_reads_writes_and_listens(server: Server) {
        let (demo, http, url) = (server.demo().await, reqwest::Client::new(), server.url("/graphql"));
        server.synced(&demo).await;
        let key = server.key.as_str();
        let start = server.data("{ changeCursor orders { totalCount } products(first: 1) { nodes { sku } } }", json!({})).await;

        // quoted: pages
        let mut orders = Vec::new();
        let mut after = None;
        loop {
            let answer = ask::<Orders>(&http, &url, key, orders::Variables { after, ..Default::default() }).await.expect("an answer");
            let page = answer.data.expect("no error").orders;
            orders.extend(page.nodes);
            if !page.page_info.has_next_page {
                break;
            }
            after = page.page_info.end_cursor;
        }
        // end
        assert_eq!(start["orders"]["totalCount"], orders.len(), "every page");
        assert!(orders.len() > 250, "more than one");

        // quoted: create
        let order = |sku: &str| create_order::OrderDraft {
            line_items: vec![create_order::OrderLineItemDraft { sku: Some(sku.to_owned()), quantity: 1.0, ..Default::default() }],
            ship_to: Some(create_order::AddressInput {
                full_name: Some("Ada Lovelace".to_owned()),
                address1: Some("1 Dock Road".to_owned()),
                city: Some("Rotterdam".to_owned()),
                country: Some("NL".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let create = async |sku: &str| {
            let input = create_order::CreateOrderInput { connection_id: demo.clone(), order: order(sku), wait_seconds: 0, dry_run: false, ..Default::default() };
            let answer = ask::<CreateOrder>(&http, &url, key, create_order::Variables { input }).await.expect("an answer");
            answer.data.expect("no error").create_order
        };
        // end
        let made = create(start["products"]["nodes"][0]["sku"].as_str().expect("a SKU")).await;
        assert!(made.errors.is_empty() && made.order.is_some_and(|order| !order.order_number.is_empty()));
        let refused = create("NO-SUCH-SKU").await;
        let [error] = refused.errors.as_slice() else { panic!("one error") };
        assert_eq!(error.path.as_deref().unwrap_or_default().join("."), "order.lineItems.0.sku");
        assert!(matches!(&error.on, create_order::CreateOrderCreateOrderErrorsOn::WmsError(wms) if wms.wms_code.as_deref() == Some("validation_failed")));

        let body = Synced::build_query(synced::Variables { after: start["changeCursor"].as_str().map(str::to_owned) });
        let mut socket = server.socket().await;
        socket.subscribe("synced", body.query, serde_json::to_value(&body.variables).expect("JSON")).await;
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { errors { message } } }";
        server.data(trigger, json!({ "id": demo })).await;
        let event: Value = socket.next("synced").await;
        let event: synced::ResponseData = serde_json::from_value(event).expect("the subscription's type");
        assert!(matches!(event.sync_completed.run.status, synced::SyncStatus::SUCCEEDED));
    }
}
