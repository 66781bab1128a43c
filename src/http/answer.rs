//! Answers, as *GraphQL over HTTP* asks for them: the media type by `Accept`, the status by media type.
//!
//! A *request error* is one of the request as a whole: nothing was resolved, so there is no `data` entry. Sent as
//! `application/graphql-response+json` it has a status of 4xx; as `application/json`, which older clients ask for, a document
//! that makes no sense is answered with 200. Whoever cannot even be understood gets a 4xx in either.

use std::collections::BTreeMap;

use async_graphql::{Response as Answer, ServerError, Value};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::graphql::{is_request_error, write_json};

/// The form in which an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`
    Json,
    /// `application/graphql-response+json`
    GraphqlResponse,
}

impl Media {
    const fn content_type(self) -> HeaderValue {
        match self {
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
            Self::GraphqlResponse => HeaderValue::from_static("application/graphql-response+json; charset=utf-8"),
        }
    }

    /// What the client likes best; `None` when it takes neither. Who names the newer form prefers it among equals; who takes
    /// anything, or says nothing, gets plain JSON.
    pub(super) fn wanted(headers: &HeaderMap) -> Option<Self> {
        let ranges: Vec<(&str, f32)> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(ranges).collect();
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        let (newer, newer_named) = quality(&ranges, "graphql-response+json");
        let (plain, _) = quality(&ranges, "json");
        match (newer > 0.0, plain > 0.0) {
            (true, false) => Some(Self::GraphqlResponse),
            (true, true) if newer_named && newer >= plain => Some(Self::GraphqlResponse),
            (_, true) => Some(Self::Json),
            (false, false) => None,
        }
    }
}

/// Whether the client would rather have an event stream than either form of JSON. It must be named: who takes anything gets JSON.
/// So does who names both and likes them alike, since such clients say so with every query.
pub(super) fn wants_events(headers: &HeaderMap) -> bool {
    let ranges: Vec<(&str, f32)> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(ranges).collect();
    let Some((_, events)) = ranges.iter().find(|(name, weight)| name.eq_ignore_ascii_case("text/event-stream") && *weight > 0.0) else {
        return false;
    };
    let (newer, newer_named) = quality(&ranges, "graphql-response+json");
    let (plain, plain_named) = quality(&ranges, "json");
    let json = newer.max(plain);
    *events > json || (*events == json && !newer_named && !plain_named)
}

/// The media ranges of an `Accept` header, each with its weight.
fn ranges(value: &str) -> impl Iterator<Item = (&str, f32)> {
    value.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((name, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0))))
    })
}

/// How much the client likes `application/<subtype>`, and whether it said so by name. The most specific range counts.
fn quality(ranges: &[(&str, f32)], subtype: &str) -> (f32, bool) {
    let of = |wanted: &dyn Fn(&str) -> bool| ranges.iter().find(|(name, _)| wanted(name)).map(|(_, weight)| *weight);
    let named =
        |name: &str| name.split_once('/').is_some_and(|(kind, own)| kind.eq_ignore_ascii_case("application") && own.eq_ignore_ascii_case(subtype));
    if let Some(weight) = of(&named) {
        return (weight, true);
    }
    let any = of(&|name| name.eq_ignore_ascii_case("application/*")).or_else(|| of(&|name| name == "*/*"));
    (any.unwrap_or(0.0), false)
}

/// A response as it is written. Errors come first, where a person who reads it finds them.
pub(super) struct Body<'a> {
    errors: &'a [ServerError],
    data: Option<&'a Value>,
    extensions: &'a BTreeMap<String, Value>,
}

impl<'a> Body<'a> {
    /// Of what GraphQL answered. A request error has no `data`.
    pub(super) fn of(answer: &'a Answer) -> Self {
        Self { errors: &answer.errors, data: (!is_request_error(answer)).then_some(&answer.data), extensions: &answer.extensions }
    }

    /// Writes the whole as JSON.
    ///
    /// # Errors
    /// None that can be foreseen.
    pub(super) fn write(&self, out: &mut String) -> serde_json::Result<()> {
        let mut separator = '{';
        let mut name = |name: &str, out: &mut String| {
            out.push(std::mem::replace(&mut separator, ','));
            out.push_str(name);
        };
        if !self.errors.is_empty() {
            name("\"errors\":", out);
            out.push_str(&serde_json::to_string(self.errors)?);
        }
        if let Some(data) = self.data {
            name("\"data\":", out);
            write_json(data, out);
        }
        if !self.extensions.is_empty() {
            name("\"extensions\":", out);
            out.push_str(&serde_json::to_string(self.extensions)?);
        }
        out.push('}');
        Ok(())
    }
}

