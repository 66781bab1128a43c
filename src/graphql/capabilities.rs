//! What each kind of WMS can do, and what an account's own values are.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};

use super::errors::Result;
use super::{pagination, state};
use crate::record::draft::WriteAction;
use crate::record::{ConnectionId, DataType, Id, Json, ShippingMethod, Warehouse, WarehouseCustomer};
use crate::store::records::{Kind, Listing, Needs, Stored, record_list};
use crate::store::{Column, Op, Predicate, Scalar};
use crate::sync::Integration as Adapter;

/// What an adapter can do.
pub struct Capabilities {
    pub(super) adapter: Option<Arc<Adapter>>,
    /// The account that is asked about, if it is one.
    pub(super) of: Option<ConnectionId>,
}

/// What an adapter can do. It follows from the adapter's code.
#[Object]
impl Capabilities {
    /// What it reads.
    async fn reads(&self) -> Vec<ReadCapability> {
        let reads = self.adapter.iter().flat_map(|adapter| &adapter.reads);
        let shown = reads.map(|reads| ReadCapability {
            data_type: reads.data_type,
            incremental: reads.incremental,
            reports_deletions: reads.reports_deletions,
            lookback: reads.data_type.is_transactional(),
            fields: reads.fields.to_vec(),
        });
        shown.collect()
    }

    /// What it writes.
    async fn writes(&self) -> Vec<WriteCapability> {
        let writes = self.adapter.iter().flat_map(|adapter| &adapter.writes);
        let shown = writes.map(|writes| WriteCapability {
            action: writes.action,
            required_fields: writes.required.to_vec(),
            optional_fields: writes.optional.to_vec(),
            integration_fields_schema: writes.integration_fields.clone().map(|schema| Json::of(&schema)),
            of: self.of,
        });
        shown.collect()
    }
}

/// How an adapter reads one data type.
#[derive(SimpleObject)]
pub struct ReadCapability {
    /// The type.
    data_type: DataType,
    /// Whether it can list only what changed. Otherwise every run reads everything.
    incremental: bool,
    /// Whether the source says what was deleted. Otherwise only runs that read everything find out.
    reports_deletions: bool,
    /// Whether the first sync goes back only as far as the connection's `lookbackDays`.
    lookback: bool,
    /// The fields of the type that it fills; all others are null or empty.
    fields: Vec<&'static str>,
}

/// How an adapter carries out one kind of write.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct WriteCapability {
    /// The kind.
    action: WriteAction,
    /// Input fields without which the WMS refuses, as dotted paths such as `lineItems.sku`.
    required_fields: Vec<&'static str>,
    /// Further input fields that it understands; others are reported back in `unusedFields`.
    optional_fields: Vec<&'static str>,
    /// JSON Schema of the `integrationFields` that it takes; null where it takes none.
    integration_fields_schema: Option<Json>,
    #[graphql(skip)]
    of: Option<ConnectionId>,
}

#[ComplexObject]
impl WriteCapability {
    /// The fields whose values are this account's own (its warehouses, shipping methods and warehouse customers), with those values.
    /// Empty where no account is asked about.
    async fn choices(&self, ctx: &Context<'_>) -> Result<Vec<WriteChoice>> {
        let Some(of) = self.of else { return Ok(Vec::new()) };
        let mut found: Vec<WriteChoice> = Vec::new();
        for path in self.required_fields.iter().chain(&self.optional_fields) {
            let data_type = match path.rsplit('.').next() {
                Some("warehouseId") => DataType::Warehouses,
                Some("shippingMethodId") => DataType::ShippingMethods,
                Some("warehouseCustomerId") => DataType::WarehouseCustomers,
                _ => continue,
            };
            let values = match data_type {
                DataType::Warehouses => values::<Warehouse>(ctx, of, |record| &record.name).await?,
                DataType::ShippingMethods => values::<ShippingMethod>(ctx, of, |record| &record.name).await?,
                _ => values::<WarehouseCustomer>(ctx, of, |record| &record.name).await?,
            };
            found.push(WriteChoice { path, data_type, values });
        }
        Ok(found)
    }
}

/// The records of a type that an account has: at most 250.
async fn values<T: Kind>(ctx: &Context<'_>, of: ConnectionId, name: fn(&T) -> &String) -> Result<Vec<WriteValue>> {
    let own = Predicate::All(vec![Predicate::Is(Column::CONNECTION, Op::Eq, Scalar::Int(of.0)), Predicate::IsNull(Column::DELETED_AT)]);
    let listing = Listing::<T> { which: own, order: Vec::new(), beyond: None, backwards: false, limit: pagination::MOST };
    let records = record_list(&mut state(ctx)?.store.read().await?, &listing, &Needs::Everything).await?;
    let value =
        |stored: &Stored<T>| WriteValue { id: ID(Id::record::<T>(of, &stored.record.source().id).to_string()), name: name(&stored.record).clone() };
    Ok(records.iter().map(value).collect())
}

/// A field of a write whose values are an account's own.
#[derive(SimpleObject)]
pub struct WriteChoice {
    /// The field, as a dotted path such as `warehouseId`.
    path: &'static str,
    /// What its values are.
    data_type: DataType,
    /// The values that the account has, by their source ids: at most 250. What is not among them is refused before anything is sent, once
    /// the type has been synced.
    values: Vec<WriteValue>,
}

/// One value of a field.
#[derive(SimpleObject)]
pub struct WriteValue {
    /// The record's global id, which is what the field takes.
    id: ID,
    /// What people call it.
    name: String,
}
