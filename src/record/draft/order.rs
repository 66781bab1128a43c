//! Orders: made, changed, cancelled, shipped.

use async_graphql::InputObject;
use serde::{Deserialize, Serialize};

use super::{AddressInput, MeasurementsInput, Names, Ref, command, patch};
use crate::record::{
    DutyPayer, Instant, InventoryItem, Json, Money, Order, OrderType, Product, Quantity, ShippingMethod, Warehouse, WarehouseCustomer,
};

/// An order to be made at the WMS.
#[derive(Debug, Clone, Default, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderDraft {
    /// The number to call it by; most WMSs give one themselves when it is left out.
    pub order_number: Option<String>,
    /// The shop's own identifier.
    pub reference_id: Option<String>,
    /// Whose goods are to be shipped, at a WMS that serves several owners.
    pub warehouse_customer_id: Option<Ref<WarehouseCustomer>>,
    /// The warehouse that is to ship it.
    pub warehouse_id: Option<Ref<Warehouse>>,
    /// How it is to be shipped.
    pub shipping_method_id: Option<Ref<ShippingMethod>>,
    /// Who it is for.
    #[graphql(name = "type")]
    #[serde(rename = "type")]
    pub order_type: Option<OrderType>,
    /// Where it goes.
    pub ship_to: Option<AddressInput>,
    /// When it must leave the warehouse.
    pub required_ship_date: Option<Instant>,
    /// ISO 4217 code of the prices.
    pub currency_code: Option<String>,
    /// Whether it may be delivered on a Saturday.
    pub saturday_delivery: Option<bool>,
    /// Whether somebody must sign for it.
    pub signature_required: Option<bool>,
    /// Who pays customs duties.
    pub duty_paid_by: Option<DutyPayer>,
    /// The carrier account of the third party that pays the freight.
    pub third_party_freight_account_number: Option<String>,
    /// Labels to give it.
    pub source_tags: Option<Vec<String>>,
    /// What is ordered: at least one line.
    pub line_items: Vec<OrderLineItemDraft>,
}

/// A line of an order to be made. Name the product by `productId` or by `sku`.
#[derive(Debug, Clone, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLineItemDraft {
    /// What is ordered.
    pub product_id: Option<Ref<Product>>,
    /// Its stock keeping unit.
    pub sku: Option<String>,
    /// How many.
    pub quantity: Quantity,
    /// What one costs.
    pub unit_price: Option<Money>,
    /// What is taken off the whole line, as a positive amount.
    pub discount_amount: Option<Money>,
}

impl OrderLineItemDraft {
    fn name(&self, path: &[&str], index: usize, names: &mut Names) {
        let index = index.to_string();
        names.add(&[path, &[index.as_str(), "productId"]].concat(), self.product_id.as_ref());
    }
}

patch! {
    /// What is to change of an order. Absent: stays as it is. Null: cleared, where the WMS can.
    pub struct OrderPatch {
        /// The shop's own identifier.
        pub reference_id: String,
        /// The warehouse that is to ship it.
        pub warehouse_id: Ref<Warehouse>,
        /// How it is to be shipped.
        pub shipping_method_id: Ref<ShippingMethod>,
        /// Who it is for.
        #[graphql(name = "type")]
        #[serde(rename = "type")]
        pub order_type: OrderType,
        /// Where it goes: the whole address, in place of the one that it has.
        pub ship_to: AddressInput,
        /// When it must leave the warehouse.
        pub required_ship_date: Instant,
        /// Whether it may be delivered on a Saturday.
        pub saturday_delivery: bool,
        /// Whether somebody must sign for it.
        pub signature_required: bool,
        /// Who pays customs duties.
        pub duty_paid_by: DutyPayer,
        /// The carrier account of the third party that pays the freight.
        pub third_party_freight_account_number: String,
        /// All labels that it is to have.
        pub source_tags: Vec<String>,
        /// All lines that it is to have: a product that it has already keeps its line, one that is not named loses it.
        pub line_items: Vec<OrderLineItemDraft>,
    }
}

