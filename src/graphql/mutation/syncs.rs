//! `triggerSync`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::engine;
use crate::graphql::access::Needs;
use crate::graphql::connection::connection_id;
use crate::graphql::errors::Result;
use crate::graphql::sync::SyncRun;
use crate::graphql::user_error::{UserError, refused};
use crate::record::{DataType, Instant};
use crate::store::keys::Access;
use crate::store::runs::SyncMode;
use crate::sync::Handle;

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
    /// The span that is asked for.
    fn window(&self) -> std::result::Result<Option<(Instant, Instant)>, UserError> {
        match (self.mode, self.window_start, self.window_end) {
            (SyncMode::Window, Some(start), Some(end)) if start < end => Ok(Some((start, end))),
            (SyncMode::Window, Some(_), Some(_)) => Err(UserError::input(&["windowEnd"], "The window ends before it begins")),
            (SyncMode::Window, None, _) => Err(UserError::input(&["windowStart"], "The mode WINDOW needs windowStart and windowEnd")),
            (SyncMode::Window, _, None) => Err(UserError::input(&["windowEnd"], "The mode WINDOW needs windowStart and windowEnd")),
            (_, None, None) => Ok(None),
            (_, Some(_), _) => Err(UserError::input(&["windowStart"], "Only the mode WINDOW has a window")),
            (_, _, Some(_)) => Err(UserError::input(&["windowEnd"], "Only the mode WINDOW has a window")),
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
        let window = match input.window() {
            Ok(window) => window,
            Err(error) => return Ok(error.into()),
        };
        let Some(connection) = connection_id(&input.connection_id) else {
            let message = format!("{:?} is no connection's id", input.connection_id.as_str());
            return Ok(UserError::input(&["connectionId"], message).into());
        };
        Ok(match engine::<Handle>(ctx)?.trigger(connection, input.data_types, input.mode, window, input.confirm_deletions).await {
            Ok(runs) => TriggerSyncPayload { runs: runs.into_iter().map(|run| SyncRun(Arc::new(run))).collect(), errors: Vec::new() },
            Err(refusal) => refused(refusal)?.into(),
        })
    }
}
