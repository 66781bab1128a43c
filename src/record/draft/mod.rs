//! What callers want written: drafts of new records, patches of existing ones, and the commands that carry them to a WMS.
//!
//! Drafts and patches are GraphQL inputs as they stand. In a patch, a field that is absent stays as it is, and null clears it
//! where the WMS can. A list in a patch replaces the whole list. As JSON a command has the names and the values that the input
//! has, and can be read back from it: that is what the journal keeps.

mod inbound_shipment;
mod inventory;
mod order;
mod parts;
mod passthrough;
mod product;
mod returns;

use std::borrow::Cow;
use std::marker::PhantomData;

/// A field of a patch: absent, null or a value.
pub use async_graphql::MaybeUndefined;
use async_graphql::{InputType, InputValueError, InputValueResult, Value};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ConnectionId, DataType, Id, Record, codes};

pub use inbound_shipment::{
    CreateInboundShipment, InboundLineItemDraft, InboundShipmentDraft, InboundShipmentPatch, ReceiptDraft, ReceiptLineItemDraft,
    ReceiveInboundShipment, UpdateInboundShipment,
};
pub use inventory::{AdjustInventory, InventoryAdjustment};
pub use order::{
    CancelOrder, CreateOrder, OrderDraft, OrderLineItemDraft, OrderPatch, PackageDraft, ShipOrder, ShipmentDraft, ShipmentLineItemDraft, UpdateOrder,
};
pub use parts::{AddressInput, MeasurementsInput};
pub use passthrough::{HttpMethod, Passed, Passthrough, QueryParameter};
pub use product::{CreateProduct, ProductComponentDraft, ProductDraft, ProductPatch, UpdateProduct};
pub use returns::{CancelReturn, CreateReturn, ReturnDraft, ReturnLineItemDraft, ReturnPatch, UpdateReturn};

codes! {
    /// What a write does.
    pub enum WriteAction {
        /// `createOrder`.
        CreateOrder = "CREATE_ORDER",
        /// `updateOrder`.
        UpdateOrder = "UPDATE_ORDER",
        /// `cancelOrder`.
        CancelOrder = "CANCEL_ORDER",
        /// `shipOrder`.
        ShipOrder = "SHIP_ORDER",
        /// `createInboundShipment`.
        CreateInboundShipment = "CREATE_INBOUND_SHIPMENT",
        /// `updateInboundShipment`.
        UpdateInboundShipment = "UPDATE_INBOUND_SHIPMENT",
        /// `receiveInboundShipment`.
        ReceiveInboundShipment = "RECEIVE_INBOUND_SHIPMENT",
        /// `createReturn`.
        CreateReturn = "CREATE_RETURN",
        /// `updateReturn`.
        UpdateReturn = "UPDATE_RETURN",
        /// `cancelReturn`.
        CancelReturn = "CANCEL_RETURN",
        /// `createProduct`.
        CreateProduct = "CREATE_PRODUCT",
        /// `updateProduct`.
        UpdateProduct = "UPDATE_PRODUCT",
        /// `adjustInventory`.
        AdjustInventory = "ADJUST_INVENTORY",
        /// `passthrough`.
        Passthrough = "PASSTHROUGH",
    }
}

impl WriteAction {
    /// The type of record that it makes or changes; `None` for a passthrough, of which nobody knows.
    pub const fn data_type(self) -> Option<DataType> {
        Some(match self {
            Self::CreateOrder | Self::UpdateOrder | Self::CancelOrder | Self::ShipOrder => DataType::Orders,
            Self::CreateInboundShipment | Self::UpdateInboundShipment | Self::ReceiveInboundShipment => DataType::InboundShipments,
            Self::CreateReturn | Self::UpdateReturn | Self::CancelReturn => DataType::Returns,
            Self::CreateProduct | Self::UpdateProduct => DataType::Products,
            Self::AdjustInventory => DataType::Inventory,
            Self::Passthrough => return None,
        })
    }

    /// The other types of which a WMS changes records when it carries it out. (What a passthrough changes nobody knows.)
    pub const fn touches(self) -> &'static [DataType] {
        match self {
            // Stock is promised to an order or free again, leaves with it, is expected or comes in; and an item has its product's name.
            Self::CreateOrder
            | Self::UpdateOrder
            | Self::CancelOrder
            | Self::ShipOrder
            | Self::CreateInboundShipment
            | Self::UpdateInboundShipment
            | Self::ReceiveInboundShipment
            | Self::CreateProduct
            | Self::UpdateProduct => &[DataType::Inventory],
            // Their order tells of them, and stock is expected back.
            Self::CreateReturn | Self::UpdateReturn | Self::CancelReturn => &[DataType::Orders, DataType::Inventory],
            Self::AdjustInventory | Self::Passthrough => &[],
        }
    }
}

/// Every command that answers with a record: `[name, type of record]`, in the order of [`WriteAction`].
macro_rules! commands {
    ($then:ident) => {
        $then! {
            [CreateOrder, Order] [UpdateOrder, Order] [CancelOrder, Order] [ShipOrder, Order]
            [CreateInboundShipment, InboundShipment] [UpdateInboundShipment, InboundShipment] [ReceiveInboundShipment, InboundShipment]
            [CreateReturn, Return] [UpdateReturn, Return] [CancelReturn, Return]
            [CreateProduct, Product] [UpdateProduct, Product]
            [AdjustInventory, InventoryItem]
        }
    };
}
pub(crate) use commands;

