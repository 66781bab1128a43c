//! One run, from its lease to its end.
//!
//! While a page is being laid down the next one is fetched, one page ahead and no more, so memory does not grow with
//! the source.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Handle, Refused, policy};
use crate::record::{DataType, ErrorCode, Failure, Instant, Json, nine};
use crate::store::changes::{Cause, Entry, Kind as Change, change_append};
use crate::store::connections::{
    Connection, ConnectionStatus, connection_find, connection_status_set, issue_clear, issue_clear_but, issue_list, issue_raise,
};
use crate::store::deletions::{Missing, record_delete_named, record_delete_unlisted, record_missing};
use crate::store::records::{self, Applied, Tell, record_apply};
use crate::store::runs::{
    Progress, SyncMode, SyncRun, SyncStatus, SyncTrigger, page_count, page_forget, page_listed, reject_put, run_advance, run_begin, run_deleted,
};
use crate::store::schedules::{Ending, Lease, lease_hold, lease_release, run_finish, run_wait};
use crate::store::{self, Tx};
use crate::telemetry::chain;
use crate::wms::{AnyPage, Checkpoint, Error, Kind, Next, Page, Scope, Wms};

/// What became of the deletions that a complete listing asks for.
enum Deletions {
    /// They were carried out; what the change log has to say of it.
    Carried(Vec<Entry>),
    /// They are more than is plausible: somebody must confirm them.
    Held(Missing),
}

/// The code of the issue that deletions wait for somebody's word.
const DELETIONS_HELD: &str = "DELETIONS_HELD";

/// What interrupts a run.
#[derive(Debug)]
enum Broken {
    /// The WMS did.
    Wms(Error),
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
    let mut worker = Worker { handle, lease, lost: heart.lost.clone(), stop };
    handle.shared.workers.begin(id, heart.lost.clone());
    let outcome = worker.work().await;
    handle.shared.workers.end(id);
    heart.rest().await;
    match outcome {
        Ok(()) => {}
        Err(Broken::Store(store::Error::LeaseLost)) => {
            tracing::warn!(connection.id = connection.0, sync.data_type = %data_type, sync.run = id, "Lost a run to another worker");
        }
        // The lease runs out and the run is taken up again from its last page.
        Err(Broken::Store(error)) => {
            tracing::error!(connection.id = connection.0, sync.data_type = %data_type, sync.run = id, error = %chain(&error), "The store failed during a run");
        }
        Err(Broken::Wms(error)) => {
            tracing::error!(connection.id = connection.0, sync.data_type = %data_type, sync.run = id, error = %error, "A run was left without an end");
        }
    }
}

/// Renews the lease while the worker waits for the WMS.
struct Heart {
    lost: CancellationToken,
    done: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Heart {
    fn beat(handle: &Handle, lease: &Lease) -> Self {
        let (lost, done) = (CancellationToken::new(), CancellationToken::new());
        let (handle, lease) = (handle.clone(), lease.clone());
        let (task_lost, task_done) = (lost.clone(), done.clone());
        let period = handle.shared.settings.lease / 3;
        let task = tokio::spawn(async move {
            loop {
                // The transaction stands outside of the select: it must not be cut short.
                tokio::select! {
                    () = task_done.cancelled() => return,
                    () = tokio::time::sleep(period) => {}
                }
                match renew(&handle, &lease).await {
                    Ok(()) => {}
                    Err(store::Error::LeaseLost) => {
                        task_lost.cancel();
                        return;
                    }
                    Err(error) => tracing::warn!(error = %chain(&error), "Failed to renew a lease"),
                }
            }
        });
        Self { lost, done, task }
    }

    async fn rest(self) {
        self.done.cancel();
        // A panic there has been reported already.
        let _ = self.task.await;
    }
}

async fn renew(handle: &Handle, lease: &Lease) -> store::Result<()> {
    let mut tx = handle.shared.store.write().await?;
    lease_hold(&mut tx, lease, handle.shared.lease_end()).await?;
    handle.shared.store.commit(tx).await
}

struct Worker<'h> {
    handle: &'h Handle,
    lease: Lease,
    lost: CancellationToken,
    stop: CancellationToken,
}

