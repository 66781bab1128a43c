//! Every filter of every list, held against a model in Rust over the same rows.
//!
//! The table [`LISTS`] says where a filter's values stand in a node; the operators are tried with values that are there. A filter
//! of the schema that the table does not name fails the test, as does one that has nothing to find in the demo.

use std::collections::BTreeSet;
use std::path::Path;

use crossdock::record::Instant;
use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use serde_json::{Map, Value, json};

use super::support::postgres;
use super::support::server::{Database, Server, on_both};

/// A list: its field, its filter, what is read of a node, and where each filter's values stand in it.
struct List {
    name: &'static str,
    filter: &'static str,
    node: &'static str,
    fields: &'static [(&'static str, &'static str)],
}

const LISTS: &[List] = &[
    List {
        name: "inventory",
        filter: "InventoryItemFilter",
        node: "warehouseCustomer { id } sku name active onHand fulfillable committed unfulfillable awaiting sellable byWarehouse { warehouse { id } } locations { location { id } } lots { lotId expiresAt }",
        fields: &[
            ("warehouseCustomerId", "warehouseCustomer.id"),
            ("sku", "sku"),
            ("name", "name"),
            ("active", "active"),
            ("onHand", "onHand"),
            ("fulfillable", "fulfillable"),
            ("committed", "committed"),
            ("unfulfillable", "unfulfillable"),
            ("awaiting", "awaiting"),
            ("sellable", "sellable"),
            ("warehouseId", "byWarehouse.warehouse.id"),
            ("locationId", "locations.location.id"),
            ("lotId", "lots.lotId"),
            ("lotExpiresAt", "lots.expiresAt"),
        ],
    },
    List {
        name: "inboundShipments",
        filter: "InboundShipmentFilter",
        node: "warehouseCustomer { id } warehouse { id } purchaseOrderNumber status rawStatus expectedArrivalAt lineItems { sku } trackingNumbers supplier { name } receipts { arrivedAt }",
        fields: &[
            ("warehouseCustomerId", "warehouseCustomer.id"),
            ("warehouseId", "warehouse.id"),
            ("purchaseOrderNumber", "purchaseOrderNumber"),
            ("status", "status"),
            ("rawStatus", "rawStatus"),
            ("expectedArrivalAt", "expectedArrivalAt"),
            ("sku", "lineItems.sku"),
            ("trackingNumber", "trackingNumbers"),
            ("supplierName", "supplier.name"),
            ("arrivedAt", "receipts.arrivedAt"),
        ],
    },
    List {
        name: "orders",
        filter: "OrderFilter",
        node: "warehouseCustomer { id } warehouse { id } shippingMethod { id } status rawStatus type orderNumber referenceId totalPrice requiredShipDate lineItems { sku } shipTo { country } channel { name } sourceTags shipments { shippedAt packages { trackingNumber lineItems { lotId } } }",
        fields: &[
            ("warehouseCustomerId", "warehouseCustomer.id"),
            ("warehouseId", "warehouse.id"),
            ("shippingMethodId", "shippingMethod.id"),
            ("status", "status"),
            ("rawStatus", "rawStatus"),
            ("type", "type"),
            ("orderNumber", "orderNumber"),
            ("referenceId", "referenceId"),
            ("totalPrice", "totalPrice"),
            ("requiredShipDate", "requiredShipDate"),
            ("sku", "lineItems.sku"),
            ("trackingNumber", "shipments.packages.trackingNumber"),
            ("country", "shipTo.country"),
            ("channelName", "channel.name"),
            ("sourceTag", "sourceTags"),
            ("lotId", "shipments.packages.lineItems.lotId"),
            ("shippedAt", "shipments.shippedAt"),
        ],
    },
    List {
        name: "products",
        filter: "ProductFilter",
        node: "warehouseCustomer { id } sku name gtin isKit active unitPrice countryOfOrigin harmonizedCode components { inventoryItem { id } sku } supplier { name }",
        fields: &[
            ("warehouseCustomerId", "warehouseCustomer.id"),
            ("sku", "sku"),
            ("name", "name"),
            ("gtin", "gtin"),
            ("isKit", "isKit"),
            ("active", "active"),
            ("unitPrice", "unitPrice"),
            ("countryOfOrigin", "countryOfOrigin"),
            ("harmonizedCode", "harmonizedCode"),
            ("componentId", "components.inventoryItem.id"),
            ("componentSku", "components.sku"),
            ("supplierName", "supplier.name"),
        ],
    },
    List {
        name: "returns",
        filter: "ReturnFilter",
        node: "warehouseCustomer { id } order { id } status rawStatus lineItems { sku reason } shipments { trackingNumber arrivedAt warehouse { id } }",
        fields: &[
            ("warehouseCustomerId", "warehouseCustomer.id"),
            ("orderId", "order.id"),
            ("status", "status"),
            ("rawStatus", "rawStatus"),
            ("sku", "lineItems.sku"),
            ("trackingNumber", "shipments.trackingNumber"),
            ("warehouseId", "shipments.warehouse.id"),
            ("reason", "lineItems.reason"),
            ("arrivedAt", "shipments.arrivedAt"),
        ],
    },
    List {
        name: "shippingMethods",
        filter: "ShippingMethodFilter",
        node: "name carrier { name }",
        fields: &[("name", "name"), ("carrierName", "carrier.name")],
    },
    List {
        name: "warehouses",
        filter: "WarehouseFilter",
        node: "name code address { country }",
        fields: &[("name", "name"), ("code", "code"), ("country", "address.country")],
    },
    List { name: "warehouseCustomers", filter: "WarehouseCustomerFilter", node: "name email", fields: &[("name", "name"), ("email", "email")] },
    List {
        name: "warehouseLocations",
        filter: "WarehouseLocationFilter",
        node: "name warehouse { id } type",
        fields: &[("name", "name"), ("warehouseId", "warehouse.id"), ("type", "type")],
    },
];

