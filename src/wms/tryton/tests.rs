//! The adapter against a server of captured answers ([`super::played`]): how rows become records, how pages resume, and how
//! every error is read. What writes leave behind stands in [`writing`] and [`changes`].

mod changes;
mod writing;

use std::sync::Mutex;

use serde_json::{Value, json};

use super::played::{
    Answer, CODE_TAKEN, Calls, FORBIDDEN, GATEWAY, NO_PARTY, NO_POSTGRES, NO_REASON, NOT_ALLOWED, NOT_FOUND, PADDING, UNAUTHORIZED, UNKNOWN_MODEL,
    captured, played, rows_of, server, tryton,
};
use super::{Tryton, integration};
use crate::record::{
    DataType, InboundShipment, InventoryItem, Order, OrderStatus, Product, Quantity, Record, Return, ShippingMethod, Source, Warehouse,
    WarehouseCustomer, WarehouseLocation,
};
use crate::wms::http::{Http, Limits};
use crate::wms::{Adapter, Checkpoint, Error, Kind, Next, Page, Pull, Retry, Scope};

async fn page<T: Record>(tryton: &Tryton) -> Page<T>
where
    Tryton: Pull<T>,
{
    Pull::<T>::pull(tryton, &Scope::default(), None).await.unwrap()
}

/// The error of a listing whose question is answered so, and what Tryton is asked for.
async fn error_of(answer: Answer) -> Error {
    let data = captured();
    let (tryton, _) = server(move |call, arguments| match call {
        "POST stock.location/search_count" => answer.clone(),
        _ => played(&data, call, arguments),
    })
    .await;
    let error = Pull::<Warehouse>::pull(&tryton, &Scope::default(), None).await.map(|_| ()).unwrap_err();
    let shown = format!("{error:?}");
    assert!(!shown.contains("the-key-that-never-shows"), "{shown}");
    error
}

#[tokio::test]
async fn every_error_is_told_apart() {
    let known = |status, body: &str| Answer::Error(status, body.to_owned());
    let rate = "HTTP/1.1 429 X\r\nRetry-After: 90\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
    for (answer, kind, retry, unknown) in [
        (known(400, CODE_TAKEN), Kind::Conflict, Retry::Never, false),
        (known(400, NOT_ALLOWED), Kind::Forbidden, Retry::Never, false),
        (known(400, NO_PARTY), Kind::Validation, Retry::Never, false),
        // The server failed, over the caller's mistake or its own, and does not say why.
        (known(400, NO_REASON), Kind::Protocol, Retry::Never, false),
        (known(401, UNAUTHORIZED), Kind::Unauthenticated, Retry::Never, false),
        (known(403, FORBIDDEN), Kind::Forbidden, Retry::Never, false),
        (known(404, NOT_FOUND), Kind::Configuration, Retry::Never, false),
        (known(429, ""), Kind::RateLimited, Retry::BackOff, false),
        (known(500, UNKNOWN_MODEL), Kind::Validation, Retry::Never, false),
        (known(500, PADDING), Kind::Validation, Retry::Never, false),
        (known(500, NO_POSTGRES), Kind::Unavailable, Retry::BackOff, false),
        (known(502, GATEWAY), Kind::Unavailable, Retry::BackOff, true),
        (known(503, ""), Kind::Unavailable, Retry::BackOff, true),
        (known(401, ""), Kind::Unauthenticated, Retry::Never, false),
    ] {
        let shown = format!("{answer:?}");
        let error = error_of(answer).await;
        assert_eq!((error.kind, error.retry, error.outcome_unknown), (kind, retry, unknown), "{shown}");
    }
    let taken = error_of(known(400, CODE_TAKEN)).await;
    assert_eq!(taken.message, "Code of active product must be unique.");
    assert_eq!(taken.body.unwrap().to_value(), serde_json::from_str::<Value>(CODE_TAKEN).unwrap());
    assert_eq!(error_of(known(500, UNKNOWN_MODEL)).await.message, "'no.model'");
    assert_eq!(error_of(known(404, NOT_FOUND)).await.path, Some(vec!["baseUrl".to_owned()]));
    assert_eq!(error_of(known(502, GATEWAY)).await.message, "The server answered with status 502 and a page of its own: 502 Bad Gateway");
    let Retry::After(until) = error_of(Answer::Raw(rate)).await.retry else { panic!("it names a time") };
    let wait = until.millis_since(crate::clock::Clock::system().now());
    assert!((80_000..=90_000).contains(&wait), "{wait} ms");
}

