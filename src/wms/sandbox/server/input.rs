//! The bodies that writes come with. A field that is not known is refused, since a client that misspells one should be
//! told. They are written to the journal as they came.

use serde::{Deserialize, Serialize};

use super::wire::Address;
use crate::record::{Instant, Money, Quantity};

/// A body all of whose fields may be left out.
macro_rules! body {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct $name {
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)+
        }
    };
}

/// The body of a `PATCH`: what is absent stays, null clears.
macro_rules! change {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct $name {
            $(
                #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
                pub $field: Option<Option<$type>>,
            )+
        }
    };
}

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
    pub saturday: Option<bool>,
    pub signature: Option<bool>,
    pub duties: Option<String>,
    pub freight_account: Option<String>,
    #[serde(default)]
    pub lines: Vec<NewLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLine {
    pub product_id: Option<String>,
    pub sku: Option<String>,
    pub qty: Quantity,
    pub unit_price: Option<Money>,
    pub discount: Option<Money>,
}

change! {
    /// The body of `PATCH /v1/orders/{id}`.
    OrderChange {
        reference: String,
        warehouse_id: String,
        shipping_method_id: String,
        kind: String,
        ship_to: Address,
        ship_by: Instant,
        saturday: bool,
        signature: bool,
        duties: String,
        freight_account: String,
        tags: Vec<String>,
        gift_message: String,
        lines: Vec<NewLine>,
    }
}

body! {
    /// The body of `POST …/cancel`.
    Cancellation { reason: String, }
}

body! {
    /// The body of `POST /v1/orders/{id}/ship`.
    NewShipment {
        shipped_at: Instant,
        warehouse_id: String,
        shipping_method_id: String,
        lines: Vec<ShippedLine>,
        parcels: Vec<NewParcel>,
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShippedLine {
    pub inventory_id: Option<String>,
    pub product_id: Option<String>,
    pub sku: Option<String>,
    pub qty: Quantity,
    pub lot: Option<String>,
}

body! {
    NewParcel {
        label: String,
        tracking_number: String,
        tracking_url: String,
        cost: Money,
        dims: NewDims,
        weight: NewWeight,
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDims {
    pub l: Quantity,
    pub w: Quantity,
    pub h: Quantity,
    pub unit: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWeight {
    pub value: Quantity,
    pub unit: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewComment {
    pub author: Option<String>,
    pub text: String,
}

/// The body of `POST /v1/asns`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAsn {
    pub po_number: Option<String>,
    pub client_id: Option<String>,
    pub warehouse_id: Option<String>,
    /// The vendor's name.
    pub vendor: Option<String>,
    pub eta: Option<Instant>,
    pub origin: Option<Address>,
    #[serde(default)]
    pub trackings: Vec<String>,
    #[serde(default)]
    pub comments: Vec<NewComment>,
    pub container: Option<String>,
    #[serde(default)]
    pub items: Vec<NewAsnItem>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAsnItem {
    pub inventory_id: Option<String>,
    pub sku: Option<String>,
    pub announced: Quantity,
    pub cost: Option<Money>,
    pub vendor_line: Option<String>,
}

change! {
    /// The body of `PATCH /v1/asns/{id}`.
    AsnChange {
        po_number: String,
        warehouse_id: String,
        vendor: String,
        eta: Instant,
        trackings: Vec<String>,
        comments: Vec<NewComment>,
        container: String,
        items: Vec<NewAsnItem>,
    }
}

body! {
    /// The body of `POST /v1/asns/{id}/receive`.
    NewReceipt {
        booked_at: Instant,
        items: Vec<ReceivedItem>,
        close: bool,
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceivedItem {
    pub inventory_id: Option<String>,
    pub sku: Option<String>,
    pub qty: Quantity,
    pub lot: Option<String>,
    pub expires_on: Option<String>,
    pub location_id: Option<String>,
}

/// The body of `POST /v1/rmas`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRma {
    pub order_id: Option<String>,
    pub client_id: Option<String>,
    pub warehouse_id: Option<String>,
    #[serde(default)]
    pub trackings: Vec<String>,
    #[serde(default)]
    pub comments: Vec<NewComment>,
    pub refund_requested: Option<bool>,
    pub items: Option<Vec<NewRmaItem>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRmaItem {
    pub inventory_id: Option<String>,
    pub sku: Option<String>,
    pub expected: Quantity,
    pub reason: Option<String>,
}

change! {
    /// The body of `PATCH /v1/rmas/{id}`.
    RmaChange {
        warehouse_id: String,
        trackings: Vec<String>,
        comments: Vec<NewComment>,
        refund_requested: bool,
        items: Vec<NewRmaItem>,
    }
}

body! {
    /// The body of `POST /v1/products`.
    NewProduct {
        client_id: String,
        sku: String,
        title: String,
        barcode: String,
        price: Money,
        origin_country: String,
        hs_code: String,
        storage: String,
        uom: String,
        lots: bool,
        dims: NewDims,
        weight: NewWeight,
        components: Vec<NewComponent>,
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewComponent {
    pub inventory_id: Option<String>,
    pub sku: Option<String>,
    pub qty: Quantity,
}

change! {
    /// The body of `PATCH /v1/products/{id}`.
    ProductChange {
        sku: String,
        title: String,
        barcode: String,
        price: Money,
        archived: bool,
        origin_country: String,
        hs_code: String,
        storage: String,
        dims: NewDims,
        weight: NewWeight,
        components: Vec<NewComponent>,
    }
}

body! {
    /// The body of `POST /v1/inventory/{id}/adjust`.
    Adjustment {
        warehouse_id: String,
        location_id: String,
        lot: String,
        expires_on: String,
        delta: Quantity,
        counted: Quantity,
        reason: String,
    }
}

/// Tells null from absent: a field that is there is `Some`, whatever it holds.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(input).map(Some)
}
