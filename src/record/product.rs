//! Products: what can be ordered.

use super::filter::{BooleanFilter, DecimalFilter, IdFilter, StringFilter};
use super::{InventoryItem, Link, List, Money, Quantity, Supplier, SupplierProduct, Term, Terms, WarehouseCustomer, part, record, terms, words};

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
                /// What one unit sells for.
                unit_price: DecimalFilter = unit_price,
                /// The country it was made in.
                country_of_origin: StringFilter = country_of_origin,
                /// Harmonized System code for customs.
                harmonized_code: StringFilter = harmonized_code,
            }
            sorts {
                /// Stock keeping unit.
                Sku = sku,
                /// What it is called.
                Name = name,
                /// What one unit sells for.
                UnitPrice = unit_price,
            }
            terms {
                /// Any inventory item that it is made of, as in `components.inventoryItem`.
                component_id: IdFilter = Component,
                /// The SKU of any inventory item that it is made of.
                component_sku: StringFilter = ComponentSku,
                /// The usual supplier's name, as in `supplier.name`.
                supplier_name: StringFilter = Supplier,
            }
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

fn terms_of(product: &Product) -> Terms<'_> {
    let mut all = Terms::new();
    all.extend(terms(Term::Component, product.components.iter().map(|part| part.inventory_item.as_ref().map(Link::source_id))));
    all.extend(terms(Term::ComponentSku, product.components.iter().map(|part| part.sku.as_deref())));
    all.extend(words([product.sku.as_deref(), Some(product.name.as_str()), product.gtin.as_deref()]));
    all.extend(terms(Term::Supplier, product.supplier.iter().map(|supplier| supplier.name.as_deref())));
    all
}
