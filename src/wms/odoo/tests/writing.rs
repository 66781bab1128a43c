//! Writes against the captured Odoo, which acts as the real one did: what is sent, what is taken back, and what nobody can know
//! when an answer is lost.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::super::Odoo;
use super::super::played::{
    Answer, BACKORDER, CONFLICT, Calls, GATEWAY, MISSING_METHOD, NEEDS_LOT, NO_CUSTOMER, NOT_CONFIRMED, captured, played, server,
};
use crate::record::draft::{
    AddressInput, AdjustInventory, CancelOrder, Command, CreateInboundShipment, CreateOrder, CreateProduct, CreateReturn, HttpMethod,
    InboundLineItemDraft, InboundShipmentDraft, InventoryAdjustment, MaybeUndefined, OrderDraft, OrderLineItemDraft, OrderPatch, PackageDraft,
    Passthrough, ProductComponentDraft, ProductDraft, ReceiptDraft, ReceiptLineItemDraft, ReceiveInboundShipment, Ref, ReturnDraft,
    ReturnLineItemDraft, ShipOrder, ShipmentDraft, ShipmentLineItemDraft, UpdateOrder,
};
use crate::record::{ConnectionId, Id, InboundStatus, Json, Order, OrderStatus, Quantity, Record};
use crate::wms::{Error, Found, Kind, Pass, Push, Retry, Written};

fn draft() -> CreateOrder {
    let line = OrderLineItemDraft {
        product_id: None,
        sku: Some("SHIRT-0".to_owned()),
        quantity: Quantity::whole(2),
        unit_price: None,
        discount_amount: None,
    };
    let ship_to = AddressInput { full_name: Some("Jane Doe".to_owned()), city: Some("Austin".to_owned()), ..AddressInput::default() };
    let order = OrderDraft {
        order_number: None,
        reference_id: Some("SHOP-1".to_owned()),
        warehouse_customer_id: None,
        warehouse_id: None,
        shipping_method_id: None,
        order_type: None,
        ship_to: Some(ship_to),
        required_ship_date: None,
        currency_code: None,
        line_items: vec![line],
        ..OrderDraft::default()
    };
    CreateOrder { order, integration_fields: Some(Json::of(&json!({ "team_id": 1, "origin": "not this" }))) }
}

