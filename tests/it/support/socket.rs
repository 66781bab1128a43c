//! A client of the protocol graphql-transport-ws, as far as tests need one.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::server::PATIENCE;

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Opens a socket and says who it is.
    pub async fn open(url: &str, key: &str) -> Self {
        let mut socket = Self::connect(url).await;
        socket.send(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {key}") } })).await;
        let answer = socket.receive().await.expect("an answer to connection_init");
        assert_eq!(answer["type"], "connection_ack", "{answer}");
        socket
    }

    /// Opens a socket that has said nothing yet.
    pub async fn connect(url: &str) -> Self {
        let mut request = url.into_client_request().expect("a websocket address");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));
        let (stream, _) = tokio_tungstenite::connect_async(request).await.expect("the server takes the websocket");
        Self { stream }
    }

    pub async fn send(&mut self, message: Value) {
        self.stream.send(Message::text(message.to_string())).await.expect("the socket takes the message");
    }

    /// The next message; `None` when the server has closed the socket.
    pub async fn receive(&mut self) -> Option<Value> {
        let next = async {
            while let Some(message) = self.stream.next().await {
                match message {
                    Ok(Message::Text(text)) => return serde_json::from_str(&text).ok(),
                    Ok(Message::Close(_)) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
            None
        };
        tokio::time::timeout(PATIENCE, next).await.expect("a message in time")
    }

    pub async fn subscribe(&mut self, id: &str, document: &str, variables: Value) {
        self.send(json!({ "id": id, "type": "subscribe", "payload": { "query": document, "variables": variables } })).await;
    }

    /// The data of the next event of a subscription.
    pub async fn next(&mut self, id: &str) -> Value {
        loop {
            let message = self.receive().await.expect("the socket stays open");
            if message["id"] != id {
                continue;
            }
            assert_eq!(message["type"], "next", "{message:#}");
            assert!(message["payload"].get("errors").is_none(), "{message:#}");
            return message["payload"]["data"].clone();
        }
    }
}
