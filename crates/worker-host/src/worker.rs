//! One worker from start to end: connect, prove, make the backend, serve.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use mxgateway_contracts::worker_v1::{Bootstrap, WorkerFault, WorkerFaultCode, WorkerReady, envelope::Body};
use mxgateway_worker_ipc::handshake::{HandshakeError, VersionRange, WorkerSide, worker_handshake};
use mxgateway_worker_ipc::link::{self, LinkReader, LinkWriter};
use mxgateway_worker_ipc::transport::{self, Connection};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use crate::activity::Pulse;
use crate::apartment::{self, BackendFactory, End, Report};
use crate::bootstrap::Settings;
use crate::connection::{self, Worker};
use crate::inbox::Inbox;
use crate::journal::{EventSink, Journal};
use crate::mxaccess::{BackendError, Identity, MxAccess};
use crate::requests::Requests;
use crate::simulator::{self, Simulator, SimulatorOptions};
use crate::tap::Tap;
use mxgateway_worker_ipc::exit::ExitReason;

pub(crate) type Reader = LinkReader<ReadHalf<Connection>>;
pub(crate) type Writer = LinkWriter<WriteHalf<Connection>>;

/// Runs a worker with the backend its bootstrap names, until it is shut down or has to give up. What went
/// wrong is logged here.
pub async fn run(bootstrap: Bootstrap) -> ExitReason {
    let name = bootstrap.backend_name.clone();
    let options = bootstrap.backend_options.clone();
    run_with_backend(bootstrap, move |events| match name.as_str() {
        simulator::BACKEND_NAME => {
            let options = SimulatorOptions::parse(&options)?;
            Ok(Box::new(Simulator::new(&options, events)?) as Box<dyn MxAccess>)
        }
        _ => {
            let message =
                format!("this worker has no backend {name:?} (it has: {})", simulator::BACKEND_NAME);
            Err(BackendError { hresult: 0, message })
        }
    })
    .await
}

/// The same with a backend of the caller's, made on the apartment thread.
pub async fn run_with_backend(
    bootstrap: Bootstrap,
    make: impl FnOnce(EventSink) -> Result<Box<dyn MxAccess>, BackendError> + Send + 'static,
) -> ExitReason {
    let settings = match Settings::check(bootstrap) {
        Ok(settings) => settings,
        Err(error) => return give_up(&error, "Bootstrap is not valid", ExitReason::InvalidBootstrap),
    };
    if VersionRange::OURS.common(settings.versions).is_none() {
        tracing::error!(
            gateway_min = settings.versions.min,
            gateway_max = settings.versions.max,
            "Gateway speaks no version of the protocol that this worker speaks"
        );
        return ExitReason::ProtocolVersion;
    }
    let (reader, writer, version) = match introduce(&settings).await {
        Ok(introduced) => introduced,
        Err(reason) => return reason,
    };
    let journal = Journal::new(settings.journal);
    let events = EventSink::new(Arc::clone(&journal));
    let apartment = Prepared { tap: events.tap(), journal, factory: Box::new(move || make(events)) };
    let reason = serve(&settings, version, reader, writer, apartment).await;
    tracing::info!(session_id = settings.session_id, reason = reason.meaning(), "Worker ends");
    reason
}

/// Connects and lets both ends prove themselves.
async fn introduce(settings: &Settings) -> Result<(Reader, Writer, u32), ExitReason> {
    let deadline = tokio::time::Instant::now() + settings.connect_timeout;
    let connection = transport::connect(&settings.endpoint, settings.connect_timeout)
        .await
        .map_err(|error| give_up(&error, "Gateway cannot be reached", ExitReason::CannotConnect))?;
    let (mut reader, mut writer) = link::split(connection, &settings.session_id, settings.max_frame_bytes);
    let side = WorkerSide {
        secret: &settings.secret,
        versions: VersionRange::OURS,
        process_id: std::process::id(),
        seen_generation: 0,
    };
    match timeout_at(deadline, worker_handshake(&mut reader, &mut writer, side)).await {
        Ok(Ok(handshaken)) => Ok((reader, writer, handshaken.version)),
        Ok(Err(error @ HandshakeError::VersionsDisjoint { .. })) => {
            Err(give_up(&error, "Handshake failed", ExitReason::ProtocolVersion))
        }
        Ok(Err(error)) => Err(give_up(&error, "Handshake failed", ExitReason::HandshakeRefused)),
        Err(elapsed) => Err(give_up(&elapsed, "Handshake took too long", ExitReason::HandshakeRefused)),
    }
}

