//! All sessions of a gateway.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mxgateway_session_core::distributor::{BackpressurePolicy, DistributorSettings};
use mxgateway_session_core::lease::LeaseSettings;
use mxgateway_session_core::lifecycle::{CloseReason, Fault, SessionState};
use mxgateway_session_core::ring::RingLimits;
use mxgateway_session_core::session::{SessionCore, SessionSettings};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::id::SessionId;
use crate::session::{OpenOptions, Session, SessionLimits};
use crate::shared::{EventSink, Shared};
use crate::worker_port::{LaunchError, LaunchRequest, RecoveredSession, WorkerLauncher, WorkerPort};

/// Sessions that ended are remembered, so that their clients learn what became of them: the last this many.
const REMEMBERED_SESSIONS: usize = 200;

/// Settings of a [`SessionManager`].
#[derive(Clone, Copy, Debug)]
pub struct ManagerSettings {
    /// Settings of each session.
    pub session: SessionSettings,
    /// Sessions that may be open at once.
    pub max_sessions: usize,
    /// Commands of one session that may wait at once.
    pub max_pending_commands: usize,
    /// How long a worker has for an orderly end.
    pub shutdown_timeout: Duration,
    /// How often leases and ages are looked at.
    pub sweep_interval: Duration,
    /// Silence after which a subscriber gets a bookmark.
    pub bookmark_interval: Duration,
}

impl Default for ManagerSettings {
    /// The gateway's defaults.
    fn default() -> Self {
        let ring = RingLimits {
            replay_count: 1024,
            bytes: 64 << 20,
            replay_age: Some(Duration::from_secs(300)),
            lag_count: 10_000,
        };
        Self {
            session: SessionSettings {
                lease: LeaseSettings {
                    lease: Duration::from_secs(1800),
                    detach_grace: Duration::from_secs(30),
                },
                events: DistributorSettings {
                    ring,
                    allow_multiple: false,
                    max_external: 8,
                    policy: BackpressurePolicy::FailFast,
                },
            },
            max_sessions: 64,
            max_pending_commands: 128,
            shutdown_timeout: Duration::from_secs(10),
            sweep_interval: Duration::from_secs(30),
            bookmark_interval: Duration::from_secs(15),
        }
    }
}

/// Why a session was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// As many are open as are allowed.
    #[error("{limit} sessions are open, which is the limit")]
    LimitReached {
        /// The limit.
        limit: usize,
    },
    /// The gateway stops.
    #[error("the gateway is stopping")]
    Stopping,
    /// No worker came up.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// It was closed while it was being opened.
    #[error("the session was closed while it was being opened")]
    Closed,
    /// No random number for its id.
    #[error("no random numbers: {0}")]
    Random(String),
}

struct Sessions<P> {
    open: BTreeMap<SessionId, Session<P>>,
    ended: VecDeque<Session<P>>,
    /// False once the gateway stops.
    admit: bool,
}

/// Opens, finds and ends sessions.
pub struct SessionManager<L: WorkerLauncher> {
    launcher: Arc<L>,
    settings: ManagerSettings,
    sessions: Arc<Mutex<Sessions<L::Port>>>,
    tasks: TaskTracker,
    /// Cancelled when the workers are left to another process.
    leaving: CancellationToken,
}

