//! Running operations, whichever way they came: one request, one event stream, one operation among many on a websocket.
//!
//! **Invariants.**
//! * A mutation that has begun runs to its end, whoever hangs up: it is a task of its own, which the server waits for when it
//!   stops. Queries and subscriptions end with whoever asked.
//! * A resolver that panics fails its own operation and nothing else. What it said stays in the log, under the request's id.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::OperationType;
use async_graphql::{Name, Request, Response, ServerError};
use futures_util::stream::{BoxStream, once};
use futures_util::{FutureExt as _, StreamExt as _};
use tracing::Instrument as _;

use super::Context;
use crate::graphql::{RequestId, Viewer};

/// Who asks, and under which name.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) viewer: Viewer,
    pub(super) id: RequestId,
}

impl Asker {
    fn tell(&self, request: Request) -> Request {
        request.data(self.viewer.clone()).data(self.id.clone())
    }
}

/// Answers a query or a mutation.
pub(super) async fn execute(context: &Context, asker: &Asker, mut request: Request) -> Response {
    let is_mutation = is_mutation(&mut request);
    let (request, id, schema) = (asker.tell(request), asker.id.clone(), context.api.schema.clone());
    let answering = async move {
        let answered = AssertUnwindSafe(schema.execute(request)).catch_unwind().await;
        answered.unwrap_or_else(|panic| panicked(&*panic, &id))
    };
    let response = if is_mutation {
        // Not joined only when the runtime ends.
        context.tasks.spawn(answering.in_current_span()).await.unwrap_or_else(|error| panicked(&error.to_string(), &asker.id))
    } else {
        answering.await
    };
    count(context, &response);
    response
}

/// Answers any operation, a subscription too.
pub(super) fn stream(context: &Context, asker: &Asker, mut request: Request) -> BoxStream<'static, Response> {
    if is_mutation(&mut request) {
        let (context, asker) = (context.clone(), asker.clone());
        return once(async move { execute(&context, &asker, request).await }).boxed();
    }
    let id = asker.id.clone();
    let responses = context.api.schema.execute_stream(asker.tell(request), None);
    let responses = AssertUnwindSafe(responses).catch_unwind().map(move |answered| answered.unwrap_or_else(|panic| panicked(&*panic, &id)));
    let counted = context.clone();
    responses
        .enumerate()
        .map(move |(number, response)| {
            if number == 0 {
                count(&counted, &response);
            }
            response
        })
        .boxed()
}

fn count(context: &Context, response: &Response) {
    context.api.metrics.request(if response.errors.is_empty() { "ok" } else { "errors" });
}

/// Whether the request runs a mutation. What cannot be parsed runs nothing.
fn is_mutation(request: &mut Request) -> bool {
    let wanted = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return false };
    let named = |name: Option<&Name>| wanted.as_deref().is_none_or(|wanted| name.is_some_and(|name| name == wanted));
    document.operations.iter().any(|(name, operation)| named(name) && operation.node.ty == OperationType::Mutation)
}

/// What a panic looks like from outside.
fn panicked(panic: &(dyn Any + Send), id: &RequestId) -> Response {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(request.id = %id.0, error = words.unwrap_or("no words"), "A resolver panicked");
    let mut error = ServerError::new("Internal error", None);
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("code", "INTERNAL");
    extensions.set("requestId", id.0.as_str());
    Response::from_errors(vec![error])
}
