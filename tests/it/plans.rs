//! No documented filter and no order of a list reads a table from end to end: the plans of both databases say so, over tables
//! large enough that an index is worth its while.
//!
//! Every filter and every order of the schema is tried, so a new one without an index fails. `neq`, `nin` and `contains`, which
//! no index answers, are documented so and left out, as is what most records meet.

use std::collections::BTreeMap;

use async_graphql::{InputType, Name, Value};
use crossdock::record::filter::Direction;
use crossdock::record::{self, ConnectionId, DataType, Id, Term};
use crossdock::store::records::{Kind, Listing, Needs, filtered, record_plan, row_list};
use crossdock::store::search::search_which;
use crossdock::store::totals::{status_counts_plan, stock_by_sku_plan};
use crossdock::store::vault::Vault;
use crossdock::store::{Column, Op, Predicate, Scalar, Sizes, Store};

use super::filters::{execute, fields_of};
use super::support::postgres;
use super::tables;

const ROWS: u32 = 20_000;

/// One record in a thousand has these; the rest have the others.
const RARE: (&str, &str) = ("CASE WHEN i % 1000 = 0 THEN 'OPEN' ELSE 'OTHER' END", "CASE WHEN i % 1000 = 0 THEN 'B2B' ELSE 'D2C' END");

/// Fills the tables of records and terms.
fn fill(url: &str) {
    let lite = url.starts_with("sqlite:");
    let numbers = |rows: u32| {
        if lite {
            format!("(WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {rows}) SELECT i FROM numbers) AS numbers")
        } else {
            format!("generate_series(1, {rows}) AS i")
        }
    };
    let time = if lite { "(1700000000 + i) * 1000000" } else { "to_timestamp(1700000000 + i)" };
    let (blob, truth) = if lite { ("x'00'", "(i % 1000 = 0)") } else { ("'\\x00'::bytea", "(i % 1000 = 0)") };
    let epoch = if lite { "0" } else { "to_timestamp(0)" };
    for id in [1, 2] {
        execute(
            url,
            &format!(
                "INSERT INTO connections (id, integration, name, status, credentials, account, lookback_days, created_at) VALUES ({id}, 'none', 'none', 'PAUSED', {blob}, 'none', 1, {epoch})"
            ),
        );
    }
    for (table, columns) in tables::schema() {
        if !columns.contains_key("first_seen_at") {
            continue;
        }
        let value = |name: &str, kind: &str| match (name, kind) {
            ("connection_id", _) => "1".to_owned(),
            ("status", _) => RARE.0.to_owned(),
            ("order_type", _) => RARE.1.to_owned(),
            ("deleted_at", _) => format!("CASE WHEN i % 1000 = 0 THEN {time} END"),
            (_, "Nullable<Json>") => "NULL".to_owned(),
            ("totals" | "delivery", _) => "'{}'".to_owned(),
            (_, "Json") => "'[]'".to_owned(),
            (_, kind) if kind.contains("Text") => "'v' || i".to_owned(),
            (_, kind) if kind.contains("Timestamptz") => time.to_owned(),
            (_, kind) if kind.contains("Bool") => truth.to_owned(),
            _ => "i".to_owned(),
        };
        let names: Vec<_> = columns.keys().map(|name| format!("\"{name}\"")).collect();
        let values: Vec<_> = columns.iter().map(|(name, kind)| value(name, kind)).collect();
        execute(url, &format!("INSERT INTO {table} ({}) SELECT {} FROM {}", names.join(", "), values.join(", "), numbers(ROWS)));
    }
    let kinds = |names: Vec<&str>| names.iter().map(|name| format!("SELECT '{name}' AS name")).collect::<Vec<_>>().join(" UNION ALL ");
    let types = kinds(DataType::ALL.iter().map(|code| code.as_str()).collect());
    let terms = kinds(Term::ALL.iter().map(|code| code.as_str()).collect());
    execute(
        url,
        &format!(
            "INSERT INTO record_terms (connection_id, data_type, source_id, term, value) SELECT 1, t.name, 'v' || i, k.name, CASE WHEN k.name LIKE '%^_AT' ESCAPE '^' THEN '2023-01-01T00:00:00.' || (100000 + i) || 'Z' ELSE 'v' || i END FROM ({types}) AS t, ({terms}) AS k, {}",
            numbers(1000)
        ),
    );
    // Words that few and that many other words begin like.
    execute(
        url,
        &format!(
            "INSERT INTO record_terms (connection_id, data_type, source_id, term, value) SELECT 1, t.name, 'v' || i, 'WORD', 'common' || i FROM ({types}) AS t, {}",
            numbers(3000)
        ),
    );
    if !lite {
        execute(url, "ANALYZE");
    }
}

fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (Name::new(name), value)).collect())
}

/// Operators that few records meet.
fn tries(field: &str, kind: &str) -> Vec<Value> {
    let time = |second: i64| Value::from(record::Instant::from_micros((1_700_000_000 + second) * 1_000_000).to_string());
    let number = |number: f64| if kind == "DecimalFilter" { Value::from(format!("{number:.6}")) } else { Value::from(number) };
    let list = |value: Value| Value::List(vec![value]);
    match kind {
        "StringFilter" => vec![
            object([("eq", "v77".into())]),
            object([("in", Value::List(vec!["v77".into(), "v78".into()]))]),
            object([("startsWith", "v1234".into())]),
        ],
        "IDFilter" => {
            let to = match field {
                "connectionId" => return vec![object([("eq", Id::Connection(ConnectionId(2)).to_string().into())])],
                "warehouseCustomerId" => DataType::WarehouseCustomers,
                "warehouseId" => DataType::Warehouses,
                "shippingMethodId" => DataType::ShippingMethods,
                "orderId" => DataType::Orders,
                "componentId" => DataType::Inventory,
                "locationId" => DataType::WarehouseLocations,
                other => panic!("what does {other} point at?"),
            };
            let id = Id::Record(to, ConnectionId(1), "v77".to_owned()).to_string();
            vec![object([("eq", id.clone().into())]), object([("in", list(id.into()))])]
        }
        "DateTimeFilter" => {
            vec![object([("eq", time(77))]), object([("gte", time(77)), ("lt", time(79))]), object([("gt", time(i64::from(ROWS) - 2))])]
        }
        "FloatFilter" | "DecimalFilter" => vec![object([("eq", number(0.000_077))]), object([("gt", number(0.000_077)), ("lte", number(0.000_079))])],
        "BooleanFilter" => vec![object([("eq", true.into())])],
        "OrderTypeFilter" => vec![object([("eq", Value::Enum(Name::new("B2B")))]), object([("in", list(Value::Enum(Name::new("B2B"))))])],
        _ => vec![object([("eq", Value::Enum(Name::new("OPEN")))]), object([("in", list(Value::Enum(Name::new("OPEN"))))])],
    }
}

/// The nullable column that a filter looks at, if it looks at one.
fn is_nullable(columns: &BTreeMap<String, String>, field: &str) -> bool {
    let snake: String =
        field.chars().flat_map(|letter| if letter.is_uppercase() { vec!['_', letter.to_ascii_lowercase()] } else { vec![letter] }).collect();
    let names = [snake.trim_end_matches("_id").to_owned(), format!("order_{snake}"), format!("location_{snake}"), snake];
    names.iter().any(|name| columns.get(name).is_some_and(|kind| kind.starts_with("Nullable")))
}

/// What a plan reads of a table without being told where by an index, or sorts.
fn faults(plan: &[String], table: &str, sorted: bool) -> Vec<String> {
    let here = format!(" on {table}");
    let mut found = Vec::new();
    for (at, line) in plan.iter().enumerate() {
        let lite_scan = line.strip_prefix("SCAN ").is_some_and(|rest| rest.split(' ').next() == Some(table));
        if lite_scan && !(sorted && line.contains(" USING ")) {
            found.push(line.clone());
        }
        if sorted
            && (line.contains("TEMP B-TREE") || line.trim_start_matches([' ', '-', '>']).starts_with("Sort") || line.contains("Incremental Sort"))
        {
            found.push(line.clone());
        }
        let scans = line.split("  (").next().is_some_and(|line| line.trim_end().ends_with(&here));
        if scans && line.contains("Seq Scan") {
            found.push(line.clone());
        }
        let is_index = scans && (line.contains("Index Scan") || line.contains("Index Only Scan"));
        // That index holds the deleted records alone.
        let is_partial = line.contains("_by_deleted_at");
        if is_index && !sorted && !is_partial && !plan.get(at + 1).is_some_and(|next| next.contains("Index Cond")) {
            found.push(line.clone());
        }
    }
    found
}

