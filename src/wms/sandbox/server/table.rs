//! The rows of one resource, in two orders: by number, and by when they were last changed.
//!
//! **Invariants.** A row that was never written to need not be held: `make` gives it, the same each time. Every row
//! that exists has exactly one entry in each order. A listing goes on after the key of the last row that was shown, so
//! it loses nothing and repeats nothing while rows are added, changed and removed around it (in the order of time, a
//! row that changes meanwhile is shown again, at its new place). A row's JSON is remembered until the row changes, since what
//! reads from the sandbox reads the same rows again and again; of a very large sandbox only [so much](MOST_WRITTEN).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use super::wire::Row;
use crate::record::Instant;

/// Makes the row of a number.
pub(super) type Make<T> = Box<dyn Fn(u32) -> T + Send + Sync>;

/// The rows of one resource.
pub(super) struct Table<T> {
    stamps: BTreeMap<u32, Instant>,
    by_time: BTreeSet<(Instant, u32)>,
    held: BTreeMap<u32, T>,
    make: Option<Make<T>>,
    written: Mutex<Written>,
    last: u32,
}

/// The most bytes of JSON that a table remembers: of orders, about 150,000. What comes later is written each time, since a
/// reader of everything that drove out the oldest would find nothing when it begins anew.
const MOST_WRITTEN: usize = 512 * 1024 * 1024;

/// Rows as JSON.
#[derive(Default)]
struct Written {
    rows: HashMap<u32, Box<[u8]>>,
    bytes: usize,
}

impl Written {
    fn forget(&mut self, number: u32) {
        self.bytes -= self.rows.remove(&number).map_or(0, |row| row.len());
    }
}

/// Which rows a listing wants, and in which order: by number when both are `None`, else by time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    /// Changed then or later.
    pub since: Option<Instant>,
    /// Changed before.
    pub before: Option<Instant>,
}

impl Span {
    /// Whether the listing runs in the order of time.
    pub(super) fn is_timed(self) -> bool {
        self.since.is_some() || self.before.is_some()
    }
}

impl<T: Row> Table<T> {
    /// A table that holds `rows`, numbered from 1.
    pub(super) fn holding(rows: Vec<T>) -> Self {
        let mut table =
            Self { stamps: BTreeMap::new(), by_time: BTreeSet::new(), held: BTreeMap::new(), make: None, written: Mutex::default(), last: 0 };
        for (number, row) in (1..).zip(rows) {
            table.put(number, row);
        }
        table
    }

    /// A table whose rows are made when they are asked for: one for each of `stamps`, numbered from 1.
    pub(super) fn making(stamps: &[Instant], make: Make<T>) -> Self {
        let stamps: BTreeMap<u32, Instant> = (1..).zip(stamps.iter().copied()).collect();
        let by_time = stamps.iter().map(|(number, stamp)| (*stamp, *number)).collect();
        let last = stamps.keys().next_back().copied().unwrap_or(0);
        Self { stamps, by_time, held: BTreeMap::new(), make: Some(make), written: Mutex::default(), last }
    }

    /// The row of this number.
    pub(super) fn get(&self, number: u32) -> Option<Cow<'_, T>> {
        self.stamps.get(&number)?;
        match (self.held.get(&number), &self.make) {
            (Some(row), _) => Some(Cow::Borrowed(row)),
            (None, Some(make)) => Some(Cow::Owned(make(number))),
            (None, None) => None,
        }
    }

    /// Writes the row of this number as JSON to the end of `out`. False: there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, number: u32, out: &mut Vec<u8>) -> serde_json::Result<bool> {
        let written = || self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = written().rows.get(&number) {
            out.extend_from_slice(row);
            return Ok(true);
        }
        let Some(row) = self.get(number) else { return Ok(false) };
        let begin = out.len();
        serde_json::to_writer(&mut *out, &row)?;
        let mut written = written();
        let length = out.len() - begin;
        if written.bytes + length <= MOST_WRITTEN && written.rows.insert(number, out[begin..].into()).is_none() {
            written.bytes += length;
        }
        Ok(true)
    }

    /// Puts a row in, in the place of an older one of this number.
    pub(super) fn put(&mut self, number: u32, row: T) {
        self.forget(number);
        let stamp = row.updated_at();
        if let Some(old) = self.stamps.insert(number, stamp) {
            self.by_time.remove(&(old, number));
        }
        self.by_time.insert((stamp, number));
        self.held.insert(number, row);
        self.last = self.last.max(number);
    }

    /// Takes a row out. Its number is not given again.
    pub(super) fn remove(&mut self, number: u32) {
        self.forget(number);
        if let Some(old) = self.stamps.remove(&number) {
            self.by_time.remove(&(old, number));
            self.held.remove(&number);
        }
    }

    fn forget(&mut self, number: u32) {
        self.written.get_mut().unwrap_or_else(PoisonError::into_inner).forget(number);
    }

    /// The number after the greatest that was ever given.
    pub(super) fn next_number(&self) -> u32 {
        self.last + 1
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.stamps.len()
    }

    /// How many rows there are in `span`, of those whose numbers `shows` lets through.
    pub(super) fn count(&self, span: Span, shows: impl Fn(u32) -> bool) -> usize {
        if span.is_timed() {
            self.timed(span, None).filter(|(_, number)| shows(*number)).count()
        } else {
            self.stamps.keys().filter(|number| shows(**number)).count()
        }
    }

    /// The keys of up to `limit` rows of `span` after the key `after`, of those whose numbers `shows` lets through, and
    /// whether more follow.
    pub(super) fn keys(&self, span: Span, shows: impl Fn(u32) -> bool, after: Option<(Instant, u32)>, limit: usize) -> (Vec<(Instant, u32)>, bool) {
        let mut keys: Vec<(Instant, u32)> = if span.is_timed() {
            self.timed(span, after).filter(|(_, number)| shows(*number)).take(limit.saturating_add(1)).collect()
        } else {
            let from = after.map_or(Bound::Unbounded, |(_, number)| Bound::Excluded(number));
            let keys = self.stamps.range((from, Bound::Unbounded)).map(|(number, stamp)| (*stamp, *number));
            keys.filter(|(_, number)| shows(*number)).take(limit.saturating_add(1)).collect()
        };
        let more = keys.len() > limit;
        keys.truncate(limit);
        (keys, more)
    }

    fn timed(&self, span: Span, after: Option<(Instant, u32)>) -> impl Iterator<Item = (Instant, u32)> + '_ {
        let from = match (after, span.since) {
            (Some(key), _) => Bound::Excluded(key),
            (None, Some(since)) => Bound::Included((since, 0)),
            (None, None) => Bound::Unbounded,
        };
        // A range must not end before it begins; taking while it lasts does not mind.
        self.by_time.range((from, Bound::Unbounded)).copied().take_while(move |(stamp, _)| span.before.is_none_or(|before| *stamp < before))
    }
}
