//! Stock that is adjusted.

use super::data::adds_up;
use super::writing::{path, reference_to};
use super::*;
use crate::record::draft::{AdjustInventory, InventoryAdjustment};
use crate::record::{InventoryItem, Quantity, WarehouseQuantity};
use crate::wms::Kind;

fn adjust(id: &str, adjustment: InventoryAdjustment) -> AdjustInventory {
    AdjustInventory { id: reference_to(id).unwrap(), adjustment, integration_fields: None }
}

fn delta(warehouse: &str, pieces: i64) -> InventoryAdjustment {
    InventoryAdjustment { warehouse_id: reference_to(warehouse), delta: Some(Quantity::whole(pieces)), ..InventoryAdjustment::default() }
}

fn counted(warehouse: &str, pieces: i64) -> InventoryAdjustment {
    InventoryAdjustment { delta: None, quantity: Some(Quantity::whole(pieces)), ..delta(warehouse, 0) }
}

/// An item in whole pieces, kept by lot or not, with much free and some promised in an open warehouse, and that warehouse.
async fn find(wms: &Arc<dyn Wms>, by_lot: bool) -> (InventoryItem, WarehouseQuantity) {
    let items = read_all::<InventoryItem>(wms, Scope::default()).await.records;
    let find = |item: &InventoryItem| {
        let is_whole = item.source.additional_fields.as_ref()?.to_value()["uom"] == "pcs";
        let fits = |of: &&WarehouseQuantity| of.warehouse.as_ref().unwrap().source_id() != "wh_04" && of.fulfillable > Quantity::whole(20);
        let of = item.by_warehouse.iter().filter(fits).find(|of| of.committed > Quantity::ZERO)?;
        (is_whole && item.lots.is_empty() != by_lot).then(|| (item.clone(), of.clone()))
    };
    items.values().find_map(find).unwrap()
}

#[tokio::test]
async fn stock_goes_up_and_down_at_the_place_that_is_named() {
    let (_sandbox, wms) = sandbox().await;
    let (before, of) = find(&wms, false).await;
    let (id, warehouse) = (before.source.id.as_str(), of.warehouse.as_ref().unwrap().source_id());
    let reason = Some("found behind the rack".to_owned());
    let up = push(&wms, adjust(id, InventoryAdjustment { reason, ..delta(warehouse, 7) }), "up").await.unwrap().record;
    adds_up(&up);
    assert_eq!((up.on_hand, up.fulfillable), (before.on_hand + Quantity::whole(7), before.fulfillable + Quantity::whole(7)));
    assert_eq!(up.committed, before.committed);
    let down = push(&wms, adjust(id, delta(warehouse, -7)), "down").await.unwrap().record;
    adds_up(&down);
    assert_eq!((down.on_hand, down.fulfillable), (before.on_hand, before.fulfillable));

    let there = |item: &InventoryItem| item.by_warehouse.iter().find(|own| own.warehouse == of.warehouse).unwrap().on_hand;
    let all = there(&down).micros() / 1_000_000;
    let count = push(&wms, adjust(id, counted(warehouse, all + 3)), "count").await.unwrap().record;
    adds_up(&count);
    assert_eq!(there(&count), Quantity::whole(all + 3));
    assert_eq!(push(&wms, adjust(id, counted(warehouse, all + 3)), "same").await.unwrap().record, count, "as many as there were");

    let place = count.locations.iter().find(|place| place.warehouse == of.warehouse).unwrap();
    let bin = place.location.as_ref().unwrap().source_id();
    let at = InventoryAdjustment {
        warehouse_id: None,
        location_id: reference_to(bin),
        quantity: Some(place.quantity + Quantity::whole(2)),
        ..InventoryAdjustment::default()
    };
    let binned = push(&wms, adjust(id, at), "bin").await.unwrap().record;
    adds_up(&binned);
    let now = binned.locations.iter().find(|place| place.location.as_ref().unwrap().source_id() == bin).unwrap();
    assert_eq!((now.quantity, binned.on_hand), (place.quantity + Quantity::whole(2), count.on_hand + Quantity::whole(2)));
}

#[tokio::test]
async fn what_is_promised_cannot_be_written_off() {
    let (_sandbox, wms) = sandbox().await;
    let (item, of) = find(&wms, false).await;
    let (id, warehouse) = (item.source.id.as_str(), of.warehouse.as_ref().unwrap().source_id());
    let too_much = of.fulfillable.micros() / 1_000_000 + 1;
    let error = push(&wms, adjust(id, delta(warehouse, -too_much)), "a").await.unwrap_err();
    assert_eq!((error.kind, error.code.as_deref(), error.path), (Kind::Conflict, Some("insufficient_stock"), path(&["delta"])));
    let free = of.fulfillable;
    let sku = item.sku.as_deref().unwrap();
    assert_eq!(error.message, format!("Only {free} of SKU '{sku}' are free in warehouse '{warehouse}': the rest is promised to orders or blocked"));
    let error = push(&wms, adjust(id, counted(warehouse, 0)), "b").await.unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Conflict, path(&["quantity"])));
    // All that is free can go.
    let bare = push(&wms, adjust(id, delta(warehouse, 1 - too_much)), "c").await.unwrap().record;
    adds_up(&bare);
    let left = bare.by_warehouse.iter().find(|own| own.warehouse == of.warehouse).unwrap();
    assert_eq!((left.fulfillable, left.committed), (free - Quantity::whole(too_much - 1), of.committed));
}

