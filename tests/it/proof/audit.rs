//! What must hold of a database at rest, whatever has happened to the servers: it says what the WMS says, and its change
//! log says how it came to that, once and in order.
//!
//! What follows from `store::records` and `sync::runner`, for each connection and type:
//! * positions are 1 to N;
//! * runs do not overlap: all entries of one stand before all of the next, and each ends with its `SYNC_COMPLETED`, of which
//!   a run that has not ended has none;
//! * a run's counts are its entries: as many CREATED as `created`, UPDATED and RESTORED as `updated`, DELETED as `deleted`,
//!   except that an initial sync does not tell of what is new;
//! * a record's entries are a history: CREATED is the first, RESTORED follows DELETED and nothing else does, and the last
//!   one says whether it is deleted now;
//! * a run that has ended remembers no pages of its listing;
//! * `version` grows by one for each time that a record is stored or deleted: it is the number of its entries, and one more
//!   where an initial sync stored it first. A page that is laid down twice, or told twice, breaks this;
//! * folded backwards from the record as it is, each `previous` differs from what came after it.

use std::collections::{BTreeMap, HashMap};

use crossdock::record::{self, diff};
use crossdock::store::changes::{Change, Kind as Told, Wanted, change_head, change_list};
use crossdock::store::records::{Kind, Listing, Needs, record_list};
use crossdock::store::runs::{SyncRun, SyncStatus, SyncTrigger, page_count, run_list};
use crossdock::store::{Predicate, Store};
use serde_json::{Map, Value};

use super::mutator::TITLE;
use super::wms::Api;

/// A stored record, whatever its type.
struct Held {
    deleted: bool,
    version: i64,
    raw: Value,
    /// What differs from an empty record, in the words of the change log.
    content: Map<String, Value>,
}

