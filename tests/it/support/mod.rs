//! What the scenarios stand on.

pub mod postgres;
pub mod server;
pub mod socket;
