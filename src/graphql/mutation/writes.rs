//! Writes to a WMS: one mutation for each action, and one for a batch of those that come in batches.
//!
//! All have the same envelope (`idempotencyKey`, `waitSeconds`, `dryRun`, `integrationFields`) and the same answer; what is their own is
//! one entry of [`writes`]. What is wrong with an input is seen by the engine, before anything is journalled or sent.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use futures_util::{StreamExt as _, stream};

use super::engine;
use crate::graphql::access::{Needs, viewer};
use crate::graphql::connection::connection_id;
use crate::graphql::errors::Result;
use crate::graphql::objects::{Shown, Synced};
use crate::graphql::state;
use crate::graphql::user_error::UserError;
use crate::graphql::write::Write;
use crate::record::draft::*;
use crate::record::{ConnectionId, ErrorCode, Failure, Id, InboundShipment, InventoryItem, Json, Order, Product, Record, Return};
use crate::store::keys::Access;
use crate::writes::{AnyCommand, Ask, Handle, Outcome};

/// The most writes of a batch.
const MOST: usize = 100;
/// The longest that a caller may wait for another's write, in seconds.
const LONGEST_WAIT: i32 = 300;

/// What all writes have in common.
pub(super) struct Envelope {
    pub(super) key: Option<String>,
    pub(super) wait_seconds: i32,
    pub(super) dry_run: bool,
}

/// A write as an input asks for it.
struct Asked {
    connection: ConnectionId,
    field: &'static str,
    envelope: Envelope,
    command: AnyCommand,
}

/// The connection that a field names.
pub(super) fn to_connection(id: &ID) -> std::result::Result<ConnectionId, UserError> {
    connection_id(id).ok_or_else(|| UserError::no_connection(id))
}

/// The record that the field `id` names.
fn to_record<T: Record>(id: &ID) -> std::result::Result<Ref<T>, UserError> {
    let wanted = T::DATA_TYPE.type_name();
    let found = id.parse::<Id>().ok().and_then(|id| Ref::of(&id));
    found.ok_or_else(|| UserError::input(&["id"], format!("{:?} is not the id of a {wanted}", id.as_str())))
}

/// The engine's form of what a caller asks for.
pub(super) fn ask(
    ctx: &Context<'_>,
    connection: ConnectionId,
    field: &'static str,
    envelope: Envelope,
) -> Result<std::result::Result<Ask, UserError>> {
    if !(0..=LONGEST_WAIT).contains(&envelope.wait_seconds) {
        return Ok(Err(UserError::input(&["waitSeconds"], format!("It must be 0 to {LONGEST_WAIT}"))));
    }
    let by = &viewer(ctx)?.0;
    let wait = Duration::from_secs(u64::try_from(envelope.wait_seconds).unwrap_or_default());
    Ok(Ok(Ask { connection, field, key: envelope.key, wait, dry_run: envelope.dry_run, by: (by.id, by.name.clone()) }))
}

async fn carry_out(ctx: &Context<'_>, asked: std::result::Result<Asked, UserError>) -> Result<std::result::Result<Outcome, UserError>> {
    let Asked { connection, field, envelope, command } = match asked {
        Ok(asked) => asked,
        Err(error) => return Ok(Err(error)),
    };
    Ok(match ask(ctx, connection, field, envelope)? {
        Ok(ask) => Ok(engine::<Handle>(ctx)?.write(ask, command).await?),
        Err(error) => Err(error),
    })
}

/// The record that a write has made or changed.
async fn record<T: Shown>(ctx: &Context<'_>, outcome: &Outcome) -> Result<Option<Synced<T>>> {
    let Some(write) = outcome.write.as_ref().filter(|_| outcome.failures.is_empty()) else { return Ok(None) };
    let Some(source_id) = &write.source_id else { return Ok(None) };
    Ok(state(ctx)?.loaders.record::<T>(ConnectionId(write.connection_id), source_id).await?.map(Synced))
}

