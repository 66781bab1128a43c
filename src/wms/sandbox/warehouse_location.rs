//! Warehouse locations: `/v1/locations`.

use serde::Deserialize;
use serde_json::json;

use super::wire::{WireDims, WireWeight, measurements};
use super::{Origin, Sandbox};
use crate::record::{Instant, Link, WarehouseLocation};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

impl Pull<WarehouseLocation> for Sandbox {
    const FIELDS: &'static [&'static str] =
        &["name", "warehouse", "type", "measurements", "sourceCreatedAt", "sourceUpdatedAt", "sourceUrl", "additionalFields"];

    async fn pull(&self, scope: &Scope, from: Option<&Checkpoint>) -> Result<Page<WarehouseLocation>, Error> {
        self.list(scope, from, unified).await
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    label: Option<String>,
    warehouse_id: String,
    kind: Option<String>,
    parent_id: Option<String>,
    pickable: Option<bool>,
    dims: Option<WireDims>,
    max_load: Option<WireWeight>,
    created_at: Option<Instant>,
    updated_at: Option<Instant>,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
fn unified(wire: Wire, origin: &Origin) -> Result<WarehouseLocation, String> {
    let more = json!({ "parent_id": wire.parent_id, "pickable": wire.pickable });
    Ok(WarehouseLocation {
        source: origin.source(wire.id, wire.created_at, wire.updated_at, Some(&more)),
        name: wire.label,
        warehouse: Some(Link::to(wire.warehouse_id)),
        location_type: wire.kind,
        // Of a location, the weight is what it bears.
        measurements: measurements(wire.dims, wire.max_load),
    })
}
