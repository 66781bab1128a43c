//! Requests: their variables, and the documents that they name.

use async_graphql::Variables;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;

#[test]
fn variables_are_checked_with_their_paths() {
    let guard = guard(Limits::DEFAULT);
    let document = "mutation ($input: CreateOrderInput!, $ids: ID!) { createOrder(input: $input) { errors { code } } cancelSync(input: {runId: $ids}) { errors { code } } }";
    let wrong = json!({ "input": {
        "connectionId": 1.5,
        "order": { "lineItems": [{ "quantity": 1 }, { "quantity": "2", "skuu": "x" }, null, {}], "orderedAt": "yesterday", "shipTo": [] },
        "integrationFields": { "anything": [1, null] },
    } });
    let request = |document: &str, variables: Value| Request::new(document).variables(Variables::from_json(variables));
    insta::assert_snapshot!(messages(&guard, request(document, wrong.clone())), @r#"
    Variable "$input" got invalid value 1.5 at "input.connectionId"; ID cannot represent value: 1.5
    Variable "$input" got invalid value "2" at "input.order.lineItems[1].quantity"; Float cannot represent non numeric value: "2"
    Variable "$input" got invalid value {…} at "input.order.lineItems[1]"; Field "skuu" is not defined by type "OrderLineItemDraft". Did you mean "sku"?
    Variable "$input" got invalid value null at "input.order.lineItems[2]"; Expected non-nullable type "OrderLineItemDraft!" not to be null.
    Variable "$input" got invalid value {…} at "input.order.lineItems[3]"; Field "quantity" of required type "Float!" was not provided.
    Variable "$input" got invalid value […] at "input.order.shipTo"; Expected type "AddressInput" to be an object.
    Variable "$input" got invalid value {…} at "input.order"; Field "orderedAt" is not defined by type "OrderDraft".
    Variable "$ids" of required type "ID!" was not provided.
    "#);
    let errors = said(&guard, request(document, wrong)).unwrap_err();
    let path = json!(["variables", "input", "order", "lineItems", "1", "quantity"]);
    assert_eq!(errors[1]["extensions"], json!({ "code": "INVALID_INPUT", "argument": "variables", "path": path }));
    let paged = "query ($first: Int, $by: [OrderOrder!], $gone: Boolean, $at: DateTime) { orders(first: $first, orderBy: $by, filter: {includeDeleted: $gone, changedAt: {gte: $at}}) { totalCount } }";
    for (variables, expected) in [
        (json!({}), ""),
        (json!({ "first": 1.0, "by": { "field": "CHANGED_AT" }, "gone": true, "at": "2026-01-01T00:00:00Z", "unknown": 1 }), ""),
        (json!({ "first": null, "by": null, "gone": null, "at": null }), ""),
        (json!({ "first": 1.5 }), "Variable \"$first\" got invalid value 1.5; Int cannot represent non-integer value: 1.5"),
        (
            json!({ "first": 2_147_483_648_i64 }),
            "Variable \"$first\" got invalid value 2147483648; Int cannot represent non 32-bit signed integer value: 2147483648",
        ),
        (json!({ "first": "1" }), "Variable \"$first\" got invalid value \"1\"; Int cannot represent non-integer value: \"1\""),
        (
            json!({ "by": [{ "field": "CHANGED" }] }),
            "Variable \"$by\" got invalid value \"CHANGED\" at \"by[0].field\"; Value \"CHANGED\" does not exist in \"OrderSort\" enum. Did you mean the enum value \"CHANGED_AT\"?",
        ),
        (json!({ "gone": "yes" }), "Variable \"$gone\" got invalid value \"yes\"; Boolean cannot represent a non boolean value: \"yes\""),
    ] {
        let answer = said(&guard, request(paged, variables.clone()))
            .map(|_| "".to_owned())
            .unwrap_or_else(|errors| errors[0]["message"].as_str().unwrap().to_owned());
        assert_eq!(answer, expected, "{variables}");
    }
    let many = json!({ "by": vec![json!({ "field": "CHANGED_AT" }); 1_001] });
    assert_eq!(code(&guard, request(paged, many)), "LIST_TOO_LONG");
}

#[test]
fn a_document_is_known_by_its_hash_once_it_was_sent() {
    let guard = guard(Limits::DEFAULT);
    let hash = |text: &str| Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = "{ viewer { name } }";
    let named = |text: &str, hash: &str| {
        let mut request = Request::new(text);
        let extension = json!({ "version": 1, "sha256Hash": hash });
        request.extensions.0.insert("persistedQuery".to_owned(), async_graphql::Value::from_json(extension).unwrap());
        request
    };
    let id = |id: String| Request::new("").data(DocumentId(id));
    assert_eq!(code(&guard, named("", &hash(text))), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(said(&guard, named("", &hash(text))).unwrap_err()[0]["message"], "PersistedQueryNotFound");
    assert_eq!(code(&guard, named(text, &hash("another"))), "PERSISTED_QUERY_HASH_MISMATCH");
    assert_eq!(code(&guard, named(text, "no hash")), "PERSISTED_QUERY_HASH_MISMATCH");
    assert_eq!(code(&guard, named("", &hash(text))), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(code(&guard, named(text, &hash(text))), "");
    for request in [named("", &hash(text)), named("", &hash(text).to_uppercase()), id(hash(text)), id(format!("sha256:{}", hash(text)))] {
        assert_eq!(code(&guard, request), "");
    }
    // What makes no sense is not kept.
    let wrong = "{ nothing }";
    assert_eq!(code(&guard, named(wrong, &hash(wrong))), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(code(&guard, named("", &hash(wrong))), "PERSISTED_QUERY_NOT_FOUND");
    let mut newer = named(text, &hash(text));
    newer.extensions.0.insert("persistedQuery".to_owned(), async_graphql::Value::from_json(json!({ "version": 2 })).unwrap());
    assert_eq!(code(&guard, newer), "INVALID_INPUT");
}

#[test]
fn only_trusted_documents_are_run_where_there_are_any() {
    let file = |documents: Value| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents.json");
        std::fs::write(&path, documents.to_string()).unwrap();
        Trusted::read(&path)
    };
    let trusted = file(json!({ "me": "{ viewer { name } }", "abc": "query ($n: Int) { orders(first: $n) { totalCount } }" })).unwrap();
    let guard = Guard::new(&sdl(), Limits::DEFAULT, Some(trusted)).unwrap();
    let id = |id: &str, text: &str| Request::new(text).data(DocumentId(id.to_owned()));
    for (request, expected) in [
        (id("me", ""), ""),
        (id("abc", ""), ""),
        (id("sha256:abc", ""), ""),
        (id("me", "{ viewer { name } }"), ""),
        (Request::new("{ viewer { name } }"), ""),
        (id("other", ""), "DOCUMENT_NOT_TRUSTED"),
        (id("me", "{ viewer { id } }"), "DOCUMENT_NOT_TRUSTED"),
        (Request::new("{ viewer { id } }"), "DOCUMENT_NOT_TRUSTED"),
        (Request::new("{ __schema { description } }"), "DOCUMENT_NOT_TRUSTED"),
    ] {
        let what = format!("{request:?}");
        assert_eq!(code(&guard, request), expected, "{what}");
    }
    let wrong = file(json!({ "bad": "{ nothing }" })).unwrap();
    let error = Guard::new(&sdl(), Limits::DEFAULT, Some(wrong)).err().expect("it is refused at the start");
    assert_eq!(format!("{error:#}"), "The trusted document bad makes no sense: Cannot query field \"nothing\" on type \"Query\".");
    assert!(file(json!(["{ viewer { name } }"])).is_err());
}
