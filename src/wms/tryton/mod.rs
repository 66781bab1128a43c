//! Tryton 8.0 and later, over its REST interface: `/<database>/rest/model/<model>` with a bearer key.
//!
//! **What it is for.** All nine types are read and every command is carried out, with the rights of the user whose key it is and for the company that this user
//! works for. Older versions (JSON-RPC with sessions) are deliberately absent.
//!
//! **Invariants.** A page of records costs a constant number of calls: rows come with the rows below them in one answer, and so from
//! one transaction. A record is made of what Tryton stores, in the order of ids, so that what did not change looks the same. `raw` is
//! what came. What a type is made of, and what counts as its having changed, stands at the top of its file; how an error is
//! read, in [`failure::classify`].
//!
//! **Deletions** leave nothing behind in Tryton; only complete listings show them. What is archived is listed too.

mod client;
mod failure;
mod inbound_shipment;
mod inventory;
#[cfg(feature = "live")]
#[cfg(test)]
mod live;
mod order;
mod party;
mod place;
#[cfg(test)]
mod played;
mod product;
mod returns;
mod rows;
mod shipping_method;
#[cfg(test)]
mod tests;
mod transfer;
mod warehouse;
mod warehouse_customer;
mod warehouse_location;
mod write;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Http, Site};
use super::{Account, Adapter, Error, Integration, Kind};
use crate::record::draft::{
    AdjustInventory, CancelOrder, CancelReturn, CreateInboundShipment, CreateOrder, CreateProduct, CreateReturn, ReceiveInboundShipment, ShipOrder,
    UpdateInboundShipment, UpdateOrder, UpdateProduct, UpdateReturn,
};
use crate::record::{
    DataType, InboundShipment, InventoryItem, Order, Product, Return, ShippingMethod, Warehouse, WarehouseCustomer, WarehouseLocation,
};

/// How to connect to Tryton 8.0 or later.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    /// The server's address and, behind it, the database's name: `https://tryton.example.com/mydatabase`.
    base_url: String,
    /// A key of the application "REST": an administrator makes it among the user's applications in Tryton, or the user asks for one
    /// and allows it in the preferences. The connection can read and write what that user can, for the company that the user works for.
    #[schemars(with = "String", extend("writeOnly" = true))]
    api_key: SecretString,
}

/// A connection to one Tryton database.
#[derive(Debug)]
pub struct Tryton {
    site: Site,
    api_key: SecretString,
    learned: client::Learned,
}

/// What every type is read from. A type is forbidden when one of its models is. Models of no type are known of for what they add.
const MODELS: &[(&str, &[DataType])] = {
    use DataType::{InboundShipments, Inventory, Orders, Products, Returns, ShippingMethods, WarehouseCustomers, WarehouseLocations, Warehouses};
    &[
        ("stock.location", &[Warehouses, WarehouseLocations, Inventory]),
        ("party.address", &[Warehouses, Orders, InboundShipments]),
        ("party.party", &[Warehouses, WarehouseCustomers, ShippingMethods, Orders, InboundShipments, Returns]),
        ("party.contact_mechanism", &[Warehouses, WarehouseCustomers, Orders, InboundShipments]),
        ("country.country", &[Warehouses, Orders, InboundShipments]),
        ("country.subdivision", &[Warehouses, Orders, InboundShipments]),
        ("carrier", &[ShippingMethods]),
        ("product.product", &[ShippingMethods, Products, Inventory, Orders, InboundShipments, Returns]),
        ("product.template", &[ShippingMethods, Products, Inventory, Orders, InboundShipments, Returns]),
        ("product.uom", &[Products, Inventory, Orders, InboundShipments, Returns]),
        ("product.identifier", &[Products, Inventory]),
        ("product.list_price", &[]),
        ("product.cost_price", &[]),
        ("purchase.product_supplier", &[]),
        ("purchase.product_supplier.price", &[]),
        ("stock.move", &[Inventory, Orders, InboundShipments, Returns]),
        ("stock.period", &[Inventory]),
        ("stock.period.cache", &[Inventory]),
        ("stock.period.cache.lot", &[]),
        ("stock.lot", &[]),
        ("stock.shipment.in", &[InboundShipments]),
        ("stock.shipment.in.return", &[]),
        ("stock.shipment.internal", &[]),
        ("stock.shipment.out", &[Orders]),
        ("stock.shipment.out.return", &[Returns]),
        ("stock.package", &[]),
        ("sale.sale", &[Orders]),
        ("sale.line", &[Orders]),
        ("currency.currency", &[Orders]),
        ("purchase.purchase", &[]),
        ("purchase.line", &[]),
        ("product.category", &[]),
        ("stock.inventory", &[]),
        ("stock.inventory.line", &[]),
    ]
};

