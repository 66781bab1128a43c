//! Inbound shipments: announced, changed, received.
//!
//! What a supplier sends, Tryton expects on a purchase (goods that come on none, it does not receive by REST: it asks for a
//! confirmation that only its screens can give). So an inbound shipment is made of a purchase, released, and a shipment of its moves.
//! When less arrives than was expected, the purchase expects the rest by itself.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Named, day, decimal, fields_of, given, harmless, located, open, path, positive, refuse, text, tryton_id};
use crate::record::draft::{
    Command, CreateInboundShipment, InboundLineItemDraft, MaybeUndefined, ReceiptLineItemDraft, ReceiveInboundShipment, Ref, UpdateInboundShipment,
};
use crate::record::{InboundShipment, Money, Quantity};
use crate::wms::tryton::Tryton;
use crate::wms::tryton::client::id_of;
use crate::wms::tryton::rows::{InboundRow, MoveRow, PurchasedRow, Row, StoredRow, on};
use crate::wms::{Error, Found, Kind, Push, Written};

/// The fields of Tryton's sentences, and the input that fills them.
const INPUT: &[(&str, &[&str])] = &[
    ("\"Party\"", &["supplierName"]),
    ("\"Supplier\"", &["supplierName"]),
    ("Address\"", &["supplierName"]),
    ("\"Warehouse\"", &["warehouseId"]),
    ("a warehouse", &["warehouseId"]),
    ("\"Unit Price\"", &["lineItems"]),
    ("\"Purchase Line\"", &["lineItems"]),
];

const PURCHASE: &str = PurchasedRow::MODEL;

fn named(lines: &[InboundLineItemDraft]) -> Vec<Named<'_>> {
    lines
        .iter()
        .map(|line| Named { id: line.inventory_item_id.as_ref().map(|id| ("inventoryItemId", id.source_id())), sku: text(line.sku.as_deref()) })
        .collect()
}

