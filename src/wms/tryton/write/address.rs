//! Who gets the goods: parties and their addresses. One that is there already with all that a write says is used again.

use serde_json::{Value, json};

use super::{located, refuse, text};
use crate::record::draft::AddressInput;
use crate::wms::tryton::Tryton;
use crate::wms::tryton::client::id_of;
use crate::wms::{Error, Kind};

/// Who gets the goods.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consignee {
    pub party: i64,
    pub address: i64,
    /// Whether it was made just now.
    pub is_new: bool,
}

/// An address as Tryton keeps it, its country and that country's part found.
struct Wanted<'a> {
    name: Option<&'a str>,
    attention: Option<&'a str>,
    street: Option<String>,
    city: Option<&'a str>,
    postal_code: Option<&'a str>,
    country: Option<i64>,
    state: Option<i64>,
    phone: Option<&'a str>,
    email: Option<&'a str>,
}

impl Tryton {
    /// The first address of a party: the one that its papers go to.
    pub(super) async fn first_address(&self, party: i64) -> Result<Option<i64>, Error> {
        let arguments = json!({ "domain": [["party", "=", party]], "fields_names": ["id"], "limit": 1 });
        let rows: Vec<Value> = self.value("party.address", "search_read", &arguments).await?;
        Ok(rows.first().and_then(id_of))
    }

    /// A party with exactly this address, and the address: one that is there already, or a new one.
    pub(super) async fn consignee(&self, address: &AddressInput, unused: &mut Vec<String>) -> Result<Consignee, Error> {
        let wanted = self.wanted(address).await?;
        if wanted.state.is_none() && text(address.state.as_deref()).is_some() {
            unused.push("shipTo.state".to_owned());
        }
        if let Some(known) = self.known(&wanted).await? {
            return Ok(known);
        }
        let mechanisms: Vec<Value> = [("email", wanted.email), ("phone", wanted.phone)]
            .into_iter()
            .filter_map(|(kind, value)| Some(json!({ "type": kind, "value": value? })))
            .collect();
        let values = json!({
            "name": wanted.name,
            "addresses": [["create", [{
                "street": wanted.street, "attn": wanted.attention, "city": wanted.city, "postal_code": wanted.postal_code,
                "country": wanted.country, "subdivision": wanted.state,
            }]]],
            "contact_mechanisms": [["create", mechanisms]],
        });
        let party = self.make("party.party", &values).await.map_err(|error| located(error, &[("\"Name\"", &["shipTo", "fullName"])]))?;
        let address = self.first_address(party).await?;
        let address = address.ok_or_else(|| Error::new(Kind::Protocol, "Tryton made a party without the address that it was given"))?;
        Ok(Consignee { party, address, is_new: true })
    }

    /// The same, if it is there already.
    pub(super) async fn known_consignee(&self, address: &AddressInput) -> Result<Option<Consignee>, Error> {
        self.known(&self.wanted(address).await?).await
    }

    async fn wanted<'a>(&self, address: &'a AddressInput) -> Result<Wanted<'a>, Error> {
        let (person, company) = (text(address.full_name.as_deref()), text(address.company.as_deref()));
        let lines: Vec<&str> =
            [&address.address1, &address.address2, &address.address3].into_iter().filter_map(|line| text(line.as_deref())).collect();
        let country = match text(address.country.as_deref()) {
            Some(code) => Some(self.country(code, &["shipTo", "country"]).await?),
            None => None,
        };
        let state = match (text(address.state.as_deref()), country) {
            (Some(state), Some(country)) => self.subdivision(country, state).await?,
            _ => None,
        };
        Ok(Wanted {
            name: company.or(person),
            attention: company.and(person),
            street: Some(lines.join("\n")).filter(|street| !street.is_empty()),
            city: text(address.city.as_deref()),
            postal_code: text(address.postal_code.as_deref()),
            country,
            state,
            phone: text(address.phone_number.as_deref()),
            email: text(address.email_address.as_deref()),
        })
    }

    async fn known(&self, wanted: &Wanted<'_>) -> Result<Option<Consignee>, Error> {
        let domain = json!([
            ["party.name", "=", wanted.name],
            ["city", "=", wanted.city],
            ["postal_code", "=", wanted.postal_code],
            ["country", "=", wanted.country],
            ["subdivision", "=", wanted.state]
        ]);
        // Streets, people and contacts are computed or further rows: they are compared here.
        let digits = |text: Option<&str>| text.map(|text| text.chars().filter(char::is_ascii_digit).collect::<String>());
        let asked = json!({ "street": wanted.street, "attn": wanted.attention, "email": wanted.email, "phone": digits(wanted.phone) });
        let fields = ["id", "street", "attn", "party", "party.email", "party.phone"];
        let rows: Vec<Value> =
            self.value("party.address", "search_read", &json!({ "domain": domain, "fields_names": fields, "order": [["id", "ASC"]] })).await?;
        let said = |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let same = rows.iter().find(|row| {
            let contact = &row["party."];
            let phone = said(&contact["phone"]);
            let shown = json!({
                "street": said(&row["street"]), "attn": said(&row["attn"]), "email": said(&contact["email"]), "phone": digits(phone.as_deref())
            });
            shown == asked
        });
        let found = same.and_then(|row| Some((id_of(row)?, row["party"].as_i64()?)));
        Ok(found.map(|(address, party)| Consignee { party, address, is_new: false }))
    }

    /// The country with this two-letter code.
    async fn country(&self, code: &str, parts: &[&str]) -> Result<i64, Error> {
        let arguments = json!({ "domain": [["code", "=", code.to_uppercase()]], "fields_names": ["id"], "limit": 1 });
        let rows: Vec<Value> = self.value("country.country", "search_read", &arguments).await?;
        rows.first().and_then(id_of).ok_or_else(|| refuse(parts, format!("Tryton has no country {code:?}; give its two-letter code")))
    }

    /// The part of a country with this code or name, where Tryton knows the country's parts.
    async fn subdivision(&self, country: i64, state: &str) -> Result<Option<i64>, Error> {
        let domain =
            json!([["country", "=", country], ["OR", ["name", "ilike", state], ["code", "ilike", state], ["code", "ilike", format!("%-{state}")]]]);
        let rows: Vec<Value> =
            self.value("country.subdivision", "search_read", &json!({ "domain": domain, "fields_names": ["id"], "limit": 1 })).await?;
        Ok(rows.first().and_then(id_of))
    }

    /// Removes a party that was made for a write which did not come about. One that stays does no harm: the next order for the
    /// same address finds it.
    pub(super) async fn forget(&self, consignee: Option<Consignee>) {
        if let Some(Consignee { party, is_new: true, .. }) = consignee
            && let Err(error) = self.remove("party.party", party).await
        {
            tracing::debug!(tryton.party = party, error = %error, "A party that is not needed could not be removed");
        }
    }
}
