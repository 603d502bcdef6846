//! The demo's gateway: private state, start, stop, and the check that nothing is left.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::Happening;
use super::child::{Ended, Running};

/// The gateway's log, in the demo's folder.
pub(super) const LOG: &str = "gateway.log";
const CONFIG: &str = "mxgateway.toml";
const START: Duration = Duration::from_secs(30);
/// More than the gateway's own limits for an orderly stop.
const STOP: Duration = Duration::from_secs(30);
const LISTENING: &str = "mxgateway listening on ";
const DASHBOARD: &str = "mxgateway dashboard at ";
/// How much of the log is shown when the gateway does not start.
const LOG_LINES: usize = 30;

/// Sockets lie in a folder that is named relative to the gateway's working directory, because the path of a
/// Unix socket is limited to about 107 bytes and that of this checkout is not.
const SETTINGS: &str = "\
[server]
listen = \"127.0.0.1:0\"
data_directory = \"data\"

[http]
listen = \"127.0.0.1:0\"

[dashboard]
allow_anonymous_localhost = true

[sessions]
allow_multiple_event_subscribers = true

[workers]
runtime_directory = \"run\"
";

/// Where the demo's API key is.
pub(super) const KEY: &str = "demo.key";
const SCOPES: &str = "session:open,session:close,session:all,invoke:read,invoke:write,invoke:secure,events:read,\
                      metadata:read,admin";

/// Writes the settings and makes an API key that is good for everything.
pub(super) fn prepare(program: &Path, folder: &Path) -> anyhow::Result<()> {
    let config = folder.join(CONFIG);
    fs::write(&config, SETTINGS).with_context(|| format!("cannot write {}", config.display()))?;
    let mut command = Command::new(program);
    command
        .args(["apikey", "create", "--id", "demo", "--name", "Demo", "--scopes", SCOPES, "--config", CONFIG]);
    let made = without_settings(command.current_dir(folder)).output().context("cannot start the gateway")?;
    if !made.status.success() {
        bail!("no API key could be made: {}", String::from_utf8_lossy(&made.stderr));
    }
    let path = folder.join(KEY);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&path).and_then(|mut file| file.write_all(&made.stdout));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Settings of this user's own gateway are not meant for the demo's.
fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MXGATEWAY_")) {
        command.env_remove(name);
    }
    command
}

/// Where the gateway is.
pub(super) struct Place {
    /// Address and port of gRPC.
    pub(super) address: String,
    /// What to open in a browser.
    pub(super) dashboard: String,
}

impl Place {
    /// What clients connect to.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Starts the gateway in `folder` and waits until it listens; gives back where.
pub(super) fn start(
    program: &Path,
    folder: &Path,
    happenings: &Sender<Happening>,
    received: &Receiver<Happening>,
) -> anyhow::Result<(Running, Place)> {
    let log = folder.join(LOG);
    let log_file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    let mut command = Command::new(program);
    command.args(["run", "--config", CONFIG]).current_dir(folder).stderr(log_file);
    without_settings(&mut command);
    let mut gateway = Running::start("the gateway", command, happenings, Happening::GatewayLine, || {
        Happening::GatewayEnded
    })?;

    let deadline = Instant::now() + START;
    let mut listening = None;
    loop {
        match received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Happening::GatewayLine(line)) => {
                if let Some(address) = line.strip_prefix(LISTENING) {
                    listening = Some(address.to_owned());
                } else if let (Some(url), Some(address)) = (line.strip_prefix(DASHBOARD), listening.take()) {
                    return Ok((gateway, Place { address, dashboard: url.to_owned() }));
                }
            }
            Ok(Happening::GatewayEnded) => {
                let status = gateway.reap()?.status();
                bail!("the gateway ended at its start ({status}); the end of its log:\n{}", tail(&log));
            }
            Ok(Happening::Interrupt) => bail!("interrupted"),
            Ok(Happening::WatchLine(_) | Happening::WatchEnded) => {}
            Err(_) => bail!(
                "the gateway does not listen after {} s; the end of its log:\n{}",
                START.as_secs(),
                tail(&log)
            ),
        }
    }
}

/// Stops the gateway in order; it closes its sessions and workers.
pub(super) fn stop(gateway: &mut Running, received: &Receiver<Happening>) -> anyhow::Result<Ended> {
    gateway.terminate()?;
    gateway.wait(STOP, received, |happening| matches!(happening, Happening::GatewayEnded), |_| Ok(()))
}

/// Fails when a process that works in the demo's folder is still there. Workers do, as the gateway does.
pub(super) fn check_nothing_left(folder: &Path) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let folder = folder.canonicalize().context("the demo's folder is gone")?;
    let left: Vec<String> = fs::read_dir("/proc")
        .context("cannot read /proc")?
        .filter_map(Result::ok)
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect();
    if left.is_empty() { Ok(()) } else { bail!("processes are left: {}", left.join(", ")) }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
