//! Orders that are changed, cancelled, shipped and sent back, each of goods that no other test touches.

use serde_json::json;

use super::super::Odoo;
use super::{Goods, clock, count, draft, odoo, pushed, reference, refused, turn};
use crate::record::draft::{
    AddressInput, CancelOrder, CancelReturn, CreateOrder, CreateReturn, MaybeUndefined, OrderDraft, OrderLineItemDraft, OrderPatch, PackageDraft,
    Ref, ReturnDraft, ReturnLineItemDraft, ReturnPatch, ShipOrder, ShipmentDraft, ShipmentLineItemDraft, UpdateOrder, UpdateReturn,
};
use crate::record::{InventoryItem, Link, Order, OrderStatus, Quantity, Return, ReturnStatus, ShipmentStatus, ShippingMethod, Warehouse};
use crate::wms::{Found, Kind, Push};

fn line(goods: &Goods, quantity: i64) -> OrderLineItemDraft {
    OrderLineItemDraft {
        product_id: Some(goods.product()),
        sku: None,
        quantity: Quantity::whole(quantity),
        unit_price: "10".parse().ok(),
        discount_amount: None,
    }
}

async fn ordered(odoo: &Odoo, name: &str, warehouse: &str, lines: Vec<OrderLineItemDraft>) -> Order {
    let order = OrderDraft { warehouse_id: Some(reference::<Warehouse>(warehouse)), currency_code: None, ..draft(lines) };
    let name = format!("live-{name}-{}", clock(odoo).await);
    pushed(odoo, &CreateOrder { order, integration_fields: None }, &name).await.unwrap().record
}

fn id(order: &Order) -> Ref<Order> {
    reference(&order.source.id)
}

fn update(order: &Order, patch: OrderPatch) -> UpdateOrder {
    UpdateOrder { id: id(order), order: patch, integration_fields: None }
}

fn ship(order: &Order, shipment: ShipmentDraft) -> ShipOrder {
    ShipOrder { id: id(order), shipment, integration_fields: None }
}

fn shipped(goods: &Goods, quantity: i64, lot: Option<&str>) -> ShipmentLineItemDraft {
    ShipmentLineItemDraft {
        inventory_item_id: Some(reference::<InventoryItem>(&goods.id)),
        product_id: None,
        sku: None,
        quantity: Quantity::whole(quantity),
        lot_id: lot.map(str::to_owned),
    }
}

fn quantities(order: &Order) -> Vec<(String, f64)> {
    order.line_items.iter().map(|line| (line.sku.clone().unwrap_or_default(), line.quantity.to_f64())).collect()
}

