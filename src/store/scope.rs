//! The connections that a condition leaves.

use std::collections::BTreeSet;

use super::predicate::{Column, Op, Predicate, Scalar};
use crate::record::List;

/// Connections, by number: no record of any other meets the condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These.
    Only(BTreeSet<i64>),
    /// All but these.
    Except(BTreeSet<i64>),
}

impl Scope {
    /// Every connection.
    pub const fn all() -> Self {
        Self::Except(BTreeSet::new())
    }

    /// This one.
    pub fn one(connection: i64) -> Self {
        Self::Only(BTreeSet::from([connection]))
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(a), Self::Only(b)) => Self::Only(&a & &b),
            (Self::Only(only), Self::Except(except)) | (Self::Except(except), Self::Only(only)) => Self::Only(&only - &except),
            (Self::Except(a), Self::Except(b)) => Self::Except(&a | &b),
        }
    }

    fn not(self) -> Self {
        match self {
            Self::Only(connections) => Self::Except(connections),
            Self::Except(connections) => Self::Only(connections),
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// The condition to belong to one of them, on any table whose rows have a `connection_id`.
    pub(super) fn which(&self) -> Predicate {
        let one_of = |connections: &BTreeSet<i64>| Predicate::OneOfInts(Column::CONNECTION, List(connections.iter().copied().collect()));
        match self {
            Self::Only(connections) => one_of(connections),
            Self::Except(connections) if connections.is_empty() => Predicate::All(Vec::new()),
            Self::Except(connections) => Predicate::Not(Box::new(one_of(connections))),
        }
    }
}

impl Predicate {
    /// The connections whose records may meet it.
    pub fn scope(&self) -> Scope {
        self.narrowed(true)
    }

    /// The connections whose records may meet it (or, not `wanted`, may fail it). What says nothing of connections leaves all.
    fn narrowed(&self, wanted: bool) -> Scope {
        let parts = |parts: &[Self], every: bool| {
            let scopes = parts.iter().map(|part| part.narrowed(wanted));
            if every { scopes.fold(Scope::all(), Scope::and) } else { scopes.fold(Scope::all().not(), Scope::or) }
        };
        let only = |connections: BTreeSet<i64>| if wanted { Scope::Only(connections) } else { Scope::Except(connections) };
        match self {
            Self::All(all) => parts(all, wanted),
            Self::Any(any) => parts(any, !wanted),
            Self::Not(part) => part.narrowed(!wanted),
            Self::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection)) => only(BTreeSet::from([*connection])),
            Self::OneOfInts(Column::CONNECTION, connections) => only(connections.iter().copied().collect()),
            _ => Scope::all(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ConnectionId;

    fn at(connection: i64) -> Predicate {
        Predicate::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection))
    }

    fn open() -> Predicate {
        Predicate::IsNull(Column::DELETED_AT)
    }

    fn not(part: Predicate) -> Predicate {
        Predicate::Not(Box::new(part))
    }

    #[test]
    fn a_condition_leaves_the_connections_that_it_names() {
        let only = |connections: &[i64]| Scope::Only(connections.iter().copied().collect());
        let except = |connections: &[i64]| Scope::Except(connections.iter().copied().collect());
        let either = |parts: &[Predicate]| Predicate::Any(parts.to_vec());
        let both = |parts: &[Predicate]| Predicate::All(parts.to_vec());
        for (condition, left) in [
            (open(), Scope::all()),
            (both(&[open(), at(1)]), only(&[1])),
            (both(&[at(1), at(2)]), only(&[])),
            (either(&[at(1), both(&[at(2), open()])]), only(&[1, 2])),
            (either(&[at(1), open()]), Scope::all()),
            (either(&[]), only(&[])),
            (not(at(1)), except(&[1])),
            (both(&[not(either(&[at(1), at(2)])), either(&[at(2), at(3)])]), only(&[3])),
            // Others of the first connection may be open.
            (not(both(&[at(1), open()])), Scope::all()),
            (not(either(&[at(1), open()])), except(&[1])),
            (not(not(at(1))), only(&[1])),
            (Predicate::records(&[(ConnectionId(4), "x")]), only(&[4])),
        ] {
            assert_eq!(condition.scope(), left, "{condition:?}");
        }
    }
}
