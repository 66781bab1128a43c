//! Webhooks: the endpoints, how far the change log has been read for them ([`dispatch`]), and what is to be sent to each
//! ([`queue`]) and what became of it ([`deliveries`]).
//!
//! **Invariants.**
//! * An event is put into queues in the transaction that moves the reading position past it, so none is missed, and none is
//!   put there twice by two readers: the position is moved only by who holds the lease and knows where it stood.
//! * A queue is worked on by one process at a time, by lease. What it notes down is refused when the lease is no longer its
//!   own; then an event may have been sent twice, but none is lost.
//! * Whoever adds to a queue updates the endpoint's row in the same transaction, and whoever gives a queue back has locked the row
//!   before it looks for what is left. So nothing that was added in between is forgotten.
//! * Secrets are sealed, each for its endpoint.

pub mod deliveries;
pub mod dispatch;
pub mod queue;

use diesel::{ExpressionMethods as _, NullableExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};
use secrecy::SecretString;

use super::changes::{Kind, Wanted};
use super::conn::{Columns as _, Conn, Run as _, Tx};
use super::error::{During as _, Result};
use super::predicate::Predicate;
use super::schema::{change_head, webhook_endpoints as e};
use super::vault::Vault;
use super::wake::Signal;
use crate::record::{ConnectionId, DataType, Instant, Json, List, codes};

codes! {
    /// What a webhook tells.
    pub enum WebhookEventType {
        /// A record was stored for the first time: `record.created`.
        RecordCreated = "RECORD_CREATED",
        /// A record's content changed: `record.updated`.
        RecordUpdated = "RECORD_UPDATED",
        /// A record was found gone at its source: `record.deleted`.
        RecordDeleted = "RECORD_DELETED",
        /// A record that had been deleted came back: `record.restored`.
        RecordRestored = "RECORD_RESTORED",
        /// A sync run ended: `sync.completed`.
        SyncCompleted = "SYNC_COMPLETED",
        /// A connection has an issue that it had not: `issue.raised`.
        IssueRaised = "ISSUE_RAISED",
        /// What a connection's issue says is different: `issue.changed`.
        IssueChanged = "ISSUE_CHANGED",
        /// A connection's issue is gone: `issue.cleared`.
        IssueCleared = "ISSUE_CLEARED",
        /// Somebody tries an endpoint out: `webhook.test`. It is sent whatever the endpoint asks for.
        WebhookTest = "WEBHOOK_TEST",
    }
}

impl WebhookEventType {
    /// What an entry of the change log is told as.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Created => Self::RecordCreated,
            Kind::Updated => Self::RecordUpdated,
            Kind::Deleted => Self::RecordDeleted,
            Kind::Restored => Self::RecordRestored,
            Kind::SyncCompleted => Self::SyncCompleted,
            Kind::IssueRaised => Self::IssueRaised,
            Kind::IssueChanged => Self::IssueChanged,
            Kind::IssueCleared => Self::IssueCleared,
        }
    }
}

codes! {
    /// In which order the events of an endpoint are sent.
    pub enum WebhookOrdering {
        /// As they come. One that has to be sent again does not hold up others.
        None = "NONE",
        /// An event of a record waits until the earlier ones of the same record were delivered or given up.
        Record = "RECORD",
    }
}

codes! {
    /// Why an endpoint is switched off.
    pub enum WebhookDisabledReason {
        /// Somebody has switched it off.
        Manual = "MANUAL",
        /// For days, nothing that was sent to it was accepted.
        Failing = "FAILING",
        /// It has answered with 410 Gone: it does not want to be told any more.
        Gone = "GONE",
    }
}

codes! {
    /// Where a delivery stands.
    pub enum WebhookDeliveryStatus {
        /// To be sent, for the first time or again.
        Pending = "PENDING",
        /// The endpoint has accepted it.
        Delivered = "DELIVERED",
        /// Given up after the last attempt: a dead letter.
        Dead = "DEAD",
    }
}

