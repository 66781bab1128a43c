//! The addresses. Handlers lock the world, do their work without waiting for anything, and let go.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::faults::{self, Bend};
use super::refusal::{Field, Refusal};
use super::table::{Span, Table};
use super::wire::Row;
use super::world::{Resource, World, with_table};
use super::{Shared, read, writes};
use crate::record::Instant;

pub(super) type App = State<Arc<Shared>>;
pub(super) type Answer = Result<Response, Refusal>;

/// The most bytes of a request's body.
const BODY: usize = 1024 * 1024;

/// All addresses.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let mut router = Router::new().route("/v1/account", get(account));
    for &resource in Resource::ALL {
        let list = move |app: App, bend: Option<Extension<Bend>>, query: Result<Query<HashMap<String, String>>, QueryRejection>| async move {
            list(&app, resource, bend.map(|Extension(bend)| bend), query)
        };
        let one = move |app: App, Path(id): Path<String>| async move { one(&app, resource, &id) };
        let name = resource.name();
        router = router.route(&format!("/v1/{name}"), get(list)).route(&format!("/v1/{name}/{{id}}"), get(one));
    }
    router
        .merge(faults::control::routes())
        .merge(writes::routes())
        .fallback(|| async { Refusal::Missing("There is no such address".to_owned()) })
        .method_not_allowed_fallback(|| async { Refusal::Method })
        .layer(axum::extract::DefaultBodyLimit::max(BODY))
}

async fn account(State(shared): App) -> Response {
    let scopes = |resource: &Resource| {
        let name = resource.name();
        let verbs: &[&str] = if writes::CHANGEABLE.contains(resource) { &["read", "write"] } else { &["read"] };
        verbs.iter().filter(|verb| shared.may(*resource, verb)).map(|verb| format!("{name}:{verb}")).collect::<Vec<_>>()
    };
    let scopes: Vec<String> = Resource::ALL.iter().flat_map(scopes).collect();
    let account = serde_json::json!({
        "account": { "id": "acc_sandbox", "name": "Sandbox Fulfilment" },
        "product": { "name": "Sandbox WMS", "version": env!("CARGO_PKG_VERSION") },
        "currency": "EUR",
        "scopes": scopes,
    });
    axum::Json(account).into_response()
}

/// Where a listing goes on. Clients must not look inside.
#[derive(Serialize, Deserialize)]
struct Cursor {
    /// Whether the listing runs in the order of time.
    t: bool,
    /// The last row that was shown: when it was changed, and its number.
    at: i64,
    n: u32,
    /// How many rows there were when the listing began.
    of: usize,
}

/// What stands behind the rows of a listing.
#[derive(Serialize)]
struct Tail {
    next_cursor: Option<String>,
    total: usize,
}

fn list(shared: &Shared, resource: Resource, bend: Option<Bend>, query: Result<Query<HashMap<String, String>>, QueryRejection>) -> Answer {
    shared.demand(resource, "read")?;
    let query = query.map_err(|e| Refusal::Malformed(e.body_text()))?.0;
    let invalid = |field: &str, message: String| Refusal::Fields(vec![Field::new(field, message)]);
    let moment = |field: &str| match query.get(field) {
        Some(text) => text.parse::<Instant>().map(Some).map_err(|e| invalid(field, e.to_string())),
        None => Ok(None),
    };
    let span = Span { since: moment("updated_since")?, before: moment("updated_before")? };
    let limit = match query.get("limit").map(|text| text.parse::<usize>()) {
        None => shared.page_size,
        Some(Ok(limit)) if limit > 0 => limit,
        Some(_) => return Err(invalid("limit", "The limit must be a whole number from 1".to_owned())),
    };
    let cursor = match query.get("cursor") {
        None => None,
        Some(text) => {
            let parse = || serde_json::from_slice::<Cursor>(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok();
            let cursor = parse().filter(|cursor| cursor.t == span.is_timed());
            Some(cursor.ok_or_else(|| invalid("cursor", "This cursor does not belong to this listing".to_owned()))?)
        }
    };
    let world = read(&shared.world);
    with_table!(world, resource, table => page(table, (resource, bend), span, cursor.as_ref(), limit.min(shared.page_size_max)))
}

fn page<T: Row>(table: &Table<T>, (resource, bend): (Resource, Option<Bend>), span: Span, cursor: Option<&Cursor>, limit: usize) -> Answer {
    let after = cursor.map(|cursor| (Instant::from_micros(cursor.at), cursor.n));
    let shows = |number: u32| bend.is_none_or(|bend| !bend.hides(resource, number));
    let total = cursor.map_or_else(|| table.count(span, shows), |cursor| cursor.of);
    let (mut keys, more) = table.keys(span, shows, after, limit);
    let more = more && !bend.is_some_and(Bend::ends);
    let last = keys.last().filter(|_| more).map(|(stamp, number)| Cursor { t: span.is_timed(), at: stamp.micros(), n: *number, of: total });
    let next_cursor = last.and_then(|cursor| serde_json::to_vec(&cursor).ok()).map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
    if let Some(bend) = bend {
        bend.arrange(resource, &mut keys);
    }
    let body = listing(table, &keys, &Tail { next_cursor, total }).map_err(|e| unwritable(&e))?;
    Ok(answer(StatusCode::OK, body))
}

/// `{"data":[…],"next_cursor":…,"total":…}`
fn listing<T: Row>(table: &Table<T>, keys: &[(Instant, u32)], tail: &Tail) -> serde_json::Result<Vec<u8>> {
    let mut body = b"{\"data\":[".to_vec();
    for (_, number) in keys {
        if table.write(*number, &mut body)? {
            body.push(b',');
        }
    }
    if body.ends_with(b",") {
        body.pop();
    }
    body.extend_from_slice(b"],");
    let begin = body.len();
    serde_json::to_writer(&mut body, tail)?;
    // The tail's own opening brace: it goes on where the rows end.
    body.remove(begin);
    Ok(body)
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    Ok(answer(status, serde_json::to_vec(value).map_err(|e| unwritable(&e))?))
}

fn answer(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn unwritable(error: &serde_json::Error) -> Refusal {
    Refusal::Unavailable(format!("The answer cannot be written: {error}"))
}

fn one(shared: &Shared, resource: Resource, id: &str) -> Answer {
    shared.demand(resource, "read")?;
    let number = resource.number(id).ok_or_else(|| missing(resource, id))?;
    row(&read(&shared.world), resource, number, StatusCode::OK)
}

/// The refusal of what is not there.
pub(super) fn missing(resource: Resource, id: &str) -> Refusal {
    Refusal::Missing(format!("There is no '{id}' in {}", resource.name()))
}

/// A row as the answer.
pub(super) fn row(world: &World, resource: Resource, number: u32, status: StatusCode) -> Answer {
    with_table!(world, resource, table => match table.get(number) {
        Some(row) => json(status, &row),
        None => Err(missing(resource, &resource.id(number))),
    })
}

/// The body as JSON of the shape `T`; a wrong type is a wrong field.
pub(super) fn body<T: DeserializeOwned>(bytes: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    let bytes = bytes.map_err(|e| Refusal::Malformed(e.body_text()))?;
    let mut input = serde_json::Deserializer::from_slice(&bytes);
    serde_path_to_error::deserialize(&mut input).map_err(|e| {
        if e.inner().is_data() {
            Refusal::Fields(vec![Field::new(e.path().to_string(), e.inner().to_string())])
        } else {
            Refusal::Malformed(format!("The body is not JSON: {}", e.inner()))
        }
    })
}
