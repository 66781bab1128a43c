//! The nine lists and their singulars: one body, expanded for each type.

use async_graphql::{Context, ID, InputObject, InputType, Object};
use futures_util::future::BoxFuture;

use super::errors::{Fault, Result};
use super::freshness;
use super::objects::Shown;
use super::pagination::{Args, Asks, Question, records};
use super::plan::{Fragments, Given, Listed, One, OnePlan, PagePlan, Root, Selected};
use super::{State, state};
use crate::record::filter::Direction;
use crate::record::*;
use crate::store::Scope;
use crate::store::records::{Needs, filtered};

/// One key of an ordering. Where several are given, the first counts most; what they leave open is decided by
/// connection and `sourceId`.
#[derive(Debug, Clone, Copy, InputObject)]
#[graphql(
    concrete(name = "InventoryItemOrder", params(InventoryItemSort)),
    concrete(name = "InboundShipmentOrder", params(InboundShipmentSort)),
    concrete(name = "OrderOrder", params(OrderSort)),
    concrete(name = "ProductOrder", params(ProductSort)),
    concrete(name = "ReturnOrder", params(ReturnSort)),
    concrete(name = "ShippingMethodOrder", params(ShippingMethodSort)),
    concrete(name = "WarehouseOrder", params(WarehouseSort)),
    concrete(name = "WarehouseCustomerOrder", params(WarehouseCustomerSort)),
    concrete(name = "WarehouseLocationOrder", params(WarehouseLocationSort))
)]
pub struct OrderBy<S: InputType> {
    /// What to order by.
    pub field: S,
    /// Which way.
    #[graphql(default_with = "Direction::Asc")]
    pub direction: Direction,
}

/// The name of the argument that lets a query wait for a WMS.
const MAX_STALENESS: &str = "maxStaleness";

/// The arguments of a list, as they came.
struct Arguments<T: Shown> {
    page: Args,
    filter: Option<T::Filter>,
    order_by: Option<Vec<OrderBy<T::Sort>>>,
    search: Option<String>,
}

impl<T: Shown> Arguments<T> {
    fn of(given: &Given<'_>) -> Option<Self>
    where
        OrderBy<T::Sort>: InputType,
    {
        let page = Args { first: given.get("first")?, after: given.get("after")?, last: given.get("last")?, before: given.get("before")? };
        Some(Self { page, filter: given.get("filter")?, order_by: given.get("orderBy")?, search: given.get("search")? })
    }

    fn question(self, list: &'static str) -> Result<Question<T>> {
        let which = filtered::<T>(self.filter.as_ref(), "filter")?;
        let order = self.order_by.unwrap_or_default().into_iter().map(|key| (key.field, key.direction)).collect();
        Ok(Question { list, args: self.page, which, order, search: self.search })
    }
}

/// A list that is planned to its last field.
struct WholeList<T> {
    list: &'static str,
    plan: PagePlan<T>,
}

impl<T: Shown> Root for WholeList<T>
where
    OrderBy<T::Sort>: InputType,
{
    fn answer<'a>(&'a self, state: &'a State, given: Given<'a>) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let question = Arguments::<T>::of(&given)?.question(self.list).ok()?;
            let rows = records(state, question, self.plan.asks()).await.ok()?;
            self.plan.written(&rows, false, state, None).await.ok()?
        })
    }
}

/// A single record that is.
struct WholeRecord<T>(OnePlan<T>);

impl<T: Shown> Root for WholeRecord<T> {
    fn answer<'a>(&'a self, state: &'a State, given: Given<'a>) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let id = record_id::<T>(&given.get("id")?).ok()?;
            let (at, source_id) = id.as_record(T::DATA_TYPE)?;
            match state.loaders.row::<T>(at, source_id, self.0.needs()).await.ok()? {
                Some(row) => self.0.written(&row, state, None).await.ok()?,
                None => Some("null".to_owned()),
            }
        })
    }
}

/// An id of a record of type `T`.
fn record_id<T: Shown>(id: &ID) -> Result<Id> {
    let parsed: Id = id.parse().map_err(|error: IdError| Fault::argument("id", error.to_string()))?;
    match parsed.as_record(T::DATA_TYPE) {
        Some(_) => Ok(parsed),
        None => Err(Fault::argument("id", format!("{:?} is not the id of a {}", id.as_str(), T::DATA_TYPE.type_name()))),
    }
}

/// The record of type `T` with this id.
async fn one<T: Shown>(ctx: &Context<'_>, id: &ID, max_staleness: Option<i64>) -> Result<Option<One<T>>> {
    let id = record_id::<T>(id)?;
    let Some((at, source_id)) = id.as_record(T::DATA_TYPE) else { return Ok(None) };
    freshness::ensure(ctx, T::DATA_TYPE, &Scope::one(at.0), max_staleness).await?;
    let plan = OnePlan::of(ctx);
    let needs = plan.as_deref().map_or(Needs::Everything, OnePlan::needs);
    Ok(state(ctx)?.loaders.row::<T>(at, source_id, needs).await?.map(|row| One { plan, row }))
}

