//! Rows of records as the database hands them over.
//!
//! A list is read for a few of its columns, most of which are written into an answer at once. To make a record of each row, with
//! all its fields, took a third of the time of a page. So a [`Row`] keeps the cells that were read, as they lie, in one piece of
//! memory; [`Row::stored`] makes the record of it where somebody wants one.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::num::TryFromIntError;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::Pg;
use diesel::row::{Field as _, Row as DatabaseRow};
use diesel::sql_types::Untyped;
use diesel::sqlite::{Sqlite, SqliteType};
use serde::de::DeserializeOwned;

use super::error::{During as _, Result};
use super::predicate::{Column, Scalar};
use super::records::{Kind, Stored};
use super::types::Timestamptz;
use crate::record::{self, ConnectionId, Instant, Json, Link, List, Money, Quantity};

/// A value as either database keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// No value, or one that was not read.
    Null,
    /// A number; a moment in microseconds since 1970, an amount in millionths, a truth as 0 or 1.
    Number(i64),
    /// A text, a code, JSON.
    Text(&'a str),
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Null,
    Number(i64),
    /// Where it lies among the texts.
    Text(u32, u32),
}

/// The cells of a row, in the order in which they were selected.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    slots: Box<[Slot]>,
    texts: Box<str>,
}

impl Cells {
    #[inline]
    fn get(&self, index: usize) -> Cell<'_> {
        match self.slots.get(index) {
            Some(Slot::Number(number)) => Cell::Number(*number),
            Some(Slot::Text(begin, end)) => self.texts.get(*begin as usize..*end as usize).map_or(Cell::Null, Cell::Text),
            Some(Slot::Null) | None => Cell::Null,
        }
    }

    fn of<'a, DB: Source>(row: &impl DatabaseRow<'a, DB>) -> deserialize::Result<Self> {
        DRAFT.with_borrow_mut(|draft| {
            draft.clear();
            for index in 0..row.field_count() {
                match row.get(index).ok_or(Unreadable::Missing)?.value() {
                    None => draft.slots.push(Slot::Null),
                    Some(value) => DB::lay(draft, value)?,
                }
            }
            Ok(draft.cells())
        })
    }
}

thread_local! {
    static DRAFT: RefCell<Draft> = RefCell::default();
}

/// What a draft keeps of its memory, in bytes.
const KEPT: usize = 1 << 16;

/// Cells that are being laid down. How much room they take shows only when the last one is there, and to let a row grow piece by
/// piece costs several allocations; so all rows that a thread reads grow in the same place.
#[derive(Default)]
struct Draft {
    slots: Vec<Slot>,
    texts: String,
}

impl Draft {
    fn clear(&mut self) {
        self.slots.clear();
        self.texts.clear();
        self.texts.shrink_to(KEPT);
    }

    #[inline]
    fn text(&mut self, text: &str) -> std::result::Result<(), TryFromIntError> {
        let begin = u32::try_from(self.texts.len())?;
        self.texts.push_str(text);
        self.slots.push(Slot::Text(begin, u32::try_from(self.texts.len())?));
        Ok(())
    }

    fn cells(&self) -> Cells {
        Cells { slots: self.slots.as_slice().into(), texts: self.texts.as_str().into() }
    }
}

/// A database whose values can be laid down as cells.
trait Source: Backend {
    fn lay(cells: &mut Draft, value: Self::RawValue<'_>) -> deserialize::Result<()>;
}

impl FromSqlRow<Untyped, Sqlite> for Cells {
    fn build_from_row<'a>(row: &impl DatabaseRow<'a, Sqlite>) -> deserialize::Result<Self> {
        Self::of(row)
    }
}

impl FromSqlRow<Untyped, Pg> for Cells {
    fn build_from_row<'a>(row: &impl DatabaseRow<'a, Pg>) -> deserialize::Result<Self> {
        Self::of(row)
    }
}

impl Source for Sqlite {
    fn lay(cells: &mut Draft, mut value: Self::RawValue<'_>) -> deserialize::Result<()> {
        match value.value_type() {
            Some(SqliteType::Text) => cells.text(value.read_text())?,
            Some(SqliteType::Long) => cells.slots.push(Slot::Number(value.read_long())),
            other => return Err(Unreadable::Kind(format!("{other:?}")).into()),
        }
        Ok(())
    }
}

/// PostgreSQL's numbers for its types (`pg_type.dat`).
mod oid {
    pub const BOOL: u32 = 16;
    pub const INT8: u32 = 20;
    pub const TEXT: u32 = 25;
    pub const JSON: u32 = 114;
    pub const TIMESTAMPTZ: u32 = 1184;
}

