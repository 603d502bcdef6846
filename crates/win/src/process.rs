//! Processes: which one is meant, waiting for its end, ending it.

use std::ffi::c_void;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::path::PathBuf;
use std::time::Duration;

use windows::Win32::Foundation::{
    ERROR_INVALID_PARAMETER, FILETIME, HANDLE, INVALID_HANDLE_VALUE, WAIT_FAILED, WAIT_OBJECT_0,
};
use windows::Win32::Security::{GetTokenInformation, TOKEN_QUERY, TOKEN_USER, TokenUser};
use windows::Win32::System::Threading::{
    GetCurrentProcess, GetProcessId, GetProcessTimes, INFINITE, OpenProcess, OpenProcessToken,
    PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SET_QUOTA, PROCESS_SYNCHRONIZE,
    PROCESS_TERMINATE, QueryFullProcessImageNameW, RegisterWaitForSingleObject, TerminateProcess,
    UnregisterWaitEx, WT_EXECUTEONLYONCE, WaitForSingleObject,
};
use windows::core::PWSTR;

use crate::security::Sid;
use crate::wide::os_error;

/// The longest path that Windows gives, in UTF-16 units.
const MAX_PATH_UNITS: usize = 32_768;

/// A handle to one process; it never comes to mean another one. Dropping it does nothing to the process.
#[derive(Debug)]
pub struct Process {
    handle: OwnedHandle,
}

