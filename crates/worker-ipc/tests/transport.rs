//! What both ends see of a transport; one table for all transports.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::time::Duration;

use mxgateway_worker_ipc::transport::{Connection, Endpoint, TransportError, bind, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: Duration = Duration::from_secs(10);

/// One endpoint of each transport; the directory holds the sockets.
fn endpoints(directory: &tempfile::TempDir, name: &str) -> Vec<Endpoint> {
    let mut endpoints = vec![Endpoint::Memory(name.to_owned())];
    if cfg!(unix) {
        endpoints.push(Endpoint::Unix(directory.path().join("run").join(name)));
    }
    endpoints
}

async fn exchange(mut here: Connection, mut there: Connection) {
    let sent: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut received = Vec::new();
    let (written, read) = tokio::join!(
        async {
            here.write_all(&sent).await?;
            here.write_all(b"end").await?;
            here.shutdown().await
        },
        there.read_to_end(&mut received),
    );
    written.unwrap();
    assert_eq!(read.unwrap(), sent.len() + 3);
    assert_eq!(received[..sent.len()], sent);

    there.write_all(b"back").await.unwrap();
    drop(there);
    let mut back = Vec::new();
    here.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, b"back");
}

#[tokio::test]
async fn bytes_go_both_ways_and_ends_are_seen() {
    let directory = tempfile::tempdir().unwrap();
    for endpoint in endpoints(&directory, "both-ways") {
        let mut listener = bind(&endpoint).unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), connect(&endpoint, LIMIT));
        let accepted = accepted.unwrap();
        assert_eq!(accepted.peer_process_id, Some(std::process::id()), "{endpoint}");
        exchange(connected.unwrap(), accepted.connection).await;
    }
}

#[tokio::test]
async fn a_listener_serves_one_after_the_other() {
    let directory = tempfile::tempdir().unwrap();
    for endpoint in endpoints(&directory, "several") {
        let mut listener = bind(&endpoint).unwrap();
        for _ in 0..3 {
            let (accepted, connected) = tokio::join!(listener.accept(), connect(&endpoint, LIMIT));
            exchange(accepted.unwrap().connection, connected.unwrap()).await;
        }
    }
}

#[tokio::test]
async fn connecting_waits_for_the_listener() {
    let directory = tempfile::tempdir().unwrap();
    for endpoint in endpoints(&directory, "late") {
        let mut connecting = std::pin::pin!(connect(&endpoint, LIMIT));
        let early = tokio::time::timeout(Duration::from_millis(5), connecting.as_mut()).await;
        assert!(early.is_err(), "{endpoint}: connected to nobody");
        let mut listener = bind(&endpoint).unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), connecting);
        exchange(accepted.unwrap().connection, connected.unwrap()).await;
    }
}

#[tokio::test]
async fn an_endpoint_has_one_listener_and_is_free_after_it() {
    let directory = tempfile::tempdir().unwrap();
    for endpoint in endpoints(&directory, "one") {
        let listener = bind(&endpoint).unwrap();
        let second = bind(&endpoint).err().expect("a second listener");
        assert!(matches!(&second, TransportError::InUse(found) if *found == endpoint), "{second}");
        drop(listener);
        if let Endpoint::Unix(path) = &endpoint {
            assert!(!path.exists(), "the socket file is left");
        }
        let error = connect(&endpoint, Duration::from_millis(20)).await.err().expect("nobody listens");
        assert!(matches!(error, TransportError::NotReachable { .. }), "{error}");
        drop(bind(&endpoint).unwrap());
    }
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[tokio::test]
    async fn the_directory_is_made_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a").join("run");
        let _listener = bind(&Endpoint::Unix(path.join("w.sock"))).unwrap();
        for made in [path.as_path(), path.parent().unwrap()] {
            let mode = made.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", made.display());
        }
    }

    #[tokio::test]
    async fn a_directory_that_others_can_reach_into_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run");
        std::fs::create_dir(&path).unwrap();
        for mode in [0o755, 0o710, 0o701, 0o1777] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let error = bind(&Endpoint::Unix(path.join("w.sock"))).err().expect("an open directory");
            let expected = format!("is not private: its mode is {mode:03o}; run chmod 700 on it");
            assert!(error.to_string().ends_with(&expected), "{error}");
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        let error = bind(&Endpoint::Unix(link.join("w.sock"))).err().expect("a link");
        assert!(error.to_string().ends_with("it is not a directory itself"), "{error}");
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_named_with_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::Unix(directory.path().join("x".repeat(120)));
        let errors = [bind(&endpoint).err(), connect(&endpoint, LIMIT).await.err()];
        for error in errors {
            let error = error.expect("a long path");
            assert!(matches!(error, TransportError::PathTooLong { .. }), "{error}");
            assert!(error.to_string().ends_with("use a shorter runtime directory"), "{error}");
        }
    }
}
