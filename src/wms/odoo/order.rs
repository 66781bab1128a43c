//! Orders: `sale.order` with its lines, where it goes, and the transfers that carry it out.
//!
//! Quotations (states `draft` and `sent`) are offers that nobody has accepted; the warehouse knows nothing of them and
//! neither does this listing. A cancelled order stays.
//!
//! Odoo touches an order's `write_date` only for its own columns. A line's text, a tracking number, a new address of the
//! consignee and what was taken from which shelf change rows below it, and all of them count as the order having changed.
//! A product that was given another SKU does not: the order still asks for the same product.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Odoo;
use super::client::{Listing, Rows, id_of};
use super::party::Partners;
use super::rows::{Many2one, MoveLineRow, MoveRow, OrderLineRow, OrderRow, PackageRow, PickingRow, Row, TagRow, at, links, listed, money};
use super::transfer::{Children, Moved, carrier, done, expected, latest, owner, plain_text};
use crate::record::{
    Channel, Json, List, Measurements, Money, Order, OrderDelivery, OrderLineItem, OrderStatus, OrderTotals, Package, PackageLineItem, Quantity,
    Shipment, ShipmentLineItem, ShipmentStatus, Source, WarehouseCustomer,
};
use crate::record::{Link, WeightUnit};
use crate::wms::{Checkpoint, Error, Kind, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["state", "in", ["sale", "cancel"]])],
    changed: &[
        "write_date",
        "order_line.write_date",
        "partner_shipping_id.write_date",
        "picking_ids.write_date",
        "picking_ids.move_ids.write_date",
        "picking_ids.move_line_ids.write_date",
    ],
    page: 200,
    windowed: true,
};

impl Pull<Order> for Odoo {
    const FIELDS: &'static [&'static str] = &[
        "warehouseCustomer",
        "warehouse",
        "orderNumber",
        "referenceId",
        "status",
        "rawStatus",
        "channel",
        "shippingMethod",
        "totalPrice",
        "shipTo",
        "requiredShipDate",
        "sourceTags",
        "lineItems.product",
        "lineItems.sku",
        "lineItems.name",
        "lineItems.quantity",
        "lineItems.unitPrice",
        "lineItems.discountAmount",
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
        "totalDiscount",
        "totalShipping",
        "shippingMethodName",
        "carrier",
    ];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<Order>, Error> {
        let rows = self.list::<OrderRow>(&LISTING, scope, checkpoint).await?;
        let around = Around::of(self, &rows).await?;
        Ok(rows.page(|row| map(self, row, &around)))
    }
}

impl Odoo {
    /// One order, through the same mapping as the listing; `None` while it is a quotation, or not there.
    pub(super) async fn order(&self, id: i64) -> Result<Option<Result<Order, String>>, Error> {
        let rows = self.one::<OrderRow>(&LISTING, id).await?;
        let around = Around::of(self, &rows).await?;
        Ok(rows.rows.first().map(|row| map(self, row, &around)))
    }
}

impl Odoo {
    /// The labels with these ids. They belong to the sales team: a user of the warehouse may not see them, and reads orders
    /// without them.
    async fn tags(&self, ids: Vec<i64>) -> Result<Vec<Value>, Error> {
        match self.related::<TagRow>("id", ids).await {
            Err(error) if error.kind == Kind::Forbidden => Ok(Vec::new()),
            tags => tags,
        }
    }
}

/// What belongs to a page of orders.
struct Around {
    lines: Children,
    pickings: Children,
    partners: Partners,
    tags: Vec<Value>,
    packages: Vec<Value>,
    owners: BTreeSet<i64>,
    moved: Moved,
}

impl Around {
    async fn of(odoo: &Odoo, rows: &Rows) -> Result<Self, Error> {
        let customers = links(&rows.rows, "partner_id").into_iter().collect();
        let tags = listed(&rows.rows, "tag_ids");
        let (lines, pickings, tags, owners) = tokio::try_join!(
            odoo.related::<OrderLineRow>("order_id", rows.ids()),
            odoo.related::<PickingRow>("sale_id", rows.ids()),
            odoo.tags(tags),
            odoo.owners(Some(&customers)),
        )?;
        let consignees = [links(&rows.rows, "partner_shipping_id"), links(&pickings, "partner_id")].concat();
        let (moved, partners) = tokio::try_join!(odoo.moved(&pickings, &lines), odoo.partners(consignees))?;
        let packages: Vec<i64> = pickings.iter().filter_map(id_of).flat_map(|id| links(moved.lines.of(id), "result_package_id")).collect();
        let packages = odoo.related::<PackageRow>("id", packages).await?;
        let (lines, pickings) = (Children::by("order_id", lines), Children::by("sale_id", pickings));
        Ok(Self { lines, pickings, partners, tags, packages, owners, moved })
    }

