//! What syncing costs: the first load of orders and a look at all of them when nothing has changed, on both databases.
//!
//! `cargo bench --bench sync -- [--records 100000] [--database sqlite|postgres|both] [--memory]`
//!
//! The real program is measured, by what the system has counted of its process: CPU seconds (`/proc/<pid>/stat`), the most
//! memory that it has held of its own (`RssAnon`, looked at ten times a second) and in all (`VmHWM`, which counts the part of
//! the database's file that SQLite has mapped, too; the system takes that back when it needs it). For each figure it is started anew, over the data of the one before. The WMS is `crossdock
//! sandbox`; how fast that can be emptied by a client that does nothing else is measured too, since whoever reads from it can
//! be no faster. PostgreSQL is a cluster of its own with the durability that it has out of the box. `--memory` does all of it
//! for 10 thousand, 100 thousand and 1 million records.
//!
//! What was measured is in `benches/README.md`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program for people")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use postgres::Own;
use process::{CROSSDOCK, Client, Process, http};

#[expect(dead_code, reason = "shared with the tests, which need more of it")]
#[path = "../tests/it/support/postgres.rs"]
mod postgres;
#[expect(dead_code, reason = "shared with the tests, which need more of it")]
#[path = "../tests/it/support/process.rs"]
mod process;
mod server {
    /// How long the shared parts wait for anything.
    pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3_600);
}

#[derive(Parser)]
struct Args {
    /// How many orders
    #[arg(long, default_value_t = 100_000)]
    records: u32,
    /// On which database
    #[arg(long, value_enum, default_value = "both")]
    database: Which,
    /// 10 thousand, 100 thousand and 1 million records
    #[arg(long)]
    memory: bool,
    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Sqlite,
    Postgres,
    Both,
}

const TOKEN: &str = "sandbox-demo-token";
/// Clock ticks in a second: what Linux counts CPU time in, on every machine that there is.
const TICKS: f64 = 100.0;
/// PostgreSQL as it is out of the box, and room for what is written.
const POSTGRES: &[&str] = &["fsync=on", "synchronous_commit=on", "full_page_writes=on", "autovacuum=on", "shared_buffers=256MB", "max_wal_size=4GB"];

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let sizes = if args.memory { vec![10_000, 100_000, 1_000_000] } else { vec![args.records] };
    println!(
        "| records | database | what | rows/s | wall s | server CPU s | rows per server CPU s | database CPU s | peak MiB, its own | with mapped files | source's share |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for records in sizes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let arguments = ["sandbox", "--listen=127.0.0.1:0", "--rate-limit=0", &format!("--orders={records}")].map(str::to_owned);
        let wms = Process::start(&folder.path().join("wms.log"), &arguments).await;
        let source = drain(&wms).await;
        for (database, name) in [(Which::Sqlite, "SQLite"), (Which::Postgres, "PostgreSQL")] {
            if args.database == Which::Both || args.database == database {
                measure(&wms, &source, database, name).await;
            }
        }
    }
}

/// What the source alone can do.
struct Source {
    rows: i64,
    seconds: f64,
}

