//! Orders: made, changed, cancelled.
//!
//! **An order is whole or not there.** Tryton makes it in four calls: a draft, its quotation, its confirmation, its release.
//!
//! **Changes.** Once a sale is no draft any more, Tryton's own screens let nobody change it; its REST interface takes some of
//! it and does nothing with it. So only the reference of such an order can be changed here.
//!
//! **Cancelling** a released sale is not for Tryton: its shipments are cancelled, and with the last of them the order is.

use serde_json::{Map, Value, json};

use super::address::Consignee;
use super::{Named, day, decimal, fields_of, given, harmless, located, open, path, positive, refuse, text, tryton_id};
use crate::record::draft::{CancelOrder, Command, CreateOrder, MaybeUndefined, OrderLineItemDraft, OrderPatch, UpdateOrder};
use crate::record::{Order, OrderStatus};
use crate::wms::tryton::Tryton;
use crate::wms::tryton::client::id_of;
use crate::wms::tryton::rows::{Row, SaleRow, WantedRow, money};
use crate::wms::{Error, Found, Kind, Push, Written};

/// The fields of Tryton's sentences, and the input that fills them.
const INPUT: &[(&str, &[&str])] = &[
    ("\"Party\"", &["shipTo"]),
    ("Address\"", &["shipTo"]),
    ("\"Warehouse\"", &["warehouseId"]),
    ("a warehouse", &["warehouseId"]),
    ("carrier", &["shippingMethodId"]),
    ("\"Carrier\"", &["shippingMethodId"]),
    ("\"Shipping Date\"", &["requiredShipDate"]),
    ("\"Unit Price\"", &["lineItems"]),
    ("\"Sale Line\"", &["lineItems"]),
];

/// The same, that only a new order has.
const INPUT_OF_NEW: &[(&str, &[&str])] = &[("\"Currency\"", &["currencyCode"])];

fn named(lines: &[OrderLineItemDraft]) -> Vec<Named<'_>> {
    lines.iter().map(|line| Named { id: line.product_id.as_ref().map(|id| ("productId", id.source_id())), sku: text(line.sku.as_deref()) }).collect()
}

/// A line, as Tryton takes it.
fn line_values(line: &OrderLineItemDraft, product: &WantedRow) -> Value {
    let price = line.unit_price.or_else(|| money(product.list_price_used));
    let taxes = product.account_category.iter().flat_map(|category| &category.customer_taxes_used).collect::<Vec<_>>();
    json!({
        "type": "line", "product": product.id, "quantity": line.quantity.to_f64(), "unit": product.default_uom.as_ref().map(|unit| unit.id),
        "unit_price": price.map(decimal), "taxes": [["add", taxes]],
    })
}

