//! Writes: an order is made and confirmed, a product is changed.
//!
//! **An order is whole or not there.** Odoo makes it in two calls, `create` (a quotation) and `action_confirm`, each a
//! transaction of its own. What can be told beforehand is checked before the first; where Odoo refuses the second, the
//! quotation is removed and Odoo's sentence goes back. Only where that removal fails, or an answer was lost, is the
//! outcome unknown. The write's reference stands in the order's source document (`origin`), by which it can be found.
//!
//! **Odoo accepts nonsense**, which is refused here: no lines, nothing or less of a product, an archived product, an archived
//! warehouse or delivery method, prices in another currency than the order's, a SKU that several products carry.
//!
//! **The consignee** is a partner of its own, and an identical one is used again. It is the customer too, unless the order names
//! a warehouse customer: then that is the customer. A third address line is put after the second.

use crate::record::draft::MaybeUndefined;
use serde_json::{Map, Value, json};

use super::Odoo;
use super::client::id_of;
use super::rows::{CarrierRow, CountryRow, OrderRow, ProductRow, Row, WarehouseRow};
use crate::record::draft::{AddressInput, CreateOrder, OrderDraft, OrderLineItemDraft, Ref, UpdateProduct};
use crate::record::{Json, Money};
use crate::wms::{Error, Kind, Push, Written};

/// The fields of Odoo's sentences, and the input that fills them.
const ORDER_INPUT: &[(&str, &[&str])] = &[
    ("(partner_id)", &["shipTo"]),
    ("(partner_shipping_id)", &["shipTo"]),
    ("Contacts require a name", &["shipTo", "fullName"]),
    ("res.partner(", &["warehouseCustomerId"]),
    ("(warehouse_id)", &["warehouseId"]),
    ("stock.warehouse(", &["warehouseId"]),
    ("(carrier_id)", &["shippingMethodId"]),
    ("delivery.carrier(", &["shippingMethodId"]),
    ("(commitment_date)", &["requiredShipDate"]),
    ("product.product(", &["lineItems"]),
];
const PRODUCT_INPUT: &[(&str, &[&str])] =
    &[("Barcode", &["gtin"]), ("barcode", &["gtin"]), ("(name)", &["name"]), ("(default_code)", &["sku"]), ("product.product(", &["id"])];

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn refuse(parts: &[&str], message: impl Into<String>) -> Error {
    Error::new(Kind::Validation, message).with_path(path(parts))
}

/// The same error with the input field that Odoo's sentence speaks of, where it names one.
fn located(error: Error, inputs: &[(&str, &[&str])]) -> Error {
    let about_input = matches!(error.kind, Kind::Validation | Kind::Conflict | Kind::NotFound) && error.path.is_none();
    let found = inputs.iter().find(|(words, _)| about_input && error.message.contains(words));
    match found {
        Some((_, parts)) => error.with_path(path(parts)),
        None => error,
    }
}

/// The same error of a call that made nothing: whatever came of it, the write has not been carried out.
fn harmless(error: Error) -> Error {
    Error { outcome_unknown: false, ..error }
}

/// The same error of a call after which something may stand in Odoo.
fn open(error: Error) -> Error {
    Error { outcome_unknown: true, ..error }
}

/// An amount as Odoo takes it: a JSON number.
fn number(money: Money) -> f64 {
    money.to_string().parse().unwrap_or_default()
}

/// The number in a source id of ours.
fn odoo_id(source_id: &str, parts: &[&str]) -> Result<i64, Error> {
    source_id.parse().map_err(|_| refuse(parts, format!("{source_id:?} is not the id of an Odoo record")))
}

/// A text that says something, or Odoo's "nothing".
fn text(text: Option<&str>) -> Value {
    text.map(str::trim).filter(|text| !text.is_empty()).map_or(Value::Bool(false), |text| json!(text))
}

/// The fields that only Odoo knows, to which ours are added.
fn own_fields(fields: Option<&Json>) -> Result<Map<String, Value>, Error> {
    match fields.map(Json::to_value) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields),
        Some(_) => Err(refuse(&["integrationFields"], "integrationFields must be an object of Odoo field names and values")),
    }
}

