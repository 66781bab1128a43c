//! Products: made, changed.
//!
//! **Made** in one call, as goods whose stock Odoo keeps. Odoo takes a SKU that another product has; we do not. Kits need the
//! module Manufacturing, which this adapter does not speak, so components are refused rather than dropped. **Changed** in one
//! `write`, then archived or taken back by the methods that keep the template in step, which a bare `write` does not.
//!
//! Sizes are kept as nothing but a volume, weights in the unit that the database is set to.

use serde_json::{Map, Value, json};

use super::super::Odoo;
use super::super::rows::{ProductRow, Row};
use super::{Inputs, fields_of_odoo, harmless, located, note, number, odoo_id, open, own_fields, path, refuse, text, written};
use crate::record::draft::{CreateProduct, MaybeUndefined, MeasurementsInput, ProductPatch, UpdateProduct};
use crate::record::{LengthUnit, Product, Quantity, WeightUnit};
use crate::wms::{Error, Found, Kind, Push, Written};

pub(super) const INPUTS: Inputs =
    &[("Barcode", &["gtin"]), ("barcode", &["gtin"]), ("(name)", &["name"]), ("(default_code)", &["sku"]), ("product.product(", &["id"])];

impl Push<CreateProduct> for Odoo {
    const REQUIRED: &'static [&'static str] = &["name"];
    const OPTIONAL: &'static [&'static str] = &[
        "sku",
        "gtin",
        "unitPrice",
        "countryOfOrigin",
        "harmonizedCode",
        "measurements.weight",
        "measurements.weightUnit",
        "measurements.length",
        "measurements.width",
        "measurements.height",
        "measurements.unit",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of_odoo(ProductRow::MODEL)
    }

    async fn push(&self, command: &CreateProduct, reference: &str) -> Result<Written<Product>, Error> {
        let (values, unused) = self.new_product(command, reference).await.map_err(harmless)?;
        let made: Result<Vec<i64>, Error> = self.value(ProductRow::MODEL, "create", &json!({ "vals_list": [values] })).await;
        let made = made.map_err(|error| located(error, INPUTS))?;
        let id = made.first().copied().ok_or_else(|| open(Error::new(Kind::Protocol, "Odoo made a product and did not say which")))?;
        written(id, self.product(id).await, unused)
    }

    async fn look_up(&self, _command: &CreateProduct, reference: &str) -> Result<Found<Written<Product>>, Error> {
        self.find_noted::<ProductRow, Product>(reference, async |id| self.product(id).await).await
    }
}

impl Push<UpdateProduct> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "sku",
        "name",
        "gtin",
        "unitPrice",
        "active",
        "countryOfOrigin",
        "harmonizedCode",
        "measurements.weight",
        "measurements.weightUnit",
        "measurements.length",
        "measurements.width",
        "measurements.height",
        "measurements.unit",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of_odoo(ProductRow::MODEL)
    }

    async fn push(&self, command: &UpdateProduct, reference: &str) -> Result<Written<Product>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let patch = &command.product;
        let active = match patch.active {
            MaybeUndefined::Undefined => None,
            // Odoo would take "nothing" for false and archive the product.
            MaybeUndefined::Null => return Err(refuse(&["active"], "active is true or false; it cannot be cleared")),
            MaybeUndefined::Value(active) => Some(active),
        };
        if !patch.components.is_undefined() {
            return Err(no_kits());
        }
        let mut values = own_fields(command.integration_fields.as_ref())?;
        let mut unused = Vec::new();
        self.product_values(patch, &mut values, &mut unused).await.map_err(harmless)?;
        values.insert("message_ids".to_owned(), note::<ProductRow>(reference));
        let arguments = json!({ "ids": [id], "vals": values });
        self.call(ProductRow::MODEL, "write", &arguments).await.map_err(|error| located(error, INPUTS))?;
        if let Some(active) = active {
            let method = if active { "action_unarchive" } else { "action_archive" };
            let done = self.call(ProductRow::MODEL, method, &json!({ "ids": [id] })).await;
            done.map_err(|error| located(open(error), INPUTS))?;
        }
        written(id, self.product(id).await, unused)
    }

    async fn look_up(&self, command: &UpdateProduct, reference: &str) -> Result<Found<Written<Product>>, Error> {
        let found = self.find_noted::<ProductRow, Product>(reference, async |id| self.product(id).await).await?;
        Ok(match (found, command.product.active) {
            (Found::Done(written), MaybeUndefined::Value(active)) if written.record.active != active => {
                Found::Unclear(format!("The product has been changed in Odoo, and is not {} yet", if active { "in use" } else { "archived" }))
            }
            (found, _) => found,
        })
    }
}

fn no_kits() -> Error {
    Error::new(Kind::Unsupported, "A kit takes Odoo's module Manufacturing, which this integration does not write").with_path(path(&["components"]))
}

