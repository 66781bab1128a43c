//! Shipping an order: its shipment is assigned, picked, packed, shipped and done.
//!
//! A part of it is shipped by lowering what is taken from the shelves; Tryton then makes another shipment of the rest by itself.
//! What cannot be assigned, since there is not enough in stock, Tryton leaves waiting without a word.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::note::message;
use super::{Named, day, given, harmless, open, positive, refuse, text, tryton_id};
use crate::record::draft::{ShipOrder, ShipmentDraft, ShipmentLineItemDraft};
use crate::record::{Order, Quantity};
use crate::wms::tryton::Tryton;
use crate::wms::tryton::client::id_of;
use crate::wms::tryton::rows::{Row, SaleRow, ShipmentRow, TakeRow, TakenRow, WantedRow, at};
use crate::wms::{Error, Found, Kind, Push, Written};

fn named(lines: &[ShipmentLineItemDraft]) -> Vec<Named<'_>> {
    lines
        .iter()
        .map(|line| {
            let item = line.inventory_item_id.as_ref().map(|id| ("inventoryItemId", id.source_id()));
            let id = item.or_else(|| line.product_id.as_ref().map(|id| ("productId", id.source_id())));
            Named { id, sku: text(line.sku.as_deref()) }
        })
        .collect()
}

impl Push<ShipOrder> for Tryton {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "shippedAt",
        "warehouseId",
        "shippingMethodId",
        "lineItems.inventoryItemId",
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.quantity",
        "lineItems.lotId",
        "packages.trackingNumber",
    ];

    async fn push(&self, command: &ShipOrder, reference: &str) -> Result<Written<Order>, Error> {
        let sale = self.sale_of(command).await?;
        let draft = &command.shipment;
        let waiting = waiting(&sale, draft)?;
        let (Some(first), tracking) = (waiting.first(), tracking(draft)?) else {
            let state = sale.state.as_deref().unwrap_or_default();
            return Err(refuse(&["id"], format!("Tryton has no shipment of this order that is still to leave; the sale is in state {state:?}")));
        };
        let carrier = match &draft.shipping_method_id {
            Some(id) => Some(self.carrier_in_use(id.source_id(), &["shippingMethodId"]).await.map_err(harmless)?),
            None => None,
        };
        let mut header = Map::new();
        header.extend(tracking.map(|number| ("reference".to_owned(), json!(number))));
        header.extend(carrier.map(|carrier| ("carrier".to_owned(), json!(carrier))));
        let (leaving, part) = match &draft.line_items {
            Some(lines) => (std::slice::from_ref(first), self.part_of(first, lines).await.map_err(harmless)?),
            None => (waiting.as_slice(), None),
        };
        let mut dated = true;
        for (index, shipment) in leaving.iter().enumerate() {
            let note = self.leave_note(ShipmentRow::MODEL, shipment.id, &message(reference, None)).await;
            let done = match note {
                Ok(note) => match self.leave(shipment, part.as_ref(), &header, draft).await {
                    Err(error) => Err(self.unnoted(note, error).await),
                    done => done,
                },
                Err(error) => Err(error),
            };
            // What left before stays so.
            dated &= done.map_err(|error| if index > 0 { open(error) } else { error })?;
        }
        let packages = draft.packages.as_deref().unwrap_or_default();
        let unused = given(&[
            ("shippedAt", !dated),
            ("packages.name", packages.iter().any(|package| package.name.is_some())),
            ("packages.trackingUrl", packages.iter().any(|package| package.tracking_url.is_some())),
            ("packages.shippingCost", packages.iter().any(|package| package.shipping_cost.is_some())),
            ("packages.measurements", packages.iter().any(|package| package.measurements.is_some())),
            ("integrationFields", command.integration_fields.is_some()),
        ]);
        Ok(Written { record: self.order(sale.id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &ShipOrder, reference: &str) -> Result<Found<Written<Order>>, Error> {
        let sale = self.sale_of(command).await?;
        let resources: Vec<String> = sale.shipments.iter().map(|shipment| format!("{},{}", ShipmentRow::MODEL, shipment.id)).collect();
        let notes = self.notes(&json!([["resource", "in", resources], ["message", "=", message(reference, None)]])).await?;
        let noted = sale.shipments.iter().filter_map(|shipment| Some((shipment, notes.iter().find(|note| note.row == shipment.id)?)));
        let (left, still): (Vec<_>, Vec<_>) = noted.partition(|(shipment, _)| shipment.has_left());
        if let Some((shipment, _)) = still.iter().find(|(shipment, note)| at(shipment.write_date).is_some_and(|written| written > note.at)) {
            return Ok(Found::Unclear(format!("{} was begun in Tryton, and has not left", shown(shipment))));
        }
        if left.is_empty() {
            return Ok(Found::NotDone);
        }
        if let Some(lines) = &command.shipment.line_items {
            let products = self.products_of(&named(lines), "lineItems").await?;
            if let Some((shipment, _)) = left.iter().find(|(shipment, _)| taking(shipment) != asked(lines, &products)) {
                return Ok(Found::Unclear(format!("{} has left, and not with what was to leave", shown(shipment))));
            }
        } else if let Some(shipment) = waiting(&sale, &command.shipment)?.first() {
            return Ok(Found::Unclear(format!("{} has not left, while another of this order has", shown(shipment))));
        }
        Ok(Found::Done(Written { record: self.order(sale.id).await?, unused_fields: Vec::new() }))
    }
}

/// The shipments of a sale that are still to leave the warehouse that is meant, in the order in which they were made.
fn waiting<'a>(sale: &'a SaleRow, draft: &ShipmentDraft) -> Result<Vec<&'a ShipmentRow>, Error> {
    let warehouse = draft.warehouse_id.as_ref().map(|id| tryton_id(id.source_id(), &["warehouseId"])).transpose()?;
    let is_meant = |shipment: &&ShipmentRow| warehouse.is_none_or(|warehouse| shipment.warehouse == Some(warehouse));
    let is_open = |shipment: &&ShipmentRow| !shipment.has_left() && shipment.state.as_deref() != Some("cancelled");
    let mut waiting: Vec<&ShipmentRow> = sale.shipments.iter().filter(is_open).filter(is_meant).collect();
    waiting.sort_by_key(|shipment| shipment.id);
    Ok(waiting)
}

