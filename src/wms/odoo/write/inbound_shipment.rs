//! Inbound shipments: announced, changed.
//!
//! **Announced** as a purchase order where the supplier is named and every line says what it costs, which is what a purchase
//! order asks for; its confirmation makes the incoming transfer. Else as an incoming transfer alone, in one call: no supplier is
//! made up, and no price. **Changed** on the transfer, in one call. The lines of a purchase order are the buyer's and stay as they
//! are.

use serde_json::{Map, Value, json};

use super::super::Odoo;
use super::super::client::stamp;
use super::super::rows::{PartnerRow, PickingRow, PickingTypeRow, ProductRow, PurchaseRow, Row, StockPlacesRow};
use super::lines::{Called, Offered};
use super::transfer::{Open, not_open};
use super::{
    Inputs, conflict, fields_of_odoo, found, harmless, html, in_use, located, note, number, odoo_id, open, own_fields, path, refuse, target, text,
    tracking, written,
};
use crate::record::draft::{CreateInboundShipment, InboundLineItemDraft, InboundShipmentDraft, MaybeUndefined, Ref, UpdateInboundShipment};
use crate::record::{InboundShipment, Quantity, Warehouse};
use crate::wms::{Error, Found, Kind, Push, Written};

pub(super) const INPUTS: Inputs = &[
    ("(partner_id)", &["supplierName"]),
    ("(picking_type_id)", &["warehouseId"]),
    ("(scheduled_date)", &["expectedArrivalAt"]),
    ("(date_planned)", &["expectedArrivalAt"]),
    ("product.product(", &["lineItems"]),
    ("Lot/Serial", &["lineItems", "lotId"]),
];

impl Push<CreateInboundShipment> for Odoo {
    const REQUIRED: &'static [&'static str] = &["lineItems.expectedQuantity"];
    const OPTIONAL: &'static [&'static str] = &[
        "purchaseOrderNumber",
        "warehouseId",
        "warehouseCustomerId",
        "supplierName",
        "expectedArrivalAt",
        "shipFrom",
        "trackingNumbers",
        "notes",
        "lineItems.inventoryItemId",
        "lineItems.sku",
        "lineItems.unitCost",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of_odoo(PickingRow::MODEL)
    }

    async fn push(&self, command: &CreateInboundShipment, reference: &str) -> Result<Written<InboundShipment>, Error> {
        let inbound = &command.inbound_shipment;
        let mut unused = Vec::new();
        let plan = self.inbound_plan(command, &mut unused).await.map_err(harmless)?;
        let id = match &plan.purchase {
            Some(order) => self.purchase(order, &plan.picking, reference).await.map_err(|error| located(error, INPUTS)),
            None => self.bare_transfer(&plan, inbound, reference).await.map_err(|error| located(error, INPUTS)),
        };
        match id {
            Ok(id) => written(id, self.inbound_shipment(id).await, unused),
            Err(error) => {
                if !error.outcome_unknown {
                    self.forget_partner(plan.made).await;
                }
                Err(error)
            }
        }
    }

    async fn look_up(&self, _command: &CreateInboundShipment, reference: &str) -> Result<Found<Written<InboundShipment>>, Error> {
        if let Some(order) = self.noted::<PurchaseRow>(reference).await?.first() {
            return match self.purchased(*order).await? {
                // The transfer got its note by the last call of the write.
                Some(picking) if self.noted::<PickingRow>(reference).await?.contains(&picking) => {
                    found(picking, self.inbound_shipment(picking).await)
                }
                Some(picking) => Ok(Found::Unclear(format!(
                    "Odoo has confirmed the purchase order {order} with the transfer {picking}, without notes and tracking numbers"
                ))),
                None => Ok(Found::Unclear(format!("Odoo holds the purchase order {order}, which was made and not confirmed"))),
            };
        }
        self.find_noted::<PickingRow, InboundShipment>(reference, async |id| self.inbound_shipment(id).await).await
    }
}

/// What is to be made for an inbound shipment.
struct Plan {
    /// The purchase order, where there is to be one.
    purchase: Option<Map<String, Value>>,
    /// Values of the transfer.
    picking: Map<String, Value>,
    kind: StockPlacesRow,
    products: Vec<ProductRow>,
    /// The partner that was made for it, if one was.
    made: Option<i64>,
}