/// What the apartment is made of.
struct Prepared {
    tap: Arc<Tap>,
    journal: Arc<Journal>,
    factory: BackendFactory,
}

async fn serve(
    settings: &Settings,
    protocol_version: u32,
    mut reader: Reader,
    mut writer: Writer,
    Prepared { tap, journal, factory }: Prepared,
) -> ExitReason {
    let mut salt = [0; 32];
    let epoch = match random_epoch().and_then(|epoch| getrandom::fill(&mut salt).map(|()| epoch)) {
        Ok(epoch) => epoch,
        Err(error) => return give_up(&error, "No random epoch", ExitReason::Unexpected),
    };
    let inbox = Arc::new(Inbox::default());
    let pulse = Pulse::new(Instant::now());
    let (reports_in, mut reports) = mpsc::unbounded_channel();
    if let Err(error) = apartment::start(factory, Arc::clone(&inbox), pulse.clone(), tap, reports_in) {
        return give_up(&error, "Apartment thread cannot be started", ExitReason::Unexpected);
    }
    // Until the backend stands, the gateway has nothing to say but that it is gone.
    let first = tokio::select! {
        first = reports.recv() => first,
        received = reader.read() => {
            inbox.stop();
            return connection::interrupted(received);
        }
    };
    let identity = match first {
        Some(Report::Ready(identity)) => identity,
        Some(Report::Ended(End::BackendFailed(error))) => {
            let fault = WorkerFault {
                code: WorkerFaultCode::BackendFailed.into(),
                hresult: error.hresult,
                message: error.message.clone(),
            };
            connection::tell_fault(&mut writer, fault).await;
            return give_up(&error, "Backend cannot be made", ExitReason::BackendFailed);
        }
        Some(Report::Ended(End::Panicked | End::Stopped) | Report::Answer { .. }) | None => {
            connection::tell_fault(&mut writer, connection::apartment_gone()).await;
            return ExitReason::ApartmentGone;
        }
    };
    let ready = ready(&identity, epoch, &journal);
    if let Err(error) = writer.send(0, Body::WorkerReady(ready)).await {
        inbox.stop();
        return give_up(&error, "Connection failed", ExitReason::GatewayLost);
    }
    tracing::info!(
        session_id = settings.session_id,
        backend = identity.backend_name,
        protocol_version,
        "Worker is ready"
    );
    let worker = Worker {
        identity,
        epoch,
        protocol_version,
        journal,
        inbox,
        pulse,
        requests: Requests::new(salt),
        heartbeat: settings.heartbeat,
        hung_ceiling: settings.hung_ceiling,
        max_frame_bytes: settings.max_frame_bytes,
    };
    connection::serve(worker, reader, writer, reports).await
}

fn ready(identity: &Identity, epoch: u64, journal: &Journal) -> WorkerReady {
    let bounds = journal.bounds();
    WorkerReady {
        epoch,
        journal_oldest_sequence: bounds.oldest,
        journal_newest_sequence: bounds.newest,
        backend_name: identity.backend_name.clone(),
        worker_version: env!("CARGO_PKG_VERSION").to_owned(),
        mxaccess_prog_id: identity.prog_id.clone(),
        mxaccess_class_id: identity.class_id.clone(),
        mxaccess_version: identity.version.clone(),
        mxaccess_path: identity.path.clone(),
    }
}

fn give_up(error: &(dyn Error + 'static), message: &'static str, reason: ExitReason) -> ExitReason {
    tracing::error!(error, "{message}");
    reason
}

fn random_epoch() -> Result<u64, getrandom::Error> {
    loop {
        let epoch = getrandom::u64()?;
        if epoch != 0 {
            return Ok(epoch);
        }
    }
}
