//! A stream that has nothing to send keeps a fresh position.

use mxgateway_contracts::v1::{EventFamily, EventFilter, ItemReference, StreamEventsRequest};
use mxgateway_e2e::{Gateway, promises};

use super::{Reader, stop_source};

#[tokio::test]
async fn a_quiet_stream_gets_bookmarks_that_are_good_to_come_back_with() {
    let gateway = Gateway::start_as(
        "[sessions]\nallow_multiple_event_subscribers = true\n[events]\nbookmark_interval_seconds = 0.05\n",
    )
    .await;
    let session = gateway.session().await;
    let mut stream = session.stream().await;
    for _ in 0..3 {
        assert_eq!(stream.bookmark().await, stream.position());
    }
    let (server, items) = session.advise_tags(&["TestMachine_001.TestInteger"]).await;
    let first = stream.event_of(EventFamily::OnDataChange, items[0]).await;
    let mark = stream.bookmark().await;
    assert_eq!(mark.sequence, first.worker_sequence);

    assert_eq!(session.write(server, items[0], 1).await, 0);
    let events = stream.events(2).await;
    let mut back = session.resume(mark.epoch, mark.sequence).await;
    assert_eq!((back.start.replay_gap, back.start.after_sequence), (None, mark.sequence));
    assert_eq!(back.events(2).await, events);
}

#[tokio::test]
async fn a_stream_whose_events_are_all_filtered_out_never_ages_out() {
    let gateway = Gateway::start_as(
        "[sessions]\nallow_multiple_event_subscribers = true\n[events]\nbookmark_interval_seconds = 0.02\n\
         replay_buffer_capacity = 16\nqueue_capacity = 1000\n",
    )
    .await;
    let session = gateway.session().await;
    let reader = Reader::of(session.stream_as("other", StreamEventsRequest::default()).await);
    let tags = ["TestMachine_001.TestInteger", "Fast_001.Count"];
    let server = session.register().await;
    let quiet = session.add_item(server, tags[0]).await;
    let item = ItemReference { server_handle: server, item_handle: quiet };
    let filter = EventFilter { families: vec![EventFamily::OnDataChange.into()], items: vec![item] };
    let request = StreamEventsRequest { filter: Some(filter), ..StreamEventsRequest::default() };
    let mut filtered = session.stream_as("filtered", request.clone()).await;
    let fast = session.add_item(server, tags[1]).await;
    session.advise(server, fast).await;

    // Three times as far as a subscriber may lag, all of it passed over.
    let mut marks = 0;
    while filtered.bookmark().await.sequence < 3000 {
        marks += 1;
    }
    assert!(marks > 1, "one bookmark is not a fresh position");
    // One that the filter lets through, in the middle of the others, and is not overtaken.
    session.advise(server, quiet).await;
    let event = filtered.event_of(EventFamily::OnDataChange, quiet).await;

    let end = stop_source(&session, server, &[fast]).await.newest_sequence;
    assert!(event.worker_sequence <= end);
    while filtered.position().sequence < end {
        filtered.bookmark().await;
    }
    // The ring holds sixteen events; the position is good all the same.
    let resume = Some(filtered.position());
    let back = session.stream_as("back", StreamEventsRequest { resume, ..request }).await;
    assert_eq!(back.start.replay_gap, None);
    assert_eq!(back.start.after_sequence, filtered.position().sequence);

    let (filtered, other) = (filtered.leave(), reader.stop_at(end).await);
    promises::assert_kept(promises::bookmarked_beside(&filtered, &other), &[&filtered, &other]);
    promises::assert_kept(promises::reliable_beside(&filtered, &other), &[&filtered, &other]);
}
