//! Orders that are made, products that are changed, and what is left of them after a restart.

use crate::record::draft::MaybeUndefined;
use serde_json::json;

use super::data::adds_up;
use super::*;
use crate::record::draft::{AddressInput, CreateOrder, OrderDraft, OrderLineItemDraft, ProductPatch, Ref, UpdateProduct};
use crate::record::{ConnectionId, Id, InventoryItem, Json, Order, OrderStatus, OrderType, Product, Quantity};
use crate::wms::{Kind, Written};

pub(super) fn reference_to<T: Record>(source_id: &str) -> Option<Ref<T>> {
    Ref::of(&Id::record::<T>(ConnectionId(1), source_id))
}

pub(super) fn line(sku: &str, quantity: i64) -> OrderLineItemDraft {
    OrderLineItemDraft {
        product_id: None,
        sku: Some(sku.to_owned()),
        quantity: Quantity::whole(quantity),
        unit_price: "9.95".parse().ok(),
        discount_amount: None,
    }
}

pub(super) fn draft(lines: Vec<OrderLineItemDraft>) -> CreateOrder {
    let text = |text: &str| Some(text.to_owned());
    let ship_to = AddressInput {
        full_name: text("Änne Weiß"),
        address1: text("Hohe Straße 1"),
        address3: text("Hinterhaus"),
        city: text("Köln"),
        postal_code: text("50667"),
        country: text("DE"),
        ..AddressInput::default()
    };
    let order = OrderDraft {
        reference_id: text("shop-1"),
        shipping_method_id: reference_to("sm_04"),
        order_type: Some(OrderType::B2b),
        ship_to: Some(ship_to),
        required_ship_date: Some(EPOCH.plus_seconds(86_400)),
        currency_code: text("EUR"),
        line_items: lines,
        ..OrderDraft::default()
    };
    CreateOrder { order, integration_fields: None }
}

async fn create(wms: &Arc<dyn Wms>, command: CreateOrder, reference: &str) -> Result<Written<Order>, Error> {
    push(wms, command, reference).await
}

async fn update(wms: &Arc<dyn Wms>, id: &str, patch: ProductPatch) -> Result<Product, Error> {
    let reference = format!("{id}-{:016x}", blake3_of(&patch));
    let command = UpdateProduct { id: reference_to(id).unwrap(), product: patch, integration_fields: None };
    Ok(push(wms, command, &reference.replace(['/', '.'], "-")).await?.record)
}

/// A number that belongs to what is asked for.
fn blake3_of(asked: &impl serde::Serialize) -> u64 {
    let hash = blake3::hash(&serde_json::to_vec(asked).unwrap());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
}

pub(super) fn path(parts: &[&str]) -> Option<Vec<String>> {
    Some(parts.iter().map(|part| (*part).to_owned()).collect())
}

/// A product in whole pieces with plenty of it in one open warehouse, and the item that it takes.
pub(super) async fn plenty(wms: &Arc<dyn Wms>) -> (Product, InventoryItem) {
    let items = read_all::<InventoryItem>(wms, Scope::default()).await.records;
    let products = read_all::<Product>(wms, Scope::default()).await.records;
    let find = |product: Product| {
        let [component] = product.components.as_slice() else { return None };
        let item = items.get(component.inventory_item.as_ref()?.source_id())?.clone();
        let is_whole = item.source.additional_fields.as_ref()?.to_value()["uom"] == "pcs";
        let has_plenty = item.by_warehouse.iter().any(|of| of.fulfillable > Quantity::whole(50));
        (product.active && product.sku.is_some() && is_whole && has_plenty).then_some((product, item))
    };
    products.into_values().find_map(find).unwrap()
}

