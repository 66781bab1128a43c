//! Schedules and leases.
//!
//! A schedule is one connection × one data type. Its row is the lock for everything that is done to that pair: whoever
//! writes records or ends a run has updated the row first, in the same transaction.
//!
//! **Invariants.**
//! * A lease has a token, which grows with each lease. [`lease_hold`] is the first act of every transaction of a worker,
//!   and fails when the token is no longer the row's: a worker that was frozen past its lease commits nothing more.
//! * A schedule has at most one run under way (`run_id`). A run that waits keeps its place there; the schedule is due
//!   again when the wait is over. Only the run of a window may be set aside between two chunks, for what is due.

use std::collections::BTreeMap;

use diesel::dsl::exists;
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, JoinOnDsl as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};

use super::conn::{Columns as _, Conn, Run as _, Tx};
use super::connections::ConnectionStatus;
use super::error::{During as _, Error, Result};
use super::predicate::{Column, Op, Predicate, Scalar};
use super::runs::{NewRun, SyncMode, SyncRun, SyncStatus, SyncTrigger, page_forget, run_create, run_find};
use super::schema::{connections, schedules as s, sync_runs as r};
use super::scope::Scope;
use super::touched::due_after_write;
use super::wake::Signal;
use crate::record::{ConnectionId, DataType, Instant, Json, List};

/// When a data type of a connection is synced.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = s, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Schedule {
    /// The connection's number.
    pub connection_id: i64,
    /// Which type.
    pub data_type: DataType,
    /// Seconds between two runs.
    pub interval_seconds: i64,
    /// Whether it runs by itself.
    pub enabled: bool,
    /// When it should run next by its interval, whatever is under way until then.
    pub due_at: Instant,
    /// When a worker should look at it: then, or when a wait is over.
    pub next_run_at: Instant,
    /// What is due is taken in this order: see [`Urgency`].
    pub priority: i64,
    /// The run under way.
    pub run_id: Option<i64>,
    /// The newest lease's token.
    pub lease_token: i64,
    /// How long the newest lease holds.
    pub leased_until: Option<Instant>,
    /// Source changes up to here have been read.
    pub watermark: Option<Instant>,
    /// When the first sync ended.
    pub initial_sync_completed_at: Option<Instant>,
    /// Source data is known to be complete up to here.
    pub fresh_as_of: Option<Instant>,
    /// Failures in a row.
    pub failures: i64,
    /// When its records are wanted again, because a write has changed some of them at the WMS and no run has begun since.
    pub wanted_at: Option<Instant>,
}

/// The order in which what is due is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    /// Somebody waits for it.
    Manual = 0,
    /// It is due.
    Scheduled = 1,
    /// A window of the past.
    Backfill = 2,
}

impl Urgency {
    const fn of(new: &NewRun) -> i64 {
        (match (new.mode, new.trigger) {
            (SyncMode::Window, _) => Self::Backfill,
            (_, SyncTrigger::Manual) => Self::Manual,
            (_, SyncTrigger::Initial | SyncTrigger::Scheduled | SyncTrigger::Write) => Self::Scheduled,
        }) as i64
    }
}

/// The right to work on a schedule's run, until it is lost to somebody else.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The schedule as it was taken.
    pub schedule: Schedule,
    /// Its run.
    pub run: SyncRun,
    token: i64,
}

impl Lease {
    /// The connection.
    pub fn connection(&self) -> ConnectionId {
        ConnectionId(self.schedule.connection_id)
    }

    /// The type.
    pub fn data_type(&self) -> DataType {
        self.schedule.data_type
    }
}

/// A schedule to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewSchedule {
    /// Which type.
    pub data_type: DataType,
    /// Seconds between two runs.
    pub interval_seconds: i64,
    /// When it is first due.
    pub first_run_at: Instant,
}

