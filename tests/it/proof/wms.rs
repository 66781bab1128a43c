//! The WMS of a proof: `crossdock sandbox` as a process of its own, and all that it knows, read over its API.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::Goods;
use crate::support::process::{Process, http};

/// What the sandbox lets in.
pub const TOKEN: &str = "sandbox-demo-token";

/// The sandbox's name for each data type.
pub const RESOURCES: [(&str, &str); 9] = [
    ("INVENTORY", "inventory"),
    ("INBOUND_SHIPMENTS", "asns"),
    ("ORDERS", "orders"),
    ("PRODUCTS", "products"),
    ("RETURNS", "rmas"),
    ("SHIPPING_METHODS", "shipping-methods"),
    ("WAREHOUSES", "warehouses"),
    ("WAREHOUSE_CUSTOMERS", "clients"),
    ("WAREHOUSE_LOCATIONS", "locations"),
];

/// A sandbox.
pub struct Wms {
    process: Process,
    pub api: Api,
}

impl Wms {
    /// Starts one that answers as often as anybody likes.
    pub async fn start(log: &Path, goods: Goods) -> Self {
        let Goods { orders, page } = goods;
        let arguments = ["sandbox", "--listen=127.0.0.1:0", "--rate-limit=0", &format!("--orders={orders}"), &format!("--page-size={page}")];
        let process = Process::start(log, &arguments.map(str::to_owned)).await;
        let api = Api { url: process.url.clone(), http: http() };
        Self { process, api }
    }

    pub fn url(&self) -> &str {
        &self.process.url
    }
}

/// Its API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    url: String,
    http: reqwest::Client,
}

impl Api {
    /// Calls it; the status and the answer. Repeated when the connection breaks, which only what is done on purpose can do.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        for _ in 0..50 {
            let mut request = self.http.request(method.clone(), format!("{}{path}", self.url)).bearer_auth(TOKEN);
            if let Some(body) = &body {
                request = request.json(body);
            }
            if let Ok(response) = request.send().await {
                let status = response.status().as_u16();
                if let Ok(text) = response.text().await {
                    return (status, serde_json::from_str(&text).unwrap_or_default());
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the sandbox does not answer {method} {path}");
    }

    /// What goes wrong from now on: rules as in `src/wms/sandbox/README.md`. None: nothing.
    pub async fn faults(&self, rules: Value) {
        let (status, answer) = self.call(Method::PUT, "/_faults", Some(rules)).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// How often something went wrong.
    pub async fn struck(&self) -> u64 {
        let (_, rules) = self.call(Method::GET, "/_faults", None).await;
        rules.as_array().into_iter().flatten().filter_map(|rule| rule["struck"].as_u64()).sum()
    }

    /// All rows of a resource by their ids, page after page.
    pub async fn rows(&self, resource: &str) -> BTreeMap<String, Value> {
        let mut rows = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let (status, page) = self.call(Method::GET, &format!("/v1/{resource}?limit=250{cursor}"), None).await;
            assert_eq!(status, 200, "{page}");
            for row in page["data"].as_array().expect("rows") {
                rows.insert(row["id"].as_str().expect("an id").to_owned(), row.clone());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// Everything that there is: rows by data type and id.
    pub async fn truth(&self) -> BTreeMap<&'static str, BTreeMap<String, Value>> {
        let mut truth = BTreeMap::new();
        for (data_type, resource) in RESOURCES {
            truth.insert(data_type, self.rows(resource).await);
        }
        truth
    }
}