#[tokio::test]
async fn who_may_not_read_is_told_so_in_trytons_words() {
    let data = captured();
    let (tryton, _) = server(move |call, arguments| match call {
        "POST sale.sale/search_count" | "POST sale.sale/search_read" => Answer::Error(403, FORBIDDEN.to_owned()),
        "GET sale.sale" => Answer::Error(400, NOT_ALLOWED.to_owned()),
        "POST ir.model.access/get_access" => {
            let mut rights = json!({});
            for model in arguments["models"].as_array().unwrap() {
                rights[model.as_str().unwrap()] = json!({ "read": if model == "sale.sale" { json!(0) } else { json!(true) } });
            }
            Answer::Json(rights)
        }
        _ => played(&data, call, arguments),
    })
    .await;
    let error = Pull::<Order>::pull(&tryton, &Scope::default(), None).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Forbidden, "You are not allowed to access \"Sale\"."));
    let account = tryton.check().await.unwrap();
    assert_eq!(account.description.as_deref(), Some("Tryton 8.0.5: Probe Logistics B.V."));
    assert_eq!(account.forbidden, [(DataType::Orders, "You are not allowed to access \"Sale\".".to_owned())]);
}

#[tokio::test]
async fn a_check_takes_few_calls() {
    let (tryton, calls) = tryton().await;
    let account = tryton.check().await.unwrap();
    assert_eq!(account.forbidden, []);
    let calls: Vec<String> = calls.lock().unwrap().iter().map(|(call, _)| call.clone()).collect();
    assert_eq!(
        calls,
        [
            "POST res.user/get_preferences",
            "POST ir.model.field/search_read",
            "POST ir.module/search_read",
            "POST company.company/search_read",
            "POST ir.model.access/get_access"
        ]
    );
}

#[tokio::test]
async fn hostile_answers_are_survived() {
    let raw = |text: &str| Answer::Raw(text.to_owned());
    for (answer, kind) in [
        (raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\nConnection: close\r\n\r\n[{\"id\": 1, \"n"), Kind::Protocol),
        (raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\nConnection: close\r\n\r\n<html>Log in, please.."), Kind::Protocol),
        (raw(""), Kind::Unavailable),
        (Answer::Json(json!("three")), Kind::Protocol),
    ] {
        let shown = format!("{answer:?}");
        assert_eq!(error_of(answer).await.kind, kind, "{shown}");
    }
    // The count is well, the rows are not.
    for rows in [json!([{ "name": "no id" }]), json!({ "id": 1 }), json!([7])] {
        let (data, wrong) = (captured(), rows.clone());
        let (tryton, _) = server(move |call, arguments| match call {
            "POST stock.location/search_read" => Answer::Json(wrong.clone()),
            _ => played(&data, call, arguments),
        })
        .await;
        let error = Pull::<Warehouse>::pull(&tryton, &Scope::default(), None).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind, Kind::Protocol, "{rows}");
    }
    // A database that knows nothing of a warehouse is none.
    let (tryton, _) = server(move |call, _| match call {
        "POST res.user/get_preferences" => Answer::Json(json!({ "company": 1 })),
        _ => Answer::Json(json!([])),
    })
    .await;
    assert_eq!(tryton.check().await.map(|_| ()).unwrap_err().kind, Kind::Protocol);
    // A server that does not heed the question would be read for ever.
    let (tryton, _) = many(450, 0).await;
    let Next::More(checkpoint) = page::<Warehouse>(&tryton).await.next else { panic!("there is more") };
    let data = captured();
    let (tryton, _) = server(move |call, arguments| match call {
        "POST stock.location/search_read" => {
            let mut arguments = arguments.clone();
            arguments["domain"] = json!([["type", "=", "warehouse"]]);
            Answer::Json(json!(rows_of(&data, "stock.location", &arguments)))
        }
        _ => played(&data, call, arguments),
    })
    .await;
    let error = Pull::<Warehouse>::pull(&tryton, &Scope::default(), Some(&checkpoint)).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Protocol, "Rows were asked for in the order of their ids, and 5 came after 200"));
}

