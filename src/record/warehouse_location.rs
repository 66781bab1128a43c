//! Warehouse locations: bins, shelves, zones.

use super::filter::{IdFilter, StringFilter};
use super::{Link, Measurements, Terms, Warehouse, record};

macro_rules! warehouse_location {
    ($record:ident, $part:ident) => {
        $record! {
            /// A place inside a warehouse: a bin, a shelf, a zone.
            WarehouseLocation { WarehouseLocations, table warehouse_locations, filter WarehouseLocationFilter, sort WarehouseLocationSort }
            fields {
                /// What it is called.
                name: Option<String>,
                /// The warehouse that it is in; null until that has been synced.
                warehouse: Option<Link<Warehouse>>,
                /// What kind of place it is, in the WMS's own word.
                location_type: Option<String> as "type",
                /// Its size, and what it bears.
                measurements: Option<Measurements>,
            }
            flat {}
            filters {
                /// What it is called.
                name: StringFilter = name,
                /// The warehouse that it is in.
                warehouse_id: IdFilter = warehouse,
                /// What kind of place it is.
                location_type: StringFilter as "type" = location_type,
            }
            sorts {
                /// What it is called.
                Name = name,
            }
            terms {}
        }
    };
}
warehouse_location!(record, part);
pub(crate) use warehouse_location;

fn terms_of(_: &WarehouseLocation) -> Terms<'_> {
    Vec::new()
}
