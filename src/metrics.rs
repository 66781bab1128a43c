//! Numbers about what the server does, for Prometheus.
//!
//! A leaf: it knows nothing of what it counts. Whoever counts is given the numbers; nothing is global.

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// A label: its name and its value. Values come from fixed sets, never from data.
type Label = (&'static str, &'static str);

/// Every number. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    runs: Family<[Label; 2], Counter>,
    run_seconds: Family<[Label; 1], Histogram>,
    records: Family<[Label; 2], Counter>,
    delay: Family<[Label; 1], Histogram>,
    late: Family<[Label; 1], Gauge>,
    waits: Family<[Label; 1], Counter>,
    writes: Family<[Label; 2], Counter>,
    write_seconds: Family<[Label; 1], Histogram>,
    requests: Family<[Label; 1], Counter>,
    sockets: Gauge,
    event_streams: Gauge,
    subscribers: Gauge,
    subscriptions: Gauge,
    subscribers_behind: Counter,
    webhooks: WebhookMetrics,
}

/// What is counted of webhooks.
#[derive(Clone, Debug)]
struct WebhookMetrics {
    attempts: Family<[Label; 1], Counter>,
    seconds: Family<[Label; 1], Histogram>,
    queued: Counter,
    dead: Counter,
    endpoints: Family<[Label; 1], Gauge>,
    lag: Gauge,
}

/// Upper bounds of durations, in seconds: from a millisecond to ten minutes.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0];
/// Upper bounds of delays, in seconds: from a second to half a day.
const DELAYS: [f64; 10] = [1.0, 2.0, 5.0, 15.0, 60.0, 180.0, 600.0, 3600.0, 14400.0, 43200.0];

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let mut metrics = Self {
            registry: Arc::default(),
            runs: Family::default(),
            run_seconds: seconds(),
            records: Family::default(),
            delay: Family::new_with_constructor((|| Histogram::new(DELAYS)) as fn() -> Histogram),
            late: Family::default(),
            waits: Family::default(),
            writes: Family::default(),
            write_seconds: seconds(),
            requests: Family::default(),
            sockets: Gauge::default(),
            event_streams: Gauge::default(),
            subscribers: Gauge::default(),
            subscriptions: Gauge::default(),
            subscribers_behind: Counter::default(),
            webhooks: WebhookMetrics {
                attempts: Family::default(),
                seconds: seconds(),
                queued: Counter::default(),
                dead: Counter::default(),
                endpoints: Family::default(),
                lag: Gauge::default(),
            },
        };
        let mut all = Registry::with_prefix("crossdock");
        all.register("sync_runs", "Sync runs that ended, by data type and status", metrics.runs.clone());
        all.register("sync_run_seconds", "How long sync runs took from their first page to their end", metrics.run_seconds.clone());
        all.register("sync_records", "Records that sync runs read, by data type and what became of them", metrics.records.clone());
        all.register("schedule_delay_seconds", "How long after it was due a run was begun", metrics.delay.clone());
        all.register("schedules_late", "Enabled schedules that are later than their period and a grace", metrics.late.clone());
        all.register("sync_waits", "How often sync runs had to wait, by reason", metrics.waits.clone());
        all.register("writes", "Writes to WMSs, by action and outcome", metrics.writes.clone());
        all.register("write_seconds", "How long WMSs took to answer writes", metrics.write_seconds.clone());
        all.register("graphql_requests", "GraphQL requests, by outcome", metrics.requests.clone());
        all.register("websockets", "Open websockets", metrics.sockets.clone());
        all.register("event_streams", "Open event streams", metrics.event_streams.clone());
        all.register("subscribers", "Subscribers that have come to the head of what they follow", metrics.subscribers.clone());
        all.register("subscriptions", "Subscriptions that are executed for them: equal ones are one", metrics.subscriptions.clone());
        all.register(
            "subscribers_behind",
            "How often a subscriber was too slow for the others, and read again by itself",
            metrics.subscribers_behind.clone(),
        );
        let webhooks = &metrics.webhooks;
        all.register("webhook_attempts", "Webhooks sent, by outcome", webhooks.attempts.clone());
        all.register("webhook_seconds", "How long endpoints took to answer webhooks, by outcome", webhooks.seconds.clone());
        all.register("webhooks_queued", "Events put into the queues of webhook endpoints", webhooks.queued.clone());
        all.register("webhooks_dead", "Webhooks given up after their last attempt", webhooks.dead.clone());
        all.register("webhook_endpoints", "Webhook endpoints, by how they are doing", webhooks.endpoints.clone());
        all.register(
            "webhook_lag",
            "Changes that have not been read for webhooks yet, as the process that reads them saw last",
            webhooks.lag.clone(),
        );
        metrics.registry = Arc::new(all);
        metrics
    }
}

