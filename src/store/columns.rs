//! Which columns of a record are read.
//!
//! Most of a record's bytes lie in a few columns: its payload, and what is kept as JSON (line items, addresses, lots). A list
//! that shows none of them should not fetch and parse them, so they are read only when they are needed; in their place stands
//! what an empty one looks like, and the row keeps its type.
//!
//! The other columns are read always: they cost little, and every choice is a statement of its own in each connection's cache.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

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
    These(Vec<&'static str>),
}

impl Needs {
    fn includes(&self, column: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::AllButPayload => column != "raw",
            Self::These(columns) => columns.contains(&column),
        }
    }
}

/// A column's name, and what stands for it where it is left out: `None` for columns that never are.
pub(super) type ColumnOf = (&'static str, Option<&'static str>);

/// Columns, each as it is to be read.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    columns: &'static [ColumnOf],
    left_out: u32,
}

impl Choice {
    pub(super) fn of(columns: &'static [ColumnOf], needs: &Needs) -> Self {
        let is_out = |(name, blank): &ColumnOf| blank.is_some() && !needs.includes(name);
        let left_out = columns.iter().enumerate().filter(|(_, column)| is_out(column)).fold(0, |bits, (index, _)| bits | 1 << index);
        Self { columns, left_out }
    }

    pub(super) fn write<DB: Backend>(&self, table: &str, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        for (index, (name, blank)) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            match blank.filter(|_| self.left_out & (1 << index) != 0) {
                Some(blank) => out.push_sql(blank),
                None => {
                    out.push_identifier(table)?;
                    out.push_sql(".");
                    out.push_identifier(name)?;
                }
            }
        }
        Ok(())
    }
}

/// Declares the select clause that reads `$row` of `$table` with some columns left out.
macro_rules! chosen {
    ($name:ident of $table:ident as $row:ident) => {
        #[derive(Debug, Clone)]
        struct $name(Choice);

        const _: () = {
            use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
            use diesel::query_builder::{AstPass, QueryFragment, QueryId};

            impl Expression for $name {
                type SqlType = diesel::dsl::SqlTypeOf<<$row as Selectable<Pg>>::SelectExpression>;
            }

            impl ValidGrouping<()> for $name {
                type IsAggregate = is_aggregate::No;
            }

            impl AppearsOnTable<table> for $name {}
            impl SelectableExpression<table> for $name {}

            impl QueryId for $name {
                type QueryId = ();
                const HAS_STATIC_QUERY_ID: bool = false;
            }

            impl<DB: diesel::backend::Backend> QueryFragment<DB> for $name {
                fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                    self.0.write(stringify!($table), &mut out)
                }
            }
        };
    };
}
pub(super) use chosen;

/// How a type of field is read where nobody needs it.
pub(super) trait Weight {
    /// What stands for it; `None`: it is always read.
    const BLANK: Option<&'static str>;
    /// Whether it is large enough to be left out.
    const HEAVY: bool = Self::BLANK.is_some();
}

macro_rules! weight {
    (light $($light:ty),+; heavy $($heavy:ty = $blank:expr),+ $(,)?) => {
        $(impl Weight for $light {
            const BLANK: Option<&'static str> = None;
        })+
        $(impl Weight for $heavy {
            const BLANK: Option<&'static str> = Some($blank);
        })+
    };
}
weight! {
    light String, bool, Instant, Money, Quantity, OrderStatus, OrderType, InboundStatus, ReturnStatus;
    heavy Json = "'{}'", Address = "'{}'", Measurements = "'{}'", Channel = "'{}'", Supplier = "'{}'", Carrier = "'{}'", OrderTotals = "'{}'", OrderDelivery = "'{}'",
}

impl<T> Weight for Link<T> {
    const BLANK: Option<&'static str> = None;
}

impl<T> Weight for List<T> {
    const BLANK: Option<&'static str> = Some("'[]'");
}

impl<T: Weight> Weight for Option<T> {
    const BLANK: Option<&'static str> = if T::HEAVY { Some("NULL") } else { None };
}
