//! Warehouses.

use super::filter::StringFilter;
use super::{Address, Term, Terms, record, terms};

macro_rules! warehouse {
    ($record:ident, $part:ident) => {
        $record! {
            /// A building that holds stock.
            Warehouse { Warehouses, table warehouses, filter WarehouseFilter, sort WarehouseSort }
            fields {
                /// What it is called.
                name: String,
                /// Its short name.
                code: Option<String>,
                /// Where it stands.
                address: Option<Address>,
            }
            flat {}
            filters {
                /// What it is called.
                name: StringFilter = name,
                /// Its short name.
                code: StringFilter = code,
            }
            sorts {
                /// What it is called.
                Name = name,
            }
            terms {
                /// The country that it stands in, as in `address.country`.
                country: StringFilter = Country,
            }
        }
    };
}
warehouse!(record, part);
pub(crate) use warehouse;

fn terms_of(warehouse: &Warehouse) -> Terms<'_> {
    terms(Term::Country, warehouse.address.iter().map(|address| address.country.as_deref())).collect()
}