/// A Tryton of so many warehouses, all like a captured one, that is out of order once: when it is asked for rows for the `broken`th time.
async fn many(count: i64, broken: usize) -> (Tryton, Calls) {
    let mut data = captured();
    let one = data["rows"]["WarehouseRow"][0].clone();
    let rows = (1..=count).map(|id| {
        let mut row = one.clone();
        row["id"] = json!(id);
        row["type"] = json!("warehouse");
        row
    });
    data["rows"]["WarehouseRow"] = rows.collect();
    let asked = Mutex::new(0);
    server(move |call, arguments| {
        if call == "POST stock.location/search_read" {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            if *asked == broken {
                return Answer::Error(502, GATEWAY.to_owned());
            }
        }
        if call == "POST stock.location/search_count" { Answer::Json(json!(count)) } else { played(&data, call, arguments) }
    })
    .await
}

#[tokio::test]
async fn pages_resume_where_they_stopped() {
    let (tryton, _) = many(450, 2).await;
    let (mut ids, mut checkpoint, mut failures, mut pages) = (Vec::new(), None::<Checkpoint>, 0, 0);
    let complete = loop {
        match Pull::<Warehouse>::pull(&tryton, &Scope::default(), checkpoint.as_ref()).await {
            Ok(page) => {
                pages += 1;
                assert_eq!((page.source_time, page.total), ("2026-11-23T15:41:30Z".parse().ok(), Some(450)));
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
    let error = Pull::<Warehouse>::pull(&tryton, &Scope::default(), Some(&foreign)).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind, Kind::Protocol);
}

#[tokio::test]
async fn a_listing_of_changes_is_never_complete_and_asks_for_children() {
    let (tryton, calls) = tryton().await;
    let (since, until) = ("2026-11-23T12:00:00.75Z".parse().ok(), "2026-11-24T00:00:00Z".parse().ok());
    let page = Pull::<Return>::pull(&tryton, &Scope { since, until }, None).await.unwrap();
    assert_eq!(page.next, Next::Done { complete: false });
    let calls = calls.lock().unwrap();
    let (_, asked) = calls.iter().find(|(call, _)| call == "POST stock.shipment.out.return/search_read").unwrap();
    let t = json!({ "__class__": "datetime", "year": 2026, "month": 11, "day": 23, "hour": 12, "minute": 0, "second": 0, "microsecond": 750_000 });
    let end = json!({ "__class__": "datetime", "year": 2026, "month": 11, "day": 24, "hour": 0, "minute": 0, "second": 0, "microsecond": 0 });
    assert_eq!(
        asked["domain"],
        json!([
            ["OR", ["write_date", ">=", t], ["create_date", ">=", t], ["moves.write_date", ">=", t], ["moves.create_date", ">=", t]],
            ["OR", ["write_date", "<", end], [["write_date", "=", null], ["create_date", "<", end]]]
        ])
    );
    assert_eq!((&asked["order"], &asked["limit"]), (&json!([["id", "ASC"]]), &json!(200)));
}

/// The paths that a listing of changes asks for.
async fn asked_for_changes<T: Record>(model: &str) -> Vec<String>
where
    Tryton: Pull<T>,
{
    let (tryton, calls) = tryton().await;
    Pull::<T>::pull(&tryton, &Scope { since: "2026-11-23T12:00:00Z".parse().ok(), until: None }, None).await.unwrap();
    let calls = calls.lock().unwrap();
    let (_, asked) = calls.iter().find(|(call, _)| *call == format!("POST {model}/search_read")).unwrap();
    let any = asked["domain"].as_array().unwrap().iter().find(|term| term[0] == "OR" && term[1][0] == "write_date").unwrap();
    any.as_array().unwrap().iter().filter_map(|term| Some(term[0].as_str()?.strip_suffix("write_date")?.trim_end_matches('.').to_owned())).collect()
}

#[tokio::test]
async fn every_part_of_a_record_is_looked_at_for_changes() {
    assert_eq!(
        asked_for_changes::<Order>("sale.sale").await,
        [
            "",
            "lines",
            "shipment_address",
            "shipment_address.party",
            "shipment_address.party.contact_mechanisms",
            "lines.moves",
            "shipments",
            "shipments.packages",
            "shipments.delivery_address"
        ]
    );
    assert_eq!(asked_for_changes::<Product>("product.product").await.len(), 9);
    assert_eq!(asked_for_changes::<Warehouse>("stock.location").await.len(), 4);
    assert_eq!(asked_for_changes::<WarehouseLocation>("stock.location").await.len(), 6);
    assert_eq!(asked_for_changes::<ShippingMethod>("carrier").await.len(), 4);
    assert_eq!(asked_for_changes::<WarehouseCustomer>("party.party").await.len(), 2);
    assert_eq!(asked_for_changes::<InboundShipment>("stock.shipment.in").await.len(), 6);
}

/// Every page of the changes of inventory.
async fn inventory_changes(tryton: &Tryton) -> (Vec<InventoryItem>, Next) {
    let scope = Scope { since: "2026-11-23T12:00:00Z".parse().ok(), until: None };
    let (mut items, mut checkpoint) = (Vec::new(), None::<Checkpoint>);
    loop {
        let page = Pull::<InventoryItem>::pull(tryton, &scope, checkpoint.as_ref()).await.unwrap();
        items.extend(page.records);
        match page.next {
            Next::More(next) => checkpoint = Some(next),
            next => return (items, next),
        }
    }
}

#[tokio::test]
async fn stock_has_changed_when_a_move_its_shipment_or_a_lot_has() {
    let mut data = captured();
    let move_of = data["rows"]["StockMoveRow"][0].clone();
    // No product has changed, no place has, one move has.
    data["rows"]["ProductRow"].as_array_mut().unwrap().iter_mut().for_each(|row| row["write_date"] = Value::Null);
    let quiet = data.clone();
    let (tryton, calls) = server(move |call, arguments| match call {
        "POST stock.location/search_count" => Answer::Json(json!(0)),
        "POST product.product/search_read" if arguments["domain"].to_string().contains("\"OR\"") => Answer::Json(json!([])),
        "POST stock.move/search_read" if arguments["fields_names"] == json!(["id", "product"]) => {
            Answer::Json(json!([{ "id": move_of["id"], "product": move_of["product"] }]))
        }
        "POST stock.lot/search_read" if arguments["fields_names"] == json!(["id", "product"]) => Answer::Json(json!([])),
        _ => played(&quiet, call, arguments),
    })
    .await;
    let (items, end) = inventory_changes(&tryton).await;
    assert_eq!(end, Next::Done { complete: false });
    let product = data["rows"]["StockMoveRow"][0]["product"].to_string();
    assert_eq!(items.iter().map(|item| item.source.id.as_str()).collect::<Vec<_>>(), [product]);
    let whole = page::<InventoryItem>(&self::tryton().await.0).await.mapped();
    let same = whole.records.iter().find(|item| item.source.id == items[0].source.id).unwrap();
    assert_eq!(items[0].locations, same.locations, "its whole stock is added up, whatever the one move was");
    {
        let calls = calls.lock().unwrap();
        let (_, asked) = calls
            .iter()
            .find(|(call, arguments)| call == "POST stock.move/search_read" && arguments["fields_names"] == json!(["id", "product"]))
            .unwrap();
        let shown = asked["domain"].to_string();
        for shipment in ["stock.shipment.out\"", "stock.shipment.in\"", "stock.shipment.internal\"", "stock.shipment.out.return\""] {
            assert!(shown.contains(shipment), "{shipment} {shown}");
        }
    }
    // A place was moved, perhaps to another warehouse: everything is looked at.
    let (tryton, _) = server(move |call, arguments| match call {
        "POST stock.location/search_count" => Answer::Json(json!(1)),
        _ => played(&data, call, arguments),
    })
    .await;
    let (items, end) = inventory_changes(&tryton).await;
    assert_eq!((items.len(), end), (whole.records.len(), Next::Done { complete: false }));
}

#[tokio::test]
async fn stock_goes_on_from_the_last_closed_period() {
    let data = captured();
    let lotted = data["rows"]["StockMoveRow"].as_array().unwrap().iter().find(|row| !row["lot"].is_null()).unwrap().clone();
    let (product, place, lot) = (lotted["product"].clone(), lotted["to_location."].clone(), lotted["lot"].clone());
    let kept = data.clone();
    let (tryton, calls) = server(move |call, arguments| match call {
        "POST stock.period/search_read" => Answer::Json(json!([{ "id": 3, "date": { "__class__": "date", "year": 2026, "month": 10, "day": 31 } }])),
        "POST stock.period.cache.lot/search_read" => {
            let row = |id: i64, lot: &Value, quantity: f64| json!({ "id": id, "product": product, "lot": lot, "internal_quantity": quantity, "location.": place });
            Answer::Json(json!([row(1, &lot, 7.0), row(2, &Value::Null, 2.5)]))
        }
        "POST stock.move/search_read" => Answer::Json(json!([])),
        _ => played(&kept, call, arguments),
    })
    .await;
    let items = page::<InventoryItem>(&tryton).await.records;
    let item = items.iter().find(|item| item.source.id.parse().ok() == lotted["product"].as_i64()).unwrap();
    assert_eq!(
        (item.on_hand, item.locations.len(), item.locations[0].quantity),
        (Quantity::from_micros(9_500_000), 1, Quantity::from_micros(9_500_000))
    );
    assert_eq!((item.lots.len(), item.lots[0].on_hand), (1, Quantity::whole(7)));
    assert_eq!(items.iter().map(|item| item.on_hand).sum::<Quantity>(), item.on_hand);
    let calls = calls.lock().unwrap();
    let (_, asked) = calls.iter().find(|(call, _)| call == "POST stock.move/search_read").unwrap();
    let day = json!({ "__class__": "date", "year": 2026, "month": 10, "day": 31, "hour": 0, "minute": 0, "second": 0, "microsecond": 0 });
    assert_eq!(asked["domain"][1], json!(["OR", [["state", "=", "done"], ["effective_date", ">", day]], ["state", "in", ["assigned", "draft"]]]));
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_rejected_alone() {
    let mut data = captured();
    data["rows"]["WarehouseRow"][1]["name"] = json!(12);
    data["rows"]["WarehouseRow"][2]["create_date"] = json!({ "__class__": "date", "year": 2026, "month": 2, "day": 3 });
    let (tryton, _) = server(move |call, arguments| played(&data, call, arguments)).await;
    let page = page::<Warehouse>(&tryton).await;
    assert_eq!(page.records.len(), 2);
    let reasons: Vec<(Option<&str>, &str)> = page.rejects.iter().map(|reject| (reject.source_id.as_deref(), reject.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (Some("12"), "name of stock.location: invalid type: integer `12`, expected a string"),
            (Some("16"), "create_date of stock.location: Date { year: 2026, month: 2, day: 3 } is not a moment"),
        ]
    );
    assert_eq!(page.rejects[0].raw.to_value()["name"], 12);

    let mut data = captured();
    data["rows"]["SaleRow"][0]["lines."][0]["quantity"] = json!("many");
    let (tryton, _) = server(move |call, arguments| played(&data, call, arguments)).await;
    let page = self::page::<Order>(&tryton).await;
    assert_eq!((page.records.len(), page.rejects.len()), (4, 1), "a line takes its order along");
}

#[tokio::test]
async fn what_is_not_activated_is_not_asked_for() {
    let mut data = captured();
    data["fields"].as_object_mut().unwrap().retain(|model, _| model != "carrier" && model != "stock.package" && model != "purchase.product_supplier");
    let (tryton, calls) = server(move |call, arguments| played(&data, call, arguments)).await;
    assert_eq!(page::<Order>(&tryton).await.records.len(), 5);
    assert!(page::<Product>(&tryton).await.records.len() > 10);
    for (model, gone) in [("sale.sale", "carrier."), ("sale.sale", "packages."), ("product.product", "product_suppliers")] {
        let calls = calls.lock().unwrap();
        let (_, asked) = calls.iter().find(|(call, _)| *call == format!("POST {model}/search_read")).unwrap();
        assert!(!asked["fields_names"].to_string().contains(gone), "{asked}");
        assert!(asked["fields_names"].as_array().unwrap().len() > 10, "{asked}");
    }
    let error = Pull::<ShippingMethod>::pull(&tryton, &Scope::default(), None).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Unsupported, "Tryton has no carrier: the module that brings it is not activated"));
}

#[tokio::test]
async fn a_module_that_went_away_is_noticed() {
    let data = captured();
    let failed = Mutex::new(false);
    let (tryton, calls) = server(move |call, arguments| {
        let mut failed = failed.lock().unwrap();
        if call == "POST stock.location/search_read" && !*failed {
            *failed = true;
            return Answer::Error(400, NO_REASON.to_owned());
        }
        played(&data, call, arguments)
    })
    .await;
    let error = Pull::<Warehouse>::pull(&tryton, &Scope::default(), None).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind, Kind::Protocol);
    for _ in 0..2 {
        assert_eq!(page::<Warehouse>(&tryton).await.records.len(), 4);
    }
    let asked = calls.lock().unwrap().iter().filter(|(call, _)| call == "POST ir.model.field/search_read").count();
    assert_eq!(asked, 2, "once before, once after, and then it is known");
}