/// Makes a connection's schedules.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_create(tx: &mut Tx, connection: ConnectionId, new: &[NewSchedule]) -> Result<()> {
    for schedule in new {
        let row = (
            s::connection_id.eq(connection.0),
            s::data_type.eq(schedule.data_type),
            s::interval_seconds.eq(schedule.interval_seconds),
            s::enabled.eq(true),
            s::due_at.eq(schedule.first_run_at),
            s::next_run_at.eq(schedule.first_run_at),
            s::priority.eq(Urgency::Scheduled as i64),
            s::lease_token.eq(0),
            s::failures.eq(0),
        );
        diesel::insert_into(s::table).values(row).run(tx).await.during("Failed to make a schedule")?;
    }
    tx.signal(Signal::Schedules);
    Ok(())
}

/// The schedules of these connections, by connection and type.
///
/// # Errors
/// When the database does not answer.
pub async fn schedule_list(conn: &mut Conn, connections: &[i64]) -> Result<Vec<Schedule>> {
    let query = s::table.filter(Predicate::ids(s::connection_id, connections)).order((s::connection_id, s::data_type)).select(Schedule::columns());
    query.all(conn).await.during("Failed to list schedules")
}

/// How old the data of a schedule is.
#[derive(Debug, Clone, Queryable)]
pub struct Age {
    /// The connection's number.
    pub connection_id: i64,
    /// Source data is known to be complete up to here.
    pub fresh_as_of: Option<Instant>,
    /// How the connection is doing.
    pub status: ConnectionStatus,
}

impl Age {
    /// Whether its connection is synced at all.
    pub const fn is_synced(&self) -> bool {
        matches!(self.status, ConnectionStatus::Active | ConnectionStatus::Degraded)
    }
}

/// How old the records of a type are, by connection: of the schedules that run by themselves, and of those that once ran. One
/// that does neither has no records to show.
///
/// # Errors
/// When the database does not answer.
pub async fn schedule_ages(conn: &mut Conn, data_type: DataType, of: &Scope) -> Result<Vec<Age>> {
    let query = s::table
        .inner_join(connections::table.on(connections::id.eq(s::connection_id)))
        .filter(s::data_type.eq(data_type))
        .filter(s::enabled.eq(true).or(s::fresh_as_of.is_not_null()))
        .filter(of.which())
        .order(s::connection_id)
        .select((s::connection_id, s::fresh_as_of, connections::status));
    query.all(conn).await.during("Failed to read how old records are")
}

/// Which schedules a worker may take.
#[derive(Debug, Clone, Copy)]
pub struct Takes {
    /// How many schedules of one connection are worked on at the same time, by all processes together.
    pub per_connection: i64,
    /// Only those of this connection; `None`: of any.
    pub only: Option<ConnectionId>,
}

/// When the next schedule that could be taken is due.
///
/// # Errors
/// When the database does not answer.
pub async fn schedule_next_due(conn: &mut Conn, takes: Takes, now: Instant) -> Result<Option<Instant>> {
    let which = can_be_taken(conn, takes, now).await?;
    let syncing = connections::table.filter(connections::id.eq(s::connection_id)).filter(statuses_that_sync());
    let query = s::table.filter(which).filter(exists(syncing));
    query.order(s::next_run_at).limit(1).select(s::next_run_at).one(conn).await.optional().during("Failed to find the next due schedule")
}

