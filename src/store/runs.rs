//! Runs of schedules: what each reads, how far it has come, and what it could not take.

use std::collections::BTreeSet;

use diesel::{ExpressionMethods as _, NullableExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};

use super::conn::{Columns as _, Conn, Run as _, Tx};
use super::error::{During as _, Result};
use super::predicate::{Column, Predicate};
use super::schema::{sync_pages as p, sync_rejects as j, sync_runs as r};
use crate::record::{ConnectionId, DataType, Instant, Json, codes};

codes! {
    /// Why a run was started.
    pub enum SyncTrigger {
        /// It is the connection's first of its type.
        Initial = "INITIAL",
        /// It was due.
        Scheduled = "SCHEDULED",
        /// Somebody asked for it.
        Manual = "MANUAL",
        /// A write has changed records of its type at the WMS.
        Write = "WRITE",
    }
}

codes! {
    /// What a run reads.
    pub enum SyncMode {
        /// What changed since the last run.
        Incremental = "INCREMENTAL",
        /// Everything that the source lists.
        Full = "FULL",
        /// A span of time. Never moves the watermark.
        Window = "WINDOW",
    }
}

codes! {
    /// Where a run stands.
    pub enum SyncStatus {
        /// Waits for a worker.
        Queued = "QUEUED",
        /// A worker reads.
        Running = "RUNNING",
        /// Waits for a rate limit or a back-off: see `waitingUntil`.
        Waiting = "WAITING",
        /// Done, all of it.
        Succeeded = "SUCCEEDED",
        /// Done, but not all of it: records were rejected, deletions were held back, or the WMS showed less than it said that
        /// there is (see `error`).
        Partial = "PARTIAL",
        /// Given up: see `error`.
        Failed = "FAILED",
        /// Somebody stopped it.
        Cancelled = "CANCELLED",
    }
}

impl SyncStatus {
    /// Whether the run is still under way.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Waiting)
    }
}

/// A run of a schedule.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = r, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct SyncRun {
    /// Its number.
    pub id: i64,
    /// The connection's number.
    pub connection_id: i64,
    /// Which type.
    pub data_type: DataType,
    /// Why it was started.
    pub trigger: SyncTrigger,
    /// What it reads.
    pub mode: SyncMode,
    /// Where it stands.
    pub status: SyncStatus,
    /// Until when it waits.
    pub waiting_until: Option<Instant>,
    /// Why it waits.
    pub waiting_reason: Option<String>,
    /// When it should have begun.
    pub due_at: Instant,
    /// When it was asked for, or found due.
    pub queued_at: Instant,
    /// When a worker first took it.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub finished_at: Option<Instant>,
    /// The beginning of the span that was asked for.
    pub window_start: Option<Instant>,
    /// The end of the span that was asked for.
    pub window_end: Option<Instant>,
    /// What it reads begins here; none: with everything.
    pub scope_since: Option<Instant>,
    /// Whether it may delete however much it finds gone.
    pub confirm_deletions: bool,
    /// Where it goes on.
    pub checkpoint: Option<Json>,
    /// The source's clock at its first page.
    pub source_time: Option<Instant>,
    /// How often in a row the same page failed.
    pub attempts: i64,
    /// Pages committed.
    pub pages: i64,
    /// Records read.
    pub read: i64,
    /// Records that were new.
    pub created: i64,
    /// Records that differed.
    pub updated: i64,
    /// Records that were as before.
    pub unchanged: i64,
    /// Records found gone.
    pub deleted: i64,
    /// Records that could not be mapped or stored.
    pub rejected: i64,
    /// Records in the whole listing, where the WMS tells.
    pub total: Option<i64>,
    /// Why it failed.
    pub error: Option<Json>,
    /// The oldest `sourceUpdatedAt` that it read.
    pub oldest_source_date: Option<Instant>,
    /// The newest `sourceUpdatedAt` that it read.
    pub newest_source_date: Option<Instant>,
}

/// A run to be begun.
#[derive(Debug, Clone, Copy)]
pub struct NewRun {
    /// Why.
    pub trigger: SyncTrigger,
    /// What it reads.
    pub mode: SyncMode,
    /// The span, for [`SyncMode::Window`].
    pub window: Option<(Instant, Instant)>,
    /// Whether it may delete however much it finds gone.
    pub confirm_deletions: bool,
}

pub(super) async fn run_create(tx: &mut Tx, connection: i64, data_type: DataType, new: NewRun, due: Instant, now: Instant) -> Result<SyncRun> {
    let row = (
        (r::connection_id.eq(connection), r::data_type.eq(data_type), r::trigger.eq(new.trigger), r::mode.eq(new.mode)),
        (r::status.eq(SyncStatus::Queued), r::queued_at.eq(now), r::attempts.eq(0), r::pages.eq(0), r::read.eq(0), r::created.eq(0)),
        (r::updated.eq(0), r::unchanged.eq(0), r::deleted.eq(0), r::rejected.eq(0), r::confirm_deletions.eq(new.confirm_deletions)),
        (r::window_start.eq(new.window.map(|window| window.0)), r::window_end.eq(new.window.map(|window| window.1)), r::due_at.eq(due)),
    );
    diesel::insert_into(r::table).values(row).returning(SyncRun::columns()).one(tx).await.during("Failed to make a run")
}

