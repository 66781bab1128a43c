//! Orders: shipped.
//!
//! What is shipped leaves with the order's outgoing transfers. A warehouse that ships in several steps makes the outgoing
//! transfer only of what was picked before; so the steps inside are carried out first, for as many as the door still lacks,
//! those next to the door before the others. Each step is a write of its own in Odoo. One that is refused after another was
//! carried out leaves the goods picked but not shipped, and the outcome open: nobody can put them back by a call.

use serde_json::{Map, Value, json};

use super::super::Odoo;
use super::super::order::is_outward;
use super::super::rows::{PickingRow, PickingTypeRow, Row};
use super::lines::{Called, Offered};
use super::transfer::{Carried, Open, Part, allot};
use super::{conflict, fields_of_odoo, found, harmless, number, odoo_id, open, own_fields, path, refuse, tracking, written};
use crate::record::draft::{PackageDraft, ShipOrder, ShipmentDraft};
use crate::record::{Order, Quantity};
use crate::wms::{Error, Found, Kind, Push, Written};

/// Picked, packed, shipped; a warehouse may add a quality check. More than this is no chain that ends.
const STEPS: usize = 6;

impl Push<ShipOrder> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "shippedAt",
        "warehouseId",
        "shippingMethodId",
        "lineItems.inventoryItemId",
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.quantity",
        "lineItems.lotId",
        "packages.trackingNumber",
        "packages.shippingCost",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of_odoo(PickingRow::MODEL)
    }

    async fn push(&self, command: &ShipOrder, reference: &str) -> Result<Written<Order>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let mut unused = unused_of(&command.shipment);
        let (own, parts) = self.to_ship(id, command).await.map_err(harmless)?;
        let mut begun = false;
        // What has been picked stays picked, whatever becomes of the next step.
        let so_far = |begun: bool, error: Error| if begun { open(error) } else { error };
        for _ in 0..STEPS {
            let (inside, out) = self.outward(id).await.map_err(|error| so_far(begun, harmless(error)))?;
            let (taken, lacking) = allot(&out, &parts);
            if lacking.is_empty() {
                let out: Vec<Open> = out.into_iter().filter(|transfer| transfer.moves.iter().any(|row| taken.contains_key(&row.id))).collect();
                self.carry_out(&out, &taken, &own, false, reference).await.map_err(|error| so_far(begun, error))?;
                let ids: Vec<i64> = out.iter().map(|transfer| transfer.row.id).collect();
                self.happened_at(&ids, command.shipment.shipped_at, "shippedAt", &mut unused).await;
                return written(id, self.order(id).await, unused);
            }
            let lacking: Vec<Part> = lacking.into_iter().map(|(part, quantity)| Part { quantity, ..part.clone() }).collect();
            let (taken, _) = allot(&inside, &lacking);
            let inside: Vec<Open> = inside.into_iter().filter(|transfer| transfer.moves.iter().any(|row| taken.contains_key(&row.id))).collect();
            if inside.is_empty() {
                break;
            }
            self.carry_out(&inside, &taken, &Map::new(), false, reference).await.map_err(|error| so_far(begun, error))?;
            begun = true;
        }
        Err(so_far(begun, conflict("Odoo has made no transfer of all the goods that were picked for this shipment")))
    }

    async fn look_up(&self, command: &ShipOrder, reference: &str) -> Result<Found<Written<Order>>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        match self.carried_out(&self.order_pickings(id).await?, reference).await? {
            Carried::Never => Ok(Found::NotDone),
            Carried::Half(name) => Ok(Found::Unclear(format!("{name} has been prepared in Odoo, and not carried out"))),
            Carried::Done(rows) if rows.iter().any(|row| row.picking_type_code.as_deref() == Some("outgoing")) => found(id, self.order(id).await),
            Carried::Done(rows) => {
                let name = rows.first().and_then(|row| row.name.clone()).unwrap_or_default();
                Ok(Found::Unclear(format!("The goods have been picked in Odoo ({name}), and not shipped")))
            }
        }
    }
}

/// The input that Odoo has no place for. It knows one tracking number and one price a transfer, and no parcel by itself.
fn unused_of(shipment: &ShipmentDraft) -> Vec<String> {
    let packages = shipment.packages.as_deref().unwrap_or_default();
    let of = |(index, package): (usize, &PackageDraft)| {
        let given =
            [(package.name.is_some(), "name"), (package.tracking_url.is_some(), "trackingUrl"), (package.measurements.is_some(), "measurements")];
        given.into_iter().filter(|(given, _)| *given).map(move |(_, name)| format!("packages.{index}.{name}"))
    };
    packages.iter().enumerate().flat_map(of).collect()
}

