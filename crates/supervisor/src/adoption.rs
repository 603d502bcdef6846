//! Taking over a worker of an earlier gateway: it proves that it is the one on the list, says where its journal
//! begins, and what is registered, added and advised.
//!
//! What does not prove itself is left alone: its process is not ours to end, and ends by itself when no gateway
//! comes. A worker that proved itself and then fails is ended like any other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{AdviseState as WireAdvise, GetSessionStateCommand, GetSessionStateReply};
use mxgateway_contracts::worker_v1::Command;
use mxgateway_session::core::event::ItemKey;
use mxgateway_session::core::items::{AdviseState, Item, ItemChange};
use mxgateway_session::core::lifecycle::Fault;
use mxgateway_session::{EventSink, Launched, OnReply, PortError, WorkerIdentity, WorkerPort};
use mxgateway_worker_ipc::transport::{Endpoint, Listener, TransportError, bind};
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::config::SupervisorConfig;
use crate::guardian;
use crate::identity::IdentifiedProcess;
use crate::launcher::chain;
use crate::listing::Listing;
use crate::manifest::{Entry, Manifest, ManifestError};
use crate::patience::Patience;
use crate::port::{Worker, WorkerLink, WorkerReply};
use crate::process::WorkerProcess;
use crate::start::{Introduced, Introduction, Limit, StartError, StartedWorker};

/// Between two tries to take a pipe's name. There is nothing that says when it is free.
const BIND_PAUSE: Duration = Duration::from_millis(10);

