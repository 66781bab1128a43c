//! The fields of `Query` that are not about one of the nine types: `node`, connections, integrations, runs, writes, and
//! the caller itself.

use async_graphql::{Context, ID, MergedObject, Object};

use super::access::viewer;
use super::change_filter::ChangeFilter;
use super::changes::{self, LogPage};
use super::connection::{self, ConnectedWms, ConnectionFilter, Integration, connection_id};
use super::errors::{Fault, Result};
use super::lists;
use super::objects::{Node, record_by_id};
use super::pagination::{Args, Page};
use super::scalars::LogCursor;
use super::state;
use super::sync::{self, SyncRun, SyncRunFilter};
use super::totals;
use super::viewer::ApiKey;
use super::webhooks;
use super::write::{self, Write, WriteFilter};
use crate::record::{Id, IdError};
use crate::store::changes::change_head;
use crate::store::keys::{Access, key_list};

/// The most ids that `nodes` takes.
const MOST_NODES: usize = 100;

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    Basics,
    lists::Inventory,
    lists::InboundShipments,
    lists::Orders,
    lists::Products,
    lists::Returns,
    lists::ShippingMethods,
    lists::Warehouses,
    lists::WarehouseCustomers,
    lists::WarehouseLocations,
    totals::Totals,
    webhooks::WebhookQueries,
);

/// What is not about one of the nine types.
#[derive(Default)]
pub struct Basics;

fn parsed(argument: &str, id: &ID) -> Result<Id> {
    id.parse().map_err(|error: IdError| Fault::argument(argument, error.to_string()))
}

/// The number in an id of one kind.
fn number(id: &ID, what: &str, pick: fn(Id) -> Option<i64>) -> Result<i64> {
    pick(parsed("id", id)?).ok_or_else(|| Fault::argument("id", format!("{:?} is not the id of a {what}", id.as_str())))
}

async fn find(ctx: &Context<'_>, id: Id) -> Result<Option<Node>> {
    let state = state(ctx)?;
    Ok(match id {
        Id::Record(data_type, at, source_id) => record_by_id(&state.loaders, data_type, at, &source_id).await?.map(Node::from),
        Id::Connection(id) => state.loaders.connection(id.0).await?.map(|found| Node::ConnectedWms(ConnectedWms(found))),
        Id::Integration(name) => Integration::supported(&state.integrations, &name).map(Node::Integration),
        Id::SyncRun(id) => state.loaders.run(id).await?.map(|run| Node::SyncRun(SyncRun(run))),
        Id::Write(id) => state.loaders.write(id).await?.map(|write| Node::Write(Write(write))),
        Id::ApiKey(id) => api_key(ctx, id).await?.map(Node::ApiKey),
        Id::WebhookEndpoint(id) => webhooks::endpoint(ctx, id).await?.map(Node::WebhookEndpoint),
        Id::WebhookDelivery(id) => webhooks::delivery(ctx, id).await?.map(Node::WebhookDelivery),
    })
}

/// A key sees itself; only an administrator's sees the others.
async fn api_key(ctx: &Context<'_>, id: i64) -> Result<Option<ApiKey>> {
    let own = &viewer(ctx)?.0;
    if own.id == id {
        return Ok(Some(ApiKey(own.clone())));
    }
    if own.access < Access::Admin {
        return Ok(None);
    }
    let all = key_list(&mut state(ctx)?.store.read().await?).await?;
    Ok(all.into_iter().find(|key| key.id == id).map(ApiKey))
}

#[Object]
impl Basics {
    /// Whatever has this id; null when there is nothing.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "A global id.")] id: ID) -> Result<Option<Node>> {
        find(ctx, parsed("id", &id)?).await
    }

    /// Whatever has these ids, in their order; null for an id that has nothing.
    async fn nodes(&self, ctx: &Context<'_>, #[graphql(desc = "Global ids: at most 100.")] ids: Vec<ID>) -> Result<Vec<Option<Node>>> {
        if ids.len() > MOST_NODES {
            return Err(Fault::argument("ids", format!("at most {MOST_NODES} ids are allowed, not {}", ids.len())));
        }
        let ids = ids.iter().map(|id| parsed("ids", id)).collect::<Result<Vec<_>>>()?;
        futures_util::future::try_join_all(ids.into_iter().map(|id| find(ctx, id))).await
    }

    /// The WMSs that this server supports.
    async fn integrations(&self, ctx: &Context<'_>) -> Result<Vec<Integration>> {
        Ok(state(ctx)?.integrations.iter().map(Integration::from).collect())
    }

    /// The connected WMS with this id; null when there is none.
    async fn connection(&self, ctx: &Context<'_>, #[graphql(desc = "The connected WMS's global id.")] id: ID) -> Result<Option<ConnectedWms>> {
        let found = connection_id(&id).ok_or_else(|| Fault::argument("id", format!("{:?} is no connection's id", id.as_str())))?;
        Ok(state(ctx)?.loaders.connection(found.0).await?.map(ConnectedWms))
    }

    /// Connected WMSs, oldest first.
    async fn connections(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<ConnectionFilter>,
    ) -> Result<Page<ConnectedWms>> {
        connection::page(ctx, &Args::forward(first, after), filter.as_ref()).await
    }

    /// The sync run with this id; null when there is none.
    async fn sync_run(&self, ctx: &Context<'_>, #[graphql(desc = "The run's global id.")] id: ID) -> Result<Option<SyncRun>> {
        let run = sync::run_id("id", &id)?;
        Ok(state(ctx)?.loaders.run(run).await?.map(SyncRun))
    }

    /// Sync runs of all connections, newest first.
    async fn sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<SyncRunFilter>,
    ) -> Result<Page<SyncRun>> {
        sync::page(ctx, &Args::forward(first, after), sync::which(filter.as_ref())?).await
    }

    /// The journalled write with this id; null when there is none.
    async fn write(&self, ctx: &Context<'_>, #[graphql(desc = "The write's global id.")] id: ID) -> Result<Option<Write>> {
        let write = number(&id, "Write", |id| if let Id::Write(write) = id { Some(write) } else { None })?;
        Ok(state(ctx)?.loaders.write(write).await?.map(Write))
    }

    /// Journalled writes to all connected WMSs, newest first.
    async fn writes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, from the beginning: 0 to 250. 50 when neither `first` nor `last` is given.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "At most so many, from the end: 0 to 250. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<WriteFilter>,
    ) -> Result<Page<Write>> {
        write::page(ctx, &Args { first, after, last, before }, write::which(filter.as_ref())?).await
    }

    /// The newest position of the change log. Take it before the lists are read and follow from there (`after`): then
    /// nothing that changes while they are being read is missed.
    async fn change_cursor(&self, ctx: &Context<'_>) -> Result<LogCursor> {
        Ok(LogCursor::at(change_head(&mut state(ctx)?.store.read().await?).await?))
    }

    /// The changes of records that the log holds, oldest first: for who polls. With `after`, those that came after a position, so that
    /// nothing is missed and nothing comes twice; a position whose successors are gone is refused with `CURSOR_EXPIRED`.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what comes after this cursor. From the oldest that the log still holds when left out.")] after: Option<LogCursor>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only these. All changes of records when left out.")] filter: Option<ChangeFilter>,
    ) -> Result<LogPage> {
        changes::page(ctx, first, after, filter.as_ref()).await
    }

    /// The API key that this request was made with.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<ApiKey> {
        Ok(ApiKey(viewer(ctx)?.0.clone()))
    }
}
