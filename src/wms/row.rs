//! Rows of a listing that have not been mapped yet.
//!
//! Of what a sync reads, most is as it was. An adapter whose records are each made of one row, and of nothing else, hands the
//! rows over as they came ([`Rows`]); the engine compares their hashes with those that are stored and has only those mapped
//! that differ. An adapter that must put a record together from several answers maps it itself.
//!
//! **Invariant.** Equal hashes mean equal records: a row's hash covers the row, what else the mapping looks at (`context`), and
//! the code that maps (`build.rs`), so a new version of this server maps everything once more. It is XXH3, of 64 bits: as good
//! against chance as any, several times as fast as a cryptographic one, and a WMS that made two rows of one hash on purpose would
//! only be read worse by itself.

use std::sync::Arc;

use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Reject;

/// What makes a record of a row.
type Map<T> = Arc<dyn Fn(&RawValue) -> Result<T, Reject> + Send + Sync>;

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// The source id of the record that it becomes.
    pub source_id: String,
    /// The row as it came.
    pub raw: Box<RawValue>,
}

/// The rows of a page, and what makes records of them.
pub struct Rows<T> {
    rows: Vec<Row>,
    /// Of the context and the code.
    seed: u64,
    map: Map<T>,
}

impl<T> std::fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.rows).finish()
    }
}

impl<T> Rows<T> {
    /// Rows that `map` makes records of. It must look at nothing but the row and what `context` says, and give the record the
    /// source id that the row was added with.
    pub fn new(context: &[&str], map: impl Fn(&RawValue) -> Result<T, Reject> + Send + Sync + 'static) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [env!("CROSSDOCK_MAPPING")].iter().chain(context) {
            hasher.update(part.as_bytes()).update(&[0]);
        }
        let mut seed = [0; 8];
        hasher.finalize_xof().fill(&mut seed);
        Self { rows: Vec::new(), seed: u64::from_le_bytes(seed), map: Arc::new(map) }
    }

    /// Adds a row.
    pub fn push(&mut self, source_id: String, raw: Box<RawValue>) {
        self.rows.push(Row { source_id, raw });
    }

    /// The hash of a row: see the module.
    pub fn hash(&self, row: &Row) -> i64 {
        xxh3_64_with_seed(row.raw.get().as_bytes(), self.seed).cast_signed()
    }

    /// The rows, in the order in which they were listed.
    pub fn iter(&self) -> std::slice::Iter<'_, Row> {
        self.rows.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The record of a row.
    ///
    /// # Errors
    /// Why there is none.
    pub fn map(&self, row: &RawValue) -> Result<T, Reject> {
        (self.map)(row)
    }
}