/// Why a worker was not taken over.
#[derive(Debug, thiserror::Error)]
enum AdoptionError {
    #[error("it ended while the gateway was away")]
    Gone,
    #[error("its process cannot be looked at")]
    Process(#[source] io::Error),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("it numbers its events in epoch {found:#x}, not {expected:#x}")]
    Epoch { expected: u64, found: u64 },
    #[error("it did not say what it holds")]
    State(#[source] PortError),
    #[error("it did not say what it holds: HRESULT {}", hresult::describe(*.0))]
    StateRefused(i32),
    #[error("it did not send its events within {} s (workers.adoption_timeout_seconds)", .0.as_secs_f64())]
    Slow(Duration),
}

/// Takes the worker of an entry over. When that fails, the entry is gone.
pub(crate) async fn adopt(
    config: &SupervisorConfig,
    manifest: &Arc<Manifest>,
    entry: Entry,
    sink: &EventSink,
) -> Result<Launched<Worker>, Fault> {
    let (session_id, process_id) = (entry.session_id, entry.process.process_id);
    take_over(config, manifest, entry, sink).await.map_err(|error| match error {
        AdoptionError::Gone => Fault::WorkerExited(error.to_string()),
        AdoptionError::Process(_)
        | AdoptionError::Manifest(_)
        | AdoptionError::Transport(_)
        | AdoptionError::Start(_)
        | AdoptionError::Epoch { .. }
        | AdoptionError::State(_)
        | AdoptionError::StateRefused(_)
        | AdoptionError::Slow(_) => {
            let reason = chain(&error);
            warn!(%session_id, worker_process_id = process_id, reason, "Worker of an earlier gateway was not taken over");
            Fault::NotTakenOver(reason)
        }
    })
}

async fn take_over(
    config: &SupervisorConfig,
    manifest: &Arc<Manifest>,
    entry: Entry,
    sink: &EventSink,
) -> Result<Launched<Worker>, AdoptionError> {
    let listing = Listing::of(manifest, &entry);
    let limit = config.adoption_timeout;
    let mut patience = Patience::new(limit);
    let process = IdentifiedProcess::open(&entry.process).map_err(AdoptionError::Process)?;
    let Some(process) = process else { return Err(AdoptionError::Gone) };
    // Noted before the worker hears of it, so that no later gateway comes with a smaller one.
    let generation = manifest.next_generation(entry.session_id).await?;
    let secret = listing.secret();
    let introduction = Introduction {
        session_id: &entry.session_id.to_string(),
        max_frame_bytes: config.max_frame_bytes,
        secret: &secret,
        process_id: entry.process.process_id,
        generation,
        limit: Limit { time: limit, key: "workers.adoption_timeout_seconds" },
    };
    let introduced = tokio::select! {
        introduced = introduce(&introduction, &entry, &mut patience) => introduced?,
        () = process.ended() => return Err(AdoptionError::Gone),
    };
    let Introduced { reader, mut writer, ready, protocol_version } = introduced;
    if entry.epoch != Some(ready.epoch) {
        let expected = entry.epoch.unwrap_or_default();
        return Err(AdoptionError::Epoch { expected, found: ready.epoch });
    }
    let (oldest, newest) = (ready.journal_oldest_sequence, ready.journal_newest_sequence);
    let after = if oldest == 0 { newest } else { oldest - 1 };
    sink.begin_after(after);
    introduction.start_events(&mut patience, &mut writer, after).await?;

    // From here on it is a worker like any other: what fails now ends it.
    let identity = WorkerIdentity {
        process_id: entry.process.process_id,
        epoch: ready.epoch,
        backend_name: ready.backend_name,
        protocol_version,
    };
    let process = WorkerProcess::adopted(process, entry.process.process_id);
    let (identity_here, listing) = (identity.clone(), Some(listing));
    let started = StartedWorker { process, reader, writer, identity: identity_here, listing, outlives: None };
    let (link, frames) = WorkerLink::new(entry.session_id, config.max_frame_bytes, generation);
    let port = Worker::new(Arc::clone(&link));
    tokio::spawn(guardian::guard(started, link, frames, sink.clone(), config.heartbeat_grace));
    let caught_up = async {
        restore(&port, sink).await?;
        sink.reached(newest).await;
        Ok(())
    };
    patience.within(caught_up).await.unwrap_or(Err(AdoptionError::Slow(limit)))?;
    debug!(session_id = %entry.session_id, generation, after, newest, "Worker taken over");
    Ok(Launched { port, worker: identity })
}

/// Until a connection of the very process has proved itself. One that breaks off is followed by the next.
async fn introduce(
    introduction: &Introduction<'_>,
    entry: &Entry,
    patience: &mut Patience,
) -> Result<Introduced, AdoptionError> {
    let mut listener = bind_again(&entry.endpoint, patience).await?;
    loop {
        let accepted = introduction.accept(&mut *listener);
        let connection = introduction.within(patience, "connect", accepted).await?;
        // The process of the list still has its number, so it was the one that connected.
        if !entry.process.is_alive_and_same() {
            return Err(AdoptionError::Gone);
        }
        match introduction.introduce(patience, connection).await {
            Err(error) if error.is_hang_up() => {
                debug!(session_id = introduction.session_id, %error, "Worker hung up while it was taken over");
            }
            result => return Ok(result?),
        }
    }
}

/// Listens at an endpoint again. A pipe's name is taken until the worker has seen that its gateway is gone.
async fn bind_again(
    endpoint: &Endpoint,
    patience: &mut Patience,
) -> Result<Box<dyn Listener>, TransportError> {
    let is_free = async {
        loop {
            match bind(endpoint) {
                Err(TransportError::InUse(Endpoint::Pipe(_))) => sleep(BIND_PAUSE).await,
                #[cfg(unix)]
                Err(TransportError::InUse(endpoint @ Endpoint::Unix(_))) => {
                    remove_socket(&endpoint).await?;
                    return bind(&endpoint);
                }
                bound => return bound,
            }
        }
    };
    patience.within(is_free).await.unwrap_or_else(|| bind(endpoint))
}

/// Removes the socket's file that a gateway which was killed left. The folder is private and no other gateway has our
/// list, so that whoever listens there has no business with it: the path is taken from them.
#[cfg(unix)]
async fn remove_socket(endpoint: &Endpoint) -> Result<(), TransportError> {
    use std::os::unix::fs::FileTypeExt;

    let Endpoint::Unix(path) = endpoint else { return Ok(()) };
    let failed = |source| TransportError::Io { endpoint: endpoint.clone(), source };
    if !std::fs::symlink_metadata(path).map_err(failed)?.file_type().is_socket() {
        return Err(TransportError::InUse(endpoint.clone()));
    }
    if let Ok(squatter) = tokio::net::UnixStream::connect(path).await {
        let process_id = squatter.peer_cred().ok().and_then(|peer| peer.pid());
        warn!(%endpoint, process_id, "Another process listened for a worker of ours; its place was taken");
    }
    std::fs::remove_file(path).map_err(failed)
}

/// Asks the worker what it holds and takes that over, before anything that comes after its reply.
async fn restore(port: &Worker, sink: &EventSink) -> Result<(), AdoptionError> {
    let ask = Payload::GetSessionState(GetSessionStateCommand {});
    let command = Command { command: Some(ask.into()), ..Command::default() };
    let on_reply: OnReply<WorkerReply> = Box::new({
        let sink = sink.clone();
        move |reply| {
            if let Some(ReplyPayload::GetSessionState(state)) = &reply.reply.payload {
                sink.restore(changes(state));
            }
        }
    });
    let reply = port.invoke(command, Some(on_reply)).await.map_err(AdoptionError::State)?.reply;
    if matches!(reply.payload, Some(ReplyPayload::GetSessionState(_))) {
        Ok(())
    } else {
        Err(AdoptionError::StateRefused(reply.hresult))
    }
}

/// What makes an empty registry like the worker's. When an item was added is not known any more: the events that
/// the worker still has with its handle count as its own.
fn changes(state: &GetSessionStateReply) -> Vec<ItemChange> {
    let mut changes = Vec::new();
    for registration in &state.registrations {
        let server_handle = registration.server_handle;
        changes.push(ItemChange::Registered(server_handle));
        changes.extend(registration.items.iter().map(|item| {
            let advise = match item.advise() {
                WireAdvise::None => AdviseState::None,
                WireAdvise::Advised => AdviseState::Advised,
                WireAdvise::Supervisory => AdviseState::Supervisory,
            };
            let added = Item {
                definition: item.item_definition.clone(),
                context: item.item_context.clone(),
                advise,
                added_after: item.added_after_sequence,
            };
            ItemChange::Added(ItemKey { server_handle, item_handle: item.item_handle }, added)
        }));
    }
    changes
}
