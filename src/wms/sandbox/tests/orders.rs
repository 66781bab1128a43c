//! Orders that are changed, cancelled and shipped in parts.

use super::data::adds_up;
use super::writing::{draft, line, path, plenty, reference_to};
use super::*;
use crate::record::draft::{
    CancelOrder, CreateOrder, MaybeUndefined, MeasurementsInput, OrderLineItemDraft, OrderPatch, PackageDraft, ShipOrder, ShipmentDraft,
    ShipmentLineItemDraft, UpdateOrder,
};
use crate::record::{DutyPayer, InventoryItem, Order, OrderStatus, Product, Quantity};
use crate::wms::Kind;

fn value<T>(value: T) -> MaybeUndefined<T> {
    MaybeUndefined::Value(value)
}

fn change(id: &str, order: OrderPatch) -> UpdateOrder {
    UpdateOrder { id: reference_to(id).unwrap(), order, integration_fields: None }
}

fn ship(id: &str, shipment: ShipmentDraft) -> ShipOrder {
    ShipOrder { id: reference_to(id).unwrap(), shipment, integration_fields: None }
}

fn some(sku: Option<&str>, quantity: i64) -> ShipmentLineItemDraft {
    let sku = sku.map(str::to_owned);
    ShipmentLineItemDraft { inventory_item_id: None, product_id: None, sku, quantity: Quantity::whole(quantity), lot_id: None }
}

async fn item(wms: &Arc<dyn Wms>, id: &str) -> InventoryItem {
    let item = read_all::<InventoryItem>(wms, Scope::default()).await.records.remove(id).unwrap();
    adds_up(&item);
    item
}

/// An order for so many of a product of which there is plenty.
async fn made(wms: &Arc<dyn Wms>, quantity: i64) -> (Order, Product, InventoryItem) {
    let (product, item) = plenty(wms).await;
    let order = push(wms, draft(vec![line(product.sku.as_deref().unwrap(), quantity)]), "made").await.unwrap().record;
    (order, product, item)
}

#[tokio::test]
async fn an_order_changes_as_asked_and_its_lines_are_compared() {
    let (_sandbox, wms) = sandbox().await;
    let (order, product, before) = made(&wms, 3).await;
    let id = order.source.id.as_str();
    let products = read_all::<Product>(&wms, Scope::default()).await.records;
    let other = products.values().find(|other| {
        other.active
            && other.sku.is_some()
            && other.warehouse_customer == product.warehouse_customer
            && other.source.id != product.source.id
            && !other.is_kit
    });
    let other = other.unwrap();
    // Five of the product that it has, at the price that it has, and one of another.
    let same = OrderLineItemDraft { unit_price: None, discount_amount: "1.50".parse().ok(), ..line(product.sku.as_deref().unwrap(), 5) };
    let new = OrderLineItemDraft { product_id: reference_to(&other.source.id), ..line(other.sku.as_deref().unwrap(), 1) };
    let patch = OrderPatch {
        reference_id: MaybeUndefined::Null,
        shipping_method_id: value(reference_to("sm_01").unwrap()),
        required_ship_date: MaybeUndefined::Null,
        saturday_delivery: value(true),
        duty_paid_by: value(DutyPayer::Recipient),
        third_party_freight_account_number: value("4711".to_owned()),
        source_tags: value(vec!["late".to_owned()]),
        line_items: value(vec![new, same]),
        ..OrderPatch::default()
    };
    let after = push(&wms, change(id, patch), "change-1").await.unwrap().record;
    assert_eq!((after.reference_id.as_ref(), after.required_ship_date, after.order_type), (None, None, order.order_type));
    assert_eq!(after.shipping_method.as_ref().unwrap().source_id(), "sm_01");
    assert_eq!((after.delivery.saturday_delivery, after.delivery.signature_required), (Some(true), Some(false)));
    assert_eq!((after.delivery.duty_paid_by, after.delivery.is_third_party_freight), (Some(DutyPayer::Recipient), Some(true)));
    assert_eq!(after.delivery.third_party_freight_account_number.as_deref(), Some("4711"));
    assert_eq!((after.source_tags.as_slice(), after.ship_to.as_ref()), (&["late".to_owned()][..], order.ship_to.as_ref()));
    let [first, second] = after.line_items.as_slice() else { panic!("{:?}", after.line_items) };
    assert_eq!((first.sku.as_ref(), first.quantity), (other.sku.as_ref(), Quantity::whole(1)));
    assert_eq!((second.quantity, second.unit_price, second.discount_amount), (Quantity::whole(5), "9.95".parse().ok(), "1.50".parse().ok()));
    assert_eq!(after.total_price, "58.20".parse().ok(), "9.95 for the other, 49.75 less 1.50 for the five");
    if after.status == OrderStatus::Open {
        let rate = product.components[0].quantity.micros();
        assert_eq!(item(&wms, &before.source.id).await.committed, before.committed + Quantity::from_micros(rate * 5));
    }

    let nothing = push(&wms, change(id, OrderPatch::default()), "change-2").await.unwrap().record;
    assert_eq!(nothing, after, "nothing asked, nothing changed");
    // The reference that it gave up is free, its own is its own.
    let again = OrderPatch { reference_id: value("shop-1".to_owned()), ..OrderPatch::default() };
    push(&wms, change(id, again.clone()), "change-3").await.unwrap();
    assert_eq!(push(&wms, change(id, again), "change-4").await.unwrap().record.reference_id.as_deref(), Some("shop-1"));
}

