//! Which web pages may talk to the API.
//!
//! A page of another origin is kept out unless the operator names its origin: by CORS where the browser asks before it sends,
//! and by the `Origin` of the handshake for websockets, where it does not ask. What is no browser sends no origin, and has a
//! key or has not.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::request_id::X_REQUEST_ID;

/// The origins whose pages may talk to the API, beside the server's own.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    any: bool,
    named: Arc<[HeaderValue]>,
}

/// For how long a browser may remember what it was allowed, in seconds.
const REMEMBERED: u64 = 600;

impl Origins {
    /// These origins, such as `https://portal.example.com`; `*` stands for any.
    ///
    /// # Errors
    /// What is no origin, with the reason.
    pub fn new(names: &[String]) -> Result<Self, String> {
        let named = names.iter().filter(|name| *name != "*").map(|name| {
            let url = url::Url::parse(name).map_err(|e| format!("{name:?} is no origin such as https://portal.example.com: {e}"))?;
            let origin = url.origin().ascii_serialization();
            if origin != *name {
                return Err(format!("{name:?} is more than an origin; did you mean {origin:?}?"));
            }
            HeaderValue::try_from(origin).map_err(|e| format!("{name:?}: {e}"))
        });
        Ok(Self { any: names.iter().any(|name| name == "*"), named: named.collect::<Result<_, _>>()? })
    }

    /// Whether whoever sends these headers is no page, or a page that may.
    pub(super) fn allow(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        self.any || self.named.contains(origin) || is_own(origin, headers.get(header::HOST))
    }

    /// What answers browsers that ask.
    pub(super) fn cors(&self) -> CorsLayer {
        let origins = if self.any { AllowOrigin::any() } else { AllowOrigin::list(self.named.iter().cloned()) };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, X_REQUEST_ID])
            .expose_headers([X_REQUEST_ID])
            .max_age(std::time::Duration::from_secs(REMEMBERED))
    }
}

/// Whether a page was loaded from here.
fn is_own(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let place = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, place)| place);
    place.is_some() && place == host.and_then(|host| host.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_own_origin_and_of_named_ones_may() {
        let origins = Origins::new(&["https://portal.example.com".to_owned(), "http://localhost:3000".to_owned()]).unwrap();
        let may = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:8080".parse().unwrap());
            headers.extend(origin.map(|origin| (header::ORIGIN, origin.parse().unwrap())));
            origins.allow(&headers)
        };
        for origin in [None, Some("http://127.0.0.1:8080"), Some("https://portal.example.com"), Some("http://localhost:3000")] {
            assert!(may(origin), "{origin:?}");
        }
        for origin in
            ["https://evil.example.com", "http://portal.example.com", "https://portal.example.com.evil.example", "null", "http://127.0.0.1:8081"]
        {
            assert!(!may(Some(origin)), "{origin}");
        }
        assert!(Origins::new(&["*".to_owned()]).unwrap().any);
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for (name, reason) in [
            ("portal.example.com", "no origin"),
            ("https://portal.example.com/", "did you mean \"https://portal.example.com\""),
            ("https://portal.example.com/app", "more than an origin"),
        ] {
            assert!(Origins::new(&[name.to_owned()]).unwrap_err().contains(reason), "{name}");
        }
    }
}
