//! Paging by ascending id, for WMSs whose listings can be ordered by a number that never changes.

use serde_json::Value;

use super::error::{Error, Kind};

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