type Fetch = AbortOnDropHandle<Result<AnyPage, Error>>;

impl Worker<'_> {
    async fn work(&mut self) -> Result<(), Broken> {
        let connection = {
            let mut conn = self.handle.shared.store.read().await?;
            connection_find(&mut conn, self.lease.connection()).await?
        };
        let Some(connection) = connection else { return Err(Broken::Store(store::Error::LeaseLost)) };
        let wms = match self.handle.shared.accounts.open(&connection).await {
            Ok(wms) => wms,
            Err(Refused::Failure(failure)) => return self.give_up(*failure, None).await,
            Err(Refused::Store(error)) => return Err(error.into()),
        };
        let scope = self.begin(&connection).await?;
        match self.pages(&wms, scope).await {
            Err(Broken::Wms(error)) => self.failed(error).await,
            outcome => outcome,
        }
    }

    /// Decides what the run reads, if this is its beginning.
    async fn begin(&mut self, connection: &Connection) -> Result<Scope, Broken> {
        let shared = &self.handle.shared;
        if self.lease.run.started_at.is_none() {
            let incremental = shared
                .accounts
                .integration(&connection.integration)
                .and_then(|i| i.reads(self.lease.data_type()))
                .is_some_and(|reads| reads.incremental);
            let now = shared.clock.now();
            let scope = policy::scope(&self.lease.schedule, &self.lease.run, incremental, connection.lookback_days, now);
            let mut tx = shared.store.write().await?;
            lease_hold(&mut tx, &self.lease, self.handle.shared.lease_end()).await?;
            run_begin(&mut tx, self.lease.run.id, now, scope.since).await?;
            shared.store.commit(tx).await?;
            self.lease.run.started_at = Some(now);
            self.lease.run.scope_since = scope.since;
        }
        Ok(Scope { since: self.lease.run.scope_since, until: self.lease.run.window_end })
    }

    fn fetch(&self, wms: &Arc<dyn Wms>, scope: Scope, checkpoint: Option<Checkpoint>) -> Fetch {
        let (wms, data_type) = (wms.clone(), self.lease.data_type());
        AbortOnDropHandle::new(tokio::spawn(async move { wms.pull(data_type, &scope, checkpoint.as_ref()).await }))
    }

    async fn pages(&mut self, wms: &Arc<dyn Wms>, scope: Scope) -> Result<(), Broken> {
        let checkpoint = self.lease.run.checkpoint.as_ref().map(|json| Checkpoint(json.to_value()));
        let mut fetch = self.fetch(wms, scope, checkpoint);
        loop {
            let page = tokio::select! {
                page = &mut fetch => page,
                () = self.lost.cancelled() => return Err(Broken::Store(store::Error::LeaseLost)),
                () = self.stop.cancelled() => return self.hand_over().await,
            };
            let page = match page {
                Ok(page) => page.map_err(Broken::Wms)?,
                Err(panic) => {
                    let defect = format!("The adapter failed: {panic}");
                    return self.give_up(Failure::ours(ErrorCode::Internal, defect), None).await;
                }
            };
            let next = page.next().clone();
            let ahead = match &next {
                Next::More(checkpoint) => Some(self.fetch(wms, scope, Some(checkpoint.clone()))),
                Next::Done { .. } => None,
            };
            self.lay_down(page).await?;
            match ahead {
                Some(ahead) => fetch = ahead,
                None => return self.succeed(next == Next::Done { complete: true }).await,
            }
        }
    }

    /// Commits a page: records, change log, progress and checkpoint, or nothing.
    async fn lay_down(&mut self, page: AnyPage) -> Result<(), Broken> {
        macro_rules! of_each {
            ($([$variant:ident, $type:ident])+) => {
                match page { $(AnyPage::$variant(page) => self.commit(page).await),+ }
            };
        }
        self.lease.run = nine!(of_each)?;
        Ok(())
    }

    async fn commit<K: records::Kind>(&self, page: Page<K>) -> Result<SyncRun, Broken> {
        let shared = &self.handle.shared;
        let (connection, run) = (self.lease.connection(), &self.lease.run);
        let now = shared.clock.now();
        let tell = if run.trigger == SyncTrigger::Initial { Tell::Nothing } else { Tell::Each };
        let mut tx = shared.store.write().await?;
        lease_hold(&mut tx, &self.lease, self.handle.shared.lease_end()).await?;
        let mut applied = record_apply(&mut tx, connection, &page.records, now, tell).await?;
        let gone = record_delete_named::<K>(&mut tx, connection, &page.deleted, now).await?;
        let rejected = reject(&mut tx, run.id, &page, &applied, now).await?;
        // A row that cannot even be named may be any record: then the listing proves nothing.
        let all_named = page.rejects.iter().all(|reject| reject.source_id.is_some());
        if self.may_be_complete() && all_named {
            page_listed(&mut tx, run.id, run.pages, &listed(&page)).await?;
        }
        let dates = || page.records.iter().filter_map(|record| record.source().updated_at);
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let progress = Progress {
            read: count(page.records.len() + page.rejects.len()),
            created: applied.created,
            updated: applied.updated,
            unchanged: applied.unchanged,
            deleted: count(gone.len()),
            rejected,
            total: page.total.and_then(|total| i64::try_from(total).ok()),
            oldest: dates().min(),
            newest: dates().max(),
            source_time: page.source_time,
            checkpoint: match &page.next {
                Next::More(checkpoint) => Some(Json::of(checkpoint)),
                Next::Done { .. } => None,
            },
        };
        let run = run_advance(&mut tx, run, &progress).await?;
        applied.changes.extend(gone);
        change_append(&mut tx, applied.changes, Cause { run: Some(run.id), write: None }, now).await?;
        shared.store.commit(tx).await?;
        Ok(run)
    }

    /// Whether the run reads without bounds, so that its listing may be complete.
    fn may_be_complete(&self) -> bool {
        let run = &self.lease.run;
        run.mode != SyncMode::Window && run.scope_since.is_none() && run.window_end.is_none()
    }

    /// Deletes what a complete listing did not show, unless that is more than is plausible.
    async fn delete(&self, tx: &mut Tx, now: Instant) -> store::Result<Deletions> {
        macro_rules! of_each {
            ($([$variant:ident, $type:ident])+) => {
                match self.lease.data_type() { $(DataType::$variant => self.delete_of::<crate::record::$type>(tx, now).await),+ }
            };
        }
        nine!(of_each)
    }

    async fn delete_of<K: records::Kind>(&self, tx: &mut Tx, now: Instant) -> store::Result<Deletions> {
        let (connection, run) = (self.lease.connection(), &self.lease.run);
        let begun = run.started_at.unwrap_or(now);
        // Every page must be remembered: one that an older version of this server committed is no evidence.
        if page_count(tx, run.id).await? != run.pages {
            return Ok(Deletions::Carried(Vec::new()));
        }
        let found = record_missing::<K>(tx, connection, run.id, begun).await?;
        if found.missing == 0 {
            return Ok(Deletions::Carried(Vec::new()));
        }
        if !run.confirm_deletions && !policy::deletions_are_plausible(found) {
            return Ok(Deletions::Held(found));
        }
        Ok(Deletions::Carried(record_delete_unlisted::<K>(tx, connection, run.id, begun, now).await?))
    }

    /// The run has read everything.
    async fn succeed(&mut self, complete: bool) -> Result<(), Broken> {
        let shared = &self.handle.shared;
        let now = shared.clock.now();
        let (connection, data_type) = (self.lease.connection(), self.lease.data_type());
        let mut tx = shared.store.write().await?;
        lease_hold(&mut tx, &self.lease, self.handle.shared.lease_end()).await?;
        let deletions = if complete && self.may_be_complete() { self.delete(&mut tx, now).await? } else { Deletions::Carried(Vec::new()) };
        page_forget(&mut tx, self.lease.run.id).await?;
        let (gone, held) = match deletions {
            Deletions::Carried(gone) => (gone, None),
            Deletions::Held(found) => (Vec::new(), Some(found)),
        };
        self.lease.run = run_deleted(&mut tx, self.lease.run.id, i64::try_from(gone.len()).unwrap_or(i64::MAX)).await?;
        let run = &self.lease.run;
        let started = run.started_at.unwrap_or(now);
        let status = if run.rejected > 0 || held.is_some() { SyncStatus::Partial } else { SyncStatus::Succeeded };
        let watermark = (run.mode != SyncMode::Window).then(|| run.source_time.unwrap_or(started).min(started));
        let next_run_at = policy::next_due(&self.lease.schedule, run.id, started, now);
        let ending = Ending { status, error: None, next_run_at, watermark, failures: 0 };
        let run = run_finish(&mut tx, &self.lease, &ending, now).await?;
        // Only a complete listing can say that what an earlier one missed is there after all.
        if complete {
            issue_clear(&mut tx, connection, Some(data_type)).await?;
        } else {
            issue_clear_but(&mut tx, connection, data_type, DELETIONS_HELD).await?;
        }
        if let Some(found) = held {
            let message = format!(
                "A complete listing did not show {} of {} records, so none was deleted. If they are really gone, run triggerSync with mode FULL and confirmDeletions",
                found.missing, found.stored
            );
            issue_raise(&mut tx, connection, DELETIONS_HELD, Some(data_type), &message, false, now).await?;
            degrade(&mut tx, &self.lease).await?;
        }
        if issue_list(&mut tx, &[connection.0]).await?.is_empty() {
            recover(&mut tx, &self.lease).await?;
        }
        self.tell_end(&mut tx, gone, now).await?;
        shared.store.commit(tx).await?;
        tracing::info!(
            connection.id = connection.0,
            sync.data_type = %data_type,
            sync.run = run.id,
            sync.read = run.read,
            sync.created = run.created,
            sync.updated = run.updated,
            sync.rejected = run.rejected,
            sync.duration_ms = now.millis_since(started),
            "A run ended"
        );
        Ok(())
    }

    /// A page failed: waits, or gives the run up.
    async fn failed(&mut self, error: Error) -> Result<(), Broken> {
        let now = self.handle.shared.clock.now();
        let step = policy::after_failure(&error, self.lease.run.id, self.lease.run.attempts, now);
        let policy::Step::Wait { until, attempts } = step else {
            return self.give_up(Failure::from(&error), Some(error.kind)).await;
        };
        let shared = &self.handle.shared;
        let (connection, data_type) = (self.lease.connection(), self.lease.data_type());
        tracing::warn!(connection.id = connection.0, sync.data_type = %data_type, sync.run = self.lease.run.id, error = %error, until = %until, "A run waits for its WMS");
        let mut tx = shared.store.write().await?;
        run_wait(&mut tx, &self.lease, until, &error.message, attempts).await?;
        if attempts >= policy::ATTEMPTS_BEFORE_ISSUE {
            let code = Failure::from(&error).code;
            issue_raise(&mut tx, connection, code.as_str(), Some(data_type), &error.message, false, now).await?;
            degrade(&mut tx, &self.lease).await?;
        }
        shared.store.commit(tx).await?;
        Ok(())
    }

    /// The run cannot go on.
    async fn give_up(&mut self, failure: Failure, kind: Option<Kind>) -> Result<(), Broken> {
        let shared = &self.handle.shared;
        let (connection, data_type) = (self.lease.connection(), self.lease.data_type());
        let now = shared.clock.now();
        let started = self.lease.run.started_at.unwrap_or(now);
        let next_run_at = policy::next_due(&self.lease.schedule, self.lease.run.id, started, now);
        let failures = self.lease.schedule.failures + 1;
        let ending = Ending { status: SyncStatus::Failed, error: Some(failure.to_json()), next_run_at, watermark: None, failures };
        let mut tx = shared.store.write().await?;
        let run = run_finish(&mut tx, &self.lease, &ending, now).await?;
        let rejected = kind == Some(Kind::Unauthenticated);
        let concerns = if rejected { None } else { Some(data_type) };
        issue_raise(&mut tx, connection, failure.code.as_str(), concerns, &failure.message, true, now).await?;
        if rejected {
            connection_status_set(&mut tx, connection, ConnectionStatus::CredentialsRejected).await?;
        } else {
            degrade(&mut tx, &self.lease).await?;
        }
        self.tell_end(&mut tx, Vec::new(), now).await?;
        shared.store.commit(tx).await?;
        tracing::warn!(connection.id = connection.0, sync.data_type = %data_type, sync.run = run.id, error.code = %failure.code, error = failure.message, "A run failed");
        Ok(())
    }

    /// The process stops: the run goes on elsewhere, from its last page.
    async fn hand_over(&mut self) -> Result<(), Broken> {
        let shared = &self.handle.shared;
        let mut tx = shared.store.write().await?;
        lease_release(&mut tx, &self.lease, shared.clock.now()).await?;
        shared.store.commit(tx).await?;
        Ok(())
    }

    /// The last act of the transaction that ends a run.
    async fn tell_end(&self, tx: &mut Tx, mut entries: Vec<Entry>, now: Instant) -> store::Result<()> {
        let (connection, data_type) = (self.lease.connection(), self.lease.data_type());
        entries.push(Entry { kind: Change::SyncCompleted, connection, data_type, source_id: None, previous: None });
        change_append(tx, entries, Cause { run: Some(self.lease.run.id), write: None }, now).await
    }
}

