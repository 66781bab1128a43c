//! Goods that are made, announced, received and counted, each of a test's own; and calls that pass through.

use serde_json::json;

use super::{Goods, clock, count, odoo, pushed, reference, refused, turn};
use crate::record::draft::{
    AddressInput, AdjustInventory, CreateInboundShipment, CreateProduct, HttpMethod, InboundLineItemDraft, InboundShipmentDraft,
    InboundShipmentPatch, InventoryAdjustment, MaybeUndefined, MeasurementsInput, Passthrough, ProductComponentDraft, ProductDraft, QueryParameter,
    ReceiptDraft, ReceiptLineItemDraft, ReceiveInboundShipment, UpdateInboundShipment,
};
use crate::record::{InboundShipment, InboundStatus, Json, LengthUnit, Link, Quantity, Warehouse, WarehouseLocation, WeightUnit};
use crate::wms::{Found, Kind, Pass, Push};

fn coming(goods: &Goods, quantity: i64, cost: Option<&str>) -> InboundLineItemDraft {
    InboundLineItemDraft {
        inventory_item_id: Some(reference(&goods.id)),
        sku: None,
        expected_quantity: Quantity::whole(quantity),
        unit_cost: cost.and_then(|cost| cost.parse().ok()),
        external_id: None,
    }
}

fn came(goods: &Goods, quantity: i64) -> ReceiptLineItemDraft {
    ReceiptLineItemDraft {
        inventory_item_id: None,
        sku: Some(goods.sku.clone()),
        quantity: Quantity::whole(quantity),
        lot_id: None,
        expires_at: None,
        location_id: None,
    }
}

fn announce(lines: Vec<InboundLineItemDraft>) -> InboundShipmentDraft {
    InboundShipmentDraft {
        warehouse_id: Some(reference::<Warehouse>("1")),
        expected_arrival_at: "2027-03-04T05:06:07Z".parse().ok(),
        tracking_numbers: Some(vec!["A1".to_owned(), "A2".to_owned()]),
        notes: Some(vec!["Two pallets".to_owned()]),
        line_items: lines,
        ..InboundShipmentDraft::default()
    }
}

fn create(inbound_shipment: InboundShipmentDraft) -> CreateInboundShipment {
    CreateInboundShipment { inbound_shipment, integration_fields: None }
}

fn receive(id: &str, receipt: ReceiptDraft) -> ReceiveInboundShipment {
    ReceiveInboundShipment { id: reference(id), receipt, integration_fields: None }
}

