//! Writes to a WMS: check → journal → adapter → store.
//!
//! **Invariants.**
//! * A write is journalled before it is sent, and noted as sent before the first byte leaves.
//! * A write that was begun is seen through, also when the caller has gone: it runs in a task of its own.
//! * Nothing that may have been carried out is sent again. Where no answer came, the journal says UNKNOWN, and the server looks at
//!   the WMS until it knows ([`settle`]): also for a write whose process died between sending it and noting the answer.
//! * The record that comes back, its change and the journal's end commit together, before the caller is answered: a read
//!   after the write sees it.
//! * One idempotency key of a connection is one write, whoever asks, however often, at whichever process ([`key`]).
//!
//! | file | part |
//! |---|---|
//! | [`check`] | what is refused before anything is sent: pure |
//! | [`key`] | what a key that was used before is answered with: pure |
//! | [`carry`] | one write, from the journal to its end |
//! | [`settle`] | what became of writes that no answer came to; old entries |
//! | [`unknown`] | the issue that nobody knows what came of a write |
//! | [`unused`] | which fields of an input an adapter has no use for: pure |
//! | [`redact`] | what the journal shows |

mod carry;
mod check;
mod key;
mod redact;
mod schema;
mod settle;
mod unknown;
mod unused;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use tracing::Instrument as _;

use crate::accounts::{Accounts, Refused};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::record::draft::{HttpMethod, Named, Passed, Passthrough, WriteAction};
use crate::record::{ConnectionId, ErrorCode, Failure, Instant, Json};
use crate::store::connections::{Connection, ConnectionStatus, connection_find};
use crate::store::presence::record_absent;
use crate::store::writes::{NewWrite, Write, WriteStatus, write_find, write_of_key, write_put, write_release};
use crate::store::{self, Store};
pub use crate::wms::AnyCommand;
use crate::wms::{Priority, Writes};
use carry::Job;
use key::Verdict;
pub use settle::Settler;

/// What can be adjusted.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a process that gives no sign of life may still be sending a write.
    pub lease: Duration,
    /// How long after its answer failed to come a write may still be carried out: only then it is believed that it was not.
    pub settle_after: Duration,
    /// How long nobody may know what came of a write before it is worth an issue.
    pub issue_after: Duration,
    /// How long after a write what it has changed beside its record is read again.
    pub sync_after: Duration,
    /// Writes of a batch that are under way at the same time.
    pub at_once: usize,
    /// How long an idempotency key is answered with its write, in days.
    pub keep_keys_days: i64,
    /// How long settled writes are kept, in days.
    pub keep_writes_days: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            settle_after: Duration::from_secs(60),
            issue_after: Duration::from_secs(300),
            sync_after: Duration::from_secs(2),
            at_once: 4,
            keep_keys_days: 7,
            keep_writes_days: 90,
        }
    }
}

/// Who asks for a write, and how.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Where it goes.
    pub connection: ConnectionId,
    /// The field of the input that names the connection.
    pub field: &'static str,
    /// The key under which it is answered again.
    pub key: Option<String>,
    /// How long to wait for the end of a write that is under way under the same key.
    pub wait: Duration,
    /// Only check it.
    pub dry_run: bool,
    /// Whose key asks: number and name.
    pub by: (i64, String),
}

/// What came of a write.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The journal's entry; `None` when the write was refused before it was journalled.
    pub write: Option<Write>,
    /// What the WMS answered to a passthrough.
    pub passed: Option<Passed>,
    /// Why it was not carried out, or why nobody knows. Empty when it was carried out.
    pub failures: Vec<Failure>,
    /// Whether this is the answer to an earlier call with the same key.
    pub replayed: bool,
    /// Input fields that were not written, or of a dry run, that would not be: dotted paths below the draft or patch.
    pub unused_fields: Vec<String>,
}

impl Outcome {
    fn refused(failure: Failure) -> Self {
        Self { failures: vec![failure], ..Self::default() }
    }

