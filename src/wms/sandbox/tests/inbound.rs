//! Inbound shipments that are announced, changed and received.

use super::data::adds_up;
use super::writing::{path, reference_to};
use super::*;
use crate::record::draft::{
    CreateInboundShipment, InboundLineItemDraft, InboundShipmentDraft, InboundShipmentPatch, MaybeUndefined, ReceiptDraft, ReceiptLineItemDraft,
    ReceiveInboundShipment, UpdateInboundShipment,
};
use crate::record::{InboundShipment, InboundStatus, InventoryItem, Json, Quantity, WarehouseLocation};
use crate::wms::Kind;

const WAREHOUSE: &str = "wh_02";

fn value<T>(value: T) -> MaybeUndefined<T> {
    MaybeUndefined::Value(value)
}

fn announced(item: &InventoryItem, quantity: i64) -> InboundLineItemDraft {
    let (inventory_item_id, expected_quantity) = (reference_to(&item.source.id), Quantity::whole(quantity));
    InboundLineItemDraft { inventory_item_id, sku: None, expected_quantity, unit_cost: "2.5".parse().ok(), external_id: Some("10/1".to_owned()) }
}

fn arrived(item: &InventoryItem, quantity: i64) -> ReceiptLineItemDraft {
    let (sku, quantity) = (item.sku.clone(), Quantity::whole(quantity));
    ReceiptLineItemDraft { inventory_item_id: None, sku, quantity, lot_id: None, expires_at: None, location_id: None }
}

fn draft(lines: Vec<InboundLineItemDraft>) -> InboundShipmentDraft {
    InboundShipmentDraft {
        purchase_order_number: Some("PO-7".to_owned()),
        warehouse_id: reference_to(WAREHOUSE),
        supplier_name: Some("Fjällverkstad AB".to_owned()),
        expected_arrival_at: Some(EPOCH.plus_seconds(86_400)),
        tracking_numbers: Some(vec!["1Z1".to_owned()]),
        notes: Some(vec!["Ramp 3".to_owned()]),
        line_items: lines,
        ..InboundShipmentDraft::default()
    }
}

fn create(inbound_shipment: InboundShipmentDraft) -> CreateInboundShipment {
    CreateInboundShipment { inbound_shipment, integration_fields: Some(Json::of(&serde_json::json!({ "container": "MSKU1234567" }))) }
}

fn change(id: &str, inbound_shipment: InboundShipmentPatch) -> UpdateInboundShipment {
    UpdateInboundShipment { id: reference_to(id).unwrap(), inbound_shipment, integration_fields: None }
}

fn receive(id: &str, lines: Option<Vec<ReceiptLineItemDraft>>, closes: Option<bool>) -> ReceiveInboundShipment {
    let receipt = ReceiptDraft { arrived_at: None, line_items: lines, closes };
    ReceiveInboundShipment { id: reference_to(id).unwrap(), receipt, integration_fields: None }
}

/// Two items of one client: one that is kept by lot, one that is not.
async fn two(wms: &Arc<dyn Wms>) -> (InventoryItem, InventoryItem) {
    let items = read_all::<InventoryItem>(wms, Scope::default()).await.records;
    let plain = items.values().find(|item| item.lots.is_empty() && item.on_hand > Quantity::ZERO).unwrap();
    let lots = items.values().find(|item| !item.lots.is_empty() && item.warehouse_customer == plain.warehouse_customer);
    match lots {
        Some(lots) => (lots.clone(), plain.clone()),
        None => panic!("no client has both"),
    }
}

async fn stock(wms: &Arc<dyn Wms>, id: &str) -> InventoryItem {
    let item = read_all::<InventoryItem>(wms, Scope::default()).await.records.remove(id).unwrap();
    adds_up(&item);
    item
}

