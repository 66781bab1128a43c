//! What the operator can set about webhooks.

use std::time::Duration;

use clap::Args;

use crate::outbound::Reach;
use crate::webhooks::{RETRIES, Settings};

const DAY: i64 = 24 * 3600;

/// How webhooks are sent.
#[derive(Debug, Clone, Args)]
pub struct WebhookArgs {
    /// Let webhooks be sent to addresses of this machine and of private networks
    #[arg(long, env = "CROSSDOCK_ALLOW_PRIVATE_WEBHOOKS")]
    pub allow_private_webhooks: bool,
    /// Webhook endpoints that this process sends to at the same time
    #[arg(long, env = "CROSSDOCK_WEBHOOK_WORKERS", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub webhook_workers: u16,
    /// Seconds that an endpoint may take to answer a webhook
    #[arg(long, env = "CROSSDOCK_WEBHOOK_DEADLINE", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub webhook_deadline: u64,
    /// Seconds after which a process that gave no sign of life loses its webhooks to another
    #[arg(long, env = "CROSSDOCK_WEBHOOK_LEASE", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub webhook_lease: u64,
    /// Seconds from each failed attempt to the next, such as 5,300,1800; after the last one a webhook is a dead letter. Twelve
    /// attempts in five days when left out
    #[arg(long, env = "CROSSDOCK_WEBHOOK_RETRIES", value_delimiter = ',')]
    pub webhook_retries: Vec<u32>,
    /// Days after which an endpoint that has accepted nothing is switched off
    #[arg(long, env = "CROSSDOCK_WEBHOOK_DISABLE_DAYS", default_value_t = 5, value_parser = clap::value_parser!(i64).range(1..=365))]
    pub webhook_disable_days: i64,
    /// Days that delivered webhooks can be looked at
    #[arg(long, env = "CROSSDOCK_KEEP_WEBHOOKS_DAYS", default_value_t = 3, value_parser = clap::value_parser!(i64).range(1..=36500))]
    pub keep_webhooks_days: i64,
    /// Days that dead letters are kept; they can be sent again as long as the change log reaches back to them
    #[arg(long, env = "CROSSDOCK_KEEP_DEAD_WEBHOOKS_DAYS", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=36500))]
    pub keep_dead_webhooks_days: i64,
}

impl WebhookArgs {
    /// As the engine takes them.
    pub fn settings(&self, upkeep: Duration) -> Settings {
        Settings {
            workers: usize::from(self.webhook_workers),
            lease: Duration::from_secs(self.webhook_lease),
            deadline: Duration::from_secs(self.webhook_deadline),
            reach: if self.allow_private_webhooks { Reach::Private } else { Reach::Public },
            retries: if self.webhook_retries.is_empty() { RETRIES.to_vec() } else { self.webhook_retries.clone() },
            disable_after: self.webhook_disable_days * DAY,
            keep_delivered: self.keep_webhooks_days * DAY,
            keep_dead: self.keep_dead_webhooks_days * DAY,
            upkeep,
        }
    }
}
