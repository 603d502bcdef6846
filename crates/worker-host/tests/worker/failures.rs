//! Backends, connections and gateways that fail.

use std::time::Duration;

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{
    GetWorkerInfoCommand, InjectFaultCommand, PingCommand, ReadBulkCommand, UnregisterCommand,
};
use mxgateway_contracts::worker_v1::{
    Cancel, CommandRefusalCode, Heartbeat, Shutdown, StartEvents, WorkerFaultCode, envelope::Body,
};
use mxgateway_worker_host::ExitReason;

use super::gateway::{Gateway, bootstrap};
use super::orphans::{lives_on, order};
use super::unruly::unruly;

fn milliseconds(milliseconds: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: 0, nanos: milliseconds * 1_000_000 })
}

fn ping() -> Payload {
    Payload::Ping(PingCommand::default())
}

#[tokio::test]
async fn a_panic_of_the_backend_is_a_fault_and_not_a_silence() {
    let (mut gateway, _let_go) = unruly(|_| ()).await;
    let refusal = gateway.call(order("panic now")).await.unwrap_err();
    assert_eq!(refusal.code(), CommandRefusalCode::ApartmentGone);
    gateway.until("the fault", |gateway| !gateway.faults.is_empty()).await;
    assert_eq!(gateway.faults[0].code(), WorkerFaultCode::ApartmentGone);
    assert_eq!(gateway.call(ping()).await.unwrap_err().code(), CommandRefusalCode::ApartmentGone);
    gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    assert_eq!(gateway.shut_down().await.1, ExitReason::ApartmentGone);
}

#[tokio::test]
async fn a_storm_beyond_the_journal_is_a_loss_with_numbers() {
    let (mut gateway, let_go) = unruly(|bootstrap| bootstrap.journal_capacity = 100).await;
    gateway.call(order("storm 1000")).await.unwrap();
    gateway
        .until("the newest event", |gateway| gateway.events.last().is_some_and(|e| e.worker_sequence == 1000))
        .await;
    let [loss] = gateway.losses[..] else { panic!("{:?}", gateway.losses) };
    assert_eq!((loss.from_sequence, loss.to_sequence), (1, 900));
    let sequences: Vec<_> = gateway.events.iter().map(|event| event.worker_sequence).collect();
    assert_eq!(sequences, (901..=1000).collect::<Vec<_>>());
    let info = gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    assert!(matches!(info.payload, Some(Reply::GetWorkerInfo(info)) if info.lost_event_count == 900));
    drop(let_go);
    assert_eq!(gateway.vanish().await, ExitReason::GatewayLost);
}

#[tokio::test]
async fn large_events_share_no_frame_that_they_do_not_fit_in() {
    let (mut gateway, _let_go) = unruly(|bootstrap| {
        bootstrap.max_frame_bytes = 64 * 1024;
        lives_on(bootstrap);
    })
    .await;
    // Two together have a little less than a frame, but not what surrounds them.
    let sizes = 32_500..32_768;
    for size in sizes.clone() {
        gateway.call(order(&format!("large {size}"))).await.unwrap();
    }
    let newest = sizes.len() as u64;
    // The next one asks for all of them at once.
    let mut gateway = gateway.lose().found().await;
    gateway.ready_after(0).await;
    let is_there =
        |gateway: &Gateway| gateway.events.last().is_some_and(|event| event.worker_sequence == newest);
    gateway.until("the newest event", is_there).await;
    assert_eq!((gateway.events.len(), gateway.losses.len()), (sizes.len(), 0));
}

#[tokio::test]
async fn an_event_that_fits_in_no_frame_is_a_loss() {
    let (mut gateway, _let_go) = unruly(|bootstrap| bootstrap.max_frame_bytes = 64 * 1024).await;
    for name in ["storm 2", "large 70000", "storm 2"] {
        gateway.call(order(name)).await.unwrap();
    }
    gateway
        .until("the newest event", |gateway| gateway.events.last().is_some_and(|e| e.worker_sequence == 5))
        .await;
    let [loss] = gateway.losses[..] else { panic!("{:?}", gateway.losses) };
    assert_eq!((loss.from_sequence, loss.to_sequence), (3, 3));
}

