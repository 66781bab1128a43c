//! Orders: `sale.sale` with its lines, where it goes, and the shipments that carry it out (`stock.shipment.out`).
//!
//! A sale that only takes goods back (every line negative) is no order; what it brings is a return. Drafts and quotations are orders
//! that are not released yet.
//!
//! Tryton touches a sale only for its own columns. A line, an address, a tracking number and what was packed are rows below it, and
//! all of them count as the order having changed. A product that was given another SKU does not: the order still asks for the same product.

use serde_json::{Value, json};

use super::Tryton;
use super::client::Listing;
use super::party::{address, carrier};
use super::rows::{MoveRow, PackageRow, Row, SaleLineRow, SaleRow, ShipmentRow, at, link, money, on};
use super::transfer::{Sizes, in_own_unit, item, latest, per_own_unit, sku};
use crate::record::{
    Json, List, Money, Order, OrderDelivery, OrderLineItem, OrderStatus, OrderTotals, Package, PackageLineItem, Shipment, ShipmentLineItem,
    ShipmentStatus, Source,
};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["OR", ["lines.quantity", ">=", 0], ["lines", "=", null]])],
    changed: &[
        "",
        "lines",
        "shipment_address",
        "shipment_address.party",
        "shipment_address.party.contact_mechanisms",
        "lines.moves",
        "shipments",
        "shipments.packages",
        "shipments.delivery_address",
    ],
    page: 100,
    windowed: true,
};

impl Pull<Order> for Tryton {
    const FIELDS: &'static [&'static str] = &[
        "warehouseCustomer",
        "warehouse",
        "orderNumber",
        "referenceId",
        "status",
        "rawStatus",
        "shippingMethod",
        "totalPrice",
        "shipTo",
        "requiredShipDate",
        "lineItems.product",
        "lineItems.sku",
        "lineItems.name",
        "lineItems.quantity",
        "lineItems.unitPrice",
        "lineItems.isPicked",
        "shipments.id",
        "shipments.status",
        "shipments.rawStatus",
        "shipments.shippedAt",
        "shipments.warehouse",
        "shipments.shipTo",
        "shipments.lineItems",
        "shipments.packages",
        "currencyCode",
        "totalTax",
        "totalShipping",
        "shippingMethodName",
        "carrier",
    ];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<Order>, Error> {
        let rows = self.list::<SaleRow>(&LISTING, scope, checkpoint).await?;
        Ok(rows.page(|row| map(self, row)))
    }
}

impl Tryton {
    /// One order, through the same mapping as the listing.
    pub(super) async fn order(&self, id: i64) -> Result<Order, Error> {
        self.one::<SaleRow, _>(id, |row| map(self, row)).await
    }
}

impl ShipmentRow {
    fn is(&self, states: &[&str]) -> bool {
        self.state.as_deref().is_some_and(|state| states.contains(&state))
    }

    /// Whether it has left. Between `shipped` and `done` only Tryton's books differ.
    pub fn has_left(&self) -> bool {
        self.is(&["shipped", "done"])
    }

    /// Whether all of it has been taken from the shelves.
    fn is_picked(&self) -> bool {
        self.is(&["picked", "packed"]) || self.has_left()
    }
}

fn map(tryton: &Tryton, raw: &Value) -> Result<Order, String> {
    let row = SaleRow::of(raw)?;
    let mut lines: Vec<&SaleLineRow> = row.lines.iter().collect();
    lines.sort_by_key(|line| (line.sequence, line.id));
    let mut shipments: Vec<&ShipmentRow> = row.shipments.iter().collect();
    shipments.sort_by_key(|shipment| shipment.id);
    let (status, raw_status) = status(&row, &shipments);
    let moves = shipments.iter().flat_map(|shipment| &shipment.outgoing_moves).map(|row| row.write_date);
    let updated = latest(
        std::iter::once(row.write_date)
            .chain(lines.iter().map(|line| line.write_date))
            .chain(shipments.iter().map(|shipment| shipment.write_date))
            .chain(moves),
    );
    let additional = json!({
        "customer": row.party.as_ref().map(|party| json!({ "id": party.id.to_string(), "code": party.code, "name": party.name })),
        "description": row.description, "comment": row.comment, "orderedAt": on(row.sale_date), "invoiceState": row.invoice_state,
    });
    let method = row.carrier.as_ref();
    let goods = lines.iter().filter(|line| is_goods(line));
    Ok(Order {
        warehouse_customer: link(row.party.as_ref().map(|party| party.id)),
        warehouse: link(row.warehouse),
        // A sale is given its number when it is quoted.
        order_number: row.number.clone().unwrap_or_else(|| format!("({})", row.id)),
        reference_id: row.reference.clone(),
        status,
        raw_status,
        order_type: None,
        channel: None,
        shipping_method: link(method.map(|method| method.id)),
        total_price: money(row.total_amount),
        ship_to: address(row.shipment_address.clone()),
        required_ship_date: on(row.shipping_date),
        source_tags: List::default(),
        line_items: goods.map(|line| line_item(line, &shipments)).collect(),
        shipments: shipments.iter().map(|row| shipment(row)).collect(),
        totals: OrderTotals {
            currency_code: row.currency.as_ref().and_then(|currency| currency.code.clone()),
            total_tax: money(row.tax_amount),
            total_discount: None,
            total_shipping: sum(lines.iter().filter(|line| line.shipment_cost.is_some()).filter_map(|line| money(line.amount))),
        },
        delivery: OrderDelivery {
            shipping_method_name: method.and_then(|method| method.rec_name.clone()),
            carrier: carrier(method.and_then(|method| method.party.as_ref())),
            ..OrderDelivery::default()
        },
        source: Source { additional_fields: Some(Json::of(&additional)), ..tryton.source::<SaleRow>(row.id, at(row.create_date), updated, raw) },
    })
}

