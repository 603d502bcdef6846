//! Opening: files, connections, tables.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::ExposeSecret;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AnyPool, ConnectOptions, Connection};

use super::{OPERATION_LIMIT, StoreError, StoreLocation};
use crate::private::private_folder;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Looking up keys and writing the audit trail do not wait for each other; more would only wait for the disk.
const CONNECTIONS: u32 = 4;

pub(super) async fn open(location: &StoreLocation) -> Result<AnyPool, StoreError> {
    let failed = |source| StoreError::Open { location: location.clone(), source };
    let url = match location {
        StoreLocation::Sqlite(path) => {
            let path = std::path::absolute(path)
                .map_err(|source| StoreError::File { path: path.clone(), source })?;
            prepare_sqlite(location, &path).await?;
            sqlite_url(&path)?
        }
        StoreLocation::Postgres(url) => {
            let options = PgConnectOptions::from_str(url.expose_secret()).map_err(failed)?;
            let connect = options.disable_statement_logging();
            let connection = tokio::time::timeout(OPERATION_LIMIT, connect.connect()).await;
            let mut connection = connection
                .map_err(|_| StoreError::Timeout { what: "connect to PostgreSQL" })?
                .map_err(failed)?;
            migrate(location, &POSTGRES, &mut connection).await?;
            connection.close().await.map_err(failed)?;
            url.expose_secret().to_owned()
        }
    };
    sqlx::any::install_default_drivers();
    let options = AnyConnectOptions::from_str(&url).map_err(failed)?.disable_statement_logging();
    AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(OPERATION_LIMIT)
        .connect_with(options)
        .await
        .map_err(failed)
}

/// Makes file and tables. One process at a time, by a lock on a file beside: SQLite refuses some of this at
/// once, without waiting, while another connection is at it.
async fn prepare_sqlite(location: &StoreLocation, path: &Path) -> Result<(), StoreError> {
    let file = path.to_owned();
    // Dropping it unlocks.
    let _lock = tokio::task::spawn_blocking(move || make_and_lock(&file)).await.unwrap_or_else(|error| {
        Err(StoreError::File { path: path.to_owned(), source: io::Error::other(error) })
    })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        // Readers and the one writer do not wait for each other. The file remembers it.
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(OPERATION_LIMIT)
        .disable_statement_logging();
    let failed = |source| StoreError::Open { location: location.clone(), source };
    let mut connection = options.connect().await.map_err(failed)?;
    migrate(location, &SQLITE, &mut connection).await?;
    connection.close().await.map_err(failed)
}

fn make_and_lock(path: &Path) -> Result<File, StoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::File { path, source }
    };
    if let Some(folder) = path.parent() {
        private_folder(folder).map_err(failed(folder))?;
    }
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let lock = private_file(&lock_path).map_err(failed(&lock_path))?;
    lock.lock().map_err(failed(&lock_path))?;
    // SQLite would make it readable for others. Those that it makes beside take its mode over.
    private_file(path).map_err(failed(path))?;
    Ok(lock)
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// As a URL, in which only a few characters stand for themselves.
fn sqlite_url(path: &Path) -> Result<String, StoreError> {
    let text = path.to_str().ok_or_else(|| StoreError::Path { path: path.to_owned() })?;
    let mut url = "sqlite:".to_owned();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
        if plain { url.push(char::from(byte)) } else { url.push_str(&format!("%{byte:02X}")) }
    }
    Ok(url)
}

/// Each migration is one transaction together with the note that it was made.
async fn migrate<C: Migrate>(
    location: &StoreLocation,
    migrator: &Migrator,
    connection: &mut C,
) -> Result<(), StoreError> {
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
    migrator.run_direct(None, connection, false).await.map_err(|source| {
        let location = location.clone();
        if let MigrateError::VersionMissing(found) = source
            && found > known
        {
            return StoreError::NewerSchema { location, found, known };
        }
        StoreError::Migrate { location, source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_url() {
        assert_eq!(sqlite_url(Path::new("/a b/c?d#e%.db")).unwrap(), "sqlite:/a%20b/c%3Fd%23e%25.db");
        assert_eq!(sqlite_url(Path::new("C:\\ä.db")).unwrap(), "sqlite:C%3A%5C%C3%A4.db");
    }

    #[test]
    fn both_databases_have_the_same_migrations() {
        let versions = |migrator: &Migrator| -> Vec<(i64, String)> {
            migrator.iter().map(|migration| (migration.version, migration.description.to_string())).collect()
        };
        assert_eq!(versions(&SQLITE), versions(&POSTGRES));
    }
}
