//! Shipping methods: `/v1/shipping-methods`.

use serde::Deserialize;
use serde_json::json;

use super::wire::WireCarrier;
use super::{Origin, Sandbox};
use crate::record::{Instant, ShippingMethod};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

impl Pull<ShippingMethod> for Sandbox {
    const FIELDS: &'static [&'static str] = &["name", "carrier", "sourceCreatedAt", "sourceUpdatedAt", "sourceUrl", "additionalFields"];

    async fn pull(&self, scope: &Scope, from: Option<&Checkpoint>) -> Result<Page<ShippingMethod>, Error> {
        self.list(scope, from, unified).await
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    label: String,
    carrier: Option<WireCarrier>,
    service: Option<String>,
    transit_days: Option<[u32; 2]>,
    created_at: Option<Instant>,
    updated_at: Option<Instant>,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
fn unified(wire: Wire, origin: &Origin) -> Result<ShippingMethod, String> {
    let more = json!({ "service": wire.service, "transit_days": wire.transit_days });
    Ok(ShippingMethod {
        source: origin.source(wire.id, wire.created_at, wire.updated_at, Some(&more)),
        name: wire.label,
        carrier: wire.carrier.map(WireCarrier::unified),
    })
}