/// A schedule that runs by itself, or that somebody asked to run, that nobody has leased, and whose connection has not got
/// its share of the workers already: one slow WMS must not hold up all others.
async fn can_be_taken(conn: &mut Conn, takes: Takes, now: Instant) -> Result<Predicate> {
    let wanted = [Predicate::eq(s::enabled, Scalar::Bool(true)), Predicate::Not(Box::new(Predicate::IsNull(Column::of(s::run_id))))];
    let until = Column::of(s::leased_until);
    let free = [Predicate::IsNull(until), Predicate::Is(until, Op::Lt, Scalar::Time(now))];
    let mut all = vec![Predicate::Any(wanted.to_vec()), Predicate::Any(free.to_vec())];
    all.extend(takes.only.map(|only| Predicate::ids(s::connection_id, &[only.0])));
    // Counted here: for the sake of a GROUP BY, SQLite reads every schedule there is.
    let leased: Vec<i64> = s::table.filter(s::leased_until.ge(now)).select(s::connection_id).all(conn).await.during("Failed to list leases")?;
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    leased.into_iter().for_each(|connection| *counts.entry(connection).or_default() += 1);
    let full: Vec<i64> = counts.into_iter().filter(|(_, count)| *count >= takes.per_connection).map(|(connection, _)| connection).collect();
    if !full.is_empty() {
        all.push(Predicate::Not(Box::new(Predicate::ids(s::connection_id, &full))));
    }
    Ok(Predicate::All(all))
}

/// Connections in these states are synced. Asked for each schedule that is due (EXISTS), in the order of the index: given a
/// list of connections (IN), SQLite reads every schedule of each.
fn statuses_that_sync() -> Predicate {
    let names = [ConnectionStatus::Active, ConnectionStatus::Degraded].map(|status| status.as_str().to_owned());
    Predicate::OneOf(Column::of(connections::status), List(names.to_vec()))
}

/// Takes the most urgent schedule, and among equals the one that has been due the longest, with its run: the one that
/// waits there, or a new one.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_lease(tx: &mut Tx, owner: &str, takes: Takes, now: Instant, until: Instant) -> Result<Option<Lease>> {
    let which = can_be_taken(tx, takes, now).await?;
    let syncing = connections::table.filter(connections::id.eq(s::connection_id)).filter(statuses_that_sync());
    let pick = s::table
        .filter(s::next_run_at.le(now))
        .filter(which)
        .filter(exists(syncing))
        .order((s::priority, s::next_run_at))
        .limit(1)
        .select((s::connection_id, s::data_type));
    // PostgreSQL passes by what another process has just locked; SQLite has one writer, and this is it.
    let picked: Option<(i64, DataType)> = match &mut **tx {
        Conn::Pg(c) => c.query(async |c| diesel_async::RunQueryDsl::get_result(pick.for_update().skip_locked(), c).await).await.optional(),
        Conn::Lite(c) => c.block(|c| diesel::RunQueryDsl::get_result(pick, c)).optional(),
    }
    .during("Failed to lease the next schedule")?;
    let Some((connection, data_type)) = picked else { return Ok(None) };
    let found: Schedule = s::table.find((connection, data_type)).select(Schedule::columns()).one(tx).await.during("Failed to read a schedule")?;
    let run = match found.run_id {
        Some(run) => run,
        None => {
            let trigger = match (found.initial_sync_completed_at, found.wanted_at) {
                (None, _) => SyncTrigger::Initial,
                (Some(_), Some(_)) => SyncTrigger::Write,
                (Some(_), None) => SyncTrigger::Scheduled,
            };
            let new = NewRun { trigger, mode: SyncMode::Incremental, window: None, confirm_deletions: false };
            run_create(tx, connection, data_type, new, found.due_at, now).await?.id
        }
    };
    let started = (r::status.eq(SyncStatus::Running), r::waiting_until.eq(None::<Instant>), r::waiting_reason.eq(None::<String>));
    let run: SyncRun = diesel::update(r::table.find(run)).set(started).returning(SyncRun::columns()).one(tx).await.during("Failed to start a run")?;
    let token = found.lease_token + 1;
    let lease = (s::lease_token.eq(token), s::leased_until.eq(Some(until)), s::leased_by.eq(Some(owner)), s::run_id.eq(Some(run.id)));
    diesel::update(s::table.find((connection, data_type))).set(lease).run(tx).await.during("Failed to lease a schedule")?;
    Ok(Some(Lease { schedule: Schedule { lease_token: token, run_id: Some(run.id), ..found }, run, token }))
}

