//! Orders and their shipments: `/v1/orders`. The sandbox's `updated_at` moves when a line or a shipment does.

use serde::Deserialize;
use serde_json::json;

use super::wire::{WireAddress, WireCarrier, WireDims, WireNamed, WireWeight, day, measurements};
use super::{Origin, Sandbox};
use crate::record::{
    Channel, DutyPayer, Instant, Link, Money, Order, OrderDelivery, OrderLineItem, OrderStatus, OrderTotals, OrderType, Package, PackageLineItem,
    Quantity, Shipment, ShipmentLineItem, ShipmentStatus,
};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

impl Pull<Order> for Sandbox {
    const FIELDS: &'static [&'static str] = &[
        "warehouseCustomer",
        "warehouse",
        "orderNumber",
        "referenceId",
        "status",
        "rawStatus",
        "type",
        "channel",
        "shippingMethod",
        "totalPrice",
        "shipTo",
        "requiredShipDate",
        "sourceTags",
        "lineItems",
        "shipments",
        "currencyCode",
        "totalTax",
        "totalDiscount",
        "totalShipping",
        "tradingPartner",
        "serviceLevel",
        "shippingMethodName",
        "carrier",
        "thirdPartyFreightAccountNumber",
        "firstPartyFreightAccountNumber",
        "isThirdPartyFreight",
        "saturdayDelivery",
        "signatureRequired",
        "dutyPaidBy",
        "sourceCreatedAt",
        "sourceUpdatedAt",
        "sourceUrl",
        "additionalFields",
    ];

    async fn pull(&self, scope: &Scope, from: Option<&Checkpoint>) -> Result<Page<Order>, Error> {
        self.list(scope, from, unified).await
    }
}

#[derive(Deserialize)]
pub(super) struct Wire {
    id: String,
    number: String,
    reference: Option<String>,
    client_id: Option<String>,
    warehouse_id: Option<String>,
    status: String,
    hold_reason: Option<String>,
    kind: Option<String>,
    channel: Option<WireNamed>,
    trading_partner: Option<String>,
    ship_by: Option<Instant>,
    shipping: Shipping,
    ship_to: Option<WireAddress>,
    amounts: Amounts,
    #[serde(default)]
    tags: Vec<String>,
    gift_message: Option<String>,
    lines: Vec<Line>,
    #[serde(default)]
    shipments: Vec<WireShipment>,
    created_at: Option<Instant>,
    updated_at: Option<Instant>,
}

#[derive(Deserialize)]
struct Shipping {
    method_id: Option<String>,
    method_name: Option<String>,
    carrier: Option<WireCarrier>,
    service: Option<String>,
    saturday: Option<bool>,
    signature: Option<bool>,
    duties: Option<String>,
    freight_payer: Option<String>,
    freight_account: Option<String>,
}

#[derive(Deserialize)]
struct Amounts {
    currency: Option<String>,
    discount: Option<Money>,
    shipping: Option<Money>,
    tax: Option<Money>,
    grand_total: Option<Money>,
}

#[derive(Deserialize)]
struct Line {
    product_id: Option<String>,
    sku: Option<String>,
    title: Option<String>,
    qty: Quantity,
    qty_picked: Option<Quantity>,
    unit_price: Option<Money>,
    discount: Option<Money>,
}

#[derive(Deserialize)]
struct WireShipment {
    id: String,
    state: String,
    shipped_at: Option<Instant>,
    warehouse_id: Option<String>,
    from: Option<WireAddress>,
    to: Option<WireAddress>,
    contents: Vec<ShipmentLine>,
    parcels: Vec<Parcel>,
}

#[derive(Deserialize)]
struct ShipmentLine {
    inventory_id: String,
    sku: Option<String>,
    qty: Quantity,
    kit_product_id: Option<String>,
}

#[derive(Deserialize)]
struct Parcel {
    id: String,
    label: Option<String>,
    tracking_number: Option<String>,
    tracking_url: Option<String>,
    method_id: Option<String>,
    carrier: Option<WireCarrier>,
    cost: Option<Money>,
    dims: Option<WireDims>,
    weight: Option<WireWeight>,
    contents: Vec<ParcelLine>,
}

#[derive(Deserialize)]
struct ParcelLine {
    inventory_id: String,
    sku: Option<String>,
    qty: Quantity,
    lot: Option<String>,
    expires_on: Option<String>,
    kit_product_id: Option<String>,
}

fn status(raw: &str) -> OrderStatus {
    match raw {
        "new" => OrderStatus::Open,
        "released" => OrderStatus::Confirmed,
        "in_progress" => OrderStatus::Processing,
        "picked" => OrderStatus::Picked,
        "packed" => OrderStatus::Packed,
        "part_shipped" => OrderStatus::PartiallyFulfilled,
        "shipped" => OrderStatus::Fulfilled,
        "backorder" => OrderStatus::Backordered,
        "on_hold" => OrderStatus::Exception,
        "void" => OrderStatus::Cancelled,
        _ => OrderStatus::Other,
    }
}

