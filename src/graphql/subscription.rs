//! Subscriptions: the change log, followed, and how a run comes along.
//!
//! With `after`, what was missed comes first, and then what happens; it is one stream, so there is no gap between the two and nothing
//! comes twice. Every event carries the cursor to go on from. Whoever delivers them may have an execution begin elsewhere, and end
//! at the log's head: see [`feed`](super::feed).

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, ID, SimpleObject, Subscription as Subscribes};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::change_filter::{ChangeFilter, wanted};
use super::changes::{self, Change};
use super::connection::{ConnectedWms, ConnectionIssue};
use super::errors::{Fault, Result};
use super::feed::{Start, Track, Until};
use super::scalars::LogCursor;
use super::sync::{SyncRun, connection_ids, run_id};
use super::{State, state};
use crate::changes::{Follower, Reader};
use crate::record::{ConnectionId, DataType, Instant, codes};
use crate::store::changes::{Change as Entry, Kind, Wanted};
use crate::store::connections::Issue;
use crate::store::runs::{self, SyncTrigger};

/// How often a run is looked at.
const PROGRESS: Duration = Duration::from_millis(500);

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

codes! {
    /// What has become of an issue.
    pub enum IssueEventKind {
        /// It is there, and was not.
        Raised = "RAISED",
        /// It says something else than before.
        Changed = "CHANGED",
        /// It is gone.
        Cleared = "CLEARED",
    }
}

/// Something has become of a connected WMS's issue.
#[derive(SimpleObject)]
pub struct ConnectionIssueEvent {
    /// Give it back as `after` to go on from here.
    cursor: LogCursor,
    /// What has become of it.
    kind: IssueEventKind,
    /// Whose issue it is.
    connection: ConnectedWms,
    /// The issue as it was then.
    issue: ConnectionIssue,
    /// When that was.
    at: Instant,
}

/// What has happened, as it happens.
pub struct Subscription;

/// What has happened, as it happens.
#[Subscribes]
impl Subscription {
    /// Every created, updated, deleted and restored record. With `after`, first what was missed, then live: no gap, no repeat. A
    /// connection's first syncs do not tell of each record that they find: read the lists, and go on from `changeCursor`.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these. All changes of records when left out.")] filter: Option<ChangeFilter>,
        #[graphql(desc = "The cursor of the last event that was seen. Only what happens from now on when left out.")] after: Option<LogCursor>,
    ) -> Result<impl Stream<Item = Result<Change>> + use<>> {
        let wanted = wanted(filter.as_ref())?;
        events(ctx, after, wanted, async |_, entry| Ok(Change::of(entry))).await
    }

    /// One event for each finished run. With `after`, first what was missed, then live: no gap, no repeat.
    async fn sync_completed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of these connected WMSs (at most 100). All when left out.")] connection_ids: Option<Vec<ID>>,
        #[graphql(desc = "Only of these types. All when left out.")] data_types: Option<Vec<DataType>>,
        #[graphql(desc = "The cursor of the last event that was seen. Only what happens from now on when left out.")] after: Option<LogCursor>,
    ) -> Result<impl Stream<Item = Result<SyncCompleted>> + use<>> {
        let connections = of_connections(connection_ids.as_deref())?;
        events(ctx, after, Wanted { connections, data_types, ..Wanted::of(&[Kind::SyncCompleted]) }, completed).await
    }

    /// How a run comes along: how it stands now, then again whenever that has changed, at most twice a second. Ends with the run.
    async fn sync_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run's global id.")] run_id: ID,
    ) -> Result<impl Stream<Item = Result<SyncRun>> + use<>> {
        let id = self::run_id("runId", &run_id)?;
        let state = state(ctx)?.clone();
        if state.loaders.run(id).await?.is_none() {
            return Err(Fault::argument("runId", "there is no such run"));
        }
        let mut again = interval(PROGRESS);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(unfold(Some(Progress { state, id, again, last: None }), async |progress| {
            let mut progress = progress?;
            match progress.next().await {
                Ok(run) => run.map(|run| (Ok(SyncRun(run.clone())), run.status.is_open().then_some(progress))),
                Err(fault) => Some((Err(fault), None)),
            }
        }))
    }

    /// What becomes of the issues of connected WMSs: one event for each that is raised, says something else, or is cleared. With
    /// `after`, first what was missed, then live: no gap, no repeat. How they stand is told by `issues` of a connected WMS.
    async fn connection_issues(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of these connected WMSs (at most 100). All when left out.")] connection_ids: Option<Vec<ID>>,
        #[graphql(desc = "The cursor of the last event that was seen. Only what happens from now on when left out.")] after: Option<LogCursor>,
    ) -> Result<impl Stream<Item = Result<ConnectionIssueEvent>> + use<>> {
        let connections = of_connections(connection_ids.as_deref())?;
        events(ctx, after, Wanted { connections, ..Wanted::of(&Kind::OF_ISSUES) }, issue_event).await
    }
}

