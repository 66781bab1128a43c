//! The public API: the GraphQL schema over the store and the two engines.
//!
//! | file | part |
//! |---|---|
//! | [`objects`] | the nine record types and their parts, expanded from the declarations of `record` |
//! | `lists`, `query` | what can be read |
//! | `totals` | counts and sums |
//! | `mutation` | what can be done |
//! | `changes`, `change_filter`, `subscription` | what happens |
//! | `feed` | subscriptions that are the same |
//! | `connection`, `capabilities`, `sync`, `write`, `webhooks`, `viewer` | everything that is no record |
//! | `pagination`, `loaders` | lists and relations, with as few statements as there are levels |
//! | `plan` | records written straight as JSON |
//! | `freshness` | how old records are, and how old they may be |
//! | `errors`, `user_error` | what goes wrong: for nobody, and for the caller of a mutation |
//! | `shape` | the order and the nulls that a response owes its request |
//! | `access` | who may do what |
//! | `guard` | what stands between a request and its execution: validation, limits, persisted documents |
//!
//! **Invariants.**
//! * Nothing of a request is resolved before its API key is known ([`access`]) and it was found good ([`guard`]).
//! * Every error leaves by [`errors`], with a code; what is internal stays inside.
//! * No resolver holds a database connection while it waits for another resolver.
//! * This layer knows no WMS: it shows what the engines say of them.
//!
//! [`Schema`] wraps async-graphql's so that none of the first two can be forgotten: there is no other way to execute
//! anything. It uses none of the library's extensions: with a single one, every field of every record takes the slow path.

pub mod access;
mod capabilities;
mod change_filter;
mod changes;
mod connection;
pub mod errors;
mod feed;
mod freshness;
mod guard;
mod lists;
mod loaders;
mod many;
mod mutation;
mod objects;
mod pagination;
mod plan;
mod query;
mod scalars;
mod shape;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;
mod totals;
mod user_error;
mod viewer;
mod webhooks;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_graphql::futures_util::stream::BoxStream;
use async_graphql::parser::types::OperationType;
use async_graphql::{ContextBase, Data, Executor, Name, Request, Response, SDLExportOptions, SchemaBuilder, ValidationMode, Value, Variables};
use futures_util::StreamExt as _;

pub use access::Viewer;
use access::datum;
pub use errors::RequestId;
use errors::{Code, Fault, outward, refused};
pub use feed::{Feed, FeedKey, Start, Track, Until};
pub use guard::{DocumentId, Limits, OnlyQueries, Trusted};
use guard::{Guard, Prepared};
use loaders::Loaders;
use mutation::Mutation;
use pagination::{described, described_records};
pub use plan::write as write_json;
use query::Query;
use shape::{Types, put_right};
use subscription::Subscription;

use crate::clock::Clock;
use crate::record::nine;
use crate::store::Store;

/// What the schema is made of.
pub struct Deps {
    /// The database.
    pub store: Store,
    /// The engine that reads from WMSs.
    pub sync: crate::sync::Handle,
    /// The engine that writes to WMSs.
    pub writes: crate::writes::Handle,
    /// The engine that tells others.
    pub webhooks: crate::webhooks::Handle,
    /// The change log.
    pub changes: crate::changes::Reader,
    /// The time.
    pub clock: Clock,
    /// What requests may ask for.
    pub limits: Limits,
    /// All documents that may be run; any when `None`.
    pub trusted: Option<Trusted>,
}

/// What resolvers share.
#[derive(Clone)]
struct State {
    store: Store,
    loaders: Arc<Loaders>,
    integrations: Arc<[Arc<crate::sync::Integration>]>,
    /// How long a query waits for a sync.
    patience: Duration,
}

/// What resolvers share.
fn state<'a, T>(ctx: &ContextBase<'a, T>) -> errors::Result<&'a State> {
    ctx.data_opt::<State>().ok_or(Fault::Defect("The schema was made without its state".into()))
}