/// Empties the WMS, page after page, without looking at more than the cursor.
async fn drain(wms: &Process) -> Source {
    #[derive(serde::Deserialize)]
    struct Page {
        data: Vec<serde::de::IgnoredAny>,
        next_cursor: Option<String>,
    }
    let client = http();
    let (begun, cpu) = (tokio::time::Instant::now(), ticks(wms.id()));
    let (mut rows, mut bytes, mut lines, mut cursor) = (0, 0, 0, String::new());
    loop {
        let url = format!("{}/v1/orders?limit=250&updated_since=2000-01-01T00:00:00Z{cursor}", wms.url);
        let body = client.get(url).bearer_auth(TOKEN).send().await.expect("the WMS answers").bytes().await.expect("a page");
        let page: Page = serde_json::from_slice(&body).expect("a page");
        rows += page.data.len();
        bytes += body.len();
        lines += body.windows(12).filter(|window| *window == b"\"qty_picked\"").count();
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rate = rows as f64 / seconds;
    println!(
        "| {rows} | – | the source alone: {:.2} lines and {:.0} bytes an order | {rate:.0} | {seconds:.1} | {:.1} (the WMS's) | – | – | – | – | – |",
        lines as f64 / rows as f64,
        bytes as f64 / rows as f64,
        (ticks(wms.id()) - cpu) / TICKS,
    );
    Source { rows: i64::try_from(rows).expect("a number"), seconds }
}

const CREATE: &str = "mutation($input: CreateConnectionInput!) { createConnection(input: $input) { connection { id } errors { message } } }";
const OFF: &str = "mutation($id: ID!, $type: DataType!) { updateSyncSchedule(input: { connectionId: $id, dataType: $type, enabled: false }) { errors { message } } }";
const OPEN: &str = "{ syncRuns(first: 1, filter: { statuses: [QUEUED, RUNNING, WAITING] }) { totalCount } }";
const TRIGGER: &str = "mutation($id: ID!, $mode: SyncMode!) { triggerSync(input: { connectionId: $id, dataTypes: [ORDERS], mode: $mode }) { runs { id } errors { message } } }";
const RUN: &str =
    "query($id: ID!) { syncRun(id: $id) { status startedAt finishedAt progress { read created updated unchanged } error { message } } }";

async fn measure(wms: &Process, source: &Source, which: Which, name: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let own = (which == Which::Postgres).then(|| Own::start(POSTGRES).expect("PostgreSQL is installed"));
    let url = match &own {
        Some(own) => own.database().expect("a database"),
        None => format!("sqlite:{}/crossdock.db", folder.path().display()),
    };
    let store = [format!("--database-url={url}"), format!("--encryption-key-file={}/key", folder.path().display())];
    let made = Command::new(CROSSDOCK).args(["keys", "create", "--name=bench", "--access=admin"]).args(&store).output().expect("the program runs");
    let key = String::from_utf8_lossy(&made.stdout).lines().last().expect("the key is the last line").to_owned();

    // Connected, and nothing of it synced but what began before it could be stopped.
    let server = serve(folder.path(), &store).await;
    let client = Client::new(&server.url, &key);
    let credentials = json!({ "baseUrl": wms.url, "apiToken": TOKEN });
    let input = json!({ "integration": "sandbox", "name": "bench", "credentials": credentials, "lookbackDays": 1095 });
    let made = client.data(CREATE, json!({ "input": input })).await;
    let id = made["createConnection"]["connection"]["id"].clone();
    for data_type in [
        "ORDERS",
        "INBOUND_SHIPMENTS",
        "RETURNS",
        "INVENTORY",
        "PRODUCTS",
        "WAREHOUSE_LOCATIONS",
        "SHIPPING_METHODS",
        "WAREHOUSE_CUSTOMERS",
        "WAREHOUSES",
    ] {
        client.data(OFF, json!({ "id": id, "type": data_type })).await;
    }
    client.until(OPEN, json!({}), |data| data["syncRuns"]["totalCount"] == 0).await;
    server.stop().await;

    for (what, mode, count) in [("first load", "INCREMENTAL", "created"), ("nothing changed, looked at whole", "FULL", "unchanged")] {
        let server = serve(folder.path(), &store).await;
        let client = Client::new(&server.url, &key);
        let (cpu, database_cpu) = (ticks(server.id()), own.as_ref().map_or(0.0, cluster));
        let asked = client.data(TRIGGER, json!({ "id": id, "mode": mode })).await;
        let run = json!({ "id": asked["triggerSync"]["runs"][0]["id"] });
        let mut own_memory = memory(server.id(), "RssAnon");
        let ended = loop {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                own_memory = own_memory.max(memory(server.id(), "RssAnon"));
            }
            let run = client.data(RUN, run.clone()).await["syncRun"].clone();
            if !run["finishedAt"].is_null() {
                break run;
            }
        };
        assert_eq!((&ended["status"], &ended["progress"][count]), (&json!("SUCCEEDED"), &json!(source.rows)), "{ended:#}");
        let cpu = (ticks(server.id()) - cpu) / TICKS;
        let database = own.as_ref().map_or_else(|| "–".to_owned(), |own| format!("{:.1}", (cluster(own) - database_cpu) / TICKS));
        let wall = seconds(&ended["finishedAt"]) - seconds(&ended["startedAt"]);
        let rows = source.rows as f64;
        println!(
            "| {} | {name} | {what} | {:.0} | {wall:.1} | {cpu:.1} | {:.0} | {database} | {own_memory:.0} | {:.0} | {:.0} % |",
            source.rows,
            rows / wall,
            rows / cpu,
            memory(server.id(), "VmHWM"),
            100.0 * source.seconds / wall,
        );
        server.stop().await;
    }
}

async fn serve(folder: &Path, store: &[String]) -> Process {
    let mut arguments = ["serve", "--no-demo", "--no-graphiql", "--listen=127.0.0.1:0", "--sync-workers=1"].map(str::to_owned).to_vec();
    arguments.extend_from_slice(store);
    Process::start(&folder.join("server.log"), &arguments).await
}

fn seconds(time: &Value) -> f64 {
    let stamp: jiff::Timestamp = time.as_str().and_then(|text| text.parse().ok()).expect("a moment");
    stamp.as_microsecond() as f64 / 1e6
}

/// The fields of `/proc/<pid>/stat` from the parent's number on.
fn stat(process: u32) -> Vec<i64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    text.rsplit(") ").next().unwrap_or_default().split(' ').skip(1).filter_map(|field| field.trim().parse().ok()).collect()
}

/// CPU time that a process has used, of user and system.
fn ticks(process: u32) -> f64 {
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
fn memory(process: u32, what: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
