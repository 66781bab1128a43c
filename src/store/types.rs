//! How the unified model's values lie in columns of either database.
//!
//! | Rust | PostgreSQL | SQLite |
//! |---|---|---|
//! | [`Instant`] | `TIMESTAMPTZ` | `INTEGER`, microseconds since 1970 |
//! | [`Money`], [`Quantity`] | `BIGINT`, millionths | `INTEGER`, millionths |
//! | codes (enumerations), [`Link`] | `TEXT` | `TEXT` |
//! | parts, [`List`], raw JSON | `JSON`, kept byte by byte | `TEXT` |

use std::io::Write as _;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, Queryable};
use diesel::expression::AsExpression;
use diesel::internal::derives::as_expression::Bound;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Nullable, SingleValue, SqlType, Text};
use diesel::sqlite::Sqlite;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::{
    self, Address, Carrier, Channel, Instant, Link, List, Measurements, Money, OrderDelivery, OrderStatus, OrderTotals, OrderType, Quantity, Supplier,
};

/// A moment. Named by OID: by name, diesel-async would look the OID up in the database first.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Timestamptz;

/// JSON as text, which the database keeps as it is.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 114, array_oid = 199))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Json;

// `table!` wants to know what may be added to a column of a type of this name.
impl diesel::sql_types::ops::Add for Timestamptz {
    type Rhs = BigInt;
    type Output = Self;
}

impl diesel::sql_types::ops::Sub for Timestamptz {
    type Rhs = BigInt;
    type Output = Self;
}

/// Microseconds between 1970 and 2000, the epoch of PostgreSQL's wire format.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl ToSql<Timestamptz, Pg> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        // The smallest value is PostgreSQL's "-infinity", as it is ours.
        let micros = if *self == Self::MIN { i64::MIN } else { self.micros().saturating_sub(POSTGRES_EPOCH) };
        out.write_all(&micros.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Timestamptz, Pg> for Instant {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = i64::from_be_bytes(value.as_bytes().try_into()?);
        Ok(if micros == i64::MIN { Self::MIN } else { Self::from_micros(micros.saturating_add(POSTGRES_EPOCH)) })
    }
}

impl ToSql<Timestamptz, Sqlite> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.micros());
        Ok(IsNull::No)
    }
}

impl FromSql<Timestamptz, Sqlite> for Instant {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_micros(FromSql::<BigInt, Sqlite>::from_sql(value)?))
    }
}

/// Lets `$type` stand in queries as a value of `$sql`.
macro_rules! expression {
    ($sql:ty: $($type:ty $(, <$param:ident>)?);+) => {$(
        impl<$($param: 'static)?> AsExpression<$sql> for $type {
            type Expression = Bound<$sql, Self>;
            fn as_expression(self) -> Self::Expression { Bound::new(self) }
        }
        impl<$($param: 'static)?> AsExpression<Nullable<$sql>> for $type {
            type Expression = Bound<Nullable<$sql>, Self>;
            fn as_expression(self) -> Self::Expression { Bound::new(self) }
        }
        impl<$($param: 'static,)? DB: Backend> ToSql<Nullable<$sql>, DB> for $type where $type: ToSql<$sql, DB> {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                ToSql::<$sql, DB>::to_sql(self, out)
            }
        }
    )+};
}
expression!(Timestamptz: Instant);
expression!(Json: record::Json);

/// Lets `$type` be read from a column.
macro_rules! queryable {
    ($($type:ty $(, <$param:ident>)?);+ $(;)?) => {$(
        impl<$($param,)? ST: SingleValue, DB: Backend> Queryable<ST, DB> for $type where Self: FromSql<ST, DB> {
            type Row = Self;
            fn build(row: Self) -> deserialize::Result<Self> { Ok(row) }
        }
    )+};
}
queryable!(Instant; record::Json; List<T>, <T>);

/// `$type` lies in a `BIGINT` as millionths.
macro_rules! millionths {
    ($($type:ident),+) => {$(
        impl ToSql<BigInt, Pg> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(&self.micros().to_be_bytes())?;
                Ok(IsNull::No)
            }
        }
        impl ToSql<BigInt, Sqlite> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(self.micros());
                Ok(IsNull::No)
            }
        }
    )+};
}
millionths!(Money, Quantity);

/// `$type` lies in a `TEXT` column as its code.
macro_rules! code {
    ($($type:ty),+ $(,)?) => {$(
        impl<DB: Backend> ToSql<Text, DB> for $type where str: ToSql<Text, DB> {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                self.as_str().to_sql(out)
            }
        }
        impl<DB: Backend> FromSql<Text, DB> for $type where String: FromSql<Text, DB> {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                Ok(String::from_sql(value)?.parse()?)
            }
        }
        queryable!($type);
        expression!(Text: $type);
    )+};
}

code!(
    OrderStatus,
    OrderType,
    record::InboundStatus,
    record::ReturnStatus,
    record::DataType,
    record::Term,
    record::draft::WriteAction,
    super::changes::Kind,
    super::keys::Access
);
code!(super::connections::ConnectionStatus, super::runs::SyncTrigger, super::runs::SyncMode, super::runs::SyncStatus, super::writes::WriteStatus,);
code!(
    super::webhooks::WebhookEventType,
    super::webhooks::WebhookOrdering,
    super::webhooks::WebhookDisabledReason,
    super::webhooks::WebhookDeliveryStatus,
);

impl<T, DB: Backend> ToSql<Text, DB> for Link<T>
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.source_id().to_sql(out)
    }
}

fn json_to_pg<'b>(value: &impl Serialize, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
    serde_json::to_writer(out, value)?;
    Ok(IsNull::No)
}

fn json_to_sqlite<'b>(value: &impl Serialize, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
    out.set_value(serde_json::to_string(value)?);
    Ok(IsNull::No)
}

/// `$type` lies in a JSON column.
macro_rules! json {
    ($($type:ty $(, <$param:ident>)?);+ $(;)?) => {$(
        impl<$($param: Serialize + std::fmt::Debug)?> ToSql<Json, Pg> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result { json_to_pg(self, out) }
        }
        impl<$($param: Serialize + std::fmt::Debug)?> ToSql<Json, Sqlite> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result { json_to_sqlite(self, out) }
        }
    )+};
}
json!(List<T>, <T>; Address; Measurements; Carrier; Channel; Supplier; OrderTotals; OrderDelivery);

impl ToSql<Json, Pg> for record::Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.as_str().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<Json, Sqlite> for record::Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.as_str());
        Ok(IsNull::No)
    }
}

impl FromSql<Json, Pg> for record::Json {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_trusted(std::str::from_utf8(value.as_bytes())?.to_owned()))
    }
}

impl FromSql<Json, Sqlite> for record::Json {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_trusted(<String as FromSql<Text, Sqlite>>::from_sql(value)?))
    }
}

impl<T: DeserializeOwned> FromSql<Json, Pg> for List<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_stored(std::str::from_utf8(value.as_bytes())?))
    }
}

impl<T: DeserializeOwned> FromSql<Json, Sqlite> for List<T> {
    fn from_sql(mut value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_stored(value.read_text()))
    }
}
