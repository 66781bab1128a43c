//! Webhook endpoints, and what became of what was sent to them. Their addresses may hold secrets of those who gave them, so all of
//! it is for administrators.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::access::{Needs, viewer};
use super::connection::ConnectedWms;
use super::errors::{Fault, Result};
use super::mutation::engine;
use super::pagination::{self, Args, AsyncCount, Numbered, Page, Stretch};
use super::scalars::LogCursor;
use super::state;
use crate::record::filter::MAX_LIST;
use crate::record::{ConnectionId, DataType, Id, IdError, Instant};
use crate::store::keys::Access;
use crate::store::webhooks::deliveries::{self as stored, delivery_count, delivery_find, delivery_list, delivery_tally, delivery_which};
use crate::store::webhooks::{
    Endpoint, WebhookDeliveryStatus, WebhookDisabledReason, WebhookEventType, WebhookOrdering, endpoint_count, endpoint_list,
};
use crate::store::{self, Conn, Predicate};
use crate::webhooks::Handle;

/// Who is told of what happens, by HTTP requests to an address of theirs.
pub struct WebhookEndpoint(pub Arc<Endpoint>);

/// Somebody who is told of what happens, by signed HTTP requests to an address of theirs.
#[Object]
impl WebhookEndpoint {
    /// Global and opaque.
    pub(super) async fn id(&self) -> ID {
        ID(Id::WebhookEndpoint(self.0.id).to_string())
    }

    /// Where events are sent to.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// What people say of it; null when nobody does.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Whether anything is sent.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// Why nothing is sent; null while it is enabled.
    async fn disabled_reason(&self) -> Option<WebhookDisabledReason> {
        self.0.disabled_reason
    }

    /// Since when nothing is sent; null while it is enabled.
    async fn disabled_at(&self) -> Option<Instant> {
        self.0.disabled_at
    }

    /// When it was made.
    async fn created_at(&self) -> Instant {
        self.0.created_at
    }

    /// The connected WMSs that it is told of; null for all.
    async fn connection_ids(&self) -> Option<Vec<ID>> {
        let ids = self.0.connection_ids.as_ref()?;
        Some(ids.iter().map(|id| ID(Id::Connection(ConnectionId(*id)).to_string())).collect())
    }

    /// The data types that it is told of; null for all.
    async fn data_types(&self) -> Option<&[DataType]> {
        self.0.data_types.as_ref().map(|types| types.as_slice())
    }

    /// The records that it is told of; null for all.
    async fn record_ids(&self) -> Option<Vec<ID>> {
        let record = |(data_type, at, id): &(DataType, i64, String)| ID(Id::Record(*data_type, ConnectionId(*at), id.clone()).to_string());
        Some(self.0.records.as_ref()?.iter().map(record).collect())
    }

    /// The warehouse customers whose records it is told of; null for all.
    async fn warehouse_customer_ids(&self) -> Option<Vec<ID>> {
        let customer = |(at, id): &(i64, String)| ID(Id::Record(DataType::WarehouseCustomers, ConnectionId(*at), id.clone()).to_string());
        Some(self.0.warehouse_customers.as_ref()?.iter().map(customer).collect())
    }

    /// The events that it is told; null for all.
    async fn event_types(&self) -> Option<&[WebhookEventType]> {
        self.0.event_types.as_ref().map(|types| types.as_slice())
    }

    /// In which order events are sent.
    async fn ordering(&self) -> WebhookOrdering {
        self.0.ordering
    }

    /// How many events are sent at the same time. After three failures in a row it is one, until something is accepted.
    async fn max_concurrency(&self) -> i64 {
        self.0.max_concurrency
    }

    /// Until when events are signed with the secret before the newest too; null when they are signed with the newest alone.
    async fn old_secret_expires_at(&self) -> Option<Instant> {
        self.0.old_secret_expires_at
    }

    /// When something was last accepted; null when nothing has been yet.
    async fn last_success_at(&self) -> Option<Instant> {
        self.0.last_success_at
    }

