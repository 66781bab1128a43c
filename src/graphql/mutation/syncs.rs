//! `triggerSync`, `cancelSync` and `updateSyncSchedule`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::engine;
use crate::graphql::access::Needs;
use crate::graphql::connection::{SyncSchedule, connection_id};
use crate::graphql::errors::Result;
use crate::graphql::sync::SyncRun;
use crate::graphql::user_error::{UserError, refused};
use crate::record::{DataType, Id, Instant};
use crate::store::keys::Access;
use crate::store::runs::SyncMode;
use crate::store::schedules::ScheduleChange;
use crate::sync::{Handle, Reading};

/// What is to be synced.
#[derive(InputObject)]
pub struct TriggerSyncInput {
    /// The connected WMS to read.
    connection_id: ID,
    /// The types to read. All that the connection reads when left out.
    data_types: Option<Vec<DataType>>,
    /// How much of the source is read.
    #[graphql(default_with = "SyncMode::Incremental")]
    mode: SyncMode,
    /// For the mode `WINDOW`: only what was changed at this moment or later.
    window_start: Option<Instant>,
    /// For the mode `WINDOW`: only what was changed before this moment.
    window_end: Option<Instant>,
    /// For the mode `FULL`: delete whatever the source no longer lists, however much it is. Without it, a run that would
    /// delete more than a fifth of a type's records, and more than 50, deletes nothing and ends PARTIAL.
    #[graphql(default = false)]
    confirm_deletions: bool,
}

impl TriggerSyncInput {
    /// What is to be read, if the fields agree.
    fn reading(&self) -> std::result::Result<Reading, UserError> {
        if self.confirm_deletions && self.mode != SyncMode::Full {
            return Err(UserError::input(&["confirmDeletions"], "Only the mode FULL can confirm deletions"));
        }
        match (self.mode, self.window_start, self.window_end) {
            (SyncMode::Window, Some(start), Some(end)) if start < end => Ok(Reading::Window { start, end }),
            (SyncMode::Window, Some(_), Some(_)) => Err(UserError::input(&["windowEnd"], "The window ends before it begins")),
            (SyncMode::Window, None, _) => Err(UserError::input(&["windowStart"], "The mode WINDOW needs windowStart and windowEnd")),
            (SyncMode::Window, _, None) => Err(UserError::input(&["windowEnd"], "The mode WINDOW needs windowStart and windowEnd")),
            (_, Some(_), _) => Err(UserError::input(&["windowStart"], "Only the mode WINDOW has a window")),
            (_, _, Some(_)) => Err(UserError::input(&["windowEnd"], "Only the mode WINDOW has a window")),
            (SyncMode::Incremental, None, None) => Ok(Reading::Incremental),
            (SyncMode::Full, None, None) => Ok(Reading::Full { confirm_deletions: self.confirm_deletions }),
        }
    }
}

/// What came of `triggerSync`.
#[derive(SimpleObject)]
pub struct TriggerSyncPayload {
    /// The runs, one for each type: new ones, or those that were already under way.
    runs: Vec<SyncRun>,
    /// What the caller can act on; empty when the runs were started.
    errors: Vec<UserError>,
}

impl From<UserError> for TriggerSyncPayload {
    fn from(error: UserError) -> Self {
        Self { runs: Vec::new(), errors: vec![error] }
    }
}

/// Which run is to be stopped.
#[derive(InputObject)]
pub struct CancelSyncInput {
    /// The run.
    run_id: ID,
}

/// What came of `cancelSync`.
#[derive(SimpleObject)]
pub struct CancelSyncPayload {
    /// The run as it is now; null when it was not stopped.
    run: Option<SyncRun>,
    /// What the caller can act on; empty when the run was stopped.
    errors: Vec<UserError>,
}

/// What is to change of a schedule. What is left out stays as it is.
#[derive(InputObject)]
pub struct UpdateSyncScheduleInput {
    /// The connected WMS.
    connection_id: ID,
    /// The data type.
    data_type: DataType,
    /// Seconds between two runs: 60 to 31622400. Takes effect at once.
    interval_seconds: Option<i64>,
    /// False: it runs only when somebody asks.
    enabled: Option<bool>,
}

/// What came of `updateSyncSchedule`.
#[derive(SimpleObject)]
pub struct UpdateSyncSchedulePayload {
    /// The schedule as it is now; null when the change was refused.
    schedule: Option<SyncSchedule>,
    /// What the caller can act on; empty when the schedule was changed.
    errors: Vec<UserError>,
}

/// See `Mutation`.
#[derive(Default)]
pub struct Syncs;

#[Object]
impl Syncs {
    /// Starts a sync now. Joins a run that is already under way instead of starting a second. Needs a key with `WRITE`
    /// access.
    #[graphql(guard = "Needs(Access::Write)")]
    async fn trigger_sync(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be synced.")] input: TriggerSyncInput,
    ) -> Result<TriggerSyncPayload> {
        let reading = match input.reading() {
            Ok(reading) => reading,
            Err(error) => return Ok(error.into()),
        };
        let Some(connection) = connection_id(&input.connection_id) else {
            return Ok(UserError::no_connection(&input.connection_id).into());
        };
        Ok(match engine::<Handle>(ctx)?.trigger(connection, input.data_types, reading).await {
            Ok(runs) => TriggerSyncPayload { runs: runs.into_iter().map(|run| SyncRun(Arc::new(run))).collect(), errors: Vec::new() },
            Err(refusal) => refused(refusal)?.into(),
        })
    }

    /// Stops a run, whatever it is doing. What it has stored stays. Needs a key with `WRITE` access.
    #[graphql(guard = "Needs(Access::Write)")]
    async fn cancel_sync(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which run is to be stopped.")] input: CancelSyncInput,
    ) -> Result<CancelSyncPayload> {
        let Ok(Id::SyncRun(run)) = input.run_id.parse() else {
            let error = UserError::input(&["runId"], format!("{:?} is no run's id", input.run_id.as_str()));
            return Ok(CancelSyncPayload { run: None, errors: vec![error] });
        };
        Ok(match engine::<Handle>(ctx)?.cancel(run).await {
            Ok(run) => CancelSyncPayload { run: Some(SyncRun(Arc::new(run))), errors: Vec::new() },
            Err(refusal) => CancelSyncPayload { run: None, errors: vec![refused(refusal)?] },
        })
    }

    /// Changes how often a data type of a connection is synced, or whether it is. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn update_sync_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to change.")] input: UpdateSyncScheduleInput,
    ) -> Result<UpdateSyncSchedulePayload> {
        let Some(connection) = connection_id(&input.connection_id) else {
            return Ok(UpdateSyncSchedulePayload { schedule: None, errors: vec![UserError::no_connection(&input.connection_id)] });
        };
        let change = ScheduleChange { interval_seconds: input.interval_seconds, enabled: input.enabled };
        Ok(match engine::<Handle>(ctx)?.reschedule(connection, input.data_type, change).await {
            Ok(schedule) => UpdateSyncSchedulePayload { schedule: Some(SyncSchedule(schedule)), errors: Vec::new() },
            Err(refusal) => UpdateSyncSchedulePayload { schedule: None, errors: vec![refused(refusal)?] },
        })
    }
}
