//! The keys that are remembered. Knows no clock: everything takes the time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use crate::key::{KeyId, SecretHash};
use crate::principal::KeyGrant;
use crate::store::StoredKey;

#[cfg(test)]
mod tests;

/// A key that was good when it was looked up.
#[derive(Debug)]
pub(super) struct Entry {
    grant: Arc<KeyGrant>,
    hash: SecretHash,
    expires: Option<SystemTime>,
    ended: CancellationToken,
    /// Of the key.
    revision: i64,
    /// Of the store when the key was looked up.
    store_revision: i64,
    /// Milliseconds since the epoch; 0 when it was not used since that was last noted.
    used: AtomicU64,
}

/// What is remembered of a key.
#[derive(Debug)]
pub(super) enum Found {
    /// It is as it was in the store a moment ago.
    Good(Arc<Entry>),
    /// The store has not answered for too long.
    TooOld(Arc<Entry>),
    /// Nothing.
    None,
}

/// The keys that are remembered.
#[derive(Debug)]
pub(super) struct Remembered {
    keys: HashMap<KeyId, Arc<Entry>>,
    /// The store's when it was last looked whether keys changed.
    revision: i64,
    cache: Duration,
    /// When that was asked.
    looked: Instant,
}

impl Entry {
    pub(super) fn grant(&self) -> &Arc<KeyGrant> {
        &self.grant
    }

    pub(super) fn hash(&self) -> &SecretHash {
        &self.hash
    }

    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub(super) fn used(&self, at: SystemTime) {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.used.fetch_max(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Remembered {
    /// Nothing yet. The store's revision was asked for at this time.
    pub(super) fn new(revision: i64, cache: Duration, asked: Instant) -> Self {
        Self { keys: HashMap::new(), revision, cache, looked: asked }
    }

    /// The store's revision when it was last looked whether keys changed.
    pub(super) fn revision(&self) -> i64 {
        self.revision
    }

    pub(super) fn find(&self, id: &KeyId, now: Instant) -> Found {
        match self.keys.get(id) {
            None => Found::None,
            Some(entry) if now.saturating_duration_since(self.looked) <= self.cache => {
                Found::Good(Arc::clone(entry))
            }
            Some(entry) => Found::TooOld(Arc::clone(entry)),
        }
    }

    /// Remembers a key that was looked up when the store had this revision. `None` when more is known already:
    /// then it has to be looked up again.
    pub(super) fn remember(&mut self, stored: &StoredKey, store_revision: i64) -> Option<Arc<Entry>> {
        if store_revision < self.revision {
            return None;
        }
        if let Some(known) = self.keys.get(&stored.id) {
            if known.revision == stored.revision {
                return Some(Arc::clone(known));
            }
            if known.store_revision > store_revision {
                return None;
            }
            known.ended.cancel();
        }
        let entry = Arc::new(Entry {
            grant: Arc::new(stored.grant()),
            hash: stored.hash,
            expires: stored.expires,
            ended: CancellationToken::new(),
            revision: stored.revision,
            store_revision,
            used: AtomicU64::new(0),
        });
        self.keys.insert(stored.id.clone(), Arc::clone(&entry));
        Some(entry)
    }

    /// Nothing changed in the store since the last look. It was asked at this time.
    pub(super) fn unchanged(&mut self, asked: Instant) {
        self.looked = asked;
    }

    /// The keys' revisions when the store had this one; it was asked at this time. Ends and forgets the keys
    /// that changed, and says how many.
    pub(super) fn changed(
        &mut self,
        store_revision: i64,
        revisions: &HashMap<String, i64>,
        asked: Instant,
    ) -> usize {
        // Somebody put an older copy of the store in place: nothing that is known can be compared with it.
        let replaced = store_revision < self.revision;
        self.revision = store_revision;
        self.looked = asked;
        self.end(|id, entry| {
            let same = revisions.get(id.as_str()) == Some(&entry.revision);
            replaced || !(same || entry.store_revision > store_revision)
        })
    }

    /// Ends and forgets the keys whose time is over.
    pub(super) fn expire(&mut self, now: SystemTime) -> usize {
        self.end(|_, entry| entry.is_expired(now))
    }

    /// When the next of them expires.
    pub(super) fn next_expiry(&self) -> Option<SystemTime> {
        self.keys.values().filter_map(|entry| entry.expires).min()
    }

    /// The keys that were used since this was last asked, and when.
    pub(super) fn take_used(&self) -> Vec<(KeyId, SystemTime)> {
        let used = self.keys.iter().map(|(id, entry)| (id, entry.used.swap(0, Ordering::Relaxed)));
        let used = used.filter(|(_, millis)| *millis > 0);
        used.map(|(id, millis)| (id.clone(), UNIX_EPOCH + Duration::from_millis(millis))).collect()
    }

    /// They could not be noted.
    pub(super) fn put_back_used(&self, used: &[(KeyId, SystemTime)]) {
        for (id, at) in used {
            if let Some(entry) = self.keys.get(id) {
                entry.used(*at);
            }
        }
    }

    fn end(&mut self, ends: impl Fn(&KeyId, &Entry) -> bool) -> usize {
        let before = self.keys.len();
        self.keys.retain(|id, entry| {
            let ends = ends(id, entry);
            if ends {
                entry.ended.cancel();
            }
            !ends
        });
        before - self.keys.len()
    }
}
