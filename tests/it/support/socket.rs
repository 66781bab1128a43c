//! A client of the protocol graphql-transport-ws, as far as tests need one.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
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
        socket.init(key).await;
        socket
    }

    /// Says who it is, and is welcome.
    pub async fn init(&mut self, key: &str) {
        self.send(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {key}") } })).await;
        let answer = self.receive().await.expect("an answer to connection_init");
        assert_eq!(answer["type"], "connection_ack", "{answer}");
    }

    /// Opens a socket that has said nothing yet.
    pub async fn connect(url: &str) -> Self {
        Self::speaking(url, Some("graphql-transport-ws")).await
    }

    /// Opens a socket that offers to speak these protocols, or none.
    pub async fn speaking(url: &str, protocols: Option<&'static str>) -> Self {
        let mut request = url.into_client_request().expect("a websocket address");
        request.headers_mut().extend(protocols.map(|names| (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(names))));
        let (stream, _) = tokio_tungstenite::connect_async(request).await.expect("the server takes the websocket");
        Self { stream }
    }

    pub async fn send(&mut self, message: Value) {
        self.say(Message::text(message.to_string())).await;
    }

    /// Sends anything, be it a message of the protocol or not.
    pub async fn say(&mut self, message: Message) {
        self.stream.send(message).await.expect("the socket takes the message");
    }

    /// Code and reason with which the server closes the socket, whatever it says before; 1006 when it just hangs up.
    pub async fn closed(&mut self) -> (u16, String) {
        let ends = async {
            while let Some(Ok(message)) = self.stream.next().await {
                if let Message::Close(Some(CloseFrame { code, reason })) = message {
                    return (code.into(), reason.to_string());
                }
            }
            (1006, String::new())
        };
        tokio::time::timeout(PATIENCE, ends).await.expect("the server closes the socket")
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

    /// The next message, or code and reason with which the server closes the socket; 1006 when it just hangs up.
    pub async fn receive_or_end(&mut self) -> Result<Value, (u16, String)> {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                    Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => return Err((code.into(), reason.to_string())),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err((1006, String::new())),
                }
            }
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