const CUT_OFF: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\nConnection: close\r\n\r\n[7";

/// What came of a write to an Odoo that answers `of` so, and the calls that followed it.
async fn written(of: &'static str, answer: Answer) -> (Result<Order, Error>, Vec<String>, Calls) {
    let data = captured();
    let (odoo, calls) = server(move |call, arguments| match call {
        call if call == of => answer.clone(),
        "res.partner/search" => Answer::Json(json!([])),
        "res.partner/create" => Answer::Json(json!([900])),
        "sale.order/create" => Answer::Json(json!([7])),
        "sale.order/action_confirm" | "sale.order/unlink" | "sale.order/action_cancel" | "res.partner/unlink" => Answer::Json(json!(true)),
        _ => played(&data, call, arguments),
    })
    .await;
    let written = Push::push(&odoo, &draft(), "ref-1").await.map(|written| written.record);
    let log: Vec<String> = calls.lock().unwrap().iter().map(|(call, _)| call.clone()).collect();
    let after = log.iter().position(|call| call == of).map_or(log.len(), |at| at + 1);
    (written, log[after..].to_vec(), calls)
}

#[tokio::test]
async fn an_order_is_made_and_confirmed() {
    let (written, after, calls) = written("sale.order/action_confirm", Answer::Json(json!(true))).await;
    assert_eq!(written.unwrap().order_number, "S00007");
    assert!(after.contains(&"sale.order/search_read".to_owned()));
    let calls = calls.lock().unwrap();
    let made = &calls.iter().find(|(call, _)| call == "sale.order/create").unwrap().1["vals_list"][0];
    let shirt = captured()["rows"]["product.product"].as_array().unwrap().iter().find(|row| row["default_code"] == "SHIRT-0").unwrap()["id"].clone();
    assert_eq!(
        *made,
        json!({
            "team_id": 1, "origin": "ref-1", "partner_id": 900, "partner_shipping_id": 900, "client_order_ref": "SHOP-1",
            "order_line": [[0, 0, { "product_id": shirt, "product_uom_qty": 2.0 }]]
        })
    );
}

#[tokio::test]
async fn a_refused_order_is_undone_and_a_lost_answer_is_not() {
    let refused = |status, body: &str| Answer::Error(status, body.to_owned());
    let cut_off = || Answer::Raw(CUT_OFF.to_owned());

    let (error, after, _) = written("sale.order/create", refused(422, NO_CUSTOMER)).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind, error.path.as_deref(), error.outcome_unknown), (Kind::Validation, Some(["shipTo".to_owned()].as_slice()), false));
    assert_eq!(after, ["res.partner/unlink"], "the partner that was made for it");

    let (error, after, _) = written("sale.order/action_confirm", refused(422, NOT_CONFIRMED)).await;
    let error = error.unwrap_err();
    assert_eq!((error.message.as_str(), error.outcome_unknown), ("Some orders are not in a state requiring confirmation.", false));
    assert_eq!(after, ["sale.order/unlink", "res.partner/unlink"]);

    for of in ["sale.order/create", "sale.order/action_confirm", "sale.order/search_read"] {
        let (error, after, _) = written(of, cut_off()).await;
        let error = error.unwrap_err();
        assert!(error.outcome_unknown, "{of}: {error}");
        assert_eq!(after, Vec::<String>::new(), "nothing is undone after {of}");
    }
    let (error, after, _) = written("sale.order/create", refused(502, GATEWAY)).await;
    assert!(error.unwrap_err().outcome_unknown && after.is_empty(), "a proxy's page does not say what Odoo did");

    for before in ["product.product/search_read", "res.partner/search", "res.partner/create"] {
        let (error, after, _) = written(before, cut_off()).await;
        assert!(!error.unwrap_err().outcome_unknown, "{before}: no order has been asked for yet");
        assert_eq!(after, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_confirmation_that_did_nothing_is_no_success() {
    // Odoo answers with a dialog, and the order is still a quotation.
    let mut data = captured();
    data["rows"]["sale.order"][1]["state"] = json!("draft");
    let (odoo, calls) = server(move |call, arguments| match call {
        "res.partner/search" => Answer::Json(json!([900])),
        "sale.order/create" => Answer::Json(json!([7])),
        "sale.order/action_confirm" => Answer::Json(json!({ "type": "ir.actions.act_window", "res_model": "some.wizard" })),
        "sale.order/unlink" => Answer::Json(json!(true)),
        _ => played(&data, call, arguments),
    })
    .await;
    let error = Push::push(&odoo, &draft(), "ref-1").await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.outcome_unknown), (Kind::Validation, false));
    let log: Vec<String> = calls.lock().unwrap().iter().map(|(call, _)| call.clone()).collect();
    assert!(log.contains(&"sale.order/unlink".to_owned()) && !log.contains(&"res.partner/unlink".to_owned()), "{log:?}");
}

fn one<T: Record>(source_id: &str) -> Ref<T> {
    Ref::of(&Id::record::<T>(ConnectionId(1), source_id)).unwrap()
}

fn lost() -> Answer {
    Answer::Raw(CUT_OFF.to_owned())
}

/// The captured Odoo, which does what it is told: a transfer that is validated is done, an order that is cancelled is that. `first` may
/// answer in its place.
async fn acting(data: Value, first: impl Fn(&str, &Value) -> Option<Answer> + Send + Sync + 'static) -> (Odoo, Calls) {
    let data = Arc::new(Mutex::new(data));
    server(move |call, arguments| {
        if let Some(answer) = first(call, arguments) {
            return answer;
        }
        let mut data = data.lock().unwrap();
        let set = |data: &mut Value, model: &str, state: &str| {
            for row in data["rows"][model].as_array_mut().unwrap() {
                if arguments["ids"].as_array().unwrap().contains(&row["id"]) {
                    row["state"] = json!(state);
                }
            }
        };
        match call {
            "stock.picking/button_validate" => set(&mut data, "stock.picking", "done"),
            "sale.order/action_cancel" => set(&mut data, "sale.order", "cancel"),
            call if call.ends_with("/write") || call.ends_with("/action_assign") || call.ends_with("/unlink") => {}
            _ => return played(&data, call, arguments),
        }
        Answer::Json(json!(true))
    })
    .await
}

