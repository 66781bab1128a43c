//! The rows that are read of each Odoo model, and Odoo's way of writing values.
//!
//! Odoo writes `false` for everything that is empty, `[id, "name"]` for a link to one row, a list of ids for links to
//! several, and moments in UTC without a zone. A field that was not asked for, since its module is not installed, is empty.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::record::{Instant, Link, Money, Quantity};

/// A kind of row.
pub(super) trait Row: DeserializeOwned {
    /// The Odoo model.
    const MODEL: &'static str;
    /// The fields that are asked for, where they exist.
    const FIELDS: &'static [&'static str];

    /// A row as it came.
    ///
    /// # Errors
    /// Which field is not of its type.
    fn of(row: &Value) -> Result<Self, String> {
        serde_path_to_error::deserialize(row).map_err(|e| format!("{} of {}: {}", e.path(), Self::MODEL, e.inner()))
    }
}

/// Declares rows: `Name = "model" { field: Type, … }` makes the struct and its [`Row`].
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident = $model:literal { $($field:ident: $type:ty),* $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(default)]
        pub(super) struct $name {
            pub id: i64,
            $(#[serde(deserialize_with = "field")] pub $field: $type,)*
        }

        impl Row for $name {
            const MODEL: &'static str = $model;
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        }
    )+};
}

