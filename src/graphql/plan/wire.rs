//! Values as JSON. What a plan has written is taken over as it is.

use async_graphql::Value;

use super::page::raw;
use super::{json, list};

/// Writes a value.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            if let Some(raw) = raw(value) {
                // With room for what closes behind it.
                out.reserve(raw.len() + 64);
                out.push_str(raw);
                return;
            }
            let mut separator = '{';
            for (key, value) in object {
                out.push(std::mem::replace(&mut separator, ','));
                json(key.as_str(), out);
                out.push(':');
                write(value, out);
            }
            if separator == '{' {
                out.push('{');
            }
            out.push('}');
        }
        Value::List(items) => {
            list(items, out, |item, out| {
                write(item, out);
                true
            });
        }
        scalar => json(scalar, out),
    }
}
