//! The nine record tables, and how lists are read from them.
//!
//! The tables are typed and the queries are concrete Diesel, but there is one body for all nine: the macro
//! [`stored`], expanded for each declaration of `record`. What is the same for every type is generic over [`Kind`]. How they are written is `apply`'s business.

use diesel::result::QueryResult;
use diesel::{ExpressionMethods as _, QueryDsl as _, Queryable};

use super::bulk::bulk_insert;
pub use super::cells::{Cell, FromCell, Row, Unreadable, place_of};
use super::cells::{Cells, Key as _, Reader, key_of};
pub use super::columns::Needs;
use super::columns::{Choices, Chosen, ColumnOf, Weight};
use super::conn::{Conn, Run as _};
use super::error::{During as _, Result};
use super::filter::{self as operators, Operators as _, TermOperators as _};
use super::plan::plan_of;
use super::predicate::{Column, Ordering, Part, Predicate, Scalar};
use super::schema;
use super::totals::exceeds;
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
#[doc(hidden)]
#[derive(Debug, Queryable)]
pub struct Known {
    pub(super) source_id: String,
    pub(super) content_hash: i64,
    pub(super) row_hash: Option<i64>,
    pub(super) deleted_at: Option<Instant>,
    pub(super) source_updated_at: Option<Instant>,
}

