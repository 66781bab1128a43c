//! The command line.

mod sync;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};

use crate::clock::Clock;
use crate::config::{LogArgs, ServeArgs, StoreArgs};
use crate::store::keys::{Access, key_list, key_put};
use crate::telemetry::say;
use crate::wms::sandbox::server::{RateLimit, Rule, SandboxConfig};
use crate::{app, graphql, random, telemetry, wms};

/// One self-hosted GraphQL API in front of every warehouse management system.
#[derive(Debug, Parser)]
#[command(name = "crossdock", version)]
pub struct Cli {
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and keep connections in sync (the default)
    Serve(Box<ServeArgs>),
    /// Bring the database's tables up to date, and end
    Migrate(StoreArgs),
    /// Sync a connection now, and show how far it is
    Sync(sync::SyncArgs),
    /// Print the GraphQL schema
    Schema,
    /// List the WMSs that can be connected, and what their adapters can do
    Adapters,
    /// Make and list API keys
    #[command(subcommand)]
    Keys(Keys),
    /// Run the sandbox WMS alone
    Sandbox(SandboxArgs),
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// Make an API key; it is printed once, as the last line
    Create {
        #[command(flatten)]
        store: StoreArgs,
        /// What to call it
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        access: AccessArg,
    },
    /// List the keys, without the keys themselves
    List {
        #[command(flatten)]
        store: StoreArgs,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AccessArg {
    /// Queries and subscriptions
    Read,
    /// Syncs and writes too
    Write,
    /// Connections, schedules and keys too
    Admin,
}

#[derive(Debug, clap::Args)]
struct SandboxArgs {
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// How many orders it holds; everything else is in proportion
    #[arg(long, default_value_t = 600)]
    orders: u32,
    /// File in which it remembers what was written to it; one that exists brings its own seed and number of orders
    #[arg(long)]
    state: Option<PathBuf>,
    /// Another seed gives other data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many rows a page has at most
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u16).range(1..))]
    page_size: u16,
    /// How many requests it allows in the long run, twice as many at once; 0 is as many as anybody likes
    #[arg(long, value_name = "PER_SECOND", default_value_t = 50.0)]
    rate_limit: f64,
    /// What goes wrong on purpose, such as '{"fault": "status", "status": 503, "percent": 20}'; may be given several times
    /// (src/wms/sandbox/README.md lists the faults)
    #[arg(long = "fault", value_name = "RULE")]
    faults: Vec<Rule>,
    /// What its token may not do: a resource (`rmas`) or a scope (`orders:write`); may be given several times
    #[arg(long = "deny", value_name = "SCOPE")]
    denied: Vec<String>,
}

impl SandboxArgs {
    /// The sandbox that these arguments ask for; what they do not speak of is as in `defaults`.
    fn config(self, defaults: SandboxConfig) -> SandboxConfig {
        let Self { listen: addr, orders, state, seed, page_size, rate_limit, faults, denied } = self;
        // A burst is a whole number, and of at least one request.
        let rate_limit = (rate_limit != 0.0).then(|| RateLimit { per_second: rate_limit, burst: (rate_limit * 2.0).ceil().max(1.0) as u32 });
        SandboxConfig { addr, orders, state, seed, page_size_max: page_size.into(), rate_limit, faults, denied, ..defaults }
    }
}

/// Does what the command line says, on a runtime of its own: SQLite needs the multi-threaded one.
pub fn main() -> ExitCode {
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("Failed to start the runtime")
        .and_then(|runtime| runtime.block_on(run()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // Progress bars and chatter do not go together.
    let log = if matches!(cli.command, Some(Command::Sync(_))) && cli.log.log == "info" { "error" } else { &cli.log.log };
    let collector = cli.log.otlp_endpoint.as_deref().filter(|address| !address.is_empty());
    let telemetry = telemetry::start(log, cli.log.log_format, collector).map_err(anyhow::Error::msg)?;
    let done = carry_out(cli.command).await;
    telemetry.stop();
    done
}

async fn carry_out(command: Option<Command>) -> anyhow::Result<()> {
    match command {
        // The same as `serve`, with what the environment says.
        None => match Cli::parse_from(["crossdock", "serve"]).command {
            Some(Command::Serve(args)) => app::serve(*args).await,
            _ => Ok(()),
        },
        Some(Command::Serve(args)) => app::serve(*args).await,
        Some(Command::Migrate(args)) => {
            let store = app::open_store(&args).await?;
            say(&format!("{} is up to date", store.dialect()));
            Ok(())
        }
        Some(Command::Sync(args)) => sync::sync(args).await,
        Some(Command::Schema) => {
            say(graphql::sdl().trim_end());
            Ok(())
        }
        Some(Command::Adapters) => {
            adapters();
            Ok(())
        }
        Some(Command::Keys(command)) => keys(command).await,
        Some(Command::Sandbox(args)) => app::sandbox(|defaults| args.config(defaults)).await,
    }
}

fn adapters() {
    for integration in wms::integrations() {
        say(&format!("{} ({})", integration.name, integration.display_name));
        let reads: Vec<_> = integration.reads.iter().map(|reads| reads.data_type.as_str()).collect();
        let writes: Vec<_> = integration.writes.iter().map(|writes| writes.action.as_str()).collect();
        say(&format!("  reads   {}", reads.join(" ")));
        say(&format!("  writes  {}", writes.join(" ")));
    }
}

async fn keys(command: Keys) -> anyhow::Result<()> {
    match command {
        Keys::Create { store, name, access } => {
            let store = app::open_store(&store).await?;
            let access = match access {
                AccessArg::Read => Access::Read,
                AccessArg::Write => Access::Write,
                AccessArg::Admin => Access::Admin,
            };
            let secret = random::token("cdk_").context("The operating system gave no random bytes")?;
            let mut tx = store.write().await?;
            key_put(&mut tx, &name, access, &secret, Clock::system().now()).await?;
            store.commit(tx).await?;
            say(&format!("Made the key {name:?} with {access} access. It is shown only now:"));
            say(&secret);
        }
        Keys::List { store } => {
            let store = app::open_store(&store).await?;
            for key in key_list(&mut store.read().await?).await? {
                let state = key.revoked_at.map_or_else(String::new, |at| format!("  revoked {at}"));
                say(&format!("{:>4}  {:<6} {}  {}{state}", key.id, key.access, key.created_at, key.name));
            }
        }
    }
    Ok(())
}
