//! Nested lists.

use std::fmt;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list inside a record (line items, lots, tags), kept in one JSON column. It is a `Vec` of its own name, so that
/// the database's types can be implemented for it.
///
/// What was read from a database is its JSON, and is parsed when somebody looks at its items: many a list is not looked at at all.
#[derive(Clone)]
pub struct List<T> {
    items: OnceLock<Vec<T>>,
    stored: Option<Stored<T>>,
}

/// A list as it was stored.
#[derive(Clone)]
struct Stored<T> {
    json: Box<str>,
    parse: fn(&str) -> Vec<T>,
}

/// The list of these items.
#[expect(non_snake_case, reason = "it makes the type of this name, as that of a tuple would")]
pub fn List<T>(items: Vec<T>) -> List<T> {
    List { items: OnceLock::from(items), stored: None }
}

impl<T> List<T> {
    /// The list that this JSON of our own database says.
    pub fn from_stored(json: &str) -> Self
    where
        T: DeserializeOwned,
    {
        if json == "[]" { Self::default() } else { Self { items: OnceLock::new(), stored: Some(Stored { json: json.into(), parse: parse::<T> }) } }
    }

    fn items(&self) -> &Vec<T> {
        self.items.get_or_init(|| self.stored.as_ref().map_or_else(Vec::new, |stored| (stored.parse)(&stored.json)))
    }
}

/// What a list's JSON says; nothing where the text is damaged.
fn parse<T: DeserializeOwned>(json: &str) -> Vec<T> {
    serde_json::from_str(json).unwrap_or_else(|error| {
        tracing::error!(error = %error, "A list in the database cannot be read");
        Vec::new()
    })
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items().fmt(f)
    }
}

impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        self.items() == other.items()
    }
}

impl<T: Eq> Eq for List<T> {}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.items().serialize(out)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Vec::deserialize(input).map(Self::from)
    }
}

impl<T> std::ops::Deref for List<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        self.items()
    }
}

impl<T> std::ops::DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        if self.items.get().is_none() {
            *self = Self::from(self.stored.take().map_or_else(Vec::new, |stored| (stored.parse)(&stored.json)));
        }
        self.stored = None;
        self.items.get_mut().unwrap_or_else(|| unreachable!("it has just been set"))
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items: OnceLock::from(items), stored: None }
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::from(items.into_iter().collect::<Vec<_>>())
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items().iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_list_is_the_list_that_it_says() {
        let mut stored = List::<u8>::from_stored("[1,2]");
        assert_eq!((stored.items.get(), stored.len()), (None, 2), "it is parsed when somebody looks");
        assert_eq!(stored, List(vec![1, 2]));
        stored.push(3);
        assert_eq!(serde_json::to_string(&stored).ok().as_deref(), Some("[1,2,3]"));
        assert!(List::<u8>::from_stored("[]").is_empty() && List::<u8>::from_stored("damaged").is_empty());
    }
}