/// What every list has.
const COMMON: &[(&str, &str)] = &[
    ("connectionId", "connection.id"),
    ("sourceId", "sourceId"),
    ("sourceCreatedAt", "sourceCreatedAt"),
    ("sourceUpdatedAt", "sourceUpdatedAt"),
    ("firstSeenAt", "firstSeenAt"),
    ("changedAt", "changedAt"),
    ("deletedAt", "deletedAt"),
];

/// Filters whose field is empty in every record of the demo: only what `isNull` says of them can be tried.
const EMPTY: &[(&str, &str)] = &[];

/// The fields of an input type of the schema, with their types.
pub fn fields_of(input: &str) -> Vec<(String, String)> {
    let schema = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).expect("the schema");
    let body = schema.split_once(&format!("\ninput {input} {{\n")).expect("an input type").1.split_once("\n}").expect("its end").0;
    let fields = body.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": "));
    fields.filter(|(name, _)| name.chars().all(char::is_alphanumeric)).map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// The values at a path of a node, lists on the way read through.
pub fn values(node: &Value, path: &str) -> Vec<Value> {
    let step = |values: Vec<Value>, key: &str| values.into_iter().map(|value| value[key].clone()).flat_map(spread).collect();
    path.split('.').fold(vec![node.clone()], step)
}

fn spread(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// A value as something that orders.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Ordered {
    Text(String),
    Number(f64),
    Time(Instant),
}

fn ordered(kind: &str, value: &Value) -> Ordered {
    match (kind, value) {
        ("DateTimeFilter", Value::String(text)) => Ordered::Time(text.parse().expect("a moment")),
        ("DecimalFilter", Value::String(text)) => Ordered::Number(text.parse().expect("a number")),
        ("FloatFilter", number) => Ordered::Number(number.as_f64().expect("a number")),
        (_, Value::String(text)) => Ordered::Text(text.clone()),
        (_, other) => Ordered::Text(other.to_string()),
    }
}

/// The model: whether a record with these values meets the operators.
fn meets(kind: &str, values: &[Value], operators: &Map<String, Value>) -> bool {
    let one_of = |value: &Value, list: &Value| list.as_array().expect("a list").contains(value);
    let same = |value: &Value, wanted: &Value| ordered(kind, value) == ordered(kind, wanted);
    // One and the same value meets all that ask for one.
    let asks = operators.keys().any(|operator| !["neq", "nin", "isNull"].contains(&operator.as_str()));
    let one = |value: &Value| {
        operators.iter().all(|(operator, wanted)| match operator.as_str() {
            "eq" => same(value, wanted),
            "in" => one_of(value, wanted),
            "startsWith" => value.as_str().expect("a text").starts_with(wanted.as_str().expect("a text")),
            "contains" => value.as_str().expect("a text").contains(wanted.as_str().expect("a text")),
            "gt" => ordered(kind, value) > ordered(kind, wanted),
            "gte" => ordered(kind, value) >= ordered(kind, wanted),
            "lt" => ordered(kind, value) < ordered(kind, wanted),
            "lte" => ordered(kind, value) <= ordered(kind, wanted),
            _ => true,
        })
    };
    let none = operators.iter().all(|(operator, wanted)| match operator.as_str() {
        "neq" => !values.iter().any(|value| same(value, wanted)),
        "nin" => !values.iter().any(|value| one_of(value, wanted)),
        "isNull" => values.is_empty() == wanted.as_bool().expect("a truth"),
        _ => true,
    });
    none && (!asks || values.iter().any(one))
}

