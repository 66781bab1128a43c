//! Orders: made and confirmed, changed, cancelled.
//!
//! **Made** in two calls, `create` (a quotation, with the write's reference in `origin`) and `action_confirm`. Where Odoo refuses
//! the second, the quotation is removed. **Changed** in one `write`, which takes the open transfers along: Odoo leaves them
//! with the old address and delivery method otherwise. A line of a confirmed order cannot be removed, it is set to 0, and
//! such lines are not shown. **Cancelled** by `action_cancel`, which says yes to a shipped order too; we do not.
//!
//! **The consignee** is a partner of its own, and an identical one is used again. It is the customer too, unless the order names
//! a warehouse customer: then that is the customer. A third address line is put after the second.

use serde_json::{Map, Value, json};

use super::super::Odoo;
use super::super::client::stamp;
use super::super::rows::{CarrierRow, OrderLineRow, OrderRow, PickingRow, ProductRow, Row, TagRow, WarehouseRow};
use super::lines::{Called, Offered};
use super::{
    Inputs, conflict, fields_of_odoo, found, harmless, in_use, located, note, number, odoo_id, open, own_fields, path, refuse, target, text, written,
};
use crate::record::draft::{CancelOrder, CreateOrder, MaybeUndefined, OrderDraft, OrderLineItemDraft, UpdateOrder};
use crate::record::{Order, OrderStatus, Quantity};
use crate::wms::{Error, Found, Kind, Push, Written};

pub(super) const INPUTS: Inputs = &[
    ("(partner_id)", &["shipTo"]),
    ("(partner_shipping_id)", &["shipTo"]),
    ("Contacts require a name", &["shipTo", "fullName"]),
    ("res.partner(", &["warehouseCustomerId"]),
    ("(warehouse_id)", &["warehouseId"]),
    ("stock.warehouse(", &["warehouseId"]),
    ("(carrier_id)", &["shippingMethodId"]),
    ("delivery.carrier(", &["shippingMethodId"]),
    ("(commitment_date)", &["requiredShipDate"]),
    ("product.product(", &["lineItems"]),
    ("sale order line cannot be decreased", &["lineItems"]),
];

impl Push<CreateOrder> for Odoo {
    const REQUIRED: &'static [&'static str] = &["lineItems.quantity"];
    const OPTIONAL: &'static [&'static str] = &[
        "orderNumber",
        "referenceId",
        "warehouseCustomerId",
        "warehouseId",
        "shippingMethodId",
        "shipTo",
        "requiredShipDate",
        "currencyCode",
        "sourceTags",
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.unitPrice",
        "lineItems.discountAmount",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of_odoo(OrderRow::MODEL)
    }

    async fn push(&self, command: &CreateOrder, reference: &str) -> Result<Written<Order>, Error> {
        let mut unused = unused_of(&command.order);
        let (values, consignee) = self.order_values(command, reference, &mut unused).await.map_err(harmless)?;
        let made: Result<Vec<i64>, Error> = self.value(OrderRow::MODEL, "create", &json!({ "vals_list": [values] })).await;
        let id = match made {
            Ok(ids) => ids.first().copied().ok_or_else(|| open(Error::new(Kind::Protocol, "Odoo made an order and did not say which")))?,
            Err(error) => {
                if !error.outcome_unknown {
                    self.forget_partner(consignee).await;
                }
                return Err(located(error, INPUTS));
            }
        };
        let confirmed = match self.check_currency(id, command.order.currency_code.as_deref()).await {
            Ok(()) => self.call(OrderRow::MODEL, "action_confirm", &json!({ "ids": [id] })).await.map(drop),
            // Nothing but a quotation is there yet, whatever came of the question.
            Err(error) => Err(harmless(error)),
        };
        if let Err(error) = confirmed {
            let error = located(error, INPUTS);
            return Err(if error.outcome_unknown { error } else { self.undone(id, consignee, error).await });
        }
        // A 200 is not a success: Odoo may have answered with a dialog and done nothing.
        let read = self.order(id).await.map_err(open)?;
        if read.is_none() {
            let error = Error::new(Kind::Validation, "Odoo answered the confirmation of the order without an error, but did not confirm it");
            return Err(self.undone(id, consignee, error).await);
        }
        written(id, Ok(read), unused)
    }

    async fn look_up(&self, _command: &CreateOrder, reference: &str) -> Result<Found<Written<Order>>, Error> {
        let rows = self.search::<OrderRow>(&[json!(["origin", "=", reference])], 1).await?.0;
        let Some(row) = rows.first() else { return Ok(Found::NotDone) };
        let row = OrderRow::of(row).map_err(|reason| Error::new(Kind::Protocol, reason))?;
        match self.order(row.id).await? {
            // A quotation that could be neither confirmed nor removed was cancelled; it never had anything to ship.
            Some(Ok(record)) if record.status == OrderStatus::Cancelled && record.shipments.is_empty() => {
                Ok(Found::Unclear(format!("Odoo holds {}, cancelled and without transfers: it may never have been confirmed", shown(&row))))
            }
            None => Ok(Found::Unclear(format!("Odoo holds {} as a quotation, which was made and not confirmed", shown(&row)))),
            read => found(row.id, Ok(read)),
        }
    }
}

