//! Relations of a plan.
//!
//! Each relation in a selection has a slot. Before anything is written, the records at hand name what they point at, slot by
//! slot; each slot is read with one statement; what it found names what it points at in turn. So the number of statements is
//! that of the relations in the document, however many records there are.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::{BoxFuture, try_join_all};

use super::select::Selected;
use super::stored::text;
use super::{Compiler, InRow, ObjectPlan, Planned};
use crate::graphql::State;
use crate::graphql::errors::{Fault, Result};
use crate::graphql::loaders::Loaders;
use crate::graphql::objects::Shown;
use crate::record::{ConnectionId, Link};
use crate::store::records::{Cell, Needs, Row, row_many};
use crate::store::{self, Conn};

/// Source ids, by connection.
type Keys = HashMap<ConnectionId, HashSet<String>>;

/// What must be read, by slot.
pub struct Wanted(Vec<Keys>);

impl Wanted {
    /// Nothing.
    pub fn none(slots: &[Arc<dyn Slot>]) -> Self {
        Self(slots.iter().map(|_| Keys::new()).collect())
    }

    fn add(&mut self, slot: usize, at: ConnectionId, source_id: &str) {
        let Some(keys) = self.0.get_mut(slot) else { return };
        let keys = keys.entry(at).or_default();
        if !keys.contains(source_id) {
            keys.insert(source_id.to_owned());
        }
    }
}

/// What was read, by slot: see [`Records`].
pub struct Found(Vec<Option<Box<dyn Any + Send + Sync>>>);

/// The records of a slot.
type Records<T> = HashMap<ConnectionId, HashMap<String, Row<T>>>;

impl Found {
    fn get<T: Shown>(&self, slot: usize, at: ConnectionId, source_id: &str) -> Option<&Row<T>> {
        self.0.get(slot)?.as_ref()?.downcast_ref::<Records<T>>()?.get(&at)?.get(source_id)
    }
}

/// What a slot has read.
type Read = Box<dyn Any + Send + Sync>;

/// Reads everything that is wanted, and what that points at, to the end; together with other plans of its kind, if there are any
/// at the same time.
///
/// # Errors
/// When the database does not answer.
pub async fn follow(state: &State, slots: &[Arc<dyn Slot>], mut wanted: Wanted, together: bool) -> Result<Found> {
    let mut found = Found(slots.iter().map(|_| None).collect());
    while wanted.0.iter().any(|keys| !keys.is_empty()) {
        let asked = || slots.iter().zip(&wanted.0).filter(|(_, keys)| !keys.is_empty());
        let read = if together {
            try_join_all(asked().map(|(slot, keys)| slot.join(&state.loaders, keys))).await?
        } else {
            let mut conn = state.store.read().await?;
            let mut read = Vec::new();
            for (slot, keys) in asked() {
                read.push(slot.read(&mut conn, keys).await?);
            }
            read
        };
        let mut next = Wanted::none(slots);
        let places = slots.iter().zip(&wanted.0).zip(&mut found.0).filter(|((_, keys), _)| !keys.is_empty());
        for (((slot, _), place), records) in places.zip(read) {
            readable(slot.gather(&*records, &mut next))?;
            *place = Some(records);
        }
        wanted = next;
    }
    Ok(found)
}

/// An error, unless it could be done with what is stored.
pub fn readable(done: bool) -> Result<()> {
    if done { Ok(()) } else { Err(Fault::Defect("A stored record cannot be read".into())) }
}

/// One relation of a selection, to records of whichever type.
pub trait Slot: Send + Sync {
    /// Reads records.
    fn read<'a>(&'a self, conn: &'a mut Conn, keys: &'a Keys) -> BoxFuture<'a, store::Result<Read>>;
    /// The same, together with whoever else asks for such.
    fn join<'a>(&'a self, loaders: &'a Loaders, keys: &'a Keys) -> BoxFuture<'a, Result<Read>>;
    /// Names what records that it has read point at; false where one of them cannot be read.
    fn gather(&self, records: &(dyn Any + Send + Sync), wanted: &mut Wanted) -> bool;
}