    fn package(&self, id: i64) -> Result<Option<PackageRow>, String> {
        self.packages.iter().find(|row| id_of(row) == Some(id)).map(PackageRow::of).transpose()
    }
}

/// A transfer of an order with what it moves.
struct Transfer {
    row: PickingRow,
    moves: Vec<MoveRow>,
    lines: Vec<MoveLineRow>,
}

impl Transfer {
    fn is(&self, state: &str) -> bool {
        self.row.state.as_deref() == Some(state)
    }

    fn is_shipment(&self) -> bool {
        self.row.picking_type_code.as_deref() == Some("outgoing")
    }

    fn is_outward(&self) -> bool {
        is_outward(&self.row, &self.moves)
    }
}

/// Whether a transfer brings goods to the consignee, or, as a step inside the warehouse, towards the door. The moves of such
/// a step name where they lead in the end; those that put returned goods away do not.
pub(super) fn is_outward(row: &PickingRow, moves: &[MoveRow]) -> bool {
    let leads_on = |row: &MoveRow| row.location_final_id.is_some() && row.location_final_id != row.location_dest_id;
    match row.picking_type_code.as_deref() {
        Some("outgoing") => row.return_id.is_none(),
        Some("internal") => moves.iter().any(leads_on),
        _ => false,
    }
}

fn map(odoo: &Odoo, raw: &Value, around: &Around) -> Result<Order, String> {
    let row = OrderRow::of(raw)?;
    let lines: Vec<OrderLineRow> = around.lines.parsed(row.id)?;
    let mut transfers = Vec::new();
    for picking in around.pickings.parsed::<PickingRow>(row.id)? {
        let (moves, lines) = (around.moved.moves.parsed(picking.id)?, around.moved.lines.parsed(picking.id)?);
        transfers.push(Transfer { row: picking, moves, lines });
    }
    let parts = json!({
        "order": raw, "lines": around.lines.of(row.id), "shipTo": around.partners.raw(row.partner_shipping_id.as_ref()),
        "pickings": around.pickings.of(row.id).iter().map(|picking| {
            json!({ "picking": picking, "moved": around.moved.raw(id_of(picking).unwrap_or_default()) })
        }).collect::<Vec<_>>(),
    });
    let updated = std::iter::once(row.write_date).chain(lines.iter().map(|line| line.write_date));
    let updated = latest(updated.chain(transfers.iter().map(|transfer| transfer.row.write_date)));
    let (status, raw_status) = status(&row, &transfers);
    let tags = around.tags.iter().filter(|tag| id_of(tag).is_some_and(|id| row.tag_ids.contains(&id)));
    let additional = json!({
        "customer": row.partner_id.as_ref().map(|partner| json!({ "id": partner.id.to_string(), "name": partner.name })),
        "sourceDocument": row.origin, "orderedAt": at(row.date_order), "company": row.company_id.as_ref().and_then(|company| company.name.as_deref()),
        "pickingPolicy": row.picking_policy, "incoterm": row.incoterm.as_ref().and_then(|incoterm| incoterm.name.as_deref()),
        "note": plain_text(row.note.as_deref()), "locked": row.locked,
    });
    Ok(Order {
        warehouse_customer: whose(&row, &transfers, &around.owners),
        warehouse: row.warehouse_id.as_ref().map(Many2one::link),
        order_number: row.name.clone().ok_or("The order has no number")?,
        reference_id: row.client_order_ref.clone(),
        status,
        raw_status,
        order_type: None,
        channel: row.team_id.as_ref().map(|team| Channel { id: Some(team.id.to_string()), name: team.name.clone() }),
        shipping_method: row.carrier_id.as_ref().map(Many2one::link),
        total_price: money(row.amount_total),
        ship_to: around.partners.address(row.partner_shipping_id.as_ref())?,
        required_ship_date: at(row.commitment_date),
        source_tags: tags.map(TagRow::of).collect::<Result<Vec<_>, _>>()?.into_iter().filter_map(|tag| tag.name).collect(),
        line_items: lines.iter().filter(|line| is_goods(line)).map(|line| line_item(line, &transfers, around)).collect(),
        shipments: transfers.iter().filter(|t| t.is_shipment()).map(|t| shipment(t, around)).collect::<Result<Vec<_>, _>>()?.into(),
        totals: totals(&row, &lines),
        delivery: OrderDelivery {
            shipping_method_name: row.carrier_id.as_ref().and_then(|method| method.name.clone()),
            carrier: transfers.iter().find_map(|transfer| carrier(transfer.row.delivery_type.as_deref())),
            ..OrderDelivery::default()
        },
        source: Source { additional_fields: Some(Json::of(&additional)), ..odoo.source::<OrderRow>(row.id, at(row.create_date), updated, &parts) },
    })
}

