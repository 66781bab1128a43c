//! The tables: what the migrations make on either database is what `src/store/schema.rs` says, and they can be undone.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};

use super::support::postgres;

/// Column → type and whether it may be NULL, by table.
pub type Tables = BTreeMap<String, BTreeMap<String, String>>;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of the repository")
}

/// The names of the migrations of a database, in their order.
fn migrations(database: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    let names = std::fs::read_dir(folder).expect("the migrations").map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn script(database: &str, direction: &str) -> String {
    let mut names = migrations(database);
    if direction == "down" {
        names.reverse();
    }
    names.iter().map(|name| read(&format!("migrations/{database}/{name}/{direction}.sql"))).collect()
}

/// What `schema.rs` says.
pub fn schema() -> Tables {
    let text = read("src/store/schema.rs");
    let mut tables = Tables::new();
    let mut table = String::new();
    for line in text.lines().map(str::trim) {
        if let Some((name, kind)) = line.split_once(" -> ") {
            let name = name.trim_start_matches("r#");
            tables.entry(table.clone()).or_default().insert(name.to_owned(), kind.trim_end_matches(',').to_owned());
        } else if let Some((name, rest)) = line.split_once(" (")
            && rest.ends_with(") {")
        {
            name.clone_into(&mut table);
        }
    }
    tables
}

fn nullable(kind: &str, nullable: bool) -> String {
    if nullable { format!("Nullable<{kind}>") } else { kind.to_owned() }
}

#[test]
fn both_databases_have_the_same_migrations() {
    assert_eq!(migrations("sqlite"), migrations("postgres"));
    assert!(!migrations("sqlite").is_empty());
}

#[derive(QueryableByName)]
struct LiteColumn {
    #[diesel(sql_type = Text)]
    in_table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    required: String,
}

#[test]
fn sqlite_has_the_tables_of_the_schema() {
    let mut connection = SqliteConnection::establish(":memory:").expect("SQLite opens");
    connection.batch_execute(&script("sqlite", "up")).expect("the migrations run");
    let query = "SELECT t.name AS in_table, c.name AS name, c.type AS kind, CAST(c.\"notnull\" AS TEXT) AS required \
                 FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let columns: Vec<LiteColumn> = diesel::sql_query(query).load(&mut connection).expect("the columns");
    let mut found = Tables::new();
    for column in columns {
        found.entry(column.in_table).or_default().insert(column.name, nullable(&column.kind, column.required == "0"));
    }
    // SQLite has fewer types.
    let lite = |kind: &str| {
        let kinds = [("Timestamptz", "INTEGER"), ("BigInt", "INTEGER"), ("Bool", "INTEGER"), ("Json", "TEXT"), ("Text", "TEXT"), ("Binary", "BLOB")];
        kinds.iter().fold(kind.to_owned(), |kind, (from, to)| kind.replace(from, to))
    };
    let wanted: Tables =
        schema().into_iter().map(|(table, columns)| (table, columns.into_iter().map(|(name, kind)| (name, lite(&kind))).collect())).collect();
    assert_eq!(found, wanted);
    connection.batch_execute(&script("sqlite", "down")).expect("the migrations can be undone");
    let left: Vec<LiteColumn> = diesel::sql_query(query).load(&mut connection).expect("the columns");
    assert!(left.is_empty());
}

fn psql(url: &str, sql: &str) -> String {
    let program = postgres::programs().expect("psql is there").join("psql");
    let out = Command::new(program).args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]).output().expect("psql runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

#[test]
fn postgres_has_the_tables_of_the_schema() {
    let Some(url) = postgres::database_if_installed() else { return };
    psql(&url, &script("postgres", "up"));
    let query = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public'";
    let mut found = Tables::new();
    for line in psql(&url, query).lines() {
        let [table, name, kind, optional] = line.split('|').collect::<Vec<_>>().try_into().expect("four columns");
        let kind = match kind {
            "text" => "Text",
            "bigint" => "BigInt",
            "boolean" => "Bool",
            "timestamp with time zone" => "Timestamptz",
            "json" => "Json",
            "bytea" => "Binary",
            other => panic!("{table}.{name} has the type {other}, which the store does not know"),
        };
        found.entry(table.to_owned()).or_default().insert(name.to_owned(), nullable(kind, optional == "YES"));
    }
    assert_eq!(found, schema());
    psql(&url, &script("postgres", "down"));
    assert_eq!(psql(&url, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'").trim(), "0");
}
