//! Against a real Tryton: `CROSSDOCK_TEST_TRYTON=/tmp/tryton.json cargo test --features live --lib live_tryton -- --nocapture`.
//!
//! The variable names the file that Tryton's start script prints (`url`, `db`, `rest_keys`). Only with the feature `live` are these
//! tests there: the machines that test every commit have no Tryton. The figures to compare with are Tryton's own.

mod products;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use super::{Credentials, Tryton};
use crate::record::draft::{
    AddressInput, AdjustInventory, CancelOrder, CancelReturn, Command, CreateInboundShipment, CreateOrder, CreateProduct, CreateReturn, HttpMethod,
    InboundLineItemDraft, InboundShipmentDraft, InboundShipmentPatch, InventoryAdjustment, MaybeUndefined, MeasurementsInput, OrderDraft,
    OrderLineItemDraft, OrderPatch, PackageDraft, Passthrough, ProductDraft, ProductPatch, ReceiptDraft, ReceiptLineItemDraft,
    ReceiveInboundShipment, Ref, ReturnDraft, ReturnLineItemDraft, ReturnPatch, ShipOrder, ShipmentDraft, ShipmentLineItemDraft,
    UpdateInboundShipment, UpdateOrder, UpdateProduct, UpdateReturn,
};
use crate::record::{
    ConnectionId, DataType, Id, InboundShipment, InboundStatus, Instant, InventoryItem, LengthUnit, Money, Order, OrderStatus, Product, Quantity,
    Record, Return, ReturnStatus, ShipmentStatus, ShippingMethod, Warehouse, WarehouseCustomer, WarehouseLocation, WeightUnit,
};
use crate::wms::http::{Http, Limits};
use crate::wms::{Adapter, Checkpoint, Error, Found, Kind, Next, Pass, Pull, Push, Scope, Written};

/// One test at a time: they count what the others would make.
static TURN: Mutex<()> = Mutex::const_new(());

async fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().await
}

