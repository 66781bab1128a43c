//! Lists: pages forwards and backwards, orderings, filters, relations, and what is refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::filters::execute;
use super::support::server::{Database, Server, on_both};

async fn demo(server: &Server) -> String {
    let demo = server.demo().await;
    server.synced(&demo).await;
    demo
}

fn strings(nodes: &Value, field: &str) -> Vec<String> {
    nodes.as_array().expect("a list").iter().map(|node| node[field].as_str().unwrap_or_default().to_owned()).collect()
}

/// Every page of a list of orders, forwards or backwards, as the ids in the list's own order.
async fn walk(server: &Server, arguments: &str, backwards: bool) -> Vec<String> {
    let (size, cursor) = if backwards { ("last: 23", "before") } else { ("first: 23", "after") };
    let document = format!(
        "query($cursor: String) {{ orders({size}, {cursor}: $cursor {arguments}) {{ edges {{ cursor node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let data = server.data(&document, json!({ "cursor": cursor })).await;
        let list = &data["orders"];
        let ids: Vec<String> =
            list["edges"].as_array().expect("edges").iter().map(|edge| edge["node"]["id"].as_str().expect("an id").to_owned()).collect();
        let (more, next) = if backwards { ("hasPreviousPage", "startCursor") } else { ("hasNextPage", "endCursor") };
        if backwards {
            all.splice(0..0, ids)
        } else {
            all.splice(all.len().., ids)
        };
        if list["pageInfo"][more] == json!(false) {
            return all;
        }
        cursor = list["pageInfo"][next].clone();
        assert!(cursor.is_string(), "{list:#}");
    }
}