#[tokio::test]
async fn a_user_of_the_warehouse_reads_returns_without_the_sales_above_them() {
    let data = captured();
    let (tryton, _) = server(move |call, arguments| match call {
        "POST sale.line/search_read" | "POST purchase.line/search_read" => Answer::Error(403, FORBIDDEN.to_owned()),
        _ => played(&data, call, arguments),
    })
    .await;
    let returns = page::<Return>(&tryton).await.records;
    assert_eq!(returns.len(), 4);
    assert!(returns.iter().all(|back| back.order.is_none()));
    let inbound = page::<InboundShipment>(&tryton).await.records;
    assert!(inbound.len() == 4 && inbound.iter().all(|one| one.purchase_order_number.is_none()));
}

#[tokio::test]
async fn a_page_costs_the_same_calls_however_many_records_it_has() {
    let (tryton, calls) = tryton().await;
    let asked = |calls: &Calls| calls.lock().unwrap().drain(..).filter(|(call, _)| !call.contains(" res.") && !call.contains(" ir.")).count();
    assert_eq!(page::<Order>(&tryton).await.records.len(), 5);
    assert_eq!(asked(&calls), 2, "how many there are, and the orders with all that belongs to them");
    assert!(page::<InventoryItem>(&tryton).await.records.len() > 20);
    assert_eq!(asked(&calls), 6, "the count, products, the last period, moves, places, lots");
}

