//! `crossdock sync`: syncs one connection now, and shows how far it is.
//!
//! It works on the connection itself, beside any server on the same database: whichever is faster takes a run, and either
//! way the bars follow what the database says of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{EngineArgs, StoreArgs};
use crate::record::filter::StringFilter;
use crate::record::{ConnectionId, DataType, Failure, Id};
use crate::store::Conn;
use crate::store::connections::{Connection, ConnectionStatus, Wanted, connection_find, connection_list, connection_which};
use crate::store::runs::{SyncRun, SyncStatus, run_many};
use crate::sync::{Engine, Reading, Works};
use crate::telemetry::say;
use crate::{app, sync};

/// What is to be synced.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// The connection: its id in the API, its number, or its name
    connection: String,
    /// Data types, such as ORDERS; all that the connection reads when left out
    #[arg(value_parser = data_type)]
    data_types: Vec<DataType>,
    /// Read everything that the WMS lists, not only what changed
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

fn data_type(text: &str) -> Result<DataType, String> {
    text.to_ascii_uppercase().replace('-', "_").parse().map_err(|_| {
        let names: Vec<_> = DataType::ALL.iter().map(|data_type| data_type.as_str()).collect();
        format!("there are {}", names.join(", "))
    })
}

/// How often the bars are drawn anew.
const LOOK: Duration = Duration::from_millis(100);

