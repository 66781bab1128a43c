//! Against a real Odoo: `CROSSDOCK_TEST_ODOO=/tmp/odoo.json cargo test --features live --lib live_odoo -- --nocapture`.
//!
//! The variable names the file that `odoo/start.sh` prints (`url`, `api_keys`). Without the feature these tests are not there:
//! the machines that test every commit have no Odoo, and nothing passes because it was not tried. The figures to compare with
//! are Odoo's own. What a test changes, it has made.

mod goods;
mod orders;

use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use super::client::stamp;
use super::{Credentials, Odoo};
use crate::record::draft::{
    AddressInput, AdjustInventory, Command, CreateOrder, CreateProduct, InventoryAdjustment, OrderDraft, OrderLineItemDraft, ProductDraft,
    ProductPatch, Ref, UpdateProduct,
};
use crate::record::{
    ConnectionId, DataType, Id, InboundShipment, Instant, InventoryItem, Link, Money, Order, OrderStatus, Product, Quantity, Record, Return,
    ShipmentStatus, ShippingMethod, Warehouse, WarehouseCustomer, WarehouseLocation,
};
use crate::wms::http::{Http, Limits};
use crate::wms::{Adapter, Checkpoint, Error, Kind, Next, Pull, Push, Scope, Written};

/// One test at a time: they count what the others would make.
static TURN: Mutex<()> = Mutex::const_new(());

async fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().await
}

#[expect(clippy::disallowed_methods, reason = "a switch of these tests, not a setting of the server")]
fn odoo(user: &str) -> Odoo {
    let file = std::env::var_os("CROSSDOCK_TEST_ODOO").expect("CROSSDOCK_TEST_ODOO names the file that odoo/start.sh prints");
    let info: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let credentials =
        json!({ "baseUrl": format!("{}/odoo", info["url"].as_str().unwrap()), "apiKey": info["api_keys"][user], "database": info["db"] });
    let credentials: Credentials = serde_json::from_value(credentials).unwrap();
    Odoo::connect(credentials, &Http::new(Limits::default(), crate::clock::Clock::system()).unwrap()).unwrap()
}

fn note(text: &str) {
    eprintln!("{text}");
}

/// Everything that a listing shows, each page from a checkpoint that has been text in between.
async fn all<T: Record>(odoo: &Odoo, scope: Scope) -> (Vec<T>, bool)
where
    Odoo: Pull<T>,
{
    let (mut records, mut checkpoint): (Vec<T>, Option<Checkpoint>) = (Vec::new(), None);
    loop {
        let page = Pull::<T>::pull(odoo, &scope, checkpoint.as_ref()).await.unwrap();
        assert!(page.rejects.is_empty(), "{:?}", page.rejects);
        assert!(page.source_time.is_some());
        records.extend(page.records);
        match page.next {
            Next::More(next) => checkpoint = Some(serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap()),
            Next::Done { complete } => return (records, complete),
            next @ Next::CutOff { .. } => panic!("{next:?}"),
        }
    }
}

async fn whole<T: Record>(odoo: &Odoo) -> Vec<T>
where
    Odoo: Pull<T>,
{
    let (records, complete) = all(odoo, Scope::default()).await;
    assert!(complete);
    records
}

/// The ids of what changed since then, which must be fewer than there are.
async fn changed<T: Record>(odoo: &Odoo, since: Instant) -> Vec<String>
where
    Odoo: Pull<T>,
{
    let (records, complete) = all::<T>(odoo, Scope { since: Some(since), until: None }).await;
    assert!(!complete);
    assert!(records.len() < whole::<T>(odoo).await.len() / 2, "{} of {:?} is nearly all", records.len(), T::DATA_TYPE);
    records.iter().map(|record| record.source().id.clone()).collect()
}

async fn count(odoo: &Odoo, model: &str, domain: Value) -> usize {
    let arguments = json!({ "domain": domain, "context": { "active_test": false } });
    odoo.value(model, "search_count", &arguments).await.unwrap()
}

async fn sum(odoo: &Odoo, model: &str, domain: Value, field: &str) -> Quantity {
    let sum = format!("{field}:sum");
    let groups = odoo.groups(model, &domain, &[], &[&sum]).await.unwrap();
    Quantity::from_f64(groups[0][&sum].as_f64().unwrap()).unwrap()
}