/// What of the calls was no question.
fn acts(calls: &Calls) -> Vec<(String, Value)> {
    let asks = ["/search_read", "/search", "/read", "/fields_get", "/formatted_read_group"];
    calls.lock().unwrap().iter().filter(|(call, _)| !asks.iter().any(|ask| call.ends_with(ask))).cloned().collect()
}

fn names(calls: &Calls) -> Vec<String> {
    acts(calls).into_iter().map(|(call, _)| call).collect()
}

async fn push<C: Command>(odoo: &Odoo, command: &C) -> Result<Written<C::Record>, Error>
where
    Odoo: Push<C>,
{
    Push::push(odoo, command, "ref-1").await
}

async fn refused<C: Command>(odoo: &Odoo, command: &C) -> Error
where
    Odoo: Push<C>,
{
    let error = push(odoo, command).await.map(drop).unwrap_err();
    assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    error
}

/// Two of three pieces of one of an order's three lines.
fn shipment() -> ShipOrder {
    let line = ShipmentLineItemDraft {
        inventory_item_id: None,
        product_id: None,
        sku: Some("SKU-00061".to_owned()),
        quantity: Quantity::whole(2),
        lot_id: None,
    };
    let package = PackageDraft { tracking_number: Some("1Z7".to_owned()), ..PackageDraft::default() };
    let shipment = ShipmentDraft { line_items: Some(vec![line]), packages: Some(vec![package]), ..ShipmentDraft::default() };
    ShipOrder { id: one("7"), shipment, integration_fields: None }
}

#[tokio::test]
async fn a_shipment_takes_what_it_names_and_no_more() {
    let (odoo, calls) =
        acting(captured(), |call, _| (call == "stock.picking/read").then(|| Answer::Json(json!([{ "id": 28, "carrier_tracking_ref": "1Z999" }]))))
            .await;
    let written = push(&odoo, &shipment()).await.unwrap();
    assert_eq!((written.record.order_number.as_str(), written.record.status), ("S00007", OrderStatus::Fulfilled));
    let acts = acts(&calls);
    assert_eq!(acts.iter().map(|(call, _)| call.as_str()).collect::<Vec<_>>(), ["stock.picking/write", "stock.picking/button_validate"]);
    let note = json!([[0, 0, {
        "model": "stock.picking", "message_id": "<ref-1@crossdock>", "body": "Written by Crossdock (ref-1)", "message_type": "comment",
        "is_internal": true
    }]]);
    // A person had picked the third line too; it waits for another shipment now.
    let moves = json!([[1, 415, { "quantity": 2.0, "picked": true }], [1, 417, { "picked": false }]]);
    assert_eq!(acts[0].1, json!({ "ids": [28], "vals": { "carrier_tracking_ref": "1Z7", "move_ids": moves, "message_ids": note } }));
    assert_eq!(acts[1].1, json!({ "ids": [28], "context": { "skip_backorder": true, "skip_sms": true } }));
}

#[tokio::test]
async fn a_shipment_that_odoo_refuses_is_taken_back() {
    for (answer, message) in [
        (Answer::Json(serde_json::from_str(BACKORDER).unwrap()), "Odoo did nothing and asks a person: Create Backorder?"),
        (Answer::Error(422, NEEDS_LOT.to_owned()), "You need to supply a Lot/Serial Number for product:\n- [SKU-00007] Product 00007 緑茶 100g"),
        (Answer::Json(json!(true)), "Odoo answered without an error, but did not carry out the transfer"),
    ] {
        let (odoo, calls) = acting(captured(), move |call, _| match call {
            "stock.picking/read" => Some(Answer::Json(json!([{ "id": 28, "carrier_tracking_ref": "1Z999" }]))),
            "stock.picking/button_validate" => Some(answer.clone()),
            _ => None,
        })
        .await;
        let error = refused(&odoo, &shipment()).await;
        assert_eq!((error.kind, error.message.as_str(), error.outcome_unknown), (Kind::Validation, message, false));
        let acts = acts(&calls);
        let called: Vec<&str> = acts.iter().map(|(call, _)| call.as_str()).collect();
        assert_eq!(called, ["stock.picking/write", "stock.picking/button_validate", "stock.picking/write", "stock.picking/action_assign"]);
        let back = json!([
            [1, 415, { "quantity": 3.0, "picked": true }], [1, 416, { "quantity": 0.0, "picked": false }], [1, 417, { "quantity": 5.0, "picked": true }]
        ]);
        assert_eq!(acts[2].1["vals"], json!({ "carrier_tracking_ref": "1Z999", "move_ids": back }));
    }
}

