//! What an answer that is no success means. [`classify`] is the only place that reads an error.

use serde::{Deserialize, Serialize};

use crate::record::Json;
use crate::wms::http::Reply;
use crate::wms::{Error, Kind, Retry};

/// What Tryton sends for a rule that a call breaks.
#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    status: u16,
    message: String,
    #[serde(default)]
    description: String,
}

/// What an answer that is no success means.
///
/// | status | body | kind |
/// |---|---|---|
/// | 400 | JSON with Tryton's sentence | validation; conflict and forbidden, where the sentence says so |
/// | 400 | HTML "Unable to get RPC method": the server failed and does not say why | protocol |
/// | 401 | HTML | unauthenticated |
/// | 403 | HTML | forbidden |
/// | 404 | HTML | configuration: no such database (rows that are gone are not asked for by their address) |
/// | 429 | HTML | rate limited |
/// | 500 | HTML with a bare `'name'`, or `Incorrect padding`: the caller's own mistake | validation, never repeated |
/// | other 5xx | | unavailable |
///
/// Whatever Tryton itself answers with an error has been rolled back. A proxy's page says nothing of it.
pub(super) fn classify(reply: &Reply) -> Error {
    let status = reply.status;
    let failure: Option<Failure> = serde_json::from_slice(&reply.body).ok().filter(|failure: &Failure| failure.status == status);
    let error = match failure {
        Some(failure) => {
            let body = Json::of(&failure);
            Error::new(kind_of(&failure.message), failure.message).with_body(body)
        }
        None => {
            let page = Shown::of(reply);
            let (kind, message) = match status {
                404 => (Kind::Configuration, "There is no such Tryton database at this address. It ends with the database's name".to_owned()),
                401 => (Kind::Unauthenticated, page.text),
                403 => (Kind::Forbidden, page.text),
                429 => (Kind::RateLimited, page.text),
                500 if page.is_mistake => (Kind::Validation, page.text),
                408 | 425 | 500.. => (Kind::Unavailable, page.text),
                _ => (Kind::Protocol, page.text),
            };
            let unknown = (status >= 500 || status == 408) && !page.is_trytons;
            let error = Error { outcome_unknown: unknown, ..Error::new(kind, message) };
            if kind == Kind::Configuration { error.with_path(vec!["baseUrl".to_owned()]) } else { error }
        }
    };
    let error = error.with_status(status).with_request_id(reply.header("x-request-id").map(str::to_owned));
    match reply.retry_after() {
        Some(at) if error.is_retryable() => error.with_retry(Retry::After(at)),
        _ => error,
    }
}

/// What a sentence of Tryton's means. It speaks English to whoever names no language; others are told apart less finely.
fn kind_of(message: &str) -> Kind {
    match message {
        _ if message.starts_with("You are not allowed to ") => Kind::Forbidden,
        _ if message.contains("must be unique") => Kind::Conflict,
        _ => Kind::Validation,
    }
}

/// What a page in HTML says.
struct Shown {
    text: String,
    /// The page is werkzeug's, and so Tryton's own.
    is_trytons: bool,
    /// Its paragraph is what Python says of a name that is not there, or of a question that cannot be read.
    is_mistake: bool,
}

impl Shown {
    fn of(reply: &Reply) -> Self {
        let body = String::from_utf8_lossy(&reply.body);
        let between = |from: &str, to: &str| body.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(text, _)| text.trim().to_owned());
        let status = reply.status;
        let is_trytons = body.starts_with("<!doctype html>\n<html lang=en>\n<title>");
        let said = between("<p>", "</p>").filter(|_| is_trytons).map(|text| text.replace("&#39;", "'").replace("&#34;", "\"").replace("&amp;", "&"));
        let is_mistake = said.as_deref().is_some_and(|said| {
            let name = said.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            said == "Incorrect padding" || name.is_some_and(|name| !name.is_empty() && !name.contains(['\'', ' ']))
        });
        let text = match (said, between("<title>", "</title>").filter(|title| !title.is_empty())) {
            (Some(said), _) => said,
            (None, Some(title)) => format!("The server answered with status {status} and a page of its own: {title}"),
            (None, None) => format!("The server answered with status {status} and nothing that Tryton says"),
        };
        Self { text, is_trytons, is_mistake }
    }
}
