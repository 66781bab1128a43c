//! The shapes that go over the wire, as this WMS's own protocol has them (see `../README.md`). The adapter does not use
//! them: it has its own view of the same JSON, as it would of any vendor's.
//!
//! Quantities are JSON numbers, money is a string in the unit of the currency, moments are RFC 3339 in UTC, days are
//! `YYYY-MM-DD`. A field without a value is sent as null.

use serde::{Deserialize, Serialize};

use super::base::Bill;
use crate::record::{Instant, Money, Quantity};

/// What every resource has.
pub(super) trait Row: Serialize + Clone + Send + Sync + 'static {
    /// When it, or anything inside it, was last changed.
    fn updated_at(&self) -> Instant;
}

macro_rules! rows {
    ($($row:ident)+) => {$(
        impl Row for $row {
            fn updated_at(&self) -> Instant {
                self.updated_at
            }
        }
    )+};
}
rows!(Warehouse Location Client Method Inventory Product Order Asn Rma);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Address {
    pub name: Option<String>,
    pub company: Option<String>,
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub zip: Option<String>,
    pub country: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Warehouse {
    pub id: String,
    pub code: String,
    pub name: String,
    pub open: bool,
    pub timezone: String,
    pub address: Address,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Location {
    pub id: String,
    pub label: String,
    pub warehouse_id: String,
    /// `dock`, `zone`, `bin` or `pallet_rack`.
    pub kind: String,
    pub parent_id: Option<String>,
    pub pickable: bool,
    pub dims: Option<Dims>,
    pub max_load: Option<Weight>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Dims {
    pub l: Quantity,
    pub w: Quantity,
    pub h: Quantity,
    /// `cm` or `in`.
    pub unit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Weight {
    pub value: Quantity,
    /// `g`, `kg`, `oz` or `lb`.
    pub unit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Client {
    pub id: String,
    pub code: String,
    pub name: String,
    pub email: Option<String>,
    pub contract: String,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// A carrier, a sales channel or a vendor: what is only named.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Named {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Carrier {
    pub id: String,
    pub name: String,
    pub scac: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Method {
    pub id: String,
    pub label: String,
    pub carrier: Option<Carrier>,
    pub service: String,
    pub transit_days: Option<[u32; 2]>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Inventory {
    pub id: String,
    pub client_id: String,
    pub sku: String,
    pub title: String,
    pub discontinued: bool,
    /// `pcs`, `kg` or `m`.
    pub uom: &'static str,
    pub cost: Option<Money>,
    pub dims: Option<Dims>,
    pub weight: Option<Weight>,
    pub substitutes: Vec<String>,
    /// Whether each piece belongs to a lot.
    #[serde(skip)]
    pub has_lots: bool,
    pub totals: Amounts,
    pub stock: Vec<Stock>,
    pub lots: Vec<Lot>,
    pub bins: Vec<Bin>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// `physical = allocated + free + blocked`, always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Amounts {
    pub physical: Quantity,
    pub allocated: Quantity,
    pub free: Quantity,
    pub blocked: Quantity,
    pub incoming: Quantity,
    /// What shops are told: `free` less a safety stock, nothing in a closed warehouse.
    pub offered: Quantity,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Stock {
    pub warehouse_id: String,
    #[serde(flatten)]
    pub amounts: Amounts,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Lot {
    pub lot: String,
    pub warehouse_id: String,
    pub qty: Quantity,
    pub expires_on: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Bin {
    pub location_id: String,
    pub warehouse_id: String,
    pub qty: Quantity,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Product {
    pub id: String,
    pub client_id: String,
    pub sku: Option<String>,
    pub title: String,
    pub barcode: Option<String>,
    pub price: Option<Money>,
    /// `simple` or `kit`.
    pub kind: &'static str,
    pub archived: bool,
    pub origin_country: Option<String>,
    pub hs_code: Option<String>,
    pub storage: Option<String>,
    pub vendor: Option<Named>,
    pub vendor_items: Vec<VendorItem>,
    pub bill_of_materials: Vec<Component>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct VendorItem {
    pub vendor: Named,
    pub vendor_sku: Option<String>,
    pub cost: Option<Money>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Component {
    pub inventory_id: String,
    pub sku: String,
    pub qty: Quantity,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Order {
    pub id: String,
    pub number: String,
    pub reference: Option<String>,
    pub client_id: String,
    pub warehouse_id: Option<String>,
    pub status: &'static str,
    pub hold_reason: Option<String>,
    /// `d2c`, `wholesale`, `dropship` or `transfer`.
    pub kind: String,
    pub channel: Option<Named>,
    pub trading_partner: Option<String>,
    pub ship_by: Option<Instant>,
    pub shipping: Shipping,
    pub ship_to: Address,
    pub amounts: OrderAmounts,
    pub tags: Vec<String>,
    pub gift_message: Option<String>,
    pub lines: Vec<OrderLine>,
    pub shipments: Vec<Shipment>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Shipping {
    pub method_id: Option<String>,
    pub method_name: Option<String>,
    pub carrier: Option<Carrier>,
    pub service: Option<String>,
    pub saturday: bool,
    pub signature: bool,
    /// `DDP` (the sender pays duties), `DAP` (the recipient does), `3RD`, or null within one customs area.
    pub duties: Option<&'static str>,
    /// `seller` or `third_party`.
    pub freight_payer: &'static str,
    pub freight_account: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct OrderAmounts {
    pub currency: String,
    pub goods: Money,
    pub discount: Money,
    pub shipping: Money,
    pub tax: Money,
    pub grand_total: Money,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct OrderLine {
    pub id: String,
    pub product_id: String,
    pub sku: Option<String>,
    pub title: String,
    pub qty: Quantity,
    pub qty_picked: Quantity,
    pub qty_shipped: Quantity,
    pub unit_price: Option<Money>,
    pub discount: Money,
    /// What one of it takes from stock, as it was when the line was made.
    #[serde(skip)]
    pub bill: Bill,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Shipment {
    pub id: String,
    /// `staged`, `shipped` or `voided`.
    pub state: &'static str,
    pub shipped_at: Option<Instant>,
    pub warehouse_id: String,
    pub from: Address,
    pub to: Address,
    pub contents: Vec<ShipmentLine>,
    pub parcels: Vec<Parcel>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ShipmentLine {
    pub inventory_id: String,
    pub sku: String,
    pub qty: Quantity,
    pub kit_product_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Parcel {
    pub id: String,
    pub label: String,
    pub tracking_number: Option<String>,
    pub tracking_url: Option<String>,
    pub method_id: Option<String>,
    pub carrier: Option<Carrier>,
    pub cost: Option<Money>,
    pub dims: Option<Dims>,
    pub weight: Option<Weight>,
    pub contents: Vec<ParcelLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ParcelLine {
    pub inventory_id: String,
    pub sku: String,
    pub qty: Quantity,
    pub lot: Option<String>,
    pub expires_on: Option<String>,
    pub kit_product_id: Option<String>,
    /// What it weighs, in grams.
    #[serde(skip)]
    pub grams: Quantity,
}

/// An inbound shipment: an advance shipping notice, and what was booked in on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Asn {
    pub id: String,
    pub po_number: Option<String>,
    pub client_id: String,
    pub warehouse_id: String,
    pub state: &'static str,
    pub vendor: Option<Named>,
    pub eta: Option<Instant>,
    pub origin: Option<Address>,
    pub trackings: Vec<String>,
    pub comments: Vec<Comment>,
    pub container: Option<String>,
    pub items: Vec<AsnItem>,
    pub bookings: Vec<Booking>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Comment {
    pub author: Option<String>,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct AsnItem {
    pub inventory_id: String,
    pub sku: String,
    pub announced: Quantity,
    pub booked: Quantity,
    pub cost: Option<Money>,
    pub vendor_line: Option<String>,
}

impl AsnItem {
    /// What is still to come; more may have come than was announced.
    pub(super) fn left(&self) -> Quantity {
        (self.announced - self.booked).max(Quantity::ZERO)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Booking {
    pub id: String,
    pub booked_at: Instant,
    pub items: Vec<Counted>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Counted {
    pub inventory_id: String,
    pub sku: String,
    pub qty: Quantity,
}

/// A return.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Rma {
    pub id: String,
    pub order_id: Option<String>,
    pub client_id: String,
    pub state: &'static str,
    pub refund_requested: bool,
    pub comments: Vec<Comment>,
    pub items: Vec<RmaItem>,
    pub parcels: Vec<RmaParcel>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct RmaItem {
    pub inventory_id: String,
    pub sku: String,
    pub expected: Quantity,
    pub received: Quantity,
    pub restocked: Quantity,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct RmaParcel {
    pub tracking_number: Option<String>,
    pub carrier: Option<Carrier>,
    pub sent_at: Option<Instant>,
    pub arrived_at: Option<Instant>,
    pub warehouse_id: String,
    pub cost: Option<Money>,
    pub dims: Option<Dims>,
    pub weight: Option<Weight>,
    pub contents: Vec<RmaContent>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct RmaContent {
    pub inventory_id: String,
    pub sku: String,
    pub qty: Quantity,
    pub inspections: Vec<Inspection>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Inspection {
    pub qty: Quantity,
    pub condition: String,
    pub disposition: String,
}
