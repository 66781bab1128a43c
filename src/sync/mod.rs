//! PLACEHOLDER of the graphql branch
use std::sync::Arc;

use crate::record::{ConnectionId, DataType, Failure, Instant, Json};
use crate::store;
use crate::store::connections::Connection;
use crate::store::schedules::{SyncMode, SyncRun};
pub use crate::wms::Integration;

/// What others may ask of the sync engine.
#[derive(Clone)]
pub struct Handle {
    integrations: Arc<Vec<Integration>>,
}

/// A connection to be made.
pub struct NewAccount {
    /// Integration.
    pub integration: String,
    /// Name.
    pub name: String,
    /// Reference.
    pub customer_reference: Option<String>,
    /// Credentials.
    pub credentials: Json,
    /// Days.
    pub lookback_days: Option<i64>,
}

/// What a test found.
pub struct Tested {
    /// Description.
    pub description: Option<String>,
    /// Forbidden types.
    pub forbidden: Vec<(DataType, String)>,
}

/// Why it was refused.
pub enum Refused {
    /// The caller can act on it.
    Failure(Failure),
    /// The store.
    Store(store::Error),
}

#[allow(clippy::todo, clippy::needless_pass_by_value, missing_docs)]
impl Handle {
    pub fn integrations(&self) -> &[Integration] {
        &self.integrations
    }
    pub async fn connect(&self, _: NewAccount) -> Result<Connection, Refused> {
        todo!()
    }
    pub async fn test_credentials(&self, _: &str, _: &Json) -> Result<Tested, Refused> {
        todo!()
    }
    pub async fn test_connection(&self, _: ConnectionId) -> Result<Tested, Refused> {
        todo!()
    }
    pub async fn trigger(
        &self,
        _: ConnectionId,
        _: Option<Vec<DataType>>,
        _: SyncMode,
        _: Option<(Instant, Instant)>,
    ) -> Result<Vec<SyncRun>, Refused> {
        todo!()
    }
}
