//! The way from a stored connection to an adapter that speaks to its WMS.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::record::{ErrorCode, Failure};
use crate::store::connections::{Connection, connection_credentials};
use crate::store::{self, Store};
use crate::wms::http::Http;
use crate::wms::{Error, Integration, Wms};

/// Something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// For a reason that the caller can act on.
    #[error("{}", .0.message)]
    Failure(Box<Failure>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(Box::new(failure))
    }
}

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    http: Http,
    integrations: Arc<[Integration]>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("integrations", &self.integrations).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Accounts in `store` at any of `integrations`.
    pub fn new(store: Store, http: Http, integrations: Vec<Integration>) -> Self {
        Self { store, http, integrations: integrations.into() }
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Every WMS that can be connected.
    pub fn integrations(&self) -> &[Integration] {
        &self.integrations
    }

    /// The integration of this name.
    pub fn integration(&self, name: &str) -> Option<&Integration> {
        self.integrations.iter().find(|integration| integration.name == name)
    }

    /// An adapter over credentials, as JSON text. Does no I/O.
    ///
    /// # Errors
    /// Credentials that the adapter does not take, with their path below `credentials`.
    pub fn open_with(&self, integration: &Integration, credentials: &SecretString) -> Result<Arc<dyn Wms>, Refused> {
        let credentials: Value = serde_json::from_str(credentials.expose_secret())
            .map_err(|_| Failure::ours(ErrorCode::InvalidInput, "The credentials are not JSON").at(&["credentials"]))?;
        Ok(integration.connect(&credentials, &self.http).map_err(|error| below_credentials(&error))?)
    }

    /// The adapter of a connection, with its credentials.
    ///
    /// # Errors
    /// An adapter that this server does not have; credentials that it does not take.
    pub async fn open(&self, connection: &Connection) -> Result<Arc<dyn Wms>, Refused> {
        let gone = || Failure::ours(ErrorCode::Unsupported, format!("This server has no adapter named {:?}", connection.integration));
        let integration = self.integration(&connection.integration).ok_or_else(gone)?;
        let credentials = connection_credentials(&mut self.store.read().await?, self.store.vault(), connection.id()).await?;
        let missing = || Failure::ours(ErrorCode::NotFound, "The connection is gone");
        self.open_with(integration, &credentials.ok_or_else(missing)?)
    }
}

/// An error's path is relative to the credentials; the caller's is relative to the input.
pub fn below_credentials(error: &Error) -> Failure {
    let failure = Failure::from(error);
    let path = std::iter::once("credentials".to_owned()).chain(failure.path.clone().unwrap_or_default()).collect();
    Failure { path: Some(path), ..failure }
}
