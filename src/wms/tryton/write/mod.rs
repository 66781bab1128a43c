//! Writes: what they share.
//!
//! **Every call is a transaction of its own.** What Tryton refuses in its own words has not happened; of a lost answer nobody knows. Where
//! a write takes several calls and a later one is refused, what the earlier ones made is removed again, and Tryton's sentence goes
//! back. Only where that removal fails, or an answer was lost, is the outcome unknown.
//!
//! **The write's reference** stands in the description of the sale or purchase that it made, by which it can be found; of a change,
//! in a note beside the row that it changes ([`note`]).
//!
//! **Tryton accepts nonsense by REST that its own screens prevent**, which is refused here: archived warehouses, carriers and
//! products, other lines and places of a sale that is no draft any more.

mod address;
mod inbound_shipment;
mod inventory;
mod note;
mod order;
mod pass;
mod product;
mod returns;
mod shipment;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::address::Consignee;
use super::Tryton;
use super::client::id_of;
use super::rows::{Row, StockedRow, WantedRow};
use crate::record::{Instant, Json, Money, Quantity};
use crate::wms::{Error, Kind};

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn refuse(parts: &[&str], message: impl Into<String>) -> Error {
    Error::new(Kind::Validation, message).with_path(path(parts))
}

/// The same error of a call that made nothing: whatever came of it, the write has not been carried out.
fn harmless(error: Error) -> Error {
    Error { outcome_unknown: false, ..error }
}

/// The same error of a call after which something may stand in Tryton.
fn open(error: Error) -> Error {
    Error { outcome_unknown: true, ..error }
}

/// The same error with the input field that Tryton's sentence speaks of, where it names one.
fn located(error: Error, inputs: &[(&str, &[&str])]) -> Error {
    let about_input = matches!(error.kind, Kind::Validation | Kind::Conflict | Kind::NotFound) && error.path.is_none();
    match inputs.iter().find(|(words, _)| about_input && error.message.contains(words)) {
        Some((_, parts)) => error.with_path(path(parts)),
        None => error,
    }
}

/// The number in a source id of ours.
fn tryton_id(source_id: &str, parts: &[&str]) -> Result<i64, Error> {
    source_id.parse().map_err(|_| refuse(parts, format!("{source_id:?} is not the id of a Tryton record")))
}

/// An amount as Tryton takes it.
fn decimal(money: Money) -> Value {
    json!({ "__class__": "Decimal", "decimal": money.to_string() })
}

/// The day of a moment, in UTC.
fn day(instant: Instant) -> Value {
    let text = instant.to_sortable();
    let mut parts = text.split(['-', 'T']).map(|part| part.parse::<i64>().unwrap_or_default());
    let mut next = || parts.next().unwrap_or_default();
    json!({ "__class__": "date", "year": next(), "month": next(), "day": next() })
}

/// A text that says something.
fn text(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The schema of fields that only Tryton knows.
#[expect(clippy::unnecessary_wraps, reason = "what the contract asks for")]
fn fields_of(model: &str) -> Option<Value> {
    Some(json!({
        "type": "object",
        "description": format!("Further fields of Tryton's {model}, as its REST interface takes them: {{\"comment\": \"…\"}}. Those that this server sets itself stay as it sets them."),
        "additionalProperties": true,
    }))
}

/// The names of those input fields that were given.
fn given(fields: &[(&str, bool)]) -> Vec<String> {
    fields.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| (*name).to_owned()).collect()
}

/// A product that a line names, by either of its ids or by its SKU.
#[derive(Debug, Clone, Copy)]
struct Named<'a> {
    id: Option<(&'static str, &'a str)>,
    sku: Option<&'a str>,
}

impl Named<'_> {
    fn field(&self) -> &'static str {
        self.id.map_or("sku", |(field, _)| field)
    }

    fn is(&self, row: &WantedRow) -> bool {
        match (self.id, self.sku) {
            (Some((_, id)), _) => row.id.to_string() == id,
            (None, sku) => sku.is_some() && row.code.as_deref() == sku,
        }
    }
}

/// The product that a line names; else the field that does not and why.
fn product_of<'a>(line: &Named<'_>, found: &'a [WantedRow]) -> Result<&'a WantedRow, (&'static str, String)> {
    let field = line.field();
    let all: Vec<&WantedRow> = found.iter().filter(|row| line.is(row)).collect();
    let active: Vec<&WantedRow> = all.iter().filter(|row| row.active).copied().collect();
    let shown = line.id.map(|(_, id)| id).or(line.sku).unwrap_or_default();
    match (active.as_slice(), all.len()) {
        ([product], _) => Ok(product),
        ([], 0) => Err((field, format!("Tryton has no product {shown:?}"))),
        ([], _) => Err((field, format!("The product {shown:?} is archived in Tryton"))),
        (several, _) => Err((field, format!("{} products have the SKU {shown:?} in Tryton; name one by its id", several.len()))),
    }
}

