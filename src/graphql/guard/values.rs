//! Literals and variables where arguments stand: what the validation of apollo-compiler leaves out.
//!
//! Of a variable inside a list or an input object it looks at the name of the type alone, it takes a default of null for a value,
//! it does not look into custom scalars, and not for input fields given twice. The rules here are those of graphql-js
//! (`VariablesInAllowedPosition`, `UniqueInputFieldNames`, `NoUndefinedVariables`, `ValuesOfCorrectType`), in its words, and one of
//! our own: how long a list may be.
//!
//! It is for documents that are valid otherwise: what it cannot find, somebody else has refused.

use std::collections::HashSet;

use apollo_compiler::ast::{Argument, DirectiveList, InputValueDefinition, Type, Value, VariableDefinition};
use apollo_compiler::executable::{ExecutableDocument, Operation, Selection, SelectionSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};
use async_graphql::ServerError;

use super::place::Lines;
use super::translate::constant;
use crate::graphql::errors::{Code, refused, refused_at};
use crate::graphql::scalars;

/// Looks at every value of an operation.
pub(super) struct Values<'a> {
    pub(super) schema: &'a Schema,
    pub(super) document: &'a ExecutableDocument,
    pub(super) lines: &'a Lines<'a>,
    /// How long lists may be.
    pub(super) list: usize,
    operation: Option<&'a Operation>,
    seen: HashSet<&'a Name>,
    errors: Vec<ServerError>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'t> {
    /// `None` inside a custom scalar.
    ty: Option<&'t Type>,
    has_default: bool,
}

impl<'a> Values<'a> {
    pub(super) fn new(schema: &'a Schema, document: &'a ExecutableDocument, lines: &'a Lines<'a>, list: usize) -> Self {
        Self { schema, document, lines, list, operation: None, seen: HashSet::new(), errors: Vec::new() }
    }

    /// Everything that is wrong with the values of the document.
    pub(super) fn check(mut self) -> Vec<ServerError> {
        for operation in self.document.operations.iter() {
            self.operation = Some(operation);
            self.seen.clear();
            for variable in &operation.variables {
                if let Some(default) = &variable.default_value {
                    self.value(default, Place { ty: Some(&variable.ty), has_default: false });
                }
                self.directives(&variable.directives);
            }
            self.directives(&operation.directives);
            self.set(&operation.selection_set);
        }
        self.errors
    }

    fn set(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.arguments, &field.definition.arguments);
                    self.set(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    if self.seen.insert(&spread.fragment_name)
                        && let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                    {
                        self.directives(&fragment.directives);
                        self.set(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &'a DirectiveList) {
        for directive in directives.iter() {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn arguments(&mut self, arguments: &'a [Node<Argument>], definitions: &[Node<InputValueDefinition>]) {
        for argument in arguments {
            if let Some(definition) = definitions.iter().find(|definition| definition.name == argument.name) {
                self.value(&argument.value, place(definition));
            }
        }
    }

    fn value(&mut self, value: &Node<Value>, place: Place<'_>) {
        let scalar = place.ty.and_then(|ty| self.custom_scalar(ty));
        match &**value {
            Value::Variable(name) => self.variable(name, value, place),
            Value::List(items) => {
                if items.len() > self.list {
                    self.refuse(Code::ListTooLong, format!("A list of {} entries; at most {} are allowed", items.len(), self.list), value.location());
                    return;
                }
                let item = Place { ty: place.ty.filter(|ty| ty.is_list()).map(Type::item_type), has_default: false };
                items.iter().for_each(|value| self.value(value, item));
                if place.ty.is_some_and(Type::is_list) {
                    return;
                }
            }
            Value::Object(fields) => {
                let mut names = HashSet::new();
                let input = place.ty.and_then(|ty| self.schema.get_input_object(ty.inner_named_type()));
                for (name, value) in fields {
                    if !names.insert(name) {
                        let message = format!("There can be only one input field named \"{name}\".");
                        self.refuse(Code::ValidationFailed, message, name.location());
                    }
                    let definition = input.and_then(|input| input.fields.get(name));
                    self.value(value, definition.map_or(Place { ty: None, has_default: false }, |field| self::place(field)));
                }
            }
            _ => {}
        }
        if let Some(scalar) = scalar
            && !has_variable(value)
            && !value.is_null()
            && let Some(why) = scalars::refusal(scalar, constant(value))
        {
            self.refuse(Code::ValidationFailed, format!("Expected value of type \"{scalar}\", found {}; {why}", shown(value)), value.location());
        }
    }

    fn custom_scalar(&self, ty: &Type) -> Option<&'a str> {
        match self.schema.types.get(ty.inner_named_type()) {
            Some(ExtendedType::Scalar(scalar)) if !scalar.is_built_in() => Some(scalar.name.as_str()),
            _ => None,
        }
    }

    fn variable(&mut self, name: &Name, value: &Node<Value>, place: Place<'_>) {
        let Some(operation) = self.operation else { return };
        let Some(definition) = operation.variables.iter().find(|definition| definition.name == *name) else {
            let by = operation.name.as_ref().map(|name| format!(" by operation \"{name}\"")).unwrap_or_default();
            self.refuse(Code::ValidationFailed, format!("Variable \"${name}\" is not defined{by}."), value.location());
            return;
        };
        let Some(ty) = place.ty else { return };
        if !fits(definition, ty, place.has_default) {
            let message = format!("Variable \"${name}\" of type \"{}\" used in position expecting type \"{ty}\".", definition.ty);
            self.refuse(Code::ValidationFailed, message, value.location());
        }
    }

    fn refuse(&mut self, code: Code, message: String, place: Option<SourceSpan>) {
        self.errors.push(match place {
            Some(place) => refused_at(code, message, self.lines.pos(place.offset())),
            None => refused(code, message),
        });
    }
}

fn place(definition: &InputValueDefinition) -> Place<'_> {
    Place { ty: Some(&definition.ty), has_default: definition.default_value.is_some() }
}

/// *AreTypesCompatible*, with what defaults allow.
fn fits(variable: &VariableDefinition, ty: &Type, has_default: bool) -> bool {
    let variable_has_default = variable.default_value.as_ref().is_some_and(|value| !value.is_null());
    if ty.is_non_null() && !variable.ty.is_non_null() && (variable_has_default || has_default) {
        return variable.ty.is_assignable_to(&ty.clone().nullable());
    }
    variable.ty.is_assignable_to(ty)
}

fn has_variable(value: &Value) -> bool {
    match value {
        Value::Variable(_) => true,
        Value::List(items) => items.iter().any(|item| has_variable(item)),
        Value::Object(fields) => fields.iter().any(|(_, field)| has_variable(field)),
        _ => false,
    }
}

/// A literal as an error shows it: what may be long is not repeated.
fn shown(value: &Value) -> String {
    match value {
        Value::List(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => super::words::short(&other.to_string()),
    }
}
