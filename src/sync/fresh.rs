//! Records that are fresh enough: whoever asks for them waits until the WMS has been read.
//!
//! A caller says how old what it is about to read may be. Schedules whose data is older are run first, and the caller waits for
//! the ends of their runs, each of which it may share with others.
//!
//! **Invariants.**
//! * However many wait for a schedule, there is one run. Those of one process share a [`Round`]; the rounds of several processes
//!   meet in the store, which has at most one run under way for each schedule.
//! * Nobody holds a database connection while it waits, and nobody who gives up interrupts a write: a round is a task of its own.
//! * Nothing is cancelled. A caller that no longer waits leaves the run to itself.
//! * Stale data is never passed off as fresh: what did not become so in time is an error that says why.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::watch;

use super::{Handle, LONGEST_INTERVAL};
use crate::record::{ConnectionId, DataType, Failure, Instant};
use crate::store::runs::{SyncMode, SyncRun, SyncStatus, run_find, run_latest};
use crate::store::schedules::{Age, run_freshen, schedule_ages, schedule_find};
use crate::store::{self, Conn, Scope};

/// The oldest age that can be asked for, in seconds.
pub const LONGEST_STALENESS: i64 = LONGEST_INTERVAL;
/// The most schedules that one caller has brought up to date.
pub const MOST_FRESHENED: usize = 100;

/// Why records are not as fresh as somebody asked.
#[derive(Debug, Clone)]
pub enum NotFresh {
    /// A connection's are not.
    Stale(Stale),
    /// So many connections' are not: more than are synced for one caller.
    TooMany(usize),
    /// The store failed.
    Store(Arc<store::Error>),
}

/// A connection whose records are older than they may be.
#[derive(Debug, Clone)]
pub struct Stale {
    /// The connection.
    pub connection: ConnectionId,
    /// Its source data is known to be complete up to here.
    pub fresh_as_of: Option<Instant>,
    /// What stands in the way, as a sentence.
    pub why: String,
}

impl From<store::Error> for NotFresh {
    fn from(error: store::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// How a round ended; `None` while it has not. Without a run: the schedule is not there any more.
type Outcome = Option<Result<Option<SyncRun>, Arc<store::Error>>>;

/// One bringing up to date of a schedule, and those who wait for it.
type Round = watch::Sender<Outcome>;

/// The rounds under way in this process.
#[derive(Default)]
pub(super) struct Rounds(Mutex<HashMap<(ConnectionId, DataType), Round>>);

/// Takes a round out of the list when it is over, also when its task panics.
struct Listed {
    handle: Handle,
    key: (ConnectionId, DataType),
    round: Round,
}

impl Rounds {
    fn lock(&self) -> MutexGuard<'_, HashMap<(ConnectionId, DataType), Round>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut rounds = self.handle.shared.rounds.lock();
        if rounds.get(&self.key).is_some_and(|round| round.same_channel(&self.round)) {
            rounds.remove(&self.key);
        }
    }
}

/// The oldest of these ages: what all of them together are complete up to. `None` where one has never been synced, or there is
/// none.
fn oldest(ages: &[Age]) -> Option<Instant> {
    ages.iter().map(|age| age.fresh_as_of).min().flatten()
}

/// Whether a run has ended that began after this moment, and shows what there was then.
fn shows(run: &SyncRun, since: Instant) -> bool {
    let ended_well = matches!(run.status, SyncStatus::Succeeded | SyncStatus::Partial) && run.error.is_none();
    ended_well && run.mode != SyncMode::Window && run.started_at >= Some(since)
}

impl Handle {
    /// Up to when the records of a type, of these connections, are known to be complete. `None` where those of one have never been
    /// read to the end, or there is no connection that has any.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fresh_as_of(conn: &mut Conn, data_type: DataType, of: &Scope) -> store::Result<Option<Instant>> {
        Ok(oldest(&schedule_ages(conn, data_type, of).await?))
    }

    /// Returns when the records of a type, of these connections, are no older than `staleness` (in seconds, from 0), or have been
    /// read anew since the call. Waits no longer than `patience`.
    ///
    /// # Errors
    /// [`NotFresh`], at once where a connection is not synced, and as soon as a run fails.
    pub async fn freshen(&self, data_type: DataType, of: &Scope, staleness: i64, patience: Duration) -> Result<(), NotFresh> {
        let since = self.shared.clock.now().minus_seconds(staleness);
        let stale = self.stale(data_type, of, since).await?;
        if let Some(age) = stale.iter().find(|age| !age.is_synced()) {
            let why = format!("the connection is {}, so it is not synced", age.status);
            return Err(NotFresh::Stale(Stale { connection: ConnectionId(age.connection_id), fresh_as_of: age.fresh_as_of, why }));
        }
        if stale.len() > MOST_FRESHENED {
            return Err(NotFresh::TooMany(stale.len()));
        }
        let first = stale.first().cloned();
        let all = try_join_all(stale.iter().map(|age| self.bring_up(age, data_type, since)));
        match (tokio::time::timeout(patience, all).await, first) {
            (Ok(done), _) => done.map(drop),
            (Err(_), None) => Ok(()),
            (Err(_), Some(first)) => {
                let late = schedule_ages(&mut self.shared.store.read().await?, data_type, of).await?;
                let late = late.into_iter().find(|age| age.fresh_as_of < Some(since)).unwrap_or(first);
                let why = format!("its sync has not ended within {} s; it goes on, and who asks again joins it", patience.as_secs_f32());
                Err(NotFresh::Stale(Stale { connection: ConnectionId(late.connection_id), fresh_as_of: late.fresh_as_of, why }))
            }
        }
    }

