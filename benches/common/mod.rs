//! What the benches share: the real program over a database of its own, connected to a sandbox, and what the system has counted
//! of its processes.

use std::fs;
use std::path::Path;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::postgres::Own;
use crate::process::{Client, Process, make_key};

/// On which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    Sqlite,
    Postgres,
    Both,
}

impl Which {
    /// The databases, and their names.
    pub fn each(self) -> Vec<(Self, &'static str)> {
        let all = [(Self::Sqlite, "SQLite"), (Self::Postgres, "PostgreSQL")];
        all.into_iter().filter(|(one, _)| self == Self::Both || self == *one).collect()
    }
}

/// The sandbox's own token.
pub const TOKEN: &str = "sandbox-demo-token";
/// Clock ticks in a second: what Linux counts CPU time in, on every machine that there is.
pub const TICKS: f64 = 100.0;
/// PostgreSQL as it is out of the box, and room for what is written.
const POSTGRES: &[&str] = &["fsync=on", "synchronous_commit=on", "full_page_writes=on", "autovacuum=on", "shared_buffers=256MB", "max_wal_size=4GB"];

const CREATE: &str = "mutation($input: CreateConnectionInput!) { createConnection(input: $input) { connection { id } errors { message } } }";
const OFF: &str = "mutation($id: ID!, $type: DataType!) { updateSyncSchedule(input: { connectionId: $id, dataType: $type, enabled: false }) { errors { message } } }";
const OPEN: &str = "{ syncRuns(first: 1, filter: { statuses: [QUEUED, RUNNING, WAITING] }) { totalCount } }";
const TRIGGER: &str = "mutation($id: ID!, $types: [DataType!]!, $mode: SyncMode!) { triggerSync(input: { connectionId: $id, dataTypes: $types, mode: $mode }) { runs { id } errors { message } } }";

const TYPES: [&str; 9] = [
    "ORDERS",
    "INBOUND_SHIPMENTS",
    "RETURNS",
    "INVENTORY",
    "PRODUCTS",
    "WAREHOUSE_LOCATIONS",
    "SHIPPING_METHODS",
    "WAREHOUSE_CUSTOMERS",
    "WAREHOUSES",
];

/// A sandbox with so many orders, which answers as fast as it can.
pub async fn sandbox(folder: &Path, orders: u32) -> Process {
    let arguments = ["sandbox", "--listen=127.0.0.1:0", "--rate-limit=0", &format!("--orders={orders}")].map(str::to_owned);
    Process::start(&folder.join("wms.log"), &arguments).await
}

/// A database, and what the program is told of it.
pub struct Stage {
    folder: tempfile::TempDir,
    own: Option<Own>,
    /// The database's address.
    pub url: String,
    /// A key of an administrator.
    pub key: String,
}

impl Stage {
    /// An empty database.
    pub fn new(which: Which) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let own = (which == Which::Postgres).then(|| Own::start(POSTGRES).expect("PostgreSQL is installed"));
        let url = match &own {
            Some(own) => own.database().expect("a database"),
            None => format!("sqlite:{}/crossdock.db", folder.path().display()),
        };
        let mut stage = Self { folder, own, url, key: String::new() };
        stage.key = make_key("admin", &stage.store());
        stage
    }

    fn store(&self) -> [String; 2] {
        [format!("--database-url={}", self.url), format!("--encryption-key-file={}/key", self.folder.path().display())]
    }

    /// Starts the server over it.
    pub async fn serve(&self) -> Process {
        let mut arguments = ["serve", "--no-demo", "--no-graphiql", "--listen=127.0.0.1:0", "--sync-workers=1"].map(str::to_owned).to_vec();
        arguments.extend(self.store());
        Process::start(&self.folder.path().join("server.log"), &arguments).await
    }

    /// CPU ticks that the database's own processes have used; `None` where it has none.
    pub fn database_ticks(&self) -> Option<f64> {
        self.own.as_ref().map(cluster)
    }
}

/// Connects a sandbox under this name, with nothing of it synced but what began before it could be stopped. Answers with the
/// connection's id.
pub async fn connect(client: &Client, wms: &Process, name: &str) -> Value {
    let credentials = json!({ "baseUrl": wms.url, "apiToken": TOKEN });
    let input = json!({ "integration": "sandbox", "name": name, "credentials": credentials, "lookbackDays": 1095 });
    let made = client.data(CREATE, json!({ "input": input })).await;
    let id = made["createConnection"]["connection"]["id"].clone();
    for data_type in TYPES {
        client.data(OFF, json!({ "id": id, "type": data_type })).await;
    }
    idle(client).await;
    id
}

/// Begins to sync these types; answers with the ids of the runs.
pub async fn trigger(client: &Client, connection: &Value, types: &[&str], mode: &str) -> Vec<Value> {
    let asked = client.data(TRIGGER, json!({ "id": connection, "types": types, "mode": mode })).await;
    let runs = asked["triggerSync"]["runs"].as_array().cloned().unwrap_or_default();
    assert_eq!(runs.len(), types.len(), "{asked:#}");
    runs.iter().map(|run| run["id"].clone()).collect()
}

/// Waits until nothing is being synced.
pub async fn idle(client: &Client) {
    client.until(OPEN, json!({}), |data| data["syncRuns"]["totalCount"] == 0).await;
}

/// The fields of `/proc/<pid>/stat` from the parent's number on.
fn stat(process: u32) -> Vec<i64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    text.rsplit(") ").next().unwrap_or_default().split(' ').skip(1).filter_map(|field| field.trim().parse().ok()).collect()
}

/// CPU time that a process has used, of user and system.
pub fn ticks(process: u32) -> f64 {
    let stat = stat(process);
    stat.get(10..12).map_or(0.0, |times| times.iter().sum::<i64>() as f64)
}

/// CPU time that a cluster has used: its first process, those that it has outlived, and those that are there.
fn cluster(own: &Own) -> f64 {
    let postmaster = own.postmaster().expect("it runs");
    let mut all = stat(postmaster).get(10..14).map_or(0.0, |times| times.iter().sum::<i64>() as f64);
    for entry in fs::read_dir("/proc").expect("Linux").flatten() {
        if let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && stat(process).first() == Some(&i64::from(postmaster))
        {
            all += ticks(process);
        }
    }
    all
}

/// What the system says of a process's memory, in MiB.
pub fn memory(process: u32, what: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
