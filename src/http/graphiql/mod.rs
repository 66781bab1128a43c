//! GraphiQL: the page where a person explores the API in a browser.
//!
//! Its libraries lie compressed, as they are sent, in `vendor/`; the README beside this file says where they come from.
//!
//! Deliberately absent: an answer for clients that cannot read gzip. Every browser can, and nobody else needs these files.

use super::assets::{Asset, Caching, HTML, SCRIPT, STYLE};

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

/// The page at `/` and its files below `/graphiql/`.
pub(super) static ASSETS: [Asset; 7] = [
    Asset { path: "/", content_type: HTML, bytes: include_bytes!("index.html"), caching: Caching::Revalidated },
    Asset { path: "/graphiql/page.js", content_type: SCRIPT, bytes: include_bytes!("page.js"), caching: Caching::Revalidated },
    vendored!("graphiql-3.9.0.css", STYLE),
    vendored!("graphiql-3.9.0.js", SCRIPT),
    vendored!("graphql-ws-6.4.2.js", SCRIPT),
    vendored!("react-18.3.1.js", SCRIPT),
    vendored!("react-dom-18.3.1.js", SCRIPT),
];

#[cfg(test)]
mod tests {
    use axum::http::{StatusCode, header};

    use super::super::assets::tests::{ask, body, page_is_whole};
    use super::*;

    #[tokio::test]
    async fn the_page_has_all_that_it_asks_for_and_nothing_from_elsewhere() {
        page_is_whole(&ASSETS, "/graphiql/").await;
    }

    #[tokio::test]
    async fn what_a_browser_has_is_not_sent_again() {
        let first = ask(&ASSETS, "/graphiql/page.js", None).await;
        assert_eq!(first.headers()[header::CACHE_CONTROL], "no-cache");
        let again = ask(&ASSETS, "/graphiql/page.js", first.headers().get(header::ETAG)).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(body(again).await.is_empty());
        let vendored = ask(&ASSETS, "/graphiql/react-18.3.1.js", None).await;
        assert_eq!(vendored.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    }
}
