//! Processes of the same user that pretend to be a worker or a gateway: each is refused, and the real one gets in.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{PingCommand, SessionState};
use mxgateway_contracts::worker_v1::{Envelope, GatewayHello, GatewayProof, WorkerHello, envelope::Body};
use mxgateway_e2e::{EndOfWorkers, Gateway, TestSession, is_alive, program, signal, until, within};
use prost::Message;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

const TURNED_AWAY: &str = "Connection of another process was turned away";

async fn reattaching(adoption_timeout_seconds: u32) -> Gateway {
    let config = "[workers]\nenable_orphan_reattach = true\nadoption_timeout_seconds = ";
    Gateway::start_as(&format!("{config}{adoption_timeout_seconds}\n")).await
}

fn ping() -> Payload {
    Payload::Ping(PingCommand::default())
}

fn frame(session_id: &str, sequence: u64, body: Body) -> Vec<u8> {
    let session_id = session_id.to_owned();
    let envelope = Envelope { session_id, sequence, call_id: 0, body: Some(body) }.encode_to_vec();
    let mut frame = u32::try_from(envelope.len()).unwrap().to_le_bytes().to_vec();
    frame.extend(envelope);
    frame
}

/// Where the only worker meets its gateway, once somebody listens there.
async fn endpoint(gateway: &Gateway) -> PathBuf {
    until("the endpoint", async || {
        let mut entries = std::fs::read_dir(gateway.runtime_directory()).ok()?;
        Some(entries.next()?.ok()?.path())
    })
    .await
}

/// Comes as a worker, with this to say; nothing is said to it before the gateway hangs up.
async fn pretend_to_be_a_worker(endpoint: &Path, says: &[u8]) {
    let mut connection = UnixStream::connect(endpoint).await.unwrap();
    // It may be turned away before it has said it.
    connection.write_all(says).await.ok();
    let mut heard = [0; 1];
    let read = within("the gateway hangs up", connection.read(&mut heard)).await;
    assert!(matches!(read, Ok(0) | Err(_)), "the gateway answered an impostor");
}

/// A silent one, one that guesses the proof, and one that also says it is the real process.
async fn three_impostors(endpoint: &Path, session_id: &str, worker_process_id: u32) {
    let hello = |process_id| {
        let hello =
            WorkerHello { protocol_version: 1, challenge: vec![1; 32], proof: vec![2; 32], process_id };
        frame(session_id, 1, Body::WorkerHello(hello))
    };
    pretend_to_be_a_worker(endpoint, &[]).await;
    pretend_to_be_a_worker(endpoint, &hello(std::process::id())).await;
    pretend_to_be_a_worker(endpoint, &hello(worker_process_id)).await;
}

#[tokio::test]
async fn impostors_that_come_before_the_worker_are_turned_away_and_the_worker_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let (script, go) = (folder.path().join("held-worker"), folder.path().join("go"));
    // The real worker, in the very process that the gateway started, but later.
    let held = format!(
        "#!/bin/sh\nwhile [ ! -e {} ]; do sleep 0.02; done\nexec {} \"$@\"\n",
        go.display(),
        program("mxgateway-worker").display()
    );
    std::fs::write(&script, held).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o700)).unwrap();
    let gateway = Gateway::start_as(&format!("[workers]\nexecutable_path = {:?}\n", script)).await;
    let client = gateway.client().await;
    let opening = tokio::spawn(TestSession::open(client));
    let endpoint = endpoint(&gateway).await;
    three_impostors(&endpoint, "session-00112233445566778899aabbccddeeff", 1).await;
    std::fs::write(go, "").unwrap();
    let session = opening.await.unwrap();
    session.invoke(ping()).await.unwrap();
    assert_eq!(gateway.log().matches(TURNED_AWAY).count(), 3);
    session.close().await;
}

