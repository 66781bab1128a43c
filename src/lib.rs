//! x
pub mod changes;
pub mod clock;
pub mod random;
pub mod record;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod wms;
pub mod writes;
