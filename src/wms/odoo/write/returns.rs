//! Returns: announced, changed, called off.
//!
//! **Announced** by Odoo's wizard for the delivery that the goods left with: it is filled (which leaves nothing) and then makes the
//! incoming transfer, with the write's note and the tracking number among that transfer's defaults. Only notes take a further
//! call. Odoo lets people send back more than they got, and the same goods twice; we do not. One transfer returns what one
//! transfer delivered, so goods that left with several come back as several returns.

use serde_json::{Value, json};

use super::super::Odoo;
use super::super::rows::{MoveRow, PickingRow, PickingTypeRow, ProductRow, ReturnedRow, Row};
use super::super::transfer::{Children, expected};
use super::inbound_shipment::move_changes;
use super::lines::{Called, Offered};
use super::transfer::in_unit_of;
use super::{Inputs, conflict, fields_of_odoo, found, harmless, html, located, note, odoo_id, open, own_fields, refuse, target, tracking, written};
use crate::record::draft::{CancelReturn, CreateReturn, MaybeUndefined, ReturnDraft, UpdateReturn};
use crate::record::{Quantity, Return, ReturnStatus};
use crate::wms::{Error, Found, Kind, Push, Written};

const INPUTS: Inputs = &[("product.product(", &["lineItems"]), ("only return Done pickings", &["orderId"])];

/// The filled wizard.
const WIZARD: &str = "stock.return.picking";

impl Push<CreateReturn> for Odoo {
    const REQUIRED: &'static [&'static str] = &["orderId"];
    const OPTIONAL: &'static [&'static str] =
        &["warehouseId", "trackingNumbers", "notes", "lineItems.inventoryItemId", "lineItems.sku", "lineItems.expectedQuantity"];

    async fn push(&self, command: &CreateReturn, reference: &str) -> Result<Written<Return>, Error> {
        let returned = &command.returned;
        let mut unused: Vec<String> = returned.warehouse_customer_id.iter().map(|_| "warehouseCustomerId".to_owned()).collect();
        for (index, line) in returned.line_items.iter().flatten().enumerate() {
            unused.extend(line.reason.as_ref().map(|_| format!("lineItems.{index}.reason")));
        }
        let values = self.return_values(returned).await.map_err(harmless)?;
        let mut context = json!({ "default_message_ids": note::<PickingRow>(reference) });
        if let Some(numbers) = &returned.tracking_numbers {
            if self.fields_of::<PickingRow>().await.map_err(harmless)?.contains("carrier_tracking_ref") {
                context["default_carrier_tracking_ref"] = tracking(numbers);
            } else {
                unused.push("trackingNumbers".to_owned());
            }
        }
        let wizard: Result<Vec<i64>, Error> = self.value(WIZARD, "create", &json!({ "vals_list": [values] })).await;
        let wizard = wizard.map_err(|error| located(harmless(error), INPUTS))?;
        let made: Value = self
            .value(WIZARD, "action_create_returns", &json!({ "ids": wizard, "context": context }))
            .await
            .map_err(|error| located(error, INPUTS))?;
        let id = made.get("res_id").and_then(Value::as_i64);
        let id = id.ok_or_else(|| open(Error::new(Kind::Protocol, "Odoo made a return and did not say which")))?;
        // The wizard copies the delivery's notes, which were not meant for this.
        let notes = json!({ "ids": [id], "vals": { "note": html(returned.notes.as_deref().unwrap_or_default()) } });
        if let Err(error) = self.call(PickingRow::MODEL, "write", &notes).await {
            return Err(if error.outcome_unknown { error } else { self.return_undone(id, error).await });
        }
        written(id, self.returned(id).await, unused)
    }

    async fn look_up(&self, command: &CreateReturn, reference: &str) -> Result<Found<Written<Return>>, Error> {
        let found = self.find_noted::<PickingRow, Return>(reference, async |id| self.returned(id).await).await?;
        let wanted = command.returned.notes.as_ref().is_some_and(|notes| !notes.is_empty());
        Ok(match found {
            Found::Done(written) if wanted && written.record.notes.is_empty() => {
                Found::Unclear(format!("Odoo has made the return {}, without its notes", written.record.source.id))
            }
            found => found,
        })
    }
}

