//! Rate budgets: how many calls a WMS allows, learned from its answers, and who may use what is left of them.
//!
//! The order of service is writes, manual syncs, scheduled syncs, backfill. It is kept by reserves: a call of lower standing
//! leaves a part of the budget alone, so that there is always something left for those before it, in this process and
//! (since the WMS counts for all of them) in every other.
//!
//! What the answers say is coarse (whole seconds, mostly), so little is concluded from it: a budget of a few calls binds
//! nobody before the WMS has said no, and whether calls come back one by one or all at once at the end of a window is told
//! by the reset, which moves or stands.
//!
//! **Invariant.** A write is never kept waiting for long: where nothing is left it is sent all the same, and the WMS's own
//! answer is what the caller gets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::{Error, Kind, Retry};
use super::http::Reply;
use crate::clock::Clock;
use crate::record::{Instant, RateBudget};

/// Who makes a call. The order is that of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody waits for a write.
    Write,
    /// A sync that somebody asked for.
    Manual,
    /// A sync that was due.
    Scheduled,
    /// A window of the past.
    Backfill,
}

impl Priority {
    /// How much of the budget is left to those before it, in per cent.
    const fn reserve(self) -> i64 {
        match self {
            Self::Write => 0,
            Self::Manual => 5,
            Self::Scheduled => 15,
            Self::Backfill => 30,
        }
    }
}

/// The longest that a call waits in its place; a longer wait is an error that says until when.
const PATIENCE_MILLIS: i64 = 2_000;
/// How often a call that waits looks again.
const LOOK: Duration = Duration::from_millis(50);
/// After how long the word of a WMS that does not say when it resets is worth nothing any more, in seconds.
const STALE_SECONDS: i64 = 1;
/// A budget smaller than this is used up and full again faster than its answers can tell.
const SMALLEST: i64 = 10;
/// A reset that moves by more than this, in milliseconds, is that of a budget which fills up call by call.
const MOVED_MILLIS: i64 = 1_500;
/// How often news is shared that blocks nobody, in milliseconds.
const SHARE_MILLIS: i64 = 1_000;

/// What this process knows of an account's budget.
#[derive(Debug, Default)]
pub struct Budget(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: Option<RateBudget>,
    /// Calls begun since the WMS last said how many are left.
    begun: i64,
    /// Calls without an answer.
    in_flight: i64,
    /// Whether calls come back one by one.
    refills: bool,
    /// Whether there is something that the other processes do not know.
    news: bool,
    shared_at: Option<Instant>,
}

/// Whether a call may be made.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Go,
    /// Not before then.
    Wait(Instant),
}

impl State {
    fn turn(&mut self, priority: Priority, now: Instant) -> Turn {
        let Some(known) = &mut self.known else { return Turn::Go };
        if let Some(until) = known.blocked_until.filter(|until| *until > now) {
            return Turn::Wait(until);
        }
        let (Some(limit @ SMALLEST..), Some(remaining)) = (known.limit, known.remaining) else { return Turn::Go };
        let fresh_until = known.resets_at.unwrap_or(known.observed_at.plus_seconds(STALE_SECONDS));
        if fresh_until <= now {
            // All are allowed again, less those that are under way.
            *known = RateBudget { remaining: Some(limit), resets_at: None, observed_at: now, ..*known };
            self.begun = self.in_flight;
            return Turn::Go;
        }
        let wanted = limit * priority.reserve() / 100 + 1 + self.begun;
        if remaining >= wanted {
            return Turn::Go;
        }
        if !self.refills || wanted >= limit {
            return Turn::Wait(fresh_until);
        }
        let span = fresh_until.millis_since(known.observed_at);
        let back = known.observed_at.plus_millis(span * (wanted - remaining) / (limit - remaining).max(1));
        if back <= now { Turn::Go } else { Turn::Wait(back) }
    }

    fn learn(&mut self, told: RateBudget) {
        let was_blocked = self.known.and_then(|known| known.blocked_until);
        if let (Some(before), Some(after)) = (self.known.and_then(|known| known.resets_at), told.resets_at)
            && before > told.observed_at
        {
            self.refills |= after.millis_since(before) > MOVED_MILLIS;
        }
        let merged = self.known.map_or(told, |known| known.merged(told));
        if told.remaining.is_some() && merged.observed_at == told.observed_at {
            self.begun = self.in_flight;
        }
        self.news = true;
        if merged.blocked_until != was_blocked {
            self.shared_at = None;
        }
        self.known = Some(merged);
    }
}

