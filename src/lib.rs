//! x
pub mod record;
pub mod wms;
