//! What a WMS said when it refused: the form in which it is stored and shown.

use serde::{Deserialize, Serialize};

use super::{Instant, Json, codes};

codes! {
    /// What kind of error it is, in one word that programs can compare.
    pub enum ErrorCode {
        /// The input makes no sense here: see `path`.
        InvalidInput = "INVALID_INPUT",
        /// What the input names is not there.
        NotFound = "NOT_FOUND",
        /// It collides with what is there.
        Conflict = "CONFLICT",
        /// The WMS, or its adapter, cannot do this.
        Unsupported = "UNSUPPORTED",
        /// It is switched off.
        Disabled = "DISABLED",
        /// The idempotency key was used with another content.
        IdempotencyMismatch = "IDEMPOTENCY_MISMATCH",
        /// The same write is under way.
        InProgress = "IN_PROGRESS",
        /// It was never sent: the server ended before it could be.
        NotSent = "NOT_SENT",
        /// The WMS refuses the input.
        WmsValidation = "WMS_VALIDATION",
        /// What it speaks of is not at the WMS.
        WmsNotFound = "WMS_NOT_FOUND",
        /// It collides with what is at the WMS.
        WmsConflict = "WMS_CONFLICT",
        /// The WMS does not accept the connection's credentials.
        WmsUnauthenticated = "WMS_UNAUTHENTICATED",
        /// The connection's credentials may not do this.
        WmsForbidden = "WMS_FORBIDDEN",
        /// Too many calls.
        WmsRateLimited = "WMS_RATE_LIMITED",
        /// The WMS cannot be reached, or is out of order.
        WmsUnavailable = "WMS_UNAVAILABLE",
        /// The WMS did not answer in time; whether it acted is not known.
        WmsTimeout = "WMS_TIMEOUT",
        /// The WMS answered something that its protocol does not know.
        WmsProtocol = "WMS_PROTOCOL",
        /// A defect of this server.
        Internal = "INTERNAL",
    }
}

/// An error of a WMS, or of what was sent to it. Never holds a credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of error it is.
    pub code: ErrorCode,
    /// The WMS's own text, unchanged, or ours where it sent none.
    pub message: String,
    /// The input field that it speaks of, below the mutation's `input`.
    pub path: Option<Vec<String>>,
    /// The HTTP status of the WMS's answer.
    pub http_status: Option<u16>,
    /// The WMS's own code.
    pub wms_code: Option<String>,
    /// The WMS's identifier of the call.
    pub request_id: Option<String>,
    /// The WMS's whole answer.
    pub body: Option<serde_json::Value>,
    /// Whether the same call may work later.
    pub retryable: bool,
    /// Not before this moment.
    pub retry_after: Option<Instant>,
}

impl Failure {
    /// A failure of ours: nothing was said by a WMS.
    pub fn ours(code: ErrorCode, message: impl Into<String>) -> Self {
        let (path, http_status, wms_code, request_id, body, retry_after) = (None, None, None, None, None, None);
        Self { code, message: message.into(), path, http_status, wms_code, request_id, body, retryable: false, retry_after }
    }

    /// The same, speaking of an input field.
    #[must_use]
    pub fn at(self, path: &[&str]) -> Self {
        Self { path: Some(path.iter().map(|part| (*part).to_owned()).collect()), ..self }
    }

    /// As it is stored.
    pub fn to_json(&self) -> Json {
        Json::of(self)
    }

    /// From what was stored.
    pub fn from_json(json: &Json) -> Self {
        serde_json::from_str(json.as_str()).unwrap_or_else(|_| Self::ours(ErrorCode::Internal, "The stored error cannot be read"))
    }

    /// Whether it came from a WMS, rather than from this server.
    pub fn is_from_wms(&self) -> bool {
        self.code.as_str().starts_with("WMS_")
    }
}
