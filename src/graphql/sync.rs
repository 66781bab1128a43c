//! Sync runs: what they read, how far they are, and what went wrong.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::connection::{ConnectedWms, connection_id};
use super::errors::{Fault, Result};
use super::pagination::{self, Args, AsyncCount, Numbered, Page, Stretch};
use super::user_error::WmsError;
use crate::record::filter::MAX_LIST;
use crate::record::{ConnectionId, DataType, Failure, Id, Instant, Json};
use crate::store::runs::{self as stored, SyncMode, SyncStatus, SyncTrigger, reject_count, reject_list, run_count, run_list, run_which};
use crate::store::{self, Conn, Predicate};

/// One reading of a data type of a connection.
pub struct SyncRun(pub Arc<stored::SyncRun>);

/// One reading of one data type of a connected WMS.
#[Object]
impl SyncRun {
    /// Global and opaque.
    pub(super) async fn id(&self) -> ID {
        ID(Id::SyncRun(self.0.id).to_string())
    }

    /// What is read.
    async fn connection(&self, ctx: &Context<'_>) -> Result<ConnectedWms> {
        ConnectedWms::of(ctx, self.0.connection_id).await
    }

    /// Which type is read.
    async fn data_type(&self) -> DataType {
        self.0.data_type
    }

    /// Why it was started.
    async fn trigger(&self) -> SyncTrigger {
        self.0.trigger
    }

    /// How much of the source it reads.
    async fn mode(&self) -> SyncMode {
        self.0.mode
    }

    /// Where it stands.
    async fn status(&self) -> SyncStatus {
        self.0.status
    }

    /// Until when it waits; null when it does not wait.
    async fn waiting_until(&self) -> Option<Instant> {
        self.0.waiting_until
    }

    /// Why it waits: a rate limit, a back-off after a failure; null when it does not wait.
    async fn waiting_reason(&self) -> Option<&str> {
        self.0.waiting_reason.as_deref()
    }

    /// When it should have begun: when its schedule was due, or when somebody asked for it.
    async fn due_at(&self) -> Instant {
        self.0.due_at
    }

    /// When it was asked for, or found due.
    async fn queued_at(&self) -> Instant {
        self.0.queued_at
    }

    /// When a worker first took it; null while it is queued.
    async fn started_at(&self) -> Option<Instant> {
        self.0.started_at
    }

    /// When it ended; null while it is under way.
    async fn finished_at(&self) -> Option<Instant> {
        self.0.finished_at
    }

    /// The beginning of the span that was asked for; null for other modes than `WINDOW`.
    async fn window_start(&self) -> Option<Instant> {
        self.0.window_start
    }

    /// The end of the span that was asked for; null for other modes than `WINDOW`.
    async fn window_end(&self) -> Option<Instant> {
        self.0.window_end
    }

    /// How far it is.
    async fn progress(&self) -> SyncProgress {
        SyncProgress::from(&*self.0)
    }

    /// Why it failed, or what the WMS did not show of a run that ended as `PARTIAL`; null otherwise.
    async fn error(&self) -> Option<WmsError> {
        self.0.error.as_ref().map(|json| WmsError(Failure::from_json(json)))
    }

    /// Records that it could not take, oldest first. The run goes on without them and ends as `PARTIAL`.
    async fn rejects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<Page<SyncReject>> {
        pagination::numbered(ctx, "SyncRun.rejects", &Args::forward(first, after), Rejects(self.0.id), SyncReject::from).await
    }
}

/// How far a run is: numbers of records, except for `pages`.
#[derive(SimpleObject)]
pub struct SyncProgress {
    /// Pages of the source's listing that were read and stored.
    pages: i64,
    /// Records read.
    read: i64,
    /// Records that were new.
    created: i64,
    /// Records that differed from what was stored.
    updated: i64,
    /// Records that were as before.
    unchanged: i64,
    /// Records found gone.
    deleted: i64,
    /// Records that could not be taken: see `rejects`.
    rejected: i64,
    /// Records in the whole listing; null where the WMS does not tell.
    total: Option<i64>,
}