/// The source ids that a page shows, those of rejects included: what cannot be mapped is still there.
fn listed<K: records::Kind>(page: &Page<K>) -> Vec<&str> {
    let rejected = page.rejects.iter().filter_map(|reject| reject.source_id.as_deref());
    page.records.iter().map(|record| record.source().id.as_str()).chain(rejected).collect()
}

/// Keeps what could not be mapped, and what no database can hold.
async fn reject<K: records::Kind>(tx: &mut Tx, run: i64, page: &Page<K>, applied: &Applied, now: Instant) -> store::Result<i64> {
    for reject in &page.rejects {
        reject_put(tx, run, reject.source_id.as_deref(), &reject.reason, &reject.raw, now).await?;
    }
    for (source_id, reason) in &applied.refused {
        let raw = page.records.iter().find(|record| record.source().id == *source_id).and_then(|record| record.source().raw.clone());
        reject_put(tx, run, Some(&source_id.replace('\0', "\u{FFFD}")), reason, &raw.unwrap_or_default(), now).await?;
    }
    Ok(i64::try_from(page.rejects.len() + applied.refused.len()).unwrap_or(i64::MAX))
}

/// A connection with an issue is degraded, unless it is stopped altogether.
async fn degrade(tx: &mut Tx, lease: &Lease) -> store::Result<()> {
    move_status(tx, lease, ConnectionStatus::Active, ConnectionStatus::Degraded).await
}

/// A connection without issues is well again.
async fn recover(tx: &mut Tx, lease: &Lease) -> store::Result<()> {
    move_status(tx, lease, ConnectionStatus::Degraded, ConnectionStatus::Active).await
}

async fn move_status(tx: &mut Tx, lease: &Lease, from: ConnectionStatus, to: ConnectionStatus) -> store::Result<()> {
    match connection_find(tx, lease.connection()).await? {
        Some(connection) if connection.status == from => connection_status_set(tx, lease.connection(), to).await,
        _ => Ok(()),
    }
}