impl Odoo {
    async fn inbound_plan(&self, command: &CreateInboundShipment, unused: &mut Vec<String>) -> Result<Plan, Error> {
        let inbound = &command.inbound_shipment;
        let mut picking = own_fields(command.integration_fields.as_ref())?;
        if inbound.line_items.is_empty() {
            return Err(refuse(&["lineItems"], "An inbound shipment needs at least one line"));
        }
        let products = self.expected(&inbound.line_items).await?;
        for (index, _) in inbound.line_items.iter().enumerate().filter(|(_, line)| line.external_id.is_some()) {
            unused.push(format!("lineItems.{index}.externalId"));
        }
        let kind = self.receiving(inbound.warehouse_id.as_ref()).await?;
        let supplier = match &inbound.supplier_name {
            Some(name) => Some(self.supplier(name).await?),
            None => None,
        };
        if let Some(owner) = &inbound.warehouse_customer_id {
            picking.insert("owner_id".to_owned(), json!(odoo_id(owner.source_id(), &["warehouseCustomerId"])?));
        }
        let known = self.fields_of::<PickingRow>().await?;
        match &inbound.tracking_numbers {
            Some(numbers) if known.contains("carrier_tracking_ref") => drop(picking.insert("carrier_tracking_ref".to_owned(), tracking(numbers))),
            Some(_) => unused.push("trackingNumbers".to_owned()),
            None => {}
        }
        picking.extend(inbound.notes.as_ref().map(|notes| ("note".to_owned(), html(notes))));
        let priced = inbound.line_items.iter().all(|line| line.unit_cost.is_some());
        let purchase = match supplier.filter(|_| priced) {
            Some(supplier) => Some(purchase_values(inbound, supplier, &kind, &products)?),
            None => {
                unused.extend(
                    inbound
                        .line_items
                        .iter()
                        .enumerate()
                        .filter(|(_, line)| line.unit_cost.is_some())
                        .map(|(index, _)| format!("lineItems.{index}.unitCost")),
                );
                None
            }
        };
        let mut made = None;
        match (&inbound.ship_from, supplier) {
            // Where a supplier sends from stands with the supplier.
            (Some(_), Some(_)) => unused.push("shipFrom".to_owned()),
            (Some(address), None) => {
                let (id, is_new) = self.partner(address, "shipFrom", INPUTS, unused).await?;
                made = is_new.then_some(id);
                picking.insert("partner_id".to_owned(), json!(id));
            }
            (None, Some(supplier)) if purchase.is_none() => drop(picking.insert("partner_id".to_owned(), json!(supplier))),
            (None, _) => {}
        }
        Ok(Plan { purchase, picking, kind, products, made })
    }

    /// The product of each line of an inbound shipment.
    async fn expected(&self, lines: &[InboundLineItemDraft]) -> Result<Vec<ProductRow>, Error> {
        let called: Vec<Called<'_>> = lines
            .iter()
            .map(|line| Called::by("inventoryItemId", line.inventory_item_id.as_ref(), line.sku.as_deref(), line.expected_quantity))
            .collect();
        self.called("lineItems", "expectedQuantity", &called, Offered::InUse).await
    }

    /// How a warehouse receives: the one that is named, else the only one.
    async fn receiving(&self, warehouse: Option<&Ref<Warehouse>>) -> Result<StockPlacesRow, Error> {
        let rows = match warehouse {
            Some(warehouse) => {
                let rows = self.related::<StockPlacesRow>("id", [odoo_id(warehouse.source_id(), &["warehouseId"])?]).await?;
                in_use(rows.first(), "warehouse", &["warehouseId"])?;
                rows
            }
            None => self.search::<StockPlacesRow>(&[json!(["active", "=", true])], 2).await?.0,
        };
        match rows.as_slice() {
            [row] => StockPlacesRow::of(row).map_err(|reason| Error::new(Kind::Protocol, reason)),
            _ => Err(refuse(&["warehouseId"], "Odoo has several warehouses; name one")),
        }
    }

    /// The one partner of this name.
    async fn supplier(&self, name: &str) -> Result<i64, Error> {
        let domain = [json!(["name", "=", name.trim()]), json!(["active", "=", true])];
        let rows = self.search::<PartnerRow>(&domain, 2).await?.0;
        match rows.iter().filter_map(super::super::client::id_of).collect::<Vec<_>>().as_slice() {
            [id] => Ok(*id),
            [] => Err(refuse(&["supplierName"], format!("Odoo has no partner {name:?}"))),
            _ => Err(refuse(&["supplierName"], format!("Odoo has several partners {name:?}"))),
        }
    }

