//! A subscriber that stops reading is cut alone.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{GetSessionRequest, SessionState, StreamEndReason};
use mxgateway_e2e::{Gateway, GatewayOptions, TestSession, until};

fn options(multiple: bool) -> GatewayOptions {
    let config = format!(
        "[sessions]\nallow_multiple_event_subscribers = {multiple}\n\
         [events]\nqueue_capacity = 200\n\
         [protocol]\nmax_stream_send_buffer_bytes = 16384\n"
    );
    GatewayOptions { config, ..GatewayOptions::default() }
}

async fn subscribers(session: &TestSession) -> usize {
    let request = GetSessionRequest { session_id: session.id() };
    let reply = session.client.clone().get_session(request).await.unwrap().into_inner();
    reply.session.unwrap().subscribers.len()
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_with_its_last_position_and_the_others_lose_nothing() {
    let gateway = Gateway::start_with(options(true)).await;
    let session = gateway.session().await;
    let mut reading = [session.stream().await, session.stream().await];
    // On a connection of its own: what it does not read must not hold up the others.
    let stuck = TestSession { client: gateway.narrow_client().await, opened: session.opened.clone() };
    let stuck_stream = stuck.stream().await;
    assert_eq!(subscribers(&session).await, 3);

    session.advise_tags(&["Fast_001.Count"]).await;
    until("the stuck reader is cut", async || {
        for stream in &mut reading {
            stream.events(100).await;
        }
        (subscribers(&session).await == 2).then_some(())
    })
    .await;
    // TestStream checks that there is no hole and no repetition.
    for stream in &mut reading {
        stream.events(200).await;
    }

    let (events, end, status) = stuck_stream.end().await;
    let Some(end) = end else { panic!("no end item, {} events, then {status:?}", events.len()) };
    assert_eq!(end.reason(), StreamEndReason::SlowReader);
    let last = end.last_position.expect("a last position");
    assert_eq!(events.last().map(|event| event.worker_sequence).unwrap_or_default(), last.sequence);
    assert_eq!(ErrorCode::of(&status.unwrap_err()), Some(ErrorCode::SlowSubscriber));
    // The position is good to come back with.
    let mut back = session.resume(last.epoch, last.sequence).await;
    back.event().await;
}

#[tokio::test]
async fn under_fail_fast_a_slow_only_subscriber_faults_the_session() {
    let gateway = Gateway::start_with(options(false)).await;
    let session = gateway.session().await;
    let stuck = TestSession { client: gateway.narrow_client().await, opened: session.opened.clone() };
    let stream = stuck.stream().await;
    session.advise_tags(&["Fast_001.Count"]).await;
    until("the session is faulted", async || {
        let request = GetSessionRequest { session_id: session.id() };
        let seen = session.client.clone().get_session(request).await.unwrap().into_inner().session.unwrap();
        (seen.state() == SessionState::Faulted).then_some(seen.state_reason)
    })
    .await;
    let (events, end, status) = stream.end().await;
    let Some(end) = end else { panic!("no end item, {} events, then {status:?}", events.len()) };
    assert_eq!(end.reason(), StreamEndReason::SlowReader);
    assert!(status.is_err());
}
