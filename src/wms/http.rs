//! The HTTP client of every adapter: no other part of `wms` names reqwest.
//!
//! **Invariants.** Every call has a deadline and a cap on the answer's size. Redirects are not followed: a WMS that
//! sends us elsewhere would be handed the credentials there. Nothing that is logged or put into an error holds a
//! header, a query string or a body that we sent, and a credential that the server sends back (as proxies and debug pages
//! do) goes no further than here: it is blanked in everything that may end up in an error. Retrying is the engine's
//! business, not the client's.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::budget::Gate;
use super::error::{Error, Kind};
use crate::clock::Clock;
use crate::outbound::Reach;
use crate::record::{Instant, Json};
use crate::telemetry::traces;

/// Bounds on every call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte sent to the last byte received.
    pub deadline: Duration,
    /// For the connection to be made.
    pub connect: Duration,
    /// For how long a connection is kept that nothing is sent over. A write that meets a server which is just closing it gets no
    /// answer, and nobody knows what came of it; so this is less than servers keep one (gunicorn 2 s, Node.js and Apache 5 s).
    pub idle: Duration,
    /// The most bytes of an answer, after decompression.
    pub body: usize,
    /// How far calls may go.
    pub reach: Reach,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            idle: Duration::from_millis(1_500),
            body: 32 * 1024 * 1024,
            reach: Reach::Anywhere,
        }
    }
}

/// The client that all adapters share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    limits: Limits,
    clock: Clock,
    gate: Option<Gate>,
}

impl Http {
    /// A client with these bounds, which tells the time of answers by `clock`.
    ///
    /// # Errors
    /// When the machine's TLS set-up is broken.
    pub fn new(limits: Limits, clock: Clock) -> Result<Self, Error> {
        // A second call finds the provider in place; that is no error.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .connect_timeout(limits.connect)
            .pool_idle_timeout(limits.idle)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("crossdock/", env!("CARGO_PKG_VERSION")));
        if limits.reach == Reach::Public {
            builder = builder.no_proxy().dns_resolver(Arc::new(limits.reach));
        }
        let client = builder.build().map_err(|e| Error::new(Kind::Configuration, format!("Failed to set up the HTTP client: {e}")))?;
        Ok(Self { client, limits, clock, gate: None })
    }

    /// The same client, whose calls pass through a gate.
    #[must_use]
    pub fn through(&self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self.clone() }
    }

    /// A client for the server at `base`, an absolute `http` or `https` address. Its path, if any, goes before the
    /// path of every call.
    ///
    /// # Errors
    /// [`Kind::Configuration`], with `field` as its path, when that is no such address.
    pub fn at(&self, base: &str, field: &str) -> Result<Site, Error> {
        let refuse = |why: String| Error::new(Kind::Configuration, why).with_path(vec![field.to_owned()]);
        let base = Url::parse(base.trim()).map_err(|e| refuse(format!("{field} is not an address such as https://wms.example.com: {e}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(refuse(format!("{field} must begin with http:// or https://")));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refuse(format!("{field} must not hold a user name or password")));
        }
        if let Some(why) = self.limits.reach.refuses(&base) {
            return Err(refuse(format!("{field}: {why}")));
        }
        Ok(Site { http: self.clone(), base })
    }
}

/// One server, spoken to over a shared pool of connections.
#[derive(Clone, Debug)]
pub struct Site {
    http: Http,
    base: Url,
}

impl Site {
    /// The address that it was made with.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A GET of `path` (which begins with a slash).
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST to `path`.
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// A PATCH of `path`.
    pub fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }

    /// A DELETE of `path`.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// A PUT to `path`.
    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let mut url = self.base.clone();
        // `path` is written by us or made of encoded segments; `set_path` encodes whatever is left.
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let request = self.http.client.request(method.clone(), url.clone());
        Call { request, http: self.http.clone(), method, url, secret: None }
    }
}

/// A call that has not been sent.
#[must_use]
pub struct Call {
    request: reqwest::RequestBuilder,
    http: Http,
    method: Method,
    url: Url,
    secret: Option<SecretString>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url.path())
    }
}

