//! What stands between a request and its execution.
//!
//! Everything that can be said of a request without running it is said here, in this order, and the first no is the answer:
//! who asks, how often they do ([`rate`]), which document they mean ([`persisted`]), its tokens ([`scan`]), its syntax and its
//! validity (apollo-compiler against our own printed schema, which agrees with graphql-js; [`values`] adds what it leaves out), its
//! depth and its expanded size ([`measure`]), which of its operations is meant, whether the key may run it, its variables
//! ([`variables`]), and its cost with them.
//!
//! **Invariants.**
//! * A text is parsed once, by one parser. What executes is a translation of what was validated ([`translate`]); async-graphql's own
//!   parser and validation see nothing of a client's.
//! * Work before the answer grows with a request's length at most, never with what it would expand to, and recursion is
//!   bounded by [`scan`] before anything recurs.
//! * Only what was found good is remembered, by its whole text, within a bound of memory that each entry is weighed against. The
//!   cache's policy (S3-FIFO) lets those go first that were asked for once, so a flood of ever new documents pushes out
//!   itself, not what clients use.
//!
//! [`Prepared`] is what the rest of the layer knows of an operation; whatever can be derived from its document once belongs there.

mod limits;
mod measure;
mod persisted;
mod place;
mod rate;
mod scan;
#[cfg(test)]
mod tests;
mod translate;
mod values;
mod variables;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use apollo_compiler::Schema;
use apollo_compiler::ast::{Definition, OperationType as ApolloType};
use apollo_compiler::executable::{ExecutableDocument as Checked, Operation, Selection, SelectionSet};
use apollo_compiler::introspection::check_max_depth;
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::Valid;
use async_graphql::indexmap::IndexSet;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Data, Name, Pos, Request, ServerError, Value, Variables};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

pub use limits::Limits;
use measure::{Cost, Measure, Ruler};
use persisted::Persisted;
pub use persisted::{DocumentId, Trusted};
use place::Lines;
use rate::Rate;
use translate::{Translator, constant};
use values::Values;
use variables::{Coercion, Variable};

use super::access::{self, Viewer, datum};
use super::errors::{Code, Fault, refused, refused_at, server_error};
use super::feed::Outline;
use super::plan::{MakeRoot, Plans, Whole};

/// Marks a request that came in a way that only queries may: whoever can make a browser follow a link could send it.
#[derive(Debug, Clone, Copy)]
pub struct OnlyQueries;

/// Why a request is not run.
pub(super) type Refusal = Vec<ServerError>;

/// An operation of a document that was found good, ready to be run any number of times.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The document that it is in.
    document: Arc<ExecutableDocument>,
    /// What its client calls it.
    pub(super) called: Option<Name>,
    /// The same, if its document has several operations.
    name: Option<Name>,
    /// The fragments that it reaches, if its document has several operations.
    fragments: Vec<Name>,
    /// What it does.
    pub(super) kind: OperationType,
    /// What it is as a subscription that can be shared.
    pub(super) outline: Option<Outline>,
    variables: Vec<Variable>,
    cost: Cost,
    /// How its lists and records are written; `None` where what it selects depends on its variables.
    plans: Option<Arc<Plans>>,
    /// How it is answered as a whole, if it can be.
    whole: OnceLock<Option<Whole>>,
}

impl Prepared {
    fn operation(&self) -> Option<&OperationDefinition> {
        match (&self.document.operations, &self.name) {
            (DocumentOperations::Single(operation), _) => Some(&operation.node),
            (DocumentOperations::Multiple(all), name) => all.get(name.as_ref()?).map(|operation| &operation.node),
        }
    }

    /// How it is answered as a whole; `None` where that cannot be, or depends on its variables.
    pub(super) fn whole(&self, make: MakeRoot) -> Option<&Whole> {
        if self.kind != OperationType::Query || self.plans.is_none() {
            return None;
        }
        self.whole.get_or_init(|| Whole::of(&self.document, self.operation()?, make)).as_ref()
    }

    /// The value of a variable, its default where none is given.
    pub(super) fn value<'a>(&'a self, variables: &'a Variables, name: &str) -> Option<&'a Value> {
        match variables.get(name) {
            Some(value) => Some(value),
            None => self.variables.iter().find(|variable| variable.name == name)?.default.as_ref(),
        }
    }

    /// Makes the request one for async-graphql.
    pub(super) fn hand_over(&self, request: &mut Request) {
        request.operation_name = None;
        request.set_parsed_query(self.executable());
        if let Some(plans) = &self.plans {
            request.data.insert(plans.clone());
        }
    }

    /// Its document, and its name in it.
    pub(super) fn parts(&self) -> (&ExecutableDocument, Option<&str>) {
        (&self.document, self.name.as_deref())
    }

