//! Commands, events, and every way a running worker can fail.

use std::time::Duration;

use mxgateway_contracts::worker_v1::Command;
use mxgateway_session::core::distributor::SubscribeOptions;
use mxgateway_session::core::event::EventFamily;
use mxgateway_session::core::lifecycle::{CloseReason, Fault, SessionState};
use mxgateway_session::core::session::EndReason;
use mxgateway_session::{InvokeError, PortError, RefusalKind, StreamElement};
use tokio::task::JoinSet;

use crate::harness::{
    Harness, LIMIT, command, faulted, from_the_beginning, stream_to_end, unknown_outcome, within,
};

#[tokio::test]
async fn overlapping_calls_get_their_own_replies() {
    let harness = Harness::new("good");
    let session = harness.open().await;
    let mut calls = JoinSet::new();
    for number in 0..100 {
        let session = session.clone();
        calls.spawn(async move {
            let reply = session.invoke(command(&number.to_string()), LIMIT).await.unwrap();
            assert_eq!(reply.reply.diagnostic_text, number.to_string());
            assert!(!reply.repeated_request);
        });
    }
    assert_eq!(calls.join_all().await.len(), 100);
    within("the close", session.close(CloseReason::ClientClose)).await;
    harness.assert_nothing_left();
}

#[tokio::test]
async fn a_refusal_goes_through_and_hurts_nobody() {
    let harness = Harness::new("refuses");
    let session = harness.open().await;
    let refusal = session.invoke(command("a"), LIMIT).await.unwrap_err();
    let message = "Suspend is not for me".to_owned();
    let kind = RefusalKind::Unsupported;
    assert_eq!(refusal, InvokeError::Port(PortError::Refused { kind, message }));
    assert_eq!(session.state(), SessionState::Ready);
    within("the close", session.close(CloseReason::ClientClose)).await;
}

#[tokio::test]
async fn a_request_id_of_another_command_is_refused_as_that() {
    let harness = Harness::new("knows-the-request-id");
    let session = harness.open().await;
    let refusal = session.invoke(command("a"), LIMIT).await.unwrap_err();
    let InvokeError::Port(PortError::Refused { kind, .. }) = refusal else { panic!("{refusal}") };
    assert_eq!(kind, RefusalKind::RequestIdReused);
    within("the close", session.close(CloseReason::ClientClose)).await;
}

