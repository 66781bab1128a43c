//! The few things that the server remembers about itself.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};

use super::conn::{Conn, Run as _};
use super::error::{During as _, Result};
use super::schema::settings as t;

/// A setting.
///
/// # Errors
/// When the database does not answer.
pub async fn setting(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    t::table.find(name.to_owned()).select(t::value).one(conn).await.optional().during("Failed to read a setting")
}

/// Sets a setting.
///
/// # Errors
/// When the database refuses.
pub async fn setting_put(conn: &mut Conn, name: &str, value: &str) -> Result<()> {
    let query = diesel::insert_into(t::table).values((t::name.eq(name), t::value.eq(value))).on_conflict(t::name).do_update();
    query.set(t::value.eq(value)).run(conn).await.during("Failed to store a setting")?;
    Ok(())
}
