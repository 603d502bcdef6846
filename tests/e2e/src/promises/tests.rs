//! Logs made by hand: good ones that pass, and the known bugs of others, each refused for its promise.

use mxgateway_contracts::v1::{
    EventFamily, EventFilter, EventGap, EventGapCause, ReplayGap, ReplayGapReason, StreamEnd,
    StreamEndReason, StreamEventsRequest, StreamPosition, StreamStart,
};

use super::*;

const EPOCH: u64 = 7;

fn at(sequence: u64) -> StreamPosition {
    StreamPosition { epoch: EPOCH, sequence }
}

fn asked(resume: Option<StreamPosition>) -> Seen {
    Seen::Asked(StreamEventsRequest { resume, ..StreamEventsRequest::default() })
}

fn asked_filtered(resume: Option<StreamPosition>, item_handle: i32) -> Seen {
    let item = mxgateway_contracts::v1::ItemReference { server_handle: 1, item_handle };
    let filter = Some(EventFilter { families: Vec::new(), items: vec![item] });
    Seen::Asked(StreamEventsRequest { resume, filter, ..StreamEventsRequest::default() })
}

fn start(after: u64) -> Seen {
    Seen::Start(StreamStart { epoch: EPOCH, after_sequence: after, ..StreamStart::default() })
}

fn start_with(gap: ReplayGap, epoch: u64, after: u64) -> Seen {
    let replay_gap = Some(gap);
    Seen::Start(StreamStart { epoch, after_sequence: after, replay_gap, ..StreamStart::default() })
}

fn replay_gap(asked: StreamPosition, reason: ReplayGapReason, lost: u64, oldest: u64) -> ReplayGap {
    ReplayGap {
        requested_after: Some(asked),
        oldest_available_sequence: oldest,
        lost_count: lost,
        reason: reason.into(),
    }
}

/// Events of item 1 are odd, of item 2 even.
fn event(sequence: u64) -> Seen {
    let item_handle = if sequence.is_multiple_of(2) { 2 } else { 1 };
    Seen::Event(SeenEvent {
        sequence,
        family: EventFamily::OnDataChange,
        server_handle: 1,
        item_handle,
        retained: false,
        payload: sequence * 1000,
        content: sequence,
    })
}

fn changed(sequence: u64, change: impl FnOnce(&mut SeenEvent)) -> Seen {
    let Seen::Event(mut event) = event(sequence) else { unreachable!("made as one") };
    change(&mut event);
    Seen::Event(event)
}

fn retained(sequence: u64) -> Seen {
    changed(sequence, |event| event.retained = true)
}

fn gap(from: u64, to: u64, lost: u64, cause: EventGapCause) -> Seen {
    let gap = EventGap { from_sequence: from, to_sequence: to, lost_count: lost, cause: cause.into() };
    Seen::Gap(gap)
}

fn bookmark(sequence: u64) -> Seen {
    Seen::Bookmark(at(sequence))
}

fn end(sequence: u64) -> Seen {
    let reason = StreamEndReason::SessionClosed.into();
    Seen::End(StreamEnd { reason, last_position: Some(at(sequence)), ..StreamEnd::default() })
}

fn lost() -> Seen {
    Seen::Disconnected("cut".to_owned())
}

fn log(seen: impl IntoIterator<Item = Seen>) -> Recording {
    Recording::of("made by hand", seen)
}

/// The log of one connection that is live after 10.
fn live(seen: impl IntoIterator<Item = Seen>) -> Recording {
    log([asked(None), start(10)].into_iter().chain(seen))
}

/// A client that saw 11 and 12, was cut and came back at 12.
fn back(first: Seen, seen: impl IntoIterator<Item = Seen>) -> Recording {
    let before = [asked(None), start(10), event(11), event(12), lost(), asked(Some(at(12))), first];
    log(before.into_iter().chain(seen))
}

#[track_caller]
fn refused(verdict: Verdict, promise: Promise, part: &str) {
    let broken = verdict.expect_err("a bad log must be refused");
    assert_eq!(broken.promise, promise, "{broken}");
    assert!(broken.to_string().contains(part), "{broken}");
}

use EventGapCause::{Conflated, JournalOverflow, SlowReader};
use Promise::{Bookmarked, Isolated, Ordered, Reliable, Resumable, Unique};

