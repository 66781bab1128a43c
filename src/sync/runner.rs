//! One run, from its lease to its end.
//!
//! While a page is being laid down the next one is fetched, one page ahead and no more, so memory does not grow with
//! the source.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::heart::Heart;
use super::policy::{self, AfterFailure, Step};
use super::{Handle, Refused};
use crate::accounts::Opened;
use crate::record::{ErrorCode, Failure, Instant};
use crate::store;
use crate::store::changes::{Cause, Entry, change_append};
use crate::store::connections::{Connection, ConnectionStatus, connection_find, connection_status_follow, connection_status_set, issue_raise};
use crate::store::runs::{SyncMode, SyncRun, SyncTrigger, run_begin};
use crate::store::schedules::{Ending, Lease, lease_hold, lease_release, run_finish, run_wait};
use crate::store::touched::schedule_shown;
use crate::telemetry::{chain, traces};
use crate::wms::{AnyPage, Checkpoint, Error, Kind, Priority, Scope, Wms};

/// What interrupts a run.
#[derive(Debug)]
pub(super) enum Broken {
    /// The WMS did.
    Wms(Error),
    /// We did: the run cannot go on.
    Defect(Failure),
    /// The store did.
    Store(store::Error),
}

impl From<store::Error> for Broken {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// Works on a leased run until it ends, waits, or is lost.
pub(super) async fn run(handle: &Handle, lease: Lease, stop: CancellationToken) {
    let (connection, data_type, id) = (lease.connection(), lease.data_type(), lease.run.id);
    let heart = Heart::beat(handle, &lease);
    handle.shared.workers.begin(id, heart.lost.clone());
    let span = trace(&lease);
    let outcome = work(handle, lease, &heart.lost, stop).instrument(span).await;
    handle.shared.workers.end(id);
    heart.rest().await;
    match outcome {
        Ok(()) => {}
        Err(store::Error::LeaseLost) => {
            tracing::warn!(connection.id = connection.0, sync.data_type = %data_type, sync.run = id, "A run was taken from its worker");
        }
        Err(error) => {
            tracing::error!(connection.id = connection.0, sync.data_type = %data_type, sync.run = id, error = %chain(&error), "The store failed during a run");
        }
    }
}

/// The span of what is done under a lease: a run, or the part of it that one worker does.
fn trace(lease: &Lease) -> Span {
    traces::span!(
        parent: None,
        "sync",
        otel.name = %format_args!("sync {}", lease.data_type()),
        otel.status_code = Empty,
        error.r#type = Empty,
        connection.id = lease.connection().0,
        sync.data_type = %lease.data_type(),
        sync.run = lease.run.id,
        sync.mode = %lease.run.mode,
    )
}

async fn work(handle: &Handle, lease: Lease, lost: &CancellationToken, stop: CancellationToken) -> store::Result<()> {
    let connection = connection_find(&mut handle.shared.store.read().await?, lease.connection()).await?;
    let Some(connection) = connection else { return Err(store::Error::LeaseLost) };
    let opened = match handle.shared.accounts.open(&connection, priority(&lease.run)).await {
        Ok(opened) => opened,
        Err(Refused::Failure(failure)) => return give_up(handle, &lease, *failure, None).await,
        Err(Refused::Store(error)) => return Err(error),
    };
    let mut worker = Worker { handle, lease, opened, lost: lost.clone(), stop };
    let outcome = match worker.begin(&connection).await {
        Ok(()) => worker.pages().await,
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => Ok(()),
        Err(Broken::Wms(error)) => worker.failed(error).await,
        Err(Broken::Defect(failure)) => give_up(handle, &worker.lease, failure, None).await,
        Err(Broken::Store(store::Error::LeaseLost)) => Err(store::Error::LeaseLost),
        Err(Broken::Store(error)) => {
            // If the store is back already, another worker need not wait for the lease to run out.
            drop(worker.hand_over().await);
            Err(error)
        }
    }
}

/// Where the calls of a run stand in the account's rate budget.
fn priority(run: &SyncRun) -> Priority {
    match (run.mode, run.trigger) {
        (SyncMode::Window, _) => Priority::Backfill,
        (_, SyncTrigger::Manual) => Priority::Manual,
        (_, SyncTrigger::Initial | SyncTrigger::Scheduled | SyncTrigger::Write) => Priority::Scheduled,
    }
}

/// What works on a run.
pub(super) struct Worker<'h> {
    pub(super) handle: &'h Handle,
    pub(super) lease: Lease,
    pub(super) opened: Opened,
    lost: CancellationToken,
    stop: CancellationToken,
}

