//! Laying a page down: one transaction for its records, their changes, the run's progress and its checkpoint; and if it
//! was the last page, for the run's end as well.
//!
//! A record that a write has changed since the page was asked for is left as the write's answer has it: the page may be older. What
//! else has happened to that record at the WMS, the next run reads, which begins before this page was asked for.
//!
//! A page that is both committed and the last leaves nothing to be done: there is no moment at which a run has read
//! everything and is not ended.

use std::collections::HashSet;

use super::policy::{self, Step};
use super::runner::{Broken, Worker};
use crate::metrics::Counts;
use crate::record::{ErrorCode, Failure, Instant, Json, nine};
use crate::store::apply::{Applied, Arrived, Tell, record_apply, record_rows};
use crate::store::changes::{Cause, Entry, change_append};
use crate::store::connections::{connection_status_follow, issue_clear, issue_raise};
use crate::store::deletions::{Missing, record_delete_named, record_delete_unlisted, record_missing};
use crate::store::records;
use crate::store::runs::{
    Progress, SyncMode, SyncRun, SyncStatus, SyncTrigger, page_count, page_listed, reject_put, run_advance, run_deleted, run_trim,
};
use crate::store::schedules::{Ending, lease_hold, run_finish, run_set_aside, schedule_find};
use crate::store::writes::write_newer;
use crate::store::{self, Tx};
use crate::wms::{AnyPage, Next, Page, Row, Rows};

/// What became of the deletions that a complete listing asks for.
enum Deletions {
    /// They were carried out; what the change log has to say of it.
    Carried(Vec<Entry>),
    /// They are more than is plausible: somebody must confirm them.
    Held(Missing),
}

/// A page whose rows have been mapped, as far as they differ from what is stored.
struct Read<K> {
    page: Page<K>,
    /// How many rows it showed; one that is there twice counts twice.
    shown: usize,
    /// Of the page's records, in their order: the hash of the row that each was mapped from.
    row_hashes: Vec<Option<i64>>,
    /// The source ids of the rows that are as they were.
    same: Vec<String>,
    /// When the WMS last changed those, as far as it says.
    same_dates: Vec<Instant>,
}

impl<K: records::Kind> Read<K> {
    /// The records, but for those that were written meanwhile.
    fn arrived(&self, written: &HashSet<String>) -> Vec<Arrived<'_, K>> {
        let arrived = self.page.records.iter().zip(&self.row_hashes).map(|(record, row_hash)| Arrived { record, row_hash: *row_hash });
        arrived.filter(|arrived| !written.contains(&arrived.record.source().id)).collect()
    }

    /// The source ids that the page shows, those of rejects included: what cannot be mapped is still there.
    fn listed(&self) -> Vec<&str> {
        let rejected = self.page.rejects.iter().filter_map(|reject| reject.source_id.as_deref());
        let mapped = self.page.records.iter().map(|record| record.source().id.as_str());
        mapped.chain(self.same.iter().map(String::as_str)).chain(rejected).collect()
    }
}

/// The code of the issue that deletions wait for somebody's word.
const DELETIONS_HELD: &str = "DELETIONS_HELD";
/// The code of the issue that a WMS showed less than it said that there is.
const LISTING_CUT_OFF: &str = "LISTING_CUT_OFF";

