//! Bulk writes.
//!
//! Diesel's own inserts of many rows are neither cached nor fast (see the design's measurements). A node of ours with
//! constant text is prepared once: on PostgreSQL one statement takes a page as arrays through `UNNEST`, on SQLite one
//! cached statement takes [`CHUNK`] rows, and another one what is left, row by row.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

/// Declares the insert of rows into a table: a type with `run(conn, &rows)`. Column names and SQL types come from the
/// schema, so a slip does not compile. For terms it expands to
///
/// ```ignore
/// pub(super) struct TermInsert;
/// impl TermInsert { pub(super) async fn run<'a>(conn: &mut Conn, rows: &'a [TermRow<'a>]) -> QueryResult<()> { … } }
/// struct Arrays<'a> { connection_id: Vec<&'a i64>, … }   // INSERT INTO record_terms (…) SELECT * FROM UNNEST($1, …)
/// struct Values<'a, const N: usize>(&'a [TermRow<'a>; N]); // INSERT INTO record_terms (…) VALUES (?, …), (?, …), …
/// ```
macro_rules! bulk_insert {
    (
        $name:ident of $row:ty => $table:ident
        once { $($once:ident: $once_type:ty = $once_get:expr;)+ }
        $(on conflict ($($key:ident),+) replace { $($column:ident: $type:ty = $get:expr;)+ } and $and:expr)?
    ) => {
        pub(super) struct $name;

        const _: () = {
            use diesel::dsl::SqlTypeOf;
            use diesel::pg::Pg;
            use diesel::query_builder::{AstPass, QueryFragment, QueryId};
            use diesel::sql_types::Array;
            use diesel::sqlite::Sqlite;
            use diesel::Column as _;
            use $crate::store::bulk::{self, Conflict, first_of};
            use $crate::store::conn::Conn;
            use $crate::store::schema::$table as t;

            const COLUMNS: &[&str] = &[$(t::$once::NAME,)+ $($(t::$column::NAME,)+)?];
            const CONFLICT: Option<Conflict> =
                first_of!($(Some(Conflict { keys: &[$(t::$key::NAME),+], replaced: &[$(t::$column::NAME),+], and: $and }))?; None);

            impl $name {
                /// Inserts the rows.
                pub(super) async fn run<'a>(conn: &mut Conn, rows: &'a [$row]) -> diesel::QueryResult<()> {
                    match conn {
                        Conn::Pg(c) => {
                            let arrays = Arrays {
                                $($once: { let get: fn(&'a $row) -> &'a $once_type = $once_get; rows.iter().map(get).collect() },)+
                                $($($column: { let get: fn(&'a $row) -> &'a $type = $get; rows.iter().map(get).collect() },)+)?
                            };
                            c.query(async |c| diesel_async::RunQueryDsl::execute(arrays, c).await).await?;
                        }
                        Conn::Lite(c) => c.block(|c| {
                            let (chunks, rest) = rows.as_chunks::<{ bulk::CHUNK }>();
                            chunks.iter().try_for_each(|chunk| diesel::query_dsl::methods::ExecuteDsl::execute(Values(chunk), c).map(drop))?;
                            rest.iter().try_for_each(|row| diesel::query_dsl::methods::ExecuteDsl::execute(Values(std::array::from_ref(row)), c).map(drop))
                        })?,
                    }
                    Ok(())
                }
            }

            struct Arrays<'a> {
                $($once: Vec<&'a $once_type>,)+
                $($($column: Vec<&'a $type>,)+)?
            }

            impl QueryId for Arrays<'_> {
                type QueryId = Arrays<'static>;
                const HAS_STATIC_QUERY_ID: bool = true;
            }

            impl<'a> QueryFragment<Pg> for Arrays<'a> {
                fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
                    bulk::begin(&mut out, stringify!($table), COLUMNS)?;
                    let mut joint = " SELECT * FROM UNNEST(";
                    $(out.push_sql(std::mem::replace(&mut joint, ", "));
                    out.push_bind_param::<Array<SqlTypeOf<t::$once>>, Vec<&'a $once_type>>(&self.$once)?;)+
                    $($(out.push_sql(std::mem::replace(&mut joint, ", "));
                    out.push_bind_param::<Array<SqlTypeOf<t::$column>>, Vec<&'a $type>>(&self.$column)?;)+)?
                    out.push_sql(")");
                    bulk::end(&mut out, CONFLICT.as_ref())
                }
            }

            struct Values<'a, const N: usize>(&'a [$row; N]);

            impl<const N: usize> QueryId for Values<'_, N> {
                type QueryId = Values<'static, N>;
                const HAS_STATIC_QUERY_ID: bool = true;
            }

            impl<'a, const N: usize> QueryFragment<Sqlite> for Values<'a, N> {
                fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> diesel::QueryResult<()> {
                    bulk::begin(&mut out, stringify!($table), COLUMNS)?;
                    let mut begin = " VALUES (";
                    for row in self.0 {
                        let mut joint = std::mem::replace(&mut begin, ", (");
                        $(out.push_sql(std::mem::replace(&mut joint, ", "));
                        let get: fn(&'a $row) -> &'a $once_type = $once_get;
                        out.push_bind_param::<SqlTypeOf<t::$once>, $once_type>(get(row))?;)+
                        $($(out.push_sql(std::mem::replace(&mut joint, ", "));
                        let get: fn(&'a $row) -> &'a $type = $get;
                        out.push_bind_param::<SqlTypeOf<t::$column>, $type>(get(row))?;)+)?
                        out.push_sql(")");
                    }
                    bulk::end(&mut out, CONFLICT.as_ref())
                }
            }
        };
    };
}
pub(super) use bulk_insert;

/// How many rows a statement takes on SQLite: enough that what each statement costs is little beside the rows.
pub(super) const CHUNK: usize = 32;

/// The first of two expressions that is there.
macro_rules! first_of {
    (; $second:expr) => {
        $second
    };
    ($first:expr; $second:expr) => {
        $first
    };
}
pub(super) use first_of;

/// What happens to a row whose key is there already.
pub(super) struct Conflict {
    pub(super) keys: &'static [&'static str],
    /// Columns that take the new value.
    pub(super) replaced: &'static [&'static str],
    /// Further assignments, each with a comma before it.
    pub(super) and: &'static str,
}

fn names<DB: Backend>(out: &mut AstPass<'_, '_, DB>, names: &[&str]) -> QueryResult<()> {
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            out.push_sql(", ");
        }
        out.push_identifier(name)?;
    }
    Ok(())
}

/// `INSERT INTO table (columns)`
pub(super) fn begin<DB: Backend>(out: &mut AstPass<'_, '_, DB>, table: &str, columns: &[&str]) -> QueryResult<()> {
    out.push_sql("INSERT INTO ");
    out.push_identifier(table)?;
    out.push_sql(" (");
    names(out, columns)?;
    out.push_sql(")");
    Ok(())
}

/// `ON CONFLICT (keys) DO UPDATE SET column = EXCLUDED.column, …`
pub(super) fn end<DB: Backend>(out: &mut AstPass<'_, '_, DB>, conflict: Option<&Conflict>) -> QueryResult<()> {
    let Some(conflict) = conflict else { return Ok(()) };
    out.push_sql(" ON CONFLICT (");
    names(out, conflict.keys)?;
    out.push_sql(") DO UPDATE SET ");
    for (index, name) in conflict.replaced.iter().enumerate() {
        if index > 0 {
            out.push_sql(", ");
        }
        out.push_identifier(name)?;
        out.push_sql(" = EXCLUDED.");
        out.push_identifier(name)?;
    }
    out.push_sql(conflict.and);
    Ok(())
}
