//! A stranger who changes the WMS behind Crossdock's back: makes, ships and cancels orders, changes products, deletes rows.
//!
//! **Invariant.** No two titles that it gives are the same, and a later one has a greater number: so whoever reads a
//! product's history backwards must see the numbers fall.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Dice;
use super::wms::Api;

/// What the titles begin with.
pub const TITLE: &str = "Proof ";

/// The next one's number, whichever stranger gives it.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// How many rows of small resources may go: what a complete listing may miss without anybody's word.
const MOST_GONE: usize = 40;

/// The stranger at work.
pub struct Mutator {
    stop: CancellationToken,
    task: JoinHandle<BTreeMap<String, usize>>,
}

impl Mutator {
    /// Sets to work.
    pub async fn start(api: &Api, mut dice: Dice) -> Self {
        let orders: Vec<String> = api.rows("orders").await.into_keys().collect();
        let products: Vec<_> = api.rows("products").await.into_values().collect();
        let skus: Vec<String> =
            products.iter().filter(|product| product["archived"] == false).filter_map(|product| Some(product["sku"].as_str()?.to_owned())).collect();
        let products: Vec<String> = products.iter().filter_map(|product| Some(product["id"].as_str()?.to_owned())).collect();
        let mut small = Vec::new();
        for resource in ["rmas", "asns", "products", "locations"] {
            small.extend(api.rows(resource).await.into_keys().map(|id| format!("{resource}/{id}")));
        }
        let stop = CancellationToken::new();
        let (api, stopped) = (api.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let mut done: BTreeMap<String, usize> = BTreeMap::new();
            let (mut orders, mut gone) = (orders, 0);
            while !stopped.is_cancelled() {
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let order = dice.pick(&orders).cloned().unwrap_or_default();
                let (what, method, path, body) = match dice.below(20) {
                    0..6 => {
                        let line = json!({ "sku": dice.pick(&skus), "qty": 1 + dice.below(3) });
                        let to = json!({ "name": "Ada", "address1": "1 Dock Road", "city": "Rotterdam", "zip": "3011", "country": "NL" });
                        (
                            "made",
                            Method::POST,
                            "/v1/orders".to_owned(),
                            Some(json!({ "reference": format!("proof-{number}"), "ship_to": to, "lines": [line] })),
                        )
                    }
                    6..10 => ("shipped", Method::POST, format!("/v1/orders/{order}/ship"), None),
                    10..12 => ("cancelled", Method::POST, format!("/v1/orders/{order}/cancel"), None),
                    12..18 => {
                        let product = dice.pick(&products).cloned().unwrap_or_default();
                        ("changed", Method::PATCH, format!("/v1/products/{product}"), Some(json!({ "title": format!("{TITLE}{number}") })))
                    }
                    18 if gone < MOST_GONE => {
                        gone += 1;
                        ("deleted", Method::DELETE, format!("/v1/{}", dice.pick(&small).cloned().unwrap_or_default()), None)
                    }
                    _ => ("deleted", Method::DELETE, format!("/v1/orders/{order}"), None),
                };
                let (status, answer) = api.call(method, &path, body).await;
                let outcome = if status < 300 { what.to_owned() } else { format!("{what}: refused") };
                *done.entry(outcome).or_default() += 1;
                orders.extend(answer["id"].as_str().filter(|_| what == "made").map(str::to_owned));
                tokio::time::sleep(dice.millis(2, 20)).await;
            }
            done
        });
        Self { stop, task }
    }

    /// Stops, and says how often it did what.
    pub async fn stop(self) -> BTreeMap<String, usize> {
        self.stop.cancel();
        self.task.await.expect("the stranger came to no harm")
    }
}
