//! A whole server, as users meet it: over HTTP and the websocket, on either database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use clap::Parser;
use crossdock::app::{self, App};
use crossdock::clock::Clock;
use crossdock::config::ServeArgs;
use crossdock::record::Instant;
use crossdock::store::keys::{Access, key_put};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::postgres;

/// Declares a test for SQLite and one for PostgreSQL with the same body:
///
/// ```ignore
/// on_both! { async fn orders_can_be_listed(server: Server) { … } }
/// on_both! { async fn workers_are_few(server: Server) with ["--sync-workers=1"] { … } }
/// ```
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($server:ident: Server) $(with [$($argument:literal),+])? $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            const ARGUMENTS: &[&str] = &[$($($argument),+)?];

            async fn body($server: Server) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                body(Server::start(Database::Sqlite, ARGUMENTS).await.expect("SQLite needs nothing")).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                // Without PostgreSQL on the machine: said once, and an error where it is required (as in CI).
                if let Some(server) = Server::start(Database::Postgres, ARGUMENTS).await {
                    body(server).await;
                }
            }
        }
    )+};
}
pub(crate) use on_both;

/// Which database a server runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// In a file of its own.
    Sqlite,
    /// In a database of its own on the tests' cluster.
    Postgres,
}

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    serve: ServeArgs,
}

/// A server with the demo, a clock that tests turn, and a client.
pub struct Server {
    pub app: App,
    pub key: String,
    pub folder: tempfile::TempDir,
    pub database_url: String,
    /// What it was started with beside the usual.
    arguments: &'static [&'static str],
    /// Microseconds that the server's clock is ahead of the real one.
    ahead: Arc<AtomicI64>,
    /// Whether the clock panics when a resolver looks at it.
    trap: Arc<AtomicBool>,
    client: reqwest::Client,
}

impl Server {
    /// Starts one. `None`: PostgreSQL is not installed here.
    pub async fn start(database: Database, arguments: &'static [&'static str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database_url = match database {
            Database::Sqlite => format!("sqlite:{}/crossdock.db", folder.path().display()),
            Database::Postgres => tokio::task::spawn_blocking(postgres::database_if_installed).await.expect("the cluster starts")?,
        };
        Some(Self::start_in(folder, database_url, arguments).await)
    }

