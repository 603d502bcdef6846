//! What there may be at once, and what one more is told.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::inject_fault_command::Fault;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{HangApartmentFault, InjectFaultCommand, OpenSessionRequest, PingCommand};
use mxgateway_e2e::{Gateway, within};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The exact error: status, code, and the key that sets the limit.
fn assert_exhausted(status: &Status, code: ErrorCode, key: &str) {
    assert_eq!((status.code(), ErrorCode::of(status)), (Code::ResourceExhausted, Some(code)), "{status:?}");
    assert!(status.message().contains(key), "{status:?}");
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("mxgateway", code.code()));
}

#[tokio::test]
async fn one_session_more_is_refused_until_another_ends() {
    let gateway = Gateway::start_as("[sessions]\nmax_sessions = 2\n").await;
    let (first, _second) = (gateway.session().await, gateway.session().await);
    let refused =
        within("a refusal", gateway.client().await.open_session(OpenSessionRequest::default())).await;
    assert_exhausted(&refused.unwrap_err(), ErrorCode::SessionLimit, "sessions.max_sessions");
    first.close().await;
    gateway.session().await;
}

#[tokio::test]
async fn one_subscriber_more_is_refused_by_an_error_that_names_the_key() {
    let gateway = Gateway::start_as(
        "[sessions]\nallow_multiple_event_subscribers = true\nmax_event_subscribers_per_session = 1\n",
    )
    .await;
    let session = gateway.session().await;
    let _stream = session.stream().await;
    let refused = session.try_stream(None).await.unwrap_err();
    let key = "sessions.max_event_subscribers_per_session";
    assert_exhausted(&refused, ErrorCode::EventSubscriberLimit, key);
    assert_eq!(refused.get_details_error_info().unwrap().metadata["session_id"], session.id());
}

#[tokio::test]
async fn one_command_more_is_refused_and_the_others_are_answered() {
    let gateway = Gateway::start_as(
        "[sessions]\nmax_pending_commands_per_session = 2\n[simulator]\nallow_fault_injection = true\n",
    )
    .await;
    let (session, other) = (gateway.session().await, gateway.session().await);
    let duration = Some(prost_types::Duration { seconds: 3, nanos: 0 });
    let hang = Fault::HangApartment(HangApartmentFault { duration });
    session.reply(Payload::InjectFault(InjectFaultCommand { fault: Some(hang) })).await;
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        let session = session.clone();
        calls.spawn(async move { session.invoke(Payload::Ping(PingCommand::default())).await });
    }
    // The others wait for the apartment.
    let refused = within("a refusal", calls.join_next()).await.unwrap().unwrap().unwrap_err();
    assert_exhausted(&refused, ErrorCode::PendingCommandLimit, "sessions.max_pending_commands_per_session");
    assert_eq!(refused.get_details_error_info().unwrap().metadata["session_id"], session.id());
    other.invoke(Payload::Ping(PingCommand::default())).await.unwrap();
    for _ in 0..2 {
        within("a reply", calls.join_next()).await.unwrap().unwrap().unwrap();
    }
    session.invoke(Payload::Ping(PingCommand::default())).await.unwrap();
}
