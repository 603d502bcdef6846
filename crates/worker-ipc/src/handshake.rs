//! The handshake: versions are agreed on, and each end proves to the other that it knows the secret.
//!
//! ```text
//! gateway                                   worker
//!   GatewayHello {versions, challenge}  ->
//!                                       <-  WorkerHello {version, challenge, proof}
//!   GatewayProof {proof}                ->
//! ```
//!
//! Until it is done, only small frames are taken. Neither function has a time limit of its own.

pub mod proof;

use mxgateway_contracts::worker_v1::{GatewayHello, GatewayProof, WorkerHello, envelope::Body};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::link::{LinkError, LinkReader, LinkWriter, body_name};
use crate::secret::Secret;
use proof::{CHALLENGE_BYTES, Challenge, Side, Transcript};

/// Limit for a frame from a peer that has not proved itself, in bytes.
const MAX_HANDSHAKE_FRAME_BYTES: u32 = 4096;

/// Protocol versions that an end speaks, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    /// Oldest.
    pub min: u32,
    /// Newest.
    pub max: u32,
}

impl VersionRange {
    /// What this build speaks.
    pub const OURS: Self = Self {
        min: mxgateway_contracts::MIN_WORKER_PROTOCOL_VERSION,
        max: mxgateway_contracts::MAX_WORKER_PROTOCOL_VERSION,
    };

    /// The newest version in both ranges.
    pub fn common(self, other: Self) -> Option<u32> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }
}

/// Why the two ends did not come together.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// No version is spoken by both.
    #[error("the worker speaks protocol versions {} to {}, the gateway {} to {}", worker.min, worker.max, gateway.min, gateway.max)]
    VersionsDisjoint {
        /// What the gateway offers.
        gateway: VersionRange,
        /// What the worker speaks; the gateway knows only its newest.
        worker: VersionRange,
    },
    /// An envelope for another session.
    #[error("the peer speaks for session {found:?}, not {expected:?}")]
    SessionMismatch {
        /// The session here.
        expected: String,
        /// The session there.
        found: String,
    },
    /// A challenge that is too short to be one, or too long.
    #[error("the peer's challenge has {0} bytes, not {CHALLENGE_BYTES}")]
    ChallengeLength(usize),
    /// The peer does not know the secret, or saw something else than was sent.
    #[error("the peer's proof is wrong")]
    ProofWrong,
    /// A gateway that was replaced by a newer one.
    #[error("the gateway has generation {found}, older than {seen} that was seen before")]
    StaleGeneration {
        /// Newest generation seen.
        seen: u64,
        /// Generation of this gateway.
        found: u64,
    },
    /// Something else than the next step.
    #[error("the peer sent {found} where {expected} follows")]
    UnexpectedFrame {
        /// What was due.
        expected: &'static str,
        /// What came.
        found: &'static str,
    },
    /// The peer closed the connection; it gives no reason before it knows us.
    #[error("the peer closed the connection where {0} follows")]
    Closed(&'static str),
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// The connection failed or the peer broke the protocol.
    #[error(transparent)]
    Link(LinkError),
}

impl From<LinkError> for HandshakeError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::SessionMismatch { expected, found } => Self::SessionMismatch { expected, found },
            LinkError::Frame(_) | LinkError::OutOfOrder { .. } | LinkError::NoBody(_) => Self::Link(error),
        }
    }
}

/// What the gateway brings to the handshake.
#[derive(Clone, Copy, Debug)]
pub struct GatewaySide<'a> {
    /// What the worker was given to prove itself with.
    pub secret: &'a Secret,
    /// Versions to offer.
    pub versions: VersionRange,
    /// Grows with each gateway that takes the worker over, from 1.
    pub generation: u64,
}

/// What the gateway knows after the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayHandshaken {
    /// The version to speak.
    pub version: u32,
    /// The process the worker says it is; the transport may know better.
    pub worker_process_id: u32,
}

