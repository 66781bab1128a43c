//! Proofs of the sync engine under faults: the real program is killed, frozen, cut off from its database and from its WMS
//! while a stranger changes the WMS; at the end everything that the database holds is compared with the WMS, and the whole
//! change log with itself.
//!
//! Each proof has a short form, which runs with all other tests, and a long one: `CROSSDOCK_PROOF_ROUNDS=200` says how often
//! it does its worst. Moments are drawn from a seed, which is printed; `CROSSDOCK_PROOF_SEED` repeats it as far as a machine
//! with threads can. What was done is printed too (`cargo nextest run --no-capture proof`): a proof that killed nothing
//! proves nothing. See `tests/load/README.md`.
//!
//! **Nothing here asserts how long anything takes**, but for the patience after which a test gives up.

#![expect(clippy::print_stdout, reason = "what a proof has done is for people to read")]

mod audit;
mod cut_off;
mod ear;
mod followed;
mod frozen;
mod killed;
mod mutator;
mod punctual;
mod restarted;
mod webhooks;
mod wms;
mod written;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use crossdock::store::vault::{KEY_BYTES, Vault};
use crossdock::store::{Sizes, Store};
use serde_json::{Value, json};

use super::support::postgres;
use super::support::process::{Client, Process, make_key};
use super::support::server::Database;
use wms::Wms;

/// Declares a proof for SQLite and PostgreSQL with the same body, or for one of them.
macro_rules! proofs {
    ($($(#[$doc:meta])* async fn $name:ident($database:ident: Database) on ($($on:ident $kind:ident),+) $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn body($database: Database) $body

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $on() {
                body(Database::$kind).await;
            })+
        }
    )+};
}
use proofs;

/// How long a worker that is dead keeps its runs, in seconds: the shortest that there is.
const LEASE: u64 = 2;

/// How often a proof does its worst: so often, unless the environment asks for more.
fn rounds(short: u32) -> u32 {
    environment("CROSSDOCK_PROOF_ROUNDS").map_or(short, |rounds| u32::try_from(rounds).unwrap_or(u32::MAX))
}

/// Whether the environment asks for the long form.
fn is_long() -> bool {
    environment("CROSSDOCK_PROOF_ROUNDS").is_some()
}

#[expect(clippy::disallowed_methods, reason = "what makes a proof longer, or repeats one")]
fn environment(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Numbers that look random and follow from a seed.
struct Dice(u64);

impl Dice {
    /// A seed of its own, which is printed.
    fn new(what: &str) -> Self {
        let seed = environment("CROSSDOCK_PROOF_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish() % 1_000_000);
        println!("{what}: CROSSDOCK_PROOF_SEED={seed}");
        Self(seed)
    }

    /// From 0 up to (not including) `below`. SplitMix64.
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.below(from.len() as u64)).unwrap_or(0))
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// What a proof is made in: a WMS, a database, and as many servers as it likes.
struct World {
    folder: tempfile::TempDir,
    database_url: String,
    key: String,
    wms: Wms,
    /// What its servers are started with beside the usual.
    arguments: Vec<String>,
}

/// What a sandbox is started with.
#[derive(Debug, Clone, Copy)]
struct Goods {
    orders: u32,
    page: u16,
}

impl World {
    /// `None`: there is no PostgreSQL here.
    async fn new(database: Database, sizes: Goods) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database_url = match database {
            Database::Sqlite => format!("sqlite:{}/crossdock.db", folder.path().display()),
            Database::Postgres => tokio::task::spawn_blocking(postgres::database_if_installed).await.expect("the cluster starts")?,
        };
        Some(Self::over(folder, database_url, sizes).await)
    }

    /// A world over a database that is there.
    async fn over(folder: tempfile::TempDir, database_url: String, sizes: Goods) -> Self {
        let wms = Wms::start(&folder.path().join("wms.log"), sizes).await;
        let mut world = Self { folder, database_url, key: String::new(), wms, arguments: Vec::new() };
        world.key = make_key("admin", &world.store_arguments());
        world
    }

    fn store_arguments(&self) -> [String; 2] {
        let key_file = self.folder.path().join("key");
        [format!("--database-url={}", self.database_url), format!("--encryption-key-file={}", key_file.display())]
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    /// Starts a server.
    async fn serve(&self, name: &str) -> Node {
        let lease = LEASE.to_string();
        // What is judged at the end must not be tidied up before.
        let mut arguments: Vec<String> =
            ["serve", "--no-demo", "--no-graphiql", "--listen=127.0.0.1:0", "--keep-runs=1000000", "--sync-lease", &lease].map(str::to_owned).into();
        arguments.extend(["--allow-private-webhooks", "--webhook-lease", &lease, "--webhook-retries=1,1,1,1,1,1,1,1,1,1"].map(str::to_owned));
        arguments.extend(["--write-lease=2", "--write-settle-after=3"].map(str::to_owned));
        arguments.extend(self.store_arguments());
        arguments.extend_from_slice(&self.arguments);
        let process = Process::start(&self.log(name), &arguments).await;
        let client = Client::new(&process.url, &self.key);
        Node { process, client }
    }

    /// The database, through the library. What is sealed in it stays sealed.
    async fn store(&self) -> Store {
        let vault = Vault::new(&[0; KEY_BYTES], |_| false);
        Store::open(&self.database_url, Sizes { postgres: 2, sqlite_readers: 1 }, vault).await.expect("the database opens")
    }
}

/// A server of a proof, and a client of it.
struct Node {
    process: Process,
    client: Client,
}

const CREATE: &str = "mutation($input: CreateConnectionInput!) { createConnection(input: $input) { connection { id } errors { message } } }";
const TRIGGER: &str = "mutation($id: ID!, $types: [DataType!], $mode: SyncMode!, $confirmed: Boolean = false) {
    triggerSync(input: { connectionId: $id, dataTypes: $types, mode: $mode, confirmDeletions: $confirmed }) { runs { id } errors { message } } }";