#[tokio::test]
async fn an_order_that_is_made_promises_stock() {
    let (_sandbox, wms) = sandbox().await;
    let (product, before) = plenty(&wms).await;
    let sku = product.sku.clone().unwrap();
    let mut command = draft(vec![line(&sku, 3)]);
    command.integration_fields = Some(Json::of(&json!({ "tags": ["vip"], "gift_message": "Prost!" })));
    let written = create(&wms, command, "write-1").await.unwrap();
    let order = &written.record;
    assert_eq!(written.unused_fields, ["shipTo.address3"]);
    assert_eq!((order.status, order.raw_status.as_deref()), (OrderStatus::Open, Some("new")));
    assert_eq!((order.reference_id.as_deref(), order.order_type), (Some("shop-1"), Some(OrderType::B2b)));
    assert_eq!(order.ship_to.as_ref().unwrap().full_name.as_deref(), Some("Änne Weiß"));
    assert_eq!((order.total_price, order.totals.currency_code.as_deref()), ("29.85".parse().ok(), Some("EUR")));
    assert_eq!(order.warehouse_customer, product.warehouse_customer);
    assert_eq!(order.shipping_method.as_ref().map(|method| method.source_id().to_owned()).as_deref(), Some("sm_04"));
    assert_eq!(order.required_ship_date, Some(EPOCH.plus_seconds(86_400)));
    assert_eq!(order.source_tags.as_slice(), ["vip"]);
    assert_eq!(order.source.additional_fields.as_ref().unwrap().to_value()["gift_message"], "Prost!");
    let line = &order.line_items[0];
    assert_eq!((line.sku.as_ref(), line.quantity, line.unit_price), (Some(&sku), Quantity::whole(3), "9.95".parse().ok()));

    let changed = read_all::<InventoryItem>(&wms, Scope { since: Some(EPOCH.plus_seconds(0)), until: None }).await.records;
    let per_product = product.components[0].quantity;
    let after = &changed[&before.source.id];
    adds_up(after);
    let promised = Quantity::from_micros(per_product.micros() * 3);
    assert_eq!((after.on_hand, after.committed), (before.on_hand, before.committed + promised));
    assert_eq!(after.fulfillable, before.fulfillable - promised);

    let listed = read_all::<Order>(&wms, Scope { since: Some(EPOCH), until: None }).await.records;
    assert!(listed.get(&order.source.id) == Some(order), "the listing shows what the write answered");
}

#[tokio::test]
async fn shipping_and_cancelling_move_the_stock() {
    let (sandbox, wms) = sandbox().await;
    let (product, before) = plenty(&wms).await;
    let sku = product.sku.clone().unwrap();
    let promised = Quantity::from_micros(product.components[0].quantity.micros() * 2);
    let item = || async { read_all::<InventoryItem>(&wms, Scope::default()).await.records.remove(&before.source.id).unwrap() };

    let shipped = create(&wms, draft(vec![line(&sku, 2)]), "a").await.unwrap().record;
    assert_eq!(ask(&sandbox, "POST", &format!("/v1/orders/{}/ship", shipped.source.id), None).await.status, 200);
    let after = item().await;
    adds_up(&after);
    assert_eq!((after.on_hand, after.committed), (before.on_hand - promised, before.committed));

    let mut second = draft(vec![line(&sku, 2)]);
    second.order.reference_id = None;
    let cancelled = create(&wms, second, "b").await.unwrap().record;
    assert_eq!(ask(&sandbox, "POST", &format!("/v1/orders/{}/cancel", cancelled.source.id), None).await.status, 200);
    assert_eq!(item().await.committed, before.committed);
    for verb in ["ship", "cancel"] {
        let reply = ask(&sandbox, "POST", &format!("/v1/orders/{}/{verb}", cancelled.source.id), None).await;
        assert_eq!(reply.status, 409, "{verb}");
    }

    let mut waiting = draft(vec![line(&sku, 900_000)]);
    waiting.order.reference_id = None;
    assert_eq!(create(&wms, waiting, "c").await.unwrap().record.status, OrderStatus::Backordered);
    assert_eq!(item().await.committed, before.committed, "an order that waits promises nothing");

    // Every order of the seed that can be shipped leaves stock that adds up.
    let orders = read_all::<Order>(&wms, Scope::default()).await.records;
    let mut moved = 0;
    for (id, order) in &orders {
        let verb = if moved % 3 == 0 { "cancel" } else { "ship" };
        let is_open = matches!(order.raw_status.as_deref(), Some("new" | "released" | "in_progress" | "picked" | "packed" | "part_shipped"));
        if is_open && order.warehouse.is_some() && ask(&sandbox, "POST", &format!("/v1/orders/{id}/{verb}"), None).await.is_success() {
            moved += 1;
        }
    }
    assert!(moved > 10);
    read_all::<InventoryItem>(&wms, Scope::default()).await.records.values().for_each(adds_up);
}