#[tokio::test]
async fn live_odoo_goods_are_announced_and_changed() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let (tea, cup) = (Goods::made(odoo, "tea").await, Goods::made(odoo, "cup").await);
    // No supplier: a transfer alone.
    let from = AddressInput {
        company: Some("Live Imports".to_owned()),
        city: Some("Osaka".to_owned()),
        country: Some("JP".to_owned()),
        ..AddressInput::default()
    };
    let number = format!("ASN-{}", clock(odoo).await);
    let command = create(InboundShipmentDraft {
        ship_from: Some(from),
        purchase_order_number: Some(number.clone()),
        ..announce(vec![coming(&tea, 10, None), coming(&cup, 4, Some("2"))])
    });
    let reference_of = format!("live-bare-{}", clock(odoo).await);
    assert!(matches!(odoo.look_up(&command, &reference_of).await.unwrap(), Found::NotDone));
    let written = pushed(odoo, &command, &reference_of).await.unwrap();
    assert_eq!(written.unused_fields, ["lineItems.1.unitCost"]);
    let bare = written.record;
    assert_eq!((bare.status, bare.purchase_order_number.as_deref()), (InboundStatus::Open, Some(number.as_str())));
    assert_eq!((bare.expected_arrival_at, bare.notes.to_vec()), ("2027-03-04T05:06:07Z".parse().ok(), vec!["Two pallets".to_owned()]));
    assert_eq!(bare.tracking_numbers.to_vec(), ["A1", "A2"]);
    assert_eq!(bare.ship_from.as_ref().and_then(|from| from.company.as_deref()), Some("Live Imports"));
    assert_eq!(bare.warehouse.as_ref().map(Link::source_id), Some("1"));
    let expected = |inbound: &InboundShipment| {
        inbound.line_items.iter().map(|line| (line.sku.clone().unwrap(), line.expected_quantity.to_f64())).collect::<Vec<_>>()
    };
    assert_eq!(expected(&bare), [(tea.sku.clone(), 10.0), (cup.sku.clone(), 4.0)]);
    let Found::Done(same) = odoo.look_up(&command, &reference_of).await.unwrap() else { panic!("it was announced") };
    assert_eq!(same.record, bare);

    let milk = Goods::made(odoo, "milk").await;
    let patch = InboundShipmentPatch {
        purchase_order_number: MaybeUndefined::Value(format!("{number}-b")),
        expected_arrival_at: MaybeUndefined::Value("2027-04-04T05:06:07Z".parse().unwrap()),
        tracking_numbers: MaybeUndefined::Null,
        notes: MaybeUndefined::Value(vec!["One".to_owned(), "Two".to_owned()]),
        line_items: MaybeUndefined::Value(vec![coming(&milk, 1, None), coming(&tea, 12, None)]),
        ..InboundShipmentPatch::default()
    };
    let update = UpdateInboundShipment { id: reference(&bare.source.id), inbound_shipment: patch, integration_fields: None };
    let reference_of = format!("live-bare2-{}", clock(odoo).await);
    let changed = pushed(odoo, &update, &reference_of).await.unwrap().record;
    assert_eq!(expected(&changed), [(tea.sku.clone(), 12.0), (milk.sku.clone(), 1.0)]);
    assert_eq!((changed.status, changed.tracking_numbers.len(), changed.notes.to_vec()), (InboundStatus::Open, 0, vec!["One\nTwo".to_owned()]));
    assert_eq!(changed.expected_arrival_at, "2027-04-04T05:06:07Z".parse().ok());
    assert!(matches!(odoo.look_up(&update, &reference_of).await.unwrap(), Found::Done(_)));

    // A supplier and prices: a purchase order.
    let number = format!("PO-{}", clock(odoo).await);
    let command = create(InboundShipmentDraft {
        supplier_name: Some("Vendor 01".to_owned()),
        purchase_order_number: Some(number.clone()),
        ..announce(vec![coming(&tea, 3, Some("2.5"))])
    });
    let reference_of = format!("live-bought-{}", clock(odoo).await);
    assert!(matches!(odoo.look_up(&command, &reference_of).await.unwrap(), Found::NotDone));
    let bought = pushed(odoo, &command, &reference_of).await.unwrap().record;
    assert_eq!((bought.purchase_order_number.as_deref(), bought.line_items[0].unit_cost), (Some(number.as_str()), "2.5".parse().ok()));
    assert_eq!(bought.supplier.as_ref().and_then(|supplier| supplier.name.as_deref()), Some("Vendor 01"));
    assert_eq!((bought.expected_arrival_at, bought.notes.to_vec()), ("2027-03-04T05:06:07Z".parse().ok(), vec!["Two pallets".to_owned()]));
    assert!(matches!(odoo.look_up(&command, &reference_of).await.unwrap(), Found::Done(_)));
    let patch = InboundShipmentPatch { line_items: MaybeUndefined::Value(vec![coming(&tea, 4, None)]), ..InboundShipmentPatch::default() };
    let update = UpdateInboundShipment { id: reference(&bought.source.id), inbound_shipment: patch, integration_fields: None };
    let (kind, path, message) = refused(odoo, &update).await;
    assert_eq!((kind, path.as_str()), (Kind::Conflict, "lineItems"));
    assert!(message.contains(&number), "{message}");

    let unknown = create(InboundShipmentDraft { supplier_name: Some("Nobody Ltd".to_owned()), ..announce(vec![coming(&tea, 1, None)]) });
    assert_eq!(refused(odoo, &unknown).await.1, "supplierName");
    assert_eq!(refused(odoo, &create(InboundShipmentDraft { warehouse_id: None, ..announce(vec![coming(&tea, 1, None)]) })).await.1, "warehouseId");
    assert_eq!(
        refused(odoo, &create(InboundShipmentDraft { warehouse_id: Some(reference::<Warehouse>("4")), ..announce(vec![coming(&tea, 1, None)]) }))
            .await
            .1,
        "warehouseId"
    );
    assert_eq!(refused(odoo, &create(announce(vec![]))).await.1, "lineItems");
    // In Odoo's words.
    let wrong = CreateInboundShipment {
        integration_fields: Some(Json::of(&json!({ "owner_id": 99_999_999 }))),
        ..create(announce(vec![coming(&tea, 1, None)]))
    };
    let (_, _, message) = refused(odoo, &wrong).await;
    assert!(!message.contains("Traceback"), "{message}");
}

