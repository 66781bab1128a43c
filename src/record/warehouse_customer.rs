//! Warehouse customers: a 3PL's clients.

use super::filter::StringFilter;
use super::{Terms, record};

macro_rules! warehouse_customer {
    ($record:ident, $part:ident) => {
        $record! {
            /// A client of a third-party logistics provider (3PL): somebody who owns goods in its warehouses.
            WarehouseCustomer { WarehouseCustomers, table warehouse_customers, filter WarehouseCustomerFilter, sort WarehouseCustomerSort }
            fields {
                /// What it is called.
                name: String,
                /// E-mail address.
                email: Option<String>,
            }
            flat {}
            filters {
                /// What it is called.
                name: StringFilter = name,
                /// E-mail address.
                email: StringFilter = email,
            }
            sorts {
                /// What it is called.
                Name = name,
            }
            terms {}
        }
    };
}
warehouse_customer!(record, part);
pub(crate) use warehouse_customer;

fn terms_of(_: &WarehouseCustomer) -> Terms<'_> {
    Vec::new()
}
