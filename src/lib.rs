//! x
pub mod http;
pub mod record;
pub mod wms;
