//! The adapter against a server that is really running, over a real socket.

mod commands;
mod data;
mod errors;
mod faults;
mod inbound;
mod orders;
mod passing;
mod products;
mod reading;
mod returned;
mod stock;
mod unknown;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use secrecy::SecretString;
use serde_json::Value;

use super::server::{Clock, DEMO_TOKEN, RunningSandbox, SandboxConfig, start};
use crate::record::{DataType, Instant, Record, nine};
use crate::wms::http::{Http, Limits, Reply};
use crate::wms::{AnyPage, Checkpoint, Error, Found, Next, Page, Pushable, Scope, Wms, Written};

/// 2026-06-15T12:00:00Z
const EPOCH: Instant = Instant::from_micros(1_781_524_800_000_000);

/// A clock that stands still until it is told to move.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn at_epoch() -> Self {
        Self(Arc::new(AtomicI64::new(EPOCH.micros())))
    }

    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let hands = self.0.clone();
        Arc::new(move || Instant::from_micros(hands.load(Ordering::SeqCst)))
    }
}

/// Small pages, no rate limit, a clock that stands still.
fn config(hands: &Hands) -> SandboxConfig {
    SandboxConfig { page_size_max: 41, rate_limit: None, ..SandboxConfig::new(hands.clock()) }
}

fn http() -> Http {
    Http::new(Limits::default(), crate::clock::Clock::system()).unwrap()
}

fn connect(sandbox: &RunningSandbox) -> Arc<dyn Wms> {
    super::integration().connect(&sandbox.credentials(), &http()).unwrap()
}

async fn sandbox() -> (RunningSandbox, Arc<dyn Wms>) {
    let sandbox = start(config(&Hands::at_epoch())).await.unwrap();
    let wms = connect(&sandbox);
    (sandbox, wms)
}

/// What the server says itself, past the adapter.
async fn ask(sandbox: &RunningSandbox, method: &str, path: &str, body: Option<Value>) -> Reply {
    let site = http().at(&sandbox.url(), "baseUrl").unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let call = match method {
        "GET" => site.get(path),
        "POST" => site.post(path),
        "PATCH" => site.patch(path),
        "PUT" => site.put(path),
        _ => site.delete(path),
    };
    let query: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let call = call.query(&query).bearer("Bearer", &SecretString::from(DEMO_TOKEN));
    match body {
        Some(body) => call.json(&body).send().await.unwrap(),
        None => call.send().await.unwrap(),
    }
}

async fn get(sandbox: &RunningSandbox, path: &str) -> Value {
    let reply = ask(sandbox, "GET", path, None).await;
    assert!(reply.is_success(), "{path}: {}", reply.status);
    reply.json().unwrap()
}

/// Carries a command out.
async fn push<C: Pushable>(wms: &Arc<dyn Wms>, command: C, reference: &str) -> Result<Written<C::Record>, Error> {
    Ok(C::written(wms.push(&command.into(), reference).await?).unwrap())
}

/// What became of a command.
async fn look_up<C: Pushable>(wms: &Arc<dyn Wms>, command: C, reference: &str) -> Result<Found<Written<C::Record>>, Error> {
    Ok(match wms.look_up(&command.into(), reference).await? {
        Found::Done(written) => Found::Done(C::written(written).unwrap()),
        Found::NotDone => Found::NotDone,
        Found::Unclear(why) => Found::Unclear(why),
    })
}

/// A type whose pages can be taken out of an [`AnyPage`].
trait Paged: Record + PartialEq {
    fn of(any: AnyPage) -> Page<Self>;
}

macro_rules! paged {
    ($([$variant:ident, $type:ident])+) => {$(
        impl Paged for crate::record::$type {
            fn of(any: AnyPage) -> Page<Self> {
                match any {
                    AnyPage::$variant(page) => page.mapped(),
                    other => panic!("not a page of {}: {other:?}", stringify!($type)),
                }
            }
        }
    )+};
}
nine!(paged);

/// Everything that a listing shows, by source id, with the checkpoints in between and how it ended.
struct Read<T> {
    records: BTreeMap<String, T>,
    checkpoints: Vec<Checkpoint>,
    pages: Vec<usize>,
    total: Option<u64>,
    source_time: Option<Instant>,
    complete: bool,
}

async fn read_on<T: Paged>(wms: &Arc<dyn Wms>, scope: Scope, mut from: Option<Checkpoint>) -> Result<Read<T>, Error> {
    let mut read = Read { records: BTreeMap::new(), checkpoints: Vec::new(), pages: Vec::new(), total: None, source_time: None, complete: false };
    loop {
        let page = T::of(wms.pull(T::DATA_TYPE, &scope, from.as_ref()).await?);
        assert_eq!(page.rejects, [], "nothing of the sandbox's own is rejected");
        read.total = read.total.or(page.total);
        read.source_time = read.source_time.or(page.source_time);
        read.pages.push(page.records.len());
        for record in page.records {
            let id = record.source().id.clone();
            assert!(read.records.insert(id.clone(), record).is_none(), "{id} was shown twice");
        }
        match page.next {
            Next::More(checkpoint) => {
                read.checkpoints.push(checkpoint.clone());
                from = Some(checkpoint);
            }
            next => {
                read.complete = next == Next::Done { complete: true };
                return Ok(read);
            }
        }
    }
}

async fn read_all<T: Paged>(wms: &Arc<dyn Wms>, scope: Scope) -> Read<T> {
    read_on(wms, scope, None).await.unwrap()
}

/// What the sandbox calls a data type.
fn name_of(data_type: DataType) -> &'static str {
    super::resource(data_type)
}
