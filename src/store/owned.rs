//! Records that belong to others: the locations of a warehouse, the returns of an order.
//!
//! The owners that a page shows are many, and each has a list of its own, of which one page is wanted. So the first few records of
//! every owner are read with one statement, and counted with another.

use super::columns::Needs;
use super::conn::Conn;
use super::error::{During as _, Result};
use super::predicate::{Column, Keys, Op, Ordering, Predicate, Scalar};
use super::records::{Kind, Row};
use super::schema;
use super::totals::count_by;
use crate::record::filter::Direction;
use crate::record::{self, ConnectionId};

/// A record that is linked to one of another type, whose it is.
pub trait Owned: Kind {
    /// What links it to its owner.
    fn owner_column() -> Column;
}

impl Owned for record::Return {
    fn owner_column() -> Column {
        Column::key(schema::returns::order)
    }
}

impl Owned for record::WarehouseLocation {
    fn owner_column() -> Column {
        Column::key(schema::warehouse_locations::warehouse)
    }
}

/// A side of a place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// After it.
    Beyond,
    /// Before it, itself included.
    Behind,
}

/// The first records of each of these owners, by connection and source id: at most `limit` of each, deleted ones aside, on this
/// side of a source id. Each with its owner's source id.
///
/// # Errors
/// When the database does not answer.
pub async fn record_firsts<K: Owned>(
    conn: &mut Conn,
    owners: &[(ConnectionId, &str)],
    bound: Option<(Side, &str)>,
    limit: i64,
    needs: &Needs,
) -> Result<Vec<(String, Row<K>)>> {
    let bound = bound.map(|(side, id)| {
        let op = if side == Side::Beyond { Op::Gt } else { Op::Le };
        Predicate::Is(Column::SOURCE_ID, op, Scalar::Text(id.to_owned()))
    });
    let which = Predicate::All([Predicate::IsNull(Column::DELETED_AT)].into_iter().chain(bound).collect());
    let (owner, limit_each) = (K::owner_column(), Scalar::Int(limit));
    let firsts = Predicate::Firsts { table: K::TABLE, owner, owners: Keys::of(owners), which: Box::new(which), limit: limit_each };
    let ordering = Ordering(vec![(Column::CONNECTION, Direction::Asc), (Column::SOURCE_ID, Direction::Asc)]);
    let all = limit.saturating_mul(i64::try_from(owners.len()).unwrap_or(i64::MAX));
    let needs = needs.clone().and(owner.name());
    let rows = K::select(conn, firsts, ordering, Some(all), &needs).await.during("Failed to read the records of others")?;
    Ok(rows.into_iter().filter_map(|row| Some((row.at(owner).text().ok()?.to_owned(), row))).collect())
}

/// How many records each of these owners has, deleted ones aside; those that have none are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn record_count_of<K: Owned>(conn: &mut Conn, owners: &[(ConnectionId, &str)]) -> Result<Vec<((ConnectionId, String), i64)>> {
    let owned = Predicate::each_connection(owners.iter().copied(), |ids| Predicate::OneOf(K::owner_column(), ids));
    count_by(conn, K::TABLE, K::owner_column(), Predicate::All(vec![Predicate::IsNull(Column::DELETED_AT), owned])).await
}
