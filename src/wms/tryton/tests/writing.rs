//! What a write leaves behind: when it works, when a step of it is refused, and when an answer is lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::super::Tryton;
use super::super::played::{Answer, Calls, FUTURE, GATEWAY, NO_CARRIER, NO_PARTY, captured, played, server};
use crate::record::draft::{
    AddressInput, CreateOrder, OrderDraft, OrderLineItemDraft, ReceiptDraft, ReceiptLineItemDraft, ReceiveInboundShipment, Ref, ShipOrder,
    ShipmentDraft,
};
use crate::record::{ConnectionId, Id, InboundShipment, Json, Order, Quantity};
use crate::wms::{Error, Found, Kind, Push};

fn draft() -> CreateOrder {
    let text = |text: &str| Some(text.to_owned());
    let line = OrderLineItemDraft { product_id: None, sku: text("SKU-00042"), quantity: Quantity::whole(2), unit_price: None, discount_amount: None };
    let ship_to = AddressInput { full_name: text("Jane Doe"), city: text("Austin"), ..AddressInput::default() };
    let order = OrderDraft { reference_id: text("SHOP-1"), ship_to: Some(ship_to), line_items: vec![line], ..OrderDraft::default() };
    CreateOrder { order, integration_fields: Some(Json::of(&json!({ "comment": "Ring twice", "description": "not this" }))) }
}

pub(super) const CUT_OFF: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\nConnection: close\r\n\r\n{\"id\": 1";

/// A Tryton that makes the captured sale 1 of every new one, and answers the call `of` so.
async fn making(of: &'static str, answer: Answer) -> (Tryton, Calls) {
    let data = captured();
    server(move |call, arguments| match call {
        call if call == of => answer.clone(),
        "POST party.address/search_read" if arguments["fields_names"] == json!(["id"]) => Answer::Json(json!([{ "id": 901 }])),
        "POST party.address/search_read" => Answer::Json(json!([])),
        "POST party.party" => Answer::Json(json!({ "id": 900, "__name__": "party.party" })),
        "POST sale.sale" => Answer::Json(json!({ "id": 1, "__name__": "sale.sale" })),
        "POST sale.sale/1/quote" => Answer::Json(json!({ "id": 1, "state": "quotation" })),
        "POST sale.sale/1/confirm" => Answer::Json(json!({ "id": 1, "state": "confirmed" })),
        "POST sale.sale/1/process" => Answer::Json(json!({ "id": 1, "state": "processing" })),
        "POST sale.sale/1/draft" | "POST sale.sale/1/cancel" => Answer::Json(json!({ "id": 1, "state": "cancelled" })),
        "DELETE sale.sale/1" | "DELETE party.party/900" => Answer::Raw("HTTP/1.1 204 X\r\nConnection: close\r\n\r\n".to_owned()),
        _ => played(&data, call, arguments),
    })
    .await
}

/// What came of an order whose call `of` is answered so, and the calls that followed it.
async fn written(of: &'static str, answer: Answer) -> (Result<Order, Error>, Vec<String>, Calls) {
    let (tryton, calls) = making(of, answer).await;
    let written = Push::push(&tryton, &draft(), "ref-1").await.map(|written| written.record);
    let log: Vec<String> = calls.lock().unwrap().iter().map(|(call, _)| call.clone()).collect();
    let after = log.iter().rposition(|call| call == of).map_or(log.len(), |at| at + 1);
    (written, log[after..].to_vec(), calls)
}

#[tokio::test]
async fn an_order_is_made_and_released() {
    let (written, after, calls) = written("POST sale.sale/1/process", Answer::Json(json!({ "id": 1, "state": "processing" }))).await;
    assert_eq!(written.unwrap().order_number, "1");
    assert_eq!(after, ["POST sale.sale/search_read"]);
    let calls = calls.lock().unwrap();
    let made = &calls.iter().find(|(call, _)| call == "POST sale.sale").unwrap().1;
    let price = json!({ "__class__": "Decimal", "decimal": "105.57" });
    let mut line = made["lines"][0][1][0].clone();
    assert_eq!(line["unit_price"]["__class__"], price["__class__"], "the list price");
    line["unit_price"] = Value::Null;
    assert_eq!(line, json!({ "type": "line", "product": 43, "quantity": 2.0, "unit": 1, "unit_price": null, "taxes": [["add", []]] }));
    let mut rest = made.clone();
    rest["lines"] = Value::Null;
    assert_eq!(
        rest,
        json!({
            "comment": "Ring twice", "description": "ref-1", "reference": "SHOP-1", "party": 900, "invoice_address": 901, "shipment_address": 901,
            "lines": null
        })
    );
}

#[tokio::test]
async fn a_refused_order_is_undone_and_a_lost_answer_is_not() {
    let refused = |body: &str| Answer::Error(400, body.to_owned());
    let cut_off = || Answer::Raw(CUT_OFF.to_owned());

    let (error, after, _) = written("POST sale.sale", refused(NO_PARTY)).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind, error.path.as_deref(), error.outcome_unknown), (Kind::Validation, Some(["shipTo".to_owned()].as_slice()), false));
    assert_eq!(after, ["DELETE party.party/900"], "the party that was made for it");

    let (error, after, _) = written("POST sale.sale/1/quote", refused(NO_CARRIER)).await;
    let error = error.unwrap_err();
    assert_eq!((error.message.as_str(), error.outcome_unknown), ("To get a quote for sale \"[SHOP-1]\" you must enter a carrier.", false));
    assert_eq!(error.path, Some(vec!["shippingMethodId".to_owned()]));
    assert_eq!(after, ["POST sale.sale/1/draft", "POST sale.sale/1/cancel", "DELETE sale.sale/1", "DELETE party.party/900"]);

    for of in ["POST sale.sale", "POST sale.sale/1/quote", "POST sale.sale/1/process", "POST sale.sale/search_read"] {
        let (error, after, _) = written(of, cut_off()).await;
        assert!(error.unwrap_err().outcome_unknown, "{of}");
        assert_eq!(after, Vec::<String>::new(), "nothing is undone after {of}");
    }
    let (error, after, _) = written("POST sale.sale", Answer::Error(502, GATEWAY.to_owned())).await;
    assert!(error.unwrap_err().outcome_unknown && after.is_empty(), "a proxy's page does not say what Tryton did");
    for before in ["POST product.product/search_read", "POST party.party"] {
        let (error, _, _) = written(before, cut_off()).await;
        assert!(!error.unwrap_err().outcome_unknown, "{before}: no order has been asked for yet");
    }
}

