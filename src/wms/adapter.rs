//! The contract between the engine and an adapter.
//!
//! An adapter is typed for its author ([`Adapter`], [`Pull`], [`Push`]) and erased once, here, for the engine
//! ([`Integration`], [`Wms`]). What it can do is what it implements: [`Integration::pulls`] and
//! [`Integration::pushes`] compile only for what is there.
//!
//! # Reading
//! A listing is a sequence of pages. [`Pull::pull`] answers one page, from the beginning or from a checkpoint that an
//! earlier page gave. A checkpoint is small JSON that outlives the process: from it, and from the same [`Scope`], the
//! reading goes on as if nothing had happened. A page may be read again after a crash; it is then stored again, which
//! changes nothing.
//!
//! A listing ends with [`Next::Done`], and says then whether it has shown all that there is; or with [`Next::CutOff`], where
//! the source has shown less than it said that it would.
//!
//! With `scope.since`, the answer holds everything that *could* have changed since then, found by the source's real
//! behaviour: a parent whose child changed counts as changed. The engine takes an overlap off `since` itself; the
//! adapter adds what its source's own clock granularity asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::command::{AnyCommand, AnyWritten, Found, Pushable, Written};
use super::error::{Error, Kind};
use super::http::Http;
use super::row::Rows;
use crate::record::draft::{Command, Passed, Passthrough, WriteAction};
use crate::record::{
    DataType, InboundShipment, Instant, InventoryItem, Json, Order, Product, Record, Return, ShippingMethod, Warehouse, WarehouseCustomer,
    WarehouseLocation, nine,
};

/// One WMS's protocol, connected to one account.
pub trait Adapter: Sized + Send + Sync + 'static {
    /// Its name in the API and in the database: lower case, never changed.
    const NAME: &'static str;
    /// What people call the WMS.
    const DISPLAY_NAME: &'static str;
    /// What it takes to connect. The doc comments and types of its fields are shown to users as a JSON Schema. Mark
    /// secrets with `#[schemars(extend("writeOnly" = true))]`.
    type Credentials: DeserializeOwned + JsonSchema;

    /// An adapter for one account. Does no I/O.
    ///
    /// # Errors
    /// [`Kind::Configuration`] with the `path` of the credential that cannot work.
    fn connect(credentials: Self::Credentials, http: &Http) -> Result<Self, Error>;

    /// Tries the credentials with as few calls as possible.
    ///
    /// # Errors
    /// What the WMS said: [`Kind::Unauthenticated`] for wrong credentials.
    fn check(&self) -> impl Future<Output = Result<Account, Error>> + Send;
}

/// What a check found out.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// What the WMS calls the account, or its program and version.
    pub description: Option<String>,
    /// Data types that these credentials may not read, with the WMS's reason.
    pub forbidden: Vec<(DataType, String)>,
}

/// Reads records of type `T`.
pub trait Pull<T: Record>: Adapter {
    /// Whether it can list only what changed since a moment.
    const INCREMENTAL: bool = true;
    /// Whether the source says which records were deleted. Where it does not, only complete listings show it.
    const REPORTS_DELETIONS: bool = false;
    /// The fields of `T` that it fills, in the words of GraphQL.
    const FIELDS: &'static [&'static str];

    /// One page: the first one, or the one that `checkpoint` stands before.
    ///
    /// # Errors
    /// What the WMS said. The engine asks for the same page again where [`Error::retry`] allows it.
    fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> impl Future<Output = Result<Page<T>, Error>> + Send;
}