#[tokio::test]
async fn an_order_that_is_more_than_there_is_waits_and_comes_back() {
    let (_sandbox, wms) = sandbox().await;
    let (order, product, before) = made(&wms, 3).await;
    let id = order.source.id.as_str();
    let lines = |quantity| OrderPatch { line_items: value(vec![line(product.sku.as_deref().unwrap(), quantity)]), ..OrderPatch::default() };
    let waiting = push(&wms, change(id, lines(900_000)), "more").await.unwrap().record;
    assert_eq!(waiting.status, OrderStatus::Backordered);
    assert_eq!(item(&wms, &before.source.id).await.committed, before.committed);
    let back = push(&wms, change(id, lines(2)), "less").await.unwrap().record;
    assert_eq!((back.status, back.warehouse), (OrderStatus::Open, order.warehouse));
    let rate = product.components[0].quantity.micros();
    assert_eq!(item(&wms, &before.source.id).await.committed, before.committed + Quantity::from_micros(rate * 2));
}

#[tokio::test]
async fn what_is_under_way_is_not_changed_and_wrong_changes_are_refused_by_field() {
    let (_sandbox, wms) = sandbox().await;
    let orders = read_all::<Order>(&wms, Scope::default()).await.records;
    for raw in ["picked", "packed", "part_shipped", "shipped", "void"] {
        let id = &orders.values().find(|order| order.raw_status.as_deref() == Some(raw)).unwrap().source.id;
        let error = push(&wms, change(id, OrderPatch::default()), raw).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_deref(), error.outcome_unknown), (Kind::Conflict, Some("invalid_state"), false));
        assert_eq!(error.message, format!("Order '{id}' cannot be changed: it is '{raw}'"));
    }
    let (order, ..) = made(&wms, 1).await;
    let taken = orders.values().find_map(|order| order.reference_id.clone()).unwrap();
    let cases: Vec<(OrderPatch, Kind, Vec<&str>)> = vec![
        (OrderPatch { line_items: value(Vec::new()), ..OrderPatch::default() }, Kind::Validation, vec!["lineItems"]),
        (OrderPatch { line_items: MaybeUndefined::Null, ..OrderPatch::default() }, Kind::Validation, vec!["lineItems"]),
        (OrderPatch { line_items: value(vec![line("X", 1)]), ..OrderPatch::default() }, Kind::Validation, vec!["lineItems", "0", "sku"]),
        (OrderPatch { ship_to: MaybeUndefined::Null, ..OrderPatch::default() }, Kind::Validation, vec!["shipTo"]),
        (OrderPatch { order_type: MaybeUndefined::Null, ..OrderPatch::default() }, Kind::Validation, vec!["type"]),
        (OrderPatch { signature_required: MaybeUndefined::Null, ..OrderPatch::default() }, Kind::Validation, vec!["signatureRequired"]),
        (OrderPatch { warehouse_id: value(reference_to("wh_04").unwrap()), ..OrderPatch::default() }, Kind::Validation, vec!["warehouseId"]),
        (OrderPatch { source_tags: value(vec![String::new()]), ..OrderPatch::default() }, Kind::Validation, vec!["sourceTags"]),
        (OrderPatch { reference_id: value(taken), ..OrderPatch::default() }, Kind::Conflict, vec!["referenceId"]),
    ];
    for (index, (patch, kind, place)) in cases.into_iter().enumerate() {
        let error = push(&wms, change(&order.source.id, patch), &format!("case-{index}")).await.unwrap_err();
        assert_eq!((error.kind, error.path.clone()), (kind, path(&place)), "{error:?}");
    }
    let error = push(&wms, change("ord_999999", OrderPatch::default()), "gone").await.unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::NotFound, path(&["id"])));
}

