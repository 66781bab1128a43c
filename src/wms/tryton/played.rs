//! A server that plays what a real Tryton 8.0 answered: rows as `fixtures/capture.py` took them, errors word for word. What a
//! domain means is played only as far as the adapter's paging and relating need it.

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::Tryton;
use crate::wms::Adapter;
use crate::wms::http::{Http, Limits};
pub(super) use crate::wms::played::{Answer, Calls};
use crate::wms::played::{Asked, serve};

/// A server that answers each call (`POST sale.sale/search_read` and the arguments) as `answer` says, a Tryton that is connected
/// to it, and the calls that it got.
pub(super) async fn server(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> (Tryton, Calls) {
    let (url, calls) = serve(named, answer).await;
    let credentials = json!({ "baseUrl": format!("{url}/wms"), "apiKey": "the-key-that-never-shows" });
    let http = Http::new(Limits::default(), crate::clock::Clock::system()).unwrap();
    (Tryton::connect(serde_json::from_value(credentials).unwrap(), &http).unwrap(), calls)
}

fn named(asked: &Asked) -> String {
    let head = &asked.head;
    assert!(head.contains("\r\nauthorization: bearer the-key-that-never-shows\r\n"), "{head}");
    let call = format!("{} {}", asked.method, asked.path.trim_start_matches("/wms/rest/model/"));
    let context = head.split_once("\r\nx-tryton-context: ").unwrap().1.lines().next().unwrap();
    let context: Value = serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE.decode(context).unwrap()).unwrap();
    // Calls about one row see archived ones, too.
    let ours = context == json!({ "company": 1 }) || context == json!({ "company": 1, "active_test": false });
    assert!(call == "POST res.user/get_preferences" || ours, "{call} for {context}");
    call
}

pub(super) fn captured() -> Value {
    serde_json::from_str(include_str!("fixtures/rows.json")).unwrap()
}

/// What a path leads to in a row, whose nested rows stand under their field's name with a dot behind it. `None` where it leads to
/// several rows, or out of what was captured.
fn reached<'a>(row: &'a Value, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => row.get(path),
        Some((first, rest)) => reached(row.get(format!("{first}."))?, rest),
    }
}

/// A value that orders as Tryton orders it: moments and days part by part.
fn ordered(value: &Value) -> Vec<i64> {
    let parts = ["year", "month", "day", "hour", "minute", "second", "microsecond"];
    match value {
        Value::Object(fields) => parts.iter().filter_map(|part| fields.get(*part)?.as_i64()).collect(),
        value => value.as_f64().map(|number| (number * 1_000.0) as i64).into_iter().collect(),
    }
}

/// Whether a row meets a domain. Conditions on what was not captured are met by every captured row.
fn meets(row: &Value, domain: &Value) -> bool {
    let terms = domain.as_array().unwrap();
    let leaf = terms.first().and_then(Value::as_str);
    match leaf {
        Some("OR") => terms[1..].iter().any(|term| meets(row, term)),
        Some(field) => {
            let Some(value) = reached(row, field) else { return true };
            let wanted = &terms[2];
            match terms[1].as_str().unwrap() {
                "in" => wanted.as_array().unwrap().contains(value),
                "=" => value == wanted,
                "!=" => value != wanted,
                ">" => !value.is_null() && ordered(value) > ordered(wanted),
                ">=" => !value.is_null() && ordered(value) >= ordered(wanted),
                "<" => !value.is_null() && ordered(value) < ordered(wanted),
                "parent_of" => true,
                other => panic!("no such comparison here: {other:?}"),
            }
        }
        None => terms.iter().all(|term| meets(row, term)),
    }
}

/// The captured rows that a search asks for, with the fields that it asks for.
pub(super) fn rows_of(data: &Value, model: &str, arguments: &Value) -> Vec<Value> {
    let none = Vec::new();
    let asked: Vec<&str> = arguments["fields_names"].as_array().unwrap_or(&none).iter().map(|field| field.as_str().unwrap()).collect();
    let kinds = data["kinds"].as_object().unwrap().iter().filter(|(_, kind)| kind["model"] == model);
    let has_all = |kind: &Value| asked.iter().all(|field| kind["fields"].as_array().unwrap().contains(&json!(field)));
    let smallest = kinds.filter(|(_, kind)| has_all(kind)).min_by_key(|(_, kind)| kind["fields"].as_array().unwrap().len());
    let kind = smallest.unwrap_or_else(|| panic!("rows.json has no {model} with {asked:?}: capture it anew")).0;
    let wanted = |row: &&Value| meets(row, &arguments["domain"]);
    let limit = usize::try_from(arguments["limit"].as_u64().unwrap_or(u64::MAX)).unwrap();
    data["rows"][kind].as_array().unwrap().iter().filter(wanted).take(limit).cloned().collect()
}

