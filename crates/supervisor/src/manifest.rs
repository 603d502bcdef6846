//! The list of workers that the next gateway is to take over: an SQLite file in the data directory.
//!
//! There is no secret in it. A worker's secret follows from the salt in its entry and the instance's key, a
//! file of its own. One gateway at a time has the list.
//!
//! An entry is made before its worker gets to know how long it may live without a gateway. When that fails or
//! takes longer than [`OPERATION_LIMIT`], the session is opened all the same, and [`Manifest::unlisted`] counts its
//! worker, which ends with this gateway until it is noted: a full disk must not keep anybody from live data.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use mxgateway_session::{OpenOptions, SessionId};
use mxgateway_worker_ipc::secret::Secret;
use mxgateway_worker_ipc::transport::Endpoint;
use sqlx::SqlitePool;
use sqlx::migrate::MigrateError;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::identity::ProcessIdentity;
use key::InstanceKey;

mod key;
mod open;
mod private;
mod row;
#[cfg(test)]
mod tests;

/// Longest that an operation may take.
///
/// Opening a session takes two of them: together they hold it up for a second at most.
pub const OPERATION_LIMIT: Duration = Duration::from_millis(500);
/// The file in the data directory.
const FILE: &str = "manifest.db";
/// Locked as long as a gateway has the list.
const LOCK_FILE: &str = "manifest.lock";
/// The instance's key.
const KEY_FILE: &str = "instance.key";

/// Bytes of an entry's salt.
pub(crate) const SALT_BYTES: usize = 32;

/// The manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Another process has it.
    #[error("another gateway uses {}; give each gateway a folder of its own (server.data_directory)", path.display())]
    InUse {
        /// The file that is locked.
        path: PathBuf,
    },
    /// A file or folder cannot be made, read or locked.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The instance's key is not one.
    #[error(
        "{} is no instance key; remove it, and the workers of before end by themselves",
        path.display()
    )]
    Key {
        /// Its file.
        path: PathBuf,
    },
    /// No random numbers.
    #[error("the operating system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// The database cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: sqlx::Error,
    },
    /// A newer gateway has been there.
    #[error(
        "{} was made for a newer version of the gateway (schema {found}, this version knows {known}); start that \
         version or a newer one",
        path.display()
    )]
    NewerSchema {
        /// Its file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// The tables cannot be made.
    #[error("cannot bring the tables of {} up to date", path.display())]
    Migrate {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: MigrateError,
    },
    /// The database refused.
    #[error("cannot {what}")]
    Query {
        /// The operation, such as "list a worker".
        what: &'static str,
        /// Why not.
        source: sqlx::Error,
    },
    /// The database did not answer within [`OPERATION_LIMIT`].
    #[error("cannot {what} within {} ms", OPERATION_LIMIT.as_millis())]
    Timeout {
        /// The operation.
        what: &'static str,
    },
}

/// A listed worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) session_id: SessionId,
    /// Where it looks for its gateway.
    pub(crate) endpoint: Endpoint,
    pub(crate) process: ProcessIdentity,
    /// What the session was opened with; the backend by its name.
    pub(crate) options: OpenOptions,
    /// To the millisecond.
    pub(crate) opened_at: SystemTime,
    /// `None` when the session was never ready.
    pub(crate) epoch: Option<u64>,
    pub(crate) salt: [u8; SALT_BYTES],
    /// Of the last gateway that tried to reach it; from 1.
    pub(crate) generation: u64,
}

/// The list; see the module's documentation.
pub struct Manifest {
    pool: SqlitePool,
    path: PathBuf,
    key: InstanceKey,
    instance_id: String,
    unlisted: Arc<AtomicU64>,
    /// One for those who note late.
    turns: Semaphore,
    /// Dropping it lets the next gateway in.
    _lock: File,
}

