//! Making products and kits, and changing them.

use super::base::bill;
use super::catalog::id;
use super::goods;
use super::input::{NewComponent, NewDims, NewProduct, NewWeight, ProductChange};
use super::refusal::{Refusal, Wrong};
use super::rules::{Touched, countable, dims, duplicate, enough_lines, existing, is_code, known_client, known_item, short_text, weight};
use super::wire::{Amounts, Component, Dims, Inventory, Product, Weight};
use super::world::{Effect, Resource, World};
use crate::record::{Instant, Money, Quantity};

/// What making this product does. One without components gets an inventory item of its own, of which there is nothing yet.
pub(super) fn create(world: &World, input: &NewProduct, at: Instant) -> Result<Effect, Refusal> {
    let mut wrong = Wrong::default();
    let client = match input.client_id.as_deref() {
        Some(text) => wrong.check(known_client(world, text)).map(id::client),
        None => {
            wrong.add("client_id", "A product needs a client");
            None
        }
    };
    let (number, item_number) = (world.products.next_number(), world.inventory.next_number());
    let mut product = Product {
        id: id::product(number),
        client_id: client.unwrap_or_default(),
        sku: None,
        title: String::new(),
        barcode: None,
        price: None,
        kind: if input.components.is_some() { "kit" } else { "simple" },
        archived: false,
        origin_country: None,
        hs_code: None,
        storage: None,
        vendor: None,
        vendor_items: Vec::new(),
        bill_of_materials: Vec::new(),
        created_at: at,
        updated_at: at,
    };
    let fields = ProductChange {
        sku: input.sku.clone().map(Some),
        title: Some(input.title.clone()),
        barcode: input.barcode.clone().map(Some),
        price: input.price.map(Some),
        origin_country: input.origin_country.clone().map(Some),
        hs_code: input.hs_code.clone().map(Some),
        storage: input.storage.clone().map(Some),
        ..ProductChange::default()
    };
    plain_fields(&mut product, &fields, &mut wrong);
    let size = input.dims.as_ref().and_then(|size| dims("dims", size, &mut wrong));
    let heft = input.weight.as_ref().and_then(|heft| weight("weight", heft, &mut wrong));
    let uom = ["pcs", "kg", "m"].into_iter().find(|known| *known == input.uom.as_deref().unwrap_or("pcs"));
    if uom.is_none() {
        wrong.add("uom", format!("Unknown unit '{}'; it must be pcs, kg or m", input.uom.as_deref().unwrap_or_default()));
    }
    let mut inventory = Vec::new();
    match &input.components {
        Some(parts) => {
            let of_items = [("dims", size.is_some()), ("weight", heft.is_some()), ("uom", input.uom.is_some()), ("lots", input.lots.is_some())];
            for (field, _) in of_items.into_iter().filter(|(_, given)| *given) {
                wrong.add(field, format!("A kit has no {field} of its own: its components have"));
            }
            product.bill_of_materials = components(world, parts, &product.client_id, &mut wrong);
            wrong.finish()?;
        }
        None => {
            wrong.finish()?;
            let sku = product.sku.clone().unwrap_or_else(|| product.id.clone());
            if let Some(other) = world.item_skus.get(&sku) {
                let message = format!("SKU '{sku}' belongs to inventory item '{}' already", id::inventory(*other));
                return Err(duplicate("duplicate_sku", "sku", message));
            }
            product.bill_of_materials = vec![Component { inventory_id: id::inventory(item_number), sku: sku.clone(), qty: Quantity::whole(1) }];
            inventory.push((
                item_number,
                Inventory {
                    id: id::inventory(item_number),
                    client_id: product.client_id.clone(),
                    sku,
                    title: product.title.clone(),
                    discontinued: false,
                    uom: uom.unwrap_or("pcs"),
                    cost: None,
                    dims: size,
                    weight: heft,
                    substitutes: Vec::new(),
                    has_lots: input.lots.unwrap_or(false),
                    totals: Amounts::default(),
                    stock: Vec::new(),
                    lots: Vec::new(),
                    bins: Vec::new(),
                    created_at: at,
                    updated_at: at,
                },
            ));
        }
    }
    free_codes(world, number, &product)?;
    Ok(Effect { product: Some((number, product)), inventory, ..Effect::default() })
}

/// What this change of a product does. Orders that were made before keep what they were promised.
pub(super) fn change(world: &World, number: u32, change: &ProductChange, at: Instant) -> Result<Effect, Refusal> {
    let old = existing(&world.products, Resource::Products, number)?;
    let (mut wrong, mut product) = (Wrong::default(), old.clone());
    plain_fields(&mut product, change, &mut wrong);
    if let Some(parts) = &change.components {
        if old.kind == "kit" {
            product.bill_of_materials = components(world, parts.as_deref().unwrap_or_default(), &old.client_id, &mut wrong);
        } else {
            wrong.add("components", format!("Product '{}' is no kit: it has no components to change", old.id));
        }
    }
    let mut touched = Touched::new(world, at);
    let item = own_item(&old);
    if change.dims.is_some() || change.weight.is_some() {
        let size = change.dims.as_ref().map(|size| size.as_ref().and_then(|size: &NewDims| dims("dims", size, &mut wrong)));
        let heft = change.weight.as_ref().map(|heft| heft.as_ref().and_then(|heft: &NewWeight| weight("weight", heft, &mut wrong)));
        match item {
            Some(item) => measure(&mut touched, item, size, heft),
            None => {
                let field = if size.is_some() { "dims" } else { "weight" };
                wrong.add(field, format!("Product '{}' is put together from others and has no size of its own", old.id));
            }
        }
    }
    wrong.finish()?;
    free_codes(world, number, &product)?;
    if product == old && touched.rows.is_empty() {
        return Ok(Effect::default());
    }
    product.updated_at = at;
    Ok(Effect { product: Some((number, product)), inventory: touched.rows, ..Effect::default() })
}

