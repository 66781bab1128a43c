//! Equal subscriptions that stand at the log's head: one execution for all of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response, Value};
use futures_util::StreamExt as _;
use tokio::sync::watch;

use super::super::Context;
use super::super::run::catching;
use super::frame::Frame;
use crate::graphql::{Feed, FeedKey, Start, Until};

/// The most results that are kept for members that have not taken them yet.
const FRAMES: usize = 1024;
/// And the most memory that they take, in bytes, unless a single one takes more.
const BYTES: usize = 1024 * 1024;
/// How long an execution that failed inside rests before it is tried again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);
/// How often one is tried again that breaks off: a database that is started again needs a while.
const BROKEN_OFF: u32 = 60;
/// How often a single result is.
const FAILED: u32 = 3;

/// Results, the newest of them, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Ring {
    frames: VecDeque<Arc<Frame>>,
    /// The number of the first of them, counted from the beginning.
    first: u64,
    bytes: usize,
    /// Everything with a greater position has been put here, or will be. `None` until the group's execution begins.
    complete_after: Option<i64>,
    has_ended: bool,
}

/// What a member finds in the ring.
#[derive(Debug)]
pub(super) enum Found {
    /// The result that it is at.
    Frame(Arc<Frame>),
    /// It has taken all that there is.
    Nothing,
    /// The result that it is at is forgotten.
    Lost,
    /// There will be no more.
    End,
}

impl Ring {
    /// The result of this number.
    pub(super) fn get(&self, number: u64) -> Found {
        let Some(index) = number.checked_sub(self.first) else { return Found::Lost };
        match usize::try_from(index).ok().and_then(|index| self.frames.get(index)) {
            Some(frame) => Found::Frame(frame.clone()),
            None if self.has_ended => Found::End,
            None => Found::Nothing,
        }
    }

    /// The number that the next result will have.
    fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// The newest position that a member at the end has seen everything up to; `None` until the group's execution begins.
    fn newest(&self) -> Option<i64> {
        self.frames.back().and_then(|frame| frame.position).or(self.complete_after)
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.weight();
        self.frames.push_back(Arc::new(frame));
        while self.frames.len() > FRAMES || (self.bytes > BYTES && self.frames.len() > 1) {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.bytes -= oldest.weight();
            self.first += 1;
            self.complete_after = self.complete_after.max(oldest.position);
        }
    }
}

/// Equal subscriptions.
#[derive(Debug)]
pub(super) struct Group {
    feed: Feed,
    ring: watch::Sender<Ring>,
}

