//! Counts and sums, held against the lists that they are of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filters::execute;
use super::support::server::{Database, Server, on_both};

const QUANTITIES: [&str; 6] = ["onHand", "committed", "fulfillable", "unfulfillable", "awaiting", "sellable"];
const SUMS: &str = "itemCount onHand committed fulfillable unfulfillable awaiting sellable";

/// All nodes of a list.
async fn nodes(server: &Server, list: &str, arguments: &str, node: &str) -> Vec<Value> {
    let document = format!(
        "query($after: String) {{ {list}(first: 100, after: $after {arguments}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {node} }} }} }}"
    );
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = server.data(&document, json!({ "after": after })).await;
        let list = list.split('.').fold(&data, |data, part| &data[part]);
        all.extend(list["nodes"].as_array().expect("nodes").clone());
        after = list["pageInfo"]["endCursor"].clone();
        if list["pageInfo"]["hasNextPage"] == json!(false) {
            return all;
        }
    }
}

/// Six sums, in millionths, and of how many items.
type Sums = (i64, [i64; 6]);

fn add(sums: &mut Sums, of: &Value) {
    sums.0 += 1;
    for (sum, name) in sums.1.iter_mut().zip(QUANTITIES) {
        *sum += micros(&of[name]);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the demo's stock is small")]
fn micros(number: &Value) -> i64 {
    (number.as_f64().expect("a number") * 1e6).round() as i64
}

fn told(sums: &Value) -> Sums {
    (sums["itemCount"].as_i64().expect("a count"), QUANTITIES.map(|name| micros(&sums[name])))
}

on_both! {
    async fn records_are_counted_by_status(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        execute(&server.database_url, "UPDATE orders SET deleted_at = changed_at WHERE source_id = (SELECT min(source_id) FROM orders)");
        let number = server.data("{ orders(first: 1) { nodes { orderNumber } } }", json!({})).await["orders"]["nodes"][0]["orderNumber"].clone();
        let search = format!("search: {}", json!(number.as_str().expect("a number").chars().take(4).collect::<String>()));
        for (counts, list, arguments) in [
            ("orderCounts", "orders", ""),
            ("orderCounts", "orders", "filter: { includeDeleted: true }"),
            ("orderCounts", "orders", "filter: { status: { nin: [CANCELLED] }, country: { eq: \"US\" } }"),
            ("orderCounts", "orders", "filter: { or: [{ status: { eq: OPEN } }, { sku: { isNull: true } }] }"),
            ("orderCounts", "orders", search.as_str()),
            ("inboundShipmentCounts", "inboundShipments", ""),
            ("returnCounts", "returns", "filter: { trackingNumber: { isNull: false } }"),
        ] {
            let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
            let all = nodes(&server, list, &format!(", {arguments}"), "status").await;
            all.iter().for_each(|node| *wanted.entry(node["status"].as_str().expect("a status").to_owned()).or_default() += 1);
            let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
            let data = server.data(&format!("{{ {counts}{arguments} {{ totalCount byStatus {{ status count }} freshAsOf }} {list} {{ freshAsOf }} }}"), json!({})).await;
            let told = &data[counts];
            assert_eq!(told["totalCount"], json!(all.len()), "{counts} {arguments}");
            assert_eq!(told["freshAsOf"], data[list]["freshAsOf"]);
            let by_status: BTreeMap<String, i64> = told["byStatus"].as_array().expect("counts").iter().map(|one| (one["status"].as_str().expect("a status").to_owned(), one["count"].as_i64().expect("a count"))).collect();
            assert!(by_status.contains_key("CANCELLED") && by_status.contains_key("OTHER"), "every status is told: {by_status:?}");
            assert_eq!(by_status.into_iter().filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>(), wanted, "{counts} {arguments}");
        }
    }

    async fn stock_is_summed_up(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        // Two items of one SKU, one without, and one that is gone.
        execute(&server.database_url, "UPDATE inventory_items SET deleted_at = changed_at WHERE source_id = (SELECT min(source_id) FROM inventory_items);
            UPDATE inventory_items SET sku = NULL WHERE source_id = (SELECT max(source_id) FROM inventory_items);
            UPDATE inventory_items SET sku = (SELECT min(sku) FROM inventory_items WHERE deleted_at IS NULL) WHERE source_id IN (SELECT source_id FROM inventory_items WHERE deleted_at IS NULL ORDER BY source_id LIMIT 3)");
        let warehouse = server.data("{ warehouses(first: 1) { nodes { id } } }", json!({})).await["warehouses"]["nodes"][0]["id"].clone();
        for arguments in [String::new(), "filter: { onHand: { gt: 20 } }".to_owned(), format!("filter: {{ warehouseId: {{ eq: {warehouse} }} }}"), "filter: { sku: { eq: \"none\" } }".to_owned()] {
            let all = nodes(&server, "inventory", &format!(", {arguments}"), &format!("sku {} byWarehouse {{ warehouse {{ id }} {} }}", QUANTITIES.join(" "), QUANTITIES.join(" "))).await;
            let (mut total, mut by_sku, mut by_warehouse) = (Sums::default(), BTreeMap::<Option<String>, Sums>::new(), BTreeMap::<Option<String>, Sums>::new());
            for item in &all {
                add(&mut total, item);
                add(by_sku.entry(item["sku"].as_str().map(str::to_owned)).or_default(), item);
                item["byWarehouse"].as_array().expect("parts").iter().for_each(|part| add(by_warehouse.entry(part["warehouse"]["id"].as_str().map(str::to_owned)).or_default(), part));
            }
            let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
            let data = server.data(&format!("{{ inventoryTotals{arguments} {{ freshAsOf total {{ {SUMS} }} bySku(first: 0) {{ totalCount }} byWarehouse(first: 0) {{ totalCount }} }} }}"), json!({})).await;
            let totals = &data["inventoryTotals"];
            assert_eq!(told(&totals["total"]), total, "{arguments}");
            assert!(totals["freshAsOf"].is_string());
            assert_eq!((&totals["bySku"]["totalCount"], &totals["byWarehouse"]["totalCount"]), (&json!(by_sku.len()), &json!(by_warehouse.len())));
            for (field, what, of, wanted) in [("bySku", "sku", "sku", &by_sku), ("byWarehouse", "warehouse { id }", "warehouse.id", &by_warehouse)] {
                let mut found = BTreeMap::new();
                let (mut keys, mut after) = (Vec::new(), Value::Null);
                loop {
                    let document = format!("query($after: String) {{ inventoryTotals{arguments} {{ {field}(first: 7, after: $after) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {what} {SUMS} }} }} }} }}");
                    let page = server.data(&document, json!({ "after": after })).await["inventoryTotals"][field].clone();
                    for node in page["nodes"].as_array().expect("nodes") {
                        let key = of.split('.').fold(node, |node, part| &node[part]).as_str().map(str::to_owned);
                        keys.push(key.clone());
                        assert!(found.insert(key, told(node)).is_none(), "each once");
                    }
                    after = page["pageInfo"]["endCursor"].clone();
                    if page["pageInfo"]["hasNextPage"] == json!(false) {
                        break;
                    }
                }
                assert_eq!(&found, wanted, "{field} {arguments}");
                assert!(field == "byWarehouse" || keys.is_sorted(), "{keys:?}");
            }
        }
    }
}
