//! The sandbox: a WMS that ships with the server ([`server`]), and the adapter that speaks to it over HTTP, like to any
//! vendor's. `README.md` is its protocol.
//!
//! Listings run by keyset: in the order of identifiers when everything is wanted, in the order of changes when only
//! what changed is. Nothing shifts under the reader, so a full listing is complete even when it was resumed. That it is
//! complete is not believed but counted: the pages must have shown as many rows as there were when the listing began.
//! Where rows go while it runs, they have not, and the next run vouches in its place.

mod inbound_shipment;
mod inventory;
mod order;
mod product;
mod returns;
pub mod server;
mod shipping_method;
#[cfg(test)]
mod tests;
mod warehouse;
mod warehouse_customer;
mod warehouse_location;
mod wire;
mod write;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::http::{Call, Http, Reply, Site};
use super::{Account, Adapter, Checkpoint, Error, Integration, Kind, Next, Page, Reject, Retry, Rows, Scope};
use crate::record::draft::{
    AdjustInventory, CancelOrder, CancelReturn, CreateInboundShipment, CreateOrder, CreateProduct, CreateReturn, ReceiveInboundShipment, ShipOrder,
    UpdateInboundShipment, UpdateOrder, UpdateProduct, UpdateReturn,
};
use crate::record::{
    DataType, InboundShipment, Instant, InventoryItem, Json, Order, Product, Return, ShippingMethod, Source, Warehouse, WarehouseCustomer,
    WarehouseLocation,
};

/// The integration.
pub fn integration() -> Integration {
    Integration::of::<Sandbox>()
        .pulls::<Warehouse>()
        .pulls::<WarehouseLocation>()
        .pulls::<WarehouseCustomer>()
        .pulls::<ShippingMethod>()
        .pulls::<InventoryItem>()
        .pulls::<Product>()
        .pulls::<Order>()
        .pulls::<InboundShipment>()
        .pulls::<Return>()
        .pushes::<CreateOrder>()
        .pushes::<UpdateOrder>()
        .pushes::<CancelOrder>()
        .pushes::<ShipOrder>()
        .pushes::<CreateInboundShipment>()
        .pushes::<UpdateInboundShipment>()
        .pushes::<ReceiveInboundShipment>()
        .pushes::<CreateReturn>()
        .pushes::<UpdateReturn>()
        .pushes::<CancelReturn>()
        .pushes::<CreateProduct>()
        .pushes::<UpdateProduct>()
        .pushes::<AdjustInventory>()
        .passes()
        .build()
}

/// What it takes to connect to a sandbox.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    /// The sandbox's address, such as http://127.0.0.1:4010
    base_url: String,
    /// The API token that the sandbox was started with.
    #[schemars(with = "String", extend("writeOnly" = true))]
    api_token: SecretString,
}

/// One sandbox.
pub struct Sandbox {
    site: Site,
    token: SecretString,
}

impl Adapter for Sandbox {
    const NAME: &'static str = "sandbox";
    const DISPLAY_NAME: &'static str = "Sandbox WMS";
    type Credentials = Credentials;

    fn connect(credentials: Credentials, http: &Http) -> Result<Self, Error> {
        Ok(Self { site: http.at(&credentials.base_url, "baseUrl")?, token: credentials.api_token })
    }

    async fn check(&self) -> Result<Account, Error> {
        let answer: AccountAnswer = self.send(self.site.get("/v1/account")).await?.json()?;
        let forbidden = DataType::ALL.iter().filter_map(|data_type| {
            let scope = format!("{}:read", resource(*data_type));
            (!answer.scopes.contains(&scope)).then(|| (*data_type, format!("This token lacks the scope '{scope}'")))
        });
        let description = format!("{} ({} {})", answer.account.name, answer.product.name, answer.product.version);
        Ok(Account { description: Some(description), forbidden: forbidden.collect() })
    }
}

#[derive(Deserialize)]
struct AccountAnswer {
    account: AccountName,
    product: ProductVersion,
    scopes: Vec<String>,
}

#[derive(Deserialize)]
struct AccountName {
    name: String,
}

#[derive(Deserialize)]
struct ProductVersion {
    name: String,
    version: String,
}

