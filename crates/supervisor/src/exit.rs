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
            None => format!("exit code {code}"),
        },
        None => status.to_string(),
    }
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
