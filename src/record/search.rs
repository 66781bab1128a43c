//! Words that records are found by.
//!
//! A text is cut into runs of letters and digits, in lower case. What is searched for is cut in the same way, and each of its words
//! must begin a word of the record. So that people may type what they remember of a number, a run also counts from each place where
//! digits begin in it, and without the zeros that digits begin with: `SO-00123` is found by `so-001`, by `00123` and by `123`.
//!
//! **Invariant.** What this module makes of a text is kept in databases. Whoever changes it gives [`EDITION`] another number, and
//! the words of all records are made anew when the server next starts.

/// Stands in the database beside the words: which edition of these rules made them.
pub const EDITION: &str = "1";
/// The most words that a search may have.
pub const MOST_SOUGHT: usize = 10;
/// The longest text that can be searched for, in characters.
pub const LONGEST_SEARCH: usize = 200;

/// Words are cut to so many characters.
const LONGEST_WORD: usize = 64;
/// So many words of a record are kept.
const MOST_WORDS: usize = 40;
/// A run counts from so many places within it.
const MOST_TAILS: usize = 3;

/// A word that is searched for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sought {
    /// What the record's word begins with.
    pub start: String,
    /// It is one character, and so much begins with that: the record's word must be this.
    pub whole: bool,
}

/// Accents that stand as characters of their own are no part of a word, and do not end it either.
const fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}

/// The runs of letters and digits of a text.
fn runs(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let runs = lower.split(|letter: char| !letter.is_alphanumeric() && !is_mark(letter));
    let runs = runs.map(|run| run.chars().filter(|letter| !is_mark(*letter)).take(LONGEST_WORD).collect::<String>());
    runs.filter(|run| !run.is_empty()).collect()
}

/// The words that these texts are found by, each once.
pub fn words<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut keep = |word: &str| {
        if !word.is_empty() && words.len() < MOST_WORDS && !words.iter().any(|kept| kept == word) {
            words.push(word.to_owned());
        }
    };
    for run in texts.into_iter().flatten().flat_map(runs) {
        let mut previous_is_digit = true;
        let begins = run.char_indices().filter_map(|(at, letter)| {
            let before = std::mem::replace(&mut previous_is_digit, letter.is_ascii_digit());
            (letter.is_ascii_digit() && !before).then_some(at)
        });
        for from in std::iter::once(0).chain(begins.take(MOST_TAILS)) {
            let tail = run.get(from..).unwrap_or_default();
            keep(tail);
            if tail.starts_with('0') {
                keep(tail.trim_start_matches('0'));
            }
        }
    }
    words
}

/// The words of a text that is searched for, each once.
pub fn sought(text: &str) -> Vec<Sought> {
    let mut words: Vec<Sought> = runs(text).into_iter().map(|start| Sought { whole: start.chars().nth(1).is_none(), start }).collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_of(texts: &[&str]) -> Vec<String> {
        words(texts.iter().map(|text| Some(*text)))
    }

    fn finds(search: &str, texts: &[&str]) -> bool {
        let words = made_of(texts);
        sought(search)
            .iter()
            .all(|sought| words.iter().any(|word| if sought.whole { *word == sought.start } else { word.starts_with(&sought.start) }))
    }

    #[test]
    fn texts_become_words() {
        assert_eq!(made_of(&["SO-00123", "Anna  Müller-Schmidt", "anna"]), ["so", "00123", "123", "anna", "müller", "schmidt"]);
        assert_eq!(made_of(&["AB12CD0034"]), ["ab12cd0034", "12cd0034", "0034", "34"]);
        assert_eq!(made_of(&["0", "—", "İzmir", "e\u{301}te\u{301}"]), ["0", "izmir", "ete"]);
        assert_eq!(made_of(&[&"x".repeat(100)])[0].len(), LONGEST_WORD);
        let many: Vec<String> = (100..200).map(|n| n.to_string()).collect();
        assert_eq!(made_of(&[&many.join(" ")]).len(), MOST_WORDS);
    }

    #[test]
    fn every_word_that_is_sought_begins_one_that_is_there() {
        let order = ["SO-00123", "shop#7781/A", "Anna Müller"];
        for found in ["so-001", "SO 00123", "00123", "123", "mül ANNA", "7781", "a", "shop#77", "", "…"] {
            assert!(finds(found, &order), "{found}");
        }
        for missed in ["23", "s", "nna", "anna 124", "muller", "so123"] {
            assert!(!finds(missed, &order), "{missed}");
        }
    }
}
