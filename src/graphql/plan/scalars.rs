//! Scalars and enumerations, as a plan writes them.

use std::io::Write as _;

use super::select::Selected;
use super::{Compiler, Found, Planned, json};
use crate::record::*;
use crate::store::records::{Cell, FromCell as _};

/// Scalars and enumerations: how their cell is written, and what stands behind their JSON beside itself.
macro_rules! leaves {
    ($($type:ty $(= |$cell:ident, $out:ident| $write:expr)? $(, and $more:ident)?;)+) => {$(
        impl Planned for $type {
            type Plan = ();

            fn plan(_: &Selected<'_>, _: &mut Compiler<'_>) -> Option<()> {
                Some(())
            }

            fn write(json: &str, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) -> bool {
                out.extend_from_slice(json.as_bytes());
                $($more(json, out);)?
                true
            }

            $(fn write_cell($cell: Cell<'_>, _: ConnectionId, (): &(), _: &Found, $out: &mut Vec<u8>) -> bool {
                $write
            })?
        }
    )+};
}
leaves! {
    String = |cell, out| cell.text().is_ok_and(|text| told(text, out));
    bool = |cell, out| bool::from_cell(cell).is_ok_and(|truth| told(&truth, out));
    OrderStatus = |cell, out| OrderStatus::from_cell(cell).is_ok_and(|code| told(&code, out));
    OrderType = |cell, out| OrderType::from_cell(cell).is_ok_and(|code| told(&code, out));
    InboundStatus = |cell, out| InboundStatus::from_cell(cell).is_ok_and(|code| told(&code, out));
    ReturnStatus = |cell, out| ReturnStatus::from_cell(cell).is_ok_and(|code| told(&code, out));
    ShipmentStatus;
    DutyPayer;
    LengthUnit;
    WeightUnit;
    Instant = |cell, out| Instant::from_cell(cell).is_ok_and(|instant| plain(&instant, out));
    Money = |cell, out| Money::from_cell(cell).is_ok_and(|amount| plain(&amount, out));
    Quantity = |cell, out| Quantity::from_cell(cell).is_ok_and(|quantity| told(&quantity.to_f64(), out)), and with_a_point;
    Json = |cell, out| cell.text().map(|json| out.extend_from_slice(json.as_bytes())).is_ok();
}

/// Writes what shows itself as a text that needs no escapes.
fn plain(value: &impl std::fmt::Display, out: &mut Vec<u8>) -> bool {
    // Into memory that cannot fail.
    quoted(out, |out| drop(write!(out, "{value}")));
    true
}

fn told<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> bool {
    json(value, out);
    true
}

/// A `Float` of GraphQL is written with a point; whole ones are stored without.
fn with_a_point(json: &str, out: &mut Vec<u8>) {
    if json.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        out.extend_from_slice(b".0");
    }
}

/// Writes a text that needs no escapes.
pub(super) fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}
