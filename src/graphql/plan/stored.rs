//! JSON that the store has written, taken apart without being parsed.
//!
//! Lists lie in the database as JSON. To make objects of one, with all their fields, only to write a few of them as JSON again
//! would take most of a page's time. So their values are found in the text, and copied.
//!
//! **Invariant.** Nothing is taken for what it is not: text that is anything but what `serde_json` writes (compact, with the
//! fields of its type in the order of their declaration) is refused here, and the list is parsed as a whole.

use std::borrow::Cow;

use memchr::memchr2;

/// Fields that an object has at most, as far as the model goes.
const MOST: usize = 24;

/// The values of an object's fields, as they lie there.
pub struct Entries<'a>([&'a str; MOST]);

impl<'a> Entries<'a> {
    /// Those of an object with these fields in this order, each written as `"name":`.
    #[inline]
    pub fn of(json: &'a str, fields: &[&str]) -> Option<Self> {
        let mut found = Self([""; MOST]);
        let (mut fields, mut values) = (fields.iter(), found.0.iter_mut());
        members(json, b'{', b'}', |at| {
            let begin = at + fields.next().filter(|name| json.as_bytes()[at..].starts_with(name.as_bytes()))?.len();
            let end = value_end(json.as_bytes(), begin)?;
            *values.next()? = json.get(begin..end)?;
            Some(end)
        })?;
        fields.next().is_none().then_some(found)
    }

    /// The value of the field with this place among them.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&'a str> {
        self.0.get(place).copied().filter(|value| !value.is_empty())
    }
}

/// Hands the items of a list to `each`, until it answers false. False: it did, or this is no list.
#[inline]
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
#[inline]
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
#[inline]
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    // Most are short: to begin a search takes longer than to look.
    let short = bytes.get(at..at + 16).unwrap_or_default();
    if let Some(length) = short.iter().position(|byte| matches!(byte, b'"' | b'\\'))
        && short[length] == b'"'
    {
        return Some(at + length + 1);
    }
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
        let entries = Entries::of(json, &[r#""a":"#, r#""b":"#, r#""c":"#, r#""f":"#, r#""g":"#, r#""h":"#, r#""i":"#]).unwrap();
        let expected = [r#""x\\""#, "-1.5e3", r#"{"d":["}",{"e":"\"]"}]}"#, "[]", "{}", "null", "true"];
        for (place, value) in expected.into_iter().enumerate() {
            assert_eq!(entries.get(place), Some(value));
        }
        assert_eq!(entries.get(expected.len()), None);
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
        for json in [
            "",
            "{",
            "[1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\": 1}",
            "{ }",
            "{}",
            "{}x",
            "{\"a\":1}x",
            "{\"a\":\"x}",
            "{\"a\":[1}",
            "{a:1}",
            "{\"b\":1}",
            "{\"a\":1,\"b\":2}",
        ] {
            assert!(Entries::of(json, &["\"a\":"]).is_none(), "{json}");
        }
        assert!(Entries::of("{\"a\":1}", &["\"a\":"]).is_some() && Entries::of("{\"a\":1}", &["\"a\":", "\"b\":"]).is_none());
        for json in ["", "[", "[1", "[1,]", "[,1]", "[1 ,2]", "[]]", "{}", "[1]x", "[x]"] {
            assert!(!all_items(json, |_| true), "{json}");
        }
    }
}