/// The record without its payload, which the fixture already is.
macro_rules! shown {
    ($tryton:expr, $type:ident, $ids:expr) => {{
        let page = page::<$type>($tryton).await;
        assert!(page.rejects.is_empty(), "{:?}", page.rejects);
        let base = $tryton.site.base().trim_end_matches("/wms").to_owned();
        let wanted = |record: &$type| $ids.is_empty() || $ids.contains(&record.source.id.as_str());
        let strip = |record: $type| {
            assert!(record.source.raw.as_ref().is_some_and(|raw| raw.to_value().is_object()));
            let url = record.source.url.as_ref().map(|url| url.replace(&base, "https://tryton.example"));
            $type { source: Source { raw: None, url, ..record.source }, ..record }
        };
        page.records.into_iter().filter(wanted).map(strip).collect::<Vec<$type>>()
    }};
}

#[tokio::test]
async fn orders_are_mapped() {
    let (tryton, _) = tryton().await;
    let orders = shown!(&tryton, Order, [""; 0]);
    let states: Vec<_> = orders.iter().map(|order| (order.order_number.as_str(), order.status, order.raw_status.as_deref().unwrap())).collect();
    assert_eq!(
        states,
        [
            ("1", OrderStatus::Fulfilled, "processing/sent"),
            ("4", OrderStatus::Packed, "processing/waiting"),
            ("5", OrderStatus::Confirmed, "processing/waiting"),
            ("9", OrderStatus::Cancelled, "cancelled"),
            ("(10)", OrderStatus::Open, "draft"),
        ]
    );
    insta::assert_json_snapshot!("order", [&orders[0], &orders[1], &orders[4]]);
}

