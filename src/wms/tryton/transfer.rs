//! What is moved (`stock.move`), the ground of orders' shipments, inbound shipments and returns, and the units that it is counted in.
//!
//! Tryton keeps no announced quantity beside the moved one: when less comes in than was expected, the move's quantity is corrected
//! before it is done, and what is still to come stands on another move.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Tryton;
use super::client::id_of;
use super::rows::{Amount, GoodsRow, MoveRow, Reference, Row, Stamp, UnitRow, link, money};
use crate::record::{Instant, InventoryItem, LengthUnit, Link, Measurements, Money, Quantity, WeightUnit};
use crate::wms::{Error, Kind};

impl MoveRow {
    /// Whether it will not come about.
    pub fn is_cancelled(&self) -> bool {
        self.state.as_deref() == Some("cancelled")
    }

    /// How much is, or is to be, moved, in the product's own unit.
    pub fn moved(&self) -> Quantity {
        self.internal_quantity.or(self.quantity).unwrap_or_default()
    }

    /// How much has been moved, in the product's own unit.
    pub fn done(&self) -> Quantity {
        if self.state.as_deref() == Some("done") { self.moved() } else { Quantity::ZERO }
    }

    /// What one costs, in the product's own unit.
    pub fn unit_cost(&self) -> Option<Money> {
        per_own_unit(self.unit_price, self.unit.as_ref(), self.product.as_ref())
    }
}

/// A product's SKU.
pub(super) fn sku(product: Option<&GoodsRow>) -> Option<String> {
    product?.code.clone()
}

