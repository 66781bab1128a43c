//! How writes to WMSs are carried out.

use std::time::Duration;

use clap::Args;

/// How writes are carried out.
#[derive(Debug, Clone, Args)]
pub struct WriteArgs {
    /// Seconds after which a process that gave no sign of life is no longer taken to be sending a write
    #[arg(long, env = "CROSSDOCK_WRITE_LEASE", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub write_lease: u64,
    /// Seconds after an answer failed to come in which a WMS may still carry the write out
    #[arg(long, env = "CROSSDOCK_WRITE_SETTLE_AFTER", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86400))]
    pub write_settle_after: u64,
    /// Seconds after which there is an issue if nobody knows yet whether a write was carried out
    #[arg(long, env = "CROSSDOCK_WRITE_ISSUE_AFTER", default_value_t = 300, value_parser = clap::value_parser!(u64).range(0..=604_800))]
    pub write_issue_after: u64,
    /// Seconds after a write until what it has changed beside its record, such as the stock, is read again
    #[arg(long, env = "CROSSDOCK_SYNC_AFTER_WRITE", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=86400))]
    pub sync_after_write: u64,
    /// Writes of a batch that are under way at the same time
    #[arg(long, env = "CROSSDOCK_WRITES_AT_ONCE", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub writes_at_once: u16,
    /// Days that an idempotency key is answered with its write
    #[arg(long, env = "CROSSDOCK_KEEP_IDEMPOTENCY_KEYS_DAYS", default_value_t = 7, value_parser = clap::value_parser!(i64).range(1..=36500))]
    pub keep_idempotency_keys_days: i64,
    /// Days that settled writes are kept in the journal; never fewer than their keys
    #[arg(long, env = "CROSSDOCK_KEEP_WRITES_DAYS", default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=36500))]
    pub keep_writes_days: i64,
}

impl WriteArgs {
    /// As the engine takes them.
    pub fn settings(&self) -> crate::writes::Settings {
        crate::writes::Settings {
            lease: Duration::from_secs(self.write_lease),
            settle_after: Duration::from_secs(self.write_settle_after),
            issue_after: Duration::from_secs(self.write_issue_after),
            sync_after: Duration::from_secs(self.sync_after_write),
            at_once: usize::from(self.writes_at_once),
            keep_keys_days: self.keep_idempotency_keys_days,
            keep_writes_days: self.keep_writes_days,
        }
    }
}
