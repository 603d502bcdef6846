//! How long a session lives without its client.
//!
//! Unary activity extends the lease; an attached subscriber holds it. When the last subscriber leaves, the
//! detach grace begins: a subscriber that comes back in time ends it.

use std::time::{Duration, Instant};

use crate::lifecycle::CloseReason;

/// Settings of a [`Lease`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseSettings {
    /// Life after the last activity.
    pub lease: Duration,
    /// Life after the last subscriber left; zero turns the grace off (only the lease counts then).
    pub detach_grace: Duration,
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Lease {
    settings: LeaseSettings,
    last_activity: Instant,
    attached: usize,
    detached_at: Option<Instant>,
}

impl Lease {
    /// A lease that begins at `now`, with nobody attached.
    pub fn new(settings: LeaseSettings, now: Instant) -> Self {
        Self { settings, last_activity: now, attached: 0, detached_at: None }
    }

    /// Something was done with the session.
    pub fn touch(&mut self, now: Instant) {
        self.last_activity = self.last_activity.max(now);
    }

    /// A subscriber came.
    pub fn attach(&mut self, now: Instant) {
        self.attached += 1;
        self.detached_at = None;
        self.touch(now);
    }

    /// A subscriber left.
    pub fn detach(&mut self, now: Instant) {
        self.attached = self.attached.saturating_sub(1);
        if self.attached == 0 {
            self.detached_at = Some(now);
            self.touch(now);
        }
    }

    /// Why the session is to be closed at `now`, if it is.
    pub fn expired(&self, now: Instant) -> Option<CloseReason> {
        if self.attached > 0 {
            return None;
        }
        let grace = self.settings.detach_grace;
        if let Some(detached_at) = self.detached_at
            && !grace.is_zero()
            && now.saturating_duration_since(detached_at.max(self.last_activity)) >= grace
        {
            return Some(CloseReason::DetachGraceExpired);
        }
        (now.saturating_duration_since(self.last_activity) >= self.settings.lease)
            .then_some(CloseReason::LeaseExpired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lease(start: Instant) -> Lease {
        Lease::new(LeaseSettings { lease: SECOND * 100, detach_grace: SECOND * 10 }, start)
    }

    #[test]
    fn activity_extends_the_lease() {
        let start = Instant::now();
        let mut lease = lease(start);
        assert_eq!(lease.expired(start + SECOND * 99), None);
        lease.touch(start + SECOND * 99);
        assert_eq!(lease.expired(start + SECOND * 198), None);
        assert_eq!(lease.expired(start + SECOND * 199), Some(CloseReason::LeaseExpired));
    }

    #[test]
    fn a_subscriber_holds_the_session_for_ever() {
        let start = Instant::now();
        let mut lease = lease(start);
        lease.attach(start);
        assert_eq!(lease.expired(start + SECOND * 100_000), None);
    }

    #[test]
    fn the_grace_begins_when_the_last_subscriber_leaves_and_ends_when_one_comes_back() {
        let start = Instant::now();
        let mut lease = lease(start);
        lease.attach(start);
        lease.attach(start);
        lease.detach(start + SECOND);
        assert_eq!(lease.expired(start + SECOND * 50), None);
        lease.detach(start + SECOND * 50);
        assert_eq!(lease.expired(start + SECOND * 59), None);
        lease.attach(start + SECOND * 59);
        assert_eq!(lease.expired(start + SECOND * 70), None);
        lease.detach(start + SECOND * 70);
        assert_eq!(lease.expired(start + SECOND * 80), Some(CloseReason::DetachGraceExpired));
    }

    #[test]
    fn activity_during_the_grace_starts_it_anew() {
        let start = Instant::now();
        let mut lease = lease(start);
        lease.attach(start);
        lease.detach(start);
        lease.touch(start + SECOND * 9);
        assert_eq!(lease.expired(start + SECOND * 18), None);
        assert_eq!(lease.expired(start + SECOND * 19), Some(CloseReason::DetachGraceExpired));
    }

    #[test]
    fn without_grace_only_the_lease_counts() {
        let start = Instant::now();
        let mut lease =
            Lease::new(LeaseSettings { lease: SECOND * 100, detach_grace: Duration::ZERO }, start);
        lease.attach(start);
        lease.detach(start);
        assert_eq!(lease.expired(start + SECOND * 99), None);
        assert_eq!(lease.expired(start + SECOND * 100), Some(CloseReason::LeaseExpired));
    }
}
