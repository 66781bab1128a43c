//! What would take a server down.

use super::*;

/// Fragments that each spread the next one twice: two to the power of `count` fields.
pub(super) fn bomb(count: usize) -> String {
    let fragments: String = (0..count).map(|n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1)).collect();
    format!("{{ ...f0 }} {fragments} fragment f{count} on Query {{ __typename }}")
}

#[test]
fn fragments_that_would_grow_without_end_are_told_from_their_text() {
    let guard = Guard::new(&sdl(), Limits::DEFAULT, None).unwrap();
    let code = |text: String| refusal(&guard, Request::new(text)).unwrap_err()[0]["extensions"]["code"].clone();
    assert_eq!(bomb(20).len(), 819);
    for (text, expected) in [
        (bomb(20), "TOO_MANY_FIELDS"),
        (bomb(30), "TOO_MANY_FIELDS"),
        (bomb(300), "TOO_DEEP"),
        ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...a } fragment a on Query { ...a }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
    ] {
        assert_eq!(code(text.clone()), expected, "{text}");
    }
}