fn note(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::disallowed_methods, reason = "a switch of these tests, not a setting of the server")]
fn info() -> Value {
    let file = std::env::var_os("CROSSDOCK_TEST_TRYTON").expect("CROSSDOCK_TEST_TRYTON names the file that tryton/start.sh prints");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn connect(base: &str, key: &Value) -> Tryton {
    let credentials: Credentials = serde_json::from_value(json!({ "baseUrl": base, "apiKey": key })).unwrap();
    Tryton::connect(credentials, &Http::new(Limits::default(), crate::clock::Clock::system()).unwrap()).unwrap()
}

fn tryton(user: &str) -> Tryton {
    let info = info();
    let base = format!("{}/{}/", info["url"].as_str().unwrap(), info["db"].as_str().unwrap());
    connect(&base, &info["rest_keys"][user])
}

/// Everything that a listing shows, each page from a checkpoint that has been text in between.
async fn all<T: Record>(tryton: &Tryton, scope: Scope) -> (Vec<T>, bool)
where
    Tryton: Pull<T>,
{
    let (mut records, mut checkpoint): (Vec<T>, Option<Checkpoint>) = (Vec::new(), None);
    loop {
        let page = Pull::<T>::pull(tryton, &scope, checkpoint.as_ref()).await.unwrap();
        assert!(page.rejects.is_empty(), "{:?}", page.rejects);
        records.extend(page.records);
        match page.next {
            Next::More(next) => checkpoint = Some(serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap()),
            Next::Done { complete } => return (records, complete),
            next @ Next::CutOff { .. } => panic!("{next:?}"),
        }
    }
}

async fn whole<T: Record>(tryton: &Tryton) -> Vec<T>
where
    Tryton: Pull<T>,
{
    let (records, complete) = all(tryton, Scope::default()).await;
    assert!(complete);
    records
}

/// The ids of what changed since then, which must be fewer than there are.
async fn changed<T: Record>(tryton: &Tryton, since: Instant) -> Vec<String>
where
    Tryton: Pull<T>,
{
    let (records, complete) = all::<T>(tryton, Scope { since: Some(since), until: None }).await;
    assert!(!complete);
    assert!(records.len() < whole::<T>(tryton).await.len(), "{} of {:?} is all", records.len(), T::DATA_TYPE);
    records.iter().map(|record| record.source().id.clone()).collect()
}

/// Changes a row, and answers with when that was by Tryton's own clock.
async fn write(tryton: &Tryton, model: &str, id: i64, values: Value) -> Instant {
    let path = format!("/rest/model/{model}/{id}");
    let reply = tryton.send(model, tryton.site.put(&path).query(&[("f", "write_date")]).json(&values)).await.unwrap();
    let row: super::rows::PartyRow = serde_json::from_value(json!({ "write_date": reply.json::<Value>().unwrap()["write_date"] })).unwrap();
    row.write_date.unwrap().0
}

fn reference<T: Record>(source_id: &str) -> Ref<T> {
    Ref::of(&Id::record::<T>(ConnectionId(1), source_id)).unwrap()
}

#[tokio::test]
async fn live_tryton_stock_is_what_tryton_computes() {
    let _turn = turn().await;
    let tryton = tryton("integration");
    let tryton = &tryton;
    let items = whole::<InventoryItem>(tryton).await;
    assert!(items.iter().all(|item| item.on_hand == item.committed + item.fulfillable + item.unfulfillable));
    let mut compared = 0;
    for warehouse in whole::<Warehouse>(tryton).await {
        let id: i64 = warehouse.source.id.parse().unwrap();
        use base64::Engine as _;
        let context = base64::engine::general_purpose::URL_SAFE.encode(json!({ "company": 1, "locations": [id], "with_childs": true }).to_string());
        let arguments = json!({ "domain": [["type", "=", "goods"], ["active", "in", [true, false]]], "fields_names": ["id", "quantity"] });
        let call = tryton.site.post("/rest/model/product.product/search_read").json(&arguments);
        let rows: Vec<Value> = tryton.ready(call, &context).send().await.unwrap().json().unwrap();
        let truth: BTreeMap<String, Quantity> =
            rows.iter().map(|row| (row["id"].to_string(), Quantity::from_f64(row["quantity"].as_f64().unwrap()).unwrap())).collect();
        for item in &items {
            let held = item.by_warehouse.iter().find(|held| held.warehouse.as_ref().is_some_and(|link| link.source_id() == warehouse.source.id));
            assert_eq!(held.map(|held| held.on_hand).unwrap_or_default(), truth[&item.source.id], "{:?} in {}", item.sku, warehouse.name);
            compared += 1;
        }
    }
    note(&format!(
        "stock: {compared} sums of products in warehouses are Tryton's own; {} on hand",
        items.iter().map(|item| item.on_hand).sum::<Quantity>()
    ));
    assert!(compared > 0);
    assert_eq!(whole::<InventoryItem>(tryton).await, items, "what did not change looks the same");
    let orders = whole::<Order>(tryton).await;
    assert_eq!(whole::<Order>(tryton).await, orders, "what did not change looks the same");
}

#[tokio::test]
async fn live_tryton_a_child_that_changed_brings_its_parent_back() {
    let _turn = turn().await;
    let tryton = tryton("integration");
    let tryton = &tryton;
    let orders = whole::<Order>(tryton).await;
    let order = orders.iter().rfind(|order| order.status == OrderStatus::Fulfilled).unwrap();
    let raw = order.source.raw.as_ref().unwrap().to_value();
    let id = |value: &Value| value["id"].as_i64().unwrap();

    let since = write(tryton, "sale.line", id(&raw["lines"][0]), json!({ "note": "changed" })).await;
    assert!(changed::<Order>(tryton, since).await.contains(&order.source.id), "1: a line");
    let since = write(tryton, "party.address", id(&raw["shipment_address"]), json!({ "street": format!("{} Main St", since.micros()) })).await;
    assert!(changed::<Order>(tryton, since).await.contains(&order.source.id), "2: the consignee's address");
    let since = write(tryton, "stock.shipment.out", id(&raw["shipments"][0]), json!({ "reference": format!("T-{}", since.micros()) })).await;
    assert!(changed::<Order>(tryton, since).await.contains(&order.source.id), "3: a tracking number");
    let again = tryton.order(order.source.id.parse().unwrap()).await.unwrap();
    assert!(again.shipments[0].packages[0].tracking_number.as_ref().unwrap().starts_with("T-"));
    assert_ne!(again.source.updated_at, order.source.updated_at);
    let sale: Value =
        tryton.value("sale.sale", "search_read", &json!({ "domain": [["id", "=", id(&raw)]], "fields_names": ["write_date"] })).await.unwrap();
    assert_eq!(sale[0]["write_date"], raw["write_date"], "Tryton does not touch the order for any of these");

    let products = whole::<Product>(tryton).await;
    let product = products.iter().find(|product| product.sku.as_deref() == Some("SKU-00010")).unwrap();
    let template = product.source.additional_fields.as_ref().unwrap().to_value()["templateId"].as_str().unwrap().parse().unwrap();
    let since = write(tryton, "product.template", template, json!({ "name": format!("renamed {}", since.micros()) })).await;
    assert_eq!(changed::<Product>(tryton, since).await, std::slice::from_ref(&product.source.id), "4: a template's name");
    assert!(changed::<InventoryItem>(tryton, since).await.contains(&product.source.id), "4: and its inventory item");
    // What was just written is not seen again.
    let since = Instant::from_micros(since.micros() + 1);
    assert!(changed::<Product>(tryton, since).await.is_empty());

    let item = reference::<InventoryItem>(&product.source.id);
    let adjustment = InventoryAdjustment { warehouse_id: Some(reference("5")), delta: Some(Quantity::whole(3)), ..InventoryAdjustment::default() };
    let counted = Push::push(tryton, &AdjustInventory { id: item, adjustment, integration_fields: None }, "live-child").await.unwrap().record;
    assert_eq!(changed::<InventoryItem>(tryton, since).await, std::slice::from_ref(&product.source.id), "5: a count of the stock");
    assert!(changed::<Product>(tryton, since).await.is_empty(), "5: which is no change of the product");
    assert!(!changed::<Order>(tryton, since).await.contains(&order.source.id), "nor of the order");
    note(&format!("{} has {} on hand now", counted.sku.unwrap_or_default(), counted.on_hand));
}

#[tokio::test]
async fn live_tryton_a_check_tells_who_may_what() {
    let _turn = turn().await;
    let (ours, clerk, info) = (tryton("integration"), tryton("clerk"), info());
    let account = ours.check().await.unwrap();
    note(&format!("{:?}", account.description));
    assert!(account.description.as_deref().unwrap().ends_with(": Probe Logistics B.V."), "{account:?}");
    assert!(account.forbidden.is_empty(), "{:?}", account.forbidden);
    let account = clerk.check().await.unwrap();
    let mut types: Vec<DataType> = account.forbidden.iter().map(|(of, _)| *of).collect();
    types.sort();
    note(&format!("the clerk may not read {types:?}: {:?}", account.forbidden.first()));
    assert!(types.contains(&DataType::Orders) && types.contains(&DataType::Returns) && !types.contains(&DataType::Warehouses));
    let error = Pull::<Order>::pull(&clerk, &Scope::default(), None).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.is_retryable()), (Kind::Forbidden, false));
    assert!(error.message.starts_with("You are not allowed to access"), "{error}");
    let base = format!("{}/{}", info["url"].as_str().unwrap(), info["db"].as_str().unwrap());
    let error = connect(&base, &json!("nonsense")).check().await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind, Kind::Unauthenticated);
    let lost = connect(&format!("{}/nodb", info["url"].as_str().unwrap()), &info["rest_keys"]["integration"]);
    let error = lost.check().await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Configuration, Some(vec!["baseUrl".to_owned()])));
}

