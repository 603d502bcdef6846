//! A whole good handshake, recorded byte by byte in both directions, played back to fresh ends.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use mxgateway_contracts::worker_v1::{Envelope, GatewayHello, WorkerHello, envelope::Body};
use mxgateway_worker_ipc::frame::{FrameReader, FrameWriter};
use mxgateway_worker_ipc::handshake::{
    GatewaySide, HandshakeError, VersionRange, WorkerSide, gateway_handshake, worker_handshake,
};
use mxgateway_worker_ipc::link::{LinkReader, LinkWriter};
use mxgateway_worker_ipc::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

const SESSION: &str = "session-a";
const PROCESS_ID: u32 = 42;
const GENERATION: u64 = 5;

type Reader = LinkReader<ReadHalf<DuplexStream>>;
type Writer = LinkWriter<WriteHalf<DuplexStream>>;

fn link(stream: DuplexStream) -> (Reader, Writer) {
    let (reader, writer) = tokio::io::split(stream);
    (
        LinkReader::new(FrameReader::new(reader, 1 << 20), SESSION),
        LinkWriter::new(FrameWriter::new(writer, 1 << 20), SESSION),
    )
}

fn secret() -> Secret {
    Secret::from_slice(&[1; 32]).unwrap()
}

/// A real gateway; it hangs up when it is done.
async fn gateway(stream: DuplexStream) -> Result<(), HandshakeError> {
    let (mut reader, mut writer) = link(stream);
    let side = GatewaySide { secret: &secret(), versions: VersionRange::OURS, generation: GENERATION };
    gateway_handshake(&mut reader, &mut writer, side).await.map(drop)
}

/// A real worker; it hangs up when it is done.
async fn worker(stream: DuplexStream) -> Result<(), HandshakeError> {
    let (mut reader, mut writer) = link(stream);
    let side = WorkerSide {
        secret: &secret(),
        versions: VersionRange::OURS,
        process_id: PROCESS_ID,
        seen_generation: GENERATION,
    };
    worker_handshake(&mut reader, &mut writer, side).await.map(drop)
}

/// Passes everything on and keeps it, until the one who speaks hangs up.
async fn record(mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) -> Vec<u8> {
    let mut recorded = Vec::new();
    loop {
        let begin = recorded.len();
        if from.read_buf(&mut recorded).await.unwrap() == 0 {
            return recorded;
        }
        // Whoever is done does not listen any more.
        to.write_all(&recorded[begin..]).await.ok();
    }
}

/// What each end sent in a good handshake: the gateway's and the worker's bytes.
async fn eavesdrop() -> (Vec<u8>, Vec<u8>) {
    let (gateway_end, at_gateway) = tokio::io::duplex(4096);
    let (worker_end, at_worker) = tokio::io::duplex(4096);
    let (from_gateway, to_gateway) = tokio::io::split(at_gateway);
    let (from_worker, to_worker) = tokio::io::split(at_worker);
    let (at_gateway, at_worker, by_gateway, by_worker) = tokio::join!(
        gateway(gateway_end),
        worker(worker_end),
        record(from_gateway, to_worker),
        record(from_worker, to_gateway),
    );
    at_gateway.unwrap();
    at_worker.unwrap();
    (by_gateway, by_worker)
}

/// Sends all of it at once and takes whatever is said; what was said comes back.
async fn play(mut stream: DuplexStream, recorded: &[u8]) -> Vec<u8> {
    stream.write_all(recorded).await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    said
}

/// The bodies in recorded bytes.
async fn bodies(mut recorded: &[u8]) -> Vec<Body> {
    let mut reader = FrameReader::new(&mut recorded, 1 << 20);
    let mut bodies = Vec::new();
    while let Some(envelope) = reader.read_message::<Envelope>().await.unwrap() {
        bodies.push(envelope.body.unwrap());
    }
    bodies
}

fn gateway_hello(body: &Body) -> &GatewayHello {
    let Body::GatewayHello(hello) = body else { panic!("{body:?}") };
    hello
}

