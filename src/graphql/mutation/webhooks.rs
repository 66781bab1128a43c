//! Webhook endpoints made, changed, tried out and removed; events sent once more.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use secrecy::ExposeSecret as _;

use super::engine;
use crate::graphql::access::Needs;
use crate::graphql::change_filter::ChangeFilter;
use crate::graphql::errors::{Fault, Result};
use crate::graphql::scalars::LogCursor;
use crate::graphql::user_error::{UserError, refused};
use crate::graphql::webhooks::{WebhookDelivery, WebhookEndpoint, delivery_id, endpoint_id};
use crate::record::{DataType, Instant};
use crate::store::changes::Wanted;
use crate::store::keys::Access;
use crate::store::webhooks::{Endpoint, WebhookEventType, WebhookOrdering};
use crate::webhooks::{EndpointChange, Handle, NewEndpoint, ReplayFrom};

/// The most values of a list that says what an endpoint is told of: it is looked at in memory, entry by entry.
const MOST_WANTED: usize = 1_000;

/// A webhook endpoint to be made.
#[derive(InputObject)]
pub struct CreateWebhookEndpointInput {
    /// Where events are to be sent to, such as https://hooks.example.com/crossdock. Addresses of private networks are refused unless
    /// the server was started with --allow-private-webhooks.
    url: String,
    /// What people are to know of it.
    description: Option<String>,
    /// Only what happens at these connected WMSs; everything when left out.
    connection_ids: Option<Vec<ID>>,
    /// Only what happens to these data types; everything when left out.
    data_types: Option<Vec<DataType>>,
    /// Only what happens to these records; everything when left out. What concerns no record (the end of a sync, an issue) is not told then.
    record_ids: Option<Vec<ID>>,
    /// Only what happens to records that belong to one of these warehouse customers, or did until the change; everything when left out.
    /// What concerns no record is not told then.
    warehouse_customer_ids: Option<Vec<ID>>,
    /// Only these events; all when left out.
    event_types: Option<Vec<WebhookEventType>>,
    /// In which order events are sent. `NONE` when left out.
    ordering: Option<WebhookOrdering>,
    /// How many events are sent at the same time: 1 to 100, and 8 when left out.
    max_concurrency: Option<i64>,
}

/// What came of `createWebhookEndpoint`.
#[derive(SimpleObject, Default)]
pub struct CreateWebhookEndpointPayload {
    /// The new endpoint; null when it was refused.
    webhook_endpoint: Option<WebhookEndpoint>,
    /// What its events are signed with (`whsec_…`). It is shown only now; null when the endpoint was refused.
    secret: Option<String>,
    /// What the caller can act on; empty when the endpoint was made.
    errors: Vec<UserError>,
}

/// What is to change of a webhook endpoint. What is left out stays as it is.
#[derive(InputObject)]
pub struct UpdateWebhookEndpointInput {
    /// The endpoint.
    endpoint_id: ID,
    /// Where events are to be sent to.
    url: Option<String>,
    /// What people are to know of it; null takes it away.
    description: MaybeUndefined<String>,
    /// Only what happens at these connected WMSs; null: everything.
    connection_ids: MaybeUndefined<Vec<ID>>,
    /// Only what happens to these data types; null: everything.
    data_types: MaybeUndefined<Vec<DataType>>,
    /// Only what happens to these records; null: everything.
    record_ids: MaybeUndefined<Vec<ID>>,
    /// Only what happens to records of these warehouse customers; null: everything.
    warehouse_customer_ids: MaybeUndefined<Vec<ID>>,
    /// Only these events; null: all.
    event_types: MaybeUndefined<Vec<WebhookEventType>>,
    /// In which order events are sent.
    ordering: Option<WebhookOrdering>,
    /// How many events are sent at the same time: 1 to 100.
    max_concurrency: Option<i64>,
    /// False: nothing is sent, and nothing that happens is kept for it. True: what was waiting is sent, and what happens from now on;
    /// `replayWebhooks` sends what it has missed.
    enabled: Option<bool>,
}

/// What came of `updateWebhookEndpoint`.
#[derive(SimpleObject, Default)]
pub struct UpdateWebhookEndpointPayload {
    /// The endpoint as it is now; null when the change was refused.
    webhook_endpoint: Option<WebhookEndpoint>,
    /// What the caller can act on; empty when the endpoint was changed.
    errors: Vec<UserError>,
}

