//! What became of writes that no answer came to, found out by looking at the WMS; and old entries of the journal.
//!
//! A write says when it is next to be looked after (`look_at`). Whoever moves that on owns the look, so any number of processes may
//! do this; two that look at the same time would do no harm, since looking changes nothing, and only one can end a write.
//!
//! * Being sent, and its sender gives no sign of life any more: never sent → REJECTED; sent → UNKNOWN.
//! * UNKNOWN: the adapter looks it up. That it was carried out is believed at once. That it was not is believed only some time after
//!   its answer failed to come, for until then the WMS may still be at it.
//! * Where the WMS does not tell, it is asked again, with growing pauses, for about a day. Then a person must look, or ask for
//!   another look (`reconcileWrite`): there is an issue by then ([`unknown`]). What a person has found is believed where the WMS does
//!   not tell, so no write is UNKNOWN for ever.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use super::carry::confirm;
use super::{Handle, Outcome, Shared, Word, in_progress, seconds, unknown};
use crate::accounts::Refused;
use crate::record::{ConnectionId, DataType, ErrorCode, Failure, Instant};
use crate::store::changes::{Cause, Entry, change_append};
use crate::store::connections::connection_find;
use crate::store::touched::schedule_want;
use crate::store::writes::{Ending, Write, WriteStatus, write_claim, write_command, write_due, write_find, write_finish, write_looked, write_prune};
use crate::store::{self, Tx};
use crate::telemetry::chain;
use crate::wms::{AnyCommand, Error, Found, Kind, Priority, Retry};

/// How often the journal is looked at. (The time that tells what is due is not the one that the runtime sleeps by.)
const POLL: Duration = Duration::from_secs(1);
/// Writes that are taken at one look.
const AT_ONCE: i64 = 32;
/// Writes that are looked up at the same time.
const TOGETHER: usize = 8;
/// Looks after which a person must ask for another one.
const MOST_LOOKS: i64 = 30;
/// The first and the longest pause between two looks, in seconds.
const PAUSES: (i64, i64) = (2, 3_600);
/// Looks at the journal between two removals of old entries.
const PRUNE_EVERY: u32 = 60;
/// Looks at the journal between two reviews of the issues that nobody knows what came of a write.
const REVIEW_EVERY: u32 = 10;
/// The most rows that one transaction removes.
const PRUNE_AT_ONCE: i64 = 1_000;
/// Seconds in a day.
const DAY: i64 = 24 * 3_600;

/// Looks after the journal. One for each process is enough; any number may share a database.
#[derive(Debug)]
pub struct Settler {
    handle: Handle,
    stop: CancellationToken,
}

impl Settler {
    /// A settler that ends when `stop` is cancelled.
    pub fn new(handle: Handle, stop: CancellationToken) -> Self {
        Self { handle, stop }
    }

    /// Works until it is told to stop.
    pub async fn work(self) {
        let shared = &self.handle.shared;
        for round in 1_u32.. {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(POLL) => {}
            }
            if let Err(error) = settle_due(shared).await {
                tracing::warn!(error = %chain(&error), "Failed to look after the journal of writes");
            }
            if round % REVIEW_EVERY == 0
                && let Err(error) = unknown::review_all(shared).await
            {
                tracing::warn!(error = %chain(&error), "Failed to review the issues of writes");
            }
            if round % PRUNE_EVERY == 0
                && let Err(error) = prune(shared, &self.stop).await
            {
                tracing::warn!(error = %chain(&error), "Failed to remove old writes");
            }
        }
    }
}

async fn settle_due(shared: &Arc<Shared>) -> store::Result<()> {
    let due = write_due(&mut shared.store.read().await?, shared.clock.now(), AT_ONCE).await?;
    let settled = stream::iter(due).map(|write| async move {
        let id = write.id;
        if let Err(error) = settle(shared, write).await {
            tracing::warn!(write.id = id, error = %chain(&error), "Failed to settle a write");
        }
    });
    settled.buffer_unordered(TOGETHER).collect::<()>().await;
    Ok(())
}

async fn prune(shared: &Shared, stop: &CancellationToken) -> store::Result<()> {
    let days = shared.settings.keep_writes_days.max(shared.settings.keep_keys_days);
    let before = shared.clock.now().minus_seconds(days * DAY);
    loop {
        let mut tx = shared.store.write().await?;
        let removed = write_prune(&mut tx, before, PRUNE_AT_ONCE).await?;
        shared.store.commit(tx).await?;
        if stop.is_cancelled() || i64::try_from(removed).unwrap_or(0) < PRUNE_AT_ONCE {
            return Ok(());
        }
    }
}

