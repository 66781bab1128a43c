//! The queue of an endpoint: taken by lease, sent from, and given back.

use diesel::dsl::{exists, not};
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};

use super::deliveries::Delivery;
use super::{Endpoint, WebhookDeliveryStatus, WebhookDisabledReason, WebhookEventType, WebhookOrdering};
use crate::record::{DataType, Instant};
use crate::store::bulk::bulk_insert;
use crate::store::conn::{Columns as _, Conn, Run as _, Tx};
use crate::store::error::{During as _, Error, Result};
use crate::store::schema::{webhook_deliveries as d, webhook_endpoints as e};
use crate::store::wake::Signal;

/// A moment that does not come: the last day of the year 9999.
const NEVER: Instant = Instant::from_micros(253_402_214_400_000_000);

/// The right to send what is in an endpoint's queue, until it is lost to another process.
#[derive(Debug, Clone)]
pub struct QueueLease {
    /// The endpoint's number.
    pub endpoint: i64,
    token: i64,
}

/// When the next queue that could be taken is due.
///
/// # Errors
/// When the database does not answer.
pub async fn queue_next_due(conn: &mut Conn, now: Instant) -> Result<Option<Instant>> {
    let free = e::table
        .filter(e::enabled.eq(true))
        .filter(e::leased_until.is_null().or(e::leased_until.lt(now)))
        .filter(e::not_before.is_null().or(e::not_before.le(now)));
    let first = free.filter(e::next_due_at.is_not_null()).order(e::next_due_at).limit(1).select(e::next_due_at);
    let first: Option<Option<Instant>> = first.one(conn).await.optional().during("Failed to find the next webhooks that are due")?;
    Ok(first.flatten())
}

/// Takes the queue that has been due the longest.
///
/// # Errors
/// When the database refuses.
pub async fn queue_lease(tx: &mut Tx, owner: &str, now: Instant, until: Instant) -> Result<Option<(QueueLease, Endpoint)>> {
    let pick = e::table
        .filter(e::enabled.eq(true))
        .filter(e::next_due_at.le(now))
        .filter(e::leased_until.is_null().or(e::leased_until.lt(now)))
        .filter(e::not_before.is_null().or(e::not_before.le(now)))
        .order((e::next_due_at, e::id))
        .limit(1)
        .select(e::id);
    // PostgreSQL passes by what another process has just locked; SQLite has one writer, and this is it.
    let picked: Option<i64> = match &mut **tx {
        Conn::Pg(c) => c.query(async |c| diesel_async::RunQueryDsl::get_result(pick.for_update().skip_locked(), c).await).await.optional(),
        Conn::Lite(c) => c.block(|c| diesel::RunQueryDsl::get_result(pick, c)).optional(),
    }
    .during("Failed to lease webhooks that are due")?;
    let Some(id) = picked else { return Ok(None) };
    let lease = (e::lease_token.eq(e::lease_token + 1), e::leased_until.eq(Some(until)), e::leased_by.eq(Some(owner)));
    let query = diesel::update(e::table.find(id)).set(lease).returning((e::lease_token, Endpoint::columns()));
    let (token, endpoint): (i64, Endpoint) = query.one(tx).await.during("Failed to lease webhooks")?;
    Ok(Some((QueueLease { endpoint: id, token }, endpoint)))
}

/// Makes sure that the lease is still ours, extends it, and locks the endpoint's row until the transaction ends.
///
/// # Errors
/// [`Error::LeaseLost`], also when the endpoint has been removed.
pub async fn queue_hold(tx: &mut Tx, lease: &QueueLease, until: Instant) -> Result<Endpoint> {
    let own = e::table.filter(e::id.eq(lease.endpoint)).filter(e::lease_token.eq(lease.token));
    let held = diesel::update(own).set(e::leased_until.eq(Some(until))).returning(Endpoint::columns());
    held.one(tx).await.optional().during("Failed to extend a lease of webhooks")?.ok_or(Error::LeaseLost)
}

/// When the next of what is left in a queue may be sent; `None` when nothing is left. Asked by whoever has locked the endpoint's row.
///
/// # Errors
/// When the database does not answer.
pub async fn queue_next(tx: &mut Tx, endpoint: &Endpoint) -> Result<Option<Instant>> {
    Ok(queue_due(tx, endpoint, NEVER, 1).await?.into_iter().find_map(|next| next.next_attempt_at))
}

/// Gives the queue back: it is due again when the next of what is left is, unless the endpoint is to be left alone for longer.
///
/// # Errors
/// [`Error::LeaseLost`]
pub async fn queue_release(tx: &mut Tx, lease: &QueueLease, endpoint: &Endpoint, next: Option<Instant>, now: Instant) -> Result<()> {
    let own = e::table.filter(e::id.eq(lease.endpoint)).filter(e::lease_token.eq(lease.token));
    let due = next.map(|next| next.max(endpoint.not_before.unwrap_or(next)));
    let freed = (e::leased_until.eq(None::<Instant>), e::leased_by.eq(None::<String>), e::next_due_at.eq(due));
    let freed = diesel::update(own).set(freed).run(tx).await.during("Failed to give webhooks back")?;
    if due.is_some_and(|due| due <= now) {
        tx.signal(Signal::Webhooks);
    }
    if freed == 0 { Err(Error::LeaseLost) } else { Ok(()) }
}

