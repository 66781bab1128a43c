//! Connected WMSs, their schedules and issues, and what each kind of WMS can do.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::capabilities::Capabilities;
use super::errors::Result;
use super::pagination::{self, Args, AsyncCount, Numbered, Page, Stretch};
use super::state;
use super::sync::{self, SyncRun, SyncRunFilter};
use super::write::{self, Write, WriteFilter};
use crate::record::filter::StringFilter;
use crate::record::{ConnectionId, DataType, Id, Instant, Json, RateBudget};
use crate::store::connections::{self as stored, Connection, ConnectionStatus, Wanted, connection_count, connection_list};
use crate::store::schedules::Schedule;
use crate::store::writes::Wanted as Wants;
use crate::store::{self, Conn, Predicate};
use crate::sync::Integration as Adapter;

/// A customer's account at a WMS.
pub struct ConnectedWms(pub Arc<Connection>);

/// A customer's account at a WMS. (It is not named `Connection`, because Relay keeps that ending for lists.)
#[Object]
impl ConnectedWms {
    /// Global and opaque.
    pub(super) async fn id(&self) -> ID {
        ID(Id::Connection(self.0.id()).to_string())
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The WMS that it is at.
    async fn integration(&self, ctx: &Context<'_>) -> Result<Integration> {
        Ok(Integration::named(&state(ctx)?.integrations, &self.0.integration))
    }

    /// The caller's own reference, for example a tenant's id; null when none was given.
    async fn customer_reference(&self) -> Option<&str> {
        self.0.customer_reference.as_deref()
    }

    /// How it is doing.
    async fn status(&self) -> ConnectionStatus {
        self.0.status
    }

    /// When it was made.
    async fn created_at(&self) -> Instant {
        self.0.created_at
    }

    /// How far back the first sync of orders, returns and inbound shipments goes, in days.
    async fn lookback_days(&self) -> i64 {
        self.0.lookback_days
    }

    /// When its data types are synced: one schedule for each data type that the adapter reads.
    async fn schedules(&self, ctx: &Context<'_>) -> Result<Vec<SyncSchedule>> {
        let schedules = state(ctx)?.loaders.schedules(self.0.id).await?;
        Ok(schedules.iter().cloned().map(SyncSchedule).collect())
    }

    /// What a person should know about it, oldest first. Empty when all is well.
    async fn issues(&self, ctx: &Context<'_>) -> Result<Vec<ConnectionIssue>> {
        Ok(state(ctx)?.loaders.issues(self.0.id).await?.iter().map(ConnectionIssue::from).collect())
    }

    /// How many calls the WMS allows; null until one of its answers has told.
    async fn rate_budget(&self, ctx: &Context<'_>) -> Result<Option<RateBudget>> {
        state(ctx)?.loaders.rate_budget(&self.0.account).await
    }

    /// What its adapter can do.
    async fn capabilities(&self, ctx: &Context<'_>) -> Result<Capabilities> {
        Ok(Capabilities { adapter: Integration::named(&state(ctx)?.integrations, &self.0.integration).adapter, of: Some(self.0.id()) })
    }

    /// Its sync runs, newest first.
    async fn sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<SyncRunFilter>,
    ) -> Result<Page<SyncRun>> {
        let own = store::runs::run_which(Some(&[self.0.id()]), None, None);
        let which = Predicate::All(vec![own, sync::which(filter.as_ref())?]);
        sync::page(ctx, &Args::forward(first, after), which).await
    }

    /// What was written to it, newest first.
    async fn writes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, from the beginning: 0 to 250. 50 when neither `first` nor `last` is given.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "At most so many, from the end: 0 to 250. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<WriteFilter>,
    ) -> Result<Page<Write>> {
        let own = store::writes::write_which(Wants { connections: Some(&[self.0.id()]), ..Wants::default() }, "filter")?;
        let which = Predicate::All(vec![own, write::which(filter.as_ref())?]);
        write::page(ctx, &Args { first, after, last, before }, which).await
    }
}

/// Which connected WMSs are wanted. All conditions are ANDed.
#[derive(Debug, Default, InputObject)]
pub struct ConnectionFilter {
    /// Doing one of these.
    pub statuses: Option<Vec<ConnectionStatus>>,
    /// The integration's name, such as "odoo".
    pub integration: Option<StringFilter>,
    /// What people call it.
    pub name: Option<StringFilter>,
    /// The caller's own reference.
    pub customer_reference: Option<StringFilter>,
}

#[derive(Clone)]
struct Connections(Predicate);

impl AsyncCount for Connections {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        connection_count(conn, self.0).await
    }
}

impl Numbered for Connections {
    type Row = Connection;

    async fn rows(&self, conn: &mut Conn, of: Stretch<i64>, limit: i64) -> store::Result<Vec<Connection>> {
        connection_list(conn, self.0.clone(), of.beyond.unwrap_or(0), limit).await
    }

    fn number(row: &Connection) -> i64 {
        row.id
    }
}

