//! Counts and sums: what a dashboard shows, without the records themselves.
//!
//! They take the filters and the search of the list that they count, and are read by the database in a few statements, each only
//! when it is selected. All of them together are from one moment only as far as nothing is synced meanwhile.

use std::str::FromStr;

use async_graphql::{ComplexObject, Context, Object, SimpleObject};

use super::errors::Result;
use super::freshness;
use super::objects::{Shown, Synced};
use super::pagination::{self, Args, AsyncCount, Keyed, Page, Stretch};
use super::state;
use crate::record::*;
use crate::store::records::filtered;
use crate::store::search::search_which;
use crate::store::totals::{self, Stock, sku_count, status_counts, stock_by_sku, stock_by_warehouse, stock_total, warehouse_count};
use crate::store::{self, Conn, Predicate, Scalar};

/// What is counted: the records of a filter and a search, and up to when they are known to be complete.
struct Counted {
    which: Predicate,
    fresh_as_of: Option<Instant>,
}

impl Counted {
    async fn of<T: Shown>(ctx: &Context<'_>, filter: Option<&T::Filter>, search: Option<&str>, max_staleness: Option<i64>) -> Result<Self> {
        let which = filtered::<T>(filter, "filter")?;
        let scope = which.scope();
        freshness::ensure(ctx, T::DATA_TYPE, &scope, max_staleness).await?;
        let mut conn = state(ctx)?.store.read().await?;
        let fresh_as_of = freshness::fresh_as_of(&mut conn, T::DATA_TYPE, &scope).await?;
        let which = match search {
            Some(text) => Predicate::All(vec![which, search_which::<T>(&mut conn, text, "search").await?.counted]),
            None => which,
        };
        Ok(Self { which, fresh_as_of })
    }
}

/// Counts by status. For orders it expands to
///
/// ```ignore
/// /// Orders, counted.
/// #[derive(SimpleObject)] pub struct OrderCounts { total_count: i64, by_status: Vec<OrderStatusCount>, fresh_as_of: Option<Instant> }
/// /// How many orders have a status.
/// #[derive(SimpleObject)] pub struct OrderStatusCount { status: OrderStatus, count: i64 }
/// ```
macro_rules! counts {
    ($($counts:ident, $count:ident of $what:literal: $type:ident with $status:ident)+) => {$(
        #[doc = concat!($what, ", counted.")]
        #[derive(SimpleObject)]
        pub struct $counts {
            /// How many there are.
            total_count: i64,
            /// How many there are of each status: of every one that there is, also where none has it.
            by_status: Vec<$count>,
            /// Up to when the count is known to be complete, as `freshAsOf` of the list.
            fresh_as_of: Option<Instant>,
        }

        #[doc = concat!($what, " of one status, counted.")]
        #[derive(SimpleObject)]
        pub struct $count {
            /// The status.
            status: $status,
            /// How many have it.
            count: i64,
        }

        impl $counts {
            async fn of(ctx: &Context<'_>, counted: Counted) -> Result<Self> {
                let found = counted_by_status::<$type, $status>(ctx, counted.which, $status::ALL, $status::as_str).await?;
                let by_status = found.into_iter().map(|(status, count)| $count { status, count }).collect::<Vec<_>>();
                Ok(Self { total_count: by_status.iter().map(|one| one.count).sum(), by_status, fresh_as_of: counted.fresh_as_of })
            }
        }
    )+};
}
counts! {
    OrderCounts, OrderStatusCount of "Orders": Order with OrderStatus
    InboundShipmentCounts, InboundStatusCount of "Inbound shipments": InboundShipment with InboundStatus
    ReturnCounts, ReturnStatusCount of "Returns": Return with ReturnStatus
}

async fn counted_by_status<T: Shown, S: FromStr + Copy + PartialEq>(
    ctx: &Context<'_>,
    which: Predicate,
    all: &'static [S],
    name: fn(S) -> &'static str,
) -> Result<Vec<(S, i64)>> {
    let names: Vec<&str> = all.iter().map(|status| name(*status)).collect();
    let found = status_counts::<T>(&mut state(ctx)?.store.read().await?, which, &names).await?;
    let count = |status: &S| found.iter().filter(|(found, _)| found == name(*status)).map(|(_, count)| count).sum();
    Ok(all.iter().map(|status| (*status, count(status))).collect())
}

