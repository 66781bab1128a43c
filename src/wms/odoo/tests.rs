//! The adapter against a server of captured answers ([`super::played`]): how rows become records, how pages resume, how
//! every error is read, and what a write leaves behind.

mod writing;

use std::sync::Mutex;

use serde_json::{Value, json};

use super::played::{
    Answer, BARCODE, BUSY, Calls, FORBIDDEN, GATEWAY, INVALID_KEY, MISSING_METHOD, MISSING_MODEL, MISSING_ROW, NO_CUSTOMER, NO_DATABASE, NOT_JSON,
    OWN_MISTAKE, captured, odoo, played, rows_of, server,
};
use super::{Odoo, integration};
use crate::record::{
    DataType, InboundShipment, InventoryItem, Order, OrderStatus, Product, Quantity, Record, Return, ShippingMethod, Source, Warehouse,
    WarehouseCustomer, WarehouseLocation,
};
use crate::wms::http::{Http, Limits};
use crate::wms::{Adapter, Checkpoint, Error, Kind, Next, Page, Pull, Retry, Scope};

async fn page<T: Record>(odoo: &Odoo) -> Page<T>
where
    Odoo: Pull<T>,
{
    Pull::<T>::pull(odoo, &Scope::default(), None).await.unwrap()
}

/// The error of one call that is answered so.
async fn error_of(answer: Answer) -> Error {
    let (odoo, _) = server(move |_, _| answer.clone()).await;
    let error = Pull::<Warehouse>::pull(&odoo, &Scope::default(), None).await.map(|_| ()).unwrap_err();
    let shown = format!("{error:?}");
    assert!(!shown.contains("SECRET") && !shown.contains("the-key"), "{shown}");
    error
}

