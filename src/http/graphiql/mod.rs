//! GraphiQL: the page where a person explores the API in a browser.
//!
//! **Invariants.** It works without the internet: everything it needs is in the binary, compressed as it is sent
//! (`vendor/`; the README beside this file says where it comes from). It runs under a Content-Security-Policy that allows
//! neither inline scripts nor other origins. The page and its files are public, since they hold nothing: what a person
//! may see, `/graphql` decides from the API key that the page asks for.
//!
//! Deliberately absent: an answer for clients that cannot read gzip. Every browser can, and nobody else needs these files.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// What the page may load and talk to: its own origin. Styles are inline because React and CodeMirror set them so.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; \
     font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One file that is served.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    caching: Caching,
}

enum Caching {
    /// The path names the version, so what is behind it never changes. These are gzip-compressed.
    Forever,
    /// Asked for each time, and sent again only if it has changed.
    Revalidated,
}

macro_rules! vendored {
    ($file:literal, $content_type:expr) => {
        Asset {
            path: concat!("/graphiql/", $file),
            content_type: $content_type,
            bytes: include_bytes!(concat!("vendor/", $file, ".gz")),
            caching: Caching::Forever,
        }
    };
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: [Asset; 7] = [
    Asset { path: "/", content_type: "text/html; charset=utf-8", bytes: include_bytes!("index.html"), caching: Caching::Revalidated },
    Asset { path: "/graphiql/page.js", content_type: SCRIPT, bytes: include_bytes!("page.js"), caching: Caching::Revalidated },
    vendored!("graphiql-3.9.0.css", "text/css; charset=utf-8"),
    vendored!("graphiql-3.9.0.js", SCRIPT),
    vendored!("graphql-ws-6.4.2.js", SCRIPT),
    vendored!("react-18.3.1.js", SCRIPT),
    vendored!("react-dom-18.3.1.js", SCRIPT),
];

/// The page at `/` and its files below `/graphiql/`.
pub fn router() -> Router {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        let tag = asset.tag();
        router.route(asset.path, get(async move |asked: HeaderMap| asset.answer(&asked, tag.as_ref())))
    })
}

impl Asset {
    /// What names this content for a browser that has it already.
    fn tag(&self) -> Option<HeaderValue> {
        match self.caching {
            Caching::Forever => None,
            Caching::Revalidated => HeaderValue::try_from(format!("\"{}\"", blake3::hash(self.bytes).to_hex())).ok(),
        }
    }

    fn answer(&self, asked: &HeaderMap, tag: Option<&HeaderValue>) -> Response {
        let cached = tag.is_some() && asked.get(header::IF_NONE_MATCH) == tag;
        let mut response = if cached { StatusCode::NOT_MODIFIED.into_response() } else { self.bytes.into_response() };
        let headers = response.headers_mut();
        if !cached {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        match self.caching {
            Caching::Forever => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
            }
            Caching::Revalidated => {
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            }
        }
        if let Some(tag) = tag {
            headers.insert(header::ETAG, tag.clone());
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(path: &str, tag: Option<&HeaderValue>) -> Response {
        let mut request = Request::get(path);
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    #[tokio::test]
    async fn everything_the_page_asks_for_is_there() {
        let response = ask("/", None).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let page = String::from_utf8(body(response).await).unwrap();
        let paths: Vec<_> = page.split('"').filter(|text| text.starts_with("/graphiql/")).collect();
        assert_eq!(paths.len(), ASSETS.len() - 1, "the page uses all that is served: {paths:?}");
        for path in paths {
            let response = ask(path, None).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let compressed = response.headers().contains_key(header::CONTENT_ENCODING);
            let bytes = body(response).await;
            assert_eq!(bytes.starts_with(&[0x1f, 0x8b]), compressed, "{path} is what its content-encoding says");
        }
    }

    #[tokio::test]
    async fn nothing_comes_from_elsewhere_or_runs_inline() {
        let page = String::from_utf8(body(ask("/", None).await).await).unwrap();
        assert!(!page.contains("://"), "the page works without the internet");
        assert!(page.split("<script").skip(1).all(|script| script.trim_start().starts_with("src=")), "no inline script");
        for asset in &ASSETS {
            let response = ask(asset.path, None).await;
            let headers = response.headers();
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], CONTENT_SECURITY_POLICY);
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        }
    }

    #[tokio::test]
    async fn what_a_browser_has_is_not_sent_again() {
        let first = ask("/graphiql/page.js", None).await;
        assert_eq!(first.headers()[header::CACHE_CONTROL], "no-cache");
        let again = ask("/graphiql/page.js", first.headers().get(header::ETAG)).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(body(again).await.is_empty());
        let vendored = ask("/graphiql/react-18.3.1.js", None).await;
        assert_eq!(vendored.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    }
}
