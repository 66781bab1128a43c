//! `schema.graphql` is what the code prints.

#[test]
fn the_committed_schema_is_what_the_binary_prints() {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_crossdock")).arg("schema").output().expect("the binary runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let printed = String::from_utf8(out.stdout).expect("text");
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).expect("schema.graphql");
    assert!(printed == committed, "schema.graphql is out of date: run `cargo run -- schema > schema.graphql` and look at the difference");
}
