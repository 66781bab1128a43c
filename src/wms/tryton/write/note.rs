//! Notes: how a write is found again that makes no sale and no purchase.
//!
//! Tryton keeps nothing of the caller with a row that is changed. So **a note is left beside the row before it is changed**
//! (`ir.note`, by whoever may change the row; people see it among the row's notes), and removed again when Tryton refuses the change:
//! - where there is no note, nothing has been asked for;
//! - where there is one and the row has not been written since, nothing has been changed: every change of a row or of the rows
//!   below it that is made by its REST address moves the row's own `write_date`;
//! - where it has been written since, the row tells: **a change that was carried out, planned anew, changes nothing**. What does
//!   not hold all of it may have been changed by somebody else since, and a person must look.

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::harmless;
use crate::record::{Instant, Record};
use crate::wms::tryton::Tryton;
use crate::wms::tryton::rows::{NoteRow, Row, Stamp, at};
use crate::wms::{Error, Found, Kind, Written};

/// What the note of a write says.
pub(super) fn message(reference: &str, reason: Option<&str>) -> String {
    let ours = format!("Written by Crossdock ({reference})");
    match super::text(reason) {
        Some(reason) => format!("{reason}\n{ours}"),
        None => ours,
    }
}

/// A note that was found.
pub(super) struct Noted {
    /// The row that it stands beside.
    pub row: i64,
    /// When it was left.
    pub at: Instant,
}

impl Tryton {
    /// Leaves a note beside a row that is about to be changed. Nothing has been changed by then, whatever came of it.
    pub(super) async fn leave_note(&self, model: &str, id: i64, message: &str) -> Result<i64, Error> {
        let values = json!({ "resource": format!("{model},{id}"), "message": message });
        self.make(NoteRow::MODEL, &values).await.map_err(harmless)
    }

    /// `error`, after the note of the change that it came of has been removed. A lost answer leaves it.
    pub(super) async fn unnoted(&self, note: i64, error: Error) -> Error {
        if !error.outcome_unknown
            && let Err(left) = self.remove(NoteRow::MODEL, note).await
        {
            // Nobody looks for a write that was refused.
            tracing::debug!(tryton.note = note, error = %left, "The note of a refused write could not be removed");
        }
        error
    }

    /// Leaves the reason of a write that has been carried out where people look. One that cannot be left is reported as unused.
    pub(super) async fn leave_reason(&self, model: &str, id: i64, reason: Option<&str>, reference: &str) -> Vec<String> {
        if super::text(reason).is_none() {
            return Vec::new();
        }
        match self.leave_note(model, id, &message(reference, reason)).await {
            Ok(_) => Vec::new(),
            Err(error) => {
                tracing::warn!(tryton.model = model, tryton.id = id, error = %error, "The reason of a write could not be noted");
                vec!["reason".to_owned()]
            }
        }
    }

    /// Changes a row in one call, with a note.
    pub(super) async fn change_noted(&self, model: &str, id: i64, values: Map<String, Value>, reference: &str) -> Result<(), Error> {
        if values.is_empty() {
            return Ok(());
        }
        let note = self.leave_note(model, id, &message(reference, None)).await?;
        match self.change(model, id, &Value::Object(values)).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.unnoted(note, error).await),
        }
    }

    /// What became of such a change. `plan` is what it would write now; `None`: it would have to make something first.
    pub(super) async fn find_change<T: Record>(
        &self,
        model: &str,
        id: i64,
        reference: &str,
        plan: impl Future<Output = Result<Option<Map<String, Value>>, Error>>,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Result<Found<Written<T>>, Error> {
        let domain = json!([["resource", "=", format!("{model},{id}")], ["message", "=", message(reference, None)]]);
        let notes = self.notes(&domain).await?;
        let Some(note) = notes.first() else { return Ok(Found::NotDone) };
        let row = self.held(model, id, &["write_date"]).await?;
        let written = Option::<Stamp>::deserialize(&row["write_date"]).map_err(|e| Error::new(Kind::Protocol, e.to_string()))?;
        if at(written).is_none_or(|written| written <= note.at) {
            return Ok(Found::NotDone);
        }
        let holds = match plan.await? {
            Some(values) => self.holds(model, id, &values).await?,
            None => false,
        };
        Ok(if holds {
            Found::Done(Written { record: read.await?, unused_fields: Vec::new() })
        } else {
            Found::Unclear(format!("The {model} {id} has been changed in Tryton since, and does not hold all that was to be written"))
        })
    }

    /// The notes that a domain has.
    pub(super) async fn notes(&self, domain: &Value) -> Result<Vec<Noted>, Error> {
        let arguments = json!({ "domain": domain, "fields_names": NoteRow::PLAIN, "order": [["id", "ASC"]] });
        let rows: Vec<Value> = self.value(NoteRow::MODEL, "search_read", &arguments).await?;
        let noted = |row: &Value| {
            let row = NoteRow::of(row)?;
            let parts = row.resource.zip(at(row.create_date));
            parts.map(|(resource, at)| Noted { row: resource.id, at }).ok_or_else(|| "A note without its row or its moment".to_owned())
        };
        rows.iter().map(noted).collect::<Result<_, _>>().map_err(|reason| Error::new(Kind::Protocol, reason))
    }

    /// Fields of one row, archived or not.
    async fn held<F: AsRef<str>>(&self, model: &str, id: i64, fields: &[F]) -> Result<Value, Error> {
        let fields: Vec<&str> = fields.iter().map(AsRef::as_ref).collect();
        let arguments = json!({ "domain": [["id", "=", id]], "fields_names": fields });
        let call = self.site.post(&format!("/rest/model/{model}/search_read")).json(&arguments);
        let rows: Vec<Value> = self.send(model, call).await?.json()?;
        rows.into_iter().next().ok_or_else(|| Error::new(Kind::NotFound, format!("Tryton has no such {model} any more")))
    }

    /// Whether a row holds what these values would make of it. Values that would make or remove rows, it does not hold.
    async fn holds(&self, model: &str, id: i64, values: &Map<String, Value>) -> Result<bool, Error> {
        let mut fields = Vec::new();
        values.iter().for_each(|(field, value)| paths(field, value, &mut fields));
        let row = self.held(model, id, &fields).await?;
        Ok(values.iter().all(|(field, value)| is_held(&row, field, value)))
    }
}