/// What Odoo calls an order.
fn shown(row: &OrderRow) -> &str {
    row.name.as_deref().unwrap_or("an order")
}

/// The input that Odoo has no place for.
fn unused_of(order: &OrderDraft) -> Vec<String> {
    let given = [
        (order.order_type.is_some(), "type"),
        (order.saturday_delivery.is_some(), "saturdayDelivery"),
        (order.signature_required.is_some(), "signatureRequired"),
        (order.duty_paid_by.is_some(), "dutyPaidBy"),
        (order.third_party_freight_account_number.is_some(), "thirdPartyFreightAccountNumber"),
    ];
    given.into_iter().filter(|(given, _)| *given).map(|(_, name)| name.to_owned()).collect()
}

impl Odoo {
    /// What `sale.order/create` is to be called with, and the partner that was made for it, if one was. Nothing is made
    /// before everything has been checked.
    async fn order_values(&self, command: &CreateOrder, reference: &str, unused: &mut Vec<String>) -> Result<(Value, Option<i64>), Error> {
        let order = &command.order;
        let mut values = own_fields(command.integration_fields.as_ref())?;
        if order.line_items.is_empty() {
            return Err(refuse(&["lineItems"], "An order needs at least one line"));
        }
        let products = self.ordered(&order.line_items).await?;
        let lines = order.line_items.iter().zip(&products).enumerate().map(|(index, (line, product))| new_line(line, product, index, unused));
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        if let Some(id) = &order.warehouse_id {
            let id = odoo_id(id.source_id(), &["warehouseId"])?;
            in_use(self.related::<WarehouseRow>("id", [id]).await?.first(), "warehouse", &["warehouseId"])?;
            values.insert("warehouse_id".to_owned(), json!(id));
        }
        if let Some(id) = &order.shipping_method_id {
            values.insert("carrier_id".to_owned(), json!(self.carrier_in_use(id.source_id()).await?));
        }
        if let Some(currency) = order.currency_code.as_deref() {
            let domain = json!([["currency_id.name", "=", currency]]);
            let lists: Vec<i64> = self.value("product.pricelist", "search", &json!({ "domain": domain, "limit": 1, "order": "id" })).await?;
            values.extend(lists.first().map(|list| ("pricelist_id".to_owned(), json!(list))));
        }
        let customer = order.warehouse_customer_id.as_ref();
        let customer = customer.map(|customer| odoo_id(customer.source_id(), &["warehouseCustomerId"])).transpose()?;
        if let Some(tags) = &order.source_tags {
            values.insert("tag_ids".to_owned(), self.tag_commands(tags).await?);
        }
        let (mut consignee, mut made) = (None, None);
        if let Some(address) = &order.ship_to {
            let (id, is_new) = self.partner(address, "shipTo", INPUTS, unused).await?;
            (consignee, made) = (Some(id), is_new.then_some(id));
        }
        let mut set = |field: &str, value: Option<Value>| values.extend(value.map(|value| (field.to_owned(), value)));
        set("partner_id", customer.or(consignee).map(Value::from));
        set("partner_shipping_id", consignee.map(Value::from));
        set("name", order.order_number.as_ref().map(|name| json!(name)));
        set("client_order_ref", order.reference_id.as_ref().map(|reference| json!(reference)));
        set("commitment_date", order.required_ship_date.map(|at| json!(stamp(at))));
        set("origin", Some(json!(reference)));
        set("order_line", Some(json!(lines)));
        Ok((Value::Object(values), made))
    }

    /// The product of each line of an order.
    async fn ordered(&self, lines: &[OrderLineItemDraft]) -> Result<Vec<ProductRow>, Error> {
        let called: Vec<Called<'_>> =
            lines.iter().map(|line| Called::by("productId", line.product_id.as_ref(), line.sku.as_deref(), line.quantity)).collect();
        self.called("lineItems", "quantity", &called, Offered::InUse).await
    }

    /// The delivery method with this id, which must be in use: Odoo takes an archived one without a word.
    pub(super) async fn carrier_in_use(&self, id: &str) -> Result<i64, Error> {
        let id = odoo_id(id, &["shippingMethodId"])?;
        in_use(self.related::<CarrierRow>("id", [id]).await?.first(), "delivery method", &["shippingMethodId"])?;
        Ok(id)
    }

