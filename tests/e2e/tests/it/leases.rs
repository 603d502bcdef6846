//! How long sessions live without their clients, and what is said at their end.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{CloseReason, PingCommand, SessionState, StreamEndReason};
use mxgateway_e2e::{Gateway, TestSession, is_alive, until};

/// Waits until it is over; asks for the process, because asking for the session may count as activity.
async fn ended(session: &TestSession, by: CloseReason, reason: &str) {
    until("the worker ends", async || (!is_alive(session.opened.worker_process_id)).then_some(())).await;
    let status = until("the session is closed", async || {
        let status = session.status().await;
        (status.state() == SessionState::Closed).then_some(status)
    })
    .await;
    assert_eq!((status.close_reason(), status.state_reason.as_str()), (by, reason));
    let error = session.invoke(Payload::Ping(PingCommand::default())).await.unwrap_err();
    assert_eq!(ErrorCode::of(&error), Some(ErrorCode::SessionClosed), "{error:?}");
    let error = session.try_stream(None).await.unwrap_err();
    assert_eq!(ErrorCode::of(&error), Some(ErrorCode::SessionClosed), "{error:?}");
}

#[tokio::test]
async fn a_stream_holds_its_session_and_without_grace_the_lease_alone_counts() {
    let gateway = Gateway::start_as(
        "[sessions]\ndefault_lease_seconds = 0.5\ndetach_grace_seconds = 0\nlease_sweep_interval_seconds = 0.05\n",
    )
    .await;
    let held = gateway.session().await;
    let stream = held.stream().await;
    // Longer than the lease of the one that is held.
    for _ in 0..2 {
        let left = gateway.session().await;
        ended(&left, CloseReason::LeaseExpired, "lease-expired").await;
    }
    assert_eq!(held.status().await.state(), SessionState::Ready);
    drop(stream);
    ended(&held, CloseReason::LeaseExpired, "lease-expired").await;
}

#[tokio::test]
async fn a_session_whose_last_subscriber_left_is_closed_after_the_grace() {
    let gateway = Gateway::start_as(
        "[sessions]\nallow_multiple_event_subscribers = true\ndetach_grace_seconds = 0.5\n\
         lease_sweep_interval_seconds = 0.05\n",
    )
    .await;
    let (session, other) = (gateway.session().await, gateway.session().await);
    let streams = (session.stream().await, session.stream().await);
    drop(streams.0);
    assert_eq!(session.status().await.state(), SessionState::Ready);
    drop(streams.1);
    ended(&session, CloseReason::DetachGraceExpired, "detach-grace-expired").await;
    // It never had a subscriber, and its lease is long.
    assert_eq!(other.status().await.state(), SessionState::Ready);
}

#[tokio::test]
async fn a_close_is_told_to_every_subscriber_and_can_be_repeated() {
    let gateway = Gateway::start().await;
    let session = gateway.session().await;
    let streams = [session.stream().await, session.stream().await];
    let closed = session.close().await;
    assert_eq!((closed.final_state(), closed.already_closed), (SessionState::Closed, false));
    for stream in streams {
        let (_, end, status) = stream.end().await;
        assert_eq!(end.expect("an end item").reason(), StreamEndReason::SessionClosed);
        assert!(status.is_ok(), "what a client asked for is no error: {status:?}");
    }
    ended(&session, CloseReason::ClientClose, "client-close").await;
    let again = session.close().await;
    assert_eq!((again.final_state(), again.already_closed), (SessionState::Closed, true));
}