#[tokio::test]
async fn live_odoo_an_order_is_changed() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let (tea, cup) = (Goods::made(odoo, "tea").await, Goods::made(odoo, "cup").await);
    let discounted = OrderLineItemDraft { discount_amount: "5".parse().ok(), ..line(&tea, 5) };
    let reference_of = format!("live-change-{}", clock(odoo).await);
    let create = CreateOrder {
        order: OrderDraft { source_tags: Some(vec!["Live".to_owned()]), ..draft(vec![discounted]) },
        integration_fields: Some(crate::record::Json::of(&json!({ "note": "<p>Ring twice</p>" }))),
    };
    let order = pushed(odoo, &create, &reference_of).await.unwrap().record;
    assert_eq!((order.line_items[0].discount_amount, order.source_tags.to_vec()), ("5".parse().ok(), vec!["Live".to_owned()]));
    assert_eq!(order.source.additional_fields.as_ref().unwrap().to_value()["note"], "Ring twice");
    let Found::Done(same) = odoo.look_up(&create, &reference_of).await.unwrap() else { panic!("it was made") };
    assert_eq!(same.record, order);
    assert!(matches!(odoo.look_up(&create, "live-never").await.unwrap(), Found::NotDone));

    let ship_to = AddressInput {
        full_name: Some("John Roe".to_owned()),
        city: Some("Dallas".to_owned()),
        country: Some("US".to_owned()),
        ..AddressInput::default()
    };
    let patch = OrderPatch {
        reference_id: MaybeUndefined::Value("SHOP-2002".to_owned()),
        shipping_method_id: MaybeUndefined::Value(reference::<ShippingMethod>("3")),
        ship_to: MaybeUndefined::Value(ship_to),
        required_ship_date: MaybeUndefined::Value("2027-02-03T04:05:06Z".parse().unwrap()),
        source_tags: MaybeUndefined::Value(vec!["Live".to_owned(), format!("Live {}", clock(odoo).await)]),
        line_items: MaybeUndefined::Value(vec![line(&cup, 2), line(&tea, 3)]),
        saturday_delivery: MaybeUndefined::Value(true),
        ..OrderPatch::default()
    };
    let change = update(&order, patch);
    let reference_of = format!("live-changed-{}", clock(odoo).await);
    assert!(matches!(odoo.look_up(&change, &reference_of).await.unwrap(), Found::NotDone));
    let written = pushed(odoo, &change, &reference_of).await.unwrap();
    assert_eq!(written.unused_fields, ["saturdayDelivery"]);
    let changed = written.record;
    assert_eq!(quantities(&changed), [(tea.sku.clone(), 3.0), (cup.sku.clone(), 2.0)]);
    assert_eq!((changed.reference_id.as_deref(), changed.source_tags.len()), (Some("SHOP-2002"), 2));
    assert_eq!(changed.required_ship_date, "2027-02-03T04:05:06Z".parse().ok());
    assert_eq!(changed.shipping_method.as_ref().map(Link::source_id), Some("3"));
    let names = |order: &Order| {
        let of_shipments =
            order.shipments.iter().filter(|shipment| shipment.status == ShipmentStatus::Open).map(|shipment| shipment.ship_to.as_ref());
        std::iter::once(order.ship_to.as_ref())
            .chain(of_shipments)
            .map(|to| to.and_then(|to| to.full_name.clone()).unwrap_or_default())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&changed), ["John Roe", "John Roe"], "the transfer goes where the order goes");
    let Found::Done(same) = odoo.look_up(&change, &reference_of).await.unwrap() else { panic!("it was changed") };
    assert_eq!(same.record, changed);

    let lines = |lines| OrderPatch { line_items: MaybeUndefined::Value(lines), reference_id: MaybeUndefined::Null, ..OrderPatch::default() };
    let one = pushed(odoo, &update(&order, lines(vec![line(&cup, 4)])), "live-one").await.unwrap().record;
    assert_eq!((quantities(&one), one.reference_id), (vec![(cup.sku.clone(), 4.0)], None));

    let part = ShipmentDraft { line_items: Some(vec![shipped(&cup, 3, None)]), ..ShipmentDraft::default() };
    pushed(odoo, &ship(&order, part), &format!("live-part-{}", clock(odoo).await)).await.unwrap();
    let (kind, path, message) = refused(odoo, &update(&order, lines(vec![line(&cup, 2)]))).await;
    assert_eq!((kind, path.as_str(), message.as_str()), (Kind::Validation, "lineItems.0.quantity", "3 have been shipped already"));
    let (kind, path, _) = refused(odoo, &update(&order, lines(vec![line(&tea, 1)]))).await;
    assert_eq!((kind, path.as_str()), (Kind::Validation, "lineItems"));
    let nowhere = OrderPatch { ship_to: MaybeUndefined::Null, ..OrderPatch::default() };
    assert_eq!(refused(odoo, &update(&order, nowhere)).await.1, "shipTo");
    let closed = OrderPatch { shipping_method_id: MaybeUndefined::Value(reference::<ShippingMethod>("999")), ..OrderPatch::default() };
    assert_eq!(refused(odoo, &update(&order, closed)).await.1, "shippingMethodId");
    // Odoo's own mistake, as it says it.
    let wrong =
        UpdateOrder { integration_fields: Some(crate::record::Json::of(&json!({ "no_such_field": 1 }))), ..update(&order, OrderPatch::default()) };
    let (kind, _, message) = refused(odoo, &wrong).await;
    assert_eq!((kind, message.as_str()), (Kind::Validation, "Invalid field 'no_such_field' in 'sale.order'"));
    let gone = UpdateOrder { id: reference("99999999"), order: OrderPatch::default(), integration_fields: None };
    assert_eq!(refused(odoo, &gone).await.0, Kind::NotFound);
}