/// Makes sure that the lease is still ours, extends it, and locks the schedule's row until the transaction ends.
///
/// # Errors
/// [`Error::LeaseLost`]
pub async fn lease_hold(tx: &mut Conn, lease: &Lease, until: Instant) -> Result<()> {
    let row = s::table
        .find((lease.schedule.connection_id, lease.schedule.data_type))
        .filter(s::lease_token.eq(lease.token))
        .filter(s::run_id.eq(lease.run.id));
    let held = diesel::update(row).set(s::leased_until.eq(Some(until))).run(tx).await.during("Failed to extend a lease")?;
    if held == 0 { Err(Error::LeaseLost) } else { Ok(()) }
}

/// Locks a schedule's row until the transaction ends, without a lease: for writes.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_lock(tx: &mut Tx, connection: ConnectionId, data_type: DataType) -> Result<()> {
    let row = s::table.find((connection.0, data_type));
    diesel::update(row).set(s::failures.eq(s::failures)).run(tx).await.during("Failed to lock a schedule")?;
    Ok(())
}

/// Lets a run wait: the lease is given back, and the schedule is due when the wait is over.
///
/// # Errors
/// [`Error::LeaseLost`], or when the database refuses.
pub async fn run_wait(tx: &mut Tx, lease: &Lease, until: Instant, reason: &str, attempts: i64) -> Result<()> {
    lease_hold(tx, lease, until).await?;
    let waiting = (r::status.eq(SyncStatus::Waiting), r::waiting_until.eq(Some(until)), r::waiting_reason.eq(Some(reason)), r::attempts.eq(attempts));
    diesel::update(r::table.find(lease.run.id)).set(waiting).run(tx).await.during("Failed to let a run wait")?;
    let row = s::table.find((lease.schedule.connection_id, lease.schedule.data_type));
    diesel::update(row).set((freed(), s::next_run_at.eq(until))).run(tx).await.during("Failed to give a lease back")?;
    Ok(())
}

/// What a schedule's row says when nobody has leased it.
fn freed() -> (Assign<s::leased_until, Option<Instant>>, Assign<s::leased_by, Option<String>>) {
    (s::leased_until.eq(None), s::leased_by.eq(None))
}

type Assign<C, T> = diesel::dsl::Eq<C, T>;

/// Gives a lease back as it is, so that another worker takes the run over at once.
///
/// # Errors
/// [`Error::LeaseLost`], or when the database refuses.
pub async fn lease_release(tx: &mut Tx, lease: &Lease, now: Instant) -> Result<()> {
    lease_hold(tx, lease, now).await?;
    diesel::update(r::table.find(lease.run.id)).set(r::status.eq(SyncStatus::Queued)).run(tx).await.during("Failed to queue a run again")?;
    let row = s::table.find((lease.schedule.connection_id, lease.schedule.data_type));
    diesel::update(row).set((freed(), s::next_run_at.eq(now))).run(tx).await.during("Failed to give a lease back")?;
    tx.signal(Signal::Schedules);
    Ok(())
}

/// How a run ended, and what that means for its schedule.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Succeeded, partial, failed or cancelled.
    pub status: SyncStatus,
    /// Why it failed.
    pub error: Option<Json>,
    /// When the schedule is due again; the end of a window changes nothing of that.
    pub due_at: Instant,
    /// Source changes up to here have been read; `None`: as before.
    pub watermark: Option<Instant>,
    /// Failures in a row.
    pub failures: i64,
}

