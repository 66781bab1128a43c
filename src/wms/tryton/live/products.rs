//! Products are made and changed; any call passes through.

use super::*;

#[tokio::test]
async fn live_tryton_a_product_is_made_and_changed() {
    let _turn = turn().await;
    let tryton = tryton("integration");
    let tryton = &tryton;
    let sku = format!("LIVE-{}", crate::clock::Clock::system().now().micros());
    let text = |text: &str| MaybeUndefined::Value(text.to_owned());
    let create = |gtin: &str, name: &str| CreateProduct {
        product: ProductDraft {
            sku: Some(sku.clone()),
            name: name.to_owned(),
            gtin: Some(gtin.to_owned()),
            unit_price: "9.50".parse().ok(),
            measurements: Some(MeasurementsInput {
                length: Some(Quantity::whole(30)),
                unit: Some(LengthUnit::Cm),
                weight: Some(Quantity::from_micros(1_500_000)),
                weight_unit: Some(WeightUnit::Kg),
                ..MeasurementsInput::default()
            }),
            country_of_origin: Some("JP".to_owned()),
            ..ProductDraft::default()
        },
        integration_fields: None,
    };
    let (message, path) = refused(tryton, &create("123", "Green tea"), Kind::Validation).await;
    assert_eq!((message.as_str(), path.as_str()), ("The International Article Number \"123\" for product \"Green tea\" is not valid.", "gtin"));
    assert!(matches!(Push::look_up(tryton, &create("4006381333931", "Green tea"), "live-20").await.unwrap(), Found::NotDone));
    let made = done(tryton, &create("4006381333931", "Green tea"), "live-20").await;
    assert_eq!(
        (made.record.sku.as_ref(), made.record.gtin.as_deref(), made.record.unit_price),
        (Some(&sku), Some("4006381333931"), "9.50".parse::<Money>().ok())
    );
    assert_eq!(made.unused_fields, ["countryOfOrigin"]);
    assert!(matches!(Push::look_up(tryton, &create("4006381333931", "Green tea"), "live-20").await.unwrap(), Found::Done(_)));
    assert!(matches!(Push::look_up(tryton, &create("4006381333931", "Black tea"), "live-20").await.unwrap(), Found::NotDone));
    let item = tryton.item(made.record.source.id.parse().unwrap()).await.unwrap();
    let sizes = item.measurements.unwrap();
    assert_eq!(
        (sizes.length, sizes.unit, sizes.weight, sizes.weight_unit),
        (Some(Quantity::whole(30)), Some(LengthUnit::Cm), Quantity::from_f64(1.5), Some(WeightUnit::Kg))
    );
    let (message, path) = refused(tryton, &create("4006381333931", "Black tea"), Kind::Conflict).await;
    assert_eq!((message.as_str(), path.as_str()), ("Code of active product must be unique.", "sku"));

    let update = |product| UpdateProduct { id: reference(&made.record.source.id), product, integration_fields: None };
    let patch = ProductPatch {
        name: text("Green tea 100 g"),
        gtin: MaybeUndefined::Null,
        unit_price: MaybeUndefined::Value("10.25".parse().unwrap()),
        active: MaybeUndefined::Value(false),
        ..ProductPatch::default()
    };
    let command = update(patch);
    not_done(tryton, &command, &sku).await;
    let changed = done(tryton, &command, &sku).await.record;
    assert_eq!(found(tryton, &command, &sku).await, changed);
    assert_eq!((changed.name.as_str(), changed.gtin, changed.active, changed.unit_price), ("Green tea 100 g", None, false, "10.25".parse().ok()));
    let back = done(
        tryton,
        &update(ProductPatch { active: MaybeUndefined::Value(true), gtin: text("4006381333931"), ..ProductPatch::default() }),
        "live-22",
    )
    .await
    .record;
    assert!(back.active && back.gtin.as_deref() == Some("4006381333931"));
    assert_eq!(refused(tryton, &update(ProductPatch { sku: text("SKU-00020"), ..ProductPatch::default() }), Kind::Conflict).await.1, "sku");
    assert_eq!(refused(tryton, &update(ProductPatch { name: text(""), ..ProductPatch::default() }), Kind::Validation).await.1, "name");
    let held = stocked(tryton).await;
    let archive = UpdateProduct {
        id: reference(&held[0].source.id),
        product: ProductPatch { active: MaybeUndefined::Value(false), ..ProductPatch::default() },
        integration_fields: None,
    };
    let (message, path) = refused(tryton, &archive, Kind::Validation).await;
    assert!(message.contains("has still some quantities in locations") && path == "active", "{message}");
    let gone =
        UpdateProduct { id: reference("99999999"), product: ProductPatch { name: text("x"), ..ProductPatch::default() }, integration_fields: None };
    refused(tryton, &gone, Kind::NotFound).await;
    let variants = whole::<Product>(tryton).await;
    let shirt = variants.iter().find(|product| product.sku.as_deref() == Some("SHIRT-M")).unwrap();
    let rename = |sku: &str| UpdateProduct {
        id: reference(&shirt.source.id),
        product: ProductPatch { sku: text(sku), ..ProductPatch::default() },
        integration_fields: None,
    };
    assert_eq!(refused(tryton, &rename("BLOUSE-M"), Kind::Validation).await.1, "sku");
    assert_eq!(done(tryton, &rename("SHIRT-MM"), "live-23").await.record.sku.as_deref(), Some("SHIRT-MM"));
    done(tryton, &rename("SHIRT-M"), "live-24").await;
    assert!(whole::<WarehouseCustomer>(tryton).await.iter().all(|customer| !customer.name.is_empty()));
}

#[tokio::test]
async fn live_tryton_any_call_passes_through() {
    let _turn = turn().await;
    let tryton = tryton("integration");
    let call = |method, path: &str, body: Option<Value>| Passthrough {
        method,
        path: path.to_owned(),
        query: vec![crate::record::draft::QueryParameter { name: "f".to_owned(), value: "name".to_owned() }],
        body: body.map(|body| crate::record::Json::of(&body)),
    };
    let passed = tryton.pass(&call(HttpMethod::Get, "/rest/model/stock.location/5", None)).await.unwrap();
    note(&format!("passthrough: {} {:?}", passed.status, passed.body));
    assert_eq!((passed.status, passed.body.unwrap().to_value()["name"].as_str()), (200, Some("Rotterdam DC")));
    let passed = tryton.pass(&call(HttpMethod::Post, "/rest/model/sale.sale", Some(json!({ "reference": "X" })))).await.unwrap();
    note(&format!("passthrough: {} {:?}", passed.status, passed.body));
    assert_eq!(
        (passed.status, passed.body.unwrap().to_value()["message"].as_str()),
        (400, Some("A value is required for field \"Party\" in \"Sale\"."))
    );
    let error = tryton.pass(&call(HttpMethod::Get, "/rest/../rpc/", None)).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Validation, Some(vec!["path".to_owned()])));
}
