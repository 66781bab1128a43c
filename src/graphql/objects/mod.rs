//! The nine record types and their parts, as GraphQL objects.
//!
//! There is one body for records (the macro [`object`]) and one for parts ([`part_object`]), expanded for each
//! declaration of `record`; the declaration's doc comments are the API's manual. How a field of a type is shown is said
//! once for each type, by [`Expose`]. What one type alone has stands in [`beside`].
//!
//! Nothing is copied on the way out: objects borrow from the record that the store has read.

mod beside;
mod interfaces;

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContainerType, ContextSelectionSet, Error, ID, InputType, Object, OutputType, Positioned, ServerResult, TypeName, Value};

use beside::Beside;
pub use interfaces::{Node, Record, RecordIsNode, record_by_id};

use super::connection::ConnectedWms;
use super::errors::{Fault, Result};
use super::plan::Shape;
use super::state;
use crate::record::*;
use crate::store::records::{Kind, Stored};

/// A record, as it was synced.
pub struct Synced<T>(pub Arc<Stored<T>>);

/// A part of a record of this connection.
pub struct Part<'a, T> {
    at: ConnectionId,
    it: &'a T,
}

/// One of the nine record types.
pub trait Shown: Kind<Sort: InputType, Filter: InputType> + Default + Shape {
    /// Its GraphQL object.
    type Object: ContainerType;
    /// The names of its lists' types.
    const LIST: ListNames;

    /// A record, shown.
    fn shown(stored: Arc<Stored<Self>>) -> Self::Object;
}

/// The names of a list's types.
#[derive(Debug, Clone, Copy)]
pub struct ListNames {
    /// Of a page.
    pub connection: &'static str,
    /// Of an entry.
    pub edge: &'static str,
}

/// How a value of the model is shown. `at` is the connection that it belongs to.
pub trait Expose {
    /// What GraphQL shows.
    type Output<'a>: OutputType
    where
        Self: 'a;

    /// Shows it.
    fn expose(&self, at: ConnectionId) -> Self::Output<'_>;
}

/// These are GraphQL types as they stand.
macro_rules! as_it_is {
    ($($type:ty),+ $(,)?) => {$(
        impl Expose for $type {
            type Output<'a> = &'a Self;

            fn expose(&self, _: ConnectionId) -> &Self {
                self
            }
        }
    )+};
}
as_it_is!(bool, String, Instant, Money, Quantity);
as_it_is!(Address, Measurements, Carrier, Channel, Supplier, SupplierProduct);
as_it_is!(OrderStatus, OrderType, ShipmentStatus, InboundStatus, ReturnStatus);

impl<T: Expose> Expose for Option<T> {
    type Output<'a>
        = Option<T::Output<'a>>
    where
        Self: 'a;

    fn expose(&self, at: ConnectionId) -> Self::Output<'_> {
        self.as_ref().map(|value| value.expose(at))
    }
}

impl<T: Expose> Expose for List<T> {
    type Output<'a>
        = Vec<T::Output<'a>>
    where
        Self: 'a;

    fn expose(&self, at: ConnectionId) -> Self::Output<'_> {
        self.iter().map(|value| value.expose(at)).collect()
    }
}

impl<T: Shown> Expose for Link<T> {
    type Output<'a> = Relation<'a, T>;

    fn expose(&self, at: ConnectionId) -> Relation<'_, T> {
        Relation { at, link: self }
    }
}

/// A pointer to another record, which is read when it is resolved, together with all others of its level. Null while what
/// it points at has not been synced.
pub struct Relation<'a, T> {
    at: ConnectionId,
    link: &'a Link<T>,
}

impl<T: Shown> OutputType for Relation<'_, T> {
    fn type_name() -> Cow<'static, str> {
        T::Object::type_name()
    }

    fn qualified_type_name() -> String {
        Self::type_name().into_owned()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::Object::create_type_info(registry);
        Self::qualified_type_name()
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let found = match state(ctx) {
            Ok(state) => state.loaders.record::<T>(self.at, self.link.source_id()).await.map(|found| found.map(T::shown)),
            Err(fault) => Err(fault),
        };
        let found = found.map_err(|fault| ctx.set_error_path(Error::from(fault).into_server_error(field.pos)))?;
        OutputType::resolve(&found, ctx, field).await
    }
}

