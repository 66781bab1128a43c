//! Products: made, changed.
//!
//! A new product is a template with one variant. Name, price and sizes belong to the template: **a variant's change is its siblings'
//! too.** A SKU is put together of the template's code and the variant's suffix; where there is a suffix, only that is changed.

use serde_json::{Map, Value, json};

use super::{decimal, fields_of, given, harmless, located, open, path, refuse, text, tryton_id};
use crate::record::draft::{CreateProduct, MaybeUndefined, MeasurementsInput, UpdateProduct};
use crate::record::{LengthUnit, Product, Quantity, WeightUnit};
use crate::wms::tryton::Tryton;
use crate::wms::tryton::client::id_of;
use crate::wms::tryton::rows::{ProductRow, Row, VariantRow};
use crate::wms::{Error, Found, Kind, Push, Written};

/// The fields of Tryton's sentences, and the input that fills them.
const INPUT: &[(&str, &[&str])] = &[
    ("Code of active product", &["sku"]),
    ("\"Name\"", &["name"]),
    ("International Article Number", &["gtin"]),
    ("\"Code\" in \"Product Identifier\"", &["gtin"]),
    ("\"List Price\"", &["unitPrice"]),
    ("\"Default UoM\"", &["integrationFields"]),
    ("has still some quantities", &["active"]),
];

const TEMPLATE: &str = "product.template";

fn no_kits() -> Error {
    Error::new(Kind::Unsupported, "A kit takes Tryton's module Product Kit, which this integration does not write").with_path(path(&["components"]))
}