    /// A document of it alone.
    pub(super) fn executable(&self) -> ExecutableDocument {
        match (&self.document.operations, &self.name) {
            (DocumentOperations::Multiple(all), Some(name)) => ExecutableDocument {
                operations: match all.get(name) {
                    Some(operation) => DocumentOperations::Single(operation.clone()),
                    None => DocumentOperations::Multiple(HashMap::new()),
                },
                fragments: self.fragments.iter().filter_map(|name| Some((name.clone(), self.document.fragments.get(name)?.clone()))).collect(),
            },
            _ => ExecutableDocument::clone(&self.document),
        }
    }
}

/// The operations of a document, by name.
struct Document {
    operations: BTreeMap<Option<String>, Arc<Prepared>>,
    /// About how much memory it takes, in bytes.
    weight: u64,
}

impl Document {
    fn operation(&self, name: Option<&str>) -> Result<&Arc<Prepared>, ServerError> {
        let unknown = |name: &str| refused(Code::OperationResolution, format!("Unknown operation named \"{}\".", words::short(name)));
        match name {
            Some(name) => self.operations.get(&Some(name.to_owned())).ok_or_else(|| unknown(name)),
            None if self.operations.len() > 1 => {
                Err(refused(Code::OperationResolution, "Must provide operation name if query contains multiple operations."))
            }
            None => self.operations.values().next().ok_or_else(|| refused(Code::OperationResolution, "Must provide an operation.")),
        }
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Arc<str>, Arc<Document>> for Weight {
    fn weight(&self, text: &Arc<str>, document: &Arc<Document>) -> u64 {
        // The least is what bounds the number of entries.
        (document.weight + text.len() as u64).max(LEAST_WEIGHT)
    }
}

/// A token of a document takes about so much memory as a part of what is made of it, in bytes.
const TOKEN_WEIGHT: u64 = 256;
/// A field in a plan takes about so much memory, in bytes, in every place where its fragment is spread.
const PLAN_WEIGHT: u64 = 192;
/// What the smallest document is weighed as, in bytes.
const LEAST_WEIGHT: u64 = 8 * 1024;
/// What async-graphql's introspection has and apollo-compiler's does not know yet.
const NEWER: &str = "extend type __Type { isOneOf: Boolean }";
/// An operation may have so many times the introspection of GraphiQL's query.
const INTROSPECTIONS: u64 = 4;

/// The guard of a schema.
pub(super) struct Guard {
    schema: Valid<Schema>,
    limits: Limits,
    documents: Cache<Arc<str>, Arc<Document>, Weight>,
    persisted: Persisted,
    rate: Rate,
    /// The introspection that an operation may have.
    introspection: u64,
}

impl Guard {
    /// A guard of the schema that is printed as `sdl`.
    ///
    /// # Errors
    /// A trusted document that makes no sense here, with its id.
    pub(super) fn new(sdl: &str, limits: Limits, trusted: Option<Trusted>) -> anyhow::Result<Self> {
        // It is our own, printed by the library; a test sees to it that it is valid.
        let schema = Schema::parse_and_validate(format!("{sdl}{NEWER}"), "schema.graphql").unwrap_or_else(|errors| {
            tracing::error!(errors = %errors.errors, "The printed schema is not valid");
            Valid::assume_valid(errors.partial)
        });
        let entries = usize::try_from(limits.document_memory / LEAST_WEIGHT).unwrap_or(usize::MAX);
        let documents = Cache::with_weighter(entries, limits.document_memory, Weight);
        let rate = Rate::new(limits.per_minute);
        let mut guard = Self { schema, documents, persisted: Persisted::new(None), rate, introspection: 0, limits };
        guard.introspection = guard.introspection_of(include_str!("introspection.graphql")).saturating_mul(INTROSPECTIONS);
        for (id, text) in trusted.iter().flat_map(Trusted::iter) {
            let refusal = guard.prepare(text).err();
            let message = refusal.as_ref().and_then(|errors| errors.first()).map(|error| error.message.clone());
            message
                .map_or(Ok(()), |message| Err(anyhow::Error::msg(message)))
                .with_context(|| format!("The trusted document {id} makes no sense"))?;
        }
        guard.persisted = Persisted::new(trusted);
        Ok(guard)
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn introspection_of(&self, text: &str) -> u64 {
        let document = Checked::parse_and_validate(&self.schema, text, "introspection.graphql");
        let measured = |document: &Checked| {
            document.operations.iter().map(|operation| Ruler::new(document).measure(&operation.selection_set).introspection).max()
        };
        document.ok().and_then(|document| measured(&document)).unwrap_or_default()
    }

    /// Lets a request pass, with its variables as they are to be executed; or says why not. Also its operation, and what that costs.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn admit(&self, request: &mut Request, session: Option<&Data>) -> Result<(Arc<Prepared>, u64), Refusal> {
        let viewer = datum::<Viewer>(request, session).ok_or_else(|| vec![server_error(Fault::Unauthenticated)])?.clone();
        self.rate.take(viewer.0.id).map_err(|wait| {
            let seconds = wait.as_secs() + 1;
            let mut error = refused(Code::RateLimited, format!("This key has used up its operations for now; try again in {seconds} s"));
            error.extensions.get_or_insert_default().set("retryAfterSeconds", seconds);
            vec![error]
        })?;
        let id = datum::<DocumentId>(request, None).cloned();
        let only_queries = datum::<OnlyQueries>(request, None).is_some();
        let text = self.persisted.text(request, id.as_ref()).map_err(|error| vec![error])?;
        let document = match self.documents.get(&*text.text) {
            Some(document) => document,
            None => {
                let document = Arc::new(self.prepare(&text.text)?);
                self.documents.insert(text.text.clone(), document.clone());
                document
            }
        };
        self.persisted.register(&text);
        let operation = document.operation(request.operation_name.as_deref()).map_err(|error| vec![error])?;
        if only_queries && operation.kind != OperationType::Query {
            return Err(vec![refused(Code::MethodNotAllowed, "Only queries can be sent by GET; send this one by POST")]);
        }
        access::may_run(&viewer, operation.kind).map_err(|fault| vec![server_error(fault)])?;
        let coercion = Coercion::new(&self.schema, self.limits.suggestions, self.limits.list);
        let errors = coercion.check(&operation.variables, &mut request.variables);
        if !errors.is_empty() {
            return Err(errors);
        }
        let cost = operation.cost.with(&|name: &str| operation.value(&request.variables, name));
        if cost > self.limits.cost {
            let most = self.limits.cost;
            let message =
                format!("The operation may answer with {cost} objects; at most {most} are allowed. Ask for smaller pages, or for less of each entry");
            let mut error = refused(Code::TooExpensive, message);
            let extensions = error.extensions.get_or_insert_default();
            extensions.set("cost", cost);
            extensions.set("maximum", most);
            return Err(vec![error]);
        }
        Ok((operation.clone(), cost))
    }

    /// Reads a document, and finds it good.
    fn prepare(&self, text: &str) -> Result<Document, Refusal> {
        let tokens = scan::scan(text, &self.limits).map_err(|error| vec![*error])?;
        let lines = Lines::new(text);
        let ast = Parser::new().parse_ast(text, "request").map_err(|errors| vec![words::unparsed(&errors.errors, &lines)])?;
        if ast.definitions.is_empty() {
            return Err(vec![refused_at(Code::ParseFailed, "Syntax Error: Unexpected <EOF>.", lines.pos(text.len()))]);
        }
        let operations = ast.definitions.iter().filter(|definition| matches!(definition, Definition::OperationDefinition(_))).count();
        if operations > self.limits.operations {
            let message = format!("The document has {operations} operations; at most {} are allowed", self.limits.operations);
            return Err(vec![refused(Code::TooManyOperations, message)]);
        }
        let suggestions = self.limits.suggestions.then_some(&*self.schema);
        let valid = ast.to_executable_validate(&self.schema).map_err(|errors| words::invalid(&errors.errors, suggestions, &lines))?;
        let errors = Values::new(&self.schema, &valid, &lines, self.limits.list).check();
        if !errors.is_empty() {
            return Err(errors);
        }
        if !self.limits.introspection
            && let Some((name, offset)) = introspects(&valid)
        {
            let message = format!("GraphQL introspection has been disabled, but the requested query contained the field \"{name}\".");
            return Err(vec![refused_at(Code::IntrospectionDisabled, message, lines.pos(offset))]);
        }
        let document = Arc::new(Translator(&lines).document(&valid));
        let several = matches!(document.operations, DocumentOperations::Multiple(_));
        let mut ruler = Ruler::new(&valid);
        let varies = varies(&valid);
        let mut operations = BTreeMap::new();
        let (mut fragments, mut planned) = (0, 0);
        for operation in valid.operations.iter() {
            let measure = self.measured(&valid, operation, &mut ruler, &lines)?;
            planned += if varies { 0 } else { measure.fields };
            let reached = if several { reached(&valid, &operation.selection_set) } else { Vec::new() };
            fragments += reached.len() as u64;
            let name = operation.name.as_ref().map(apollo_compiler::Name::as_str);
            let prepared = Prepared {
                outline: if operation.is_subscription() { Outline::of(&document, name, text) } else { None },
                document: document.clone(),
                called: name.map(Name::new),
                name: name.filter(|_| several).map(Name::new),
                fragments: reached,
                kind: match operation.operation_type {
                    ApolloType::Query => OperationType::Query,
                    ApolloType::Mutation => OperationType::Mutation,
                    ApolloType::Subscription => OperationType::Subscription,
                },
                variables: operation.variables.iter().map(|variable| variable_of(variable)).collect(),
                cost: measure.cost,
                plans: (!varies).then(Arc::default),
                whole: OnceLock::new(),
            };
            operations.insert(operation.name.as_ref().map(ToString::to_string), Arc::new(prepared));
        }
        let weight = TOKEN_WEIGHT * tokens as u64 + size_of::<Name>() as u64 * fragments + PLAN_WEIGHT * planned;
        Ok(Document { operations, weight })
    }

    /// The size and the cost of an operation that is not too large.
    fn measured<'a>(
        &self,
        document: &'a Valid<Checked>,
        operation: &'a Operation,
        ruler: &mut Ruler<'a>,
        lines: &Lines<'_>,
    ) -> Result<Measure, Refusal> {
        let measure = ruler.measure(&operation.selection_set);
        let pos = operation.selection_set.selections.first().and_then(place_of).map_or(Pos { line: 1, column: 1 }, |offset| lines.pos(offset));
        let excess = |code, message: String| Err(vec![refused_at(code, message, pos)]);
        let Limits { depth, fields, .. } = self.limits;
        if measure.fields > fields {
            return excess(Code::TooManyFields, format!("The operation selects more than {fields} fields, with every fragment where it is spread"));
        } else if measure.depth > depth {
            return excess(Code::TooDeep, format!("The operation is {} fields deep; at most {depth} are allowed", measure.depth));
        } else if measure.nesting > scan::NESTING {
            return excess(
                Code::TooDeep,
                format!("The operation's selections are {} within one another; at most {} are allowed", measure.nesting, scan::NESTING),
            );
        } else if measure.introspection > self.introspection || check_max_depth(document, operation).is_err() {
            return excess(Code::TooExpensive, "The operation reads the schema more often, or deeper, than any tool needs to".to_owned());
        }
        Ok(measure)
    }
}

fn variable_of(variable: &apollo_compiler::ast::VariableDefinition) -> Variable {
    let default: Option<Value> = variable.default_value.as_ref().map(|value| constant(value));
    Variable { name: variable.name.clone(), ty: (*variable.ty).clone(), default }
}

fn place_of(selection: &Selection) -> Option<usize> {
    let place = match selection {
        Selection::Field(field) => field.location(),
        Selection::FragmentSpread(spread) => spread.location(),
        Selection::InlineFragment(fragment) => fragment.location(),
    };
    place.map(|place| place.offset())
}

/// The selections at the top of all operations and fragments.
fn sets(document: &Checked) -> impl Iterator<Item = &SelectionSet> {
    let operations = document.operations.iter().map(|operation| &operation.selection_set);
    operations.chain(document.fragments.values().map(|fragment| &fragment.selection_set))
}

/// Visits all selections of a set, but not what fragments spread.
fn walk<'a>(set: &'a SelectionSet, visit: &mut impl FnMut(&'a Selection)) {
    for selection in &set.selections {
        visit(selection);
        match selection {
            Selection::Field(field) => walk(&field.selection_set, visit),
            Selection::InlineFragment(fragment) => walk(&fragment.selection_set, visit),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Whether what a document selects depends on variables.
fn varies(document: &Checked) -> bool {
    let mut found = false;
    for set in sets(document) {
        walk(set, &mut |selection| found |= ["skip", "include"].into_iter().any(|name| selection.directives().has(name)));
    }
    found
}

/// The names of the fragments that an operation reaches.
fn reached(document: &Checked, set: &SelectionSet) -> Vec<Name> {
    let mut found = IndexSet::new();
    let mut next = Some(set);
    let mut done = 0;
    while let Some(set) = next {
        walk(set, &mut |selection| {
            if let Selection::FragmentSpread(spread) = selection {
                found.insert(&spread.fragment_name);
            }
        });
        next = found.get_index(done).and_then(|name| document.fragments.get(*name)).map(|fragment| &fragment.selection_set);
        done += 1;
    }
    found.into_iter().map(Name::new).collect()
}

/// Where a document reads the schema.
fn introspects(document: &Checked) -> Option<(String, usize)> {
    let mut found = None;
    for set in sets(document) {
        walk(set, &mut |selection| {
            if let Selection::Field(field) = selection
                && matches!(field.name.as_str(), "__schema" | "__type")
                && found.is_none()
            {
                found = Some((field.name.to_string(), field.location().map_or(0, |place| place.offset())));
            }
        });
    }
    found
}