#[tokio::test]
async fn the_same_write_again_makes_no_second_order() {
    let (sandbox, wms) = sandbox().await;
    let (product, _) = plenty(&wms).await;
    let command = draft(vec![line(product.sku.as_deref().unwrap(), 1)]);
    let first = create(&wms, command.clone(), "write-7").await.unwrap();
    let again = create(&wms, command.clone(), "write-7").await.unwrap();
    assert_eq!(first.record, again.record);
    assert_eq!(get(&sandbox, "/v1/orders?limit=1").await["total"], 601);

    let other = CreateOrder { order: OrderDraft { order_number: Some("X".into()), ..command.order.clone() }, ..command.clone() };
    let error = create(&wms, other, "write-7").await.unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (Kind::Conflict, Some("idempotency_key_reused")));

    let error = create(&wms, command, "write-8").await.unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Conflict, path(&["referenceId"])));
    assert_eq!(error.message, format!("There is an order with reference 'shop-1' already: '{}'", first.record.source.id));
    assert!(!error.outcome_unknown);
}

#[tokio::test]
async fn references_of_the_seed_are_taken_too() {
    let (_sandbox, wms) = sandbox().await;
    let (product, _) = plenty(&wms).await;
    let orders = read_all::<Order>(&wms, Scope::default()).await.records;
    let taken: Vec<&str> = orders.values().filter_map(|order| order.reference_id.as_deref()).collect();
    assert!(taken.len() > 400);
    for reference in taken.into_iter().step_by(37) {
        let mut command = draft(vec![line(product.sku.as_deref().unwrap(), 1)]);
        command.order.reference_id = Some(reference.to_owned());
        let error = create(&wms, command, reference).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_deref()), (Kind::Conflict, Some("duplicate_reference")), "{reference}");
    }
}

