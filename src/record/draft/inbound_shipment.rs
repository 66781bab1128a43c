//! Inbound shipments: announced, changed, received.

use async_graphql::InputObject;
use serde::{Deserialize, Serialize};

use super::{AddressInput, Names, Ref, command, patch};
use crate::record::{InboundShipment, Instant, InventoryItem, Json, Money, Quantity, Warehouse, WarehouseCustomer, WarehouseLocation};

/// An inbound shipment (advance shipping notice, ASN) to be announced to the WMS.
#[derive(Debug, Clone, Default, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundShipmentDraft {
    /// The purchase order that the goods come on; most WMSs give a number themselves when it is left out.
    pub purchase_order_number: Option<String>,
    /// Whose goods are coming, at a WMS that serves several owners.
    pub warehouse_customer_id: Option<Ref<WarehouseCustomer>>,
    /// Where they are to be received.
    pub warehouse_id: Option<Ref<Warehouse>>,
    /// Who sends them, by name.
    pub supplier_name: Option<String>,
    /// When they are expected.
    pub expected_arrival_at: Option<Instant>,
    /// Where they come from.
    pub ship_from: Option<AddressInput>,
    /// The carriers' tracking numbers.
    pub tracking_numbers: Option<Vec<String>>,
    /// What the people at the warehouse should know.
    pub notes: Option<Vec<String>>,
    /// What is coming: at least one line.
    pub line_items: Vec<InboundLineItemDraft>,
}

/// A line of an inbound shipment to be announced. Name the item by `inventoryItemId` or by `sku`.
#[derive(Debug, Clone, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundLineItemDraft {
    /// What is coming.
    pub inventory_item_id: Option<Ref<InventoryItem>>,
    /// Its stock keeping unit.
    pub sku: Option<String>,
    /// How many are expected.
    pub expected_quantity: Quantity,
    /// What one costs.
    pub unit_cost: Option<Money>,
    /// The line's identifier at the supplier or in the shop.
    pub external_id: Option<String>,
}

fn name_lines<'a>(lines: impl IntoIterator<Item = &'a InboundLineItemDraft>, names: &mut Names) {
    for (index, line) in lines.into_iter().enumerate() {
        names.add(&["inboundShipment", "lineItems", &index.to_string(), "inventoryItemId"], line.inventory_item_id.as_ref());
    }
}

patch! {
    /// What is to change of an inbound shipment. Absent: stays as it is. Null: cleared, where the WMS can.
    pub struct InboundShipmentPatch {
        /// The purchase order that the goods come on.
        pub purchase_order_number: String,
        /// Where they are to be received.
        pub warehouse_id: Ref<Warehouse>,
        /// Who sends them, by name.
        pub supplier_name: String,
        /// When they are expected.
        pub expected_arrival_at: Instant,
        /// All of the carriers' tracking numbers.
        pub tracking_numbers: Vec<String>,
        /// All that the people at the warehouse should know.
        pub notes: Vec<String>,
        /// All lines that it is to have: an item that it has already keeps its line, one that is not named loses it.
        pub line_items: Vec<InboundLineItemDraft>,
    }
}

/// What has arrived of an inbound shipment.
#[derive(Debug, Clone, Default, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptDraft {
    /// When it arrived; now when left out.
    pub arrived_at: Option<Instant>,
    /// What arrived; all that is still expected when left out.
    pub line_items: Option<Vec<ReceiptLineItemDraft>>,
    /// Whether nothing more will come, though less came than was expected. The rest stays expected when it is false or left out.
    pub closes: Option<bool>,
}

/// What has arrived of one item. Name it by `inventoryItemId` or by `sku`.
#[derive(Debug, Clone, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptLineItemDraft {
    /// What arrived.
    pub inventory_item_id: Option<Ref<InventoryItem>>,
    /// Its stock keeping unit.
    pub sku: Option<String>,
    /// How many.
    pub quantity: Quantity,
    /// The lot that they are of.
    pub lot_id: Option<String>,
    /// When that lot expires.
    pub expires_at: Option<Instant>,
    /// Where they were put.
    pub location_id: Option<Ref<WarehouseLocation>>,
}

/// Announce an inbound shipment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateInboundShipment {
    /// The inbound shipment.
    pub inbound_shipment: InboundShipmentDraft,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(CreateInboundShipment => InboundShipment, field Some("inboundShipment"), target |_| None, names |command, names| {
    let inbound = &command.inbound_shipment;
    names.add(&["inboundShipment", "warehouseCustomerId"], inbound.warehouse_customer_id.as_ref());
    names.add(&["inboundShipment", "warehouseId"], inbound.warehouse_id.as_ref());
    name_lines(&inbound.line_items, &mut names);
});

/// Change an inbound shipment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateInboundShipment {
    /// Which one.
    pub id: Ref<InboundShipment>,
    /// What is to change.
    pub inbound_shipment: InboundShipmentPatch,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(UpdateInboundShipment => InboundShipment, field Some("inboundShipment"), target |command| Some(&command.id), names |command, names| {
    let inbound = &command.inbound_shipment;
    names.add(&["inboundShipment", "warehouseId"], inbound.warehouse_id.value());
    name_lines(inbound.line_items.value().into_iter().flatten(), &mut names);
});

/// Receive an inbound shipment, or a part of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiveInboundShipment {
    /// Which one.
    pub id: Ref<InboundShipment>,
    /// What has arrived.
    pub receipt: ReceiptDraft,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(ReceiveInboundShipment => InboundShipment, field Some("receipt"), target |command| Some(&command.id), names |command, names| {
    for (index, line) in command.receipt.line_items.iter().flatten().enumerate() {
        let index = index.to_string();
        names.add(&["receipt", "lineItems", &index, "inventoryItemId"], line.inventory_item_id.as_ref());
        names.add(&["receipt", "lineItems", &index, "locationId"], line.location_id.as_ref());
    }
});