impl Worker<'_> {
    /// Commits a page, and the run's end if `step` says that nothing comes after it. False: the worker is done with the run.
    pub(super) async fn lay_down(&mut self, page: AnyPage, step: &Step, asked_at: Instant) -> Result<bool, Broken> {
        macro_rules! of_each {
            ($([$variant:ident, $type:ident])+) => {
                match page { $(AnyPage::$variant(page) => self.commit(page, step, asked_at).await),+ }
            };
        }
        let (run, goes_on) = nine!(of_each)?;
        self.lease.run = run;
        Ok(goes_on)
    }

    /// Maps the rows that differ from what is stored.
    async fn read<K: records::Kind>(&self, mut page: Page<K>) -> store::Result<Read<K>> {
        let shown = page.records.len() + page.rejects.len() + page.rows.as_ref().map_or(0, Rows::len);
        let mut row_hashes = vec![None; page.records.len()];
        let (mut same, mut same_dates) = (Vec::new(), Vec::new());
        if let Some(rows) = page.rows.take() {
            let rows_of_last = latest(&rows);
            let ids: Vec<&str> = rows_of_last.iter().map(|row| row.source_id.as_str()).collect();
            let stored = record_rows::<K>(&mut self.handle.shared.store.read().await?, self.lease.connection(), &ids).await?;
            for row in rows_of_last {
                let hash = rows.hash(row);
                match stored.get(&row.source_id) {
                    Some(stored) if stored.hash == hash => {
                        same.push(row.source_id.clone());
                        same_dates.extend(stored.source_updated_at);
                    }
                    _ => match rows.map(&row.raw) {
                        Ok(record) => {
                            page.records.push(record);
                            row_hashes.push(Some(hash));
                        }
                        Err(reject) => page.rejects.push(reject),
                    },
                }
            }
        }
        Ok(Read { page, shown, row_hashes, same, same_dates })
    }

    async fn commit<K: records::Kind>(&self, page: Page<K>, step: &Step, asked_at: Instant) -> Result<(SyncRun, bool), Broken> {
        let shared = &self.handle.shared;
        let (connection, run) = (self.lease.connection(), &self.lease.run);
        let read = self.read(page).await?;
        let page = &read.page;
        let now = shared.clock.now();
        let tell = if run.trigger == SyncTrigger::Initial { Tell::Known } else { Tell::Each };
        let mut tx = shared.store.write().await?;
        lease_hold(&mut tx, &self.lease, shared.lease_end()).await?;
        // Under the lock that writes take too, so that none is missed.
        let written: HashSet<String> = write_newer(&mut tx, connection, K::DATA_TYPE, asked_at).await?.into_iter().collect();
        let arrived = read.arrived(&written);
        let mut applied = record_apply(&mut tx, connection, &arrived, now, tell).await?;
        applied.unchanged += i64::try_from(page.records.len() - arrived.len()).unwrap_or(0);
        let deleted: Vec<String> = page.deleted.iter().filter(|id| !written.contains(*id)).cloned().collect();
        let gone = record_delete_named::<K>(&mut tx, connection, &deleted, now).await?;
        let rejected = reject(&mut tx, run.id, page, &applied, now).await?;
        // A row that cannot even be named may be any record: then the listing proves nothing.
        let all_named = page.rejects.iter().all(|reject| reject.source_id.is_some());
        if self.may_be_complete() && all_named {
            page_listed(&mut tx, run.id, run.pages, &read.listed()).await?;
        }
        let progress = self.progress(&read, step, &applied, gone.len(), rejected);
        let mut run = run_advance(&mut tx, run, &progress).await?;
        let mut entries = std::mem::take(&mut applied.changes);
        entries.extend(gone);
        if *step == Step::End {
            let (ended, last) = self.end::<K>(&mut tx, run, &page.next, now).await?;
            entries.extend(last);
            run = ended;
        }
        // Read again: somebody who waits for what is new may have made it due.
        let gives_way = match step {
            Step::Chunk(_) => {
                schedule_find(&mut tx, connection, self.lease.data_type()).await?.is_some_and(|schedule| policy::gives_way(&schedule, now))
            }
            Step::Page(_) | Step::End => false,
        };
        if gives_way {
            run_set_aside(&mut tx, &self.lease, now).await?;
        }
        self.opened.share_budget(&mut tx, now).await?;
        change_append(&mut tx, entries, Cause { run: Some(run.id), write: None }, now).await?;
        shared.store.commit(tx).await?;
        self.count(&run);
        Ok((run, *step != Step::End && !gives_way))
    }

    /// What the page adds to the run.
    fn progress<K: records::Kind>(&self, read: &Read<K>, step: &Step, applied: &Applied, gone: usize, rejected: i64) -> Progress {
        let page = &read.page;
        let dates = || page.records.iter().filter_map(|record| record.source().updated_at).chain(read.same_dates.iter().copied());
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (checkpoint, since) = match step {
            Step::Page(checkpoint) => (Some(Json::of(checkpoint)), None),
            Step::Chunk(since) => (None, Some(*since)),
            Step::End => (None, None),
        };
        Progress {
            read: count(read.shown),
            created: applied.created,
            updated: applied.updated,
            unchanged: applied.unchanged + count(read.same.len()),
            deleted: count(gone),
            rejected,
            // A window's chunks are listings of their own.
            total: page.total.and_then(|total| i64::try_from(total).ok()).filter(|_| self.lease.run.mode != SyncMode::Window),
            oldest: dates().min(),
            newest: dates().max(),
            source_time: page.source_time,
            checkpoint,
            since,
        }
    }

    fn count(&self, after: &SyncRun) {
        let (metrics, before, data_type) = (&self.handle.shared.metrics, &self.lease.run, after.data_type.as_str());
        let counts = Counts {
            created: after.created - before.created,
            updated: after.updated - before.updated,
            unchanged: after.unchanged - before.unchanged,
            deleted: after.deleted - before.deleted,
            rejected: after.rejected - before.rejected,
        };
        metrics.page(data_type, counts);
        if let (Some(started), Some(finished)) = (after.started_at, after.finished_at) {
            metrics.run_ended(data_type, after.status.as_str(), finished.millis_since(started));
        }
    }

    /// Whether the run reads without bounds, so that its listing may be complete.
    fn may_be_complete(&self) -> bool {
        let run = &self.lease.run;
        run.mode != SyncMode::Window && run.scope_since.is_none()
    }

    /// Deletes what a complete listing did not show, unless that is more than is plausible.
    async fn delete<K: records::Kind>(&self, tx: &mut Tx, run: &SyncRun, now: Instant) -> store::Result<Deletions> {
        let connection = self.lease.connection();
        let begun = run.started_at.unwrap_or(now);
        // Every page must be remembered: one with a row that could not be named is not, and then nothing is proven.
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

    /// The run has read everything that it was shown. Answers with it, ended, and with what the change log has to say of that.
    async fn end<K: records::Kind>(&self, tx: &mut Tx, run: SyncRun, next: &Next, now: Instant) -> store::Result<(SyncRun, Vec<Entry>)> {
        let (connection, data_type) = (self.lease.connection(), self.lease.data_type());
        let complete = *next == Next::Done { complete: true };
        let deletions = if complete && self.may_be_complete() { self.delete::<K>(tx, &run, now).await? } else { Deletions::Carried(Vec::new()) };
        let (mut entries, held) = match deletions {
            Deletions::Carried(gone) => (gone, None),
            Deletions::Held(found) => (Vec::new(), Some(found)),
        };
        let cut_off = match next {
            Next::CutOff { shown, of } => {
                Some(Failure::ours(ErrorCode::WmsProtocol, format!("The WMS said that there are {of} records, and showed {shown} of them")))
            }
            Next::More(_) | Next::Done { .. } => None,
        };
        let run = run_deleted(tx, run.id, i64::try_from(entries.len()).unwrap_or(i64::MAX)).await?;
        let started = run.started_at.unwrap_or(now);
        let partial = run.rejected > 0 || held.is_some() || cut_off.is_some();
        let status = if partial { SyncStatus::Partial } else { SyncStatus::Succeeded };
        // The next run begins where this one began, if this one was not shown everything.
        let whole = run.mode != SyncMode::Window && cut_off.is_none();
        let watermark = whole.then(|| run.source_time.unwrap_or(started).min(started));
        let due_at = policy::next_due(&self.lease.schedule, run.id, started, now);
        let ending = Ending { status, error: cut_off.as_ref().map(Failure::to_json), due_at, watermark, failures: 0 };
        let run = run_finish(tx, &self.lease, &ending, now).await?;
        run_trim(tx, connection, data_type, self.handle.shared.settings.keep_runs).await?;
        // What goes on is not taken back and raised again. And only a complete listing can say that what an earlier one missed is
        // there after all.
        let goes_on = [(!complete || held.is_some()).then_some(DELETIONS_HELD), cut_off.is_some().then_some(LISTING_CUT_OFF)];
        entries.extend(issue_clear(tx, connection, Some(data_type), &goes_on.into_iter().flatten().collect::<Vec<_>>()).await?);
        let held = held.map(|found| {
            let message = format!(
                "A complete listing did not show {} of {} records, so none was deleted. If they are really gone, run triggerSync with mode FULL and confirmDeletions",
                found.missing, found.stored
            );
            (DELETIONS_HELD, message)
        });
        for (code, message) in held.into_iter().chain(cut_off.map(|failure| (LISTING_CUT_OFF, failure.message))) {
            entries.extend(issue_raise(tx, connection, code, Some(data_type), &message, false, now).await?);
        }
        connection_status_follow(tx, connection).await?;
        entries.push(Entry::run_ended(connection, data_type));
        Ok((run, entries))
    }
}

/// The rows, each record's last one.
fn latest<K>(rows: &Rows<K>) -> Vec<&Row> {
    let mut seen = HashSet::with_capacity(rows.len());
    let mut latest: Vec<&Row> = rows.iter().rev().filter(|row| seen.insert(row.source_id.as_str())).collect();
    latest.reverse();
    latest
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