    /// What the journal knows of a write.
    fn of(write: Write) -> Self {
        let failures = match write.status {
            WriteStatus::Confirmed => Vec::new(),
            WriteStatus::Pending | WriteStatus::Sent => vec![in_progress()],
            WriteStatus::Rejected | WriteStatus::Unknown => write.error.as_ref().map(Failure::from_json).into_iter().collect(),
        };
        let passed = write.answer.as_ref().and_then(|json| serde_json::from_str(json.as_str()).ok());
        let unused_fields = write.unused_fields.to_vec();
        Self { failures, passed, write: Some(write), replayed: false, unused_fields }
    }
}

fn in_progress() -> Failure {
    Failure { retryable: true, ..Failure::ours(ErrorCode::InProgress, "The same write is under way") }
}

/// What is to be carried out.
#[derive(Debug, Clone)]
enum Work {
    Command(AnyCommand),
    Pass(Passthrough),
}

impl Work {
    fn action(&self) -> WriteAction {
        match self {
            Self::Command(command) => command.action(),
            Self::Pass(_) => WriteAction::Passthrough,
        }
    }

    /// Whether carrying it out changes nothing at the WMS.
    fn only_reads(&self) -> bool {
        matches!(self, Self::Pass(call) if call.method == HttpMethod::Get)
    }

    /// As JSON, in the input's names, without what was not given.
    fn request(&self) -> Value {
        match self {
            Self::Command(command) => given(command.request(), command.field().filter(|_| check::is_patch(command.action()))),
            Self::Pass(call) => given(Json::of(call).to_value(), None),
        }
    }
}

/// Leaves out every null that says the same as nothing: all but those of a patch's own fields, and those in JSON of the WMS's own.
fn given(mut request: Value, patch: Option<&str>) -> Value {
    fn prune(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|_, value| !value.is_null());
                fields.values_mut().for_each(prune);
            }
            Value::Array(items) => items.iter_mut().for_each(prune),
            _ => {}
        }
    }
    if let Value::Object(fields) = &mut request {
        fields.retain(|_, value| !value.is_null());
        for (name, value) in fields {
            match value {
                _ if matches!(name.as_str(), "integrationFields" | "body") => {}
                Value::Object(patched) if patch == Some(name.as_str()) => patched.values_mut().for_each(prune),
                value => prune(value),
            }
        }
    }
    request
}

struct Shared {
    store: Store,
    accounts: Accounts,
    clock: Clock,
    metrics: Metrics,
    settings: Settings,
    reference: fn() -> Option<String>,
}

impl Shared {
    /// When a sender that gives a sign of life now is given up.
    fn lease_end(&self) -> Instant {
        self.clock.now().plus_seconds(seconds(self.settings.lease))
    }

    fn count(&self, write: &Write) {
        let took = write.finished_at.zip(write.sent_at).map_or(0, |(finished, sent)| finished.millis_since(sent));
        self.metrics.write_ended(write.action.as_str(), write.status.as_str(), took);
    }
}

/// A setting, as instants take it.
fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Carries out writes. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("writes::Handle").field("store", &self.shared.store).finish_non_exhaustive()
    }
}

/// The longest idempotency key, in bytes.
const LONGEST_KEY: usize = 255;
/// How long whoever waits for another's write rests between two looks at the journal, at first and at most.
const WAITS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

impl Handle {
    /// A handle on the connections of `accounts`. `reference` makes a new name for a write; `None` when it cannot.
    pub fn new(accounts: Accounts, clock: Clock, metrics: Metrics, settings: Settings, reference: fn() -> Option<String>) -> Self {
        let store = accounts.store().clone();
        Self { shared: Arc::new(Shared { store, accounts, clock, metrics, settings, reference }) }
    }

