//! Inventory: adjusted.
//!
//! Odoo counts one `stock.quant`: a product in one location, lot, package and owner. **A count** is one call, `create` in inventory
//! mode with `inventory_quantity_auto_apply`: it finds the row that is there, and moves the difference. **A difference** must
//! not undo what was shipped or received meanwhile, so it takes Odoo's own two steps: the count is noted (Odoo writes
//! down by how much it differs from the stock of that moment), and applied, where Odoo asks a person if the stock has moved since.
//! Then, or when somebody else was faster before, the count is cleared and noted anew.
//!
//! The write's reference is the name of the adjustment, with the reason before it: the stock move that is made of it
//! has both.

use serde_json::{Map, Value, json};

use super::super::Odoo;
use super::super::rows::{AdjustmentRow, CountRow, LocationRow, LotRow, ProductRow, QuantRow, Row, StockPlacesRow};
use super::{Inputs, conflict, found, harmless, in_use, located, odoo_id, own_fields, path, refuse, target, written};
use crate::record::draft::{AdjustInventory, InventoryAdjustment};
use crate::record::{Instant, InventoryItem, Quantity};
use crate::wms::{Error, Found, Kind, Push, Retry, Written};

const INPUTS: Inputs = &[("(location_id)", &["locationId"]), ("(lot_id)", &["lotId"]), ("product.product(", &["id"])];

/// How often a difference is tried anew when the stock moves under it.
const TRIES: usize = 3;

impl Push<AdjustInventory> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["warehouseId", "locationId", "lotId", "expiresAt", "delta", "quantity", "reason"];

    fn integration_fields() -> Option<Value> {
        let id = |what: &str| json!({ "type": "integer", "description": format!("The id of the {what} whose part of the stock is meant") });
        Some(json!({
            "type": "object", "additionalProperties": false,
            "properties": { "owner_id": id("owner (res.partner)"), "package_id": id("package (stock.package)") },
        }))
    }

    async fn push(&self, command: &AdjustInventory, reference: &str) -> Result<Written<InventoryItem>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let plan = self.adjustment(id, command).await.map_err(harmless)?;
        let unused = plan.unused.clone();
        let (lot, made) = self.lot_to_count(id, &plan, &command.adjustment).await?;
        let mut values = plan.values;
        values.extend(lot.map(|lot| ("lot_id".to_owned(), json!(lot))));
        let name = name(command.adjustment.reason.as_deref(), reference);
        let done = match (command.adjustment.quantity, command.adjustment.delta) {
            (Some(counted), _) => self.count(values, counted, &name).await,
            (None, Some(delta)) => self.differ(values, delta, &name).await,
            (None, None) => Err(refuse(&["quantity"], "Say how many were counted, or how many more there are")),
        };
        if let Err(error) = done {
            if let (Some(lot), false) = (made, error.outcome_unknown) {
                if let Err(left) = self.call(LotRow::MODEL, "unlink", &json!({ "ids": [lot] })).await {
                    tracing::debug!(odoo.lot = lot, error = %left, "A lot that is not needed could not be removed");
                }
            }
            return Err(located(error, INPUTS));
        }
        written(id, self.inventory_item(id).await, unused)
    }

    async fn look_up(&self, command: &AdjustInventory, reference: &str) -> Result<Found<Written<InventoryItem>>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let name = name(command.adjustment.reason.as_deref(), reference);
        let domain = [json!(["product_id", "=", id]), json!(["inventory_name", "=", name]), json!(["state", "=", "done"])];
        if !self.search::<AdjustmentRow>(&domain, 1).await?.0.is_empty() {
            return found(id, self.inventory_item(id).await);
        }
        // A count of what was there already moves nothing, and leaves no trace.
        match command.adjustment.quantity {
            None => Ok(Found::NotDone),
            Some(counted) => {
                let plan = self.adjustment(id, command).await?;
                if plan.there == counted { found(id, self.inventory_item(id).await) } else { Ok(Found::NotDone) }
            }
        }
    }
}

/// What the stock move of an adjustment is called.
fn name(reason: Option<&str>, reference: &str) -> String {
    match reason.map(str::trim).filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{reason} ({reference})"),
        None => reference.to_owned(),
    }
}

/// Which row of the stock is meant.
struct Adjustment {
    /// What `stock.quant/create` is to be called with, without the lot.
    values: Map<String, Value>,
    /// How many Odoo believes there are.
    there: Quantity,
    /// The lot, where Odoo knows it.
    lot: Option<i64>,
    /// When the lot that is made of it expires.
    expires_at: Option<Instant>,
    company: Option<i64>,
    unused: Vec<String>,
}