/// The two fields of a type. For orders it expands to
///
/// ```ignore
/// #[derive(Default)] pub struct Orders;
/// #[Object]
/// impl Orders {
///     /// Orders, of all connections …
///     async fn orders(&self, ctx: &Context<'_>, first, after, last, before, filter: Option<OrderFilter>, order_by, max_staleness) -> Result<Listed<Order>> { … }
///     /// The order with this id; …
///     async fn order(&self, ctx: &Context<'_>, id: ID, max_staleness: Option<i64>) -> Result<Option<One<Order>>> { … }
/// }
/// ```
macro_rules! lists {
    ($($(#[$doc:meta])* $query:ident { $list:ident $name:literal, $single:ident $single_name:literal: $type:ident by $filter:ident, $sort:ident $(, $search:ident in $searched:literal)? })+) => {$(
        #[doc = concat!("The fields `", $name, "` and `", $single_name, "`.")]
        #[derive(Default)]
        pub struct $query;

        #[Object]
        impl $query {
            $(#[$doc])*
            #[graphql(name = $name)]
            #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
            async fn $list(
                &self,
                ctx: &Context<'_>,
                #[graphql(desc = "At most so many, from the beginning: 0 to 250. 50 when neither `first` nor `last` is given.")] first: Option<i32>,
                #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
                #[graphql(desc = "At most so many, from the end: 0 to 250. Not together with `first`.")] last: Option<i32>,
                #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
                #[graphql(desc = "Only these. Without it, all that are not deleted.")] filter: Option<$filter>,
                #[graphql(desc = "In this order: one key or several (at most 5), the first of which counts most.")] order_by: Option<Vec<OrderBy<$sort>>>,
                $(#[graphql(desc = $searched)] $search: Option<String>,)?
                #[graphql(desc = "Read the WMSs first where their records are older than so many seconds (0 to 31622400), and wait for that: see docs/freshness.md. An error, NOT_FRESH, when it cannot be done in time.")] max_staleness: Option<i64>,
            ) -> Result<Listed<$type>> {
                let sought = None::<String>;
                $(let sought = $search.or(sought);)?
                let arguments = Arguments::<$type> { page: Args { first, after, last, before }, filter, order_by, search: sought };
                let question = arguments.question($name)?;
                freshness::ensure(ctx, <$type>::DATA_TYPE, &question.which.scope(), max_staleness).await?;
                let plan = PagePlan::of(ctx);
                let rows = records(state(ctx)?, question, &Asks::of(ctx, plan.as_deref())).await?;
                Ok(Listed { plan, rows, is_one_of_many: false })
            }

            /// The record with this id, also when it was deleted; null when it has not been synced.
            #[graphql(name = $single_name)]
            async fn $single(
                &self,
                ctx: &Context<'_>,
                #[graphql(desc = "The record's global id.")] id: ID,
                #[graphql(desc = "Read the record's WMS first where its records of this type are older than so many seconds (0 to 31622400), and wait for that. An error, NOT_FRESH, when it cannot be done in time.")] max_staleness: Option<i64>,
            ) -> Result<Option<One<$type>>> {
                one::<$type>(ctx, &id, max_staleness).await
            }
        }
    )+

        /// A list, or a single record, as a part of a query that is answered as a whole.
        pub fn root(selected: &Selected<'_>, fragments: &Fragments) -> Option<Box<dyn Root>> {
            if selected.fields.iter().any(|field| field.node.get_argument(MAX_STALENESS).is_some()) {
                return None;
            }
            match selected.name {
                $(
                    $name => Some(Box::new(WholeList::<$type> { list: $name, plan: PagePlan::whole(selected, fragments)? })),
                    $single_name => Some(Box::new(WholeRecord::<$type>(OnePlan::whole(selected, fragments)?))),
                )+
                _ => None,
            }
        }
    };
}

lists! {
    /// Stock of all connected WMSs. Without `orderBy`, by connection and `sourceId`.
    Inventory { inventory "inventory", inventory_item "inventoryItem": InventoryItem by InventoryItemFilter, InventoryItemSort,
        search in "Only those whose SKU or name have these words: each word of the text must begin one of theirs, in any order, whatever the case. See docs/search.md." }
    /// Inbound shipments of all connected WMSs. Without `orderBy`, by connection and `sourceId`.
    InboundShipments { inbound_shipments "inboundShipments", inbound_shipment "inboundShipment": InboundShipment by InboundShipmentFilter, InboundShipmentSort,
        search in "Only those whose purchase order number has these words: each word of the text must begin one of it, in any order, whatever the case. See docs/search.md." }
    /// Orders of all connected WMSs. Without `orderBy`, by connection and `sourceId`.
    Orders { orders "orders", order "order": Order by OrderFilter, OrderSort,
        search in "Only those whose order number, reference id or addressee (name and company) have these words: each word of the text must begin one of theirs, in any order, whatever the case. See docs/search.md." }
    /// Products of all connected WMSs. Without `orderBy`, by connection and `sourceId`.
    Products { products "products", product "product": Product by ProductFilter, ProductSort,
        search in "Only those whose SKU, name or GTIN have these words: each word of the text must begin one of theirs, in any order, whatever the case. See docs/search.md." }
    /// Returns of all connected WMSs. Without `orderBy`, by connection and `sourceId`.
    Returns { returns "returns", one_return "return": Return by ReturnFilter, ReturnSort }
    /// Shipping methods of all connected WMSs. Without `orderBy`, by connection and `sourceId`.
    ShippingMethods { shipping_methods "shippingMethods", shipping_method "shippingMethod": ShippingMethod by ShippingMethodFilter, ShippingMethodSort }
    /// Warehouses of all connected WMSs. Without `orderBy`, by connection and `sourceId`.
    Warehouses { warehouses "warehouses", warehouse "warehouse": Warehouse by WarehouseFilter, WarehouseSort }
    /// Warehouse customers of all connected WMSs. Without `orderBy`, by connection and `sourceId`.
    WarehouseCustomers { warehouse_customers "warehouseCustomers", warehouse_customer "warehouseCustomer": WarehouseCustomer by WarehouseCustomerFilter, WarehouseCustomerSort }
    /// Warehouse locations of all connected WMSs. Without `orderBy`, by connection and `sourceId`.
    WarehouseLocations { warehouse_locations "warehouseLocations", warehouse_location "warehouseLocation": WarehouseLocation by WarehouseLocationFilter, WarehouseLocationSort }
}
