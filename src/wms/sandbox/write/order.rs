//! Orders: made, changed, cancelled, shipped.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Body, Extra, Spoken, measure, put, source_id};
use crate::record::draft::{CancelOrder, CreateOrder, OrderLineItemDraft, PackageDraft, Ref, ShipOrder, ShipmentLineItemDraft, UpdateOrder};
use crate::record::{DutyPayer, OrderType};

/// Fields of a new order that only the sandbox knows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "OrderFields")]
#[expect(dead_code, reason = "it is there to be described and checked against")]
struct NewFields {
    /// Labels to give it; `sourceTags` is the same.
    tags: Option<Vec<String>>,
    /// What stands on the card.
    gift_message: Option<String>,
    /// Where it was placed.
    channel: Option<String>,
}

/// Fields of an order that only the sandbox knows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "OrderChangeFields")]
#[expect(dead_code, reason = "it is there to be described and checked against")]
struct ChangedFields {
    /// All labels that it is to have; `sourceTags` is the same.
    tags: Option<Vec<String>>,
    /// What stands on the card; null takes it off.
    gift_message: Option<String>,
}

impl Spoken for CreateOrder {
    const REQUIRED: &'static [&'static str] = &["shipTo.fullName", "shipTo.address1", "shipTo.city", "shipTo.country", "lineItems.quantity"];
    const OPTIONAL: &'static [&'static str] = &[
        "orderNumber",
        "referenceId",
        "warehouseCustomerId",
        "warehouseId",
        "shippingMethodId",
        "type",
        "shipTo.company",
        "shipTo.address2",
        "shipTo.state",
        "shipTo.postalCode",
        "shipTo.phoneNumber",
        "shipTo.emailAddress",
        "requiredShipDate",
        "currencyCode",
        "saturdayDelivery",
        "signatureRequired",
        "dutyPaidBy",
        "thirdPartyFreightAccountNumber",
        "sourceTags",
        // One of these two must be there, it does not matter which.
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.unitPrice",
        "lineItems.discountAmount",
    ];

    fn extra() -> Option<Extra> {
        Some(Extra::of::<NewFields>())
    }

    fn body(&self) -> Body {
        let order = &self.order;
        let mut body = Body::default();
        body.put("number", order.order_number.as_deref());
        body.put("reference", order.reference_id.as_deref());
        body.put("client_id", source_id(order.warehouse_customer_id.as_ref()));
        body.put("warehouse_id", source_id(order.warehouse_id.as_ref()));
        body.put("shipping_method_id", source_id(order.shipping_method_id.as_ref()));
        body.put("kind", order.order_type.map(kind));
        if let Some(to) = &order.ship_to {
            body.address("ship_to", "shipTo", to);
        }
        body.put("ship_by", order.required_ship_date.map(|at| at.to_string()));
        body.put("currency", order.currency_code.as_deref());
        body.put("saturday", order.saturday_delivery);
        body.put("signature", order.signature_required);
        body.put("duties", order.duty_paid_by.map(duties));
        body.put("freight_account", order.third_party_freight_account_number.as_deref());
        body.put("tags", order.source_tags.clone());
        body.put("lines", Some(lines(&order.line_items)));
        body
    }
}

impl Spoken for UpdateOrder {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "referenceId",
        "warehouseId",
        "shippingMethodId",
        "type",
        "shipTo.fullName",
        "shipTo.company",
        "shipTo.address1",
        "shipTo.address2",
        "shipTo.city",
        "shipTo.state",
        "shipTo.postalCode",
        "shipTo.country",
        "shipTo.phoneNumber",
        "shipTo.emailAddress",
        "requiredShipDate",
        "saturdayDelivery",
        "signatureRequired",
        "dutyPaidBy",
        "thirdPartyFreightAccountNumber",
        "sourceTags",
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.quantity",
        "lineItems.unitPrice",
        "lineItems.discountAmount",
    ];

    fn extra() -> Option<Extra> {
        Some(Extra::of::<ChangedFields>())
    }

    fn body(&self) -> Body {
        let order = &self.order;
        let mut body = Body::default();
        body.patch("reference", &order.reference_id, String::as_str);
        body.patch("warehouse_id", &order.warehouse_id, Ref::source_id);
        body.patch("shipping_method_id", &order.shipping_method_id, Ref::source_id);
        body.patch("kind", &order.order_type, |order_type| kind(*order_type));
        match order.ship_to.as_opt_ref() {
            Some(Some(to)) => body.address("ship_to", "shipTo", to),
            Some(None) => body.put("ship_to", Some(Value::Null)),
            None => {}
        }
        body.patch("ship_by", &order.required_ship_date, ToString::to_string);
        body.patch("saturday", &order.saturday_delivery, |saturday| *saturday);
        body.patch("signature", &order.signature_required, |signature| *signature);
        body.patch("duties", &order.duty_paid_by, |payer| duties(*payer));
        body.patch("freight_account", &order.third_party_freight_account_number, String::as_str);
        body.patch("tags", &order.source_tags, Clone::clone);
        body.patch("lines", &order.line_items, |items| lines(items));
        body
    }
}

