//! The journal of writes: every write is stored before it is sent.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};

use super::conn::{Columns as _, Conn, Run as _};
use super::error::{During as _, Result};
use super::predicate::Predicate;
use super::schema::writes as t;
use crate::record::draft::WriteAction;
use crate::record::{ConnectionId, Instant, Json, List, codes};

codes! {
    /// Where a write stands.
    pub enum WriteStatus {
        /// Stored, not yet sent.
        Pending = "PENDING",
        /// Sent; no answer yet.
        Sent = "SENT",
        /// The WMS has carried it out.
        Confirmed = "CONFIRMED",
        /// The WMS has refused it.
        Rejected = "REJECTED",
        /// Sent, and no answer came: nobody knows whether it was carried out.
        Unknown = "UNKNOWN",
    }
}

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
    /// The record that it made or changed.
    pub source_id: Option<String>,
    /// Why it was refused.
    pub error: Option<Json>,
    /// Input fields that the WMS has no place for.
    pub unused_fields: List<String>,
    /// When it was journalled.
    pub created_at: Instant,
    /// When it was sent.
    pub sent_at: Option<Instant>,
    /// When the answer came.
    pub finished_at: Option<Instant>,
}

/// Journals a write that is about to be sent.
///
/// # Errors
/// When the database refuses: then nothing must be sent.
pub async fn write_put(
    conn: &mut Conn,
    connection: ConnectionId,
    action: WriteAction,
    reference: &str,
    request: &Json,
    api_key: Option<i64>,
    now: Instant,
) -> Result<Write> {
    let row = (
        t::connection_id.eq(connection.0),
        t::action.eq(action),
        t::status.eq(WriteStatus::Pending),
        t::reference.eq(reference),
        t::request.eq(request.clone()),
        t::unused_fields.eq(Json::of(&List::<String>::default())),
        t::api_key_id.eq(api_key),
        t::created_at.eq(now),
    );
    diesel::insert_into(t::table).values(row).returning(Write::columns()).one(conn).await.during("Failed to journal a write")
}

/// Notes that a write is being sent.
///
/// # Errors
/// When the database refuses: then it must not be sent.
pub async fn write_sent(conn: &mut Conn, id: i64, now: Instant) -> Result<()> {
    let sent = (t::status.eq(WriteStatus::Sent), t::sent_at.eq(Some(now)));
    diesel::update(t::table.find(id)).set(sent).run(conn).await.during("Failed to note that a write is sent")?;
    Ok(())
}

/// Notes how a write ended.
///
/// # Errors
/// When the database refuses.
pub async fn write_finish(
    conn: &mut Conn,
    id: i64,
    status: WriteStatus,
    source_id: Option<&str>,
    error: Option<Json>,
    unused_fields: &[String],
    now: Instant,
) -> Result<Write> {
    let ended = (
        t::status.eq(status),
        t::source_id.eq(source_id),
        t::error.eq(error),
        t::unused_fields.eq(Json::of(&unused_fields)),
        t::finished_at.eq(Some(now)),
    );
    diesel::update(t::table.find(id)).set(ended).returning(Write::columns()).one(conn).await.during("Failed to end a write")
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
