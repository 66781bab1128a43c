//! Writes: every command as a request of the sandbox's own API, and what its answers mean.
//!
//! The write's reference goes out as the idempotency key, which the sandbox remembers for ever: the same command under the same
//! reference changes nothing more, and `GET /v1/idempotency/{key}` tells what was done. A command says what it is in the
//! sandbox's words ([`Spoken`]); sending it, looking it up and reading the answer are the same for all.

mod inbound_shipment;
mod inventory;
mod order;
mod pass;
mod path;
mod product;
mod returns;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Held, Origin, Sandbox, record, resource};
use crate::record::draft::{AddressInput, Command, MaybeUndefined, MeasurementsInput, Ref};
use crate::record::{Instant, Json, LengthUnit, Record, WeightUnit};
use crate::wms::{Error, Found, Kind, Push, Written};

pub(super) use path::input_path;

/// A command in the sandbox's words.
pub(super) trait Spoken: Command<Record: Held> {
    /// See [`Push::REQUIRED`].
    const REQUIRED: &'static [&'static str];
    /// See [`Push::OPTIONAL`].
    const OPTIONAL: &'static [&'static str];
    /// What is done to the row, such as `ship`, where its address says so.
    const VERB: Option<&'static str> = None;

    /// The fields that only the sandbox knows.
    fn extra() -> Option<Extra> {
        None
    }

    /// The request.
    fn body(&self) -> Body;
}

/// The fields of a command that only the sandbox knows.
pub(super) struct Extra {
    schema: Value,
    check: fn(&Value) -> Result<(), Error>,
}

impl Extra {
    /// Those of `T`.
    fn of<T: JsonSchema + DeserializeOwned>() -> Self {
        let check = |value: &Value| {
            serde_path_to_error::deserialize::<_, T>(value).map(drop).map_err(|e| {
                let mut path = vec!["integrationFields".to_owned()];
                path.extend(e.path().to_string().split('.').filter(|part| !part.is_empty() && *part != "?").map(str::to_owned));
                Error::new(Kind::Validation, format!("The integration fields are not as they must be: {}", e.inner())).with_path(path)
            })
        };
        Self { schema: schemars::schema_for!(T).to_value(), check }
    }
}

/// The body of a request, and the input fields that the sandbox has no place for.
#[derive(Default)]
pub(super) struct Body {
    fields: Map<String, Value>,
    pub(super) unused: Vec<String>,
}

impl Body {
    /// Puts `value` in under `name`, if there is one.
    fn put(&mut self, name: &str, value: Option<impl Into<Value>>) {
        put(&mut self.fields, name, value);
    }

    /// What is absent stays absent, and null stays null.
    fn patch<'a, T, V: Into<Value>>(&mut self, name: &str, value: &'a MaybeUndefined<T>, of: impl FnOnce(&'a T) -> V) {
        match value {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => self.put(name, Some(Value::Null)),
            MaybeUndefined::Value(value) => self.put(name, Some(of(value))),
        }
    }

    /// A size and a weight. Of what is not given nothing is said.
    fn measure(&mut self, of: &MeasurementsInput) {
        measure(&mut self.fields, of);
    }

    /// An address, which has no third line at the sandbox. `input` is what our input calls it.
    fn address(&mut self, name: &str, input: &str, to: &AddressInput) {
        let parts = [
            ("name", &to.full_name),
            ("company", &to.company),
            ("address1", &to.address1),
            ("address2", &to.address2),
            ("city", &to.city),
            ("region", &to.state),
            ("zip", &to.postal_code),
            ("country", &to.country),
            ("phone", &to.phone_number),
            ("email", &to.email_address),
        ];
        let address: Map<String, Value> = parts.into_iter().map(|(name, value)| (name.to_owned(), value.clone().into())).collect();
        self.put(name, Some(address));
        if to.address3.is_some() {
            self.unused.push(format!("{input}.address3"));
        }
    }

    /// Adds the fields that only this WMS knows. They must not overrule a field of the unified input.
    fn add<C: Spoken>(&mut self, given: Option<&Json>) -> Result<(), Error> {
        let refuse = |message: String| Error::new(Kind::Validation, message).with_path(vec!["integrationFields".to_owned()]);
        let given = match given.map(Json::to_value) {
            None | Some(Value::Null) => return Ok(()),
            Some(given) => given,
        };
        let Some(extra) = C::extra() else { return Err(refuse(format!("The sandbox has no integration fields for {}", C::ACTION))) };
        let Value::Object(fields) = &given else {
            return Err(refuse("The integration fields of the sandbox are an object, such as {\"tags\": [\"vip\"]}".to_owned()));
        };
        (extra.check)(&given)?;
        for (name, value) in fields {
            if self.fields.contains_key(name) {
                let error = refuse(format!("The integration field {name:?} is given twice: it has a field of its own"));
                return Err(error.with_path(vec!["integrationFields".to_owned(), name.clone()]));
            }
            self.fields.insert(name.clone(), value.clone());
        }
        Ok(())
    }
}

