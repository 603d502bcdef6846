//! Workers that outlive their gateway: who may take them over, and which events it gets.

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{
    AdviseCommand, ArchestraUserToIdCommand, GetSessionStateCommand, GetWorkerInfoCommand, MxValue,
    PingCommand, UnregisterCommand, WriteCommand,
};
use mxgateway_contracts::worker_v1::{
    Bootstrap, EventLoss, GatewayHello, GatewayProof, StartEvents, envelope::Body,
};
use mxgateway_worker_host::ExitReason;
use mxgateway_worker_ipc::link;
use mxgateway_worker_ipc::transport::Listener;

use super::gateway::{Gateway, Orphan, SESSION, bootstrap, within};
use super::session::{add, ok, register};
use super::unruly::{unruly, watched};

pub(super) fn lives_on(bootstrap: &mut Bootstrap) {
    bootstrap.max_orphan_lifetime = Some(prost_types::Duration { seconds: 300, nanos: 0 });
}

/// What [`Unruly`](super::unruly::Unruly) does.
pub(super) fn order(order: &str) -> Payload {
    let command = ArchestraUserToIdCommand { server_handle: 1, user_guid: order.to_owned() };
    Payload::ArchestraUserToId(command)
}

pub(super) fn ping(message: &str) -> Payload {
    Payload::Ping(PingCommand { message: message.to_owned() })
}

fn sequences(gateway: &Gateway) -> Vec<u64> {
    gateway.events.iter().map(|event| event.worker_sequence).collect()
}

async fn until_sequence(gateway: &mut Gateway, sequence: u64) {
    let has_come =
        |gateway: &Gateway| gateway.events.last().is_some_and(|event| event.worker_sequence >= sequence);
    gateway.until(&format!("event {sequence}"), has_come).await;
}

#[tokio::test]
async fn the_session_is_the_same_after_the_gateway_was_away() {
    let mut bootstrap = bootstrap();
    lives_on(&mut bootstrap);
    let mut gateway = Gateway::start(bootstrap).await;
    let first = gateway.ready().await;
    let server_handle = register(&mut gateway).await;
    let counting = add(&mut gateway, server_handle, "Fast_001.Count").await;
    let written = add(&mut gateway, server_handle, "TestMachine_001.TestInteger").await;
    for item_handle in [counting, written] {
        ok(&mut gateway, Payload::Advise(AdviseCommand { server_handle, item_handle })).await;
    }
    until_sequence(&mut gateway, 10).await;
    let heard = gateway.events.last().unwrap().worker_sequence;
    assert_eq!(sequences(&gateway), (1..=heard).collect::<Vec<_>>());

    let mut gateway = gateway.lose().found().await;
    let second = gateway.ready_after(heard).await;
    assert_eq!(second.epoch, first.epoch);
    assert_eq!(second.journal_oldest_sequence, 1);
    assert!(second.journal_newest_sequence >= heard);
    match ok(&mut gateway, Payload::GetSessionState(GetSessionStateCommand {})).await.payload {
        Some(Reply::GetSessionState(state)) => {
            let items: Vec<_> = state.registrations[0].items.iter().map(|item| item.item_handle).collect();
            assert_eq!(items, [counting, written]);
        }
        other => panic!("{other:?}"),
    }
    let value = Some(MxValue::from(42));
    let write = WriteCommand { server_handle, item_handle: written, value, user_id: 0 };
    ok(&mut gateway, Payload::Write(write)).await;
    until_sequence(&mut gateway, heard + 20).await;
    let last = gateway.events.last().unwrap().worker_sequence;
    assert_eq!(sequences(&gateway), (heard + 1..=last).collect::<Vec<_>>(), "a hole, or something twice");
    assert!(gateway.losses.is_empty());
    assert!(!gateway.heartbeats.is_empty());
    let (_, reason) = gateway.shut_down().await;
    assert_eq!(reason, ExitReason::Success);
}

#[tokio::test]
async fn each_gateway_gets_the_events_after_its_own_position() {
    let (mut gateway, let_go, mut progress) = watched(|bootstrap| {
        lives_on(bootstrap);
        bootstrap.journal_capacity = 100;
    })
    .await;
    gateway.call(order("storm 5")).await.unwrap();
    until_sequence(&mut gateway, 5).await;
    // Not begun when the gateway goes: the storm is for nobody.
    gateway.command(Payload::Unregister(UnregisterCommand { server_handle: 1 })).await;
    gateway.command(order("storm 1000")).await;
    gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    let orphan = gateway.lose();
    drop(let_go);
    within("the storm", progress.wait_for(|progress| progress.raised == 1005)).await.unwrap();

    let mut gateway = orphan.found().await;
    let ready = gateway.ready_after(5).await;
    assert_eq!((ready.journal_oldest_sequence, ready.journal_newest_sequence), (906, 1005));
    until_sequence(&mut gateway, 1005).await;
    assert_eq!(gateway.losses, [EventLoss { from_sequence: 6, to_sequence: 905 }]);
    assert_eq!(sequences(&gateway), (906..=1005).collect::<Vec<_>>());
    let info = gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    assert!(matches!(info.payload, Some(Reply::GetWorkerInfo(info)) if info.lost_event_count == 900));

    for (after, losses, first) in [
        (0, vec![EventLoss { from_sequence: 1, to_sequence: 905 }], 906),
        (904, vec![EventLoss { from_sequence: 905, to_sequence: 905 }], 906),
        (905, vec![], 906),
        (1000, vec![], 1001),
    ] {
        let mut again = gateway.lose().found().await;
        again.ready_after(after).await;
        until_sequence(&mut again, 1005).await;
        assert_eq!(again.losses, losses);
        assert_eq!(sequences(&again), (first..=1005).collect::<Vec<_>>());
        gateway = again;
    }
    let mut gateway = gateway.lose().found().await;
    gateway.ready_after(1005).await;
    gateway.call(order("storm 1")).await.unwrap();
    until_sequence(&mut gateway, 1006).await;
    assert_eq!(sequences(&gateway), [1006]);

    let mut gateway = gateway.lose().found().await;
    gateway.ready_after(1007).await;
    let (gateway, reason) = gateway.ended().await;
    assert_eq!(reason, ExitReason::ProtocolViolation);
    assert_eq!(gateway.faults[0].message, "events were asked for after 1007, but the newest is 1006");
}