impl Source for Pg {
    fn lay(cells: &mut Draft, value: Self::RawValue<'_>) -> deserialize::Result<()> {
        match value.get_oid().get() {
            oid::TEXT | oid::JSON => cells.text(std::str::from_utf8(value.as_bytes())?)?,
            oid::INT8 => cells.slots.push(Slot::Number(i64::from_be_bytes(value.as_bytes().try_into()?))),
            oid::TIMESTAMPTZ => cells.slots.push(Slot::Number(<Instant as FromSql<Timestamptz, Pg>>::from_sql(value)?.micros())),
            oid::BOOL => cells.slots.push(Slot::Number(i64::from(value.as_bytes().first().is_some_and(|byte| *byte != 0)))),
            other => return Err(Unreadable::Kind(format!("the type with OID {other}")).into()),
        }
        Ok(())
    }
}

/// A stored value that is not what its column should hold.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The row is shorter than what was selected.
    #[error("a column is missing")]
    Missing,
    /// A type that no column of a record has.
    #[error("{0} is no type of a record's column")]
    Kind(String),
    /// A value of another type than its column's.
    #[error("a column holds {found}, not {wanted}")]
    Other {
        /// What was found.
        found: String,
        /// What should be there.
        wanted: &'static str,
    },
    /// A code that this version does not know.
    #[error(transparent)]
    Code(#[from] record::UnknownCode),
    /// JSON that is none, or of another shape.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

fn other<T>(found: Cell<'_>, wanted: &'static str) -> std::result::Result<T, Unreadable> {
    let found = match found {
        Cell::Null => "nothing".to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(_) => "a text".to_owned(),
    };
    Err(Unreadable::Other { found, wanted })
}

/// A value of the model that has a column.
pub trait FromCell: Sized {
    /// The value that a cell holds.
    ///
    /// # Errors
    /// When it holds something else.
    fn from_cell(cell: Cell<'_>) -> std::result::Result<Self, Unreadable>;
}

impl<'a> Cell<'a> {
    fn number(self) -> std::result::Result<i64, Unreadable> {
        if let Self::Number(number) = self { Ok(number) } else { other(self, "a number") }
    }

    /// Its text.
    ///
    /// # Errors
    /// When it has none.
    #[inline]
    pub fn text(self) -> std::result::Result<&'a str, Unreadable> {
        if let Self::Text(text) = self { Ok(text) } else { other(self, "a text") }
    }
}

/// `$type` is made of the number or text of its cell.
macro_rules! from_cell {
    ($($($type:ty),+ => |$cell:ident| $value:expr;)+) => {$($(
        impl FromCell for $type {
            fn from_cell($cell: Cell<'_>) -> std::result::Result<Self, Unreadable> {
                Ok($value)
            }
        }
    )+)+};
}
from_cell! {
    i64 => |cell| cell.number()?;
    bool => |cell| cell.number()? != 0;
    Instant => |cell| Instant::from_micros(cell.number()?);
    Money => |cell| Money::from_micros(cell.number()?);
    Quantity => |cell| Quantity::from_micros(cell.number()?);
    String => |cell| cell.text()?.to_owned();
    record::OrderStatus, record::OrderType, record::InboundStatus, record::ReturnStatus => |cell| cell.text()?.parse()?;
    Json => |cell| Json::from_trusted(cell.text()?.to_owned());
    record::Address, record::Measurements, record::Channel, record::Supplier, record::Carrier, record::OrderTotals, record::OrderDelivery
        => |cell| serde_json::from_str(cell.text()?)?;
}

impl<T> FromCell for Link<T> {
    fn from_cell(cell: Cell<'_>) -> std::result::Result<Self, Unreadable> {
        Ok(Self::to(cell.text()?.to_owned()))
    }
}

impl<T: DeserializeOwned> FromCell for List<T> {
    fn from_cell(cell: Cell<'_>) -> std::result::Result<Self, Unreadable> {
        Ok(Self::from_stored(cell.text()?))
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell<'_>) -> std::result::Result<Self, Unreadable> {
        if cell == Cell::Null { Ok(None) } else { T::from_cell(cell).map(Some) }
    }
}

/// A record's row: the columns of it that were read.
pub struct Row<T> {
    cells: Cells,
    /// Which columns were read, by their place in [`Kind::COLUMNS`].
    read: u32,
    of: PhantomData<fn() -> T>,
}

// The derives would ask the same of `T`.
impl<T> Clone for Row<T> {
    fn clone(&self) -> Self {
        Self { cells: self.cells.clone(), read: self.read, of: PhantomData }
    }
}

impl<T: Kind> Row<T> {
    pub(super) fn new(cells: Cells, read: u32) -> Self {
        Self { cells, read, of: PhantomData }
    }

    /// One of which nothing was read.
    pub fn blank() -> Self {
        Self::new(Cells::default(), 0)
    }

    /// The cell of the column with this place in [`Kind::COLUMNS`].
    #[inline]
    pub fn cell(&self, column: usize) -> Cell<'_> {
        let bit = 1_u32 << column;
        if self.read & bit == 0 { Cell::Null } else { self.cells.get((self.read & (bit - 1)).count_ones() as usize) }
    }

    /// The connection that it was synced from.
    #[inline]
    pub fn connection(&self) -> ConnectionId {
        ConnectionId(if let Cell::Number(number) = self.cell(0) { number } else { 0 })
    }

    /// What its WMS calls it.
    #[inline]
    pub fn source_id(&self) -> &str {
        if let Cell::Text(text) = self.cell(1) { text } else { "" }
    }

    /// The cell of this column.
    pub(super) fn at(&self, column: Column) -> Cell<'_> {
        place_of::<T>(column.name()).map_or(Cell::Null, |place| self.cell(place))
    }

    /// Its record. Columns that were not read have their types' defaults.
    ///
    /// # Errors
    /// When a column holds what this version cannot read.
    pub fn stored(&self) -> Result<Stored<T>> {
        let stored = T::stored(&mut Reader { row: self, next: 0 });
        stored.map_err(|error| diesel::result::Error::DeserializationError(error.into())).during("Failed to read a stored record")
    }
}

