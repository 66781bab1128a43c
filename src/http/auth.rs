//! Who asks: API keys as bearer tokens.
//!
//! A request's key is looked up when it comes, unless that was done within the last second ([`FRESH`]): a client that asks for one
//! record after the other would wait for its key as long as for the record. A key that is revoked is so a second later at most.
//! What stays open for longer (a websocket, an event stream) is looked at again and
//! again ([`Keys`]): a key that is revoked, or whose access is another, ends it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

use super::answer::Refusal;
use crate::graphql::Viewer;
use crate::store::Store;
use crate::store::keys::{Access, ApiKey, key_access, key_find};
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

/// For how long a key that was looked up is believed.
const FRESH: Duration = Duration::from_secs(1);
/// Keys that are remembered at most.
const MOST: usize = 1024;

/// What the database last said of keys: by the secrets that came, and of those who stay. Thousands of websockets share a few keys, so it is asked for a
/// key, not for a websocket.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By the secret's hash: a secret is held no longer than its request.
    found: Mutex<HashMap<blake3::Hash, (Instant, ApiKey)>>,
    known: Mutex<HashMap<i64, (Instant, Option<Access>)>>,
}

impl Keys {
    /// Who the bearer of `authorization` is.
    pub(super) async fn viewer(&self, store: &Store, authorization: Option<&str>) -> Result<Viewer, Denied> {
        let text = authorization.ok_or(Denied::Missing)?.trim();
        let (scheme, secret) = text.split_once(' ').ok_or(Denied::Missing)?;
        let secret = secret.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || secret.is_empty() {
            return Err(Denied::Missing);
        }
        let (now, hash) = (Instant::now(), blake3::hash(secret.as_bytes()));
        let is_fresh = |at: Instant| now.duration_since(at) < FRESH;
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).filter(|(at, _)| is_fresh(*at)).cloned();
        if let Some((_, key)) = known {
            return Ok(Viewer(key));
        }
        let found = async { key_find(&mut store.read().await?, secret).await };
        match found.await {
            Ok(Some(key)) => {
                let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
                if found.len() >= MOST {
                    found.retain(|_, (at, _)| is_fresh(*at));
                }
                if found.len() < MOST {
                    found.insert(hash, (now, key.clone()));
                }
                Ok(Viewer(key))
            }
            Ok(None) => Err(Denied::Unknown),
            Err(error) => {
                tracing::error!(error = %chain(&error), "Failed to look an API key up");
                Err(Denied::Unavailable)
            }
        }
    }

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

/// The `Authorization` header.
pub(super) fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}
