//! Following the change log: what was missed, then what comes, as one path without a gap and without a repeat.
//!
//! A follower that has something to catch up on reads the log by itself, a little at a time, as fast as its entries are taken.
//! When it has come to the head it joins the **tail**: one reading of the log for all who stand there, whatever each of them
//! wants of it. A follower that does not take what the tail reads in time leaves it, and reads the log again from where it stands.
//!
//! **Invariants.**
//! * What is followed is the log. A wake-up is only a hint that there may be something; it is armed *before* the log is read, so
//!   nothing that is committed in between goes unnoticed. Other processes commit without waking this one, so the tail also looks
//!   by itself now and then ([`Store::poll`]).
//! * A follower attends the tail *before* it looks for the head, and takes only what joins on to where it stands: whatever was
//!   read in between it finds in one of the two, and what it finds in both it takes once.
//! * What waits for a follower is bounded: [`BATCH`] entries of its own, [`BATCHES`] of the tail's readings for all.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, WeakSender, channel};

use crate::store::changes::{Change, Wanted, change_head, change_list};
use crate::store::{Error, Result, Store};
use crate::telemetry::chain;

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

/// How many entries a follower that catches up reads at once: enough that reading them costs little for each, and so few that
/// thousands may do it at the same time.
const BATCH: i64 = 100;
/// How many entries the tail reads at once.
const TAIL_BATCH: i64 = 500;
/// How many of the tail's readings are kept for those who have not taken them yet.
const BATCHES: usize = 16;
/// How long the tail waits after the database did not answer.
const AGAIN: Duration = Duration::from_secs(1);

/// Reads the change log. Cheap to clone; all clones share a tail.
#[derive(Clone, Debug)]
pub struct Reader {
    store: Store,
    tail: Arc<Tail>,
}

impl Reader {
    /// A reader of the log in `store`.
    pub fn new(store: Store) -> Self {
        Self { store, tail: Arc::default() }
    }

    /// The position of the newest entry; 0 when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn head(&self) -> Result<i64> {
        change_head(&mut self.store.read().await?).await
    }

    /// A position that the log is known to have reached, without asking the database.
    pub fn seen(&self) -> i64 {
        self.tail.seen.load(Ordering::Relaxed)
    }

    /// Follows the entries after a position that are wanted, oldest first. Without a position, what comes after the first look.
    pub fn follow(&self, after: Option<i64>, wanted: Wanted) -> Follower {
        Follower { reader: self.clone(), wanted, after, is_at_head: false, ready: VecDeque::new(), live: None }
    }
}

/// Somebody who follows the log. Dropping what it waits with loses nothing.
#[derive(Debug)]
pub struct Follower {
    reader: Reader,
    wanted: Wanted,
    /// It has looked at everything up to here. `None` before the first look without a position.
    after: Option<i64>,
    is_at_head: bool,
    ready: VecDeque<Arc<Change>>,
    live: Option<Receiver<Arc<Batch>>>,
}

impl Follower {
    /// Everything that is wanted up to here has been handed out, once nothing more [is missed](Self::missed).
    pub fn position(&self) -> Option<i64> {
        self.after
    }