    /// Makes a purchase order, confirms it, and completes the transfer that Odoo makes of it, whose id it answers.
    async fn purchase(&self, values: &Map<String, Value>, picking: &Map<String, Value>, reference: &str) -> Result<i64, Error> {
        let mut values = values.clone();
        values.insert("message_ids".to_owned(), note::<PurchaseRow>(reference));
        let made: Vec<i64> = self.value(PurchaseRow::MODEL, "create", &json!({ "vals_list": [values] })).await?;
        let id = made.first().copied().ok_or_else(|| open(Error::new(Kind::Protocol, "Odoo made a purchase order and did not say which")))?;
        if let Err(error) = self.call(PurchaseRow::MODEL, "button_confirm", &json!({ "ids": [id] })).await {
            return Err(if error.outcome_unknown { error } else { self.purchase_undone(id, error).await });
        }
        let Some(transfer) = self.purchased(id).await.map_err(open)? else {
            let why = "Odoo answered the confirmation of the purchase order without an error, but made no transfer of it: it may ask for an approval";
            return Err(self.purchase_undone(id, Error::new(Kind::Validation, why)).await);
        };
        let mut picking = picking.clone();
        picking.insert("message_ids".to_owned(), note::<PickingRow>(reference));
        match self.call(PickingRow::MODEL, "write", &json!({ "ids": [transfer], "vals": picking })).await {
            Ok(_) => Ok(transfer),
            Err(error) if error.outcome_unknown => Err(error),
            Err(error) => Err(self.purchase_undone(id, error).await),
        }
    }

    /// The transfer that a purchase order is received by.
    async fn purchased(&self, order: i64) -> Result<Option<i64>, Error> {
        let domain = [json!(["purchase_id", "=", order]), json!(["state", "!=", "cancel"])];
        let rows = self.search::<PickingRow>(&domain, 1).await?.0;
        Ok(rows.first().and_then(super::super::client::id_of))
    }

    /// `error`, after a purchase order has been called off and removed.
    async fn purchase_undone(&self, order: i64, error: Error) -> Error {
        let arguments = json!({ "ids": [order] });
        if let Err(left) = self.call(PurchaseRow::MODEL, "button_cancel", &arguments).await {
            tracing::warn!(odoo.purchase = order, error = %left, "A purchase order that Odoo refused to confirm could not be called off");
            return open(error);
        }
        if let Err(left) = self.call(PurchaseRow::MODEL, "unlink", &arguments).await {
            tracing::debug!(odoo.purchase = order, error = %left, "A purchase order that Odoo refused to confirm stays there cancelled");
        }
        error
    }

    /// Makes an incoming transfer that no purchase order stands above.
    async fn bare_transfer(&self, plan: &Plan, inbound: &InboundShipmentDraft, reference: &str) -> Result<i64, Error> {
        let (kind, from, to) = self.incoming(&plan.kind).await.map_err(harmless)?;
        let at = inbound.expected_arrival_at.map(stamp);
        let lines = inbound.line_items.iter().zip(&plan.products).map(|(line, product)| new_move(product, line.expected_quantity, from, to));
        let mut values = plan.picking.clone();
        values.insert("picking_type_id".to_owned(), json!(kind));
        values.insert("location_id".to_owned(), json!(from));
        values.insert("location_dest_id".to_owned(), json!(to));
        values.insert("move_ids".to_owned(), lines.collect());
        values.insert("message_ids".to_owned(), note::<PickingRow>(reference));
        values.extend(inbound.purchase_order_number.as_ref().map(|number| ("origin".to_owned(), json!(number))));
        values.extend(at.map(|at| ("scheduled_date".to_owned(), json!(at))));
        let made: Vec<i64> = self.value(PickingRow::MODEL, "create", &json!({ "vals_list": [values] })).await?;
        made.first().copied().ok_or_else(|| open(Error::new(Kind::Protocol, "Odoo made a transfer and did not say which")))
    }

    /// A warehouse's kind of incoming transfer, and between which places it moves.
    async fn incoming(&self, warehouse: &StockPlacesRow) -> Result<(i64, i64, i64), Error> {
        let kind = warehouse.in_type_id.as_ref().map(|link| link.id);
        let rows = self.related::<PickingTypeRow>("id", kind).await?;
        let row = rows.first().map(PickingTypeRow::of).transpose().map_err(|reason| Error::new(Kind::Protocol, reason))?;
        let places = row.and_then(|row| Some((row.id, row.default_location_src_id?.id, row.default_location_dest_id?.id)));
        places.ok_or_else(|| refuse(&["warehouseId"], "The warehouse has no kind of incoming transfer in Odoo"))
    }
}