/// Who is told of what, without its secrets.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = e, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Endpoint {
    /// Its number.
    pub id: i64,
    /// Where it is sent to.
    pub url: String,
    /// What people say of it.
    pub description: Option<String>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why nothing is.
    pub disabled_reason: Option<WebhookDisabledReason>,
    /// Since when nothing is.
    pub disabled_at: Option<Instant>,
    /// When it was made.
    pub created_at: Instant,
    /// Only of these connections; `None`: of all.
    pub connection_ids: Option<List<i64>>,
    /// Only of these types; `None`: of all.
    pub data_types: Option<List<DataType>>,
    /// Only these events; `None`: all.
    pub event_types: Option<List<WebhookEventType>>,
    /// In which order.
    pub ordering: WebhookOrdering,
    /// How many are sent at the same time.
    pub max_concurrency: i64,
    /// Until when what is sent is signed with the old secret too.
    pub old_secret_expires_at: Option<Instant>,
    /// Entries of the change log up to here are none of its business.
    pub from_position: i64,
    /// What is to be sent once more comes after this entry.
    pub replay_after: Option<i64>,
    /// The last entry that is to be sent once more.
    pub replay_until: Option<i64>,
    /// It is left alone until then.
    pub not_before: Option<Instant>,
    /// When something was last accepted.
    pub last_success_at: Option<Instant>,
    /// Since when no attempt has succeeded.
    pub failing_since: Option<Instant>,
    /// How many have failed in a row.
    pub failures: i64,
    /// Only of these records; `None`: of all.
    pub records: Option<List<(DataType, i64, String)>>,
    /// Only of records of these warehouse customers; `None`: of all.
    pub warehouse_customers: Option<List<(i64, String)>>,
}

impl Endpoint {
    /// The entries of the change log that it is told of.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            kinds: self
                .event_types
                .as_ref()
                .map(|types| Kind::ALL.iter().copied().filter(|kind| types.contains(&WebhookEventType::of(*kind))).collect()),
            connections: self.connection_ids.as_ref().map(|ids| ids.iter().copied().map(ConnectionId).collect()),
            data_types: self.data_types.as_ref().map(|types| types.to_vec()),
            records: self.records.as_ref().map(|all| all.iter().map(|(data_type, at, id)| (*data_type, ConnectionId(*at), id.clone())).collect()),
            warehouse_customers: self.warehouse_customers.as_ref().map(|all| all.iter().map(|(at, id)| (ConnectionId(*at), id.clone())).collect()),
        }
    }
}

/// What can be said of an endpoint when it is made or changed.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Where it is sent to.
    pub url: String,
    /// What people say of it.
    pub description: Option<String>,
    /// What of the change log; its kinds follow from the events.
    pub wanted: Wanted,
    /// Only these events; `None`: all.
    pub event_types: Option<Vec<WebhookEventType>>,
    /// In which order.
    pub ordering: WebhookOrdering,
    /// How many are sent at the same time.
    pub max_concurrency: i64,
}

impl From<&Endpoint> for EndpointSettings {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            wanted: endpoint.wanted(),
            event_types: endpoint.event_types.as_ref().map(|types| types.to_vec()),
            ordering: endpoint.ordering,
            max_concurrency: endpoint.max_concurrency,
        }
    }
}

/// The settings' columns.
macro_rules! settings {
    ($settings:ident) => {
        (
            e::url.eq(&$settings.url),
            e::description.eq(&$settings.description),
            e::connection_ids.eq($settings.wanted.connections.as_ref().map(|ids| Json::of(ids))),
            e::data_types.eq($settings.wanted.data_types.as_ref().map(|types| Json::of(types))),
            e::records.eq($settings.wanted.records.as_ref().map(|records| Json::of(records))),
            e::warehouse_customers.eq($settings.wanted.warehouse_customers.as_ref().map(|customers| Json::of(customers))),
            e::event_types.eq($settings.event_types.as_ref().map(|types| Json::of(types))),
            e::ordering.eq($settings.ordering),
            e::max_concurrency.eq($settings.max_concurrency),
        )
    };
}

/// What a secret is sealed for: the endpoint that it belongs to.
fn purpose(id: i64) -> String {
    format!("webhook endpoint {id}")
}

async fn head(tx: &mut Tx) -> Result<i64> {
    change_head::table.select(change_head::position).one(tx).await.during("Failed to read the change log's head")
}

