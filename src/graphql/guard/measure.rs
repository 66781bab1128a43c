//! What an operation asks for, measured before anything of it runs.
//!
//! * **Depth**: fields below one another.
//! * **Fields**: selections, where a fragment counts each time that it is spread. Each fragment is measured once, so a document
//!   whose fragments would grow to billions is told from its text in no time; it also bounds every later walk over the
//!   operation, of whoever executes it.
//! * **Cost**: the objects that the answer may hold at most, in GitHub's and Shopify's way. A scalar is free, an object is 1, what
//!   is below a connection counts as often as its page is long (`first` or `last`, 50 without either, also when a variable gives
//!   it), a list without pages, such as an order's lines, is taken for one of 5 entries, and counts and sums for a thousand objects.
//!   `@skip` and `@include` are not looked at. It ends in a sum with few variables ([`Cost`]), so that only the sum is done for
//!   each request.
//!
//! Introspection is neither deep nor costly: it has a measure of its own, of which an operation may have four times what
//! GraphiQL's query has.

use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::ast::Value;
use apollo_compiler::executable::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::Value as ConstValue;

use crate::graphql::pagination::{DEFAULT, MOST};

/// A list without pages is taken for so many entries.
const ENTRIES: u64 = 5;

/// What counts or sums up all records that meet a filter is taken for so many objects.
const TOTAL: u64 = 1000;

/// A sum that may depend on variables.
#[derive(Debug, Clone, Default)]
pub(super) struct Cost {
    fixed: u64,
    /// What counts several times, as a variable says.
    scaled: Vec<(Times, Self)>,
    /// What other places count too.
    shared: Vec<Arc<Self>>,
}

/// How often something counts.
#[derive(Debug, Clone)]
enum Times {
    Fixed(u64),
    /// The number that is the first of these to be there.
    Page(Vec<Given>),
    /// The length of the list that is this variable.
    Length(String),
}

#[derive(Debug, Clone)]
enum Given {
    Literal(i64),
    Variable(String),
}

impl Cost {
    fn fixed(fixed: u64) -> Self {
        Self { fixed, ..Self::default() }
    }

    fn add(&mut self, other: Self) {
        self.fixed = self.fixed.saturating_add(other.fixed);
        self.scaled.extend(other.scaled);
        self.shared.extend(other.shared);
    }

    fn is_fixed(&self) -> bool {
        self.scaled.is_empty() && self.shared.is_empty()
    }

    fn times(self, times: Times) -> Self {
        match times {
            Times::Fixed(times) if self.is_fixed() => Self::fixed(self.fixed.saturating_mul(times)),
            _ if self.is_fixed() && self.fixed == 0 => self,
            times => Self { scaled: vec![(times, self)], ..Self::default() },
        }
    }

    /// The sum with these variables.
    pub(super) fn with<'a>(&self, variable: &impl Fn(&str) -> Option<&'a ConstValue>) -> u64 {
        let scaled = self.scaled.iter().map(|(times, inner)| times.with(variable).saturating_mul(inner.with(variable)));
        let shared = self.shared.iter().map(|inner| inner.with(variable));
        scaled.chain(shared).fold(self.fixed, u64::saturating_add)
    }
}

impl Times {
    fn with<'a>(&self, variable: &impl Fn(&str) -> Option<&'a ConstValue>) -> u64 {
        let number = |name: &str| match variable(name) {
            Some(ConstValue::Number(number)) => number.as_i64(),
            _ => None,
        };
        match self {
            Self::Fixed(times) => *times,
            Self::Page(given) => {
                let size = given.iter().find_map(|given| match given {
                    Given::Literal(size) => Some(*size),
                    Given::Variable(name) => number(name),
                });
                // What lies outside of the bounds is refused by the list itself.
                u64::try_from(size.unwrap_or(DEFAULT).clamp(0, MOST)).unwrap_or_default()
            }
            Self::Length(name) => match variable(name) {
                Some(ConstValue::List(items)) => items.len() as u64,
                _ => 1,
            },
        }
    }
}

/// The measures of an operation, or of a part.
#[derive(Debug, Clone, Default)]
pub(super) struct Measure {
    pub(super) depth: usize,
    /// Selection sets within one another.
    pub(super) nesting: usize,
    pub(super) fields: u64,
    pub(super) introspection: u64,
    pub(super) cost: Cost,
    /// What counts for each entry of the page that this is a part of.
    entries: Cost,
}

