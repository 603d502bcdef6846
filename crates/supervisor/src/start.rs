//! Bringing up one worker: from nothing to ready.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mxgateway_contracts::time::wire_duration;
use mxgateway_contracts::worker_v1::{Bootstrap, StartEvents, WorkerReady, envelope::Body};
use mxgateway_session::{EventSink, LaunchRequest, SessionId, WorkerIdentity};
use mxgateway_worker_ipc::frame::FrameError;
use mxgateway_worker_ipc::handshake::{GatewaySide, HandshakeError, VersionRange, gateway_handshake};
use mxgateway_worker_ipc::link::{LinkError, LinkReader, LinkWriter, body_name, split};
use mxgateway_worker_ipc::secret::{Secret, SecretError};
use mxgateway_worker_ipc::transport::{Connection, Endpoint, Listener, TransportError, bind};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::process::ChildStdin;
use tokio::time::timeout;
use tracing::warn;

use crate::config::SupervisorConfig;
use crate::connection::FaultText;
use crate::listing::Listing;
use crate::manifest::Manifest;
use crate::patience::Patience;
use crate::process::{Ended, Exit, WorkerProcess, send_bootstrap};

/// After the worker's process ended, how long what it had sent before is looked for.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// After the worker hung up, how long its exit code is waited for.
const EXIT_GRACE: Duration = Duration::from_millis(500);
/// Grows with each gateway that takes a worker over; this one started it.
pub(crate) const FIRST_GENERATION: u64 = 1;

/// A worker that is ready, with the only handles to its process and its connection.
pub(crate) struct StartedWorker {
    pub(crate) process: WorkerProcess,
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    pub(crate) identity: WorkerIdentity,
    /// `None` when it ends with this gateway.
    pub(crate) listing: Option<Listing>,
    /// How long it is to live without a gateway once it is noted, when its bootstrap did not say so.
    pub(crate) outlives: Option<Duration>,
}

