//! The unified model: nine record types, the parts they share, and the scalars they are made of.
//!
//! **Invariants.** This module knows no connection, no context, no runtime and no database; adapters make its values,
//! the store keeps them, GraphQL shows them. Each type is declared once, in its own file, as a macro that hands the
//! declaration to whoever asks (`order!(record, part)` here, other macros in `store` and `graphql`), so that a field
//! is described, documented and typed in one place.
//!
//! ```ignore
//! macro_rules! order { ($record:ident, $part:ident) => {
//!     $record! {
//!         /// What GraphQL says of the type.
//!         Order { /* type */ Orders, table orders, filter OrderFilter, sort OrderSort }
//!         fields { /** What GraphQL says of the field. */ order_number: String, /* … */ }
//!         flat { totals: OrderTotals }
//!         filters { /** … */ order_number: StringFilter = order_number, /* … */ }
//!         sorts { /** … */ OrderNumber = order_number, /* … */ }
//!         terms { /** … */ sku: StringFilter = Sku, /* … */ }
//!     }
//!     $part! { /** … */ OrderLineItem { /** … */ product: Option<Link<Product>>, /* … */ } }
//! } }
//! ```
//!
//! `filters` and `sorts` name the columns they work on; `terms` are filters on what stands inside nested lists, which
//! the store keeps in an index of its own ([`Record::terms`]).

mod budget;
mod code;
pub use code::UnknownCode;
pub(crate) use code::codes;
pub mod diff;
pub mod draft;
mod failure;
pub mod filter;
mod id;
mod list;
mod parts;
mod scalar;
pub mod search;

pub(crate) mod inbound_shipment;
pub(crate) mod inventory_item;
pub(crate) mod order;
pub(crate) mod product;
pub(crate) mod returns;
pub(crate) mod shipping_method;
pub(crate) mod warehouse;
pub(crate) mod warehouse_customer;
pub(crate) mod warehouse_location;

pub use budget::RateBudget;
pub use diff::camel_case;
pub use failure::{ErrorCode, Failure};
pub use id::{ConnectionId, Id, IdError, Link};
pub use inbound_shipment::{
    InboundLineItem, InboundReceipt, InboundReceiptLineItem, InboundShipment, InboundShipmentFilter, InboundShipmentSort, InboundStatus,
};
pub use inventory_item::{InventoryItem, InventoryItemFilter, InventoryItemSort, LocationQuantity, Lot, WarehouseQuantity};
pub use list::List;
pub use order::{
    DutyPayer, Order, OrderDelivery, OrderFilter, OrderLineItem, OrderSort, OrderStatus, OrderTotals, OrderType, Package, PackageLineItem, Shipment,
    ShipmentLineItem, ShipmentStatus,
};
pub use parts::{Address, Carrier, Channel, LengthUnit, Measurements, Supplier, SupplierProduct, WeightUnit};
pub use product::{Product, ProductComponent, ProductFilter, ProductSort};
pub use returns::{ReceivingDetail, Return, ReturnFilter, ReturnLineItem, ReturnShipment, ReturnShipmentLineItem, ReturnSort, ReturnStatus};
pub use scalar::{Instant, Json, Money, Quantity, ScalarError};
pub use shipping_method::{ShippingMethod, ShippingMethodFilter, ShippingMethodSort};
pub use warehouse::{Warehouse, WarehouseFilter, WarehouseSort};
pub use warehouse_customer::{WarehouseCustomer, WarehouseCustomerFilter, WarehouseCustomerSort};
pub use warehouse_location::{WarehouseLocation, WarehouseLocationFilter, WarehouseLocationSort};

