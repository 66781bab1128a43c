//! Partners, Odoo's one model for everybody: as addresses, suppliers and owners of stock.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Odoo;
use super::client::id_of;
use super::rows::{AddressRow, Many2one, Row, linked};
use crate::record::{Address, Supplier};
use crate::wms::Error;

/// Partners by id.
pub(super) struct Partners(BTreeMap<i64, Value>);

impl Partners {
    /// The partner as it came, `null` where it is not known.
    pub fn raw(&self, link: Option<&Many2one>) -> &Value {
        link.and_then(|link| self.0.get(&link.id)).unwrap_or(&Value::Null)
    }

    /// The partner's address.
    ///
    /// # Errors
    /// Which field of the partner is not of its type.
    pub fn address(&self, link: Option<&Many2one>) -> Result<Option<Address>, String> {
        let Some(row) = link.and_then(|link| self.0.get(&link.id)) else { return Ok(None) };
        Ok(address(AddressRow::of(row)?).known())
    }
}

impl Odoo {
    /// The partners with these ids.
    pub(super) async fn partners(&self, ids: impl IntoIterator<Item = i64>) -> Result<Partners, Error> {
        let rows = self.related::<AddressRow>("id", ids).await?;
        Ok(Partners(rows.into_iter().filter_map(|row| Some((id_of(&row)?, row))).collect()))
    }

    /// Which partners own stock now, or owned what a transfer has moved. `among` narrows it to these.
    pub(super) async fn owners(&self, among: Option<&BTreeSet<i64>>) -> Result<BTreeSet<i64>, Error> {
        if among.is_some_and(BTreeSet::is_empty) {
            return Ok(BTreeSet::new());
        }
        let domain = among.map_or_else(|| json!([["owner_id", "!=", false]]), |ids| json!([["owner_id", "in", ids]]));
        let mut owners = BTreeSet::new();
        for model in ["stock.quant", "stock.move.line", "stock.picking"] {
            let groups = self.groups(model, &domain, &["owner_id"], &[]).await?;
            owners.extend(groups.iter().filter_map(|group| linked(group, "owner_id")));
        }
        Ok(owners)
    }
}

/// A partner's address. What Odoo prints as the company is the partner itself, the company that it belongs to, or the
/// company's name that was written down for it.
fn address(row: AddressRow) -> Address {
    let (full_name, company) = if row.is_company { (None, row.name) } else { (row.name, row.commercial_company_name) };
    let state = row.state_id.and_then(|state| state.name).map(|name| state_name(&name, row.country_code.as_deref()).to_owned());
    Address {
        full_name,
        company,
        address1: row.street,
        address2: row.street2,
        address3: None,
        city: row.city,
        state,
        postal_code: row.zip,
        country: row.country_code.or_else(|| row.country_id.and_then(|country| country.name)),
        phone_number: row.phone,
        email_address: row.email,
    }
}

/// A state's name without the country that Odoo adds when it shows one: `Texas (US)`.
fn state_name<'a>(shown: &'a str, country: Option<&str>) -> &'a str {
    country.and_then(|code| shown.strip_suffix(&format!(" ({code})"))).unwrap_or(shown)
}

/// A partner as a supplier.
pub(super) fn supplier(link: Option<&Many2one>) -> Option<Supplier> {
    link.map(|link| Supplier { id: Some(link.id.to_string()), name: link.name.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_a_company_and_a_company_is_one() {
        let person = json!({ "id": 7, "name": "Jane Doe", "is_company": false, "commercial_company_name": "Acme", "street": "1 Main St",
            "street2": false, "state_id": [52, "Texas (US)"], "country_id": [233, "United States"], "country_code": "US", "email": "" });
        let jane = address(AddressRow::of(&person).unwrap_or_default());
        assert_eq!((jane.full_name.as_deref(), jane.company.as_deref()), (Some("Jane Doe"), Some("Acme")));
        assert_eq!((jane.state.as_deref(), jane.country.as_deref(), jane.address2), (Some("Texas"), Some("US"), None));
        let acme = address(AddressRow { name: Some("Acme".to_owned()), is_company: true, ..AddressRow::default() });
        assert_eq!((acme.full_name, acme.company.as_deref()), (None, Some("Acme")));
    }

    #[test]
    fn a_partner_that_is_no_partner_says_which_field() {
        let wrong = AddressRow::of(&json!({ "id": 7, "name": 12 })).map(|row| row.id);
        assert_eq!(wrong, Err("name of res.partner: invalid type: integer `12`, expected a string".to_owned()));
    }
}
