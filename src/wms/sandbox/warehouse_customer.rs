//! Warehouse customers: `/v1/clients`.

use serde::Deserialize;
use serde_json::json;

use super::{Origin, Sandbox};
use crate::record::{Instant, WarehouseCustomer};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

impl Pull<WarehouseCustomer> for Sandbox {
    const FIELDS: &'static [&'static str] = &["name", "email", "sourceCreatedAt", "sourceUpdatedAt", "sourceUrl", "additionalFields"];

    async fn pull(&self, scope: &Scope, from: Option<&Checkpoint>) -> Result<Page<WarehouseCustomer>, Error> {
        self.list(scope, from, unified).await
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    code: Option<String>,
    name: String,
    email: Option<String>,
    contract: Option<String>,
    created_at: Option<Instant>,
    updated_at: Option<Instant>,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
fn unified(wire: Wire, origin: &Origin) -> Result<WarehouseCustomer, String> {
    let more = json!({ "code": wire.code, "contract": wire.contract });
    Ok(WarehouseCustomer { source: origin.source(wire.id, wire.created_at, wire.updated_at, Some(&more)), name: wire.name, email: wire.email })
}
