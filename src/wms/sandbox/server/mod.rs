//! The sandbox's server: a small WMS of our own, spoken to over HTTP, with data that a real one could hold.
//!
//! It is the demo that a newcomer connects to and the system that tests read from, so it behaves as vendors do: bearer
//! tokens, cursors, a rate limit, validation that names fields, idempotency keys, stock that is promised when an order
//! is made. Its protocol is in `../README.md`. The adapter beside it knows that protocol only, and nothing of this
//! module.
//!
//! **Invariants.** The data are a pure function of seed, scale and epoch, and of the writes in the journal ([`journal`]).
//! Old orders, inbound shipments and returns are made when they are asked for, not held, so that a million orders fit
//! into a laptop's memory ([`table`]). Clock and epoch come in as values. A request passes the gate ([`gate`]), where it may
//! be spoiled on purpose ([`faults`]), then the routes; nothing waits while the world is locked.
//!
//! Deliberately absent: users, screens, more than one account.

mod asn_rules;
mod base;
mod catalog;
mod faults;
mod flows;
mod gate;
mod goods;
mod history;
mod input;
mod journal;
mod order_change;
mod order_rules;
mod product_rules;
#[cfg(test)]
mod property;
mod random;
mod refusal;
mod rma_rules;
mod routes;
mod rules;
mod ship_rules;
mod stock;
mod stock_rules;
mod table;
mod wire;
mod world;
mod writes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anyhow::{Context, ensure};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::faults::Faults;
use self::faults::line::{Line, Lines};
pub use self::faults::{Report, Rule};
use self::gate::Bucket;
use self::journal::{Header, Journal};
use self::refusal::Refusal;
use self::world::{Resource, World, with_table};
use crate::record::Instant;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The token of a sandbox whose configuration names no other. It guards nothing but made-up data.
pub const DEMO_TOKEN: &str = "sandbox-demo-token";

/// The most orders that a sandbox is seeded with.
pub const MOST_ORDERS: u32 = 10_000_000;

/// How many requests are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// In the long run, per second; more than 0.
    pub per_second: f64,
    /// At once; at least 1.
    pub burst: u32,
}

/// What a sandbox is started with.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where it listens; port 0 takes any that is free.
    pub addr: SocketAddr,
    /// Another seed gives other data.
    pub seed: u64,
    /// How many orders there are, 1 to [`MOST_ORDERS`]; everything else is in proportion.
    pub orders: u32,
    /// The moment that the data are dated by: they reach sixty days back from it.
    pub epoch: Instant,
    /// What clients must send.
    pub api_token: SecretString,
    /// How many rows a page has where the client does not say.
    pub page_size: usize,
    /// How many rows a page has at most.
    pub page_size_max: usize,
    /// `None`: as many requests as anybody likes.
    pub rate_limit: Option<RateLimit>,
    /// What the token may not do: resources by their names in addresses (`orders`, `rmas`), which it may then neither read nor
    /// write, or scopes (`orders:write`).
    pub denied: Vec<String>,
    /// Where accepted writes are kept. A file that exists brings its own seed, scale and epoch.
    pub state: Option<PathBuf>,
    /// What goes wrong on purpose, to begin with.
    pub faults: Vec<Rule>,
    /// What time it is.
    pub now: Clock,
}

impl SandboxConfig {
    /// A sandbox of 600 orders, dated by what `now` says now, on a free port of this machine.
    pub fn new(now: Clock) -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            orders: 600,
            epoch: now(),
            api_token: SecretString::from(DEMO_TOKEN),
            page_size: 100,
            page_size_max: 250,
            rate_limit: Some(RateLimit { per_second: 50.0, burst: 100 }),
            denied: Vec::new(),
            state: None,
            faults: Vec::new(),
            now,
        }
    }
}

/// A sandbox that is running. It stops when this is dropped, or in good order with [`shutdown`](Self::shutdown).
pub struct RunningSandbox {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: DropGuard,
    task: JoinHandle<std::io::Result<()>>,
}

impl RunningSandbox {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its address, such as `http://127.0.0.1:4010`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What clients must send.
    pub fn api_token(&self) -> &SecretString {
        &self.shared.token
    }

    /// The credentials that the `sandbox` adapter connects with. They hold the token in the clear.
    pub fn credentials(&self) -> serde_json::Value {
        serde_json::json!({ "baseUrl": self.url(), "apiToken": self.shared.token.expose_secret() })
    }