#[tokio::test]
async fn a_call_whose_client_left_is_cancelled_and_gives_its_place_back() {
    let harness = Harness::new("answers-nothing");
    let session = harness.open().await;
    let mut events = from_the_beginning(&session);
    let call = tokio::spawn({
        let session = session.clone();
        async move { session.invoke(command("a"), LIMIT).await }
    });
    within("the call to be sent", async {
        while session.pending_commands() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Another call is in the worker too, so the first one was sent before it.
    let outcome = session.invoke(command("b"), Duration::from_millis(50)).await;
    assert!(matches!(outcome, Err(InvokeError::Timeout { .. })), "{outcome:?}");
    call.abort();
    let mut cancelled = Vec::new();
    while cancelled.len() < 2 {
        match within("the worker to see both cancels", events.next()).await {
            Some(StreamElement::Events(events)) => {
                cancelled.extend(events.iter().map(|event| event.item.item_handle));
            }
            Some(StreamElement::Start(_) | StreamElement::Bookmark(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    cancelled.sort_unstable();
    assert_eq!((cancelled, session.pending_commands()), (vec![1, 2], 0));
    within("the close", session.close(CloseReason::ClientClose)).await;
}

#[tokio::test]
async fn every_call_in_flight_learns_that_its_outcome_is_unknown() {
    let harness = Harness::new("answers-nothing");
    let session = harness.open().await;
    let mut calls = JoinSet::new();
    for number in 0..10 {
        let session = session.clone();
        calls.spawn(async move { session.invoke(command(&number.to_string()), LIMIT).await });
    }
    within("the calls to wait", async {
        while session.pending_commands() < 10 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within("the kill", session.kill()).await;
    for outcome in within("the calls to end", calls.join_all()).await {
        unknown_outcome(outcome);
    }
    let late = session.invoke(command("late"), LIMIT).await.unwrap_err();
    assert!(matches!(late, InvokeError::NotUsable(_)), "{late}");
    harness.assert_nothing_left();
}

#[tokio::test]
async fn a_call_nobody_waits_for_is_cancelled_at_the_worker() {
    let harness = Harness::new("answers-nothing");
    let session = harness.open().await;
    let mut events = from_the_beginning(&session);
    for call_id in 1..=2 {
        let outcome = session.invoke(command("a"), Duration::from_millis(50)).await;
        assert!(matches!(outcome, Err(InvokeError::Timeout { .. })), "{outcome:?}");
        let event = loop {
            match within("the worker to see the cancel", events.next()).await {
                Some(StreamElement::Events(events)) => break events[0].clone(),
                Some(StreamElement::Start(_) | StreamElement::Bookmark(_)) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(event.item.item_handle, call_id);
    }
    within("the close", session.close(CloseReason::ClientClose)).await;
}

#[tokio::test]
async fn what_a_worker_sent_before_it_died_arrives() {
    let harness = Harness::new("floods");
    let session = harness.open().await;
    let (elements, reason) = stream_to_end(&session).await;
    assert_eq!(
        reason,
        EndReason::Faulted(Fault::WorkerExited("exit code 1 (unexpected failure)".to_owned()))
    );
    let mut sequences = Vec::new();
    let mut losses = Vec::new();
    let mut received = Vec::new();
    for element in elements {
        match element {
            StreamElement::Events(events) => {
                for event in events {
                    assert_eq!((event.family, event.item.item_handle), (EventFamily::DataChange, 7));
                    received.push(event.received);
                    sequences.push(event.sequence);
                }
            }
            StreamElement::Gap(gap) => losses.push((gap.from, gap.to)),
            StreamElement::Start(_) | StreamElement::Bookmark(_) => {}
            StreamElement::Retained(_) => panic!("no snapshot was asked for"),
            StreamElement::End { .. } => panic!("ended twice"),
        }
    }
    assert_eq!(sequences, (1..=200).chain(251..=350).collect::<Vec<_>>());
    assert_eq!(losses, [(201, 250)]);
    received.dedup();
    assert!(received.len() <= 3, "{} receive times for 3 frames", received.len());
    within("the worker to be gone", session.kill()).await;
    harness.assert_nothing_left();
}

#[tokio::test]
async fn a_worker_that_dies_mid_call_leaves_the_outcome_unknown() {
    let cases = [
        ("dies-mid-call", "exit code 1 (unexpected failure)"),
        ("is-killed-mid-call", "signal 6 (SIGABRT)"),
        ("hangs-up-mid-call", "it closed its connection, and was killed"),
    ];
    for (script, expected) in cases {
        let harness = Harness::new(script);
        let session = harness.open().await;
        let outcome = within("the call to end", session.invoke(command("a"), LIMIT)).await;
        let reason = unknown_outcome(outcome);
        assert_eq!(reason, format!("the worker ended: {expected}"), "{script}");
        assert_eq!(faulted(&session).await, Fault::WorkerExited(expected.to_owned()), "{script}");
        harness.assert_nothing_left();
    }
}

#[tokio::test]
async fn a_worker_that_breaks_the_protocol_is_killed() {
    let cases = [
        ("oversized-frame", "frame of 1048629 bytes is over the limit of 1048576 bytes"),
        ("sends-no-event", "it sent an event that is none: event has a malformed field at byte 0"),
        ("sends-a-command", "it sent Command, which is not for the gateway"),
    ];
    for (script, expected) in cases {
        let harness = Harness::new(script);
        let session = harness.open().await;
        if script == "oversized-frame" {
            session.invoke(command("a"), LIMIT).await.unwrap_err();
        }
        assert_eq!(faulted(&session).await, Fault::Protocol(expected.to_owned()), "{script}");
        harness.assert_nothing_left();
    }
}

#[tokio::test]
async fn a_hung_apartment_is_what_its_worker_says() {
    let harness = Harness::new("reports-a-hung-apartment");
    let session = harness.open().await;
    let expected = "apartment thread does not answer: 80 s".to_owned();
    assert_eq!(faulted(&session).await, Fault::WorkerHung(expected));
    harness.assert_nothing_left();
}

#[tokio::test]
async fn a_silent_worker_is_killed_after_the_grace() {
    let harness = Harness::with("goes-silent", |config, _| {
        config.heartbeat_interval = Duration::from_millis(50);
        config.heartbeat_grace = Duration::from_millis(400);
    });
    let session = harness.open().await;
    let opened = tokio::time::Instant::now();
    let Fault::WorkerHung(reason) = faulted(&session).await else { panic!("another fault") };
    assert!(reason.starts_with("no sign of life for 0."), "{reason}");
    assert!(opened.elapsed() >= Duration::from_millis(300), "killed after {:?}", opened.elapsed());
    harness.assert_nothing_left();
}

#[tokio::test]
async fn a_worker_that_gives_signs_of_life_is_left_alone() {
    let harness = Harness::with("good", |config, _| {
        config.heartbeat_interval = Duration::from_millis(50);
        config.heartbeat_grace = Duration::from_millis(1000);
    });
    let session = harness.open().await;
    let mut events = session.subscribe(SubscribeOptions::live()).unwrap();
    events.next().await;
    let quiet = tokio::time::timeout(Duration::from_millis(2500), events.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(session.state(), SessionState::Ready);
    within("the close", session.close(CloseReason::ClientClose)).await;
}

#[tokio::test]
async fn a_worker_that_does_not_read_blocks_nobody() {
    let harness = Harness::new("stops-reading");
    let session = harness.open().await;
    let large = "x".repeat(500_000);
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (session, large) = (session.clone(), large.clone());
        calls.spawn(async move { session.invoke(command(&large), LIMIT).await });
    }
    let first = within("the first answer", calls.join_next()).await.unwrap().unwrap();
    let busy = "it does not read, and too many bytes wait for it".to_owned();
    assert_eq!(first.unwrap_err(), InvokeError::Port(PortError::Busy(busy)));
    within("the kill", session.kill()).await;
    while let Some(call) = within("the others", calls.join_next()).await {
        let error = call.unwrap().unwrap_err();
        let expected = matches!(error, InvokeError::Port(PortError::Busy(_) | PortError::OutcomeUnknown(_)));
        assert!(expected, "{error}");
    }
    harness.assert_nothing_left();
}

#[tokio::test]
async fn a_command_that_is_too_large_hurts_only_itself() {
    let harness = Harness::new("good");
    let session = harness.open().await;
    let large = Command { request_id: "x".repeat(1 << 20), ..Command::default() };
    let error = session.invoke(large, LIMIT).await.unwrap_err();
    let InvokeError::Port(PortError::Refused { kind, message }) = &error else { panic!("{error}") };
    assert_eq!(*kind, RefusalKind::TooLarge);
    assert_eq!(message, "the command has 1048580 bytes, more than the 1048472 that a worker takes");
    // The largest that is taken passes the worker's limit too.
    let largest = command(&"x".repeat(1_048_472 - 4));
    session.invoke(largest, LIMIT).await.unwrap();
    within("the close", session.close(CloseReason::ClientClose)).await;
}

#[tokio::test]
async fn a_worker_that_ignores_the_shutdown_is_killed_after_the_limit() {
    let harness = Harness::with("ignores-shutdown", |_, settings| {
        settings.shutdown_timeout = Duration::from_millis(300);
    });
    let session = harness.open().await;
    let begun = tokio::time::Instant::now();
    within("the close", session.close(CloseReason::ClientClose)).await;
    assert!(begun.elapsed() >= Duration::from_millis(300), "killed after {:?}", begun.elapsed());
    assert_eq!(session.status().fault, None, "an end that was asked for is no fault");
    harness.assert_nothing_left();
}

#[tokio::test]
async fn a_kill_is_no_fault_and_ends_the_calls() {
    let harness = Harness::new("answers-nothing");
    let session = harness.open().await;
    let (outcome, _closed) =
        within("the kill", async { tokio::join!(session.invoke(command("a"), LIMIT), session.kill()) }).await;
    assert_eq!(unknown_outcome(outcome), "the worker ended: killed by the gateway");
    assert_eq!((session.state(), session.status().fault), (SessionState::Closed, None));
    harness.assert_nothing_left();
}

#[tokio::test]
async fn many_sessions_open_and_end_at_once() {
    let harness = Harness::new("good");
    let opened = within("16 sessions", async {
        let mut opening = Vec::new();
        for _ in 0..16 {
            opening.push(harness.manager.open(mxgateway_session::OpenOptions::default()));
        }
        let mut opened = Vec::new();
        for session in opening {
            opened.push(session.await.unwrap());
        }
        opened
    })
    .await;
    let mut processes: Vec<u32> = opened.iter().map(|session| session.worker().unwrap().process_id).collect();
    processes.sort_unstable();
    processes.dedup();
    assert_eq!(processes.len(), 16);
    within("the shutdown", harness.manager.shutdown()).await;
    for process in processes {
        assert!(!std::path::Path::new(&format!("/proc/{process}")).exists(), "process {process} is left");
    }
    harness.assert_nothing_left();
}