impl Push<CreateOrder> for Tryton {
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
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.unitPrice",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of(SaleRow::MODEL)
    }

    async fn push(&self, command: &CreateOrder, reference: &str) -> Result<Written<Order>, Error> {
        let (values, unused, consignee) = self.sale_values(command, reference).await.map_err(harmless)?;
        let id = match self.make(SaleRow::MODEL, &values).await {
            Ok(id) => id,
            Err(error) => {
                if !error.outcome_unknown {
                    self.forget(consignee).await;
                }
                return Err(located(located(error, INPUT), INPUT_OF_NEW));
            }
        };
        if let Err(error) = self.released(SaleRow::MODEL, id).await {
            return Err(self.undone(SaleRow::MODEL, id, consignee, located(error, INPUT)).await);
        }
        Ok(Written { record: self.order(id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, _command: &CreateOrder, reference: &str) -> Result<Found<Written<Order>>, Error> {
        let found = self.referred(SaleRow::MODEL, reference).await?;
        let state = |sale: &Value| sale["state"].as_str().unwrap_or_default().to_owned();
        let alive: Vec<&Value> = found.iter().filter(|sale| state(sale) != "cancelled").collect();
        match alive.as_slice() {
            [] => Ok(Found::NotDone),
            [sale] if matches!(state(sale).as_str(), "confirmed" | "processing" | "done") => {
                let id = id_of(sale).unwrap_or_default();
                Ok(Found::Done(Written { record: self.order(id).await?, unused_fields: Vec::new() }))
            }
            [sale] => Ok(Found::Unclear(format!("The sale {} was made, but is still in state {:?}", sale["id"], state(sale)))),
            several => Ok(Found::Unclear(format!("Tryton has {} sales of this write", several.len()))),
        }
    }
}

impl Tryton {
    /// What a sale is to be made of, the input that it has no place for, and who gets the goods.
    async fn sale_values(&self, command: &CreateOrder, reference: &str) -> Result<(Value, Vec<String>, Option<Consignee>), Error> {
        let order = &command.order;
        let mut values = self.own_fields(SaleRow::MODEL, command.integration_fields.as_ref()).await?;
        if order.line_items.is_empty() {
            return Err(refuse(&["lineItems"], "An order needs at least one line"));
        }
        let lines = self.sale_lines(&order.line_items).await?;
        let warehouse = self.stocked(order.warehouse_id.as_ref().map(crate::record::draft::Ref::source_id), &["warehouseId"]).await?;
        let carrier = match &order.shipping_method_id {
            Some(id) => Some(self.carrier_in_use(id.source_id(), &["shippingMethodId"]).await?),
            None => None,
        };
        let currency = match text(order.currency_code.as_deref()) {
            Some(code) => Some(self.currency(code, &["currencyCode"]).await?),
            None => None,
        };
        let customer = order.warehouse_customer_id.as_ref().map(|id| tryton_id(id.source_id(), &["warehouseCustomerId"])).transpose()?;
        let mut unused = given(&[
            ("type", order.order_type.is_some()),
            ("saturdayDelivery", order.saturday_delivery.is_some()),
            ("signatureRequired", order.signature_required.is_some()),
            ("dutyPaidBy", order.duty_paid_by.is_some()),
            ("thirdPartyFreightAccountNumber", order.third_party_freight_account_number.is_some()),
            ("sourceTags", order.source_tags.is_some()),
            ("lineItems.discountAmount", order.line_items.iter().any(|line| line.discount_amount.is_some())),
        ]);
        let consignee = match &order.ship_to {
            Some(address) => Some(self.consignee(address, &mut unused).await?),
            None => None,
        };
        let billed = match (customer, consignee) {
            (Some(customer), _) => self.first_address(customer).await?,
            (None, consignee) => consignee.map(|consignee| consignee.address),
        };
        let mut set = |field: &str, value: Option<Value>| values.extend(value.map(|value| (field.to_owned(), value)));
        set("party", customer.or(consignee.map(|consignee| consignee.party)).map(Value::from));
        set("shipment_party", customer.and(consignee).map(|consignee| json!(consignee.party)));
        set("invoice_address", billed.map(Value::from));
        set("shipment_address", consignee.map(|consignee| consignee.address).or(billed).map(Value::from));
        set("warehouse", warehouse.map(|warehouse| json!(warehouse.id)));
        set("carrier", carrier.map(Value::from));
        set("currency", currency.map(Value::from));
        set("number", text(order.order_number.as_deref()).map(Value::from));
        set("reference", text(order.reference_id.as_deref()).map(Value::from));
        set("shipping_date", order.required_ship_date.map(day));
        set("description", Some(json!(reference)));
        set("lines", Some(json!([["create", lines]])));
        Ok((Value::Object(values), unused, consignee))
    }

    /// Lines, as Tryton takes them.
    async fn sale_lines(&self, lines: &[OrderLineItemDraft]) -> Result<Vec<Value>, Error> {
        for (index, line) in lines.iter().enumerate() {
            positive(line.quantity, &["lineItems", &index.to_string(), "quantity"])?;
        }
        let products = self.products_of(&named(lines), "lineItems").await?;
        Ok(lines.iter().zip(&products).map(|(line, product)| line_values(line, product)).collect())
    }

    /// The sale that a command names.
    pub(super) async fn sale_of<C: Command<Record = Order>>(&self, command: &C) -> Result<SaleRow, Error> {
        let id = tryton_id(command.target().map(crate::record::draft::Ref::source_id).unwrap_or_default(), &["id"])?;
        let row = self.row::<SaleRow>(id).await.map_err(harmless)?;
        row.ok_or_else(|| Error::new(Kind::NotFound, "Tryton has no such sale").with_path(path(&["id"])))
    }
}

impl Push<UpdateOrder> for Tryton {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "referenceId",
        "warehouseId",
        "shippingMethodId",
        "shipTo",
        "requiredShipDate",
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.quantity",
        "lineItems.unitPrice",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of(SaleRow::MODEL)
    }

    async fn push(&self, command: &UpdateOrder, reference: &str) -> Result<Written<Order>, Error> {
        let sale = self.sale_of(command).await?;
        let (mut values, mut unused) = self.sale_changes(command, &sale).await.map_err(harmless)?;
        let consignee = match command.order.ship_to.value() {
            Some(address) => Some(self.consignee(address, &mut unused).await.map_err(harmless)?),
            None => None,
        };
        values.extend(consignee.iter().flat_map(goes_to));
        if let Err(error) = self.change_noted(SaleRow::MODEL, sale.id, values, reference).await {
            if !error.outcome_unknown {
                self.forget(consignee).await;
            }
            return Err(located(error, INPUT));
        }
        Ok(Written { record: self.order(sale.id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &UpdateOrder, reference: &str) -> Result<Found<Written<Order>>, Error> {
        let sale = self.sale_of(command).await?;
        let plan = async {
            let (mut values, _) = self.sale_changes(command, &sale).await?;
            if let Some(address) = command.order.ship_to.value() {
                let Some(consignee) = self.known_consignee(address).await? else { return Ok(None) };
                values.extend(goes_to(&consignee));
            }
            Ok(Some(values))
        };
        self.find_change(SaleRow::MODEL, sale.id, reference, plan, self.order(sale.id)).await
    }
}

/// The values that send a sale to somebody.
fn goes_to(consignee: &Consignee) -> [(String, Value); 2] {
    [("shipment_party".to_owned(), json!(consignee.party)), ("shipment_address".to_owned(), json!(consignee.address))]
}

impl Tryton {
    /// What is to change of a sale, but for who gets it, and the input that it has no place for.
    async fn sale_changes(&self, command: &UpdateOrder, sale: &SaleRow) -> Result<(Map<String, Value>, Vec<String>), Error> {
        let patch: &OrderPatch = &command.order;
        let mut values = self.own_fields(SaleRow::MODEL, command.integration_fields.as_ref()).await?;
        let state = sale.state.as_deref().unwrap_or_default();
        let only_in_draft = [
            ("warehouseId", !patch.warehouse_id.is_undefined()),
            ("shippingMethodId", !patch.shipping_method_id.is_undefined()),
            ("shipTo", !patch.ship_to.is_undefined()),
            ("requiredShipDate", !patch.required_ship_date.is_undefined()),
            ("lineItems", !patch.line_items.is_undefined()),
        ];
        if let Some((field, _)) = only_in_draft.iter().find(|(_, is_given)| *is_given && state != "draft") {
            return Err(refuse(&[field], format!("Tryton lets this be changed only while the sale is a draft; it is in state {state:?}")));
        }
        if patch.ship_to.is_null() {
            return Err(refuse(&["shipTo"], "A sale needs an address"));
        }
        let unused = given(&[
            ("type", !patch.order_type.is_undefined()),
            ("saturdayDelivery", !patch.saturday_delivery.is_undefined()),
            ("signatureRequired", !patch.signature_required.is_undefined()),
            ("dutyPaidBy", !patch.duty_paid_by.is_undefined()),
            ("thirdPartyFreightAccountNumber", !patch.third_party_freight_account_number.is_undefined()),
            ("sourceTags", !patch.source_tags.is_undefined()),
        ]);
        if let MaybeUndefined::Value(lines) = &patch.line_items {
            values.insert("lines".to_owned(), self.line_changes(sale, lines).await?);
        } else if patch.line_items.is_null() {
            return Err(refuse(&["lineItems"], "An order needs at least one line"));
        }
        match &patch.reference_id {
            MaybeUndefined::Undefined => {}
            reference => drop(values.insert("reference".to_owned(), json!(text(reference.value().map(String::as_str))))),
        }
        match &patch.required_ship_date {
            MaybeUndefined::Undefined => {}
            date => drop(values.insert("shipping_date".to_owned(), json!(date.value().copied().map(day)))),
        }
        match &patch.warehouse_id {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => drop(values.insert("warehouse".to_owned(), Value::Null)),
            MaybeUndefined::Value(id) => {
                let warehouse = self.stocked(Some(id.source_id()), &["warehouseId"]).await?;
                values.insert("warehouse".to_owned(), json!(warehouse.map(|warehouse| warehouse.id)));
            }
        }
        match &patch.shipping_method_id {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => drop(values.insert("carrier".to_owned(), Value::Null)),
            MaybeUndefined::Value(id) => {
                let carrier = self.carrier_in_use(id.source_id(), &["shippingMethodId"]).await?;
                values.insert("carrier".to_owned(), json!(carrier));
            }
        }
        Ok((values, unused))
    }

    /// The commands that give a draft these lines: what it has of a product keeps its line.
    async fn line_changes(&self, sale: &SaleRow, lines: &[OrderLineItemDraft]) -> Result<Value, Error> {
        if lines.is_empty() {
            return Err(refuse(&["lineItems"], "An order needs at least one line"));
        }
        let values = self.sale_lines(lines).await?;
        let mut left: Vec<(i64, Option<i64>)> = sale
            .lines
            .iter()
            .filter(|line| line.r#type.as_deref() == Some("line"))
            .map(|line| (line.id, line.product.as_ref().map(|product| product.id)))
            .collect();
        let (mut commands, mut new) = (Vec::new(), Vec::new());
        for (line, mut value) in lines.iter().zip(values) {
            match left.iter().position(|(_, product)| *product == value["product"].as_i64()) {
                Some(at) => {
                    let (id, _) = left.remove(at);
                    if let (None, Some(fields)) = (line.unit_price, value.as_object_mut()) {
                        // Without a price, the line keeps the one that it has.
                        fields.remove("unit_price");
                    }
                    if let Some(fields) = value.as_object_mut() {
                        fields.remove("taxes");
                    }
                    commands.push(json!(["write", [id], value]));
                }
                None => new.push(value),
            }
        }
        if !new.is_empty() {
            commands.push(json!(["create", new]));
        }
        if !left.is_empty() {
            commands.push(json!(["delete", left.iter().map(|(id, _)| id).collect::<Vec<_>>()]));
        }
        Ok(Value::Array(commands))
    }
}

impl Push<CancelOrder> for Tryton {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["reason"];

    async fn push(&self, command: &CancelOrder, reference: &str) -> Result<Written<Order>, Error> {
        let sale = self.sale_of(command).await?;
        let state = sale.state.as_deref().unwrap_or_default();
        let to_cancel: Vec<i64> =
            sale.shipments.iter().filter(|shipment| shipment.state.as_deref() != Some("cancelled")).map(|shipment| shipment.id).collect();
        let has_left = sale.shipments.iter().any(super::super::rows::ShipmentRow::has_left);
        if state == "processing" && !has_left && !to_cancel.is_empty() {
            for (index, id) in to_cancel.iter().enumerate() {
                let cancelled = self.act("stock.shipment.out", *id, "cancel").await;
                // What was cancelled before stays so.
                cancelled.map_err(|error| if index > 0 { open(error) } else { error })?;
            }
        } else {
            if state == "confirmed" {
                // Tryton cancels drafts and quotations.
                self.act(SaleRow::MODEL, sale.id, "draft").await?;
            }
            // Of a sale that cannot be cancelled, Tryton says so itself.
            self.act(SaleRow::MODEL, sale.id, "cancel").await.map_err(|error| if state == "confirmed" { open(error) } else { error })?;
        }
        let unused = self.leave_reason(SaleRow::MODEL, sale.id, command.reason.as_deref(), reference).await;
        Ok(Written { record: self.order(sale.id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &CancelOrder, _reference: &str) -> Result<Found<Written<Order>>, Error> {
        let sale = self.sale_of(command).await?;
        let order = self.order(sale.id).await?;
        if order.status == OrderStatus::Cancelled {
            return Ok(Found::Done(Written { record: order, unused_fields: Vec::new() }));
        }
        let some = sale.shipments.iter().any(|shipment| shipment.state.as_deref() == Some("cancelled"));
        Ok(if some { Found::Unclear("Some of the order's shipments are cancelled, others are not".to_owned()) } else { Found::NotDone })
    }
}
