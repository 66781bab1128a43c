//! One write, from the journal to its end.

use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Outcome, Shared, Work, redact, seconds, unknown};
use crate::accounts::Opened;
use crate::record::draft::Passed;
use crate::record::{ConnectionId, Failure, Instant, Json};
use crate::store::apply::{Tell, record_apply};
use crate::store::changes::{Cause, Entry, change_append};
use crate::store::schedules::schedule_lock;
use crate::store::touched::schedule_want;
use crate::store::writes::{Ending, Write, WriteStatus, write_find, write_finish, write_hold, write_sent};
use crate::store::{self, Tx, records};
use crate::telemetry::chain;
use crate::wms::{AnyWritten, Error, Kind, Written};

/// A journalled write that is about to be sent.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) opened: Opened,
    pub(super) write: Write,
    pub(super) work: Work,
}

enum Answer {
    Record(AnyWritten),
    Passed(Passed),
}

/// The states that whoever has the WMS's own answer may end a write from: it knows better than who gave the sender up.
const WITH_ANSWER: &[WriteStatus] = &[WriteStatus::Sent, WriteStatus::Unknown, WriteStatus::Rejected];

impl Job {
    pub(super) async fn carry_out(self) -> store::Result<Outcome> {
        let shared = &self.shared;
        // A machine that loses its power must not forget that this was sent.
        let mut tx = shared.store.write_durably().await?;
        let sent = write_sent(&mut tx, self.write.id, shared.clock.now(), shared.lease_end()).await?;
        shared.store.commit(tx).await?;
        if !sent {
            return self.as_it_is().await;
        }
        let heart = beat(shared, self.write.id);
        let answer = match &self.work {
            Work::Command(command) => self.opened.wms.push(command, &self.write.reference).await.and_then(|written| {
                if Some(written.data_type()) == command.action().data_type() {
                    return Ok(Answer::Record(written));
                }
                let error = Error::new(Kind::Protocol, "The adapter answered with another type of record");
                Err(Error { outcome_unknown: true, ..error })
            }),
            Work::Pass(call) => self.opened.wms.pass(call).await.map(Answer::Passed),
        };
        drop(heart);
        match answer {
            Ok(Answer::Record(written)) => self.confirm(&written).await,
            Ok(Answer::Passed(passed)) => self.passed(passed).await,
            Err(error) => self.failed(&error).await,
        }
    }

    async fn as_it_is(&self) -> store::Result<Outcome> {
        let write = write_find(&mut self.shared.store.read().await?, self.write.id).await?;
        Ok(write.map(Outcome::of).unwrap_or_default())
    }

    async fn confirm(&self, written: &AnyWritten) -> store::Result<Outcome> {
        let now = self.shared.clock.now();
        let mut tx = self.shared.store.write().await?;
        let (ended, changes) = confirm(&self.shared, &mut tx, &self.write, WITH_ANSWER, written, now).await?;
        self.end(tx, ended, changes, now).await
    }

    /// The WMS has answered a call of its own API: a refusal is one, and after a failure of its own nobody knows.
    async fn passed(&self, passed: Passed) -> store::Result<Outcome> {
        let status = match passed.status {
            200..400 => WriteStatus::Confirmed,
            500.. if !self.work.only_reads() => WriteStatus::Unknown,
            _ => WriteStatus::Rejected,
        };
        let now = self.shared.clock.now();
        let mut shown = Json::of(&passed).to_value();
        redact::redact(&mut shown);
        let ending = Ending { answer: Some(Json::of(&shown)), ..Ending::default() };
        let mut tx = self.shared.store.write().await?;
        let ended = write_finish(&mut tx, self.write.id, WITH_ANSWER, status, &ending, now).await?;
        let outcome = self.end(tx, ended, Vec::new(), now).await?;
        Ok(Outcome { passed: Some(passed), ..outcome })
    }

    async fn failed(&self, error: &Error) -> store::Result<Outcome> {
        let now = self.shared.clock.now();
        let field = if let Work::Command(command) = &self.work { command.field() } else { None };
        let failure = failure_of(error, field);
        let unknown = error.outcome_unknown && !self.work.only_reads();
        let (from, status, failure) = if unknown {
            // The same call again would be a second one.
            (&[WriteStatus::Sent] as &[_], WriteStatus::Unknown, Failure { retryable: false, ..failure })
        } else {
            (WITH_ANSWER, WriteStatus::Rejected, failure)
        };
        tracing::info!(write.id = self.write.id, write.status = %status, error.code = %failure.code, error = %chain(error), "A write was not carried out");
        let look_at = (unknown && matches!(self.work, Work::Command(_))).then_some(now);
        let ending = Ending { error: Some(failure.to_json()), look_at, ..Ending::default() };
        let mut tx = self.shared.store.write().await?;
        let ended = write_finish(&mut tx, self.write.id, from, status, &ending, now).await?;
        self.end(tx, ended, Vec::new(), now).await
    }

