//! When the apartment thread last came round its loop and what it works on: for heartbeats and the
//! watchdog.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::tickets::Ticket;

/// How long the apartment may be silent between commands; it comes round its loop about once a second.
const IDLE_LIMIT: Duration = Duration::from_secs(15);

/// What the apartment last said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    /// When it last came round its loop, or began or ended a call.
    pub(crate) last: Instant,
    /// The call it works on.
    pub(crate) call: Option<Ticket>,
}

impl Activity {
    /// True when the apartment does not answer: silent for longer than the idle limit, or than `ceiling`
    /// while it carries a command out (a slow call is no hung one).
    pub(crate) fn is_hung(&self, now: Instant, ceiling: Duration) -> bool {
        let silent = now.saturating_duration_since(self.last);
        let limit = if self.call.is_some() { ceiling } else { IDLE_LIMIT.min(ceiling) };
        silent > limit
    }
}

/// Shared between the apartment, which writes, and the worker's loop, which reads.
#[derive(Clone, Debug)]
pub(crate) struct Pulse(Arc<Mutex<Activity>>);

impl Pulse {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Arc::new(Mutex::new(Activity { last: now, call: None })))
    }

    /// The apartment came round, working on this call.
    pub(crate) fn beat(&self, call: Option<Ticket>) {
        *self.0.lock() = Activity { last: Instant::now(), call };
    }

    pub(crate) fn read(&self) -> Activity {
        *self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_call_is_tolerated_up_to_the_ceiling_and_silence_only_to_the_idle_limit() {
        let last = Instant::now();
        let idle = Activity { last, call: None };
        let busy = Activity { last, call: Some(Ticket::of(7)) };
        let ceiling = Duration::from_secs(75);
        let after = |seconds| last + Duration::from_secs(seconds);
        assert!(!idle.is_hung(after(15), ceiling));
        assert!(idle.is_hung(after(16), ceiling));
        assert!(!busy.is_hung(after(75), ceiling));
        assert!(busy.is_hung(after(76), ceiling));
        assert!(idle.is_hung(after(3), Duration::from_secs(2)));
    }
}
