//! A worker's place in the manifest, from before its bootstrap until it is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mxgateway_session::{LaunchRequest, OpenOptions, SessionId};
use mxgateway_worker_ipc::secret::Secret;
use mxgateway_worker_ipc::transport::Endpoint;

use crate::identity::ProcessIdentity;
use crate::launcher::chain;
use crate::manifest::{Entry, Manifest, SALT_BYTES};
use crate::start::FIRST_GENERATION;

/// See the module's documentation. Dropping it takes the worker off the list, unless it is kept.
#[derive(Debug)]
pub(crate) struct Listing {
    manifest: Arc<Manifest>,
    session_id: SessionId,
    salt: [u8; SALT_BYTES],
    /// The worker stays on the list, or is off it.
    settled: AtomicBool,
}

impl Listing {
    /// Lists a process that has not got its bootstrap yet. `None` when that failed, which is counted and logged:
    /// the worker then ends with this gateway.
    pub(crate) async fn enter(
        manifest: &Arc<Manifest>,
        request: &LaunchRequest,
        backend: &str,
        endpoint: &Endpoint,
        process_id: u32,
    ) -> Option<Self> {
        let session_id = request.session_id;
        let entered = async {
            let process = ProcessIdentity::of(process_id).map_err(|error| chain(&error))?;
            let mut salt = [0; SALT_BYTES];
            getrandom::fill(&mut salt).map_err(|error| chain(&error))?;
            let entry = Entry {
                session_id,
                endpoint: endpoint.clone(),
                process,
                options: OpenOptions { backend: backend.to_owned(), ..request.options.clone() },
                opened_at: request.opened_at,
                epoch: None,
                salt,
                generation: FIRST_GENERATION,
            };
            manifest.insert(&entry).await.map_err(|error| chain(&error))?;
            Ok::<_, String>(Self::of(manifest, &entry))
        };
        match entered.await {
            Ok(listing) => Some(listing),
            Err(error) => {
                manifest.count_unlisted();
                tracing::warn!(%session_id, error, "Worker could not be listed and will end with this gateway");
                None
            }
        }
    }

    /// Of a worker that is on the list.
    pub(crate) fn of(manifest: &Arc<Manifest>, entry: &Entry) -> Self {
        let (session_id, salt) = (entry.session_id, entry.salt);
        Self { manifest: Arc::clone(manifest), session_id, salt, settled: AtomicBool::new(false) }
    }

    pub(crate) fn secret(&self) -> Secret {
        self.manifest.secret(self.session_id, &self.salt)
    }

    /// The worker is ready, and its session worth to be taken over. When that cannot be noted, which is counted
    /// and logged, the next gateway ends the worker.
    pub(crate) async fn ready(&self, process_id: u32, epoch: u64) {
        // Anew: what was started may have replaced itself by another program.
        let noted = match ProcessIdentity::of(process_id) {
            Ok(process) => {
                let noted = self.manifest.ready(self.session_id, &process, epoch).await;
                noted.map_err(|error| chain(&error))
            }
            Err(error) => Err(chain(&error)),
        };
        if let Err(error) = noted {
            self.manifest.count_unlisted();
            tracing::warn!(session_id = %self.session_id, error, "Session will not be taken over by the next gateway");
        }
    }

    /// The worker stays on the list.
    pub(crate) fn keep(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    /// Takes the worker off the list.
    pub(crate) async fn leave(self) {
        self.settled.store(true, Ordering::Relaxed);
        remove(&self.manifest, self.session_id).await;
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        let settled = *self.settled.get_mut();
        // Without a runtime this process ends, and the next gateway finds that out by itself.
        if let (false, Ok(runtime)) = (settled, tokio::runtime::Handle::try_current()) {
            let (manifest, session_id) = (Arc::clone(&self.manifest), self.session_id);
            runtime.spawn(async move { remove(&manifest, session_id).await });
        }
    }
}

async fn remove(manifest: &Manifest, session_id: SessionId) {
    if let Err(error) = manifest.remove(session_id).await {
        tracing::warn!(%session_id, error = chain(&error), "Worker could not be taken off the list");
    }
}