/// Notes what a run reads, once, before its first page.
///
/// # Errors
/// When the database refuses.
pub async fn run_begin(tx: &mut Tx, run: i64, now: Instant, since: Option<Instant>) -> Result<()> {
    let begun = (r::started_at.eq(Some(now)), r::scope_since.eq(since));
    diesel::update(r::table.find(run)).set(begun).run(tx).await.during("Failed to begin a run")?;
    Ok(())
}

/// What a page adds to its run.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Records read.
    pub read: i64,
    /// Records that were new.
    pub created: i64,
    /// Records that differed.
    pub updated: i64,
    /// Records that were as before.
    pub unchanged: i64,
    /// Records found gone.
    pub deleted: i64,
    /// Records rejected.
    pub rejected: i64,
    /// Records in the whole listing.
    pub total: Option<i64>,
    /// The oldest source date on the page.
    pub oldest: Option<Instant>,
    /// The newest source date on the page.
    pub newest: Option<Instant>,
    /// The source's clock.
    pub source_time: Option<Instant>,
    /// Where the run goes on.
    pub checkpoint: Option<Json>,
    /// Where what it reads begins from now on; `None`: as before.
    pub since: Option<Instant>,
}

/// Adds a page to a run.
///
/// # Errors
/// When the database refuses.
pub async fn run_advance(tx: &mut Tx, run: &SyncRun, page: &Progress) -> Result<SyncRun> {
    let earliest = |a: Option<Instant>, b: Option<Instant>| a.into_iter().chain(b).min();
    let counts = (
        r::pages.eq(r::pages + 1),
        r::read.eq(r::read + page.read),
        r::created.eq(r::created + page.created),
        r::updated.eq(r::updated + page.updated),
        r::unchanged.eq(r::unchanged + page.unchanged),
        r::deleted.eq(r::deleted + page.deleted),
        r::rejected.eq(r::rejected + page.rejected),
    );
    let rest = (
        r::attempts.eq(0),
        r::checkpoint.eq(page.checkpoint.clone()),
        r::scope_since.eq(page.since.or(run.scope_since)),
        r::total.eq(page.total.or(run.total)),
        r::source_time.eq(run.source_time.or(page.source_time)),
        r::oldest_source_date.eq(earliest(run.oldest_source_date, page.oldest)),
        r::newest_source_date.eq(run.newest_source_date.max(page.newest)),
    );
    diesel::update(r::table.find(run.id)).set((counts, rest)).returning(SyncRun::columns()).one(tx).await.during("Failed to note a run's progress")
}

/// Removes runs that ended before a moment, at most `limit` of them. The newest of each schedule stays however old it is.
/// Answers with how many that were.
///
/// # Errors
/// When the database refuses.
pub async fn run_prune(tx: &mut Tx, before: Instant, limit: i64) -> Result<usize> {
    let old = r::table.filter(r::finished_at.lt(before)).order(r::finished_at).limit(limit).select((r::id, r::connection_id));
    let old: Vec<(i64, i64)> = old.all(tx).await.during("Failed to find old runs")?;
    let connections: BTreeSet<i64> = old.iter().map(|(_, connection)| *connection).collect();
    let newest: BTreeSet<i64> = run_latest(tx, &Vec::from_iter(connections)).await?.iter().map(|run| run.id).collect();
    let ids: Vec<i64> = old.into_iter().map(|(id, _)| id).filter(|id| !newest.contains(id)).collect();
    run_remove(tx, &ids).await
}

/// Removes all runs of a schedule but the newest `keep`, which is at least 1; a few at a time.
///
/// # Errors
/// When the database refuses.
pub async fn run_trim(tx: &mut Tx, connection: ConnectionId, data_type: DataType, keep: i64) -> Result<()> {
    const AT_ONCE: i64 = 100;
    let beyond = r::table
        .filter(r::connection_id.eq(connection.0))
        .filter(r::data_type.eq(data_type))
        .order(r::id.desc())
        .offset(keep.max(1))
        .limit(AT_ONCE)
        .select(r::id);
    let ids: Vec<i64> = beyond.all(tx).await.during("Failed to find the oldest runs of a schedule")?;
    run_remove(tx, &ids).await.map(drop)
}

async fn run_remove(tx: &mut Tx, ids: &[i64]) -> Result<usize> {
    if ids.is_empty() {
        return Ok(0);
    }
    diesel::delete(r::table.filter(Predicate::ids(r::id, ids))).run(tx).await.during("Failed to remove runs")
}

/// Adds deletions to a run's counts.
///
/// # Errors
/// When the database refuses.
pub async fn run_deleted(tx: &mut Tx, run: i64, count: i64) -> Result<SyncRun> {
    let query = diesel::update(r::table.find(run)).set(r::deleted.eq(r::deleted + count)).returning(SyncRun::columns());
    query.one(tx).await.during("Failed to note a run's deletions")
}

