//! HTTP: `/graphql` (requests, websockets, event streams), the pages (GraphiQL and the dashboard), health, metrics.
//!
//! | file | part |
//! |---|---|
//! | `listen` | connections: slow clients, and the end |
//! | `request_id` | the name of each request |
//! | `graphql`, `request`, `answer` | *GraphQL over HTTP* |
//! | `socket` | *graphql-transport-ws* |
//! | `sse` | *GraphQL over SSE* |
//! | `run` | how operations run, whichever way they came |
//! | `hub` | subscriptions, equal ones together |
//! | `auth`, `origin` | who may ask, and from where |
//! | `assets`, `graphiql`, `dashboard` | the pages |
//!
//! **Invariants.**
//! * Nothing is answered without an API key but the health checks and the pages' own files.
//! * A mutation is never run by GET, nor from a body that a foreign page's form could send: only `application/json` is read.
//! * Whatever is wrong with a request to `/graphql` is told in GraphQL's own form.
//! * What a client makes the server keep is bounded, and so is the time for which a client that does nothing is waited for:
//!   [`Limits`].

mod answer;
mod assets;
mod auth;
mod dashboard;
mod graphiql;
mod graphql;
mod health;
mod hub;
mod listen;
mod origin;
mod request;
mod request_id;
mod run;
mod socket;
mod sse;

use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Router, middleware};
pub use origin::Origins;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::graphql::Schema;
use crate::metrics::Metrics;
use crate::store::Store;

/// What is served.
#[derive(Clone)]
pub struct Api {
    /// The schema.
    pub schema: Schema,
    /// Where the API keys are.
    pub store: Store,
    /// The server's numbers.
    pub metrics: Metrics,
}

/// What can be adjusted.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether GraphiQL is served at `/`.
    pub graphiql: bool,
    /// Whether the dashboard is served at `/dashboard`.
    pub dashboard: bool,
    /// Which web pages may talk to the API.
    pub origins: Origins,
    /// What clients may ask for.
    pub limits: Limits,
}

/// What clients may make the server keep, and how long it waits for them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request's body, or of a message on a websocket.
    pub body: usize,
    /// For the headers of a request to arrive, and for a connection that does nothing.
    pub header_timeout: Duration,
    /// For a request's body to arrive as a whole.
    pub body_timeout: Duration,
    /// For a client to take anything of what it is sent.
    pub send_timeout: Duration,
    /// Websockets and event streams at the same time.
    pub sockets: usize,
    /// Operations on one websocket at the same time.
    pub operations: usize,
    /// For `connection_init` to arrive.
    pub init_timeout: Duration,
    /// Between two pings on a websocket, between two signs of life on an event stream, and between two looks at the API key
    /// of either.
    pub ping: Duration,
    /// For a websocket without operations.
    pub idle: Duration,
    /// For a subscriber that takes its events more slowly than they come to be up with them again.
    pub behind: Duration,
}

/// What the handlers share.
struct Shared {
    api: Api,
    origins: Origins,
    limits: Limits,
    keys: auth::Keys,
    /// Places for websockets and event streams.
    places: Arc<Semaphore>,
    /// Subscriptions.
    hub: hub::Hub,
    /// Websockets, and mutations that run: what the end waits for beside connections.
    tasks: TaskTracker,
    stop: CancellationToken,
}

type Context = Arc<Shared>;

/// Answers until `stop` is cancelled, and then until the last answer has been given, the last mutation has ended and the last
/// websocket is closed.
pub async fn serve(listener: TcpListener, api: Api, options: Options, stop: CancellationToken) {
    let Options { graphiql, dashboard, origins, limits } = options;
    let places = Arc::new(Semaphore::new(limits.sockets));
    let tasks = TaskTracker::new();
    let shared =
        Shared { api, origins, limits, keys: auth::Keys::default(), places, hub: hub::Hub::default(), tasks: tasks.clone(), stop: stop.clone() };
    let served = [(graphiql, &graphiql::ASSETS[..]), (dashboard, &dashboard::ASSETS[..])].into_iter().filter(|(served, _)| *served);
    let pages: Vec<_> = served.map(|(_, page)| page).collect();
    let mut routes = routes(Arc::new(shared));
    if !pages.is_empty() {
        routes = routes.merge(assets::router(&pages));
    }
    let routes = routes.fallback(graphql::elsewhere).layer(middleware::from_fn(request_id::named));
    listen::listen(listener, routes, limits, stop).await;
    tasks.close();
    tasks.wait().await;
}

/// The routes of the API.
fn routes(context: Context) -> Router {
    let cors = context.origins.cors();
    Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post).fallback(graphql::other))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .layer(cors)
        .with_state(context)
}
