//! Where places are: in which warehouse, and whether orders are taken from there.

use std::collections::BTreeMap;

use serde_json::json;

use super::Tryton;
use super::client::CHUNK;
use super::rows::{PlaceRow, Row};
use crate::wms::Error;

/// What a place is to its warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// Below the storage or picking location: orders are taken from there.
    Stock,
    /// Below the output location: what lies there has been taken for an order.
    Outgoing,
    /// The input location, a place that belongs to no zone, or to no warehouse.
    Other,
}

/// Places with all the places above them.
pub(super) struct Places(BTreeMap<i64, PlaceRow>);

impl Tryton {
    /// These places and all above them.
    pub(super) async fn places(&self, ids: &[i64]) -> Result<Places, Error> {
        let mut places = BTreeMap::new();
        for ids in ids.chunks(CHUNK) {
            let domain = [json!(["parent", "parent_of", ids]), json!(["active", "in", [true, false]])];
            let mut wrong = None;
            self.each::<PlaceRow>(&domain, |rows| {
                for row in &rows {
                    match PlaceRow::of(row) {
                        Ok(row) => drop(places.insert(row.id, row)),
                        Err(reason) => wrong = Some(reason),
                    }
                }
            })
            .await?;
            if let Some(reason) = wrong {
                return Err(Error::new(crate::wms::Kind::Protocol, reason));
            }
        }
        Ok(Places(places))
    }
}

impl Places {
    /// A place and those above it, the nearest first.
    fn upwards(&self, id: i64) -> impl Iterator<Item = &PlaceRow> {
        // A loop among parents, which Tryton does not allow, ends as well.
        std::iter::successors(self.0.get(&id), |row| self.0.get(&row.parent?)).take(self.0.len())
    }

    fn warehouse_row(&self, id: i64) -> Option<&PlaceRow> {
        self.upwards(id).find(|row| row.r#type.as_deref() == Some("warehouse"))
    }

    /// The warehouse that a place is in.
    pub fn warehouse(&self, id: i64) -> Option<i64> {
        self.warehouse_row(id).map(|row| row.id)
    }

    /// What a place is to its warehouse. Where one location serves several purposes, it is stock first.
    pub fn zone(&self, id: i64) -> Zone {
        let Some(warehouse) = self.warehouse_row(id) else { return Zone::Other };
        let zone = |row: &PlaceRow| match Some(row.id) {
            id if id == warehouse.storage_location || id == warehouse.picking_location => Some(Zone::Stock),
            id if id == warehouse.output_location => Some(Zone::Outgoing),
            _ => None,
        };
        self.upwards(id).find_map(zone).unwrap_or(Zone::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_is_stock_and_a_dock_is_not() {
        let row = |id: i64, parent: Option<i64>, kind: &str| PlaceRow { id, parent, r#type: Some(kind.to_owned()), ..PlaceRow::default() };
        let warehouse = PlaceRow { storage_location: Some(2), output_location: Some(3), picking_location: Some(6), ..row(1, None, "warehouse") };
        let rows = [
            warehouse,
            row(2, Some(1), "storage"),
            row(3, Some(1), "storage"),
            row(4, Some(1), "storage"),
            row(5, Some(2), "view"),
            row(6, Some(1), "storage"),
            row(7, Some(5), "storage"),
            row(8, None, "storage"),
            row(9, Some(10), "storage"),
            row(10, Some(9), "storage"),
        ];
        let places = Places(rows.into_iter().map(|row| (row.id, row)).collect());
        let of = |id| (places.zone(id), places.warehouse(id));
        assert_eq!(of(7), (Zone::Stock, Some(1)));
        assert_eq!(of(6), (Zone::Stock, Some(1)));
        assert_eq!(of(3), (Zone::Outgoing, Some(1)));
        assert_eq!(of(4), (Zone::Other, Some(1)));
        assert_eq!(of(8), (Zone::Other, None));
        assert_eq!(of(9), (Zone::Other, None), "a loop ends");
        assert_eq!(of(99), (Zone::Other, None));
    }
}
