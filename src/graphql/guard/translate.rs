//! From the document of the validating parser to that of the executing library.
//!
//! A request's text is read by one parser only, so nothing can be valid to the one that checks and something else to the one
//! that executes.

use apollo_compiler::ast::{Argument, Directive, DirectiveList, OperationType, Type, Value};
use apollo_compiler::executable::{self, ExecutableDocument, Operation};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};
use async_graphql::parser::Positioned;
use async_graphql::parser::types::{self as target, DocumentOperations};
use async_graphql::{Name as TargetName, Number, Value as ConstValue};
use async_graphql_value::Value as TargetValue;

use super::place::Lines;

/// Writes documents anew, with the places of this text.
pub(super) struct Translator<'a>(pub &'a Lines<'a>);

/// A selection's arguments.
type Arguments = Vec<(Positioned<TargetName>, Positioned<TargetValue>)>;

impl Translator<'_> {
    /// The whole document.
    pub(super) fn document(&self, document: &ExecutableDocument) -> target::ExecutableDocument {
        let fragments = document.fragments.iter().map(|(name, fragment)| {
            let condition = target::TypeCondition { on: self.name(&fragment.selection_set.ty) };
            let translated = target::FragmentDefinition {
                type_condition: self.at(condition, fragment.selection_set.ty.location()),
                directives: self.directives(&fragment.directives),
                selection_set: self.set(&fragment.selection_set, fragment.location()),
            };
            (TargetName::new(name), self.at(translated, fragment.location()))
        });
        let operations = &document.operations;
        let single = operations.anonymous.as_ref().or_else(|| operations.named.values().next().filter(|_| operations.named.len() == 1));
        let named = || operations.named.iter().map(|(name, operation)| (TargetName::new(name), self.operation(operation)));
        target::ExecutableDocument {
            operations: single
                .map_or_else(|| DocumentOperations::Multiple(named().collect()), |operation| DocumentOperations::Single(self.operation(operation))),
            fragments: fragments.collect(),
        }
    }

    fn operation(&self, operation: &Node<Operation>) -> Positioned<target::OperationDefinition> {
        let variables = operation.variables.iter().map(|variable| {
            let definition = target::VariableDefinition {
                name: self.name(&variable.name),
                var_type: self.at(type_of(&variable.ty), variable.ty.location()),
                directives: self.directives(&variable.directives),
                default_value: variable.default_value.as_ref().map(|value| self.at(constant(value), value.location())),
            };
            self.at(definition, variable.location())
        });
        let definition = target::OperationDefinition {
            ty: match operation.operation_type {
                OperationType::Query => target::OperationType::Query,
                OperationType::Mutation => target::OperationType::Mutation,
                OperationType::Subscription => target::OperationType::Subscription,
            },
            variable_definitions: variables.collect(),
            directives: self.directives(&operation.directives),
            selection_set: self.set(&operation.selection_set, operation.location()),
        };
        self.at(definition, operation.location())
    }

    fn set(&self, set: &executable::SelectionSet, place: Option<SourceSpan>) -> Positioned<target::SelectionSet> {
        let items = set.selections.iter().map(|selection| match selection {
            executable::Selection::Field(field) => {
                let translated = target::Field {
                    alias: field.alias.as_ref().map(|alias| self.name(alias)),
                    name: self.name(&field.name),
                    arguments: self.arguments(&field.arguments),
                    directives: self.directives(&field.directives),
                    selection_set: self.set(&field.selection_set, field.location()),
                };
                self.at(target::Selection::Field(self.at(translated, field.location())), field.location())
            }
            executable::Selection::FragmentSpread(spread) => {
                let translated =
                    target::FragmentSpread { fragment_name: self.name(&spread.fragment_name), directives: self.directives(&spread.directives) };
                self.at(target::Selection::FragmentSpread(self.at(translated, spread.location())), spread.location())
            }
            executable::Selection::InlineFragment(fragment) => {
                let condition = |name: &Name| self.at(target::TypeCondition { on: self.name(name) }, name.location());
                let translated = target::InlineFragment {
                    type_condition: fragment.type_condition.as_ref().map(condition),
                    directives: self.directives(&fragment.directives),
                    selection_set: self.set(&fragment.selection_set, fragment.location()),
                };
                self.at(target::Selection::InlineFragment(self.at(translated, fragment.location())), fragment.location())
            }
        });
        self.at(target::SelectionSet { items: items.collect() }, place)
    }

    fn directives(&self, directives: &DirectiveList) -> Vec<Positioned<target::Directive>> {
        let translated = |directive: &Node<Directive>| {
            let arguments = self.arguments(&directive.arguments);
            self.at(target::Directive { name: self.name(&directive.name), arguments }, directive.location())
        };
        directives.iter().map(translated).collect()
    }

    fn arguments(&self, arguments: &[Node<Argument>]) -> Arguments {
        arguments.iter().map(|argument| (self.name(&argument.name), self.at(value(&argument.value), argument.value.location()))).collect()
    }

    fn name(&self, name: &Name) -> Positioned<TargetName> {
        self.at(TargetName::new(name), name.location())
    }

    fn at<T>(&self, node: T, place: Option<SourceSpan>) -> Positioned<T> {
        Positioned::new(node, place.map(|place| self.0.pos(place.offset())).unwrap_or_default())
    }
}

fn type_of(ty: &Type) -> target::Type {
    let (base, nullable) = match ty {
        Type::Named(name) => (target::BaseType::Named(TargetName::new(name)), true),
        Type::NonNullNamed(name) => (target::BaseType::Named(TargetName::new(name)), false),
        Type::List(inner) => (target::BaseType::List(Box::new(type_of(inner))), true),
        Type::NonNullList(inner) => (target::BaseType::List(Box::new(type_of(inner))), false),
    };
    target::Type { base, nullable }
}

/// A number in the form that the library takes. One that no 64 bits hold becomes the nearest that they do.
fn number(text: &str) -> Option<Number> {
    text.parse().ok().or_else(|| text.parse().ok().and_then(Number::from_f64))
}

fn value(value: &Value) -> TargetValue {
    match value {
        Value::Null => TargetValue::Null,
        Value::Enum(name) => TargetValue::Enum(TargetName::new(name)),
        Value::Variable(name) => TargetValue::Variable(TargetName::new(name)),
        Value::String(text) => TargetValue::String(text.clone()),
        Value::Boolean(truth) => TargetValue::Boolean(*truth),
        Value::Int(int) => number(int.as_str()).map_or(TargetValue::Null, TargetValue::Number),
        Value::Float(float) => number(float.as_str()).map_or(TargetValue::Null, TargetValue::Number),
        Value::List(items) => TargetValue::List(items.iter().map(|item| self::value(item)).collect()),
        Value::Object(fields) => TargetValue::Object(fields.iter().map(|(name, field)| (TargetName::new(name), self::value(field))).collect()),
    }
}

/// A value that holds no variable; null in the place of one.
pub(super) fn constant(literal: &Value) -> ConstValue {
    value(literal).into_const_with(|_| Ok::<_, std::convert::Infallible>(ConstValue::Null)).unwrap_or_default()
}
