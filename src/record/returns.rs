//! Returns: goods that come back from consignees.

use super::filter::{DateTimeFilter, EnumFilter, IdFilter, StringFilter};
use super::{
    Carrier, Instant, InventoryItem, Link, List, Measurements, Money, Order, Quantity, Term, Terms, Warehouse, WarehouseCustomer, codes, moments,
    part, record, terms,
};

codes! {
    /// Where a return stands. What the WMS itself says is in `rawStatus`.
    pub enum ReturnStatus derive Default {
        /// Announced.
        Open = "OPEN",
        /// On its way.
        InTransit = "IN_TRANSIT",
        /// Some of it has been received or inspected.
        Receiving = "RECEIVING",
        /// All that came has been received.
        Received = "RECEIVED",
        /// Will not come.
        Cancelled = "CANCELLED",
        /// A state of the WMS that is none of these: see `rawStatus`.
        #[default]
        Other = "OTHER",
    }
}

macro_rules! returns {
    ($record:ident, $part:ident) => {
        $record! {
            /// Goods that come back.
            Return { Returns, table returns, filter ReturnFilter, sort ReturnSort }
            fields {
                /// Whose goods they are; null where the WMS serves one owner only.
                warehouse_customer: Option<Link<WarehouseCustomer>>,
                /// The order that they were shipped on.
                order: Option<Link<Order>>,
                /// Where it stands.
                status: ReturnStatus,
                /// Where it stands, in the WMS's own word.
                raw_status: Option<String>,
                /// What people wrote about it.
                notes: List<String>,
                /// What is expected, and what became of it.
                line_items: List<ReturnLineItem>,
                /// The parcels that bring it back.
                shipments: List<ReturnShipment>,
            }
            flat {}
            filters {
                /// Whose goods they are.
                warehouse_customer_id: IdFilter = warehouse_customer,
                /// The order that they were shipped on.
                order_id: IdFilter = order,
                /// Where it stands.
                status: EnumFilter<ReturnStatus> = status,
                /// Where it stands, in the WMS's own word.
                raw_status: StringFilter = raw_status,
            }
            sorts {}
            terms {
                /// The SKU of any of its lines.
                sku: StringFilter = Sku,
                /// The tracking number of any of its parcels.
                tracking_number: StringFilter = TrackingNumber,
                /// Where any of its parcels arrives.
                warehouse_id: IdFilter = Warehouse,
                /// Why any of its lines comes back.
                reason: StringFilter = Reason,
                /// When any of its parcels arrived.
                arrived_at: DateTimeFilter = ArrivedAt,
            }
        }
        $part! {
            /// One line of a return.
            ReturnLineItem {
                /// What comes back.
                inventory_item: Option<Link<InventoryItem>>,
                /// Its stock keeping unit.
                sku: Option<String>,
                /// How many were announced.
                expected_quantity: Quantity,
                /// How many have come.
                received_quantity: Quantity,
                /// How many of those went back on the shelves to be sold again.
                restocked_quantity: Quantity,
                /// Why it comes back.
                reason: Option<String>,
            }
        }
        $part! {
            /// A parcel that brings goods back.
            ReturnShipment {
                /// The carrier's tracking number.
                tracking_number: Option<String>,
                /// Who carries it.
                carrier: Option<Carrier>,
                /// When it was sent.
                shipped_at: Option<Instant>,
                /// When it arrived.
                arrived_at: Option<Instant>,
                /// Where it arrives.
                warehouse: Option<Link<Warehouse>>,
                /// What its carriage cost.
                shipping_cost: Option<Money>,
                /// Size and weight.
                measurements: Option<Measurements>,
                /// What is in it.
                line_items: List<ReturnShipmentLineItem>,
            }
        }
        $part! {
            /// What a returned parcel holds of one item.
            ReturnShipmentLineItem {
                /// What came back.
                inventory_item: Option<Link<InventoryItem>>,
                /// Its stock keeping unit.
                sku: Option<String>,
                /// How many.
                quantity: Quantity,
                /// What the inspection found.
                receiving_details: List<ReceivingDetail>,
            }
        }
        $part! {
            /// What an inspection found of some pieces.
            ReceivingDetail {
                /// How many pieces.
                quantity: Quantity,
                /// The state they are in, in the WMS's own word.
                condition: Option<String>,
                /// What becomes of them (restock, scrap, …), in the WMS's own word.
                disposition: Option<String>,
            }
        }
    };
}
returns!(record, part);
pub(crate) use returns;

fn terms_of(back: &Return) -> Terms<'_> {
    let mut all = Terms::new();
    all.extend(terms(Term::Sku, back.line_items.iter().map(|line| line.sku.as_deref())));
    all.extend(terms(Term::TrackingNumber, back.shipments.iter().map(|parcel| parcel.tracking_number.as_deref())));
    all.extend(terms(Term::Warehouse, back.shipments.iter().map(|parcel| parcel.warehouse.as_ref().map(Link::source_id))));
    all.extend(terms(Term::Reason, back.line_items.iter().map(|line| line.reason.as_deref())));
    all.extend(moments(Term::ArrivedAt, back.shipments.iter().map(|parcel| parcel.arrived_at)));
    all
}
