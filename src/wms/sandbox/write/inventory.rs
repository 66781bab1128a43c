//! Inventory: adjusted.

use serde_json::json;

use super::{Body, Spoken, day, source_id};
use crate::record::draft::AdjustInventory;

impl Spoken for AdjustInventory {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "warehouseId",
        "locationId",
        "lotId",
        "expiresAt",
        // One of these two must be there.
        "delta",
        "quantity",
        "reason",
    ];
    const VERB: Option<&'static str> = Some("adjust");

    fn body(&self) -> Body {
        let adjustment = &self.adjustment;
        let mut body = Body::default();
        body.put("warehouse_id", source_id(adjustment.warehouse_id.as_ref()));
        body.put("location_id", source_id(adjustment.location_id.as_ref()));
        body.put("lot", adjustment.lot_id.as_deref());
        body.put("expires_on", adjustment.expires_at.map(day));
        body.put("delta", adjustment.delta.map(|delta| json!(delta)));
        body.put("counted", adjustment.quantity.map(|quantity| json!(quantity)));
        body.put("reason", adjustment.reason.as_deref());
        body
    }
}
