//! How much a request may ask for.

use std::num::NonZeroU32;
use std::time::Duration;

/// What a request may ask for at most. The defaults are never reached by GraphiQL, nor by clients that select everything of
/// a page of records.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Tokens of a document.
    pub tokens: usize,
    /// Fields below one another. Those of the introspection do not count.
    pub depth: usize,
    /// Aliases of a document.
    pub aliases: usize,
    /// Directives of a document.
    pub directives: usize,
    /// Operations of a document: each is validated with all the fragments that it reaches.
    pub operations: usize,
    /// Selections of an operation, where a fragment counts each time that it is spread.
    pub fields: u64,
    /// Objects that an answer may hold, as estimated beforehand.
    pub cost: u64,
    /// Entries of a list in arguments or variables.
    pub list: usize,
    /// Requests of a batch. No batches at all with 0 or 1.
    pub batch: usize,
    /// Errors of an answer.
    pub errors: usize,
    /// The time that a query may take. Nothing else is ever cut short.
    pub query_time: Duration,
    /// Operations of an API key in a minute; any number when `None`.
    pub per_minute: Option<NonZeroU32>,
    /// Memory for documents that were checked, in bytes.
    pub document_memory: u64,
    /// Whether the schema may be read.
    pub introspection: bool,
    /// Whether errors say what may have been meant.
    pub suggestions: bool,
}

impl Limits {
    /// What holds when nobody says otherwise.
    pub const DEFAULT: Self = Self {
        tokens: 10_000,
        depth: 20,
        aliases: 100,
        directives: 100,
        operations: 20,
        fields: 5_000,
        cost: 100_000,
        list: 1_000,
        batch: 10,
        errors: 100,
        query_time: Duration::from_secs(30),
        per_minute: None,
        document_memory: 32 * 1024 * 1024,
        introspection: true,
        suggestions: true,
    };
}