codes! {
    /// The nine kinds of records that are kept in sync.
    pub enum DataType {
        /// Stock of one SKU.
        Inventory = "INVENTORY",
        /// Advance shipping notices and what was received on them.
        InboundShipments = "INBOUND_SHIPMENTS",
        /// Orders to be shipped out, with their shipments.
        Orders = "ORDERS",
        /// What can be ordered, kits included.
        Products = "PRODUCTS",
        /// Goods coming back from consignees.
        Returns = "RETURNS",
        /// Ways of shipping that the WMS knows.
        ShippingMethods = "SHIPPING_METHODS",
        /// Buildings.
        Warehouses = "WAREHOUSES",
        /// A 3PL's clients: those who own the goods.
        WarehouseCustomers = "WAREHOUSE_CUSTOMERS",
        /// Bins, shelves and zones inside warehouses.
        WarehouseLocations = "WAREHOUSE_LOCATIONS",
    }
}

impl DataType {
    /// The GraphQL type of its records.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Inventory => "InventoryItem",
            Self::InboundShipments => "InboundShipment",
            Self::Orders => "Order",
            Self::Products => "Product",
            Self::Returns => "Return",
            Self::ShippingMethods => "ShippingMethod",
            Self::Warehouses => "Warehouse",
            Self::WarehouseCustomers => "WarehouseCustomer",
            Self::WarehouseLocations => "WarehouseLocation",
        }
    }

    /// The same with its article, for messages.
    pub const fn a_type_name(self) -> &'static str {
        match self {
            Self::Inventory => "an InventoryItem",
            Self::InboundShipments => "an InboundShipment",
            Self::Orders => "an Order",
            Self::Products => "a Product",
            Self::Returns => "a Return",
            Self::ShippingMethods => "a ShippingMethod",
            Self::Warehouses => "a Warehouse",
            Self::WarehouseCustomers => "a WarehouseCustomer",
            Self::WarehouseLocations => "a WarehouseLocation",
        }
    }

    /// Whether its records are events in time, of which a first sync fetches only the latest (`lookbackDays`), rather
    /// than a state that is always fetched whole.
    pub const fn is_transactional(self) -> bool {
        matches!(self, Self::InboundShipments | Self::Orders | Self::Returns)
    }
}

/// What every record says of its origin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The WMS's own identifier, unique within a connection and type.
    pub id: String,
    /// When the WMS says it was created.
    pub created_at: Option<Instant>,
    /// When the WMS says it was last changed.
    pub updated_at: Option<Instant>,
    /// Link into the WMS's own screens.
    pub url: Option<String>,
    /// What the WMS sent that has no field of ours.
    pub additional_fields: Option<Json>,
    /// The WMS's own payload, as it was received. Neither hashes nor diffs look at it as a part of the record.
    #[serde(skip_serializing)]
    pub raw: Option<Json>,
}

codes! {
    /// What filters can find inside a record's nested lists.
    pub enum Term {
        /// The SKU of a line item.
        Sku = "SKU",
        /// A label that somebody gave it.
        Tag = "TAG",
        /// The number of a lot.
        Lot = "LOT",
        /// When a lot expires, as [`Instant::to_sortable`] writes it.
        ExpiresAt = "EXPIRES_AT",
        /// When a shipment left, as [`Instant::to_sortable`] writes it.
        ShippedAt = "SHIPPED_AT",
        /// When something arrived, as [`Instant::to_sortable`] writes it.
        ArrivedAt = "ARRIVED_AT",
        /// The source id of a warehouse.
        Warehouse = "WAREHOUSE",
        /// The source id of a location.
        Location = "LOCATION",
        /// A supplier's name.
        Supplier = "SUPPLIER",
        /// A carrier's name.
        Carrier = "CARRIER",
        /// Why something comes back.
        Reason = "REASON",
        /// The tracking number of a package or shipment.
        TrackingNumber = "TRACKING_NUMBER",
        /// The two-letter country that it ships to or stands in.
        Country = "COUNTRY",
        /// The sales channel's name.
        ChannelName = "CHANNEL_NAME",
        /// The source id of an inventory item that a product is made of.
        Component = "COMPONENT",
        /// The SKU of an inventory item that a product is made of.
        ComponentSku = "COMPONENT_SKU",
        /// A word of its numbers and names, by which it is searched for: see [`search`].
        Word = "WORD",
    }
}

