//! Documents that a request names instead of sending them.
//!
//! * *Automatic persisted queries*, as Apollo defines them: a client sends the SHA-256 of its document
//!   (`extensions.persistedQuery`), is told `PERSISTED_QUERY_NOT_FOUND`, sends both, and from then on the hash is enough. Only
//!   valid documents are kept, in bounded memory, so a client must always be ready to send its document again.
//! * *Trusted documents*: a file says all that may be asked, and everything else is refused. Its ids are what the client's
//!   compiler made of them (hashes, mostly).
//!
//! Either takes the id as `extensions.persistedQuery.sha256Hash` or as `documentId` (the appendix of *GraphQL over HTTP*), with or
//! without `sha256:` before it. A document that is sent whole is taken in the trusted mode too if it stands in the file.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use async_graphql::{Request, ServerError, Value};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::graphql::errors::{Code, refused};

/// Memory for documents that clients registered, in bytes.
const MEMORY: u64 = 8 * 1024 * 1024;
/// What an entry takes beside its text.
const OVERHEAD: u64 = 256;

/// The id of a document that a request names: the parameter `documentId`. `http` puts it into the request's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentId(pub String);

/// All that may be asked, by id.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    by_id: HashMap<String, Arc<str>>,
    texts: HashSet<Arc<str>>,
}

impl Trusted {
    /// Reads a JSON object of documents by their ids.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds something else.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("Failed to read the trusted documents {}", path.display()))?;
        let by_id: HashMap<String, String> = serde_json::from_str(&text)
            .with_context(|| format!("The trusted documents {} are no JSON object of documents by their ids", path.display()))?;
        let by_id: HashMap<String, Arc<str>> = by_id.into_iter().map(|(id, text)| (id, text.into())).collect();
        Ok(Self { texts: by_id.values().cloned().collect(), by_id })
    }

    /// The documents with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_id.iter().map(|(id, text)| (&**id, &**text))
    }
}

type Hash = [u8; 32];

#[derive(Clone)]
struct Weight;

impl Weighter<Hash, Arc<str>> for Weight {
    fn weight(&self, _: &Hash, text: &Arc<str>) -> u64 {
        OVERHEAD + text.len() as u64
    }
}

/// The texts of documents, by what requests call them.
pub(super) struct Persisted {
    trusted: Option<Trusted>,
    registered: Cache<Hash, Arc<str>, Weight>,
}

/// A request's text, and the hash to register it under once it is known to be valid.
pub(super) struct Text {
    pub(super) text: Arc<str>,
    register: Option<Hash>,
}

impl Persisted {
    pub(super) fn new(trusted: Option<Trusted>) -> Self {
        let documents = usize::try_from(MEMORY / (8 * OVERHEAD)).unwrap_or_default();
        Self { trusted, registered: Cache::with_weighter(documents, MEMORY, Weight) }
    }

    /// The text that a request means.
    ///
    /// # Errors
    /// An id that is not known, or is not that of the text; a text that is not trusted.
    pub(super) fn text(&self, request: &mut Request, id: Option<&DocumentId>) -> Result<Text, ServerError> {
        let id = match id {
            Some(DocumentId(id)) => Some(id.clone()),
            None => apollo_id(request)?,
        };
        let id = id.as_deref().map(|id| id.strip_prefix("sha256:").unwrap_or(id));
        let sent = std::mem::take(&mut request.query);
        if let Some(trusted) = &self.trusted {
            let known = match id {
                Some(id) => trusted.by_id.get(id),
                None => trusted.texts.get(sent.as_str()),
            };
            let known = known.filter(|known| sent.is_empty() || ***known == *sent);
            let refusal = || refused(Code::DocumentNotTrusted, "Only the documents that this server was given are run: send the id of one of them");
            return Ok(Text { text: known.ok_or_else(refusal)?.clone(), register: None });
        }
        let Some(id) = id else {
            let missing = || refused(Code::InvalidInput, "The parameter query is missing");
            return if sent.is_empty() { Err(missing()) } else { Ok(Text { text: sent.into(), register: None }) };
        };
        let hash = hash_of(id);
        if sent.is_empty() {
            let text = hash.and_then(|hash| self.registered.get(&hash)).ok_or_else(not_found)?;
            return Ok(Text { text, register: None });
        }
        if hash != Some(Sha256::digest(sent.as_bytes()).into()) {
            return Err(refused(Code::PersistedQueryMismatch, "provided sha does not match query"));
        }
        Ok(Text { text: sent.into(), register: hash })
    }

    /// Keeps a text that was found valid, if its client has asked for that.
    pub(super) fn register(&self, text: &Text) {
        if let Some(hash) = text.register {
            self.registered.insert(hash, text.text.clone());
        }
    }
}

/// In the words that Apollo's clients look for.
fn not_found() -> ServerError {
    refused(Code::PersistedQueryNotFound, "PersistedQueryNotFound")
}

/// `extensions.persistedQuery.sha256Hash`
fn apollo_id(request: &Request) -> Result<Option<String>, ServerError> {
    let Some(Value::Object(persisted)) = request.extensions.get("persistedQuery") else { return Ok(None) };
    if persisted.get("version") != Some(&Value::from(1)) {
        return Err(refused(Code::InvalidInput, "extensions.persistedQuery.version: only version 1 is supported"));
    }
    match persisted.get("sha256Hash") {
        Some(Value::String(hash)) => Ok(Some(hash.clone())),
        _ => Err(refused(Code::InvalidInput, "extensions.persistedQuery.sha256Hash must be a string")),
    }
}

/// A hash in hexadecimal digits.
fn hash_of(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let digits = text.as_bytes();
    if digits.len() != 2 * hash.len() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        *byte = digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?;
    }
    Some(hash)
}