    /// How many rows each resource has, by its name in addresses.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        let world = read(&self.shared.world);
        let count = |resource: &Resource| (resource.name(), with_table!(world, *resource, table => table.len()));
        Resource::ALL.iter().map(count).collect()
    }

    /// What goes wrong on purpose, and how often it has.
    pub fn faults(&self) -> Vec<Report> {
        self.shared.faults.reports()
    }

    /// Lets these things go wrong from now on, in the place of all others.
    pub fn set_faults(&self, rules: Vec<Rule>) {
        self.shared.faults.set(rules);
    }

    /// Stops listening, lets the requests that are under way finish, and ends.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        drop(self.stop);
        self.task.await.context("The sandbox's server panicked")?.context("The sandbox's server failed")
    }
}

impl std::fmt::Debug for RunningSandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningSandbox").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// Makes the data (or reads them back), listens, and answers until the handle is dropped.
///
/// # Errors
/// When the address is taken, the journal cannot be read or written, or the configuration makes no sense.
pub async fn start(config: SandboxConfig) -> anyhow::Result<RunningSandbox> {
    ensure!((1..=MOST_ORDERS).contains(&config.orders), "A sandbox has 1 to {MOST_ORDERS} orders");
    ensure!(config.page_size > 0 && config.page_size_max > 0, "A page has at least one row");
    ensure!(config.rate_limit.is_none_or(|limit| limit.burst > 0 && limit.per_second > 0.0), "A rate limit allows at least one request");
    for name in &config.denied {
        let resource = name.strip_suffix(":read").or_else(|| name.strip_suffix(":write")).unwrap_or(name);
        ensure!(Resource::named(resource).is_some(), "The sandbox has no resource {resource:?}");
    }
    let listener = TcpListener::bind(config.addr).await.with_context(|| format!("Failed to listen on {}", config.addr))?;
    let addr = listener.local_addr().context("Failed to learn the sandbox's own address")?;
    let (header, state) = (Header { seed: config.seed, orders: config.orders, epoch: config.epoch }, config.state.clone());
    let world = tokio::task::spawn_blocking(move || open(header, state)).await.context("Failed to make the sandbox's data")??;

    let stop = CancellationToken::new();
    let shared = Arc::new(Shared {
        salt: config.seed,
        requests: AtomicU64::new(0),
        bucket: config.rate_limit.map(|limit| Mutex::new(Bucket::new(limit, (config.now)()))),
        token: config.api_token,
        page_size: config.page_size.min(config.page_size_max),
        page_size_max: config.page_size_max,
        denied: config.denied,
        faults: Faults::new(config.seed, config.faults),
        stopping: stop.clone(),
        world: RwLock::new(world),
        now: config.now,
    });
    let gate = axum::middleware::from_fn_with_state(shared.clone(), gate::pass);
    let router = routes::routes().layer(gate).with_state(shared.clone());
    let stopped = stop.clone().cancelled_owned();
    let service = router.into_make_service_with_connect_info::<Line>();
    let task = tokio::spawn(axum::serve(Lines(listener), service).with_graceful_shutdown(stopped).into_future());
    tracing::info!(sandbox.addr = %addr, sandbox.orders = read(&shared.world).base.orders, "Sandbox WMS is listening");
    Ok(RunningSandbox { addr, shared, stop: stop.drop_guard(), task })
}

fn open(header: Header, state: Option<PathBuf>) -> anyhow::Result<World> {
    let Some(path) = state else { return Ok(World::seeded(header)) };
    let (journal, seeded, entries) = Journal::open(&path, header)?;
    ensure!((1..=MOST_ORDERS).contains(&seeded.orders), "The journal {} is of a sandbox with {} orders", path.display(), seeded.orders);
    let mut world = World::seeded(seeded);
    world.resume(journal, entries);
    Ok(world)
}

/// What the gate and the routes share.
struct Shared {
    salt: u64,
    requests: AtomicU64,
    bucket: Option<Mutex<Bucket>>,
    token: SecretString,
    page_size: usize,
    page_size_max: usize,
    denied: Vec<String>,
    faults: Faults,
    /// Cancelled when the sandbox is told to stop.
    stopping: CancellationToken,
    world: RwLock<World>,
    now: Clock,
}

impl Shared {
    /// Whether the token may `read` or `write` a resource.
    fn may(&self, resource: Resource, verb: &str) -> bool {
        let rest = |denied: &String| denied.strip_prefix(resource.name()).map(|rest| rest.strip_prefix(':').unwrap_or(rest).to_owned());
        !self.denied.iter().filter_map(rest).any(|rest| rest.is_empty() || rest == verb)
    }

    /// Refuses what the token may not do.
    fn demand(&self, resource: Resource, verb: &str) -> Result<(), Refusal> {
        if self.may(resource, verb) { Ok(()) } else { Err(Refusal::Scope(format!("{}:{verb}", resource.name()))) }
    }
}

/// A panic elsewhere leaves the data whole, since a write is applied by code that does not panic; so a poisoned lock is
/// used on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
