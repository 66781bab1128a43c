//! Identity: what a record is called inside its WMS, and what the whole world may call it.
//!
//! **Invariants.** An id is derived from the type, the connection and the source id alone, so that an order can point
//! at a product that has not been synced yet, and a rebuilt database has the same ids.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{DataType, Record};

/// A connection's number in this server's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub i64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A pointer from one record to another of the same connection: the other's source id. What it points at need not
/// have been synced.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Link<T> {
    source_id: String,
    #[serde(skip)]
    to: PhantomData<fn() -> T>,
}

impl<T> Link<T> {
    /// A pointer to the record of type `T` that the WMS calls `source_id`.
    pub fn to(source_id: impl Into<String>) -> Self {
        Self { source_id: source_id.into(), to: PhantomData }
    }

    /// What the WMS calls the other record.
    pub fn source_id(&self) -> &str {
        &self.source_id
    }
}

impl<T> Clone for Link<T> {
    fn clone(&self) -> Self {
        Self::to(self.source_id.clone())
    }
}

impl<T> PartialEq for Link<T> {
    fn eq(&self, other: &Self) -> bool {
        self.source_id == other.source_id
    }
}

impl<T> Eq for Link<T> {}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({:?})", self.source_id)
    }
}

/// The global id of anything that `node` finds. Its text is opaque to clients; inside, it is the type's name and its
/// parts, joined by colons and written in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id {
    /// One of the nine record types.
    Record(DataType, ConnectionId, String),
    /// A connected WMS.
    Connection(ConnectionId),
    /// An integration, by its adapter's name.
    Integration(String),
    /// A sync run.
    SyncRun(i64),
    /// A journalled write.
    Write(i64),
    /// An API key.
    ApiKey(i64),
    /// A webhook endpoint.
    WebhookEndpoint(i64),
    /// An event on its way to a webhook endpoint.
    WebhookDelivery(i64),
}

/// A text that is no global id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of this server")]
pub struct IdError(pub String);

impl Id {
    /// The id of a record.
    pub fn record<T: Record>(connection: ConnectionId, source_id: &str) -> Self {
        Self::Record(T::DATA_TYPE, connection, source_id.to_owned())
    }

    /// Writes the text of a record's id, as [`record`](Self::record) would be shown, to the end of `out`.
    pub fn write_record<T: Record>(connection: ConnectionId, source_id: &str, out: &mut String) {
        let plain = format!("{}:{connection}:{source_id}", T::DATA_TYPE.type_name());
        BASE64_URL_SAFE_NO_PAD.encode_string(plain, out);
    }

    /// The connection, where this is one's id.
    pub fn as_connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Connection(id) => Some(*id),
            _ => None,
        }
    }

    /// Connection and source id, where this is the id of a record of type `data_type`.
    pub fn as_record(&self, data_type: DataType) -> Option<(ConnectionId, &str)> {
        match self {
            Self::Record(own, connection, source_id) if *own == data_type => Some((*connection, source_id)),
            _ => None,
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
            Self::Record(data_type, connection, source_id) => format!("{}:{connection}:{source_id}", data_type.type_name()),
            Self::Connection(id) => format!("ConnectedWms:{id}"),
            Self::Integration(name) => format!("Integration:{name}"),
            Self::SyncRun(id) => format!("SyncRun:{id}"),
            Self::Write(id) => format!("Write:{id}"),
            Self::ApiKey(id) => format!("ApiKey:{id}"),
            Self::WebhookEndpoint(id) => format!("WebhookEndpoint:{id}"),
            Self::WebhookDelivery(id) => format!("WebhookDelivery:{id}"),
        };
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(plain))
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let parse = || {
            let plain = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (kind, rest) = plain.split_once(':')?;
            Some(match kind {
                "ConnectedWms" => Self::Connection(ConnectionId(rest.parse().ok()?)),
                "Integration" => Self::Integration(rest.to_owned()),
                "SyncRun" => Self::SyncRun(rest.parse().ok()?),
                "Write" => Self::Write(rest.parse().ok()?),
                "ApiKey" => Self::ApiKey(rest.parse().ok()?),
                "WebhookEndpoint" => Self::WebhookEndpoint(rest.parse().ok()?),
                "WebhookDelivery" => Self::WebhookDelivery(rest.parse().ok()?),
                kind => {
                    let data_type = DataType::ALL.iter().find(|data_type| data_type.type_name() == kind)?;
                    let (connection, source_id) = rest.split_once(':')?;
                    Self::Record(*data_type, ConnectionId(connection.parse().ok()?), source_id.to_owned())
                }
            })
        };
        parse().ok_or_else(|| IdError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_went() {
        for id in [
            Id::Record(DataType::Orders, ConnectionId(7), "SO:1/ü".to_owned()),
            Id::Connection(ConnectionId(1)),
            Id::Integration("odoo".to_owned()),
            Id::SyncRun(9),
            Id::Write(3),
            Id::WebhookEndpoint(4),
            Id::WebhookDelivery(5),
        ] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for source_id in ["", "a", "ab", "abc", "SO:1/ü"] {
            let mut written = "before".to_owned();
            Id::write_record::<super::super::Order>(ConnectionId(7), source_id, &mut written);
            assert_eq!(written, format!("before{}", Id::record::<super::super::Order>(ConnectionId(7), source_id)));
        }
        for bad in ["", "Order:1:2", "T3JkZXI", "4pyT4pyT!"] {
            assert!(bad.parse::<Id>().is_err(), "{bad}");
        }
    }
}
