//! Returns: announced, changed, cancelled.
//!
//! Goods come back to Tryton on a sale of negative quantities that names the sale they were sold on; released, it makes the return.
//! Goods that come back on no sale, Tryton does not receive by REST.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::inbound_shipment::set_quantity;
use super::{Named, fields_of, given, harmless, located, open, path, positive, refuse, text, tryton_id};
use crate::record::draft::{CancelReturn, Command, CreateReturn, MaybeUndefined, Ref, ReturnLineItemDraft, UpdateReturn};
use crate::record::{Quantity, Return, ReturnStatus};
use crate::wms::tryton::Tryton;
use crate::wms::tryton::client::id_of;
use crate::wms::tryton::rows::{BackRow, MoveRow, ReturnRow, Row, SaleRow};
use crate::wms::{Error, Found, Kind, Push, Written};

/// The fields of Tryton's sentences, and the input that fills them.
const INPUT: &[(&str, &[&str])] =
    &[("\"Party\"", &["orderId"]), ("\"Warehouse\"", &["warehouseId"]), ("a warehouse", &["warehouseId"]), ("\"Sale Line\"", &["lineItems"])];

fn named(lines: &[ReturnLineItemDraft]) -> Vec<Named<'_>> {
    lines
        .iter()
        .map(|line| Named { id: line.inventory_item_id.as_ref().map(|id| ("inventoryItemId", id.source_id())), sku: text(line.sku.as_deref()) })
        .collect()
}

