//! Requests: the body of a POST, or the query of a GET.
//!
//! The parameters have the types that *GraphQL over HTTP* gives them, and what is of another type is refused by name: a list of
//! requests in one body, too, so a batch can be no way around any limit.

use async_graphql::parser::types::OperationType;
use async_graphql::{Name, Request, Variables};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::answer::Refusal;

/// A body in JSON.
///
/// # Errors
/// Another content type, or what is no request.
pub(super) fn of_body(headers: &HeaderMap, body: &[u8]) -> Result<Request, Refusal> {
    if !is_json(headers) {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "Send the request as application/json, in UTF-8"));
    }
    if body.is_empty() {
        return Err(Refusal::bad("The body is empty; a request looks like {\"query\": \"{ __typename }\"}"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("The body is not JSON: {error}")))?;
    let Value::Object(parameters) = body else { return Err(Refusal::bad("The body must be a JSON object with the parameter query")) };
    request(parameters)
}

/// The query of an address. A mutation is never run this way: whoever can make a browser follow a link could run it.
///
/// # Errors
/// What is no request, and what is no query.
pub(super) fn of_address(query: &str) -> Result<Request, Refusal> {
    let mut parameters = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let value = match name.as_ref() {
            "query" | "operationName" => Value::String(text.into_owned()),
            "variables" | "extensions" if text.is_empty() => Value::Null,
            "variables" | "extensions" => serde_json::from_str(&text).map_err(|error| Refusal::bad(format!("{name} is not JSON: {error}")))?,
            _ => continue,
        };
        if parameters.insert(name.clone().into_owned(), value).is_some() {
            return Err(Refusal::bad(format!("{name} is given twice")));
        }
    }
    let mut request = request(parameters)?;
    let wanted = request.operation_name.clone();
    if let Ok(document) = request.parsed_query() {
        let named = |name: Option<&str>| wanted.as_deref().is_none_or(|wanted| name == Some(wanted));
        let mut operations = document.operations.iter().filter(|(name, _)| named(name.map(Name::as_str)));
        if operations.any(|(_, operation)| operation.node.ty != OperationType::Query) {
            return Err(Refusal::method("POST", "Only queries can be sent by GET; send this one by POST"));
        }
    }
    Ok(request)
}

/// The parameters of a request, wherever they stood.
///
/// # Errors
/// What is missing, or of another type, by name.
pub(super) fn request(mut parameters: Map<String, Value>) -> Result<Request, Refusal> {
    let mut take = |name: &str| parameters.remove(name).filter(|value| !value.is_null());
    let query = match take("query") {
        Some(Value::String(query)) => query,
        Some(other) => return Err(Refusal::bad(format!("query must be a string, not {}", kind(&other)))),
        None => return Err(Refusal::bad("The parameter query is missing")),
    };
    let mut request = Request::new(query);
    match take("operationName") {
        Some(Value::String(name)) => request = request.operation_name(name),
        Some(other) => return Err(Refusal::bad(format!("operationName must be a string, not {}", kind(&other)))),
        None => {}
    }
    match take("variables") {
        Some(variables @ Value::Object(_)) => request = request.variables(Variables::from_json(variables)),
        Some(other) => return Err(Refusal::bad(format!("variables must be an object, not {}", kind(&other)))),
        None => {}
    }
    match take("extensions") {
        // Nothing is known of any: whoever sends one is not kept from it.
        Some(Value::Object(_)) | None => Ok(request),
        Some(other) => Err(Refusal::bad(format!("extensions must be an object, not {}", kind(&other)))),
    }
}

/// What a JSON value is, in a word.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Only JSON in UTF-8: a body that a foreign page's form can send must never run anything with somebody's key.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    let json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let charset = parts.find_map(|part| part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("charset")).map(|(_, value)| value));
    json && charset.is_none_or(|charset| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}