#[tokio::test]
async fn what_is_announced_is_awaited_and_comes_in_parts() {
    let (_sandbox, wms) = sandbox().await;
    let (lots, plain) = two(&wms).await;
    let made = push(&wms, create(draft(vec![announced(&lots, 20), announced(&plain, 10)])), "asn").await.unwrap().record;
    let id = made.source.id.as_str();
    assert_eq!((made.status, made.raw_status.as_deref()), (InboundStatus::Open, Some("announced")));
    assert_eq!((made.purchase_order_number.as_deref(), made.tracking_numbers.as_slice()), (Some("PO-7"), &["1Z1".to_owned()][..]));
    assert_eq!((made.notes.as_slice(), made.warehouse_customer.as_ref()), (&["Ramp 3".to_owned()][..], lots.warehouse_customer.as_ref()));
    assert_eq!(made.supplier.as_ref().unwrap().id.as_deref(), Some("ven_03"), "a vendor that is known");
    assert_eq!(made.source.additional_fields.as_ref().unwrap().to_value()["container"], "MSKU1234567");
    let line = &made.line_items[0];
    assert_eq!((line.expected_quantity, line.unit_cost, line.external_id.as_deref()), (Quantity::whole(20), "2.5".parse().ok(), Some("10/1")));
    assert_eq!(stock(&wms, &lots.source.id).await.awaiting, lots.awaiting + Quantity::whole(20));

    let places = read_all::<WarehouseLocation>(&wms, Scope::default()).await.records;
    let is_there = |place: &&WarehouseLocation| place.warehouse.as_ref().unwrap().source_id() == WAREHOUSE;
    let bin = places.values().filter(is_there).find(|place| place.location_type.as_deref() == Some("bin")).unwrap();
    let dock = places.values().filter(is_there).find(|place| place.location_type.as_deref() == Some("dock")).unwrap();
    let elsewhere = places.values().find(|place| place.location_type.as_deref() == Some("bin") && !is_there(place)).unwrap();
    let of_lot = ReceiptLineItemDraft {
        lot_id: Some("L-NEW".to_owned()),
        expires_at: Some("2027-03-01T00:00:00Z".parse().unwrap()),
        location_id: reference_to(&bin.source.id),
        ..arrived(&lots, 8)
    };
    let part = push(&wms, receive(id, Some(vec![of_lot.clone(), arrived(&plain, 10)]), None), "in-1").await.unwrap().record;
    assert_eq!((part.status, part.receipts.len()), (InboundStatus::Receiving, 1));
    assert_eq!((part.line_items[0].received_quantity, part.line_items[1].received_quantity), (Quantity::whole(8), Quantity::whole(10)));
    let after = stock(&wms, &lots.source.id).await;
    assert_eq!((after.on_hand, after.awaiting), (lots.on_hand + Quantity::whole(8), lots.awaiting + Quantity::whole(12)));
    assert_eq!(after.fulfillable, lots.fulfillable + Quantity::whole(8));
    let lot = after.lots.iter().find(|lot| lot.lot_id == "L-NEW").unwrap();
    assert_eq!((lot.on_hand, lot.expires_at.map(|at| at.to_string())), (Quantity::whole(8), Some("2027-03-01T00:00:00Z".to_owned())));
    assert!(after.locations.iter().any(|place| place.location.as_ref().unwrap().source_id() == bin.source.id));

    let wrong = |change: fn(&mut ReceiptLineItemDraft)| {
        let mut line = of_lot.clone();
        change(&mut line);
        line
    };
    let with_place = |place: &WarehouseLocation| ReceiptLineItemDraft { location_id: reference_to(&place.source.id), ..of_lot.clone() };
    for (line, field) in [
        (wrong(|line| line.quantity = Quantity::whole(15)), "quantity"),
        (wrong(|line| line.quantity = Quantity::ZERO), "quantity"),
        (wrong(|line| line.sku = Some("X".to_owned())), "sku"),
        (wrong(|line| line.sku = None), "sku"),
        (wrong(|line| line.expires_at = Some(EPOCH)), "expiresAt"),
        (wrong(|line| line.lot_id = Some(" ".to_owned())), "lotId"),
        (with_place(dock), "locationId"),
        (with_place(elsewhere), "locationId"),
        (ReceiptLineItemDraft { location_id: reference_to("loc_99999"), ..of_lot.clone() }, "locationId"),
        (ReceiptLineItemDraft { lot_id: Some("L".to_owned()), quantity: Quantity::whole(1), ..arrived(&plain, 1) }, "lotId"),
    ] {
        let error = push(&wms, receive(id, Some(vec![line]), None), "wrong").await.unwrap_err();
        assert_eq!((error.kind, error.path.clone()), (Kind::Validation, path(&["lineItems", "0", field])), "{error:?}");
    }
    let error = push(&wms, receive(id, Some(Vec::new()), None), "wrong").await.unwrap_err();
    assert_eq!((error.message.as_str(), error.path), ("Nothing is received", path(&["lineItems"])));

    // Up to a tenth more than was announced may come: 14 beside the 8.
    let over = push(&wms, receive(id, Some(vec![arrived(&lots, 14)]), None), "in-2").await.unwrap().record;
    assert_eq!((over.status, over.receipts.len()), (InboundStatus::Received, 2));
    let after = stock(&wms, &lots.source.id).await;
    assert_eq!((after.on_hand, after.awaiting), (lots.on_hand + Quantity::whole(22), lots.awaiting));
    let error = push(&wms, receive(id, None, None), "in-3").await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (Kind::Conflict, format!("Inbound shipment '{id}' cannot be received: it is 'completed'").as_str())
    );
}