/// Carries out a command that must work.
async fn done<C: Command>(tryton: &Tryton, command: &C, reference: &str) -> Written<C::Record>
where
    Tryton: Push<C>,
{
    let written = Push::push(tryton, command, reference).await.unwrap();
    note(&format!("{}: done, {} {}", C::ACTION, written.record.source().id, written.record.source().url.as_deref().unwrap_or_default()));
    written
}

/// Sends a command that must be refused: Tryton's sentence, or ours, and the field.
async fn refused<C: Command>(tryton: &Tryton, command: &C, kind: Kind) -> (String, String)
where
    Tryton: Push<C>,
{
    let error: Error = Push::push(tryton, command, "live-refused").await.map(|_| ()).unwrap_err();
    let path = error.path.clone().unwrap_or_default().join(".");
    note(&format!("{}: refused [{path}] {:?} {}", C::ACTION, error.http_status, error.message));
    assert_eq!((error.kind, error.outcome_unknown), (kind, false), "{error:?}");
    (error.message, path)
}

/// Looks for a write that was never sent.
async fn not_done<C: Command>(tryton: &Tryton, command: &C, reference: &str)
where
    Tryton: Push<C>,
{
    let told = Push::look_up(tryton, command, reference).await.unwrap();
    assert!(matches!(told, Found::NotDone), "{}", C::ACTION);
}