/// Carries out writes of one kind.
pub trait Push<C: Command>: Adapter {
    /// Input fields without which the WMS will refuse, as dotted paths below the draft or patch (`lineItems.sku`).
    const REQUIRED: &'static [&'static str];
    /// Further input fields that it understands.
    const OPTIONAL: &'static [&'static str];

    /// The JSON Schema of the fields that only this WMS knows (`integrationFields`); `None` where it takes none. They are held
    /// against it before anything is sent.
    fn integration_fields() -> Option<Value> {
        None
    }

    /// Sends the command and answers with the record as the WMS now holds it.
    ///
    /// `reference` names this write and no other; it is passed on where the WMS has a place for it.
    ///
    /// # Errors
    /// What the WMS said, its text unchanged. [`Error::outcome_unknown`] must be true whenever the write was sent and
    /// may have been carried out.
    fn push(&self, command: &C, reference: &str) -> impl Future<Output = Result<Written<C::Record>, Error>> + Send;

    /// What became of a write under this reference that no answer came to. It only looks: nothing is ever sent again.
    ///
    /// [`Found::Done`] and [`Found::NotDone`] settle the write for good, so they are said only on the WMS's own evidence: the
    /// reference found, or a listing that would have to show it.
    ///
    /// # Errors
    /// What the WMS said. The engine looks again where [`Error::retry`] allows it.
    fn look_up(&self, command: &C, reference: &str) -> impl Future<Output = Result<Found<Written<C::Record>>, Error>> + Send {
        let _ = (command, reference);
        async { Ok(Found::Unclear(format!("{} has nothing by which the write can be found again", Self::DISPLAY_NAME))) }
    }
}

/// Takes any call of the WMS's own API.
pub trait Pass: Adapter {
    /// Sends the call with the connection's credentials, and answers with what the WMS said, whatever it was.
    ///
    /// # Errors
    /// When there was no answer; [`Kind::Validation`] with the `path` of a field that cannot be sent: an address that leaves the
    /// WMS, say.
    fn pass(&self, call: &Passthrough) -> impl Future<Output = Result<Passed, Error>> + Send;
}

/// What a listing covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Only what was, or could have been, changed at this moment or later. `None`: everything there is.
    pub since: Option<Instant>,
    /// Only what was changed before this moment.
    pub until: Option<Instant>,
}

/// Where a listing goes on: small JSON of the adapter's own making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub Value);

impl Checkpoint {
    /// A checkpoint that holds `state`.
    pub fn of(state: &impl Serialize) -> Self {
        Self(serde_json::to_value(state).unwrap_or_default())
    }

    /// The state that it was made of.
    ///
    /// # Errors
    /// [`Kind::Protocol`] when it is none of this adapter's (an older version wrote it, say).
    pub fn state<S: DeserializeOwned>(&self) -> Result<S, Error> {
        S::deserialize(&self.0).map_err(|e| Error::new(Kind::Protocol, format!("The stored checkpoint is none of this adapter's: {e}")))
    }
}

/// A record that could not be mapped. The run goes on without it and says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The WMS's identifier, where it can be told.
    pub source_id: Option<String>,
    /// What is wrong with it.
    pub reason: String,
    /// The payload as it came.
    pub raw: Json,
}

/// One page of a listing. The same record may come twice; the later one counts.
#[derive(Debug)]
pub struct Page<T> {
    /// The records, in any order.
    pub records: Vec<T>,
    /// Rows that are left for the engine to have mapped where they differ from what is stored.
    pub rows: Option<Rows<T>>,
    /// What could not be mapped.
    pub rejects: Vec<Reject>,
    /// Source ids that the source itself says are gone.
    pub deleted: Vec<String>,
    /// What comes after it.
    pub next: Next,
    /// How many records the whole listing has, where the source says so.
    pub total: Option<u64>,
    /// The source's own clock when it answered (the HTTP `Date` header, say). The watermark is taken from the first
    /// page's, so that clocks that differ lose nothing.
    pub source_time: Option<Instant>,
}

impl<T> Page<T> {
    /// A page of `records` with nothing else to say.
    pub fn new(records: Vec<T>, next: Next) -> Self {
        Self { records, rows: None, rejects: Vec::new(), deleted: Vec::new(), next, total: None, source_time: None }
    }

    /// The page with all its rows mapped.
    #[cfg(test)]
    #[must_use]
    pub fn mapped(mut self) -> Self {
        let rows = self.rows.take();
        for row in rows.iter().flat_map(Rows::iter) {
            match rows.as_ref().map(|rows| rows.map(&row.raw)) {
                Some(Ok(record)) => self.records.push(record),
                Some(Err(reject)) => self.rejects.push(reject),
                None => {}
            }
        }
        self
    }
}