/// Odoo's clock.
async fn now(odoo: &Odoo) -> Instant {
    odoo.call("res.users", "context_get", &json!({})).await.unwrap().date().unwrap()
}

async fn write(odoo: &Odoo, model: &str, id: &str, values: Value) {
    let done: bool = odoo.value(model, "write", &json!({ "ids": [id.parse::<i64>().unwrap()], "vals": values })).await.unwrap();
    assert!(done);
}

fn reference<T: Record>(source_id: &str) -> Ref<T> {
    Ref::of(&Id::record::<T>(ConnectionId(1), source_id)).unwrap()
}

/// Odoo's clock as a number, to name what a test makes.
async fn clock(odoo: &Odoo) -> i64 {
    now(odoo).await.micros() / 1_000_000
}

async fn pushed<C: Command>(odoo: &Odoo, command: &C, reference: &str) -> Result<Written<C::Record>, Error>
where
    Odoo: Push<C>,
{
    Push::push(odoo, command, reference).await
}

/// The kind, the path and the sentence of a refusal, of which nothing must be in doubt.
async fn refused<C: Command>(odoo: &Odoo, command: &C) -> (Kind, String, String)
where
    Odoo: Push<C>,
{
    let error = pushed(odoo, command, "live-refused").await.map(|written| written.record.source().id.clone()).unwrap_err();
    let path = error.path.clone().unwrap_or_default().join(".");
    note(&format!("{} refused at {path:?}: {}", C::ACTION, error.message));
    assert!(!error.outcome_unknown, "{error:?}");
    assert!(!format!("{error:?}").contains("Traceback"), "{error:?}");
    (error.kind, path, error.message)
}

/// Goods that one test makes for itself.
struct Goods {
    id: String,
    sku: String,
}

impl Goods {
    async fn made(odoo: &Odoo, name: &str) -> Self {
        Self::of(odoo, name, None).await
    }

    async fn with_lots(odoo: &Odoo, name: &str) -> Self {
        Self::of(odoo, name, Some(json!({ "tracking": "lot", "use_expiration_date": true }))).await
    }

    async fn of(odoo: &Odoo, name: &str, fields: Option<Value>) -> Self {
        let count = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let sku = format!("LIVE-{name}-{}-{count}", clock(odoo).await);
        let product = ProductDraft { sku: Some(sku.clone()), name: name.to_owned(), ..ProductDraft::default() };
        let command = CreateProduct { product, integration_fields: fields.map(|fields| crate::record::Json::of(&fields)) };
        let record = pushed(odoo, &command, &format!("make-{sku}")).await.unwrap().record;
        Self { id: record.source.id, sku }
    }

    /// Puts so many of them into a warehouse.
    async fn put(&self, odoo: &Odoo, warehouse: &str, quantity: i64, lot: Option<&str>) {
        let adjustment = InventoryAdjustment {
            warehouse_id: Some(reference::<Warehouse>(warehouse)),
            lot_id: lot.map(str::to_owned),
            quantity: Some(Quantity::whole(quantity)),
            ..InventoryAdjustment::default()
        };
        let command = AdjustInventory { id: reference(&self.id), adjustment, integration_fields: None };
        pushed(odoo, &command, &format!("put-{}-{lot:?}", self.sku)).await.unwrap();
    }

    fn product(&self) -> Ref<Product> {
        reference(&self.id)
    }
}

static MADE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

