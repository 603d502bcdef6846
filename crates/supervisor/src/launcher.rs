//! Launches a worker process for a session.

use std::error::Error;
use std::sync::Arc;

use mxgateway_session::{EventSink, LaunchError, LaunchRequest, Launched, WorkerLauncher};
use tracing::debug;

use crate::config::SupervisorConfig;
use crate::guardian;
use crate::port::{Worker, WorkerLink};
use crate::start::start;

/// Backends that workers of this system have.
const BACKENDS: &[&str] = if cfg!(windows) { &["simulator", "lmxproxy"] } else { &["simulator"] };

/// Starts worker processes.
#[derive(Clone, Debug)]
pub struct Supervisor {
    config: Arc<SupervisorConfig>,
}

impl Supervisor {
    /// A supervisor with these settings, which were validated before.
    pub fn new(config: SupervisorConfig) -> Self {
        Self { config: Arc::new(config) }
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
        let started = start(config, backend, &sink).await.map_err(|error| {
            let executable = config.executable.display();
            LaunchError::Failed(format!("worker {executable} of {}: {}", request.session_id, chain(&error)))
        })?;
        debug!(
            session_id = %request.session_id,
            worker_process_id = started.process.id(),
            backend = started.identity.backend_name,
            "Worker ready"
        );
        let worker = started.identity.clone();
        let (link, frames) = WorkerLink::new(request.session_id, config.max_frame_bytes);
        let port = Worker::new(Arc::clone(&link));
        tokio::spawn(guardian::guard(started, link, frames, sink, config.heartbeat_grace));
        Ok(Launched { port, worker })
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
