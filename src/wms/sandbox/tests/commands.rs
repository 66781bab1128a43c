//! All thirteen commands at once: what is declared of each is what the sandbox takes, and nothing else.

use serde_json::{Map, json};

use super::writing::reference_to;
use super::*;
use crate::record::draft::{
    AddressInput, AdjustInventory, CancelOrder, CancelReturn, CreateInboundShipment, CreateOrder, CreateProduct, CreateReturn, InboundLineItemDraft,
    InboundShipmentDraft, InboundShipmentPatch, InventoryAdjustment, MaybeUndefined, MeasurementsInput, OrderDraft, OrderLineItemDraft, OrderPatch,
    PackageDraft, ProductComponentDraft, ProductDraft, ProductPatch, ReceiptDraft, ReceiptLineItemDraft, ReceiveInboundShipment, Ref, ReturnDraft,
    ReturnLineItemDraft, ReturnPatch, ShipOrder, ShipmentDraft, ShipmentLineItemDraft, UpdateInboundShipment, UpdateOrder, UpdateProduct,
    UpdateReturn,
};
use crate::record::{DutyPayer, LengthUnit, OrderType, Quantity, WeightUnit};
use crate::wms::sandbox::write::Spoken;

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn value<T>(value: T) -> MaybeUndefined<T> {
    MaybeUndefined::Value(value)
}

fn one<T: Record>(id: &str) -> Ref<T> {
    reference_to(id).unwrap()
}

fn address() -> AddressInput {
    AddressInput {
        full_name: text("Ada"),
        company: text("Ada & Co"),
        address1: text("1 Dock Road"),
        address2: text("Gate 2"),
        address3: text("Rear"),
        city: text("Rotterdam"),
        state: text("ZH"),
        postal_code: text("3011"),
        country: text("NL"),
        phone_number: text("+31 10 0555 0100"),
        email_address: text("ada@shop.example"),
    }
}

fn measurements() -> MeasurementsInput {
    let some = |pieces| Some(Quantity::whole(pieces));
    MeasurementsInput {
        length: some(30),
        width: some(20),
        height: some(10),
        unit: Some(LengthUnit::Cm),
        weight: some(2),
        weight_unit: Some(WeightUnit::Kg),
    }
}

fn order_lines() -> Vec<OrderLineItemDraft> {
    let (unit_price, discount_amount) = ("9.95".parse().ok(), "1".parse().ok());
    vec![OrderLineItemDraft { product_id: reference_to("prd_00002"), sku: text("X"), quantity: Quantity::whole(1), unit_price, discount_amount }]
}

fn inbound_lines() -> Vec<InboundLineItemDraft> {
    let (unit_cost, external_id) = ("2".parse().ok(), text("10/1"));
    let expected_quantity = Quantity::whole(5);
    vec![InboundLineItemDraft { inventory_item_id: reference_to("inv_00002"), sku: text("X"), expected_quantity, unit_cost, external_id }]
}

fn return_lines() -> Vec<ReturnLineItemDraft> {
    let (expected_quantity, reason) = (Quantity::whole(1), text("too small"));
    vec![ReturnLineItemDraft { inventory_item_id: reference_to("inv_00002"), sku: text("X"), expected_quantity, reason }]
}

fn components() -> Vec<ProductComponentDraft> {
    vec![ProductComponentDraft { inventory_item_id: reference_to("inv_00002"), sku: text("X"), quantity: Quantity::whole(1) }]
}

fn full_order() -> OrderDraft {
    OrderDraft {
        order_number: text("N"),
        reference_id: text("R"),
        warehouse_customer_id: reference_to("cli_001"),
        warehouse_id: reference_to("wh_01"),
        shipping_method_id: reference_to("sm_01"),
        order_type: Some(OrderType::D2c),
        ship_to: Some(address()),
        required_ship_date: Some(EPOCH),
        currency_code: text("EUR"),
        saturday_delivery: Some(true),
        signature_required: Some(true),
        duty_paid_by: Some(DutyPayer::Sender),
        third_party_freight_account_number: text("A"),
        source_tags: Some(vec!["t".to_owned()]),
        line_items: order_lines(),
    }
}

