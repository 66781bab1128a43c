//! Subscriptions, as who delivers them sees them: which of them are the same, where one begins, and where in the log each of its
//! results stands.
//!
//! Equal subscriptions (the same operation with the same variables, asked with the same rights) have the same results. So one
//! execution can serve all of them, whoever has seen how much: a [`Feed`] says what they have in common, and
//! [`Schema::follow`] executes it from any place. That is the reason why the argument `after` is looked at here: it is the one
//! thing in which equal subscriptions differ.
//!
//! **Invariants.**
//! * Nothing below a subscription depends on more of its API key than [`Viewer::rights`].
//! * A result stands at the position of the entry that it tells of ([`Track::told`]), and results come in the order of the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::{Directive, DocumentOperations, ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Request, Response, Value, Variables};
use async_graphql_value::Value as ParsedValue;
use futures_util::stream::BoxStream;

use super::access::Viewer;
use super::errors::RequestId;
use super::guard::Prepared;
use super::{Admitted, Schema};
use crate::changes;
use crate::store::keys::Access;

/// What a document says of its subscription, as far as it can be shared.
#[derive(Debug)]
pub(super) struct Outline {
    /// Of the document's text, and of the operation's name.
    hash: blake3::Hash,
    /// Whether it follows the log; otherwise it tells how something stands, and only the newest matters.
    follows_log: bool,
    after: After,
}

/// Where the document has the argument `after` from.
#[derive(Debug)]
enum After {
    /// It has none.
    Left,
    Literal(ParsedValue),
    /// From this variable, which has this default, and perhaps no other use.
    Variable {
        name: Name,
        default: Option<Value>,
        is_only_use: bool,
    },
}

impl Outline {
    /// The outline of a document's operation. `None`: it is not shared, because it has more at its root than one plain field.
    pub(super) fn of(document: &ExecutableDocument, name: Option<&str>, text: &str) -> Option<Self> {
        let operation = match (&document.operations, name) {
            (DocumentOperations::Single(operation), _) => &operation.node,
            (DocumentOperations::Multiple(all), Some(name)) => &all.get(name)?.node,
            (DocumentOperations::Multiple(_), None) => return None,
        };
        let [item] = &operation.selection_set.node.items[..] else { return None };
        let Selection::Field(field) = &item.node else { return None };
        let field = &field.node;
        if !field.directives.is_empty() || !operation.directives.is_empty() {
            return None;
        }
        let follows_log = match field.name.node.as_str() {
            "changes" | "syncCompleted" | "connectionIssues" => true,
            "syncProgress" => false,
            _ => return None,
        };
        let after = match field.get_argument("after").map(|value| &value.node) {
            None => After::Left,
            Some(ParsedValue::Variable(name)) => {
                let definition = operation.variable_definitions.iter().find(|definition| definition.node.name.node == *name);
                let default = definition.and_then(|definition| definition.node.default_value().cloned());
                let uses = uses_in(&operation.selection_set.node, name);
                let uses = document.fragments.values().fold(uses, |uses, fragment| uses + uses_in(&fragment.node.selection_set.node, name));
                After::Variable { name: name.clone(), default, is_only_use: uses == 1 }
            }
            Some(literal) => After::Literal(literal.clone()),
        };
        let hash = blake3::Hasher::new().update(name.unwrap_or_default().as_bytes()).update(&[0]).update(text.as_bytes()).finalize();
        Some(Self { hash, follows_log, after })
    }
}

/// How often a variable is used in a selection, but not in the fragments that it spreads.
fn uses_in(set: &SelectionSet, name: &Name) -> usize {
    fn in_value(value: &ParsedValue, name: &Name) -> usize {
        match value {
            ParsedValue::Variable(used) => usize::from(used == name),
            ParsedValue::List(items) => items.iter().map(|item| in_value(item, name)).sum(),
            ParsedValue::Object(fields) => fields.values().map(|value| in_value(value, name)).sum(),
            _ => 0,
        }
    }
    let in_directives = |all: &[Positioned<Directive>]| -> usize {
        all.iter().flat_map(|directive| &directive.node.arguments).map(|(_, value)| in_value(&value.node, name)).sum()
    };
    let of_item = |item: &Selection| match item {
        Selection::Field(field) => {
            let arguments: usize = field.node.arguments.iter().map(|(_, value)| in_value(&value.node, name)).sum();
            arguments + in_directives(&field.node.directives) + uses_in(&field.node.selection_set.node, name)
        }
        Selection::InlineFragment(fragment) => in_directives(&fragment.node.directives) + uses_in(&fragment.node.selection_set.node, name),
        Selection::FragmentSpread(spread) => in_directives(&spread.node.directives),
    };
    set.items.iter().map(|item| of_item(&item.node)).sum()
}