/// One of the commands that a value for several rows is made of: its name, the ids or rows that it is about, and what it writes.
type Command<'a> = (&'a str, &'a Value, Option<&'a Map<String, Value>>);

fn command(command: &Value) -> Option<Command<'_>> {
    let parts = command.as_array()?;
    Some((parts.first()?.as_str()?, parts.get(1)?, parts.get(2).and_then(Value::as_object)))
}

/// The commands of a value, if it is for several rows.
fn commands(value: &Value) -> Option<Vec<Command<'_>>> {
    value.as_array()?.iter().map(command).collect()
}

/// The paths of all that must be read to know whether a value is held.
fn paths(field: &str, value: &Value, into: &mut Vec<String>) {
    into.push(field.to_owned());
    let written = commands(value).into_iter().flatten().filter_map(|(_, _, values)| values);
    for (inner, value) in written.flatten() {
        paths(&format!("{field}.{inner}"), value, into);
    }
}

/// Whether a row, as `search_read` shows it, holds a value.
fn is_held(row: &Value, field: &str, value: &Value) -> bool {
    let Some(commands) = commands(value) else { return is_same(&row[field], value) };
    let none = Vec::new();
    let nested = row[format!("{field}.")].as_array().unwrap_or(&none);
    commands.iter().all(|(name, ids, values)| {
        let ids = ids.as_array().unwrap_or(&none);
        match (*name, values) {
            ("write", Some(values)) => ids.iter().all(|id| {
                let inner = nested.iter().find(|inner| inner["id"] == *id);
                inner.is_some_and(|inner| values.iter().all(|(field, value)| is_held(inner, field, value)))
            }),
            ("add", _) => ids.iter().all(|id| row[field].as_array().is_some_and(|held| held.contains(id))),
            _ => ids.is_empty(),
        }
    })
}

/// Whether a value that was read is one that was written: `9` is `9.0`, and an empty text is none.
fn is_same(read: &Value, written: &Value) -> bool {
    let number = |value: &Value| value.as_f64().or_else(|| value["decimal"].as_str()?.parse().ok());
    let is_empty = |value: &Value| value.is_null() || value == "";
    match (number(read), number(written)) {
        (Some(read), Some(written)) => (read - written).abs() < 1e-9,
        _ => read == written || (is_empty(read) && is_empty(written)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_what_changes_nothing() {
        let row = json!({
            "reference": "SHOP-1", "carrier": null, "list_price": { "__class__": "Decimal", "decimal": "9.5000" }, "categories": [1, 2],
            "lines": [4, 5], "lines.": [{ "id": 4, "quantity": 9.0, "taxes": [] }, { "id": 5, "quantity": 2.0, "taxes": [7] }],
        });
        let held = |field: &str, value: Value| is_held(&row, field, &value);
        assert!(
            held("reference", json!("SHOP-1"))
                && held("carrier", json!(""))
                && held("list_price", json!({ "__class__": "Decimal", "decimal": "9.5" }))
        );
        assert!(
            !held("reference", Value::Null)
                && !held("carrier", json!(2))
                && !held("list_price", json!({ "__class__": "Decimal", "decimal": "9.51" }))
        );
        assert!(held("lines", json!([["write", [4], { "quantity": 9 }], ["write", [5], { "quantity": 2, "taxes": [["add", [7]]] }]])));
        for differs in [
            json!([["write", [4], { "quantity": 8 }]]),
            json!([["write", [6], { "quantity": 9 }]]),
            json!([["create", [{ "quantity": 9 }]]]),
            json!([["delete", [4]]]),
            json!([["remove", [4]]]),
            json!([["write", [4], { "taxes": [["add", [7]]] }]]),
        ] {
            assert!(!held("lines", differs.clone()), "{differs}");
        }
        assert!(held("lines", json!([])) && held("lines", json!([["remove", []]])) && held("categories", json!([["add", [1]]])));
        let mut asked = Vec::new();
        paths("lines", &json!([["write", [4], { "quantity": 9, "taxes": [["add", [7]]] }]]), &mut asked);
        assert_eq!(asked, ["lines", "lines.quantity", "lines.taxes"]);
    }

    #[test]
    fn a_note_says_whose_it_is_and_why() {
        assert_eq!(message("ref-1", None), "Written by Crossdock (ref-1)");
        assert_eq!(message("ref-1", Some(" ")), "Written by Crossdock (ref-1)");
        assert_eq!(message("ref-1", Some("damaged")), "damaged\nWritten by Crossdock (ref-1)");
    }
}
