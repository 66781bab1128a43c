//! Writes to a WMS: journal → adapter → store.
//!
//! **Invariants.**
//! * A write is journalled before it is sent, and noted as sent before the first byte leaves.
//! * A write that was begun is seen through, also when the caller has gone: it runs in a task of its own.
//! * Nothing that may have been carried out is sent again. Where no answer came, the journal says UNKNOWN.
//! * The record that comes back, its change and the journal's end commit together, before the caller is answered: a read
//!   after the write sees it.

use crate::accounts::{Accounts, Opened, Refused};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::record::draft::Command;
use crate::record::{ConnectionId, ErrorCode, Failure, Json};
use crate::store::apply::{Tell, record_apply};
use crate::store::changes::{Cause, change_append};
use crate::store::connections::connection_find;
use crate::store::records::{Kind, Needs, Stored, record_many};
use crate::store::schedules::schedule_lock;
use crate::store::writes::{Write, WriteStatus, write_finish, write_put, write_sent};
use crate::store::{self, Store};
use crate::telemetry::chain;
use crate::wms::{AnyCommand, Error, Priority, Pushable, Written};

/// What came of a write.
#[derive(Debug, Clone)]
pub struct Outcome<T> {
    /// The record as the WMS now holds it.
    pub record: Option<Stored<T>>,
    /// The journal's entry; `None` when the write was refused before it was journalled.
    pub write: Option<Write>,
    /// Why it was not carried out, or why nobody knows.
    pub failure: Option<Failure>,
}

impl<T> Outcome<T> {
    fn refused(failure: Failure) -> Self {
        Self { record: None, write: None, failure: Some(failure) }
    }
}

/// Carries out writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    accounts: Accounts,
    clock: Clock,
    metrics: Metrics,
    reference: fn() -> Option<String>,
}

impl Handle {
    /// A handle on the connections of `accounts`. `reference` makes a new name for a write; `None` when it cannot.
    pub fn new(accounts: Accounts, clock: Clock, metrics: Metrics, reference: fn() -> Option<String>) -> Self {
        Self { accounts, clock, metrics, reference }
    }

    /// Carries out a command at the WMS of `connection`. `field` is the field of the input that names the connection.
    ///
    /// # Errors
    /// When the store fails. What the WMS says is in the outcome.
    pub async fn write<C>(&self, connection: ConnectionId, command: C, api_key: i64, field: &'static str) -> store::Result<Outcome<C::Record>>
    where
        C: Pushable,
        C::Record: Kind,
    {
        let store = self.accounts.store();
        let Some(found) = connection_find(&mut store.read().await?, connection).await? else {
            return Ok(Outcome::refused(Failure::ours(ErrorCode::NotFound, "There is no such connection").at(&[field])));
        };
        let action = C::ACTION;
        if !self.accounts.integration(&found.integration).is_some_and(|i| i.writes.iter().any(|writes| writes.action == action)) {
            let failure = Failure::ours(ErrorCode::Unsupported, format!("{} cannot do {action}", found.integration));
            return Ok(Outcome::refused(failure.at(&[field])));
        }
        let opened = match self.accounts.open(&found, Priority::Write).await {
            Ok(opened) => opened,
            Err(Refused::Failure(failure)) => return Ok(Outcome::refused(*failure)),
            Err(Refused::Store(error)) => return Err(error),
        };
        let Some(reference) = (self.reference)() else {
            return Ok(Outcome::refused(Failure::ours(ErrorCode::Internal, "The operating system gave no random bytes")));
        };
        let (store, clock, metrics) = (store.clone(), self.clock.clone(), self.metrics.clone());
        let job = Job { store, clock, metrics, opened, connection, api_key, reference };
        // In a task of its own: a caller that hangs up must not cut the write short.
        match tokio::spawn(job.carry_out(command)).await {
            Ok(outcome) => outcome,
            Err(panic) => Ok(Outcome::refused(Failure::ours(ErrorCode::Internal, format!("The write failed: {panic}")))),
        }
    }
}

struct Job {
    store: Store,
    clock: Clock,
    metrics: Metrics,
    opened: Opened,
    connection: ConnectionId,
    api_key: i64,
    reference: String,
}

impl Job {
    async fn carry_out<C>(self, command: C) -> store::Result<Outcome<C::Record>>
    where
        C: Pushable,
        C::Record: Kind,
    {
        let mut tx = self.store.write().await?;
        let request = Json::of(&command);
        let write = write_put(&mut tx, self.connection, C::ACTION, &self.reference, &request, Some(self.api_key), self.clock.now()).await?;
        write_sent(&mut tx, write.id, self.clock.now()).await?;
        self.store.commit(tx).await?;
        let command: AnyCommand = command.into();
        match self.opened.wms.push(&command, &self.reference).await {
            Ok(written) => match C::written(written) {
                Some(written) => self.confirm(write.id, written).await,
                None => {
                    let error = Error::new(crate::wms::Kind::Protocol, "The adapter answered with another type of record");
                    self.refuse::<C>(write.id, &Error { outcome_unknown: true, ..error }).await
                }
            },
            Err(error) => self.refuse::<C>(write.id, &error).await,
        }
    }

    async fn confirm<T: Kind>(&self, write: i64, written: Written<T>) -> store::Result<Outcome<T>> {
        let now = self.clock.now();
        let source_id = written.record.source().id.clone();
        let mut tx = self.store.write().await?;
        schedule_lock(&mut tx, self.connection, T::DATA_TYPE).await?;
        let applied = record_apply(&mut tx, self.connection, &[(&written.record).into()], now, Tell::Each).await?;
        if let Some((_, reason)) = applied.refused.first() {
            tracing::error!(write.id = write, reason, "A record that was written cannot be stored");
        }
        let ended = write_finish(&mut tx, write, WriteStatus::Confirmed, Some(&source_id), None, &written.unused_fields, now).await?;
        self.opened.share_budget(&mut tx, now).await?;
        change_append(&mut tx, applied.changes, Cause { run: None, write: Some(write) }, now).await?;
        self.store.commit(tx).await?;
        self.count(&ended);
        let record = record_many::<T>(&mut self.store.read().await?, &[(self.connection, &source_id)], &Needs::Everything).await?.into_iter().next();
        Ok(Outcome { record, write: Some(ended), failure: None })
    }

    fn count(&self, write: &Write) {
        let took = write.finished_at.zip(write.sent_at).map_or(0, |(finished, sent)| finished.millis_since(sent));
        self.metrics.write_ended(write.action.as_str(), write.status.as_str(), took);
    }

    async fn refuse<C: Command>(&self, write: i64, error: &Error) -> store::Result<Outcome<C::Record>> {
        let mut failure = Failure::from(error);
        // The adapter speaks of the record; the caller of the mutation, of its input.
        if let (Some(path), Some(field)) = (&mut failure.path, C::FIELD)
            && !path.first().is_some_and(|first| matches!(first.as_str(), "id" | "integrationFields"))
        {
            path.insert(0, field.to_owned());
        }
        let status = if error.outcome_unknown { WriteStatus::Unknown } else { WriteStatus::Rejected };
        let mut tx = self.store.write().await?;
        let ended = write_finish(&mut tx, write, status, None, Some(failure.to_json()), &[], self.clock.now()).await?;
        self.opened.share_budget(&mut tx, self.clock.now()).await?;
        self.store.commit(tx).await?;
        self.count(&ended);
        tracing::info!(write.id = write, write.status = %status, error.code = %failure.code, error = %chain(error), "A write was not carried out");
        Ok(Outcome { record: None, write: Some(ended), failure: Some(failure) })
    }
}