#[tokio::test]
async fn a_gateway_may_stay_away_for_long() {
    let (mut gateway, _let_go) = unruly(lives_on).await;
    gateway.call(ping("a")).await.unwrap();
    let orphan = gateway.lose();
    // Nothing else happens meanwhile, so that the clock jumps.
    tokio::time::pause();
    tokio::time::sleep(std::time::Duration::from_secs(290)).await;
    tokio::time::resume();
    let mut gateway = orphan.found().await;
    gateway.ready().await;
    gateway.call(ping("b")).await.unwrap();
}

#[tokio::test]
async fn there_is_one_connection_at_a_time() {
    let (gateway, _let_go) = unruly(lives_on).await;
    let orphan = gateway.lose();
    let mut listener = orphan.bind();
    let mut gateway = orphan.met_at(&mut *listener, 1).await;
    gateway.ready().await;
    gateway.call(ping("a")).await.unwrap();
    let second = tokio::time::timeout(std::time::Duration::from_millis(300), listener.accept()).await;
    assert!(second.is_err(), "the worker connected again while it was served");
    gateway.call(ping("b")).await.unwrap();
}

#[tokio::test]
async fn an_older_gateway_is_refused() {
    let (gateway, _let_go) = unruly(lives_on).await;
    let orphan = gateway.lose();
    let mut listener = orphan.bind();
    // It counts that it proved itself, also when it was not served then.
    let orphan = orphan.met_at(&mut *listener, 5).await.lose();
    for stale in [1, 4] {
        let mut old = orphan_met(&mut *listener, stale).await;
        assert!(old.read().await.is_none(), "the worker said something to an older gateway");
    }
    let mut gateway = orphan.met_at(&mut *listener, 5).await;
    gateway.ready().await;
    let mut gateway = gateway.lose().met_at(&mut *listener, 6).await;
    gateway.ready().await;
    gateway.call(ping("a")).await.unwrap();
}

/// The gateway's end only.
async fn orphan_met(listener: &mut dyn Listener, generation: u64) -> Gateway {
    let nobody = Orphan {
        worker: tokio::spawn(async { ExitReason::Success }),
        endpoint: bootstrap().endpoint.parse().unwrap(),
    };
    nobody.met_at(listener, generation).await
}

#[tokio::test]
async fn impostors_are_refused_until_the_real_one_comes() {
    let (gateway, _let_go) = unruly(lives_on).await;
    let orphan = gateway.lose();
    let mut listener = orphan.bind();
    for _ in 0..3 {
        let accepted = within("a connection", listener.accept()).await.unwrap();
        let (mut reader, mut writer) = link::split(accepted.connection, SESSION, 1 << 20);
        let hello = GatewayHello {
            min_protocol_version: 1,
            max_protocol_version: 1,
            challenge: vec![1; 32],
            // It must not count: nobody proved it.
            generation: 1000,
        };
        writer.send(0, Body::GatewayHello(hello)).await.unwrap();
        let hello = within("a hello", reader.read()).await.unwrap().unwrap();
        assert!(matches!(hello.body, Body::WorkerHello(_)), "{hello:?}");
        writer.send(0, Body::GatewayProof(GatewayProof { proof: vec![0; 32] })).await.unwrap();
        // It may be too late for this, and then it is refused even earlier.
        drop(writer.send(0, Body::StartEvents(StartEvents::default())).await);
        assert_eq!(within("the end", reader.read()).await.unwrap(), None, "an impostor got an answer");
    }
    let mut gateway = orphan.met_at(&mut *listener, 1).await;
    gateway.ready().await;
    gateway.call(ping("a")).await.unwrap();
}

#[tokio::test]
async fn one_that_never_answers_holds_nothing_up() {
    let (gateway, _let_go) = unruly(lives_on).await;
    let orphan = gateway.lose();
    let mut squatter = orphan.bind();
    let silent = within("a connection", squatter.accept()).await.unwrap();
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let still_silent = within("the next try", squatter.accept()).await.unwrap();
    let waited = begun.elapsed().as_millis();
    assert!((2000..2200).contains(&waited), "{waited} ms");
    drop(squatter);
    let mut listener = orphan.bind();
    // The real one comes while the squatter still holds on to its connection.
    let mut gateway = orphan.met_at(&mut *listener, 1).await;
    tokio::time::resume();
    gateway.ready().await;
    gateway.call(ping("a")).await.unwrap();
    drop((silent, still_silent));
}