/// Syncs a connection, and returns when all its runs have ended.
///
/// # Errors
/// An unknown connection, a data type that it does not read, a run that failed.
pub async fn sync(args: SyncArgs) -> anyhow::Result<()> {
    let clock = Clock::system();
    let store = app::open_store(&args.store).await?;
    let handle = app::sync_handle(&store, &args.engine, clock)?;
    let connection = find(&mut store.read().await?, &args.connection).await?;
    let rests = matches!(connection.status, ConnectionStatus::Paused | ConnectionStatus::CredentialsRejected);
    ensure!(!rests, "{} is {}: nothing is synced until that is changed (updateConnection)", connection.name, connection.status);
    let reading = if args.full { Reading::Full { confirm_deletions: false } } else { Reading::Incremental };
    let wanted = (!args.data_types.is_empty()).then_some(args.data_types);
    let runs = handle.trigger(connection.id(), wanted, reading).await.map_err(|refused| match refused {
        sync::Refused::Failure(failure) => anyhow::anyhow!("{}", failure.message),
        sync::Refused::Store(error) => error.into(),
    })?;
    let stop = CancellationToken::new();
    let engine = tokio::spawn(Engine::new(handle, Works::OnOne(connection.id()), app::lease_owner(), stop.clone()).work());
    let bars = Bars::new(&connection, &runs);
    let ids: Vec<i64> = runs.iter().map(|run| run.id).collect();
    let followed = async {
        loop {
            let runs = run_many(&mut store.read().await?, &ids).await?;
            bars.show(&runs);
            if runs.iter().all(|run| !run.status.is_open()) {
                return anyhow::Ok(runs);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let ended = tokio::select! {
        ended = followed => Some(ended?),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("Failed to wait for Ctrl-C")?;
            None
        }
    };
    stop.cancel();
    engine.await.context("The sync engine failed")?;
    let Some(runs) = ended else {
        bars.leave();
        bail!("Interrupted: what was read is stored, and the next server or sync goes on from there");
    };
    bars.leave();
    summary(&runs)
}

/// The connection that somebody means.
async fn find(conn: &mut Conn, text: &str) -> anyhow::Result<Connection> {
    let id = text.parse::<Id>().ok().and_then(|id| id.as_connection()).or_else(|| text.parse().ok().map(ConnectionId));
    if let Some(id) = id
        && let Some(found) = connection_find(conn, id).await?
    {
        return Ok(found);
    }
    let name = StringFilter { eq: Some(text.to_owned()), ..StringFilter::default() };
    let named = connection_list(conn, connection_which(Wanted { name: Some(&name), ..Wanted::default() }, "name")?, 0, 2).await?;
    ensure!(named.len() < 2, "Several connections are named {text:?}; name one by its id");
    if let Some(found) = named.into_iter().next() {
        return Ok(found);
    }
    let all = connection_list(conn, connection_which(Wanted::default(), "")?, 0, 20).await?;
    let names: Vec<_> = all.iter().map(|connection| format!("{} ({})", connection.id, connection.name)).collect();
    if names.is_empty() {
        bail!("There is no connection yet")
    }
    bail!("There is no connection {text:?}; there are {}", names.join(", "))
}

/// One bar for each run.
struct Bars {
    all: MultiProgress,
    by_run: BTreeMap<i64, ProgressBar>,
}

impl Bars {
    fn new(connection: &Connection, runs: &[SyncRun]) -> Self {
        let all = MultiProgress::new();
        drop(all.println(format!("{} ({})", connection.name, connection.integration)));
        let bar = |run: &SyncRun| {
            let bar = all.add(ProgressBar::no_length().with_prefix(run.data_type.as_str()).with_style(style("{spinner} {pos:>9}")));
            (run.id, bar)
        };
        let by_run = runs.iter().map(bar).collect();
        Self { all, by_run }
    }

    fn show(&self, runs: &[SyncRun]) {
        for run in runs {
            let Some(bar) = self.by_run.get(&run.id).filter(|bar| !bar.is_finished()) else { continue };
            let read = u64::try_from(run.read).unwrap_or(0);
            if let Some(total @ 1..) = run.total.and_then(|total| u64::try_from(total).ok())
                && bar.length().is_none()
            {
                bar.set_style(style("{bar:24} {pos:>9}/{len:<9}"));
                bar.set_length(total);
            }
            if let Some(total) = bar.length().filter(|total| *total < read) {
                // Rows were added while the listing was being read.
                bar.set_length(total.max(read));
            }
            bar.set_position(read);
            match run.status {
                SyncStatus::Queued => bar.set_message("queued"),
                SyncStatus::Running => bar.set_message(format!("{:.0}/s", bar.per_sec())),
                SyncStatus::Waiting => {
                    let until = run.waiting_until.map_or_else(String::new, |until| format!(" until {until}"));
                    bar.set_message(format!("waits{until}: {}", run.waiting_reason.as_deref().unwrap_or("the WMS said so")));
                }
                ended => {
                    bar.set_length(read);
                    bar.finish_with_message(format!("{ended}, {}", outcome(run)));
                }
            }
            bar.tick();
        }
    }

    /// Leaves what is shown on the screen.
    fn leave(&self) {
        for bar in self.by_run.values() {
            bar.abandon();
        }
        drop(self.all.println(""));
    }
}

fn style(middle: &str) -> ProgressStyle {
    // The templates are constants; a slip would show the plain bar.
    ProgressStyle::with_template(&format!("  {{prefix:20}} {middle} {{msg}}")).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What a run found, in a few words.
fn outcome(run: &SyncRun) -> String {
    let parts = [(run.created, "new"), (run.updated, "changed"), (run.unchanged, "unchanged"), (run.deleted, "gone"), (run.rejected, "rejected")];
    let told: Vec<_> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if told.is_empty() { "nothing to read".to_owned() } else { told.join(", ") }
}

/// The runs in a table for programs and logs, and an error if one failed.
fn summary(runs: &[SyncRun]) -> anyhow::Result<()> {
    let mut runs: Vec<_> = runs.iter().collect();
    runs.sort_by_key(|run| run.id);
    for run in &runs {
        let seconds = run.finished_at.zip(run.started_at).map_or(0, |(finished, started)| finished.millis_since(started)) as f64 / 1_000.0;
        let reason = run.error.as_ref().map_or_else(String::new, |error| format!(": {}", Failure::from_json(error).message));
        say(&format!("{:<20} {:<9} {:>9} read in {seconds:.1} s, {}{reason}", run.data_type.as_str(), run.status.as_str(), run.read, outcome(run)));
    }
    let failed = runs.iter().filter(|run| matches!(run.status, SyncStatus::Failed | SyncStatus::Cancelled)).count();
    ensure!(failed == 0, "{failed} of {} runs failed", runs.len());
    Ok(())
}