on_both! {
    async fn pages_hold_every_record_once_in_either_direction(server: Server) {
        demo(&server).await;
        let total = server.data("{ orders { totalCount nodes { id } } }", json!({})).await;
        let count = usize::try_from(total["orders"]["totalCount"].as_i64().expect("a count")).expect("a small count");
        assert_eq!(total["orders"]["nodes"].as_array().map(Vec::len), Some(50), "a page is 50 unless somebody says otherwise");
        for arguments in [
            "",
            ", orderBy: { field: ORDER_NUMBER, direction: DESC }",
            // Times that many orders share, in the other direction than the tie-breaker.
            ", orderBy: [{ field: REQUIRED_SHIP_DATE, direction: DESC }, { field: SOURCE_ID, direction: ASC }]",
            ", orderBy: { field: TOTAL_PRICE }",
        ] {
            let forwards = walk(&server, arguments, false).await;
            assert_eq!(forwards.len(), count, "{arguments}");
            assert_eq!(forwards.iter().collect::<BTreeSet<_>>().len(), count, "{arguments}: each once");
            assert_eq!(walk(&server, arguments, true).await, forwards, "{arguments}: backwards is the same list");
        }
    }

    async fn orderings_and_filters_agree_with_what_they_return(server: Server) {
        demo(&server).await;
        let newest = server.data("{ orders(first: 100, orderBy: { field: SOURCE_UPDATED_AT, direction: DESC }) { nodes { sourceUpdatedAt } } }", json!({})).await;
        let times = strings(&newest["orders"]["nodes"], "sourceUpdatedAt");
        assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");

        let one = server.data("{ orders(first: 1, filter: { status: { eq: FULFILLED }, trackingNumber: { isNull: false } }) { nodes { id sourceId orderNumber referenceId status lineItems { sku } shipments { packages { trackingNumber } } shipTo { country } sourceUpdatedAt } } }", json!({})).await;
        let order = &one["orders"]["nodes"][0];
        assert_eq!(order["status"], "FULFILLED", "{one:#}");
        let sku = &order["lineItems"][0]["sku"];
        let tracking = order["shipments"].as_array().expect("shipments").iter().flat_map(|s| s["packages"].as_array().expect("packages")).find_map(|p| p["trackingNumber"].as_str()).expect("a number");
        let document = "query($filter: OrderFilter!) { orders(first: 250, filter: $filter) { totalCount nodes { id status orderNumber lineItems { sku } shipTo { country } sourceUpdatedAt } } }";
        for filter in [
            json!({ "orderNumber": { "eq": order["orderNumber"] } }),
            json!({ "sourceId": { "in": [order["sourceId"], "nowhere"] } }),
            json!({ "sku": { "eq": sku } }),
            json!({ "trackingNumber": { "startsWith": &tracking[..8] } }),
            json!({ "country": { "eq": order["shipTo"]["country"] }, "status": { "in": ["FULFILLED"] } }),
            json!({ "sourceUpdatedAt": { "gte": order["sourceUpdatedAt"], "lte": order["sourceUpdatedAt"] } }),
            json!({ "and": [{ "status": { "neq": "CANCELLED" } }, { "or": [{ "orderNumber": { "eq": order["orderNumber"] } }, { "orderNumber": { "eq": "none" } }] }] }),
            json!({ "not": { "status": { "nin": ["FULFILLED"] } } }),
            json!({ "connectionId": { "eq": server.demo().await } }),
        ] {
            let data = server.data(document, json!({ "filter": filter })).await;
            let total = data["orders"]["totalCount"].as_i64().expect("a count");
            assert!(total >= 1, "{filter}");
            let found = strings(&data["orders"]["nodes"], "id");
            if total <= 250 {
                assert!(found.contains(&order["id"].as_str().expect("an id").to_owned()), "{filter}");
                assert_eq!(i64::try_from(found.len()).ok(), Some(total), "{filter}");
            }
            for node in data["orders"]["nodes"].as_array().expect("nodes") {
                if let Some(wanted) = filter.get("sku") {
                    assert!(node["lineItems"].as_array().expect("lines").iter().any(|line| line["sku"] == wanted["eq"]), "{filter}: {node}");
                }
                if filter.get("status").is_some() || filter.get("not").is_some() {
                    assert_eq!(node["status"], "FULFILLED", "{filter}");
                }
            }
        }
        for nothing in [json!({ "orderNumber": { "eq": "none" } }), json!({ "sku": { "in": [] } }), json!({ "and": [{ "or": [] }] }), json!({ "not": {} })] {
            let data = server.data(document, json!({ "filter": nothing })).await;
            assert_eq!(data["orders"]["totalCount"], 0, "{nothing}");
        }
    }

    async fn records_are_found_by_id_and_lead_to_each_other(server: Server) {
        let connection = demo(&server).await;
        let document = "{ returns(first: 250, filter: { status: { neq: CANCELLED } }) { nodes { id order { id orderNumber warehouse { name locations(first: 2) { nodes { warehouse { name } } } } warehouseCustomer { name } shippingMethod { name carrier { scac } } lineItems { productSourceId product { id name components { inventoryItem { sku onHand } } } } returns(first: 10) { nodes { id } } } connection { id name } } } }";
        let data = server.data(document, json!({})).await;
        let all = data["returns"]["nodes"].as_array().expect("returns");
        let back = all.iter().find(|back| back["order"]["warehouse"]["name"].is_string()).expect("a return of an order that was synced");
        assert_eq!(back["connection"], json!({ "id": connection, "name": "Demo warehouse" }));
        let order = &back["order"];
        assert!(order["returns"]["nodes"].as_array().expect("returns").iter().any(|other| other["id"] == back["id"]), "{order:#}");
        assert_eq!(order["warehouse"]["locations"]["nodes"][0]["warehouse"]["name"], order["warehouse"]["name"]);
        let line = &order["lineItems"][0];
        assert!(line["product"]["name"].is_string() && line["productSourceId"].is_string(), "{line:#}");

        let ids = json!([order["id"], line["product"]["id"], connection, back["id"]]);
        let document = "query($ids: [ID!]!) { nodes(ids: $ids) { id __typename ... on Record { sourceId connection { id } } ... on Order { orderNumber } ... on ConnectedWms { name } } }";
        let nodes = server.data(document, json!({ "ids": ids })).await;
        let kinds = strings(&nodes["nodes"], "__typename");
        assert_eq!(kinds, ["Order", "Product", "ConnectedWms", "Return"]);
        assert_eq!(nodes["nodes"][0]["orderNumber"], order["orderNumber"]);
        let single = server.data("query($id: ID!) { order(id: $id) { orderNumber raw additionalFields sourceUrl firstSeenAt changedAt deletedAt } node(id: $id) { id } }", json!({ "id": order["id"] })).await;
        assert_eq!(single["order"]["orderNumber"], order["orderNumber"]);
        assert!(single["order"]["raw"].is_object(), "the WMS's own payload: {single:#}");
        assert!(single["order"]["deletedAt"].is_null());
        let other = server.error("query($id: ID!) { product(id: $id) { name } }", json!({ "id": order["id"] })).await;
        assert!(other.starts_with("INVALID_INPUT [id]: ") && other.ends_with("is not the id of a Product"), "{other}");
        // Well-formed, but nobody's: null.
        let nobody = crossdock::record::Id::record::<crossdock::record::Order>(crossdock::record::ConnectionId(1), "nobody").to_string();
        let nothing = server.data("query($id: ID!) { order(id: $id) { id } node(id: $id) { id } }", json!({ "id": nobody })).await;
        assert_eq!(nothing, json!({ "order": null, "node": null }));
    }

    async fn what_makes_no_sense_is_refused_by_name(server: Server) {
        demo(&server).await;
        let cursor = server.data("{ orders(first: 1, orderBy: { field: ORDER_NUMBER }) { pageInfo { endCursor } } }", json!({})).await["orders"]["pageInfo"]["endCursor"].clone();
        let mut said = Vec::new();
        for document in [
            "{ orders(first: 100000) { nodes { id } } }",
            "{ orders(first: -1) { nodes { id } } }",
            "{ orders(first: 2, last: 2) { nodes { id } } }",
            "{ orders(after: \"nonsense\") { nodes { id } } }",
            "query($cursor: String) { orders(after: $cursor) { nodes { id } } }",
            "query($cursor: String) { products(after: $cursor, orderBy: { field: SKU }) { nodes { id } } }",
            "{ orders(filter: { warehouseId: { eq: \"nonsense\" } }) { nodes { id } } }",
            "{ orders(filter: { connectionId: { in: [\"x\"] } }) { nodes { id } } }",
            "{ order(id: \"nonsense\") { id } }",
            "{ node(id: \"nonsense\") { id } }",
        ] {
            said.push(server.error(document, json!({ "cursor": cursor })).await);
        }
        let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        said.push(server.error("query($in: [String!]) { orders(filter: { sku: { in: $in } }) { nodes { id } } }", json!({ "in": many })).await);
        insta::assert_snapshot!("refused_reads", said.join("\n"));
    }

    async fn what_another_version_stored_is_read_as_far_as_it_can_be(server: Server) {
        demo(&server).await;
        let document = "{ orders(first: 1) { nodes { status currencyCode totalTax shipTo { city country } lineItems { sku quantity } shipments { trackingNumbers: packages { trackingNumber } } } } }";
        // Fields that came later are missing, and one that is gone is there.
        let lay = |set: &str| execute(&server.database_url, &format!("UPDATE orders SET {set} WHERE source_id = (SELECT min(source_id) FROM orders)"));
        lay("ship_to = '{\"city\": \"Ghent\", \"planet\": \"Earth\"}', totals = '{\"currency_code\":\"EUR\"}', line_items = '[{\"sku\":\"A\"}]', shipments = '[]'");
        let order = server.data(document, json!({})).await["orders"]["nodes"][0].clone();
        assert_eq!(order["shipTo"], json!({ "city": "Ghent", "country": null }));
        assert_eq!(order["lineItems"], json!([{ "sku": "A", "quantity": 0.0 }]));
        assert_eq!((&order["currencyCode"], &order["totalTax"], &order["shipments"]), (&json!("EUR"), &Value::Null, &json!([])));
        // What stands for nothing that this version knows is told as a fault of the server, without a word of it.
        for damage in ["status = 'LOST'", "status = 'OPEN', ship_to = '[1]'"] {
            lay(damage);
            let answer = server.send(document, json!({})).await;
            assert_eq!((&answer["data"], &answer["errors"][0]["message"]), (&Value::Null, &json!("Internal error")), "{answer:#}");
            assert_eq!(answer["errors"][0]["path"], json!(["orders"]));
        }
    }
}