fn of_connections(ids: Option<&[ID]>) -> Result<Option<Vec<ConnectionId>>> {
    ids.map(|ids| connection_ids(&["connectionIds"], ids)).transpose()
}

/// The entries that are wanted, shown. Where `show` has nothing to show, there is no event.
async fn events<T, F, S>(ctx: &Context<'_>, after: Option<LogCursor>, wanted: Wanted, show: S) -> Result<impl Stream<Item = Result<T>> + use<T, F, S>>
where
    T: Send + 'static,
    F: Future<Output = Result<Option<T>>> + Send + 'static,
    S: Fn(State, Arc<Entry>) -> F + Send + 'static,
{
    let reader = ctx.data_opt::<Reader>().ok_or(Fault::Defect("The schema was made without its engines".into()))?;
    let track = ctx.data_opt::<Arc<Track>>().cloned();
    let after = match track.as_deref().map(|track| track.start) {
        Some(Start::Now) => None,
        Some(Start::After(position)) => Some(position),
        None => after.map(|cursor| cursor.position("after")).transpose()?,
    };
    if let Some(after) = after
        && after > reader.seen()
        && after > reader.head().await?
    {
        return Err(changes::beyond());
    }
    let events = Events { follower: reader.follow(after, wanted), track, state: state(ctx)?.clone(), show };
    Ok(unfold(Some(events), async |events| {
        let mut events = events?;
        match events.next().await {
            Ok(event) => event.map(|event| (Ok(event), Some(events))),
            Err(fault) => Some((Err(fault), None)),
        }
    }))
}

struct Events<S> {
    follower: Follower,
    track: Option<Arc<Track>>,
    state: State,
    show: S,
}

impl<S> Events<S> {
    /// The next event; `None` at the end.
    async fn next<T, F: Future<Output = Result<Option<T>>>>(&mut self) -> Result<Option<T>>
    where
        S: Fn(State, Arc<Entry>) -> F,
    {
        loop {
            let entry = match self.track.as_deref() {
                Some(track) if track.until == Until::Head => match self.follower.missed().await? {
                    Some(entry) => entry,
                    None => {
                        track.ends_at(self.follower.position().unwrap_or_default());
                        return Ok(None);
                    }
                },
                _ => self.follower.next().await?,
            };
            let position = entry.position;
            if let Some(event) = (self.show)(self.state.clone(), entry).await? {
                if let Some(track) = &self.track {
                    track.tells(position);
                }
                return Ok(Some(event));
            }
        }
    }
}

/// The end of a run; `None` when its connection has been removed since, or its run pruned.
async fn completed(state: State, entry: Arc<Entry>) -> Result<Option<SyncCompleted>> {
    let run = match entry.run_id {
        Some(run) => state.loaders.run(run).await?,
        None => None,
    };
    let connection = state.loaders.connection(entry.connection_id).await?;
    let (Some(run), Some(connection), Some(data_type)) = (run, connection, entry.data_type) else { return Ok(None) };
    Ok(Some(SyncCompleted {
        cursor: LogCursor::at(entry.position),
        connection: ConnectedWms(connection),
        data_type,
        is_initial: run.trigger == SyncTrigger::Initial,
        completed_at: run.finished_at.unwrap_or(entry.at),
        oldest_source_date: run.oldest_source_date,
        newest_source_date: run.newest_source_date,
        run: SyncRun(run),
    }))
}

/// What has become of an issue; `None` when its connection has been removed since.
async fn issue_event(state: State, entry: Arc<Entry>) -> Result<Option<ConnectionIssueEvent>> {
    let kind = match entry.kind {
        Kind::IssueRaised => IssueEventKind::Raised,
        Kind::IssueChanged => IssueEventKind::Changed,
        Kind::IssueCleared => IssueEventKind::Cleared,
        Kind::Created | Kind::Updated | Kind::Deleted | Kind::Restored | Kind::SyncCompleted => return Ok(None),
    };
    let Some(connection) = state.loaders.connection(entry.connection_id).await? else { return Ok(None) };
    let issue = entry.issue.as_ref().and_then(|json| serde_json::from_str::<Issue>(json.as_str()).ok());
    let issue = issue.ok_or(Fault::Defect("An issue in the change log cannot be read".into()))?;
    let cursor = LogCursor::at(entry.position);
    Ok(Some(ConnectionIssueEvent { cursor, kind, connection: ConnectedWms(connection), issue: issue.into(), at: entry.at }))
}

struct Progress {
    state: State,
    id: i64,
    again: Interval,
    last: Option<Arc<runs::SyncRun>>,
}

impl Progress {
    /// How the run stands, when that is not how it stood; `None` when its history has been removed.
    async fn next(&mut self) -> Result<Option<Arc<runs::SyncRun>>> {
        loop {
            self.again.tick().await;
            let run = self.state.loaders.run(self.id).await?;
            if run.is_none() || run != self.last {
                self.last.clone_from(&run);
                return Ok(run);
            }
        }
    }
}
