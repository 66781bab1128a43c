//! The composition root: the only place that names every part, and puts them together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::config::{EngineArgs, ServeArgs, StoreArgs};
use crate::metrics::Metrics;
use crate::record::{ConnectionId, Json};
use crate::store::connections::{ConnectionStatus, connection_credentials_set, connection_find, connection_status_set};
use crate::store::keys::{Access, key_put, key_revoke};
use crate::store::settings::{setting, setting_put};
use crate::store::vault::Vault;
use crate::store::{Sizes, Store};
use crate::telemetry::say;
use crate::wms::sandbox::server::{RunningSandbox, SandboxConfig};
use crate::{changes, graphql, http, random, sync, webhooks, wms, writes};

/// A server that runs.
#[derive(Debug)]
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// The demo, if it runs.
    pub demo: Option<Demo>,
    /// Its database.
    pub store: Store,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    engine: JoinHandle<()>,
    webhooks: JoinHandle<()>,
}

/// The sandbox WMS inside this process, and the way to its data.
#[derive(Debug)]
pub struct Demo {
    /// The demo connection.
    pub connection: ConnectionId,
    /// An API key that may do everything.
    pub api_key: SecretString,
    /// The WMS.
    pub sandbox: RunningSandbox,
}

/// The store's setting that holds the demo connection's number.
const DEMO_CONNECTION: &str = "demo.connection";
/// The store's setting that holds the sandbox's address.
const DEMO_ADDRESS: &str = "demo.address";

/// Opens the store that the arguments speak of, and makes sure that its credentials can be opened.
///
/// # Errors
/// A key or a database that cannot be used.
pub async fn open_store(args: &StoreArgs) -> anyhow::Result<Store> {
    let vault = Vault::new(&args.key()?, random::fill);
    let sizes = Sizes { postgres: args.database_pool.max(2), ..Sizes::default() };
    let store = Store::open(&args.database_url, sizes, vault).await?;
    check_key(&store).await?;
    Ok(store)
}

/// Fails at once when the encryption key is not the one that this database was begun with.
async fn check_key(store: &Store) -> anyhow::Result<()> {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    const SETTING: &str = "vault.check";
    let known = setting(&mut store.read().await?, SETTING).await?;
    if let Some(sealed) = known {
        let sealed = BASE64_STANDARD.decode(sealed).context("The setting vault.check is damaged")?;
        store.vault().open(SETTING, &sealed)?;
        return Ok(());
    }
    let sealed = store.vault().seal(SETTING, &SETTING.into())?;
    let mut tx = store.write().await?;
    setting_put(&mut tx, SETTING, &BASE64_STANDARD.encode(sealed)).await?;
    Ok(store.commit(tx).await?)
}

/// Starts everything and returns when it listens.
///
/// The future is boxed so that all it is made of is compiled here, once, and not again in every binary that awaits it.
///
/// # Errors
/// What cannot be opened, made or listened on.
pub fn start(args: &ServeArgs, clock: Clock) -> BoxFuture<'_, anyhow::Result<App>> {
    Box::pin(assemble(args, clock))
}

async fn assemble(args: &ServeArgs, clock: Clock) -> anyhow::Result<App> {
    let store = open_store(&args.store).await?;
    let accounts = accounts(&store, &args.engine, clock.clone())?;
    let metrics = Metrics::default();
    let sync = sync::Handle::new(accounts.clone(), clock.clone(), args.engine.settings(), metrics.clone());
    let hooks = args.webhooks.settings(std::time::Duration::from_secs(args.engine.upkeep));
    let hooks = webhooks::Handle::new(store.clone(), clock.clone(), hooks, metrics.clone(), random::fill)?;
    let writes = writes::Handle::new(accounts, clock.clone(), metrics.clone(), args.writes.settings(), || random::token("cd-"));
    let changes = changes::Reader::new(store.clone());
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("Failed to listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    let demo = if args.no_demo {
        demo_off(&store, &clock).await?;
        None
    } else {
        Some(demo_on(&store, &clock, &sync, args.sandbox_state.clone()).await?)
    };
    let origins = http::Origins::new(&args.allow_origins).map_err(anyhow::Error::msg).context("The flag --allow-origin makes no sense")?;
    let options = http::Options { graphiql: !args.no_graphiql, dashboard: !args.no_dashboard, origins, limits: args.http.limits() };
    let deps = graphql::Deps {
        store: store.clone(),
        sync: sync.clone(),
        writes: writes.clone(),
        webhooks: hooks.clone(),
        changes,
        clock,
        limits: args.limits.limits(),
        trusted: args.limits.trusted()?,
    };
    let api = http::Api { schema: graphql::schema(deps)?, store: store.clone(), metrics };
    let stop = CancellationToken::new();
    let engine = tokio::spawn(sync::Engine::new(sync, sync::Works::OnAll, lease_owner(), stop.clone()).work());
    let webhooks = tokio::spawn(webhooks::Engine::new(hooks, lease_owner(), stop.clone()).work());
    let (listener_store, listener_stop) = (store.clone(), stop.clone());
    tokio::spawn(async move { listener_stop.run_until_cancelled(listener_store.listen()).await });
    tokio::spawn(writes::Settler::new(writes, stop.clone()).work());
    let serving = tokio::spawn(http::serve(listener, api, options, stop.clone()));
    Ok(App { address, demo, store, stop, serving, engine, webhooks })
}

