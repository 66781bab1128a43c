//! Delivering subscriptions: equal ones share one execution, and each of their results is written once, for all.
//!
//! | file | part |
//! |---|---|
//! | [`frame`] | a result, as it is sent |
//! | [`group`] | equal subscriptions that stand at the log's head |
//! | [`member`] | one of them: catching up by itself, then sharing |
//!
//! A subscriber begins where it says and catches up with an execution of its own, which ends at the log's head. There it joins the
//! group of those who asked for the same: one execution follows the log, and puts what comes into a ring, from which each member
//! takes it when its client takes it. Who comes back after a short while finds what it missed in the ring, and needs no execution
//! of its own at all.
//!
//! **Invariants.**
//! * A member that joins at position P is given everything in the group with a greater position, and there is nothing between P and
//!   the first of that: the ring knows from where on it is complete ([`Ring::complete_after`](group::Ring)), and who stands before
//!   that catches up further.
//! * Nothing waits for a slow member: the ring forgets its oldest results, and who has not taken them reads the log again from where
//!   it stands. So a slow client costs a place in the ring and one result at a time, and loses nothing. One that stays behind for
//!   longer than it may ([`Limits::behind`](super::Limits)) is told so, and may come back with its cursor.
//! * What fails inside (the database is away) is tried again before a subscriber sees anything of it: its execution begins once
//!   more behind the last result. Only what goes on failing is told.
//! * A group lasts as long as it has members.

mod frame;
mod group;
mod member;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, unfold};
use tokio::sync::watch;

pub(super) use self::frame::Frame;
use self::group::{Group, Ring};
use self::member::Member;
use super::Context;
use crate::graphql::{Feed, FeedKey, Start};

/// A subscriber was behind for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSlow;

/// What an operation is answered with, one after the other.
pub(super) type Answers = BoxStream<'static, Result<Arc<Frame>, TooSlow>>;

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Hub {
    groups: Mutex<HashMap<FeedKey, Arc<Group>>>,
}

impl Hub {
    fn groups(&self) -> MutexGuard<'_, HashMap<FeedKey, Arc<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group of a feed. It stays for as long as somebody has its ring.
    fn group(&self, feed: &Feed) -> (Arc<Group>, watch::Receiver<Ring>) {
        let mut groups = self.groups();
        if let Some(group) = groups.get(&feed.key)
            && !group.has_ended()
        {
            return (group.clone(), group.ring());
        }
        // Those whose members left before their execution began have nobody else to see to it.
        groups.retain(|_, group| !group.is_deserted());
        let group = Arc::new(Group::new(feed.clone()));
        groups.insert(feed.key.clone(), group.clone());
        let ring = group.ring();
        (group, ring)
    }

    /// Forgets a group, if nobody has joined it in the meantime. True: it is gone.
    fn forget(&self, group: &Arc<Group>) -> bool {
        let mut groups = self.groups();
        let gone = group.has_ended() || group.is_deserted();
        if gone && groups.get(group.key()).is_some_and(|known| Arc::ptr_eq(known, group)) {
            groups.remove(group.key());
        }
        gone
    }
}

impl TooSlow {
    /// In words.
    pub(super) fn message(self, behind: Duration) -> String {
        format!("Behind for longer than {} s: subscribe again, after the last cursor", behind.as_secs())
    }
}

/// Serves a subscriber.
pub(super) fn subscribe(context: &Context, feed: &Feed, start: Start) -> Answers {
    let member = Member::new(context.clone(), feed, start);
    unfold(member, |mut member| async move { member.next().await.map(|answer| (answer, member)) }).boxed()
}
