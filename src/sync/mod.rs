//! The sync engine: keeps nine data types of every connection as fresh as their schedules ask.
//!
//! The unit is a schedule: one connection × one data type. [`engine`] takes due schedules by lease and gives each to
//! [`runner`], which reads pages from the adapter and lays each down in one transaction. What to do when is decided by
//! the pure functions of [`policy`].
//!
//! **Invariants.**
//! * A page is one transaction: records, change log, progress and checkpoint commit together or not at all.
//! * Every transaction of a run first proves that the lease is still ours.
//! * No HTTP inside a transaction; no transaction inside `select!` or `timeout`.
//! * A schedule that fails never holds up another.

mod connect;
mod engine;
mod manage;
mod policy;
mod runner;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use connect::{NewAccount, Tested};
pub use engine::Engine;
pub use manage::{AccountChange, LONGEST_INTERVAL, SHORTEST_INTERVAL};
pub use policy::default_interval;

use crate::accounts::Accounts;
pub use crate::accounts::Refused;
use crate::clock::Clock;
use crate::record::{ConnectionId, DataType, ErrorCode, Failure, Instant};
use crate::store::Store;
use crate::store::connections::connection_find;
use crate::store::runs::{NewRun, SyncMode, SyncRun, SyncTrigger};
use crate::store::schedules::{run_request, schedule_list};
pub use crate::wms::Integration;

/// What can be adjusted.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Runs that this process works on at the same time.
    pub workers: usize,
    /// How long a lease holds without being renewed. A dead worker's run is taken over after this.
    pub lease: Duration,
    /// How far back a first sync of transactional types goes unless a connection says otherwise, in days.
    pub lookback_days: i64,
    /// Seconds between runs, where it is not the default.
    pub intervals: BTreeMap<DataType, i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { workers: 8, lease: Duration::from_secs(30), lookback_days: 30, intervals: BTreeMap::new() }
    }
}

/// What a run that somebody asks for reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// What changed since the last run.
    Incremental,
    /// Everything that the source lists.
    Full {
        /// Whether it may delete however much it finds gone.
        confirm_deletions: bool,
    },
    /// What was changed within a span of time.
    Window {
        /// Then or later.
        start: Instant,
        /// Earlier than this; later than `start`.
        end: Instant,
    },
}

/// The longest lookback, in days.
pub const LONGEST_LOOKBACK: i64 = 1095;

struct Shared {
    store: Store,
    accounts: Accounts,
    clock: Clock,
    settings: Settings,
    /// Wakes the engine of this process: a schedule has become due.
    due: Notify,
    workers: Workers,
}

impl Shared {
    /// When a lease that is taken or renewed now runs out.
    fn lease_end(&self) -> Instant {
        self.clock.now().plus_seconds(i64::try_from(self.settings.lease.as_secs()).unwrap_or(30))
    }
}

/// The runs that this process works on, and how to stop each.
#[derive(Default)]
struct Workers(Mutex<HashMap<i64, CancellationToken>>);

impl Workers {
    fn begin(&self, run: i64, stop: CancellationToken) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(run, stop);
    }

    fn end(&self, run: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
    }

    fn stop(&self, run: i64) {
        if let Some(stop) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&run) {
            stop.cancel();
        }
    }
}

/// What the rest of the server may ask of the engine. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("sync::Handle").field("store", &self.shared.store).finish_non_exhaustive()
    }
}

impl Handle {
    /// A handle on an engine that does not run yet: see [`Engine`].
    pub fn new(accounts: Accounts, clock: Clock, settings: Settings) -> Self {
        Self {
            shared: Arc::new(Shared { store: accounts.store().clone(), accounts, clock, settings, due: Notify::new(), workers: Workers::default() }),
        }
    }

    /// Every WMS that can be connected.
    pub fn integrations(&self) -> &[Integration] {
        self.shared.accounts.integrations()
    }

    /// Starts runs now, or joins those that are under way. Without data types: all that the connection reads.
    ///
    /// # Errors
    /// An unknown connection, a data type that it does not read.
    pub async fn trigger(&self, connection: ConnectionId, data_types: Option<Vec<DataType>>, reading: Reading) -> Result<Vec<SyncRun>, Refused> {
        let unknown = || Failure::ours(ErrorCode::NotFound, "There is no such connection").at(&["connectionId"]);
        let known: Vec<DataType> = {
            let mut conn = self.shared.store.read().await?;
            connection_find(&mut conn, connection).await?.ok_or_else(unknown)?;
            schedule_list(&mut conn, &[connection.0]).await?.into_iter().map(|schedule| schedule.data_type).collect()
        };
        let wanted = data_types.unwrap_or_else(|| known.clone());
        for (index, data_type) in wanted.iter().enumerate() {
            if !known.contains(data_type) {
                let failure = Failure::ours(ErrorCode::Unsupported, format!("This connection does not read {data_type}"));
                return Err(failure.at(&["dataTypes", &index.to_string()]).into());
            }
        }
        let (mode, window, confirm_deletions) = match reading {
            Reading::Incremental => (SyncMode::Incremental, None, false),
            Reading::Full { confirm_deletions } => (SyncMode::Full, None, confirm_deletions),
            Reading::Window { start, end } => (SyncMode::Window, Some((start, end)), false),
        };
        let new = NewRun { trigger: SyncTrigger::Manual, mode, window, confirm_deletions };
        let now = self.shared.clock.now();
        let mut tx = self.shared.store.write().await?;
        let mut runs = Vec::new();
        for data_type in wanted {
            runs.extend(run_request(&mut tx, connection, data_type, new, now).await?);
        }
        self.shared.store.commit(tx).await?;
        self.shared.due.notify_one();
        Ok(runs)
    }
}
