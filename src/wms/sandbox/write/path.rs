//! From the sandbox's names of fields to the places in our input.

/// Where our input has what the sandbox calls `field`: `lines[0].sku` is `lineItems`, `0`, `sku`. `None` for a field that has
/// no place in it.
pub(in super::super) fn input_path(field: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = field.split(['.', '[', ']']).filter(|part| !part.is_empty()).collect();
    let (first, rest) = parts.split_first()?;
    if let Some(name) = EXTRA.iter().find(|name| *name == first) {
        return Some(vec!["integrationFields".to_owned(), (*name).to_owned()]);
    }
    let mut path = vec![top(first)?];
    let mut parent = *first;
    for part in rest {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push(part);
            continue;
        }
        // A size and a weight are one thing of ours.
        match (part, path.last()) {
            (&"dims" | &"weight", _) => path.push("measurements"),
            _ => path.push(nested(parent, part)?),
        }
        parent = part;
    }
    Some(path.into_iter().map(str::to_owned).collect())
}

/// Fields that only the sandbox knows.
const EXTRA: [&str; 7] = ["gift_message", "channel", "container", "refund_requested", "storage", "uom", "lots"];

fn top(field: &str) -> Option<&'static str> {
    Some(match field {
        "number" => "orderNumber",
        "reference" => "referenceId",
        "order_id" => "orderId",
        "client_id" => "warehouseCustomerId",
        "warehouse_id" => "warehouseId",
        "location_id" => "locationId",
        "shipping_method_id" => "shippingMethodId",
        "kind" => "type",
        "ship_to" => "shipTo",
        "ship_by" => "requiredShipDate",
        "currency" => "currencyCode",
        "saturday" => "saturdayDelivery",
        "signature" => "signatureRequired",
        "duties" => "dutyPaidBy",
        "freight_account" => "thirdPartyFreightAccountNumber",
        "tags" => "sourceTags",
        "lines" | "items" => "lineItems",
        "parcels" => "packages",
        "shipped_at" => "shippedAt",
        "reason" => "reason",
        "po_number" => "purchaseOrderNumber",
        "vendor" => "supplierName",
        "eta" => "expectedArrivalAt",
        "origin" => "shipFrom",
        "trackings" => "trackingNumbers",
        "comments" => "notes",
        "booked_at" => "arrivedAt",
        "close" => "closes",
        "sku" => "sku",
        "title" => "name",
        "barcode" => "gtin",
        "price" => "unitPrice",
        "archived" => "active",
        "origin_country" => "countryOfOrigin",
        "hs_code" => "harmonizedCode",
        "dims" | "weight" => "measurements",
        "components" => "components",
        "lot" => "lotId",
        "expires_on" => "expiresAt",
        "delta" => "delta",
        "counted" => "quantity",
        _ => return None,
    })
}

/// The name of a field below `parent`.
fn nested(parent: &str, field: &str) -> Option<&'static str> {
    Some(match (parent, field) {
        ("ship_to" | "origin", field) => match field {
            "name" => "fullName",
            "company" => "company",
            "address1" => "address1",
            "address2" => "address2",
            "city" => "city",
            "region" => "state",
            "zip" => "postalCode",
            "country" => "country",
            "phone" => "phoneNumber",
            "email" => "emailAddress",
            _ => return None,
        },
        ("dims", "l") => "length",
        ("dims", "w") => "width",
        ("dims", "h") => "height",
        ("dims", "unit") => "unit",
        ("weight", "value") => "weight",
        ("weight", "unit") => "weightUnit",
        ("parcels", field) => match field {
            "label" => "name",
            "tracking_number" => "trackingNumber",
            "tracking_url" => "trackingUrl",
            "cost" => "shippingCost",
            _ => return None,
        },
        (_, field) => match field {
            "product_id" => "productId",
            "inventory_id" => "inventoryItemId",
            "sku" => "sku",
            "qty" => "quantity",
            "announced" | "expected" => "expectedQuantity",
            "unit_price" => "unitPrice",
            "discount" => "discountAmount",
            "cost" => "unitCost",
            "vendor_line" => "externalId",
            "lot" => "lotId",
            "expires_on" => "expiresAt",
            "location_id" => "locationId",
            "reason" => "reason",
            _ => return None,
        },
    })
}