impl Term {
    /// The type of the records whose source ids these terms are, if they are such.
    pub const fn links(self) -> Option<DataType> {
        match self {
            Self::Warehouse => Some(DataType::Warehouses),
            Self::Location => Some(DataType::WarehouseLocations),
            Self::Component => Some(DataType::Inventory),
            _ => None,
        }
    }
}

/// What filters find inside a record's nested lists.
pub type Terms<'a> = Vec<(Term, Cow<'a, str>)>;

/// The terms of one kind, of what has a value.
fn terms<'a>(kind: Term, values: impl IntoIterator<Item = Option<&'a str>>) -> impl Iterator<Item = (Term, Cow<'a, str>)> {
    values.into_iter().flatten().map(move |value| (kind, Cow::Borrowed(value)))
}

/// The same for moments.
fn moments<'a>(kind: Term, values: impl IntoIterator<Item = Option<Instant>>) -> impl Iterator<Item = (Term, Cow<'a, str>)> {
    values.into_iter().flatten().map(move |value| (kind, Cow::Owned(value.to_sortable())))
}

/// The words that these texts are found by.
fn words<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> impl Iterator<Item = (Term, Cow<'a, str>)> {
    search::words(texts).into_iter().map(|word| (Term::Word, Cow::Owned(word)))
}

/// One of the nine record types.
pub trait Record: Serialize + Clone + std::fmt::Debug + Send + Sync + 'static {
    /// Which of the nine.
    const DATA_TYPE: DataType;

    /// Where it comes from.
    fn source(&self) -> &Source;

    /// What filters find inside its nested lists.
    fn terms(&self) -> Terms<'_> {
        Vec::new()
    }

    /// The source id of the warehouse customer that it belongs to; a warehouse customer belongs to itself.
    fn warehouse_customer(&self) -> Option<&str>;
}

/// The warehouse customer that a record with these fields names, if it has a field for it.
macro_rules! customer_of {
    ($record:ident) => {
        None
    };
    ($record:ident warehouse_customer $($others:ident)*) => {
        $record.warehouse_customer.as_ref().map($crate::record::Link::source_id)
    };
    ($record:ident $other:ident $($others:ident)*) => {
        $crate::record::customer_of!($record $($others)*)
    };
}
pub(crate) use customer_of;

