//! The tests' own PostgreSQL: each caller gets a database of its own, however many ask at once.

use std::process::Command;

use crate::support::postgres;

/// Asks a database through the client that came with the server.
fn ask(url: &str, statement: &str) -> String {
    let psql = postgres::programs().expect("the server gave a database, so it is installed").join("psql");
    let output = Command::new(psql).args(["-X", "-A", "-t", "-c", statement, url]).output().expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A table of the same name in each database: it could not be made twice in one.
fn a_database_of_ones_own() {
    let Some(url) = postgres::database_if_installed() else { return };
    assert_eq!(ask(&url, "select count(*) from information_schema.tables where table_schema = 'public'"), "0");
    ask(&url, "create table mine (id int primary key)");
    assert_eq!(ask(&url, "select 1"), "1");
}

/// Several tests rather than a loop, because under nextest each is a process.
macro_rules! each_gets_its_own {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            a_database_of_ones_own();
        }
    )*};
}

each_gets_its_own! { one two three four five six seven eight }

#[test]
fn the_server_is_set_up_as_production_would_be() {
    let Some(url) = postgres::database_if_installed() else { return };
    assert_eq!(ask(&url, "show server_encoding"), "UTF8");
    assert_eq!(ask(&url, "show timezone"), "UTC");
    assert_eq!(ask(&url, "show listen_addresses"), "127.0.0.1");
}

/// What one process commits wakes another at once, and not by its own looking: nobody looks here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_on_one_database_wake_each_other() {
    use crossdock::store::vault::Vault;
    use crossdock::store::{Signal, Sizes, Store};
    let Some(url) = postgres::database_if_installed() else { return };
    let vault = || Vault::new(&[7; 32], |bytes| !bytes.is_empty());
    let (one, other) = (
        Store::open(&url, Sizes::default(), vault()).await.expect("it opens"),
        Store::open(&url, Sizes::default(), vault()).await.expect("it opens"),
    );
    let hearing = other.clone();
    let ear = tokio::spawn(async move { hearing.listen().await });
    let (changes, schedules, mut stops) = (other.changes_committed(), other.schedules_committed(), other.stops_committed());
    // It listens when it need not look so often any more.
    while other.poll() == one.poll() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (changed, due) = (changes.notified(), schedules.notified());
    let mut tx = one.write().await.expect("a transaction");
    for signal in [Signal::Changes, Signal::Schedules, Signal::Stop(17)] {
        tx.signal(signal);
    }
    one.commit(tx).await.expect("it commits");
    let heard = tokio::time::timeout(crate::support::server::PATIENCE, async { tokio::join!(changed, due, stops.recv()).2 }).await;
    assert_eq!(heard.expect("it is heard"), Ok(17));
    // A transaction that is given up wakes nobody.
    let mut tx = one.write().await.expect("a transaction");
    tx.signal(Signal::Stop(18));
    drop(tx);
    let mut tx = one.write().await.expect("a transaction");
    tx.signal(Signal::Stop(19));
    one.commit(tx).await.expect("it commits");
    assert_eq!(stops.recv().await, Ok(19));
    ear.abort();
}
