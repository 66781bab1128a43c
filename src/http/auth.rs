//! Who asks: API keys as bearer tokens.

use axum::http::{HeaderMap, StatusCode, header};

use crate::graphql::Viewer;
use crate::store::Store;
use crate::store::keys::key_find;
use crate::telemetry::chain;

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// There is no key.
    Missing,
    /// There is no such key.
    Unknown,
    /// The keys cannot be read.
    Unavailable,
}

impl Denied {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Missing | Self::Unknown => "UNAUTHENTICATED",
            Self::Unavailable => "UNAVAILABLE",
        }
    }

    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Missing => "An API key is needed: send the header \"Authorization: Bearer <key>\" (in connection_init, on a websocket)",
            Self::Unknown => "The API key is not valid",
            Self::Unavailable => "The database does not answer",
        }
    }
}

/// Who the bearer of `authorization` is.
pub(super) async fn viewer(store: &Store, authorization: Option<&str>) -> Result<Viewer, Denied> {
    let text = authorization.ok_or(Denied::Missing)?.trim();
    let (scheme, secret) = text.split_once(' ').ok_or(Denied::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") || secret.trim().is_empty() {
        return Err(Denied::Missing);
    }
    let found = async { key_find(&mut store.read().await?, secret.trim()).await };
    match found.await {
        Ok(Some(key)) => Ok(Viewer(key)),
        Ok(None) => Err(Denied::Unknown),
        Err(error) => {
            tracing::error!(error = %chain(&error), "Failed to look an API key up");
            Err(Denied::Unavailable)
        }
    }
}

/// The `Authorization` header.
pub(super) fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}
