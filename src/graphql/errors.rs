//! Errors, and the one map by which they leave.
//!
//! A resolver fails with a [`Fault`]. What of it the caller may see is decided here, once, when the response leaves
//! ([`outward`]): a code in `extensions.code`, and the argument and path of the input that it speaks of. What is no
//! business of the caller (the database's words, a defect) is logged under an id, and only the id goes out.
//!
//! **Invariant.** Every error that leaves has one of the codes of [`Code`]. An error of which nothing is known is taken
//! for an internal one, so a forgotten conversion hides too much, never too little.
//!
//! Errors that a caller of a mutation can act on do not come this way: they stand in the payload (`user_error`).

use std::borrow::Cow;
use std::error::Error as _;
use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, PathSegment, Pos, ServerError, Value};

use crate::record::{DataType, Id};
use crate::store;
use crate::store::keys::Access;
use crate::sync::Stale;

/// What stands in `extensions.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// An argument or a variable makes no sense.
    InvalidInput,
    /// No API key, or none that is valid.
    Unauthenticated,
    /// The key may not do this.
    Forbidden,
    /// The cursor is older than the change log: read the lists again, and go on from `changeCursor`.
    CursorExpired,
    /// What was asked for is older than `maxStaleness` allows, and could not be synced in time.
    NotFresh,
    /// It is not the caller's fault.
    Internal,
    /// The document cannot be read.
    ParseFailed,
    /// The document does not fit the schema.
    ValidationFailed,
    /// The document has no such operation, or several without a word which.
    OperationResolution,
    /// The schema may not be read here.
    IntrospectionDisabled,
    /// Only queries may come this way.
    MethodNotAllowed,
    /// The document is not known by this hash: send it along.
    PersistedQueryNotFound,
    /// The hash is another document's.
    PersistedQueryMismatch,
    /// Only the documents that the server was given are run.
    DocumentNotTrusted,
    /// The document is too long.
    TooManyTokens,
    /// The document is too deep.
    TooDeep,
    /// The document has too many aliases.
    TooManyAliases,
    /// The document has too many directives.
    TooManyDirectives,
    /// The document has too many operations.
    TooManyOperations,
    /// The operation selects too many fields.
    TooManyFields,
    /// The operation may answer with too many objects.
    TooExpensive,
    /// A list in arguments or variables is too long.
    ListTooLong,
    /// The batch has too many requests.
    BatchTooLong,
    /// The answer has more errors than are told.
    TooManyErrors,
    /// The query took too long.
    Timeout,
    /// The key has used up its operations.
    RateLimited,
}

impl Code {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "INVALID_INPUT",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::CursorExpired => "CURSOR_EXPIRED",
            Self::NotFresh => "NOT_FRESH",
            Self::Internal => "INTERNAL",
            // The names that Apollo's servers and clients know.
            Self::ParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::ValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::OperationResolution => "OPERATION_RESOLUTION_FAILURE",
            Self::IntrospectionDisabled => "INTROSPECTION_DISABLED",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::PersistedQueryMismatch => "PERSISTED_QUERY_HASH_MISMATCH",
            Self::DocumentNotTrusted => "DOCUMENT_NOT_TRUSTED",
            Self::TooManyTokens => "TOO_MANY_TOKENS",
            Self::TooDeep => "TOO_DEEP",
            Self::TooManyAliases => "TOO_MANY_ALIASES",
            Self::TooManyDirectives => "TOO_MANY_DIRECTIVES",
            Self::TooManyOperations => "TOO_MANY_OPERATIONS",
            Self::TooManyFields => "TOO_MANY_FIELDS",
            Self::TooExpensive => "TOO_EXPENSIVE",
            Self::ListTooLong => "LIST_TOO_LONG",
            Self::BatchTooLong => "BATCH_TOO_LONG",
            Self::TooManyErrors => "TOO_MANY_ERRORS",
            Self::Timeout => "TIMEOUT",
            Self::RateLimited => "RATE_LIMITED",
        }
    }
}

/// Why a field could not be resolved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// An argument makes no sense.
    #[error("{}: {message}", path.join("."))]
    Input {
        /// The argument's name, then the way down to the input field.
        path: Vec<String>,
        /// What is wrong with it.
        message: String,
    },
    /// The request has no API key.
    #[error("This needs an API key")]
    Unauthenticated,
    /// The request's API key may not do this.
    #[error("This needs an API key with {needed} access; the key {key:?} has {held}")]
    Forbidden {
        /// The access that it takes.
        needed: Access,
        /// The key's name.
        key: String,
        /// The access that the key has.
        held: Access,
    },
    /// A cursor from before the change log's beginning.
    #[error("The cursor is older than the change log: read the lists again, and go on from changeCursor")]
    CursorExpired,
    /// Records are older than `maxStaleness` allows.
    #[error("The {data_type} of a connection are older than maxStaleness allows: {}", stale.why)]
    NotFresh {
        /// The records' type.
        data_type: DataType,
        /// Whose they are, and why.
        stale: Stale,
    },
    /// The store failed.
    #[error(transparent)]
    Store(Arc<store::Error>),
    /// Something that cannot be, or should not.
    #[error("{0}")]
    Defect(Cow<'static, str>),
}

impl Fault {
    /// The argument `name` makes no sense.
    pub fn argument(name: &str, message: impl Into<String>) -> Self {
        Self::Input { path: vec![name.to_owned()], message: message.into() }
    }
}

impl From<store::Error> for Fault {
    fn from(error: store::Error) -> Self {
        Self::from(Arc::new(error))
    }
}

