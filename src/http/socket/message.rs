//! What the two sides say to each other.

use async_graphql::ServerError;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::hub::Frame;
use super::super::request::kind;

/// What a client says.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// Who it is.
    Init(Map<String, Value>),
    /// Asks for a `pong` with the same payload.
    Ping(Option<Map<String, Value>>),
    /// Answers a ping, or just says that it is there.
    Pong,
    /// Begins an operation.
    Subscribe {
        /// What the client calls it.
        id: String,
        /// The parameters of the request.
        parameters: Map<String, Value>,
    },
    /// Wants no more of an operation.
    Complete {
        /// What the client called it.
        id: String,
    },
}

impl Incoming {
    /// Reads a message. Fields that the protocol does not know are left alone.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let message = serde_json::from_str(text).map_err(|error| format!("The message is not JSON: {error}"))?;
        let Value::Object(mut message) = message else { return Err(format!("The message must be an object, not {}", kind(&message))) };
        let name = match message.remove("type") {
            Some(Value::String(name)) => name,
            Some(other) => return Err(format!("type must be a string, not {}", kind(&other))),
            None => return Err("type is missing".to_owned()),
        };
        match name.as_str() {
            "connection_init" => Ok(Self::Init(payload(&mut message)?.unwrap_or_default())),
            "ping" => Ok(Self::Ping(payload(&mut message)?)),
            "pong" => payload(&mut message).map(|_| Self::Pong),
            "subscribe" => {
                let id = id(&mut message)?;
                let parameters = payload(&mut message)?.ok_or("payload is missing: it holds the query")?;
                Ok(Self::Subscribe { id, parameters })
            }
            "complete" => Ok(Self::Complete { id: id(&mut message)? }),
            other => Err(format!("type {other:?} is none that a client sends")),
        }
    }
}

fn id(message: &mut Map<String, Value>) -> Result<String, String> {
    match message.remove("id") {
        Some(Value::String(id)) if id.is_empty() => Err("id must not be empty".to_owned()),
        Some(Value::String(id)) => Ok(id),
        Some(other) => Err(format!("id must be a string, not {}", kind(&other))),
        None => Err("id is missing".to_owned()),
    }
}

fn payload(message: &mut Map<String, Value>) -> Result<Option<Map<String, Value>>, String> {
    match message.remove("payload") {
        Some(Value::Object(payload)) => Ok(Some(payload)),
        Some(Value::Null) | None => Ok(None),
        Some(other) => Err(format!("payload must be an object, not {}", kind(&other))),
    }
}

/// What the server says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Outgoing<'a> {
    /// Operations are welcome.
    ConnectionAck,
    /// The answer to a ping.
    Pong {
        /// That of the ping.
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    /// A result of an operation (`next`), or that it is refused as a whole (`error`).
    #[serde(skip)]
    Result {
        /// Which.
        id: &'a str,
        /// The result.
        frame: &'a Frame,
    },
    /// An operation is refused.
    Error {
        /// Which.
        id: &'a str,
        /// Why.
        payload: &'a [ServerError],
    },
    /// An operation is over.
    Complete {
        /// Which.
        id: &'a str,
    },
}

impl Outgoing<'_> {
    /// The message as it is sent.
    ///
    /// # Errors
    /// None that can be foreseen.
    pub(super) fn text(&self) -> serde_json::Result<String> {
        let Self::Result { id, frame } = self else { return serde_json::to_string(self) };
        let kind = if frame.is_refusal() { "error" } else { "next" };
        let mut out = format!("{{\"type\":\"{kind}\",\"id\":{},\"payload\":", serde_json::to_string(id)?);
        if frame.is_refusal() {
            out.push_str(frame.errors());
        } else {
            frame.write(&mut out);
        }
        out.push('}');
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_protocol_knows_is_read() {
        let object = |value: Value| value.as_object().cloned().unwrap();
        for (text, message) in [
            (r#"{"type":"connection_init"}"#, Incoming::Init(Map::new())),
            (r#"{"type":"connection_init","payload":null}"#, Incoming::Init(Map::new())),
            (r#"{"type":"connection_init","payload":{"a":1}}"#, Incoming::Init(object(json!({ "a": 1 })))),
            (r#"{"type":"ping","more":true}"#, Incoming::Ping(None)),
            (r#"{"type":"ping","payload":{}}"#, Incoming::Ping(Some(Map::new()))),
            (r#"{"type":"pong","payload":{"a":1}}"#, Incoming::Pong),
            (r#"{"id":"1","type":"complete"}"#, Incoming::Complete { id: "1".to_owned() }),
            (
                r#"{"id":"1","type":"subscribe","payload":{"query":"{a}"}}"#,
                Incoming::Subscribe { id: "1".to_owned(), parameters: object(json!({ "query": "{a}" })) },
            ),
        ] {
            assert_eq!(Incoming::parse(text), Ok(message), "{text}");
        }
    }

    #[test]
    fn what_it_says_is_written() {
        let text = |message: &Outgoing<'_>| message.text().unwrap();
        assert_eq!(text(&Outgoing::ConnectionAck), r#"{"type":"connection_ack"}"#);
        assert_eq!(text(&Outgoing::Pong { payload: None }), r#"{"type":"pong"}"#);
        assert_eq!(text(&Outgoing::Pong { payload: Some(Map::new()) }), r#"{"type":"pong","payload":{}}"#);
        assert_eq!(text(&Outgoing::Complete { id: "1" }), r#"{"type":"complete","id":"1"}"#);
    }
}
