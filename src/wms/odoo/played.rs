//! A server that plays what a real Odoo 19 answered: rows as `fixtures/capture.py` took them, errors word for word. What
//! a domain means is played only as far as the adapter's paging and relating need it.

use serde_json::{Value, json};

use super::Odoo;
use crate::wms::Adapter;
use crate::wms::http::{Http, Limits};
pub(super) use crate::wms::played::{Answer, Calls};
use crate::wms::played::{Asked, serve};

/// A server that answers each call (`stock.picking/search_read` and the arguments) as `answer` says, an Odoo that is connected to
/// it, and the calls that it got.
pub(super) async fn server(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> (Odoo, Calls) {
    let (url, calls) = serve(named, answer).await;
    let credentials = json!({ "baseUrl": url, "apiKey": "the-key", "database": "wms" });
    let http = Http::new(Limits::default(), crate::clock::Clock::system()).unwrap();
    (Odoo::connect(serde_json::from_value(credentials).unwrap(), &http).unwrap(), calls)
}

fn named(asked: &Asked) -> String {
    let head = &asked.head;
    assert!(head.contains("\r\nx-odoo-database: wms") || !head.contains("/json/2/"), "{head}");
    asked.path.trim_start_matches("/json/2/").to_owned()
}

pub(super) fn captured() -> Value {
    serde_json::from_str(include_str!("fixtures/rows.json")).unwrap()
}

/// The captured rows that a search asks for: `[field, "in", ids]`, `["id", ">", last]`, equality of plain fields, the
/// order of ids and the limit. Conditions on other rows are met by every captured row.
pub(super) fn rows_of(rows: &Value, arguments: &Value) -> Value {
    let meets = |row: &Value, leaf: &Value| {
        let (Some(field), wanted) = (leaf[0].as_str(), &leaf[2]) else { return true };
        let Some(value) = row.get(field) else { return true };
        let value = if value[0].is_i64() { &value[0] } else { value };
        match leaf[1].as_str() {
            Some("in") => wanted.as_array().unwrap().contains(value),
            Some("=") => value == wanted,
            Some("!=") => value != wanted,
            Some(">") => value.as_i64() > wanted.as_i64(),
            Some("<") => value.as_str() < wanted.as_str(),
            Some(">=") => value.as_str() >= wanted.as_str(),
            other => panic!("no such comparison here: {other:?}"),
        }
    };
    // Prefix notation: `|` takes the two conditions that follow it; what stands at the top is joined by "and".
    fn next<'a>(terms: &mut impl Iterator<Item = &'a Value>, meets: &impl Fn(&Value) -> bool) -> Option<bool> {
        let term = terms.next()?;
        if term != "|" {
            return Some(meets(term));
        }
        let (left, right) = (next(terms, meets)?, next(terms, meets)?);
        Some(left || right)
    }
    let wanted = |row: &&Value| {
        let mut terms = arguments["domain"].as_array().unwrap().iter();
        std::iter::from_fn(|| next(&mut terms, &|leaf| meets(row, leaf))).all(|met| met)
    };
    let limit = usize::try_from(arguments["limit"].as_u64().unwrap_or(u64::MAX)).unwrap();
    rows.as_array().into_iter().flatten().filter(wanted).take(limit).cloned().collect()
}

/// What the captured Odoo answers.
pub(super) fn played(data: &Value, call: &str, arguments: &Value) -> Answer {
    let (model, method) = call.split_once('/').unwrap_or((call, ""));
    match method {
        "fields_get" => {
            Answer::Json(data["fields"][model].as_array().into_iter().flatten().map(|f| (f.as_str().unwrap().to_owned(), json!({}))).collect())
        }
        "search_read" => Answer::Json(rows_of(&data["rows"][model], arguments)),
        "formatted_read_group" => Answer::Json(rows_of(&data["groups"][model], arguments)),
        _ => Answer::Error(404, MISSING_METHOD.to_owned()),
    }
}

