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

/// Ends the workers of a failed test that are not the gateway's children any more. Nothing happens to those that ended.
#[derive(Debug)]
pub struct EndOfWorkers(pub Vec<u32>);

impl Drop for EndOfWorkers {
    fn drop(&mut self) {
        for worker in self.0.iter().filter(|worker| is_alive(**worker)) {
            signal(*worker, Signal::KILL);
        }
    }
}

/// Processor time the process has used, in clock ticks.
pub fn cpu_ticks(process_id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat")).expect("the process runs");
    let fields = stat.rsplit(')').next().expect("the name is in parentheses").split_ascii_whitespace();
    // User and system time, the 14th and 15th field; the state, behind the name, is the third.
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number of ticks")).sum()
}

/// Memory of the process that is in use.
pub fn resident_bytes(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line with VmRSS");
    let kib = line.trim().strip_suffix(" kB").and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.expect("a number of kB") * 1024
}