#[tokio::test]
async fn refusals_name_the_field_of_our_input() {
    let (_sandbox, wms) = sandbox().await;
    let (product, _) = plenty(&wms).await;
    let products = read_all::<Product>(&wms, Scope::default()).await.records;
    let archived = products.values().find(|other| !other.active && other.sku.is_some() && other.warehouse_customer == product.warehouse_customer);
    let archived = archived.unwrap().sku.clone().unwrap();
    let sku = product.sku.as_deref().unwrap();
    let foreign =
        products.values().find(|other| other.active && other.sku.is_some() && other.warehouse_customer != product.warehouse_customer).unwrap();
    let good = draft(vec![line(sku, 1)]).order;
    let half = OrderLineItemDraft { quantity: Quantity::from_micros(500_000), ..line(sku, 1) };
    let unnamed = OrderLineItemDraft { sku: None, ..line(sku, 1) };
    let address = |change: fn(&mut AddressInput)| {
        let mut to = good.ship_to.clone().unwrap();
        change(&mut to);
        Some(to)
    };
    let with = |lines: Vec<OrderLineItemDraft>| OrderDraft { line_items: lines, ..good.clone() };
    let cases: Vec<(OrderDraft, &[&str], String)> = vec![
        (with(vec![]), &["lineItems"], "An order needs at least one line".into()),
        (with(vec![line("X", 1)]), &["lineItems", "0", "sku"], "Unknown SKU 'X'".into()),
        (with(vec![line(sku, 1), line(&archived, 1)]), &["lineItems", "1", "sku"], format!("SKU '{archived}' is archived and cannot be ordered")),
        (with(vec![line(sku, 0)]), &["lineItems", "0", "quantity"], "The quantity must be greater than 0 and at most 1000000".into()),
        (with(vec![half]), &["lineItems", "0", "quantity"], format!("SKU '{sku}' is sold in whole pieces")),
        (with(vec![unnamed]), &["lineItems", "0", "sku"], "A line needs a product_id or a sku".into()),
        (
            with(vec![OrderLineItemDraft { product_id: reference_to("prd_99999"), ..line(sku, 1) }]),
            &["lineItems", "0", "productId"],
            "Unknown product 'prd_99999'".into(),
        ),
        (
            with(vec![line(sku, 1), line(foreign.sku.as_deref().unwrap(), 1)]),
            &["lineItems", "1", "sku"],
            format!("SKU '{}' belongs to another client", foreign.sku.as_deref().unwrap()),
        ),
        (OrderDraft { ship_to: None, ..good.clone() }, &["shipTo"], "An order needs an address to ship to".into()),
        (
            OrderDraft { ship_to: address(|to| to.full_name = None), ..good.clone() },
            &["shipTo", "fullName"],
            "The address to ship to needs a name".into(),
        ),
        (
            OrderDraft { ship_to: address(|to| to.country = Some("Germany".into())), ..good.clone() },
            &["shipTo", "country"],
            "Country 'Germany' is not an ISO 3166-1 alpha-2 code".into(),
        ),
        (OrderDraft { warehouse_id: reference_to("wh_04"), ..good.clone() }, &["warehouseId"], "Warehouse 'OSA4' is closed".into()),
        (OrderDraft { warehouse_id: reference_to("wh_09"), ..good.clone() }, &["warehouseId"], "Unknown warehouse 'wh_09'".into()),
        (OrderDraft { shipping_method_id: reference_to("sm_77"), ..good.clone() }, &["shippingMethodId"], "Unknown shipping method 'sm_77'".into()),
        (OrderDraft { warehouse_customer_id: reference_to("cli_999"), ..good.clone() }, &["warehouseCustomerId"], "Unknown client 'cli_999'".into()),
        (OrderDraft { currency_code: Some("€".into()), ..good.clone() }, &["currencyCode"], "Currency '€' is not an ISO 4217 code".into()),
        (OrderDraft { order_number: Some(" ".into()), ..good.clone() }, &["orderNumber"], "The number has 1 to 64 characters".into()),
    ];
    for (order, place, message) in cases {
        let error = create(&wms, CreateOrder { order, integration_fields: None }, "w").await.unwrap_err();
        assert_eq!((error.kind, error.http_status, error.code.as_deref()), (Kind::Validation, Some(422), Some("validation_failed")), "{message}");
        assert_eq!((error.message, error.path), (message, path(place)));
        assert!(!error.outcome_unknown);
    }

    let command = CreateOrder { order: good.clone(), integration_fields: Some(Json::of(&json!({ "colour": "red" }))) };
    let error = create(&wms, command, "w").await.unwrap_err();
    assert_eq!((error.kind, error.path, error.http_status), (Kind::Validation, path(&["integrationFields", "colour"]), None));
    assert!(error.message.contains("colour"), "{}", error.message);
    for (fields, place) in [
        (json!({ "reference": "other" }), vec!["integrationFields", "reference"]),
        (json!({ "gift_message": 7 }), vec!["integrationFields", "gift_message"]),
        (json!({ "tags": ["a"] }), vec!["integrationFields", "tags"]),
        (json!(["vip"]), vec!["integrationFields"]),
    ] {
        let order = OrderDraft { source_tags: Some(vec!["b".to_owned()]), ..good.clone() };
        let command = CreateOrder { order, integration_fields: Some(Json::of(&fields)) };
        let error = create(&wms, command, "w").await.unwrap_err();
        assert_eq!((error.kind, error.path, error.http_status), (Kind::Validation, path(&place), None), "{fields}: never sent");
    }
    // What the sandbox says of a field that only it knows is said of that field.
    let command = CreateOrder { order: good, integration_fields: Some(Json::of(&json!({ "tags": [""] }))) };
    let error = create(&wms, command, "w").await.unwrap_err();
    assert_eq!((error.http_status, error.path), (Some(422), path(&["integrationFields", "tags"])));
}

