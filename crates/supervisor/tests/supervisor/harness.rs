//! Sessions over a supervisor whose workers play a script.

use std::future::Future;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mxgateway_contracts::worker_v1::Command;
use mxgateway_session::core::distributor::SubscribeOptions;
use mxgateway_session::core::event::Position;
use mxgateway_session::core::lifecycle::{Fault, SessionState};
use mxgateway_session::core::session::EndReason;
use mxgateway_session::{
    ManagerSettings, OpenError, OpenOptions, PortError, Session, SessionManager, StreamElement, Subscription,
};
use mxgateway_supervisor::{Supervisor, SupervisorConfig, Worker};

use crate::fake_worker::EPOCH;

/// Nothing here takes this long unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Harness {
    pub(crate) manager: SessionManager<Supervisor>,
    directory: tempfile::TempDir,
}

impl Harness {
    /// Sessions whose workers play the script.
    pub(crate) fn new(script: &str) -> Self {
        Self::with(script, |_, _| {})
    }

    /// The same with other settings.
    pub(crate) fn with(
        script: &str,
        change: impl FnOnce(&mut SupervisorConfig, &mut ManagerSettings),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        symlink(program, directory.path().join("test-program")).unwrap();
        let executable = directory.path().join(script);
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-worker.sh"), &executable).unwrap();
        let mut config = SupervisorConfig {
            executable,
            runtime_directory: directory.path().join("run"),
            log_directory: Some(directory.path().join("log")),
            max_frame_bytes: 1 << 20,
            ..SupervisorConfig::default()
        };
        let mut settings = ManagerSettings::default();
        change(&mut config, &mut settings);
        Self { manager: SessionManager::new(Supervisor::new(config), settings), directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) async fn open(&self) -> Session<Worker> {
        match self.try_open().await {
            Ok(session) => session,
            Err(error) => panic!("not opened: {error}; worker: {}", self.log()),
        }
    }

    pub(crate) async fn try_open(&self) -> Result<Session<Worker>, OpenError> {
        within("the session to open", self.manager.open(OpenOptions::default())).await
    }

    /// The text of the error that opening ends with, without the paths and ids of this run.
    pub(crate) async fn open_error(&self) -> String {
        let error = self.try_open().await.expect_err("opened").to_string();
        self.assert_nothing_left();
        match error.split_once(": ") {
            Some((subject, reason)) if subject.starts_with("worker ") => {
                assert!(subject.contains(" of session-"), "{subject}");
                assert!(subject.contains(self.path().to_str().unwrap()), "{subject}");
                reason.to_owned()
            }
            Some(_) | None => error,
        }
    }

    /// The last worker's process, as it wrote it down itself.
    pub(crate) fn process_id(&self) -> Option<u32> {
        std::fs::read_to_string(self.path().join("pid")).ok()?.parse().ok()
    }

    /// No process and no socket.
    pub(crate) fn assert_nothing_left(&self) {
        if let Some(process_id) = self.process_id() {
            let process = PathBuf::from(format!("/proc/{process_id}"));
            assert!(!process.exists(), "process {process_id} is left");
        }
        if let Ok(run) = std::fs::read_dir(self.path().join("run")) {
            let left: Vec<_> = run.map(|entry| entry.unwrap().path()).collect();
            assert!(left.is_empty(), "left: {left:?}");
        }
    }

    fn log(&self) -> String {
        let logs = std::fs::read_dir(self.path().join("log")).into_iter().flatten();
        logs.filter_map(|log| std::fs::read_to_string(log.ok()?.path()).ok()).collect()
    }
}

pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(value) => value,
        Err(_) => panic!("waited {LIMIT:?} for {what}"),
    }
}

/// A command that is told from others by its correlation id.
pub(crate) fn command(correlation_id: &str) -> Command {
    Command { correlation_id: correlation_id.to_owned(), ..Command::default() }
}

/// Everything the session streams from its beginning, until it ends.
pub(crate) async fn stream_to_end(session: &Session<Worker>) -> (Vec<StreamElement>, EndReason) {
    let mut subscription = from_the_beginning(session);
    let mut elements = Vec::new();
    loop {
        let element = within("the stream to end", subscription.next()).await.expect("an end first");
        if let StreamElement::End { reason, .. } = element {
            return (elements, reason);
        }
        elements.push(element);
    }
}

pub(crate) fn from_the_beginning(session: &Session<Worker>) -> Subscription {
    let resume = Some(Position { epoch: EPOCH, sequence: 0 });
    let options = SubscribeOptions { resume, ..SubscribeOptions::live() };
    session.subscribe(options).unwrap()
}

/// Waits for the session to fault and its worker to be gone.
pub(crate) async fn faulted(session: &Session<Worker>) -> Fault {
    let fault = match session.subscribe(SubscribeOptions::live()) {
        Ok(mut subscription) => loop {
            let element = within("the fault", subscription.next()).await.expect("an end first");
            if let StreamElement::End { reason: EndReason::Faulted(fault), .. } = element {
                break fault;
            }
        },
        Err(_already) => session.status().fault.expect("a fault"),
    };
    assert_eq!(session.state(), SessionState::Faulted);
    within("the worker to be gone", session.kill()).await;
    fault
}

/// The reason with which a call ended whose fate nobody knows.
pub(crate) fn unknown_outcome(
    result: Result<mxgateway_supervisor::WorkerReply, mxgateway_session::InvokeError>,
) -> String {
    match result {
        Err(mxgateway_session::InvokeError::Port(PortError::OutcomeUnknown(reason))) => reason,
        other => panic!("the outcome is known: {other:?}"),
    }
}
