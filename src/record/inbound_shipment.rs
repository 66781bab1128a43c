//! Inbound shipments: advance shipping notices (ASNs), and what was received on them.

use super::filter::{DateTimeFilter, EnumFilter, IdFilter, StringFilter};
use super::{
    Address, Instant, InventoryItem, Link, List, Money, Quantity, Supplier, Term, Terms, Warehouse, WarehouseCustomer, codes, moments, part, record,
    terms, words,
};

codes! {
    /// Where an inbound shipment stands. What the WMS itself says is in `rawStatus`.
    pub enum InboundStatus derive Default {
        /// Announced.
        Open = "OPEN",
        /// On its way.
        InTransit = "IN_TRANSIT",
        /// Some of it has been received, the rest is still to come.
        Receiving = "RECEIVING",
        /// Closed: what came has been received.
        Received = "RECEIVED",
        /// Will not come.
        Cancelled = "CANCELLED",
        /// A state of the WMS that is none of these: see `rawStatus`.
        #[default]
        Other = "OTHER",
    }
}

macro_rules! inbound_shipment {
    ($record:ident, $part:ident) => {
        $record! {
            /// Goods on their way into a warehouse (an ASN), and what was received of them.
            InboundShipment { InboundShipments, table inbound_shipments, filter InboundShipmentFilter, sort InboundShipmentSort }
            fields {
                /// Whose goods are coming; null where the WMS serves one owner only.
                warehouse_customer: Option<Link<WarehouseCustomer>>,
                /// Where they are received.
                warehouse: Option<Link<Warehouse>>,
                /// The purchase order that they come on.
                purchase_order_number: Option<String>,
                /// Where it stands.
                status: InboundStatus,
                /// Where it stands, in the WMS's own word.
                raw_status: Option<String>,
                /// Who sends them.
                supplier: Option<Supplier>,
                /// When they are expected.
                expected_arrival_at: Option<Instant>,
                /// Where they come from.
                ship_from: Option<Address>,
                /// The carriers' tracking numbers.
                tracking_numbers: List<String>,
                /// What people wrote about it.
                notes: List<String>,
                /// What is expected, and what came of it.
                line_items: List<InboundLineItem>,
                /// Each time that something was received.
                receipts: List<InboundReceipt>,
            }
            flat {}
            filters {
                /// Whose goods are coming.
                warehouse_customer_id: IdFilter = warehouse_customer,
                /// Where they are received.
                warehouse_id: IdFilter = warehouse,
                /// The purchase order that they come on.
                purchase_order_number: StringFilter = purchase_order_number,
                /// Where it stands.
                status: EnumFilter<InboundStatus> = status,
                /// Where it stands, in the WMS's own word.
                raw_status: StringFilter = raw_status,
                /// When they are expected.
                expected_arrival_at: DateTimeFilter = expected_arrival_at,
            }
            sorts {
                /// The purchase order that they come on.
                PurchaseOrderNumber = purchase_order_number,
                /// When they are expected.
                ExpectedArrivalAt = expected_arrival_at,
            }
            terms {
                /// The SKU of any of its lines.
                sku: StringFilter = Sku,
                /// Any of its tracking numbers.
                tracking_number: StringFilter = TrackingNumber,
                /// Who sends them, as in `supplier.name`.
                supplier_name: StringFilter = Supplier,
                /// When any of it arrived, as in `receipts.arrivedAt`.
                arrived_at: DateTimeFilter = ArrivedAt,
            }
        }
        $part! {
            /// One line of an inbound shipment.
            InboundLineItem {
                /// What is coming.
                inventory_item: Option<Link<InventoryItem>>,
                /// Its stock keeping unit.
                sku: Option<String>,
                /// How many were announced.
                expected_quantity: Quantity,
                /// How many have been received.
                received_quantity: Quantity,
                /// What one costs.
                unit_cost: Option<Money>,
                /// The line's identifier at the supplier or in the shop.
                external_id: Option<String>,
            }
        }
        $part! {
            /// One time that something was received.
            InboundReceipt {
                /// The WMS's own identifier.
                id: String as "sourceId",
                /// When it arrived.
                arrived_at: Option<Instant>,
                /// What arrived.
                line_items: List<InboundReceiptLineItem>,
            }
        }
        $part! {
            /// What a receipt holds of one item.
            InboundReceiptLineItem {
                /// What arrived.
                inventory_item: Option<Link<InventoryItem>>,
                /// Its stock keeping unit.
                sku: Option<String>,
                /// How many.
                quantity: Quantity,
            }
        }
    };
}
inbound_shipment!(record, part);
pub(crate) use inbound_shipment;

fn terms_of(inbound: &InboundShipment) -> Terms<'_> {
    let mut all = Terms::new();
    all.extend(terms(Term::Sku, inbound.line_items.iter().map(|line| line.sku.as_deref())));
    all.extend(terms(Term::TrackingNumber, inbound.tracking_numbers.iter().map(|number| Some(number.as_str()))));
    all.extend(terms(Term::Supplier, inbound.supplier.iter().map(|supplier| supplier.name.as_deref())));
    all.extend(words([inbound.purchase_order_number.as_deref()]));
    all.extend(moments(Term::ArrivedAt, inbound.receipts.iter().map(|receipt| receipt.arrived_at)));
    all
}
