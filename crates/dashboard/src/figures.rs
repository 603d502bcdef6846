//! Figures that pages derive from a snapshot. The script `figures.js` derives the same. Pure.

#[cfg(test)]
mod tests;

use crate::model::{EndedSession, SessionView, Snapshot, SubscriberView};

/// A subscriber that is behind, with its session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lagging<'a> {
    pub(crate) session: &'a SessionView,
    pub(crate) subscriber: &'a SubscriberView,
}

impl SessionView {
    /// Events that the client furthest behind is behind the newest; 0 without clients.
    pub(crate) fn worst_lag(&self) -> u64 {
        self.clients().map(|who| who.lag).max().unwrap_or(0)
    }

    /// Clients that read its events.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &SubscriberView> {
        self.subscribers.iter().filter(|who| !who.is_internal)
    }

    /// How full the replay window is, 0 to 100.
    pub(crate) fn ring_percent(&self) -> f64 {
        percent(self.ring.retained_events, self.ring.capacity_events)
    }

    /// How much of the memory for retained events is taken, 0 to 100.
    pub(crate) fn memory_percent(&self) -> f64 {
        percent(self.ring.held_bytes, self.ring.capacity_bytes)
    }

    /// What people call it.
    pub(crate) fn display_name(&self) -> &str {
        if self.client_name.is_empty() { "unnamed" } else { &self.client_name }
    }
}

impl Snapshot {
    /// The session that is there with this id.
    pub(crate) fn session(&self, id: &str) -> Option<&SessionView> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// The session with this id, of those that ended not long ago.
    pub(crate) fn ended_session(&self, id: &str) -> Option<&EndedSession> {
        self.ended.iter().find(|session| session.id == id)
    }
}

/// A session's id without what all of them begin with, shortened.
pub(crate) fn short_id(id: &str) -> &str {
    let digits = id.strip_prefix("session-").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}

/// Sessions with the most events per second first, so many at most.
pub(crate) fn busiest(snapshot: &Snapshot, most: usize) -> Vec<&SessionView> {
    let mut sessions: Vec<_> = snapshot.sessions.iter().collect();
    sessions
        .sort_by(|a, b| b.events_per_second.total_cmp(&a.events_per_second).then_with(|| a.id.cmp(&b.id)));
    sessions.truncate(most);
    sessions
}

/// Clients furthest behind first, so many at most.
pub(crate) fn slowest(snapshot: &Snapshot, most: usize) -> Vec<Lagging<'_>> {
    let mut lagging: Vec<_> = snapshot
        .sessions
        .iter()
        .flat_map(|session| session.clients().map(move |subscriber| Lagging { session, subscriber }))
        .collect();
    let order = |lagging: &Lagging<'_>| (lagging.session.id.clone(), lagging.subscriber.id);
    lagging.sort_by(|a, b| b.subscriber.lag.cmp(&a.subscriber.lag).then_with(|| order(a).cmp(&order(b))));
    lagging.truncate(most);
    lagging
}

/// Events that the client furthest behind is behind.
pub(crate) fn worst_lag(snapshot: &Snapshot) -> u64 {
    snapshot.sessions.iter().map(SessionView::worst_lag).max().unwrap_or(0)
}

/// Milliseconds that 99 of 100 commands took at most, in the session where that is the longest.
pub(crate) fn worst_p99(snapshot: &Snapshot) -> f64 {
    snapshot.sessions.iter().map(|session| session.commands.p99_ms).fold(0.0, f64::max)
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share for a bar of a few hundred pixels")]
    let share = part as f64 / whole as f64;
    (share * 100.0).clamp(0.0, 100.0)
}
