//! The parts that several drafts share.

use async_graphql::InputObject;
use serde::{Deserialize, Serialize};

use crate::record::{Address, LengthUnit, Measurements, Quantity, WeightUnit};

/// A postal address with its contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressInput {
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
    /// State, province or region.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<String>,
    /// Telephone number.
    pub phone_number: Option<String>,
    /// E-mail address.
    pub email_address: Option<String>,
}

impl From<AddressInput> for Address {
    fn from(input: AddressInput) -> Self {
        Self {
            full_name: input.full_name,
            company: input.company,
            address1: input.address1,
            address2: input.address2,
            address3: input.address3,
            city: input.city,
            state: input.state,
            postal_code: input.postal_code,
            country: input.country,
            phone_number: input.phone_number,
            email_address: input.email_address,
        }
    }
}

/// Size and weight.
#[derive(Debug, Clone, Default, PartialEq, Eq, InputObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasurementsInput {
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

impl From<MeasurementsInput> for Measurements {
    fn from(input: MeasurementsInput) -> Self {
        let MeasurementsInput { length, width, height, unit, weight, weight_unit } = input;
        Self { length, width, height, unit, weight, weight_unit }
    }
}
