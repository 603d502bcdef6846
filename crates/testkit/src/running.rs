//! A server's process, which ends with the tests.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

/// Runs `"$@"` until standard input ends. So the server ends with the tests, however those end. What does not hear the first
/// signal, because it runs in the background, hears the second. Some log to standard output.
const WATCHDOG: &str =
    r#""$@" >&2 & server=$!; read -r line; kill -INT "$server" && kill -TERM "$server"; wait "$server""#;
/// Another program may take the free port before the server does.
const ATTEMPTS: u32 = 5;

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    watchdog: Child,
    /// The server runs until this is closed.
    input: Option<ChildStdin>,
    /// Reads the log until all are gone that could write to it.
    reader: Option<JoinHandle<()>>,
}

/// What a server logs about its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// Once it takes connections.
    pub(crate) ready: &'static str,
    /// When it will not.
    pub(crate) failed: &'static str,
}

/// Makes `shell`, a command that is `/bin/sh`, run `program`, whose arguments follow.
pub(crate) fn watched<'a>(shell: &'a mut Command, program: &Path) -> &'a mut Command {
    shell.args(["-c", WATCHDOG, "watchdog"]).arg(program)
}

impl Running {
    /// Runs a command that [`watched`] made, and comes back when the server takes connections. The error has what it
    /// logged.
    pub(crate) fn start(shell: &mut Command, told: Told) -> Result<Self, String> {
        let mut child = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(text("/bin/sh"))?;
        let input = child.stdin.take();
        let log = child.stderr.take().map(BufReader::new);
        let mut running = Self { watchdog: child, input, reader: None };
        running.reader = Some(wait_until_ready(log, told)?);
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        // It ends by itself now; there is nothing to do about it if it does not.
        let _ = self.watchdog.wait();
        // Nor is there about processes of its own that outlive it.
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

/// Reads the server's log until it takes connections; the rest is read and forgotten, so that the server never
/// waits for a reader.
fn wait_until_ready(log: Option<BufReader<ChildStderr>>, told: Told) -> Result<JoinHandle<()>, String> {
    let mut log = log.ok_or("the server's log cannot be read")?;
    let mut lines = String::new();
    loop {
        let length = lines.len();
        if log.read_line(&mut lines).map_err(text("the server's log"))? == 0 {
            return Err(lines);
        }
        let line = lines.get(length..).unwrap_or_default();
        // A server that cannot listen ends, and the watchdog waits for its input all the same.
        if line.contains(told.failed) {
            return Err(lines);
        }
        if line.contains(told.ready) {
            break;
        }
    }
    Ok(thread::spawn(move || {
        let _ = io::copy(&mut log, &mut io::sink());
    }))
}

/// The server that `shared` has while somebody uses it, or a new one.
pub(crate) fn shared<S, E>(
    shared: &Mutex<Weak<S>>,
    start: impl FnOnce() -> Result<S, E>,
) -> Result<Arc<S>, E> {
    let mut shared = shared.lock();
    if let Some(server) = shared.upgrade() {
        return Ok(server);
    }
    let server = Arc::new(start()?);
    *shared = Arc::downgrade(&server);
    Ok(server)
}

/// The server; `None` after a loud message where there is none, as `name` is not installed, which is in `packages`.
///
/// # Panics
/// Where the environment variable `CI` is set: there, no test may be left out.
pub(crate) fn if_installed<S>(started: Result<S, String>, name: &str, packages: &str) -> Option<S> {
    let why = match started {
        Ok(server) => return Some(server),
        Err(why) => why,
    };
    assert!(std::env::var_os("CI").is_none(), "no {name} server for the tests: {why}");
    // Not by a macro, whose output tests keep to themselves.
    let _ = writeln!(
        io::stderr(),
        "\n{name} is not installed: apt install {packages}; these tests did not run ({why})\n"
    );
    None
}

/// Runs a server again unless it runs.
pub(crate) fn start_again(
    running: &Mutex<Option<Running>>,
    run: impl FnOnce() -> Result<Running, String>,
) -> Result<(), String> {
    let mut running = running.lock();
    if running.is_none() {
        *running = Some(run()?);
    }
    Ok(())
}

/// Tries until a server runs: each time with other ports, which somebody else may have taken meanwhile.
pub(crate) fn on_free_ports(mut run: impl FnMut() -> Result<Running, String>) -> Result<Running, String> {
    let mut tried = run();
    for _ in 1..ATTEMPTS {
        if tried.is_ok() {
            break;
        }
        tried = run();
    }
    tried
}

/// A port of 127.0.0.1 that nobody uses now.
pub(crate) fn free_port() -> Result<u16, String> {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    Ok(free.map_err(text("free port"))?.port())
}

/// Says what failed.
pub(crate) fn text(what: &str) -> impl Fn(io::Error) -> String {
    move |error| format!("{what}: {error}")
}
