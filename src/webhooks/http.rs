//! Sending: one POST, and what came of it.
//!
//! **Invariants.** An attempt has a deadline, from the look-up of the name to the end of the answer. Of an answer little is read,
//! and of what is read little is kept. Redirects are not followed and proxies not used: see [`outbound`](crate::outbound).
//! Nothing that is kept of a failure holds a header that we sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::outbound::Reach;
use crate::telemetry::traces;

/// How much of an answer is read, in bytes. A short one is read to its end, so that the connection can be used again.
const READ: usize = 8 * 1024;
/// How much of an error's answer is kept to look at, in bytes.
const KEPT: usize = 512;
/// How many connections to one host wait for their next use.
const IDLE: usize = 16;

/// The client that all endpoints share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    client: reqwest::Client,
    deadline: Duration,
    reach: Reach,
}

/// What came of an attempt.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status; `None` when no answer came.
    pub status: Option<u16>,
    /// Why the attempt failed, in words.
    pub error: Option<String>,
    /// For how many seconds the endpoint asks to be left alone.
    pub retry_after: Option<i64>,
    /// How long it took, in milliseconds.
    pub latency_ms: i64,
}

impl Answer {
    /// Whether the endpoint has accepted the event.
    pub fn is_success(&self) -> bool {
        self.error.is_none()
    }

    /// Whether the endpoint does not want to be told any more.
    pub fn is_gone(&self) -> bool {
        self.status == Some(410)
    }
}

/// An event, ready to be sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// The event's id: the same at every attempt.
    pub id: String,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// As they go into the header.
    pub signatures: String,
    /// JSON.
    pub body: Bytes,
}

impl Sender {
    /// A client whose attempts take no longer than `deadline`, and go no further than `reach`.
    ///
    /// # Errors
    /// When the machine's TLS set-up is broken.
    pub fn new(deadline: Duration, reach: Reach) -> anyhow::Result<Self> {
        use anyhow::Context as _;
        // A second call finds the provider in place; that is no error.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(reach))
            .pool_max_idle_per_host(IDLE)
            .user_agent(concat!("crossdock/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("Failed to set up the client for webhooks")?;
        Ok(Self { client, deadline, reach })
    }

    /// The address that events can be sent to.
    ///
    /// # Errors
    /// Why they cannot be sent there.
    pub fn accept(&self, url: &str) -> Result<Url, String> {
        let url = Url::parse(url).map_err(|error| format!("This is no address such as https://hooks.example.com/crossdock: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("The address must begin with https:// or http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("The address must not hold a user name or password".to_owned());
        }
        let hint = if self.reach == Reach::Public { "; the operator can allow private networks with --allow-private-webhooks" } else { "" };
        self.reach.refuses(&url).map_or(Ok(url), |why| Err(format!("{why}{hint}")))
    }

    /// Sends a message once.
    pub async fn send(&self, url: &str, message: Message) -> Answer {
        let started = tokio::time::Instant::now();
        // Judged again: the server may have been started with another reach since the endpoint was made.
        let url = self.accept(url);
        let span = trace(url.as_ref().ok());
        let exchange = async {
            let url = match url {
                Ok(url) => url,
                Err(why) => return failed(why),
            };
            let request = self
                .client
                .post(url)
                .header(CONTENT_TYPE, "application/json")
                .header("webhook-id", &message.id)
                .header("webhook-timestamp", message.timestamp)
                .header("webhook-signature", &message.signatures)
                .body(message.body);
            match request.send().await {
                Ok(response) => read(response).await,
                Err(error) => failed(plain(&error)),
            }
        };
        let answer = match tokio::time::timeout(self.deadline, exchange).instrument(span.clone()).await {
            Ok(answer) => answer,
            Err(_) => failed(format!("No answer within {} s", self.deadline.as_secs_f32())),
        };
        span.record("http.response.status_code", answer.status);
        if !answer.is_success() {
            span.record("otel.status_code", "ERROR");
        }
        Answer { latency_ms: i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX), ..answer }
    }
}

/// The span of an attempt. The path of its address may be a secret.
fn trace(url: Option<&Url>) -> Span {
    traces::span!(
        "webhook",
        otel.name = "POST",
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = "POST",
        http.response.status_code = Empty,
        server.address = url.and_then(Url::host_str),
        server.port = url.and_then(Url::port_or_known_default),
    )
}

fn failed(error: String) -> Answer {
    Answer { status: None, error: Some(error), retry_after: None, latency_ms: 0 }
}

async fn read(mut response: reqwest::Response) -> Answer {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    // Whether the rest comes does not matter: the status has said it.
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(READ - body.len())]);
        if body.len() == READ {
            break;
        }
    }
    let error = (!status.is_success()).then(|| {
        let text = String::from_utf8_lossy(&body[..body.len().min(KEPT)]);
        // No database keeps a NUL in a text.
        let text = text.replace('\0', " ");
        let reason = if status.is_redirection() { format!("{status}: redirects are not followed") } else { status.to_string() };
        if text.trim().is_empty() { reason } else { format!("{reason}: {}", text.trim()) }
    });
    Answer { status: Some(status.as_u16()), error, retry_after, latency_ms: 0 }
}

/// `Retry-After`, in seconds, or as a date of the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<i64> {
    let text = |name| headers.get(name).and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok());
    let wanted = text(RETRY_AFTER)?.trim();
    wanted.parse().ok().or_else(|| {
        let date = |text: &str| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second());
        Some(date(wanted)? - date(text(reqwest::header::DATE)?)?)
    })
}

/// The innermost cause, without the URL (in which there may be a secret).
fn plain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let what = if error.is_connect() { "The endpoint cannot be reached" } else { "The connection broke" };
    format!("{what}: {cause}")
}
