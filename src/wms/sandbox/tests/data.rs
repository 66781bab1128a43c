//! The data: that they add up, are as varied as they should be, and the same every time.

use std::collections::BTreeSet;

use super::*;
use crate::record::{
    DutyPayer, InboundShipment, InboundStatus, InventoryItem, Order, OrderStatus, OrderType, Product, Quantity, Return, ReturnStatus, ShipmentStatus,
    Warehouse, WarehouseCustomer, WarehouseLocation,
};

fn sum<T>(all: &[T], of: impl Fn(&T) -> Quantity) -> Quantity {
    all.iter().map(of).sum()
}

/// What every item must satisfy, whatever has been written.
pub(super) fn adds_up(item: &InventoryItem) {
    let id = &item.source.id;
    let by = &item.by_warehouse;
    assert_eq!(item.on_hand, item.committed + item.fulfillable + item.unfulfillable, "{id}");
    assert_eq!(item.on_hand, sum(by, |of| of.on_hand), "{id}");
    assert_eq!(item.committed, sum(by, |of| of.committed), "{id}");
    assert_eq!(item.fulfillable, sum(by, |of| of.fulfillable), "{id}");
    assert_eq!(item.unfulfillable, sum(by, |of| of.unfulfillable), "{id}");
    assert_eq!(item.awaiting, sum(by, |of| of.awaiting), "{id}");
    assert_eq!(item.sellable, sum(by, |of| of.sellable), "{id}");
    assert_eq!(item.on_hand, sum(&item.locations, |of| of.quantity), "{id}: bins");
    if !item.lots.is_empty() {
        assert_eq!(item.on_hand, sum(&item.lots, |of| of.on_hand), "{id}: lots");
    }
    for of in by.iter() {
        assert_eq!(of.on_hand, of.committed + of.fulfillable + of.unfulfillable, "{id}");
        assert!([of.on_hand, of.committed, of.fulfillable, of.unfulfillable].iter().all(|quantity| *quantity >= Quantity::ZERO), "{id}: {of:?}");
        let bins = item.locations.iter().filter(|bin| bin.warehouse == of.warehouse);
        assert_eq!(of.on_hand, bins.map(|bin| bin.quantity).sum(), "{id}: bins of one warehouse");
    }
}

#[tokio::test]
async fn quantities_add_up() {
    let (_sandbox, wms) = sandbox().await;
    let items = read_all::<InventoryItem>(&wms, Scope::default()).await.records;
    items.values().for_each(adds_up);

    // What is promised is what open orders still have to ship, item by item, through the products' components.
    let products = read_all::<Product>(&wms, Scope::default()).await.records;
    let orders = read_all::<Order>(&wms, Scope::default()).await.records;
    let mut promised: BTreeMap<&str, Quantity> = BTreeMap::new();
    for order in orders.values() {
        use OrderStatus::{Confirmed, Open, Packed, PartiallyFulfilled, Picked, Processing};
        if order.warehouse.is_none() || ![Open, Confirmed, Processing, Picked, Packed, PartiallyFulfilled].contains(&order.status) {
            continue;
        }
        for line in order.line_items.iter() {
            for component in products[line.product.as_ref().unwrap().source_id()].components.iter() {
                let needed = component.quantity.micros() * line.quantity.micros() / 1_000_000;
                *promised.entry(component.inventory_item.as_ref().unwrap().source_id()).or_default() += Quantity::from_micros(needed);
            }
        }
        for line in
            order.shipments.iter().filter(|shipment| shipment.status == ShipmentStatus::Shipped).flat_map(|shipment| shipment.line_items.iter())
        {
            let promised = promised.entry(line.inventory_item.as_ref().unwrap().source_id()).or_default();
            *promised = *promised - line.quantity;
        }
    }
    let asns = read_all::<InboundShipment>(&wms, Scope::default()).await.records;
    let mut awaited: BTreeMap<&str, Quantity> = BTreeMap::new();
    for asn in asns.values().filter(|asn| matches!(asn.status, InboundStatus::Open | InboundStatus::InTransit | InboundStatus::Receiving)) {
        for line in asn.line_items.iter() {
            *awaited.entry(line.inventory_item.as_ref().unwrap().source_id()).or_default() += line.expected_quantity - line.received_quantity;
        }
    }
    assert!(promised.len() > 20 && awaited.len() > 5);
    for (id, item) in &items {
        assert_eq!(item.committed, promised.get(id.as_str()).copied().unwrap_or_default(), "{id}");
        assert_eq!(item.awaiting, awaited.get(id.as_str()).copied().unwrap_or_default(), "{id}");
    }
}