impl Odoo {
    /// Finds the row that is meant, and refuses what Odoo would take wrongly.
    async fn adjustment(&self, id: i64, command: &AdjustInventory) -> Result<Adjustment, Error> {
        let wanted = &command.adjustment;
        match (wanted.quantity, wanted.delta) {
            (Some(_), Some(_)) => return Err(refuse(&["delta"], "Give delta or quantity, not both")),
            (Some(counted), None) if counted < Quantity::ZERO => return Err(refuse(&["quantity"], "Fewer than none cannot be counted")),
            (None, Some(Quantity::ZERO)) => return Err(refuse(&["delta"], "A difference of 0 is none")),
            (None, None) => return Err(refuse(&["quantity"], "Say how many were counted, or how many more there are")),
            _ => {}
        }
        let rows = self.related::<ProductRow>("id", [id]).await?;
        let product = target(Ok(rows.first()), "inventory item")?;
        let product = ProductRow::of(product).map_err(|reason| Error::new(Kind::Protocol, reason))?;
        if !product.is_storable {
            return Err(conflict("Odoo keeps no stock of this product"));
        }
        let tracked = matches!(product.tracking.as_deref(), Some("lot" | "serial"));
        let expires_at = match wanted.expires_at {
            Some(at) if self.expiring([id]).await?.contains(&id) => Some(at),
            _ => None,
        };
        let unused = if expires_at == wanted.expires_at { Vec::new() } else { vec!["expiresAt".to_owned()] };
        let lot = match wanted.lot_id.as_deref() {
            Some(_) if !tracked => return Err(refuse(&["lotId"], "Odoo keeps no lots of this product")),
            None if tracked => return Err(refuse(&["lotId"], "Odoo keeps this product by lots; name one")),
            None => None,
            Some(lot) => Some(self.lot(id, lot, expires_at, &["expiresAt"]).await?),
        };
        let (place, company) = self.place(wanted).await?;
        let own = own_fields(command.integration_fields.as_ref())?;
        let lot = lot.and_then(|lot| lot.id);
        let mut domain =
            vec![json!(["product_id", "=", id]), json!(["location_id", "=", place]), json!(["lot_id", "=", lot.map_or(json!(false), Value::from)])];
        domain.extend(own.iter().map(|(field, value)| json!([field, "=", value])));
        let rows = if wanted.lot_id.is_some() && lot.is_none() { Vec::new() } else { self.search::<QuantRow>(&domain, 2).await?.0 };
        let rows = rows.iter().map(QuantRow::of).collect::<Result<Vec<_>, _>>().map_err(|reason| Error::new(Kind::Protocol, reason))?;
        let mut values = Map::from_iter([("product_id".to_owned(), json!(id)), ("location_id".to_owned(), json!(place))]);
        let there = match rows.as_slice() {
            [] => Quantity::ZERO,
            [row] => {
                values.extend(row.owner_id.as_ref().map(|owner| ("owner_id".to_owned(), json!(owner.id))));
                values.extend(row.package_id.as_ref().map(|package| ("package_id".to_owned(), json!(package.id))));
                row.quantity.unwrap_or_default()
            }
            _ => {
                let why = "This product lies here for several owners or in several packages; integrationFields owner_id and package_id say which";
                return Err(refuse(&["locationId"], why));
            }
        };
        values.extend(own);
        if wanted.delta.is_some_and(|delta| there + delta < Quantity::ZERO && delta < Quantity::ZERO) {
            return Err(refuse(&["delta"], format!("There are only {there} here in Odoo")));
        }
        Ok(Adjustment { values, there, lot, expires_at, company, unused })
    }

    /// Where the stock lies: the place that is named, else where the warehouse keeps its stock. With its company.
    async fn place(&self, wanted: &InventoryAdjustment) -> Result<(i64, Option<i64>), Error> {
        let warehouse = wanted.warehouse_id.as_ref().map(|id| odoo_id(id.source_id(), &["warehouseId"])).transpose()?;
        if let Some(place) = &wanted.location_id {
            let id = odoo_id(place.source_id(), &["locationId"])?;
            let rows = self.related::<LocationRow>("id", [id]).await?;
            in_use(rows.first(), "location", &["locationId"])?;
            let row = rows.first().map(LocationRow::of).transpose().map_err(|reason| Error::new(Kind::Protocol, reason))?.unwrap_or_default();
            if !matches!(row.usage.as_deref(), Some("internal" | "transit")) {
                return Err(refuse(&["locationId"], "This location of Odoo holds no stock"));
            }
            if warehouse.is_some() && row.warehouse_id.as_ref().map(|link| link.id) != warehouse {
                return Err(refuse(&["locationId"], "This location is not in that warehouse"));
            }
            return Ok((id, row.company_id.map(|company| company.id)));
        }
        let rows = match warehouse {
            Some(id) => self.related::<StockPlacesRow>("id", [id]).await?,
            None => self.search::<StockPlacesRow>(&[json!(["active", "=", true])], 2).await?.0,
        };
        if rows.len() > 1 {
            return Err(refuse(&["warehouseId"], "Odoo has several warehouses; name one, or a location"));
        }
        in_use(rows.first(), "warehouse", &["warehouseId"])?;
        let row = rows.first().map(StockPlacesRow::of).transpose().map_err(|reason| Error::new(Kind::Protocol, reason))?.unwrap_or_default();
        let place = row.lot_stock_id.ok_or_else(|| refuse(&["warehouseId"], "The warehouse has no place for stock"))?;
        Ok((place.id, row.company_id.map(|company| company.id)))
    }

