//! Paging by ascending id, for WMSs whose listings can be ordered by a number that never changes.

use serde_json::Value;

use super::adapter::{Next, Page, Reject};
use super::error::{Error, Kind};
use crate::record::{Instant, Json, Record};

/// A page of rows, before they are mapped.
pub struct Rows {
    /// The rows, by ascending id.
    pub rows: Vec<Value>,
    /// What comes after them.
    pub next: Next,
    /// How many the listing has, where the WMS says so.
    pub total: Option<u64>,
    /// The WMS's clock.
    pub source_time: Option<Instant>,
}

impl Rows {
    /// The rows' ids.
    pub fn ids(&self) -> Vec<i64> {
        self.rows.iter().filter_map(id_of).collect()
    }

    /// The page of records that `map` makes of the rows. What it cannot map is rejected with its reason.
    pub fn page<T: Record>(self, map: impl Fn(&Value) -> Result<T, String>) -> Page<T> {
        let records = Vec::with_capacity(self.rows.len());
        let mut page = Page { source_time: self.source_time, total: self.total, ..Page::new(records, self.next) };
        for row in &self.rows {
            match map(row) {
                Ok(record) => page.records.push(record),
                Err(reason) => page.rejects.push(Reject { source_id: id_of(row).map(|id| id.to_string()), reason, raw: Json::of(row) }),
            }
        }
        page
    }
}

/// The id of a row.
pub fn id_of(row: &Value) -> Option<i64> {
    row.get("id")?.as_i64()
}

/// Rows that do not go on after `after`, one id higher than the other, would be read for ever.
///
/// # Errors
/// [`Kind::Protocol`], naming the two ids.
pub fn ascending(rows: &[Value], after: Option<i64>) -> Result<(), Error> {
    let mut last = after.unwrap_or(i64::MIN);
    for id in rows.iter().filter_map(id_of) {
        if id <= last {
            return Err(Error::new(Kind::Protocol, format!("Rows were asked for in the order of their ids, and {id} came after {last}")));
        }
        last = id;
    }
    Ok(())
}