fn full_order_patch() -> OrderPatch {
    OrderPatch {
        reference_id: value("R".to_owned()),
        warehouse_id: value(one("wh_01")),
        shipping_method_id: value(one("sm_01")),
        order_type: value(OrderType::B2b),
        ship_to: value(address()),
        required_ship_date: value(EPOCH),
        saturday_delivery: value(true),
        signature_required: value(true),
        duty_paid_by: value(DutyPayer::Recipient),
        third_party_freight_account_number: value("A".to_owned()),
        source_tags: value(vec!["t".to_owned()]),
        line_items: value(order_lines()),
    }
}

fn full_shipment() -> ShipmentDraft {
    let quantity = Quantity::whole(1);
    let (inventory_item_id, product_id) = (reference_to("inv_00002"), reference_to("prd_00002"));
    ShipmentDraft {
        shipped_at: Some(EPOCH),
        warehouse_id: reference_to("wh_01"),
        shipping_method_id: reference_to("sm_01"),
        line_items: Some(vec![ShipmentLineItemDraft { inventory_item_id, product_id, sku: text("X"), quantity, lot_id: text("L") }]),
        packages: Some(vec![PackageDraft {
            name: text("Box"),
            tracking_number: text("1Z"),
            tracking_url: text("https://tracking.example/1Z"),
            shipping_cost: "4.90".parse().ok(),
            measurements: Some(measurements()),
        }]),
    }
}

fn full_inbound() -> InboundShipmentDraft {
    InboundShipmentDraft {
        purchase_order_number: text("PO"),
        warehouse_customer_id: reference_to("cli_001"),
        warehouse_id: reference_to("wh_01"),
        supplier_name: text("Fjällverkstad AB"),
        expected_arrival_at: Some(EPOCH),
        ship_from: Some(address()),
        tracking_numbers: Some(vec!["1Z".to_owned()]),
        notes: Some(vec!["n".to_owned()]),
        line_items: inbound_lines(),
    }
}

fn full_product() -> ProductDraft {
    ProductDraft {
        warehouse_customer_id: reference_to("cli_001"),
        sku: text("NEW"),
        name: "New".to_owned(),
        gtin: text("4006381333931"),
        unit_price: "5".parse().ok(),
        country_of_origin: text("DE"),
        harmonized_code: text("0902.10"),
        measurements: Some(measurements()),
        components: Some(components()),
    }
}

fn full_product_patch() -> ProductPatch {
    ProductPatch {
        sku: value("NEW".to_owned()),
        name: value("New".to_owned()),
        gtin: value("4006381333931".to_owned()),
        unit_price: value("5".parse().unwrap()),
        active: value(true),
        country_of_origin: value("DE".to_owned()),
        harmonized_code: value("0902.10".to_owned()),
        measurements: value(measurements()),
        components: value(components()),
    }
}

fn full_return() -> ReturnDraft {
    ReturnDraft {
        order_id: reference_to("ord_000001"),
        warehouse_customer_id: reference_to("cli_001"),
        warehouse_id: reference_to("wh_01"),
        tracking_numbers: Some(vec!["1Z".to_owned()]),
        notes: Some(vec!["n".to_owned()]),
        line_items: Some(return_lines()),
    }
}

/// The paths of everything in an input, as the lists have them.
fn paths(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                paths(value, &if at.is_empty() { name.clone() } else { format!("{at}.{name}") }, all);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => items.iter().for_each(|item| paths(item, at, all)),
        _ => all.push(at.to_owned()),
    }
}

