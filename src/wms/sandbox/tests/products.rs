//! Products and kits that are made and changed.

use serde_json::json;

use super::data::adds_up;
use super::writing::{draft, line, path, reference_to};
use super::*;
use crate::record::draft::{CreateProduct, MaybeUndefined, MeasurementsInput, ProductComponentDraft, ProductDraft, ProductPatch, UpdateProduct};
use crate::record::{InventoryItem, Json, LengthUnit, OrderStatus, Product, Quantity, WeightUnit};
use crate::wms::Kind;

fn value<T>(value: T) -> MaybeUndefined<T> {
    MaybeUndefined::Value(value)
}

fn create(product: ProductDraft, fields: Option<Value>) -> CreateProduct {
    CreateProduct { product, integration_fields: fields.map(|fields| Json::of(&fields)) }
}

fn change(id: &str, product: ProductPatch) -> UpdateProduct {
    UpdateProduct { id: reference_to(id).unwrap(), product, integration_fields: None }
}

fn simple() -> ProductDraft {
    ProductDraft {
        warehouse_customer_id: reference_to("cli_001"),
        sku: Some("NEW-1".to_owned()),
        name: "New tea".to_owned(),
        gtin: Some("4006381333931".to_owned()),
        unit_price: "12".parse().ok(),
        country_of_origin: Some("JP".to_owned()),
        harmonized_code: Some("0902.10".to_owned()),
        measurements: Some(size()),
        components: None,
    }
}

fn size() -> MeasurementsInput {
    let some = |pieces| Some(Quantity::whole(pieces));
    let (unit, weight_unit) = (Some(LengthUnit::In), Some(WeightUnit::Oz));
    MeasurementsInput { length: some(3), width: some(2), height: some(1), unit, weight: some(5), weight_unit }
}

fn part(item: &str, quantity: i64) -> ProductComponentDraft {
    ProductComponentDraft { inventory_item_id: reference_to(item), sku: None, quantity: Quantity::whole(quantity) }
}

async fn item(wms: &Arc<dyn Wms>, id: &str) -> InventoryItem {
    let item = read_all::<InventoryItem>(wms, Scope::default()).await.records.remove(id).unwrap();
    adds_up(&item);
    item
}

#[tokio::test]
async fn a_new_product_has_an_item_and_lives_like_the_others() {
    let (sandbox, wms) = sandbox().await;
    let made = push(&wms, create(simple(), Some(json!({ "storage": "cool", "uom": "kg", "lots": true }))), "a").await.unwrap().record;
    assert_eq!((made.sku.as_deref(), made.name.as_str(), made.is_kit, made.active), (Some("NEW-1"), "New tea", false, true));
    assert_eq!((made.gtin.as_deref(), made.unit_price), (Some("4006381333931"), "12".parse().ok()));
    assert_eq!(made.source.additional_fields.as_ref().unwrap().to_value()["storage"], "cool");
    let [component] = made.components.as_slice() else { panic!("{:?}", made.components) };
    let id = component.inventory_item.as_ref().unwrap().source_id().to_owned();
    let own = item(&wms, &id).await;
    assert_eq!((own.sku.as_deref(), own.on_hand, own.warehouse_customer.as_ref()), (Some("NEW-1"), Quantity::ZERO, made.warehouse_customer.as_ref()));
    let measured = own.measurements.unwrap();
    assert_eq!(
        (measured.length, measured.unit, measured.weight, measured.weight_unit),
        (size().length, size().unit, size().weight, size().weight_unit)
    );

    // Nothing is there, so an order waits; then some comes in, and another is shipped.
    let waiting = push(&wms, draft(vec![line("NEW-1", 1)]), "b").await.unwrap().record;
    assert_eq!(waiting.status, OrderStatus::Backordered);
    let body = json!({ "warehouse_id": "wh_01", "delta": 2.5, "lot": "L-1", "expires_on": "2027-01-01" });
    assert_eq!(ask(&sandbox, "POST", &format!("/v1/inventory/{id}/adjust"), Some(body)).await.status, 200);
    let mut command = draft(vec![line("NEW-1", 1)]);
    command.order.reference_id = None;
    let order = push(&wms, command, "c").await.unwrap().record;
    assert_eq!(order.status, OrderStatus::Open);
    let shipped = ask(&sandbox, "POST", &format!("/v1/orders/{}/ship", order.source.id), None).await;
    assert_eq!(shipped.status, 200);
    let shipped: Value = shipped.json().unwrap();
    assert_eq!(shipped["shipments"][0]["parcels"][0]["contents"][0]["lot"], "L-1");
    let after = item(&wms, &id).await;
    assert_eq!((after.on_hand, after.lots.len()), (Quantity::from_micros(1_500_000), 1));
}