impl Call {
    /// With a bearer token. The word before it is written as given (`Bearer`, `bearer`).
    pub fn bearer(mut self, scheme: &str, token: &SecretString) -> Self {
        // A token with a line break is none; the call goes out without it and the WMS says that it is missing.
        if let Ok(mut value) = HeaderValue::try_from(format!("{scheme} {}", token.expose_secret())) {
            value.set_sensitive(true);
            self.request = self.request.header(reqwest::header::AUTHORIZATION, value);
            self.secret = Some(token.clone());
        }
        self
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.request = self.request.header(HeaderName::from_static(name), value);
        }
        self
    }

    /// With query parameters.
    pub fn query(mut self, parameters: &[(&str, &str)]) -> Self {
        self.request = self.request.query(parameters);
        self
    }

    /// With a JSON body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// Sends it when its turn has come, and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Kind::RateLimited`] when its turn does not come soon (it was not sent then), [`Kind::Unavailable`] when no
    /// connection could be made, [`Kind::Timeout`] past the deadline, [`Kind::Protocol`] for an answer that is too large, cut off, or a redirect.
    pub async fn send(self) -> Result<Reply, Error> {
        let (method, url, secret, Http { limits, clock, gate, .. }) = (self.method, self.url, self.secret, self.http);
        let pass = match &gate {
            Some(gate) => Some(gate.enter(&clock).await?),
            None => None,
        };
        let started = tokio::time::Instant::now();
        let span = traces::span!(
            "wms",
            otel.name = %method,
            otel.kind = "client",
            otel.status_code = Empty,
            error.r#type = Empty,
            http.request.method = %method,
            http.response.status_code = Empty,
            server.address = url.host_str(),
            server.port = url.port_or_known_default(),
            url.path = url.path(),
        );
        let exchange = async {
            let response = self.request.send().await.map_err(|e| failed(&e))?;
            let (status, mut headers) = (response.status().as_u16(), response.headers().clone());
            if let Some(secret) = long_enough(secret.as_ref()) {
                headers = headers.into_iter().filter_map(|(name, value)| Some((name?, value))).filter(|(_, value)| !shows(value, secret)).collect();
            }
            let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
            let mut body = BytesMut::with_capacity(announced.min(limits.body));
            let mut stream = response.bytes_stream();
            while let Some(chunk) = stream.next().await {
                let chunk =
                    chunk.map_err(|e| unknown(Error::new(Kind::Protocol, format!("The answer was cut off: {}", plain(&e))).with_status(status)))?;
                if body.len() + chunk.len() > limits.body {
                    return Err(unknown(Error::new(Kind::Protocol, format!("The answer is larger than {} bytes", limits.body)).with_status(status)));
                }
                body.extend_from_slice(&chunk);
            }
            let received_at = clock.now();
            Ok(Reply { status, headers, body: body.freeze(), received_at, secret }.blanked())
        };
        let answer = match tokio::time::timeout(limits.deadline, exchange).instrument(span.clone()).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(Kind::Timeout, format!("No answer within {} s", limits.deadline.as_secs_f32()))),
        };
        let elapsed = started.elapsed().as_millis();
        match &answer {
            Ok(reply) => {
                span.record("http.response.status_code", reply.status);
                if reply.status >= 400 {
                    span.record("otel.status_code", "ERROR");
                }
                tracing::debug!(http.method = %method, http.path = url.path(), http.status = reply.status, http.duration_ms = elapsed, http.bytes = reply.body.len(), "WMS call answered");
            }
            Err(error) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", tracing::field::debug(error.kind));
                tracing::debug!(http.method = %method, http.path = url.path(), http.duration_ms = elapsed, error = %error, "WMS call failed");
            }
        }
        let reply = answer?;
        if let Some(pass) = pass {
            pass.learn(&reply);
        }
        if (300..400).contains(&reply.status) {
            let to = reply.header("location").unwrap_or("nowhere").split('?').next().unwrap_or_default().to_owned();
            let error = Error::new(Kind::Protocol, format!("The server answered with a redirect to {to}; give the address that it points to"));
            // These two are also what a server says that has done what it was asked, and shows the outcome elsewhere.
            return Err(Error { outcome_unknown: matches!(reply.status, 302 | 303), ..error.with_status(reply.status) });
        }
        Ok(reply)
    }
}

fn unknown(error: Error) -> Error {
    Error { outcome_unknown: true, ..error }
}