/// Where an order stands, from its state and its transfers towards the consignee. What Odoo makes of *all* its transfers
/// (`delivery_status`) falls back to partly delivered, or begun, as soon as goods come back; it decides only where there
/// is no transfer of ours to look at (goods that the supplier sends, say).
fn status(row: &OrderRow, transfers: &[Transfer]) -> (OrderStatus, Option<String>) {
    let state = row.state.as_deref().unwrap_or_default();
    let outward: Vec<&Transfer> = transfers.iter().filter(|transfer| transfer.is_outward() && !transfer.is("cancel")).collect();
    let to_come = outward.iter().any(|transfer| !transfer.is("done"));
    let begun = outward.iter().any(|transfer| transfer.is("done"));
    let shipped = outward.iter().any(|transfer| transfer.is("done") && transfer.is_shipment());
    let status = match (state, row.delivery_status.as_deref()) {
        ("cancel", _) => OrderStatus::Cancelled,
        ("sale", _) if shipped && to_come => OrderStatus::PartiallyFulfilled,
        ("sale", _) if shipped => OrderStatus::Fulfilled,
        ("sale", _) if begun => OrderStatus::Processing,
        ("sale", _) if to_come => OrderStatus::Confirmed,
        ("sale", Some("full")) => OrderStatus::Fulfilled,
        ("sale", Some("partial")) => OrderStatus::PartiallyFulfilled,
        ("sale", Some("started")) => OrderStatus::Processing,
        ("sale", Some("pending") | None) => OrderStatus::Confirmed,
        _ => OrderStatus::Other,
    };
    let shown = row.delivery_status.as_ref().filter(|_| state == "sale").map_or_else(|| state.to_owned(), |delivery| format!("{state}/{delivery}"));
    (status, Some(shown))
}

/// Whose goods they are: the owner of all that its transfers take, else the customer, where that is an owner of stock.
fn whose(row: &OrderRow, transfers: &[Transfer], owners: &BTreeSet<i64>) -> Option<Link<WarehouseCustomer>> {
    let out = transfers.iter().filter(|transfer| transfer.is_outward());
    let (mut named, mut lines) = (None, Vec::new());
    for transfer in out {
        named = named.or(transfer.row.owner_id.as_ref());
        lines.extend(transfer.lines.iter().cloned());
    }
    owner(named, &lines).or_else(|| row.partner_id.as_ref().filter(|partner| owners.contains(&partner.id)).map(Many2one::link))
}

/// Sections and notes are text, delivery lines and down payments are money. A line of which nothing is ordered any more, nor
/// was shipped, was taken off the order: Odoo keeps it as that.
pub(super) fn is_goods(line: &OrderLineRow) -> bool {
    let is_there = |quantity: Option<Quantity>| quantity.is_some_and(|quantity| quantity != Quantity::ZERO);
    let is_removed = !is_there(line.product_uom_qty) && !is_there(line.qty_delivered);
    line.display_type.is_none() && !line.is_delivery && !line.is_downpayment && !is_removed
}

/// What is taken off a line, in the currency's unit. Odoo keeps a percentage.
fn discount(line: &OrderLineRow) -> Option<Money> {
    let percent = line.discount.filter(|percent| *percent > 0.0)?;
    let price = line.price_unit?.0.to_string().parse::<f64>().ok()?;
    Money::from_f64(price * line.product_uom_qty?.to_f64() * percent / 100.0)
}

fn line_item(line: &OrderLineRow, transfers: &[Transfer], around: &Around) -> OrderLineItem {
    let of_line = |row: &&MoveRow| row.sale_line_id.as_ref().is_some_and(|link| link.id == line.id) && row.state.as_deref() != Some("cancel");
    let mut picked = transfers.iter().filter(|t| t.is_outward()).flat_map(|t| &t.moves).filter(of_line).map(|row| row.picked).peekable();
    OrderLineItem {
        product: line.product_id.as_ref().map(Many2one::link),
        sku: around.moved.products.sku(line.product_id.as_ref()),
        name: line.name.clone(),
        quantity: line.product_uom_qty.unwrap_or_default(),
        unit_price: money(line.price_unit),
        discount_amount: discount(line),
        is_picked: picked.peek().is_some().then(|| picked.all(|picked| picked)),
    }
}

fn sum(amounts: impl Iterator<Item = Money>) -> Option<Money> {
    amounts.map(Money::micros).reduce(i64::saturating_add).map(Money::from_micros)
}

fn totals(row: &OrderRow, lines: &[OrderLineRow]) -> OrderTotals {
    OrderTotals {
        currency_code: row.currency_id.as_ref().and_then(|currency| currency.name.clone()),
        total_tax: money(row.amount_tax),
        total_discount: sum(lines.iter().filter_map(discount)),
        total_shipping: sum(lines.iter().filter(|line| line.is_delivery).filter_map(|line| money(line.price_total))),
    }
}

