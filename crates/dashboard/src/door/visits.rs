//! Who is signed in. Pure but for the tokens' randomness.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::random_bytes;
use crate::access::Visitor;

#[cfg(test)]
mod tests;

/// A sign-in ends after this time, however busy its visitor is.
pub(super) const MAX_LIFETIME: Duration = Duration::from_hours(24);
/// Sign-ins of one visitor; with one more, that which was quiet for the longest ends.
const MAX_OF_ONE: usize = 20;
/// Sign-ins of all visitors; the same.
const MAX_OF_ALL: usize = 5_000;

/// Names a sign-in: the hash of its token, which says nothing of the token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct VisitId(pub(super) [u8; 32]);

impl VisitId {
    fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl fmt::Debug for VisitId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VisitId(..)")
    }
}

/// A sign-in.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) id: VisitId,
    pub(super) visitor: Visitor,
    opened: Instant,
    seen: Mutex<Instant>,
    /// Signed out.
    pub(super) ended: CancellationToken,
    lifetime: Duration,
}

impl Visit {
    /// Until when it is good, if nothing is asked for until then.
    pub(super) fn good_until(&self) -> Instant {
        (*self.seen.lock() + self.lifetime).min(self.latest_end())
    }

    /// When it ends, however much is asked for.
    pub(super) fn latest_end(&self) -> Instant {
        self.opened + MAX_LIFETIME
    }

    pub(super) fn is_good(&self, now: Instant) -> bool {
        !self.ended.is_cancelled() && now < self.good_until()
    }

    /// The visitor asked for something.
    fn touch(&self, now: Instant) {
        let mut seen = self.seen.lock();
        *seen = now.max(*seen);
    }
}

/// Every sign-in. Tokens are not kept, only their hashes.
#[derive(Debug, Default)]
pub(super) struct Visits(Mutex<HashMap<VisitId, Arc<Visit>>>);

impl Visits {
    /// Signs the visitor in for `lifetime` after each request; gives the token, which is in no other place.
    pub(super) fn open(&self, visitor: Visitor, lifetime: Duration, now: Instant) -> Zeroizing<String> {
        let token = Zeroizing::new(hex(&*random_bytes()));
        let id = VisitId::of(&token);
        let mut visits = self.0.lock();
        visits.retain(|_, visit| visit.is_good(now));
        end_quietest(&mut visits, MAX_OF_ONE, |visit| visit.visitor.name == visitor.name);
        end_quietest(&mut visits, MAX_OF_ALL, |_| true);
        let ended = CancellationToken::new();
        let visit = Visit { id, visitor, opened: now, seen: Mutex::new(now), ended, lifetime };
        visits.insert(id, Arc::new(visit));
        token
    }

    /// The sign-in with this token, if it is good; it is good for longer now.
    pub(super) fn enter(&self, token: &str, now: Instant) -> Option<Arc<Visit>> {
        let visit = self.with_id(VisitId::of(token), now)?;
        visit.touch(now);
        Some(visit)
    }

    /// The sign-in of this name, if it is good.
    pub(super) fn with_id(&self, id: VisitId, now: Instant) -> Option<Arc<Visit>> {
        let mut visits = self.0.lock();
        let visit = visits.get(&id)?;
        if visit.is_good(now) {
            return Some(Arc::clone(visit));
        }
        visits.remove(&id);
        None
    }

    /// Signs out.
    pub(super) fn end(&self, id: VisitId) {
        if let Some(visit) = self.0.lock().remove(&id) {
            visit.ended.cancel();
        }
    }
}

/// Makes room for one more among those that count.
fn end_quietest(visits: &mut HashMap<VisitId, Arc<Visit>>, limit: usize, counts: impl Fn(&Visit) -> bool) {
    loop {
        let those = || visits.values().filter(|visit| counts(visit));
        if those().count() < limit {
            return;
        }
        let Some(id) = those().min_by_key(|visit| *visit.seen.lock()).map(|visit| visit.id) else { return };
        if let Some(visit) = visits.remove(&id) {
            visit.ended.cancel();
        }
    }
}

/// In hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Out of hexadecimal, of exactly this length.
pub(super) fn from_hex<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    let digits = text.as_bytes();
    if digits.len() != LENGTH * 2 {
        return None;
    }
    let digit = |value: u8| char::from(value).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? * 16 + digit(*low)?;
    }
    Some(bytes)
}
