//! From an endpoint to a gateway that is served: connect, let both ends prove themselves, say what there is, and
//! learn from where the events are wanted.

use std::time::Duration;

use mxgateway_contracts::worker_v1::{WorkerFaultCode, envelope::Body};
use mxgateway_worker_ipc::exit::ExitReason;
use mxgateway_worker_ipc::handshake::{HandshakeError, VersionRange, WorkerSide, worker_handshake};
use mxgateway_worker_ipc::link::{self, LinkError, LinkReader, LinkWriter, Received, body_name};
use mxgateway_worker_ipc::transport::{Connection, TransportError, connect_once};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::time::timeout;

use crate::bootstrap::Settings;
use crate::connection::{fault, interrupted, is_lost, tell_fault};
use crate::journal::Journal;
use crate::service::About;

pub(crate) type Reader = LinkReader<ReadHalf<Connection>>;
pub(crate) type Writer = LinkWriter<WriteHalf<Connection>>;

/// How long one try may take until both ends have proved themselves. Less than half of the time that a gateway takes for
/// adopting a worker by default, so that whoever sits at the endpoint and says nothing does not use it up.
const PROOF_LIMIT: Duration = Duration::from_secs(2);
/// How long a gateway that has proved itself may take to ask for the events.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A connection to a gateway that has proved itself.
pub(crate) struct Link {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    /// Of the protocol.
    pub(crate) version: u32,
}

/// Why a try did not find a gateway; a later one may.
#[derive(Debug, thiserror::Error)]
enum TryError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error("the peer did not prove itself within {} s", PROOF_LIMIT.as_secs())]
    NoProof,
    #[error("the gateway closed the connection before it asked for events")]
    Closed,
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the gateway did not ask for events within {} s", START_LIMIT.as_secs())]
    NoStart,
}

/// A try that did not find a gateway.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Another one may.
    Again {
        /// The same for errors of the same kind.
        cause: &'static str,
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no point in another one; it is logged.
    Ended(ExitReason),
}

impl TryError {
    fn cause(&self) -> &'static str {
        match self {
            Self::Transport(TransportError::NotReachable { .. }) => "nobody listens",
            Self::Transport(TransportError::ForeignPeer { .. }) => "another user listens",
            Self::Transport(
                TransportError::Unsupported(_)
                | TransportError::InUse(_)
                | TransportError::PathTooLong { .. }
                | TransportError::DirectoryNotPrivate { .. }
                | TransportError::Directory { .. }
                | TransportError::Io { .. },
            ) => "the endpoint failed",
            Self::Handshake(HandshakeError::VersionsDisjoint { .. }) => "no common version",
            Self::Handshake(HandshakeError::SessionMismatch { .. }) => "another session",
            Self::Handshake(HandshakeError::ProofWrong) => "wrong proof",
            Self::Handshake(HandshakeError::StaleGeneration { .. }) => "stale generation",
            Self::Handshake(HandshakeError::Random(_)) => "no random numbers",
            Self::Handshake(HandshakeError::Closed(_)) => "closed in the handshake",
            Self::Handshake(
                HandshakeError::ChallengeLength(_)
                | HandshakeError::UnexpectedFrame { .. }
                | HandshakeError::Link(_),
            ) => "the handshake failed",
            Self::NoProof => "no proof in time",
            Self::Closed | Self::Link(_) => "lost before it asked for events",
            Self::NoStart => "it asked for no events in time",
        }
    }
}

/// Lets both ends of a new connection prove themselves. `seen_generation` is the greatest of a gateway that has
/// proved itself; no smaller one is taken.
pub(crate) async fn prove(
    settings: &Settings,
    connection: Connection,
    seen_generation: &mut u64,
) -> Result<Link, HandshakeError> {
    let (mut reader, mut writer) = link::split(connection, &settings.session_id, settings.max_frame_bytes);
    let side = WorkerSide {
        secret: &settings.secret,
        versions: VersionRange::OURS,
        process_id: std::process::id(),
        seen_generation: *seen_generation,
    };
    let handshaken = worker_handshake(&mut reader, &mut writer, side).await?;
    *seen_generation = handshaken.generation.max(*seen_generation);
    Ok(Link { reader, writer, version: handshaken.version })
}

/// Tries once to find a gateway at the worker's endpoint and to come to serving it. Each step has a limit.
pub(crate) async fn find_gateway(about: &About, seen_generation: &mut u64) -> Result<Link, Failed> {
    let again = |error: TryError| Failed::Again { cause: error.cause(), error: Box::new(error) };
    let proved = timeout(PROOF_LIMIT, async {
        let connection = connect_once(&about.settings.endpoint).await?;
        Ok(prove(&about.settings, connection, seen_generation).await?)
    });
    let mut link = proved.await.unwrap_or(Err(TryError::NoProof)).map_err(again)?;
    let started = timeout(START_LIMIT, async {
        link.writer.send(0, Body::WorkerReady(about.ready())).await?;
        Ok(link.reader.read().await?)
    });
    match started.await.unwrap_or(Err(TryError::NoStart)) {
        Ok(Some(received)) => match start(received, &about.journal) {
            Ok(()) => Ok(link),
            Err(message) => {
                tell_violation(&mut link.writer, message).await;
                Err(Failed::Ended(ExitReason::ProtocolViolation))
            }
        },
        Ok(None) => Err(again(TryError::Closed)),
        // It has proved itself, so that nobody else speaks such nonsense in its place.
        Err(TryError::Link(error)) if !is_lost(&error) => Err(Failed::Ended(interrupted(Err(error)))),
        Err(error) => Err(again(error)),
    }
}

/// Waits for StartEvents, as long as it takes. Errors: how the worker ends, logged.
pub(crate) async fn first_start(link: &mut Link, journal: &Journal) -> Result<(), ExitReason> {
    match link.reader.read().await {
        Ok(Some(received)) => match start(received, journal) {
            Ok(()) => Ok(()),
            Err(message) => {
                tell_violation(&mut link.writer, message).await;
                Err(ExitReason::ProtocolViolation)
            }
        },
        other => Err(interrupted(other)),
    }
}

/// Sets the journal to where the gateway wants the events from. Errors: it broke the protocol, in words.
fn start(received: Received, journal: &Journal) -> Result<(), String> {
    let Body::StartEvents(start) = &received.body else {
        return Err(format!("{} came where StartEvents follows", body_name(&received.body)));
    };
    journal.start(start.after_sequence).map_err(|error| error.to_string())
}

/// Tells a gateway that it broke the protocol.
pub(crate) async fn tell_violation(writer: &mut Writer, message: String) {
    tracing::error!(message, "Gateway broke the protocol");
    tell_fault(writer, fault(WorkerFaultCode::ProtocolViolation, message)).await;
}
