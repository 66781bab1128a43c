//! JSON that the store has written, taken apart without being parsed.
//!
//! Lists lie in the database as JSON. To make objects of one, with all their fields, only to write a few of them as JSON again
//! would take most of a page's time. So their values are found in the text, and copied.
//!
//! **Invariant.** Nothing is taken for what it is not: text that is anything but what `serde_json` writes (compact, with the
//! fields of its type) is refused here, and the list is parsed as a whole.

use std::borrow::Cow;

use memchr::memchr2;

/// Fields that an object has at most, as far as the model goes.
const MOST: usize = 24;

/// An object's fields: names and values, as they lie there.
pub struct Entries<'a> {
    entries: [(&'a str, &'a str); MOST],
    count: usize,
}

impl<'a> Entries<'a> {
    /// Those of an object.
    pub fn of(json: &'a str) -> Option<Self> {
        let mut found = Self { entries: [("", ""); MOST], count: 0 };
        members(json, b'{', b'}', |at| {
            let name_end = string_end(json.as_bytes(), at)?;
            if json.as_bytes().get(name_end) != Some(&b':') {
                return None;
            }
            let end = value_end(json.as_bytes(), name_end + 1)?;
            *found.entries.get_mut(found.count)? = (json.get(at + 1..name_end - 1)?, json.get(name_end + 1..end)?);
            found.count += 1;
            Some(end)
        })?;
        Some(found)
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.entries[..self.count].iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Hands the items of a list to `each`, until it answers false. False: it did, or this is no list.
pub fn all_items<'a>(json: &'a str, mut each: impl FnMut(&'a str) -> bool) -> bool {
    let item = |at| {
        let end = value_end(json.as_bytes(), at)?;
        each(json.get(at..end)?).then_some(end)
    };
    members(json, b'[', b']', item).is_some()
}

/// The text of a string.
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inside)) }
}

/// Walks over what stands between two brackets: `member` is told where each begins, and tells where it ends. `None`: this is
/// something else, or `member` has said so.
fn members(json: &str, open: u8, close: u8, mut member: impl FnMut(usize) -> Option<usize>) -> Option<()> {
    let bytes = json.as_bytes();
    if bytes.first() != Some(&open) {
        return None;
    }
    if bytes.get(1) == Some(&close) {
        return (bytes.len() == 2).then_some(());
    }
    let mut at = 1;
    loop {
        at = member(at)?;
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(found) if *found == close => return (at + 1 == bytes.len()).then_some(()),
            _ => return None,
        }
    }
}

/// Where the string ends that begins here.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where the value ends that begins here.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => {
            let (mut at, mut depth) = (at, 0_usize);
            loop {
                match bytes.get(at)? {
                    b'"' => {
                        at = string_end(bytes, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => {
            let rest = &bytes[at..];
            let length = rest.iter().position(|byte| !matches!(byte, b'a'..=b'z' | b'E' | b'0'..=b'9' | b'-' | b'+' | b'.'))?;
            Some(at + length)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_they_lie() {
        let json = r#"{"a":"x\\","b":-1.5e3,"c":{"d":["}",{"e":"\"]"}]},"f":[],"g":{},"h":null,"i":true}"#;
        let entries = Entries::of(json).unwrap();
        let expected =
            [("a", r#""x\\""#), ("b", "-1.5e3"), ("c", r#"{"d":["}",{"e":"\"]"}]}"#), ("f", "[]"), ("g", "{}"), ("h", "null"), ("i", "true")];
        for (name, value) in expected {
            assert_eq!(entries.get(name), Some(value), "{name}");
        }
        assert_eq!(entries.get("d"), None);
        let mut items = Vec::new();
        assert!(all_items(r#"[1,"a,b",[2,3],{"x":"]"}]"#, |item| {
            items.push(item);
            true
        }));
        assert_eq!(items, ["1", r#""a,b""#, "[2,3]", r#"{"x":"]"}"#]);
        assert!(all_items("[]", |_| false) && !all_items("[1]", |_| false));
        assert_eq!((text(r#""a""#).as_deref(), text(r#""\u00e9\"""#).as_deref(), text("1")), (Some("a"), Some("é\""), None));
    }

    #[test]
    fn other_text_is_refused() {
        for json in
            ["", "{", "[1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\": 1}", "{ }", "{}x", "{\"a\":1}x", "{\"a\":\"x}", "{\"a\":[1}", "{a:1}"]
        {
            assert!(Entries::of(json).is_none(), "{json}");
        }
        for json in ["", "[", "[1", "[1,]", "[,1]", "[1 ,2]", "[]]", "{}", "[1]x", "[x]"] {
            assert!(!all_items(json, |_| true), "{json}");
        }
    }
}
