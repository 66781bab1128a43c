//! Who asks: API keys as bearer tokens.
//!
//! A request's key is looked up when it comes. What stays open for longer (a websocket, an event stream) is looked at again and
//! again ([`Keys`]): a key that is revoked, or whose access is another, ends it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

use super::answer::Refusal;
use crate::graphql::Viewer;
use crate::store::Store;
use crate::store::keys::{Access, key_access, key_find};
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

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::new(denied.status(), denied.code(), denied.message())
    }
}

/// What the database last said of the keys of those who stay. Thousands of websockets share a few keys, so it is asked for a
/// key, not for a websocket.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: Mutex<HashMap<i64, (Instant, Option<Access>)>>,
}

impl Keys {
    /// Whether a key still has the access that it had when it was looked up, which must be `period` ago or more: what is known
    /// of it is at most half as old. When the database does not answer, it is asked again next time.
    pub(super) async fn still(&self, store: &Store, viewer: &Viewer, period: Duration) -> bool {
        let (id, held) = (viewer.0.id, Some(viewer.0.access));
        let now = Instant::now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
        if let Some((at, access)) = known
            && now.duration_since(at) < period / 2
        {
            return access == held;
        }
        let found = async { key_access(&mut store.read().await?, id).await };
        match found.await {
            Ok(access) => {
                self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (now, access));
                access == held
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "Failed to look at an API key again");
                true
            }
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
