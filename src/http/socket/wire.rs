//! One websocket: sending, receiving, and ending it in good order.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt as _;
use futures_util::stream::FusedStream as _;

use super::message::{Incoming, Outgoing};

/// Why a conversation is over.
#[derive(Debug)]
pub(super) enum End {
    /// The server closes the socket, and says why.
    Close(Close),
    /// The client closed it, or is not there any more.
    Gone,
}

/// A code and a reason.
#[derive(Debug)]
pub(super) struct Close {
    code: u16,
    reason: String,
}

/// The most that fits into a frame of control beside the code, in bytes.
const LONGEST_REASON: usize = 123;
/// How long the client may take to close its side. Whoever hangs up before that on a client that still sends tears away what
/// it has not read yet, the reason too.
const FAREWELL: Duration = Duration::from_secs(1);

impl End {
    /// The server closes the socket.
    pub(super) fn close(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        Self::Close(Close { code, reason })
    }
}

/// What a conversation is held over.
pub(super) struct Wire {
    socket: WebSocket,
    /// Whether anything came since somebody last looked.
    heard: bool,
}

impl Wire {
    pub(super) fn new(socket: WebSocket) -> Self {
        Self { socket, heard: false }
    }

    /// Whether the client speaks our protocol.
    pub(super) fn speaks(&self) -> bool {
        self.socket.protocol().is_some()
    }

    /// Whether anything came since the last call.
    pub(super) fn has_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// The next message. Nothing is lost when it is not waited for to the end.
    pub(super) async fn receive(&mut self) -> Result<Incoming, End> {
        loop {
            let message = self.socket.recv().await;
            self.heard = true;
            match message {
                Some(Ok(Message::Text(text))) => return Incoming::parse(&text).map_err(|reason| End::close(4400, reason)),
                Some(Ok(Message::Binary(_))) => return Err(End::close(4400, "The message must be text, not binary")),
                // Pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
                Some(Err(error)) => return Err(broken(error)),
            }
        }
    }

    /// Sends a message, with all that was put before.
    pub(super) async fn send(&mut self, message: &Outgoing<'_>) -> Result<(), End> {
        self.put(message).await?;
        self.flush().await
    }

    /// Sends a message now or with the next flush.
    pub(super) async fn put(&mut self, message: &Outgoing<'_>) -> Result<(), End> {
        let text = message.text().map_err(|error| {
            tracing::error!(error = %error, "Failed to write a message as JSON");
            End::close(1011, "Internal error")
        })?;
        self.socket.feed(Message::text(text)).await.map_err(|_| End::Gone)
    }

    /// Sends all that was put.
    pub(super) async fn flush(&mut self) -> Result<(), End> {
        self.socket.flush().await.map_err(|_| End::Gone)
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), End> {
        self.socket.send(Message::Ping(Bytes::new())).await.map_err(|_| End::Gone)
    }

    /// Ends it, and lets the client know as well as can be.
    pub(super) async fn end(mut self, end: End) {
        let farewell = async {
            if let End::Close(Close { code, reason }) = end {
                tracing::debug!(websocket.code = code, websocket.reason = reason, "Closing a websocket");
                if self.socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await.is_err() {
                    return;
                }
                if self.socket.is_terminated() {
                    // Nothing more can be read, not even that the client has closed its side.
                    tokio::time::sleep(FAREWELL).await;
                }
            }
            while self.socket.recv().await.is_some_and(|message| message.is_ok()) {}
        };
        // Whoever does not answer is not waited for.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
}

/// What came is nothing that a websocket sends, or the connection broke.
fn broken(error: axum::Error) -> End {
    use tungstenite::Error;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => End::close(1009, "The message is too large"),
        Some(Error::Utf8(_)) => End::close(1007, "The message is not UTF-8"),
        Some(Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed) => End::Gone,
        _ => End::close(1002, "Protocol error"),
    }
}
