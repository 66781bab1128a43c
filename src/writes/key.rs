//! Idempotency keys: what a key that was used before is answered with.
//!
//! A key is bound to what was asked for, by hash. It is answered with the write that it was first used for, however that ended, but
//! with two exceptions, in which nothing has been carried out and so the write may be sent again: it was refused for a reason that
//! passes (a rate limit, a WMS out of order, a server that ended before it sent anything), or the key is older than keys are kept.
//! While nobody knows what became of a write, its key is never sent again.

use serde_json::Value;

use crate::record::draft::WriteAction;
use crate::record::{Failure, Instant};
use crate::store::writes::{Write, WriteStatus};

/// What is to be done about a key that a write holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was used for something else.
    Mismatch,
    /// It is answered with that write.
    Answer,
    /// It is not known yet what becomes of that write.
    Open,
    /// It may be sent.
    Send,
}

/// Seconds in a day.
const DAY: i64 = 24 * 3_600;

pub(super) fn verdict(held: &Write, content_hash: &str, now: Instant, keep_days: i64) -> Verdict {
    if held.status.is_settled() && held.created_at.plus_seconds(keep_days * DAY) < now {
        return Verdict::Send;
    }
    if held.content_hash != content_hash {
        return Verdict::Mismatch;
    }
    match held.status {
        WriteStatus::Confirmed => Verdict::Answer,
        WriteStatus::Rejected if held.error.as_ref().is_some_and(|error| Failure::from_json(error).retryable) => Verdict::Send,
        WriteStatus::Rejected => Verdict::Answer,
        WriteStatus::Pending | WriteStatus::Sent | WriteStatus::Unknown => Verdict::Open,
    }
}

/// What a key is bound to. The order of fields does not matter: JSON objects are sorted by name here.
pub(super) fn content_hash(action: WriteAction, request: &Value) -> String {
    fn feed(hash: &mut blake3::Hasher, value: &Value) {
        match value {
            Value::Object(fields) => {
                let mut sorted: Vec<_> = fields.iter().collect();
                sorted.sort_unstable_by_key(|(name, _)| name.as_str());
                hash.update(b"{");
                for (name, value) in sorted {
                    feed(hash, &Value::String(name.clone()));
                    feed(hash, value);
                }
                hash.update(b"}");
            }
            Value::Array(items) => {
                hash.update(b"[");
                items.iter().for_each(|item| feed(hash, item));
                hash.update(b"]");
            }
            plain => {
                hash.update(plain.to_string().as_bytes());
                hash.update(b",");
            }
        }
    }
    let mut hash = blake3::Hasher::new();
    hash.update(action.as_str().as_bytes());
    feed(&mut hash, request);
    hash.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_fields_is_no_content() {
        let hash = |value: Value| content_hash(WriteAction::CreateOrder, &value);
        assert_eq!(hash(json!({ "a": 1, "b": [1, 2] })), hash(json!({ "b": [1, 2], "a": 1 })));
        for other in [json!({ "a": 1, "b": [2, 1] }), json!({ "a": 1, "b": [12] }), json!({ "a": "1", "b": [1, 2] }), json!({ "a": 1 })] {
            assert_ne!(hash(json!({ "a": 1, "b": [1, 2] })), hash(other));
        }
    }
}
