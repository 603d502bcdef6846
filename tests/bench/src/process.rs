//! Processes of a bench's own, with private state.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// No process takes longer to start or to stop.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A running process; killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts a program in a folder, with its standard error at the end of `NAME.log`, and without our
    /// environment.
    pub(crate) fn start(
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.log"));
        let errors = File::options().create(true).append(true).open(&log);
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors.with_context(|| format!("cannot write {}", log.display()))?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { name, child })
    }

    /// Waits for the line of its output that begins with `prefix`; gives the rest of it.
    pub(crate) async fn says(&mut self, prefix: &str, folder: &Path) -> anyhow::Result<String> {
        let output = self.child.stdout.take().context("its output was read before")?;
        let mut lines = BufReader::new(output).lines();
        let found = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(rest) = line.strip_prefix(prefix) {
                    return Ok(rest.to_owned());
                }
            }
            let log = fs::read_to_string(folder.join(format!("{}.log", self.name))).unwrap_or_default();
            bail!("{} ended at its start; its log:\n{log}", self.name)
        };
        let found = tokio::time::timeout(LIMIT, found).await;
        found.with_context(|| format!("{} did not start within {LIMIT:?}", self.name))?
    }

    /// Memory it has in RAM, in bytes.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("it has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// Ends it without asking it.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill {}", self.name))
    }

    /// Asks it to end and waits.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
            kill_process(id, Signal::TERM)?;
        }
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await;
        ended.with_context(|| format!("{} does not stop", self.name))??;
        Ok(())
    }
}

/// A program beside this one.
pub(crate) fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    if !program.is_file() {
        bail!("{} is missing; `cargo xtask bench` builds it", program.display());
    }
    Ok(program)
}

/// A folder that goes when it is dropped.
pub(crate) fn folder() -> anyhow::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("mxbench").tempdir().context("no temporary folder")
}
