//! What the operator can set: flags and environment variables alike, each with a default that works.

mod http;
mod limits;
mod webhooks;
mod writes;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
pub use limits::LimitArgs;
use secrecy::{ExposeSecret as _, SecretString};

pub use self::http::HttpArgs;
pub use self::webhooks::WebhookArgs;
pub use self::writes::WriteArgs;
use crate::outbound::Reach;
use crate::random;
use crate::record::DataType;
use crate::store::vault::KEY_BYTES;
use crate::sync::SHORTEST_INTERVAL;
use crate::telemetry::LogFormat;

/// Where things are kept.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Address of the database: sqlite:PATH or postgres://…
    #[arg(long, env = "CROSSDOCK_DATABASE_URL", default_value = "sqlite:./data/crossdock.db", hide_env_values = true)]
    pub database_url: String,
    /// The key that WMS credentials are encrypted with: 32 bytes in base64. Without it, the key file is used
    #[arg(long, env = "CROSSDOCK_ENCRYPTION_KEY", hide_env_values = true)]
    pub encryption_key: Option<SecretString>,
    /// File that holds that key; made at the first start, readable by its owner only
    #[arg(long, env = "CROSSDOCK_ENCRYPTION_KEY_FILE", default_value = "./data/crossdock.key")]
    pub encryption_key_file: PathBuf,
    /// Connections to PostgreSQL that this process opens at most
    #[arg(long, env = "CROSSDOCK_DATABASE_POOL", default_value_t = 16)]
    pub database_pool: usize,
}

/// How the process speaks of what it does.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Which log lines are written to standard error, such as "info" or "crossdock=debug,warn"
    #[arg(long, env = "CROSSDOCK_LOG", default_value = "info", global = true)]
    pub log: String,
    /// How log lines look
    #[arg(long, env = "CROSSDOCK_LOG_FORMAT", value_enum, default_value = "text", global = true)]
    pub log_format: LogFormat,
    /// Address of an OpenTelemetry collector that traces are sent to (OTLP over HTTP), such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true, global = true)]
    pub otlp_endpoint: Option<String>,
}

/// How the server serves.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Where the databases and keys are
    #[command(flatten)]
    pub store: StoreArgs,
    /// Address and port to listen on
    #[arg(long, env = "CROSSDOCK_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Do not run the sandbox WMS and its demo connection
    #[arg(long, env = "CROSSDOCK_NO_DEMO")]
    pub no_demo: bool,
    /// File in which the sandbox WMS remembers what was written to it
    #[arg(long, env = "CROSSDOCK_SANDBOX_STATE", default_value = "./data/sandbox.jsonl")]
    pub sandbox_state: PathBuf,
    /// Do not serve GraphiQL at /
    #[arg(long, env = "CROSSDOCK_NO_GRAPHIQL")]
    pub no_graphiql: bool,
    /// Do not serve the dashboard at /dashboard
    #[arg(long, env = "CROSSDOCK_NO_DASHBOARD")]
    pub no_dashboard: bool,
    /// Origin of web pages that may talk to the API, such as https://portal.example.com, beside the server's own; may be given
    /// several times, and * stands for any
    #[arg(long = "allow-origin", env = "CROSSDOCK_ALLOW_ORIGINS", value_delimiter = ',')]
    pub allow_origins: Vec<String>,
    /// What clients may ask of the server
    #[command(flatten)]
    pub http: HttpArgs,
    /// What requests may ask for
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How the sync engine works
    #[command(flatten)]
    pub engine: EngineArgs,
    /// How webhooks are sent
    #[command(flatten)]
    pub webhooks: WebhookArgs,
    /// How writes are carried out
    #[command(flatten)]
    pub writes: WriteArgs,
}