/// Makes an endpoint, which is told of what happens from now on.
///
/// # Errors
/// When the database refuses or the secret cannot be sealed.
pub async fn endpoint_create(tx: &mut Tx, vault: &Vault, settings: &EndpointSettings, secret: &SecretString, now: Instant) -> Result<Endpoint> {
    let from = head(tx).await?;
    let row = (
        settings!(settings),
        (e::enabled.eq(true), e::created_at.eq(now), e::secret.eq(Vec::<u8>::new())),
        (e::from_position.eq(from), e::lease_token.eq(0), e::failures.eq(0)),
    );
    let query = diesel::insert_into(e::table).values(row).returning(Endpoint::columns());
    let made: Endpoint = query.one(tx).await.during("Failed to store a webhook endpoint")?;
    let sealed = vault.seal(&purpose(made.id), secret)?;
    diesel::update(e::table.find(made.id)).set(e::secret.eq(sealed)).run(tx).await.during("Failed to store a webhook's secret")?;
    Ok(made)
}

/// Changes an endpoint.
///
/// # Errors
/// When the database refuses.
pub async fn endpoint_change(tx: &mut Tx, id: i64, settings: &EndpointSettings) -> Result<Option<Endpoint>> {
    let query = diesel::update(e::table.find(id)).set(settings!(settings)).returning(Endpoint::columns());
    query.one(tx).await.optional().during("Failed to change a webhook endpoint")
}

/// Switches an endpoint on: it is told of what happens from now on, and what was waiting for it is sent.
///
/// # Errors
/// When the database refuses.
pub async fn endpoint_enable(tx: &mut Tx, id: i64, now: Instant) -> Result<Option<Endpoint>> {
    let from = head(tx).await?;
    let on = (
        (e::enabled.eq(true), e::disabled_reason.eq(None::<WebhookDisabledReason>), e::disabled_at.eq(None::<Instant>)),
        (e::from_position.eq(from), e::next_due_at.eq(Some(now)), e::not_before.eq(None::<Instant>)),
        (e::failing_since.eq(None::<Instant>), e::failures.eq(0)),
    );
    tx.signal(Signal::Webhooks);
    let query = diesel::update(e::table.find(id)).set(on).returning(Endpoint::columns());
    query.one(tx).await.optional().during("Failed to switch a webhook endpoint on")
}

/// Switches an endpoint off. What waits for it goes on waiting.
///
/// # Errors
/// When the database refuses.
pub async fn endpoint_disable(tx: &mut Tx, id: i64, reason: WebhookDisabledReason, now: Instant) -> Result<Option<Endpoint>> {
    let off = (e::enabled.eq(false), e::disabled_reason.eq(Some(reason)), e::disabled_at.eq(Some(now)));
    let query = diesel::update(e::table.find(id)).set(off).returning(Endpoint::columns());
    query.one(tx).await.optional().during("Failed to switch a webhook endpoint off")
}

/// Removes an endpoint with all that waits for it. False when there is none.
///
/// # Errors
/// When the database refuses.
pub async fn endpoint_delete(tx: &mut Tx, id: i64) -> Result<bool> {
    Ok(diesel::delete(e::table.find(id)).run(tx).await.during("Failed to remove a webhook endpoint")? > 0)
}

/// Gives an endpoint a new secret; the one that it had is used beside it until `old_until`.
///
/// # Errors
/// When the database refuses or the secret cannot be sealed.
pub async fn endpoint_rotate(tx: &mut Tx, vault: &Vault, id: i64, secret: &SecretString, old_until: Instant) -> Result<Option<Endpoint>> {
    let sealed = vault.seal(&purpose(id), secret)?;
    let rotated = (e::old_secret.eq(e::secret.nullable()), e::secret.eq(sealed), e::old_secret_expires_at.eq(Some(old_until)));
    let query = diesel::update(e::table.find(id)).set(rotated).returning(Endpoint::columns());
    query.one(tx).await.optional().during("Failed to store a webhook's new secret")
}

/// An endpoint's secrets: the one, and beside it the old one while it is used.
///
/// # Errors
/// When the database does not answer, or the vault's key is another one.
pub async fn endpoint_secrets(conn: &mut Conn, vault: &Vault, id: i64, now: Instant) -> Result<Vec<SecretString>> {
    type Sealed = (Vec<u8>, Option<Vec<u8>>, Option<Instant>);
    let query = e::table.find(id).select((e::secret, e::old_secret, e::old_secret_expires_at));
    let found: Option<Sealed> = query.one(conn).await.optional().during("Failed to read a webhook's secrets")?;
    let Some((secret, old, until)) = found else { return Ok(Vec::new()) };
    let old = old.filter(|_| until.is_some_and(|until| now < until));
    std::iter::once(secret).chain(old).map(|sealed| Ok(vault.open(&purpose(id), &sealed)?)).collect()
}

