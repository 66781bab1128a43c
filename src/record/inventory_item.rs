//! Inventory: the stock of one SKU.

use super::filter::{BooleanFilter, DateTimeFilter, FloatFilter, IdFilter, StringFilter};
use super::{
    Instant, Link, List, Measurements, Money, Quantity, Term, Terms, Warehouse, WarehouseCustomer, WarehouseLocation, moments, part, record, terms,
    words,
};

macro_rules! inventory_item {
    ($record:ident, $part:ident) => {
        $record! {
            /// The stock of one SKU, over all warehouses and by warehouse, lot and location.
            InventoryItem { Inventory, table inventory_items, filter InventoryItemFilter, sort InventoryItemSort }
            fields {
                /// Whose goods these are; null where the WMS serves one owner only.
                warehouse_customer: Option<Link<WarehouseCustomer>>,
                /// Stock keeping unit, as the owner of the goods writes it.
                sku: Option<String>,
                /// What it is called.
                name: String,
                /// False when it was archived or discontinued.
                active: bool,
                /// What one unit cost its owner.
                unit_cost: Option<Money>,
                /// Physically present: committed + fulfillable + unfulfillable.
                on_hand: Quantity,
                /// Present and promised to orders.
                committed: Quantity,
                /// Present and free to be promised.
                fulfillable: Quantity,
                /// Present, but damaged, expired, in quarantine or otherwise not to be sold.
                unfulfillable: Quantity,
                /// Expected to arrive on inbound shipments.
                awaiting: Quantity,
                /// Offered to sales channels.
                sellable: Quantity,
                /// SKUs that may be shipped in its place.
                substitute_skus: List<String>,
                /// Size and weight of one unit.
                measurements: Option<Measurements>,
                /// The same quantities by warehouse.
                by_warehouse: List<WarehouseQuantity>,
                /// By lot, where lots are kept.
                lots: List<Lot>,
                /// By bin, shelf or zone.
                locations: List<LocationQuantity>,
            }
            flat {}
            filters {
                /// Whose goods these are.
                warehouse_customer_id: IdFilter = warehouse_customer,
                /// Stock keeping unit.
                sku: StringFilter = sku,
                /// What it is called.
                name: StringFilter = name,
                /// Whether it is in use.
                active: BooleanFilter = active,
                /// Physically present.
                on_hand: FloatFilter = on_hand,
                /// Present and free to be promised.
                fulfillable: FloatFilter = fulfillable,
                /// Present and promised to orders.
                committed: FloatFilter = committed,
                /// Present, but not to be sold.
                unfulfillable: FloatFilter = unfulfillable,
                /// Expected to arrive on inbound shipments.
                awaiting: FloatFilter = awaiting,
                /// Offered to sales channels.
                sellable: FloatFilter = sellable,
            }
            sorts {
                /// Stock keeping unit.
                Sku = sku,
                /// What it is called.
                Name = name,
                /// Physically present.
                OnHand = on_hand,
                /// Present and free to be promised.
                Fulfillable = fulfillable,
            }
            terms {
                /// Any warehouse that keeps it, as in `byWarehouse.warehouse`.
                warehouse_id: IdFilter = Warehouse,
                /// Any location that it lies at, as in `locations.location`.
                location_id: IdFilter = Location,
                /// The number of any of its lots.
                lot_id: StringFilter = Lot,
                /// When any of its lots expires. Two bounds are met by one and the same lot.
                lot_expires_at: DateTimeFilter = ExpiresAt,
            }
        }
        $part! {
            /// What one warehouse holds of an item.
            WarehouseQuantity {
                /// The warehouse.
                warehouse: Option<Link<Warehouse>>,
                /// Physically present: committed + fulfillable + unfulfillable.
                on_hand: Quantity,
                /// Present and promised to orders.
                committed: Quantity,
                /// Present and free to be promised.
                fulfillable: Quantity,
                /// Present, but not to be sold.
                unfulfillable: Quantity,
                /// Expected to arrive.
                awaiting: Quantity,
                /// Offered to sales channels.
                sellable: Quantity,
            }
        }
        $part! {
            /// A batch of an item that was made or received together.
            Lot {
                /// The lot's number.
                lot_id: String,
                /// Physically present of this lot.
                on_hand: Quantity,
                /// When it may no longer be sold; null when it keeps for ever or nobody knows.
                expires_at: Option<Instant>,
                /// Where it lies; null where the WMS does not say.
                warehouse: Option<Link<Warehouse>>,
            }
        }
        $part! {
            /// What one location holds of an item.
            LocationQuantity {
                /// The bin, shelf or zone.
                location: Option<Link<WarehouseLocation>>,
                /// The warehouse that it is in.
                warehouse: Option<Link<Warehouse>>,
                /// Physically present there.
                quantity: Quantity,
            }
        }
    };
}
inventory_item!(record, part);
pub(crate) use inventory_item;

fn terms_of(item: &InventoryItem) -> Terms<'_> {
    let mut all = Terms::new();
    all.extend(terms(Term::Warehouse, item.by_warehouse.iter().map(|part| part.warehouse.as_ref().map(Link::source_id))));
    all.extend(terms(Term::Location, item.locations.iter().map(|part| part.location.as_ref().map(Link::source_id))));
    all.extend(terms(Term::Lot, item.lots.iter().map(|lot| Some(lot.lot_id.as_str()))));
    all.extend(words([item.sku.as_deref(), Some(item.name.as_str())]));
    all.extend(moments(Term::ExpiresAt, item.lots.iter().map(|lot| lot.expires_at)));
    all
}
