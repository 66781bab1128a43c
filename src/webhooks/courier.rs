//! Sends what is in one endpoint's queue, for as long as something is due and the endpoint takes it.
//!
//! What is due is read a little at a time and sent so many at once as the endpoint allows; what became of it is noted down in
//! small transactions, soon but not one by one. What was sent and not noted down (because this process died, or lost the lease)
//! is sent again.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use secrecy::SecretString;
use tokio::time::Instant as Moment;
use tokio_util::sync::CancellationToken;

use super::event::{Body, bodies, event_id};
use super::http::{Answer, Message};
use super::{Handle, Shared, policy, sign};
use crate::store::webhooks::deliveries::Delivery;
use crate::store::webhooks::queue::{Health, QueueLease, queue_due, queue_hold, queue_next, queue_record, queue_release};
use crate::store::webhooks::{Endpoint, WebhookDeliveryStatus, WebhookDisabledReason, WebhookOrdering, endpoint_secrets};
use crate::store::{self, Error};
use crate::telemetry::chain;

/// How many deliveries are read at once.
const BATCH: i64 = 50;
/// So many outcomes are noted down in one transaction.
const NOTED: usize = 50;
/// No outcome waits longer than this to be noted down. Nobody waits for it, and the fewer transactions, the better.
const SOON: Duration = Duration::from_secs(1);
/// The same where the next event of a record waits for it.
const SOONER: Duration = Duration::from_millis(50);
/// How long a server that is told to stop waits for answers.
const LAST: Duration = Duration::from_secs(5);

/// Sends what is due, and gives the queue back.
pub(super) async fn deliver(handle: &Handle, lease: QueueLease, endpoint: Endpoint, stop: &CancellationToken) {
    let id = endpoint.id;
    let mut courier = Courier {
        shared: handle.shared.clone(),
        health: Health::from(&endpoint),
        lease,
        endpoint,
        secrets: Vec::new(),
        ready: VecDeque::new(),
        more: true,
        in_flight: FuturesUnordered::new(),
        in_hand: HashSet::new(),
        done: Vec::new(),
        done_since: None,
        held_at: Moment::now(),
    };
    match courier.work(stop).await {
        Ok(()) => {}
        Err(Error::LeaseLost) => tracing::info!(webhook.endpoint = id, "A webhook endpoint's queue was taken over, or the endpoint removed"),
        Err(error) => {
            tracing::error!(webhook.endpoint = id, error = %chain(&error), "The store failed while webhooks were sent; they are sent again when the lease has run out");
        }
    }
}

struct Courier {
    shared: Arc<Shared>,
    lease: QueueLease,
    endpoint: Endpoint,
    health: Health,
    secrets: Vec<SecretString>,
    /// Read, and not sent yet.
    ready: VecDeque<(Delivery, String)>,
    /// Whether there may be more to read.
    more: bool,
    in_flight: FuturesUnordered<BoxFuture<'static, (Delivery, Answer)>>,
    /// The numbers of all that was read and has not been noted down.
    in_hand: HashSet<i64>,
    /// What was sent, and is to be noted down.
    done: Vec<Delivery>,
    done_since: Option<Moment>,
    held_at: Moment,
}

impl Courier {
    async fn work(&mut self, stop: &CancellationToken) -> store::Result<()> {
        loop {
            if stop.is_cancelled() || !self.may_send() {
                self.put_back();
            } else if self.ready.is_empty() && self.more {
                self.load().await?;
            }
            self.start();
            if self.in_flight.is_empty() {
                if self.finish(stop).await? {
                    return Ok(());
                }
                continue;
            }
            let stopping = stop.is_cancelled();
            let patience = match (stopping, self.done.is_empty()) {
                (true, _) => LAST,
                (false, true) => self.shared.settings.lease / 3,
                (false, false) => self.soon(),
            };
            let answered = tokio::select! {
                answered = tokio::time::timeout(patience, self.in_flight.next()) => answered.ok().flatten(),
                () = stop.cancelled(), if !stopping => None,
            };
            match answered {
                Some((delivery, answer)) => self.take(delivery, &answer),
                // Whatever comes now comes to nobody: it is sent again by whoever takes over.
                None if stopping => self.in_flight.clear(),
                None => {}
            }
            while let Some(Some((delivery, answer))) = self.in_flight.next().now_or_never() {
                self.take(delivery, &answer);
            }
            if self.done.len() >= NOTED || self.done_since.is_some_and(|since| since.elapsed() >= self.soon()) {
                self.note().await?;
            } else if self.held_at.elapsed() >= self.shared.settings.lease / 3 {
                self.hold().await?;
            }
        }
    }

    /// Whether the endpoint takes anything now.
    fn may_send(&self) -> bool {
        let rests = self.health.not_before.is_some_and(|until| until > self.shared.clock.now());
        self.endpoint.enabled && self.health.disable.is_none() && !rests
    }

    /// How long an outcome may wait to be noted down.
    fn soon(&self) -> Duration {
        if self.endpoint.ordering == WebhookOrdering::Record { SOONER } else { SOON }
    }

    /// Leaves what was read and not sent where it is.
    fn put_back(&mut self) {
        for (delivery, _) in self.ready.drain(..) {
            self.in_hand.remove(&delivery.id);
        }
    }

