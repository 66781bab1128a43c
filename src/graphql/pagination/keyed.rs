//! Lists whose rows have keys of their own: the journal, runs, connections.

use async_graphql::{Context, OutputType};

use super::{Args, AsyncCount, Page, Place, Total, page};
use crate::graphql::errors::Result;
use crate::graphql::state;
use crate::store::{self, Conn, Scalar};

/// A part of a list, by the keys that it lies between.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<K> {
    /// It begins behind this one.
    pub beyond: Option<K>,
    /// It ends before this one.
    pub short_of: Option<K>,
    /// Where not all of it is wanted: its end, rather than its beginning. Of a list that runs in one direction, always its beginning.
    pub backwards: bool,
}

impl<K> Stretch<K> {
    fn map<L>(self, other: impl Fn(K) -> Option<L>) -> Stretch<L> {
        Stretch { beyond: self.beyond.and_then(&other), short_of: self.short_of.and_then(&other), backwards: self.backwards }
    }
}

/// A list whose rows have numbers.
pub trait Numbered: AsyncCount {
    /// What its rows are.
    type Row: Send;
    /// At most `limit` rows of a stretch, in the order of the list.
    fn rows(&self, conn: &mut Conn, of: Stretch<i64>, limit: i64) -> impl Future<Output = store::Result<Vec<Self::Row>>> + Send;
    /// A row's number.
    fn number(row: &Self::Row) -> i64;
}

/// One page of such a list.
pub async fn numbered<L: Numbered, N: OutputType>(
    ctx: &Context<'_>,
    name: &'static str,
    args: &Args,
    list: L,
    shown: impl Fn(L::Row) -> N,
) -> Result<Page<N>> {
    keyed(ctx, name, args, ByNumber(list), shown).await
}

/// A list with numbers, as one with keys.
#[derive(Clone)]
struct ByNumber<L>(L);

impl<L: Numbered> AsyncCount for ByNumber<L> {
    async fn count(self, conn: &mut Conn) -> store::Result<i64> {
        self.0.count(conn).await
    }
}

impl<L: Numbered> Keyed for ByNumber<L> {
    type Row = L::Row;

    fn like(&self) -> Vec<Scalar> {
        vec![Scalar::Int(0)]
    }

    async fn rows(&self, conn: &mut Conn, of: Stretch<&[Scalar]>, limit: i64) -> store::Result<Vec<L::Row>> {
        let number = |values: &[Scalar]| if let [Scalar::Int(number)] = values { Some(*number) } else { None };
        self.0.rows(conn, of.map(number), limit).await
    }

    fn key(row: &L::Row) -> Vec<Scalar> {
        vec![Scalar::Int(L::number(row))]
    }
}

/// A list whose rows have keys.
pub trait Keyed: AsyncCount {
    /// What its rows are.
    type Row: Send;
    /// Values of the kinds that a key is made of.
    fn like(&self) -> Vec<Scalar>;
    /// At most `limit` rows of a stretch, in the order of the list.
    fn rows(&self, conn: &mut Conn, of: Stretch<&[Scalar]>, limit: i64) -> impl Future<Output = store::Result<Vec<Self::Row>>> + Send;
    /// A row's key.
    fn key(row: &Self::Row) -> Vec<Scalar>;
}

/// One page of such a list.
pub async fn keyed<L: Keyed, N: OutputType>(
    ctx: &Context<'_>,
    name: &'static str,
    args: &Args,
    list: L,
    shown: impl Fn(L::Row) -> N,
) -> Result<Page<N>> {
    let place = Place { list: name, order: Vec::new(), like: list.like() };
    let window = args.window(&place)?;
    let store = &state(ctx)?.store;
    let stretch = Stretch { beyond: window.after.as_deref(), short_of: window.before.as_deref(), backwards: window.backwards };
    let mut rows = list.rows(&mut store.read().await?, stretch, window.limit + 1).await?;
    let size = usize::try_from(window.limit).unwrap_or_default();
    let more = rows.len() > size;
    if more && window.backwards {
        rows.remove(0);
    } else {
        rows.truncate(size);
    }
    // A cursor is only ever made of a row, so there was one behind it.
    let (previous, next) = (window.after.is_some() || (more && window.backwards), window.before.is_some() || (more && !window.backwards));
    let edges = rows.into_iter().map(|row| (place.cursor(L::key(&row)), shown(row)));
    Ok(page(previous, next, Total::counted(store, list), edges))
}
