//! The calls: how a method of an Odoo model is called, what its answers mean, and how a model is listed.
//!
//! **Invariants.** [`classify`] is the only place that reads an error. A traceback (`debug`) never leaves it. A listing
//! pages by ascending id, because `write_date` cannot be paged by: the API shows seconds and the database compares
//! microseconds. Only fields that `fields_get` shows are asked for: a field may belong to a module that is not installed
//! or to a group that the user is not in, and asking for it would fail the whole call.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Odoo;
use super::rows::Row;
use crate::record::{Instant, Json, Source};
use crate::wms::http::{Call, Reply};
use crate::wms::keyset::ascending;
pub(super) use crate::wms::keyset::{Rows, id_of};
use crate::wms::{Checkpoint, Error, Kind, Next, Retry, Scope};

/// How many related rows one call asks for. At most some 2 KiB each, so that an answer stays far below the cap.
pub(super) const CHUNK: usize = 4_000;

/// The fields that the API shows of each model, learned once for a connection.
pub(super) type KnownFields = Mutex<HashMap<&'static str, Arc<BTreeSet<String>>>>;

/// How a type's records are found.
pub(super) struct Listing {
    /// Which rows of the model are records of the type.
    pub domain: fn() -> Vec<Value>,
    /// Every `write_date` that moves when a record's content may have changed, as paths from the row.
    pub changed: &'static [&'static str],
    /// How many records make a page. Their related rows come with them.
    pub page: usize,
    /// Whether `scope.until` narrows it, by the row's own `write_date`. Windows that follow each other miss nothing:
    /// every row has exactly one.
    pub windowed: bool,
}

/// Where a listing goes on: after this id.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    after: i64,
}

/// What Odoo writes for a moment: seconds, in UTC, without a zone. What is finer is cut off.
pub(super) fn stamp(instant: Instant) -> String {
    let seconds = Instant::from_micros(instant.micros().div_euclid(1_000_000).saturating_mul(1_000_000));
    seconds.to_string().replace('T', " ").trim_end_matches('Z').to_owned()
}

impl Odoo {
    /// A call of a method of a model with named arguments, not yet sent.
    pub(super) fn request(&self, model: &str, method: &str, arguments: &Value) -> Call {
        let call = self.site.post(&format!("/json/2/{model}/{method}")).bearer("bearer", &self.api_key).json(arguments);
        match &self.database {
            Some(database) => call.header("x-odoo-database", database),
            None => call,
        }
    }