/// What is shipped of an order at one time.
#[derive(Debug, Clone, Default, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentDraft {
    /// When it left; now when left out.
    pub shipped_at: Option<Instant>,
    /// Where it leaves from; the order's own warehouse when left out.
    pub warehouse_id: Option<Ref<Warehouse>>,
    /// How it is shipped; as the order says when left out.
    pub shipping_method_id: Option<Ref<ShippingMethod>>,
    /// What is shipped; all that is left of the order when left out.
    pub line_items: Option<Vec<ShipmentLineItemDraft>>,
    /// Its parcels or pallets.
    pub packages: Option<Vec<PackageDraft>>,
}

/// What is shipped of one item. Name it by `inventoryItemId`, `productId` or `sku`.
#[derive(Debug, Clone, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentLineItemDraft {
    /// What is taken from stock.
    pub inventory_item_id: Option<Ref<InventoryItem>>,
    /// What was ordered.
    pub product_id: Option<Ref<Product>>,
    /// Its stock keeping unit.
    pub sku: Option<String>,
    /// How many.
    pub quantity: Quantity,
    /// The lot that it is taken from.
    pub lot_id: Option<String>,
}

/// A parcel or pallet that is shipped.
#[derive(Debug, Clone, Default, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageDraft {
    /// What to call it.
    pub name: Option<String>,
    /// The carrier's tracking number.
    pub tracking_number: Option<String>,
    /// Where the carrier shows how far it has come.
    pub tracking_url: Option<String>,
    /// What its carriage costs.
    pub shipping_cost: Option<Money>,
    /// Size and weight.
    pub measurements: Option<MeasurementsInput>,
}

/// Make an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrder {
    /// The order.
    pub order: OrderDraft,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(CreateOrder => Order, field Some("order"), target |_| None, names |command, names| {
    let order = &command.order;
    names.add(&["order", "warehouseCustomerId"], order.warehouse_customer_id.as_ref());
    names.add(&["order", "warehouseId"], order.warehouse_id.as_ref());
    names.add(&["order", "shippingMethodId"], order.shipping_method_id.as_ref());
    for (index, line) in order.line_items.iter().enumerate() {
        line.name(&["order", "lineItems"], index, &mut names);
    }
});

/// Change an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateOrder {
    /// Which one.
    pub id: Ref<Order>,
    /// What is to change.
    pub order: OrderPatch,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(UpdateOrder => Order, field Some("order"), target |command| Some(&command.id), names |command, names| {
    let order = &command.order;
    names.add(&["order", "warehouseId"], order.warehouse_id.value());
    names.add(&["order", "shippingMethodId"], order.shipping_method_id.value());
    for (index, line) in order.line_items.value().into_iter().flatten().enumerate() {
        line.name(&["order", "lineItems"], index, &mut names);
    }
});

/// Cancel an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelOrder {
    /// Which one.
    pub id: Ref<Order>,
    /// Why, for the people at the warehouse.
    pub reason: Option<String>,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(CancelOrder => Order, field None, target |command| Some(&command.id), names |_command, names| {});

/// Ship an order, or a part of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipOrder {
    /// Which one.
    pub id: Ref<Order>,
    /// What is shipped, and how.
    pub shipment: ShipmentDraft,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(ShipOrder => Order, field Some("shipment"), target |command| Some(&command.id), names |command, names| {
    let shipment = &command.shipment;
    names.add(&["shipment", "warehouseId"], shipment.warehouse_id.as_ref());
    names.add(&["shipment", "shippingMethodId"], shipment.shipping_method_id.as_ref());
    for (index, line) in shipment.line_items.iter().flatten().enumerate() {
        let index = index.to_string();
        names.add(&["shipment", "lineItems", &index, "inventoryItemId"], line.inventory_item_id.as_ref());
        names.add(&["shipment", "lineItems", &index, "productId"], line.product_id.as_ref());
    }
});
