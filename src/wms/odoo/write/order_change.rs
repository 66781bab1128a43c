//! Orders: changed, cancelled.
//!
//! **Changed** in one `write`, which takes the open transfers along: Odoo leaves them with the old address and delivery method
//! otherwise. A line of a confirmed order cannot be removed, it is set to 0, and such lines are not shown. **Cancelled** by
//! `action_cancel`, which says yes to a shipped order too; we do not.

use serde_json::{Map, Value, json};

use super::super::Odoo;
use super::super::client::stamp;
use super::super::order::is_goods;
use super::super::rows::{OrderLineRow, OrderRow, PickingRow, Row};
use super::order::{INPUTS, new_line, priced, shown};
use super::{conflict, fields_of_odoo, found, harmless, located, note, odoo_id, open, own_fields, path, refuse, target, text, written};
use crate::record::draft::{CancelOrder, MaybeUndefined, OrderLineItemDraft, UpdateOrder};
use crate::record::{Order, OrderStatus, Quantity};
use crate::wms::{Error, Found, Kind, Push, Written};

impl Push<UpdateOrder> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "referenceId",
        "shippingMethodId",
        "shipTo",
        "requiredShipDate",
        "sourceTags",
        "lineItems.quantity",
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.unitPrice",
        "lineItems.discountAmount",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of_odoo(OrderRow::MODEL)
    }

    async fn push(&self, command: &UpdateOrder, reference: &str) -> Result<Written<Order>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let mut unused = Vec::new();
        let (values, consignee) = self.order_changes(id, command, reference, &mut unused).await.map_err(harmless)?;
        // The transfers are changed with it, so nobody needs to be asked to do that.
        let arguments = json!({ "ids": [id], "vals": values, "context": { "mail_activity_automation_skip": true } });
        if let Err(error) = self.call(OrderRow::MODEL, "write", &arguments).await {
            if !error.outcome_unknown {
                self.forget_partner(consignee).await;
            }
            return Err(located(error, INPUTS));
        }
        written(id, self.order(id).await, unused)
    }

    async fn look_up(&self, _command: &UpdateOrder, reference: &str) -> Result<Found<Written<Order>>, Error> {
        self.find_noted::<OrderRow, Order>(reference, async |id| self.order(id).await).await
    }
}

impl Odoo {
    /// An order that Odoo will ship, as it stands now. A quotation is none that anybody has accepted.
    pub(super) async fn order_row(&self, id: i64) -> Result<OrderRow, Error> {
        let rows = self.related::<OrderRow>("id", [id]).await?;
        let row = target(Ok(rows.first()), "order")?;
        let row = OrderRow::of(row).map_err(|reason| Error::new(Kind::Protocol, reason))?;
        match row.state.as_deref() {
            Some("sale" | "cancel") => Ok(row),
            _ => Err(Error::new(Kind::NotFound, format!("{} is a quotation in Odoo, and no order yet", shown(&row))).with_path(path(&["id"]))),
        }
    }

    /// The transfers of an order that bring goods to the consignee, or back.
    pub(super) async fn order_pickings(&self, id: i64) -> Result<Vec<PickingRow>, Error> {
        let rows = self.related::<PickingRow>("sale_id", [id]).await?;
        rows.iter().map(PickingRow::of).collect::<Result<_, _>>().map_err(|reason| Error::new(Kind::Protocol, reason))
    }

    /// What `sale.order/write` is to be called with, and the partner that was made for it, if one was.
    async fn order_changes(
        &self,
        id: i64,
        command: &UpdateOrder,
        reference: &str,
        unused: &mut Vec<String>,
    ) -> Result<(Map<String, Value>, Option<i64>), Error> {
        let patch = &command.order;
        let mut values = own_fields(command.integration_fields.as_ref())?;
        let row = self.order_row(id).await?;
        if row.state.as_deref() == Some("cancel") {
            return Err(conflict(format!("{} is cancelled in Odoo", shown(&row))));
        }
        if row.locked {
            return Err(conflict(format!("{} is locked in Odoo", shown(&row))));
        }
        let unknown = [
            (patch.warehouse_id.is_undefined(), "warehouseId"),
            (patch.order_type.is_undefined(), "type"),
            (patch.saturday_delivery.is_undefined(), "saturdayDelivery"),
            (patch.signature_required.is_undefined(), "signatureRequired"),
            (patch.duty_paid_by.is_undefined(), "dutyPaidBy"),
            (patch.third_party_freight_account_number.is_undefined(), "thirdPartyFreightAccountNumber"),
        ];
        unused.extend(unknown.into_iter().filter(|(absent, _)| !absent).map(|(_, name)| name.to_owned()));
        let is_open = |picking: &PickingRow| !matches!(picking.state.as_deref(), Some("done" | "cancel")) && picking.return_id.is_none();
        let open: Vec<PickingRow> = self.order_pickings(id).await?.into_iter().filter(is_open).collect();
        let of_transfers = [(&patch.ship_to.is_undefined(), "shipTo"), (&patch.shipping_method_id.is_undefined(), "shippingMethodId")];
        if let Some((_, field)) = of_transfers.into_iter().find(|(absent, _)| !**absent).filter(|_| open.is_empty()) {
            return Err(conflict(format!("Nothing of {} is left to ship", shown(&row))).with_path(path(&[field])));
        }
        let mut of_picking = Map::new();
        match &patch.reference_id {
            MaybeUndefined::Undefined => {}
            reference => drop(values.insert("client_order_ref".to_owned(), text(reference.value().map(String::as_str)))),
        }
        match &patch.required_ship_date {
            MaybeUndefined::Undefined => {}
            at => drop(values.insert("commitment_date".to_owned(), at.value().map_or(json!(false), |at| json!(stamp(*at))))),
        }
        match &patch.shipping_method_id {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => drop(of_picking.insert("carrier_id".to_owned(), json!(false))),
            MaybeUndefined::Value(id) => drop(of_picking.insert("carrier_id".to_owned(), json!(self.carrier_in_use(id.source_id()).await?))),
        }
        values.extend(of_picking.get("carrier_id").map(|carrier| ("carrier_id".to_owned(), carrier.clone())));
        match &patch.source_tags {
            MaybeUndefined::Undefined => {}
            tags => drop(values.insert("tag_ids".to_owned(), self.tag_commands(tags.value().map_or(&[], Vec::as_slice)).await?)),
        }
        match &patch.line_items {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => return Err(refuse(&["lineItems"], "An order needs at least one line")),
            MaybeUndefined::Value(lines) => drop(values.insert("order_line".to_owned(), self.line_changes(id, lines, unused).await?)),
        }
        let mut made = None;
        match &patch.ship_to {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => return Err(refuse(&["shipTo"], "An order of Odoo must have an address")),
            MaybeUndefined::Value(address) => {
                let (partner, is_new) = self.partner(address, "shipTo", INPUTS, unused).await?;
                made = is_new.then_some(partner);
                values.insert("partner_shipping_id".to_owned(), json!(partner));
                of_picking.insert("partner_id".to_owned(), json!(partner));
            }
        }
        if !of_picking.is_empty() {
            let commands: Vec<Value> = open.iter().map(|picking| json!([1, picking.id, of_picking])).collect();
            values.insert("picking_ids".to_owned(), json!(commands));
        }
        values.insert("message_ids".to_owned(), note::<OrderRow>(reference));
        Ok((values, made))
    }

