//! How old records are, and how old they may be.
//!
//! `freshAsOf` tells up to when the source data behind a list is known to be complete; it is read before the records, so that it
//! never promises more than they hold. With `maxStaleness`, what is older is synced before anything is read. A reader who asks for
//! that much freshness is answered with it or with an error, `NOT_FRESH`: without the argument, the same records are there to be had
//! as they are.

use async_graphql::Context;

use super::errors::{Fault, Result};
use super::state;
use crate::record::{ConnectionId, DataType, Instant};
use crate::store::{Conn, Scope};
use crate::sync::{Handle, LONGEST_STALENESS, MOST_FRESHENED, NotFresh};

/// Up to when the records of a type, of these connections, are known to be complete.
pub async fn fresh_as_of(conn: &mut Conn, data_type: DataType, of: &Scope) -> Result<Option<Instant>> {
    Ok(Handle::fresh_as_of(conn, data_type, of).await?)
}

/// The same of one connection, read together with what other fields ask of connections.
pub async fn at_connection(ctx: &Context<'_>, data_type: DataType, at: ConnectionId) -> Result<Option<Instant>> {
    let schedules = state(ctx)?.loaders.schedules(at.0).await?;
    Ok(schedules.iter().find(|schedule| schedule.data_type == data_type).and_then(|schedule| schedule.fresh_as_of))
}

/// Lets the records of a type, of these connections, be synced if they are older than so many seconds.
pub async fn ensure(ctx: &Context<'_>, data_type: DataType, of: &Scope, max_staleness: Option<i64>) -> Result<()> {
    let Some(seconds) = max_staleness else { return Ok(()) };
    if !(0..=LONGEST_STALENESS).contains(&seconds) {
        return Err(Fault::argument("maxStaleness", format!("{seconds} is not between 0 and {LONGEST_STALENESS}")));
    }
    let handle = ctx.data_opt::<Handle>().ok_or(Fault::Defect("The schema was made without its engines".into()))?;
    handle.freshen(data_type, of, seconds, state(ctx)?.patience).await.map_err(|not| match not {
        NotFresh::Stale(stale) => Fault::NotFresh { data_type, stale },
        NotFresh::TooMany(count) => {
            let message = format!("{count} connections would have to be synced, and at most {MOST_FRESHENED} are: filter by connectionId");
            Fault::argument("maxStaleness", message)
        }
        NotFresh::Store(error) => error.into(),
    })
}