impl Push<CreateProduct> for Tryton {
    const REQUIRED: &'static [&'static str] = &["name"];
    const OPTIONAL: &'static [&'static str] = &[
        "sku",
        "gtin",
        "unitPrice",
        "measurements.length",
        "measurements.width",
        "measurements.height",
        "measurements.unit",
        "measurements.weight",
        "measurements.weightUnit",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of(TEMPLATE)
    }

    async fn push(&self, command: &CreateProduct, _reference: &str) -> Result<Written<Product>, Error> {
        let (values, unused) = self.template_values(command).await.map_err(harmless)?;
        let template = self.make(TEMPLATE, &values).await.map_err(|error| located(error, INPUT))?;
        let variants = json!({ "domain": [["template", "=", template]], "fields_names": ["id"], "limit": 1 });
        let rows: Vec<Value> = self.value(ProductRow::MODEL, "search_read", &variants).await.map_err(open)?;
        let id = rows.first().and_then(id_of).ok_or_else(|| open(Error::new(Kind::Protocol, "Tryton made a product without a variant")))?;
        Ok(Written { record: self.product(id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &CreateProduct, _reference: &str) -> Result<Found<Written<Product>>, Error> {
        let Some(sku) = text(command.product.sku.as_deref()) else {
            return Ok(Found::Unclear("Tryton keeps nothing with a product by which a write could be found, and it was given no SKU".to_owned()));
        };
        let arguments = json!({ "domain": [["code", "=", sku]], "fields_names": ["id", "name"] });
        let rows: Vec<Value> = self.value(ProductRow::MODEL, "search_read", &arguments).await?;
        // Tryton lets no two products in use have one SKU. One of another name was there before, and ours was refused for it.
        match rows.first().filter(|row| row["name"] == command.product.name.trim()).and_then(id_of) {
            Some(id) => Ok(Found::Done(Written { record: self.product(id).await?, unused_fields: Vec::new() })),
            None => Ok(Found::NotDone),
        }
    }
}

impl Tryton {
    async fn template_values(&self, command: &CreateProduct) -> Result<(Value, Vec<String>), Error> {
        let draft = &command.product;
        let mut values = self.own_fields(TEMPLATE, command.integration_fields.as_ref()).await?;
        if draft.components.is_some() {
            return Err(no_kits());
        }
        let unit = match values.get("default_uom").and_then(Value::as_i64) {
            Some(unit) => unit,
            None => self.unit("u", &["integrationFields"]).await?,
        };
        let session = self.session().await?;
        for (field, value) in [
            ("type", json!("goods")),
            ("default_uom", json!(unit)),
            ("salable", json!(true)),
            ("sale_uom", json!(unit)),
            ("purchasable", json!(true)),
            ("purchase_uom", json!(unit)),
        ] {
            if session.knows(TEMPLATE, field) {
                values.entry(field).or_insert(value);
            }
        }
        let mut variant = Map::new();
        variant.extend(text(draft.gtin.as_deref()).map(|code| ("identifiers".to_owned(), json!([["create", [{ "type": "ean", "code": code }]]]))));
        values.insert("name".to_owned(), json!(draft.name.trim()));
        values.extend(text(draft.sku.as_deref()).map(|code| ("code".to_owned(), json!(code))));
        values.extend(draft.unit_price.map(|price| ("list_price".to_owned(), decimal(price))));
        if let Some(measurements) = &draft.measurements {
            self.sizes(measurements, &mut values).await?;
        }
        values.insert("products".to_owned(), json!([["create", [variant]]]));
        let unused = given(&[
            ("warehouseCustomerId", draft.warehouse_customer_id.is_some()),
            ("countryOfOrigin", draft.country_of_origin.is_some()),
            ("harmonizedCode", draft.harmonized_code.is_some()),
        ]);
        Ok((Value::Object(values), unused))
    }

    /// The unit with this symbol.
    async fn unit(&self, symbol: &str, parts: &[&str]) -> Result<i64, Error> {
        let arguments = json!({ "domain": [["symbol", "=", symbol]], "fields_names": ["id"], "limit": 1, "order": [["id", "ASC"]] });
        let rows: Vec<Value> = self.value("product.uom", "search_read", &arguments).await?;
        rows.first().and_then(id_of).ok_or_else(|| refuse(parts, format!("Tryton has no unit of measure {symbol:?}")))
    }

    /// Sizes and weight, with their units.
    async fn sizes(&self, sizes: &MeasurementsInput, values: &mut Map<String, Value>) -> Result<(), Error> {
        let sides = [("length", sizes.length), ("width", sizes.width), ("height", sizes.height)];
        if sides.iter().any(|(_, size)| size.is_some()) {
            let symbol = match sizes.unit {
                Some(LengthUnit::In) => "in",
                Some(LengthUnit::Cm) => "cm",
                None => return Err(refuse(&["measurements", "unit"], "Sizes need a unit")),
            };
            let unit = self.unit(symbol, &["measurements", "unit"]).await?;
            put(&sides, unit, values);
        }
        if sizes.weight.is_some() {
            let symbol = match sizes.weight_unit {
                Some(WeightUnit::G) => "g",
                Some(WeightUnit::Kg) => "kg",
                Some(WeightUnit::Oz) => "oz",
                Some(WeightUnit::Lb) => "lb",
                None => return Err(refuse(&["measurements", "weightUnit"], "A weight needs a unit")),
            };
            let unit = self.unit(symbol, &["measurements", "weightUnit"]).await?;
            put(&[("weight", sizes.weight)], unit, values);
        }
        Ok(())
    }
}

fn put(sizes: &[(&str, Option<Quantity>)], unit: i64, values: &mut Map<String, Value>) {
    for (field, size) in sizes {
        if let Some(size) = size {
            values.insert((*field).to_owned(), json!(size.to_f64()));
            values.insert(format!("{field}_uom"), json!(unit));
        }
    }
}

impl Push<UpdateProduct> for Tryton {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "sku",
        "name",
        "gtin",
        "unitPrice",
        "active",
        "measurements.length",
        "measurements.width",
        "measurements.height",
        "measurements.unit",
        "measurements.weight",
        "measurements.weightUnit",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of(TEMPLATE)
    }

    async fn push(&self, command: &UpdateProduct, reference: &str) -> Result<Written<Product>, Error> {
        let (row, template) = self.variant_of(command).await?;
        let values = self.product_changes(command, &row).await.map_err(harmless)?;
        self.change_noted(TEMPLATE, template, values, reference).await.map_err(|error| located(error, INPUT))?;
        let patch = &command.product;
        let unused =
            given(&[("countryOfOrigin", !patch.country_of_origin.is_undefined()), ("harmonizedCode", !patch.harmonized_code.is_undefined())]);
        Ok(Written { record: self.product(row.id).await.map_err(open)?, unused_fields: unused })
    }

    async fn look_up(&self, command: &UpdateProduct, reference: &str) -> Result<Found<Written<Product>>, Error> {
        let (row, template) = self.variant_of(command).await?;
        let plan = async { self.product_changes(command, &row).await.map(Some) };
        self.find_change(TEMPLATE, template, reference, plan, self.product(row.id)).await
    }
}

impl Tryton {
    /// The variant that a command names, and its template.
    async fn variant_of(&self, command: &UpdateProduct) -> Result<(VariantRow, i64), Error> {
        let id = tryton_id(command.id.source_id(), &["id"])?;
        let domain = [json!(["id", "=", id]), json!(["active", "in", [true, false]])];
        let rows = self.search::<VariantRow>(&domain, 1).await.map_err(harmless)?.0;
        let row = rows.first().ok_or_else(|| Error::new(Kind::NotFound, "Tryton has no such product").with_path(path(&["id"])))?;
        let row = VariantRow::of(row).map_err(|reason| Error::new(Kind::Protocol, reason))?;
        let template = row.template.as_ref().map(|template| template.id);
        let template = template.ok_or_else(|| Error::new(Kind::Protocol, "Tryton showed a product without its template"))?;
        Ok((row, template))
    }

    /// What is to change of a template; of its variant, too, so that both changes are one.
    async fn product_changes(&self, command: &UpdateProduct, row: &VariantRow) -> Result<Map<String, Value>, Error> {
        let patch = &command.product;
        let (mut shared, mut own) = (self.own_fields(TEMPLATE, command.integration_fields.as_ref()).await?, Map::new());
        if !patch.components.is_undefined() {
            return Err(no_kits());
        }
        match &patch.sku {
            MaybeUndefined::Undefined => {}
            sku => {
                let (sku, prefix) = (text(sku.value().map(String::as_str)), row.template.as_ref().and_then(|template| template.code.as_deref()));
                match (row.suffix_code.as_deref(), prefix) {
                    (None, _) => drop(shared.insert("code".to_owned(), json!(sku))),
                    (Some(_), prefix) => {
                        let prefix = prefix.unwrap_or_default();
                        let suffix = sku.and_then(|sku| sku.strip_prefix(prefix)).filter(|suffix| !suffix.is_empty());
                        let suffix =
                            suffix.ok_or_else(|| refuse(&["sku"], format!("Tryton begins the SKUs of this product's variants with {prefix:?}")))?;
                        own.insert("suffix_code".to_owned(), json!(suffix));
                    }
                }
            }
        }
        match &patch.name {
            MaybeUndefined::Undefined => {}
            name => drop(shared.insert("name".to_owned(), json!(text(name.value().map(String::as_str)).unwrap_or_default()))),
        }
        match &patch.unit_price {
            MaybeUndefined::Undefined => {}
            price => drop(shared.insert("list_price".to_owned(), json!(price.value().copied().map(decimal)))),
        }
        match &patch.gtin {
            MaybeUndefined::Undefined => {}
            gtin => {
                let wanted = text(gtin.value().map(String::as_str));
                let known = row.identifiers.iter().filter(|known| known.r#type.as_deref() == Some("ean"));
                let (kept, others): (Vec<_>, Vec<_>) = known.partition(|known| known.code.as_deref() == wanted);
                let mut commands = Vec::new();
                if !others.is_empty() {
                    commands.push(json!(["delete", others.iter().map(|known| known.id).collect::<Vec<_>>()]));
                }
                let new = wanted.filter(|_| kept.is_empty());
                commands.extend(new.map(|code| json!(["create", [{ "type": "ean", "code": code }]])));
                own.insert("identifiers".to_owned(), Value::Array(commands));
            }
        }
        match patch.active {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => return Err(refuse(&["active"], "active is true or false; it cannot be cleared")),
            MaybeUndefined::Value(active) => {
                own.insert("active".to_owned(), json!(active));
                if active {
                    shared.insert("active".to_owned(), json!(true));
                }
            }
        }
        match &patch.measurements {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => {
                for field in ["length", "width", "height", "weight"] {
                    shared.insert(field.to_owned(), Value::Null);
                }
            }
            MaybeUndefined::Value(sizes) => self.sizes(sizes, &mut shared).await?,
        }
        if !own.is_empty() {
            shared.insert("products".to_owned(), json!([["write", [row.id], own]]));
        }
        Ok(shared)
    }
}
