//! Records counted and summed up, by the database: what a dashboard asks for without reading a list.
//!
//! Quantities are summed in millionths, whole units and fractions each for themselves: a sum of the millionths of everything that a
//! large warehouse has does not fit into 64 bits, and a sum of floats depends on the order of its parts.

use std::marker::PhantomData;

use diesel::OptionalExtension as _;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Integer, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::conn::{Conn, Run as _};
use super::error::{During as _, Result};
use super::plan::plan_of;
use super::predicate::{Binds, Column, Op, Predicate, Scalar};
use super::records::Kind;
use super::schema;
use crate::record::{ConnectionId, List, Quantity};

/// A query in SQL of ours, whose rows have the types `S`: text, with conditions in it.
struct Composed<S> {
    parts: Vec<Part>,
    rows: PhantomData<fn() -> S>,
}

enum Part {
    Sql(String),
    Which(Predicate),
    Key(Column),
}

impl<S> Composed<S> {
    fn new() -> Self {
        Self { parts: Vec::new(), rows: PhantomData }
    }

    fn sql(mut self, text: impl Into<String>) -> Self {
        self.parts.push(Part::Sql(text.into()));
        self
    }

    fn which(mut self, which: Predicate) -> Self {
        self.parts.push(Part::Which(which));
        self
    }

    fn key(mut self, column: Column) -> Self {
        self.parts.push(Part::Key(column));
        self
    }

    fn write<'b, DB: Binds>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.parts.iter().try_for_each(|part| match part {
            Part::Sql(text) => {
                out.push_sql(text);
                Ok(())
            }
            Part::Which(which) => which.walk_ast(out.reborrow()),
            Part::Key(column) => column.write_key(out),
        })
    }
}

impl<S> QueryId for Composed<S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S> Query for Composed<S> {
    type SqlType = S;
}

impl<S> diesel::RunQueryDsl<SqliteConnection> for Composed<S> {}

impl<S> QueryFragment<Pg> for Composed<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.write(&mut out)
    }
}

impl<S> QueryFragment<Sqlite> for Composed<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.write(&mut out)
    }
}

/// The status of a record, of a type that has one.
fn counts<K: Kind>(which: Predicate, statuses: &[&str]) -> Composed<(Text, BigInt)> {
    let status = Column::of(schema::orders::status);
    // All of them: so that SQLite looks for nothing but the index that begins with the status, which alone answers what most ask.
    let any = Predicate::OneOf(status, List(statuses.iter().map(|status| (*status).to_owned()).collect()));
    let query = Composed::new().sql(format!("SELECT status, COUNT(*) FROM {} WHERE ", K::TABLE));
    query.which(Predicate::All(vec![any, which])).sql(" GROUP BY status")
}

/// How many records there are of each status, those that none has aside. `statuses` are all that there may be.
///
/// # Errors
/// When the database does not answer.
pub async fn status_counts<K: Kind>(conn: &mut Conn, which: Predicate, statuses: &[&str]) -> Result<Vec<(String, i64)>> {
    counts::<K>(which, statuses).all(conn).await.during("Failed to count records by status")
}

/// How the database would do that: for tests.
///
/// # Errors
/// When the database does not answer.
#[doc(hidden)]
pub async fn status_counts_plan<K: Kind>(conn: &mut Conn, which: Predicate, statuses: &[&str]) -> Result<Vec<String>> {
    plan_of(conn, counts::<K>(which, statuses)).await.during("Failed to ask for a plan")
}

/// Whether more rows of a table than so many meet a condition.
pub(super) async fn exceeds(conn: &mut Conn, table: &str, which: Predicate, count: i64) -> Result<bool> {
    let query = Composed::<Integer>::new().sql(format!("SELECT 1 FROM {table} WHERE ")).which(which).sql(format!(" LIMIT 1 OFFSET {count}"));
    let row: Option<i32> = query.one(conn).await.optional().during("Failed to look how many records meet a condition")?;
    Ok(row.is_some())
}