#[tokio::test]
async fn live_odoo_goods_are_received() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let (tea, milk, cup) = (Goods::made(odoo, "tea").await, Goods::with_lots(odoo, "milk").await, Goods::made(odoo, "cup").await);
    let announced = create(announce(vec![coming(&tea, 10, None), coming(&milk, 6, None)]));
    let inbound = pushed(odoo, &announced, &format!("live-asn-{}", clock(odoo).await)).await.unwrap().record;
    let id = inbound.source.id.as_str();

    let of = |lines: Vec<ReceiptLineItemDraft>| receive(id, ReceiptDraft { line_items: Some(lines), ..ReceiptDraft::default() });
    let place = |name: &str| json!({ "domain": [["name", "=", name], ["active", "=", true]], "limit": 1 });
    let bin: Vec<i64> = odoo.value("stock.location", "search", &place("RTM-B-02-1")).await.unwrap();
    let elsewhere: Vec<i64> = odoo.value("stock.location", "search", &place("AUS-B-02-1")).await.unwrap();
    let at = |place: &[i64]| Some(reference::<WarehouseLocation>(&place[0].to_string()));
    assert_eq!(refused(odoo, &of(vec![ReceiptLineItemDraft { location_id: at(&elsewhere), ..came(&tea, 1) }])).await.1, "lineItems.0.locationId");
    assert_eq!(refused(odoo, &of(vec![came(&cup, 1)])).await.1, "lineItems.0.sku");
    assert_eq!(refused(odoo, &of(vec![ReceiptLineItemDraft { quantity: Quantity::ZERO, ..came(&tea, 1) }])).await.1, "lineItems.0.quantity");
    // Odoo wants a lot. What was taken is put back.
    let (kind, path, message) = refused(odoo, &of(vec![came(&milk, 6)])).await;
    assert_eq!((kind, path.as_str()), (Kind::Validation, "lineItems.lotId"));
    assert!(message.starts_with("You need to supply a Lot/Serial Number for product:"), "{message}");
    assert_eq!(count(odoo, "stock.move", json!([["picking_id", "=", id.parse::<i64>().unwrap()], ["picked", "=", true]])).await, 0);

    let lot = ReceiptLineItemDraft {
        lot_id: Some("MILK-9".to_owned()),
        expires_at: "2027-06-01T00:00:00Z".parse().ok(),
        location_id: at(&bin),
        ..came(&milk, 4)
    };
    let receipt = ReceiptDraft { arrived_at: "2026-11-21T08:00:00Z".parse().ok(), line_items: Some(vec![came(&tea, 7), lot]), closes: None };
    let command = receive(id, receipt);
    let reference_of = format!("live-came-{}", clock(odoo).await);
    assert!(matches!(odoo.look_up(&command, &reference_of).await.unwrap(), Found::NotDone));
    let written = pushed(odoo, &command, &reference_of).await.unwrap();
    assert_eq!((written.record.status, written.unused_fields), (InboundStatus::Received, vec![]));
    assert_eq!(written.record.line_items.iter().map(|line| line.received_quantity.to_f64()).collect::<Vec<_>>(), [7.0, 4.0]);
    assert_eq!(written.record.receipts[0].arrived_at, "2026-11-21T08:00:00Z".parse().ok());
    let Found::Done(same) = odoo.look_up(&command, &reference_of).await.unwrap() else { panic!("it was received") };
    assert_eq!(same.record, written.record);
    let stock = odoo.inventory_item(milk.id.parse().unwrap()).await.unwrap().unwrap().unwrap();
    assert_eq!(
        (stock.on_hand, stock.lots[0].lot_id.as_str(), stock.lots[0].expires_at),
        (Quantity::whole(4), "MILK-9", "2027-06-01T00:00:00Z".parse().ok())
    );
    assert_eq!(stock.locations[0].location.as_ref().map(Link::source_id), Some(bin[0].to_string().as_str()));
    assert_eq!(refused(odoo, &command).await.0, Kind::Conflict, "this transfer is done");

    // The rest is a transfer of its own. More comes of one, nothing more of the other.
    let rest: Vec<i64> =
        odoo.value("stock.picking", "search", &json!({ "domain": [["backorder_id", "=", id.parse::<i64>().unwrap()]] })).await.unwrap();
    let rest = rest[0].to_string();
    let other = ReceiptLineItemDraft { expires_at: "2028-01-01T00:00:00Z".parse().ok(), lot_id: Some("MILK-9".to_owned()), ..came(&milk, 1) };
    let (_, path, message) = refused(odoo, &receive(&rest, ReceiptDraft { line_items: Some(vec![other]), ..ReceiptDraft::default() })).await;
    assert_eq!((path.as_str(), message.as_str()), ("lineItems.0.expiresAt", "The lot \"MILK-9\" expires at 2027-06-01T00:00:00Z in Odoo"));
    let last = ReceiptDraft { line_items: Some(vec![came(&tea, 5)]), closes: Some(true), ..ReceiptDraft::default() };
    let closed = pushed(odoo, &receive(&rest, last), &format!("live-closed-{}", clock(odoo).await)).await.unwrap().record;
    assert_eq!((closed.status, closed.line_items[0].received_quantity), (InboundStatus::Received, Quantity::whole(5)));
    assert_eq!(count(odoo, "stock.picking", json!([["backorder_id", "=", rest.parse::<i64>().unwrap()]])).await, 0, "nothing more is expected");
    assert_eq!(refused(odoo, &receive("99999999", ReceiptDraft::default())).await.0, Kind::NotFound);
}