#[tokio::test]
async fn live_odoo_counts_and_sums_agree() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let goods = json!([["type", "=", "consu"]]);
    let internal = json!([["location_id.usage", "=", "internal"]]);
    let incoming = json!([["picking_type_code", "=", "incoming"], ["return_id", "=", false]]);
    let report = |what: &str, ours: usize, truth: usize| {
        note(&format!("{what}: {ours} of {truth}"));
        assert_eq!(ours, truth, "{what}");
        assert!(ours > 0, "{what}: nothing was compared");
    };
    report("warehouses", whole::<Warehouse>(odoo).await.len(), count(odoo, "stock.warehouse", json!([])).await);
    let places = json!([["usage", "in", ["internal", "transit"]]]);
    report("warehouse locations", whole::<WarehouseLocation>(odoo).await.len(), count(odoo, "stock.location", places).await);
    report("shipping methods", whole::<ShippingMethod>(odoo).await.len(), count(odoo, "delivery.carrier", json!([])).await);
    let owners = odoo.groups("stock.quant", &json!([["owner_id", "!=", false]]), &["owner_id"], &[]).await.unwrap();
    report("warehouse customers", whole::<WarehouseCustomer>(odoo).await.len(), owners.len());
    let products = whole::<Product>(odoo).await;
    report("products", products.len(), count(odoo, "product.product", goods).await);
    assert!(products.iter().any(|product| !product.active) && products.iter().any(|product| product.sku.is_none()));

    let items = whole::<InventoryItem>(odoo).await;
    report("inventory items", items.len(), count(odoo, "product.product", json!([["is_storable", "=", true]])).await);
    let (quantity, reserved) =
        (sum(odoo, "stock.quant", internal.clone(), "quantity").await, sum(odoo, "stock.quant", internal, "reserved_quantity").await);
    note(&format!("stock: {quantity} on hand, {reserved} reserved"));
    assert_eq!(items.iter().map(|item| item.on_hand).sum::<Quantity>(), quantity);
    assert_eq!(items.iter().map(|item| item.committed).sum::<Quantity>(), reserved);
    assert_eq!(items.iter().flat_map(|item| item.by_warehouse.iter()).map(|held| held.on_hand).sum::<Quantity>(), quantity);
    assert_eq!(items.iter().flat_map(|item| item.locations.iter()).map(|held| held.quantity).sum::<Quantity>(), quantity);
    let lots = sum(odoo, "stock.quant", json!([["location_id.usage", "=", "internal"], ["lot_id", "!=", false]]), "quantity").await;
    assert_eq!(items.iter().flat_map(|item| item.lots.iter()).map(|lot| lot.on_hand).sum::<Quantity>(), lots);
    let open = json!([
        ["state", "in", ["waiting", "confirmed", "partially_available", "assigned"]],
        ["location_id.usage", "!=", "internal"],
        ["location_dest_id.usage", "=", "internal"]
    ]);
    assert_eq!(items.iter().map(|item| item.awaiting).sum::<Quantity>(), sum(odoo, "stock.move", open, "product_qty").await);
    assert!(items.iter().all(|item| item.on_hand == item.committed + item.fulfillable + item.unfulfillable));
    assert!(items.iter().any(|item| item.on_hand < Quantity::ZERO) && items.iter().any(|item| item.warehouse_customer.is_some()));

    assert_eq!(whole::<InventoryItem>(odoo).await, items, "what did not change looks the same");

    let orders = whole::<Order>(odoo).await;
    report("orders", orders.len(), count(odoo, "sale.order", json!([["state", "in", ["sale", "cancel"]]])).await);
    let lines = json!([["order_id.state", "in", ["sale", "cancel"]], ["display_type", "=", false], ["is_delivery", "=", false]]);
    report("order lines", orders.iter().map(|order| order.line_items.len()).sum(), count(odoo, "sale.order.line", lines).await);
    let delivered = json!([["picking_type_code", "=", "outgoing"], ["state", "=", "done"], ["sale_id", "!=", false]]);
    let shipments = orders.iter().flat_map(|order| order.shipments.iter()).filter(|shipment| shipment.status == ShipmentStatus::Shipped);
    report("shipments that left", shipments.count(), count(odoo, "stock.picking", delivered).await);
    let tracked = json!([["picking_type_code", "=", "outgoing"], ["carrier_tracking_ref", "!=", false], ["sale_id", "!=", false]]);
    let packages = orders.iter().flat_map(|order| order.shipments.iter()).flat_map(|shipment| shipment.packages.iter());
    report("tracking numbers", packages.filter(|package| package.tracking_number.is_some()).count(), count(odoo, "stock.picking", tracked).await);
    assert!(orders.iter().all(|order| order.ship_to.as_ref().is_some_and(|address| address.country.as_ref().is_some_and(|code| code.len() == 2))));
    for status in [OrderStatus::Cancelled, OrderStatus::Confirmed, OrderStatus::Fulfilled] {
        assert!(orders.iter().any(|order| order.status == status), "no order is {status}");
    }

    assert_eq!(whole::<Order>(odoo).await, orders, "what did not change looks the same");

    let inbound = whole::<InboundShipment>(odoo).await;
    report("inbound shipments", inbound.len(), count(odoo, "stock.picking", incoming).await);
    let received = json!([["picking_id.picking_type_code", "=", "incoming"], ["picking_id.return_id", "=", false], ["state", "=", "done"]]);
    let of_lines: Quantity = inbound.iter().flat_map(|one| one.line_items.iter()).map(|line| line.received_quantity).sum();
    let of_receipts: Quantity =
        inbound.iter().flat_map(|one| one.receipts.iter()).flat_map(|one| one.line_items.iter()).map(|line| line.quantity).sum();
    assert_eq!(of_receipts, sum(odoo, "stock.move", received, "quantity").await);
    assert_eq!(of_lines, of_receipts);
    assert!(inbound.iter().all(|one| one.purchase_order_number.is_some() && one.warehouse.is_some() && one.supplier.is_some()));

    let returns = whole::<Return>(odoo).await;
    report("returns", returns.len(), count(odoo, "stock.picking", json!([["return_id", "!=", false]])).await);
    assert!(returns.iter().all(|back| back.order.as_ref().is_some_and(|order| orders.iter().any(|known| known.source.id == order.source_id()))));
}