/// One page of connected WMSs, oldest first.
pub(super) async fn page(ctx: &Context<'_>, args: &Args, filter: Option<&ConnectionFilter>) -> Result<Page<ConnectedWms>> {
    let wanted = filter.map_or_else(Wanted::default, |filter| Wanted {
        statuses: filter.statuses.as_deref(),
        integration: filter.integration.as_ref(),
        name: filter.name.as_ref(),
        customer_reference: filter.customer_reference.as_ref(),
    });
    let which = stored::connection_which(wanted, "filter")?;
    pagination::numbered(ctx, "connections", args, Connections(which), |row| ConnectedWms(Arc::new(row))).await
}

/// When a data type of a connection is synced.
pub struct SyncSchedule(pub Schedule);

/// When a data type of a connected WMS is synced.
#[Object]
impl SyncSchedule {
    /// Which type.
    async fn data_type(&self) -> DataType {
        self.0.data_type
    }

    /// Seconds from the start of one run to that of the next.
    async fn interval_seconds(&self) -> i64 {
        self.0.interval_seconds
    }

    /// Whether it runs by itself.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// When it is due, or its waiting run goes on; null when it is switched off and nothing is under way.
    async fn next_run_at(&self) -> Option<Instant> {
        (self.0.enabled || self.0.run_id.is_some()).then_some(self.0.next_run_at)
    }

    /// Its newest run, under way or ended; null before the first.
    async fn last_run(&self, ctx: &Context<'_>) -> Result<Option<SyncRun>> {
        let latest = state(ctx)?.loaders.latest_runs(self.0.connection_id).await?;
        Ok(latest.iter().find(|run| run.data_type == self.0.data_type).cloned().map(SyncRun))
    }

    /// When its first sync ended; null until then.
    async fn initial_sync_completed_at(&self) -> Option<Instant> {
        self.0.initial_sync_completed_at
    }

    /// Source data is known to be complete up to here; null until the first sync has ended.
    async fn fresh_as_of(&self) -> Option<Instant> {
        self.0.fresh_as_of
    }
}

/// Something about a connected WMS that a person should know.
#[derive(SimpleObject)]
pub struct ConnectionIssue {
    /// What it is, in one word that programs can compare.
    code: String,
    /// What it is, in a sentence.
    message: String,
    /// The data type that it concerns; null for the whole connection.
    data_type: Option<DataType>,
    /// Whether it keeps data from being synced.
    blocking: bool,
    /// When it began.
    first_seen_at: Instant,
    /// When it was last seen.
    last_seen_at: Instant,
}

impl From<&stored::Issue> for ConnectionIssue {
    fn from(issue: &stored::Issue) -> Self {
        Self::from(issue.clone())
    }
}

impl From<stored::Issue> for ConnectionIssue {
    fn from(issue: stored::Issue) -> Self {
        Self {
            code: issue.code,
            message: issue.message,
            data_type: issue.data_type.parse().ok(),
            blocking: issue.blocking,
            first_seen_at: issue.first_seen_at,
            last_seen_at: issue.last_seen_at,
        }
    }
}

/// A WMS that this server supports. A connection outlives its adapter (an older binary is started, say), so that may be
/// missing; what there is to say of it is then little.
#[derive(Clone)]
pub struct Integration {
    name: String,
    adapter: Option<Arc<Adapter>>,
}

impl Integration {
    /// The integration of this name.
    pub(super) fn named(all: &[Arc<Adapter>], name: &str) -> Self {
        Self { name: name.to_owned(), adapter: all.iter().find(|adapter| adapter.name == name).cloned() }
    }

    /// The integration of this name, if this server supports it.
    pub(super) fn supported(all: &[Arc<Adapter>], name: &str) -> Option<Self> {
        let integration = Self::named(all, name);
        integration.adapter.is_some().then_some(integration)
    }
}

impl From<&Arc<Adapter>> for Integration {
    fn from(adapter: &Arc<Adapter>) -> Self {
        Self { name: adapter.name.to_owned(), adapter: Some(adapter.clone()) }
    }
}

/// A WMS that this server supports, and what its adapter can do.
#[Object]
impl Integration {
    /// Global and opaque.
    pub(super) async fn id(&self) -> ID {
        ID(Id::Integration(self.name.clone()).to_string())
    }

    /// The name that `createConnection` takes, such as "odoo".
    async fn name(&self) -> &str {
        &self.name
    }

    /// What people call it.
    async fn display_name(&self) -> &str {
        self.adapter.as_ref().map_or(&self.name, |adapter| adapter.display_name)
    }

    /// JSON Schema of the credentials that `createConnection` takes. Secrets are marked `writeOnly`.
    async fn credentials_schema(&self) -> Json {
        self.adapter.as_ref().map_or_else(|| Json::of(&false), |adapter| Json::of(&adapter.credentials_schema))
    }

    /// What its adapter can do.
    async fn capabilities(&self) -> Capabilities {
        Capabilities { adapter: self.adapter.clone(), of: None }
    }
}

/// What a connection's id in an argument stands for.
pub(super) fn connection_id(text: &str) -> Option<ConnectionId> {
    text.parse::<Id>().ok().and_then(|id| id.as_connection())
}
