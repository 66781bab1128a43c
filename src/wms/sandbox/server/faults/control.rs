//! The address at which the rules are read and changed while the sandbox runs.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::super::Shared;
use super::super::refusal::{Field, Refusal};
use super::super::routes;
use super::{Complaint, Rule, Written};

/// Where the rules are. Not below `/v1`: no WMS has such a thing.
pub(in super::super) const ADDRESS: &str = "/_faults";

type App = State<Arc<Shared>>;

/// The address.
pub(in super::super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(ADDRESS, get(list).put(set).delete(clear))
}

async fn list(State(shared): App) -> Response {
    axum::Json(shared.faults.reports()).into_response()
}

async fn set(State(shared): App, bytes: Result<Bytes, BytesRejection>) -> Result<Response, Refusal> {
    let written: Vec<Written> = routes::body(bytes)?;
    let (mut rules, mut fields) = (Vec::new(), Vec::new());
    for (place, written) in written.into_iter().enumerate() {
        match Rule::of(written) {
            Ok(rule) => rules.push(rule),
            Err(Complaint { field, message }) => fields.push(Field::new(format!("[{place}].{field}"), message)),
        }
    }
    if !fields.is_empty() {
        return Err(Refusal::Fields(fields));
    }
    shared.faults.set(rules);
    Ok(axum::Json(shared.faults.reports()).into_response())
}

async fn clear(State(shared): App) -> StatusCode {
    shared.faults.set(Vec::new());
    StatusCode::NO_CONTENT
}
