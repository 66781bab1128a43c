//! How many calls a WMS allows an account.

use async_graphql::SimpleObject;

use super::Instant;

/// How many calls the WMS allows this account, as its own answers said last. Connections with the same credentials share
/// one, and so do all server processes on one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct RateBudget {
    /// Calls that are allowed at once, or within one window; null where the WMS does not tell.
    pub limit: Option<i64>,
    /// Calls that were left of them; null where the WMS does not tell.
    pub remaining: Option<i64>,
    /// When all of them are allowed again; null where the WMS does not tell.
    pub resets_at: Option<Instant>,
    /// No call before this moment: the WMS said so. Null when it did not.
    pub blocked_until: Option<Instant>,
    /// When the WMS said so.
    pub observed_at: Instant,
}

impl RateBudget {
    /// What is known when both are: the newer word counts, and a block holds until it is over.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let (newer, older) = if other.observed_at > self.observed_at { (other, self) } else { (self, other) };
        // Limit, rest and reset belong together: one answer told them.
        let told = if newer.remaining.is_some() { newer } else { older };
        Self { observed_at: newer.observed_at, blocked_until: newer.blocked_until.max(older.blocked_until), ..told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_word_counts_and_blocks_add_up() {
        let at = |seconds: i64| Instant::from_micros(seconds * 1_000_000);
        let told = RateBudget { limit: Some(100), remaining: Some(7), resets_at: Some(at(90)), blocked_until: None, observed_at: at(10) };
        let blocked = RateBudget { limit: None, remaining: None, resets_at: None, blocked_until: Some(at(50)), observed_at: at(20) };
        let both = RateBudget { blocked_until: Some(at(50)), observed_at: at(20), ..told };
        assert_eq!(told.merged(blocked), both);
        assert_eq!(blocked.merged(told), both, "whichever comes first");
        let newer = RateBudget { remaining: Some(99), resets_at: None, observed_at: at(30), ..told };
        assert_eq!(both.merged(newer), RateBudget { blocked_until: Some(at(50)), ..newer });
    }
}