/// The schema, ready to be asked. Cheap to clone.
#[derive(Clone)]
pub struct Schema {
    inner: async_graphql::Schema<Query, Mutation, Subscription>,
    /// For the ids of requests that bring none.
    requests: Arc<AtomicU64>,
    types: Arc<Types>,
    guard: Arc<Guard>,
    clock: Clock,
    /// `None` where there is no engine.
    changes: Option<crate::changes::Reader>,
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    // `WritePayload` is no field's type: only its implementations are.
    let schema = async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<objects::RecordIsNode>()
        .register_output_type::<write::WritePayload>();
    let schema = described::<_, _, _, connection::ConnectedWms>(described::<_, _, _, sync::SyncRun>(described::<_, _, _, sync::SyncReject>(schema)));
    let schema = described::<_, _, _, totals::SkuInventoryTotals>(described::<_, _, _, totals::WarehouseInventoryTotals>(schema));
    let schema = described::<_, _, _, write::Write>(schema);
    let schema = described::<_, _, _, webhooks::WebhookEndpoint>(described::<_, _, _, webhooks::WebhookDelivery>(schema));
    macro_rules! records {
        ($schema:ident $([$data_type:ident, $type:ident])+) => {{
            $(let $schema = described_records::<_, _, _, objects::Synced<crate::record::$type>>($schema);)+
            $schema
        }};
    }
    let schema = schema
        .override_output_type_description::<changes::LogPage>("One page of a list.")
        .override_output_type_description::<changes::LogEdge>("One entry of a list, with its cursor.");
    nine!(records schema)
}

/// The schema over these.
///
/// # Errors
/// A trusted document that makes no sense.
pub fn schema(deps: Deps) -> anyhow::Result<Schema> {
    let integrations = deps.sync.integrations().iter().cloned().map(Arc::new).collect();
    let builder = builder().data(deps.sync).data(deps.writes).data(deps.webhooks).data(deps.changes.clone());
    let guard = Guard::new(&sdl(), deps.limits, deps.trusted)?;
    Ok(Schema { changes: Some(deps.changes), ..Schema::over(builder, deps.store, integrations, deps.clock, guard) })
}

/// The schema in GraphQL's own language, always the same for the same code.
pub fn sdl() -> String {
    let text = builder().finish().sdl_with_options(SDLExportOptions::new().use_space_ident().include_specified_by());
    // The library leaves blanks at the ends of some lines.
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines.join("\n") + "\n"
}

impl Schema {
    fn over(
        builder: SchemaBuilder<Query, Mutation, Subscription>,
        store: Store,
        integrations: Arc<[Arc<crate::sync::Integration>]>,
        clock: Clock,
        guard: Guard,
    ) -> Self {
        // Short of what the whole query may take: the rest of it is still to be read, and an error that says what is late is better
        // than one that says that something was.
        let patience = guard.limits().query_time * 4 / 5;
        let state = State { loaders: Arc::new(Loaders::new(store.clone())), store, integrations, patience };
        // The guard has validated what comes here, and has bounded how deep it is.
        let inner = builder.data(state).validation_mode(ValidationMode::Fast).limit_recursive_depth(usize::MAX).finish();
        Self { types: Arc::new(Types::of(&inner.sdl())), inner, guard: Arc::new(guard), requests: Arc::default(), clock, changes: None }
    }

    fn request_id(&self, request: &Request, session: Option<&Data>) -> RequestId {
        datum::<RequestId>(request, session).cloned().unwrap_or_else(|| {
            let count = self.requests.fetch_add(1, Ordering::Relaxed);
            RequestId(format!("{:x}-{count:x}", self.clock.now().micros()))
        })
    }

    /// What requests may ask for.
    pub fn limits(&self) -> &Limits {
        self.guard.limits()
    }

    /// Answers a query or a mutation. The request's data holds the [`Viewer`], and the [`RequestId`] if there is one.
    pub async fn execute(&self, request: impl Into<Request>) -> Response {
        match self.admit(request.into(), None) {
            Ok(admitted) => self.run(admitted).await,
            Err(response) => *response,
        }
    }

    /// Answers any operation, a subscription too, as a stream. What the request's data does not hold is looked for in the
    /// session's.
    pub fn execute_stream(&self, request: impl Into<Request>, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        match self.admit(request.into(), session) {
            Ok(admitted) => self.run_stream(admitted),
            Err(response) => futures_util::stream::once(std::future::ready(*response)).boxed(),
        }
    }

    /// Lets a request pass; what is answered does not depend on when it is run, or in which task.
    ///
    /// # Errors
    /// The answer to a request that may not be run.
    pub fn admit(&self, mut request: Request, session: Option<Arc<Data>>) -> Result<Admitted, Box<Response>> {
        let id = self.request_id(&request, session.as_deref());
        let tell_cost = request.extensions.get("cost") == Some(&Value::from(true));
        match self.guard.admit(&mut request, session.as_deref()) {
            Ok((operation, cost)) => Ok(Admitted { request, session, id, operation, cost: tell_cost.then_some(cost) }),
            Err(refusal) => Err(Box::new(outwards(Response::from_errors(refusal), &id))),
        }
    }

