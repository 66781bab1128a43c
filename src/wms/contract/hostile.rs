//! A server on loopback that reads a request properly and then does its worst.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Sends these bytes and hangs up.
    Bytes(Vec<u8>),
    /// Sends the first bytes, then the others again and again, for as long as the client listens.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends the first bytes, then the other byte now and then.
    Trickle(Vec<u8>, u8),
    /// Says nothing, and stays.
    Silence,
    /// Resets the connection.
    Reset,
}

/// How much an endless answer sends at most, so that a test that fails still ends.
const ENDLESS: usize = 256 * 1024 * 1024;

/// The server. It ends with the test.
pub(super) struct Hostile {
    pub url: String,
    /// How many requests it got.
    pub requests: Arc<AtomicUsize>,
    /// The most bytes that a client took of one answer, as far as the server could send them.
    pub taken: Arc<AtomicUsize>,
}

impl Hostile {
    /// A server that answers every request in this way. `{own}` in its bytes becomes its own address.
    pub(super) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = match answer {
            Answer::Bytes(bytes) if bytes.len() < 1024 => Answer::Bytes(
                String::from_utf8(bytes).map_or_else(std::string::FromUtf8Error::into_bytes, |text| text.replace("{own}", &url).into_bytes()),
            ),
            answer => answer,
        };
        let (requests, taken) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (counted, measured, answer) = (requests.clone(), taken.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (measured, answer) = (measured.clone(), answer.clone());
                tokio::spawn(async move {
                    let taken = exchange(stream, &answer).await.unwrap_or_default();
                    measured.fetch_max(taken, Ordering::SeqCst);
                });
            }
        });
        Self { url, requests, taken }
    }
}

/// Reads a request, answers it, and says how many bytes the client took.
async fn exchange(mut stream: TcpStream, answer: &Answer) -> std::io::Result<usize> {
    read_request(&mut stream).await?;
    match answer {
        Answer::Bytes(bytes) => {
            stream.write_all(bytes).await?;
            Ok(bytes.len())
        }
        Answer::Endless(first, again) => {
            stream.write_all(first).await?;
            let mut taken = first.len();
            while taken < ENDLESS && stream.write_all(again).await.is_ok() {
                taken += again.len();
            }
            Ok(taken)
        }
        Answer::Trickle(first, byte) => {
            stream.write_all(first).await?;
            while stream.write_all(&[*byte]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(0)
        }
        Answer::Silence => {
            // Until the client goes.
            stream.read_u8().await?;
            Ok(0)
        }
        Answer::Reset => {
            stream.set_zero_linger()?;
            Ok(0)
        }
    }
}

/// Reads to the end of the request, so that hanging up is not taken for a refusal to listen.
pub(super) async fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).await?;
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(());
            }
        }
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
