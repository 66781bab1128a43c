//! What to do when: pure functions, which the engine only carries out.

use crate::random::spread;
use crate::record::{DataType, Instant};
use crate::store::deletions::Missing;
use crate::store::runs::{SyncMode, SyncRun};
use crate::store::schedules::Schedule;
use crate::wms::{Checkpoint, Error, Kind, Next, Retry, Scope};

/// Seconds in an hour.
pub const HOUR: i64 = 3600;

/// How far behind the watermark an incremental run begins, in seconds: sources' clocks and indexes lie, and a source that
/// stamps rows with the beginning of a transaction shows them only at its end.
pub const OVERLAP: i64 = 300;

/// The order in which a new connection is first synced: what others point at comes first.
pub const FIRST_SYNC_ORDER: [DataType; 9] = [
    DataType::Warehouses,
    DataType::WarehouseCustomers,
    DataType::WarehouseLocations,
    DataType::ShippingMethods,
    DataType::Products,
    DataType::Inventory,
    DataType::Orders,
    DataType::InboundShipments,
    DataType::Returns,
];

/// How often a data type is synced unless somebody says otherwise, in seconds.
pub const fn default_interval(data_type: DataType) -> i64 {
    match data_type {
        DataType::Inventory | DataType::InboundShipments | DataType::Orders | DataType::Products | DataType::Returns => HOUR,
        DataType::ShippingMethods | DataType::Warehouses | DataType::WarehouseCustomers | DataType::WarehouseLocations => 12 * HOUR,
    }
}

/// Where what a run reads begins, decided once, before its first page. `None`: everything.
pub fn since(schedule: &Schedule, run: &SyncRun, incremental: bool, lookback_days: i64, now: Instant) -> Option<Instant> {
    match (run.mode, schedule.watermark) {
        (SyncMode::Window, _) => run.window_start,
        (SyncMode::Full, _) => None,
        (SyncMode::Incremental, Some(watermark)) if incremental => Some(watermark.minus_seconds(OVERLAP)),
        (SyncMode::Incremental, None) if incremental && schedule.data_type.is_transactional() => Some(now.minus_seconds(lookback_days * 24 * HOUR)),
        (SyncMode::Incremental, _) => None,
    }
}

/// How much of a window is one listing, in seconds. A window is read chunk by chunk, so that a listing of years does not
/// have to be read in one go, or again from its beginning when the source no longer knows the checkpoint.
pub const CHUNK: i64 = 7 * 24 * HOUR;

/// The chunk of a run's window that begins at `since`; the whole rest of it when it has no end.
pub fn chunk(since: Instant, run: &SyncRun) -> Scope {
    Scope { since: Some(since), until: run.window_end.map(|end| since.plus_seconds(CHUNK).min(end)) }
}

/// What a run reads now: everything from its beginning on, or a chunk of its window.
pub fn scope(run: &SyncRun) -> Scope {
    match (run.mode, run.scope_since) {
        (SyncMode::Window, Some(since)) => chunk(since, run),
        (_, since) => Scope { since, until: None },
    }
}

/// What comes after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The next page of the same listing.
    Page(Checkpoint),
    /// The next chunk of the window, which begins here.
    Chunk(Instant),
    /// Nothing: the run has read everything that it was shown.
    End,
}

/// What comes after a page of a run that reads `scope`.
pub fn after_page(run: &SyncRun, scope: &Scope, next: &Next) -> Step {
    match (next, scope.until, run.window_end) {
        (Next::More(checkpoint), ..) => Step::Page(checkpoint.clone()),
        (Next::Done { .. }, Some(until), Some(end)) if until < end => Step::Chunk(until),
        (Next::Done { .. } | Next::CutOff { .. }, ..) => Step::End,
    }
}

/// Whether the run of a window is set aside after a chunk, because its schedule is due: a backfill of years must not hold up
/// what is new.
pub fn gives_way(schedule: &Schedule, now: Instant) -> bool {
    schedule.enabled && schedule.due_at <= now
}

/// When a schedule is due after a run that began at `started`: one interval later, less up to a twentieth of it, so that
/// a thousand connections made at once do not stay together for ever. Never before `now`.
pub fn next_due(schedule: &Schedule, run: i64, started: Instant, now: Instant) -> Instant {
    let interval = schedule.interval_seconds;
    let early = spread(&[schedule.connection_id, run], interval / 20 + 1);
    started.plus_seconds(interval - early).max(now)
}