/// What tells feeds apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FeedKey {
    operation: blake3::Hash,
    variables: String,
    rights: Access,
}

/// What equal subscriptions have in common. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Feed {
    /// What tells it from others.
    pub key: FeedKey,
    /// Whether it follows the log, so that each of its results has a position; otherwise only the newest result matters.
    pub follows_log: bool,
    asked: Arc<AskedOnce>,
}

impl Feed {
    /// The name of the request that asked first: what fails inside is logged under it.
    pub fn id(&self) -> &RequestId {
        &self.asked.id
    }
}

#[derive(Debug)]
struct AskedOnce {
    operation: Arc<Prepared>,
    variables: Variables,
    viewer: Viewer,
    id: RequestId,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the log's head.
    Now,
    /// After this position.
    After(i64),
}

/// How far a subscription goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// On and on.
    Stopped,
    /// To the log's head, as it is met.
    Head,
}

/// How an execution that follows the log is run, and where it stands. It lies in the request's data, for the resolver.
#[derive(Debug)]
pub struct Track {
    pub(super) start: Start,
    pub(super) until: Until,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// Of what has been handed to be resolved.
    positions: VecDeque<i64>,
    head: Option<i64>,
}

impl Track {
    /// Notes that what comes next tells of the entry at this position.
    pub(super) fn tells(&self, position: i64) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).positions.push_back(position);
    }

    /// Notes that everything up to here has been told.
    pub(super) fn ends_at(&self, head: i64) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).head = Some(head);
    }

    /// The position of the result that has just come; `None` for one that tells of no entry. To be asked once for each result.
    pub fn told(&self) -> Option<i64> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).positions.pop_front()
    }

    /// Where it came to an end, everything before having been told; `None` where it broke off.
    pub fn head(&self) -> Option<i64> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).head
    }
}

impl Admitted {
    /// The subscription as it can be shared, and where it wants to begin. `None`: it can only be executed for itself.
    pub fn feed(&self) -> Option<(Feed, Start)> {
        let outline = self.operation.outline.as_ref()?;
        let request = &self.request;
        let viewer = super::datum::<Viewer>(request, self.session.as_deref())?.clone();
        // What is told of the cost is each request's own.
        if self.cost.is_some() {
            return None;
        }
        let mut variables = request.variables.clone();
        let start = match &outline.after {
            After::Left => Start::Now,
            After::Literal(ParsedValue::Null) => Start::Now,
            After::Literal(ParsedValue::String(text)) => Start::After(changes::position(text)?),
            After::Literal(_) => return None,
            After::Variable { name, default, is_only_use } => {
                let given = variables.get(name).or(default.as_ref());
                let start = match given {
                    None | Some(Value::Null) => Start::Now,
                    Some(Value::String(text)) => Start::After(changes::position(text)?),
                    Some(_) => return None,
                };
                if *is_only_use {
                    variables.remove(name);
                }
                start
            }
        };
        let key = FeedKey { operation: outline.hash, variables: serde_json::to_string(&variables).ok()?, rights: viewer.rights() };
        let asked = AskedOnce { operation: self.operation.clone(), variables, viewer, id: self.id.clone() };
        Some((Feed { key, follows_log: outline.follows_log, asked: Arc::new(asked) }, start))
    }
}

impl Schema {
    /// Executes a subscription from a place in the log, up to another.
    pub fn follow(&self, feed: &Feed, start: Start, until: Until) -> (BoxStream<'static, Response>, Arc<Track>) {
        let AskedOnce { operation, variables, viewer, id } = &*feed.asked;
        let track = Arc::new(Track { start, until, inside: Mutex::default() });
        let request = Request::new("").variables(variables.clone()).data(viewer.clone()).data(id.clone()).data(track.clone());
        let admitted = Admitted { request, session: None, id: id.clone(), operation: operation.clone(), cost: None };
        (self.run_stream(admitted), track)
    }

    /// A position that the change log is known to have reached, without asking the database.
    pub fn seen(&self) -> i64 {
        self.changes.as_ref().map_or(0, crate::changes::Reader::seen)
    }
}