#[tokio::test]
async fn live_odoo_a_child_that_changed_brings_its_parent_back() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let orders = whole::<Order>(odoo).await;
    // Rows of orders that the other tests leave alone.
    let order = orders.iter().rfind(|order| order.status == OrderStatus::Fulfilled).unwrap();
    let id: i64 = order.source.id.parse().unwrap();
    let raw = order.source.raw.as_ref().unwrap().to_value();
    let parent = async |odoo: &Odoo| {
        let rows: Vec<Value> = odoo.value("sale.order", "read", &json!({ "ids": [id], "fields": ["write_date"] })).await.unwrap();
        rows[0]["write_date"].as_str().unwrap().to_owned()
    };
    let before = parent(odoo).await;

    let since = now(odoo).await;
    assert!(before < stamp(since), "the order was written just now; start Odoo afresh");
    write(odoo, "sale.order.line", &raw["lines"][0]["id"].to_string(), json!({ "name": format!("text of {}", since.micros()) })).await;
    assert!(changed::<Order>(odoo, since).await.contains(&order.source.id), "1: the text of a line");

    let consignee = raw["shipTo"]["id"].to_string();
    let since = past(odoo, since).await;
    write(odoo, "res.partner", &consignee, json!({ "street": format!("{} Main St", since.micros()) })).await;
    assert!(changed::<Order>(odoo, since).await.contains(&order.source.id), "2: the consignee's address");

    let since = past(odoo, since).await;
    write(odoo, "stock.picking", &order.shipments[0].id, json!({ "carrier_tracking_ref": format!("T-{}", since.micros()) })).await;
    assert!(changed::<Order>(odoo, since).await.contains(&order.source.id), "3: a tracking number");
    let again = odoo.order(id).await.unwrap().unwrap().unwrap();
    assert_eq!(again.shipments[0].packages[0].tracking_number, Some(format!("T-{}", since.micros())));
    assert_eq!(parent(odoo).await, before, "Odoo does not touch the order for any of these");

    let since = past(odoo, since).await;
    let products = whole::<Product>(odoo).await;
    let product = products.iter().find(|product| product.sku.as_deref() == Some("SKU-00010")).unwrap();
    let template = product.source.additional_fields.as_ref().unwrap().to_value()["templateId"].as_str().unwrap().to_owned();
    write(odoo, "product.template", &template, json!({ "name": format!("renamed {}", since.micros()) })).await;
    assert_eq!(changed::<Product>(odoo, since).await, vec![product.source.id.clone()], "4: a template's name");
    assert!(changed::<InventoryItem>(odoo, since).await.contains(&product.source.id), "4: and its inventory item");

    let since = past(odoo, since).await;
    let place = whole::<WarehouseLocation>(odoo).await.into_iter().find(|place| place.name.as_deref() == Some("RTM-B-02-1")).unwrap();
    let quant = json!({ "product_id": product.source.id.parse::<i64>().unwrap(), "location_id": place.source.id.parse::<i64>().unwrap(), "inventory_quantity": since.micros() % 1000 + 1 });
    let made: Vec<i64> = odoo.value("stock.quant", "create", &json!({ "vals_list": [quant], "context": { "inventory_mode": true } })).await.unwrap();
    odoo.call("stock.quant", "action_apply_inventory", &json!({ "ids": made })).await.unwrap();
    assert!(changed::<InventoryItem>(odoo, since).await.contains(&product.source.id), "5: a count of the stock");
    assert!(!changed::<Product>(odoo, since).await.contains(&product.source.id), "5: which is no change of the product");
    assert!(!changed::<Order>(odoo, since).await.contains(&order.source.id), "nor of the order");
}

