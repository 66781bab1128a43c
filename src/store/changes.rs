//! The change log: append-only, and read in the order of commits.
//!
//! **Invariant.** Positions are given out by the only row of `change_head`, whose lock is held until the commit. So a
//! position that can be seen is never followed by a smaller one, and there are no gaps: a reader that has seen N asks
//! for what is greater than N and misses nothing. Appending is therefore the **last** thing a transaction does.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};

use super::bulk::bulk_insert;
use super::conn::{Columns as _, Conn, Run as _, Tx};
use super::error::{During as _, Error, Result};
use super::predicate::Predicate;
use super::schema::{change_head, changes as t};
use super::wake::Signal;
pub use super::wanted::Wanted;
use crate::record::{ConnectionId, DataType, Instant, Json, codes};

codes! {
    /// What an entry of the change log tells.
    pub enum Kind {
        /// A record was stored for the first time.
        Created = "CREATED",
        /// A record's content changed.
        Updated = "UPDATED",
        /// A record was found gone at its source.
        Deleted = "DELETED",
        /// A record that had been deleted came back.
        Restored = "RESTORED",
        /// A sync run ended.
        SyncCompleted = "SYNC_COMPLETED",
        /// A connection has an issue that it had not.
        IssueRaised = "ISSUE_RAISED",
        /// What a connection's issue says is different.
        IssueChanged = "ISSUE_CHANGED",
        /// A connection's issue is gone.
        IssueCleared = "ISSUE_CLEARED",
    }
}

impl Kind {
    /// The kinds that tell of a record.
    pub const OF_RECORDS: [Self; 4] = [Self::Created, Self::Updated, Self::Deleted, Self::Restored];
    /// The kinds that tell of a connection's issue.
    pub const OF_ISSUES: [Self; 3] = [Self::IssueRaised, Self::IssueChanged, Self::IssueCleared];
}

/// What is to be appended.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What happened.
    pub kind: Kind,
    /// Where.
    pub connection: ConnectionId,
    /// To which type of record; `None` for an issue of the connection as a whole.
    pub data_type: Option<DataType>,
    /// To which record; `None` for the end of a run, and for an issue.
    pub source_id: Option<String>,
    /// Old values of what changed.
    pub previous: Option<Json>,
    /// The source id of the warehouse customer that the record belongs to, and of the one that it belonged to, if that was another.
    /// The record may be another's, or gone, when the entry is read.
    pub warehouse_customers: [Option<String>; 2],
    /// What the issue says.
    pub issue: Option<Json>,
}

impl Entry {
    /// A run of a connection's schedule has ended.
    pub fn run_ended(connection: ConnectionId, data_type: DataType) -> Self {
        let (kind, data_type) = (Kind::SyncCompleted, Some(data_type));
        Self { kind, connection, data_type, source_id: None, previous: None, warehouse_customers: [None, None], issue: None }
    }
}

/// What made the change.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cause {
    /// A sync run.
    pub run: Option<i64>,
    /// A write.
    pub write: Option<i64>,
}

/// An entry of the log.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = t, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Change {
    /// Where it stands: 1 for the first of all.
    pub position: i64,
    /// When it was appended.
    pub at: Instant,
    /// What happened.
    pub kind: Kind,
    /// The connection's number.
    pub connection_id: i64,
    /// To which type of record; `None` for an issue of the connection as a whole.
    pub data_type: Option<DataType>,
    /// To which record; `None` for the end of a run, and for an issue.
    pub source_id: Option<String>,
    /// Old values of what changed.
    pub previous: Option<Json>,
    /// The run that made it.
    pub run_id: Option<i64>,
    /// The write that made it.
    pub write_id: Option<i64>,
    /// The warehouse customer that the record belonged to after the change.
    pub warehouse_customer: Option<String>,
    /// The warehouse customer that the record belonged to before, where that was another.
    pub previous_warehouse_customer: Option<String>,
    /// What the issue says.
    pub issue: Option<Json>,
}

pub(super) struct Row {
    position: i64,
    at: Instant,
    entry: Entry,
    cause: Cause,
}

bulk_insert! {
    Insert of Row => changes
    once {
        position: i64 = |row| &row.position;
        at: Instant = |row| &row.at;
        kind: Kind = |row| &row.entry.kind;
        connection_id: i64 = |row| &row.entry.connection.0;
        data_type: Option<DataType> = |row| &row.entry.data_type;
        source_id: Option<String> = |row| &row.entry.source_id;
        previous: Option<Json> = |row| &row.entry.previous;
        run_id: Option<i64> = |row| &row.cause.run;
        write_id: Option<i64> = |row| &row.cause.write;
        warehouse_customer: Option<String> = |row| &row.entry.warehouse_customers[0];
        previous_warehouse_customer: Option<String> = |row| &row.entry.warehouse_customers[1];
        issue: Option<Json> = |row| &row.entry.issue;
    }
}

