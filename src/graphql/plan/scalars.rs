//! Scalars and enumerations, as a plan writes them.

use std::fmt::Write as _;

use super::select::Selected;
use super::{Compiler, Found, Planned, json};
use crate::record::*;
use crate::store::records::{Cell, FromCell};

/// Scalars and enumerations: how their cell is written, and what stands behind their JSON beside itself.
macro_rules! leaves {
    ($($type:ty $(= $write:expr)? $(, and $more:ident)?;)+) => {$(
        impl Planned for $type {
            type Plan = ();

            fn plan(_: &Selected<'_>, _: &mut Compiler<'_>) -> Option<()> {
                Some(())
            }

            fn write(json: &str, _: ConnectionId, (): &(), _: &Found, out: &mut String) -> bool {
                out.push_str(json);
                $($more(json, out);)?
                true
            }

            $(fn write_cell(cell: Cell<'_>, _: ConnectionId, (): &(), _: &Found, out: &mut String) -> bool {
                $write(cell, out)
            })?
        }
    )+};
}
leaves! {
    String = text;
    bool = serialised::<Self>;
    OrderStatus = serialised::<Self>;
    OrderType = serialised::<Self>;
    InboundStatus = serialised::<Self>;
    ReturnStatus = serialised::<Self>;
    ShipmentStatus;
    DutyPayer;
    LengthUnit;
    WeightUnit;
    Instant = plain::<Self>;
    Money = plain::<Self>;
    Quantity = float, and with_a_point;
    Json = copied;
}

/// Texts without escapes, which nearly all are, are written here: what serde writes would be checked for UTF-8 once more.
fn text(cell: Cell<'_>, out: &mut String) -> bool {
    let Ok(text) = cell.text() else { return false };
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        json(text, out);
    } else {
        quoted(out, |out| out.push_str(text));
    }
    true
}

fn copied(cell: Cell<'_>, out: &mut String) -> bool {
    cell.text().map(|json| out.push_str(json)).is_ok()
}

/// The value of a cell. What is wrong with it is not for clients to know.
fn read<T: FromCell>(cell: Cell<'_>) -> Option<T> {
    T::from_cell(cell).inspect_err(|error| tracing::error!(error = %error, "A value in the database cannot be read")).ok()
}

fn serialised<T: FromCell + serde::Serialize>(cell: Cell<'_>, out: &mut String) -> bool {
    read::<T>(cell).map(|value| json(&value, out)).is_some()
}

/// Writes what shows itself as a text that needs no escapes. Into memory that cannot fail.
fn plain<T: FromCell + std::fmt::Display>(cell: Cell<'_>, out: &mut String) -> bool {
    read::<T>(cell).map(|value| quoted(out, |out| _ = write!(out, "{value}"))).is_some()
}

fn float(cell: Cell<'_>, out: &mut String) -> bool {
    read::<Quantity>(cell).map(|quantity| json(&quantity.to_f64(), out)).is_some()
}

/// A `Float` of GraphQL is written with a point; whole ones are stored without.
fn with_a_point(json: &str, out: &mut String) {
    if json.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        out.push_str(".0");
    }
}

/// Writes a text that needs no escapes.
pub(super) fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    write(out);
    out.push('"');
}
