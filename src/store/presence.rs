//! Whether records are there: what a write may name.

use std::collections::HashSet;

use super::conn::Conn;
use super::error::{During as _, Result};
use super::predicate::Predicate;
use super::records::Kind;
use super::schedules::schedule_list;
use crate::record::draft::Named;
use crate::record::{self, ConnectionId, DataType, nine};

/// Of these records, those of a type that has been read as a whole, and yet are not there or were found gone.
///
/// # Errors
/// When the database does not answer.
pub async fn record_absent(conn: &mut Conn, connection: ConnectionId, named: Vec<Named>) -> Result<Vec<Named>> {
    if named.is_empty() {
        return Ok(named);
    }
    let read = schedule_list(conn, &[connection.0]).await?.into_iter().filter(|schedule| schedule.initial_sync_completed_at.is_some());
    let read: HashSet<DataType> = read.map(|schedule| schedule.data_type).collect();
    let mut absent = Vec::new();
    for data_type in read {
        let (of_type, keys): (Vec<&Named>, Vec<_>) =
            named.iter().filter(|one| one.data_type == data_type).map(|one| (one, (connection, one.source_id.as_str()))).unzip();
        if of_type.is_empty() {
            continue;
        }
        let there = there(conn, data_type, Predicate::records(&keys)).await?;
        absent.extend(of_type.into_iter().filter(|one| !there.contains(&one.source_id)).cloned());
    }
    Ok(absent)
}

async fn there(conn: &mut Conn, data_type: DataType, which: Predicate) -> Result<HashSet<String>> {
    macro_rules! of_each {
        ($([$variant:ident, $type:ident])+) => {
            match data_type { $(DataType::$variant => <record::$type as Kind>::hashes(conn, which).await),+ }
        };
    }
    let known = nine!(of_each).during("Failed to see whether records are there")?;
    Ok(known.into_iter().filter(|known| known.deleted_at.is_none()).map(|known| known.source_id).collect())
}
