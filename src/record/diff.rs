//! What changed between two versions of a record.

use serde_json::{Map, Value};

use super::{Json, Record};

/// The old values of what differs between `old` and `new`, by dotted path: `{"status": "OPEN", "shipTo.city": "Köln"}`.
/// Lists are compared whole. The raw payload is left out. `None` where nothing else differs.
pub fn previous_attributes<T: Record>(old: &T, new: &T) -> Option<Json> {
    let (old, new) = (serde_json::to_value(old).ok()?, serde_json::to_value(new).ok()?);
    let mut previous = Map::new();
    collect("", &old, &new, &mut previous);
    (!previous.is_empty()).then(|| Json::of(&previous))
}

fn collect(path: &str, old: &Value, new: &Value, previous: &mut Map<String, Value>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(&path, value, new.get(key).unwrap_or(&Value::Null), previous);
            }
        }
        (old, new) if old != new => {
            previous.insert(graphql_path(path), old.clone());
        }
        _ => {}
    }
}

/// Paths are in the words of the API: `source.updated_at` is `sourceUpdatedAt`, `ship_to.city` is `shipTo.city`,
/// and what GraphQL shows flat is flat.
fn graphql_path(path: &str) -> String {
    let path = match path.split_once('.') {
        Some(("source", field)) if field != "additional_fields" => format!("source_{field}"),
        Some(("source", "additional_fields")) => "additional_fields".to_owned(),
        Some(("totals" | "delivery", field)) => field.to_owned(),
        _ => path.to_owned(),
    };
    camel_case(&path)
}

/// A field's name as GraphQL writes it: `order_number` is `orderNumber`.
pub fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        match letter {
            '_' => upper = true,
            letter if upper => {
                out.extend(letter.to_uppercase());
                upper = false;
            }
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Address, Order, OrderStatus};
    use super::*;

    #[test]
    fn only_what_differs_is_told_in_the_words_of_the_api() {
        let old =
            Order { status: OrderStatus::Open, ship_to: Some(Address { city: Some("Köln".into()), ..Address::default() }), ..Order::default() };
        let mut new = old.clone();
        assert_eq!(previous_attributes(&old, &new), None);
        new.source.raw = Some(Json::of(&1));
        assert_eq!(previous_attributes(&old, &new), None, "the raw payload alone is not told");
        new.status = OrderStatus::Picked;
        new.source.url = Some("x".into());
        new.totals.currency_code = Some("EUR".into());
        new.ship_to = Some(Address { city: Some("Osaka".into()), ..Address::default() });
        let told = previous_attributes(&old, &new).map(|json| json.to_value());
        assert_eq!(told, Some(serde_json::json!({"currencyCode": null, "shipTo.city": "Köln", "sourceUrl": null, "status": "OPEN"})));
    }
}
