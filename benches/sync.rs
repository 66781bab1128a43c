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

use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};

use common::{Stage, TICKS, TOKEN, Which, connect, memory, sandbox, ticks, trigger};
use process::{Client, Process, http};

mod common;
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

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let sizes = if args.memory { vec![10_000, 100_000, 1_000_000] } else { vec![args.records] };
    println!(
        "| records | database | what | rows/s | wall s | server CPU s | rows per server CPU s | database CPU s | source CPU s | peak MiB, its own | with mapped files | source's share |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for records in sizes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let wms = sandbox(folder.path(), records).await;
        let source = drain(&wms).await;
        for (database, name) in args.database.each() {
            measure(&wms, &source, database, name).await;
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
        "| {rows} | – | the source alone: {:.2} lines and {:.0} bytes an order | {rate:.0} | {seconds:.1} | – | – | – | {:.1} | – | – | – |",
        lines as f64 / rows as f64,
        bytes as f64 / rows as f64,
        (ticks(wms.id()) - cpu) / TICKS,
    );
    Source { rows: i64::try_from(rows).expect("a number"), seconds }
}

const RUN: &str =
    "query($id: ID!) { syncRun(id: $id) { status startedAt finishedAt progress { read created updated unchanged } error { message } } }";

async fn measure(wms: &Process, source: &Source, which: Which, name: &str) {
    let stage = Stage::new(which);
    let server = stage.serve().await;
    let connection = connect(&Client::new(&server.url, &stage.key), wms, "bench").await;
    server.stop().await;

    for (what, mode, count) in [("first load", "INCREMENTAL", "created"), ("nothing changed, looked at whole", "FULL", "unchanged")] {
        let server = stage.serve().await;
        let client = Client::new(&server.url, &stage.key);
        let (cpu, source_cpu, database_cpu) = (ticks(server.id()), ticks(wms.id()), stage.database_ticks());
        let run = json!({ "id": trigger(&client, &connection, &["ORDERS"], mode).await[0] });
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
        let source_cpu = (ticks(wms.id()) - source_cpu) / TICKS;
        let database = stage.database_ticks().zip(database_cpu);
        let database = database.map_or_else(|| "–".to_owned(), |(now, before)| format!("{:.1}", (now - before) / TICKS));
        let wall = seconds(&ended["finishedAt"]) - seconds(&ended["startedAt"]);
        let rows = source.rows as f64;
        println!(
            "| {} | {name} | {what} | {:.0} | {wall:.1} | {cpu:.1} | {:.0} | {database} | {source_cpu:.1} | {own_memory:.0} | {:.0} | {:.0} % |",
            source.rows,
            rows / wall,
            rows / cpu,
            memory(server.id(), "VmHWM"),
            100.0 * source.seconds / wall,
        );
        server.stop().await;
    }
}

fn seconds(time: &Value) -> f64 {
    let stamp: jiff::Timestamp = time.as_str().and_then(|text| text.parse().ok()).expect("a moment");
    stamp.as_microsecond() as f64 / 1e6
}
