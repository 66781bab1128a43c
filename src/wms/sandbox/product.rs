//! Products: `/v1/products`.

use serde::Deserialize;
use serde_json::json;

use super::wire::WireNamed;
use super::{Origin, Sandbox};
use crate::record::{Instant, Link, Money, Product, ProductComponent, Quantity, SupplierProduct};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

impl Pull<Product> for Sandbox {
    const FIELDS: &'static [&'static str] = &[
        "warehouseCustomer",
        "sku",
        "name",
        "gtin",
        "unitPrice",
        "isKit",
        "active",
        "countryOfOrigin",
        "harmonizedCode",
        "supplier",
        "supplierProducts",
        "components",
        "sourceCreatedAt",
        "sourceUpdatedAt",
        "sourceUrl",
        "additionalFields",
    ];

    async fn pull(&self, scope: &Scope, from: Option<&Checkpoint>) -> Result<Page<Product>, Error> {
        self.list(scope, from, unified).await
    }
}

#[derive(Deserialize)]
pub(super) struct Wire {
    id: String,
    client_id: Option<String>,
    sku: Option<String>,
    title: String,
    barcode: Option<String>,
    price: Option<Money>,
    kind: String,
    archived: bool,
    origin_country: Option<String>,
    hs_code: Option<String>,
    storage: Option<String>,
    vendor: Option<WireNamed>,
    #[serde(default)]
    vendor_items: Vec<VendorItem>,
    #[serde(default)]
    bill_of_materials: Vec<Component>,
    created_at: Option<Instant>,
    updated_at: Option<Instant>,
}

#[derive(Deserialize)]
struct VendorItem {
    vendor: Option<WireNamed>,
    vendor_sku: Option<String>,
    cost: Option<Money>,
}

#[derive(Deserialize)]
struct Component {
    inventory_id: String,
    sku: Option<String>,
    qty: Quantity,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
pub(super) fn unified(wire: Wire, origin: &Origin) -> Result<Product, String> {
    let supplier_product =
        |item: VendorItem| SupplierProduct { supplier: item.vendor.map(WireNamed::supplier), external_id: item.vendor_sku, unit_cost: item.cost };
    let component = |part: Component| ProductComponent { inventory_item: Some(Link::to(part.inventory_id)), sku: part.sku, quantity: part.qty };
    Ok(Product {
        source: origin.source(wire.id, wire.created_at, wire.updated_at, Some(&json!({ "storage": wire.storage }))),
        warehouse_customer: wire.client_id.map(Link::to),
        sku: wire.sku,
        name: wire.title,
        gtin: wire.barcode,
        unit_price: wire.price,
        is_kit: wire.kind == "kit",
        active: !wire.archived,
        country_of_origin: wire.origin_country,
        harmonized_code: wire.hs_code,
        supplier: wire.vendor.map(WireNamed::supplier),
        supplier_products: wire.vendor_items.into_iter().map(supplier_product).collect(),
        components: wire.bill_of_materials.into_iter().map(component).collect(),
    })
}
