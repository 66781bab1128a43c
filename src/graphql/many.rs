//! Relations to many: the records that are linked to one of another type, as a list of their own.
//!
//! However many owners a page shows, their lists are read together: one statement for the rows, which reads of each owner as many
//! as its page has, and one for each of the counts and flags that are selected. So the number of statements is that of the relations
//! in the document.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use async_graphql::Context;

use super::errors::Result;
use super::freshness;
use super::loaders::{Key, Loaders, grouped};
use super::objects::Shown;
use super::pagination::{Args, Asks, Place, Rows, Total};
use super::plan::{Listed, PagePlan};
use super::state;
use crate::record::ConnectionId;
use crate::store::owned::{Owned, Side, record_count_of, record_firsts};
use crate::store::records::{Needs, Row};
use crate::store::{self, Conn, Scalar};

/// What is read of each owner's list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Part {
    /// Only what lies on this side of the record with this source id.
    bound: Option<(Side, String)>,
    limit: i64,
    needs: Needs,
}

/// The owner of records of type `T`, and what of it is wanted.
struct Of<T, W> {
    at: ConnectionId,
    owner: String,
    wanted: W,
    to: PhantomData<fn() -> T>,
}

impl<T, W> Of<T, W> {
    fn new(at: ConnectionId, owner: &str, wanted: W) -> Self {
        Self { at, owner: owner.to_owned(), wanted, to: PhantomData }
    }
}

// The derives would ask the same of `T`.
impl<T, W: Clone> Clone for Of<T, W> {
    fn clone(&self) -> Self {
        Self { at: self.at, owner: self.owner.clone(), wanted: self.wanted.clone(), to: PhantomData }
    }
}

impl<T, W: PartialEq> PartialEq for Of<T, W> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.owner == other.owner && self.wanted == other.wanted
    }
}

impl<T, W: Eq> Eq for Of<T, W> {}

impl<T, W: Hash> Hash for Of<T, W> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.at, &self.owner, &self.wanted).hash(state);
    }
}

impl<T: Shown + Owned> Key for Of<T, Part> {
    type Value = Arc<Vec<Arc<Row<T>>>>;

    async fn load(conn: &mut Conn, keys: &[Self]) -> store::Result<HashMap<Self, Self::Value>> {
        let mut found = HashMap::new();
        for (part, owners) in grouped(keys, |key| (&key.wanted, (key.at, &key.owner))) {
            let bound = part.bound.as_ref().map(|(side, id)| (*side, id.as_str()));
            let mut lists: BTreeMap<(ConnectionId, String), Vec<Arc<Row<T>>>> = BTreeMap::new();
            for (owner, row) in record_firsts::<T>(conn, &owners, bound, part.limit, &part.needs).await? {
                lists.entry((row.connection(), owner)).or_default().push(Arc::new(row));
            }
            found.extend(lists.into_iter().map(|((at, owner), rows)| (Self::new(at, &owner, part.clone()), Arc::new(rows))));
        }
        Ok(found)
    }
}

/// The number of an owner's records.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Count;

impl<T: Shown + Owned> Key for Of<T, Count> {
    type Value = i64;

    async fn load(conn: &mut Conn, keys: &[Self]) -> store::Result<HashMap<Self, i64>> {
        let owners: Vec<_> = keys.iter().map(|key| (key.at, key.owner.as_str())).collect();
        let counts = record_count_of::<T>(conn, &owners).await?;
        Ok(counts.into_iter().map(|((at, owner), count)| (Self::new(at, &owner, Count), count)).collect())
    }
}

async fn part<T: Shown + Owned>(loaders: &Loaders, at: ConnectionId, owner: &str, part: Part) -> Result<Arc<Vec<Arc<Row<T>>>>> {
    Ok(loaders.load_one(Of::<T, Part>::new(at, owner, part)).await?.unwrap_or_default())
}

/// One page of the records that are linked to `owner`, those that are not deleted, in the order of their source ids.
pub async fn records_of<T: Shown + Owned>(ctx: &Context<'_>, list: &'static str, args: &Args, at: ConnectionId, owner: &str) -> Result<Listed<T>> {
    let place = Place::of_records(list);
    let window = args.window(&place)?;
    let plan = PagePlan::of(ctx);
    let Asks { needs, previous, age, .. } = Asks::of(ctx, plan.as_deref());
    let loaders = &state(ctx)?.loaders;
    let fresh_as_of = if age { freshness::at_connection(ctx, T::DATA_TYPE, at).await? } else { None };
    // A cursor of another owner's list has a place in this one too.
    let after = window.after.as_deref().and_then(|values| if let [_, Scalar::Text(id)] = values { Some(id.clone()) } else { None });
    let wanted = Part { bound: after.clone().map(|id| (Side::Beyond, id)), limit: window.limit + 1, needs };
    let found = part::<T>(loaders, at, owner, wanted).await?;
    let previous = match after.filter(|_| previous) {
        Some(id) => {
            let behind = Part { bound: Some((Side::Behind, id)), limit: 1, needs: Needs::These(Vec::new()) };
            !part::<T>(loaders, at, owner, behind).await?.is_empty()
        }
        None => false,
    };
    let size = usize::try_from(window.limit).unwrap_or_default();
    let (next, rows) = (found.len() > size, found.iter().take(size).cloned().collect());
    let (counts, owner) = (loaders.clone(), owner.to_owned());
    let total = Total::of(move || {
        let (counts, key) = (counts.clone(), Of::<T, Count>::new(at, &owner, Count));
        async move { Ok(counts.load_one(key).await?.unwrap_or_default()) }
    });
    let cursor = Box::new(move |row: &Row<T>| place.cursor(vec![Scalar::Int(row.connection().0), Scalar::Text(row.source_id().to_owned())]));
    Ok(Listed { plan, rows: Rows { rows, cursor, previous, next, total, fresh_as_of }, is_one_of_many: true })
}