/// A moment of Odoo's clock that lies a whole second after `then`, so that what was written then is not seen again.
async fn past(odoo: &Odoo, then: Instant) -> Instant {
    loop {
        // Odoo's clock is asked over the network; no time is made up and none is slept away.
        let now = now(odoo).await;
        if now > then {
            let again = self::now(odoo).await;
            if again > now {
                return again;
            }
        }
    }
}

fn draft(lines: Vec<OrderLineItemDraft>) -> OrderDraft {
    OrderDraft {
        order_number: None,
        reference_id: Some("SHOP-1001".to_owned()),
        warehouse_customer_id: None,
        warehouse_id: Some(reference::<Warehouse>("1")),
        shipping_method_id: Some(reference::<ShippingMethod>("2")),
        order_type: None,
        ship_to: Some(AddressInput {
            full_name: Some("Jane Doe".to_owned()),
            company: Some("Doe & Daughters".to_owned()),
            address1: Some("1 Main St".to_owned()),
            address2: Some("Floor 2".to_owned()),
            city: Some("Austin".to_owned()),
            state: Some("TX".to_owned()),
            postal_code: Some("73301".to_owned()),
            country: Some("us".to_owned()),
            phone_number: Some("+1 512 555 0100".to_owned()),
            email_address: Some("jane@example.com".to_owned()),
            ..AddressInput::default()
        }),
        required_ship_date: "2027-01-05T10:00:00Z".parse().ok(),
        currency_code: Some("USD".to_owned()),
        line_items: lines,
        ..OrderDraft::default()
    }
}

fn line(sku: &str) -> OrderLineItemDraft {
    OrderLineItemDraft {
        product_id: None,
        sku: Some(sku.to_owned()),
        quantity: Quantity::whole(2),
        unit_price: "12.50".parse().ok(),
        discount_amount: None,
    }
}

async fn create(odoo: &Odoo, order: OrderDraft, reference: &str) -> Result<crate::wms::Written<Order>, Error> {
    Push::push(odoo, &CreateOrder { order, integration_fields: None }, reference).await
}

