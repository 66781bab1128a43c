//! Crossdock: one GraphQL API in front of every warehouse management system (WMS).
//!
//! Modules are layers, and imports only point down (`tests/it/layers.rs` says so):
//!
//! ```text
//!             main · cli
//!               app            composition root: the only place that names every part
//!               http           axum: /graphql (POST, websocket), GraphiQL, health, metrics
//!              graphql         async-graphql: the API's types, pagination, errors, access
//!     sync   writes   webhooks the engines: what is read, what is written, who is told
//!            changes           the change log's reader        accounts   a connection's adapter, with its credentials
//!         store      wms       the database; the WMSs. They do not know each other
//!              record          the unified model: nine types, each declared once
//! ```
//!
//! `config`, `telemetry`, `metrics`, `clock`, `outbound` and `random` are leaves that anyone may use.
//!
//! # Invariants
//! * `record` knows no connection, no context, no runtime. `wms` knows neither store nor GraphQL. Only `store` names Diesel,
//!   only `wms::http` and `webhooks::http` (and the guard that both can use, `outbound`) name reqwest, only `graphql` and `http` name async-graphql and axum (derives on records and the
//!   sandbox's server aside).
//! * No HTTP inside a database transaction. No database write inside `select!` or `timeout`.
//! * Time, randomness and the environment come in as values; `clippy.toml` forbids reaching for them.
//! * A page of a sync is one transaction; so is the end of a write. The change log's order is commit order.
//! * Policy is a pure function; the engine only carries it out.

pub mod record;

pub mod wms;

pub mod store;

pub mod accounts;
pub mod changes;

pub mod sync;

pub mod writes;

pub mod webhooks;

pub mod graphql;

pub mod http;

pub mod app;
pub mod cli;

pub mod clock;
pub mod config;
pub mod metrics;
pub mod outbound;
pub mod random;
pub mod telemetry;
