//! What a database would do with a query, in its own words. Only tests ask: a filter or an order without an index is no wrong
//! answer, just one that comes late when the tables have grown.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Integer, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_async::AsyncPgConnection;

use super::conn::Conn;

/// A query that is explained rather than run.
struct Explained<Q, DB> {
    query: Q,
    on: std::marker::PhantomData<fn() -> DB>,
}

impl<Q, DB> Explained<Q, DB> {
    fn new(query: Q) -> Self {
        Self { query, on: std::marker::PhantomData }
    }
}

impl<Q, DB> QueryId for Explained<Q, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Explained<Q, Pg> {
    type SqlType = Text;
}

impl<Q> Query for Explained<Q, Sqlite> {
    type SqlType = (Integer, Integer, Integer, Text);
}

impl<Q> diesel::RunQueryDsl<SqliteConnection> for Explained<Q, Sqlite> {}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Explained<Q, Pg> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("EXPLAIN (COSTS OFF) ");
        self.query.walk_ast(out.reborrow())
    }
}

impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Explained<Q, Sqlite> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("EXPLAIN QUERY PLAN ");
        self.query.walk_ast(out.reborrow())
    }
}

/// The lines of a query's plan.
pub(super) async fn plan_of<Q>(conn: &mut Conn, query: Q) -> QueryResult<Vec<String>>
where
    Q: QueryFragment<Pg> + QueryFragment<Sqlite> + Send + 'static,
{
    match conn {
        Conn::Pg(c) => {
            let explained = Explained::<_, Pg>::new(query);
            c.query(async |c: &mut AsyncPgConnection| diesel_async::RunQueryDsl::load::<String>(explained, c).await).await
        }
        Conn::Lite(c) => {
            let explained = Explained::<_, Sqlite>::new(query);
            let rows: Vec<(i32, i32, i32, String)> = c.block(|c| diesel::RunQueryDsl::load(explained, c))?;
            Ok(rows.into_iter().map(|(_, _, _, line)| line).collect())
        }
    }
}
