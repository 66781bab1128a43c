//! Products and kits: made, changed.

use async_graphql::InputObject;
use serde::{Deserialize, Serialize};

use super::{MeasurementsInput, Names, Ref, command, patch};
use crate::record::{InventoryItem, Json, Money, Product, Quantity, WarehouseCustomer};

/// A product or kit to be made at the WMS.
#[derive(Debug, Clone, Default, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductDraft {
    /// Whose product it is, at a WMS that serves several owners.
    pub warehouse_customer_id: Option<Ref<WarehouseCustomer>>,
    /// Stock keeping unit.
    pub sku: Option<String>,
    /// What it is called.
    pub name: String,
    /// Global Trade Item Number: the UPC or EAN of its bar code.
    pub gtin: Option<String>,
    /// What one unit sells for.
    pub unit_price: Option<Money>,
    /// ISO 3166-1 alpha-2 code of the country it was made in.
    pub country_of_origin: Option<String>,
    /// Harmonized System code for customs.
    pub harmonized_code: Option<String>,
    /// Size and weight of one unit.
    pub measurements: Option<MeasurementsInput>,
    /// What a kit is put together from when it is shipped; left out for a simple product.
    pub components: Option<Vec<ProductComponentDraft>>,
}

/// What a kit is made of. Name the item by `inventoryItemId` or by `sku`.
#[derive(Debug, Clone, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductComponentDraft {
    /// The item that is taken from stock.
    pub inventory_item_id: Option<Ref<InventoryItem>>,
    /// Its stock keeping unit.
    pub sku: Option<String>,
    /// How many of it one kit takes.
    pub quantity: Quantity,
}

fn name_components<'a>(components: impl IntoIterator<Item = &'a ProductComponentDraft>, names: &mut Names) {
    for (index, component) in components.into_iter().enumerate() {
        names.add(&["product", "components", &index.to_string(), "inventoryItemId"], component.inventory_item_id.as_ref());
    }
}

patch! {
    /// What is to change of a product. Absent: stays as it is. Null: cleared, where the WMS can.
    pub struct ProductPatch {
        /// Stock keeping unit.
        pub sku: String,
        /// What it is called.
        pub name: String,
        /// Global Trade Item Number: the UPC or EAN of its bar code.
        pub gtin: String,
        /// What one unit sells for.
        pub unit_price: Money,
        /// False archives it.
        pub active: bool,
        /// ISO 3166-1 alpha-2 code of the country it was made in.
        pub country_of_origin: String,
        /// Harmonized System code for customs.
        pub harmonized_code: String,
        /// Size and weight of one unit.
        pub measurements: MeasurementsInput,
        /// All that the kit is put together from.
        pub components: Vec<ProductComponentDraft>,
    }
}

/// Make a product or kit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateProduct {
    /// The product.
    pub product: ProductDraft,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(CreateProduct => Product, field Some("product"), target |_| None, names |command, names| {
    names.add(&["product", "warehouseCustomerId"], command.product.warehouse_customer_id.as_ref());
    name_components(command.product.components.iter().flatten(), &mut names);
});

/// Change a product or kit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateProduct {
    /// Which one.
    pub id: Ref<Product>,
    /// What is to change.
    pub product: ProductPatch,
    /// Fields that only this WMS knows.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub integration_fields: Option<Json>,
}
command!(UpdateProduct => Product, field Some("product"), target |command| Some(&command.id), names |command, names| {
    name_components(command.product.components.value().into_iter().flatten(), &mut names);
});
