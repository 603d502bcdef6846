//! The handshake between the real ends, and of each real end with a scripted peer that cheats.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use mxgateway_contracts::worker_v1::{
    GatewayHello, GatewayProof, Heartbeat, WorkerHello, WorkerReady, envelope::Body,
};
use mxgateway_worker_ipc::frame::{FrameError, FrameReader, FrameWriter};
use mxgateway_worker_ipc::handshake::proof::{CHALLENGE_BYTES, Side, Transcript};
use mxgateway_worker_ipc::handshake::{
    GatewayHandshaken, GatewaySide, HandshakeError, VersionRange, WorkerHandshaken, WorkerSide,
    gateway_handshake, worker_handshake,
};
use mxgateway_worker_ipc::link::{LinkError, LinkReader, LinkWriter, split};
use mxgateway_worker_ipc::secret::Secret;
use tokio::io::{DuplexStream, ReadHalf, WriteHalf};

const SESSION: &str = "session-a";
const VERSIONS: VersionRange = VersionRange { min: 1, max: 3 };
const PROCESS_ID: u32 = 42;
const MAX_FRAME_BYTES: u32 = 1 << 20;

struct End {
    reader: LinkReader<ReadHalf<DuplexStream>>,
    writer: LinkWriter<WriteHalf<DuplexStream>>,
}

impl End {
    fn new(stream: DuplexStream, session_id: &str) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            reader: LinkReader::new(FrameReader::new(reader, MAX_FRAME_BYTES), session_id),
            writer: LinkWriter::new(FrameWriter::new(writer, MAX_FRAME_BYTES), session_id),
        }
    }

    async fn read(&mut self) -> Body {
        self.reader.read().await.unwrap().expect("the peer closed").body
    }

    async fn send(&mut self, body: Body) {
        self.writer.send(0, body).await.unwrap();
    }

    async fn gateway(
        &mut self,
        secret: &Secret,
        versions: VersionRange,
    ) -> Result<GatewayHandshaken, HandshakeError> {
        let side = GatewaySide { secret, versions, generation: 5 };
        gateway_handshake(&mut self.reader, &mut self.writer, side).await
    }

    async fn worker(
        &mut self,
        secret: &Secret,
        versions: VersionRange,
        seen_generation: u64,
    ) -> Result<WorkerHandshaken, HandshakeError> {
        let side = WorkerSide { secret, versions, process_id: PROCESS_ID, seen_generation };
        worker_handshake(&mut self.reader, &mut self.writer, side).await
    }
}

fn ends() -> (End, End) {
    let (here, there) = tokio::io::duplex(4096);
    (End::new(here, SESSION), End::new(there, SESSION))
}

fn secret(byte: u8) -> Secret {
    Secret::from_slice(&[byte; 32]).unwrap()
}

fn versions(min: u32, max: u32) -> VersionRange {
    VersionRange { min, max }
}

#[tokio::test]
async fn both_ends_agree_and_the_link_goes_on() {
    let cases = [
        (versions(1, 1), versions(1, 1), 1),
        (versions(1, 3), versions(2, 5), 3),
        (versions(2, 5), versions(1, 3), 3),
        (versions(1, 9), versions(4, 4), 4),
    ];
    for (offered, spoken, version) in cases {
        let (mut gateway, mut worker) = ends();
        let (ours, key) = (secret(1), secret(1));
        let (at_gateway, at_worker) =
            tokio::join!(gateway.gateway(&ours, offered), worker.worker(&key, spoken, 5));
        assert_eq!(at_gateway.unwrap(), GatewayHandshaken { version, worker_process_id: PROCESS_ID });
        assert_eq!(at_worker.unwrap(), WorkerHandshaken { version, generation: 5 });

        // Afterwards a large frame passes: the small limit was for the handshake only.
        let ready = WorkerReady { mxaccess_path: "x".repeat(100_000), ..WorkerReady::default() };
        let (sent, read) = tokio::join!(worker.writer.send(0, Body::WorkerReady(ready)), gateway.read());
        sent.unwrap();
        assert!(matches!(read, Body::WorkerReady(_)));
    }
}