fn sum(amounts: impl Iterator<Item = Money>) -> Option<Money> {
    amounts.map(Money::micros).reduce(i64::saturating_add).map(Money::from_micros)
}

/// Where an order stands: its own state until it is released, its shipments' afterwards. A sale stays `processing` until its
/// last invoice is paid, and when all its shipments are cancelled, Tryton waits for somebody to say what is to become of it.
fn status(row: &SaleRow, shipments: &[&ShipmentRow]) -> (OrderStatus, Option<String>) {
    let state = row.state.as_deref().unwrap_or_default();
    let shipping = row.shipment_state.as_deref();
    let real: Vec<&&ShipmentRow> = shipments.iter().filter(|shipment| !shipment.is(&["cancelled"])).collect();
    let left = real.iter().filter(|shipment| shipment.has_left()).count();
    let all = |states: &[&str]| !real.is_empty() && real.iter().all(|shipment| shipment.has_left() || shipment.is(states));
    let status = match (state, shipping) {
        ("draft" | "quotation", _) => OrderStatus::Open,
        ("confirmed", _) => OrderStatus::Confirmed,
        ("cancelled", _) => OrderStatus::Cancelled,
        ("done", _) => OrderStatus::Fulfilled,
        ("processing", _) if !shipments.is_empty() && real.is_empty() => OrderStatus::Cancelled,
        ("processing", Some("exception")) => OrderStatus::Exception,
        ("processing", Some("partially shipped")) => OrderStatus::PartiallyFulfilled,
        ("processing", _) if left > 0 && left == real.len() => OrderStatus::Fulfilled,
        ("processing", _) if left > 0 => OrderStatus::PartiallyFulfilled,
        ("processing", _) if all(&["packed"]) => OrderStatus::Packed,
        ("processing", _) if all(&["packed", "picked"]) => OrderStatus::Picked,
        ("processing", _) if real.iter().any(|shipment| shipment.is(&["assigned", "picked", "packed"])) => OrderStatus::Processing,
        ("processing", Some("sent")) => OrderStatus::Fulfilled,
        ("processing", _) => OrderStatus::Confirmed,
        _ => OrderStatus::Other,
    };
    let shown = shipping.filter(|_| state == "processing").map_or_else(|| state.to_owned(), |shipping| format!("{state}/{shipping}"));
    (status, Some(shown))
}

/// Titles, comments and subtotals are text, and what is charged for the carriage is money.
fn is_goods(line: &SaleLineRow) -> bool {
    line.r#type.as_deref() == Some("line") && line.shipment_cost.is_none()
}

fn line_item(line: &SaleLineRow, shipments: &[&ShipmentRow]) -> OrderLineItem {
    let of_line = |row: &&MoveRow| row.origin.as_ref().and_then(|origin| origin.to(SaleLineRow::MODEL)) == Some(line.id) && !row.is_cancelled();
    let mut picked =
        shipments.iter().filter(|shipment| shipment.outgoing_moves.iter().any(|row| of_line(&row))).map(|shipment| shipment.is_picked()).peekable();
    OrderLineItem {
        product: link(line.product.as_ref().map(|product| product.id)),
        sku: sku(line.product.as_ref()),
        name: line.description.clone().or_else(|| line.product.as_ref()?.name.clone()),
        quantity: in_own_unit(line.quantity, line.unit.as_ref(), line.product.as_ref()),
        unit_price: per_own_unit(line.unit_price, line.unit.as_ref(), line.product.as_ref()),
        discount_amount: None,
        is_picked: picked.peek().is_some().then(|| picked.all(|picked| picked)),
    }
}

