//! What every adapter must survive, whatever its WMS speaks: the behaviour suite.
//!
//! [`integrations`](super::integrations) says which adapters there are, and each is run through the whole suite; all that a
//! new one adds is its line in [`credentials`]. [`commands`] are what they are asked to write,
//! [`hostile`] is the server that they meet, [`attacks`] what it does to
//! them, [`survival`] what must come of it: every call returns in time, as an error of the right kind, with nothing of the
//! credentials in it, in a log line or on its way to anybody else, and with bounded memory.
//!
//! What an adapter makes of answers that its WMS really gives is tried in its own tests.

mod attacks;
mod commands;
mod hostile;
mod survival;

use serde_json::{Value, json};

/// The credential that must never show.
const SECRET: &str = "hunter2-never-to-be-shown-7f3a9c";

/// What an adapter is connected with, to a server at `url`.
fn credentials(integration: &str, url: &str) -> Value {
    match integration {
        "odoo" => json!({ "baseUrl": url, "apiKey": SECRET, "database": "wms" }),
        "sandbox" => json!({ "baseUrl": url, "apiToken": SECRET }),
        "tryton" => json!({ "baseUrl": format!("{url}/wms"), "apiKey": SECRET }),
        other => panic!("The adapter {other:?} needs a line here"),
    }
}
