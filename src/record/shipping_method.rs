//! Shipping methods.

use super::filter::StringFilter;
use super::{Carrier, Term, Terms, record, terms};

macro_rules! shipping_method {
    ($record:ident, $part:ident) => {
        $record! {
            /// A way of shipping that the WMS offers.
            ShippingMethod { ShippingMethods, table shipping_methods, filter ShippingMethodFilter, sort ShippingMethodSort }
            fields {
                /// What it is called.
                name: String,
                /// Who carries.
                carrier: Option<Carrier>,
            }
            flat {}
            filters {
                /// What it is called.
                name: StringFilter = name,
            }
            sorts {
                /// What it is called.
                Name = name,
            }
            terms {
                /// Who carries, as in `carrier.name`.
                carrier_name: StringFilter = Carrier,
            }
        }
    };
}
shipping_method!(record, part);
pub(crate) use shipping_method;

fn terms_of(method: &ShippingMethod) -> Terms<'_> {
    terms(Term::Carrier, method.carrier.iter().map(|carrier| carrier.name.as_deref())).collect()
}
