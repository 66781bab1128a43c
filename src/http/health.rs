//! Health: is the process alive, can it do its work, and how much of it does it do.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::Context;
use super::auth::authorization;
use crate::store::changes::change_head;
use crate::telemetry::chain;

/// The process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// The database answers too.
pub(super) async fn ready(State(context): State<Context>) -> (StatusCode, &'static str) {
    let look = async { change_head(&mut context.api.store.read().await?).await };
    match look.await {
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "Not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}

/// Numbers for Prometheus, to whoever has an API key.
pub(super) async fn metrics(State(context): State<Context>, headers: HeaderMap) -> Response {
    match context.keys.viewer(&context.api.store, authorization(&headers)).await {
        Ok(_) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], context.api.metrics.text()).into_response(),
        Err(denied) => (denied.status(), denied.message()).into_response(),
    }
}