impl<C: Spoken> Push<C> for Sandbox {
    const REQUIRED: &'static [&'static str] = C::REQUIRED;
    const OPTIONAL: &'static [&'static str] = C::OPTIONAL;

    fn integration_fields() -> Option<Value> {
        C::extra().map(|extra| extra.schema)
    }

    async fn push(&self, command: &C, reference: &str) -> Result<Written<C::Record>, Error> {
        let mut body = command.body();
        body.add::<C>(command.integration_fields())?;
        let resource = resource(C::Record::DATA_TYPE);
        let call = match (command.target(), C::VERB) {
            (None, _) => self.site.post(&format!("/v1/{resource}")),
            (Some(target), None) => self.site.patch(&format!("/v1/{resource}/{}", target_of(target)?)),
            (Some(target), Some(verb)) => self.site.post(&format!("/v1/{resource}/{}/{verb}", target_of(target)?)),
        };
        let sent = self.send(call.header("idempotency-key", reference).json(&body.fields)).await;
        let reply = sent.map_err(|error| placed(error, command))?;
        let row: Box<RawValue> = reply.json()?;
        let record = self.held::<C::Record>(row.get()).map_err(|reason| reply.misfit(&reason))?;
        Ok(Written { record, unused_fields: body.unused })
    }

    async fn look_up(&self, command: &C, reference: &str) -> Result<Found<Written<C::Record>>, Error> {
        let Some(key) = segment(reference) else {
            return Ok(Found::Unclear(format!("{reference:?} cannot stand in an address of the sandbox")));
        };
        let reply = match self.send(self.site.get(&format!("/v1/idempotency/{key}"))).await {
            Ok(reply) => reply,
            Err(error) if error.code.as_deref() == Some("unknown_idempotency_key") => return Ok(Found::NotDone),
            Err(error) => return Err(error),
        };
        let done: Done = reply.json()?;
        let Some(row) = done.row else {
            return Ok(Found::Unclear(format!("The sandbox did it at {}, and '{}' has been deleted since", done.at, done.id)));
        };
        let record = self.held::<C::Record>(row.get()).map_err(|reason| reply.misfit(&reason))?;
        Ok(Found::Done(Written { record, unused_fields: command.body().unused }))
    }
}

/// What the sandbox tells of an idempotency key.
#[derive(Deserialize)]
struct Done {
    id: String,
    at: Instant,
    row: Option<Box<RawValue>>,
}

impl Sandbox {
    /// The record in a row that an answer shows.
    fn held<T: Held>(&self, raw: &str) -> Result<T, String> {
        record(&Origin { base: self.site.base(), resource: resource(T::DATA_TYPE), raw }, T::unified).map_err(|reject| reject.reason)
    }
}

/// The error with the place in our input that it speaks of.
fn placed<C: Command>(error: Error, command: &C) -> Error {
    let path = match error.path {
        None if error.kind == Kind::NotFound && command.target().is_some() => Some(vec!["id".to_owned()]),
        // Tags have a field of their own and could be given among the integration fields before they had.
        Some(path) if path.first().is_some_and(|first| first == "sourceTags") && gives_tags(command) => {
            Some(vec!["integrationFields".to_owned(), "tags".to_owned()])
        }
        path => path,
    };
    Error { path, ..error }
}

fn gives_tags<C: Command>(command: &C) -> bool {
    command.integration_fields().is_some_and(|fields| fields.to_value().get("tags").is_some())
}

/// A text as one segment of an address, if it can be one as it stands. The sandbox gives out no other identifiers.
fn segment(text: &str) -> Option<&str> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    is_plain.then_some(text)
}

fn target_of<T>(target: &Ref<T>) -> Result<&str, Error> {
    let id = target.source_id();
    let refuse = || Error::new(Kind::NotFound, format!("{id:?} is no identifier of the sandbox")).with_path(vec!["id".to_owned()]);
    segment(id).ok_or_else(refuse)
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

fn source_id<T>(named: Option<&Ref<T>>) -> Option<&str> {
    named.map(Ref::source_id)
}

fn measure(fields: &mut Map<String, Value>, of: &MeasurementsInput) {
    let mut dims = Map::new();
    put(&mut dims, "l", of.length.map(|length| json!(length)));
    put(&mut dims, "w", of.width.map(|width| json!(width)));
    put(&mut dims, "h", of.height.map(|height| json!(height)));
    put(&mut dims, "unit", of.unit.map(length_unit));
    let mut weight = Map::new();
    put(&mut weight, "value", of.weight.map(|weight| json!(weight)));
    put(&mut weight, "unit", of.weight_unit.map(weight_unit));
    put(fields, "dims", (!dims.is_empty()).then_some(dims));
    put(fields, "weight", (!weight.is_empty()).then_some(weight));
}

fn length_unit(unit: LengthUnit) -> &'static str {
    match unit {
        LengthUnit::Cm => "cm",
        LengthUnit::In => "in",
    }
}

fn weight_unit(unit: WeightUnit) -> &'static str {
    match unit {
        WeightUnit::G => "g",
        WeightUnit::Kg => "kg",
        WeightUnit::Oz => "oz",
        WeightUnit::Lb => "lb",
    }
}

/// The day of a moment; the sandbox knows no more of expiry dates.
fn day(moment: Instant) -> String {
    moment.to_string().chars().take(10).collect()
}

/// Comments without an author.
fn comments(notes: &[String]) -> Value {
    notes.iter().map(|text| json!({ "text": text })).collect()
}
