//! API keys, as far as they can be shown.

use async_graphql::{ID, Object};

use crate::record::{Id, Instant};
use crate::store::keys::{self as stored, Access};

/// An API key, without the key.
pub struct ApiKey(pub stored::ApiKey);

/// An API key, without the key itself: that is shown once, when it is made.
#[Object]
impl ApiKey {
    /// Global and opaque.
    pub(super) async fn id(&self) -> ID {
        ID(Id::ApiKey(self.0.id).to_string())
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it may do.
    async fn access(&self) -> Access {
        self.0.access
    }

    /// When it was made.
    async fn created_at(&self) -> Instant {
        self.0.created_at
    }
}
