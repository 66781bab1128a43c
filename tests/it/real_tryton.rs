//! A real Tryton, synced by a whole server: what it then shows is what Tryton's database holds.
//!
//! `CROSSDOCK_TEST_TRYTON` names the file that Tryton's start script prints (`url`, `db`, `rest_keys`), `CROSSDOCK_TEST_TRYTON_TRUTH`
//! one that its `truth.sh` prints: a line of JSON a type, counted by SQL. It is there only with the
//! feature `live`: the machines that test every commit have no Tryton.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::{Value, json};

use super::support::sandbox::CREATE;
use super::support::server::{Database, Server, on_both};

#[expect(clippy::disallowed_methods, reason = "a switch of this test, not a setting of the server")]
fn file(variable: &str) -> String {
    let path = std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} names a file"));
    std::fs::read_to_string(path).expect("the file is there")
}

/// Says what was compared, in what `--nocapture` shows.
fn note(text: &str) {
    writeln!(std::io::stderr(), "{text}").expect("standard error is open");
}

/// Every record of a type that a connection has.
async fn all(server: &Server, list: &str, fields: &str, connection: &str) -> Vec<Value> {
    let (mut nodes, mut after) = (Vec::new(), Value::Null);
    loop {
        let document = format!(
            "query($id: ID!, $after: String) {{ page: {list}(first: 100, after: $after, filter: {{ connectionId: {{ eq: $id }} }}) {{
                totalCount nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let data = server.data(&document, json!({ "id": connection, "after": after })).await;
        nodes.extend(data["page"]["nodes"].as_array().expect("a page").clone());
        if data["page"]["pageInfo"]["hasNextPage"] != true {
            assert_eq!(data["page"]["totalCount"], nodes.len(), "{list}");
            return nodes;
        }
        after = data["page"]["pageInfo"]["endCursor"].clone();
    }
}

fn count(nodes: &[Value], is: impl Fn(&Value) -> bool) -> i64 {
    i64::try_from(nodes.iter().filter(|node| is(node)).count()).expect("few")
}

fn sum(nodes: &[Value], of: impl Fn(&Value) -> &Value) -> f64 {
    nodes.iter().map(|node| of(node).as_f64().expect("a quantity")).sum()
}

on_both! {
    async fn what_it_shows_is_what_trytons_database_holds(server: Server) {
        let (info, truth) = (file("CROSSDOCK_TEST_TRYTON"), file("CROSSDOCK_TEST_TRYTON_TRUTH"));
        let info: Value = serde_json::from_str(&info).expect("JSON");
        let truth: BTreeMap<String, Value> = truth.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .map(|line| (line["type"].as_str().expect("a type").to_owned(), line)).collect();
        let base = format!("{}/{}", info["url"].as_str().expect("an address"), info["db"].as_str().expect("a database"));
        let input = json!({ "integration": "tryton", "name": "Tryton", "credentials": { "baseUrl": base, "apiKey": info["rest_keys"]["integration"] } });
        let data = server.data(CREATE, json!({ "input": input })).await;
        let id = data["createConnection"]["connection"]["id"].as_str().unwrap_or_else(|| panic!("{data:#}")).to_owned();
        server.synced(&id).await;

        let report = |what: &str, ours: i64, truth: &Value| {
            note(&format!("{what}: {ours} of {truth}"));
            assert_eq!(json!(ours), *truth, "{what}");
        };
        let rows = |nodes: &[Value]| count(nodes, |_| true);
        report("warehouses", rows(&all(&server, "warehouses", "id", &id).await), &truth["warehouses"]["rows"]);
        report("warehouse locations", rows(&all(&server, "warehouseLocations", "id", &id).await), &truth["warehouse_locations"]["rows"]);
        report("shipping methods", rows(&all(&server, "shippingMethods", "id", &id).await), &truth["shipping_methods"]["rows"]);
        let customers = all(&server, "warehouseCustomers", "additionalFields", &id).await;
        // The script counts those that it made as customers and owners; Tryton has suppliers and carriers among its parties, too.
        let is_customer = |party: &Value| party["additionalFields"]["code"].as_str().is_some_and(|code| code.starts_with("3PL") || code.starts_with('C'));
        report("warehouse customers", count(&customers, is_customer), &truth["warehouse_customers"]["rows"]);
        let products = all(&server, "products", "active", &id).await;
        report("products", rows(&products), &truth["products"]["rows"]);
        report("products in use", count(&products, |product| product["active"] == true), &truth["products"]["active"]);

        let items = all(&server, "inventory", "onHand committed fulfillable unfulfillable byWarehouse { onHand } locations { quantity } lots { onHand }", &id).await;
        report("inventory items", rows(&items), &truth["products"]["rows"]);
        let inside = |list: &str| items.iter().flat_map(|item| item[list].as_array().expect("a list").clone()).collect::<Vec<_>>();
        report("stocked places", rows(&inside("locations")), &truth["inventory"]["rows"]);
        let quantity = truth["inventory"]["quantity"].as_f64().expect("a quantity");
        for (what, ours) in [
            ("on hand", sum(&items, |item| &item["onHand"])),
            ("in places", sum(&inside("locations"), |place| &place["quantity"])),
            ("in warehouses", sum(&inside("byWarehouse"), |place| &place["onHand"])),
            ("committed, fulfillable and unfulfillable", sum(&items, |item| &item["committed"]) + sum(&items, |item| &item["fulfillable"]) + sum(&items, |item| &item["unfulfillable"])),
        ] {
            note(&format!("stock {what}: {ours} of {quantity}"));
            assert!((ours - quantity).abs() < 0.001, "{what}: {ours} of {quantity}");
        }
        assert!(sum(&items, |item| &item["committed"]) > 0.0 && !inside("lots").is_empty());

        // Sales that only take goods back are returns. The script makes one for each return.
        let (orders, returns) = (all(&server, "orders", "status rawStatus", &id).await, all(&server, "returns", "rawStatus order { id }", &id).await);
        let state = |name: &str| truth["orders"]["by_state"][name].as_i64().unwrap_or_default();
        let back = truth["returns"]["rows"].as_i64().expect("a number");
        report("orders", rows(&orders), &json!(truth["orders"]["rows"].as_i64().expect("a number") - back));
        let raw = |nodes: &[Value], state: &str| count(nodes, |node| node["rawStatus"].as_str().is_some_and(|raw| raw.split('/').next() == Some(state)));
        for name in ["draft", "quotation", "confirmed", "done", "cancelled"] {
            report(&format!("orders in {name}"), raw(&orders, name), &json!(state(name)));
        }
        report("orders in processing", raw(&orders, "processing"), &json!(state("processing") - back));
        report("returns", rows(&returns), &truth["returns"]["rows"]);
        let inbound = all(&server, "inboundShipments", "rawStatus purchaseOrderNumber", &id).await;
        report("inbound shipments", rows(&inbound), &truth["inbound_shipments"]["rows"]);
        for (nodes, of) in [(&returns, "returns"), (&inbound, "inbound_shipments")] {
            for (name, rows) in truth[of]["by_state"].as_object().expect("states") {
                report(&format!("{of} in {name}"), raw(nodes, name), rows);
            }
        }
        assert!(returns.iter().all(|one| one["order"]["id"].is_string()), "every return names an order that is there");
        assert!(inbound.iter().all(|one| one["purchaseOrderNumber"].is_string()));
    }
}
