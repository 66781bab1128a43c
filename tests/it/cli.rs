//! The command line beside a server that runs on the same database.

use std::process::Output;

use serde_json::json;
use tokio::process::Command;

use super::support::process::CROSSDOCK;
use super::support::server::{Database, Server, on_both};

/// Runs the program on the server's database.
async fn crossdock(server: &Server, arguments: &[&str]) -> Output {
    let key_file = server.folder.path().join("key");
    let database = [format!("--database-url={}", server.database_url), format!("--encryption-key-file={}", key_file.display())];
    Command::new(CROSSDOCK).args(arguments).args(database).output().await.expect("the program runs")
}

on_both! {
    async fn a_sync_from_the_terminal_ends_with_what_was_found(server: Server) {
        let demo = server.demo().await;
        server.synced(&demo).await;
        for name in ["Demo warehouse", demo.as_str(), "1"] {
            let done = crossdock(&server, &["sync", name, "products", "SHIPPING_METHODS", "--full"]).await;
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
            let lines: Vec<&str> = said.lines().collect();
            assert_eq!(lines.len(), 2, "{said}");
            for (line, (start, end)) in lines.iter().zip([("PRODUCTS             SUCCEEDED       150 read in ", " s, 150 unchanged"), ("SHIPPING_METHODS     SUCCEEDED         9 read in ", " s, 9 unchanged")]) {
                assert!(line.starts_with(start) && line.ends_with(end), "{said}");
            }
        }
    }

    async fn a_sync_from_the_terminal_that_cannot_be_says_why(server: Server) {
        for (arguments, reason) in [
            (["sync", "Nowhere", "--full"], "There is no connection \"Nowhere\"; there are 1 (Demo warehouse)"),
            (["sync", "Demo warehouse", "PALLETS"], "there are INVENTORY, INBOUND_SHIPMENTS"),
        ] {
            let done = crossdock(&server, &arguments).await;
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(!done.status.success() && said.contains(reason), "{said}");
            assert!(done.stdout.is_empty());
        }
        let demo = server.demo().await;
        let pause = "mutation($id: ID!) { updateConnection(input: { connectionId: $id, paused: true }) { errors { message } } }";
        server.data(pause, json!({ "id": demo })).await;
        let done = crossdock(&server, &["sync", "Demo warehouse"]).await;
        assert!(!done.status.success() && String::from_utf8_lossy(&done.stderr).contains("Demo warehouse is PAUSED"), "{done:?}");
    }
}
