//! Conditions and orderings that are put together at run time.
//!
//! Diesel's own boxed expressions name a backend, so they fit only one database. A [`Predicate`] is a tree of ours that
//! writes itself for either. Values are always bound, never written into the text, so that a filter of the same shape
//! is the same statement, prepared once.

mod dialect;
mod part;

use std::collections::BTreeMap;

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

pub use self::dialect::{Binds, Dialect};
pub use self::part::Part;
use super::types::Timestamptz;
use crate::record::filter::Direction;
use crate::record::{ConnectionId, DataType, Instant, List, Term};

/// A column, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    name: &'static str,
    /// What stands for "no value" in orderings; `None` where the column always has one.
    lowest: Option<Lowest>,
    /// Conditions are written on the column as it stands in orderings, so that one index serves both.
    by_key: bool,
    /// Where it holds source ids: the type of the records that they belong to.
    links: Option<DataType>,
    /// No index is to be looked for on its behalf. Only SQLite can be told so.
    unindexed: bool,
}

/// What orders before every value of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lowest {
    /// The empty text.
    Text,
    /// The smallest 64-bit number.
    Number,
    /// The beginning of time.
    Time,
}

/// What the SQL type of a column says of its orderings.
pub trait Ordered {
    /// What stands for "no value"; `None` where there always is one.
    const LOWEST: Option<Lowest>;
}

macro_rules! ordered {
    ($($type:ty: $lowest:ident),+) => {$(
        impl Ordered for $type { const LOWEST: Option<Lowest> = None; }
        impl Ordered for Nullable<$type> { const LOWEST: Option<Lowest> = Some(Lowest::$lowest); }
    )+};
}
ordered!(Text: Text, BigInt: Number, Timestamptz: Time, Bool: Number);

impl Column {
    /// The column `column` of the schema.
    pub fn of<C: diesel::Column>(_column: C) -> Self
    where
        C::SqlType: Ordered,
    {
        Self { name: C::NAME, lowest: C::SqlType::LOWEST, by_key: false, links: None, unindexed: false }
    }

    /// The column `column` of the schema, which has an index as a key of orderings.
    pub fn key<C: diesel::Column>(column: C) -> Self
    where
        C::SqlType: Ordered,
    {
        Self { by_key: true, ..Self::of(column) }
    }

    /// The same, as one that holds source ids of records of this type.
    #[must_use]
    pub const fn to(self, links: Option<DataType>) -> Self {
        Self { links, ..self }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The type of the records whose source ids it holds.
    pub const fn links(self) -> Option<DataType> {
        self.links
    }
}

/// A value to compare a column with.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Of a `TEXT` column.
    Text(String),
    /// Of a `BIGINT` column.
    Int(i64),
    /// Of a `BOOLEAN` column.
    Bool(bool),
    /// Of a `TIMESTAMPTZ` column.
    Time(Instant),
}

/// How a column is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Eq,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Op {
    const fn sql(self) -> &'static str {
        match self {
            Self::Eq => " = ",
            Self::Lt => " < ",
            Self::Le => " <= ",
            Self::Gt => " > ",
            Self::Ge => " >= ",
        }
    }
}

