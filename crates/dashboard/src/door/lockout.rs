//! How often somebody may try to sign in. Pure: it says who has to wait, and somebody else refuses.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// Failures within [`WINDOW`] after which one has to wait until the first of them is older than that.
pub(super) const FREE_FAILURES: usize = 5;
/// How long a failure counts.
pub(super) const WINDOW: Duration = Duration::from_mins(5);
/// Most names and addresses that are remembered; beyond, those that were quiet for the longest are forgotten.
const MAX_REMEMBERED: usize = 20_000;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Subject {
    /// A name in lower case, whether there is somebody with it or not.
    Name(String),
    /// An address, or an IPv6 network of which every host has any address it wants.
    Address(IpAddr),
}

/// Failed attempts by name and by address. First [`admit`](Self::admit), then [`failed`](Self::failed) or
/// [`let_go`](Self::let_go): what is under way counts as if it had failed, so that many attempts at once are no more than as
/// many one after the other.
#[derive(Debug, Default)]
pub(super) struct Lockout {
    subjects: HashMap<Subject, Tries>,
    /// The same subjects, by when they were last heard of.
    by_seen: BTreeSet<(Instant, Subject)>,
}

#[derive(Debug)]
struct Tries {
    failures: VecDeque<Instant>,
    under_way: usize,
    seen: Instant,
}

impl Lockout {
    /// May this name be tried from this address? Otherwise the time until it may, as far as that is known now.
    pub(super) fn admit(&mut self, name: &str, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let subjects = subjects(name, address);
        if let Some(wait) = subjects.iter().filter_map(|subject| self.wait(subject, now)).max() {
            return Err(wait);
        }
        for subject in subjects {
            self.change(subject, now, |tries| tries.under_way += 1);
        }
        Ok(())
    }

    /// The attempt failed. Whether that was the last one for now.
    pub(super) fn failed(&mut self, name: &str, address: IpAddr, now: Instant) -> bool {
        for subject in subjects(name, address) {
            self.change(subject, now, |tries| {
                tries.under_way = tries.under_way.saturating_sub(1);
                if tries.failures.len() == FREE_FAILURES {
                    tries.failures.pop_front();
                }
                tries.failures.push_back(now);
            });
        }
        subjects(name, address).iter().any(|subject| self.wait(subject, now).is_some())
    }

    /// The attempt did not fail: the password was right, or nobody could say. Failures before it count all the same, so that
    /// somebody with an account cannot buy time for guessing others.
    pub(super) fn let_go(&mut self, name: &str, address: IpAddr, now: Instant) {
        for subject in subjects(name, address) {
            self.change(subject, now, |tries| tries.under_way = tries.under_way.saturating_sub(1));
        }
    }

    /// How long it has to wait, if it has to.
    fn wait(&self, subject: &Subject, now: Instant) -> Option<Duration> {
        let tries = self.subjects.get(subject)?;
        let counts = |failure: &&Instant| now.saturating_duration_since(**failure) < WINDOW;
        let failures = tries.failures.iter().filter(counts).count();
        if failures + tries.under_way < FREE_FAILURES {
            return None;
        }
        let oldest = tries.failures.iter().find(counts).copied().unwrap_or(now);
        Some((oldest + WINDOW).saturating_duration_since(now))
    }

    fn change(&mut self, subject: Subject, now: Instant, change: impl FnOnce(&mut Tries)) {
        self.forget(now);
        let tries = self.subjects.entry(subject.clone()).or_insert(Tries {
            failures: VecDeque::new(),
            under_way: 0,
            seen: now,
        });
        self.by_seen.remove(&(tries.seen, subject.clone()));
        tries.seen = tries.seen.max(now);
        change(tries);
        if tries.failures.is_empty() && tries.under_way == 0 {
            self.subjects.remove(&subject);
            return;
        }
        self.by_seen.insert((tries.seen, subject));
        if self.subjects.len() > MAX_REMEMBERED {
            self.forget_quietest();
        }
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |seen: Instant| now.saturating_duration_since(seen) >= WINDOW;
        while self.by_seen.first().is_some_and(|(seen, _)| is_old(*seen)) {
            self.forget_quietest();
        }
    }

    fn forget_quietest(&mut self) {
        if let Some((_, subject)) = self.by_seen.pop_first() {
            self.subjects.remove(&subject);
        }
    }
}

fn subjects(name: &str, address: IpAddr) -> [Subject; 2] {
    [Subject::Name(name.trim().to_lowercase()), Subject::Address(network(address))]
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    // An IPv4 peer of a socket for both families comes as an IPv6 address; all of them share one /64.
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
