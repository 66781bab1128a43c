//! Pages of lists, after the Relay specification: arguments, cursors and connections, once for all lists.
//!
//! Paging is by key: a cursor holds the place of its record in the ordering, not a count, so that pages neither repeat nor
//! miss anything because of what comes and goes before them. A cursor also holds the list and the ordering that it was
//! made for, and is refused by any other.
//!
//! What costs a statement is asked only when it is selected: `totalCount`, and the one of the two flags of `pageInfo`
//! that looks back over the cursor (the other one falls out of reading one record more than the page has).

mod keyed;

use std::convert::Infallible;
use std::mem::discriminant;
use std::sync::Arc;

use async_graphql::connection::{Connection, CursorType, Edge, EmptyFields};
use async_graphql::{Context, InputType, Object, ObjectType, OutputType, SchemaBuilder, SubscriptionType};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::State;
use super::errors::{Fault, Result};
use super::freshness;
use super::objects::Shown;
use super::plan::PagePlan;
use super::scalars::LogCursor;
use crate::record::Instant;
use crate::record::filter::Direction;
use crate::store::records::{Listing, Needs, Row, record_count, row_list};
use crate::store::search::{Search, search_which};
use crate::store::{self, Conn, Predicate, Scalar, Store};
pub use keyed::{Keyed, Numbered, Stretch, keyed, numbered};

/// The size of a page when nobody says otherwise.
pub(super) const DEFAULT: i64 = 50;
/// The size of the largest page.
pub(super) const MOST: i64 = 250;
/// The most keys of one ordering.
const MOST_KEYS: usize = 5;

/// The place of a record in a list, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

/// A place in the change log is the same text wherever it stands.
impl From<&LogCursor> for Cursor {
    fn from(cursor: &LogCursor) -> Self {
        Self(cursor.text().to_owned())
    }
}

impl CursorType for Cursor {
    type Error = Infallible;

    fn decode_cursor(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }

    fn encode_cursor(&self) -> String {
        self.0.clone()
    }
}

/// What a cursor is made of. The names are short because every edge carries one.
#[derive(Serialize, Deserialize)]
struct Inside {
    l: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    o: Vec<String>,
    k: Vec<Key>,
}

#[derive(Serialize, Deserialize)]
enum Key {
    #[serde(rename = "s")]
    Text(String),
    #[serde(rename = "i")]
    Int(i64),
    #[serde(rename = "b")]
    Bool(bool),
    #[serde(rename = "t")]
    Time(i64),
}

/// The list that a cursor belongs to.
#[derive(Debug, Clone)]
pub struct Place {
    list: &'static str,
    order: Vec<String>,
    /// Values of the kinds that a place in this list has.
    like: Vec<Scalar>,
}

impl Place {
    /// A list by connection and source id.
    pub fn of_records(list: &'static str) -> Self {
        Self { list, order: Vec::new(), like: vec![Scalar::Int(0), Scalar::Text(String::new())] }
    }

    /// The cursor of a place with these values.
    pub fn cursor(&self, values: Vec<Scalar>) -> Cursor {
        let keys = values.into_iter().map(|value| match value {
            Scalar::Text(text) => Key::Text(text),
            Scalar::Int(number) => Key::Int(number),
            Scalar::Bool(truth) => Key::Bool(truth),
            Scalar::Time(instant) => Key::Time(instant.micros()),
        });
        let inside = Inside { l: self.list.to_owned(), o: self.order.clone(), k: keys.collect() };
        // Texts and numbers can always be written as JSON.
        Cursor(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&inside).unwrap_or_default()))
    }

    fn values(&self, argument: &str, cursor: &str) -> Result<Vec<Scalar>> {
        let refuse = |why: &str| Fault::argument(argument, why);
        let inside: Option<Inside> = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let inside = inside.ok_or_else(|| refuse("this is no cursor of this server"))?;
        if inside.l != self.list {
            return Err(refuse("the cursor belongs to another list"));
        }
        if inside.o != self.order {
            return Err(refuse("the cursor belongs to another ordering of this list: keep orderBy as it is from page to page"));
        }
        let values: Vec<Scalar> = inside.k.into_iter().map(Scalar::from).collect();
        let fits = values.len() == self.like.len() && values.iter().zip(&self.like).all(|(value, like)| discriminant(value) == discriminant(like));
        if fits { Ok(values) } else { Err(refuse("this is no cursor of this server")) }
    }
}

