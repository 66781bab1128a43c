//! The dashboard: the page where a person sees how the connected WMSs are doing, and syncs one by hand.
//!
//! It is a client of the API like any other, without a library of its own: `page.js` asks `/graphql` with the key that it is given.

use super::assets::{Asset, Caching, HTML, SCRIPT, STYLE};

/// The page at `/dashboard` and its files below it.
pub(super) static ASSETS: [Asset; 3] = [
    Asset { path: "/dashboard", content_type: HTML, bytes: include_bytes!("index.html"), caching: Caching::Revalidated },
    Asset { path: "/dashboard/page.css", content_type: STYLE, bytes: include_bytes!("page.css"), caching: Caching::Revalidated },
    Asset { path: "/dashboard/page.js", content_type: SCRIPT, bytes: include_bytes!("page.js"), caching: Caching::Revalidated },
];

#[cfg(test)]
mod tests {
    use super::super::assets::tests::page_is_whole;
    use super::*;

    #[tokio::test]
    async fn the_page_has_all_that_it_asks_for_and_nothing_from_elsewhere() {
        page_is_whole(&ASSETS, "/dashboard/").await;
    }
}