/// How many rows of a table there are for each connection and value of a column of texts.
pub(super) async fn count_by(conn: &mut Conn, table: &str, column: Column, which: Predicate) -> Result<Vec<((ConnectionId, String), i64)>> {
    let query = Composed::<(BigInt, Text, BigInt)>::new().sql("SELECT connection_id, ").key(column).sql(format!(", COUNT(*) FROM {table} WHERE "));
    let query = query.which(which).sql(" GROUP BY connection_id, ").key(column);
    let rows: Vec<(i64, String, i64)> = query.all(conn).await.during("Failed to count records by what they are linked to")?;
    Ok(rows.into_iter().map(|(connection, key, count)| ((ConnectionId(connection), key), count)).collect())
}

/// Stock, summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stock {
    /// How many inventory items it is the sum of.
    pub items: i64,
    /// Physically present.
    pub on_hand: Quantity,
    /// Present and promised to orders.
    pub committed: Quantity,
    /// Present and free to be promised.
    pub fulfillable: Quantity,
    /// Present, but not to be sold.
    pub unfulfillable: Quantity,
    /// Expected to arrive.
    pub awaiting: Quantity,
    /// Offered to sales channels.
    pub sellable: Quantity,
}

/// The quantities that are summed, by their names in columns and in JSON.
const QUANTITIES: [&str; 6] = ["on_hand", "committed", "fulfillable", "unfulfillable", "awaiting", "sellable"];

/// Whole units and fractions of each of [`QUANTITIES`], after the number of items.
type SumTypes = (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
type Sums = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);

impl From<Sums> for Stock {
    fn from((items, a, b, c, d, e, f, g, h, i, j, k, l): Sums) -> Self {
        let sum = |whole: i64, fraction: i64| {
            let micros = i128::from(whole) * 1_000_000 + i128::from(fraction);
            Quantity::from_micros(i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX }))
        };
        Self {
            items,
            on_hand: sum(a, b),
            committed: sum(c, d),
            fulfillable: sum(e, f),
            unfulfillable: sum(g, h),
            awaiting: sum(i, j),
            sellable: sum(k, l),
        }
    }
}

/// What is selected to sum up these six expressions.
fn sums(millionths: impl Fn(&str) -> String) -> String {
    let both = |name: &&str| {
        let value = millionths(name);
        ["/", "%"].map(|part| format!(", CAST(COALESCE(SUM({value} {part} 1000000), 0) AS BIGINT)")).concat()
    };
    QUANTITIES.iter().map(both).fold("COUNT(*)".to_owned(), |all, one| all + &one)
}

fn columns() -> String {
    sums(str::to_owned)
}

/// The stock of all items that meet a condition.
///
/// # Errors
/// When the database does not answer.
pub async fn stock_total(conn: &mut Conn, which: Predicate) -> Result<Stock> {
    let query = Composed::<SumTypes>::new().sql(format!("SELECT {} FROM inventory_items WHERE ", columns())).which(which);
    let total: Sums = query.one(conn).await.during("Failed to sum up stock")?;
    Ok(total.into())
}

fn by_sku(which: Predicate, after: Option<&str>, limit: i64) -> Composed<(Text, SumTypes)> {
    let beyond = after.map(|sku| Predicate::Is(Column::key(schema::inventory_items::sku), Op::Gt, Scalar::Text(sku.to_owned())));
    Composed::new()
        .sql(format!("SELECT COALESCE(sku, ''), {} FROM inventory_items WHERE ", columns()))
        .which(Predicate::All(beyond.into_iter().chain([which]).collect()))
        .sql(format!(" GROUP BY COALESCE(sku, '') ORDER BY COALESCE(sku, '') LIMIT {limit}"))
}

/// The stock of each SKU after one, in their order; the empty text stands for items without one.
///
/// # Errors
/// When the database does not answer.
pub async fn stock_by_sku(conn: &mut Conn, which: Predicate, after: Option<&str>, limit: i64) -> Result<Vec<(String, Stock)>> {
    let rows: Vec<(String, Sums)> = by_sku(which, after, limit).all(conn).await.during("Failed to sum up stock by SKU")?;
    Ok(rows.into_iter().map(|(sku, sums)| (sku, sums.into())).collect())
}

