//! What shows only next to another client's log.

use std::collections::BTreeMap;

use mxgateway_contracts::v1::{EventFilter, EventGap, EventGapCause, StreamEndReason};

use super::{Connection, Promise, Verdict, broken};
use crate::recording::{Recording, Seen, SeenEvent};

/// What makes two events the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// Every byte: readers of one session.
    Payload,
    /// All but the times: the same done again in another session.
    Content,
}

/// First position and the position reached, in the one epoch of a log that is compared.
fn range(log: &Recording) -> (u64, u64) {
    let start = Connection::of(log).iter().find_map(Connection::start).map(|start| start.after_sequence);
    (start.unwrap_or_default(), log.position().map_or(0, |position| position.sequence))
}

fn passes(filter: Option<&EventFilter>, event: &SeenEvent) -> bool {
    filter.is_none_or(|filter| {
        let family = filter.families.is_empty() || filter.families.contains(&(event.family as i32));
        let item = |item: &mxgateway_contracts::v1::ItemReference| {
            (item.server_handle, item.item_handle) == (event.server_handle, event.item_handle)
        };
        family && (filter.items.is_empty() || filter.items.iter().any(item))
    })
}

fn filter(log: &Recording) -> Option<&EventFilter> {
    Connection::of(log).first().and_then(|connection| connection.asked.filter.as_ref())
}

/// Spans that a log announces as missing, wholly or in part.
fn announced(log: &Recording) -> Vec<(u64, u64)> {
    let mut spans = Vec::new();
    for connection in Connection::of(log) {
        if let Some(start) = connection.start()
            && let (Some(asked), Some(_)) = (connection.asked.resume, &start.replay_gap)
        {
            let from = if asked.epoch == start.epoch { asked.sequence + 1 } else { 1 };
            spans.push((from, start.after_sequence));
        }
        for seen in &connection.seen {
            if let Seen::Gap(gap) = seen {
                spans.push((gap.from_sequence, gap.to_sequence));
            }
        }
    }
    spans
}

/// A log holds what the other client of the same session got, but for what it announces and what its
/// filter keeps away; and nothing is invented. `other` must not have a filter.
pub fn reliable_beside(log: &Recording, other: &Recording) -> Verdict {
    let broken = |what: String| broken(Promise::Reliable, log, what);
    let theirs: BTreeMap<u64, &SeenEvent> =
        other.live_events().map(|event| (event.sequence, event)).collect();
    let ours: BTreeMap<u64, &SeenEvent> = log.live_events().map(|event| (event.sequence, event)).collect();
    let ((from, to), (other_from, other_to)) = (range(log), range(other));
    if from.max(other_from) >= to.min(other_to) {
        return broken(format!("nothing in common with {}", other.name()));
    }
    let (announced, filter) = (announced(log), filter(log));
    for (sequence, event) in theirs.range(from + 1..=to) {
        let excused = || announced.iter().any(|(from, to)| (from..=to).contains(&sequence));
        if passes(filter, event) && !ours.contains_key(sequence) && !excused() {
            return broken(format!("event {sequence}, which {} got, is missing", other.name()));
        }
    }
    for event in log.events() {
        let sequence = event.sequence;
        if !passes(filter, event) {
            return broken(format!("event {sequence} did not pass the filter"));
        }
        match theirs.get(&sequence) {
            Some(same) if same.payload == event.payload => {}
            Some(_) => return broken(format!("event {sequence} is not what {} got", other.name())),
            None if sequence > other_from && sequence <= other_to => {
                return broken(format!("event {sequence} is one that {} did not get", other.name()));
            }
            None => {}
        }
    }
    Ok(())
}

/// At each bookmark everything up to it that passes the filter was seen or announced. `other` is the log
/// of a reader of the same session without a filter.
pub fn bookmarked_beside(log: &Recording, other: &Recording) -> Verdict {
    let (from, _) = range(log);
    let (announced, filter) = (announced(log), filter(log));
    let mut due = other
        .live_events()
        .filter(|event| event.sequence > from && passes(filter, event))
        .map(|event| event.sequence)
        .filter(|sequence| !announced.iter().any(|(from, to)| (from..=to).contains(&sequence)))
        .peekable();
    for seen in log.seen() {
        match seen {
            Seen::Event(event) if !event.retained => {
                due.next_if_eq(&event.sequence);
            }
            Seen::Bookmark(mark) => {
                if let Some(due) = due.peek().filter(|due| **due <= mark.sequence) {
                    let what = format!("the bookmark at {} overtook event {due}", mark.sequence);
                    return broken(Promise::Bookmarked, log, what);
                }
            }
            Seen::Asked(_) | Seen::Start(_) | Seen::Event(_) | Seen::Gap(_) => {}
            Seen::End(_) | Seen::Disconnected(_) => {}
        }
    }
    Ok(())
}

/// See [`Promise::Isolated`]: a healthy reader's log beside troubled ones is the same as one without, as
/// far as both go, and its stream was never touched.
pub fn isolated(log: &Recording, without: &Recording, same: Same) -> Verdict {
    let broken = |what: String| broken(Promise::Isolated, log, what);
    let ((from, to), (other_from, other_to)) = (range(log), range(without));
    let (from, to) = (from.max(other_from), to.min(other_to));
    if from >= to {
        return broken(format!("nothing in common with {}", without.name()));
    }
    for seen in log.seen() {
        let touched = match seen {
            Seen::Gap(gap) => gap.cause() != EventGapCause::JournalOverflow,
            Seen::End(end) => end.reason() == StreamEndReason::SlowReader,
            Seen::Disconnected(_) => false,
            Seen::Asked(_) | Seen::Start(_) | Seen::Event(_) | Seen::Bookmark(_) => false,
        };
        if touched {
            return broken(format!("{seen:?} although it kept up"));
        }
    }
    let within = |sequence: u64| sequence > from && sequence <= to;
    let hash = |event: &SeenEvent| match same {
        Same::Payload => event.payload,
        Same::Content => event.content,
    };
    let mut ours = log.live_events().filter(|event| within(event.sequence));
    let mut theirs = without.live_events().filter(|event| within(event.sequence));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => break,
            (Some(our), Some(their)) if our.sequence == their.sequence && hash(our) == hash(their) => {}
            (our, their) => return broken(format!("{our:?} where {} has {their:?}", without.name())),
        }
    }
    let gaps = |log: &Recording| -> Vec<EventGap> {
        let within = |gap: &&EventGap| within(gap.from_sequence) && within(gap.to_sequence);
        log.gaps().filter(within).copied().collect()
    };
    if gaps(log) != gaps(without) {
        return broken(format!("{:?} where {} has {:?}", gaps(log), without.name(), gaps(without)));
    }
    Ok(())
}
