//! Writes: what they share.
//!
//! **Every call is a transaction of its own.** What Tryton refuses in its own words has not happened; of a lost answer nobody knows. Where
//! a write takes several calls and a later one is refused, what the earlier ones made is removed again, and Tryton's sentence goes
//! back. Only where that removal fails, or an answer was lost, is the outcome unknown.
//!
//! **The write's reference** stands in the description of the sale or purchase that it made, by which it can be found.
//!
//! **Tryton accepts nonsense by REST that its own screens prevent**, which is refused here: archived warehouses, carriers and
//! products, other lines and places of a sale that is no draft any more.

mod inbound_shipment;
mod inventory;
mod order;
mod pass;
mod product;
mod returns;
mod shipment;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Tryton;
use super::client::id_of;
use super::rows::{Row, StockedRow, WantedRow};
use crate::record::draft::AddressInput;
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

/// The fields that only Tryton knows, to which ours are added.
fn own_fields(fields: Option<&Json>) -> Result<Map<String, Value>, Error> {
    match fields.map(Json::to_value) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields),
        Some(_) => Err(refuse(&["integrationFields"], "integrationFields must be an object of Tryton field names and values")),
    }
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

    /// The first address of a party: the one that its papers go to.
    async fn first_address(&self, party: i64) -> Result<Option<i64>, Error> {
        let arguments = json!({ "domain": [["party", "=", party]], "fields_names": ["id"], "limit": 1 });
        let rows: Vec<Value> = self.value("party.address", "search_read", &arguments).await?;
        Ok(rows.first().and_then(id_of))
    }

    /// A party with exactly this address, and the address: one that is there already, or a new one.
    async fn consignee(&self, address: &AddressInput, unused: &mut Vec<String>) -> Result<Consignee, Error> {
        let (person, company) = (text(address.full_name.as_deref()), text(address.company.as_deref()));
        let name = company.or(person);
        let attention = company.and(person);
        let lines: Vec<&str> =
            [&address.address1, &address.address2, &address.address3].into_iter().filter_map(|line| text(line.as_deref())).collect();
        let street = Some(lines.join("\n")).filter(|street| !street.is_empty());
        let country = match text(address.country.as_deref()) {
            Some(code) => Some(self.country(code, &["shipTo", "country"]).await?),
            None => None,
        };
        let state = match (text(address.state.as_deref()), country) {
            (Some(state), Some(country)) => self.subdivision(country, state).await?,
            _ => None,
        };
        if state.is_none() && text(address.state.as_deref()).is_some() {
            unused.push("shipTo.state".to_owned());
        }
        let (phone, email) = (text(address.phone_number.as_deref()), text(address.email_address.as_deref()));
        let domain = json!([
            ["party.name", "=", name],
            ["city", "=", text(address.city.as_deref())],
            ["postal_code", "=", text(address.postal_code.as_deref())],
            ["country", "=", country],
            ["subdivision", "=", state]
        ]);
        // Streets, people and contacts are computed or further rows: they are compared here.
        let digits = |text: Option<&str>| text.map(|text| text.chars().filter(char::is_ascii_digit).collect::<String>());
        let wanted = json!({ "street": street, "attn": attention, "email": email, "phone": digits(phone) });
        let fields = ["id", "street", "attn", "party", "party.email", "party.phone"];
        let rows: Vec<Value> =
            self.value("party.address", "search_read", &json!({ "domain": domain, "fields_names": fields, "order": [["id", "ASC"]] })).await?;
        let said = |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let same = rows.iter().find(|row| {
            let contact = &row["party."];
            let phone = said(&contact["phone"]);
            let shown = json!({
                "street": said(&row["street"]), "attn": said(&row["attn"]), "email": said(&contact["email"]), "phone": digits(phone.as_deref())
            });
            shown == wanted
        });
        if let Some((address, party)) = same.and_then(|row| Some((id_of(row)?, row["party"].as_i64()?))) {
            return Ok(Consignee { party, address, is_new: false });
        }
        let mechanisms: Vec<Value> =
            [("email", email), ("phone", phone)].into_iter().filter_map(|(kind, value)| Some(json!({ "type": kind, "value": value? }))).collect();
        let values = json!({
            "name": name,
            "addresses": [["create", [{
                "street": street, "attn": attention, "city": text(address.city.as_deref()), "postal_code": text(address.postal_code.as_deref()),
                "country": country, "subdivision": state,
            }]]],
            "contact_mechanisms": [["create", mechanisms]],
        });
        let party = self.make("party.party", &values).await.map_err(|error| located(error, &[("\"Name\"", &["shipTo", "fullName"])]))?;
        let address = self.first_address(party).await?;
        let address = address.ok_or_else(|| Error::new(Kind::Protocol, "Tryton made a party without the address that it was given"))?;
        Ok(Consignee { party, address, is_new: true })
    }

    /// The country with this two-letter code.
    async fn country(&self, code: &str, parts: &[&str]) -> Result<i64, Error> {
        let arguments = json!({ "domain": [["code", "=", code.to_uppercase()]], "fields_names": ["id"], "limit": 1 });
        let rows: Vec<Value> = self.value("country.country", "search_read", &arguments).await?;
        rows.first().and_then(id_of).ok_or_else(|| refuse(parts, format!("Tryton has no country {code:?}; give its two-letter code")))
    }

    /// The part of a country with this code or name, where Tryton knows the country's parts.
    async fn subdivision(&self, country: i64, state: &str) -> Result<Option<i64>, Error> {
        let domain =
            json!([["country", "=", country], ["OR", ["name", "ilike", state], ["code", "ilike", state], ["code", "ilike", format!("%-{state}")]]]);
        let rows: Vec<Value> =
            self.value("country.subdivision", "search_read", &json!({ "domain": domain, "fields_names": ["id"], "limit": 1 })).await?;
        Ok(rows.first().and_then(id_of))
    }

    /// Removes a party that was made for a write which did not come about. One that stays does no harm: the next order for the
    /// same address finds it.
    async fn forget(&self, consignee: Option<Consignee>) {
        if let Some(Consignee { party, is_new: true, .. }) = consignee
            && let Err(error) = self.remove("party.party", party).await
        {
            tracing::debug!(tryton.party = party, error = %error, "A party that is not needed could not be removed");
        }
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

/// Who gets the goods.
#[derive(Debug, Clone, Copy)]
struct Consignee {
    party: i64,
    address: i64,
    is_new: bool,
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
