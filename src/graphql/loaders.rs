//! Batched reading: what many fields of one level ask for is fetched with one statement.
//!
//! Whoever wants something adds its key to the round that is open for its kind, and lets all others of the level do so too:
//! it gives way once, and a request's fields are polled one after the other in one task. Then the first to come back
//! closes the round and reads for everybody. (async-graphql's `DataLoader` waits a millisecond instead, which is too long
//! for a short list and too short for a long one: a hundred orders took three statements for each relation.)
//!
//! A round is forgotten with its last reader, so an answer is as fresh as a query of its own, and the rounds can serve all
//! requests. Where a reader is dropped in the middle (its client has gone), another one of the round takes over.
//!
//! Records are found whether or not they were deleted: a relation tells what was, and `deletedAt` tells the rest.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::errors::Result;
use super::objects::Shown;
use crate::record::{ConnectionId, Product, RateBudget, Record as _, Term};
use crate::store::budgets::budget_many;
use crate::store::connections::{Connection, Issue, connection_many, issue_list};
use crate::store::records::{Kind, Listing, Needs, Row, Stored, row_list, row_many};
use crate::store::runs::{SyncRun, run_latest, run_many};
use crate::store::schedules::{Schedule, schedule_list};
use crate::store::webhooks::{Endpoint, endpoint_many};
use crate::store::writes::{Write, write_many};
use crate::store::{self, Column, Conn, Predicate, Store};

/// Rows of one statement where a batch may find any number.
const CHUNK: i64 = 1000;

/// What names something that can be read together with others of its kind.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    /// What it names.
    type Value: Clone + Send + Sync + 'static;

    /// Reads everything that these name, as far as it is there.
    fn load(conn: &mut Conn, keys: &[Self]) -> impl Future<Output = store::Result<HashMap<Self, Self::Value>>> + Send;
}

/// What a round finds. An error goes to everybody in it.
type Found<K> = std::result::Result<HashMap<K, <K as Key>::Value>, Arc<store::Error>>;

/// Keys that are read together.
struct Round<K: Key> {
    keys: Mutex<HashSet<K>>,
    found: OnceCell<Found<K>>,
}

