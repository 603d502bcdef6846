//! From nothing to ready, and all that can go wrong on the way.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use mxgateway_session::core::lifecycle::{CloseReason, SessionState};
use mxgateway_session::{LaunchError, OpenError, OpenOptions};
use mxgateway_worker_ipc::exit::ExitReason;
use mxgateway_worker_ipc::transport::{Endpoint, connect};

use crate::fake_worker::EPOCH;
use crate::harness::{Harness, within};

#[tokio::test]
async fn a_worker_becomes_ready_and_says_who_it_is() {
    let harness = Harness::new("good");
    let session = harness.open().await;
    let worker = session.worker().unwrap();
    assert_eq!(Some(worker.process_id), harness.process_id());
    assert_eq!(
        (worker.epoch, worker.backend_name.as_str(), worker.protocol_version),
        (EPOCH, "simulator", 1)
    );
    assert_eq!(session.state(), SessionState::Ready);

    // Nobody else can meet it any more.
    assert_eq!(std::fs::read_dir(harness.path().join("run")).unwrap().count(), 0, "the socket is left");
    within("the close", session.close(CloseReason::ClientClose)).await;
    harness.assert_nothing_left();
}

#[tokio::test]
async fn each_way_not_to_become_ready_is_named() {
    let cases = [
        ("aborts", "it ended before it was ready: signal 6 (SIGABRT); its log says more"),
        ("never-connects", "it did not connect within 3 s (workers.startup_timeout_seconds)"),
        ("says-nothing", "it did not complete the handshake within 3 s (workers.startup_timeout_seconds)"),
        ("wrong-secret", "the handshake failed: the peer's proof is wrong"),
        ("wrong-session", "the handshake failed: the peer speaks for session \"session-b\", not "),
        (
            "old-versions",
            "the handshake failed: the worker speaks protocol versions 0 to 0, the gateway 1 to 1",
        ),
        ("backend-fails", "backend failed: no galaxy, HRESULT 0x80040154 (REGDB_E_CLASSNOTREG)"),
        ("no-epoch", "it reported no epoch"),
    ];
    for (script, expected) in cases {
        let harness = Harness::with(script, |config, _| config.startup_timeout = Duration::from_secs(3));
        let error = harness.open_error().await;
        assert!(error.starts_with(expected), "{script}: {error}");
    }
}

#[tokio::test]
async fn each_exit_code_comes_with_its_meaning() {
    for reason in ExitReason::ALL {
        let (code, meaning) = (reason.code(), reason.meaning());
        let harness = Harness::new(&format!("exits-with-{code}"));
        let expected =
            format!("it ended before it was ready: exit code {code} ({meaning}); its log says more");
        assert_eq!(harness.open_error().await, expected);
    }
    let error = Harness::new("exits-with-99").open_error().await;
    assert_eq!(error, "it ended before it was ready: exit code 99; its log says more");
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_named_with_what_to_do() {
    let missing = Harness::with("good", |config, _| config.executable.set_file_name("missing"));
    let expected = "the program does not exist; set workers.executable_path to mxgateway-worker";
    assert_eq!(missing.open_error().await, expected);

    let directory = Harness::with("good", |config, _| {
        config.executable.set_file_name("directory");
        std::fs::create_dir(&config.executable).unwrap();
    });
    let expected = "the program is not a file; set workers.executable_path to mxgateway-worker";
    assert_eq!(directory.open_error().await, expected);

    let plain = Harness::with("good", |config, _| {
        config.executable.set_file_name("plain");
        std::fs::write(&config.executable, "no program").unwrap();
    });
    let error = plain.open_error().await;
    assert!(error.starts_with("the program could not be started: Permission denied"), "{error}");
}

#[tokio::test]
async fn a_runtime_directory_that_will_not_do_is_named() {
    let open = Harness::with("good", |config, _| {
        std::fs::create_dir(&config.runtime_directory).unwrap();
        std::fs::set_permissions(&config.runtime_directory, PermissionsExt::from_mode(0o755)).unwrap();
    });
    let error = open.open_error().await;
    assert!(error.ends_with("is not private: its mode is 755; run chmod 700 on it"), "{error}");

    let long = Harness::with("good", |config, _| config.runtime_directory.push("x".repeat(100)));
    let error = long.open_error().await;
    assert!(error.ends_with("use a shorter runtime directory"), "{error}");
}

#[tokio::test]
async fn an_unknown_backend_is_the_callers_mistake() {
    let harness = Harness::new("good");
    let options = OpenOptions { backend: "other\n".to_owned(), ..OpenOptions::default() };
    let error = harness.manager.open(options).await.unwrap_err();
    let text = "there is no backend \"other\\n\" here; this gateway has simulator".to_owned();
    assert_eq!(error, OpenError::Launch(LaunchError::Invalid(text)));
    assert_eq!(harness.process_id(), None, "a worker was started");
}

#[tokio::test]
async fn another_process_at_the_endpoint_is_turned_away() {
    let harness =
        Harness::with("never-connects", |config, _| config.startup_timeout = Duration::from_secs(3));
    let intruder = async {
        let run = harness.path().join("run");
        let socket = within("the socket", async {
            loop {
                let found = std::fs::read_dir(&run).ok().and_then(|mut entries| entries.next());
                if let Some(entry) = found {
                    break entry.unwrap().path();
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        let mut connection = connect(&Endpoint::Unix(socket), Duration::from_secs(1)).await.unwrap();
        let mut hello = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut hello);
        within("the gateway to hang up", read).await.unwrap();
        hello
    };
    let (error, hello) = tokio::join!(harness.open_error(), intruder);
    assert_eq!(hello, [0; 0], "the intruder was greeted");
    assert!(error.starts_with("it did not connect within 3 s"), "{error}");
}

#[tokio::test]
async fn a_session_that_is_closed_while_it_starts_leaves_nothing() {
    let harness = Harness::new("says-nothing");
    let opening = harness.manager.open(OpenOptions::default());
    let closing = async {
        within("the worker to start", async {
            while harness.process_id().is_none() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let [session] = harness.manager.list().try_into().unwrap();
        session.close(CloseReason::ClientClose).await;
    };
    let (opened, ()) = within("the close", async { tokio::join!(opening, closing) }).await;
    assert_eq!(opened.unwrap_err(), OpenError::Closed);
    within("the process to go", async {
        let process = format!("/proc/{}", harness.process_id().unwrap());
        while std::path::Path::new(&process).exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    harness.assert_nothing_left();
}