/// The same error, of this item of a batch.
fn of_item(list: &str, index: usize, failure: Failure) -> Failure {
    let path = [list.to_owned(), index.to_string()].into_iter().chain(failure.path.into_iter().flatten()).collect();
    Failure { path: Some(path), ..failure }
}

/// A batch, in its order and with a few writes under way at the same time.
async fn batch<P, F: Future<Output = Result<P>>>(ctx: &Context<'_>, writes: impl Iterator<Item = F>) -> Result<Vec<P>> {
    let together = engine::<Handle>(ctx)?.at_once();
    stream::iter(writes).buffered(together).collect::<Vec<_>>().await.into_iter().collect()
}

/// Expands to the inputs, the payloads and the mutations. Of `createOrder` it makes
///
/// ```ignore
/// #[derive(InputObject)]
/// pub struct CreateOrderInput {
///     connection_id: ID, order: OrderDraft,
///     idempotency_key: Option<String>, wait_seconds: i32, dry_run: bool, integration_fields: Option<Json>,
/// }
/// impl CreateOrderInput { fn asked(self) -> Result<Asked, UserError> { … } }
/// #[derive(SimpleObject)]
/// pub struct CreateOrderPayload { order: Option<Synced<Order>>, write: Option<Write>, replayed: bool, unused_fields: Vec<String>, errors: Vec<UserError> }
/// async fn create_order(&self, ctx: &Context<'_>, input: CreateOrderInput) -> Result<CreateOrderPayload> { … }
/// ```
///
/// and of its batch the same for `createOrders`, whose items have the fields of `createOrder`'s input that are their own.
macro_rules! writes {
    ($(
        $(#[$doc:meta])*
        $method:ident $command:ident($input:ident) -> $payload:ident { $(#[$record_doc:meta])* $record:ident $record_name:literal: $type:ident }
        $at:ident $fields:tt
        $(+ batch $(#[$batch_doc:meta])* $batch:ident($batch_input:ident of $item:ident) -> $batch_payload:ident { $list:ident $list_name:literal })?
    )+) => {
        $(
            writes!(@input $at, $(#[$doc])* $input $command $fields);

            #[doc = concat!("What came of a write of this kind: of `", stringify!($method), "`, or of one of a batch.")]
            #[derive(SimpleObject)]
            pub struct $payload {
                $(#[$record_doc])*
                #[graphql(name = $record_name)]
                pub $record: Option<Synced<$type>>,
                /// The journalled write; null when nothing was sent.
                pub write: Option<Write>,
                /// Whether this is the answer to an earlier call with the same `idempotencyKey`. Nothing was sent now, and the record
                /// is shown as it is stored now.
                pub replayed: bool,
                /// Input fields that the WMS has no place for, as dotted paths below the draft or patch such as `lineItems.unitPrice`. They
                /// were not written; of a dry run, they would not be.
                pub unused_fields: Vec<String>,
                /// What the caller can act on; empty when the write was carried out, or a dry run found nothing wrong.
                pub errors: Vec<UserError>,
            }

            impl $payload {
                async fn of(ctx: &Context<'_>, outcome: std::result::Result<Outcome, UserError>, item: Option<(&str, usize)>) -> Result<Self> {
                    let outcome = match outcome {
                        Ok(outcome) => outcome,
                        Err(error) => {
                            return Ok(Self { $record: None, write: None, replayed: false, unused_fields: Vec::new(), errors: vec![error] });
                        }
                    };
                    let $record = record::<$type>(ctx, &outcome).await?;
                    let placed = |failure| match item {
                        Some((list, index)) => of_item(list, index, failure),
                        None => failure,
                    };
                    let Outcome { write, failures, replayed, unused_fields, .. } = outcome;
                    let errors = failures.into_iter().map(placed).map(UserError::from).collect();
                    Ok(Self { $record, write: write.map(|write| Write(Arc::new(write))), replayed, unused_fields, errors })
                }
            }

            $(
                writes!(@batch $at, $batch_input of $item $command $fields $list $list_name);

                #[doc = concat!("What came of `", stringify!($batch), "`.")]
                #[derive(SimpleObject)]
                pub struct $batch_payload {
                    /// What came of each, in the order of the input. Empty when the batch as a whole was refused.
                    pub results: Vec<$payload>,
                    /// Why the batch as a whole was refused; what is wrong with one of its writes stands there.
                    pub errors: Vec<UserError>,
                }
            )?
        )+

        /// See `Mutation`.
        #[derive(Default)]
        pub struct Writes;

        #[Object]
        impl Writes {
            $(
                $(#[$doc])*
                /// Needs a key with `WRITE` access.
                #[graphql(guard = "Needs(Access::Write)")]
                async fn $method(&self, ctx: &Context<'_>, #[graphql(desc = "What is to be written.")] input: $input) -> Result<$payload> {
                    let outcome = carry_out(ctx, input.asked()).await?;
                    $payload::of(ctx, outcome, None).await
                }

                $(
                    $(#[$batch_doc])*
                    /// At most 100, each with an `idempotencyKey` of its own; a few of them are under way at the same time. One that is
                    /// refused does not hold up the others. Needs a key with `WRITE` access.
                    #[graphql(guard = "Needs(Access::Write)")]
                    async fn $batch(
                        &self,
                        ctx: &Context<'_>,
                        #[graphql(desc = "What is to be written.")] input: $batch_input,
                    ) -> Result<$batch_payload> {
                        let asked = match input.asked() {
                            Ok(asked) => asked,
                            Err(error) => return Ok($batch_payload { results: Vec::new(), errors: vec![error] }),
                        };
                        let writes = asked.into_iter().enumerate().map(async |(index, asked)| {
                            let outcome = carry_out(ctx, asked).await?;
                            $payload::of(ctx, outcome, Some(($list_name, index))).await
                        });
                        Ok($batch_payload { results: batch(ctx, writes).await?, errors: Vec::new() })
                    }
                )?
            )+
        }
    };
    (@input connection, $(#[$doc:meta])* $input:ident $command:ident { $($(#[$field_doc:meta])* $field:ident $field_name:literal: $field_type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(InputObject)]
        pub struct $input {
            /// The connected WMS to write to.
            connection_id: ID,
            $($(#[$field_doc])* #[graphql(name = $field_name)] $field: $field_type,)*
            /// Repeat a call with the same key and the same content, and it is answered from the journal, never sent twice. 1 to 255
            /// bytes, remembered for each connection for 7 days unless the server was told otherwise.
            idempotency_key: Option<String>,
            /// Where a write under the same key is under way, or nobody knows yet what came of it: wait so many seconds for its end (0
            /// to 300). Otherwise it is answered at once as it stands, with `IN_PROGRESS` while it is under way.
            #[graphql(default = 0)]
            wait_seconds: i32,
            /// Only check the input against what this connection's WMS can do. Nothing is sent or journalled.
            #[graphql(default = false)]
            dry_run: bool,
            /// Fields that only this WMS knows: see `integrationFieldsSchema` of its capabilities.
            integration_fields: Option<Json>,
        }

        impl $input {
            fn asked(self) -> std::result::Result<Asked, UserError> {
                let connection = to_connection(&self.connection_id)?;
                let command = $command { $($field: self.$field,)* integration_fields: self.integration_fields };
                let envelope = Envelope { key: self.idempotency_key, wait_seconds: self.wait_seconds, dry_run: self.dry_run };
                Ok(Asked { connection, field: "connectionId", envelope, command: command.into() })
            }
        }
    };
    (@input id, $(#[$doc:meta])* $input:ident $command:ident { $($(#[$field_doc:meta])* $field:ident $field_name:literal: $field_type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(InputObject)]
        pub struct $input {
            /// The record's global id. It says which connected WMS is written to.
            id: ID,
            $($(#[$field_doc])* #[graphql(name = $field_name)] $field: $field_type,)*
            /// Repeat a call with the same key and the same content, and it is answered from the journal, never sent twice. 1 to 255
            /// bytes, remembered for each connection for 7 days unless the server was told otherwise.
            idempotency_key: Option<String>,
            /// Where a write under the same key is under way, or nobody knows yet what came of it: wait so many seconds for its end (0
            /// to 300). Otherwise it is answered at once as it stands, with `IN_PROGRESS` while it is under way.
            #[graphql(default = 0)]
            wait_seconds: i32,
            /// Only check the input against what this connection's WMS can do. Nothing is sent or journalled.
            #[graphql(default = false)]
            dry_run: bool,
            /// Fields that only this WMS knows: see `integrationFieldsSchema` of its capabilities.
            integration_fields: Option<Json>,
        }

        impl $input {
            fn asked(self) -> std::result::Result<Asked, UserError> {
                let id = to_record(&self.id)?;
                let connection = id.connection();
                let command = $command { id, $($field: self.$field,)* integration_fields: self.integration_fields };
                let envelope = Envelope { key: self.idempotency_key, wait_seconds: self.wait_seconds, dry_run: self.dry_run };
                Ok(Asked { connection, field: "id", envelope, command: command.into() })
            }
        }
    };
    (@batch connection, $batch_input:ident of $item:ident $command:ident { $($(#[$field_doc:meta])* $field:ident $field_name:literal: $field_type:ty),* $(,)? } $list:ident $list_name:literal) => {
        /// One write of a batch.
        #[derive(InputObject)]
        pub struct $item {
            $($(#[$field_doc])* #[graphql(name = $field_name)] $field: $field_type,)*
            /// See the mutation for one alone.
            idempotency_key: Option<String>,
            /// Fields that only this WMS knows.
            integration_fields: Option<Json>,
        }

        /// A batch of writes to one connected WMS.
        #[derive(InputObject)]
        pub struct $batch_input {
            /// The connected WMS to write to.
            connection_id: ID,
            /// The writes: at most 100.
            #[graphql(name = $list_name)]
            $list: Vec<$item>,
            /// Where a write under the same key is under way: wait so many seconds for its end (0 to 300).
            #[graphql(default = 0)]
            wait_seconds: i32,
            /// Only check the input against what this connection's WMS can do. Nothing is sent or journalled.
            #[graphql(default = false)]
            dry_run: bool,
        }

        impl $batch_input {
            fn asked(self) -> std::result::Result<Vec<std::result::Result<Asked, UserError>>, UserError> {
                let connection = to_connection(&self.connection_id)?;
                bounded($list_name, self.$list.len())?;
                let (wait_seconds, dry_run) = (self.wait_seconds, self.dry_run);
                let items = self.$list.into_iter().map(|item| {
                    let command = $command { $($field: item.$field,)* integration_fields: item.integration_fields };
                    let envelope = Envelope { key: item.idempotency_key, wait_seconds, dry_run };
                    Ok(Asked { connection, field: "connectionId", envelope, command: command.into() })
                });
                Ok(items.collect())
            }
        }
    };
    (@batch id, $batch_input:ident of $item:ident $command:ident { $($(#[$field_doc:meta])* $field:ident $field_name:literal: $field_type:ty),* $(,)? } $list:ident $list_name:literal) => {
        /// One write of a batch.
        #[derive(InputObject)]
        pub struct $item {
            /// The record's global id.
            id: ID,
            $($(#[$field_doc])* #[graphql(name = $field_name)] $field: $field_type,)*
            /// See the mutation for one alone.
            idempotency_key: Option<String>,
            /// Fields that only this WMS knows.
            integration_fields: Option<Json>,
        }

        /// A batch of writes.
        #[derive(InputObject)]
        pub struct $batch_input {
            /// The writes: at most 100, to one connected WMS or to several.
            #[graphql(name = $list_name)]
            $list: Vec<$item>,
            /// Where a write under the same key is under way: wait so many seconds for its end (0 to 300).
            #[graphql(default = 0)]
            wait_seconds: i32,
            /// Only check the input against what the connected WMSs can do. Nothing is sent or journalled.
            #[graphql(default = false)]
            dry_run: bool,
        }

        impl $batch_input {
            fn asked(self) -> std::result::Result<Vec<std::result::Result<Asked, UserError>>, UserError> {
                bounded($list_name, self.$list.len())?;
                let (wait_seconds, dry_run) = (self.wait_seconds, self.dry_run);
                let items = self.$list.into_iter().enumerate().map(|(index, item)| {
                    let id = to_record(&item.id).map_err(|error| error.below(&[$list_name, &index.to_string()]))?;
                    let connection = id.connection();
                    let command = $command { id, $($field: item.$field,)* integration_fields: item.integration_fields };
                    let envelope = Envelope { key: item.idempotency_key, wait_seconds, dry_run };
                    Ok(Asked { connection, field: "id", envelope, command: command.into() })
                });
                Ok(items.collect())
            }
        }
    };
}

fn bounded(list: &str, length: usize) -> std::result::Result<(), UserError> {
    if (1..=MOST).contains(&length) {
        return Ok(());
    }
    Err(UserError::input(&[list], format!("A batch has 1 to {MOST} writes, not {length}")))
}

writes! {
    /// Makes an order at a WMS, and answers with it as the WMS now holds it.
    create_order CreateOrder(CreateOrderInput) -> CreateOrderPayload {
        /// The order as the WMS now holds it; null when it was not made, or nobody knows whether it was.
        order "order": Order
    }
    connection {
        /// The order.
        order "order": OrderDraft,
    }
    + batch
    /// Makes several orders at a WMS.
    create_orders(CreateOrdersInput of CreateOrderItem) -> CreateOrdersPayload { orders "orders" }

    /// Changes an order at its WMS, and answers with it as the WMS now holds it.
    update_order UpdateOrder(UpdateOrderInput) -> UpdateOrderPayload {
        /// The order as the WMS now holds it; null when it was not changed, or nobody knows whether it was.
        order "order": Order
    }
    id {
        /// What is to change.
        order "order": OrderPatch,
    }

    /// Cancels an order at its WMS, and answers with it as the WMS now holds it.
    cancel_order CancelOrder(CancelOrderInput) -> CancelOrderPayload {
        /// The order as the WMS now holds it; null when it was not cancelled, or nobody knows whether it was.
        order "order": Order
    }
    id {
        /// Why, for the people at the warehouse.
        reason "reason": Option<String>,
    }

    /// Ships an order or a part of it, and answers with it as the WMS now holds it.
    ship_order ShipOrder(ShipOrderInput) -> ShipOrderPayload {
        /// The order as the WMS now holds it; null when it was not shipped, or nobody knows whether it was.
        order "order": Order
    }
    id {
        /// What is shipped, and how.
        shipment "shipment": ShipmentDraft,
    }

    /// Announces an inbound shipment to a WMS, and answers with it as the WMS now holds it.
    create_inbound_shipment CreateInboundShipment(CreateInboundShipmentInput) -> CreateInboundShipmentPayload {
        /// The inbound shipment as the WMS now holds it; null when it was not announced, or nobody knows whether it was.
        inbound_shipment "inboundShipment": InboundShipment
    }
    connection {
        /// The inbound shipment.
        inbound_shipment "inboundShipment": InboundShipmentDraft,
    }
    + batch
    /// Announces several inbound shipments to a WMS.
    create_inbound_shipments(CreateInboundShipmentsInput of CreateInboundShipmentItem) -> CreateInboundShipmentsPayload { inbound_shipments "inboundShipments" }

    /// Changes an inbound shipment at its WMS, and answers with it as the WMS now holds it.
    update_inbound_shipment UpdateInboundShipment(UpdateInboundShipmentInput) -> UpdateInboundShipmentPayload {
        /// The inbound shipment as the WMS now holds it; null when it was not changed, or nobody knows whether it was.
        inbound_shipment "inboundShipment": InboundShipment
    }
    id {
        /// What is to change.
        inbound_shipment "inboundShipment": InboundShipmentPatch,
    }

    /// Receives an inbound shipment or a part of it, and answers with it as the WMS now holds it.
    receive_inbound_shipment ReceiveInboundShipment(ReceiveInboundShipmentInput) -> ReceiveInboundShipmentPayload {
        /// The inbound shipment as the WMS now holds it; null when nothing was received, or nobody knows whether it was.
        inbound_shipment "inboundShipment": InboundShipment
    }
    id {
        /// What has arrived.
        receipt "receipt": ReceiptDraft,
    }

    /// Announces a return to a WMS, and answers with it as the WMS now holds it.
    create_return CreateReturn(CreateReturnInput) -> CreateReturnPayload {
        /// The return as the WMS now holds it; null when it was not announced, or nobody knows whether it was.
        returned "return": Return
    }
    connection {
        /// The return.
        returned "return": ReturnDraft,
    }
    + batch
    /// Announces several returns to a WMS.
    create_returns(CreateReturnsInput of CreateReturnItem) -> CreateReturnsPayload { returns "returns" }

    /// Changes a return at its WMS, and answers with it as the WMS now holds it.
    update_return UpdateReturn(UpdateReturnInput) -> UpdateReturnPayload {
        /// The return as the WMS now holds it; null when it was not changed, or nobody knows whether it was.
        returned "return": Return
    }
    id {
        /// What is to change.
        returned "return": ReturnPatch,
    }

    /// Cancels a return at its WMS, and answers with it as the WMS now holds it.
    cancel_return CancelReturn(CancelReturnInput) -> CancelReturnPayload {
        /// The return as the WMS now holds it; null when it was not cancelled, or nobody knows whether it was.
        returned "return": Return
    }
    id {
        /// Why, for the people at the warehouse.
        reason "reason": Option<String>,
    }

    /// Makes a product or kit at a WMS, and answers with it as the WMS now holds it.
    create_product CreateProduct(CreateProductInput) -> CreateProductPayload {
        /// The product as the WMS now holds it; null when it was not made, or nobody knows whether it was.
        product "product": Product
    }
    connection {
        /// The product or kit.
        product "product": ProductDraft,
    }
    + batch
    /// Makes several products and kits at a WMS.
    create_products(CreateProductsInput of CreateProductItem) -> CreateProductsPayload { products "products" }

    /// Changes a product or kit at its WMS, and answers with it as the WMS now holds it.
    update_product UpdateProduct(UpdateProductInput) -> UpdateProductPayload {
        /// The product as the WMS now holds it; null when it was not changed, or nobody knows whether it was.
        product "product": Product
    }
    id {
        /// What is to change.
        product "product": ProductPatch,
    }
    + batch
    /// Changes several products and kits.
    update_products(UpdateProductsInput of UpdateProductItem) -> UpdateProductsPayload { products "products" }

    /// Adjusts the stock of an item at its WMS, and answers with it as the WMS now holds it.
    adjust_inventory AdjustInventory(AdjustInventoryInput) -> AdjustInventoryPayload {
        /// The item as the WMS now holds it; null when its stock was not adjusted, or nobody knows whether it was.
        inventory_item "inventoryItem": InventoryItem
    }
    id {
        /// What is to change.
        adjustment "adjustment": InventoryAdjustment,
    }
    + batch
    /// Adjusts the stock of several items.
    adjust_inventories(AdjustInventoriesInput of AdjustInventoryItem) -> AdjustInventoriesPayload { adjustments "adjustments" }
}

/// The errors of an outcome, for the payload.
pub(super) fn errors(failures: Vec<Failure>) -> Vec<UserError> {
    failures.into_iter().map(UserError::from).collect()
}

/// There is no write of this id.
pub(super) fn no_write(id: &ID) -> UserError {
    Failure::ours(ErrorCode::NotFound, format!("{:?} is no write's id", id.as_str())).at(&["id"]).into()
}
