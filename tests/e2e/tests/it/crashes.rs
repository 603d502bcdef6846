//! Processes that die: the damage stays where it belongs.

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{GetSessionRequest, PingCommand, SessionState, StreamEndReason};
use mxgateway_e2e::{Gateway, is_alive, signal, until};
use rustix::process::Signal;

#[tokio::test]
async fn a_killed_worker_faults_its_session_and_no_other() {
    let gateway = Gateway::start().await;
    let (victim, other) = (gateway.session().await, gateway.session().await);
    let stream = victim.stream().await;
    let mut other_stream = other.stream().await;
    other.advise_tags(&["Fast_001.Count"]).await;

    signal(victim.opened.worker_process_id, Signal::KILL);
    let (_, end, status) = stream.end().await;
    assert_eq!(end.expect("an end item").reason(), StreamEndReason::SessionFaulted);
    let status = status.unwrap_err();
    assert_eq!(ErrorCode::of(&status), Some(ErrorCode::SessionFaulted), "{status:?}");
    let error = victim.invoke(Payload::Ping(PingCommand::default())).await.unwrap_err();
    assert_eq!(ErrorCode::of(&error), Some(ErrorCode::SessionFaulted), "{error:?}");

    let request = GetSessionRequest { session_id: victim.id() };
    let seen = victim.client.clone().get_session(request).await.unwrap().into_inner().session.unwrap();
    assert_eq!(seen.state(), SessionState::Faulted);
    assert!(seen.state_reason.contains("signal 9"), "{}", seen.state_reason);
    assert!(!is_alive(victim.opened.worker_process_id));
    assert_eq!(victim.close().await.final_state(), SessionState::Closed);

    other_stream.events(200).await;
}

#[tokio::test]
async fn workers_end_with_a_gateway_that_is_killed() {
    let mut gateway = Gateway::start().await;
    let sessions = [gateway.session().await, gateway.session().await];
    gateway.kill().await;
    for session in sessions {
        until("the worker ends", async || (!is_alive(session.opened.worker_process_id)).then_some(())).await;
    }
}
