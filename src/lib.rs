//! x
pub mod clock;
pub mod record;
pub mod store;
pub mod wms;