#[test]
fn good_logs_pass() {
    let (evicted, changed) = (ReplayGapReason::Evicted, ReplayGapReason::EpochChanged);
    let future = ReplayGapReason::FutureSequence;
    let good = [
        log([asked(None), lost()]),
        log([asked(None), start(0)]),
        live([event(11), event(12), bookmark(12), bookmark(12), event(13), end(13), lost()]),
        live([event(11), gap(12, 20, 9, JournalOverflow), event(21), gap(22, 22, 1, SlowReader), end(22)]),
        // Five of eight conflated away, then on; and one that was cut short.
        live([gap(11, 18, 5, Conflated), event(12), event(17), event(18), event(19)]),
        live([event(11), gap(12, 18, 5, Conflated), event(17), lost()]),
        // The end of the span was lost at the source.
        live([gap(11, 18, 7, Conflated), event(17), bookmark(18), event(19)]),
        live([gap(11, 18, 7, Conflated), event(17), end(18)]),
        live([retained(3), retained(10), event(11)]),
        back(start(12), [event(13), bookmark(13), lost(), asked(Some(at(13))), lost(), asked(Some(at(13)))]),
        back(start_with(replay_gap(at(12), evicted, 8, 21), EPOCH, 20), [event(21)]),
        back(start_with(replay_gap(at(12), evicted, 8, 0), EPOCH, 20), [event(21)]),
        back(start_with(replay_gap(at(12), changed, 3, 4), 8, 3), [event(4), event(5)]),
        log([asked(Some(at(99))), start_with(replay_gap(at(99), future, 0, 1), EPOCH, 5), event(6)]),
        // Live again, by its own will.
        log([asked(None), start(0), event(1), lost(), asked(None), start(9), event(10)]),
        log([asked_filtered(None, 1), start(10), event(11), bookmark(14), event(15), end(16)]),
    ];
    for log in good {
        assert_eq!(all(&log), Ok(()), "{log:?}");
    }
}

#[test]
fn a_stream_that_goes_back_in_time_is_not_ordered() {
    refused(ordered(&live([event(11), event(12), event(11)])), Ordered, "event 11 after 12");
    refused(ordered(&live([event(10)])), Ordered, "event 10 after 10");
    refused(ordered(&live([gap(11, 20, 10, JournalOverflow), event(15)])), Ordered, "event 15 after 20");
    refused(ordered(&live([event(11), gap(11, 20, 10, JournalOverflow)])), Ordered, "after 11");
    refused(ordered(&live([gap(12, 11, 1, JournalOverflow)])), Ordered, "after 10");
    // Over a reconnect, too.
    refused(ordered(&back(start(5), [event(6)])), Ordered, "event 6 after 12");
    refused(ordered(&live([event(11), retained(3)])), Ordered, "retained event 3");
    refused(ordered(&live([retained(5), retained(3)])), Ordered, "retained event 3");
    refused(ordered(&live([retained(11), event(11)])), Ordered, "retained event 11");
}

#[test]
fn an_end_that_is_not_last_and_a_start_that_is_not_first_are_not_ordered() {
    refused(ordered(&live([end(10), event(11)])), Ordered, "after the end");
    refused(ordered(&live([end(10), end(10)])), Ordered, "after the end");
    refused(ordered(&log([asked(None), event(1)])), Ordered, "begins with");
    refused(ordered(&live([start(10)])), Ordered, "second start");
}

#[test]
fn a_duplicate_after_a_resume_is_not_unique() {
    refused(unique(&back(start(11), [event(12)])), Unique, "event 12 came twice");
    refused(unique(&live([event(11), event(11)])), Unique, "event 11 came twice");
    let twice = [retained(3), changed(5, |event| event.retained = true)];
    refused(unique(&live(twice)), Unique, "item 1 is in one snapshot twice");
}

#[test]
fn a_hole_without_announcement_is_not_reliable() {
    refused(reliable(&live([event(11), event(13)])), Reliable, "event 13 after 11");
    // The first event after the start counts, and a hole before a gap.
    refused(reliable(&live([event(12)])), Reliable, "event 12 after 10");
    refused(reliable(&live([gap(13, 15, 3, JournalOverflow)])), Reliable, "a gap from 13");
    refused(reliable(&live([gap(11, 14, 2, Conflated), event(13), event(14), event(16)])), Reliable, "16");
    // A span's announcement that comes after the events it is about.
    refused(reliable(&live([event(14), gap(15, 14, 3, Conflated)])), Reliable, "event 14 after 10");
}