#[tokio::test]
async fn live_odoo_an_order_is_cancelled() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let tea = Goods::made(odoo, "tea").await;
    let order = ordered(odoo, "cancelled", "1", vec![line(&tea, 2)]).await;
    let cancel = |order: &Order| CancelOrder { id: id(order), reason: Some("Bought twice".to_owned()), integration_fields: None };
    assert!(matches!(odoo.look_up(&cancel(&order), "x").await.unwrap(), Found::NotDone));
    let written = pushed(odoo, &cancel(&order), "live-cancel").await.unwrap();
    assert_eq!((written.record.status, written.unused_fields), (OrderStatus::Cancelled, vec![]));
    assert!(written.record.shipments.iter().all(|shipment| shipment.status == ShipmentStatus::Cancelled));
    assert!(matches!(odoo.look_up(&cancel(&order), "x").await.unwrap(), Found::Done(_)));
    let reason = json!([["model", "=", "sale.order"], ["res_id", "=", order.source.id.parse::<i64>().unwrap()], ["body", "ilike", "Bought twice"]]);
    assert_eq!(count(odoo, "mail.message", reason).await, 1);

    let (kind, _, message) = refused(odoo, &update(&order, OrderPatch::default())).await;
    assert_eq!((kind, message), (Kind::Conflict, format!("{} is cancelled in Odoo", order.order_number)));
    assert_eq!(refused(odoo, &ship(&order, ShipmentDraft::default())).await.0, Kind::Conflict);

    // Odoo itself would say yes.
    let order = ordered(odoo, "shipped", "1", vec![line(&tea, 2)]).await;
    pushed(odoo, &ship(&order, ShipmentDraft::default()), &format!("live-shipped-{}", clock(odoo).await)).await.unwrap();
    let (kind, _, message) = refused(odoo, &cancel(&order)).await;
    assert_eq!(kind, Kind::Conflict, "{message}");
    assert_eq!(odoo.order(order.source.id.parse().unwrap()).await.unwrap().unwrap().unwrap().status, OrderStatus::Fulfilled);
    let missing = CancelOrder { id: reference("99999999"), reason: None, integration_fields: None };
    assert_eq!(refused(odoo, &missing).await.0, Kind::NotFound);
}

#[tokio::test]
async fn live_odoo_an_order_is_shipped() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let (tea, cup, milk) = (Goods::made(odoo, "tea").await, Goods::made(odoo, "cup").await, Goods::with_lots(odoo, "milk").await);
    milk.put(odoo, "1", 10, Some("MILK-A")).await;
    milk.put(odoo, "1", 10, Some("MILK-B")).await;
    let order = ordered(odoo, "parts", "1", vec![line(&tea, 5), line(&cup, 2), line(&milk, 4)]).await;

    let part = ShipmentDraft {
        shipped_at: "2026-11-20T10:00:00Z".parse().ok(),
        warehouse_id: Some(reference::<Warehouse>("1")),
        shipping_method_id: Some(reference::<ShippingMethod>("3")),
        line_items: Some(vec![shipped(&tea, 2, None), shipped(&milk, 3, Some("MILK-B"))]),
        packages: Some(vec![PackageDraft {
            tracking_number: Some("1Z77".to_owned()),
            shipping_cost: "7.5".parse().ok(),
            name: Some("Box".to_owned()),
            ..PackageDraft::default()
        }]),
    };
    let command = ship(&order, part);
    let reference_of = format!("live-ship-{}", clock(odoo).await);
    assert!(matches!(odoo.look_up(&command, &reference_of).await.unwrap(), Found::NotDone));
    let written = pushed(odoo, &command, &reference_of).await.unwrap();
    assert_eq!(
        (written.record.status, written.unused_fields.as_slice()),
        (OrderStatus::PartiallyFulfilled, ["packages.0.name".to_owned()].as_slice())
    );
    let left = written.record.shipments.iter().find(|shipment| shipment.status == ShipmentStatus::Shipped).unwrap();
    assert_eq!(left.line_items.iter().map(|line| line.quantity.to_f64()).collect::<Vec<_>>(), [2.0, 3.0]);
    assert_eq!(left.shipped_at, "2026-11-20T10:00:00Z".parse().ok());
    let parcel = &left.packages[0];
    assert_eq!((parcel.tracking_number.as_deref(), parcel.shipping_cost), (Some("1Z77"), "7.5".parse().ok()));
    assert!(parcel.line_items.iter().any(|line| line.lot_id.as_deref() == Some("MILK-B")));
    let Found::Done(same) = odoo.look_up(&command, &reference_of).await.unwrap() else { panic!("it was shipped") };
    assert_eq!(same.record, written.record);

    let of = |lines| ship(&order, ShipmentDraft { line_items: Some(lines), ..ShipmentDraft::default() });
    assert_eq!(refused(odoo, &of(vec![shipped(&tea, 4, None)])).await.1, "lineItems.0.quantity");
    assert_eq!(refused(odoo, &of(vec![shipped(&milk, 1, Some("SOUR"))])).await.1, "lineItems.0.lotId");
    let elsewhere = ShipmentDraft { warehouse_id: Some(reference::<Warehouse>("2")), ..ShipmentDraft::default() };
    assert_eq!(refused(odoo, &ship(&order, elsewhere)).await.1, "warehouseId");
    let rest = pushed(odoo, &ship(&order, ShipmentDraft::default()), &format!("live-rest-{}", clock(odoo).await)).await.unwrap().record;
    assert_eq!(rest.status, OrderStatus::Fulfilled);
    assert_eq!(refused(odoo, &ship(&order, ShipmentDraft::default())).await.0, Kind::Conflict, "nothing is left");

    // What Odoo refuses is taken back: it wants a lot, and there is none to reserve.
    let sold_out = Goods::with_lots(odoo, "sold-out").await;
    let order = ordered(odoo, "lotless", "1", vec![line(&sold_out, 2)]).await;
    let picking: i64 = order.shipments[0].id.parse().unwrap();
    let (kind, _, message) = refused(odoo, &ship(&order, ShipmentDraft::default())).await;
    assert_eq!(kind, Kind::Validation);
    assert!(message.starts_with("You need to supply a Lot/Serial Number for product:"), "{message}");
    let touched = json!([["picking_id", "=", picking], "|", ["picked", "=", true], ["quantity", "!=", 0]]);
    assert_eq!(count(odoo, "stock.move", touched).await, 0, "what was taken is put back");
    let untracked = json!([["id", "=", picking], ["state", "=", "done"]]);
    assert_eq!(count(odoo, "stock.picking", untracked).await, 0);
}