    /// Since when nothing has been accepted; null when the last attempt was, or none was made.
    async fn failing_since(&self) -> Option<Instant> {
        self.0.failing_since
    }

    /// Nothing is sent before this moment, because the endpoint has asked for that (`Retry-After`) or has failed repeatedly; null when
    /// it need not wait.
    async fn paused_until(&self) -> Option<Instant> {
        self.0.not_before
    }

    /// Whether events that `replayWebhooks` asked for are still being put into the queue.
    async fn replaying(&self) -> bool {
        self.0.replay_until.is_some()
    }

    /// What a person should know about it. Empty when all is well.
    async fn issues(&self) -> Vec<WebhookIssue> {
        issues(&self.0)
    }

    /// How many deliveries stand how, of those that are kept.
    async fn delivery_counts(&self, ctx: &Context<'_>) -> Result<WebhookDeliveryCounts> {
        let mut counts = WebhookDeliveryCounts::default();
        for (status, count) in delivery_tally(&mut state(ctx)?.store.read().await?, self.0.id).await? {
            match status {
                WebhookDeliveryStatus::Pending => counts.pending = count,
                WebhookDeliveryStatus::Delivered => counts.delivered = count,
                WebhookDeliveryStatus::Dead => counts.dead = count,
            }
        }
        Ok(counts)
    }

    /// What is to be sent to it, and what became of what was, newest first.
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what stands so. `[DEAD]` lists the dead letters.")] statuses: Option<Vec<WebhookDeliveryStatus>>,
    ) -> Result<Page<WebhookDelivery>> {
        page(ctx, &Args::forward(first, after), delivery_which(Some(&[self.0.id]), statuses.as_deref(), None)).await
    }
}

/// Something about a webhook endpoint that a person should know.
#[derive(SimpleObject)]
pub struct WebhookIssue {
    /// What it is, in one word that programs can compare: `FAILING`, `DISABLED_FAILING` or `DISABLED_GONE`.
    code: &'static str,
    /// What it is, in a sentence.
    message: String,
    /// When it began.
    since: Instant,
}

fn issues(endpoint: &Endpoint) -> Vec<WebhookIssue> {
    let failing = endpoint.failing_since;
    let found = match (endpoint.disabled_reason, endpoint.disabled_at, failing) {
        (Some(WebhookDisabledReason::Gone), Some(since), _) => {
            Some(("DISABLED_GONE", "It answered 410 Gone and was switched off; enable it when it is back".to_owned(), since))
        }
        (Some(WebhookDisabledReason::Failing), Some(since), _) => {
            let began = failing.map_or_else(String::new, |failing| format!(" since {failing}"));
            Some((
                "DISABLED_FAILING",
                format!("It accepted nothing{began} and was switched off; enable it when it is back, and replay what it missed"),
                since,
            ))
        }
        (Some(WebhookDisabledReason::Manual), ..) | (_, _, None) => None,
        (_, _, Some(since)) => {
            Some(("FAILING", format!("{} attempts in a row have failed; see deliveries for the errors", endpoint.failures), since))
        }
    };
    found.into_iter().map(|(code, message, since)| WebhookIssue { code, message, since }).collect()
}

/// How many deliveries of a webhook endpoint stand how. Delivered ones and dead letters are removed after some days.
#[derive(SimpleObject, Default)]
pub struct WebhookDeliveryCounts {
    /// To be sent, for the first time or again.
    pending: i64,
    /// Accepted.
    delivered: i64,
    /// Given up after the last attempt.
    dead: i64,
}

/// An event on its way to an endpoint.
pub struct WebhookDelivery(pub stored::Delivery);

/// An event on its way to a webhook endpoint.
#[Object]
impl WebhookDelivery {
    /// Global and opaque.
    pub(super) async fn id(&self) -> ID {
        ID(Id::WebhookDelivery(self.0.id).to_string())
    }

    /// Who is told.
    async fn endpoint(&self, ctx: &Context<'_>) -> Result<WebhookEndpoint> {
        let found = state(ctx)?.loaders.webhook_endpoint(self.0.endpoint_id).await?;
        found.map(WebhookEndpoint).ok_or(Fault::Defect("A delivery's endpoint is not there".into()))
    }