/// Looks after one write that is due, unless somebody else does. Answers with it, if this has taken it.
async fn settle(shared: &Arc<Shared>, write: Write) -> store::Result<Option<Write>> {
    let now = shared.clock.now();
    let mut tx = shared.store.write().await?;
    if !write_claim(&mut tx, &write, shared.lease_end()).await? {
        return Ok(None);
    }
    let write = Write { looks: write.looks + 1, ..write };
    let write = match write.status {
        WriteStatus::Pending => {
            let failure = Failure::ours(ErrorCode::NotSent, "The server ended before it could send the write");
            let ending = Ending { error: Some(Failure { retryable: true, ..failure }.to_json()), ..Ending::default() };
            let ended = write_finish(&mut tx, write.id, &[WriteStatus::Pending], WriteStatus::Rejected, &ending, now).await?;
            shared.store.commit(tx).await?;
            ended.iter().for_each(|ended| shared.count(ended));
            return Ok(ended);
        }
        WriteStatus::Sent => {
            let message = "The server ended between sending the write and noting the answer";
            let failure = Failure::ours(ErrorCode::WmsTimeout, message);
            let ending = Ending { error: Some(failure.to_json()), look_at: Some(shared.lease_end()), ..Ending::default() };
            let ended = write_finish(&mut tx, write.id, &[WriteStatus::Sent], WriteStatus::Unknown, &ending, now).await?;
            let Some(ended) = ended else { return Ok(None) };
            shared.count(&ended);
            ended
        }
        WriteStatus::Unknown => write,
        WriteStatus::Confirmed | WriteStatus::Rejected => return Ok(None),
    };
    shared.store.commit(tx).await?;
    let look = look_up(shared, &write).await?;
    conclude(shared, &write, look).await
}

/// What a look told.
enum Look {
    Found(Found<crate::wms::AnyWritten>),
    /// There is nothing to look with, or nobody to ask.
    Impossible(String),
    Failed(Error),
}

async fn look_up(shared: &Shared, write: &Write) -> store::Result<Look> {
    let (command, connection) = {
        let mut conn = shared.store.read().await?;
        let command = write_command(&mut conn, shared.store.vault(), write).await?;
        (command, connection_find(&mut conn, ConnectionId(write.connection_id)).await?)
    };
    let command = command.and_then(|text| AnyCommand::read(write.action, &serde_json::from_str(text.expose_secret()).ok()?));
    let (Some(command), Some(connection)) = (command, connection) else {
        return Ok(Look::Impossible("There is nothing by which it could be looked up".to_owned()));
    };
    let opened = match shared.accounts.open(&connection, Priority::Write).await {
        Ok(opened) => opened,
        Err(Refused::Failure(failure)) => return Ok(Look::Failed(Error::new(Kind::Configuration, failure.message))),
        Err(Refused::Store(error)) => return Err(error),
    };
    let found = opened.wms.look_up(&command, &write.reference).await;
    let mut tx = shared.store.write().await?;
    opened.share_budget(&mut tx, shared.clock.now()).await?;
    shared.store.commit(tx).await?;
    Ok(match found {
        Ok(Found::Done(written)) if Some(written.data_type()) != write.action.data_type() => {
            Look::Failed(Error::new(Kind::Protocol, "The adapter answered with another type of record"))
        }
        Ok(found) => Look::Found(found),
        Err(error) => Look::Failed(error),
    })
}

async fn conclude(shared: &Shared, write: &Write, look: Look) -> store::Result<Option<Write>> {
    const FROM: &[WriteStatus] = &[WriteStatus::Unknown];
    let now = shared.clock.now();
    let next = (write.looks < MOST_LOOKS).then(|| now.plus_seconds(pause(write.looks)));
    let mut tx = shared.store.write().await?;
    let mut told = Vec::new();
    let ended = match look {
        Look::Found(Found::Done(written)) => {
            let (ended, changes) = confirm(shared, &mut tx, write, FROM, &written, now).await?;
            told = changes;
            ended
        }
        Look::Found(Found::NotDone) => {
            let believed = believed(shared, write);
            if now < believed {
                let told = "The WMS knows nothing of it so far";
                write_looked(&mut tx, write.id, told, Some(believed.min(now.plus_seconds(pause(write.looks))))).await?
            } else {
                write_finish(&mut tx, write.id, FROM, WriteStatus::Rejected, &not_done(write), now).await?
            }
        }
        Look::Found(Found::Unclear(why)) => write_looked(&mut tx, write.id, &why, next).await?,
        Look::Impossible(why) => write_looked(&mut tx, write.id, &why, None).await?,
        Look::Failed(error) => {
            let next = match error.retry {
                Retry::After(at) => next.map(|next| next.max(at)),
                Retry::BackOff | Retry::Never => next,
            };
            write_looked(&mut tx, write.id, &error.message, next).await?
        }
    };
    end(shared, tx, write, ended, told, now).await
}

