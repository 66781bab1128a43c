//! Traces: what a request or a run was made of and how long each part took, sent to an OpenTelemetry collector.
//!
//! | span | what it is | below |
//! |---|---|---|
//! | `http` | a request to this server | the caller's span, if it sent a `traceparent` |
//! | `operation` | a GraphQL query or mutation | `http` |
//! | `sync` | a run of a sync | – |
//! | `wms` | a call to a WMS | whatever needed it: `operation`, `sync`; or nothing |
//! | `webhook` | an attempt to tell an endpoint | – |
//!
//! They carry the attributes that OpenTelemetry's conventions name. Besides them, warnings and errors that are logged become
//! events of the span that they belong to.
//!
//! **Invariants.**
//! * No span holds a document, a variable, a header, a query string or a body, nor the path of a webhook's address: any of them
//!   may be a secret.
//! * Without a collector, spans cost nothing: they are of a target that nothing else listens to.
//! * A collector that is slow or away costs spans, and nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::Key;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Level, Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// The target of the spans that make traces.
pub const TARGET: &str = "crossdock::trace";

/// A span of a trace, with the fields that follow its name.
macro_rules! span {
    ($($fields:tt)+) => {
        tracing::debug_span!(target: $crate::telemetry::traces::TARGET, $($fields)+)
    };
}
pub(crate) use span;

/// How long the collector may take for an answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long the process waits at its end for what has not been sent.
const FLUSH: Duration = Duration::from_secs(3);

static ON: AtomicBool = AtomicBool::new(false);

/// The spans that wait to be sent.
#[must_use = "what has not been sent when the process ends is lost"]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends spans to the collector at `endpoint` (OTLP over HTTP) from now on, from a thread of its own. What else the
    /// standard's variables say holds too: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_HEADERS`,
    /// `OTEL_TRACES_SAMPLER`, and those for batches.
    ///
    /// # Errors
    /// When the address is none, or the machine's TLS set-up is broken.
    pub fn to(endpoint: &str) -> Result<Self, String> {
        let collector = Collector::new().map_err(|error| format!("Failed to set up the client for traces: {error}"))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(DEADLINE)
            .build()
            .map_err(|error| format!("Traces cannot be sent to {endpoint:?}: {error}"))?;
        let resource = Resource::builder().build();
        // What the library says where nobody has said anything.
        let unnamed = resource.get(&Key::from_static_str("service.name")).is_none_or(|name| name.as_str().starts_with("unknown_service"));
        let resource = if unnamed { Resource::builder().with_service_name("crossdock").build() } else { resource };
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        ON.store(true, Ordering::Relaxed);
        Ok(Self(provider))
    }

    /// What hands the process's spans to the sender.
    pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("crossdock"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        layer.with_filter(filter_fn(is_told))
    }

    /// Sends what is there, and ends.
    pub(super) fn stop(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH) {
            tracing::warn!(error = %error, "The last spans could not be sent");
        }
    }
}

fn is_told(what: &Metadata<'_>) -> bool {
    if what.is_span() { what.target() == TARGET } else { *what.level() <= Level::WARN && what.target().starts_with("crossdock") }
}

/// Puts a span that was just made below that of its caller, which these headers of *W3C Trace Context* name, if any; answers with
/// the id of its trace, while there are traces.
pub fn follow(span: &Span, traceparent: Option<&str>, tracestate: Option<&str>) -> Option<String> {
    if !ON.load(Ordering::Relaxed) {
        return None;
    }
    let headers = [("traceparent", traceparent), ("tracestate", tracestate)];
    let headers: HashMap<_, _> = headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    if traceparent.is_some() {
        // Fails only where nothing listens.
        drop(span.set_parent(TraceContextPropagator::new().extract(&headers)));
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| context.trace_id().to_string())
}

/// The client of the collector. Spans are sent by a thread outside of the runtime, in which reqwest does its work.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
}

impl Collector {
    fn new() -> reqwest::Result<Self> {
        // A second call finds the provider in place; that is no error.
        drop(rustls::crypto::ring::default_provider().install_default());
        Ok(Self { client: reqwest::Client::builder().timeout(DEADLINE).build()?, runtime: Handle::current() })
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let exchange = async move {
            let response = client.execute(request).await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        };
        let (status, body) = self.runtime.spawn(exchange).await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}
