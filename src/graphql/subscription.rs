//! Subscriptions: the change log, followed.
//!
//! With `after`, the reader first replays what was missed and then goes on live; it is one stream, so there is no gap
//! between the two and nothing comes twice. Every event carries the cursor to go on from.

use async_graphql::{Context, ID, SimpleObject, Subscription as Subscribes};
use futures_util::{Stream, StreamExt as _};

use super::connection::ConnectedWms;
use super::errors::{Fault, Result};
use super::scalars::LogCursor;
use super::state;
use super::sync::{SyncRun, connection_ids};
use crate::changes::Reader;
use crate::record::{DataType, Instant};
use crate::store::changes::{Change, Kind, change_which};
use crate::store::runs::SyncTrigger;

/// A sync run has ended.
#[derive(SimpleObject)]
pub struct SyncCompleted {
    /// Give it back as `after` to go on from here.
    cursor: LogCursor,
    /// The run.
    run: SyncRun,
    /// What was read.
    connection: ConnectedWms,
    /// Which type was read.
    data_type: DataType,
    /// Whether it was the connection's first of its type: from now on its records are complete.
    is_initial: bool,
    /// When it ended.
    completed_at: Instant,
    /// The oldest `sourceUpdatedAt` among what it read; null when it read nothing that has one.
    oldest_source_date: Option<Instant>,
    /// The newest `sourceUpdatedAt` among what it read; null when it read nothing that has one.
    newest_source_date: Option<Instant>,
}

/// What has happened, as it happens.
pub struct Subscription;

/// What has happened, as it happens.
#[Subscribes]
impl Subscription {
    /// One event for each finished run. With `after`, first what was missed, then live: no gap, no repeat.
    async fn sync_completed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of these connected WMSs (at most 100). All when left out.")] connection_ids: Option<Vec<ID>>,
        #[graphql(desc = "Only of these types. All when left out.")] data_types: Option<Vec<DataType>>,
        #[graphql(desc = "The cursor of the last event that was seen. Only what happens from now on when left out.")] after: Option<LogCursor>,
    ) -> Result<impl Stream<Item = Result<SyncCompleted>> + use<>> {
        let connections = connection_ids.as_deref().map(|ids| self::connection_ids(&["connectionIds"], ids)).transpose()?;
        let after = after.map(|cursor| cursor.position("after")).transpose()?;
        let reader = ctx.data_opt::<Reader>().ok_or(Fault::Defect("The schema was made without its engines".into()))?;
        if let Some(after) = after
            && after > reader.head().await?
        {
            return Err(Fault::argument("after", "the cursor lies beyond the end of the change log: is it another server's?"));
        }
        let which = change_which(&[Kind::SyncCompleted], connections.as_deref(), data_types.as_deref());
        let state = state(ctx)?.clone();
        Ok(reader.follow(after, which).filter_map(move |change| {
            let state = state.clone();
            async move {
                match change {
                    Ok(change) => completed(&state, change).await.transpose(),
                    Err(error) => Some(Err(error.into())),
                }
            }
        }))
    }
}

/// An entry of the change log, as an event; `None` when its connection has been removed since, or its run pruned.
async fn completed(state: &super::State, change: Change) -> Result<Option<SyncCompleted>> {
    let run = match change.run_id {
        Some(run) => state.loaders.run(run).await?,
        None => None,
    };
    let connection = state.loaders.connection(change.connection_id).await?;
    let (Some(run), Some(connection)) = (run, connection) else { return Ok(None) };
    Ok(Some(SyncCompleted {
        cursor: LogCursor::at(change.position),
        connection: ConnectedWms(connection),
        data_type: change.data_type,
        is_initial: run.trigger == SyncTrigger::Initial,
        completed_at: run.finished_at.unwrap_or(change.at),
        oldest_source_date: run.oldest_source_date,
        newest_source_date: run.newest_source_date,
        run: SyncRun(run),
    }))
}
