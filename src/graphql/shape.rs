//! The shape that a response owes its request.
//!
//! async-graphql resolves the fields of an object side by side and puts each into the answer when it is ready: keys come in
//! the order of being ready, and the key of a field that failed is missing. GraphQL asks for the order of the document, for
//! null where a field failed, and for null in its parent where the field may not be null. And an object all of whose fields
//! failed, or were skipped, comes as null. That is put right here, in one walk over the answer; an answer that is already right
//! costs the walk and no copy.
//!
//! What is not known is left alone: inside an interface, the order between the fields of different types' fragments.

use std::collections::HashMap;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, Directive, DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{Name, PathSegment, Positioned, Response, Value, Variables};
use async_graphql_value::Value as ParsedValue;

use super::plan::raw;

/// The types of all fields, by the names of their objects and interfaces.
#[derive(Debug, Default)]
pub struct Types(HashMap<Name, HashMap<Name, Type>>);

impl Types {
    /// The types of a schema in GraphQL's own language.
    pub fn of(sdl: &str) -> Self {
        // It is our own, printed by the library that parses it; a test sees to it that it can be parsed.
        let Ok(document) = parse_schema(sdl) else { return Self::default() };
        let types = document.definitions.into_iter().filter_map(|definition| {
            let TypeSystemDefinition::Type(definition) = definition else { return None };
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => return None,
            };
            Some((definition.node.name.node, fields.into_iter().map(|field| (field.node.name.node, field.node.ty.node)).collect()))
        });
        Self(types.collect())
    }

    fn field(&self, parent: Option<&Name>, name: &Name) -> Option<&Type> {
        self.0.get(parent?)?.get(name)
    }
}

fn named(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

/// What an operation selects of one field: the keys below it, in their order.
#[derive(Default)]
struct Shape<'a> {
    /// `None` where the schema does not say (introspection).
    ty: Option<&'a Type>,
    keys: IndexMap<&'a Name, Shape<'a>>,
}

/// A selection set, and the type that it is of.
type Selected<'a> = (&'a SelectionSet, Option<&'a Name>);

struct Builder<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
}

impl<'a> Builder<'a> {
    /// The shape of `value`, where it is at hand. What a plan has written has its shape already.
    fn shape(&self, ty: Option<&'a Type>, sets: &[Selected<'a>], value: Option<&Value>) -> Shape<'a> {
        if value.and_then(raw).is_some() {
            return Shape { ty, keys: IndexMap::new() };
        }
        let mut fields: IndexMap<&'a Name, Vec<(&'a Field, Option<&'a Name>)>> = IndexMap::new();
        let mut seen = Vec::new();
        for (set, parent) in sets {
            self.collect(set, *parent, &mut fields, &mut seen);
        }
        let keys = fields.into_iter().map(|(key, fields)| {
            let ty = fields.iter().find_map(|(field, parent)| self.types.field(*parent, &field.name.node));
            let below =
                |(field, parent): &(&'a Field, Option<&'a Name>)| (&field.selection_set.node, self.types.field(*parent, &field.name.node).map(named));
            let value = match value {
                Some(Value::Object(object)) => object.get(key),
                _ => None,
            };
            (key, self.shape(ty, &fields.iter().map(below).collect::<Vec<_>>(), value))
        });
        Shape { ty, keys: keys.collect() }
    }

    fn collect(
        &self,
        set: &'a SelectionSet,
        parent: Option<&'a Name>,
        fields: &mut IndexMap<&'a Name, Vec<(&'a Field, Option<&'a Name>)>>,
        seen: &mut Vec<*const SelectionSet>,
    ) {
        // The same fragment twice in one place says nothing new.
        if seen.contains(&std::ptr::from_ref(set)) {
            return;
        }
        seen.push(std::ptr::from_ref(set));
        for item in set.items.iter().filter(|item| !self.is_left_out(item.node.directives())) {
            match &item.node {
                Selection::Field(field) => fields.entry(&field.node.response_key().node).or_default().push((&field.node, parent)),
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(parent, |condition| Some(&condition.node.on.node));
                    self.collect(&fragment.node.selection_set.node, on, fields, seen);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.collect(&fragment.node.selection_set.node, Some(&fragment.node.type_condition.node.on.node), fields, seen);
                    }
                }
            }
        }
    }
}

impl Builder<'_> {
    /// Whether `@skip` or `@include` leaves something out.
    fn is_left_out(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().any(|directive| {
            let value = directive.node.get_argument("if").map(|value| self.is_true(&value.node));
            match directive.node.name.node.as_str() {
                "skip" => value == Some(true),
                "include" => value == Some(false),
                _ => false,
            }
        })
    }

    fn is_true(&self, value: &ParsedValue) -> bool {
        match value {
            ParsedValue::Boolean(value) => *value,
            ParsedValue::Variable(name) => {
                let definition = self.operation.variable_definitions.iter().find(|definition| definition.node.name.node == *name);
                let default = || definition.and_then(|definition| definition.node.default_value());
                self.variables.get(name).or_else(default) == Some(&Value::Boolean(true))
            }
            _ => false,
        }
    }
}