impl Spoken for CancelOrder {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &["reason"];
    const VERB: Option<&'static str> = Some("cancel");

    fn body(&self) -> Body {
        let mut body = Body::default();
        body.put("reason", self.reason.as_deref());
        body
    }
}

impl Spoken for ShipOrder {
    const REQUIRED: &'static [&'static str] = &[];
    const OPTIONAL: &'static [&'static str] = &[
        "shippedAt",
        "warehouseId",
        "shippingMethodId",
        "lineItems.inventoryItemId",
        "lineItems.productId",
        "lineItems.sku",
        "lineItems.quantity",
        "lineItems.lotId",
        "packages.name",
        "packages.trackingNumber",
        "packages.trackingUrl",
        "packages.shippingCost",
        "packages.measurements.length",
        "packages.measurements.width",
        "packages.measurements.height",
        "packages.measurements.unit",
        "packages.measurements.weight",
        "packages.measurements.weightUnit",
    ];
    const VERB: Option<&'static str> = Some("ship");

    fn body(&self) -> Body {
        let shipment = &self.shipment;
        let mut body = Body::default();
        body.put("shipped_at", shipment.shipped_at.map(|at| at.to_string()));
        body.put("warehouse_id", source_id(shipment.warehouse_id.as_ref()));
        body.put("shipping_method_id", source_id(shipment.shipping_method_id.as_ref()));
        let line = |line: &ShipmentLineItemDraft| {
            let mut fields = Map::new();
            put(&mut fields, "inventory_id", source_id(line.inventory_item_id.as_ref()));
            put(&mut fields, "product_id", source_id(line.product_id.as_ref()));
            put(&mut fields, "sku", line.sku.as_deref());
            put(&mut fields, "qty", Some(json!(line.quantity)));
            put(&mut fields, "lot", line.lot_id.as_deref());
            Value::from(fields)
        };
        body.put("lines", shipment.line_items.as_ref().map(|lines| lines.iter().map(line).collect::<Value>()));
        let parcel = |package: &PackageDraft| {
            let mut fields = Map::new();
            put(&mut fields, "label", package.name.as_deref());
            put(&mut fields, "tracking_number", package.tracking_number.as_deref());
            put(&mut fields, "tracking_url", package.tracking_url.as_deref());
            put(&mut fields, "cost", package.shipping_cost.map(|cost| cost.to_string()));
            if let Some(of) = &package.measurements {
                measure(&mut fields, of);
            }
            Value::from(fields)
        };
        body.put("parcels", shipment.packages.as_ref().map(|packages| packages.iter().map(parcel).collect::<Value>()));
        body
    }
}

fn lines(lines: &[OrderLineItemDraft]) -> Value {
    let line = |line: &OrderLineItemDraft| {
        let mut fields = Map::new();
        put(&mut fields, "product_id", source_id(line.product_id.as_ref()));
        put(&mut fields, "sku", line.sku.as_deref());
        put(&mut fields, "qty", Some(json!(line.quantity)));
        put(&mut fields, "unit_price", line.unit_price.map(|price| price.to_string()));
        put(&mut fields, "discount", line.discount_amount.map(|discount| discount.to_string()));
        Value::from(fields)
    };
    lines.iter().map(line).collect()
}

fn kind(order_type: OrderType) -> &'static str {
    match order_type {
        OrderType::D2c => "d2c",
        OrderType::B2b => "wholesale",
        OrderType::Dropship => "dropship",
        OrderType::Transfer => "transfer",
    }
}

fn duties(payer: DutyPayer) -> &'static str {
    match payer {
        DutyPayer::Sender => "DDP",
        DutyPayer::Recipient => "DAP",
        DutyPayer::ThirdParty => "3RD",
    }
}
