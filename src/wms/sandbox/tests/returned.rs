//! Returns that are announced, changed and cancelled.

use super::writing::{path, reference_to};
use super::*;
use crate::record::draft::{CancelReturn, CreateReturn, MaybeUndefined, ReturnDraft, ReturnLineItemDraft, ReturnPatch, UpdateReturn};
use crate::record::{InventoryItem, Json, Order, Quantity, Return, ReturnStatus, ShipmentStatus};
use crate::wms::Kind;

fn value<T>(value: T) -> MaybeUndefined<T> {
    MaybeUndefined::Value(value)
}

fn create(returned: ReturnDraft) -> CreateReturn {
    CreateReturn { returned, integration_fields: Some(Json::of(&serde_json::json!({ "refund_requested": true }))) }
}

fn change(id: &str, returned: ReturnPatch) -> UpdateReturn {
    UpdateReturn { id: reference_to(id).unwrap(), returned, integration_fields: None }
}

fn back(item: &str, quantity: Quantity) -> ReturnLineItemDraft {
    ReturnLineItemDraft { inventory_item_id: reference_to(item), sku: None, expected_quantity: quantity, reason: Some("too small".to_owned()) }
}

/// An order of which everything has left, in one shipment.
async fn shipped(wms: &Arc<dyn Wms>) -> Order {
    let orders = read_all::<Order>(wms, Scope::default()).await.records;
    orders.into_values().find(|order| order.raw_status.as_deref() == Some("shipped") && order.shipments.len() == 1).unwrap()
}

#[tokio::test]
async fn everything_that_was_shipped_comes_back_unless_less_is_said() {
    let (_sandbox, wms) = sandbox().await;
    let order = shipped(&wms).await;
    let sent = &order.shipments[0].line_items;
    let draft = ReturnDraft {
        order_id: reference_to(&order.source.id),
        tracking_numbers: Some(vec!["1Z1".to_owned(), "1Z2".to_owned()]),
        notes: Some(vec!["see the photograph".to_owned()]),
        ..ReturnDraft::default()
    };
    let made = push(&wms, create(draft.clone()), "a").await.unwrap().record;
    assert_eq!((made.status, made.order.as_ref().map(|order| order.source_id().to_owned())), (ReturnStatus::Open, Some(order.source.id.clone())));
    assert_eq!((made.notes.as_slice(), &made.warehouse_customer), (&["see the photograph".to_owned()][..], &order.warehouse_customer));
    assert_eq!(made.line_items.iter().map(|line| line.expected_quantity).sum::<Quantity>(), sent.iter().map(|line| line.quantity).sum());
    let numbers: Vec<_> = made.shipments.iter().map(|parcel| parcel.tracking_number.as_deref()).collect();
    assert_eq!(numbers, [Some("1Z1"), Some("1Z2")]);
    assert!(made.shipments.iter().all(|parcel| parcel.warehouse == order.warehouse), "it goes back to where it came from");
    assert_eq!(made.source.additional_fields.as_ref().unwrap().to_value()["refund_requested"], true);

    let item = sent[0].inventory_item.as_ref().unwrap().source_id().to_owned();
    let most: Quantity = sent.iter().filter(|line| line.inventory_item.as_ref().unwrap().source_id() == item).map(|line| line.quantity).sum();
    let lines = |lines| ReturnDraft { line_items: Some(lines), ..draft.clone() };
    let less = push(&wms, create(lines(vec![back(&item, most)])), "b").await.unwrap().record;
    assert_eq!((less.line_items.len(), less.line_items[0].reason.as_deref()), (1, Some("too small")));
    let items = read_all::<InventoryItem>(&wms, Scope::default()).await.records;
    let other =
        items.values().find(|item| item.warehouse_customer == order.warehouse_customer && sent.iter().all(|line| line.sku != item.sku)).unwrap();
    let unshipped = read_all::<Order>(&wms, Scope::default())
        .await
        .records
        .into_values()
        .find(|order| order.shipments.iter().all(|shipment| shipment.status != ShipmentStatus::Shipped));
    let cases: Vec<(ReturnDraft, Vec<&str>)> = vec![
        (lines(vec![back(&item, most + Quantity::whole(1))]), vec!["lineItems", "0", "expectedQuantity"]),
        (lines(vec![back(&item, Quantity::ZERO)]), vec!["lineItems", "0", "expectedQuantity"]),
        (lines(vec![back(&other.source.id, Quantity::whole(1))]), vec!["lineItems", "0", "inventoryItemId"]),
        (lines(vec![back("inv_99999", Quantity::whole(1))]), vec!["lineItems", "0", "inventoryItemId"]),
        (lines(vec![ReturnLineItemDraft { reason: Some(" ".to_owned()), ..back(&item, most) }]), vec!["lineItems", "0", "reason"]),
        (lines(Vec::new()), vec!["lineItems"]),
        (ReturnDraft { order_id: reference_to("ord_999999"), ..draft.clone() }, vec!["orderId"]),
        (ReturnDraft { order_id: reference_to(&unshipped.unwrap().source.id), ..draft.clone() }, vec!["orderId"]),
        (ReturnDraft { warehouse_customer_id: reference_to("cli_999"), ..draft.clone() }, vec!["warehouseCustomerId"]),
        (ReturnDraft { warehouse_id: reference_to("wh_04"), ..draft.clone() }, vec!["warehouseId"]),
        (ReturnDraft { tracking_numbers: Some(vec![String::new()]), ..draft.clone() }, vec!["trackingNumbers"]),
        (ReturnDraft { notes: Some(vec![String::new()]), ..draft.clone() }, vec!["notes"]),
    ];
    for (returned, place) in cases {
        let error = push(&wms, create(returned), "wrong").await.unwrap_err();
        assert_eq!((error.kind, error.path.clone()), (Kind::Validation, path(&place)), "{error:?}");
    }
}

