//! Connected WMSs, their sealed credentials and their issues.

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::changes::{Entry, Kind as Change};
use super::conn::{Columns as _, Conn, Run as _, Tx};
use super::error::{During as _, Result};
use super::filter::Operators as _;
use super::predicate::{Column, Predicate};
use super::schema::{connection_issues as i, connections as t};
use super::vault::Vault;
use crate::record::filter::StringFilter;
use crate::record::{ConnectionId, DataType, Instant, Json, List, codes};

codes! {
    /// How a connected WMS is doing.
    pub enum ConnectionStatus {
        /// All is well.
        Active = "ACTIVE",
        /// Something is the matter with it, which does not stop it altogether: see the issues.
        Degraded = "DEGRADED",
        /// The WMS refuses the credentials; nothing is synced until it is given new ones.
        CredentialsRejected = "CREDENTIALS_REJECTED",
        /// Somebody has stopped it.
        Paused = "PAUSED",
    }
}

/// A customer's account at a WMS, without its credentials.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = t, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Connection {
    /// Its number.
    pub id: i64,
    /// The adapter's name.
    pub integration: String,
    /// What people call it.
    pub name: String,
    /// The caller's own reference.
    pub customer_reference: Option<String>,
    /// How it is doing.
    pub status: ConnectionStatus,
    /// How far back a first sync of transactional types goes, in days.
    pub lookback_days: i64,
    /// When it was made.
    pub created_at: Instant,
    /// Which account at the WMS it speaks for: connections with the same credentials share a rate budget.
    pub account: String,
}

impl Connection {
    /// Its number, typed.
    pub fn id(&self) -> ConnectionId {
        ConnectionId(self.id)
    }
}

/// A connection to be made.
#[derive(Debug)]
pub struct NewConnection {
    /// The adapter's name.
    pub integration: String,
    /// What people call it.
    pub name: String,
    /// The caller's own reference.
    pub customer_reference: Option<String>,
    /// What the adapter connects with, as JSON text.
    pub credentials: SecretString,
    /// How far back a first sync of transactional types goes, in days.
    pub lookback_days: i64,
}

/// What credentials are sealed for: the connection that they belong to.
fn purpose(id: i64) -> String {
    format!("connection {id}")
}

/// Makes a connection. Its schedules are made in the same transaction, by the caller.
///
/// # Errors
/// When the database refuses or the credentials cannot be sealed.
pub async fn connection_create(tx: &mut Tx, vault: &Vault, new: &NewConnection, now: Instant) -> Result<Connection> {
    let row = (
        t::integration.eq(&new.integration),
        t::name.eq(&new.name),
        t::customer_reference.eq(&new.customer_reference),
        t::status.eq(ConnectionStatus::Active),
        t::credentials.eq(Vec::<u8>::new()),
        t::account.eq(""),
        t::lookback_days.eq(new.lookback_days),
        t::created_at.eq(now),
    );
    let made: Connection =
        diesel::insert_into(t::table).values(row).returning(Connection::columns()).one(tx).await.during("Failed to store a connection")?;
    let account = connection_credentials_set(tx, vault, made.id(), &new.credentials).await?;
    Ok(Connection { account, ..made })
}

/// Replaces a connection's credentials. Answers with the account that they stand for.
///
/// # Errors
/// When the database refuses or the credentials cannot be sealed.
pub async fn connection_credentials_set(conn: &mut Conn, vault: &Vault, id: ConnectionId, credentials: &SecretString) -> Result<String> {
    let (sealed, account) = (vault.seal(&purpose(id.0), credentials)?, vault.fingerprint(credentials));
    let set = (t::credentials.eq(sealed), t::account.eq(&account));
    diesel::update(t::table.find(id.0)).set(set).run(conn).await.during("Failed to store credentials")?;
    Ok(account)
}

/// A connection's credentials.
///
/// # Errors
/// When the database does not answer, or the vault's key is another one.
pub async fn connection_credentials(conn: &mut Conn, vault: &Vault, id: ConnectionId) -> Result<Option<SecretString>> {
    let sealed: Option<Vec<u8>> = t::table.find(id.0).select(t::credentials).one(conn).await.optional().during("Failed to read credentials")?;
    Ok(sealed.map(|sealed| vault.open(&purpose(id.0), &sealed)).transpose()?)
}

/// Connections, by number.
///
/// # Errors
/// When the database does not answer.
pub async fn connection_list(conn: &mut Conn, which: Predicate, after: i64, limit: i64) -> Result<Vec<Connection>> {
    let query = t::table.filter(which).filter(t::id.gt(after)).order(t::id).limit(limit).select(Connection::columns());
    query.all(conn).await.during("Failed to list connections")
}