/// What the sandbox calls a data type, in addresses and scopes.
fn resource(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Inventory => "inventory",
        DataType::InboundShipments => "asns",
        DataType::Orders => "orders",
        DataType::Products => "products",
        DataType::Returns => "rmas",
        DataType::ShippingMethods => "shipping-methods",
        DataType::Warehouses => "warehouses",
        DataType::WarehouseCustomers => "clients",
        DataType::WarehouseLocations => "locations",
    }
}

/// How many rows are asked for; the sandbox gives fewer where it allows fewer.
const PAGE: &str = "250";

/// Where a listing goes on.
#[derive(Serialize, Deserialize)]
struct State {
    cursor: String,
    /// How many rows the pages before have shown. Checkpoints of older versions do not say.
    seen: Option<u64>,
}

#[derive(Deserialize)]
struct Listing {
    data: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    total: Option<u64>,
}

/// What can be told of a row before it is mapped: its id. What stands behind that is not read: most rows are as they were, and
/// nobody looks at more of them.
fn name(row: &str) -> Option<String> {
    let mut found = None;
    // It ends with an error where it has found what it was sent for.
    drop(serde_json::Deserializer::from_str(row).deserialize_map(ToId(&mut found)));
    found
}

struct ToId<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for ToId<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "id" {
                *self.0 = Some(map.next_value()?);
                return Err(A::Error::custom("it is found"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

impl Sandbox {
    /// One page of a listing; `map` makes the record of a row.
    async fn list<W, T>(&self, scope: &Scope, from: Option<&Checkpoint>, map: fn(W, &Origin) -> Result<T, String>) -> Result<Page<T>, Error>
    where
        W: DeserializeOwned + 'static,
        T: crate::record::Record,
    {
        let resource = resource(T::DATA_TYPE);
        let (cursor, before) = match from.map(Checkpoint::state::<State>).transpose()? {
            Some(State { cursor, seen }) => (Some(cursor), seen),
            None => (None, Some(0)),
        };
        let (since, until) = (scope.since.as_ref().map(Instant::to_string), scope.until.as_ref().map(Instant::to_string));
        let parameters = [("cursor", &cursor), ("updated_since", &since), ("updated_before", &until)];
        let mut query = vec![("limit", PAGE)];
        query.extend(parameters.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));

        let reply = self.send(self.site.get(&format!("/v1/{resource}")).query(&query)).await?;
        let listing: Listing = reply.json()?;
        // How it ends is known when the rows have been counted.
        let mut page = Page::new(Vec::new(), Next::Done { complete: false });
        page.total = listing.total;
        page.source_time = reply.date();
        let base = self.site.base().to_owned();
        let mut rows = Rows::new(&[self.site.base(), resource], move |row| record(&Origin { base: &base, resource, raw: row.get() }, map));
        for row in listing.data {
            match name(row.get()) {
                Some(id) => rows.push(id, row),
                // Mapping it tells what is wrong with it.
                None => match rows.map(&row) {
                    Ok(record) => page.records.push(record),
                    Err(reject) => page.rejects.push(reject),
                },
            }
        }
        page.rows = Some(rows);
        let seen = before.map(|before| before.saturating_add(shown(&page)));
        page.next = match listing.next_cursor {
            Some(cursor) => Next::More(Checkpoint::of(&State { cursor, seen })),
            None => match seen.zip(listing.total) {
                Some((shown, of)) if shown < of => Next::CutOff { shown, of },
                counted => Next::Done { complete: counted.is_some() && *scope == Scope::default() },
            },
        };
        Ok(page)
    }

    /// Sends a call with the token; whatever is no success is an error.
    async fn send(&self, call: Call) -> Result<Reply, Error> {
        let reply = call.bearer("Bearer", &self.token).send().await?;
        if reply.is_success() { Ok(reply) } else { Err(classify(&reply)) }
    }
}

/// A type whose rows come back from writes.
trait Held: crate::record::Record {
    /// The row as it comes over the wire.
    type Wire: DeserializeOwned;
    /// The record of it.
    fn unified(wire: Self::Wire, origin: &Origin) -> Result<Self, String>;
}

macro_rules! held {
    ($($module:ident $record:ident)+) => {$(
        impl Held for $record {
            type Wire = $module::Wire;

            fn unified(wire: Self::Wire, origin: &Origin) -> Result<Self, String> {
                $module::unified(wire, origin)
            }
        }
    )+};
}
held!(order Order inbound_shipment InboundShipment returns Return product Product inventory InventoryItem);

/// The record of one row, or why there is none.
fn record<W: DeserializeOwned, T>(origin: &Origin, map: fn(W, &Origin) -> Result<T, String>) -> Result<T, Reject> {
    let mut input = serde_json::Deserializer::from_str(origin.raw);
    let wire = serde_path_to_error::deserialize::<_, W>(&mut input).map_err(|e| format!("{}: {}", e.path(), e.inner()));
    wire.and_then(|wire| map(wire, origin)).map_err(|reason| Reject {
        source_id: name(origin.raw),
        reason,
        raw: Json::from_trusted(origin.raw.to_owned()),
    })
}

/// How many rows the page shows. One that is there twice counts once: it must not make up for one that is missing.
fn shown<T: crate::record::Record>(page: &Page<T>) -> u64 {
    let rows = page.rows.iter().flat_map(Rows::iter).map(|row| row.source_id.as_str());
    let records = page.records.iter().map(|record| record.source().id.as_str());
    let ids: HashSet<&str> = rows.chain(records).chain(page.rejects.iter().filter_map(|reject| reject.source_id.as_deref())).collect();
    let nameless = page.rejects.iter().filter(|reject| reject.source_id.is_none()).count();
    (ids.len() + nameless) as u64
}

/// Where a row comes from.
struct Origin<'a> {
    base: &'a str,
    resource: &'a str,
    raw: &'a str,
}

impl Origin<'_> {
    /// What a record says of its origin; `more` is what has no field of ours.
    fn source(&self, id: String, created_at: Option<Instant>, updated_at: Option<Instant>, more: Option<&Value>) -> Source {
        let url = Some(format!("{}/v1/{}/{id}", self.base, self.resource));
        Source { id, created_at, updated_at, url, additional_fields: more.map(Json::of), raw: Some(Json::from_trusted(self.raw.to_owned())) }
    }
}