#[tokio::test]
async fn live_odoo_an_order_is_made_and_seen() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let since = now(odoo).await;
    let written = create(odoo, draft(vec![line("SKU-00001"), line("SKU-00002")]), "crossdock-live-1").await.unwrap();
    let order = &written.record;
    note(&format!("made {} ({})", order.order_number, order.source.url.as_deref().unwrap_or_default()));
    assert_eq!(written.unused_fields, Vec::<String>::new());
    assert_eq!((order.status, order.raw_status.as_deref()), (OrderStatus::Confirmed, Some("sale/pending")));
    assert_eq!(order.reference_id.as_deref(), Some("SHOP-1001"));
    assert_eq!(order.required_ship_date, "2027-01-05T10:00:00Z".parse().ok());
    assert_eq!(order.warehouse.as_ref().map(Link::source_id), Some("1"));
    assert_eq!(order.shipping_method.as_ref().map(Link::source_id), Some("2"));
    assert_eq!(order.line_items.iter().filter_map(|line| line.sku.as_deref()).collect::<Vec<_>>(), ["SKU-00001", "SKU-00002"]);
    assert!(order.line_items.iter().all(|line| line.quantity == Quantity::whole(2) && line.unit_price == "12.50".parse().ok()));
    let to = order.ship_to.as_ref().unwrap();
    assert_eq!((to.full_name.as_deref(), to.company.as_deref(), to.state.as_deref()), (Some("Jane Doe"), Some("Doe & Daughters"), Some("Texas")));
    assert_eq!((to.country.as_deref(), to.address2.as_deref(), to.postal_code.as_deref()), (Some("US"), Some("Floor 2"), Some("73301")));
    assert_eq!(order.source.additional_fields.as_ref().unwrap().to_value()["sourceDocument"], "crossdock-live-1");

    let (seen, _) = all::<Order>(odoo, Scope { since: Some(since), until: None }).await;
    assert_eq!(seen.iter().find(|seen| seen.source.id == order.source.id), Some(order), "the listing shows what the write answered");
    let (none, _) = all::<Order>(odoo, Scope { since: Some(since), until: Some(since.minus_seconds(60)) }).await;
    assert!(none.is_empty(), "nothing was changed before it began");

    // The same consignee again, for a 3PL's client.
    let client = whole::<WarehouseCustomer>(odoo).await.remove(0);
    let mut again = draft(vec![line("SKU-00001")]);
    again.warehouse_customer_id = Some(reference::<WarehouseCustomer>(&client.source.id));
    let second = create(odoo, again, "crossdock-live-2").await.unwrap().record;
    assert_eq!(second.warehouse_customer.as_ref().map(|link| link.source_id().to_owned()), Some(client.source.id));
    let consignee = |order: &Order| order.source.raw.as_ref().unwrap().to_value()["shipTo"]["id"].clone();
    assert_eq!(consignee(order), consignee(&second), "an identical consignee is used again");
}

#[tokio::test]
async fn live_odoo_an_order_leaves_and_comes_back() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let order = create(odoo, draft(vec![line("SKU-00001")]), "crossdock-live-shipped").await.unwrap().record;
    let (id, picking): (i64, i64) = (order.source.id.parse().unwrap(), order.shipments[0].id.parse().unwrap());
    assert_eq!(order.line_items[0].is_picked, Some(false));
    let item = order.shipments[0].line_items[0].inventory_item.clone().unwrap();

    let since = past(odoo, now(odoo).await).await;
    let moves: Vec<i64> = odoo.value("stock.move", "search", &json!({ "domain": [["picking_id", "=", picking]] })).await.unwrap();
    let taken: bool = odoo.value("stock.move", "write", &json!({ "ids": moves, "vals": { "quantity": 2, "picked": true } })).await.unwrap();
    let left: bool = odoo
        .value("stock.picking", "button_validate", &json!({ "ids": [picking], "context": { "skip_backorder": true, "skip_sms": true } }))
        .await
        .unwrap();
    assert!(taken && left);
    assert!(changed::<Order>(odoo, since).await.contains(&order.source.id), "a shipment that left");
    assert!(changed::<InventoryItem>(odoo, since).await.contains(&item.source_id().to_owned()), "and the stock that left with it");
    assert!(!changed::<Product>(odoo, since).await.contains(&item.source_id().to_owned()));
    let shipped = odoo.order(id).await.unwrap().unwrap().unwrap();
    let shipment = &shipped.shipments[0];
    assert_eq!((shipped.status, shipment.status, shipped.line_items[0].is_picked), (OrderStatus::Fulfilled, ShipmentStatus::Shipped, Some(true)));
    assert!(shipment.shipped_at.is_some_and(|at| at >= since));
    assert_eq!((shipment.line_items[0].quantity, shipment.packages[0].line_items[0].quantity), (Quantity::whole(2), Quantity::whole(2)));

    let since = past(odoo, now(odoo).await).await;
    let wizard: Vec<i64> = odoo.value("stock.return.picking", "create", &json!({ "vals_list": [{ "picking_id": picking }] })).await.unwrap();
    let back: Value = odoo.value("stock.return.picking", "action_create_returns_all", &json!({ "ids": wizard })).await.unwrap();
    let (returns, _) = all::<Return>(odoo, Scope { since: Some(since), until: None }).await;
    assert_eq!(returns.iter().map(|back| back.source.id.clone()).collect::<Vec<_>>(), [back["res_id"].to_string()]);
    assert_eq!(returns[0].order.as_ref().map(Link::source_id), Some(order.source.id.as_str()));
    assert_eq!((returns[0].line_items[0].expected_quantity, returns[0].line_items[0].received_quantity), (Quantity::whole(2), Quantity::ZERO));
    let again = odoo.order(id).await.unwrap().unwrap().unwrap();
    assert_eq!(again.status, OrderStatus::Fulfilled, "Odoo says {:?}", again.raw_status);
    // Called off, so that the counts of the other tests see no open return.
    odoo.call("stock.picking", "action_cancel", &json!({ "ids": [back["res_id"]] })).await.unwrap();
}