impl From<Key> for Scalar {
    fn from(key: Key) -> Self {
        match key {
            Key::Text(text) => Self::Text(text),
            Key::Int(number) => Self::Int(number),
            Key::Bool(truth) => Self::Bool(truth),
            Key::Time(micros) => Self::Time(Instant::from_micros(micros)),
        }
    }
}

/// The arguments of a list, as they came.
#[derive(Debug, Default)]
pub struct Args {
    /// At most so many, from the beginning.
    pub first: Option<i32>,
    /// Only what comes after this cursor.
    pub after: Option<String>,
    /// At most so many, from the end.
    pub last: Option<i32>,
    /// Only what comes before this cursor.
    pub before: Option<String>,
}

/// The arguments of a list, understood.
#[derive(Debug)]
pub struct Window {
    /// At most so many.
    pub limit: i64,
    backwards: bool,
    /// Only what comes after the record with these values.
    pub after: Option<Vec<Scalar>>,
    before: Option<Vec<Scalar>>,
}

impl Args {
    /// Those of a list that runs in one direction.
    pub fn forward(first: Option<i32>, after: Option<String>) -> Self {
        Self { first, after, ..Self::default() }
    }

    /// What they mean in a list.
    pub fn window(&self, place: &Place) -> Result<Window> {
        let (name, size) = match (self.first, self.last) {
            (Some(_), Some(_)) => return Err(Fault::argument("last", "give first or last, not both")),
            (None, Some(last)) => ("last", i64::from(last)),
            (first, None) => ("first", first.map_or(DEFAULT, i64::from)),
        };
        if !(0..=MOST).contains(&size) {
            return Err(Fault::argument(name, format!("{size} is not between 0 and {MOST}")));
        }
        let values = |argument: &str, cursor: &Option<String>| cursor.as_deref().map(|cursor| place.values(argument, cursor)).transpose();
        let (after, before) = (values("after", &self.after)?, values("before", &self.before)?);
        Ok(Window { limit: size, backwards: self.last.is_some(), after, before })
    }
}

/// The size of a page of a list that runs in one direction.
///
/// # Errors
/// [`Fault::Input`] for what is out of bounds.
pub fn size(first: Option<i32>) -> Result<i64> {
    Args::forward(first, None).window(&Place::of_records("")).map(|window| window.limit)
}

/// A page of `N`s.
pub type Page<N> = Connection<Cursor, N, Total>;

/// A page of records.
pub type RecordPage<N> = Connection<Cursor, N, TotalAndAge>;

/// Describes the two types of a list of records.
pub fn described_records<Q: ObjectType + 'static, M: ObjectType + 'static, S: SubscriptionType + 'static, N: OutputType>(
    schema: SchemaBuilder<Q, M, S>,
) -> SchemaBuilder<Q, M, S> {
    schema
        .override_output_type_description::<RecordPage<N>>("One page of a list.")
        .override_output_type_description::<Edge<Cursor, N, EmptyFields>>("One entry of a list, with its cursor.")
}

/// Describes the two types of a list, of which the library says nothing.
pub fn described<Q: ObjectType + 'static, M: ObjectType + 'static, S: SubscriptionType + 'static, N: OutputType>(
    schema: SchemaBuilder<Q, M, S>,
) -> SchemaBuilder<Q, M, S> {
    schema
        .override_output_type_description::<Page<N>>("One page of a list.")
        .override_output_type_description::<Edge<Cursor, N, EmptyFields>>("One entry of a list, with its cursor.")
}

