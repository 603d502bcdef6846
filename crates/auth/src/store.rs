//! Where API keys and the audit trail are kept: SQLite, or PostgreSQL for several gateways.
//!
//! Both have the same tables, and the same SQL works in both. Every change of a key begins by counting up the
//! revision, which also is the lock: changes go one after the other, whichever process makes them.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use sqlx::AnyPool;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgConnectOptions;

use crate::key::KeyId;

pub use keys::{KeyState, NewKey, StoredKey};

mod audit;
mod keys;
mod open;
mod row;

/// Longest that an operation may take; beyond, the store counts as one that does not answer.
pub const OPERATION_LIMIT: Duration = Duration::from_secs(5);

/// Where the store is.
#[derive(Clone, Debug)]
pub enum StoreLocation {
    /// A file of SQLite's; made when there is none.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database, with user and password.
    Postgres(SecretString),
}

impl fmt::Display for StoreLocation {
    /// Without user and password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(out, "the SQLite file {}", path.display()),
            Self::Postgres(url) => match PgConnectOptions::from_str(url.expose_secret()) {
                Ok(options) => {
                    let (host, port) = (options.get_host(), options.get_port());
                    let database = options.get_database().unwrap_or(options.get_username());
                    write!(out, "the PostgreSQL database {database} at {host}:{port}")
                }
                Err(_) => out.write_str("the PostgreSQL database of auth.database_url"),
            },
        }
    }
}

/// The store; clones share its connections.
#[derive(Clone)]
pub struct AuthStore {
    pool: AnyPool,
    location: StoreLocation,
}

impl fmt::Debug for AuthStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AuthStore").field("location", &self.location).finish_non_exhaustive()
    }
}

/// Who changes keys, and when; for the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Who; see [`AuditEntry::actor`](crate::audit::AuditEntry::actor).
    pub actor: &'a str,
    /// Where from; `None` for the gateway's machine.
    pub peer: Option<&'a str>,
    /// When. Keys whose time is over are told by it, too.
    pub at: SystemTime,
}

/// An operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file, its folder or its lock cannot be made.
    #[error("cannot make the key store's file {}", path.display())]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// SQLite takes no such path.
    #[error("the path of the key store's file is not UTF-8: {}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// There is no connection.
    #[error("cannot open {location}")]
    Open {
        /// Where.
        location: StoreLocation,
        /// Why not.
        source: sqlx::Error,
    },
    /// A newer gateway has been there. It knows of things in it that this one would disregard.
    #[error(
        "{location} was made for a newer version of the gateway (schema {found}, this version knows {known}); \
         start that version or a newer one"
    )]
    NewerSchema {
        /// Where.
        location: StoreLocation,
        /// Its schema.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// The tables cannot be made or brought up to date.
    #[error("cannot bring the tables of {location} up to date")]
    Migrate {
        /// Where.
        location: StoreLocation,
        /// Why not.
        source: MigrateError,
    },
    /// The database refused, or cannot be reached.
    #[error("cannot {what}")]
    Query {
        /// The operation, such as "read the keys".
        what: &'static str,
        /// Why not.
        source: sqlx::Error,
    },
    /// The database did not answer within [`OPERATION_LIMIT`].
    #[error("cannot {what}: the database does not answer within {} s", OPERATION_LIMIT.as_secs())]
    Timeout {
        /// The operation.
        what: &'static str,
    },
    /// A row cannot be understood. Somebody else than a gateway wrote it.
    #[error("{what} cannot be read from the key store: {why}")]
    Damaged {
        /// Which row.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is a key of this id already.
    #[error("there is a key {0} already")]
    KeyExists(KeyId),
    /// There is no key of this id.
    #[error("there is no key {0}")]
    KeyNotFound(KeyId),
    /// The key was revoked, and stays so.
    #[error("the key {0} is revoked; create another")]
    KeyRevoked(KeyId),
    /// The key's time is over, and stays so.
    #[error("the key {0} has expired; create another")]
    KeyExpired(KeyId),
    /// The key opens the gateway still.
    #[error("the key {0} is in force; revoke it first")]
    KeyInForce(KeyId),
}

impl StoreError {
    /// True when the database was asked in vain; false when it answered, and when it holds something wrong.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::File { .. } | Self::Open { .. } | Self::Query { .. } | Self::Timeout { .. } => true,
            Self::Path { .. }
            | Self::NewerSchema { .. }
            | Self::Migrate { .. }
            | Self::Damaged { .. }
            | Self::KeyExists(_)
            | Self::KeyNotFound(_)
            | Self::KeyRevoked(_)
            | Self::KeyExpired(_)
            | Self::KeyInForce(_) => false,
        }
    }
}

impl AuthStore {
    /// Opens the store and brings its tables up to date. Several processes may do so at the same time.
    ///
    /// A file of SQLite's is made when there is none, for this user alone, and its folder as well.
    pub async fn open(location: &StoreLocation) -> Result<Self, StoreError> {
        let pool = open::open(location).await?;
        Ok(Self { pool, location: location.clone() })
    }

    /// Where it is.
    pub fn location(&self) -> &StoreLocation {
        &self.location
    }

    /// Closes all connections; what is under way ends first.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The operation, within [`OPERATION_LIMIT`].
async fn limited<T>(
    what: &'static str,
    operation: impl Future<Output = Result<T, Failure>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(OPERATION_LIMIT, operation).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(Failure::Query(source))) => Err(StoreError::Query { what, source }),
        Ok(Err(Failure::Refused(error))) => Err(*error),
        Err(_) => Err(StoreError::Timeout { what }),
    }
}

/// Why an operation failed inside of [`limited`].
enum Failure {
    Query(sqlx::Error),
    Refused(Box<StoreError>),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Query(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(Box::new(error))
    }
}
