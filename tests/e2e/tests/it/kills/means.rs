//! How faults are brought about from outside.

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mxgateway_e2e::{is_alive, program, signal};
use rustix::io::Errno;
use rustix::net::{Shutdown, getpeername, shutdown};
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, pidfd_getfd, pidfd_open, prlimit,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

/// Longer than the grace of heartbeats, which is 15 s.
pub(super) const STOP: Duration = Duration::from_secs(20);

fn pid(process_id: u32) -> Pid {
    i32::try_from(process_id).ok().and_then(Pid::from_raw).expect("a process id")
}

/// Stops a process for [`STOP`], and lets it go on if it is still there.
pub(super) async fn stop_for_a_while(process_id: u32) {
    signal(process_id, Signal::STOP);
    // The time is the fault.
    tokio::time::sleep(STOP).await;
    if is_alive(process_id) {
        signal(process_id, Signal::CONT);
    }
}

/// Shuts one direction of a worker's connection down, on a duplicate of the worker's own end. `Err` when the system does
/// not let this process have a duplicate, with the reason.
pub(super) fn half_close(worker_process_id: u32, how: Shutdown) -> Result<(), String> {
    let process = pidfd_open(pid(worker_process_id), PidfdFlags::empty()).unwrap();
    let mut closed = 0;
    for entry in fs::read_dir(format!("/proc/{worker_process_id}/fd")).unwrap().flatten() {
        let is_socket =
            fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if !is_socket {
            continue;
        }
        let socket = match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            Ok(socket) => socket,
            Err(error @ (Errno::PERM | Errno::NOSYS)) => {
                return Err(format!("the worker's socket cannot be duplicated: {error}"));
            }
            Err(error) => panic!("the worker's socket {number} cannot be duplicated: {error}"),
        };
        // Others are the runtime's own pairs, which have no path.
        let peer = getpeername(&socket).ok().flatten();
        if peer.is_some_and(|peer| format!("{peer:?}").contains(".sock")) {
            shutdown(&socket, how).unwrap();
            closed += 1;
        }
    }
    assert_eq!(closed, 1, "the worker has one connection");
    Ok(())
}

/// Says loudly that a cell was left out.
///
/// # Panics
/// Where the environment variable `CI` is set: there, no test may be left out.
pub(super) fn left_out(cell: &str, why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{cell} cannot be run: {why}");
    // Not by a macro, whose output tests keep to themselves.
    let _ = writeln!(
        io::stderr(),
        "\nThe cell {cell} was NOT run: {why}. Run as root, or with CAP_SYS_PTRACE.\n"
    );
}

/// Nothing more can be written to a file by the process, until the limit is taken back.
pub(super) struct FullDisk {
    process_id: u32,
    before: Rlimit,
}

impl FullDisk {
    pub(super) fn of(process_id: u32) -> Self {
        let none = |maximum| Rlimit { current: Some(0), maximum };
        let before = rustix::process::getrlimit(Resource::Fsize);
        let before = prlimit(Some(pid(process_id)), Resource::Fsize, none(before.maximum)).unwrap();
        Self { process_id, before }
    }

    pub(super) fn make_room(self) {
        prlimit(Some(pid(self.process_id)), Resource::Fsize, self.before).unwrap();
    }
}

/// A process of the workers' program that is nobody's worker.
pub(super) struct Decoy(Child);

impl Decoy {
    pub(super) fn start() -> Self {
        // It waits for its bootstrap.
        let child = Command::new(program("mxgateway-worker"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    pub(super) fn process_id(&self) -> u32 {
        self.0.id()
    }

    /// Nobody sent it a signal. That its wait for a bootstrap is over after 30 s is its own affair.
    pub(super) fn is_untouched(&mut self) {
        let ended = self.0.try_wait().unwrap();
        assert!(ended.is_none_or(|status| status.signal().is_none()), "the decoy was ended: {ended:?}");
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The number of a worker in the manifest goes to another process, as when it is used again after the worker's end.
pub(super) async fn recycle(data_directory: &Path, session_id: &str, process_id: u32) {
    let options = SqliteConnectOptions::new().filename(data_directory.join("manifest.db"));
    let mut manifest = options.connect().await.unwrap();
    let query = sqlx::query("UPDATE workers SET process_id = ? WHERE session_id = ?")
        .bind(i64::from(process_id))
        .bind(session_id.to_owned());
    assert_eq!(query.execute(&mut manifest).await.unwrap().rows_affected(), 1);
    manifest.close().await.unwrap();
}
