//! What the API asks for: endpoints made, changed and removed, secrets rotated, events sent once more.

use secrecy::SecretString;

use super::event::event_id;
use super::{Handle, sign};
use crate::accounts::Refused;
use crate::record::{ConnectionId, DataType, ErrorCode, Failure, Instant};
use crate::store::changes::{Wanted, change_before, change_head, change_tail};
use crate::store::connections::connection_many;
use crate::store::webhooks::deliveries::{Delivery, delivery_find, delivery_retry, delivery_test};
use crate::store::webhooks::{
    Endpoint, EndpointSettings, WebhookDeliveryStatus, WebhookDisabledReason, WebhookEventType, WebhookOrdering, endpoint_change, endpoint_create,
    endpoint_delete, endpoint_disable, endpoint_enable, endpoint_find, endpoint_replay, endpoint_rotate,
};

/// How many can be sent to one endpoint at the same time.
pub const HIGHEST_CONCURRENCY: i64 = 100;
/// How many are, unless somebody says otherwise.
const CONCURRENCY: i64 = 8;
/// How long an old secret can be used beside the new one, in hours.
pub const LONGEST_OVERLAP: i64 = 168;
const LONGEST_URL: usize = 2048;
const LONGEST_DESCRIPTION: usize = 1000;

/// An endpoint to be made. What is `None` is as it is by default.
#[derive(Debug, Default)]
pub struct NewEndpoint {
    /// Where events are sent to.
    pub url: String,
    /// What people say of it.
    pub description: Option<String>,
    /// What of the change log; its kinds follow from the events.
    pub wanted: Wanted,
    /// Only these events.
    pub event_types: Option<Vec<WebhookEventType>>,
    /// In which order.
    pub ordering: Option<WebhookOrdering>,
    /// How many at the same time.
    pub max_concurrency: Option<i64>,
}

/// What is to change of an endpoint. What is `None` stays as it is; an inner `None` takes it away.
#[derive(Debug, Default)]
pub struct EndpointChange {
    /// Where events are sent to.
    pub url: Option<String>,
    /// What people say of it.
    pub description: Option<Option<String>>,
    /// Only of these connections.
    pub connections: Option<Option<Vec<ConnectionId>>>,
    /// Only of these types.
    pub data_types: Option<Option<Vec<DataType>>>,
    /// Only of these records.
    pub records: Option<Option<Vec<(DataType, ConnectionId, String)>>>,
    /// Only of records of these warehouse customers.
    pub warehouse_customers: Option<Option<Vec<(ConnectionId, String)>>>,
    /// Only these events.
    pub event_types: Option<Option<Vec<WebhookEventType>>>,
    /// In which order.
    pub ordering: Option<WebhookOrdering>,
    /// How many at the same time.
    pub max_concurrency: Option<i64>,
    /// Whether anything is sent.
    pub enabled: Option<bool>,
}

/// From where events are sent once more.
#[derive(Debug, Clone, Copy)]
pub enum ReplayFrom {
    /// Those that happened then or later.
    Time(Instant),
    /// Those after a position of the change log.
    After(i64),
}

fn unknown() -> Refused {
    Failure::ours(ErrorCode::NotFound, "There is no such webhook endpoint").at(&["endpointId"]).into()
}

fn invalid(field: &str, message: impl Into<String>) -> Refused {
    Failure::ours(ErrorCode::InvalidInput, message).at(&[field]).into()
}

fn no_randomness() -> Refused {
    Failure::ours(ErrorCode::Internal, "The operating system gave no random bytes").into()
}

impl Handle {
    /// The id of a delivery's event.
    pub fn event_id(&self, delivery: &Delivery) -> String {
        event_id(self.shared.store.vault(), delivery)
    }