#[tokio::test]
async fn inbound_shipments_are_mapped() {
    let (tryton, _) = tryton().await;
    insta::assert_json_snapshot!("inbound_shipment", shown!(&tryton, InboundShipment, ["1", "3"]));
}

#[tokio::test]
async fn returns_are_mapped() {
    let (tryton, _) = tryton().await;
    insta::assert_json_snapshot!("return", shown!(&tryton, Return, ["1", "2"]));
}

#[tokio::test]
async fn inventory_is_mapped() {
    let (tryton, _) = tryton().await;
    let items = shown!(&tryton, InventoryItem, [""; 0]);
    let moves = captured()["rows"]["StockMoveRow"].as_array().unwrap().clone();
    let quantity = |row: &Value| row["internal_quantity"].as_f64().unwrap();
    let stored = |row: &Value, end: &str| row[end]["type"] == "storage" && row["state"] == "done";
    let truth: f64 =
        moves.iter().map(|row| quantity(row) * (f64::from(stored(row, "to_location.")) - f64::from(stored(row, "from_location.")))).sum();
    assert_eq!(items.iter().map(|item| item.on_hand).sum::<Quantity>(), Quantity::from_f64(truth).unwrap());
    assert!(items.iter().all(|item| item.on_hand == item.committed + item.fulfillable + item.unfulfillable));
    let lotted = items.iter().find(|item| !item.lots.is_empty()).unwrap();
    let picked = items.iter().find(|item| item.committed != Quantity::ZERO).unwrap();
    let coming = items.iter().find(|item| item.awaiting != Quantity::ZERO && item.unfulfillable != Quantity::ZERO).unwrap();
    insta::assert_json_snapshot!("inventory_item", [lotted, picked, coming]);
}

