//! What ends a statement: the order of its rows, and how many of them are read.

use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

use super::{Binds, Ordering, Predicate, Scalar};

/// The order of a list, and how many rows of it are read.
#[derive(Debug, Clone)]
pub struct Part {
    ordering: Ordering,
    limit: Limit,
}

#[derive(Debug, Clone)]
enum Limit {
    None,
    /// Written into the text.
    Usual(i64),
    /// Bound.
    Any(Scalar),
}

/// The page sizes that most clients ask for, with the row that tells whether there is another page.
const USUAL: [i64; 6] = [11, 21, 26, 51, 101, 251];

impl Part {
    /// Of the rows that meet `which`, so many, in this order.
    ///
    /// PostgreSQL takes a bound limit for a tenth of all rows when it weighs a plan for any values, finds that dear, and plans anew
    /// for each page: a third of the database's work for a page of a plain list. So the limit of a plain list is written into its
    /// statement, for a few sizes: each is a statement of its own in every connection's cache. Where there are conditions, planning
    /// anew is what is wanted: a plan for any "changed since" reads the whole table where hardly anything has changed.
    pub fn of(which: &Predicate, ordering: Ordering, limit: Option<i64>) -> Self {
        let limit = match limit {
            None => Limit::None,
            Some(limit) if USUAL.contains(&limit) && which.is_plain() => Limit::Usual(limit),
            Some(limit) => Limit::Any(Scalar::Int(limit)),
        };
        Self { ordering, limit }
    }

    /// As the order of a statement that has no limit beside: that stands after it on both databases.
    pub(super) fn write<'b, DB: Binds>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.ordering.write(out)?;
        match &self.limit {
            Limit::None => Ok(()),
            Limit::Usual(limit) => {
                out.push_sql(" LIMIT ");
                out.push_sql(&limit.to_string());
                Ok(())
            }
            Limit::Any(limit) => {
                out.push_sql(" LIMIT ");
                DB::bind(out, limit)
            }
        }
    }
}

impl Predicate {
    /// Whether it leaves a list whole, or what of it lies beyond a place: its own order finds the rows, whatever the values.
    fn is_plain(&self) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(Self::is_plain),
            Self::IsNull(_) | Self::After(..) => true,
            _ => false,
        }
    }
}
