//! Logs.
//!
//! A line is a sentence with dotted fields and units (`connection.id`, `sync.duration_ms`). It never holds a payload or a
//! credential. The filter is in the form of `tracing-subscriber` (`info`, `crossdock=debug,info`).

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Writes logs to standard error from now on.
///
/// # Errors
/// A filter that makes no sense.
pub fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|e| format!("The log filter {filter:?} makes no sense: {e}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|e| format!("Logging cannot be started: {e}"))
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
