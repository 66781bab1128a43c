//! What the journal shows of a request, and of what a WMS answered to a passthrough: everything but secrets.
//!
//! What is secret is told by the name of its field: whatever anybody called `password`, `apiToken` or `client_secret` is
//! blanked, however deep it lies; so is the value of a query parameter with such a name. What a client hides in a note cannot
//! be told.

use serde_json::Value;

/// What stands in the place of a secret.
const BLANK: &str = "[secret]";

/// Parts of names, in lower case and without what is no letter, that say that the value is a secret.
const SECRET: &[&str] =
    &["password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "authorization", "credential", "cookie"];

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect();
    SECRET.iter().any(|secret| plain.contains(secret))
}

/// Blanks the secrets in a value.
pub(super) fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // A pair of name and value, as in a list of query parameters.
            let named_secret = fields.get("name").and_then(Value::as_str).is_some_and(is_secret);
            for (name, value) in fields.iter_mut() {
                if !value.is_null() && (is_secret(name) || (named_secret && name == "value")) {
                    *value = BLANK.into();
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_told_by_their_names() {
        let mut value = json!({
            "method": "POST", "path": "/v1/users",
            "query": [{ "name": "api_key", "value": "s3" }, { "name": "page", "value": "2" }],
            "body": { "user": { "Password": "s1", "name": "token" }, "list": [{ "clientSecret": { "deep": "s2" } }], "x-auth-token": null, "note": "x" }
        });
        redact(&mut value);
        assert_eq!(
            value,
            json!({
                "method": "POST", "path": "/v1/users",
                "query": [{ "name": "api_key", "value": "[secret]" }, { "name": "page", "value": "2" }],
                "body": { "user": { "Password": "[secret]", "name": "token" }, "list": [{ "clientSecret": "[secret]" }], "x-auth-token": null, "note": "x" }
            })
        );
    }
}
