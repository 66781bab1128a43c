//! What several objects have in common: `Node` (an id), and `Record` (everything that was synced).

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, ID, Interface, OutputType, Positioned, ServerResult, Value};

use super::Synced;
use crate::graphql::connection::{ConnectedWms, Integration};
use crate::graphql::errors::Result;
use crate::graphql::loaders::Loaders;
use crate::graphql::sync::SyncRun;
use crate::graphql::viewer::ApiKey;
use crate::graphql::webhooks::{WebhookDelivery, WebhookEndpoint};
use crate::graphql::write::Write;
use crate::record::{self, ConnectionId, DataType, Instant, Json, nine};

macro_rules! interfaces {
    ($([$data_type:ident, $type:ident])+) => {
        /// One synced record. Every one of the nine types implements it.
        #[derive(Interface)]
        #[graphql(
            field(name = "id", ty = "ID", desc = "Global and opaque. The same for ever: it says the type, the connection and the `sourceId`."),
            field(name = "connection", ty = "ConnectedWms", desc = "The connected WMS that it was synced from."),
            field(name = "source_id", ty = "String", desc = "The WMS's own identifier, unique within a connection and type."),
            field(name = "source_created_at", ty = "Option<Instant>", desc = "When the WMS says it was created; null where it does not say."),
            field(name = "source_updated_at", ty = "Option<Instant>", desc = "When the WMS says it was last changed; null where it does not say."),
            field(name = "first_seen_at", ty = "Instant", desc = "When this server first stored it."),
            field(name = "changed_at", ty = "Instant", desc = "When this server last stored a different content. The cursor for incremental readers."),
            field(name = "deleted_at", ty = "Option<Instant>", desc = "When it was found gone at the source; null while it is there. Deleted records are left out of lists unless they are asked for with `includeDeleted`."),
            field(name = "source_url", ty = "Option<&str>", desc = "Link into the WMS's own screens; null where it has none."),
            field(name = "additional_fields", ty = "Option<&Json>", desc = "What the WMS sent that has no field here; null when there is nothing."),
            field(name = "raw", ty = "Option<&Json>", desc = "The WMS's own payload, as it was received; null where it is not kept.")
        )]
        pub enum Record {
            $(#[doc = concat!("[`record::", stringify!($type), "`]")] $type(Synced<record::$type>),)+
        }

        /// Whatever has a global id.
        #[derive(Interface)]
        #[graphql(field(name = "id", ty = "ID", desc = "Global and opaque."))]
        pub enum Node {
            $(#[doc = concat!("[`record::", stringify!($type), "`]")] $type(Synced<record::$type>),)+
            /// A connected WMS.
            ConnectedWms(ConnectedWms),
            /// A supported WMS.
            Integration(Integration),
            /// A sync run.
            SyncRun(SyncRun),
            /// A journalled write.
            Write(Write),
            /// An API key.
            ApiKey(ApiKey),
            /// A webhook endpoint.
            WebhookEndpoint(WebhookEndpoint),
            /// An event on its way to a webhook endpoint.
            WebhookDelivery(WebhookDelivery),
        }

        impl From<Record> for Node {
            fn from(record: Record) -> Self {
                match record { $(Record::$type(synced) => Self::$type(synced),)+ }
            }
        }

        /// The record with this id; `None` when it has not been synced.
        pub async fn record_by_id(loaders: &Loaders, data_type: DataType, at: ConnectionId, source_id: &str) -> Result<Option<Record>> {
            Ok(match data_type {
                $(DataType::$data_type => loaders.record::<record::$type>(at, source_id).await?.map(|found| Record::$type(Synced(found))),)+
            })
        }
    };
}
nine!(interfaces);

/// Registered in the schema, this says that `Record` implements `Node`, which the derives have no words for. It is no type
/// of its own and never resolved.
pub struct RecordIsNode;

impl OutputType for RecordIsNode {
    fn type_name() -> Cow<'static, str> {
        Record::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.add_implements(&Record::type_name(), &Node::type_name());
        Record::create_type_info(registry)
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}
