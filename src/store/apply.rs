//! Laying records down: a page of a sync, or what a write was answered with.
//!
//! **Invariants.**
//! * Content is compared by hash before anything is written: a record that did not change costs a read, and no write,
//!   not even a lock on its row.
//! * Whoever writes records of a connection and type holds the lock of that schedule's row, so between reading the
//!   hashes and writing the rows nobody else writes.
//! * A row that has not changed need not even be mapped: what it was mapped from is remembered by hash ([`record_rows`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use diesel::{ExpressionMethods as _, QueryDsl as _};

use super::bulk::bulk_insert;
use super::conn::{Conn, Run as _, Tx};
use super::error::{During as _, Result};
use super::predicate::Predicate;
use super::records::{Kind, Known, Needs, NewRow, record_many};
use super::{changes, schema};
use crate::record::{ConnectionId, DataType, Instant, Record, Term, Terms, diff};

/// A record that has arrived.
#[derive(Debug)]
pub struct Arrived<'a, T> {
    /// The record.
    pub record: &'a T,
    /// The hash of the row that it was mapped from, where it was mapped from one.
    pub row_hash: Option<i64>,
}

impl<'a, T> From<&'a T> for Arrived<'a, T> {
    fn from(record: &'a T) -> Self {
        Self { record, row_hash: None }
    }
}

/// What is stored of a record, as far as it tells whether its row has changed.
#[derive(Debug, Clone, Copy)]
pub struct StoredRow {
    /// The hash of the row that it was mapped from.
    pub hash: i64,
    /// When the WMS said that it was last changed.
    pub source_updated_at: Option<Instant>,
}

/// The rows of these records, of those that are stored, not deleted, and were mapped from one.
///
/// # Errors
/// When the database does not answer.
pub async fn record_rows<K: Kind>(conn: &mut Conn, connection: ConnectionId, source_ids: &[&str]) -> Result<HashMap<String, StoredRow>> {
    let keys: Vec<_> = source_ids.iter().map(|id| (connection, *id)).collect();
    let known = K::hashes(conn, Predicate::records(&keys)).await.during("Failed to read the hashes of stored rows")?;
    let there = known.into_iter().filter(|known| known.deleted_at.is_none());
    Ok(there.filter_map(|known| Some((known.source_id, StoredRow { hash: known.row_hash?, source_updated_at: known.source_updated_at }))).collect())
}

/// What came of laying records down.
#[derive(Debug, Default)]
pub struct Applied {
    /// Records that were not there.
    pub created: i64,
    /// Records whose content differs, and deleted ones that came back.
    pub updated: i64,
    /// Records that are as they were.
    pub unchanged: i64,
    /// Records that no database can hold: source id and reason.
    pub refused: Vec<(String, &'static str)>,
    /// What the change log has to say of it.
    pub changes: Vec<changes::Entry>,
}

/// Whether the change log tells of single records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// An entry for each record that changed.
    Each,
    /// An entry for each that was there before: an initial sync, whose readers start from the lists. It may be another's second
    /// attempt, and then the lists have shown what that stored.
    Known,
}

/// Lays records down: those that differ from what is stored are written, the others are not touched.
///
/// The caller holds the lock of the schedule's row.
///
/// # Errors
/// When the database refuses; the transaction is then of no more use.
pub async fn record_apply<K: Kind>(tx: &mut Tx, connection: ConnectionId, arrived: &[Arrived<'_, K>], now: Instant, tell: Tell) -> Result<Applied> {
    let mut applied = Applied::default();
    // Sorted, so that two processes lock in one order; the later of two of the same id counts.
    let mut wanted: BTreeMap<&str, NewRow<'_, K>> = BTreeMap::new();
    let mut buffer = Vec::with_capacity(4096);
    for &Arrived { record, row_hash } in arrived {
        match content_hash(record, &mut buffer) {
            Ok(content_hash) => {
                let row = NewRow { connection: connection.0, at: now, content_hash, row_hash, record };
                wanted.insert(record.source().id.as_str(), row);
            }
            Err(reason) => applied.refused.push((record.source().id.clone(), reason)),
        }
    }
    let keys: Vec<_> = wanted.keys().map(|id| (connection, *id)).collect();
    if keys.is_empty() {
        return Ok(applied);
    }
    let known = K::hashes(tx, Predicate::records(&keys)).await.during("Failed to read the hashes of stored records")?;
    let known: HashMap<String, Known> = known.into_iter().map(|known| (known.source_id.clone(), known)).collect();
    let mut differing: Vec<(&str, changes::Kind)> = Vec::new();
    for (id, row) in &wanted {
        match known.get(*id) {
            None => {
                applied.created += 1;
                differing.push((id, changes::Kind::Created));
            }
            Some(known) if known.deleted_at.is_some() => {
                applied.updated += 1;
                differing.push((id, changes::Kind::Restored));
            }
            Some(known) if known.content_hash != row.content_hash => {
                applied.updated += 1;
                differing.push((id, changes::Kind::Updated));
            }
            Some(known) => {
                applied.unchanged += 1;
                // The same record, of a row that another version of this server mapped.
                if row.row_hash.is_some() && row.row_hash != known.row_hash {
                    K::mark_row(tx, Predicate::records(&[(connection, id)]), row.row_hash).await.during("Failed to remember a row's hash")?;
                }
            }
        }
    }
    if differing.is_empty() {
        return Ok(applied);
    }
    let is_told = |kind| tell == Tell::Each || kind != changes::Kind::Created;
    let updated: Vec<_> = differing.iter().filter(|(_, kind)| *kind == changes::Kind::Updated).map(|(id, _)| (connection, *id)).collect();
    let old: HashMap<String, K> =
        record_many::<K>(tx, &updated, &Needs::Everything).await?.into_iter().map(|old| (old.record.source().id.clone(), old.record)).collect();
    applied.changes.extend(differing.iter().filter(|(_, kind)| is_told(*kind)).map(|(id, kind)| {
        let (old, new) = (old.get(*id), wanted.get(id).map(|row| row.record));
        let previous = old.zip(new).and_then(|(old, new)| diff::previous_attributes(old, new));
        let owner = |record: &K| record.warehouse_customer().map(str::to_owned);
        let (was, is) = (old.and_then(owner), new.and_then(owner));
        let warehouse_customers = [is.clone(), was.filter(|was| Some(was) != is.as_ref())];
        let (data_type, source_id) = (Some(K::DATA_TYPE), Some((*id).to_owned()));
        changes::Entry { kind: *kind, connection, data_type, source_id, previous, warehouse_customers, issue: None }
    }));
    let rows: Vec<NewRow<'_, K>> = differing.iter().filter_map(|(id, _)| wanted.remove(id)).collect();
    let changed: Vec<&K> = rows.iter().map(|row| row.record).collect();
    K::upsert(tx, rows).await.during("Failed to write records")?;
    // Most changes (of a status, of a date) leave all terms as they are.
    let differs = |record: &&K| old.get(record.source().id.as_str()).is_none_or(|old| sorted(*record) != sorted(old));
    let changed: Vec<&K> = changed.into_iter().filter(differs).collect();
    term_replace(tx, connection, &changed, &known).await?;
    Ok(applied)
}

/// A term of a record, about to be written.
pub(super) struct TermRow<'a> {
    connection: i64,
    data_type: DataType,
    source_id: &'a str,
    term: Term,
    value: Cow<'a, str>,
}

