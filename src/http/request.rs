//! Requests: the body of a POST, or the query of a GET.
//!
//! The parameters have the types that *GraphQL over HTTP* gives them, and what is of another type is refused by name. A body may
//! hold a list of requests; each of them counts for every limit as if it had come alone, so a batch is no way around any.

use async_graphql::{Request, Value as GraphqlValue, Variables};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::answer::Refusal;
use crate::graphql::{DocumentId, OnlyQueries};

/// What a body or an address asks for.
pub(super) enum Wanted {
    /// One thing.
    One(Box<Request>),
    /// Several, to be answered in their order.
    Batch(Vec<Request>),
}

/// A body in JSON.
///
/// # Errors
/// Another content type, what is no request, and a batch of more than `most_in_batch`.
pub(super) fn of_body(headers: &HeaderMap, body: &[u8], most_in_batch: usize) -> Result<Wanted, Refusal> {
    if !is_json(headers) {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "Send the request as application/json, in UTF-8"));
    }
    if body.is_empty() {
        return Err(Refusal::bad("The body is empty; a request looks like {\"query\": \"{ __typename }\"}"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("The body is not JSON: {error}")))?;
    match body {
        Value::Object(parameters) => Ok(Wanted::One(Box::new(of_parameters(parameters)?))),
        Value::Array(all) if most_in_batch > 1 => {
            if all.len() > most_in_batch {
                let message = format!("A batch of {} requests; at most {most_in_batch} are allowed", all.len());
                return Err(Refusal::new(StatusCode::BAD_REQUEST, "BATCH_TOO_LONG", message));
            }
            if all.is_empty() {
                return Err(Refusal::bad("The batch is empty"));
            }
            let one = |(index, parameters)| match parameters {
                Value::Object(parameters) => of_parameters(parameters).map_err(|refusal| refusal.of(index)),
                other => Err(Refusal::bad(format!("must be an object, not {}", kind(&other))).of(index)),
            };
            Ok(Wanted::Batch(all.into_iter().enumerate().map(one).collect::<Result<_, _>>()?))
        }
        _ => Err(Refusal::bad("The body must be a JSON object with the parameter query")),
    }
}

/// The query of an address. A mutation is never run this way: whoever can make a browser follow a link could run it.
///
/// # Errors
/// What is no request, and what is no query.
pub(super) fn of_address(query: &str) -> Result<Wanted, Refusal> {
    let mut parameters = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let value = match name.as_ref() {
            "query" | "operationName" | "documentId" => Value::String(text.into_owned()),
            "variables" | "extensions" if text.is_empty() => Value::Null,
            "variables" | "extensions" => serde_json::from_str(&text).map_err(|error| Refusal::bad(format!("{name} is not JSON: {error}")))?,
            _ => continue,
        };
        if parameters.insert(name.clone().into_owned(), value).is_some() {
            return Err(Refusal::bad(format!("{name} is given twice")));
        }
    }
    Ok(Wanted::One(Box::new(of_parameters(parameters)?.data(OnlyQueries))))
}

/// The parameters of a request, however they came.
///
/// # Errors
/// What is of the wrong type, by name.
pub(super) fn of_parameters(mut parameters: Map<String, Value>) -> Result<Request, Refusal> {
    let mut take = |name: &str| parameters.remove(name).filter(|value| !value.is_null());
    let mut text = |name: &str| match take(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Refusal::bad(format!("{name} must be a string, not {}", kind(&other)))),
        None => Ok(None),
    };
    let (query, operation_name, id) = (text("query")?, text("operationName")?, text("documentId")?);
    let is_named = id.is_some();
    let is_sent = query.is_some();
    let mut request = Request::new(query.unwrap_or_default());
    request.operation_name = operation_name;
    if let Some(id) = id {
        request = request.data(DocumentId(id));
    }
    match take("variables") {
        Some(variables @ Value::Object(_)) => request = request.variables(Variables::from_json(variables)),
        Some(other) => return Err(Refusal::bad(format!("variables must be an object, not {}", kind(&other)))),
        None => {}
    }
    match take("extensions") {
        // Of most nothing is known: whoever sends one is not kept from it.
        Some(Value::Object(extensions)) => {
            request.extensions.0 = extensions.into_iter().map(|(name, value)| (name, GraphqlValue::from_json(value).unwrap_or_default())).collect();
        }
        Some(other) => return Err(Refusal::bad(format!("extensions must be an object, not {}", kind(&other)))),
        None => {}
    }
    if is_sent || is_named || request.extensions.contains_key("persistedQuery") {
        Ok(request)
    } else {
        Err(Refusal::bad("The parameter query is missing"))
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