    /// Reads what is due, with all that is told of it.
    async fn load(&mut self) -> store::Result<()> {
        let now = self.shared.clock.now();
        let mut conn = self.shared.store.read().await?;
        let limit = BATCH + i64::try_from(self.in_hand.len()).unwrap_or(0);
        let mut due = queue_due(&mut conn, &self.endpoint, now, limit).await?;
        due.retain(|delivery| !self.in_hand.contains(&delivery.id));
        self.more = i64::try_from(due.len()).unwrap_or(0) >= BATCH;
        if due.is_empty() {
            return Ok(());
        }
        self.secrets = endpoint_secrets(&mut conn, self.shared.store.vault(), self.endpoint.id, now).await?;
        let bodies: Vec<Body> = bodies(&mut conn, &due).await?;
        drop(conn);
        for (mut delivery, body) in due.into_iter().zip(bodies) {
            self.in_hand.insert(delivery.id);
            match body {
                Ok(body) => self.ready.push_back((delivery, body)),
                Err(reason) => {
                    policy::give_up(&mut delivery, reason, now);
                    self.keep(delivery);
                }
            }
        }
        Ok(())
    }

    /// Sends as much at the same time as the endpoint may be sent.
    fn start(&mut self) {
        let most = policy::concurrency(self.health.failures, self.endpoint.max_concurrency);
        while self.in_flight.len() < most
            && let Some((delivery, body)) = self.ready.pop_front()
        {
            let (id, timestamp) = (event_id(self.shared.store.vault(), &delivery), self.shared.clock.now().micros() / 1_000_000);
            let signatures = sign::signatures(&self.secrets, &id, timestamp, &body);
            let message = Message { id, timestamp, signatures, body: body.into() };
            let (sender, url) = (self.shared.sender.clone(), self.endpoint.url.clone());
            self.in_flight.push(Box::pin(async move {
                let answer = sender.send(&url, message).await;
                (delivery, answer)
            }));
        }
    }

    /// An answer has come, or has not.
    fn take(&mut self, mut delivery: Delivery, answer: &Answer) {
        let Shared { settings, clock, metrics, .. } = &*self.shared;
        policy::after_attempt(&settings.retries, settings.disable_after, &mut delivery, &mut self.health, answer, clock.now());
        metrics.webhook_sent(if answer.is_success() { "accepted" } else { "failed" }, answer.latency_ms);
        self.keep(delivery);
    }

    fn keep(&mut self, delivery: Delivery) {
        if delivery.status == WebhookDeliveryStatus::Dead {
            self.shared.metrics.webhook_dead();
        }
        self.done.push(delivery);
        self.done_since.get_or_insert_with(Moment::now);
    }

    /// Notes down what became of what was sent, while more is under way.
    async fn note(&mut self) -> store::Result<()> {
        let mut tx = self.shared.store.write().await?;
        let endpoint = queue_record(&mut tx, &self.lease, &self.done, &self.health, self.shared.clock.now(), self.shared.lease_end()).await?;
        self.shared.store.commit(tx).await?;
        self.noted(endpoint);
        Ok(())
    }

    /// Notes down what is left to be, and gives the queue back, unless more is due. True when it was given back.
    async fn finish(&mut self, stop: &CancellationToken) -> store::Result<bool> {
        let (now, until) = (self.shared.clock.now(), self.shared.lease_end());
        let mut tx = self.shared.store.write().await?;
        let endpoint = match self.done.as_slice() {
            [] => queue_hold(&mut tx, &self.lease, until).await?,
            done => queue_record(&mut tx, &self.lease, done, &self.health, now, until).await?,
        };
        let next = queue_next(&mut tx, &endpoint).await?;
        let goes_on = next.is_some_and(|next| next <= now) && !stop.is_cancelled() && endpoint.enabled && self.may_send();
        if !goes_on {
            queue_release(&mut tx, &self.lease, &endpoint, next, now).await?;
        }
        self.shared.store.commit(tx).await?;
        self.noted(endpoint);
        Ok(!goes_on)
    }

    fn noted(&mut self, endpoint: Endpoint) {
        self.endpoint = endpoint;
        if let Some(reason) = self.health.disable.filter(|_| !self.done.is_empty()) {
            self.say_disabled(reason);
        }
        for delivery in self.done.drain(..) {
            self.in_hand.remove(&delivery.id);
        }
        (self.done_since, self.held_at, self.more) = (None, Moment::now(), true);
    }

    fn say_disabled(&self, reason: WebhookDisabledReason) {
        let why =
            if reason == WebhookDisabledReason::Gone { "it has answered 410 Gone" } else { "nothing that was sent to it was accepted for too long" };
        tracing::warn!(webhook.endpoint = self.endpoint.id, "A webhook endpoint was switched off: {why}");
    }

    async fn hold(&mut self) -> store::Result<()> {
        let mut tx = self.shared.store.write().await?;
        self.endpoint = queue_hold(&mut tx, &self.lease, self.shared.lease_end()).await?;
        self.shared.store.commit(tx).await?;
        self.held_at = Moment::now();
        Ok(())
    }
}
