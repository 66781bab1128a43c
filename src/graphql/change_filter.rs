//! Which changes of records a client wants: for `changes` as a list and as a subscription, and for webhooks.

use async_graphql::{ID, InputObject};

use super::connection::connection_id;
use super::errors::{Fault, Result};
use crate::record::filter::MAX_LIST;
use crate::record::{ConnectionId, DataType, Id, codes};
use crate::store::changes::{Kind, Wanted};

codes! {
    /// What happened to a record.
    pub enum ChangeKind {
        /// It was stored for the first time. A connection's first sync does not tell of each record that it finds.
        Created = "CREATED",
        /// Its content changed.
        Updated = "UPDATED",
        /// It was found gone at its source.
        Deleted = "DELETED",
        /// It had been deleted, and came back.
        Restored = "RESTORED",
    }
}

impl ChangeKind {
    /// What the log calls it.
    const fn logged(self) -> Kind {
        match self {
            Self::Created => Kind::Created,
            Self::Updated => Kind::Updated,
            Self::Deleted => Kind::Deleted,
            Self::Restored => Kind::Restored,
        }
    }

    /// The same back; `None` for what tells of no record.
    pub fn of(kind: Kind) -> Option<Self> {
        Self::ALL.iter().copied().find(|own| own.logged() == kind)
    }
}

/// Which changes are wanted. All conditions are ANDed; a list holds at most 100 values, and an empty one nothing at all.
#[derive(Debug, Clone, Default, InputObject)]
pub struct ChangeFilter {
    /// Of records of one of these connected WMSs.
    pub connection_ids: Option<Vec<ID>>,
    /// Of records of one of these types.
    pub data_types: Option<Vec<DataType>>,
    /// Of one of these kinds.
    pub kinds: Option<Vec<ChangeKind>>,
    /// Of one of these records.
    pub record_ids: Option<Vec<ID>>,
    /// Of records that belong to one of these warehouse customers, or did until the change; whatever has become of them since. A
    /// warehouse customer belongs to itself.
    pub warehouse_customer_ids: Option<Vec<ID>>,
}

/// The entries of the log that the argument `filter` lets through; without one, all that tell of records.
///
/// # Errors
/// [`Fault::Input`] for lists that are too long, and for ids of something else.
pub fn wanted(filter: Option<&ChangeFilter>) -> Result<Wanted> {
    let all = Wanted::of(&Kind::OF_RECORDS);
    let Some(filter) = filter else { return Ok(all) };
    let wanted = filter.wanted(&["filter"], MAX_LIST)?;
    Ok(Wanted { kinds: wanted.kinds.or(all.kinds), ..wanted })
}

impl ChangeFilter {
    /// What it wants, where it stands at `path` and its lists hold at most so many values.
    ///
    /// # Errors
    /// [`Fault::Input`] for lists that are too long, and for ids of something else.
    pub fn wanted(&self, path: &[&str], most: usize) -> Result<Wanted> {
        let Self { connection_ids, data_types, kinds, record_ids, warehouse_customer_ids } = self;
        let place = Place { path, most };
        let connection = |id: &ID| connection_id(id).ok_or_else(|| format!("{:?} is no connection's id", id.as_str()));
        let record = |id: &ID| match id.parse() {
            Ok(Id::Record(data_type, connection, source_id)) => Ok((data_type, connection, source_id)),
            _ => Err(format!("{:?} is no record's id", id.as_str())),
        };
        let customer = |id: &ID| -> std::result::Result<(ConnectionId, String), String> {
            let parsed = id.parse::<Id>().ok();
            let parts = parsed.as_ref().and_then(|id| id.as_record(DataType::WarehouseCustomers));
            parts.map(|(at, id)| (at, id.to_owned())).ok_or_else(|| format!("{:?} is not the id of a WarehouseCustomer", id.as_str()))
        };
        Ok(Wanted {
            kinds: place.list("kinds", kinds.as_deref(), |kind| Ok(kind.logged()))?,
            connections: place.list("connectionIds", connection_ids.as_deref(), connection)?,
            data_types: place.list("dataTypes", data_types.as_deref(), |one| Ok(*one))?,
            records: place.list("recordIds", record_ids.as_deref(), record)?,
            warehouse_customers: place.list("warehouseCustomerIds", warehouse_customer_ids.as_deref(), customer)?,
        })
    }
}

/// Where the lists of a filter stand, and how much they hold.
struct Place<'a> {
    path: &'a [&'a str],
    most: usize,
}

impl Place<'_> {
    /// What the values of a list mean, if there are not too many.
    fn list<T, M>(&self, field: &str, values: Option<&[T]>, meaning: impl Fn(&T) -> std::result::Result<M, String>) -> Result<Option<Vec<M>>> {
        let refuse = |at: Option<usize>, message| {
            let path = self.path.iter().copied().chain([field]).map(str::to_owned).chain(at.map(|index| index.to_string())).collect();
            Fault::Input { path, message }
        };
        let Some(values) = values else { return Ok(None) };
        if values.len() > self.most {
            return Err(refuse(None, format!("at most {} values are allowed, not {}", self.most, values.len())));
        }
        let each = values.iter().enumerate().map(|(index, value)| meaning(value).map_err(|message| refuse(Some(index), message)));
        each.collect::<Result<_>>().map(Some)
    }
}