fn accounts(store: &Store, args: &EngineArgs, clock: Clock) -> anyhow::Result<Accounts> {
    let http = wms::http::Http::new(args.wms_limits(), clock)?;
    Ok(Accounts::new(store.clone(), http, wms::integrations()))
}

/// The sync engine's handle alone, without a server around it.
///
/// # Errors
/// When the machine's TLS set-up is broken.
pub fn sync_handle(store: &Store, args: &EngineArgs, clock: Clock) -> anyhow::Result<sync::Handle> {
    Ok(sync::Handle::new(accounts(store, args, clock.clone())?, clock, args.settings(), Metrics::default()))
}

/// Names this process in leases.
pub fn lease_owner() -> String {
    format!("{}:{}", std::process::id(), random::token("").unwrap_or_default().get(..8).unwrap_or_default())
}

/// How long requests and runs may take to end after the server was told to stop, in seconds.
const DRAIN_SECONDS: u64 = 10;

impl App {
    /// Stops: no new requests, runs handed over, the sandbox closed.
    ///
    /// # Errors
    /// When the server had failed before.
    pub fn stop(self) -> BoxFuture<'static, anyhow::Result<()>> {
        Box::pin(self.drain())
    }

    async fn drain(self) -> anyhow::Result<()> {
        self.stop.cancel();
        let ends = async {
            let (serving, engine, webhooks) = tokio::join!(self.serving, self.engine, self.webhooks);
            engine.context("The sync engine failed")?;
            webhooks.context("The webhook engine failed")?;
            serving.context("The HTTP server failed")
        };
        // A client that takes its answer slowly can take longer.
        let ended = tokio::time::timeout(std::time::Duration::from_secs(DRAIN_SECONDS), ends).await;
        if let Some(demo) = self.demo {
            demo.sandbox.shutdown().await?;
        }
        ended.unwrap_or(Ok(()))
    }

    /// Whether the server has ended without being told to.
    fn has_ended(&self) -> bool {
        self.serving.is_finished() || self.engine.is_finished() || self.webhooks.is_finished()
    }
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// What cannot be opened, made or listened on.
pub async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let app = start(&args, Clock::system()).await?;
    say(&format!("Crossdock {} is listening on http://{}", env!("CARGO_PKG_VERSION"), app.address));
    say(&format!("  database   {}", describe(&args.store.database_url, &app.store)));
    if let Some(demo) = &app.demo {
        say(&format!("  demo       the sandbox WMS at {}, connected as \"{DEMO_NAME}\"", demo.sandbox.url()));
        say(&format!("  API key    {}", demo.api_key.expose_secret()));
    } else {
        say("  API key    make one: crossdock keys create --name me --access admin");
    }
    if args.no_graphiql {
        say(&format!("  endpoint   http://{}/graphql", app.address));
    } else {
        say(&format!("  open       http://{}/", app.address));
    }
    if !args.no_dashboard {
        say(&format!("  dashboard  http://{}/dashboard", app.address));
    }
    stop_signal(&app).await?;
    tracing::info!("Stopping: requests end, sync runs are handed over");
    app.stop().await
}

/// The database without its password.
fn describe(url: &str, store: &Store) -> String {
    let place = match url::Url::parse(url) {
        Ok(url) if url.host_str().is_some() => format!("{}{}", url.host_str().unwrap_or_default(), url.path()),
        _ => url.trim_start_matches("sqlite:").to_owned(),
    };
    format!("{}, {place}", store.dialect())
}

/// Returns when the process is told to stop, or when the server ended by itself.
async fn stop_signal(app: &App) -> anyhow::Result<()> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let terminated = terminate.recv();
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::pin!(terminated);
    let mut watch = tokio::time::interval(std::time::Duration::from_millis(500));
    loop {
        tokio::select! {
            signal = tokio::signal::ctrl_c() => return signal.context("Failed to wait for Ctrl-C"),
            _ = &mut terminated => return Ok(()),
            _ = watch.tick() => if app.has_ended() { return Ok(()) },
        }
    }
}

