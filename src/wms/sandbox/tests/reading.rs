//! Listings: whole, resumed, and of what changed.

use super::*;
use crate::record::{
    InboundShipment, InventoryItem, Order, OrderStatus, Product, Return, ShippingMethod, Warehouse, WarehouseCustomer, WarehouseLocation,
};

/// Reads everything of one type, compares it with what the server says of each row, and resumes from every checkpoint.
async fn whole_and_resumed<T: Paged>() {
    let (sandbox, wms) = sandbox().await;
    let read = read_all::<T>(&wms, Scope::default()).await;
    let name = name_of(T::DATA_TYPE);
    let held = sandbox.counts().into_iter().find(|(resource, _)| *resource == name).unwrap().1;
    assert_eq!(read.records.len(), held, "{name}");
    assert_eq!(read.total, Some(held as u64), "{name}");
    assert_eq!(read.source_time, Some(EPOCH), "{name}: the Date header is the sandbox's own clock");
    assert!(read.complete, "{name}");
    assert_eq!(read.pages.len(), held.div_ceil(41), "{name}");

    let step = (held / 7).max(1);
    for (id, record) in read.records.iter().step_by(step) {
        let reply = ask(&sandbox, "GET", &format!("/v1/{name}/{id}"), None).await;
        let raw = record.source().raw.as_ref().unwrap();
        assert_eq!(raw.as_str().as_bytes(), reply.body, "{id} is kept as it was received");
        assert_eq!(record.source().url, Some(format!("{}/v1/{name}/{id}", sandbox.url())));
        assert!(record.source().created_at <= record.source().updated_at, "{id}");
        assert!(record.source().updated_at <= Some(EPOCH), "{id} was changed after the epoch");
    }
    for (done, checkpoint) in (1..).zip(&read.checkpoints) {
        // A checkpoint outlives the process: it goes through text.
        let text = serde_json::to_string(checkpoint).unwrap();
        let rest = read_on::<T>(&wms, Scope::default(), Some(serde_json::from_str(&text).unwrap())).await.unwrap();
        assert!(rest.complete, "{name}");
        assert_eq!(rest.records.len(), held - read.pages[..done].iter().sum::<usize>(), "{name} from page {done}");
        assert!(rest.records.iter().all(|(id, record)| read.records.get(id) == Some(record)), "{name} from page {done}");
    }
}

/// Reads page by page through an outage, each page with a new adapter and a checkpoint that has been text meanwhile.
async fn interrupted<T: Paged>() {
    let (sandbox, wms) = sandbox().await;
    let whole = read_all::<T>(&wms, Scope::default()).await.records;
    let rules = serde_json::json!([
        { "fault": "status", "status": 500, "percent": 30 },
        { "fault": "cutOff", "afterBytes": 100, "percent": 20 },
        { "fault": "reset", "percent": 10 },
    ]);
    sandbox.set_faults(serde_json::from_value(rules).unwrap());
    let http = http();
    let (mut from, mut records, mut attempts) = (None::<String>, BTreeMap::new(), 0);
    let complete = loop {
        attempts += 1;
        assert!(attempts < 200, "{}: it does not end", T::DATA_TYPE);
        let checkpoint: Option<Checkpoint> = from.as_deref().map(|text| serde_json::from_str(text).unwrap());
        let wms = super::super::integration().connect(&sandbox.credentials(), &http).unwrap();
        let Ok(any) = wms.pull(T::DATA_TYPE, &Scope::default(), checkpoint.as_ref()).await else { continue };
        let page = T::of(any);
        records.extend(page.records.into_iter().map(|record| (record.source().id.clone(), record)));
        match page.next {
            Next::More(checkpoint) => from = Some(serde_json::to_string(&checkpoint).unwrap()),
            next => break next == Next::Done { complete: true },
        }
    };
    assert!(complete && records == whole, "{}", T::DATA_TYPE);
}

macro_rules! each_type {
    ($($test:ident: $type:ident,)+) => {$(
        #[tokio::test]
        async fn $test() {
            whole_and_resumed::<$type>().await;
            interrupted::<$type>().await;
        }
    )+};
}
each_type! {
    inventory_is_read_whole: InventoryItem,
    inbound_shipments_are_read_whole: InboundShipment,
    orders_are_read_whole: Order,
    products_are_read_whole: Product,
    returns_are_read_whole: Return,
    shipping_methods_are_read_whole: ShippingMethod,
    warehouses_are_read_whole: Warehouse,
    warehouse_customers_are_read_whole: WarehouseCustomer,
    warehouse_locations_are_read_whole: WarehouseLocation,
}

