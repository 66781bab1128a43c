//! Rate budgets: what one server process has learned of a WMS's limits, for all of them.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable};

use super::conn::{Columns as _, Conn, Run as _, Tx};
use super::error::{During as _, Result};
use super::predicate::{Column, Predicate};
use super::schema::rate_budgets as t;
use crate::record::{Instant, List, RateBudget};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = t, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct Row {
    account: String,
    call_limit: Option<i64>,
    remaining: Option<i64>,
    resets_at: Option<Instant>,
    blocked_until: Option<Instant>,
    observed_at: Instant,
}

impl From<Row> for RateBudget {
    fn from(row: Row) -> Self {
        let Row { call_limit, remaining, resets_at, blocked_until, observed_at, .. } = row;
        Self { limit: call_limit, remaining, resets_at, blocked_until, observed_at }
    }
}

/// What is known of an account's budget.
///
/// # Errors
/// When the database does not answer.
pub async fn budget_find(conn: &mut Conn, account: &str) -> Result<Option<RateBudget>> {
    let row: Option<Row> = t::table.find(account).select(Row::columns()).one(conn).await.optional().during("Failed to read a rate budget")?;
    Ok(row.map(RateBudget::from))
}

/// The budgets of these accounts, with the account.
///
/// # Errors
/// When the database does not answer.
pub async fn budget_many(conn: &mut Conn, accounts: &[String]) -> Result<Vec<(String, RateBudget)>> {
    let which = Predicate::OneOf(Column::of(t::account), List(accounts.to_vec()));
    let rows: Vec<Row> = t::table.filter(which).select(Row::columns()).all(conn).await.during("Failed to read rate budgets")?;
    Ok(rows.into_iter().map(|row| (row.account.clone(), RateBudget::from(row))).collect())
}

/// Forgets accounts of which nothing was heard since a moment: their credentials are no longer in use.
///
/// # Errors
/// When the database refuses.
pub async fn budget_prune(tx: &mut Tx, before: Instant) -> Result<()> {
    diesel::delete(t::table.filter(t::observed_at.lt(before))).run(tx).await.during("Failed to forget rate budgets")?;
    Ok(())
}

/// Adds what this process has learned to what is known, and answers with both together.
///
/// # Errors
/// When the database refuses.
pub async fn budget_share(tx: &mut Tx, account: &str, learned: RateBudget) -> Result<RateBudget> {
    let known = budget_find(tx, account).await?;
    let merged = known.map_or(learned, |known| known.merged(learned));
    if known == Some(merged) {
        return Ok(merged);
    }
    let told = (
        t::call_limit.eq(merged.limit),
        t::remaining.eq(merged.remaining),
        t::resets_at.eq(merged.resets_at),
        t::blocked_until.eq(merged.blocked_until),
        t::observed_at.eq(merged.observed_at),
    );
    let query = diesel::insert_into(t::table).values((t::account.eq(account), told)).on_conflict(t::account).do_update();
    query.set(told).run(tx).await.during("Failed to share a rate budget")?;
    Ok(merged)
}