type Count = dyn Fn() -> BoxFuture<'static, Result<i64>> + Send + Sync;

/// What every connection has beside edges and `pageInfo`.
#[derive(Clone)]
pub struct Total(Arc<Count>);

impl Total {
    /// The number that `count` finds.
    pub fn of<F: Future<Output = Result<i64>> + Send + 'static>(count: impl Fn() -> F + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Box::pin(count())))
    }

    /// Counts.
    pub fn count(&self) -> BoxFuture<'static, Result<i64>> {
        (self.0)()
    }

    /// The number of rows that `count` finds in the database.
    fn counted<F>(store: &Store, count: F) -> Self
    where
        F: AsyncCount,
    {
        let store = store.clone();
        Self::of(move || {
            let (store, count) = (store.clone(), count.clone());
            async move { Ok(count.count(&mut store.read().await?).await?) }
        })
    }
}

/// How the rows of a list are counted.
pub trait AsyncCount: Clone + Send + Sync + 'static {
    /// Counts them.
    fn count(self, conn: &mut Conn) -> impl Future<Output = store::Result<i64>> + Send;
}

#[Object]
impl Total {
    /// How many there are on all pages together. Counted only when it is asked for.
    async fn total_count(&self) -> Result<i64> {
        self.count().await
    }
}

/// What every page of records has beside edges and `pageInfo`.
pub struct TotalAndAge {
    total: Total,
    fresh_as_of: Option<Instant>,
}

#[Object]
impl TotalAndAge {
    #[graphql(flatten)]
    async fn total(&self) -> &Total {
        &self.total
    }

    /// Up to when the list is known to be complete: the oldest `freshAsOf` of the schedules behind it, which are those of its type
    /// at the connected WMSs that the filter leaves, switched-off ones that never ran aside. Null while the first sync of one of
    /// them has not ended. What the WMSs have changed since then may be missing; `maxStaleness` fetches it.
    async fn fresh_as_of(&self) -> Option<Instant> {
        self.fresh_as_of
    }
}

/// What is asked of a page, as far as it costs something of its own.
#[derive(Debug, Clone, Default)]
pub struct Asks {
    /// The records' columns.
    pub needs: Needs,
    /// Whether there is a page before.
    pub previous: bool,
    /// Whether there is a page after.
    pub next: bool,
    /// How old the list is.
    pub age: bool,
}

impl Asks {
    /// What is asked of the list at `ctx`, which has this plan.
    pub fn of<T: Shown>(ctx: &Context<'_>, plan: Option<&PagePlan<T>>) -> Self {
        plan.map_or_else(
            || {
                let (info, age) = (ctx.look_ahead().field("pageInfo"), ctx.look_ahead().field("freshAsOf").exists());
                Self { needs: Needs::Everything, previous: info.field("hasPreviousPage").exists(), next: info.field("hasNextPage").exists(), age }
            },
            |plan| plan.asks().clone(),
        )
    }
}

fn page<N: OutputType, B: ObjectType>(
    previous: bool,
    next: bool,
    beside: B,
    edges: impl IntoIterator<Item = (Cursor, N)>,
) -> Connection<Cursor, N, B> {
    let mut page = Connection::with_additional_fields(previous, next, beside);
    page.edges.extend(edges.into_iter().map(|(cursor, node)| Edge::new(cursor, node)));
    page
}

/// What makes a record's cursor in its list.
type CursorOf<T> = dyn Fn(&Row<T>) -> Cursor + Send + Sync;

/// Records on a page, and what the page says of itself.
pub struct Rows<T> {
    /// The records.
    pub rows: Vec<Arc<Row<T>>>,
    /// The place of each.
    pub cursor: Box<CursorOf<T>>,
    /// Whether there is something before them.
    pub previous: bool,
    /// Whether there is something after them.
    pub next: bool,
    /// How many there are on all pages.
    pub total: Total,
    /// Up to when the list is known to be complete, if anybody wants to know.
    pub fresh_as_of: Option<Instant>,
}

