//! Documents: which are good, what is said of the others, and what is made of the good ones.
//!
//! `cases.txt` goes through the rules of graphql-js's own test-suite with documents against our schema. Each verdict was compared
//! with graphql-js 16.15 once, by hand, together with 9,000 random documents and requests with random faults; the one
//! difference is noted at its case.

use async_graphql::parser::parse_query;

use super::*;

/// The cases: whether it is good, what it is, and the document.
fn cases() -> impl Iterator<Item = (bool, &'static str, &'static str)> {
    include_str!("cases.txt").split("=== ").skip(1).map(|case| {
        let (head, document) = case.split_once('\n').unwrap();
        let (verdict, what) = head.split_once(": ").unwrap();
        (verdict == "ok", what, document.strip_suffix('\n').unwrap_or(document))
    })
}

#[test]
fn the_same_documents_are_good_as_to_graphql_js() {
    let guard = guard(Limits::DEFAULT);
    let mut seen = (0, 0);
    let mut wrong = Vec::new();
    for (good, what, document) in cases() {
        let prepared = guard.prepare(document);
        seen = if good { (seen.0 + 1, seen.1) } else { (seen.0, seen.1 + 1) };
        match (good, prepared) {
            (true, Err(errors)) => wrong.push(format!("{what}: {document}\n    {errors:?}")),
            (false, Ok(_)) => wrong.push(format!("{what}: {document}\n    is taken for good")),
            (false, Err(errors)) => {
                let coded = |error: &ServerError| {
                    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code")).cloned();
                    [Some("GRAPHQL_PARSE_FAILED".into()), Some("GRAPHQL_VALIDATION_FAILED".into())].contains(&code)
                };
                assert!(!errors.is_empty() && errors.iter().all(coded), "{what}: {errors:?}");
            }
            (true, Ok(_)) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.0 >= 40 && seen.1 >= 150, "{seen:?}");
}

/// Without places, which the two parsers take a little differently.
fn bare(mut document: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("pos");
                map.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut document);
    // A document with one operation is written in two ways.
    if let Some(operations) = document.pointer_mut("/operations/Multiple").filter(|all| all.as_object().is_some_and(|all| all.len() == 1)) {
        let single = operations.as_object().and_then(|all| all.values().next()).cloned();
        document["operations"] = serde_json::json!({ "Single": single });
    }
    document
}

#[test]
fn what_is_executed_is_what_the_librarys_own_parser_reads() {
    let guard = guard(Limits::DEFAULT);
    let mut compared = 0;
    // The library's parser does not know the newer escapes, nor the mark at the beginning, and leaves a block string's escape as it is.
    for (_, what, document) in
        cases().filter(|(good, what, _)| *good && !["an escape of any width", "a pair of surrogates", "strings of all kinds"].contains(what))
    {
        let Ok(read) = parse_query(document) else {
            assert_eq!(what, "a mark at the beginning", "{document}");
            continue;
        };
        for prepared in guard.prepare(document).unwrap().operations.values() {
            assert_eq!(bare(serde_json::to_value(&*prepared.document).unwrap()), bare(serde_json::to_value(&read).unwrap()), "{what}: {document}");
            compared += 1;
        }
    }
    assert!(compared > 35, "{compared}");
}

#[test]
fn escapes_are_read_as_the_newest_language_has_them() {
    let guard = guard(Limits::DEFAULT);
    for (document, expected) in [(r#"{ node(id: "\u{1F600}\u{41}") { id } }"#, "😀A"), (r#"{ node(id: "\uD83D\uDE00") { id } }"#, "😀")] {
        let prepared = guard.prepare(document).unwrap();
        let read = serde_json::to_string(&*prepared.operations[&None].document).unwrap();
        assert!(read.contains(expected), "{read}");
    }
}

#[test]
fn an_operation_of_several_takes_along_what_it_needs() {
    let guard = guard(Limits::DEFAULT);
    let text = "query A { ...a } query B { viewer { ...c } } fragment a on Query { viewer { ...b } } fragment b on ApiKey { name } fragment c on ApiKey { id }";
    let document = guard.prepare(text).unwrap();
    let alone = document.operation(Some("A")).unwrap().executable();
    let mut fragments: Vec<&str> = alone.fragments.keys().map(Name::as_str).collect();
    fragments.sort_unstable();
    assert_eq!(fragments, ["a", "b"]);
    assert!(matches!(alone.operations, DocumentOperations::Single(_)));
    for (name, code) in [
        (None, "OPERATION_RESOLUTION_FAILURE"),
        (Some("C"), "OPERATION_RESOLUTION_FAILURE"),
        (Some(""), "OPERATION_RESOLUTION_FAILURE"),
        (Some("B"), ""),
    ] {
        let mut request = Request::new(text);
        request.operation_name = name.map(str::to_owned);
        assert_eq!(super::code(&guard, request), code, "{name:?}");
    }
    assert_eq!(super::code(&guard, Request::new("{ viewer { name } }").operation_name("A")), "OPERATION_RESOLUTION_FAILURE");
    assert_eq!(super::code(&guard, Request::new("query A { viewer { name } }")), "");
}

#[test]
fn errors_say_where_and_what_may_have_been_meant() {
    let text = "query ($a: Strin) {\n  viewr { name }\n  node(idd: \"x\", id: \"ä\") { orderNumber ... on Ordr { id } }\n  orders(orderBy: {field: CHANGED_ATT}, filter: {includDeleted: true}) { totalCount @skipp }\n}";
    insta::assert_snapshot!(messages(&guard(Limits::DEFAULT), Request::new(text)), @r#"
    1:8 Unknown type "Strin". Did you mean "String"?
    1:8 Variable "$a" is never used.
    2:3 Cannot query field "viewr" on type "Query". Did you mean "viewer"?
    3:3 Field "node" of type "Query" must have a selection of subfields. Did you mean "node { ... }"?
    3:8 Unknown argument "idd" on field "Query.node". Did you mean "id"?
    3:29 Cannot query field "orderNumber" on type "Node". Did you mean to use an inline fragment on "Order"?
    3:48 Unknown type "Ordr". Did you mean "Order"?
    4:27 Value "CHANGED_ATT" does not exist in "OrderSort" enum. Did you mean the enum value "CHANGED_AT"?
    4:65 Field "includDeleted" is not defined by type "OrderFilter". Did you mean "includeDeleted"?
    4:85 Unknown directive "@skipp".
    "#);
    let silent = messages(&guard(Limits { suggestions: false, ..Limits::DEFAULT }), Request::new(text));
    assert!(!silent.contains("viewer\"?") && !silent.contains("Order\"?") && silent.lines().count() > 5, "{silent}");
}

#[test]
fn the_schema_can_be_hidden() {
    let guard = guard(Limits { introspection: false, ..Limits::DEFAULT });
    for (document, code) in [
        ("{ __schema { description } }", "INTROSPECTION_DISABLED"),
        ("{ ...f } fragment f on Query { viewer { name } a: __type(name: \"Order\") { name } }", "INTROSPECTION_DISABLED"),
        ("{ __typename viewer { __typename } }", ""),
    ] {
        assert_eq!(super::code(&guard, document), code, "{document}");
    }
}