#[tokio::test]
async fn a_kit_is_made_of_items_and_its_components_change() {
    let (_sandbox, wms) = sandbox().await;
    let items = read_all::<InventoryItem>(&wms, Scope::default()).await.records;
    let own: Vec<&str> = items
        .values()
        .filter(|item| item.warehouse_customer.as_ref().unwrap().source_id() == "cli_001")
        .map(|item| item.source.id.as_str())
        .take(3)
        .collect();
    let foreign = items.values().find(|item| item.warehouse_customer.as_ref().unwrap().source_id() != "cli_001").unwrap();
    let kit = |parts| ProductDraft { measurements: None, components: Some(parts), ..simple() };
    let made = push(&wms, create(kit(vec![part(own[0], 2), part(own[1], 1)]), None), "a").await.unwrap().record;
    assert!(made.is_kit && made.components.len() == 2, "{made:?}");
    let id = made.source.id.as_str();
    let after =
        push(&wms, change(id, ProductPatch { components: value(vec![part(own[2], 4)]), ..ProductPatch::default() }), "b").await.unwrap().record;
    let [component] = after.components.as_slice() else { panic!("{:?}", after.components) };
    assert_eq!((component.inventory_item.as_ref().unwrap().source_id(), component.quantity), (own[2], Quantity::whole(4)));
    assert_eq!(component.sku, items[own[2]].sku);
    let cases: Vec<(Vec<ProductComponentDraft>, Vec<&str>)> = vec![
        (Vec::new(), vec!["components"]),
        (vec![part(own[0], 0)], vec!["components", "0", "quantity"]),
        (vec![part("inv_99999", 1)], vec!["components", "0", "inventoryItemId"]),
        (vec![part(own[0], 1), part(own[0], 1)], vec!["components", "1", "inventoryItemId"]),
        (vec![part(&foreign.source.id, 1)], vec!["components", "0", "inventoryItemId"]),
        (vec![ProductComponentDraft { inventory_item_id: None, ..part(own[0], 1) }], vec!["components", "0", "sku"]),
    ];
    for (index, (parts, place)) in cases.into_iter().enumerate() {
        let other = ProductDraft { sku: Some(format!("K-{index}")), gtin: None, ..kit(parts.clone()) };
        for error in [
            push(&wms, create(other, None), "wrong").await.map(drop).unwrap_err(),
            push(&wms, change(id, ProductPatch { components: value(parts), ..ProductPatch::default() }), "wrong").await.map(drop).unwrap_err(),
        ] {
            assert_eq!((error.kind, error.path.clone()), (Kind::Validation, path(&place)), "{error:?}");
        }
    }
    let measured =
        push(&wms, create(ProductDraft { components: Some(vec![part(own[0], 1)]), sku: None, gtin: None, ..simple() }, None), "wrong").await;
    assert_eq!(measured.unwrap_err().path, path(&["measurements"]), "a kit has no size");
    let error = push(&wms, change(id, ProductPatch { measurements: value(size()), ..ProductPatch::default() }), "wrong").await.unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Validation, path(&["measurements"])));
    let error = push(&wms, change(id, ProductPatch { components: MaybeUndefined::Null, ..ProductPatch::default() }), "wrong").await.unwrap_err();
    assert_eq!(error.path, path(&["components"]));
}