/// Ends a run, forgets what its pages showed, and gives the lease back. The change log's entry is the caller's, in the same transaction.
///
/// # Errors
/// [`Error::LeaseLost`], or when the database refuses.
pub async fn run_finish(tx: &mut Tx, lease: &Lease, ending: &Ending, now: Instant) -> Result<SyncRun> {
    lease_hold(tx, lease, now).await?;
    let key = (lease.schedule.connection_id, lease.schedule.data_type);
    // Read again: what is due may have changed since the lease was taken.
    let schedule: Schedule = s::table.find(key).select(Schedule::columns()).one(tx).await.during("Failed to read a schedule")?;
    let initial = match ending.watermark {
        Some(_) => schedule.initial_sync_completed_at.or(Some(now)),
        None => schedule.initial_sync_completed_at,
    };
    let row = s::table.find(key);
    let due = if lease.run.mode == SyncMode::Window { schedule.due_at } else { ending.due_at };
    let due = schedule.wanted_at.map_or(due, |wanted| due.min(due_after_write(wanted, lease.run.started_at.unwrap_or(now), now)));
    let ended = (
        (freed(), s::run_id.eq(None::<i64>), s::priority.eq(Urgency::Scheduled as i64), s::due_at.eq(due)),
        (s::next_run_at.eq(due), s::failures.eq(ending.failures), s::initial_sync_completed_at.eq(initial)),
        (s::watermark.eq(ending.watermark.or(schedule.watermark)), s::fresh_as_of.eq(ending.watermark.or(schedule.fresh_as_of))),
    );
    diesel::update(row).set(ended).run(tx).await.during("Failed to end a schedule's run")?;
    let ended = (r::status.eq(ending.status), r::finished_at.eq(Some(now)), r::error.eq(ending.error.clone()), r::checkpoint.eq(None::<Json>));
    let query = diesel::update(r::table.find(lease.run.id)).set(ended).returning(SyncRun::columns());
    let run: SyncRun = query.one(tx).await.during("Failed to end a run")?;
    page_forget(tx, run.id).await?;
    run_take_up(tx, schedule.connection_id, schedule.data_type, now).await?;
    Ok(run)
}

/// Asks for a run of a schedule now; answers with the one that is under way, if there is one. One that waits is then tried at
/// once.
///
/// # Errors
/// When the database refuses. `Ok(None)`: there is no such schedule.
pub async fn run_request(tx: &mut Tx, connection: ConnectionId, data_type: DataType, new: NewRun, now: Instant) -> Result<Option<SyncRun>> {
    schedule_lock(tx, connection, data_type).await?;
    let Some(found) = schedule_find(tx, connection, data_type).await? else { return Ok(None) };
    if let Some(run) = found.run_id {
        let hurried = (s::next_run_at.eq(now), s::priority.eq(found.priority.min(Urgency::of(&new))));
        let waiting = s::table.find((connection.0, data_type)).filter(s::leased_until.is_null()).filter(s::next_run_at.gt(now));
        diesel::update(waiting).set(hurried).run(tx).await.during("Failed to hurry a run")?;
        tx.signal(Signal::Schedules);
        return run_find(tx, run).await;
    }
    // Asked for before the first sync has begun: then this is the first sync, and counts as such.
    let first = found.initial_sync_completed_at.is_none() && new.mode == SyncMode::Incremental;
    let trigger = if first { SyncTrigger::Initial } else { new.trigger };
    let run = run_create(tx, connection.0, data_type, NewRun { trigger, ..new }, now, now).await?;
    // Its urgency is that of what was asked for: a first sync that somebody waits for is no less urgent.
    let queued = (s::run_id.eq(Some(run.id)), s::next_run_at.eq(now), s::priority.eq(Urgency::of(&new)));
    diesel::update(s::table.find((connection.0, data_type))).set(queued).run(tx).await.during("Failed to queue a run")?;
    tx.signal(Signal::Schedules);
    Ok(Some(run))
}

