//! What a change of a row leaves beside it, and what is told of a change that no answer came to.

use serde_json::{Value, json};

use super::super::Tryton;
use super::super::played::{Answer, CODE_TAKEN, Calls, NOT_ALLOWED, captured, played, server};
use super::writing::CUT_OFF;
use crate::record::draft::{
    AdjustInventory, Command, InboundLineItemDraft, InboundShipmentPatch, InventoryAdjustment, MaybeUndefined, OrderLineItemDraft, OrderPatch,
    ProductPatch, ReceiptDraft, ReceiptLineItemDraft, ReceiveInboundShipment, Ref, ReturnLineItemDraft, ReturnPatch, ShipOrder, ShipmentDraft,
    ShipmentLineItemDraft, UpdateInboundShipment, UpdateOrder, UpdateProduct, UpdateReturn,
};
use crate::record::{ConnectionId, Id, InboundShipment, InventoryItem, Order, Product, Quantity, Record, Return, WarehouseLocation};
use crate::wms::{Found, Kind, Push};

fn reference<T: Record>(source_id: &str) -> Ref<T> {
    Ref::of(&Id::record::<T>(ConnectionId(1), source_id)).unwrap()
}

/// A minute of an hour after all that was captured.
fn minute(minute: u8) -> Value {
    json!({ "__class__": "datetime", "year": 2026, "month": 11, "day": 26, "hour": 1, "minute": minute, "second": 0, "microsecond": 7 })
}

/// A note, as Tryton lists it.
fn note(row: &str, at: u8) -> Value {
    json!([{ "id": 7, "resource": row, "create_date": minute(at) }])
}