#[tokio::test]
async fn an_order_is_shipped_in_parts_with_its_parcels() {
    let (_sandbox, wms) = sandbox().await;
    let (order, product, before) = made(&wms, 5).await;
    let (id, sku) = (order.source.id.as_str(), product.sku.clone().unwrap());
    let rate = product.components[0].quantity.micros();
    let number = |number: &str| PackageDraft {
        name: Some("Box".to_owned()),
        tracking_number: Some(number.to_owned()),
        shipping_cost: "4.90".parse().ok(),
        measurements: Some(MeasurementsInput {
            weight: Some(Quantity::whole(2)),
            weight_unit: Some(crate::record::WeightUnit::Kg),
            ..MeasurementsInput::default()
        }),
        ..PackageDraft::default()
    };
    let first = ShipmentDraft {
        shipped_at: Some(EPOCH.plus_seconds(60)),
        line_items: Some(vec![some(Some(&sku), 2)]),
        packages: Some(vec![number("1Z1"), number("1Z2")]),
        ..ShipmentDraft::default()
    };
    let part = push(&wms, ship(id, first), "ship-1").await.unwrap().record;
    assert_eq!(part.status, OrderStatus::PartiallyFulfilled);
    let [shipment] = part.shipments.as_slice() else { panic!("{:?}", part.shipments) };
    assert_eq!(shipment.shipped_at, Some(EPOCH.plus_seconds(60)));
    let numbers: Vec<&str> = shipment.packages.iter().filter_map(|package| package.tracking_number.as_deref()).collect();
    assert_eq!(numbers, ["1Z1", "1Z2"]);
    assert_eq!(shipment.line_items.iter().map(|line| line.quantity).sum::<Quantity>(), Quantity::from_micros(rate * 2));
    let after = item(&wms, &before.source.id).await;
    assert_eq!(
        (after.on_hand, after.committed),
        (before.on_hand - Quantity::from_micros(rate * 2), before.committed + Quantity::from_micros(rate * 3))
    );

    for (lines, place) in [
        (vec![some(Some(&sku), 4)], vec!["lineItems", "0", "quantity"]),
        (vec![some(Some(&sku), 2), some(Some(&sku), 2)], vec!["lineItems", "1", "quantity"]),
        (vec![some(Some("X"), 1)], vec!["lineItems", "0", "sku"]),
        (vec![some(None, 1)], vec!["lineItems", "0", "sku"]),
        (vec![some(Some(&sku), 0)], vec!["lineItems", "0", "quantity"]),
        (vec![ShipmentLineItemDraft { lot_id: Some("L-none".to_owned()), ..some(Some(&sku), 1) }], vec!["lineItems", "0", "lotId"]),
        (Vec::new(), vec!["lineItems"]),
    ] {
        let error = push(&wms, ship(id, ShipmentDraft { line_items: Some(lines), ..ShipmentDraft::default() }), "wrong").await.unwrap_err();
        assert_eq!((error.kind, error.path.clone()), (Kind::Validation, path(&place)), "{error:?}");
    }
    let elsewhere = (1..=3).map(|number| format!("wh_{number:02}")).find(|other| order.warehouse.as_ref().unwrap().source_id() != other).unwrap();
    let error =
        push(&wms, ship(id, ShipmentDraft { warehouse_id: reference_to(&elsewhere), ..ShipmentDraft::default() }), "wrong").await.unwrap_err();
    assert_eq!(error.path, path(&["warehouseId"]));

    let rest = push(&wms, ship(id, ShipmentDraft::default()), "ship-2").await.unwrap().record;
    assert_eq!((rest.status, rest.shipments.len()), (OrderStatus::Fulfilled, 2));
    assert_eq!(item(&wms, &before.source.id).await.committed, before.committed);
    let error = push(&wms, ship(id, ShipmentDraft::default()), "ship-3").await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Conflict, format!("Order '{id}' cannot be shipped: it is 'shipped'").as_str()));
}

