//! One connection type for two databases, and the trait that runs a query on it.
//!
//! A query is an ordinary Diesel expression. [`Run`] demands that it is valid on both databases and runs it on the one
//! at hand, so no query is written twice; what only one database can do is a `match` on [`Conn`], both arms side by
//! side.
//!
//! **Invariants.**
//! * SQLite runs synchronously on the thread of whoever asks: a wrapper that makes it asynchronous costs two to four times
//!   the CPU. Where that would take the runtime's last free thread, and for everything that writes, the runtime is told so
//!   (`block_in_place`, which costs a small read as much as itself). So the runtime must be the multi-threaded one.
//! * One SQLite connection writes, always under `BEGIN IMMEDIATE`; the others only read.
//! * A transaction that is dropped is rolled back, and a PostgreSQL connection with an unfinished query or transaction is
//!   closed, never returned to the pool: there it would keep its locks.
//! * Nothing that waits for the network runs while a connection is held.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{Connection, Selectable};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::wake::{CHANNEL, Signal};

/// How long anybody waits for a free connection.
pub const WAIT: Duration = Duration::from_secs(10);

/// A connection to either database.
#[expect(clippy::large_enum_variant, reason = "both are handles, and there are few of them")]
pub enum Conn {
    /// To PostgreSQL.
    Pg(PgConn),
    /// To SQLite.
    Lite(LiteConn),
}

/// A connection of the PostgreSQL pool.
pub struct PgConn {
    object: Option<Object<AsyncPgConnection>>,
    /// A query has been begun and not ended, or a transaction is open.
    unfinished: bool,
    in_transaction: bool,
}

impl PgConn {
    pub(super) fn new(object: Object<AsyncPgConnection>) -> Self {
        Self { object: Some(object), unfinished: false, in_transaction: false }
    }

    /// Runs `f` with the connection inside.
    pub async fn query<T>(&mut self, f: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>) -> QueryResult<T> {
        let Some(object) = &mut self.object else { return Err(gone()) };
        self.unfinished = true;
        let result = f(object).await;
        self.unfinished = self.in_transaction;
        result
    }
}

impl Drop for PgConn {
    fn drop(&mut self) {
        if self.unfinished
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}

fn gone() -> Error {
    Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new("the connection is gone".to_owned()))
}

/// Connections of one kind (readers, or the writer) to a SQLite file.
pub(super) struct LitePool {
    idle: Mutex<Vec<SqliteConnection>>,
    free: Arc<Semaphore>,
    /// How many may run at the same time without a word to the runtime.
    silent: Semaphore,
    /// Statements that were run so far.
    #[cfg(test)]
    pub(super) statements: std::sync::atomic::AtomicUsize,
}

impl LitePool {
    /// Readers: all of the runtime's threads but one may be reading without its knowing.
    pub(super) fn readers(connections: Vec<SqliteConnection>) -> Arc<Self> {
        Self::new(connections, Handle::current().metrics().num_workers().saturating_sub(1))
    }

    /// The writer: it may wait for the disk.
    pub(super) fn writer(connection: SqliteConnection) -> Arc<Self> {
        Self::new(vec![connection], 0)
    }

    fn new(connections: Vec<SqliteConnection>, silent: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(connections.len()));
        Arc::new(Self {
            idle: Mutex::new(connections),
            free,
            silent: Semaphore::new(silent),
            #[cfg(test)]
            statements: std::sync::atomic::AtomicUsize::new(0),
        })
    }

    pub(super) async fn get(self: &Arc<Self>) -> QueryResult<LiteConn> {
        let permit = tokio::time::timeout(WAIT, self.free.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(busy()) };
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(LiteConn { connection, home: self.clone(), in_transaction: false, durable: false, _permit: permit })
    }
}

pub(super) fn busy() -> Error {
    let text = format!("no database connection was free within {} s", WAIT.as_secs());
    Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(text))
}

/// A connection of a SQLite pool.
pub struct LiteConn {
    connection: Option<SqliteConnection>,
    home: Arc<LitePool>,
    in_transaction: bool,
    durable: bool,
    _permit: OwnedSemaphorePermit,
}

impl LiteConn {
    /// Runs `f` with the connection inside, on this thread.
    pub fn block<T>(&mut self, f: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>) -> QueryResult<T> {
        let Some(connection) = &mut self.connection else { return Err(gone()) };
        #[cfg(test)]
        self.home.statements.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match self.home.silent.try_acquire() {
            Ok(_permit) => f(connection),
            Err(_) => tokio::task::block_in_place(|| f(connection)),
        }
    }
}

impl Drop for LiteConn {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if self.in_transaction
            && let Err(error) = connection.batch_execute(&format!("ROLLBACK; {LITE_USUAL}"))
        {
            tracing::warn!(error = %error, "Failed to roll back an unfinished transaction");
        }
        // The permit is given back after the connection: fields are dropped after this function.
        self.home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// Runs a query that is valid on both databases.
pub trait Run: Sized + Send {
    /// All rows.
    fn all<'q, U>(self, conn: &mut Conn) -> impl Future<Output = QueryResult<Vec<U>>> + Send
    where
        U: Send + 'static,
        Self: diesel_async::methods::LoadQuery<'q, AsyncPgConnection, U> + diesel::query_dsl::LoadQuery<'q, SqliteConnection, U> + 'q,
    {
        async move {
            match conn {
                Conn::Pg(c) => c.query(async |c| diesel_async::RunQueryDsl::load(self, c).await).await,
                Conn::Lite(c) => c.block(|c| diesel::query_dsl::LoadQuery::internal_load(self, c)?.collect()),
            }
        }
    }

