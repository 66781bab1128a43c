//! The bodies that writes come with. A field that is not known is refused, since a client that misspells one should be
//! told. They are written to the journal as they came.

use serde::{Deserialize, Serialize};

use super::wire::Address;
use crate::record::{Instant, Money, Quantity};

/// The body of `POST /v1/orders`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder {
    pub number: Option<String>,
    pub reference: Option<String>,
    pub client_id: Option<String>,
    pub warehouse_id: Option<String>,
    pub shipping_method_id: Option<String>,
    pub kind: Option<String>,
    pub ship_to: Option<Address>,
    pub ship_by: Option<Instant>,
    pub currency: Option<String>,
    pub channel: Option<String>,
    pub gift_message: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub lines: Vec<NewLine>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLine {
    pub product_id: Option<String>,
    pub sku: Option<String>,
    pub qty: Quantity,
    pub unit_price: Option<Money>,
}

/// The body of `PATCH /v1/products/{id}`: what is absent stays, null clears.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProductChange {
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub sku: Option<Option<String>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub title: Option<Option<String>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub barcode: Option<Option<String>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub price: Option<Option<Money>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub archived: Option<Option<bool>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub origin_country: Option<Option<String>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub hs_code: Option<Option<String>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub storage: Option<Option<String>>,
}

/// Tells null from absent: a field that is there is `Some`, whatever it holds.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(input).map(Some)
}