#[tokio::test]
async fn a_hung_apartment_is_reported_and_does_not_hold_the_exit_up() {
    let (mut gateway, let_go) = unruly(|bootstrap| {
        bootstrap.heartbeat_interval = milliseconds(20);
        bootstrap.hung_apartment_ceiling = milliseconds(100);
    })
    .await;
    let hanging = gateway.command(Payload::Unregister(UnregisterCommand { server_handle: 1 })).await;
    let queued = gateway.command(ping()).await;
    gateway.until("the fault", |gateway| !gateway.faults.is_empty()).await;
    assert_eq!(gateway.faults[0].code(), WorkerFaultCode::ApartmentHung);
    gateway
        .until("the next heartbeat", |gateway| {
            gateway
                .heartbeats
                .last()
                .is_some_and(|beat| beat.current_call_id == hanging && beat.pending_commands == 2)
        })
        .await;
    gateway.send(queued, Body::Cancel(Cancel {})).await;
    assert_eq!(gateway.answer(queued).await.unwrap_err().code(), CommandRefusalCode::Cancelled);
    gateway.send(hanging, Body::Cancel(Cancel {})).await;
    gateway.call(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await.unwrap();
    assert_eq!(gateway.faults.len(), 1, "told once");

    // The limit of five seconds passes on a clock that jumps when nothing else happens.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    assert_eq!(gateway.vanish().await, ExitReason::ApartmentHung);
    assert_eq!(begun.elapsed().as_secs(), 5);
    drop(let_go);
}

#[tokio::test]
async fn a_long_read_shows_that_the_apartment_lives() {
    let (mut gateway, _let_go) = unruly(|bootstrap| {
        bootstrap.heartbeat_interval = milliseconds(20);
        bootstrap.hung_apartment_ceiling = milliseconds(600);
    })
    .await;
    let tag_addresses = vec!["A.B".to_owned()];
    let command = ReadBulkCommand { server_handle: 1, tag_addresses, timeout_milliseconds: 1500 };
    let reply = gateway.call(Payload::ReadBulk(command)).await.unwrap();
    let Some(Reply::ReadBulk(reply)) = reply.payload else { panic!("no rows") };
    let row = &reply.results[0];
    assert_eq!((row.was_successful, row.hresult), (false, hresult::TIMEOUT));
    assert_eq!(row.error_message, "no value came within 1500 ms; allow more time, or subscribe");
    assert!(gateway.faults.is_empty(), "{:?}", gateway.faults);
}

#[tokio::test]
async fn a_shutdown_ends_a_long_read() {
    let (mut gateway, let_go) = unruly(|bootstrap| bootstrap.heartbeat_interval = milliseconds(20)).await;
    drop(let_go);
    let tag_addresses = vec!["A.B".to_owned()];
    let command = ReadBulkCommand { server_handle: 1, tag_addresses, timeout_milliseconds: 60_000 };
    let call = gateway.command(Payload::ReadBulk(command)).await;
    gateway
        .until("the call", |gateway| {
            gateway.heartbeats.last().is_some_and(|beat| beat.current_call_id == call)
        })
        .await;
    gateway.send(9, Body::Shutdown(Shutdown::default())).await;
    let reply = gateway.answer(call).await.unwrap();
    assert!(matches!(reply.payload, Some(Reply::ReadBulk(reply)) if !reply.results[0].was_successful));
    gateway.acknowledged(9).await;
    assert_eq!(gateway.ended().await.1, ExitReason::Success);
}

#[tokio::test]
async fn other_backends_have_no_faults_to_inject() {
    let (mut gateway, _let_go) = unruly(|_| ()).await;
    let refusal = gateway.call(Payload::InjectFault(InjectFaultCommand::default())).await.unwrap_err();
    assert_eq!(refusal.code(), CommandRefusalCode::Unsupported);
    assert_eq!(refusal.message, "the unruly backend does not support InjectFault");
}

#[tokio::test]
async fn a_slow_call_ends_before_the_shutdown_and_what_waits_is_refused() {
    let (mut gateway, let_go) = unruly(|bootstrap| bootstrap.heartbeat_interval = milliseconds(20)).await;
    let slow = gateway.command(Payload::Unregister(UnregisterCommand { server_handle: 1 })).await;
    gateway
        .until("the call", |gateway| {
            gateway.heartbeats.last().is_some_and(|beat| beat.current_call_id == slow)
        })
        .await;
    let queued = gateway.command(ping()).await;
    gateway.send(9, Body::Shutdown(Shutdown::default())).await;
    assert_eq!(gateway.answer(queued).await.unwrap_err().code(), CommandRefusalCode::ShuttingDown);
    assert_eq!(gateway.call(ping()).await.unwrap_err().code(), CommandRefusalCode::ShuttingDown);
    drop(let_go);
    gateway.answer(slow).await.unwrap();
    gateway.acknowledged(9).await;
    assert_eq!(gateway.ended().await.1, ExitReason::Success);
}

#[tokio::test]
async fn a_shutdown_whose_grace_is_over_ends_without_the_apartment() {
    let (mut gateway, let_go) = unruly(|bootstrap| bootstrap.heartbeat_interval = milliseconds(20)).await;
    let hanging = gateway.command(Payload::Unregister(UnregisterCommand { server_handle: 1 })).await;
    gateway
        .until("the call", |gateway| {
            gateway.heartbeats.last().is_some_and(|beat| beat.current_call_id == hanging)
        })
        .await;
    gateway.send(9, Body::Shutdown(Shutdown { grace: milliseconds(30) })).await;
    assert_eq!(gateway.ended().await.1, ExitReason::ApartmentHung);
    drop(let_go);
}

#[tokio::test]
async fn a_backend_that_cannot_be_made_is_reported_with_its_text() {
    let with_option = |key: &str, value: &str| {
        let mut bootstrap = bootstrap();
        bootstrap.backend_options.insert(key.to_owned(), value.to_owned());
        bootstrap
    };
    let mut unknown = bootstrap();
    unknown.backend_name = "lmxproxy".to_owned();
    let cases = [
        (with_option("colour", "red"), "the simulator has no option colour"),
        (with_option("galaxy", "/nowhere/galaxy.toml"), "cannot read the galaxy file /nowhere/galaxy.toml"),
        (unknown, "this worker has no backend \"lmxproxy\" (it has: simulator)"),
    ];
    for (bootstrap, text) in cases {
        let gateway = Gateway::start(bootstrap).await;
        let (gateway, reason) = gateway.ended().await;
        assert_eq!(reason, ExitReason::BackendFailed);
        assert_eq!(gateway.faults[0].code(), WorkerFaultCode::BackendFailed);
        assert!(gateway.faults[0].message.starts_with(text), "{:?}", gateway.faults);
    }
}

#[tokio::test]
async fn a_gateway_that_breaks_the_protocol_is_told_so() {
    let mut gateway = Gateway::start(bootstrap()).await;
    gateway.ready().await;
    gateway.send(0, Body::Heartbeat(Heartbeat::default())).await;
    let (gateway, reason) = gateway.ended().await;
    assert_eq!(reason, ExitReason::ProtocolViolation);
    assert_eq!(gateway.faults[0].message, "Heartbeat is not for a worker to receive");

    let mut gateway = Gateway::start(bootstrap()).await;
    gateway.ready().await;
    gateway.send(0, Body::StartEvents(StartEvents::default())).await;
    assert_eq!(gateway.ended().await.1, ExitReason::ProtocolViolation);
}

#[tokio::test]
async fn a_gateway_with_another_secret_is_refused() {
    let mut bootstrap = bootstrap();
    let endpoint = bootstrap.endpoint.parse().unwrap();
    bootstrap.secret = vec![8; 32];
    let mut listener = mxgateway_worker_ipc::transport::bind(&endpoint).unwrap();
    let worker = tokio::spawn(mxgateway_worker_host::run(bootstrap));
    let accepted = listener.accept().await.unwrap();
    let (mut reader, mut writer) =
        mxgateway_worker_ipc::link::split(accepted.connection, super::gateway::SESSION, 1 << 20);
    let secret = mxgateway_worker_ipc::secret::Secret::from_slice(&super::gateway::SECRET).unwrap();
    let side = mxgateway_worker_ipc::handshake::GatewaySide {
        secret: &secret,
        versions: mxgateway_worker_ipc::handshake::VersionRange::OURS,
        generation: 1,
    };
    let refused = mxgateway_worker_ipc::handshake::gateway_handshake(&mut reader, &mut writer, side).await;
    assert!(refused.is_err());
    drop((reader, writer));
    assert_eq!(worker.await.unwrap(), ExitReason::HandshakeRefused);
}

#[tokio::test]
async fn a_worker_that_cannot_start_says_why_by_its_exit() {
    let mut nobody = bootstrap();
    nobody.connect_timeout = milliseconds(20);
    let mut newer = bootstrap();
    (newer.min_protocol_version, newer.max_protocol_version) = (90, 91);
    let mut bad = bootstrap();
    bad.secret = Vec::new();
    for (bootstrap, reason) in [
        (nobody, ExitReason::CannotConnect),
        (newer, ExitReason::ProtocolVersion),
        (bad, ExitReason::InvalidBootstrap),
    ] {
        let ended = tokio::time::timeout(Duration::from_secs(20), mxgateway_worker_host::run(bootstrap));
        assert_eq!(ended.await.unwrap(), reason);
    }
}
