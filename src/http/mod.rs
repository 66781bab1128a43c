//! HTTP: `/graphql` (POST and the websocket), GraphiQL, health, metrics.
//!
//! **Invariants.** Nothing is answered without an API key but the health checks and GraphiQL's own files. A mutation is
//! never run by GET, nor from a body that a foreign page's form could send: only `application/json` is read. Whatever is wrong
//! with a request to `/graphql` is told in GraphQL's own form.

mod answer;
mod auth;
mod graphiql;
mod graphql;
mod health;
mod origin;
mod request;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
pub use origin::Origins;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::graphql::Schema;
use crate::metrics::Metrics;
use crate::store::Store;

/// What the handlers share.
#[derive(Clone)]
struct Context {
    schema: Schema,
    store: Store,
    metrics: Metrics,
    origins: Origins,
}

/// What can be adjusted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether GraphiQL is served at `/`.
    pub graphiql: bool,
    /// Which web pages may talk to the API.
    pub origins: Origins,
}

/// The largest body of a request, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// Answers until `stop` is cancelled, and then until the last answer has been given.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// All routes.
pub fn router(schema: Schema, store: Store, metrics: Metrics, options: Options) -> Router {
    let Options { graphiql, origins } = options;
    let cors = origins.cors();
    let context = Context { schema, store, metrics, origins };
    let api = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post).fallback(graphql::other))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(cors)
        .with_state(context);
    let all = if graphiql { api.merge(graphiql::router()) } else { api };
    all.fallback(graphql::elsewhere)
}
