//! The house keeps its shape: imports only point down, and a foreign crate is named only where it belongs.
//!
//! The tables say what is allowed; everything else in this file reads the sources and compares. It reads tokens rather
//! than lines, so that a path counts wherever it stands (in a `use`, in its braces, inline, in a macro), and one in a
//! comment or in a string does not.
//!
//! Deliberately absent: names that come in under another name (`use crate as house`). Nobody does that by accident.

use std::fs;
use std::path::Path;

/// The modules directly below `src/`, from the top of the house to its foundation, and what each may know.
const HOUSE: &[(&str, &[&str])] = &[
    ("lib", &[]),
    ("main", &["cli", "app"]),
    ("cli", &["app", "config", "graphql", "sync", "store", "wms", "record"]),
    ("app", &["config", "http", "graphql", "sync", "writes", "webhooks", "changes", "accounts", "store", "wms", "record"]),
    ("http", &["graphql", "store"]),
    ("graphql", &["sync", "writes", "webhooks", "changes", "store", "record"]),
    ("sync", &["changes", "accounts", "store", "wms", "record"]),
    ("writes", &["changes", "accounts", "store", "wms", "record"]),
    ("webhooks", &["changes", "accounts", "store", "record"]),
    ("accounts", &["store", "wms", "record"]),
    ("changes", &["store", "record"]),
    ("store", &["record"]),
    ("wms", &["record"]),
    ("record", &[]),
    // The leaves: anyone may know them.
    ("config", &["graphql", "http", "sync", "writes", "webhooks", "store", "wms", "record"]),
    ("telemetry", &[]),
    ("metrics", &[]),
    ("clock", &["record"]),
    ("random", &[]),
    ("outbound", &[]),
];

/// What anyone may know.
const LEAVES: &[&str] = &["telemetry", "metrics", "clock", "random", "outbound"];

/// The crates that have a place, and the places: a file, or a folder with all below it.
const CRATES: &[(&str, &[&str])] = &[
    ("diesel", &["store"]),
    ("diesel_async", &["store"]),
    ("diesel_migrations", &["store"]),
    ("libsqlite3_sys", &["store"]),
    ("reqwest", &["wms/http", "webhooks/http", "outbound", "telemetry/traces"]),
    ("hmac", &["webhooks/sign"]),
    ("async_graphql", &["graphql", "http", "record"]),
    ("async_graphql_value", &["graphql"]),
    ("apollo_compiler", &["graphql/guard"]),
    ("apollo_parser", &["graphql/guard"]),
    ("axum", &["http", "wms/sandbox/server"]),
    ("hyper", &["http/listen"]),
    ("hyper_util", &["http/listen"]),
    ("tokio_io_timeout", &["http/listen"]),
    ("tower_http", &["http"]),
    ("tungstenite", &["http/socket"]),
    ("prometheus_client", &["metrics"]),
    ("opentelemetry", &["telemetry/traces"]),
    ("opentelemetry_http", &["telemetry/traces"]),
    ("opentelemetry_otlp", &["telemetry/traces"]),
    ("opentelemetry_sdk", &["telemetry/traces"]),
    ("tracing_opentelemetry", &["telemetry/traces"]),
    ("indicatif", &["cli"]),
];

/// A file of the sources is read by a person in one sitting.
const LONGEST: usize = 600;

#[test]
fn imports_only_point_down() {
    let sources = files("src");
    let violations: Vec<String> = sources.iter().flat_map(|(path, text)| check(path, text)).collect();
    assert!(violations.is_empty(), "The house in tests/it/layers.rs does not allow this:\n{}", violations.join("\n"));
}

