//! What the guard lets pass, and what not.

mod attacks;
mod documents;
mod requests;

use async_graphql::Request;
use serde_json::Value;

use super::*;
use crate::graphql::sdl;
use crate::store::keys::Access;

fn guard(limits: Limits) -> Guard {
    Guard::new(&sdl(), limits, None).unwrap()
}

/// What it says of a request of a key that may do everything: its cost, or its errors.
fn said(guard: &Guard, request: Request) -> Result<u64, Value> {
    let mut request = request.data(crate::graphql::tests::key(Access::Admin));
    guard.admit(&mut request, None).map(|(_, cost)| cost).map_err(|errors| serde_json::to_value(errors).unwrap())
}

/// The code of the first error, or nothing.
fn code(guard: &Guard, request: impl Into<Request>) -> String {
    match said(guard, request.into()) {
        Ok(_) => String::new(),
        Err(errors) => errors[0]["extensions"]["code"].as_str().unwrap_or("no code").to_owned(),
    }
}

/// The messages of all errors, one in a line, each with its place.
fn messages(guard: &Guard, request: Request) -> String {
    let errors = said(guard, request).expect_err("it is refused");
    let place = |error: &Value| error["locations"][0].as_object().map(|place| format!("{}:{} ", place["line"], place["column"])).unwrap_or_default();
    let lines = errors.as_array().unwrap().iter().map(|error| format!("{}{}", place(error), error["message"].as_str().unwrap()));
    lines.collect::<Vec<_>>().join("\n")
}