/// What a failed page means for its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterFailure {
    /// Wait until then and ask for the same page again.
    Wait {
        /// Until when.
        until: Instant,
        /// Failures in a row so far, this one included where it counts.
        attempts: i64,
    },
    /// Give the run up.
    Fail,
}

/// The longest pause between two attempts, in seconds.
const LONGEST_PAUSE: i64 = 15 * 60;

/// Exponential, with up to half of it taken off at random: 1, 2, 4 … 900 seconds.
fn pause(run: i64, attempts: i64) -> i64 {
    let full = 1_i64.checked_shl(u32::try_from(attempts).unwrap_or(0).min(10)).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
    full - spread(&[run, attempts], full / 2 + 1)
}

/// What to do after the page of a run failed for the `attempts + 1`st time in a row.
pub fn after_failure(error: &Error, run: i64, attempts: i64, now: Instant) -> AfterFailure {
    let back_off = |attempts| AfterFailure::Wait { until: now.plus_seconds(pause(run, attempts)), attempts };
    match (error.kind, error.retry) {
        // Never a failure, so it does not count as an attempt.
        (Kind::RateLimited, Retry::After(until)) => AfterFailure::Wait { until: until.max(now), attempts },
        (Kind::RateLimited, _) => AfterFailure::Wait { until: now.plus_seconds(pause(run, attempts.max(4))), attempts },
        (Kind::Protocol, _) if attempts == 0 => back_off(1),
        (Kind::Protocol, _) => AfterFailure::Fail,
        (_, Retry::After(until)) => AfterFailure::Wait { until: until.max(now), attempts: attempts + 1 },
        (_, Retry::BackOff) => back_off(attempts + 1),
        (_, Retry::Never) => AfterFailure::Fail,
    }
}

/// Whether a complete listing that misses so much may delete it: a source that lost half of its rows has more likely broken
/// than been tidied up. Up to 50 records, or a fifth of all, are believed.
pub fn deletions_are_plausible(found: Missing) -> bool {
    found.missing <= 50 || found.missing.saturating_mul(5) <= found.stored
}

/// How late a schedule may be before it is worth an issue, in seconds.
pub const GRACE: i64 = 300;

