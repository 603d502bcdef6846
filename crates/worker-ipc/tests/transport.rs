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
    if cfg!(windows) {
        endpoints.push(pipe(name));
    }
    endpoints
}

/// A pipe of this test program alone.
fn pipe(name: &str) -> Endpoint {
    Endpoint::Pipe(format!("mxgateway-test-{}-{name}", std::process::id()))
}

/// Whether one direction can be closed alone.
fn half_closes(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Unix(_) | Endpoint::Memory(_) => true,
        Endpoint::Pipe(_) => false,
    }
}

async fn exchange(endpoint: &Endpoint, mut here: Connection, mut there: Connection) {
    let mut sent: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    sent.extend(b"end");
    let mut received = vec![0; sent.len()];
    let (written, read) = tokio::join!(
        async {
            here.write_all(&sent[..300_000]).await?;
            here.write_all(b"end").await?;
            here.shutdown().await
        },
        there.read_exact(&mut received),
    );
    written.unwrap();
    read.unwrap();
    assert_eq!(received, sent);
    if half_closes(endpoint) {
        assert_eq!(
            there.read_u8().await.unwrap_err().kind(),
            std::io::ErrorKind::UnexpectedEof,
            "{endpoint}"
        );
    }

    there.write_all(b"back").await.unwrap();
    there.shutdown().await.unwrap();
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
        exchange(&endpoint, connected.unwrap(), accepted.connection).await;
    }
}

#[tokio::test]
async fn a_listener_serves_one_after_the_other() {
    let directory = tempfile::tempdir().unwrap();
    for endpoint in endpoints(&directory, "several") {
        let mut listener = bind(&endpoint).unwrap();
        for _ in 0..3 {
            let (accepted, connected) = tokio::join!(listener.accept(), connect(&endpoint, LIMIT));
            exchange(&endpoint, accepted.unwrap().connection, connected.unwrap()).await;
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
        exchange(&endpoint, accepted.unwrap().connection, connected.unwrap()).await;
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

#[cfg(windows)]
mod windows {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use mxgateway_worker_ipc::transport::connect_once;

    use super::*;

    const SQUATTER: &str = "windows::squatter";
    /// Makes that test take a pipe instead of doing nothing.
    const SQUATTED: &str = "MXGATEWAY_TEST_SQUATTED_PIPE";
    const READY: &str = "the pipe is taken";

    /// Another process that listens at an endpoint; ended when dropped.
    struct Squatter(Child);

    impl Squatter {
        fn at(endpoint: &Endpoint) -> Self {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", SQUATTER, "--nocapture"]).env(SQUATTED, endpoint.to_string());
            // Where panics abort, the harness runs tests in processes of their own; this is such a one.
            command.env("__RUST_TEST_INVOKE", SQUATTER);
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
            assert!(lines.any(|line| line.contains(READY)), "the other process took no pipe");
            Self(child)
        }
    }

    impl Drop for Squatter {
        fn drop(&mut self) {
            self.0.kill().ok();
            self.0.wait().unwrap();
        }
    }

    /// No test, but what the other process does.
    #[tokio::test]
    async fn squatter() {
        if let Ok(endpoint) = std::env::var(SQUATTED) {
            let _listener = bind(&endpoint.parse().unwrap()).unwrap();
            std::io::Write::write_all(&mut std::io::stdout(), format!("{READY}\n").as_bytes()).unwrap();
            std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
        }
    }

    /// Waits until a name can be listened at: closing goes on after the drop.
    async fn is_free(endpoint: &Endpoint) {
        let free = tokio::time::timeout(LIMIT, async {
            while let Err(error) = bind(endpoint) {
                assert!(matches!(error, TransportError::InUse(_)), "{error}");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        free.await.expect("the name stays in use");
    }

    #[tokio::test]
    async fn a_name_that_another_process_took_first_is_refused() {
        let endpoint = pipe("squatted");
        let squatter = Squatter::at(&endpoint);
        let error = bind(&endpoint).err().expect("it is another's");
        assert!(matches!(&error, TransportError::InUse(found) if *found == endpoint), "{error}");
        drop(squatter);
        is_free(&endpoint).await;
    }

    #[tokio::test]
    async fn the_name_is_not_free_while_a_connection_is_open() {
        let endpoint = pipe("kept");
        let mut listener = bind(&endpoint).unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), connect(&endpoint, LIMIT));
        drop(listener);
        let error = bind(&endpoint).err().expect("a connection is open");
        assert!(matches!(error, TransportError::InUse(_)), "{error}");
        let error = connect_once(&endpoint).await.err().expect("nobody waits for a connection");
        assert!(matches!(error, TransportError::NotReachable { .. }), "{error}");
        drop((accepted, connected));
        is_free(&endpoint).await;
    }

    #[tokio::test]
    async fn clients_that_come_and_go_do_not_take_the_listener() {
        let endpoint = pipe("come-and-go");
        let mut listener = bind(&endpoint).unwrap();
        // Gone before anybody accepts it.
        drop(connect_once(&endpoint).await.unwrap());
        let accepted = tokio::time::timeout(LIMIT, async {
            loop {
                let mut connection = listener.accept().await.unwrap().connection;
                if let Ok(byte) = connection.read_u8().await {
                    return byte;
                }
            }
        });
        let client = async {
            let mut connection = connect(&endpoint, LIMIT).await.unwrap();
            connection.write_u8(7).await.unwrap();
            connection.shutdown().await.unwrap();
            connection
        };
        let (byte, _connection) = tokio::join!(accepted, client);
        assert_eq!(byte.expect("the second client was not served"), 7);
    }

    #[tokio::test]
    async fn a_wait_for_a_connection_can_be_given_up() {
        let endpoint = pipe("given-up");
        let mut listener = bind(&endpoint).unwrap();
        for _ in 0..3 {
            let waited = tokio::time::timeout(Duration::from_millis(5), listener.accept()).await;
            assert!(waited.is_err(), "nobody connected");
        }
        let (accepted, connected) = tokio::join!(listener.accept(), connect(&endpoint, LIMIT));
        exchange(&endpoint, accepted.unwrap().connection, connected.unwrap()).await;
    }
}
