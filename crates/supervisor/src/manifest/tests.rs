use std::time::Instant;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;

fn entry(number: u8) -> Entry {
    Entry {
        session_id: format!("session-{number:032x}").parse().unwrap(),
        endpoint: "unix:run/w-1.sock".parse().unwrap(),
        process: ProcessIdentity {
            process_id: u32::MAX,
            created: "boot/17".to_owned(),
            image: "/opt/mxgateway-worker".to_owned(),
        },
        options: OpenOptions {
            backend: "simulator".to_owned(),
            client_name: "line 3".to_owned(),
            tag: "packing".to_owned(),
            owner: Some("0123456789abcdef".to_owned()),
            command_timeout: Duration::from_millis(1500),
        },
        opened_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        epoch: None,
        salt: [number; SALT_BYTES],
        generation: 1,
    }
}

async fn connection(folder: &Path) -> sqlx::SqliteConnection {
    SqliteConnectOptions::new().filename(folder.join(FILE)).connect().await.unwrap()
}

#[tokio::test]
async fn entries_survive_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!Manifest::exists(folder.path()));
    let manifest = Manifest::open(folder.path()).await.unwrap();
    let (mut one, other) = (entry(1), Entry { epoch: Some(u64::MAX), ..entry(2) });
    manifest.note(&one).await.unwrap();
    manifest.note(&other).await.unwrap();
    let process = ProcessIdentity { image: "/opt/new".to_owned(), ..one.process.clone() };
    one = Entry { process, epoch: Some(0xe90c), ..one };
    manifest.note(&one).await.unwrap();
    assert_eq!(manifest.next_generation(one.session_id).await.unwrap(), 2);
    one = Entry { generation: 2, ..one };
    let (id, secret) = (manifest.instance_id().to_owned(), manifest.secret(one.session_id, &one.salt));
    drop(manifest);

    let manifest = Manifest::open(folder.path()).await.unwrap();
    assert!(Manifest::exists(folder.path()));
    assert_eq!(manifest.entries().await.unwrap(), [one.clone(), other.clone()]);
    assert_eq!(manifest.instance_id(), id);
    let again = manifest.secret(one.session_id, &one.salt);
    assert_eq!(again.expose(), secret.expose());
    for different in
        [manifest.secret(one.session_id, &other.salt), manifest.secret(other.session_id, &one.salt)]
    {
        assert_ne!(different.expose(), secret.expose());
    }
    manifest.remove(one.session_id).await.unwrap();
    manifest.remove(one.session_id).await.unwrap();
    assert_eq!(manifest.entries().await.unwrap(), [other]);
}

#[tokio::test]
async fn only_this_user_can_read_what_is_kept_and_no_secret_is_in_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest::open(folder.path()).await.unwrap();
    let listed = entry(1);
    manifest.note(&listed).await.unwrap();
    let key = std::fs::read(folder.path().join(KEY_FILE)).unwrap();
    let secret = manifest.secret(listed.session_id, &listed.salt);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        // Windows lets nobody read what is locked; nothing is in it.
        if path.ends_with(LOCK_FILE) {
            assert_eq!(path.metadata().unwrap().len(), 0);
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        let holds = |bytes: &[u8]| content.windows(bytes.len()).any(|window| window == bytes);
        assert!(!holds(secret.expose()), "{}", path.display());
        assert!(!holds(&key) || path.ends_with(KEY_FILE), "{}", path.display());
    }
}

#[tokio::test]
async fn one_gateway_at_a_time_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = Manifest::open(folder.path()).await.unwrap();
    let second = Manifest::open(folder.path()).await;
    assert!(matches!(second, Err(ManifestError::InUse { .. })), "{second:?}");
    drop(first);
    Manifest::open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_and_a_broken_key_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    drop(Manifest::open(folder.path()).await.unwrap());
    let mut other = connection(folder.path()).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'newer', TRUE, x'00', 0)",
    )
    .execute(&mut other)
    .await
    .unwrap();
    let error = Manifest::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, ManifestError::NewerSchema { found: 99, .. }), "{error:?}");
    std::fs::write(folder.path().join(KEY_FILE), "too short").unwrap();
    let error = Manifest::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, ManifestError::Key { .. }), "{error:?}");
}

#[tokio::test]
async fn a_manifest_that_is_locked_or_broken_answers_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest::open(folder.path()).await.unwrap();
    let mut other = connection(folder.path()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let begun = Instant::now();
    let error = manifest.note(&entry(1)).await.unwrap_err();
    assert!(matches!(error, ManifestError::Query { .. } | ManifestError::Timeout { .. }), "{error:?}");
    assert!(begun.elapsed() < OPERATION_LIMIT + Duration::from_millis(500), "{:?}", begun.elapsed());
    sqlx::query("DROP TABLE workers").execute(&mut other).await.unwrap();
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    let error = manifest.note(&entry(1)).await.unwrap_err();
    assert!(error.to_string().contains("list a worker"), "{error}");
}

#[tokio::test]
async fn a_session_that_ends_while_it_is_noted_is_not_noted() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest::open(folder.path()).await.unwrap();
    let mut other = connection(folder.path()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let ended = entry(1);
    let limit = Duration::from_millis(100);
    assert!(
        tokio::time::timeout(limit, manifest.note(&ended)).await.is_err(),
        "nobody waits for it any more"
    );
    let (removed, _) = tokio::join!(manifest.remove(ended.session_id), async {
        sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    });
    removed.unwrap();
    assert_eq!(manifest.entries().await.unwrap(), []);
}

#[tokio::test]
async fn a_damaged_entry_is_left_out_and_taken_off() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest::open(folder.path()).await.unwrap();
    manifest.note(&entry(1)).await.unwrap();
    manifest.note(&entry(2)).await.unwrap();
    let mut other = connection(folder.path()).await;
    let damage = "UPDATE workers SET endpoint = 'nowhere' WHERE session_id LIKE '%1'";
    sqlx::query(damage).execute(&mut other).await.unwrap();
    assert_eq!(manifest.entries().await.unwrap(), [entry(2)]);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM workers").fetch_one(&mut other).await.unwrap();
    assert_eq!(left, 1);
}