/// The item that one of a product is, and nothing more.
fn own_item(product: &Product) -> Option<u32> {
    match *bill(product) {
        [(item, qty)] if qty == Quantity::whole(1) && product.kind != "kit" => Some(item),
        _ => None,
    }
}

/// Gives an item another size or weight; an item that has them already is not touched.
fn measure(touched: &mut Touched<'_>, item: u32, size: Option<Option<Dims>>, heft: Option<Option<Weight>>) {
    let Some(row) = touched.item(item) else { return };
    let before = (row.dims.clone(), row.weight.clone());
    row.dims = size.unwrap_or_else(|| before.0.clone());
    row.weight = heft.unwrap_or_else(|| before.1.clone());
    if (&row.dims, &row.weight) == (&before.0, &before.1) {
        touched.rows.retain(|(number, _)| *number != item);
    }
}

/// Changes what needs no look at anything else.
fn plain_fields(product: &mut Product, change: &ProductChange, wrong: &mut Wrong) {
    if let Some(sku) = &change.sku {
        if sku.as_ref().is_some_and(|sku| sku.trim().is_empty() || sku.chars().count() > 64) {
            wrong.add("sku", "A SKU has 1 to 64 characters");
        }
        product.sku.clone_from(sku);
    }
    match &change.title {
        Some(Some(title)) if !title.trim().is_empty() && title.chars().count() <= 200 => product.title.clone_from(title),
        Some(Some(title)) if !title.trim().is_empty() => wrong.add("title", "A title has at most 200 characters"),
        Some(_) => wrong.add("title", "The title must not be empty"),
        None => {}
    }
    if let Some(barcode) = &change.barcode {
        if let Some(text) = barcode.as_ref().filter(|text| !goods::is_gtin(text)) {
            wrong.add("barcode", format!("'{text}' is not a GTIN: it needs 8, 12, 13 or 14 digits, the last of which is the check digit"));
        }
        product.barcode.clone_from(barcode);
    }
    if let Some(price) = change.price {
        if price.is_some_and(|price| price < Money::default()) {
            wrong.add("price", "The price must not be negative");
        }
        product.price = price;
    }
    match change.archived {
        Some(Some(archived)) => product.archived = archived,
        Some(None) => wrong.add("archived", "Archived must be true or false"),
        None => {}
    }
    if let Some(country) = &change.origin_country {
        if let Some(text) = country.as_ref().filter(|text| !is_code(text, 2)) {
            wrong.add("origin_country", format!("Country '{text}' is not an ISO 3166-1 alpha-2 code"));
        }
        product.origin_country.clone_from(country);
    }
    if let Some(code) = &change.hs_code {
        let digits = |text: &String| text.bytes().filter(u8::is_ascii_digit).count();
        if let Some(text) = code.as_ref().filter(|text| !(4..=12).contains(&digits(text)) || text.chars().any(|c| c != '.' && !c.is_ascii_digit())) {
            wrong.add("hs_code", format!("'{text}' is not a Harmonized System code such as 0902.10"));
        }
        product.hs_code.clone_from(code);
    }
    if let Some(storage) = &change.storage {
        short_text("storage", storage.as_ref(), 100, wrong);
        product.storage.clone_from(storage);
    }
}

/// What a kit of `client` is to be put together from.
fn components(world: &World, input: &[NewComponent], client_id: &str, wrong: &mut Wrong) -> Vec<Component> {
    if input.len() > 50 {
        wrong.add("components", "A kit has at most 50 components");
    }
    if input.is_empty() {
        enough_lines("A kit", "components", 0, wrong);
    }
    let mut parts: Vec<Component> = Vec::new();
    for (index, part) in input.iter().take(50).enumerate() {
        let at = format!("components[{index}]");
        let Some((_, row, field)) = known_item(world, &at, part.inventory_id.as_deref(), part.sku.as_deref(), wrong) else { continue };
        countable(&row, part.qty, format!("{at}.qty"), wrong);
        if !client_id.is_empty() && row.client_id != client_id {
            wrong.add(field.clone(), format!("SKU '{}' belongs to another client", row.sku));
        }
        if parts.iter().any(|known| known.inventory_id == row.id) {
            wrong.add(field, format!("SKU '{}' is there twice", row.sku));
        }
        parts.push(Component { inventory_id: row.id, sku: row.sku, qty: part.qty });
    }
    parts
}

/// Refuses a SKU or a bar code that another product has.
fn free_codes(world: &World, number: u32, product: &Product) -> Result<(), Refusal> {
    let other = |holders: &std::collections::HashMap<String, u32>, code: Option<&String>| {
        code.and_then(|code| holders.get(code).copied()).filter(|other| *other != number)
    };
    if let Some((sku, other)) = product.sku.as_ref().zip(other(&world.skus, product.sku.as_ref())) {
        return Err(duplicate("duplicate_sku", "sku", format!("SKU '{sku}' belongs to product '{}' already", id::product(other))));
    }
    if let Some((barcode, other)) = product.barcode.as_ref().zip(other(&world.barcodes, product.barcode.as_ref())) {
        return Err(duplicate("duplicate_barcode", "barcode", format!("GTIN '{barcode}' belongs to product '{}' already", id::product(other))));
    }
    Ok(())
}
