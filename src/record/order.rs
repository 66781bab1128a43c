//! Orders: what is to be shipped out, and how it went.

use async_graphql::SimpleObject;
use serde::{Deserialize, Serialize};

use super::filter::{DateTimeFilter, DecimalFilter, EnumFilter, IdFilter, StringFilter};
use super::{
    Address, Carrier, Channel, Instant, InventoryItem, Link, List, Measurements, Money, Product, Quantity, ShippingMethod, Term, Terms, Warehouse,
    WarehouseCustomer, codes, moments, part, record, terms, words,
};

codes! {
    /// Where an order stands. What the WMS itself says is in `rawStatus`.
    pub enum OrderStatus derive Default {
        /// Received, not yet released to the warehouse.
        Open = "OPEN",
        /// Released to the warehouse.
        Confirmed = "CONFIRMED",
        /// Being worked on.
        Processing = "PROCESSING",
        /// Taken from the shelves.
        Picked = "PICKED",
        /// In its parcels.
        Packed = "PACKED",
        /// Some of it has been shipped, the rest is still to come.
        PartiallyFulfilled = "PARTIALLY_FULFILLED",
        /// All of it has been shipped.
        Fulfilled = "FULFILLED",
        /// Waits for goods.
        Backordered = "BACKORDERED",
        /// Somebody must look at it: a hold, an address that does not exist, a failed payment.
        Exception = "EXCEPTION",
        /// Will not be shipped.
        Cancelled = "CANCELLED",
        /// A state of the WMS that is none of these: see `rawStatus`.
        #[default]
        Other = "OTHER",
    }
}

codes! {
    /// Who an order is for.
    pub enum OrderType {
        /// Direct to the consumer.
        D2c = "D2C",
        /// To a business: a shop, a distributor.
        B2b = "B2B",
        /// Shipped by a third party on the seller's behalf.
        Dropship = "DROPSHIP",
        /// From one warehouse to another.
        Transfer = "TRANSFER",
    }
}

codes! {
    /// Who pays customs duties.
    pub enum DutyPayer {
        /// The sender (delivered duty paid).
        Sender = "SENDER",
        /// The recipient.
        Recipient = "RECIPIENT",
        /// Somebody else.
        ThirdParty = "THIRD_PARTY",
    }
}

codes! {
    /// Where a shipment stands. What the WMS itself says is in `rawStatus`.
    pub enum ShipmentStatus derive Default {
        /// Not yet handed to the carrier.
        Open = "OPEN",
        /// Handed to the carrier.
        Shipped = "SHIPPED",
        /// Will not be shipped.
        Cancelled = "CANCELLED",
        /// A state of the WMS that is none of these: see `rawStatus`.
        #[default]
        Other = "OTHER",
    }
}

/// What an order comes to, beside its total price.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[serde(default)]
pub struct OrderTotals {
    /// ISO 4217 code of every amount of this order.
    pub currency_code: Option<String>,
    /// The tax in the total price.
    pub total_tax: Option<Money>,
    /// What was taken off, as a positive amount.
    pub total_discount: Option<Money>,
    /// What shipping costs the customer.
    pub total_shipping: Option<Money>,
}

/// How an order is to be delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[serde(default)]
pub struct OrderDelivery {
    /// The retailer or marketplace that the order is traded with.
    pub trading_partner: Option<String>,
    /// The speed that was asked for ("two days"), as the WMS writes it.
    pub service_level: Option<String>,
    /// The shipping method's name as it stands in the order, also where the method itself is not known.
    pub shipping_method_name: Option<String>,
    /// Who is to carry it.
    pub carrier: Option<Carrier>,
    /// The carrier account of the third party that pays the freight.
    pub third_party_freight_account_number: Option<String>,
    /// The carrier account of the seller.
    pub first_party_freight_account_number: Option<String>,
    /// Whether a third party pays the freight.
    pub is_third_party_freight: Option<bool>,
    /// Whether it may be delivered on a Saturday.
    pub saturday_delivery: Option<bool>,
    /// Whether somebody must sign for it.
    pub signature_required: Option<bool>,
    /// Who pays customs duties.
    pub duty_paid_by: Option<DutyPayer>,
}

