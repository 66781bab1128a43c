//! What a document selects of an object.

use std::collections::HashMap;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{ContextBase, Name, Positioned, Value};

/// The fragments of a document.
pub type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// A field that is selected, perhaps in several places that mean the same one.
pub struct Selected<'a> {
    /// The key that its value has in the answer.
    pub key: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Where it is selected: at least one place.
    pub fields: Vec<&'a Positioned<Field>>,
}

impl<'a> Selected<'a> {
    /// What is selected below it.
    pub fn sets(&self) -> Vec<&'a SelectionSet> {
        self.fields.iter().map(|field| &field.node.selection_set.node).collect()
    }

    /// One field that selects all that the others do.
    pub fn merged(&self) -> Option<Positioned<Field>> {
        let (first, more) = self.fields.split_first()?;
        let mut merged = (*first).clone();
        for field in more {
            merged.node.selection_set.node.items.extend(field.node.selection_set.node.items.iter().cloned());
        }
        Some(merged)
    }
}

/// The fields that these selection sets select of an object whose type and interfaces `is` names, in the order of the document.
/// What is left out by `@skip` and `@include` is gone already when anything is resolved.
pub fn fields<'a>(fragments: &'a Fragments, sets: &[&'a SelectionSet], is: &[&str]) -> Vec<Selected<'a>> {
    let mut collector = Collector { fragments, is: Some(is), found: Vec::new(), opened: Vec::new() };
    sets.iter().for_each(|set| collector.collect(set));
    collector.found
}

struct Collector<'a, 'i> {
    fragments: &'a Fragments,
    /// `None`: any type.
    is: Option<&'i [&'i str]>,
    found: Vec<Selected<'a>>,
    /// Fragments that have been opened: a second time they say nothing new.
    opened: Vec<&'a Name>,
}

impl<'a> Collector<'a, '_> {
    fn collect(&mut self, set: &'a SelectionSet) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => self.add(field),
                Selection::InlineFragment(fragment) => {
                    if fragment.node.type_condition.as_ref().is_none_or(|on| self.meets(&on.node.on.node)) {
                        self.collect(&fragment.node.selection_set.node);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.fragments.get(name).filter(|fragment| self.meets(&fragment.node.type_condition.node.on.node))
                        && !self.opened.contains(&name)
                    {
                        self.opened.push(name);
                        self.collect(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    fn meets(&self, condition: &str) -> bool {
        self.is.is_none_or(|is| is.contains(&condition))
    }

    fn add(&mut self, field: &'a Positioned<Field>) {
        let key = field.node.response_key().node.as_str();
        match self.found.iter_mut().find(|selected| selected.key == key) {
            Some(selected) => selected.fields.push(field),
            None => self.found.push(Selected { key, name: &field.node.name.node, fields: vec![field] }),
        }
    }
}

/// Puts the keys of a resolved value into the order of the document: the library gives them in the order in which they were ready.
pub fn sort(value: &mut Value, fragments: &Fragments, sets: &[&SelectionSet]) {
    match value {
        Value::List(items) => items.iter_mut().for_each(|item| sort(item, fragments, sets)),
        Value::Object(object) => {
            let mut collector = Collector { fragments, is: None, found: Vec::new(), opened: Vec::new() };
            sets.iter().for_each(|set| collector.collect(set));
            let place = |key: &Name| collector.found.iter().position(|selected| selected.key == key.as_str());
            if !object.keys().map(place).is_sorted() {
                object.sort_by_cached_key(|key, _| place(key));
            }
            for (key, value) in object.iter_mut() {
                if let Some(selected) = collector.found.iter().find(|selected| selected.key == key.as_str()) {
                    sort(value, fragments, &selected.sets());
                }
            }
        }
        _ => {}
    }
}

/// Whether the field at `ctx` is the only one that its document has in this place. Otherwise async-graphql resolves each by
/// itself and merges their values, which takes values that it can look into.
pub fn is_alone<T>(ctx: &ContextBase<'_, T>) -> bool {
    let Some(path) = &ctx.path_node else { return false };
    let path = path.to_string_vec();
    let mut sets = vec![&ctx.query_env.operation.node.selection_set.node];
    let mut places = 0;
    for name in path.iter().filter(|name| !name.starts_with(|first: char| first.is_ascii_digit())) {
        let mut collector = Collector { fragments: &ctx.query_env.fragments, is: None, found: Vec::new(), opened: Vec::new() };
        sets.iter().for_each(|set| collector.collect(set));
        let Some(selected) = collector.found.iter().find(|selected| selected.key == name) else { return false };
        places = selected.fields.len();
        sets = selected.sets();
    }
    places == 1
}
