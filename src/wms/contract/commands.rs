//! One command of each kind that every adapter takes: what it names might be there, and what it gives is well formed.

use crate::record::draft::{
    AddressInput, AdjustInventory, CancelOrder, CancelReturn, CreateInboundShipment, CreateOrder, CreateProduct, CreateReturn, HttpMethod,
    InboundLineItemDraft, InboundShipmentDraft, InboundShipmentPatch, InventoryAdjustment, MaybeUndefined, OrderDraft, OrderLineItemDraft,
    OrderPatch, Passthrough, ProductDraft, ProductPatch, ReceiptDraft, ReceiptLineItemDraft, ReceiveInboundShipment, Ref, ReturnDraft,
    ReturnLineItemDraft, ReturnPatch, ShipOrder, ShipmentDraft, ShipmentLineItemDraft, UpdateInboundShipment, UpdateOrder, UpdateProduct,
    UpdateReturn,
};
use crate::record::{ConnectionId, Id, Quantity, Record, Warehouse};
use crate::wms::AnyCommand;

/// A number is an identifier everywhere.
fn one<T: Record>() -> Ref<T> {
    Ref::of(&Id::record::<T>(ConnectionId(1), "1")).unwrap()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A command of each kind.
pub(super) fn all() -> Vec<AnyCommand> {
    let quantity = Quantity::whole(1);
    let sku = text("SKU-1");
    let ship_to = AddressInput { full_name: text("A"), address1: text("B"), city: text("C"), country: text("DE"), ..AddressInput::default() };
    let line = OrderLineItemDraft { product_id: None, sku: sku.clone(), quantity, unit_price: None, discount_amount: None };
    let order = OrderDraft { reference_id: text("shop-1"), ship_to: Some(ship_to), line_items: vec![line], ..OrderDraft::default() };
    let shipped = ShipmentLineItemDraft { inventory_item_id: None, product_id: None, sku: sku.clone(), quantity, lot_id: None };
    let shipment = ShipmentDraft { line_items: Some(vec![shipped]), ..ShipmentDraft::default() };
    let coming = InboundLineItemDraft { inventory_item_id: None, sku: sku.clone(), expected_quantity: quantity, unit_cost: None, external_id: None };
    let inbound = InboundShipmentDraft {
        purchase_order_number: text("PO-1"),
        warehouse_id: Some(one::<Warehouse>()),
        line_items: vec![coming],
        ..InboundShipmentDraft::default()
    };
    let came = ReceiptLineItemDraft { inventory_item_id: None, sku: sku.clone(), quantity, lot_id: None, expires_at: None, location_id: None };
    let receipt = ReceiptDraft { line_items: Some(vec![came]), ..ReceiptDraft::default() };
    let back = ReturnLineItemDraft { inventory_item_id: None, sku: sku.clone(), expected_quantity: quantity, reason: None };
    let returned = ReturnDraft { order_id: Some(one()), line_items: Some(vec![back]), ..ReturnDraft::default() };
    let adjustment = InventoryAdjustment { warehouse_id: Some(one::<Warehouse>()), quantity: Some(quantity), ..InventoryAdjustment::default() };
    let noted = || MaybeUndefined::Value(vec!["Fragile".to_owned()]);
    vec![
        CreateOrder { order, integration_fields: None }.into(),
        UpdateOrder {
            id: one(),
            order: OrderPatch { reference_id: MaybeUndefined::Value("shop-2".to_owned()), ..OrderPatch::default() },
            integration_fields: None,
        }
        .into(),
        CancelOrder { id: one(), reason: None, integration_fields: None }.into(),
        ShipOrder { id: one(), shipment, integration_fields: None }.into(),
        CreateInboundShipment { inbound_shipment: inbound, integration_fields: None }.into(),
        UpdateInboundShipment {
            id: one(),
            inbound_shipment: InboundShipmentPatch { notes: noted(), ..InboundShipmentPatch::default() },
            integration_fields: None,
        }
        .into(),
        ReceiveInboundShipment { id: one(), receipt, integration_fields: None }.into(),
        CreateReturn { returned, integration_fields: None }.into(),
        UpdateReturn { id: one(), returned: ReturnPatch { notes: noted(), ..ReturnPatch::default() }, integration_fields: None }.into(),
        CancelReturn { id: one(), reason: None, integration_fields: None }.into(),
        CreateProduct { product: ProductDraft { sku, name: "Tea".to_owned(), ..ProductDraft::default() }, integration_fields: None }.into(),
        UpdateProduct {
            id: one(),
            product: ProductPatch { name: MaybeUndefined::Value("Tea".to_owned()), ..ProductPatch::default() },
            integration_fields: None,
        }
        .into(),
        AdjustInventory { id: one(), adjustment, integration_fields: None }.into(),
    ]
}

/// A call of the WMS's own API, at an address that this integration takes.
pub(super) fn call(integration: &str) -> Passthrough {
    let (method, path) = if integration == "odoo" { (HttpMethod::Post, "/json/2/res.partner/search") } else { (HttpMethod::Get, "/v1/orders") };
    Passthrough { method, path: path.to_owned(), query: Vec::new(), body: None }
}
