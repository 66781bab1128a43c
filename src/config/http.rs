//! What the operator can set about HTTP, websockets and event streams.

use std::time::Duration;

use clap::Args;

/// What clients may ask of the server, and for how long it waits for them.
#[derive(Debug, Clone, Args)]
pub struct HttpArgs {
    /// Bytes that the body of a request, or a message on a websocket, may have
    #[arg(long, env = "CROSSDOCK_BODY_LIMIT", default_value_t = 1024 * 1024, value_parser = clap::value_parser!(u32).range(1024..))]
    pub body_limit: u32,
    /// Seconds that the headers of a request may take to arrive, and that a connection may do nothing
    #[arg(long, env = "CROSSDOCK_HEADER_TIMEOUT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub header_timeout: u64,
    /// Seconds that the body of a request may take to arrive
    #[arg(long, env = "CROSSDOCK_BODY_TIMEOUT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub body_timeout: u64,
    /// Seconds after which a client that takes nothing of what it is sent is hung up on
    #[arg(long, env = "CROSSDOCK_SEND_TIMEOUT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub send_timeout: u64,
    /// Websockets and event streams that may be open at the same time
    #[arg(long, env = "CROSSDOCK_SOCKETS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sockets: u32,
    /// Operations that may run on one websocket at the same time
    #[arg(long, env = "CROSSDOCK_SOCKET_OPERATIONS", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    pub socket_operations: u16,
    /// Seconds that a websocket may take to say who it is (connection_init)
    #[arg(long, env = "CROSSDOCK_SOCKET_INIT_TIMEOUT", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub socket_init_timeout: u64,
    /// Seconds between two pings, which a websocket must answer before the next; API keys are looked at as often
    #[arg(long, env = "CROSSDOCK_SOCKET_PING", default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub socket_ping: u64,
    /// Seconds after which a websocket without any operation is closed
    #[arg(long, env = "CROSSDOCK_SOCKET_IDLE", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub socket_idle: u64,
    /// Seconds that a subscriber may be behind what happens, taking it more slowly than it comes, before it is told to come again
    #[arg(long, env = "CROSSDOCK_SUBSCRIBER_BEHIND", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub subscriber_behind: u64,
}

impl HttpArgs {
    /// As the server takes them.
    pub fn limits(&self) -> crate::http::Limits {
        crate::http::Limits {
            body: usize::try_from(self.body_limit).unwrap_or(usize::MAX),
            header_timeout: Duration::from_secs(self.header_timeout),
            body_timeout: Duration::from_secs(self.body_timeout),
            send_timeout: Duration::from_secs(self.send_timeout),
            sockets: usize::try_from(self.sockets).unwrap_or(usize::MAX),
            operations: usize::from(self.socket_operations),
            init_timeout: Duration::from_secs(self.socket_init_timeout),
            ping: Duration::from_secs(self.socket_ping),
            idle: Duration::from_secs(self.socket_idle),
            behind: Duration::from_secs(self.subscriber_behind),
        }
    }
}