#[tokio::test]
async fn every_error_is_told_apart() {
    let known = |status, body: &str| Answer::Error(status, body.to_owned());
    for (status, body, kind, retry) in [
        (401, INVALID_KEY, Kind::Unauthenticated, Retry::Never),
        (403, FORBIDDEN, Kind::Forbidden, Retry::Never),
        (404, MISSING_MODEL, Kind::Unsupported, Retry::Never),
        (404, MISSING_METHOD, Kind::Unsupported, Retry::Never),
        (404, MISSING_ROW, Kind::NotFound, Retry::Never),
        (422, NO_CUSTOMER, Kind::Validation, Retry::Never),
        (422, BARCODE, Kind::Conflict, Retry::Never),
        (500, OWN_MISTAKE, Kind::Validation, Retry::Never),
        (500, BUSY, Kind::Unavailable, Retry::BackOff),
    ] {
        let error = error_of(known(status, body)).await;
        let sent: Value = serde_json::from_str(body).unwrap();
        assert_eq!((error.kind, error.retry, error.http_status), (kind, retry, Some(status)), "{body}");
        assert_eq!((error.message.as_str(), error.code.as_deref()), (sent["message"].as_str().unwrap(), sent["name"].as_str()));
        assert_eq!(error.body.as_ref().unwrap().to_value()["message"], sent["message"]);
        assert!(!error.outcome_unknown, "Odoo rolled the call back: {body}");
    }
    for (status, body, kind, retry, unknown) in [
        (404, NO_DATABASE, Kind::Configuration, Retry::Never, false),
        (415, NOT_JSON, Kind::Protocol, Retry::Never, false),
        (502, GATEWAY, Kind::Unavailable, Retry::BackOff, true),
        (503, "", Kind::Unavailable, Retry::BackOff, true),
        (429, "", Kind::RateLimited, Retry::BackOff, false),
        (401, "", Kind::Unauthenticated, Retry::Never, false),
    ] {
        let error = error_of(known(status, body)).await;
        assert_eq!((error.kind, error.retry, error.outcome_unknown), (kind, retry, unknown), "{status} {body}");
    }
    assert_eq!(error_of(known(404, NO_DATABASE)).await.path, Some(vec!["baseUrl".to_owned()]));
    assert_eq!(error_of(known(502, GATEWAY)).await.message, "The server answered with status 502 and a page of its own: 502 Bad Gateway");
    for after in ["90", "Mon, 23 Nov 2026 15:43:00 GMT"] {
        let slow = format!(
            "HTTP/1.1 429 X\r\nDate: Mon, 23 Nov 2026 15:41:30 GMT\r\nRetry-After: {after}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let Retry::After(until) = error_of(Answer::Raw(slow)).await.retry else { panic!("it names a time") };
        let wait = until.millis_since(crate::clock::Clock::system().now());
        assert!((80_000..=90_000).contains(&wait), "{after}: so long from now by our clock, whatever Odoo's says: {wait} ms");
    }
}

#[tokio::test]
async fn hostile_answers_are_survived() {
    let raw = |text: &str| Answer::Raw(text.to_owned());
    for (answer, kind) in [
        (
            raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\nConnection: close\r\n\r\n[{\"id\": 1, \"na"),
            Kind::Protocol,
        ),
        (raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\nConnection: close\r\n\r\n[{\"id\": 1, \"n"), Kind::Protocol),
        (raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\nConnection: close\r\n\r\n<html>Log in, please.."), Kind::Protocol),
        (raw("HTTP/1.1 303 See Other\r\nLocation: /web/login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), Kind::Protocol),
        (raw(""), Kind::Unavailable),
        (Answer::Json(json!("three")), Kind::Protocol),
        (Answer::Json(Value::Null), Kind::Protocol),
    ] {
        let shown = format!("{answer:?}");
        assert_eq!(error_of(answer).await.kind, kind, "{shown}");
    }
    // The fields are well, the rows are not.
    for rows in [json!([{ "name": "no id" }]), json!({ "id": 1 }), json!([7])] {
        let wrong = rows.clone();
        let (odoo, _) = server(move |call, _| Answer::Json(if call.ends_with("fields_get") { json!({ "name": {} }) } else { wrong.clone() })).await;
        let error = Pull::<Warehouse>::pull(&odoo, &Scope::default(), None).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind, Kind::Protocol, "{rows}");
    }
    // A server that does not heed the question would be read for ever.
    let (odoo, _) = many(450, 0).await;
    let beyond = Pull::<Warehouse>::pull(&odoo, &Scope::default(), None).await.unwrap().next;
    let Next::More(checkpoint) = beyond else { panic!("{beyond:?}") };
    let data = captured();
    let (odoo, _) = server(move |call, arguments| match call {
        "stock.warehouse/search_read" => Answer::Json(data["rows"]["stock.warehouse"].clone()),
        _ => played(&data, call, arguments),
    })
    .await;
    let error = Pull::<Warehouse>::pull(&odoo, &Scope::default(), Some(&checkpoint)).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Protocol, "Rows were asked for in the order of their ids, and 1 came after 200"));
    let nowhere = Odoo::connect(
        serde_json::from_value(json!({ "baseUrl": "http://127.0.0.1:1", "apiKey": "x" })).unwrap(),
        &Http::new(Limits::default(), crate::clock::Clock::system()).unwrap(),
    );
    let error = nowhere.unwrap().check().await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.outcome_unknown), (Kind::Unavailable, false));
}

#[tokio::test]
async fn more_related_rows_than_one_answer_holds_are_all_read() {
    let mut data = captured();
    let product = data["rows"]["product.product"][0].clone();
    let mut quant = data["rows"]["stock.quant"][0].clone();
    quant["product_id"] = json!([product["id"], "x"]);
    quant["quantity"] = json!(1.0);
    let quants = (1..=4_001).map(|id| {
        quant["id"] = json!(id);
        quant.clone()
    });
    data["rows"]["stock.quant"] = quants.collect();
    data["rows"]["product.product"] = json!([product]);
    let (odoo, calls) = server(move |call, arguments| played(&data, call, arguments)).await;
    let items = page::<InventoryItem>(&odoo).await.records;
    assert_eq!(items[0].on_hand, Quantity::whole(4_001));
    assert_eq!(calls.lock().unwrap().iter().filter(|(call, _)| call == "stock.quant/search_read").count(), 2);
}

#[tokio::test]
async fn a_field_that_went_away_is_looked_for_once_more() {
    let data = captured();
    let failed = Mutex::new(false);
    let (odoo, calls) = server(move |call, arguments| {
        let mut failed = failed.lock().unwrap();
        if call == "stock.warehouse/search_read" && !*failed {
            *failed = true;
            return Answer::Error(500, OWN_MISTAKE.to_owned());
        }
        played(&data, call, arguments)
    })
    .await;
    let error = Pull::<Warehouse>::pull(&odoo, &Scope::default(), None).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind, Kind::Validation);
    for _ in 0..2 {
        assert_eq!(page::<Warehouse>(&odoo).await.records.len(), 4);
    }
    let asked = calls.lock().unwrap().iter().filter(|(call, _)| call == "stock.warehouse/fields_get").count();
    assert_eq!(asked, 2, "once before, once after, and then it is known");
}

