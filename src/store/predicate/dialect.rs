//! What conditions are on either database, where the two differ.

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, HasSqlType, Text};
use diesel::sqlite::Sqlite;

use super::{Keys, Scalar};
use crate::record::{Instant, List};
use crate::store::types::{Json, Timestamptz};

/// What the two databases write differently.
pub trait Dialect: Backend + HasSqlType<Timestamptz> + HasSqlType<Json> {
    /// The beginning of time, as a constant.
    const LOWEST_TIME: &'static str;
    /// The smallest number, as a constant.
    const LOWEST_NUMBER: &'static str;
    /// The function that finds a text (second argument) in another (first argument), counting from 1.
    const FIND: &'static str;
    /// The condition to be one of these texts, after what must be.
    fn texts<'b>(out: &mut AstPass<'_, 'b, Self>, values: &'b List<String>) -> QueryResult<()>;
    /// The condition to be one of these numbers, after what must be.
    fn ints<'b>(out: &mut AstPass<'_, 'b, Self>, values: &'b List<i64>) -> QueryResult<()>;
    /// A query, without its `WHERE`, whose rows are the source ids that pages of runs showed.
    const LISTED: &'static str;
    /// Whether a subquery can be made for each row of another (`LATERAL`) in a `FROM`.
    const LATERAL: bool;
    /// A query whose rows are these records, as `at` and `id`.
    fn keys<'b>(out: &mut AstPass<'_, 'b, Self>, keys: &'b Keys) -> QueryResult<()>;
}

impl Dialect for Pg {
    const LOWEST_TIME: &'static str = "'-infinity'::timestamptz";
    const LOWEST_NUMBER: &'static str = "'-9223372036854775808'::bigint";
    const FIND: &'static str = "strpos";
    const LATERAL: bool = true;
    const LISTED: &'static str = "SELECT json_array_elements_text(page.source_ids) COLLATE \"C\" FROM sync_pages AS page";

    fn texts<'b>(out: &mut AstPass<'_, 'b, Self>, values: &'b List<String>) -> QueryResult<()> {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<Text>, Vec<String>>(values)?;
        out.push_sql(")");
        Ok(())
    }

    fn ints<'b>(out: &mut AstPass<'_, 'b, Self>, values: &'b List<i64>) -> QueryResult<()> {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<BigInt>, Vec<i64>>(values)?;
        out.push_sql(")");
        Ok(())
    }

    fn keys<'b>(out: &mut AstPass<'_, 'b, Self>, keys: &'b Keys) -> QueryResult<()> {
        out.push_sql("SELECT * FROM UNNEST(");
        out.push_bind_param::<Array<BigInt>, Vec<i64>>(&keys.connections)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, Vec<String>>(&keys.source_ids)?;
        out.push_sql(") AS key(at, id)");
        Ok(())
    }
}

impl Dialect for Sqlite {
    const LOWEST_TIME: &'static str = "-9223372036854775808";
    const LOWEST_NUMBER: &'static str = "-9223372036854775808";
    const FIND: &'static str = "instr";
    const LATERAL: bool = false;
    const LISTED: &'static str = "SELECT listed.value FROM sync_pages AS page, json_each(page.source_ids) AS listed";

    fn texts<'b>(out: &mut AstPass<'_, 'b, Self>, values: &'b List<String>) -> QueryResult<()> {
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Json, List<String>>(values)?;
        out.push_sql("))");
        Ok(())
    }

    fn ints<'b>(out: &mut AstPass<'_, 'b, Self>, values: &'b List<i64>) -> QueryResult<()> {
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Json, List<i64>>(values)?;
        out.push_sql("))");
        Ok(())
    }

    fn keys<'b>(out: &mut AstPass<'_, 'b, Self>, keys: &'b Keys) -> QueryResult<()> {
        out.push_sql("SELECT value ->> 0 AS at, value ->> 1 AS id FROM json_each(");
        out.push_bind_param::<Json, List<(i64, String)>>(&keys.pairs)?;
        out.push_sql(")");
        Ok(())
    }
}

/// Everything that a predicate binds can be bound.
pub trait Binds: Dialect + HasSqlType<BigInt> + HasSqlType<Text> + HasSqlType<Bool> {
    /// Binds a value as its own SQL type.
    ///
    /// # Errors
    /// Those of Diesel's bind collector.
    fn bind<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Scalar) -> QueryResult<()>;
}

macro_rules! binds {
    ($($db:ty),+) => {$(
        impl Binds for $db {
            fn bind<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Scalar) -> QueryResult<()> {
                match value {
                    Scalar::Text(text) => out.push_bind_param::<Text, String>(text),
                    Scalar::Int(number) => out.push_bind_param::<BigInt, i64>(number),
                    Scalar::Bool(truth) => out.push_bind_param::<Bool, bool>(truth),
                    Scalar::Time(instant) => out.push_bind_param::<Timestamptz, Instant>(instant),
                }
            }
        }
    )+};
}
binds!(Pg, Sqlite);
