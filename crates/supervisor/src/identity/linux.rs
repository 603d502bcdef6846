//! By /proc and process file descriptors.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::ProcessIdentity;

/// What the kernel puts behind the path of a program whose file was replaced, as an upgrade does.
const REPLACED: &str = " (deleted)";

/// A handle to one process; it never comes to mean another one. Dropping it does nothing to the process.
#[derive(Debug)]
pub(crate) struct IdentifiedProcess {
    descriptor: AsyncFd<OwnedFd>,
}

impl IdentifiedProcess {
    /// The process, if it is the one that is meant and runs. Call it within a tokio runtime.
    pub(crate) fn open(identity: &ProcessIdentity) -> io::Result<Option<Self>> {
        let Some(pid) = i32::try_from(identity.process_id).ok().and_then(Pid::from_raw) else {
            return Ok(None);
        };
        let descriptor = match pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(descriptor) => descriptor,
            Err(Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // In this order: the number still is the meant process's, so the descriptor, which is older, is, too.
        if !identity.is_alive_and_same() {
            return Ok(None);
        }
        // Readable when the process ends.
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, and an OwnedFd stays the descriptor it is"
        )]
        let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        Ok(Some(Self { descriptor }))
    }

    /// Ends it at once. That it has ended is no error.
    pub(crate) fn kill(&self) -> io::Result<()> {
        match pidfd_send_signal(self.descriptor.get_ref(), Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until it has ended. Cancel-safe.
    pub(crate) async fn ended(&self) {
        // Fails only when the runtime ends.
        let _ready = self.descriptor.readable().await;
    }
}

pub(super) fn look(process_id: u32) -> io::Result<ProcessIdentity> {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat"))?;
    let (state, ticks) = state_and_start(&stat).ok_or(io::ErrorKind::InvalidData)?;
    if matches!(state, "Z" | "X") {
        return Err(io::ErrorKind::NotFound.into());
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let image = fs::read_link(format!("/proc/{process_id}/exe"))?.to_string_lossy().into_owned();
    let image = image.strip_suffix(REPLACED).map_or_else(|| image.clone(), str::to_owned);
    // A number that was given out again between the two would show here.
    let again = fs::read_to_string(format!("/proc/{process_id}/stat"))?;
    if state_and_start(&again).map(|(_, start)| start) != Some(ticks) {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(ProcessIdentity { process_id, created: format!("{}/{ticks}", boot.trim()), image })
}

/// The third and the 22nd field; the second is a name in parentheses that may hold anything.
fn state_and_start(stat: &str) -> Option<(&str, &str)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    Some((fields.next()?, fields.nth(18)?))
}