/// A row that a call made or changed, as far as it was asked for.
#[derive(Debug, Deserialize)]
struct Made {
    id: i64,
    #[serde(default)]
    state: Option<String>,
}

/// What is shown of a row after an action.
const FIELDS: &[(&str, &str)] = &[("f", "id"), ("f", "state")];

impl Tryton {
    /// The fields that only Tryton knows, to which ours are added. Of one that it does not know, Tryton says nothing that helps.
    async fn own_fields(&self, model: &str, fields: Option<&Json>) -> Result<Map<String, Value>, Error> {
        let fields = match fields.map(Json::to_value) {
            None | Some(Value::Null) => return Ok(Map::new()),
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(refuse(&["integrationFields"], "integrationFields must be an object of Tryton field names and values")),
        };
        let session = self.session().await?;
        match fields.keys().find(|field| !session.knows(model, field)) {
            Some(field) => Err(refuse(&["integrationFields", field], format!("Tryton's {model} has no field {field:?}"))),
            None => Ok(fields),
        }
    }

    /// Makes a row.
    async fn make(&self, model: &str, values: &Value) -> Result<i64, Error> {
        let made: Made = self.send(model, self.site.post(&format!("/rest/model/{model}")).json(values)).await?.json()?;
        Ok(made.id)
    }

    /// Changes a row, archived or not.
    async fn change(&self, model: &str, id: i64, values: &Value) -> Result<(), Error> {
        self.send(model, self.site.put(&format!("/rest/model/{model}/{id}")).json(values)).await.map(drop)
    }

    /// Removes a row.
    async fn remove(&self, model: &str, id: i64) -> Result<(), Error> {
        self.send(model, self.site.delete(&format!("/rest/model/{model}/{id}"))).await.map(drop)
    }

    /// Calls an action of a row that has a state, and answers with the state that it is in then.
    async fn act(&self, model: &str, id: i64, action: &str) -> Result<String, Error> {
        let call = self.site.post(&format!("/rest/model/{model}/{id}/{action}")).query(FIELDS).json(&json!({}));
        let made: Made = self.send(model, call).await?.json()?;
        Ok(made.state.unwrap_or_default())
    }

    /// The one row of a model with this id, as it can be mapped.
    async fn row<R: Row>(&self, id: i64) -> Result<Option<R>, Error> {
        let rows = self.search::<R>(&[json!(["id", "=", id])], 1).await?.0;
        rows.first().map(R::of).transpose().map_err(|reason| Error::new(Kind::Protocol, reason))
    }

    /// The ids of rows that carry a write's reference.
    async fn referred(&self, model: &str, reference: &str) -> Result<Vec<Value>, Error> {
        let arguments = json!({ "domain": [["description", "=", reference]], "fields_names": ["id", "state"], "order": [["id", "ASC"]] });
        self.value(model, "search_read", &arguments).await
    }

    /// The products that lines name, each at the index of its line.
    async fn products_of(&self, lines: &[Named<'_>], at: &str) -> Result<Vec<WantedRow>, Error> {
        let mut ids = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let index = index.to_string();
            match (line.id, line.sku) {
                (Some((field, id)), _) => ids.push(tryton_id(id, &[at, &index, field])?),
                (None, Some(_)) => {}
                (None, None) => return Err(refuse(&[at, &index, "sku"], "A line needs an id or a sku of what it is of")),
            }
        }
        let skus: Vec<&str> = lines.iter().filter(|line| line.id.is_none()).filter_map(|line| line.sku).collect();
        let domain = [json!(["OR", ["id", "in", ids], ["code", "in", skus]]), json!(["active", "in", [true, false]])];
        let mut found: Vec<WantedRow> = Vec::new();
        self.each::<WantedRow>(&domain, |rows| found.extend(rows.iter().filter_map(|row| WantedRow::of(row).ok()))).await?;
        let one = |(index, line): (usize, &Named<'_>)| {
            product_of(line, &found).cloned().map_err(|(field, why)| refuse(&[at, &index.to_string(), field], why))
        };
        lines.iter().enumerate().map(one).collect()
    }

