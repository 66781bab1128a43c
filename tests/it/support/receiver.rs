//! Somebody who is told by webhooks: notes down what comes, and answers as a test likes.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::Notify;

use super::server::PATIENCE;

/// An event, as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub id: String,
    pub timestamp: String,
    pub signatures: Vec<String>,
    pub raw: String,
    pub body: Value,
}

impl Received {
    /// Whether one of the signatures is right under this secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret of the standard")).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key will do");
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.raw).as_bytes());
        let right = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        self.signatures.contains(&right)
    }

    /// The record's identifier at its WMS.
    pub fn source_id(&self) -> &str {
        self.body["data"]["sourceId"].as_str().unwrap_or_default()
    }
}

/// How an event is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    /// With a header.
    With(u16, &'static str, String),
    /// Not at all.
    Never,
}

type Rule = dyn Fn(&Received) -> Answer + Send + Sync;

struct Inside {
    got: Mutex<Vec<Received>>,
    rule: Mutex<Arc<Rule>>,
    arrived: Notify,
}

/// Where events come in, for as long as it lives.
pub struct Receiver {
    pub url: String,
    inside: Arc<Inside>,
    serving: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// One that accepts everything.
    pub async fn start() -> Self {
        let rule: Arc<Rule> = Arc::new(|_| Answer::Status(204));
        let inside = Arc::new(Inside { got: Mutex::default(), rule: Mutex::new(rule), arrived: Notify::new() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let app = Router::new().fallback(receive).with_state(inside.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        Self { url, inside, serving }
    }

    /// From now on events are answered so.
    pub fn answers(&self, rule: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        *self.inside.rule.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rule);
    }

    /// What has come so far.
    pub fn got(&self) -> Vec<Received> {
        self.inside.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until what has come is as it should be, and answers with it.
    pub async fn until(&self, is_so: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let waiting = async {
            loop {
                let arrived = self.inside.arrived.notified();
                let got = self.got();
                if is_so(&got) {
                    return got;
                }
                arrived.await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waiting).await;
        in_time.unwrap_or_else(|_| panic!("it did not come in time: {:#?}", self.got()))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(State(inside): State<Arc<Inside>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let raw = String::from_utf8_lossy(&body).into_owned();
    let received = Received {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature").split(' ').map(str::to_owned).collect(),
        body: serde_json::from_str(&raw).unwrap_or_default(),
        raw,
    };
    let rule = inside.rule.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let answer = rule(&received);
    inside.got.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    // One permit is kept for whoever begins to wait after this.
    inside.arrived.notify_one();
    let status = |code| StatusCode::from_u16(code).expect("a status");
    match answer {
        Answer::Status(code) => (status(code), "so it is").into_response(),
        Answer::With(code, name, value) => (status(code), [(name, value)]).into_response(),
        Answer::Never => std::future::pending().await,
    }
}
