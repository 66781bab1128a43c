//! Inbound shipments: received.
//!
//! A receipt carries out the incoming transfer ([`super::transfer`]): what did not come becomes a backorder, or is called off. More
//! than was expected may come; what was not expected at all may not. Goods are put where the transfer leads, or into a place
//! inside of that: Odoo would take any.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::Odoo;
use super::super::client::id_of;
use super::super::rows::{ExpiringRow, LocationRow, PickingRow, PickingTypeRow, Row};
use super::inbound_shipment::INPUTS;
use super::lines::{Called, Offered};
use super::transfer::{Carried, Open, Part, allot};
use super::{fields_of_odoo, found, harmless, in_use, located, odoo_id, own_fields, refuse, written};
use crate::record::draft::{ReceiptDraft, ReceiveInboundShipment};
use crate::record::{InboundShipment, Quantity};
use crate::wms::{Error, Found, Kind, Push, Written};

impl Push<ReceiveInboundShipment> for Odoo {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "arrivedAt",
        "closes",
        "lineItems.inventoryItemId",
        "lineItems.sku",
        "lineItems.quantity",
        "lineItems.lotId",
        "lineItems.expiresAt",
        "lineItems.locationId",
    ];

    fn integration_fields() -> Option<Value> {
        fields_of_odoo(PickingRow::MODEL)
    }

    async fn push(&self, command: &ReceiveInboundShipment, reference: &str) -> Result<Written<InboundShipment>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let own = own_fields(command.integration_fields.as_ref())?;
        let closes = command.receipt.closes.unwrap_or_default();
        let mut unused = Vec::new();
        let transfer = self.inbound_open(id).await.map_err(harmless)?;
        let parts = self.received(&command.receipt, &transfer, &mut unused).await.map_err(harmless)?;
        let transfers = [transfer];
        let (mut taken, left_over) = allot(&transfers, &parts);
        // More than was expected may come; what was not expected at all may not.
        for (part, over) in left_over {
            let last = transfers[0].of(part.product.id).last().map(|row| row.id);
            let index = part.index.to_string();
            let last = last.ok_or_else(|| refuse(&["lineItems", &index, "sku"], "This is not expected with the inbound shipment"))?;
            taken.entry(last).or_default().push(Part { quantity: over, ..part.clone() });
        }
        self.check_rest(&transfers[0], &parts, closes).await.map_err(harmless)?;
        self.carry_out(&transfers, &taken, &own, closes, reference).await.map_err(|error| located(error, INPUTS))?;
        self.happened_at(&[id], command.receipt.arrived_at, "arrivedAt", &mut unused).await;
        written(id, self.inbound_shipment(id).await, unused)
    }

    async fn look_up(&self, command: &ReceiveInboundShipment, reference: &str) -> Result<Found<Written<InboundShipment>>, Error> {
        let id = odoo_id(command.id.source_id(), &["id"])?;
        let rows = self.related::<PickingRow>("id", [id]).await?;
        let rows = rows.iter().map(PickingRow::of).collect::<Result<Vec<_>, _>>().map_err(|reason| Error::new(Kind::Protocol, reason))?;
        match self.carried_out(&rows, reference).await? {
            Carried::Never => Ok(Found::NotDone),
            Carried::Half(name) => Ok(Found::Unclear(format!("The receipt of {name} has been prepared in Odoo, and not carried out"))),
            Carried::Done(_) => found(id, self.inbound_shipment(id).await),
        }
    }
}

impl Odoo {
    /// What has come: what the lines say, else all that is expected.
    async fn received(&self, receipt: &ReceiptDraft, transfer: &Open, unused: &mut Vec<String>) -> Result<Vec<Part>, Error> {
        let Some(lines) = &receipt.line_items else { return self.all_left(std::slice::from_ref(transfer)).await };
        if lines.is_empty() {
            return Err(refuse(&["lineItems"], "A receipt needs at least one line"));
        }
        let called: Vec<Called<'_>> =
            lines.iter().map(|line| Called::by("inventoryItemId", line.inventory_item_id.as_ref(), line.sku.as_deref(), line.quantity)).collect();
        let products = self.called("lineItems", "quantity", &called, Offered::Ever).await?;
        let expiring = self.expiring(lines.iter().zip(&products).filter(|(line, _)| line.expires_at.is_some()).map(|(_, row)| row.id)).await?;
        let mut parts = Vec::new();
        for (index, (line, product)) in lines.iter().zip(products).enumerate() {
            let at = index.to_string();
            let expires_at = line.expires_at.filter(|_| expiring.contains(&product.id));
            if expires_at != line.expires_at {
                unused.push(format!("lineItems.{at}.expiresAt"));
            }
            let lot = match line.lot_id.as_deref() {
                Some(lot) => Some(self.lot(product.id, lot, expires_at, &["lineItems", &at, "expiresAt"]).await?),
                None if line.expires_at.is_some() => return Err(refuse(&["lineItems", &at, "lotId"], "Only a lot expires in Odoo; name it")),
                None => None,
            };
            let to = match &line.location_id {
                Some(place) => Some(self.place_inside(place.source_id(), transfer, &["lineItems", &at, "locationId"]).await?),
                None => None,
            };
            parts.push(Part { product, quantity: line.quantity, lot, to, index });
        }
        Ok(parts)
    }

    /// Which of these products expire. Odoo forgets when a lot of any other does.
    pub(super) async fn expiring(&self, ids: impl IntoIterator<Item = i64>) -> Result<BTreeSet<i64>, Error> {
        let rows = self.related::<ExpiringRow>("id", ids).await?;
        Ok(rows.iter().filter(|row| row.get("use_expiration_date") == Some(&Value::Bool(true))).filter_map(id_of).collect())
    }

    /// The place with this id, which must be one that the transfer leads to: Odoo takes any.
    async fn place_inside(&self, place: &str, transfer: &Open, parts: &[&str]) -> Result<i64, Error> {
        let id = odoo_id(place, parts)?;
        let into = transfer.row.location_dest_id.as_ref();
        let domain = [json!(["id", "=", id]), json!(["id", "child_of", into.map(|link| link.id)])];
        let rows = self.search::<LocationRow>(&domain, 1).await?.0;
        if rows.is_empty() {
            let name = into.and_then(|link| link.name.as_deref()).unwrap_or_default();
            return Err(refuse(parts, format!("The goods are received in {name}, and this is no place there")));
        }
        in_use(rows.first(), "location", parts)?;
        Ok(id)
    }

    /// Whether Odoo will do with the rest what the caller wants: some kinds of transfers never keep one, some always.
    async fn check_rest(&self, transfer: &Open, parts: &[Part], closes: bool) -> Result<(), Error> {
        let came = |product: i64| parts.iter().filter(|part| part.product.id == product).map(|part| part.quantity).sum::<Quantity>();
        if transfer.products().into_iter().all(|product| came(product) >= transfer.left(product)) {
            return Ok(());
        }
        let kind = transfer.row.picking_type_id.as_ref().map(|link| link.id);
        let rows = self.related::<PickingTypeRow>("id", kind).await?;
        let keeps = rows.first().and_then(|row| PickingTypeRow::of(row).ok()?.create_backorder);
        match (keeps.as_deref(), closes) {
            (Some("never"), false) => Err(refuse(&["closes"], "In Odoo, this kind of transfer never keeps a rest: say that it closes")),
            (Some("always"), true) => Err(refuse(&["closes"], "In Odoo, this kind of transfer always keeps a rest")),
            _ => Ok(()),
        }
    }
}
