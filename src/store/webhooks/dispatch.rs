//! Reading the change log for all endpoints: who does it, how far it has come, and what it puts into the queues.

use std::collections::BTreeSet;

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};

use super::{Endpoint, WebhookEventType};
use crate::record::{DataType, Instant};
use crate::store::bulk::bulk_insert;
use crate::store::changes::Change;
use crate::store::conn::{Columns as _, Conn, Run as _, Tx};
use crate::store::error::{During as _, Error, Result};
use crate::store::predicate::Predicate;
use crate::store::schema::{webhook_deliveries as d, webhook_dispatch as t, webhook_endpoints as e};
use crate::store::wake::Signal;
use crate::store::webhooks::WebhookDeliveryStatus;

/// The right to read the change log for all endpoints, until it is lost to another process.
#[derive(Debug, Clone)]
pub struct DispatchLease {
    /// Entries up to here have been read.
    pub position: i64,
    token: i64,
}

/// Whether the lease can be taken.
///
/// # Errors
/// When the database does not answer.
pub async fn dispatch_is_free(conn: &mut Conn, owner: &str, now: Instant) -> Result<bool> {
    let found: Vec<(Option<Instant>, Option<String>)> =
        t::table.filter(t::id.eq(1)).select((t::leased_until, t::leased_by)).all(conn).await.during("Failed to look who reads the change log")?;
    Ok(found.into_iter().any(|(until, by)| until.is_none_or(|until| until < now) || by.as_deref() == Some(owner)))
}

/// Takes the lease, if nobody else holds it.
///
/// # Errors
/// When the database refuses.
pub async fn dispatch_lease(tx: &mut Tx, owner: &str, now: Instant, until: Instant) -> Result<Option<DispatchLease>> {
    let free = t::table.filter(t::id.eq(1)).filter(t::leased_until.is_null().or(t::leased_until.lt(now)).or(t::leased_by.eq(owner)));
    let lease = (t::lease_token.eq(t::lease_token + 1), t::leased_until.eq(Some(until)), t::leased_by.eq(Some(owner)));
    let taken = diesel::update(free).set(lease).returning((t::position, t::lease_token));
    let taken: Option<(i64, i64)> = taken.one(tx).await.optional().during("Failed to lease the reading of the change log")?;
    Ok(taken.map(|(position, token)| DispatchLease { position, token }))
}

/// Makes sure that the lease is still ours, extends it, and moves the position on. In the same transaction, what lies between the
/// two positions is put into queues.
///
/// # Errors
/// [`Error::LeaseLost`]
pub async fn dispatch_advance(tx: &mut Tx, lease: &DispatchLease, position: i64, until: Instant) -> Result<DispatchLease> {
    let own = t::table.filter(t::id.eq(1)).filter(t::lease_token.eq(lease.token)).filter(t::position.eq(lease.position));
    let moved = (t::position.eq(position), t::leased_until.eq(Some(until)));
    let moved = diesel::update(own).set(moved).run(tx).await.during("Failed to move on in the change log")?;
    if moved == 0 { Err(Error::LeaseLost) } else { Ok(DispatchLease { position, ..lease.clone() }) }
}

/// Gives the lease back.
///
/// # Errors
/// When the database refuses.
pub async fn dispatch_release(tx: &mut Tx, lease: &DispatchLease) -> Result<()> {
    let own = t::table.filter(t::id.eq(1)).filter(t::lease_token.eq(lease.token));
    diesel::update(own).set(t::leased_until.eq(None::<Instant>)).run(tx).await.during("Failed to give the reading of the change log back")?;
    tx.signal(Signal::Changes);
    Ok(())
}

/// The endpoints that are told of anything now.
///
/// # Errors
/// When the database does not answer.
pub async fn endpoint_enabled(conn: &mut Conn) -> Result<Vec<Endpoint>> {
    e::table.filter(e::enabled.eq(true)).order(e::id).select(Endpoint::columns()).all(conn).await.during("Failed to list webhook endpoints")
}