#[tokio::test]
async fn a_receipt_brings_all_that_is_left_or_closes_without_it() {
    let (_sandbox, wms) = sandbox().await;
    let (lots, plain) = two(&wms).await;
    let whole = push(&wms, create(draft(vec![announced(&lots, 20), announced(&plain, 10)])), "a").await.unwrap().record;
    let whole = push(&wms, receive(&whole.source.id, None, None), "b").await.unwrap().record;
    assert_eq!((whole.status, whole.receipts[0].line_items.len()), (InboundStatus::Received, 2));
    let between = stock(&wms, &lots.source.id).await;
    assert_eq!((between.on_hand, between.awaiting), (lots.on_hand + Quantity::whole(20), lots.awaiting));

    let short = push(&wms, create(draft(vec![announced(&lots, 20)])), "c").await.unwrap().record;
    let short = push(&wms, receive(&short.source.id, Some(vec![arrived(&lots, 5)]), Some(true)), "d").await.unwrap().record;
    assert_eq!((short.status, short.line_items[0].received_quantity), (InboundStatus::Received, Quantity::whole(5)));
    let after = stock(&wms, &lots.source.id).await;
    assert_eq!((after.on_hand, after.awaiting), (between.on_hand + Quantity::whole(5), lots.awaiting), "the rest is not awaited any more");

    let none = push(&wms, create(draft(vec![announced(&lots, 20)])), "e").await.unwrap().record;
    let none = push(&wms, receive(&none.source.id, Some(Vec::new()), Some(true)), "f").await.unwrap().record;
    assert_eq!((none.status, none.receipts.len()), (InboundStatus::Received, 0));
    assert_eq!(stock(&wms, &lots.source.id).await.awaiting, lots.awaiting);
}

#[tokio::test]
async fn what_was_announced_changes_as_far_as_nothing_of_it_has_come() {
    let (_sandbox, wms) = sandbox().await;
    let (lots, plain) = two(&wms).await;
    let made = push(&wms, create(draft(vec![announced(&lots, 20), announced(&plain, 10)])), "a").await.unwrap().record;
    let id = made.source.id.as_str();
    push(&wms, receive(id, Some(vec![arrived(&lots, 5)]), None), "b").await.unwrap();
    let fewer = InboundLineItemDraft { unit_cost: None, external_id: None, ..announced(&lots, 9) };
    let patch = InboundShipmentPatch {
        purchase_order_number: MaybeUndefined::Null,
        supplier_name: value("Somebody else".to_owned()),
        expected_arrival_at: MaybeUndefined::Null,
        tracking_numbers: value(vec!["1Z2".to_owned(), "1Z3".to_owned()]),
        notes: MaybeUndefined::Null,
        line_items: value(vec![fewer]),
        ..InboundShipmentPatch::default()
    };
    let after = push(&wms, change(id, patch), "c").await.unwrap().record;
    assert_eq!((after.purchase_order_number.as_ref(), after.expected_arrival_at, after.notes.len()), (None, None, 0));
    assert_eq!((after.supplier.as_ref().unwrap().name.as_deref(), after.tracking_numbers.len()), (Some("Somebody else"), 2));
    let [line] = after.line_items.as_slice() else { panic!("{:?}", after.line_items) };
    assert_eq!((line.expected_quantity, line.received_quantity), (Quantity::whole(9), Quantity::whole(5)));
    assert_eq!((line.unit_cost, line.external_id.as_deref()), ("2.5".parse().ok(), Some("10/1")), "what the patch does not say stays");
    assert_eq!(stock(&wms, &lots.source.id).await.awaiting, lots.awaiting + Quantity::whole(4));
    assert_eq!(stock(&wms, &plain.source.id).await.awaiting, plain.awaiting);

    let cases: Vec<(InboundShipmentPatch, Vec<&str>)> = vec![
        (
            InboundShipmentPatch { line_items: value(vec![announced(&lots, 4)]), ..InboundShipmentPatch::default() },
            vec!["lineItems", "0", "expectedQuantity"],
        ),
        (InboundShipmentPatch { line_items: value(vec![announced(&plain, 4)]), ..InboundShipmentPatch::default() }, vec!["lineItems"]),
        (InboundShipmentPatch { line_items: MaybeUndefined::Null, ..InboundShipmentPatch::default() }, vec!["lineItems"]),
        (InboundShipmentPatch { warehouse_id: MaybeUndefined::Null, ..InboundShipmentPatch::default() }, vec!["warehouseId"]),
        (InboundShipmentPatch { warehouse_id: value(reference_to("wh_01").unwrap()), ..InboundShipmentPatch::default() }, vec!["warehouseId"]),
        (InboundShipmentPatch { tracking_numbers: value(vec![String::new()]), ..InboundShipmentPatch::default() }, vec!["trackingNumbers"]),
        (InboundShipmentPatch { notes: value(vec![String::new()]), ..InboundShipmentPatch::default() }, vec!["notes"]),
        (InboundShipmentPatch { supplier_name: value(" ".to_owned()), ..InboundShipmentPatch::default() }, vec!["supplierName"]),
    ];
    for (patch, place) in cases {
        let error = push(&wms, change(id, patch), "wrong").await.unwrap_err();
        assert_eq!((error.kind, error.path.clone()), (Kind::Validation, path(&place)), "{error:?}");
    }
    // Fewer than have come already are all: then it is complete.
    let patch = InboundShipmentPatch { line_items: value(vec![announced(&lots, 5)]), ..InboundShipmentPatch::default() };
    assert_eq!(push(&wms, change(id, patch), "d").await.unwrap().record.status, InboundStatus::Received);
    assert_eq!(stock(&wms, &lots.source.id).await.awaiting, lots.awaiting);
    let seeded = read_all::<InboundShipment>(&wms, Scope::default()).await.records;
    for raw in ["completed", "cancelled", "disputed"] {
        let id = &seeded.values().find(|inbound| inbound.raw_status.as_deref() == Some(raw)).unwrap().source.id;
        let error = push(&wms, change(id, InboundShipmentPatch::default()), raw).await.unwrap_err();
        assert_eq!((error.kind, error.message), (Kind::Conflict, format!("Inbound shipment '{id}' cannot be changed: it is '{raw}'")));
    }
}

