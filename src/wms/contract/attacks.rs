//! What a hostile server answers, and which kinds of error that may be.
//!
//! Where several kinds are named, adapters may differ: a 404 is a row that is not there at one WMS and a wrong address at
//! another. What they may not do is take it for something that it cannot be.

use super::SECRET;
use super::hostile::Answer;
use crate::wms::Kind;

/// The cap on an answer's size that the suite works with.
pub(super) const CAP: usize = 256 * 1024;

/// One thing that a server may do.
pub(super) struct Attack {
    pub name: String,
    pub answer: Answer,
    /// What it may be taken for.
    pub kinds: &'static [Kind],
    /// It lasts until the deadline.
    pub slow: bool,
    /// What it asks for is a wait, and this is the longest that may come of it, in seconds.
    pub wait: Option<i64>,
    /// An adapter that reads no further than it needs to may be content with it.
    pub may_pass: bool,
}

fn attack(name: impl Into<String>, answer: Answer, kinds: &'static [Kind]) -> Attack {
    Attack { name: name.into(), answer, kinds, slow: false, wait: None, may_pass: false }
}

fn slow(name: &str, answer: Answer, kinds: &'static [Kind]) -> Attack {
    Attack { slow: true, ..attack(name, answer, kinds) }
}

/// A whole answer.
fn page(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Answer::Bytes(bytes)
}

const JSON: &str = "content-type: application/json\r\n";
const HTML: &str = "content-type: text/html\r\n";

/// Errors as no one WMS writes them, so that each adapter finds its own words in it, and each of them shows the credential.
fn echo() -> String {
    format!(
        r#"{{"error":{{"code":"c","message":"Not with {SECRET}","fields":[{{"field":"sku","message":"{SECRET}"}}]}},"request_id":"{SECRET}",
            "name":"odoo.exceptions.UserError","message":"Bearer {SECRET} is no good","arguments":["{SECRET}"],"context":{{}},"debug":"{SECRET}"}}"#
    )
}

