//! How a worker's process ended, for people.

use std::process::ExitStatus;

use mxgateway_worker_ipc::exit::ExitReason;

/// `exit code 5 (cannot connect to the gateway)` or `signal 9 (SIGKILL)`.
pub(crate) fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match signal_name(signal) {
            Some(name) => format!("signal {signal} ({name})"),
            None => format!("signal {signal}"),
        };
    }
    match status.code() {
        Some(code) => match ExitReason::from_code(code) {
            Some(reason) => format!("exit code {code} ({})", reason.meaning()),
            None => match windows_meaning(code) {
                Some(meaning) => format!("exit code {code:#010X} ({meaning})"),
                None => format!("exit code {code}"),
            },
        },
        None => status.to_string(),
    }
}

/// What ends a process of Windows by itself, so that its exit code says why.
fn windows_meaning(code: i32) -> Option<&'static str> {
    Some(match code.cast_unsigned() {
        0xC000_0005 => "access violation",
        0xC000_0017 => "out of memory",
        0xC000_00FD => "stack overflow",
        0xC000_0135 => "a library is missing",
        0xC000_013A => "Ctrl-C",
        0xC000_0142 => "a library failed to start",
        0xC000_0374 => "heap corruption",
        0xC000_0409 => "aborted",
        _ => return None,
    })
}

/// The signals that end a process by themselves and have the same number on all systems.
#[cfg(unix)]
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        _ => return None,
    })
}

#[cfg(all(test, windows))]
mod windows_tests {
    use std::os::windows::process::ExitStatusExt;

    use super::*;

    #[test]
    fn codes_have_their_meaning() {
        let cases = [
            (0, "exit code 0 (ended in order)"),
            (6, "exit code 6 (backend failed to start)"),
            (101, "exit code 101"),
            (0xC000_0005, "exit code 0xC0000005 (access violation)"),
        ];
        for (raw, expected) in cases {
            assert_eq!(describe(ExitStatus::from_raw(raw)), expected);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn codes_and_signals_have_their_meaning() {
        let cases = [
            (0, "exit code 0 (ended in order)"),
            (6 << 8, "exit code 6 (backend failed to start)"),
            (101 << 8, "exit code 101"),
            (9, "signal 9 (SIGKILL)"),
            (6, "signal 6 (SIGABRT)"),
            (64, "signal 64"),
        ];
        for (raw, expected) in cases {
            assert_eq!(describe(ExitStatus::from_raw(raw)), expected);
        }
    }
}