/// Operators to try on a filter, with values that are there: the lowest, one from the middle, the highest.
fn tries(kind: &str, there: &[Value], nullable: bool) -> Vec<Value> {
    let mut all = Vec::new();
    if nullable {
        all.extend([json!({ "isNull": true }), json!({ "isNull": false })]);
    }
    let (Some(low), Some(high)) = (there.first(), there.last()) else { return all };
    let middle = &there[there.len() / 2];
    match kind {
        "BooleanFilter" => all.extend([json!({ "eq": true }), json!({ "eq": false })]),
        "StringFilter" | "IDFilter" => all.extend([
            json!({ "eq": middle }),
            json!({ "neq": middle }),
            json!({ "in": [low, high] }),
            json!({ "nin": [low, middle] }),
            json!({ "in": [middle, high], "neq": high }),
        ]),
        "DateTimeFilter" | "FloatFilter" | "DecimalFilter" => all.extend([
            json!({ "eq": middle }),
            json!({ "gt": middle }),
            json!({ "gte": middle }),
            json!({ "lt": middle }),
            json!({ "lte": middle }),
            json!({ "gt": low, "lt": high }),
        ]),
        _ => all.extend([json!({ "eq": middle }), json!({ "neq": low }), json!({ "in": [low, high] }), json!({ "nin": [low, high] })]),
    }
    if kind == "StringFilter" {
        let letters: Vec<char> = middle.as_str().expect("a text").chars().collect();
        let part = |letters: &[char]| letters.iter().collect::<String>();
        let half = part(&letters[..letters.len().div_ceil(2)]);
        all.extend([
            json!({ "startsWith": half }),
            json!({ "contains": part(&letters[letters.len() / 2..]) }),
            json!({ "startsWith": half, "contains": half }),
        ]);
    }
    all
}

/// All nodes of a list that meet a filter.
async fn nodes(server: &Server, list: &List, page: u32, node: &str, filter: &Value) -> Vec<Value> {
    let (name, input) = (list.name, list.filter);
    let document = format!(
        "query($filter: {input}, $after: String) {{ {name}(first: {page}, after: $after, filter: $filter) {{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ id {node} }} }} }}"
    );
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = server.data(&document, json!({ "filter": filter, "after": after })).await;
        let part = &data[name];
        all.extend(part["nodes"].as_array().expect("nodes").iter().cloned());
        if part["pageInfo"]["hasNextPage"] == json!(false) {
            assert_eq!(part["totalCount"], json!(all.len()), "{name}: {filter}");
            return all;
        }
        after = part["pageInfo"]["endCursor"].clone();
    }
}

fn ids(nodes: &[&Value]) -> BTreeSet<String> {
    nodes.iter().map(|node| node["id"].as_str().expect("an id").to_owned()).collect()
}

/// Runs a statement on the server's database, past the server.
pub fn execute(database_url: &str, sql: &str) {
    match database_url.strip_prefix("sqlite:") {
        Some(path) => {
            let mut connection = SqliteConnection::establish(path).expect("SQLite opens");
            connection.batch_execute(&format!("PRAGMA busy_timeout = 10000; {sql}")).expect("the statement runs");
        }
        None => drop(postgres::ask(database_url, sql).expect("the statement runs")),
    }
}