/// What may be sent to an endpoint at this moment, what has waited the longest first. Where events of a record keep their order,
/// only the first of each record.
///
/// # Errors
/// When the database does not answer.
pub async fn queue_due(conn: &mut Conn, endpoint: &Endpoint, until: Instant, limit: i64) -> Result<Vec<Delivery>> {
    let due = d::table.filter(d::endpoint_id.eq(endpoint.id)).filter(d::finished_at.is_null()).filter(d::next_attempt_at.le(until));
    let rows = match endpoint.ordering {
        WebhookOrdering::None => due.order((d::next_attempt_at, d::id)).limit(limit).select(Delivery::columns()).all(conn).await,
        WebhookOrdering::Record => {
            let earlier = diesel::alias!(d as earlier);
            let before = earlier
                .filter(earlier.field(d::endpoint_id).eq(d::endpoint_id))
                .filter(earlier.field(d::finished_at).is_null())
                .filter(earlier.field(d::connection_id).eq(d::connection_id))
                .filter(earlier.field(d::data_type).eq(d::data_type))
                .filter(earlier.field(d::source_id).eq(d::source_id))
                .filter(earlier.field(d::id).lt(d::id));
            due.filter(not(exists(before))).order((d::next_attempt_at, d::id)).limit(limit).select(Delivery::columns()).all(conn).await
        }
    };
    rows.during("Failed to read webhooks that are due")
}

/// What an endpoint's answers say of it.
#[derive(Debug, Clone)]
pub struct Health {
    /// When something was last accepted.
    pub last_success_at: Option<Instant>,
    /// Since when no attempt has succeeded.
    pub failing_since: Option<Instant>,
    /// How many have failed in a row.
    pub failures: i64,
    /// It is to be left alone until then.
    pub not_before: Option<Instant>,
    /// Whether it is to be switched off.
    pub disable: Option<WebhookDisabledReason>,
}

impl From<&Endpoint> for Health {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            last_success_at: endpoint.last_success_at,
            failing_since: endpoint.failing_since,
            failures: endpoint.failures,
            not_before: endpoint.not_before,
            disable: None,
        }
    }
}

bulk_insert! {
    Outcome of Delivery => webhook_deliveries
    once {
        id: i64 = |row| &row.id;
        endpoint_id: i64 = |row| &row.endpoint_id;
        event_type: WebhookEventType = |row| &row.event_type;
        event_at: Instant = |row| &row.event_at;
        position: Option<i64> = |row| &row.position;
        connection_id: Option<i64> = |row| &row.connection_id;
        data_type: Option<DataType> = |row| &row.data_type;
        source_id: Option<String> = |row| &row.source_id;
        created_at: Instant = |row| &row.created_at;
    }
    on conflict (id) replace {
        status: WebhookDeliveryStatus = |row| &row.status;
        attempts: i64 = |row| &row.attempts;
        next_attempt_at: Option<Instant> = |row| &row.next_attempt_at;
        last_attempt_at: Option<Instant> = |row| &row.last_attempt_at;
        last_status: Option<i64> = |row| &row.last_status;
        last_error: Option<String> = |row| &row.last_error;
        last_latency_ms: Option<i64> = |row| &row.last_latency_ms;
        finished_at: Option<Instant> = |row| &row.finished_at;
    }
    and ""
}

/// Notes what became of deliveries, and what that says of their endpoint. Holds the lease as [`queue_hold`] does.
///
/// # Errors
/// [`Error::LeaseLost`], also when the endpoint has been removed.
pub async fn queue_record(tx: &mut Tx, lease: &QueueLease, done: &[Delivery], health: &Health, now: Instant, until: Instant) -> Result<Endpoint> {
    let own = e::table.filter(e::id.eq(lease.endpoint)).filter(e::lease_token.eq(lease.token));
    let known = (
        e::leased_until.eq(Some(until)),
        e::last_success_at.eq(health.last_success_at),
        e::failing_since.eq(health.failing_since),
        e::failures.eq(health.failures),
        e::not_before.eq(health.not_before),
    );
    let held = diesel::update(own).set(known).returning(Endpoint::columns());
    let mut endpoint: Endpoint = held.one(tx).await.optional().during("Failed to note how a webhook endpoint is doing")?.ok_or(Error::LeaseLost)?;
    Outcome::run(tx, done).await.during("Failed to note what became of webhooks")?;
    if endpoint.ordering == WebhookOrdering::Record {
        for failed in done.iter().filter(|delivery| delivery.status == WebhookDeliveryStatus::Pending) {
            hold_back(tx, failed).await?;
        }
    }
    if let Some(reason) = health.disable {
        endpoint = super::endpoint_disable(tx, lease.endpoint, reason, now).await?.ok_or(Error::LeaseLost)?;
    }
    Ok(endpoint)
}

/// Later events of the same record need not be looked at before the one that they wait for.
async fn hold_back(tx: &mut Tx, failed: &Delivery) -> Result<()> {
    let (Some(connection), Some(data_type), Some(source_id), Some(next)) =
        (failed.connection_id, failed.data_type, failed.source_id.as_deref(), failed.next_attempt_at)
    else {
        return Ok(());
    };
    let later = d::table
        .filter(d::endpoint_id.eq(failed.endpoint_id))
        .filter(d::finished_at.is_null())
        .filter(d::connection_id.eq(connection))
        .filter(d::data_type.eq(data_type))
        .filter(d::source_id.eq(source_id))
        .filter(d::id.gt(failed.id))
        .filter(d::next_attempt_at.lt(next));
    diesel::update(later).set(d::next_attempt_at.eq(Some(next))).run(tx).await.during("Failed to hold webhooks of a record back")?;
    Ok(())
}
