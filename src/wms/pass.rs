//! Calls of a WMS's own API as a caller of ours wrote them, for every adapter that takes them.
//!
//! **Invariant.** Such a call stays below the address that the connection was made with: neither another host nor a path
//! beside it, however it is written. What it may do there is the WMS's to say.

use super::error::{Error, Kind};
use super::http::{Call, Reply, Site};
use crate::record::Json;
use crate::record::draft::{HttpMethod, Passed, Passthrough};

/// The call, without credentials yet.
///
/// # Errors
/// [`Kind::Validation`] with the `path` of the field that cannot be sent.
pub fn call(site: &Site, asked: &Passthrough) -> Result<Call, Error> {
    let path = asked.path.as_str();
    if let Some(why) = complaint(path) {
        return Err(Error::new(Kind::Validation, why).with_path(vec!["path".to_owned()]));
    }
    let call = match asked.method {
        HttpMethod::Get => site.get(path),
        HttpMethod::Post => site.post(path),
        HttpMethod::Put => site.put(path),
        HttpMethod::Patch => site.patch(path),
        HttpMethod::Delete => site.delete(path),
    };
    let query: Vec<(&str, &str)> = asked.query.iter().map(|parameter| (parameter.name.as_str(), parameter.value.as_str())).collect();
    let call = if query.is_empty() { call } else { call.query(&query) };
    Ok(match &asked.body {
        Some(body) => call.json(&body.to_value()),
        None => call,
    })
}

/// Why a path cannot be sent.
fn complaint(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') || path.starts_with("//") {
        return Some("The path must begin with one slash: it stands below the address of the connection");
    }
    if path.contains(['?', '#']) {
        return Some("The path must hold neither ? nor #: parameters have a field of their own");
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return Some("The path must hold neither backslashes nor control characters");
    }
    // Servers and libraries take an encoded dot for a dot, and some an encoded slash for a slash.
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    let climbs = plain.split('/').any(|segment| matches!(segment, "." | ".."));
    climbs.then_some("The path must not hold . or .. as a part of it: it must stay below the address of the connection")
}

/// What the WMS answered.
pub fn passed(reply: &Reply, request_id: Option<String>) -> Passed {
    let text = reply.text();
    let is_json = || serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
    let body = match text.trim() {
        "" => None,
        _ if is_json() => Some(Json::from_trusted(text.clone().into_owned())),
        _ => Some(Json::of(&text)),
    };
    Passed { status: reply.status, body, request_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::wms::http::{Http, Limits};

    fn asked(path: &str) -> Passthrough {
        Passthrough { method: HttpMethod::Get, path: path.to_owned(), query: Vec::new(), body: None }
    }

    #[tokio::test]
    async fn a_call_stays_below_the_address_of_the_connection() {
        let http = Http::new(Limits::default(), Clock::system()).unwrap();
        let site = http.at("http://127.0.0.1:9/wms/", "baseUrl").unwrap();
        for (path, sent) in [
            ("/v1/orders", "/wms/v1/orders"),
            ("/v1/a b", "/wms/v1/a%20b"),
            ("/", "/wms/"),
            ("/http://evil.example/", "/wms/http://evil.example/"),
            ("/a..b/...", "/wms/a..b/..."),
            ("/@evil.example", "/wms/@evil.example"),
        ] {
            assert_eq!(format!("{:?}", call(&site, &asked(path)).unwrap()), format!("GET {sent}"));
        }
        for path in [
            "",
            "v1",
            "//evil.example/v1",
            "http://evil.example/",
            "/..",
            "/v1/../../admin",
            "/v1/./x",
            "/v1/%2e%2E/x",
            "/v1/.%2e/x",
            "/v1/..%2fx",
            "/v1/..%5Cx",
            "/v1\\..\\x",
            "/v1/.\t./x",
            "/v1?x=1",
            "/v1#x",
        ] {
            let error = call(&site, &asked(path)).map(drop).unwrap_err();
            assert_eq!((error.kind, error.path), (Kind::Validation, Some(vec!["path".to_owned()])), "{path:?}");
        }
    }
}
