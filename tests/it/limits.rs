//! What a request may ask for, as a client meets it: every limit over HTTP, with its code.

use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::support::server::{Database, Server, on_both};

async fn post(server: &Server, body: &Value) -> Response {
    let request = Client::new().post(server.url("/graphql")).bearer_auth(&server.key).header("accept", "application/graphql-response+json");
    request.json(body).send().await.expect("the server answers")
}

async fn answered(response: Response) -> Value {
    response.json().await.expect("JSON")
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

on_both! {
    async fn attacks_are_refused_with_their_codes(server: Server) {
        let many = |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<String>();
        let doubling = many(20, &|n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1));
        for (what, query, status, expected) in [
            ("exponential fragments", format!("{{ ...f0 }} {doubling} fragment f20 on Query {{ __typename }}"), 400, "TOO_MANY_FIELDS"),
            ("circular fragments", "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned(), 400, "GRAPHQL_VALIDATION_FAILED"),
            ("1,000 aliases", format!("{{ {} }}", many(1_000, &|n| format!("a{n}: viewer {{ name }} "))), 400, "TOO_MANY_ALIASES"),
            ("1,000 directives", format!("{{ viewer {{ name {} }} }}", "@include(if: true) ".repeat(1_000)), 400, "TOO_MANY_DIRECTIVES"),
            ("100,000 tokens", format!("{{ {} }}", "a ".repeat(100_000)), 400, "TOO_MANY_TOKENS"),
            ("deep nesting", format!("{{ orders {{ nodes {{ {} id {} }} }} }}", "returns { nodes { order { ".repeat(9), "} } }".repeat(9)), 400, "TOO_DEEP"),
            ("100,000 brackets", "{ a".repeat(100_000), 400, "TOO_DEEP"),
            ("pages within pages", "{ orders(first: 250) { nodes { returns(first: 250) { nodes { order { returns(first: 250) { nodes { id } } } } } } } }".to_owned(), 400, "TOO_EXPENSIVE"),
            ("the schema within the schema", "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }".to_owned(), 400, "TOO_EXPENSIVE"),
            ("2,000 ids", format!("{{ nodes(ids: [{}]) {{ id }} }}", "\"x\" ".repeat(2_000)), 400, "LIST_TOO_LONG"),
            ("a body of 8 MB", " ".repeat(8_000_000), 413, "BODY_REFUSED"),
        ] {
            let response = post(&server, &json!({ "query": query })).await;
            let (got, answer) = (response.status().as_u16(), answered(response).await);
            assert_eq!((got, code(&answer)), (status, expected), "{what}: {answer}");
            assert!(answer.get("data").is_none(), "{what}: {answer}");
        }
        let by_variable = json!({ "query": "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", "variables": { "ids": vec!["x"; 2_000] } });
        assert_eq!(code(&answered(post(&server, &by_variable).await).await), "LIST_TOO_LONG");
        let page = "query ($n: Int) { orders(first: $n) { nodes { returns(first: $n) { nodes { order { returns(first: $n) { nodes { id } } } } } } } }";
        assert_eq!(code(&answered(post(&server, &json!({ "query": page, "variables": { "n": 200 } })).await).await), "TOO_EXPENSIVE");
        assert_eq!(answered(post(&server, &json!({ "query": page, "variables": { "n": 2 } })).await).await.get("errors"), None);
        // What tools ask for is never refused.
        let introspection = include_str!("../../src/graphql/guard/introspection.graphql");
        let schema = answered(post(&server, &json!({ "query": introspection })).await).await;
        assert!(schema["data"]["__schema"]["types"].as_array().is_some_and(|types| types.len() > 100), "{}", schema["errors"]);
    }

    async fn a_batch_is_answered_in_its_order(server: Server) with ["--max-batch=3"] {
        let viewer = json!({ "query": "{ viewer { name } }" });
        let answers = answered(post(&server, &json!([viewer, { "query": "{ nothing }" }, { "query": "query ($n: Int) { orders(first: $n) { pageInfo { hasPreviousPage } } }", "variables": { "n": 1 } }])).await).await;
        assert_eq!(answers[0], json!({ "data": { "viewer": { "name": "demo" } } }));
        assert_eq!(code(&answers[1]), "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(answers[2]["data"]["orders"]["pageInfo"]["hasPreviousPage"], json!(false));
        for (batch, expected) in [
            (json!(vec![viewer.clone(); 4]), "BATCH_TOO_LONG"),
            (json!(vec![viewer.clone(); 1_000]), "BATCH_TOO_LONG"),
            (json!([]), "BAD_REQUEST"),
            (json!([viewer, 7]), "BAD_REQUEST"),
            (json!([[{ "query": "{ viewer { name } }" }]]), "BAD_REQUEST"),
        ] {
            let response = post(&server, &batch).await;
            let status = response.status().as_u16();
            let answer = answered(response).await;
            assert_eq!((status, code(&answer)), (400, expected), "{answer}");
        }
    }

    async fn batches_can_be_switched_off(server: Server) with ["--max-batch=1"] {
        let response = post(&server, &json!([{ "query": "{ viewer { name } }" }])).await;
        assert_eq!(response.status().as_u16(), 400);
        assert_eq!(code(&answered(response).await), "BAD_REQUEST");
    }

    async fn a_key_that_asks_too_often_is_told_when_to_come_back(server: Server) with ["--max-per-minute=3"] {
        let viewer = json!({ "query": "{ viewer { name } }" });
        // Each request of a batch counts.
        let answers = answered(post(&server, &json!([viewer, viewer])).await).await;
        assert_eq!(answers.as_array().map(Vec::len), Some(2));
        assert_eq!(post(&server, &viewer).await.status().as_u16(), 200);
        let refused = post(&server, &viewer).await;
        assert_eq!(refused.status().as_u16(), 429);
        let wait: u64 = refused.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
        assert!((1..=21).contains(&wait), "{wait}");
        let answer = answered(refused).await;
        assert_eq!((code(&answer), &answer["errors"][0]["extensions"]["retryAfterSeconds"]), ("RATE_LIMITED", &json!(wait)));
        let other = server.make_key(crossdock::store::keys::Access::Read).await;
        assert_eq!(server.send_as(&other, "{ viewer { name } }", json!({})).await.0, 200, "another key has its own");
    }

    async fn costs_are_told_to_who_asks(server: Server) {
        let asked = json!({ "query": "{ orders(first: 7) { nodes { id } } }", "extensions": { "cost": true } });
        let answer = answered(post(&server, &asked).await).await;
        assert_eq!(answer["extensions"], json!({ "cost": { "requested": 8, "maximum": 100_000 } }));
        // What reads all records that meet a filter costs as much as many.
        let totals = json!({ "query": "{ orderCounts { totalCount } inventoryTotals { total { onHand } bySku(first: 10) { nodes { sku } } } }", "extensions": { "cost": true } });
        assert_eq!(answered(post(&server, &totals).await).await["extensions"]["cost"]["requested"], 3011);
        let unasked = answered(post(&server, &json!({ "query": "{ orders(first: 7) { nodes { id } } }" })).await).await;
        assert_eq!(unasked.get("extensions"), None);
    }

    async fn errors_beyond_a_number_are_only_counted(server: Server) with ["--max-errors=2"] {
        let failing = "{ a: node(id: \"?\") { id } b: node(id: \"?\") { id } c: node(id: \"?\") { id } d: node(id: \"?\") { id } }";
        let answer = answered(post(&server, &json!({ "query": failing })).await).await;
        assert_eq!(answer["data"], json!({ "a": null, "b": null, "c": null, "d": null }));
        assert_eq!(answer["errors"].as_array().map(Vec::len), Some(3), "{answer}");
        assert_eq!(answer["errors"][2]["message"], "2 more errors are not told");
        assert_eq!(answer["errors"][2]["extensions"]["code"], "TOO_MANY_ERRORS");
    }

    async fn what_an_operator_hides_stays_hidden(server: Server) with ["--no-introspection", "--no-suggestions"] {
        assert_eq!(server.error("{ __schema { types { name } } }", json!({})).await, "INTROSPECTION_DISABLED: GraphQL introspection has been disabled, but the requested query contained the field \"__schema\".");
        assert_eq!(server.error("{ viewr { name } }", json!({})).await, "GRAPHQL_VALIDATION_FAILED: Cannot query field \"viewr\" on type \"Query\".");
        assert_eq!(server.data("{ __typename }", json!({})).await, json!({ "__typename": "Query" }));
    }

    async fn documents_are_known_by_hash_over_every_way(server: Server) {
        let get = async |extensions: Value| {
            let request = Client::new().get(server.url("/graphql")).bearer_auth(&server.key).query(&[("extensions", extensions.to_string())]);
            answered(request.send().await.expect("an answer")).await
        };
        let persisted = |hash: &str| json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
        let (query, hash) = ("{ viewer { name } }", "3f9a5fe58741fdcb3ba59d8cc865ce0c081b65bca09f7904bc81277be1bdd3f0");
        assert_eq!(code(&get(persisted(hash)).await), "PERSISTED_QUERY_NOT_FOUND");
        assert_eq!(code(&answered(post(&server, &json!({ "query": query, "extensions": persisted(&"0".repeat(64)) })).await).await), "PERSISTED_QUERY_HASH_MISMATCH");
        let known = json!({ "data": { "viewer": { "name": "demo" } } });
        assert_eq!(answered(post(&server, &json!({ "query": query, "extensions": persisted(hash) })).await).await, known);
        assert_eq!(get(persisted(hash)).await, known);
        assert_eq!(answered(post(&server, &json!({ "extensions": persisted(hash) })).await).await, known);
        assert_eq!(answered(post(&server, &json!({ "documentId": format!("sha256:{hash}") })).await).await, known);
        // A mutation is no query, however it is named.
        let (query, hash) = ("mutation { __typename }", "22c9efff0269bd71ee0875759c0ae2b966100d019474f3e91a2b73d3dada7f8f");
        assert_eq!(answered(post(&server, &json!({ "query": query, "extensions": persisted(hash) })).await).await, json!({ "data": { "__typename": "Mutation" } }));
        assert_eq!(code(&get(persisted(hash)).await), "METHOD_NOT_ALLOWED");
    }
}