/// Quantities of stock, summed up.
#[derive(SimpleObject)]
pub struct Quantities {
    /// How many inventory items they are the sum of.
    item_count: i64,
    /// Physically present: committed + fulfillable + unfulfillable.
    on_hand: Quantity,
    /// Present and promised to orders.
    committed: Quantity,
    /// Present and free to be promised.
    fulfillable: Quantity,
    /// Present, but damaged, expired, in quarantine or otherwise not to be sold.
    unfulfillable: Quantity,
    /// Expected to arrive on inbound shipments.
    awaiting: Quantity,
    /// Offered to sales channels.
    sellable: Quantity,
}

impl From<Stock> for Quantities {
    fn from(stock: Stock) -> Self {
        let Stock { items, on_hand, committed, fulfillable, unfulfillable, awaiting, sellable } = stock;
        Self { item_count: items, on_hand, committed, fulfillable, unfulfillable, awaiting, sellable }
    }
}

/// The stock of one SKU, over all items that have it.
#[derive(SimpleObject)]
pub struct SkuInventoryTotals {
    /// The stock keeping unit; null for the items that have none.
    sku: Option<String>,
    #[graphql(flatten)]
    quantities: Quantities,
}

/// The stock in one warehouse, over all items that it keeps.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct WarehouseInventoryTotals {
    #[graphql(skip)]
    place: totals::Place,
    #[graphql(flatten)]
    quantities: Quantities,
}

#[ComplexObject]
impl WarehouseInventoryTotals {
    /// The warehouse; null while it has not been synced, and for stock of which the WMS does not say where it is.
    async fn warehouse(&self, ctx: &Context<'_>) -> Result<Option<Synced<Warehouse>>> {
        let (at, source_id) = &self.place;
        Ok(state(ctx)?.loaders.record::<Warehouse>(*at, source_id).await?.map(Synced))
    }
}

#[derive(Clone)]
struct BySku(Predicate);

impl AsyncCount for BySku {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        sku_count(conn, self.0).await
    }
}

impl Keyed for BySku {
    type Row = (String, Stock);

    fn like(&self) -> Vec<Scalar> {
        vec![Scalar::Text(String::new())]
    }

    async fn rows(&self, conn: &mut Conn, of: Stretch<&[Scalar]>, limit: i64) -> store::Result<Vec<Self::Row>> {
        let after = of.beyond.and_then(|values| if let [Scalar::Text(sku)] = values { Some(sku.as_str()) } else { None });
        stock_by_sku(conn, self.0.clone(), after, limit).await
    }

    fn key(row: &Self::Row) -> Vec<Scalar> {
        vec![Scalar::Text(row.0.clone())]
    }
}

#[derive(Clone)]
struct ByWarehouse(Predicate);

impl AsyncCount for ByWarehouse {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        warehouse_count(conn, self.0).await
    }
}

impl Keyed for ByWarehouse {
    type Row = (totals::Place, Stock);

    fn like(&self) -> Vec<Scalar> {
        vec![Scalar::Int(0), Scalar::Text(String::new())]
    }

    async fn rows(&self, conn: &mut Conn, of: Stretch<&[Scalar]>, limit: i64) -> store::Result<Vec<Self::Row>> {
        let after = of.beyond.and_then(|values| match values {
            [Scalar::Int(connection), Scalar::Text(warehouse)] => Some((ConnectionId(*connection), warehouse.clone())),
            _ => None,
        });
        stock_by_warehouse(conn, self.0.clone(), after.as_ref(), limit).await
    }

    fn key(row: &Self::Row) -> Vec<Scalar> {
        let (connection, warehouse) = &row.0;
        vec![Scalar::Int(connection.0), Scalar::Text(warehouse.clone())]
    }
}

/// Stock, summed up.
pub struct InventoryTotals(Counted);