#[test]
fn an_inexact_number_is_not_reliable() {
    for lost in [0, 8, 10] {
        let inexact = live([event(11), gap(12, 20, lost, JournalOverflow)]);
        refused(reliable(&inexact), Reliable, "lost of 9");
    }
    refused(reliable(&live([gap(11, 20, 11, SlowReader)])), Reliable, "11 lost of 10");
    for lost in [0, 2, 4] {
        let inexact = live([gap(11, 14, lost, Conflated), event(14), event(15)]);
        refused(reliable(&inexact), Reliable, "1 of 4 conflated");
    }
    refused(reliable(&live([gap(11, 14, 3, Conflated), event(13), event(14)])), Reliable, "2 of 4");
    refused(reliable(&live([gap(11, 11, 1, EventGapCause::Unspecified)])), Reliable, "without a cause");
}

#[test]
fn an_end_at_another_place_is_not_reliable() {
    refused(reliable(&live([event(11), end(10)])), Reliable, "the end says");
    refused(reliable(&live([event(11), end(12)])), Reliable, "the end says");
    refused(reliable(&live([Seen::End(StreamEnd::default())])), Reliable, "no position");
}

#[test]
fn coming_back_somewhere_else_is_not_resumable() {
    refused(resumable(&back(start(13), [event(14)])), Resumable, "instead of");
    refused(resumable(&back(start(11), [event(12)])), Resumable, "instead of");
    let forgetful = log([asked(None), start(10), event(11), event(12), lost(), asked(Some(at(11)))]);
    refused(resumable(&forgetful), Resumable, "where");
    let other_epoch = Seen::Start(StreamStart { epoch: 8, after_sequence: 12, ..StreamStart::default() });
    refused(resumable(&back(other_epoch, [])), Resumable, "epoch 8");
    let unasked = start_with(replay_gap(at(0), ReplayGapReason::Evicted, 10, 11), EPOCH, 10);
    refused(resumable(&log([asked(None), unasked])), Resumable, "nothing was asked for");
}

#[test]
fn an_inexact_replay_gap_is_not_resumable() {
    let evicted = ReplayGapReason::Evicted;
    // Eviction exactly at the resume point: one event too few or too many.
    for (lost, after, oldest) in [(7, 20, 21), (9, 20, 21), (8, 20, 20), (8, 20, 22), (0, 12, 13)] {
        let inexact = back(start_with(replay_gap(at(12), evicted, lost, oldest), EPOCH, after), []);
        refused(resumable(&inexact), Resumable, "does not fit");
    }
    let of_another = back(start_with(replay_gap(at(11), evicted, 8, 21), EPOCH, 20), []);
    refused(resumable(&of_another), Resumable, "does not fit");
    for reason in [ReplayGapReason::Unspecified, ReplayGapReason::EpochChanged] {
        let wrong = back(start_with(replay_gap(at(12), reason, 8, 21), EPOCH, 20), []);
        refused(resumable(&wrong), Resumable, "does not fit");
    }
}

#[test]
fn a_future_position_that_gets_old_events_is_not_resumable() {
    let replay_gap = Some(replay_gap(at(99), ReplayGapReason::FutureSequence, 0, 1));
    let bounds =
        StreamStart { oldest_retained_sequence: 1, newest_retained_sequence: 5, ..Default::default() };
    let start = StreamStart { epoch: EPOCH, after_sequence: 0, replay_gap, ..bounds };
    refused(resumable(&log([asked(Some(at(99))), Seen::Start(start), event(1)])), Resumable, "does not fit");
}

#[test]
fn all_connections_together_leave_nothing_out() {
    // Each begins where it was asked to, but not all of the first one's events are there.
    let silent = log([asked(None), start(10), event(12), lost(), asked(Some(at(12))), start(12)]);
    refused(resumable(&silent), Resumable, "11 to 11 are missing");
    // An event that was announced as lost.
    let both = log([asked(None), start(10), gap(11, 20, 10, SlowReader), event(15)]);
    refused(resumable(&both), Resumable, "15 comes again");
}

