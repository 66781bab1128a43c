//! The documentation says what is so: its code is code that CI runs, its links lead somewhere, and no limit or code is left out.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below a folder whose names end so, by their paths below the repository's. What others wrote is not looked into.
fn below(folder: &str, ends: &[&str]) -> Vec<String> {
    let mut folders = vec![PathBuf::from(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(Path::new(ROOT).join(&folder)).expect("the folder is there") {
            let entry = entry.expect("it can be listed");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let path = folder.join(&name);
            if entry.path().is_dir() {
                if !["node_modules", "__generated__", "build"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if ends.iter().any(|end| name.ends_with(end)) && !name.ends_with(".build.js") {
                found.push(path.to_str().expect("a path in UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// What stands between `quoted: <name>` and `end` in a file: `(name, text)`, without the indentation of its first line.
fn regions(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let comment = line.trim_start().trim_start_matches("//").trim_start_matches('#');
        let Some(name) = comment.strip_prefix(" quoted: ") else { continue };
        let indent = line.len() - line.trim_start().len();
        let inside = lines.by_ref().take_while(|line| !["// end", "# end"].contains(&line.trim()));
        let inside: Vec<&str> = inside.map(|line| line.get(indent..).unwrap_or_default()).collect();
        found.push((name.to_owned(), inside.join("\n")));
    }
    found
}

/// The blocks of code of a page: the line above, the language, the text.
fn blocks(text: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut above = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push((above.to_owned(), language.to_owned(), inside.join("\n")));
        }
        above = line;
    }
    found
}

#[test]
fn the_pages_of_the_clients_quote_what_runs() {
    let mut quoted = Vec::new();
    for page in below("docs/clients", &[".md"]) {
        for (above, language, text) in blocks(&read(&page)) {
            let source = above.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")?.split_once(": "));
            let (path, name) = source.unwrap_or_else(|| panic!("{page}: nobody runs this block of {language}:\n{text}"));
            let there = regions(&read(path)).into_iter().find(|(there, _)| there == name);
            let (_, wanted) = there.unwrap_or_else(|| panic!("{page}: {path} has no `quoted: {name}`"));
            assert!(text == wanted, "{page}: {path} has this for {name}:\n\n{wanted}\n");
            quoted.push((path.to_owned(), name.to_owned()));
        }
    }
    for path in below("tests/clients", &[".mjs", ".js", ".ts", ".yml", ".py"]) {
        for (name, _) in regions(&read(&path)) {
            assert!(quoted.contains(&(path.clone(), name.clone())), "{path}: no page quotes {name}");
        }
    }
    assert!(!quoted.is_empty());
}

#[test]
fn links_lead_somewhere() {
    let mut pages = below("docs", &[".md"]);
    pages.push("README.md".to_owned());
    for page in pages {
        let text = read(&page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link));
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            let target = Path::new(ROOT).join(&page).with_file_name(file);
            assert!(target.exists(), "{page}: nothing is at {link}");
        }
    }
}

/// Every word in the text that begins so, to the end of its capitals.
fn words<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let is_inside = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.match_indices(start).map(|(at, _)| &text[at..]).map(|rest| &rest[..rest.find(|c| !is_inside(c)).unwrap_or(rest.len())]).collect()
}

#[test]
fn every_limit_and_every_code_is_told() {
    let page = read("docs/limits.md");
    let mut missing = Vec::new();
    for name in words(&read("src/config/limits.rs"), "CROSSDOCK_") {
        if !page.contains(&format!("`{name}`")) {
            missing.push(name.to_owned());
        }
    }
    let errors = read("src/graphql/errors.rs");
    let codes: Vec<&str> = errors.lines().filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\",")).collect();
    assert!(codes.len() > 20, "the codes are not where they were: {codes:?}");
    let mut refusals = Vec::new();
    for path in below("src/http", &[".rs"]) {
        let text = read(&path);
        refusals.extend(text.split("StatusCode::").skip(1).filter_map(|rest| Some(rest.split_once(", \"")?.1.split_once('"')?.0.to_owned())));
    }
    refusals.retain(|code| code.len() > 2 && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    assert!(refusals.len() > 5, "the refusals are not where they were: {refusals:?}");
    for code in codes.into_iter().map(str::to_owned).chain(refusals) {
        if !page.contains(&format!("`{code}`")) {
            missing.push(code);
        }
    }
    assert!(missing.is_empty(), "docs/limits.md does not tell of {}", missing.join(", "));
}
