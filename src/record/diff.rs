//! What changed between two versions of a record, and the record itself, in the words of the API, for whoever is sent either.

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
    path.split('.').map(graphql_name).collect::<Vec<_>>().join(".")
}

/// A field's name as the API has it, which is seldom another word than the model's: the vendor's `id` of a part is its `sourceId`.
fn graphql_name(field: &str) -> String {
    match field {
        "order_type" | "location_type" => "type".to_owned(),
        "id" => "sourceId".to_owned(),
        other => camel_case(other),
    }
}

/// A record as it is told to the outside, in the words that [`previous_attributes`] uses: what they name at `status` or `shipTo.city`
/// stands here at the same place. The raw payload is left out.
pub fn outward<T: Record>(record: &T) -> Map<String, Value> {
    let mut told = Map::new();
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else { return told };
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("source" | "totals" | "delivery", Value::Object(inner)) => {
                told.extend(inner.into_iter().map(|(field, value)| (graphql_path(&format!("{name}.{field}")), worded(value))));
            }
            (_, value) => drop(told.insert(graphql_name(&name), worded(value))),
        }
    }
    // Other than in hashes and diffs, JSON stands as what it is.
    if let Some(Value::String(text)) = told.get("additionalFields")
        && let Ok(parsed) = serde_json::from_str(text)
    {
        told.insert("additionalFields".to_owned(), parsed);
    }
    told
}

/// The same value with its fields named as GraphQL names them, at any depth.
pub fn worded(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (graphql_name(&name), worded(value))).collect()),
        Value::Array(items) => Value::Array(items.into_iter().map(worded).collect()),
        other => other,
    }
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
    use super::super::{Address, Carrier, Order, OrderLineItem, OrderStatus, OrderType, Shipment};
    use super::*;

    #[test]
    fn a_record_is_told_in_the_words_of_its_differences() {
        let mut order = Order { status: OrderStatus::Open, ..Order::default() };
        order.source.id = "S1".into();
        order.source.raw = Some(Json::of(&"secret"));
        order.source.additional_fields = Some(Json::of(&serde_json::json!({ "their_own": 1 })));
        order.ship_to = Some(Address { postal_code: Some("50667".into()), ..Address::default() });
        order.line_items = vec![OrderLineItem { unit_price: Some("1.5".parse().unwrap()), ..OrderLineItem::default() }].into();
        order.totals.currency_code = Some("EUR".into());
        order.delivery.carrier = Some(Carrier { id: Some("C1".into()), ..Carrier::default() });
        order.shipments = vec![Shipment { id: "P1".into(), ..Shipment::default() }].into();
        let told = Value::Object(outward(&order));
        assert_eq!((&told["sourceId"], &told["status"], &told["currencyCode"]), (&"S1".into(), &"OPEN".into(), &"EUR".into()));
        assert_eq!((&told["shipTo"]["postalCode"], &told["lineItems"][0]["unitPrice"]), (&"50667".into(), &"1.50".into()));
        assert_eq!((&told["carrier"]["sourceId"], &told["shipments"][0]["sourceId"]), (&"C1".into(), &"P1".into()));
        assert_eq!(told["additionalFields"], serde_json::json!({ "their_own": 1 }), "what is the WMS's own keeps its names");
        assert!(told.get("raw").is_none() && !told.to_string().contains("secret"), "{told:#}");
    }

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
        new.order_type = Some(OrderType::D2c);
        new.ship_to = Some(Address { city: Some("Osaka".into()), ..Address::default() });
        let told = previous_attributes(&old, &new).map(|json| json.to_value());
        assert_eq!(told, Some(serde_json::json!({"currencyCode": null, "shipTo.city": "Köln", "sourceUrl": null, "status": "OPEN", "type": null})));
    }
}
