//! Builds the three programs, showing that it goes on.

use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process;
use crate::workspace;

/// Longest silence of a build that nobody watches on a terminal.
const SILENCE: Duration = Duration::from_secs(15);

/// The programs, built.
pub(crate) struct Programs {
    pub(crate) gateway: PathBuf,
    pub(crate) client: PathBuf,
}

/// Builds the gateway, the worker and the client program.
pub(crate) fn programs(release: bool) -> anyhow::Result<Programs> {
    let started = Instant::now();
    eprintln!("building mxgateway, mxgateway-worker and mxgw (a first build takes a few minutes)");
    let mut command = process::cargo(&["build"]);
    for package in ["mxgateway", "mxgateway-worker", "mxgw"] {
        command.args(["--package", package]);
    }
    if release {
        command.arg("--release");
    }
    if io::stderr().is_terminal() {
        process::run(&mut command)?;
    } else {
        let mut child = command.stderr(Stdio::piped()).spawn().context("cannot start cargo")?;
        let (lines, received) = mpsc::channel();
        if let Some(output) = child.stderr.take() {
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if lines.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        loop {
            let happening = received.recv_timeout(SILENCE);
            let seconds = started.elapsed().as_secs();
            match happening {
                Ok(line) => eprintln!("[{seconds:>4} s] {}", line.trim_end()),
                Err(RecvTimeoutError::Timeout) => eprintln!("[{seconds:>4} s] still building"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = child.wait().context("cannot wait for cargo")?;
        if !status.success() {
            bail!("the build failed ({status})");
        }
    }
    eprintln!("built in {} s", started.elapsed().as_secs());

    let folder = workspace::target()?.join(if release { "release" } else { "debug" });
    let program = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    Ok(Programs { gateway: program("mxgateway"), client: program("mxgw") })
}