/// Something to be sent to an endpoint.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// To which.
    pub endpoint: i64,
    /// What it tells.
    pub event_type: WebhookEventType,
    /// When that happened.
    pub event_at: Instant,
    /// Where it stands in the change log; `None` for a test.
    pub position: Option<i64>,
    /// Of which connection.
    pub connection: Option<i64>,
    /// Of which type.
    pub data_type: Option<DataType>,
    /// Of which record.
    pub source_id: Option<String>,
    /// Now: when it is put into the queue, and when it may be sent.
    pub now: Instant,
}

impl NewDelivery {
    /// An entry of the change log, for an endpoint.
    pub fn of(endpoint: &Endpoint, change: &Change, now: Instant) -> Self {
        Self {
            endpoint: endpoint.id,
            event_type: WebhookEventType::of(change.kind),
            event_at: change.at,
            position: Some(change.position),
            connection: Some(change.connection_id),
            data_type: change.data_type,
            source_id: change.source_id.clone(),
            now,
        }
    }
}

bulk_insert! {
    Insert of NewDelivery => webhook_deliveries
    once {
        endpoint_id: i64 = |row| &row.endpoint;
        event_type: WebhookEventType = |row| &row.event_type;
        event_at: Instant = |row| &row.event_at;
        position: Option<i64> = |row| &row.position;
        connection_id: Option<i64> = |row| &row.connection;
        data_type: Option<DataType> = |row| &row.data_type;
        source_id: Option<String> = |row| &row.source_id;
        created_at: Instant = |row| &row.now;
        status: WebhookDeliveryStatus = |_| &WebhookDeliveryStatus::Pending;
        attempts: i64 = |_| &0;
        next_attempt_at: Instant = |row| &row.now;
    }
}

/// Puts deliveries into their queues, and lets the endpoints' rows say so.
///
/// # Errors
/// When the database refuses.
pub async fn delivery_put(tx: &mut Tx, new: &[NewDelivery]) -> Result<()> {
    let Some(now) = new.iter().map(|new| new.now).max() else { return Ok(()) };
    Insert::run(tx, new).await.during("Failed to queue webhooks")?;
    let endpoints: BTreeSet<i64> = new.iter().map(|new| new.endpoint).collect();
    let due = e::table.filter(Predicate::ids(e::id, &Vec::from_iter(endpoints)));
    diesel::update(due).set(e::next_due_at.eq(Some(now))).run(tx).await.during("Failed to note that webhooks are due")?;
    tx.signal(Signal::Webhooks);
    Ok(())
}

/// The positions, of those after one and up to another, that are still to be sent to an endpoint.
///
/// # Errors
/// When the database does not answer.
pub async fn delivery_pending(conn: &mut Conn, endpoint: i64, after: i64, until: i64) -> Result<Vec<i64>> {
    let pending = d::table
        .filter(d::endpoint_id.eq(endpoint))
        .filter(d::finished_at.is_null())
        .filter(d::position.gt(after))
        .filter(d::position.le(until))
        .select(d::position);
    let found: Vec<Option<i64>> = pending.all(conn).await.during("Failed to list what is still to be sent")?;
    Ok(found.into_iter().flatten().collect())
}

/// Notes how far the entries that an endpoint is to be sent once more have been put into its queue; with `None`, all of them.
/// False when somebody has asked for others since.
///
/// # Errors
/// When the database refuses.
pub async fn replay_advance(tx: &mut Tx, endpoint: &Endpoint, to: Option<i64>) -> Result<bool> {
    let asked = e::table
        .filter(e::id.eq(endpoint.id))
        .filter(e::replay_after.eq(endpoint.replay_after.unwrap_or_default()))
        .filter(e::replay_until.eq(endpoint.replay_until.unwrap_or_default()));
    let until = to.and(endpoint.replay_until);
    let moved = diesel::update(asked).set((e::replay_after.eq(to), e::replay_until.eq(until)));
    Ok(moved.run(tx).await.during("Failed to move on in what is sent once more")? > 0)
}
