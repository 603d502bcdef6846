//! A client that comes back by itself, over a connection that breaks.

use std::time::Duration;

use mxgateway_client::{EventOptions, ReconnectPolicy, StreamUpdate};
use mxgateway_contracts::v1::{ReplayGapReason, StreamEventsRequest};
use mxgateway_e2e::promises::{self, Same};
use mxgateway_e2e::{ClientStream, Gateway, Random, TestSession, until};

use super::{Reader, newest};

const CUTS: usize = 50;

pub(super) fn at_once() -> EventOptions {
    let reconnect = ReconnectPolicy {
        initial_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(20),
        ..ReconnectPolicy::default()
    };
    EventOptions { reconnect, ..EventOptions::default() }
}

/// Reads until an event comes; gives its sequence.
async fn event(stream: &mut ClientStream) -> u64 {
    loop {
        if let StreamUpdate::Event(event) = stream.update().await {
            return event.worker_sequence;
        }
    }
}

#[tokio::test]
async fn fifty_cuts_at_random_moments_under_load_lose_nothing_and_repeat_nothing() {
    let mut random = Random::from_environment();
    let gateway = Gateway::start_as(
        "[sessions]\nallow_multiple_event_subscribers = true\nmax_event_subscribers_per_session = 100\n\
         [events]\nqueue_capacity = 1000000\nreplay_buffer_capacity = 1000000\n",
    )
    .await;
    let session = gateway.session().await;
    let mut readers = Vec::new();
    for name in ["first", "second"] {
        let other = session.through(gateway.client().await);
        readers.push(Reader::of(other.stream_as(name, StreamEventsRequest::default()).await));
    }
    let proxy = gateway.proxy().await;
    let mut stream = ClientStream::new("client", proxy.endpoint(), session.id(), at_once());
    assert!(matches!(stream.update().await, StreamUpdate::Started(_)));
    session.advise_tags(&["Fast_001.Count", "Tank_001.Level", "Host.Memory.Used"]).await;

    for cut in 0..CUTS {
        match random.below(8) {
            // Between two events as the client sees them: in order, or with what is on its way lost.
            kind @ 0..=1 => {
                for _ in 0..=random.below(100) {
                    event(&mut stream).await;
                }
                proxy.stall(kind == 1);
                proxy.cut(kind == 1);
                proxy.stall(false);
            }
            // Anywhere, also within a frame or the handshake of HTTP/2.
            2 => proxy.cut_after(random.below(300)),
            _ => proxy.cut_after(random.below(12_000)),
        }
        loop {
            match stream.update().await {
                StreamUpdate::Disconnected { .. } => break,
                StreamUpdate::Gap(gap) => panic!("{gap:?} at cut {cut}"),
                StreamUpdate::Started(start) => {
                    assert_eq!(start.replay_gap, None, "everything is retained");
                }
                StreamUpdate::Event(_) | StreamUpdate::Bookmark(_) => {}
                StreamUpdate::Ended(end) => panic!("{end:?} at cut {cut}"),
            }
        }
    }
    proxy.cut_no_more();
    for _ in 0..200 {
        event(&mut stream).await;
    }

    let to = stream.position().unwrap().sequence;
    let client = stream.log().clone();
    for reader in readers {
        let other = reader.stop_at(to).await;
        promises::assert_kept(promises::isolated(&client, &other, Same::Payload), &[&client, &other]);
        promises::assert_kept(promises::isolated(&other, &client, Same::Payload), &[&client, &other]);
    }
}

/// Cuts the client off until the session is this many events further.
pub(super) async fn leave_behind(
    session: &TestSession,
    proxy: &mxgateway_e2e::Proxy,
    stream: &mut ClientStream,
    events: u64,
) {
    proxy.refuse(true);
    proxy.cut(true);
    while !matches!(stream.update().await, StreamUpdate::Disconnected { .. }) {}
    let position = stream.position().unwrap().sequence;
    until("the session goes on", async || (newest(session).await > position + events).then_some(())).await;
    proxy.refuse(false);
}

#[tokio::test]
async fn a_client_that_was_away_too_long_is_told_exactly_what_it_missed() {
    let gateway = Gateway::start_as(
        "[sessions]\nallow_multiple_event_subscribers = true\n[events]\nreplay_buffer_capacity = 64\n",
    )
    .await;
    let session = gateway.session().await;
    let reader = Reader::of(session.stream_as("other", StreamEventsRequest::default()).await);
    let proxy = gateway.proxy().await;
    let mut stream = ClientStream::new("client", proxy.endpoint(), session.id(), at_once());
    assert!(matches!(stream.update().await, StreamUpdate::Started(_)));
    session.advise_tags(&["Fast_001.Count"]).await;

    for _ in 0..5 {
        event(&mut stream).await;
        leave_behind(&session, &proxy, &mut stream, 300).await;
        let asked = stream.position().unwrap();
        let start = loop {
            if let StreamUpdate::Started(start) = stream.update().await {
                break start;
            }
        };
        let gap = start.replay_gap.expect("64 events are retained and 300 were missed");
        assert_eq!((gap.reason(), gap.requested_after), (ReplayGapReason::Evicted, Some(asked)));
        let next = event(&mut stream).await;
        assert_eq!(
            gap.lost_count,
            next - asked.sequence - 1,
            "what is missing is exactly what was announced"
        );
    }
    let to = stream.position().unwrap().sequence;
    let (client, other) = (stream.log().clone(), reader.stop_at(to).await);
    promises::assert_kept(promises::reliable_beside(&client, &other), &[&client, &other]);
}
