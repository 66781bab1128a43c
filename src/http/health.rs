//! Health: is the process alive, and can it do its work.

use axum::extract::State;
use axum::http::StatusCode;

use super::Context;
use crate::store::changes::change_head;
use crate::telemetry::chain;

/// The process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// The database answers too.
pub(super) async fn ready(State(context): State<Context>) -> (StatusCode, &'static str) {
    let look = async { change_head(&mut context.store.read().await?).await };
    match look.await {
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "Not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
