//! The process of a worker that lives on without its gateway.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{GetSessionStateCommand, MxCommandReply, RegisterCommand};
use mxgateway_contracts::worker_v1::{Bootstrap, Command, Shutdown, envelope::Body};
use mxgateway_worker_host::ExitReason;
use rustix::process::{Pid, Signal, kill_process};

use super::worker::{Gateway, adopt, reason, serving_with};

const LIMIT: Duration = Duration::from_secs(20);

fn lives(seconds: i64, nanos: i32) -> impl FnOnce(&mut Bootstrap) {
    move |bootstrap| bootstrap.max_orphan_lifetime = Some(prost_types::Duration { seconds, nanos })
}

async fn call(gateway: &mut Gateway, call_id: u64, payload: Payload) -> MxCommandReply {
    let command = Command { command: Some(payload.into()), ..Command::default() };
    gateway.writer.send(call_id, Body::Command(command)).await.unwrap();
    loop {
        let received =
            tokio::time::timeout(LIMIT, gateway.reader.read()).await.expect("no reply").unwrap().unwrap();
        if let Body::CommandReply(reply) = received.body {
            assert_eq!(received.call_id, call_id);
            return reply.reply.unwrap();
        }
    }
}

/// Waits for the process in a thread of its own, with a limit.
async fn ended(mut child: std::process::Child) -> ExitStatus {
    let waiting = tokio::task::spawn_blocking(move || child.wait().unwrap());
    tokio::time::timeout(LIMIT, waiting).await.expect("the worker did not end").unwrap()
}

fn terminate(child: &std::process::Child) {
    kill_process(Pid::from_child(child), Signal::TERM).unwrap();
}

#[tokio::test]
async fn a_process_is_taken_over_again_and_again_also_without_its_standard_error() {
    let mut gateway = serving_with(lives(60, 0)).await;
    let epoch = gateway.ready.epoch;
    let register = Payload::Register(RegisterCommand { client_name: "test".to_owned() });
    call(&mut gateway, 1, register).await;
    // What the worker logs of its loss goes nowhere, and it must live through that.
    drop(gateway.child.stderr.take());
    for generation in 2..5 {
        let Gateway { child, folder, reader, writer, .. } = gateway;
        drop((reader, writer));
        gateway = adopt(child, folder, generation).await;
        assert_eq!(gateway.ready.epoch, epoch);
        let state = call(&mut gateway, 1, Payload::GetSessionState(GetSessionStateCommand {})).await;
        assert!(
            matches!(&state.payload, Some(Reply::GetSessionState(state)) if state.registrations.len() == 1),
            "{state:?}"
        );
    }
    gateway.writer.send(5, Body::Shutdown(Shutdown::default())).await.unwrap();
    while gateway.reader.read().await.unwrap().is_some() {}
    assert_eq!(reason(ended(gateway.child).await), Some(ExitReason::Success));
}

#[tokio::test]
async fn its_life_without_a_gateway_ends() {
    let gateway = serving_with(lives(0, 300_000_000)).await;
    let Gateway { child, folder: _folder, reader, writer, .. } = gateway;
    drop((reader, writer));
    let begun = Instant::now();
    let mut child = child;
    let mut log = child.stderr.take().unwrap();
    assert_eq!(reason(ended(child).await), Some(ExitReason::OrphanExpired));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut log, &mut text).unwrap();
    assert_eq!(text.matches("nobody listens at endpoint").count(), 1, "once for each cause: {text}");
    assert!(text.contains("Failures to find a gateway that were not logged"), "{text}");
}

#[tokio::test]
async fn a_hangup_does_not_end_it() {
    let gateway = serving_with(lives(60, 0)).await;
    let Gateway { child, folder, mut reader, writer, ready, .. } = gateway;
    // It serves, so that it has said what signals are to it.
    reader.read().await.unwrap().unwrap();
    // As the kernel does to the members of a process group that nobody watches any more while one of them is stopped.
    let process = Pid::from_child(&child);
    kill_process(process, Signal::STOP).unwrap();
    drop((reader, writer));
    kill_process(process, Signal::HUP).unwrap();
    kill_process(process, Signal::CONT).unwrap();
    let mut gateway = adopt(child, folder, 2).await;
    assert_eq!(gateway.ready.epoch, ready.epoch);
    gateway.writer.send(5, Body::Shutdown(Shutdown::default())).await.unwrap();
    while gateway.reader.read().await.unwrap().is_some() {}
    assert_eq!(reason(ended(gateway.child).await), Some(ExitReason::Success));
}

#[tokio::test]
async fn a_signal_ends_it_in_order_with_and_without_a_gateway() {
    let mut gateway = serving_with(lives(60, 0)).await;
    // It serves, so that there is something to end in order.
    let first = gateway.reader.read().await.unwrap().unwrap();
    assert!(matches!(first.body, Body::Heartbeat(_)), "{first:?}");
    terminate(&gateway.child);
    let mut last = None;
    while let Some(received) = gateway.reader.read().await.unwrap() {
        last = Some(received);
    }
    let last = last.unwrap();
    assert_eq!((last.call_id, matches!(last.body, Body::ShutdownAcknowledgement(_))), (0, true));
    assert_eq!(reason(ended(gateway.child).await), Some(ExitReason::Success));

    let gateway = serving_with(lives(60, 0)).await;
    let Gateway { mut child, folder: _folder, reader, writer, .. } = gateway;
    drop((reader, writer));
    // It has said that it is without a gateway, so that the signal comes then.
    let mut log = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Worker lives on without a gateway") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut log, &mut line).unwrap(), 0, "the log ended");
    }
    let begun = Instant::now();
    terminate(&child);
    assert_eq!(reason(ended(child).await), Some(ExitReason::Success));
    assert!(begun.elapsed() < Duration::from_secs(5));
}
