//! The one check that every write goes through before anything is sent, and that a dry run consists of: what this connection's
//! adapter says of its writes, what the drafts themselves say, and what the store knows of the account.
//!
//! It is a pure function over the command as JSON. It refuses only what cannot succeed; all else is for the WMS to decide.

use serde_json::Value;

use super::schema;
use crate::record::draft::{Named, WriteAction};
use crate::record::{ConnectionId, DataType, ErrorCode, Failure};
use crate::wms::{AnyCommand, Writes};

/// The types whose records are an account's own choices: what the store does not have of them, once it has read them all, is not
/// there.
pub(super) const CHOICES: [DataType; 3] = [DataType::Warehouses, DataType::ShippingMethods, DataType::WarehouseCustomers];

/// Lists of lines: none of them may be empty.
const LINES: &str = "lineItems";
/// Lists of parts, which need not be there.
const LISTS: [&str; 3] = [LINES, "packages", "components"];
/// What an entry of a list is named by: exactly one of these.
const NAMES: [&str; 3] = ["inventoryItemId", "productId", "sku"];
/// Quantities of an entry.
const QUANTITIES: [&str; 2] = ["quantity", "expectedQuantity"];
/// Fields of patches that no WMS can clear.
const NEVER_CLEARED: [&str; 7] = ["name", "active", "type", "shipTo", "saturdayDelivery", "signatureRequired", LINES];

/// What is wrong with a command. `absent` are the records that it names and the store knows to be gone.
pub(super) fn check(command: &AnyCommand, connection: ConnectionId, writes: &Writes, absent: &[Named]) -> Vec<Failure> {
    let (request, action) = (command.request(), command.action());
    let mut check = Check { path: Vec::new(), found: Vec::new() };
    let draft = match command.field() {
        Some(field) => {
            check.path.push(field.to_owned());
            request.get(field).unwrap_or(&Value::Null)
        }
        None => &request,
    };
    for required in writes.required {
        check.required(draft, &required.split('.').collect::<Vec<_>>(), is_patch(action));
    }
    if is_patch(action) {
        check.cleared(draft);
    }
    check.lists(draft);
    if action == WriteAction::AdjustInventory {
        check.adjustment(draft);
    }
    check.path.clear();
    check.integration_fields(request.get("integrationFields").unwrap_or(&Value::Null), writes);
    for named in command.refs() {
        if named.connection != connection {
            check.found.push(refusal(ErrorCode::InvalidInput, "It belongs to another connection", named.path));
        } else if absent.contains(&named) {
            let message = format!("This account has no such {}; capabilities lists those that it has", named.data_type.type_name());
            check.found.push(refusal(ErrorCode::NotFound, message, named.path));
        }
    }
    check.found
}

pub(super) const fn is_patch(action: WriteAction) -> bool {
    matches!(action, WriteAction::UpdateOrder | WriteAction::UpdateInboundShipment | WriteAction::UpdateReturn | WriteAction::UpdateProduct)
}

fn refusal(code: ErrorCode, message: impl Into<String>, path: Vec<String>) -> Failure {
    Failure { path: Some(path), ..Failure::ours(code, message) }
}

struct Check {
    path: Vec<String>,
    found: Vec<Failure>,
}

impl Check {
    fn refuse(&mut self, below: &[&str], message: impl Into<String>) {
        let path = self.path.iter().cloned().chain(below.iter().map(|part| (*part).to_owned())).collect();
        self.found.push(refusal(ErrorCode::InvalidInput, message, path));
    }

    fn below(&mut self, part: impl Into<String>, check: impl FnOnce(&mut Self)) {
        self.path.push(part.into());
        check(self);
        self.path.pop();
    }

    /// The field at the end of `parts` must be there, in every entry of the lists on the way to it.
    fn required(&mut self, value: &Value, parts: &[&str], patch: bool) {
        let Some((first, rest)) = parts.split_first() else { return };
        match value.get(first) {
            None | Some(Value::Null) => {
                // What is not there needs no fields; but a part of a draft whose fields are required is itself required.
                if rest.is_empty() || !(patch || LISTS.contains(first)) {
                    self.refuse(parts, "This WMS needs it");
                }
            }
            Some(Value::Array(items)) => self.below(*first, |check| {
                for (index, item) in items.iter().enumerate() {
                    check.below(index.to_string(), |check| check.required(item, rest, false));
                }
            }),
            Some(value) => self.below(*first, |check| check.required(value, rest, false)),
        }
    }

    fn cleared(&mut self, patch: &Value) {
        for name in NEVER_CLEARED {
            if patch.get(name) == Some(&Value::Null) {
                self.refuse(&[name], "It cannot be cleared: leave it out, and it stays as it is");
            }
        }
    }

    fn lists(&mut self, draft: &Value) {
        for list in LISTS {
            let Some(items) = draft.get(list).and_then(Value::as_array) else { continue };
            if items.is_empty() && list == LINES {
                self.refuse(&[list], "It needs at least one line");
            }
            for (index, item) in items.iter().enumerate() {
                let index = index.to_string();
                self.entry(&[list, &index], item);
            }
        }
    }

    fn entry(&mut self, place: &[&str], entry: &Value) {
        for quantity in QUANTITIES {
            if entry.get(quantity).and_then(Value::as_f64).is_some_and(|number| number <= 0.0) {
                self.refuse(&[place, &[quantity]].concat(), "It must be more than 0");
            }
        }
        if place[0] == "packages" {
            return;
        }
        let named: Vec<&str> = NAMES.into_iter().filter(|name| entry.get(name).is_some_and(|value| !value.is_null())).collect();
        match named.as_slice() {
            [] => self.refuse(place, "It must say which item it is of: by its id or by its sku"),
            [_] => {}
            [_, second, ..] => self.refuse(&[place, &[second]].concat(), format!("Give only one of {}", named.join(" and "))),
        }
    }

    fn adjustment(&mut self, draft: &Value) {
        let number = |name: &str| draft.get(name).and_then(Value::as_f64);
        match (number("delta"), number("quantity")) {
            (None, None) => self.refuse(&[], "Give delta or quantity"),
            (Some(_), Some(_)) => self.refuse(&["quantity"], "Give delta or quantity, not both"),
            (Some(0.0), None) => self.refuse(&["delta"], "It must not be 0"),
            (None, Some(quantity)) if quantity < 0.0 => self.refuse(&["quantity"], "It must not be negative"),
            _ => {}
        }
    }

    fn integration_fields(&mut self, fields: &Value, writes: &Writes) {
        if fields.is_null() {
            return;
        }
        let Some(schema) = &writes.integration_fields else {
            return self.refuse(&["integrationFields"], format!("This WMS takes none for {}", writes.action));
        };
        for (path, message) in schema::complaints(schema, fields) {
            let path: Vec<&str> = std::iter::once("integrationFields").chain(path.iter().map(String::as_str)).collect();
            self.refuse(&path, message);
        }
    }
}