    /// The schedules whose data is older. It is younger where it has been read since, though the WMS's clock say otherwise: one that
    /// is behind would have everything read again and again.
    async fn stale(&self, data_type: DataType, of: &Scope, since: Instant) -> store::Result<Vec<Age>> {
        let mut conn = self.shared.store.read().await?;
        let mut stale = schedule_ages(&mut conn, data_type, of).await?;
        stale.retain(|age| age.fresh_as_of < Some(since));
        if stale.is_empty() || stale.len() > MOST_FRESHENED {
            return Ok(stale);
        }
        let connections: Vec<i64> = stale.iter().map(|age| age.connection_id).collect();
        let latest = run_latest(&mut conn, &connections).await?;
        let read_since =
            |age: &Age| latest.iter().any(|run| run.connection_id == age.connection_id && run.data_type == data_type && shows(run, since));
        stale.retain(|age| !read_since(age));
        Ok(stale)
    }

    /// Waits for one schedule.
    async fn bring_up(&self, age: &Age, data_type: DataType, since: Instant) -> Result<(), NotFresh> {
        let connection = ConnectionId(age.connection_id);
        // A run that had begun before may show less than was asked for. One that has begun since shows all there is, whatever the
        // WMS's clock says of it; and the one after another has, whatever this machine's does.
        for is_second in [false, true] {
            let Some(run) = self.round(connection, data_type).await? else { return Ok(()) };
            let now = schedule_find(&mut self.shared.store.read().await?, connection, data_type).await?;
            let fresh_as_of = now.and_then(|schedule| schedule.fresh_as_of);
            let why = match (run.status, run.error.as_ref().map(Failure::from_json)) {
                (SyncStatus::Cancelled, _) => "somebody stopped its sync".to_owned(),
                (_, Some(failure)) => format!("its sync failed: {}", failure.message),
                (_, None) if is_second || shows(&run, since) || fresh_as_of >= Some(since) => return Ok(()),
                (_, None) => continue,
            };
            return Err(NotFresh::Stale(Stale { connection, fresh_as_of, why }));
        }
        Ok(())
    }

    /// Waits for the end of the round that is under way, or of a new one. `None`: the schedule is not there any more.
    async fn round(&self, connection: ConnectionId, data_type: DataType) -> Result<Option<SyncRun>, NotFresh> {
        let key = (connection, data_type);
        let mut outcome = {
            let mut rounds = self.shared.rounds.lock();
            if let Some(round) = rounds.get(&key) {
                round.subscribe()
            } else {
                let (round, outcome) = watch::channel(None);
                rounds.insert(key, round.clone());
                tokio::spawn(Listed { handle: self.clone(), key, round }.play());
                outcome
            }
        };
        let ended = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        // Without an outcome its task panicked, which has been reported.
        let ended = ended.unwrap_or(Err(Arc::new(store::Error::LeaseLost)));
        ended.map_err(NotFresh::Store)
    }
}

impl Listed {
    /// Sees to it that there is a run, and waits for its end; or until nobody waits any more.
    async fn play(self) {
        loop {
            let outcome = match self.ended().await {
                Ok(Some(run)) => Ok(run),
                Ok(None) if self.is_left() => return,
                Ok(None) => continue,
                Err(error) => Err(Arc::new(error)),
            };
            let round = self.round.clone();
            // Out of the list first: who comes now wants a round of its own.
            drop(self);
            round.send_replace(Some(outcome));
            return;
        }
    }

    /// Whether nobody waits any more; then nobody can begin to.
    fn is_left(&self) -> bool {
        let mut rounds = self.handle.shared.rounds.lock();
        let left = self.round.receiver_count() == 0;
        if left {
            rounds.remove(&self.key);
        }
        left
    }

    /// The run that ended, if the schedule is still there. `None`: nobody waits any more.
    async fn ended(&self) -> store::Result<Option<Option<SyncRun>>> {
        let shared = &self.handle.shared;
        let (connection, data_type) = self.key;
        let (changes, schedules) = (shared.store.changes_committed(), shared.store.schedules_committed());
        let mut asked: Option<SyncRun> = None;
        loop {
            // Armed before the look, so that what ends in between is not missed.
            let (mut changed, mut scheduled) = (pin!(changes.notified()), pin!(schedules.notified()));
            changed.as_mut().enable();
            scheduled.as_mut().enable();
            let found = match asked {
                // It shows nothing new; as soon as it has given way there is another run to be had.
                Some(window) if window.mode == SyncMode::Window => {
                    let schedule = schedule_find(&mut shared.store.read().await?, connection, data_type).await?;
                    let goes_on = schedule.is_some_and(|schedule| schedule.run_id == Some(window.id));
                    if goes_on { Some(window) } else { self.ask().await? }
                }
                Some(run) => run_find(&mut shared.store.read().await?, run.id).await?,
                None => self.ask().await?,
            };
            match found {
                None => return Ok(Some(None)),
                Some(run) if run.mode != SyncMode::Window && !run.status.is_open() => return Ok(Some(Some(run))),
                Some(run) => asked = Some(run),
            }
            tokio::select! {
                () = changed => {}
                () = scheduled => {}
                () = tokio::time::sleep(shared.store.poll()) => {}
                () = self.round.closed() => return Ok(None),
            }
        }
    }

    async fn ask(&self) -> store::Result<Option<SyncRun>> {
        let shared = &self.handle.shared;
        let mut tx = shared.store.write().await?;
        let run = run_freshen(&mut tx, self.key.0, self.key.1, shared.clock.now()).await?;
        shared.store.commit(tx).await?;
        Ok(run)
    }
}