/// A condition on the rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// All of these (none: true).
    All(Vec<Predicate>),
    /// At least one of these (none: false).
    Any(Vec<Predicate>),
    /// Not this; what is neither true nor false (because of a missing value) counts as not.
    Not(Box<Predicate>),
    /// The column compares so with the value.
    Is(Column, Op, Scalar),
    /// The column has no value.
    IsNull(Column),
    /// The column is one of these texts.
    OneOf(Column, List<String>),
    /// The column is one of these numbers.
    OneOfInts(Column, List<i64>),
    /// The text has this somewhere inside.
    Contains(Column, Scalar),
    /// The row is one of these records, of several connections: see [`records`](Self::records).
    Records(Keys),
    /// None of the pages of a run showed the record of this connection in `table`.
    Unlisted {
        /// The records' table.
        table: &'static str,
        /// The connection's number.
        connection: Scalar,
        /// The run's number.
        run: Scalar,
    },
    /// One of the terms of this kind of the record meets the condition on [`Column::TERM_VALUE`].
    HasTerm {
        /// The record's table.
        table: &'static str,
        /// The record's type.
        data_type: DataType,
        /// Which terms.
        term: Term,
        /// What they must meet; `None`: being there is enough.
        value: Option<Box<Predicate>>,
    },
    /// Of each of these owners, the row is one of the first so many, by source id, that are linked to it and meet a condition.
    Firsts {
        /// The rows' table.
        table: &'static str,
        /// What links a row to its owner.
        owner: Column,
        /// The owners.
        owners: Keys,
        /// What a row must meet to be one.
        which: Box<Predicate>,
        /// How many.
        limit: Scalar,
    },
    /// This, tried on each row that the other conditions leave, rather than used to find rows.
    Tried(Box<Predicate>),
    /// The row comes after these values, in the ordering of the same length.
    After(Ordering, Vec<Scalar>),
}

impl Predicate {
    /// `column = value`
    pub fn eq<C: diesel::Column<SqlType: Ordered>>(column: C, value: Scalar) -> Self {
        Self::Is(Column::of(column), Op::Eq, value)
    }

    /// The column is one of these numbers.
    pub fn ids<C: diesel::Column<SqlType = BigInt>>(column: C, ids: &[i64]) -> Self {
        Self::OneOfInts(Column::of(column), List(ids.to_vec()))
    }

    /// The row belongs to one of these connections, and meets what `which` makes of the ids that were named with it.
    pub fn each_connection<'a>(named: impl Iterator<Item = (ConnectionId, &'a str)>, which: impl Fn(List<String>) -> Self) -> Self {
        let mut by_connection: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for (connection, id) in named {
            by_connection.entry(connection.0).or_default().push(id.to_owned());
        }
        let of_connection =
            |(connection, ids): (i64, Vec<String>)| Self::All(vec![Self::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection)), which(ids.into())]);
        Self::Any(by_connection.into_iter().map(of_connection).collect())
    }

    /// The row is one of these records.
    pub fn records(keys: &[(ConnectionId, &str)]) -> Self {
        let one = keys.first().filter(|first| keys.iter().all(|key| key.0 == first.0));
        let source_ids = keys.iter().map(|key| key.1.to_owned());
        match one {
            // The common case has a simpler statement, which both databases plan better.
            Some((connection, _)) => {
                Self::All(vec![Self::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection.0)), Self::OneOf(Column::SOURCE_ID, source_ids.collect())])
            }
            None => Self::Records(Keys::of(keys)),
        }
    }
}

impl Predicate {
    /// The conditions that every row must meet.
    fn parts(&self) -> Vec<&Self> {
        match self {
            Self::All(parts) => parts.iter().flat_map(Self::parts).collect(),
            other => vec![other],
        }
    }

    /// Conditions that an index answers, but of which SQLite cannot tell how many rows meet them: what lies beyond one bound, with
    /// no other bound on the same column, and what was deleted.
    pub(super) fn open_ends(&self) -> Vec<&Self> {
        let parts = self.parts();
        let bounds = |of: &Column| {
            let is_bound = |part: &&&Self| matches!(part, Self::Is(column, ..) | Self::OneOf(column, _) if column.name == of.name);
            parts.iter().filter(is_bound).count()
        };
        let is_open = |part: &&Self| match part {
            Self::Is(column, op, _) => *op != Op::Eq && bounds(column) == 1,
            Self::Not(part) => **part == Self::IsNull(Column::DELETED_AT),
            _ => false,
        };
        parts.iter().copied().filter(is_open).collect()
    }

    /// The same, where places in a list are found by sorting: see [`Ordering::sorted`].
    #[must_use]
    pub(super) fn sorted(self) -> Self {
        match self {
            Self::All(parts) => Self::All(parts.into_iter().map(Self::sorted).collect()),
            Self::Not(part) => Self::Not(Box::new(part.sorted())),
            Self::After(ordering, values) => Self::After(ordering.sorted(), values),
            other => other,
        }
    }
}

