//! Odoo 19 and later, over JSON-2: `POST /json/2/<model>/<method>` with a bearer key and named arguments.
//!
//! **What it is for.** All nine types are read, and all writes but kits are carried out, with the rights of the user whose
//! key it is. Older versions (JSON-RPC) are deliberately absent: their models differ.
//!
//! **Invariants.** A page of records costs a constant number of calls: what belongs to its records is fetched for all of
//! them at once. A record is made of what Odoo stores, in the order of ids, so that what did not change looks the same.
//! `raw` is what came, part by part. What a type is made of, and what counts as its having changed, stands at the top of its
//! file; how an error is read, in [`client::classify`].
//!
//! **Deletions** leave nothing behind in Odoo; only complete listings show them. Most things are archived instead, and
//! archived rows are listed too.

mod client;
mod inbound_shipment;
mod inventory;
#[cfg(all(test, feature = "live"))]
mod live;
mod order;
mod party;
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

/// How to connect to Odoo 19 or later.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    /// The address that you open in the browser, such as `https://mycompany.odoo.com`.
    base_url: String,
    /// An API key: in Odoo, open your preferences, the tab Security, and choose "Add API Key" with the scope RPC. The
    /// connection can read and write what that user can.
    #[schemars(with = "String", extend("writeOnly" = true))]
    api_key: SecretString,
    /// The name of the database. Only needed where the server has several.
    database: Option<String>,
}

/// A connection to one Odoo database.
#[derive(Debug)]
pub struct Odoo {
    site: Site,
    api_key: SecretString,
    database: Option<String>,
    fields: client::KnownFields,
}

/// What every type is read from. A type is forbidden when one of its models is.
const MODELS: &[(&str, &[DataType])] = {
    use DataType::{InboundShipments, Inventory, Orders, Products, Returns, ShippingMethods, WarehouseCustomers, WarehouseLocations, Warehouses};
    &[
        ("stock.warehouse", &[Warehouses]),
        ("res.partner", &[Warehouses, WarehouseCustomers, Orders, InboundShipments]),
        ("stock.location", &[WarehouseLocations]),
        ("delivery.carrier", &[ShippingMethods]),
        ("product.product", &[Products, Inventory, Orders, InboundShipments, Returns]),
        ("product.supplierinfo", &[Products]),
        ("stock.quant", &[Inventory, WarehouseCustomers, Orders]),
        ("stock.move", &[Inventory, Orders, InboundShipments, Returns]),
        ("stock.move.line", &[WarehouseCustomers, Orders, InboundShipments, Returns]),
        ("stock.picking.type", &[Orders, InboundShipments, Returns]),
        ("stock.picking", &[WarehouseCustomers, Orders, InboundShipments, Returns]),
        ("stock.package", &[Orders]),
        ("sale.order.line", &[Orders]),
        ("sale.order", &[Orders]),
    ]
};

impl Adapter for Odoo {
    const NAME: &'static str = "odoo";
    const DISPLAY_NAME: &'static str = "Odoo";
    type Credentials = Credentials;

    fn connect(credentials: Credentials, http: &Http) -> Result<Self, Error> {
        if credentials.api_key.expose_secret().trim().is_empty() {
            return Err(Error::new(Kind::Configuration, "apiKey must not be empty").with_path(vec!["apiKey".to_owned()]));
        }
        // What stands in the browser's address bar ends like this.
        let base = credentials.base_url.trim().trim_end_matches('/');
        let base = base.strip_suffix("/odoo").or_else(|| base.strip_suffix("/web")).unwrap_or(base);
        let site = http.at(base, "baseUrl")?;
        let database = credentials.database.filter(|name| !name.trim().is_empty());
        Ok(Self { site, api_key: credentials.api_key, database, fields: client::KnownFields::default() })
    }

    async fn check(&self) -> Result<Account, Error> {
        // Without rights on any model; a key that is wrong is refused here.
        let _: serde_json::Map<String, Value> = self.value("res.users", "context_get", &json!({})).await?;
        let mut account = Account { description: Some(self.description().await?), forbidden: Vec::new() };
        for (model, types) in MODELS {
            let tried = self.call(model, "search", &json!({ "domain": [], "limit": 1 })).await;
            let reason = match tried {
                Ok(_) => continue,
                Err(error) if matches!(error.kind, Kind::Forbidden | Kind::Unsupported) => error.message,
                Err(error) => return Err(error),
            };
            // The first reason that a type meets is told.
            let new: Vec<DataType> = types.iter().copied().filter(|of| account.forbidden.iter().all(|(known, _)| known != of)).collect();
            account.forbidden.extend(new.into_iter().map(|of| (of, reason.clone())));
        }
        Ok(account)
    }
}

impl Odoo {
    /// Odoo's version and the names of the companies that the user may see.
    async fn description(&self) -> Result<String, Error> {
        let version: Option<Value> = self.site.get("/json/version").send().await?.json().ok();
        let version = version.as_ref().and_then(|version| version.get("version")?.as_str()).unwrap_or("19 or later");
        let arguments = json!({ "domain": [], "fields": ["name"], "order": "id", "limit": 3 });
        let companies: Vec<Value> = match self.value("res.company", "search_read", &arguments).await {
            Ok(companies) => companies,
            Err(error) if error.kind == Kind::Forbidden => Vec::new(),
            Err(error) => return Err(error),
        };
        let names: Vec<&str> = companies.iter().filter_map(|company| company.get("name")?.as_str()).collect();
        Ok(format!("Odoo {version}: {}", names.join(", ")).trim_end_matches([':', ' ']).to_owned())
    }
}

/// What this adapter can do.
pub fn integration() -> Integration {
    Integration::of::<Odoo>()
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