/// A declaration of a record, as an object. For orders it expands to
///
/// ```ignore
/// impl Shown for Order { type Object = Synced<Order>; /* … */ }
/// /// An order to be shipped out, with its lines and its shipments.
/// #[Object(name_type)]
/// impl Synced<Order> {
///     async fn id(&self) -> ID { /* … */ }            // and the other fields of every record
///     /// Whose goods are shipped; null where the WMS serves one owner only.
///     async fn warehouse_customer(&self) -> Option<Relation<'_, WarehouseCustomer>> { … }
///     /// Who it is for.
///     #[graphql(name = "type")]
///     async fn order_type(&self) -> Option<&OrderType> { self.0.record.order_type.expose(self.0.connection) }
///     #[graphql(flatten)]
///     async fn totals(&self) -> &OrderTotals { &self.0.record.totals }
///     #[graphql(flatten)]
///     async fn beside(&self) -> OrderBeside<'_> { … }  // `returns`
/// }
/// ```
macro_rules! object {
    (
        $(#[$doc:meta])*
        $name:ident { $data_type:ident, table $table:ident, filter $filter:ident, sort $sort:ident }
        fields { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? }
        flat { $($flat:ident: $flat_type:ty),* $(,)? }
        filters { $($filters:tt)* }
        sorts { $($sorts:tt)* }
        terms { $($terms:tt)* }
    ) => {
        impl TypeName for Synced<$name> {
            fn type_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }

        impl Shown for $name {
            type Object = Synced<Self>;
            const LIST: ListNames = ListNames { connection: concat!(stringify!($name), "Connection"), edge: concat!(stringify!($name), "Edge") };

            fn shown(stored: Arc<Stored<Self>>) -> Synced<Self> {
                Synced(stored)
            }
        }

        $(#[$doc])*
        #[Object(name_type)]
        impl Synced<$name> {
            /// Global and opaque. The same for ever: it says the type, the connection and the `sourceId`.
            async fn id(&self) -> ID {
                ID(Id::record::<$name>(self.0.connection, &self.0.record.source.id).to_string())
            }

            /// The connected WMS that it was synced from.
            async fn connection(&self, ctx: &async_graphql::Context<'_>) -> Result<ConnectedWms> {
                ConnectedWms::of(ctx, self.0.connection.0).await
            }

            /// The WMS's own identifier, unique within a connection and type.
            async fn source_id(&self) -> &str {
                &self.0.record.source.id
            }

            /// When the WMS says it was created; null where it does not say.
            async fn source_created_at(&self) -> Option<Instant> {
                self.0.record.source.created_at
            }

            /// When the WMS says it was last changed; null where it does not say.
            async fn source_updated_at(&self) -> Option<Instant> {
                self.0.record.source.updated_at
            }

            /// When this server first stored it.
            async fn first_seen_at(&self) -> Instant {
                self.0.first_seen_at
            }

            /// When this server last stored a different content. The cursor for incremental readers.
            async fn changed_at(&self) -> Instant {
                self.0.changed_at
            }

            /// When it was found gone at the source; null while it is there. Deleted records are left out of lists unless they are
            /// asked for with `includeDeleted`.
            async fn deleted_at(&self) -> Option<Instant> {
                self.0.deleted_at
            }

            /// Link into the WMS's own screens; null where it has none.
            async fn source_url(&self) -> Option<&str> {
                self.0.record.source.url.as_deref()
            }

            /// What the WMS sent that has no field here; null when there is nothing.
            async fn additional_fields(&self) -> Option<&Json> {
                self.0.record.source.additional_fields.as_ref()
            }

            /// The WMS's own payload, as it was received; null where it is not kept.
            async fn raw(&self) -> Option<&Json> {
                self.0.record.source.raw.as_ref()
            }

            $(
            $(#[$field_doc])*
            $(#[graphql(name = $graphql)])?
            async fn $field(&self) -> <$type as Expose>::Output<'_> {
                self.0.record.$field.expose(self.0.connection)
            }
            )+

            $(
            #[graphql(flatten)]
            async fn $flat(&self) -> &$flat_type {
                &self.0.record.$flat
            }
            )*

            #[graphql(flatten)]
            async fn beside(&self) -> <$name as Beside>::Fields<'_> {
                self.0.record.beside(self.0.connection)
            }
        }
    };
}

/// A declaration of a part, as an object. For order lines it expands to
///
/// ```ignore
/// impl Expose for OrderLineItem { type Output<'a> = Part<'a, Self>; /* … */ }
/// /// One line of an order.
/// #[Object(name_type)]
/// impl Part<'_, OrderLineItem> {
///     /// What was ordered.
///     async fn product(&self) -> Option<Relation<'_, Product>> { self.it.product.expose(self.at) }
///     // …
/// }
/// ```
macro_rules! part_object {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? }) => {
        impl TypeName for Part<'_, $name> {
            fn type_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }

        impl Expose for $name {
            type Output<'a> = Part<'a, Self>;

            fn expose(&self, at: ConnectionId) -> Part<'_, Self> {
                Part { at, it: self }
            }
        }

        $(#[$doc])*
        #[Object(name_type)]
        impl Part<'_, $name> {
            $(
            $(#[$field_doc])*
            $(#[graphql(name = $graphql)])?
            async fn $field(&self) -> <$type as Expose>::Output<'_> {
                self.it.$field.expose(self.at)
            }
            )+

            #[graphql(flatten)]
            async fn beside(&self) -> <$name as Beside>::Fields<'_> {
                self.it.beside(self.at)
            }
        }
    };
}

each_record!(object, part_object);

impl ConnectedWms {
    /// The connection that something belongs to. It is there as long as what belongs to it.
    pub(super) async fn of(ctx: &async_graphql::Context<'_>, id: i64) -> Result<Self> {
        let found = state(ctx)?.loaders.connection(id).await?;
        found.map(ConnectedWms).ok_or(Fault::Defect("A record's connection is not there".into()))
    }
}
