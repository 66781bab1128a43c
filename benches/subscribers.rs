//! What subscribers cost: so many websockets with the same subscription, and the time until the last of them has an event.
//!
//! `cargo bench --bench subscribers -- [--subscribers 5000] [--events 20]`
//!
//! The real program is measured, over a PostgreSQL of its own, and beside it, in the same run, a bare websocket server that sends
//! one ready frame of about the same length to everybody: nothing that tells subscribers anything can be much faster. An event is an
//! entry of the change log that another process (this one) commits; the time begins before the commit. Memory is what the server's
//! process holds of its own (`RssAnon`) with all subscribers, less what it held without, divided by their number. CPU is what the
//! system has counted of its process. The clients share the machine with it.
//!
//! What was measured is in `benches/README.md`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program for people")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::{Message as Sent, Utf8Bytes};
use axum::extract::{State, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{get, post};
use clap::Parser;
use crossdock::clock::Clock;
use crossdock::record::{ConnectionId, DataType};
use crossdock::store::changes::{Cause, Entry, Kind, change_append};
use crossdock::store::vault::{KEY_BYTES, Vault};
use crossdock::store::{Sizes, Store};
use futures_util::{SinkExt as _, StreamExt as _, stream};
use tokio::net::TcpStream;
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use postgres::Own;
use process::{Process, http, make_key};

#[expect(dead_code, reason = "shared with the tests, which need more of it")]
#[path = "../tests/it/support/postgres.rs"]
mod postgres;
#[expect(dead_code, reason = "shared with the tests, which need more of it")]
#[path = "../tests/it/support/process.rs"]
mod process;
mod server {
    /// How long the shared parts wait for anything.
    pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(600);
}

#[derive(Parser)]
struct Args {
    /// How many websockets
    #[arg(long, default_value_t = 5_000)]
    subscribers: usize,
    /// How many events, one after the other
    #[arg(long, default_value_t = 20)]
    events: usize,
    /// Be the bare server
    #[arg(long, hide = true)]
    bare: bool,
    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// How many websockets are being opened at the same time.
const AT_ONCE: usize = 64;
/// Clock ticks in a second: what Linux counts CPU time in, on every machine that there is.
const TICKS: f64 = 100.0;
/// What is subscribed to.
const DOCUMENT: &str = "subscription { changes { cursor kind dataType recordId } }";
/// What the bare server sends.
const READY: &str = r#"{"type":"next","id":"1","payload":{"data":{"changes":{"cursor":"Y2hhbmdlczoxMDAw","kind":"UPDATED","dataType":"PRODUCTS","recordId":"UHJvZHVjdDoxOnByZF8wMDAwMQ"}}}}"#;

#[tokio::main]
async fn main() {
    let args = Args::parse();
    if args.bare {
        return bare().await;
    }
    println!(
        "| server | subscribers | handshakes/s | KiB per subscriber | first has it, ms | last has it, ms (median; worst) | server CPU ms per event |"
    );
    println!("|---|---|---|---|---|---|---|");
    for _ in 0..2 {
        bare_row(&args).await;
        crossdock_row(&args).await;
    }
}

/// Who has the event.
#[derive(Default)]
struct Tally {
    arrived: AtomicUsize,
    first: Mutex<Option<Instant>>,
    all: Notify,
}

type Socket = WebSocketStream<TcpStream>;

async fn connect(address: &str) -> Socket {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let mut request = format!("ws://{address}/graphql").into_client_request().expect("an address");
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("graphql-transport-ws"));
    let config = WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(1024).max_write_buffer_size(1 << 20);
    client_async_with_config(request, stream, Some(config)).await.expect("it takes the websocket").0
}

async fn say(socket: &mut Socket, text: String) {
    socket.send(Message::text(text)).await.expect("it takes the message");
}

/// The next message that holds this.
async fn hear(socket: &mut Socket, part: &str) {
    loop {
        match socket.next().await.expect("it stays open").expect("a message") {
            Message::Text(text) if text.contains(part) => return,
            Message::Text(text) => panic!("{part} was expected, not {text}"),
            _ => {}
        }
    }
}

/// Opens all sockets, and answers with how many were opened in a second. Each of them tells when something comes.
async fn open(count: usize, address: &str, greet: &[(String, &'static str)], tally: &Arc<Tally>) -> f64 {
    let begun = Instant::now();
    let opening = stream::iter(0..count).map(|_| async {
        let mut socket = connect(address).await;
        for (text, answer) in greet {
            say(&mut socket, text.clone()).await;
            if !answer.is_empty() {
                hear(&mut socket, answer).await;
            }
        }
        socket
    });
    let sockets: Vec<Socket> = opening.buffer_unordered(AT_ONCE).collect().await;
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    for mut socket in sockets {
        let tally = tally.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                if !message.is_text() {
                    continue;
                }
                let arrived = tally.arrived.fetch_add(1, Ordering::SeqCst) + 1;
                if arrived == 1 {
                    *tally.first.lock().expect("nobody panics") = Some(Instant::now());
                }
                if arrived == count {
                    tally.all.notify_one();
                }
            }
        });
    }
    rate
}

/// What the events took, in milliseconds.
#[derive(Default)]
struct Times {
    first: Vec<f64>,
    last: Vec<f64>,
    cpu: f64,
}

