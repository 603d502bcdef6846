//! Holes, and what is said about them.

use mxgateway_contracts::v1::{EventGap, EventGapCause, StreamEnd, StreamPosition, StreamStart};

use super::{Connection, Promise, Verdict, broken};
use crate::recording::{Recording, Seen};

/// See [`Promise::Reliable`].
pub fn reliable(log: &Recording) -> Verdict {
    for connection in Connection::of(log) {
        let Some(start) = connection.start() else { continue };
        holes(&connection, start).or_else(|what| broken(Promise::Reliable, log, what))?;
    }
    Ok(())
}

/// A conflated span on its way.
struct Span<'a> {
    gap: &'a EventGap,
    sent: u64,
}

fn holes(connection: &Connection<'_>, start: &StreamStart) -> Result<(), String> {
    let mut at = StreamPosition { epoch: start.epoch, sequence: start.after_sequence };
    let mut span: Option<Span<'_>> = None;
    for seen in &connection.seen[1..] {
        // The first sequence that has to come or to be announced: within a span anything may be missing.
        let due = at.sequence + 1;
        let excused_to = span.as_ref().map_or(0, |span| span.gap.to_sequence);
        match seen {
            Seen::Event(event) if !event.retained => {
                let sequence = event.sequence;
                if sequence > due.max(excused_to + 1) && !connection.filtered() {
                    return Err(format!("event {sequence} after {} without a gap", at.sequence));
                }
                if sequence > excused_to {
                    finish(&mut span, connection)?;
                } else if let Some(span) = &mut span {
                    span.sent += 1;
                }
            }
            Seen::Gap(gap) => {
                finish(&mut span, connection)?;
                let due = due.max(excused_to + 1);
                if gap.from_sequence != due && !connection.filtered() {
                    return Err(format!("a gap from {} where {due} is due", gap.from_sequence));
                }
                let all = (gap.to_sequence.saturating_sub(gap.from_sequence)).saturating_add(1);
                match gap.cause() {
                    EventGapCause::Conflated => span = Some(Span { gap, sent: 0 }),
                    EventGapCause::Unspecified => return Err(format!("a gap without a cause: {gap:?}")),
                    EventGapCause::JournalOverflow | EventGapCause::SlowReader => {
                        if gap.lost_count != all {
                            return Err(format!("{} lost of {all} in {gap:?}", gap.lost_count));
                        }
                    }
                }
            }
            Seen::End(end) => end_is_exact(end, at, excused_to, connection)?,
            Seen::Asked(_) | Seen::Start(_) | Seen::Event(_) | Seen::Bookmark(_) => {}
            Seen::Disconnected(_) => {}
        }
        at = seen.position_after(Some(at)).unwrap_or(at);
    }
    // One that the connection did not live to finish has no number to check.
    if span.as_ref().is_some_and(|span| at.sequence >= span.gap.to_sequence) {
        finish(&mut span, connection)?;
    }
    Ok(())
}

/// All of a conflated span that was to be sent was sent: the number is exact.
fn finish(span: &mut Option<Span<'_>>, connection: &Connection<'_>) -> Result<(), String> {
    let Some(Span { gap, sent }) = span.take() else { return Ok(()) };
    let all = gap.to_sequence - gap.from_sequence + 1;
    // What a filter kept away is not lost, and not seen here.
    let exact =
        if connection.filtered() { gap.lost_count + sent <= all } else { gap.lost_count + sent == all };
    if exact {
        return Ok(());
    }
    Err(format!("{sent} of {all} conflated events came, but {} are announced as lost", gap.lost_count))
}

fn end_is_exact(
    end: &StreamEnd,
    at: StreamPosition,
    conflated_to: u64,
    connection: &Connection<'_>,
) -> Result<(), String> {
    let Some(last) = end.last_position else { return Err(format!("{end:?} has no position")) };
    let farthest = if connection.filtered() { u64::MAX } else { at.sequence.max(conflated_to) };
    let fits = last.epoch == at.epoch && (at.sequence..=farthest).contains(&last.sequence);
    if fits { Ok(()) } else { Err(format!("the end says {last:?} where {at:?} was seen")) }
}