    /// The lot that is counted, and whether it was made just now.
    async fn lot_to_count(&self, product: i64, plan: &Adjustment, wanted: &InventoryAdjustment) -> Result<(Option<i64>, Option<i64>), Error> {
        let (None, Some(name)) = (plan.lot, &wanted.lot_id) else { return Ok((plan.lot, None)) };
        let mut values = json!({ "name": name, "product_id": product, "company_id": plan.company });
        if let Some(at) = plan.expires_at {
            values["expiration_date"] = json!(super::super::client::stamp(at));
        }
        // A lot without stock is no adjustment: whatever came of this call, the write has not been carried out.
        let made: Result<Vec<i64>, Error> = self.value(LotRow::MODEL, "create", &json!({ "vals_list": [values] })).await;
        let made = made.map_err(|error| located(harmless(error), INPUTS))?.first().copied();
        Ok((made, made))
    }

    /// Sets the stock to what was counted.
    async fn count(&self, mut values: Map<String, Value>, counted: Quantity, name: &str) -> Result<(), Error> {
        values.insert("inventory_quantity_auto_apply".to_owned(), json!(counted.to_f64()));
        let context = json!({ "inventory_mode": true, "inventory_name": name });
        self.call(QuantRow::MODEL, "create", &json!({ "vals_list": [values], "context": context })).await.map(drop)
    }

    /// Changes the stock by a difference.
    async fn differ(&self, values: Map<String, Value>, delta: Quantity, name: &str) -> Result<(), Error> {
        for _ in 0..TRIES {
            let quant = self.note_count(&values, delta).await?;
            let Some(quant) = quant else { continue };
            let arguments = json!({ "ids": [quant], "context": { "inventory_mode": true, "inventory_name": name } });
            match self.call(QuantRow::MODEL, "action_apply_inventory", &arguments).await {
                // It answers nothing when it has done its work, and a dialog when the stock has moved since.
                Ok(reply) if reply.json::<Value>()?.is_null() => return Ok(()),
                Ok(_) => self.clear_count(quant).await,
                Err(error) => {
                    if !error.outcome_unknown {
                        self.clear_count(quant).await;
                    }
                    return Err(error);
                }
            }
        }
        Err(conflict("The stock of this item keeps moving in Odoo").with_retry(Retry::BackOff))
    }

    /// Notes a count that differs by `delta` from what is there; `None` when the stock was moved meanwhile. Nothing of the stock
    /// has changed by then, whatever came of it.
    async fn note_count(&self, values: &Map<String, Value>, delta: Quantity) -> Result<Option<i64>, Error> {
        let there = self.counted(values).await.map_err(harmless)?;
        if there.as_ref().is_some_and(|row| row.inventory_quantity_set) {
            return Err(conflict("A count of this stock is under way in Odoo").with_path(path(&["delta"])));
        }
        let there = there.and_then(|row| row.quantity).unwrap_or_default();
        let mut values = values.clone();
        values.insert("inventory_quantity".to_owned(), json!((there + delta).to_f64()));
        let arguments = json!({ "vals_list": [values], "context": { "inventory_mode": true } });
        let noted: Vec<i64> = self.value(QuantRow::MODEL, "create", &arguments).await.map_err(harmless)?;
        let id = noted.first().copied().ok_or_else(|| Error::new(Kind::Protocol, "Odoo noted a count and did not say where"))?;
        let rows = self.related::<CountRow>("id", [id]).await.map_err(harmless)?;
        let row = rows.first().map(CountRow::of).transpose().map_err(|reason| Error::new(Kind::Protocol, reason))?;
        if row.and_then(|row| row.inventory_diff_quantity) == Some(delta) {
            return Ok(Some(id));
        }
        self.clear_count(id).await;
        Ok(None)
    }

    /// The row of the stock as it is counted now.
    async fn counted(&self, values: &Map<String, Value>) -> Result<Option<CountRow>, Error> {
        let fields = ["product_id", "location_id", "lot_id", "owner_id", "package_id"];
        let domain = fields.map(|field| json!([field, "=", values.get(field).unwrap_or(&Value::Bool(false))]));
        let rows = self.search::<CountRow>(&domain, 1).await?.0;
        rows.first().map(CountRow::of).transpose().map_err(|reason| Error::new(Kind::Protocol, reason))
    }

    /// Takes a count back that was noted and not applied.
    async fn clear_count(&self, quant: i64) {
        if let Err(error) = self.call(QuantRow::MODEL, "action_clear_inventory_quantity", &json!({ "ids": [quant] })).await {
            tracing::warn!(odoo.quant = quant, error = %error, "A count that was not applied could not be cleared");
        }
    }
}
