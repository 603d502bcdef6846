//! Several subscribers on one session.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{EventFamily, EventFilter, ItemReference, StreamEventsRequest};
use mxgateway_e2e::{Gateway, GatewayOptions, TestStream, until};

#[tokio::test]
async fn every_subscriber_gets_the_same_events() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    let mut first = session.stream().await;
    let mut second = session.stream().await;
    session.advise_tags(&["Fast_001.Count", "Tank_001.Level"]).await;
    let (mut left, mut right) = (first.events(500).await, second.events(500).await);
    assert_eq!(left, right);
    left.dedup_by_key(|event| event.worker_sequence);
    right.dedup_by_key(|event| event.worker_sequence);
    assert_eq!((left.len(), right.len()), (500, 500));
}

#[tokio::test]
async fn in_single_mode_a_second_subscriber_is_refused_until_the_first_is_gone() {
    let gateway = Gateway::start_with(GatewayOptions::default()).await;
    let session = gateway.session().await;
    let first = session.stream().await;
    let refused = session.try_stream(None).await.unwrap_err();
    assert_eq!(ErrorCode::of(&refused), Some(ErrorCode::EventSubscriberActive), "{refused:?}");
    drop(first);
    until("the place is free again", async || session.try_stream(None).await.ok()).await;
}

#[tokio::test]
async fn subscribers_are_limited() {
    let config =
        "[sessions]\nallow_multiple_event_subscribers = true\nmax_event_subscribers_per_session = 2\n";
    let gateway =
        Gateway::start_with(GatewayOptions { config: config.to_owned(), ..GatewayOptions::default() }).await;
    let session = gateway.session().await;
    let _streams = (session.stream().await, session.stream().await);
    let refused = session.try_stream(None).await.unwrap_err();
    assert_eq!(ErrorCode::of(&refused), Some(ErrorCode::EventSubscriberLimit), "{refused:?}");
}

#[tokio::test]
async fn a_filter_selects_items_for_its_subscriber_alone() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    let (server_handle, items) = session.advise_tags(&["Fast_001.Count", "Tank_001.Level"]).await;
    let item = ItemReference { server_handle, item_handle: items[1] };
    let filter = EventFilter { families: vec![EventFamily::OnDataChange.into()], items: vec![item] };
    let request = StreamEventsRequest {
        session_id: session.id(),
        filter: Some(filter),
        ..StreamEventsRequest::default()
    };
    let mut filtered = TestStream::begin(session.client.clone(), request).await.unwrap();
    assert!(filtered.events(5).await.iter().all(|event| event.item_handle == items[1]));
}