    /// Writes of a batch that are under way at the same time.
    pub fn at_once(&self) -> usize {
        self.shared.settings.at_once
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// When the store fails. What the WMS says is in the outcome.
    pub async fn write(&self, ask: Ask, command: impl Into<AnyCommand>) -> store::Result<Outcome> {
        self.perform(ask, Work::Command(command.into())).await
    }

    /// Passes a call of the WMS's own API through.
    ///
    /// # Errors
    /// When the store fails. What the WMS says is in the outcome.
    pub async fn pass(&self, ask: Ask, call: Passthrough) -> store::Result<Outcome> {
        self.perform(ask, Work::Pass(call)).await
    }

    async fn perform(&self, ask: Ask, work: Work) -> store::Result<Outcome> {
        let shared = &self.shared;
        let Some(connection) = connection_find(&mut shared.store.read().await?, ask.connection).await? else {
            return Ok(Outcome::refused(Failure::ours(ErrorCode::NotFound, "There is no such connection").at(&[ask.field])));
        };
        if ask.key.as_ref().is_some_and(|key| key.is_empty() || key.len() > LONGEST_KEY || key.contains('\0')) {
            let message = format!("A key has 1 to {LONGEST_KEY} bytes, and no U+0000");
            return Ok(Outcome::refused(Failure::ours(ErrorCode::InvalidInput, message).at(&["idempotencyKey"])));
        }
        let request = work.request();
        let content_hash = key::content_hash(work.action(), &request);
        // Before the check: what was done is answered, whatever has become of the account since.
        if let Some(key) = ask.key.as_deref().filter(|_| !ask.dry_run) {
            let held = write_of_key(&mut shared.store.read().await?, ask.connection, key).await?;
            if let Some(held) = held
                && let Some(answer) = self.answered(&ask, &content_hash, held).await?
            {
                return Ok(answer);
            }
        }
        let failures = self.refusals(&ask, &connection, &work).await?;
        if ask.dry_run || !failures.is_empty() {
            let unused_fields = if ask.dry_run { self.unused(&connection, &work) } else { Vec::new() };
            return Ok(Outcome { failures, unused_fields, ..Outcome::default() });
        }
        let opened = match shared.accounts.open(&connection, Priority::Write).await {
            Ok(opened) => opened,
            Err(Refused::Failure(failure)) => return Ok(Outcome::refused(*failure)),
            Err(Refused::Store(error)) => return Err(error),
        };
        let write = loop {
            match self.journal(&ask, &work, &request, &content_hash).await? {
                Journalled::New(write) => break *write,
                Journalled::NoReference => {
                    return Ok(Outcome::refused(Failure::ours(ErrorCode::Internal, "The operating system gave no random bytes")));
                }
                Journalled::Again => {}
                // Somebody was faster.
                Journalled::Held(held) => {
                    if let Some(answer) = self.answered(&ask, &content_hash, *held).await? {
                        return Ok(answer);
                    }
                }
            }
        };
        let id = write.id;
        let job = Job { shared: shared.clone(), opened, write, work };
        // In a task of its own: a caller that hangs up must not cut the write short.
        match tokio::spawn(job.carry_out().in_current_span()).await {
            Ok(outcome) => outcome,
            Err(panic) => {
                // What became of it is for the settler to find out.
                let write = write_find(&mut shared.store.read().await?, id).await?;
                let failure = Failure::ours(ErrorCode::Internal, format!("The write failed: {panic}"));
                Ok(Outcome { write, ..Outcome::refused(failure) })
            }
        }
    }

    /// What a connection's adapter says of such writes; `None` where it knows none.
    fn writes(&self, connection: &Connection, action: WriteAction) -> Option<&Writes> {
        self.shared.accounts.integration(&connection.integration)?.writes.iter().find(|writes| writes.action == action)
    }

    /// Input fields that the connection's adapter has no use for.
    fn unused(&self, connection: &Connection, work: &Work) -> Vec<String> {
        match (self.writes(connection, work.action()), work) {
            (Some(writes), Work::Command(command)) => unused::unused(&work.request(), command.field(), writes),
            (None, _) | (_, Work::Pass(_)) => Vec::new(),
        }
    }

    /// Why a write cannot be sent.
    async fn refusals(&self, ask: &Ask, connection: &Connection, work: &Work) -> store::Result<Vec<Failure>> {
        let action = work.action();
        let Some(writes) = self.writes(connection, action) else {
            let message = format!("{} cannot do {action}", connection.integration);
            return Ok(vec![Failure::ours(ErrorCode::Unsupported, message).at(&[ask.field])]);
        };
        if connection.status == ConnectionStatus::Paused {
            return Ok(vec![Failure::ours(ErrorCode::Disabled, "The connection is paused").at(&[ask.field])]);
        }
        let Work::Command(command) = work else { return Ok(Vec::new()) };
        let choices: Vec<Named> =
            command.refs().into_iter().filter(|named| named.connection == ask.connection && check::CHOICES.contains(&named.data_type)).collect();
        let absent = if choices.is_empty() { choices } else { record_absent(&mut self.shared.store.read().await?, ask.connection, choices).await? };
        Ok(check::check(command, ask.connection, writes, &absent))
    }

    /// What a key is answered with that was used before; `None`: the write may be sent (again).
    async fn answered(&self, ask: &Ask, content_hash: &str, mut held: Write) -> store::Result<Option<Outcome>> {
        let deadline = tokio::time::Instant::now() + ask.wait;
        let mut rest = WAITS.0;
        loop {
            match key::verdict(&held, content_hash, self.shared.clock.now(), self.shared.settings.keep_keys_days) {
                Verdict::Send => return Ok(None),
                Verdict::Mismatch => {
                    let message = "The idempotency key was used for another content";
                    let failure = Failure::ours(ErrorCode::IdempotencyMismatch, message).at(&["idempotencyKey"]);
                    return Ok(Some(Outcome { write: Some(held), ..Outcome::refused(failure) }));
                }
                Verdict::Answer => return Ok(Some(Outcome { replayed: true, ..Outcome::of(held) })),
                Verdict::Open if tokio::time::Instant::now() + rest > deadline => {
                    let replayed = held.status == WriteStatus::Unknown;
                    return Ok(Some(Outcome { replayed, ..Outcome::of(held) }));
                }
                Verdict::Open => {}
            }
            tokio::time::sleep(rest).await;
            rest = (rest * 2).min(WAITS.1);
            match write_find(&mut self.shared.store.read().await?, held.id).await? {
                Some(write) => held = write,
                None => return Ok(None),
            }
        }
    }

    async fn journal(&self, ask: &Ask, work: &Work, request: &Value, content_hash: &str) -> store::Result<Journalled> {
        let shared = &self.shared;
        let Some(reference) = (shared.reference)() else { return Ok(Journalled::NoReference) };
        let mut shown = request.clone();
        redact::redact(&mut shown);
        let command = matches!(work, Work::Command(_)).then(|| SecretString::from(request.to_string()));
        let new = NewWrite {
            connection: ask.connection,
            action: work.action(),
            reference: &reference,
            request: &Json::of(&shown),
            command: command.as_ref(),
            key: ask.key.as_deref(),
            content_hash,
            by: (ask.by.0, &ask.by.1),
            look_at: shared.lease_end(),
        };
        let now = shared.clock.now();
        let mut tx = shared.store.write().await?;
        if let Some(key) = new.key
            && let Some(held) = write_of_key(&mut tx, ask.connection, key).await?
        {
            if key::verdict(&held, content_hash, now, shared.settings.keep_keys_days) != Verdict::Send {
                return Ok(Journalled::Held(Box::new(held)));
            }
            write_release(&mut tx, held.id).await?;
        }
        match write_put(&mut tx, shared.store.vault(), &new, now).await? {
            Some(write) => {
                shared.store.commit(tx).await?;
                Ok(Journalled::New(Box::new(write)))
            }
            None => {
                let held = match new.key {
                    Some(key) => write_of_key(&mut tx, ask.connection, key).await?,
                    None => None,
                };
                Ok(held.map_or(Journalled::Again, |held| Journalled::Held(Box::new(held))))
            }
        }
    }

    /// Looks at the WMS for what became of a write that no answer came to, now. Where that does not tell, what somebody has found
    /// there is believed. `None`: there is no such write.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reconcile(&self, id: i64, word: Option<Word>) -> store::Result<Option<Outcome>> {
        settle::reconcile(&self.shared, id, word).await
    }
}

/// What somebody who has looked at the WMS says of a write.
#[derive(Debug, Clone)]
pub struct Word {
    /// Whether it was carried out.
    pub carried_out: bool,
    /// The name of the key under which that is said.
    pub by: String,
}

/// What came of journalling.
enum Journalled {
    New(Box<Write>),
    /// This one holds the key.
    Held(Box<Write>),
    /// Another one held the key, and no longer does.
    Again,
    NoReference,
}