/// A write: what is wanted, and the type of record that comes back.
pub trait Command: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The record that it makes or changes.
    type Record: Record;
    /// What it does.
    const ACTION: WriteAction;
    /// The field of the mutation's `input` that holds the draft or patch; `None` where the input holds its fields itself. An
    /// adapter's paths of errors begin below it, those of `id` and `integrationFields` beside it.
    const FIELD: Option<&'static str>;
    /// The record that it changes; `None` where it makes one.
    fn target(&self) -> Option<&Ref<Self::Record>>;
    /// Every record that it names, so that ids of other connections can be refused before anything is sent.
    fn refs(&self) -> Vec<Named>;
    /// Fields that only this WMS knows.
    fn integration_fields(&self) -> Option<&super::Json>;
}

/// A record that a command names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Where, below the mutation's `input`.
    pub path: Vec<String>,
    /// Of which type.
    pub data_type: DataType,
    /// Of which connection.
    pub connection: ConnectionId,
    /// What the WMS calls it.
    pub source_id: String,
}

/// Collects what a command names.
#[derive(Default)]
struct Names(Vec<Named>);

impl Names {
    fn add<T: Record>(&mut self, path: &[&str], named: Option<&Ref<T>>) {
        self.0.extend(named.map(|named| Named {
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            data_type: T::DATA_TYPE,
            connection: named.connection,
            source_id: named.source_id.clone(),
        }));
    }
}

/// A command: `command! { Name, Record, FIELD, target |c| …, names |c, names| … }` implements [`Command`].
macro_rules! command {
    ($name:ident => $record:ident, field $field:expr, target $target:expr, names |$command:ident, $names:ident| $body:block) => {
        impl $crate::record::draft::Command for $name {
            type Record = $record;
            const ACTION: $crate::record::draft::WriteAction = $crate::record::draft::WriteAction::$name;
            const FIELD: Option<&'static str> = $field;

            fn target(&self) -> Option<&$crate::record::draft::Ref<$record>> {
                let target: fn(&Self) -> Option<&$crate::record::draft::Ref<$record>> = $target;
                target(self)
            }

            fn refs(&self) -> Vec<$crate::record::draft::Named> {
                let mut $names = $crate::record::draft::Names::default();
                $names.add(&["id"], self.target());
                let $command = self;
                $body
                $names.0
            }

            fn integration_fields(&self) -> Option<&$crate::record::Json> {
                self.integration_fields.as_ref()
            }
        }
    };
}
use command;

/// A patch: a GraphQL input all of whose fields may be absent, null or a value. An absent one is not journalled either.
macro_rules! patch {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, async_graphql::InputObject, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $(
                $(#[$field_doc])*
                #[serde(skip_serializing_if = "async_graphql::MaybeUndefined::is_undefined")]
                pub $field: async_graphql::MaybeUndefined<$type>,
            )+
        }
    };
}
use patch;

/// The global id of a record of type `T`, as an input.
pub struct Ref<T> {
    connection: ConnectionId,
    source_id: String,
    to: PhantomData<fn() -> T>,
}

impl<T: Record> Ref<T> {
    /// The record that `id` names, if it is one of type `T`.
    pub fn of(id: &Id) -> Option<Self> {
        id.as_record(T::DATA_TYPE).map(|(connection, source_id)| Self { connection, source_id: source_id.to_owned(), to: PhantomData })
    }
}

impl<T> Ref<T> {
    /// The connection that it belongs to.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// What the WMS calls it.
    pub fn source_id(&self) -> &str {
        &self.source_id
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        Self { connection: self.connection, source_id: self.source_id.clone(), to: PhantomData }
    }
}

impl<T> std::fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ref({}, {:?})", self.connection, self.source_id)
    }
}

/// As the input has it: the global id.
impl<T: Record> Serialize for Ref<T> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(&Id::record::<T>(self.connection, &self.source_id))
    }
}

impl<'de, T: Record> Deserialize<'de> for Ref<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let id: Id = String::deserialize(input)?.parse().map_err(D::Error::custom)?;
        Self::of(&id).ok_or_else(|| D::Error::custom(format!("{id} is not the id of a {}", T::DATA_TYPE.type_name())))
    }
}

/// JSON inside of JSON as it stands, not as a text (as it is hashed elsewhere).
mod plain {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::record::Json;

    pub(super) fn serialize<S: Serializer>(json: &Option<Json>, out: S) -> Result<S::Ok, S::Error> {
        json.as_ref().map(Json::to_value).serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Json>, D::Error> {
        Ok(Option::<serde_json::Value>::deserialize(input)?.map(|value| Json::of(&value)))
    }
}

impl<T: Record> InputType for Ref<T> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        <async_graphql::ID as InputType>::type_name()
    }

    fn create_type_info(registry: &mut async_graphql::registry::Registry) -> String {
        <async_graphql::ID as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let id = <async_graphql::ID as InputType>::parse(value).map_err(InputValueError::propagate)?;
        let wanted = T::DATA_TYPE.type_name();
        id.parse().ok().and_then(|id| Self::of(&id)).ok_or_else(|| InputValueError::custom(format!("{:?} is not the id of a {wanted}", id.as_str())))
    }

    fn to_value(&self) -> Value {
        Value::String(Id::record::<T>(self.connection, &self.source_id).to_string())
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}