/// What became of the records of a page, or of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// New.
    pub created: i64,
    /// Different from what was stored.
    pub updated: i64,
    /// As they were.
    pub unchanged: i64,
    /// Gone.
    pub deleted: i64,
    /// Not taken.
    pub rejected: i64,
}

impl Metrics {
    /// A page of a run was stored.
    pub fn page(&self, data_type: &'static str, counts: Counts) {
        let Counts { created, updated, unchanged, deleted, rejected } = counts;
        for (outcome, count) in [("created", created), ("updated", updated), ("unchanged", unchanged), ("deleted", deleted), ("rejected", rejected)] {
            if let Ok(count @ 1..) = u64::try_from(count) {
                self.records.get_or_create(&[("data_type", data_type), ("outcome", outcome)]).inc_by(count);
            }
        }
    }

    /// A run was begun, so many milliseconds after it was due.
    pub fn run_begun(&self, data_type: &'static str, delay_ms: i64) {
        self.delay.get_or_create(&[("data_type", data_type)]).observe(delay_ms as f64 / 1_000.0);
    }

    /// A run ended, so many milliseconds after it was begun.
    pub fn run_ended(&self, data_type: &'static str, status: &'static str, duration_ms: i64) {
        self.runs.get_or_create(&[("data_type", data_type), ("status", status)]).inc();
        self.run_seconds.get_or_create(&[("data_type", data_type)]).observe(duration_ms as f64 / 1_000.0);
    }

    /// A run has to wait.
    pub fn run_waits(&self, reason: &'static str) {
        self.waits.get_or_create(&[("reason", reason)]).inc();
    }

    /// So many schedules of a data type are late.
    pub fn schedules_late(&self, data_type: &'static str, count: i64) {
        self.late.get_or_create(&[("data_type", data_type)]).set(count);
    }

    /// A WMS has answered a write, or has not.
    pub fn write_ended(&self, action: &'static str, status: &'static str, duration_ms: i64) {
        self.writes.get_or_create(&[("action", action), ("status", status)]).inc();
        self.write_seconds.get_or_create(&[("action", action)]).observe(duration_ms as f64 / 1_000.0);
    }

    /// A request was answered; a subscription, for the first time.
    pub fn request(&self, outcome: &'static str) {
        self.requests.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// A websocket is open until the answer is dropped.
    pub fn socket(&self) -> Open {
        Open::count(&self.sockets)
    }

    /// An event stream is open until the answer is dropped.
    pub fn event_stream(&self) -> Open {
        Open::count(&self.event_streams)
    }

    /// A subscriber has come to the head, until the answer is dropped.
    pub fn subscriber(&self) -> Open {
        Open::count(&self.subscribers)
    }

    /// A subscription is executed for all who share it until the answer is dropped.
    pub fn subscription(&self) -> Open {
        Open::count(&self.subscriptions)
    }

    /// A subscriber was too slow for the others.
    pub fn subscriber_behind(&self) {
        self.subscribers_behind.inc();
    }

    /// So many events were put into queues of webhook endpoints.
    pub fn webhooks_queued(&self, count: usize) {
        self.webhooks.queued.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// So many changes have not been read for webhooks yet.
    pub fn webhook_lag(&self, changes: i64) {
        self.webhooks.lag.set(changes);
    }

    /// A webhook was sent, and its endpoint took so long to answer.
    pub fn webhook_sent(&self, outcome: &'static str, duration_ms: i64) {
        self.webhooks.attempts.get_or_create(&[("outcome", outcome)]).inc();
        self.webhooks.seconds.get_or_create(&[("outcome", outcome)]).observe(duration_ms as f64 / 1_000.0);
    }

    /// A webhook was given up.
    pub fn webhook_dead(&self) {
        self.webhooks.dead.inc();
    }

    /// How the webhook endpoints are doing.
    pub fn webhook_endpoints(&self, enabled: i64, failing: i64, disabled: i64) {
        for (state, count) in [("enabled", enabled), ("failing", failing), ("disabled", disabled)] {
            self.webhooks.endpoints.get_or_create(&[("state", state)]).set(count);
        }
    }

    /// All of them, in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Counts something for as long as it lives.
#[derive(Debug)]
pub struct Open(Gauge);

impl Open {
    fn count(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::default();
        metrics.run_ended("ORDERS", "SUCCEEDED", 1_500);
        metrics.page("ORDERS", Counts { created: 3, ..Counts::default() });
        metrics.schedules_late("ORDERS", 2);
        let socket = metrics.socket();
        let text = metrics.text();
        for line in [
            "crossdock_sync_runs_total{data_type=\"ORDERS\",status=\"SUCCEEDED\"} 1",
            "crossdock_sync_records_total{data_type=\"ORDERS\",outcome=\"created\"} 3",
            "crossdock_schedules_late{data_type=\"ORDERS\"} 2",
            "crossdock_websockets 1",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
        assert!(!text.contains("unchanged"), "{text}");
        drop(socket);
        assert!(metrics.text().contains("crossdock_websockets 0"));
    }
}