/// Looks for a write that was carried out: the record that it made or changed.
async fn found<C: Command>(tryton: &Tryton, command: &C, reference: &str) -> C::Record
where
    Tryton: Push<C>,
{
    match Push::look_up(tryton, command, reference).await.unwrap() {
        Found::Done(written) => written.record,
        Found::NotDone => panic!("{}: not done", C::ACTION),
        Found::Unclear(why) => panic!("{}: {why}", C::ACTION),
    }
}

/// What the notes beside a row say.
async fn notes(tryton: &Tryton, row: &str) -> Vec<String> {
    let arguments = json!({ "domain": [["resource", "=", row]], "fields_names": ["message"], "order": [["id", "ASC"]] });
    let rows: Vec<Value> = tryton.value("ir.note", "search_read", &arguments).await.unwrap();
    rows.iter().map(|row| row["message"].as_str().unwrap().to_owned()).collect()
}

/// Products with much in stock in the first warehouse, by SKU.
async fn stocked(tryton: &Tryton) -> Vec<InventoryItem> {
    let mut items = whole::<InventoryItem>(tryton).await;
    items.retain(|item| {
        item.active
            && item.sku.is_some()
            && item.lots.is_empty()
            && item
                .by_warehouse
                .iter()
                .any(|held| held.warehouse.as_ref().is_some_and(|link| link.source_id() == "5") && held.fulfillable > Quantity::whole(60))
    });
    items
}

fn line(sku: &str, quantity: i64) -> OrderLineItemDraft {
    OrderLineItemDraft {
        product_id: None,
        sku: Some(sku.to_owned()),
        quantity: Quantity::whole(quantity),
        unit_price: "12.50".parse().ok(),
        discount_amount: None,
    }
}

fn order_of(lines: Vec<OrderLineItemDraft>) -> CreateOrder {
    let text = |text: &str| Some(text.to_owned());
    let ship_to = AddressInput {
        full_name: text("Jane Doe"),
        company: text("Doe & Daughters"),
        address1: text("1 Main St"),
        address2: text("Floor 2"),
        city: text("Austin"),
        postal_code: text("73301"),
        country: text("us"),
        phone_number: text("+1 512 555 0100"),
        email_address: text("jane@example.com"),
        ..AddressInput::default()
    };
    let order = OrderDraft {
        reference_id: text("SHOP-1001"),
        warehouse_id: Some(reference("5")),
        shipping_method_id: Some(reference("2")),
        ship_to: Some(ship_to),
        required_ship_date: "2027-01-05T10:00:00Z".parse().ok(),
        currency_code: text("EUR"),
        line_items: lines,
        ..OrderDraft::default()
    };
    CreateOrder { order, integration_fields: Some(crate::record::Json::of(&json!({ "comment": "by crossdock" }))) }
}

