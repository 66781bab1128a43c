//! Batched reading: what many fields of one level ask for is fetched with one statement.
//!
//! Nothing is kept between batches, so an answer is as fresh as a query of its own, and the loaders can serve all requests.
//! Records are found whether or not they were deleted: a relation tells what was, and `deletedAt` tells the rest.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};

use super::errors::Result;
use super::objects::Shown;
use crate::record::{ConnectionId, Product, Record as _, Return, Term};
use crate::store::connections::{Connection, Issue, connection_many, issue_list};
use crate::store::records::{Kind, Listing, Stored, record_list, record_many, returns_of};
use crate::store::schedules::{Schedule, SyncRun, run_latest, run_many, schedule_list};
use crate::store::writes::{Write, write_many};
use crate::store::{self, Column, Conn, Op, Predicate, Scalar, Store};

/// Rows of one statement where a batch may find any number.
const CHUNK: i64 = 1000;

/// Every loader.
pub struct Loaders(DataLoader<Batch>);

struct Batch {
    store: Store,
}

impl Loaders {
    /// Loaders that read from `store`.
    pub fn new(store: Store) -> Self {
        Self(DataLoader::new(Batch { store }, tokio::spawn))
    }

    /// A record by what its WMS calls it; `None` when it has not been synced.
    pub async fn record<T: Shown>(&self, at: ConnectionId, source_id: &str) -> Result<Option<T::Object>> {
        let key = RecordKey::<T> { at, source_id: source_id.to_owned(), to: PhantomData };
        Ok(self.0.load_one(key).await?.map(T::shown))
    }

    /// The products that an inventory item is a component of.
    pub async fn products_with(&self, at: ConnectionId, item: &str) -> Result<Vec<Arc<Stored<Product>>>> {
        Ok(self.0.load_one(ComponentKey(at, item.to_owned())).await?.unwrap_or_default())
    }

    /// The returns of an order, by source id.
    pub async fn returns_of(&self, at: ConnectionId, order: &str) -> Result<Vec<Arc<Stored<Return>>>> {
        Ok(self.0.load_one(ReturnsKey(at, order.to_owned())).await?.unwrap_or_default())
    }

    /// A connection.
    pub async fn connection(&self, id: i64) -> Result<Option<Arc<Connection>>> {
        Ok(self.0.load_one(ConnectionKey(id)).await?)
    }

    /// A run.
    pub async fn run(&self, id: i64) -> Result<Option<Arc<SyncRun>>> {
        Ok(self.0.load_one(RunKey(id)).await?)
    }

    /// The newest run of each schedule of a connection.
    pub async fn latest_runs(&self, connection: i64) -> Result<Arc<Vec<Arc<SyncRun>>>> {
        Ok(self.0.load_one(LatestRunsKey(connection)).await?.unwrap_or_default())
    }

    /// A connection's schedules, by data type.
    pub async fn schedules(&self, connection: i64) -> Result<Arc<Vec<Schedule>>> {
        Ok(self.0.load_one(SchedulesKey(connection)).await?.unwrap_or_default())
    }

    /// A connection's issues, oldest first.
    pub async fn issues(&self, connection: i64) -> Result<Arc<Vec<Issue>>> {
        Ok(self.0.load_one(IssuesKey(connection)).await?.unwrap_or_default())
    }

    /// A write.
    pub async fn write(&self, id: i64) -> Result<Option<Arc<Write>>> {
        Ok(self.0.load_one(WriteKey(id)).await?)
    }
}

/// A record of type `T`. (The derives would ask the same of `T`.)
struct RecordKey<T> {
    at: ConnectionId,
    source_id: String,
    to: PhantomData<fn() -> T>,
}

impl<T> Clone for RecordKey<T> {
    fn clone(&self) -> Self {
        Self { at: self.at, source_id: self.source_id.clone(), to: PhantomData }
    }
}

impl<T> PartialEq for RecordKey<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.source_id == other.source_id
    }
}

impl<T> Eq for RecordKey<T> {}

impl<T> Hash for RecordKey<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.at.hash(state);
        self.source_id.hash(state);
    }
}

impl<T: Shown> Loader<RecordKey<T>> for Batch {
    type Value = Arc<Stored<T>>;
    type Error = Arc<store::Error>;

    async fn load(&self, keys: &[RecordKey<T>]) -> std::result::Result<HashMap<RecordKey<T>, Self::Value>, Self::Error> {
        let pairs: Vec<_> = keys.iter().map(|key| (key.at, key.source_id.as_str())).collect();
        let rows = record_many::<T>(&mut self.store.read().await?, &pairs).await?;
        let keyed = rows.into_iter().map(|row| {
            let key = RecordKey { at: row.connection, source_id: row.record.source().id.clone(), to: PhantomData };
            (key, Arc::new(row))
        });
        Ok(keyed.collect())
    }
}

