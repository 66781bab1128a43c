//! API keys. Only their hashes are kept: a key is shown once, when it is made.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};

use super::conn::{Columns as _, Conn, Run as _};
use super::error::{During as _, Result};
use super::schema::api_keys as t;
use crate::record::{Instant, codes};

codes! {
    /// What a key may do. Each may what the ones before it may.
    pub enum Access {
        /// Queries and subscriptions.
        Read = "READ",
        /// Syncs and writes too.
        Write = "WRITE",
        /// Connections, schedules and keys too.
        Admin = "ADMIN",
    }
}

/// An API key, without the key.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = t, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct ApiKey {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub access: Access,
    /// When it was made.
    pub created_at: Instant,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
}

fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Stores a key. The same key again is the same row: its access is set and it is valid again.
///
/// # Errors
/// When the database refuses.
pub async fn key_put(conn: &mut Conn, name: &str, access: Access, secret: &str, now: Instant) -> Result<ApiKey> {
    let row = (t::name.eq(name), t::access.eq(access), t::hash.eq(hash(secret)), t::created_at.eq(now));
    let query = diesel::insert_into(t::table).values(row).on_conflict(t::hash).do_update();
    let query = query.set((t::access.eq(access), t::revoked_at.eq(None::<Instant>))).returning(ApiKey::columns());
    query.one(conn).await.during("Failed to store an API key")
}

/// The key with this secret, unless it was revoked.
///
/// # Errors
/// When the database does not answer.
pub async fn key_find(conn: &mut Conn, secret: &str) -> Result<Option<ApiKey>> {
    let query = t::table.filter(t::hash.eq(hash(secret))).filter(t::revoked_at.is_null()).select(ApiKey::columns());
    query.one(conn).await.optional().during("Failed to look an API key up")
}

/// What the key with this number may do; `None` when it was revoked.
///
/// # Errors
/// When the database does not answer.
pub async fn key_access(conn: &mut Conn, id: i64) -> Result<Option<Access>> {
    let query = t::table.filter(t::id.eq(id)).filter(t::revoked_at.is_null()).select(t::access);
    query.one(conn).await.optional().during("Failed to look an API key up")
}

/// Every key.
///
/// # Errors
/// When the database does not answer.
pub async fn key_list(conn: &mut Conn) -> Result<Vec<ApiKey>> {
    t::table.order(t::id).select(ApiKey::columns()).all(conn).await.during("Failed to list API keys")
}

/// Revokes the key with this secret. False when there is none.
///
/// # Errors
/// When the database refuses.
pub async fn key_revoke(conn: &mut Conn, secret: &str, now: Instant) -> Result<bool> {
    let which = t::table.filter(t::hash.eq(hash(secret))).filter(t::revoked_at.is_null());
    let rows = diesel::update(which).set(t::revoked_at.eq(Some(now))).run(conn).await.during("Failed to revoke an API key")?;
    Ok(rows > 0)
}