#[tokio::test]
async fn disjoint_versions_are_named_at_both_ends() {
    for (offered, spoken) in
        [(versions(3, 5), versions(1, 2)), (versions(1, 2), versions(3, 5)), (versions(2, 1), versions(1, 2))]
    {
        let (mut gateway, mut worker) = ends();
        let key = secret(1);
        let (at_gateway, at_worker) =
            tokio::join!(gateway.gateway(&key, offered), worker.worker(&key, spoken, 0));
        for error in [at_gateway.unwrap_err(), at_worker.unwrap_err()] {
            assert!(
                matches!(error, HandshakeError::VersionsDisjoint { gateway, .. } if gateway == offered),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_worker_without_the_secret_is_refused_and_learns_nothing() {
    let (mut gateway, mut worker) = ends();
    let (right, wrong) = (secret(1), secret(2));
    let at_worker = async {
        let outcome = worker.worker(&wrong, VERSIONS, 0).await;
        drop(worker);
        outcome
    };
    let at_gateway = async {
        let outcome = gateway.gateway(&right, VERSIONS).await;
        drop(gateway);
        outcome
    };
    let (at_gateway, at_worker) = tokio::join!(at_gateway, at_worker);
    assert!(matches!(at_gateway, Err(HandshakeError::ProofWrong)), "{at_gateway:?}");
    assert!(matches!(at_worker, Err(HandshakeError::Closed("GatewayProof"))), "{at_worker:?}");
}

#[tokio::test]
async fn a_gateway_without_the_secret_is_refused() {
    let (mut gateway, mut worker) = ends();
    let key = secret(1);
    // It cannot check the worker's proof, so it sends some proof and hopes.
    let impostor = async {
        gateway.send(gateway_hello(5)).await;
        gateway.read().await;
        gateway.send(Body::GatewayProof(GatewayProof { proof: vec![0; 32] })).await;
    };
    let (outcome, ()) = tokio::join!(worker.worker(&key, VERSIONS, 0), impostor);
    assert!(matches!(outcome, Err(HandshakeError::ProofWrong)), "{outcome:?}");
}

#[tokio::test]
async fn a_reflected_proof_is_refused() {
    let (mut gateway, mut worker) = ends();
    let key = secret(1);
    let impostor = async {
        gateway.send(gateway_hello(5)).await;
        let Body::WorkerHello(hello) = gateway.read().await else { panic!("no hello") };
        gateway.send(Body::GatewayProof(GatewayProof { proof: hello.proof })).await;
    };
    let (outcome, ()) = tokio::join!(worker.worker(&key, VERSIONS, 0), impostor);
    assert!(matches!(outcome, Err(HandshakeError::ProofWrong)), "{outcome:?}");
}

#[tokio::test]
async fn replayed_proofs_are_refused() {
    let key = secret(1);
    // What an eavesdropper has of an earlier handshake.
    let (mut gateway, mut worker) = ends();
    let real_worker = async { worker.worker(&key, VERSIONS, 0).await };
    let recorder = async {
        gateway.send(gateway_hello(5)).await;
        let Body::WorkerHello(hello) = gateway.read().await else { panic!("no hello") };
        let proof = transcript(&hello).prove(Side::Gateway, &key);
        gateway.send(Body::GatewayProof(GatewayProof { proof: proof.clone() })).await;
        (hello, proof)
    };
    let (outcome, (old_hello, old_proof)) = tokio::join!(real_worker, recorder);
    assert_eq!(outcome.unwrap().generation, 5, "the recorded handshake is good");

    let (mut gateway, mut impostor) = ends();
    let replay = async {
        impostor.read().await;
        impostor.send(Body::WorkerHello(old_hello)).await;
    };
    let (outcome, ()) = tokio::join!(gateway.gateway(&key, VERSIONS), replay);
    assert!(matches!(outcome, Err(HandshakeError::ProofWrong)), "to the gateway: {outcome:?}");

    let (mut impostor, mut worker) = ends();
    let replay = async {
        impostor.send(gateway_hello(5)).await;
        impostor.read().await;
        impostor.send(Body::GatewayProof(GatewayProof { proof: old_proof })).await;
    };
    let (outcome, ()) = tokio::join!(worker.worker(&key, VERSIONS, 0), replay);
    assert!(matches!(outcome, Err(HandshakeError::ProofWrong)), "to the worker: {outcome:?}");
}

#[tokio::test]
async fn a_gateway_that_was_replaced_is_refused() {
    let (mut gateway, mut worker) = ends();
    let key = secret(1);
    let (at_gateway, at_worker) =
        tokio::join!(gateway.gateway(&key, VERSIONS), worker.worker(&key, VERSIONS, 6));
    at_gateway.unwrap();
    let stale = HandshakeError::StaleGeneration { seen: 6, found: 5 };
    assert_eq!(at_worker.unwrap_err().to_string(), stale.to_string());
}

#[tokio::test]
async fn a_session_of_somebody_else_is_named_at_the_end_that_sees_it() {
    let (here, there) = tokio::io::duplex(4096);
    let (mut gateway, mut worker) = (End::new(here, SESSION), End::new(there, "session-b"));
    let key = secret(1);
    let at_worker = async {
        let outcome = worker.worker(&key, VERSIONS, 0).await;
        worker.send(worker_hello(CHALLENGE_BYTES)).await;
        outcome
    };
    let (at_gateway, at_worker) = tokio::join!(gateway.gateway(&key, VERSIONS), at_worker);
    for error in [at_gateway.unwrap_err(), at_worker.unwrap_err()] {
        assert!(matches!(error, HandshakeError::SessionMismatch { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_gateway_refuses_what_is_no_worker_hello() {
    let large = WorkerHello { proof: vec![0; 5000], ..WorkerHello::default() };
    let cases: Vec<(Option<Body>, &str)> = vec![
        (None, "the peer closed the connection where WorkerHello follows"),
        (Some(worker_hello(31)), "the peer's challenge has 31 bytes, not 32"),
        (Some(worker_hello(33)), "the peer's challenge has 33 bytes, not 32"),
        (Some(worker_hello(CHALLENGE_BYTES)), "the peer's proof is wrong"),
        (Some(Body::Heartbeat(Heartbeat::default())), "the peer sent Heartbeat where WorkerHello follows"),
        (Some(Body::WorkerHello(large)), "frame of 5019 bytes is over the limit of 4096 bytes"),
    ];
    for (answer, expected) in cases {
        let (mut gateway, mut worker) = ends();
        let key = secret(1);
        let cheat = async {
            worker.read().await;
            if let Some(answer) = answer {
                // The gateway may hang up before it has read all of a large one.
                worker.writer.send(0, answer).await.ok();
            }
            drop(worker);
        };
        let real = async {
            let outcome = gateway.gateway(&key, VERSIONS).await;
            drop(gateway);
            outcome
        };
        let (outcome, ()) = tokio::join!(real, cheat);
        assert_eq!(outcome.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn the_worker_refuses_what_is_no_gateway() {
    let short = GatewayHello { challenge: vec![0; 16], ..hello(5) };
    let cases: Vec<(Vec<Body>, &str)> = vec![
        (vec![], "the peer closed the connection where GatewayHello follows"),
        (vec![Body::GatewayHello(short)], "the peer's challenge has 16 bytes, not 32"),
        (
            vec![Body::WorkerReady(WorkerReady::default())],
            "the peer sent WorkerReady where GatewayHello follows",
        ),
        (vec![gateway_hello(5)], "the peer closed the connection where GatewayProof follows"),
        (vec![gateway_hello(5), gateway_hello(5)], "the peer sent GatewayHello where GatewayProof follows"),
        (
            vec![gateway_hello(5), Body::GatewayProof(GatewayProof { proof: Vec::new() })],
            "the peer's proof is wrong",
        ),
    ];
    for (frames, expected) in cases {
        let (mut gateway, mut worker) = ends();
        let key = secret(1);
        let cheat = async {
            for frame in frames {
                gateway.send(frame).await;
            }
            gateway.writer.close().await.unwrap();
            // Held until the worker is done, so that it sees the end and no broken connection.
            gateway.reader
        };
        let (outcome, _reader) = tokio::join!(worker.worker(&key, VERSIONS, 0), cheat);
        assert_eq!(outcome.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn a_broken_frame_is_a_link_error() {
    use tokio::io::AsyncWriteExt;
    let (mut here, there) = tokio::io::duplex(4096);
    let (mut reader, mut writer) = split(Box::new(there), SESSION, MAX_FRAME_BYTES);
    here.write_all(&[0; 4]).await.unwrap();
    let key = secret(1);
    let side = WorkerSide { secret: &key, versions: VERSIONS, process_id: PROCESS_ID, seen_generation: 0 };
    let error = worker_handshake(&mut reader, &mut writer, side).await.unwrap_err();
    assert!(matches!(error, HandshakeError::Link(LinkError::Frame(FrameError::Empty))), "{error}");
}

fn hello(generation: u64) -> GatewayHello {
    GatewayHello {
        min_protocol_version: VERSIONS.min,
        max_protocol_version: VERSIONS.max,
        challenge: vec![9; CHALLENGE_BYTES],
        generation,
    }
}

fn gateway_hello(generation: u64) -> Body {
    Body::GatewayHello(hello(generation))
}

fn worker_hello(challenge_bytes: usize) -> Body {
    Body::WorkerHello(WorkerHello {
        protocol_version: VERSIONS.max,
        challenge: vec![1; challenge_bytes],
        proof: vec![2; 32],
        process_id: PROCESS_ID,
    })
}

/// What the real worker's answer to [`gateway_hello`] makes of the transcript.
fn transcript(hello: &WorkerHello) -> Transcript<'static> {
    Transcript {
        session_id: SESSION,
        min_version: VERSIONS.min,
        max_version: VERSIONS.max,
        selected_version: hello.protocol_version,
        gateway_challenge: [9; CHALLENGE_BYTES],
        worker_challenge: hello.challenge.as_slice().try_into().unwrap(),
        generation: 5,
        worker_process_id: hello.process_id,
    }
}