    /// Calls a method of a model with named arguments.
    ///
    /// # Errors
    /// What [`classify`] makes of an answer that is no success, or what the connection came to.
    pub(super) async fn call(&self, model: &str, method: &str, arguments: &Value) -> Result<Reply, Error> {
        let reply = self.request(model, method, arguments).send().await?;
        if reply.is_success() {
            return Ok(reply);
        }
        let error = classify(&reply);
        if error.code.as_deref() == Some("builtins.ValueError") && error.message.starts_with("Invalid field") {
            // A module was removed: what is known of the fields is out of date.
            self.fields.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Err(error)
    }

    /// Calls a method and reads its return value.
    ///
    /// # Errors
    /// As [`Self::call`], and [`Kind::Protocol`] for a value of another shape.
    pub(super) async fn value<T: DeserializeOwned>(&self, model: &str, method: &str, arguments: &Value) -> Result<T, Error> {
        self.call(model, method, arguments).await?.json()
    }

    /// The model's fields that this user can read in this database.
    pub(super) async fn fields_of<R: Row>(&self) -> Result<Arc<BTreeSet<String>>, Error> {
        let known = self.fields.lock().unwrap_or_else(PoisonError::into_inner).get(R::MODEL).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found: serde_json::Map<String, Value> = self.value(R::MODEL, "fields_get", &json!({ "attributes": ["type"] })).await?;
        let found: Arc<BTreeSet<String>> = Arc::new(found.into_iter().map(|(name, _)| name).collect());
        self.fields.lock().unwrap_or_else(PoisonError::into_inner).insert(R::MODEL, found.clone());
        Ok(found)
    }

    /// Rows of a model in the order of their ids, archived ones included.
    pub(super) async fn search<R: Row>(&self, domain: &[Value], limit: usize) -> Result<(Vec<Value>, Option<Instant>), Error> {
        let known = self.fields_of::<R>().await?;
        let fields: Vec<&str> = R::FIELDS.iter().map(|field| field.trim_start_matches("r#")).filter(|field| known.contains(*field)).collect();
        let arguments = json!({
            "domain": domain, "fields": fields, "order": "id", "limit": limit,
            // The SKU stands beside the name; Odoo would write it into the name.
            "context": { "active_test": false, "display_default_code": false },
        });
        let reply = self.call(R::MODEL, "search_read", &arguments).await?;
        let rows: Vec<Value> = reply.json()?;
        if rows.iter().any(|row| id_of(row).is_none()) {
            return Err(Error::new(Kind::Protocol, format!("Odoo listed a row of {} that has no id", R::MODEL)).with_status(reply.status));
        }
        Ok((rows, reply.date()))
    }

    /// One page of a listing.
    pub(super) async fn list<R: Row>(&self, listing: &Listing, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Rows, Error> {
        self.list_where::<R>(listing, (listing.domain)(), scope, checkpoint).await
    }

    /// The row with this id, if it is one of a listing.
    pub(super) async fn one<R: Row>(&self, listing: &Listing, id: i64) -> Result<Rows, Error> {
        let mut domain = (listing.domain)();
        domain.push(json!(["id", "=", id]));
        self.list_where::<R>(listing, domain, &Scope::default(), None).await
    }

    /// One page of a listing whose domain is known only now.
    pub(super) async fn list_where<R: Row>(
        &self,
        listing: &Listing,
        mut domain: Vec<Value>,
        scope: &Scope,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Rows, Error> {
        if let Some(since) = scope.since {
            let fields = self.fields_of::<R>().await?;
            // A path that begins with a field of a module that is not there cannot have changed anything.
            let known = |path: &&&str| path.split_once('.').is_none_or(|(first, _)| fields.contains(first));
            let leaves: Vec<Value> = listing.changed.iter().filter(known).map(|path| json!([path, ">=", stamp(since)])).collect();
            domain.extend(std::iter::repeat_n(json!("|"), leaves.len().saturating_sub(1)));
            domain.extend(leaves);
        }
        if let (Some(until), true) = (scope.until, listing.windowed) {
            domain.push(json!(["write_date", "<", stamp(until.plus_seconds(1))]));
        }
        let after = checkpoint.map(Checkpoint::state::<Position>).transpose()?.map(|position| position.after);
        domain.extend(after.map(|after| json!(["id", ">", after])));
        let (rows, source_time) = self.search::<R>(&domain, listing.page).await?;
        ascending(&rows, after)?;
        let last = rows.last().and_then(id_of).filter(|_| rows.len() >= listing.page);
        let next = match last {
            Some(after) => Next::More(Checkpoint::of(&Position { after })),
            // Ascending ids show every row that was there throughout.
            None => Next::Done { complete: *scope == Scope::default() },
        };
        Ok(Rows { rows, next, total: None, source_time })
    }

    /// All rows of a model whose `field` is one of `ids`, in the order of their own ids.
    pub(super) async fn related<R: Row>(&self, field: &str, ids: impl IntoIterator<Item = i64>) -> Result<Vec<Value>, Error> {
        self.related_where::<R>(field, ids, &[]).await
    }

    /// The same, of those that fulfil `and` as well.
    pub(super) async fn related_where<R: Row>(&self, field: &str, ids: impl IntoIterator<Item = i64>, and: &[Value]) -> Result<Vec<Value>, Error> {
        let ids: BTreeSet<i64> = ids.into_iter().collect();
        let mut all: Vec<Value> = Vec::new();
        if ids.is_empty() {
            return Ok(all);
        }
        let mut domain = and.to_vec();
        domain.push(json!([field, "in", ids]));
        loop {
            let last = all.last().and_then(id_of);
            let mut part = domain.clone();
            part.extend(last.map(|last| json!(["id", ">", last])));
            let (rows, _) = self.search::<R>(&part, CHUNK).await?;
            ascending(&rows, last)?;
            let done = rows.len() < CHUNK;
            all.extend(rows);
            if done {
                return Ok(all);
            }
        }
    }

    /// Groups of a model's rows, with sums.
    pub(super) async fn groups(&self, model: &str, domain: &Value, by: &[&str], sums: &[&str]) -> Result<Vec<Value>, Error> {
        let arguments = json!({ "domain": domain, "groupby": by, "aggregates": sums, "context": { "active_test": false } });
        self.value(model, "formatted_read_group", &arguments).await
    }

    /// Where a record comes from. Odoo's web client opens `/odoo/<model>/<id>` since version 18.
    pub(super) fn source<R: Row>(&self, id: i64, created: Option<Instant>, updated: Option<Instant>, raw: &Value) -> Source {
        Source {
            id: id.to_string(),
            created_at: created,
            updated_at: updated,
            url: Some(format!("{}/odoo/{}/{id}", self.site.base(), R::MODEL)),
            additional_fields: None,
            raw: Some(Json::of(raw)),
        }
    }
}

/// What Odoo sends for every error of its own, apart from the traceback.
#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    name: String,
    message: String,
    #[serde(default)]
    arguments: Value,
    #[serde(default)]
    context: Value,
}

/// What an answer that is no success means.
///
/// | status | exception | kind |
/// |---|---|---|
/// | 401 | `Unauthorized`, `AccessDenied` | unauthenticated |
/// | 403 | `AccessError` | forbidden |
/// | 404 | werkzeug's `NotFound`: no such model or method | unsupported |
/// | 404 | `MissingError`: no such row | not found |
/// | 422 | `UserError`, `ValidationError` | validation; conflict for a bar code that is taken |
/// | 500 | `builtins.*`: the caller's own mistake | validation, never repeated |
/// | 429 | | rate limited |
/// | other 5xx | | unavailable |
///
/// An error in Odoo's own words means that the call's transaction was rolled back. A proxy's page says nothing of it.
pub(super) fn classify(reply: &Reply) -> Error {
    let status = reply.status;
    let failure: Option<Failure> = serde_json::from_slice(&reply.body).ok();
    let error = match failure {
        Some(failure) => {
            let body = Json::of(&failure);
            Error::new(kind_of(status, &failure), failure.message).with_code(failure.name).with_body(body)
        }
        None => {
            let (kind, message) = match status {
                404 => (
                    Kind::Configuration,
                    "There is no JSON-2 API at this address. It takes Odoo 19 or later, and the name of the database where a server has several"
                        .to_owned(),
                ),
                401 => (Kind::Unauthenticated, told(reply)),
                403 => (Kind::Forbidden, told(reply)),
                429 => (Kind::RateLimited, told(reply)),
                408 | 425 | 500.. => (Kind::Unavailable, told(reply)),
                _ => (Kind::Protocol, told(reply)),
            };
            let error = Error { outcome_unknown: status >= 500 || status == 408, ..Error::new(kind, message) };
            if kind == Kind::Configuration { error.with_path(vec!["baseUrl".to_owned()]) } else { error }
        }
    };
    let error = error.with_status(status).with_request_id(reply.header("x-request-id").map(str::to_owned));
    match reply.retry_after() {
        Some(at) if error.is_retryable() => error.with_retry(Retry::After(at)),
        _ => error,
    }
}

fn kind_of(status: u16, failure: &Failure) -> Kind {
    match (status, failure.name.as_str()) {
        (401, _) | (_, "odoo.exceptions.AccessDenied") => Kind::Unauthenticated,
        (_, "odoo.exceptions.AccessError") | (403, _) => Kind::Forbidden,
        (_, "odoo.exceptions.MissingError") => Kind::NotFound,
        (404, _) => Kind::Unsupported,
        (429, _) => Kind::RateLimited,
        (422, _) if failure.message.starts_with("Barcode(s) already assigned") => Kind::Conflict,
        (422, _) => Kind::Validation,
        (500, name) if name.starts_with("builtins.") => Kind::Validation,
        (500.., _) => Kind::Unavailable,
        _ => Kind::Protocol,
    }
}

/// What a page in HTML says: its title.
fn told(reply: &Reply) -> String {
    let body = String::from_utf8_lossy(&reply.body);
    let title = body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map(|(title, _)| title.trim());
    match title.filter(|title| !title.is_empty()) {
        Some(title) => format!("The server answered with status {} and a page of its own: {title}", reply.status),
        None => format!("The server answered with status {} and nothing that Odoo says", reply.status),
    }
}
