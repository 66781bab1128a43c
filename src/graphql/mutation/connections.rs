//! `createConnection`, `updateConnection`, `deleteConnection` and `testConnection`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::engine;
use crate::graphql::access::Needs;
use crate::graphql::connection::{ConnectedWms, connection_id};
use crate::graphql::errors::Result;
use crate::graphql::user_error::{UserError, refused};
use crate::record::{DataType, Json};
use crate::store::keys::Access;
use crate::sync::{AccountChange, Handle, NewAccount, Refused, Tested};

/// A connected WMS to be made.
#[derive(InputObject)]
pub struct CreateConnectionInput {
    /// The integration's name, such as "odoo".
    integration: String,
    /// What people are to call it.
    name: String,
    /// Your own reference, for example a tenant's id.
    customer_reference: Option<String>,
    /// What the integration's `credentialsSchema` asks for. They are kept encrypted, and never shown again.
    credentials: Json,
    /// How far back the first sync of orders, returns and inbound shipments goes, in days. The server's default when left out.
    lookback_days: Option<i64>,
}

/// What came of `createConnection`.
#[derive(SimpleObject)]
pub struct CreateConnectionPayload {
    /// The new connection; null when it was refused.
    connection: Option<ConnectedWms>,
    /// What the caller can act on; empty when the connection was made.
    errors: Vec<UserError>,
}

/// What is to change of a connected WMS. What is left out stays as it is.
#[derive(InputObject)]
pub struct UpdateConnectionInput {
    /// The connected WMS.
    connection_id: ID,
    /// What people are to call it.
    name: Option<String>,
    /// Your own reference; null takes it away.
    customer_reference: MaybeUndefined<String>,
    /// New credentials, whole: they are tried first. They resume a connection whose old ones the WMS rejected.
    credentials: Option<Json>,
    /// How far back a first sync of orders, returns and inbound shipments goes, in days.
    lookback_days: Option<i64>,
    /// True: nothing is synced until somebody says false.
    paused: Option<bool>,
}

/// What came of `updateConnection`.
#[derive(SimpleObject)]
pub struct UpdateConnectionPayload {
    /// The connection as it is now; null when the change was refused.
    connection: Option<ConnectedWms>,
    /// What the caller can act on; empty when the connection was changed.
    errors: Vec<UserError>,
}

/// Which connected WMS is to be removed.
#[derive(InputObject)]
pub struct DeleteConnectionInput {
    /// The connected WMS.
    connection_id: ID,
}

/// What came of `deleteConnection`.
#[derive(SimpleObject)]
pub struct DeleteConnectionPayload {
    /// The id of the connection that is no more; null when it was not removed.
    deleted_connection_id: Option<ID>,
    /// What the caller can act on; empty when the connection was removed.
    errors: Vec<UserError>,
}

/// What is to be tested: a connection that there is, or credentials for one that there may be.
#[derive(InputObject)]
pub struct TestConnectionInput {
    /// The connected WMS whose credentials are to be tried.
    connection_id: Option<ID>,
    /// Together with `credentials`: the integration's name, such as "odoo".
    integration: Option<String>,
    /// Together with `integration`: what its `credentialsSchema` asks for. They are not kept.
    credentials: Option<Json>,
}

/// A data type that the credentials may not read.
#[derive(SimpleObject)]
pub struct ForbiddenDataType {
    /// The type.
    data_type: DataType,
    /// Why, in the WMS's own words.
    reason: String,
}

/// What came of `testConnection`.
#[derive(SimpleObject, Default)]
pub struct TestConnectionPayload {
    /// Whether the WMS accepts the credentials.
    ok: bool,
    /// What the WMS calls the account, or its program and version; null where it does not say.
    description: Option<String>,
    /// What the credentials may not read.
    forbidden_data_types: Vec<ForbiddenDataType>,
    /// What the caller can act on; empty when `ok` is true.
    errors: Vec<UserError>,
}