bulk_insert! {
    TermInsert of TermRow<'a> => record_terms
    once {
        connection_id: i64 = |row| &row.connection;
        data_type: DataType = |row| &row.data_type;
        source_id: &'a str = |row| &row.source_id;
        term: Term = |row| &row.term;
        value: Cow<'a, str> = |row| &row.value;
    }
}

/// Replaces the terms of records; only those that were there before can have old ones.
async fn term_replace<K: Kind>(tx: &mut Tx, connection: ConnectionId, records: &[&K], known: &HashMap<String, Known>) -> Result<()> {
    use schema::record_terms as t;
    let old: Vec<_> = records.iter().map(|record| (connection, record.source().id.as_str())).filter(|(_, id)| known.contains_key(*id)).collect();
    if !old.is_empty() {
        let which = t::table.filter(t::data_type.eq(K::DATA_TYPE)).filter(Predicate::records(&old));
        diesel::delete(which).run(tx).await.during("Failed to remove old search terms")?;
    }
    let records: Vec<_> = records.iter().map(|record| (connection, *record)).collect();
    term_insert(tx, &records, |_| true).await
}

/// A record's terms, each once.
fn sorted<K: Record>(record: &K) -> Terms<'_> {
    let mut terms = record.terms();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Writes the terms of some kinds of records that have none of these kinds.
pub(super) async fn term_insert<K: Kind>(tx: &mut Tx, records: &[(ConnectionId, &K)], of: fn(Term) -> bool) -> Result<()> {
    let mut rows = Vec::new();
    for (connection, record) in records {
        let terms = sorted(*record).into_iter().filter(|(term, _)| of(*term));
        let source_id = record.source().id.as_str();
        rows.extend(terms.map(|(term, value)| TermRow { connection: connection.0, data_type: K::DATA_TYPE, source_id, term, value }));
    }
    if rows.is_empty() {
        return Ok(());
    }
    TermInsert::run(tx, &rows).await.during("Failed to write search terms")
}

/// The first 64 bits of the content's hash: what differs by it is written. The raw payload, by far the largest part, is hashed as
/// it lies there; written as a string into JSON it would cost more than all the rest.
fn content_hash<K: Record>(record: &K, buffer: &mut Vec<u8>) -> std::result::Result<i64, &'static str> {
    buffer.clear();
    serde_json::to_writer(&mut *buffer, record).map_err(|_| "cannot be written as JSON")?;
    if has_nul(buffer) {
        return Err("holds the character U+0000, which no database can keep");
    }
    let raw = record.source().raw.as_ref().map_or("", |raw| raw.as_str());
    let hash = blake3::Hasher::new().update(buffer).update(&[0]).update(raw.as_bytes()).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    Ok(i64::from_le_bytes(first))
}

/// Whether JSON text holds an escaped NUL. A backslash before the escape's own makes it plain text.
fn has_nul(json: &[u8]) -> bool {
    memchr::memmem::find_iter(json, b"\\u0000").any(|at| {
        let backslashes = json[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        backslashes % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_and_text_that_looks_like_one_is_not() {
        let json = |text: &str| serde_json::to_vec(&serde_json::json!({ "a": text })).unwrap_or_default();
        assert!(has_nul(&json("x\0y")));
        assert!(has_nul(&json("\\\0")));
        assert!(!has_nul(&json("\\u0000")));
        assert!(!has_nul(&json("plain")));
    }
}
