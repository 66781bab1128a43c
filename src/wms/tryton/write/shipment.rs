//! Shipping an order: its shipment is assigned, picked, packed, shipped and done.
//!
//! A part of it is shipped by lowering what is taken from the shelves; Tryton then makes another shipment of the rest by itself.
//! What cannot be assigned, since there is not enough in stock, Tryton leaves waiting without a word.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Named, day, given, harmless, open, positive, refuse, text, tryton_id};
use crate::record::draft::{ShipOrder, ShipmentDraft, ShipmentLineItemDraft};
use crate::record::{Order, Quantity};
use crate::wms::tryton::Tryton;
use crate::wms::tryton::client::id_of;
use crate::wms::tryton::rows::{Row, ShipmentRow, TakeRow, TakenRow};
use crate::wms::{Error, Push, Written};

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

    async fn push(&self, command: &ShipOrder, _reference: &str) -> Result<Written<Order>, Error> {
        let sale = self.sale_of(command).await?;
        let draft = &command.shipment;
        let warehouse = draft.warehouse_id.as_ref().map(|id| tryton_id(id.source_id(), &["warehouseId"])).transpose()?;
        let in_warehouse = |shipment: &&ShipmentRow| warehouse.is_none_or(|warehouse| shipment.warehouse == Some(warehouse));
        let mut waiting: Vec<&ShipmentRow> = sale
            .shipments
            .iter()
            .filter(|shipment| !shipment.has_left() && shipment.state.as_deref() != Some("cancelled"))
            .filter(in_warehouse)
            .collect();
        waiting.sort_by_key(|shipment| shipment.id);
        let (Some(first), tracking) = (waiting.first(), tracking(draft)?) else {
            let state = sale.state.as_deref().unwrap_or_default();
            return Err(refuse(&["id"], format!("Tryton has no shipment of this order that is still to leave; the sale is in state {state:?}")));
        };
        let carrier = match &draft.shipping_method_id {
            Some(id) => Some(self.carrier_in_use(id.source_id(), &["shippingMethodId"]).await.map_err(harmless)?),
            None => None,
        };
        let mut header = serde_json::Map::new();
        header.extend(tracking.map(|number| ("reference".to_owned(), json!(number))));
        header.extend(carrier.map(|carrier| ("carrier".to_owned(), json!(carrier))));
        match &draft.line_items {
            Some(lines) => {
                let taken = self.taken(first, lines).await.map_err(harmless)?;
                // What is to be changed is not assigned any more.
                let state = taken.as_ref().map_or_else(|| first.state.clone().unwrap_or_default(), |_| "waiting".to_owned());
                header.extend(taken);
                self.leave(first, state, header, draft, false).await?;
            }
            None => {
                for (index, shipment) in waiting.iter().enumerate() {
                    self.leave(shipment, shipment.state.clone().unwrap_or_default(), header.clone(), draft, index > 0).await?;
                }
            }
        }
        let packages = draft.packages.as_deref().unwrap_or_default();
        let unused = given(&[
            ("packages.name", packages.iter().any(|package| package.name.is_some())),
            ("packages.trackingUrl", packages.iter().any(|package| package.tracking_url.is_some())),
            ("packages.shippingCost", packages.iter().any(|package| package.shipping_cost.is_some())),
            ("packages.measurements", packages.iter().any(|package| package.measurements.is_some())),
            ("integrationFields", command.integration_fields.is_some()),
        ]);
        Ok(Written { record: self.order(sale.id).await.map_err(open)?, unused_fields: unused })
    }
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
    /// Takes one shipment out of the house, from the state that it is in.
    async fn leave(
        &self,
        shipment: &ShipmentRow,
        mut state: String,
        header: serde_json::Map<String, Value>,
        draft: &ShipmentDraft,
        begun: bool,
    ) -> Result<(), Error> {
        const MODEL: &str = ShipmentRow::MODEL;
        let id = shipment.id;
        let unsure = |error: Error, begun: bool| if begun { open(error) } else { error };
        let mut changed = false;
        if !header.is_empty() {
            self.change(MODEL, id, &Value::Object(header)).await.map_err(|error| unsure(error, begun))?;
            changed = true;
        }
        if state == "draft" {
            state = self.act(MODEL, id, "wait").await.map_err(|error| unsure(error, begun))?;
        }
        if state == "waiting" {
            state = self.act(MODEL, id, "assign_try").await.map_err(|error| unsure(error, begun || changed))?;
            if state != "assigned" {
                // What is to be taken is counted anew, as it was before.
                let reset = self.act(MODEL, id, "wait").await;
                let error =
                    refuse(&[], format!("Tryton has not enough in stock to assign the shipment {}", shipment.number.as_deref().unwrap_or_default()));
                let error = Error { path: None, ..error };
                return Err(unsure(error, begun || reset.is_err()));
            }
        }
        for (action, before) in [("pick", "assigned"), ("pack", "picked"), ("ship", "packed"), ("do", "shipped")] {
            if action == "do"
                && let Some(at) = draft.shipped_at
            {
                self.change(MODEL, id, &json!({ "effective_date": day(at) })).await.map_err(open)?;
            }
            if state == before {
                // From here on something has moved.
                state = self.act(MODEL, id, action).await.map_err(|error| unsure(error, begun || action != "pick"))?;
            }
        }
        Ok(())
    }

    /// The field and its commands that leave of a shipment only what these lines take; nothing where they take all of it.
    async fn taken(&self, shipment: &ShipmentRow, lines: &[ShipmentLineItemDraft]) -> Result<Option<(String, Value)>, Error> {
        for (index, line) in lines.iter().enumerate() {
            positive(line.quantity, &["lineItems", &index.to_string(), "quantity"])?;
        }
        if lines.is_empty() {
            return Err(refuse(&["lineItems"], "Nothing is to be shipped"));
        }
        let products = self.products_of(&named(lines), "lineItems").await?;
        let outgoing = shipment.outgoing_moves.iter().filter(|row| !row.is_cancelled());
        let whole = sums(outgoing.map(|row| (row.product.as_ref().map(|product| product.id).unwrap_or_default(), row.moved())));
        let wanted = sums(lines.iter().zip(&products).map(|(line, product)| (product.id, line.quantity)));
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
        if state != "waiting" {
            // What is assigned cannot be changed; it is assigned again afterwards.
            self.act(ShipmentRow::MODEL, shipment.id, "wait").await?;
        }
        let row = self.row::<TakenRow>(shipment.id).await?.unwrap_or_default();
        // Where goods go out right from the shelves, nothing takes them to the door first.
        let (field, moves) = match row.inventory_moves.as_slice() {
            [] => ("outgoing_moves", &row.outgoing_moves),
            _ => ("inventory_moves", &row.inventory_moves),
        };
        let (mut commands, mut left) = (Vec::new(), wanted);
        for row in moves {
            let wanted = left.entry(row.of()).or_default();
            let take = row.internal_quantity.unwrap_or_default().min(*wanted);
            *wanted = *wanted - take;
            if take == Quantity::ZERO {
                commands.push(json!(["delete", [row.id]]));
                continue;
            }
            let mut values = json!({ "quantity": take.to_f64(), "unit": row.own_unit() });
            if let (Some(lot), Some(values)) = (lots.get(&row.of()), values.as_object_mut()) {
                values.insert("lot".to_owned(), json!(lot));
            }
            commands.push(json!(["write", [row.id], values]));
        }
        Ok(Some((field.to_owned(), Value::Array(commands))))
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

fn sums(quantities: impl Iterator<Item = (i64, Quantity)>) -> BTreeMap<i64, Quantity> {
    let mut sums = BTreeMap::new();
    for (product, quantity) in quantities {
        *sums.entry(product).or_insert(Quantity::ZERO) += quantity;
    }
    sums
}
