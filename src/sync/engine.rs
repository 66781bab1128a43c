//! Takes due schedules and gives each to a runner.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Handle, runner};
use crate::store::Result;
use crate::store::schedules::{Lease, schedule_lease, schedule_next_due};

/// How often the engine looks for due schedules without being woken: other processes queue runs too.
const POLL: Duration = Duration::from_secs(1);
/// How long the engine rests after the store failed.
const REST: Duration = Duration::from_secs(2);

/// The part of the engine that acts. One for each process is enough; any number may share a database.
#[derive(Debug)]
pub struct Engine {
    handle: Handle,
    /// Names this process in leases.
    owner: String,
    stop: CancellationToken,
}

impl Engine {
    /// An engine that stops when `stop` is cancelled, and then hands its runs over.
    pub fn new(handle: Handle, owner: String, stop: CancellationToken) -> Self {
        Self { handle, owner, stop }
    }

    /// Works until it is told to stop, and returns when the last run has been handed over.
    pub async fn work(self) {
        let mut runs = JoinSet::new();
        while !self.stop.is_cancelled() {
            // Armed before the look, so that what becomes due in between is not missed.
            let woken = self.handle.shared.due.notified();
            match self.take(&mut runs).await {
                Ok(()) => {
                    let pause = self.pause().await;
                    tokio::select! {
                        () = woken => {}
                        () = self.stop.cancelled() => {}
                        () = tokio::time::sleep(pause) => {}
                        Some(_) = runs.join_next() => {}
                    }
                }
                Err(error) => {
                    tracing::error!(error = %crate::telemetry::chain(&error), "Failed to take due schedules; trying again soon");
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = tokio::time::sleep(REST) => {}
                    }
                }
            }
        }
        while runs.join_next().await.is_some() {}
    }

    /// Fills the free places with due schedules.
    async fn take(&self, runs: &mut JoinSet<()>) -> Result<()> {
        while runs.len() < self.handle.shared.settings.workers {
            let Some(lease) = self.lease().await? else { break };
            let (handle, stop) = (self.handle.clone(), self.stop.clone());
            runs.spawn(async move { runner::run(&handle, lease, stop).await });
        }
        Ok(())
    }

    async fn lease(&self) -> Result<Option<Lease>> {
        let shared = &self.handle.shared;
        let now = shared.clock.now();
        // A look without a lock first: most of the time nothing is due.
        let due = schedule_next_due(&mut shared.store.read().await?, now).await?;
        if due.is_none_or(|due| due > now) {
            return Ok(None);
        }
        let mut tx = shared.store.write().await?;
        let lease = schedule_lease(&mut tx, &self.owner, now, now.plus_seconds(self.lease_seconds())).await?;
        shared.store.commit(tx).await?;
        Ok(lease)
    }

    fn lease_seconds(&self) -> i64 {
        i64::try_from(self.handle.shared.settings.lease.as_secs()).unwrap_or(30)
    }

    /// Until the next schedule is due, but no longer than the poll.
    async fn pause(&self) -> Duration {
        let shared = &self.handle.shared;
        let Ok(mut conn) = shared.store.read().await else { return POLL };
        let now = shared.clock.now();
        match schedule_next_due(&mut conn, now).await {
            // All places are taken: the end of a run is what to wait for.
            Ok(Some(due)) if due <= now => POLL,
            Ok(Some(due)) => Duration::from_millis(u64::try_from(due.millis_since(now)).unwrap_or(0) + 1).min(POLL),
            _ => POLL,
        }
    }
}
