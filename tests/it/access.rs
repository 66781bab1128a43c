//! Keys: who may do what, and what nobody ever sees.

use crossdock::store::keys::Access;
use secrecy::ExposeSecret;
use serde_json::json;

use super::support::server::{Database, Server, on_both};

on_both! {
    async fn nothing_is_answered_without_a_key(server: Server) {
        for key in ["", "wrong", "cdk_demo_0000"] {
            for document in ["{ viewer { name } }", "{ __typename }", "{ __schema { queryType { name } } }"] {
                let (status, body) = server.send_as(key, document, json!({})).await;
                assert_eq!(status, 401, "{key:?} {document}");
                assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{body}");
                assert!(body.get("data").is_none_or(serde_json::Value::is_null), "{body}");
            }
        }
    }

    async fn each_key_may_do_what_it_is_for(server: Server) {
        let demo = server.demo().await;
        let trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { errors { message } } }";
        let connect = "mutation($id: ID!) { testConnection(input: { connectionId: $id }) { ok errors { message } } }";
        for (access, may_sync, may_connect) in [(Access::Read, false, false), (Access::Write, true, false), (Access::Admin, true, true)] {
            let key = server.make_key(access).await;
            let (_, viewer) = server.send_as(&key, "{ viewer { name access } }", json!({})).await;
            assert_eq!(viewer["data"]["viewer"]["access"], access.as_str());
            for (document, allowed) in [(trigger, may_sync), (connect, may_connect)] {
                let (_, body) = server.send_as(&key, document, json!({ "id": demo })).await;
                let code = body["errors"][0]["extensions"]["code"].as_str();
                assert_eq!(code, if allowed { None } else { Some("FORBIDDEN") }, "{access} {document}: {body}");
            }
        }
    }

    async fn secrets_are_nowhere_in_the_clear(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        let sandbox = &server.app.demo.as_ref().expect("the demo").sandbox;
        let token = sandbox.api_token().expose_secret().to_owned();
        let data = server.data("query($id: ID!) { connection(id: $id) { name status integration { name credentialsSchema } } }", json!({ "id": demo })).await;
        assert!(!data.to_string().contains(&token));
        assert_eq!(data["connection"]["integration"]["credentialsSchema"]["properties"]["apiToken"]["writeOnly"], true, "{data:#}");
        let create = "mutation { createWebhookEndpoint(input: { url: \"https://hooks.example.com/\" }) { secret webhookEndpoint { id } } }";
        let made = server.data(create, json!({})).await["createWebhookEndpoint"].clone();
        let webhook = made["secret"].as_str().expect("a secret").trim_start_matches("whsec_").to_owned();
        let (dump, key) = (dump(&server), server.key.trim_start_matches("cdk_demo_").to_owned());
        assert!(dump.windows(14).any(|part| part == b"Demo warehouse"), "the dump holds the connection's row");
        for secret in [token.as_bytes(), key.as_bytes(), webhook.as_bytes()] {
            assert!(!dump.windows(secret.len()).any(|part| part == secret), "the database holds a secret in the clear");
        }
    }
}

/// Everything that the database keeps, as bytes.
fn dump(server: &Server) -> Vec<u8> {
    match server.database_url.strip_prefix("sqlite:") {
        Some(path) => [path.to_owned(), format!("{path}-wal")].iter().filter_map(|path| std::fs::read(path).ok()).flatten().collect(),
        None => {
            let program = super::support::postgres::programs().expect("pg_dump is there").join("pg_dump");
            let out = std::process::Command::new(program).args(["--inserts", "-d", &server.database_url]).output().expect("pg_dump runs");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            out.stdout
        }
    }
}