/// Which connections are wanted: all conditions are ANDed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Doing so.
    pub statuses: Option<&'a [ConnectionStatus]>,
    /// The adapter's name.
    pub integration: Option<&'a StringFilter>,
    /// What people call it.
    pub name: Option<&'a StringFilter>,
    /// The caller's own reference.
    pub customer_reference: Option<&'a StringFilter>,
}

/// The condition that a connection is wanted.
///
/// # Errors
/// [`Error::Filter`](super::Error::Filter), naming the field below `path`.
pub fn connection_which(wanted: Wanted<'_>, path: &str) -> Result<Predicate> {
    let mut all = Vec::new();
    all.extend(wanted.statuses.map(|codes| {
        let names = codes.iter().map(|code| code.as_str().to_owned()).collect();
        Predicate::OneOf(Column::of(t::status), List(names))
    }));
    for (test, column, name) in [
        (wanted.integration, Column::of(t::integration), "integration"),
        (wanted.name, Column::of(t::name), "name"),
        (wanted.customer_reference, Column::of(t::customer_reference), "customerReference"),
    ] {
        if let Some(test) = test {
            all.extend(test.conditions(column, &format!("{path}.{name}"))?);
        }
    }
    Ok(Predicate::All(all))
}

/// How many connections there are.
///
/// # Errors
/// When the database does not answer.
pub async fn connection_count(conn: &mut Conn, which: Predicate) -> Result<i64> {
    t::table.filter(which).count().one(conn).await.during("Failed to count connections")
}

/// These connections, in no order.
///
/// # Errors
/// When the database does not answer.
pub async fn connection_many(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Connection>> {
    let which = Predicate::ids(t::id, ids);
    t::table.filter(which).select(Connection::columns()).all(conn).await.during("Failed to read connections")
}

/// One connection.
///
/// # Errors
/// When the database does not answer.
pub async fn connection_find(conn: &mut Conn, id: ConnectionId) -> Result<Option<Connection>> {
    t::table.find(id.0).select(Connection::columns()).one(conn).await.optional().during("Failed to read a connection")
}

/// What is to change of a connection, beside its credentials.
#[derive(Debug, Clone, Default)]
pub struct ConnectionChange {
    /// What people call it.
    pub name: Option<String>,
    /// The caller's own reference; `Some(None)` takes it away.
    pub customer_reference: Option<Option<String>>,
    /// How far back a first sync of transactional types goes, in days.
    pub lookback_days: Option<i64>,
}

/// Changes a connection. `None`: there is none.
///
/// # Errors
/// When the database refuses.
pub async fn connection_change(tx: &mut Tx, id: ConnectionId, change: ConnectionChange) -> Result<Option<Connection>> {
    let Some(found) = connection_find(tx, id).await? else { return Ok(None) };
    let changed = (
        t::name.eq(change.name.unwrap_or(found.name)),
        t::customer_reference.eq(change.customer_reference.unwrap_or(found.customer_reference)),
        t::lookback_days.eq(change.lookback_days.unwrap_or(found.lookback_days)),
    );
    let query = diesel::update(t::table.find(id.0)).set(changed).returning(Connection::columns());
    query.one(tx).await.map(Some).during("Failed to change a connection")
}

/// Removes a connection with everything that was synced from it. False: there is none.
///
/// # Errors
/// When the database refuses.
pub async fn connection_remove(tx: &mut Tx, id: ConnectionId) -> Result<bool> {
    let rows = diesel::delete(t::table.find(id.0)).run(tx).await.during("Failed to remove a connection")?;
    Ok(rows > 0)
}

/// Sets how a connection is doing.
///
/// # Errors
/// When the database refuses.
pub async fn connection_status_set(conn: &mut Conn, id: ConnectionId, status: ConnectionStatus) -> Result<()> {
    diesel::update(t::table.find(id.0)).set(t::status.eq(status)).run(conn).await.during("Failed to set a connection's status")?;
    Ok(())
}

/// Lets a connection's status follow from its issues: with any it is degraded, without it is well. One that is stopped altogether
/// stays so.
///
/// # Errors
/// When the database refuses.
pub async fn connection_status_follow(tx: &mut Tx, id: ConnectionId) -> Result<()> {
    let well = issue_list(tx, &[id.0]).await?.is_empty();
    let (from, to) =
        if well { (ConnectionStatus::Degraded, ConnectionStatus::Active) } else { (ConnectionStatus::Active, ConnectionStatus::Degraded) };
    let row = t::table.find(id.0).filter(t::status.eq(from));
    diesel::update(row).set(t::status.eq(to)).run(tx).await.during("Failed to set a connection's status")?;
    Ok(())
}

/// Something about a connection that a person should know.
#[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize)]
#[diesel(table_name = i, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Issue {
    /// The connection's number.
    pub connection_id: i64,
    /// What it is, in one word that programs can compare.
    pub code: String,
    /// The data type that it concerns; empty for all.
    pub data_type: String,
    /// What it is, in a sentence.
    pub message: String,
    /// Whether it keeps data from being synced.
    pub blocking: bool,
    /// When it began.
    pub first_seen_at: Instant,
    /// When it was last seen.
    pub last_seen_at: Instant,
}