/// What is to leave of a shipment.
struct Part {
    /// How much of each product.
    wanted: BTreeMap<i64, Quantity>,
    /// The lot that it is taken from, of products that name one.
    lots: BTreeMap<i64, i64>,
}

/// What people call a shipment.
fn shown(shipment: &ShipmentRow) -> String {
    format!("The shipment {}", shipment.number.as_deref().unwrap_or_default())
}

/// The one tracking number that a shipment can have.
fn tracking(draft: &ShipmentDraft) -> Result<Option<&str>, Error> {
    let mut numbers = draft.packages.iter().flatten().filter_map(|package| text(package.tracking_number.as_deref()));
    let first = numbers.next();
    match numbers.find(|number| Some(*number) != first) {
        Some(_) => Err(refuse(&["packages", "1", "trackingNumber"], "Tryton keeps one tracking number a shipment")),
        None => Ok(first),
    }
}

impl Tryton {
    /// Takes one shipment out of the house, from the state that it is in. Answers whether it has left on the day that was given.
    async fn leave(&self, shipment: &ShipmentRow, part: Option<&Part>, header: &Map<String, Value>, draft: &ShipmentDraft) -> Result<bool, Error> {
        const MODEL: &str = ShipmentRow::MODEL;
        let id = shipment.id;
        let mut state = match self.assigned(shipment, part, header).await {
            Ok(state) => state,
            Err(error) => return Err(self.set_back(shipment, header, error).await),
        };
        // From here on something moves.
        for (action, before) in [("pick", "assigned"), ("pack", "picked"), ("ship", "packed")] {
            if state == before {
                state = match self.act(MODEL, id, action).await {
                    Ok(state) => state,
                    Err(error) if action == "pick" => return Err(self.set_back(shipment, header, error).await),
                    Err(error) => return Err(open(error)),
                };
            }
        }
        if state != "shipped" {
            return Ok(true);
        }
        let on = |day: Option<Value>| json!({ "effective_date": day });
        if let Some(at) = draft.shipped_at {
            self.change(MODEL, id, &on(Some(day(at)))).await.map_err(open)?;
        }
        match self.act(MODEL, id, "do").await {
            Ok(_) => Ok(true),
            // The goods have left by now, and Tryton may not book that on a day to come, or in a period that is closed.
            Err(error) if draft.shipped_at.is_some() && !error.outcome_unknown => {
                tracing::warn!(tryton.shipment = id, error = %error, "The day of a shipment could not be noted");
                self.change(MODEL, id, &on(None)).await.map_err(open)?;
                self.act(MODEL, id, "do").await.map_err(open)?;
                Ok(false)
            }
            Err(error) => Err(open(error)),
        }
    }

