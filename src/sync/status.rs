//! A connection's status follows from its issues.

use crate::record::ConnectionId;
use crate::store::connections::{ConnectionStatus, connection_find, connection_status_set};
use crate::store::{self, Tx};

/// A connection with an issue is degraded, unless it is stopped altogether.
pub(super) async fn degrade(tx: &mut Tx, connection: ConnectionId) -> store::Result<()> {
    change(tx, connection, ConnectionStatus::Active, ConnectionStatus::Degraded).await
}

/// A connection without issues is well again.
pub(super) async fn recover(tx: &mut Tx, connection: ConnectionId) -> store::Result<()> {
    change(tx, connection, ConnectionStatus::Degraded, ConnectionStatus::Active).await
}

async fn change(tx: &mut Tx, connection: ConnectionId, from: ConnectionStatus, to: ConnectionStatus) -> store::Result<()> {
    match connection_find(tx, connection).await? {
        Some(found) if found.status == from => connection_status_set(tx, connection, to).await,
        _ => Ok(()),
    }
}