#[tokio::test]
async fn goods_are_taken_from_the_lot_that_is_named() {
    let (_sandbox, wms) = sandbox().await;
    let items = read_all::<InventoryItem>(&wms, Scope::default()).await.records;
    let products = read_all::<Product>(&wms, Scope::default()).await.records;
    // The last lot to expire in a warehouse where there are two: it would not be taken otherwise.
    let find = |product: &Product| {
        let [component] = product.components.as_slice() else { return None };
        let item = items.get(component.inventory_item.as_ref()?.source_id())?;
        let warehouse = item.by_warehouse.iter().find(|of| of.fulfillable >= Quantity::whole(6))?.warehouse.clone();
        let mut lots: Vec<_> = item.lots.iter().filter(|lot| lot.warehouse == warehouse && lot.on_hand >= Quantity::whole(2)).cloned().collect();
        lots.sort_by_key(|lot| (lot.expires_at.is_none(), lot.expires_at));
        let one = component.quantity == Quantity::whole(1) && product.active && product.sku.is_some();
        (one && lots.len() > 1).then(|| (product.clone(), warehouse, lots))
    };
    let (product, warehouse, lots) = products.values().find_map(find).unwrap();
    let mut command = draft(vec![line(product.sku.as_deref().unwrap(), 2)]);
    command.order.warehouse_id = reference_to(warehouse.as_ref().unwrap().source_id());
    let order = push(&wms, command, "lot").await.unwrap().record;
    let last = lots.last().unwrap();
    let line = ShipmentLineItemDraft { lot_id: Some(last.lot_id.clone()), ..some(product.sku.as_deref(), 2) };
    let shipment = ShipmentDraft { line_items: Some(vec![line]), ..ShipmentDraft::default() };
    let shipped = push(&wms, ship(&order.source.id, shipment), "ship").await.unwrap().record;
    let taken: Vec<_> = shipped.shipments[0].packages.iter().flat_map(|package| package.line_items.iter()).map(|line| line.lot_id.clone()).collect();
    assert_eq!(taken, [Some(last.lot_id.clone())]);
    let item = item(&wms, product.components[0].inventory_item.as_ref().unwrap().source_id()).await;
    let left: Quantity = item.lots.iter().filter(|lot| lot.lot_id == last.lot_id && lot.warehouse == warehouse).map(|lot| lot.on_hand).sum();
    assert_eq!(left, last.on_hand - Quantity::whole(2));
}

#[tokio::test]
async fn an_order_is_cancelled_with_a_reason() {
    let (_sandbox, wms) = sandbox().await;
    let (order, _, before) = made(&wms, 3).await;
    let cancel =
        |reason: &str| CancelOrder { id: reference_to(&order.source.id).unwrap(), reason: Some(reason.to_owned()), integration_fields: None };
    let error = push(&wms, cancel(" "), "cancel-0").await.unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Validation, path(&["reason"])));
    let after = push(&wms, cancel("changed their mind"), "cancel-1").await.unwrap().record;
    assert_eq!((after.status, after.raw_status.as_deref()), (OrderStatus::Cancelled, Some("void")));
    assert_eq!(after.source.additional_fields.as_ref().unwrap().to_value()["hold_reason"], "changed their mind");
    assert_eq!(item(&wms, &before.source.id).await.committed, before.committed);
    assert_eq!(push(&wms, cancel("changed their mind"), "cancel-1").await.unwrap().record, after, "the same key again");
    let error = push(&wms, cancel("again"), "cancel-2").await.unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (Kind::Conflict, Some("invalid_state")));
    let command = CancelOrder { integration_fields: Some(crate::record::Json::of(&serde_json::json!({ "x": 1 }))), ..cancel("x") };
    assert_eq!(push(&wms, command, "cancel-3").await.unwrap_err().path, path(&["integrationFields"]));
}

#[tokio::test]
async fn what_an_order_took_is_what_was_promised_whatever_becomes_of_the_kit() {
    let (sandbox, wms) = sandbox().await;
    let items = read_all::<InventoryItem>(&wms, Scope::default()).await.records;
    let kit = read_all::<Product>(&wms, Scope::default()).await.records.into_values().find(|product| product.is_kit && product.active).unwrap();
    let CreateOrder { order, .. } = draft(vec![line(kit.sku.as_deref().unwrap(), 1)]);
    let order = push(&wms, CreateOrder { order, integration_fields: None }, "kit").await.unwrap().record;
    let part = &kit.components[0];
    let body = serde_json::json!({ "components": [{ "inventory_id": part.inventory_item.as_ref().unwrap().source_id(), "qty": 7 }] });
    assert_eq!(ask(&sandbox, "PATCH", &format!("/v1/products/{}", kit.source.id), Some(body)).await.status, 200);
    if order.status == OrderStatus::Open {
        push(&wms, ship(&order.source.id, ShipmentDraft::default()), "ship").await.unwrap();
    }
    for component in kit.components.iter() {
        let id = component.inventory_item.as_ref().unwrap().source_id();
        let (before, after) = (&items[id], item(&wms, id).await);
        let taken = if order.status == OrderStatus::Open { component.quantity } else { Quantity::ZERO };
        assert_eq!((after.on_hand, after.committed), (before.on_hand - taken, before.committed), "{id}");
    }
}
