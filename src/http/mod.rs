//! HTTP: `/graphql` (POST and the websocket), GraphiQL, health, metrics.
//!
//! **Invariants.** Nothing is answered without an API key but the health checks and GraphiQL's own files. A mutation is
//! never run by GET, nor from a body that a foreign page's form could send: only `application/json` is read.

mod auth;
mod graphiql;
mod graphql;
mod health;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
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
pub fn router(schema: Schema, store: Store, metrics: Metrics, with_graphiql: bool) -> Router {
    let context = Context { schema, store, metrics };
    let api = Router::new()
        .route("/graphql", get(graphql::websocket).post(graphql::post))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(context);
    if with_graphiql { api.merge(graphiql::router()) } else { api }
}