impl Push<CreateOrder> for Odoo {
    const REQUIRED: &'static [&'static str] = &["lineItems.quantity"];
    const OPTIONAL: &'static [&'static str] = &[
        "orderNumber",
        "referenceId",
        "warehouseCustomerId",
        "warehouseId",
        "shippingMethodId",
        "shipTo",
        "requiredShipDate",
        "currencyCode",
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.unitPrice",
    ];

    async fn push(&self, command: &CreateOrder, reference: &str) -> Result<Written<crate::record::Order>, Error> {
        let (values, mut unused, consignee) = self.order_values(command, reference).await.map_err(harmless)?;
        let made: Result<Vec<i64>, Error> = self.value(OrderRow::MODEL, "create", &json!({ "vals_list": [values] })).await;
        let id = match made {
            Ok(ids) => ids.first().copied().ok_or_else(|| open(Error::new(Kind::Protocol, "Odoo made an order and did not say which")))?,
            Err(error) => {
                if let (Some(partner), false) = (consignee, error.outcome_unknown) {
                    self.forget_partner(partner).await;
                }
                return Err(located(error, ORDER_INPUT));
            }
        };
        let confirmed = match self.check_currency(id, command.order.currency_code.as_deref()).await {
            Ok(()) => self.call(OrderRow::MODEL, "action_confirm", &json!({ "ids": [id] })).await.map(drop),
            // Nothing but a quotation is there yet, whatever came of the question.
            Err(error) => Err(harmless(error)),
        };
        if let Err(error) = confirmed {
            let error = located(error, ORDER_INPUT);
            return Err(if error.outcome_unknown { error } else { self.undone(id, consignee, error).await });
        }
        // A 200 is not a success: Odoo may have answered with a dialog and done nothing.
        match self.order(id).await.map_err(open)? {
            Some(record) => {
                let record = record.map_err(|reason| open(Error::new(Kind::Protocol, reason)))?;
                unused.extend(command.order.order_type.map(|_| "type".to_owned()));
                Ok(Written { record, unused_fields: unused })
            }
            None => {
                let error = Error::new(Kind::Validation, "Odoo answered the confirmation of the order without an error, but did not confirm it");
                Err(self.undone(id, consignee, error).await)
            }
        }
    }
}

impl Odoo {
    /// What `sale.order/create` is to be called with, the input that it has no place for, and the partner that was made
    /// for it, if one was.
    async fn order_values(&self, command: &CreateOrder, reference: &str) -> Result<(Value, Vec<String>, Option<i64>), Error> {
        let order = &command.order;
        let mut values = own_fields(command.integration_fields.as_ref())?;
        let mut unused = Vec::new();
        let lines = self.line_values(&order.line_items).await?;
        self.check_places(order).await?;
        if let Some(currency) = order.currency_code.as_deref() {
            let domain = json!([["currency_id.name", "=", currency]]);
            let lists: Vec<i64> = self.value("product.pricelist", "search", &json!({ "domain": domain, "limit": 1, "order": "id" })).await?;
            values.extend(lists.first().map(|list| ("pricelist_id".to_owned(), json!(list))));
        }
        let customer = order.warehouse_customer_id.as_ref();
        let customer = customer.map(|customer| odoo_id(customer.source_id(), &["warehouseCustomerId"])).transpose()?;
        let (mut consignee, mut made) = (None, None);
        if let Some(address) = &order.ship_to {
            let (id, is_new) = self.consignee(address, &mut unused).await?;
            (consignee, made) = (Some(id), is_new.then_some(id));
        }
        let mut set = |field: &str, value: Option<Value>| values.extend(value.map(|value| (field.to_owned(), value)));
        set("partner_id", customer.or(consignee).map(Value::from));
        set("partner_shipping_id", consignee.map(Value::from));
        set("name", order.order_number.as_ref().map(|name| json!(name)));
        set("client_order_ref", order.reference_id.as_ref().map(|reference| json!(reference)));
        set("warehouse_id", order.warehouse_id.as_ref().map(|id| odoo_id(id.source_id(), &["warehouseId"])).transpose()?.map(Value::from));
        set("carrier_id", order.shipping_method_id.as_ref().map(|id| odoo_id(id.source_id(), &["shippingMethodId"])).transpose()?.map(Value::from));
        set("commitment_date", order.required_ship_date.map(|at| json!(super::client::stamp(at))));
        set("origin", Some(json!(reference)));
        set("order_line", Some(json!(lines)));
        Ok((Value::Object(values), unused, made))
    }