impl<K: Key> Default for Round<K> {
    fn default() -> Self {
        Self { keys: Mutex::default(), found: OnceCell::new() }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every loader: the open round of each kind of key.
pub struct Loaders {
    store: Store,
    open: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

impl Loaders {
    /// Loaders that read from `store`.
    pub fn new(store: Store) -> Self {
        Self { store, open: Mutex::default() }
    }

    /// Puts keys into the open round of their kind.
    fn join<K: Key>(&self, keys: impl IntoIterator<Item = K>) -> Arc<Round<K>> {
        let mut open = locked(&self.open);
        let known = open.get(&TypeId::of::<K>()).and_then(|any| any.downcast_ref::<Arc<Round<K>>>()).cloned();
        let round = known.unwrap_or_else(|| {
            let round = Arc::<Round<K>>::default();
            open.insert(TypeId::of::<K>(), Box::new(round.clone()));
            round
        });
        // Under the lock, so that a round that was closed in between gets no more keys.
        locked(&round.keys).extend(keys);
        round
    }

    /// Closes a round, unless that was done before, and reads it.
    async fn read<K: Key>(&self, round: &Arc<Round<K>>) -> Found<K> {
        {
            let mut open = locked(&self.open);
            let own = open.get(&TypeId::of::<K>()).and_then(|any| any.downcast_ref::<Arc<Round<K>>>()).is_some_and(|open| Arc::ptr_eq(open, round));
            if own {
                open.remove(&TypeId::of::<K>());
            }
        }
        let keys: Vec<K> = locked(&round.keys).iter().cloned().collect();
        Ok(K::load(&mut self.store.read().await?, &keys).await?)
    }

    /// What a key names, read together with what others name; `None` when it is not there.
    pub async fn load_one<K: Key>(&self, key: K) -> Result<Option<K::Value>> {
        Ok(self.load_many(vec![key]).await?.pop())
    }

    /// What keys name, as far as it is there.
    async fn load_many<K: Key>(&self, keys: Vec<K>) -> Result<Vec<K::Value>> {
        let round = self.join(keys.iter().cloned());
        tokio::task::yield_now().await;
        match round.found.get_or_init(|| self.read(&round)).await {
            Ok(found) => Ok(keys.iter().filter_map(|key| found.get(key).cloned()).collect()),
            Err(error) => Err(error.clone().into()),
        }
    }

    /// A record's row by what its WMS calls it, with the columns that are needed; `None` when it has not been synced.
    pub async fn row<T: Shown>(&self, at: ConnectionId, source_id: &str, needs: Needs) -> Result<Option<Arc<Row<T>>>> {
        let key = RowKey::<T> { at, source_id: source_id.to_owned(), needs, to: PhantomData };
        self.load_one(key).await
    }

    /// The same as a record, with all columns.
    pub async fn record<T: Shown>(&self, at: ConnectionId, source_id: &str) -> Result<Option<Arc<Stored<T>>>> {
        Ok(self.row::<T>(at, source_id, Needs::Everything).await?.map(|row| row.stored()).transpose()?.map(Arc::new))
    }

    /// Records' rows by what their WMSs call them, as far as they have been synced.
    pub async fn rows<T: Shown>(&self, ids: impl Iterator<Item = (ConnectionId, &str)>, needs: &Needs) -> Result<Vec<Arc<Row<T>>>> {
        let keys = ids.map(|(at, id)| RowKey::<T> { at, source_id: id.to_owned(), needs: needs.clone(), to: PhantomData });
        self.load_many(keys.collect()).await
    }

    /// The products that an inventory item is a component of.
    pub async fn products_with(&self, at: ConnectionId, item: &str) -> Result<Vec<Arc<Stored<Product>>>> {
        Ok(self.load_one(ComponentKey(at, item.to_owned())).await?.unwrap_or_default())
    }

    /// A connection.
    pub async fn connection(&self, id: i64) -> Result<Option<Arc<Connection>>> {
        self.load_one(ConnectionKey(id)).await
    }

    /// A run.
    pub async fn run(&self, id: i64) -> Result<Option<Arc<SyncRun>>> {
        self.load_one(RunKey(id)).await
    }

    /// The newest run of each schedule of a connection.
    pub async fn latest_runs(&self, connection: i64) -> Result<Arc<Vec<Arc<SyncRun>>>> {
        Ok(self.load_one(LatestRunsKey(connection)).await?.unwrap_or_default())
    }

    /// A connection's schedules, by data type.
    pub async fn schedules(&self, connection: i64) -> Result<Arc<Vec<Schedule>>> {
        Ok(self.load_one(SchedulesKey(connection)).await?.unwrap_or_default())
    }

    /// A connection's issues, oldest first.
    pub async fn issues(&self, connection: i64) -> Result<Arc<Vec<Issue>>> {
        Ok(self.load_one(IssuesKey(connection)).await?.unwrap_or_default())
    }

    /// What is known of an account's rate budget.
    pub async fn rate_budget(&self, account: &str) -> Result<Option<RateBudget>> {
        self.load_one(BudgetKey(account.to_owned())).await
    }

    /// A webhook endpoint.
    pub async fn webhook_endpoint(&self, id: i64) -> Result<Option<Arc<Endpoint>>> {
        self.load_one(EndpointKey(id)).await
    }

    /// A write.
    pub async fn write(&self, id: i64) -> Result<Option<Arc<Write>>> {
        self.load_one(WriteKey(id)).await
    }
}

/// Keys by what is wanted of the records that they name: one statement reads those of a group. Nearly always all want the same,
/// because they come from one field of one document.
pub fn grouped<'a, K, W: Eq + Hash>(
    keys: &'a [K],
    of: impl Fn(&'a K) -> (&'a W, (ConnectionId, &'a str)),
) -> HashMap<&'a W, Vec<(ConnectionId, &'a str)>> {
    let mut groups: HashMap<&W, Vec<_>> = HashMap::new();
    for (wanted, named) in keys.iter().map(of) {
        groups.entry(wanted).or_default().push(named);
    }
    groups
}

/// The row of a record of type `T`. (The derives would ask the same of `T`.)
struct RowKey<T> {
    at: ConnectionId,
    source_id: String,
    needs: Needs,
    to: PhantomData<fn() -> T>,
}

impl<T> Clone for RowKey<T> {
    fn clone(&self) -> Self {
        Self { at: self.at, source_id: self.source_id.clone(), needs: self.needs.clone(), to: PhantomData }
    }
}

impl<T> PartialEq for RowKey<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.source_id == other.source_id && self.needs == other.needs
    }
}

impl<T> Eq for RowKey<T> {}

impl<T> Hash for RowKey<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.at.hash(state);
        self.source_id.hash(state);
        self.needs.hash(state);
    }
}

impl<T: Shown> Key for RowKey<T> {
    type Value = Arc<Row<T>>;

    async fn load(conn: &mut Conn, keys: &[Self]) -> store::Result<HashMap<Self, Self::Value>> {
        let mut found = HashMap::new();
        for (needs, pairs) in grouped(keys, |key| (&key.needs, (key.at, &key.source_id))) {
            let rows = row_many::<T>(conn, &pairs, needs).await?;
            found.extend(rows.into_iter().map(|row| {
                let key = Self { at: row.connection(), source_id: row.source_id().to_owned(), needs: needs.clone(), to: PhantomData };
                (key, Arc::new(row))
            }));
        }
        Ok(found)
    }
}