/// A column's place in [`Kind::COLUMNS`].
pub fn place_of<T: Kind>(column: &str) -> Option<usize> {
    T::COLUMNS.iter().position(|(name, _)| *name == column)
}

/// Reads a row from its first column to its last.
#[doc(hidden)]
pub struct Reader<'a, T> {
    row: &'a Row<T>,
    next: usize,
}

impl<T: Kind> Reader<'_, T> {
    pub(super) fn next<V: FromCell + Default>(&mut self) -> std::result::Result<V, Unreadable> {
        let column = self.next;
        self.next += 1;
        if self.row.read & (1 << column) == 0 { Ok(V::default()) } else { V::from_cell(self.row.cell(column)) }
    }
}

/// A column as a sort key; a missing value is the lowest.
pub(super) trait Key {
    fn key(cell: Cell<'_>) -> Scalar;
}

macro_rules! key {
    ($($($type:ty),+ => $scalar:ident, $lowest:expr, |$number:ident| $value:expr;)+) => {$($(
        impl Key for $type {
            fn key(cell: Cell<'_>) -> Scalar {
                Scalar::$scalar(if let Cell::Number($number) = cell { $value } else { $lowest })
            }
        }
    )+)+};
}
key! {
    Instant, Option<Instant> => Time, Instant::MIN, |number| Instant::from_micros(number);
    Quantity => Int, 0, |number| number;
    Option<Money> => Int, i64::MIN, |number| number;
}

macro_rules! text_key {
    ($($type:ty),+) => {$(
        impl Key for $type {
            fn key(cell: Cell<'_>) -> Scalar {
                Scalar::Text(if let Cell::Text(text) = cell { text.to_owned() } else { String::new() })
            }
        }
    )+};
}
text_key!(String, Option<String>);

/// The key that the column of a record's field holds.
pub(super) fn key_of<R, T: Key>(_field: impl Fn(&R) -> &T, cell: Cell<'_>) -> Scalar {
    T::key(cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Order, OrderStatus};

    #[test]
    fn a_cell_of_another_type_is_refused() {
        assert_eq!(OrderStatus::from_cell(Cell::Text("OPEN")).unwrap(), OrderStatus::Open);
        assert_eq!(Option::<Instant>::from_cell(Cell::Null).unwrap(), None);
        let said = |error: Unreadable| error.to_string();
        assert_eq!(OrderStatus::from_cell(Cell::Text("LOST")).map_err(said), Err("\"LOST\" is no OrderStatus".to_owned()));
        assert_eq!(String::from_cell(Cell::Number(5)).map_err(said), Err("a column holds 5, not a text".to_owned()));
        assert_eq!(i64::from_cell(Cell::Text("secret")).map_err(said), Err("a column holds a text, not a number".to_owned()));
        assert!(record::Address::from_cell(Cell::Text("{")).is_err());
    }

    #[test]
    fn what_was_not_read_is_its_types_default() {
        let (number, status) = (place_of::<Order>("order_number").unwrap(), place_of::<Order>("status").unwrap());
        let mut draft = Draft::default();
        draft.slots.push(Slot::Number(7));
        draft.text("O1").unwrap();
        draft.text("SO-1").unwrap();
        let row = Row::<Order>::new(draft.cells(), 0b11 | 1 << number);
        assert_eq!((row.connection(), row.source_id(), row.cell(number), row.cell(status)), (ConnectionId(7), "O1", Cell::Text("SO-1"), Cell::Null));
        let stored = row.stored().unwrap();
        assert_eq!((stored.record.order_number.as_str(), stored.record.status, stored.deleted_at), ("SO-1", OrderStatus::Other, None));
        let blank = Row::<Order>::blank();
        assert_eq!((blank.connection(), blank.source_id()), (ConnectionId(0), ""));
    }
}
