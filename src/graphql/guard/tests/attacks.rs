//! What would take a server down.

use super::*;

/// Fragments that each spread the next one twice: two to the power of `count` fields.
fn bomb(count: usize) -> String {
    let fragments: String = (0..count).map(|n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1)).collect();
    format!("{{ ...f0 }} {fragments} fragment f{count} on Query {{ __typename }}")
}

#[test]
fn what_asks_for_too_much_is_told_from_its_text() {
    let guard = guard(Limits::DEFAULT);
    assert_eq!(bomb(20).len(), 819);
    let fields = |count: usize, field: &str| format!("{{ {} }}", field.repeat(count));
    let nested = |count: usize| format!("{{ node(id: \"x\") {{ {} id {} }} }}", "... on Node { ".repeat(count), "}".repeat(count));
    let deep = |count: usize| format!("{{ orders {{ nodes {{ {} id {} }} }} }}", "returns { nodes { order { ".repeat(count), "} } }".repeat(count));
    let types = |count: usize| format!("{{ __schema {{ types {{ {} name {} }} }} }}", "fields { type { ".repeat(count), "} }".repeat(count));
    for (what, document, expected) in [
        ("fragments that double", bomb(20), "TOO_MANY_FIELDS"),
        ("more of them", bomb(30), "TOO_MANY_FIELDS"),
        ("too many of them", bomb(300), "TOO_DEEP"),
        ("fragments in a circle", "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        ("1,000 aliases", format!("{{ {} }}", (0..1_000).map(|n| format!("a{n}: __typename ")).collect::<String>()), "TOO_MANY_ALIASES"),
        ("as many as are allowed", format!("{{ {} }}", (0..100).map(|n| format!("a{n}: __typename ")).collect::<String>()), ""),
        ("1,000 directives", format!("{{ __typename {} }}", "@a ".repeat(1_000)), "TOO_MANY_DIRECTIVES"),
        ("100,000 tokens", fields(100_000, "a "), "TOO_MANY_TOKENS"),
        ("100,000 commas", fields(100_000, ","), "TOO_MANY_TOKENS"),
        ("100,000 comments", fields(100_000, "#\n"), "TOO_MANY_TOKENS"),
        ("100,000 signs that are none", fields(100_000, "? "), "TOO_MANY_TOKENS"),
        ("100,000 brackets", "{".repeat(100_000), "TOO_DEEP"),
        ("100,000 brackets of a list", format!("{{ a(b: {}", "[".repeat(100_000)), "TOO_DEEP"),
        ("brackets that only close", "}".repeat(1_000), "GRAPHQL_PARSE_FAILED"),
        ("the same field 6,000 times", fields(6_000, "__typename "), "TOO_MANY_FIELDS"),
        ("1,000 operations", (0..1_000).map(|n| format!("query q{n} {{ viewer {{ name }} }} ")).collect(), "TOO_MANY_OPERATIONS"),
        ("the same field 4,000 times", fields(4_000, "__typename "), ""),
        ("20 fields deep", deep(5), "TOO_EXPENSIVE"),
        ("30 fields deep", deep(9), "TOO_DEEP"),
        ("fragments within fragments", nested(58), ""),
        ("too many of them", nested(70), "TOO_DEEP"),
        ("a list of 2,000 ids", format!("{{ nodes(ids: [{}]) {{ id }} }}", "\"x\" ".repeat(2_000)), "LIST_TOO_LONG"),
        (
            "a list of 2,000 in a JSON",
            format!(
                "mutation {{ createConnection(input: {{integration: \"x\", name: \"x\", credentials: [{}]}}) {{ errors {{ code }} }} }}",
                "1 ".repeat(2_000)
            ),
            "LIST_TOO_LONG",
        ),
        ("a type's fields' types' fields", types(1), ""),
        ("and their fields, and theirs", types(3), "TOO_EXPENSIVE"),
        (
            "the schema many times over",
            format!(
                "{{ {} }}",
                (0..100).map(|n| format!("a{n}: __schema {{ types {{ fields {{ args {{ type {{ name }} }} }} }} }} ")).collect::<String>()
            ),
            "TOO_EXPENSIVE",
        ),
        ("GraphiQL's query", include_str!("../introspection.graphql").to_owned(), ""),
    ] {
        assert_eq!(code(&guard, document.clone()), expected, "{what}: {}", &document[..document.len().min(300)]);
    }
}

#[test]
fn costs_are_the_objects_that_an_answer_may_hold() {
    let guard = guard(Limits { cost: u64::MAX, ..Limits::DEFAULT });
    let cost =
        |document: &str, variables: Value| said(&guard, Request::new(document).variables(async_graphql::Variables::from_json(variables))).unwrap();
    let none = || serde_json::json!({});
    for (document, expected) in [
        ("{ __typename }", 0),
        ("{ __schema { types { name } } }", 0),
        ("{ viewer { name } }", 1),
        // The list, and as many orders as its page has.
        ("{ orders { nodes { id } } }", 1 + 50),
        ("{ orders(first: 7) { nodes { id } } }", 1 + 7),
        ("{ orders(last: 7) { nodes { id } } }", 1 + 7),
        ("{ orders(first: 1000000) { nodes { id } } }", 1 + 250),
        ("{ orders(first: -1) { nodes { id } } }", 1),
        ("{ orders(first: 7) { totalCount pageInfo { endCursor } } }", 2),
        // An edge and its node.
        ("{ orders(first: 7) { edges { node { id } } } }", 1 + 7 * 2),
        ("{ orders(first: 7) { nodes { lineItems { sku product { id } } } } }", 1 + 7 * (1 + 5 * 2)),
        ("{ orders(first: 7) { nodes { returns(first: 3) { nodes { order { id } } } } } }", 1 + 7 * (1 + 1 + 3 * 2)),
        ("{ orders(first: 7) { ...f } } fragment f on OrderConnection { nodes { ...g ...g } } fragment g on Order { warehouse { id } }", 1 + 7 * 3),
        ("{ nodes(ids: [\"a\", \"b\", \"c\"]) { id } }", 3),
    ] {
        assert_eq!(cost(document, none()), expected, "{document}");
    }
    let paged = "query ($n: Int = 20, $m: Int) { ...f } fragment f on Query { orders(first: $n) { nodes { returns(first: $m) { nodes { id } } } } }";
    for (variables, expected) in [
        (none(), 1 + 20 * (1 + 1 + 50)),
        (serde_json::json!({ "n": 2, "m": 3 }), 1 + 2 * (1 + 1 + 3)),
        (serde_json::json!({ "n": null, "m": 100_000 }), 1 + 50 * (1 + 1 + 250)),
    ] {
        assert_eq!(cost(paged, variables.clone()), expected, "{variables}");
    }
    assert_eq!(cost("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", serde_json::json!({ "ids": ["a", "b"] })), 2);
    let bounded = super::guard(Limits { cost: 50, ..Limits::DEFAULT });
    let too_much = said(&bounded, Request::new("{ orders { nodes { id } } }")).unwrap_err();
    assert_eq!(too_much[0]["extensions"], serde_json::json!({ "code": "TOO_EXPENSIVE", "cost": 51, "maximum": 50 }));
}

#[test]
fn a_flood_of_documents_takes_bounded_memory_and_leaves_what_is_used() {
    let guard = guard(Limits { document_memory: 1024 * 1024, ..Limits::DEFAULT });
    let used: Vec<String> = (0..8).map(|n| format!("{{ used{n}: viewer {{ name }} }}")).collect();
    let ask = |text: &String| assert_eq!(code(&guard, text.clone()), "");
    for _ in 0..3 {
        used.iter().for_each(ask);
    }
    for n in 0..2_000 {
        ask(&format!("{{ flood{n}: viewer {{ name }} }}"));
        if n % 50 == 0 {
            used.iter().for_each(ask);
        }
    }
    assert!(guard.documents.weight() <= 1024 * 1024, "{}", guard.documents.weight());
    let kept = used.iter().filter(|text| guard.documents.contains_key(text.as_str())).count();
    assert!(kept > used.len() / 2, "only {kept} are left");
    // What is refused is not kept.
    let before = guard.documents.len();
    assert_eq!(code(&guard, "{ nothing }"), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(guard.documents.len(), before);
}
