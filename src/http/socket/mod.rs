//! *graphql-transport-ws*: many operations on one websocket, as the protocol's text has it (enisdenjo/graphql-ws, PROTOCOL.md).
//!
//! | file | part |
//! |---|---|
//! | `message` | what the two sides say to each other |
//! | `wire` | sending, receiving, and ending it |
//! | `session` | the conversation: who it is, which operations run |
//!
//! The key comes in `connection_init`, as `{"authorization": "Bearer …"}`: a browser can set no header on a websocket.
//!
//! | code | a socket is closed because |
//! |---|---|
//! | 1000 | no operation ran on it for a while |
//! | 1001 | the server stops |
//! | 1002, 1007, 1009 | what came is no websocket's, no UTF-8, or too large |
//! | 1013 | the database does not answer, so nobody knows whose key it is |
//! | 4400 | a message makes no sense; the reason names the field |
//! | 4401 | an operation came before `connection_ack` |
//! | 4403 | the key is not valid, or no longer what it was |
//! | 4406 | it does not speak graphql-transport-ws |
//! | 4408 | `connection_init` did not come in time |
//! | 4409 | an id is used by two operations |
//! | 4410 | a subscription was behind for too long (see `hub`): it may be begun again from its last cursor |
//! | 4429 | `connection_init` came twice |
//!
//! **Invariants.**
//! * A socket is one task. While its client takes nothing, nothing else is asked of its operations or read from it: a slow
//!   reader costs one message of ours, and is hung up on in the end (`listen`).
//! * Pings are those of the websocket, not of the protocol: browsers answer them without their page. A socket on which nothing
//!   at all came between two of them is dead.
//! * An operation too many is refused by an `error` of its own. Closing the socket would end the others, and clients that
//!   connect again would ask for all of them again.
//! * Most sockets wait most of the time, so one that waits is small (under 8 KiB, without its operations): so are its buffers,
//!   and what is large and seldom is boxed while it lasts.

mod message;
mod session;
mod wire;

use axum::extract::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use self::session::Session;
use super::answer::Refusal;
use super::{Context, sse};
use crate::graphql::RequestId;

/// The protocol's name in the handshake.
const PROTOCOL: &str = "graphql-transport-ws";
/// What is read at once, in bytes: most messages are smaller.
const READ_BUFFER: usize = 1024;
/// What is gathered before it is written, in bytes.
const WRITE_BUFFER: usize = 4096;

/// Takes a websocket.
///
/// # Errors
/// A page that may not, or too many websockets.
pub(super) fn open(context: &Context, id: RequestId, headers: &HeaderMap, upgrade: WebSocketUpgrade) -> Result<Response, Refusal> {
    if !context.origins.allow(headers) {
        let message = "Pages of this origin may not open websockets here: see --allow-origin";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "FORBIDDEN", message));
    }
    let Ok(place) = context.places.clone().try_acquire_owned() else { return Err(sse::full()) };
    let (context, limit) = (context.clone(), context.limits.body);
    let upgrade = upgrade.protocols([PROTOCOL]).read_buffer_size(READ_BUFFER).write_buffer_size(WRITE_BUFFER);
    let waited_for = context.tasks.token();
    Ok(upgrade.max_message_size(limit).max_frame_size(limit).on_upgrade(async move |socket| {
        let open = context.api.metrics.socket();
        Box::pin(Session::new(context, socket, id).run()).await;
        drop((open, place, waited_for));
    }))
}
