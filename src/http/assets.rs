//! Files of the pages that are served beside the API.
//!
//! **Invariants.** They are in the binary: a page works without the internet. They run under a Content-Security-Policy that allows
//! neither inline scripts nor other origins. They are public, since they hold nothing: what a person may see, `/graphql` decides
//! from the API key that the page asks for.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// What a page may load and talk to: its own origin. Styles are inline because React and CodeMirror set them so.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; \
     font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const STYLE: &str = "text/css; charset=utf-8";

/// One file that is served.
pub(super) struct Asset {
    pub(super) path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) bytes: &'static [u8],
    pub(super) caching: Caching,
}

pub(super) enum Caching {
    /// The path names the version, so what is behind it never changes. These are gzip-compressed.
    Forever,
    /// Asked for each time, and sent again only if it has changed.
    Revalidated,
}

/// What every page has.
static SHARED: [Asset; 2] = [
    Asset { path: "/pages/bar.css", content_type: STYLE, bytes: include_bytes!("assets/bar.css"), caching: Caching::Revalidated },
    Asset { path: "/pages/bar.js", content_type: SCRIPT, bytes: include_bytes!("assets/bar.js"), caching: Caching::Revalidated },
];

/// The files of these pages, each at its path, and what all pages have.
pub(super) fn router(pages: &[&'static [Asset]]) -> Router {
    pages.iter().copied().chain([&SHARED[..]]).flatten().fold(Router::new(), |router, asset| {
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
pub(super) mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    pub async fn ask(page: &'static [Asset], path: &str, tag: Option<&HeaderValue>) -> Response {
        let mut request = Request::get(path);
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        router(&[page]).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    pub async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    /// The first of these is a page; it asks for all the others, below `folder`, and for nothing else.
    pub async fn page_is_whole(assets: &'static [Asset], folder: &str) {
        let response = ask(assets, assets[0].path, None).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], HTML);
        let page = String::from_utf8(body(response).await).unwrap();
        assert!(!page.contains("://"), "the page works without the internet");
        assert!(page.split("<script").skip(1).all(|script| script.trim_start().starts_with("src=")), "no inline script");
        let below = |folder: &str| -> Vec<_> { page.split('"').filter(|text| text.starts_with(folder)).collect() };
        let (own, shared) = (below(folder), below("/pages/"));
        assert_eq!(own.len(), assets.len() - 1, "the page uses all that is served: {own:?}");
        assert_eq!(shared.len(), SHARED.len(), "the page uses all that pages share: {shared:?}");
        for path in own.into_iter().chain(shared) {
            let response = ask(assets, path, None).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let compressed = response.headers().contains_key(header::CONTENT_ENCODING);
            let bytes = body(response).await;
            assert_eq!(bytes.starts_with(&[0x1f, 0x8b]), compressed, "{path} is what its content-encoding says");
        }
        for asset in assets.iter().chain(&SHARED) {
            let response = ask(assets, asset.path, None).await;
            let headers = response.headers();
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], CONTENT_SECURITY_POLICY);
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        }
    }
}
