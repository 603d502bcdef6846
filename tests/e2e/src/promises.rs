//! The promises of an event stream, each with a validator over what clients recorded.
//!
//! A log may hold several connections of one client; they are judged together. What a filter lets through
//! cannot be known from a filtered log alone: [`reliable_beside`] and [`bookmarked_beside`] compare with the
//! log of a reader without a filter on the same session.

mod beside;
mod reliable;
mod resuming;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use mxgateway_contracts::v1::{EventGapCause, StreamEventsRequest, StreamPosition, StreamStart};

pub use beside::{Same, bookmarked_beside, isolated, reliable_beside};
pub use reliable::reliable;
pub use resuming::resumable;

use crate::recording::{Recording, Seen, SeenEvent};

/// What is promised to every subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Start first, end last, events in worker order; a stream never goes back in time.
    Ordered,
    /// No event twice, also over several connections.
    Unique,
    /// Every hole is announced in its place, with the exact number.
    Reliable,
    /// Coming back goes on exactly where it was asked to, or says exactly what is missing.
    Resumable,
    /// A bookmark never overtakes an event, and is good to come back with.
    Bookmarked,
    /// Another subscriber's trouble changes nothing.
    Isolated,
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// Whose log shows it.
    pub log: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let promise = format!("{:?}", self.promise).to_lowercase();
        write!(formatter, "the promise \"{promise}\" is broken for {}: {}", self.log, self.what)
    }
}

/// What a validator finds.
pub type Verdict = Result<(), Broken>;

fn broken(promise: Promise, log: &Recording, what: impl Into<String>) -> Verdict {
    Err(Broken { promise, log: log.name().to_owned(), what: what.into() })
}

/// Every promise that one log alone can show. The most particular come first: an event that comes twice is
/// out of order, too.
pub fn all(log: &Recording) -> Verdict {
    unique(log)?;
    bookmarked(log)?;
    ordered(log)?;
    reliable(log)?;
    resumable(log)
}

/// Keeps the logs and panics when a promise was not kept.
#[track_caller]
pub fn assert_kept(verdict: Verdict, logs: &[&Recording]) {
    if let Err(broken) = verdict {
        logs.iter().for_each(|log| log.keep());
        panic!("{broken}");
    }
}

/// Panics when a log alone shows that a promise was not kept.
#[track_caller]
pub fn assert_all_kept(log: &Recording) {
    assert_kept(all(log), &[log]);
}

/// One connection of a log.
struct Connection<'a> {
    /// What it asked for.
    asked: &'a StreamEventsRequest,
    /// Where the client stood when it asked.
    stood: Option<StreamPosition>,
    seen: Vec<&'a Seen>,
}

impl<'a> Connection<'a> {
    fn of(log: &'a Recording) -> Vec<Self> {
        let mut connections: Vec<Self> = Vec::new();
        let mut position = None;
        for seen in log.seen() {
            match (seen, connections.last_mut()) {
                (Seen::Asked(asked), _) => {
                    connections.push(Self { asked, stood: position, seen: Vec::new() });
                }
                (_, Some(connection)) => connection.seen.push(seen),
                (_, None) => panic!("{} begins with {seen:?} instead of what was asked", log.name()),
            }
            position = seen.position_after(position);
        }
        connections
    }

    /// The start item, unless the attempt failed.
    fn start(&self) -> Option<&'a StreamStart> {
        match self.seen.first() {
            Some(Seen::Start(start)) => Some(start),
            _ => None,
        }
    }

    fn filtered(&self) -> bool {
        self.asked.filter.is_some()
    }
}