#[tokio::test]
async fn what_cannot_be_announced_is_refused_by_field() {
    let (_sandbox, wms) = sandbox().await;
    let (lots, plain) = two(&wms).await;
    let items = read_all::<InventoryItem>(&wms, Scope::default()).await.records;
    let foreign = items.values().find(|item| item.warehouse_customer != lots.warehouse_customer).unwrap();
    let good = draft(vec![announced(&lots, 1)]);
    let with = |lines: Vec<InboundLineItemDraft>| InboundShipmentDraft { line_items: lines, ..good.clone() };
    let cases: Vec<(InboundShipmentDraft, Vec<&str>)> = vec![
        (with(Vec::new()), vec!["lineItems"]),
        (with(vec![announced(&lots, 0)]), vec!["lineItems", "0", "expectedQuantity"]),
        (with(vec![InboundLineItemDraft { inventory_item_id: None, ..announced(&lots, 1) }]), vec!["lineItems", "0", "sku"]),
        (with(vec![announced(&plain, 1), announced(&plain, 1)]), vec!["lineItems", "1", "inventoryItemId"]),
        (with(vec![announced(&lots, 1), announced(foreign, 1)]), vec!["lineItems", "1", "inventoryItemId"]),
        (with(vec![InboundLineItemDraft { unit_cost: "-1".parse().ok(), ..announced(&lots, 1) }]), vec!["lineItems", "0", "unitCost"]),
        (InboundShipmentDraft { warehouse_id: None, ..good.clone() }, vec!["warehouseId"]),
        (InboundShipmentDraft { warehouse_id: reference_to("wh_04"), ..good.clone() }, vec!["warehouseId"]),
        (InboundShipmentDraft { warehouse_customer_id: reference_to("cli_999"), ..good.clone() }, vec!["warehouseCustomerId"]),
        (InboundShipmentDraft { purchase_order_number: Some(String::new()), ..good.clone() }, vec!["purchaseOrderNumber"]),
    ];
    for (inbound_shipment, place) in cases {
        let error = push(&wms, create(inbound_shipment), "wrong").await.unwrap_err();
        assert_eq!((error.kind, error.path.clone()), (Kind::Validation, path(&place)), "{error:?}");
    }
    let command = CreateInboundShipment { inbound_shipment: good, integration_fields: Some(Json::of(&serde_json::json!({ "container": "" }))) };
    assert_eq!(push(&wms, command, "wrong").await.unwrap_err().path, path(&["integrationFields", "container"]));
}
