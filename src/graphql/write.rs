//! Writes, as they were journalled.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Interface, Object};

use super::connection::ConnectedWms;
use super::errors::Result;
use super::mutation::*;
use super::objects::{Record, record_by_id};
use super::pagination::{self, Args, AsyncCount, Numbered, Page, Stretch};
use super::state;
use super::sync::connection_ids;
use super::user_error::{UserError, WmsError};
use crate::record::draft::WriteAction;
use crate::record::filter::{DateTimeFilter, StringFilter};
use crate::record::{ConnectionId, Failure, Id, Instant, Json};
use crate::store::writes::{self as stored, Wanted, WriteStatus, write_count, write_list, write_which};
use crate::store::{self, Conn, Predicate};

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

    /// What was asked for, in the names of the mutation's input, without what was left out. The values of fields whose names say that
    /// they are secrets (`password`, `apiToken`, …) are blanked.
    async fn request(&self) -> &Json {
        &self.0.request
    }

    /// What the WMS answered to a `passthrough`: its HTTP status, body and request id, without secrets; null for other writes.
    async fn answer(&self) -> Option<&Json> {
        self.0.answer.as_ref()
    }

    /// The key under which it is answered again; null when it was sent without one.
    async fn idempotency_key(&self) -> Option<&str> {
        self.0.idempotency_key.as_deref()
    }

    /// What names it at the WMS, where that has a place for such a name.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// The id of the API key that asked for it.
    async fn api_key_id(&self) -> Option<ID> {
        self.0.api_key_id.map(|id| ID(Id::ApiKey(id).to_string()))
    }

    /// The name of that key at the time.
    async fn api_key_name(&self) -> Option<&str> {
        self.0.api_key_name.as_deref()
    }

    /// When it was sent; null until then.
    async fn sent_at(&self) -> Option<Instant> {
        self.0.sent_at
    }

    /// What the last look at the WMS told of it; null where it was not looked up, or the look settled it.
    async fn looked_up(&self) -> Option<&str> {
        self.0.looked.as_deref()
    }

    /// When the server looks at the WMS again for what became of it; null when it does not: it is known, or a person must look.
    async fn next_look_at(&self) -> Option<Instant> {
        self.0.look_at.filter(|_| self.0.status == WriteStatus::Unknown)
    }

    /// Milliseconds from the sending to the answer; null until there is one.
    async fn latency_milliseconds(&self) -> Option<i64> {
        self.0.finished_at.zip(self.0.sent_at).map(|(finished, sent)| finished.millis_since(sent))
    }
}

macro_rules! payload {
    ($($variant:ident of $payload:ident),+ $(,)?) => {
        /// What every write's mutation answers.
        #[derive(Interface)]
        #[graphql(
            field(name = "write", ty = "&Option<Write>", desc = "The journalled write; null when nothing was sent."),
            field(name = "errors", ty = "&Vec<UserError>", desc = "What the caller can act on; empty when the write was carried out.")
        )]
        pub enum WritePayload {
            $(#[doc = stringify!($variant)] $variant($payload)),+
        }
    };
}
payload! {
    CreateOrder of CreateOrderPayload,
    UpdateOrder of UpdateOrderPayload,
    CancelOrder of CancelOrderPayload,
    ShipOrder of ShipOrderPayload,
    CreateInboundShipment of CreateInboundShipmentPayload,
    UpdateInboundShipment of UpdateInboundShipmentPayload,
    ReceiveInboundShipment of ReceiveInboundShipmentPayload,
    CreateReturn of CreateReturnPayload,
    UpdateReturn of UpdateReturnPayload,
    CancelReturn of CancelReturnPayload,
    CreateProduct of CreateProductPayload,
    UpdateProduct of UpdateProductPayload,
    AdjustInventory of AdjustInventoryPayload,
    Passthrough of PassthroughPayload,
    ReconcileWrite of ReconcileWritePayload,
}

/// Which writes are wanted. All conditions are ANDed; a list holds at most 100 values.
#[derive(Debug, Default, InputObject)]
pub struct WriteFilter {
    /// To one of these connected WMSs.
    pub connection_ids: Option<Vec<ID>>,
    /// Doing one of these.
    pub actions: Option<Vec<WriteAction>>,
    /// Standing so.
    pub statuses: Option<Vec<WriteStatus>>,
    /// Journalled then.
    pub created_at: Option<DateTimeFilter>,
    /// Under such a key.
    pub idempotency_key: Option<StringFilter>,
}

/// The conditions of a filter.
pub(super) fn which(filter: Option<&WriteFilter>) -> Result<Predicate> {
    let Some(filter) = filter else { return Ok(Predicate::All(Vec::new())) };
    let connections = filter.connection_ids.as_deref().map(|ids| connection_ids(&["filter", "connectionIds"], ids)).transpose()?;
    let wanted = Wanted {
        connections: connections.as_deref(),
        actions: filter.actions.as_deref(),
        statuses: filter.statuses.as_deref(),
        created_at: filter.created_at.as_ref(),
        idempotency_key: filter.idempotency_key.as_ref(),
    };
    Ok(write_which(wanted, "filter")?)
}

#[derive(Clone)]
struct Writes(Predicate);

impl AsyncCount for Writes {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        write_count(conn, self.0).await
    }
}

impl Numbered for Writes {
    type Row = stored::Write;

    async fn rows(&self, conn: &mut Conn, of: Stretch<i64>, limit: i64) -> store::Result<Vec<Self::Row>> {
        write_list(conn, self.0.clone(), [of.short_of, of.beyond], of.backwards, limit).await
    }

    fn number(row: &Self::Row) -> i64 {
        row.id
    }
}

/// One page of writes, newest first.
pub(super) async fn page(ctx: &Context<'_>, args: &Args, which: Predicate) -> Result<Page<Write>> {
    pagination::numbered(ctx, "writes", args, Writes(which), |row| Write(Arc::new(row))).await
}
