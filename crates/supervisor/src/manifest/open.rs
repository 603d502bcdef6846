//! Opening: lock, file, connections, tables.

use std::fs::{File, TryLockError};
use std::path::Path;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};

use super::{LOCK_FILE, ManifestError, OPERATION_LIMIT, private};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// One, so that everything is done in the order in which it was asked for: also what nobody waits for any more, such as
/// the entry of a session that ended while it was made.
const CONNECTIONS: u32 = 1;

/// Makes the data directory and takes the lock in it, which the end of the process gives back.
pub(super) fn lock(data_directory: &Path) -> Result<File, ManifestError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ManifestError::File { path, source }
    };
    private::folder(data_directory).map_err(failed(data_directory))?;
    let path = data_directory.join(LOCK_FILE);
    let lock = private::open_or_create_file(&path).map_err(failed(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ManifestError::InUse { path }),
        Err(TryLockError::Error(source)) => Err(ManifestError::File { path, source }),
    }
}

/// The connections, and the instance's id.
pub(super) async fn open(path: &Path) -> Result<(SqlitePool, String), ManifestError> {
    // SQLite would make it readable for others. Those that it makes beside take its mode over.
    private::open_or_create_file(path)
        .map_err(|source| ManifestError::File { path: path.to_owned(), source })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // What a power cut takes are entries of workers that it ended, too.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(OPERATION_LIMIT)
        .disable_statement_logging();
    let failed = |source| ManifestError::Open { path: path.to_owned(), source };
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(OPERATION_LIMIT)
        .connect_with(options)
        .await
        .map_err(failed)?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
    MIGRATIONS.run(&pool).await.map_err(|source| {
        let path = path.to_owned();
        if let MigrateError::VersionMissing(found) = source
            && found > known
        {
            return ManifestError::NewerSchema { path, found, known };
        }
        ManifestError::Migrate { path, source }
    })?;
    let number = getrandom::u64().map_err(ManifestError::Random)?;
    sqlx::query("INSERT OR IGNORE INTO instance (single, id) VALUES (1, ?)")
        .bind(format!("{number:016x}"))
        .execute(&pool)
        .await
        .map_err(failed)?;
    let id = sqlx::query_scalar("SELECT id FROM instance").fetch_one(&pool).await.map_err(failed)?;
    Ok((pool, id))
}
