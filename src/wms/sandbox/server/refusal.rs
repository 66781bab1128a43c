//! How this WMS says no: a status, a code, a sentence, and, where fields are to blame, which ones.
//!
//! Handlers answer with a [`Refusal`]; the gate, which knows the number of the request, writes it out.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request is refused.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    /// No token, or a wrong one.
    Token,
    /// The token may not do this.
    Scope(String),
    /// There is no such thing.
    Missing(String),
    /// Nothing was done under this idempotency key.
    UnknownKey(String),
    /// The address exists, but not with this verb.
    Method,
    /// It collides with what is there.
    Conflict(&'static str, String, Vec<Field>),
    /// These fields are not as they must be; at least one.
    Fields(Vec<Field>),
    /// The body is no JSON, or too large.
    Malformed(String),
    /// Too many requests; wait for so many seconds.
    TooMany(u64),
    /// Out of order.
    Unavailable(String),
    /// Something broke, whatever was done by then.
    Broken(StatusCode),
    /// On purpose: what a fault says.
    Staged { status: StatusCode, message: Option<String>, retry_after: Option<u64> },
}

/// A field of the input, and what is wrong with it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Field {
    /// Such as `lines[0].sku`.
    pub field: String,
    /// A sentence.
    pub message: String,
}

impl Field {
    /// A complaint about `field`.
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// All that is wrong with an input.
#[derive(Debug, Default)]
pub(super) struct Wrong(Vec<Field>);

impl Wrong {
    /// Complains of `field`.
    pub(super) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(Field::new(field, message));
    }

    /// What was found, or `None` with the complaint kept.
    pub(super) fn check<T>(&mut self, result: Result<T, Field>) -> Option<T> {
        result.map_err(|field| self.0.push(field)).ok()
    }

    /// Whether there is nothing to complain of.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The refusal, where there is something to complain of.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::Fields(self.0)) }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Problem<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Problem<'a> {
    code: &'a str,
    message: String,
    #[serde(skip_serializing_if = "<[Field]>::is_empty")]
    fields: &'a [Field],
}

impl Refusal {
    /// The whole answer to request `request_id`.
    pub(super) fn answer(&self, request_id: &str) -> Response {
        let (status, code, message, fields): (StatusCode, &str, String, &[Field]) = match self {
            Self::Token => (StatusCode::UNAUTHORIZED, "invalid_token", "The API token is missing or not valid".to_owned(), &[]),
            Self::Scope(scope) => (StatusCode::FORBIDDEN, "insufficient_scope", format!("This token lacks the scope '{scope}'"), &[]),
            Self::Missing(message) => (StatusCode::NOT_FOUND, "not_found", message.clone(), &[]),
            Self::UnknownKey(key) => {
                (StatusCode::NOT_FOUND, "unknown_idempotency_key", format!("Nothing was done under idempotency key '{key}'"), &[])
            }
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not know that method".to_owned(), &[]),
            Self::Conflict(code, message, fields) => (StatusCode::CONFLICT, code, message.clone(), fields),
            Self::Fields(fields) => {
                let messages: Vec<&str> = fields.iter().map(|field| field.message.as_str()).collect();
                (StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", messages.join("; "), fields)
            }
            Self::Malformed(message) => (StatusCode::BAD_REQUEST, "malformed_request", message.clone(), &[]),
            Self::TooMany(seconds) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited", format!("Too many requests; try again in {seconds} s"), &[]),
            Self::Unavailable(message) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message.clone(), &[]),
            Self::Broken(status) => (*status, "internal_error", "Something went wrong on our side".to_owned(), &[]),
            Self::Staged { status, message, .. } => {
                let sentence = || format!("The sandbox was told to answer with {status}");
                (*status, code_of(*status), message.clone().unwrap_or_else(sentence), &[])
            }
        };
        let mut response = (status, axum::Json(Body { error: Problem { code, message, fields }, request_id })).into_response();
        if let Self::TooMany(seconds) | Self::Staged { retry_after: Some(seconds), .. } = self {
            response.headers_mut().insert("retry-after", (*seconds).into());
        }
        response
    }

    /// The response with the refusal in it, if there is one, written out; and that refusal.
    pub(super) fn write_out(mut response: Response, request_id: &str) -> (Response, Option<Self>) {
        match response.extensions_mut().remove::<Self>() {
            Some(refusal) => (refusal.answer(request_id), Some(refusal)),
            None => (response, None),
        }
    }
}

/// The code that belongs to a status, where it has one of its own.
fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "malformed_request",
        401 => "invalid_token",
        403 => "insufficient_scope",
        404 => "not_found",
        405 => "method_not_allowed",
        422 => "validation_failed",
        429 => "rate_limited",
        503 => "unavailable",
        _ => "staged_fault",
    }
}

/// A response that the gate still has to write out.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
