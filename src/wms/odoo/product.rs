//! Products: `product.product`, the variants that carry a SKU, of the type goods (`consu`), archived ones included.
//!
//! A product is one component of itself. Kits need the module Manufacturing (`mrp.bom` of the type `phantom`), which this
//! adapter does not read: a kit shows as the simple product that it is without that module.
//!
//! The name, the price and the customs data belong to the template that all variants of a product share. Odoo 19 moves a
//! variant's `write_date` along with its template's, but not for a new supplier.

use serde_json::{Value, json};

use super::Odoo;
use super::client::{Listing, Rows, id_of};
use super::order::measured;
use super::party::supplier;
use super::rows::{CountryRow, Many2one, ProductRow, Row, SellerRow, at, links, listed, money};
use crate::record::{Json, Link, List, Product, ProductComponent, Quantity, Source, SupplierProduct};
use crate::wms::{Checkpoint, Error, Page, Pull, Scope};

const LISTING: Listing = Listing {
    domain: || vec![json!(["type", "=", "consu"])],
    changed: &["write_date", "product_tmpl_id.write_date", "product_tmpl_id.seller_ids.write_date"],
    page: 500,
    windowed: false,
};

impl Pull<Product> for Odoo {
    const FIELDS: &'static [&'static str] =
        &["sku", "name", "gtin", "unitPrice", "isKit", "active", "countryOfOrigin", "harmonizedCode", "supplier", "supplierProducts", "components"];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<Product>, Error> {
        let rows = self.list::<ProductRow>(&LISTING, scope, checkpoint).await?;
        let around = Around::of(self, &rows).await?;
        Ok(rows.page(|row| map(self, row, &around)))
    }
}

impl Odoo {
    /// One product, through the same mapping as the listing; `None` where it is not there, or no goods.
    pub(super) async fn product(&self, id: i64) -> Result<Option<Result<Product, String>>, Error> {
        let rows = self.one::<ProductRow>(&LISTING, id).await?;
        let around = Around::of(self, &rows).await?;
        Ok(rows.rows.first().map(|row| map(self, row, &around)))
    }
}

/// What belongs to a page of products.
struct Around {
    sellers: Vec<Value>,
    countries: Vec<Value>,
}

impl Around {
    async fn of(odoo: &Odoo, rows: &Rows) -> Result<Self, Error> {
        let sellers = listed(&rows.rows, "seller_ids");
        let countries = links(&rows.rows, "country_of_origin");
        let (sellers, countries) = tokio::try_join!(odoo.related::<SellerRow>("id", sellers), odoo.related::<CountryRow>("id", countries),)?;
        Ok(Self { sellers, countries })
    }
}

fn map(odoo: &Odoo, raw: &Value, around: &Around) -> Result<Product, String> {
    let row = ProductRow::of(raw)?;
    let of_product = |seller: &&Value| id_of(seller).is_some_and(|id| row.seller_ids.contains(&id));
    let own: Vec<&Value> = around.sellers.iter().filter(of_product).collect();
    let mut sellers = own.iter().map(|seller| SellerRow::of(seller)).collect::<Result<Vec<_>, _>>()?;
    // Of a supplier's offers, those for another variant are not this product's.
    sellers.retain(|seller| seller.product_id.as_ref().is_none_or(|variant| variant.id == row.id));
    sellers.sort_by_key(|seller| (seller.sequence, seller.id));
    let country = row.country_of_origin.as_ref().and_then(|link| around.countries.iter().find(|country| id_of(country) == Some(link.id)));
    let parts = json!({ "product": raw, "suppliers": own });
    let component = ProductComponent {
        inventory_item: row.is_storable.then(|| Link::to(row.id.to_string())),
        sku: row.default_code.clone(),
        quantity: Quantity::whole(1),
    };
    let offer = |seller: &SellerRow| SupplierProduct {
        supplier: supplier(seller.partner_id.as_ref()),
        external_id: seller.product_code.clone(),
        unit_cost: money(seller.price),
    };
    Ok(Product {
        warehouse_customer: None,
        sku: row.default_code.clone(),
        name: name(&row)?,
        gtin: row.barcode.clone(),
        unit_price: money(row.lst_price),
        is_kit: false,
        active: row.active,
        country_of_origin: country.and_then(|country| country.get("code")?.as_str()).map(str::to_owned),
        harmonized_code: row.hs_code.clone(),
        supplier: sellers.first().and_then(|seller| supplier(seller.partner_id.as_ref())),
        supplier_products: sellers.iter().map(offer).collect(),
        components: List(vec![component]),
        source: Source {
            additional_fields: Some(additional(&row)),
            ..odoo.source::<ProductRow>(row.id, at(row.create_date), at(row.write_date), &parts)
        },
    })
}

/// What a variant is called: its template's name, with the attributes that tell it from the others.
pub(super) fn name(row: &ProductRow) -> Result<String, String> {
    row.display_name.clone().or_else(|| row.name.clone()).ok_or_else(|| "The product has no name".to_owned())
}

/// What Odoo knows of a product and the unified model does not.
fn additional(row: &ProductRow) -> Json {
    let name = |link: &Option<Many2one>| link.as_ref().and_then(|link| link.name.clone());
    Json::of(&json!({
        "category": name(&row.categ_id), "unit": name(&row.uom_id), "tracking": row.tracking, "stored": row.is_storable,
        "templateId": row.product_tmpl_id.as_ref().map(|template| template.id.to_string()), "company": name(&row.company_id),
        "weight": row.weight, "weightUnit": measured(row.weight, row.weight_uom_name.as_deref()).and_then(|known| known.weight_unit),
        "volume": row.volume, "volumeUnit": row.volume_uom_name,
    }))
}
