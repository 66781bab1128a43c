//! x
pub mod changes;
pub mod clock;
pub mod graphql;
pub mod record;
pub mod store;
pub mod sync;
pub mod wms;
pub mod writes;
