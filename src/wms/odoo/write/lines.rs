//! Lines of any write: which product each of them names, by our id of it or by its SKU.

use serde_json::json;

use super::super::Odoo;
use super::super::client::CHUNK;
use super::super::rows::{ProductRow, Row};
use super::{odoo_id, refuse};
use crate::record::Quantity;
use crate::record::draft::Ref;
use crate::wms::Error;

/// What a line calls its product.
pub(super) struct Called<'a> {
    /// The field of the input and the source id in it. An inventory item has its product's.
    pub id: Option<(&'static str, &'a str)>,
    pub sku: Option<&'a str>,
    pub quantity: Quantity,
}

impl<'a> Called<'a> {
    /// A line that names what it is about by an id in `field` or by a SKU, and asks for so many of it.
    pub fn by<T>(field: &'static str, id: Option<&'a Ref<T>>, sku: Option<&'a str>, quantity: Quantity) -> Self {
        Self { id: id.map(|id| (field, id.source_id())), sku, quantity }
    }

    /// The same, named by another id where this one has none.
    pub fn or<T>(self, field: &'static str, id: Option<&'a Ref<T>>) -> Self {
        Self { id: self.id.or_else(|| id.map(|id| (field, id.source_id()))), ..self }
    }
}

/// Which products may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// Those in use.
    InUse,
    /// Archived ones too: they have been ordered, and may still be on their way.
    Ever,
}

impl Odoo {
    /// The product of each line of the input's list `list`; `quantity` is the name of the field that says how many.
    pub(super) async fn called(&self, list: &str, quantity: &str, lines: &[Called<'_>], offered: Offered) -> Result<Vec<ProductRow>, Error> {
        let mut ids = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let index = index.to_string();
            if line.quantity <= Quantity::ZERO {
                return Err(refuse(&[list, &index, quantity], "The quantity must be more than 0"));
            }
            match (line.id, line.sku) {
                (Some((field, id)), _) => ids.push(odoo_id(id, &[list, &index, field])?),
                (None, Some(_)) => {}
                (None, None) => return Err(refuse(&[list, &index, "sku"], "A line must name its product by an id or a SKU")),
            }
        }
        let skus: Vec<&str> = lines.iter().filter(|line| line.id.is_none()).filter_map(|line| line.sku).collect();
        let domain = [json!("|"), json!(["id", "in", ids]), json!(["default_code", "in", skus])];
        let found = self.search::<ProductRow>(&domain, CHUNK).await?.0;
        let found: Vec<ProductRow> = found.iter().filter_map(|row| ProductRow::of(row).ok()).collect();
        let product = |(index, line): (usize, &Called<'_>)| {
            product_of(line, &found, offered).cloned().map_err(|(field, why)| refuse(&[list, &index.to_string(), field], why))
        };
        lines.iter().enumerate().map(product).collect()
    }
}

/// The product that a line names; else the field that does not and why.
fn product_of<'a>(line: &Called<'_>, found: &'a [ProductRow], offered: Offered) -> Result<&'a ProductRow, (&'static str, String)> {
    let field = line.id.map_or("sku", |(field, _)| field);
    let matches = |row: &&ProductRow| match line.id {
        Some((_, id)) => row.id.to_string() == id,
        None => row.default_code.is_some() && row.default_code.as_deref() == line.sku,
    };
    let all: Vec<&ProductRow> = found.iter().filter(matches).collect();
    let mut meant: Vec<&ProductRow> = all.iter().copied().filter(|row| row.active).collect();
    if meant.is_empty() && offered == Offered::Ever {
        meant.clone_from(&all);
    }
    let shown = line.id.map(|(_, id)| id).or(line.sku).unwrap_or_default();
    match (meant.as_slice(), all.len()) {
        ([product], _) => Ok(product),
        ([], 0) => Err((field, format!("Odoo has no product {shown:?}"))),
        ([], _) => Err((field, format!("The product {shown:?} is archived in Odoo"))),
        (several, _) => Err((field, format!("{} products have the SKU {shown:?} in Odoo; name one by its id", several.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(id: i64, sku: &str, active: bool) -> ProductRow {
        ProductRow { id, default_code: Some(sku.to_owned()), active, ..ProductRow::default() }
    }

    #[test]
    fn a_sku_names_one_product_in_use() {
        let found = [product(1, "A", true), product(2, "B", true), product(3, "B", true), product(4, "C", false), product(5, "A", false)];
        let of = |sku, offered| product_of(&Called { id: None, sku: Some(sku), quantity: Quantity::whole(1) }, &found, offered).map(|row| row.id);
        assert_eq!(of("A", Offered::InUse), Ok(1));
        assert_eq!(of("B", Offered::InUse), Err(("sku", "2 products have the SKU \"B\" in Odoo; name one by its id".to_owned())));
        assert_eq!(of("C", Offered::InUse), Err(("sku", "The product \"C\" is archived in Odoo".to_owned())));
        assert_eq!((of("C", Offered::Ever), of("A", Offered::Ever)), (Ok(4), Ok(1)));
        assert_eq!(of("D", Offered::Ever), Err(("sku", "Odoo has no product \"D\"".to_owned())));
        let named = Called { id: Some(("productId", "4")), sku: Some("A"), quantity: Quantity::whole(1) };
        assert_eq!(
            product_of(&named, &found, Offered::InUse).map(|row| row.id),
            Err(("productId", "The product \"4\" is archived in Odoo".to_owned()))
        );
    }
}
