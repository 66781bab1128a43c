//! A result, as it is sent: written once, whoever gets it.

use async_graphql::Response;

use super::super::answer::Body;
use crate::graphql::is_request_error;

/// A result.
#[derive(Debug)]
pub(in super::super) struct Frame {
    /// The position of the entry of the log that it tells of; `None` where it tells of none.
    pub(super) position: Option<i64>,
    /// The whole as JSON, on one line; of a request error only the list of its errors.
    json: Box<str>,
    is_refusal: bool,
    has_errors: bool,
}

/// What is sent when nothing else can be.
const BROKEN: &str = r#"{"errors":[{"message":"Internal error","extensions":{"code":"INTERNAL"}}]}"#;

impl Frame {
    /// A result that tells of the entry at `position`.
    pub(in super::super) fn of(response: &Response, position: Option<i64>) -> Self {
        let is_refusal = is_request_error(response);
        let mut body = String::new();
        let written = if is_refusal { serde_json::to_string(&response.errors) } else { Body::of(response).write(&mut body).map(|()| body) };
        let mut json = written.unwrap_or_else(|error| {
            tracing::error!(error = %error, "Failed to write an answer as JSON");
            BROKEN.to_owned()
        });
        // A WMS's payload is passed on as it came, on several lines perhaps; between JSON's tokens any blank means the same, and
        // inside a string no line ends.
        if json.contains(['\n', '\r']) {
            json = json.replace(['\n', '\r'], " ");
        }
        Self { position, json: json.into_boxed_str(), is_refusal, has_errors: !response.errors.is_empty() }
    }

    /// Whether it refuses the whole operation: then [`errors`](Self::errors) is what it says.
    pub(in super::super) fn is_refusal(&self) -> bool {
        self.is_refusal
    }

    /// Whether it has errors.
    pub(in super::super) fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// How much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.json.len() + size_of::<Self>()
    }

    /// The errors of a refusal, as a list in JSON.
    pub(in super::super) fn errors(&self) -> &str {
        &self.json
    }

    /// Writes the whole answer behind what is there.
    pub(in super::super) fn write(&self, out: &mut String) {
        if self.is_refusal {
            out.push_str("{\"errors\":");
            out.push_str(&self.json);
            out.push('}');
        } else {
            out.push_str(&self.json);
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, ServerError, Value};

    use super::*;

    #[test]
    fn a_payload_on_several_lines_is_written_on_one() {
        // As a plan splices it: see `graphql::plan`.
        let raw = (Name::new("$serde_json::private::RawValue"), Value::from("{\r\n  \"a\": \"x\\n\"\n}"));
        let answer = Response::new(Value::Object([(Name::new("raw"), Value::Object([raw].into_iter().collect()))].into_iter().collect()));
        let mut out = "data: ".to_owned();
        Frame::of(&answer, None).write(&mut out);
        assert_eq!(out, "data: {\"data\":{\"raw\":{    \"a\": \"x\\n\" }}}");
    }

    #[test]
    fn a_refusal_has_no_data() {
        let frame = Frame::of(&Response::from_errors(vec![ServerError::new("no", None)]), None);
        let mut out = String::new();
        frame.write(&mut out);
        assert!(frame.is_refusal() && frame.has_errors());
        assert_eq!((frame.errors(), out.as_str()), (r#"[{"message":"no"}]"#, r#"{"errors":[{"message":"no"}]}"#));
    }
}