/// Asks for a run that reads what is new, for somebody who waits for it. Joins the one that is under way; where that is of a
/// window, which shows nothing new, the schedule becomes due, so that the window gives way. `Ok(None)`: there is no such schedule.
///
/// # Errors
/// When the database refuses.
pub async fn run_freshen(tx: &mut Tx, connection: ConnectionId, data_type: DataType, now: Instant) -> Result<Option<SyncRun>> {
    let new = NewRun { trigger: SyncTrigger::Manual, mode: SyncMode::Incremental, window: None, confirm_deletions: false };
    let run = run_request(tx, connection, data_type, new, now).await?;
    if run.as_ref().is_some_and(|run| run.mode == SyncMode::Window) {
        let later = s::table.find((connection.0, data_type)).filter(s::due_at.gt(now));
        diesel::update(later).set(s::due_at.eq(now)).run(tx).await.during("Failed to make a schedule due")?;
    }
    Ok(run)
}

/// One schedule.
///
/// # Errors
/// When the database does not answer.
pub async fn schedule_find(conn: &mut Conn, connection: ConnectionId, data_type: DataType) -> Result<Option<Schedule>> {
    s::table.find((connection.0, data_type)).select(Schedule::columns()).one(conn).await.optional().during("Failed to read a schedule")
}

/// Sets the run of a window aside, so that its schedule can do what is due; the end of that takes it up again.
///
/// # Errors
/// [`Error::LeaseLost`], or when the database refuses.
pub async fn run_set_aside(tx: &mut Tx, lease: &Lease, now: Instant) -> Result<()> {
    lease_hold(tx, lease, now).await?;
    let waiting = (r::status.eq(SyncStatus::Waiting), r::waiting_reason.eq(Some("The scheduled sync goes first")));
    diesel::update(r::table.find(lease.run.id)).set(waiting).run(tx).await.during("Failed to set a run aside")?;
    let row = s::table.find((lease.schedule.connection_id, lease.schedule.data_type));
    let freed = (freed(), s::run_id.eq(None::<i64>), s::priority.eq(Urgency::Scheduled as i64), s::next_run_at.eq(now));
    diesel::update(row).set(freed).run(tx).await.during("Failed to give a lease back")?;
    tx.signal(Signal::Schedules);
    Ok(())
}

/// Takes a run up again that was set aside, if the schedule has one and nothing else to do.
async fn run_take_up(tx: &mut Tx, connection: i64, data_type: DataType, now: Instant) -> Result<()> {
    let aside = r::table
        .filter(r::connection_id.eq(connection))
        .filter(r::data_type.eq(data_type))
        .filter(r::finished_at.is_null())
        .order(r::id)
        .limit(1)
        .select(r::id);
    let Some(run) = aside.one::<i64>(tx).await.optional().during("Failed to find a run that was set aside")? else { return Ok(()) };
    let row = s::table.find((connection, data_type)).filter(s::run_id.is_null());
    let queued = (s::run_id.eq(Some(run)), s::next_run_at.eq(now), s::priority.eq(Urgency::Backfill as i64));
    diesel::update(row).set(queued).run(tx).await.during("Failed to take a run up again")?;
    tx.signal(Signal::Schedules);
    Ok(())
}

/// Stops a run that is under way: its schedule goes on as if it had not been, and its worker's lease is worth nothing any
/// more. The change log's entry is the caller's, in the same transaction. `None`: it is not under way.
///
/// # Errors
/// When the database refuses.
pub async fn run_cancel(tx: &mut Tx, run: &SyncRun, now: Instant) -> Result<Option<SyncRun>> {
    schedule_lock(tx, ConnectionId(run.connection_id), run.data_type).await?;
    // Read again: it may have ended before the lock was ours.
    if !run_find(tx, run.id).await?.is_some_and(|run| run.status.is_open()) {
        return Ok(None);
    }
    let own = s::table.find((run.connection_id, run.data_type)).filter(s::run_id.eq(run.id));
    let schedule: Option<Schedule> = own.select(Schedule::columns()).one(tx).await.optional().during("Failed to read a schedule")?;
    // A run that was set aside is not its schedule's.
    if let Some(schedule) = schedule {
        let due = if run.mode == SyncMode::Window { schedule.due_at } else { now.plus_seconds(schedule.interval_seconds) };
        let given_up = (
            (freed(), s::run_id.eq(None::<i64>), s::priority.eq(Urgency::Scheduled as i64)),
            (s::lease_token.eq(s::lease_token + 1), s::due_at.eq(due), s::next_run_at.eq(due)),
        );
        diesel::update(own).set(given_up).run(tx).await.during("Failed to take a run from its schedule")?;
    }
    page_forget(tx, run.id).await?;
    let ended = (
        r::status.eq(SyncStatus::Cancelled),
        r::finished_at.eq(Some(now)),
        r::waiting_until.eq(None::<Instant>),
        r::waiting_reason.eq(None::<String>),
        r::checkpoint.eq(None::<Json>),
    );
    let query = diesel::update(r::table.find(run.id)).set(ended).returning(SyncRun::columns());
    let cancelled = query.one(tx).await.during("Failed to cancel a run")?;
    run_take_up(tx, run.connection_id, run.data_type, now).await?;
    tx.signal(Signal::Stop(run.id));
    Ok(Some(cancelled))
}

