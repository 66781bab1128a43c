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
