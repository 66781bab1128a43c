//! The calls: how a method of a Tryton model is called, and how a model is listed.
//!
//! **Rows are read by `POST …/<model>/search_read`**, an action that every model has, rather than by `GET`: a question about
//! changes is longer than the 4,094 bytes of address that gunicorn takes, and an address stands in logs. What comes back
//! differs from a `GET`'s answer only in the dots after the names of nested rows, which are taken off here.
//!
//! **Invariants.** A listing pages by ascending id. Only fields that `ir.model.field` names are asked for: a field may belong to a
//! module that is not activated, and asking for it would fail the whole call. Every call is made for the company that the key's user works for; without one Tryton knows no prices and makes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use super::failure::classify;
use super::rows::{FieldRow, Row};
use super::{MODELS, Tryton};
use crate::record::{Instant, Json, Source};
use crate::wms::http::{Call, Reply};
use crate::wms::keyset::ascending;
pub(super) use crate::wms::keyset::{Rows, id_of};
use crate::wms::{Checkpoint, Error, Kind, Next, Scope};

/// How many rows one call asks for at most. Some 2 KiB each, so that an answer stays far below the cap.
pub(super) const CHUNK: usize = 4_000;

/// What is learned once for a connection.
pub(super) type Learned = Mutex<Option<Arc<Session>>>;

/// For whom the calls are made, and what the database has.
#[derive(Debug)]
pub(super) struct Session {
    /// The company that the key's user works for.
    pub company: Option<i64>,
    /// The context of every call, as its header.
    context: String,
    /// The same, in which archived rows are found like others.
    archived: String,
    /// The fields of each model, and the model that each of them leads to.
    fields: BTreeMap<String, BTreeMap<String, Option<String>>>,
}

impl Session {
    /// The context of every call, as its header.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Whether there is such a model.
    pub fn has(&self, model: &str) -> bool {
        self.fields.contains_key(model)
    }

    /// Whether there is such a field, on a path that may lead through other models.
    pub fn knows(&self, model: &str, path: &str) -> bool {
        let Some(fields) = self.fields.get(model) else { return false };
        match path.split_once('.') {
            None => fields.contains_key(path),
            Some((first, rest)) => fields.get(first).and_then(Option::as_deref).is_some_and(|next| self.knows(next, rest)),
        }
    }
}

/// What Tryton says of the key's user.
#[derive(Debug, Deserialize)]
struct Preferences {
    /// There for everybody, null for somebody who works for no company. What has no such field is no answer of Tryton's.
    #[serde(deserialize_with = "present")]
    company: Option<i64>,
}

fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<i64>, D::Error> {
    Option::deserialize(input)
}

/// How a type's records are found.
pub(super) struct Listing {
    /// Which rows of the model are records of the type.
    pub domain: fn() -> Vec<Value>,
    /// Paths from the row to every row that is a part of the record, the row itself (`""`) among them.
    pub changed: &'static [&'static str],
    /// How many records make a page.
    pub page: usize,
    /// Whether `scope.until` narrows it, by when the row itself was made or changed. Windows that follow each other miss
    /// nothing: every row has exactly one such moment.
    pub windowed: bool,
}

/// Where a listing goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// After this id.
    after: i64,
    /// How many rows the listing has.
    of: Option<u64>,
}

/// What Tryton writes for a moment: its parts, in UTC.
pub(super) fn stamp(instant: Instant) -> Value {
    let text = instant.to_sortable();
    let mut parts = text.split(['-', 'T', ':', '.', 'Z']).map(|part| part.parse::<i64>().unwrap_or_default());
    let mut next = || parts.next().unwrap_or_default();
    json!({
        "__class__": "datetime", "year": next(), "month": next(), "day": next(),
        "hour": next(), "minute": next(), "second": next(), "microsecond": next(),
    })
}

/// Rows that were made or changed since then, at any of these paths. `write_date` is null until the first change.
pub(super) fn changed_since(paths: &[&str], since: Instant) -> Value {
    let at = stamp(since);
    let mut any = vec![json!("OR")];
    for path in paths {
        let dot = if path.is_empty() { "" } else { "." };
        any.push(json!([format!("{path}{dot}write_date"), ">=", at]));
        any.push(json!([format!("{path}{dot}create_date"), ">=", at]));
    }
    Value::Array(any)
}

/// Rows whose last change (or making) lies before then.
fn changed_before(until: Instant) -> Value {
    let at = stamp(until);
    json!(["OR", ["write_date", "<", at], [["write_date", "=", null], ["create_date", "<", at]]])
}

/// A row as a `GET` shows it: nested rows stand under the field's name, which `search_read` writes with a dot behind it, beside their ids.
fn undotted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(undotted).collect()),
        Value::Object(fields) => {
            let (nested, mut plain): (Map<String, Value>, Map<String, Value>) = fields.into_iter().partition(|(name, _)| name.ends_with('.'));
            plain.extend(nested.into_iter().map(|(name, value)| (name.trim_end_matches('.').to_owned(), undotted(value))));
            Value::Object(plain)
        }
        value => value,
    }
}