    /// What makes these an order's labels and no others. Those that Odoo does not know are made in the same call.
    async fn tag_commands(&self, tags: &[String]) -> Result<Value, Error> {
        let rows = self.search::<TagRow>(&[json!(["name", "in", tags])], super::super::client::CHUNK).await?.0;
        let known: Vec<TagRow> = rows.iter().filter_map(|row| TagRow::of(row).ok()).collect();
        let mut commands = vec![json!([5, 0, 0])];
        for tag in tags {
            let found = known.iter().find(|row| row.name.as_deref() == Some(tag));
            commands.push(found.map_or_else(|| json!([0, 0, { "name": tag }]), |row| json!([4, row.id, 0])));
        }
        Ok(json!(commands))
    }

    /// Whether the order is in the currency that its prices are in. Odoo takes an order's currency from a price list.
    async fn check_currency(&self, id: i64, wanted: Option<&str>) -> Result<(), Error> {
        let Some(wanted) = wanted else { return Ok(()) };
        let rows = self.related::<OrderRow>("id", [id]).await?;
        let currency = rows.first().and_then(|row| OrderRow::of(row).ok()?.currency_id?.name);
        match currency {
            Some(currency) if currency == wanted => Ok(()),
            currency => Err(refuse(
                &["currencyCode"],
                format!("Odoo has no price list in {wanted}; the order would be in {}", currency.as_deref().unwrap_or("no currency")),
            )),
        }
    }

    /// `error`, after the quotation and the partner that was made for it have been removed.
    async fn undone(&self, order: i64, consignee: Option<i64>, error: Error) -> Error {
        let arguments = json!({ "ids": [order] });
        if self.call(OrderRow::MODEL, "unlink", &arguments).await.is_err() {
            // Odoo removes no order that is past its quotation; a cancelled one can be removed, and does no harm if it stays.
            if let Err(left) = self.call(OrderRow::MODEL, "action_cancel", &arguments).await {
                tracing::warn!(odoo.order = order, error = %left, "An order that Odoo refused to confirm could not be removed");
                return open(error);
            }
            if let Err(left) = self.call(OrderRow::MODEL, "unlink", &arguments).await {
                tracing::debug!(odoo.order = order, error = %left, "An order that Odoo refused to confirm stays there cancelled");
            }
        }
        self.forget_partner(consignee).await;
        error
    }
}

/// The command that makes a line.
fn new_line(line: &OrderLineItemDraft, product: &ProductRow, index: usize, unused: &mut Vec<String>) -> Result<Value, Error> {
    let mut values = Map::from_iter([("product_id".to_owned(), json!(product.id)), ("product_uom_qty".to_owned(), json!(line.quantity.to_f64()))]);
    priced(line, index, &mut values, unused)?;
    Ok(json!([0, 0, values]))
}

/// The price and the discount of a line. Odoo keeps a discount as a percentage with two decimals, of the line's price.
fn priced(line: &OrderLineItemDraft, index: usize, values: &mut Map<String, Value>, unused: &mut Vec<String>) -> Result<(), Error> {
    values.extend(line.unit_price.map(|price| ("price_unit".to_owned(), json!(number(price)))));
    let index = index.to_string();
    match (line.discount_amount, line.unit_price) {
        (None, _) => {}
        (Some(_), None) => unused.push(format!("lineItems.{index}.discountAmount")),
        (Some(amount), Some(price)) => {
            let full = number(price) * line.quantity.to_f64();
            let percent = (number(amount) / full * 10_000.0).round() / 100.0;
            let cents = |amount: f64| (amount * 100.0).round();
            if !percent.is_finite() || cents(full * percent / 100.0) != cents(number(amount)) {
                let why = format!("Odoo keeps a discount as a percentage with two decimals, which makes no discount of {amount} here");
                return Err(refuse(&["lineItems", &index, "discountAmount"], why));
            }
            values.insert("discount".to_owned(), json!(percent));
        }
    }
    Ok(())
}

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
        left.retain(super::super::order::is_goods);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Money;

    #[test]
    fn a_discount_must_be_a_percentage() {
        let line = |quantity, price: Option<&str>, amount: &str| OrderLineItemDraft {
            product_id: None,
            sku: None,
            quantity: Quantity::whole(quantity),
            unit_price: price.and_then(|price| price.parse::<Money>().ok()),
            discount_amount: amount.parse().ok(),
        };
        let of = |line: OrderLineItemDraft| {
            let (mut values, mut unused) = (Map::new(), Vec::new());
            priced(&line, 0, &mut values, &mut unused).map(|()| (values.get("discount").and_then(Value::as_f64), unused)).map_err(|error| error.path)
        };
        assert_eq!(of(line(2, Some("12.50"), "2.50")), Ok((Some(10.0), vec![])));
        assert_eq!(of(line(3, Some("10"), "10")), Ok((Some(33.33), vec![])));
        assert_eq!(of(line(1, None, "1")), Ok((None, vec!["lineItems.0.discountAmount".to_owned()])));
        let refused = Err(Some(path(&["lineItems", "0", "discountAmount"])));
        assert_eq!(of(line(1000, Some("99.99"), "0.07")), refused);
        assert_eq!(of(line(1, Some("0"), "1")), refused);
    }
}
