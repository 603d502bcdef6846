//! A worker without a gateway: how long it lives on, and when it tries to find one. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// The pauses between two tries grow from the first to the second. Half of each is left to chance, so that the workers
/// of a gateway do not come all at once. The last is what clients wait at most after the next gateway listens.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(250));
/// A longer lifetime counts as this.
const LONGEST_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// See the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orphan {
    since: Instant,
    deadline: Instant,
    next_try: Instant,
    pause: Duration,
    failed: u64,
}

impl Orphan {
    /// The gateway is lost now; the first try is due at once.
    pub(crate) fn new(now: Instant, lifetime: Duration) -> Self {
        let deadline = now + lifetime.min(LONGEST_LIFETIME);
        Self { since: now, deadline, next_try: now, pause: PAUSES.0, failed: 0 }
    }

    /// When it ends without a gateway.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// When the next try is due.
    pub(crate) fn next_try(&self) -> Instant {
        self.next_try
    }

    /// A try ended without a gateway; `random` is any number.
    pub(crate) fn failed(&mut self, now: Instant, random: u64) {
        let half = self.pause / 2;
        let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.next_try = now + half + Duration::from_nanos(random % span);
        self.pause = (self.pause * 2).min(PAUSES.1);
        self.failed += 1;
    }

    /// How many tries failed.
    pub(crate) fn tries(&self) -> u64 {
        self.failed
    }

    /// How long the gateway is lost.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses after each of a number of tries that fail at once, with this random number.
    fn pauses(tries: usize, random: u64) -> Vec<Duration> {
        let mut now = Instant::now();
        let mut orphan = Orphan::new(now, Duration::from_secs(60));
        assert_eq!(orphan.next_try(), now, "the first try is due at once");
        let pause = |_| {
            orphan.failed(now, random);
            let pause = orphan.next_try() - now;
            now = orphan.next_try();
            pause
        };
        (0..tries).map(pause).collect()
    }

    #[test]
    fn pauses_grow_and_are_bounded_and_half_of_each_is_chance() {
        let milliseconds =
            |pauses: Vec<Duration>| -> Vec<_> { pauses.iter().map(Duration::as_millis).collect() };
        assert_eq!(milliseconds(pauses(7, 0)), [50, 100, 125, 125, 125, 125, 125]);
        let longest = pauses(7, 124_999_999);
        assert_eq!(longest[6].as_millis(), 249);
        for random in [1, 77_777_777_777, u64::MAX] {
            let bounds = [100, 200, 250, 250, 250, 250, 250].map(Duration::from_millis);
            for (pause, bound) in pauses(7, random).into_iter().zip(bounds) {
                assert!(pause >= bound / 2 && pause < bound, "{pause:?} is not below {bound:?}");
            }
        }
        assert_ne!(pauses(7, 1_000_000), pauses(7, 2_000_000), "workers would try in step");
    }

    #[test]
    fn tries_do_not_move_the_end() {
        let begin = Instant::now();
        let mut orphan = Orphan::new(begin, Duration::from_secs(2));
        let now = begin + Duration::from_secs(1);
        orphan.failed(now, 5);
        assert_eq!(orphan.deadline(), begin + Duration::from_secs(2));
        assert_eq!((orphan.age(now), orphan.tries()), (Duration::from_secs(1), 1));
        let forever = Orphan::new(begin, Duration::MAX);
        assert_eq!(forever.deadline() - begin, LONGEST_LIFETIME);
    }
}