/// Which webhook endpoint is to be removed.
#[derive(InputObject)]
pub struct DeleteWebhookEndpointInput {
    /// The endpoint.
    endpoint_id: ID,
}

/// What came of `deleteWebhookEndpoint`.
#[derive(SimpleObject, Default)]
pub struct DeleteWebhookEndpointPayload {
    /// The id of the endpoint that is no more; null when it was not removed.
    deleted_webhook_endpoint_id: Option<ID>,
    /// What the caller can act on; empty when the endpoint was removed.
    errors: Vec<UserError>,
}

/// Whose secret is to be replaced.
#[derive(InputObject)]
pub struct RotateWebhookSecretInput {
    /// The endpoint.
    endpoint_id: ID,
    /// For how many hours events are signed with the old secret too: 0 to 168.
    #[graphql(default = 24)]
    keep_old_hours: i64,
}

/// What came of `rotateWebhookSecret`.
#[derive(SimpleObject, Default)]
pub struct RotateWebhookSecretPayload {
    /// The endpoint; null when it was refused.
    webhook_endpoint: Option<WebhookEndpoint>,
    /// The new secret. It is shown only now; null when it was refused.
    secret: Option<String>,
    /// What the caller can act on; empty when the secret was replaced.
    errors: Vec<UserError>,
}

/// Which webhook endpoint is to be tried out.
#[derive(InputObject)]
pub struct SendTestWebhookInput {
    /// The endpoint.
    endpoint_id: ID,
}

/// What came of `sendTestWebhook`.
#[derive(SimpleObject, Default)]
pub struct SendTestWebhookPayload {
    /// The event of the type `webhook.test` on its way: ask for it again to see what became of it. Null when it was refused.
    delivery: Option<WebhookDelivery>,
    /// What the caller can act on; empty when it is on its way.
    errors: Vec<UserError>,
}

/// What is to be sent once more: everything from a moment on, or after a cursor, that the endpoint is told of.
#[derive(InputObject)]
pub struct ReplayWebhooksInput {
    /// The endpoint.
    endpoint_id: ID,
    /// What happened then or later. Not together with `after`.
    from: Option<Instant>,
    /// What comes after this cursor of the change log. Not together with `from`.
    after: Option<LogCursor>,
}

/// What came of `replayWebhooks`.
#[derive(SimpleObject, Default)]
pub struct ReplayWebhooksPayload {
    /// The endpoint: `replaying` until all events are in its queue. Null when it was refused.
    webhook_endpoint: Option<WebhookEndpoint>,
    /// What the caller can act on; empty when the events are on their way.
    errors: Vec<UserError>,
}

/// Which delivery is to be sent again.
#[derive(InputObject)]
pub struct RetryWebhookDeliveryInput {
    /// The delivery.
    delivery_id: ID,
}

/// What came of `retryWebhookDelivery`.
#[derive(SimpleObject, Default)]
pub struct RetryWebhookDeliveryPayload {
    /// The delivery as it is now; null when it was refused.
    delivery: Option<WebhookDelivery>,
    /// What the caller can act on; empty when it is on its way.
    errors: Vec<UserError>,
}

/// Whose dead letters are to be sent again.
#[derive(InputObject)]
pub struct RetryDeadWebhooksInput {
    /// The endpoint.
    endpoint_id: ID,
}

/// What came of `retryDeadWebhooks`.
#[derive(SimpleObject, Default)]
pub struct RetryDeadWebhooksPayload {
    /// The endpoint; null when it was refused.
    webhook_endpoint: Option<WebhookEndpoint>,
    /// How many dead letters are on their way again; null when it was refused.
    count: Option<i64>,
    /// What the caller can act on; empty when they are on their way.
    errors: Vec<UserError>,
}

fn shown(endpoint: Endpoint) -> Option<WebhookEndpoint> {
    Some(WebhookEndpoint(Arc::new(endpoint)))
}

fn no_endpoint(id: &ID) -> UserError {
    UserError::input(&["endpointId"], format!("{:?} is no webhook endpoint's id", id.as_str()))
}

/// What the lists of an input want.
fn wanted(filter: &ChangeFilter) -> std::result::Result<Wanted, UserError> {
    filter.wanted(&[], MOST_WANTED).map_err(|fault| match fault {
        Fault::Input { path, message } => UserError::input(&path.iter().map(String::as_str).collect::<Vec<_>>(), message),
        other => UserError::input(&[], other.to_string()),
    })
}