/// An Odoo of so many warehouses, all like a captured one, that is out of order once: at call `broken` of `search_read`.
async fn many(count: i64, broken: usize) -> (Odoo, Calls) {
    let data = captured();
    let one = data["rows"]["stock.warehouse"][0].clone();
    let rows: Value = (1..=count)
        .map(|id| {
            let mut row = one.clone();
            row["id"] = json!(id);
            row
        })
        .collect();
    let asked = Mutex::new(0);
    server(move |call, arguments| {
        if call == "stock.warehouse/search_read" {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            return if *asked == broken { Answer::Error(502, GATEWAY.to_owned()) } else { Answer::Json(rows_of(&rows, arguments)) };
        }
        played(&data, call, arguments)
    })
    .await
}

#[tokio::test]
async fn pages_resume_where_they_stopped() {
    let (odoo, _) = many(450, 2).await;
    let (mut ids, mut checkpoint, mut failures, mut pages) = (Vec::new(), None::<Checkpoint>, 0, 0);
    let complete = loop {
        match Pull::<Warehouse>::pull(&odoo, &Scope::default(), checkpoint.as_ref()).await {
            Ok(page) => {
                pages += 1;
                assert_eq!(page.source_time, "2026-11-23T15:41:30Z".parse().ok());
                ids.extend(page.records.iter().map(|record| record.source.id.parse::<i64>().unwrap()));
                match page.next {
                    Next::More(next) => checkpoint = Some(serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap()),
                    Next::Done { complete } => break complete,
                    next @ Next::CutOff { .. } => panic!("{next:?}"),
                }
            }
            Err(error) => {
                failures += 1;
                assert!(error.is_retryable());
            }
        }
    };
    assert_eq!((ids, complete, failures, pages), ((1..=450).collect::<Vec<_>>(), true, 1, 3));

    let foreign = Checkpoint(json!({ "cursor": "abc" }));
    let error = Pull::<Warehouse>::pull(&odoo, &Scope::default(), Some(&foreign)).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind, Kind::Protocol);
}

