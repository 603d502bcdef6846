//! Which process is meant: a number alone says little, for the operating system gives it out again.
//!
//! A process is told by its number, when it was created and which program it runs. Only what is provably the
//! process that is meant is ever signalled, and through a handle that cannot come to mean another one.
//! Linux and Windows only: elsewhere there is no identity, and nothing that needs one.

use std::io;

#[cfg(target_os = "linux")]
#[path = "identity/linux.rs"]
mod platform;
#[cfg(windows)]
#[path = "identity/windows.rs"]
mod platform;
#[cfg(not(any(target_os = "linux", windows)))]
#[path = "identity/other.rs"]
mod platform;

pub(crate) use platform::IdentifiedProcess;
use platform::look;

/// What tells a process from every other one, also of other starts of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// Its number.
    pub process_id: u32,
    /// When it was created. On Linux the machine's start and the clock ticks since then, on Windows units of 100 ns
    /// since 1601.
    pub created: String,
    /// Path of the program it runs.
    pub image: String,
}

impl ProcessIdentity {
    /// Of a process that runs; `NotFound` when there is none of this number, or it has ended.
    pub fn of(process_id: u32) -> io::Result<Self> {
        look(process_id)
    }

    /// Whether this very process runs.
    pub fn is_alive_and_same(&self) -> bool {
        Self::of(self.process_id).is_ok_and(|found| found == *self)
    }

    /// Ends this very process at once. True when it ran; no other process is touched.
    pub async fn end(&self) -> io::Result<bool> {
        match IdentifiedProcess::open(self)? {
            Some(process) => {
                process.kill()?;
                process.ended().await;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

#[cfg(all(test, any(target_os = "linux", windows)))]
mod tests;
