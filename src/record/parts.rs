//! The parts that several record types share. None of them points at another record.

use async_graphql::{ComplexObject, SimpleObject};
use serde::{Deserialize, Serialize};

use super::{Money, Quantity, codes};

/// A postal address with its contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[serde(default)]
pub struct Address {
    /// The person.
    pub full_name: Option<String>,
    /// The company.
    pub company: Option<String>,
    /// First line: street and number.
    pub address1: Option<String>,
    /// Second line.
    pub address2: Option<String>,
    /// Third line.
    pub address3: Option<String>,
    /// Town.
    pub city: Option<String>,
    /// State, province or region, as the WMS writes it.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 code where the WMS gives one, else the country as it writes it.
    pub country: Option<String>,
    /// Telephone number, as the WMS writes it.
    pub phone_number: Option<String>,
    /// E-mail address.
    pub email_address: Option<String>,
}

impl Address {
    /// Itself, unless nothing is known.
    pub fn known(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

codes! {
    /// A unit of length.
    pub enum LengthUnit {
        /// Centimetres.
        Cm = "CM",
        /// Inches.
        In = "IN",
    }
}

codes! {
    /// A unit of weight.
    pub enum WeightUnit {
        /// Grams.
        G = "G",
        /// Kilograms.
        Kg = "KG",
        /// Ounces (avoirdupois).
        Oz = "OZ",
        /// Pounds (avoirdupois).
        Lb = "LB",
    }
}

/// Size and weight.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[serde(default)]
pub struct Measurements {
    /// Length, in `unit`.
    pub length: Option<Quantity>,
    /// Width, in `unit`.
    pub width: Option<Quantity>,
    /// Height, in `unit`.
    pub height: Option<Quantity>,
    /// The unit of length, width and height.
    pub unit: Option<LengthUnit>,
    /// Weight, in `weightUnit`.
    pub weight: Option<Quantity>,
    /// The unit of weight.
    pub weight_unit: Option<WeightUnit>,
}

impl Measurements {
    /// Itself, unless nothing is known.
    pub fn known(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

/// Who carries the goods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[serde(default)]
#[graphql(complex)]
pub struct Carrier {
    /// The WMS's own identifier of the carrier.
    #[graphql(name = "sourceId")]
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Standard Carrier Alpha Code: two to four letters, in North America.
    pub scac: Option<String>,
}

/// Where an order was placed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[serde(default)]
#[graphql(complex)]
pub struct Channel {
    /// The WMS's own identifier of the sales channel.
    #[graphql(name = "sourceId")]
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// Who supplies goods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[serde(default)]
#[graphql(complex)]
pub struct Supplier {
    /// The WMS's own identifier of the supplier.
    #[graphql(name = "sourceId")]
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// What a product is called and costs at one supplier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[serde(default)]
pub struct SupplierProduct {
    /// The supplier.
    pub supplier: Option<Supplier>,
    /// The supplier's own identifier of the product.
    pub external_id: Option<String>,
    /// What one unit costs there.
    pub unit_cost: Option<Money>,
}

/// The field `id` of these: its old name, under which caches mix up what two WMSs call by the same.
macro_rules! id_as_it_was {
    ($($name:ident),+) => {$(
        #[ComplexObject]
        impl $name {
            /// The same as `sourceId`.
            #[graphql(name = "id", deprecation = "Two WMSs, and two types of one, may use the same, and caches take id for a key that is unique: use sourceId")]
            async fn old_id(&self) -> Option<&str> {
                self.id.as_deref()
            }
        }
    )+};
}
id_as_it_was!(Carrier, Channel, Supplier);
