//! Any call of JSON-2, `/json/2/<model>/<method>`, with the connection's key. The traceback of an error is left out: it shows
//! the server's own paths and code.

use serde_json::Value;

use super::super::Odoo;
use super::refuse;
use crate::record::Json;
use crate::record::draft::{HttpMethod, Passed, Passthrough};
use crate::wms::{Error, Pass};

/// Where JSON-2 lives.
const ROOT: &str = "/json/2/";

impl Pass for Odoo {
    async fn pass(&self, call: &Passthrough) -> Result<Passed, Error> {
        if call.method != HttpMethod::Post {
            return Err(refuse(&["method"], "Odoo's JSON-2 takes POST only"));
        }
        let target = call.path.strip_prefix(ROOT).and_then(|rest| rest.split_once('/'));
        let Some((model, method)) = target.filter(|(model, method)| is_name(model, b"._") && is_name(method, b"_")) else {
            return Err(refuse(&["path"], "The path must be /json/2/<model>/<method>, such as /json/2/res.partner/search_read"));
        };
        if let Some(parameter) = call.query.first() {
            return Err(refuse(&["query", "0", "name"], format!("JSON-2 takes its arguments in the body; {:?} has no place", parameter.name)));
        }
        let arguments = call.body.as_ref().map_or_else(|| Value::Object(serde_json::Map::new()), Json::to_value);
        if !arguments.is_object() {
            return Err(refuse(&["body"], "JSON-2 takes an object of named arguments"));
        }
        let reply = self.request(model, method, &arguments).send().await?;
        let body = if reply.body.is_empty() { None } else { Some(shown(&reply.text(), reply.is_success())) };
        Ok(Passed { status: reply.status, body, request_id: reply.header("x-request-id").map(str::to_owned) })
    }
}

fn is_name(name: &str, also: &[u8]) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte)) && !name.contains("..")
}

/// An answer as it may be shown: JSON as it came, without the traceback of an error; any other text as a string.
fn shown(body: &str, is_success: bool) -> Json {
    match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(mut error)) if !is_success => {
            error.remove("debug");
            Json::of(&error)
        }
        Ok(value) => Json::of(&value),
        Err(_) => Json::of(&body),
    }
}
