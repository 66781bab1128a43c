//! A database that an older version has filled is brought up to date, and nothing that is in it is lost to those who look for it.

use std::fs;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use serde_json::{Value, json};

use super::filters::execute;
use super::support::postgres;
use super::support::server::{Database, Server, on_both};

/// The last migration that the older version has: after it come those that fill what is new from what is there.
const OLD: &str = "0002_row_hash";

/// Takes the database back to that version.
fn back(url: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(if url.starts_with("sqlite:") { "sqlite" } else { "postgres" });
    let names = fs::read_dir(&folder).expect("the migrations").map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let mut names: Vec<String> = names.filter(|name| name.as_str() > OLD).collect();
    names.sort();
    assert!(names.len() > 1, "{names:?}");
    for name in names.iter().rev() {
        let down = fs::read_to_string(folder.join(name).join("down.sql")).expect("the way back");
        let version = name.split('_').next().expect("a version");
        execute(url, &format!("{down}; DELETE FROM __diesel_schema_migrations WHERE version = '{version}'"));
    }
}

/// Everything that records are found by, as lines.
fn terms(url: &str) -> Vec<String> {
    let sql = "SELECT connection_id || ' ' || data_type || ' ' || source_id || ' ' || term || ' ' || value AS line FROM record_terms";
    let mut lines = match url.strip_prefix("sqlite:") {
        Some(path) => {
            #[derive(QueryableByName)]
            struct Line {
                #[diesel(sql_type = Text)]
                line: String,
            }
            let mut connection = SqliteConnection::establish(path).expect("SQLite opens");
            connection.batch_execute("PRAGMA busy_timeout = 10000").expect("it waits");
            let lines: Vec<Line> = diesel::sql_query(sql).load(&mut connection).expect("the terms");
            lines.into_iter().map(|line| line.line).collect()
        }
        None => postgres::ask(url, sql).expect("the terms").lines().map(str::to_owned).collect::<Vec<_>>(),
    };
    lines.sort();
    lines
}

/// What filters and searches find, each by what an older version did not keep.
async fn found(server: &Server) -> Value {
    server
        .data(
            "{ tagged: orders(filter: { sourceTag: { isNull: false } }) { totalCount } shipped: orders(filter: { shippedAt: { gt: \"2020-01-01T00:00:00Z\" } }) { totalCount }
               lots: inventory(filter: { lotExpiresAt: { gt: \"2020-01-01T00:00:00Z\" } }) { totalCount } placed: inventory(filter: { locationId: { isNull: false } }) { totalCount }
               arrived: inboundShipments(filter: { arrivedAt: { isNull: false }, supplierName: { isNull: false } }) { totalCount } reasons: returns(filter: { reason: { isNull: false } }) { totalCount }
               carriers: shippingMethods(filter: { carrierName: { isNull: false } }) { totalCount } countries: warehouses(filter: { country: { isNull: false } }) { totalCount }
               parts: products(filter: { componentSku: { isNull: false } }) { totalCount } searched: products(search: \"a b c d e f g\") { totalCount } }",
            json!({}),
        )
        .await
}

on_both! {
    async fn what_an_older_version_stored_is_found_by_what_is_new(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let url = server.database_url.clone();
        let name = server.data("{ products(first: 1) { nodes { id name } } }", json!({})).await["products"]["nodes"][0].clone();
        let (before, kept) = (found(&server).await, terms(&url));
        for (what, list) in before.as_object().expect("lists") {
            assert!(what == "searched" || list["totalCount"].as_i64() > Some(0), "{what}: nothing of it is in the demo: {before:#}");
        }
        let server = server.restart_after(back).await;
        assert_eq!(found(&server).await, before);
        let search = server.data("query($name: String) { products(search: $name) { nodes { id name } } }", json!({ "name": name["name"] })).await;
        assert!(search["products"]["nodes"].as_array().expect("nodes").contains(&name), "{search:#}");
        // Not only what this test thinks of.
        let made = terms(&url);
        let missing: Vec<_> = kept.iter().filter(|line| made.binary_search(line).is_err()).take(5).collect();
        let added: Vec<_> = made.iter().filter(|line| kept.binary_search(line).is_err()).take(5).collect();
        assert!(missing.is_empty() && added.is_empty(), "missing {missing:#?} added {added:#?}");
    }
}
