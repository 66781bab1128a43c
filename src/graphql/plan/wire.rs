//! Values as JSON. What a plan has written is taken over as it is.

use async_graphql::Value;

use super::page::raw;
use super::{json, list};

/// Writes a value.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(object) => {
            if let Some(raw) = raw(value) {
                out.extend_from_slice(raw.as_bytes());
                return;
            }
            let mut separator = b'{';
            for (key, value) in object {
                out.push(std::mem::replace(&mut separator, b','));
                json(key.as_str(), out);
                out.push(b':');
                write(value, out);
            }
            if separator == b'{' {
                out.push(b'{');
            }
            out.push(b'}');
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
