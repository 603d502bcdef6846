//! Coming back to a stream: exactly what is missing, or an exact account of what is lost.

use mxgateway_contracts::v1::{EventFamily, MxEvent, ReplayGapReason};
use mxgateway_e2e::{Gateway, GatewayOptions, TestSession};

/// Sixteen retained events, and a session that has made `events` of them and makes no more.
async fn quiet_session(events: u64) -> (Gateway, TestSession, Vec<MxEvent>) {
    let config =
        "[sessions]\nallow_multiple_event_subscribers = true\n[events]\nreplay_buffer_capacity = 16\n";
    let gateway =
        Gateway::start_with(GatewayOptions { config: config.to_owned(), ..GatewayOptions::default() }).await;
    let session = gateway.session().await;
    let mut stream = session.stream().await;
    let (server, items) = session.advise_tags(&["TestMachine_001.TestInteger"]).await;
    // The first value, and two events for each write.
    let mut seen = vec![stream.event_of(EventFamily::OnDataChange, items[0]).await];
    let mut value = 0;
    while (seen.len() as u64) < events {
        value += 1;
        assert_eq!(session.write(server, items[0], value).await, 0);
        seen.extend(stream.events(2).await);
    }
    assert_eq!(seen.len() as u64, events);
    (gateway, session, seen)
}

#[tokio::test]
async fn a_known_position_gets_exactly_the_missing_events() {
    let (_gateway, session, seen) = quiet_session(11).await;
    for after in [0, 4, 10] {
        let mut stream = session.resume(session.opened.epoch, after).await;
        assert_eq!(stream.start.replay_gap, None);
        assert_eq!(stream.start.after_sequence, after);
        let missing = &seen[usize::try_from(after).unwrap()..];
        assert_eq!(stream.events(missing.len()).await, missing);
    }
    let stream = session.resume(session.opened.epoch, 11).await;
    assert_eq!((stream.start.after_sequence, stream.start.replay_gap), (11, None));
}

#[tokio::test]
async fn beyond_the_ring_the_gap_is_exact() {
    let (_gateway, session, seen) = quiet_session(41).await;
    let mut stream = session.resume(session.opened.epoch, 5).await;
    let gap = stream.start.replay_gap.expect("a gap");
    assert_eq!(gap.reason(), ReplayGapReason::Evicted);
    assert_eq!((gap.lost_count, gap.oldest_available_sequence), (20, 26));
    assert_eq!(gap.requested_after.unwrap().sequence, 5);
    assert_eq!(stream.start.after_sequence, 25);
    assert_eq!(stream.events(16).await, &seen[25..]);

    let edge = session.resume(session.opened.epoch, 25).await;
    assert_eq!(edge.start.replay_gap, None, "the oldest retained event follows this position");
}

#[tokio::test]
async fn a_wrong_epoch_and_a_future_sequence_are_named() {
    let (_gateway, session, seen) = quiet_session(5).await;
    let mut stream = session.resume(session.opened.epoch ^ 1, 3).await;
    let gap = stream.start.replay_gap.expect("a gap");
    assert_eq!((gap.reason(), gap.lost_count), (ReplayGapReason::EpochChanged, 0));
    assert_eq!(stream.start.epoch, session.opened.epoch);
    assert_eq!(stream.events(5).await, seen);

    let stream = session.resume(session.opened.epoch, 1000).await;
    let gap = stream.start.replay_gap.expect("a gap");
    assert_eq!((gap.reason(), gap.lost_count), (ReplayGapReason::FutureSequence, 0));
    assert_eq!(stream.start.after_sequence, 5, "no old event is sent for a future position");
}
