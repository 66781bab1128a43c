//! The scalar that only the API has: a position in the change log. (`DateTime`, `Decimal` and `JSON` are the model's own
//! and stand in `record`.) And what is true of all of them: why one refuses a value.

use async_graphql::{InputType, InputValueError, InputValueResult, Pos, Scalar, ScalarType, Value};

use super::errors::{Fault, Result};
use crate::changes;
use crate::record::{Instant, Money};

/// An opaque position in the change log. Keep the newest that you have seen, and give it back as `after` to go on from
/// there without a gap and without a repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCursor(String);

impl LogCursor {
    /// The cursor of the entry at `position`.
    pub fn at(position: i64) -> Self {
        Self(changes::cursor(position))
    }

    /// The position. Text of any kind is taken as an argument, so that this error can say which argument it was.
    ///
    /// # Errors
    /// [`Fault::Input`] for what this server did not give out.
    pub fn position(&self, argument: &str) -> Result<i64> {
        changes::position(&self.0).ok_or_else(|| Fault::argument(argument, format!("{:?} is no cursor of the change log", self.0)))
    }

    /// As clients see it.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// An opaque position in the change log. Keep the newest that you have seen, and give it back as `after` to go on from
/// there without a gap and without a repeat.
#[Scalar(name = "Cursor")]
impl ScalarType for LogCursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Why a scalar of this name takes no such value; `None` when it does.
pub(super) fn refusal(scalar: &str, value: Value) -> Option<String> {
    fn why<T: InputType>(value: Value) -> Option<String> {
        let message = T::parse(Some(value)).err()?.into_server_error(Pos::default()).message;
        // The library puts the type's name before a reason of ours. Its own would repeat the value, however long it is.
        Some(message.split_once("\": ").map_or_else(|| "It is written in another way.".to_owned(), |(_, why)| why.to_owned()))
    }
    match scalar {
        "DateTime" => why::<Instant>(value),
        "Decimal" => why::<Money>(value),
        "Cursor" => why::<LogCursor>(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_as_they_went_and_nothing_else_does() {
        for position in [0, 1, i64::MAX] {
            assert_eq!(LogCursor::at(position).position("after").ok(), Some(position));
        }
        for bad in ["", "7", "Y2hhbmdlczo", "Y2hhbmdlczotMQ", "b3JkZXJzOjc"] {
            let fault = LogCursor(bad.to_owned()).position("after").unwrap_err();
            assert!(matches!(&fault, Fault::Input { path, .. } if path == &["after"]), "{bad}: {fault}");
        }
    }
}