/// That `command`, all of whose fields are given, is what is declared of it, and what the sandbox's body is made of.
async fn declared<C: Spoken + Pushable>(command: C, sandbox: &RunningSandbox, wms: &Arc<dyn Wms>) {
    let integration = super::super::integration();
    let writes = integration.writes.iter().find(|writes| writes.action == C::ACTION).unwrap();
    let mut input = serde_json::to_value(&command).unwrap();
    let fields: Map<String, Value> = match C::FIELD {
        Some(field) => input[field].as_object().unwrap().clone(),
        None => input
            .as_object_mut()
            .unwrap()
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "id" | "integrationFields"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    };
    let mut given = Vec::new();
    paths(&Value::Object(fields), "", &mut given);
    let unused = command.body().unused;
    let mut listed: Vec<String> = writes.required.iter().chain(writes.optional).map(|path| (*path).to_owned()).chain(unused).collect();
    listed.sort();
    given.sort();
    assert_eq!(given, listed, "{}", C::ACTION);

    // The sandbox knows every field that it is sent, whatever else it says of them.
    let error = match wms.push(&command.into(), &C::ACTION.as_str().replace('_', "-")).await {
        Ok(_) => return,
        Err(error) => error,
    };
    assert!(!error.message.contains("unknown field") && !error.outcome_unknown, "{}: {error:?}", C::ACTION);
    assert!(error.path.is_some() || error.http_status == Some(409), "{}: {error:?}", C::ACTION);
    assert!(sandbox.faults().is_empty());
}

#[tokio::test]
async fn what_is_declared_of_each_command_is_what_it_takes() {
    let (sandbox, wms) = sandbox().await;
    let (s, w) = (&sandbox, &wms);
    let reason = text("why");
    declared(CreateOrder { order: full_order(), integration_fields: None }, s, w).await;
    declared(UpdateOrder { id: one("ord_000001"), order: full_order_patch(), integration_fields: None }, s, w).await;
    declared(CancelOrder { id: one("ord_000001"), reason: reason.clone(), integration_fields: None }, s, w).await;
    declared(ShipOrder { id: one("ord_000001"), shipment: full_shipment(), integration_fields: None }, s, w).await;
    declared(CreateInboundShipment { inbound_shipment: full_inbound(), integration_fields: None }, s, w).await;
    let inbound_shipment = InboundShipmentPatch {
        purchase_order_number: value("PO".to_owned()),
        warehouse_id: value(one("wh_01")),
        supplier_name: value("V".to_owned()),
        expected_arrival_at: value(EPOCH),
        tracking_numbers: value(vec!["1Z".to_owned()]),
        notes: value(vec!["n".to_owned()]),
        line_items: value(inbound_lines()),
    };
    declared(UpdateInboundShipment { id: one("asn_00001"), inbound_shipment, integration_fields: None }, s, w).await;
    let (inventory_item_id, location_id) = (reference_to("inv_00002"), reference_to("loc_00006"));
    let (lot_id, expires_at, quantity) = (text("L"), Some(EPOCH), Quantity::whole(1));
    let line = ReceiptLineItemDraft { inventory_item_id, sku: text("X"), quantity, lot_id, expires_at, location_id };
    let receipt = ReceiptDraft { arrived_at: Some(EPOCH), line_items: Some(vec![line]), closes: Some(true) };
    declared(ReceiveInboundShipment { id: one("asn_00001"), receipt, integration_fields: None }, s, w).await;
    declared(CreateReturn { returned: full_return(), integration_fields: None }, s, w).await;
    let returned = ReturnPatch {
        warehouse_id: value(one("wh_01")),
        tracking_numbers: value(vec!["1Z".to_owned()]),
        notes: value(vec!["n".to_owned()]),
        line_items: value(return_lines()),
    };
    declared(UpdateReturn { id: one("rma_00001"), returned, integration_fields: None }, s, w).await;
    declared(CancelReturn { id: one("rma_00001"), reason, integration_fields: None }, s, w).await;
    declared(CreateProduct { product: full_product(), integration_fields: None }, s, w).await;
    declared(UpdateProduct { id: one("prd_00002"), product: full_product_patch(), integration_fields: None }, s, w).await;
    let adjustment = InventoryAdjustment {
        warehouse_id: reference_to("wh_01"),
        location_id: reference_to("loc_00006"),
        lot_id: text("L"),
        expires_at: Some(EPOCH),
        delta: Some(Quantity::whole(1)),
        quantity: Some(Quantity::whole(1)),
        reason: text("counted"),
    };
    declared(AdjustInventory { id: one("inv_00002"), adjustment, integration_fields: None }, s, w).await;
    assert_eq!(super::super::integration().writes.len(), crate::record::draft::WriteAction::ALL.len(), "all fourteen");
}