impl From<Tested> for TestConnectionPayload {
    fn from(tested: Tested) -> Self {
        let forbidden = tested.forbidden.into_iter().map(|(data_type, reason)| ForbiddenDataType { data_type, reason });
        Self { ok: true, description: tested.description, forbidden_data_types: forbidden.collect(), errors: Vec::new() }
    }
}

impl From<UserError> for TestConnectionPayload {
    fn from(error: UserError) -> Self {
        Self { errors: vec![error], ..Self::default() }
    }
}

/// See `Mutation`.
#[derive(Default)]
pub struct Connections;

#[Object]
impl Connections {
    /// Connects a WMS: tries the credentials, keeps them, and begins the first sync of every data type that the adapter
    /// reads. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn create_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The connected WMS to be made.")] input: CreateConnectionInput,
    ) -> Result<CreateConnectionPayload> {
        let CreateConnectionInput { integration, name, customer_reference, credentials, lookback_days } = input;
        let new = NewAccount { integration, name, customer_reference, credentials, lookback_days };
        Ok(match engine::<Handle>(ctx)?.connect(new).await {
            Ok(made) => CreateConnectionPayload { connection: Some(ConnectedWms(Arc::new(made))), errors: Vec::new() },
            Err(refusal) => CreateConnectionPayload { connection: None, errors: vec![refused(refusal)?] },
        })
    }

    /// Changes a connected WMS. Needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn update_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to change.")] input: UpdateConnectionInput,
    ) -> Result<UpdateConnectionPayload> {
        let Some(id) = connection_id(&input.connection_id) else {
            return Ok(UpdateConnectionPayload { connection: None, errors: vec![UserError::no_connection(&input.connection_id)] });
        };
        let customer_reference = match input.customer_reference {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(reference) => Some(Some(reference)),
        };
        let UpdateConnectionInput { name, credentials, lookback_days, paused, .. } = input;
        let change = AccountChange { name, customer_reference, credentials, lookback_days, paused };
        Ok(match engine::<Handle>(ctx)?.change(id, change).await {
            Ok(changed) => UpdateConnectionPayload { connection: Some(ConnectedWms(Arc::new(changed))), errors: Vec::new() },
            Err(refusal) => UpdateConnectionPayload { connection: None, errors: vec![refused(refusal)?] },
        })
    }

    /// Removes a connected WMS with everything that was synced from it. Nothing changes at the WMS. Needs a key with `ADMIN`
    /// access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn delete_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which connected WMS is to be removed.")] input: DeleteConnectionInput,
    ) -> Result<DeleteConnectionPayload> {
        let Some(id) = connection_id(&input.connection_id) else {
            return Ok(DeleteConnectionPayload { deleted_connection_id: None, errors: vec![UserError::no_connection(&input.connection_id)] });
        };
        Ok(match engine::<Handle>(ctx)?.disconnect(id).await {
            Ok(()) => DeleteConnectionPayload { deleted_connection_id: Some(input.connection_id), errors: Vec::new() },
            Err(refusal) => DeleteConnectionPayload { deleted_connection_id: None, errors: vec![refused(refusal)?] },
        })
    }

    /// Tries credentials with as few calls as possible: those of a connected WMS, or others that are not kept. Needs a key
    /// with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn test_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be tested: `connectionId`, or `integration` with `credentials`.")] input: TestConnectionInput,
    ) -> Result<TestConnectionPayload> {
        let tested: std::result::Result<Tested, Refused> = match (input.connection_id, input.integration, input.credentials) {
            (Some(id), None, None) => match connection_id(&id) {
                Some(id) => engine::<Handle>(ctx)?.test_connection(id).await,
                None => return Ok(UserError::no_connection(&id).into()),
            },
            (None, Some(integration), Some(credentials)) => engine::<Handle>(ctx)?.test_credentials(&integration, &credentials).await,
            _ => return Ok(UserError::input(&[], "Give connectionId, or integration and credentials").into()),
        };
        Ok(match tested {
            Ok(tested) => tested.into(),
            Err(refusal) => refused(refusal)?.into(),
        })
    }
}
