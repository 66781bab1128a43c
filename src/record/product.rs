//! Products: what can be ordered.

use super::filter::{BooleanFilter, IdFilter, StringFilter};
use super::{InventoryItem, Link, List, Money, Quantity, Supplier, SupplierProduct, Term, WarehouseCustomer, part, record};

macro_rules! product {
    ($record:ident, $part:ident) => {
        $record! {
            /// What can be ordered: a simple product, or a kit of several inventory items.
            Product { Products, table products, filter ProductFilter, sort ProductSort }
            fields {
                /// Whose product it is; null where the WMS serves one owner only.
                warehouse_customer: Option<Link<WarehouseCustomer>>,
                /// Stock keeping unit, as the owner writes it. Not every product has one, and a WMS may allow the same twice.
                sku: Option<String>,
                /// What it is called.
                name: String,
                /// Global Trade Item Number: the UPC or EAN of its bar code.
                gtin: Option<String>,
                /// What one unit sells for, in the WMS's own currency.
                unit_price: Option<Money>,
                /// Whether it is put together from several items when it is shipped.
                is_kit: bool,
                /// False when it was archived or discontinued.
                active: bool,
                /// ISO 3166-1 alpha-2 code of the country it was made in.
                country_of_origin: Option<String>,
                /// Harmonized System code for customs.
                harmonized_code: Option<String>,
                /// The usual supplier.
                supplier: Option<Supplier>,
                /// What suppliers call it and ask for it.
                supplier_products: List<SupplierProduct>,
                /// One component for a simple product, several for a kit.
                components: List<ProductComponent>,
            }
            flat {}
            filters {
                /// Whose product it is.
                warehouse_customer_id: IdFilter = warehouse_customer,
                /// Stock keeping unit.
                sku: StringFilter = sku,
                /// What it is called.
                name: StringFilter = name,
                /// Global Trade Item Number.
                gtin: StringFilter = gtin,
                /// Whether it is a kit.
                is_kit: BooleanFilter = is_kit,
                /// Whether it is in use.
                active: BooleanFilter = active,
            }
            sorts {
                /// Stock keeping unit.
                Sku = sku,
                /// What it is called.
                Name = name,
            }
            terms {}
        }
        $part! {
            /// What a product is made of.
            ProductComponent {
                /// The item that is taken from stock.
                inventory_item: Option<Link<InventoryItem>>,
                /// Its stock keeping unit.
                sku: Option<String>,
                /// How many of it one product takes.
                quantity: Quantity,
            }
        }
    };
}
product!(record, part);
pub(crate) use product;

fn terms_of(product: &Product) -> Vec<(Term, &str)> {
    let items = product.components.iter().filter_map(|component| component.inventory_item.as_ref());
    items.map(|item| (Term::Component, item.source_id())).collect()
}