impl Issue {
    /// What the change log says when something has become of it.
    fn told(&self, kind: Change) -> Entry {
        let (connection, data_type) = (ConnectionId(self.connection_id), self.data_type.parse().ok());
        Entry { kind, connection, data_type, source_id: None, previous: None, warehouse_customers: [None, None], issue: Some(Json::of(self)) }
    }
}

/// Raises an issue, or confirms that it is still there. Answers with what the change log has to say of that, which the caller
/// appends: nothing, if it was there and says the same.
///
/// # Errors
/// When the database refuses.
pub async fn issue_raise(
    conn: &mut Conn,
    id: ConnectionId,
    code: &str,
    data_type: Option<DataType>,
    message: &str,
    blocking: bool,
    now: Instant,
) -> Result<Option<Entry>> {
    const DURING: &str = "Failed to raise an issue";
    let concerns = data_type.map_or("", DataType::as_str);
    let row = (
        i::connection_id.eq(id.0),
        i::code.eq(code),
        i::data_type.eq(concerns),
        i::message.eq(message),
        i::blocking.eq(blocking),
        i::first_seen_at.eq(now),
        i::last_seen_at.eq(now),
    );
    // The first statement decides between two that raise it at once; the second waits for the first's transaction.
    let raised = diesel::insert_into(i::table).values(row).on_conflict((i::connection_id, i::code, i::data_type)).do_nothing();
    if raised.run(conn).await.during(DURING)? > 0 {
        let (code, data_type, message) = (code.to_owned(), concerns.to_owned(), message.to_owned());
        let issue = Issue { connection_id: id.0, code, data_type, message, blocking, first_seen_at: now, last_seen_at: now };
        return Ok(Some(issue.told(Change::IssueRaised)));
    }
    let differs = i::message.ne(message).or(i::blocking.ne(blocking));
    let changed = diesel::update(i::table.find((id.0, code, concerns)).filter(differs))
        .set((i::message.eq(message), i::blocking.eq(blocking), i::last_seen_at.eq(now)))
        .returning(Issue::columns());
    let changed: Vec<Issue> = changed.all(conn).await.during(DURING)?;
    if changed.is_empty() {
        diesel::update(i::table.find((id.0, code, concerns))).set(i::last_seen_at.eq(now)).run(conn).await.during(DURING)?;
    }
    Ok(changed.first().map(|issue| issue.told(Change::IssueChanged)))
}

/// Takes back the issues of a data type, or of the connection as a whole, except those of the codes that `but` names. Answers with
/// what the change log has to say of that, which the caller appends.
///
/// # Errors
/// When the database refuses.
pub async fn issue_clear(conn: &mut Conn, id: ConnectionId, data_type: Option<DataType>, but: &[&str]) -> Result<Vec<Entry>> {
    let kept = Predicate::OneOf(Column::of(i::code), List(but.iter().map(|code| (*code).to_owned()).collect()));
    let which = i::table.filter(i::connection_id.eq(id.0)).filter(i::data_type.eq(data_type.map_or("", DataType::as_str)));
    let gone = diesel::delete(which.filter(Predicate::Not(Box::new(kept)))).returning(Issue::columns());
    let gone: Vec<Issue> = gone.all(conn).await.during("Failed to clear issues")?;
    Ok(gone.iter().map(|issue| issue.told(Change::IssueCleared)).collect())
}

/// Takes back the issue of a code that concerns a connection as a whole. Answers with what the change log has to say of that, which
/// the caller appends: nothing, if there was none.
///
/// # Errors
/// When the database refuses.
pub async fn issue_take_back(conn: &mut Conn, id: ConnectionId, code: &str) -> Result<Option<Entry>> {
    let gone = diesel::delete(i::table.find((id.0, code, ""))).returning(Issue::columns());
    let gone: Option<Issue> = gone.one(conn).await.optional().during("Failed to clear an issue")?;
    Ok(gone.map(|issue| issue.told(Change::IssueCleared)))
}

/// The numbers of the connections that have an issue of a code.
///
/// # Errors
/// When the database does not answer.
pub async fn issue_holders(conn: &mut Conn, code: &str) -> Result<Vec<i64>> {
    i::table.filter(i::code.eq(code)).select(i::connection_id).all(conn).await.during("Failed to list issues")
}

/// The issues of these connections.
///
/// # Errors
/// When the database does not answer.
pub async fn issue_list(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Issue>> {
    let query = i::table.filter(Predicate::ids(i::connection_id, ids)).order((i::connection_id, i::first_seen_at, i::code));
    query.select(Issue::columns()).all(conn).await.during("Failed to list issues")
}