/// How the sync engine works.
#[derive(Debug, Clone, Args)]
pub struct EngineArgs {
    /// Sync runs that this process works on at the same time
    #[arg(long, env = "CROSSDOCK_SYNC_WORKERS", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub sync_workers: u16,
    /// Sync runs of one connection that all processes together work on at the same time
    #[arg(long, env = "CROSSDOCK_SYNC_WORKERS_PER_CONNECTION", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub sync_workers_per_connection: u16,
    /// Seconds after which a worker that gave no sign of life loses its run to another
    #[arg(long, env = "CROSSDOCK_SYNC_LEASE", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub sync_lease: u64,
    /// Seconds that one page of a sync may take before the run is interrupted and tried again
    #[arg(long, env = "CROSSDOCK_SYNC_PAGE_DEADLINE", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub sync_page_deadline: u64,
    /// How far back the first sync of orders, inbound shipments and returns goes, in days
    #[arg(long, env = "CROSSDOCK_LOOKBACK_DAYS", default_value_t = 30, value_parser = clap::value_parser!(i64).range(0..=1095))]
    pub lookback_days: i64,
    /// Seconds between syncs of a data type on new connections, such as ORDERS=600; may be given several times
    #[arg(long = "sync-interval", env = "CROSSDOCK_SYNC_INTERVALS", value_delimiter = ',', value_parser = interval)]
    pub sync_intervals: Vec<(DataType, i64)>,
    /// Days that ended sync runs are kept
    #[arg(long, env = "CROSSDOCK_KEEP_RUNS_DAYS", default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=36500))]
    pub keep_runs_days: i64,
    /// Sync runs that are kept of each connection and data type, if they are not too old
    #[arg(long, env = "CROSSDOCK_KEEP_RUNS", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..))]
    pub keep_runs: i64,
    /// Days that the change log reaches back: an older cursor is answered with CURSOR_EXPIRED
    #[arg(long, env = "CROSSDOCK_KEEP_CHANGES_DAYS", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=36500))]
    pub keep_changes_days: i64,
    /// Seconds between two looks for late schedules and old history
    #[arg(long, env = "CROSSDOCK_UPKEEP", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub upkeep: u64,
    /// Seconds that a call to a WMS may take
    #[arg(long, env = "CROSSDOCK_WMS_DEADLINE", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub wms_deadline: u64,
    /// Refuse WMS addresses of this machine and of private networks
    #[arg(long, env = "CROSSDOCK_NO_PRIVATE_WMS")]
    pub no_private_wms: bool,
}

fn interval(text: &str) -> Result<(DataType, i64), String> {
    let (data_type, seconds) = text.split_once('=').ok_or("must look like ORDERS=600")?;
    let data_type = data_type.trim().to_ascii_uppercase().parse::<DataType>().map_err(|e| e.to_string())?;
    let seconds = seconds.trim().parse::<i64>().map_err(|_| format!("{seconds:?} is no number of seconds"))?;
    if seconds < SHORTEST_INTERVAL {
        return Err(format!("{data_type}: the shortest interval is {SHORTEST_INTERVAL} s"));
    }
    Ok((data_type, seconds))
}

impl EngineArgs {
    /// As the engine takes them.
    pub fn settings(&self) -> crate::sync::Settings {
        crate::sync::Settings {
            workers: usize::from(self.sync_workers),
            workers_per_connection: i64::from(self.sync_workers_per_connection),
            lease: Duration::from_secs(self.sync_lease),
            page_deadline: Duration::from_secs(self.sync_page_deadline),
            lookback_days: self.lookback_days,
            intervals: self.sync_intervals.iter().copied().collect::<BTreeMap<_, _>>(),
            upkeep: Duration::from_secs(self.upkeep),
            keep_runs_days: self.keep_runs_days,
            keep_runs: self.keep_runs,
            keep_changes_days: self.keep_changes_days,
        }
    }

    /// What the HTTP client of the adapters is bound by.
    pub fn wms_limits(&self) -> crate::wms::http::Limits {
        let reach = if self.no_private_wms { Reach::Public } else { Reach::Anywhere };
        crate::wms::http::Limits { deadline: Duration::from_secs(self.wms_deadline), reach, ..crate::wms::http::Limits::default() }
    }
}

impl StoreArgs {
    /// The key that credentials are encrypted with: from the environment, or from the key file, which is made if it is
    /// not there.
    ///
    /// # Errors
    /// A key of the wrong length; a file that cannot be read or made.
    pub fn key(&self) -> anyhow::Result<[u8; KEY_BYTES]> {
        if let Some(text) = &self.encryption_key {
            return decode(text.expose_secret()).context("CROSSDOCK_ENCRYPTION_KEY makes no sense");
        }
        let path = &self.encryption_key_file;
        if path.exists() { read_key(path) } else { make_key(path) }
    }
}

fn decode(text: &str) -> anyhow::Result<[u8; KEY_BYTES]> {
    let bytes = BASE64_STANDARD.decode(text.trim()).context("It is not base64")?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| anyhow::anyhow!("It must have {KEY_BYTES} bytes, not {length}"))
}

fn read_key(path: &Path) -> anyhow::Result<[u8; KEY_BYTES]> {
    let mut file = std::fs::File::open(path).with_context(|| format!("Failed to open the key file {}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!("The key file {} can be read by others (mode {:o}); make it private: chmod 600", path.display(), mode & 0o777);
        }
    }
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(|| format!("Failed to read the key file {}", path.display()))?;
    decode(&text).with_context(|| format!("The key file {} makes no sense", path.display()))
}

fn make_key(path: &Path) -> anyhow::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    ensure!(random::fill(&mut key), "The operating system gave no random bytes");
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("Failed to make {}", folder.display()))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(path) {
        Ok(file) => file,
        // Another process of the same first start was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return read_key(path),
        Err(error) => return Err(error).with_context(|| format!("Failed to make the key file {}", path.display())),
    };
    writeln!(file, "{}", BASE64_STANDARD.encode(key)).and_then(|()| file.sync_all()).context("Failed to write the key file")?;
    Ok(key)
}