#[tokio::test]
async fn every_case_is_there() {
    let (_sandbox, wms) = sandbox().await;
    let orders: Vec<Order> = read_all::<Order>(&wms, Scope::default()).await.records.into_values().collect();
    let statuses: BTreeSet<OrderStatus> = orders.iter().map(|order| order.status).collect();
    assert_eq!(statuses.len(), OrderStatus::ALL.len(), "{statuses:?}");
    let types: BTreeSet<OrderType> = orders.iter().filter_map(|order| order.order_type).collect();
    assert_eq!(types.len(), OrderType::ALL.len(), "{types:?}");
    let duties: BTreeSet<DutyPayer> = orders.iter().filter_map(|order| order.delivery.duty_paid_by).collect();
    assert_eq!(duties.len(), DutyPayer::ALL.len());
    let shipments: BTreeSet<ShipmentStatus> = orders.iter().flat_map(|order| order.shipments.iter()).map(|shipment| shipment.status).collect();
    assert_eq!(shipments, BTreeSet::from([ShipmentStatus::Open, ShipmentStatus::Shipped, ShipmentStatus::Cancelled]));
    assert!(orders.iter().any(|order| order.shipments.len() > 1), "split shipments");
    assert!(orders.iter().any(|order| order.warehouse.is_none()), "no warehouse chosen yet");
    assert!(orders.iter().any(|order| order.ship_to.as_ref().is_some_and(|to| to.country.as_deref() == Some("JP"))));
    let lines = || orders.iter().flat_map(|order| order.line_items.iter());
    assert!(lines().any(|line| line.quantity.micros() % 1_000_000 != 0), "fractions of a kilogram");
    assert!(lines().any(|line| line.sku.is_none()) && lines().any(|line| line.discount_amount.is_some_and(|off| off.micros() > 0)));
    let parcels = || orders.iter().flat_map(|order| order.shipments.iter()).flat_map(|shipment| shipment.packages.iter());
    assert!(parcels().any(|parcel| parcel.line_items.iter().any(|line| line.lot_id.is_some() && line.expires_at.is_some())));
    assert!(parcels().any(|parcel| parcel.line_items.iter().any(|line| line.parent_product.is_some())), "kits");
    for order in &orders {
        let goods: i64 = order.line_items.iter().map(|line| line.discount_amount.unwrap_or_default().micros()).sum();
        assert_eq!(order.totals.total_discount.unwrap().micros(), goods, "{}", order.source.id);
    }

    let products: Vec<Product> = read_all::<Product>(&wms, Scope::default()).await.records.into_values().collect();
    assert!(products.iter().any(|product| product.is_kit && product.components.len() > 1));
    assert!(products.iter().any(|product| !product.active) && products.iter().any(|product| product.sku.is_none()));
    let skus: Vec<&str> = products.iter().filter_map(|product| product.sku.as_deref()).collect();
    assert_eq!(skus.iter().collect::<BTreeSet<_>>().len(), skus.len(), "a SKU names one product");
    for gtin in products.iter().filter_map(|product| product.gtin.as_deref()) {
        let sum: u32 = gtin.bytes().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        assert!(gtin.len() == 13 && sum.is_multiple_of(10), "{gtin}");
    }

    let items: Vec<InventoryItem> = read_all::<InventoryItem>(&wms, Scope::default()).await.records.into_values().collect();
    assert!(items.iter().any(|item| item.unfulfillable > Quantity::ZERO) && items.iter().any(|item| item.on_hand.micros() % 1_000_000 != 0));
    assert!(items.iter().any(|item| item.lots.is_empty()) && items.iter().any(|item| item.lots.iter().any(|lot| lot.expires_at.is_some())));

    let asns = read_all::<InboundShipment>(&wms, Scope::default()).await.records;
    let statuses: BTreeSet<InboundStatus> = asns.values().map(|asn| asn.status).collect();
    assert_eq!(statuses.len(), InboundStatus::ALL.len(), "{statuses:?}");
    assert!(asns.values().any(|asn| asn.receipts.len() > 1), "several receipts");
    for asn in asns.values() {
        for line in asn.line_items.iter() {
            let counted = asn.receipts.iter().flat_map(|receipt| receipt.line_items.iter()).filter(|counted| counted.sku == line.sku);
            let booked: Quantity = asn.line_items.iter().filter(|other| other.sku == line.sku).map(|line| line.received_quantity).sum();
            assert_eq!(counted.map(|counted| counted.quantity).sum::<Quantity>(), booked, "{}", asn.source.id);
        }
    }

    let ids: BTreeSet<&str> = orders.iter().map(|order| order.source.id.as_str()).collect();
    let returns = read_all::<Return>(&wms, Scope::default()).await.records;
    let statuses: BTreeSet<ReturnStatus> = returns.values().map(|back| back.status).collect();
    assert_eq!(statuses.len(), ReturnStatus::ALL.len(), "{statuses:?}");
    assert!(returns.values().all(|back| back.order.as_ref().is_some_and(|order| ids.contains(order.source_id()))));
    assert!(returns.values().any(|back| back.line_items.iter().any(|line| line.restocked_quantity > Quantity::ZERO)));
    let details =
        |back: &Return| back.shipments.iter().flat_map(|shipment| shipment.line_items.iter()).map(|line| line.receiving_details.len()).max();
    assert!(returns.values().any(|back| details(back) > Some(1)), "some pieces good, some damaged");

    let customers = read_all::<WarehouseCustomer>(&wms, Scope::default()).await.records;
    assert!(customers.values().any(|customer| customer.name == "日本茶株式会社") && customers.values().any(|customer| customer.name == "Crème & Cô"));
    let warehouses = read_all::<Warehouse>(&wms, Scope::default()).await.records;
    let open: Vec<Value> =
        warehouses.values().map(|warehouse| warehouse.source.additional_fields.as_ref().unwrap().to_value()["open"].clone()).collect();
    assert_eq!(open, [true, true, true, false]);
    let locations = read_all::<WarehouseLocation>(&wms, Scope::default()).await.records;
    let bins = items.iter().flat_map(|item| item.locations.iter());
    assert!(bins.clone().count() > 100);
    for bin in bins {
        let location = &locations[bin.location.as_ref().unwrap().source_id()];
        assert_eq!(location.warehouse, bin.warehouse);
        assert!(matches!(location.location_type.as_deref(), Some("bin" | "pallet_rack")), "{location:?}");
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_data_and_another_gives_other() {
    let listing = |config: SandboxConfig| async move {
        let sandbox = start(config).await.unwrap();
        let mut all = String::new();
        for name in ["orders", "inventory", "products", "asns", "rmas"] {
            all.push_str(&get(&sandbox, &format!("/v1/{name}?limit=20")).await["data"].to_string());
        }
        all
    };
    let base = config(&Hands::at_epoch());
    let first = listing(base.clone()).await;
    assert!(first == listing(base.clone()).await);
    assert!(first != listing(SandboxConfig { seed: 2, ..base }).await);
}

#[tokio::test]
async fn every_scale_works() {
    for orders in [1, 7, 2_000] {
        let sandbox = start(SandboxConfig { orders, ..config(&Hands::at_epoch()) }).await.unwrap();
        let wms = connect(&sandbox);
        assert_eq!(read_all::<Order>(&wms, Scope::default()).await.records.len(), orders as usize);
        read_all::<InventoryItem>(&wms, Scope::default()).await.records.values().for_each(adds_up);
        read_all::<Return>(&wms, Scope::default()).await;
        sandbox.shutdown().await.unwrap();
    }
    assert!(start(SandboxConfig { orders: 0, ..config(&Hands::at_epoch()) }).await.is_err());
}
