//! Wake-ups: hints that something has been committed, within this process and (on PostgreSQL) across all that share the
//! database.
//!
//! **Invariants.** A signal is only a hint: it holds no data, it may come twice, and it may be lost (a listener that is
//! reconnecting hears nothing). So whoever waits for one also looks by itself now and then ([`Store::poll`]). A
//! transaction's signals go out when it has committed, never before.
//!
//! [`Store::poll`]: super::Store::poll

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::StreamExt as _;
use tokio::sync::{Notify, broadcast};

/// What has been committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Entries of the change log.
    Changes,
    /// A schedule that is due sooner than it was.
    Schedules,
    /// Something to be sent to a webhook endpoint.
    Webhooks,
    /// The end of a run, which somebody has stopped.
    Stop(i64),
}

impl Signal {
    pub(super) fn to_text(self) -> String {
        match self {
            Self::Changes => "changes".to_owned(),
            Self::Schedules => "schedules".to_owned(),
            Self::Webhooks => "webhooks".to_owned(),
            Self::Stop(run) => format!("stop {run}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "changes" => Some(Self::Changes),
            "schedules" => Some(Self::Schedules),
            "webhooks" => Some(Self::Webhooks),
            other => other.strip_prefix("stop ")?.parse().ok().map(Self::Stop),
        }
    }
}

/// PostgreSQL's channel for signals.
pub(super) const CHANNEL: &str = "crossdock";

/// Who waits for what in this process.
#[derive(Debug)]
pub(super) struct Signals {
    pub(super) changes: Arc<Notify>,
    pub(super) schedules: Arc<Notify>,
    pub(super) webhooks: Arc<Notify>,
    pub(super) stops: broadcast::Sender<i64>,
    /// Whether the signals of other processes are heard.
    pub(super) listening: AtomicBool,
}

impl Default for Signals {
    fn default() -> Self {
        // Few runs are stopped at a time; one that is missed here notices when it next touches its lease.
        let (stops, _) = broadcast::channel(64);
        Self { changes: Arc::default(), schedules: Arc::default(), webhooks: Arc::default(), stops, listening: AtomicBool::new(false) }
    }
}

impl Signals {
    pub(super) fn fire(&self, signal: Signal) {
        match signal {
            Signal::Changes => self.changes.notify_waiters(),
            Signal::Schedules => self.schedules.notify_waiters(),
            Signal::Webhooks => self.webhooks.notify_waiters(),
            // Nobody may be listening: then no run is under way here.
            Signal::Stop(run) => drop(self.stops.send(run)),
        }
    }

    fn fire_all(&self) {
        self.fire(Signal::Changes);
        self.fire(Signal::Schedules);
        self.fire(Signal::Webhooks);
    }
}

/// How long to wait before a lost connection is made again.
const AGAIN: Duration = Duration::from_secs(1);

/// Hears what other processes commit, until it is dropped.
pub(super) async fn listen(url: &str, signals: &Signals) {
    loop {
        if let Err(error) = hear(url, signals).await {
            tracing::warn!(error, "Wake-ups of other processes are not heard for now; looking every second instead");
        }
        signals.listening.store(false, Ordering::Relaxed);
        tokio::time::sleep(AGAIN).await;
    }
}

async fn hear(url: &str, signals: &Signals) -> Result<(), String> {
    let mut connection = AsyncPgConnection::establish(url).await.map_err(|e| e.to_string())?;
    connection.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(|e| e.to_string())?;
    signals.listening.store(true, Ordering::Relaxed);
    // Something may have been committed before the connection stood.
    signals.fire_all();
    let mut heard = pin!(connection.notifications_stream());
    while let Some(notification) = heard.next().await {
        let notification = notification.map_err(|e| e.to_string())?;
        if let Some(signal) = Signal::parse(&notification.payload) {
            signals.fire(signal);
        }
    }
    Err("the connection ended".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_come_through_as_they_went() {
        for signal in [Signal::Changes, Signal::Schedules, Signal::Webhooks, Signal::Stop(17)] {
            assert_eq!(Signal::parse(&signal.to_text()), Some(signal));
        }
        assert_eq!(Signal::parse("stop x"), None);
    }
}
