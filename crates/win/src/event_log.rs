//! The event log, in which administrators look first.

use std::ffi::OsStr;
use std::io;

use windows::Win32::Foundation::{ERROR_FILE_NOT_FOUND, HANDLE, WIN32_ERROR};
use windows::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE,
    RegisterEventSourceW, ReportEventW,
};
use windows::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, KEY_SET_VALUE, REG_DWORD, REG_EXPAND_SZ, REG_OPTION_NON_VOLATILE,
    REG_VALUE_TYPE, RegCloseKey, RegCreateKeyExW, RegDeleteKeyW, RegSetValueExW,
};
use windows::core::PCWSTR;

use crate::wide::{os_error, wide};

/// Where the sources of the log `Application` are listed.
const SOURCES: &str = r"SYSTEM\CurrentControlSet\Services\EventLog\Application";
/// A message file that every Windows has: its messages 1 to 1,000 are the text that is reported with them.
const MESSAGES: &str = r"%SystemRoot%\System32\EventCreate.exe";
/// Errors, warnings and information.
const TYPES: u32 = 7;

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// All is well.
    Information,
    /// Somebody should look at it.
    Warning,
    /// Something failed.
    Error,
}

/// Lists a source, so that the event viewer shows its events' text. Needs an administrator's rights.
pub fn register_source(name: &str) -> io::Result<()> {
    let path = wide(OsStr::new(&format!(r"{SOURCES}\{name}")))?;
    let mut key = HKEY::default();
    // SAFETY: the path ends with a zero and lives until the call returns, as does `key`, which becomes ours to close.
    let result = unsafe {
        RegCreateKeyExW(
            HKEY_LOCAL_MACHINE,
            PCWSTR(path.as_ptr()),
            None,
            PCWSTR::null(),
            REG_OPTION_NON_VOLATILE,
            KEY_SET_VALUE,
            None,
            &raw mut key,
            None,
        )
    };
    check(result)?;
    let messages: Vec<u8> = wide(OsStr::new(MESSAGES))?.into_iter().flat_map(u16::to_le_bytes).collect();
    let set = set_value(key, "EventMessageFile", REG_EXPAND_SZ, &messages)
        .and_then(|()| set_value(key, "TypesSupported", REG_DWORD, &TYPES.to_le_bytes()));
    // SAFETY: the key is open and not used any more.
    let closed = unsafe { RegCloseKey(key) };
    set?;
    check(closed)
}

/// Takes a source from the list. That it is not there is no error.
pub fn remove_source(name: &str) -> io::Result<()> {
    let path = wide(OsStr::new(&format!(r"{SOURCES}\{name}")))?;
    // SAFETY: the path ends with a zero and lives until the call returns.
    match unsafe { RegDeleteKeyW(HKEY_LOCAL_MACHINE, PCWSTR(path.as_ptr())) } {
        ERROR_FILE_NOT_FOUND => Ok(()),
        result => check(result),
    }
}

fn set_value(key: HKEY, name: &str, kind: REG_VALUE_TYPE, value: &[u8]) -> io::Result<()> {
    let name = wide(OsStr::new(name))?;
    // SAFETY: the caller's key is open; name and value live until the call returns.
    check(unsafe { RegSetValueExW(key, PCWSTR(name.as_ptr()), None, kind, Some(value)) })
}

fn check(result: WIN32_ERROR) -> io::Result<()> {
    result.ok().map_err(os_error)
}

/// A source that events are reported from.
#[derive(Debug)]
pub struct EventSource {
    handle: HANDLE,
}

// SAFETY: the handle may be used on any thread, and at the same time on several.
unsafe impl Send for EventSource {}
// SAFETY: as above.
unsafe impl Sync for EventSource {}

impl EventSource {
    /// A source that need not be listed.
    pub fn open(name: &str) -> io::Result<Self> {
        let name = wide(OsStr::new(name))?;
        // SAFETY: the name ends with a zero and lives until the call returns.
        let handle =
            unsafe { RegisterEventSourceW(PCWSTR::null(), PCWSTR(name.as_ptr())) }.map_err(os_error)?;
        Ok(Self { handle })
    }

    /// Writes an event. Numbers are from 1 to 1,000.
    pub fn report(&self, number: u16, gravity: Gravity, text: &str) -> io::Result<()> {
        let kind = match gravity {
            Gravity::Information => EVENTLOG_INFORMATION_TYPE,
            Gravity::Warning => EVENTLOG_WARNING_TYPE,
            Gravity::Error => EVENTLOG_ERROR_TYPE,
        };
        let text = wide(OsStr::new(text))?;
        let texts = [PCWSTR(text.as_ptr())];
        // SAFETY: the handle is open as long as this lives; the text ends with a zero and lives until the call returns.
        unsafe { ReportEventW(self.handle, kind, 0, number.into(), None, 0, Some(&texts), None) }
            .map_err(os_error)
    }
}

impl Drop for EventSource {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used any more.
        let _failed = unsafe { DeregisterEventSource(self.handle) };
    }
}
