//! Every other write, through to a WMS and back, and calls of its own API.

use crossdock::store::keys::Access;
use serde_json::{Value, json};

use super::support::sandbox::own;
use super::support::server::{Database, Server, on_both};
use super::writing_keys::{create, order};

const PASS: &str = "mutation($input: PassthroughInput!) { passthrough(input: $input) { status body requestId replayed write { status request answer } errors { code message path } } }";

on_both! {
    async fn calls_of_the_wmss_own_api_are_passed_through(server: Server) {
        let (_wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let input = json!({ "connectionId": id, "method": "GET", "path": "/v1/orders", "query": [{ "name": "limit", "value": "1" }, { "name": "api_token", "value": "hidden" }] });
        let data = server.data(PASS, json!({ "input": input })).await;
        let passed = &data["passthrough"];
        assert_eq!((&passed["status"], &passed["errors"], &passed["write"]["status"]), (&json!(200), &json!([]), &json!("CONFIRMED")), "{data:#}");
        assert_eq!(passed["body"]["data"].as_array().map(Vec::len), Some(1), "{data:#}");
        assert_eq!(passed["write"]["request"]["query"][1]["value"], "[secret]");
        assert_eq!(passed["write"]["answer"]["status"], 200);
        // What the WMS refuses is its answer all the same.
        let input = json!({ "connectionId": id, "method": "POST", "path": "/v1/orders", "body": { "nonsense": true }, "idempotencyKey": "p-1" });
        let data = server.data(PASS, json!({ "input": input })).await;
        assert_eq!((&data["passthrough"]["status"], &data["passthrough"]["write"]["status"]), (&json!(422), &json!("REJECTED")), "{data:#}");
        let again = server.data(PASS, json!({ "input": input })).await;
        assert_eq!((&again["passthrough"]["status"], &again["passthrough"]["replayed"], &again["passthrough"]["body"]), (&json!(422), &json!(true), &data["passthrough"]["body"]), "{again:#}");
        // It can do whatever the credentials can.
        let key = server.make_key(Access::Write).await;
        let (_, refused) = server.send_as(&key, PASS, json!({ "input": input })).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused:#}");
    }

    async fn an_order_is_changed_and_cancelled(server: Server) {
        let (_wms, id) = own(&server, 20, "sandbox-demo-token", None).await;
        let made = create(&server, &json!({ "connectionId": id, "order": order(&server, &id, "through").await })).await;
        assert_eq!(made["errors"], json!([]), "{made:#}");
        let update = "mutation($input: UpdateOrderInput!) { updateOrder(input: $input) { order { referenceId shipTo { city } } write { status request } errors { code message path } } }";
        let input = json!({ "id": made["order"]["id"], "order": { "referenceId": null, "shipTo": { "fullName": "A", "address1": "B", "city": "Bonn", "country": "DE" } } });
        let data = server.data(update, json!({ "input": input })).await;
        assert_eq!((&data["updateOrder"]["order"], &data["updateOrder"]["errors"]), (&json!({ "referenceId": null, "shipTo": { "city": "Bonn" } }), &json!([])), "{data:#}");
        assert_eq!(data["updateOrder"]["write"]["request"], input, "null clears, and is no absence");
        let cancel = "mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { status } write { status } errors { code message path ... on WmsError { wmsCode } } } }";
        let input = json!({ "id": made["order"]["id"], "reason": "Changed my mind" });
        let data = server.data(cancel, json!({ "input": input })).await;
        assert_eq!((&data["cancelOrder"]["order"]["status"], &data["cancelOrder"]["errors"]), (&json!("CANCELLED"), &json!([])), "{data:#}");
        let again = server.data(cancel, json!({ "input": input })).await;
        assert_eq!((&again["cancelOrder"]["write"]["status"], &again["cancelOrder"]["order"]), (&json!("REJECTED"), &Value::Null), "{again:#}");
    }
}