#[tokio::test]
async fn nobody_knows_what_became_of_a_shipment_whose_answer_was_lost() {
    let of = async |lost_at: &'static str, then: Option<&'static str>| {
        let seen = Mutex::new(0);
        let (odoo, calls) = acting(captured(), move |call, _| {
            let mut seen = seen.lock().unwrap();
            *seen += usize::from(call == "stock.picking/write");
            match call {
                "stock.picking/read" => Some(Answer::Json(json!([{ "id": 28, "carrier_tracking_ref": false }]))),
                call if call == lost_at => Some(lost()),
                "stock.picking/button_validate" if then.is_some() => Some(Answer::Error(422, NEEDS_LOT.to_owned())),
                "stock.picking/write" if then == Some("stock.picking/write") && *seen > 1 => Some(Answer::Error(502, GATEWAY.to_owned())),
                _ => None,
            }
        })
        .await;
        (refused(&odoo, &shipment()).await.outcome_unknown, names(&calls).last().cloned().unwrap_or_default())
    };
    assert_eq!(of("stock.move.line/search_read", None).await, (false, String::new()), "nothing has been sent");
    assert_eq!(of("stock.picking/write", None).await, (true, "stock.picking/write".to_owned()));
    assert_eq!(of("stock.picking/button_validate", None).await, (true, "stock.picking/button_validate".to_owned()));
    assert_eq!(of("nothing", Some("stock.picking/write")).await, (true, "stock.picking/write".to_owned()), "it could not be taken back");
}

#[tokio::test]
async fn a_write_is_found_by_its_note_and_what_it_wanted() {
    let noted = |call: &str, arguments: &Value| {
        let asked = arguments["domain"].to_string();
        let is_ours = call == "mail.message/search_read" && asked.contains("<ref-1@crossdock>") && asked.contains("stock.picking");
        is_ours.then(|| Answer::Json(json!([{ "id": 1, "res_id": 28 }])))
    };
    let (odoo, _) = acting(captured(), |_, _| None).await;
    assert!(matches!(odoo.look_up(&shipment(), "ref-1").await.unwrap(), Found::NotDone));
    let (odoo, calls) = acting(captured(), noted).await;
    let Found::Unclear(why) = odoo.look_up(&shipment(), "ref-1").await.unwrap() else { panic!("it was begun only") };
    assert_eq!(why, "RTM/OUT/00003 has been prepared in Odoo, and not carried out");
    let mut data = captured();
    data["rows"]["stock.picking"].as_array_mut().unwrap().iter_mut().find(|row| row["id"] == 28).unwrap()["state"] = json!("done");
    let (odoo, _) = acting(data, noted).await;
    assert!(matches!(odoo.look_up(&shipment(), "ref-1").await.unwrap(), Found::Done(_)));
    assert_eq!(names(&calls), Vec::<String>::new(), "it only looks");
}

