//! What requests may ask for: the flags, and what they become.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::graphql::{Limits, Trusted};

const MIB: u64 = 1024 * 1024;

/// What a request may ask for. What asks for more is refused before anything of it runs
#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// Tokens that a document may have
    #[arg(long, env = "CROSSDOCK_MAX_TOKENS", default_value_t = Limits::DEFAULT.tokens)]
    pub max_tokens: usize,
    /// Fields below one another; those of the introspection do not count
    #[arg(long, env = "CROSSDOCK_MAX_DEPTH", default_value_t = Limits::DEFAULT.depth)]
    pub max_depth: usize,
    /// Aliases that a document may have
    #[arg(long, env = "CROSSDOCK_MAX_ALIASES", default_value_t = Limits::DEFAULT.aliases)]
    pub max_aliases: usize,
    /// Directives that a document may have
    #[arg(long, env = "CROSSDOCK_MAX_DIRECTIVES", default_value_t = Limits::DEFAULT.directives)]
    pub max_directives: usize,
    /// Operations that a document may have
    #[arg(long, env = "CROSSDOCK_MAX_OPERATIONS", default_value_t = Limits::DEFAULT.operations)]
    pub max_operations: usize,
    /// Fields and fragments that an operation may select, where a fragment counts each time that it is spread
    #[arg(long, env = "CROSSDOCK_MAX_FIELDS", default_value_t = Limits::DEFAULT.fields)]
    pub max_fields: u64,
    /// Objects that an answer may hold, as estimated from the sizes of its pages (a list without pages counts as 5)
    #[arg(long, env = "CROSSDOCK_MAX_COST", default_value_t = Limits::DEFAULT.cost)]
    pub max_cost: u64,
    /// Entries that a list in arguments or variables may have
    #[arg(long, env = "CROSSDOCK_MAX_LIST", default_value_t = Limits::DEFAULT.list)]
    pub max_list: usize,
    /// Requests that may be sent as one list; 0 and 1 allow no lists
    #[arg(long, env = "CROSSDOCK_MAX_BATCH", default_value_t = Limits::DEFAULT.batch)]
    pub max_batch: usize,
    /// Errors of an answer that are told
    #[arg(long, env = "CROSSDOCK_MAX_ERRORS", default_value_t = Limits::DEFAULT.errors)]
    pub max_errors: usize,
    /// Seconds that a query may take; mutations are never cut short
    #[arg(long, env = "CROSSDOCK_QUERY_TIMEOUT", default_value_t = Limits::DEFAULT.query_time.as_secs(), value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub query_timeout: u64,
    /// Operations that each API key may have in a minute, counted by this process; 0 allows any number
    #[arg(long, env = "CROSSDOCK_MAX_PER_MINUTE", default_value_t = 0)]
    pub max_per_minute: u32,
    /// Memory for documents that were checked and need not be checked again, in MiB
    #[arg(long, env = "CROSSDOCK_DOCUMENT_MEMORY", default_value_t = Limits::DEFAULT.document_memory / MIB, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub document_memory: u64,
    /// Do not let requests read the schema
    #[arg(long, env = "CROSSDOCK_NO_INTROSPECTION")]
    pub no_introspection: bool,
    /// Do not tell in errors which names may have been meant
    #[arg(long, env = "CROSSDOCK_NO_SUGGESTIONS")]
    pub no_suggestions: bool,
    /// File of the only documents that are run: a JSON object of documents by their ids, as Relay's compiler and
    /// graphql-codegen print it
    #[arg(long, env = "CROSSDOCK_TRUSTED_DOCUMENTS")]
    pub trusted_documents: Option<PathBuf>,
}

impl LimitArgs {
    /// As the API takes them.
    pub fn limits(&self) -> Limits {
        Limits {
            tokens: self.max_tokens,
            depth: self.max_depth,
            aliases: self.max_aliases,
            directives: self.max_directives,
            operations: self.max_operations,
            fields: self.max_fields,
            cost: self.max_cost,
            list: self.max_list,
            batch: self.max_batch,
            errors: self.max_errors,
            query_time: Duration::from_secs(self.query_timeout),
            per_minute: NonZeroU32::new(self.max_per_minute),
            document_memory: self.document_memory * MIB,
            introspection: !self.no_introspection,
            suggestions: !self.no_suggestions,
        }
    }

    /// The only documents that are run; any when `None`.
    ///
    /// # Errors
    /// A file that makes no sense.
    pub fn trusted(&self) -> anyhow::Result<Option<Trusted>> {
        self.trusted_documents.as_deref().map(Trusted::read).transpose()
    }
}