    /// The commands that make the lines, each with the product that its id or SKU names.
    async fn line_values(&self, lines: &[OrderLineItemDraft]) -> Result<Vec<Value>, Error> {
        if lines.is_empty() {
            return Err(refuse(&["lineItems"], "An order needs at least one line"));
        }
        let mut ids = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let index = index.to_string();
            if line.quantity <= crate::record::Quantity::ZERO {
                return Err(refuse(&["lineItems", &index, "quantity"], "The quantity must be more than 0"));
            }
            match (&line.product_id, &line.sku) {
                (Some(product), _) => ids.push(odoo_id(product.source_id(), &["lineItems", &index, "productId"])?),
                (None, Some(_)) => {}
                (None, None) => return Err(refuse(&["lineItems", &index, "sku"], "A line needs a productId or a sku")),
            }
        }
        let skus: Vec<&str> = lines.iter().filter(|line| line.product_id.is_none()).filter_map(|line| line.sku.as_deref()).collect();
        let domain = [json!("|"), json!(["id", "in", ids]), json!(["default_code", "in", skus])];
        let found = self.search::<ProductRow>(&domain, super::client::CHUNK).await?.0;
        let found: Vec<ProductRow> = found.iter().filter_map(|row| ProductRow::of(row).ok()).collect();
        let line_value = |(index, line): (usize, &OrderLineItemDraft)| {
            let product = product_of(line, &found).map_err(|(field, why)| refuse(&["lineItems", &index.to_string(), field], why))?;
            let mut values = json!({ "product_id": product, "product_uom_qty": line.quantity.to_f64() });
            if let (Some(price), Some(values)) = (line.unit_price, values.as_object_mut()) {
                values.insert("price_unit".to_owned(), json!(number(price)));
            }
            Ok(json!([0, 0, values]))
        };
        lines.iter().enumerate().map(line_value).collect()
    }

    /// Whether the warehouse and the shipping method are there and in use: Odoo takes archived ones without a word.
    async fn check_places(&self, order: &OrderDraft) -> Result<(), Error> {
        if let Some(id) = &order.warehouse_id {
            let id = odoo_id(id.source_id(), &["warehouseId"])?;
            let row = self.related::<WarehouseRow>("id", [id]).await?;
            in_use(row.first(), "warehouse", &["warehouseId"])?;
        }
        if let Some(id) = &order.shipping_method_id {
            let id = odoo_id(id.source_id(), &["shippingMethodId"])?;
            let row = self.related::<CarrierRow>("id", [id]).await?;
            in_use(row.first(), "delivery method", &["shippingMethodId"])?;
        }
        Ok(())
    }

    /// The partner with exactly this address, and whether it was made just now.
    async fn consignee(&self, address: &AddressInput, unused: &mut Vec<String>) -> Result<(i64, bool), Error> {
        let (name, is_company) = match (text(address.full_name.as_deref()), text(address.company.as_deref())) {
            (Value::Bool(_), Value::Bool(_)) => (Value::Bool(false), false),
            (Value::Bool(_), company) => (company, true),
            (name, _) => (name, false),
        };
        let company = if is_company { Value::Bool(false) } else { text(address.company.as_deref()) };
        let country = match address.country.as_deref().map(str::trim).filter(|code| !code.is_empty()) {
            Some(code) => Some(self.country(code, &["shipTo", "country"]).await?),
            None => None,
        };
        let state = match address.state.as_deref().map(str::trim).filter(|state| !state.is_empty()) {
            Some(state) => self.state(country, state).await?,
            None => None,
        };
        if state.is_none() && address.state.is_some() {
            unused.push("shipTo.state".to_owned());
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
        let made = made.map_err(|error| located(error, ORDER_INPUT))?;
        made.first().map(|id| (*id, true)).ok_or_else(|| Error::new(Kind::Protocol, "Odoo made a partner and did not say which"))
    }

    /// The country with this two-letter code.
    async fn country(&self, code: &str, parts: &[&str]) -> Result<i64, Error> {
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

    /// Whether the order is in the currency that its prices are in. Odoo takes an order's currency from a price list.
    async fn check_currency(&self, id: i64, wanted: Option<&str>) -> Result<(), Error> {
        let Some(wanted) = wanted else { return Ok(()) };
        let rows = self.related::<OrderRow>("id", [id]).await?;
        let currency = rows.first().and_then(|row| OrderRow::of(row).ok()?.currency_id?.name);
        match currency {
            Some(currency) if currency == wanted => Ok(()),
            currency => Err(refuse(
                &["currencyCode"],
                format!("Odoo has no price list in {wanted}; the order would be in {}", currency.as_deref().unwrap_or("no currency")),
            )),
        }
    }

    /// `error`, after the quotation and the partner that was made for it have been removed.
    async fn undone(&self, order: i64, consignee: Option<i64>, error: Error) -> Error {
        let arguments = json!({ "ids": [order] });
        if self.call(OrderRow::MODEL, "unlink", &arguments).await.is_err() {
            // Odoo removes no order that is past its quotation; a cancelled one can be removed, and does no harm if it stays.
            if let Err(left) = self.call(OrderRow::MODEL, "action_cancel", &arguments).await {
                tracing::warn!(odoo.order = order, error = %left, "An order that Odoo refused to confirm could not be removed");
                return open(error);
            }
            if let Err(left) = self.call(OrderRow::MODEL, "unlink", &arguments).await {
                tracing::debug!(odoo.order = order, error = %left, "An order that Odoo refused to confirm stays there cancelled");
            }
        }
        if let Some(partner) = consignee {
            self.forget_partner(partner).await;
        }
        error
    }

    /// Removes a partner that was made for an order which did not come about. One that stays does no harm: the next order
    /// for the same address finds it.
    async fn forget_partner(&self, partner: i64) {
        if let Err(error) = self.call("res.partner", "unlink", &json!({ "ids": [partner] })).await {
            tracing::debug!(odoo.partner = partner, error = %error, "A partner that is not needed could not be removed");
        }
    }
}

/// The product that a line names; else the field that does not and why.
fn product_of(line: &OrderLineItemDraft, found: &[ProductRow]) -> Result<i64, (&'static str, String)> {
    let field = if line.product_id.is_some() { "productId" } else { "sku" };
    let matches = |row: &&ProductRow| match (&line.product_id, &line.sku) {
        (Some(product), _) => row.id.to_string() == product.source_id(),
        (None, sku) => row.default_code.is_some() && row.default_code == *sku,
    };
    let all: Vec<&ProductRow> = found.iter().filter(matches).collect();
    let active: Vec<&&ProductRow> = all.iter().filter(|row| row.active).collect();
    let shown = line.product_id.as_ref().map(Ref::source_id).or(line.sku.as_deref()).unwrap_or_default();
    match (active.as_slice(), all.len()) {
        ([product], _) => Ok(product.id),
        ([], 0) => Err((field, format!("Odoo has no product {shown:?}"))),
        ([], _) => Err((field, format!("The product {shown:?} is archived in Odoo"))),
        (several, _) => Err((field, format!("{} products have the SKU {shown:?} in Odoo; name one by its productId", several.len()))),
    }
}

fn in_use(row: Option<&Value>, what: &str, parts: &[&str]) -> Result<(), Error> {
    match row {
        None => Err(refuse(parts, format!("Odoo has no such {what}"))),
        Some(row) if row.get("active") == Some(&Value::Bool(false)) => Err(refuse(parts, format!("The {what} is archived in Odoo"))),
        Some(_) => Ok(()),
    }
}

impl Push<UpdateProduct> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["sku", "name", "gtin", "unitPrice", "active", "countryOfOrigin", "harmonizedCode"];

    async fn push(&self, command: &UpdateProduct, _reference: &str) -> Result<Written<crate::record::Product>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let (values, active, unused) = self.product_values(command).await.map_err(harmless)?;
        if !values.is_empty() {
            let arguments = json!({ "ids": [id], "vals": values });
            self.call(ProductRow::MODEL, "write", &arguments).await.map_err(|error| located(error, PRODUCT_INPUT))?;
        }
        if let Some(active) = active {
            // These two methods keep the template in step, which a bare `write` does not.
            let method = if active { "action_unarchive" } else { "action_archive" };
            let done = self.call(ProductRow::MODEL, method, &json!({ "ids": [id] })).await;
            let partly = !values.is_empty();
            done.map_err(|error| located(if partly { open(error) } else { error }, PRODUCT_INPUT))?;
        }
        let gone = || Error::new(Kind::NotFound, "Odoo has no such product").with_path(path(&["id"]));
        let record = self.product(id).await.map_err(open)?.ok_or_else(gone)?;
        let record = record.map_err(|reason| open(Error::new(Kind::Protocol, reason)))?;
        Ok(Written { record, unused_fields: unused })
    }
}