#[tokio::test]
async fn live_odoo_a_refused_order_leaves_nothing_behind() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let refused = async |order: OrderDraft| {
        let error = create(odoo, order, "crossdock-live-refused").await.map(|written| written.record.order_number).unwrap_err();
        note(&format!("refused at {:?}: {}", error.path, error.message));
        assert!(!error.outcome_unknown);
        (error.kind, error.path.unwrap_or_default().join("."), error.message, error.code)
    };
    let nobody = OrderDraft { ship_to: None, ..draft(vec![line("SKU-00001")]) };
    let (kind, path, message, code) = refused(nobody).await;
    assert_eq!((kind, path.as_str(), code.as_deref()), (Kind::Validation, "shipTo", Some("odoo.exceptions.ValidationError")));
    assert!(message.starts_with("The operation cannot be completed: Missing required value for the field 'Customer' (partner_id)."), "{message}");

    let nameless =
        OrderDraft { ship_to: Some(AddressInput { city: Some("Austin".to_owned()), ..AddressInput::default() }), ..draft(vec![line("SKU-00001")]) };
    let (kind, path, message, _) = refused(nameless).await;
    assert_eq!((kind, path.as_str()), (Kind::Validation, "shipTo.fullName"), "{message}");

    for (lines, path, message) in [
        (vec![line("SKU-00001"), line("NO-SUCH")], "lineItems.1.sku", "Odoo has no product \"NO-SUCH\""),
        (vec![line("SKU-00199")], "lineItems.0.sku", "The product \"SKU-00199\" is archived in Odoo"),
        (vec![], "lineItems", "An order needs at least one line"),
        (vec![OrderLineItemDraft { quantity: Quantity::ZERO, ..line("SKU-00001") }], "lineItems.0.quantity", "The quantity must be more than 0"),
    ] {
        assert_eq!(refused(draft(lines)).await, (Kind::Validation, path.to_owned(), message.to_owned(), None));
    }
    let closed = OrderDraft { warehouse_id: Some(reference::<Warehouse>("4")), ..draft(vec![line("SKU-00001")]) };
    assert_eq!(refused(closed).await.1, "warehouseId");
    let foreign = OrderDraft { currency_code: Some("JPY".to_owned()), reference_id: Some("YEN".to_owned()), ..draft(vec![line("SKU-00001")]) };
    assert_eq!(refused(foreign).await.1, "currencyCode");
    // Odoo makes this quotation and then refuses to confirm it.
    let mut order = CreateOrder { order: draft(vec![line("SKU-00001")]), integration_fields: None };
    order.integration_fields = Some(crate::record::Json::of(&json!({ "state": "sale" })));
    let error = Push::push(odoo, &order, "crossdock-live-refused").await.map(|written| written.record.order_number).unwrap_err();
    note(&format!("refused after it was made: {}", error.message));
    assert_eq!((error.kind, error.message.as_str()), (Kind::Validation, "Some orders are not in a state requiring confirmation."));

    let left = count(odoo, "sale.order", json!([["origin", "=", "crossdock-live-refused"]])).await;
    assert_eq!(left, 0, "no half-made order stays");
}