impl From<&stored::SyncRun> for SyncProgress {
    fn from(run: &stored::SyncRun) -> Self {
        Self {
            pages: run.pages,
            read: run.read,
            created: run.created,
            updated: run.updated,
            unchanged: run.unchanged,
            deleted: run.deleted,
            rejected: run.rejected,
            total: run.total,
        }
    }
}

/// A record that a run could not take.
#[derive(SimpleObject)]
pub struct SyncReject {
    /// The WMS's own identifier; null where it cannot be told.
    source_id: Option<String>,
    /// What is wrong with it.
    reason: String,
    /// The payload as it came.
    raw: Json,
    /// When it was read.
    at: Instant,
}

impl From<stored::SyncReject> for SyncReject {
    fn from(reject: stored::SyncReject) -> Self {
        Self { source_id: reject.source_id, reason: reject.reason, raw: reject.raw, at: reject.at }
    }
}

#[derive(Clone)]
struct Rejects(i64);

impl AsyncCount for Rejects {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        reject_count(conn, self.0).await
    }
}

impl Numbered for Rejects {
    type Row = stored::SyncReject;

    async fn rows(&self, conn: &mut Conn, of: Stretch<i64>, limit: i64) -> store::Result<Vec<Self::Row>> {
        reject_list(conn, self.0, of.beyond.unwrap_or(0), limit).await
    }

    fn number(row: &Self::Row) -> i64 {
        row.id
    }
}

/// Which runs are wanted. All conditions are ANDed; a list holds at most 100 values.
#[derive(Debug, Default, InputObject)]
pub struct SyncRunFilter {
    /// Of one of these connected WMSs.
    pub connection_ids: Option<Vec<ID>>,
    /// Of one of these types.
    pub data_types: Option<Vec<DataType>>,
    /// Standing so.
    pub statuses: Option<Vec<SyncStatus>>,
}

/// The connections that these ids name.
pub(super) fn connection_ids(path: &[&str], ids: &[ID]) -> Result<Vec<ConnectionId>> {
    let refuse = |message| Fault::Input { path: path.iter().map(|part| (*part).to_owned()).collect(), message };
    if ids.len() > MAX_LIST {
        return Err(refuse(format!("at most {MAX_LIST} values are allowed, not {}", ids.len())));
    }
    ids.iter().map(|id| connection_id(id).ok_or_else(|| refuse(format!("{:?} is no connection's id", id.as_str())))).collect()
}

/// The number of the run that this id names.
pub(super) fn run_id(argument: &str, id: &ID) -> Result<i64> {
    match id.parse() {
        Ok(Id::SyncRun(run)) => Ok(run),
        _ => Err(Fault::argument(argument, format!("{:?} is not the id of a SyncRun", id.as_str()))),
    }
}

/// The conditions of a filter.
pub(super) fn which(filter: Option<&SyncRunFilter>) -> Result<Predicate> {
    let Some(filter) = filter else { return Ok(Predicate::All(Vec::new())) };
    let connections = filter.connection_ids.as_deref().map(|ids| connection_ids(&["filter", "connectionIds"], ids)).transpose()?;
    Ok(run_which(connections.as_deref(), filter.data_types.as_deref(), filter.statuses.as_deref()))
}

#[derive(Clone)]
struct Runs(Predicate);

impl AsyncCount for Runs {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        run_count(conn, self.0).await
    }
}

impl Numbered for Runs {
    type Row = stored::SyncRun;

    async fn rows(&self, conn: &mut Conn, of: Stretch<i64>, limit: i64) -> store::Result<Vec<Self::Row>> {
        run_list(conn, self.0.clone(), of.beyond.unwrap_or(i64::MAX), limit).await
    }

    fn number(row: &Self::Row) -> i64 {
        row.id
    }
}

/// One page of runs, newest first.
pub(super) async fn page(ctx: &Context<'_>, args: &Args, which: Predicate) -> Result<Page<SyncRun>> {
    pagination::numbered(ctx, "syncRuns", args, Runs(which), |row| SyncRun(Arc::new(row))).await
}
