//! Changing an order that nobody has begun to pick.

use super::base::Bill;
use super::catalog::id;
use super::history::commits;
use super::input::OrderChange;
use super::order_rules::{
    KnownLine, SHIP_TO, amounts, free_reference, known_duties, known_kind, known_lines, known_tags, one_client, promise, shipping,
};
use super::refusal::{Refusal, Wrong};
use super::rules::{Touched, address, existing, invalid_state, known_method, open_warehouse, release, short_text};
use super::wire::{Order, OrderLine, Shipping};
use super::world::{Effect, Resource, World};
use crate::record::{Instant, Quantity};

/// What this change of an order does.
pub(super) fn change(world: &World, number: u32, change: &OrderChange, at: Instant) -> Result<Effect, Refusal> {
    let old = existing(&world.orders, Resource::Orders, number)?;
    if !matches!(old.status, "new" | "released" | "in_progress" | "on_hold" | "backorder" | "quote") {
        return Err(invalid_state("Order", &old.id, "changed", old.status));
    }
    let mut wrong = Wrong::default();
    let mut order = old.clone();
    let wanted = plain_fields(world, &mut order, change, &mut wrong);
    let lines = match &change.lines {
        Some(lines) => {
            let input = lines.as_deref().unwrap_or_default();
            let lines = known_lines(world, input, |product| old.lines.iter().any(|line| line.product_id == product), &mut wrong);
            one_client(Resource::Clients.number(&order.client_id), &lines, &mut wrong);
            Some(lines)
        }
        None => None,
    };
    wrong.finish()?;
    if let Some(reference) = order.reference.as_ref().filter(|_| change.reference.is_some()) {
        free_reference(world, reference, Some(number))?;
    }
    if let Some(lines) = lines {
        order.lines = merged(&old, &lines);
        order.amounts = amounts(&old.amounts.currency, &order.lines, old.amounts.shipping, old.amounts.tax);
    }

    let mut touched = Touched::new(world, at);
    let needs = |order: &Order| order.lines.iter().map(|line| (line.bill.clone(), line.qty)).collect::<Vec<(Bill, Quantity)>>();
    let moves = wanted.is_some_and(|wanted| wanted.map(id::warehouse) != old.warehouse_id);
    if moves || needs(&order) != needs(&old) {
        // Orders that are held or only quoted promise nothing, whatever they ask for.
        let promises = commits(old.status) || old.status == "backorder";
        release(&old, &mut touched);
        let own = || old.warehouse_id.as_deref().and_then(|text| Resource::Warehouses.number(text));
        let wanted = wanted.unwrap_or_else(own);
        let promised = if promises { promise(world, wanted, &order.lines, &mut touched) } else { None };
        order.warehouse_id = promised.or(wanted).map(id::warehouse);
        order.status = match (promises, promised) {
            (false, _) => old.status,
            (true, None) => "backorder",
            (true, Some(_)) if old.status == "backorder" => "new",
            (true, Some(_)) => old.status,
        };
    }
    if order == old {
        return Ok(Effect::default());
    }
    order.updated_at = at;
    Ok(Effect { order: Some((number, order)), inventory: touched.rows, ..Effect::default() })
}

/// Changes everything but the lines. The warehouse that is wanted from now on, where the change speaks of it; `Some(None)` is
/// any.
fn plain_fields(world: &World, order: &mut Order, change: &OrderChange, wrong: &mut Wrong) -> Option<Option<u32>> {
    if let Some(reference) = &change.reference {
        short_text("reference", reference.as_ref(), 64, wrong);
        order.reference.clone_from(reference);
    }
    let wanted = change.warehouse_id.as_ref().map(|text| text.as_deref().and_then(|text| wrong.check(open_warehouse(world, text))));
    if let Some(method) = &change.shipping_method_id {
        let method = method.as_deref().and_then(|text| wrong.check(known_method(world, text)));
        let Shipping { method_id, method_name, carrier, service, .. } = shipping(method);
        order.shipping = Shipping { method_id, method_name, carrier, service, ..order.shipping.clone() };
    }
    match &change.kind {
        Some(Some(kind)) => {
            known_kind(kind, wrong);
            order.kind.clone_from(kind);
        }
        Some(None) => wrong.add("kind", "An order must be of a kind"),
        None => {}
    }
    match &change.ship_to {
        Some(Some(to)) => {
            address("ship_to", to, &SHIP_TO, wrong);
            order.ship_to.clone_from(to);
        }
        Some(None) => wrong.add("ship_to", "An order needs an address to ship to"),
        None => {}
    }
    if let Some(ship_by) = change.ship_by {
        order.ship_by = ship_by;
    }
    let flags = [("saturday", change.saturday, &mut order.shipping.saturday), ("signature", change.signature, &mut order.shipping.signature)];
    for (field, given, flag) in flags {
        match given {
            Some(Some(given)) => *flag = given,
            Some(None) => wrong.add(field, format!("The {field} must be true or false")),
            None => {}
        }
    }
    if let Some(duties) = &change.duties {
        order.shipping.duties = duties.as_deref().and_then(|text| wrong.check(known_duties(text)));
    }
    if let Some(account) = &change.freight_account {
        short_text("freight_account", account.as_ref(), 64, wrong);
        order.shipping.freight_payer = if account.is_some() { "third_party" } else { "seller" };
        order.shipping.freight_account.clone_from(account);
    }
    if let Some(tags) = &change.tags {
        order.tags = tags.clone().unwrap_or_default();
        known_tags(&order.tags, wrong);
    }
    if let Some(message) = &change.gift_message {
        order.gift_message.clone_from(message);
    }
    wanted
}

/// The lines that an order is to have: a product that it has already keeps its line, and what the input does not say of it.
fn merged(old: &Order, lines: &[KnownLine<'_>]) -> Vec<OrderLine> {
    let suffix = |line: &OrderLine| line.id.rsplit('-').next().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let mut next = old.lines.iter().map(suffix).max().unwrap_or(0);
    let mut kept: Vec<Option<&OrderLine>> = old.lines.iter().map(Some).collect();
    let mut line = |line: &KnownLine<'_>| {
        let same = kept.iter_mut().find(|kept| kept.is_some_and(|kept| kept.product_id == line.product.id)).and_then(Option::take);
        match same {
            Some(same) => OrderLine {
                qty: line.input.qty,
                unit_price: line.input.unit_price.or(same.unit_price),
                discount: line.input.discount.unwrap_or(same.discount),
                ..same.clone()
            },
            None => {
                next += 1;
                line.made(format!("{}-{next}", old.id), &old.amounts.currency)
            }
        }
    };
    lines.iter().map(&mut line).collect()
}
