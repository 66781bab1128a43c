//! What can go wrong with a WMS: *what happened* apart from *what to do*.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{ErrorCode, Failure, Instant, Json};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// The credentials are wrong, expired or revoked.
    Unauthenticated,
    /// The credentials are right, but may not do this.
    Forbidden,
    /// What the call speaks of is not there.
    NotFound,
    /// It collides with what is there already.
    Conflict,
    /// The WMS refuses the input.
    Validation,
    /// Too many calls.
    RateLimited,
    /// The WMS cannot be reached, or says that it is out of order.
    Unavailable,
    /// No answer came in time. Whether the call was carried out is not known.
    Timeout,
    /// The answer is none that the protocol knows: malformed JSON, a wrong shape, a body cut off.
    Protocol,
    /// The WMS, or its adapter, has no such function.
    Unsupported,
    /// What the connection was given cannot work: a malformed address, a missing credential.
    Configuration,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Retry {
    /// The same call will fail again.
    Never,
    /// Try again later, and later still.
    BackOff,
    /// Not before this moment: the WMS said so.
    After(Instant),
}

/// A WMS said no, or said nothing that makes sense.
///
/// `message` is the WMS's own text, unchanged, wherever it sent one; else a sentence of ours that says what happened.
/// It never holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Error {
    /// What happened.
    pub kind: Kind,
    /// What to do.
    pub retry: Retry,
    /// The WMS's own text, unchanged, or ours where it sent none.
    pub message: String,
    /// The WMS's own error code.
    pub code: Option<String>,
    /// The HTTP status of its answer.
    pub http_status: Option<u16>,
    /// The identifier that the WMS gave the call.
    pub request_id: Option<String>,
    /// Its whole answer, as far as it may be shown to the caller (no tracebacks, no secrets).
    pub body: Option<Json>,
    /// The field of the *unified* input that it speaks of, below the record: `["lineItems", "0", "sku"]`.
    pub path: Option<Vec<String>>,
    /// Whether the call may have been carried out all the same: it was sent, and no answer was understood.
    pub outcome_unknown: bool,
}

impl Error {
    /// An error of this kind with the usual advice: transient kinds back off, all others never.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let retry = match kind {
            Kind::RateLimited | Kind::Unavailable | Kind::Timeout => Retry::BackOff,
            _ => Retry::Never,
        };
        let (code, http_status, request_id, body, path) = (None, None, None, None, None);
        Self { kind, retry, message: message.into(), code, http_status, request_id, body, path, outcome_unknown: kind == Kind::Timeout }
    }

    /// The same with the WMS's own code.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// The same with the HTTP status of the answer.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { http_status: Some(status), ..self }
    }

    /// The same with the WMS's identifier of the call.
    #[must_use]
    pub fn with_request_id(self, id: Option<String>) -> Self {
        Self { request_id: id, ..self }
    }

    /// The same with the WMS's answer.
    #[must_use]
    pub fn with_body(self, body: Json) -> Self {
        Self { body: Some(body), ..self }
    }

    /// The same with the field of the unified input that it speaks of.
    #[must_use]
    pub fn with_path(self, path: Vec<String>) -> Self {
        Self { path: Some(path), ..self }
    }

    /// The same with other advice.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Whether the same call may work later.
    pub fn is_retryable(&self) -> bool {
        self.retry != Retry::Never
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The form in which it is stored and shown.
impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let code = match error.kind {
            Kind::Unauthenticated => ErrorCode::WmsUnauthenticated,
            Kind::Forbidden => ErrorCode::WmsForbidden,
            Kind::NotFound => ErrorCode::WmsNotFound,
            Kind::Conflict => ErrorCode::WmsConflict,
            Kind::Validation => ErrorCode::WmsValidation,
            Kind::RateLimited => ErrorCode::WmsRateLimited,
            Kind::Unavailable => ErrorCode::WmsUnavailable,
            Kind::Timeout => ErrorCode::WmsTimeout,
            Kind::Protocol => ErrorCode::WmsProtocol,
            Kind::Unsupported => ErrorCode::Unsupported,
            Kind::Configuration => ErrorCode::InvalidInput,
        };
        Self {
            code,
            message: error.message.clone(),
            path: error.path.clone(),
            http_status: error.http_status,
            wms_code: error.code.clone(),
            request_id: error.request_id.clone(),
            body: error.body.as_ref().map(Json::to_value),
            retryable: error.is_retryable(),
            retry_after: match error.retry {
                Retry::After(at) => Some(at),
                _ => None,
            },
        }
    }
}
