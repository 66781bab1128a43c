//! The variables of a request against those that its operation declares: *CoerceVariableValues*, in graphql-js's words.
//!
//! Everything that is wrong is told, not only the first. What is right is left as it came, but for numbers that JSON can write in
//! several ways (`1.0` for an `Int`). Custom scalars are asked too, so a date that is none is refused before anything runs.

use apollo_compiler::ast::Type;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};
use async_graphql::{Name as Key, Number, PathSegment, ServerError, Value, Variables};

use super::words::{did_you_mean, short, similar};
use crate::graphql::errors::{Code, refused, variable_refused};
use crate::graphql::scalars;

/// More errors than this help nobody.
const MOST_ERRORS: usize = 20;

/// A variable of an operation.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: Name,
    pub(super) ty: Type,
    pub(super) default: Option<Value>,
}

/// Checks values against types.
pub(super) struct Coercion<'a> {
    pub(super) schema: &'a Schema,
    pub(super) suggestions: bool,
    /// How long lists may be.
    pub(super) list: usize,
    variable: &'a str,
    path: Vec<PathSegment>,
    errors: Vec<ServerError>,
}

impl<'a> Coercion<'a> {
    pub(super) fn new(schema: &'a Schema, suggestions: bool, list: usize) -> Self {
        Self { schema, suggestions, list, variable: "", path: Vec::new(), errors: Vec::new() }
    }

    /// Everything that is wrong with the variables of a request.
    pub(super) fn check(mut self, declared: &'a [Variable], given: &mut Variables) -> Vec<ServerError> {
        for Variable { name, ty, default } in declared {
            self.variable = name;
            match given.get_mut(name.as_str()) {
                None if default.is_none() && ty.is_non_null() => {
                    self.errors.push(variable_refused(name, &[], format!("Variable \"${name}\" of required type \"{ty}\" was not provided.")));
                }
                None => {}
                Some(Value::Null) if ty.is_non_null() => {
                    self.errors.push(variable_refused(name, &[], format!("Variable \"${name}\" of non-null type \"{ty}\" must not be null.")));
                }
                Some(value) => self.value(ty, value),
            }
            if self.errors.len() >= MOST_ERRORS {
                let message = "Too many errors processing variables, error limit reached. Execution aborted.";
                self.errors.truncate(MOST_ERRORS);
                self.errors.push(refused(Code::InvalidInput, message));
                break;
            }
        }
        self.errors
    }

    fn value(&mut self, ty: &Type, value: &mut Value) {
        if self.errors.len() >= MOST_ERRORS {
            return;
        }
        if *value == Value::Null {
            if ty.is_non_null() {
                self.refuse(value, format!("Expected non-nullable type \"{ty}\" not to be null."));
            }
            return;
        }
        if ty.is_list() {
            let Value::List(items) = value else { return self.value(ty.item_type(), value) };
            if items.len() > self.list {
                let message = format!("A list of {} entries; at most {} are allowed", items.len(), self.list);
                return self.errors.push(refused(Code::ListTooLong, format!("{}: {message}", self.place())));
            }
            for (index, item) in items.iter_mut().enumerate() {
                self.path.push(PathSegment::Index(index));
                self.value(ty.item_type(), item);
                self.path.pop();
            }
            return;
        }
        let schema = self.schema;
        match schema.types.get(ty.inner_named_type()) {
            Some(ExtendedType::Scalar(scalar)) => self.scalar(&scalar.name, value),
            Some(ExtendedType::Enum(definition)) => {
                let known = match value {
                    Value::String(text) => definition.values.contains_key(text.as_str()),
                    Value::Enum(name) => definition.values.contains_key(name.as_str()),
                    _ => return self.refuse(value, format!("Enum \"{}\" cannot represent non-string value: {}.", definition.name, shown(value))),
                };
                if !known {
                    let text = match value {
                        Value::String(text) => text.clone(),
                        _ => String::new(),
                    };
                    let meant = self.meant("the enum value ", &text, definition.values.keys());
                    self.refuse(value, format!("Value \"{}\" does not exist in \"{}\" enum.{meant}", short(&text), definition.name));
                }
            }
            Some(ExtendedType::InputObject(definition)) => {
                let Value::Object(fields) = value else {
                    return self.refuse(value, format!("Expected type \"{}\" to be an object.", definition.name));
                };
                let missing = definition
                    .fields
                    .iter()
                    .filter(|(name, field)| field.is_required() && !fields.contains_key(&Key::new(name)))
                    .map(|(_, field)| format!("Field \"{}\" of required type \"{}\" was not provided.", field.name, field.ty));
                let unknown = fields.keys().filter(|name| !definition.fields.contains_key(name.as_str()));
                let unknown = unknown.map(|name| {
                    let meant = self.meant("", name, definition.fields.keys());
                    format!("Field \"{}\" is not defined by type \"{}\".{meant}", short(name), definition.name)
                });
                let wrong: Vec<String> = missing.chain(unknown).take(MOST_ERRORS).collect();
                for (name, field) in fields.iter_mut() {
                    if let Some(known) = definition.fields.get(name.as_str()) {
                        self.path.push(PathSegment::Field(name.to_string()));
                        self.value(&known.ty, field);
                        self.path.pop();
                    }
                }
                wrong.into_iter().for_each(|message| self.refuse(value, message));
            }
            // Anything else is no type of a variable in a valid document.
            _ => {}
        }
    }