    async fn start_in(folder: tempfile::TempDir, database_url: String, arguments: &'static [&'static str]) -> Self {
        let (ahead, trap) = <(Arc<AtomicI64>, Arc<AtomicBool>)>::default();
        let app = launch(&folder, &database_url, arguments, &ahead, &trap).await;
        let key = app.demo.as_ref().expect("the demo runs").api_key.expose_secret().to_owned();
        Self { app, key, folder, database_url, arguments, ahead, trap, client: reqwest::Client::new() }
    }

    /// Stops the server and starts it again over the same data.
    pub async fn restart(self) -> Self {
        self.restart_after(|_| ()).await
    }

    /// Stops the server, lets something be done to its database, and starts it again.
    pub async fn restart_after(self, act: impl FnOnce(&str)) -> Self {
        let Self { app, folder, database_url, arguments, ahead, trap, client, .. } = self;
        app.stop().await.expect("the server stops in good order");
        tokio::task::block_in_place(|| act(&database_url));
        let app = launch(&folder, &database_url, arguments, &ahead, &trap).await;
        let key = app.demo.as_ref().expect("the demo runs").api_key.expose_secret().to_owned();
        Self { app, key, folder, database_url, arguments, ahead, trap, client }
    }

    /// Turns the server's clock forward.
    pub fn advance(&self, by: Duration) {
        self.ahead.fetch_add(i64::try_from(by.as_micros()).expect("a short time"), Ordering::SeqCst);
    }

    /// From now on (or no longer), mutations that look at the clock panic.
    pub fn trap(&self, set: bool) {
        self.trap.store(set, Ordering::SeqCst);
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.address)
    }

    /// Makes an API key.
    pub async fn make_key(&self, access: Access) -> String {
        let secret = format!("cdk_test_{access}");
        let mut tx = self.app.store.write().await.expect("the database answers");
        key_put(&mut tx, "test", access, &secret, Clock::system().now()).await.expect("the key is stored");
        self.app.store.commit(tx).await.expect("the key is stored");
        secret
    }

    /// Sends a document with the demo's key, and answers with the whole response.
    pub async fn send(&self, document: &str, variables: Value) -> Value {
        self.send_as(&self.key, document, variables).await.1
    }

    /// Sends a document with a key; answers with status and response.
    pub async fn send_as(&self, key: &str, document: &str, variables: Value) -> (u16, Value) {
        let body = json!({ "query": document, "variables": variables });
        let request = self.client.post(self.url("/graphql")).bearer_auth(key).json(&body);
        let response = request.send().await.expect("the server answers");
        (response.status().as_u16(), response.json().await.expect("the answer is JSON"))
    }

    /// Sends a document that must succeed, and answers with its data.
    pub async fn data(&self, document: &str, variables: Value) -> Value {
        let response = self.send(document, variables).await;
        assert!(response.get("errors").is_none(), "{document}\n{response:#}");
        response["data"].clone()
    }

    /// Sends a document that must fail as a whole or in part: code, message and path of its first error.
    pub async fn error(&self, document: &str, variables: Value) -> String {
        let response = self.send(document, variables).await;
        let error = &response["errors"][0];
        let code = error["extensions"]["code"].as_str().unwrap_or("no code");
        let argument = error["extensions"]["argument"].as_str().map(|name| format!(" [{name}]")).unwrap_or_default();
        format!("{code}{argument}: {}", error["message"].as_str().unwrap_or("no message"))
    }

    /// The demo connection's id.
    pub async fn demo(&self) -> String {
        let data = self.data("{ connections(first: 1) { nodes { id } } }", json!({})).await;
        data["connections"]["nodes"][0]["id"].as_str().expect("the demo connection").to_owned()
    }

    /// The server's numbers.
    pub async fn metrics(&self) -> String {
        let request = self.client.get(self.url("/metrics")).bearer_auth(&self.key);
        request.send().await.expect("the server answers").text().await.expect("text")
    }

    /// A websocket that has said who it is.
    pub async fn socket(&self) -> super::socket::Socket {
        super::socket::Socket::open(&self.socket_url(), &self.key).await
    }

    /// Where websockets are.
    pub fn socket_url(&self) -> String {
        self.url("/graphql").replace("http", "ws")
    }

    /// A websocket with the subscription `done`, which tells all that happens from this call on. The document takes `$after`:
    /// without it, a subscription begins when the server gets to it, which may be after what the test does next.
    pub async fn subscribed(&self, document: &str, mut variables: Value) -> super::socket::Socket {
        variables["after"] = self.data("{ changeCursor }", json!({})).await["changeCursor"].clone();
        let mut socket = self.socket().await;
        socket.subscribe("done", document, variables).await;
        socket
    }

    /// Asks until the answer is as it should be, and answers with it.
    pub async fn until(&self, document: &str, variables: Value, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut again = tokio::time::interval(Duration::from_millis(50));
        let mut last = Value::Null;
        let asking = async {
            loop {
                again.tick().await;
                last = self.data(document, variables.clone()).await;
                if is_so(&last) {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, asking).await;
        assert!(in_time.is_ok(), "it did not become so in time: {last:#}");
        last
    }

    /// Returns when every schedule of a connection has done its first sync.
    pub async fn synced(&self, connection: &str) {
        let document =
            "query($id: ID!) { connection(id: $id) { schedules { dataType initialSyncCompletedAt lastRun { status error { message } } } } }";
        let mut socket = self.socket().await;
        // From now on; what had ended before shows in the first look.
        socket
            .subscribe("done", "subscription($ids: [ID!]) { syncCompleted(connectionIds: $ids) { dataType } }", json!({ "ids": [connection] }))
            .await;
        let all_done = async {
            loop {
                let data = self.data(document, json!({ "id": connection })).await;
                let schedules = data["connection"]["schedules"].as_array().expect("schedules").clone();
                let failed = schedules.iter().find(|schedule| schedule["lastRun"]["status"] == "FAILED");
                assert!(failed.is_none(), "a first sync failed: {failed:#?}");
                if !schedules.is_empty() && schedules.iter().all(|schedule| !schedule["initialSyncCompletedAt"].is_null()) {
                    return;
                }
                // The next event, or a second look: whichever is first.
                let _ = tokio::time::timeout(Duration::from_millis(500), socket.next("done")).await;
            }
        };
        tokio::time::timeout(PATIENCE, all_done).await.expect("the first syncs end");
    }
}

async fn launch(folder: &tempfile::TempDir, database_url: &str, arguments: &[&str], ahead: &Arc<AtomicI64>, trap: &Arc<AtomicBool>) -> App {
    let file = |name: &str| folder.path().join(name).display().to_string();
    let usual = [
        "crossdock".to_owned(),
        "--listen=127.0.0.1:0".to_owned(),
        format!("--database-url={database_url}"),
        format!("--encryption-key-file={}", file("key")),
        format!("--sandbox-state={}", file("sandbox.jsonl")),
        "--upkeep=1".to_owned(),
    ];
    let args = Args::parse_from(usual.into_iter().chain(arguments.iter().map(|argument| (*argument).to_owned())));
    let (system, ahead, trap) = (Clock::system(), ahead.clone(), trap.clone());
    let clock = Clock::of(move || {
        // The engine looks at the same clock, and must not notice.
        let trapped = trap.load(Ordering::SeqCst) && std::backtrace::Backtrace::force_capture().to_string().contains("graphql::mutation");
        assert!(!trapped, "the clock's secret");
        Instant::from_micros(system.now().micros() + ahead.load(Ordering::SeqCst))
    });
    app::start(&args.serve, clock).await.expect("the server starts")
}