    /// Makes an endpoint. Answers with its secret too, which is shown only now.
    ///
    /// # Errors
    /// An address that cannot be sent to, or settings that make no sense.
    pub async fn create(&self, new: NewEndpoint) -> Result<(Endpoint, SecretString), Refused> {
        let settings = EndpointSettings {
            url: new.url.trim().to_owned(),
            description: new.description,
            wanted: new.wanted,
            event_types: new.event_types,
            ordering: new.ordering.unwrap_or(WebhookOrdering::None),
            max_concurrency: new.max_concurrency.unwrap_or(CONCURRENCY),
        };
        self.check(&settings).await?;
        let secret = sign::secret(self.shared.random).ok_or_else(no_randomness)?;
        let store = &self.shared.store;
        let mut tx = store.write().await?;
        let made = endpoint_create(&mut tx, store.vault(), &settings, &secret, self.shared.clock.now()).await?;
        store.commit(tx).await?;
        Ok((made, secret))
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// An unknown endpoint, an address that cannot be sent to, settings that make no sense.
    pub async fn change(&self, id: i64, change: EndpointChange) -> Result<Endpoint, Refused> {
        let (store, now) = (&self.shared.store, self.shared.clock.now());
        let found = endpoint_find(&mut store.read().await?, id).await?.ok_or_else(unknown)?;
        let old = EndpointSettings::from(&found);
        let settings = EndpointSettings {
            url: change.url.map_or(old.url, |url| url.trim().to_owned()),
            description: change.description.unwrap_or(old.description),
            wanted: Wanted {
                kinds: None,
                connections: change.connections.unwrap_or(old.wanted.connections),
                data_types: change.data_types.unwrap_or(old.wanted.data_types),
                records: change.records.unwrap_or(old.wanted.records),
                warehouse_customers: change.warehouse_customers.unwrap_or(old.wanted.warehouse_customers),
            },
            event_types: change.event_types.unwrap_or(old.event_types),
            ordering: change.ordering.unwrap_or(old.ordering),
            max_concurrency: change.max_concurrency.unwrap_or(old.max_concurrency),
        };
        self.check(&settings).await?;
        let mut tx = store.write().await?;
        let mut changed = endpoint_change(&mut tx, id, &settings).await?;
        match change.enabled {
            Some(true) if !found.enabled => changed = endpoint_enable(&mut tx, id, now).await?,
            Some(false) if found.enabled => changed = endpoint_disable(&mut tx, id, WebhookDisabledReason::Manual, now).await?,
            _ => {}
        }
        store.commit(tx).await?;
        changed.ok_or_else(unknown)
    }

    async fn check(&self, settings: &EndpointSettings) -> Result<(), Refused> {
        if settings.url.len() > LONGEST_URL {
            return Err(invalid("url", format!("The address must not be longer than {LONGEST_URL} bytes")));
        }
        if let Err(why) = self.shared.sender.accept(&settings.url) {
            return Err(invalid("url", why));
        }
        if settings.description.as_ref().is_some_and(|text| text.len() > LONGEST_DESCRIPTION || text.contains('\0')) {
            return Err(invalid("description", format!("It must not be longer than {LONGEST_DESCRIPTION} bytes, nor hold the character U+0000")));
        }
        if !(1..=HIGHEST_CONCURRENCY).contains(&settings.max_concurrency) {
            return Err(invalid("maxConcurrency", format!("{} is not between 1 and {HIGHEST_CONCURRENCY}", settings.max_concurrency)));
        }
        let Wanted { connections, data_types, records, warehouse_customers, .. } = &settings.wanted;
        let named: [(&str, Vec<i64>); 3] = [
            ("connectionIds", connections.iter().flatten().map(|id| id.0).collect()),
            ("recordIds", records.iter().flatten().map(|(_, at, _)| at.0).collect()),
            ("warehouseCustomerIds", warehouse_customers.iter().flatten().map(|(at, _)| at.0).collect()),
        ];
        for (field, ids) in named.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let found = connection_many(&mut self.shared.store.read().await?, &ids).await?;
            if let Some(index) = ids.iter().position(|id| !found.iter().any(|found| found.id == *id)) {
                let failure = Failure::ours(ErrorCode::NotFound, "There is no such connection");
                return Err(failure.at(&[field, &index.to_string()]).into());
            }
        }
        let empty = [
            ("connectionIds", connections.as_ref().is_some_and(Vec::is_empty)),
            ("dataTypes", data_types.as_ref().is_some_and(Vec::is_empty)),
            ("recordIds", records.as_ref().is_some_and(Vec::is_empty)),
            ("warehouseCustomerIds", warehouse_customers.as_ref().is_some_and(Vec::is_empty)),
            ("eventTypes", settings.event_types.as_ref().is_some_and(Vec::is_empty)),
        ];
        match empty.into_iter().find(|(_, empty)| *empty) {
            Some((field, _)) => Err(invalid(field, "An empty list lets nothing through; leave it out, or give null, for everything")),
            None => Ok(()),
        }
    }

    /// Removes an endpoint with all that waits for it.
    ///
    /// # Errors
    /// An unknown endpoint.
    pub async fn delete(&self, id: i64) -> Result<(), Refused> {
        let mut tx = self.shared.store.write().await?;
        let removed = endpoint_delete(&mut tx, id).await?;
        self.shared.store.commit(tx).await?;
        if removed { Ok(()) } else { Err(unknown()) }
    }