    fn scalar(&mut self, name: &str, value: &mut Value) {
        let wrong = match (name, &*value) {
            ("Int", Value::Number(number)) => match whole(number) {
                Some(whole) if i32::try_from(whole).is_ok() => {
                    *value = Value::from(whole);
                    return;
                }
                Some(_) => "Int cannot represent non 32-bit signed integer value: ",
                None => "Int cannot represent non-integer value: ",
            },
            ("Int", _) => "Int cannot represent non-integer value: ",
            ("ID", Value::Number(number)) => match whole(number) {
                Some(whole) => {
                    *value = Value::from(whole.to_string());
                    return;
                }
                None => "ID cannot represent value: ",
            },
            ("Float", Value::Number(_)) | ("String" | "ID", Value::String(_)) | ("Boolean", Value::Boolean(_)) => return,
            ("ID", _) => "ID cannot represent value: ",
            ("Float", _) => "Float cannot represent non numeric value: ",
            ("String", _) => "String cannot represent a non string value: ",
            ("Boolean", _) => "Boolean cannot represent a non boolean value: ",
            (custom, _) => {
                if let Some(why) = scalars::refusal(custom, value.clone()) {
                    self.refuse(value, format!("Expected type \"{custom}\". {why}"));
                }
                return;
            }
        };
        self.refuse(value, format!("{wrong}{}", shown(value)));
    }

    fn meant<'n>(&self, what: &str, name: &str, known: impl IntoIterator<Item = &'n Name>) -> String {
        if self.suggestions { did_you_mean(what, &similar(name, known)) } else { String::new() }
    }

    /// `input.lines[3].sku`
    fn place(&self) -> String {
        self.path.iter().fold(self.variable.to_owned(), |place, segment| match segment {
            PathSegment::Field(name) => format!("{place}.{name}"),
            PathSegment::Index(index) => format!("{place}[{index}]"),
        })
    }

    fn refuse(&mut self, value: &Value, message: impl std::fmt::Display) {
        let at = if self.path.is_empty() { String::new() } else { format!(" at \"{}\"", self.place()) };
        let message = format!("Variable \"${}\" got invalid value {}{at}; {message}", self.variable, shown(value));
        self.errors.push(variable_refused(self.variable, &self.path, message));
    }
}

/// A number without a fraction, however it is written.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15)?;
        // It has no fraction and fits.
        format!("{float:.0}").parse().ok()
    })
}

/// A value as an error shows it: what holds others is not repeated, for it may be long, or secret.
fn shown(value: &Value) -> String {
    match value {
        Value::List(_) => "[…]".to_owned(),
        Value::Object(_) => "{…}".to_owned(),
        other => short(&other.to_string()),
    }
}
