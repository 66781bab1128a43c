//! Announcing a return, changing it while nothing of it has come, and cancelling it.

use super::catalog::{OPEN_WAREHOUSES, id};
use super::input::{Cancellation, NewRma, NewRmaItem, RmaChange};
use super::refusal::{Field, Refusal, Wrong};
use super::rules::{
    MOST_LINES, comments, countable, enough_lines, existing, invalid_state, known_client, known_item, open_warehouse, short_text, trackings,
};
use super::wire::{Comment, Order, Rma, RmaContent, RmaItem, RmaParcel};
use super::world::{Effect, Resource, World};
use crate::record::{Instant, Quantity};

/// What announcing this return does.
pub(super) fn create(world: &World, input: &NewRma, at: Instant) -> Result<Effect, Refusal> {
    let mut wrong = Wrong::default();
    let order = input.order_id.as_deref().and_then(|text| wrong.check(shipped_order(world, text)));
    let mut client = input.client_id.as_deref().and_then(|text| wrong.check(known_client(world, text))).map(id::client);
    if let Some((order, client)) = order.as_ref().zip(client.as_ref()).filter(|(order, client)| order.client_id != **client) {
        wrong.add("client_id", format!("Order '{}' is not of client '{client}'", order.id));
    }
    client = client.or_else(|| order.as_ref().map(|order| order.client_id.clone()));
    let items = match (&input.items, &order) {
        (Some(input), order) => {
            enough_lines("A return", "items", input.len(), &mut wrong);
            items(world, input, &mut client, order.as_ref(), &[], &mut wrong)
        }
        (None, Some(order)) => shipped(order).into_iter().map(|(inventory_id, sku, qty)| item(inventory_id, sku, qty, None)).collect(),
        (None, None) => {
            wrong.add("items", "A return needs an order or items");
            Vec::new()
        }
    };
    let from = order.as_ref().and_then(|order| Resource::Warehouses.number(order.warehouse_id.as_deref()?)).filter(|own| *own <= OPEN_WAREHOUSES);
    let warehouse = match (input.warehouse_id.as_deref(), from) {
        (Some(text), _) => wrong.check(open_warehouse(world, text)),
        (None, Some(own)) => Some(own),
        (None, None) => {
            wrong.add("warehouse_id", "A return needs a warehouse, or an order that was shipped from one");
            None
        }
    };
    trackings(&input.trackings, &mut wrong);
    let comments = comments(&input.comments, &mut wrong);
    wrong.finish()?;
    let number = world.rmas.next_number();
    let rma = Rma {
        id: id::rma(number),
        order_id: order.map(|order| order.id),
        client_id: client.unwrap_or_default(),
        state: "requested",
        refund_requested: input.refund_requested.unwrap_or(false),
        comments,
        parcels: parcels(&input.trackings, &warehouse.map(id::warehouse).unwrap_or_default(), &items),
        items,
        created_at: at,
        updated_at: at,
    };
    Ok(Effect { rma: Some((number, rma)), ..Effect::default() })
}

/// What this change of a return does.
pub(super) fn change(world: &World, number: u32, change: &RmaChange, at: Instant) -> Result<Effect, Refusal> {
    let old = existing(&world.rmas, Resource::Rmas, number)?;
    if !matches!(old.state, "requested" | "shipped_back") {
        return Err(invalid_state("Return", &old.id, "changed", old.state));
    }
    let (mut wrong, mut rma) = (Wrong::default(), old.clone());
    let order = old.order_id.as_deref().and_then(|text| shipped_order(world, text).ok());
    if let Some(input) = &change.items {
        let input = input.as_deref().unwrap_or_default();
        enough_lines("A return", "items", input.len(), &mut wrong);
        rma.items = items(world, input, &mut Some(old.client_id.clone()), order.as_ref(), &old.items, &mut wrong);
    }
    let own = || old.parcels.first().map(|parcel| parcel.warehouse_id.clone()).or_else(|| order.as_ref()?.warehouse_id.clone());
    let warehouse_id = match change.warehouse_id.as_ref().map(Option::as_deref) {
        Some(Some(text)) => wrong.check(open_warehouse(world, text)).map(id::warehouse),
        Some(None) => {
            wrong.add("warehouse_id", "A return needs a warehouse");
            None
        }
        None => Some(own().unwrap_or_else(|| id::warehouse(1))),
    };
    let numbers = match &change.trackings {
        Some(numbers) => numbers.clone().unwrap_or_default(),
        None => old.parcels.iter().filter_map(|parcel| parcel.tracking_number.clone()).collect(),
    };
    trackings(&numbers, &mut wrong);
    if let Some(texts) = &change.comments {
        rma.comments = comments(texts.as_deref().unwrap_or_default(), &mut wrong);
    }
    match change.refund_requested {
        Some(Some(requested)) => rma.refund_requested = requested,
        Some(None) => wrong.add("refund_requested", "Whether a refund is requested must be true or false"),
        None => {}
    }
    wrong.finish()?;
    if change.items.is_some() || change.warehouse_id.is_some() || change.trackings.is_some() {
        let made = parcels(&numbers, &warehouse_id.unwrap_or_default(), &rma.items);
        // What is known of a parcel beside its number stays with the number.
        let known = |parcel: RmaParcel| match old.parcels.iter().find(|old| old.tracking_number == parcel.tracking_number) {
            Some(old) => RmaParcel { warehouse_id: parcel.warehouse_id, contents: parcel.contents, ..old.clone() },
            None => parcel,
        };
        rma.parcels = made.into_iter().map(known).collect();
    }
    if rma == old {
        return Ok(Effect::default());
    }
    rma.updated_at = at;
    Ok(Effect { rma: Some((number, rma)), ..Effect::default() })
}