impl Odoo {
    /// What stands on the outgoing transfer, and what it takes. Refused, where the order has no such goods left to ship.
    async fn to_ship(&self, id: i64, command: &ShipOrder) -> Result<(Map<String, Value>, Vec<Part>), Error> {
        let shipment = &command.shipment;
        let mut own = own_fields(command.integration_fields.as_ref())?;
        let order = self.order_row(id).await?;
        let name = order.name.as_deref().unwrap_or("The order");
        if order.state.as_deref() == Some("cancel") {
            return Err(conflict(format!("{name} is cancelled in Odoo")));
        }
        let (inside, out) = self.outward(id).await?;
        let all: Vec<Open> = [out, inside].concat();
        if all.is_empty() {
            return Err(conflict(format!("Nothing of {name} is left to ship")));
        }
        if let Some(warehouse) = &shipment.warehouse_id {
            let warehouse = odoo_id(warehouse.source_id(), &["warehouseId"])?;
            self.check_warehouse(&all, warehouse).await?;
        }
        if let Some(method) = &shipment.shipping_method_id {
            own.insert("carrier_id".to_owned(), json!(self.carrier_in_use(method.source_id()).await?));
        }
        let packages = shipment.packages.as_deref().unwrap_or_default();
        let numbers: Vec<String> = packages.iter().filter_map(|package| package.tracking_number.clone()).collect();
        if !numbers.is_empty() {
            own.insert("carrier_tracking_ref".to_owned(), tracking(&numbers));
        }
        let costs: Vec<f64> = packages.iter().filter_map(|package| package.shipping_cost).map(number).collect();
        if !costs.is_empty() {
            own.insert("carrier_price".to_owned(), json!(costs.iter().sum::<f64>()));
        }
        let parts = self.shipped_parts(shipment, &all).await?;
        let (_, left_over) = allot(&all, &parts);
        Self::too_many(&all, &left_over, "ship")?;
        Ok((own, parts))
    }

    /// What is shipped: what the lines say, else all that is left.
    async fn shipped_parts(&self, shipment: &ShipmentDraft, all: &[Open]) -> Result<Vec<Part>, Error> {
        let Some(lines) = &shipment.line_items else { return self.all_left(all).await };
        if lines.is_empty() {
            return Err(refuse(&["lineItems"], "A shipment needs at least one line"));
        }
        let called: Vec<Called<'_>> = lines
            .iter()
            .map(|line| {
                Called::by("inventoryItemId", line.inventory_item_id.as_ref(), line.sku.as_deref(), line.quantity)
                    .or("productId", line.product_id.as_ref())
            })
            .collect();
        let products = self.called("lineItems", "quantity", &called, Offered::Ever).await?;
        let mut parts = Vec::new();
        for (index, (line, product)) in lines.iter().zip(products).enumerate() {
            let lot = match line.lot_id.as_deref() {
                Some(lot) => Some(self.lot(product.id, lot, None, &["lineItems", &index.to_string(), "lotId"]).await?),
                None => None,
            };
            parts.push(Part { product, quantity: line.quantity, lot, to: None, index });
        }
        Ok(parts)
    }

    /// All that transfers still wait for.
    pub(super) async fn all_left(&self, all: &[Open]) -> Result<Vec<Part>, Error> {
        let ids: Vec<i64> = all.iter().flat_map(Open::products).collect();
        let rows = self.related::<super::super::rows::ProductRow>("id", ids).await?;
        let products = rows.iter().map(super::super::rows::ProductRow::of).collect::<Result<Vec<_>, _>>();
        let products = products.map_err(|reason| Error::new(Kind::Protocol, reason))?;
        let of = |(index, product): (usize, super::super::rows::ProductRow)| {
            let quantity: Quantity = all.iter().map(|transfer| transfer.left(product.id)).sum();
            Part { product, quantity, lot: None, to: None, index }
        };
        Ok(products.into_iter().enumerate().map(of).collect())
    }

    /// The open transfers of an order towards the consignee: the steps inside, those next to the door first, and those that
    /// leave.
    async fn outward(&self, id: i64) -> Result<(Vec<Open>, Vec<Open>), Error> {
        let open = self.open_transfers(self.order_pickings(id).await?).await?;
        let outward: Vec<Open> = open.into_iter().filter(|transfer| is_outward(&transfer.row, &transfer.moves)).collect();
        let (out, mut inside): (Vec<Open>, Vec<Open>) =
            outward.into_iter().partition(|transfer| transfer.row.picking_type_code.as_deref() == Some("outgoing"));
        let begins: Vec<Option<i64>> = inside.iter().map(|transfer| transfer.row.location_id.as_ref().map(|link| link.id)).collect();
        inside.sort_by_key(|transfer| begins.contains(&transfer.row.location_dest_id.as_ref().map(|link| link.id)));
        Ok((inside, out))
    }

    /// Whether transfers are those of this warehouse.
    pub(super) async fn check_warehouse(&self, transfers: &[Open], warehouse: i64) -> Result<(), Error> {
        let types = transfers.iter().filter_map(|transfer| transfer.row.picking_type_id.as_ref()).map(|link| link.id);
        let rows = self.related::<PickingTypeRow>("id", types).await?;
        let other = rows.iter().filter_map(|row| PickingTypeRow::of(row).ok()?.warehouse_id).find(|link| link.id != warehouse);
        match other {
            Some(other) => {
                let name = other.name.unwrap_or_default();
                Err(Error::new(Kind::Validation, format!("In Odoo, these goods are at {name}")).with_path(path(&["warehouseId"])))
            }
            None => Ok(()),
        }
    }
}
