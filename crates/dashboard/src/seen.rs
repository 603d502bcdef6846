//! What each visitor sees of a snapshot, made once for all who see the same.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;

use crate::access::Sight;
use crate::model::Snapshot;

/// Kinds of sight that are remembered for a snapshot; more are made anew each time.
const MAX_SIGHTS: usize = 64;

/// A snapshot as somebody sees it.
#[derive(Debug)]
pub(crate) struct Seen {
    whole: Arc<Snapshot>,
    sight: Sight,
    part: OnceLock<Arc<Snapshot>>,
    json: OnceLock<Utf8Bytes>,
}

impl Seen {
    fn new(whole: Arc<Snapshot>, sight: Sight) -> Self {
        Self { whole, sight, part: OnceLock::new(), json: OnceLock::new() }
    }

    /// What is seen.
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        match self.sight {
            Sight::All => &self.whole,
            Sight::Tags(_) => self.part.get_or_init(|| Arc::new(self.whole.seen_with(&self.sight))),
        }
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Utf8Bytes {
        self.json
            .get_or_init(|| {
                serde_json::to_string(&**self.snapshot())
                    .expect("a snapshot has text keys and plain numbers only")
                    .into()
            })
            .clone()
    }
}

/// Remembers what is seen of the newest snapshot.
#[derive(Default)]
pub(crate) struct Seeing(Mutex<Vec<Arc<Seen>>>);

impl Seeing {
    /// What somebody with this sight sees of the snapshot.
    pub(crate) fn of(&self, snapshot: &Arc<Snapshot>, sight: &Sight) -> Arc<Seen> {
        let mut remembered = self.0.lock();
        if remembered.first().is_some_and(|seen| !Arc::ptr_eq(&seen.whole, snapshot)) {
            remembered.clear();
        }
        if let Some(seen) = remembered.iter().find(|seen| seen.sight == *sight) {
            return Arc::clone(seen);
        }
        let seen = Arc::new(Seen::new(Arc::clone(snapshot), sight.clone()));
        if remembered.len() < MAX_SIGHTS {
            remembered.push(Arc::clone(&seen));
        }
        seen
    }
}

impl fmt::Debug for Seeing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Seeing").finish_non_exhaustive()
    }
}
