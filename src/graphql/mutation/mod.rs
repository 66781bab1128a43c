//! Everything that can be done, one file for each kind: connections, syncs, writes, webhooks.
//!
//! A mutation answers with a payload that holds what came of it and the `errors` that its caller can act on. The fields
//! of one document are carried out one after the other.

mod connections;
mod passing;
mod syncs;
mod webhooks;
mod writes;

use async_graphql::{Context, MergedObject};

pub use passing::{PassthroughPayload, ReconcileWritePayload};
pub use writes::*;

use super::errors::{Fault, Result};

/// Everything that can be done. The fields of one document are carried out one after the other.
#[derive(MergedObject, Default)]
pub struct Mutation(connections::Connections, syncs::Syncs, writes::Writes, passing::Passing, webhooks::WebhookMutations);

/// One of the engines.
pub(super) fn engine<'a, T: Send + Sync + 'static>(ctx: &Context<'a>) -> Result<&'a T> {
    ctx.data_opt::<T>().ok_or(Fault::Defect("The schema was made without its engines".into()))
}
