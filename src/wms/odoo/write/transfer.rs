//! Carrying out transfers (`stock.picking`): the ground of shipments and receipts.
//!
//! Two calls. `write` says how many of each move are taken, from which lot and place, and leaves the write's note;
//! `button_validate` moves the stock, and splits off what is left as a backorder. Odoo's dialogs about backorders and text
//! messages are answered beforehand, by context; one that comes all the same means that nothing was done. Where Odoo
//! refuses the second call, the first is taken back and the goods are reserved again.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::Odoo;
use super::super::rows::{LotRow, MoveLineRow, MoveRow, PickingRow, ProductRow, QuantRow, Row};
use super::super::transfer::{Children, expected};
use super::{conflict, note, open, refuse};
use crate::record::{Instant, Json, Quantity};
use crate::wms::{Error, Kind};

/// A transfer that is not done yet, with its moves.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub row: PickingRow,
    pub moves: Vec<MoveRow>,
    pub lines: Vec<MoveLineRow>,
}

impl Open {
    /// What its moves still wait for of a product, in the product's own unit.
    pub fn left(&self, product: i64) -> Quantity {
        self.of(product).map(expected).sum()
    }

    /// Its moves of a product that can be carried out: not those that wait for another transfer.
    pub fn of(&self, product: i64) -> impl Iterator<Item = &MoveRow> {
        let is_open = |row: &&MoveRow| !matches!(row.state.as_deref(), Some("done" | "cancel" | "waiting"));
        self.moves.iter().filter(is_open).filter(move |row| row.product_id.as_ref().is_some_and(|link| link.id == product))
    }

    /// The products that its moves still wait for.
    pub fn products(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.moves.iter().filter_map(|row| row.product_id.as_ref()).map(|link| link.id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter(|id| self.left(*id) > Quantity::ZERO).collect()
    }

    fn name(&self) -> &str {
        self.row.name.as_deref().unwrap_or("the transfer")
    }
}

/// So many of a product that are to be moved.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub product: ProductRow,
    pub quantity: Quantity,
    pub lot: Option<Lot>,
    /// The place where they are put, of a receipt.
    pub to: Option<i64>,
    /// The line of the input.
    pub index: usize,
}

/// A lot that goods are of.
#[derive(Debug, Clone)]
pub(super) struct Lot {
    pub name: String,
    pub expires_at: Option<Instant>,
    /// Its id, where Odoo knows it.
    pub id: Option<i64>,
}