impl Budget {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what another process has learned.
    pub fn merge(&self, other: RateBudget) {
        let mut state = self.state();
        state.known = Some(state.known.map_or(other, |known| known.merged(other)));
    }

    /// What the other processes should be told now, once: a block at once, all else now and then.
    pub fn news(&self, now: Instant) -> Option<RateBudget> {
        let mut state = self.state();
        let due = state.shared_at.is_none_or(|at| now.millis_since(at) >= SHARE_MILLIS);
        if !state.news || !due {
            return None;
        }
        (state.news, state.shared_at) = (false, Some(now));
        state.known
    }
}

/// What every call of a connection passes through.
#[derive(Debug, Clone)]
pub struct Gate {
    budget: Arc<Budget>,
    priority: Priority,
}

/// The right to make one call.
#[derive(Debug)]
pub(super) struct Pass(Arc<Budget>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

impl Pass {
    /// Learns from the call's answer.
    pub(super) fn learn(self, reply: &Reply) {
        let Some(told) = told(reply) else { return };
        let mut state = self.0.state();
        // This call has its answer, so it is in the number that the answer told.
        state.in_flight -= 1;
        state.learn(told);
        state.in_flight += 1;
    }
}

impl Gate {
    /// The gate for calls of this priority.
    pub fn new(budget: Arc<Budget>, priority: Priority) -> Self {
        Self { budget, priority }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`Kind::RateLimited`] when that is not soon, with the time.
    pub(super) async fn enter(&self, clock: &Clock) -> Result<Pass, Error> {
        let begun = clock.now();
        loop {
            let now = clock.now();
            let until = {
                let mut state = self.budget.state();
                match state.turn(self.priority, now) {
                    Turn::Wait(until) if self.priority != Priority::Write || now.millis_since(begun) < PATIENCE_MILLIS => until,
                    Turn::Go | Turn::Wait(_) => {
                        state.begun += 1;
                        state.in_flight += 1;
                        return Ok(Pass(self.budget.clone()));
                    }
                }
            };
            if self.priority != Priority::Write && until.millis_since(begun) > PATIENCE_MILLIS {
                return Err(self.held_back(until, now));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn held_back(&self, until: Instant, now: Instant) -> Error {
        let known = self.budget.state().known;
        let message = match known {
            Some(RateBudget { blocked_until: Some(blocked), .. }) if blocked > now => "The WMS allows no calls for now".to_owned(),
            Some(RateBudget { limit: Some(limit), remaining: Some(remaining), .. }) => {
                format!("Of the {limit} calls that the WMS allows, {remaining} are left; they are kept for what comes first")
            }
            _ => "The WMS allows no calls for now".to_owned(),
        };
        Error::new(Kind::RateLimited, message).with_retry(Retry::After(until))
    }
}

/// What an answer says of the budget: `X-RateLimit-*`, `X-Rate-Limit-*` or the IETF draft's `RateLimit-*`, and on a 429
/// `Retry-After`.
fn told(reply: &Reply) -> Option<RateBudget> {
    let now = reply.received_at;
    let number = |name: &str| {
        let value = ["x-ratelimit-", "x-rate-limit-", "ratelimit-"].iter().find_map(|family| reply.header(&format!("{family}{name}")))?;
        // "100, 100;w=60" in the older drafts.
        value.split([',', ';', '.']).next()?.trim().parse::<i64>().ok().filter(|number| *number >= 0)
    };
    let (limit, remaining) = (number("limit").filter(|limit| *limit > 0), number("remaining"));
    let blocked_until = reply.retry_after().filter(|_| reply.status == 429);
    if limit.is_none() && remaining.is_none() && blocked_until.is_none() {
        return None;
    }
    Some(RateBudget {
        limit,
        remaining: remaining.filter(|_| limit.is_some()),
        resets_at: number("reset").map(|reset| moment(reset, now)),
        blocked_until,
        observed_at: now,
    })
}

/// Seconds from now, or the moment itself in seconds or milliseconds since 1970: vendors do all three.
fn moment(reset: i64, now: Instant) -> Instant {
    match reset {
        0..1_000_000_000 => now.plus_seconds(reset),
        1_000_000_000..1_000_000_000_000 => Instant::from_micros(reset * 1_000_000),
        _ => Instant::from_micros(reset.saturating_mul(1_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn known(remaining: i64) -> State {
        let known = RateBudget { limit: Some(100), remaining: Some(remaining), resets_at: Some(at(60)), blocked_until: None, observed_at: at(0) };
        State { known: Some(known), ..State::default() }
    }

    #[test]
    fn what_is_left_goes_to_those_who_come_first() {
        let order = [Priority::Write, Priority::Manual, Priority::Scheduled, Priority::Backfill];
        let served = |remaining: i64| order.map(|priority| known(remaining).turn(priority, at(1)) == Turn::Go);
        assert_eq!(served(31), [true, true, true, true]);
        assert_eq!(served(30), [true, true, true, false]);
        assert_eq!(served(15), [true, true, false, false]);
        assert_eq!(served(5), [true, false, false, false]);
        assert_eq!(served(0), [false, false, false, false]);
        assert_eq!(known(0).turn(Priority::Manual, at(1)), Turn::Wait(at(60)));
    }

    #[test]
    fn calls_that_are_under_way_count() {
        let mut state = known(17);
        state.begun = 2;
        assert_eq!(state.turn(Priority::Scheduled, at(1)), Turn::Wait(at(60)));
        state.in_flight = 2;
        assert_eq!(state.turn(Priority::Scheduled, at(60)), Turn::Go, "the window is over");
        assert_eq!((state.begun, state.known.and_then(|known| known.remaining)), (2, Some(100)));
    }

    #[test]
    fn a_budget_of_a_few_calls_binds_nobody_before_the_wms_says_no() {
        let mut state = known(0);
        state.known = state.known.map(|known| RateBudget { limit: Some(9), ..known });
        assert_eq!(state.turn(Priority::Backfill, at(1)), Turn::Go);
    }

    #[test]
    fn a_budget_that_fills_up_call_by_call_is_not_waited_for_to_its_end() {
        let told = |remaining, reset, observed| RateBudget {
            limit: Some(100),
            remaining: Some(remaining),
            resets_at: Some(at(reset)),
            blocked_until: None,
            observed_at: at(observed),
        };
        // A window: its end stands.
        let mut window = State::default();
        window.learn(told(50, 60, 0));
        window.learn(told(10, 61, 20));
        assert_eq!(window.turn(Priority::Scheduled, at(20)), Turn::Wait(at(61)));
        // A bucket: the emptier it is, the later it is full.
        let mut bucket = State::default();
        bucket.learn(told(50, 50, 0));
        bucket.learn(told(10, 110, 20));
        assert_eq!(bucket.turn(Priority::Scheduled, at(20)), Turn::Wait(at(26)), "six more calls, of ninety in ninety seconds");
        assert_eq!(bucket.turn(Priority::Scheduled, at(26)), Turn::Go);
    }

    #[test]
    fn a_block_holds_for_all_and_ends() {
        let mut state = known(100);
        state.known = state.known.map(|known| RateBudget { blocked_until: Some(at(30)), ..known });
        assert_eq!(state.turn(Priority::Scheduled, at(1)), Turn::Wait(at(30)));
        assert_eq!(state.turn(Priority::Scheduled, at(30)), Turn::Go);
    }

    #[test]
    fn a_word_without_a_reset_soon_grows_stale() {
        let mut state = known(0);
        state.known = state.known.map(|known| RateBudget { resets_at: None, ..known });
        assert_eq!(state.turn(Priority::Scheduled, at(0)), Turn::Wait(at(1)));
        assert_eq!(state.turn(Priority::Scheduled, at(1)), Turn::Go);
    }

    #[test]
    fn news_is_shared_now_and_then_and_a_block_at_once() {
        let budget = Budget::default();
        let told = RateBudget { limit: Some(100), remaining: Some(50), resets_at: None, blocked_until: None, observed_at: at(10) };
        assert_eq!(budget.news(at(10)), None, "nothing is known");
        budget.state().learn(told);
        assert_eq!(budget.news(at(10)), Some(told));
        assert_eq!(budget.news(at(20)), None, "it has been told");
        budget.state().learn(RateBudget { observed_at: at(20), ..told });
        assert!(budget.news(at(20)).is_some());
        budget.state().learn(RateBudget { observed_at: at(20), remaining: Some(49), ..told });
        assert_eq!(budget.news(at(20)), None, "not every call is worth a row");
        budget.state().learn(RateBudget { blocked_until: Some(at(90)), observed_at: at(20), ..told });
        assert!(budget.news(at(20)).is_some(), "a block is");
    }

    #[test]
    fn resets_are_told_in_three_ways() {
        let now = at(1_800_000_000);
        assert_eq!(moment(30, now), at(1_800_000_030));
        assert_eq!(moment(1_800_000_030, now), at(1_800_000_030));
        assert_eq!(moment(1_800_000_030_000, now), at(1_800_000_030));
    }
}