/// A record that a run could not take.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = j, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct SyncReject {
    /// Its number.
    pub id: i64,
    /// The run's number.
    pub run_id: i64,
    /// The WMS's identifier, where it can be told.
    pub source_id: Option<String>,
    /// What is wrong with it.
    pub reason: String,
    /// The payload as it came.
    pub raw: Json,
    /// When it was read.
    pub at: Instant,
}

/// Keeps a record that could not be taken.
///
/// # Errors
/// When the database refuses.
pub async fn reject_put(tx: &mut Tx, run: i64, source_id: Option<&str>, reason: &str, raw: &Json, now: Instant) -> Result<()> {
    let row = (j::run_id.eq(run), j::source_id.eq(source_id), j::reason.eq(reason), j::raw.eq(raw.clone()), j::at.eq(now));
    diesel::insert_into(j::table).values(row).run(tx).await.during("Failed to keep a reject")?;
    Ok(())
}

/// The rejects of a run, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn reject_list(conn: &mut Conn, run: i64, after: i64, limit: i64) -> Result<Vec<SyncReject>> {
    let query = j::table.filter(j::run_id.eq(run)).filter(j::id.gt(after)).order(j::id).limit(limit).select(SyncReject::columns());
    query.all(conn).await.during("Failed to list rejects")
}

/// How many rejects a run has.
///
/// # Errors
/// When the database does not answer.
pub async fn reject_count(conn: &mut Conn, run: i64) -> Result<i64> {
    j::table.filter(j::run_id.eq(run)).count().one(conn).await.during("Failed to count rejects")
}

/// One run.
///
/// # Errors
/// When the database does not answer.
pub async fn run_find(conn: &mut Conn, id: i64) -> Result<Option<SyncRun>> {
    r::table.find(id).select(SyncRun::columns()).one(conn).await.optional().during("Failed to read a run")
}

/// These runs, in no order.
///
/// # Errors
/// When the database does not answer.
pub async fn run_many(conn: &mut Conn, ids: &[i64]) -> Result<Vec<SyncRun>> {
    r::table.filter(Predicate::ids(r::id, ids)).select(SyncRun::columns()).all(conn).await.during("Failed to read runs")
}

/// Runs, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn run_list(conn: &mut Conn, which: Predicate, before: i64, limit: i64) -> Result<Vec<SyncRun>> {
    let query = r::table.filter(which).filter(r::id.lt(before)).order(r::id.desc()).limit(limit).select(SyncRun::columns());
    query.all(conn).await.during("Failed to list runs")
}

/// How many runs there are.
///
/// # Errors
/// When the database does not answer.
pub async fn run_count(conn: &mut Conn, which: Predicate) -> Result<i64> {
    r::table.filter(which).count().one(conn).await.during("Failed to count runs")
}

/// The newest run of each schedule of these connections.
///
/// # Errors
/// When the database does not answer.
pub async fn run_latest(conn: &mut Conn, connections: &[i64]) -> Result<Vec<SyncRun>> {
    let newest = r::table
        .filter(Predicate::ids(r::connection_id, connections))
        .group_by((r::connection_id, r::data_type))
        .select(diesel::dsl::max(r::id).assume_not_null());
    let ids: Vec<i64> = newest.all(conn).await.during("Failed to find the newest runs")?;
    run_many(conn, &ids).await
}

/// The condition that a run belongs to one of these connections, is of one of these types, and stands so.
pub fn run_which(connections: Option<&[ConnectionId]>, data_types: Option<&[DataType]>, statuses: Option<&[SyncStatus]>) -> Predicate {
    let mut all = Vec::new();
    all.extend(connections.map(|ids| Predicate::ids(r::connection_id, &ids.iter().map(|id| id.0).collect::<Vec<_>>())));
    all.extend(data_types.map(|types| Predicate::OneOf(Column::of(r::data_type), types.iter().map(|code| code.as_str().to_owned()).collect())));
    all.extend(statuses.map(|codes| Predicate::OneOf(Column::of(r::status), codes.iter().map(|code| code.as_str().to_owned()).collect())));
    Predicate::All(all)
}

/// Remembers what a page of a complete listing showed.
///
/// # Errors
/// When the database refuses.
pub async fn page_listed(tx: &mut Tx, run: i64, page: i64, source_ids: &[&str]) -> Result<()> {
    let row = (p::run_id.eq(run), p::page.eq(page), p::source_ids.eq(Json::of(&source_ids)));
    diesel::insert_into(p::table).values(row).run(tx).await.during("Failed to remember what a page showed")?;
    Ok(())
}

/// How many pages of a run are remembered.
///
/// # Errors
/// When the database does not answer.
pub async fn page_count(conn: &mut Conn, run: i64) -> Result<i64> {
    p::table.filter(p::run_id.eq(run)).count().one(conn).await.during("Failed to count the pages of a run")
}

/// Forgets what the pages of a run showed.
///
/// # Errors
/// When the database refuses.
pub async fn page_forget(tx: &mut Tx, run: i64) -> Result<()> {
    diesel::delete(p::table.filter(p::run_id.eq(run))).run(tx).await.during("Failed to forget the pages of a run")?;
    Ok(())
}
