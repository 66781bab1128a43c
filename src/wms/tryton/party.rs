//! Parties, Tryton's one model for everybody, and their addresses.

use super::rows::{AddressRow, PartyNameRow};
use crate::record::{Address, Carrier, Supplier};

/// A postal address. The company is the party, or the name that the address was given instead; the person is whose attention it is for.
pub(super) fn address(row: Option<AddressRow>) -> Option<Address> {
    let row = row?;
    let party = row.party.unwrap_or_default();
    let named = row.party_name.or(party.name);
    let (full_name, company) = match row.attn {
        Some(person) => (Some(person), named),
        None => (named, None),
    };
    // Tryton keeps a street of several lines in one field.
    let mut lines = row.street.iter().flat_map(|street| street.lines()).map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
    let (address1, address2) = (lines.next(), lines.next());
    let rest: Vec<String> = lines.collect();
    let country = row.country.unwrap_or_default();
    Address {
        full_name,
        company,
        address1,
        address2,
        address3: Some(rest.join(", ")).filter(|rest| !rest.is_empty()),
        city: row.city,
        state: row.subdivision.and_then(|state| state.name),
        postal_code: row.postal_code,
        country: country.code.or(country.name),
        phone_number: party.phone.or(party.mobile),
        email_address: party.email,
    }
    .known()
}

/// A party as a supplier.
pub(super) fn supplier(party: Option<&PartyNameRow>) -> Option<Supplier> {
    party.map(|party| Supplier { id: Some(party.id.to_string()), name: party.name.clone() })
}

/// A party as a carrier.
pub(super) fn carrier(party: Option<&PartyNameRow>) -> Option<Carrier> {
    party.map(|party| Carrier { id: Some(party.id.to_string()), name: party.name.clone(), scac: None })
}

#[cfg(test)]
mod tests {
    use super::super::rows::{ContactRow, CountryRow, SubdivisionRow};
    use super::*;

    #[test]
    fn a_street_of_several_lines_fills_several_fields() {
        let row = AddressRow {
            attn: Some("Jane Doe".to_owned()),
            street: Some("1 Main St\n\nFloor 2\nRoom 7\nat the back".to_owned()),
            subdivision: Some(SubdivisionRow { name: Some("Texas".to_owned()), ..SubdivisionRow::default() }),
            country: Some(CountryRow { code: Some("US".to_owned()), ..CountryRow::default() }),
            party: Some(ContactRow { name: Some("Acme".to_owned()), mobile: Some("+1".to_owned()), ..ContactRow::default() }),
            ..AddressRow::default()
        };
        let shown = address(Some(row)).unwrap_or_default();
        assert_eq!((shown.full_name.as_deref(), shown.company.as_deref()), (Some("Jane Doe"), Some("Acme")));
        assert_eq!(
            (shown.address1.as_deref(), shown.address2.as_deref(), shown.address3.as_deref()),
            (Some("1 Main St"), Some("Floor 2"), Some("Room 7, at the back"))
        );
        assert_eq!((shown.state.as_deref(), shown.country.as_deref(), shown.phone_number.as_deref()), (Some("Texas"), Some("US"), Some("+1")));
        let party = AddressRow { party_name: Some("Bob".to_owned()), ..AddressRow::default() };
        assert_eq!(address(Some(party)).and_then(|shown| shown.full_name).as_deref(), Some("Bob"));
        assert_eq!(address(Some(AddressRow::default())), None);
    }
}
