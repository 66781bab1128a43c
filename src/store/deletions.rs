//! Deletions: records that a complete listing did not show.
//!
//! **Invariant.** Nothing is deleted without evidence, and nothing is ever removed: a record that is gone keeps its row, with
//! the moment at which that was found.

use std::collections::HashMap;

use super::changes::{Entry, Kind as Change};
use super::conn::{Conn, Tx};
use super::error::{During as _, Result};
use super::predicate::{Column, Op, Predicate, Scalar};
use super::records::{Kind, Needs, record_many};
use crate::record::{ConnectionId, Instant};

/// Records that are read at once, to see whose they were.
const AT_ONCE: usize = 1000;

/// What a complete listing says of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Records that are stored and not deleted.
    pub stored: i64,
    /// Those of them that the listing did not show.
    pub missing: i64,
}

/// Records of a connection that no page of a run showed. What was stored after the run began is no evidence: the listing
/// may have passed its place already.
fn unlisted<K: Kind>(connection: ConnectionId, run: i64, begun: Instant) -> Predicate {
    let connection = Scalar::Int(connection.0);
    Predicate::All(vec![
        Predicate::Is(Column::CONNECTION, Op::Eq, connection.clone()),
        Predicate::IsNull(Column::DELETED_AT),
        Predicate::Is(Column::CHANGED_AT, Op::Lt, Scalar::Time(begun)),
        Predicate::Unlisted { table: K::TABLE, connection, run: Scalar::Int(run) },
    ])
}

/// How many records a run, begun at `begun`, found gone.
///
/// # Errors
/// When the database does not answer.
pub async fn record_missing<K: Kind>(conn: &mut Conn, connection: ConnectionId, run: i64, begun: Instant) -> Result<Missing> {
    let missing = K::tally(conn, unlisted::<K>(connection, run, begun)).await.during("Failed to count what a listing did not show")?;
    let all = Predicate::All(vec![Predicate::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection.0)), Predicate::IsNull(Column::DELETED_AT)]);
    let stored = K::tally(conn, all).await.during("Failed to count records")?;
    Ok(Missing { stored, missing })
}

/// Marks what a run found gone as deleted. The caller holds the lock of the schedule's row.
///
/// # Errors
/// When the database refuses.
pub async fn record_delete_unlisted<K: Kind>(tx: &mut Tx, connection: ConnectionId, run: i64, begun: Instant, now: Instant) -> Result<Vec<Entry>> {
    record_delete::<K>(tx, connection, unlisted::<K>(connection, run, begun), now).await
}

/// Marks records of a connection that the source itself says are gone. The caller holds the lock of the schedule's row.
///
/// # Errors
/// When the database refuses.
pub async fn record_delete_named<K: Kind>(tx: &mut Tx, connection: ConnectionId, source_ids: &[String], now: Instant) -> Result<Vec<Entry>> {
    if source_ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = source_ids.iter().map(|id| (connection, id.as_str())).collect();
    let which = Predicate::All(vec![Predicate::IsNull(Column::DELETED_AT), Predicate::records(&keys)]);
    record_delete::<K>(tx, connection, which, now).await
}

async fn record_delete<K: Kind>(tx: &mut Tx, connection: ConnectionId, which: Predicate, now: Instant) -> Result<Vec<Entry>> {
    let mut gone = K::mark_deleted(tx, which, now).await.during("Failed to mark records as deleted")?;
    gone.sort_unstable();
    let mut owners = HashMap::new();
    for some in gone.chunks(AT_ONCE) {
        let keys: Vec<_> = some.iter().map(|id| (connection, id.as_str())).collect();
        let records = record_many::<K>(tx, &keys, &Needs::SmallAnd(Vec::new())).await?;
        owners.extend(records.iter().filter_map(|it| Some((it.record.source().id.clone(), it.record.warehouse_customer()?.to_owned()))));
    }
    let entry = |id: String| {
        let (data_type, warehouse_customers) = (Some(K::DATA_TYPE), [owners.remove(&id), None]);
        Entry { kind: Change::Deleted, connection, data_type, source_id: Some(id), previous: None, warehouse_customers, issue: None }
    };
    Ok(gone.into_iter().map(entry).collect())
}
