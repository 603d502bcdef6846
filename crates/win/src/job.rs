//! Job objects: processes that are ended together, and with their owner.

use std::io;
use std::os::windows::io::{AsHandle, FromRawHandle, OwnedHandle};

use windows::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_BASIC_LIMIT_INFORMATION, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, SetInformationJobObject, TerminateJobObject,
};
use windows::core::PCWSTR;

use crate::process::{Process, raw};
use crate::wide::os_error;

/// What happens to the processes of a job when its last handle is closed, as the end of this process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtClose {
    /// They are ended.
    End,
    /// They go on.
    Leave,
}

/// A job without a name, so that there is one handle to it. What its processes start belongs to it, too.
#[derive(Debug)]
pub struct Job {
    handle: OwnedHandle,
}

impl Job {
    /// A job without processes.
    pub fn new(at_close: AtClose) -> io::Result<Self> {
        // SAFETY: neither attributes nor a name are given.
        let handle = unsafe { CreateJobObjectW(None, PCWSTR::null()) }.map_err(os_error)?;
        // SAFETY: the handle was just opened and is nobody else's.
        let job = Self { handle: unsafe { OwnedHandle::from_raw_handle(handle.0) } };
        job.set_at_close(at_close)?;
        Ok(job)
    }

    /// Changes what happens at the close.
    pub fn set_at_close(&self, at_close: AtClose) -> io::Result<()> {
        let flags = match at_close {
            AtClose::End => JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
            AtClose::Leave => windows::Win32::System::JobObjects::JOB_OBJECT_LIMIT::default(),
        };
        let limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION {
            BasicLimitInformation: JOBOBJECT_BASIC_LIMIT_INFORMATION {
                LimitFlags: flags,
                ..Default::default()
            },
            ..Default::default()
        };
        let length = u32::try_from(size_of_val(&limits)).unwrap_or(u32::MAX);
        // SAFETY: the handle is open as long as this lives; `limits` is what this class of information is, has this
        // length, and lives until the call returns.
        unsafe {
            SetInformationJobObject(
                raw(self.handle.as_handle()),
                JobObjectExtendedLimitInformation,
                (&raw const limits).cast(),
                length,
            )
        }
        .map_err(os_error)
    }

    /// Takes a process in. On Windows 7 one that is in another job is refused.
    pub fn assign(&self, process: &Process) -> io::Result<()> {
        // SAFETY: both handles are open until the call returns.
        unsafe { AssignProcessToJobObject(raw(self.handle.as_handle()), raw(process.as_handle())) }
            .map_err(os_error)
    }

    /// Ends all its processes at once with this exit code.
    pub fn terminate(&self, exit_code: u32) -> io::Result<()> {
        // SAFETY: the handle is open as long as this lives.
        unsafe { TerminateJobObject(raw(self.handle.as_handle()), exit_code) }.map_err(os_error)
    }
}

#[cfg(test)]
mod tests;
