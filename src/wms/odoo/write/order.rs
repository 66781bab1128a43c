//! Orders: made and confirmed.
//!
//! Two calls, `create` (a quotation, with the write's reference in `origin`) and `action_confirm`. Where Odoo refuses the second,
//! the quotation is removed.
//!
//! **The consignee** is a partner of its own, and an identical one is used again. It is the customer too, unless the order names
//! a warehouse customer: then that is the customer. A third address line is put after the second.

use serde_json::{Map, Value, json};

use super::super::Odoo;
use super::super::client::stamp;
use super::super::rows::{CarrierRow, OrderRow, ProductRow, Row, TagRow, WarehouseRow};
use super::lines::{Called, Offered};
use super::{Inputs, fields_of_odoo, found, harmless, in_use, located, number, odoo_id, open, own_fields, refuse, written};
use crate::record::draft::{CreateOrder, OrderDraft, OrderLineItemDraft};
use crate::record::{Order, OrderStatus};
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
pub(super) fn shown(row: &OrderRow) -> &str {
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
    pub(super) async fn ordered(&self, lines: &[OrderLineItemDraft]) -> Result<Vec<ProductRow>, Error> {
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
    pub(super) async fn tag_commands(&self, tags: &[String]) -> Result<Value, Error> {
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
pub(super) fn new_line(line: &OrderLineItemDraft, product: &ProductRow, index: usize, unused: &mut Vec<String>) -> Result<Value, Error> {
    let mut values = Map::from_iter([("product_id".to_owned(), json!(product.id)), ("product_uom_qty".to_owned(), json!(line.quantity.to_f64()))]);
    priced(line, index, &mut values, unused)?;
    Ok(json!([0, 0, values]))
}

/// The price and the discount of a line. Odoo keeps a discount as a percentage with two decimals, of the line's price.
pub(super) fn priced(line: &OrderLineItemDraft, index: usize, values: &mut Map<String, Value>, unused: &mut Vec<String>) -> Result<(), Error> {
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

#[cfg(test)]
mod tests {
    use super::super::path;
    use super::*;
    use crate::record::{Money, Quantity};

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
