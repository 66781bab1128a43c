//! Every request has a name: its client's `X-Request-Id`, or one of ours. It stands in the answer's headers, in every log line
//! about the request and in errors whose cause only the log tells.
//!
//! tower-http's layer for this takes any text from the client, however long, and draws UUIDs, which would be one more crate.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::graphql::RequestId;
use crate::random;
use crate::telemetry::traces;

/// The header that carries it, both ways.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of a name that a client may give.
const LONGEST: usize = 128;
/// Characters of a name of ours: as hard to meet twice as a UUID.
const OWN: usize = 22;

/// Names the request, and whatever is said of it.
pub(super) async fn named(mut request: Request, next: Next) -> Response {
    let name = request.headers().get(X_REQUEST_ID).and_then(acceptable).map_or_else(drawn, str::to_owned);
    let span = tracing::info_span!("request", request.id = %name, trace.id = Empty);
    let trace = span.in_scope(|| trace(&request));
    if let Some(id) = traces::follow(&trace, text(&request, "traceparent"), text(&request, "tracestate")) {
        span.record("trace.id", id);
    }
    let header = HeaderValue::from_str(&name);
    request.extensions_mut().insert(RequestId(name));
    let mut response = next.run(request).instrument(trace.clone()).instrument(span).await;
    let status = response.status();
    trace.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        trace.record("otel.status_code", "ERROR");
    }
    if let Ok(header) = header {
        response.headers_mut().insert(X_REQUEST_ID, header);
    }
    response
}

/// The span of a request. Who asks every few seconds whether the server lives is not traced.
fn trace(request: &Request) -> Span {
    let (method, path) = (request.method(), request.uri().path());
    if matches!(path, "/livez" | "/readyz" | "/metrics") {
        return Span::none();
    }
    traces::span!(
        "http",
        otel.name = %method,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.response.status_code = Empty,
        url.path = path,
    )
}

fn text<'a>(request: &'a Request, header: &str) -> Option<&'a str> {
    request.headers().get(header)?.to_str().ok()
}

/// The client's name for it, if it is one word of a sensible length: it goes into logs.
fn acceptable(value: &HeaderValue) -> Option<&str> {
    let name = value.to_str().ok()?;
    (!name.is_empty() && name.len() <= LONGEST && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(name)
}

fn drawn() -> String {
    let mut name = random::token("").unwrap_or_else(|| "unnamed".to_owned());
    name.truncate(OWN);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_name_is_one_short_word() {
        let taken = |name: &str| acceptable(&HeaderValue::from_str(name).unwrap()).is_some();
        for name in ["a", "0b6d4a52-5f0b-4a0e-9c2b-1f3e5d7c9a11", "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad"] {
            assert!(taken(name), "{name}");
        }
        for name in ["", "two words", "tab\there", &"x".repeat(129)] {
            assert!(!taken(name), "{name}");
        }
        assert!(acceptable(&HeaderValue::from_bytes(b"caf\xe9").unwrap()).is_none());
        assert_eq!(drawn().len(), OWN);
        assert_ne!(drawn(), drawn());
    }
}