/// Records of several connections, in the forms that the two databases want.
#[derive(Debug, Clone, PartialEq)]
pub struct Keys {
    pairs: List<(i64, String)>,
    connections: Vec<i64>,
    source_ids: Vec<String>,
}

impl Keys {
    /// These records.
    pub fn of(keys: &[(ConnectionId, &str)]) -> Self {
        let connections: Vec<i64> = keys.iter().map(|key| key.0.0).collect();
        let source_ids: Vec<String> = keys.iter().map(|key| key.1.to_owned()).collect();
        Self { pairs: connections.iter().copied().zip(source_ids.iter().cloned()).collect(), connections, source_ids }
    }
}

impl Column {
    /// Every record's connection.
    pub const CONNECTION: Self = Self::fixed("connection_id", None);
    /// Every record's identifier at its WMS.
    pub const SOURCE_ID: Self = Self::fixed("source_id", None);
    /// When a different content was last stored.
    pub const CHANGED_AT: Self = Self::fixed("changed_at", None);
    /// When a record was found gone.
    pub const DELETED_AT: Self = Self::fixed("deleted_at", Some(Lowest::Time));
    /// The column of [`Predicate::HasTerm`]'s condition.
    pub const TERM_VALUE: Self = Self::fixed("value", None);
    /// The warehouse of a part of an item's stock, where that stands as a row of its own.
    pub(super) const STOCK_WAREHOUSE: Self = Self::fixed("warehouse", None);

    const fn fixed(name: &'static str, lowest: Option<Lowest>) -> Self {
        Self { name, lowest, by_key: false, links: None, unindexed: false }
    }
}

/// The order of a list: columns with their directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordering(pub Vec<(Column, Direction)>);

impl Ordering {
    /// The other way round.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let turn = |direction| if direction == Direction::Asc { Direction::Desc } else { Direction::Asc };
        Self(self.0.iter().map(|(column, direction)| (*column, turn(*direction))).collect())
    }

    /// The same, to be made by sorting what other conditions find, on SQLite.
    #[must_use]
    pub(super) fn sorted(&self) -> Self {
        Self(self.0.iter().map(|(column, direction)| (Column { unindexed: true, ..*column }, *direction)).collect())
    }

    fn uniform(&self) -> Option<Direction> {
        let (_, first) = self.0.first()?;
        self.0.iter().all(|(_, direction)| direction == first).then_some(*first)
    }
}

impl Column {
    fn write<DB: Binds>(self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        out.push_identifier(self.name)
    }

    /// As a key of an ordering: no value is the lowest value.
    pub(super) fn write_key<DB: Binds>(self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        if self.unindexed {
            out.push_sql("+");
        }
        let Some(lowest) = self.lowest else { return self.write(out) };
        out.push_sql("COALESCE(");
        self.write(out)?;
        out.push_sql(", ");
        out.push_sql(lowest.sql::<DB>());
        out.push_sql(")");
        Ok(())
    }

    /// The condition `rest` on the column: where it is written on the key, what has no value is left out beside it.
    fn write_where<'b, DB: Binds>(
        self,
        out: &mut AstPass<'_, 'b, DB>,
        rest: impl FnOnce(&mut AstPass<'_, 'b, DB>) -> QueryResult<()>,
    ) -> QueryResult<()> {
        if !self.by_key || self.lowest.is_none() {
            self.write(out)?;
            return rest(out);
        }
        out.push_sql("(");
        self.write_key(out)?;
        rest(out)?;
        out.push_sql(" AND ");
        self.write(out)?;
        out.push_sql(" IS NOT NULL)");
        Ok(())
    }

    fn write_null<DB: Binds>(self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        if let Some(lowest) = self.lowest.filter(|_| self.by_key) {
            self.write_key(out)?;
            out.push_sql(" = ");
            out.push_sql(lowest.sql::<DB>());
            out.push_sql(" AND ");
        }
        self.write(out)?;
        out.push_sql(" IS NULL");
        Ok(())
    }
}

