//! Readers that do not keep up and asked to go on all the same. One that asked to be cut: `isolation.rs`.

use std::collections::BTreeSet;

use mxgateway_contracts::v1::{EventFamily, EventGap, EventGapCause, SlowReaderPolicy, StreamEventsRequest};
use mxgateway_e2e::{Item, TestSession, TestStream, promises, until};

use super::{BIG_TAGS, Reader, big_gateway, newest};

const LAG: u64 = 1500;

/// The next gap; what comes before it is passed over.
async fn gap(stream: &mut TestStream) -> EventGap {
    loop {
        match stream.next().await {
            Some(Item::Gap(gap)) => return gap,
            Some(Item::Event(_) | Item::Bookmark(_)) => {}
            other => panic!("{other:?} instead of a gap"),
        }
    }
}

async fn fall_behind(session: &TestSession, position: u64) {
    until("the session is far ahead", async || (newest(session).await > position + 3 * LAG).then_some(()))
        .await;
}

/// A reader with this policy falls behind twice; gives the gaps. Checks all promises.
async fn falls_behind(policy: SlowReaderPolicy) -> Vec<EventGap> {
    let (_galaxy, gateway) = big_gateway(&format!(
        "[sessions]\nallow_multiple_event_subscribers = true\n[events]\nqueue_capacity = {LAG}\n\
         replay_buffer_capacity = 100\n[protocol]\nmax_stream_send_buffer_bytes = 16384\n"
    ))
    .await;
    let session = gateway.session().await;
    let reader = Reader::of(session.stream_as("other", StreamEventsRequest::default()).await);
    let slow = session.through(gateway.narrow_client().await);
    let request = StreamEventsRequest { slow_reader_policy: policy.into(), ..StreamEventsRequest::default() };
    let mut stream = slow.stream_as("slow", request).await;
    let (server, items) = session.advise_tags(&BIG_TAGS).await;
    let quiet = session.add_item(server, "Big_001.Quiet").await;
    session.advise(server, quiet).await;

    let mut gaps = Vec::new();
    for _ in 0..2 {
        fall_behind(&session, stream.position().sequence).await;
        // Changes while nobody reads; its completions are events too.
        assert_eq!(session.write(server, quiet, 1).await, 0);
        gaps.push(gap(&mut stream).await);
        let mut waiting: BTreeSet<i32> = items.iter().copied().collect();
        while !waiting.is_empty() {
            if let Some(Item::Event(event)) = stream.next().await
                && event.family() == EventFamily::OnDataChange
            {
                waiting.remove(&event.item_handle);
            }
        }
    }
    // What was announced is over once the stream has passed it.
    stream.read_to(gaps[1].to_sequence).await;
    assert_eq!(session.status().await.subscribers.len(), 2, "nobody is cut");
    let slow = stream.leave();
    let other = reader.stop_at(slow.position().unwrap().sequence).await;
    promises::assert_kept(promises::reliable_beside(&slow, &other), &[&slow, &other]);
    gaps
}

#[tokio::test]
async fn a_reader_may_go_on_with_a_gap() {
    for gap in falls_behind(SlowReaderPolicy::GapAndContinue).await {
        assert_eq!(gap.cause(), EventGapCause::SlowReader, "{gap:?}");
        assert!(gap.lost_count > LAG, "{gap:?}");
    }
}

#[tokio::test]
async fn a_reader_may_ask_for_the_newest_of_each_item() {
    for gap in falls_behind(SlowReaderPolicy::LatestPerItem).await {
        assert_eq!(gap.cause(), EventGapCause::Conflated, "{gap:?}");
        assert!(gap.lost_count < gap.to_sequence - gap.from_sequence + 1, "{gap:?} although some came");
    }
}
