//! Keeps a lease for as long as its worker works.

use tokio_util::sync::CancellationToken;

use super::Handle;
use crate::store;
use crate::store::schedules::{Lease, lease_hold};
use crate::telemetry::chain;

/// Renews the lease while the worker waits for the WMS.
pub(super) struct Heart {
    /// Cancelled when the lease is gone, or its run has been stopped.
    pub(super) lost: CancellationToken,
    done: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Heart {
    pub(super) fn beat(handle: &Handle, lease: &Lease) -> Self {
        let (lost, done) = (CancellationToken::new(), CancellationToken::new());
        let (handle, lease) = (handle.clone(), lease.clone());
        let (task_lost, task_done) = (lost.clone(), done.clone());
        let period = handle.shared.settings.lease / 3;
        let task = tokio::spawn(async move {
            loop {
                // The transaction stands outside of the select: it must not be cut short.
                tokio::select! {
                    () = task_done.cancelled() => return,
                    () = tokio::time::sleep(period) => {}
                }
                match renew(&handle, &lease).await {
                    Ok(()) => {}
                    Err(store::Error::LeaseLost) => {
                        task_lost.cancel();
                        return;
                    }
                    Err(error) => tracing::warn!(error = %chain(&error), "Failed to renew a lease"),
                }
            }
        });
        Self { lost, done, task }
    }

    pub(super) async fn rest(self) {
        self.done.cancel();
        // A panic there has been reported already.
        let _ = self.task.await;
    }
}

async fn renew(handle: &Handle, lease: &Lease) -> store::Result<()> {
    let mut tx = handle.shared.store.write().await?;
    lease_hold(&mut tx, lease, handle.shared.lease_end()).await?;
    handle.shared.store.commit(tx).await
}