/// A row about to be written. Made by `apply` only.
#[doc(hidden)]
#[derive(Debug)]
pub struct NewRow<'a, T> {
    pub(super) connection: i64,
    pub(super) at: Instant,
    pub(super) content_hash: i64,
    pub(super) row_hash: Option<i64>,
    pub(super) record: &'a T,
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
    /// Whether a filter has a condition on the deletion, at any depth.
    fn names_deletion(filter: &Self::Filter) -> bool;
    /// The column of a sort key.
    fn sort_column(sort: Self::Sort) -> Column;
    /// The value of a sort key that its column holds, with the stand-in for "no value".
    fn sort_value(cell: Cell<'_>, sort: Self::Sort) -> Scalar;
    /// Its columns, in the order in which they are read: the connection's and the source id first.
    #[doc(hidden)]
    const COLUMNS: &'static [ColumnOf];
    #[doc(hidden)]
    fn stored(row: &mut Reader<'_, Self>) -> std::result::Result<Stored<Self>, Unreadable>;
    #[doc(hidden)]
    fn select(
        conn: &mut Conn,
        which: Predicate,
        ordering: Ordering,
        limit: Option<i64>,
        needs: &Needs,
    ) -> impl Future<Output = QueryResult<Vec<Row<Self>>>> + Send;
    #[doc(hidden)]
    fn plan(conn: &mut Conn, which: Predicate, part: Option<(Ordering, i64)>) -> impl Future<Output = QueryResult<Vec<String>>> + Send;
    #[doc(hidden)]
    fn tally(conn: &mut Conn, which: Predicate) -> impl Future<Output = QueryResult<i64>> + Send;
    #[doc(hidden)]
    fn hashes(conn: &mut Conn, which: Predicate) -> impl Future<Output = QueryResult<Vec<Known>>> + Send;
    #[doc(hidden)]
    fn mark_row(conn: &mut Conn, which: Predicate, row_hash: Option<i64>) -> impl Future<Output = QueryResult<()>> + Send;
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
/// const COLUMNS: &[ColumnOf] = &[("connection_id", true), ("source_id", true), …, ("order_number", true), …];
/// struct PgUpsert<'a> { order_number: Vec<&'a String>, … }     // INSERT … SELECT * FROM UNNEST($1, …) ON CONFLICT …
/// struct LiteUpsert<'a, const N: usize>(&'a [NewRow<'a, Order>; N]); // INSERT … VALUES (?, …), … ON CONFLICT …, cached
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
        terms { $($(#[$term_doc:meta])* $term:ident: $term_type:ty = $term_kind:ident),* $(,)? }
    ) => {
        mod $table {
            use super::*;
                        use crate::record::*;
            use schema::$table::{self as t, table};
            use diesel::Column as _;

            const COLUMNS: &[ColumnOf] = &[
                (t::connection_id::NAME, true),
                (t::source_id::NAME, true),
                (t::source_created_at::NAME, true),
                (t::source_updated_at::NAME, true),
                (t::first_seen_at::NAME, true),
                (t::changed_at::NAME, true),
                (t::deleted_at::NAME, true),
                (t::version::NAME, true),
                (t::source_url::NAME, true),
                (t::additional_fields::NAME, false),
                (t::raw::NAME, false),
                $((t::$field::NAME, <$type as Weight>::SMALL),)+
                $((t::$flat::NAME, <$flat_type as Weight>::SMALL),)*
            ];

            fn chosen(needs: &Needs) -> Chosen {
                static CHOICES: Choices = Choices::none();
                Chosen { table: stringify!($table), columns: COLUMNS, read: CHOICES.choose(COLUMNS, needs) }
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
                content_hash: i64 = |row| &row.content_hash;
                row_hash: Option<i64> = |row| &row.row_hash;
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
                    let each = |parts: &[$filter], joint: &str| -> Result<Vec<Predicate>> {
                        parts.iter().enumerate().map(|(index, part)| Self::predicate(part, &format!("{path}.{joint}.{index}"))).collect()
                    };
                    if let Some(parts) = &filter.and {
                        all.extend(each(parts, "and")?);
                    }
                    if let Some(parts) = &filter.or {
                        all.push(Predicate::Any(each(parts, "or")?));
                    }
                    if let Some(part) = &filter.not {
                        all.push(Predicate::Not(Box::new(Self::predicate(part, &below("not"))?)));
                    }
                    if let Some(test) = &filter.connection_id {
                        all.extend(operators::connection(test, &below("connectionId"))?);
                    }
                    $(if let Some(test) = &filter.$test {
                        all.extend(test.conditions(Column::key(t::$column).to(target(|record: &$name| &record.$column)), &below(&field_name!($test $($filter_graphql)?)))?);
                    })*
                    for (test, column, name) in [
                        (&filter.source_created_at, Column::key(t::source_created_at), "sourceCreatedAt"),
                        (&filter.source_updated_at, Column::key(t::source_updated_at), "sourceUpdatedAt"),
                        (&filter.first_seen_at, Column::of(t::first_seen_at), "firstSeenAt"),
                        (&filter.changed_at, Column::of(t::changed_at), "changedAt"),
                        (&filter.deleted_at, Column::DELETED_AT, "deletedAt"),
                    ] {
                        if let Some(test) = test {
                            all.extend(test.conditions(column, &below(name))?);
                        }
                    }
                    if let Some(test) = &filter.source_id {
                        all.extend(test.conditions(Column::of(t::source_id), &below("sourceId"))?);
                    }
                    $(if let Some(test) = &filter.$term {
                        let terms = operators::TermsOf { table: stringify!($table), data_type: DataType::$data_type, term: Term::$term_kind };
                        all.extend(test.terms(terms, &below(&field_name!($term)))?);
                    })*
                    Ok(Predicate::All(all))
                }

                fn includes_deleted(filter: &$filter) -> bool {
                    filter.include_deleted || Self::names_deletion(filter)
                }

                fn names_deletion(filter: &$filter) -> bool {
                    let mut parts = filter.and.iter().flatten().chain(filter.or.iter().flatten()).chain(filter.not.as_deref());
                    filter.deleted_at.is_some() || parts.any(Self::names_deletion)
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

                fn sort_value(cell: Cell<'_>, sort: $sort) -> Scalar {
                    match sort {
                        $sort::SourceId => String::key(cell),
                        $sort::SourceCreatedAt | $sort::SourceUpdatedAt => Option::<Instant>::key(cell),
                        $sort::FirstSeenAt | $sort::ChangedAt => Instant::key(cell),
                        $($sort::$key => key_of(|record: &$name| &record.$sort_column, cell),)*
                    }
                }

                const COLUMNS: &'static [ColumnOf] = COLUMNS;

                fn stored(row: &mut Reader<'_, Self>) -> std::result::Result<Stored<Self>, Unreadable> {
                    // In the order of the columns.
                    let (connection, id, created_at, updated_at) = (ConnectionId(row.next()?), row.next()?, row.next()?, row.next()?);
                    let (first_seen_at, changed_at, deleted_at, version) = (row.next()?, row.next()?, row.next()?, row.next()?);
                    let source = Source { id, created_at, updated_at, url: row.next()?, additional_fields: row.next()?, raw: row.next()? };
                    let record = $name { source, $($field: row.next()?,)+ $($flat: row.next()?,)* };
                    Ok(Stored { connection, first_seen_at, changed_at, deleted_at, version, record })
                }

                async fn select(conn: &mut Conn, which: Predicate, ordering: Ordering, limit: Option<i64>, needs: &Needs) -> QueryResult<Vec<Row<Self>>> {
                    let part = Part::of(&which, ordering, limit);
                    let chosen = chosen(needs);
                    let read = chosen.read;
                    let rows: Vec<Cells> = table.filter(which).order(part).select(chosen).all(conn).await?;
                    Ok(rows.into_iter().map(|cells| Row::new(cells, read)).collect())
                }

                async fn plan(conn: &mut Conn, which: Predicate, part: Option<(Ordering, i64)>) -> QueryResult<Vec<String>> {
                    let Some((ordering, limit)) = part else { return plan_of(conn, table.filter(which).count()).await };
                    let part = Part::of(&which, ordering, Some(limit));
                    plan_of(conn, table.filter(which).order(part).select(chosen(&Needs::Everything))).await
                }

                async fn tally(conn: &mut Conn, which: Predicate) -> QueryResult<i64> {
                    table.filter(which).count().one(conn).await
                }

                async fn hashes(conn: &mut Conn, which: Predicate) -> QueryResult<Vec<Known>> {
                    table.filter(which).select((t::source_id, t::content_hash, t::row_hash, t::deleted_at, t::source_updated_at)).all(conn).await
                }

                async fn mark_row(conn: &mut Conn, which: Predicate, row_hash: Option<i64>) -> QueryResult<()> {
                    diesel::update(table.filter(which)).set(t::row_hash.eq(row_hash)).run(conn).await.map(drop)
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

/// The type of the records that a field's source ids belong to.
trait Target {
    const TYPE: Option<DataType> = None;
}

impl<T: Record> Target for Option<record::Link<T>> {
    const TYPE: Option<DataType> = Some(T::DATA_TYPE);
}

macro_rules! no_target {
    ($($type:ty),+) => { $(impl Target for $type {})+ };
}
no_target!(String, bool, Instant, record::Quantity, record::OrderStatus, record::InboundStatus, record::ReturnStatus);
no_target!(Option<String>, Option<Instant>, Option<record::Money>, Option<record::OrderType>);

/// The target of the field that `field` reads.
fn target<R, T: Target>(_field: impl Fn(&R) -> &T) -> Option<DataType> {
    T::TYPE
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

    /// The records that are wanted, read in this ordering.
    fn wanted(&self, ordering: &Ordering) -> Predicate {
        match &self.beyond {
            Some(values) => Predicate::All(vec![self.which.clone(), Predicate::After(ordering.clone(), values.clone())]),
            None => self.which.clone(),
        }
    }

    /// Where a record stands in the ordering: the values that [`beyond`](Self::beyond) takes. That needs the ordering's columns.
    pub fn position(&self, row: &Row<K>) -> Vec<Scalar> {
        let keys = self.order.iter().map(|(sort, _)| K::sort_value(row.at(K::sort_column(*sort)), *sort));
        keys.chain([Scalar::Int(row.connection().0), Scalar::Text(row.source_id().to_owned())]).collect()
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

/// What an open end finds is sorted up to so many rows.
const FEW: i64 = 1000;

/// The condition and the ordering of one part of a list, as the database at hand does best with them.
///
/// SQLite guesses that a quarter of all rows lies beyond any bound, and goes through the list in its own order until it has a page
/// full: through the whole table where nearly none does, which is what "changed since" asks for most of the time. So it is looked how
/// many there are, and if they are few, they are found by their index and sorted.
async fn settled<K: Kind>(conn: &mut Conn, listing: &Listing<K>) -> Result<(Predicate, Ordering)> {
    let ordering = if listing.backwards { listing.ordering().reversed() } else { listing.ordering() };
    let which = listing.wanted(&ordering);
    // Another order has an index of its own, which may be that of the very bound.
    if matches!(conn, Conn::Lite(_)) && listing.order.is_empty() {
        for part in which.open_ends() {
            if !exceeds(conn, K::TABLE, part.clone(), FEW).await? {
                return Ok((which.sorted(), ordering.sorted()));
            }
        }
    }
    Ok((which, ordering))
}

/// One part of a list, with the columns of its ordering.
///
/// # Errors
/// When the database does not answer.
pub async fn row_list<K: Kind>(conn: &mut Conn, listing: &Listing<K>, needs: &Needs) -> Result<Vec<Row<K>>> {
    let (which, ordering) = settled(conn, listing).await?;
    let needs = listing.order.iter().fold(needs.clone(), |needs, (sort, _)| needs.and(K::sort_column(*sort).name()));
    let mut rows = K::select(conn, which, ordering, Some(listing.limit), &needs).await.during("Failed to read a list of records")?;
    if listing.backwards {
        rows.reverse();
    }
    Ok(rows)
}

/// The records of one part of a list.
///
/// # Errors
/// When the database does not answer.
pub async fn record_list<K: Kind>(conn: &mut Conn, listing: &Listing<K>, needs: &Needs) -> Result<Vec<Stored<K>>> {
    row_list(conn, listing, needs).await?.iter().map(Row::stored).collect()
}

/// How the database would read one part of a list (or, without one, count it), in its own words: for tests.
///
/// # Errors
/// When the database does not answer.
#[doc(hidden)]
pub async fn record_plan<K: Kind>(conn: &mut Conn, listing: &Listing<K>, counts: bool) -> Result<Vec<String>> {
    let (which, ordering) = if counts { (listing.which.clone(), listing.ordering()) } else { settled(conn, listing).await? };
    let part = (!counts).then_some((ordering, listing.limit));
    K::plan(conn, which, part).await.during("Failed to ask for a plan")
}

/// How many records there are.
///
/// # Errors
/// When the database does not answer.
pub async fn record_count<K: Kind>(conn: &mut Conn, which: Predicate) -> Result<i64> {
    K::tally(conn, which).await.during("Failed to count records")
}

/// The rows of these records, as far as they are there (deleted ones too), in no order.
///
/// # Errors
/// When the database does not answer.
pub async fn row_many<K: Kind>(conn: &mut Conn, keys: &[(ConnectionId, &str)], needs: &Needs) -> Result<Vec<Row<K>>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let ordering = Ordering(vec![(Column::SOURCE_ID, Direction::Asc)]);
    K::select(conn, Predicate::records(keys), ordering, None, needs).await.during("Failed to read records by id")
}

/// The same, as records.
///
/// # Errors
/// When the database does not answer.
pub async fn record_many<K: Kind>(conn: &mut Conn, keys: &[(ConnectionId, &str)], needs: &Needs) -> Result<Vec<Stored<K>>> {
    row_many(conn, keys, needs).await?.iter().map(Row::stored).collect()
}
