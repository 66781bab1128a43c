//! Warehouses: `/v1/warehouses`.

use serde::Deserialize;
use serde_json::json;

use super::wire::WireAddress;
use super::{Origin, Sandbox};
use crate::record::{Instant, Warehouse};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

impl Pull<Warehouse> for Sandbox {
    const FIELDS: &'static [&'static str] = &["name", "code", "address", "sourceCreatedAt", "sourceUpdatedAt", "sourceUrl", "additionalFields"];

    async fn pull(&self, scope: &Scope, from: Option<&Checkpoint>) -> Result<Page<Warehouse>, Error> {
        self.list(scope, from, unified).await
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    code: Option<String>,
    name: String,
    open: bool,
    timezone: Option<String>,
    address: Option<WireAddress>,
    created_at: Option<Instant>,
    updated_at: Option<Instant>,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
fn unified(wire: Wire, origin: &Origin) -> Result<Warehouse, String> {
    let more = json!({ "open": wire.open, "timezone": wire.timezone });
    Ok(Warehouse {
        source: origin.source(wire.id, wire.created_at, wire.updated_at, Some(&more)),
        name: wire.name,
        code: wire.code,
        address: wire.address.and_then(WireAddress::unified),
    })
}