impl Lowest {
    const fn sql<DB: Dialect>(self) -> &'static str {
        match self {
            Self::Text => "''",
            Self::Number => DB::LOWEST_NUMBER,
            Self::Time => DB::LOWEST_TIME,
        }
    }
}

/// What a condition is to the whole: what every row must meet is written so that an index can find the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Every row must meet it.
    Whole,
    /// A part of an alternative, or of what is not wanted.
    Within,
}

impl Predicate {
    fn write<'b, DB: Binds>(&'b self, out: &mut AstPass<'_, 'b, DB>, place: Place) -> QueryResult<()> {
        match self {
            Self::All(parts) => list(out, parts, " AND ", "1 = 1", place),
            Self::Any(parts) => list(out, parts, " OR ", "1 = 0", if parts.len() == 1 { place } else { Place::Within }),
            Self::Not(part) => {
                if let Self::IsNull(column) = **part {
                    column.write(out)?;
                    out.push_sql(" IS NOT NULL");
                    return Ok(());
                }
                out.push_sql("NOT COALESCE((");
                part.write(out, Place::Within)?;
                out.push_sql("), 1 = 0)");
                Ok(())
            }
            Self::Is(column, op, value) => column.write_where(out, |out| {
                out.push_sql(op.sql());
                DB::bind(out, value)
            }),
            Self::IsNull(column) => column.write_null(out),
            Self::OneOf(column, values) => column.write_where(out, |out| DB::texts(out, values)),
            Self::OneOfInts(column, values) => {
                column.write(out)?;
                DB::ints(out, values)
            }
            // A difference of sets, which both databases sort or hash: a NOT IN would be tried row by row.
            Self::Unlisted { table, connection, run } => {
                out.push_sql("source_id IN (SELECT source_id FROM ");
                out.push_sql(table);
                out.push_sql(" WHERE deleted_at IS NULL AND connection_id = ");
                DB::bind(out, connection)?;
                out.push_sql(" EXCEPT ");
                out.push_sql(DB::LISTED);
                out.push_sql(" WHERE page.run_id = ");
                DB::bind(out, run)?;
                out.push_sql(")");
                Ok(())
            }
            Self::Contains(column, part) => {
                out.push_sql(DB::FIND);
                out.push_sql("(");
                column.write(out)?;
                out.push_sql(", ");
                DB::bind(out, part)?;
                out.push_sql(") > 0");
                Ok(())
            }
            Self::Records(keys) => {
                out.push_sql("(connection_id, source_id) IN (");
                DB::keys(out, keys)?;
                out.push_sql(")");
                Ok(())
            }
            Self::HasTerm { table, data_type, term, value } => {
                // SQLite finds the rows by the terms only where they are a list; PostgreSQL plans either alike, but hashes a list
                // that stands within an alternative, however long it is.
                out.push_sql(match place {
                    Place::Whole => "(connection_id, source_id) IN (SELECT record_terms.connection_id, record_terms.source_id",
                    Place::Within => "EXISTS (SELECT 1",
                });
                out.push_sql(" FROM record_terms WHERE record_terms.data_type = '");
                out.push_sql(data_type.as_str());
                out.push_sql("' AND record_terms.term = '");
                out.push_sql(term.as_str());
                out.push_sql("'");
                if place == Place::Within {
                    for column in ["connection_id", "source_id"] {
                        out.push_sql(" AND record_terms.");
                        out.push_sql(column);
                        out.push_sql(" = ");
                        out.push_sql(table);
                        out.push_sql(".");
                        out.push_sql(column);
                    }
                }
                if let Some(value) = value {
                    out.push_sql(" AND ");
                    value.write(out, Place::Within)?;
                }
                out.push_sql(")");
                Ok(())
            }
            // Either way each owner's rows are read by the index of their links, in its order, and no more than are wanted.
            Self::Firsts { table, owner, owners, which, limit } => {
                out.push_sql("(connection_id, source_id) IN (SELECT found.connection_id, found.source_id FROM (");
                DB::keys(out, owners)?;
                out.push_sql(") AS owner CROSS JOIN ");
                if DB::LATERAL {
                    out.push_sql("LATERAL (SELECT connection_id, source_id");
                } else {
                    out.push_sql(table);
                    out.push_sql(" AS found WHERE found.rowid IN (SELECT rowid");
                }
                out.push_sql(" FROM ");
                out.push_sql(table);
                out.push_sql(" WHERE connection_id = owner.at AND ");
                owner.write_key(out)?;
                out.push_sql(" = owner.id AND ");
                which.write(out, Place::Within)?;
                out.push_sql(" ORDER BY connection_id, source_id LIMIT ");
                DB::bind(out, limit)?;
                out.push_sql(if DB::LATERAL { ") AS found)" } else { "))" });
                Ok(())
            }
            Self::Tried(part) => part.write(out, Place::Within),
            Self::After(ordering, values) => after(out, ordering, values),
        }
    }
}

