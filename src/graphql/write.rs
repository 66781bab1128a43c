//! Writes, as they were journalled.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};

use super::connection::ConnectedWms;
use super::errors::Result;
use super::mutation::{CreateOrderPayload, UpdateProductPayload};
use super::objects::{Record, record_by_id};
use super::state;
use super::user_error::{UserError, WmsError};
use crate::record::draft::WriteAction;
use crate::record::{ConnectionId, Failure, Id, Instant};
use crate::store::writes::{self as stored, WriteStatus};

/// A write as it was journalled before it was sent.
#[derive(Clone)]
pub struct Write(pub Arc<stored::Write>);

/// A write as it was journalled before it was sent.
#[Object]
impl Write {
    /// Global and opaque.
    pub(super) async fn id(&self) -> ID {
        ID(Id::Write(self.0.id).to_string())
    }

    /// Where it was sent.
    async fn connection(&self, ctx: &Context<'_>) -> Result<ConnectedWms> {
        ConnectedWms::of(ctx, self.0.connection_id).await
    }

    /// What it does.
    async fn action(&self) -> WriteAction {
        self.0.action
    }

    /// Where it stands. `UNKNOWN`: it was sent and no answer came; it is looked up at the WMS before anything is sent again.
    async fn status(&self) -> WriteStatus {
        self.0.status
    }

    /// The record that it made or changed; null until the WMS has confirmed it.
    async fn record(&self, ctx: &Context<'_>) -> Result<Option<Record>> {
        let Some((source_id, data_type)) = self.0.source_id.as_ref().zip(self.0.action.data_type()) else { return Ok(None) };
        record_by_id(&state(ctx)?.loaders, data_type, ConnectionId(self.0.connection_id), source_id).await
    }

    /// Why it was refused, or what is known of why nobody knows; null when it was carried out.
    async fn error(&self) -> Option<WmsError> {
        self.0.error.as_ref().map(|json| WmsError(Failure::from_json(json)))
    }

    /// Input fields that the WMS has no place for, as dotted paths such as `lineItems.unitPrice`. They were not written.
    async fn unused_fields(&self) -> &[String] {
        &self.0.unused_fields
    }

    /// When it was journalled.
    async fn created_at(&self) -> Instant {
        self.0.created_at
    }

    /// When the answer came; null until then.
    async fn finished_at(&self) -> Option<Instant> {
        self.0.finished_at
    }

    /// Milliseconds from the sending to the answer; null until there is one.
    async fn latency_milliseconds(&self) -> Option<i64> {
        self.0.finished_at.zip(self.0.sent_at).map(|(finished, sent)| finished.millis_since(sent))
    }
}

/// What every write's mutation answers.
#[derive(Interface)]
#[graphql(
    field(name = "write", ty = "&Option<Write>", desc = "The journalled write; null when nothing was sent."),
    field(name = "errors", ty = "&Vec<UserError>", desc = "What the caller can act on; empty when the write was carried out.")
)]
pub enum WritePayload {
    /// `createOrder`
    CreateOrder(CreateOrderPayload),
    /// `updateProduct`
    UpdateProduct(UpdateProductPayload),
}
