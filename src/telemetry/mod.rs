//! Logs, and [`traces`].
//!
//! A line is a sentence with dotted fields and units (`connection.id`, `sync.duration_ms`). It never holds a payload or a
//! credential. The filter is in the form of `tracing-subscriber` (`info`, `crossdock=debug,info`).

pub mod traces;

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use traces::Traces;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What the process has begun to tell of itself.
#[must_use = "what has not been sent when the process ends is lost"]
pub struct Telemetry(Option<Traces>);

impl Telemetry {
    /// Sends what has not been sent.
    pub fn stop(self) {
        if let Some(traces) = self.0 {
            tokio::task::block_in_place(|| traces.stop());
        }
    }
}

/// Writes logs to standard error from now on, and sends traces to the collector at `collector`, if there is one.
///
/// # Errors
/// A filter, or an address, that makes no sense.
pub fn start(filter: &str, format: LogFormat, collector: Option<&str>) -> Result<Telemetry, String> {
    let filter = EnvFilter::try_new(filter).map_err(|e| format!("The log filter {filter:?} makes no sense: {e}"))?;
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let traces = collector.map(Traces::to).transpose()?;
    // What makes traces would only make lines long.
    let filter = filter.and(filter_fn(|what| what.target() != traces::TARGET));
    let layers = tracing_subscriber::registry().with(lines.with_filter(filter)).with(traces.as_ref().map(Traces::layer));
    layers.try_init().map_err(|e| format!("Logging cannot be started: {e}"))?;
    Ok(Telemetry(traces))
}

/// An error with its causes: `Display` of an error never prints its source, so that each is said once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

/// Prints for whoever called the command: this is its output, not a log.
#[expect(clippy::print_stdout, reason = "the output of a command")]
pub fn say(text: &str) {
    println!("{text}");
}
