//! What the apartment itself looks at in the events on their way to the journal: the last OnDataChange of
//! each advised item, for ReadBulk, and the events of ReadBulk's own items, which are nobody else's.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use mxgateway_contracts::v1::{EventFamily, MxEvent, MxStatus, OnDataChange, mx_event::Body};
use parking_lot::Mutex;

use crate::inbox::Inbox;

/// Hidden items that are remembered after their end, as an event of theirs may still come.
const RETIRED: usize = 65_536;

/// Server handle and item handle.
pub(crate) type Key = (i32, i32);

/// An OnDataChange with its statuses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrived {
    pub(crate) change: OnDataChange,
    pub(crate) statuses: Vec<MxStatus>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Tap(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Items that are looked at.
    last: HashMap<Key, Option<Arrived>>,
    /// With a number that tells one hiding of a handle from the next.
    hidden: HashMap<Key, u64>,
    hidings: u64,
    retired: VecDeque<(Key, u64)>,
    awaited: HashSet<Key>,
    bell: Option<Arc<Inbox>>,
}

impl Tap {
    /// Looks at an item from now on; false when it is looked at already.
    pub(crate) fn track(&self, key: Key) -> bool {
        match self.0.lock().last.entry(key) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(None);
                true
            }
        }
    }

    /// Its last OnDataChange, when one came since it is looked at.
    pub(crate) fn last(&self, key: Key) -> Option<Arrived> {
        self.0.lock().last.get(&key)?.clone()
    }

    pub(crate) fn forget(&self, key: Key) {
        self.0.lock().last.remove(&key);
    }

    pub(crate) fn forget_server(&self, server: i32) {
        self.0.lock().last.retain(|(of, _), _| *of != server);
    }

    /// Looks at an item whose events are nobody else's.
    pub(crate) fn hide(&self, key: Key) {
        let mut state = self.0.lock();
        state.hidings += 1;
        let hiding = state.hidings;
        state.hidden.insert(key, hiding);
        state.last.insert(key, None);
    }

    /// A hidden item has ended; its last events are held back still.
    pub(crate) fn retire(&self, key: Key) {
        let mut state = self.0.lock();
        state.last.remove(&key);
        let Some(hiding) = state.hidden.get(&key).copied() else { return };
        state.retired.push_back((key, hiding));
        if state.retired.len() > RETIRED
            && let Some((oldest, hiding)) = state.retired.pop_front()
            && state.hidden.get(&oldest) == Some(&hiding)
        {
            state.hidden.remove(&oldest);
        }
    }

    /// A handle was given out (again): its events are the session's.
    pub(crate) fn show(&self, key: Key) {
        self.0.lock().hidden.remove(&key);
    }

    /// Rings the bell (stops that inbox) once each of the items has an OnDataChange.
    pub(crate) fn wait_for(&self, keys: impl IntoIterator<Item = Key>, bell: Arc<Inbox>) {
        let mut state = self.0.lock();
        let missing: Vec<_> =
            keys.into_iter().filter(|key| state.last.get(key).is_none_or(Option::is_none)).collect();
        state.awaited.extend(missing);
        state.bell = Some(bell);
        state.ring();
    }

    pub(crate) fn stop_waiting(&self) {
        let mut state = self.0.lock();
        state.awaited.clear();
        state.bell = None;
    }

    /// Takes the hidden items' events out.
    pub(crate) fn sift(&self, events: &mut Vec<MxEvent>) {
        let mut state = self.0.lock();
        if state.hidden.is_empty() {
            return;
        }
        let hidden = events.extract_if(.., |event| state.hidden.contains_key(&key(event))).collect();
        state.keep(hidden);
    }

    /// Takes over what went to the journal.
    pub(crate) fn keep(&self, events: Vec<MxEvent>) {
        self.0.lock().keep(events);
    }
}

impl State {
    fn keep(&mut self, events: Vec<MxEvent>) {
        if self.last.is_empty() {
            return;
        }
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            let key = key(&event);
            // In a storm only the last of a run counts.
            if event.family() != EventFamily::OnDataChange
                || events.peek().is_some_and(|next| {
                    next.family == event.family && (next.server_handle, next.item_handle) == key
                })
            {
                continue;
            }
            let Some(Body::OnDataChange(change)) = event.body else { continue };
            let Some(last) = self.last.get_mut(&key) else { continue };
            *last = Some(Arrived { change, statuses: event.statuses });
            if !self.awaited.is_empty() {
                self.awaited.remove(&key);
                self.ring();
            }
        }
    }

    fn ring(&mut self) {
        if self.awaited.is_empty()
            && let Some(bell) = self.bell.take()
        {
            drop(bell.stop());
        }
    }
}

fn key(event: &MxEvent) -> Key {
    (event.server_handle, event.item_handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(item_handle: i32, quality: i32) -> MxEvent {
        MxEvent {
            family: EventFamily::OnDataChange.into(),
            server_handle: 1,
            item_handle,
            body: Some(Body::OnDataChange(OnDataChange { quality, ..OnDataChange::default() })),
            ..MxEvent::default()
        }
    }

    fn quality(tap: &Tap, item: i32) -> Option<i32> {
        tap.last((1, item)).map(|arrived| arrived.change.quality)
    }

    #[test]
    fn the_last_change_of_tracked_items_is_kept() {
        let tap = Tap::default();
        tap.track((1, 1));
        tap.keep(vec![change(1, 5), change(1, 6), change(2, 7)]);
        assert_eq!((quality(&tap, 1), quality(&tap, 2)), (Some(6), None));
        tap.forget((1, 1));
        tap.keep(vec![change(1, 5)]);
        assert_eq!(quality(&tap, 1), None);
    }

    #[test]
    fn hidden_items_are_taken_out_until_their_handle_is_given_out_again() {
        let tap = Tap::default();
        tap.hide((1, 3));
        let mut events = vec![change(1, 1), change(3, 3), change(2, 2)];
        tap.sift(&mut events);
        assert_eq!(events, [change(1, 1), change(2, 2)]);
        assert_eq!(quality(&tap, 3), Some(3));
        tap.retire((1, 3));
        let mut late = vec![change(3, 4)];
        tap.sift(&mut late);
        assert_eq!((late.len(), quality(&tap, 3)), (0, None));
        tap.show((1, 3));
        let mut events = vec![change(3, 5)];
        tap.sift(&mut events);
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn the_bell_rings_when_all_have_come() {
        let tap = Tap::default();
        let bell = Arc::new(Inbox::default());
        tap.track((1, 1));
        tap.track((1, 2));
        tap.keep(vec![change(1, 1)]);
        tap.wait_for([(1, 1), (1, 2)], Arc::clone(&bell));
        assert!(!bell.is_ready());
        tap.keep(vec![change(1, 1)]);
        assert!(!bell.is_ready());
        tap.keep(vec![change(2, 1)]);
        assert!(bell.is_ready());
    }
}