/// Everything that meets a condition, by connection and source id, and in the end everything at once: only for what is
/// bounded by nature.
async fn everything<T: Kind>(conn: &mut Conn, which: Predicate) -> store::Result<Vec<Arc<Stored<T>>>> {
    let mut listing = Listing::<T> { which, order: Vec::new(), beyond: None, backwards: false, limit: CHUNK };
    let mut all = Vec::new();
    loop {
        let rows = row_list(conn, &listing, &Needs::Everything).await?;
        listing.beyond = rows.last().map(|row| listing.position(row));
        let full = i64::try_from(rows.len()) == Ok(CHUNK);
        for row in &rows {
            all.push(Arc::new(row.stored()?));
        }
        if !full {
            return Ok(all);
        }
    }
}

/// The inventory item that products are wanted for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ComponentKey(ConnectionId, String);

impl Key for ComponentKey {
    type Value = Vec<Arc<Stored<Product>>>;

    async fn load(conn: &mut Conn, keys: &[Self]) -> store::Result<HashMap<Self, Self::Value>> {
        let components = Predicate::each_connection(keys.iter().map(|ComponentKey(at, item)| (*at, item.as_str())), |items| {
            let value = Some(Box::new(Predicate::OneOf(Column::TERM_VALUE, items)));
            Predicate::HasTerm { table: "products", data_type: Product::DATA_TYPE, term: Term::Component, value }
        });
        let which = Predicate::All(vec![Predicate::IsNull(Column::DELETED_AT), components]);
        let mut found: HashMap<ComponentKey, Self::Value> = keys.iter().map(|key| (key.clone(), Vec::new())).collect();
        for product in everything::<Product>(conn, which).await? {
            let mut items: Vec<_> = product.record.components.iter().filter_map(|part| part.inventory_item.as_ref()).collect();
            items.dedup();
            for item in items {
                let key = ComponentKey(product.connection, item.source_id().to_owned());
                // A kit may name the same item in two lines; it is one product all the same.
                if let Some(products) = found.get_mut(&key)
                    && !products.last().is_some_and(|last| Arc::ptr_eq(last, &product))
                {
                    products.push(product.clone());
                }
            }
        }
        Ok(found)
    }
}

/// The account whose rate budget is wanted.
#[derive(Clone, PartialEq, Eq, Hash)]
struct BudgetKey(String);

impl Key for BudgetKey {
    type Value = RateBudget;

    async fn load(conn: &mut Conn, keys: &[Self]) -> store::Result<HashMap<Self, Self::Value>> {
        let accounts: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        Ok(budget_many(conn, &accounts).await?.into_iter().map(|(account, budget)| (Self(account), budget)).collect())
    }
}

/// `$key` names one row by its number.
macro_rules! by_number {
    ($($key:ident => $row:ident by $read:ident),+ $(,)?) => {$(
        #[derive(Clone, PartialEq, Eq, Hash)]
        struct $key(i64);

        impl Key for $key {
            type Value = Arc<$row>;

            async fn load(conn: &mut Conn, keys: &[Self]) -> store::Result<HashMap<Self, Self::Value>> {
                let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
                let rows = $read(conn, &ids).await?;
                Ok(rows.into_iter().map(|row| ($key(row.id), Arc::new(row))).collect())
            }
        }
    )+};
}
by_number! { ConnectionKey => Connection by connection_many, RunKey => SyncRun by run_many, WriteKey => Write by write_many, EndpointKey => Endpoint by endpoint_many }

/// `$key` names the rows of one connection.
macro_rules! by_connection {
    ($($key:ident => $row:ty, $wrap:expr, by $read:ident);+ $(;)?) => {$(
        #[derive(Clone, PartialEq, Eq, Hash)]
        struct $key(i64);

        impl Key for $key {
            type Value = Arc<Vec<$row>>;

            async fn load(conn: &mut Conn, keys: &[Self]) -> store::Result<HashMap<Self, Self::Value>> {
                let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
                let mut found: HashMap<i64, Vec<$row>> = HashMap::new();
                for row in $read(conn, &ids).await? {
                    found.entry(row.connection_id).or_default().push($wrap(row));
                }
                Ok(found.into_iter().map(|(id, rows)| ($key(id), Arc::new(rows))).collect())
            }
        }
    )+};
}
by_connection! {
    LatestRunsKey => Arc<SyncRun>, Arc::new, by run_latest;
    SchedulesKey => Schedule, std::convert::identity, by schedule_list;
    IssuesKey => Issue, std::convert::identity, by issue_list;
}