fn worker_hello(body: &Body) -> &WorkerHello {
    let Body::WorkerHello(hello) = body else { panic!("{body:?}") };
    hello
}

#[tokio::test]
async fn a_recorded_gateway_is_refused_by_a_fresh_worker() {
    let (by_gateway, by_worker) = eavesdrop().await;
    let (impostor, end) = tokio::io::duplex(4096);
    let (outcome, said) = tokio::join!(worker(end), play(impostor, &by_gateway));
    assert!(matches!(outcome, Err(HandshakeError::ProofWrong)), "{outcome:?}");
    // Its hello, made anew, and nothing after the wrong proof.
    let said = bodies(&said).await;
    assert_eq!(said.len(), 1, "{said:?}");
    let earlier = bodies(&by_worker).await;
    assert_ne!(worker_hello(&said[0]).challenge, worker_hello(&earlier[0]).challenge);
    assert_ne!(worker_hello(&said[0]).proof, worker_hello(&earlier[0]).proof);
}

#[tokio::test]
async fn a_recorded_worker_is_refused_by_a_fresh_gateway() {
    let (by_gateway, by_worker) = eavesdrop().await;
    let (impostor, end) = tokio::io::duplex(4096);
    let (outcome, said) = tokio::join!(gateway(end), play(impostor, &by_worker));
    assert!(matches!(outcome, Err(HandshakeError::ProofWrong)), "{outcome:?}");
    // Its hello, made anew, and no proof.
    let said = bodies(&said).await;
    assert_eq!(said.len(), 1, "{said:?}");
    let earlier = bodies(&by_gateway).await;
    assert_ne!(gateway_hello(&said[0]).challenge, gateway_hello(&earlier[0]).challenge);
}

#[tokio::test]
async fn ends_get_nowhere_with_what_they_said_themselves() {
    // Each gets its own bytes back, as they come.
    for is_gateway in [true, false] {
        let (mut mirror, end) = tokio::io::duplex(4096);
        if !is_gateway {
            // A worker speaks second: what it is greeted with is another's hello.
            let (by_gateway, _) = eavesdrop().await;
            let mut reader = FrameReader::new(by_gateway.as_slice(), 1 << 20);
            let first: Envelope = reader.read_message().await.unwrap().unwrap();
            let mut frame = FrameWriter::new(&mut mirror, 1 << 20);
            frame.queue(&first).unwrap();
            frame.flush().await.unwrap();
        }
        let reflecting = async {
            let (mut from, mut to) = tokio::io::split(mirror);
            tokio::io::copy(&mut from, &mut to).await.ok();
        };
        let honest = async { if is_gateway { gateway(end).await } else { worker(end).await } };
        let (outcome, ()) = tokio::join!(honest, reflecting);
        let error = outcome.unwrap_err();
        let refused = matches!(error, HandshakeError::UnexpectedFrame { .. } | HandshakeError::Link(_));
        assert!(refused, "{error}");
    }
}

#[tokio::test]
async fn a_gateways_own_proof_and_challenge_do_not_make_a_worker() {
    let (by_gateway, by_worker) = eavesdrop().await;
    let recorded = bodies(&by_gateway).await;
    let Body::GatewayProof(proof) = &recorded[1] else { panic!("{recorded:?}") };
    let earlier = bodies(&by_worker).await;
    // With the gateway's earlier proof, and with the challenge it has just sent as the worker's own.
    for proof in [proof.proof.clone(), worker_hello(&earlier[0]).proof.clone()] {
        let (impostor, end) = tokio::io::duplex(4096);
        let (mut reader, mut writer) = link(impostor);
        let reflecting = async {
            let greeting = reader.read().await.unwrap().unwrap().body;
            let challenge = gateway_hello(&greeting).challenge.clone();
            let hello = WorkerHello { challenge, proof, ..worker_hello(&earlier[0]).clone() };
            writer.send(0, Body::WorkerHello(hello)).await.unwrap();
        };
        let (outcome, ()) = tokio::join!(gateway(end), reflecting);
        assert!(matches!(outcome, Err(HandshakeError::ProofWrong)), "{outcome:?}");
    }
}