impl<L: WorkerLauncher> std::fmt::Debug for SessionManager<L> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SessionManager").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<L: WorkerLauncher> SessionManager<L> {
    /// A manager without sessions. Leases run only while [`Self::sweep_until`] does.
    pub fn new(launcher: L, settings: ManagerSettings) -> Self {
        let sessions = Sessions { open: BTreeMap::new(), ended: VecDeque::new(), admit: true };
        Self {
            launcher: Arc::new(launcher),
            settings,
            sessions: Arc::new(Mutex::new(sessions)),
            tasks: TaskTracker::new(),
            leaving: CancellationToken::new(),
        }
    }

    /// Opens a session; returns when its worker is ready. When the caller goes away, the session is ended.
    pub async fn open(&self, options: OpenOptions) -> Result<Session<L::Port>, OpenError> {
        let session = self.admit(options)?;
        let (answer, opened) = oneshot::channel();
        let launcher = Arc::clone(&self.launcher);
        let sessions = Arc::clone(&self.sessions);
        self.tasks.spawn(async move {
            let result = launch(&*launcher, &session).await;
            let failed = result.is_err();
            let abandoned = answer.send(result.map(|()| session.clone())).is_err();
            if failed || abandoned {
                session.close(CloseReason::ClientClose).await;
            } else {
                keep(&session).await;
            }
            sessions.lock().end(session);
        });
        opened.await.unwrap_or(Err(OpenError::Closed))
    }

    /// Takes sessions of an earlier process in. They are there at once, in state Recovering; their workers are
    /// taken over at the same time, each by itself. Call it within a tokio runtime.
    pub fn recover(&self, sessions: impl IntoIterator<Item = RecoveredSession>) {
        for RecoveredSession { session_id, options, opened_at, epoch } in sessions {
            let core = SessionCore::recovering(self.settings.session, epoch, Instant::now());
            let shared = Shared::new(session_id, core);
            let session = Session::new(shared, options, self.limits(), opened_at, self.tasks.clone());
            self.sessions.lock().open.insert(session_id, session.clone());
            let launcher = Arc::clone(&self.launcher);
            let sessions = Arc::clone(&self.sessions);
            let leaving = self.leaving.clone();
            self.tasks.spawn(async move {
                if adopt(&*launcher, &session, &leaving).await {
                    keep(&session).await;
                }
                sessions.lock().end(session);
            });
        }
    }

    /// The session with this id, also when it ended not long ago.
    pub fn get(&self, id: SessionId) -> Option<Session<L::Port>> {
        let sessions = self.sessions.lock();
        sessions
            .open
            .get(&id)
            .or_else(|| sessions.ended.iter().rev().find(|session| session.id() == id))
            .cloned()
    }

    /// Every open session, by id.
    pub fn list(&self) -> Vec<Session<L::Port>> {
        self.sessions.lock().open.values().cloned().collect()
    }

    /// Sessions that failed not long ago and were not closed since.
    pub fn faulted(&self) -> Vec<Session<L::Port>> {
        let faulted = |session: &&Session<L::Port>| session.state() == SessionState::Faulted;
        self.sessions.lock().ended.iter().filter(faulted).cloned().collect()
    }

    /// Sessions that ended not long ago, the newest first.
    pub fn ended(&self) -> Vec<Session<L::Port>> {
        self.sessions.lock().ended.iter().rev().cloned().collect()
    }

    /// Looks at leases and ages until `stop`.
    pub async fn sweep_until(&self, stop: CancellationToken) {
        let mut timer = tokio::time::interval(self.settings.sweep_interval);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(timer.tick()).await.is_some() {
            for session in self.list() {
                session.sweep(Instant::now());
            }
        }
    }

    /// Ends the workers of all open sessions by force, for a shutdown that takes too long.
    pub async fn kill_all(&self) {
        let killing = TaskTracker::new();
        for session in self.list() {
            killing.spawn(async move { session.bury_worker().await });
        }
        killing.close();
        killing.wait().await;
    }

    /// Ends every session here, opens no more, and leaves the workers to another process. Returns when nothing of
    /// them is left here.
    pub async fn hand_over(&self) {
        self.sessions.lock().admit = false;
        self.leaving.cancel();
        for session in self.list() {
            self.tasks.spawn(async move { session.leave().await });
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Ends every session and opens no more; returns when all workers are gone.
    pub async fn shutdown(&self) {
        self.sessions.lock().admit = false;
        for session in self.list() {
            self.tasks.spawn(async move { session.close(CloseReason::GatewayShutdown).await });
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn admit(&self, options: OpenOptions) -> Result<Session<L::Port>, OpenError> {
        let id = SessionId::random().map_err(|error| OpenError::Random(error.to_string()))?;
        let shared = Shared::new(id, SessionCore::new(self.settings.session, Instant::now()));
        let session = Session::new(shared, options, self.limits(), SystemTime::now(), self.tasks.clone());
        let mut sessions = self.sessions.lock();
        if !sessions.admit {
            return Err(OpenError::Stopping);
        }
        let limit = self.settings.max_sessions;
        if sessions.open.len() >= limit {
            return Err(OpenError::LimitReached { limit });
        }
        sessions.open.insert(id, session.clone());
        Ok(session)
    }

    fn limits(&self) -> SessionLimits {
        SessionLimits {
            max_pending_commands: self.settings.max_pending_commands,
            shutdown_timeout: self.settings.shutdown_timeout,
            bookmark_interval: self.settings.bookmark_interval,
        }
    }
}

impl<P: WorkerPort> Sessions<P> {
    /// From the open ones to those that are remembered.
    fn end(&mut self, session: Session<P>) {
        session.shared().core().retire();
        self.open.remove(&session.id());
        self.ended.push_back(session);
        while self.ended.len() > REMEMBERED_SESSIONS {
            self.ended.pop_front();
        }
    }
}

/// Brings the worker up, unless the session is closed meanwhile.
async fn launch<L: WorkerLauncher>(launcher: &L, session: &Session<L::Port>) -> Result<(), OpenError> {
    let shared = session.shared();
    shared.core().advance(SessionState::Starting).map_err(|_| OpenError::Closed)?;
    let request = LaunchRequest {
        session_id: session.id(),
        backend: session.options().backend.clone(),
        options: session.options().clone(),
        opened_at: session.opened_at(),
    };
    let launching = launcher.launch(request, EventSink { shared: Arc::clone(shared) });
    let launched = tokio::select! {
        launched = launching => launched,
        () = shared.closed.cancelled() => return Err(OpenError::Closed),
    };
    let launched = launched.inspect_err(|error| {
        shared.core().fail(Fault::StartFailed(error.to_string()));
        tracing::warn!(session_id = %session.id(), %error, "Session could not be opened");
    })?;
    let worker = launched.worker.clone();
    session.set_worker(launched.port, launched.worker);
    if shared.core().ready(worker.epoch, Instant::now()).is_err() {
        // Faulted or closed in between: whoever did that did not see the worker yet.
        session.bury_worker().await;
        return Err(OpenError::Closed);
    }
    tracing::info!(
        session_id = %session.id(),
        worker_process_id = worker.process_id,
        backend = worker.backend_name,
        client_name = session.options().client_name,
        "Session ready"
    );
    Ok(())
}

/// Takes the worker of an earlier process over; true when the session is ready.
async fn adopt<L: WorkerLauncher>(
    launcher: &L,
    session: &Session<L::Port>,
    leaving: &CancellationToken,
) -> bool {
    let shared = session.shared();
    let sink = EventSink { shared: Arc::clone(shared) };
    let launched = match launcher.adopt(session.id(), sink.clone()).await {
        Ok(launched) => launched,
        Err(fault) => {
            sink.fail(fault);
            return false;
        }
    };
    let worker = launched.worker.clone();
    session.set_worker(launched.port, launched.worker);
    let ready = shared.core().adopted(Instant::now());
    if ready.is_err() {
        // Faulted or closed in between: whoever did that did not see the worker yet.
        if leaving.is_cancelled() {
            session.release_worker().await;
        } else {
            session.bury_worker().await;
        }
        return false;
    }
    tracing::info!(
        session_id = %session.id(),
        worker_process_id = worker.process_id,
        client_name = session.options().client_name,
        events = session.status().retained_events,
        "Session taken over from an earlier gateway"
    );
    true
}

/// Waits for a session's end; a faulted one loses its worker at once.
async fn keep<P: WorkerPort>(session: &Session<P>) {
    let shared = session.shared();
    tokio::select! {
        () = shared.faulted.cancelled() => session.bury_worker().await,
        () = shared.closed.cancelled() => {}
    }
}
