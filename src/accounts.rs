//! The way from a stored connection to an adapter that speaks to its WMS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::record::{ErrorCode, Failure, Instant};
use crate::store::budgets::{budget_find, budget_share};
use crate::store::connections::{Connection, connection_credentials};
use crate::store::{self, Store, Tx};
use crate::wms::http::Http;
use crate::wms::{Budget, Error, Gate, Integration, Priority, Wms};

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
    /// What this process knows of the rate budget of each account.
    budgets: Arc<Mutex<HashMap<String, Arc<Budget>>>>,
}

/// A way to a WMS.
pub struct Opened {
    /// The adapter.
    pub wms: Arc<dyn Wms>,
    account: String,
    budget: Arc<Budget>,
}

impl Opened {
    /// Tells the other processes what the WMS's answers said of its limits, if there is anything new.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn share_budget(&self, tx: &mut Tx, now: Instant) -> store::Result<()> {
        if let Some(news) = self.budget.news(now) {
            let known = budget_share(tx, &self.account, news).await?;
            self.budget.merge(known);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("integrations", &self.integrations).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Accounts in `store` at any of `integrations`.
    pub fn new(store: Store, http: Http, integrations: Vec<Integration>) -> Self {
        Self { store, http, integrations: integrations.into(), budgets: Arc::default() }
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

    /// An adapter over credentials, as JSON text, to try them with. Does no I/O.
    ///
    /// # Errors
    /// Credentials that the adapter does not take, with their path below `credentials`.
    pub fn open_with(&self, integration: &Integration, credentials: &SecretString) -> Result<Arc<dyn Wms>, Refused> {
        connect(integration, credentials, &self.http)
    }

    /// The adapter of a connection, with its credentials. Its calls have this priority in the account's rate budget.
    ///
    /// # Errors
    /// An adapter that this server does not have; credentials that it does not take.
    pub async fn open(&self, connection: &Connection, priority: Priority) -> Result<Opened, Refused> {
        let gone = || Failure::ours(ErrorCode::Unsupported, format!("This server has no adapter named {:?}", connection.integration));
        let integration = self.integration(&connection.integration).ok_or_else(gone)?;
        let account = connection.account.clone();
        let (credentials, known) = {
            let mut conn = self.store.read().await?;
            (connection_credentials(&mut conn, self.store.vault(), connection.id()).await?, budget_find(&mut conn, &account).await?)
        };
        let missing = || Failure::ours(ErrorCode::NotFound, "The connection is gone");
        let budget = self.budgets.lock().unwrap_or_else(PoisonError::into_inner).entry(account.clone()).or_default().clone();
        if let Some(known) = known {
            budget.merge(known);
        }
        let http = self.http.through(Gate::new(budget.clone(), priority));
        Ok(Opened { wms: connect(integration, &credentials.ok_or_else(missing)?, &http)?, account, budget })
    }
}

fn connect(integration: &Integration, credentials: &SecretString, http: &Http) -> Result<Arc<dyn Wms>, Refused> {
    let credentials: Value = serde_json::from_str(credentials.expose_secret())
        .map_err(|_| Failure::ours(ErrorCode::InvalidInput, "The credentials are not JSON").at(&["credentials"]))?;
    Ok(integration.connect(&credentials, http).map_err(|error| below_credentials(&error))?)
}

/// An error's path is relative to the credentials; the caller's is relative to the input.
pub fn below_credentials(error: &Error) -> Failure {
    let failure = Failure::from(error);
    let path = std::iter::once("credentials".to_owned()).chain(failure.path.clone().unwrap_or_default()).collect();
    Failure { path: Some(path), ..failure }
}