#[tokio::test]
async fn products_are_mapped() {
    let (tryton, _) = tryton().await;
    let products = shown!(&tryton, Product, [""; 0]);
    let of = |sku: &str| products.iter().find(|product| product.sku.as_deref() == Some(sku)).unwrap();
    let archived = products.iter().find(|product| !product.active).unwrap();
    insta::assert_json_snapshot!("product", [of("SKU-00001"), of("SHIRT-S"), archived]);
    assert!(products.iter().any(|product| product.sku.is_none()), "not every product has a SKU");
}

#[tokio::test]
async fn the_rest_is_mapped() {
    let (tryton, _) = tryton().await;
    insta::assert_json_snapshot!("warehouse", shown!(&tryton, Warehouse, [""; 0]));
    insta::assert_json_snapshot!("warehouse_location", shown!(&tryton, WarehouseLocation, [""; 0]));
    insta::assert_json_snapshot!("shipping_method", shown!(&tryton, ShippingMethod, ["1", "4"]));
    insta::assert_json_snapshot!("warehouse_customer", shown!(&tryton, WarehouseCustomer, [""; 0]));
}

#[test]
fn it_can_what_it_implements_and_describes_its_credentials() {
    let tryton = integration();
    assert_eq!(tryton.reads.iter().map(|reads| reads.data_type).collect::<std::collections::BTreeSet<_>>().len(), DataType::ALL.len());
    assert_eq!(tryton.writes.len(), 14);
    insta::assert_json_snapshot!("credentials", tryton.credentials_schema);
    let http = Http::new(Limits::default(), crate::clock::Clock::system()).unwrap();
    for (credentials, path) in [
        (json!({ "baseUrl": "https://tryton.example/wms", "apiKey": " " }), "apiKey"),
        (json!({ "baseUrl": "https://tryton.example", "apiKey": "k" }), "baseUrl"),
        (json!({ "baseUrl": "tryton.example/wms", "apiKey": "k" }), "baseUrl"),
        (json!({ "baseUrl": "https://tryton.example/wms", "apiKey": "k", "user": "me" }), "user"),
        (json!({ "baseUrl": "https://tryton.example/wms", "apiKey": 7 }), "apiKey"),
    ] {
        let error = tryton.connect(&credentials, &http).map(|_| ()).unwrap_err();
        assert_eq!((error.kind, error.path), (Kind::Configuration, Some(vec![path.to_owned()])), "{credentials}");
    }
    assert!(tryton.connect(&json!({ "baseUrl": "https://tryton.example/at/wms/", "apiKey": "k" }), &http).is_ok());
}
