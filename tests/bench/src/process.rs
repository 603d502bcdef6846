//! Processes of a bench's own, with private state.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// No process takes longer to start or to stop.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Linux tells programs processor time in hundredths of a second, whatever its clock does.
const MILLISECONDS_OF_TICK: u64 = 10;

/// A running process; killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
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
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors.with_context(|| format!("cannot write {}", log.display()))?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = child.stdout.take().context("its output is not piped")?;
        Ok(Self { name, child, output: BufReader::new(output).lines() })
    }

    /// Waits for the next line of its output that begins with `prefix`; gives the rest of it.
    pub(crate) async fn says(&mut self, prefix: &str, folder: &Path) -> anyhow::Result<String> {
        let found = async {
            while let Some(line) = self.output.next_line().await? {
                if let Some(rest) = line.strip_prefix(prefix) {
                    return Ok(rest.to_owned());
                }
            }
            let log = fs::read_to_string(folder.join(format!("{}.log", self.name))).unwrap_or_default();
            bail!("{} ended without saying \"{prefix}\"; its log:\n{log}", self.name)
        };
        let found = tokio::time::timeout(LIMIT, found).await;
        found.with_context(|| format!("{} did not say \"{prefix}\" within {LIMIT:?}", self.name))?
    }

    /// Memory it has in RAM, in bytes.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("it has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// Processor time of all its threads so far.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let id = self.child.id().context("it has ended")?;
        let ticks =
            ticks(&fs::read_to_string(format!("/proc/{id}/stat"))?).context("no times in its stat")?;
        Ok(Duration::from_millis(ticks * MILLISECONDS_OF_TICK))
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) -> anyhow::Result<()> {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
            kill_process(id, Signal::TERM)?;
        }
        Ok(())
    }

    /// Ends it without asking it.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill {}", self.name))
    }

    /// Asks it to end and waits.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.terminate()?;
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

/// Clock ticks in user and in kernel mode together, of a `/proc/PID/stat`. The program's name comes before them and
/// may have spaces.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "4211 (a (b) c) S 1 4211 4211 0 -1 4194560 9 0 0 0 700 31 5 6 20 0 3 0 88 1 2";
        assert_eq!(ticks(stat), Some(731));
        assert_eq!(ticks("4211 (cut) S 1"), None);
    }
}