fn list<'b, DB: Binds>(out: &mut AstPass<'_, 'b, DB>, parts: &'b [Predicate], joint: &str, none: &str, place: Place) -> QueryResult<()> {
    if parts.is_empty() {
        out.push_sql(none);
        return Ok(());
    }
    for (index, part) in parts.iter().enumerate() {
        out.push_sql(if index == 0 { "(" } else { joint });
        part.write(out, place)?;
    }
    out.push_sql(")");
    Ok(())
}

/// `(a, b) > ($1, $2)` where all directions agree, which an index can answer at once; else `a > $1 OR (a = $2 AND b < $3)`.
fn after<'b, DB: Binds>(out: &mut AstPass<'_, 'b, DB>, ordering: &'b Ordering, values: &'b [Scalar]) -> QueryResult<()> {
    let beyond = |direction| if direction == Direction::Asc { " > " } else { " < " };
    if let Some(direction) = ordering.uniform() {
        for (index, (column, _)) in ordering.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", " });
            column.write_key(out)?;
        }
        out.push_sql(")");
        out.push_sql(beyond(direction));
        for (index, value) in values.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", " });
            DB::bind(out, value)?;
        }
        out.push_sql(")");
        return Ok(());
    }
    out.push_sql("(");
    for last in 0..values.len() {
        out.push_sql(if last == 0 { "(" } else { " OR (" });
        for (index, ((column, direction), value)) in ordering.0.iter().zip(values).enumerate().take(last + 1) {
            if index > 0 {
                out.push_sql(" AND ");
            }
            column.write_key(out)?;
            out.push_sql(if index == last { beyond(*direction) } else { " = " });
            DB::bind(out, value)?;
        }
        out.push_sql(")");
    }
    out.push_sql(")");
    Ok(())
}

impl Ordering {
    fn write<DB: Binds>(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        for (index, (column, direction)) in self.0.iter().enumerate() {
            // A column that comes again orders nothing more, and SQLite would sort for it.
            if self.0[..index].iter().any(|(earlier, _)| earlier.name == column.name) {
                continue;
            }
            if index > 0 {
                out.push_sql(", ");
            }
            column.write_key(out)?;
            out.push_sql(if *direction == Direction::Asc { " ASC" } else { " DESC" });
        }
        Ok(())
    }
}

/// They stand in a query on any table, as a yes or no and as an ordering.
macro_rules! node {
    ($($type:ident: $sql:ty $(, $place:expr)?);+) => {$(
        impl Expression for $type {
            type SqlType = $sql;
        }
        impl<QS> SelectableExpression<QS> for $type {}
        impl<QS> AppearsOnTable<QS> for $type {}
        impl ValidGrouping<()> for $type {
            type IsAggregate = is_aggregate::Never;
        }
        impl QueryId for $type {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
        impl<DB: Binds> QueryFragment<DB> for $type {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                self.write(&mut out $(, $place)?)
            }
        }
    )+};
}
node!(Predicate: Bool, Place::Whole; Part: diesel::expression::expression_types::NotSelectable);