    async fn end(&self, mut tx: Tx, ended: Option<Write>, mut changes: Vec<Entry>, now: Instant) -> store::Result<Outcome> {
        self.opened.share_budget(&mut tx, now).await?;
        // A passthrough is looked for by nobody, so that it is not known is worth an issue at once.
        if ended.as_ref().is_some_and(|write| write.status == WriteStatus::Unknown && write.look_at.is_none()) {
            changes.extend(unknown::review(&mut tx, &self.shared.settings, ConnectionId(self.write.connection_id), now).await?);
        }
        change_append(&mut tx, changes, Cause { run: None, write: Some(self.write.id) }, now).await?;
        self.shared.store.commit(tx).await?;
        let Some(ended) = ended else { return self.as_it_is().await };
        self.shared.count(&ended);
        Ok(Outcome::of(ended))
    }
}

/// An adapter speaks of the record; the caller of the mutation, of its input.
pub(super) fn failure_of(error: &Error, field: Option<&str>) -> Failure {
    let mut failure = Failure::from(error);
    if let (Some(path), Some(field)) = (&mut failure.path, field)
        && !path.first().is_some_and(|first| matches!(first.as_str(), "id" | "integrationFields"))
    {
        path.insert(0, field.to_owned());
    }
    failure
}

/// The WMS has carried a write out: its record and the journal's end, in one transaction with the changes, which the caller appends
/// to the log. `None`: it has been confirmed before.
pub(super) async fn confirm(
    shared: &Shared,
    tx: &mut Tx,
    write: &Write,
    from: &[WriteStatus],
    written: &AnyWritten,
    now: Instant,
) -> store::Result<(Option<Write>, Vec<Entry>)> {
    let connection = ConnectionId(write.connection_id);
    let (source_id, changes) = match written {
        AnyWritten::Order(written) => lay_down(tx, connection, written, now).await,
        AnyWritten::InboundShipment(written) => lay_down(tx, connection, written, now).await,
        AnyWritten::Return(written) => lay_down(tx, connection, written, now).await,
        AnyWritten::Product(written) => lay_down(tx, connection, written, now).await,
        AnyWritten::InventoryItem(written) => lay_down(tx, connection, written, now).await,
    }?;
    let ending = Ending { source_id: Some(source_id), unused_fields: written.unused_fields().to_vec(), ..Ending::default() };
    let ended = write_finish(tx, write.id, from, WriteStatus::Confirmed, &ending, now).await?;
    if ended.is_some() {
        schedule_want(tx, connection, write.action.touches(), now.plus_seconds(seconds(shared.settings.sync_after))).await?;
    }
    Ok((ended, changes))
}

async fn lay_down<T: records::Kind>(
    tx: &mut Tx,
    connection: ConnectionId,
    written: &Written<T>,
    now: Instant,
) -> store::Result<(String, Vec<Entry>)> {
    schedule_lock(tx, connection, T::DATA_TYPE).await?;
    let applied = record_apply(tx, connection, &[(&written.record).into()], now, Tell::Each).await?;
    if let Some((_, reason)) = applied.refused.first() {
        tracing::error!(connection.id = connection.0, reason, "A record that was written cannot be stored");
    }
    Ok((written.record.source().id.clone(), applied.changes))
}

/// Gives signs of life for a write until it is dropped.
fn beat(shared: &Arc<Shared>, write: i64) -> DropGuard {
    let stop = CancellationToken::new();
    let (shared, stopped) = (shared.clone(), stop.clone());
    tokio::spawn(async move {
        loop {
            // The transaction stands outside of the select: it must not be cut short.
            tokio::select! {
                () = stopped.cancelled() => return,
                () = tokio::time::sleep(shared.settings.lease / 3) => {}
            }
            if let Err(error) = hold(&shared, write).await {
                tracing::warn!(write.id = write, error = %chain(&error), "Failed to hold a write");
            }
        }
    });
    stop.drop_guard()
}

async fn hold(shared: &Shared, write: i64) -> store::Result<()> {
    let mut tx = shared.store.write().await?;
    write_hold(&mut tx, write, shared.lease_end()).await?;
    shared.store.commit(tx).await
}