#[tokio::test]
async fn an_order_is_changed_in_one_call_with_its_transfers() {
    let command = |lines: Vec<(&str, i64)>| {
        let line = |(sku, quantity): (&str, i64)| OrderLineItemDraft {
            product_id: None,
            sku: Some(sku.to_owned()),
            quantity: Quantity::whole(quantity),
            unit_price: None,
            discount_amount: None,
        };
        let ship_to = AddressInput { full_name: Some("Jane Doe".to_owned()), ..AddressInput::default() };
        let order = OrderPatch {
            ship_to: MaybeUndefined::Value(ship_to),
            reference_id: MaybeUndefined::Null,
            line_items: MaybeUndefined::Value(lines.into_iter().map(line).collect()),
            ..OrderPatch::default()
        };
        UpdateOrder { id: one("7"), order, integration_fields: None }
    };
    let partner = |call: &str, _: &Value| match call {
        "res.partner/search" => Some(Answer::Json(json!([]))),
        "res.partner/create" => Some(Answer::Json(json!([900]))),
        _ => None,
    };
    let (odoo, calls) = acting(captured(), partner).await;
    let lines = captured()["rows"]["sale.order.line"].as_array().unwrap().clone();
    let of = |product: &str| {
        lines.iter().find(|row| row["order_id"][0] == 7 && row["product_id"][1].as_str().unwrap().contains(product)).unwrap()["id"].clone()
    };
    push(&odoo, &command(vec![("SKU-00061", 4), ("SHIRT-0", 1)])).await.unwrap();
    let acts = acts(&calls);
    assert_eq!(acts.iter().map(|(call, _)| call.as_str()).collect::<Vec<_>>(), ["res.partner/create", "sale.order/write"]);
    let vals = &acts[1].1["vals"];
    assert_eq!(
        (&vals["client_order_ref"], &vals["partner_shipping_id"], &vals["picking_ids"]),
        (&json!(false), &json!(900), &json!([[1, 28, { "partner_id": 900 }]]))
    );
    let shirt = captured()["rows"]["product.product"].as_array().unwrap().iter().find(|row| row["default_code"] == "SHIRT-0").unwrap()["id"].clone();
    let commands = vals["order_line"].as_array().unwrap();
    assert_eq!(commands[0], json!([1, of("00061"), { "product_uom_qty": 4.0 }]));
    assert_eq!(commands[1], json!([0, 0, { "product_id": shirt, "product_uom_qty": 1.0 }]));
    assert_eq!(commands[2..], [of("00127"), of("00150")].map(|id| json!([1, id, { "product_uom_qty": 0 }])), "a line is emptied, not removed");
    assert_eq!(vals["message_ids"][0][2]["message_id"], "<ref-1@crossdock>");

    let (odoo, calls) = acting(captured(), move |call, arguments| match call {
        "sale.order/write" => Some(Answer::Error(422, NO_CUSTOMER.to_owned())),
        _ => partner(call, arguments),
    })
    .await;
    let error = refused(&odoo, &command(vec![("SKU-00061", 4)])).await;
    assert_eq!((error.kind, error.outcome_unknown, error.path), (Kind::Validation, false, Some(vec!["shipTo".to_owned()])));
    assert_eq!(names(&calls), ["res.partner/create", "sale.order/write", "res.partner/unlink"]);

    let (odoo, _) = acting(captured(), move |call, arguments| if call == "sale.order/write" { Some(lost()) } else { partner(call, arguments) }).await;
    assert!(refused(&odoo, &command(vec![("SKU-00061", 4)])).await.outcome_unknown);
    // A cancelled order and a quotation are not changed, though Odoo would.
    for (id, kind) in [("9", Kind::Conflict), ("99", Kind::NotFound)] {
        let (odoo, calls) = acting(captured(), |_, _| None).await;
        let command = UpdateOrder { id: one(id), ..command(vec![("SKU-00061", 4)]) };
        assert_eq!((refused(&odoo, &command).await.kind, names(&calls)), (kind, vec![]));
    }
}

#[tokio::test]
async fn an_order_that_has_left_is_not_cancelled() {
    let cancel = |id: &str| CancelOrder { id: one(id), reason: None, integration_fields: None };
    let (odoo, calls) = acting(captured(), |_, _| None).await;
    let error = refused(&odoo, &cancel("1")).await;
    assert_eq!((error.kind, error.message.as_str()), (Kind::Conflict, "S00001 has left with RTM/OUT/00001: make a return instead"));
    assert_eq!(names(&calls), Vec::<String>::new());
    assert_eq!(push(&odoo, &cancel("7")).await.unwrap().record.status, OrderStatus::Cancelled);
    assert_eq!(names(&calls), ["sale.order/action_cancel"]);
    assert!(matches!(odoo.look_up(&cancel("7"), "ref-1").await.unwrap(), Found::Done(_)));
    assert!(matches!(odoo.look_up(&cancel("1"), "ref-1").await.unwrap(), Found::NotDone));
    // Odoo says yes, and does nothing.
    let (odoo, _) = acting(captured(), |call, _| (call == "sale.order/action_cancel").then(|| Answer::Json(json!(true)))).await;
    let error = refused(&odoo, &cancel("7")).await;
    assert_eq!((error.kind, error.outcome_unknown), (Kind::Validation, false));
}

