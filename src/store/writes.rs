//! The journal of writes: every write is stored before it is sent.
//!
//! **Invariants.**
//! * A write moves only forward: `PENDING → SENT → CONFIRMED | REJECTED | UNKNOWN`, and from `UNKNOWN` to one of the other two.
//!   Each step names the states that it may be taken from, so of two who would end a write one finds it ended.
//! * One write of a connection holds a key; the database sees to it, across processes.
//! * What stands here in the clear holds no secret: the whole command is sealed, and is forgotten when the write has ended.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};
use secrecy::SecretString;

use super::conn::{Columns as _, Conn, Run as _, Tx};
use super::error::{During as _, Result};
use super::filter::Operators as _;
use super::predicate::{Column, Op, Predicate, Scalar};
use super::schema::writes as t;
use super::vault::Vault;
use crate::record::draft::WriteAction;
use crate::record::filter::{DateTimeFilter, StringFilter};
use crate::record::{ConnectionId, DataType, Instant, Json, List, codes};

codes! {
    /// Where a write stands.
    pub enum WriteStatus {
        /// Stored, not yet sent.
        Pending = "PENDING",
        /// Sent; no answer yet.
        Sent = "SENT",
        /// The WMS has carried it out.
        Confirmed = "CONFIRMED",
        /// It was not carried out: the WMS has refused it, or it never got there.
        Rejected = "REJECTED",
        /// Sent, and no answer came: nobody knows whether it was carried out.
        Unknown = "UNKNOWN",
    }
}

impl WriteStatus {
    /// Whether it is known what came of the write.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Confirmed | Self::Rejected)
    }
}

/// The code of the issue that nobody knows of some of a connection's writes whether they were carried out.
pub const WRITE_UNKNOWN: &str = "WRITE_UNKNOWN";

/// A write as it was journalled.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = t, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Write {
    /// Its number.
    pub id: i64,
    /// The connection's number.
    pub connection_id: i64,
    /// What it does.
    pub action: WriteAction,
    /// Where it stands.
    pub status: WriteStatus,
    /// What names it at the WMS.
    pub reference: String,
    /// What was asked for, without secrets.
    pub request: Json,
    /// The record that it made or changed.
    pub source_id: Option<String>,
    /// Why it was refused.
    pub error: Option<Json>,
    /// Input fields that the WMS has no place for.
    pub unused_fields: List<String>,
    /// Whose key asked for it: its number.
    pub api_key_id: Option<i64>,
    /// When it was journalled.
    pub created_at: Instant,
    /// When it was sent.
    pub sent_at: Option<Instant>,
    /// When the answer came, or when it was given up that one would; later, when it was settled.
    pub finished_at: Option<Instant>,
    /// The name of that key at the time.
    pub api_key_name: Option<String>,
    /// The key under which it is answered again.
    pub idempotency_key: Option<String>,
    /// What that key is bound to.
    pub content_hash: String,
    /// What the WMS answered to a passthrough, without secrets.
    pub answer: Option<Json>,
    /// When the server next looks after it.
    pub look_at: Option<Instant>,
    /// How often it was looked up at the WMS.
    pub looks: i64,
    /// What the last look told.
    pub looked: Option<String>,
}

/// A write to be journalled.
#[derive(Debug, Clone, Copy)]
pub struct NewWrite<'a> {
    /// Where it goes.
    pub connection: ConnectionId,
    /// What it does.
    pub action: WriteAction,
    /// What names it at the WMS.
    pub reference: &'a str,
    /// What is asked for, without secrets.
    pub request: &'a Json,
    /// The whole of it, where it can be looked up at the WMS.
    pub command: Option<&'a SecretString>,
    /// The key under which it is answered again.
    pub key: Option<&'a str>,
    /// What the key is bound to.
    pub content_hash: &'a str,
    /// Whose key asks: number and name.
    pub by: (i64, &'a str),
    /// When its sender is given up if it gives no sign of life.
    pub look_at: Instant,
}

fn purpose(reference: &str) -> String {
    format!("write {reference}")
}