/// After so many failures in a row, a run that waits for its WMS is worth an issue.
pub const ATTEMPTS_BEFORE_ISSUE: i64 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::runs::SyncTrigger;

    const NOW: Instant = Instant::from_micros(1_800_000_000_000_000);

    fn schedule(data_type: DataType, watermark: Option<Instant>) -> Schedule {
        Schedule {
            connection_id: 7,
            data_type,
            interval_seconds: HOUR,
            enabled: true,
            due_at: NOW,
            next_run_at: NOW,
            priority: 1,
            run_id: None,
            lease_token: 0,
            leased_until: None,
            watermark,
            initial_sync_completed_at: watermark,
            fresh_as_of: None,
            failures: 0,
            wanted_at: None,
        }
    }

    fn run(mode: SyncMode) -> SyncRun {
        SyncRun {
            id: 1,
            connection_id: 7,
            data_type: DataType::Orders,
            trigger: SyncTrigger::Scheduled,
            mode,
            status: crate::store::runs::SyncStatus::Running,
            waiting_until: None,
            waiting_reason: None,
            due_at: NOW,
            queued_at: NOW,
            started_at: None,
            finished_at: None,
            window_start: Some(NOW.minus_seconds(10)),
            window_end: None,
            scope_since: None,
            confirm_deletions: false,
            checkpoint: None,
            source_time: None,
            attempts: 0,
            pages: 0,
            read: 0,
            created: 0,
            updated: 0,
            unchanged: 0,
            deleted: 0,
            rejected: 0,
            total: None,
            error: None,
            oldest_source_date: None,
            newest_source_date: None,
        }
    }

    #[test]
    fn a_first_sync_looks_back_only_for_what_happens_in_time() {
        let since = |data_type, mode, watermark| super::since(&schedule(data_type, watermark), &run(mode), true, 30, NOW);
        assert_eq!(since(DataType::Orders, SyncMode::Incremental, None), Some(NOW.minus_seconds(30 * 24 * HOUR)));
        assert_eq!(since(DataType::Products, SyncMode::Incremental, None), None);
        assert_eq!(since(DataType::Products, SyncMode::Incremental, Some(NOW)), Some(NOW.minus_seconds(OVERLAP)));
        assert_eq!(since(DataType::Orders, SyncMode::Full, Some(NOW)), None);
        assert_eq!(since(DataType::Orders, SyncMode::Window, Some(NOW)), Some(NOW.minus_seconds(10)));
        let whole = super::since(&schedule(DataType::Inventory, Some(NOW)), &run(SyncMode::Incremental), false, 30, NOW);
        assert_eq!(whole, None, "an adapter that lists no changes is asked for everything");
    }

    #[test]
    fn a_window_is_read_in_chunks_and_to_its_end() {
        let (start, end) = (NOW.minus_seconds(2 * CHUNK + 60), NOW);
        let mut run = SyncRun { window_start: Some(start), window_end: Some(end), scope_since: Some(start), ..run(SyncMode::Window) };
        let done = Next::Done { complete: false };
        let mut read = Vec::new();
        loop {
            let scope = scope(&run);
            read.push((scope.since, scope.until));
            let more = Checkpoint(serde_json::json!(1));
            assert_eq!(after_page(&run, &scope, &Next::More(more.clone())), Step::Page(more), "a chunk may have many pages");
            match after_page(&run, &scope, &done) {
                Step::Chunk(since) => run.scope_since = Some(since),
                step => break assert_eq!(step, Step::End),
            }
        }
        let at = |seconds| Some(start.plus_seconds(seconds));
        assert_eq!(read, [(at(0), at(CHUNK)), (at(CHUNK), at(2 * CHUNK)), (at(2 * CHUNK), Some(end))]);
        let whole = SyncRun { window_start: None, window_end: None, ..run };
        assert_eq!(after_page(&whole, &Scope::default(), &done), Step::End);
    }

    #[test]
    fn due_times_are_within_the_interval_and_spread() {
        let schedule = schedule(DataType::Orders, None);
        let dues: std::collections::BTreeSet<_> = (0..100).map(|run| next_due(&schedule, run, NOW, NOW)).collect();
        assert!(dues.len() > 50, "{} different times", dues.len());
        assert!(dues.iter().all(|due| *due <= NOW.plus_seconds(HOUR) && *due >= NOW.plus_seconds(HOUR - HOUR / 20)));
        let late = NOW.plus_seconds(3 * HOUR);
        assert_eq!(next_due(&schedule, 1, NOW, late), late, "a run longer than its interval is followed at once");
    }

    #[test]
    fn a_listing_that_misses_too_much_deletes_nothing() {
        let plausible = |stored, missing| deletions_are_plausible(Missing { stored, missing });
        assert!(plausible(10, 10), "few records");
        assert!(plausible(50, 50) && !plausible(51, 51));
        assert!(plausible(1000, 200) && !plausible(1000, 201));
    }

    #[test]
    fn failures_are_told_apart() {
        let step = |kind, attempts| after_failure(&Error::new(kind, ""), 1, attempts, NOW);
        let until = NOW.plus_seconds(77);
        let limited = Error::new(Kind::RateLimited, "").with_retry(Retry::After(until));
        assert_eq!(after_failure(&limited, 1, 2, NOW), AfterFailure::Wait { until, attempts: 2 });
        assert_eq!(step(Kind::Unauthenticated, 0), AfterFailure::Fail);
        assert_eq!(step(Kind::Validation, 0), AfterFailure::Fail);
        assert_eq!(step(Kind::Protocol, 1), AfterFailure::Fail);
        assert!(matches!(step(Kind::Protocol, 0), AfterFailure::Wait { attempts: 1, .. }));
        for attempts in [0, 5, 50, 5_000] {
            let AfterFailure::Wait { until, attempts: counted } = step(Kind::Unavailable, attempts) else {
                unreachable!("a transient failure waits")
            };
            assert_eq!(counted, attempts + 1);
            assert!(until > NOW && until <= NOW.plus_seconds(LONGEST_PAUSE));
        }
    }
}
