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

/// The entries of the log that a filter, which stands at `path`, lets through; without one, all that tell of records.
///
/// # Errors
/// [`Fault::Input`] for lists that are too long, and for ids of something else.
pub fn wanted(filter: Option<&ChangeFilter>, path: &str) -> Result<Wanted> {
    let all = Wanted::of(&Kind::OF_RECORDS);
    let Some(ChangeFilter { connection_ids, data_types, kinds, record_ids, warehouse_customer_ids }) = filter else { return Ok(all) };
    let kinds = kinds.as_ref().map(|kinds| bounded(kinds, path, "kinds", |kind| Ok(kind.logged()))).transpose()?;
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
        kinds: kinds.or(all.kinds),
        connections: connection_ids.as_ref().map(|ids| bounded(ids, path, "connectionIds", connection)).transpose()?,
        data_types: data_types.as_ref().map(|types| bounded(types, path, "dataTypes", |one| Ok(*one))).transpose()?,
        records: record_ids.as_ref().map(|ids| bounded(ids, path, "recordIds", record)).transpose()?,
        warehouse_customers: warehouse_customer_ids.as_ref().map(|ids| bounded(ids, path, "warehouseCustomerIds", customer)).transpose()?,
    })
}

/// What the values of a list mean, if there are not too many.
fn bounded<T, M>(values: &[T], path: &str, field: &str, meaning: impl Fn(&T) -> std::result::Result<M, String>) -> Result<Vec<M>> {
    let refuse = |at: Option<usize>, message| {
        let path = [path, field].into_iter().map(str::to_owned).chain(at.map(|index| index.to_string())).collect();
        Fault::Input { path, message }
    };
    if values.len() > MAX_LIST {
        return Err(refuse(None, format!("at most {MAX_LIST} values are allowed, not {}", values.len())));
    }
    values.iter().enumerate().map(|(index, value)| meaning(value).map_err(|message| refuse(Some(index), message))).collect()
}