#[test]
fn a_bookmark_that_overtakes_queued_events_is_refused() {
    let overtaking = live([event(11), bookmark(13), event(12), event(13)]);
    refused(bookmarked(&overtaking), Bookmarked, "a bookmark at 13 overtook the events after 11");
    refused(bookmarked(&live([event(11), bookmark(10)])), Bookmarked, "after 11 was seen");
    let epoch = Seen::Bookmark(StreamPosition { epoch: 8, sequence: 10 });
    refused(bookmarked(&live([epoch])), Bookmarked, "another epoch");
    let filtered = log([asked_filtered(None, 1), start(10), bookmark(14), event(13)]);
    refused(bookmarked(&filtered), Bookmarked, "event 13 was overtaken");
}

#[test]
fn beside_a_full_log_a_filtered_one_hides_nothing() {
    let full = live((11..=20).map(event));
    let odd = |seen: Vec<Seen>| log([asked_filtered(None, 1), start(10)].into_iter().chain(seen));
    let good = odd(vec![event(11), event(13), bookmark(14), event(15), event(17), event(19), bookmark(20)]);
    assert_eq!(reliable_beside(&good, &full).and_then(|()| bookmarked_beside(&good, &full)), Ok(()));

    let missing = odd(vec![event(11), event(15)]);
    refused(reliable_beside(&missing, &full), Reliable, "event 13, which made by hand got, is missing");
    let announced = odd(vec![event(11), gap(12, 14, 3, SlowReader), event(15)]);
    assert_eq!(reliable_beside(&announced, &full), Ok(()));
    refused(reliable_beside(&odd(vec![event(11), event(12)]), &full), Reliable, "did not pass the filter");
    let forged = odd(vec![changed(11, |event| event.payload = 1)]);
    refused(reliable_beside(&forged, &full), Reliable, "event 11 is not what");
    let other = live((11..=20).filter(|sequence| *sequence != 13).map(event));
    refused(reliable_beside(&odd(vec![event(11), event(13), event(15)]), &other), Reliable, "did not get");
    refused(reliable_beside(&odd(vec![]), &full), Reliable, "nothing in common");

    let overtaking = odd(vec![event(11), bookmark(14), event(15)]);
    refused(bookmarked_beside(&overtaking, &full), Bookmarked, "overtook event 13");
}

#[test]
fn a_reader_that_feels_another_s_trouble_is_not_isolated() {
    let without = live((11..=20).map(event));
    let same = Same::Payload;
    assert_eq!(isolated(&live((11..=18).map(event)), &without, same), Ok(()));
    refused(isolated(&live([]), &without, same), Isolated, "nothing in common");
    let missing = live([event(11), event(13), event(14)]);
    refused(isolated(&missing, &without, same), Isolated, "sequence: 12");
    let skipped = live([event(11), gap(12, 12, 1, SlowReader), event(13)]);
    refused(isolated(&skipped, &without, same), Isolated, "although it kept up");
    let lost = live([event(11), gap(12, 12, 1, JournalOverflow), event(13)]);
    refused(isolated(&lost, &without, same), Isolated, "sequence: 12");
    let reason = StreamEndReason::SlowReader.into();
    let cut = StreamEnd { reason, last_position: Some(at(11)), ..StreamEnd::default() };
    refused(isolated(&live([event(11), Seen::End(cut)]), &without, same), Isolated, "kept up");

    let later = live([changed(11, |event| event.payload = 1)]);
    refused(isolated(&later, &without, same), Isolated, "sequence: 11");
    assert_eq!(isolated(&later, &without, Same::Content), Ok(()), "the same at another time");
    let other = live([changed(11, |event| event.content = 1)]);
    refused(isolated(&other, &without, Same::Content), Isolated, "sequence: 11");
}

#[test]
fn what_is_broken_is_named() {
    refused(all(&back(start(11), [event(12)])), Unique, "event 12 came twice");
    refused(all(&live([event(11), bookmark(12), event(12)])), Bookmarked, "overtook");
    refused(all(&live([event(12), event(11)])), Ordered, "event 11 after 12");
    refused(all(&live([event(11), event(13)])), Reliable, "event 13 after 11");
    refused(all(&back(start(13), [event(14)])), Resumable, "instead of");
    let said = all(&live([event(11), event(13)])).unwrap_err().to_string();
    assert!(said.starts_with("the promise \"reliable\" is broken for made by hand"), "{said}");
}