/// Brings an answer into the shape that its document asks for.
pub fn put_right(types: &Types, document: &ExecutableDocument, operation: Option<&str>, variables: &Variables, response: &mut Response) {
    if response.data == Value::Null {
        // An error without a path is one of the whole.
        if response.errors.iter().any(|error| error.path.is_empty()) {
            return;
        }
        response.data = Value::Object(IndexMap::new());
    }
    let found = match &document.operations {
        DocumentOperations::Single(found) => Some(found),
        DocumentOperations::Multiple(all) => operation.and_then(|name| all.get(name)),
    };
    let Some(found) = found else { return };
    let root = Name::new(match found.node.ty {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    });
    if !response.errors.is_empty() {
        thaw(&mut response.data);
    }
    let builder = Builder { types, document, operation: &found.node, variables };
    let shape = builder.shape(None, &[(&found.node.selection_set.node, Some(&root))], Some(&response.data));
    for error in &response.errors {
        restore(&mut response.data, &error.path);
    }
    for error in &response.errors {
        fail(&mut response.data, &shape, None, &error.path);
    }
    sort(&mut response.data, &shape);
}

/// Makes values of what plans have written, so that what failed inside can be found there.
fn thaw(value: &mut Value) {
    if let Some(thawed) = raw(value).and_then(|text| serde_json::from_str(text).ok()) {
        *value = thawed;
        return;
    }
    match value {
        Value::List(items) => items.iter_mut().for_each(thaw),
        Value::Object(object) => object.values_mut().for_each(thaw),
        _ => {}
    }
}

/// Makes an object again of a null that a field below it failed in: it was there, or nothing below it could have failed.
fn restore(value: &mut Value, path: &[PathSegment]) {
    match (&mut *value, path) {
        (Value::Null, [PathSegment::Field(_), ..]) => *value = Value::Object(IndexMap::new()),
        (Value::Object(map), [PathSegment::Field(key), rest @ ..]) => {
            if let Some(inner) = map.get_mut(key.as_str()) {
                restore(inner, rest);
            }
        }
        (Value::List(items), [PathSegment::Index(index), rest @ ..]) => {
            if let Some(item) = items.get_mut(*index) {
                restore(item, rest);
            }
        }
        _ => {}
    }
}

/// Makes null what lies at the end of `path`, and its parents as far as they may not hold a null. True when `value` itself
/// is null in the end.
fn fail(value: &mut Value, shape: &Shape<'_>, ty: Option<&Type>, path: &[PathSegment]) -> bool {
    let inner_fails = match (&mut *value, path) {
        (Value::Null, _) => return true,
        (_, []) => true,
        (Value::Object(map), [PathSegment::Field(key), rest @ ..]) => {
            let Some((name, below)) = shape.keys.get_key_value(&Name::new(key)) else { return false };
            let slot = map.entry((*name).clone()).or_insert(Value::Null);
            fail(slot, below, below.ty, rest) && below.ty.is_some_and(|ty| !ty.nullable)
        }
        (Value::List(items), [PathSegment::Index(index), rest @ ..]) => {
            let item = ty.and_then(|ty| if let BaseType::List(item) = &ty.base { Some(&**item) } else { None });
            items.get_mut(*index).is_some_and(|slot| fail(slot, shape, item, rest)) && item.is_some_and(|item| !item.nullable)
        }
        _ => false,
    };
    if inner_fails {
        *value = Value::Null;
    }
    inner_fails
}