    /// What `webhook-id` says: the same at every attempt, at every endpoint, and when the event is replayed.
    async fn event_id(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(engine::<Handle>(ctx)?.event_id(&self.0))
    }

    /// What it tells.
    async fn event_type(&self) -> WebhookEventType {
        self.0.event_type
    }

    /// When that happened.
    async fn event_at(&self) -> Instant {
        self.0.event_at
    }

    /// Where that stands in the change log; null for a test.
    async fn cursor(&self) -> Option<LogCursor> {
        self.0.position.map(LogCursor::at)
    }

    /// The connected WMS that it concerns; null for a test, and when it has been removed since.
    async fn connection(&self, ctx: &Context<'_>) -> Result<Option<ConnectedWms>> {
        let Some(connection) = self.0.connection_id else { return Ok(None) };
        Ok(state(ctx)?.loaders.connection(connection).await?.map(ConnectedWms))
    }

    /// The data type that it concerns; null for a test.
    async fn data_type(&self) -> Option<DataType> {
        self.0.data_type
    }

    /// The id of the record that it concerns; null when it concerns none.
    async fn record_id(&self) -> Option<ID> {
        let stored::Delivery { connection_id, data_type, source_id, .. } = &self.0;
        Some(ID(Id::Record((*data_type)?, ConnectionId((*connection_id)?), source_id.clone()?).to_string()))
    }

    /// Where it stands.
    async fn status(&self) -> WebhookDeliveryStatus {
        self.0.status
    }

    /// When it was put into the queue.
    async fn created_at(&self) -> Instant {
        self.0.created_at
    }

    /// How often it was sent. A dead letter that is sent again begins at 0.
    async fn attempts(&self) -> i64 {
        self.0.attempts
    }

    /// When it is sent next, at the earliest; null when it is delivered or dead.
    async fn next_attempt_at(&self) -> Option<Instant> {
        self.0.next_attempt_at
    }

    /// When it was last sent; null before the first attempt.
    async fn last_attempt_at(&self) -> Option<Instant> {
        self.0.last_attempt_at
    }

    /// The HTTP status of the last answer; null when there was none.
    async fn last_status(&self) -> Option<i64> {
        self.0.last_status
    }

    /// Why the last attempt failed, with the beginning of the answer; null when it did not.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    /// How long the last attempt took, in milliseconds; null before the first.
    async fn last_latency_ms(&self) -> Option<i64> {
        self.0.last_latency_ms
    }

    /// When it was delivered or given up; null while it is pending.
    async fn finished_at(&self) -> Option<Instant> {
        self.0.finished_at
    }
}

#[derive(Clone)]
struct Endpoints;

impl AsyncCount for Endpoints {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        endpoint_count(conn).await
    }
}

impl Numbered for Endpoints {
    type Row = Endpoint;

    async fn rows(&self, conn: &mut Conn, of: Stretch<i64>, limit: i64) -> store::Result<Vec<Endpoint>> {
        endpoint_list(conn, of.beyond.unwrap_or(0), limit).await
    }

    fn number(row: &Endpoint) -> i64 {
        row.id
    }
}

#[derive(Clone)]
struct Deliveries(Predicate);

impl AsyncCount for Deliveries {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        delivery_count(conn, self.0).await
    }
}

impl Numbered for Deliveries {
    type Row = stored::Delivery;

    async fn rows(&self, conn: &mut Conn, of: Stretch<i64>, limit: i64) -> store::Result<Vec<Self::Row>> {
        delivery_list(conn, self.0.clone(), of.beyond.unwrap_or(i64::MAX), limit).await
    }

    fn number(row: &Self::Row) -> i64 {
        row.id
    }
}

async fn page(ctx: &Context<'_>, args: &Args, which: Predicate) -> Result<Page<WebhookDelivery>> {
    pagination::numbered(ctx, "webhookDeliveries", args, Deliveries(which), WebhookDelivery).await
}

