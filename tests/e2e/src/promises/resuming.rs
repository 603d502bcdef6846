//! Coming back to a stream.

use std::collections::BTreeMap;

use mxgateway_contracts::v1::{EventGapCause, ReplayGapReason, StreamPosition, StreamStart};

use super::{Connection, Promise, Verdict, broken};
use crate::recording::{Recording, Seen};

/// See [`Promise::Resumable`]. Two ways to the same: each connection begins where it was asked to, and the
/// events and announced losses of all of them together leave nothing out.
pub fn resumable(log: &Recording) -> Verdict {
    let connections = Connection::of(log);
    for (number, connection) in connections.iter().enumerate() {
        if let (Some(resume), Some(stood)) = (connection.asked.resume, connection.stood)
            && resume != stood
        {
            let what = format!("connection {number} asks for {resume:?} where {stood:?} was seen");
            return broken(Promise::Resumable, log, what);
        }
        let Some(start) = connection.start() else { continue };
        if let Err(what) = begins_right(connection.asked.resume, start) {
            return broken(Promise::Resumable, log, format!("connection {number}: {what}"));
        }
    }
    complete(&connections).or_else(|what| broken(Promise::Resumable, log, what))
}

fn begins_right(resume: Option<StreamPosition>, start: &StreamStart) -> Result<(), String> {
    let after = start.after_sequence;
    let Some(asked) = resume else {
        return match &start.replay_gap {
            None => Ok(()),
            Some(gap) => Err(format!("{gap:?} although nothing was asked for")),
        };
    };
    let Some(gap) = &start.replay_gap else {
        let exact = asked.epoch == start.epoch && asked.sequence == after;
        let what = || format!("goes on after {after} of epoch {} instead of {asked:?}", start.epoch);
        return exact.then_some(()).ok_or_else(what);
    };
    let said_right = gap.requested_after == Some(asked);
    let oldest_right = matches!(gap.oldest_available_sequence, 0) || {
        gap.oldest_available_sequence == after + 1 || gap.reason() == ReplayGapReason::FutureSequence
    };
    let exact = match gap.reason() {
        ReplayGapReason::Unspecified => false,
        ReplayGapReason::Evicted => {
            asked.epoch == start.epoch
                && asked.sequence < after
                && gap.lost_count == after - asked.sequence
                && oldest_right
        }
        ReplayGapReason::EpochChanged => {
            asked.epoch != start.epoch && gap.lost_count == after && oldest_right
        }
        // Old events must not follow.
        ReplayGapReason::FutureSequence => {
            asked.epoch == start.epoch
                && after < asked.sequence
                && after >= start.newest_retained_sequence
                && gap.lost_count == 0
        }
    };
    if said_right && exact { Ok(()) } else { Err(format!("{gap:?} does not fit {asked:?} and {after}")) }
}

/// Part of the numbering that a log accounts for.
struct Piece {
    to: u64,
    /// It may overlap others: the span of a conflated gap, whose events are counted themselves.
    excuse: bool,
}

fn complete(connections: &[Connection<'_>]) -> Result<(), String> {
    // By epoch, then by first sequence; a span's excuse comes under the same first number as its event.
    let mut epochs: BTreeMap<u64, BTreeMap<(u64, bool), Piece>> = BTreeMap::new();
    let mut first: BTreeMap<u64, u64> = BTreeMap::new();
    let filtered = connections.iter().any(Connection::filtered);
    for connection in connections {
        let Some(start) = connection.start() else { continue };
        let pieces = epochs.entry(start.epoch).or_default();
        let mut add = |from: u64, to: u64, excuse: bool| {
            if from > to {
                return Ok(());
            }
            match pieces.insert((from, !excuse), Piece { to, excuse }) {
                // A span that was cut short is told again after the resume.
                Some(_) if !excuse => Err(format!("{from} was seen or announced twice")),
                Some(_) | None => Ok(()),
            }
        };
        first.entry(start.epoch).or_insert_with(|| {
            // What came before the first connection is nobody's business, except what it announced.
            match (connection.asked.resume, &start.replay_gap) {
                (Some(asked), Some(_)) if asked.epoch == start.epoch => {
                    asked.sequence.min(start.after_sequence)
                }
                (Some(_), Some(_)) => 0,
                _ => start.after_sequence,
            }
        });
        let stood = match (connection.stood, connection.asked.resume, &start.replay_gap) {
            // Live again, by the client's own will: what lies between did not concern it.
            (Some(stood), None, _) if stood.epoch == start.epoch => Some(stood.sequence),
            (_, Some(asked), Some(_)) if asked.epoch == start.epoch => Some(asked.sequence),
            (_, Some(_), Some(_)) => Some(0),
            _ => None,
        };
        if let Some(stood) = stood {
            add(stood + 1, start.after_sequence, false)?;
        }
        for seen in &connection.seen {
            match seen {
                Seen::Event(event) if !event.retained => add(event.sequence, event.sequence, false)?,
                Seen::Gap(gap) => {
                    let excuse = gap.cause() == EventGapCause::Conflated;
                    add(gap.from_sequence, gap.to_sequence, excuse)?;
                }
                Seen::Asked(_) | Seen::Start(_) | Seen::Event(_) | Seen::Bookmark(_) => {}
                Seen::End(_) | Seen::Disconnected(_) => {}
            }
        }
    }
    for (epoch, pieces) in epochs {
        let mut to = first[&epoch];
        let mut excused = 0;
        for ((from, _), piece) in pieces {
            if !piece.excuse && from <= to {
                return Err(format!("{from} comes again, in an event or a gap, after {to}"));
            }
            if from > to.max(excused) + 1 && !filtered {
                return Err(format!("{} to {} are missing without a word", to.max(excused) + 1, from - 1));
            }
            if piece.excuse { excused = piece.to } else { to = piece.to }
        }
    }
    Ok(())
}