fn order_type(kind: &str) -> Option<OrderType> {
    match kind {
        "d2c" => Some(OrderType::D2c),
        "wholesale" => Some(OrderType::B2b),
        "dropship" => Some(OrderType::Dropship),
        "transfer" => Some(OrderType::Transfer),
        _ => None,
    }
}

pub(super) fn unified(wire: Wire, origin: &Origin) -> Result<Order, String> {
    let more = json!({ "gift_message": wire.gift_message, "hold_reason": wire.hold_reason });
    let line = |line: Line| OrderLineItem {
        product: line.product_id.map(Link::to),
        sku: line.sku,
        name: line.title,
        quantity: line.qty,
        unit_price: line.unit_price,
        discount_amount: line.discount,
        is_picked: line.qty_picked.map(|picked| picked >= line.qty),
    };
    let shipping = wire.shipping;
    let third_party = shipping.freight_payer.as_deref().map(|payer| payer == "third_party");
    let (third_account, first_account) = match third_party {
        Some(true) => (shipping.freight_account, None),
        _ => (None, shipping.freight_account),
    };
    Ok(Order {
        source: origin.source(wire.id, wire.created_at, wire.updated_at, Some(&more)),
        warehouse_customer: wire.client_id.map(Link::to),
        warehouse: wire.warehouse_id.map(Link::to),
        order_number: wire.number,
        reference_id: wire.reference,
        status: status(&wire.status),
        raw_status: Some(wire.status),
        order_type: wire.kind.as_deref().and_then(order_type),
        channel: wire.channel.map(|channel| Channel { id: channel.id, name: channel.name }),
        shipping_method: shipping.method_id.map(Link::to),
        total_price: wire.amounts.grand_total,
        ship_to: wire.ship_to.and_then(WireAddress::unified),
        required_ship_date: wire.ship_by,
        source_tags: wire.tags.into(),
        line_items: wire.lines.into_iter().map(line).collect(),
        shipments: wire.shipments.into_iter().map(shipment).collect::<Result<_, _>>()?,
        totals: OrderTotals {
            currency_code: wire.amounts.currency,
            total_tax: wire.amounts.tax,
            total_discount: wire.amounts.discount,
            total_shipping: wire.amounts.shipping,
        },
        delivery: OrderDelivery {
            trading_partner: wire.trading_partner,
            service_level: shipping.service,
            shipping_method_name: shipping.method_name,
            carrier: shipping.carrier.map(WireCarrier::unified),
            third_party_freight_account_number: third_account,
            first_party_freight_account_number: first_account,
            is_third_party_freight: third_party,
            saturday_delivery: shipping.saturday,
            signature_required: shipping.signature,
            duty_paid_by: shipping.duties.as_deref().and_then(duty_payer),
        },
    })
}

fn duty_payer(duties: &str) -> Option<DutyPayer> {
    match duties {
        "DDP" => Some(DutyPayer::Sender),
        "DAP" => Some(DutyPayer::Recipient),
        "3RD" => Some(DutyPayer::ThirdParty),
        _ => None,
    }
}

fn shipment(wire: WireShipment) -> Result<Shipment, String> {
    let line = |line: ShipmentLine| ShipmentLineItem {
        inventory_item: Some(Link::to(line.inventory_id)),
        sku: line.sku,
        quantity: line.qty,
        parent_product: line.kit_product_id.map(Link::to),
    };
    let status = match wire.state.as_str() {
        "staged" => ShipmentStatus::Open,
        "shipped" => ShipmentStatus::Shipped,
        "voided" => ShipmentStatus::Cancelled,
        _ => ShipmentStatus::Other,
    };
    Ok(Shipment {
        id: wire.id,
        status,
        raw_status: Some(wire.state),
        shipped_at: wire.shipped_at,
        warehouse: wire.warehouse_id.map(Link::to),
        ship_to: wire.to.and_then(WireAddress::unified),
        ship_from: wire.from.and_then(WireAddress::unified),
        line_items: wire.contents.into_iter().map(line).collect(),
        packages: wire.parcels.into_iter().map(package).collect::<Result<_, _>>()?,
    })
}

fn package(wire: Parcel) -> Result<Package, String> {
    let line = |line: ParcelLine| {
        Ok::<_, String>(PackageLineItem {
            inventory_item: Some(Link::to(line.inventory_id)),
            sku: line.sku,
            quantity: line.qty,
            lot_id: line.lot,
            expires_at: day(line.expires_on.as_deref())?,
            parent_product: line.kit_product_id.map(Link::to),
        })
    };
    Ok(Package {
        id: wire.id,
        name: wire.label,
        tracking_number: wire.tracking_number,
        tracking_url: wire.tracking_url,
        shipping_method: wire.method_id.map(Link::to),
        carrier: wire.carrier.map(WireCarrier::unified),
        shipping_cost: wire.cost,
        measurements: measurements(wire.dims, wire.weight),
        line_items: wire.contents.into_iter().map(line).collect::<Result<_, _>>()?,
    })
}
