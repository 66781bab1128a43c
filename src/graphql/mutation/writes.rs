//! Writes to a WMS: `createOrder`, `updateProduct`.
//!
//! Every record that the input names must be of the connection that is written to; that is seen here, before anything is
//! journalled or sent.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::engine;
use crate::graphql::access::{Needs, viewer};
use crate::graphql::connection::connection_id;
use crate::graphql::errors::Result;
use crate::graphql::objects::Synced;
use crate::graphql::user_error::UserError;
use crate::graphql::write::Write;
use crate::record::draft::{Command, CreateOrder, OrderDraft, ProductPatch, Ref, UpdateProduct};
use crate::record::{ConnectionId, Id, Json, Order, Product};
use crate::store::keys::Access;
use crate::writes::{Handle, Outcome};

/// An order to be made at a WMS.
#[derive(InputObject)]
pub struct CreateOrderInput {
    /// The connected WMS to make it at.
    connection_id: ID,
    /// The order.
    order: OrderDraft,
    /// Fields that only this WMS knows.
    integration_fields: Option<Json>,
}

/// What is to change of a product at its WMS.
#[derive(InputObject)]
pub struct UpdateProductInput {
    /// The product's global id.
    id: ID,
    /// What is to change.
    product: ProductPatch,
    /// Fields that only this WMS knows.
    integration_fields: Option<Json>,
}

/// The payload of a write.
macro_rules! payload {
    ($($(#[$doc:meta])* $payload:ident { $(#[$field_doc:meta])* $field:ident: $type:ident })+) => {$(
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $payload {
            $(#[$field_doc])*
            pub $field: Option<Synced<$type>>,
            /// The journalled write; null when nothing was sent.
            pub write: Option<Write>,
            /// What the caller can act on; empty when the write was carried out.
            pub errors: Vec<UserError>,
        }

        impl From<Outcome<$type>> for $payload {
            fn from(outcome: Outcome<$type>) -> Self {
                Self {
                    $field: outcome.record.map(|record| Synced(Arc::new(record))),
                    write: outcome.write.map(|write| Write(Arc::new(write))),
                    errors: outcome.failure.into_iter().map(UserError::from).collect(),
                }
            }
        }

        impl From<Vec<UserError>> for $payload {
            fn from(errors: Vec<UserError>) -> Self {
                Self { $field: None, write: None, errors }
            }
        }
    )+};
}
payload! {
    /// What came of `createOrder`.
    CreateOrderPayload {
        /// The order as the WMS now holds it; null when it was not made, or nobody knows whether it was.
        order: Order
    }
    /// What came of `updateProduct`.
    UpdateProductPayload {
        /// The product as the WMS now holds it; null when it was not changed, or nobody knows whether it was.
        product: Product
    }
}

/// The records that a command names but that are of another connection.
fn strangers(command: &impl Command, connection: ConnectionId) -> Vec<UserError> {
    let strange = command.refs().into_iter().filter(|named| named.connection != connection);
    let message = "It belongs to another connection";
    strange.map(|named| UserError::input(&named.path.iter().map(String::as_str).collect::<Vec<_>>(), message)).collect()
}

/// See `Mutation`.
#[derive(Default)]
pub struct Writes;

#[Object]
impl Writes {
    /// Makes an order at a WMS, and answers with it as the WMS now holds it. Needs a key with `WRITE` access.
    #[graphql(guard = "Needs(Access::Write)")]
    async fn create_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order to be made.")] input: CreateOrderInput,
    ) -> Result<CreateOrderPayload> {
        let Some(connection) = connection_id(&input.connection_id) else {
            return Ok(vec![UserError::no_connection(&input.connection_id)].into());
        };
        let command = CreateOrder { order: input.order, integration_fields: input.integration_fields };
        let errors = strangers(&command, connection);
        if !errors.is_empty() {
            return Ok(errors.into());
        }
        Ok(engine::<Handle>(ctx)?.write(connection, command, viewer(ctx)?.0.id, "connectionId").await?.into())
    }

    /// Changes a product at its WMS, and answers with it as the WMS now holds it. Needs a key with `WRITE` access.
    #[graphql(guard = "Needs(Access::Write)")]
    async fn update_product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to change.")] input: UpdateProductInput,
    ) -> Result<UpdateProductPayload> {
        let Some(product) = input.id.parse::<Id>().ok().and_then(|id| Ref::<Product>::of(&id)) else {
            return Ok(vec![UserError::input(&["id"], format!("{:?} is not the id of a Product", input.id.as_str()))].into());
        };
        let connection = product.connection();
        let command = UpdateProduct { id: product, product: input.product, integration_fields: input.integration_fields };
        Ok(engine::<Handle>(ctx)?.write(connection, command, viewer(ctx)?.0.id, "id").await?.into())
    }
}
