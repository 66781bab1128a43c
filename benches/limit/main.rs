//! How fast the server answers, beside a hand-written program that gives the same three answers from the same tables
//! ([`handwritten`]): the limit of what a server like this one can reach on this machine.
//!
//! `cargo bench --bench limit -- [--orders 100000] [--database sqlite|postgres|both] [--connections 1,16,64] [--seconds 10]`
//!
//! All contenders run at the same time, each in a process of its own, and are asked in turn, for a fraction of a second each, so
//! that whatever else the machine does meets all of them alike. They must give the same bytes. CPU is what the system has
//! counted of a contender's process (the database's processes apart), p50 and p99 are what the client waited.
//!
//! What was measured is in `benches/README.md`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program for people")]

use std::time::Duration;

use clap::Parser;
use serde_json::json;
use tokio::time::Instant;

use common::{Stage, TICKS, Which, connect, idle, memory, sandbox, ticks, trigger};
use load::{Request, drive};
use process::{Client, Process};

#[path = "../common/mod.rs"]
mod common;
mod handwritten;
mod load;
#[expect(dead_code, reason = "shared with the tests, which need more of it")]
#[path = "../../tests/it/support/postgres.rs"]
mod postgres;
#[expect(dead_code, reason = "shared with the tests, which need more of it")]
#[path = "../../tests/it/support/process.rs"]
mod process;
mod server {
    /// How long the shared parts wait for anything.
    pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3_600);
}