on_both! {
    async fn filters_find_what_a_model_finds(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let mut wrong = Vec::new();
        // A relation shows nothing where the other record is not there, though the link is.
        execute(&server.database_url, "UPDATE returns SET \"order\" = NULL WHERE \"order\" NOT IN (SELECT source_id FROM orders)");
        for list in LISTS {
            let table = list.name;
            let table = match table { "inventory" => "inventory_items", "inboundShipments" => "inbound_shipments", "shippingMethods" => "shipping_methods", "warehouseCustomers" => "warehouse_customers", "warehouseLocations" => "warehouse_locations", same => same };
            execute(&server.database_url, &format!("UPDATE {table} SET deleted_at = changed_at WHERE source_id = (SELECT min(source_id) FROM {table})"));
            let node = format!("connection {{ id }} sourceId sourceCreatedAt sourceUpdatedAt firstSeenAt changedAt deletedAt {}", list.node);
            let all = nodes(&server, list, 40, &node, &json!({ "includeDeleted": true })).await;
            let paths: Vec<_> = COMMON.iter().chain(list.fields).collect();
            for (field, kind) in fields_of(list.filter) {
                if ["and", "or", "not", "includeDeleted"].contains(&field.as_str()) {
                    continue;
                }
                let Some((_, path)) = paths.iter().find(|(name, _)| *name == field) else {
                    wrong.push(format!("{}.{field}: LISTS does not say where its values stand", list.filter));
                    continue;
                };
                let mut there: Vec<Value> = all.iter().flat_map(|node| values(node, path)).collect();
                there.sort_by(|a, b| ordered(&kind, a).partial_cmp(&ordered(&kind, b)).expect("comparable"));
                there.dedup();
                if there.is_empty() != EMPTY.contains(&(list.filter, field.as_str())) {
                    wrong.push(format!("{}.{field}: has a value in the demo, or none, unlike EMPTY says", list.filter));
                }
                let nullable = fields_of(&kind).iter().any(|(name, _)| name == "isNull");
                for operators in tries(&kind, &there, nullable) {
                    let filter = json!({ &field: operators });
                    let operators = operators.as_object().expect("operators");
                    let wanted: Vec<_> = all.iter().filter(|node| (field == "deletedAt" || node["deletedAt"].is_null()) && meets(&kind, &values(node, path), operators)).collect();
                    let found = nodes(&server, list, 250, "", &filter).await;
                    if ids(&found.iter().collect::<Vec<_>>()) != ids(&wanted) {
                        wrong.push(format!("{}: {filter} found {} of {}", list.name, found.len(), wanted.len()));
                    }
                    // Within an alternative and a negation it is written another way.
                    let filter = json!({ "and": [{ "or": [&filter, { "sourceId": { "eq": "nowhere" } }] }, { "not": { "not": &filter } }] });
                    let found = nodes(&server, list, 250, "", &filter).await;
                    if ids(&found.iter().collect::<Vec<_>>()) != ids(&wanted) {
                        wrong.push(format!("{}: {filter} found {} of {}", list.name, found.len(), wanted.len()));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn what_is_wrong_inside_a_filter_is_named_with_its_place(server: Server) {
        let mut said = Vec::new();
        let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        for filter in [
            json!({ "or": [{ "status": { "eq": "OPEN" } }, { "sku": { "in": many } }] }),
            json!({ "and": [{ "not": { "or": [{ "lotId": { "nin": many } }] } }] }),
            json!({ "warehouseId": { "in": [crossdock::record::Id::record::<crossdock::record::Warehouse>(crossdock::record::ConnectionId(1), "1").to_string(), "x"] } }),
            json!({ "warehouseId": { "eq": crossdock::record::Id::record::<crossdock::record::Product>(crossdock::record::ConnectionId(1), "1").to_string() } }),
            json!({ "connectionId": { "neq": "x" } }),
        ] {
            said.push(server.error("query($filter: OrderFilter) { orders(filter: $filter) { nodes { id } } }", json!({ "filter": filter })).await);
        }
        let product = crossdock::record::Id::record::<crossdock::record::Product>(crossdock::record::ConnectionId(1), "1").to_string();
        said.push(server.error("query($id: ID) { inventory(filter: { not: { locationId: { eq: $id } } }) { nodes { id } } }", json!({ "id": product })).await);
        // Once for each database, in one process.
        insta::allow_duplicates!(insta::assert_snapshot!(said.join("\n"), @r#"
        INVALID_INPUT [filter]: filter.or.1.sku.in: at most 100 values are allowed, not 101
        INVALID_INPUT [filter]: filter.and.0.not.or.0.lotId.nin: at most 100 values are allowed, not 101
        INVALID_INPUT [filter]: filter.warehouseId.in.1: "x" is not the id of a Warehouse
        INVALID_INPUT [filter]: filter.warehouseId.eq: "UHJvZHVjdDoxOjE" is not the id of a Warehouse
        INVALID_INPUT [filter]: filter.connectionId.neq: "x" is no connection's id
        INVALID_INPUT [filter]: filter.not.locationId.eq: "UHJvZHVjdDoxOjE" is not the id of a WarehouseLocation
        "#));
    }
}
