//! `/graphql`: one POST or GET for a request, one websocket for many.

use async_graphql::http::ALL_WEBSOCKET_PROTOCOLS;
use async_graphql::{Data, Request, Response as Answer, Value};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::extract::rejection::BytesRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawQuery, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use super::Context;
use super::answer::{Media, Refusal, answer, answers};
use super::auth::{Denied, authorization, viewer};
use super::request::{self, Asked};
use crate::graphql::{Schema, Viewer};

fn deny(denied: Denied) -> Refusal {
    Refusal::new(denied.status(), denied.code(), denied.message())
}

/// Runs one request.
pub(super) async fn post(State(context): State<Context>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let read = || {
        let body = body.map_err(|rejection| Refusal::new(rejection.status(), "BODY_REFUSED", rejection.body_text()))?;
        request::of_body(&headers, &body, context.schema.limits().batch)
    };
    run(&context, &headers, read).await
}

/// Runs one query, or takes a websocket of the protocol graphql-transport-ws.
pub(super) async fn get(
    State(context): State<Context>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    protocol: Result<GraphQLProtocol, StatusCode>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(upgrade) => websocket(context, &headers, protocol, upgrade),
        Err(_) if headers.contains_key(header::UPGRADE) => Refusal::bad("This is no websocket's handshake").send(&headers),
        Err(_) => run(&context, &headers, || request::of_address(query.as_deref().unwrap_or_default())).await,
    }
}

/// Any other method.
pub(super) async fn other(headers: HeaderMap) -> Response {
    Refusal::method("GET, POST", "Send GraphQL requests by POST, or by GET, or open a websocket here").send(&headers)
}

/// Any other address.
pub(super) async fn elsewhere(headers: HeaderMap) -> Response {
    Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing here; the API is at /graphql").send(&headers)
}

/// Who asks is known before anything of the request is looked at.
async fn run(context: &Context, headers: &HeaderMap, read: impl FnOnce() -> Result<Asked, Refusal>) -> Response {
    let Some(media) = Media::wanted(headers) else {
        let message = "Answers are application/graphql-response+json or application/json; the header Accept allows neither";
        return Refusal::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message).send(headers);
    };
    let viewer = match viewer(&context.store, authorization(headers)).await {
        Ok(viewer) => viewer,
        Err(denied) => return deny(denied).send(headers),
    };
    match read() {
        Ok(Asked::One(request)) => answer(media, &execute(context, *request, viewer).await),
        Ok(Asked::Batch(requests)) => {
            let mut all = Vec::new();
            // One after the other: a client may rely on the order, and holds no more of the server than with one request.
            for request in requests {
                all.push(execute(context, request, viewer.clone()).await);
            }
            answers(media, &all)
        }
        Err(refusal) => refusal.send(headers),
    }
}

async fn execute(context: &Context, request: Request, viewer: Viewer) -> Answer {
    let answered = context.schema.execute(request.data(viewer)).await;
    context.metrics.request(if answered.errors.is_empty() { "ok" } else { "errors" });
    answered
}

fn websocket(context: Context, headers: &HeaderMap, protocol: Result<GraphQLProtocol, StatusCode>, upgrade: WebSocketUpgrade) -> Response {
    let Ok(protocol) = protocol else {
        return Refusal::bad("The websocket must speak graphql-transport-ws").send(headers);
    };
    if !context.origins.allow(headers) {
        return Refusal::new(StatusCode::FORBIDDEN, "FORBIDDEN", "Pages of this origin may not open websockets here: see --allow-origin")
            .send(headers);
    }
    let Context { schema, store, metrics, .. } = context;
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
