//! Connections, from the first byte to the last.
//!
//! `axum::serve` waits for a client without end. Here a connection is closed when the headers of its next request do not
//! arrive in time, or when its client takes nothing of what it is sent: an answer, an event, a message on a websocket alike.
//! (A body that does not arrive is told about: see `graphql`.)
//!
//! **Invariant.** When the server stops, no connection is cut: each ends after the answer that it is giving.

use std::pin::{Pin, pin};

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;

/// The most that is kept of a request's head, or of an answer that the client has not taken yet, in bytes.
const BUFFER: usize = 64 * 1024;

/// Takes connections until `stop` is cancelled, and returns when the last of them has ended.
pub(super) async fn listen(mut listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let mut http = Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(BUFFER);
    let connections = TaskTracker::new();
    // `accept` waits out errors, such as too many open files.
    while let Some((stream, _)) = stop.run_until_cancelled(Listener::accept(&mut listener)).await {
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(patient(stream, limits)), service).with_upgrades();
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let ended = match stop.run_until_cancelled(connection.as_mut()).await {
                Some(ended) => ended,
                None => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(error = %error, "A connection ended early");
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// A stream that fails when its client takes nothing for too long.
fn patient(stream: TcpStream, limits: Limits) -> Pin<Box<TimeoutStream<TcpStream>>> {
    // What is written is a whole answer or message: it need not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "Failed to switch TCP_NODELAY on");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.send_timeout));
    Box::pin(stream)
}
