//! Launches a worker process for a session.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mxgateway_session::core::lifecycle::Fault;
use mxgateway_session::{
    EventSink, LaunchError, LaunchRequest, Launched, RecoveredSession, SessionId, WorkerLauncher,
};
use parking_lot::Mutex;
use tracing::debug;

use crate::adoption;
use crate::config::SupervisorConfig;
use crate::guardian;
use crate::manifest::{Entry, Manifest, ManifestError, end_process};
use crate::port::{Worker, WorkerLink};
use crate::start::{FIRST_GENERATION, start};

/// Backends that workers of this system have.
const BACKENDS: &[&str] = if cfg!(windows) { &["simulator", "lmxproxy"] } else { &["simulator"] };

/// Starts worker processes, and takes those of an earlier gateway over.
#[derive(Clone, Debug)]
pub struct Supervisor {
    config: Arc<SupervisorConfig>,
    manifest: Option<Arc<Manifest>>,
    /// Found in the manifest, and not asked for yet.
    found: Arc<Mutex<HashMap<SessionId, Entry>>>,
    adoptions: Arc<Adoptions>,
}

#[derive(Debug, Default)]
struct Adoptions {
    taken_over: AtomicU64,
    failed: AtomicU64,
}

/// What came of the workers that earlier gateways left, since the start, and how this one's would fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrphanCounts {
    /// Workers that were taken over.
    pub taken_over: u64,
    /// Workers that were not, for whatever reason; the log and the sessions' faults say which.
    pub not_taken_over: u64,
    /// Workers that are not in the manifest at the moment, and would end with the gateway. 0 without a manifest.
    pub unlisted: u64,
}

impl Supervisor {
    /// A supervisor with these settings, which were validated before. Its workers end with this process.
    pub fn new(config: SupervisorConfig) -> Self {
        Self { config: Arc::new(config), manifest: None, found: Arc::default(), adoptions: Arc::default() }
    }

    /// A supervisor whose workers are listed, so that they outlive this process for some time.
    pub fn with_manifest(config: SupervisorConfig, manifest: Arc<Manifest>) -> Self {
        Self { manifest: Some(manifest), ..Self::new(config) }
    }

    /// For those who watch.
    pub fn orphans(&self) -> OrphanCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        OrphanCounts {
            taken_over: count(&self.adoptions.taken_over),
            not_taken_over: count(&self.adoptions.failed),
            unlisted: self.manifest.as_ref().map_or(0, |manifest| manifest.unlisted()),
        }
    }

    /// The sessions of earlier gateways that are to be adopted. Workers whose session nobody ever knew of are
    /// ended. Once, at the start.
    pub async fn recovered(&self) -> Result<Vec<RecoveredSession>, ManifestError> {
        let Some(manifest) = &self.manifest else { return Ok(Vec::new()) };
        let mut sessions = Vec::new();
        for entry in manifest.entries().await? {
            let session_id = entry.session_id;
            let Some(epoch) = entry.epoch else {
                end_process(&entry).await;
                manifest.remove(session_id).await?;
                continue;
            };
            let (options, opened_at) = (entry.options.clone(), entry.opened_at);
            sessions.push(RecoveredSession { session_id, options, opened_at, epoch });
            self.found.lock().insert(session_id, entry);
        }
        Ok(sessions)
    }
}

impl WorkerLauncher for Supervisor {
    type Port = Worker;

    async fn launch(&self, request: LaunchRequest, sink: EventSink) -> Result<Launched<Worker>, LaunchError> {
        let config = &self.config;
        let backend = if request.backend.is_empty() { &config.backend } else { &request.backend };
        if !BACKENDS.contains(&backend.as_str()) {
            let shown: String = backend.chars().take(64).collect();
            return Err(LaunchError::Invalid(format!(
                "there is no backend {shown:?} here; this gateway has {}",
                BACKENDS.join(" and ")
            )));
        }
        let started =
            start(config, self.manifest.as_ref(), &request, backend, &sink).await.map_err(|error| {
                let executable = config.executable.display();
                LaunchError::Failed(format!(
                    "worker {executable} of {}: {}",
                    request.session_id,
                    chain(&error)
                ))
            })?;
        debug!(
            session_id = %request.session_id,
            worker_process_id = started.process.id(),
            backend = started.identity.backend_name,
            "Worker ready"
        );
        let worker = started.identity.clone();
        let (link, frames) = WorkerLink::new(request.session_id, config.max_frame_bytes, FIRST_GENERATION);
        let port = Worker::new(Arc::clone(&link));
        tokio::spawn(guardian::guard(started, link, frames, sink, config.heartbeat_grace));
        Ok(Launched { port, worker })
    }

    async fn adopt(&self, session_id: SessionId, sink: EventSink) -> Result<Launched<Worker>, Fault> {
        let entry = self.found.lock().remove(&session_id);
        let adopted = match (&self.manifest, entry) {
            (Some(manifest), Some(entry)) => adoption::adopt(&self.config, manifest, entry, &sink).await,
            (Some(_) | None, _) => Err(Fault::NotTakenOver("it is not on the list of workers".to_owned())),
        };
        let Adoptions { taken_over, failed } = &*self.adoptions;
        if adopted.is_ok() { taken_over } else { failed }.fetch_add(1, Ordering::Relaxed);
        adopted
    }
}

/// An error with everything behind it, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        // Some errors repeat their source in their own text.
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = error.source();
    }
    text
}