#[derive(Parser)]
struct Args {
    /// How many orders; there is an inventory item for each five of them, in three connections
    #[arg(long, default_value_t = 100_000)]
    orders: u32,
    /// On which database
    #[arg(long, value_enum, default_value = "both")]
    database: Which,
    /// How many connections ask at the same time
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    connections: Vec<usize>,
    /// How long each contender is asked for each row
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Which answers are asked for
    #[arg(long, value_delimiter = ',', default_value = "orders,order,inventory")]
    answers: Vec<String>,
    /// Print the addresses and the key, and serve until killed, for a profiler or another client
    #[arg(long)]
    stay: bool,
    /// Be the hand-written program, over the database of this address
    #[arg(long, hide = true)]
    serve: Option<String>,
    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// Turns that each contender has in a row of the table.
const TURNS: u32 = 10;

#[tokio::main]
async fn main() {
    let args = Args::parse();
    if let Some(database) = &args.serve {
        return handwritten::serve(database).await;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wms = sandbox(folder.path(), args.orders).await;
    let mut stages = Vec::new();
    for (which, name) in args.database.each() {
        let stage = Stage::new(which);
        fill(&stage, &wms).await;
        stages.push((stage, name));
    }
    drop(wms);

    let mut all = Vec::new();
    for (stage, name) in &stages {
        let arguments = [format!("--serve={}", stage.url)];
        let program = std::env::current_exe().expect("this program");
        let limit = Process::of(&program, &folder.path().join("limit.log"), &arguments).await;
        let ours = stage.serve().await;
        let (posts, gets) = questions(&args.answers, &ours, &stage.key, &limit).await;
        all.push(Contender { process: limit, stage, name: format!("hand-written, {name}"), requests: gets });
        all.push(Contender { process: ours, stage, name: format!("Crossdock, {name}"), requests: posts });
    }
    if args.stay {
        for contender in &all {
            let Contender { process, stage, name, .. } = contender;
            println!("{name}: {} (process {}), key {}, database {}", process.url, process.id(), stage.key, stage.url);
        }
        return std::future::pending().await;
    }
    println!("| answer | connections | who | requests/s | of the hand-written one | p50 ms | p99 ms | CPU ms | database's CPU ms | own MiB |");
    println!("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|");
    for (index, answer) in args.answers.iter().enumerate() {
        for connections in &args.connections {
            compare(&all, index, answer, *connections, Duration::from_secs_f64(args.seconds));
        }
    }
}

/// Three connections, of which one has orders and products.
async fn fill(stage: &Stage, wms: &Process) {
    const STOCK: [&str; 3] = ["WAREHOUSES", "WAREHOUSE_LOCATIONS", "INVENTORY"];
    let server = stage.serve().await;
    let client = Client::new(&server.url, &stage.key);
    for name in ["first", "second", "third"] {
        let connection = connect(&client, wms, name).await;
        trigger(&client, &connection, &STOCK, "FULL").await;
        if name == "first" {
            trigger(&client, &connection, &["PRODUCTS", "ORDERS"], "FULL").await;
        }
        idle(&client).await;
    }
    server.stop().await;
    // What PostgreSQL does by itself sooner or later, at once: until then it knows nothing of the tables, and sorts one for a page.
    if stage.url.starts_with("postgres") {
        postgres::ask(&stage.url, "VACUUM ANALYZE").expect("the database answers");
    }
}

/// One who is asked.
struct Contender<'a> {
    process: Process,
    stage: &'a Stage,
    name: String,
    /// For each answer.
    requests: Vec<Request>,
}

const ORDER: &str = "id orderNumber status totalPrice sourceCreatedAt shipTo { fullName address1 city postalCode country } \
                     lineItems { sku name quantity unitPrice }";
const INVENTORY: &str =
    "id sku name onHand fulfillable byWarehouse { warehouse { id name } onHand fulfillable } locations { location { id name } quantity }";

/// What the server and the hand-written program are asked for the same answers.
async fn questions(answers: &[String], ours: &Process, key: &str, limit: &Process) -> (Vec<Request>, Vec<Request>) {
    let (mut posts, mut gets) = (Vec::new(), Vec::new());
    for answer in answers {
        let (body, path) = match answer.as_str() {
            "orders" => (json!({ "query": format!("{{ orders(first: 50) {{ nodes {{ {ORDER} }} }} }}") }), "/orders".to_owned()),
            "order" => {
                let middle = "{ orders(first: 50) { nodes { id } } }";
                let id = Client::new(&ours.url, key).data(middle, json!({})).await["orders"]["nodes"][49]["id"].clone();
                let path = format!("/orders/{}", id.as_str().expect("an id"));
                (json!({ "query": format!("query($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}"), "variables": { "id": id } }), path)
            }
            "inventory" => (json!({ "query": format!("{{ inventory(first: 50) {{ nodes {{ {INVENTORY} }} }} }}") }), "/inventory".to_owned()),
            other => panic!("there is no answer {other:?}: orders, order, inventory"),
        };
        let (post, get) = (Request::graphql(&ours.url, key, &body), Request::get(&limit.url, &path));
        let (theirs, own) = (get.ask(), post.ask());
        assert_eq!(String::from_utf8_lossy(&own), String::from_utf8_lossy(&theirs), "the two do not give the same answer");
        posts.push(post);
        gets.push(get);
    }
    (posts, gets)
}

/// What was counted of a contender.
#[derive(Default)]
struct Counted {
    times: Vec<Duration>,
    seconds: f64,
    ticks: f64,
    database: Option<f64>,
    memory: f64,
}

/// Asks all contenders in turn, and prints a row for each.
fn compare(all: &[Contender<'_>], index: usize, answer: &str, connections: usize, period: Duration) {
    let mut counted: Vec<Counted> = all.iter().map(|_| Counted::default()).collect();
    for contender in all {
        drive(&contender.requests[index], connections, period / 20);
    }
    for _ in 0..TURNS {
        for (contender, counted) in all.iter().zip(&mut counted) {
            let used = || (ticks(contender.process.id()), contender.stage.database_ticks());
            let (begun, before) = (Instant::now(), used());
            counted.times.extend(drive(&contender.requests[index], connections, period / TURNS));
            counted.seconds += begun.elapsed().as_secs_f64();
            let after = used();
            counted.ticks += after.0 - before.0;
            counted.database = after.1.zip(before.1).map(|(after, before)| counted.database.unwrap_or_default() + after - before);
            counted.memory = counted.memory.max(memory(contender.process.id(), "RssAnon"));
        }
    }
    let rates: Vec<f64> = counted.iter().map(|counted| counted.times.len() as f64 / counted.seconds).collect();
    for (number, (contender, mut counted)) in all.iter().zip(counted).enumerate() {
        counted.times.sort_unstable();
        let count = counted.times.len();
        let at = |share: f64| counted.times[((count as f64 * share) as usize).min(count - 1)].as_secs_f64() * 1000.0;
        let each = |ticks: f64| ticks / TICKS * 1000.0 / count as f64;
        // The hand-written one over the same database stands before it.
        let of = if number % 2 == 1 { format!("{:.2}", rates[number] / rates[number - 1]) } else { String::new() };
        println!(
            "| {answer} | {connections} | {} | {:.0} | {of} | {:.2} | {:.2} | {:.3} | {} | {:.0} |",
            contender.name,
            rates[number],
            at(0.5),
            at(0.99),
            each(counted.ticks),
            counted.database.map_or_else(|| "–".to_owned(), |ticks| format!("{:.3}", each(ticks))),
            counted.memory,
        );
    }
}