    /// Reserves what a shipment takes, or the part of it that is to leave, and writes its header. Answers with the state that it is in then.
    async fn assigned(&self, shipment: &ShipmentRow, part: Option<&Part>, header: &Map<String, Value>) -> Result<String, Error> {
        const MODEL: &str = ShipmentRow::MODEL;
        let id = shipment.id;
        let mut state = shipment.state.clone().unwrap_or_default();
        if state == "draft" || (state == "assigned" && part.is_some()) {
            // What is assigned cannot be changed; it is assigned again afterwards.
            state = self.act(MODEL, id, "wait").await?;
        }
        if let Some(part) = part {
            let values = self.taken(id, part).await?;
            self.change(MODEL, id, &values).await?;
        }
        if state == "waiting" {
            state = self.act(MODEL, id, "assign_try").await?;
            if state != "assigned" {
                let what = shipment.number.as_deref().unwrap_or_default();
                return Err(Error::new(Kind::Validation, format!("Tryton has not enough in stock to assign the shipment {what}")));
            }
        }
        if !header.is_empty() {
            self.change(MODEL, id, &Value::Object(header.clone())).await?;
        }
        Ok(state)
    }

    /// `error`, after the shipment that it came of has been set back to the state that it was in: what is to be taken is then
    /// counted anew. A lost answer leaves everything as it is.
    async fn set_back(&self, shipment: &ShipmentRow, header: &Map<String, Value>, error: Error) -> Error {
        const MODEL: &str = ShipmentRow::MODEL;
        if error.outcome_unknown {
            return error;
        }
        let before = shipment.state.as_deref().unwrap_or_default();
        let own = json!({ "reference": shipment.reference, "carrier": shipment.carrier.as_ref().map(|carrier| carrier.id) });
        let own: Map<String, Value> = header.keys().filter_map(|field| Some((field.clone(), own.get(field)?.clone()))).collect();
        let back = async {
            if matches!(before, "draft" | "waiting" | "assigned") {
                self.act(MODEL, shipment.id, "wait").await?;
            }
            if !own.is_empty() {
                self.change(MODEL, shipment.id, &Value::Object(own)).await?;
            }
            if before == "assigned" {
                self.act(MODEL, shipment.id, "assign_try").await?;
            }
            Ok::<(), Error>(())
        };
        match back.await {
            Ok(()) => error,
            Err(left) => {
                tracing::warn!(tryton.shipment = shipment.id, error = %left, "A shipment that could not leave could not be set back");
                open(error)
            }
        }
    }

    /// The part of a shipment that these lines take; nothing where they take all of it.
    async fn part_of(&self, shipment: &ShipmentRow, lines: &[ShipmentLineItemDraft]) -> Result<Option<Part>, Error> {
        for (index, line) in lines.iter().enumerate() {
            positive(line.quantity, &["lineItems", &index.to_string(), "quantity"])?;
        }
        if lines.is_empty() {
            return Err(refuse(&["lineItems"], "Nothing is to be shipped"));
        }
        let products = self.products_of(&named(lines), "lineItems").await?;
        let (whole, wanted) = (taking(shipment), asked(lines, &products));
        for (index, product) in products.iter().enumerate() {
            let there = whole.get(&product.id).copied().unwrap_or_default();
            if wanted.get(&product.id).copied().unwrap_or_default() > there {
                return Err(refuse(&["lineItems", &index.to_string(), "quantity"], format!("The shipment has {there} of it to take")));
            }
        }
        if whole == wanted && lines.iter().all(|line| line.lot_id.is_none()) {
            return Ok(None);
        }
        let state = shipment.state.as_deref().unwrap_or_default();
        if !matches!(state, "draft" | "waiting" | "assigned") {
            return Err(refuse(&["lineItems"], format!("The shipment is in state {state:?}; it can only leave as a whole")));
        }
        let lots = self.lots_of(lines, &products.iter().map(|product| product.id).collect::<Vec<_>>()).await?;
        Ok(Some(Part { wanted, lots }))
    }