/// How many SKUs there are.
///
/// # Errors
/// When the database does not answer.
pub async fn sku_count(conn: &mut Conn, which: Predicate) -> Result<i64> {
    let query = Composed::<BigInt>::new().sql("SELECT COUNT(DISTINCT COALESCE(sku, '')) FROM inventory_items WHERE ").which(which);
    query.one(conn).await.during("Failed to count SKUs")
}

/// What items that meet a condition say of warehouses, one row for each, as `stock` with `connection_id` and `warehouse`.
fn by_warehouse<S>(conn: &Conn, select: impl FnOnce(&dyn Fn(&str) -> String) -> String, which: Predicate) -> Composed<S> {
    // PostgreSQL orders texts by the database's language unless it is told not to.
    let (each, warehouse) = match conn {
        Conn::Pg(_) => ("json_array_elements(by_warehouse) AS part(value)", "COALESCE(part.value ->> 'warehouse', '') COLLATE \"C\""),
        Conn::Lite(_) => ("json_each(by_warehouse) AS part", "COALESCE(part.value ->> 'warehouse', '')"),
    };
    let number = match conn {
        Conn::Pg(_) => "numeric",
        Conn::Lite(_) => "REAL",
    };
    let millionths = |name: &str| format!("CAST(ROUND(CAST(stock.{name} AS {number}) * 1000000) AS BIGINT)");
    let quantities = QUANTITIES.map(|name| format!(", part.value ->> '{name}' AS {name}")).concat();
    Composed::new()
        .sql(format!("SELECT {} FROM (SELECT connection_id, {warehouse} AS warehouse{quantities} FROM (SELECT connection_id, by_warehouse FROM inventory_items WHERE ", select(&millionths)))
        .which(which)
        .sql(format!(") AS items CROSS JOIN {each}) AS stock"))
}

/// A warehouse, by its connection and source id; an empty one stands for stock of which no warehouse is known.
pub type Place = (ConnectionId, String);

/// The stock in each warehouse after one, by connection and source id, of the items that meet a condition.
///
/// # Errors
/// When the database does not answer.
pub async fn stock_by_warehouse(conn: &mut Conn, which: Predicate, after: Option<&Place>, limit: i64) -> Result<Vec<(Place, Stock)>> {
    let select = |millionths: &dyn Fn(&str) -> String| format!("connection_id, warehouse, {}", sums(millionths));
    let mut query = by_warehouse::<(BigInt, Text, SumTypes)>(conn, select, which);
    if let Some((connection, warehouse)) = after {
        let at = |op| Predicate::Is(Column::CONNECTION, op, Scalar::Int(connection.0));
        let later = Predicate::Is(Column::STOCK_WAREHOUSE, Op::Gt, Scalar::Text(warehouse.clone()));
        query = query.sql(" WHERE ").which(Predicate::Any(vec![at(Op::Gt), Predicate::All(vec![at(Op::Eq), later])]));
    }
    query = query.sql(format!(" GROUP BY connection_id, warehouse ORDER BY connection_id, warehouse LIMIT {limit}"));
    let rows: Vec<(i64, String, Sums)> = query.all(conn).await.during("Failed to sum up stock by warehouse")?;
    Ok(rows.into_iter().map(|(connection, warehouse, sums)| ((ConnectionId(connection), warehouse), sums.into())).collect())
}

/// How many warehouses there are in it.
///
/// # Errors
/// When the database does not answer.
pub async fn warehouse_count(conn: &mut Conn, which: Predicate) -> Result<i64> {
    let select = |_: &dyn Fn(&str) -> String| "CAST(1 AS BIGINT) AS place".to_owned();
    let query = by_warehouse::<BigInt>(conn, select, which).sql(" GROUP BY connection_id, warehouse");
    // Few: the places of a company.
    let places: Vec<i64> = query.all(conn).await.during("Failed to count warehouses")?;
    Ok(i64::try_from(places.len()).unwrap_or(i64::MAX))
}

/// How the database would sum up stock by SKU: for tests.
///
/// # Errors
/// When the database does not answer.
#[doc(hidden)]
pub async fn stock_by_sku_plan(conn: &mut Conn, which: Predicate) -> Result<Vec<String>> {
    plan_of(conn, by_sku(which, None, 50)).await.during("Failed to ask for a plan")
}