/// Expands a declaration to the record's struct, its filter input and its sort enum:
///
/// ```ignore
/// pub struct Order { pub source: Source, /** … */ pub order_number: String, /* … */ }
/// impl Record for Order { const DATA_TYPE: DataType = DataType::Orders; /* … */ }
/// #[derive(InputObject)] pub struct OrderFilter { and, or, not, connection_id, source_id, …, order_number: Option<StringFilter>, sku: Option<StringFilter>, … }
/// #[derive(Enum)] pub enum OrderSort { SourceId, ChangedAt, …, OrderNumber }
/// ```
macro_rules! record {
    (
        $(#[$doc:meta])*
        $name:ident { $data_type:ident, table $table:ident, filter $filter:ident, sort $sort:ident }
        fields { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? }
        flat { $($flat:ident: $flat_type:ty),* $(,)? }
        filters { $($(#[$filter_doc:meta])* $test:ident: $test_type:ty $(as $filter_graphql:literal)? = $column:ident),* $(,)? }
        sorts { $($(#[$sort_doc:meta])* $key:ident = $sort_column:ident),* $(,)? }
        terms { $($(#[$term_doc:meta])* $term:ident: $term_type:ty = $term_kind:ident),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
        pub struct $name {
            /// Where the record comes from.
            pub source: $crate::record::Source,
            $($(#[$field_doc])* pub $field: $type,)+
            $(#[doc = "Fields that stand beside the others in GraphQL and share a column in the database."] pub $flat: $flat_type,)*
        }

        impl $crate::record::Record for $name {
            const DATA_TYPE: $crate::record::DataType = $crate::record::DataType::$data_type;

            fn source(&self) -> &$crate::record::Source {
                &self.source
            }

            fn terms(&self) -> $crate::record::Terms<'_> {
                terms_of(self)
            }

            fn warehouse_customer(&self) -> Option<&str> {
                if matches!(Self::DATA_TYPE, $crate::record::DataType::WarehouseCustomers) {
                    return Some(&self.source.id);
                }
                $crate::record::customer_of!(self $($field)+)
            }
        }

        /// Which records are wanted. All conditions of one filter are ANDed; `and`, `or` and `not` nest.
        #[derive(Debug, Clone, Default, async_graphql::InputObject)]
        pub struct $filter {
            /// All of these.
            pub and: Option<Vec<$filter>>,
            /// At least one of these.
            pub or: Option<Vec<$filter>>,
            /// Not this.
            pub not: Option<Box<$filter>>,
            /// The connected WMS that it was synced from.
            pub connection_id: Option<$crate::record::filter::IdFilter>,
            /// The WMS's own identifier.
            pub source_id: Option<$crate::record::filter::StringFilter>,
            /// When the WMS says it was created.
            pub source_created_at: Option<$crate::record::filter::DateTimeFilter>,
            /// When the WMS says it was last changed.
            pub source_updated_at: Option<$crate::record::filter::DateTimeFilter>,
            /// When this server first stored it.
            pub first_seen_at: Option<$crate::record::filter::DateTimeFilter>,
            /// When this server last stored a different content.
            pub changed_at: Option<$crate::record::filter::DateTimeFilter>,
            $($(#[$filter_doc])* $(#[graphql(name = $filter_graphql)])? pub $test: Option<$test_type>,)*
            $($(#[$term_doc])* pub $term: Option<$term_type>,)*
            /// When it was found gone at the source; no value while it is there. A filter that names this, at any depth, looks at
            /// deleted records too: `{ isNull: false }` are the deleted ones.
            pub deleted_at: Option<$crate::record::filter::DateTimeFilter>,
            /// Also show records that were found gone at the source. Only read at the top of a filter.
            #[graphql(default = false)]
            pub include_deleted: bool,
        }

        /// What a list can be ordered by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, async_graphql::Enum)]
        pub enum $sort {
            /// The WMS's own identifier, as text.
            SourceId,
            /// When the WMS says it was created.
            SourceCreatedAt,
            /// When the WMS says it was last changed.
            SourceUpdatedAt,
            /// When this server first stored it.
            FirstSeenAt,
            /// When this server last stored a different content.
            ChangedAt,
            $($(#[$sort_doc])* $key,)*
        }
    };
}
pub(crate) use record;

/// Expands the declaration of a nested part to its struct. Parts are read back from JSON columns that an older
/// version of this server may have written, so every field has a default.
macro_rules! part {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)+
        }
    };
}
pub(crate) use part;

/// Hands all nine declarations, one after the other, to the macros `$record` and `$part`.
macro_rules! each_record {
    ($record:ident, $part:ident) => {
        $crate::record::inventory_item::inventory_item!($record, $part);
        $crate::record::inbound_shipment::inbound_shipment!($record, $part);
        $crate::record::order::order!($record, $part);
        $crate::record::product::product!($record, $part);
        $crate::record::returns::returns!($record, $part);
        $crate::record::shipping_method::shipping_method!($record, $part);
        $crate::record::warehouse::warehouse!($record, $part);
        $crate::record::warehouse_customer::warehouse_customer!($record, $part);
        $crate::record::warehouse_location::warehouse_location!($record, $part);
    };
}
pub(crate) use each_record;

/// Calls `$then!` once with the names of the nine types: `$then! { $prefix… [Variant of DataType, Type], … }`.
macro_rules! nine {
    ($then:ident $($prefix:tt)*) => {
        $then! { $($prefix)*
            [Inventory, InventoryItem] [InboundShipments, InboundShipment] [Orders, Order] [Products, Product] [Returns, Return]
            [ShippingMethods, ShippingMethod] [Warehouses, Warehouse] [WarehouseCustomers, WarehouseCustomer]
            [WarehouseLocations, WarehouseLocation]
        }
    };
}
pub(crate) use nine;

use std::borrow::Cow;

use serde::Serialize;