#[tokio::test]
async fn live_tryton_an_order_is_made_shipped_in_parts_and_comes_back() {
    let _turn = turn().await;
    let tryton = tryton("integration");
    let tryton = &tryton;
    let items = stocked(tryton).await;
    let (first, second) = (items[0].sku.clone().unwrap(), items[1].sku.clone().unwrap());
    let write_reference = format!("live-{}", crate::clock::Clock::system().now().micros());
    let command = order_of(vec![line(&first, 5), line(&second, 3)]);
    assert!(matches!(Push::look_up(tryton, &command, &write_reference).await.unwrap(), Found::NotDone));
    let made = done(tryton, &command, &write_reference).await.record;
    assert_eq!(
        (made.status, made.raw_status.as_deref(), made.reference_id.as_deref()),
        (OrderStatus::Confirmed, Some("processing/waiting"), Some("SHOP-1001"))
    );
    assert_eq!(made.required_ship_date, "2027-01-05T00:00:00Z".parse().ok());
    let to = made.ship_to.as_ref().unwrap();
    assert_eq!(
        (to.full_name.as_deref(), to.company.as_deref(), to.address2.as_deref()),
        (Some("Jane Doe"), Some("Doe & Daughters"), Some("Floor 2"))
    );
    assert_eq!((to.country.as_deref(), to.email_address.as_deref()), (Some("US"), Some("jane@example.com")));
    assert_eq!(made.line_items.iter().filter_map(|line| line.sku.clone()).collect::<Vec<_>>(), [first.clone(), second.clone()]);
    assert_eq!(found(tryton, &command, &write_reference).await, made);
    let again = done(tryton, &order_of(vec![line(&first, 1)]), "live-again").await.record;
    assert_eq!(again.warehouse_customer, made.warehouse_customer, "the same address is used again");

    // Refusals: ours for what Tryton would take, Tryton's own for the rest. Nothing stays of them.
    assert_eq!(refused(tryton, &order_of(vec![line("NO-SUCH", 1)]), Kind::Validation).await.1, "lineItems.0.sku");
    assert_eq!(refused(tryton, &order_of(vec![]), Kind::Validation).await.1, "lineItems");
    let mut archived = order_of(vec![line(&first, 1)]);
    archived.order.shipping_method_id = Some(reference::<ShippingMethod>("4"));
    assert_eq!(refused(tryton, &archived, Kind::Validation).await, ("The carrier is archived in Tryton".to_owned(), "shippingMethodId".to_owned()));
    let mut nobody = order_of(vec![line(&first, 1)]);
    nobody.order.ship_to = None;
    assert_eq!(
        refused(tryton, &nobody, Kind::Validation).await,
        ("A value is required for field \"Party\" in \"Sale\".".to_owned(), "shipTo".to_owned())
    );
    let mut unshipped = order_of(vec![line(&first, 1)]);
    unshipped.order.shipping_method_id = None;
    let (message, path) = refused(tryton, &unshipped, Kind::Validation).await;
    assert!(message.ends_with("you must enter a carrier.") && path == "shippingMethodId", "{message}");
    assert_eq!(tryton.value::<u64>("sale.sale", "search_count", &json!({ "domain": [["description", "=", "live-refused"]] })).await.unwrap(), 0);

    // Changed: its reference, and nothing else any more.
    let id = || reference::<Order>(&made.source.id);
    let change = |order| UpdateOrder { id: id(), order, integration_fields: None };
    let patch = OrderPatch { reference_id: MaybeUndefined::Value("SHOP-1001b".to_owned()), ..OrderPatch::default() };
    let update = change(patch);
    not_done(tryton, &update, &write_reference).await;
    let changed = done(tryton, &update, &write_reference).await.record;
    assert_eq!(changed.reference_id.as_deref(), Some("SHOP-1001b"));
    assert_eq!(found(tryton, &update, &write_reference).await, changed);
    let patch = OrderPatch { line_items: MaybeUndefined::Value(vec![line(&first, 9)]), ..OrderPatch::default() };
    assert_eq!(refused(tryton, &change(patch), Kind::Validation).await.1, "lineItems");
    let draft = whole::<Order>(tryton).await.into_iter().find(|order| order.raw_status.as_deref() == Some("draft")).unwrap();
    let patch = OrderPatch {
        line_items: MaybeUndefined::Value(vec![line(&first, 9), line(&second, 1)]),
        required_ship_date: MaybeUndefined::Value("2027-02-01T00:00:00Z".parse().unwrap()),
        ..OrderPatch::default()
    };
    let update = UpdateOrder {
        id: reference(&draft.source.id),
        order: OrderPatch { ship_to: MaybeUndefined::Value(order_of(vec![]).order.ship_to.unwrap()), ..patch },
        integration_fields: None,
    };
    not_done(tryton, &update, &write_reference).await;
    let changed = done(tryton, &update, &write_reference).await.record;
    assert_eq!(found(tryton, &update, &write_reference).await, changed);
    // Somebody else changes it: nobody can tell any more.
    write(tryton, "sale.sale", draft.source.id.parse().unwrap(), json!({ "shipping_date": null })).await;
    let Found::Unclear(why) = Push::look_up(tryton, &update, &write_reference).await.unwrap() else { panic!("it holds another date") };
    note(&why);
    assert_eq!(changed.line_items.iter().map(|line| line.quantity).collect::<Vec<_>>().len(), 2);
    assert!(changed.line_items.iter().any(|line| line.sku.as_ref() == Some(&first) && line.quantity == Quantity::whole(9)));

    // Shipped: two of five, then the rest.
    let taken = |sku: &str, quantity| ShipmentLineItemDraft {
        inventory_item_id: None,
        product_id: None,
        sku: Some(sku.to_owned()),
        quantity: Quantity::whole(quantity),
        lot_id: None,
    };
    let package = |number: &str| PackageDraft { tracking_number: Some(number.to_owned()), ..PackageDraft::default() };
    let ship = |shipment| ShipOrder { id: id(), shipment, integration_fields: None };
    let too_many = ShipmentDraft { line_items: Some(vec![taken(&first, 50)]), ..ShipmentDraft::default() };
    assert_eq!(refused(tryton, &ship(too_many), Kind::Validation).await.1, "lineItems.0.quantity");
    let part = ShipmentDraft { line_items: Some(vec![taken(&first, 2)]), packages: Some(vec![package("1Z-LIVE-1")]), ..ShipmentDraft::default() };
    let (part, part_reference) = (ship(part), format!("{write_reference}-4"));
    not_done(tryton, &part, &part_reference).await;
    let shipped = done(tryton, &part, &part_reference).await.record;
    assert_eq!(found(tryton, &part, &part_reference).await, shipped);
    assert_eq!(shipped.status, OrderStatus::PartiallyFulfilled);
    let left: Vec<_> = shipped.shipments.iter().filter(|shipment| shipment.status == ShipmentStatus::Shipped).collect();
    assert_eq!((left.len(), left[0].line_items.len(), left[0].line_items[0].quantity), (1, 1, Quantity::whole(2)));
    assert_eq!(left[0].packages[0].tracking_number.as_deref(), Some("1Z-LIVE-1"));
    let rest = ShipmentDraft { packages: Some(vec![package("1Z-LIVE-2")]), ..ShipmentDraft::default() };
    let rest_reference = format!("{write_reference}-5");
    not_done(tryton, &ship(rest.clone()), &rest_reference).await;
    let shipped = done(tryton, &ship(rest.clone()), &rest_reference).await.record;
    assert_eq!(found(tryton, &ship(rest.clone()), &rest_reference).await, shipped);
    assert_eq!((shipped.status, shipped.shipments.len()), (OrderStatus::Fulfilled, 2));
    assert_eq!(shipped.shipments.iter().flat_map(|one| one.line_items.iter()).map(|line| line.quantity).sum::<Quantity>(), Quantity::whole(8));
    assert_eq!(refused(tryton, &ship(rest), Kind::Validation).await.1, "id");
    let (message, _) = refused(tryton, &CancelOrder { id: id(), reason: None, integration_fields: None }, Kind::Validation).await;
    assert!(message.starts_with("You can not call \"cancel\" on"), "{message}");

    // More than there is cannot be assigned, and the order stays as it was.
    let much = done(tryton, &order_of(vec![line(&first, 90_000)]), "live-6").await.record;
    let ship_much = ShipOrder { id: reference(&much.source.id), shipment: ShipmentDraft::default(), integration_fields: None };
    assert!(refused(tryton, &ship_much, Kind::Validation).await.0.starts_with("Tryton has not enough in stock to assign the shipment"));
    assert_eq!(tryton.order(much.source.id.parse().unwrap()).await.unwrap().raw_status.as_deref(), Some("processing/waiting"));
    let cancel = CancelOrder { id: reference(&much.source.id), reason: Some("too many".to_owned()), integration_fields: None };
    assert!(matches!(Push::look_up(tryton, &cancel, "live-7").await.unwrap(), Found::NotDone));
    let cancelled = done(tryton, &cancel, "live-7").await;
    assert_eq!((cancelled.record.status, cancelled.unused_fields), (OrderStatus::Cancelled, vec![]));
    assert_eq!(notes(tryton, &format!("sale.sale,{}", much.source.id)).await, ["too many\nWritten by Crossdock (live-7)"]);
    assert!(matches!(Push::look_up(tryton, &cancel, "live-7").await.unwrap(), Found::Done(_)));
    refused(tryton, &cancel, Kind::Validation).await;

    // One of the second comes back.
    let back = |lines| CreateReturn {
        returned: ReturnDraft { order_id: Some(id()), line_items: Some(lines), ..ReturnDraft::default() },
        integration_fields: None,
    };
    let one = |sku: &str, quantity| ReturnLineItemDraft {
        inventory_item_id: None,
        sku: Some(sku.to_owned()),
        expected_quantity: Quantity::whole(quantity),
        reason: None,
    };
    assert_eq!(refused(tryton, &back(vec![one(&second, 30)]), Kind::Validation).await.1, "lineItems.0.expectedQuantity");
    let return_reference = format!("{write_reference}-r");
    let returned = done(tryton, &back(vec![one(&second, 2), one(&first, 1)]), &return_reference).await.record;
    assert_eq!((returned.status, returned.order.as_ref().unwrap().source_id()), (ReturnStatus::Open, made.source.id.as_str()));
    assert_eq!(found(tryton, &back(vec![]), &return_reference).await, returned);
    let patch = ReturnPatch { line_items: MaybeUndefined::Value(vec![one(&second, 1)]), ..ReturnPatch::default() };
    let update = UpdateReturn { id: reference(&returned.source.id), returned: patch, integration_fields: None };
    not_done(tryton, &update, &return_reference).await;
    let updated = done(tryton, &update, &return_reference).await.record;
    assert_eq!(found(tryton, &update, &return_reference).await, updated);
    assert_eq!(updated.line_items.iter().map(|line| line.expected_quantity).collect::<Vec<_>>(), [Quantity::whole(1)]);
    let cancel = CancelReturn { id: reference(&returned.source.id), reason: None, integration_fields: None };
    assert_eq!(done(tryton, &cancel, "live-9").await.record.status, ReturnStatus::Cancelled);
    assert!(refused(tryton, &update, Kind::Validation).await.0.contains("because it is cancelled"));
    let received = whole::<Return>(tryton).await.into_iter().find(|back| back.raw_status.as_deref() == Some("done")).unwrap();
    let cancel = CancelReturn { id: reference(&received.source.id), reason: None, integration_fields: None };
    assert!(refused(tryton, &cancel, Kind::Validation).await.0.starts_with("You can not call \"cancel\" on"));
}

