//! Search, held against a model over the same records.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::filters::{execute, values};
use super::support::server::{Database, Server, on_both};

/// Lists that can be searched, and where the texts stand that they are searched by.
const SEARCHED: &[(&str, &str, &[&str])] = &[
    ("orders", "orderNumber referenceId shipTo { fullName company city }", &["orderNumber", "referenceId", "shipTo.fullName", "shipTo.company"]),
    ("products", "sku name gtin", &["sku", "name", "gtin"]),
    ("inventory", "sku name", &["sku", "name"]),
    ("inboundShipments", "purchaseOrderNumber", &["purchaseOrderNumber"]),
];

fn runs(text: &str) -> Vec<String> {
    text.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).filter(|run| !run.is_empty()).map(str::to_owned).collect()
}

/// The model: the words of a record.
fn words(node: &Value, paths: &[&str]) -> BTreeSet<String> {
    let texts = paths.iter().flat_map(|path| values(node, path)).map(|value| value.as_str().expect("a text").to_owned());
    let mut words = BTreeSet::new();
    for run in texts.flat_map(|text| runs(&text)) {
        let letters: Vec<char> = run.chars().collect();
        for at in 0..letters.len() {
            if at == 0 || (letters[at].is_ascii_digit() && !letters[at - 1].is_ascii_digit()) {
                let tail: String = letters[at..].iter().collect();
                words.insert(tail.trim_start_matches('0').to_owned());
                words.insert(tail);
            }
        }
    }
    words.remove("");
    words
}

fn meets(words: &BTreeSet<String>, search: &str) -> bool {
    runs(search).iter().all(|sought| words.iter().any(|word| if sought.chars().count() == 1 { word == sought } else { word.starts_with(sought) }))
}

/// What a search finds: all of it, page by page.
async fn found(server: &Server, list: &str, search: &str, arguments: &str) -> Vec<String> {
    let document = format!(
        "query($search: String, $after: String) {{ {list}(first: 60, after: $after, search: $search {arguments}) {{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ id }} }} }}"
    );
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = server.data(&document, json!({ "search": search, "after": after })).await;
        let part = &data[list];
        all.extend(part["nodes"].as_array().expect("nodes").iter().map(|node| node["id"].as_str().expect("an id").to_owned()));
        if part["pageInfo"]["hasNextPage"] == json!(false) {
            assert_eq!(part["totalCount"], json!(all.len()), "{list}: {search}");
            return all;
        }
        after = part["pageInfo"]["endCursor"].clone();
    }
}

on_both! {
    async fn a_search_finds_what_a_model_finds(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        execute(&server.database_url, "UPDATE orders SET deleted_at = changed_at WHERE source_id = (SELECT min(source_id) FROM orders)");
        for (list, node, paths) in SEARCHED {
            let document = format!("query($after: String) {{ {list}(first: 100, after: $after, filter: {{ includeDeleted: true }}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ id deletedAt {node} }} }} }}");
            let (mut all, mut after) = (Vec::new(), Value::Null);
            loop {
                let data = server.data(&document, json!({ "after": after })).await;
                all.extend(data[list]["nodes"].as_array().expect("nodes").clone());
                after = data[list]["pageInfo"]["endCursor"].clone();
                if data[list]["pageInfo"]["hasNextPage"] == json!(false) {
                    break;
                }
            }
            assert!(!all.is_empty(), "{list}");
            let mut searches: BTreeSet<String> = ["", " — ", "nothing here", "a", "7", "10"].map(str::to_owned).into();
            for node in [&all[0], &all[all.len() / 2], &all[all.len() - 1]] {
                let texts: Vec<String> = paths.iter().flat_map(|path| values(node, path)).map(|value| value.as_str().expect("a text").to_owned()).collect();
                searches.extend(texts.iter().cloned());
                searches.insert(texts.join(" ").to_uppercase());
                let words: Vec<String> = words(node, paths).into_iter().collect();
                searches.extend(words.iter().map(|word| word.chars().take(word.chars().count().div_ceil(2)).collect()));
                searches.insert(words.iter().rev().take(8).cloned().collect::<Vec<_>>().join("/"));
                searches.extend(words.first().map(|word| format!("{word} zzz")));
            }
            let mut most = 0;
            for search in searches.iter().filter(|search| runs(search).len() <= 10 && search.chars().count() <= 200) {
                let wanted: BTreeSet<&str> = all.iter().filter(|node| node["deletedAt"].is_null() && meets(&words(node, paths), search)).map(|node| node["id"].as_str().expect("an id")).collect();
                let ids = found(&server, list, search, "").await;
                assert_eq!(ids.iter().map(String::as_str).collect::<BTreeSet<_>>(), wanted, "{list}: {search:?}");
                assert_eq!(ids.len(), wanted.len(), "{list}: {search:?}: each once");
                // With a filter and an order it finds the same.
                let ordered = found(&server, list, search, ", orderBy: { field: CHANGED_AT, direction: DESC }, filter: { not: { sourceId: { eq: \"nowhere\" } } }").await;
                assert_eq!(ordered.iter().map(String::as_str).collect::<BTreeSet<_>>(), wanted, "{list}, ordered: {search:?}");
                if !runs(search).is_empty() {
                    most = most.max(wanted.len());
                }
            }
            assert!(*list != "orders" || most > 200, "no word is so common that it is tried rather than looked up: {most}");
        }
    }

    async fn words_follow_what_they_are_made_of(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let product = server.data("{ products(first: 1, filter: { active: { eq: true } }) { nodes { id sourceId name } } }", json!({})).await["products"]["nodes"][0].clone();
        let url = server.app.demo.as_ref().expect("the demo").sandbox.url();
        let patched = reqwest::Client::new().patch(format!("{url}/v1/products/{}", product["sourceId"].as_str().expect("an id"))).bearer_auth("sandbox-demo-token").json(&json!({ "title": "Zephyr kettle" })).send().await.expect("the WMS answers");
        assert!(patched.status().is_success());
        assert_eq!(found(&server, "products", "zeph", "").await, Vec::<String>::new());
        assert_eq!(found(&server, "products", "ZEPH kett", ", maxStaleness: 0").await, [product["id"].as_str().expect("an id")]);
        let old = product["name"].as_str().expect("a name");
        assert!(!found(&server, "products", old, "").await.iter().any(|id| product["id"] == json!(id)), "the old words are gone");
    }

    async fn what_cannot_be_searched_for_is_refused(server: Server) {
        let document = "query($search: String) { orders(search: $search) { totalCount } }";
        let many = (10..21).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(server.error(document, json!({ "search": many })).await, "INVALID_INPUT [search]: search: at most 10 words are allowed, not 11");
        assert_eq!(server.error(document, json!({ "search": "x".repeat(201) })).await, "INVALID_INPUT [search]: search: at most 200 characters are allowed");
    }
}
