//! One subscriber: what it missed, by itself, and then what comes, with the others of its group.

use std::sync::Arc;

use async_graphql::Response;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::Context;
use super::super::run::catching;
use super::group::{Found, Group, Ring, may_try_again};
use super::{Frame, TooSlow};
use crate::graphql::{Feed, Start, Track, Until};
use crate::metrics::Open;

/// A subscriber. There are thousands of them: what is large and seldom is boxed while it lasts.
pub(super) struct Member {
    context: Context,
    group: Arc<Group>,
    ring: watch::Receiver<Ring>,
    /// It has seen everything up to here; `None` before the first look at the log.
    seen: Option<i64>,
    place: Place,
    /// Since when it is behind what it had joined.
    behind: Option<Instant>,
    /// Counted since it first joined the group.
    open: Option<Open>,
    is_answered: bool,
}

enum Place {
    /// Somewhere in the log, short of its head.
    Log(Option<Box<CatchingUp>>),
    /// In the group, at the result of this number.
    Group(u64),
    /// At the end.
    Over,
}

/// An execution of its own, up to the log's head.
struct CatchingUp {
    responses: BoxStream<'static, Response>,
    track: Arc<Track>,
    failures: u32,
}

impl CatchingUp {
    fn begin(context: &Context, feed: &Feed, start: Start, failures: u32) -> Self {
        let (responses, track) = context.api.schema.follow(feed, start, Until::Head);
        Self { responses: catching(responses, feed.id().clone()), track, failures }
    }
}

impl Member {
    pub(super) fn new(context: Context, feed: &Feed, start: Start) -> Self {
        let (group, ring) = context.hub.group(feed);
        let mut member = Self { context, group, ring, seen: None, place: Place::Log(None), behind: None, open: None, is_answered: false };
        match start {
            _ if !feed.follows_log => member.enter(member.group.join_newest(&member.context)),
            Start::Now => {
                if let Some((number, seen)) = member.group.join() {
                    member.seen = Some(seen);
                    member.enter(number);
                }
            }
            Start::After(position) => {
                member.seen = Some(position);
                // Only what is known to be no later than the log's end is taken for a place in it.
                if position <= member.context.api.schema.seen() && member.group.covers(position) {
                    member.join(position);
                }
            }
        }
        member
    }

    /// What comes next; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Arc<Frame>, TooSlow>> {
        let answer = self.answer().await;
        if let Some(Ok(frame)) = &answer
            && !std::mem::replace(&mut self.is_answered, true)
        {
            self.context.api.metrics.request(if frame.has_errors() { "errors" } else { "ok" });
        }
        answer
    }

    async fn answer(&mut self) -> Option<Result<Arc<Frame>, TooSlow>> {
        loop {
            match &mut self.place {
                Place::Over => return None,
                Place::Group(number) => {
                    let found = self.ring.borrow_and_update().get(*number);
                    match found {
                        Found::Frame(frame) => {
                            *number += 1;
                            // The group may have been further back than this member.
                            if frame.position.is_none_or(|position| self.seen.is_none_or(|seen| position > seen)) {
                                self.seen = self.seen.max(frame.position);
                                return Some(Ok(frame));
                            }
                        }
                        // The group's own hand on the ring keeps it from being closed.
                        Found::Nothing => drop(self.ring.changed().await),
                        Found::End => self.place = Place::Over,
                        Found::Lost if self.group.feed().follows_log => {
                            self.behind.get_or_insert_with(Instant::now);
                            self.context.api.metrics.subscriber_behind();
                            self.place = Place::Log(None);
                        }
                        Found::Lost => *number = self.group.join_newest(&self.context),
                    }
                }
                Place::Log(_) => {
                    if self.behind.is_some_and(|since| since.elapsed() > self.context.limits.behind) {
                        self.place = Place::Over;
                        return Some(Err(TooSlow));
                    }
                    // Boxed: it has the room only for as long as it takes.
                    if let Some(frame) = Box::pin(self.catch_up()).await {
                        return Some(Ok(frame));
                    }
                }
            }
        }
    }

    /// The next result of what was missed; `None` when there is none, and the member has moved on.
    async fn catch_up(&mut self) -> Option<Arc<Frame>> {
        let Place::Log(catching_up) = &mut self.place else { return None };
        let start = self.seen.map_or(Start::Now, Start::After);
        let own = catching_up.get_or_insert_with(|| Box::new(CatchingUp::begin(&self.context, self.group.feed(), start, 0)));
        match own.responses.next().await {
            Some(response) => {
                let told = own.track.told();
                if may_try_again(&response, told, &mut own.failures) {
                    tokio::time::sleep(super::group::AGAIN).await;
                    **own = CatchingUp::begin(&self.context, self.group.feed(), start, own.failures);
                    return None;
                }
                own.failures = 0;
                self.seen = told.or(self.seen);
                Some(Arc::new(Frame::of(&response, told)))
            }
            None => {
                match own.track.head() {
                    Some(head) => self.join(self.seen.map_or(head, |seen| seen.max(head))),
                    // It broke off, and has said why.
                    None => self.place = Place::Over,
                }
                None
            }
        }
    }

    /// Joins the group, having seen everything up to a position; or goes on catching up, if the group does not reach back so far.
    fn join(&mut self, position: i64) {
        if self.group.has_ended() {
            (self.group, self.ring) = self.context.hub.group(self.group.feed());
        }
        self.seen = Some(position);
        match self.group.join_after(&self.context, position) {
            Some(number) => self.enter(number),
            None => self.place = Place::Log(None),
        }
    }

    /// Takes its place in the group, before the result of this number.
    fn enter(&mut self, number: u64) {
        self.place = Place::Group(number);
        self.behind = None;
        self.open.get_or_insert_with(|| self.context.api.metrics.subscriber());
    }
}