impl fmt::Debug for Manifest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Manifest").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Manifest {
    /// Whether there is one in a data directory.
    pub fn exists(data_directory: &Path) -> bool {
        data_directory.join(FILE).exists()
    }

    /// Opens the manifest of a data directory, and makes at first what is not there, for this user alone.
    pub async fn open(data_directory: &Path) -> Result<Self, ManifestError> {
        let lock = open::lock(data_directory)?;
        let key = InstanceKey::read_or_make(&data_directory.join(KEY_FILE))?;
        let path = data_directory.join(FILE);
        let (pool, instance_id) = open::open(&path).await?;
        let (unlisted, turns) = (Arc::default(), Semaphore::new(1));
        Ok(Self { pool, path, key, instance_id, unlisted, turns, _lock: lock })
    }

    /// Names this installation in logs.
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }

    /// Workers that are not noted right now, so that the next gateway could not take them over.
    pub fn unlisted(&self) -> u64 {
        self.unlisted.load(Ordering::Relaxed)
    }

    /// One worker more that is not noted, as long as what this gives is kept.
    pub(crate) fn count_unlisted(&self) -> Unlisted {
        self.unlisted.fetch_add(1, Ordering::Relaxed);
        Unlisted(Arc::clone(&self.unlisted))
    }

    /// The turn to note a worker late.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.turns.acquire().await.ok()
    }

    /// The secret of a worker whose entry has this salt.
    pub(crate) fn secret(&self, session_id: SessionId, salt: &[u8; SALT_BYTES]) -> Secret {
        self.key.secret(session_id, salt)
    }

    /// Lists a worker, in place of what was listed of its session before.
    pub(crate) async fn note(&self, entry: &Entry) -> Result<(), ManifestError> {
        self.within("list a worker", row::put(entry).execute(&self.pool)).await.map(drop)
    }

    /// Counts the generation up before a worker is reached again; the new one.
    pub(crate) async fn next_generation(&self, session_id: SessionId) -> Result<u64, ManifestError> {
        let query = sqlx::query_scalar(
            "UPDATE workers SET generation = generation + 1 WHERE session_id = ? RETURNING generation",
        )
        .bind(session_id.to_string());
        let generation: i64 = self.within("count the generation up", query.fetch_one(&self.pool)).await?;
        Ok(generation.cast_unsigned())
    }

    /// Takes a worker off the list. That it is not on it is no error.
    pub(crate) async fn remove(&self, session_id: SessionId) -> Result<(), ManifestError> {
        let query = sqlx::query("DELETE FROM workers WHERE session_id = ?").bind(session_id.to_string());
        self.within("take a worker off the list", query.execute(&self.pool)).await.map(drop)
    }

    /// Everything listed. What cannot be understood is logged and taken off.
    pub(crate) async fn entries(&self) -> Result<Vec<Entry>, ManifestError> {
        let query = sqlx::query("SELECT * FROM workers ORDER BY opened, session_id");
        let rows = self.within("read the list of workers", query.fetch_all(&self.pool)).await?;
        let mut entries = Vec::new();
        for row in rows {
            match row::entry(&row) {
                Ok(entry) => entries.push(entry),
                Err(damage) => {
                    tracing::error!(
                        session_id = damage.session_id,
                        why = damage.why,
                        "Entry of the manifest is damaged"
                    );
                    let query =
                        sqlx::query("DELETE FROM workers WHERE session_id = ?").bind(damage.session_id);
                    self.within("take a worker off the list", query.execute(&self.pool)).await?;
                }
            }
        }
        Ok(entries)
    }

    /// Ends every listed worker that lives and is provably the one that was listed, and clears the list; for a
    /// gateway that takes none over. The number of workers it ended.
    pub async fn end_all(&self) -> Result<usize, ManifestError> {
        let mut ended = 0;
        for entry in self.entries().await? {
            ended += usize::from(end_process(&entry).await);
            self.remove(entry.session_id).await?;
        }
        Ok(ended)
    }

    async fn within<T>(
        &self,
        what: &'static str,
        operation: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, ManifestError> {
        match tokio::time::timeout(OPERATION_LIMIT, operation).await {
            Ok(result) => result.map_err(|source| ManifestError::Query { what, source }),
            Err(_) => Err(ManifestError::Timeout { what }),
        }
    }
}

/// Counts a worker that is not noted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Unlisted(Arc<AtomicU64>);

impl Drop for Unlisted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends the process of an entry, if it is the one that was listed. True when it lived.
pub(crate) async fn end_process(entry: &Entry) -> bool {
    let (session_id, process_id) = (entry.session_id, entry.process.process_id);
    match entry.process.end().await {
        Ok(ended) => {
            if ended {
                tracing::info!(%session_id, worker_process_id = process_id, "Worker of an earlier gateway ended");
            }
            ended
        }
        Err(error) => {
            tracing::warn!(%session_id, worker_process_id = process_id, %error, "Worker of an earlier gateway could not be ended");
            false
        }
    }
}