#[tokio::test]
async fn live_tryton_goods_are_announced_received_and_counted() {
    let _turn = turn().await;
    let tryton = tryton("integration");
    let tryton = &tryton;
    let items = stocked(tryton).await;
    let (first, second) = (&items[2], &items[3]);
    let expected = |item: &InventoryItem, quantity| InboundLineItemDraft {
        inventory_item_id: None,
        sku: item.sku.clone(),
        expected_quantity: Quantity::whole(quantity),
        unit_cost: "1.50".parse().ok(),
        external_id: None,
    };
    let announce = |supplier: &str| CreateInboundShipment {
        inbound_shipment: InboundShipmentDraft {
            purchase_order_number: Some("PO-LIVE-77".to_owned()),
            warehouse_id: Some(reference("5")),
            supplier_name: Some(supplier.to_owned()),
            expected_arrival_at: "2027-01-05T10:00:00Z".parse().ok(),
            line_items: vec![expected(first, 40), expected(second, 4)],
            ..InboundShipmentDraft::default()
        },
        integration_fields: None,
    };
    assert_eq!(refused(tryton, &announce("Nobody at all"), Kind::Validation).await.1, "supplierName");
    let mut nobody = announce("");
    nobody.inbound_shipment.supplier_name = None;
    assert_eq!(refused(tryton, &nobody, Kind::Validation).await.0, "A value is required for field \"Party\" in \"Purchase\".");
    let write_reference = format!("live-{}-in", crate::clock::Clock::system().now().micros());
    let command = announce("Vendor 00");
    assert!(matches!(Push::look_up(tryton, &command, &write_reference).await.unwrap(), Found::NotDone));
    let made = done(tryton, &command, &write_reference).await.record;
    assert_eq!((made.status, made.purchase_order_number.as_deref(), made.line_items.len()), (InboundStatus::Open, Some("PO-LIVE-77"), 2));
    assert_eq!(made.line_items[0].unit_cost, "1.50".parse().ok());
    assert_eq!(found(tryton, &command, &write_reference).await, made);
    let id = || reference::<InboundShipment>(&made.source.id);
    let patch =
        InboundShipmentPatch { line_items: MaybeUndefined::Value(vec![expected(first, 35), expected(second, 4)]), ..InboundShipmentPatch::default() };
    let update = UpdateInboundShipment { id: id(), inbound_shipment: patch, integration_fields: None };
    not_done(tryton, &update, &write_reference).await;
    let updated = done(tryton, &update, &write_reference).await.record;
    assert_eq!(found(tryton, &update, &write_reference).await, updated);
    assert!(updated.line_items.iter().any(|line| line.expected_quantity == Quantity::whole(35)));
    let arrived = |item: &InventoryItem, quantity| ReceiptLineItemDraft {
        inventory_item_id: Some(reference(&item.source.id)),
        sku: None,
        quantity: Quantity::whole(quantity),
        lot_id: None,
        expires_at: None,
        location_id: first
            .locations
            .iter()
            .find(|place| place.warehouse.as_ref().is_some_and(|link| link.source_id() == "5") && place.quantity > Quantity::whole(60))
            .and_then(|place| place.location.as_ref())
            .map(|link| reference::<WarehouseLocation>(link.source_id())),
    };
    let receive = ReceiveInboundShipment {
        id: id(),
        receipt: ReceiptDraft { line_items: Some(vec![arrived(first, 30)]), ..ReceiptDraft::default() },
        integration_fields: None,
    };
    let received = done(tryton, &receive, "live-11").await.record;
    assert_eq!((received.status, received.receipts.len()), (InboundStatus::Received, 1));
    assert_eq!(received.line_items.iter().map(|line| line.received_quantity).collect::<Vec<_>>(), [Quantity::whole(30)]);
    let now = tryton.item(first.source.id.parse().unwrap()).await.unwrap();
    assert_eq!(now.on_hand, first.on_hand + Quantity::whole(30));
    assert_eq!(now.awaiting, first.awaiting + Quantity::whole(10), "ten of forty are still expected by the purchase");
    assert!(refused(tryton, &receive, Kind::Validation).await.0.starts_with("You can not call \"receive\" on"));
    let patch = InboundShipmentPatch { line_items: MaybeUndefined::Value(vec![expected(first, 3)]), ..InboundShipmentPatch::default() };
    let late = UpdateInboundShipment { id: id(), inbound_shipment: patch, integration_fields: None };
    assert!(refused(tryton, &late, Kind::Validation).await.0.contains("because it is done"));

    let adjust = |adjustment| AdjustInventory { id: reference(&first.source.id), adjustment, integration_fields: None };
    let at = || {
        now.locations
            .iter()
            .find(|place| place.warehouse.as_ref().is_some_and(|link| link.source_id() == "5") && place.quantity > Quantity::whole(60))
            .and_then(|place| place.location.as_ref())
            .map(|link| reference::<WarehouseLocation>(link.source_id()))
    };
    let fewer = InventoryAdjustment {
        location_id: at(),
        delta: Some(Quantity::whole(-7)),
        reason: Some("damaged".to_owned()),
        ..InventoryAdjustment::default()
    };
    let fewer = adjust(fewer);
    not_done(tryton, &fewer, &write_reference).await;
    let counted = done(tryton, &fewer, &write_reference).await;
    assert_eq!((counted.record.on_hand, counted.unused_fields), (now.on_hand - Quantity::whole(7), vec![]));
    assert_eq!(found(tryton, &fewer, &write_reference).await, counted.record);
    let whole_warehouse =
        InventoryAdjustment { location_id: Some(reference("5")), quantity: Some(Quantity::whole(7)), ..InventoryAdjustment::default() };
    assert_eq!(refused(tryton, &adjust(whole_warehouse), Kind::Validation).await.1, "locationId");
    let negative = InventoryAdjustment { location_id: at(), delta: Some(Quantity::whole(-90_000)), ..InventoryAdjustment::default() };
    assert_eq!(refused(tryton, &adjust(negative), Kind::Validation).await.0, "Inventory line quantity must be positive.");
    assert_eq!(refused(tryton, &adjust(InventoryAdjustment::default()), Kind::Validation).await.1, "quantity");
    assert_eq!(
        tryton.value::<u64>("stock.inventory", "search_count", &json!({ "domain": [["state", "=", "draft"]] })).await.unwrap(),
        0,
        "no count stays of a refusal"
    );
    let left = json!({ "domain": [["message", "=", "Written by Crossdock (live-refused)"]] });
    assert_eq!(tryton.value::<u64>("ir.note", "search_count", &left).await.unwrap(), 0, "and no note");
}
