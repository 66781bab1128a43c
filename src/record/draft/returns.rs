//! Returns: announced, changed, cancelled.

use async_graphql::InputObject;
use serde::{Deserialize, Serialize};

use super::{Names, Ref, command, patch};
use crate::record::{InventoryItem, Json, Order, Quantity, Return, Warehouse, WarehouseCustomer};

/// A return (return merchandise authorisation, RMA) to be announced to the WMS.
#[derive(Debug, Clone, Default, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnDraft {
    /// The order that the goods were shipped on.
    pub order_id: Option<Ref<Order>>,
    /// Whose goods they are, at a WMS that serves several owners.
    pub warehouse_customer_id: Option<Ref<WarehouseCustomer>>,
    /// Where they are to be received.
    pub warehouse_id: Option<Ref<Warehouse>>,
    /// The carriers' tracking numbers.
    pub tracking_numbers: Option<Vec<String>>,
    /// What the people at the warehouse should know.
    pub notes: Option<Vec<String>>,
    /// What comes back; everything that the order has shipped when left out, where the WMS can.
    pub line_items: Option<Vec<ReturnLineItemDraft>>,
}

/// A line of a return to be announced. Name the item by `inventoryItemId` or by `sku`.
#[derive(Debug, Clone, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnLineItemDraft {
    /// What comes back.
    pub inventory_item_id: Option<Ref<InventoryItem>>,
    /// Its stock keeping unit.
    pub sku: Option<String>,
    /// How many are expected.
    pub expected_quantity: Quantity,
    /// Why it comes back.
    pub reason: Option<String>,
}

fn name_lines<'a>(lines: impl IntoIterator<Item = &'a ReturnLineItemDraft>, names: &mut Names) {
    for (index, line) in lines.into_iter().enumerate() {
        names.add(&["return", "lineItems", &index.to_string(), "inventoryItemId"], line.inventory_item_id.as_ref());
    }
}

patch! {
    /// What is to change of a return. Absent: stays as it is. Null: cleared, where the WMS can.
    pub struct ReturnPatch {
        /// Where the goods are to be received.
        pub warehouse_id: Ref<Warehouse>,
        /// All of the carriers' tracking numbers.
        pub tracking_numbers: Vec<String>,
        /// All that the people at the warehouse should know.
        pub notes: Vec<String>,
        /// All lines that it is to have: an item that it has already keeps its line, one that is not named loses it.
        pub line_items: Vec<ReturnLineItemDraft>,
    }
}

/// Announce a return.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateReturn {
    /// The return.
    #[serde(rename = "return")]
    pub returned: ReturnDraft,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(CreateReturn => Return, field Some("return"), target |_| None, names |command, names| {
    let returned = &command.returned;
    names.add(&["return", "orderId"], returned.order_id.as_ref());
    names.add(&["return", "warehouseCustomerId"], returned.warehouse_customer_id.as_ref());
    names.add(&["return", "warehouseId"], returned.warehouse_id.as_ref());
    name_lines(returned.line_items.iter().flatten(), &mut names);
});

/// Change a return.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateReturn {
    /// Which one.
    pub id: Ref<Return>,
    /// What is to change.
    #[serde(rename = "return")]
    pub returned: ReturnPatch,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(UpdateReturn => Return, field Some("return"), target |command| Some(&command.id), names |command, names| {
    let returned = &command.returned;
    names.add(&["return", "warehouseId"], returned.warehouse_id.value());
    name_lines(returned.line_items.value().into_iter().flatten(), &mut names);
});

/// Cancel a return.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelReturn {
    /// Which one.
    pub id: Ref<Return>,
    /// Why, for the people at the warehouse.
    pub reason: Option<String>,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(CancelReturn => Return, field None, target |command| Some(&command.id), names |_command, names| {});
