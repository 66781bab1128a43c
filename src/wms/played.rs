//! A server on loopback for the tests of adapters: it plays what a WMS answered, call by call.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server sends.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A success.
    Json(Value),
    /// A status and its body, JSON or HTML.
    Error(u16, String),
    /// As it stands, headers and all.
    Raw(String),
}

/// What each call asked for, in the adapter's words for it, and its body.
pub type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// A request.
pub struct Asked {
    /// `POST`.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// Method, address and headers, as they came.
    pub head: String,
    /// The body, null where there is none.
    pub body: Value,
}

/// A server that answers each call as `answer` says, its address, and the calls that it got. `named` is what the adapter calls
/// a call, and checks what every call must have.
pub async fn serve(
    named: impl Fn(&Asked) -> String + Send + Sync + 'static,
    answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static,
) -> (String, Calls) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (calls, reply): (Calls, _) = (Arc::default(), Arc::new((named, answer)));
    let seen = calls.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (seen, reply) = (seen.clone(), reply.clone());
            tokio::spawn(async move {
                let replied = |asked: Asked| {
                    let call = reply.0(&asked);
                    let answer = reply.1(&call, &asked.body);
                    seen.lock().unwrap().push((call, asked.body));
                    answer
                };
                drop(exchange(stream, replied).await);
            });
        }
    });
    (url, calls)
}

async fn exchange(mut stream: TcpStream, reply: impl FnOnce(Asked) -> Answer) -> std::io::Result<()> {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    let asked = loop {
        let read = stream.read(&mut buffer).await?;
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().split_once("content-length: ").map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
            if body.len() >= length {
                let mut words = head.split_whitespace();
                let (method, address) = (words.next().unwrap().to_owned(), words.next().unwrap());
                assert!(address.len() < 4_000, "gunicorn takes no longer address: {address}");
                let path = address.split('?').next().unwrap().to_owned();
                break Asked { method, path, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() };
            }
        }
        assert!(read > 0, "the request was cut off");
    };
    let page = |status: u16, kind: &str, body: &str| {
        format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {kind}; charset=utf-8\r\nDate: Mon, 23 Nov 2026 15:41:30 GMT\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let text = match reply(asked) {
        Answer::Json(value) => page(200, "application/json", &value.to_string()),
        Answer::Error(status, body) if body.starts_with('<') => page(status, "text/html", &body),
        Answer::Error(status, body) => page(status, "application/json", &body),
        Answer::Raw(text) => text,
    };
    stream.write_all(text.as_bytes()).await
}
