//! Which fields of an input an adapter has no use for: what a dry run tells, and a real write reports as the adapter finds it.
//!
//! A pure function over the command as JSON and what the adapter says that it understands. A WMS may have no use for more than that
//! (a lot, of a product that keeps none); only the write itself can tell.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::wms::Writes;

/// What stands beside the draft or patch, and is looked at elsewhere.
const BESIDE: [&str; 2] = ["id", "integrationFields"];

/// The fields that were given and are none of the adapter's, as dotted paths below the draft or patch (`field`, or the request itself),
/// without the places in lists.
pub(super) fn unused(request: &Value, field: Option<&str>, writes: &Writes) -> Vec<String> {
    let draft = field.map_or(request, |field| request.get(field).unwrap_or(&Value::Null));
    let known = |path: &str| {
        let rests = || writes.required.iter().chain(writes.optional).filter_map(|own| own.strip_prefix(path));
        if rests().any(str::is_empty) { Some(true) } else { rests().any(|rest| rest.starts_with('.')).then_some(false) }
    };
    let mut found = BTreeSet::new();
    walk(draft, "", &known, &mut found);
    found.into_iter().filter(|path| field.is_some() || !BESIDE.contains(&path.as_str())).collect()
}

/// `known` says of a path whether it is one of the adapter's (true), or one of the adapter's lies below it (false).
fn walk(value: &Value, path: &str, known: &impl Fn(&str) -> Option<bool>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match known(&path) {
                    Some(true) => {}
                    // Only what is said of its parts can be of no use.
                    Some(false) => walk(value, &path, known, found),
                    None => drop(found.insert(path)),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, known, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::draft::WriteAction;

    const WRITES: Writes = Writes {
        action: WriteAction::CreateOrder,
        required: &["shipTo.city", "lineItems.quantity"],
        optional: &["reason", "tags", "lineItems.sku"],
        integration_fields: None,
    };

    #[test]
    fn what_the_adapter_does_not_name_is_of_no_use() {
        let order = json!({
            "shipTo": { "city": "Köln", "address3": "Hinterhaus" },
            "lineItems": [{ "sku": "A", "quantity": 1 }, { "sku": "B", "quantity": 2, "unitPrice": "3.00" }, { "unitPrice": "4.00" }],
            "tags": [{ "any": "thing" }],
            "orderNumber": "7"
        });
        let request = json!({ "order": order, "integrationFields": { "x": 1 } });
        assert_eq!(unused(&request, Some("order"), &WRITES), ["lineItems.unitPrice", "orderNumber", "shipTo.address3"]);
    }

    #[test]
    fn where_the_input_holds_its_fields_itself_what_names_the_record_is_none_of_them() {
        let request = json!({ "id": "T3JkZXI6MQ", "integrationFields": {}, "reason": "x", "why": null });
        assert_eq!(unused(&request, None, &WRITES), ["why"]);
    }
}
