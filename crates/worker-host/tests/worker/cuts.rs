//! A connection that is cut again and again, anywhere.

use std::collections::{BTreeMap, BTreeSet};

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{GetWorkerInfoCommand, MxEvent};
use mxgateway_contracts::worker_v1::{Command, StartEvents, envelope::Body};
use mxgateway_worker_host::ExitReason;
use mxgateway_worker_ipc::handshake::{GatewaySide, VersionRange, gateway_handshake};
use mxgateway_worker_ipc::link;
use mxgateway_worker_ipc::secret::Secret;
use mxgateway_worker_ipc::transport::Connection;
use prost::Message;
use tokio::io::{AsyncReadExt, copy, split};

use super::gateway::{SECRET, SESSION, within};
use super::orphans::{lives_on, order};
use super::unruly::{next_random, watched};

const CUTS: usize = 50;

/// Lets so many bytes through in each direction, then cuts both, in the middle of whatever it is.
fn cut_after(connection: Connection, from_worker: u64, to_worker: u64) -> Connection {
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(async move {
        let (worker_reads, mut worker_writes) = split(connection);
        let (far_reads, mut far_writes) = split(far);
        let (mut from, mut to) = (worker_reads.take(from_worker), far_reads.take(to_worker));
        tokio::select! {
            _ = copy(&mut from, &mut far_writes) => {}
            _ = copy(&mut to, &mut worker_writes) => {}
        }
    });
    Box::new(near)
}

/// What all gateways together know.
#[derive(Default)]
struct Known {
    /// Everything up to here was heard or told as lost, in order.
    heard: u64,
    events: u64,
    lost: u64,
    epochs: BTreeSet<u64>,
    /// Request ids without an answer.
    open: BTreeSet<String>,
    /// How far the gateways came: proved, ready.
    steps: [u64; 2],
}

/// Serves until the connection is cut; gives None then. The last one is not cut and serves until everything is known.
async fn serve(known: &mut Known, connection: Connection, generation: u64, is_last: bool) -> Option<()> {
    let (mut reader, mut writer) = link::split(connection, SESSION, 1 << 24);
    let secret = Secret::from_slice(&SECRET).unwrap();
    let side = GatewaySide { secret: &secret, versions: VersionRange::OURS, generation };
    gateway_handshake(&mut reader, &mut writer, side).await.ok()?;
    known.steps[0] += 1;
    let Body::WorkerReady(ready) = reader.read().await.ok()??.body else { panic!("expected WorkerReady") };
    known.steps[1] += 1;
    known.epochs.insert(ready.epoch);
    assert!(ready.journal_newest_sequence >= known.heard);
    writer.send(0, Body::StartEvents(StartEvents { after_sequence: known.heard })).await.ok()?;
    let mut calls = BTreeMap::new();
    for (call, id) in (1..).zip(known.open.clone()) {
        let command = Some(order(&format!("name {id}")).into());
        calls.insert(call, id.clone());
        writer
            .send(call, Body::Command(Command { command, request_id: id, ..Command::default() }))
            .await
            .ok()?;
    }
    let mut newest = None;
    let is_done = |known: &Known, newest: Option<u64>| known.open.is_empty() && newest == Some(known.heard);
    if is_last {
        let quiet = Command { command: Some(order("quiet now").into()), ..Command::default() };
        writer.send(9998, Body::Command(quiet)).await.ok()?;
    }
    while !is_done(known, newest) {
        let received = reader.read().await.ok()??;
        match received.body {
            Body::EventBatch(batch) => {
                for event in batch.events {
                    assert_eq!(MxEvent::decode(event).unwrap().worker_sequence, known.heard + 1);
                    known.heard += 1;
                    known.events += 1;
                }
            }
            Body::EventLoss(loss) => {
                assert_eq!(loss.from_sequence, known.heard + 1);
                known.heard = loss.to_sequence;
                known.lost += loss.to_sequence - loss.from_sequence + 1;
            }
            Body::CommandReply(reply) if received.call_id == 9998 => {
                assert_eq!(reply.refusal, None);
                let command = Some(Payload::GetWorkerInfo(GetWorkerInfoCommand {}).into());
                writer.send(9999, Body::Command(Command { command, ..Command::default() })).await.ok()?;
            }
            Body::CommandReply(reply) if received.call_id == 9999 => match reply.reply.unwrap().payload {
                Some(Reply::GetWorkerInfo(info)) => newest = Some(info.newest_sequence),
                other => panic!("{other:?}"),
            },
            Body::CommandReply(reply) => {
                assert_eq!(reply.refusal, None);
                let id = calls.remove(&received.call_id).expect("a call of this connection, answered once");
                assert!(known.open.remove(&id));
            }
            Body::Heartbeat(_) => {}
            other @ (Body::GatewayHello(_)
            | Body::WorkerHello(_)
            | Body::GatewayProof(_)
            | Body::WorkerReady(_)
            | Body::StartEvents(_)
            | Body::Command(_)
            | Body::Cancel(_)
            | Body::Shutdown(_)
            | Body::OutliveGateway(_)
            | Body::Fault(_)
            | Body::ShutdownAcknowledgement(_)) => panic!("{} came", link::body_name(&other)),
        }
    }
    Some(())
}