/// Sends events, one after the other, each when everybody has the one before.
async fn events(args: &Args, process: u32, tally: &Tally, fire: impl AsyncFn()) -> Times {
    let mut times = Times::default();
    for number in 0..=args.events {
        let (begun, cpu) = (Instant::now(), ticks(process));
        fire().await;
        tally.all.notified().await;
        let last = begun.elapsed();
        let first = tally.first.lock().expect("nobody panics").take().expect("somebody was the first").duration_since(begun);
        // The first is for warming up.
        if number > 0 {
            times.first.push(first.as_secs_f64() * 1_000.0);
            times.last.push(last.as_secs_f64() * 1_000.0);
            times.cpu += (ticks(process) - cpu) * 1_000.0 / TICKS;
        }
        tally.arrived.store(0, Ordering::SeqCst);
    }
    times.cpu /= args.events as f64;
    times
}

fn row(name: &str, count: usize, rate: f64, memory: f64, mut times: Times) {
    times.first.sort_by(f64::total_cmp);
    times.last.sort_by(f64::total_cmp);
    let median = |all: &[f64]| all.get(all.len() / 2).copied().unwrap_or_default();
    let (first, last, worst) = (median(&times.first), median(&times.last), times.last.last().copied().unwrap_or_default());
    println!("| {name} | {count} | {rate:.0} | {memory:.1} | {first:.0} | {last:.0}; {worst:.0} | {:.0} |", times.cpu);
}

async fn crossdock_row(args: &Args) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = tokio::task::spawn_blocking(|| Own::start(&[]).expect("PostgreSQL")).await.expect("it starts");
    let url = database.database().expect("a database");
    let store_arguments = [format!("--database-url={url}"), format!("--encryption-key-file={}", folder.path().join("key").display())];
    let key = make_key("read", &store_arguments);
    let mut arguments: Vec<String> = ["serve", "--no-demo", "--no-graphiql", "--listen=127.0.0.1:0"].map(str::to_owned).into();
    arguments.extend(store_arguments);
    arguments.push(format!("--sockets={}", args.subscribers + 100));
    let server = Process::start(&folder.path().join("server.log"), &arguments).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let greet = [
        (format!(r#"{{"type":"connection_init","payload":{{"authorization":"Bearer {key}"}}}}"#), "connection_ack"),
        (format!(r#"{{"type":"subscribe","id":"1","payload":{{"query":"{DOCUMENT}"}}}}"#), ""),
        // Answered when the subscription has been begun.
        (r#"{"type":"ping"}"#.to_owned(), "pong"),
    ];
    let tally = Arc::new(Tally::default());
    let before = own_memory(server.id());
    let rate = open(args.subscribers, &address, &greet, &tally).await;
    let memory = (own_memory(server.id()) - before) / args.subscribers as f64;
    let store = Store::open(&url, Sizes::default(), Vault::new(&[0; KEY_BYTES], |_| false)).await.expect("the database opens");
    let fire = async || {
        let entry = Entry {
            kind: Kind::Updated,
            data_type: Some(DataType::Products),
            source_id: Some("prd_00001".to_owned()),
            ..Entry::run_ended(ConnectionId(1), DataType::Products)
        };
        let mut tx = store.write().await.expect("the database answers");
        change_append(&mut tx, vec![entry], Cause::default(), Clock::system().now()).await.expect("it is appended");
        store.commit(tx).await.expect("it is committed");
    };
    let times = events(args, server.id(), &tally, fire).await;
    row("crossdock", args.subscribers, rate, memory, times);
    drop(server);
}

async fn bare_row(args: &Args) {
    let server = Bare::start();
    let greet = [("subscribe".to_owned(), "ok")];
    let tally = Arc::new(Tally::default());
    let before = own_memory(server.child.id());
    let rate = open(args.subscribers, &server.address, &greet, &tally).await;
    let memory = (own_memory(server.child.id()) - before) / args.subscribers as f64;
    let (client, url) = (http(), format!("http://{}/fire", server.address));
    let fire = async || drop(client.post(&url).send().await.expect("it answers"));
    let times = events(args, server.child.id(), &tally, fire).await;
    row("a bare websocket server", args.subscribers, rate, memory, times);
}

/// The bare server, as a process of its own.
struct Bare {
    child: Child,
    address: String,
}

impl Bare {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program).arg("--bare").stdout(Stdio::piped()).spawn().expect("it starts");
        let mut address = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut address).expect("its address");
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn bare() {
    let (sender, _) = broadcast::channel::<Utf8Bytes>(16);
    let open = async |State(sender): State<broadcast::Sender<Utf8Bytes>>, upgrade: WebSocketUpgrade| -> Response {
        upgrade.read_buffer_size(1024).write_buffer_size(1024).protocols(["graphql-transport-ws"]).on_upgrade(async move |mut socket| {
            let mut frames = sender.subscribe();
            loop {
                tokio::select! {
                    message = socket.recv() => match message {
                        Some(Ok(_)) => drop(socket.send(Sent::text("ok")).await),
                        _ => return,
                    },
                    Ok(frame) = frames.recv() => drop(socket.send(Sent::Text(frame)).await),
                }
            }
        })
    };
    let fire = async |State(sender): State<broadcast::Sender<Utf8Bytes>>| drop(sender.send(Utf8Bytes::from_static(READY)));
    let router = Router::new().route("/graphql", get(open)).route("/fire", post(fire)).with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    std::io::stdout().flush().expect("it is read");
    axum::serve(listener, router).await.expect("it serves");
}

/// The memory that a process holds of its own, in KiB.
fn own_memory(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

/// The CPU time of a process so far, in ticks.
fn ticks(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process is there");
    // Behind the program's name, which may hold anything: state is the third field, user and system time the 14th and 15th.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split_whitespace().collect();
    [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<f64>().ok()).sum()
}