/// Which parts each move takes. What no move waits for is left over: the part, and how many of it.
pub(super) fn allot<'a>(transfers: &[Open], parts: &'a [Part]) -> (BTreeMap<i64, Vec<Part>>, Vec<(&'a Part, Quantity)>) {
    let (mut taken, mut left_over) = (BTreeMap::<i64, Vec<Part>>::new(), Vec::new());
    for part in parts {
        let mut left = part.quantity;
        for row in transfers.iter().flat_map(|transfer| transfer.of(part.product.id)) {
            let own: Quantity = taken.get(&row.id).into_iter().flatten().map(|part| part.quantity).sum();
            let here = left.min(expected(row) - own);
            if here > Quantity::ZERO {
                taken.entry(row.id).or_default().push(Part { quantity: here, ..part.clone() });
                left = left - here;
            }
        }
        if left > Quantity::ZERO {
            left_over.push((part, left));
        }
    }
    (taken, left_over)
}

/// A quantity of a product in the unit that a move counts in.
pub(super) fn in_unit_of(row: &MoveRow, quantity: Quantity) -> f64 {
    match (row.product_uom_qty, row.product_qty) {
        (Some(units), Some(pieces)) if pieces != Quantity::ZERO => quantity.to_f64() * units.to_f64() / pieces.to_f64(),
        _ => quantity.to_f64(),
    }
}

impl Odoo {
    /// The transfers that are neither done nor cancelled, with what they move.
    pub(super) async fn open_transfers(&self, pickings: Vec<PickingRow>) -> Result<Vec<Open>, Error> {
        let ids: Vec<i64> = pickings.iter().map(|row| row.id).collect();
        let (moves, lines) = tokio::try_join!(
            self.related::<MoveRow>("picking_id", ids.iter().copied()),
            self.related::<MoveLineRow>("picking_id", ids.iter().copied()),
        )?;
        let (moves, lines) = (Children::by("picking_id", moves), Children::by("picking_id", lines));
        let of = |row: PickingRow| Ok(Open { moves: moves.parsed(row.id)?, lines: lines.parsed(row.id)?, row });
        let open = pickings.into_iter().filter(|row| !matches!(row.state.as_deref(), Some("done" | "cancel"))).map(of);
        open.collect::<Result<_, String>>().map_err(|reason| Error::new(Kind::Protocol, reason))
    }

    /// The lot of this name of a product, as far as Odoo knows it.
    pub(super) async fn lot(&self, product: i64, name: &str, expires_at: Option<Instant>, parts: &[&str]) -> Result<Lot, Error> {
        let rows = self.search::<LotRow>(&[json!(["product_id", "=", product]), json!(["name", "=", name])], 1).await?.0;
        let row = rows.first().map(LotRow::of).transpose().map_err(|reason| Error::new(Kind::Protocol, reason))?;
        let known = row.as_ref().and_then(|row| row.expiration_date).map(|stamp| stamp.0);
        match (known, expires_at) {
            // Seconds are all that Odoo keeps.
            (Some(known), Some(wanted)) if known.micros().div_euclid(1_000_000) != wanted.micros().div_euclid(1_000_000) => {
                Err(refuse(parts, format!("The lot {name:?} expires at {known} in Odoo")))
            }
            _ => Ok(Lot { name: name.to_owned(), expires_at: expires_at.filter(|_| known.is_none()), id: row.map(|row| row.id) }),
        }
    }

    /// Carries out transfers, each with the parts that its moves take. What is left becomes a backorder, or, where `closes`, is
    /// called off. `own` are further values of the transfers.
    pub(super) async fn carry_out(
        &self,
        transfers: &[Open],
        taken: &BTreeMap<i64, Vec<Part>>,
        own: &Map<String, Value>,
        closes: bool,
        reference: &str,
    ) -> Result<(), Error> {
        let ids: Vec<i64> = transfers.iter().map(|transfer| transfer.row.id).collect();
        let before = self.before(&ids, own).await.map_err(super::harmless)?;
        let mut values = Vec::new();
        for transfer in transfers {
            let mut vals = own.clone();
            vals.insert("move_ids".to_owned(), json!(self.taken_by(transfer, taken).await.map_err(super::harmless)?));
            vals.insert("message_ids".to_owned(), note::<PickingRow>(reference));
            values.push(vals);
        }
        for (index, (transfer, vals)) in transfers.iter().zip(&values).enumerate() {
            let written = self.call(PickingRow::MODEL, "write", &json!({ "ids": [transfer.row.id], "vals": vals })).await;
            if let Err(error) = written {
                return Err(if error.outcome_unknown { error } else { self.taken_back(&transfers[..index], &before, error).await });
            }
        }
        let mut context = json!({ "skip_backorder": true, "skip_sms": true });
        if closes {
            context["picking_ids_not_to_backorder"] = json!(ids);
        }
        let answer = match self.call(PickingRow::MODEL, "button_validate", &json!({ "ids": ids, "context": context })).await {
            Ok(reply) => reply.json::<Value>()?,
            Err(error) if error.outcome_unknown => return Err(error),
            Err(error) => return Err(self.taken_back(transfers, &before, error).await),
        };
        let rows = self.related::<PickingRow>("id", ids.iter().copied()).await.map_err(open)?;
        if rows.len() == ids.len() && rows.iter().all(|row| row.get("state").and_then(Value::as_str) == Some("done")) {
            return Ok(());
        }
        let asked = answer.get("name").and_then(Value::as_str);
        let why = match asked {
            Some(dialog) => format!("Odoo did nothing and asks a person: {dialog}"),
            None => "Odoo answered without an error, but did not carry out the transfer".to_owned(),
        };
        let error = Error::new(Kind::Validation, why);
        let error = if asked.is_some() { error.with_body(Json::of(&answer)) } else { error };
        Err(self.taken_back(transfers, &before, error).await)
    }

    /// The commands that say what the moves of a transfer take. Moves that take nothing stay for the backorder.
    async fn taken_by(&self, transfer: &Open, taken: &BTreeMap<i64, Vec<Part>>) -> Result<Vec<Value>, Error> {
        let mut commands = Vec::new();
        for row in &transfer.moves {
            let Some(parts) = taken.get(&row.id) else {
                if row.picked && !matches!(row.state.as_deref(), Some("done" | "cancel")) {
                    commands.push(json!([1, row.id, { "picked": false }]));
                }
                continue;
            };
            if parts.iter().all(|part| part.lot.is_none() && part.to.is_none()) {
                let quantity: Quantity = parts.iter().map(|part| part.quantity).sum();
                commands.push(json!([1, row.id, { "quantity": in_unit_of(row, quantity), "picked": true }]));
                continue;
            }
            let of_move = |line: &&MoveLineRow| line.move_id.as_ref().is_some_and(|link| link.id == row.id);
            let mut lines: Vec<Value> = transfer.lines.iter().filter(of_move).map(|line| json!([2, line.id, 0])).collect();
            for part in parts {
                for (from, quantity) in self.from_where(transfer, row, part).await? {
                    let mut vals = json!({
                        "picking_id": transfer.row.id, "product_id": part.product.id, "quantity": quantity.to_f64(), "picked": true,
                        "product_uom_id": part.product.uom_id.as_ref().map(|unit| unit.id),
                        "location_id": from, "location_dest_id": part.to.or_else(|| row.location_dest_id.as_ref().map(|link| link.id)),
                    });
                    if let Some(lot) = &part.lot {
                        let (field, value) = lot.id.map_or_else(|| ("lot_name", json!(lot.name)), |id| ("lot_id", json!(id)));
                        vals[field] = value;
                        if let Some(at) = lot.expires_at {
                            vals["expiration_date"] = json!(super::super::client::stamp(at));
                        }
                    }
                    lines.push(json!([0, 0, vals]));
                }
            }
            commands.push(json!([1, row.id, { "move_line_ids": lines, "picked": true }]));
        }
        Ok(commands)
    }

    /// The places that a part is taken from. Of a lot that lies in the warehouse, where it lies; else where the move begins.
    async fn from_where(&self, transfer: &Open, row: &MoveRow, part: &Part) -> Result<Vec<(Option<i64>, Quantity)>, Error> {
        let from = row.location_id.as_ref().map(|link| link.id);
        let is_incoming = transfer.row.picking_type_code.as_deref() == Some("incoming");
        let Some(lot) = part.lot.as_ref().filter(|_| !is_incoming) else { return Ok(vec![(from, part.quantity)]) };
        let index = part.index.to_string();
        let at = ["lineItems", index.as_str(), "lotId"];
        let Some(id) = lot.id else { return Err(refuse(&at, format!("Odoo knows no lot {:?} of this product", lot.name))) };
        let domain = [json!(["lot_id", "=", id]), json!(["location_id", "child_of", from]), json!(["quantity", ">", 0])];
        let quants = self.search::<QuantRow>(&domain, super::super::client::CHUNK).await?.0;
        let (mut left, mut places) = (part.quantity, Vec::new());
        for quant in quants.iter().filter_map(|row| QuantRow::of(row).ok()) {
            let here = left.min(quant.quantity.unwrap_or_default());
            if here > Quantity::ZERO {
                places.push((quant.location_id.as_ref().map(|link| link.id), here));
                left = left - here;
            }
        }
        if left > Quantity::ZERO {
            let place = row.location_id.as_ref().and_then(|link| link.name.as_deref()).unwrap_or_default();
            return Err(refuse(&at, format!("Of the lot {:?}, only {} are in {place}", lot.name, part.quantity - left)));
        }
        Ok(places)
    }

    /// What stands on each transfer where `own` will be written.
    async fn before(&self, ids: &[i64], own: &Map<String, Value>) -> Result<BTreeMap<i64, Map<String, Value>>, Error> {
        if own.is_empty() {
            return Ok(BTreeMap::new());
        }
        let fields: Vec<&String> = own.keys().collect();
        let rows: Vec<Map<String, Value>> = self.value(PickingRow::MODEL, "read", &json!({ "ids": ids, "fields": fields })).await?;
        let of = |row: Map<String, Value>| {
            let id = row.get("id").and_then(Value::as_i64)?;
            Some((id, row.iter().filter(|(field, _)| *field != "id").map(|(field, value)| (field.clone(), as_written(value))).collect()))
        };
        Ok(rows.into_iter().filter_map(of).collect())
    }

    /// `error`, after what was written on transfers has been taken back and their goods have been reserved again.
    async fn taken_back(&self, transfers: &[Open], before: &BTreeMap<i64, Map<String, Value>>, error: Error) -> Error {
        for transfer in transfers {
            let is_open = |row: &&MoveRow| !matches!(row.state.as_deref(), Some("done" | "cancel"));
            // What a person had picked already is theirs again; all else is for Odoo to reserve.
            let back = |row: &MoveRow| {
                let quantity = if row.picked { row.quantity.unwrap_or_default() } else { Quantity::ZERO };
                json!([1, row.id, { "quantity": quantity.to_f64(), "picked": row.picked }])
            };
            let mut vals = before.get(&transfer.row.id).cloned().unwrap_or_default();
            vals.insert("move_ids".to_owned(), transfer.moves.iter().filter(is_open).map(back).collect());
            let ids = json!([transfer.row.id]);
            if let Err(left) = self.call(PickingRow::MODEL, "write", &json!({ "ids": ids, "vals": vals })).await {
                tracing::warn!(odoo.picking = transfer.row.id, error = %left, "What was taken of a refused transfer could not be put back");
                return open(error);
            }
            if let Err(left) = self.call(PickingRow::MODEL, "action_assign", &json!({ "ids": ids })).await {
                // Odoo reserves by itself in time, and says so where there is nothing to reserve.
                tracing::debug!(odoo.picking = transfer.row.id, error = %left, "The goods of a refused transfer were not reserved again");
            }
        }
        error
    }

    /// Notes when a transfer really happened. It has happened by now: a moment that cannot be noted is reported as unused.
    pub(super) async fn happened_at(&self, ids: &[i64], at: Option<Instant>, field: &str, unused: &mut Vec<String>) {
        let Some(at) = at else { return };
        let arguments = json!({ "ids": ids, "vals": { "date_done": super::super::client::stamp(at) } });
        if let Err(error) = self.call(PickingRow::MODEL, "write", &arguments).await {
            tracing::warn!(error = %error, "The moment of a transfer could not be noted");
            unused.push(field.to_owned());
        }
    }

    /// What became of a write that carries out one of these transfers, by its note and their state.
    pub(super) async fn carried_out(&self, pickings: &[PickingRow], reference: &str) -> Result<Carried, Error> {
        let noted = self.noted::<PickingRow>(reference).await?;
        let noted: Vec<&PickingRow> = pickings.iter().filter(|row| noted.contains(&row.id)).collect();
        let is_done = |row: &&&PickingRow| row.state.as_deref() == Some("done");
        Ok(match (noted.is_empty(), noted.iter().find(|row| !is_done(row))) {
            (true, _) => Carried::Never,
            (false, None) => Carried::Done(noted.into_iter().cloned().collect()),
            (false, Some(half)) => Carried::Half(half.name.clone().unwrap_or_default()),
        })
    }

    /// Refuses what is left over when the moves have taken all that they wait for.
    pub(super) fn too_many(transfers: &[Open], left_over: &[(&Part, Quantity)], what: &str) -> Result<(), Error> {
        let Some((part, over)) = left_over.first() else { return Ok(()) };
        let names: Vec<&str> = transfers.iter().map(Open::name).collect();
        let shown = part.product.default_code.as_deref().or(part.product.name.as_deref()).unwrap_or_default();
        let why = format!("Of {shown:?}, {} are left to {what} in Odoo ({}), {} fewer", part.quantity - *over, names.join(", "), over);
        Err(refuse(&["lineItems", &part.index.to_string(), "quantity"], why))
    }
}

/// What became of the transfers of a write.
pub(super) enum Carried {
    /// Nothing was begun.
    Never,
    /// They are done.
    Done(Vec<PickingRow>),
    /// One was prepared, and not carried out.
    Half(String),
}

/// A value that was read, as Odoo takes it back.
fn as_written(value: &Value) -> Value {
    match value.as_array().map(Vec::as_slice) {
        Some([Value::Number(id), Value::String(_)]) => json!(id),
        Some(ids) => json!([[6, 0, ids]]),
        None => value.clone(),
    }
}

/// A transfer that is to be carried out and is not open.
pub(super) fn not_open(row: &PickingRow) -> Error {
    let state = if row.state.as_deref() == Some("cancel") { "cancelled" } else { "done" };
    conflict(format!("{} is {state} already in Odoo", row.name.as_deref().unwrap_or("The transfer")))
}
