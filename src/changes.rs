//! Following the change log: what was missed, then what comes, as one code path.
//!
//! **Invariants.** A reader always reads the log; a wake-up is only a hint that there may be something. It is armed
//! *before* the log is read, so nothing that is committed in between goes unnoticed. Other processes commit without
//! waking this one, so a reader also looks by itself now and then ([`Store::poll`]).

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::Notify;

use crate::store::changes::{Change, change_head, change_list};
use crate::store::{Predicate, Result, Store};

/// A position as clients see it: an opaque text.
pub fn cursor(position: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{TAG}{position}"))
}

/// The position that a text stands for, if it is one of ours.
pub fn position(cursor: &str) -> Option<i64> {
    let plain = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    plain.strip_prefix(TAG)?.parse().ok().filter(|position| *position >= 0)
}

/// What cursors begin with inside.
const TAG: &str = "changes:";

/// How many entries are read at once.
const BATCH: i64 = 500;

/// Reads the change log.
#[derive(Clone, Debug)]
pub struct Reader {
    store: Store,
}

struct Position {
    store: Store,
    committed: Arc<Notify>,
    which: Predicate,
    /// `None` until the first look: then it begins at the head.
    after: Option<i64>,
    ready: VecDeque<Change>,
}

impl Reader {
    /// A reader of the log in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The position of the newest entry; 0 when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn head(&self) -> Result<i64> {
        change_head(&mut self.store.read().await?).await
    }

    /// The entries after a position that meet a condition, oldest first, without end: first what is there, then what
    /// comes. Without a position, only what comes from now on. The stream ends after an error, which is
    /// [`Error::Expired`](crate::store::Error::Expired) for a position whose successors have been pruned.
    pub fn follow(&self, after: Option<i64>, which: Predicate) -> impl Stream<Item = Result<Change>> + Send + use<> {
        let committed = self.store.changes_committed();
        let position = Position { store: self.store.clone(), committed, which, after, ready: VecDeque::new() };
        unfold(Some(position), async |position| {
            let mut position = position?;
            match position.next().await {
                Ok(change) => Some((Ok(change), Some(position))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

impl Position {
    async fn next(&mut self) -> Result<Change> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(change);
            }
            let committed = self.committed.clone();
            let woken = committed.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if !self.look().await? {
                // Timing out is the look without a wake-up.
                let _ = tokio::time::timeout(self.store.poll(), woken).await;
            }
        }
    }

    /// Reads what is there. False when there was nothing.
    async fn look(&mut self) -> Result<bool> {
        let mut conn = self.store.read().await?;
        let head = change_head(&mut conn).await?;
        let after = *self.after.get_or_insert(head);
        if head <= after {
            return Ok(false);
        }
        let found = change_list(&mut conn, after, self.which.clone(), BATCH).await?;
        // The head was read first: what the list does not show up to there does not meet the condition.
        let full = i64::try_from(found.len()).is_ok_and(|count| count == BATCH);
        let last = found.last().map_or(after, |change| change.position);
        self.after = Some(if full { last } else { last.max(head) });
        self.ready.extend(found);
        Ok(!self.ready.is_empty())
    }
}