async fn check<K: Kind>(store: &Store, filter: &str, sort: &str, wrong: &mut Vec<String>)
where
    K::Filter: InputType,
    K::Sort: InputType,
{
    let mut conn = store.read().await.expect("a connection");
    let columns = tables::schema().remove(K::TABLE).expect("the table");
    let parse = |value: Value| {
        <K::Filter as InputType>::parse(Some(value))
            .unwrap_or_else(|error| panic!("{filter}: {}", error.into_server_error(Default::default()).message))
    };
    for (field, kind) in fields_of(filter) {
        if ["and", "or", "not", "includeDeleted"].contains(&field.as_str()) {
            continue;
        }
        let mut operators = tries(&field, &kind);
        if field == "deletedAt" {
            operators.push(object([("isNull", false.into())]));
        } else if is_nullable(&columns, &field) {
            operators.push(object([("isNull", true.into())]));
        }
        for operators in operators {
            let value = Value::Object([(Name::new(&field), operators)].into_iter().collect());
            let which = filtered::<K>(Some(&parse(value.clone())), "filter").expect("a filter that makes sense");
            let listing = Listing::<K> { which, order: Vec::new(), beyond: None, backwards: false, limit: 51 };
            for counts in [false, true] {
                let plan = record_plan(&mut conn, &listing, counts).await.expect("a plan");
                if !faults(&plan, K::TABLE, false).is_empty() {
                    wrong.push(format!("{filter} {value}, counted: {counts}\n    {}", plan.join("\n    ")));
                }
            }
        }
    }
    let schema = include_str!("../../schema.graphql");
    let body = schema.split_once(&format!("\nenum {sort} {{\n")).expect("the enum").1.split_once("\n}").expect("its end").0;
    let names = body.lines().map(str::trim).filter(|line| !line.is_empty() && line.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    for name in names {
        for direction in [Direction::Asc, Direction::Desc] {
            let key = <K::Sort as InputType>::parse(Some(Value::Enum(Name::new(name)))).ok().expect("a sort key");
            let mut listing = Listing::<K> {
                which: filtered::<K>(None, "").expect("all"),
                order: vec![(key, direction)],
                beyond: None,
                backwards: false,
                limit: 51,
            };
            for beyond in [false, true] {
                if beyond {
                    let rows = row_list(&mut conn, &listing, &Needs::Everything).await.expect("rows");
                    listing.beyond = rows.last().map(|row| listing.position(row));
                }
                let plan = record_plan(&mut conn, &listing, false).await.expect("a plan");
                if !faults(&plan, K::TABLE, true).is_empty() {
                    wrong.push(format!("{sort} {name} {direction:?}, after a cursor: {beyond}\n    {}", plan.join("\n    ")));
                }
            }
        }
    }
}

/// A search goes by the index of terms; what nearly everything has goes by the list, and what is found is tried.
async fn check_search<K: Kind>(store: &Store, wrong: &mut Vec<String>) {
    let mut conn = store.read().await.expect("a connection");
    for (text, common) in [("v77", false), ("COMMON-12 v-78", false), ("v77 common", false), ("common", true)] {
        let search = search_which::<K>(&mut conn, text, "search").await.expect("a search");
        let all = |which: &Predicate| Predicate::All(vec![filtered::<K>(None, "").expect("all"), which.clone()]);
        let listing = |which: Predicate| Listing::<K> { which, order: Vec::new(), beyond: None, backwards: false, limit: 51 };
        let listed = record_plan(&mut conn, &listing(all(&search.listed)), false).await.expect("a plan");
        let counted = record_plan(&mut conn, &listing(all(&search.counted)), true).await.expect("a plan");
        let bad = faults(&listed, K::TABLE, common).into_iter().chain(faults(&counted, K::TABLE, false)).collect::<Vec<_>>();
        // PostgreSQL knows how common a word is, and reads the whole of so small a table where it may as well.
        if !(bad.is_empty() || common && store.dialect() == "PostgreSQL") {
            wrong.push(format!("{} searched for {text}\n    {}\n  counted\n    {}", K::TABLE, listed.join("\n    "), counted.join("\n    ")));
        }
        let terms = |plan: &[String]| plan.iter().any(|line| line.starts_with("SCAN record_terms") || line.contains("Seq Scan on record_terms"));
        assert!(!terms(&listed) && !terms(&counted), "{text}: {listed:#?} {counted:#?}");
    }
}

/// What most records lie beyond is read in the list's own order, on every page; what few do is sorted, on every page.
async fn check_open_ends(store: &Store) {
    if store.dialect() != "SQLite" {
        return;
    }
    let mut conn = store.read().await.expect("a connection");
    for (second, few) in [(1, false), (i64::from(ROWS) - 60, true)] {
        let filter =
            object([("changedAt", object([("gte", Value::from(record::Instant::from_micros((1_700_000_000 + second) * 1_000_000).to_string()))]))]);
        let Ok(filter) = <record::OrderFilter as InputType>::parse(Some(filter)) else { panic!("a filter") };
        let mut listing = Listing::<record::Order> {
            which: filtered::<record::Order>(Some(&filter), "").expect("a filter"),
            order: Vec::new(),
            beyond: None,
            backwards: false,
            limit: 51,
        };
        for page in ["first", "second"] {
            let plan = record_plan(&mut conn, &listing, false).await.expect("a plan");
            let by_change = plan.iter().any(|line| line.contains("SEARCH orders USING INDEX orders_by_change"));
            let sorted = plan.iter().any(|line| line.contains("TEMP B-TREE"));
            assert_eq!((by_change, sorted), (few, few), "the {page} page since {second}: {plan:#?}");
            let rows = row_list(&mut conn, &listing, &Needs::Everything).await.expect("rows");
            listing.beyond = rows.last().map(|row| listing.position(row));
        }
    }
}

/// Counts by status are answered by an index alone, and SKUs are summed up in the order of theirs.
async fn check_totals(store: &Store) {
    // PostgreSQL reads tables of this size as it likes.
    if store.dialect() != "SQLite" {
        return;
    }
    let mut conn = store.read().await.expect("a connection");
    let all = |more: Vec<Predicate>| Predicate::All([Predicate::IsNull(Column::DELETED_AT)].into_iter().chain(more).collect());
    let here = Predicate::Is(Column::CONNECTION, Op::Eq, Scalar::Int(1));
    for more in [vec![], vec![here]] {
        let plan = status_counts_plan::<record::Order>(&mut conn, all(more), &["OPEN", "FULFILLED"]).await.expect("a plan");
        assert!(plan.iter().any(|line| line.contains("USING COVERING INDEX orders_by_status")), "{plan:#?}");
    }
    let plan = stock_by_sku_plan(&mut conn, all(vec![])).await.expect("a plan");
    assert!(plan.iter().any(|line| line.contains("inventory_items_by_sku")) && !plan.iter().any(|line| line.contains("TEMP B-TREE")), "{plan:#?}");
}

async fn check_all(url: &str) {
    let open = || Store::open(url, Sizes::default(), Vault::new(&[7; 32], |_| true));
    drop(open().await.expect("the tables are made"));
    tokio::task::block_in_place(|| fill(url));
    let store = open().await.expect("the database opens");
    let mut wrong = Vec::new();
    macro_rules! each {
        ($($kind:ident $filter:literal $sort:literal),+ $(,)?) => { $(check::<record::$kind>(&store, $filter, $sort, &mut wrong).await;)+ };
    }
    each! {
        InventoryItem "InventoryItemFilter" "InventoryItemSort",
        InboundShipment "InboundShipmentFilter" "InboundShipmentSort",
        Order "OrderFilter" "OrderSort",
        Product "ProductFilter" "ProductSort",
        Return "ReturnFilter" "ReturnSort",
        ShippingMethod "ShippingMethodFilter" "ShippingMethodSort",
        Warehouse "WarehouseFilter" "WarehouseSort",
        WarehouseCustomer "WarehouseCustomerFilter" "WarehouseCustomerSort",
        WarehouseLocation "WarehouseLocationFilter" "WarehouseLocationSort",
    }
    check_search::<record::Order>(&store, &mut wrong).await;
    check_search::<record::Product>(&store, &mut wrong).await;
    check_search::<record::InventoryItem>(&store, &mut wrong).await;
    check_search::<record::InboundShipment>(&store, &mut wrong).await;
    check_totals(&store).await;
    check_open_ends(&store).await;
    assert!(wrong.is_empty(), "{} plans read too much:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_finds_everything_by_an_index() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    check_all(&format!("sqlite:{}/plans.db", folder.path().display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_finds_everything_by_an_index() {
    let url = tokio::task::spawn_blocking(postgres::database_if_installed).await.expect("the cluster starts");
    if let Some(url) = url {
        check_all(&url).await;
    }
}
