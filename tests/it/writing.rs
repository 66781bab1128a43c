//! Writes: through to the WMS, and its own words back.

use serde_json::{Value, json};

use super::support::server::{Database, Server, on_both};

const CREATE: &str = "mutation($input: CreateOrderInput!) { createOrder(input: $input) {
    order { id sourceId orderNumber referenceId status totalPrice lineItems { sku quantity product { name } } shipTo { city country } }
    write { id action status unusedFields error { message } }
    errors { __typename code message path ... on WmsError { httpStatus wmsCode requestId retryable body } } } }";

const UPDATE: &str = "mutation($input: UpdateProductInput!) { updateProduct(input: $input) {
    product { id name gtin changedAt } write { status } errors { __typename code message path ... on WmsError { httpStatus wmsCode } } } }";

async fn demo(server: &Server) -> String {
    let demo = server.demo().await;
    server.synced(&demo).await;
    demo
}

/// An active product that is no kit and has a SKU.
async fn product(server: &Server) -> Value {
    let document =
        "{ products(first: 1, filter: { active: { eq: true }, isKit: { eq: false }, sku: { isNull: false } }) { nodes { id sku name gtin } } }";
    server.data(document, json!({})).await["products"]["nodes"][0].clone()
}

fn order(connection: &str, line: &Value) -> Value {
    json!({ "connectionId": connection, "order": {
        "referenceId": "shop-4711", "type": "D2C",
        "shipTo": { "fullName": "Jürgen Müller", "address1": "Hauptstraße 1", "city": "Köln", "postalCode": "50667", "country": "DE" },
        "lineItems": [line] } })
}

on_both! {
    async fn an_order_goes_through_and_is_there(server: Server) {
        let demo = demo(&server).await;
        let product = product(&server).await;
        let input = order(&demo, &json!({ "sku": product["sku"], "quantity": 2, "unitPrice": "19.90" }));
        let data = server.data(CREATE, json!({ "input": input })).await;
        let payload = &data["createOrder"];
        assert_eq!(payload["errors"], json!([]), "{payload:#}");
        assert_eq!(payload["write"]["status"], "CONFIRMED");
        let made = &payload["order"];
        assert_eq!(made["referenceId"], "shop-4711");
        assert_eq!(made["lineItems"][0], json!({ "sku": product["sku"], "quantity": 2.0, "product": { "name": product["name"] } }));
        assert_eq!(made["shipTo"], json!({ "city": "Köln", "country": "DE" }));
        // A read after the write sees it.
        let found = server.data("query($id: ID!) { order(id: $id) { orderNumber } orders(filter: { referenceId: { eq: \"shop-4711\" } }) { nodes { id } } }", json!({ "id": made["id"] })).await;
        assert_eq!(found["order"]["orderNumber"], made["orderNumber"]);
        assert_eq!(found["orders"]["nodes"], json!([{ "id": made["id"] }]));
        // The WMS itself has it: a full sync finds it as it is.
        let completed = "subscription($after: Cursor) { syncCompleted(after: $after, dataTypes: [ORDERS]) { run { progress { updated } } } }";
        let mut socket = server.subscribed(completed, json!({})).await;
        server.data("mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [ORDERS] }) { errors { message } } }", json!({ "id": demo })).await;
        assert_eq!(socket.next("done").await["syncCompleted"]["run"]["progress"]["updated"], 0, "what was stored is what the WMS lists");
        let write = server.data("query($id: ID!) { write(id: $id) { action status record { sourceId } } }", json!({ "id": payload["write"]["id"] })).await;
        assert_eq!(write["write"], json!({ "action": "CREATE_ORDER", "status": "CONFIRMED", "record": { "sourceId": made["sourceId"] } }));
    }

    async fn what_the_wms_refuses_is_told_in_its_own_words(server: Server) {
        let demo = demo(&server).await;
        let product = product(&server).await;
        let refused = async |input: Value| {
            let data = server.data(CREATE, json!({ "input": input })).await;
            assert!(data["createOrder"]["order"].is_null(), "{data:#}");
            data["createOrder"].clone()
        };
        let payload = refused(order(&demo, &json!({ "sku": "NO-SUCH-SKU", "quantity": 1 }))).await;
        let error = &payload["errors"][0];
        assert_eq!(error["__typename"], "WmsError", "{payload:#}");
        assert_eq!((&error["code"], &error["httpStatus"], &error["wmsCode"]), (&json!("WMS_VALIDATION"), &json!(422), &json!("validation_failed")));
        assert_eq!(error["path"], json!(["order", "lineItems", "0", "sku"]));
        assert!(error["message"].as_str().is_some_and(|text| text.contains("NO-SUCH-SKU")), "{error:#}");
        assert!(error["requestId"].is_string() && error["body"].is_object(), "{error:#}");
        assert_eq!(payload["write"]["status"], "REJECTED");
        // Our own refusals name the field too, and nothing is sent.
        let stranger = crossdock::record::Id::Connection(crossdock::record::ConnectionId(99)).to_string();
        let payload = refused(order(&stranger, &json!({ "sku": "X", "quantity": 1 }))).await;
        assert_eq!((&payload["errors"][0]["code"], &payload["errors"][0]["path"]), (&json!("NOT_FOUND"), &json!(["connectionId"])), "{payload:#}");
        assert!(payload["write"].is_null(), "{payload:#}");
        let same = order(&demo, &json!({ "sku": product["sku"], "quantity": 1 }));
        server.data(CREATE, json!({ "input": same })).await;
        let again = refused(same).await;
        assert_eq!(again["errors"][0]["code"], "WMS_CONFLICT", "{again:#}");
    }

    async fn a_product_is_changed_and_the_change_is_stored(server: Server) {
        demo(&server).await;
        let product = product(&server).await;
        let data = server.data(UPDATE, json!({ "input": { "id": product["id"], "product": { "name": "Rucola, 125 g — neu" } } })).await;
        assert_eq!(data["updateProduct"]["errors"], json!([]), "{data:#}");
        assert_eq!(data["updateProduct"]["product"]["name"], "Rucola, 125 g — neu");
        assert_eq!(data["updateProduct"]["product"]["gtin"], product["gtin"], "what is absent stays");
        let read = server.data("query($id: ID!) { product(id: $id) { name } }", json!({ "id": product["id"] })).await;
        assert_eq!(read["product"]["name"], "Rucola, 125 g — neu");
        let data = server.data(UPDATE, json!({ "input": { "id": product["id"], "product": { "gtin": "4006381333932" } } })).await;
        let error = &data["updateProduct"]["errors"][0];
        assert_eq!((&error["__typename"], &error["path"]), (&json!("WmsError"), &json!(["product", "gtin"])), "{data:#}");
    }
}