/// The command that makes a move. Odoo confirms a transfer with such moves in the same call.
pub(super) fn new_move(product: &ProductRow, quantity: Quantity, from: i64, to: i64) -> Value {
    json!([0, 0, {
        "product_id": product.id, "product_uom_qty": quantity.to_f64(), "location_id": from, "location_dest_id": to,
        "product_uom": product.uom_id.as_ref().map(|unit| unit.id), "additional": true,
    }])
}

/// What `purchase.order/create` is to be called with.
fn purchase_values(
    inbound: &InboundShipmentDraft,
    supplier: i64,
    kind: &StockPlacesRow,
    products: &[ProductRow],
) -> Result<Map<String, Value>, Error> {
    let Some(receiving) = &kind.in_type_id else {
        return Err(refuse(&["warehouseId"], "The warehouse has no kind of incoming transfer in Odoo"));
    };
    let at = inbound.expected_arrival_at.map(stamp);
    let line = |(line, product): (&InboundLineItemDraft, &ProductRow)| {
        let mut values = json!({
            "product_id": product.id, "product_qty": line.expected_quantity.to_f64(), "price_unit": line.unit_cost.map(number),
            "product_uom_id": product.uom_id.as_ref().map(|unit| unit.id),
        });
        if let Some(at) = &at {
            values["date_planned"] = json!(at);
        }
        json!([0, 0, values])
    };
    let lines: Value = inbound.line_items.iter().zip(products).map(line).collect();
    let mut values = Map::from_iter([
        ("partner_id".to_owned(), json!(supplier)),
        ("picking_type_id".to_owned(), json!(receiving.id)),
        ("order_line".to_owned(), lines),
    ]);
    values.extend(inbound.purchase_order_number.as_ref().map(|number| ("name".to_owned(), json!(number))));
    values.extend(at.map(|at| ("date_planned".to_owned(), json!(at))));
    Ok(values)
}

impl Push<UpdateInboundShipment> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "purchaseOrderNumber",
        "supplierName",
        "expectedArrivalAt",
        "trackingNumbers",
        "notes",
        "lineItems.expectedQuantity",
        "lineItems.inventoryItemId",
        "lineItems.sku",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of_odoo(PickingRow::MODEL)
    }

    async fn push(&self, command: &UpdateInboundShipment, reference: &str) -> Result<Written<InboundShipment>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let mut unused = Vec::new();
        let values = self.inbound_changes(id, command, reference, &mut unused).await.map_err(harmless)?;
        let done = self.call(PickingRow::MODEL, "write", &json!({ "ids": [id], "vals": values })).await;
        done.map_err(|error| located(error, INPUTS))?;
        written(id, self.inbound_shipment(id).await, unused)
    }

    async fn look_up(&self, _command: &UpdateInboundShipment, reference: &str) -> Result<Found<Written<InboundShipment>>, Error> {
        self.find_noted::<PickingRow, InboundShipment>(reference, async |id| self.inbound_shipment(id).await).await
    }
}

impl Odoo {
    /// An incoming transfer that is no return, and still open.
    pub(super) async fn inbound_open(&self, id: i64) -> Result<Open, Error> {
        let domain = [json!(["id", "=", id]), json!(["picking_type_code", "=", "incoming"]), json!(["return_id", "=", false])];
        self.open_transfer(&domain, "inbound shipment").await
    }

    /// The transfer that a domain names, which must be open.
    pub(super) async fn open_transfer(&self, domain: &[Value], what: &str) -> Result<Open, Error> {
        let rows = self.search::<PickingRow>(domain, 1).await?.0;
        let row = target(Ok(rows.first()), what)?;
        let row = PickingRow::of(row).map_err(|reason| Error::new(Kind::Protocol, reason))?;
        self.open_transfers(vec![row.clone()]).await?.pop().ok_or_else(|| not_open(&row))
    }

