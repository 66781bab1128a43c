//! Webhooks: whoever has given an address is told what happens, signed as Standard Webhooks defines it.
//!
//! One process reads the change log for all endpoints and puts what each wants into its queue ([`dispatcher`]). Every process
//! takes queues that are due and sends what is in them ([`engine`], [`courier`]). What an answer means is decided by the pure
//! functions of [`policy`]; what is sent is made by [`event`] and [`sign`], and goes out through [`http`], which this module alone
//! uses. [`manage`] is what the API asks for.
//!
//! **Invariants.**
//! * At least once: an event is in a queue before the reading position has passed it, and leaves the queue only when its endpoint
//!   has answered, or when it is given up after days. Whoever is told something twice knows it by the event's id.
//! * A queue has one owner at a time, by lease; every transaction first proves that the lease is still ours.
//! * Endpoints do not wait for one another: each queue is sent by a task of its own, and one that does not answer is sent one
//!   event at a time, with rests in between in which its place is another's.
//! * No HTTP inside a transaction; no transaction inside `select!` or `timeout`.

mod courier;
mod dispatcher;
mod engine;
mod event;
mod http;
mod manage;
mod policy;
mod sign;

use std::sync::Arc;
use std::time::Duration;

pub use engine::Engine;
pub use manage::{EndpointChange, HIGHEST_CONCURRENCY, LONGEST_OVERLAP, NewEndpoint, ReplayFrom};
pub use policy::RETRIES;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::outbound::Reach;
use crate::record::Instant;
use crate::store::Store;

/// What can be adjusted.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Queues that this process sends from at the same time.
    pub workers: usize,
    /// How long a lease holds without being renewed. A dead process's work is taken over after this.
    pub lease: Duration,
    /// How long an attempt may take.
    pub deadline: Duration,
    /// How far requests may go.
    pub reach: Reach,
    /// Seconds from each failed attempt to the next; after the last, a delivery is dead.
    pub retries: Vec<u32>,
    /// After so many seconds in which nothing was accepted an endpoint is switched off.
    pub disable_after: i64,
    /// How long what was delivered is kept to be looked at, in seconds.
    pub keep_delivered: i64,
    /// How long dead letters are kept, in seconds.
    pub keep_dead: i64,
    /// How often old deliveries and secrets are looked for.
    pub upkeep: Duration,
}

struct Shared {
    store: Store,
    clock: Clock,
    settings: Settings,
    metrics: Metrics,
    sender: http::Sender,
    random: fn(&mut [u8]) -> bool,
}

impl Shared {
    /// When a lease that is taken or renewed now runs out.
    fn lease_end(&self) -> Instant {
        self.clock.now().plus_seconds(i64::try_from(self.settings.lease.as_secs()).unwrap_or(30))
    }
}

/// What the rest of the server may ask of webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("webhooks::Handle").field("store", &self.shared.store).finish_non_exhaustive()
    }
}

impl Handle {
    /// A handle on an engine that does not run yet: see [`Engine`]. `random` fills a buffer with random bytes, or says that it
    /// cannot.
    ///
    /// # Errors
    /// When the machine's TLS set-up is broken.
    pub fn new(store: Store, clock: Clock, settings: Settings, metrics: Metrics, random: fn(&mut [u8]) -> bool) -> anyhow::Result<Self> {
        let sender = http::Sender::new(settings.deadline, settings.reach)?;
        Ok(Self { shared: Arc::new(Shared { store, clock, settings, metrics, sender, random }) })
    }
}