fn shipment(transfer: &Transfer, around: &Around) -> Result<Shipment, String> {
    let row = &transfer.row;
    let (status, left) = match row.state.as_deref() {
        Some("done") => (ShipmentStatus::Shipped, at(row.date_done)),
        Some("cancel") => (ShipmentStatus::Cancelled, None),
        Some("draft" | "waiting" | "confirmed" | "assigned") => (ShipmentStatus::Open, None),
        _ => (ShipmentStatus::Other, None),
    };
    let item = |row: &MoveRow| ShipmentLineItem {
        inventory_item: around.moved.products.item(row.product_id.as_ref()),
        sku: around.moved.products.sku(row.product_id.as_ref()),
        quantity: if status == ShipmentStatus::Shipped { done(row, &transfer.lines) } else { expected(row) },
        parent_product: None,
    };
    Ok(Shipment {
        id: row.id.to_string(),
        status,
        raw_status: row.state.clone(),
        shipped_at: left,
        warehouse: around.moved.warehouse(row.picking_type_id.as_ref()),
        ship_to: around.partners.address(row.partner_id.as_ref())?,
        ship_from: None,
        line_items: transfer.moves.iter().map(item).collect(),
        packages: packages(transfer, around)?,
    })
}

/// The parcels that the goods were put in. What was put in none stands as one parcel of the transfer itself, once there
/// is something to say of it: it has left, or has a tracking number. Odoo knows one tracking number a transfer.
fn packages(transfer: &Transfer, around: &Around) -> Result<List<Package>, String> {
    let row = &transfer.row;
    let mut parcels: Vec<Option<&Many2one>> = transfer.lines.iter().map(|line| line.result_package_id.as_ref()).collect();
    parcels.sort_by_key(|parcel| parcel.map(|parcel| parcel.id));
    parcels.dedup_by_key(|parcel| parcel.map(|parcel| parcel.id));
    if parcels.is_empty() && row.carrier_tracking_ref.is_some() {
        parcels.push(None);
    }
    parcels.retain(|parcel| parcel.is_some() || transfer.is("done") || row.carrier_tracking_ref.is_some());
    let alone = parcels.len() == 1;
    let package = |parcel: Option<&Many2one>| {
        let known = parcel.map(|parcel| around.package(parcel.id)).transpose()?.flatten();
        let weight = known.as_ref().map_or(row.shipping_weight.filter(|_| alone), |known| known.shipping_weight);
        let unit = known.as_ref().map_or(row.weight_uom_name.as_deref(), |known| known.weight_uom_name.as_deref());
        let of_parcel = |line: &&MoveLineRow| line.result_package_id.as_ref().map(|link| link.id) == parcel.map(|parcel| parcel.id);
        Ok(Package {
            id: parcel.map_or_else(|| format!("picking-{}", row.id), |parcel| parcel.id.to_string()),
            name: parcel.map_or_else(|| row.name.clone(), |parcel| parcel.name.clone()),
            tracking_number: row.carrier_tracking_ref.clone(),
            tracking_url: row.carrier_tracking_url.clone(),
            shipping_method: row.carrier_id.as_ref().map(Many2one::link),
            carrier: carrier(row.delivery_type.as_deref()),
            // The price is the transfer's; on each of several parcels it would be counted more than once.
            shipping_cost: money(row.carrier_price).filter(|price| alone && *price != Money::default()),
            measurements: measured(weight, unit),
            line_items: transfer.lines.iter().filter(of_parcel).map(|line| package_line(line, around)).collect(),
        })
    };
    parcels.into_iter().map(package).collect::<Result<Vec<_>, String>>().map(List)
}

fn package_line(line: &MoveLineRow, around: &Around) -> PackageLineItem {
    PackageLineItem {
        inventory_item: around.moved.products.item(line.product_id.as_ref()),
        sku: around.moved.products.sku(line.product_id.as_ref()),
        quantity: line.quantity_product_uom.unwrap_or_default(),
        lot_id: line.lot_id.as_ref().and_then(|lot| lot.name.clone()).or_else(|| line.lot_name.clone()),
        expires_at: at(line.expiration_date),
        parent_product: None,
    }
}

/// A weight in the unit that the database is set to, kilograms or pounds.
pub(super) fn measured(weight: Option<Quantity>, unit: Option<&str>) -> Option<Measurements> {
    let weight = weight.filter(|weight| *weight != Quantity::ZERO)?;
    let weight_unit = match unit {
        Some("kg") => Some(WeightUnit::Kg),
        Some("lb") => Some(WeightUnit::Lb),
        _ => None,
    };
    Measurements { weight: Some(weight), weight_unit, ..Measurements::default() }.known()
}
