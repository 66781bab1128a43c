//! Writes that no answer came to, of every kind and in every way, and what a look at the sandbox tells of them.

use std::time::Duration;

use serde_json::json;

use super::faults::{rules, struck};
use super::writing::{draft, line, plenty, reference_to};
use super::*;
use crate::record::draft::{
    AdjustInventory, CancelOrder, CancelReturn, CreateInboundShipment, CreateProduct, CreateReturn, InboundLineItemDraft, InboundShipmentDraft,
    InboundShipmentPatch, InventoryAdjustment, MaybeUndefined, OrderPatch, ProductDraft, ProductPatch, ReceiptDraft, ReceiveInboundShipment, Ref,
    ReturnDraft, ReturnPatch, ShipOrder, ShipmentDraft, UpdateInboundShipment, UpdateOrder, UpdateProduct, UpdateReturn,
};
use crate::record::{InventoryItem, Order, Quantity};
use crate::wms::http::Limits;
use crate::wms::{AnyCommand, AnyWritten, Kind};

/// What each command needs to be there, made anew: none of them depends on another.
async fn commands(wms: &Arc<dyn Wms>, turn: usize) -> Vec<AnyCommand> {
    let (product, item) = plenty(wms).await;
    let sku = product.sku.clone().unwrap();
    let warehouse = item.by_warehouse.iter().find(|of| of.fulfillable > Quantity::whole(50)).unwrap().warehouse.clone().unwrap();
    let order = async |what: &str| {
        let mut command = draft(vec![line(&sku, 1)]);
        command.order.reference_id = None;
        push(wms, command, &format!("{what}-{turn}")).await.unwrap().record.source.id
    };
    let announced = InboundLineItemDraft {
        inventory_item_id: reference_to(&item.source.id),
        sku: None,
        expected_quantity: Quantity::whole(10),
        unit_cost: None,
        external_id: None,
    };
    let inbound =
        InboundShipmentDraft { warehouse_id: reference_to(warehouse.source_id()), line_items: vec![announced], ..InboundShipmentDraft::default() };
    let asn = async |what: &str| {
        let command = CreateInboundShipment { inbound_shipment: inbound.clone(), integration_fields: None };
        push(wms, command, &format!("{what}-{turn}")).await.unwrap().record.source.id
    };
    let orders = read_all::<Order>(wms, Scope::default()).await.records;
    let sent = orders.values().find(|order| order.raw_status.as_deref() == Some("shipped")).unwrap().source.id.clone();
    let back = ReturnDraft { order_id: reference_to(&sent), ..ReturnDraft::default() };
    let rma = async |what: &str| {
        let command = CreateReturn { returned: back.clone(), integration_fields: None };
        push(wms, command, &format!("{what}-{turn}")).await.unwrap().record.source.id
    };
    fn to<T: Record>(id: &str) -> Ref<T> {
        reference_to(id).unwrap()
    }
    let text = |text: &str| MaybeUndefined::Value(format!("{text} {turn}"));
    let notes = || MaybeUndefined::Value(vec![format!("note {turn}")]);
    let mut fresh = draft(vec![line(&sku, 1)]);
    fresh.order.reference_id = Some(format!("unknown-{turn}"));
    let renamed = OrderPatch { reference_id: text("r"), ..OrderPatch::default() };
    let made = ProductDraft {
        warehouse_customer_id: product.warehouse_customer.as_ref().and_then(|client| reference_to(client.source_id())),
        sku: Some(format!("MADE-{turn}")),
        name: "Made".to_owned(),
        ..ProductDraft::default()
    };
    let adjustment =
        InventoryAdjustment { warehouse_id: reference_to(warehouse.source_id()), delta: Some(Quantity::whole(1)), ..InventoryAdjustment::default() };
    vec![
        fresh.into(),
        UpdateOrder { id: to(&order("u").await), order: renamed, integration_fields: None }.into(),
        CancelOrder { id: to(&order("c").await), reason: None, integration_fields: None }.into(),
        ShipOrder { id: to(&order("s").await), shipment: ShipmentDraft::default(), integration_fields: None }.into(),
        CreateInboundShipment { inbound_shipment: inbound.clone(), integration_fields: None }.into(),
        UpdateInboundShipment {
            id: to(&asn("a").await),
            inbound_shipment: InboundShipmentPatch { notes: notes(), ..InboundShipmentPatch::default() },
            integration_fields: None,
        }
        .into(),
        ReceiveInboundShipment { id: to(&asn("b").await), receipt: ReceiptDraft::default(), integration_fields: None }.into(),
        CreateReturn { returned: back.clone(), integration_fields: None }.into(),
        UpdateReturn { id: to(&rma("d").await), returned: ReturnPatch { notes: notes(), ..ReturnPatch::default() }, integration_fields: None }.into(),
        CancelReturn { id: to(&rma("e").await), reason: None, integration_fields: None }.into(),
        CreateProduct { product: made, integration_fields: None }.into(),
        UpdateProduct {
            id: to(&product.source.id),
            product: ProductPatch { name: text("Named"), ..ProductPatch::default() },
            integration_fields: None,
        }
        .into(),
        AdjustInventory { id: to(&item.source.id), adjustment, integration_fields: None }.into(),
    ]
}

