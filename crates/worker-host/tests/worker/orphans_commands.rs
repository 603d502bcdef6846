//! Commands whose gateway is lost.

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{CommandKind, GetWorkerInfoCommand, UnregisterCommand};
use mxgateway_contracts::worker_v1::{Cancel, CommandRefusalCode, WorkerFaultCode, envelope::Body};
use mxgateway_worker_host::ExitReason;

use super::gateway::within;
use super::orphans::{lives_on, order, ping};
use super::unruly::watched;

fn unregister() -> Payload {
    Payload::Unregister(UnregisterCommand { server_handle: 1 })
}

fn fast_heartbeats(bootstrap: &mut mxgateway_contracts::worker_v1::Bootstrap) {
    lives_on(bootstrap);
    bootstrap.heartbeat_interval = Some(prost_types::Duration { seconds: 0, nanos: 20_000_000 });
}

#[tokio::test]
async fn a_late_reply_is_not_taken_for_another_connections_call() {
    let (mut gateway, let_go, mut progress) = watched(fast_heartbeats).await;
    let slow = gateway.command(unregister()).await;
    let queued = gateway.command(order("queued")).await;
    gateway
        .until("the call", |gateway| gateway.heartbeats.iter().any(|beat| beat.current_call_id == slow))
        .await;

    let mut gateway = gateway.lose().found().await;
    gateway.ready().await;
    let first = gateway.command(ping("mine")).await;
    let second = gateway.command(ping("mine too")).await;
    assert_eq!((first, second), (slow, queued), "the numbers are the same");
    gateway
        .until("a heartbeat", |gateway| gateway.heartbeats.iter().any(|beat| beat.pending_commands == 2))
        .await;
    assert!(gateway.heartbeats.iter().all(|beat| beat.current_call_id == 0), "{:?}", gateway.heartbeats);
    assert!(gateway.answers.is_empty());
    drop(let_go);
    for (call, message) in [(first, "mine"), (second, "mine too")] {
        let reply = gateway.answer(call).await.unwrap();
        assert!(matches!(&reply.payload, Some(Reply::Ping(pong)) if pong.message == message), "{reply:?}");
    }
    within("the queued one", progress.wait_for(|progress| progress.ordered == 1)).await.unwrap();
    gateway.call(ping("last")).await.unwrap();
    assert!(gateway.answers.is_empty(), "replies that nobody waits for: {:?}", gateway.answers);
}

#[tokio::test]
async fn a_repeat_gets_the_first_reply_before_and_after_it_is_there() {
    let (mut gateway, let_go, mut progress) = watched(lives_on).await;
    let first = gateway.request(unregister(), "slow").await;
    gateway.request(order("x"), "queued").await;
    let follower = gateway.request(unregister(), "slow").await;
    gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    assert_eq!((first, follower), (1, 3));

    // A second gateway repeats one while it is carried out, is cancelled, and is lost too; a third one waits.
    let mut gateway = gateway.lose().found().await;
    gateway.ready().await;
    let repeat = gateway.request(unregister(), "slow").await;
    gateway.send(repeat, Body::Cancel(Cancel {})).await;
    assert_eq!(gateway.answer(repeat).await.unwrap_err().code(), CommandRefusalCode::Cancelled);
    gateway.request(unregister(), "slow").await;
    gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    let mut gateway = gateway.lose().found().await;
    gateway.ready().await;
    let repeat = gateway.request(unregister(), "slow").await;
    gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    drop(let_go);
    let reply = gateway.answer(repeat).await.unwrap();
    assert_eq!(reply.kind(), CommandKind::Unregister);
    assert_eq!(gateway.repeated, [repeat]);
    let queued = gateway.request(order("x"), "queued").await;
    assert_eq!(gateway.answer(queued).await.unwrap().kind(), CommandKind::ArchestraUserToId);
    assert_eq!(gateway.repeated, [repeat, queued]);
    assert!(gateway.answers.is_empty(), "{:?}", gateway.answers);

    // One that finishes while there is no gateway.
    gateway.request(order("away"), "away").await;
    let orphan = gateway.lose();
    within("the command", progress.wait_for(|progress| progress.ordered == 2)).await.unwrap();
    let mut gateway = orphan.found().await;
    gateway.ready().await;
    let repeat = gateway.request(order("away"), "away").await;
    gateway.answer(repeat).await.unwrap();
    let other = gateway.request(order("other"), "away").await;
    assert_eq!(gateway.answer(other).await.unwrap_err().code(), CommandRefusalCode::RequestIdReused);
    assert_eq!(gateway.repeated, [repeat]);
    let progress = *progress.borrow();
    assert_eq!((progress.ordered, progress.unregistered), (2, 1), "something was carried out twice");
}

