//! The nine record tables: how a page of a sync is laid down, and how lists are read back.
//!
//! The tables are typed and the queries are concrete Diesel, but there is one body for all nine: the macro
//! [`stored`], expanded for each declaration of `record`. What is the same for every type is generic over [`Kind`].
//!
//! **Invariants.**
//! * Content is compared by hash before anything is written: a record that did not change costs a read, and no write,
//!   not even a lock on its row.
//! * Whoever writes records of a connection and type holds the lock of that schedule's row, so between reading the
//!   hashes and writing the rows nobody else writes.

use std::collections::{BTreeMap, HashMap};

use diesel::pg::Pg;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;
use diesel::{ExpressionMethods as _, QueryDsl as _, Queryable, Selectable};

use super::bulk::bulk_insert;
use super::conn::{Columns as _, Conn, Run as _, Tx};
use super::error::{During as _, Result};
use super::filter::{self as operators, Operators as _};
use super::predicate::{Column, Op, Ordering, Predicate, Scalar};
use super::{changes, schema};
use crate::record::filter::Direction;
use crate::record::{self, ConnectionId, DataType, Instant, Json, Record, Source, Term, diff};

/// A record as the store keeps it.
#[derive(Debug, Clone)]
pub struct Stored<T> {
    /// Where it was synced from.
    pub connection: ConnectionId,
    /// When it was first stored.
    pub first_seen_at: Instant,
    /// When a different content was last stored.
    pub changed_at: Instant,
    /// When it was found gone at the source.
    pub deleted_at: Option<Instant>,
    /// How often its content was stored; 1 at first.
    pub version: i64,
    /// The record itself.
    pub record: T,
}

/// What is known of a stored record before its new content is laid down.
struct Known {
    hash: i64,
    deleted: bool,
}

/// A row about to be written. Made and read by this module only.
#[doc(hidden)]
#[derive(Debug)]
pub struct NewRow<'a, T> {
    connection: i64,
    at: Instant,
    hash: i64,
    record: &'a T,
}

/// What a table of records can do. Implemented by [`stored`] for each of the nine.
pub trait Kind: Record {
    /// Its GraphQL filter.
    type Filter: Send + Sync;
    /// What its lists can be ordered by.
    type Sort: Copy + Send + Sync;

