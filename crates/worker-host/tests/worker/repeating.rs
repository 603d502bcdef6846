//! Request ids: retries are answered, not carried out again.

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{
    AdviseCommand, AuthenticateUserCommand, EventFamily, InjectFaultCommand, PingCommand, SlowCommandFault,
    WriteCommand, inject_fault_command::Fault,
};
use mxgateway_contracts::worker_v1::{Cancel, CommandRefusalCode, envelope::Body};

use super::gateway::{Gateway, bootstrap};
use super::session::{add, ok, register};

fn ping(message: &str) -> Payload {
    Payload::Ping(PingCommand { message: message.to_owned() })
}

async fn ready() -> Gateway {
    let mut gateway = Gateway::start(bootstrap()).await;
    gateway.ready().await;
    gateway
}

async fn executed_writes(gateway: &mut Gateway) -> u64 {
    match ok(gateway, Payload::InjectFault(InjectFaultCommand::default())).await.payload {
        Some(Reply::InjectFault(reply)) => reply.executed_write_count,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_write_that_is_repeated_is_carried_out_once() {
    const TIMES: usize = 1000;
    let mut gateway = ready().await;
    let server_handle = register(&mut gateway).await;
    let item_handle = add(&mut gateway, server_handle, "TestMachine_001.TestInteger").await;
    ok(&mut gateway, Payload::Advise(AdviseCommand { server_handle, item_handle })).await;
    gateway.until("the first value", |gateway| !gateway.events.is_empty()).await;
    for number in 0..TIMES {
        let value = i32::try_from(number).unwrap();
        let write = Payload::Write(WriteCommand {
            server_handle,
            item_handle,
            value: Some(value.into()),
            user_id: 0,
        });
        let id = format!("write-{number}");
        // The second goes out before the first is answered, the third after it.
        let first = gateway.request(write.clone(), &id).await;
        let second = gateway.request(write.clone(), &id).await;
        let reply = gateway.answer(first).await.unwrap();
        assert_eq!(reply.hresult, hresult::S_OK);
        assert_eq!(gateway.answer(second).await.unwrap(), reply);
        let third = gateway.request(write, &id).await;
        assert_eq!(gateway.answer(third).await.unwrap(), reply);
    }
    assert_eq!(gateway.repeated.len(), 2 * TIMES);
    gateway
        .until("the completions", |gateway| {
            let completions = gateway.events.iter();
            completions.filter(|event| event.family() == EventFamily::OnWriteComplete).count() >= TIMES
        })
        .await;
    assert_eq!(executed_writes(&mut gateway).await, TIMES as u64);
}

#[tokio::test]
async fn another_command_under_the_same_id_is_refused() {
    let mut gateway = ready().await;
    for (first, other) in [
        (ping("a"), ping("b")),
        (
            Payload::AuthenticateUser(AuthenticateUserCommand { server_handle: 9, ..Default::default() }),
            Payload::AuthenticateUser(AuthenticateUserCommand {
                server_handle: 9,
                password: "x".to_owned(),
                ..Default::default()
            }),
        ),
    ] {
        let id = format!("{:?}", std::mem::discriminant(&first));
        let call = gateway.request(first, &id).await;
        gateway.answer(call).await.unwrap();
        let call = gateway.request(other, &id).await;
        assert_eq!(gateway.answer(call).await.unwrap_err().code(), CommandRefusalCode::RequestIdReused);
    }
    assert!(gateway.repeated.is_empty());
}

#[tokio::test]
async fn a_repeat_waits_for_the_first_and_outlives_its_cancellation() {
    let mut gateway = ready().await;
    let slow = SlowCommandFault {
        kind: mxgateway_contracts::v1::CommandKind::GetSessionState.into(),
        delay: Some(prost_types::Duration { seconds: 0, nanos: 600_000_000 }),
    };
    let fault = InjectFaultCommand { fault: Some(Fault::SlowCommand(slow)) };
    ok(&mut gateway, Payload::InjectFault(fault)).await;
    // It holds the apartment, so that what follows has not begun.
    let holding = gateway.command(Payload::GetSessionState(Default::default())).await;
    let first = gateway.request(ping("a"), "id").await;
    let second = gateway.request(ping("a"), "id").await;
    let third = gateway.request(ping("a"), "id").await;
    gateway.send(first, Body::Cancel(Cancel {})).await;
    gateway.send(third, Body::Cancel(Cancel {})).await;
    assert_eq!(gateway.answer(third).await.unwrap_err().code(), CommandRefusalCode::Cancelled);
    gateway.answer(holding).await.unwrap();
    gateway.answer(second).await.unwrap();
    assert_eq!(gateway.repeated, [second]);
    // Dropped before it began, it may be tried again.
    let holding = gateway.command(Payload::GetSessionState(Default::default())).await;
    let dropped = gateway.request(ping("b"), "other").await;
    gateway.send(dropped, Body::Cancel(Cancel {})).await;
    assert_eq!(gateway.answer(dropped).await.unwrap_err().code(), CommandRefusalCode::Cancelled);
    gateway.answer(holding).await.unwrap();
    let again = gateway.request(ping("c"), "other").await;
    gateway.answer(again).await.unwrap();
    assert_eq!(gateway.repeated, [second]);
}