/// Everything that meets a condition, by connection and source id, and in the end everything at once: only for what is
/// bounded by nature.
async fn everything<T: Kind>(conn: &mut Conn, which: Predicate) -> store::Result<Vec<Arc<Stored<T>>>> {
    let mut listing = Listing::<T> { which, order: Vec::new(), beyond: None, backwards: false, limit: CHUNK };
    let mut all = Vec::new();
    loop {
        let rows = record_list(conn, &listing).await?;
        listing.beyond = rows.last().map(|row| listing.position(row));
        let full = i64::try_from(rows.len()) == Ok(CHUNK);
        all.extend(rows.into_iter().map(Arc::new));
        if !full {
            return Ok(all);
        }
    }
}

/// The inventory item that products are wanted for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ComponentKey(ConnectionId, String);

impl Loader<ComponentKey> for Batch {
    type Value = Vec<Arc<Stored<Product>>>;
    type Error = Arc<store::Error>;

    async fn load(&self, keys: &[ComponentKey]) -> std::result::Result<HashMap<ComponentKey, Self::Value>, Self::Error> {
        let mut by_connection: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for ComponentKey(at, item) in keys {
            by_connection.entry(at.0).or_default().push(item.clone());
        }
        let of_connection = by_connection.into_iter().map(|(connection, items)| {
            let value = Some(Box::new(Predicate::OneOf(Column::TERM_VALUE, items.into())));
            let has = Predicate::HasTerm { table: "products", data_type: Product::DATA_TYPE, term: Term::Component, value };
            Predicate::All(vec![Predicate::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection)), has])
        });
        let which = Predicate::All(vec![Predicate::IsNull(Column::DELETED_AT), Predicate::Any(of_connection.collect())]);
        let mut found: HashMap<ComponentKey, Self::Value> = keys.iter().map(|key| (key.clone(), Vec::new())).collect();
        for product in everything::<Product>(&mut self.store.read().await?, which).await? {
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

/// The order that returns are wanted for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ReturnsKey(ConnectionId, String);

impl Loader<ReturnsKey> for Batch {
    type Value = Vec<Arc<Stored<Return>>>;
    type Error = Arc<store::Error>;

    async fn load(&self, keys: &[ReturnsKey]) -> std::result::Result<HashMap<ReturnsKey, Self::Value>, Self::Error> {
        let orders: Vec<_> = keys.iter().map(|key| (key.0, key.1.as_str())).collect();
        let which = Predicate::All(vec![Predicate::IsNull(Column::DELETED_AT), returns_of(&orders)]);
        let mut found: HashMap<ReturnsKey, Self::Value> = HashMap::new();
        for back in everything::<Return>(&mut self.store.read().await?, which).await? {
            if let Some(order) = &back.record.order {
                found.entry(ReturnsKey(back.connection, order.source_id().to_owned())).or_default().push(back);
            }
        }
        Ok(found)
    }
}

/// `$key` names one row by its number.
macro_rules! by_number {
    ($($key:ident => $row:ident by $read:ident),+ $(,)?) => {$(
        #[derive(Clone, PartialEq, Eq, Hash)]
        struct $key(i64);

        impl Loader<$key> for Batch {
            type Value = Arc<$row>;
            type Error = Arc<store::Error>;

            async fn load(&self, keys: &[$key]) -> std::result::Result<HashMap<$key, Self::Value>, Self::Error> {
                let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
                let rows = $read(&mut self.store.read().await?, &ids).await?;
                Ok(rows.into_iter().map(|row| ($key(row.id), Arc::new(row))).collect())
            }
        }
    )+};
}
by_number! { ConnectionKey => Connection by connection_many, RunKey => SyncRun by run_many, WriteKey => Write by write_many }

/// `$key` names the rows of one connection.
macro_rules! by_connection {
    ($($key:ident => $row:ty, $wrap:expr, by $read:ident);+ $(;)?) => {$(
        #[derive(Clone, PartialEq, Eq, Hash)]
        struct $key(i64);

        impl Loader<$key> for Batch {
            type Value = Arc<Vec<$row>>;
            type Error = Arc<store::Error>;

            async fn load(&self, keys: &[$key]) -> std::result::Result<HashMap<$key, Self::Value>, Self::Error> {
                let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
                let mut found: HashMap<i64, Vec<$row>> = HashMap::new();
                for row in $read(&mut self.store.read().await?, &ids).await? {
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
