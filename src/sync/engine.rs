//! Takes due schedules and gives each to a runner.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Handle, runner, upkeep};
use crate::record::{ConnectionId, Instant};
use crate::store::Result;
use crate::store::schedules::{Lease, Takes, schedule_lease, schedule_next_due};

/// How often the engine looks for due schedules without being woken. The time that tells what is due is not the one that
/// the runtime sleeps by (tests turn it), so this is short.
const POLL: Duration = Duration::from_secs(1);
/// How long the engine rests after the store failed.
const REST: Duration = Duration::from_secs(2);

/// What an engine works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Works {
    /// Every connection, and the upkeep.
    OnAll,
    /// This connection, and nothing else.
    OnOne(ConnectionId),
}

/// The part of the engine that acts. One for each process is enough; any number may share a database.
#[derive(Debug)]
pub struct Engine {
    handle: Handle,
    works: Works,
    /// Names this process in leases.
    owner: String,
    stop: CancellationToken,
}

impl Engine {
    /// An engine that stops when `stop` is cancelled, and then hands its runs over.
    pub fn new(handle: Handle, works: Works, owner: String, stop: CancellationToken) -> Self {
        Self { handle, works, owner, stop }
    }

    /// Works until it is told to stop, and returns when the last run has been handed over.
    pub async fn work(self) {
        let upkeep = async {
            if self.works == Works::OnAll {
                upkeep::keep(&self.handle, &self.stop).await;
            }
        };
        tokio::join!(upkeep, self.run());
    }

    async fn run(&self) {
        let shared = &self.handle.shared;
        let (due, mut stops) = (shared.store.schedules_committed(), shared.store.stops_committed());
        let mut runs = JoinSet::new();
        while !self.stop.is_cancelled() {
            // Armed before the look, so that what becomes due in between is not missed.
            let woken = due.notified();
            let pause = match self.take(&mut runs).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(error = %crate::telemetry::chain(&error), "Failed to take due schedules; trying again soon");
                    REST
                }
            };
            tokio::select! {
                () = woken => {}
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                // A worker that is not told finds its lease gone.
                Ok(run) = stops.recv() => shared.workers.stop(run),
                Some(_) = runs.join_next() => {}
            }
        }
        while runs.join_next().await.is_some() {}
    }

    fn takes(&self) -> Takes {
        let only = match self.works {
            Works::OnAll => None,
            Works::OnOne(connection) => Some(connection),
        };
        Takes { per_connection: self.handle.shared.settings.workers_per_connection, only }
    }

    /// Fills the free places with due schedules. Answers with how long to wait before the next look: until the next schedule
    /// is due, but no longer than the poll.
    async fn take(&self, runs: &mut JoinSet<()>) -> Result<Duration> {
        let shared = &self.handle.shared;
        while runs.len() < shared.settings.workers {
            let now = shared.clock.now();
            // A look without a lock first: most of the time nothing is due.
            let Some(due) = schedule_next_due(&mut shared.store.read().await?, self.takes(), now).await? else { return Ok(POLL) };
            if due > now {
                return Ok(Duration::from_millis(u64::try_from(due.millis_since(now)).unwrap_or(0) + 1).min(POLL));
            }
            let Some(lease) = self.lease(now).await? else { return Ok(POLL) };
            let (handle, stop) = (self.handle.clone(), self.stop.clone());
            runs.spawn(async move { runner::run(&handle, lease, stop).await });
        }
        // All places are taken: the end of a run is what to wait for.
        Ok(POLL)
    }

    async fn lease(&self, now: Instant) -> Result<Option<Lease>> {
        let shared = &self.handle.shared;
        let mut tx = shared.store.write().await?;
        let lease = schedule_lease(&mut tx, &self.owner, self.takes(), now, shared.lease_end()).await?;
        shared.store.commit(tx).await?;
        Ok(lease)
    }
}