/// What a look-up tells, when a question for notes is answered with `notes`, one for a row's last change with `written`, and one for
/// what it holds with `held`.
async fn told<C: Command>(command: &C, model: &'static str, notes: Value, written: Value, held: Value) -> String
where
    Tryton: Push<C>,
{
    let data = captured();
    let (tryton, calls) = server(move |call, arguments| {
        let fields = arguments["fields_names"].as_array().cloned().unwrap_or_default();
        // What a row holds is asked for by its id alone, without a limit.
        let ours = call == format!("POST {model}/search_read") && arguments["limit"].is_null();
        match call {
            "POST ir.note/search_read" => Answer::Json(notes.clone()),
            "POST product.product/search_read" if fields.contains(&json!("suffix_code")) => Answer::Json(json!([variant()])),
            "POST stock.inventory/search_read" => Answer::Json(held.clone()),
            _ if ours && fields == [json!("write_date")] => Answer::Json(json!([{ "id": 1, "write_date": written }])),
            _ if ours => Answer::Json(json!([held])),
            _ => played(&data, call, arguments),
        }
    })
    .await;
    let told = match Push::look_up(&tryton, command, "ref-1").await.unwrap() {
        Found::Done(written) => format!("done: {}", written.record.source().id),
        Found::NotDone => "not done".to_owned(),
        Found::Unclear(why) => why,
    };
    let calls = calls.lock().unwrap();
    assert!(calls.iter().all(|(call, _)| call.contains("search") || call.contains("res.user")), "it only looks: {calls:?}");
    let (_, asked) = calls.iter().find(|(call, _)| call == "POST ir.note/search_read").unwrap();
    assert_eq!(asked["domain"][1], json!(["message", "=", "Written by Crossdock (ref-1)"]));
    told
}

/// A variant, as Tryton shows it to whoever changes it.
fn variant() -> Value {
    json!({
        "id": 43, "suffix_code": null, "template.": { "id": 43, "code": "SKU-00042" },
        "identifiers.": [{ "id": 3, "type": "ean", "code": "4006381333931" }],
    })
}

/// Each command with the model and row that it changes, what the row holds when it has been carried out, and its record's id.
macro_rules! each_change {
    ($told:ident) => {{
        let line = OrderLineItemDraft {
            product_id: None,
            sku: Some("SKU-00109".to_owned()),
            quantity: Quantity::whole(9),
            unit_price: None,
            discount_amount: None,
        };
        let order = OrderPatch {
            reference_id: MaybeUndefined::Value("SHOP-2".to_owned()),
            line_items: MaybeUndefined::Value(
                [("SKU-00109", 9), ("SKU-00107", 4), ("SKU-00189", 2), ("SKU-00009", 5)]
                    .map(|(sku, quantity)| OrderLineItemDraft {
                        sku: Some(sku.to_owned()),
                        quantity: Quantity::whole(quantity),
                        ..line.clone()
                    })
                    .to_vec(),
            ),
            ..OrderPatch::default()
        };
        let row = |id: i64, product: i64, quantity: f64| json!({ "id": id, "type": "line", "product": product, "quantity": quantity, "unit": 1 });
        let lines = json!([row(24, 85, 9.0), row(25, 109, 4.0), row(26, 190, 2.0), row(27, 10, 5.0)]);
        $told!(
            UpdateOrder { id: reference::<Order>("10"), order, integration_fields: None },
            "sale.sale",
            10,
            json!({ "id": 10, "reference": "SHOP-2", "lines": [24, 25, 26, 27], "lines.": lines }),
            "10"
        );

        let expected = InboundLineItemDraft {
            inventory_item_id: None,
            sku: Some("SKU-00112".to_owned()),
            expected_quantity: Quantity::whole(15),
            unit_cost: None,
            external_id: None,
        };
        let patch = InboundShipmentPatch {
            expected_arrival_at: "2027-01-05T10:00:00Z".parse().map_or(MaybeUndefined::Undefined, MaybeUndefined::Value),
            line_items: MaybeUndefined::Value(vec![expected]),
            ..InboundShipmentPatch::default()
        };
        $told!(
            UpdateInboundShipment { id: reference::<InboundShipment>("3"), inbound_shipment: patch, integration_fields: None },
            "stock.shipment.in",
            3,
            json!({
                "id": 3, "planned_date": { "__class__": "date", "year": 2027, "month": 1, "day": 5 },
                "incoming_moves": [343], "incoming_moves.": [{ "id": 343, "quantity": 15.0, "unit": 1 }],
            }),
            "3"
        );

        let back = |sku: &str, quantity| ReturnLineItemDraft {
            inventory_item_id: None,
            sku: Some(sku.to_owned()),
            expected_quantity: Quantity::whole(quantity),
            reason: None,
        };
        let lines = vec![back("SKU-00042", 4)];
        $told!(
            UpdateReturn {
                id: reference::<Return>("1"),
                returned: ReturnPatch { line_items: MaybeUndefined::Value(lines), ..ReturnPatch::default() },
                integration_fields: Some(crate::record::Json::of(&json!({ "reference": "RMA-1" }))),
            },
            "stock.shipment.out.return",
            1,
            json!({ "id": 1, "reference": "RMA-1", "incoming_moves": [569], "incoming_moves.": [{ "id": 569, "quantity": 4.0, "unit": 1 }] }),
            "1"
        );

        let product = ProductPatch {
            name: MaybeUndefined::Value("Green tea".to_owned()),
            gtin: MaybeUndefined::Value("4006381333931".to_owned()),
            unit_price: "9.50".parse().map_or(MaybeUndefined::Undefined, MaybeUndefined::Value),
            active: MaybeUndefined::Value(false),
            ..ProductPatch::default()
        };
        $told!(
            UpdateProduct { id: reference::<Product>("43"), product, integration_fields: None },
            "product.template",
            43,
            json!({
                "id": 43, "name": "Green tea", "list_price": { "__class__": "Decimal", "decimal": "9.5000" }, "products": [43],
                "products.": [{ "id": 43, "active": false, "identifiers": [3] }],
            }),
            "43"
        );
    }};
}

#[tokio::test]
async fn what_became_of_a_change_is_told_by_its_note_and_the_row() {
    macro_rules! told_of {
        ($command:expr, $model:literal, $row:literal, $held:expr, $id:literal) => {{
            let (command, held): (_, Value) = ($command, $held);
            let row = format!("{},{}", $model, $row);
            let of = async |notes: Value, written: Value, held: Value| told(&command, $model, notes, written, held).await;
            assert_eq!(of(json!([]), minute(9), held.clone()).await, "not done", "{row}: nothing was asked for");
            assert_eq!(of(note(&row, 5), Value::Null, held.clone()).await, "not done", "{row}: never written");
            assert_eq!(of(note(&row, 5), minute(4), held.clone()).await, "not done", "{row}: not written since");
            assert_eq!(of(note(&row, 5), minute(6), held.clone()).await, format!("done: {}", $id));
            let mut other = held.clone();
            for value in other.as_object_mut().unwrap().values_mut() {
                if value.is_string() {
                    *value = json!("something else");
                }
            }
            if $model == "stock.shipment.in" {
                other["incoming_moves."][0]["quantity"] = json!(12.0);
            }
            assert_eq!(
                of(note(&row, 5), minute(6), other).await,
                format!("The {} {} has been changed in Tryton since, and does not hold all that was to be written", $model, $row)
            );
        }};
    }
    each_change!(told_of);
}

/// A Tryton that takes notes and answers the change of the captured sale 10 so.
async fn changing(put: Answer, noted: Answer) -> (Tryton, Calls) {
    let data = captured();
    server(move |call, arguments| match call {
        "POST ir.note" => noted.clone(),
        "PUT sale.sale/10" => put.clone(),
        "DELETE ir.note/7" => Answer::Raw("HTTP/1.1 204 X\r\nConnection: close\r\n\r\n".to_owned()),
        _ => played(&data, call, arguments),
    })
    .await
}

#[tokio::test]
async fn a_note_is_left_before_a_change_and_taken_back_when_it_is_refused() {
    let made = || Answer::Json(json!({ "id": 7, "__name__": "ir.note" }));
    let order = OrderPatch { reference_id: MaybeUndefined::Value("SHOP-2".to_owned()), ..OrderPatch::default() };
    let command = UpdateOrder { id: reference("10"), order, integration_fields: None };
    for (put, noted, calls_after, kind, unknown) in [
        (Answer::Json(json!({ "id": 10 })), made(), vec!["POST ir.note", "PUT sale.sale/10"], None, false),
        (
            Answer::Error(400, CODE_TAKEN.to_owned()),
            made(),
            vec!["POST ir.note", "PUT sale.sale/10", "DELETE ir.note/7"],
            Some(Kind::Conflict),
            false,
        ),
        (Answer::Raw(CUT_OFF.to_owned()), made(), vec!["POST ir.note", "PUT sale.sale/10"], Some(Kind::Protocol), true),
        (Answer::Json(json!({ "id": 10 })), Answer::Error(400, NOT_ALLOWED.to_owned()), vec!["POST ir.note"], Some(Kind::Forbidden), false),
        (Answer::Json(json!({ "id": 10 })), Answer::Raw(CUT_OFF.to_owned()), vec!["POST ir.note"], Some(Kind::Protocol), false),
    ] {
        let (tryton, calls) = changing(put, noted).await;
        let error = Push::push(&tryton, &command, "ref-1").await.map(|written| assert_eq!(written.record.source.id, "10")).err();
        assert_eq!(error.as_ref().map(|error| error.kind), kind, "{error:?}");
        assert_eq!(error.is_some_and(|error| error.outcome_unknown), unknown);
        let calls = calls.lock().unwrap();
        let asked: Vec<&str> =
            calls.iter().map(|(call, _)| call.as_str()).filter(|call| !call.contains("search") && !call.contains("res.user")).collect();
        assert_eq!(asked, calls_after);
        let (_, note) = calls.iter().find(|(call, _)| call == "POST ir.note").unwrap();
        assert_eq!(*note, json!({ "resource": "sale.sale,10", "message": "Written by Crossdock (ref-1)" }));
    }
    // Nothing to change is nothing to note.
    let nothing = UpdateOrder { id: reference("10"), order: OrderPatch::default(), integration_fields: None };
    let (tryton, calls) = changing(made(), made()).await;
    Push::push(&tryton, &nothing, "ref-1").await.unwrap();
    assert!(calls.lock().unwrap().iter().all(|(call, _)| call.contains("search") || call.contains("res.user")));
}

fn taken(sku: &str, quantity: i64) -> ShipmentLineItemDraft {
    ShipmentLineItemDraft { inventory_item_id: None, product_id: None, sku: Some(sku.to_owned()), quantity: Quantity::whole(quantity), lot_id: None }
}

#[tokio::test]
async fn what_became_of_a_shipment_is_told_by_its_note_and_its_state() {
    let ship = |id: &str| ShipOrder { id: reference(id), shipment: ShipmentDraft::default(), integration_fields: None };
    let of = async |order: &str, notes: Value| told(&ship(order), "stock.shipment.out", notes, Value::Null, Value::Null).await;
    let shipment = |id: u8, before: bool| {
        let mut note = note(&format!("stock.shipment.out,{id}"), 0);
        if before {
            note[0]["create_date"]["day"] = json!(25);
        }
        note
    };
    assert_eq!(of("1", json!([])).await, "not done");
    assert_eq!(of("1", shipment(1, true)).await, "done: 1");
    let part = |quantity| ShipOrder {
        shipment: ShipmentDraft { line_items: Some(vec![taken("SKU-00042", quantity)]), ..ShipmentDraft::default() },
        ..ship("1")
    };
    assert_eq!(told(&part(5), "stock.shipment.out", shipment(1, true), Value::Null, Value::Null).await, "done: 1");
    assert_eq!(
        told(&part(2), "stock.shipment.out", shipment(1, true), Value::Null, Value::Null).await,
        "The shipment 1 has left, and not with what was to leave"
    );
    assert_eq!(of("4", shipment(4, false)).await, "not done", "it is packed, as it was");
    assert_eq!(of("4", shipment(4, true)).await, "The shipment 4 was begun in Tryton, and has not left");
}

#[tokio::test]
async fn what_became_of_a_count_is_told_by_its_note_and_its_state() {
    let adjustment = InventoryAdjustment { delta: Some(Quantity::whole(3)), ..InventoryAdjustment::default() };
    let command = AdjustInventory { id: reference::<InventoryItem>("43"), adjustment, integration_fields: None };
    let of = async |notes: Value, count: Value| told(&command, "stock.inventory", notes, Value::Null, count).await;
    let count = |state: &str| json!([{ "id": 9, "state": state, "lines.": [] }]);
    assert_eq!(of(json!([]), count("done")).await, "not done");
    assert_eq!(of(note("stock.inventory,9", 1), count("done")).await, "done: 43");
    assert_eq!(of(note("stock.inventory,9", 1), count("cancelled")).await, "not done");
    assert_eq!(of(note("stock.inventory,9", 1), json!([])).await, "not done", "it has been removed");
    assert_eq!(of(note("stock.inventory,9", 1), count("draft")).await, "The count 9 was made in Tryton, and is in state \"draft\"");
}

#[tokio::test]
async fn goods_that_are_not_put_away_yet_are_not_received_as_they_were_to_be() {
    let (tryton, _) = super::tryton().await;
    let line = |place: Option<&str>| ReceiptLineItemDraft {
        inventory_item_id: None,
        sku: Some("SKU-00107".to_owned()),
        quantity: Quantity::whole(91),
        lot_id: None,
        expires_at: None,
        location_id: place.map(reference::<WarehouseLocation>),
    };
    let receive = |place| ReceiveInboundShipment {
        id: reference("2"),
        receipt: ReceiptDraft { line_items: Some(vec![line(place)]), ..ReceiptDraft::default() },
        integration_fields: None,
    };
    let Found::Done(found) = Push::look_up(&tryton, &receive(None), "ref-1").await.unwrap() else { panic!("it is received") };
    assert_eq!(found.record.source.id, "2");
    let Found::Unclear(why) = Push::look_up(&tryton, &receive(Some("20")), "ref-1").await.unwrap() else { panic!("it lies at the door") };
    assert_eq!(why, "The shipment was received in Tryton, and not put away to its places yet");
}
