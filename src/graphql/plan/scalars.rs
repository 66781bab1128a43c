//! Scalars and enumerations, as a plan writes them.

use std::io::Write as _;

use super::select::Selected;
use super::{Compiler, Found, Planned, json};
use crate::record::*;

/// A scalar or an enumeration, written as it is serialised.
macro_rules! leaves {
    ($($type:ty),+ $(,)?) => {$(
        impl Planned for $type {
            type Plan = ();

            fn plan(_: &Selected<'_>, _: &mut Compiler<'_>) -> Option<()> {
                Some(())
            }

            fn write(&self, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) {
                json(self, out);
            }

            fn write_stored(json: &str, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) -> bool {
                out.extend_from_slice(json.as_bytes());
                true
            }
        }
    )+};
}
leaves!(bool, String);
leaves!(OrderStatus, OrderType, ShipmentStatus, InboundStatus, ReturnStatus, DutyPayer, LengthUnit, WeightUnit);

/// A scalar whose text needs no escapes.
macro_rules! plain_texts {
    ($($type:ty),+ $(,)?) => {$(
        impl Planned for $type {
            type Plan = ();

            fn plan(_: &Selected<'_>, _: &mut Compiler<'_>) -> Option<()> {
                Some(())
            }

            fn write(&self, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) {
                // Into memory that cannot fail.
                quoted(out, |out| drop(write!(out, "{self}")));
            }

            fn write_stored(json: &str, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) -> bool {
                out.extend_from_slice(json.as_bytes());
                true
            }
        }
    )+};
}
plain_texts!(Instant, Money);

/// Writes a text that needs no escapes.
pub(super) fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// A `Float` of GraphQL, which is written with a point.
impl Planned for Quantity {
    type Plan = ();

    fn plan(_: &Selected<'_>, _: &mut Compiler<'_>) -> Option<()> {
        Some(())
    }

    fn write(&self, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) {
        json(&self.to_f64(), out);
    }

    /// Whole ones are stored without a point.
    fn write_stored(json: &str, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(json.as_bytes());
        if json.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            out.extend_from_slice(b".0");
        }
        true
    }
}

/// It is JSON already.
impl Planned for Json {
    type Plan = ();

    fn plan(_: &Selected<'_>, _: &mut Compiler<'_>) -> Option<()> {
        Some(())
    }

    fn write(&self, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_str().as_bytes());
    }

    /// No part holds any.
    fn write_stored(_: &str, _: ConnectionId, (): &(), _: &Found, _: &mut Vec<u8>) -> bool {
        false
    }
}
