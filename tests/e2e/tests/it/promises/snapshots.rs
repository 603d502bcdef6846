//! A gap heals itself.

use std::collections::BTreeMap;

use mxgateway_client::{EventOptions, StreamUpdate};
use mxgateway_contracts::v1::{EventFamily, MxEvent, SnapshotMode, StreamEventsRequest};
use mxgateway_e2e::recording::SeenEvent;
use mxgateway_e2e::{ClientStream, Gateway, TestSession, promises};

use super::Reader;
use super::reconnecting::{at_once, leave_behind};

const CONFIG: &str =
    "[sessions]\nallow_multiple_event_subscribers = true\n[events]\nreplay_buffer_capacity = 64\n";

#[tokio::test]
async fn after_a_gap_a_client_gets_the_last_event_of_each_item_first() {
    let gateway = Gateway::start_as(CONFIG).await;
    let session = gateway.session().await;
    let reader = Reader::of(session.stream_as("other", StreamEventsRequest::default()).await);
    let proxy = gateway.proxy().await;
    let options = EventOptions { snapshot: SnapshotMode::OnGap, ..at_once() };
    let mut stream = ClientStream::new("client", proxy.endpoint(), session.id(), options);
    assert!(matches!(stream.update().await, StreamUpdate::Started(_)));
    // Two that never change, whose only event has left the ring long before, and one that changes always.
    let tags = ["TestMachine_001.TestInteger", "TestMachine_001.TestDouble", "Fast_001.Count"];
    let (_, items) = session.advise_tags(&tags).await;
    leave_behind(&session, &proxy, &mut stream, 300).await;

    let start = loop {
        if let StreamUpdate::Started(start) = stream.update().await {
            break start;
        }
    };
    assert!(start.replay_gap.is_some());
    let live = next_live(&mut stream).await;
    let snapshot: Vec<SeenEvent> = stream.log().events().filter(|event| event.retained).copied().collect();
    let mut handles: Vec<i32> = snapshot.iter().map(|event| event.item_handle).collect();
    handles.sort_unstable();
    assert_eq!(handles, items, "each item once");

    let (client, other) = (stream.log().clone(), reader.stop_at(live).await);
    // The real events, and the last of each item before the stream goes on.
    promises::assert_kept(promises::reliable_beside(&client, &other), &[&client, &other]);
    let mut last: BTreeMap<i32, SeenEvent> = BTreeMap::new();
    for event in other.live_events().filter(|event| event.sequence <= start.after_sequence) {
        if event.family == EventFamily::OnDataChange {
            last.insert(event.item_handle, *event);
        }
    }
    for event in snapshot {
        assert_eq!(event.payload, last[&event.item_handle].payload, "{event:?} is not the last one");
    }
}

/// Sequence of the next event that is not of a snapshot.
async fn next_live(stream: &mut ClientStream) -> u64 {
    loop {
        if let StreamUpdate::Event(event) = stream.update().await
            && !event.retained
        {
            return event.worker_sequence;
        }
    }
}

/// The retained events that a new stream begins with.
async fn snapshot(session: &TestSession, mode: SnapshotMode, count: usize) -> Vec<MxEvent> {
    let request = StreamEventsRequest { snapshot: mode.into(), ..StreamEventsRequest::default() };
    session.stream_as("snapshot", request).await.events(count).await
}

#[tokio::test]
async fn a_snapshot_can_be_had_always_and_holds_what_is_advised() {
    let gateway = Gateway::start_as(CONFIG).await;
    let session = gateway.session().await;
    let mut live = session.stream().await;
    let tags = ["TestMachine_001.TestInteger", "TestMachine_001.TestDouble"];
    let (server, items) = session.advise_tags(&tags).await;
    let mut events = live.events(2).await;
    assert_eq!(session.write(server, items[0], 5).await, 0);
    for event in live.events(2).await {
        if event.family() == EventFamily::OnDataChange {
            events[0] = event;
        }
    }
    events.sort_by_key(|event| event.worker_sequence);
    let expected: Vec<MxEvent> =
        events.into_iter().map(|event| MxEvent { retained: true, ..event }).collect();
    assert_eq!(snapshot(&session, SnapshotMode::Always, 2).await, expected);

    // Without a gap there is none on demand: the next event is a live one.
    let request =
        StreamEventsRequest { snapshot: SnapshotMode::OnGap.into(), ..StreamEventsRequest::default() };
    let mut on_gap = session.stream_as("on gap", request).await;
    assert_eq!(session.write(server, items[1], 1.5).await, 0);
    assert!(!on_gap.event().await.retained);
}
