//! The operators of filters, and the directions of orderings. What can be filtered stands in each record's own
//! declaration; how a filter becomes SQL is the store's business.
//!
//! The operators of one filter are ANDed. A list holds at most [`MAX_LIST`] values.

use async_graphql::{Enum, InputObject, InputType};

use super::{InboundStatus, Instant, Money, OrderStatus, OrderType, Quantity, ReturnStatus};

/// The most values that `in` and `nin` take.
pub const MAX_LIST: usize = 100;

/// Which way an ordering runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
pub enum Direction {
    /// Smallest, earliest or first in the alphabet first; records without a value come before all others.
    Asc,
    /// Largest, latest or last in the alphabet first; records without a value come after all others.
    Desc,
}

/// Conditions on an id.
#[derive(Debug, Clone, Default, InputObject)]
#[graphql(name = "IDFilter")]
pub struct IdFilter {
    /// Is this one.
    pub eq: Option<async_graphql::ID>,
    /// Is anything but this one, or missing.
    pub neq: Option<async_graphql::ID>,
    /// Is one of these (at most 100).
    #[graphql(name = "in")]
    pub any: Option<Vec<async_graphql::ID>>,
    /// Is none of these (at most 100), or missing.
    #[graphql(name = "nin")]
    pub none: Option<Vec<async_graphql::ID>>,
    /// True: there is none. False: there is one.
    pub is_null: Option<bool>,
}

/// Conditions on a text. Comparisons mind upper and lower case. `eq`, `in`, `startsWith` and `isNull` find records by an index;
/// `neq`, `nin` and `contains` look at each record that the other conditions leave.
#[derive(Debug, Clone, Default, InputObject)]
pub struct StringFilter {
    /// Is exactly this.
    pub eq: Option<String>,
    /// Is anything but this, or missing.
    pub neq: Option<String>,
    /// Is one of these (at most 100).
    #[graphql(name = "in")]
    pub any: Option<Vec<String>>,
    /// Is none of these (at most 100), or missing.
    #[graphql(name = "nin")]
    pub none: Option<Vec<String>>,
    /// Has this somewhere inside.
    pub contains: Option<String>,
    /// Begins with this.
    pub starts_with: Option<String>,
    /// True: has no value. False: has one.
    pub is_null: Option<bool>,
}

/// Conditions on a moment.
#[derive(Debug, Clone, Default, InputObject)]
pub struct DateTimeFilter {
    /// Exactly then.
    pub eq: Option<Instant>,
    /// Later than this.
    pub gt: Option<Instant>,
    /// Then or later.
    pub gte: Option<Instant>,
    /// Earlier than this.
    pub lt: Option<Instant>,
    /// Then or earlier.
    pub lte: Option<Instant>,
    /// True: has no value. False: has one.
    pub is_null: Option<bool>,
}

/// Conditions on a quantity.
#[derive(Debug, Clone, Default, InputObject)]
pub struct FloatFilter {
    /// Exactly this many.
    pub eq: Option<Quantity>,
    /// More than this.
    pub gt: Option<Quantity>,
    /// At least this.
    pub gte: Option<Quantity>,
    /// Fewer than this.
    pub lt: Option<Quantity>,
    /// At most this.
    pub lte: Option<Quantity>,
}

/// Conditions on an amount of money.
#[derive(Debug, Clone, Default, InputObject)]
pub struct DecimalFilter {
    /// Exactly this much.
    pub eq: Option<Money>,
    /// More than this.
    pub gt: Option<Money>,
    /// At least this.
    pub gte: Option<Money>,
    /// Less than this.
    pub lt: Option<Money>,
    /// At most this.
    pub lte: Option<Money>,
    /// True: has no value. False: has one.
    pub is_null: Option<bool>,
}

/// Conditions on a yes or no.
#[derive(Debug, Clone, Default, InputObject)]
pub struct BooleanFilter {
    /// Is this.
    pub eq: Option<bool>,
}

/// Conditions on an enumeration's value.
#[derive(Debug, Clone, InputObject)]
#[graphql(
    concrete(name = "OrderStatusFilter", params(OrderStatus)),
    concrete(name = "OrderTypeFilter", params(OrderType)),
    concrete(name = "InboundStatusFilter", params(InboundStatus)),
    concrete(name = "ReturnStatusFilter", params(ReturnStatus))
)]
pub struct EnumFilter<E: InputType> {
    /// Is this one.
    pub eq: Option<E>,
    /// Is anything but this, or missing.
    pub neq: Option<E>,
    /// Is one of these (at most 100).
    #[graphql(name = "in")]
    pub any: Option<Vec<E>>,
    /// Is none of these (at most 100), or missing.
    #[graphql(name = "nin")]
    pub none: Option<Vec<E>>,
    /// True: has no value. False: has one.
    pub is_null: Option<bool>,
}
