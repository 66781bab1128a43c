//! Inventory: adjusted.

use async_graphql::InputObject;
use serde::{Deserialize, Serialize};

use super::{Ref, command};
use crate::record::{Instant, InventoryItem, Json, Quantity, Warehouse, WarehouseLocation};

/// How the stock of an item is to be adjusted, at one place. Give `delta` or `quantity`, not both.
#[derive(Debug, Clone, Default, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryAdjustment {
    /// The warehouse; may be left out where the location names it or there is only one.
    pub warehouse_id: Option<Ref<Warehouse>>,
    /// The bin, shelf or zone; the warehouse's usual one when left out, where the WMS has such a thing.
    pub location_id: Option<Ref<WarehouseLocation>>,
    /// The lot, where lots are kept.
    pub lot_id: Option<String>,
    /// When that lot expires.
    pub expires_at: Option<Instant>,
    /// How many more there are than the WMS believes; fewer where it is negative.
    pub delta: Option<Quantity>,
    /// How many were counted.
    pub quantity: Option<Quantity>,
    /// Why: damaged, found, counted.
    pub reason: Option<String>,
}

/// Adjust the stock of an item.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdjustInventory {
    /// Which item.
    pub id: Ref<InventoryItem>,
    /// What is to change.
    pub adjustment: InventoryAdjustment,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(AdjustInventory => InventoryItem, field Some("adjustment"), target |command| Some(&command.id), names |command, names| {
    names.add(&["adjustment", "warehouseId"], command.adjustment.warehouse_id.as_ref());
    names.add(&["adjustment", "locationId"], command.adjustment.location_id.as_ref());
});