impl Tryton {
    /// A call that is about to be made for this company.
    pub(super) fn ready(&self, call: Call, context: &str) -> Call {
        call.bearer("bearer", &self.api_key).header("x-tryton-context", context)
    }

    /// Sends a call and has its answer judged.
    async fn answered(&self, call: Call) -> Result<Reply, Error> {
        let reply = call.send().await?;
        if reply.is_success() {
            return Ok(reply);
        }
        let error = classify(&reply);
        if error.kind == Kind::Protocol {
            // A module may have been deactivated: what is known of the fields may be out of date.
            *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Err(error)
    }

    /// Calls an action of a model, with the arguments of its Python method.
    ///
    /// # Errors
    /// What [`classify`] makes of an answer that is no success, or what the connection came to.
    pub(super) async fn action(&self, model: &str, action: &str, arguments: &Value) -> Result<Reply, Error> {
        let session = self.session().await?;
        let call = self.site.post(&format!("/rest/model/{model}/{action}")).json(arguments);
        let done = self.answered(self.ready(call, &session.context)).await;
        match done {
            // An action answers so without a word of Tryton's; the listing of one row tells why.
            Err(error) if error.kind == Kind::Forbidden && error.body.is_none() => Err(self.why_forbidden(model, &session).await.unwrap_or(error)),
            done => done,
        }
    }

    /// Sends a call that speaks of one row, archived or not.
    ///
    /// # Errors
    /// As [`Self::action`], and [`Kind::NotFound`] where there is no such row.
    pub(super) async fn send(&self, model: &str, call: Call) -> Result<Reply, Error> {
        let session = self.session().await.map_err(|error| Error { outcome_unknown: false, ..error })?;
        match self.answered(self.ready(call, &session.archived)).await {
            // The database has just been seen to be there.
            Err(error) if error.http_status == Some(404) && !error.outcome_unknown => {
                Err(Error { kind: Kind::NotFound, message: format!("Tryton has no such {model}"), path: None, ..error })
            }
            Err(error) if error.kind == Kind::Forbidden && error.body.is_none() => Err(self.why_forbidden(model, &session).await.unwrap_or(error)),
            done => done,
        }
    }

    /// What Tryton says to somebody who asks for one row of a model: nothing, to somebody who may.
    pub(super) async fn why_forbidden(&self, model: &str, session: &Session) -> Option<Error> {
        let call = self.site.get(&format!("/rest/model/{model}")).query(&[("s", "1")]);
        match self.answered(self.ready(call, &session.context)).await {
            Err(error) if error.body.is_some() => Some(Error { kind: Kind::Forbidden, ..error }),
            _ => None,
        }
    }

    /// Calls an action and reads its return value.
    ///
    /// # Errors
    /// As [`Self::action`], and [`Kind::Protocol`] for a value of another shape.
    pub(super) async fn value<T: DeserializeOwned>(&self, model: &str, action: &str, arguments: &Value) -> Result<T, Error> {
        self.action(model, action, arguments).await?.json()
    }

    /// For whom calls are made and what the database has, learned with the first call.
    pub(super) async fn session(&self) -> Result<Arc<Session>, Error> {
        let known = self.learned.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let of = |context: &Value| base64::engine::general_purpose::URL_SAFE.encode(context.to_string());
        let ask = async |model: &str, action: &str, context: &str, arguments: &Value| {
            let call = self.site.post(&format!("/rest/model/{model}/{action}")).json(arguments);
            self.answered(self.ready(call, context)).await
        };
        let preferences = ask("res.user", "get_preferences", &of(&json!({})), &json!({ "context_only": true })).await?;
        let company = preferences.json::<Preferences>()?.company;
        let context = of(&company.map_or_else(|| json!({}), |company| json!({ "company": company })));
        let archived = of(&json!({ "company": company, "active_test": false }));
        let wanted =
            json!({ "domain": [["model", "in", MODELS.iter().map(|(model, _)| model).collect::<Vec<_>>()]], "fields_names": FieldRow::PLAIN });
        let rows: Vec<FieldRow> = ask("ir.model.field", "search_read", &context, &wanted).await?.json()?;
        let mut fields: BTreeMap<String, BTreeMap<String, Option<String>>> = BTreeMap::new();
        for row in rows {
            fields.entry(row.model.unwrap_or_default()).or_default().insert(row.name.unwrap_or_default(), row.relation);
        }
        if fields.is_empty() {
            return Err(Error::new(Kind::Protocol, "Tryton names no field of any model that a warehouse has"));
        }
        let session = Arc::new(Session { company, context, archived, fields });
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        Ok(session)
    }

    /// Rows of a model in the order of their ids.
    pub(super) async fn search<R: Row>(&self, domain: &[Value], limit: usize) -> Result<(Vec<Value>, Option<Instant>), Error> {
        let session = self.session().await?;
        if !session.has(R::MODEL) {
            return Err(Error::new(Kind::Unsupported, format!("Tryton has no {}: the module that brings it is not activated", R::MODEL)));
        }
        let fields: Vec<String> = R::fields().into_iter().filter(|path| session.knows(R::MODEL, path)).collect();
        let arguments = json!({ "domain": domain, "fields_names": fields, "limit": limit, "order": [["id", "ASC"]] });
        let reply = self.action(R::MODEL, "search_read", &arguments).await?;
        let rows: Vec<Value> = reply.json::<Vec<Value>>()?.into_iter().map(undotted).collect();
        if rows.iter().any(|row| id_of(row).is_none()) {
            return Err(Error::new(Kind::Protocol, format!("Tryton listed a row of {} that has no id", R::MODEL)).with_status(reply.status));
        }
        Ok((rows, reply.date()))
    }

    /// One page of a listing.
    pub(super) async fn list<R: Row>(&self, listing: &Listing, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Rows, Error> {
        let mut domain = (listing.domain)();
        if let Some(since) = scope.since {
            let session = self.session().await?;
            let known = |path: &&&str| path.is_empty() || session.knows(R::MODEL, &format!("{path}.write_date"));
            let paths: Vec<&str> = listing.changed.iter().filter(known).copied().collect();
            domain.push(changed_since(&paths, since));
        }
        if let (Some(until), true) = (scope.until, listing.windowed) {
            domain.push(changed_before(until));
        }
        let position = checkpoint.map(Checkpoint::state::<Position>).transpose()?;
        let total = match &position {
            Some(position) => position.of,
            None => self.value(R::MODEL, "search_count", &json!({ "domain": domain })).await?,
        };
        let after = position.map(|position| position.after);
        domain.extend(after.map(|after| json!(["id", ">", after])));
        let (rows, source_time) = self.search::<R>(&domain, listing.page).await?;
        ascending(&rows, after)?;
        let last = rows.last().and_then(id_of).filter(|_| rows.len() >= listing.page);
        let next = match last {
            Some(after) => Next::More(Checkpoint::of(&Position { after, of: total })),
            // Ascending ids show every row that was there throughout.
            None => Next::Done { complete: *scope == Scope::default() },
        };
        Ok(Rows { rows, next, total, source_time })
    }

    /// All rows of a model whose `field` is one of `ids`, in the order of their own ids.
    pub(super) async fn related<R: Row>(&self, field: &str, ids: impl IntoIterator<Item = i64>) -> Result<Vec<Value>, Error> {
        let ids: BTreeSet<i64> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        self.each::<R>(&[json!([field, "in", ids])], |rows| all.extend(rows)).await?;
        Ok(all)
    }

    /// Shows all rows that a domain has, some at a time, in the order of their ids.
    pub(super) async fn each<R: Row>(&self, domain: &[Value], mut show: impl FnMut(Vec<Value>)) -> Result<(), Error> {
        let mut last = None;
        loop {
            let mut part = domain.to_vec();
            part.extend(last.map(|last| json!(["id", ">", last])));
            let (rows, _) = self.search::<R>(&part, CHUNK).await?;
            ascending(&rows, last)?;
            last = rows.last().and_then(id_of);
            let done = rows.len() < CHUNK;
            show(rows);
            if done {
                return Ok(());
            }
        }
    }

    /// The record of the one row of a model with this id, archived or not.
    ///
    /// # Errors
    /// [`Kind::NotFound`] where there is none, [`Kind::Protocol`] where it makes no sense.
    pub(super) async fn one<R: Row, T>(&self, id: i64, map: impl Fn(&Value) -> Result<T, String>) -> Result<T, Error> {
        let mut domain = vec![json!(["id", "=", id])];
        if self.session().await?.knows(R::MODEL, "active") {
            domain.push(json!(["active", "in", [true, false]]));
        }
        let rows = self.search::<R>(&domain, 1).await?.0;
        self.only::<R, T>(&rows, map)
    }

    /// The record of the only one of these rows.
    ///
    /// # Errors
    /// As [`Self::one`].
    pub(super) fn only<R: Row, T>(&self, rows: &[Value], map: impl Fn(&Value) -> Result<T, String>) -> Result<T, Error> {
        let row = rows.first().ok_or_else(|| Error::new(Kind::NotFound, format!("Tryton has no such {}", R::MODEL)))?;
        map(row).map_err(|reason| Error::new(Kind::Protocol, reason))
    }

    /// Where a record comes from. Tryton's web client opens `/#<database>/model/<model>/<id>`.
    pub(super) fn source<R: Row>(&self, id: i64, created: Option<Instant>, updated: Option<Instant>, raw: &Value) -> Source {
        let base = self.site.base();
        let (server, database) = base.rsplit_once('/').unwrap_or((base, ""));
        Source {
            id: id.to_string(),
            created_at: created,
            updated_at: updated,
            url: Some(format!("{server}/#{database}/model/{}/{id}", R::MODEL)),
            additional_fields: None,
            raw: Some(Json::of(raw)),
        }
    }
}
