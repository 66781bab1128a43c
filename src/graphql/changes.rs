//! The change log, as it can be read: changes of records.

use std::sync::Arc;

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{Context, ID, Object, SimpleObject};

use super::change_filter::{ChangeFilter, ChangeKind, wanted};
use super::connection::ConnectedWms;
use super::errors::{Fault, Result};
use super::objects::{Record, record_by_id};
use super::pagination::{Cursor, size};
use super::scalars::LogCursor;
use super::state;
use super::sync::SyncRun;
use super::write::Write;
use crate::record::{ConnectionId, DataType, Id, Instant, Json, diff};
use crate::store::changes::{self as stored, change_head, change_list, change_tail};

/// A change of a record.
pub struct Change {
    entry: Arc<stored::Change>,
    kind: ChangeKind,
    data_type: DataType,
}

impl Change {
    /// An entry of the log, shown; `None` for one that tells of no record.
    pub fn of(entry: Arc<stored::Change>) -> Option<Self> {
        let (kind, data_type) = (ChangeKind::of(entry.kind)?, entry.data_type?);
        entry.source_id.is_some().then_some(Self { entry, kind, data_type })
    }

    fn source_id(&self) -> &str {
        self.entry.source_id.as_deref().unwrap_or_default()
    }

    fn place(&self) -> ConnectionId {
        ConnectionId(self.entry.connection_id)
    }
}

/// A change of a record.
#[Object]
impl Change {
    /// Give it back as `after` to go on from here.
    async fn cursor(&self) -> LogCursor {
        LogCursor::at(self.entry.position)
    }

    /// What happened.
    async fn kind(&self) -> ChangeKind {
        self.kind
    }

    /// The type of the record.
    async fn data_type(&self) -> DataType {
        self.data_type
    }

    /// The record's global id.
    async fn record_id(&self) -> ID {
        ID(Id::Record(self.data_type, self.place(), self.source_id().to_owned()).to_string())
    }

    /// The record as it is now, which may be later than the change; null when its connection has been removed since.
    async fn record(&self, ctx: &Context<'_>) -> Result<Option<Record>> {
        record_by_id(&state(ctx)?.loaders, self.data_type, self.place(), self.source_id()).await
    }

    /// For `UPDATED`: the old values of what changed, by dotted path such as `shipTo.city`. Lists are told whole, the raw payload is
    /// not. Null for other kinds, and where only the raw payload changed.
    async fn previous_attributes(&self) -> Option<Json> {
        self.entry.previous.as_ref().map(|previous| Json::of(&diff::worded(previous.to_value())))
    }

    /// The connected WMS that the record was synced from; null when it has been removed since.
    async fn connection(&self, ctx: &Context<'_>) -> Result<Option<ConnectedWms>> {
        Ok(state(ctx)?.loaders.connection(self.entry.connection_id).await?.map(ConnectedWms))
    }

    /// The sync run that found the change; null where a write made it, and when the run's history has been removed since.
    async fn run(&self, ctx: &Context<'_>) -> Result<Option<SyncRun>> {
        let Some(run) = self.entry.run_id else { return Ok(None) };
        Ok(state(ctx)?.loaders.run(run).await?.map(SyncRun))
    }

    /// The write that made the change; null where a sync found it.
    async fn write(&self, ctx: &Context<'_>) -> Result<Option<Write>> {
        let Some(write) = self.entry.write_id else { return Ok(None) };
        Ok(state(ctx)?.loaders.write(write).await?.map(Write))
    }

    /// When it was stored here.
    async fn at(&self) -> Instant {
        self.entry.at
    }
}

/// What a page of the log has beside its entries.
#[derive(SimpleObject)]
pub struct NextPage {
    /// Give it as `after` next time. It lies behind the last entry of this page and, when there is no further page, behind all that
    /// the filter did not let through: so it moves on even when nothing is found.
    next_cursor: LogCursor,
}

/// A page of the log.
pub type LogPage = Connection<Cursor, Change, NextPage>;
/// An entry of it.
pub type LogEdge = Edge<Cursor, Change, EmptyFields>;

/// One page of the log.
pub(super) async fn page(ctx: &Context<'_>, first: Option<i32>, after: Option<LogCursor>, filter: Option<&ChangeFilter>) -> Result<LogPage> {
    let wanted = wanted(filter)?;
    let limit = size(first)?;
    let begin = after.map(|cursor| cursor.position("after")).transpose()?;
    let mut conn = state(ctx)?.store.read().await?;
    let head = change_head(&mut conn).await?;
    if begin.is_some_and(|begin| begin > head) {
        return Err(beyond());
    }
    let after = match begin {
        Some(begin) => begin,
        None => change_tail(&mut conn).await?,
    };
    let mut entries = change_list(&mut conn, after, &wanted, limit + 1).await?;
    let size = usize::try_from(limit).unwrap_or_default();
    let more = entries.len() > size;
    entries.truncate(size);
    let last = entries.last().map_or(after, |entry| entry.position);
    // The head was read first: what the list does not show up to there is not wanted.
    let next = NextPage { next_cursor: LogCursor::at(if more { last } else { last.max(head) }) };
    let mut page = Connection::with_additional_fields(begin.is_some(), more, next);
    let shown = entries.into_iter().map(Arc::new).filter_map(Change::of);
    page.edges.extend(shown.map(|change| Edge::new(Cursor::from(&LogCursor::at(change.entry.position)), change)));
    Ok(page)
}

/// A cursor from beyond the end of the log.
pub(super) fn beyond() -> Fault {
    Fault::argument("after", "the cursor lies beyond the end of the change log: is it another server's?")
}