#[tokio::test]
async fn a_listing_of_changes_is_never_complete_and_asks_for_children() {
    let (odoo, calls) = odoo().await;
    let since = "2026-11-23T12:00:00.75Z".parse().ok();
    let page = Pull::<Order>::pull(&odoo, &Scope { since, until: "2026-11-24T00:00:00Z".parse().ok() }, None).await.unwrap();
    assert_eq!(page.next, Next::Done { complete: false });
    let calls = calls.lock().unwrap();
    let (_, asked) = calls.iter().find(|(call, _)| call == "sale.order/search_read").unwrap();
    let t = "2026-11-23 12:00:00";
    assert_eq!(
        asked["domain"],
        json!([
            ["state", "in", ["sale", "cancel"]],
            "|",
            ["write_date", ">=", t],
            ["partner_shipping_id.write_date", ">=", t],
            ["write_date", "<", "2026-11-24 00:00:01"]
        ]),
        "the captured fields_get knows neither order_line nor picking_ids"
    );
    assert_eq!((&asked["order"], &asked["limit"], &asked["context"]["active_test"]), (&json!("id"), &json!(200), &json!(false)));
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_rejected_alone() {
    let mut data = captured();
    data["rows"]["stock.warehouse"][1]["name"] = json!(12);
    data["rows"]["stock.warehouse"][2]["write_date"] = json!("yesterday");
    let (odoo, _) = server(move |call, arguments| played(&data, call, arguments)).await;
    let page = page::<Warehouse>(&odoo).await;
    assert_eq!(page.records.len(), 2);
    let reasons: Vec<(Option<&str>, &str)> = page.rejects.iter().map(|reject| (reject.source_id.as_deref(), reject.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (Some("2"), "name of stock.warehouse: invalid type: integer `12`, expected a string"),
            (Some("3"), "write_date of stock.warehouse: \"yesterday\" is not a moment such as \"2026-11-23 12:10:33\""),
        ]
    );
    assert_eq!(page.rejects[0].raw.to_value()["name"], 12);

    let mut data = captured();
    data["rows"]["sale.order.line"][0]["product_uom_qty"] = json!("many");
    let (odoo, _) = server(move |call, arguments| played(&data, call, arguments)).await;
    let page = self::page::<Order>(&odoo).await;
    assert_eq!((page.records.len(), page.rejects.len()), (4, 1), "a line takes its order along");
}

#[tokio::test]
async fn what_is_not_installed_is_not_asked_for() {
    let mut data = captured();
    data["fields"]["sale.order"].as_array_mut().unwrap().retain(|field| field != "carrier_id" && field != "delivery_status");
    let (odoo, calls) = server(move |call, arguments| match call {
        "delivery.carrier/fields_get" => Answer::Error(404, MISSING_MODEL.to_owned()),
        _ => played(&data, call, arguments),
    })
    .await;
    assert_eq!(page::<Order>(&odoo).await.records.len(), 5);
    let asked = calls.lock().unwrap().iter().find(|(call, _)| call == "sale.order/search_read").unwrap().1["fields"].clone();
    assert!(asked.as_array().unwrap().contains(&json!("name")) && !asked.as_array().unwrap().contains(&json!("carrier_id")), "{asked}");
    let error = Pull::<ShippingMethod>::pull(&odoo, &Scope::default(), None).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Unsupported, "the model 'delivery.carrier' does not exist"));
}

#[tokio::test]
async fn a_user_of_the_warehouse_reads_orders_without_their_labels() {
    let data = captured();
    let (odoo, _) = server(move |call, arguments| match call {
        "crm.tag/fields_get" | "crm.tag/search_read" => Answer::Error(403, FORBIDDEN.to_owned()),
        _ => played(&data, call, arguments),
    })
    .await;
    let orders = page::<Order>(&odoo).await;
    assert_eq!(orders.records.len(), 5);
    assert!(orders.records.iter().all(|order| order.source_tags.is_empty()));
}

#[tokio::test]
async fn a_page_costs_the_same_calls_however_many_records_it_has() {
    let (odoo, calls) = odoo().await;
    assert_eq!(page::<Order>(&odoo).await.records.len(), 5);
    let asked = |calls: &Calls| calls.lock().unwrap().drain(..).filter(|(call, _)| !call.ends_with("fields_get")).count();
    assert_eq!(asked(&calls), 13);
    assert_eq!(page::<InventoryItem>(&odoo).await.records.len(), 31);
    assert_eq!(asked(&calls), 3);
}

/// The record without its payload, which the fixture already is.
macro_rules! shown {
    ($odoo:expr, $type:ident, $ids:expr) => {{
        let page = page::<$type>($odoo).await;
        assert!(page.rejects.is_empty(), "{:?}", page.rejects);
        let base = $odoo.site.base().to_owned();
        let wanted = |record: &$type| $ids.is_empty() || $ids.contains(&record.source.id.as_str());
        let strip = |record: $type| {
            assert!(record.source.raw.as_ref().is_some_and(|raw| raw.to_value().is_object()));
            let url = record.source.url.as_ref().map(|url| url.replace(&base, "https://odoo.example"));
            $type { source: Source { raw: None, url, ..record.source }, ..record }
        };
        page.records.into_iter().filter(wanted).map(strip).collect::<Vec<$type>>()
    }};
}

#[tokio::test]
async fn orders_are_mapped() {
    let (odoo, _) = odoo().await;
    let orders = shown!(&odoo, Order, [""; 0]);
    let states: Vec<_> = orders.iter().map(|order| (order.order_number.as_str(), order.status, order.raw_status.as_deref().unwrap())).collect();
    assert_eq!(
        states,
        [
            ("S00001", OrderStatus::Fulfilled, "sale/full"),
            ("S00007", OrderStatus::Confirmed, "sale/pending"),
            ("S00009", OrderStatus::Cancelled, "cancel"),
            // All of it has left; a part of it is coming back.
            ("S00011", OrderStatus::Fulfilled, "sale/partial"),
            ("S00021", OrderStatus::Fulfilled, "sale/started"),
        ]
    );
    insta::assert_json_snapshot!("order", &orders[..2]);
}