/// What a batched load failed with goes to everybody who waits for it.
impl From<Arc<store::Error>> for Fault {
    fn from(error: Arc<store::Error>) -> Self {
        match &*error {
            store::Error::Filter { field, message } => Self::Input { path: field.split('.').map(str::to_owned).collect(), message: message.clone() },
            store::Error::Expired => Self::CursorExpired,
            _ => Self::Store(error),
        }
    }
}

/// A request that is refused before anything runs.
pub(super) fn refused(code: Code, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code.as_str());
    error
}

/// The same, for what stands at this place of the document.
pub(super) fn refused_at(code: Code, message: impl Into<String>, pos: Pos) -> ServerError {
    ServerError { locations: vec![pos], ..refused(code, message) }
}

/// A variable that makes no sense, or what lies at this path below it.
pub(super) fn variable_refused(variable: &str, path: &[PathSegment], message: String) -> ServerError {
    let mut error = refused(Code::InvalidInput, message);
    let below = path.iter().map(|segment| match segment {
        PathSegment::Field(name) => Value::from(name.as_str()),
        PathSegment::Index(index) => Value::from(index.to_string()),
    });
    let path = [Value::from("variables"), Value::from(variable)].into_iter().chain(below).collect();
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("argument", "variables");
    extensions.set("path", Value::List(path));
    error
}

/// A fault of the request as a whole.
pub(super) fn server_error(fault: Fault) -> ServerError {
    let mut error = async_graphql::Error::from(fault).into_server_error(Pos::default());
    error.locations.clear();
    error
}

/// What resolvers answer.
pub type Result<T> = std::result::Result<T, Fault>;

/// The id under which a request's errors are logged. `http` puts one into the request's data; otherwise the schema makes
/// one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Gives an error its outward form. Doing it twice changes nothing.
pub(super) fn outward(error: &mut ServerError, request: &RequestId) {
    if error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some()) {
        return;
    }
    let mut extensions = error.extensions.take().unwrap_or_default();
    match (error.source::<Fault>(), error.source.is_some()) {
        (Some(Fault::Input { path, .. }), _) => {
            extensions.set("code", Code::InvalidInput.as_str());
            extensions.set("argument", path.first().cloned().unwrap_or_default());
            extensions.set("path", Value::List(path.iter().map(|part| Value::from(part.as_str())).collect()));
        }
        (Some(Fault::Unauthenticated), _) => extensions.set("code", Code::Unauthenticated.as_str()),
        (Some(Fault::Forbidden { needed, .. }), _) => {
            extensions.set("code", Code::Forbidden.as_str());
            extensions.set("neededAccess", needed.as_str());
        }
        (Some(Fault::CursorExpired), _) => extensions.set("code", Code::CursorExpired.as_str()),
        (Some(Fault::NotFresh { data_type, stale }), _) => {
            extensions.set("code", Code::NotFresh.as_str());
            extensions.set("connectionId", Id::Connection(stale.connection).to_string());
            extensions.set("dataType", data_type.as_str());
            extensions.set("freshAsOf", stale.fresh_as_of.map_or(Value::Null, |at| Value::from(at.to_string())));
        }
        // The library's own errors have no source: they speak of the document and its values.
        (None, false) => extensions.set("code", Code::InvalidInput.as_str()),
        (fault, true) => {
            mask(&mut extensions, fault, &error.message, request);
            "Internal error".clone_into(&mut error.message);
        }
        (Some(_), false) => mask(&mut extensions, None, &error.message, request),
    }
    error.source = None;
    error.extensions = Some(extensions);
}

fn mask(extensions: &mut ErrorExtensionValues, fault: Option<&Fault>, message: &str, request: &RequestId) {
    let cause = match fault {
        Some(Fault::Store(error)) => error.source().map(ToString::to_string),
        _ => None,
    };
    tracing::error!(request.id = %request.0, error = message, error.cause = cause, "Failed to answer a GraphQL request");
    extensions.set("code", Code::Internal.as_str());
    extensions.set("requestId", request.0.as_str());
}

#[cfg(test)]
mod tests {
    use async_graphql::Error;

    use super::*;

    fn left(error: Error) -> serde_json::Value {
        let mut error = error.into_server_error(Pos::default());
        let request = RequestId("r-1".to_owned());
        outward(&mut error, &request);
        let once = serde_json::to_value(&error).unwrap();
        outward(&mut error, &request);
        assert_eq!(serde_json::to_value(&error).unwrap(), once, "twice changes nothing");
        once
    }

    #[test]
    fn what_the_database_says_stays_inside() {
        let inner = store::Error::Connect("password of user admin".to_owned());
        for error in [Error::from(Fault::from(inner)), Error::from(std::io::Error::other("secret path")), Error::from(Fault::Defect("secret".into()))]
        {
            let out = left(error);
            assert_eq!(out["message"], "Internal error");
            assert_eq!(out["extensions"], serde_json::json!({ "code": "INTERNAL", "requestId": "r-1" }));
        }
    }

    #[test]
    fn a_filter_that_makes_no_sense_names_its_field() {
        let error = store::Error::Filter { field: "filter.or.0.sku.in".to_owned(), message: "at most 100 values are allowed".to_owned() };
        let out = left(Fault::from(error).into());
        assert_eq!(out["message"], "filter.or.0.sku.in: at most 100 values are allowed");
        assert_eq!(
            out["extensions"],
            serde_json::json!({ "code": "INVALID_INPUT", "argument": "filter", "path": ["filter", "or", "0", "sku", "in"] })
        );
    }

    #[test]
    fn the_librarys_own_errors_keep_their_words() {
        let out = left(Error::new("Unknown field \"x\""));
        assert_eq!((out["message"].as_str(), out["extensions"]["code"].as_str()), (Some("Unknown field \"x\""), Some("INVALID_INPUT")));
    }
}
