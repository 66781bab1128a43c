//! The parts that several of the sandbox's resources share, and what they are in the unified model.

use serde::Deserialize;

use crate::record::{Address, Carrier, Instant, LengthUnit, Measurements, Quantity, Supplier, WeightUnit};

#[derive(Debug, Deserialize)]
pub(super) struct WireAddress {
    name: Option<String>,
    company: Option<String>,
    address1: Option<String>,
    address2: Option<String>,
    city: Option<String>,
    region: Option<String>,
    zip: Option<String>,
    country: Option<String>,
    phone: Option<String>,
    email: Option<String>,
}

impl WireAddress {
    /// The address, unless nothing is known of it.
    pub(super) fn unified(self) -> Option<Address> {
        let address = Address {
            full_name: self.name,
            company: self.company,
            address1: self.address1,
            address2: self.address2,
            address3: None,
            city: self.city,
            state: self.region,
            postal_code: self.zip,
            country: self.country,
            phone_number: self.phone,
            email_address: self.email,
        };
        address.known()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireDims {
    l: Option<Quantity>,
    w: Option<Quantity>,
    h: Option<Quantity>,
    unit: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireWeight {
    value: Quantity,
    unit: String,
}

/// Size and weight in one. Numbers without a unit that we know are left out: they would be read in a wrong one.
pub(super) fn measurements(dims: Option<WireDims>, weight: Option<WireWeight>) -> Option<Measurements> {
    let mut all = Measurements::default();
    if let Some((unit, dims)) = dims.and_then(|dims| Some((length_unit(&dims.unit)?, dims))) {
        all = Measurements { length: dims.l, width: dims.w, height: dims.h, unit: Some(unit), ..all };
    }
    if let Some((unit, weight)) = weight.and_then(|weight| Some((weight_unit(&weight.unit)?, weight))) {
        all = Measurements { weight: Some(weight.value), weight_unit: Some(unit), ..all };
    }
    all.known()
}

fn length_unit(unit: &str) -> Option<LengthUnit> {
    match unit {
        "cm" => Some(LengthUnit::Cm),
        "in" => Some(LengthUnit::In),
        _ => None,
    }
}

fn weight_unit(unit: &str) -> Option<WeightUnit> {
    match unit {
        "g" => Some(WeightUnit::G),
        "kg" => Some(WeightUnit::Kg),
        "oz" => Some(WeightUnit::Oz),
        "lb" => Some(WeightUnit::Lb),
        _ => None,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireCarrier {
    id: Option<String>,
    name: Option<String>,
    scac: Option<String>,
}

impl WireCarrier {
    /// The carrier.
    pub(super) fn unified(self) -> Carrier {
        Carrier { id: self.id, name: self.name, scac: self.scac }
    }
}

/// A vendor or a sales channel: what is only named.
#[derive(Debug, Deserialize)]
pub(super) struct WireNamed {
    pub id: Option<String>,
    pub name: Option<String>,
}

impl WireNamed {
    /// The supplier of this name.
    pub(super) fn supplier(self) -> Supplier {
        Supplier { id: self.id, name: self.name }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireComment {
    author: Option<String>,
    text: String,
}

impl WireComment {
    /// One line of text.
    pub(super) fn note(self) -> String {
        match self.author {
            Some(author) => format!("{author}: {}", self.text),
            None => self.text,
        }
    }
}

/// The first moment of a day, in UTC; the sandbox says no more of expiry dates than the day.
///
/// # Errors
/// When the text is no day.
pub(super) fn day(text: Option<&str>) -> Result<Option<Instant>, String> {
    let parse = |text: &str| format!("{text}T00:00:00Z").parse().map_err(|_| format!("{text:?} is not a day such as 2026-01-31"));
    text.map(parse).transpose()
}