/// What is to change of a schedule.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScheduleChange {
    /// Seconds between two runs.
    pub interval_seconds: Option<i64>,
    /// Whether it runs by itself.
    pub enabled: Option<bool>,
}

/// Changes a schedule. A new interval counts from the last time that it was due, so it takes effect at once. `None`: there is
/// no such schedule.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_change(
    tx: &mut Tx,
    connection: ConnectionId,
    data_type: DataType,
    change: ScheduleChange,
    now: Instant,
) -> Result<Option<Schedule>> {
    schedule_lock(tx, connection, data_type).await?;
    let Some(found) = schedule_find(tx, connection, data_type).await? else { return Ok(None) };
    let interval = change.interval_seconds.unwrap_or(found.interval_seconds);
    let due = found.due_at.plus_seconds(interval - found.interval_seconds);
    let due = found.wanted_at.map_or(due, |wanted| due.min(wanted)).max(now);
    // A run that is under way, or waits, keeps its time.
    let next = if found.run_id.is_some() { found.next_run_at } else { due };
    let changed =
        (s::interval_seconds.eq(interval), s::enabled.eq(change.enabled.unwrap_or(found.enabled)), s::due_at.eq(due), s::next_run_at.eq(next));
    let row = s::table.find((connection.0, data_type));
    tx.signal(Signal::Schedules);
    let query = diesel::update(row).set(changed).returning(Schedule::columns());
    query.one(tx).await.map(Some).during("Failed to change a schedule")
}

/// Makes every enabled schedule of a connection due now: it has new credentials, or goes on after a pause.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_hurry(tx: &mut Tx, connection: ConnectionId, now: Instant) -> Result<()> {
    let rows = s::table.filter(s::connection_id.eq(connection.0)).filter(s::enabled.eq(true)).filter(s::next_run_at.gt(now));
    diesel::update(rows).set((s::due_at.eq(now), s::next_run_at.eq(now))).run(tx).await.during("Failed to make schedules due")?;
    tx.signal(Signal::Schedules);
    Ok(())
}

/// The schedules that are late: due for longer than `grace` without having been taken, or, with a run under way, for longer than
/// a period and `grace`. `grace` is in seconds.
///
/// # Errors
/// When the database does not answer.
pub async fn schedule_late(conn: &mut Conn, grace: i64, now: Instant) -> Result<Vec<Schedule>> {
    let syncing = connections::table.filter(statuses_that_sync()).select(connections::id);
    let due = s::table
        .filter(s::enabled.eq(true))
        .filter(s::due_at.lt(now.minus_seconds(grace)))
        .filter(s::connection_id.eq_any(syncing))
        .select(Schedule::columns());
    let mut late: Vec<Schedule> = due.all(conn).await.during("Failed to find late schedules")?;
    late.retain(|schedule| schedule.run_id.is_none() || schedule.due_at.plus_seconds(schedule.interval_seconds + grace) < now);
    Ok(late)
}
