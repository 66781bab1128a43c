//! Fields that one type alone has, beside those of its declaration: relations that run the other way.

use async_graphql::connection::EmptyFields;
use async_graphql::{Context, Object, ObjectType};

use super::Synced;
use crate::graphql::errors::Result;
use crate::graphql::many::records_of;
use crate::graphql::pagination::Args;
use crate::graphql::plan::Listed;
use crate::graphql::state;
use crate::record::*;

/// What a type has beside its declared fields. They are flattened into its object.
pub trait Beside {
    /// The fields.
    type Fields<'a>: ObjectType
    where
        Self: 'a;

    /// The fields of this value, which belongs to connection `at`.
    fn beside(&self, at: ConnectionId) -> Self::Fields<'_>;
}

macro_rules! nothing_beside {
    ($($type:ty),+ $(,)?) => {$(
        impl Beside for $type {
            type Fields<'a> = EmptyFields;

            fn beside(&self, _: ConnectionId) -> EmptyFields {
                EmptyFields
            }
        }
    )+};
}
nothing_beside!(Product, InboundShipment, Return, ShippingMethod, WarehouseCustomer, WarehouseLocation);
nothing_beside!(WarehouseQuantity, Lot, LocationQuantity, ProductComponent, InboundLineItem, InboundReceiptLineItem);
nothing_beside!(ShipmentLineItem, PackageLineItem, ReturnLineItem, ReturnShipment, ReturnShipmentLineItem, ReceivingDetail);

/// See [`Beside`].
pub struct OrderBeside<'a> {
    at: ConnectionId,
    order: &'a Order,
}

impl Beside for Order {
    type Fields<'a> = OrderBeside<'a>;

    fn beside(&self, at: ConnectionId) -> OrderBeside<'_> {
        OrderBeside { at, order: self }
    }
}

#[Object]
impl OrderBeside<'_> {
    /// What came back of it, by source id.
    async fn returns(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<Listed<Return>> {
        records_of(ctx, "Order.returns", &Args::forward(first, after), self.at, &self.order.source.id).await
    }
}

/// See [`Beside`].
pub struct OrderLineItemBeside<'a>(&'a OrderLineItem);

impl Beside for OrderLineItem {
    type Fields<'a> = OrderLineItemBeside<'a>;

    fn beside(&self, _: ConnectionId) -> OrderLineItemBeside<'_> {
        OrderLineItemBeside(self)
    }
}

#[Object]
impl OrderLineItemBeside<'_> {
    /// The WMS's own identifier of the product, also while the product has not been synced.
    async fn product_source_id(&self) -> Option<&str> {
        self.0.product.as_ref().map(Link::source_id)
    }
}

/// The identifier of a part under its old name: see [`Beside`].
pub struct IdAsItWas<'a>(&'a str);

macro_rules! id_as_it_was {
    ($($type:ty),+ $(,)?) => {$(
        impl Beside for $type {
            type Fields<'a> = IdAsItWas<'a>;

            fn beside(&self, _: ConnectionId) -> IdAsItWas<'_> {
                IdAsItWas(&self.id)
            }
        }
    )+};
}
id_as_it_was!(Shipment, Package, InboundReceipt);

#[Object]
impl IdAsItWas<'_> {
    /// The same as `sourceId`.
    #[graphql(deprecation = "Two WMSs, and two types of one, may use the same, and caches take id for a key that is unique: use sourceId")]
    async fn id(&self) -> &str {
        self.0
    }
}

/// See [`Beside`].
pub struct WarehouseBeside<'a> {
    at: ConnectionId,
    warehouse: &'a Warehouse,
}

impl Beside for Warehouse {
    type Fields<'a> = WarehouseBeside<'a>;

    fn beside(&self, at: ConnectionId) -> WarehouseBeside<'_> {
        WarehouseBeside { at, warehouse: self }
    }
}

#[Object]
impl WarehouseBeside<'_> {
    /// The bins, shelves and zones in it, by source id.
    async fn locations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<Listed<WarehouseLocation>> {
        records_of(ctx, "Warehouse.locations", &Args::forward(first, after), self.at, &self.warehouse.source.id).await
    }
}

/// See [`Beside`].
pub struct InventoryItemBeside<'a> {
    at: ConnectionId,
    item: &'a InventoryItem,
}

impl Beside for InventoryItem {
    type Fields<'a> = InventoryItemBeside<'a>;

    fn beside(&self, at: ConnectionId) -> InventoryItemBeside<'_> {
        InventoryItemBeside { at, item: self }
    }
}

#[Object]
impl InventoryItemBeside<'_> {
    /// The products that it is a component of, by source id.
    async fn products(&self, ctx: &Context<'_>) -> Result<Vec<Synced<Product>>> {
        let products = state(ctx)?.loaders.products_with(self.at, &self.item.source.id).await?;
        Ok(products.into_iter().map(Synced).collect())
    }
}
