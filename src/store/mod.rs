//! The store: everything that outlives the process, on SQLite or PostgreSQL.
//!
//! **Invariants.** Only this module names Diesel. A query is written once, as an ordinary Diesel expression, and compiles
//! only if it is valid on both databases ([`conn::Run`]). A page of a sync is one transaction; so is the end of a
//! write. The change log's order is the order of commits ([`changes`]). Credentials are sealed ([`vault`]), keys are
//! hashed ([`keys`]); nothing here can show either.
//!
//! Functions take the connection first and are named noun first: `schedule_lease`, `connection_list`.

pub mod apply;
pub mod budgets;
mod bulk;
mod cells;
pub mod changes;
mod columns;
mod conn;
pub mod connections;
pub mod deletions;
mod error;
mod filter;
pub mod keys;
pub mod owned;
mod plan;
mod predicate;
pub mod presence;
pub mod records;
pub mod runs;
pub mod schedules;
mod schema;
mod scope;
pub mod search;
pub mod settings;
pub mod totals;
pub mod touched;
mod types;
pub mod vault;
mod wake;
mod wanted;
pub mod webhooks;
pub mod writes;

use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncMigrationHarness;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::sync::{Notify, broadcast};

pub use conn::{Conn, Tx};
use conn::{LitePool, PgConn, PgPool};
pub use error::{Error, Result};
pub use predicate::{Column, Op, Ordering, Predicate, Scalar};
pub use scope::Scope;
use vault::Vault;
pub use wake::Signal;
use wake::Signals;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// How many connections the store opens.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Connections to PostgreSQL.
    pub postgres: usize,
    /// Connections that read SQLite, beside the one that writes.
    pub sqlite_readers: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { postgres: 16, sqlite_readers: 4 }
    }
}

enum Database {
    Postgres { pool: PgPool, url: String },
    Sqlite { readers: Arc<LitePool>, writer: Arc<LitePool> },
}

/// The database, and the vault for what must not be read in it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    vault: Arc<Vault>,
    signals: Arc<Signals>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.dialect())
    }
}

impl Store {
    /// Opens the database at `url` (`sqlite:<path>` or `postgres://…`), makes it if it is a SQLite file that is not there,
    /// and brings its tables up to date.
    ///
    /// # Errors
    /// An address that makes no sense, a database that does not answer, a migration that fails.
    pub async fn open(url: &str, sizes: Sizes, vault: Vault) -> Result<Self> {
        let database = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            open_postgres(url, sizes).await?
        } else if let Some(path) = url.strip_prefix("sqlite:") {
            open_sqlite(path.strip_prefix("//").unwrap_or(path), sizes)?
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(Error::Url(format!("The database address must begin with sqlite: or postgres://, not {scheme:?}")));
        };
        let store = Self { database: Arc::new(database), vault: Arc::new(vault), signals: Arc::default() };
        search::words_complete(&store).await?;
        Ok(store)
    }

    /// Which database it is, for people.
    pub fn dialect(&self) -> &'static str {
        match *self.database {
            Database::Postgres { .. } => "PostgreSQL",
            Database::Sqlite { .. } => "SQLite",
        }
    }

    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// When none is free in time or the database does not answer.
    pub async fn read(&self) -> Result<Conn> {
        match &*self.database {
            Database::Postgres { pool, .. } => postgres(pool).await,
            Database::Sqlite { readers, .. } => readers.get().await.map(Conn::Lite).map_err(|e| Error::Connect(e.to_string())),
        }
    }

    /// How many statements have been read with so far; only SQLite counts them.
    #[cfg(test)]
    pub(crate) fn statements(&self) -> usize {
        match &*self.database {
            Database::Postgres { .. } => 0,
            Database::Sqlite { readers, .. } => readers.statements.load(std::sync::atomic::Ordering::SeqCst),
        }
    }

    /// A transaction to write in.
    ///
    /// # Errors
    /// When no connection is free in time or the database does not answer.
    pub async fn write(&self) -> Result<Tx> {
        self.begin(false).await
    }

    /// The same for what must not be lost with the machine's power, once it has been committed.
    ///
    /// # Errors
    /// When no connection is free in time or the database does not answer.
    pub async fn write_durably(&self) -> Result<Tx> {
        self.begin(true).await
    }

    async fn begin(&self, durable: bool) -> Result<Tx> {
        let conn = match &*self.database {
            Database::Postgres { pool, .. } => postgres(pool).await?,
            Database::Sqlite { writer, .. } => Conn::Lite(writer.get().await.map_err(|e| Error::Connect(e.to_string()))?),
        };
        Tx::begin(conn, durable).await.map_err(|source| Error::Database { during: "Failed to begin a transaction", source })
    }

    /// Commits, and wakes those who wait for what was committed.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn commit(&self, tx: Tx) -> Result<()> {
        let signals = tx.commit().await.map_err(|source| Error::Database { during: "Failed to commit", source })?;
        for signal in signals {
            self.signals.fire(signal);
        }
        Ok(())
    }

    /// Wakes when the change log has grown. Only a hint: whoever wakes reads the log.
    pub fn changes_committed(&self) -> Arc<Notify> {
        self.signals.changes.clone()
    }

    /// Wakes when a schedule is due sooner than it was. Only a hint.
    pub fn schedules_committed(&self) -> Arc<Notify> {
        self.signals.schedules.clone()
    }

    /// Wakes when there is something to be sent to a webhook endpoint. Only a hint.
    pub fn webhooks_committed(&self) -> Arc<Notify> {
        self.signals.webhooks.clone()
    }

    /// The runs that somebody has stopped, from now on. Only a hint: a worker also finds its lease gone.
    pub fn stops_committed(&self) -> broadcast::Receiver<i64> {
        self.signals.stops.subscribe()
    }

    /// How long whoever waits for a wake-up may wait before it looks by itself.
    pub fn poll(&self) -> Duration {
        if self.signals.listening.load(std::sync::atomic::Ordering::Relaxed) { Duration::from_secs(10) } else { Duration::from_secs(1) }
    }

    /// Hears what other processes commit, without end. One call for each process is enough. On SQLite there is nothing to
    /// hear with; who waits looks often instead.
    pub async fn listen(&self) {
        match &*self.database {
            Database::Postgres { url, .. } => wake::listen(url, &self.signals).await,
            Database::Sqlite { .. } => std::future::pending().await,
        }
    }
}