#[test]
fn no_source_file_is_too_long() {
    let sources = files("src");
    let long: Vec<String> = sources
        .iter()
        .filter(|(_, text)| text.lines().count() > LONGEST)
        .map(|(path, text)| format!("src/{path}: {} lines; split what changes apart, {LONGEST} is the most", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn no_test_is_left_out() {
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        for (path, text) in files(folder) {
            let tokens = tokens(&text);
            let ignored = tokens.windows(3).filter(|three| three[0].text == "#" && three[1].text == "[" && three[2].text == "ignore");
            found.extend(ignored.map(|three| format!("{folder}/{path}:{}: a test that does not run says nothing", three[0].line)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_checker_finds_what_it_is_for() {
    let found = |path: &str, text: &str| check(path, text).join("\n");
    insta::assert_snapshot!(found("record/order.rs", "//! [`crate::store`]\n\nuse crate::{\n    record::Id,\n    store::{Store, wms::Odd},\n};"), @"src/record/order.rs:5: record may not know store, only the leaves");
    insta::assert_snapshot!(found("wms/odoo/mod.rs", "fn f() { crate::store::open(); $crate::graphql::x!() }"), @r"
    src/wms/odoo/mod.rs:1: wms may not know store, only record
    src/wms/odoo/mod.rs:1: wms may not know graphql, only record
    ");
    insta::assert_snapshot!(found("store/records.rs", "use super::super::sync::Handle;\nuse super::sync;"), @"src/store/records.rs:1: store may not know sync, only record");
    insta::assert_snapshot!(found("changes.rs", "use super::graphql;"), @"src/changes.rs:1: changes may not know graphql, only store, record");
    insta::assert_snapshot!(found("main.rs", "crossdock::store::open()"), @"src/main.rs:1: main may not know store, only cli, app");
    insta::assert_snapshot!(found("sync/mod.rs", "use diesel::prelude::*;"), @"src/sync/mod.rs:1: diesel belongs in store");
    insta::assert_snapshot!(found("wms/odoo/http.rs", "let x = '\"'; r#\"\" axum::\"#; reqwest::get(b'x')"), @"src/wms/odoo/http.rs:1: reqwest belongs in wms/http, webhooks/http, outbound, telemetry/traces");
    insta::assert_snapshot!(found("attic.rs", ""), @"src/attic.rs:1: attic has no place in the house yet: give it a line in HOUSE");

    let allowed = "/*/ crate::store /* nested */ diesel */ use crate::record::Id; // axum\nconst S: &str = \"crate::store \\\" diesel\"; fn f<'a>(x: &'a crate::clock::Clock) {}";
    assert_eq!(found("wms/odoo/mod.rs", allowed), "");
    assert_eq!(found("wms/http.rs", "reqwest::get()"), "");
    assert_eq!(found("wms/sandbox/server/mod.rs", "axum::serve()"), "");
}

/// Everything in one file that the tables do not allow. The path is that below `src/`.
fn check(path: &str, text: &str) -> Vec<String> {
    let place = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let module = place.split('/').next().unwrap_or_default();
    let Some((_, below)) = HOUSE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("src/{path}:1: {module} has no place in the house yet: give it a line in HOUSE")];
    };
    let depth = place.split('/').count();
    let tokens = tokens(text);
    let mut violations = Vec::new();
    for (line, known) in paths(&tokens, depth) {
        let is_module = HOUSE.iter().any(|(name, _)| *name == known);
        if is_module && known != module && !below.contains(&known) && !LEAVES.contains(&known) {
            let allowed = if below.is_empty() { "the leaves".to_owned() } else { below.join(", ") };
            violations.push(format!("src/{path}:{line}: {module} may not know {known}, only {allowed}"));
        }
    }
    for token in &tokens {
        let Some((name, places)) = CRATES.iter().find(|(name, _)| *name == token.text) else { continue };
        if !places.iter().any(|allowed| place == *allowed || place.strip_prefix(allowed).is_some_and(|rest| rest.starts_with('/'))) {
            violations.push(format!("src/{path}:{}: {name} belongs in {}", token.line, places.join(", ")));
        }
    }
    violations
}

/// The names that stand directly below the root of the crate in the paths of a file, `depth` modules below that root.
fn paths<'a>(tokens: &[Token<'a>], depth: usize) -> Vec<(usize, &'a str)> {
    let is_path = |at: usize| tokens.get(at).is_some_and(|t| t.text == ":") && tokens.get(at + 1).is_some_and(|t| t.text == ":");
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut next = at;
        match tokens[at].text {
            "crate" | "crossdock" if is_path(at + 1) => next = at + 3,
            "super" => {
                let mut levels = 0;
                while tokens.get(next).is_some_and(|t| t.text == "super") && is_path(next + 1) {
                    levels += 1;
                    next += 3;
                }
                // A module within the file adds a level that is not counted here: what such a path then names is mostly
                // no module of the house, and where it is one, the rule holds for it all the same.
                if levels < depth {
                    at = next.max(at + 1);
                    continue;
                }
            }
            _ => {}
        }
        if next == at {
            at += 1;
            continue;
        }
        at = next;
        match tokens.get(at) {
            Some(brace) if brace.text == "{" => {
                // Each name that begins an item of the outer braces; what is in inner ones is below it.
                let mut braces = 0;
                let mut begins = false;
                while let Some(token) = tokens.get(at) {
                    match token.text {
                        "{" => {
                            braces += 1;
                            begins = braces == 1;
                        }
                        "}" => braces -= 1,
                        "," => begins = braces == 1,
                        name if begins => {
                            found.push((token.line, name));
                            begins = false;
                        }
                        _ => {}
                    }
                    at += 1;
                    if braces == 0 {
                        break;
                    }
                }
            }
            Some(name) => found.push((name.line, name.text)),
            None => {}
        }
    }
    found
}

/// A name, a number or a single other character, and the line it is on.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    line: usize,
    text: &'a str,
}

/// The tokens of a Rust source without comments, strings and characters.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest);
        let length = if skipped > 0 {
            skipped
        } else if is_name(first) {
            rest.find(|c| !is_name(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        if skipped == 0 && !first.is_whitespace() {
            tokens.push(Token { line, text: token });
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The length of the comment, string, character or lifetime that this text begins with; 0 if it begins with none.
fn skipped(text: &str) -> usize {
    let end = |of: Option<usize>, length: usize| of.map_or(text.len(), |at| at + length);
    if text.starts_with("//") {
        return end(text.find('\n'), 0);
    }
    if text.starts_with("/*") {
        let (mut depth, mut at) = (0, 0);
        while at < text.len() {
            let here = &text.as_bytes()[at..];
            let (change, length) = if here.starts_with(b"/*") {
                (1, 2)
            } else if here.starts_with(b"*/") {
                (-1, 2)
            } else {
                (0, 1)
            };
            depth += change;
            at += length;
            if depth == 0 {
                return at;
            }
        }
        return text.len();
    }
    // Strings, with the letters that may stand before them: b, c, r, br, cr.
    let letters = text.find(|c| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(0);
    let literal = &text[letters..];
    let hashes = literal.len() - literal.trim_start_matches('#').len();
    if letters <= 2 && text[..letters].ends_with('r') && literal[hashes..].starts_with('"') {
        let close = format!("\"{}", "#".repeat(hashes));
        let start = letters + hashes + 1;
        return end(text[start..].find(&close).map(|at| start + at), close.len());
    }
    if letters <= 1 && literal.starts_with('"') {
        return letters + closing(literal, '"');
    }
    // 'x' and '\n' are characters, 'x without an end is a lifetime.
    if letters <= 1 && literal.starts_with('\'') {
        let mut characters = literal.char_indices().skip(1);
        let escaped = characters.next().is_some_and(|(_, c)| c == '\\');
        if escaped {
            return letters + closing(literal, '\'');
        }
        return letters + characters.next().map_or(1, |(at, c)| if c == '\'' { at + 1 } else { 1 });
    }
    0
}

/// The length of a literal that begins with this quote, which a backslash escapes.
fn closing(literal: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in literal.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + quote.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    literal.len()
}

/// Every Rust file below a folder of the repository: its path below that folder, and its text.
fn files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources are there") {
            let path = entry.expect("the sources can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).expect("it is below the folder").to_string_lossy().into_owned();
                found.push((below, fs::read_to_string(&path).expect("a source file can be read")));
            }
        }
    }
    found.sort();
    found
}
