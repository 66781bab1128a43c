//! Addresses: partners of their own, of which an identical one is used again.

use serde_json::{Value, json};

use super::super::Odoo;
use super::super::client::id_of;
use super::super::rows::CountryRow;
use super::{Inputs, located, refuse, text};
use crate::record::draft::AddressInput;
use crate::wms::{Error, Kind};

impl Odoo {
    /// The partner with exactly the address in the input's `field`, and whether it was made just now.
    pub(super) async fn partner(&self, address: &AddressInput, field: &str, inputs: Inputs, unused: &mut Vec<String>) -> Result<(i64, bool), Error> {
        let (name, is_company) = match (text(address.full_name.as_deref()), text(address.company.as_deref())) {
            (Value::Bool(_), Value::Bool(_)) => (Value::Bool(false), false),
            (Value::Bool(_), company) => (company, true),
            (name, _) => (name, false),
        };
        let company = if is_company { Value::Bool(false) } else { text(address.company.as_deref()) };
        let country = match address.country.as_deref().map(str::trim).filter(|code| !code.is_empty()) {
            Some(code) => Some(self.country(code, &[field, "country"]).await?),
            None => None,
        };
        let state = match address.state.as_deref().map(str::trim).filter(|state| !state.is_empty()) {
            Some(state) => self.state(country, state).await?,
            None => None,
        };
        if state.is_none() && address.state.is_some() {
            unused.push(format!("{field}.state"));
        }
        let second: Vec<&str> =
            [&address.address2, &address.address3].into_iter().flatten().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        let values = json!({
            "name": name, "is_company": is_company, "company_name": company, "street": text(address.address1.as_deref()),
            "street2": text(Some(&second.join(", "))), "city": text(address.city.as_deref()), "zip": text(address.postal_code.as_deref()),
            "state_id": state.map_or(Value::Bool(false), Value::from), "country_id": country.map_or(Value::Bool(false), Value::from),
            "phone": text(address.phone_number.as_deref()), "email": text(address.email_address.as_deref()),
        });
        let mut domain: Vec<Value> = values.as_object().into_iter().flatten().map(|(field, value)| json!([field, "=", value])).collect();
        domain.push(json!(["parent_id", "=", false]));
        let same: Vec<i64> = self.value("res.partner", "search", &json!({ "domain": domain, "limit": 1, "order": "id" })).await?;
        if let Some(id) = same.first() {
            return Ok((*id, false));
        }
        let made: Result<Vec<i64>, Error> = self.value("res.partner", "create", &json!({ "vals_list": [values] })).await;
        let made = made.map_err(|error| located(error, inputs))?;
        made.first().map(|id| (*id, true)).ok_or_else(|| Error::new(Kind::Protocol, "Odoo made a partner and did not say which"))
    }

    /// The country with this two-letter code.
    pub(super) async fn country(&self, code: &str, parts: &[&str]) -> Result<i64, Error> {
        let domain = [json!(["code", "=", code.to_uppercase()])];
        let rows = self.search::<CountryRow>(&domain, 1).await?.0;
        rows.first().and_then(id_of).ok_or_else(|| refuse(parts, format!("Odoo knows no country {code:?}; give its two-letter code")))
    }

    /// The state with this code or name, where Odoo knows the country's states.
    async fn state(&self, country: Option<i64>, state: &str) -> Result<Option<i64>, Error> {
        let Some(country) = country else { return Ok(None) };
        let domain = json!([["country_id", "=", country], "|", ["code", "=ilike", state], ["name", "=ilike", state]]);
        let found: Vec<i64> = self.value("res.country.state", "search", &json!({ "domain": domain, "limit": 1 })).await?;
        Ok(found.first().copied())
    }

    /// Removes a partner that was made for a write which did not come about. One that stays does no harm: the next write with
    /// the same address finds it.
    pub(super) async fn forget_partner(&self, partner: Option<i64>) {
        let Some(partner) = partner else { return };
        if let Err(error) = self.call("res.partner", "unlink", &json!({ "ids": [partner] })).await {
            tracing::debug!(odoo.partner = partner, error = %error, "A partner that is not needed could not be removed");
        }
    }
}