/// Everything that can be written, as the sandbox shows it.
async fn everything(sandbox: &RunningSandbox) -> Vec<Value> {
    let mut all = Vec::new();
    for name in ["orders", "asns", "rmas", "products", "inventory"] {
        let mut next = Value::Null;
        loop {
            let cursor = next.as_str().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = get(sandbox, &format!("/v1/{name}?limit=250{cursor}")).await;
            all.push(page["data"].clone());
            next = page["next_cursor"].clone();
            if next.is_null() {
                break;
            }
        }
    }
    all
}

fn shown(written: &AnyWritten) -> String {
    format!("{written:?}")
}

#[tokio::test]
async fn what_was_carried_out_without_an_answer_is_found_and_never_done_twice() {
    let hurried = Http::new(Limits { deadline: Duration::from_secs(4), ..Limits::default() }, crate::clock::Clock::system()).unwrap();
    for (turn, rule) in [
        json!({ "fault": "acceptThenDrop" }),
        json!({ "fault": "acceptThenDelay", "milliseconds": 60_000 }),
        json!({ "fault": "acceptThenStatus", "status": 500 }),
        json!({ "fault": "acceptThenStatus", "status": 504 }),
        json!({ "fault": "cutOff", "afterBytes": 5 }),
        json!({ "fault": "brokenJson" }),
    ]
    .into_iter()
    .enumerate()
    {
        let (sandbox, wms) = sandbox().await;
        let commands = commands(&wms, turn).await;
        assert_eq!(commands.len(), 13);
        let impatient = super::super::integration().connect(&sandbox.credentials(), &hurried).unwrap();
        sandbox.set_faults(rules(json!([rule])));
        let pushes = commands.iter().enumerate().map(|(index, command)| {
            let impatient = &impatient;
            async move { impatient.push(command, &format!("lost-{index}")).await.map(drop).unwrap_err() }
        });
        for (error, command) in futures_util::future::join_all(pushes).await.into_iter().zip(&commands) {
            assert!(error.outcome_unknown, "{rule}, {}: {error:?}", command.action());
        }
        assert_eq!(struck(&sandbox), [(13, 13)], "{rule}");
        sandbox.set_faults(Vec::new());
        let before = everything(&sandbox).await;
        for (index, command) in commands.iter().enumerate() {
            let (action, key) = (command.action(), format!("lost-{index}"));
            let Found::Done(found) = wms.look_up(command, &key).await.unwrap() else { panic!("{rule}, {action}: not found") };
            // The same request under the same key only shows what there is.
            let again = wms.push(command, &key).await.unwrap();
            assert_eq!(shown(&found), shown(&again), "{rule}, {action}");
            assert!(matches!(wms.look_up(command, &format!("other-{index}")).await.unwrap(), Found::NotDone), "{rule}, {action}");
        }
        assert_eq!(everything(&sandbox).await, before, "{rule}: nothing was done twice");
    }
}

#[tokio::test]
async fn what_was_not_carried_out_is_not_found() {
    let (sandbox, wms) = sandbox().await;
    let commands = commands(&wms, 0).await;
    let before = everything(&sandbox).await;
    for (turn, rule) in [
        json!({ "fault": "reset" }),
        json!({ "fault": "garbage" }),
        json!({ "fault": "status", "status": 500 }),
        json!({ "fault": "rateLimit" }),
        json!({ "fault": "expireToken" }),
    ]
    .into_iter()
    .enumerate()
    {
        for (index, command) in commands.iter().enumerate() {
            sandbox.set_faults(rules(json!([rule])));
            assert!(wms.push(command, &format!("none-{turn}-{index}")).await.is_err(), "{rule}");
            sandbox.set_faults(Vec::new());
            let found = wms.look_up(command, &format!("none-{turn}-{index}")).await.unwrap();
            assert!(matches!(found, Found::NotDone), "{rule}, {}", command.action());
        }
    }
    assert_eq!(everything(&sandbox).await, before);
    // What was refused is not done either.
    let command = CancelOrder { id: reference_to("ord_999999").unwrap(), reason: None, integration_fields: None };
    assert_eq!(push(&wms, command.clone(), "refused").await.unwrap_err().kind, Kind::NotFound);
    assert!(matches!(look_up(&wms, command, "refused").await.unwrap(), Found::NotDone));
}

