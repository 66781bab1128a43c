//! Queries that are answered as a whole.
//!
//! Where an operation asks for nothing but lists and single records that are planned to the last field, there is nothing for
//! async-graphql to do but to find its way to them, which takes as long as to write a record or two. So what the operation asks for is
//! kept with it, ready to be written.
//!
//! **Invariants.**
//! * Nothing here tells errors. Whatever goes wrong, also an argument that is none, is left to async-graphql, which begins anew:
//!   what a client is told comes from one place.
//! * Nothing here waits for a WMS, so what begins anew costs the database and nobody else.

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};
use async_graphql::{InputType, Name, Value};
use async_graphql_value::Value as ParsedValue;
use futures_util::future::{BoxFuture, join_all};

use super::page::spliced;
use super::select::{self, Fragments, Selected};
use super::{Key, Object, json};
use crate::graphql::State;

/// The values of an operation's variables, by their names.
pub type Variables<'a> = &'a (dyn Fn(&str) -> Option<&'a Value> + Sync);

/// The arguments of a field.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    arguments: &'a [(Name, ParsedValue)],
    variables: Variables<'a>,
}

impl Given<'_> {
    /// The argument of this name; `None` where it does not hold a `V`.
    pub fn get<V: InputType>(&self, name: &str) -> Option<V> {
        let given = self.arguments.iter().find(|(own, _)| own == name);
        let value = |name: Name| Ok::<_, ()>((self.variables)(&name).cloned().unwrap_or_default());
        V::parse(given.map(|(_, given)| given.clone().into_const_with(value)).transpose().ok()?).ok()
    }
}

/// A field of `Query` that is planned to its last field.
pub trait Root: Send + Sync {
    /// Its value, as JSON; `None` where something went wrong.
    fn answer<'a>(&'a self, state: &'a State, given: Given<'a>) -> BoxFuture<'a, Option<String>>;
}

/// Makes the root of a field of `Query`; `None` where there is more to it.
pub type MakeRoot = fn(&Selected<'_>, &Fragments) -> Option<Box<dyn Root>>;

enum Entry {
    TypeName,
    Field { root: Box<dyn Root>, arguments: Vec<(Name, ParsedValue)> },
}

/// All that a query asks for.
pub struct Whole(Vec<(Key, Entry)>);

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Whole")
    }
}

impl Whole {
    /// What this query asks for; `None` where there is more in it than what is planned.
    pub fn of(document: &ExecutableDocument, query: &OperationDefinition, make: MakeRoot) -> Option<Self> {
        let fields = select::fields(&document.fragments, &[&query.selection_set.node], &["Query"]);
        let entries = fields.iter().map(|selected| {
            // Several places under one key: async-graphql resolves each.
            let [field] = selected.fields[..] else { return None };
            let entry = match selected.name {
                "__typename" => Entry::TypeName,
                _ => Entry::Field {
                    root: make(selected, &document.fragments)?,
                    arguments: field.node.arguments.iter().map(|(name, value)| (name.node.clone(), value.node.clone())).collect(),
                },
            };
            Some((Key::of(selected.key), entry))
        });
        Some(Self(entries.collect::<Option<_>>()?))
    }

    /// The answer; `None` where something went wrong.
    pub async fn answer<'a>(&'a self, state: &'a State, variables: Variables<'a>) -> Option<Value> {
        let values = self.0.iter().map(|(_, entry)| async move {
            match entry {
                Entry::TypeName => None,
                Entry::Field { root, arguments } => root.answer(state, Given { arguments, variables }).await,
            }
        });
        let values = join_all(values).await;
        let mut out = String::with_capacity(64 + values.iter().flatten().map(String::len).sum::<usize>());
        let mut object = Object::begin(&mut out);
        for ((key, entry), value) in self.0.iter().zip(values) {
            let out = object.key(key);
            match entry {
                Entry::TypeName => json("Query", out),
                Entry::Field { .. } => out.push_str(&value?),
            }
        }
        object.end();
        Some(spliced(out))
    }
}
