//! Processes by their numbers: whether they live, and signals to them.

use rustix::process::{Pid, Signal, kill_process};

/// True while the process runs (a zombie does not).
pub fn is_alive(process_id: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process_id}/stat")) else { return false };
    // The name in parentheses may hold anything; the state follows it.
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// Sends a signal to a process of this test.
pub fn signal(process_id: u32, signal: Signal) {
    let pid = i32::try_from(process_id).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).unwrap_or_else(|error| panic!("cannot signal process {process_id}: {error}"));
}
