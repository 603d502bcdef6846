//! The supervisor on Windows, with the real worker and the simulator: what ends with whom, and who is taken over.
//!
//! The worker program lies where the build puts it, above the folder of this test program.

#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mxgateway_session::core::lifecycle::SessionState;
use mxgateway_session::{ManagerSettings, OpenOptions, Session, SessionManager};
use mxgateway_supervisor::{Manifest, ProcessIdentity, Supervisor, SupervisorConfig, Worker};

/// Nothing here takes this long unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);
/// The test that plays a gateway, and what makes it one: the folder, and whether workers outlive it.
const GATEWAY: &str = "play_the_gateway";
const FOLDER: &str = "MXGATEWAY_TEST_FOLDER";
const LISTED: &str = "MXGATEWAY_TEST_LISTED";
/// What that gateway says of its worker.
const WORKER: &str = "worker: ";

fn config(folder: &Path) -> SupervisorConfig {
    let programs = std::env::current_exe().unwrap();
    let executable = programs.parent().and_then(Path::parent).unwrap().join("mxgateway-worker.exe");
    SupervisorConfig {
        executable,
        runtime_directory: folder.join("run"),
        log_directory: Some(folder.join("log")),
        ..SupervisorConfig::default()
    }
}

fn log(folder: &Path) -> String {
    let logs = std::fs::read_dir(folder.join("log")).into_iter().flatten();
    logs.filter_map(|log| std::fs::read_to_string(log.ok()?.path()).ok()).collect()
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(value) => value,
        Err(_) => panic!("waited {LIMIT:?} for {what}"),
    }
}

async fn ended(process: &ProcessIdentity) {
    within("the process to end", async {
        while process.is_alive_and_same() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A gateway of this process, with the sessions of an earlier one.
async fn start(folder: &Path) -> SessionManager<Supervisor> {
    let manifest = Arc::new(Manifest::open(&folder.join("data")).await.unwrap());
    let supervisor = Supervisor::with_manifest(config(folder), manifest);
    let recovered = supervisor.recovered().await.unwrap();
    let manager = SessionManager::new(supervisor, ManagerSettings::default());
    manager.recover(recovered);
    manager
}

async fn open(manager: &SessionManager<Supervisor>, folder: &Path) -> (Session<Worker>, ProcessIdentity) {
    match within("the session to open", manager.open(OpenOptions::default())).await {
        Ok(session) => {
            let worker = ProcessIdentity::of(session.worker().unwrap().process_id).unwrap();
            (session, worker)
        }
        Err(error) => panic!("not opened: {error}; worker: {}", log(folder)),
    }
}

/// Another process that is a gateway with a session; killed when dropped.
struct Gateway {
    process: Child,
    worker: ProcessIdentity,
}

impl Gateway {
    fn start(folder: &Path, listed: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", GATEWAY, "--nocapture"]).env(FOLDER, folder);
        // Where panics abort, the harness runs tests in processes of their own; this is such a one.
        command.env("__RUST_TEST_INVOKE", GATEWAY);
        if listed {
            command.env(LISTED, "1");
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let id = lines.find_map(|line| Some(line.split_once(WORKER)?.1.trim().parse().unwrap()));
        let id = id.unwrap_or_else(|| panic!("the gateway opened no session; worker: {}", log(folder)));
        Self { process, worker: ProcessIdentity::of(id).unwrap() }
    }

    /// At once and without order.
    fn kill(mut self) -> ProcessIdentity {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.worker.clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().unwrap();
    }
}

/// No test, but what the other process does.
#[tokio::test]
async fn play_the_gateway() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let manager = if std::env::var_os(LISTED).is_some() {
        start(&folder).await
    } else {
        SessionManager::new(Supervisor::new(config(&folder)), ManagerSettings::default())
    };
    let (_session, worker) = open(&manager, &folder).await;
    std::io::stdout().write_all(format!("{WORKER}{}\n", worker.process_id).as_bytes()).unwrap();
    // Until it is killed.
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_worker_serves_over_its_pipe_and_ends_with_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::new(config(folder.path()));
    let manager = SessionManager::new(supervisor, ManagerSettings::default());
    let (session, worker) = open(&manager, folder.path()).await;
    assert_eq!(session.state(), SessionState::Ready);
    assert!(worker.is_alive_and_same());
    assert!(worker.image.ends_with("mxgateway-worker.exe"), "{worker:?}");
    within("the session to close", manager.shutdown()).await;
    ended(&worker).await;

    let (session, worker) = open(&start(folder.path()).await, folder.path()).await;
    within("the worker to be killed", session.kill()).await;
    ended(&worker).await;
}

#[tokio::test]
async fn a_worker_ends_with_its_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let worker = Gateway::start(folder.path(), false).kill();
    ended(&worker).await;
}

#[tokio::test]
async fn a_listed_worker_outlives_its_gateway_and_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let worker = Gateway::start(folder.path(), true).kill();
    assert!(worker.is_alive_and_same(), "it ended with its gateway");

    let manager = start(folder.path()).await;
    let [session] = manager.list().try_into().unwrap_or_else(|_| panic!("one session"));
    within("the adoption", async {
        while session.state() == SessionState::Recovering {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(
        session.state(),
        SessionState::Ready,
        "{:?}; worker: {}",
        session.status().fault,
        log(folder.path())
    );
    assert_eq!(session.worker().unwrap().process_id, worker.process_id);
    within("the session to close", manager.shutdown()).await;
    ended(&worker).await;
}