/// The gateway's part; afterwards the worker sends `WorkerReady`.
pub async fn gateway_handshake<R, W>(
    reader: &mut LinkReader<R>,
    writer: &mut LinkWriter<W>,
    side: GatewaySide<'_>,
) -> Result<GatewayHandshaken, HandshakeError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let limit = reader.replace_max_frame_bytes(MAX_HANDSHAKE_FRAME_BYTES);
    let GatewaySide { secret, versions, generation } = side;
    let gateway_challenge = random_challenge()?;
    let hello = GatewayHello {
        min_protocol_version: versions.min,
        max_protocol_version: versions.max,
        challenge: gateway_challenge.to_vec(),
        generation,
    };
    writer.send(0, Body::GatewayHello(hello)).await?;

    let body = read(reader, "WorkerHello").await?;
    let Body::WorkerHello(hello) = body else { return Err(unexpected("WorkerHello", &body)) };
    let selected_version = hello.protocol_version;
    if !(versions.min..=versions.max).contains(&selected_version) {
        let worker = VersionRange { min: selected_version, max: selected_version };
        return Err(HandshakeError::VersionsDisjoint { gateway: versions, worker });
    }
    let transcript = Transcript {
        session_id: reader.session_id(),
        min_version: versions.min,
        max_version: versions.max,
        selected_version,
        gateway_challenge,
        worker_challenge: challenge(&hello.challenge)?,
        generation,
        worker_process_id: hello.process_id,
    };
    if !transcript.verify(Side::Worker, secret, &hello.proof) {
        return Err(HandshakeError::ProofWrong);
    }
    let proof = transcript.prove(Side::Gateway, secret);
    writer.send(0, Body::GatewayProof(GatewayProof { proof })).await?;
    reader.replace_max_frame_bytes(limit);
    Ok(GatewayHandshaken { version: selected_version, worker_process_id: hello.process_id })
}

/// What the worker brings to the handshake.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSide<'a> {
    /// What the worker was started with.
    pub secret: &'a Secret,
    /// Versions it speaks.
    pub versions: VersionRange,
    /// Its process id.
    pub process_id: u32,
    /// Newest generation of a gateway it has served; 0 for none.
    pub seen_generation: u64,
}

/// What the worker knows after the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerHandshaken {
    /// The version to speak.
    pub version: u32,
    /// Generation of the gateway.
    pub generation: u64,
}

/// The worker's part; afterwards it sends `WorkerReady`.
pub async fn worker_handshake<R, W>(
    reader: &mut LinkReader<R>,
    writer: &mut LinkWriter<W>,
    side: WorkerSide<'_>,
) -> Result<WorkerHandshaken, HandshakeError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let limit = reader.replace_max_frame_bytes(MAX_HANDSHAKE_FRAME_BYTES);
    let WorkerSide { secret, versions, process_id, seen_generation } = side;
    let body = read(reader, "GatewayHello").await?;
    let Body::GatewayHello(hello) = body else { return Err(unexpected("GatewayHello", &body)) };
    let generation = hello.generation;
    let gateway_challenge = challenge(&hello.challenge)?;
    let worker_challenge = random_challenge()?;
    let offered = VersionRange { min: hello.min_protocol_version, max: hello.max_protocol_version };
    let Some(version) = versions.common(offered) else {
        // Without a proof, only so that the gateway can tell why this ends.
        let challenge = worker_challenge.to_vec();
        let hello = WorkerHello { protocol_version: versions.max, challenge, proof: Vec::new(), process_id };
        writer.send(0, Body::WorkerHello(hello)).await?;
        return Err(HandshakeError::VersionsDisjoint { gateway: offered, worker: versions });
    };
    let session_id = reader.session_id().to_owned();
    let transcript = Transcript {
        session_id: &session_id,
        min_version: offered.min,
        max_version: offered.max,
        selected_version: version,
        gateway_challenge,
        worker_challenge,
        generation,
        worker_process_id: process_id,
    };
    let hello = WorkerHello {
        protocol_version: version,
        challenge: worker_challenge.to_vec(),
        proof: transcript.prove(Side::Worker, secret),
        process_id,
    };
    writer.send(0, Body::WorkerHello(hello)).await?;

    let body = read(reader, "GatewayProof").await?;
    let Body::GatewayProof(answer) = body else { return Err(unexpected("GatewayProof", &body)) };
    if !transcript.verify(Side::Gateway, secret, &answer.proof) {
        return Err(HandshakeError::ProofWrong);
    }
    if generation < seen_generation {
        return Err(HandshakeError::StaleGeneration { seen: seen_generation, found: generation });
    }
    reader.replace_max_frame_bytes(limit);
    Ok(WorkerHandshaken { version, generation })
}

async fn read<R: AsyncRead + Unpin>(
    reader: &mut LinkReader<R>,
    expected: &'static str,
) -> Result<Body, HandshakeError> {
    let received = reader.read().await?.ok_or(HandshakeError::Closed(expected))?;
    Ok(received.body)
}

fn random_challenge() -> Result<Challenge, HandshakeError> {
    let mut challenge = [0; CHALLENGE_BYTES];
    getrandom::fill(&mut challenge).map_err(HandshakeError::Random)?;
    Ok(challenge)
}

fn challenge(bytes: &[u8]) -> Result<Challenge, HandshakeError> {
    bytes.try_into().map_err(|_| HandshakeError::ChallengeLength(bytes.len()))
}

fn unexpected(expected: &'static str, found: &Body) -> HandshakeError {
    HandshakeError::UnexpectedFrame { expected, found: body_name(found) }
}
