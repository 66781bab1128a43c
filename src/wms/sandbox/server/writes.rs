//! The addresses that change something, and the one that tells what was done under an idempotency key.
//!
//! Every write may come under an `Idempotency-Key`, which is remembered for ever together with a hash of what was asked for: the
//! same request under the same key is answered with the row as it is now and changes nothing; another request is a conflict. A
//! request that was refused is not remembered.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, delete, get, patch, post};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::journal::Write;
use super::refusal::Refusal;
use super::routes::{Answer, App, body, json, missing, row};
use super::world::{Resource, with_table};
use super::{Shared, read, write};
use crate::record::Instant;

/// What the token has a scope to write. Any row can be deleted all the same, so that tests can let one go.
pub(super) const CHANGEABLE: [Resource; 5] = [Resource::Inventory, Resource::Products, Resource::Orders, Resource::Asns, Resource::Rmas];

/// The body of a request as it came.
type Body = Result<Bytes, BytesRejection>;

/// All of them.
pub(super) fn routes() -> Router<Arc<Shared>> {
    use Resource::{Asns, Inventory, Orders, Products, Rmas};
    let mut router = Router::new().route("/v1/idempotency/{key}", get(done));
    for &resource in Resource::ALL {
        let remove = move |State(shared): App, Path(id): Path<String>, headers: HeaderMap| async move {
            shared.demand(resource, "write")?;
            let (resource, number) = (resource.name().to_owned(), number(resource, &id)?);
            carry_out(&shared, &headers, Write::Delete { resource, number })
        };
        router = router.route(&format!("/v1/{}/{{id}}", resource.name()), delete(remove));
    }
    router
        .route("/v1/orders", makes(Orders, |order| Write::CreateOrder { key: None, order }))
        .route("/v1/orders/{id}", changes(Orders, |order, change| Write::ChangeOrder { order, change }))
        .route("/v1/orders/{id}/ship", does(Orders, |order, shipment| Write::ShipOrder { order, shipment }))
        .route("/v1/orders/{id}/cancel", does(Orders, |order, cancellation| Write::CancelOrder { order, cancellation }))
        .route("/v1/asns", makes(Asns, |asn| Write::CreateAsn { asn }))
        .route("/v1/asns/{id}", changes(Asns, |asn, change| Write::ChangeAsn { asn, change }))
        .route("/v1/asns/{id}/receive", does(Asns, |asn, receipt| Write::ReceiveAsn { asn, receipt }))
        .route("/v1/rmas", makes(Rmas, |rma| Write::CreateRma { rma }))
        .route("/v1/rmas/{id}", changes(Rmas, |rma, change| Write::ChangeRma { rma, change }))
        .route("/v1/rmas/{id}/cancel", does(Rmas, |rma, cancellation| Write::CancelRma { rma, cancellation }))
        .route("/v1/products", makes(Products, |product| Write::CreateProduct { product }))
        .route("/v1/products/{id}", changes(Products, |product, change| Write::ChangeProduct { product, change }))
        .route("/v1/inventory/{id}/adjust", does(Inventory, |item, adjustment| Write::AdjustInventory { item, adjustment }))
}

/// `POST /v1/{resource}`
fn makes<T: DeserializeOwned + Send + 'static>(resource: Resource, of: fn(Box<T>) -> Write) -> MethodRouter<Arc<Shared>> {
    post(move |State(shared): App, headers: HeaderMap, bytes: Body| async move {
        shared.demand(resource, "write")?;
        carry_out(&shared, &headers, of(body(bytes)?))
    })
}

/// `PATCH /v1/{resource}/{id}`
fn changes<T: DeserializeOwned + Send + 'static>(resource: Resource, of: fn(u32, Box<T>) -> Write) -> MethodRouter<Arc<Shared>> {
    patch(move |State(shared): App, Path(id): Path<String>, headers: HeaderMap, bytes: Body| async move {
        shared.demand(resource, "write")?;
        carry_out(&shared, &headers, of(number(resource, &id)?, body(bytes)?))
    })
}

/// `POST /v1/{resource}/{id}/{verb}`, whose body may be left out.
fn does<T: DeserializeOwned + Default + Send + 'static>(resource: Resource, of: fn(u32, Box<T>) -> Write) -> MethodRouter<Arc<Shared>> {
    post(move |State(shared): App, Path(id): Path<String>, headers: HeaderMap, bytes: Body| async move {
        shared.demand(resource, "write")?;
        let is_empty = bytes.as_ref().is_ok_and(Bytes::is_empty);
        let input = if is_empty { Box::default() } else { body(bytes)? };
        carry_out(&shared, &headers, of(number(resource, &id)?, input))
    })
}

/// The number in an identifier; whether there is such a row is for the rules to say.
fn number(resource: Resource, id: &str) -> Result<u32, Refusal> {
    resource.number(id).ok_or_else(|| missing(resource, id))
}

fn carry_out(shared: &Shared, headers: &HeaderMap, asked: Write) -> Answer {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 128) {
        return Err(Refusal::Malformed("An idempotency key has 1 to 128 characters".to_owned()));
    }
    let (removes, makes) = (matches!(asked, Write::Delete { .. }), asked.makes());
    let mut world = write(&shared.world);
    let ((resource, number), is_new) = world.carry_out(key, asked, (shared.now)())?;
    let mut response = match (removes, makes && is_new) {
        (true, _) => StatusCode::NO_CONTENT.into_response(),
        (false, true) => row(&world, resource, number, StatusCode::CREATED)?,
        (false, false) => row(&world, resource, number, StatusCode::OK)?,
    };
    if !is_new {
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// What was done under a key, with the row as it is now.
#[derive(Serialize)]
struct Told<'a, T> {
    key: &'a str,
    action: &'static str,
    id: String,
    at: Instant,
    /// Null where the row has been deleted since.
    row: Option<T>,
}

async fn done(State(shared): App, Path(key): Path<String>) -> Answer {
    let world = read(&shared.world);
    let Some(done) = world.keys.get(&key) else { return Err(Refusal::UnknownKey(key)) };
    let (resource, number) = done.row;
    shared.demand(resource, "read")?;
    with_table!(world, resource, table => {
        json(StatusCode::OK, &Told { key: &key, action: done.action, id: resource.id(number), at: done.at, row: table.get(number) })
    })
}
