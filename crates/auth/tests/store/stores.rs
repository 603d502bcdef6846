//! Stores for one test each, and what tests put into them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mxgateway_auth::constraints::Constraints;
use mxgateway_auth::key::{ApiKey, KeyId, Pepper};
use mxgateway_auth::store::{AuthStore, Change, NewKey, StoreLocation};
use mxgateway_testkit::postgres::PostgresServer;
use secrecy::ExposeSecret;
use sqlx::AnyConnection;
use sqlx::Connection;
use tempfile::TempDir;

/// How long tests wait for what has to happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A store with nothing in it.
pub(crate) struct TestStore {
    pub(crate) store: AuthStore,
    pub(crate) location: StoreLocation,
    pub(crate) pepper: Pepper,
    url: String,
    _folder: Option<TempDir>,
    _server: Option<Arc<PostgresServer>>,
}

impl TestStore {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Characters that mean something in a URL.
        let path = folder.path().join("a folder?").join("auth #1%20.db");
        let url = format!("sqlite:{}/a%20folder%3F/auth%20%231%2520.db", folder.path().display());
        Self::open(StoreLocation::Sqlite(path), url, Some(folder), None).await
    }

    /// `None` where PostgreSQL is not installed.
    pub(crate) async fn postgres() -> Option<Self> {
        let server = PostgresServer::shared_if_installed()?;
        let url = server.database();
        Some(Self::open(StoreLocation::Postgres(url.clone().into()), url, None, Some(server)).await)
    }

    async fn open(
        location: StoreLocation,
        url: String,
        folder: Option<TempDir>,
        server: Option<Arc<PostgresServer>>,
    ) -> Self {
        let store = AuthStore::open(&location).await.unwrap();
        let pepper = Pepper::random().unwrap();
        Self { store, location, pepper, url, _folder: folder, _server: server }
    }

    /// The store as another process has it open.
    pub(crate) async fn other_process(&self) -> AuthStore {
        AuthStore::open(&self.location).await.unwrap()
    }

    /// Does what no gateway does.
    pub(crate) async fn sql(&self, sql: &'static str) {
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Stores a key with all scopes that never expires.
    pub(crate) async fn create(&self, id: &str) -> ApiKey {
        self.create_with(new_key(id)).await
    }

    pub(crate) async fn create_with(&self, new: NewKey) -> ApiKey {
        let key = ApiKey::generate(new.id.clone()).unwrap();
        self.store.create(&new, &self.pepper.hash(&key), now()).await.unwrap();
        key
    }
}

pub(crate) fn new_key(id: &str) -> NewKey {
    NewKey {
        id: key_id(id),
        name: format!("Name of {id}"),
        scopes: "events:read invoke:write".parse().unwrap(),
        constraints: Constraints::default(),
        expires: None,
    }
}

pub(crate) fn key_id(id: &str) -> KeyId {
    id.parse().unwrap()
}

/// What a client sends.
pub(crate) fn header(key: &ApiKey) -> String {
    format!("Bearer {}", key.token().expose_secret())
}

pub(crate) fn seconds(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A change by the tests.
pub(crate) fn at(seconds_after_epoch: u64) -> Change<'static> {
    Change { actor: "operator:test", peer: None, at: seconds(seconds_after_epoch) }
}

pub(crate) fn now() -> Change<'static> {
    Change { actor: "operator:test", peer: None, at: SystemTime::now() }
}

/// The result of something that has to happen within [`LIMIT`].
pub(crate) async fn within<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, happens).await.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}