    /// What `stock.picking/write` is to be called with.
    async fn inbound_changes(
        &self,
        id: i64,
        command: &UpdateInboundShipment,
        reference: &str,
        unused: &mut Vec<String>,
    ) -> Result<Map<String, Value>, Error> {
        let patch = &command.inbound_shipment;
        let mut values = own_fields(command.integration_fields.as_ref())?;
        let transfer = self.inbound_open(id).await?;
        if !patch.warehouse_id.is_undefined() {
            unused.push("warehouseId".to_owned());
        }
        let order = transfer.row.purchase_id.as_ref().and_then(|order| order.name.clone());
        let of_order = [
            (patch.purchase_order_number.is_undefined(), "purchaseOrderNumber"),
            (patch.supplier_name.is_undefined(), "supplierName"),
            (patch.line_items.is_undefined(), "lineItems"),
        ];
        if let (Some(order), Some((_, field))) = (order, of_order.into_iter().find(|(absent, _)| !absent)) {
            return Err(conflict(format!("This belongs to the purchase order {order}, and is changed there")).with_path(path(&[field])));
        }
        match &patch.purchase_order_number {
            MaybeUndefined::Undefined => {}
            number => drop(values.insert("origin".to_owned(), text(number.value().map(String::as_str)))),
        }
        match &patch.supplier_name {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => drop(values.insert("partner_id".to_owned(), json!(false))),
            MaybeUndefined::Value(name) => drop(values.insert("partner_id".to_owned(), json!(self.supplier(name).await?))),
        }
        match &patch.expected_arrival_at {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => return Err(refuse(&["expectedArrivalAt"], "A transfer of Odoo must have a date")),
            MaybeUndefined::Value(at) => drop(values.insert("scheduled_date".to_owned(), json!(stamp(*at)))),
        }
        self.tracked_and_noted(&patch.tracking_numbers, &patch.notes, &mut values, unused).await?;
        match &patch.line_items {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => return Err(refuse(&["lineItems"], "An inbound shipment needs at least one line")),
            MaybeUndefined::Value(lines) => {
                let products = self.expected(lines).await?;
                let wanted = lines.iter().map(|line| line.expected_quantity).zip(products).collect::<Vec<_>>();
                values.insert("move_ids".to_owned(), json!(move_changes(&transfer, &wanted, "expectedQuantity")?));
                for (index, line) in lines.iter().enumerate() {
                    unused.extend(line.unit_cost.map(|_| format!("lineItems.{index}.unitCost")));
                    unused.extend(line.external_id.as_ref().map(|_| format!("lineItems.{index}.externalId")));
                }
            }
        }
        values.insert("message_ids".to_owned(), note::<PickingRow>(reference));
        Ok(values)
    }

    /// The tracking numbers and notes of a transfer.
    pub(super) async fn tracked_and_noted(
        &self,
        numbers: &MaybeUndefined<Vec<String>>,
        notes: &MaybeUndefined<Vec<String>>,
        values: &mut Map<String, Value>,
        unused: &mut Vec<String>,
    ) -> Result<(), Error> {
        match numbers {
            MaybeUndefined::Undefined => {}
            _ if !self.fields_of::<PickingRow>().await?.contains("carrier_tracking_ref") => unused.push("trackingNumbers".to_owned()),
            numbers => drop(values.insert("carrier_tracking_ref".to_owned(), tracking(numbers.value().map_or(&[], Vec::as_slice)))),
        }
        match notes {
            MaybeUndefined::Undefined => {}
            notes => drop(values.insert("note".to_owned(), html(notes.value().map_or(&[], Vec::as_slice)))),
        }
        Ok(())
    }
}

/// The commands that make these the moves of a transfer, each taken by a move of the same product where there is one.
pub(super) fn move_changes(transfer: &Open, wanted: &[(Quantity, ProductRow)], field: &str) -> Result<Vec<Value>, Error> {
    if wanted.is_empty() {
        return Err(refuse(&["lineItems"], "At least one line is needed"));
    }
    let (from, to) = (transfer.row.location_id.as_ref(), transfer.row.location_dest_id.as_ref());
    let mut left: Vec<_> = transfer.moves.iter().filter(|row| !matches!(row.state.as_deref(), Some("done" | "cancel"))).collect();
    let mut commands = Vec::new();
    for (index, (quantity, product)) in wanted.iter().enumerate() {
        match left.iter().position(|row| row.product_id.as_ref().is_some_and(|link| link.id == product.id)) {
            Some(at) => {
                let row = left.remove(at);
                let here = super::super::transfer::done(row, &transfer.lines);
                if *quantity < here {
                    return Err(refuse(&["lineItems", &index.to_string(), field], format!("{here} have come already")));
                }
                if super::super::transfer::expected(row) != *quantity {
                    commands.push(json!([1, row.id, { "product_uom_qty": super::transfer::in_unit_of(row, *quantity) }]));
                }
            }
            None => commands.push(new_move(product, *quantity, from.map_or(0, |link| link.id), to.map_or(0, |link| link.id))),
        }
    }
    commands.extend(left.into_iter().map(|row| json!([2, row.id, 0])));
    Ok(commands)
}