/// A page that was asked for.
struct Fetch {
    page: AbortOnDropHandle<Result<AnyPage, Error>>,
    asked_at: Instant,
}

impl Worker<'_> {
    /// Decides what the run reads, if this is its beginning.
    async fn begin(&mut self, connection: &Connection) -> store::Result<()> {
        if self.lease.run.started_at.is_some() {
            return Ok(());
        }
        let shared = &self.handle.shared;
        let reads = shared.accounts.integration(&connection.integration).and_then(|i| i.reads(self.lease.data_type()));
        let incremental = reads.is_some_and(|reads| reads.incremental);
        let now = shared.clock.now();
        let since = policy::since(&self.lease.schedule, &self.lease.run, incremental, connection.lookback_days, now);
        let mut tx = shared.store.write().await?;
        lease_hold(&mut tx, &self.lease, shared.lease_end()).await?;
        run_begin(&mut tx, self.lease.run.id, now, since).await?;
        if self.lease.run.mode != SyncMode::Window {
            schedule_shown(&mut tx, &self.lease).await?;
        }
        shared.store.commit(tx).await?;
        shared.metrics.run_begun(self.lease.data_type().as_str(), now.millis_since(self.lease.run.due_at));
        self.lease.run.started_at = Some(now);
        self.lease.run.scope_since = since;
        Ok(())
    }

    fn fetch(&self, wms: &Arc<dyn Wms>, scope: Scope, checkpoint: Option<Checkpoint>) -> Fetch {
        let (wms, data_type) = (wms.clone(), self.lease.data_type());
        let asked_at = self.handle.shared.clock.now();
        Fetch {
            page: AbortOnDropHandle::new(tokio::spawn(async move { wms.pull(data_type, &scope, checkpoint.as_ref()).await }.in_current_span())),
            asked_at,
        }
    }

    async fn pages(&mut self) -> Result<(), Broken> {
        let wms = self.opened.wms.clone();
        let deadline = self.handle.shared.settings.page_deadline;
        let mut scope = policy::scope(&self.lease.run);
        let checkpoint = self.lease.run.checkpoint.as_ref().map(|json| Checkpoint(json.to_value()));
        let mut fetch = self.fetch(&wms, scope, checkpoint);
        loop {
            let page = tokio::select! {
                page = &mut fetch.page => page,
                () = self.lost.cancelled() => return Err(Broken::Store(store::Error::LeaseLost)),
                () = self.stop.cancelled() => return Ok(self.hand_over().await?),
                () = tokio::time::sleep(deadline) => {
                    let message = format!("The WMS gave no page within {} s", deadline.as_secs_f32());
                    return Err(Broken::Wms(Error::new(Kind::Timeout, message)));
                }
            };
            let page = match page {
                Ok(page) => page.map_err(Broken::Wms)?,
                Err(panic) => return Err(Broken::Defect(Failure::ours(ErrorCode::Internal, format!("The adapter failed: {panic}")))),
            };
            let asked_at = fetch.asked_at;
            let step = policy::after_page(&self.lease.run, &scope, page.next());
            let ahead = match &step {
                Step::Page(checkpoint) => Some(self.fetch(&wms, scope, Some(checkpoint.clone()))),
                Step::Chunk(since) => {
                    scope = policy::chunk(*since, &self.lease.run);
                    Some(self.fetch(&wms, scope, None))
                }
                Step::End => None,
            };
            let goes_on = self.lay_down(page, &step, asked_at).await?;
            match ahead {
                Some(ahead) if goes_on => fetch = ahead,
                _ => break,
            }
        }
        let run = &self.lease.run;
        if run.finished_at.is_none() {
            return Ok(());
        }
        tracing::info!(
            connection.id = run.connection_id,
            sync.data_type = %run.data_type,
            sync.run = run.id,
            sync.status = %run.status,
            sync.read = run.read,
            sync.created = run.created,
            sync.updated = run.updated,
            sync.rejected = run.rejected,
            sync.duration_ms = run.finished_at.zip(run.started_at).map(|(finished, started)| finished.millis_since(started)),
            "A run ended"
        );
        Ok(())
    }

    /// A page failed: waits, or gives the run up.
    async fn failed(&mut self, error: Error) -> store::Result<()> {
        let shared = &self.handle.shared;
        let now = shared.clock.now();
        let after = policy::after_failure(&error, self.lease.run.id, self.lease.run.attempts, now);
        let AfterFailure::Wait { until, attempts } = after else {
            return give_up(self.handle, &self.lease, Failure::from(&error), Some(error.kind)).await;
        };
        let (connection, data_type) = (self.lease.connection(), self.lease.data_type());
        tracing::warn!(connection.id = connection.0, sync.data_type = %data_type, sync.run = self.lease.run.id, error = %error, until = %until, "A run waits for its WMS");
        let mut tx = shared.store.write().await?;
        run_wait(&mut tx, &self.lease, until, &error.message, attempts).await?;
        let mut told = None;
        if attempts >= policy::ATTEMPTS_BEFORE_ISSUE {
            let code = Failure::from(&error).code;
            told = issue_raise(&mut tx, connection, code.as_str(), Some(data_type), &error.message, false, now).await?;
            connection_status_follow(&mut tx, connection).await?;
        }
        self.opened.share_budget(&mut tx, now).await?;
        change_append(&mut tx, told.into_iter().collect(), Cause { run: Some(self.lease.run.id), write: None }, now).await?;
        shared.store.commit(tx).await?;
        shared.metrics.run_waits(if error.kind == Kind::RateLimited { "rate_limit" } else { "back_off" });
        Ok(())
    }

    /// The process stops: the run goes on elsewhere, from its last page.
    async fn hand_over(&mut self) -> store::Result<()> {
        let shared = &self.handle.shared;
        let mut tx = shared.store.write().await?;
        lease_release(&mut tx, &self.lease, shared.clock.now()).await?;
        shared.store.commit(tx).await
    }
}