#[tokio::test]
async fn live_odoo_stock_is_adjusted() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let (tea, milk) = (Goods::made(odoo, "tea").await, Goods::with_lots(odoo, "milk").await);
    let adjust = |goods: &Goods, adjustment: InventoryAdjustment| AdjustInventory { id: reference(&goods.id), adjustment, integration_fields: None };
    let at = || InventoryAdjustment { warehouse_id: Some(reference::<Warehouse>("1")), ..InventoryAdjustment::default() };
    let counted = adjust(&tea, InventoryAdjustment { quantity: Some(Quantity::whole(20)), reason: Some("Counted".to_owned()), ..at() });
    let reference_of = format!("live-count-{}", clock(odoo).await);
    assert!(matches!(odoo.look_up(&counted, &reference_of).await.unwrap(), Found::NotDone));
    let written = pushed(odoo, &counted, &reference_of).await.unwrap();
    assert_eq!((written.record.on_hand, written.unused_fields.len()), (Quantity::whole(20), 0));
    let Found::Done(same) = odoo.look_up(&counted, &reference_of).await.unwrap() else { panic!("it was counted") };
    assert_eq!(same.record, written.record);

    let broken = adjust(&tea, InventoryAdjustment { delta: Some(Quantity::from_micros(-2_500_000)), reason: Some("Broken".to_owned()), ..at() });
    let reference_of = format!("live-broken-{}", clock(odoo).await);
    assert!(matches!(odoo.look_up(&broken, &reference_of).await.unwrap(), Found::NotDone));
    assert_eq!(pushed(odoo, &broken, &reference_of).await.unwrap().record.on_hand, Quantity::from_micros(17_500_000));
    assert!(matches!(odoo.look_up(&broken, &reference_of).await.unwrap(), Found::Done(_)));
    assert_eq!(count(odoo, "stock.move", json!([["inventory_name", "=", format!("Broken ({reference_of})")], ["state", "=", "done"]])).await, 1);

    let lots = InventoryAdjustment {
        lot_id: Some("MILK-1".to_owned()),
        expires_at: "2027-07-01T00:00:00Z".parse().ok(),
        delta: Some(Quantity::whole(5)),
        ..at()
    };
    let stock = pushed(odoo, &adjust(&milk, lots), &format!("live-lot-{}", clock(odoo).await)).await.unwrap().record;
    assert_eq!(
        (stock.lots[0].lot_id.as_str(), stock.lots[0].on_hand, stock.lots[0].expires_at),
        ("MILK-1", Quantity::whole(5), "2027-07-01T00:00:00Z".parse().ok())
    );

    for (goods, adjustment, path) in [
        (&tea, InventoryAdjustment { delta: Some(Quantity::whole(-18)), ..at() }, "delta"),
        (&tea, InventoryAdjustment { delta: Some(Quantity::ZERO), ..at() }, "delta"),
        (&tea, InventoryAdjustment { quantity: Some(Quantity::whole(-1)), ..at() }, "quantity"),
        (&tea, InventoryAdjustment { quantity: Some(Quantity::whole(1)), delta: Some(Quantity::whole(1)), ..at() }, "delta"),
        (&tea, at(), "quantity"),
        (&tea, InventoryAdjustment { warehouse_id: None, quantity: Some(Quantity::whole(1)), ..at() }, "warehouseId"),
        (
            &tea,
            InventoryAdjustment { location_id: Some(reference("2")), quantity: Some(Quantity::whole(1)), ..InventoryAdjustment::default() },
            "locationId",
        ),
        (&tea, InventoryAdjustment { lot_id: Some("X".to_owned()), quantity: Some(Quantity::whole(1)), ..at() }, "lotId"),
        (&milk, InventoryAdjustment { quantity: Some(Quantity::whole(1)), ..at() }, "lotId"),
        (
            &milk,
            InventoryAdjustment {
                lot_id: Some("MILK-1".to_owned()),
                expires_at: "2029-01-01T00:00:00Z".parse().ok(),
                quantity: Some(Quantity::whole(1)),
                ..at()
            },
            "expiresAt",
        ),
    ] {
        assert_eq!(refused(odoo, &adjust(goods, adjustment)).await.1, path);
    }
    let missing = AdjustInventory {
        id: reference("99999999"),
        adjustment: InventoryAdjustment { quantity: Some(Quantity::whole(1)), ..at() },
        integration_fields: None,
    };
    assert_eq!(refused(odoo, &missing).await.0, Kind::NotFound);
    // A person is counting.
    let quants: Vec<i64> = odoo
        .value(
            "stock.quant",
            "search",
            &json!({ "domain": [["product_id", "=", tea.id.parse::<i64>().unwrap()], ["location_id.usage", "=", "internal"]] }),
        )
        .await
        .unwrap();
    odoo.call("stock.quant", "write", &json!({ "ids": quants, "vals": { "inventory_quantity": 3 }, "context": { "inventory_mode": true } }))
        .await
        .unwrap();
    assert_eq!(refused(odoo, &adjust(&tea, InventoryAdjustment { delta: Some(Quantity::whole(1)), ..at() })).await.0, Kind::Conflict);
    let clerk = super::odoo("clerk");
    let (kind, _, message) = refused(&clerk, &counted).await;
    assert_eq!(kind, Kind::Forbidden, "{message}");
}

