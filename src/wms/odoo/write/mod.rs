//! Writes: what callers want done, as calls of Odoo's models. One file for what changes together; this one holds what all of
//! them share.
//!
//! **A write is whole or not there.** Each call of JSON-2 is a transaction of its own, so a write is one call wherever Odoo lets
//! it be. Where it takes several, what can be told beforehand is checked before the first; where Odoo refuses a later one,
//! the earlier are undone and Odoo's sentence goes back. Only where that fails, or an answer was lost, is the outcome unknown.
//!
//! **A write can be found again.** Its reference travels in the same transaction as the write itself, so that it stands in Odoo
//! exactly when the write was carried out: as a sales order's source document, as the name of a stock adjustment, else as
//! the message id of a note in the record's own log ([`note`]). Where Odoo's method takes no such thing, the note is left by the
//! call before it, and both the note and the state that was wanted are looked for.
//!
//! **A 200 is not a success.** Odoo answers with a dialog and does nothing, or does what makes no sense (it calls a shipped
//! order cancelled). So the record is read back, and what Odoo would wrongly accept is refused here.

mod address;
mod inbound_shipment;
mod inventory;
mod lines;
mod order;
mod order_change;
mod passthrough;
mod product;
mod receipt;
mod returns;
mod shipment;
mod transfer;

use serde_json::{Map, Value, json};

use super::Odoo;
use super::rows::{MessageRow, Row};
use crate::record::{Json, Money, Record};
use crate::wms::{Error, Found, Kind, Written};

/// Words of Odoo's sentences, and the input that they speak of.
type Inputs = &'static [(&'static str, &'static [&'static str])];

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn refuse(parts: &[&str], message: impl Into<String>) -> Error {
    Error::new(Kind::Validation, message).with_path(path(parts))
}

/// What stands in the way is the state that the record is in, not the input.
fn conflict(message: impl Into<String>) -> Error {
    Error::new(Kind::Conflict, message)
}

/// The same error with the input field that Odoo's sentence speaks of, where it names one.
fn located(error: Error, inputs: Inputs) -> Error {
    let about_input = matches!(error.kind, Kind::Validation | Kind::Conflict | Kind::NotFound) && error.path.is_none();
    // Of our own fields, only those are written that Odoo knows.
    let unknown = error.message.strip_prefix("Invalid field '").and_then(|rest| rest.split('\'').next());
    if let Some(field) = unknown.filter(|_| about_input) {
        let parts = path(&["integrationFields", field]);
        return error.with_path(parts);
    }
    let found = inputs.iter().find(|(words, _)| about_input && error.message.contains(words));
    match found {
        Some((_, parts)) => error.with_path(path(parts)),
        None => error,
    }
}

/// The same error of a call that made nothing: whatever came of it, the write has not been carried out.
fn harmless(error: Error) -> Error {
    Error { outcome_unknown: false, ..error }
}

/// The same error of a call after which something may stand in Odoo.
fn open(error: Error) -> Error {
    Error { outcome_unknown: true, ..error }
}

/// The answer to a write: the record that was read back. What cannot be read leaves open what was done.
fn written<T: Record>(id: i64, read: Result<Option<Result<T, String>>, Error>, unused: Vec<String>) -> Result<Written<T>, Error> {
    let gone = || Error::new(Kind::Protocol, format!("Odoo carried out the write and shows no record {id}"));
    let record = read.and_then(|row| row.ok_or_else(gone)?.map_err(|reason| Error::new(Kind::Protocol, reason))).map_err(open)?;
    Ok(Written { record, unused_fields: unused })
}

/// What was found of a write whose record is this one.
fn found<T: Record>(id: i64, read: Result<Option<Result<T, String>>, Error>) -> Result<Found<Written<T>>, Error> {
    written(id, read, Vec::new()).map(Found::Done)
}

/// The record that a write is about, before anything is written.
fn target<T>(read: Result<Option<T>, Error>, what: &str) -> Result<T, Error> {
    let gone = || Error::new(Kind::NotFound, format!("Odoo has no such {what}")).with_path(path(&["id"]));
    read.map_err(harmless)?.ok_or_else(gone)
}

/// An amount as Odoo takes it: a JSON number.
fn number(money: Money) -> f64 {
    money.to_string().parse().unwrap_or_default()
}

/// The number in a source id of ours.
fn odoo_id(source_id: &str, parts: &[&str]) -> Result<i64, Error> {
    source_id.parse().map_err(|_| refuse(parts, format!("{source_id:?} is not the id of an Odoo record")))
}

/// A text that says something, or Odoo's "nothing".
fn text(text: Option<&str>) -> Value {
    text.map(str::trim).filter(|text| !text.is_empty()).map_or(Value::Bool(false), |text| json!(text))
}

/// Texts as the HTML that Odoo keeps notes in: a paragraph each.
fn html(texts: &[String]) -> Value {
    let escaped = |text: &String| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br/>");
    if texts.is_empty() { Value::Bool(false) } else { json!(texts.iter().map(|text| format!("<p>{}</p>", escaped(text))).collect::<String>()) }
}