#[tokio::test]
async fn lots_are_counted_apart() {
    let (_sandbox, wms) = sandbox().await;
    let (item, of) = find(&wms, true).await;
    let (id, warehouse) = (item.source.id.as_str(), of.warehouse.as_ref().unwrap().source_id());
    let lot = item.lots.iter().filter(|lot| lot.warehouse == of.warehouse).max_by_key(|lot| lot.on_hand).unwrap();
    let named = |adjustment: InventoryAdjustment| InventoryAdjustment { lot_id: Some(lot.lot_id.clone()), ..adjustment };
    let pieces = lot.on_hand.micros() / 1_000_000;
    let after = push(&wms, adjust(id, named(counted(warehouse, pieces - 1))), "a").await.unwrap().record;
    adds_up(&after);
    let same = after.lots.iter().find(|own| own.lot_id == lot.lot_id && own.warehouse == lot.warehouse).unwrap();
    assert_eq!((same.on_hand, same.expires_at, after.on_hand), (Quantity::whole(pieces - 1), lot.expires_at, item.on_hand - Quantity::whole(1)));
    let fresh = InventoryAdjustment { lot_id: Some("L-9".to_owned()), expires_at: Some(EPOCH), ..delta(warehouse, 4) };
    let after = push(&wms, adjust(id, fresh), "b").await.unwrap().record;
    adds_up(&after);
    let new = after.lots.iter().find(|own| own.lot_id == "L-9").unwrap();
    assert_eq!((new.on_hand, new.expires_at.map(|at| at.to_string())), (Quantity::whole(4), Some("2026-06-15T00:00:00Z".to_owned())));
    // Goods that nobody names a lot for are of a lot of the day.
    let after = push(&wms, adjust(id, delta(warehouse, 1)), "c").await.unwrap().record;
    adds_up(&after);
    assert!(after.lots.iter().any(|own| own.lot_id == "R260615"), "{:?}", after.lots);
    let error = push(&wms, adjust(id, named(delta(warehouse, -pieces - 1))), "d").await.unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Validation, path(&["delta"])));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_field() {
    let (_sandbox, wms) = sandbox().await;
    let (item, of) = find(&wms, false).await;
    let (id, warehouse) = (item.source.id.as_str(), of.warehouse.as_ref().unwrap().source_id());
    let place = |location: &str| InventoryAdjustment { location_id: reference_to(location), ..delta(warehouse, 1) };
    let bin = item.locations.iter().find(|place| place.warehouse == of.warehouse).unwrap().clone();
    let all = bin.quantity.micros() / 1_000_000;
    let elsewhere =
        item.locations.iter().find(|place| place.warehouse != of.warehouse).map(|place| place.location.as_ref().unwrap().source_id().to_owned());
    let mut cases: Vec<(InventoryAdjustment, &str)> = vec![
        (InventoryAdjustment { delta: None, ..delta(warehouse, 0) }, "delta"),
        (InventoryAdjustment { quantity: Some(Quantity::whole(1)), ..delta(warehouse, 1) }, "delta"),
        (delta(warehouse, 0), "delta"),
        (delta(warehouse, 2_000_000), "delta"),
        (InventoryAdjustment { delta: Some(Quantity::from_micros(500_000)), ..delta(warehouse, 0) }, "delta"),
        (counted(warehouse, -1), "quantity"),
        (delta("wh_04", 1), "warehouseId"),
        (delta("wh_09", 1), "warehouseId"),
        (place("loc_99999"), "locationId"),
        (InventoryAdjustment { warehouse_id: None, ..place("loc_99999") }, "locationId"),
        (InventoryAdjustment { lot_id: Some("L".to_owned()), ..delta(warehouse, 1) }, "lotId"),
        (InventoryAdjustment { reason: Some(String::new()), ..delta(warehouse, 1) }, "reason"),
        (InventoryAdjustment { location_id: reference_to(bin.location.as_ref().unwrap().source_id()), ..delta(warehouse, -all - 1) }, "delta"),
    ];
    cases.extend(elsewhere.as_deref().map(|elsewhere| (place(elsewhere), "locationId")));
    for (adjustment, field) in cases {
        let shown = format!("{adjustment:?}");
        let error = push(&wms, adjust(id, adjustment), "wrong").await.unwrap_err();
        assert_eq!((error.kind, error.path.clone()), (Kind::Validation, path(&[field])), "{shown}: {error:?}");
    }
    let error = push(&wms, adjust("inv_99999", delta(warehouse, 1)), "gone").await.unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::NotFound, path(&["id"])));
    let (by_lot, of) = find(&wms, true).await;
    let bin = by_lot.locations.iter().find(|place| place.warehouse == of.warehouse).unwrap();
    let both = InventoryAdjustment {
        location_id: reference_to(bin.location.as_ref().unwrap().source_id()),
        lot_id: Some(by_lot.lots[0].lot_id.clone()),
        quantity: Some(Quantity::whole(1)),
        ..InventoryAdjustment::default()
    };
    let error = push(&wms, adjust(&by_lot.source.id, both), "both").await.unwrap_err();
    assert_eq!(error.path, path(&["lotId"]), "{error:?}");
}
