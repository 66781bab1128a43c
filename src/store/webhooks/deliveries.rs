//! What is to be sent, what was sent, and what could not be: the dead letters.

use diesel::dsl::count_star;
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};

use super::{WebhookDeliveryStatus, WebhookEventType};
use crate::record::{DataType, Instant};
use crate::store::conn::{Columns as _, Conn, Run as _, Tx};
use crate::store::error::{During as _, Result};
use crate::store::predicate::{Column, Predicate};
use crate::store::schema::{webhook_deliveries as d, webhook_endpoints as e};
use crate::store::wake::Signal;

/// An event on its way to an endpoint.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = d, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// The endpoint's number.
    pub endpoint_id: i64,
    /// What it tells.
    pub event_type: WebhookEventType,
    /// When that happened.
    pub event_at: Instant,
    /// Where it stands in the change log; `None` for a test.
    pub position: Option<i64>,
    /// Of which connection.
    pub connection_id: Option<i64>,
    /// Of which type.
    pub data_type: Option<DataType>,
    /// Of which record.
    pub source_id: Option<String>,
    /// When it was put into the queue.
    pub created_at: Instant,
    /// Where it stands.
    pub status: WebhookDeliveryStatus,
    /// How often it was sent.
    pub attempts: i64,
    /// When it is sent next; `None` when it is delivered or dead.
    pub next_attempt_at: Option<Instant>,
    /// When it was last sent.
    pub last_attempt_at: Option<Instant>,
    /// The HTTP status of the last answer.
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// How long the last answer took, in milliseconds.
    pub last_latency_ms: Option<i64>,
    /// When it was delivered or given up.
    pub finished_at: Option<Instant>,
}

/// One delivery.
///
/// # Errors
/// When the database does not answer.
pub async fn delivery_find(conn: &mut Conn, id: i64) -> Result<Option<Delivery>> {
    d::table.find(id).select(Delivery::columns()).one(conn).await.optional().during("Failed to read a webhook delivery")
}

/// Deliveries, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn delivery_list(conn: &mut Conn, which: Predicate, before: i64, limit: i64) -> Result<Vec<Delivery>> {
    let query = d::table.filter(which).filter(d::id.lt(before)).order(d::id.desc()).limit(limit).select(Delivery::columns());
    query.all(conn).await.during("Failed to list webhook deliveries")
}

/// How many deliveries there are.
///
/// # Errors
/// When the database does not answer.
pub async fn delivery_count(conn: &mut Conn, which: Predicate) -> Result<i64> {
    d::table.filter(which).count().one(conn).await.during("Failed to count webhook deliveries")
}

/// How many deliveries of an endpoint stand how.
///
/// # Errors
/// When the database does not answer.
pub async fn delivery_tally(conn: &mut Conn, endpoint: i64) -> Result<Vec<(WebhookDeliveryStatus, i64)>> {
    let query = d::table.filter(d::endpoint_id.eq(endpoint)).group_by(d::status).select((d::status, count_star()));
    query.all(conn).await.during("Failed to count an endpoint's webhook deliveries")
}

/// The condition that a delivery is to one of these endpoints, stands so, and tells one of these.
pub fn delivery_which(endpoints: Option<&[i64]>, statuses: Option<&[WebhookDeliveryStatus]>, event_types: Option<&[WebhookEventType]>) -> Predicate {
    let mut all = Vec::new();
    all.extend(endpoints.map(|ids| Predicate::ids(d::endpoint_id, ids)));
    all.extend(statuses.map(|codes| Predicate::OneOf(Column::of(d::status), codes.iter().map(|code| code.as_str().to_owned()).collect())));
    all.extend(event_types.map(|codes| Predicate::OneOf(Column::of(d::event_type), codes.iter().map(|code| code.as_str().to_owned()).collect())));
    Predicate::All(all)
}

/// Locks an endpoint's row, before any of its deliveries as all others do, and lets it say that something is due.
async fn queue_due_now(tx: &mut Tx, endpoint: i64, now: Instant) -> Result<()> {
    diesel::update(e::table.find(endpoint)).set(e::next_due_at.eq(Some(now))).run(tx).await.during("Failed to note that webhooks are due")?;
    tx.signal(Signal::Webhooks);
    Ok(())
}

/// Puts a test into an endpoint's queue.
///
/// # Errors
/// When the database refuses.
pub async fn delivery_test(tx: &mut Tx, endpoint: i64, now: Instant) -> Result<Delivery> {
    queue_due_now(tx, endpoint, now).await?;
    let row = (
        (d::endpoint_id.eq(endpoint), d::event_type.eq(WebhookEventType::WebhookTest), d::event_at.eq(now), d::created_at.eq(now)),
        (d::status.eq(WebhookDeliveryStatus::Pending), d::attempts.eq(0), d::next_attempt_at.eq(Some(now))),
    );
    diesel::insert_into(d::table).values(row).returning(Delivery::columns()).one(tx).await.during("Failed to queue a test of a webhook")
}

/// Lets dead letters of an endpoint (one, or all) be sent again, with all attempts before them, or a pending one at once. Answers
/// with how many that are.
///
/// # Errors
/// When the database refuses.
pub async fn delivery_retry(tx: &mut Tx, endpoint: i64, only: Option<i64>, now: Instant) -> Result<usize> {
    queue_due_now(tx, endpoint, now).await?;
    let again =
        (d::status.eq(WebhookDeliveryStatus::Pending), d::attempts.eq(0), d::next_attempt_at.eq(Some(now)), d::finished_at.eq(None::<Instant>));
    let count = match only {
        Some(id) => diesel::update(d::table.find(id)).set(again).run(tx).await,
        None => {
            diesel::update(d::table.filter(d::endpoint_id.eq(endpoint)).filter(d::status.eq(WebhookDeliveryStatus::Dead))).set(again).run(tx).await
        }
    };
    count.during("Failed to send dead letters again")
}

/// Removes deliveries that ended so before a moment, at most `limit` of them. Answers with how many that were.
///
/// # Errors
/// When the database refuses.
pub async fn delivery_prune(tx: &mut Tx, status: WebhookDeliveryStatus, before: Instant, limit: i64) -> Result<usize> {
    // Numbers are given in the order of time: what is old stands in front, but for what took long.
    let oldest = d::table.filter(d::status.eq(status)).order(d::id).limit(limit).select((d::id, d::finished_at));
    let oldest: Vec<(i64, Option<Instant>)> = oldest.all(tx).await.during("Failed to find old webhook deliveries")?;
    let ids: Vec<i64> = oldest.into_iter().filter(|(_, finished)| finished.is_some_and(|finished| finished < before)).map(|(id, _)| id).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    diesel::delete(d::table.filter(Predicate::ids(d::id, &ids))).run(tx).await.during("Failed to remove old webhook deliveries")
}
