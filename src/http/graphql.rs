//! `/graphql`: one POST for a request, one websocket for many.

use async_graphql::http::ALL_WEBSOCKET_PROTOCOLS;
use async_graphql::{Data, Request, Response as Answer, ServerError, Value};
use async_graphql_axum::{GraphQLProtocol, GraphQLResponse, GraphQLWebSocket};
use axum::extract::rejection::BytesRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::Context;
use super::auth::{Denied, authorization, viewer};
use crate::graphql::{Schema, Viewer};

/// An error of the request as a whole, in the form of GraphQL.
fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    let body = axum::Json(Answer::from_errors(vec![error]));
    (status, body).into_response()
}

fn deny(denied: Denied) -> Response {
    refuse(denied.status(), denied.code(), denied.message())
}

/// Only JSON: a body that a foreign page's form can send must never run a mutation with somebody's key.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Runs one request.
pub(super) async fn post(State(context): State<Context>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let viewer = match viewer(&context.store, authorization(&headers)).await {
        Ok(viewer) => viewer,
        Err(denied) => return deny(denied),
    };
    if !is_json(&headers) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "Send the request as application/json");
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refuse(rejection.status(), "BODY_REFUSED", &rejection.body_text()),
    };
    let request = match serde_json::from_slice::<Request>(&body) {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, "BAD_REQUEST", &format!("The body is no GraphQL request: {error}")),
    };
    let answer = context.schema.execute(request.data(viewer)).await;
    context.metrics.request(if answer.errors.is_empty() { "ok" } else { "errors" });
    GraphQLResponse::from(answer).into_response()
}

/// Takes a websocket of the protocol graphql-transport-ws.
pub(super) async fn websocket(
    State(context): State<Context>,
    protocol: Result<GraphQLProtocol, StatusCode>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "Send GraphQL requests by POST, or open a websocket here");
    };
    let Ok(protocol) = protocol else {
        return refuse(StatusCode::BAD_REQUEST, "BAD_REQUEST", "The websocket must speak graphql-transport-ws");
    };
    let Context { schema, store, metrics } = context;
    upgrade.protocols(ALL_WEBSOCKET_PROTOCOLS).on_upgrade(async move |socket| {
        let _open = metrics.socket();
        GraphQLWebSocket::<_, _, Schema, _, _>::new(socket, schema, protocol)
            .on_connection_init(async move |payload| init(&store, &payload).await)
            .serve()
            .await;
    })
}

/// Keys travel in `connection_init`: `{"authorization": "Bearer …"}`.
async fn init(store: &crate::store::Store, payload: &serde_json::Value) -> async_graphql::Result<Data> {
    let text = ["authorization", "Authorization"].iter().find_map(|name| payload.get(name)?.as_str());
    let found: Viewer = viewer(store, text).await.map_err(|denied| {
        use async_graphql::ErrorExtensions as _;
        async_graphql::Error::new(denied.message()).extend_with(|_, extensions| extensions.set("code", Value::from(denied.code())))
    })?;
    let mut data = Data::default();
    data.insert(found);
    Ok(data)
}
