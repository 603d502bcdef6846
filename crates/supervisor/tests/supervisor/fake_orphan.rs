//! The other end, of the kind that lives on without its gateway.

use std::time::Duration;

use mxgateway_contracts::time::duration;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    AdviseState, GetSessionStateReply, ItemState, MxCommandReply, RegistrationState,
};
use mxgateway_contracts::worker_v1::{
    Bootstrap, CommandReply, EventBatch, Heartbeat, ShutdownAcknowledgement, WorkerReady, envelope::Body,
};
use mxgateway_worker_ipc::handshake::{VersionRange, WorkerSide, worker_handshake};
use mxgateway_worker_ipc::link::{LinkReader, LinkWriter, split};
use mxgateway_worker_ipc::secret::Secret;
use mxgateway_worker_ipc::transport::{Connection, connect};
use tokio::io::{ReadHalf, WriteHalf};

use crate::fake_worker::{EPOCH, event};

/// What its journal has.
pub(crate) const OLDEST: u64 = 6;
pub(crate) const NEWEST: u64 = 20;

/// Serves one gateway after the other; returns the exit code.
pub(crate) async fn play(script: &str, mut bootstrap: Bootstrap) -> i32 {
    let mut seen_generation = 0;
    loop {
        let is_first = seen_generation == 0;
        if !is_first && (script == "outlives-and-stays-away" || bootstrap.max_orphan_lifetime.is_none()) {
            return match bootstrap.max_orphan_lifetime {
                Some(_) => std::future::pending().await,
                None => 0,
            };
        }
        let endpoint = bootstrap.endpoint.parse().unwrap();
        let connection = connect(&endpoint, Duration::from_secs(60)).await.unwrap();
        let (mut reader, mut writer) = split(connection, &bootstrap.session_id, u32::MAX);
        let secret = match script {
            "outlives-with-another-secret" if !is_first => Secret::random().unwrap(),
            _ => Secret::from_slice(&bootstrap.secret).unwrap(),
        };
        let side = WorkerSide {
            secret: &secret,
            versions: VersionRange::OURS,
            process_id: std::process::id(),
            seen_generation,
        };
        let Ok(handshaken) = worker_handshake(&mut reader, &mut writer, side).await else {
            return std::future::pending().await;
        };
        assert_eq!(handshaken.generation, seen_generation + 1);
        seen_generation = handshaken.generation;
        let epoch = if script == "outlives-in-another-epoch" && !is_first { EPOCH + 1 } else { EPOCH };
        if let Some(code) = serve(&mut bootstrap, epoch, seen_generation, &mut reader, &mut writer).await {
            return code;
        }
    }
}

/// `None` when the gateway is gone.
async fn serve(
    bootstrap: &mut Bootstrap,
    epoch: u64,
    generation: u64,
    reader: &mut LinkReader<ReadHalf<Connection>>,
    writer: &mut LinkWriter<WriteHalf<Connection>>,
) -> Option<i32> {
    let backend_name = bootstrap.backend_name.clone();
    let (journal_oldest_sequence, journal_newest_sequence) =
        if generation == 1 { (0, 0) } else { (OLDEST, NEWEST) };
    let ready = WorkerReady {
        epoch,
        backend_name,
        journal_oldest_sequence,
        journal_newest_sequence,
        ..WorkerReady::default()
    };
    writer.send(0, Body::WorkerReady(ready)).await.ok()?;
    let Body::StartEvents(start) = reader.read().await.ok()??.body else { panic!("not StartEvents") };
    if generation == 1 {
        assert_eq!(start.after_sequence, 0);
    } else {
        assert_eq!(start.after_sequence, OLDEST - 1);
    }
    let events = (start.after_sequence + 1..=NEWEST).map(|sequence| event(sequence, 7)).collect();
    writer.send(0, Body::EventBatch(EventBatch { events })).await.ok()?;
    let interval = bootstrap.heartbeat_interval.as_ref().and_then(duration).unwrap();
    let mut heartbeat = tokio::time::interval(interval);
    loop {
        let received = tokio::select! {
            _ = heartbeat.tick() => {
                writer.send(0, Body::Heartbeat(Heartbeat::default())).await.ok()?;
                continue;
            }
            received = reader.read() => received.ok()??,
        };
        if let Body::Shutdown(_) = received.body {
            let done = Body::ShutdownAcknowledgement(ShutdownAcknowledgement {});
            writer.send(received.call_id, done).await.ok()?;
            return Some(0);
        }
        if let Body::OutliveGateway(outlive) = received.body {
            bootstrap.max_orphan_lifetime = outlive.max_orphan_lifetime;
            continue;
        }
        let Body::Command(command) = received.body else { panic!("not for a worker: {:?}", received.body) };
        let asks_state =
            matches!(command.command.and_then(|command| command.payload), Some(Payload::GetSessionState(_)));
        let reply = MxCommandReply {
            diagnostic_text: format!("generation {generation}, call {}", received.call_id),
            payload: asks_state.then(|| ReplyPayload::GetSessionState(state())),
            ..MxCommandReply::default()
        };
        let reply = CommandReply { reply: Some(reply), ..CommandReply::default() };
        writer.send(received.call_id, Body::CommandReply(reply)).await.ok()?;
    }
}

fn state() -> GetSessionStateReply {
    let item = ItemState {
        item_handle: 7,
        item_definition: "Tank.Level".to_owned(),
        item_context: "area".to_owned(),
        advise: AdviseState::Supervisory.into(),
        ..ItemState::default()
    };
    let registration =
        RegistrationState { server_handle: 1, items: vec![item], ..RegistrationState::default() };
    GetSessionStateReply { registrations: vec![registration], ..GetSessionStateReply::default() }
}