    /// Gives an endpoint a new secret, which is shown only now. The old one is used beside it for some hours.
    ///
    /// # Errors
    /// An unknown endpoint; more hours than are allowed.
    pub async fn rotate(&self, id: i64, keep_old_hours: i64) -> Result<(Endpoint, SecretString), Refused> {
        if !(0..=LONGEST_OVERLAP).contains(&keep_old_hours) {
            return Err(invalid("keepOldHours", format!("{keep_old_hours} is not between 0 and {LONGEST_OVERLAP}")));
        }
        let secret = sign::secret(self.shared.random).ok_or_else(no_randomness)?;
        let store = &self.shared.store;
        let mut tx = store.write().await?;
        let until = self.shared.clock.now().plus_seconds(keep_old_hours * 3600);
        let rotated = endpoint_rotate(&mut tx, store.vault(), id, &secret, until).await?;
        store.commit(tx).await?;
        Ok((rotated.ok_or_else(unknown)?, secret))
    }

    /// An endpoint that is switched on. `field` of the input names it.
    async fn enabled(&self, id: i64, field: &str) -> Result<Endpoint, Refused> {
        let found = endpoint_find(&mut self.shared.store.read().await?, id).await?.ok_or_else(unknown)?;
        if found.enabled { Ok(found) } else { Err(Failure::ours(ErrorCode::Disabled, "The endpoint is switched off").at(&[field]).into()) }
    }

    /// Sends an endpoint a test.
    ///
    /// # Errors
    /// An unknown endpoint, or one that is switched off.
    pub async fn test(&self, id: i64) -> Result<Delivery, Refused> {
        self.enabled(id, "endpointId").await?;
        let mut tx = self.shared.store.write().await?;
        let delivery = delivery_test(&mut tx, id, self.shared.clock.now()).await?;
        self.shared.store.commit(tx).await?;
        Ok(delivery)
    }

    /// Sends an endpoint once more what has happened, up to now. What is still waiting to be sent is not sent twice.
    ///
    /// # Errors
    /// An unknown endpoint, or one that is switched off; a cursor that is none, or from before the change log's beginning.
    pub async fn replay(&self, id: i64, from: ReplayFrom) -> Result<Endpoint, Refused> {
        let found = self.enabled(id, "endpointId").await?;
        if found.replay_until.is_some() {
            let failure = Failure::ours(ErrorCode::InProgress, "Events are being sent to this endpoint once more already; wait for it to end");
            return Err(failure.at(&["endpointId"]).into());
        }
        let mut conn = self.shared.store.read().await?;
        let (head, tail) = (change_head(&mut conn).await?, change_tail(&mut conn).await?);
        let after = match from {
            ReplayFrom::Time(moment) => change_before(&mut conn, moment).await?,
            ReplayFrom::After(position) if position > head => {
                return Err(invalid("after", "The cursor lies beyond the end of the change log: is it another server's?"));
            }
            ReplayFrom::After(position) => position,
        };
        drop(conn);
        if after < tail {
            return Err(invalid("after", "The change log no longer reaches back so far"));
        }
        if after == head {
            return Ok(found);
        }
        let mut tx = self.shared.store.write().await?;
        let asked = endpoint_replay(&mut tx, id, after, head).await?;
        self.shared.store.commit(tx).await?;
        asked.ok_or_else(unknown)
    }

    /// Sends a delivery again: a dead letter with all its attempts before it, or a pending one at once.
    ///
    /// # Errors
    /// An unknown delivery, or one that has been delivered; an endpoint that is switched off.
    pub async fn retry(&self, id: i64) -> Result<Delivery, Refused> {
        let missing = || Refused::from(Failure::ours(ErrorCode::NotFound, "There is no such delivery").at(&["deliveryId"]));
        let found = delivery_find(&mut self.shared.store.read().await?, id).await?.ok_or_else(missing)?;
        if found.status == WebhookDeliveryStatus::Delivered {
            let failure = Failure::ours(ErrorCode::Conflict, "It has been delivered; to have it once more, replay from its cursor");
            return Err(failure.at(&["deliveryId"]).into());
        }
        self.enabled(found.endpoint_id, "deliveryId").await?;
        let mut tx = self.shared.store.write().await?;
        delivery_retry(&mut tx, found.endpoint_id, Some(id), self.shared.clock.now()).await?;
        let again = delivery_find(&mut tx, id).await?;
        self.shared.store.commit(tx).await?;
        again.ok_or_else(missing)
    }

    /// Sends all dead letters of an endpoint again. Answers with how many that are.
    ///
    /// # Errors
    /// An unknown endpoint, or one that is switched off.
    pub async fn retry_dead(&self, id: i64) -> Result<(Endpoint, usize), Refused> {
        let found = self.enabled(id, "endpointId").await?;
        let mut tx = self.shared.store.write().await?;
        let count = delivery_retry(&mut tx, id, None, self.shared.clock.now()).await?;
        self.shared.store.commit(tx).await?;
        Ok((found, count))
    }
}