#[tokio::test]
async fn a_receipt_keeps_or_closes_the_rest() {
    let receive = |quantity: i64, closes| {
        let line = ReceiptLineItemDraft {
            inventory_item_id: Some(one("142")),
            sku: None,
            quantity: Quantity::whole(quantity),
            lot_id: None,
            expires_at: None,
            location_id: None,
        };
        let receipt = ReceiptDraft { arrived_at: None, line_items: Some(vec![line]), closes };
        ReceiveInboundShipment { id: one("4"), receipt, integration_fields: None }
    };
    for (quantity, closes, context) in [
        (20, None, json!({ "skip_backorder": true, "skip_sms": true })),
        (5, Some(true), json!({ "skip_backorder": true, "skip_sms": true, "picking_ids_not_to_backorder": [4] })),
    ] {
        let (odoo, calls) = acting(captured(), |_, _| None).await;
        assert_eq!(push(&odoo, &receive(quantity, closes)).await.unwrap().record.status, InboundStatus::Received);
        let acts = acts(&calls);
        assert_eq!(acts[0].1["vals"]["move_ids"], json!([[1, 349, { "quantity": quantity as f64, "picked": true }]]));
        assert_eq!(acts[1].1["context"], context);
    }
    // This kind of transfer throws the rest away, which nobody asked for.
    let mut data = captured();
    data["fields"]["stock.picking.type"].as_array_mut().unwrap().push(json!("create_backorder"));
    for kind in data["rows"]["stock.picking.type"].as_array_mut().unwrap() {
        kind["create_backorder"] = json!("never");
    }
    let (odoo, calls) = acting(data, |_, _| None).await;
    assert_eq!(refused(&odoo, &receive(5, None)).await.path, Some(vec!["closes".to_owned()]));
    assert_eq!(names(&calls), Vec::<String>::new());
}

#[tokio::test]
async fn goods_are_announced_in_one_call_where_nobody_names_a_supplier() {
    let line = InboundLineItemDraft {
        inventory_item_id: Some(one("142")),
        sku: None,
        expected_quantity: Quantity::whole(3),
        unit_cost: None,
        external_id: None,
    };
    let inbound_shipment = InboundShipmentDraft { warehouse_id: Some(one("1")), line_items: vec![line], ..InboundShipmentDraft::default() };
    let command = CreateInboundShipment { inbound_shipment, integration_fields: None };
    let answers = |call: &str, _: &Value| match call {
        "stock.warehouse/search_read" => Some(Answer::Json(json!([{ "id": 1, "active": true, "in_type_id": [1, "Receipts"] }]))),
        "stock.picking.type/search_read" => {
            Some(Answer::Json(json!([{ "id": 1, "default_location_src_id": [1, "Vendors"], "default_location_dest_id": [5, "RTM/Stock"] }])))
        }
        "stock.picking/create" => Some(Answer::Json(json!([4]))),
        _ => None,
    };
    let (odoo, calls) = acting(captured(), answers).await;
    push(&odoo, &command).await.unwrap();
    let acts = acts(&calls);
    assert_eq!(acts.iter().map(|(call, _)| call.as_str()).collect::<Vec<_>>(), ["stock.picking/create"]);
    let unit = captured()["rows"]["product.product"].as_array().unwrap().iter().find(|row| row["id"] == 142).unwrap()["uom_id"][0].clone();
    assert_eq!(
        acts[0].1["vals_list"][0]["move_ids"],
        json!([[0, 0, { "product_id": 142, "product_uom_qty": 3.0, "location_id": 1, "location_dest_id": 5, "product_uom": unit, "additional": true }]])
    );
    let (odoo, _) =
        acting(captured(), move |call, arguments| if call == "stock.picking/create" { Some(lost()) } else { answers(call, arguments) }).await;
    assert!(refused(&odoo, &command).await.outcome_unknown);
}