/// A product's inventory item. Only goods have one.
pub(super) fn item(product: Option<&GoodsRow>) -> Option<Link<InventoryItem>> {
    let product = product?;
    link(Some(product.id).filter(|_| product.r#type.as_deref() == Some("goods")))
}

/// How many of the product's own unit one of `unit` is.
fn factor(unit: Option<&UnitRow>, product: Option<&GoodsRow>) -> Option<f64> {
    let own = product?.default_uom.as_ref()?;
    let unit = unit.filter(|unit| unit.id != own.id)?;
    Some(unit.factor? / own.factor.filter(|factor| *factor != 0.0)?).filter(|factor| *factor > 0.0)
}

/// A quantity of a line in the product's own unit.
pub(super) fn in_own_unit(quantity: Option<Quantity>, unit: Option<&UnitRow>, product: Option<&GoodsRow>) -> Quantity {
    let quantity = quantity.unwrap_or_default();
    factor(unit, product).and_then(|factor| Quantity::from_f64(quantity.to_f64() * factor)).unwrap_or(quantity)
}

/// A price of a line for one of the product's own unit.
pub(super) fn per_own_unit(price: Option<Amount>, unit: Option<&UnitRow>, product: Option<&GoodsRow>) -> Option<Money> {
    let price = money(price)?;
    let in_own = |factor: f64| Money::from_f64(price.to_string().parse::<f64>().ok()? / factor);
    factor(unit, product).and_then(in_own).or(Some(price))
}

/// The latest of some moments.
pub(super) fn latest(stamps: impl IntoIterator<Item = Option<Stamp>>) -> Option<Instant> {
    stamps.into_iter().flatten().max().map(|stamp| stamp.0)
}

/// The ids that the origins of moves name in one model.
pub(super) fn origins(rows: &[Value], moves: &str, model: &str) -> Vec<i64> {
    let all = rows.iter().filter_map(|row| row.get(moves)?.as_array()).flatten();
    all.filter_map(|row| serde_json::from_value::<Reference>(row.get("origin")?.clone()).ok()?.to(model)).collect()
}

impl Tryton {
    /// Rows above others, by id, as far as the user may see them: what stands in another department's models must not keep
    /// a warehouse's user from what is its own.
    pub(super) async fn above<R: Row>(&self, ids: Vec<i64>) -> Result<BTreeMap<i64, R>, Error> {
        let rows = match self.related::<R>("id", ids).await {
            Err(error) if matches!(error.kind, Kind::Forbidden | Kind::Unsupported) => Vec::new(),
            rows => rows?,
        };
        Ok(rows.iter().filter_map(|row| Some((id_of(row)?, R::of(row).ok()?))).collect())
    }
}

/// Sizes and a weight, each in a unit of its own.
pub(super) struct Sizes<'a> {
    pub length: (Option<Quantity>, Option<&'a UnitRow>),
    pub width: (Option<Quantity>, Option<&'a UnitRow>),
    pub height: (Option<Quantity>, Option<&'a UnitRow>),
    pub weight: (Option<Quantity>, Option<&'a UnitRow>),
}

impl Sizes<'_> {
    /// The same in units of ours: inches where everything is in inches or feet, else centimetres. What is in a unit that nobody
    /// knows is left out.
    pub fn measured(&self) -> Option<Measurements> {
        let sides = [self.length, self.width, self.height];
        let imperial = sides.iter().filter_map(|(_, unit)| symbol(*unit)).all(|symbol| matches!(symbol, "in" | "ft" | "yd"));
        let (unit, own) = if imperial { (LengthUnit::In, 2.54) } else { (LengthUnit::Cm, 1.0) };
        let side = |(size, unit): (Option<Quantity>, Option<&UnitRow>)| {
            let centimetres = match symbol(unit)? {
                "mm" => 0.1,
                "cm" => 1.0,
                "dm" => 10.0,
                "m" => 100.0,
                "in" => 2.54,
                "ft" => 30.48,
                "yd" => 91.44,
                _ => return None,
            };
            let size = size.filter(|size| *size != Quantity::ZERO)?;
            Quantity::from_f64(size.to_f64() * centimetres / own)
        };
        let [length, width, height] = sides.map(side);
        let (weight, weight_unit) = weight(self.weight);
        let unit = (length.is_some() || width.is_some() || height.is_some()).then_some(unit);
        Measurements { length, width, height, unit, weight, weight_unit }.known()
    }
}

fn symbol(unit: Option<&UnitRow>) -> Option<&str> {
    unit?.symbol.as_deref()
}

fn weight((weight, unit): (Option<Quantity>, Option<&UnitRow>)) -> (Option<Quantity>, Option<WeightUnit>) {
    let Some(weight) = weight.filter(|weight| *weight != Quantity::ZERO) else { return (None, None) };
    let (factor, unit) = match symbol(unit) {
        Some("g") => (1.0, WeightUnit::G),
        Some("kg") => (1.0, WeightUnit::Kg),
        Some("t") => (1_000.0, WeightUnit::Kg),
        Some("oz") => (1.0, WeightUnit::Oz),
        Some("lb") => (1.0, WeightUnit::Lb),
        _ => return (None, None),
    };
    (Quantity::from_f64(weight.to_f64() * factor), Some(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(id: i64, symbol: &str, factor: f64) -> UnitRow {
        UnitRow { id, symbol: Some(symbol.to_owned()), factor: Some(factor) }
    }

    #[test]
    fn a_dozen_is_twelve() {
        let product = GoodsRow { default_uom: Some(unit(1, "u", 1.0)), ..GoodsRow::default() };
        let dozen = unit(2, "dz", 12.0);
        assert_eq!(in_own_unit(Some(Quantity::whole(3)), Some(&dozen), Some(&product)), Quantity::whole(36));
        let price = Some(Amount(Money::from_micros(24_000_000)));
        assert_eq!(per_own_unit(price, Some(&dozen), Some(&product)), Some(Money::from_micros(2_000_000)));
        assert_eq!(in_own_unit(Some(Quantity::whole(3)), Some(&unit(1, "u", 1.0)), Some(&product)), Quantity::whole(3));
        assert_eq!(in_own_unit(Some(Quantity::whole(3)), Some(&dozen), None), Quantity::whole(3));
        assert_eq!(per_own_unit(price, None, Some(&product)), Some(Money::from_micros(24_000_000)));
    }

    #[test]
    fn sizes_come_in_one_unit() {
        let (m, mm, inch, lb) = (unit(1, "m", 1.0), unit(2, "mm", 0.001), unit(3, "in", 0.0254), unit(4, "lb", 0.45));
        let whole = |pieces| Some(Quantity::whole(pieces));
        let metric =
            Sizes { length: (whole(2), Some(&m)), width: (whole(50), Some(&mm)), height: (whole(10), Some(&inch)), weight: (whole(3), Some(&lb)) };
        let shown = metric.measured().unwrap_or_default();
        assert_eq!((shown.length, shown.width, shown.height), (whole(200), whole(5), Quantity::from_f64(25.4)));
        assert_eq!((shown.unit, shown.weight, shown.weight_unit), (Some(LengthUnit::Cm), whole(3), Some(WeightUnit::Lb)));
        let none = (None, None);
        let inches = Sizes { length: (whole(2), Some(&inch)), width: none, height: none, weight: none };
        assert_eq!(inches.measured().and_then(|shown| shown.length.zip(shown.unit)), Some((Quantity::whole(2), LengthUnit::In)));
        assert_eq!(Sizes { length: none, width: none, height: none, weight: (whole(3), Some(&m)) }.measured(), None);
    }
}
