//! Finding records by words.
//!
//! The words of a record (`record::search`) are terms of it, kept and found like all others. What is special to them:
//!
//! * A word may begin the words of nearly all records, the `SO` of every order's number, say. A list of those would be as long as
//!   the table, and all of it made for a page of fifty. So a search first looks how common each of its words is, as far as [`FEW`]:
//!   the rare ones find the records, the common ones are tried on each.
//! * They are made by code, which a migration cannot run. A database that has records without words, or with those of another
//!   edition, is given them when it is opened, chunk by chunk; each chunk is one transaction that says how far it has come.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use serde::{Deserialize, Serialize};

use super::Store;
use super::apply::term_insert;
use super::conn::{Conn, Run as _, Tx};
use super::error::{During as _, Error, Result};
use super::predicate::{Column, Op, Ordering, Predicate, Scalar};
use super::records::{Kind, Needs, Row};
use super::schema::{record_terms as t, settings};
use super::settings::setting_put;
use crate::record::filter::Direction;
use crate::record::search::{EDITION, LONGEST_SEARCH, MOST_SOUGHT, Sought, sought};
use crate::record::{ConnectionId, InboundShipment, InventoryItem, Order, Product, Term};

/// Words that begin so many terms find the records; others are tried on them.
const FEW: i64 = 200;
/// Records that are given their words in one transaction.
const CHUNK: i64 = 500;
/// The setting that says which records have their words.
const PROGRESS: &str = "search.words";

/// What a search asks of records; nothing by default.
#[derive(Debug, Clone)]
pub struct Search {
    /// The condition, for those who read a part of a list.
    pub listed: Predicate,
    /// The same condition, for those who read all of it.
    pub counted: Predicate,
}

impl Default for Search {
    fn default() -> Self {
        Self { listed: Predicate::All(Vec::new()), counted: Predicate::All(Vec::new()) }
    }
}

/// The condition that a record has a word for each of a text's. A text without words asks nothing.
///
/// # Errors
/// [`Error::Filter`] for a text that is too long, or when the database does not answer.
pub async fn search_which<K: Kind>(conn: &mut Conn, text: &str, path: &str) -> Result<Search> {
    let words = sought(text);
    let refuse = |message: String| Err(Error::Filter { field: path.to_owned(), message });
    if text.chars().count() > LONGEST_SEARCH {
        return refuse(format!("at most {LONGEST_SEARCH} characters are allowed"));
    }
    if words.len() > MOST_SOUGHT {
        return refuse(format!("at most {MOST_SOUGHT} words are allowed, not {}", words.len()));
    }
    let (mut rare, mut common) = (Vec::new(), Vec::new());
    for word in &words {
        let value = begins(word);
        let terms = t::table.filter(t::data_type.eq(K::DATA_TYPE)).filter(t::term.eq(Term::Word)).filter(value.clone());
        let one_more = terms.limit(1).offset(FEW).select(t::connection_id).one::<i64>(conn).await.optional();
        let is_common = one_more.during("Failed to look how common a word is")?.is_some();
        let has = Predicate::HasTerm { table: K::TABLE, data_type: K::DATA_TYPE, term: Term::Word, value: Some(Box::new(value)) };
        if is_common { &mut common } else { &mut rare }.push(has);
    }
    // Whoever reads all of what only common words find reads most of the table: by a list, once.
    let counted = if rare.is_empty() { Predicate::All(common.clone()) } else { all(rare.clone(), common.clone()) };
    Ok(Search { listed: all(rare, common), counted })
}

fn all(rare: Vec<Predicate>, common: Vec<Predicate>) -> Predicate {
    Predicate::All(rare.into_iter().chain(common.into_iter().map(|has| Predicate::Tried(Box::new(has)))).collect())
}

/// The condition on a term's value to begin so.
fn begins(word: &Sought) -> Predicate {
    let is = |op, text: String| Predicate::Is(Column::TERM_VALUE, op, Scalar::Text(text));
    if word.whole {
        return is(Op::Eq, word.start.clone());
    }
    // U+10FFFF orders after every other letter.
    Predicate::All(vec![is(Op::Ge, word.start.clone()), is(Op::Lt, format!("{}\u{10FFFF}", word.start))])
}

/// Which records have their words.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    edition: String,
    /// Types of which all records have them.
    types: usize,
    /// The last record of the next type that has.
    after: Option<(i64, String)>,
}

/// Gives words to all records that have none.
pub(super) async fn words_complete(store: &Store) -> Result<()> {
    loop {
        let mut tx = store.write().await?;
        let mut progress = progress_lock(&mut tx).await?;
        if progress.edition != EDITION {
            progress = Progress { edition: EDITION.to_owned(), ..Progress::default() };
        }
        let after = progress.after.clone();
        let last = match progress.types {
            0 => words_make::<InventoryItem>(&mut tx, after).await?,
            1 => words_make::<InboundShipment>(&mut tx, after).await?,
            2 => words_make::<Order>(&mut tx, after).await?,
            3 => words_make::<Product>(&mut tx, after).await?,
            _ => return Ok(()),
        };
        match last {
            Some(last) => progress.after = Some(last),
            None => progress = Progress { types: progress.types + 1, after: None, ..progress },
        }
        setting_put(&mut tx, PROGRESS, &serde_json::to_string(&progress).unwrap_or_default()).await?;
        store.commit(tx).await?;
    }
}

/// The progress, which nobody else makes until the transaction ends.
async fn progress_lock(tx: &mut Tx) -> Result<Progress> {
    let row = settings::table.find(PROGRESS);
    let lock = diesel::update(row).set(settings::value.eq(settings::value)).returning(settings::value);
    let text: Option<String> = lock.one(tx).await.optional().during("Failed to look which records have their words")?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Makes the words of the next records of a type; answers with the last of them, or `None` when there are no more.
async fn words_make<K: Kind>(tx: &mut Tx, after: Option<(i64, String)>) -> Result<Option<(i64, String)>> {
    let ordering = Ordering(vec![(Column::CONNECTION, Direction::Asc), (Column::SOURCE_ID, Direction::Asc)]);
    let beyond = after.map(|(connection, id)| Predicate::After(ordering.clone(), vec![Scalar::Int(connection), Scalar::Text(id)]));
    let which = Predicate::All(beyond.into_iter().collect());
    let rows = K::select(tx, which, ordering, Some(CHUNK), &Needs::Everything).await.during("Failed to read records without words")?;
    let rows: Vec<_> = rows.iter().map(Row::stored).collect::<Result<_>>()?;
    let Some(last) = rows.last() else { return Ok(None) };
    let last = (last.connection.0, last.record.source().id.clone());
    tracing::info!(data_type = %K::DATA_TYPE, records = rows.len(), "Making the words that records are found by");
    let keys: Vec<_> = rows.iter().map(|row| (row.connection, row.record.source().id.as_str())).collect();
    let old = t::table.filter(t::data_type.eq(K::DATA_TYPE)).filter(t::term.eq(Term::Word)).filter(Predicate::records(&keys));
    diesel::delete(old).run(tx).await.during("Failed to remove old words")?;
    let records: Vec<(ConnectionId, &K)> = rows.iter().map(|row| (row.connection, &row.record)).collect();
    term_insert(tx, &records, |term| term == Term::Word).await?;
    Ok(Some(last))
}