#[tokio::test]
async fn a_return_is_made_by_the_wizard_in_one_call() {
    let line = ReturnLineItemDraft { inventory_item_id: None, sku: None, expected_quantity: Quantity::whole(1), reason: None };
    let moves = captured()["rows"]["stock.move"].as_array().unwrap().clone();
    let delivered = moves.iter().find(|row| row["picking_id"][0] == 19).unwrap().clone();
    let product = delivered["product_id"][0].to_string();
    let command = |quantity: i64| {
        let line = ReturnLineItemDraft { inventory_item_id: Some(one(&product)), expected_quantity: Quantity::whole(quantity), ..line.clone() };
        let returned = ReturnDraft {
            order_id: Some(one::<Order>("1")),
            tracking_numbers: Some(vec!["R1".to_owned()]),
            line_items: Some(vec![line]),
            ..ReturnDraft::default()
        };
        CreateReturn { returned, integration_fields: None }
    };
    let answers = |call: &str, _: &Value| match call {
        "stock.return.picking/create" => Some(Answer::Json(json!([26]))),
        "stock.return.picking/action_create_returns" => {
            Some(Answer::Json(json!({ "res_id": 84, "res_model": "stock.picking", "type": "ir.actions.act_window" })))
        }
        _ => None,
    };
    let (odoo, calls) = acting(captured(), answers).await;
    push(&odoo, &command(1)).await.unwrap();
    let acts = acts(&calls);
    let called: Vec<&str> = acts.iter().map(|(call, _)| call.as_str()).collect();
    assert_eq!(called, ["stock.return.picking/create", "stock.return.picking/action_create_returns", "stock.picking/write"]);
    let lines = json!([[0, 0, { "product_id": delivered["product_id"][0], "move_id": delivered["id"], "quantity": 1.0 }]]);
    assert_eq!(acts[0].1["vals_list"], json!([{ "picking_id": 19, "product_return_moves": lines }]));
    let context = &acts[1].1["context"];
    assert_eq!(
        (&context["default_carrier_tracking_ref"], &context["default_message_ids"][0][2]["message_id"]),
        (&json!("R1"), &json!("<ref-1@crossdock>"))
    );

    for (at, unknown) in [("stock.return.picking/create", false), ("stock.return.picking/action_create_returns", true)] {
        let (odoo, _) = acting(captured(), move |call, arguments| if call == at { Some(lost()) } else { answers(call, arguments) }).await;
        assert_eq!(refused(&odoo, &command(1)).await.outcome_unknown, unknown, "{at}");
    }
    let (odoo, calls) = acting(captured(), answers).await;
    assert_eq!(refused(&odoo, &command(1_000)).await.path.unwrap().last().map(String::as_str), Some("expectedQuantity"));
    assert_eq!(names(&calls), Vec::<String>::new());
}

#[tokio::test]
async fn a_difference_is_tried_anew_when_the_stock_has_moved() {
    // The row that holds product 17 in the stock of Rotterdam, and the dialog that Odoo answers with.
    let quant = json!({ "id": 24, "product_id": [17, "x"], "location_id": [5, "RTM/Stock"], "quantity": 49.0, "lot_id": false, "inventory_quantity_set": false });
    let adjust = |adjustment: InventoryAdjustment| AdjustInventory {
        id: one("17"),
        adjustment: InventoryAdjustment { location_id: Some(one("5")), ..adjustment },
        integration_fields: None,
    };
    let delta = adjust(InventoryAdjustment { delta: Some(Quantity::whole(-4)), reason: Some("Broken".to_owned()), ..InventoryAdjustment::default() });
    let odoo_that_moves = async |times: usize| {
        let (applied, noted, quant) = (Mutex::new(0), Mutex::new(false), quant.clone());
        acting(captured(), move |call, _| match call {
            "stock.quant/search_read" => {
                let mut quant = quant.clone();
                quant["inventory_diff_quantity"] = json!(if *noted.lock().unwrap() { -4.0 } else { 0.0 });
                Some(Answer::Json(json!([quant])))
            }
            "stock.quant/fields_get" => Some(Answer::Json(json!({ "quantity": {}, "inventory_quantity_set": {}, "inventory_diff_quantity": {} }))),
            "stock.quant/create" => {
                *noted.lock().unwrap() = true;
                Some(Answer::Json(json!([24])))
            }
            "stock.quant/action_clear_inventory_quantity" => Some(Answer::Json(Value::Null)),
            "stock.quant/action_apply_inventory" => {
                let mut applied = applied.lock().unwrap();
                *applied += 1;
                Some(Answer::Json(if *applied > times { Value::Null } else { serde_json::from_str(CONFLICT).unwrap() }))
            }
            _ => None,
        })
        .await
    };
    let (odoo, calls) = odoo_that_moves(1).await;
    push(&odoo, &delta).await.unwrap();
    let (create, apply, clear) = ("stock.quant/create", "stock.quant/action_apply_inventory", "stock.quant/action_clear_inventory_quantity");
    assert_eq!(names(&calls), [create, apply, clear, create, apply]);
    let acts = acts(&calls);
    assert_eq!(acts[0].1["vals_list"], json!([{ "product_id": 17, "location_id": 5, "inventory_quantity": 45.0 }]));
    assert_eq!(acts[1].1["context"], json!({ "inventory_mode": true, "inventory_name": "Broken (ref-1)" }));
    let (odoo, calls) = odoo_that_moves(9).await;
    let error = refused(&odoo, &delta).await;
    assert_eq!((error.kind, error.retry, error.outcome_unknown), (Kind::Conflict, Retry::BackOff, false));
    assert_eq!(names(&calls).len(), 9);

    // A count is one call.
    let counted = adjust(InventoryAdjustment { quantity: Some(Quantity::whole(50)), ..InventoryAdjustment::default() });
    let (odoo, calls) = odoo_that_moves(0).await;
    push(&odoo, &counted).await.unwrap();
    let acts = self::acts(&calls);
    assert_eq!(acts.len(), 1);
    assert_eq!(
        acts[0].1,
        json!({
            "vals_list": [{ "product_id": 17, "location_id": 5, "inventory_quantity_auto_apply": 50.0 }],
            "context": { "inventory_mode": true, "inventory_name": "ref-1" }
        })
    );
}

