//! `passthrough` and `reconcileWrite`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::engine;
use super::writes::{Envelope, ask, errors, no_write, to_connection};
use crate::graphql::access::{Needs, viewer};
use crate::graphql::errors::Result;
use crate::graphql::user_error::UserError;
use crate::graphql::write::Write;
use crate::record::draft::{HttpMethod, Passthrough, QueryParameter};
use crate::record::{Id, Json};
use crate::store::keys::Access;
use crate::writes::{Handle, Word};

/// A call of a WMS's own API.
#[derive(InputObject)]
pub struct PassthroughInput {
    /// The connected WMS to call.
    connection_id: ID,
    /// What the call does. A `GET` is taken to change nothing.
    method: HttpMethod,
    /// The address below the connection's own, such as `/v1/orders`. It cannot leave the WMS.
    path: String,
    /// The parameters of the address.
    query: Option<Vec<QueryParameter>>,
    /// What is sent; nothing when left out.
    body: Option<Json>,
    /// Repeat a call with the same key and the same content, and it is answered from the journal, never sent twice. 1 to 255
    /// bytes, remembered for each connection for 7 days unless the server was told otherwise.
    idempotency_key: Option<String>,
    /// Where a call under the same key is under way: wait so many seconds for its end (0 to 300).
    #[graphql(default = 0)]
    wait_seconds: i32,
}

/// What came of `passthrough`.
#[derive(SimpleObject)]
pub struct PassthroughPayload {
    /// The HTTP status of the WMS's answer; null when there was none.
    pub status: Option<u16>,
    /// The body: JSON as it came, any other text as a string; null when there was none. A replayed one is without secrets.
    pub body: Option<Json>,
    /// The identifier that the WMS gave the call.
    pub request_id: Option<String>,
    /// The journalled call; null when nothing was sent.
    pub write: Option<Write>,
    /// Whether this is the answer to an earlier call with the same `idempotencyKey`. Nothing was sent now.
    pub replayed: bool,
    /// What the caller can act on; empty when the WMS has answered, whatever it was.
    pub errors: Vec<UserError>,
}

impl PassthroughPayload {
    fn refused(error: UserError) -> Self {
        Self { status: None, body: None, request_id: None, write: None, replayed: false, errors: vec![error] }
    }
}

/// Which write is to be looked up.
#[derive(InputObject)]
pub struct ReconcileWriteInput {
    /// The write's global id.
    id: ID,
    /// What somebody has found at the WMS: true, that it was carried out; false, that it was not. It is believed only where this look
    /// does not tell, and settles the write for good.
    carried_out: Option<bool>,
}

/// What came of `reconcileWrite`.
#[derive(SimpleObject)]
pub struct ReconcileWritePayload {
    /// The write as it stands now; null when there is none with this id.
    pub write: Option<Write>,
    /// Why it was not carried out, or why it is not known; empty when it was carried out.
    pub errors: Vec<UserError>,
}

/// See `Mutation`.
#[derive(Default)]
pub struct Passing;

#[Object]
impl Passing {
    /// Any call of the WMS's own API, with the connection's credentials. It is journalled like every write, without secrets; its answer
    /// changes no record here until the next sync. It can do whatever the credentials can, so it needs a key with `ADMIN` access.
    #[graphql(guard = "Needs(Access::Admin)")]
    async fn passthrough(&self, ctx: &Context<'_>, #[graphql(desc = "The call.")] input: PassthroughInput) -> Result<PassthroughPayload> {
        let connection = match to_connection(&input.connection_id) {
            Ok(connection) => connection,
            Err(error) => return Ok(PassthroughPayload::refused(error)),
        };
        let envelope = Envelope { key: input.idempotency_key, wait_seconds: input.wait_seconds, dry_run: false };
        let ask = match ask(ctx, connection, "connectionId", envelope)? {
            Ok(ask) => ask,
            Err(error) => return Ok(PassthroughPayload::refused(error)),
        };
        let call = Passthrough { method: input.method, path: input.path, query: input.query.unwrap_or_default(), body: input.body };
        let outcome = engine::<Handle>(ctx)?.pass(ask, call).await?;
        let (status, body, request_id) = match outcome.passed {
            Some(passed) => (Some(passed.status), passed.body, passed.request_id),
            None => (None, None, None),
        };
        let write = outcome.write.map(|write| Write(Arc::new(write)));
        Ok(PassthroughPayload { status, body, request_id, write, replayed: outcome.replayed, errors: errors(outcome.failures) })
    }

    /// Looks at the WMS for what became of a write that stands as `UNKNOWN`, now. (The server does so by itself, with growing
    /// pauses.) Nothing is sent again. Where the WMS does not tell, `carriedOut` does. Needs a key with `WRITE` access.
    #[graphql(guard = "Needs(Access::Write)")]
    async fn reconcile_write(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which write is to be looked up.")] input: ReconcileWriteInput,
    ) -> Result<ReconcileWritePayload> {
        let found = match input.id.parse() {
            Ok(Id::Write(write)) => {
                let by = &viewer(ctx)?.0.name;
                let word = input.carried_out.map(|carried_out| Word { carried_out, by: by.clone() });
                engine::<Handle>(ctx)?.reconcile(write, word).await?
            }
            _ => None,
        };
        Ok(match found {
            Some(outcome) => ReconcileWritePayload { write: outcome.write.map(|write| Write(Arc::new(write))), errors: errors(outcome.failures) },
            None => ReconcileWritePayload { write: None, errors: vec![no_write(&input.id)] },
        })
    }
}
