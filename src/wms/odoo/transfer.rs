//! Transfers (`stock.picking`) with what they move: the ground of orders' shipments, inbound shipments and returns.
//!
//! A transfer asks for products (`stock.move`) and takes them from, or puts them to, places (`stock.move.line`). A
//! partial one is split: what was done stays, the rest moves to another transfer, its backorder.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Odoo;
use super::client::id_of;
use super::rows::{Many2one, MoveLineRow, MoveRow, PickingTypeRow, ProductRow, Row, Stamp, linked, links};
use crate::record::{Carrier, InventoryItem, Link, Quantity, Warehouse, WarehouseCustomer};
use crate::wms::Error;

/// Rows under the id of the row that they belong to, each list in the order of the rows' own ids.
pub(super) struct Children(BTreeMap<i64, Vec<Value>>);

impl Children {
    /// `rows` by the row that their `field` links to.
    pub fn by(field: &str, rows: Vec<Value>) -> Self {
        let mut children: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
        for row in rows {
            if let Some(parent) = linked(&row, field) {
                children.entry(parent).or_default().push(row);
            }
        }
        Self(children)
    }

    /// The rows that belong to `parent`.
    pub fn of(&self, parent: i64) -> &[Value] {
        self.0.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// The rows that belong to `parent`, parsed.
    ///
    /// # Errors
    /// Which field of which model is not of its type.
    pub fn parsed<R: Row>(&self, parent: i64) -> Result<Vec<R>, String> {
        self.of(parent).iter().map(R::of).collect()
    }
}

/// What is known of products that lines speak of.
pub(super) struct Products(BTreeMap<i64, ProductRow>);

impl Products {
    /// The product's SKU.
    pub fn sku(&self, product: Option<&Many2one>) -> Option<String> {
        self.0.get(&product?.id)?.default_code.clone()
    }

    /// The product's inventory item. Odoo keeps no stock of goods whose inventory is not tracked.
    pub fn item(&self, product: Option<&Many2one>) -> Option<Link<InventoryItem>> {
        let product = product?;
        self.0.get(&product.id).filter(|row| row.is_storable).map(|_| product.link())
    }
}

/// What a page of transfers moves.
pub(super) struct Moved {
    pub moves: Children,
    pub lines: Children,
    pub products: Products,
    warehouses: BTreeMap<i64, Many2one>,
}

impl Odoo {
    /// What is known of the products with these ids. A product that is none (it was renamed to nothing, say) is left out:
    /// it must not keep an order from being shown.
    pub(super) async fn products(&self, ids: impl IntoIterator<Item = i64>) -> Result<Products, Error> {
        let rows = self.related::<ProductRow>("id", ids).await?;
        Ok(Products(rows.iter().filter_map(|row| Some((id_of(row)?, ProductRow::of(row).ok()?))).collect()))
    }

    /// What these transfers move. `products` are further products to look up.
    pub(super) async fn moved(&self, pickings: &[Value], products: &[Value]) -> Result<Moved, Error> {
        let ids: Vec<i64> = pickings.iter().filter_map(id_of).collect();
        let types = links(pickings, "picking_type_id");
        let (moves, lines, types) = tokio::try_join!(
            self.related::<MoveRow>("picking_id", ids.iter().copied()),
            self.related::<MoveLineRow>("picking_id", ids.iter().copied()),
            self.related::<PickingTypeRow>("id", types),
        )?;
        let named: BTreeSet<i64> = moves.iter().chain(&lines).chain(products).filter_map(|row| linked(row, "product_id")).collect();
        let warehouses = types.iter().filter_map(|row| Some((id_of(row)?, PickingTypeRow::of(row).ok()?.warehouse_id?))).collect();
        Ok(Moved {
            products: self.products(named).await?,
            moves: Children::by("picking_id", moves),
            lines: Children::by("picking_id", lines),
            warehouses,
        })
    }
}

impl Moved {
    /// The warehouse whose kind of transfer it is.
    pub fn warehouse(&self, picking_type: Option<&Many2one>) -> Option<Link<Warehouse>> {
        self.warehouses.get(&picking_type?.id).map(Many2one::link)
    }