/// Appends entries. The last thing to do in a transaction.
///
/// # Errors
/// When the database refuses.
pub async fn change_append(tx: &mut Tx, entries: Vec<Entry>, cause: Cause, at: Instant) -> Result<()> {
    let Ok(count @ 1..) = i64::try_from(entries.len()) else { return Ok(()) };
    let last: i64 = diesel::update(change_head::table.filter(change_head::id.eq(1)))
        .set(change_head::position.eq(change_head::position + count))
        .returning(change_head::position)
        .one(tx)
        .await
        .during("Failed to take positions in the change log")?;
    let first = last - count + 1;
    let rows: Vec<Row> = (first..).zip(entries).map(|(position, entry)| Row { position, at, entry, cause }).collect();
    Insert::run(tx, &rows).await.during("Failed to append to the change log")?;
    tx.signal(Signal::Changes);
    Ok(())
}

/// The position of the newest entry; 0 when there is none.
///
/// # Errors
/// When the database does not answer.
pub async fn change_head(conn: &mut Conn) -> Result<i64> {
    let head = change_head::table.select(change_head::position).one(conn).await.optional().during("Failed to read the change log's head")?;
    Ok(head.unwrap_or(0))
}

/// The position of the newest entry that has been pruned; 0 while there is none. The log begins after it.
///
/// # Errors
/// When the database does not answer.
pub async fn change_tail(conn: &mut Conn) -> Result<i64> {
    let tail = change_head::table.select(change_head::pruned).one(conn).await.optional().during("Failed to read the change log's tail")?;
    Ok(tail.unwrap_or(0))
}

/// Entries after a position, oldest first.
///
/// # Errors
/// [`Error::Expired`] when entries after that position have been pruned; when the database does not answer.
pub async fn change_list(conn: &mut Conn, after: i64, which: &Wanted, limit: i64) -> Result<Vec<Change>> {
    let rows = t::table.filter(t::position.gt(after)).filter(which.predicate()).order(t::position).limit(limit).select(Change::columns());
    let found = rows.all(conn).await.during("Failed to read the change log")?;
    // Asked last: what was pruned while the entries were being read counts.
    if after < change_tail(conn).await? { Err(Error::Expired) } else { Ok(found) }
}

/// The entries at these positions, in no order; those that were pruned are missing.
///
/// # Errors
/// When the database does not answer.
pub async fn change_many(conn: &mut Conn, positions: &[i64]) -> Result<Vec<Change>> {
    t::table
        .filter(Predicate::ids(t::position, positions))
        .select(Change::columns())
        .all(conn)
        .await
        .during("Failed to read entries of the change log")
}

/// The position of the newest entry that was appended before a moment; 0 when there is none.
///
/// # Errors
/// When the database does not answer.
pub async fn change_before(conn: &mut Conn, moment: Instant) -> Result<i64> {
    // Times are nearly in the order of positions. There is no index on them, so the place is found by halves.
    let (mut before, mut after) = (change_tail(conn).await?, change_head(conn).await? + 1);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        let at: Option<Instant> = t::table
            .filter(t::position.eq(middle))
            .select(t::at)
            .one(conn)
            .await
            .optional()
            .during("Failed to look for a moment in the change log")?;
        if at.is_none_or(|at| at < moment) {
            before = middle;
        } else {
            after = middle;
        }
    }
    Ok(before)
}

/// Removes entries that were appended before a moment, oldest first and at most `limit` of them. Answers with how many
/// that were.
///
/// # Errors
/// When the database refuses.
pub async fn change_prune(tx: &mut Tx, before: Instant, limit: i64) -> Result<i64> {
    let oldest = t::table.order(t::position).limit(limit).select((t::position, t::at));
    let oldest: Vec<(i64, Instant)> = oldest.all(tx).await.during("Failed to read the oldest changes")?;
    // Positions are in the order of commits, and so, nearly, are the times: the first that is young enough ends it.
    let Some((last, _)) = oldest.iter().take_while(|(_, at)| *at < before).last() else { return Ok(0) };
    let removed = diesel::delete(t::table.filter(t::position.le(last))).run(tx).await.during("Failed to prune the change log")?;
    let head = change_head::table.filter(change_head::id.eq(1)).filter(change_head::pruned.lt(last));
    diesel::update(head).set(change_head::pruned.eq(last)).run(tx).await.during("Failed to note what was pruned")?;
    Ok(i64::try_from(removed).unwrap_or(i64::MAX))
}
