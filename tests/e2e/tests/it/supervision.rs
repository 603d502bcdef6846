//! Workers that hang, fall silent or do not read: noticed, reported to all, and nobody else's trouble.

use std::time::{Duration, Instant};

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::inject_fault_command::Fault;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{
    HangApartmentFault, InjectFaultCommand, InvokeRequest, PingCommand, SessionState, StreamEndReason,
};
use mxgateway_e2e::{Gateway, GatewayOptions, TestSession, is_alive, resident_bytes, signal, until, within};
use rustix::process::Signal;
use tokio::task::JoinSet;
use tonic::Status;

/// Waits until a subscriber of each of these streams was told that the session faulted with this reason.
async fn assert_faulted(session: &TestSession, streams: [mxgateway_e2e::TestStream; 2], reason: &str) {
    for stream in streams {
        let (_, end, status) = stream.end().await;
        let end = end.expect("an end item");
        assert_eq!(end.reason(), StreamEndReason::SessionFaulted);
        assert!(end.message.contains(reason), "{end:?}");
        let status = status.unwrap_err();
        assert_eq!(ErrorCode::of(&status), Some(ErrorCode::SessionFaulted), "{status:?}");
        assert!(status.message().contains(reason), "{status:?}");
    }
    let status = session.status().await;
    assert_eq!(status.state(), SessionState::Faulted);
    assert!(status.state_reason.contains(reason), "{}", status.state_reason);
    assert!(!is_alive(session.opened.worker_process_id), "the worker was not ended");
}

async fn ping_for(session: &TestSession, milliseconds: i32, bytes: usize) -> Result<(), Status> {
    let request = InvokeRequest {
        session_id: session.id(),
        command: Some(Payload::Ping(PingCommand { message: "x".repeat(bytes) }).into()),
        timeout: Some(prost_types::Duration { seconds: 0, nanos: milliseconds * 1_000_000 }),
        ..InvokeRequest::default()
    };
    within("an answer", session.client.clone().invoke(request)).await.map(drop)
}

#[tokio::test]
async fn a_hung_apartment_is_reported_and_its_worker_ended_at_the_ceiling() {
    let gateway = Gateway::start_as(
        "[sessions]\nallow_multiple_event_subscribers = true\n[workers]\nheartbeat_interval_seconds = 0.2\n\
         heartbeat_grace_seconds = 4\nhung_apartment_ceiling_seconds = 5\n\
         [simulator]\nallow_fault_injection = true\n",
    )
    .await;
    let (session, other) = (gateway.session().await, gateway.session().await);
    let streams = [session.stream().await, session.stream().await];
    let mut beside = other.stream().await;
    other.advise_tags(&["Fast_001.Count"]).await;
    let duration = Some(prost_types::Duration { seconds: 600, nanos: 0 });
    let hang = Fault::HangApartment(HangApartmentFault { duration });
    let begun = Instant::now();
    session.reply(Payload::InjectFault(InjectFaultCommand { fault: Some(hang) })).await;
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.invoke(Payload::Ping(PingCommand::default())).await }
    });
    assert_faulted(&session, streams, "apartment thread does not answer").await;
    assert!(begun.elapsed() >= Duration::from_secs(5), "a slow call is no hung one: {:?}", begun.elapsed());
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(ErrorCode::of(&error), Some(ErrorCode::OutcomeUnknown), "{error:?}");
    beside.events(50).await;
}

#[tokio::test]
async fn a_worker_that_falls_silent_is_ended_after_the_grace() {
    let gateway = Gateway::start_as(
        "[sessions]\nallow_multiple_event_subscribers = true\n\
         [workers]\nheartbeat_interval_seconds = 0.2\nheartbeat_grace_seconds = 3\n",
    )
    .await;
    let (session, other) = (gateway.session().await, gateway.session().await);
    let streams = [session.stream().await, session.stream().await];
    signal(session.opened.worker_process_id, Signal::STOP);
    assert_faulted(&session, streams, "no sign of life for 3.").await;
    other.invoke(Payload::Ping(PingCommand::default())).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_stops_reading_costs_its_own_callers_their_time_and_nobody_anything_else() {
    let gateway = Gateway::start().await;
    let (session, other) = (gateway.session().await, gateway.session().await);
    let mut beside = other.stream().await;
    other.advise_tags(&["Fast_001.Count"]).await;
    ping_for(&session, 900, 1 << 20).await.unwrap();
    signal(session.opened.worker_process_id, Signal::STOP);
    let (mut timed_out, mut busy, mut resident) = (0, 0, Vec::new());
    for _ in 0..4 {
        let mut calls = JoinSet::new();
        for _ in 0..60 {
            let session = session.clone();
            calls.spawn(async move { ping_for(&session, 500, 1 << 20).await });
        }
        while let Some(call) = within("every call ends", calls.join_next()).await {
            let error = call.unwrap().unwrap_err();
            match ErrorCode::of(&error) {
                Some(ErrorCode::CommandTimeout) => timed_out += 1,
                Some(ErrorCode::WorkerUnavailable) => busy += 1,
                _ => panic!("{error:?}"),
            }
        }
        resident.push(resident_bytes(gateway.process_id()));
    }
    assert!(timed_out > 0 && busy > 0, "{timed_out} timed out, {busy} were refused");
    // The first round shows what is held at most; 180 MiB more of commands that nobody takes add nothing to that.
    assert!(resident[3] < resident[0] + (60 << 20), "{resident:?}");
    beside.events(100).await;
    ping_for(&other, 900, 1).await.unwrap();
    assert_eq!(session.status().await.state(), SessionState::Ready);
    signal(session.opened.worker_process_id, Signal::CONT);
    session.invoke(Payload::Ping(PingCommand::default())).await.unwrap();
}

#[tokio::test]
async fn workers_log_what_the_gateway_logs() {
    for (filter, says_ready) in [("warn", false), ("warn,mxgateway_worker_host=info", true)] {
        let arguments = ["--set", &format!("logging.filter={filter}"), "--set", "logging.format=json"];
        let arguments = arguments.map(str::to_owned).to_vec();
        let gateway = Gateway::start_with(GatewayOptions { arguments, ..GatewayOptions::default() }).await;
        let session = gateway.session().await;
        // Once it has ended, all that it says is in the log. A signal could come before it says anything.
        session.close().await;
        let ended = async || (!is_alive(session.opened.worker_process_id)).then_some(());
        until("the worker ends", ended).await;
        let log = gateway.log();
        let said: Vec<_> = log.lines().filter(|line| line.contains("Worker is ready")).collect();
        assert_eq!(said.len(), usize::from(says_ready), "{filter}: {log}");
        assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
    }
}
