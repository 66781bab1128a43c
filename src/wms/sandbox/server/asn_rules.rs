//! Announcing an inbound shipment and changing what was announced; receiving it is in [`stock_rules`](super::stock_rules).

use super::catalog::id;
use super::flows::is_awaited;
use super::input::{AsnChange, NewAsn, NewAsnItem};
use super::refusal::{Refusal, Wrong};
use super::rules::{
    MOST_LINES, Touched, address, comments, countable, enough_lines, existing, expect, invalid_state, known_client, known_item, open_warehouse,
    short_text, trackings, vendor,
};
use super::wire::{Asn, AsnItem};
use super::world::{Effect, Resource, World};
use crate::record::{Instant, Money, Quantity};

/// What announcing this does.
pub(super) fn create(world: &World, input: &NewAsn, at: Instant) -> Result<Effect, Refusal> {
    let mut wrong = Wrong::default();
    enough_lines("An inbound shipment", "items", input.items.len(), &mut wrong);
    let mut client = input.client_id.as_deref().and_then(|text| wrong.check(known_client(world, text))).map(id::client);
    let items = items(world, &input.items, &mut client, &[], &mut wrong);
    let warehouse = match input.warehouse_id.as_deref() {
        Some(text) => wrong.check(open_warehouse(world, text)),
        None => {
            wrong.add("warehouse_id", "An inbound shipment needs a warehouse");
            None
        }
    };
    short_text("po_number", input.po_number.as_ref(), 64, &mut wrong);
    short_text("vendor", input.vendor.as_ref(), 100, &mut wrong);
    short_text("container", input.container.as_ref(), 20, &mut wrong);
    trackings(&input.trackings, &mut wrong);
    let comments = comments(&input.comments, &mut wrong);
    if let Some(origin) = &input.origin {
        address("origin", origin, &[], &mut wrong);
    }
    wrong.finish()?;
    let number = world.asns.next_number();
    let asn = Asn {
        id: id::asn(number),
        po_number: input.po_number.clone(),
        client_id: client.unwrap_or_default(),
        warehouse_id: warehouse.map(id::warehouse).unwrap_or_default(),
        state: "announced",
        vendor: input.vendor.as_deref().map(vendor),
        eta: input.eta,
        origin: input.origin.clone(),
        trackings: input.trackings.clone(),
        comments,
        container: input.container.clone(),
        items,
        bookings: Vec::new(),
        created_at: at,
        updated_at: at,
    };
    let mut touched = Touched::new(world, at);
    expect(&asn, Quantity::whole(1), &mut touched);
    Ok(Effect { asn: Some((number, asn)), inventory: touched.rows, ..Effect::default() })
}

/// What this change of an inbound shipment does.
pub(super) fn change(world: &World, number: u32, change: &AsnChange, at: Instant) -> Result<Effect, Refusal> {
    let old = existing(&world.asns, Resource::Asns, number)?;
    if !is_awaited(old.state) {
        return Err(invalid_state("Inbound shipment", &old.id, "changed", old.state));
    }
    let (mut wrong, mut asn) = (Wrong::default(), old.clone());
    if let Some(po_number) = &change.po_number {
        short_text("po_number", po_number.as_ref(), 64, &mut wrong);
        asn.po_number.clone_from(po_number);
    }
    match change.warehouse_id.as_ref().map(Option::as_deref) {
        Some(Some(text)) => asn.warehouse_id = wrong.check(open_warehouse(world, text)).map(id::warehouse).unwrap_or_default(),
        Some(None) => wrong.add("warehouse_id", "An inbound shipment needs a warehouse"),
        None => {}
    }
    if asn.warehouse_id != old.warehouse_id && !old.bookings.is_empty() && wrong.is_empty() {
        wrong.add("warehouse_id", format!("Some of '{}' has been received in '{}' already", old.id, old.warehouse_id));
    }
    if let Some(name) = &change.vendor {
        short_text("vendor", name.as_ref(), 100, &mut wrong);
        asn.vendor = name.as_deref().map(vendor);
    }
    if let Some(eta) = change.eta {
        asn.eta = eta;
    }
    if let Some(numbers) = &change.trackings {
        asn.trackings = numbers.clone().unwrap_or_default();
        trackings(&asn.trackings, &mut wrong);
    }
    if let Some(texts) = &change.comments {
        asn.comments = comments(texts.as_deref().unwrap_or_default(), &mut wrong);
    }
    if let Some(container) = &change.container {
        short_text("container", container.as_ref(), 20, &mut wrong);
        asn.container.clone_from(container);
    }
    if let Some(input) = &change.items {
        let input = input.as_deref().unwrap_or_default();
        enough_lines("An inbound shipment", "items", input.len(), &mut wrong);
        asn.items = items(world, input, &mut Some(old.client_id.clone()), &old.items, &mut wrong);
        for gone in old.items.iter().filter(|old| old.booked > Quantity::ZERO && !asn.items.iter().any(|item| item.inventory_id == old.inventory_id))
        {
            wrong.add("items", format!("SKU '{}' must stay: {} of it have been received", gone.sku, gone.booked));
        }
    }
    wrong.finish()?;
    if asn == old {
        return Ok(Effect::default());
    }
    let mut touched = Touched::new(world, at);
    if asn.items != old.items || asn.warehouse_id != old.warehouse_id {
        if !asn.bookings.is_empty() && asn.items.iter().all(|item| item.left() == Quantity::ZERO) {
            asn.state = "completed";
        }
        expect(&old, Quantity::whole(-1), &mut touched);
        expect(&asn, Quantity::whole(1), &mut touched);
    }
    asn.updated_at = at;
    Ok(Effect { asn: Some((number, asn)), inventory: touched.rows, ..Effect::default() })
}

/// The lines that an input asks for. An item that is in `old` keeps its line, and what the input does not say of it. All items
/// are `client`'s, or of the client of the first where none is named.
fn items(world: &World, input: &[NewAsnItem], client: &mut Option<String>, old: &[AsnItem], wrong: &mut Wrong) -> Vec<AsnItem> {
    let mut items: Vec<AsnItem> = Vec::new();
    for (index, line) in input.iter().take(MOST_LINES).enumerate() {
        let at = format!("items[{index}]");
        let found = known_item(world, &at, line.inventory_id.as_deref(), line.sku.as_deref(), wrong);
        if line.cost.is_some_and(|cost| cost < Money::default()) {
            wrong.add(format!("{at}.cost"), "The cost must not be negative");
        }
        let Some((_, row, field)) = found else { continue };
        countable(&row, line.announced, format!("{at}.announced"), wrong);
        if *client.get_or_insert_with(|| row.client_id.clone()) != row.client_id {
            wrong.add(field.clone(), format!("SKU '{}' belongs to another client", row.sku));
        }
        if items.iter().any(|item| item.inventory_id == row.id) {
            wrong.add(field, format!("SKU '{}' is there twice", row.sku));
        }
        let same = old.iter().find(|item| item.inventory_id == row.id);
        let booked = same.map(|same| same.booked).unwrap_or_default();
        if line.announced < booked {
            wrong.add(format!("{at}.announced"), format!("{booked} of SKU '{}' have been received already", row.sku));
        }
        items.push(AsnItem {
            inventory_id: row.id,
            sku: row.sku,
            announced: line.announced,
            booked,
            cost: line.cost.or(same.and_then(|same| same.cost)),
            vendor_line: line.vendor_line.clone().or_else(|| same.and_then(|same| same.vendor_line.clone())),
        });
    }
    items
}