const OPEN: &str = "{ syncRuns(first: 1, filter: { statuses: [QUEUED, RUNNING, WAITING] }) { totalCount nodes { dataType status waitingReason } } }";
const RUNS: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on SyncRun { id dataType mode status waitingReason
    progress { pages read total created updated unchanged deleted rejected } error { message } } } }";

impl Node {
    /// Connects the WMS, with all that it has ever had.
    async fn connect(&self, wms: &Wms) -> String {
        Self::connect_with(&self.client, wms.url()).await
    }

    /// The same, with the WMS at this address.
    async fn connect_with(client: &Client, url: &str) -> String {
        let credentials = json!({ "baseUrl": url, "apiToken": wms::TOKEN });
        let input = json!({ "integration": "sandbox", "name": "proof", "credentials": credentials, "lookbackDays": 1095 });
        let made = client.data(CREATE, json!({ "input": input })).await;
        made["createConnection"]["connection"]["id"].as_str().unwrap_or_else(|| panic!("{made:#}")).to_owned()
    }

    /// Asks for syncs (of all types, when none is named); the runs' ids. Servers that are about to die may not answer.
    async fn trigger(&self, connection: &str, types: Option<&[&str]>, mode: &str) -> Result<Vec<String>, String> {
        self.triggered(json!({ "id": connection, "types": types, "mode": mode })).await
    }

    async fn triggered(&self, wanted: Value) -> Result<Vec<String>, String> {
        let made = self.client.ask(TRIGGER, wanted).await?;
        let runs = made["triggerSync"]["runs"].as_array().ok_or_else(|| made.to_string())?;
        Ok(runs.iter().filter_map(|run| run["id"].as_str().map(str::to_owned)).collect())
    }

    /// The runs, when all have ended.
    async fn ended(&self, runs: &[String]) -> Vec<Value> {
        let is_open = |run: &Value| matches!(run["status"].as_str(), Some("QUEUED" | "RUNNING" | "WAITING"));
        let of = |data: &Value| data["nodes"].as_array().cloned().unwrap_or_default();
        of(&self.client.until(RUNS, json!({ "ids": runs }), |data| !of(data).iter().any(is_open)).await)
    }

    /// Returns when every first sync of a connection has ended, and no run is under way. A schedule that nobody has taken yet
    /// has no run.
    async fn synced(&self, connection: &str) {
        let document = "query($id: ID!) { connection(id: $id) { schedules { initialSyncCompletedAt } } }";
        let is_so = |data: &Value| {
            data["connection"]["schedules"].as_array().is_some_and(|all| all.iter().all(|one| !one["initialSyncCompletedAt"].is_null()))
        };
        self.client.until(document, json!({ "id": connection }), is_so).await;
        self.rest().await;
    }

    /// Returns when no run is under way.
    async fn rest(&self) {
        self.client.until(OPEN, json!({}), |data| data["syncRuns"]["totalCount"] == 0).await;
    }

    /// A full sync of everything that begins now, to its end.
    async fn full(&self, connection: &str) -> Vec<Value> {
        self.fully(connection, false).await
    }

    /// The same, where it may be that somebody has to confirm that so much is gone.
    async fn fully(&self, connection: &str, confirmed: bool) -> Vec<Value> {
        self.rest().await;
        let runs = self.triggered(json!({ "id": connection, "mode": "FULL", "confirmed": confirmed })).await.expect("the server takes it");
        let ended = self.ended(&runs).await;
        assert_eq!(ended.len(), 9, "{ended:#?}");
        ended
    }

    /// The end of every proof: when the WMS stands still and answers well, two full syncs end well by themselves, the first
    /// finds all that there is and the second nothing new. In a long form a stranger may have deleted more than is believed without
    /// anybody's word, so the first has it.
    async fn settle(&self, connection: &str) {
        for run in self.fully(connection, true).await {
            assert_eq!(run["status"], "SUCCEEDED", "{run:#}");
        }
        for run in self.full(connection).await {
            let progress = &run["progress"];
            let found: BTreeMap<_, _> = ["created", "updated", "deleted", "rejected"].map(|count| (count, progress[count].as_i64())).into();
            assert!(
                run["status"] == "SUCCEEDED" && found.values().all(|count| *count == Some(0)),
                "a second look finds what the first missed: {run:#}"
            );
        }
    }
}