/// Journals a write that is about to be sent. `None`: another one holds its key.
///
/// # Errors
/// When the database refuses: then nothing must be sent.
pub async fn write_put(tx: &mut Tx, vault: &Vault, new: &NewWrite<'_>, now: Instant) -> Result<Option<Write>> {
    let command = new.command.map(|command| vault.seal(&purpose(new.reference), command)).transpose()?;
    let row = (
        (t::connection_id.eq(new.connection.0), t::action.eq(new.action), t::status.eq(WriteStatus::Pending), t::reference.eq(new.reference)),
        (t::request.eq(new.request.clone()), t::command.eq(command), t::unused_fields.eq(Json::of(&List::<String>::default()))),
        (t::api_key_id.eq(Some(new.by.0)), t::api_key_name.eq(Some(new.by.1)), t::created_at.eq(now), t::look_at.eq(Some(new.look_at))),
        (t::idempotency_key.eq(new.key), t::holds_key.eq(new.key.is_some()), t::content_hash.eq(new.content_hash), t::looks.eq(0)),
    );
    let query = diesel::insert_into(t::table).values(row).on_conflict_do_nothing().returning(Write::columns());
    query.one(tx).await.optional().during("Failed to journal a write")
}

/// The write that holds a key.
///
/// # Errors
/// When the database does not answer.
pub async fn write_of_key(conn: &mut Conn, connection: ConnectionId, key: &str) -> Result<Option<Write>> {
    let held = t::table.filter(t::connection_id.eq(connection.0)).filter(t::idempotency_key.eq(key)).filter(t::holds_key.eq(true));
    held.select(Write::columns()).one(conn).await.optional().during("Failed to look an idempotency key up")
}

/// Takes its key from a write, so that another one may hold it.
///
/// # Errors
/// When the database refuses.
pub async fn write_release(tx: &mut Tx, id: i64) -> Result<()> {
    diesel::update(t::table.find(id)).set(t::holds_key.eq(false)).run(tx).await.during("Failed to release an idempotency key")?;
    Ok(())
}

/// Notes that a write is being sent. False: it was given up, and must not be sent.
///
/// # Errors
/// When the database refuses: then it must not be sent.
pub async fn write_sent(tx: &mut Tx, id: i64, now: Instant, look_at: Instant) -> Result<bool> {
    let row = t::table.find(id).filter(t::status.eq(WriteStatus::Pending));
    let sent = (t::status.eq(WriteStatus::Sent), t::sent_at.eq(Some(now)), t::look_at.eq(Some(look_at)));
    Ok(diesel::update(row).set(sent).run(tx).await.during("Failed to note that a write is sent")? > 0)
}

/// Gives a sign of life for a write that is being sent.
///
/// # Errors
/// When the database refuses.
pub async fn write_hold(tx: &mut Tx, id: i64, look_at: Instant) -> Result<()> {
    let row = t::table.find(id).filter(standing(&[WriteStatus::Pending, WriteStatus::Sent]));
    diesel::update(row).set(t::look_at.eq(Some(look_at))).run(tx).await.during("Failed to hold a write")?;
    Ok(())
}

/// How a write ended, or that nobody knows.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// The record that it made or changed.
    pub source_id: Option<String>,
    /// Why it was not carried out, or why nobody knows.
    pub error: Option<Json>,
    /// What the WMS answered to a passthrough.
    pub answer: Option<Json>,
    /// Input fields that the WMS has no place for.
    pub unused_fields: Vec<String>,
    /// When it is to be looked up at the WMS.
    pub look_at: Option<Instant>,
}

/// Notes how a write ended. `None`: it stands in none of the states `from`, so nothing was noted.
///
/// # Errors
/// When the database refuses.
pub async fn write_finish(tx: &mut Tx, id: i64, from: &[WriteStatus], to: WriteStatus, ending: &Ending, now: Instant) -> Result<Option<Write>> {
    let ended = (
        t::status.eq(to),
        t::source_id.eq(ending.source_id.clone()),
        t::error.eq(ending.error.clone()),
        t::answer.eq(ending.answer.clone()),
        t::unused_fields.eq(Json::of(&ending.unused_fields)),
        t::finished_at.eq(Some(now)),
        t::look_at.eq(ending.look_at),
    );
    let query = diesel::update(t::table.find(id).filter(standing(from))).set(ended).returning(Write::columns());
    let write: Option<Write> = query.one(tx).await.optional().during("Failed to end a write")?;
    if to.is_settled() && write.is_some() {
        diesel::update(t::table.find(id)).set(t::command.eq(None::<Vec<u8>>)).run(tx).await.during("Failed to forget a command")?;
    }
    Ok(write)
}