    /// The first row; [`Error::NotFound`] when there is none.
    fn one<'q, U>(self, conn: &mut Conn) -> impl Future<Output = QueryResult<U>> + Send
    where
        U: Send + 'static,
        Self: diesel_async::methods::LoadQuery<'q, AsyncPgConnection, U> + diesel::query_dsl::LoadQuery<'q, SqliteConnection, U> + 'q,
    {
        async move { self.all(conn).await?.into_iter().next().ok_or(Error::NotFound) }
    }

    /// The number of rows that it changed.
    fn run<'q>(self, conn: &mut Conn) -> impl Future<Output = QueryResult<usize>> + Send
    where
        Self: diesel_async::methods::ExecuteDsl<AsyncPgConnection> + diesel::query_dsl::methods::ExecuteDsl<SqliteConnection> + 'q,
    {
        async move {
            match conn {
                Conn::Pg(c) => c.query(async |c| diesel_async::RunQueryDsl::execute(self, c).await).await,
                Conn::Lite(c) => c.block(|c| diesel::query_dsl::methods::ExecuteDsl::execute(self, c)),
            }
        }
    }
}

impl<Q: Send> Run for Q {}

/// The columns of a row, whichever the database.
pub trait Columns: Selectable<Pg> + Selectable<Sqlite, SelectExpression = <Self as Selectable<Pg>>::SelectExpression> {
    /// What to select.
    fn columns() -> <Self as Selectable<Pg>>::SelectExpression {
        <Self as Selectable<Pg>>::construct_selection()
    }
}

impl<R> Columns for R where R: Selectable<Pg> + Selectable<Sqlite, SelectExpression = <R as Selectable<Pg>>::SelectExpression> {}

/// A transaction. Dropped without [`commit`](Self::commit), it never was.
pub struct Tx {
    conn: Conn,
    signals: Vec<Signal>,
}

impl Tx {
    /// `durable`: what it commits outlives a loss of power, which on SQLite costs a wait for the disk.
    pub(super) async fn begin(mut conn: Conn, durable: bool) -> QueryResult<Self> {
        match &mut conn {
            Conn::Pg(c) => {
                c.in_transaction = true;
                c.query(async |c| c.batch_execute("BEGIN").await).await?;
            }
            Conn::Lite(c) => {
                let begin = if durable { "PRAGMA synchronous = FULL; BEGIN IMMEDIATE" } else { "BEGIN IMMEDIATE" };
                c.block(|c| c.batch_execute(begin))?;
                (c.in_transaction, c.durable) = (true, durable);
            }
        }
        Ok(Self { conn, signals: Vec::new() })
    }

    /// Lets this be known when the transaction has committed.
    pub fn signal(&mut self, signal: Signal) {
        if !self.signals.contains(&signal) {
            self.signals.push(signal);
        }
    }

    /// Makes it so, and answers with what is to be made known in this process. The others on a PostgreSQL hear it from the
    /// database.
    ///
    /// # Errors
    /// When the database refuses: then nothing of it was done, unless the connection broke before the answer.
    pub(super) async fn commit(mut self) -> QueryResult<Vec<Signal>> {
        match &mut self.conn {
            Conn::Pg(c) => {
                let tell = |signal: &Signal| format!("NOTIFY {CHANNEL}, '{}'; ", signal.to_text());
                let sql: String = self.signals.iter().map(tell).chain(["COMMIT".to_owned()]).collect();
                c.query(async |c| c.batch_execute(&sql).await).await?;
                (c.in_transaction, c.unfinished) = (false, false);
            }
            Conn::Lite(c) => {
                c.block(|c| c.batch_execute("COMMIT"))?;
                c.in_transaction = false;
                if c.durable {
                    c.block(|c| c.batch_execute(LITE_USUAL))?;
                    c.durable = false;
                }
            }
        }
        Ok(self.signals)
    }
}

impl std::ops::Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

/// How SQLite usually waits for the disk: at checkpoints only.
const LITE_USUAL: &str = "PRAGMA synchronous = NORMAL";

/// What every SQLite connection is set up with.
const LITE_SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000; \
                          PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA mmap_size = 1073741824;";

/// Opens a SQLite file, which is made if it is not there.
pub(super) fn open_lite(path: &str, read_only: bool) -> diesel::ConnectionResult<SqliteConnection> {
    let mut connection = SqliteConnection::establish(path)?;
    let setup =
        connection.batch_execute(LITE_SETUP).and_then(|()| if read_only { connection.batch_execute("PRAGMA query_only = ON") } else { Ok(()) });
    setup.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// The pool of PostgreSQL connections.
pub(super) type PgPool = Pool<AsyncPgConnection>;