/// Puts the keys of all objects into the order of the document.
fn sort(value: &mut Value, shape: &Shape<'_>) {
    match value {
        // What has no selection is a leaf; JSON keeps the order it came in.
        _ if shape.keys.is_empty() => {}
        Value::List(items) => items.iter_mut().for_each(|item| sort(item, shape)),
        Value::Object(map) => {
            let places = map.keys().map(|key| shape.keys.get_index_of(key));
            if !places.is_sorted() {
                map.sort_by_cached_key(|key, _| shape.keys.get_index_of(key));
            }
            for (key, value) in map.iter_mut() {
                if let Some(below) = shape.keys.get(key) {
                    let must_be = below.ty.is_some_and(|ty| !ty.nullable && matches!(ty.base, BaseType::Named(_)));
                    if *value == Value::Null && must_be && !below.keys.is_empty() {
                        *value = Value::Object(IndexMap::new());
                    }
                    sort(value, below);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::ServerError;
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    const SDL: &str = "type Query { sure: Thing! maybe: Thing list: [Thing!]! open: [Thing] }
        type Thing { id: ID! name: String json: JSON inner: Thing must: Thing! }
        scalar JSON";

    fn right(query: &str, data: serde_json::Value, paths: &[serde_json::Value]) -> String {
        let mut response = Response::new(Value::from_json(data).unwrap());
        response.errors = paths
            .iter()
            .map(|path| {
                let segments = path.as_array().unwrap().iter().map(|part| match part.as_u64() {
                    Some(index) => PathSegment::Index(usize::try_from(index).unwrap()),
                    None => PathSegment::Field(part.as_str().unwrap().to_owned()),
                });
                ServerError::new("no", None).with_path(segments.collect())
            })
            .collect();
        put_right(&Types::of(SDL), &parse_query(query).unwrap(), None, &Variables::from_json(json!({ "yes": true })), &mut response);
        serde_json::to_string(&response.data).unwrap()
    }

    #[test]
    fn keys_come_in_the_order_of_the_document() {
        let query = "{ b: maybe { name ...f json inner { name id } } sure { id } } fragment f on Thing { id name }";
        let data = json!({ "sure": { "id": 1 }, "b": { "inner": { "id": 2, "name": "x" }, "json": { "z": 1, "a": 2 }, "id": 1, "name": "n" } });
        assert_eq!(right(query, data, &[]), r#"{"b":{"name":"n","id":1,"json":{"z":1,"a":2},"inner":{"name":"x","id":2}},"sure":{"id":1}}"#);
    }

    #[test]
    fn what_is_left_out_has_no_place() {
        let query = "query($yes: Boolean!) { maybe { ...f id } } fragment f on Thing { id @skip(if: $yes) name must @include(if: false) { id } }";
        assert_eq!(right(query, json!({ "maybe": { "id": 1, "name": "n" } }), &[]), r#"{"maybe":{"name":"n","id":1}}"#);
    }

    #[test]
    fn what_failed_is_null_as_far_up_as_it_must_be() {
        let query = "{ maybe { id must { id name } } sure { name } list { inner { must { id } } name } open { id } }";
        let whole = json!({ "sure": {}, "maybe": { "id": 1, "must": { "id": 2 } }, "list": [{ "inner": { "must": {} }, "name": "x" }], "open": [{}, { "id": 1 }] });
        for (path, expected) in [
            (
                json!(["maybe", "must", "name"]),
                r#"{"maybe":{"id":1,"must":{"id":2,"name":null}},"sure":{},"list":[{"inner":{"must":{}},"name":"x"}],"open":[{},{"id":1}]}"#,
            ),
            (json!(["maybe", "must", "id"]), r#"{"maybe":null,"sure":{},"list":[{"inner":{"must":{}},"name":"x"}],"open":[{},{"id":1}]}"#),
            (
                json!(["list", 0, "inner", "must", "id"]),
                r#"{"maybe":{"id":1,"must":{"id":2}},"sure":{},"list":[{"inner":null,"name":"x"}],"open":[{},{"id":1}]}"#,
            ),
            (
                json!(["open", 0, "id"]),
                r#"{"maybe":{"id":1,"must":{"id":2}},"sure":{},"list":[{"inner":{"must":{}},"name":"x"}],"open":[null,{"id":1}]}"#,
            ),
            (json!(["list", 0]), "null"),
            (json!(["sure"]), "null"),
        ] {
            assert_eq!(right(query, whole.clone(), std::slice::from_ref(&path)), expected, "{path}");
        }
    }

    #[test]
    fn an_object_without_any_field_left_is_an_object() {
        let query = "{ maybe { name } other: maybe { id name } sure { name } list { name inner { name } } }";
        let empty = json!({ "maybe": null, "other": null, "sure": null, "list": [null, { "inner": null }] });
        let paths = [json!(["maybe", "name"]), json!(["other", "name"]), json!(["other", "id"]), json!(["list", 0, "name"])];
        assert_eq!(
            right(query, empty, &paths),
            r#"{"maybe":{"name":null},"other":null,"sure":{},"list":[{"name":null},{"inner":null}]}"#,
            "what failed is told, what was not found stays null, what was skipped is an empty object"
        );
        assert_eq!(right("{ maybe { name } }", json!(null), &[json!(["maybe"])]), r#"{"maybe":null}"#);
        assert_eq!(right("{ sure { name } maybe { name } }", json!(null), &[json!(["sure"]), json!(["maybe"])]), "null");
        assert_eq!(right("{ maybe @skip(if: true) { name } }", json!(null), &[]), "{}");
        assert_eq!(right("{ maybe { name } }", json!(null), &[json!([])]), "null");
    }

    #[test]
    fn our_own_schema_can_be_read() {
        let types = Types::of(&super::super::sdl());
        let ty = types.field(Some(&Name::new("Query")), &Name::new("orders")).unwrap();
        assert_eq!(ty.to_string(), "OrderConnection!");
    }
}