#[tokio::test]
async fn whatever_is_cut_each_event_comes_once_or_is_told_as_lost() {
    let seed = std::env::var("MXGATEWAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| getrandom::u64().unwrap());
    println!("seed {seed}; MXGATEWAY_TEST_SEED repeats it");
    let mut random = seed;
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, _let_go, mut progress) = watched(|bootstrap| {
        lives_on(bootstrap);
        bootstrap.journal_capacity = 800;
        if cfg!(unix) {
            bootstrap.endpoint = format!("unix:{}", folder.path().join("run").join("w.sock").display());
        }
    })
    .await;
    gateway.call(order(&format!("flow {}", seed % 1_000_000))).await.unwrap();
    let orphan = gateway.lose();
    let mut known = Known::default();
    for cut in 0..=CUTS {
        let is_last = cut == CUTS;
        // Nobody listens until so much more was raised.
        let raised =
            progress.borrow().raised + (next_random(&mut random) % 2) * (next_random(&mut random) % 2000);
        within("events", progress.wait_for(|progress| progress.raised >= raised)).await.unwrap();
        known.open.insert(format!("id-{cut}"));
        let mut listener = orphan.bind();
        let accepted = within("a connection", listener.accept()).await.unwrap();
        // The first is cut within the handshake, and a tenth of the others early.
        let most = if next_random(&mut random).is_multiple_of(10) { 300 } else { 40_000 };
        let most = if cut == 0 { 50 } else { most };
        let limits = (
            next_random(&mut random) % most,
            if cut % 5 == 0 { next_random(&mut random) % 600 } else { u64::MAX },
        );
        let connection =
            if is_last { accepted.connection } else { cut_after(accepted.connection, limits.0, limits.1) };
        let generation = u64::try_from(cut / 3 + 1).unwrap();
        let served = within("the end", serve(&mut known, connection, generation, is_last)).await;
        assert!(served.is_some() || !is_last, "the last connection failed");
        if is_last {
            // The connection is closed now, and nobody comes back.
            drop(listener);
        }
    }
    let progress = *progress.borrow();
    assert_eq!(known.heard, progress.raised);
    assert_eq!(known.events + known.lost, progress.raised);
    assert_eq!(known.epochs.len(), 1);
    // The flow, the quiet, and each request once.
    assert_eq!(
        progress.ordered,
        2 + u64::try_from(CUTS + 1).unwrap(),
        "a request was lost or carried out twice"
    );
    assert!(
        known.lost > 0 && known.events > 0,
        "{} lost, {} came: nothing was shown",
        known.lost,
        known.events
    );
    let [proved, ready] = known.steps;
    assert!(
        ready > 20 && proved < 51,
        "{ready} gateways were served, {proved} proved themselves: cuts at few places"
    );
    orphan.worker.abort();
    assert_ne!(orphan.worker.await.ok(), Some(ExitReason::ProtocolViolation));
}
