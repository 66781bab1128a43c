//! What no run looks after: schedules that are late, and history that is old.
//!
//! Every process does it; doing it twice changes nothing. Old rows go in small transactions, so that nobody waits for them.

use tokio_util::sync::CancellationToken;

use super::{Handle, policy};
use crate::record::{ConnectionId, DataType};
use crate::store::Result;
use crate::store::budgets::budget_prune;
use crate::store::changes::{Cause, change_append, change_prune};
use crate::store::connections::{connection_status_follow, issue_raise};
use crate::store::runs::run_prune;
use crate::store::schedules::schedule_late;
use crate::telemetry::chain;

/// The code of the issue that a schedule is late. The end of a run takes it back.
const SCHEDULE_LATE: &str = "SCHEDULE_LATE";
/// The most rows that one transaction removes.
const AT_ONCE: i64 = 1000;
/// Seconds in a day.
const DAY: i64 = 24 * policy::HOUR;

/// Looks after all of it now and then, until it is told to stop.
pub(super) async fn keep(handle: &Handle, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(handle.shared.settings.upkeep) => {}
        }
        // Outside of the select: a transaction must not be cut short.
        for (what, outcome) in [("late schedules", late(handle).await), ("old history", prune(handle, stop).await)] {
            if let Err(error) = outcome {
                tracing::warn!(error = %chain(&error), "Failed to look after {what}");
            }
        }
    }
}

/// Counts the late schedules, and raises an issue for each.
async fn late(handle: &Handle) -> Result<()> {
    let shared = &handle.shared;
    let now = shared.clock.now();
    let late = schedule_late(&mut shared.store.read().await?, policy::GRACE, now).await?;
    for data_type in DataType::ALL {
        let count = late.iter().filter(|late| late.data_type == *data_type).count();
        shared.metrics.schedules_late(data_type.as_str(), i64::try_from(count).unwrap_or(i64::MAX));
    }
    if late.is_empty() {
        return Ok(());
    }
    let mut tx = shared.store.write().await?;
    let mut entries = Vec::new();
    for late in &late {
        let (connection, data_type) = (ConnectionId(late.connection_id), late.data_type);
        let message = format!("The sync of {data_type} has been due since {}", late.due_at);
        entries.extend(issue_raise(&mut tx, connection, SCHEDULE_LATE, Some(data_type), &message, false, now).await?);
        connection_status_follow(&mut tx, connection).await?;
    }
    change_append(&mut tx, entries, Cause::default(), now).await?;
    shared.store.commit(tx).await?;
    tracing::warn!(sync.late = late.len(), "Schedules are late: are there enough workers (--sync-workers), and do the WMSs answer?");
    Ok(())
}

/// Removes ended runs and entries of the change log that are older than they are to be kept.
async fn prune(handle: &Handle, stop: &CancellationToken) -> Result<()> {
    let shared = &handle.shared;
    let now = shared.clock.now();
    let (runs, changes) = (now.minus_seconds(shared.settings.keep_runs_days * DAY), now.minus_seconds(shared.settings.keep_changes_days * DAY));
    loop {
        let mut tx = shared.store.write().await?;
        let pruned = run_prune(&mut tx, runs, AT_ONCE).await?;
        let removed = change_prune(&mut tx, changes, AT_ONCE).await?;
        budget_prune(&mut tx, runs).await?;
        shared.store.commit(tx).await?;
        if pruned > 0 || removed > 0 {
            tracing::debug!(sync.runs = pruned, changes = removed, "Removed old history");
        }
        if stop.is_cancelled() || (removed < AT_ONCE && i64::try_from(pruned).unwrap_or(0) < AT_ONCE / 2) {
            return Ok(());
        }
    }
}
