//! Traces, as a collector gets them from a server that runs.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use serde_json::{Value, json};

use super::support::process::{Client, Process, http, make_key};

/// What a collector has received.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
    async fn listen(&self) -> String {
        let got = async |State(Self(bodies)): State<Self>, body: Bytes| bodies.lock().expect("no panic holds it").push(body);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().route("/v1/traces", post(got)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    /// All spans, and the names of the services that they come from.
    fn spans(&self) -> (Vec<Span>, Vec<String>) {
        let (mut spans, mut services) = (Vec::new(), Vec::new());
        for body in self.0.lock().expect("no panic holds it").iter() {
            for resource in ExportTraceServiceRequest::decode(body.clone()).expect("spans in protobuf").resource_spans {
                let attributes = resource.resource.unwrap_or_default().attributes;
                services.extend(attributes.iter().filter(|one| one.key == "service.name").map(|one| shown(one.value.as_ref())));
                spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        (spans, services)
    }
}

fn shown(value: Option<&opentelemetry_proto::tonic::common::v1::AnyValue>) -> String {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    span.attributes.iter().find(|one| one.key == name).map(|one| shown(one.value.as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const CREATE: &str =
    "mutation NewProduct($id: ID!, $client: ID!) { createProduct(input: { connectionId: $id, product: { warehouseCustomerId: $client, sku: \"TRACED-1\", name: \"Secret name\" } }) {
    product { id } errors { message } } }";
const RUNS: &str = "{ syncRuns(first: 1, filter: { statuses: [QUEUED, RUNNING, WAITING] }) { totalCount } connections(first: 1) { nodes { id } } warehouseCustomers(first: 1) { nodes { id } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_followed_from_its_caller_to_the_wms() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::default());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let store = [format!("--database-url=sqlite:{}", path("crossdock.db")), format!("--encryption-key-file={}", path("key"))];
    let key = make_key("admin", &store);
    let mut arguments = vec!["serve".to_owned(), "--listen=127.0.0.1:0".to_owned(), format!("--sandbox-state={}", path("sandbox.jsonl"))];
    arguments.push(format!("--otlp-endpoint={}", collector.listen().await));
    arguments.extend(store);
    let server = Process::start(&folder.path().join("log"), &arguments).await;
    let client = Client::new(&server.url, &key);
    let data =
        client.until(RUNS, json!({}), |data| data["syncRuns"]["totalCount"] == 0 && data["warehouseCustomers"]["nodes"][0]["id"].is_string()).await;
    let variables = json!({ "id": data["connections"]["nodes"][0]["id"], "client": data["warehouseCustomers"]["nodes"][0]["id"] });

    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let request = http().post(format!("{}/graphql", server.url)).bearer_auth(&key).header("traceparent", format!("00-{trace}-{caller}-01"));
    let answer: Value = request.json(&json!({ "query": CREATE, "variables": variables })).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["createProduct"]["errors"], json!([]), "{answer:#}");
    assert_eq!(client.get("/livez").await.0, 200);
    server.stop().await;

    let (spans, services) = collector.spans();
    assert!(!services.is_empty() && services.iter().all(|service| service == "crossdock"), "{services:?}");
    let of = |trace: &str| spans.iter().filter(|span| hex(&span.trace_id) == trace).collect::<Vec<_>>();
    let traced = of(trace);
    let named = |name: &str| {
        *traced.iter().find(|span| span.name == name && span.kind() != SpanKind::Client).unwrap_or_else(|| panic!("{name}: {traced:#?}"))
    };
    let (request, operation) = (named("POST"), named("mutation NewProduct"));
    assert_eq!((hex(&request.parent_span_id), request.kind()), (caller.to_owned(), SpanKind::Server));
    assert_eq!(
        (attribute(request, "url.path").as_deref(), attribute(request, "http.response.status_code").as_deref()),
        (Some("/graphql"), Some("200"))
    );
    assert_eq!(operation.parent_span_id, request.span_id);
    assert_eq!(attribute(operation, "graphql.operation.type").as_deref(), Some("mutation"));
    let calls: Vec<_> = traced.iter().filter(|span| span.kind() == SpanKind::Client).collect();
    assert!(!calls.is_empty() && calls.iter().all(|call| call.parent_span_id == operation.span_id), "{traced:#?}");
    assert!(calls.iter().any(|call| call.name == "POST" && attribute(call, "url.path").is_some_and(|path| path.contains("products"))), "{calls:#?}");

    let sync = spans.iter().find(|span| span.name == "sync ORDERS").expect("the first sync is traced");
    assert!(sync.parent_span_id.is_empty() && attribute(sync, "sync.run").is_some(), "{sync:#?}");
    let pages = of(&hex(&sync.trace_id));
    let pages: Vec<_> = pages.iter().filter(|span| span.parent_span_id == sync.span_id).collect();
    assert!(!pages.is_empty() && pages.iter().all(|page| page.kind() == SpanKind::Client && page.name == "GET"), "{pages:#?}");

    assert!(!spans.iter().any(|span| attribute(span, "url.path").is_some_and(|path| path == "/livez")), "who only asks for life is not traced");
    for body in collector.0.lock().unwrap().iter() {
        let text = String::from_utf8_lossy(body);
        for secret in [key.as_str(), "sandbox-demo-token", "TRACED-1", "Secret name"] {
            assert!(!text.contains(secret), "{secret} is in a span");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut arguments = ["serve", "--listen=127.0.0.1:0", "--no-demo", "--otlp-endpoint=http://127.0.0.1:9"].map(str::to_owned).to_vec();
    arguments.extend([format!("--database-url=sqlite:{}", path("crossdock.db")), format!("--encryption-key-file={}", path("key"))]);
    let server = Process::start(&folder.path().join("log"), &arguments).await;
    let client = Client::new(&server.url, "cdk_wrong");
    let answer = client.ask("{ __typename }", json!({})).await.unwrap_err();
    assert!(answer.contains("UNAUTHENTICATED"), "{answer}");
    assert_eq!(client.get("/readyz").await.0, 200);
    server.stop().await;
}