#[tokio::test]
async fn what_became_of_an_order_is_looked_up_by_its_reference() {
    for (sales, expected) in [
        (json!([]), "not done"),
        (json!([{ "id": 1, "state": "cancelled" }]), "not done"),
        (json!([{ "id": 1, "state": "processing" }]), "done"),
        (json!([{ "id": 1, "state": "quotation" }]), "The sale 1 was made, but is still in state \"quotation\""),
        (json!([{ "id": 1, "state": "processing" }, { "id": 2, "state": "confirmed" }]), "Tryton has 2 sales of this write"),
    ] {
        let data = captured();
        let (tryton, calls) = server(move |call, arguments| match call {
            "POST sale.sale/search_read" if arguments["fields_names"] == json!(["id", "state"]) => Answer::Json(sales.clone()),
            _ => played(&data, call, arguments),
        })
        .await;
        let shown = match Push::look_up(&tryton, &draft(), "ref-1").await.unwrap() {
            Found::Done(written) => {
                assert_eq!(written.record.source.id, "1");
                "done".to_owned()
            }
            Found::NotDone => "not done".to_owned(),
            Found::Unclear(why) => why,
        };
        assert_eq!(shown, expected);
        let calls = calls.lock().unwrap();
        let (_, asked) = calls.iter().find(|(call, _)| call == "POST sale.sale/search_read").unwrap();
        assert_eq!(asked["domain"], json!([["description", "=", "ref-1"]]));
        assert!(calls.iter().all(|(call, _)| call.contains("search") || call.contains("res.user")), "it only looks: {calls:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_assigned_is_said_and_put_back() {
    let data = captured();
    let (tryton, calls) = server(move |call, arguments| match call {
        "POST stock.shipment.out/5/assign_try" | "POST stock.shipment.out/5/wait" => Answer::Json(json!({ "id": 5, "state": "waiting" })),
        "POST ir.note" => Answer::Json(json!({ "id": 7, "__name__": "ir.note" })),
        "DELETE ir.note/7" => Answer::Raw("HTTP/1.1 204 X\r\nConnection: close\r\n\r\n".to_owned()),
        _ => played(&data, call, arguments),
    })
    .await;
    let id = Ref::of(&Id::record::<Order>(ConnectionId(1), "5")).unwrap();
    let command = ShipOrder { id, shipment: ShipmentDraft::default(), integration_fields: None };
    let error = Push::push(&tryton, &command, "ref-2").await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.outcome_unknown), (Kind::Validation, false));
    assert_eq!(error.message, "Tryton has not enough in stock to assign the shipment 5");
    let log: Vec<String> = calls.lock().unwrap().iter().map(|(call, _)| call.clone()).collect();
    let asked: Vec<&str> = log.iter().map(String::as_str).filter(|call| !call.contains("search") && !call.contains("res.user")).collect();
    assert_eq!(asked, ["POST ir.note", "POST stock.shipment.out/5/assign_try", "POST stock.shipment.out/5/wait", "DELETE ir.note/7"]);
}