#[tokio::test]
async fn a_look_that_sees_nothing_says_so() {
    let (sandbox, wms) = sandbox().await;
    let (product, _) = plenty(&wms).await;
    let command = draft(vec![line(product.sku.as_deref().unwrap(), 1)]);
    let order = push(&wms, command.clone(), "seen").await.unwrap().record;
    let Found::Done(found) = look_up(&wms, command.clone(), "seen").await.unwrap() else { panic!("not found") };
    assert_eq!((found.record, found.unused_fields), (order.clone(), vec!["shipTo.address3".to_owned()]));
    let told = get(&sandbox, "/v1/idempotency/seen").await;
    assert_eq!((&told["action"], &told["id"]), (&json!("orders.create"), &json!(order.source.id)));

    // A row that has been deleted since cannot be shown; that something was done is sure all the same.
    assert_eq!(ask(&sandbox, "DELETE", &format!("/v1/orders/{}", order.source.id), None).await.status, 204);
    let Found::Unclear(why) = look_up(&wms, command.clone(), "seen").await.unwrap() else { panic!("not unclear") };
    assert!(why.contains("has been deleted since"), "{why}");
    let Found::Unclear(why) = look_up(&wms, command.clone(), "a/b").await.unwrap() else { panic!("not unclear") };
    assert!(why.contains("a/b"), "{why}");

    // A look that fails says nothing of the write.
    for rule in [json!({ "fault": "status", "status": 404 }), json!({ "fault": "garbage" }), json!({ "fault": "reset" })] {
        sandbox.set_faults(rules(json!([rule])));
        assert!(look_up(&wms, command.clone(), "seen").await.is_err(), "{rule}");
    }
    sandbox.set_faults(Vec::new());
    let elsewhere = json!({ "baseUrl": format!("{}/elsewhere", sandbox.url()), "apiToken": DEMO_TOKEN });
    let elsewhere = super::super::integration().connect(&elsewhere, &http()).unwrap();
    assert_eq!(look_up(&elsewhere, command, "seen").await.map(drop).unwrap_err().kind, Kind::NotFound, "no sandbox is there");
}

#[tokio::test]
async fn keys_survive_a_restart_and_belong_to_one_request() {
    let folder = tempfile::tempdir().unwrap();
    let state = Some(folder.path().join("sandbox.jsonl"));
    let first = start(SandboxConfig { state: state.clone(), ..config(&Hands::at_epoch()) }).await.unwrap();
    let commands = commands(&connect(&first), 0).await;
    for (index, command) in commands.iter().enumerate() {
        connect(&first).push(command, &format!("kept-{index}")).await.unwrap();
    }
    let before = everything(&first).await;
    first.shutdown().await.unwrap();
    let second = start(SandboxConfig { state, ..config(&Hands::at_epoch()) }).await.unwrap();
    assert_eq!(everything(&second).await, before, "the writes were carried out again");
    let wms = connect(&second);
    for (index, command) in commands.iter().enumerate() {
        assert!(matches!(wms.look_up(command, &format!("kept-{index}")).await.unwrap(), Found::Done(_)), "{}", command.action());
        wms.push(command, &format!("kept-{index}")).await.unwrap();
        let other = &commands[(index + 1) % commands.len()];
        let error = wms.push(other, &format!("kept-{index}")).await.map(drop).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("idempotency_key_reused"), "{}", command.action());
    }
    assert_eq!(everything(&second).await, before, "nothing was done twice");
    let items = read_all::<InventoryItem>(&wms, Scope::default()).await.records;
    items.values().for_each(super::data::adds_up);
}

#[tokio::test]
async fn files_of_the_first_version_still_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.jsonl");
    let lines = [
        r#"{"seed":1,"orders":600,"epoch":"2026-06-15T12:00:00Z"}"#,
        r#"{"at":"2026-06-15T12:00:10Z","write":{"create_order":{"key":"write-1","order":{"number":null,"reference":"shop-1","client_id":null,"warehouse_id":null,"shipping_method_id":"sm_04","kind":"wholesale","ship_to":{"name":"Ada","company":null,"address1":"1 Dock Road","address2":null,"city":"Rotterdam","region":null,"zip":"3011","country":"NL","phone":null,"email":null},"ship_by":null,"currency":"EUR","channel":null,"gift_message":null,"tags":[],"lines":[{"product_id":"prd_00002","sku":null,"qty":1,"unit_price":"9.95"}]}}}}"#,
        r#"{"at":"2026-06-15T12:00:20Z","write":{"ship_order":{"order":601}}}"#,
        r#"{"at":"2026-06-15T12:00:30Z","write":{"cancel_order":{"order":589}}}"#,
        r#"{"at":"2026-06-15T12:00:40Z","write":{"change_product":{"product":5,"change":{"title":"Kept"}}}}"#,
        r#"{"at":"2026-06-15T12:00:50Z","write":{"delete":{"resource":"products","number":6}}}"#,
    ];
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    let sandbox = start(SandboxConfig { state: Some(path), ..config(&Hands::at_epoch()) }).await.unwrap();
    let order = get(&sandbox, "/v1/orders/ord_000601").await;
    assert_eq!((&order["reference"], &order["updated_at"]), (&json!("shop-1"), &json!("2026-06-15T12:00:20Z")), "{order:#}");
    assert_eq!(get(&sandbox, "/v1/idempotency/write-1").await["row"], order);
    assert_eq!(get(&sandbox, "/v1/products/prd_00005").await["title"], "Kept");
    assert_eq!(ask(&sandbox, "GET", "/v1/products/prd_00006", None).await.status, 404);
}
