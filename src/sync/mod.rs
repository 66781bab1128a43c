//! The sync engine: keeps nine data types of every connection as fresh as their schedules ask.
//!
//! The unit is a schedule: one connection × one data type. [`engine`] takes due schedules by lease and gives each to
//! [`runner`], which reads pages from the adapter and lays each down in one transaction ([`page`]). What to do when is
//! decided by the pure functions of [`policy`]; [`fresh`] lets readers wait for a run. [`upkeep`] looks after what no run does: late schedules, old history.
//!
//! **Invariants.**
//! * A page is one transaction: records, change log, progress and checkpoint commit together or not at all.
//! * Every transaction of a run first proves that the lease is still ours.
//! * No HTTP inside a transaction; no transaction inside `select!` or `timeout`.
//! * A schedule that fails never holds up another.

mod connect;
mod engine;
mod fresh;
mod heart;
mod manage;
mod page;
mod policy;
mod runner;
mod upkeep;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use connect::{NewAccount, Tested};
pub use engine::{Engine, Works};
pub use fresh::{LONGEST_STALENESS, MOST_FRESHENED, NotFresh, Stale};
pub use manage::{AccountChange, LONGEST_INTERVAL, SHORTEST_INTERVAL};
pub use policy::default_interval;

use crate::accounts::Accounts;
pub use crate::accounts::Refused;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::record::{ConnectionId, DataType, ErrorCode, Failure, Instant};
use crate::store::Store;
use crate::store::connections::{Connection, connection_find};
use crate::store::runs::{NewRun, SyncMode, SyncRun, SyncTrigger};
use crate::store::schedules::{run_request, schedule_list};
pub use crate::wms::Integration;

/// What can be adjusted.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Runs that this process works on at the same time.
    pub workers: usize,
    /// Runs of one connection that all processes together work on at the same time.
    pub workers_per_connection: i64,
    /// How long a lease holds without being renewed. A dead worker's run is taken over after this.
    pub lease: Duration,
    /// How long a page may take before its run is interrupted and tried again.
    pub page_deadline: Duration,
    /// How far back a first sync of transactional types goes unless a connection says otherwise, in days.
    pub lookback_days: i64,
    /// Seconds between runs, where it is not the default.
    pub intervals: BTreeMap<DataType, i64>,
    /// How often upkeep looks for late schedules and old history.
    pub upkeep: Duration,
    /// How long ended runs are kept, in days.
    pub keep_runs_days: i64,
    /// How many runs of each schedule are kept.
    pub keep_runs: i64,
    /// How far back the change log reaches, in days.
    pub keep_changes_days: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 16,
            workers_per_connection: 4,
            lease: Duration::from_secs(30),
            page_deadline: Duration::from_secs(600),
            lookback_days: 30,
            intervals: BTreeMap::new(),
            upkeep: Duration::from_secs(30),
            keep_runs_days: 90,
            keep_runs: 1000,
            keep_changes_days: 30,
        }
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
    metrics: Metrics,
    workers: Workers,
    rounds: fresh::Rounds,
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
    pub fn new(accounts: Accounts, clock: Clock, settings: Settings, metrics: Metrics) -> Self {
        let store = accounts.store().clone();
        Self { shared: Arc::new(Shared { store, accounts, clock, settings, metrics, workers: Workers::default(), rounds: fresh::Rounds::default() }) }
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
        let (found, known): (Connection, Vec<DataType>) = {
            let mut conn = self.shared.store.read().await?;
            let found = connection_find(&mut conn, connection).await?.ok_or_else(unknown)?;
            (found, schedule_list(&mut conn, &[connection.0]).await?.into_iter().map(|schedule| schedule.data_type).collect())
        };
        // A window is for what can be listed by time.
        let by_time = |data_type: DataType| {
            let integration = self.shared.accounts.integration(&found.integration);
            integration.and_then(|integration| integration.reads(data_type)).is_some_and(|reads| reads.incremental)
        };
        let fits = |data_type: DataType| !matches!(reading, Reading::Window { .. }) || by_time(data_type);
        let wanted = data_types.unwrap_or_else(|| known.iter().copied().filter(|data_type| fits(*data_type)).collect());
        for (index, data_type) in wanted.iter().enumerate() {
            let refusal = match (known.contains(data_type), fits(*data_type)) {
                (true, true) => continue,
                (false, _) => format!("This connection does not read {data_type}"),
                (true, false) => format!("This WMS does not list {data_type} by time, so there is no window to read; the mode FULL reads them all"),
            };
            return Err(Failure::ours(ErrorCode::Unsupported, refusal).at(&["dataTypes", &index.to_string()]).into());
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
        Ok(runs)
    }
}