fn since(moment: Instant) -> Scope {
    Scope { since: Some(moment), until: None }
}

#[tokio::test]
async fn a_look_back_of_thirty_days_cuts_the_orders_in_two() {
    let (_sandbox, wms) = sandbox().await;
    let cut = EPOCH.minus_seconds(30 * 86_400);
    let all = read_all::<Order>(&wms, Scope::default()).await.records;
    let late = read_all::<Order>(&wms, since(cut)).await;
    let early = read_all::<Order>(&wms, Scope { since: None, until: Some(cut) }).await;
    assert!(!late.complete && !early.complete, "a part of the orders says nothing of the others");
    assert!(late.records.len() > 200 && early.records.len() > 200, "{} and {}", late.records.len(), early.records.len());
    assert_eq!(late.total, Some(late.records.len() as u64));
    assert!(late.records.values().all(|order| order.source.updated_at >= Some(cut)));
    assert!(early.records.values().all(|order| order.source.updated_at < Some(cut)));
    let mut both = late.records;
    both.extend(early.records);
    assert!(both == all, "the two parts are the whole");

    let day = Scope { since: Some(cut), until: Some(cut.plus_seconds(86_400)) };
    let window = read_all::<Order>(&wms, day).await.records;
    let expected = all.values().filter(|order| order.source.updated_at >= day.since && order.source.updated_at < day.until).count();
    assert!(expected > 0);
    assert_eq!(window.len(), expected);
}

#[tokio::test]
async fn what_changed_is_seen_and_nothing_else() {
    let hands = Hands::at_epoch();
    let sandbox = start(config(&hands)).await.unwrap();
    let wms = connect(&sandbox);
    hands.advance(60);
    let mark = EPOCH.plus_seconds(30);
    assert_eq!(read_all::<Order>(&wms, since(mark)).await.records.len(), 0);

    let orders = read_all::<Order>(&wms, Scope::default()).await.records;
    let picked = orders.values().find(|order| order.status == OrderStatus::Picked).unwrap();
    let reply = ask(&sandbox, "POST", &format!("/v1/orders/{}/ship", picked.source.id), None).await;
    assert_eq!(reply.status, 200);
    hands.advance(1);

    let changed = read_all::<Order>(&wms, since(mark)).await.records;
    assert_eq!(changed.keys().collect::<Vec<_>>(), [&picked.source.id]);
    let shipped = &changed[&picked.source.id];
    assert_eq!(shipped.status, OrderStatus::Fulfilled);
    assert_eq!(shipped.shipments.len(), picked.shipments.len() + 1);
    assert!(shipped.shipments.iter().any(|shipment| shipment.shipped_at == Some(EPOCH.plus_seconds(60))));

    // What was shipped left the shelves, so those items changed too, and they alone.
    let items = read_all::<InventoryItem>(&wms, since(mark)).await.records;
    let taken: std::collections::BTreeSet<String> = shipped
        .shipments
        .iter()
        .flat_map(|shipment| shipment.line_items.iter())
        .map(|line| line.inventory_item.as_ref().unwrap().source_id().to_owned())
        .collect();
    assert!(!taken.is_empty());
    assert_eq!(items.keys().cloned().collect::<std::collections::BTreeSet<_>>(), taken);
    assert_eq!(read_all::<Product>(&wms, since(mark)).await.records.len(), 0);
}

#[tokio::test]
async fn a_listing_loses_nothing_while_rows_come_and_go() {
    let hands = Hands::at_epoch();
    let sandbox = start(config(&hands)).await.unwrap();
    let wms = connect(&sandbox);
    let before = read_all::<Product>(&wms, Scope::default()).await;
    let second = before.checkpoints[1].clone();

    // One row that has been shown and one that has not are deleted between two pages.
    let ids: Vec<&String> = before.records.keys().collect();
    for id in [ids[3], ids[100]] {
        assert_eq!(ask(&sandbox, "DELETE", &format!("/v1/products/{id}"), None).await.status, 204);
        assert_eq!(ask(&sandbox, "GET", &format!("/v1/products/{id}"), None).await.status, 404);
    }
    let rest = read_on::<Product>(&wms, Scope::default(), Some(second)).await.unwrap();
    assert_eq!(rest.records.len(), before.records.len() - 82 - 1, "only the one that was still to come is missing");
    assert!(!rest.records.contains_key(ids[100]));

    let after = read_all::<Product>(&wms, Scope::default()).await;
    assert!(after.complete);
    assert_eq!(after.records.len(), before.records.len() - 2);
    let gone: Vec<&&String> = ids.iter().filter(|id| !after.records.contains_key(**id)).collect();
    assert_eq!(gone, [&ids[3], &ids[100]], "no tombstone is left");
}

