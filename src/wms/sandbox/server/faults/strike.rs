//! How a fault is done to a request.
//!
//! Either the request is not handled (`status`, `rateLimit`, `reset`, `garbage`, `expireToken`), or it is handled as ever
//! and what goes wrong is the answer. An answer is spoiled as it would have gone out, refusals included.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::super::Shared;
use super::super::refusal::Refusal;
use super::line::Line;
use super::rule::Fault;

/// What something in front of a WMS answers when the WMS is not there, or wants people to log in.
const PAGE: &str = "<!doctype html>\n<html><head><title>Please stand by</title></head><body><h1>We will be back soon</h1></body></html>\n";

/// A slow body goes out in so many pieces a second, where it is not slower than a byte for each.
const PIECES: u64 = 10;

/// Handles the request, or does to it what the rules say.
pub(in super::super) async fn pass(shared: &Arc<Shared>, request_id: &str, mut request: Request, next: Next) -> Response {
    let Some(fault) = shared.faults.strike(request.method(), request.uri().path()) else { return next.run(request).await };
    tracing::debug!(http.request_id = request_id, http.path = request.uri().path(), sandbox.fault = ?fault, "Sandbox spoils a request");
    let line = request.extensions().get::<ConnectInfo<Line>>().map(|info| info.0.clone()).unwrap_or_default();
    let written = |response: Response| Refusal::write_out(response, request_id).0;
    match fault {
        Fault::Status { status, message, retry_after } => Refusal::Staged { status, message, retry_after }.into_response(),
        Fault::RateLimit { retry_after } => Refusal::TooMany(retry_after).into_response(),
        Fault::ExpireToken => Refusal::Token.into_response(),
        Fault::Garbage => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response(),
        Fault::Reset => {
            line.reset();
            StatusCode::OK.into_response()
        }
        Fault::Delay(time) => {
            hold(&shared.stopping, time).await;
            next.run(request).await
        }
        Fault::Bend(bend) => {
            request.extensions_mut().insert(bend);
            next.run(request).await
        }
        Fault::Drip { bytes_per_second } => {
            let stopping = shared.stopping.clone();
            declared(written(next.run(request).await), |body| drip(body, bytes_per_second, stopping)).await
        }
        Fault::CutOff { after_bytes } => {
            let response = written(next.run(request).await);
            let sent = usize::try_from(after_bytes).unwrap_or(usize::MAX);
            declared(response, |body| cut_off(&body, sent, &line)).await
        }
        Fault::BrokenJson => {
            let (mut parts, body) = written(next.run(request).await).into_parts();
            let body = whole(body).await;
            parts.status = StatusCode::OK;
            parts.headers.remove(header::CONTENT_LENGTH);
            parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let half = if body.len() < 2 { Bytes::from_static(b"{") } else { body.slice(..body.len() / 2) };
            Response::from_parts(parts, Body::from(half))
        }
        Fault::AcceptThenDrop => {
            let response = next.run(request).await;
            line.close();
            response
        }
        Fault::AcceptThenDelay(time) => {
            let response = next.run(request).await;
            hold(&shared.stopping, time).await;
            response
        }
        Fault::AcceptThenStatus(status) => {
            drop(next.run(request).await);
            Refusal::Broken(status).into_response()
        }
    }
}

/// Waits, but not for longer than the sandbox runs.
async fn hold(stopping: &CancellationToken, time: Duration) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = stopping.cancelled() => {}
    }
}

/// The bytes of a body that one of our own handlers made.
async fn whole(body: Body) -> Bytes {
    // They are in memory already, so neither is there a limit to keep nor can reading them fail.
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}

/// The same answer with the length of its whole body declared, and `send` in the place of the body.
async fn declared<S>(response: Response, send: impl FnOnce(Bytes) -> S) -> Response
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    let (mut parts, body) = response.into_parts();
    let body = whole(body).await;
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    Response::from_parts(parts, Body::from_stream(send(body)))
}

/// The body at this many bytes a second.
fn drip(body: Bytes, bytes_per_second: u64, stopping: CancellationToken) -> impl Stream<Item = io::Result<Bytes>> {
    let (piece, pause) = if bytes_per_second < PIECES {
        (1, Duration::from_millis(1_000 / bytes_per_second.max(1)))
    } else {
        (bytes_per_second / PIECES, Duration::from_millis(1_000 / PIECES))
    };
    let piece = usize::try_from(piece).unwrap_or(usize::MAX);
    stream::unfold((body, stopping), move |(mut body, stopping)| async move {
        if body.is_empty() {
            return None;
        }
        hold(&stopping, pause).await;
        if stopping.is_cancelled() {
            body.clear();
            return Some((Err(io::ErrorKind::ConnectionAborted.into()), (body, stopping)));
        }
        let piece = body.split_to(piece.min(body.len()));
        Some((Ok(piece), (body, stopping)))
    })
}

/// The first bytes of the body, never all of them, and then the end of the connection.
fn cut_off(body: &Bytes, sent: usize, line: &Line) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    if body.is_empty() {
        // Nothing of it can be missing but the answer as a whole.
        line.close();
    }
    let first = body.slice(..sent.min(body.len().saturating_sub(1)));
    let rest = async {
        // What has been given to the server goes out before the server hears of the end.
        tokio::task::yield_now().await;
        Err(io::ErrorKind::ConnectionAborted.into())
    };
    stream::iter((!first.is_empty()).then_some(Ok(first))).chain(stream::once(rest))
}
