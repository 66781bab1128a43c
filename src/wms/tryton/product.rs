//! Products: `product.product`, the variants that carry a SKU, of the type goods, archived ones included.
//!
//! A product is one component of itself. Kits need the module Product Kit, which this adapter does not read: a kit shows as the
//! simple product that it is without that module.
//!
//! What the variants share (name, price, sizes, suppliers) belongs to the template. Tryton does not touch a variant when its template
//! changes; prices are rows of their own.

use serde_json::{Value, json};

use super::Tryton;
use super::client::Listing;
use super::party::supplier;
use super::rows::{ProductRow, Row, SellerRow, at, link, money};
use super::transfer::latest;
use crate::record::{Json, List, Product, ProductComponent, Quantity, Source, SupplierProduct};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

/// Which variants are products.
pub(super) fn goods() -> Vec<Value> {
    vec![json!(["type", "=", "goods"]), json!(["active", "in", [true, false]])]
}

const LISTING: Listing = Listing {
    domain: goods,
    changed: &[
        "",
        "template",
        "identifiers",
        "list_prices",
        "template.list_prices",
        "product_suppliers",
        "product_suppliers.prices",
        "template.product_suppliers",
        "template.product_suppliers.prices",
    ],
    page: 500,
    windowed: false,
};

impl Pull<Product> for Tryton {
    const FIELDS: &'static [&'static str] = &["sku", "name", "gtin", "unitPrice", "isKit", "active", "supplier", "supplierProducts", "components"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<Product>, Error> {
        let rows = self.list::<ProductRow>(&LISTING, scope, checkpoint).await?;
        Ok(rows.page(|row| map(self, row)))
    }
}

impl Tryton {
    /// One product, archived or not, through the same mapping as the listing.
    pub(super) async fn product(&self, id: i64) -> Result<Product, Error> {
        self.one::<ProductRow, _>(id, |row| map(self, row)).await
    }
}

impl ProductRow {
    /// Whether it and its template are in use.
    pub fn in_use(&self) -> bool {
        self.active && self.template.as_ref().is_none_or(|template| template.active)
    }
}

fn map(tryton: &Tryton, raw: &Value) -> Result<Product, String> {
    let row = ProductRow::of(raw)?;
    let template = row.template.clone().unwrap_or_default();
    // Of the template's offers, those for another variant are not this product's; those for this one come with it.
    let shared = template.product_suppliers.iter().filter(|seller| seller.product.is_none());
    let sellers: Vec<&SellerRow> = row.product_suppliers.iter().chain(shared).filter(|seller| seller.active != Some(false)).collect();
    let component = ProductComponent { inventory_item: link(Some(row.id)), sku: row.code.clone(), quantity: Quantity::whole(1) };
    let offer = |seller: &&SellerRow| SupplierProduct {
        supplier: supplier(seller.party.as_ref()),
        external_id: seller.code.clone(),
        // What the smallest quantity costs.
        unit_cost: money(seller.prices.iter().min_by_key(|price| (price.quantity, price.id)).and_then(|price| price.unit_price)),
    };
    let gtin = row.identifiers.iter().filter(|known| known.r#type.as_deref() == Some("ean")).min_by_key(|known| known.id);
    let updated = latest([row.write_date, template.write_date]);
    Ok(Product {
        warehouse_customer: None,
        sku: row.code.clone(),
        name: row.name.clone().ok_or("The product has no name")?,
        gtin: gtin.and_then(|known| known.code.clone()),
        unit_price: money(row.list_price_used),
        is_kit: false,
        active: row.in_use(),
        country_of_origin: None,
        harmonized_code: None,
        supplier: sellers.first().and_then(|seller| supplier(seller.party.as_ref())),
        supplier_products: sellers.iter().map(offer).collect(),
        components: List(vec![component]),
        source: Source { additional_fields: Some(additional(&row)), ..tryton.source::<ProductRow>(row.id, at(row.create_date), updated, raw) },
    })
}

/// What Tryton knows of a product and the unified model does not.
fn additional(row: &ProductRow) -> Json {
    let identifiers: Vec<Value> = row.identifiers.iter().map(|known| json!({ "type": known.r#type, "code": known.code })).collect();
    Json::of(&json!({
        "templateId": row.template.as_ref().map(|template| template.id.to_string()), "description": row.description,
        "unit": row.default_uom.as_ref().and_then(|unit| unit.symbol.as_deref()), "salable": row.salable, "consumable": row.consumable,
        "identifiers": identifiers,
    }))
}