/// See [`Promise::Ordered`].
pub fn ordered(log: &Recording) -> Verdict {
    let broken = |what: String| broken(Promise::Ordered, log, what);
    // Epoch and sequence of the newest event so far.
    let mut newest: Option<(u64, u64)> = None;
    for connection in Connection::of(log) {
        let Some(start) = connection.start() else {
            match connection.seen.as_slice() {
                [] | [Seen::Disconnected(_)] => continue,
                other => return broken(format!("a stream begins with {:?}", other[0])),
            }
        };
        let mut last = start.after_sequence;
        let (mut live, mut ended, mut retained) = (false, false, 0);
        for seen in &connection.seen[1..] {
            if ended && !matches!(seen, Seen::Disconnected(_)) {
                return broken(format!("{seen:?} after the end"));
            }
            match seen {
                Seen::Start(_) => return broken("a second start".to_owned()),
                Seen::Event(event) if event.retained => {
                    if live || event.sequence <= retained || event.sequence > last {
                        let sequence = event.sequence;
                        return broken(format!("retained event {sequence} comes too late or out of order"));
                    }
                    retained = event.sequence;
                }
                Seen::Event(event) => {
                    let sequence = event.sequence;
                    let before = newest.filter(|(epoch, _)| *epoch == start.epoch).map_or(0, |(_, it)| it);
                    if sequence <= last.max(before) {
                        return broken(format!("event {sequence} after {}", last.max(before)));
                    }
                    last = sequence;
                    newest = Some((start.epoch, sequence));
                }
                Seen::Gap(gap) => {
                    if gap.from_sequence <= last || gap.to_sequence < gap.from_sequence {
                        return broken(format!("{gap:?} after {last}"));
                    }
                    if gap.cause() != EventGapCause::Conflated {
                        last = gap.to_sequence;
                    }
                }
                Seen::End(_) => ended = true,
                Seen::Bookmark(_) | Seen::Disconnected(_) => {}
                Seen::Asked(_) => unreachable!("it begins the next connection"),
            }
            live |= !matches!(seen, Seen::Event(SeenEvent { retained: true, .. }));
        }
    }
    Ok(())
}

/// See [`Promise::Unique`].
pub fn unique(log: &Recording) -> Verdict {
    let mut events = BTreeSet::new();
    for connection in Connection::of(log) {
        let Some(start) = connection.start() else { continue };
        let mut snapshot = BTreeSet::new();
        for seen in &connection.seen {
            let Seen::Event(event) = seen else { continue };
            let SeenEvent { sequence, server_handle, item_handle, .. } = *event;
            if event.retained {
                if !snapshot.insert((server_handle, item_handle)) {
                    let what = format!("item {item_handle} is in one snapshot twice, with event {sequence}");
                    return broken(Promise::Unique, log, what);
                }
            } else if !events.insert((start.epoch, sequence)) {
                return broken(Promise::Unique, log, format!("event {sequence} came twice"));
            }
        }
    }
    Ok(())
}

/// See [`Promise::Bookmarked`].
pub fn bookmarked(log: &Recording) -> Verdict {
    let broken = |what: String| broken(Promise::Bookmarked, log, what);
    for connection in Connection::of(log) {
        let Some(start) = connection.start() else { continue };
        let mut at = StreamPosition { epoch: start.epoch, sequence: start.after_sequence };
        let (mut mark, mut conflated_to) = (0, 0);
        for seen in &connection.seen {
            match seen {
                Seen::Bookmark(position) => {
                    let (is, stands) = (position.sequence, at.sequence);
                    if position.epoch != at.epoch {
                        return broken(format!("a bookmark of another epoch: {position:?}"));
                    }
                    if is < stands {
                        return broken(format!("a bookmark at {is} after {stands} was seen"));
                    }
                    if is > stands.max(conflated_to) && !connection.filtered() {
                        return broken(format!("a bookmark at {is} overtook the events after {stands}"));
                    }
                    mark = is;
                }
                Seen::Event(event) if !event.retained && event.sequence <= mark => {
                    let sequence = event.sequence;
                    return broken(format!("event {sequence} was overtaken by the bookmark at {mark}"));
                }
                Seen::Gap(gap) if gap.cause() == EventGapCause::Conflated => conflated_to = gap.to_sequence,
                Seen::Asked(_) | Seen::Start(_) | Seen::Event(_) | Seen::Gap(_) | Seen::End(_) => {}
                Seen::Disconnected(_) => {}
            }
            at = seen.position_after(Some(at)).unwrap_or(at);
        }
    }
    Ok(())
}
