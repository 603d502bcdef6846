//! A child process in its own process group, whose lines and end arrive on a channel.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::Happening;

/// A started process. Killed when dropped before it was reaped: nothing is left behind, whatever goes wrong.
pub(super) struct Running {
    name: &'static str,
    child: Child,
    reader: Option<JoinHandle<()>>,
    reaped: bool,
}

/// How a process came to its end.
pub(super) enum Ended {
    ByItself(ExitStatus),
    /// It did not stop in time.
    Killed,
}

impl Ended {
    pub(super) fn status(&self) -> String {
        match self {
            Self::ByItself(status) => status.to_string(),
            Self::Killed => "did not stop in time and was killed".to_owned(),
        }
    }
}

impl Running {
    /// Starts a process. Its lines of standard output become `line`, its end becomes `ended`.
    pub(super) fn start(
        name: &'static str,
        mut command: Command,
        happenings: &Sender<Happening>,
        line: fn(String) -> Happening,
        ended: fn() -> Happening,
    ) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let reader = child.stdout.take().map(|output| {
            let happenings = happenings.clone();
            thread::spawn(move || {
                for text in BufReader::new(output).lines().map_while(Result::ok) {
                    if happenings.send(line(text)).is_err() {
                        return;
                    }
                }
            })
        });
        let pid = Pid::from_child(&child);
        let happenings = happenings.clone();
        thread::spawn(move || {
            // NOWAIT leaves the process to be reaped by its owner, so its id stays its own until then.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            let _ = happenings.send(ended());
        });
        Ok(Self { name, child, reader, reaped: false })
    }

    /// What Ctrl-C would do.
    pub(super) fn interrupt(&self) -> anyhow::Result<()> {
        self.signal(Signal::INT)
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        if self.reaped {
            return Ok(());
        }
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot send a signal to {}", self.name))
    }

    /// Waits for its end, at most `limit`; then it is killed. What else happens goes to `other`.
    pub(super) fn wait(
        &mut self,
        limit: Duration,
        received: &Receiver<Happening>,
        is_end: fn(&Happening) -> bool,
        other: impl Fn(Happening) -> anyhow::Result<()>,
    ) -> anyhow::Result<Ended> {
        // Its end may have been received elsewhere already.
        if self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))?.is_some() {
            return self.reap();
        }
        let deadline = Instant::now() + limit;
        loop {
            match received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(happening) if is_end(&happening) => return self.reap(),
                Ok(happening) => {
                    // Output that cannot be shown is no reason to stop waiting.
                    let _ = other(happening);
                }
                Err(_) => {
                    self.kill()?;
                    return Ok(Ended::Killed);
                }
            }
        }
    }

    /// Takes the status of a process that has ended.
    pub(super) fn reap(&mut self) -> anyhow::Result<Ended> {
        let status = self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        self.reaped = true;
        if let Some(reader) = self.reader.take() {
            reader.join().map_err(|_| anyhow!("the reader of {} panicked", self.name))?;
        }
        Ok(Ended::ByItself(status))
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        self.reap().map(|_| ())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped
            && let Err(error) = self.kill()
        {
            eprintln!("error: {error:#}");
        }
    }
}