/// What comes after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Another page, from this checkpoint.
    More(Checkpoint),
    /// Nothing.
    Done {
        /// Whether the adapter vouches that the listing, from its first page to this one, has shown **every** record
        /// of the type that there is. Only then may records that it did not show be taken for deleted.
        complete: bool,
    },
    /// Nothing, although the source itself said that there is more: it cut the listing off, or rows went while it was being
    /// read. Nobody knows which, so the run counts for no more than what it showed.
    CutOff {
        /// Rows that were shown.
        shown: u64,
        /// Rows that there were, by the source's own word.
        of: u64,
    },
}

macro_rules! any_page {
    ($([$variant:ident, $type:ident])+) => {
        /// A page of any of the nine types.
        #[derive(Debug)]
        pub enum AnyPage {
            $(#[doc = concat!("Of [`", stringify!($type), "`].")] $variant(Page<$type>)),+
        }

        $(impl From<Page<$type>> for AnyPage {
            fn from(page: Page<$type>) -> Self {
                Self::$variant(page)
            }
        })+

        impl AnyPage {
            /// What comes after it.
            pub fn next(&self) -> &Next {
                match self { $(Self::$variant(page) => &page.next),+ }
            }
        }
    };
}
nine!(any_page);

/// What an adapter can tell of one data type.
#[derive(Debug, Clone, Copy)]
pub struct Reads {
    /// The type.
    pub data_type: DataType,
    /// Whether it can list only what changed.
    pub incremental: bool,
    /// Whether the source says what was deleted.
    pub reports_deletions: bool,
    /// The fields that it fills.
    pub fields: &'static [&'static str],
}

/// What an adapter can write.
#[derive(Debug, Clone)]
pub struct Writes {
    /// The action.
    pub action: WriteAction,
    /// Input fields without which the WMS refuses.
    pub required: &'static [&'static str],
    /// Further input fields that it understands.
    pub optional: &'static [&'static str],
    /// The JSON Schema of the fields that only this WMS knows.
    pub integration_fields: Option<Value>,
}

/// A connected WMS of any kind, for the engine.
pub trait Wms: Send + Sync {
    /// See [`Adapter::check`].
    fn check(&self) -> BoxFuture<'_, Result<Account, Error>>;
    /// See [`Pull::pull`]. [`Kind::Unsupported`] for a type that the adapter does not read.
    fn pull<'a>(&'a self, data_type: DataType, scope: &'a Scope, checkpoint: Option<&'a Checkpoint>) -> BoxFuture<'a, Result<AnyPage, Error>>;
    /// See [`Push::push`]. [`Kind::Unsupported`] for a command that the adapter does not know.
    fn push<'a>(&'a self, command: &'a AnyCommand, reference: &'a str) -> BoxFuture<'a, Result<AnyWritten, Error>>;
    /// See [`Push::look_up`]. [`Kind::Unsupported`] for a command that the adapter does not know.
    fn look_up<'a>(&'a self, command: &'a AnyCommand, reference: &'a str) -> BoxFuture<'a, Result<Found<AnyWritten>, Error>>;
    /// See [`Pass::pass`]. [`Kind::Unsupported`] where the adapter does not implement it.
    fn pass<'a>(&'a self, call: &'a Passthrough) -> BoxFuture<'a, Result<Passed, Error>>;
}

type PullFn<A> = for<'a> fn(&'a A, &'a Scope, Option<&'a Checkpoint>) -> BoxFuture<'a, Result<AnyPage, Error>>;
type PushFn<A> = for<'a> fn(&'a A, &'a AnyCommand, &'a str) -> BoxFuture<'a, Result<AnyWritten, Error>>;
type LookUpFn<A> = for<'a> fn(&'a A, &'a AnyCommand, &'a str) -> BoxFuture<'a, Result<Found<AnyWritten>, Error>>;
type PassFn<A> = for<'a> fn(&'a A, &'a Passthrough) -> BoxFuture<'a, Result<Passed, Error>>;
type ConnectFn = dyn Fn(&Value, &Http) -> Result<Arc<dyn Wms>, Error> + Send + Sync;

