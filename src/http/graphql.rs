//! `/graphql`: one POST or GET for a request, an event stream for who asks for one, one websocket for many.

use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawQuery, Request, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;

use super::answer::{Media, Refusal, answer, answers, wants_events};
use super::auth::authorization;
use super::request::Wanted;
use super::run::{self, Asker};
use super::{Context, request, socket, sse};
use crate::graphql::RequestId;

/// Runs one request.
pub(super) async fn post(State(context): State<Context>, Extension(id): Extension<RequestId>, headers: HeaderMap, request: Request) -> Response {
    let answered = async {
        let asked = Asked::of(&context, id, &headers).await?;
        let body = body(&context, request).await?;
        asked.answer(&context, request::of_body(&headers, &body, context.api.schema.limits().batch)?).await
    };
    answered.await.unwrap_or_else(|refusal: Refusal| refusal.send(&headers))
}

/// Runs one query, or takes a websocket of the protocol graphql-transport-ws.
pub(super) async fn get(
    State(context): State<Context>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let answered = async {
        match upgrade {
            Ok(upgrade) => socket::open(&context, id, &headers, upgrade),
            Err(_) if headers.contains_key(header::UPGRADE) => Err(Refusal::bad("This is no websocket's handshake")),
            Err(_) => {
                let asked = Asked::of(&context, id, &headers).await?;
                asked.answer(&context, request::of_address(query.as_deref().unwrap_or_default())?).await
            }
        }
    };
    answered.await.unwrap_or_else(|refusal: Refusal| refusal.send(&headers))
}

/// Any other method.
pub(super) async fn other(headers: HeaderMap) -> Response {
    Refusal::method("GET, POST", "Send GraphQL requests by POST, or by GET, or open a websocket here").send(&headers)
}

/// Any other address.
pub(super) async fn elsewhere(headers: HeaderMap) -> Response {
    Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing here; the API is at /graphql").send(&headers)
}

/// What is known of a request before anything of it is looked at: who asks, and what the answer shall look like.
struct Asked {
    asker: Asker,
    form: Form,
}

enum Form {
    Once(Media),
    Events,
}

impl Asked {
    async fn of(context: &Context, id: RequestId, headers: &HeaderMap) -> Result<Self, Refusal> {
        let form = match Media::wanted(headers) {
            _ if wants_events(headers) => Form::Events,
            Some(media) => Form::Once(media),
            None => {
                let message = "Answers are application/graphql-response+json, application/json or text/event-stream; the header Accept allows none";
                return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message));
            }
        };
        let viewer = context.keys.viewer(&context.api.store, authorization(headers)).await?;
        Ok(Self { asker: Asker { viewer, id }, form })
    }

    async fn answer(self, context: &Context, wanted: Wanted) -> Result<Response, Refusal> {
        match (self.form, wanted) {
            (Form::Once(media), Wanted::One(request)) => Ok(answer(media, &run::execute(context, &self.asker, *request).await)),
            (Form::Once(media), Wanted::Batch(requests)) => {
                let mut all = Vec::new();
                // One after the other: a client may rely on the order, and holds no more of the server than with one request.
                for request in requests {
                    all.push(run::execute(context, &self.asker, request).await);
                }
                Ok(answers(media, &all))
            }
            (Form::Events, Wanted::One(request)) => sse::answer(context, self.asker, *request),
            (Form::Events, Wanted::Batch(_)) => Err(Refusal::bad("An event stream answers one request; this is a batch")),
        }
    }
}

/// Of a body that is too large, so much is read all the same, in bytes: a client that is still sending when its connection is
/// closed does not see why.
const THROWN_AWAY: usize = 16 * 1024 * 1024;

/// The body, if it is not too large and does not take too long.
async fn body(context: &Context, request: Request) -> Result<Vec<u8>, Refusal> {
    let (limit, most) = (context.limits.body_timeout, context.limits.body);
    let read = async {
        let (mut body, mut length) = (Vec::new(), 0_usize);
        let mut chunks = request.into_body().into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "BODY_REFUSED", format!("The body cannot be read: {error}")))?;
            length = length.saturating_add(chunk.len());
            if length <= most {
                body.extend_from_slice(&chunk);
            } else if length > THROWN_AWAY {
                break;
            }
        }
        if length > most {
            let message = format!("The body is longer than {most} bytes");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_REFUSED", message));
        }
        Ok(body)
    };
    tokio::time::timeout(limit, read).await.unwrap_or_else(|_| {
        let message = format!("The body did not arrive within {} s", limit.as_secs());
        Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "BODY_REFUSED", message))
    })
}