impl Adapter for Tryton {
    const NAME: &'static str = "tryton";
    const DISPLAY_NAME: &'static str = "Tryton";
    type Credentials = Credentials;

    fn connect(credentials: Credentials, http: &Http) -> Result<Self, Error> {
        let refuse = |field: &str, why: &str| Err(Error::new(Kind::Configuration, format!("{field} {why}")).with_path(vec![field.to_owned()]));
        if credentials.api_key.expose_secret().trim().is_empty() {
            return refuse("apiKey", "must not be empty");
        }
        let site = http.at(credentials.base_url.trim().trim_end_matches('/'), "baseUrl")?;
        let after_scheme = site.base().split_once("://").map_or("", |(_, rest)| rest);
        if !after_scheme.contains('/') {
            return refuse("baseUrl", "must end with the name of the database, as in https://tryton.example.com/mydatabase");
        }
        Ok(Self { site, api_key: credentials.api_key, learned: client::Learned::default() })
    }

    async fn check(&self) -> Result<Account, Error> {
        // A key that is wrong is refused here.
        let session = self.session().await?;
        let mut account = Account { description: Some(self.description(session.company).await?), forbidden: Vec::new() };
        let known: Vec<&str> = MODELS.iter().map(|(model, _)| *model).filter(|model| session.has(model)).collect();
        let rights: BTreeMap<String, Rights> = self.value("ir.model.access", "get_access", &json!({ "models": known })).await?;
        for (model, types) in MODELS {
            let reason = match rights.get(*model) {
                _ if types.is_empty() => continue,
                Some(rights) if rights.may_read() => continue,
                Some(_) => match self.why_forbidden(model, &session).await {
                    Some(error) => error.message,
                    None => format!("The user may not read {model}"),
                },
                None => format!("Tryton has no {model}: the module that brings it is not activated"),
            };
            // The first reason that a type meets is told.
            let new: Vec<DataType> = types.iter().copied().filter(|of| account.forbidden.iter().all(|(known, _)| known != of)).collect();
            account.forbidden.extend(new.into_iter().map(|of| (of, reason.clone())));
        }
        Ok(account)
    }
}

/// What a user may do with a model.
#[derive(Debug, Deserialize)]
struct Rights {
    read: Value,
}

impl Rights {
    /// Tryton writes a right that nobody has restricted as `true`, others as numbers.
    fn may_read(&self) -> bool {
        self.read == true || self.read.as_i64().is_some_and(|right| right > 0)
    }
}

impl Tryton {
    /// Tryton's version and the name of the company that the user works for.
    async fn description(&self, company: Option<i64>) -> Result<String, Error> {
        let first = async |model: &str, domain: Value, field: &str| -> Result<Option<String>, Error> {
            let arguments = json!({ "domain": domain, "fields_names": [field], "limit": 1 });
            match self.value::<Vec<Value>>(model, "search_read", &arguments).await {
                Ok(rows) => Ok(rows.first().and_then(|row| Some(row.get(field)?.as_str()?.to_owned()))),
                Err(error) if error.kind == Kind::Forbidden => Ok(None),
                Err(error) => Err(error),
            }
        };
        let version = first("ir.module", json!([["name", "=", "stock"]]), "version").await?;
        let name = match company {
            Some(company) => first("company.company", json!([["id", "=", company]]), "rec_name").await?,
            None => None,
        };
        let version = version.unwrap_or_else(|| "8.0 or later".to_owned());
        Ok(name.map_or_else(|| format!("Tryton {version}"), |name| format!("Tryton {version}: {name}")))
    }
}

/// What this adapter can do.
pub fn integration() -> Integration {
    Integration::of::<Tryton>()
        .pulls::<Warehouse>()
        .pulls::<WarehouseCustomer>()
        .pulls::<WarehouseLocation>()
        .pulls::<ShippingMethod>()
        .pulls::<Product>()
        .pulls::<InventoryItem>()
        .pulls::<InboundShipment>()
        .pulls::<Order>()
        .pulls::<Return>()
        .pushes::<CreateOrder>()
        .pushes::<UpdateOrder>()
        .pushes::<CancelOrder>()
        .pushes::<ShipOrder>()
        .pushes::<CreateInboundShipment>()
        .pushes::<UpdateInboundShipment>()
        .pushes::<ReceiveInboundShipment>()
        .pushes::<CreateReturn>()
        .pushes::<UpdateReturn>()
        .pushes::<CancelReturn>()
        .pushes::<CreateProduct>()
        .pushes::<UpdateProduct>()
        .pushes::<AdjustInventory>()
        .passes()
        .build()
}