/// What a field of a change gives for a list: `None` where it was left out, `Some(None)` for null.
fn given<T, M>(field: &MaybeUndefined<T>, meaning: Option<M>) -> Option<Option<M>> {
    (!field.is_undefined()).then_some(meaning)
}

/// What is left out stays as it is; null takes it away.
fn maybe<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// The payload of a refusal.
macro_rules! refuse {
    ($payload:ident, $error:expr) => {
        return Ok($payload { errors: vec![$error], ..$payload::default() })
    };
}

/// See `Mutation`.
#[derive(Default)]
pub struct WebhookMutations;

#[Object]
impl WebhookMutations {
    /// Makes a webhook endpoint: from now on it is told of what happens. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn create_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint to be made.")] input: CreateWebhookEndpointInput,
    ) -> Result<CreateWebhookEndpointPayload> {
        let CreateWebhookEndpointInput { url, description, event_types, ordering, max_concurrency, .. } = input;
        let CreateWebhookEndpointInput { connection_ids, data_types, record_ids, warehouse_customer_ids, .. } = input;
        let wanted = match wanted(&ChangeFilter { connection_ids, data_types, kinds: None, record_ids, warehouse_customer_ids }) {
            Ok(wanted) => wanted,
            Err(error) => refuse!(CreateWebhookEndpointPayload, error),
        };
        let new = NewEndpoint { url, description, wanted, event_types, ordering, max_concurrency };
        match engine::<Handle>(ctx)?.create(new).await {
            Ok((made, secret)) => Ok(CreateWebhookEndpointPayload {
                webhook_endpoint: shown(made),
                secret: Some(secret.expose_secret().to_owned()),
                errors: Vec::new(),
            }),
            Err(refusal) => refuse!(CreateWebhookEndpointPayload, refused(refusal)?),
        }
    }

    /// Changes a webhook endpoint. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn update_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to change.")] input: UpdateWebhookEndpointInput,
    ) -> Result<UpdateWebhookEndpointPayload> {
        let Some(id) = endpoint_id(&input.endpoint_id) else { refuse!(UpdateWebhookEndpointPayload, no_endpoint(&input.endpoint_id)) };
        let filter = ChangeFilter {
            connection_ids: input.connection_ids.clone().take(),
            data_types: input.data_types.clone().take(),
            kinds: None,
            record_ids: input.record_ids.clone().take(),
            warehouse_customer_ids: input.warehouse_customer_ids.clone().take(),
        };
        let wanted = match wanted(&filter) {
            Ok(wanted) => wanted,
            Err(error) => refuse!(UpdateWebhookEndpointPayload, error),
        };
        let change = EndpointChange {
            url: input.url,
            description: maybe(input.description),
            connections: given(&input.connection_ids, wanted.connections),
            data_types: given(&input.data_types, wanted.data_types),
            records: given(&input.record_ids, wanted.records),
            warehouse_customers: given(&input.warehouse_customer_ids, wanted.warehouse_customers),
            event_types: maybe(input.event_types),
            ordering: input.ordering,
            max_concurrency: input.max_concurrency,
            enabled: input.enabled,
        };
        match engine::<Handle>(ctx)?.change(id, change).await {
            Ok(changed) => Ok(UpdateWebhookEndpointPayload { webhook_endpoint: shown(changed), errors: Vec::new() }),
            Err(refusal) => refuse!(UpdateWebhookEndpointPayload, refused(refusal)?),
        }
    }

    /// Removes a webhook endpoint with all that waits for it. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn delete_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which endpoint is to be removed.")] input: DeleteWebhookEndpointInput,
    ) -> Result<DeleteWebhookEndpointPayload> {
        let Some(id) = endpoint_id(&input.endpoint_id) else { refuse!(DeleteWebhookEndpointPayload, no_endpoint(&input.endpoint_id)) };
        match engine::<Handle>(ctx)?.delete(id).await {
            Ok(()) => Ok(DeleteWebhookEndpointPayload { deleted_webhook_endpoint_id: Some(input.endpoint_id), errors: Vec::new() }),
            Err(refusal) => refuse!(DeleteWebhookEndpointPayload, refused(refusal)?),
        }
    }

    /// Gives a webhook endpoint a new secret. For some hours events are signed with both, so that the receiver can change over without
    /// missing any; of several old secrets only the newest is kept. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose secret is to be replaced.")] input: RotateWebhookSecretInput,
    ) -> Result<RotateWebhookSecretPayload> {
        let Some(id) = endpoint_id(&input.endpoint_id) else { refuse!(RotateWebhookSecretPayload, no_endpoint(&input.endpoint_id)) };
        match engine::<Handle>(ctx)?.rotate(id, input.keep_old_hours).await {
            Ok((endpoint, secret)) => Ok(RotateWebhookSecretPayload {
                webhook_endpoint: shown(endpoint),
                secret: Some(secret.expose_secret().to_owned()),
                errors: Vec::new(),
            }),
            Err(refusal) => refuse!(RotateWebhookSecretPayload, refused(refusal)?),
        }
    }

    /// Sends a webhook endpoint an event of the type `webhook.test`, whatever it asks for. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn send_test_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which endpoint is to be tried out.")] input: SendTestWebhookInput,
    ) -> Result<SendTestWebhookPayload> {
        let Some(id) = endpoint_id(&input.endpoint_id) else { refuse!(SendTestWebhookPayload, no_endpoint(&input.endpoint_id)) };
        match engine::<Handle>(ctx)?.test(id).await {
            Ok(delivery) => Ok(SendTestWebhookPayload { delivery: Some(WebhookDelivery(delivery)), errors: Vec::new() }),
            Err(refusal) => refuse!(SendTestWebhookPayload, refused(refusal)?),
        }
    }

    /// Sends a webhook endpoint once more what has happened up to now, as far as the change log reaches back. Every event has the id
    /// that it had before; what is still waiting is not sent twice. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn replay_webhooks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be sent once more: `from` or `after`.")] input: ReplayWebhooksInput,
    ) -> Result<ReplayWebhooksPayload> {
        let Some(id) = endpoint_id(&input.endpoint_id) else { refuse!(ReplayWebhooksPayload, no_endpoint(&input.endpoint_id)) };
        let from = match (input.from, input.after) {
            (Some(moment), None) => ReplayFrom::Time(moment),
            (None, Some(cursor)) => match cursor.position("after") {
                Ok(position) => ReplayFrom::After(position),
                Err(fault) => refuse!(ReplayWebhooksPayload, UserError::input(&["after"], fault.to_string())),
            },
            _ => refuse!(ReplayWebhooksPayload, UserError::input(&[], "Give from, or after")),
        };
        match engine::<Handle>(ctx)?.replay(id, from).await {
            Ok(endpoint) => Ok(ReplayWebhooksPayload { webhook_endpoint: shown(endpoint), errors: Vec::new() }),
            Err(refusal) => refuse!(ReplayWebhooksPayload, refused(refusal)?),
        }
    }

    /// Sends one delivery again: a dead letter with all its attempts before it, a pending one at once. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn retry_webhook_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which delivery is to be sent again.")] input: RetryWebhookDeliveryInput,
    ) -> Result<RetryWebhookDeliveryPayload> {
        let Some(id) = delivery_id(&input.delivery_id) else {
            let message = format!("{:?} is no delivery's id", input.delivery_id.as_str());
            refuse!(RetryWebhookDeliveryPayload, UserError::input(&["deliveryId"], message))
        };
        match engine::<Handle>(ctx)?.retry(id).await {
            Ok(delivery) => Ok(RetryWebhookDeliveryPayload { delivery: Some(WebhookDelivery(delivery)), errors: Vec::new() }),
            Err(refusal) => refuse!(RetryWebhookDeliveryPayload, refused(refusal)?),
        }
    }

    /// Sends all dead letters of a webhook endpoint again, with all their attempts before them. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn retry_dead_webhooks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose dead letters are to be sent again.")] input: RetryDeadWebhooksInput,
    ) -> Result<RetryDeadWebhooksPayload> {
        let Some(id) = endpoint_id(&input.endpoint_id) else { refuse!(RetryDeadWebhooksPayload, no_endpoint(&input.endpoint_id)) };
        match engine::<Handle>(ctx)?.retry_dead(id).await {
            Ok((endpoint, count)) => Ok(RetryDeadWebhooksPayload {
                webhook_endpoint: shown(endpoint),
                count: Some(i64::try_from(count).unwrap_or(i64::MAX)),
                errors: Vec::new(),
            }),
            Err(refusal) => refuse!(RetryDeadWebhooksPayload, refused(refusal)?),
        }
    }
}