#[tokio::test]
async fn codes_belong_to_one_product() {
    let (_sandbox, wms) = sandbox().await;
    let products = read_all::<Product>(&wms, Scope::default()).await.records;
    let taken = products.values().find(|product| product.sku.is_some() && product.gtin.is_some()).unwrap();
    let bare = ProductDraft { sku: None, gtin: None, ..simple() };
    for (product, code, field) in [
        (ProductDraft { sku: taken.sku.clone(), ..bare.clone() }, "duplicate_sku", "sku"),
        (ProductDraft { gtin: taken.gtin.clone(), ..bare.clone() }, "duplicate_barcode", "gtin"),
    ] {
        let error = push(&wms, create(product, None), "wrong").await.unwrap_err();
        assert_eq!((error.kind, error.code.as_deref(), error.path), (Kind::Conflict, Some(code), path(&[field])));
    }
    let made = push(&wms, create(bare.clone(), None), "a").await.unwrap().record;
    assert_eq!((made.sku.as_ref(), made.components[0].sku.as_deref()), (None, Some(made.source.id.as_str())), "its item is called by its identifier");
    let error = push(&wms, change(&made.source.id, ProductPatch { gtin: value(taken.gtin.clone().unwrap()), ..ProductPatch::default() }), "b")
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.code.as_deref(), error.path), (Kind::Conflict, Some("duplicate_barcode"), path(&["gtin"])));

    let cases: Vec<(ProductDraft, Option<Value>, Vec<&str>)> = vec![
        (ProductDraft { warehouse_customer_id: None, ..bare.clone() }, None, vec!["warehouseCustomerId"]),
        (ProductDraft { warehouse_customer_id: reference_to("cli_999"), ..bare.clone() }, None, vec!["warehouseCustomerId"]),
        (ProductDraft { name: " ".to_owned(), ..bare.clone() }, None, vec!["name"]),
        (ProductDraft { gtin: Some("1".to_owned()), ..bare.clone() }, None, vec!["gtin"]),
        (ProductDraft { unit_price: "-1".parse().ok(), ..bare.clone() }, None, vec!["unitPrice"]),
        (ProductDraft { country_of_origin: Some("Japan".to_owned()), ..bare.clone() }, None, vec!["countryOfOrigin"]),
        (ProductDraft { harmonized_code: Some("tea".to_owned()), ..bare.clone() }, None, vec!["harmonizedCode"]),
        (
            ProductDraft { measurements: Some(MeasurementsInput { weight: Some(Quantity::ZERO), ..size() }), ..bare.clone() },
            None,
            vec!["measurements", "weight"],
        ),
        (
            ProductDraft { measurements: Some(MeasurementsInput { height: Some(Quantity::ZERO), ..size() }), ..bare.clone() },
            None,
            vec!["measurements", "height"],
        ),
        (bare.clone(), Some(json!({ "uom": "barrels" })), vec!["integrationFields", "uom"]),
        (bare, Some(json!({ "lots": "yes" })), vec!["integrationFields", "lots"]),
    ];
    for (product, fields, place) in cases {
        let error = push(&wms, create(product, fields), "wrong").await.unwrap_err();
        assert_eq!((error.kind, error.path.clone()), (Kind::Validation, path(&place)), "{error:?}");
    }
}

#[tokio::test]
async fn the_size_of_a_product_is_that_of_its_item() {
    let (_sandbox, wms) = sandbox().await;
    let made = push(&wms, create(simple(), None), "a").await.unwrap().record;
    let id = made.components[0].inventory_item.as_ref().unwrap().source_id().to_owned();
    let lighter = MeasurementsInput { weight: Some(Quantity::whole(4)), weight_unit: Some(WeightUnit::G), ..MeasurementsInput::default() };
    push(&wms, change(&made.source.id, ProductPatch { measurements: value(lighter), ..ProductPatch::default() }), "b").await.unwrap();
    let measured = item(&wms, &id).await.measurements.unwrap();
    assert_eq!((measured.length, measured.weight, measured.weight_unit), (size().length, Some(Quantity::whole(4)), Some(WeightUnit::G)));
    push(&wms, change(&made.source.id, ProductPatch { measurements: MaybeUndefined::Null, ..ProductPatch::default() }), "c").await.unwrap();
    assert_eq!(item(&wms, &id).await.measurements, None);
    let error = push(&wms, change(&made.source.id, ProductPatch { components: value(vec![part(&id, 2)]), ..ProductPatch::default() }), "d")
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Validation, path(&["components"])), "it is no kit");
}