#[tokio::test]
async fn live_odoo_a_product_is_made() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let now = clock(odoo).await;
    let whole = |pieces| Some(Quantity::whole(pieces));
    let sizes = MeasurementsInput {
        length: whole(100),
        width: whole(20),
        height: whole(30),
        unit: Some(LengthUnit::Cm),
        weight: whole(500),
        weight_unit: Some(WeightUnit::G),
    };
    let draft = ProductDraft {
        sku: Some(format!("LIVE-{now}")),
        name: "Green tea".to_owned(),
        gtin: Some(format!("99{}", now % 10_000_000_000)),
        unit_price: "7.25".parse().ok(),
        country_of_origin: Some("jp".to_owned()),
        harmonized_code: Some("0902.10".to_owned()),
        measurements: Some(sizes),
        ..ProductDraft::default()
    };
    let make = |product: ProductDraft| CreateProduct { product, integration_fields: None };
    let command = make(draft.clone());
    let reference_of = format!("live-product-{now}");
    assert!(matches!(odoo.look_up(&command, &reference_of).await.unwrap(), Found::NotDone));
    let written = pushed(odoo, &command, &reference_of).await.unwrap();
    assert_eq!(written.unused_fields, Vec::<String>::new());
    let made = written.record;
    assert_eq!((made.sku.clone(), made.gtin.clone(), made.unit_price, made.active), (draft.sku.clone(), draft.gtin.clone(), draft.unit_price, true));
    assert_eq!((made.country_of_origin.as_deref(), made.harmonized_code.as_deref()), (Some("JP"), Some("0902.10")));
    let more = made.source.additional_fields.as_ref().unwrap().to_value();
    assert_eq!((&more["weight"], &more["volume"]), (&json!(0.5), &json!(0.06)));
    let Found::Done(same) = odoo.look_up(&command, &reference_of).await.unwrap() else { panic!("it was made") };
    assert_eq!(same.record, made);
    let item = odoo.inventory_item(made.source.id.parse().unwrap()).await.unwrap().unwrap().unwrap();
    assert_eq!(item.sku, draft.sku, "Odoo keeps stock of it");

    // Odoo would take the SKU a second time; the bar code it refuses itself.
    assert_eq!(refused(odoo, &command).await.1, "sku");
    let (kind, path, message) = refused(odoo, &make(ProductDraft { sku: Some(format!("LIVE-{now}-b")), ..draft.clone() })).await;
    assert_eq!((kind, path.as_str()), (Kind::Conflict, "gtin"));
    assert!(message.starts_with("Barcode(s) already assigned:"), "{message}");
    let kit = vec![ProductComponentDraft { inventory_item_id: None, sku: Some("SKU-00001".to_owned()), quantity: Quantity::whole(2) }];
    let (kind, path, _) = refused(odoo, &make(ProductDraft { components: Some(kit), sku: None, gtin: None, ..draft.clone() })).await;
    assert_eq!((kind, path.as_str()), (Kind::Unsupported, "components"));
    assert_eq!(refused(odoo, &make(ProductDraft { name: " ".to_owned(), sku: None, gtin: None, ..draft.clone() })).await.1, "name");
    assert_eq!(
        refused(odoo, &make(ProductDraft { country_of_origin: Some("XX".to_owned()), sku: None, gtin: None, ..draft })).await.1,
        "countryOfOrigin"
    );
}