impl Push<CreateReturn> for Tryton {
    const REQUIRED: &'static [&'static str] = &["orderId"];
    const OPTIONAL: &'static [&'static str] = &["warehouseId", "lineItems.inventoryItemId", "lineItems.sku", "lineItems.expectedQuantity"];

    fn integration_fields() -> Option<Value> {
        fields_of(SaleRow::MODEL)
    }

    async fn push(&self, command: &CreateReturn, reference: &str) -> Result<Written<Return>, Error> {
        let draft = &command.returned;
        let values = self.return_values(command, reference).await.map_err(harmless)?;
        let sale = self.make(SaleRow::MODEL, &values).await.map_err(|error| located(error, INPUT))?;
        if let Err(error) = self.released(SaleRow::MODEL, sale).await {
            return Err(self.undone(SaleRow::MODEL, sale, None, located(error, INPUT)).await);
        }
        let made = self.row::<BackRow>(sale).await.map_err(open)?.unwrap_or_default();
        let back = made.shipment_returns.iter().map(|row| row.id).min();
        let back = back.ok_or_else(|| open(Error::new(Kind::Protocol, "Tryton released the sale and made no return of it")))?;
        let lines = draft.line_items.as_deref().unwrap_or_default();
        let unused = given(&[
            ("warehouseCustomerId", draft.warehouse_customer_id.is_some()),
            ("trackingNumbers", draft.tracking_numbers.is_some()),
            ("notes", draft.notes.is_some()),
            ("lineItems.reason", lines.iter().any(|line| line.reason.is_some())),
        ]);
        Ok(Written { record: self.returned(back).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, _command: &CreateReturn, reference: &str) -> Result<Found<Written<Return>>, Error> {
        let found = self.referred(SaleRow::MODEL, reference).await?;
        let alive: Vec<&Value> = found.iter().filter(|sale| sale["state"] != "cancelled").collect();
        let [sale] = alive.as_slice() else {
            return Ok(if alive.is_empty() { Found::NotDone } else { Found::Unclear(format!("Tryton has {} sales of this write", alive.len())) });
        };
        let made = self.row::<BackRow>(id_of(sale).unwrap_or_default()).await?.unwrap_or_default();
        match made.shipment_returns.iter().map(|row| row.id).min() {
            Some(back) => Ok(Found::Done(Written { record: self.returned(back).await?, unused_fields: Vec::new() })),
            None => Ok(Found::Unclear(format!("The sale {} that takes the goods back was made, but is not released", sale["id"]))),
        }
    }
}

impl Tryton {
    /// What the sale that takes goods back is to be made of.
    async fn return_values(&self, command: &CreateReturn, reference: &str) -> Result<Value, Error> {
        let draft = &command.returned;
        let mut values = self.own_fields(SaleRow::MODEL, command.integration_fields.as_ref()).await?;
        let Some(order) = &draft.order_id else {
            return Err(refuse(&["orderId"], "Tryton takes goods back on the order that they were sold on"));
        };
        let id = tryton_id(order.source_id(), &["orderId"])?;
        let sale = self.row::<SaleRow>(id).await?.ok_or_else(|| refuse(&["orderId"], "Tryton has no such sale"))?;
        let billed = self.row::<BackRow>(id).await?.unwrap_or_default();
        let mut shipped: BTreeMap<i64, Quantity> = BTreeMap::new();
        for row in sale.shipments.iter().filter(|shipment| shipment.has_left()).flat_map(|shipment| &shipment.outgoing_moves) {
            if let Some(product) = &row.product {
                *shipped.entry(product.id).or_default() += row.moved();
            }
        }
        let wanted: Vec<(i64, Quantity)> = match draft.line_items.as_deref() {
            Some([]) => return Err(refuse(&["lineItems"], "Nothing is to come back")),
            Some(lines) => {
                let products = self.products_of(&named(lines), "lineItems").await?;
                for (index, (line, product)) in lines.iter().zip(&products).enumerate() {
                    let index = index.to_string();
                    positive(line.expected_quantity, &["lineItems", &index, "expectedQuantity"])?;
                    let there = shipped.get(&product.id).copied().unwrap_or_default();
                    if line.expected_quantity > there {
                        return Err(refuse(&["lineItems", &index, "expectedQuantity"], format!("{there} of it were shipped on the order")));
                    }
                }
                lines.iter().zip(&products).map(|(line, product)| (product.id, line.expected_quantity)).collect()
            }
            None if shipped.is_empty() => return Err(refuse(&["orderId"], "Nothing of the order has been shipped")),
            None => shipped.into_iter().collect(),
        };
        let line = |(product, quantity): &(i64, Quantity)| {
            let sold = sale.lines.iter().find(|line| line.product.as_ref().is_some_and(|known| known.id == *product))?;
            let own = sold.product.as_ref()?.default_uom.as_ref().map(|unit| unit.id);
            let price = super::super::transfer::per_own_unit(sold.unit_price, sold.unit.as_ref(), sold.product.as_ref());
            Some(json!({
                "type": "line", "product": product, "quantity": -quantity.to_f64(), "unit": own, "unit_price": price.map(super::decimal),
                "taxes": [["add", sold.taxes]],
            }))
        };
        let lines: Vec<Value> = wanted.iter().filter_map(line).collect();
        let warehouse = match &draft.warehouse_id {
            Some(id) => self.stocked(Some(id.source_id()), &["warehouseId"]).await?.map(|warehouse| warehouse.id),
            None => sale.warehouse,
        };
        let ours = json!({
            "party": sale.party.as_ref().map(|party| party.id), "invoice_address": billed.invoice_address, "shipment_party": billed.shipment_party,
            "shipment_address": sale.shipment_address.as_ref().map(|address| address.id), "warehouse": warehouse,
            "currency": sale.currency.as_ref().map(|currency| currency.id), "reference": sale.reference, "origin": format!("{},{id}", SaleRow::MODEL),
            "description": reference, "lines": [["create", lines]],
        });
        // What the customer paid for carriage is not paid back with the goods.
        values.entry("shipment_cost_method").or_insert(Value::Null);
        values.extend(ours.as_object().cloned().unwrap_or_default());
        if !self.session().await?.knows(SaleRow::MODEL, "shipment_cost_method") {
            values.remove("shipment_cost_method");
        }
        Ok(Value::Object(values))
    }

    /// The return that a command names.
    async fn return_of<C: Command<Record = Return>>(&self, command: &C) -> Result<ReturnRow, Error> {
        let id = tryton_id(command.target().map(Ref::source_id).unwrap_or_default(), &["id"])?;
        let row = self.row::<ReturnRow>(id).await.map_err(harmless)?;
        row.ok_or_else(|| Error::new(Kind::NotFound, "Tryton has no such return").with_path(path(&["id"])))
    }
}

impl Push<UpdateReturn> for Tryton {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["lineItems.inventoryItemId", "lineItems.sku", "lineItems.expectedQuantity"];

    fn integration_fields() -> Option<Value> {
        fields_of(ReturnRow::MODEL)
    }

    async fn push(&self, command: &UpdateReturn, reference: &str) -> Result<Written<Return>, Error> {
        let row = self.return_of(command).await?;
        let patch = &command.returned;
        let values = self.return_changes(command, &row).await.map_err(harmless)?;
        self.change_noted(ReturnRow::MODEL, row.id, values, reference).await.map_err(|error| located(error, INPUT))?;
        let unused = given(&[
            ("warehouseId", !patch.warehouse_id.is_undefined()),
            ("trackingNumbers", !patch.tracking_numbers.is_undefined()),
            ("notes", !patch.notes.is_undefined()),
        ]);
        Ok(Written { record: self.returned(row.id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &UpdateReturn, reference: &str) -> Result<Found<Written<Return>>, Error> {
        let row = self.return_of(command).await?;
        let plan = async { self.return_changes(command, &row).await.map(Some) };
        self.find_change(ReturnRow::MODEL, row.id, reference, plan, self.returned(row.id)).await
    }
}

impl Tryton {
    /// What is to change of a return.
    async fn return_changes(&self, command: &UpdateReturn, row: &ReturnRow) -> Result<Map<String, Value>, Error> {
        let mut values = self.own_fields(ReturnRow::MODEL, command.integration_fields.as_ref()).await?;
        match &command.returned.line_items {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => return Err(refuse(&["lineItems"], "A return needs at least one line")),
            MaybeUndefined::Value(lines) => {
                values.insert("incoming_moves".to_owned(), self.returned_changes(row, lines).await?);
            }
        }
        Ok(values)
    }

    /// The commands that leave a return with these quantities.
    async fn returned_changes(&self, row: &ReturnRow, lines: &[ReturnLineItemDraft]) -> Result<Value, Error> {
        if lines.is_empty() {
            return Err(refuse(&["lineItems"], "A return needs at least one line"));
        }
        let products = self.products_of(&named(lines), "lineItems").await?;
        // What is cancelled, Tryton itself says that it cannot be changed.
        let is_cancelled = row.state.as_deref() == Some("cancelled");
        let mut left: Vec<&MoveRow> = row.incoming_moves.iter().filter(|row| is_cancelled || !row.is_cancelled()).collect();
        left.sort_by_key(|row| row.id);
        let mut commands = Vec::new();
        for (index, (line, product)) in lines.iter().zip(&products).enumerate() {
            let index = index.to_string();
            positive(line.expected_quantity, &["lineItems", &index, "expectedQuantity"])?;
            let at = left.iter().position(|row| row.product.as_ref().is_some_and(|known| known.id == product.id));
            let Some(at) = at else { return Err(refuse(&["lineItems", &index], "The return has no such item")) };
            commands.push(set_quantity(left.remove(at), line.expected_quantity));
        }
        if !left.is_empty() {
            commands.push(json!(["remove", left.iter().map(|row| row.id).collect::<Vec<_>>()]));
        }
        Ok(Value::Array(commands))
    }
}

impl Push<CancelReturn> for Tryton {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["reason"];

    async fn push(&self, command: &CancelReturn, reference: &str) -> Result<Written<Return>, Error> {
        let row = self.return_of(command).await?;
        self.act(ReturnRow::MODEL, row.id, "cancel").await?;
        let unused = self.leave_reason(ReturnRow::MODEL, row.id, command.reason.as_deref(), reference).await;
        Ok(Written { record: self.returned(row.id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &CancelReturn, _reference: &str) -> Result<Found<Written<Return>>, Error> {
        let row = self.return_of(command).await?;
        let back = self.returned(row.id).await?;
        if back.status != ReturnStatus::Cancelled {
            return Ok(Found::NotDone);
        }
        Ok(Found::Done(Written { record: back, unused_fields: Vec::new() }))
    }
}