/// An adapter under construction: what it implements is added with [`pulls`](Self::pulls), [`pushes`](Self::pushes)
/// and [`passes`](Self::passes).
pub struct Builder<A> {
    pulls: BTreeMap<DataType, PullFn<A>>,
    pushes: BTreeMap<WriteAction, (PushFn<A>, LookUpFn<A>)>,
    passes: Option<PassFn<A>>,
    reads: Vec<Reads>,
    writes: Vec<Writes>,
}

/// A kind of WMS that this server can connect to.
#[derive(Clone)]
pub struct Integration {
    /// The adapter's name.
    pub name: &'static str,
    /// What people call the WMS.
    pub display_name: &'static str,
    /// The JSON Schema of the credentials.
    pub credentials_schema: Value,
    /// What it reads.
    pub reads: Vec<Reads>,
    /// What it writes.
    pub writes: Vec<Writes>,
    connect: Arc<ConnectFn>,
}

impl std::fmt::Debug for Integration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Integration").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Integration {
    /// Begins the description of adapter `A`.
    pub fn of<A: Adapter>() -> Builder<A> {
        Builder { pulls: BTreeMap::new(), pushes: BTreeMap::new(), passes: None, reads: Vec::new(), writes: Vec::new() }
    }

    /// Connects to an account. Does no I/O.
    ///
    /// # Errors
    /// [`Kind::Configuration`] with the `path` of the credential that is missing, of the wrong type, or cannot work.
    pub fn connect(&self, credentials: &Value, http: &Http) -> Result<Arc<dyn Wms>, Error> {
        (self.connect)(credentials, http)
    }

    /// What it can tell of a data type.
    pub fn reads(&self, data_type: DataType) -> Option<&Reads> {
        self.reads.iter().find(|reads| reads.data_type == data_type)
    }
}

impl<A: Adapter> Builder<A> {
    /// It reads `T`.
    #[must_use]
    pub fn pulls<T: Record>(mut self) -> Self
    where
        A: Pull<T>,
        AnyPage: From<Page<T>>,
    {
        fn pull<'a, A: Pull<T>, T: Record>(a: &'a A, scope: &'a Scope, from: Option<&'a Checkpoint>) -> BoxFuture<'a, Result<AnyPage, Error>>
        where
            AnyPage: From<Page<T>>,
        {
            Box::pin(async move { Pull::<T>::pull(a, scope, from).await.map(AnyPage::from) })
        }
        self.pulls.insert(T::DATA_TYPE, pull::<A, T>);
        let (incremental, reports_deletions) = (<A as Pull<T>>::INCREMENTAL, <A as Pull<T>>::REPORTS_DELETIONS);
        self.reads.push(Reads { data_type: T::DATA_TYPE, incremental, reports_deletions, fields: <A as Pull<T>>::FIELDS });
        self
    }

    /// It carries out `C`.
    #[must_use]
    pub fn pushes<C: Pushable>(mut self) -> Self
    where
        A: Push<C>,
        AnyWritten: From<Written<C::Record>>,
    {
        fn command<A: Adapter, C: Pushable>(any: &AnyCommand) -> Result<&C, Error> {
            C::of(any).ok_or_else(|| unsupported(A::DISPLAY_NAME, any.action().as_str()))
        }
        fn push<'a, A: Push<C>, C: Pushable>(a: &'a A, any: &'a AnyCommand, reference: &'a str) -> BoxFuture<'a, Result<AnyWritten, Error>>
        where
            AnyWritten: From<Written<C::Record>>,
        {
            Box::pin(async move { Push::<C>::push(a, command::<A, C>(any)?, reference).await.map(AnyWritten::from) })
        }
        fn look_up<'a, A: Push<C>, C: Pushable>(a: &'a A, any: &'a AnyCommand, reference: &'a str) -> BoxFuture<'a, Result<Found<AnyWritten>, Error>>
        where
            AnyWritten: From<Written<C::Record>>,
        {
            Box::pin(async move { Push::<C>::look_up(a, command::<A, C>(any)?, reference).await.map(Found::erased) })
        }
        self.pushes.insert(C::ACTION, (push::<A, C>, look_up::<A, C>));
        let (required, optional) = (<A as Push<C>>::REQUIRED, <A as Push<C>>::OPTIONAL);
        self.writes.push(Writes { action: C::ACTION, required, optional, integration_fields: <A as Push<C>>::integration_fields() });
        self
    }

    /// It takes any call of the WMS's own API.
    #[must_use]
    pub fn passes(mut self) -> Self
    where
        A: Pass,
    {
        self.passes = Some(|a, call| Box::pin(a.pass(call)));
        self.writes.push(Writes {
            action: WriteAction::Passthrough,
            required: &["method", "path"],
            optional: &["query", "body"],
            integration_fields: None,
        });
        self
    }

    /// The finished description.
    pub fn build(self) -> Integration {
        let tables = Arc::new(Tables { pulls: self.pulls, pushes: self.pushes, passes: self.passes });
        let connect = move |credentials: &Value, http: &Http| -> Result<Arc<dyn Wms>, Error> {
            let credentials: A::Credentials = serde_path_to_error::deserialize(credentials).map_err(|e| {
                let mut path: Vec<String> = e.path().to_string().split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
                let message = e.inner().to_string();
                // Of a field that is missing, serde's path names only what it is missing from.
                path.extend(message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()).map(str::to_owned));
                Error::new(Kind::Configuration, message).with_path(path)
            })?;
            Ok(Arc::new(Connected { adapter: A::connect(credentials, http)?, tables: tables.clone() }))
        };
        Integration {
            name: A::NAME,
            display_name: A::DISPLAY_NAME,
            credentials_schema: schemars::schema_for!(A::Credentials).to_value(),
            reads: self.reads,
            writes: self.writes,
            connect: Arc::new(connect),
        }
    }
}