fn shipment(row: &ShipmentRow) -> Shipment {
    let status = match row.state.as_deref() {
        Some("shipped" | "done") => ShipmentStatus::Shipped,
        Some("cancelled") => ShipmentStatus::Cancelled,
        Some("draft" | "waiting" | "assigned" | "picked" | "packed") => ShipmentStatus::Open,
        _ => ShipmentStatus::Other,
    };
    let mut moves: Vec<&MoveRow> = row.outgoing_moves.iter().filter(|row| status == ShipmentStatus::Cancelled || !row.is_cancelled()).collect();
    moves.sort_by_key(|row| row.id);
    let line = |row: &&MoveRow| ShipmentLineItem {
        inventory_item: item(row.product.as_ref()),
        sku: sku(row.product.as_ref()),
        quantity: row.moved(),
        parent_product: None,
    };
    Shipment {
        id: row.id.to_string(),
        status,
        raw_status: row.state.clone(),
        shipped_at: on(row.effective_date).filter(|_| status == ShipmentStatus::Shipped),
        warehouse: link(row.warehouse),
        ship_to: address(row.delivery_address.clone()),
        ship_from: None,
        line_items: moves.iter().map(line).collect(),
        packages: packages(row, &moves),
    }
}

/// The parcels that the goods were put in, those inside a pallet too. What was put in none stands as one parcel of the shipment
/// itself, once there is something to say of it: it has left, or has a tracking number.
fn packages(row: &ShipmentRow, moves: &[&MoveRow]) -> List<Package> {
    let mut parcels: Vec<&PackageRow> = row.packages.iter().collect();
    parcels.sort_by_key(|parcel| parcel.id);
    let mut packages: Vec<Package> = parcels.iter().map(|parcel| package(row, Some(parcel), moves)).collect();
    let loose = moves.iter().any(|row| row.package.is_none());
    if (row.has_left() && loose) || (row.reference.is_some() && (loose || parcels.is_empty())) {
        packages.push(package(row, None, moves));
    }
    // The price is the shipment's; on each of several parcels it would be counted more than once.
    if let [only] = packages.as_mut_slice() {
        only.shipping_cost = money(row.cost_used).filter(|cost| *cost != Money::default());
    }
    List(packages)
}

fn package(row: &ShipmentRow, parcel: Option<&PackageRow>, moves: &[&MoveRow]) -> Package {
    let none = (None, None);
    let sizes = parcel.map_or(Sizes { length: none, width: none, height: none, weight: (row.weight, row.weight_uom.as_ref()) }, |parcel| Sizes {
        length: (parcel.length, parcel.length_uom.as_ref()),
        width: (parcel.width, parcel.width_uom.as_ref()),
        height: (parcel.height, parcel.height_uom.as_ref()),
        weight: (parcel.total_weight, parcel.weight_uom.as_ref()),
    });
    let of_parcel = |row: &&&MoveRow| row.package == parcel.map(|parcel| parcel.id);
    let line = |row: &&MoveRow| PackageLineItem {
        inventory_item: item(row.product.as_ref()),
        sku: sku(row.product.as_ref()),
        quantity: row.moved(),
        lot_id: row.lot.as_ref().and_then(|lot| lot.number.clone()),
        expires_at: row.lot.as_ref().and_then(|lot| on(lot.expiration_date)),
        parent_product: None,
    };
    Package {
        id: parcel.map_or_else(|| format!("shipment-{}", row.id), |parcel| parcel.id.to_string()),
        name: parcel.map_or_else(|| row.number.clone(), |parcel| parcel.number.clone()),
        // Carriers' modules keep a number with each parcel; people without them write it into the shipment's reference.
        tracking_number: parcel.and_then(|parcel| parcel.shipping_reference.clone()).or_else(|| row.reference.clone()),
        tracking_url: parcel.and_then(|parcel| parcel.shipping_tracking_url.clone()),
        shipping_method: link(row.carrier.as_ref().map(|method| method.id)),
        carrier: carrier(row.carrier.as_ref().and_then(|method| method.party.as_ref())),
        shipping_cost: None,
        measurements: sizes.measured(),
        line_items: moves.iter().filter(of_parcel).map(line).collect(),
    }
}