/// Commits what was found out of a write, with what the log and the connection's issue have to say of that.
async fn end(shared: &Shared, mut tx: Tx, write: &Write, ended: Option<Write>, mut told: Vec<Entry>, now: Instant) -> store::Result<Option<Write>> {
    told.extend(unknown::review(&mut tx, &shared.settings, ConnectionId(write.connection_id), now).await?);
    change_append(&mut tx, told, Cause { run: None, write: Some(write.id) }, now).await?;
    shared.store.commit(tx).await?;
    if let Some(ended) = &ended
        && ended.status.is_settled()
    {
        shared.count(ended);
        tracing::info!(write.id = ended.id, write.status = %ended.status, write.looks = ended.looks, "A write was settled");
    }
    Ok(ended)
}

/// From when on it is believed that a write was not carried out: until then the WMS may still be at it.
fn believed(shared: &Shared, write: &Write) -> Instant {
    write.finished_at.unwrap_or(write.created_at).plus_seconds(seconds(shared.settings.settle_after))
}

/// It was not carried out, so it may be tried again.
fn not_done(write: &Write) -> Ending {
    let known = write.error.as_ref().map(Failure::from_json);
    let failure = known.unwrap_or_else(|| Failure::ours(ErrorCode::WmsTimeout, "It was not known whether it was carried out; it was not"));
    Ending { error: Some(Failure { retryable: true, ..failure }.to_json()), answer: write.answer.clone(), ..Ending::default() }
}

/// Settles a write by somebody's word. What it has changed is not known here, so that is read again.
async fn take_word(shared: &Shared, write: &Write, word: &Word) -> store::Result<()> {
    const FROM: &[WriteStatus] = &[WriteStatus::Unknown];
    let now = shared.clock.now();
    let mut tx = shared.store.write().await?;
    let told = format!("The key {:?} says that it was {}carried out", word.by, if word.carried_out { "" } else { "not " });
    write_looked(&mut tx, write.id, &told, None).await?;
    let ended = if word.carried_out {
        let ending = Ending { answer: write.answer.clone(), ..Ending::default() };
        let ended = write_finish(&mut tx, write.id, FROM, WriteStatus::Confirmed, &ending, now).await?;
        let touched: Vec<DataType> = write.action.data_type().into_iter().chain(write.action.touches().iter().copied()).collect();
        schedule_want(&mut tx, ConnectionId(write.connection_id), &touched, now).await?;
        ended
    } else {
        write_finish(&mut tx, write.id, FROM, WriteStatus::Rejected, &not_done(write), now).await?
    };
    end(shared, tx, write, ended, Vec::new(), now).await.map(drop)
}

/// Seconds until the next look, after so many.
fn pause(looks: i64) -> i64 {
    let doublings = u32::try_from(looks.clamp(0, 16)).unwrap_or(16);
    (PAUSES.0 << doublings).min(PAUSES.1)
}

/// Looks at the WMS for what became of a write, now; where that does not tell, somebody's word does. `None`: there is no such write.
pub(super) async fn reconcile(shared: &Arc<Shared>, id: i64, word: Option<Word>) -> store::Result<Option<Outcome>> {
    let Some(write) = write_find(&mut shared.store.read().await?, id).await? else { return Ok(None) };
    if write.status.is_settled() {
        return Ok(Some(Outcome::of(write)));
    }
    let sending = write.status != WriteStatus::Unknown && write.look_at.is_none_or(|at: Instant| at > shared.clock.now());
    if !sending && settle(shared, write.clone()).await?.is_none() {
        // Somebody else looks just now.
        return Ok(Some(Outcome { write: Some(write), ..Outcome::refused(in_progress()) }));
    }
    let looked = write_find(&mut shared.store.read().await?, id).await?;
    let Some((word, write)) = word.zip(looked.as_ref().filter(|write| write.status == WriteStatus::Unknown)) else {
        return Ok(looked.map(Outcome::of));
    };
    let believed = believed(shared, write);
    if shared.clock.now() < believed {
        let failure = Failure::ours(ErrorCode::InProgress, format!("Nobody can know yet: the WMS may be at it until {believed}"));
        let failure = Failure { retryable: true, retry_after: Some(believed), ..failure };
        return Ok(Some(Outcome { write: looked, ..Outcome::refused(failure.at(&["carriedOut"])) }));
    }
    take_word(shared, write, &word).await?;
    Ok(write_find(&mut shared.store.read().await?, id).await?.map(Outcome::of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_the_looks_of_a_write_take_about_a_day() {
        assert_eq!([0, 1, 2, 11, 40].map(pause), [2, 4, 8, 3_600, 3_600]);
        let all: i64 = (0..MOST_LOOKS).map(pause).sum();
        assert!((12 * 3_600..36 * 3_600).contains(&all), "{all}");
    }
}