pub(super) async fn odoo() -> (Odoo, Calls) {
    let data = captured();
    server(move |call, arguments| played(&data, call, arguments)).await
}

// What a real Odoo 19 answered, its tracebacks shortened.
pub(super) const INVALID_KEY: &str = r#"{"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey", "arguments": ["Invalid apikey", 401], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const FORBIDDEN: &str = r#"{"name": "odoo.exceptions.AccessError", "message": "You are not allowed to access 'Sales Order' (sale.order) records.", "arguments": ["You are not allowed to access 'Sales Order' (sale.order) records."], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const MISSING_MODEL: &str = r#"{"name": "werkzeug.exceptions.NotFound", "message": "the model 'delivery.carrier' does not exist", "arguments": ["the model 'delivery.carrier' does not exist", 404], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const MISSING_METHOD: &str = r#"{"name": "werkzeug.exceptions.NotFound", "message": "The method 'stock.warehouse.frobnicate' does not exist", "arguments": ["The method 'stock.warehouse.frobnicate' does not exist", 404], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const MISSING_ROW: &str = r#"{"name": "odoo.exceptions.MissingError", "message": "Record does not exist or has been deleted.\n(Record: product.product(99999999,), User: 5)", "arguments": [], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const NO_CUSTOMER: &str = r#"{"name": "odoo.exceptions.ValidationError", "message": "The operation cannot be completed: Missing required value for the field 'Customer' (partner_id).\nModel: 'Sales Order' (sale.order)\n- create/update: a mandatory field is not set\n", "arguments": [], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const BARCODE: &str = r#"{"name": "odoo.exceptions.ValidationError", "message": "Barcode(s) already assigned:\n\n- Barcode \"PROBEBAR1\" already assigned to product(s): [PROBE-1] Probe tea and x\n\nNote: products that you don't have access to will not be shown above.", "arguments": [], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const NOT_CONFIRMED: &str = r#"{"name": "odoo.exceptions.UserError", "message": "Some orders are not in a state requiring confirmation.", "arguments": [], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const OWN_MISTAKE: &str = r#"{"name": "builtins.ValueError", "message": "Invalid field 'nope' on 'stock.warehouse'", "arguments": ["Invalid field 'nope' on 'stock.warehouse'"], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const BUSY: &str = r#"{"name": "psycopg2.errors.SerializationFailure", "message": "could not serialize access due to concurrent update\n", "arguments": [], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
pub(super) const NO_DATABASE: &str = "<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>No database is selected and the requested URL was not found in the server-wide controllers.</p>";
pub(super) const NOT_JSON: &str = "<!doctype html>\n<html lang=en>\n<title>415 Unsupported Media Type</title>\n<h1>Unsupported Media Type</h1>";
pub(super) const GATEWAY: &str = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
pub(super) const NEEDS_LOT: &str = r#"{"name": "odoo.exceptions.UserError", "message": "You need to supply a Lot/Serial Number for product:\n- [SKU-00007] Product 00007 緑茶 100g", "arguments": [], "context": {}, "debug": "Traceback (most recent call last): SECRET"}"#;
// What it answered with 200 instead of doing anything.
pub(super) const BACKORDER: &str = r#"{"name": "Create Backorder?", "type": "ir.actions.act_window", "view_mode": "form", "res_model": "stock.backorder.confirmation", "views": [[938, "form"]], "view_id": 938, "target": "new", "context": {"button_validate_picking_ids": [28], "default_show_transfers": false, "default_pick_ids": [[4, 28]]}}"#;
pub(super) const CONFLICT: &str = r#"{"name": "Conflict in Inventory Adjustment", "type": "ir.actions.act_window", "view_mode": "form", "views": [[false, "form"]], "res_model": "stock.inventory.conflict", "target": "new", "context": {"inventory_mode": true, "inventory_name": "x", "default_quant_ids": [562], "default_quant_to_fix_ids": [562]}}"#;