#[tokio::test]
async fn inbound_shipments_are_mapped() {
    let (odoo, _) = odoo().await;
    insta::assert_json_snapshot!("inbound_shipment", shown!(&odoo, InboundShipment, ["1", "2"]));
}

#[tokio::test]
async fn returns_are_mapped() {
    let (odoo, _) = odoo().await;
    insta::assert_json_snapshot!("return", shown!(&odoo, Return, ["83", "84"]));
}

#[tokio::test]
async fn inventory_is_mapped() {
    let (odoo, _) = odoo().await;
    let items = shown!(&odoo, InventoryItem, [""; 0]);
    let sum = |of: fn(&InventoryItem) -> Quantity| items.iter().map(of).sum::<Quantity>();
    let quants = captured()["rows"]["stock.quant"].as_array().unwrap().clone();
    let truth = |field: &str| quants.iter().map(|quant| Quantity::from_f64(quant[field].as_f64().unwrap()).unwrap()).sum::<Quantity>();
    assert_eq!((sum(|item| item.on_hand), sum(|item| item.committed)), (truth("quantity"), truth("reserved_quantity")));
    let lotted = items.iter().find(|item| !item.lots.is_empty()).unwrap();
    let owned = items.iter().find(|item| item.warehouse_customer.is_some()).unwrap();
    let negative = items.iter().find(|item| item.on_hand < Quantity::ZERO || item.by_warehouse.iter().any(|w| w.on_hand < Quantity::ZERO)).unwrap();
    insta::assert_json_snapshot!("inventory_item", [lotted, owned, negative]);
}

#[tokio::test]
async fn products_are_mapped() {
    let (odoo, _) = odoo().await;
    let products = shown!(&odoo, Product, [""; 0]);
    let variant = products.iter().find(|product| product.sku.as_deref() == Some("SHIRT-0")).unwrap();
    let supplied = products.iter().find(|product| product.supplier.is_some()).unwrap();
    let archived = products.iter().find(|product| !product.active).unwrap();
    insta::assert_json_snapshot!("product", [variant, supplied, archived]);
}

#[tokio::test]
async fn the_rest_is_mapped() {
    let (odoo, _) = odoo().await;
    insta::assert_json_snapshot!("warehouse", shown!(&odoo, Warehouse, ["1", "4"]));
    insta::assert_json_snapshot!("warehouse_location", shown!(&odoo, WarehouseLocation, [""; 0]));
    insta::assert_json_snapshot!("shipping_method", shown!(&odoo, ShippingMethod, ["1", "5"]));
    insta::assert_json_snapshot!("warehouse_customer", shown!(&odoo, WarehouseCustomer, ["8"]));
}

#[test]
fn it_can_what_it_implements_and_describes_its_credentials() {
    let odoo = integration();
    assert_eq!(odoo.reads.iter().map(|reads| reads.data_type).collect::<std::collections::BTreeSet<_>>().len(), DataType::ALL.len());
    assert_eq!(odoo.writes.len(), 14);
    insta::assert_json_snapshot!("credentials", odoo.credentials_schema);
    let http = Http::new(Limits::default(), crate::clock::Clock::system()).unwrap();
    for (credentials, path) in [
        (json!({ "baseUrl": "https://odoo.example", "apiKey": " " }), "apiKey"),
        (json!({ "baseUrl": "odoo.example", "apiKey": "k" }), "baseUrl"),
        (json!({ "baseUrl": "https://odoo.example", "apiKey": "k", "user": "me" }), "user"),
        (json!({ "baseUrl": "https://odoo.example", "apiKey": 7 }), "apiKey"),
    ] {
        let error = odoo.connect(&credentials, &http).map(|_| ()).unwrap_err();
        assert_eq!((error.kind, error.path), (Kind::Configuration, Some(vec![path.to_owned()])), "{credentials}");
    }
    assert!(odoo.connect(&json!({ "baseUrl": "https://odoo.example/odoo/", "apiKey": "k", "database": null }), &http).is_ok());
}
