//! Changing connections and schedules, and stopping runs.

use secrecy::SecretString;

use super::connect::{check_lookback, check_name};
use super::{Handle, Refused};
use crate::record::{ConnectionId, DataType, ErrorCode, Failure, Json};
use crate::store::changes::{Cause, Entry, change_append};
use crate::store::connections::{
    Connection, ConnectionChange, ConnectionStatus, connection_change, connection_credentials_set, connection_find, connection_remove,
    connection_status_set, issue_clear,
};
use crate::store::runs::{SyncRun, run_find};
use crate::store::schedules::{Schedule, ScheduleChange, run_cancel, schedule_change, schedule_hurry};
use crate::store::writes::WRITE_UNKNOWN;

/// The shortest time between two runs of a schedule, in seconds.
pub const SHORTEST_INTERVAL: i64 = 60;
/// The longest time between two runs of a schedule, in seconds: a year.
pub const LONGEST_INTERVAL: i64 = 366 * 24 * 3600;

/// What is to change of a connected account. `None`: stays as it is.
#[derive(Debug, Default)]
pub struct AccountChange {
    /// What people are to call it.
    pub name: Option<String>,
    /// The caller's own reference; `Some(None)` takes it away.
    pub customer_reference: Option<Option<String>>,
    /// New credentials, whole.
    pub credentials: Option<Json>,
    /// How far back a first sync of transactional types goes, in days.
    pub lookback_days: Option<i64>,
    /// Whether it rests.
    pub paused: Option<bool>,
}

fn unknown(field: &str, what: &str) -> Failure {
    Failure::ours(ErrorCode::NotFound, format!("There is no such {what}")).at(&[field])
}

impl Handle {
    /// Changes a connection. New credentials are tried first; they resume a connection whose old ones were rejected.
    ///
    /// # Errors
    /// An unknown connection, values out of bounds, credentials that are malformed or refused.
    pub async fn change(&self, id: ConnectionId, change: AccountChange) -> Result<Connection, Refused> {
        if let Some(name) = &change.name {
            check_name(name)?;
        }
        if let Some(days) = change.lookback_days {
            check_lookback(days)?;
        }
        let found = connection_find(&mut self.shared.store.read().await?, id).await?.ok_or_else(|| unknown("connectionId", "connection"))?;
        if let Some(credentials) = &change.credentials {
            self.test_credentials(&found.integration, credentials).await?;
        }
        let status = match change.paused {
            Some(true) => Some(ConnectionStatus::Paused),
            Some(false) if found.status == ConnectionStatus::Paused => Some(ConnectionStatus::Active),
            _ if change.credentials.is_some() && found.status == ConnectionStatus::CredentialsRejected => Some(ConnectionStatus::Active),
            _ => None,
        };
        let now = self.shared.clock.now();
        let mut tx = self.shared.store.write().await?;
        let mut cleared = Vec::new();
        if let Some(credentials) = &change.credentials {
            connection_credentials_set(&mut tx, self.shared.store.vault(), id, &SecretString::from(credentials.as_str())).await?;
            cleared = issue_clear(&mut tx, id, None, &[WRITE_UNKNOWN]).await?;
        }
        if let Some(status) = status {
            connection_status_set(&mut tx, id, status).await?;
            if status == ConnectionStatus::Active {
                schedule_hurry(&mut tx, id, now).await?;
            }
        }
        let AccountChange { name, customer_reference, lookback_days, .. } = change;
        let changed = connection_change(&mut tx, id, ConnectionChange { name, customer_reference, lookback_days }).await?;
        change_append(&mut tx, cleared, Cause::default(), now).await?;
        self.shared.store.commit(tx).await?;
        Ok(changed.ok_or_else(|| unknown("connectionId", "connection"))?)
    }

    /// Removes a connection with everything that was synced from it. Nothing changes at the WMS.
    ///
    /// # Errors
    /// An unknown connection.
    pub async fn disconnect(&self, id: ConnectionId) -> Result<(), Refused> {
        let mut tx = self.shared.store.write().await?;
        if !connection_remove(&mut tx, id).await? {
            return Err(unknown("connectionId", "connection").into());
        }
        self.shared.store.commit(tx).await?;
        tracing::info!(connection.id = id.0, "Removed a connection");
        Ok(())
    }

    /// Changes a schedule; it takes effect at once.
    ///
    /// # Errors
    /// An unknown connection, a data type that it does not read, an interval out of bounds.
    pub async fn reschedule(&self, id: ConnectionId, data_type: DataType, change: ScheduleChange) -> Result<Schedule, Refused> {
        if change.interval_seconds.is_some_and(|seconds| !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&seconds)) {
            let message = format!("intervalSeconds must be from {SHORTEST_INTERVAL} to {LONGEST_INTERVAL}");
            return Err(Failure::ours(ErrorCode::InvalidInput, message).at(&["intervalSeconds"]).into());
        }
        connection_find(&mut self.shared.store.read().await?, id).await?.ok_or_else(|| unknown("connectionId", "connection"))?;
        let mut tx = self.shared.store.write().await?;
        let changed = schedule_change(&mut tx, id, data_type, change, self.shared.clock.now()).await?;
        self.shared.store.commit(tx).await?;
        let missing = || Failure::ours(ErrorCode::Unsupported, format!("This connection does not read {data_type}")).at(&["dataType"]);
        Ok(changed.ok_or_else(missing)?)
    }

    /// Stops a run, whatever it is doing. Pages that it has committed stay.
    ///
    /// # Errors
    /// An unknown run; one that has ended.
    pub async fn cancel(&self, run: i64) -> Result<SyncRun, Refused> {
        let found = run_find(&mut self.shared.store.read().await?, run).await?.ok_or_else(|| unknown("runId", "run"))?;
        let now = self.shared.clock.now();
        let mut tx = self.shared.store.write().await?;
        let Some(ended) = run_cancel(&mut tx, &found, now).await? else {
            return Err(Failure::ours(ErrorCode::Conflict, "The run has ended already").at(&["runId"]).into());
        };
        let (connection, data_type) = (ConnectionId(ended.connection_id), ended.data_type);
        change_append(&mut tx, vec![Entry::run_ended(connection, data_type)], Cause { run: Some(run), write: None }, now).await?;
        self.shared.store.commit(tx).await?;
        self.shared.metrics.run_ended(data_type.as_str(), ended.status.as_str(), now.millis_since(ended.started_at.unwrap_or(now)));
        Ok(ended)
    }
}
