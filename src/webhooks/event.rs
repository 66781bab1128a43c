//! What is sent: the events, their ids and their bodies.
//!
//! A body is made when it is sent, of the entry of the change log and of the record **as it is then**. So an attempt that comes
//! days late tells nothing that has become untrue, nothing has to be kept beside the log, and no payload or secret lies about.
//! The event's id stays the same at every attempt, and when it is replayed.
//!
//! **Invariant.** No body holds the WMS's own payload (`raw`), a credential, or anything else of a connection but its id.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::changes::cursor;
use crate::record::{ConnectionId, DataType, Id, diff, nine};
use crate::store::changes::{Change, Kind, change_many};
use crate::store::records::{self, Needs, record_many};
use crate::store::runs::{SyncRun, SyncTrigger, run_many};
use crate::store::vault::Vault;
use crate::store::webhooks::WebhookEventType;
use crate::store::webhooks::deliveries::Delivery;
use crate::store::{Conn, Result};

/// The type as bodies have it.
const fn wire(event_type: WebhookEventType) -> &'static str {
    match event_type {
        WebhookEventType::RecordCreated => "record.created",
        WebhookEventType::RecordUpdated => "record.updated",
        WebhookEventType::RecordDeleted => "record.deleted",
        WebhookEventType::RecordRestored => "record.restored",
        WebhookEventType::SyncCompleted => "sync.completed",
        WebhookEventType::IssueRaised => "issue.raised",
        WebhookEventType::IssueChanged => "issue.changed",
        WebhookEventType::IssueCleared => "issue.cleared",
        WebhookEventType::WebhookTest => "webhook.test",
    }
}

/// The id of an event: it follows from the event, so that whoever has seen it knows it again, and it tells nothing of it.
pub fn event_id(vault: &Vault, delivery: &Delivery) -> String {
    let what = delivery.position.map_or_else(|| format!("test {}", delivery.id), |position| position.to_string());
    let name: SecretString = format!("webhook event {what} {}", delivery.event_at.micros()).into();
    format!("evt_{}", vault.fingerprint(&name))
}

/// A body, or why there can be none any more.
pub type Body = std::result::Result<String, &'static str>;

/// The bodies of deliveries, in their order.
///
/// # Errors
/// When the database does not answer.
pub async fn bodies(conn: &mut Conn, deliveries: &[Delivery]) -> Result<Vec<Body>> {
    let positions: Vec<i64> = deliveries.iter().filter_map(|delivery| delivery.position).collect();
    let changes = if positions.is_empty() { Vec::new() } else { change_many(conn, &positions).await? };
    let runs: BTreeSet<i64> = changes.iter().filter(|change| change.kind == Kind::SyncCompleted).filter_map(|change| change.run_id).collect();
    let runs = if runs.is_empty() { Vec::new() } else { run_many(conn, &Vec::from_iter(runs)).await? };
    let runs: HashMap<i64, SyncRun> = runs.into_iter().map(|run| (run.id, run)).collect();
    let records = records(conn, &changes).await?;
    let changes: HashMap<i64, Change> = changes.into_iter().map(|change| (change.position, change)).collect();
    let body = |delivery: &Delivery| {
        let data = match delivery.position {
            None => json!({ "endpointId": Id::WebhookEndpoint(delivery.endpoint_id).to_string() }),
            Some(position) => {
                let change = changes.get(&position).ok_or("The change log no longer reaches back so far")?;
                match change.kind {
                    Kind::SyncCompleted => of_run(change, change.run_id.and_then(|run| runs.get(&run))),
                    Kind::IssueRaised | Kind::IssueChanged | Kind::IssueCleared => of_issue(change),
                    Kind::Created | Kind::Updated | Kind::Deleted | Kind::Restored => {
                        of_record(change, change.data_type.ok_or("The entry of the change log tells of no record")?, &records)
                    }
                }
            }
        };
        Ok(json!({ "type": wire(delivery.event_type), "timestamp": delivery.event_at, "data": data }).to_string())
    };
    Ok(deliveries.iter().map(body).collect())
}

/// Records by what names them.
type Records = HashMap<(DataType, i64, String), Map<String, Value>>;

/// The records that entries of the change log speak of, as they are now, deleted ones too.
async fn records(conn: &mut Conn, changes: &[Change]) -> Result<Records> {
    let mut wanted: BTreeMap<DataType, BTreeSet<(ConnectionId, &str)>> = BTreeMap::new();
    for change in changes {
        if let (Some(data_type), Some(source_id)) = (change.data_type, &change.source_id) {
            wanted.entry(data_type).or_default().insert((ConnectionId(change.connection_id), source_id));
        }
    }
    let mut found = Records::new();
    macro_rules! read {
        ($([$data_type:ident, $type:ident])+) => {
            for (data_type, keys) in wanted {
                let keys = Vec::from_iter(keys);
                match data_type {
                    $(DataType::$data_type => found.extend(read_all::<crate::record::$type>(conn, &keys).await?),)+
                }
            }
        };
    }
    nine!(read);
    Ok(found)
}

async fn read_all<K: records::Kind>(conn: &mut Conn, keys: &[(ConnectionId, &str)]) -> Result<Records> {
    let stored = record_many::<K>(conn, keys, &Needs::AllButPayload).await?;
    let told = stored.into_iter().map(|stored| {
        let mut told = diff::outward(&stored.record);
        told.insert("changedAt".to_owned(), json!(stored.changed_at));
        told.insert("deletedAt".to_owned(), json!(stored.deleted_at));
        ((K::DATA_TYPE, stored.connection.0, stored.record.source().id.clone()), told)
    });
    Ok(told.collect())
}

fn of_record(change: &Change, data_type: DataType, records: &Records) -> Value {
    let (connection, source_id) = (ConnectionId(change.connection_id), change.source_id.clone().unwrap_or_default());
    let id = Id::Record(data_type, connection, source_id.clone());
    json!({
        "cursor": cursor(change.position),
        "connectionId": Id::Connection(connection).to_string(),
        "dataType": data_type,
        "recordId": id.to_string(),
        "sourceId": source_id,
        "previousAttributes": change.previous.as_ref().map(|previous| diff::worded(previous.to_value())),
        "record": records.get(&(data_type, change.connection_id, source_id)),
    })
}

fn of_run(change: &Change, run: Option<&SyncRun>) -> Value {
    json!({
        "cursor": cursor(change.position),
        "connectionId": Id::Connection(ConnectionId(change.connection_id)).to_string(),
        "dataType": change.data_type,
        "run": run.map(|run| json!({
            "id": Id::SyncRun(run.id).to_string(),
            "trigger": run.trigger,
            "mode": run.mode,
            "status": run.status,
            "isInitial": run.trigger == SyncTrigger::Initial,
            "startedAt": run.started_at,
            "finishedAt": run.finished_at,
            "read": run.read,
            "created": run.created,
            "updated": run.updated,
            "unchanged": run.unchanged,
            "deleted": run.deleted,
            "rejected": run.rejected,
        })),
    })
}

fn of_issue(change: &Change) -> Value {
    let mut issue = change.issue.as_ref().map(|issue| diff::worded(issue.to_value()));
    // Numbers are this server's own business; the id stands beside it.
    if let Some(Value::Object(fields)) = &mut issue {
        fields.retain(|name, _| ["code", "message", "blocking", "firstSeenAt", "lastSeenAt"].contains(&name.as_str()));
    }
    json!({
        "cursor": cursor(change.position),
        "connectionId": Id::Connection(ConnectionId(change.connection_id)).to_string(),
        "dataType": change.data_type,
        "issue": issue,
    })
}
