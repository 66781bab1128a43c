//! Time as a value: whoever needs the time is given a clock, so that tests can turn it.

use std::sync::Arc;

use crate::record::Instant;

/// Says what time it is.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

impl Clock {
    /// The operating system's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the operating system")]
    pub fn system() -> Self {
        Self(Arc::new(|| Instant::from_system(std::time::SystemTime::now())))
    }

    /// A clock that says what `tell` says.
    pub fn of(tell: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// The time.
    pub fn now(&self) -> Instant {
        (self.0)()
    }
}
