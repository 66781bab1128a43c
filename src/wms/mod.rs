//! Warehouse management systems: the contract that every adapter keeps, the machinery they share, and the adapters.
//!
//! **Invariants.** An adapter speaks one WMS's wire protocol and knows neither the store, nor schedules, nor GraphQL;
//! a vendor's words never leave its folder. What an adapter can do follows from what it implements ([`Pull`], [`Push`]).
//! Only [`http`] names reqwest. A new adapter is one folder and one line in [`integrations`].

mod adapter;
mod budget;
mod command;
#[cfg(test)]
mod contract;
mod error;
pub mod http;
mod keyset;
pub mod odoo;
pub mod pass;
#[cfg(test)]
mod played;
mod row;
pub mod sandbox;
pub mod tryton;

pub use adapter::{Account, Adapter, AnyPage, Checkpoint, Integration, Next, Page, Pass, Pull, Push, Reads, Reject, Scope, Wms, Writes};
pub use budget::{Budget, Gate, Priority};
pub use command::{AnyCommand, AnyWritten, Found, Pushable, Written};
pub use error::{Error, Kind, Retry};
pub use row::{Row, Rows};

/// Every WMS that this server supports.
pub fn integrations() -> Vec<Integration> {
    vec![odoo::integration(), sandbox::integration(), tryton::integration()]
}