    /// A warehouse in use, with its places. Without an id: the only one that there is, if there is but one.
    async fn stocked(&self, id: Option<&str>, parts: &[&str]) -> Result<Option<StockedRow>, Error> {
        let mut domain = vec![json!(["type", "=", "warehouse"])];
        match id {
            Some(id) => domain.extend([json!(["id", "=", tryton_id(id, parts)?]), json!(["active", "in", [true, false]])]),
            None => domain.push(json!(["active", "=", true])),
        }
        let rows = self.search::<StockedRow>(&domain, 2).await?.0;
        let rows: Vec<StockedRow> = rows.iter().filter_map(|row| StockedRow::of(row).ok()).collect();
        match (id, rows.as_slice()) {
            (Some(_), [row]) if row.active => Ok(Some(row.clone())),
            (Some(_), [_]) => Err(refuse(parts, "The warehouse is archived in Tryton")),
            (Some(_), _) => Err(refuse(parts, "Tryton has no such warehouse")),
            (None, [row]) => Ok(Some(row.clone())),
            (None, _) => Ok(None),
        }
    }

    /// A carrier in use: Tryton takes an archived one without a word.
    async fn carrier_in_use(&self, id: &str, parts: &[&str]) -> Result<i64, Error> {
        let id = tryton_id(id, parts)?;
        let domain = json!([["id", "=", id], ["active", "in", [true, false]]]);
        let rows: Vec<Value> = self.value("carrier", "search_read", &json!({ "domain": domain, "fields_names": ["id", "active"] })).await?;
        match rows.first().map(|row| row["active"] == true) {
            Some(true) => Ok(id),
            Some(false) => Err(refuse(parts, "The carrier is archived in Tryton")),
            None => Err(refuse(parts, "Tryton has no such carrier")),
        }
    }

    /// The currency with this code.
    async fn currency(&self, code: &str, parts: &[&str]) -> Result<i64, Error> {
        let arguments = json!({ "domain": [["code", "=", code]], "fields_names": ["id"], "limit": 1 });
        let rows: Vec<Value> = self.value("currency.currency", "search_read", &arguments).await?;
        rows.first().and_then(id_of).ok_or_else(|| refuse(parts, format!("Tryton has no currency {code:?}")))
    }

    /// Takes a sale or purchase from its draft to where its goods move.
    async fn released(&self, model: &str, id: i64) -> Result<(), Error> {
        let mut state = self.act(model, id, "quote").await?;
        for (action, until) in [("confirm", "confirmed"), ("process", "processing")] {
            // A database may be set up to go on by itself.
            if state != "processing" && state != "done" && state != until {
                state = self.act(model, id, action).await?;
            }
        }
        Ok(())
    }

    /// `error`, after the sale or purchase that it came of has been removed. An answer that was lost leaves everything as it is.
    async fn undone(&self, model: &str, id: i64, consignee: Option<Consignee>, error: Error) -> Error {
        if error.outcome_unknown {
            return error;
        }
        // What is confirmed goes back to its draft first; of what is a draft Tryton refuses that, and it is none the worse.
        drop(self.act(model, id, "draft").await);
        drop(self.act(model, id, "cancel").await);
        if let Err(left) = self.remove(model, id).await {
            tracing::warn!(tryton.model = model, tryton.id = id, error = %left, "What Tryton refused to release could not be removed");
            return open(error);
        }
        self.forget(consignee).await;
        error
    }
}

/// Whether a quantity can be moved.
fn positive(quantity: Quantity, parts: &[&str]) -> Result<(), Error> {
    if quantity <= Quantity::ZERO { Err(refuse(parts, "The quantity must be more than 0")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_names_one_product_in_use() {
        let row = |id: i64, sku: &str, active| WantedRow { id, code: Some(sku.to_owned()), active, ..WantedRow::default() };
        let found = [row(1, "A", true), row(2, "B", true), row(3, "B", true), row(4, "C", false), row(5, "A", false)];
        let of = |sku| product_of(&Named { id: None, sku: Some(sku) }, &found).map(|row| row.id);
        assert_eq!(of("A"), Ok(1));
        assert_eq!(of("B"), Err(("sku", "2 products have the SKU \"B\" in Tryton; name one by its id".to_owned())));
        assert_eq!(of("C"), Err(("sku", "The product \"C\" is archived in Tryton".to_owned())));
        assert_eq!(of("D"), Err(("sku", "Tryton has no product \"D\"".to_owned())));
        assert_eq!(
            product_of(&Named { id: Some(("productId", "4")), sku: None }, &found).map(|row| row.id).map_err(|(field, _)| field),
            Err("productId")
        );
    }

    #[test]
    fn a_moment_is_a_day_of_its_own() {
        let at = "2027-01-05T23:59:59Z".parse().unwrap_or_default();
        assert_eq!(day(at), json!({ "__class__": "date", "year": 2027, "month": 1, "day": 5 }));
    }
}