/// A delivery of which something may come back.
struct Delivery {
    row: PickingRow,
    /// Its moves, and how many of each have not come back, nor are on their way back.
    moves: Vec<(MoveRow, Quantity)>,
}

impl Delivery {
    fn left(&self, product: i64) -> Quantity {
        self.moves.iter().filter(|(row, _)| row.product_id.as_ref().is_some_and(|link| link.id == product)).map(|(_, left)| *left).sum()
    }

    fn name(&self) -> &str {
        self.row.name.as_deref().unwrap_or("a transfer")
    }
}

impl Odoo {
    /// What the wizard is to be filled with.
    async fn return_values(&self, returned: &ReturnDraft) -> Result<Value, Error> {
        let order = returned.order_id.as_ref().ok_or_else(|| refuse(&["orderId"], "In Odoo, goods come back from an order's delivery"))?;
        let deliveries = self.deliveries(odoo_id(order.source_id(), &["orderId"])?).await?;
        let wanted = match &returned.line_items {
            None => None,
            Some(lines) if lines.is_empty() => return Err(refuse(&["lineItems"], "A return needs at least one line")),
            Some(lines) => {
                let called: Vec<Called<'_>> = lines
                    .iter()
                    .map(|line| Called::by("inventoryItemId", line.inventory_item_id.as_ref(), line.sku.as_deref(), line.expected_quantity))
                    .collect();
                let products = self.called("lineItems", "expectedQuantity", &called, Offered::Ever).await?;
                Some(lines.iter().map(|line| line.expected_quantity).zip(products).collect::<Vec<_>>())
            }
        };
        let delivery = delivery_of(&deliveries, wanted.as_deref())?;
        if let Some(warehouse) = &returned.warehouse_id {
            self.check_origin(&delivery.row, odoo_id(warehouse.source_id(), &["warehouseId"])?).await?;
        }
        let mut lines = Vec::new();
        for (row, left) in &delivery.moves {
            let product = row.product_id.as_ref().map_or(0, |link| link.id);
            let asked =
                wanted.as_ref().map(|wanted| wanted.iter().filter(|(_, row)| row.id == product).map(|(quantity, _)| *quantity).sum::<Quantity>());
            let others: Quantity = delivery
                .moves
                .iter()
                .take_while(|(other, _)| other.id != row.id)
                .filter(|(other, _)| other.product_id == row.product_id)
                .map(|(_, left)| *left)
                .sum();
            let quantity = asked.map_or(*left, |asked| (asked - others).max(Quantity::ZERO).min(*left));
            if quantity > Quantity::ZERO {
                lines.push(json!([0, 0, { "product_id": product, "move_id": row.id, "quantity": in_unit_of(row, quantity) }]));
            }
        }
        Ok(json!({ "picking_id": delivery.row.id, "product_return_moves": lines }))
    }

    /// The deliveries of an order.
    async fn deliveries(&self, order: i64) -> Result<Vec<Delivery>, Error> {
        let rows = self.order_pickings(order).await?;
        let has_left = |row: &PickingRow| {
            row.picking_type_code.as_deref() == Some("outgoing") && row.state.as_deref() == Some("done") && row.return_id.is_none()
        };
        let rows: Vec<PickingRow> = rows.into_iter().filter(has_left).collect();
        if rows.is_empty() {
            return Err(refuse(&["orderId"], "Odoo has no order of this id that anything was shipped of"));
        }
        let moves = self.related_where::<MoveRow>("picking_id", rows.iter().map(|row| row.id), &[json!(["state", "=", "done"])]).await?;
        let ids: Vec<i64> = moves.iter().filter_map(super::super::client::id_of).collect();
        let back = self.related_where::<ReturnedRow>("origin_returned_move_id", ids, &[json!(["state", "!=", "cancel"])]).await?;
        let (moves, back) = (Children::by("picking_id", moves), Children::by("origin_returned_move_id", back));
        let of = |row: PickingRow| {
            let of_move = |row: MoveRow| {
                let back: Quantity = back.parsed::<ReturnedRow>(row.id)?.iter().filter_map(|row| row.product_qty).sum();
                let left = (expected(&row) - back).max(Quantity::ZERO);
                Ok((row, left))
            };
            let moves = moves.parsed::<MoveRow>(row.id)?.into_iter().map(of_move).collect::<Result<_, String>>()?;
            Ok(Delivery { row, moves })
        };
        rows.into_iter().map(of).collect::<Result<_, String>>().map_err(|reason| Error::new(Kind::Protocol, reason))
    }

