//! What the validation found, in graphql-js's words, with what may have been meant.

use std::collections::BTreeSet;

use apollo_compiler::diagnostic::ToCliReport as _;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::DiagnosticList;
use apollo_compiler::{Name, Schema};
use async_graphql::ServerError;

use super::place::Lines;
use crate::graphql::errors::{Code, refused, refused_at};

/// More errors than this help nobody.
const MOST_ERRORS: usize = 20;
/// More names than this do neither.
const MOST_NAMES: usize = 5;
/// No more of a value is repeated in an error.
const MOST_SHOWN: usize = 60;

/// The error of a document that cannot be parsed. The parser goes on after the first, but what it says then follows from it.
pub(super) fn unparsed(errors: &DiagnosticList, lines: &Lines<'_>) -> ServerError {
    let Some(first) = errors.iter().next() else { return refused(Code::ParseFailed, "Syntax Error: Unexpected <EOF>.") };
    let message = first.error.to_string();
    let message = format!("Syntax Error: {}", message.strip_prefix("syntax error: ").unwrap_or(&message));
    match first.error.location() {
        Some(place) => refused_at(Code::ParseFailed, message, lines.pos(place.offset())),
        None => refused(Code::ParseFailed, message),
    }
}

/// The errors of a document that is not valid.
pub(super) fn invalid(errors: &DiagnosticList, schema: Option<&Schema>, lines: &Lines<'_>) -> Vec<ServerError> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for error in errors.iter() {
        let kind = error.error.unstable_error_name().unwrap_or_default();
        let mut message = error.error.unstable_compat_message().unwrap_or_else(|| error.error.to_string());
        let offset = error.error.location().map(|place| place.offset());
        // A fragment's error is found in every operation that spreads it.
        if !seen.insert((offset, message.clone())) {
            continue;
        }
        if all.len() == MOST_ERRORS {
            all.push(refused(Code::ValidationFailed, "Too many validation errors, error limit reached. Validation aborted."));
            break;
        }
        if let Some(schema) = schema {
            message.push_str(&suggestion(schema, kind, &message));
        }
        let code = if matches!(kind, "RecursionError" | "DeeplyNestedType") { Code::TooDeep } else { Code::ValidationFailed };
        all.push(match offset {
            Some(offset) => refused_at(code, message, lines.pos(offset)),
            None => refused(code, message),
        });
    }
    all
}

/// What may have been meant by a name that is not known, as a sentence to be appended.
fn suggestion(schema: &Schema, kind: &str, message: &str) -> String {
    // The messages have the names in quotation marks.
    let mut names = message.split('"').skip(1).step_by(2);
    let (Some(name), second) = (names.next(), names.next().unwrap_or_default()) else { return String::new() };
    match kind {
        "UndefinedField" => {
            let types = types_with(schema, second, name);
            if types.is_empty() {
                did_you_mean("", &similar(name, fields(schema, second)))
            } else {
                did_you_mean("to use an inline fragment on ", &types)
            }
        }
        "UndefinedArgument" => {
            let known = match second.split_once('.') {
                Some((ty, field)) => schema.type_field(ty, field).map(|field| field.arguments.iter().map(|argument| &argument.name).collect()),
                None => Ok(schema
                    .directive_definitions
                    .get(second.trim_start_matches('@'))
                    .map(|directive| directive.arguments.iter().map(|argument| &argument.name).collect())
                    .unwrap_or_default()),
            };
            let known: Vec<&Name> = known.unwrap_or_default();
            did_you_mean("", &similar(name, known))
        }
        "UndefinedInputValue" => {
            let known = schema.get_input_object(second).map(|input| input.fields.keys().collect::<Vec<_>>());
            did_you_mean("", &similar(name, known.unwrap_or_default()))
        }
        "UndefinedEnumValue" => {
            let known = schema.get_enum(second).map(|ty| ty.values.keys().collect::<Vec<_>>());
            did_you_mean("the enum value ", &similar(name, known.unwrap_or_default()))
        }
        "UndefinedDefinition" | "UndefinedTypeInNamedFragmentTypeCondition" | "UndefinedTypeInInlineFragmentTypeCondition" => {
            did_you_mean("", &similar(name, schema.types.keys()))
        }
        _ => String::new(),
    }
}

fn fields<'a>(schema: &'a Schema, ty: &str) -> Vec<&'a Name> {
    match schema.types.get(ty) {
        Some(ExtendedType::Object(object)) => object.fields.keys().collect(),
        Some(ExtendedType::Interface(interface)) => interface.fields.keys().collect(),
        _ => Vec::new(),
    }
}

/// The objects below an interface that have a field of this name.
fn types_with(schema: &Schema, interface: &str, field: &str) -> Vec<String> {
    if schema.get_interface(interface).is_none() {
        return Vec::new();
    }
    let objects = schema.types.values().filter_map(ExtendedType::as_object);
    let having =
        objects.filter(|object| object.implements_interfaces.iter().any(|own| own.as_str() == interface) && object.fields.contains_key(field));
    having.map(|object| object.name.to_string()).collect()
}

/// The names that are like this one, the nearest first.
pub(super) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a Name>) -> Vec<String> {
    // As far off as graphql-js takes for a slip.
    let threshold = name.chars().count() * 2 / 5 + 1;
    let distance = |known: &str| {
        if known.eq_ignore_ascii_case(name) { 1 } else { strsim::osa_distance(&known.to_lowercase(), &name.to_lowercase()) }
    };
    // Nobody's slip is that long, and the distance would take its time.
    if name.len() > MOST_SHOWN {
        return Vec::new();
    }
    let mut near: Vec<(usize, &str)> =
        known.into_iter().map(|known| (distance(known), known.as_str())).filter(|(off, _)| *off <= threshold).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// As a sentence, or as nothing.
pub(super) fn did_you_mean(what: &str, names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("\"{name}\"")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => format!(" Did you mean {what}{one}?"),
        [one, two] => format!(" Did you mean {what}{one} or {two}?"),
        [some @ .., last] => format!(" Did you mean {what}{}, or {last}?", some.join(", ")),
    }
}

/// The beginning of a value, for an error to show.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