#[test]
fn the_fields_that_only_the_sandbox_knows_are_described() {
    let writes = super::super::integration().writes;
    let described: Vec<(&str, Vec<String>)> = writes
        .iter()
        .filter_map(|writes| {
            let schema = writes.integration_fields.as_ref()?;
            assert_eq!(schema["additionalProperties"], json!(false), "{}", writes.action);
            let properties = schema["properties"].as_object()?;
            assert!(properties.values().all(|property| property["description"].is_string()), "{}", writes.action);
            Some((writes.action.as_str(), properties.keys().cloned().collect()))
        })
        .collect();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        described,
        [
            ("CREATE_ORDER", names(&["tags", "gift_message", "channel"])),
            ("UPDATE_ORDER", names(&["tags", "gift_message"])),
            ("CREATE_INBOUND_SHIPMENT", names(&["container"])),
            ("UPDATE_INBOUND_SHIPMENT", names(&["container"])),
            ("CREATE_RETURN", names(&["refund_requested"])),
            ("UPDATE_RETURN", names(&["refund_requested"])),
            ("CREATE_PRODUCT", names(&["storage", "uom", "lots"])),
            ("UPDATE_PRODUCT", names(&["storage"])),
        ]
    );
}

#[tokio::test]
async fn a_token_without_a_scope_writes_nothing() {
    let denied = ["orders:write", "asns:write", "rmas:write", "products:write", "inventory:write"].map(str::to_owned).to_vec();
    let sandbox = start(SandboxConfig { denied, ..config(&Hands::at_epoch()) }).await.unwrap();
    let wms = connect(&sandbox);
    assert_eq!(wms.check().await.unwrap().forbidden, [], "it reads all");
    let scopes = get(&sandbox, "/v1/account").await["scopes"].clone();
    assert!(scopes.as_array().unwrap().iter().all(|scope| scope.as_str().unwrap().ends_with(":read")), "{scopes}");
    let before = sandbox.counts();
    for (method, path, resource) in [
        ("POST", "/v1/orders", "orders"),
        ("PATCH", "/v1/orders/ord_000600", "orders"),
        ("POST", "/v1/orders/ord_000600/ship", "orders"),
        ("POST", "/v1/orders/ord_000600/cancel", "orders"),
        ("DELETE", "/v1/orders/ord_000600", "orders"),
        ("POST", "/v1/asns", "asns"),
        ("PATCH", "/v1/asns/asn_00050", "asns"),
        ("POST", "/v1/asns/asn_00050/receive", "asns"),
        ("POST", "/v1/rmas", "rmas"),
        ("PATCH", "/v1/rmas/rma_00001", "rmas"),
        ("POST", "/v1/rmas/rma_00001/cancel", "rmas"),
        ("POST", "/v1/products", "products"),
        ("PATCH", "/v1/products/prd_00001", "products"),
        ("POST", "/v1/inventory/inv_00001/adjust", "inventory"),
    ] {
        let reply = ask(&sandbox, method, path, Some(json!({}))).await;
        let told: Value = reply.json().unwrap();
        assert_eq!((reply.status, told["error"]["code"].as_str()), (403, Some("insufficient_scope")), "{method} {path}: {told}");
        assert_eq!(told["error"]["message"], format!("This token lacks the scope '{resource}:write'"));
    }
    assert_eq!(sandbox.counts(), before);
    let command = CancelOrder { id: one("ord_000600"), reason: None, integration_fields: None };
    let error = push(&wms, command, "denied").await.unwrap_err();
    assert_eq!((error.kind, error.outcome_unknown), (crate::wms::Kind::Forbidden, false));
    assert!(start(SandboxConfig { denied: vec!["unicorns:write".to_owned()], ..config(&Hands::at_epoch()) }).await.is_err());
}