    /// Whether a delivery left from this warehouse: its goods come back there.
    async fn check_origin(&self, row: &PickingRow, warehouse: i64) -> Result<(), Error> {
        let rows = self.related::<PickingTypeRow>("id", row.picking_type_id.as_ref().map(|link| link.id)).await?;
        match rows.first().and_then(|row| PickingTypeRow::of(row).ok()?.warehouse_id) {
            Some(link) if link.id != warehouse => {
                Err(refuse(&["warehouseId"], format!("In Odoo, these goods come back to {}", link.name.unwrap_or_default())))
            }
            _ => Ok(()),
        }
    }

    /// `error`, after a return has been called off and removed.
    async fn return_undone(&self, id: i64, error: Error) -> Error {
        let arguments = json!({ "ids": [id] });
        if let Err(left) = self.call(PickingRow::MODEL, "action_cancel", &arguments).await {
            tracing::warn!(odoo.picking = id, error = %left, "A return that Odoo refused to complete could not be called off");
            return open(error);
        }
        if let Err(left) = self.call(PickingRow::MODEL, "unlink", &arguments).await {
            tracing::debug!(odoo.picking = id, error = %left, "A return that Odoo refused to complete stays there cancelled");
        }
        error
    }
}

/// The delivery that all of these goods left with.
fn delivery_of<'a>(deliveries: &'a [Delivery], wanted: Option<&[(Quantity, ProductRow)]>) -> Result<&'a Delivery, Error> {
    let some = |delivery: &&Delivery| delivery.moves.iter().any(|(_, left)| *left > Quantity::ZERO);
    let Some(wanted) = wanted else {
        return match deliveries.iter().filter(some).collect::<Vec<_>>().as_slice() {
            [delivery] => Ok(delivery),
            [] => Err(conflict("All that was shipped of the order has come back already, or is on its way")),
            several => {
                let names: Vec<&str> = several.iter().map(|delivery| delivery.name()).collect();
                Err(refuse(&["lineItems"], format!("The goods left with {}: return those of one at a time", names.join(" and "))))
            }
        };
    };
    let asked = |product: i64| wanted.iter().filter(|(_, row)| row.id == product).map(|(quantity, _)| *quantity).sum::<Quantity>();
    let covers = |delivery: &&Delivery| wanted.iter().all(|(_, row)| asked(row.id) <= delivery.left(row.id));
    if let Some(delivery) = deliveries.iter().find(covers) {
        return Ok(delivery);
    }
    let left = |product: i64| deliveries.iter().map(|delivery| delivery.left(product)).sum::<Quantity>();
    for (index, (_, row)) in wanted.iter().enumerate() {
        let (asked, left) = (asked(row.id), left(row.id));
        if asked > left {
            let shown = row.default_code.as_deref().or(row.name.as_deref()).unwrap_or_default();
            let why = format!("Of {shown:?}, only {left} were shipped with this order and have not come back");
            return Err(refuse(&["lineItems", &index.to_string(), "expectedQuantity"], why));
        }
    }
    let names: Vec<&str> = deliveries.iter().filter(some).map(Delivery::name).collect();
    Err(refuse(&["lineItems"], format!("The goods left with {}: return those of one at a time", names.join(" and "))))
}