/// What the captured Tryton answers.
pub(super) fn played(data: &Value, call: &str, arguments: &Value) -> Answer {
    let (verb, path) = call.split_once(' ').unwrap();
    match (verb, path) {
        ("POST", "res.user/get_preferences") => Answer::Json(json!({ "company": 1, "company.rec_name": "Probe Logistics B.V.", "language": "en" })),
        ("POST", "ir.model.field/search_read") => {
            let mut rows = Vec::new();
            for (model, fields) in data["fields"].as_object().unwrap() {
                let one = |(name, relation): (&String, &Value)| json!({ "id": 1, "model": model, "name": name, "relation": relation });
                rows.extend(fields.as_object().unwrap().iter().map(one));
            }
            Answer::Json(Value::Array(rows))
        }
        ("POST", "ir.model.access/get_access") => {
            let right = |model: &Value| (model.as_str().unwrap().to_owned(), json!({ "read": 1, "write": 1, "create": 1, "delete": 0 }));
            Answer::Json(Value::Object(arguments["models"].as_array().unwrap().iter().map(right).collect::<Map<_, _>>()))
        }
        ("POST", "ir.module/search_read") => Answer::Json(json!([{ "id": 24, "version": "8.0.5" }])),
        ("POST", "company.company/search_read") => Answer::Json(json!([{ "id": 1, "rec_name": "Probe Logistics B.V." }])),
        ("POST", path) => match path.split_once('/') {
            Some((model, "search_read")) => Answer::Json(Value::Array(rows_of(data, model, arguments))),
            Some((model, "search_count")) => Answer::Json(json!(rows_of(data, model, arguments).len())),
            _ => Answer::Error(403, FORBIDDEN.to_owned()),
        },
        ("GET", _) => Answer::Json(json!([{ "id": 1 }])),
        _ => Answer::Error(404, NOT_FOUND.to_owned()),
    }
}

pub(super) async fn tryton() -> (Tryton, Calls) {
    let data = captured();
    server(move |call, arguments| played(&data, call, arguments)).await
}

// What a real Tryton 8.0 answered.
pub(super) const UNAUTHORIZED: &str = "<!doctype html>\n<html lang=en>\n<title>401 Unauthorized</title>\n<h1>Unauthorized</h1>\n<p>The server could not verify that you are authorized to access the URL requested. You either supplied the wrong credentials (e.g. a bad password), or your browser doesn&#39;t understand how to supply the credentials required.</p>\n";
pub(super) const FORBIDDEN: &str = "<!doctype html>\n<html lang=en>\n<title>403 Forbidden</title>\n<h1>Forbidden</h1>\n<p>You don&#39;t have the permission to access the requested resource. It is either read-protected or not readable by the server.</p>\n";
pub(super) const NOT_FOUND: &str = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>\n";
pub(super) const NOT_ALLOWED: &str = r#"{"status": 400, "message": "You are not allowed to access \"Sale\".", "description": "Within groups: "}"#;
pub(super) const CODE_TAKEN: &str = r#"{"status": 400, "message": "Code of active product must be unique.", "description": ""}"#;
pub(super) const NO_PARTY: &str = r#"{"status": 400, "message": "A value is required for field \"Party\" in \"Sale\".", "description": ""}"#;
pub(super) const NO_CARRIER: &str =
    r#"{"status": 400, "message": "To get a quote for sale \"[SHOP-1]\" you must enter a carrier.", "description": ""}"#;
pub(super) const NO_REASON: &str =
    "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n<h1>Bad Request</h1>\n<p>Unable to get RPC method</p>\n";
pub(super) const UNKNOWN_MODEL: &str =
    "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n<p>&#39;no.model&#39;</p>\n";
pub(super) const PADDING: &str =
    "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n<p>Incorrect padding</p>\n";
pub(super) const NO_POSTGRES: &str = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n<p>connection failed: connection to server at &#34;127.0.0.1&#34;, port 55440 failed</p>\n";
pub(super) const FUTURE: &str = r#"{"status": 400, "message": "The moves \"1 u [SKU-00115] Product 00115 classic @ 45\" have effective dates in the future.", "description": ""}"#;
pub(super) const GATEWAY: &str = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
