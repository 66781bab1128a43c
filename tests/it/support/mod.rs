//! What the scenarios stand on.

pub mod postgres;
pub mod process;
pub mod proxy;
pub mod receiver;
pub mod sandbox;
pub mod server;
pub mod socket;
