//! What the guard lets pass, and what not.

use async_graphql::Request;
use serde_json::Value;

use super::*;
use crate::graphql::sdl;
use crate::store::keys::Access;

mod attacks;

/// What it says of a request of a key that may do everything.
fn refusal(guard: &Guard, request: Request) -> Result<u64, Value> {
    let mut request = request.data(crate::graphql::tests::key(Access::Admin));
    match guard.admit(&mut request, None) {
        Ok((_, cost)) => Ok(cost),
        Err(errors) => Err(serde_json::to_value(errors).unwrap()),
    }
}