    /// Runs a query or a mutation. Only a query is ever cut short: a mutation may be in the middle of a write.
    pub async fn run(&self, admitted: Admitted) -> Response {
        let Admitted { mut request, session, id, operation, cost } = admitted;
        let variables = request.variables.clone();
        let answer = async {
            if let Some(data) = self.whole(&operation, &request).await {
                return Response::new(data);
            }
            operation.hand_over(&mut request);
            let mut responses = self.inner.execute_stream_with_session_data(request, session.unwrap_or_default());
            responses.next().await.unwrap_or_default()
        };
        let limit = self.limits().query_time;
        let answer = match operation.kind {
            OperationType::Query => tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
                let message = format!("The query took longer than {} s; ask for smaller pages, or for less of each entry", limit.as_secs());
                Response::from_errors(vec![refused(Code::Timeout, message)])
            }),
            OperationType::Mutation | OperationType::Subscription => answer.await,
        };
        self.finished(answer, &Asked { id, operation, variables, cost })
    }

    /// The answer to a query that async-graphql has nothing to do with; `None` where it has.
    async fn whole(&self, operation: &Prepared, request: &Request) -> Option<Value> {
        #[cfg(test)]
        if datum::<plan::Off>(request, None).is_some() {
            return None;
        }
        let state = self.inner.data::<State>()?;
        operation.whole(lists::root)?.answer(state, &|name| operation.value(&request.variables, name)).await
    }

    /// Runs any operation.
    pub fn run_stream(&self, admitted: Admitted) -> BoxStream<'static, Response> {
        let own = self.clone();
        if admitted.operation.kind != OperationType::Subscription {
            return futures_util::stream::once(async move { own.run(admitted).await }).boxed();
        }
        let Admitted { mut request, session, id, operation, cost } = admitted;
        operation.hand_over(&mut request);
        let asked = Asked { id, operation, variables: request.variables.clone(), cost };
        let responses = self.inner.execute_stream_with_session_data(request, session.unwrap_or_default());
        responses.map(move |response| own.finished(response, &asked)).boxed()
    }

    /// The response as it leaves.
    fn finished(&self, mut response: Response, asked: &Asked) -> Response {
        let (document, operation) = asked.operation.parts();
        put_right(&self.types, document, operation, &asked.variables, &mut response);
        let most = self.limits().errors;
        if response.errors.len() > most {
            let more = response.errors.len() - most;
            response.errors.truncate(most);
            response.errors.push(refused(Code::TooManyErrors, format!("{more} more errors are not told")));
        }
        if let Some(cost) = asked.cost {
            let told = [("requested", cost), ("maximum", self.limits().cost)].map(|(name, number)| (Name::new(name), Value::from(number)));
            response.extensions.insert("cost".to_owned(), Value::Object(told.into_iter().collect()));
        }
        outwards(response, &asked.id)
    }
}

/// A request that may be run.
pub struct Admitted {
    request: Request,
    session: Option<Arc<Data>>,
    id: RequestId,
    operation: Arc<Prepared>,
    /// Its cost, if it wants to know.
    cost: Option<u64>,
}

impl Admitted {
    /// Whether it is answered more than once.
    pub fn is_subscription(&self) -> bool {
        self.operation.kind == OperationType::Subscription
    }

    /// What its client calls it.
    pub fn name(&self) -> Option<&str> {
        self.operation.called.as_deref()
    }

    /// Whether it may write.
    pub fn is_mutation(&self) -> bool {
        self.operation.kind == OperationType::Mutation
    }
}

/// What a request asked for.
struct Asked {
    id: RequestId,
    operation: Arc<Prepared>,
    variables: Variables,
    cost: Option<u64>,
}

impl Executor for Schema {
    async fn execute(&self, request: Request) -> Response {
        Self::execute(self, request).await
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        Self::execute_stream(self, request, session)
    }
}

/// Whether a response is a request error: nothing was resolved, so it owes its client no `data`. Errors of fields have a path.
pub fn is_request_error(response: &Response) -> bool {
    response.data == Value::Null && !response.errors.is_empty() && response.errors.iter().all(|error| error.path.is_empty())
}

fn outwards(mut response: Response, request: &RequestId) -> Response {
    for error in &mut response.errors {
        outward(error, request);
    }
    response
}