rows! {
    /// A building.
    WarehouseRow = "stock.warehouse" {
        name: Option<String>, code: Option<String>, active: bool, partner_id: Option<Many2one>, company_id: Option<Many2one>,
        reception_steps: Option<String>, delivery_steps: Option<String>, create_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// A place that holds stock.
    LocationRow = "stock.location" {
        name: Option<String>, complete_name: Option<String>, barcode: Option<String>, usage: Option<String>, active: bool,
        location_id: Option<Many2one>, warehouse_id: Option<Many2one>, company_id: Option<Many2one>,
        create_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// A delivery method.
    CarrierRow = "delivery.carrier" {
        name: Option<String>, active: bool, delivery_type: Option<String>, product_id: Option<Many2one>, company_id: Option<Many2one>,
        create_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// A person or company that owns stock.
    PartnerRow = "res.partner" {
        name: Option<String>, is_company: bool, active: bool, r#ref: Option<String>, phone: Option<String>, email: Option<String>,
        create_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// A partner as an address. Without its dates: it is part of other records, which do not change when something else
    /// is noted on the partner.
    AddressRow = "res.partner" {
        name: Option<String>, is_company: bool, commercial_company_name: Option<String>, street: Option<String>,
        street2: Option<String>, city: Option<String>, zip: Option<String>, state_id: Option<Many2one>,
        country_id: Option<Many2one>, country_code: Option<String>, phone: Option<String>, email: Option<String>,
    }
    /// A country.
    CountryRow = "res.country" { code: Option<String>, name: Option<String> }
    /// A product variant: what has a SKU.
    ProductRow = "product.product" {
        default_code: Option<String>, barcode: Option<String>, name: Option<String>, display_name: Option<String>, active: bool,
        is_storable: bool, tracking: Option<String>, sale_ok: bool, weight: Option<Quantity>,
        weight_uom_name: Option<String>, volume: Option<Quantity>, volume_uom_name: Option<String>, lst_price: Option<Amount>,
        standard_price: Option<Amount>, uom_id: Option<Many2one>, categ_id: Option<Many2one>, product_tmpl_id: Option<Many2one>,
        hs_code: Option<String>, country_of_origin: Option<Many2one>, seller_ids: Vec<i64>, company_id: Option<Many2one>,
        create_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// What a supplier asks for a product.
    SellerRow = "product.supplierinfo" {
        partner_id: Option<Many2one>, product_code: Option<String>, price: Option<Amount>, currency_id: Option<Many2one>,
        min_qty: Option<Quantity>, sequence: Option<i64>, product_id: Option<Many2one>, product_tmpl_id: Option<Many2one>,
    }
    /// The stock of a product in one location, lot, package and owner.
    QuantRow = "stock.quant" {
        product_id: Option<Many2one>, location_id: Option<Many2one>, warehouse_id: Option<Many2one>, lot_id: Option<Many2one>,
        package_id: Option<Many2one>, owner_id: Option<Many2one>, quantity: Option<Quantity>, reserved_quantity: Option<Quantity>,
        expiration_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// A sales order.
    OrderRow = "sale.order" {
        name: Option<String>, state: Option<String>, delivery_status: Option<String>, client_order_ref: Option<String>,
        origin: Option<String>, partner_id: Option<Many2one>, partner_shipping_id: Option<Many2one>, warehouse_id: Option<Many2one>,
        carrier_id: Option<Many2one>, team_id: Option<Many2one>, tag_ids: Vec<i64>, company_id: Option<Many2one>,
        currency_id: Option<Many2one>, amount_total: Option<Amount>, amount_tax: Option<Amount>, amount_untaxed: Option<Amount>,
        date_order: Option<Stamp>, commitment_date: Option<Stamp>, picking_policy: Option<String>, incoterm: Option<Many2one>,
        note: Option<String>, locked: bool,
        create_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// A line of a sales order.
    OrderLineRow = "sale.order.line" {
        order_id: Option<Many2one>, product_id: Option<Many2one>, name: Option<String>, display_type: Option<String>, is_delivery: bool,
        is_downpayment: bool, product_uom_qty: Option<Quantity>, product_uom_id: Option<Many2one>, qty_delivered: Option<Quantity>,
        price_unit: Option<Amount>, discount: Option<f64>, price_total: Option<Amount>, write_date: Option<Stamp>,
    }
    /// A label on sales orders.
    TagRow = "crm.tag" { name: Option<String> }
    /// A transfer: a receipt, a delivery, a return, or a step inside the warehouse.
    PickingRow = "stock.picking" {
        name: Option<String>, state: Option<String>, origin: Option<String>, picking_type_id: Option<Many2one>,
        picking_type_code: Option<String>, partner_id: Option<Many2one>, owner_id: Option<Many2one>, sale_id: Option<Many2one>,
        purchase_id: Option<Many2one>, return_id: Option<Many2one>, backorder_id: Option<Many2one>, location_id: Option<Many2one>,
        location_dest_id: Option<Many2one>, scheduled_date: Option<Stamp>, date_deadline: Option<Stamp>, date_done: Option<Stamp>,
        carrier_id: Option<Many2one>, delivery_type: Option<String>, carrier_tracking_ref: Option<String>,
        carrier_tracking_url: Option<String>, carrier_price: Option<Amount>, shipping_weight: Option<Quantity>,
        weight_uom_name: Option<String>, note: Option<String>, priority: Option<String>, company_id: Option<Many2one>,
        create_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// What a transfer is to move of one product.
    MoveRow = "stock.move" {
        picking_id: Option<Many2one>, product_id: Option<Many2one>, state: Option<String>, product_uom_qty: Option<Quantity>,
        product_qty: Option<Quantity>, quantity: Option<Quantity>, product_uom: Option<Many2one>, picked: bool,
        price_unit: Option<Amount>, sale_line_id: Option<Many2one>, purchase_line_id: Option<Many2one>, location_id: Option<Many2one>,
        location_dest_id: Option<Many2one>, location_final_id: Option<Many2one>, write_date: Option<Stamp>,
    }
    /// What a transfer has taken, or is to take, from one location, lot and package.
    MoveLineRow = "stock.move.line" {
        picking_id: Option<Many2one>, move_id: Option<Many2one>, product_id: Option<Many2one>, quantity_product_uom: Option<Quantity>,
        picked: bool, state: Option<String>, lot_id: Option<Many2one>, lot_name: Option<String>, expiration_date: Option<Stamp>,
        result_package_id: Option<Many2one>, owner_id: Option<Many2one>, location_id: Option<Many2one>,
        location_dest_id: Option<Many2one>, location_dest_usage: Option<String>, write_date: Option<Stamp>,
    }
    /// A parcel or pallet.
    PackageRow = "stock.package" {
        name: Option<String>, package_type_id: Option<Many2one>, shipping_weight: Option<Quantity>, weight_uom_name: Option<String>,
    }
    /// A kind of transfer of one warehouse.
    PickingTypeRow = "stock.picking.type" {
        warehouse_id: Option<Many2one>, code: Option<String>, default_location_src_id: Option<Many2one>,
        default_location_dest_id: Option<Many2one>, create_backorder: Option<String>,
    }
    /// Where a building keeps its stock, and how it receives.
    StockPlacesRow = "stock.warehouse" {
        active: bool, lot_stock_id: Option<Many2one>, in_type_id: Option<Many2one>, company_id: Option<Many2one>,
    }
    /// Whether lots of a product expire.
    ExpiringRow = "product.product" { use_expiration_date: bool }
    /// A lot or serial number.
    LotRow = "stock.lot" { name: Option<String>, expiration_date: Option<Stamp> }
    /// The stock of one place as it is being counted.
    CountRow = "stock.quant" { quantity: Option<Quantity>, inventory_quantity_set: bool, inventory_diff_quantity: Option<Quantity> }
    /// What an adjustment of the stock has moved.
    AdjustmentRow = "stock.move" { inventory_name: Option<String>, product_qty: Option<Quantity> }
    /// A move that brings back what another has delivered.
    ReturnedRow = "stock.move" { origin_returned_move_id: Option<Many2one>, product_qty: Option<Quantity>, state: Option<String> }
    /// A purchase order.
    PurchaseRow = "purchase.order" { name: Option<String>, state: Option<String> }
    /// A message in the log of some record.
    MessageRow = "mail.message" { model: Option<String>, res_id: Option<i64>, message_id: Option<String> }
}

/// A link to one row: its id and what Odoo calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Many2one {
    pub id: i64,
    pub name: Option<String>,
}

impl Many2one {
    /// A pointer to the record that it links to.
    pub fn link<T>(&self) -> Link<T> {
        Link::to(self.id.to_string())
    }
}

impl<'de> Deserialize<'de> for Many2one {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let (id, name) = <(i64, Value)>::deserialize(input)?;
        Ok(Self { id, name: name.as_str().map(str::to_owned) })
    }
}

/// The id that a many2one field holds, of a row that has not been read further.
pub(super) fn linked(row: &Value, field: &str) -> Option<i64> {
    row.get(field)?.get(0)?.as_i64()
}

/// The ids that a many2one field of some rows holds.
pub(super) fn links(rows: &[Value], field: &str) -> Vec<i64> {
    rows.iter().filter_map(|row| linked(row, field)).collect()
}

/// The ids that a list field of some rows holds.
pub(super) fn listed(rows: &[Value], field: &str) -> Vec<i64> {
    rows.iter().filter_map(|row| row.get(field)?.as_array()).flatten().filter_map(Value::as_i64).collect()
}

/// A moment as Odoo writes it: `2026-11-23 12:10:33`, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(pub Instant);

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let instant = text.split_once(' ').and_then(|(day, time)| format!("{day}T{time}Z").parse().ok());
        instant.map(Self).ok_or_else(|| D::Error::custom(format!("{text:?} is not a moment such as \"2026-11-23 12:10:33\"")))
    }
}

/// An amount of money, which Odoo writes as a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount(pub Money);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(input)?;
        Money::from_f64(number).map(Self).ok_or_else(|| D::Error::custom(format!("{number} is too large an amount")))
    }
}

/// The moment of an optional stamp.
pub(super) fn at(stamp: Option<Stamp>) -> Option<Instant> {
    stamp.map(|stamp| stamp.0)
}

/// The amount of an optional amount.
pub(super) fn money(amount: Option<Amount>) -> Option<Money> {
    amount.map(|amount| amount.0)
}

/// A type of field: what it makes of Odoo's `false`.
trait Field: Sized {
    fn of(value: Value) -> Result<Self, serde_json::Error>;
}

impl<T: DeserializeOwned> Field for Option<T> {
    fn of(value: Value) -> Result<Self, serde_json::Error> {
        match value {
            Value::Null | Value::Bool(false) => Ok(None),
            Value::String(text) if text.is_empty() => Ok(None),
            value => T::deserialize(value).map(Some),
        }
    }
}

impl Field for bool {
    fn of(value: Value) -> Result<Self, serde_json::Error> {
        if value.is_null() { Ok(false) } else { Self::deserialize(value) }
    }
}

impl Field for Vec<i64> {
    fn of(value: Value) -> Result<Self, serde_json::Error> {
        if value == Value::Bool(false) { Ok(Self::new()) } else { Self::deserialize(value) }
    }
}

fn field<'de, D: Deserializer<'de>, T: Field>(input: D) -> Result<T, D::Error> {
    T::of(Value::deserialize(input)?).map_err(D::Error::custom)
}