#[tokio::test]
async fn live_odoo_a_product_is_changed_and_refusals_are_odoos() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let products = whole::<Product>(odoo).await;
    let product = products.iter().find(|product| product.sku.as_deref() == Some("SKU-00020")).unwrap();
    let taken = products.iter().find_map(|other| other.gtin.clone().filter(|_| other.source.id != product.source.id)).unwrap();
    let update = async |patch: ProductPatch| {
        Push::push(odoo, &UpdateProduct { id: reference(&product.source.id), product: patch, integration_fields: None }, "crossdock-live-3").await
    };
    let (text, price) = (|text: &str| crate::record::draft::MaybeUndefined::Value(text.to_owned()), "7.25".parse::<Money>().unwrap());
    let patch = ProductPatch {
        name: text("Green tea"),
        gtin: crate::record::draft::MaybeUndefined::Null,
        unit_price: crate::record::draft::MaybeUndefined::Value(price),
        country_of_origin: text("jp"),
        harmonized_code: text("0902.10"),
        active: crate::record::draft::MaybeUndefined::Value(false),
        ..ProductPatch::default()
    };
    let written = update(patch).await.unwrap();
    let new = written.record;
    assert_eq!((new.name.as_str(), new.gtin.as_ref(), new.unit_price, new.active), ("Green tea", None, Some(price), false));
    assert_eq!(
        (new.country_of_origin.as_deref(), new.harmonized_code.as_deref(), new.sku.as_deref()),
        (Some("JP"), Some("0902.10"), Some("SKU-00020"))
    );
    assert_eq!(written.unused_fields, Vec::<String>::new());

    // Odoo compares the bar codes of products in use only.
    let back = ProductPatch {
        name: text(&product.name),
        gtin: product.gtin.clone().map_or(crate::record::draft::MaybeUndefined::Null, crate::record::draft::MaybeUndefined::Value),
        active: crate::record::draft::MaybeUndefined::Value(true),
        ..ProductPatch::default()
    };
    assert!(update(back).await.unwrap().record.active);
    let error = update(ProductPatch { gtin: text(&taken), ..ProductPatch::default() }).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Conflict, Some(vec!["gtin".to_owned()])));
    assert!(error.message.starts_with("Barcode(s) already assigned:\n\n- Barcode"), "{}", error.message);
    let error = update(ProductPatch { name: text(""), ..ProductPatch::default() }).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Validation, Some(vec!["name".to_owned()])), "{}", error.message);

    let gone =
        UpdateProduct { id: reference("99999999"), product: ProductPatch { name: text("x"), ..ProductPatch::default() }, integration_fields: None };
    let error = Push::push(odoo, &gone, "crossdock-live-4").await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (Kind::NotFound, Some("odoo.exceptions.MissingError")));
}

#[tokio::test]
async fn live_odoo_a_check_tells_who_may_what() {
    let _turn = turn().await;
    let (ours, clerk) = (odoo("integration"), odoo("clerk"));
    let account = ours.check().await.unwrap();
    note(&format!("{:?}", account.description));
    assert_eq!(account.description.as_deref(), Some("Odoo 19.0: Probe Logistics B.V."));
    assert!(account.forbidden.is_empty(), "{:?}", account.forbidden);

    let account = clerk.check().await.unwrap();
    let mut types: Vec<DataType> = account.forbidden.iter().map(|(of, _)| *of).collect();
    types.sort();
    note(&format!("the clerk may not read {types:?}"));
    assert!(types.contains(&DataType::Orders) && types.contains(&DataType::Returns) && types.contains(&DataType::ShippingMethods));
    assert!(!types.contains(&DataType::Products) && !types.contains(&DataType::Warehouses));
    let reason = &account.forbidden.iter().find(|(of, _)| *of == DataType::ShippingMethods).unwrap().1;
    assert!(reason.starts_with("You are not allowed to access 'Shipping Methods' (delivery.carrier) records."), "{reason}");
    let error = Pull::<Order>::pull(&clerk, &Scope::default(), None).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.code.as_deref(), error.is_retryable()), (Kind::Forbidden, Some("odoo.exceptions.AccessError"), false));

    let stranger = Odoo { api_key: "nonsense".to_owned().into(), ..ours };
    let error = stranger.check().await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Unauthenticated, "Invalid apikey"));
    let lost = Odoo { database: Some("nodb".to_owned()), ..stranger };
    let error = lost.check().await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Configuration, Some(vec!["baseUrl".to_owned()])));
}