impl Group {
    pub(super) fn new(feed: Feed) -> Self {
        Self { feed, ring: watch::Sender::new(Ring::default()) }
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(super) fn key(&self) -> &FeedKey {
        &self.feed.key
    }

    pub(super) fn ring(&self) -> watch::Receiver<Ring> {
        self.ring.subscribe()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ring.borrow().has_ended
    }

    pub(super) fn is_deserted(&self) -> bool {
        self.ring.receiver_count() == 0
    }

    /// Joins where the group is, if it is anywhere: the number of the next result, and the position up to which the member need see
    /// nothing.
    pub(super) fn join(&self) -> Option<(u64, i64)> {
        let ring = self.ring.borrow();
        Some((ring.end(), ring.newest()?))
    }

    /// Joins behind a position: the number of the next result, if nothing in between is missing. The group's execution begins with the
    /// first that comes.
    pub(super) fn join_after(self: &Arc<Self>, context: &Context, position: i64) -> Option<u64> {
        let (mut number, mut begins) = (None, false);
        self.ring.send_if_modified(|ring| {
            begins = ring.complete_after.is_none();
            let complete_after = *ring.complete_after.get_or_insert(position);
            if complete_after <= position {
                number = Some(ring.first + ring.frames.partition_point(|frame| frame.position.is_some_and(|own| own <= position)) as u64);
            }
            false
        });
        if begins {
            tokio::spawn(self.clone().run(context.clone(), position));
        }
        number
    }

    /// Joins what has no positions: the newest result is the first to see. The execution begins with the first member.
    pub(super) fn join_newest(self: &Arc<Self>, context: &Context) -> u64 {
        let (mut number, mut begins) = (0, false);
        self.ring.send_if_modified(|ring| {
            begins = ring.complete_after.is_none();
            ring.complete_after.get_or_insert(0);
            number = ring.end().saturating_sub(1).max(ring.first);
            false
        });
        if begins {
            tokio::spawn(self.clone().run(context.clone(), 0));
        }
        number
    }

    /// Whether who has seen everything up to a position can join here, without a look into the log of its own.
    pub(super) fn covers(&self, position: i64) -> bool {
        self.ring.borrow().complete_after.is_some_and(|complete_after| complete_after <= position)
    }

    /// Executes the subscription for all members, for as long as there are any.
    async fn run(self: Arc<Self>, context: Context, mut after: i64) {
        let _open = context.api.metrics.subscription();
        let mut failures = 0;
        'execution: loop {
            let (responses, track) = context.api.schema.follow(&self.feed, Start::After(after), Until::Stopped);
            let mut responses = catching(responses, self.feed.id().clone());
            loop {
                let response = tokio::select! {
                    response = responses.next() => response,
                    () = self.ring.closed() => {
                        if context.hub.forget(&self) {
                            return;
                        }
                        continue;
                    }
                };
                let Some(response) = response else { break 'execution };
                let told = track.told();
                if may_try_again(&response, told, &mut failures) {
                    tokio::time::sleep(AGAIN).await;
                    continue 'execution;
                }
                failures = 0;
                after = told.unwrap_or(after);
                let frame = Frame::of(&response, told);
                // What follows the log and tells of nothing in it says why it ends.
                let is_last = self.feed.follows_log && told.is_none();
                self.ring.send_modify(|ring| {
                    ring.push(frame);
                    ring.has_ended |= is_last;
                });
            }
        }
        self.ring.send_modify(|ring| ring.has_ended = true);
        context.hub.forget(&self);
    }
}

/// Whether a response is of a failure inside that may be gone after a while, and counts it.
pub(super) fn may_try_again(response: &Response, told: Option<i64>, failures: &mut u32) -> bool {
    let is_inside = |error: &async_graphql::ServerError| {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        matches!(code, Some(Value::String(code)) if code == "INTERNAL")
    };
    let most = if told.is_some() { FAILED } else { BROKEN_OFF };
    if *failures < most && response.errors.iter().any(is_inside) {
        *failures += 1;
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(position: i64, length: usize) -> Frame {
        Frame::of(&Response::new(Value::from("x".repeat(length))), Some(position))
    }

    fn positions(ring: &Ring) -> Vec<i64> {
        ring.frames.iter().filter_map(|frame| frame.position).collect()
    }

    #[test]
    fn what_is_forgotten_is_known_to_be_missing() {
        let mut ring = Ring { complete_after: Some(5), ..Ring::default() };
        assert!(matches!(ring.get(0), Found::Nothing));
        for position in 1..=2_000 {
            ring.push(frame(10 + position, 1));
        }
        assert_eq!((ring.frames.len(), ring.first, ring.complete_after), (FRAMES, 976, Some(10 + 976)));
        assert!(matches!(ring.get(975), Found::Lost));
        assert!(matches!(ring.get(976), Found::Frame(frame) if frame.position == Some(987)));
        assert!(matches!(ring.get(2_000), Found::Nothing));
        ring.has_ended = true;
        assert!(matches!(ring.get(1_999), Found::Frame(_)) && matches!(ring.get(2_000), Found::End));
    }

    #[test]
    fn large_results_are_fewer_but_there_is_always_the_newest() {
        let mut ring = Ring { complete_after: Some(0), ..Ring::default() };
        for position in 1..=5 {
            ring.push(frame(position, BYTES / 3));
        }
        assert_eq!(positions(&ring), [4, 5]);
        ring.push(frame(6, 2 * BYTES));
        assert_eq!((positions(&ring), ring.complete_after), (vec![6], Some(5)));
        ring.push(frame(7, 1));
        assert_eq!(positions(&ring), [7]);
        assert!(ring.bytes < 1_000);
    }
}