/// All of them.
pub(super) fn attacks() -> Vec<Attack> {
    use Kind::{Configuration, Conflict, Forbidden, NotFound, Protocol, RateLimited, Timeout, Unauthenticated, Unavailable, Unsupported, Validation};
    const BROKEN: &[Kind] = &[Protocol];
    const GONE: &[Kind] = &[Unavailable];
    const LATE: &[Kind] = &[Timeout];
    let head = |headers: &str| format!("HTTP/1.1 200 OK\r\n{JSON}{headers}\r\n").into_bytes();
    let mut attacks = vec![
        attack("a redirect to itself", page("302 Found", "location: {own}/v1/again\r\n", ""), BROKEN),
        attack("a permanent redirect", page("308 Permanent Redirect", "location: /\r\n", ""), BROKEN),
        attack("a redirect to nowhere", page("303 See Other", "", ""), BROKEN),
        attack("a redirect that shows the token", page("301 Moved", &format!("location: http://evil.example/{SECRET}\r\n"), ""), BROKEN),
        attack("a body without an end", Answer::Endless(head("connection: close\r\n"), vec![b' '; 64 * 1024]), BROKEN),
        attack("a body of a terabyte", Answer::Endless(head("content-length: 1099511627776\r\n"), vec![b'['; 64 * 1024]), BROKEN),
        attack(
            "chunks without an end",
            Answer::Endless(head("transfer-encoding: chunked\r\n"), b"400\r\n".iter().chain(&[b' '; 1024]).chain(b"\r\n").copied().collect()),
            BROKEN,
        ),
        attack(
            "an error page without an end",
            Answer::Endless(format!("HTTP/1.1 500 X\r\n{HTML}connection: close\r\n\r\n").into_bytes(), vec![b'x'; 64 * 1024]),
            &[Protocol, Unavailable],
        ),
        attack("a gzip bomb", page("200 OK", &format!("{JSON}content-encoding: gzip\r\n"), bomb()), BROKEN),
        attack("what is not gzip", page("200 OK", &format!("{JSON}content-encoding: gzip\r\n"), "{}"), BROKEN),
        slow("a slow body", Answer::Trickle(head("content-length: 100000\r\n"), b' '), LATE),
        slow("slow headers", Answer::Trickle(b"HTTP/1.1 200 OK\r\nx-header: ".to_vec(), b'x'), LATE),
        slow("silence", Answer::Silence, LATE),
        slow("hints without an end", Answer::Endless(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec()), &[Timeout, Unavailable, Protocol]),
        attack(
            "headers without an end",
            Answer::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-header: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".to_vec()),
            &[Unavailable, Protocol],
        ),
        attack("one header without an end", Answer::Endless(b"HTTP/1.1 200 OK\r\nx-header: ".to_vec(), vec![b'x'; 4096]), &[Unavailable, Protocol]),
        attack("a page in HTML", page("200 OK", HTML, "<!doctype html><title>Log in</title>"), BROKEN),
        attack("a page that shows the token", page("200 OK", HTML, format!("<pre>Authorization: Bearer {SECRET}</pre>")), BROKEN),
        attack("JSON that shows the token", page("200 OK", JSON, format!("\"{SECRET}\"")), BROKEN),
        attack(
            "JSON that shows the token where something else belongs",
            page("200 OK", JSON, format!(r#"{{"data":"{SECRET}","next_cursor":7}}"#)),
            BROKEN,
        ),
        attack("broken JSON", page("200 OK", JSON, r#"{"data": [{"id": "#), BROKEN),
        attack("JSON and something more", page("200 OK", JSON, "{} {}"), BROKEN),
        attack("an array", page("200 OK", JSON, "[]"), BROKEN),
        attack("an object", page("200 OK", JSON, "{}"), BROKEN),
        attack("null", page("200 OK", JSON, "null"), BROKEN),
        attack("a string", page("200 OK", JSON, "\"three\""), BROKEN),
        attack("a number", page("200 OK", JSON, "7"), BROKEN),
        attack("deep arrays", page("200 OK", JSON, "[".repeat(100_000)), BROKEN),
        attack("deep objects", page("200 OK", JSON, "{\"a\":".repeat(50_000)), BROKEN),
        attack("deep arrays that end", page("200 OK", JSON, "[".repeat(100_000) + &"]".repeat(100_000)), BROKEN),
        Attack {
            may_pass: true,
            ..attack(
                "deep rows",
                page("200 OK", JSON, format!(r#"{{"data":[{}{}],"next_cursor":null,"total":1}}"#, "[".repeat(100_000), "]".repeat(100_000))),
                BROKEN,
            )
        },
        attack("what is not UTF-8", page("200 OK", JSON, b"{\"data\":[{\"id\":\"\xff\xfe\"}],\"next_cursor\":null}"), BROKEN),
        attack("nothing", page("200 OK", JSON, ""), BROKEN),
        attack("no content", Answer::Bytes(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec()), BROKEN),
        attack("half a body", Answer::Bytes([head("content-length: 500\r\n"), b"{\"data\":[".to_vec()].concat()), BROKEN),
        attack("half a chunk", Answer::Bytes([head("transfer-encoding: chunked\r\n"), b"400\r\n{\"data\":[".to_vec()].concat()), BROKEN),
        attack(
            "chunks of no size",
            Answer::Bytes([head("transfer-encoding: chunked\r\n"), b"zz\r\n{}\r\n0\r\n\r\n".to_vec()].concat()),
            &[Protocol, Unavailable],
        ),
        attack("a reset", Answer::Reset, GONE),
        attack("hanging up", Answer::Bytes(Vec::new()), GONE),
        attack("another protocol", Answer::Bytes(b"SSH-2.0-OpenSSH_9.7\r\n".to_vec()), &[Protocol, Unavailable]),
        attack(
            "another protocol after this one",
            Answer::Bytes(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxyz".to_vec()),
            &[Protocol, Unavailable],
        ),
        attack("not modified", Answer::Bytes(b"HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n".to_vec()), BROKEN),
    ];
    let refusals: [(&str, &'static [Kind]); 10] = [
        ("400 Bad Request", &[Validation, Protocol]),
        ("401 Unauthorized", &[Unauthenticated]),
        ("403 Forbidden", &[Forbidden]),
        ("404 Not Found", &[NotFound, Unsupported, Configuration]),
        ("409 Conflict", &[Conflict, Protocol]),
        ("422 Unprocessable Content", &[Validation, Protocol]),
        ("429 Too Many Requests", &[RateLimited]),
        ("500 Internal Server Error", GONE),
        ("502 Bad Gateway", GONE),
        ("503 Service Unavailable", GONE),
    ];
    for (status, kinds) in refusals {
        attacks.push(attack(format!("{status}, empty"), page(status, "", ""), kinds));
        attacks.push(attack(
            format!("{status}, a page"),
            page(status, HTML, format!("<html><title>{SECRET}</title>nginx at 10.0.0.7</html>")),
            kinds,
        ));
        let headers = format!("{JSON}x-request-id: {SECRET}\r\n");
        attacks.push(attack(format!("{status}, in the words of the WMS"), page(status, &headers, echo()), kinds));
    }
    for (status, kinds) in [("429 Too Many Requests", &[RateLimited] as &'static [Kind]), ("503 Service Unavailable", GONE)] {
        for (wait, longest) in [
            ("120", 121),
            ("0", 2),
            ("-5", 2),
            ("1e18", 86_400),
            ("999999999999999999999999999999", 86_400),
            ("inf", 86_400),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 2),
            ("Fri, 01 Jan 9999 00:00:00 GMT", 86_400),
        ] {
            let headers = format!("retry-after: {wait}\r\ndate: Sat, 01 Jan 2000 00:00:00 GMT\r\n");
            attacks.push(Attack { wait: Some(longest), ..attack(format!("{status} until {wait}"), page(status, &headers, ""), kinds) });
        }
        for wait in ["soon", "NaN", ""] {
            attacks.push(attack(format!("{status} until {wait:?}"), page(status, &format!("retry-after: {wait}\r\n"), ""), kinds));
        }
    }
    attacks
}

/// Less than the cap of gzip, and more than thirty times the cap when it is unpacked: a zero, and then again and again
/// "the last byte, 258 times", which takes 13 bits.
fn bomb() -> Vec<u8> {
    // No file name, no time; then one block, the last, with the fixed codes of RFC 1951.
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut count) = (0b011_u64, 3);
    let mut put = |code: u64, length: u32, bytes: &mut Vec<u8>| {
        bits |= code << count;
        count += length;
        while count >= 8 {
            bytes.push((bits & 255) as u8);
            bits >>= 8;
            count -= 8;
        }
    };
    // Codes stand in the stream from their highest bit on: 00110000 is the byte 0, 11000101 00000 the repetition.
    put(0b0000_1100, 8, &mut bytes);
    for _ in 0..CAP / 8 {
        put(0b1010_0011, 13, &mut bytes);
    }
    bytes
}