impl Odoo {
    /// What `product.product/write` is to be called with, whether it is to be archived, and the input without a place.
    async fn product_values(&self, command: &UpdateProduct) -> Result<(Map<String, Value>, Option<bool>, Vec<String>), Error> {
        let patch = &command.product;
        let known = self.fields_of::<ProductRow>().await?;
        let mut values = own_fields(command.integration_fields.as_ref())?;
        let mut unused = Vec::new();
        let texts = [
            ("sku", "default_code", &patch.sku),
            ("name", "name", &patch.name),
            ("gtin", "barcode", &patch.gtin),
            ("harmonizedCode", "hs_code", &patch.harmonized_code),
        ];
        for (input, field, value) in texts {
            match value {
                MaybeUndefined::Undefined => {}
                _ if !known.contains(field) => unused.push(input.to_owned()),
                value => drop(values.insert(field.to_owned(), text(value.value().map(String::as_str)))),
            }
        }
        match &patch.unit_price {
            MaybeUndefined::Undefined => {}
            // A price has no empty value in Odoo.
            price => drop(values.insert("lst_price".to_owned(), json!(price.value().map_or(0.0, |price| number(*price))))),
        }
        match &patch.country_of_origin {
            MaybeUndefined::Undefined => {}
            _ if !known.contains("country_of_origin") => unused.push("countryOfOrigin".to_owned()),
            MaybeUndefined::Null => drop(values.insert("country_of_origin".to_owned(), json!(false))),
            MaybeUndefined::Value(code) => {
                let country = self.country(code, &["countryOfOrigin"]).await?;
                values.insert("country_of_origin".to_owned(), json!(country));
            }
        }
        let active = match patch.active {
            MaybeUndefined::Undefined => None,
            // Odoo would take "nothing" for false and archive the product.
            MaybeUndefined::Null => return Err(refuse(&["active"], "active is true or false; it cannot be cleared")),
            MaybeUndefined::Value(active) => Some(active),
        };
        Ok((values, active, unused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Quantity;

    fn sku(sku: &str) -> OrderLineItemDraft {
        OrderLineItemDraft { product_id: None, sku: Some(sku.to_owned()), quantity: Quantity::whole(1), unit_price: None, discount_amount: None }
    }

    fn product(id: i64, sku: &str, active: bool) -> ProductRow {
        ProductRow { id, default_code: Some(sku.to_owned()), active, ..ProductRow::default() }
    }

    #[test]
    fn a_sku_names_one_product_in_use() {
        let found = [product(1, "A", true), product(2, "B", true), product(3, "B", true), product(4, "C", false), product(5, "A", false)];
        assert_eq!(product_of(&sku("A"), &found), Ok(1));
        assert_eq!(product_of(&sku("B"), &found), Err(("sku", "2 products have the SKU \"B\" in Odoo; name one by its productId".to_owned())));
        assert_eq!(product_of(&sku("C"), &found), Err(("sku", "The product \"C\" is archived in Odoo".to_owned())));
        assert_eq!(product_of(&sku("D"), &found), Err(("sku", "Odoo has no product \"D\"".to_owned())));
    }

    #[test]
    fn a_sentence_finds_its_input() {
        let located = |kind, message: &str, inputs| located(Error::new(kind, message), inputs).path.map(|path| path.join("."));
        let missing =
            "The operation cannot be completed: Missing required value for the field 'Customer' (partner_id).\nModel: 'Sales Order' (sale.order)";
        assert_eq!(located(Kind::Validation, missing, ORDER_INPUT).as_deref(), Some("shipTo"));
        assert_eq!(located(Kind::Unavailable, missing, ORDER_INPUT), None);
        assert_eq!(located(Kind::Conflict, "Barcode(s) already assigned:\n\n- Barcode \"1\"", PRODUCT_INPUT).as_deref(), Some("gtin"));
        assert_eq!(located(Kind::Validation, "Something else", PRODUCT_INPUT), None);
    }
}
