//! Clients that ask the same again and again, and look no closer at the answers than they must: they share the machine with
//! whom they ask.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// A request, as it is sent.
#[derive(Clone)]
pub struct Request {
    /// Host and port.
    pub host: String,
    bytes: Vec<u8>,
}

impl Request {
    /// A GET.
    pub fn get(url: &str, path: &str) -> Self {
        let host = host(url);
        Self { bytes: format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes(), host }
    }

    /// A GraphQL document.
    pub fn graphql(url: &str, key: &str, body: &serde_json::Value) -> Self {
        let (host, body) = (host(url), body.to_string());
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self { bytes: (head + &body).into_bytes(), host }
    }

    /// The body of the answer.
    pub fn ask(&self) -> Vec<u8> {
        let mut client = Client::connect(self);
        let head = client.answer(self);
        client.buffer.split_off(head)
    }
}

fn host(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(to: &Request) -> Self {
        let stream = TcpStream::connect(&to.host).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::with_capacity(256 * 1024) }
    }

    /// Asks, and waits for the whole answer, which is left in the buffer. Answers with the length of its head.
    fn answer(&mut self, request: &Request) -> usize {
        self.stream.write_all(&request.bytes).expect("it reads");
        self.buffer.clear();
        let mut whole = None;
        loop {
            let filled = self.buffer.len();
            if let Some((head, length)) = whole
                && filled >= head + length
            {
                return head;
            }
            self.buffer.resize(filled + 64 * 1024, 0);
            let read = self.stream.read(&mut self.buffer[filled..]).expect("it answers");
            assert!(read > 0, "it hung up");
            self.buffer.truncate(filled + read);
            if whole.is_none() {
                whole = head(&self.buffer);
            }
        }
    }
}

/// The lengths of an answer's head and body, when the head is there.
fn head(answer: &[u8]) -> Option<(usize, usize)> {
    let end = memchr::memmem::find(answer, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let length = head.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")));
    Some((end, length.expect("a length").1.trim().parse().expect("a number")))
}

/// Asks with so many connections for so long: how long each answer took.
#[expect(clippy::disallowed_methods, reason = "it measures")]
pub fn drive(request: &Request, connections: usize, period: Duration) -> Vec<Duration> {
    let ready = Barrier::new(connections);
    let ask = || {
        let mut client = Client::connect(request);
        let mut times = Vec::with_capacity(4096);
        ready.wait();
        let begun = Instant::now();
        while begun.elapsed() < period {
            let asked = Instant::now();
            client.answer(request);
            times.push(asked.elapsed());
        }
        times
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..connections).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("it answers")).collect()
    })
}