async fn postgres(pool: &PgPool) -> Result<Conn> {
    match tokio::time::timeout(conn::WAIT, pool.get()).await {
        Ok(Ok(object)) => Ok(Conn::Pg(PgConn::new(object))),
        Ok(Err(error)) => Err(Error::Connect(error.to_string())),
        Err(_) => Err(Error::Connect(conn::busy().to_string())),
    }
}

/// A key of PostgreSQL's advisory locks: "crossdoc" in ASCII. Only one process migrates at a time.
const MIGRATION_LOCK: i64 = 0x6372_6f73_7364_6f63;

async fn open_postgres(url: &str, sizes: Sizes) -> Result<Database> {
    use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
    let mut connection =
        diesel_async::AsyncPgConnection::establish(url).await.map_err(|e| Error::Connect(format!("PostgreSQL does not answer: {e}")))?;
    let lock = format!("SELECT pg_advisory_lock({MIGRATION_LOCK})");
    connection.batch_execute(&lock).await.map_err(|e| Error::Migrate(e.to_string()))?;
    let mut harness = AsyncMigrationHarness::new(connection);
    harness.run_pending_migrations(POSTGRES).map_err(|e| Error::Migrate(e.to_string()))?;
    // The connection, and the lock with it, ends here.
    drop(harness);
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(|url| Box::pin(establish(url)));
    let manager = AsyncDieselConnectionManager::<diesel_async::AsyncPgConnection>::new_with_config(url, config);
    let pool = PgPool::builder(manager).max_size(sizes.postgres).build().map_err(|e| Error::Connect(e.to_string()))?;
    Ok(Database::Postgres { pool, url: url.to_owned() })
}

/// What every pooled connection is set up with. No transaction of ours waits for anything but the database, so one that does
/// nothing for seconds belongs to a process that stands still or whose machine is gone. It holds locks (of a schedule, of the
/// change log's head) that every other process waits for, so the database ends it.
const POSTGRES_SETUP: &str = "SET idle_in_transaction_session_timeout = '5s'; SET tcp_user_timeout = '10s'";

async fn establish(url: &str) -> diesel::ConnectionResult<diesel_async::AsyncPgConnection> {
    use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
    let mut connection = diesel_async::AsyncPgConnection::establish(url).await?;
    connection.batch_execute(POSTGRES_SETUP).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

fn open_sqlite(path: &str, sizes: Sizes) -> Result<Database> {
    let path = std::path::Path::new(path);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| Error::Connect(format!("{} cannot be made: {e}", folder.display())))?;
    }
    let path = path.to_str().ok_or_else(|| Error::Url("The database's path is not UTF-8".to_owned()))?;
    let open = |read_only| conn::open_lite(path, read_only).map_err(|e| Error::Connect(format!("{path} cannot be opened: {e}")));
    let mut writer = open(false)?;
    tokio::task::block_in_place(|| writer.run_pending_migrations(SQLITE).map(drop)).map_err(|e| Error::Migrate(e.to_string()))?;
    let readers = (0..sizes.sqlite_readers.max(1)).map(|_| open(true)).collect::<Result<Vec<_>>>()?;
    Ok(Database::Sqlite { readers: LitePool::readers(readers), writer: LitePool::writer(writer) })
}