impl Process {
    /// A process by its number, also one that has ended while somebody still has a handle to it. `NotFound` when there
    /// is none, `PermissionDenied` when it is another account's.
    pub fn open(process_id: u32) -> io::Result<Self> {
        let access =
            PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE | PROCESS_TERMINATE | PROCESS_SET_QUOTA;
        // SAFETY: no memory is given to the call.
        let handle = unsafe { OpenProcess(access, false, process_id) }.map_err(|error| {
            // What Windows says of a number that no process has.
            if error.code() == ERROR_INVALID_PARAMETER.to_hresult() {
                io::ErrorKind::NotFound.into()
            } else {
                os_error(error)
            }
        })?;
        // SAFETY: the handle was just opened and is nobody else's.
        let process = Self { handle: unsafe { OwnedHandle::from_raw_handle(handle.0) } };
        // Windows takes numbers that are near a process's for it.
        if process.id() != process_id {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(process)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        // SAFETY: the handle is open as long as this lives.
        unsafe { GetProcessId(raw(self.handle.as_handle())) }
    }

    /// When it was created, in units of 100 ns since 1601.
    pub fn created(&self) -> io::Result<u64> {
        let mut created = FILETIME::default();
        let (mut exited, mut kernel, mut user) = (created, created, created);
        let handle = raw(self.handle.as_handle());
        // SAFETY: the handle is open as long as this lives, and the four times live until the call returns.
        unsafe { GetProcessTimes(handle, &raw mut created, &raw mut exited, &raw mut kernel, &raw mut user) }
            .map_err(os_error)?;
        Ok(u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
    }

    /// Path of the program it runs.
    pub fn image(&self) -> io::Result<PathBuf> {
        let mut path = vec![0_u16; MAX_PATH_UNITS];
        let mut units = u32::try_from(path.len()).unwrap_or(u32::MAX);
        let handle = raw(self.handle.as_handle());
        // SAFETY: the handle is open as long as this lives; `path` has `units` units and lives until the call returns.
        unsafe {
            QueryFullProcessImageNameW(handle, PROCESS_NAME_WIN32, PWSTR(path.as_mut_ptr()), &raw mut units)
        }
        .map_err(os_error)?;
        path.truncate(usize::try_from(units).unwrap_or_default());
        Ok(std::ffi::OsString::from_wide(&path).into())
    }

    /// The account it runs as. `PermissionDenied` for many processes of other accounts.
    pub fn user(&self) -> io::Result<Sid> {
        token_user(raw(self.handle.as_handle()))
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> io::Result<bool> {
        self.wait(Duration::ZERO)
    }

    /// Waits until it has ended, at most for `limit`, which counts in milliseconds; false when it still runs then.
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        // One below the number that means no limit.
        let limit = u32::try_from(limit.as_millis()).unwrap_or(INFINITE).min(INFINITE - 1);
        // SAFETY: the handle is open as long as this lives.
        match unsafe { WaitForSingleObject(raw(self.handle.as_handle()), limit) } {
            WAIT_OBJECT_0 => Ok(true),
            WAIT_FAILED => Err(io::Error::last_os_error()),
            _timeout => Ok(false),
        }
    }

    /// Ends it at once with this exit code. That it has ended is no error.
    pub fn terminate(&self, exit_code: u32) -> io::Result<()> {
        // SAFETY: the handle is open as long as this lives.
        match unsafe { TerminateProcess(raw(self.handle.as_handle()), exit_code) } {
            Ok(()) => Ok(()),
            // Windows denies to end what has ended.
            Err(error) if self.has_ended().unwrap_or(false) => {
                drop(error);
                Ok(())
            }
            Err(error) => Err(os_error(error)),
        }
    }

    /// Calls `ended` once, on a thread of the operating system's, when the process has ended, which may be at once. It
    /// is not called any more when what this returns was dropped; it must be short and not block.
    pub fn on_end(&self, ended: impl FnOnce() + Send + 'static) -> io::Result<EndWatch> {
        let process = self.handle.try_clone()?;
        let context = Box::new(Context { ended: Some(Box::new(ended)) });
        let context = Box::into_raw(context);
        let mut wait = HANDLE::default();
        // SAFETY: the process's handle and the context live until the registration is undone, in `EndWatch::drop`.
        let registered = unsafe {
            RegisterWaitForSingleObject(
                &raw mut wait,
                raw(process.as_handle()),
                Some(call),
                Some(context.cast_const().cast()),
                INFINITE,
                WT_EXECUTEONLYONCE,
            )
        };
        if let Err(error) = registered {
            // SAFETY: it comes from a box, and nobody was told of it.
            drop(unsafe { Box::from_raw(context) });
            return Err(os_error(error));
        }
        Ok(EndWatch { wait, context, _process: process })
    }
}

impl AsHandle for Process {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

struct Context {
    ended: Option<Box<dyn FnOnce() + Send>>,
}

/// The wait for a process's end; dropping it ends the wait.
#[derive(Debug)]
pub struct EndWatch {
    wait: HANDLE,
    context: *mut Context,
    _process: OwnedHandle,
}

// SAFETY: the registration may be undone on any thread, and what the context holds is `Send`.
unsafe impl Send for EndWatch {}
// SAFETY: nothing can be done with a reference to it.
unsafe impl Sync for EndWatch {}

impl Drop for EndWatch {
    fn drop(&mut self) {
        // SAFETY: the registration is undone once, here. With this event the call returns only when no callback runs.
        let undone = unsafe { UnregisterWaitEx(self.wait, Some(INVALID_HANDLE_VALUE)) };
        if undone.is_ok() {
            // SAFETY: it comes from a box, and no callback uses it any more.
            drop(unsafe { Box::from_raw(self.context) });
        }
    }
}

/// # Safety
///
/// `context` is that of a registration that was not undone yet, and it is called once for it.
unsafe extern "system" fn call(context: *mut c_void, _timed_out: bool) {
    // SAFETY: the registration keeps it alive, and nobody else uses it before the registration is undone.
    let context = unsafe { &mut *context.cast::<Context>() };
    if let Some(ended) = context.ended.take() {
        ended();
    }
}

/// The account that this process runs as.
pub fn current_user() -> io::Result<Sid> {
    // SAFETY: the call takes nothing; what it gives need not be closed.
    token_user(unsafe { GetCurrentProcess() })
}

fn token_user(process: HANDLE) -> io::Result<Sid> {
    let mut token = HANDLE::default();
    // SAFETY: the callers' handle is open; `token` takes a handle that is ours to close.
    unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) }.map_err(os_error)?;
    // SAFETY: the handle was just opened and is nobody else's.
    let token = unsafe { OwnedHandle::from_raw_handle(token.0) };
    let token_handle = raw(token.as_handle());

    let mut length = 0;
    // SAFETY: without a buffer the call writes the length alone; that it fails then is as it should be.
    let _too_short = unsafe { GetTokenInformation(token_handle, TokenUser, None, 0, &raw mut length) };
    // In units that are aligned as the structure at its start must be.
    let units = usize::try_from(length).unwrap_or_default().div_ceil(size_of::<u64>());
    let mut buffer = vec![0_u64; units];
    if units * size_of::<u64>() < size_of::<TOKEN_USER>() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the buffer has at least `length` bytes and lives until the call returns.
    unsafe {
        GetTokenInformation(
            token_handle,
            TokenUser,
            Some(buffer.as_mut_ptr().cast()),
            length,
            &raw mut length,
        )
    }
    .map_err(os_error)?;
    // SAFETY: the call wrote the structure at the buffer's start, which is long enough and aligned for it.
    let user = unsafe { &*buffer.as_ptr().cast::<TOKEN_USER>() };
    // SAFETY: the identifier lies in the buffer, which lives on.
    unsafe { Sid::read(user.User.Sid) }
}

/// For calls; good as long as the borrow is.
pub(crate) fn raw(handle: BorrowedHandle<'_>) -> HANDLE {
    HANDLE(handle.as_raw_handle())
}

#[cfg(test)]
pub(crate) mod tests;