#[tokio::test]
async fn a_product_that_is_there_or_would_be_a_kit_is_not_made() {
    let make = |product: ProductDraft| CreateProduct { product, integration_fields: None };
    let draft = ProductDraft { sku: Some("NEW-1".to_owned()), name: "Tea".to_owned(), unit_price: "7.25".parse().ok(), ..ProductDraft::default() };
    let (odoo, calls) = acting(captured(), |call, _| (call == "product.product/create").then(|| Answer::Json(json!([202])))).await;
    push(&odoo, &make(draft.clone())).await.unwrap();
    let vals = acts(&calls)[0].1["vals_list"][0].clone();
    assert_eq!(
        (&vals["type"], &vals["is_storable"], &vals["default_code"], &vals["lst_price"]),
        (&json!("consu"), &json!(true), &json!("NEW-1"), &json!(7.25))
    );
    assert_eq!(vals["message_ids"][0][2]["model"], "product.product");
    calls.lock().unwrap().clear();
    let error = refused(&odoo, &make(ProductDraft { sku: Some("SHIRT-0".to_owned()), ..draft.clone() })).await;
    assert_eq!((error.kind, error.path), (Kind::Conflict, Some(vec!["sku".to_owned()])));
    let component = ProductComponentDraft { inventory_item_id: None, sku: Some("SHIRT-0".to_owned()), quantity: Quantity::whole(1) };
    let error = refused(&odoo, &make(ProductDraft { components: Some(vec![component]), ..draft })).await;
    assert_eq!((error.kind, error.path), (Kind::Unsupported, Some(vec!["components".to_owned()])));
    assert_eq!(names(&calls), Vec::<String>::new());
}

#[tokio::test]
async fn a_call_passes_through_without_tracebacks() {
    let (odoo, calls) = acting(captured(), |call, _| match call {
        "res.partner/search" => Some(Answer::Json(json!([7]))),
        "res.partner/frobnicate" => Some(Answer::Error(404, MISSING_METHOD.to_owned())),
        "res.partner/broken" => Some(Answer::Error(502, GATEWAY.to_owned())),
        _ => None,
    })
    .await;
    let call = |method: &str| Passthrough { method: HttpMethod::Post, path: format!("/json/2/res.partner/{method}"), query: Vec::new(), body: None };
    let passed = odoo.pass(&call("search")).await.unwrap();
    assert_eq!((passed.status, passed.body), (200, Some(Json::of(&json!([7])))));
    assert_eq!(calls.lock().unwrap()[0], ("res.partner/search".to_owned(), json!({})));
    let passed = odoo.pass(&call("frobnicate")).await.unwrap();
    let body = passed.body.unwrap();
    assert!(passed.status == 404 && !body.as_str().contains("SECRET") && body.to_value()["name"] == "werkzeug.exceptions.NotFound", "{body:?}");
    assert_eq!(odoo.pass(&call("broken")).await.unwrap().body, Some(Json::of(&GATEWAY)));
    for path in ["/json/2/res.partner", "/web/login", "/json/2/../web/session", "/json/2/a/b/c", "/json/2/a/b?c=d", "//elsewhere/json/2/a/b"] {
        let error = odoo.pass(&Passthrough { path: path.to_owned(), ..call("search") }).await.unwrap_err();
        assert_eq!((error.kind, error.path), (Kind::Validation, Some(vec!["path".to_owned()])), "{path}");
    }
}
