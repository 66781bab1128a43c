//! One conversation: who it is, which operations run, and whether anybody is still there.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use async_graphql::ServerError;
use axum::extract::ws::WebSocket;
use futures_util::FutureExt as _;
use serde_json::{Map, Value};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_stream::{StreamExt as _, StreamMap, StreamNotifyClose};

use super::super::auth::Denied;
use super::super::hub::{Answers, Frame, TooSlow};
use super::super::run::{self, Asker};
use super::super::{Context, request};
use super::message::{Incoming, Outgoing};
use super::wire::{End, Wire};
use crate::graphql::{RequestId, Viewer};

/// Results that are sent together, if they are there.
const TOGETHER: usize = 64;

/// A websocket and what is talked about on it.
pub(super) struct Session {
    context: Context,
    wire: Wire,
    /// The name of its handshake; its operations are counted behind it.
    id: RequestId,
    begun: u64,
    /// Each by its client's id. What it yields last is `None`.
    operations: StreamMap<Arc<str>, StreamNotifyClose<Answers>>,
    /// When an operation was last seen to run.
    active: Instant,
}

/// What an operation is answered with.
type Answer = Result<Arc<Frame>, TooSlow>;

/// What happens next.
enum Turn {
    Said(Incoming),
    Result(Arc<str>, Option<Answer>),
    Beat,
}

impl Session {
    pub(super) fn new(context: Context, socket: WebSocket, id: RequestId) -> Self {
        Self { context, wire: Wire::new(socket), id, begun: 0, operations: StreamMap::new(), active: Instant::now() }
    }

    /// Talks until one of the two has enough.
    pub(super) async fn run(mut self) {
        let stop = self.context.stop.clone();
        // Pinned here rather than moved there: that would make room for it twice, in every socket.
        let ended = stop.run_until_cancelled(pin!(self.talk())).await;
        let end = match ended {
            Some(Err(end)) => end,
            Some(Ok(never)) => match never {},
            None => End::close(1001, "The server stops"),
        };
        // What nobody will read is not worked for while the client takes its leave.
        let Self { wire, operations, .. } = self;
        drop(operations);
        wire.end(end).await;
    }

    async fn talk(&mut self) -> Result<Infallible, End> {
        if !self.wire.speaks() {
            return Err(End::close(4406, "Subprotocol not acceptable"));
        }
        let Ok(greeted) = timeout(self.context.limits.init_timeout, self.greeted()).await else {
            return Err(End::close(4408, "Connection initialisation timeout"));
        };
        // A look into the database takes more room than all the rest, and is seldom: it has it only for as long as it takes.
        let viewer = Box::pin(known(&self.context, &greeted?)).await?;
        self.wire.send(&Outgoing::ConnectionAck).await?;
        self.active = Instant::now();
        let period = self.context.limits.ping;
        let mut heart = interval_at(self.active + period, period);
        heart.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let turn = tokio::select! {
                said = self.wire.receive() => Turn::Said(said?),
                Some((id, result)) = self.operations.next() => Turn::Result(id, result),
                _ = heart.tick() => Turn::Beat,
            };
            match turn {
                Turn::Said(said) => self.take(said, &viewer).await?,
                Turn::Result(id, result) => self.tell(id, result).await?,
                Turn::Beat => self.beat(&viewer).await?,
            }
        }
    }

    /// What the client says of itself.
    async fn greeted(&mut self) -> Result<Map<String, Value>, End> {
        loop {
            match self.wire.receive().await? {
                Incoming::Init(payload) => return Ok(payload),
                Incoming::Ping(payload) => self.wire.send(&Outgoing::Pong { payload }).await?,
                Incoming::Pong | Incoming::Complete { .. } => {}
                Incoming::Subscribe { .. } => return Err(End::close(4401, "Unauthorized")),
            }
        }
    }

    async fn take(&mut self, said: Incoming, viewer: &Viewer) -> Result<(), End> {
        match said {
            Incoming::Init(_) => Err(End::close(4429, "Too many initialisation requests")),
            Incoming::Ping(payload) => self.wire.send(&Outgoing::Pong { payload }).await,
            Incoming::Pong => Ok(()),
            Incoming::Complete { id } => {
                self.operations.remove(id.as_str());
                Ok(())
            }
            Incoming::Subscribe { id, parameters } => self.begin(id, parameters, viewer).await,
        }
    }

    async fn begin(&mut self, id: String, parameters: Map<String, Value>, viewer: &Viewer) -> Result<(), End> {
        let request = request::of_parameters(parameters).map_err(|refusal| End::close(4400, format!("payload: {}", refusal.message())))?;
        if self.operations.contains_key(id.as_str()) {
            return Err(End::close(4409, format!("Subscriber for {id} already exists")));
        }
        let most = self.context.limits.operations;
        if self.operations.len() >= most {
            let mut error = ServerError::new(format!("At most {most} operations may run on one websocket at the same time"), None);
            error.extensions.get_or_insert_default().set("code", "TOO_MANY_OPERATIONS");
            return self.wire.send(&Outgoing::Error { id: &id, payload: &[error] }).await;
        }
        self.begun += 1;
        self.active = Instant::now();
        let asker = Asker { viewer: viewer.clone(), id: RequestId(format!("{}-{}", self.id.0, self.begun)) };
        let responses = run::stream(&self.context, &asker, run::admit(&self.context, &asker, request));
        self.operations.insert(id.into(), StreamNotifyClose::new(responses));
        Ok(())
    }

    /// Sends a result, and those that are there already with it.
    async fn tell(&mut self, mut id: Arc<str>, mut result: Option<Answer>) -> Result<(), End> {
        for left in (0..TOGETHER).rev() {
            if matches!(&result, Some(Err(TooSlow))) {
                return Err(End::close(4410, TooSlow.message(self.context.limits.behind)));
            }
            let frame = result.as_ref().and_then(|answer| answer.as_ref().ok());
            if frame.is_none_or(|frame| frame.is_refusal()) {
                self.operations.remove(&id);
            }
            let message = match frame {
                Some(frame) => Outgoing::Result { id: &id, frame },
                None => Outgoing::Complete { id: &id },
            };
            self.wire.put(&message).await?;
            // What is taken must be put.
            if left == 0 {
                break;
            }
            let Some(Some(more)) = self.operations.next().now_or_never() else { break };
            (id, result) = more;
        }
        self.wire.flush().await
    }

    /// Whether the client is there, has anything to wait for, and may still.
    async fn beat(&mut self, viewer: &Viewer) -> Result<(), End> {
        let limits = self.context.limits;
        if !self.wire.has_heard() {
            return Err(End::Gone);
        }
        if !self.operations.is_empty() {
            self.active = Instant::now();
        } else if self.active.elapsed() >= limits.idle {
            return Err(End::close(1000, format!("No operation for {} s", limits.idle.as_secs())));
        }
        if !Box::pin(self.context.keys.still(&self.context.api.store, viewer, limits.ping)).await {
            return Err(End::close(4403, "Forbidden"));
        }
        self.wire.ping().await
    }
}

/// Who it is.
async fn known(context: &Context, payload: &Map<String, Value>) -> Result<Viewer, End> {
    let text = ["authorization", "Authorization"].iter().find_map(|name| payload.get(*name)?.as_str());
    context.keys.viewer(&context.api.store, text).await.map_err(|denied| match denied {
        Denied::Missing | Denied::Unknown => End::close(4403, "Forbidden"),
        Denied::Unavailable => End::close(1013, denied.message()),
    })
}