#[tokio::test]
async fn live_odoo_an_order_is_shipped_in_three_steps() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let tea = Goods::made(odoo, "tea").await;
    tea.put(odoo, "3", 20, None).await;
    let order = ordered(odoo, "steps", "3", vec![line(&tea, 5)]).await;
    assert!(order.shipments.is_empty(), "Odoo has no transfer to the door yet");
    let part = ShipmentDraft { line_items: Some(vec![shipped(&tea, 2, None)]), ..ShipmentDraft::default() };
    let command = ship(&order, part);
    let reference_of = format!("live-steps-{}", clock(odoo).await);
    let written = pushed(odoo, &command, &reference_of).await.unwrap().record;
    assert_eq!(written.status, OrderStatus::PartiallyFulfilled);
    let amounts =
        |order: &Order| order.shipments.iter().flat_map(|shipment| shipment.line_items.iter()).map(|line| line.quantity.to_f64()).sum::<f64>();
    assert_eq!(amounts(&written), 2.0);
    assert!(matches!(odoo.look_up(&command, &reference_of).await.unwrap(), Found::Done(_)));
    let rest = pushed(odoo, &ship(&order, ShipmentDraft::default()), &format!("live-last-{}", clock(odoo).await)).await.unwrap().record;
    assert_eq!((rest.status, amounts(&rest)), (OrderStatus::Fulfilled, 5.0));
}