/// Runs the sandbox WMS alone, until Ctrl-C.
///
/// # Errors
/// An address that cannot be listened on; a state file that cannot be used.
pub async fn sandbox(configure: impl FnOnce(SandboxConfig) -> SandboxConfig) -> anyhow::Result<()> {
    let clock = Clock::system();
    let sandbox = wms::sandbox::server::start(configure(sandbox_config(&clock))).await?;
    say(&format!("The sandbox WMS is listening on {}", sandbox.url()));
    say(&format!("  credentials  {}", sandbox.credentials()));
    for (resource, count) in sandbox.counts() {
        say(&format!("  {resource:<22} {count}"));
    }
    tokio::signal::ctrl_c().await.context("Failed to wait for Ctrl-C")?;
    sandbox.shutdown().await
}

fn sandbox_config(clock: &Clock) -> SandboxConfig {
    let clock = clock.clone();
    SandboxConfig::new(Arc::new(move || clock.now()))
}

/// What people see the demo connection called.
const DEMO_NAME: &str = "Demo warehouse";

/// Starts the sandbox, and connects it if that has not been done at an earlier start.
async fn demo_on(store: &Store, clock: &Clock, sync: &sync::Handle, state: PathBuf) -> anyhow::Result<Demo> {
    if let Some(folder) = state.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("Failed to make {}", folder.display()))?;
    }
    let sandbox = sandbox_start(store, clock, state).await?;
    let credentials = Json::of(&sandbox.credentials());
    let connection = match demo_connection(store).await? {
        Some(connection) => {
            // Somebody else may have taken its port since.
            let mut tx = store.write().await?;
            connection_credentials_set(&mut tx, store.vault(), connection, &credentials.as_str().into()).await?;
            connection_status_set(&mut tx, connection, ConnectionStatus::Active).await?;
            store.commit(tx).await?;
            connection
        }
        None => {
            let (integration, name) = ("sandbox".to_owned(), DEMO_NAME.to_owned());
            let account = sync::NewAccount { integration, name, customer_reference: Some("demo".to_owned()), credentials, lookback_days: None };
            let connection = sync.connect(account).await.context("Failed to connect the demo")?.id();
            let mut tx = store.write().await?;
            setting_put(&mut tx, DEMO_CONNECTION, &connection.to_string()).await?;
            store.commit(tx).await?;
            connection
        }
    };
    let api_key = demo_key(store);
    let mut tx = store.write().await?;
    key_put(&mut tx, "demo", Access::Admin, api_key.expose_secret(), clock.now()).await?;
    store.commit(tx).await?;
    Ok(Demo { connection, api_key, sandbox })
}

/// Starts the sandbox where it was at the last start, if that port is still free: its records link to it.
async fn sandbox_start(store: &Store, clock: &Clock, state: PathBuf) -> anyhow::Result<RunningSandbox> {
    let known = setting(&mut store.read().await?, DEMO_ADDRESS).await?.and_then(|text| text.parse::<SocketAddr>().ok());
    let config = SandboxConfig { state: Some(state), ..sandbox_config(clock) };
    if let Some(addr) = known
        && let Ok(sandbox) = wms::sandbox::server::start(SandboxConfig { addr, ..config.clone() }).await
    {
        return Ok(sandbox);
    }
    let sandbox = wms::sandbox::server::start(config).await?;
    let mut tx = store.write().await?;
    setting_put(&mut tx, DEMO_ADDRESS, &sandbox.addr().to_string()).await?;
    store.commit(tx).await?;
    Ok(sandbox)
}

/// Without the demo its key is worth nothing, and its connection, whose WMS does not run, rests.
async fn demo_off(store: &Store, clock: &Clock) -> anyhow::Result<()> {
    let connection = demo_connection(store).await?;
    let mut tx = store.write().await?;
    key_revoke(&mut tx, demo_key(store).expose_secret(), clock.now()).await?;
    if let Some(connection) = connection {
        connection_status_set(&mut tx, connection, ConnectionStatus::Paused).await?;
    }
    Ok(store.commit(tx).await?)
}

/// The demo's API key follows from the encryption key, so it is the same at every start and stands nowhere in the clear.
fn demo_key(store: &Store) -> SecretString {
    format!("cdk_demo_{}", store.vault().demo_secret().expose_secret()).into()
}

async fn demo_connection(store: &Store) -> anyhow::Result<Option<ConnectionId>> {
    let mut conn = store.read().await?;
    let Some(id) = setting(&mut conn, DEMO_CONNECTION).await? else { return Ok(None) };
    let id = ConnectionId(id.parse().context("The setting demo.connection is damaged")?);
    Ok(connection_find(&mut conn, id).await?.map(|connection| connection.id()))
}
