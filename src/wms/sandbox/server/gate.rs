//! What every request passes through, from the outside in: its number, the token, the rate limit, and whatever is to go
//! wrong on purpose ([`faults`]). The faults' own control passes the token only: it must work while everything else does not.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;

use super::random::Random;
use super::refusal::Refusal;
use super::{RateLimit, Shared, faults};
use crate::record::Instant;

/// A token bucket.
pub(super) struct Bucket {
    limit: RateLimit,
    tokens: f64,
    filled_at: Instant,
}

/// What a request found in the bucket.
pub(super) struct Drawn {
    /// How many seconds to wait, where it was empty.
    wait: Option<u64>,
    limit: u32,
    remaining: u32,
    /// Seconds until the bucket is full.
    reset: u64,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(limit: RateLimit, now: Instant) -> Self {
        Self { limit, tokens: f64::from(limit.burst), filled_at: now }
    }

    fn draw(&mut self, now: Instant) -> Drawn {
        let burst = f64::from(self.limit.burst);
        let elapsed = now.micros().saturating_sub(self.filled_at.micros()).max(0) as f64 / 1_000_000.0;
        self.tokens = (self.tokens + elapsed * self.limit.per_second).min(burst);
        self.filled_at = now;
        let seconds = |tokens: f64| (tokens / self.limit.per_second).ceil().max(1.0) as u64;
        let wait = (self.tokens < 1.0).then(|| seconds(1.0 - self.tokens));
        if wait.is_none() {
            self.tokens -= 1.0;
        }
        Drawn { wait, limit: self.limit.burst, remaining: self.tokens as u32, reset: seconds(burst - self.tokens) }
    }
}

impl Drawn {
    /// From a bucket that is empty for so many seconds.
    fn none(limit: u32, seconds: u64) -> Self {
        Self { wait: Some(seconds), limit, remaining: 0, reset: seconds }
    }
}

/// The middleware.
pub(super) async fn pass(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let request_id = format!("req_{:012x}", Random::of(&[shared.salt, number]).next() >> 16);
    let now = (shared.now)();
    let is_control = request.uri().path() == faults::control::ADDRESS;
    let bucket = shared.bucket.as_ref().filter(|_| !is_control);
    let drawn = bucket.map(|bucket| super::lock(bucket).draw(now));

    let response = if !is_known(&shared, request.headers()) {
        Refusal::Token.into_response()
    } else if let Some(seconds) = drawn.as_ref().and_then(|drawn| drawn.wait) {
        Refusal::TooMany(seconds).into_response()
    } else if is_control {
        next.run(request).await
    } else {
        faults::pass(&shared, &request_id, request, next).await
    };
    let (mut response, refusal) = Refusal::write_out(response, &request_id);
    if let Some(refusal) = &refusal {
        tracing::debug!(http.request_id = request_id, refusal = ?refusal, "Sandbox refused a request");
    }
    let drawn = match refusal {
        // Where the refusal is staged, the headers go along with it.
        Some(Refusal::TooMany(seconds)) => Some(Drawn::none(drawn.map_or(1, |drawn| drawn.limit), seconds)),
        _ => drawn,
    };
    let headers = response.headers_mut();
    if let Some(drawn) = drawn {
        headers.insert("x-ratelimit-limit", drawn.limit.into());
        headers.insert("x-ratelimit-remaining", drawn.remaining.into());
        headers.insert("x-ratelimit-reset", drawn.reset.into());
    }
    // Both are made of plain ASCII.
    if let Ok(value) = HeaderValue::try_from(request_id) {
        headers.insert("x-request-id", value);
    }
    if let Some(value) = date(now).and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert("date", value);
    }
    response
}

/// Whether the request carries the token. Hashes are compared, so that the time it takes tells nothing.
fn is_known(shared: &Shared, headers: &HeaderMap) -> bool {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok()).and_then(|text| text.split_once(' '));
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, token)| token.trim());
    blake3::hash(given.as_bytes()) == blake3::hash(shared.token.expose_secret().as_bytes())
}

/// The sandbox's own clock, as HTTP writes dates: the answer's `Date` must not come from another clock than its rows.
fn date(now: Instant) -> Option<String> {
    let stamp = jiff::Timestamp::from_microsecond(now.micros()).ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&stamp).ok()
}
