//! Holds `integrationFields` against an adapter's JSON Schema.
//!
//! A part of JSON Schema (2020-12): `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, the bounds of
//! numbers, texts and lists, `anyOf`, `oneOf`, `allOf`, `not`, and `$ref` within the schema. It is what adapters write and what schemars
//! derives. Any other keyword says nothing here, and the WMS decides. (A whole validator brings a regular-expression engine, a
//! URI resolver and a megabyte of program with it.)

use serde_json::Value;

/// How deep references are followed: a schema may refer to itself.
const DEEPEST: usize = 64;

/// What is wrong with a value: where, below it, and why.
pub(super) type Complaint = (Vec<String>, String);

/// Holds `value` against `schema`.
pub(super) fn complaints(schema: &Value, value: &Value) -> Vec<Complaint> {
    let mut checker = Checker { root: schema, path: Vec::new(), found: Vec::new() };
    checker.check(schema, value, 0);
    checker.found
}

struct Checker<'a> {
    root: &'a Value,
    path: Vec<String>,
    found: Vec<Complaint>,
}

impl<'a> Checker<'a> {
    fn complain(&mut self, message: impl Into<String>) {
        self.found.push((self.path.clone(), message.into()));
    }

    fn below(&mut self, part: impl Into<String>, schema: &'a Value, value: &Value, depth: usize) {
        self.path.push(part.into());
        self.check(schema, value, depth);
        self.path.pop();
    }

    /// Whether the value fits a schema, without complaining.
    fn fits(&self, schema: &'a Value, value: &Value, depth: usize) -> bool {
        let mut checker = Checker { root: self.root, path: Vec::new(), found: Vec::new() };
        checker.check(schema, value, depth);
        checker.found.is_empty()
    }