#[tokio::test]
async fn rows_that_cannot_be_mapped_are_rejected_one_by_one() {
    let rows = r#"{"data":[{"id":"wh_1","name":"Good","open":true},{"id":"wh_2","open":true},{"name":7},["x"]],"next_cursor":null,"total":4}"#;
    let url = super::errors::canned("200 OK", "application/json", rows).await;
    let credentials = serde_json::json!({ "baseUrl": url, "apiToken": "t" });
    let wms = super::super::integration().connect(&credentials, &http()).unwrap();
    let page = Warehouse::of(wms.pull(DataType::Warehouses, &Scope::default(), None).await.unwrap());
    assert_eq!(page.records.iter().map(|warehouse| warehouse.name.as_str()).collect::<Vec<_>>(), ["Good"]);
    let rejects: Vec<(Option<&str>, &str)> = page.rejects.iter().map(|reject| (reject.source_id.as_deref(), reject.raw.as_str())).collect();
    assert_eq!(rejects, [(None, r#"{"name":7}"#), (None, r#"["x"]"#), (Some("wh_2"), r#"{"id":"wh_2","open":true}"#)]);
    assert!(page.rejects[2].reason.contains("missing field `name`"), "{}", page.rejects[0].reason);
}

/// The words that GraphQL has for the fields of a record that hold anything.
fn filled(record: &impl Record) -> Vec<String> {
    let Value::Object(mut fields) = serde_json::to_value(record).unwrap() else { panic!("a record is an object") };
    let Some(Value::Object(source)) = fields.remove("source") else { panic!("a record has a source") };
    for flat in ["totals", "delivery"] {
        if let Some(Value::Object(inner)) = fields.remove(flat) {
            fields.extend(inner);
        }
    }
    for (name, value) in source {
        match name.as_str() {
            "id" | "raw" => {}
            "additional_fields" => drop(fields.insert(name, value)),
            name => drop(fields.insert(format!("source_{name}"), value)),
        }
    }
    let is_filled = |value: &Value| !(value.is_null() || value.as_array().is_some_and(Vec::is_empty));
    let camel = |name: &str| -> String {
        let name = name.trim_start_matches("order_type").trim_start_matches("location_type");
        let mut words = if name.is_empty() { "type" } else { name }.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |all, word| all + &word[..1].to_uppercase() + &word[1..])
    };
    fields.iter().filter(|(_, value)| is_filled(value)).map(|(name, _)| camel(name)).collect()
}

async fn fields_are_true<T: Paged>(wms: &Arc<dyn Wms>) {
    let claimed: std::collections::BTreeSet<String> =
        super::super::integration().reads(T::DATA_TYPE).unwrap().fields.iter().map(|field| (*field).to_owned()).collect();
    let records = read_all::<T>(wms, Scope::default()).await.records;
    let seen: std::collections::BTreeSet<String> = records.values().flat_map(filled).collect();
    assert_eq!(seen, claimed, "{}", T::DATA_TYPE);
}

#[tokio::test]
async fn the_fields_that_are_claimed_are_the_fields_that_are_filled() {
    let (_sandbox, wms) = sandbox().await;
    fields_are_true::<InventoryItem>(&wms).await;
    fields_are_true::<InboundShipment>(&wms).await;
    fields_are_true::<Order>(&wms).await;
    fields_are_true::<Product>(&wms).await;
    fields_are_true::<Return>(&wms).await;
    fields_are_true::<ShippingMethod>(&wms).await;
    fields_are_true::<Warehouse>(&wms).await;
    fields_are_true::<WarehouseCustomer>(&wms).await;
    fields_are_true::<WarehouseLocation>(&wms).await;
}