impl Push<CreateInboundShipment> for Tryton {
    const REQUIRED: &'static [&'static str] = &["supplierName", "lineItems.expectedQuantity"];
    const OPTIONAL: &'static [&'static str] =
        &["purchaseOrderNumber", "warehouseId", "expectedArrivalAt", "lineItems.inventoryItemId", "lineItems.sku", "lineItems.unitCost"];

    fn integration_fields() -> Option<Value> {
        fields_of(PURCHASE)
    }

    async fn push(&self, command: &CreateInboundShipment, reference: &str) -> Result<Written<InboundShipment>, Error> {
        let draft = &command.inbound_shipment;
        let (values, warehouse) = self.purchase_values(command, reference).await.map_err(harmless)?;
        let purchase = self.make(PURCHASE, &values).await.map_err(|error| located(error, INPUT))?;
        if let Err(error) = self.released(PURCHASE, purchase).await {
            return Err(self.undone(PURCHASE, purchase, None, located(error, INPUT)).await);
        }
        // The purchase stands; whoever looks for the write finds it, and the shipment that is still to be made of it.
        let shipment = self.shipment_of(purchase, warehouse, draft.expected_arrival_at.map(day)).await.map_err(open)?;
        let unused = given(&[
            ("warehouseCustomerId", draft.warehouse_customer_id.is_some()),
            ("shipFrom", draft.ship_from.is_some()),
            ("trackingNumbers", draft.tracking_numbers.is_some()),
            ("notes", draft.notes.is_some()),
            ("lineItems.externalId", draft.line_items.iter().any(|line| line.external_id.is_some())),
        ]);
        Ok(Written { record: self.inbound(shipment).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, _command: &CreateInboundShipment, reference: &str) -> Result<Found<Written<InboundShipment>>, Error> {
        let found = self.referred(PURCHASE, reference).await?;
        let alive: Vec<&Value> = found.iter().filter(|purchase| purchase["state"] != "cancelled").collect();
        let [purchase] = alive.as_slice() else {
            return Ok(if alive.is_empty() { Found::NotDone } else { Found::Unclear(format!("Tryton has {} purchases of this write", alive.len())) });
        };
        let row = self.row::<PurchasedRow>(id_of(purchase).unwrap_or_default()).await?.unwrap_or_default();
        match row.moves.iter().find_map(|row| row.shipment.as_ref()?.to(InboundRow::MODEL)) {
            Some(shipment) => Ok(Found::Done(Written { record: self.inbound(shipment).await?, unused_fields: Vec::new() })),
            None => Ok(Found::Unclear(format!("The purchase {} was made, but nothing of it is on a shipment", purchase["id"]))),
        }
    }
}

impl Tryton {
    /// What a purchase is to be made of, and the warehouse that receives it.
    async fn purchase_values(&self, command: &CreateInboundShipment, reference: &str) -> Result<(Value, Option<i64>), Error> {
        let draft = &command.inbound_shipment;
        let mut values = self.own_fields(PURCHASE, command.integration_fields.as_ref()).await?;
        if draft.line_items.is_empty() {
            return Err(refuse(&["lineItems"], "An inbound shipment needs at least one line"));
        }
        for (index, line) in draft.line_items.iter().enumerate() {
            positive(line.expected_quantity, &["lineItems", &index.to_string(), "expectedQuantity"])?;
        }
        let products = self.products_of(&named(&draft.line_items), "lineItems").await?;
        let warehouse = self.stocked(draft.warehouse_id.as_ref().map(Ref::source_id), &["warehouseId"]).await?.map(|warehouse| warehouse.id);
        let supplier = match text(draft.supplier_name.as_deref()) {
            Some(name) => Some(self.supplier(name).await?),
            // Tryton says itself that it takes one.
            None => None,
        };
        let billed = match supplier {
            Some(supplier) => self.first_address(supplier).await?,
            None => None,
        };
        let lines = draft.line_items.iter().zip(&products).map(|(line, product)| {
            let taxes = product.account_category.iter().flat_map(|category| &category.supplier_taxes_used).collect::<Vec<_>>();
            json!({
                "type": "line", "product": product.id, "quantity": line.expected_quantity.to_f64(),
                "unit": product.default_uom.as_ref().map(|unit| unit.id), "unit_price": decimal(line.unit_cost.unwrap_or(Money::default())),
                "taxes": [["add", taxes]],
            })
        });
        let lines: Vec<Value> = lines.collect();
        let mut set = |field: &str, value: Option<Value>| values.extend(value.map(|value| (field.to_owned(), value)));
        set("party", supplier.map(Value::from));
        set("invoice_address", billed.map(Value::from));
        set("warehouse", warehouse.map(Value::from));
        set("number", text(draft.purchase_order_number.as_deref()).map(Value::from));
        set("delivery_date", draft.expected_arrival_at.map(day));
        set("description", Some(json!(reference)));
        set("lines", Some(json!([["create", lines]])));
        Ok((Value::Object(values), warehouse))
    }

    /// The party with this name.
    async fn supplier(&self, name: &str) -> Result<i64, Error> {
        let arguments = json!({ "domain": [["name", "=", name]], "fields_names": ["id"], "limit": 2 });
        let rows: Vec<Value> = self.value("party.party", "search_read", &arguments).await?;
        match rows.as_slice() {
            [row] => id_of(row).ok_or_else(|| Error::new(Kind::Protocol, "Tryton listed a party that has no id")),
            [] => Err(refuse(&["supplierName"], format!("Tryton has no party {name:?}"))),
            _ => Err(refuse(&["supplierName"], format!("Tryton has several parties {name:?}"))),
        }
    }

    /// The shipment that brings all that a purchase expects.
    async fn shipment_of(&self, purchase: i64, warehouse: Option<i64>, planned: Option<Value>) -> Result<i64, Error> {
        let row = self.row::<PurchasedRow>(purchase).await?.unwrap_or_default();
        let warehouse = self.stocked(warehouse.map(|id| id.to_string()).as_deref(), &["warehouseId"]).await?;
        let mut values = json!({
            "supplier": row.party, "warehouse": warehouse.as_ref().map(|warehouse| warehouse.id),
            "warehouse_input": warehouse.as_ref().and_then(|warehouse| warehouse.input_location),
            "warehouse_storage": warehouse.as_ref().and_then(|warehouse| warehouse.storage_location),
            "reference": row.number, "incoming_moves": [["add", row.moves.iter().map(|row| row.id).collect::<Vec<_>>()]],
        });
        if let (Some(planned), Some(values)) = (planned, values.as_object_mut()) {
            values.insert("planned_date".to_owned(), planned);
        }
        self.make(InboundRow::MODEL, &values).await
    }

    /// The shipment that a command names.
    async fn inbound_of<C: Command<Record = InboundShipment>>(&self, command: &C) -> Result<InboundRow, Error> {
        let id = tryton_id(command.target().map(Ref::source_id).unwrap_or_default(), &["id"])?;
        let row = self.row::<InboundRow>(id).await.map_err(harmless)?;
        row.ok_or_else(|| Error::new(Kind::NotFound, "Tryton has no such shipment").with_path(path(&["id"])))
    }
}

/// Moves by product, each product's in the order of their ids.
fn by_product(moves: &[MoveRow]) -> BTreeMap<i64, Vec<&MoveRow>> {
    let mut all: BTreeMap<i64, Vec<&MoveRow>> = BTreeMap::new();
    for row in moves.iter().filter(|row| !row.is_cancelled()) {
        all.entry(row.product.as_ref().map(|product| product.id).unwrap_or_default()).or_default().push(row);
    }
    all.values_mut().for_each(|rows| rows.sort_by_key(|row| row.id));
    all
}

/// The change of a move's quantity, in the product's own unit.
pub(super) fn set_quantity(row: &MoveRow, quantity: Quantity) -> Value {
    let unit = row.product.as_ref().and_then(|product| product.default_uom.as_ref()).map(|unit| unit.id);
    json!(["write", [row.id], { "quantity": quantity.to_f64(), "unit": unit }])
}

impl Push<UpdateInboundShipment> for Tryton {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["expectedArrivalAt", "lineItems.inventoryItemId", "lineItems.sku", "lineItems.expectedQuantity"];

    fn integration_fields() -> Option<Value> {
        fields_of(InboundRow::MODEL)
    }

    async fn push(&self, command: &UpdateInboundShipment, reference: &str) -> Result<Written<InboundShipment>, Error> {
        let row = self.inbound_of(command).await?;
        let patch = &command.inbound_shipment;
        let values = self.inbound_changes(command, &row).await.map_err(harmless)?;
        self.change_noted(InboundRow::MODEL, row.id, values, reference).await.map_err(|error| located(error, INPUT))?;
        let unused = given(&[
            ("purchaseOrderNumber", !patch.purchase_order_number.is_undefined()),
            ("warehouseId", !patch.warehouse_id.is_undefined()),
            ("supplierName", !patch.supplier_name.is_undefined()),
            ("trackingNumbers", !patch.tracking_numbers.is_undefined()),
            ("notes", !patch.notes.is_undefined()),
        ]);
        Ok(Written { record: self.inbound(row.id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &UpdateInboundShipment, reference: &str) -> Result<Found<Written<InboundShipment>>, Error> {
        let row = self.inbound_of(command).await?;
        let plan = async { self.inbound_changes(command, &row).await.map(Some) };
        self.find_change(InboundRow::MODEL, row.id, reference, plan, self.inbound(row.id)).await
    }
}

impl Tryton {
    /// What is to change of a shipment.
    async fn inbound_changes(&self, command: &UpdateInboundShipment, row: &InboundRow) -> Result<Map<String, Value>, Error> {
        let patch = &command.inbound_shipment;
        let mut values = self.own_fields(InboundRow::MODEL, command.integration_fields.as_ref()).await?;
        match &patch.expected_arrival_at {
            MaybeUndefined::Undefined => {}
            _ if row.state.as_deref() != Some("draft") => {
                let state = row.state.as_deref().unwrap_or_default();
                return Err(refuse(
                    &["expectedArrivalAt"],
                    format!("Tryton lets this be changed only while the shipment is a draft; it is in state {state:?}"),
                ));
            }
            at => drop(values.insert("planned_date".to_owned(), json!(at.value().copied().map(day)))),
        }
        match &patch.line_items {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => return Err(refuse(&["lineItems"], "An inbound shipment needs at least one line")),
            MaybeUndefined::Value(lines) => {
                values.insert("incoming_moves".to_owned(), self.expected_changes(row, lines).await?);
            }
        }
        Ok(values)
    }

    /// The commands that leave a shipment with these quantities. What is not named stays with its purchase, and comes another time.
    async fn expected_changes(&self, row: &InboundRow, lines: &[InboundLineItemDraft]) -> Result<Value, Error> {
        if lines.is_empty() {
            return Err(refuse(&["lineItems"], "An inbound shipment needs at least one line"));
        }
        let products = self.products_of(&named(lines), "lineItems").await?;
        let mut there = by_product(&row.incoming_moves);
        let mut commands = Vec::new();
        for (index, (line, product)) in lines.iter().zip(&products).enumerate() {
            let index = index.to_string();
            positive(line.expected_quantity, &["lineItems", &index, "expectedQuantity"])?;
            let moves = there.get_mut(&product.id).filter(|moves| !moves.is_empty());
            let Some(moves) = moves else {
                return Err(refuse(&["lineItems", &index], "The shipment's purchase has no such item; Tryton receives nothing that was not bought"));
            };
            commands.push(set_quantity(moves.remove(0), line.expected_quantity));
        }
        let left: Vec<i64> = there.values().flatten().map(|row| row.id).collect();
        if !left.is_empty() {
            commands.push(json!(["remove", left]));
        }
        Ok(Value::Array(commands))
    }
}

impl Push<ReceiveInboundShipment> for Tryton {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] =
        &["arrivedAt", "lineItems.inventoryItemId", "lineItems.sku", "lineItems.quantity", "lineItems.lotId", "lineItems.locationId"];

    async fn push(&self, command: &ReceiveInboundShipment, _reference: &str) -> Result<Written<InboundShipment>, Error> {
        let row = self.inbound_of(command).await?;
        let receipt = &command.receipt;
        let mut values = Map::new();
        values.extend(receipt.arrived_at.map(|at| ("effective_date".to_owned(), day(at))));
        let mut places = BTreeMap::new();
        if let (Some(lines), Some("draft")) = (&receipt.line_items, row.state.as_deref()) {
            let (moves, to) = self.arrived(&row, lines).await.map_err(harmless)?;
            values.insert("incoming_moves".to_owned(), moves);
            places = to;
        }
        let changed = !values.is_empty() && row.state.as_deref() == Some("draft");
        if changed {
            self.change(InboundRow::MODEL, row.id, &Value::Object(values)).await.map_err(|error| located(error, INPUT))?;
        }
        // Of what has been received before, Tryton says so itself.
        if let Err(error) = self.act(InboundRow::MODEL, row.id, "receive").await {
            return Err(if changed { self.expects_again(&row, error).await } else { error });
        }
        if !places.is_empty() {
            self.put_away(row.id, &places).await.map_err(open)?;
        }
        let lines = receipt.line_items.as_deref().unwrap_or_default();
        let unused = given(&[
            // The purchase goes on expecting what is left.
            ("closes", receipt.closes.is_some()),
            ("lineItems.expiresAt", lines.iter().any(|line| line.expires_at.is_some())),
            ("integrationFields", command.integration_fields.is_some()),
        ]);
        Ok(Written { record: self.inbound(row.id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &ReceiveInboundShipment, _reference: &str) -> Result<Found<Written<InboundShipment>>, Error> {
        let row = self.inbound_of(command).await?;
        match row.state.as_deref() {
            Some("received") if command.receipt.line_items.iter().flatten().any(|line| line.location_id.is_some()) => {
                Ok(Found::Unclear("The shipment was received in Tryton, and not put away to its places yet".to_owned()))
            }
            // A shipment is received once, as a whole.
            Some("received" | "done") => Ok(Found::Done(Written { record: self.inbound(row.id).await?, unused_fields: Vec::new() })),
            _ => Ok(Found::NotDone),
        }
    }
}

impl Tryton {
    /// The commands that make of what was expected what has arrived, and the places that it was put to, by product.
    async fn arrived(&self, row: &InboundRow, lines: &[ReceiptLineItemDraft]) -> Result<(Value, BTreeMap<i64, i64>), Error> {
        let names: Vec<Named<'_>> = lines
            .iter()
            .map(|line| Named { id: line.inventory_item_id.as_ref().map(|id| ("inventoryItemId", id.source_id())), sku: text(line.sku.as_deref()) })
            .collect();
        let products = self.products_of(&names, "lineItems").await?;
        let mut there = by_product(&row.incoming_moves);
        let (mut commands, mut places) = (Vec::new(), BTreeMap::new());
        for (index, (line, product)) in lines.iter().zip(&products).enumerate() {
            let index = index.to_string();
            positive(line.quantity, &["lineItems", &index, "quantity"])?;
            let moves = there.get_mut(&product.id).filter(|moves| !moves.is_empty());
            let Some(moves) = moves else {
                return Err(refuse(&["lineItems", &index], "The shipment expects no such item, or not on so many lines"));
            };
            let mut change = set_quantity(moves.remove(0), line.quantity);
            if let Some(number) = text(line.lot_id.as_deref()) {
                change[2]["lot"] = json!(self.lot_or_new(product.id, number).await?);
            }
            commands.push(change);
            if let Some(place) = &line.location_id {
                places.insert(product.id, tryton_id(place.source_id(), &["lineItems", &index, "locationId"])?);
            }
        }
        let left: Vec<i64> = there.values().flatten().map(|row| row.id).collect();
        if !left.is_empty() {
            // It stays with its purchase, and comes another time.
            commands.push(json!(["remove", left]));
        }
        Ok((Value::Array(commands), places))
    }

    /// `error`, after the shipment that was not received expects again what it did before. A lost answer leaves everything as it is.
    async fn expects_again(&self, row: &InboundRow, error: Error) -> Error {
        if error.outcome_unknown {
            return error;
        }
        let moves: Vec<&MoveRow> = row.incoming_moves.iter().filter(|row| !row.is_cancelled()).collect();
        let has_lots = self.session().await.is_ok_and(|session| session.knows(MoveRow::MODEL, "lot"));
        let mut commands = vec![json!(["add", moves.iter().map(|row| row.id).collect::<Vec<_>>()])];
        commands.extend(moves.iter().map(|row| {
            let mut values = json!({ "quantity": row.quantity.map(Quantity::to_f64), "unit": row.unit.as_ref().map(|unit| unit.id) });
            if has_lots {
                values["lot"] = json!(row.lot.as_ref().map(|lot| lot.id));
            }
            json!(["write", [row.id], values])
        }));
        let values = json!({ "effective_date": on(row.effective_date).map(day), "incoming_moves": commands });
        match self.change(InboundRow::MODEL, row.id, &values).await {
            Ok(()) => error,
            Err(left) => {
                tracing::warn!(tryton.shipment = row.id, error = %left, "A shipment that was not received could not be set back");
                open(error)
            }
        }
    }

    /// The lot of a product with this number, made where there is none.
    async fn lot_or_new(&self, product: i64, number: &str) -> Result<i64, Error> {
        match self.known_lot(product, number).await? {
            Some(lot) => Ok(lot),
            None => self.make("stock.lot", &json!({ "product": product, "number": number })).await,
        }
    }

    /// Puts what was received to its places, and what has none to the warehouse's storage zone.
    async fn put_away(&self, id: i64, places: &BTreeMap<i64, i64>) -> Result<(), Error> {
        let row = self.row::<StoredRow>(id).await?.unwrap_or_default();
        let to = |row: &super::super::rows::PutRow| Some(json!(["write", [row.id], { "to_location": places.get(&row.product?)? }]));
        let moves: Vec<Value> = row.inventory_moves.iter().filter_map(to).collect();
        self.change(InboundRow::MODEL, id, &json!({ "inventory_moves": moves })).await?;
        self.act(InboundRow::MODEL, id, "do").await.map(drop)
    }
}
