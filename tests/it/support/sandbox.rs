//! A sandbox WMS of a test's own, which it can stop, replace and take rows from.

use std::net::SocketAddr;
use std::sync::Arc;

use crossdock::clock::Clock;
use crossdock::wms::sandbox::server::{RunningSandbox, SandboxConfig, start};
use serde_json::{Value, json};

use super::server::Server;

pub const CREATE: &str = "mutation($input: CreateConnectionInput!) { createConnection(input: $input) {
    connection { id name status lookbackDays customerReference schedules { dataType intervalSeconds enabled } }
    errors { __typename code message path ... on WmsError { httpStatus retryable } } } }";

pub fn input(base_url: &str) -> Value {
    json!({ "integration": "sandbox", "name": "Second warehouse", "credentials": { "baseUrl": base_url, "apiToken": "sandbox-demo-token" } })
}

/// A sandbox with so many orders: connected and synced, or (given an address) put there for a connection that is.
pub async fn own(server: &Server, orders: u32, token: &str, at: Option<(SocketAddr, &str)>) -> (RunningSandbox, String) {
    let clock = Clock::system();
    let mut config = SandboxConfig { api_token: token.into(), orders, ..SandboxConfig::new(Arc::new(move || clock.now())) };
    if let Some((address, id)) = at {
        config.addr = address;
        return (start(config).await.expect("the WMS starts where it was"), id.to_owned());
    }
    let wms = start(config).await.expect("the WMS starts");
    let data = server.data(CREATE, json!({ "input": input(&wms.url()) })).await;
    let id = data["createConnection"]["connection"]["id"].as_str().unwrap_or_else(|| panic!("{data:#}")).to_owned();
    server.synced(&id).await;
    (wms, id)
}
