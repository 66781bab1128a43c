//! Making and testing connections.

use secrecy::SecretString;

use super::policy::{FIRST_SYNC_ORDER, default_interval};
use super::{Handle, LONGEST_LOOKBACK, Refused};
use crate::accounts::below_credentials;
use crate::record::{ConnectionId, DataType, ErrorCode, Failure, Instant, Json};
use crate::store::connections::{Connection, NewConnection, connection_create, connection_find};
use crate::store::schedules::{NewSchedule, schedule_create};
use crate::wms::{Priority, Wms};

/// An account to be connected.
#[derive(Debug)]
pub struct NewAccount {
    /// The adapter's name.
    pub integration: String,
    /// What people are to call it.
    pub name: String,
    /// The caller's own reference.
    pub customer_reference: Option<String>,
    /// What the adapter's schema of credentials asks for.
    pub credentials: Json,
    /// How far back the first sync of transactional types goes, in days; `None`: the server's default.
    pub lookback_days: Option<i64>,
}

/// What a test of credentials found out.
#[derive(Debug, Clone)]
pub struct Tested {
    /// What the WMS calls the account, or its program and version.
    pub description: Option<String>,
    /// Data types that these credentials may not read, with the WMS's reason.
    pub forbidden: Vec<(DataType, String)>,
}

/// The longest name of a connection, in bytes.
const LONGEST_NAME: usize = 200;

/// # Errors
/// A name that is empty or too long.
pub(super) fn check_name(name: &str) -> Result<(), Failure> {
    if name.trim().is_empty() || name.len() > LONGEST_NAME {
        return Err(Failure::ours(ErrorCode::InvalidInput, format!("The name must have 1 to {LONGEST_NAME} bytes")).at(&["name"]));
    }
    Ok(())
}

/// # Errors
/// A lookback that is negative or too long.
pub(super) fn check_lookback(days: i64) -> Result<(), Failure> {
    if !(0..=LONGEST_LOOKBACK).contains(&days) {
        let message = format!("lookbackDays must be from 0 to {LONGEST_LOOKBACK}");
        return Err(Failure::ours(ErrorCode::InvalidInput, message).at(&["lookbackDays"]));
    }
    Ok(())
}

impl Handle {
    /// Connects an account: tries the credentials, stores the connection and its schedules, and lets its first syncs
    /// begin.
    ///
    /// # Errors
    /// An unknown integration, malformed or refused credentials, a WMS that does not answer.
    pub async fn connect(&self, new: NewAccount) -> Result<Connection, Refused> {
        check_name(&new.name)?;
        let lookback_days = new.lookback_days.unwrap_or(self.shared.settings.lookback_days);
        check_lookback(lookback_days)?;
        let tested = self.test_credentials(&new.integration, &new.credentials).await?;
        for (data_type, reason) in &tested.forbidden {
            tracing::info!(integration = new.integration, sync.data_type = %data_type, reason, "These credentials may not read a data type");
        }
        let reads: Vec<DataType> =
            self.shared.accounts.integration(&new.integration).map(|i| i.reads.iter().map(|reads| reads.data_type).collect()).unwrap_or_default();
        let now = self.shared.clock.now();
        let mut tx = self.shared.store.write().await?;
        let credentials = SecretString::from(new.credentials.as_str());
        let (integration, name, customer_reference) = (new.integration, new.name, new.customer_reference);
        let row = NewConnection { integration, name, customer_reference, credentials, lookback_days };
        let connection = connection_create(&mut tx, self.shared.store.vault(), &row, now).await?;
        schedule_create(&mut tx, connection.id(), &self.first_schedules(&reads, now)).await?;
        self.shared.store.commit(tx).await?;
        tracing::info!(connection.id = connection.id, integration = connection.integration, "Connected a WMS");
        Ok(connection)
    }

    /// One schedule for each data type that is read, due at once, in the order of the first sync.
    fn first_schedules(&self, reads: &[DataType], now: Instant) -> Vec<NewSchedule> {
        let due = |place: usize| Instant::from_micros(now.micros().saturating_add(i64::try_from(place).unwrap_or(0)));
        let interval = |data_type| self.shared.settings.intervals.get(&data_type).copied().unwrap_or_else(|| default_interval(data_type));
        let wanted = FIRST_SYNC_ORDER.into_iter().filter(|data_type| reads.contains(data_type)).enumerate();
        wanted.map(|(place, data_type)| NewSchedule { data_type, interval_seconds: interval(data_type), first_run_at: due(place) }).collect()
    }

    /// Tries credentials that are not stored.
    ///
    /// # Errors
    /// An unknown integration, malformed or refused credentials, a WMS that does not answer.
    pub async fn test_credentials(&self, integration: &str, credentials: &Json) -> Result<Tested, Refused> {
        let unknown = || {
            let names: Vec<_> = self.integrations().iter().map(|integration| integration.name).collect();
            Failure::ours(ErrorCode::NotFound, format!("There is no integration {integration:?}; there are {}", names.join(", ")))
                .at(&["integration"])
        };
        let integration = self.shared.accounts.integration(integration).ok_or_else(unknown)?;
        let wms = self.shared.accounts.open_with(integration, &credentials.as_str().into())?;
        test(&*wms).await
    }

    /// Tries the credentials of a connection.
    ///
    /// # Errors
    /// An unknown connection, refused credentials, a WMS that does not answer.
    pub async fn test_connection(&self, connection: ConnectionId) -> Result<Tested, Refused> {
        let unknown = || Failure::ours(ErrorCode::NotFound, "There is no such connection").at(&["connectionId"]);
        let found = connection_find(&mut self.shared.store.read().await?, connection).await?;
        let opened = self.shared.accounts.open(&found.ok_or_else(unknown)?, Priority::Manual).await?;
        test(&*opened.wms).await
    }
}

async fn test(wms: &dyn Wms) -> Result<Tested, Refused> {
    let account = wms.check().await.map_err(|error| below_credentials(&error))?;
    Ok(Tested { description: account.description, forbidden: account.forbidden })
}