impl Odoo {
    /// What `product.product/create` is to be called with, and the input without a place.
    async fn new_product(&self, command: &CreateProduct, reference: &str) -> Result<(Map<String, Value>, Vec<String>), Error> {
        let draft = command.product.clone();
        if draft.components.is_some_and(|components| !components.is_empty()) {
            return Err(no_kits());
        }
        let mut unused: Vec<String> = draft.warehouse_customer_id.iter().map(|_| "warehouseCustomerId".to_owned()).collect();
        let mut values = Map::from_iter([("type".to_owned(), json!("consu")), ("is_storable".to_owned(), json!(true))]);
        values.extend(own_fields(command.integration_fields.as_ref())?);
        if let Some(sku) = &draft.sku {
            let same = [json!(["default_code", "=", sku.trim()]), json!(["active", "=", true])];
            if !self.search::<ProductRow>(&same, 1).await?.0.is_empty() {
                let why = format!("Odoo has a product with the SKU {sku:?} already");
                return Err(Error::new(Kind::Conflict, why).with_path(path(&["sku"])));
            }
        }
        let given = |text: Option<String>| text.map_or(MaybeUndefined::Undefined, MaybeUndefined::Value);
        let patch = ProductPatch {
            sku: given(draft.sku),
            name: MaybeUndefined::Value(draft.name),
            gtin: given(draft.gtin),
            unit_price: draft.unit_price.map_or(MaybeUndefined::Undefined, MaybeUndefined::Value),
            country_of_origin: given(draft.country_of_origin),
            harmonized_code: given(draft.harmonized_code),
            measurements: draft.measurements.map_or(MaybeUndefined::Undefined, MaybeUndefined::Value),
            ..ProductPatch::default()
        };
        self.product_values(&patch, &mut values, &mut unused).await?;
        values.insert("message_ids".to_owned(), note::<ProductRow>(reference));
        Ok((values, unused))
    }

    /// The values of a product's fields.
    async fn product_values(&self, patch: &ProductPatch, values: &mut Map<String, Value>, unused: &mut Vec<String>) -> Result<(), Error> {
        let known = self.fields_of::<ProductRow>().await?;
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
                values.insert("country_of_origin".to_owned(), json!(self.country(code, &["countryOfOrigin"]).await?));
            }
        }
        match &patch.measurements {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => values.extend([("weight".to_owned(), json!(0)), ("volume".to_owned(), json!(0))]),
            MaybeUndefined::Value(measurements) => self.measured(measurements, values, unused).await?,
        }
        Ok(())
    }

    /// A weight and a volume, in the units that the database is set to, which every product shows.
    async fn measured(&self, given: &MeasurementsInput, values: &mut Map<String, Value>, unused: &mut Vec<String>) -> Result<(), Error> {
        let rows = self.search::<ProductRow>(&[], 1).await?.0;
        let (weights, volumes) = match rows.first().map(ProductRow::of) {
            Some(Ok(row)) => (row.weight_uom_name, row.volume_uom_name),
            _ => (None, None),
        };
        match (given.weight, given.weight_unit) {
            (None, _) => {}
            (Some(_), None) => return Err(refuse(&["measurements", "weightUnit"], "A weight needs its unit")),
            (Some(weight), Some(unit)) => match weight_in(weight, unit, weights.as_deref()) {
                Some(weight) => drop(values.insert("weight".to_owned(), json!(weight))),
                None => unused.push("measurements.weight".to_owned()),
            },
        }
        let sizes = [("length", given.length), ("width", given.width), ("height", given.height)];
        match (given.length, given.width, given.height, given.unit) {
            (Some(length), Some(width), Some(height), Some(unit)) => match volume_in([length, width, height], unit, volumes.as_deref()) {
                Some(volume) => drop(values.insert("volume".to_owned(), json!(volume))),
                None => unused.extend(sizes.iter().map(|(name, _)| format!("measurements.{name}"))),
            },
            (Some(_), Some(_), Some(_), None) => return Err(refuse(&["measurements", "unit"], "Sizes need their unit")),
            // Two sizes make no volume.
            _ => unused.extend(sizes.iter().filter(|(_, size)| size.is_some()).map(|(name, _)| format!("measurements.{name}"))),
        }
        Ok(())
    }
}

/// A weight in Odoo's unit, which is kilograms or pounds.
fn weight_in(weight: Quantity, unit: WeightUnit, odoo: Option<&str>) -> Option<f64> {
    const POUND: f64 = 0.453_592_37;
    let kilograms = |unit| match unit {
        WeightUnit::G => 0.001,
        WeightUnit::Kg => 1.0,
        WeightUnit::Oz => POUND / 16.0,
        WeightUnit::Lb => POUND,
    };
    let odoo = match odoo? {
        "kg" => WeightUnit::Kg,
        "lb" => WeightUnit::Lb,
        _ => return None,
    };
    Some(if unit == odoo { weight.to_f64() } else { weight.to_f64() * kilograms(unit) / kilograms(odoo) })
}

/// A volume in Odoo's unit, which is cubic metres or cubic feet.
fn volume_in(sizes: [Quantity; 3], unit: LengthUnit, odoo: Option<&str>) -> Option<f64> {
    let metres = match unit {
        LengthUnit::Cm => 0.01,
        LengthUnit::In => 0.025_4,
    };
    let cubic_metres: f64 = sizes.iter().map(|size| size.to_f64() * metres).product();
    match odoo? {
        "m³" => Some(cubic_metres),
        "ft³" => Some(cubic_metres / 0.304_8_f64.powi(3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_turned_into_odoos() {
        let near = |found: Option<f64>, wanted: f64| assert!(found.is_some_and(|found| (found - wanted).abs() < 1e-9), "{found:?} is not {wanted}");
        near(weight_in(Quantity::whole(500), WeightUnit::G, Some("kg")), 0.5);
        near(weight_in(Quantity::whole(16), WeightUnit::Oz, Some("lb")), 1.0);
        near(weight_in(Quantity::whole(2), WeightUnit::Kg, Some("kg")), 2.0);
        assert_eq!(weight_in(Quantity::whole(2), WeightUnit::Kg, Some("stone")), None);
        let sizes = [Quantity::whole(10), Quantity::whole(20), Quantity::whole(30)];
        near(volume_in(sizes, LengthUnit::Cm, Some("m³")), 0.006);
        near(volume_in([Quantity::whole(12); 3], LengthUnit::In, Some("ft³")), 1.0);
        assert_eq!(volume_in(sizes, LengthUnit::Cm, None), None);
    }
}