/// A connection's number, a data type, a source id.
type Key = (i64, &'static str, String);

/// What was looked at, for people to see that it was something.
#[derive(Debug, Default)]
#[expect(dead_code, reason = "read by people: it is printed")]
pub struct Audit {
    pub records: usize,
    pub deleted: usize,
    /// Of the log, but for those about issues.
    pub entries: usize,
    pub issues: usize,
    pub runs: BTreeMap<String, usize>,
    /// Versions that initial syncs stored without telling.
    pub silent: i64,
    /// Old values that were compared with what came after them.
    pub folded: usize,
    /// Pages that were read, of all runs.
    pub pages: i64,
}

/// Compares the database with the WMS and with itself.
pub async fn audit(store: &Store, api: &Api) -> Audit {
    let held = held(store).await;
    let truth = api.truth().await;
    compare(&held, &truth);
    let runs = run_list(&mut store.read().await.expect("the database"), Predicate::All(Vec::new()), i64::MAX, i64::MAX).await.expect("runs");
    let log = log(store).await;
    let issues = log.iter().filter(|change| Told::OF_ISSUES.contains(&change.kind)).count();
    let deleted = held.values().filter(|held| held.deleted).count();
    let mut audit = Audit { records: held.len(), deleted, entries: log.len() - issues, issues, ..Audit::default() };
    for run in &runs {
        *audit.runs.entry(format!("{} {}", run.mode, run.status)).or_default() += 1;
        audit.pages += run.pages;
        let remembered = page_count(&mut store.read().await.expect("the database"), run.id).await.expect("a count");
        assert!(remembered == 0 || run.status.is_open(), "{remembered} pages are remembered of a run that has ended: {run:#?}");
    }
    in_order(&log, &runs);
    counted(&log, &runs);
    audit.silent = versions(&held, &log, &runs);
    audit.folded = histories(&held, &log);
    audit
}

async fn held(store: &Store) -> BTreeMap<Key, Held> {
    async fn of<K: Kind + Default>(store: &Store, into: &mut BTreeMap<Key, Held>) {
        let listing = Listing::<K> { which: Predicate::All(Vec::new()), order: Vec::new(), beyond: None, backwards: false, limit: i64::MAX };
        for stored in record_list(&mut store.read().await.expect("the database"), &listing, &Needs::Everything).await.expect("records") {
            let source = stored.record.source();
            let content = diff::previous_attributes(&stored.record, &K::default()).map(|json| json.to_value());
            let one = Held {
                deleted: stored.deleted_at.is_some(),
                version: stored.version,
                raw: source.raw.as_ref().expect("the sandbox's rows are kept").to_value(),
                content: content.and_then(|value| value.as_object().cloned()).unwrap_or_default(),
            };
            into.insert((stored.connection.0, K::DATA_TYPE.as_str(), source.id.clone()), one);
        }
    }
    let mut all = BTreeMap::new();
    of::<record::InventoryItem>(store, &mut all).await;
    of::<record::InboundShipment>(store, &mut all).await;
    of::<record::Order>(store, &mut all).await;
    of::<record::Product>(store, &mut all).await;
    of::<record::Return>(store, &mut all).await;
    of::<record::ShippingMethod>(store, &mut all).await;
    of::<record::Warehouse>(store, &mut all).await;
    of::<record::WarehouseCustomer>(store, &mut all).await;
    of::<record::WarehouseLocation>(store, &mut all).await;
    all
}

/// The whole log, by many small looks, as readers take it.
async fn log(store: &Store) -> Vec<Change> {
    let mut log: Vec<Change> = Vec::new();
    loop {
        let after = log.last().map_or(0, |change| change.position);
        let more = change_list(&mut store.read().await.expect("the database"), after, &Wanted::default(), 1_000).await.expect("changes");
        if more.is_empty() {
            break;
        }
        log.extend(more);
    }
    let head = change_head(&mut store.read().await.expect("the database")).await.expect("the head");
    let positions: Vec<i64> = log.iter().map(|change| change.position).collect();
    assert!(positions.iter().copied().eq(1..=head), "the log has a gap before {head}: {:?}", positions.windows(2).find(|two| two[1] != two[0] + 1));
    log
}

/// Every row of the WMS is held as it is, and nothing else is.
fn compare(held: &BTreeMap<Key, Held>, truth: &BTreeMap<&'static str, BTreeMap<String, Value>>) {
    let mut wrong = Vec::new();
    let connections: std::collections::BTreeSet<i64> = held.keys().map(|key| key.0).collect();
    for connection in connections {
        for (data_type, rows) in truth {
            for (id, row) in rows {
                match held.get(&(connection, *data_type, id.clone())) {
                    None => wrong.push(format!("{data_type} {id} is lost")),
                    Some(held) if held.deleted => wrong.push(format!("{data_type} {id} is there, but marked as deleted")),
                    Some(held) if held.raw != *row => wrong.push(format!("{data_type} {id} is out of date: {} is now {row}", held.raw)),
                    Some(_) => {}
                }
            }
        }
    }
    for ((_, data_type, id), held) in held {
        if !held.deleted && !truth[data_type].contains_key(id) {
            wrong.push(format!("{data_type} {id} is gone, but not marked as deleted"));
        }
    }
    assert!(wrong.is_empty(), "{} records are not as the WMS has them:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
}

/// Runs of one schedule do not overlap, neither by their entries nor by the clock, and each tells of its end once.
fn in_order(log: &[Change], runs: &[SyncRun]) {
    let by_id: HashMap<i64, &SyncRun> = runs.iter().map(|run| (run.id, run)).collect();
    let mut ended: BTreeMap<i64, usize> = BTreeMap::new();
    let mut under_way: HashMap<(i64, &str), i64> = HashMap::new();
    for change in log {
        let Some(run) = change.run_id else { continue };
        assert!(by_id.contains_key(&run), "{change:?} names a run that does not exist");
        assert!(!ended.contains_key(&run) || change.kind == Told::SyncCompleted, "run {run} told of something after its end: {change:?}");
        // An issue may be one of the whole connection.
        let Some(data_type) = change.data_type else { continue };
        let schedule = (change.connection_id, data_type.as_str());
        let current = *under_way.entry(schedule).or_insert(run);
        assert_eq!(current, run, "two runs of {schedule:?} are told of at once: {change:?}");
        if change.kind == Told::SyncCompleted {
            *ended.entry(run).or_default() += 1;
            under_way.remove(&schedule);
        }
    }
    let mut by_schedule: BTreeMap<(i64, &str), Vec<&SyncRun>> = BTreeMap::new();
    for run in runs {
        let told = ended.get(&run.id).copied().unwrap_or(0);
        assert_eq!(told, usize::from(!run.status.is_open()), "ends told of run {run:#?}");
        assert_eq!(run.finished_at.is_some(), !run.status.is_open(), "{run:#?}");
        by_schedule.entry((run.connection_id, run.data_type.as_str())).or_default().push(run);
    }
    for runs in by_schedule.values_mut() {
        runs.sort_by_key(|run| run.id);
        for two in runs.windows(2) {
            assert!(two[0].finished_at.is_some() && two[0].finished_at <= two[1].started_at.or(Some(two[1].queued_at)), "two runs overlap: {two:#?}");
        }
    }
}

/// Each run's counts are what the log tells of it.
fn counted(log: &[Change], runs: &[SyncRun]) {
    let mut told: HashMap<(i64, Told), i64> = HashMap::new();
    for change in log {
        if let Some(run) = change.run_id {
            *told.entry((run, change.kind)).or_default() += 1;
        }
    }
    for run in runs {
        let told = |kind| told.get(&(run.id, kind)).copied().unwrap_or(0);
        assert!(run.read >= run.created + run.updated + run.unchanged, "{run:#?}");
        assert_eq!(run.deleted, told(Told::Deleted), "deleted, of {run:#?}");
        if run.trigger == SyncTrigger::Initial {
            assert_eq!(told(Told::Created), 0, "a first sync does not tell of what is new: {run:#?}");
        } else {
            assert_eq!(run.created, told(Told::Created), "created, of {run:#?}");
        }
        assert_eq!(run.updated, told(Told::Updated) + told(Told::Restored), "updated, of {run:#?}");
        if run.status == SyncStatus::Succeeded {
            assert_eq!(run.rejected, 0, "{run:#?}");
            assert!(run.started_at.is_some(), "{run:#?}");
        }
    }
}

/// Versions less entries is what first syncs stored.
fn versions(held: &BTreeMap<Key, Held>, log: &[Change], runs: &[SyncRun]) -> i64 {
    let mut untold: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    for ((connection, data_type, _), held) in held {
        *untold.entry((*connection, data_type)).or_default() += held.version;
    }
    for change in log.iter().filter(|change| Told::OF_RECORDS.contains(&change.kind)) {
        *untold.entry((change.connection_id, change.data_type.map_or("", |data_type| data_type.as_str()))).or_default() -= 1;
    }
    let mut silent: BTreeMap<(i64, &str), i64> = untold.keys().map(|schedule| (*schedule, 0)).collect();
    for run in runs.iter().filter(|run| run.trigger == SyncTrigger::Initial) {
        *silent.entry((run.connection_id, run.data_type.as_str())).or_default() += run.created;
    }
    assert_eq!(untold, silent, "versions that the log does not tell of, and those that first syncs stored");
    silent.values().sum()
}

/// Each record's entries are a history that ends in what it is.
fn histories(held: &BTreeMap<Key, Held>, log: &[Change]) -> usize {
    let mut histories: BTreeMap<Key, Vec<&Change>> = BTreeMap::new();
    for change in log {
        if let (Some(id), Some(data_type)) = (&change.source_id, change.data_type) {
            histories.entry((change.connection_id, data_type.as_str(), id.clone())).or_default().push(change);
        }
    }
    let mut folded = 0;
    for (key, history) in &histories {
        let held = held.get(key).unwrap_or_else(|| panic!("{key:?} is told of, but not held"));
        let kinds: Vec<_> = history.iter().map(|change| change.kind).collect();
        for (place, kind) in kinds.iter().enumerate() {
            let before = place.checked_sub(1).map(|before| kinds[before]);
            let legal = match kind {
                Told::Created => before.is_none(),
                Told::Restored => before == Some(Told::Deleted),
                _ => before != Some(Told::Deleted),
            };
            assert!(legal, "{key:?} has an impossible history: {kinds:?}");
        }
        assert_eq!(kinds.last() == Some(&Told::Deleted), held.deleted, "{key:?}: {kinds:?}");
        let told = i64::try_from(kinds.len()).unwrap_or(i64::MAX);
        let silent = i64::from(kinds[0] != Told::Created);
        assert_eq!(held.version, told + silent, "{key:?}: {kinds:?}");
        folded += fold(key, held, history);
    }
    folded
}

/// Goes back in time: what an entry says was there before must differ from what came after.
fn fold(key: &Key, held: &Held, history: &[&Change]) -> usize {
    let mut after = held.content.clone();
    let mut is_known = true;
    let mut folded = 0;
    let mut titles = Vec::new();
    titles.extend(number(held.content.get("name")));
    for change in history.iter().rev() {
        if change.kind == Told::Restored {
            // What else changed while it was away is not told.
            (after, is_known) = (Map::new(), false);
        }
        let Some(previous) = change.previous.as_ref().map(record::Json::to_value) else { continue };
        assert_eq!(change.kind, Told::Updated, "{key:?}: {change:?}");
        for (path, old) in previous.as_object().expect("an object") {
            // A path with a dot may lie inside of what the content has whole, and an empty value is not in it at all.
            let new = after.get(path).or((is_known && !path.contains('.') && !old.is_null()).then_some(&Value::Null));
            if let Some(new) = new {
                assert_ne!(old, new, "{key:?} is told to have changed from what it is: {change:?}");
                folded += 1;
            }
            after.insert(path.clone(), old.clone());
        }
        titles.extend(number(previous.get("name")));
    }
    if key.1 == "PRODUCTS" {
        assert!(titles.windows(2).all(|two| two[0] > two[1]), "{key:?} had its titles in another order: {titles:?}");
    }
    folded
}

/// The number in a title that the stranger gave.
fn number(title: Option<&Value>) -> Option<u64> {
    title?.as_str()?.strip_prefix(TITLE)?.parse().ok()
}