impl Push<UpdateReturn> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] =
        &["trackingNumbers", "notes", "lineItems.inventoryItemId", "lineItems.sku", "lineItems.expectedQuantity"];

    fn integration_fields() -> Option<Value> {
        fields_of_odoo(PickingRow::MODEL)
    }

    async fn push(&self, command: &UpdateReturn, reference: &str) -> Result<Written<Return>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let patch = &command.returned;
        let mut values = own_fields(command.integration_fields.as_ref())?;
        let mut unused: Vec<String> = if patch.warehouse_id.is_undefined() { Vec::new() } else { vec!["warehouseId".to_owned()] };
        let transfer = self.open_transfer(&return_domain(id), "return").await.map_err(harmless)?;
        self.tracked_and_noted(&patch.tracking_numbers, &patch.notes, &mut values, &mut unused).await.map_err(harmless)?;
        match &patch.line_items {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => return Err(refuse(&["lineItems"], "A return needs at least one line")),
            MaybeUndefined::Value(lines) => {
                let called: Vec<Called<'_>> = lines
                    .iter()
                    .map(|line| Called::by("inventoryItemId", line.inventory_item_id.as_ref(), line.sku.as_deref(), line.expected_quantity))
                    .collect();
                let products = self.called("lineItems", "expectedQuantity", &called, Offered::Ever).await.map_err(harmless)?;
                let wanted: Vec<_> = lines.iter().map(|line| line.expected_quantity).zip(products).collect();
                self.check_returned(&transfer, &wanted).await.map_err(harmless)?;
                values.insert("move_ids".to_owned(), json!(move_changes(&transfer, &wanted, "expectedQuantity")?));
                for (index, line) in lines.iter().enumerate() {
                    unused.extend(line.reason.as_ref().map(|_| format!("lineItems.{index}.reason")));
                }
            }
        }
        values.insert("message_ids".to_owned(), note::<PickingRow>(reference));
        let done = self.call(PickingRow::MODEL, "write", &json!({ "ids": [id], "vals": values })).await;
        done.map_err(|error| located(error, INPUTS))?;
        written(id, self.returned(id).await, unused)
    }

    async fn look_up(&self, _command: &UpdateReturn, reference: &str) -> Result<Found<Written<Return>>, Error> {
        self.find_noted::<PickingRow, Return>(reference, async |id| self.returned(id).await).await
    }
}

/// What makes a transfer with this id a return.
fn return_domain(id: i64) -> [Value; 3] {
    [json!(["id", "=", id]), json!(["picking_type_code", "=", "incoming"]), json!(["return_id", "!=", false])]
}

impl Odoo {
    /// Whether these goods were delivered, and no other return brings them back: Odoo does not ask.
    async fn check_returned(&self, transfer: &super::transfer::Open, wanted: &[(Quantity, ProductRow)]) -> Result<(), Error> {
        let Some(order) = transfer.row.sale_id.as_ref() else { return Ok(()) };
        let mut deliveries = self.deliveries(order.id).await?;
        deliveries.retain(|delivery| transfer.row.return_id.as_ref().is_some_and(|first| first.id == delivery.row.id));
        for (index, (quantity, product)) in wanted.iter().enumerate() {
            // What this return has asked for so far is its own to ask for again.
            let own = transfer.left(product.id);
            let left: Quantity = deliveries.iter().map(|delivery| delivery.left(product.id)).sum();
            if *quantity > own + left {
                let why = format!("Only {} were shipped and have not come back", own + left);
                return Err(refuse(&["lineItems", &index.to_string(), "expectedQuantity"], why));
            }
        }
        Ok(())
    }
}

impl Push<CancelReturn> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["reason"];

    async fn push(&self, command: &CancelReturn, _reference: &str) -> Result<Written<Return>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let now = target(self.returned(id).await, "return")?;
        let mut unused = Vec::new();
        if !matches!(&now, Ok(record) if record.status == ReturnStatus::Cancelled) {
            self.call(PickingRow::MODEL, "action_cancel", &json!({ "ids": [id] })).await?;
        }
        let read = self.returned(id).await.map_err(open)?;
        if !matches!(&read, Some(Ok(record)) if record.status == ReturnStatus::Cancelled) {
            return Err(Error::new(Kind::Validation, "Odoo answered the cancellation of the return without an error, but did not cancel it"));
        }
        self.leave_reason::<PickingRow>(id, command.reason.as_deref(), &mut unused).await;
        written(id, Ok(read), unused)
    }

    async fn look_up(&self, command: &CancelReturn, _reference: &str) -> Result<Found<Written<Return>>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        match self.returned(id).await? {
            Some(Ok(record)) if record.status != ReturnStatus::Cancelled => Ok(Found::NotDone),
            None => Ok(Found::Unclear("Odoo has no such return any more".to_owned())),
            read => found(id, Ok(read)),
        }
    }
}