/// Why a worker did not become ready. The executable and the session are named by the caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("the program {problem}; set workers.executable_path to mxgateway-worker")]
    ExecutableMissing { problem: &'static str },
    #[error("the program could not be started")]
    Spawn(#[source] io::Error),
    #[error("its log {} cannot be written", path.display())]
    Log { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("the bootstrap could not be written")]
    Bootstrap(#[source] FrameError),
    #[error("it did not {step} within {} s ({})", limit.time.as_secs_f64(), limit.key)]
    Timeout { step: &'static str, limit: Limit },
    #[error("the handshake failed: {0}")]
    Handshake(#[from] HandshakeError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("it sent {0} where WorkerReady follows")]
    UnexpectedFrame(&'static str),
    #[error("it closed its connection before it was ready")]
    Closed,
    #[error("it reported no epoch")]
    NoEpoch,
    #[error("{0}")]
    Fault(FaultText),
    #[error("it ended before it was ready: {0}; its log says more")]
    Exited(Exit),
    #[error("{source}; the process ended: {exit}")]
    Ended { source: Box<Self>, exit: Exit },
}

impl StartError {
    /// The worker hung up without a word, so that its exit code says more.
    pub(crate) fn is_hang_up(&self) -> bool {
        match self {
            Self::Closed | Self::Handshake(HandshakeError::Closed(_)) => true,
            Self::Handshake(HandshakeError::Link(error)) | Self::Link(error) => match error {
                LinkError::Frame(error) => matches!(error, FrameError::Io(_) | FrameError::Truncated(_)),
                LinkError::SessionMismatch { .. } | LinkError::OutOfOrder { .. } | LinkError::NoBody(_) => {
                    false
                }
            },
            Self::Bootstrap(_) => true,
            Self::Handshake(_)
            | Self::ExecutableMissing { .. }
            | Self::Spawn(_)
            | Self::Log { .. }
            | Self::Secret(_)
            | Self::Transport(_)
            | Self::Timeout { .. }
            | Self::UnexpectedFrame(_)
            | Self::NoEpoch
            | Self::Fault(_)
            | Self::Exited(_)
            | Self::Ended { .. } => false,
        }
    }
}

/// Starts a worker. On failure, and when dropped, the process is killed and the socket removed.
pub(crate) async fn start(
    config: &SupervisorConfig,
    manifest: Option<&Arc<Manifest>>,
    request: &LaunchRequest,
    backend: &str,
    sink: &EventSink,
) -> Result<StartedWorker, StartError> {
    let session_id = request.session_id.to_string();
    let endpoint = endpoint(config, manifest.map(|manifest| manifest.instance_id()), request.session_id);
    // Before the worker exists, so that nobody else can sit at its endpoint.
    let listener = bind(&endpoint)?;
    let mut process = WorkerProcess::spawn(config, &session_id)?;
    let stdin = process.take_stdin();
    let process_id = process.id();
    // Before it gets its bootstrap, so that one that may outlive this gateway is always known to the next.
    let listing = match manifest {
        Some(manifest) => Some(Listing::enter(manifest, request, backend, &endpoint, process_id).await?),
        None => None,
    };
    let secret = match &listing {
        Some(listing) => listing.secret(),
        None => Secret::random()?,
    };
    let is_noted = listing.as_ref().is_some_and(Listing::is_noted);
    let bootstrap = Bootstrap {
        max_orphan_lifetime: is_noted.then(|| wire_duration(config.max_orphan_lifetime)),
        ..bootstrap(config, &session_id, &endpoint, &secret, backend)
    };

    let brought_up = {
        let introduction = Introduction {
            session_id: &session_id,
            max_frame_bytes: config.max_frame_bytes,
            secret: &secret,
            process_id,
            generation: FIRST_GENERATION,
            limit: Limit { time: config.startup_timeout, key: "workers.startup_timeout_seconds" },
        };
        let mut bring_up = std::pin::pin!(bring_up(&introduction, sink, stdin, &bootstrap, listener));
        tokio::select! {
            brought_up = &mut bring_up => brought_up,
            exit = process.wait() => match timeout(LAST_WORDS, bring_up).await {
                Ok(Err(error)) if !error.is_hang_up() => Err(StartError::Ended { source: Box::new(error), exit }),
                Ok(_) | Err(_) => Err(StartError::Exited(exit)),
            },
        }
    };
    match brought_up {
        Ok((reader, writer, identity)) => {
            if let Some(listing) = &listing {
                listing.ready(identity.epoch).await;
            }
            // What its bootstrap says is left as it is.
            let outlives = if is_noted { None } else { listing.as_ref().map(|_| config.max_orphan_lifetime) };
            if is_noted {
                process.let_stay();
            }
            Ok(StartedWorker { process, reader, writer, identity, listing, outlives })
        }
        Err(error) => {
            let grace = if error.is_hang_up() { EXIT_GRACE } else { Duration::ZERO };
            match process.end(grace).await {
                Ended::ByItself(exit) if error.is_hang_up() => Err(StartError::Exited(exit)),
                Ended::ByItself(_) | Ended::Killed => Err(error),
            }
        }
    }
}

/// How long something may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) time: Duration,
    /// The key of the configuration that says so.
    pub(crate) key: &'static str,
}

type BroughtUp = (Reader, Writer, WorkerIdentity);
pub(crate) type Reader = LinkReader<ReadHalf<Connection>>;
pub(crate) type Writer = LinkWriter<WriteHalf<Connection>>;

async fn bring_up(
    introduction: &Introduction<'_>,
    sink: &EventSink,
    stdin: Option<ChildStdin>,
    bootstrap: &Bootstrap,
    mut listener: Box<dyn Listener>,
) -> Result<BroughtUp, StartError> {
    let patience = &mut Patience::new(introduction.limit.time);
    if let Some(stdin) = stdin {
        let sent = async { send_bootstrap(stdin, bootstrap).await.map_err(StartError::Bootstrap) };
        introduction.within(patience, "take its bootstrap", sent).await?;
    }
    let accepted = introduction.accept(&mut *listener);
    let connection = introduction.within(patience, "connect", accepted).await?;
    // The endpoint is free from here on.
    drop(listener);
    sink.handshaking();
    let Introduced { reader, mut writer, ready, protocol_version } =
        introduction.introduce(patience, connection).await?;
    introduction.start_events(patience, &mut writer, 0).await?;
    let identity = WorkerIdentity {
        process_id: introduction.process_id,
        epoch: ready.epoch,
        backend_name: ready.backend_name,
        protocol_version,
    };
    Ok((reader, writer, identity))
}

/// How a process that runs becomes a worker that is ready.
#[derive(Debug)]
pub(crate) struct Introduction<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) max_frame_bytes: u32,
    pub(crate) secret: &'a Secret,
    pub(crate) process_id: u32,
    pub(crate) generation: u64,
    pub(crate) limit: Limit,
}

/// A worker that proved itself and is ready; it waits for the start of the events.
pub(crate) struct Introduced {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    pub(crate) ready: WorkerReady,
    pub(crate) protocol_version: u32,
}

impl Introduction<'_> {
    /// Handshake, and the wait for the backend.
    pub(crate) async fn introduce(
        &self,
        patience: &mut Patience,
        connection: Connection,
    ) -> Result<Introduced, StartError> {
        let (mut reader, mut writer) = split(connection, self.session_id, self.max_frame_bytes);
        let side =
            GatewaySide { secret: self.secret, versions: VersionRange::OURS, generation: self.generation };
        let handshake = async { Ok(gateway_handshake(&mut reader, &mut writer, side).await?) };
        let handshaken = self.within(patience, "complete the handshake", handshake).await?;
        let ready = self.within(patience, "become ready", wait_ready(&mut reader)).await?;
        Ok(Introduced { reader, writer, ready, protocol_version: handshaken.version })
    }

    /// Has the worker send its events from after a sequence on.
    pub(crate) async fn start_events(
        &self,
        patience: &mut Patience,
        writer: &mut Writer,
        after_sequence: u64,
    ) -> Result<(), StartError> {
        let start = async { Ok(writer.send(0, Body::StartEvents(StartEvents { after_sequence })).await?) };
        self.within(patience, "read", start).await
    }

    /// The connection of our process; others are turned away.
    pub(crate) async fn accept(&self, listener: &mut dyn Listener) -> Result<Connection, StartError> {
        loop {
            let accepted = listener.accept().await?;
            match accepted.peer_process_id {
                Some(found) if found != self.process_id => {
                    warn!(
                        session_id = self.session_id,
                        worker_process_id = self.process_id,
                        peer_process_id = found,
                        "Connection of another process was turned away"
                    );
                }
                Some(_) | None => return Ok(accepted.connection),
            }
        }
    }

    pub(crate) async fn within<T>(
        &self,
        patience: &mut Patience,
        step: &'static str,
        work: impl Future<Output = Result<T, StartError>>,
    ) -> Result<T, StartError> {
        let limit = self.limit;
        patience.within(work).await.unwrap_or(Err(StartError::Timeout { step, limit }))
    }
}

async fn wait_ready(reader: &mut Reader) -> Result<WorkerReady, StartError> {
    loop {
        let body = reader.read().await?.ok_or(StartError::Closed)?.body;
        if let Body::WorkerReady(ready) = body {
            return if ready.epoch == 0 { Err(StartError::NoEpoch) } else { Ok(ready) };
        }
        if let Body::Fault(fault) = body {
            return Err(StartError::Fault(fault.into()));
        }
        // A backend may take its time, and the worker says meanwhile that it lives.
        if !matches!(body, Body::Heartbeat(_)) {
            return Err(StartError::UnexpectedFrame(body_name(&body)));
        }
    }
}

/// Where a session's worker looks for its gateway, this one or the next. A socket's is short, for the operating system
/// limits the length of its path; the first 8 of the id's 16 bytes are random enough. A pipe's, which all programs of
/// the machine see, names the installation where that has a name.
fn endpoint(config: &SupervisorConfig, instance_id: Option<&str>, session_id: SessionId) -> Endpoint {
    let id = session_id.to_string();
    if cfg!(windows) {
        let instance = instance_id.map_or_else(String::new, |instance| format!("{instance}-"));
        return Endpoint::Pipe(format!("mxgateway-{instance}{id}"));
    }
    let digits = id.rsplit('-').next().and_then(|digits| digits.get(..16)).unwrap_or(&id);
    Endpoint::Unix(config.runtime_directory.join(format!("w-{digits}.sock")))
}

fn bootstrap(
    config: &SupervisorConfig,
    session_id: &str,
    endpoint: &Endpoint,
    secret: &Secret,
    backend: &str,
) -> Bootstrap {
    Bootstrap {
        session_id: session_id.to_owned(),
        endpoint: endpoint.to_string(),
        secret: secret.expose().to_vec(),
        min_protocol_version: VersionRange::OURS.min,
        max_protocol_version: VersionRange::OURS.max,
        max_frame_bytes: config.max_frame_bytes,
        backend_name: backend.to_owned(),
        backend_options: config.backend_options.clone(),
        journal_capacity: config.journal_capacity,
        journal_bytes: config.journal_bytes,
        heartbeat_interval: Some(wire_duration(config.heartbeat_interval)),
        connect_timeout: Some(wire_duration(config.startup_timeout)),
        hung_apartment_ceiling: Some(wire_duration(config.hung_apartment_ceiling)),
        max_orphan_lifetime: None,
        log_filter: config.log_filter.clone(),
        log_json: config.log_json,
    }
}
