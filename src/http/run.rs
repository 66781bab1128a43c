//! Running operations, whichever way they came: one request, one event stream, one operation among many on a websocket.
//!
//! **Invariants.**
//! * A mutation that has begun runs to its end, whoever hangs up: it is a task of its own, which the server waits for when it
//!   stops. Queries and subscriptions end with whoever asked.
//! * A resolver that panics fails its own operation and nothing else. What it said stays in the log, under the request's id.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::{Request, Response, ServerError};
use futures_util::stream::{BoxStream, once};
use futures_util::{FutureExt as _, StreamExt as _};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::Context;
use super::hub::{self, Answers, Frame};
use crate::graphql::{Admitted, RequestId, Viewer};
use crate::telemetry::traces;

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
pub(super) async fn execute(context: &Context, asker: &Asker, request: Request) -> Response {
    let response = match admit(context, asker, request) {
        // Its events would be waited for without end.
        Ok(admitted) if admitted.is_subscription() => refused_subscription(),
        Ok(admitted) => run(context, asker, admitted).await,
        Err(response) => *response,
    };
    count(context, &response);
    response
}

/// What is answered to a subscription that asks for one answer.
fn refused_subscription() -> Response {
    let message = "A subscription has many answers: open a websocket (graphql-transport-ws), or send the header Accept: text/event-stream";
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", "SUBSCRIPTION_NEEDS_STREAM");
    Response::from_errors(vec![error])
}

/// Lets a request pass, or says why not.
pub(super) fn admit(context: &Context, asker: &Asker, request: Request) -> Result<Admitted, Box<Response>> {
    let admitted = std::panic::catch_unwind(AssertUnwindSafe(|| context.api.schema.admit(asker.tell(request), None)));
    admitted.unwrap_or_else(|panic| Err(Box::new(panicked(&*panic, &asker.id))))
}

async fn run(context: &Context, asker: &Asker, admitted: Admitted) -> Response {
    let is_mutation = admitted.is_mutation();
    let (id, schema, span) = (asker.id.clone(), context.api.schema.clone(), trace(&admitted));
    let answering = async move {
        let answered = AssertUnwindSafe(schema.run(admitted)).catch_unwind().await;
        let response = answered.unwrap_or_else(|panic| panicked(&*panic, &id));
        if !response.errors.is_empty() {
            Span::current().record("otel.status_code", "ERROR");
        }
        response
    };
    let answering = answering.instrument(span);
    if is_mutation {
        // Not joined only when the runtime ends.
        context.tasks.spawn(answering.in_current_span()).await.unwrap_or_else(|error| panicked(&error.to_string(), &asker.id))
    } else {
        answering.await
    }
}

/// The span of an operation.
fn trace(admitted: &Admitted) -> Span {
    let (kind, name) = (if admitted.is_mutation() { "mutation" } else { "query" }, admitted.name().unwrap_or_default());
    traces::span!(
        "operation",
        otel.name = %format_args!("{kind} {name}").to_string().trim_end(),
        otel.status_code = Empty,
        graphql.operation.name = name,
        graphql.operation.r#type = kind,
    )
}

/// Answers any operation, a subscription too.
pub(super) fn stream(context: &Context, asker: &Asker, admitted: Result<Admitted, Box<Response>>) -> Answers {
    let responses = match admitted {
        Err(response) => once(std::future::ready(*response)).boxed(),
        Ok(admitted) if admitted.is_mutation() => {
            let (context, asker) = (context.clone(), asker.clone());
            once(async move { run(&context, &asker, admitted).await }).boxed()
        }
        Ok(admitted) => match admitted.feed() {
            Some((feed, start)) => return hub::subscribe(context, &feed, start),
            None => catching(context.api.schema.run_stream(admitted), asker.id.clone()),
        },
    };
    let counted = context.clone();
    responses
        .enumerate()
        .map(move |(number, response)| {
            if number == 0 {
                count(&counted, &response);
            }
            Ok(Arc::new(Frame::of(&response, None)))
        })
        .boxed()
}

/// The responses of an execution; where a resolver panics, that is the last.
pub(super) fn catching(responses: BoxStream<'static, Response>, id: RequestId) -> BoxStream<'static, Response> {
    let responses = AssertUnwindSafe(responses).catch_unwind();
    responses.map(move |answered| answered.unwrap_or_else(|panic| panicked(&*panic, &id))).boxed()
}

/// Counts what was answered.
pub(super) fn count(context: &Context, response: &Response) {
    context.api.metrics.request(if response.errors.is_empty() { "ok" } else { "errors" });
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
