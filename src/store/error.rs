//! What can go wrong with the store.

use diesel::result::QueryResult;

/// The store could not do what was asked. Nothing of it was done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database said no, or did not answer.
    #[error("{during}")]
    Database {
        /// What was being tried, as a sentence.
        during: &'static str,
        /// The database's answer.
        #[source]
        source: diesel::result::Error,
    },
    /// No connection to the database.
    #[error("Failed to connect to the database: {0}")]
    Connect(String),
    /// The address of the database makes no sense.
    #[error("{0}")]
    Url(String),
    /// A migration failed.
    #[error("Failed to migrate the database: {0}")]
    Migrate(String),
    /// Another worker has taken the schedule over: what this one still holds is no longer wanted.
    #[error("The lease was lost to another worker")]
    LeaseLost,
    /// What comes after a position of the change log has been pruned in part.
    #[error("The change log no longer reaches back so far")]
    Expired,
    /// Credentials cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] super::vault::VaultError),
    /// A filter that makes no sense.
    #[error("{message}")]
    Filter {
        /// The filter's field, as a dotted path.
        field: String,
        /// What is wrong with it.
        message: String,
    },
}

/// What the store answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Says what was being tried.
pub trait During<T> {
    /// Puts a sentence of the form "Failed to lease the next schedule" before the database's answer.
    fn during(self, sentence: &'static str) -> Result<T>;
}

impl<T> During<T> for QueryResult<T> {
    fn during(self, during: &'static str) -> Result<T> {
        self.map_err(|source| Error::Database { during, source })
    }
}
