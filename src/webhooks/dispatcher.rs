//! Reads the change log, once for all endpoints, and puts what each wants into its queue.
//!
//! **Invariants.** Of all processes one reads, by lease; the position is moved in the transaction that fills the queues, and only
//! from where this reader knows it to stand. The entries are read before the endpoints, so that an endpoint is told of everything
//! that was committed after it was made. A wake-up is armed before the log is read.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Handle, Shared};
use crate::record::Instant;
use crate::store::changes::{Wanted, change_head, change_list, change_tail};
use crate::store::webhooks::dispatch::{
    DispatchLease, NewDelivery, delivery_pending, delivery_put, dispatch_advance, dispatch_is_free, dispatch_lease, dispatch_release,
    endpoint_enabled, replay_advance,
};
use crate::store::webhooks::{Endpoint, endpoint_replaying};
use crate::store::{self, Error};
use crate::telemetry::chain;

/// How many entries are read at once.
const BATCH: i64 = 1000;
/// After so many deliveries a transaction is ended, so that no other writer waits long.
const MOST: usize = 5000;
/// How long the reader rests after the store failed.
const REST: Duration = Duration::from_secs(2);

/// What there was to do.
enum Found {
    /// Something; there may be more.
    Work,
    /// Nothing.
    Nothing,
}

/// Reads on until it is told to stop.
pub(super) async fn dispatch(handle: &Handle, owner: &str, stop: &CancellationToken) {
    let shared = &handle.shared;
    let committed = shared.store.changes_committed();
    let mut held: Option<Held> = None;
    while !stop.is_cancelled() {
        let woken = committed.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let pause = match step(shared, owner, &mut held).await {
            Ok(Found::Work) => continue,
            Ok(Found::Nothing) => shared.store.poll().min(shared.settings.lease / 3),
            Err(Error::LeaseLost) => {
                held = None;
                continue;
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), "Failed to read the change log for webhooks; trying again soon");
                held = None;
                REST
            }
        };
        tokio::select! {
            () = woken => {}
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Some(held) = held
        && let Err(error) = release(shared, &held.lease).await
    {
        tracing::warn!(error = %chain(&error), "Failed to hand the reading of the change log over");
    }
}

/// The lease, and until when it holds.
struct Held {
    lease: DispatchLease,
    until: Instant,
}

async fn release(shared: &Shared, lease: &DispatchLease) -> store::Result<()> {
    let mut tx = shared.store.write().await?;
    dispatch_release(&mut tx, lease).await?;
    shared.store.commit(tx).await
}

/// Makes sure of the lease; false when another process has it.
async fn hold(shared: &Shared, owner: &str, held: &mut Option<Held>) -> store::Result<bool> {
    let (now, until) = (shared.clock.now(), shared.lease_end());
    match held {
        // It is renewed when a third of it has gone by.
        Some(held) if held.until.millis_since(now) * 3 > until.millis_since(now) * 2 => return Ok(true),
        Some(_) => {}
        // A look without a lock first: most of the time it is another's.
        None if !dispatch_is_free(&mut shared.store.read().await?, owner, now).await? => return Ok(false),
        None => {}
    }
    let mut tx = shared.store.write().await?;
    let lease = match held.take() {
        Some(held) => Some(dispatch_advance(&mut tx, &held.lease, held.lease.position, until).await?),
        None => dispatch_lease(&mut tx, owner, now, until).await?,
    };
    shared.store.commit(tx).await?;
    *held = lease.map(|lease| Held { lease, until });
    Ok(held.is_some())
}

async fn step(shared: &Shared, owner: &str, held: &mut Option<Held>) -> store::Result<Found> {
    if !hold(shared, owner, held).await? {
        return Ok(Found::Nothing);
    }
    let Some(Held { lease, until }) = held else { return Ok(Found::Nothing) };
    let read = read(shared, lease).await?;
    let worked = read.position > lease.position;
    if worked {
        let mut tx = shared.store.write().await?;
        *until = shared.lease_end();
        *lease = dispatch_advance(&mut tx, lease, read.position, *until).await?;
        delivery_put(&mut tx, &read.deliveries).await?;
        shared.store.commit(tx).await?;
        shared.metrics.webhooks_queued(read.deliveries.len());
    }
    shared.metrics.webhook_lag(read.head - lease.position);
    let replayed = replay(shared, lease, until).await?;
    Ok(if worked || replayed { Found::Work } else { Found::Nothing })
}

/// What comes next in the log, as deliveries.
struct Read {
    deliveries: Vec<NewDelivery>,
    /// Up to where.
    position: i64,
    head: i64,
}

async fn read(shared: &Shared, lease: &DispatchLease) -> store::Result<Read> {
    let mut conn = shared.store.read().await?;
    let head = change_head(&mut conn).await?;
    let mut read = Read { deliveries: Vec::new(), position: lease.position, head };
    if head <= lease.position {
        return Ok(read);
    }
    let found = change_list(&mut conn, lease.position, &Wanted::default(), BATCH).await;
    let endpoints = endpoint_enabled(&mut conn).await?;
    if endpoints.is_empty() {
        read.position = head;
        return Ok(read);
    }
    let changes = match found {
        Err(Error::Expired) => {
            read.position = change_tail(&mut conn).await?;
            tracing::error!(changes.missed = read.position - lease.position, "Webhooks missed changes that were pruned before they were read");
            return Ok(read);
        }
        found => found?,
    };
    let now = shared.clock.now();
    let endpoints: Vec<(Wanted, Endpoint)> = endpoints.into_iter().map(|endpoint| (endpoint.wanted(), endpoint)).collect();
    for change in &changes {
        if read.deliveries.len() >= MOST {
            break;
        }
        let told = endpoints.iter().filter(|(wanted, endpoint)| endpoint.from_position < change.position && wanted.includes(change));
        read.deliveries.extend(told.map(|(_, endpoint)| NewDelivery::of(endpoint, change, now)));
        read.position = change.position;
    }
    Ok(read)
}

/// Puts a part of what an endpoint is to be sent once more into its queue. False when there is no such endpoint.
async fn replay(shared: &Shared, lease: &mut DispatchLease, until: &mut Instant) -> store::Result<bool> {
    let mut conn = shared.store.read().await?;
    let Some((endpoint, after, last)) = endpoint_replaying(&mut conn).await? else { return Ok(false) };
    let changes = match change_list(&mut conn, after, &Wanted::default(), BATCH).await {
        // What has been pruned since it was asked for cannot be sent.
        Err(Error::Expired) => {
            let tail = change_tail(&mut conn).await?;
            change_list(&mut conn, tail, &Wanted::default(), BATCH).await?
        }
        found => found?,
    };
    let to = changes.last().map_or(last, |change| change.position).min(last);
    let waiting = delivery_pending(&mut conn, endpoint.id, after, to).await?;
    drop(conn);
    let now = shared.clock.now();
    let wanted = endpoint.wanted();
    let told = changes.iter().filter(|change| change.position <= to && !waiting.contains(&change.position) && wanted.includes(change));
    let deliveries: Vec<NewDelivery> = told.map(|change| NewDelivery::of(&endpoint, change, now)).collect();
    let mut tx = shared.store.write().await?;
    *until = shared.lease_end();
    let advanced = dispatch_advance(&mut tx, lease, lease.position, *until).await?;
    delivery_put(&mut tx, &deliveries).await?;
    if replay_advance(&mut tx, &endpoint, (to < last).then_some(to)).await? {
        shared.store.commit(tx).await?;
        *lease = advanced;
        shared.metrics.webhooks_queued(deliveries.len());
    }
    Ok(true)
}
