//! A hand on a wire: what goes to an address goes through it, until it cuts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A proxy. It ends with its test's runtime.
pub struct Proxy {
    address: SocketAddr,
    connections: Arc<Mutex<CancellationToken>>,
    open: TaskTracker,
}

impl Proxy {
    /// Starts one before an address.
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Self { address: listener.local_addr().expect("an address"), connections: Arc::default(), open: TaskTracker::new() };
        let (connections, open) = (proxy.connections.clone(), proxy.open.clone());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let cut = connections.lock().unwrap_or_else(PoisonError::into_inner).clone();
                open.spawn(async move {
                    let Ok(mut server) = TcpStream::connect(to).await else { return };
                    drop(cut.run_until_cancelled(copy_bidirectional(&mut client, &mut server)).await);
                });
            }
        });
        proxy
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts what is open, and answers with how much that was. New connections are let through.
    pub fn cut(&self) -> usize {
        let count = self.open.len();
        std::mem::take(&mut *self.connections.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
        count
    }
}