    /// The conditions of a filter.
    ///
    /// # Errors
    /// [`Error::Filter`], naming the field below `path`.
    fn predicate(filter: &Self::Filter, path: &str) -> Result<Predicate>;
    /// Whether a filter asks for deleted records too.
    fn includes_deleted(filter: &Self::Filter) -> bool;
    /// The column of a sort key.
    fn sort_column(sort: Self::Sort) -> Column;
    /// A stored record's value of a sort key, with the stand-in for "no value".
    fn sort_value(stored: &Stored<Self>, sort: Self::Sort) -> Scalar;
    #[doc(hidden)]
    fn select(conn: &mut Conn, which: Predicate, ordering: Ordering, limit: i64) -> impl Future<Output = QueryResult<Vec<Stored<Self>>>> + Send;
    #[doc(hidden)]
    fn tally(conn: &mut Conn, which: Predicate) -> impl Future<Output = QueryResult<i64>> + Send;
    #[doc(hidden)]
    fn hashes(conn: &mut Conn, which: Predicate) -> impl Future<Output = QueryResult<Vec<(String, i64, Option<Instant>)>>> + Send;
    /// Its table.
    const TABLE: &'static str;
    #[doc(hidden)]
    fn mark_deleted(conn: &mut Conn, which: Predicate, at: Instant) -> impl Future<Output = QueryResult<Vec<String>>> + Send;
    #[doc(hidden)]
    fn upsert(conn: &mut Conn, rows: Vec<NewRow<'_, Self>>) -> impl Future<Output = QueryResult<()>> + Send;
}

/// One declaration of `record`, as a table. For orders it expands to
///
/// ```ignore
/// #[derive(Queryable, Selectable)] struct Row { connection_id: i64, source_id: String, …, order_number: String, … }
/// impl From<Row> for Stored<Order> { … }
/// struct PgUpsert<'a> { order_number: Vec<&'a String>, … }     // INSERT … SELECT * FROM UNNEST($1, …) ON CONFLICT …
/// struct LiteUpsert<'a>(NewRow<'a, Order>);                    // INSERT … VALUES (?, …) ON CONFLICT …, one row, cached
/// impl Kind for Order { … }
/// ```
macro_rules! stored {
    (
        $(#[$doc:meta])*
        $name:ident { $data_type:ident, table $table:ident, filter $filter:ident, sort $sort:ident }
        fields { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? }
        flat { $($flat:ident: $flat_type:ty),* $(,)? }
        filters { $($(#[$filter_doc:meta])* $test:ident: $test_type:ty $(as $filter_graphql:literal)? = $column:ident),* $(,)? }
        sorts { $($(#[$sort_doc:meta])* $key:ident = $sort_column:ident),* $(,)? }
        terms { $($(#[$term_doc:meta])* $term:ident: $term_kind:ident),* $(,)? }
    ) => {
        mod $table {
            use super::*;
                        use crate::record::*;
            use schema::$table::{self as t, table};

            #[derive(Queryable, Selectable)]
            #[diesel(table_name = schema::$table, check_for_backend(Pg, Sqlite))]
            pub(super) struct Row {
                connection_id: i64,
                source_id: String,
                source_created_at: Option<Instant>,
                source_updated_at: Option<Instant>,
                first_seen_at: Instant,
                changed_at: Instant,
                deleted_at: Option<Instant>,
                version: i64,
                source_url: Option<String>,
                additional_fields: Option<Json>,
                raw: Option<Json>,
                $($field: $type,)+
                $($flat: $flat_type,)*
            }

            impl From<Row> for Stored<$name> {
                fn from(row: Row) -> Self {
                    let source = Source {
                        id: row.source_id,
                        created_at: row.source_created_at,
                        updated_at: row.source_updated_at,
                        url: row.source_url,
                        additional_fields: row.additional_fields,
                        raw: row.raw,
                    };
                    let record = $name { source, $($field: row.$field,)+ $($flat: row.$flat,)* };
                    let (connection, version) = (ConnectionId(row.connection_id), row.version);
                    Self { connection, first_seen_at: row.first_seen_at, changed_at: row.changed_at, deleted_at: row.deleted_at, version, record }
                }
            }

            bulk_insert! {
                Upsert of NewRow<'a, $name> => $table
                once {
                    connection_id: i64 = |row| &row.connection;
                    source_id: String = |row| &row.record.source.id;
                    first_seen_at: Instant = |row| &row.at;
                    version: i64 = |_| &1;
                }
                on conflict (connection_id, source_id) replace {
                source_created_at: Option<Instant> = |row| &row.record.source.created_at;
                source_updated_at: Option<Instant> = |row| &row.record.source.updated_at;
                changed_at: Instant = |row| &row.at;
                content_hash: i64 = |row| &row.hash;
                source_url: Option<String> = |row| &row.record.source.url;
                additional_fields: Option<Json> = |row| &row.record.source.additional_fields;
                raw: Option<Json> = |row| &row.record.source.raw;
                $($field: $type = |row| &row.record.$field;)+
                $($flat: $flat_type = |row| &row.record.$flat;)*
                }
                and concat!(", deleted_at = NULL, version = ", stringify!($table), ".version + 1")
            }

            impl Kind for $name {
                type Filter = $filter;
                type Sort = $sort;

                fn predicate(filter: &$filter, path: &str) -> Result<Predicate> {
                    let mut all = Vec::new();
                    let below = |field: &str| format!("{path}.{field}");
                    if let Some(parts) = &filter.and {
                        all.extend(parts.iter().map(|part| Self::predicate(part, &below("and"))).collect::<Result<Vec<_>>>()?);
                    }
                    if let Some(parts) = &filter.or {
                        all.push(Predicate::Any(parts.iter().map(|part| Self::predicate(part, &below("or"))).collect::<Result<_>>()?));
                    }
                    if let Some(part) = &filter.not {
                        all.push(Predicate::Not(Box::new(Self::predicate(part, &below("not"))?)));
                    }
                    if let Some(test) = &filter.connection_id {
                        all.extend(operators::connection(test, &below("connectionId"))?);
                    }
                    $(if let Some(test) = &filter.$test {
                        all.extend(test.conditions(Column::of(t::$column), &below(&field_name!($test $($filter_graphql)?)))?);
                    })*
                    for (test, column, name) in [
                        (&filter.source_created_at, Column::of(t::source_created_at), "sourceCreatedAt"),
                        (&filter.source_updated_at, Column::of(t::source_updated_at), "sourceUpdatedAt"),
                        (&filter.first_seen_at, Column::of(t::first_seen_at), "firstSeenAt"),
                        (&filter.changed_at, Column::of(t::changed_at), "changedAt"),
                    ] {
                        if let Some(test) = test {
                            all.extend(test.conditions(column, &below(name))?);
                        }
                    }
                    if let Some(test) = &filter.source_id {
                        all.extend(test.conditions(Column::of(t::source_id), &below("sourceId"))?);
                    }
                    $(if let Some(test) = &filter.$term {
                        all.extend(operators::term(test, &below(&field_name!($term)), stringify!($table), DataType::$data_type, Term::$term_kind)?);
                    })*
                    Ok(Predicate::All(all))
                }

                fn includes_deleted(filter: &$filter) -> bool {
                    filter.include_deleted
                }

                fn sort_column(sort: $sort) -> Column {
                    match sort {
                        $sort::SourceId => Column::of(t::source_id),
                        $sort::SourceCreatedAt => Column::of(t::source_created_at),
                        $sort::SourceUpdatedAt => Column::of(t::source_updated_at),
                        $sort::FirstSeenAt => Column::of(t::first_seen_at),
                        $sort::ChangedAt => Column::of(t::changed_at),
                        $($sort::$key => Column::of(t::$sort_column),)*
                    }
                }

                fn sort_value(stored: &Stored<Self>, sort: $sort) -> Scalar {
                    match sort {
                        $sort::SourceId => stored.record.source.id.key(),
                        $sort::SourceCreatedAt => stored.record.source.created_at.key(),
                        $sort::SourceUpdatedAt => stored.record.source.updated_at.key(),
                        $sort::FirstSeenAt => stored.first_seen_at.key(),
                        $sort::ChangedAt => stored.changed_at.key(),
                        $($sort::$key => stored.record.$sort_column.key(),)*
                    }
                }

                async fn select(conn: &mut Conn, which: Predicate, ordering: Ordering, limit: i64) -> QueryResult<Vec<Stored<Self>>> {
                    let rows: Vec<Row> = table.filter(which).order(ordering).limit(limit).select(Row::columns()).all(conn).await?;
                    Ok(rows.into_iter().map(Stored::from).collect())
                }

                async fn tally(conn: &mut Conn, which: Predicate) -> QueryResult<i64> {
                    table.filter(which).count().one(conn).await
                }

                async fn hashes(conn: &mut Conn, which: Predicate) -> QueryResult<Vec<(String, i64, Option<Instant>)>> {
                    table.filter(which).select((t::source_id, t::content_hash, t::deleted_at)).all(conn).await
                }

                const TABLE: &'static str = stringify!($table);

                async fn mark_deleted(conn: &mut Conn, which: Predicate, at: Instant) -> QueryResult<Vec<String>> {
                    let gone = (t::deleted_at.eq(Some(at)), t::changed_at.eq(at), t::version.eq(t::version + 1));
                    diesel::update(table.filter(which)).set(gone).returning(t::source_id).all(conn).await
                }

                async fn upsert(conn: &mut Conn, rows: Vec<NewRow<'_, Self>>) -> QueryResult<()> {
                    Upsert::run(conn, &rows).await
                }
            }
        }
    };
}

/// A filter field's name in GraphQL.
macro_rules! field_name {
    ($name:ident) => {
        diff::camel_case(stringify!($name))
    };
    ($name:ident $graphql:literal) => {
        $graphql.to_owned()
    };
}

/// The store has nothing to do for parts: they lie in JSON columns.
macro_rules! part {
    ($($declaration:tt)*) => {};
}

record::each_record!(stored, part);

/// A field as a sort key; a missing value is the lowest.
trait Key {
    fn key(&self) -> Scalar;
}

impl Key for String {
    fn key(&self) -> Scalar {
        Scalar::Text(self.clone())
    }
}

impl Key for Option<String> {
    fn key(&self) -> Scalar {
        Scalar::Text(self.clone().unwrap_or_default())
    }
}

impl Key for Instant {
    fn key(&self) -> Scalar {
        Scalar::Time(*self)
    }
}

impl Key for Option<Instant> {
    fn key(&self) -> Scalar {
        Scalar::Time(self.unwrap_or(Instant::MIN))
    }
}

impl Key for record::Quantity {
    fn key(&self) -> Scalar {
        Scalar::Int(self.micros())
    }
}

impl Key for Option<record::Money> {
    fn key(&self) -> Scalar {
        Scalar::Int(self.map_or(i64::MIN, record::Money::micros))
    }
}

/// Which part of which list is wanted.
#[derive(Debug, Clone)]
pub struct Listing<K: Kind> {
    /// Which records.
    pub which: Predicate,
    /// In which order; connection and source id come last of themselves.
    pub order: Vec<(K::Sort, Direction)>,
    /// Only what comes after (or, backwards, before) the record with these values of the whole ordering.
    pub beyond: Option<Vec<Scalar>>,
    /// From the end towards the beginning. The answer is in the list's own order all the same.
    pub backwards: bool,
    /// At most so many.
    pub limit: i64,
}

impl<K: Kind> Listing<K> {
    /// The whole ordering, the unspoken end of it included.
    pub fn ordering(&self) -> Ordering {
        let mut columns: Vec<_> = self.order.iter().map(|(sort, direction)| (K::sort_column(*sort), *direction)).collect();
        let last = columns.last().map_or(Direction::Asc, |(_, direction)| *direction);
        columns.extend([(Column::CONNECTION, last), (Column::SOURCE_ID, last)]);
        Ordering(columns)
    }

    /// Where a record stands in the ordering: the values that [`beyond`](Self::beyond) takes.
    pub fn position(&self, stored: &Stored<K>) -> Vec<Scalar> {
        let keys = self.order.iter().map(|(sort, _)| K::sort_value(stored, *sort));
        keys.chain([Scalar::Int(stored.connection.0), Scalar::Text(stored.record.source().id.clone())]).collect()
    }
}

/// The conditions of a filter at the top of a list: without deleted records, unless they are asked for.
///
/// # Errors
/// [`Error::Filter`], naming the field.
pub fn filtered<K: Kind>(filter: Option<&K::Filter>, path: &str) -> Result<Predicate> {
    let Some(filter) = filter else { return Ok(Predicate::IsNull(Column::DELETED_AT)) };
    let all = K::predicate(filter, path)?;
    Ok(if K::includes_deleted(filter) { all } else { Predicate::All(vec![Predicate::IsNull(Column::DELETED_AT), all]) })
}

/// The condition that a return belongs to one of these orders.
pub fn returns_of(orders: &[(ConnectionId, &str)]) -> Predicate {
    linked(Column::of(schema::returns::order), orders)
}

/// The condition that a location is in this warehouse.
pub fn locations_of(connection: ConnectionId, warehouse: &str) -> Predicate {
    linked(Column::of(schema::warehouse_locations::warehouse), &[(connection, warehouse)])
}

/// The condition that a link's column points at one of these records.
fn linked(column: Column, to: &[(ConnectionId, &str)]) -> Predicate {
    let mut by_connection: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for (connection, source_id) in to {
        by_connection.entry(connection.0).or_default().push((*source_id).to_owned());
    }
    let of_connection = |(connection, ids): (i64, Vec<String>)| {
        Predicate::All(vec![Predicate::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection)), Predicate::OneOf(column, ids.into())])
    };
    Predicate::Any(by_connection.into_iter().map(of_connection).collect())
}

/// One part of a list.
///
/// # Errors
/// When the database does not answer.
pub async fn record_list<K: Kind>(conn: &mut Conn, listing: &Listing<K>) -> Result<Vec<Stored<K>>> {
    let mut ordering = listing.ordering();
    if listing.backwards {
        ordering = ordering.reversed();
    }
    let which = match &listing.beyond {
        Some(values) => Predicate::All(vec![listing.which.clone(), Predicate::After(ordering.clone(), values.clone())]),
        None => listing.which.clone(),
    };
    let mut rows = K::select(conn, which, ordering, listing.limit).await.during("Failed to read a list of records")?;
    if listing.backwards {
        rows.reverse();
    }
    Ok(rows)
}

/// How many records there are.
///
/// # Errors
/// When the database does not answer.
pub async fn record_count<K: Kind>(conn: &mut Conn, which: Predicate) -> Result<i64> {
    K::tally(conn, which).await.during("Failed to count records")
}

/// These records, as far as they are there (deleted ones too), in no order.
///
/// # Errors
/// When the database does not answer.
pub async fn record_many<K: Kind>(conn: &mut Conn, keys: &[(ConnectionId, &str)]) -> Result<Vec<Stored<K>>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(keys.len()).unwrap_or(i64::MAX);
    K::select(conn, Predicate::records(keys), Ordering(vec![(Column::SOURCE_ID, Direction::Asc)]), limit).await.during("Failed to read records by id")
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
pub async fn record_apply<K: Kind>(tx: &mut Tx, connection: ConnectionId, records: &[K], now: Instant, tell: Tell) -> Result<Applied> {
    let mut applied = Applied::default();
    // Sorted, so that two processes lock in one order; the later of two of the same id counts.
    let mut wanted: BTreeMap<&str, (&K, i64)> = BTreeMap::new();
    let mut buffer = Vec::with_capacity(4096);
    for record in records {
        match content_hash(record, &mut buffer) {
            Ok(hash) => drop(wanted.insert(record.source().id.as_str(), (record, hash))),
            Err(reason) => applied.refused.push((record.source().id.clone(), reason)),
        }
    }
    let keys: Vec<_> = wanted.keys().map(|id| (connection, *id)).collect();
    if keys.is_empty() {
        return Ok(applied);
    }
    let known = K::hashes(tx, Predicate::records(&keys)).await.during("Failed to read the hashes of stored records")?;
    let known: HashMap<String, Known> = known.into_iter().map(|(id, hash, deleted_at)| (id, Known { hash, deleted: deleted_at.is_some() })).collect();
    let mut differing: Vec<(&str, changes::Kind)> = Vec::new();
    for (id, (_, hash)) in &wanted {
        match known.get(*id) {
            None => {
                applied.created += 1;
                differing.push((id, changes::Kind::Created));
            }
            Some(known) if known.deleted => {
                applied.updated += 1;
                differing.push((id, changes::Kind::Restored));
            }
            Some(known) if known.hash != *hash => {
                applied.updated += 1;
                differing.push((id, changes::Kind::Updated));
            }
            Some(_) => applied.unchanged += 1,
        }
    }
    if differing.is_empty() {
        return Ok(applied);
    }
    let is_told = |kind| tell == Tell::Each || kind != changes::Kind::Created;
    let updated: Vec<_> = differing.iter().filter(|(_, kind)| *kind == changes::Kind::Updated).map(|(id, _)| (connection, *id)).collect();
    let old: HashMap<String, K> = record_many::<K>(tx, &updated).await?.into_iter().map(|old| (old.record.source().id.clone(), old.record)).collect();
    applied.changes.extend(differing.iter().filter(|(_, kind)| is_told(*kind)).map(|(id, kind)| {
        let previous = old.get(*id).zip(wanted.get(id)).and_then(|(old, (new, _))| diff::previous_attributes(old, *new));
        changes::Entry { kind: *kind, connection, data_type: K::DATA_TYPE, source_id: Some((*id).to_owned()), previous }
    }));
    let rows = differing.iter().filter_map(|(id, _)| wanted.get(id)).map(|(record, hash)| NewRow {
        connection: connection.0,
        at: now,
        hash: *hash,
        record: *record,
    });
    K::upsert(tx, rows.collect()).await.during("Failed to write records")?;
    let changed: Vec<&K> = differing.iter().filter_map(|(id, _)| wanted.get(id)).map(|(record, _)| *record).collect();
    term_replace(tx, connection, &changed, &known).await?;
    Ok(applied)
}

/// A term of a record, about to be written.
pub(super) struct TermRow<'a> {
    connection: i64,
    data_type: DataType,
    source_id: &'a str,
    term: Term,
    value: &'a str,
}

bulk_insert! {
    TermInsert of TermRow<'a> => record_terms
    once {
        connection_id: i64 = |row| &row.connection;
        data_type: DataType = |row| &row.data_type;
        source_id: &'a str = |row| &row.source_id;
        term: Term = |row| &row.term;
        value: &'a str = |row| &row.value;
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
    let mut rows = Vec::new();
    for record in records {
        let mut terms = record.terms();
        terms.sort_unstable();
        terms.dedup();
        let source_id = record.source().id.as_str();
        rows.extend(terms.into_iter().map(|(term, value)| TermRow { connection: connection.0, data_type: K::DATA_TYPE, source_id, term, value }));
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