#[tokio::test]
async fn a_return_without_an_order_names_its_goods_and_its_warehouse() {
    let (_sandbox, wms) = sandbox().await;
    let error = push(&wms, create(ReturnDraft::default()), "a").await.unwrap_err();
    assert_eq!(error.message, "A return needs an order or items; A return needs a warehouse, or an order that was shipped from one");
    let draft =
        ReturnDraft { warehouse_id: reference_to("wh_03"), line_items: Some(vec![back("inv_00002", Quantity::whole(2))]), ..ReturnDraft::default() };
    let made = push(&wms, create(draft), "b").await.unwrap().record;
    assert_eq!((made.order.as_ref(), made.line_items[0].expected_quantity), (None, Quantity::whole(2)));
    let [parcel] = made.shipments.as_slice() else { panic!("{:?}", made.shipments) };
    assert_eq!((parcel.tracking_number.as_ref(), parcel.warehouse.as_ref().unwrap().source_id()), (None, "wh_03"));
}

#[tokio::test]
async fn a_return_changes_until_something_of_it_has_come() {
    let (_sandbox, wms) = sandbox().await;
    let draft =
        ReturnDraft { warehouse_id: reference_to("wh_03"), line_items: Some(vec![back("inv_00002", Quantity::whole(2))]), ..ReturnDraft::default() };
    let made = push(&wms, create(draft), "a").await.unwrap().record;
    let id = made.source.id.as_str();
    let silent = ReturnLineItemDraft { reason: None, ..back("inv_00002", Quantity::whole(1)) };
    let patch = ReturnPatch {
        warehouse_id: value(reference_to("wh_01").unwrap()),
        tracking_numbers: value(vec!["1Z9".to_owned()]),
        notes: value(vec!["late".to_owned()]),
        line_items: value(vec![silent]),
    };
    let after = push(&wms, change(id, patch), "b").await.unwrap().record;
    let [parcel] = after.shipments.as_slice() else { panic!("{:?}", after.shipments) };
    assert_eq!((parcel.tracking_number.as_deref(), parcel.warehouse.as_ref().unwrap().source_id()), (Some("1Z9"), "wh_01"));
    assert_eq!((after.line_items[0].expected_quantity, after.line_items[0].reason.as_deref()), (Quantity::whole(1), Some("too small")));
    assert_eq!(parcel.line_items[0].quantity, Quantity::whole(1));
    let cleared = push(&wms, change(id, ReturnPatch { notes: MaybeUndefined::Null, ..ReturnPatch::default() }), "c").await.unwrap().record;
    assert_eq!((cleared.notes.len(), &cleared.shipments), (0, &after.shipments));
    assert_eq!(push(&wms, change(id, ReturnPatch::default()), "d").await.unwrap().record, cleared, "nothing asked, nothing changed");
    for (patch, place) in [
        (ReturnPatch { warehouse_id: MaybeUndefined::Null, ..ReturnPatch::default() }, vec!["warehouseId"]),
        (ReturnPatch { warehouse_id: value(reference_to("wh_04").unwrap()), ..ReturnPatch::default() }, vec!["warehouseId"]),
        (ReturnPatch { line_items: MaybeUndefined::Null, ..ReturnPatch::default() }, vec!["lineItems"]),
        (
            ReturnPatch { line_items: value(vec![back("inv_00002", Quantity::ZERO)]), ..ReturnPatch::default() },
            vec!["lineItems", "0", "expectedQuantity"],
        ),
    ] {
        let error = push(&wms, change(id, patch), "wrong").await.unwrap_err();
        assert_eq!((error.kind, error.path.clone()), (Kind::Validation, path(&place)), "{error:?}");
    }

    let cancel = |id: &str| CancelReturn { id: reference_to(id).unwrap(), reason: Some("kept it".to_owned()), integration_fields: None };
    let gone = push(&wms, cancel(id), "e").await.unwrap().record;
    assert_eq!((gone.status, gone.notes.as_slice()), (ReturnStatus::Cancelled, &["cancelled: kept it".to_owned()][..]));
    let seeded = read_all::<Return>(&wms, Scope::default()).await.records;
    for raw in ["inspecting", "closed", "void", "lost"] {
        let id = &seeded.values().find(|back| back.raw_status.as_deref() == Some(raw)).unwrap().source.id;
        let error = push(&wms, change(id, ReturnPatch::default()), raw).await.unwrap_err();
        assert_eq!((error.kind, error.message), (Kind::Conflict, format!("Return '{id}' cannot be changed: it is '{raw}'")));
        let error = push(&wms, cancel(id), &format!("c-{raw}")).await.unwrap_err();
        assert_eq!((error.kind, error.message), (Kind::Conflict, format!("Return '{id}' cannot be cancelled: it is '{raw}'")));
    }
    let sent = seeded.values().find(|back| back.raw_status.as_deref() == Some("shipped_back")).unwrap();
    let numbers = ReturnPatch { warehouse_id: value(reference_to("wh_02").unwrap()), ..ReturnPatch::default() };
    let moved = push(&wms, change(&sent.source.id, numbers), "f").await.unwrap().record;
    assert_eq!((&moved.shipments[0].carrier, moved.shipments[0].shipped_at), (&sent.shipments[0].carrier, sent.shipments[0].shipped_at));
    assert_eq!(push(&wms, cancel(&sent.source.id), "g").await.unwrap().record.status, ReturnStatus::Cancelled);
}
