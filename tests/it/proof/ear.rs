//! An ear on the wire between servers and their WMS: how often each write was sent, whatever became of it at the other end.
//!
//! The sandbox does what comes twice under one idempotency key only once. So its own truth cannot say whether a server sent
//! something twice; what went over the wire can.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// What stands before the name of a write.
const HEADER: &[u8] = b"idempotency-key: ";
/// What follows it.
const END: u8 = b'\r';

type Heard = Arc<Mutex<BTreeMap<String, u64>>>;

/// An ear. It ends with its test's runtime.
pub struct Ear {
    address: SocketAddr,
    heard: Heard,
}

impl Ear {
    /// Listens to what is sent to an address such as `http://127.0.0.1:4010`.
    pub async fn on(url: &str) -> Self {
        let to: SocketAddr = url.strip_prefix("http://").and_then(|address| address.parse().ok()).expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let ear = Self { address: listener.local_addr().expect("an address"), heard: Heard::default() };
        let heard = ear.heard.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let heard = heard.clone();
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(to).await {
                        pass(client, server, &heard).await;
                    }
                });
            }
        });
        ear
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often each write was sent, by the name that it has at the WMS.
    pub fn heard(&self) -> BTreeMap<String, u64> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Passes on what either side says, until one of them hangs up.
async fn pass(client: TcpStream, server: TcpStream, heard: &Heard) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.into_split(), server.into_split());
    let requests = async {
        let (mut chunk, mut unread) = (vec![0; 16 * 1024], Vec::new());
        loop {
            let Ok(size @ 1..) = from_client.read(&mut chunk).await else { return };
            unread.extend_from_slice(&chunk[..size]);
            listen(&mut unread, heard);
            if to_server.write_all(&chunk[..size]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}

/// Notes the names in what has come, and keeps the beginning of one whose end has not.
fn listen(unread: &mut Vec<u8>, heard: &Heard) {
    while let Some(at) = unread.windows(HEADER.len()).position(|window| window == HEADER) {
        let name = at + HEADER.len();
        let Some(length) = unread[name..].iter().position(|byte| *byte == END) else {
            unread.drain(..at);
            return;
        };
        let text = String::from_utf8_lossy(&unread[name..name + length]).into_owned();
        *heard.lock().unwrap_or_else(PoisonError::into_inner).entry(text).or_default() += 1;
        unread.drain(..name + length);
    }
    unread.drain(..unread.len().saturating_sub(HEADER.len() - 1));
}

#[test]
fn a_name_is_heard_once_however_it_is_cut_up() {
    let said = b"POST /v1/orders HTTP/1.1\r\nidempotency-key: one\r\nhost: x\r\n\r\n{}POST / HTTP/1.1\r\nidempotency-key: two\r\n\r\n";
    for size in 1..said.len() {
        let (heard, mut unread) = (Heard::default(), Vec::new());
        for chunk in said.chunks(size) {
            unread.extend_from_slice(chunk);
            listen(&mut unread, &heard);
        }
        let expected = BTreeMap::from([("one".to_owned(), 1), ("two".to_owned(), 1)]);
        assert_eq!(*heard.lock().unwrap_or_else(PoisonError::into_inner), expected, "in pieces of {size}");
    }
}