/// Which deliveries are wanted. All conditions are ANDed; a list holds at most 100 values.
#[derive(Debug, Default, InputObject)]
pub struct WebhookDeliveryFilter {
    /// To one of these endpoints.
    pub endpoint_ids: Option<Vec<ID>>,
    /// Standing so. `[DEAD]` lists the dead letters.
    pub statuses: Option<Vec<WebhookDeliveryStatus>>,
    /// Telling one of these.
    pub event_types: Option<Vec<WebhookEventType>>,
}

impl WebhookDeliveryFilter {
    fn which(&self) -> Result<Predicate> {
        let refuse = |message| Fault::Input { path: vec!["filter".to_owned(), "endpointIds".to_owned()], message };
        let ids = match &self.endpoint_ids {
            Some(ids) if ids.len() > MAX_LIST => return Err(refuse(format!("at most {MAX_LIST} values are allowed, not {}", ids.len()))),
            Some(ids) => Some(
                ids.iter()
                    .map(|id| endpoint_id(id).ok_or_else(|| refuse(format!("{:?} is no webhook endpoint's id", id.as_str()))))
                    .collect::<Result<Vec<_>>>()?,
            ),
            None => None,
        };
        Ok(delivery_which(ids.as_deref(), self.statuses.as_deref(), self.event_types.as_deref()))
    }
}

/// What a webhook endpoint's id in an argument stands for.
pub(super) fn endpoint_id(text: &str) -> Option<i64> {
    match text.parse::<Id>() {
        Ok(Id::WebhookEndpoint(id)) => Some(id),
        _ => None,
    }
}

/// What a delivery's id in an argument stands for.
pub(super) fn delivery_id(text: &str) -> Option<i64> {
    match text.parse::<Id>() {
        Ok(Id::WebhookDelivery(id)) => Some(id),
        _ => None,
    }
}

/// An endpoint, for `node`: only administrators' keys see any.
pub(super) async fn endpoint(ctx: &Context<'_>, id: i64) -> Result<Option<WebhookEndpoint>> {
    if viewer(ctx)?.0.access < Access::Admin {
        return Ok(None);
    }
    Ok(state(ctx)?.loaders.webhook_endpoint(id).await?.map(WebhookEndpoint))
}

/// A delivery, for `node`: only administrators' keys see any.
pub(super) async fn delivery(ctx: &Context<'_>, id: i64) -> Result<Option<WebhookDelivery>> {
    if viewer(ctx)?.0.access < Access::Admin {
        return Ok(None);
    }
    Ok(delivery_find(&mut state(ctx)?.store.read().await?, id).await?.map(WebhookDelivery))
}

/// See `Query`.
#[derive(Default)]
pub struct WebhookQueries;

#[Object]
impl WebhookQueries {
    /// The webhook endpoint with this id; null when there is none. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn webhook_endpoint(&self, ctx: &Context<'_>, #[graphql(desc = "The endpoint's global id.")] id: ID) -> Result<Option<WebhookEndpoint>> {
        let parsed: Id = id.parse().map_err(|error: IdError| Fault::argument("id", error.to_string()))?;
        let Id::WebhookEndpoint(number) = parsed else {
            return Err(Fault::argument("id", format!("{:?} is not the id of a WebhookEndpoint", id.as_str())));
        };
        endpoint(ctx, number).await
    }

    /// Webhook endpoints, oldest first. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn webhook_endpoints(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<Page<WebhookEndpoint>> {
        let shown = |row| WebhookEndpoint(Arc::new(row));
        pagination::numbered(ctx, "webhookEndpoints", &Args::forward(first, after), Endpoints, shown).await
    }

    /// What is to be sent to webhook endpoints, and what became of what was, newest first. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn webhook_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many: 0 to 250, and 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<WebhookDeliveryFilter>,
    ) -> Result<Page<WebhookDelivery>> {
        page(ctx, &Args::forward(first, after), filter.unwrap_or_default().which()?).await
    }
}