#[derive(Deserialize)]
struct Refusal {
    error: Problem,
    request_id: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    message: String,
    #[serde(default)]
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    field: String,
}

/// What an answer that is no success means. The one place that decides it.
fn classify(reply: &Reply) -> Error {
    let kind = match reply.status {
        400 | 413 | 422 => Kind::Validation,
        401 => Kind::Unauthenticated,
        403 => Kind::Forbidden,
        404 | 410 => Kind::NotFound,
        405 | 501 => Kind::Unsupported,
        408 | 504 => Kind::Timeout,
        409 => Kind::Conflict,
        429 => Kind::RateLimited,
        500..=599 => Kind::Unavailable,
        _ => Kind::Protocol,
    };
    let mut error = match serde_json::from_slice::<Refusal>(&reply.body) {
        Ok(refusal) => {
            let path = refusal.error.fields.first().and_then(|field| write::input_path(&field.field));
            let body = String::from_utf8_lossy(&reply.body).into_owned();
            let error = Error::new(kind, refusal.error.message).with_code(refusal.error.code).with_body(Json::from_trusted(body));
            Error { path, ..error.with_request_id(refusal.request_id) }
        }
        // Something in between answered (a proxy's HTML page, say). Its text may tell of insides, so it is not shown.
        Err(_) => Error::new(kind, format!("The server answered with HTTP status {}", reply.status))
            .with_request_id(reply.header("x-request-id").map(str::to_owned)),
    };
    let may_wait = matches!(kind, Kind::RateLimited | Kind::Unavailable);
    if let Some(at) = reply.retry_after().filter(|_| may_wait) {
        error.retry = Retry::After(at);
    }
    // The sandbox refuses before it acts, and says 503 when it could not, or that the refusal is staged; any other 5xx, or a
    // gateway that gave up, may have let the call through.
    let refused = matches!(error.code.as_deref(), Some("unavailable" | "staged_fault"));
    error.outcome_unknown = kind == Kind::Timeout || (kind == Kind::Unavailable && !refused) || kind == Kind::Protocol;
    error.with_status(reply.status)
}
