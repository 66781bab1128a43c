//! Who asks, and what they may.
//!
//! Two locks, so that a resolver that nobody thought of stands behind one of them all the same:
//!
//! * The [`guard`](super::guard) looks at every request before anything of it is read: nothing at all without a key
//!   (introspection included), and [`may_run`] no mutation without [`Access::Write`].
//! * [`Needs`] guards single mutations that take more.
//!
//! Finding the key is `http`'s business: it puts a [`Viewer`] into the data of the request, or of the WebSocket.

use std::any::{Any, TypeId};

use async_graphql::parser::types::OperationType;
use async_graphql::{Context, Data, Guard, Request};

use super::errors::{Fault, Result};
use crate::store::keys::{Access, ApiKey};

/// The API key of a request.
#[derive(Debug, Clone)]
pub struct Viewer(pub ApiKey);

impl Viewer {
    /// All of the key that tells what it is shown: two keys with equal rights are answered alike.
    pub(super) fn rights(&self) -> Access {
        self.0.access
    }

    /// The key, if it may do this.
    ///
    /// # Errors
    /// [`Fault::Forbidden`]
    pub fn may(&self, needed: Access) -> Result<&ApiKey> {
        if self.0.access >= needed { Ok(&self.0) } else { Err(Fault::Forbidden { needed, key: self.0.name.clone(), held: self.0.access }) }
    }
}

/// The key of the request that is being answered.
pub(super) fn viewer<'a>(ctx: &Context<'a>) -> Result<&'a Viewer> {
    ctx.data_opt::<Viewer>().ok_or(Fault::Unauthenticated)
}

/// A field that only keys with this access may ask for.
pub(super) struct Needs(pub Access);

impl Guard for Needs {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        viewer(ctx)?.may(self.0)?;
        Ok(())
    }
}

/// What stands in a request's data, or else in that of its WebSocket.
pub(super) fn datum<'a, T: Any + Send + Sync>(request: &'a Request, session: Option<&'a Data>) -> Option<&'a T> {
    let find = |data: &'a Data| data.get(&TypeId::of::<T>()).and_then(|any| any.downcast_ref::<T>());
    find(&request.data).or_else(|| session.and_then(find))
}

/// Refuses an operation that the key may not run.
pub(super) fn may_run(viewer: &Viewer, kind: OperationType) -> Result<()> {
    let needed = if kind == OperationType::Mutation { Access::Write } else { Access::Read };
    viewer.may(needed).map(drop)
}