fn send(media: Media, status: StatusCode, write: impl FnOnce(&mut String) -> serde_json::Result<()>) -> Response {
    let mut body = String::new();
    match write(&mut body) {
        Ok(()) => (status, [(header::CONTENT_TYPE, media.content_type())], body).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "Failed to write an answer as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What GraphQL answered.
pub(super) fn answer(media: Media, answer: &Answer) -> Response {
    let refused = is_request_error(answer);
    let status = match status_of(answer) {
        _ if !refused => StatusCode::OK,
        status if media == Media::GraphqlResponse || is_told_by_status(answer) => status,
        _ => StatusCode::OK,
    };
    let mut response = send(media, status, |out| Body::of(answer).write(out));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if let Some(Value::Number(seconds)) = extension(answer, "retryAfterSeconds")
        && let Ok(seconds) = HeaderValue::from_str(&seconds.to_string())
    {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Whether a status tells why nothing was run, whatever form the client asked for: what is not the document's fault.
pub(super) fn is_told_by_status(answer: &Answer) -> bool {
    is_request_error(answer) && matches!(status_of(answer), StatusCode::METHOD_NOT_ALLOWED | StatusCode::TOO_MANY_REQUESTS)
}

/// What GraphQL answered to each request of a batch.
pub(super) fn answers(media: Media, answers: &[Answer]) -> Response {
    send(media, StatusCode::OK, |out| {
        out.push('[');
        for (index, answer) in answers.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            Body::of(answer).write(out)?;
        }
        out.push(']');
        Ok(())
    })
}

/// What the first error says under this name.
fn extension<'a>(answer: &'a Answer, name: &str) -> Option<&'a Value> {
    answer.errors.first().and_then(|error| error.extensions.as_ref()?.get(name))
}

/// The status of a request error, by its code.
fn status_of(answer: &Answer) -> StatusCode {
    match extension(answer, "code") {
        Some(Value::String(code)) if code == "UNAUTHENTICATED" => StatusCode::UNAUTHORIZED,
        Some(Value::String(code)) if code == "FORBIDDEN" => StatusCode::FORBIDDEN,
        Some(Value::String(code)) if code == "INTERNAL" => StatusCode::INTERNAL_SERVER_ERROR,
        Some(Value::String(code)) if code == "METHOD_NOT_ALLOWED" => StatusCode::METHOD_NOT_ALLOWED,
        Some(Value::String(code)) if code == "RATE_LIMITED" => StatusCode::TOO_MANY_REQUESTS,
        Some(Value::String(code)) if code == "TIMEOUT" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Why a request never came to GraphQL.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// The methods that are allowed, where another was used.
    allow: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), allow: None }
    }

    /// The request makes no sense.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// Another method is needed.
    pub(super) fn method(allow: &'static str, message: &str) -> Self {
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message) }
    }

    /// In words.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The same, of one request of a batch.
    pub(super) fn of(self, index: usize) -> Self {
        Self { message: format!("Request {index} of the batch: {}", self.message), ..self }
    }

    /// The refusal in the form that the client asked for, or in plain JSON if it takes neither.
    pub(super) fn send(self, headers: &HeaderMap) -> Response {
        let mut error = ServerError::new(self.message, None);
        error.extensions.get_or_insert_default().set("code", self.code);
        let media = Media::wanted(headers).unwrap_or(Media::Json);
        let body = Body { errors: &[error], data: None, extensions: &BTreeMap::new() };
        let mut response = send(media, self.status, |out| body.write(out));
        if let Some(allow) = self.allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_gets_what_it_likes_best() {
        let wanted = |accept: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(header::ACCEPT, value.parse().unwrap());
            }
            Media::wanted(&headers)
        };
        const NEWER: &str = "application/graphql-response+json";
        for (accept, media) in [
            (&[][..], Some(Media::Json)),
            (&["*/*"], Some(Media::Json)),
            (&["application/*"], Some(Media::Json)),
            (&["application/json"], Some(Media::Json)),
            (&[NEWER], Some(Media::GraphqlResponse)),
            (&["application/graphql-response+json, application/json"], Some(Media::GraphqlResponse)),
            (&["application/json", NEWER], Some(Media::GraphqlResponse)),
            (&["application/graphql-response+json;q=0.5, application/json"], Some(Media::Json)),
            (&["Application/GraphQL-Response+JSON; charset=utf-8; q=0.9, */*;q=0.1"], Some(Media::GraphqlResponse)),
            (&["text/html, application/json;q=0"], None),
            (&["text/html"], None),
            (&["application/json;q=0, */*"], Some(Media::GraphqlResponse)),
        ] {
            assert_eq!(wanted(accept), media, "{accept:?}");
        }
    }

    #[test]
    fn an_event_stream_is_for_who_names_it_and_likes_it_better() {
        for (accept, events) in [
            ("text/event-stream", true),
            ("text/event-stream, */*", true),
            ("text/event-stream, multipart/mixed", true),
            ("text/event-stream, application/json;q=0.5", true),
            ("*/*", false),
            ("text/*", false),
            ("text/event-stream;q=0", false),
            ("text/event-stream;q=0.5, application/json", false),
            // Apollo, urql: with every request.
            ("application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_events(&headers), events, "{accept:?}");
        }
    }
}