/// Stock, summed up over the inventory items of a filter.
#[Object]
impl InventoryTotals {
    /// Of all items together.
    async fn total(&self, ctx: &Context<'_>) -> Result<Quantities> {
        Ok(stock_total(&mut state(ctx)?.store.read().await?, self.0.which.clone()).await?.into())
    }

    /// By SKU, in the order of the alphabet: items of several connected WMSs, and of several owners, that have the same are summed
    /// up. Filter by `connectionId` or `warehouseCustomerId` to keep them apart.
    async fn by_sku(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<Page<SkuInventoryTotals>> {
        let shown = |(sku, stock): (String, Stock)| SkuInventoryTotals { sku: Some(sku).filter(|sku| !sku.is_empty()), quantities: stock.into() };
        pagination::keyed(ctx, "InventoryTotals.bySku", &Args::forward(first, after), BySku(self.0.which.clone()), shown).await
    }

    /// By warehouse, as the items' `byWarehouse` says, by connection and `sourceId`. With a filter by `warehouseId`, items that it
    /// keeps count in all warehouses that keep them too.
    async fn by_warehouse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<Page<WarehouseInventoryTotals>> {
        let shown = |(place, stock): (totals::Place, Stock)| WarehouseInventoryTotals { place, quantities: stock.into() };
        pagination::keyed(ctx, "InventoryTotals.byWarehouse", &Args::forward(first, after), ByWarehouse(self.0.which.clone()), shown).await
    }

    /// Up to when the sums are known to be complete, as `freshAsOf` of the list.
    async fn fresh_as_of(&self) -> Option<Instant> {
        self.0.fresh_as_of
    }
}

/// See `Query`.
#[derive(Default)]
pub struct Totals;

#[Object]
impl Totals {
    /// Orders, counted by status.
    async fn order_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these. Without it, all that are not deleted.")] filter: Option<OrderFilter>,
        #[graphql(desc = "Only those that `orders` finds by this.")] search: Option<String>,
        #[graphql(desc = "Read the WMSs first where their orders are older than so many seconds, as in `orders`.")] max_staleness: Option<i64>,
    ) -> Result<OrderCounts> {
        OrderCounts::of(ctx, Counted::of::<Order>(ctx, filter.as_ref(), search.as_deref(), max_staleness).await?).await
    }

    /// Inbound shipments, counted by status.
    async fn inbound_shipment_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these. Without it, all that are not deleted.")] filter: Option<InboundShipmentFilter>,
        #[graphql(desc = "Only those that `inboundShipments` finds by this.")] search: Option<String>,
        #[graphql(desc = "Read the WMSs first where their inbound shipments are older than so many seconds, as in `inboundShipments`.")]
        max_staleness: Option<i64>,
    ) -> Result<InboundShipmentCounts> {
        InboundShipmentCounts::of(ctx, Counted::of::<InboundShipment>(ctx, filter.as_ref(), search.as_deref(), max_staleness).await?).await
    }

    /// Returns, counted by status.
    async fn return_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these. Without it, all that are not deleted.")] filter: Option<ReturnFilter>,
        #[graphql(desc = "Read the WMSs first where their returns are older than so many seconds, as in `returns`.")] max_staleness: Option<i64>,
    ) -> Result<ReturnCounts> {
        ReturnCounts::of(ctx, Counted::of::<Return>(ctx, filter.as_ref(), None, max_staleness).await?).await
    }

    /// Stock, summed up: of all inventory items together, by SKU and by warehouse.
    async fn inventory_totals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these inventory items. Without it, all that are not deleted.")] filter: Option<InventoryItemFilter>,
        #[graphql(desc = "Only those that `inventory` finds by this.")] search: Option<String>,
        #[graphql(desc = "Read the WMSs first where their inventory is older than so many seconds, as in `inventory`.")] max_staleness: Option<i64>,
    ) -> Result<InventoryTotals> {
        Ok(InventoryTotals(Counted::of::<InventoryItem>(ctx, filter.as_ref(), search.as_deref(), max_staleness).await?))
    }
}
