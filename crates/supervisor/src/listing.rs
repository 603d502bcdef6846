//! A worker's place in the manifest, from before its bootstrap until it is gone.
//!
//! A worker that cannot be noted at once serves all the same, and ends with this gateway, until it is noted:
//! [`Listing::catch_up`] tries as long as it lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mxgateway_session::{LaunchRequest, OpenOptions, SessionId};
use mxgateway_worker_ipc::secret::{Secret, SecretError};
use mxgateway_worker_ipc::transport::Endpoint;
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::identity::ProcessIdentity;
use crate::launcher::chain;
use crate::manifest::{Entry, Manifest, Unlisted};
use crate::start::FIRST_GENERATION;

/// The pauses between two tries to note a worker later grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// See the module's documentation. Dropping it takes the worker off the list, unless it is kept.
#[derive(Debug)]
pub(crate) struct Listing {
    manifest: Arc<Manifest>,
    /// As it is noted, or is to be.
    entry: Mutex<Entry>,
    /// Counts as long as the worker is not noted.
    unlisted: Mutex<Option<Unlisted>>,
    /// The worker stays on the list, or is off it.
    settled: AtomicBool,
}

impl Listing {
    /// Lists a process that has not got its bootstrap yet. When that fails, which is counted and logged, the worker
    /// ends with this gateway until it is noted.
    pub(crate) async fn enter(
        manifest: &Arc<Manifest>,
        request: &LaunchRequest,
        backend: &str,
        endpoint: &Endpoint,
        process_id: u32,
    ) -> Result<Self, SecretError> {
        let entry = Entry {
            session_id: request.session_id,
            endpoint: endpoint.clone(),
            process: ProcessIdentity { process_id, created: String::new(), image: String::new() },
            options: OpenOptions { backend: backend.to_owned(), ..request.options.clone() },
            opened_at: request.opened_at,
            epoch: None,
            salt: *Secret::random()?.expose(),
            generation: FIRST_GENERATION,
        };
        let listing = Self::of(manifest, &entry);
        if let Err(error) = listing.note().await {
            listing.not_noted(&error);
        }
        Ok(listing)
    }

    /// Of a worker that is on the list.
    pub(crate) fn of(manifest: &Arc<Manifest>, entry: &Entry) -> Self {
        Self {
            manifest: Arc::clone(manifest),
            entry: Mutex::new(entry.clone()),
            unlisted: Mutex::new(None),
            settled: AtomicBool::new(false),
        }
    }

    pub(crate) fn secret(&self) -> Secret {
        let entry = self.entry.lock();
        self.manifest.secret(entry.session_id, &entry.salt)
    }

    /// Whether the next gateway will know the worker.
    pub(crate) fn is_noted(&self) -> bool {
        self.unlisted.lock().is_none()
    }

    /// The worker is ready, and its session worth to be taken over. When that cannot be noted, which is counted
    /// and logged, the next gateway ends the worker, until it is noted.
    pub(crate) async fn ready(&self, epoch: u64) {
        self.entry.lock().epoch = Some(epoch);
        match self.note().await {
            Ok(()) => self.noted(),
            Err(error) => self.not_noted(&error),
        }
    }

    /// Returns when the worker is noted; at once when it is already. Cancel-safe.
    pub(crate) async fn catch_up(&self) {
        let mut pause = PAUSES.0;
        while !self.is_noted() {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            // One at a time, so that sessions which are opened meanwhile are noted at once.
            let turn = self.manifest.turn().await;
            let noted = self.note().await;
            drop(turn);
            match noted {
                Ok(()) => self.noted(),
                Err(error) => {
                    let session_id = self.entry.lock().session_id;
                    tracing::debug!(%session_id, error, "Worker could not be listed yet");
                }
            }
        }
    }

    /// The worker stays on the list.
    pub(crate) fn keep(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    /// Takes the worker off the list.
    pub(crate) async fn leave(self) {
        self.settled.store(true, Ordering::Relaxed);
        let session_id = self.entry.lock().session_id;
        remove(&self.manifest, session_id).await;
    }

    async fn note(&self) -> Result<(), String> {
        let process_id = self.entry.lock().process.process_id;
        // Anew: what was started may have replaced itself by another program.
        let process = ProcessIdentity::of(process_id).map_err(|error| chain(&error))?;
        let entry = {
            let mut entry = self.entry.lock();
            entry.process = process;
            entry.clone()
        };
        self.manifest.note(&entry).await.map_err(|error| chain(&error))
    }

    fn not_noted(&self, error: &str) {
        let session_id = self.entry.lock().session_id;
        tracing::warn!(%session_id, error, "Worker could not be listed and will end with this gateway until it is");
        self.unlisted.lock().get_or_insert_with(|| self.manifest.count_unlisted());
    }

    fn noted(&self) {
        if self.unlisted.lock().take().is_some() {
            let session_id = self.entry.lock().session_id;
            tracing::info!(%session_id, "Worker is listed now and will outlive this gateway");
        }
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        let settled = *self.settled.get_mut();
        // Without a runtime this process ends, and the next gateway finds that out by itself.
        if let (false, Ok(runtime)) = (settled, tokio::runtime::Handle::try_current()) {
            let (manifest, session_id) = (Arc::clone(&self.manifest), self.entry.get_mut().session_id);
            runtime.spawn(async move { remove(&manifest, session_id).await });
        }
    }
}

async fn remove(manifest: &Manifest, session_id: SessionId) {
    if let Err(error) = manifest.remove(session_id).await {
        tracing::warn!(%session_id, error = chain(&error), "Worker could not be taken off the list");
    }
}
