//! *GraphQL over SSE*, distinct connections: the answer to a request with `Accept: text/event-stream` is an event stream, with a
//! `next` event for each result and a `complete` event at the end.
//!
//! Queries, mutations (by POST) and subscriptions alike. What GraphQL has to say against a document comes as a `next` event,
//! too; what is no request, or has no key, is refused as it is without a stream. A stream that ends without `complete` was
//! cut: by the network, or because the server stops.
//!
//! **Keys.** They come in the header, as everywhere. The browser's own `EventSource` can send none, so it cannot be used; clients
//! over `fetch` can (the npm package graphql-sse, Apollo, urql). A key in the address would end up in logs, histories and
//! `Referer` headers, and this API has no cookies that a foreign page could ride on.
//!
//! Deliberately absent: the single connection mode, which lets one browser have many streams over HTTP/1 (the websocket is there
//! for that), and `id:` lines. A browser would send those back as `Last-Event-ID`, which would have to be made an argument of a
//! document that we did not write; clients resume with the argument `after`.

use std::convert::Infallible;

use async_graphql::{Request, Response as Answer, ServerError};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, empty, unfold};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, interval_at};

use super::Context;
use super::answer::{self, Body, Media, Refusal, is_told_by_status};
use super::auth::Denied;
use super::run::{self, Asker};
use crate::metrics::Open;

/// Begins a stream.
///
/// # Errors
/// When there are too many of them.
pub(super) fn answer(context: &Context, asker: Asker, request: Request) -> Result<Response, Refusal> {
    let admitted = run::admit(context, &asker, request);
    if let Err(refused) = &admitted
        && is_told_by_status(refused)
    {
        run::count(context, refused);
        return Ok(answer::answer(Media::Json, refused));
    }
    let Ok(place) = context.places.clone().try_acquire_owned() else { return Err(full()) };
    let stream = Stream {
        responses: Some(run::stream(context, &asker, admitted)),
        heart: interval_at(Instant::now() + context.limits.ping, context.limits.ping),
        _open: context.api.metrics.event_stream(),
        _place: place,
        context: context.clone(),
        asker,
    };
    let events = unfold(stream, |mut stream| async move { stream.next().await.map(|text| (Ok::<_, Infallible>(text), stream)) });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // A proxy (nginx) that gathers what it passes on would hold events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, axum::body::Body::from_stream(events)).into_response())
}

/// There are as many websockets and event streams as there may be.
pub(super) fn full() -> Refusal {
    let message = "This server has as many open websockets and event streams as it may have (--sockets); try again later";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_SOCKETS", message)
}

struct Stream {
    context: Context,
    asker: Asker,
    /// `None` when `complete` has been sent.
    responses: Option<BoxStream<'static, Answer>>,
    heart: Interval,
    _place: OwnedSemaphorePermit,
    _open: Open,
}

impl Stream {
    /// What is written next: an event, or a sign of life.
    async fn next(&mut self) -> Option<String> {
        let responses = self.responses.as_mut()?;
        tokio::select! {
            biased;
            () = self.context.stop.cancelled() => return None,
            _ = self.heart.tick() => {}
            response = responses.next() => return Some(match response {
                Some(response) => next(&response),
                None => {
                    self.responses = None;
                    // Without data, a browser's parser would not hand the event on.
                    "event: complete\ndata:\n\n".to_owned()
                }
            }),
        }
        if self.context.keys.still(&self.context.api.store, &self.asker.viewer, self.context.limits.ping).await {
            return Some(":\n\n".to_owned());
        }
        *responses = empty().boxed();
        Some(next(&denied()))
    }
}

fn next(answer: &Answer) -> String {
    let mut json = Vec::new();
    if let Err(error) = Body::of(answer).write(&mut json) {
        tracing::error!(error = %error, "Failed to write an answer as JSON");
        json = br#"{"errors":[{"message":"Internal error","extensions":{"code":"INTERNAL"}}]}"#.to_vec();
    }
    // A WMS's payload is passed on as it came, on several lines perhaps; between JSON's tokens any blank means the same, and
    // inside a string no line ends.
    json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    format!("event: next\ndata: {}\n\n", String::from_utf8_lossy(&json))
}

/// The last word to whose key is not what it was.
fn denied() -> Answer {
    let mut error = ServerError::new(Denied::Unknown.message(), None);
    error.extensions.get_or_insert_default().set("code", Denied::Unknown.code());
    Answer::from_errors(vec![error])
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, Value};

    use super::*;

    #[test]
    fn a_payload_on_several_lines_stays_one_event() {
        // As a plan splices it: see `graphql::plan`.
        let raw = (Name::new("$serde_json::private::RawValue"), Value::from("{\r\n  \"a\": \"x\\n\"\n}"));
        let answer = Answer::new(Value::Object([(Name::new("raw"), Value::Object([raw].into_iter().collect()))].into_iter().collect()));
        assert_eq!(next(&answer), "event: next\ndata: {\"data\":{\"raw\":{    \"a\": \"x\\n\" }}}\n\n");
    }
}
