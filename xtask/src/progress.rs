//! Showing that something goes on which takes a while.

use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process;

/// Longest silence of something that nobody watches on a terminal.
const SILENCE: Duration = Duration::from_secs(15);

/// Runs to the end; on a terminal with the program's own output, else line by line with the time, and a sign of life
/// when there are none. `doing` says what goes on, such as "building".
pub(crate) fn run(command: &mut Command, doing: &str) -> anyhow::Result<()> {
    run_with(command, doing, Duration::ZERO)
}

/// The same for a program that says much: on no terminal, a line now and then.
pub(crate) fn run_briefly(command: &mut Command, doing: &str) -> anyhow::Result<()> {
    run_with(command, doing, SILENCE / 3)
}

/// Between two lines passes at least `pause`; what comes earlier is not shown, but the last line when it failed.
fn run_with(command: &mut Command, doing: &str, pause: Duration) -> anyhow::Result<()> {
    if io::stderr().is_terminal() {
        return process::run(command);
    }
    let started = Instant::now();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start what is {doing}"))?;
    let (lines, received) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        pass_on(output, lines.clone());
    }
    if let Some(output) = child.stderr.take() {
        pass_on(output, lines.clone());
    }
    drop(lines);
    let mut shown: Option<Instant> = None;
    let mut unseen = None;
    loop {
        let happening = received.recv_timeout(SILENCE);
        let seconds = started.elapsed().as_secs();
        match happening {
            Ok(line) if shown.is_some_and(|shown| shown.elapsed() < pause) => unseen = Some(line),
            Ok(line) => {
                eprintln!("[{seconds:>4} s] {}", line.trim_end());
                (shown, unseen) = (Some(Instant::now()), None);
            }
            Err(RecvTimeoutError::Timeout) => eprintln!("[{seconds:>4} s] still {doing}"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for what is {doing}"))?;
    if !status.success() {
        bail!("{doing} failed ({status}){}", unseen.map_or_else(String::new, |line| format!(": {line}")));
    }
    Ok(())
}

fn pass_on(output: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}
