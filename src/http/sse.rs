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
use futures_util::stream::{empty, unfold};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, interval_at};

use super::Context;
use super::answer::{self, Media, Refusal, is_told_by_status};
use super::auth::Denied;
use super::hub::{Answers, Frame, TooSlow};
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
    responses: Option<Answers>,
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
            answer = responses.next() => return Some(match answer {
                Some(Ok(frame)) => next(&frame),
                Some(Err(TooSlow)) => {
                    *responses = empty().boxed();
                    next(&Frame::of(&last_word("TOO_SLOW", &TooSlow.message(self.context.limits.behind)), None))
                }
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
        Some(next(&Frame::of(&last_word(Denied::Unknown.code(), Denied::Unknown.message()), None)))
    }
}

fn next(frame: &Frame) -> String {
    let mut text = "event: next\ndata: ".to_owned();
    frame.write(&mut text);
    text.push_str("\n\n");
    text
}

/// Why there will be nothing more.
fn last_word(code: &str, message: &str) -> Answer {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    Answer::from_errors(vec![error])
}