/// What an adapter implements, as functions that can be called without knowing its type.
struct Tables<A> {
    pulls: BTreeMap<DataType, PullFn<A>>,
    pushes: BTreeMap<WriteAction, (PushFn<A>, LookUpFn<A>)>,
    passes: Option<PassFn<A>>,
}

struct Connected<A> {
    adapter: A,
    tables: Arc<Tables<A>>,
}

impl<A: Adapter> Wms for Connected<A> {
    fn check(&self) -> BoxFuture<'_, Result<Account, Error>> {
        Box::pin(self.adapter.check())
    }

    fn pull<'a>(&'a self, data_type: DataType, scope: &'a Scope, checkpoint: Option<&'a Checkpoint>) -> BoxFuture<'a, Result<AnyPage, Error>> {
        match self.tables.pulls.get(&data_type) {
            Some(pull) => pull(&self.adapter, scope, checkpoint),
            None => Box::pin(async move { Err(unsupported(A::DISPLAY_NAME, data_type.as_str())) }),
        }
    }

    fn push<'a>(&'a self, command: &'a AnyCommand, reference: &'a str) -> BoxFuture<'a, Result<AnyWritten, Error>> {
        match self.tables.pushes.get(&command.action()) {
            Some((push, _)) => push(&self.adapter, command, reference),
            None => Box::pin(async move { Err(unsupported(A::DISPLAY_NAME, command.action().as_str())) }),
        }
    }

    fn look_up<'a>(&'a self, command: &'a AnyCommand, reference: &'a str) -> BoxFuture<'a, Result<Found<AnyWritten>, Error>> {
        match self.tables.pushes.get(&command.action()) {
            Some((_, look_up)) => look_up(&self.adapter, command, reference),
            None => Box::pin(async move { Err(unsupported(A::DISPLAY_NAME, command.action().as_str())) }),
        }
    }

    fn pass<'a>(&'a self, call: &'a Passthrough) -> BoxFuture<'a, Result<Passed, Error>> {
        match self.tables.passes {
            Some(pass) => pass(&self.adapter, call),
            None => Box::pin(async move { Err(unsupported(A::DISPLAY_NAME, WriteAction::Passthrough.as_str())) }),
        }
    }
}

fn unsupported(wms: &str, what: &str) -> Error {
    Error::new(Kind::Unsupported, format!("{wms} has no {what}"))
}
