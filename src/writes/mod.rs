//! PLACEHOLDER of the graphql branch
use crate::record::draft::{CreateOrder, UpdateProduct};
use crate::record::{ConnectionId, Failure, Order, Product};
use crate::store;
use crate::store::records::Stored;

/// What others may ask of the write engine.
#[derive(Clone)]
pub struct Handle {}

/// What came of it.
pub struct Outcome<T> {
    /// The record.
    pub record: Option<Stored<T>>,
    /// The write.
    pub write: Option<store::writes::Write>,
    /// The failure.
    pub failure: Option<Failure>,
}

#[allow(clippy::todo, missing_docs)]
impl Handle {
    pub async fn create_order(&self, _: ConnectionId, _: CreateOrder, _: i64) -> Result<Outcome<Order>, store::Error> {
        todo!()
    }
    pub async fn update_product(&self, _: ConnectionId, _: UpdateProduct, _: i64) -> Result<Outcome<Product>, store::Error> {
        todo!()
    }
}
