//! Opening: new stores, stores of newer versions, several processes at once.

use mxgateway_auth::store::{AuthStore, StoreError, StoreLocation};

use crate::stores::{TestStore, key_id};

on_both_stores!(
    what_is_stored_is_there_again,
    a_newer_schema_stops_the_start,
    several_processes_start_at_once,
);

async fn what_is_stored_is_there_again(test: TestStore) {
    test.create("a").await;
    test.store.close().await;
    let again = AuthStore::open(&test.location).await.unwrap();
    assert!(again.get(&key_id("a")).await.unwrap().is_some());
}

async fn a_newer_schema_stops_the_start(test: TestStore) {
    test.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'of the future', true, '', 0)",
    )
    .await;
    let error = AuthStore::open(&test.location).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 9999, known: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("newer version of the gateway"), "{error}");
}

async fn several_processes_start_at_once(test: TestStore) {
    test.sql("DROP TABLE api_keys; DROP TABLE key_revision; DROP TABLE audit; DROP TABLE _sqlx_migrations")
        .await;
    test.store.close().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let location = test.location.clone();
        tasks.spawn(async move { AuthStore::open(&location).await.unwrap().revision().await.unwrap() });
    }
    assert_eq!(tasks.join_all().await, [0; 6]);
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let test = TestStore::sqlite().await;
    test.create("a").await;
    let StoreLocation::Sqlite(path) = &test.location else { panic!("not SQLite") };
    let folder = path.parent().unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    // The write-ahead log is there, so a reader keeps no writer waiting.
    assert!(names.iter().any(|name| name.ends_with("-wal")), "{names:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_says_which_and_hides_the_password() {
    let url = "postgres://somebody:geheim@127.0.0.1:1/keys";
    let error = AuthStore::open(&StoreLocation::Postgres(url.to_owned().into())).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("the PostgreSQL database keys at 127.0.0.1:1"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = AuthStore::open(&StoreLocation::Sqlite(file.path().join("auth.db"))).await.unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
}