fn pairs(keys: &Keys) -> impl Iterator<Item = (ConnectionId, &str)> {
    keys.iter().flat_map(|(at, ids)| ids.iter().map(|id| (*at, id.as_str())))
}

fn sorted<T: Shown>(found: impl IntoIterator<Item = Row<T>>) -> Read {
    let mut records = Records::<T>::new();
    for row in found {
        records.entry(row.connection()).or_default().insert(row.source_id().to_owned(), row);
    }
    Box::new(records)
}

struct LinkSlot<T: 'static> {
    plan: Arc<ObjectPlan<InRow<T>>>,
    needs: Needs,
}

impl<T: Shown> Slot for LinkSlot<T> {
    fn read<'a>(&'a self, conn: &'a mut Conn, keys: &'a Keys) -> BoxFuture<'a, store::Result<Read>> {
        Box::pin(async move {
            let pairs: Vec<_> = pairs(keys).collect();
            Ok(sorted(row_many::<T>(conn, &pairs, &self.needs).await?))
        })
    }

    fn join<'a>(&'a self, loaders: &'a Loaders, keys: &'a Keys) -> BoxFuture<'a, Result<Read>> {
        Box::pin(async move { Ok(sorted(loaders.rows::<T>(pairs(keys), &self.needs).await?.into_iter().map(Arc::unwrap_or_clone))) })
    }

    fn gather(&self, records: &(dyn Any + Send + Sync), wanted: &mut Wanted) -> bool {
        let Some(records) = records.downcast_ref::<Records<T>>() else { return false };
        records.iter().all(|(at, rows)| rows.values().all(|row| self.plan.gather(row, *at, wanted)))
    }
}

/// What is selected of the record that a link points at.
pub struct LinkPlan<T: 'static> {
    slot: usize,
    plan: Arc<ObjectPlan<InRow<T>>>,
}

impl<T: Shown> Planned for Link<T> {
    type Plan = LinkPlan<T>;

    fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<LinkPlan<T>> {
        let own = std::mem::replace(&mut compiler.needs, Needs::These(Vec::new()));
        let plan = Arc::new(ObjectPlan::compile(&super::model::is::<T>(), T::fields(), selected, compiler)?);
        let needs = std::mem::replace(&mut compiler.needs, own);
        compiler.slots.push(Arc::new(LinkSlot { plan: plan.clone(), needs }));
        Some(LinkPlan { slot: compiler.slots.len() - 1, plan })
    }

    fn gather(json: &str, at: ConnectionId, plan: &LinkPlan<T>, wanted: &mut Wanted) -> bool {
        text(json).is_some_and(|source_id| {
            wanted.add(plan.slot, at, &source_id);
            true
        })
    }

    fn write(json: &str, at: ConnectionId, plan: &LinkPlan<T>, found: &Found, out: &mut String) -> bool {
        text(json).is_some_and(|source_id| plan.write(at, &source_id, found, out))
    }

    fn gather_cell(cell: Cell<'_>, at: ConnectionId, plan: &LinkPlan<T>, wanted: &mut Wanted) -> bool {
        cell.text().is_ok_and(|source_id| {
            wanted.add(plan.slot, at, source_id);
            true
        })
    }

    fn write_cell(cell: Cell<'_>, at: ConnectionId, plan: &LinkPlan<T>, found: &Found, out: &mut String) -> bool {
        cell.text().is_ok_and(|source_id| plan.write(at, source_id, found, out))
    }
}

impl<T: Shown> LinkPlan<T> {
    /// Null while what it points at has not been synced.
    fn write(&self, at: ConnectionId, source_id: &str, found: &Found, out: &mut String) -> bool {
        if let Some(row) = found.get::<T>(self.slot, at, source_id) {
            return self.plan.write(row, at, found, out);
        }
        out.push_str("null");
        true
    }
}