macro_rules! order {
    ($record:ident, $part:ident) => {
        $record! {
            /// An order to be shipped out, with its lines and its shipments.
            Order { Orders, table orders, filter OrderFilter, sort OrderSort }
            fields {
                /// Whose goods are shipped; null where the WMS serves one owner only.
                warehouse_customer: Option<Link<WarehouseCustomer>>,
                /// The warehouse that ships it; null while none has been chosen.
                warehouse: Option<Link<Warehouse>>,
                /// The number that people at the warehouse call it by.
                order_number: String,
                /// The shop's own identifier.
                reference_id: Option<String>,
                /// Where it stands.
                status: OrderStatus,
                /// Where it stands, in the WMS's own word.
                raw_status: Option<String>,
                /// Who it is for.
                order_type: Option<OrderType> as "type",
                /// Where it was placed.
                channel: Option<Channel>,
                /// How it is to be shipped.
                shipping_method: Option<Link<ShippingMethod>>,
                /// What the customer pays, taxes and shipping included, in `currencyCode`.
                total_price: Option<Money>,
                /// Where it goes.
                ship_to: Option<Address>,
                /// When it must leave the warehouse.
                required_ship_date: Option<Instant>,
                /// Labels that people or rules at the WMS gave it.
                source_tags: List<String>,
                /// What was ordered.
                line_items: List<OrderLineItem>,
                /// What has been, or is being, shipped.
                shipments: List<Shipment>,
            }
            flat {
                totals: OrderTotals,
                delivery: OrderDelivery,
            }
            filters {
                /// Whose goods are shipped.
                warehouse_customer_id: IdFilter = warehouse_customer,
                /// The warehouse that ships it.
                warehouse_id: IdFilter = warehouse,
                /// How it is to be shipped.
                shipping_method_id: IdFilter = shipping_method,
                /// Where it stands.
                status: EnumFilter<OrderStatus> = status,
                /// Where it stands, in the WMS's own word.
                raw_status: StringFilter = raw_status,
                /// Who it is for.
                order_type: EnumFilter<OrderType> as "type" = order_type,
                /// The number that people at the warehouse call it by.
                order_number: StringFilter = order_number,
                /// The shop's own identifier.
                reference_id: StringFilter = reference_id,
                /// What the customer pays.
                total_price: DecimalFilter = total_price,
                /// When it must leave the warehouse.
                required_ship_date: DateTimeFilter = required_ship_date,
            }
            sorts {
                /// The number that people at the warehouse call it by.
                OrderNumber = order_number,
                /// When it must leave the warehouse.
                RequiredShipDate = required_ship_date,
                /// What the customer pays.
                TotalPrice = total_price,
            }
            terms {
                /// The SKU of any of its lines.
                sku: StringFilter = Sku,
                /// The tracking number of any of its packages.
                tracking_number: StringFilter = TrackingNumber,
                /// The country that it ships to, as in `shipTo.country`.
                country: StringFilter = Country,
                /// Where it was placed, as in `channel.name`.
                channel_name: StringFilter = ChannelName,
                /// Any of its `sourceTags`.
                source_tag: StringFilter = Tag,
                /// The number of any lot that its packages were filled from.
                lot_id: StringFilter = Lot,
                /// When any of its shipments left.
                shipped_at: DateTimeFilter = ShippedAt,
            }
        }
        $part! {
            /// One line of an order.
            OrderLineItem {
                /// What was ordered.
                product: Option<Link<Product>>,
                /// Its stock keeping unit, as it stands in the order.
                sku: Option<String>,
                /// What it is called, as it stands in the order.
                name: Option<String>,
                /// How many were ordered.
                quantity: Quantity,
                /// What one costs.
                unit_price: Option<Money>,
                /// What is taken off the whole line, as a positive amount.
                discount_amount: Option<Money>,
                /// Whether all of it has been taken from the shelves; null where the WMS does not say.
                is_picked: Option<bool>,
            }
        }
        $part! {
            /// What leaves a warehouse at one time for one order.
            Shipment {
                /// The WMS's own identifier.
                id: String as "sourceId",
                /// Where it stands.
                status: ShipmentStatus,
                /// Where it stands, in the WMS's own word.
                raw_status: Option<String>,
                /// When it left.
                shipped_at: Option<Instant>,
                /// Where it leaves from.
                warehouse: Option<Link<Warehouse>>,
                /// Where it goes, if that is known of the shipment itself.
                ship_to: Option<Address>,
                /// Where it leaves from, as it stands on the label.
                ship_from: Option<Address>,
                /// What is in it.
                line_items: List<ShipmentLineItem>,
                /// Its parcels or pallets.
                packages: List<Package>,
            }
        }
        $part! {
            /// What a shipment holds of one item.
            ShipmentLineItem {
                /// What was taken from stock.
                inventory_item: Option<Link<InventoryItem>>,
                /// Its stock keeping unit.
                sku: Option<String>,
                /// How many.
                quantity: Quantity,
                /// The kit that it belongs to.
                parent_product: Option<Link<Product>>,
            }
        }
        $part! {
            /// A parcel or pallet.
            Package {
                /// The WMS's own identifier.
                id: String as "sourceId",
                /// What the WMS calls it.
                name: Option<String>,
                /// The carrier's tracking number.
                tracking_number: Option<String>,
                /// Where the carrier shows how far it has come.
                tracking_url: Option<String>,
                /// How it was shipped.
                shipping_method: Option<Link<ShippingMethod>>,
                /// Who carries it.
                carrier: Option<Carrier>,
                /// What its carriage cost.
                shipping_cost: Option<Money>,
                /// Size and weight.
                measurements: Option<Measurements>,
                /// What is in it.
                line_items: List<PackageLineItem>,
            }
        }
        $part! {
            /// What a package holds of one item and lot.
            PackageLineItem {
                /// What was taken from stock.
                inventory_item: Option<Link<InventoryItem>>,
                /// Its stock keeping unit.
                sku: Option<String>,
                /// How many.
                quantity: Quantity,
                /// The lot that it was taken from.
                lot_id: Option<String>,
                /// When that lot expires.
                expires_at: Option<Instant>,
                /// The kit that it belongs to.
                parent_product: Option<Link<Product>>,
            }
        }
    };
}
order!(record, part);
pub(crate) use order;

fn terms_of(order: &Order) -> Terms<'_> {
    let packages = || order.shipments.iter().flat_map(|shipment| shipment.packages.iter());
    let mut all = Terms::new();
    all.extend(terms(Term::Sku, order.line_items.iter().map(|line| line.sku.as_deref())));
    all.extend(terms(Term::TrackingNumber, packages().map(|package| package.tracking_number.as_deref())));
    all.extend(terms(Term::Country, order.ship_to.iter().map(|address| address.country.as_deref())));
    all.extend(terms(Term::ChannelName, order.channel.iter().map(|channel| channel.name.as_deref())));
    all.extend(terms(Term::Tag, order.source_tags.iter().map(|tag| Some(tag.as_str()))));
    all.extend(terms(Term::Lot, packages().flat_map(|package| package.line_items.iter()).map(|line| line.lot_id.as_deref())));
    let to = order.ship_to.as_ref();
    let names = [to.and_then(|to| to.full_name.as_deref()), to.and_then(|to| to.company.as_deref())];
    all.extend(words([Some(order.order_number.as_str()), order.reference_id.as_deref()].into_iter().chain(names)));
    all.extend(moments(Term::ShippedAt, order.shipments.iter().map(|shipment| shipment.shipped_at)));
    all
}
