//! The public API: the GraphQL schema over the store and the two engines.
//!
//! | file | part |
//! |---|---|
//! | [`objects`] | the nine record types and their parts, expanded from the declarations of `record` |
//! | `lists`, `query` | what can be read |
//! | `mutation` | what can be done |
//! | `subscription` | what happens |
//! | `connection`, `sync`, `write`, `viewer` | everything that is no record |
//! | `pagination`, `loaders` | lists and relations, with as few statements as there are levels |
//! | `plan` | records written straight as JSON |
//! | `errors`, `user_error` | what goes wrong: for nobody, and for the caller of a mutation |
//! | `shape` | the order and the nulls that a response owes its request |
//! | `access` | who may do what |
//!
//! **Invariants.**
//! * Nothing of a request is resolved before its API key is known ([`access`]).
//! * Every error leaves by [`errors`], with a code; what is internal stays inside.
//! * No resolver holds a database connection while it waits for another resolver.
//! * This layer knows no WMS: it shows what the engines say of them.
//!
//! [`Schema`] wraps async-graphql's so that none of the first two can be forgotten: there is no other way to execute
//! anything. It uses none of the library's extensions: with a single one, every field of every record takes the slow path.

pub mod access;
mod connection;
pub mod errors;
mod lists;
mod loaders;
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
mod user_error;
mod viewer;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_graphql::futures_util::stream::BoxStream;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{ContextBase, Data, Executor, Name, Request, Response, SDLExportOptions, SchemaBuilder, Value};
use futures_util::StreamExt as _;

pub use access::Viewer;
use access::datum;
pub use errors::RequestId;
use errors::{Fault, outward};
use loaders::Loaders;
use mutation::Mutation;
use pagination::described;
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
    /// The change log.
    pub changes: crate::changes::Reader,
    /// The time.
    pub clock: Clock,
}

/// What resolvers share.
#[derive(Clone)]
struct State {
    store: Store,
    loaders: Arc<Loaders>,
    integrations: Arc<[Arc<crate::sync::Integration>]>,
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
    clock: Clock,
    #[cfg(test)]
    loaders: Arc<Loaders>,
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    // `WritePayload` is no field's type: only its implementations are.
    let schema = async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<objects::RecordIsNode>()
        .register_output_type::<write::WritePayload>();
    let schema = described::<_, _, _, connection::ConnectedWms>(described::<_, _, _, sync::SyncRun>(described::<_, _, _, sync::SyncReject>(schema)));
    macro_rules! records {
        ($schema:ident $([$data_type:ident, $type:ident])+) => {{
            $(let $schema = described::<_, _, _, objects::Synced<crate::record::$type>>($schema);)+
            $schema
        }};
    }
    nine!(records schema)
}

/// The schema over these.
pub fn schema(deps: Deps) -> Schema {
    let integrations = deps.sync.integrations().iter().cloned().map(Arc::new).collect();
    let builder = builder().data(deps.sync).data(deps.writes).data(deps.changes);
    Schema::over(builder, deps.store, integrations, deps.clock)
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
    ) -> Self {
        let loaders = Arc::new(Loaders::new(store.clone()));
        let state = State { loaders: loaders.clone(), store, integrations };
        let inner = builder.data(state).finish();
        Self {
            types: Arc::new(Types::of(&inner.sdl())),
            inner,
            requests: Arc::default(),
            clock,
            #[cfg(test)]
            loaders,
        }
    }

    fn request_id(&self, request: &Request, session: Option<&Data>) -> RequestId {
        datum::<RequestId>(request, session).cloned().unwrap_or_else(|| {
            let count = self.requests.fetch_add(1, Ordering::Relaxed);
            RequestId(format!("{:x}-{count:x}", self.clock.now().micros()))
        })
    }

    /// Answers a query or a mutation. The request's data holds the [`Viewer`], and the [`RequestId`] if there is one.
    pub async fn execute(&self, request: impl Into<Request>) -> Response {
        let mut request = request.into();
        let id = self.request_id(&request, None);
        if let Some(fault) = access::admit(&mut request, None).err().or_else(|| missing_variable(&mut request)) {
            return outwards(refusal(fault), &id);
        }
        let asked = Asked::of(&mut request);
        self.finished(self.inner.execute(request).await, &asked, &id)
    }

    /// Answers any operation, a subscription too, as a stream. What the request's data does not hold is looked for in the
    /// session's.
    pub fn execute_stream(&self, request: impl Into<Request>, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let mut request = request.into();
        let id = self.request_id(&request, session.as_deref());
        if let Some(fault) = access::admit(&mut request, session.as_deref()).err().or_else(|| missing_variable(&mut request)) {
            let response = outwards(refusal(fault), &id);
            return futures_util::stream::once(std::future::ready(response)).boxed();
        }
        let asked = Asked::of(&mut request);
        let responses = self.inner.execute_stream_with_session_data(request, session.unwrap_or_default());
        let own = self.clone();
        responses.map(move |response| own.finished(response, &asked, &id)).boxed()
    }

    /// The response as it leaves.
    fn finished(&self, mut response: Response, asked: &Asked, id: &RequestId) -> Response {
        if let Some(document) = &asked.document {
            put_right(&self.types, document, asked.operation.as_deref(), &mut response);
        }
        outwards(response, id)
    }
}

/// What a request asks for, as far as its answer must be brought into that shape.
struct Asked {
    document: Option<ExecutableDocument>,
    operation: Option<String>,
}

impl Asked {
    fn of(request: &mut Request) -> Self {
        Self { document: request.parsed_query().ok().cloned(), operation: request.operation_name.clone() }
    }
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

/// The variables that the operation needs and was not given. The library looks only at those that are used.
fn missing_variable(request: &mut Request) -> Option<Fault> {
    let wanted = request.operation_name.clone();
    let document = request.parsed_query().ok()?.clone();
    let named = |name: Option<&Name>| wanted.as_deref().is_none_or(|wanted| name.is_some_and(|name| name == wanted));
    let (_, operation) = document.operations.iter().find(|(name, _)| named(*name))?;
    let missing = operation.node.variable_definitions.iter().find(|definition| {
        let definition = &definition.node;
        let given = request.variables.get(&definition.name.node);
        !definition.var_type.node.nullable && given.map_or(definition.default_value.is_none(), |given| *given == Value::Null)
    })?;
    let (name, kind) = (&missing.node.name.node, &missing.node.var_type.node);
    Some(Fault::argument("variables", format!("the variable ${name} of type {kind} was given no value")))
}

fn refusal(fault: Fault) -> Response {
    let mut error = async_graphql::Error::from(fault).into_server_error(async_graphql::Pos::default());
    error.locations.clear();
    Response::from_errors(vec![error])
}

fn outwards(mut response: Response, request: &RequestId) -> Response {
    for error in &mut response.errors {
        outward(error, request);
    }
    response
}