    /// The values that leave of a waiting shipment only a part.
    async fn taken(&self, shipment: i64, part: &Part) -> Result<Value, Error> {
        let row = self.row::<TakenRow>(shipment).await?.unwrap_or_default();
        // Where goods go out right from the shelves, nothing takes them to the door first.
        let (field, moves) = match row.inventory_moves.as_slice() {
            [] => ("outgoing_moves", &row.outgoing_moves),
            _ => ("inventory_moves", &row.inventory_moves),
        };
        let (mut commands, mut left) = (Vec::new(), part.wanted.clone());
        for row in moves {
            let wanted = left.entry(row.of()).or_default();
            let take = row.internal_quantity.unwrap_or_default().min(*wanted);
            *wanted = *wanted - take;
            if take == Quantity::ZERO {
                commands.push(json!(["delete", [row.id]]));
                continue;
            }
            let mut values = json!({ "quantity": take.to_f64(), "unit": row.own_unit() });
            if let (Some(lot), Some(values)) = (part.lots.get(&row.of()), values.as_object_mut()) {
                values.insert("lot".to_owned(), json!(lot));
            }
            commands.push(json!(["write", [row.id], values]));
        }
        Ok(json!({ field: commands }))
    }

    /// The lots that lines name, by product.
    async fn lots_of(&self, lines: &[ShipmentLineItemDraft], products: &[i64]) -> Result<BTreeMap<i64, i64>, Error> {
        let mut lots = BTreeMap::new();
        for (index, (line, product)) in lines.iter().zip(products).enumerate() {
            let Some(number) = text(line.lot_id.as_deref()) else { continue };
            let lot = self.lot(*product, number, &["lineItems", &index.to_string(), "lotId"]).await?;
            if lots.insert(*product, lot).is_some_and(|other| other != lot) {
                return Err(refuse(&["lineItems", &index.to_string(), "lotId"], "A product is shipped from one lot at a time"));
            }
        }
        Ok(lots)
    }

    /// The lot of a product with this number.
    pub(super) async fn lot(&self, product: i64, number: &str, parts: &[&str]) -> Result<i64, Error> {
        let lot = self.known_lot(product, number).await?;
        lot.ok_or_else(|| refuse(parts, format!("Tryton has no lot {number:?} of this product")))
    }

    /// The same, if there is one.
    pub(super) async fn known_lot(&self, product: i64, number: &str) -> Result<Option<i64>, Error> {
        let domain = json!([["product", "=", product], ["number", "=", number]]);
        let rows: Vec<Value> = self.value("stock.lot", "search_read", &json!({ "domain": domain, "fields_names": ["id"], "limit": 1 })).await?;
        Ok(rows.first().and_then(id_of))
    }
}

impl TakeRow {
    /// The product's id.
    fn of(&self) -> i64 {
        self.product.as_ref().map(|product| product.id).unwrap_or_default()
    }

    /// The product's own unit.
    fn own_unit(&self) -> Option<i64> {
        self.product.as_ref()?.default_uom.as_ref().map(|unit| unit.id)
    }
}

/// How much of each product a shipment takes.
fn taking(shipment: &ShipmentRow) -> BTreeMap<i64, Quantity> {
    let moves = shipment.outgoing_moves.iter().filter(|row| !row.is_cancelled());
    sums(moves.map(|row| (row.product.as_ref().map(|product| product.id).unwrap_or_default(), row.moved())))
}

/// How much of each product lines ask for.
fn asked(lines: &[ShipmentLineItemDraft], products: &[WantedRow]) -> BTreeMap<i64, Quantity> {
    sums(lines.iter().zip(products).map(|(line, product)| (product.id, line.quantity)))
}

fn sums(quantities: impl Iterator<Item = (i64, Quantity)>) -> BTreeMap<i64, Quantity> {
    let mut sums = BTreeMap::new();
    for (product, quantity) in quantities {
        *sums.entry(product).or_insert(Quantity::ZERO) += quantity;
    }
    sums
}
