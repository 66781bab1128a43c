//! What a write wants of schedules: a WMS that carries one out changes more than the record that it answers with (the stock, when an
//! order is shipped), and what is stored of that is stale from then on.
//!
//! **Invariants.**
//! * A schedule says that its records are wanted from the transaction in which a write is confirmed until a run begins that shows all
//!   there is. So nothing is forgotten, also when a run is under way that may have read past it, or a process dies.
//! * However many writes there are, one run follows: what is wanted already is not wanted twice. It is an ordinary run, which waits for
//!   its place among those that are due.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};

use super::conn::{Columns as _, Run as _, Tx};
use super::error::{During as _, Result};
use super::schedules::{Lease, Schedule};
use super::schema::{schedules as s, sync_runs as r};
use super::wake::Signal;
use crate::record::{ConnectionId, DataType, Instant};

/// When a schedule is due whose records are wanted again: then, but not before it has rested for four times as long as its last
/// run took. So what writes ask for takes a fifth of the time at most, however many there are and however long it takes to read.
pub(super) fn due_after_write(wanted: Instant, began: Instant, ended: Instant) -> Instant {
    const RESTS: i64 = 4;
    wanted.max(ended.plus_millis(ended.millis_since(began).max(0).saturating_mul(RESTS)))
}

/// Wants the records of these types again at a moment, because a write has changed some of them at the WMS. A schedule that runs by
/// itself is due then, or after its rest, if it would not be before; one whose run has begun has another one after it. What is wanted
/// already is not wanted twice.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_want(tx: &mut Tx, connection: ConnectionId, data_types: &[DataType], at: Instant) -> Result<()> {
    for data_type in data_types.iter().copied() {
        let row = s::table.find((connection.0, data_type));
        let wanted = diesel::update(row.filter(s::enabled.eq(true)).filter(s::wanted_at.is_null())).set(s::wanted_at.eq(Some(at)));
        let wanted = wanted.returning(Schedule::columns());
        let Some(found): Option<Schedule> = wanted.one(tx).await.optional().during("Failed to want records again")? else { continue };
        let ended = r::table.filter(r::connection_id.eq(connection.0)).filter(r::data_type.eq(data_type)).filter(r::finished_at.is_not_null());
        let last = ended.order(r::id.desc()).limit(1).select((r::started_at, r::finished_at));
        let last: Option<(Option<Instant>, Option<Instant>)> = last.one(tx).await.optional().during("Failed to find a schedule's last run")?;
        let due = last.and_then(|(began, ended)| began.zip(ended)).map_or(at, |(began, ended)| due_after_write(at, began, ended));
        if due >= found.due_at {
            continue;
        }
        // A run that is under way, or waits, keeps its time.
        let next = if found.run_id.is_some() { found.next_run_at } else { due };
        diesel::update(row).set((s::due_at.eq(due), s::next_run_at.eq(next))).run(tx).await.during("Failed to make a schedule due")?;
        tx.signal(Signal::Schedules);
    }
    Ok(())
}

/// Notes that a run begins, which shows whatever was wanted so far.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_shown(tx: &mut Tx, lease: &Lease) -> Result<()> {
    let row = s::table.find((lease.schedule.connection_id, lease.schedule.data_type));
    diesel::update(row).set(s::wanted_at.eq(None::<Instant>)).run(tx).await.during("Failed to note what a run shows")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writes_ask_for_takes_a_fifth_of_the_time_at_most() {
        let at = |seconds: i64| Instant::from_micros(seconds * 1_000_000);
        assert_eq!(due_after_write(at(102), at(100), at(100)), at(102), "a run that took no time needs no rest");
        assert_eq!(due_after_write(at(102), at(40), at(100)), at(340));
        assert_eq!(due_after_write(at(500), at(40), at(100)), at(500), "it has rested");
        assert_eq!(due_after_write(at(102), at(110), at(100)), at(102), "clocks differ");
    }
}