/// Forgets old secrets that are no longer used.
///
/// # Errors
/// When the database refuses.
pub async fn endpoint_secrets_forget(tx: &mut Tx, now: Instant) -> Result<usize> {
    let expired = e::table.filter(e::old_secret_expires_at.le(now));
    let none = (e::old_secret.eq(None::<Vec<u8>>), e::old_secret_expires_at.eq(None::<Instant>));
    diesel::update(expired).set(none).run(tx).await.during("Failed to forget old webhook secrets")
}

/// One endpoint.
///
/// # Errors
/// When the database does not answer.
pub async fn endpoint_find(conn: &mut Conn, id: i64) -> Result<Option<Endpoint>> {
    e::table.find(id).select(Endpoint::columns()).one(conn).await.optional().during("Failed to read a webhook endpoint")
}

/// Endpoints, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn endpoint_list(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<Endpoint>> {
    let query = e::table.filter(e::id.gt(after)).order(e::id).limit(limit).select(Endpoint::columns());
    query.all(conn).await.during("Failed to list webhook endpoints")
}

/// These endpoints, in no order.
///
/// # Errors
/// When the database does not answer.
pub async fn endpoint_many(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Endpoint>> {
    e::table.filter(Predicate::ids(e::id, ids)).select(Endpoint::columns()).all(conn).await.during("Failed to read webhook endpoints")
}

/// How many endpoints there are.
///
/// # Errors
/// When the database does not answer.
pub async fn endpoint_count(conn: &mut Conn) -> Result<i64> {
    e::table.count().one(conn).await.during("Failed to count webhook endpoints")
}

/// Asks for entries of the change log to be sent once more: those after one and up to another.
///
/// # Errors
/// When the database refuses.
pub async fn endpoint_replay(tx: &mut Tx, id: i64, after: i64, until: i64) -> Result<Option<Endpoint>> {
    let asked = (e::replay_after.eq(Some(after)), e::replay_until.eq(Some(until)));
    let query = diesel::update(e::table.find(id)).set(asked).returning(Endpoint::columns());
    // Who reads the log for all endpoints waits for it to grow.
    tx.signal(Signal::Changes);
    query.one(tx).await.optional().during("Failed to ask for webhooks once more")
}

/// An endpoint that is to be sent entries once more, with the position after which they come, and the last one.
///
/// # Errors
/// When the database does not answer.
pub async fn endpoint_replaying(conn: &mut Conn) -> Result<Option<(Endpoint, i64, i64)>> {
    let asked = e::table.filter(e::replay_until.is_not_null()).order(e::id).limit(1).select(Endpoint::columns());
    let found: Option<Endpoint> = asked.one(conn).await.optional().during("Failed to look for what is to be sent once more")?;
    Ok(found.and_then(|found| found.replay_after.zip(found.replay_until).map(|(after, until)| (found, after, until))))
}

/// How many endpoints are doing how.
#[derive(Debug, Clone, Copy, Default)]
pub struct EndpointHealth {
    /// Switched on, and not failing.
    pub enabled: i64,
    /// Switched on, and nothing that was sent last was accepted.
    pub failing: i64,
    /// Switched off, by the server or by somebody.
    pub disabled: i64,
}

/// Counts how the endpoints are doing.
///
/// # Errors
/// When the database does not answer.
pub async fn endpoint_health(conn: &mut Conn) -> Result<EndpointHealth> {
    let all: Vec<(bool, Option<Instant>)> =
        e::table.select((e::enabled, e::failing_since)).all(conn).await.during("Failed to count webhook endpoints")?;
    let mut health = EndpointHealth::default();
    for (enabled, failing_since) in all {
        match (enabled, failing_since) {
            (false, _) => health.disabled += 1,
            (true, Some(_)) => health.failing += 1,
            (true, None) => health.enabled += 1,
        }
    }
    Ok(health)
}
