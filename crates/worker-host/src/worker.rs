//! One worker from start to end: connect, prove, make the backend, serve.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use mxgateway_contracts::worker_v1::{Bootstrap, WorkerFault, WorkerFaultCode, envelope::Body};
use mxgateway_worker_ipc::exit::ExitReason;
use mxgateway_worker_ipc::handshake::{HandshakeError, VersionRange};
use mxgateway_worker_ipc::transport;
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use crate::activity::Pulse;
use crate::apartment::{self, BackendFactory, End, Report};
use crate::bootstrap::Settings;
use crate::connection;
use crate::inbox::Inbox;
use crate::introduction::{Link, first_start, prove};
use crate::journal::{EventSink, Journal};
use crate::mxaccess::{BackendError, MxAccess};
use crate::process::Termination;
use crate::requests::Requests;
use crate::service::{self, About, Apartment, Worker};
use crate::simulator::{self, Simulator, SimulatorOptions};
use crate::tap::Tap;
use crate::tickets::Tickets;

/// A backend besides the simulator, which the program brings along.
#[derive(Clone, Copy, Debug)]
pub struct OtherBackend {
    /// Name in `Bootstrap.backend_name`.
    pub name: &'static str,
    /// Makes it with `Bootstrap.backend_options`, on the apartment thread.
    pub make: MakeBackend,
}

/// Makes a backend with its options.
pub type MakeBackend = fn(&HashMap<String, String>, EventSink) -> Result<Box<dyn MxAccess>, BackendError>;

/// Runs a worker with the backend its bootstrap names, until it is shut down or has to give up. What went
/// wrong is logged here.
pub async fn run(bootstrap: Bootstrap) -> ExitReason {
    run_until(bootstrap, &[], || Termination::Never).await
}

/// The same for a worker that may be asked to end by others than its gateway, from the time on when it serves;
/// before, there is nothing to take down in order.
pub(crate) async fn run_until(
    bootstrap: Bootstrap,
    others: &'static [OtherBackend],
    terminated_by: impl FnOnce() -> Termination,
) -> ExitReason {
    let name = bootstrap.backend_name.clone();
    let options = bootstrap.backend_options.clone();
    let make = move |events| match name.as_str() {
        simulator::BACKEND_NAME => {
            let options = SimulatorOptions::parse(&options)?;
            Ok(Box::new(Simulator::new(&options, events)?) as Box<dyn MxAccess>)
        }
        other => match others.iter().find(|backend| backend.name == other) {
            Some(backend) => (backend.make)(&options, events),
            None => {
                let mut names = vec![simulator::BACKEND_NAME];
                names.extend(others.iter().map(|backend| backend.name));
                let message = format!("this worker has no backend {name:?} (it has: {})", names.join(", "));
                Err(BackendError { hresult: 0, message })
            }
        },
    };
    run_backend(bootstrap, make, terminated_by).await
}

/// The same with a backend of the caller's, made on the apartment thread.
pub async fn run_with_backend(
    bootstrap: Bootstrap,
    make: impl FnOnce(EventSink) -> Result<Box<dyn MxAccess>, BackendError> + Send + 'static,
) -> ExitReason {
    run_backend(bootstrap, make, || Termination::Never).await
}

async fn run_backend(
    bootstrap: Bootstrap,
    make: impl FnOnce(EventSink) -> Result<Box<dyn MxAccess>, BackendError> + Send + 'static,
    terminated_by: impl FnOnce() -> Termination,
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
    let introduced = match introduce(&settings).await {
        Ok(introduced) => introduced,
        Err(reason) => return reason,
    };
    let journal = Journal::new(settings.journal);
    let events = EventSink::new(Arc::clone(&journal));
    let apartment = Prepared { tap: events.tap(), journal, factory: Box::new(move || make(events)) };
    let session_id = settings.session_id.clone();
    let reason = Box::pin(serve(settings, introduced, apartment, terminated_by)).await;
    tracing::info!(session_id, reason = reason.meaning(), "Worker ends");
    reason
}

/// Connects and lets both ends prove themselves. Gives the gateway's generation too.
async fn introduce(settings: &Settings) -> Result<(Link, u64), ExitReason> {
    let deadline = tokio::time::Instant::now() + settings.connect_timeout;
    let connection = transport::connect(&settings.endpoint, settings.connect_timeout)
        .await
        .map_err(|error| give_up(&error, "Gateway cannot be reached", ExitReason::CannotConnect))?;
    let mut generation = 0;
    match timeout_at(deadline, prove(settings, connection, &mut generation)).await {
        Ok(Ok(link)) => Ok((link, generation)),
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
    settings: Settings,
    (mut link, generation): (Link, u64),
    Prepared { tap, journal, factory }: Prepared,
    terminated_by: impl FnOnce() -> Termination,
) -> ExitReason {
    let mut salt = [0; 32];
    let epoch = match random_epoch().and_then(|epoch| getrandom::fill(&mut salt).map(|()| epoch)) {
        Ok(epoch) => epoch,
        Err(error) => return give_up(&error, "No random epoch", ExitReason::Unexpected),
    };
    let inbox = Arc::new(Inbox::default());
    let pulse = Pulse::new(Instant::now());
    let (reports_in, mut reports) = mpsc::unbounded_channel();
    if let Err(error) =
        apartment::start(factory, Arc::clone(&inbox), pulse.clone(), tap, Arc::clone(&journal), reports_in)
    {
        return give_up(&error, "Apartment thread cannot be started", ExitReason::Unexpected);
    }
    // Until the backend stands, the gateway has nothing to say but that it is gone.
    let first = tokio::select! {
        first = reports.recv() => first,
        received = link.reader.read() => {
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
            connection::tell_fault(&mut link.writer, fault).await;
            return give_up(&error, "Backend cannot be made", ExitReason::BackendFailed);
        }
        Some(Report::Ended(End::Panicked | End::Stopped) | Report::Answer { .. }) | None => {
            connection::tell_fault(&mut link.writer, connection::apartment_gone()).await;
            return ExitReason::ApartmentGone;
        }
    };
    let about = About { settings, identity, epoch, journal };
    let mut worker = Worker {
        about: &about,
        inbox,
        pulse,
        reports,
        requests: Requests::new(salt),
        tickets: Tickets::default(),
        apartment: Apartment::Running,
        termination: Termination::Never,
        orphan_lifetime: about.settings.orphan_lifetime,
    };
    if let Err(error) = link.writer.send(0, Body::WorkerReady(about.ready())).await {
        worker.inbox.stop();
        return give_up(&error, "Connection failed", ExitReason::GatewayLost);
    }
    tracing::info!(
        session_id = about.settings.session_id,
        backend = about.identity.backend_name,
        protocol_version = link.version,
        "Worker is ready"
    );
    // A gateway that goes before this has no session with this worker that another could take over.
    if let Err(reason) = first_start(&mut link, &about.journal).await {
        return worker.end(reason).await;
    }
    worker.termination = terminated_by();
    service::serve(worker, link, generation).await
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