/// A gateway that was started again and waits for the worker of a session, which is stopped, while impostors come.
async fn impostors_before_the_worker(adoption_timeout_seconds: u32) -> (Gateway, TestSession, EndOfWorkers) {
    let mut gateway = reattaching(adoption_timeout_seconds).await;
    let session = gateway.session().await;
    let worker = session.opened.worker_process_id;
    let end = EndOfWorkers(vec![worker]);
    gateway.kill().await;
    // Not earlier: the operating system sends SIGHUP to whoever is stopped when its parent goes.
    signal(worker, Signal::STOP);
    let gateway = gateway.start_again().await;
    three_impostors(&endpoint(&gateway).await, &session.id(), worker).await;
    (gateway, session, end)
}

#[tokio::test]
async fn impostors_at_an_adoption_are_turned_away_and_the_worker_is_taken_over() {
    let (gateway, session, _end) = impostors_before_the_worker(20).await;
    let worker = session.opened.worker_process_id;
    let error = session.invoke(ping()).await.unwrap_err();
    assert_eq!(ErrorCode::of(&error), Some(ErrorCode::WorkerUnavailable), "{error:?}");
    signal(worker, Signal::CONT);
    until("the adoption", async || session.invoke(ping()).await.ok()).await;
    assert_eq!(session.status().await.worker_process_id, worker);
    assert_eq!(gateway.log().matches(TURNED_AWAY).count(), 3);
    session.close().await;
}

#[tokio::test]
async fn a_worker_that_only_impostors_came_for_is_reported_and_left_alone() {
    let (gateway, session, _end) = impostors_before_the_worker(2).await;
    let worker = session.opened.worker_process_id;
    let status = until("the fault", async || {
        let status = session.status().await;
        (status.state() == SessionState::Faulted).then_some(status)
    })
    .await;
    let reason = "it did not connect within 2 s (workers.adoption_timeout_seconds)";
    assert!(status.state_reason.contains(reason), "{}", status.state_reason);
    assert!(is_alive(worker), "it is not ours to end");
    assert!(gateway.log().contains("Worker of an earlier gateway was not taken over"), "{}", gateway.log());
}

/// The next frame, or nothing when the peer has hung up.
async fn read(connection: &mut UnixStream) -> Option<Body> {
    let mut length = [0; 4];
    within("a frame", connection.read_exact(&mut length)).await.ok()?;
    let mut envelope = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap()];
    connection.read_exact(&mut envelope).await.unwrap();
    Envelope::decode(envelope.as_slice()).unwrap().body
}

#[tokio::test]
async fn a_gateway_without_the_secret_learns_nothing_and_loses_its_place_to_the_real_one() {
    let mut gateway = reattaching(20).await;
    let session = gateway.session().await;
    let worker = session.opened.worker_process_id;
    let _end = EndOfWorkers(vec![worker]);
    session.advise_tags(&["Fast_001.Count"]).await;
    gateway.kill().await;
    let id = session.id();
    let digits = &id["session-".len()..][..16];
    let path = gateway.runtime_directory().join(format!("w-{digits}.sock"));
    let squatter = UnixListener::bind(&path).unwrap();
    for generation in [1, 1000] {
        let (mut orphan, _) = within("the orphan comes", squatter.accept()).await.unwrap();
        let hello = GatewayHello {
            min_protocol_version: 1,
            max_protocol_version: 1,
            challenge: vec![7; 32],
            generation,
        };
        orphan.write_all(&frame(&id, 1, Body::GatewayHello(hello))).await.unwrap();
        let answer = read(&mut orphan).await;
        let Some(Body::WorkerHello(answer)) = answer else { panic!("{answer:?}") };
        assert_eq!((answer.challenge.len(), answer.proof.len(), answer.process_id), (32, 32, worker));
        // The worker's own proof is the best it has.
        let proof = GatewayProof { proof: answer.proof };
        orphan.write_all(&frame(&id, 2, Body::GatewayProof(proof))).await.unwrap();
        assert_eq!(read(&mut orphan).await, None, "the worker went on");
    }
    assert!(is_alive(worker));
    let gateway = gateway.start_again().await;
    until("the adoption", async || session.invoke(ping()).await.ok()).await;
    assert_eq!(session.status().await.worker_process_id, worker);
    let log = gateway.log();
    assert!(log.contains("Another process listened for a worker of ours; its place was taken"), "{log}");
    session.stream().await.events(10).await;
    session.close().await;
    drop(squatter);
}
