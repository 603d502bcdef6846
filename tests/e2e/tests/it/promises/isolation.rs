//! What one subscriber does costs the others nothing.

use mxgateway_contracts::v1::{EventFamily, StreamEndReason, StreamEventsRequest};
use mxgateway_e2e::promises::{self, Same};
use mxgateway_e2e::recording::Recording;
use mxgateway_e2e::{Item, TestSession, TestStream, narrow_client, until};

use super::{BIG_TAGS, Reader, big_gateway};

#[tokio::test]
async fn two_readers_beside_one_that_stops_and_comes_back() {
    let (_galaxy, gateway) =
        big_gateway("[sessions]\nallow_multiple_event_subscribers = true\n[events]\nqueue_capacity = 1500\n")
            .await;
    let session = gateway.session().await;
    let others =
        [gateway.session().await, gateway.session().await].map(|other| session.through(other.client));
    let mut readers = Vec::new();
    for (other, name) in others.iter().zip(["first", "second"]) {
        readers.push(Reader::of(other.stream_as(name, StreamEventsRequest::default()).await));
    }
    let slow = session.through(gateway.narrow_client().await);
    let mut stream = slow.stream_as("slow", StreamEventsRequest::default()).await;
    session.advise_tags(&BIG_TAGS).await;
    until("the slow reader is cut", async || (session.status().await.subscribers.len() == 2).then_some(()))
        .await;

    let mut end = None;
    while let Some(item) = stream.next().await {
        if let Item::End(item) = item {
            end = Some(item);
        }
    }
    let end = end.expect("an end item");
    assert_eq!(end.reason(), StreamEndReason::SlowReader);
    assert_eq!(end.last_position, Some(stream.position()), "the end's position is not where the stream was");

    // Back at that position, on with the same log: the events it missed, or the exact number of them.
    let log = stream.log().clone();
    let request = StreamEventsRequest {
        session_id: session.id(),
        resume: end.last_position,
        ..StreamEventsRequest::default()
    };
    let mut stream = TestStream::record(slow.client.clone(), request, log).await.unwrap();
    stream.events(500).await;
    let to = stream.position().sequence;
    let slow = stream.leave();
    let mut logs = Vec::new();
    for reader in readers {
        logs.push(reader.stop_at(to).await);
    }
    let [first, second] = logs.as_slice() else { unreachable!("two readers") };
    promises::assert_kept(promises::isolated(first, second, Same::Payload), &[first, second, &slow]);
    promises::assert_kept(promises::isolated(second, first, Same::Payload), &[first, second, &slow]);
    promises::assert_kept(promises::reliable_beside(&slow, first), &[first, &slow]);
}

/// What a reader sees of a hundred writes, beside a stuck, a killed and a stalled one or alone.
async fn hundred_writes(beside: bool) -> Recording {
    let (_galaxy, gateway) = big_gateway(
        "[sessions]\nallow_multiple_event_subscribers = true\n[events]\nqueue_capacity = 50\n\
         [protocol]\nmax_stream_send_buffer_bytes = 4096\n",
    )
    .await;
    let session = gateway.session().await;
    let name = if beside { "beside" } else { "alone" };
    let mut healthy = session.stream_as(name, StreamEventsRequest::default()).await;
    let mut bad = Vec::new();
    let (killed, stalled) = (gateway.proxy().await, gateway.proxy().await);
    if beside {
        for client in [
            gateway.narrow_client().await,
            narrow_client(killed.endpoint()).await,
            narrow_client(stalled.endpoint()).await,
        ] {
            bad.push(session.through(client).stream().await);
        }
        stalled.stall(true);
    }
    let (server, items) = session.advise_tags(&["Big_001.Text"]).await;
    healthy.event_of(EventFamily::OnDataChange, items[0]).await;
    for number in 0..100 {
        if number == 50 {
            killed.cut(true);
        }
        let value = format!("{number:04}").repeat(1024);
        assert_eq!(session.write(server, items[0], value).await, 0);
        healthy.events(2).await;
    }
    if beside {
        until("the bad readers are cut or gone", async || only_one_is_left(&session).await.then_some(()))
            .await;
        stalled.cut(true);
    }
    healthy.leave()
}

async fn only_one_is_left(session: &TestSession) -> bool {
    session.status().await.subscribers.len() == 1
}

#[tokio::test]
async fn a_reader_beside_stuck_killed_and_stalled_ones_sees_what_it_sees_alone() {
    let alone = hundred_writes(false).await;
    let beside = hundred_writes(true).await;
    assert!(alone.live_events().count() >= 201);
    promises::assert_kept(promises::isolated(&beside, &alone, Same::Content), &[&beside, &alone]);
}
