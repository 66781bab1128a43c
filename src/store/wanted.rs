//! Which entries of the change log a reader wants.
//!
//! It is asked in two places: of the database, by who catches up, and of entries that were read for many at once
//! ([`crate::changes`]). So it is a value of its own, which is written as a condition and tried on an entry, and both must say the
//! same: a test compares them.

use std::collections::BTreeMap;

use super::changes::{Change, Kind};
use super::predicate::{Column, Predicate, Scalar};
use super::schema::changes as t;
use crate::record::{ConnectionId, DataType, List};

/// Which entries are wanted. All conditions are ANDed; one that is `None` leaves everything open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Of one of these kinds.
    pub kinds: Option<Vec<Kind>>,
    /// Of one of these connections.
    pub connections: Option<Vec<ConnectionId>>,
    /// About one of these types.
    pub data_types: Option<Vec<DataType>>,
    /// About one of these records.
    pub records: Option<Vec<(DataType, ConnectionId, String)>>,
    /// About records that belong to one of these warehouse customers, or did until the change.
    pub warehouse_customers: Option<Vec<(ConnectionId, String)>>,
}

impl Wanted {
    /// All entries of these kinds.
    pub fn of(kinds: &[Kind]) -> Self {
        Self { kinds: Some(kinds.to_vec()), ..Self::default() }
    }

    /// Whether an entry is wanted.
    pub fn includes(&self, change: &Change) -> bool {
        fn is_in<T: PartialEq>(all: Option<&Vec<T>>, one: &T) -> bool {
            all.is_none_or(|all| all.contains(one))
        }
        let at = ConnectionId(change.connection_id);
        is_in(self.kinds.as_ref(), &change.kind)
            && is_in(self.connections.as_ref(), &at)
            && self.data_types.as_ref().is_none_or(|all| change.data_type.is_some_and(|one| all.contains(&one)))
            && self.records.as_ref().is_none_or(|all| {
                let is_it = |(data_type, connection, source_id): &(DataType, ConnectionId, String)| {
                    change.data_type == Some(*data_type) && *connection == at && change.source_id.as_ref() == Some(source_id)
                };
                all.iter().any(is_it)
            })
            && self.warehouse_customers.as_ref().is_none_or(|all| {
                let customers = [&change.warehouse_customer, &change.previous_warehouse_customer];
                all.iter().any(|(connection, source_id)| *connection == at && customers.contains(&&Some(source_id.clone())))
            })
    }

    /// The same as a condition.
    pub(super) fn predicate(&self) -> Predicate {
        let of_type = |code: DataType| Predicate::eq(t::data_type, Scalar::Text(code.as_str().to_owned()));
        let mut all = Vec::new();
        all.extend(self.kinds.as_ref().map(|kinds| one_of(Column::of(t::kind), kinds.iter().map(|kind| kind.as_str()))));
        all.extend(self.connections.as_ref().map(|ids| Predicate::ids(t::connection_id, &ids.iter().map(|id| id.0).collect::<Vec<_>>())));
        all.extend(self.data_types.as_ref().map(|types| one_of(Column::of(t::data_type), types.iter().map(|code| code.as_str()))));
        all.extend(self.records.as_ref().map(|records| {
            let mut by_type: BTreeMap<DataType, Vec<(ConnectionId, &str)>> = BTreeMap::new();
            for (data_type, connection, source_id) in records {
                by_type.entry(*data_type).or_default().push((*connection, source_id));
            }
            Predicate::Any(by_type.into_iter().map(|(data_type, keys)| Predicate::All(vec![of_type(data_type), Predicate::records(&keys)])).collect())
        }));
        all.extend(self.warehouse_customers.as_ref().map(|customers| {
            let columns = [Column::of(t::warehouse_customer), Column::of(t::previous_warehouse_customer)];
            Predicate::each_connection(customers.iter().map(|(at, id)| (*at, id.as_str())), |ids| {
                Predicate::Any(columns.map(|column| Predicate::OneOf(column, ids.clone())).to_vec())
            })
        }));
        Predicate::All(all)
    }
}

fn one_of<'a>(column: Column, texts: impl Iterator<Item = &'a str>) -> Predicate {
    Predicate::OneOf(column, List(texts.map(str::to_owned).collect()))
}