/// The innermost cause, without the URL (whose query may hold a secret).
fn plain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn failed(error: &reqwest::Error) -> Error {
    if error.is_connect() {
        Error::new(Kind::Unavailable, format!("The server cannot be reached: {}", plain(error)))
    } else if error.is_timeout() {
        Error::new(Kind::Timeout, "No answer in time")
    } else if error.is_builder() {
        Error::new(Kind::Configuration, format!("The request cannot be made: {}", plain(error)))
    } else {
        unknown(Error::new(Kind::Unavailable, format!("The connection broke: {}", plain(error))))
    }
}

/// A secret that can be told from the text around it. A shorter one guards nothing, and blanking it would mangle words.
fn long_enough(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(ExposeSecret::expose_secret).filter(|secret| secret.len() >= 8)
}

fn shows(value: &HeaderValue, secret: &str) -> bool {
    value.as_bytes().windows(secret.len()).any(|part| part == secret.as_bytes())
}

/// What stands in the place of a credential.
const BLANK: &str = "[secret]";

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// When it had come in whole, by our clock.
    pub received_at: Instant,
    secret: Option<SecretString>,
}

/// What a server may ask us to wait for, in seconds.
const SHORTEST_WAIT: f64 = 1.0;
const LONGEST_WAIT: f64 = 24.0 * 3_600.0;

/// How much of an answer that makes no sense is kept to look at, in bytes.
const EXCERPT: usize = 2 * 1024;

impl Reply {
    /// The same without our credential, if this is an error's answer: of those, any part may be shown.
    fn blanked(mut self) -> Self {
        if !self.is_success() {
            let text = String::from_utf8_lossy(&self.body);
            if let Cow::Owned(blanked) = self.blank(&text) {
                self.body = Bytes::from(blanked);
            }
        }
        self
    }

    fn blank<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match long_enough(self.secret.as_ref()) {
            Some(secret) if text.contains(secret) => Cow::Owned(text.replace(secret, BLANK)),
            _ => Cow::Borrowed(text),
        }
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The server's clock: the `Date` header.
    pub fn date(&self) -> Option<Instant> {
        let stamp = jiff::fmt::rfc2822::parse(self.header("date")?).ok()?.timestamp();
        Some(Instant::from_micros(stamp.as_microsecond()))
    }

    /// When the server asks to be called again, by our clock: `Retry-After`, in seconds or as a date of the server's
    /// own clock. A server that asks for nonsense is neither called again at once nor left alone for ever.
    pub fn retry_after(&self) -> Option<Instant> {
        let text = self.header("retry-after")?.trim();
        let seconds = match text.parse::<f64>() {
            Ok(seconds) if seconds.is_nan() => return None,
            Ok(seconds) => seconds,
            Err(_) => {
                let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_microsecond();
                let now = self.date().unwrap_or(self.received_at).micros();
                until.saturating_sub(now) as f64 / 1_000_000.0
            }
        };
        Some(self.received_at.plus_seconds(seconds.ceil().clamp(SHORTEST_WAIT, LONGEST_WAIT) as i64))
    }

    /// The body as text, without our credential.
    pub fn text(&self) -> Cow<'_, str> {
        match String::from_utf8_lossy(&self.body) {
            Cow::Borrowed(text) => self.blank(text),
            Cow::Owned(text) => Cow::Owned(self.blank(&text).into_owned()),
        }
    }

    /// The body as JSON of the shape `T`.
    ///
    /// # Errors
    /// [`Kind::Protocol`], saying where it differs, with the first 2 KiB of what came.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut input = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut input).map_err(|e| {
            let place = if e.path().iter().len() == 0 { String::new() } else { format!("at {}: ", e.path()) };
            self.misfit(&format!("{place}{}", e.inner()))
        })
    }

    /// The error of an answer that makes no sense, with the first 2 KiB of it.
    pub fn misfit(&self, reason: &str) -> Error {
        // Blanked before it is cut, so that the cut leaves no half of a credential.
        let body = String::from_utf8_lossy(&self.body);
        let body = self.blank(&body);
        let excerpt = &body[..body.floor_char_boundary(EXCERPT)];
        let message = format!("The answer is not what the protocol says: {reason}");
        let error = Error::new(Kind::Protocol, self.blank(&message)).with_status(self.status).with_body(Json::of(&excerpt));
        Error { outcome_unknown: true, ..error }
    }
}
