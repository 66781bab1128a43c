//! Which columns of a record are read.
//!
//! Most of a record's bytes lie in a few columns: its payload, and what is kept as JSON (line items, addresses, lots). And most of
//! a page's time goes into columns that its answer does not show. So only those are read that somebody is going to look at, and of
//! every record its connection and its source id.
//!
//! **Invariant.** Every choice is a statement of its own in each connection's cache, and clients choose. So only the first
//! [`CHOICES`] of a type are read exactly; what comes after them is read with all the small columns, of which there are few.

use std::sync::{PoisonError, RwLock};

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Untyped;

use crate::record::*;

/// The columns that somebody is going to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Needs {
    /// All.
    #[default]
    Everything,
    /// All but the WMS's own payload.
    AllButPayload,
    /// The small ones, and these.
    SmallAnd(Vec<&'static str>),
    /// These.
    These(Vec<&'static str>),
}

impl Needs {
    fn includes(&self, column: &str, is_small: bool) -> bool {
        match self {
            Self::Everything => true,
            Self::AllButPayload => column != "raw",
            Self::SmallAnd(columns) => is_small || columns.contains(&column),
            Self::These(columns) => columns.contains(&column),
        }
    }

    /// The same, and this column.
    #[must_use]
    pub fn and(mut self, column: &'static str) -> Self {
        if let Self::SmallAnd(columns) | Self::These(columns) = &mut self
            && !columns.contains(&column)
        {
            columns.push(column);
        }
        self
    }
}

/// A column's name, and whether it is small.
pub(super) type ColumnOf = (&'static str, bool);

/// How many choices of columns are read exactly, of each type.
const CHOICES: usize = 64;

/// The choices that were made so far, as the bits of their columns.
pub(super) struct Choices(RwLock<Vec<u32>>);

impl Choices {
    pub(super) const fn none() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// The columns that are read for these needs.
    pub(super) fn choose(&self, columns: &'static [ColumnOf], needs: &Needs) -> u32 {
        let bits = |is_in: &dyn Fn(&ColumnOf) -> bool| {
            columns.iter().enumerate().filter(|(_, column)| is_in(column)).fold(0b11, |bits, (index, _)| bits | 1_u32 << index)
        };
        let needed = bits(&|(name, is_small)| needs.includes(name, *is_small));
        if !matches!(needs, Needs::These(_)) || self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&needed) {
            return needed;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < CHOICES {
            known.push(needed);
            return needed;
        }
        needed | bits(&|(_, is_small)| *is_small)
    }
}

/// The select clause that reads some columns of a table, in their order.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) table: &'static str,
    pub(super) columns: &'static [ColumnOf],
    pub(super) read: u32,
}

impl Expression for Chosen {
    type SqlType = Untyped;
}

impl ValidGrouping<()> for Chosen {
    type IsAggregate = is_aggregate::No;
}

impl<QS> AppearsOnTable<QS> for Chosen {}
impl<QS> SelectableExpression<QS> for Chosen {}

impl QueryId for Chosen {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> QueryFragment<DB> for Chosen {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let chosen = self.columns.iter().enumerate().filter(|(index, _)| self.read & (1 << index) != 0);
        for (count, (_, (name, _))) in chosen.enumerate() {
            if count > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(self.table)?;
            out.push_sql(".");
            out.push_identifier(name)?;
        }
        Ok(())
    }
}

/// How much a type of field weighs.
pub(super) trait Weight {
    /// Whether it costs little to read.
    const SMALL: bool;
}

macro_rules! weight {
    (small $($small:ty),+; large $($large:ty),+ $(,)?) => {
        $(impl Weight for $small {
            const SMALL: bool = true;
        })+
        $(impl Weight for $large {
            const SMALL: bool = false;
        })+
    };
}
weight! {
    small String, bool, Instant, Money, Quantity, OrderStatus, OrderType, InboundStatus, ReturnStatus;
    large Json, Address, Measurements, Channel, Supplier, Carrier, OrderTotals, OrderDelivery,
}

impl<T> Weight for Link<T> {
    const SMALL: bool = true;
}

impl<T> Weight for List<T> {
    const SMALL: bool = false;
}

impl<T: Weight> Weight for Option<T> {
    const SMALL: bool = T::SMALL;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_cannot_choose_without_end() {
        const COLUMNS: &[ColumnOf] = &[
            ("connection_id", true),
            ("source_id", true),
            ("a", true),
            ("b", true),
            ("c", true),
            ("d", true),
            ("e", true),
            ("f", true),
            ("g", true),
            ("h", false),
        ];
        let choices = Choices::none();
        let mut seen = std::collections::HashSet::new();
        for number in 0..256_u32 {
            let names = COLUMNS[2..].iter().enumerate().filter(|(index, _)| number & (1 << index) != 0).map(|(_, (name, _))| *name);
            let read = choices.choose(COLUMNS, &Needs::These(names.collect()));
            assert_eq!(read & (number << 2 | 0b11), number << 2 | 0b11, "all that is needed is read");
            seen.insert(read);
        }
        assert_eq!(seen.len(), CHOICES + 2, "and two that read all small columns");
        let needs = Needs::These(vec!["a"]).and("a").and("b");
        assert_eq!((needs.clone(), choices.choose(COLUMNS, &needs)), (Needs::These(vec!["a", "b"]), 0b1111));
    }
}