    /// The next entry that was there at the last look; `None` when all of them have been handed out.
    ///
    /// # Errors
    /// When the database does not answer; [`Error::Expired`] for a position whose successors have been pruned.
    pub async fn missed(&mut self) -> Result<Option<Arc<Change>>> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(Some(change));
            }
            if self.is_at_head {
                return Ok(None);
            }
            self.look().await?;
        }
    }

    /// The next entry, however long it takes to come.
    ///
    /// # Errors
    /// Those of [`missed`](Self::missed).
    pub async fn next(&mut self) -> Result<Arc<Change>> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(change);
            }
            match &mut self.live {
                Some(live) => match live.recv().await {
                    Ok(batch) => self.take(&batch),
                    // It was too slow for the tail, or there is another one by now.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => self.live = None,
                },
                None => {
                    let live = self.reader.tail.attend(&self.reader.store);
                    self.look().await?;
                    self.live = self.is_at_head.then_some(live);
                }
            }
        }
    }

    /// Reads what is there.
    async fn look(&mut self) -> Result<()> {
        let mut conn = self.reader.store.read().await?;
        let head = change_head(&mut conn).await?;
        let after = *self.after.get_or_insert(head);
        if head <= after {
            self.is_at_head = true;
            return Ok(());
        }
        let found = change_list(&mut conn, after, &self.wanted, BATCH).await?;
        // The head was read first: what the list does not show up to there is not wanted.
        let full = i64::try_from(found.len()).is_ok_and(|count| count == BATCH);
        let last = found.last().map_or(after, |change| change.position);
        self.after = Some(if full { last } else { last.max(head) });
        self.is_at_head = !full;
        self.ready.extend(found.into_iter().map(Arc::new));
        Ok(())
    }

    /// Takes what the tail has read, if it joins on.
    fn take(&mut self, batch: &Batch) {
        let after = self.after.unwrap_or(batch.after);
        if batch.after > after {
            // Something lies in between: it was read by an earlier tail, or is still to be read.
            self.live = None;
            return;
        }
        let new = batch.entries.iter().filter(|change| change.position > after && self.wanted.includes(change));
        self.ready.extend(new.cloned());
        self.after = Some(after.max(batch.upto));
    }
}

/// What the tail reads at once: all entries after one position, up to another.
#[derive(Debug)]
struct Batch {
    after: i64,
    upto: i64,
    entries: Vec<Arc<Change>>,
}

/// The reading of the log for all who stand at its head. It lasts as long as there are any.
#[derive(Debug, Default)]
struct Tail {
    /// The one that reads owns the other end: however it ends, those who listen are told.
    readings: Mutex<Option<WeakSender<Arc<Batch>>>>,
    seen: AtomicI64,
}

impl Tail {
    /// Hears what is read from now on.
    fn attend(self: &Arc<Self>, store: &Store) -> Receiver<Arc<Batch>> {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = readings.as_ref().and_then(WeakSender::upgrade) {
            return sender.subscribe();
        }
        let (sender, receiver) = channel(BATCHES);
        *readings = Some(sender.downgrade());
        tokio::spawn(self.clone().read(sender, store.clone()));
        receiver
    }

    async fn read(self: Arc<Self>, sender: Sender<Arc<Batch>>, store: Store) {
        let committed = store.changes_committed();
        let mut at = None;
        loop {
            let mut woken = pin!(committed.notified());
            woken.as_mut().enable();
            let wait = match look(&store, at).await {
                Ok(batch) => {
                    let is_full = i64::try_from(batch.entries.len()) == Ok(TAIL_BATCH);
                    self.seen.fetch_max(batch.upto, Ordering::Relaxed);
                    // The first says where it begins: who stands further back has to look.
                    if at.is_none_or(|at| at < batch.upto) {
                        at = Some(batch.upto);
                        // Nobody may listen any more.
                        drop(sender.send(Arc::new(batch)));
                    }
                    if is_full {
                        continue;
                    }
                    store.poll()
                }
                Err(Error::Expired) => {
                    at = None;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "Failed to read the change log; trying again");
                    AGAIN
                }
            };
            tokio::select! {
                () = sender.closed() => {
                    let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
                    // Whoever attends does so under the lock.
                    if sender.receiver_count() == 0 {
                        drop(sender);
                        drop(readings);
                        return;
                    }
                }
                // Timing out is the look without a wake-up.
                _ = tokio::time::timeout(wait, woken) => {}
            }
        }
    }
}

/// The entries after a position; without one, none, and where the head is.
async fn look(store: &Store, after: Option<i64>) -> Result<Batch> {
    let mut conn = store.read().await?;
    let head = change_head(&mut conn).await?;
    let after = after.unwrap_or(head);
    if head <= after {
        return Ok(Batch { after, upto: after, entries: Vec::new() });
    }
    let entries: Vec<_> = change_list(&mut conn, after, &Wanted::default(), TAIL_BATCH).await?.into_iter().map(Arc::new).collect();
    let upto = entries.last().map_or(after, |change| change.position);
    Ok(Batch { after, upto, entries })
}
