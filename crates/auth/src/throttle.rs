//! How fast a peer may try keys that turn out wrong.
//!
//! Secrets are too long to be guessed; this keeps attempts from loading the store and the audit trail. Pure:
//! it says how long an attempt has to wait, and somebody else waits.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Failures of a peer that cost nothing.
pub const FREE_FAILURES: u32 = 5;
/// Distance to the next attempt after that; doubled with each further one.
pub const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Greatest distance.
pub const MAX_DELAY: Duration = Duration::from_secs(5);
/// Longest wait; an attempt that would wait longer is refused.
pub const MAX_WAIT: Duration = Duration::from_secs(10);
/// A peer is forgotten when it neither failed nor waited for so long.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// Most peers that are remembered; beyond, those that were quiet for the longest are forgotten.
pub const MAX_PEERS: usize = 10_000;

/// When an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Now.
    Now,
    /// After this time, which is the attempt's place in its peer's line.
    After(Duration),
    /// Not at all: the line is too long.
    Refused {
        /// When a new attempt would not have to wait, if no other came in between.
        retry_after: Duration,
    },
}

/// Failed attempts by peer. See the constants of this module for the numbers.
///
/// Only attempts with keys that are not known to be good are asked for: [`admit`](Self::admit) first, then
/// [`failed`](Self::failed) or [`succeeded`](Self::succeeded). An attempt that was admitted to the line and
/// never judged counts as a failure. Attempts under way when their peer has no more than its free failures
/// count when they fail and not before: many clients of one machine that start at once are no attack.
///
/// IPv6 peers count by their /64 network, of which every host has any address it wants.
#[derive(Debug, Default)]
pub struct Throttle {
    peers: HashMap<IpAddr, Peer>,
    /// The same peers, by when they were last seen.
    by_seen: BTreeSet<(Instant, IpAddr)>,
}

#[derive(Clone, Copy, Debug)]
struct Peer {
    failures: u32,
    /// Admitted to the line and not judged yet.
    waiting: u32,
    /// When it last failed, or when the last attempt of the line begins; this may be later than now.
    seen: Instant,
}

impl Throttle {
    /// One that remembers nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// When may the peer try a key that is not known to be good? Takes a place in the line for it.
    pub fn admit(&mut self, peer: IpAddr, now: Instant) -> Admission {
        self.forget(now);
        let peer = network(peer);
        let Some(known) = self.peers.get(&peer).copied() else { return Admission::Now };
        let Some(steps) = known.failures.saturating_add(known.waiting).checked_sub(FREE_FAILURES) else {
            return Admission::Now;
        };
        let start = now.max(known.seen + delay(steps));
        let wait = start.saturating_duration_since(now);
        if wait > MAX_WAIT {
            return Admission::Refused { retry_after: wait };
        }
        self.remember(peer, Peer { waiting: known.waiting.saturating_add(1), seen: start, ..known });
        if wait.is_zero() { Admission::Now } else { Admission::After(wait) }
    }

    /// The peer's attempt failed.
    pub fn failed(&mut self, peer: IpAddr, now: Instant) {
        self.forget(now);
        let peer = network(peer);
        let known = self.peers.get(&peer).copied().unwrap_or(Peer { failures: 0, waiting: 0, seen: now });
        self.remember(
            peer,
            Peer {
                failures: known.failures.saturating_add(1),
                waiting: known.waiting.saturating_sub(1),
                seen: known.seen.max(now),
            },
        );
    }

    /// The peer's attempt did not fail: the key was good, or could not be judged because the store did not
    /// answer. The line gets its shortest distance again; free failures are not given back, so that a good
    /// key does not pay for guessing others.
    pub fn succeeded(&mut self, peer: IpAddr, now: Instant) {
        self.forget(now);
        if let Some(known) = self.peers.get_mut(&network(peer)) {
            known.failures = known.failures.min(FREE_FAILURES);
            known.waiting = known.waiting.saturating_sub(1);
        }
    }

    /// How many peers are remembered, at most [`MAX_PEERS`].
    pub fn remembered(&self) -> usize {
        self.peers.len()
    }

    fn remember(&mut self, peer: IpAddr, known: Peer) {
        if let Some(before) = self.peers.insert(peer, known) {
            self.by_seen.remove(&(before.seen, peer));
        }
        self.by_seen.insert((known.seen, peer));
        if self.peers.len() > MAX_PEERS {
            self.forget_quietest();
        }
    }

    fn forget(&mut self, now: Instant) {
        let quiet = |seen: Instant| now.saturating_duration_since(seen) >= FORGOTTEN_AFTER;
        while self.by_seen.first().is_some_and(|(seen, _)| quiet(*seen)) {
            self.forget_quietest();
        }
    }

    fn forget_quietest(&mut self) {
        if let Some((_, peer)) = self.by_seen.pop_first() {
            self.peers.remove(&peer);
        }
    }
}

/// Doubles from [`FIRST_DELAY`] up to [`MAX_DELAY`].
fn delay(steps: u32) -> Duration {
    FIRST_DELAY.saturating_mul(2_u32.saturating_pow(steps)).min(MAX_DELAY)
}

/// What counts as one peer.
fn network(peer: IpAddr) -> IpAddr {
    // An IPv4 peer of a socket for both families comes as an IPv6 address; all of them share one /64.
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
