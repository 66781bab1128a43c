//! The issue that nobody knows of some of a connection's writes whether they were carried out.
//!
//! It is raised when nobody looks for a write any more, or when it has not been found out for some time; it says how many there are,
//! and which is the oldest. It follows from the journal: whoever settles a write reviews it in the same transaction, and now and then
//! all of them are reviewed, since time alone raises it too. So it goes by itself, whoever finds out what became of the write.

use std::collections::BTreeSet;

use super::{Settings, Shared, seconds};
use crate::record::{ConnectionId, Instant};
use crate::store::changes::{Cause, Entry, change_append};
use crate::store::connections::{connection_status_follow, issue_holders, issue_raise, issue_take_back};
use crate::store::writes::{WRITE_UNKNOWN, Write, write_forlorn, write_forlorn_at};
use crate::store::{self, Tx};

/// Since when nobody may have known, so that it is worth an issue now.
fn since(settings: &Settings, now: Instant) -> Instant {
    now.minus_seconds(seconds(settings.issue_after))
}

/// Raises, rewords or takes back the issue of a connection, as its journal stands. Answers with what the change log has to say of
/// that, which the caller appends.
pub(super) async fn review(tx: &mut Tx, settings: &Settings, connection: ConnectionId, now: Instant) -> store::Result<Option<Entry>> {
    let told = match write_forlorn(tx, connection, since(settings, now)).await? {
        Some((oldest, count)) => issue_raise(tx, connection, WRITE_UNKNOWN, None, &message(&oldest, count), false, now).await?,
        None => {
            let gone = issue_take_back(tx, connection, WRITE_UNKNOWN).await?;
            if gone.is_none() {
                return Ok(None);
            }
            gone
        }
    };
    connection_status_follow(tx, connection).await?;
    Ok(told)
}

/// Reviews the issue of every connection that has it, or should have it.
pub(super) async fn review_all(shared: &Shared) -> store::Result<()> {
    let now = shared.clock.now();
    let connections: BTreeSet<i64> = {
        let mut conn = shared.store.read().await?;
        let holders = issue_holders(&mut conn, WRITE_UNKNOWN).await?;
        holders.into_iter().chain(write_forlorn_at(&mut conn, since(&shared.settings, now)).await?).collect()
    };
    for connection in connections {
        let mut tx = shared.store.write().await?;
        let told = review(&mut tx, &shared.settings, ConnectionId(connection), now).await?;
        change_append(&mut tx, told.into_iter().collect(), Cause::default(), now).await?;
        shared.store.commit(tx).await?;
    }
    Ok(())
}

fn message(oldest: &Write, count: i64) -> String {
    let (action, at) = (oldest.action, oldest.created_at);
    let what = if count == 1 {
        format!("It is not known whether {action} of {at} was carried out")
    } else {
        format!("It is not known of {count} writes whether they were carried out; the oldest is {action} of {at}")
    };
    format!("{what}. Look at the WMS, and tell by reconcileWrite; the journal lists such writes as UNKNOWN")
}
