//! Inventory: adjusted, by a count of one product at one place (`stock.inventory`), confirmed at once.
//!
//! A difference is added to what Tryton itself finds there when the count is made.

use serde_json::json;

use super::note::message;
use super::{given, harmless, located, open, path, refuse, text, tryton_id};
use crate::record::draft::{AdjustInventory, Ref};
use crate::record::{InventoryItem, Quantity};
use crate::wms::tryton::Tryton;
use crate::wms::tryton::rows::{CountRow, Row};
use crate::wms::{Error, Found, Kind, Push, Written};

/// The fields of Tryton's sentences, and the input that fills them.
const INPUT: &[(&str, &[&str])] =
    &[("\"Location\"", &["locationId"]), ("must be positive", &["quantity"]), ("\"Lot\"", &["lotId"]), ("\"Product\"", &["id"])];

impl Push<AdjustInventory> for Tryton {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["warehouseId", "locationId", "lotId", "delta", "quantity", "reason"];

    async fn push(&self, command: &AdjustInventory, reference: &str) -> Result<Written<InventoryItem>, Error> {
        const MODEL: &str = CountRow::MODEL;
        let adjustment = &command.adjustment;
        let product = tryton_id(command.id.source_id(), &["id"])?;
        if adjustment.delta.is_some() == adjustment.quantity.is_some() {
            return Err(refuse(&["quantity"], "Give either a delta or a quantity"));
        }
        let (location, lot) = self.place_of(command, product).await.map_err(harmless)?;
        let mut line = json!({ "product": product, "quantity": adjustment.quantity.map(Quantity::to_f64) });
        if let (Some(lot), Some(line)) = (lot, line.as_object_mut()) {
            line.insert("lot".to_owned(), json!(lot));
        }
        let values = json!({ "location": location, "lines": [["create", [line]]] });
        let count = self.make(MODEL, &values).await.map_err(|error| located(error, INPUT))?;
        // Nothing is moved before the note is left.
        let done = match self.leave_note(MODEL, count, &message(reference, adjustment.reason.as_deref())).await {
            Ok(_) => self.counted(count, adjustment.delta).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            return Err(self.uncounted(count, located(error, INPUT)).await);
        }
        let unused = given(&[("expiresAt", adjustment.expires_at.is_some()), ("integrationFields", command.integration_fields.is_some())]);
        Ok(Written { record: self.item(product).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &AdjustInventory, reference: &str) -> Result<Found<Written<InventoryItem>>, Error> {
        let product = tryton_id(command.id.source_id(), &["id"])?;
        let message = message(reference, command.adjustment.reason.as_deref());
        let notes = self.notes(&json!([["resource", "like", format!("{},%", CountRow::MODEL)], ["message", "=", message]])).await?;
        let Some(note) = notes.first() else { return Ok(Found::NotDone) };
        match self.row::<CountRow>(note.row).await?.and_then(|row| row.state).as_deref() {
            Some("done") => Ok(Found::Done(Written { record: self.item(product).await?, unused_fields: Vec::new() })),
            // Nobody can confirm it any more.
            None | Some("cancelled") => Ok(Found::NotDone),
            Some(state) => Ok(Found::Unclear(format!("The count {} was made in Tryton, and is in state {state:?}", note.row))),
        }
    }
}

impl Tryton {
    /// Where the product was counted, and of which lot.
    async fn place_of(&self, command: &AdjustInventory, product: i64) -> Result<(i64, Option<i64>), Error> {
        let adjustment = &command.adjustment;
        let location = match &adjustment.location_id {
            Some(place) => tryton_id(place.source_id(), &["locationId"])?,
            None => {
                let warehouse = self.stocked(adjustment.warehouse_id.as_ref().map(Ref::source_id), &["warehouseId"]).await?;
                let storage = warehouse.and_then(|warehouse| warehouse.storage_location);
                storage.ok_or_else(|| refuse(&["locationId"], "Tryton has several warehouses; name a warehouse or a location"))?
            }
        };
        let lot = match text(adjustment.lot_id.as_deref()) {
            Some(number) => Some(self.lot(product, number, &["lotId"]).await?),
            None => None,
        };
        Ok((location, lot))
    }

    /// Confirms a count, of which a difference is made a quantity first.
    async fn counted(&self, count: i64, delta: Option<Quantity>) -> Result<(), Error> {
        if let Some(delta) = delta {
            let row = self.row::<CountRow>(count).await?.unwrap_or_default();
            let line = row.lines.first().ok_or_else(|| Error::new(Kind::Protocol, "Tryton made a count without the line that it was given"))?;
            let quantity = line.expected_quantity.unwrap_or_default() + delta;
            let changed = self.change("stock.inventory.line", line.id, &json!({ "quantity": quantity.to_f64() })).await;
            changed.map_err(|error| Error { path: error.path.or_else(|| Some(path(&["delta"]))), ..error })?;
        }
        let state = self.act(CountRow::MODEL, count, "confirm").await?;
        if state == "done" { Ok(()) } else { Err(Error::new(Kind::Validation, format!("Tryton left the count in state {state:?}"))) }
    }

    /// `error`, after the count that it came of has been removed.
    async fn uncounted(&self, count: i64, error: Error) -> Error {
        if error.outcome_unknown {
            return error;
        }
        match self.remove(CountRow::MODEL, count).await {
            Ok(()) => error,
            Err(left) => {
                // A draft that stays moves nothing.
                tracing::warn!(tryton.inventory = count, error = %left, "A count that Tryton refused could not be removed");
                error
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_finds_its_input() {
        let message = "The value \"[RTM] Rotterdam DC\" for field \"Location\" in record \"[142]\" of \"Stock Inventory\" is not valid according to its domain.";
        assert_eq!(located(Error::new(Kind::Validation, message), INPUT).path, Some(path(&["locationId"])));
        assert_eq!(located(Error::new(Kind::Unavailable, message), INPUT).path, None);
    }
}