/// The run cannot go on.
async fn give_up(handle: &Handle, lease: &Lease, failure: Failure, kind: Option<Kind>) -> store::Result<()> {
    Span::current().record("otel.status_code", "ERROR").record("error.type", failure.code.as_str());
    let shared = &handle.shared;
    let (connection, data_type) = (lease.connection(), lease.data_type());
    let now = shared.clock.now();
    let started = lease.run.started_at.unwrap_or(now);
    let due_at = policy::next_due(&lease.schedule, lease.run.id, started, now);
    let failures = lease.schedule.failures + 1;
    let ending = Ending { status: crate::store::runs::SyncStatus::Failed, error: Some(failure.to_json()), due_at, watermark: None, failures };
    let mut tx = shared.store.write().await?;
    let run = run_finish(&mut tx, lease, &ending, now).await?;
    let rejected = kind == Some(Kind::Unauthenticated);
    let concerns = if rejected { None } else { Some(data_type) };
    let told = issue_raise(&mut tx, connection, failure.code.as_str(), concerns, &failure.message, true, now).await?;
    if rejected {
        connection_status_set(&mut tx, connection, ConnectionStatus::CredentialsRejected).await?;
    } else {
        connection_status_follow(&mut tx, connection).await?;
    }
    let entries = told.into_iter().chain([Entry::run_ended(connection, data_type)]).collect();
    change_append(&mut tx, entries, Cause { run: Some(run.id), write: None }, now).await?;
    shared.store.commit(tx).await?;
    shared.metrics.run_ended(data_type.as_str(), run.status.as_str(), now.millis_since(started));
    tracing::warn!(connection.id = connection.0, sync.data_type = %data_type, sync.run = run.id, error.code = %failure.code, error = failure.message, "A run failed");
    Ok(())
}