#[tokio::test]
async fn a_reply_that_was_cut_comes_whole_over_the_next_connection() {
    let (mut gateway, let_go, mut progress) = watched(lives_on).await;
    let text = "x".repeat(4 << 20);
    gateway.request(unregister(), "").await;
    gateway.request(ping(&text), "large").await;
    gateway.request(order("behind it"), "").await;
    gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    drop(let_go);
    // The reply is far larger than what the connection holds, so that it is under way and stays so.
    within("the command behind it", progress.wait_for(|progress| progress.ordered == 1)).await.unwrap();
    let mut gateway = gateway.lose().found().await;
    gateway.ready().await;
    let call = gateway.request(ping(&text), "large").await;
    let reply = gateway.answer(call).await.unwrap();
    assert!(matches!(&reply.payload, Some(Reply::Ping(pong)) if pong.message == text), "another reply");
    assert_eq!(gateway.repeated, [call]);
}

#[tokio::test]
async fn a_hung_apartment_is_told_to_each_gateway() {
    let (mut gateway, let_go, _) = watched(|bootstrap| {
        fast_heartbeats(bootstrap);
        bootstrap.hung_apartment_ceiling = Some(prost_types::Duration { seconds: 0, nanos: 100_000_000 });
    })
    .await;
    gateway.request(unregister(), "hung").await;
    let mut gateway = gateway.lose().found().await;
    for _ in 0..2 {
        gateway.ready().await;
        gateway.until("the fault", |gateway| !gateway.faults.is_empty()).await;
        assert_eq!(gateway.faults[0].code(), WorkerFaultCode::ApartmentHung);
        gateway = gateway.lose().found().await;
    }
    gateway.ready().await;
    drop(let_go);
    let repeat = gateway.request(unregister(), "hung").await;
    gateway.answer(repeat).await.unwrap();
    gateway.call(ping("a")).await.unwrap();
}

#[tokio::test]
async fn a_backend_that_panics_meanwhile_is_told_to_the_next_gateway() {
    let (mut gateway, let_go, mut progress) = watched(lives_on).await;
    gateway.request(unregister(), "slow").await;
    gateway.request(order("panic now"), "panic").await;
    gateway.request(order("never"), "never").await;
    gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    let orphan = gateway.lose();
    drop(let_go);
    within("the panic", progress.wait_for(|progress| progress.is_dropped)).await.unwrap();
    let mut gateway = orphan.found().await;
    gateway.ready().await;
    gateway.until("the fault", |gateway| !gateway.faults.is_empty()).await;
    assert_eq!(gateway.faults[0].code(), WorkerFaultCode::ApartmentGone);
    let slow = gateway.request(unregister(), "slow").await;
    gateway.answer(slow).await.unwrap();
    assert_eq!(gateway.repeated, [slow]);
    for (payload, id) in [(order("panic now"), "panic"), (order("never"), "never"), (ping("a"), "")] {
        let call = gateway.request(payload, id).await;
        assert_eq!(gateway.answer(call).await.unwrap_err().code(), CommandRefusalCode::ApartmentGone);
    }
    assert_eq!(gateway.shut_down().await.1, ExitReason::ApartmentGone);
}