/// Tracking numbers as Odoo keeps those of one transfer: in one text, with commas.
fn tracking(numbers: &[String]) -> Value {
    let numbers: Vec<&str> = numbers.iter().map(|number| number.trim()).filter(|number| !number.is_empty()).collect();
    text(Some(&numbers.join(",")))
}

/// The fields that only Odoo knows, to which ours are added.
fn own_fields(fields: Option<&Json>) -> Result<Map<String, Value>, Error> {
    match fields.map(Json::to_value) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields),
        Some(_) => Err(refuse(&["integrationFields"], "integrationFields must be an object of Odoo field names and values")),
    }
}

/// The JSON Schema of `integrationFields`: names and values as Odoo's own methods take them.
fn fields_of_odoo(model: &str) -> Option<Value> {
    Some(json!({
        "type": "object",
        "description": format!("Further fields of {model} under their names in Odoo, with values as Odoo's create and write take them"),
        "propertyNames": { "pattern": "^[a-z_][a-z0-9_]*$" },
    }))
}

fn in_use(row: Option<&Value>, what: &str, parts: &[&str]) -> Result<(), Error> {
    match row {
        None => Err(refuse(parts, format!("Odoo has no such {what}"))),
        Some(row) if row.get("active") == Some(&Value::Bool(false)) => Err(refuse(parts, format!("The {what} is archived in Odoo"))),
        Some(_) => Ok(()),
    }
}

/// What a write's reference is as the id of a message, which Odoo indexes.
fn message_id(reference: &str) -> String {
    format!("<{reference}@crossdock>")
}

/// The value of `message_ids` that leaves a note in the log of a row that is created or written in the same call. Customers do
/// not see it, and nobody is sent it.
fn note<R: Row>(reference: &str) -> Value {
    let body = format!("Written by Crossdock ({reference})");
    json!([[0, 0, { "model": R::MODEL, "message_id": message_id(reference), "body": body, "message_type": "comment", "is_internal": true }]])
}

impl Odoo {
    /// The rows of a model whose log has this write's note.
    async fn noted<R: Row>(&self, reference: &str) -> Result<Vec<i64>, Error> {
        let domain = [json!(["model", "=", R::MODEL]), json!(["message_id", "=", message_id(reference)])];
        let rows = self.search::<MessageRow>(&domain, super::client::CHUNK).await?.0;
        Ok(rows.iter().filter_map(|row| MessageRow::of(row).ok()?.res_id).collect())
    }

    /// What became of a write that is one call and leaves its note in it.
    async fn find_noted<R: Row, T: Record>(
        &self,
        reference: &str,
        read: impl AsyncFnOnce(i64) -> Result<Option<Result<T, String>>, Error>,
    ) -> Result<Found<Written<T>>, Error> {
        match self.noted::<R>(reference).await?.first() {
            Some(id) => found(*id, read(*id).await),
            None => Ok(Found::NotDone),
        }
    }

    /// Leaves a reason in a row's log, where people look. The write has been carried out by now: a reason that cannot be
    /// left is reported as unused.
    async fn leave_reason<R: Row>(&self, id: i64, reason: Option<&str>, unused: &mut Vec<String>) {
        let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else { return };
        let arguments = json!({ "ids": [id], "body": reason, "message_type": "comment", "subtype_xmlid": "mail.mt_note" });
        if let Err(error) = self.call(R::MODEL, "message_post", &arguments).await {
            tracing::warn!(odoo.model = R::MODEL, odoo.id = id, error = %error, "The reason of a write could not be noted");
            unused.push("reason".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_finds_its_input() {
        let located = |kind, message: &str, inputs| located(Error::new(kind, message), inputs).path.map(|path| path.join("."));
        let missing =
            "The operation cannot be completed: Missing required value for the field 'Customer' (partner_id).\nModel: 'Sales Order' (sale.order)";
        assert_eq!(located(Kind::Validation, missing, order::INPUTS).as_deref(), Some("shipTo"));
        assert_eq!(located(Kind::Unavailable, missing, order::INPUTS), None);
        assert_eq!(located(Kind::Conflict, "Barcode(s) already assigned:\n\n- Barcode \"1\"", product::INPUTS).as_deref(), Some("gtin"));
        assert_eq!(located(Kind::Validation, "Something else", product::INPUTS), None);
        let unknown = "Invalid field 'no_such_field' in 'sale.order'";
        assert_eq!(located(Kind::Validation, unknown, order::INPUTS).as_deref(), Some("integrationFields.no_such_field"));
    }

    #[test]
    fn notes_are_html_and_tracking_numbers_one_text() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(html(&texts(&["a < b & c", "two\nlines"])), "<p>a &lt; b &amp; c</p><p>two<br/>lines</p>");
        assert_eq!(html(&[]), false);
        assert_eq!(tracking(&texts(&[" 1Z1", "", "1Z2"])), "1Z1,1Z2");
        assert_eq!(tracking(&[]), false);
    }
}