/// The whole command of a write that has not been settled.
///
/// # Errors
/// When the database does not answer, or the command cannot be opened.
pub async fn write_command(conn: &mut Conn, vault: &Vault, write: &Write) -> Result<Option<SecretString>> {
    let sealed: Option<Vec<u8>> = t::table.find(write.id).select(t::command).one(conn).await.during("Failed to read a command")?;
    Ok(sealed.map(|sealed| vault.open(&purpose(&write.reference), &sealed)).transpose()?)
}

/// Writes that the server is to look after, the longest due first.
///
/// # Errors
/// When the database does not answer.
pub async fn write_due(conn: &mut Conn, now: Instant, limit: i64) -> Result<Vec<Write>> {
    let due = t::table.filter(t::look_at.le(now)).order(t::look_at).limit(limit).select(Write::columns());
    due.all(conn).await.during("Failed to find writes to look after")
}

/// Takes a write that is to be looked after, until `until`. False: another process was faster, or it has moved on.
///
/// # Errors
/// When the database refuses.
pub async fn write_claim(tx: &mut Tx, write: &Write, until: Instant) -> Result<bool> {
    let row = t::table.find(write.id).filter(t::status.eq(write.status)).filter(t::looks.eq(write.looks));
    let row = match write.look_at {
        Some(at) => row.filter(Predicate::Is(Column::of(t::look_at), Op::Eq, Scalar::Time(at))),
        None => row.filter(Predicate::IsNull(Column::of(t::look_at))),
    };
    let claimed = diesel::update(row).set((t::look_at.eq(Some(until)), t::looks.eq(t::looks + 1)));
    Ok(claimed.run(tx).await.during("Failed to take a write")? > 0)
}

/// Notes what a look at the WMS told of a write whose end it did not.
///
/// # Errors
/// When the database refuses.
pub async fn write_looked(tx: &mut Tx, id: i64, told: &str, look_at: Option<Instant>) -> Result<Option<Write>> {
    let row = t::table.find(id).filter(t::status.eq(WriteStatus::Unknown));
    let query = diesel::update(row).set((t::looked.eq(Some(told)), t::look_at.eq(look_at))).returning(Write::columns());
    query.one(tx).await.optional().during("Failed to note what a look told")
}

/// The condition that nobody knows what came of a write, and that its sender was given up before a moment, or nobody looks for it any
/// more.
fn forlorn(since: Instant) -> Predicate {
    let waited = Predicate::Is(Column::of(t::finished_at), Op::Le, Scalar::Time(since));
    let given_up = Predicate::IsNull(Column::of(t::look_at));
    Predicate::All(vec![standing(&[WriteStatus::Unknown]), Predicate::Any(vec![waited, given_up])])
}

/// The numbers of the connections with writes of which nobody knows what came, though their senders were given up at this moment or
/// before, or nobody looks for them any more.
///
/// # Errors
/// When the database does not answer.
pub async fn write_forlorn_at(conn: &mut Conn, since: Instant) -> Result<Vec<i64>> {
    let query = t::table.filter(forlorn(since)).select(t::connection_id).distinct();
    query.all(conn).await.during("Failed to find writes that nobody knows of")
}

/// The same writes of one connection: the oldest of them, and how many they are.
///
/// # Errors
/// When the database does not answer.
pub async fn write_forlorn(conn: &mut Conn, connection: ConnectionId, since: Instant) -> Result<Option<(Write, i64)>> {
    let which = || t::table.filter(forlorn(since)).filter(t::connection_id.eq(connection.0));
    let oldest = which().order(t::id).limit(1).select(Write::columns());
    let oldest: Option<Write> = oldest.one(conn).await.optional().during("Failed to find writes that nobody knows of")?;
    let count: i64 = which().count().one(conn).await.during("Failed to count writes that nobody knows of")?;
    Ok(oldest.map(|oldest| (oldest, count)))
}

/// One write.
///
/// # Errors
/// When the database does not answer.
pub async fn write_find(conn: &mut Conn, id: i64) -> Result<Option<Write>> {
    t::table.find(id).select(Write::columns()).one(conn).await.optional().during("Failed to read a write")
}

