//! Takes queues that are due and gives each to a courier. And what nobody else looks after: old deliveries, old secrets.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Handle, courier, dispatcher};
use crate::store::Result;
use crate::store::webhooks::deliveries::delivery_prune;
use crate::store::webhooks::queue::{queue_lease, queue_next_due};
use crate::store::webhooks::{WebhookDeliveryStatus, endpoint_health, endpoint_secrets_forget};
use crate::telemetry::chain;

/// How often the engine looks without being woken. The time that tells what is due is not the one that the runtime sleeps by.
const POLL: Duration = Duration::from_secs(1);
/// How long the engine rests after the store failed.
const REST: Duration = Duration::from_secs(2);
/// The most rows that one transaction removes.
const AT_ONCE: i64 = 1000;

/// The part that acts. One for each process is enough; any number may share a database.
#[derive(Debug)]
pub struct Engine {
    handle: Handle,
    /// Names this process in leases.
    owner: String,
    stop: CancellationToken,
}

impl Engine {
    /// An engine that stops when `stop` is cancelled, and then gives back what it has taken.
    pub fn new(handle: Handle, owner: String, stop: CancellationToken) -> Self {
        Self { handle, owner, stop }
    }

    /// Works until it is told to stop, and returns when everything has been given back.
    pub async fn work(self) {
        tokio::join!(dispatcher::dispatch(&self.handle, &self.owner, &self.stop), self.send(), self.keep());
    }

    async fn send(&self) {
        let due = self.handle.shared.store.webhooks_committed();
        let mut couriers = JoinSet::new();
        while !self.stop.is_cancelled() {
            // Armed before the look, so that what becomes due in between is not missed.
            let woken = due.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let pause = match self.take(&mut couriers).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "Failed to take webhooks that are due; trying again soon");
                    REST
                }
            };
            tokio::select! {
                () = woken => {}
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                Some(_) = couriers.join_next() => {}
            }
        }
        while couriers.join_next().await.is_some() {}
    }

    /// Fills the free places with queues that are due. Answers with how long to wait before the next look.
    async fn take(&self, couriers: &mut JoinSet<()>) -> Result<Duration> {
        let shared = &self.handle.shared;
        while couriers.len() < shared.settings.workers {
            let now = shared.clock.now();
            // A look without a lock first: most of the time nothing is due.
            let Some(due) = queue_next_due(&mut shared.store.read().await?, now).await? else { return Ok(POLL) };
            if due > now {
                return Ok(Duration::from_millis(u64::try_from(due.millis_since(now)).unwrap_or(0) + 1).min(POLL));
            }
            let mut tx = shared.store.write().await?;
            let leased = queue_lease(&mut tx, &self.owner, now, shared.lease_end()).await?;
            shared.store.commit(tx).await?;
            let Some((lease, endpoint)) = leased else { return Ok(POLL) };
            let (handle, stop) = (self.handle.clone(), self.stop.clone());
            couriers.spawn(async move { courier::deliver(&handle, lease, endpoint, &stop).await });
        }
        // All places are taken: the end of a courier is what to wait for.
        Ok(POLL)
    }

    /// Looks after old deliveries and secrets, and counts how the endpoints are doing, now and then.
    async fn keep(&self) {
        loop {
            if let Err(error) = self.tidy().await {
                tracing::warn!(error = %chain(&error), "Failed to look after webhooks");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(self.handle.shared.settings.upkeep) => {}
            }
        }
    }

    async fn tidy(&self) -> Result<()> {
        let shared = &self.handle.shared;
        let now = shared.clock.now();
        let health = endpoint_health(&mut shared.store.read().await?).await?;
        shared.metrics.webhook_endpoints(health.enabled, health.failing, health.disabled);
        for (status, kept) in
            [(WebhookDeliveryStatus::Delivered, shared.settings.keep_delivered), (WebhookDeliveryStatus::Dead, shared.settings.keep_dead)]
        {
            loop {
                let mut tx = shared.store.write().await?;
                endpoint_secrets_forget(&mut tx, now).await?;
                let removed = delivery_prune(&mut tx, status, now.minus_seconds(kept), AT_ONCE).await?;
                shared.store.commit(tx).await?;
                if self.stop.is_cancelled() || i64::try_from(removed).unwrap_or(0) < AT_ONCE {
                    break;
                }
            }
        }
        Ok(())
    }
}