#[tokio::test]
async fn live_odoo_any_call_passes_through() {
    let _turn = turn().await;
    let odoo = odoo("integration");
    let odoo = &odoo;
    let call = |path: &str, body: serde_json::Value| Passthrough {
        method: HttpMethod::Post,
        path: path.to_owned(),
        query: Vec::new(),
        body: Some(Json::of(&body)),
    };
    let passed = odoo.pass(&call("/json/2/stock.warehouse/search_read", json!({ "domain": [["id", "=", 1]], "fields": ["name"] }))).await.unwrap();
    assert_eq!((passed.status, passed.body.unwrap().to_value()), (200, json!([{ "id": 1, "name": "Rotterdam DC" }])));
    let passed = odoo.pass(&call("/json/2/stock.warehouse/frobnicate", json!({}))).await.unwrap();
    let body = passed.body.unwrap().to_value();
    assert_eq!((passed.status, &body["name"], body.get("debug")), (404, &json!("werkzeug.exceptions.NotFound"), None));
    for path in ["/json/2/stock.warehouse", "/web/login", "/json/2/../web/x", "/json/2/a/b/c", "/json/2/a/b?c", "json/2/a/b", "//evil/json/2/a/b"] {
        assert_eq!(odoo.pass(&call(path, json!({}))).await.unwrap_err().path, Some(vec!["path".to_owned()]), "{path}");
    }
    let good = call("/json/2/stock.warehouse/search", json!({ "domain": [] }));
    let wrong = Passthrough { method: HttpMethod::Get, ..good.clone() };
    assert_eq!(odoo.pass(&wrong).await.unwrap_err().path, Some(vec!["method".to_owned()]));
    let wrong = Passthrough { query: vec![QueryParameter { name: "limit".to_owned(), value: "1".to_owned() }], ..good };
    assert_eq!(odoo.pass(&wrong).await.unwrap_err().path, Some(["query", "0", "name"].map(str::to_owned).to_vec()));
    assert_eq!(odoo.pass(&call("/json/2/a/b", json!([1]))).await.unwrap_err().path, Some(vec!["body".to_owned()]));
}