/// These writes, in no order.
///
/// # Errors
/// When the database does not answer.
pub async fn write_many(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Write>> {
    t::table.filter(Predicate::ids(t::id, ids)).select(Write::columns()).all(conn).await.during("Failed to read writes")
}

/// Writes between two numbers, newest first: at most `limit` of them, the newest, or with `oldest` the oldest.
///
/// # Errors
/// When the database does not answer.
pub async fn write_list(conn: &mut Conn, which: Predicate, [above, below]: [Option<i64>; 2], oldest: bool, limit: i64) -> Result<Vec<Write>> {
    const DURING: &str = "Failed to list writes";
    let query = t::table.filter(which).filter(t::id.gt(above.unwrap_or(i64::MIN))).filter(t::id.lt(below.unwrap_or(i64::MAX)));
    let query = query.limit(limit).select(Write::columns());
    if !oldest {
        return query.order(t::id.desc()).all(conn).await.during(DURING);
    }
    let mut found: Vec<Write> = query.order(t::id).all(conn).await.during(DURING)?;
    found.reverse();
    Ok(found)
}

/// How many writes there are.
///
/// # Errors
/// When the database does not answer.
pub async fn write_count(conn: &mut Conn, which: Predicate) -> Result<i64> {
    t::table.filter(which).count().one(conn).await.during("Failed to count writes")
}

/// Which writes are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// To one of these connections.
    pub connections: Option<&'a [ConnectionId]>,
    /// Doing one of these.
    pub actions: Option<&'a [WriteAction]>,
    /// Standing so.
    pub statuses: Option<&'a [WriteStatus]>,
    /// Journalled then.
    pub created_at: Option<&'a DateTimeFilter>,
    /// Under such a key.
    pub idempotency_key: Option<&'a StringFilter>,
}

/// The condition that a write is wanted.
///
/// # Errors
/// [`Error::Filter`](super::Error::Filter), naming the field below `path`.
pub fn write_which(wanted: Wanted<'_>, path: &str) -> Result<Predicate> {
    let mut all = Vec::new();
    all.extend(wanted.connections.map(|ids| Predicate::ids(t::connection_id, &ids.iter().map(|id| id.0).collect::<Vec<_>>())));
    all.extend(wanted.actions.map(|actions| doing(actions.iter().copied())));
    all.extend(wanted.statuses.map(standing));
    if let Some(test) = wanted.created_at {
        all.extend(test.conditions(Column::of(t::created_at), &format!("{path}.createdAt"))?);
    }
    if let Some(test) = wanted.idempotency_key {
        all.extend(test.conditions(Column::of(t::idempotency_key), &format!("{path}.idempotencyKey"))?);
    }
    Ok(Predicate::All(all))
}

fn standing(statuses: &[WriteStatus]) -> Predicate {
    Predicate::OneOf(Column::of(t::status), statuses.iter().map(|status| status.as_str().to_owned()).collect())
}

fn doing(actions: impl Iterator<Item = WriteAction>) -> Predicate {
    Predicate::OneOf(Column::of(t::action), actions.map(|action| action.as_str().to_owned()).collect())
}

/// The source ids of records that a write has changed at this moment or later. Whoever holds the schedule's lock sees all of them.
///
/// # Errors
/// When the database does not answer.
pub async fn write_newer(conn: &mut Conn, connection: ConnectionId, data_type: DataType, since: Instant) -> Result<Vec<String>> {
    let actions = WriteAction::ALL.iter().copied().filter(|action| action.data_type() == Some(data_type));
    let newer = t::table
        .filter(t::connection_id.eq(connection.0))
        .filter(t::finished_at.ge(since))
        .filter(t::status.eq(WriteStatus::Confirmed))
        .filter(doing(actions))
        .filter(t::source_id.is_not_null())
        .select(t::source_id);
    let ids: Vec<Option<String>> = newer.all(conn).await.during("Failed to find what was written meanwhile")?;
    Ok(ids.into_iter().flatten().collect())
}

/// Removes settled writes that were journalled before a moment, at most `limit` of them. Answers with how many that were.
///
/// # Errors
/// When the database refuses.
pub async fn write_prune(tx: &mut Tx, before: Instant, limit: i64) -> Result<usize> {
    let old = t::table.filter(t::created_at.lt(before)).filter(standing(&[WriteStatus::Confirmed, WriteStatus::Rejected])).order(t::created_at);
    let ids: Vec<i64> = old.limit(limit).select(t::id).all(tx).await.during("Failed to find old writes")?;
    if ids.is_empty() {
        return Ok(0);
    }
    diesel::delete(t::table.filter(Predicate::ids(t::id, &ids))).run(tx).await.during("Failed to remove old writes")
}
