//! How many operations a key may have in a minute: the generic cell rate algorithm, which is a token bucket that needs one
//! point in time for each key. Counted by this process alone.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
/// From so many keys on, those whose buckets are full again are forgotten.
const MANY: usize = 1_000;

/// The buckets.
#[derive(Debug)]
pub(super) struct Rate {
    per_minute: Option<NonZeroU32>,
    /// When the bucket of a key will be full again.
    full_at: Mutex<HashMap<i64, Instant>>,
}

impl Rate {
    pub(super) fn new(per_minute: Option<NonZeroU32>) -> Self {
        Self { per_minute, full_at: Mutex::default() }
    }

    /// Takes one operation out of a key's bucket.
    ///
    /// # Errors
    /// How long to wait until there is one.
    pub(super) fn take(&self, key: i64) -> Result<(), Duration> {
        let Some(per_minute) = self.per_minute else { return Ok(()) };
        let step = MINUTE / per_minute.get();
        let now = Instant::now();
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = all.get(&key).copied().unwrap_or(now).max(now) + step;
        let wait = full_at.duration_since(now).saturating_sub(MINUTE);
        if !wait.is_zero() {
            return Err(wait);
        }
        if all.len() >= MANY {
            all.retain(|_, full_at| *full_at > now);
        }
        all.insert(key, full_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_holds_a_minute_and_fills_again() {
        let rate = Rate::new(NonZeroU32::new(6));
        for _ in 0..6 {
            rate.take(1).unwrap();
        }
        assert_eq!(rate.take(1), Err(Duration::from_secs(10)));
        assert_eq!(rate.take(2), Ok(()), "another key has its own");
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(rate.take(1), Err(Duration::from_secs(6)));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(rate.take(1), Ok(()));
        assert_eq!(rate.take(1), Err(Duration::from_secs(10)), "only one has come back");
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!((0..10).filter(|_| rate.take(1).is_ok()).count(), 6, "it holds no more than a minute");
        assert!((0..10).all(|_| Rate::new(None).take(1).is_ok()));
    }
}