#[tokio::test]
async fn the_day_of_a_shipment_that_cannot_be_booked_is_told_as_unused() {
    let data = captured();
    let tries = AtomicUsize::new(0);
    let (tryton, calls) = server(move |call, arguments| match call {
        "POST ir.note" => Answer::Json(json!({ "id": 7, "__name__": "ir.note" })),
        "POST stock.shipment.out/4/ship" => Answer::Json(json!({ "id": 4, "state": "shipped" })),
        "PUT stock.shipment.out/4" => Answer::Json(json!({ "id": 4 })),
        "POST stock.shipment.out/4/do" if tries.fetch_add(1, Ordering::SeqCst) == 0 => Answer::Error(400, FUTURE.to_owned()),
        "POST stock.shipment.out/4/do" => Answer::Json(json!({ "id": 4, "state": "done" })),
        _ => played(&data, call, arguments),
    })
    .await;
    let id = Ref::of(&Id::record::<Order>(ConnectionId(1), "4")).unwrap();
    let shipment = ShipmentDraft { shipped_at: "2027-01-01T00:00:00Z".parse().ok(), ..ShipmentDraft::default() };
    let written = Push::push(&tryton, &ShipOrder { id, shipment, integration_fields: None }, "ref-2").await.unwrap();
    assert_eq!(written.unused_fields, ["shippedAt"]);
    let calls = calls.lock().unwrap();
    let days: Vec<&Value> =
        calls.iter().filter(|(call, _)| call == "PUT stock.shipment.out/4").map(|(_, values)| &values["effective_date"]).collect();
    assert_eq!(days, [&json!({ "__class__": "date", "year": 2027, "month": 1, "day": 1 }), &Value::Null]);
}

#[tokio::test]
async fn a_shipment_that_is_not_received_expects_what_it_did() {
    let data = captured();
    let (tryton, calls) = server(move |call, arguments| match call {
        "PUT stock.shipment.in/3" => Answer::Json(json!({ "id": 3 })),
        "POST stock.shipment.in/3/receive" => Answer::Error(400, FUTURE.to_owned()),
        _ => played(&data, call, arguments),
    })
    .await;
    let line = ReceiptLineItemDraft {
        inventory_item_id: None,
        sku: Some("SKU-00112".to_owned()),
        quantity: Quantity::whole(5),
        lot_id: None,
        expires_at: None,
        location_id: None,
    };
    let receipt = ReceiptDraft { arrived_at: "2027-01-01T00:00:00Z".parse().ok(), line_items: Some(vec![line]), ..ReceiptDraft::default() };
    let id = Ref::of(&Id::record::<InboundShipment>(ConnectionId(1), "3")).unwrap();
    let command = ReceiveInboundShipment { id, receipt, integration_fields: None };
    let error = Push::push(&tryton, &command, "ref-2").await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.outcome_unknown), (Kind::Validation, false));
    assert!(error.message.ends_with("have effective dates in the future."), "{error}");
    let calls = calls.lock().unwrap();
    let written: Vec<&Value> = calls.iter().filter(|(call, _)| call == "PUT stock.shipment.in/3").map(|(_, values)| values).collect();
    let moves = |quantity: f64, lot: &Value| json!(["write", [343], { "quantity": quantity, "unit": 1, "lot": lot }]);
    let mut less = moves(5.0, &Value::Null);
    less[2].as_object_mut().unwrap().remove("lot");
    assert_eq!(written[0]["incoming_moves"], json!([less]));
    assert_eq!(*written[1], json!({ "effective_date": null, "incoming_moves": [["add", [343]], moves(12.0, &Value::Null)] }));
}

#[tokio::test]
async fn a_field_that_tryton_does_not_know_is_refused_by_its_name() {
    let (tryton, calls) = making("nothing", Answer::Json(Value::Null)).await;
    let command = CreateOrder { integration_fields: Some(Json::of(&json!({ "comment": "x", "no_such": 1 }))), ..draft() };
    let error = Push::push(&tryton, &command, "ref-1").await.map(|_| ()).unwrap_err();
    assert_eq!(error.message, "Tryton's sale.sale has no field \"no_such\"");
    assert_eq!(error.path, Some(["integrationFields", "no_such"].map(str::to_owned).to_vec()));
    assert!(calls.lock().unwrap().iter().all(|(call, _)| call.contains("search") || call.contains("res.user")));
}
