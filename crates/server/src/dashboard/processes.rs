//! What the workers' processes take of the machine.

use std::collections::HashSet;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// What a process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// Share of one core since the look before, 100 is one core; `None` at the first look.
    pub(super) cpu_percent: Option<f64>,
    /// Bytes of memory; `None` when the system does not tell.
    pub(super) memory_bytes: Option<u64>,
}

/// Looks at processes, each time at the same or others.
#[derive(Debug)]
pub(super) struct Processes {
    /// `None` where the system tells nothing.
    system: Option<System>,
    seen: HashSet<Pid>,
}

impl Processes {
    pub(super) fn new() -> Self {
        let system = System::new();
        if let Err(error) = &system {
            tracing::debug!(%error, "Nothing can be told of processes");
        }
        Self { system: system.ok(), seen: HashSet::new() }
    }

    /// Looks at these; what is told of each is by [`Self::usage`]. Reads files of the operating system, and so belongs on
    /// a thread that may block.
    pub(super) fn look(&mut self, processes: &[u32]) {
        let wanted: Vec<Pid> = processes.iter().copied().map(Pid::from_u32).collect();
        let Some(system) = &mut self.system else { return };
        self.seen = system.processes().keys().copied().collect();
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&wanted),
            true,
            ProcessRefreshKind::nothing().with_cpu().with_memory(),
        );
    }

    /// What was seen of a process.
    pub(super) fn usage(&self, process: u32) -> Usage {
        let id = Pid::from_u32(process);
        let Some(process) = self.system.as_ref().and_then(|system| system.process(id)) else {
            return Usage::default();
        };
        Usage {
            cpu_percent: self.seen.contains(&id).then(|| f64::from(process.cpu_usage())),
            memory_bytes: Some(process.memory()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_there_has_memory_and_one_that_is_not_has_nothing() {
        let mut processes = Processes::new();
        let own = std::process::id();
        processes.look(&[own, u32::MAX]);
        let first = processes.usage(own);
        assert!(first.memory_bytes.is_some_and(|bytes| bytes > 1 << 16), "{first:?}");
        assert_eq!(first.cpu_percent, None);
        processes.look(&[own]);
        assert!(processes.usage(own).cpu_percent.is_some_and(|percent| percent >= 0.0));
        assert_eq!(processes.usage(u32::MAX), Usage::default());
    }
}