    /// The parts of a transfer as they came.
    pub fn raw(&self, picking: i64) -> Value {
        json!({ "moves": self.moves.of(picking), "moveLines": self.lines.of(picking) })
    }
}

/// Whose goods a transfer moves: who was named for all of it, else the one owner of all that it takes.
pub(super) fn owner(named: Option<&Many2one>, lines: &[MoveLineRow]) -> Option<Link<WarehouseCustomer>> {
    if let Some(named) = named {
        return Some(named.link());
    }
    let mut owners = lines.iter().map(|line| line.owner_id.as_ref());
    let first = owners.next()??;
    owners.all(|owner| owner.is_some_and(|owner| owner.id == first.id)).then(|| first.link())
}

/// How much of a product a transfer asks for, in the product's own unit.
pub(super) fn expected(row: &MoveRow) -> Quantity {
    row.product_qty.or(row.product_uom_qty).unwrap_or_default()
}

/// How much of it has been moved, in the product's own unit. What a transfer that is not done yet shows as its quantity
/// is reserved, or foreseen, until it is marked as picked.
pub(super) fn done(row: &MoveRow, lines: &[MoveLineRow]) -> Quantity {
    if row.state.as_deref() == Some("cancel") || !(row.picked || row.state.as_deref() == Some("done")) {
        return Quantity::ZERO;
    }
    let own = lines.iter().filter(|line| line.move_id.as_ref().is_some_and(|link| link.id == row.id));
    own.filter_map(|line| line.quantity_product_uom).sum()
}

/// The carrier's company, where a delivery method is connected to one. `fixed` and `base_on_rule` only price.
pub(super) fn carrier(delivery_type: Option<&str>) -> Option<Carrier> {
    let provider = delivery_type.filter(|kind| !matches!(*kind, "fixed" | "base_on_rule"))?;
    Some(Carrier { id: Some(provider.to_owned()), name: None, scac: None })
}

/// The latest of some moments.
pub(super) fn latest(stamps: impl IntoIterator<Item = Option<Stamp>>) -> Option<crate::record::Instant> {
    stamps.into_iter().flatten().max().map(|stamp| stamp.0)
}

/// The words of a note, which Odoo keeps as HTML: one line a paragraph.
pub(super) fn plain_text(html: Option<&str>) -> Option<String> {
    let mut text = String::new();
    let mut rest = html?;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let Some((tag, after)) = tag.split_once('>') else {
            rest = "";
            break;
        };
        if matches!(tag.trim_end_matches(['/', ' ']), "br" | "/p" | "/div" | "/li") {
            text.push('\n');
        }
        rest = after;
    }
    text.push_str(rest);
    // The ampersand comes last: what it makes is not to be read again.
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    let text = entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character));
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_text() {
        assert_eq!(
            plain_text(Some("<p>Fragile &lt;b&gt; &amp;amp;</p><p>Ring <b>twice</b><br/>Thanks</p>")).as_deref(),
            Some("Fragile <b> &amp;\nRing twice\nThanks")
        );
        assert_eq!(plain_text(Some("<p><br></p>")), None);
        assert_eq!(plain_text(Some("cut <off")).as_deref(), Some("cut"));
        assert_eq!(plain_text(None), None);
    }

    #[test]
    fn only_what_was_picked_has_moved() {
        let link = |id| Some(Many2one { id, name: None });
        let lines = [
            MoveLineRow { move_id: link(1), quantity_product_uom: Some(Quantity::whole(3)), ..MoveLineRow::default() },
            MoveLineRow { move_id: link(2), quantity_product_uom: Some(Quantity::whole(9)), ..MoveLineRow::default() },
        ];
        let row = |state: &str, picked| MoveRow { id: 1, state: Some(state.to_owned()), picked, ..MoveRow::default() };
        assert_eq!(done(&row("assigned", false), &lines), Quantity::ZERO);
        assert_eq!(done(&row("assigned", true), &lines), Quantity::whole(3));
        assert_eq!(done(&row("done", true), &lines), Quantity::whole(3));
        assert_eq!(done(&row("cancel", true), &lines), Quantity::ZERO);
    }

    #[test]
    fn goods_of_several_owners_have_none() {
        let line = |owner: Option<i64>| MoveLineRow { owner_id: owner.map(|id| Many2one { id, name: None }), ..MoveLineRow::default() };
        let of = |lines: &[MoveLineRow]| owner(None, lines).map(|link| link.source_id().to_owned());
        assert_eq!(of(&[line(Some(8)), line(Some(8))]).as_deref(), Some("8"));
        assert_eq!(of(&[line(Some(8)), line(Some(9))]), None);
        assert_eq!(of(&[line(Some(8)), line(None)]), None);
        assert_eq!(of(&[]), None);
    }
}