/// What cancelling a return does.
pub(super) fn cancel(world: &World, number: u32, input: &Cancellation, at: Instant) -> Result<Effect, Refusal> {
    let mut rma = existing(&world.rmas, Resource::Rmas, number)?;
    if !matches!(rma.state, "requested" | "shipped_back") {
        return Err(invalid_state("Return", &rma.id, "cancelled", rma.state));
    }
    let mut wrong = Wrong::default();
    short_text("reason", input.reason.as_ref(), 200, &mut wrong);
    wrong.finish()?;
    rma.comments.extend(input.reason.clone().map(|text| Comment { author: Some("cancelled".to_owned()), text }));
    rma.state = "void";
    rma.updated_at = at;
    Ok(Effect { rma: Some((number, rma)), ..Effect::default() })
}

/// The order that an input names, of which something must have left.
fn shipped_order(world: &World, text: &str) -> Result<Order, Field> {
    let order = Resource::Orders.number(text).and_then(|number| world.orders.get(number));
    let Some(order) = order else { return Err(Field::new("order_id", format!("Unknown order '{text}'"))) };
    if shipped(&order).is_empty() {
        return Err(Field::new("order_id", format!("Nothing of order '{text}' has been shipped")));
    }
    Ok(order.into_owned())
}

/// What has left of an order: item, SKU and quantity.
fn shipped(order: &Order) -> Vec<(String, String, Quantity)> {
    let mut all: Vec<(String, String, Quantity)> = Vec::new();
    for line in order.shipments.iter().filter(|shipment| shipment.state == "shipped").flat_map(|shipment| &shipment.contents) {
        match all.iter_mut().find(|(inventory_id, ..)| *inventory_id == line.inventory_id) {
            Some((.., qty)) => *qty += line.qty,
            None => all.push((line.inventory_id.clone(), line.sku.clone(), line.qty)),
        }
    }
    all
}

fn item(inventory_id: String, sku: String, expected: Quantity, reason: Option<String>) -> RmaItem {
    RmaItem { inventory_id, sku, expected, received: Quantity::ZERO, restocked: Quantity::ZERO, reason }
}

/// The lines that an input asks for. An item that is in `old` keeps its reason where the input gives none.
fn items(
    world: &World,
    input: &[NewRmaItem],
    client: &mut Option<String>,
    order: Option<&Order>,
    old: &[RmaItem],
    wrong: &mut Wrong,
) -> Vec<RmaItem> {
    let left = order.map(shipped);
    let mut items: Vec<RmaItem> = Vec::new();
    for (index, line) in input.iter().take(MOST_LINES).enumerate() {
        let at = format!("items[{index}]");
        short_text(&format!("{at}.reason"), line.reason.as_ref(), 200, wrong);
        let Some((_, row, field)) = known_item(world, &at, line.inventory_id.as_deref(), line.sku.as_deref(), wrong) else { continue };
        countable(&row, line.expected, format!("{at}.expected"), wrong);
        if *client.get_or_insert_with(|| row.client_id.clone()) != row.client_id {
            wrong.add(field.clone(), format!("SKU '{}' belongs to another client", row.sku));
        }
        if items.iter().any(|item| item.inventory_id == row.id) {
            wrong.add(field.clone(), format!("SKU '{}' is there twice", row.sku));
        }
        if let (Some(order), Some(left)) = (order, &left) {
            let most = left.iter().find(|(inventory_id, ..)| *inventory_id == row.id).map_or(Quantity::ZERO, |(.., qty)| *qty);
            if most == Quantity::ZERO {
                wrong.add(field, format!("Order '{}' has shipped none of SKU '{}'", order.id, row.sku));
            } else if line.expected > most {
                wrong.add(format!("{at}.expected"), format!("Order '{}' has shipped only {most} of SKU '{}'", order.id, row.sku));
            }
        }
        let same = old.iter().find(|item| item.inventory_id == row.id);
        let reason = line.reason.clone().or_else(|| same.and_then(|same| same.reason.clone()));
        items.push(item(row.id, row.sku, line.expected, reason));
    }
    items
}

/// The parcels that are to come: one for each number, one without where there is none. What is in which is not known, so all of
/// it stands in the first.
fn parcels(numbers: &[String], warehouse_id: &str, items: &[RmaItem]) -> Vec<RmaParcel> {
    let content =
        |item: &RmaItem| RmaContent { inventory_id: item.inventory_id.clone(), sku: item.sku.clone(), qty: item.expected, inspections: Vec::new() };
    let mut numbers: Vec<Option<String>> = numbers.iter().cloned().map(Some).collect();
    if numbers.is_empty() {
        numbers.push(None);
    }
    let parcel = |(index, tracking_number)| RmaParcel {
        tracking_number,
        carrier: None,
        sent_at: None,
        arrived_at: None,
        warehouse_id: warehouse_id.to_owned(),
        cost: None,
        dims: None,
        weight: None,
        contents: if index == 0 { items.iter().map(content).collect() } else { Vec::new() },
    };
    numbers.into_iter().enumerate().map(parcel).collect()
}
