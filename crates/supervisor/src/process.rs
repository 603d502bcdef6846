//! A worker's process.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use mxgateway_contracts::worker_v1::Bootstrap;
use mxgateway_worker_ipc::frame::{FrameError, FrameWriter};
use tokio::process::{Child, ChildStdin, Command};
use tracing::error;

use crate::config::SupervisorConfig;
use crate::exit::describe;
use crate::identity::IdentifiedProcess;
use crate::start::StartError;

#[cfg(windows)]
mod job;

/// How long a killed process that is not a child may take until it is gone.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Flags of Windows for a new process: Ctrl-C is not for it, and its console, if it has one, has no window.
#[cfg(windows)]
const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
#[cfg(windows)]
const CREATE_NO_WINDOW: u32 = 0x0800_0000;

/// A worker's process; killed when dropped, unless it is to stay.
#[derive(Debug)]
pub(crate) struct WorkerProcess {
    process: Process,
    process_id: u32,
    stays: bool,
    /// Not of an adopted one, which is in that of the gateway which started it.
    #[cfg(windows)]
    job: Option<job::WorkerJob>,
}

#[derive(Debug)]
#[cfg_attr(windows, expect(clippy::large_enum_variant, reason = "there is one for each session"))]
enum Process {
    Child(Child),
    /// Of an earlier gateway, so that nobody tells how it ends.
    Adopted(IdentifiedProcess),
}

impl WorkerProcess {
    /// Starts the program; it waits for its bootstrap then.
    pub(crate) fn spawn(config: &SupervisorConfig, session_id: &str) -> Result<Self, StartError> {
        let path = &config.executable;
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(StartError::ExecutableMissing { problem: "is not a file" }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StartError::ExecutableMissing { problem: "does not exist" });
            }
            Err(source) => return Err(StartError::Spawn(source)),
        }
        let log = match &config.log_directory {
            Some(directory) => log_file(directory, session_id)?,
            None => Stdio::inherit(),
        };
        let mut command = Command::new(path);
        // For people who look at a list of processes; the worker learns everything from its bootstrap.
        command.arg("--session-id").arg(session_id);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        // Ctrl-C in the gateway's terminal is for the gateway, which ends its workers in good order or leaves them.
        #[cfg(unix)]
        command.process_group(0);
        #[cfg(windows)]
        command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
        let child = {
            #[cfg(windows)]
            let _starting = mxgateway_win::inheritance::starting();
            command.spawn().map_err(StartError::Spawn)?
        };
        let process_id = child.id().unwrap_or_default();
        Ok(Self {
            process: Process::Child(child),
            process_id,
            stays: false,
            #[cfg(windows)]
            job: Some(job::WorkerJob::around(process_id)),
        })
    }

    /// A process that is taken over.
    pub(crate) fn adopted(process: IdentifiedProcess, process_id: u32) -> Self {
        Self {
            process: Process::Adopted(process),
            process_id,
            stays: true,
            #[cfg(windows)]
            job: None,
        }
    }

    /// From now on it is not killed when this is dropped.
    pub(crate) fn let_stay(&mut self) {
        self.stays = true;
        #[cfg(windows)]
        if let Some(job) = &self.job {
            job.let_stay();
        }
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.process_id
    }

    /// Where the bootstrap goes; once.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        match &mut self.process {
            Process::Child(child) => child.stdin.take(),
            Process::Adopted(_) => None,
        }
    }

    /// Waits until the process has ended by itself. Cancel-safe.
    pub(crate) async fn wait(&mut self) -> Exit {
        match &mut self.process {
            Process::Child(child) => Exit(child.wait().await.ok()),
            Process::Adopted(process) => {
                process.ended().await;
                Exit(None)
            }
        }
    }

    /// Waits until the process has ended, and kills it when it has not after `grace`.
    pub(crate) async fn end(&mut self, grace: Duration) -> Ended {
        if let Ok(exit) = tokio::time::timeout(grace, self.wait()).await {
            return Ended::ByItself(exit);
        }
        let killed = match &mut self.process {
            Process::Child(child) => child.kill().await,
            Process::Adopted(process) => match process.kill() {
                Ok(()) => tokio::time::timeout(KILL_LIMIT, process.ended()).await.map_err(io::Error::from),
                Err(error) => Err(error),
            },
        };
        if let Err(error) = killed {
            error!(process_id = self.process_id, %error, "Worker process could not be killed");
        }
        #[cfg(windows)]
        if let Some(job) = &self.job {
            job.end();
        }
        Ended::Killed
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        if let (Process::Child(child), false) = (&mut self.process, self.stays)
            && let Err(error) = child.start_kill()
        {
            // It has ended and was waited for, which is as it should be.
            tracing::debug!(process_id = self.process_id, %error, "Worker process was not killed");
        }
    }
}

/// How a process ended; shows as text for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit(Option<ExitStatus>);

impl std::fmt::Display for Exit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(status) => formatter.write_str(&describe(status)),
            None => formatter.write_str("unknown exit status"),
        }
    }
}

/// Who ended a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    ByItself(Exit),
    Killed,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ByItself(exit) => exit.fmt(formatter),
            Self::Killed => formatter.write_str("killed"),
        }
    }
}

/// Writes the bootstrap and closes the worker's standard input.
pub(crate) async fn send_bootstrap(stdin: ChildStdin, bootstrap: &Bootstrap) -> Result<(), FrameError> {
    let mut writer = FrameWriter::new(stdin, u32::MAX);
    writer.queue(bootstrap)?;
    writer.close().await
}

fn log_file(directory: &Path, session_id: &str) -> Result<Stdio, StartError> {
    let path = directory.join(format!("worker-{session_id}.log"));
    let file = std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::OpenOptions::new().create(true).append(true).open(&path));
    file.map(Stdio::from).map_err(|source| StartError::Log { path, source })
}