    /// The commands that make these the lines of an order, each taken by a line of the same product where there is one.
    async fn line_changes(&self, order: i64, wanted: &[OrderLineItemDraft], unused: &mut Vec<String>) -> Result<Value, Error> {
        if wanted.is_empty() {
            return Err(refuse(&["lineItems"], "An order needs at least one line"));
        }
        let rows = self.related::<OrderLineRow>("order_id", [order]).await?;
        let rows: Result<Vec<OrderLineRow>, String> = rows.iter().map(OrderLineRow::of).collect();
        let mut left = rows.map_err(|reason| Error::new(Kind::Protocol, reason))?;
        left.retain(is_goods);
        let products = self.ordered(wanted).await?;
        let mut commands = Vec::new();
        for (index, (line, product)) in wanted.iter().zip(&products).enumerate() {
            let Some(at) = left.iter().position(|row| row.product_id.as_ref().is_some_and(|link| link.id == product.id)) else {
                commands.push(new_line(line, product, index, unused)?);
                continue;
            };
            let row = left.remove(at);
            let shipped = row.qty_delivered.unwrap_or_default();
            if line.quantity < shipped {
                return Err(refuse(&["lineItems", &index.to_string(), "quantity"], format!("{shipped} have been shipped already")));
            }
            let mut values = Map::from_iter([("product_uom_qty".to_owned(), json!(line.quantity.to_f64()))]);
            values.retain(|_, _| row.product_uom_qty != Some(line.quantity));
            priced(line, index, &mut values, unused)?;
            if !values.is_empty() {
                commands.push(json!([1, row.id, values]));
            }
        }
        for row in left {
            if row.qty_delivered.unwrap_or_default() > Quantity::ZERO {
                let name = row.product_id.and_then(|product| product.name).unwrap_or_default();
                return Err(refuse(&["lineItems"], format!("{name:?} has been shipped already and cannot be taken off the order")));
            }
            commands.push(json!([1, row.id, { "product_uom_qty": 0 }]));
        }
        Ok(json!(commands))
    }
}

impl Push<CancelOrder> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["reason"];

    async fn push(&self, command: &CancelOrder, _reference: &str) -> Result<Written<Order>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let row = self.order_row(id).await.map_err(harmless)?;
        let pickings = self.order_pickings(id).await.map_err(harmless)?;
        let has_left = |picking: &&PickingRow| picking.picking_type_code.as_deref() == Some("outgoing") && picking.state.as_deref() == Some("done");
        if let Some(shipped) = pickings.iter().find(has_left) {
            // Odoo would call the order cancelled and bring nothing back.
            let why = format!("{} has left with {}: make a return instead", shown(&row), shipped.name.as_deref().unwrap_or("a transfer"));
            return Err(conflict(why));
        }
        let mut unused = Vec::new();
        if row.state.as_deref() != Some("cancel") {
            self.call(OrderRow::MODEL, "action_cancel", &json!({ "ids": [id] })).await?;
        }
        let read = self.order(id).await.map_err(open)?;
        if !matches!(&read, Some(Ok(record)) if record.status == OrderStatus::Cancelled) {
            return Err(Error::new(Kind::Validation, "Odoo answered the cancellation of the order without an error, but did not cancel it"));
        }
        self.leave_reason::<OrderRow>(id, command.reason.as_deref(), &mut unused).await;
        written(id, Ok(read), unused)
    }

    async fn look_up(&self, command: &CancelOrder, _reference: &str) -> Result<Found<Written<Order>>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        match self.order(id).await? {
            Some(Ok(record)) if record.status != OrderStatus::Cancelled => Ok(Found::NotDone),
            None => Ok(Found::Unclear("Odoo has no such order any more, or has set it back to a quotation".to_owned())),
            read => found(id, Ok(read)),
        }
    }
}
