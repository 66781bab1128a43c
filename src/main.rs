//! The `crossdock` command: see `crossdock --help`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match crossdock::cli::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