impl<T: Shown> Rows<T> {
    /// The page as async-graphql resolves it.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn page(&self) -> store::Result<RecordPage<T::Object>> {
        let edge = |row: &Arc<Row<T>>| Ok(((self.cursor)(row), T::shown(Arc::new(row.stored()?))));
        let edges: Vec<_> = self.rows.iter().map(edge).collect::<store::Result<_>>()?;
        Ok(page(self.previous, self.next, TotalAndAge { total: self.total.clone(), fresh_as_of: self.fresh_as_of }, edges))
    }
}

struct CountRecords<T>(Predicate, std::marker::PhantomData<fn() -> T>);

impl<T> Clone for CountRecords<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1)
    }
}

impl<T: Shown> AsyncCount for CountRecords<T> {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        record_count::<T>(conn, self.0).await
    }
}

/// Which page of which records.
pub struct Question<T: Shown> {
    /// The list's field.
    pub list: &'static str,
    /// Which page.
    pub args: Args,
    /// Of which records.
    pub which: Predicate,
    /// In which order.
    pub order: Vec<(T::Sort, Direction)>,
    /// Only what a search for this finds.
    pub search: Option<String>,
}

/// One page of records.
pub async fn records<T: Shown>(state: &State, question: Question<T>, asks: &Asks) -> Result<Rows<T>> {
    let Question { list, args, which, order, search } = question;
    if order.len() > MOST_KEYS {
        return Err(Fault::argument("orderBy", format!("at most {MOST_KEYS} keys are allowed, not {}", order.len())));
    }
    let names = order.iter().map(|(sort, direction)| format!("{} {}", sort.to_value(), direction.to_value())).collect();
    let mut listing = Listing::<T> { which: which.clone(), order, beyond: None, backwards: false, limit: 1 };
    let place = Place { list, order: names, like: listing.position(&Row::blank()) };
    let window = args.window(&place)?;
    let ordering = listing.ordering();
    let beyond = |values: &Vec<Scalar>| Predicate::After(ordering.clone(), values.clone());
    let short_of = |values: &Vec<Scalar>| Predicate::After(ordering.reversed(), values.clone());
    let not = |predicate| Predicate::Not(Box::new(predicate));

    let mut conn = state.store.read().await?;
    let fresh_as_of = if asks.age { freshness::fresh_as_of(&mut conn, T::DATA_TYPE, &which.scope()).await? } else { None };
    let search = match search {
        Some(text) => search_which::<T>(&mut conn, &text, "search").await?,
        None => Search::default(),
    };
    let counted = Predicate::All(vec![which.clone(), search.counted]);
    let which = Predicate::All(vec![which, search.listed]);
    let bounds = window.after.as_ref().map(beyond).into_iter().chain(window.before.as_ref().map(short_of));
    let bounded = Predicate::All(std::iter::once(which.clone()).chain(bounds).collect());
    listing = Listing { which: bounded, backwards: window.backwards, limit: window.limit + 1, ..listing };
    let mut rows = row_list(&mut conn, &listing, &asks.needs).await?;
    let size = usize::try_from(window.limit).unwrap_or_default();
    let more = rows.len() > size;
    if more && window.backwards {
        rows.remove(0);
    } else if more {
        rows.truncate(size);
    }

    // Behind the cursor that the page begins (or, backwards, ends) at there is something if there is anything at all
    // that does not lie beyond it: the first row in that direction tells.
    let mut exists = async |asked: bool, behind: Option<Predicate>, backwards: bool| -> Result<bool> {
        let Some(behind) = behind.filter(|_| asked) else { return Ok(false) };
        let which = Predicate::All(vec![which.clone(), behind]);
        let probe = Listing::<T> { which, order: listing.order.clone(), beyond: None, backwards, limit: 1 };
        Ok(!row_list(&mut conn, &probe, &Needs::These(Vec::new())).await?.is_empty())
    };
    let previous = (more && window.backwards) || exists(asks.previous, window.after.as_ref().map(|values| not(beyond(values))), false).await?;
    let next = (more && !window.backwards) || exists(asks.next, window.before.as_ref().map(|values| not(short_of(values))), true).await?;
    let total = Total::counted(&state.store, CountRecords::<T>(counted, std::marker::PhantomData));
    let cursor = Box::new(move |row: &Row<T>| place.cursor(listing.position(row)));
    Ok(Rows { rows: rows.into_iter().map(Arc::new).collect(), cursor, previous, next, total, fresh_as_of })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { list: "orders", order: vec!["CHANGED_AT DESC".to_owned()], like: vec![Scalar::Time(Instant::MIN), Scalar::Int(0)] }
    }

    fn refused(args: &Args) -> (String, String) {
        match args.window(&place()) {
            Err(Fault::Input { path, message }) => (path.join("."), message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn cursors_come_back_as_they_went() {
        for values in
            [vec![Scalar::Time(Instant::MIN), Scalar::Int(i64::MIN)], vec![Scalar::Time(Instant::from_micros(1_700_000_000_000_001)), Scalar::Int(7)]]
        {
            let Cursor(text) = place().cursor(values.clone());
            assert_eq!(place().values("after", &text).unwrap(), values);
        }
        let texts = Place { list: "x", order: vec![], like: vec![Scalar::Text(String::new()), Scalar::Bool(true)] };
        let values = vec![Scalar::Text("Größe \"7\"\n".to_owned()), Scalar::Bool(false)];
        assert_eq!(texts.values("after", &texts.cursor(values.clone()).0).unwrap(), values);
    }

    #[test]
    fn cursors_of_other_lists_orderings_and_makers_are_refused() {
        let good = vec![Scalar::Time(Instant::MIN), Scalar::Int(1)];
        let other_list = Place { list: "returns", ..place() }.cursor(good.clone());
        let other_order = Place { order: vec!["CHANGED_AT ASC".to_owned()], ..place() }.cursor(good.clone());
        let wrong_kind = place().cursor(vec![Scalar::Text("x".to_owned()), Scalar::Int(1)]);
        let too_short = place().cursor(vec![Scalar::Time(Instant::MIN)]);
        for (cursor, why) in [
            (other_list.0.as_str(), "another list"),
            (other_order.0.as_str(), "another ordering"),
            (wrong_kind.0.as_str(), "no cursor"),
            (too_short.0.as_str(), "no cursor"),
            ("", "no cursor"),
            ("!!!", "no cursor"),
            ("bm9uc2Vuc2U", "no cursor"),
        ] {
            for argument in ["after", "before"] {
                let cursor = Some(cursor.to_owned());
                let args = if argument == "after" { Args::forward(None, cursor) } else { Args { last: Some(1), before: cursor, ..Args::default() } };
                let (path, message) = refused(&args);
                assert!(path == argument && message.contains(why), "{path}: {message}");
            }
        }
    }

    #[test]
    fn sizes_have_bounds() {
        let size = |first, last| Args { first, last, ..Args::default() };
        for (args, argument) in [
            (size(Some(-1), None), "first"),
            (size(Some(251), None), "first"),
            (size(None, Some(100_000)), "last"),
            (size(None, Some(-5)), "last"),
            (size(Some(1), Some(1)), "last"),
        ] {
            assert_eq!(refused(&args).0, argument, "{args:?}");
        }
        let limit = |first, last| size(first, last).window(&place()).map(|window| (window.limit, window.backwards)).unwrap();
        assert_eq!(limit(None, None), (50, false));
        assert_eq!(limit(Some(0), None), (0, false));
        assert_eq!(limit(None, Some(250)), (250, true));
    }
}