impl Measure {
    fn beside(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.nesting = self.nesting.max(other.nesting);
        self.fields = self.fields.saturating_add(other.fields);
        self.introspection = self.introspection.saturating_add(other.introspection);
        self.cost.add(other.cost);
        self.entries.add(other.entries);
    }
}

/// Measures the operations of a valid document, each of its fragments once.
pub(super) struct Ruler<'a> {
    document: &'a ExecutableDocument,
    fragments: HashMap<&'a Name, Measure>,
}

impl<'a> Ruler<'a> {
    pub(super) fn new(document: &'a ExecutableDocument) -> Self {
        Self { document, fragments: HashMap::new() }
    }

    /// The measures of a selection set.
    pub(super) fn measure(&mut self, set: &'a SelectionSet) -> Measure {
        let mut all = Measure { nesting: 1, ..Measure::default() };
        for selection in &set.selections {
            let mut part = match selection {
                Selection::Field(field) => self.field(&set.ty, field),
                Selection::InlineFragment(fragment) => self.measure(&fragment.selection_set),
                Selection::FragmentSpread(spread) => self.fragment(&spread.fragment_name),
            };
            part.fields = part.fields.saturating_add(1);
            part.nesting += 1;
            all.beside(part);
        }
        all
    }

    fn fragment(&mut self, name: &'a Name) -> Measure {
        if let Some(known) = self.fragments.get(name) {
            return known.clone();
        }
        let Some(fragment) = self.document.fragments.get(name) else { return Measure::default() };
        let mut measure = self.measure(&fragment.selection_set);
        // Otherwise each place would hold a sum of its own.
        for cost in [&mut measure.cost, &mut measure.entries] {
            if !cost.is_fixed() {
                *cost = Cost { shared: vec![Arc::new(std::mem::take(cost))], ..Cost::default() };
            }
        }
        self.fragments.insert(name, measure.clone());
        measure
    }

    fn field(&mut self, parent: &Name, field: &'a Field) -> Measure {
        let below = self.measure(&field.selection_set);
        let is_leaf = field.selection_set.selections.is_empty();
        let (nesting, fields) = (below.nesting, below.fields);
        let hidden = parent.starts_with("__") || field.name.starts_with("__");
        if hidden {
            let once = below.introspection.saturating_add(u64::from(!is_leaf));
            let introspection = if field.ty().is_list() { once.saturating_mul(ENTRIES) } else { once };
            return Measure { nesting, fields, introspection, ..Measure::default() };
        }
        let mut whole = Measure { depth: below.depth + 1, nesting, fields, introspection: below.introspection, ..Measure::default() };
        if is_leaf {
            return whole;
        }
        let mut cost = Cost::fixed(if is_total(parent, field) { TOTAL } else { 1 });
        cost.add(below.cost);
        cost.add(below.entries.times(page(field)));
        if parent.ends_with("Connection") && matches!(field.name.as_str(), "edges" | "nodes") {
            whole.entries = cost;
        } else if field.ty().is_list() {
            whole.cost = cost.times(length(field));
        } else {
            whole.cost = cost;
        }
        whole
    }
}

/// Whether the field counts or sums up records.
fn is_total(parent: &Name, field: &Field) -> bool {
    let of = field.ty().inner_named_type().as_str();
    matches!(of, "OrderCounts" | "InboundShipmentCounts" | "ReturnCounts") || parent == "InventoryTotals"
}

fn given(field: &Field, name: &str) -> Option<Given> {
    match field.specified_argument_by_name(name).map(|value| &**value) {
        Some(Value::Int(size)) => Some(Given::Literal(size.as_str().parse().unwrap_or(i64::MAX))),
        Some(Value::Variable(name)) => Some(Given::Variable(name.to_string())),
        _ => None,
    }
}

/// The size of a connection's page.
fn page(field: &Field) -> Times {
    let sizes: Vec<Given> = ["first", "last"].iter().filter_map(|name| given(field, name)).collect();
    let fixed = sizes.iter().all(|size| matches!(size, Given::Literal(_)));
    let page = Times::Page(sizes);
    if fixed { Times::Fixed(page.with(&|_| None)) } else { page }
}

/// The length of a list without pages: of one by ids, as many as there are ids.
fn length(field: &Field) -> Times {
    let ids = field.definition.argument_by_name("ids").and_then(|_| field.specified_argument_by_name("ids"));
    match ids.map(|value| &**value) {
        Some(Value::List(ids)) => Times::Fixed(ids.len() as u64),
        Some(Value::Variable(name)) => Times::Length(name.to_string()),
        _ => Times::Fixed(ENTRIES),
    }
}