#[tokio::test]
async fn live_odoo_goods_come_back() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let (tea, cup) = (Goods::made(odoo, "tea").await, Goods::made(odoo, "cup").await);
    let order = ordered(odoo, "back", "1", vec![line(&tea, 5), line(&cup, 2)]).await;
    let back = |lines: Option<Vec<ReturnLineItemDraft>>| CreateReturn {
        returned: ReturnDraft {
            order_id: Some(id(&order)),
            tracking_numbers: Some(vec!["RT-1".to_owned()]),
            notes: Some(vec!["Handle <with> care".to_owned()]),
            line_items: lines,
            ..ReturnDraft::default()
        },
        integration_fields: None,
    };
    let of = |goods: &Goods, quantity| ReturnLineItemDraft {
        inventory_item_id: None,
        sku: Some(goods.sku.clone()),
        expected_quantity: Quantity::whole(quantity),
        reason: Some("Broken".to_owned()),
    };
    assert_eq!(refused(odoo, &back(None)).await.1, "orderId", "nothing has left yet");
    pushed(odoo, &ship(&order, ShipmentDraft::default()), &format!("live-out-{}", clock(odoo).await)).await.unwrap();

    let command = back(Some(vec![of(&tea, 2)]));
    let reference_of = format!("live-back-{}", clock(odoo).await);
    assert!(matches!(odoo.look_up(&command, &reference_of).await.unwrap(), Found::NotDone));
    let written = pushed(odoo, &command, &reference_of).await.unwrap();
    assert_eq!(written.unused_fields, ["lineItems.0.reason"]);
    let record = written.record;
    assert_eq!((record.status, record.notes.to_vec()), (ReturnStatus::Open, vec!["Handle <with> care".to_owned()]));
    assert_eq!(record.order.as_ref().map(Link::source_id), Some(order.source.id.as_str()));
    assert_eq!(
        record.line_items.iter().map(|line| (line.sku.clone().unwrap(), line.expected_quantity.to_f64())).collect::<Vec<_>>(),
        [(tea.sku.clone(), 2.0)]
    );
    assert_eq!(record.shipments[0].tracking_number.as_deref(), Some("RT-1"));
    let Found::Done(same) = odoo.look_up(&command, &reference_of).await.unwrap() else { panic!("it was announced") };
    assert_eq!(same.record, record);
    // Odoo's wizard would take these.
    let (_, path, message) = refused(odoo, &back(Some(vec![of(&tea, 4)]))).await;
    assert_eq!(path, "lineItems.0.expectedQuantity", "{message}");

    let this = || reference::<Return>(&record.source.id);
    let patch = ReturnPatch {
        tracking_numbers: MaybeUndefined::Value(vec!["RT-2".to_owned(), "RT-3".to_owned()]),
        notes: MaybeUndefined::Null,
        line_items: MaybeUndefined::Value(vec![of(&tea, 3)]),
        ..ReturnPatch::default()
    };
    let update = UpdateReturn { id: this(), returned: patch, integration_fields: None };
    let reference_of = format!("live-back2-{}", clock(odoo).await);
    let changed = pushed(odoo, &update, &reference_of).await.unwrap().record;
    assert_eq!((changed.line_items[0].expected_quantity, changed.notes.len()), (Quantity::whole(3), 0));
    assert_eq!(changed.shipments[0].tracking_number.as_deref(), Some("RT-2,RT-3"));
    assert!(matches!(odoo.look_up(&update, &reference_of).await.unwrap(), Found::Done(_)));
    let more = ReturnPatch { line_items: MaybeUndefined::Value(vec![of(&tea, 6)]), ..ReturnPatch::default() };
    assert_eq!(refused(odoo, &UpdateReturn { id: this(), returned: more, integration_fields: None }).await.1, "lineItems.0.expectedQuantity");

    let cancel = |id: Ref<Return>| CancelReturn { id, reason: Some("Kept after all".to_owned()), integration_fields: None };
    assert!(matches!(odoo.look_up(&cancel(this()), "x").await.unwrap(), Found::NotDone));
    assert_eq!(pushed(odoo, &cancel(this()), "live-kept").await.unwrap().record.status, ReturnStatus::Cancelled);
    assert!(matches!(odoo.look_up(&cancel(this()), "x").await.unwrap(), Found::Done(_)));
    let late = UpdateReturn { id: this(), returned: ReturnPatch::default(), integration_fields: None };
    assert_eq!(refused(odoo, &late).await.0, Kind::Conflict);

    // All of it, and it arrives: then Odoo calls nothing off.
    let all = pushed(odoo, &back(None), &format!("live-all-{}", clock(odoo).await)).await.unwrap().record;
    assert_eq!(all.line_items.iter().map(|line| line.expected_quantity.to_f64()).sum::<f64>(), 7.0);
    let arrived: i64 = all.source.id.parse().unwrap();
    odoo.call("stock.picking", "button_validate", &json!({ "ids": [arrived], "context": { "skip_backorder": true } })).await.unwrap();
    let (kind, _, message) = refused(odoo, &cancel(reference(&all.source.id))).await;
    assert_eq!(kind, Kind::Validation);
    assert!(message.starts_with("You cannot cancel a stock move that has been set to 'Done'."), "{message}");
    assert_eq!(refused(odoo, &back(None)).await.0, Kind::Conflict, "all is back");
}
