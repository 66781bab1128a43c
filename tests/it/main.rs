//! One test binary: scenarios over the public edge, on SQLite and PostgreSQL, and what guards the repository.

#![expect(clippy::expect_used, reason = "clippy allows it in tests, but not in what they share; a test that cannot go on should say where")]

mod access;
mod changes;
mod cli;
mod connecting;
mod dashboard;
mod deleting;
mod demo;
mod docs;
mod engine;
mod faults;
mod filters;
mod freshness;
mod http;
mod hub;
mod layers;
mod limits;
mod live;
mod managing;
mod migrating;
mod plans;
mod postgres_itself;
mod proof;
mod reading;
#[cfg(feature = "live")]
mod real_tryton;
mod rust_client;
mod schema;
mod searching;
mod slow;
mod socket;
mod sse;
mod support;
mod tables;
mod totals;
mod traces;
mod webhooks;
mod writing;
mod writing_after;
mod writing_checks;
mod writing_keys;
mod writing_through;