#[tokio::test]
async fn what_is_required_is_refused_without_and_enough_with_a_product() {
    let (_sandbox, wms) = sandbox().await;
    let (product, _) = plenty(&wms).await;
    let integration = super::super::integration();
    let writes = integration.writes.iter().find(|writes| writes.action == crate::record::draft::WriteAction::CreateOrder).unwrap();
    let full = |without: &str| {
        let text = |field: &str, text: &str| (field != without).then(|| text.to_owned());
        let ship_to = AddressInput {
            full_name: text("shipTo.fullName", "Änne Weiß"),
            address1: text("shipTo.address1", "Hohe Straße 1"),
            city: text("shipTo.city", "Köln"),
            country: text("shipTo.country", "DE"),
            ..AddressInput::default()
        };
        let quantity = if without == "lineItems.quantity" { Quantity::ZERO } else { Quantity::whole(1) };
        let line = OrderLineItemDraft { product_id: reference_to(&product.source.id), sku: None, quantity, unit_price: None, discount_amount: None };
        let order = OrderDraft { ship_to: Some(ship_to), line_items: vec![line], ..OrderDraft::default() };
        CreateOrder { order, integration_fields: None }
    };
    for required in writes.required {
        let error = create(&wms, full(required), required).await.unwrap_err();
        assert_eq!(error.path.unwrap().join(".").replace(".0.", "."), *required);
    }
    let order = create(&wms, full("nothing"), "all").await.unwrap().record;
    assert_eq!(order.total_price, product.unit_price, "the list price");
    assert_eq!((order.totals.currency_code.as_deref(), order.order_type), (Some("EUR"), Some(OrderType::D2c)));
}

#[tokio::test]
async fn products_change_as_asked_and_no_further() {
    let (sandbox, wms) = sandbox().await;
    let products = read_all::<Product>(&wms, Scope::default()).await.records;
    let before = products["prd_00002"].clone();
    let other = products["prd_00003"].sku.clone().unwrap();
    let patch = ProductPatch {
        name: MaybeUndefined::Value("Renamed 改".into()),
        gtin: MaybeUndefined::Value("4006381333931".into()),
        unit_price: MaybeUndefined::Value("12.5".parse().unwrap()),
        active: MaybeUndefined::Value(false),
        harmonized_code: MaybeUndefined::Null,
        ..ProductPatch::default()
    };
    let after = update(&wms, "prd_00002", patch).await.unwrap();
    let expected = Product {
        source: after.source.clone(),
        name: "Renamed 改".into(),
        gtin: Some("4006381333931".into()),
        unit_price: "12.50".parse().ok(),
        active: false,
        harmonized_code: None,
        ..before.clone()
    };
    assert_eq!(after, expected);
    assert!(after.source.updated_at > before.source.updated_at && after.source.created_at == before.source.created_at);
    let listed = read_all::<Product>(&wms, Scope { since: after.source.updated_at, until: None }).await.records;
    assert_eq!(listed.into_values().collect::<Vec<_>>(), std::slice::from_ref(&after));
    assert_eq!(update(&wms, "prd_00002", ProductPatch::default()).await.unwrap(), after, "nothing asked, nothing changed");

    let value = |text: &str| MaybeUndefined::Value(text.to_owned());
    let cases = [
        (ProductPatch { name: value(" "), ..ProductPatch::default() }, Kind::Validation, "name", "The title must not be empty".to_owned()),
        (ProductPatch { name: MaybeUndefined::Null, ..ProductPatch::default() }, Kind::Validation, "name", "The title must not be empty".to_owned()),
        (
            ProductPatch { gtin: value("4006381333932"), ..ProductPatch::default() },
            Kind::Validation,
            "gtin",
            "'4006381333932' is not a GTIN: it needs 8, 12, 13 or 14 digits, the last of which is the check digit".to_owned(),
        ),
        (
            ProductPatch { active: MaybeUndefined::Null, ..ProductPatch::default() },
            Kind::Validation,
            "active",
            "Archived must be true or false".to_owned(),
        ),
        (
            ProductPatch { sku: MaybeUndefined::Value(other.clone()), ..ProductPatch::default() },
            Kind::Conflict,
            "sku",
            format!("SKU '{other}' belongs to product 'prd_00003' already"),
        ),
    ];
    for (patch, kind, field, message) in cases {
        let error = update(&wms, "prd_00002", patch).await.unwrap_err();
        assert_eq!((error.kind, error.path, error.message), (kind, path(&[field]), message));
    }
    let error = update(&wms, "prd_77777", ProductPatch::default()).await.unwrap_err();
    assert_eq!((error.kind, error.http_status), (Kind::NotFound, Some(404)));
    let error = update(&wms, "../orders/ord_000001", ProductPatch::default()).await.unwrap_err();
    assert_eq!((error.kind, error.http_status), (Kind::NotFound, None), "never sent");

    assert_eq!(ask(&sandbox, "DELETE", "/v1/products/prd_00003", None).await.status, 204);
    let sku = update(&wms, "prd_00002", ProductPatch { sku: MaybeUndefined::Value(other.clone()), ..ProductPatch::default() }).await.unwrap().sku;
    assert_eq!(sku, Some(other), "the SKU of a product that is gone is free again");
}