    fn check(&mut self, schema: &'a Value, value: &Value, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let depth = depth + 1;
        let Some(rules) = schema.as_object() else {
            if *schema == Value::Bool(false) {
                self.complain("There is no such field");
            }
            return;
        };
        let reference = rules.get("$ref").and_then(Value::as_str).and_then(|to| self.root.pointer(to.strip_prefix('#')?));
        if let Some(schema) = reference {
            self.check(schema, value, depth);
        }
        if let Some(types) = rules.get("type") {
            let names: Vec<&str> = types.as_str().into_iter().chain(types.as_array().into_iter().flatten().filter_map(Value::as_str)).collect();
            if !names.iter().any(|name| is_of(name, value)) {
                return self.complain(format!("It must be of type {}", names.join(" or ")));
            }
        }
        let choices = rules.get("enum").and_then(Value::as_array).map(Vec::as_slice).or(rules.get("const").map(std::slice::from_ref));
        if let Some(choices) = choices.filter(|choices| !choices.contains(value)) {
            let names: Vec<String> = choices.iter().map(ToString::to_string).collect();
            self.complain(format!("It must be {}", names.join(" or ")));
        }
        match value {
            Value::Object(fields) => self.object(rules, fields, depth),
            Value::Array(items) => self.list(rules, items, depth),
            Value::String(text) => self.size(rules, "minLength", "maxLength", text.chars().count(), "characters"),
            Value::Number(number) => self.number(rules, number.as_f64().unwrap_or_default()),
            Value::Null | Value::Bool(_) => {}
        }
        for part in rules.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.check(part, value, depth);
        }
        let fitting = |parts: &'a Value| parts.as_array().into_iter().flatten().filter(|part| self.fits(part, value, depth)).count();
        let (any, one) = (rules.get("anyOf").map(fitting), rules.get("oneOf").map(fitting));
        let excluded = rules.get("not").is_some_and(|schema| self.fits(schema, value, depth));
        if any == Some(0) || one.is_some_and(|count| count != 1) || excluded {
            self.complain("It is none of what the schema allows");
        }
    }

    fn object(&mut self, rules: &'a serde_json::Map<String, Value>, fields: &serde_json::Map<String, Value>, depth: usize) {
        for name in rules.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.path.push(name.to_owned());
                self.complain("It is missing");
                self.path.pop();
            }
        }
        let properties = rules.get("properties").and_then(Value::as_object);
        for (name, value) in fields {
            match properties.and_then(|properties| properties.get(name)).or(rules.get("additionalProperties")) {
                Some(Value::Bool(false)) => {
                    let known: Vec<&str> = properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str)).collect();
                    self.path.push(name.clone());
                    self.complain(format!("There is no such field; there are: {}", known.join(", ")));
                    self.path.pop();
                }
                Some(schema) => self.below(name, schema, value, depth),
                None => {}
            }
        }
    }

    fn list(&mut self, rules: &'a serde_json::Map<String, Value>, items: &[Value], depth: usize) {
        self.size(rules, "minItems", "maxItems", items.len(), "entries");
        if let Some(schema) = rules.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.below(index.to_string(), schema, item, depth);
            }
        }
    }

    fn size(&mut self, rules: &serde_json::Map<String, Value>, least: &str, most: &str, size: usize, of: &str) {
        let bound = |name: &str| rules.get(name).and_then(Value::as_u64);
        if let Some(least) = bound(least).filter(|least| (size as u64) < *least) {
            self.complain(format!("It must have at least {least} {of}"));
        }
        if let Some(most) = bound(most).filter(|most| size as u64 > *most) {
            self.complain(format!("It must have at most {most} {of}"));
        }
    }

    fn number(&mut self, rules: &serde_json::Map<String, Value>, number: f64) {
        let bound = |name: &str| rules.get(name).and_then(Value::as_f64);
        let broken = [
            bound("minimum").filter(|least| number < *least).map(|least| format!("at least {least}")),
            bound("maximum").filter(|most| number > *most).map(|most| format!("at most {most}")),
            bound("exclusiveMinimum").filter(|least| number <= *least).map(|least| format!("more than {least}")),
            bound("exclusiveMaximum").filter(|most| number >= *most).map(|most| format!("less than {most}")),
        ];
        for what in broken.into_iter().flatten() {
            self.complain(format!("It must be {what}"));
        }
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_named() {
        let schema = json!({
            "type": "object",
            "properties": {
                "tags": { "type": "array", "items": { "type": "string", "minLength": 1 }, "maxItems": 2 },
                "gift": { "$ref": "#/$defs/Gift" },
                "level": { "enum": ["low", "high"] },
                "weight": { "type": ["number", "null"], "exclusiveMinimum": 0 },
                "either": { "anyOf": [{ "type": "boolean" }, { "type": "integer", "maximum": 3 }] }
            },
            "required": ["level"],
            "additionalProperties": false,
            "$defs": { "Gift": { "type": "object", "required": ["text"], "properties": { "text": { "type": "string" }, "again": { "$ref": "#/$defs/Gift" } } } }
        });
        let told = |value: Value| complaints(&schema, &value).into_iter().map(|(path, why)| format!("{}: {why}", path.join("."))).collect::<Vec<_>>();
        let good = json!({ "tags": ["a"], "gift": { "text": "x", "again": { "text": "y" } }, "level": "low", "weight": null, "either": 3 });
        assert_eq!(told(good), Vec::<String>::new());
        let bad = json!({ "tags": ["a", "", 3], "gift": { "again": { "text": 1 } }, "weight": 0, "either": 4, "other": 1 });
        assert_eq!(
            told(bad),
            [
                "level: It is missing",
                "tags: It must have at most 2 entries",
                "tags.1: It must have at least 1 characters",
                "tags.2: It must be of type string",
                "gift.text: It is missing",
                "gift.again.text: It must be of type string",
                "weight: It must be more than 0",
                "either: It is none of what the schema allows",
                "other: There is no such field; there are: tags, gift, level, weight, either",
            ]
        );
        assert_eq!(told(json!([])), [": It must be of type object"]);
    }
}
