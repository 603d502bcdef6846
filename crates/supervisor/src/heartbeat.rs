//! Whether a worker is alive; pure.

use std::time::Duration;

use tokio::time::Instant;

/// Remembers a worker's last sign of life. Every frame is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heartbeat {
    grace: Duration,
    last_seen: Instant,
}

/// What [`Heartbeat::verdict`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Alive; there is nothing to know before that time.
    Alive {
        /// When to look again.
        look_again: Instant,
    },
    /// Silent for the grace or longer.
    Silent {
        /// For how long.
        silence: Duration,
    },
}

impl Heartbeat {
    pub(crate) fn new(grace: Duration, now: Instant) -> Self {
        Self { grace, last_seen: now }
    }

    pub(crate) fn seen(&mut self, now: Instant) {
        self.last_seen = self.last_seen.max(now);
    }

    pub(crate) fn verdict(&self, now: Instant) -> Verdict {
        let look_again = self.last_seen + self.grace;
        if now < look_again {
            Verdict::Alive { look_again }
        } else {
            Verdict::Silent { silence: now - self.last_seen }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_silent_from_the_grace_on() {
        let grace = Duration::from_secs(15);
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut heartbeat = Heartbeat::new(grace, begin);
        assert_eq!(heartbeat.verdict(at(14)), Verdict::Alive { look_again: at(15) });
        assert_eq!(heartbeat.verdict(at(15)), Verdict::Silent { silence: grace });
        heartbeat.seen(at(14));
        assert_eq!(heartbeat.verdict(at(15)), Verdict::Alive { look_again: at(29) });
        heartbeat.seen(at(10));
        assert_eq!(heartbeat.verdict(at(30)), Verdict::Silent { silence: Duration::from_secs(16) });
    }
}