#[tokio::test]
async fn what_was_written_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let state = Some(folder.path().join("sandbox.jsonl"));
    let hands = Hands::at_epoch();
    let first = start(SandboxConfig { state: state.clone(), ..config(&hands) }).await.unwrap();
    let wms = connect(&first);
    let (product, item) = plenty(&wms).await;
    let command = draft(vec![line(product.sku.as_deref().unwrap(), 4)]);
    hands.advance(10);
    let order = create(&wms, command.clone(), "write-1").await.unwrap().record;
    hands.advance(10);
    assert_eq!(ask(&first, "POST", &format!("/v1/orders/{}/ship", order.source.id), None).await.status, 200);
    update(&wms, "prd_00005", ProductPatch { name: MaybeUndefined::Value("Kept".into()), ..ProductPatch::default() }).await.unwrap();
    assert_eq!(ask(&first, "DELETE", "/v1/products/prd_00006", None).await.status, 204);
    let snapshot = |sandbox: RunningSandbox| async move {
        let mut all = Vec::new();
        for path in [format!("orders/{}", order.source.id), format!("inventory/{}", item.source.id), "products/prd_00005".to_owned()] {
            all.push(get(&sandbox, &format!("/v1/{path}")).await);
        }
        assert_eq!(ask(&sandbox, "GET", "/v1/products/prd_00006", None).await.status, 404);
        all.push(json!(sandbox.counts()));
        sandbox.shutdown().await.unwrap();
        all
    };
    let before = snapshot(first).await;
    assert_eq!(before[0]["status"], "shipped");

    // The file's own seed, scale and epoch count, not the configuration's; and a torn last line was never answered.
    let path = state.clone().unwrap();
    let mut text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 5);
    text.push_str("{\"at\":\"2026-06-15T12:0");
    std::fs::write(&path, text).unwrap();
    let again = SandboxConfig { state, seed: 99, orders: 7, epoch: EPOCH.plus_seconds(86_400), ..config(&hands) };
    let second = start(again.clone()).await.unwrap();
    let repeated = create(&connect(&second), command, "write-1").await.unwrap().record;
    assert_eq!(json!(repeated.source.id), before[0]["id"], "the idempotency key is remembered");
    assert_eq!(snapshot_of(&second, "orders").await, 601);
    second.shutdown().await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 5, "the torn line is gone, and nothing was added");

    let mut lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    lines[2] = "garbage".to_owned();
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    let error = start(again).await.map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("Line 3 of the sandbox's journal"), "{error}");
}

async fn snapshot_of(sandbox: &RunningSandbox, name: &str) -> Value {
    get(sandbox, &format!("/v1/{name}?limit=1")).await["total"].clone()
}
